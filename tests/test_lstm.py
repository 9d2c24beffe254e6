"""The topology counts as published, the layout is as documented, the trace obeys the equations."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lstmbook.lstm import (
    COMPETITION,
    RECURRENT,
    SWITCHES,
    State,
    Topology,
    Trace,
    as_weights,
    forward,
    initial_weights,
    published_networks,
    start,
    step,
)
from lstmbook.memory_cell import run_block
from lstmbook.sequences import Sequence
from lstmbook.squashing import SQUASHINGS, logistic, squashing


@st.composite
def topologies(draw, max_blocks=3, max_size=2):
    input_gates, output_gates = draw(st.booleans()), draw(st.booleans())
    return Topology(
        n_inputs=draw(st.integers(1, 3)),
        n_outputs=draw(st.integers(1, 2)),
        blocks=tuple(draw(st.lists(st.integers(1, max_size), max_size=max_blocks))),
        input_gates=input_gates,
        output_gates=output_gates,
        recurrent=draw(st.sampled_from(RECURRENT)),
        shortcuts=draw(st.booleans()),
        cell_biases=draw(st.booleans()),
        input_gate_biases=input_gates and draw(st.booleans()),
        output_gate_biases=output_gates and draw(st.booleans()),
        output_biases=draw(st.booleans()),
        g=draw(st.sampled_from(sorted(SQUASHINGS))),
        h=draw(st.sampled_from(sorted(SQUASHINGS))),
        f_k=draw(st.sampled_from(sorted(SQUASHINGS))),
        competition=draw(st.sampled_from(COMPETITION)) if output_gates else "none",
    )


def random_sequence(net, T, rng, symbolic):
    inputs = rng.integers(0, net.n_inputs, T) if symbolic else rng.uniform(-1, 1, (T, net.n_inputs))
    mask = rng.random(T) < 0.6
    targets = np.where(mask[:, None], rng.uniform(0, 1, (T, net.n_outputs)), np.nan)
    return Sequence(inputs, targets, mask, net.n_inputs)


@pytest.mark.parametrize("published", published_networks(), ids=lambda each: each.experiment)
def test_the_number_of_weights_is_the_published_one(published):
    assert published.topology.n_weights == published.n_weights


@pytest.mark.parametrize("p", [50, 100, 200, 500, 1000])
def test_experiment_1c_has_six_p_plus_64_weights(p):
    assert Topology(p + 4, 2, (1, 1)).n_weights == 6 * p + 64


@given(topologies())
def test_the_groups_fill_the_flat_vector_in_order(net):
    weights = as_weights(net, np.arange(float(net.n_weights)))
    rows = [weights.W_c, weights.W_in, weights.W_out, weights.W_k]
    assert np.array_equal(np.concatenate([each.ravel() for each in rows]), weights.flat)
    weights.flat[:] = 7.0
    assert all((each == 7.0).all() for each in rows)
    assert [len(each) for each in rows] == [
        sum(net.blocks),
        len(net.blocks) * net.input_gates,
        len(net.blocks) * net.output_gates,
        net.n_outputs,
    ]


@settings(max_examples=60, deadline=None)
@given(topologies(), st.integers(1, 6), st.booleans(), st.integers(0, 10**6))
def test_the_trace_obeys_the_equations(net, T, symbolic, seed):
    """The equations once more, unit by unit, from the documented layout."""
    rng = np.random.default_rng(seed)
    weights = initial_weights(net, rng, scale=1.0)
    sequence = random_sequence(net, T, rng, symbolic)
    trace = forward(net, weights, sequence)
    g, h = squashing(net.g), squashing(net.h)
    n_gates = {"in": len(net.blocks) * net.input_gates, "out": len(net.blocks) * net.output_gates}
    y_c, y_in, y_out = np.zeros(net.n_cells), np.zeros(n_gates["in"]), np.zeros(n_gates["out"])
    s = np.zeros(net.n_cells)
    for t in range(1, T + 1):
        x = sequence.x[t - 1]
        hidden = {
            "none": [],
            "cells": [*y_c],
            "cells and gates": [*y_c, *y_in, *y_out],
        }[net.recurrent]

        def net_input(row, sources, biased):
            value = sum(w * y for w, y in zip(row, sources, strict=False))
            assert len(row) == len(sources) + biased
            return value + (row[-1] if biased else 0.0)

        sources = [*x, *hidden]
        net_c = [net_input(row, sources, net.cell_biases) for row in weights.W_c]
        y_in = [logistic(net_input(r, sources, net.input_gate_biases)) for r in weights.W_in]
        y_out = [logistic(net_input(r, sources, net.output_gate_biases)) for r in weights.W_out]
        if net.competition == "winner takes all" and y_out:
            y_out = [y if i == int(np.argmax(y_out)) else 0.0 for i, y in enumerate(y_out)]
        y_c, cell = [], 0
        for block, size in enumerate(net.blocks):
            for _ in range(size):
                s[cell] += (y_in[block] if net.input_gates else 1.0) * g(net_c[cell])
                y_c.append((y_out[block] if net.output_gates else 1.0) * h(s[cell]))
                cell += 1
        into_k = [*y_c, *(x if net.shortcuts else [])]
        y_k = [squashing(net.f_k)(net_input(row, into_k, net.output_biases)) for row in weights.W_k]
        assert np.allclose(trace.s[t], s, rtol=1e-12, atol=1e-14)
        assert np.allclose(trace.y_c[t], y_c, rtol=1e-12, atol=1e-14)
        assert np.allclose(trace.outputs[t - 1], y_k, rtol=1e-12, atol=1e-14)
    assert isinstance(trace, Trace)
    assert (trace.s[0] == 0).all()
    assert np.isnan(trace.net_c[0]).all()


def test_a_block_inside_the_network_is_the_block_run_by_hand():
    net = Topology(2, 1, (2,), recurrent="none")
    rng = np.random.default_rng(0)
    weights = initial_weights(net, rng, scale=1.0)
    trace = forward(net, weights, random_sequence(net, 6, rng, symbolic=False))
    block = run_block(trace.net_in[1:, 0], trace.net_out[1:, 0], trace.net_c[1:])
    assert np.array_equal(block.s, trace.s)
    assert np.array_equal(block.y_c, trace.y_c)


@settings(max_examples=20, deadline=None)
@given(topologies(), st.integers(0, 10**6))
def test_two_halves_with_the_state_carried_are_the_whole(net, seed):
    rng = np.random.default_rng(seed)
    weights = initial_weights(net, rng, scale=1.0)
    whole = random_sequence(net, 6, rng, symbolic=True)
    first = Sequence(whole.inputs[:4], whole.targets[:4], whole.mask[:4], net.n_inputs)
    second = Sequence(whole.inputs[4:], whole.targets[4:], whole.mask[4:], net.n_inputs)
    trace = forward(net, weights, whole)
    halfway = forward(net, weights, first).at(4).state
    rest = forward(net, weights, second, halfway)
    assert np.array_equal(rest.outputs, trace.outputs[4:])
    assert np.array_equal(rest.s[0], trace.s[4])


def test_a_step_of_the_trace_is_the_step():
    net = Topology(2, 1, (1, 1), shortcuts=True)
    rng = np.random.default_rng(1)
    weights = initial_weights(net, rng)
    sequence = random_sequence(net, 3, rng, symbolic=False)
    first = step(net, weights, start(net), sequence.x[0])
    of_trace = forward(net, weights, sequence).at(1)
    assert np.array_equal(first.y_k, of_trace.y_k)
    assert np.array_equal(first.source, of_trace.source)


def test_of_competing_output_gates_one_is_open():
    net = Topology(2, 1, (1, 2, 1), competition="winner takes all")
    rng = np.random.default_rng(2)
    trace = forward(net, initial_weights(net, rng), random_sequence(net, 9, rng, symbolic=True))
    assert ((trace.y_out[1:] > 0).sum(axis=1) == 1).all()
    assert (trace.won.sum(axis=1)[1:] == 1).all()


def test_initial_weights_lie_in_the_interval_and_biases_are_as_given():
    net = Topology(
        5, 3, (2, 2, 2), input_gate_biases=True, output_gate_biases=True, output_biases=True
    )
    weights = initial_weights(
        net,
        np.random.default_rng(0),
        scale=0.1,
        output_gate_bias=(-1, -2, -3),
        output_bias=0.0,
    )
    assert weights.W_out[:, -1].tolist() == [-1, -2, -3]
    assert (weights.W_k[:, -1] == 0).all()
    assert (np.abs(weights.W_in) <= 0.1).all()
    assert np.abs(weights.W_c).max() > 0.05


def test_a_network_without_cells_is_only_its_shortcuts_and_biases():
    net = Topology(3, 2, (), shortcuts=True, output_biases=True)
    assert net.n_weights == 2 * 4
    rng = np.random.default_rng(0)
    weights = initial_weights(net, rng)
    sequence = random_sequence(net, 4, rng, symbolic=False)
    expected = logistic(sequence.x @ weights.W_k[:, :3].T + weights.W_k[:, 3])
    assert np.allclose(forward(net, weights, sequence).outputs, expected, rtol=1e-14)


def test_impossible_choices_are_named():
    with pytest.raises(ValueError, match="recurrent is 'all'; it must be one of 'none', 'cells'"):
        Topology(1, 1, (1,), recurrent="all")
    with pytest.raises(ValueError, match=r"blocks\[1\] is 0"):
        Topology(1, 1, (1, 0))
    for name in ("g", "h", "f_k"):
        with pytest.raises(ValueError, match=f"^{name} is 'relu'; it must be one of logistic, "):
            Topology(2, 1, (1,), **{name: "relu"})
    with pytest.raises(ValueError, match="input_gate_biases is True but input_gates is False"):
        Topology(1, 1, (1,), input_gates=False, input_gate_biases=True)
    with pytest.raises(ValueError, match="competition"):
        Topology(1, 1, (1,), output_gates=False, competition="winner takes all")
    net = Topology(2, 1, (1,))
    with pytest.raises(ValueError, match="flat has shape"):
        as_weights(net, np.zeros(3))
    with pytest.raises(ValueError, match=r"output_bias is 1\.0, but the topology has no such"):
        initial_weights(net, np.random.default_rng(0), output_bias=1.0)
    with pytest.raises(ValueError, match="sequence has 5 inputs; the network has 2"):
        forward(
            net,
            initial_weights(net, np.random.default_rng(0)),
            Sequence(np.zeros(2, dtype=int), np.zeros((2, 1)), np.ones(2, bool), 5),
        )


@pytest.mark.parametrize("name", SWITCHES)
def test_a_switch_is_true_or_false(name):
    with pytest.raises(TypeError, match=f"{name} is 'no'; it must be True or False"):
        Topology(2, 2, (1,), **{name: "no"})


def test_a_step_with_arrays_of_other_shapes_is_refused():
    net = Topology(3, 2, (1, 1))
    weights, before = initial_weights(net, np.random.default_rng(0)), start(net)
    with pytest.raises(ValueError, match=r"x has shape \(5,\); it must have shape \(3,\)"):
        step(net, weights, before, np.zeros(5))
    with pytest.raises(ValueError, match=r"before.s has shape \(1,\)"):
        step(net, weights, State(before.s[:1], before.y), np.zeros(3))
