"""One block: gates open and close it, the state keeps, and the error inside is scaled by 1.0."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lstmbook import memory_cell
from lstmbook.memory_cell import carousel_flow, run_block, winner
from lstmbook.squashing import g, h, logistic

CLOSED, OPEN = -800.0, 800.0  # net inputs at which a logistic gate is exactly 0 and 1


def test_a_closed_input_gate_keeps_the_state_to_the_bit():
    rng = np.random.default_rng(0)
    T = 200
    net_in = np.full(T, CLOSED)
    net_in[0] = OPEN
    net_c = rng.normal(size=(T, 2)) * 5
    trace = run_block(net_in, rng.normal(size=T), net_c)
    assert (trace.s[0] == 0).all()
    assert (trace.s[1:] == g(net_c[0])).all()


def test_a_closed_output_gate_shows_nothing_and_an_open_one_shows_h_of_the_state():
    net_out = np.array([CLOSED, OPEN])
    trace = run_block([0.0, 1.0], net_out, [[1.0], [-2.0]])
    assert trace.y_c[1, 0] == 0
    assert trace.y_c[2, 0] == h(trace.s[2, 0])


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 3), st.integers(1, 12))
def test_the_state_is_the_sum_of_what_was_let_in(seed, n_cells, T):
    rng = np.random.default_rng(seed)
    net_in, net_out, net_c = rng.normal(size=T), rng.normal(size=T), rng.normal(size=(T, n_cells))
    trace = run_block(net_in, net_out, net_c, h="identity", g="logistic")
    let_in = logistic(net_in)[:, None] * logistic(net_c)
    assert np.allclose(trace.s[1:], np.cumsum(let_in, axis=0), rtol=1e-14)
    assert np.allclose(trace.y_c[1:], logistic(net_out)[:, None] * trace.s[1:], rtol=1e-14)
    assert np.isnan(trace.y_in[0])


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 9), st.data())
def test_carousel_flow_is_the_derivative_of_the_output_by_the_earlier_net_inputs(seed, T, data):
    rng = np.random.default_rng(seed)
    t = data.draw(st.integers(1, T))
    q = data.draw(st.integers(0, t - 1))
    net_in, net_out, net_c = rng.normal(size=T), rng.normal(size=T), rng.normal(size=(T, 2))
    flow = carousel_flow(run_block(net_in, net_out, net_c), t, q)

    def output(change_in, change_c):
        moved_in, moved_c = net_in.copy(), net_c.copy()
        moved_in[t - q - 1] += change_in
        moved_c[t - q - 1] += change_c
        return run_block(moved_in, net_out, moved_c).y_c[t]

    step = 1e-5
    by_cell = (output(0, step) - output(0, -step)) / (2 * step)
    by_gate = (output(step, 0) - output(-step, 0)) / (2 * step)
    assert np.allclose(flow.to_cell, by_cell, atol=1e-9)
    assert np.allclose(flow.to_input_gate, by_gate, atol=1e-9)


def test_the_flow_does_not_depend_on_the_lag():
    """Nothing but the two ends matters: the same ends, 1 and 10 000 steps apart."""
    flows = []
    for T in (2, 10_001):
        net_in = np.full(T, CLOSED)
        net_in[0] = 0.3
        net_c = np.full((T, 1), 0.7)
        flows.append(carousel_flow(run_block(net_in, np.full(T, 0.2), net_c), T, T - 1))
    assert flows[0].to_cell == flows[1].to_cell != 0
    assert flows[0].to_input_gate == flows[1].to_input_gate != 0


@given(st.lists(st.floats(0, 1), min_size=1, max_size=5))
def test_exactly_one_gate_wins_and_it_is_the_most_active(y_out):
    won = winner(np.array(y_out))
    assert won.sum() == 1
    assert y_out[won.argmax()] == max(y_out)


def test_no_gates_no_winner():
    assert winner(np.zeros(0)).shape == (0,)


def test_what_does_not_fit_is_named():
    with pytest.raises(ValueError, match="net_in has shape"):
        run_block([0.0], [0.0, 0.0], [[0.0], [0.0]])
    trace = run_block([0.0, 0.0], [0.0, 0.0], [[0.0], [0.0]])
    with pytest.raises(ValueError, match="t is 3"):
        carousel_flow(trace, 3, 0)
    with pytest.raises(ValueError, match="q is 2"):
        carousel_flow(trace, 2, 2)


def test_the_equations_stand_alone():
    assert memory_cell.internal_state(np.array(2.0), np.array(0.5), np.array(0.0)) == 2.0
    assert memory_cell.cell_output(np.array(0.5), np.array(0.0)) == 0.0
    assert memory_cell.gate(np.array(0.0)) == 0.5


def test_writes_add_up_unless_the_cell_hears_itself():
    v = np.array([1.0, 1.0, 1.0, -1.0])
    added = memory_cell.overwrite(v, 1.0)
    assert added == pytest.approx(g(1.0) * np.array([0, 1, 2, 3, 2]))
    heard = memory_cell.overwrite(v, 1.5, feedback=2.0)
    assert np.sign(heard[1:]).tolist() == [1, 1, 1, -1]


@pytest.mark.parametrize("n_cells", [1, 2])
def test_a_block_hands_on_after_the_lag_what_was_written(n_cells):
    short = memory_cell.block_codes(6, n_cells, lag=1)
    assert short.shape == (6, n_cells)
    assert (memory_cell.block_codes(6, n_cells, lag=300) == short).all()
    assert len(np.unique(short.round(9), axis=0)) == 6


def test_two_cells_tell_symbols_apart_that_one_cell_cannot():
    for n in (2, 3, 5, 8):
        one = memory_cell.read_symbols(memory_cell.block_codes(n, 1))
        two = memory_cell.read_symbols(memory_cell.block_codes(n, 2))
        assert (one.worst.max() < 0.3) == (n == 2)
        assert two.worst.max() < 0.3


def test_a_reading_is_what_its_weights_give():
    codes = memory_cell.block_codes(4, 2)
    found = memory_cell.read_symbols(codes)
    assert found.y == pytest.approx(logistic(codes @ found.W.T + found.b))


def test_the_drift_is_that_of_a_block():
    net_c = np.random.default_rng(2).normal(size=50)
    block = run_block(np.full(50, -4.0), np.zeros(50), net_c[:, None])
    assert memory_cell.drift(-4.0, net_c) == pytest.approx(block.s[:, 0])


def test_what_a_block_cannot_be_is_named():
    with pytest.raises(ValueError, match="n_cells is 3"):
        memory_cell.block_codes(4, 3)
    with pytest.raises(ValueError, match="n_symbols is 1"):
        memory_cell.block_codes(1, 1)
