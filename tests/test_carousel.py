"""One linear unit: constant error flow for exactly one self-weight, and the two conflicts."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lstmbook.carousel import carousel, input_weight_conflict, output_weight_conflict, self_flow
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
