"""One linear unit: constant error flow for exactly one self-weight, and the two conflicts."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lstmbook.carousel import (
    GATES,
    alone,
    carousel,
    errand_loss,
    input_weight_conflict,
    learn_errand,
    let_through,
    marked_errand,
    output_weight_conflict,
    self_flow,
    tolerance,
)
from lstmbook.squashing import logistic


def test_the_flow_is_exactly_one_over_ten_thousand_steps_and_only_at_weight_one():
    slope = np.ones(10_000)  # f the identity
    assert (self_flow(slope, 1.0) == 1.0).all()
    assert self_flow(slope, 0.99)[-1] < 1e-43
    assert self_flow(slope, 1.01)[-1] > 1e43


@given(st.floats(-3, 3), st.integers(0, 12))
def test_the_flow_through_a_logistic_unit_is_the_product_of_its_factors(w, q):
    slope = logistic.slope(np.linspace(-1, 1, 12))[:q]
    flow = self_flow(slope, w)
    assert flow[-1] == pytest.approx(np.prod(slope) * w**q)
    assert len(flow) == q + 1


def test_the_carousel_keeps_what_it_has():
    x = np.zeros(10_000)
    x[0] = 0.1
    assert (carousel(x)[1:] == 0.1).all()
    assert carousel([1.0, -3.0], start=0.5).tolist() == [0.5, 1.5, -1.5]


def test_one_input_weight_is_asked_to_store_and_to_protect():
    x = np.array([1.0, 0.0, 1.0, 0.0, 1.0])  # the first is to be kept, the others kept out
    target = np.ones(5)
    naive = input_weight_conflict(0.7, x, target)
    assert naive.signal[0] > 0 > naive.signal[2]
    assert naive.cancelled > 0
    assert naive.least_loss > 0.1
    gated = input_weight_conflict(0.7, x, target, y_in=[1.0, 0.0, 0.0, 0.0, 0.0])
    assert (gated.signal > 0).all()
    assert gated.cancelled == pytest.approx(0, abs=1e-15)
    assert gated.best_weight == pytest.approx(1)
    assert gated.least_loss == pytest.approx(0, abs=1e-20)


def test_one_output_weight_is_asked_to_read_and_to_rest():
    y = np.full(5, 1.0)
    target = np.array([0.0, 0.0, 0.0, 0.0, 1.0])
    naive = output_weight_conflict(0.5, y, target)
    assert naive.signal[-1] > 0 > naive.signal[0]
    assert naive.best_weight == pytest.approx(0.2)
    assert naive.least_loss == pytest.approx(0.4)
    gated = output_weight_conflict(0.5, y, target, y_out=target)
    assert gated.signal.tolist() == [0, 0, 0, 0, 0.5]
    assert gated.least_loss == pytest.approx(0, abs=1e-20)


@given(st.floats(-2, 2), st.integers(0, 10**6))
def test_the_best_weight_is_where_the_signals_cancel(w, seed):
    rng = np.random.default_rng(seed)
    y, target = rng.normal(size=8), rng.normal(size=8)
    best = output_weight_conflict(w, y, target).best_weight
    at_best = output_weight_conflict(best, y, target)
    assert at_best.cancelled == pytest.approx(1)
    assert at_best.least_loss == pytest.approx(0.5 * at_best.e @ at_best.e)


def test_nothing_to_conflict_about():
    silent = output_weight_conflict(0.5, np.zeros(3), np.zeros(3))
    assert silent.cancelled == 0
    assert silent.best_weight == 0
    with pytest.raises(ValueError, match="target has shape"):
        output_weight_conflict(0.5, np.zeros(3), np.zeros(2))


@given(st.floats(0.5, 2), st.floats(-1, 1), st.sampled_from(["identity", "tanh", "logistic"]))
def test_the_flow_of_a_unit_alone_is_the_derivative_of_its_last_activation(w, start, f):
    T, step = 8, 1e-5
    run = alone(w, start, T, f)
    for q in (0, 3, 8):
        up, down = (alone(w, run.y[T - q] + way * step, q + 1, f).y[q] for way in (1, -1))
        assert run.flow[q] == pytest.approx((up - down) / (2 * step), rel=1e-4, abs=1e-9)


@given(st.integers(1, 5000), st.floats(1.01, 100))
def test_the_tolerance_is_where_the_power_reaches_the_factor(q, factor):
    low, high = tolerance(q, factor)
    assert low**q == pytest.approx(1 / factor)
    assert high**q == pytest.approx(factor)


@pytest.mark.parametrize("gates", GATES)
def test_the_expected_loss_of_the_errand_is_that_of_many_sequences(gates):
    rng, T, later, w = np.random.default_rng(0), 7, 0.8, 0.3
    x = rng.choice([-1.0, 1.0], (40_000, T)) * np.where(np.arange(T) == 0, 1, later)
    y_in, y_out = np.ones(T), np.ones(T)
    if "input" in gates or "both" in gates:
        y_in[1:] = 0
    if "output" in gates or "both" in gates:
        y_out[:-1] = 0
    e = -w * y_out * np.cumsum(y_in * x, axis=1)
    e[:, -1] += x[:, 0]
    P = let_through(T, gates, later)
    assert errand_loss(w, P) == pytest.approx(0.5 * (e**2).sum(axis=1).mean(), rel=0.02)
    assert errand_loss(1 / P, P) <= errand_loss(1 / P + np.array([-0.01, 0.01]), P).min()


def test_what_the_gates_save():
    assert [let_through(10, gates) for gates in GATES] == [55, 10, 10, 1]


@pytest.mark.parametrize(("gates", "left"), [("none", 0.48), ("both gates", 0.0)])
def test_gradient_descent_ends_at_the_compromise(gates, left):
    run = learn_errand(
        np.random.default_rng(1), 5, n_sequences=3000, learning_rate=0.005, gates=gates
    )
    assert len(run.w_in) == len(run.w_out) == len(run.loss) + 1
    P = let_through(5, gates)
    assert run.w_in[-500:].mean() * run.w_out[-500:].mean() == pytest.approx(1 / P, abs=0.03)
    assert run.loss[-500:].mean() == pytest.approx(errand_loss(1 / P, P), abs=0.05)


def test_what_the_errand_cannot_be_is_named():
    with pytest.raises(ValueError, match="gates is 'forget gate'"):
        let_through(5, "forget gate")
    with pytest.raises(ValueError, match="T is 0"):
        learn_errand(np.random.default_rng(0), 0, n_sequences=1, learning_rate=0.1)
    with pytest.raises(ValueError, match="factor is 1"):
        tolerance(10, 1.0)


def test_a_marked_errand_asks_at_the_end_for_the_value_that_was_marked():
    rng, seen = np.random.default_rng(0), set()
    for _ in range(50):
        sequence = marked_errand(rng, 6)
        (at,) = np.flatnonzero(sequence.x[:, 1])
        seen.add(int(at))
        assert sequence.targets[-1, 0] == (sequence.x[at, 0] > 0)
        assert (sequence.targets[:-1] == 0.5).all()
        assert sequence.x[:, 2].tolist() == [0, 0, 0, 0, 0, 1]
    assert seen == {0, 1, 2, 3, 4}
