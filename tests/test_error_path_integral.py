"""The flow of an error: three forms agree with each other and with independent oracles."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lstmbook.book.exercises import check, find
from lstmbook.error_path_integral import (
    Paths,
    first_units,
    flow_matrices,
    flow_size,
    form_gap,
    global_flow,
    grow,
    local_flow,
    matrix_flow,
    measured_multiplications,
    path_cost,
    path_products,
    path_sum,
    paths,
    product_cost,
)
from lstmbook.recurrent_network import RecurrentNetwork, Trace, backprop, forward, random_network
from lstmbook.squashing import Squashing

FORMS = (local_flow, path_sum, matrix_flow)

# how long an example takes says nothing on a shared machine
unhurried = settings(max_examples=60, deadline=None)


@dataclass(frozen=True)
class Case:
    network: RecurrentNetwork
    trace: Trace
    k: int
    v: int
    s: int
    t: int

    @property
    def where(self):
        return {"k": self.k, "v": self.v, "s": self.s, "t": self.t}


@st.composite
def cases(draw, max_units=4, max_lag=6, max_scale=6.0):
    """A random network, run over random inputs, and two units and times in it."""
    n = draw(st.integers(1, max_units))
    lag, s, rest = draw(st.integers(1, max_lag)), draw(st.integers(1, 3)), draw(st.integers(0, 2))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    scale = draw(st.floats(0.1, max_scale))
    f = draw(st.sampled_from(["logistic", "tanh", "identity"]))
    network = random_network(rng, n, 2, scale=scale, f=f)
    trace = forward(network, rng.normal(size=(s + lag + rest, 2)))
    unit = st.integers(0, n - 1)
    return Case(network, trace, draw(unit), draw(unit), s, s + lag)


@unhurried
@given(cases())
def test_recursion_path_sum_and_matrix_product_agree(case):
    size = flow_size(case.network, case.trace, **case.where)
    flows = [form(case.network, case.trace, **case.where) for form in FORMS]
    np.testing.assert_allclose(flows, flows[0], rtol=1e-12, atol=1e-12 * size)
    if size > 0:
        assert form_gap(case.network, case.trace, **case.where) < 1e-12


@unhurried
@given(cases())
def test_flow_is_what_backprop_carries(case):
    """An error put in at (t, k) alone arrives at (s, v) scaled by the flow."""
    e = np.zeros_like(case.trace.a)
    e[case.t, case.k] = 1.0
    delta = backprop(case.network, case.trace, e)
    size = flow_size(case.network, case.trace, **case.where) * abs(delta[case.t, case.k])
    np.testing.assert_allclose(
        delta[case.s, case.v],
        local_flow(case.network, case.trace, **case.where) * delta[case.t, case.k],
        rtol=1e-12,
        atol=1e-12 * size,
    )


@unhurried
@given(cases(), st.integers(0, 2**32 - 1))
def test_flow_is_the_slope_of_backprops_linear_map_whatever_errors_there_are(case, seed):
    """Finite differences of delta_v(s) by delta_k(t), around arbitrary errors at all times."""
    e = np.random.default_rng(seed).normal(size=case.trace.a.shape)
    nudged = e.copy()
    nudged[case.t, case.k] += 1.0
    change = backprop(case.network, case.trace, nudged) - backprop(case.network, case.trace, e)
    scale = max(1.0, np.abs(backprop(case.network, case.trace, e)).max())
    np.testing.assert_allclose(
        change[case.s, case.v],
        local_flow(case.network, case.trace, **case.where) * change[case.t, case.k],
        rtol=1e-9,
        atol=1e-9 * scale,
    )


@unhurried
@given(cases(max_units=3, max_lag=4, max_scale=2.0))
def test_flow_is_how_much_a_nudge_of_net_v_at_s_moves_net_k_at_t(case):
    """The same product read forwards: d net_k(t) / d net_v(s), by central differences."""
    network, h = case.network, 1e-5
    n = network.n_units
    nudgeable = replace(network, U=np.hstack([network.U, np.eye(n)]))
    ends = []
    for sign in (1, -1):
        x = np.hstack([case.trace.x[1:], np.zeros((case.trace.n_steps, n))])
        x[case.s - 1, 2 + case.v] = sign * h
        ends.append(forward(nudgeable, x).net[case.t, case.k])
    size = max(1.0, flow_size(network, case.trace, **case.where))
    np.testing.assert_allclose(
        (ends[0] - ends[1]) / (2 * h),
        local_flow(network, case.trace, **case.where),
        rtol=1e-4,
        atol=1e-5 * size**2,
    )


@pytest.mark.parametrize(("f", "seed"), [("logistic", 0), ("tanh", 1), ("tanh", 2)])
def test_flow_equals_automatic_differentiation(f, seed):
    jax = pytest.importorskip("jax")
    jnp = jax.numpy
    act = {"logistic": jax.nn.sigmoid, "tanh": jnp.tanh}[f]
    rng = np.random.default_rng(seed)
    n, T = 4, 7
    network = random_network(rng, n, 2, scale=2.0, f=f)
    trace = forward(network, rng.normal(size=(T, 2)))
    with jax.enable_x64(True):
        W, U, b, x = (jnp.asarray(each) for each in (network.W, network.U, network.b, trace.x))

        def error(nudge, weight_of, t):
            """A cost at time t, as a function of what is added to every net input."""
            a = jnp.zeros(n)
            for tau in range(1, t + 1):
                a = act(W @ a + U @ x[tau] + b + nudge[tau])
            return jnp.sum(weight_of * (a + a**2))

        def delta(weight_of, t):
            return -jax.grad(error)(jnp.zeros((T + 1, n)), weight_of, t)

        for t in (2, 5, 7):
            by_weight = np.asarray(jax.jacobian(delta)(jnp.ones(n), t))  # (T + 1, n, n)
            for s in range(1, t):
                # delta_k(t) depends on weight k alone: divide to get d delta_v(s) / d delta_k(t)
                oracle = (by_weight[s] / np.diag(by_weight[t])).T
                found = flow_matrices(network, trace, t=t)[t - s]
                np.testing.assert_allclose(found, oracle, rtol=1e-10, atol=1e-14)


@unhurried
@given(cases())
def test_flow_matrices_hold_every_local_flow(case):
    flow = flow_matrices(case.network, case.trace, t=case.t, max_lag=case.t - case.s)
    np.testing.assert_array_equal(flow[0], np.eye(case.network.n_units))
    for q in range(1, case.t - case.s + 1):
        where = {"k": case.k, "v": case.v, "s": case.t - q, "t": case.t}
        np.testing.assert_allclose(
            flow[q, case.k, case.v],
            local_flow(case.network, case.trace, **where),
            rtol=1e-12,
            atol=1e-12 * flow_size(case.network, case.trace, **where),
        )


@unhurried
@given(cases())
def test_the_ends_net_v_has_a_factor_and_net_k_has_none(case):
    """Changing net_k(t) changes nothing; scaling f'_v(net_v(s)) scales the flow."""
    network, trace = case.network, case.trace
    net = trace.net.copy()
    net[case.t] = 7.0
    moved = replace(trace, net=net)
    before = local_flow(network, trace, **case.where)
    for form in FORMS:
        assert form(network, moved, **case.where) == form(network, trace, **case.where)

    def doubled_at_s(values):
        slope = np.array(network.f.slope(values))
        slope[case.s, case.v] *= 2
        return slope

    f = Squashing("doubled", network.f.function, doubled_at_s, -np.inf, np.inf, np.inf)
    for form in FORMS:
        after = form(replace(network, f=f), trace, **case.where)
        size = flow_size(network, trace, **case.where)
        np.testing.assert_allclose(after, 2 * before, rtol=1e-10, atol=1e-12 * size)


def test_base_case_is_weight_times_slope():
    rng = np.random.default_rng(0)
    network = random_network(rng, 3, f="logistic")
    trace = forward(network, rng.normal(size=(4, 1)))
    for k in range(3):
        for v in range(3):
            expected = network.f.slope(trace.net[2, v]) * network.W[k, v]
            for form in FORMS:
                assert form(network, trace, k, v, s=2, t=3) == pytest.approx(expected, rel=1e-14)


@unhurried
@given(cases(max_units=3, max_lag=5))
def test_paths_are_all_there_once_and_run_from_v_to_k(case):
    found = paths(case.network, case.trace, **case.where)
    n, lag = case.network.n_units, case.t - case.s
    assert isinstance(found, Paths)
    assert len(found) == n ** (lag - 1) == len({tuple(each) for each in found.units})
    assert found.units.shape == (len(found), lag + 1)
    assert (found.units[:, 0] == case.v).all()
    assert (found.units[:, -1] == case.k).all()
    assert ((found.units >= 0) & (found.units < n)).all()
    assert found.total == pytest.approx(found.product.sum())
    assert found.size == pytest.approx(flow_size(case.network, case.trace, **case.where))
    assert abs(found.total) <= found.size * (1 + 1e-12)


@unhurried
@given(cases(max_units=3, max_lag=4))
def test_a_drawing_puts_each_path_at_its_units_and_its_ends_exactly(case):
    found = paths(case.network, case.trace, **case.where)
    height = found.heights(0.4)
    assert (np.abs(height - found.units) <= 0.2 + 1e-12).all()
    np.testing.assert_array_equal(height[:, [0, -1]], found.units[:, [0, -1]])
    x1, y1, x2, y2, brings = found.segments(0.4)
    lag = case.t - case.s
    np.testing.assert_array_equal(x1 - x2, 1)
    assert (x2.min(), x1.max()) == (-lag, 0)
    np.testing.assert_array_equal(y1.reshape(-1, lag), height[:, 1:])
    np.testing.assert_array_equal(y2.reshape(-1, lag), height[:, :-1])
    largest = np.abs(found.product).max()
    np.testing.assert_allclose(brings.reshape(-1, lag)[:, -1] * largest, found.product, rtol=1e-12)


def test_each_term_is_the_product_along_its_path():
    rng = np.random.default_rng(3)
    network = random_network(rng, 3, scale=2.0, f="tanh")
    trace = forward(network, rng.normal(size=(6, 1)))
    found = paths(network, trace, k=2, v=0, s=2, t=6)
    W, f = network.W, network.f
    for units, product in zip(found.units, found.product, strict=True):
        expected = 1.0
        for step, (before, here) in enumerate(pairwise(units)):
            expected *= W[here, before] * float(f.slope(trace.net[2 + step, before]))
        assert product == pytest.approx(expected, rel=1e-13)


def test_one_long_path_needs_no_recursion_depth():
    network = RecurrentNetwork(W=[[0.9]], U=[[0.0]], b=[0.0], f="identity")
    trace = forward(network, np.zeros((3001, 1)))
    for form in FORMS:
        assert form(network, trace, 0, 0, s=1, t=3001) == pytest.approx(0.9**3000, rel=1e-9)


@unhurried
@given(cases())
def test_global_flow_is_the_sum_over_outputs_and_bounded_by_it(case):
    n = case.network.n_units
    s, t, v = case.s, case.t, case.v
    local = [local_flow(case.network, case.trace, k, v, s=s, t=t) for k in range(n)]
    total = global_flow(case.network, case.trace, range(n), v, s=s, t=t)
    assert total == pytest.approx(sum(local), rel=1e-12, abs=1e-300)
    assert abs(total) <= n * max(np.abs(local)) * (1 + 1e-12)
    assert global_flow(case.network, case.trace, [case.k], v, s=s, t=t) == local[case.k]


@unhurried
@given(cases())
def test_the_1997_printed_indices_are_the_transpose(case):
    """Printed w_{l_m l_{m-1}} with l_m earlier: right only where W is symmetric."""
    printed = 0.0
    for units in paths(case.network, case.trace, **case.where).units:
        l = units[::-1]  # noqa: E741 - l_0 = k at t, .., l_q = v at s, as in the 1997 paper
        term = 1.0
        for m in range(1, len(l)):
            slope = case.network.f.slope(case.trace.net[case.t - m, l[m]])
            term *= float(slope) * case.network.W[l[m], l[m - 1]]
        printed += term
    transposed = replace(case.network, W=case.network.W.T)
    size = flow_size(transposed, case.trace, **case.where)
    assert path_sum(transposed, case.trace, **case.where) == pytest.approx(
        printed, rel=1e-11, abs=1e-12 * size
    )


class Counted:
    """A number that counts what is done to it."""

    times = plus = 0

    def __init__(self, value):
        self.value = float(value)

    def __mul__(self, other):
        Counted.times += 1
        return Counted(self.value * other.value)

    def __add__(self, other):
        Counted.plus += 1
        return Counted(self.value + other.value)

    def __float__(self):
        return self.value


@pytest.mark.parametrize("n", [1, 2, 3, 5])
@pytest.mark.parametrize("lag", [1, 2, 3, 5])
def test_costs_are_exact_counts(n, lag):
    """Run the package's own functions on numbers that count."""
    rng = np.random.default_rng(n)
    counted = np.vectorize(Counted, otypes=[object])
    slope = counted(rng.uniform(size=(lag + 2, n)))
    network = SimpleNamespace(
        W=counted(rng.normal(size=(n, n))),
        n_units=n,
        f=SimpleNamespace(slope=lambda net: slope),
    )
    trace = SimpleNamespace(net=np.zeros((lag + 2, n)), n_steps=lag + 1)
    for form, cost in ((path_sum, path_cost(n, lag)), (matrix_flow, product_cost(n, lag))):
        Counted.times = Counted.plus = 0
        form(network, trace, n - 1, 0, s=1, t=lag + 1)
        assert (Counted.times, Counted.plus) == (cost.multiplications, cost.additions)


@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.parametrize("lag", [2, 3, 6])
def test_multiplications_tallied_on_arrays_are_the_same(n, lag):
    measured = measured_multiplications(n, lag)
    assert measured == (path_cost(n, lag).multiplications, product_cost(n, lag).multiplications)


def test_costs_are_whole_numbers_of_any_length():
    assert path_cost(100, 1000).terms == 100**999
    assert product_cost(100, 1000).multiplications == 998 * 10100 + 300
    assert product_cost(7, 1).multiplications == path_cost(7, 1).multiplications == 1


@unhurried
@given(cases(max_units=5), st.integers(1, 5))
def test_first_units_keep_their_connections(case, n):
    network = case.network
    if n > network.n_units:
        with pytest.raises(ValueError, match=f"n_units is {n}"):
            first_units(network, n)
        return
    small = first_units(network, n)
    np.testing.assert_array_equal(small.W, network.W[:n, :n])
    np.testing.assert_array_equal(small.b, network.b[:n])
    assert small.n_inputs == network.n_inputs


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 6))
def test_positive_linear_networks_gain_flow_with_every_unit(seed, lag):
    """With one sign and slope 1 every new path adds: the contrast to mixed signs."""
    rng = np.random.default_rng(seed)
    found = grow(rng, [2, 3, 5, 9], lag=lag, scale=1.0, f="identity", positive=True)
    assert (np.diff(found.flow) >= 0).all()
    np.testing.assert_allclose(found.flow, found.size, rtol=1e-12)
    np.testing.assert_array_equal(found.units, [2, 3, 5, 9])


def test_growth_is_reproducible_and_signed_flow_below_its_size():
    runs = [grow(np.random.default_rng(4), [2, 4], lag=3, scale=1.0, f="tanh") for _ in range(2)]
    np.testing.assert_array_equal(runs[0].flow, runs[1].flow)
    assert (np.abs(runs[0].flow) <= runs[0].size).all()


@pytest.fixture(scope="module")
def run():
    rng = np.random.default_rng(0)
    network = random_network(rng, 3)
    return network, forward(network, rng.normal(size=(20, 1)))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("where", "message"),
    [
        ({"s": 5, "t": 5}, r"lag t - s is 0, it must be at least 1"),
        ({"s": 6, "t": 5}, r"s is 6 and t is 5; the lag t - s is -1"),
        ({"s": 0, "t": 5}, r"s is 0; it must be at least 1"),
        ({"s": 5, "t": 21}, r"t is 21; it must be at most 20"),
        ({"k": 3}, r"k is 3; it must be at most 2"),
        ({"v": -1}, r"v is -1; it must be at least 0"),
    ],
)
def test_bad_places_are_named(run, form, where, message):
    with pytest.raises(ValueError, match=message):
        form(*run, **({"k": 0, "v": 0, "s": 2, "t": 5} | where))


@pytest.mark.parametrize("form", FORMS)
def test_places_are_whole_numbers(run, form):
    with pytest.raises(TypeError, match=r"t must be a whole number, not 5\.0"):
        form(*run, 0, 0, s=2, t=5.0)


def test_too_many_paths_names_argument_count_and_limit(run):
    with pytest.raises(ValueError, match=r"max_paths is 262144; .* 3\^18 = 387420489 paths"):
        paths(*run, 0, 0, s=1, t=20)
    with pytest.raises(ValueError, match=r"max_paths is 8; .* 3\^2 = 9 paths"):
        path_sum(*run, 0, 0, s=1, t=4, max_paths=8)
    assert len(paths(*run, 0, 0, s=1, t=4, max_paths=9)) == 9


def test_other_bad_arguments_are_named(run):
    network, trace = run
    with pytest.raises(ValueError, match=r"outputs is \[\]"):
        global_flow(network, trace, [], 0, s=1, t=3)
    with pytest.raises(ValueError, match=r"outputs is \[1, 1\]"):
        global_flow(network, trace, [1, 1], 0, s=1, t=3)
    with pytest.raises(ValueError, match="outputs is 7"):
        global_flow(network, trace, [0, 7], 0, s=1, t=3)
    with pytest.raises(ValueError, match="max_lag is 3; it must be at most 2"):
        flow_matrices(network, trace, t=3, max_lag=3)
    with pytest.raises(ValueError, match="lag is 0"):
        path_cost(2, 0)
    with pytest.raises(ValueError, match="n is 0"):
        product_cost(0, 2)
    with pytest.raises(ValueError, match=r"sizes is \[3, 2\]"):
        grow(np.random.default_rng(0), [3, 2], lag=2, scale=1.0, f="tanh")
    with pytest.raises(ValueError, match="trace has 3 units; it must have the network's 2"):
        local_flow(first_units(network, 2), trace, 0, 0, s=1, t=2)
    with pytest.raises(ValueError, match="max_paths is 0"):
        paths(network, trace, 0, 0, s=1, t=2, max_paths=0)


def test_path_products_take_any_list_of_paths(run):
    network, trace = run
    found = paths(network, trace, k=1, v=2, s=3, t=6)
    some = path_products(network, trace, found.units[[4, 0]], s=3)
    np.testing.assert_array_equal(some, found.product[[4, 0]])


WRONG = {
    "paths-through": lambda n, lag, step: n ** (lag - 1),
    "living-paths": lambda W, k, v, lag: len(W) ** (lag - 1),
    "flow-from-backprop": lambda network, trace, k, v, *, s, t: None,
    "hidden-transpose": lambda rng, n: rng.normal(size=(n, n)),
    "paths-that-cancel": lambda n: np.zeros((n, n)),
    "cancellation-exponent": lambda lag: 1 - lag,
}


@pytest.mark.parametrize("id", WRONG)
def test_exercises_accept_their_solution_and_refuse_a_wrong_answer(id, capsys):
    check(id, find(id).solution)
    assert "correct" in capsys.readouterr().out
    with pytest.raises(AssertionError):
        check(id, WRONG[id])
