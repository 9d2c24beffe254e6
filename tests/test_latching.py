"""Latching: margins against simulation, fixed points, Jacobians and gradients against oracles."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lstmbook import latch_task, latching
from lstmbook.book.exercises import find
from lstmbook.latch_task import LatchTask
from lstmbook.latching import Dynamics

SEEDS = st.integers(0, 2**32 - 1)
WEIGHTS = st.floats(1.01, 6.0)


def random_dynamics(rng: np.random.Generator, n: int) -> Dynamics:
    return Dynamics(rng.normal(0, 1.5, (n, n)))


# --- the one-unit latch -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("w", "margin"), [(1.1, 0.0205), (1.25, 0.0778), (1.5, 0.2075), (2, 0.5328), (3, 1.3033)]
)
def test_the_margin_has_its_known_values(w: float, margin: float) -> None:
    assert latching.latch_margin(w) == pytest.approx(margin, abs=5e-5)


@given(w=WEIGHTS, share=st.floats(0, 0.999), above=st.floats(0, 3), seed=SEEDS)
@settings(max_examples=60, deadline=None)
def test_no_input_below_the_margin_flips_the_bit(
    w: float, share: float, above: float, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    h = share * latching.latch_margin(w)
    a_c = latching.latch_threshold(w)
    start = np.full((4, 1), a_c + above)
    noise = rng.uniform(-h, h, (400, 4, 1))
    noise[:, 1] = -h
    noise[:, 2] = h * rng.choice([-1, 1], (400, 1))
    y = latching.trajectory(latching.one_unit_latch(w), start, noise)
    assert (y >= a_c - 1e-12).all()


@given(w=WEIGHTS, above=st.floats(0, 3))
@settings(max_examples=30, deadline=None)
def test_a_constant_input_just_beyond_the_margin_flips_it(w: float, above: float) -> None:
    # the passage takes about pi / sqrt(curvature * excess) steps
    h = latching.latch_margin(w) * (1 + 1e-3) + 1e-6
    a = np.array([latching.latch_threshold(w) + above])
    dynamics = latching.one_unit_latch(w)
    for _ in range(20_000):
        a = latching.advance(dynamics, a, -h)
        if a[0] < 0:
            break
    assert a[0] < 0


@given(w=WEIGHTS, where=st.floats(0.02, 0.98))
@settings(max_examples=30, deadline=None)
def test_the_tolerance_of_a_start_is_where_its_fate_changes(w: float, where: float) -> None:
    start = where * latching.latch_threshold(w)
    level = float(latching.latch_tolerance(w, start))
    ends = []
    for h in (0.999 * level, 1.001 * level):
        a = start
        for _ in range(60_000):
            a = w * np.tanh(a) - h
            if a < 0 or a > start * (1 + 1e-3):
                break
        ends.append(a > 0)
    assert ends == [True, False]
    assert level <= latching.latch_margin(w)


@given(w=WEIGHTS)
def test_the_attractor_is_a_stable_fixed_point(w: float) -> None:
    a = latching.latch_attractor(w)
    assert a == pytest.approx(w * np.tanh(a), rel=1e-12)
    assert w * (1 - np.tanh(a) ** 2) < 1
    assert a > latching.latch_threshold(w)


@given(w=WEIGHTS)
def test_the_slope_is_one_at_the_threshold(w: float) -> None:
    a_c = np.array([latching.latch_threshold(w)])
    assert latching.jacobian_norm(latching.one_unit_latch(w), a_c) == pytest.approx(1.0)


@given(w=st.floats(1.05, 6.0), share=st.floats(0.05, 0.95), seed=SEEDS)
@settings(max_examples=40, deadline=None)
def test_noise_below_the_contraction_level_stays_in_its_ball(
    w: float, share: float, seed: int
) -> None:
    centre = latching.latch_attractor(w)
    d = share * (centre - latching.latch_threshold(w))
    level = float(latching.contraction_level(w, d))
    assert 0 < level <= latching.latch_margin(w)
    noise = np.random.default_rng(seed).uniform(-level, level, (200, 8, 1))
    noise[:, 0] = -level
    y = latching.trajectory(latching.one_unit_latch(w), np.full((8, 1), centre), noise)
    assert (np.abs(y - centre) <= d * (1 + 1e-9)).all()


# --- maps of several units ----------------------------------------------------------------------


@given(seed=SEEDS, n=st.integers(1, 3))
@settings(max_examples=25, deadline=None)
def test_fixed_points_stay_where_they_are_and_attract_if_they_say_so(seed: int, n: int) -> None:
    dynamics = random_dynamics(np.random.default_rng(seed), n)
    points = latching.fixed_points(dynamics, per_axis=5)
    assert any(np.abs(p.y).max() < 1e-8 for p in points)
    for p in points:
        np.testing.assert_allclose(latching.advance(dynamics, p.y), p.y, atol=1e-8)
        largest = np.abs(p.eigenvalues).max()
        if p.attracts and largest < 0.98:
            y = latching.trajectory(dynamics, p.y + 1e-7, np.zeros((2000, n)))
            np.testing.assert_allclose(y[-1], p.y, atol=1e-7)


def test_fixed_points_of_the_latch_are_the_known_three() -> None:
    points = latching.fixed_points(latching.one_unit_latch(1.5))
    a = latching.latch_attractor(1.5)
    np.testing.assert_allclose([p.y[0] for p in points], [-a, 0, a], atol=1e-9)
    assert [p.attracts for p in points] == [True, False, True]


@given(w=WEIGHTS, share=st.floats(-0.99, 0.99))
@settings(max_examples=20, deadline=None)
def test_an_input_below_the_margin_leaves_three_fixed_points(w: float, share: float) -> None:
    h = share * latching.latch_margin(w)
    points = latching.fixed_points(latching.one_unit_latch(w), h, per_axis=41)
    assert [p.attracts for p in points] == [True, False, True]


def test_an_input_beyond_the_margin_leaves_one() -> None:
    dynamics = latching.one_unit_latch(1.5)
    assert len(latching.fixed_points(dynamics, 1.01 * latching.latch_margin(1.5))) == 1


@given(seed=SEEDS, n=st.integers(1, 4), steps=st.integers(1, 6))
@settings(max_examples=25, deadline=None)
def test_the_jacobian_product_is_the_derivative_of_the_trajectory(
    seed: int, n: int, steps: int
) -> None:
    rng = np.random.default_rng(seed)
    dynamics = random_dynamics(rng, n)
    start, u = rng.normal(size=n), rng.normal(size=(steps, n))
    flow = latching.jacobian_product(dynamics, latching.trajectory(dynamics, start, u))
    small = 1e-6
    for j in range(n):
        ends = [
            latching.trajectory(dynamics, start + sign * small * np.eye(n)[j], u)[-1]
            for sign in (1, -1)
        ]
        numeric = (ends[0] - ends[1]) / (2 * small)
        np.testing.assert_allclose(flow[-1][:, j], numeric, atol=1e-6 * 10**steps)


@given(seed=SEEDS, n=st.integers(1, 4))
@settings(max_examples=20, deadline=None)
def test_steering_leads_through_the_states_asked_for(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    dynamics, y = random_dynamics(rng, n), rng.normal(size=(6, n))
    np.testing.assert_allclose(
        latching.trajectory(dynamics, y[0], latching.steering(dynamics, y)), y, atol=1e-12
    )


def test_basins_of_the_latch_are_the_two_signs() -> None:
    a = latching.latch_attractor(1.5)
    y = np.array([-2.0, -0.01, 0.0, 0.01, 2.0])[:, None]
    label = latching.basin(latching.one_unit_latch(1.5), np.array([[-a], [a]]), y)
    assert label.tolist() == [0, 0, -1, 1, 1]


def test_the_reduced_attracting_set_of_the_latch_begins_at_its_threshold() -> None:
    w = 1.5
    a_c = latching.latch_threshold(w)
    y = np.array([0.5 * a_c, 0.999 * a_c, 1.001 * a_c, latching.latch_attractor(w)])[:, None]
    for size in ("eigenvalue", "norm"):
        inside = latching.reduced_attracting_set(latching.one_unit_latch(w), y, size=size)
        assert inside.tolist() == [False, False, True, True]


def test_two_latches_side_by_side_stand_the_push_that_one_stands() -> None:
    w = 1.5
    a, margin = latching.latch_attractor(w), latching.latch_margin(w)
    attractors = np.array([[i * a, j * a] for i in (-1, 1) for j in (-1, 1)])
    levels = margin * np.array([0.5, 0.98, 1.02, 2.0])
    found = latching.push_tolerance(
        Dynamics(w * np.eye(2)), attractors, attractors[:2], levels, n_directions=4, n_steps=2000
    )
    np.testing.assert_allclose(found, levels[2])


@given(seed=SEEDS)
@settings(max_examples=15, deadline=None)
def test_the_norms_set_lies_inside_the_eigenvalues_set(seed: int) -> None:
    rng = np.random.default_rng(seed)
    dynamics, y = random_dynamics(rng, 2), rng.normal(0, 3, (50, 2))
    strict = latching.reduced_attracting_set(dynamics, y, n_steps=20, size="norm")
    loose = latching.reduced_attracting_set(dynamics, y, n_steps=20)
    assert not (strict & ~loose).any()


# --- the latch task -----------------------------------------------------------------------------


def latch_in_jax(w: jax.Array, h: jax.Array, target: jax.Array) -> jax.Array:
    a = jnp.zeros(h.shape[1:])
    for row in h:
        a = w * jnp.tanh(a) + row
    return (0.5 * (jnp.tanh(a) - target) ** 2).sum()


@given(seed=SEEDS, T=st.integers(1, 12), w=st.floats(-3, 3))
@settings(max_examples=25, deadline=None)
def test_the_gradient_is_what_automatic_differentiation_gives(seed: int, T: int, w: float) -> None:
    rng = np.random.default_rng(seed)
    h, d = rng.normal(size=(T, 3)), rng.choice([-0.8, 0.8], 3)
    a = latch_task.run_latch(w, h)
    delta = latch_task.latch_delta(w, a, d)
    terms = latch_task.gradient_terms(a, delta)
    with jax.enable_x64(True):
        by_w, by_h = jax.grad(latch_in_jax, argnums=(0, 1))(
            jnp.float64(w), jnp.asarray(h), jnp.asarray(d)
        )
        np.testing.assert_allclose(-terms.sum(), float(by_w), rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(-delta[1:], np.asarray(by_h), rtol=1e-9, atol=1e-12)


def test_the_gradient_is_what_central_differences_give() -> None:
    rng = np.random.default_rng(4)
    h, d, w, small = rng.normal(size=(7, 5)), 0.8, 1.3, 1e-6
    a = latch_task.run_latch(w, h)
    terms = latch_task.gradient_terms(a, latch_task.latch_delta(w, a, d))
    numeric = (latch_task.latch_loss(w + small, h, d) - latch_task.latch_loss(w - small, h, d)) / (
        2 * small
    )
    np.testing.assert_allclose(-terms.sum(axis=0), numeric, atol=1e-8)


@given(seed=SEEDS, tau=st.integers(1, 8))
@settings(max_examples=20, deadline=None)
def test_each_term_is_the_effect_of_one_copy_of_the_weight(seed: int, tau: int) -> None:
    rng = np.random.default_rng(seed)
    T, w, d, small = 8, 1.4, -0.8, 1e-6
    h = rng.normal(size=(T, 1))

    def loss_with_copy(change: float) -> float:
        a = np.zeros(1)
        for t in range(1, T + 1):
            a = (w + change * (t == tau)) * np.tanh(a) + h[t - 1]
        return float(0.5 * (np.tanh(a[0]) - d) ** 2)

    a = latch_task.run_latch(w, h)
    term = latch_task.gradient_terms(a, latch_task.latch_delta(w, a, d))[tau, 0]
    numeric = (loss_with_copy(small) - loss_with_copy(-small)) / (2 * small)
    assert -term == pytest.approx(numeric, abs=1e-8)


def test_training_is_the_same_for_the_same_seed_and_lowers_the_error() -> None:
    task = LatchTask(n_steps=8)
    first, again = (
        latch_task.train_latch(task, np.random.default_rng(1), 1.5, 0.1, n_runs=20, train_w=True)
        for _ in range(2)
    )
    np.testing.assert_array_equal(first.x_end, again.x_end)
    untrained = latch_task.train_latch(
        LatchTask(n_steps=8, n_epochs=0),
        np.random.default_rng(1),
        1.5,
        0.1,
        n_runs=20,
        train_w=True,
    )
    assert first.converged().mean() > 0.9 > untrained.converged().mean()
    assert (first.converged(0.2) <= first.converged()).all()


def test_the_weight_stays_where_it_is_not_trained() -> None:
    runs = latch_task.train_latch(
        LatchTask(n_steps=5, n_epochs=5),
        np.random.default_rng(0),
        1.25,
        0.2,
        n_runs=3,
        train_w=False,
    )
    assert (runs.w == 1.25).all()


def test_bits_are_lost_at_the_known_rate() -> None:
    a = latching.latch_attractor(1.25)
    lost = latch_task.bits_lost(np.random.default_rng(0), 1.25, a, 0.2, 60, 20_000)
    assert 0.02 < lost[20] < 0.08
    assert 0.15 < lost[60] < 0.25
    within = latch_task.bits_lost(np.random.default_rng(0), 1.25, a, 0.0, 60, 10)
    assert (within == 0).all()


@given(n=st.integers(1, 400), share=st.floats(0, 1))
def test_wilson_intervals_hold_the_rate_and_stay_in_the_unit_interval(n: int, share: float) -> None:
    k = round(share * n)
    low, high = latch_task.wilson_interval(k, n)
    assert 0 <= low <= k / n <= high <= 1


def test_wilson_against_a_worked_value() -> None:
    low, high = latch_task.wilson_interval(15, 18)
    assert low == pytest.approx(0.6078, abs=1e-4)
    assert high == pytest.approx(0.9416, abs=1e-4)


# --- bad input ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Dynamics(np.ones((2, 3))), r"W has shape \(2, 3\)"),
        (lambda: latching.latch_margin(1.0), "w is 1; it must be above 1"),
        (lambda: latching.latch_tolerance(2.0, -0.5), "a is -0.5 somewhere"),
        (lambda: latching.jacobian_norm(Dynamics(np.eye(2)), np.ones(3)), "last axis must be 2"),
        (
            lambda: latching.trajectory(Dynamics(np.eye(2)), np.zeros(2), np.full((3, 2), np.nan)),
            "every entry must be finite",
        ),
        (lambda: latching.advance(Dynamics(np.eye(2)), np.ones(3)), "last axis must be 2"),
        (lambda: latching.jacobian(Dynamics(np.eye(1)), np.ones(2)), "last axis must be 1"),
        (lambda: latching.contraction_level(2.0, -0.1), "d is -0.1 somewhere"),
        (lambda: latching.fixed_points(Dynamics(np.eye(2)), per_axis=1), "per_axis is 1"),
        (
            lambda: latching.basin(Dynamics(np.eye(2)), np.empty((0, 2)), np.zeros(2)),
            "attractors is empty",
        ),
        (
            lambda: latching.reduced_attracting_set(
                Dynamics(np.eye(1)),
                np.zeros(1),
                size="trace",  # type: ignore[arg-type]
            ),
            "size is 'trace'",
        ),
        (lambda: LatchTask(n_steps=2, n_written=3), "n_steps is 2; it must be at least 3"),
        (lambda: latch_task.run_latch(1.0, np.array(np.inf)), "h must be an array"),
        (
            lambda: latch_task.train_latch(
                LatchTask(), np.random.default_rng(0), 1.2, -0.1, n_runs=2, train_w=True
            ),
            "noise is -0.1 somewhere",
        ),
        (lambda: latch_task.wilson_interval(5, 4), "successes is 5; it must be at most 4"),
    ],
)
def test_bad_input_is_named(call, message: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ValueError, match=message):
        call()


# --- exercises ----------------------------------------------------------------------------------

IDS = ["scaled-margin", "eigenvalue-trap", "copy-terms", "steps-to-flip", "safe-weight"]


@pytest.mark.parametrize("name", IDS)
def test_each_solution_passes_its_own_check(name: str) -> None:
    found = find(name)
    found.check(found.solution)


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("scaled-margin", lambda w, gain: latching.latch_margin(max(w, 1.01))),
        ("eigenvalue-trap", lambda: (np.eye(2), np.eye(2))),
        ("copy-terms", lambda w, h, d: np.zeros(len(h))),
        ("steps-to-flip", lambda w, excess: round(10 / excess)),
        ("safe-weight", lambda noise, n_steps: 3.9),
    ],
)
def test_a_wrong_answer_is_told_what_is_wrong(name: str, wrong: Callable[..., object]) -> None:
    with pytest.raises(AssertionError, match=r"must|says|larger|is lost"):
        find(name).check(wrong)
