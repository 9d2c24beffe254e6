"""Properties of path factors, the worst weight and the bounds."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lstmbook import error_path_integral as epi
from lstmbook import weight_bound as wb
from lstmbook.book import exercises
from lstmbook.recurrent_network import RecurrentNetwork, Trace, bptt, forward, random_network
from lstmbook.squashing import Squashing, identity, logistic, squashing

SEEDS = st.integers(0, 2**32 - 1)
FUNCTIONS = st.sampled_from(["logistic", "tanh"])


def run(
    seed: int, n: int, scale: float, f: str, n_steps: int = 13
) -> tuple[RecurrentNetwork, Trace]:
    rng = np.random.default_rng(seed)
    network = random_network(rng, n, 2, scale=scale, f=f)
    return network, forward(network, rng.standard_normal((n_steps, 2)))


def largest_by_grid(a: float, bias: float, f: Squashing) -> tuple[float, float]:
    """Maximise |f'(w a + bias) w| over w by ever finer grids."""
    centre, width = 0.0, (40.0 + abs(bias)) / abs(a)
    for _ in range(24):
        w = np.linspace(centre - width, centre + width, 4001)
        factor = wb.path_factor(w, w * a + bias, f)
        centre, width = float(w[factor.argmax()]), width / 8
    return centre, float(factor.max())


# ---------------------------------------------------------------- the worst weight


@settings(max_examples=40, deadline=None)
@given(
    a=st.floats(0.02, 1.0).flatmap(lambda a: st.sampled_from([a, -a])),
    bias=st.floats(-8, 8).filter(lambda b: abs(b) > 0.01),
    f=st.sampled_from(["logistic", "tanh", "g", "h"]),
)
def test_worst_weight_is_the_maximum_a_grid_finds(a: float, bias: float, f: str) -> None:
    found = wb.worst_weight(a, bias, f)
    w, factor = largest_by_grid(a, bias, squashing(f))
    assert found.factor == pytest.approx(factor, rel=1e-9)
    assert found.w == pytest.approx(w, rel=1e-4)
    assert found.net == pytest.approx(found.w * a + bias, abs=1e-9 * abs(found.w * a))


@given(a=st.floats(0.001, 1.0).flatmap(lambda a: st.sampled_from([a, -a])), bias=st.floats(-9, 9))
def test_worst_weight_solves_the_published_equation_with_and_without_bias(
    a: float, bias: float
) -> None:
    found = wb.worst_weight(a, bias)
    assert found.w * a * np.tanh((found.w * a + bias) / 2) == pytest.approx(1, rel=1e-9)
    # coth in the published form; net close to 0 leaves few digits to compare
    if abs(found.net) > 1e-3:
        assert found.w == pytest.approx(1 / (a * np.tanh(found.net / 2)), rel=1e-9)


def test_worst_weight_gives_the_known_constants() -> None:
    found = wb.worst_weight(1.0)
    assert found.w == pytest.approx(1.5434, abs=5e-5)
    assert found.factor == pytest.approx(0.22387, abs=5e-6)
    for a in (0.1, 0.5, 2.0):
        assert wb.worst_weight(a).factor == pytest.approx(found.factor / a)
        # tanh is the logistic function on half the scale, four times as steep
        assert wb.worst_weight(a, f="tanh").factor == pytest.approx(2 * found.factor / a)


def test_worst_weight_agrees_with_automatic_differentiation() -> None:
    jax = pytest.importorskip("jax")
    slope = jax.grad(jax.nn.sigmoid)
    for a in (0.2, 0.9):
        found = wb.worst_weight(a)
        change = jax.grad(lambda w, a=a: w * slope(w * a))(found.w)
        assert abs(float(change)) < 1e-5  # JAX computes in float32 here


@pytest.mark.parametrize(
    ("a", "f", "message"),
    [
        (0.0, "logistic", "a is 0"),
        (0.5, "identity", "f is 'identity'"),
        (np.nan, "tanh", "a is nan"),
    ],
)
def test_worst_weight_refuses_where_there_is_no_maximum(a: float, f: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        wb.worst_weight(a, f=f)


@given(w=st.floats(-4, 4, exclude_min=True, exclude_max=True), net=st.floats(-30, 30))
def test_logistic_factor_is_below_1_for_weights_below_4(w: float, net: float) -> None:
    assert wb.path_factor(w, net) < 1


# ---------------------------------------------------------------- paths


@settings(max_examples=25, deadline=None)
@given(seed=SEEDS, n=st.integers(1, 4), lag=st.integers(1, 6), scale=st.floats(0.1, 6), f=FUNCTIONS)
def test_largest_path_is_the_largest_of_all_paths(
    seed: int, n: int, lag: int, scale: float, f: str
) -> None:
    network, trace = run(seed, n, scale, f)
    k, v = n - 1, 0
    size, units = wb.largest_path(network, trace, k, v, s=4, t=4 + lag)
    every = epi.paths(network, trace, k, v, s=4, t=4 + lag)
    assert size == pytest.approx(np.abs(every.product).max(), rel=1e-10)
    assert (units[0], units[-1], len(units)) == (v, k, lag + 1)
    # the path named is the path measured, end factors included
    factors = wb.path_factors(network, trace, units, s=4)
    ends = abs(network.W[k, units[-2]]) * network.f.slope(trace.net[4, v])
    assert len(factors) == lag - 1
    assert factors.prod() * ends == pytest.approx(size, rel=1e-10)


def test_paths_refuse_what_is_not_in_the_trace() -> None:
    network, trace = run(0, 3, 1.0, "logistic")
    with pytest.raises(ValueError, match=r"units is 3; it must be at most 2"):
        wb.path_factors(network, trace, (0, 3), s=1)
    with pytest.raises(ValueError, match=r"t is 14; it must be at most 13"):
        wb.largest_path(network, trace, 0, 0, s=1, t=14)
    with pytest.raises(ValueError, match=r"s is 5; it must be at most 4"):
        wb.largest_path(network, trace, 0, 0, s=5, t=5)
    other, _ = run(0, 2, 1.0, "logistic")
    with pytest.raises(ValueError, match=r"trace has 3 units; it must have the network's 2"):
        wb.largest_path(other, trace, 0, 0, s=1, t=3)


# ---------------------------------------------------------------- bounds


@settings(max_examples=40, deadline=None)
@given(
    seed=SEEDS, n=st.integers(1, 6), lag=st.integers(2, 12), scale=st.floats(0.01, 9), f=FUNCTIONS
)
def test_every_bound_holds_for_every_pair_of_units(
    seed: int, n: int, lag: int, scale: float, f: str
) -> None:
    network, trace = run(seed, n, scale, f)
    flow = np.abs(epi.flow_matrices(network, trace, t=13, max_lag=lag)[lag])
    over = 1 + 1e-9
    w_max = float(np.abs(network.W).max())
    assert flow.max() <= wb.tight_bound(n, w_max, lag, f) * over
    assert wb.tight_bound(n, w_max, lag, f) <= wb.published_bound(n, w_max, lag, f)
    for pair in ("one", "two", "max"):
        assert flow.max() <= wb.induced_bound(network.W, lag, f, pair) * over
    for k in range(n):
        for v in range(n):
            for pair in ("max", "two", "frobenius"):
                bound = wb.norm_bound(network, trace, k, v, s=13 - lag, t=13, pair=pair)
                assert flow[k, v] <= bound.by_vectors * over
                assert bound.by_vectors <= bound.by_matrix * over


@pytest.mark.parametrize("f", ["logistic", "tanh"])
@pytest.mark.parametrize("n", [1, 2, 5, 8])
def test_the_balanced_net_reaches_the_tight_bound(n: int, f: str) -> None:
    network, trace = wb.balanced(np.full((n, n), 0.7), 14, f)
    assert np.abs(trace.net[1:]).max() < 1e-14
    flow = epi.flow_matrices(network, trace, t=14)
    for lag in range(1, 14):
        np.testing.assert_allclose(flow[lag], wb.tight_bound(n, 0.7, lag, f), rtol=1e-12)


def test_published_bound_is_n_squared_times_the_tight_one() -> None:
    for n, lag in ((1, 1), (3, 4), (7, 20)):
        ratio = wb.published_bound(n, 0.3, lag) / wb.tight_bound(n, 0.3, lag)
        assert ratio == pytest.approx(n**2)


@given(seed=SEEDS, n=st.integers(1, 8))
def test_chain_of_norms_holds_in_the_max_norm_the_2_norm_and_frobenius(seed: int, n: int) -> None:
    W = np.random.default_rng(seed).standard_normal((n, n))
    for pair in ("max", "two", "frobenius"):
        assert wb.chain_gap(W, pair).max() < 1e-12
        wb.require_compatible(pair, W)
    wb.require_compatible("one", W)


@settings(deadline=None, max_examples=40)
@given(SEEDS, st.integers(1, 5), st.integers(2, 8), FUNCTIONS, st.sampled_from(sorted(wb.NORMS)))
def test_no_flow_takes_up_more_than_a_norm_bound(
    seed: int, n: int, lag: int, f: str, pair: str
) -> None:
    network, trace = run(seed, n, 3.0, f)
    shares = wb.bound_shares(network, trace, s=12 - lag, t=12, pair=pair)
    assert shares.max() <= 1 + 1e-9
    assert shares[1] == pytest.approx(shares[2] / n)
    if pair != "one":  # there `norm_bound` refuses some nets
        every = range(n)
        flow = np.abs(epi.flow_matrices(network, trace, t=12)[lag])
        bounds = [
            [wb.norm_bound(network, trace, k, v, s=12 - lag, t=12, pair=pair) for v in every]
            for k in every
        ]
        over = [flow[k, v] / bounds[k][v].by_vectors for k in every for v in every]
        assert shares[0] == pytest.approx(max(over))
        assert shares[1] == pytest.approx(flow.max() / bounds[0][0].by_matrix)


def test_bound_shares_refuse_a_lag_of_one() -> None:
    network, trace = run(0, 2, 1.0, "logistic")
    with pytest.raises(ValueError, match="t - s is 1; it must be"):
        wb.bound_shares(network, trace, s=11, t=12)


def test_chain_of_norms_breaks_in_the_1_norm() -> None:
    W = np.array([[1.0, 1.0], [0.0, 0.0]])
    assert wb.chain_gap(W, "one").max() == 1.0
    network, trace = wb.balanced(W, 6)
    with pytest.raises(wb.IncompatibleNorms, match=r"row 0 of W has norm 2.*norm of W, 1"):
        wb.norm_bound(network, trace, 0, 0, s=1, t=4, pair="one")


@pytest.mark.parametrize(
    ("pair", "message"),
    [
        (
            wb.Norms("entry", lambda M: float(np.abs(M).max()), wb.NORMS["max"].vector),
            r"\|M x\| is",
        ),
        (
            wb.Norms("half", wb.NORMS["max"].matrix, lambda x: float(np.abs(x).max()) / 2),
            "unit vector",
        ),
        (
            wb.Norms(
                "mean", lambda M: 9.0, lambda x: float(np.sqrt((x**2).sum() / (x != 0).sum()))
            ),
            "largest entry",
        ),
    ],
)
def test_norms_that_do_not_fit_are_refused(pair: wb.Norms, message: str) -> None:
    W = np.array([[0.6, 0.5], [0.1, 0.4]])
    with pytest.raises(wb.IncompatibleNorms, match=message):
        wb.require_compatible(pair, W)


def test_largest_slope_is_the_norm_of_a_diagonal_matrix() -> None:
    network, trace = wb.balanced(np.full((4, 4), 0.5), 5)
    for pair in ("one", "two", "max"):
        assert wb.largest_slope(network, trace, s=1, t=5, pair=pair) == pytest.approx(0.25)
    assert wb.largest_slope(network, trace, s=1, t=5, pair="frobenius") == pytest.approx(0.5)


def test_bounds_name_what_is_wrong() -> None:
    network, trace = run(0, 3, 1.0, "logistic")
    cases = (
        (lambda: wb.path_factor(np.nan, 0.0), "w is nan; every entry must be finite"),
        (lambda: wb.published_bound(0, 1.0, 2), "n is 0; it must be at least 1"),
        (lambda: wb.tight_bound(2, -1.0, 2), "w_max is -1; it must be at least 0"),
        (lambda: wb.tight_bound(2, 1.0, 0), "lag is 0; it must be at least 1"),
        (lambda: wb.induced_bound(np.eye(2), 2, pair="frobenius"), "pair is 'frobenius'"),
        (lambda: wb.norms("sup"), "name is 'sup'; it must be one of max, one, two, frobenius"),
        (
            lambda: wb.norm_bound(network, trace, 0, 0, s=4, t=5),
            "t - s is 1; it must be at least 2",
        ),
        (lambda: wb.chain_gap(np.ones(3)), "W has shape"),
    )
    for call, message in cases:
        with pytest.raises(ValueError, match=re.escape(message)):
            call()


# ---------------------------------------------------------------- measurements and learning


@settings(max_examples=10, deadline=None)
@given(seed=SEEDS, n=st.integers(1, 5), f=FUNCTIONS)
def test_tightness_measures_flows_that_no_bound_undercuts(seed: int, n: int, f: str) -> None:
    found = wb.measure_tightness(np.random.default_rng(seed), n, 0.8, 6, n_nets=3, f=f)
    assert found.flow.shape == (3, 6, n, n)
    for bound in ("published", "tight", "induced"):
        assert found.ratio(bound).max() <= 1 + 1e-9
    with pytest.raises(ValueError, match="bound is 'loose'"):
        found.ratio("loose")


def test_update_by_age_adds_up_to_the_gradient_and_scales_with_the_learning_rate() -> None:
    rng = np.random.default_rng(3)
    network = random_network(rng, 1, 1, scale=1.0)  # one unit: sizes add without directions
    x = rng.standard_normal((9, 1))
    target = np.full((9, 1), np.nan)
    target[-1] = 0.9
    sizes = wb.update_by_age(network, x, target[-1], 1.0)
    # every term has the sign of w^age, so put it back
    signed = sizes * np.sign(network.W[0, 0]) ** np.arange(9)
    gradient = bptt(network, x, target).W[0, 0]
    assert abs(signed.sum()) == pytest.approx(abs(gradient))
    np.testing.assert_allclose(wb.update_by_age(network, x, target[-1], 7.0), 7 * sizes)


def test_descend_follows_the_gradient() -> None:
    rng = np.random.default_rng(4)
    network = random_network(rng, 2, 1)
    x, target = rng.standard_normal((5, 1)), np.full((5, 2), 0.4)
    history = wb.descend(network, x, target, 0.1, 3)
    assert history.shape == (4, 2, 2)
    np.testing.assert_allclose(history[1] - history[0], 0.1 * bptt(network, x, target).W)
    with pytest.raises(ValueError, match="learning_rate is 0; it must be above 0"):
        wb.descend(network, x, target, 0.0, 3)


def test_balanced_rests_for_functions_that_are_not_0_at_0() -> None:
    _, trace = wb.balanced(np.array([[3.0, -2.0], [1.0, 5.0]]), 4, logistic)
    assert np.abs(trace.net[1:]).max() < 1e-14
    np.testing.assert_allclose(trace.a, 0.5)
    assert wb.balanced(np.eye(2), 2, identity)[1].a.max() == 0


@given(st.lists(st.floats(0.01, 1.2), min_size=3, max_size=20), st.sampled_from([5.0, -6.0]))
def test_unit_with_factors_has_the_factors_asked_for(wanted: list[float], w: float) -> None:
    network, trace = wb.unit_with_factors(np.array(wanted), w)
    np.testing.assert_allclose(wb.path_factor(w, trace.net[1:, 0]), wanted, rtol=1e-9)
    t = len(wanted)
    flow = epi.flow_matrices(network, trace, t=t)[:, 0, 0]
    assert abs(flow[-1]) == pytest.approx(np.prod(wanted[:-1]), rel=1e-9)
    with pytest.raises(ValueError, match=r"at most \|w\| / 4 = 0.25"):
        wb.unit_with_factors(np.array([0.2, 0.3]), 1.0)


def test_flow_by_scale_finds_saturation() -> None:
    found = wb.flow_by_scale(np.random.default_rng(0), [1.0, 100.0], n=4, lag=5, n_nets=8)
    assert found.flow.shape == (2, 8)
    assert np.median(found.flow[1]) < np.median(found.flow[0])
    assert np.median(found.slope[1]) < np.median(found.slope[0]) <= 0.25
    assert (found.norm[1] > 10 * found.norm[0].max()).all()


def test_recall_is_learned_over_a_short_lag() -> None:
    assert wb.train_recall(np.random.default_rng(0), 1, 2.0, 400, n_test=50) > 0.9
    x, target = wb.recall_sequence(np.random.default_rng(1), 4, 0.0, 2)
    assert x.shape == (5, 1)
    assert np.abs(x[1:]).max() == 0
    assert target[-1, 0] == 0.5 + 0.3 * x[0, 0]
    assert np.isnan(target).sum() == 9


@pytest.mark.parametrize(
    "name", ["worst-weight-tanh", "steps-until", "mixed-signs", "chain-breaker"]
)
def test_exercises_accept_their_solutions_and_refuse_a_wrong_answer(name: str) -> None:
    each = exercises.find(name)
    each.check(each.solution)
    answers: dict[str, Callable[..., object]] = {
        "worst-weight-tanh": lambda a: 1.5434 / a,
        "steps-until": lambda n, w_max, small: 3,
        "mixed-signs": lambda n, w_max: w_max * np.triu(np.full((n, n), 2.0)) - w_max,
        "chain-breaker": lambda n: np.eye(n),
    }
    with pytest.raises(AssertionError, match=r"grid finds|tight bound|1-norm"):
        each.check(answers[name])


def test_best_scale_exercise_accepts_its_solution() -> None:
    each = exercises.find("best-scale")
    each.check(each.solution)
    with pytest.raises(AssertionError, match="median flow over lag 15"):
        each.check(lambda rng, scales, n, lag: 32.0)
