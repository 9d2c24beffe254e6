"""The three solutions of the abuse problem do what they say, as parts of training."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lstmbook.abuse import (
    Phase,
    Plateau,
    PlateauWatch,
    Scheduled,
    SequentialConstruction,
    add_block,
    bias_or_memory,
    cell_use,
    contributions,
    distractors,
    drift_over_networks,
    drifting_states,
    grow,
    memory_weights,
    places_after,
    staggered_biases,
    state_after,
    step_moments,
    thesis_schedule,
    two_sequence_net,
    weights_into_memory,
    with_competition,
)
from lstmbook.lstm import RECURRENT, Topology, as_weights, forward, initial_weights
from lstmbook.protocols import Learner, run_trial
from lstmbook.sequences import Sequence
from lstmbook.tasks.criteria import RunOfRight
from lstmbook.tasks.long_time_lags import TwoSequences
from lstmbook.truncated_learning import LSTM


@st.composite
def topologies(draw):
    gates = draw(st.booleans()), draw(st.booleans())
    return Topology(
        n_inputs=draw(st.integers(1, 3)),
        n_outputs=draw(st.integers(1, 2)),
        blocks=tuple(draw(st.lists(st.integers(1, 2), max_size=2))),
        input_gates=gates[0],
        output_gates=gates[1],
        recurrent=draw(st.sampled_from(RECURRENT)),
        shortcuts=draw(st.booleans()),
        cell_biases=draw(st.booleans()),
        input_gate_biases=gates[0] and draw(st.booleans()),
        output_gate_biases=gates[1] and draw(st.booleans()),
        output_biases=draw(st.booleans()),
    )


def a_sequence(net, rng, T=5):
    return Sequence(
        rng.normal(size=(T, net.n_inputs)),
        rng.random((T, net.n_outputs)),
        np.ones(T, bool),
        net.n_inputs,
    )


def test_a_plateau_is_so_many_windows_without_gain():
    watch = PlateauWatch(Plateau(window=2, gain=0.1, patience=2))
    #          10 (best)  8 (best)  7.9 (no)  7.5 (no): the error has stopped
    losses = [10, 10, 8, 8, 7.9, 7.9, 7.5, 7.5]
    assert [watch.see(each) for each in losses] == [False] * 7 + [True]
    watch = PlateauWatch(Plateau(window=1, gain=0.1, patience=2))
    #  a gain in between starts the count again
    assert [watch.see(each) for each in (10, 9.5, 8, 7.9, 7.9)] == [False] * 4 + [True]


@settings(max_examples=60, deadline=None)
@given(topologies(), st.integers(1, 2), st.integers(0, 10**6))
def test_a_grown_network_without_new_signals_is_the_old_one(net, size, seed):
    """With the new units' weights at 0 the new cells stay silent, and nothing else has moved."""
    rng = np.random.default_rng(seed)
    weights = initial_weights(net, rng, scale=1.0)
    grown = add_block(net, size)
    flat = np.zeros(grown.n_weights)
    flat[places_after(net, grown)] = weights.flat
    assert len(set(places_after(net, grown))) == net.n_weights
    sequence = a_sequence(net, rng)
    old = forward(net, weights, sequence)
    new = forward(grown, as_weights(grown, flat), sequence)
    assert np.allclose(old.outputs, new.outputs, rtol=1e-13)
    assert np.allclose(old.s, new.s[:, : net.n_cells], rtol=1e-13)


@settings(max_examples=30, deadline=None)
@given(topologies(), st.integers(0, 10**6))
def test_growing_keeps_old_weights_and_draws_new_ones(net, seed):
    rng = np.random.default_rng(seed)
    weights = initial_weights(net, rng, scale=5.0)
    grown, new = grow(net, weights, rng, scale=0.1)
    places = places_after(net, grown)
    assert np.array_equal(new.flat[places], weights.flat)
    rest = np.delete(new.flat, places)
    assert (np.abs(rest) <= 0.1).all()
    assert grown.blocks == (*net.blocks, 1)


def test_new_gates_get_their_bias():
    net = Topology(2, 1, (1,), input_gate_biases=True, output_gate_biases=True)
    weights = initial_weights(net, np.random.default_rng(0))
    _, new = grow(net, weights, np.random.default_rng(1), input_gate_bias=-4, output_gate_bias=-2)
    assert new.W_in[:, -1].tolist() == [weights.W_in[0, -1], -4]
    assert new.W_out[:, -1].tolist() == [weights.W_out[0, -1], -2]
    with pytest.raises(ValueError, match="cell_bias is 1"):
        grow(net, weights, np.random.default_rng(1), cell_bias=1)


def test_sequential_construction_solves_a_small_experiment_1a():
    task = TwoSequences(5, criterion=RunOfRight(0.25, run=100))
    begin = two_sequence_net(task, cell=False)
    rng = np.random.default_rng(0)
    first = LSTM(begin, initial_weights(begin, rng), learning_rate=1.0)
    learner = SequentialConstruction(first, rng, Plateau(window=50, gain=0.01, patience=2))
    assert isinstance(learner, Learner)
    outcome = run_trial(task, learner, rng, max_sequences=3000, window=50)
    assert outcome.success
    (added,) = learner.added_at
    assert 100 < added < outcome.sequences
    assert added % 50 == 0
    assert learner.learner.net.blocks == (1,)
    # before the cell there was nothing to remember with: the last symbol stayed a guess
    assert outcome.errors[added // 50 - 1] > 0.24


def test_construction_stops_at_the_most_blocks_and_keeps_what_may_not_change():
    net = Topology(2, 1, (), shortcuts=True, output_biases=True)
    weights = initial_weights(net, np.random.default_rng(0))
    trained = np.array([True, True, False])
    learner = SequentialConstruction(
        LSTM(net, weights, 0.1, trained=trained),
        np.random.default_rng(1),
        Plateau(window=1, gain=0.5, patience=1),
        max_blocks=2,
    )
    rng = np.random.default_rng(2)
    for _ in range(12):
        learner.learn(a_sequence(net, rng))
    assert learner.learner.net.blocks == (1, 1)
    assert len(learner.added_at) == 2
    assert learner.learner.weights.W_k[0, -1] == weights.W_k[0, -1]
    assert (~learner.learner.trained).sum() == 1


def test_a_negative_output_gate_bias_pushes_cell_outputs_to_zero_in_its_order():
    net = Topology(3, 1, (2, 2, 2), output_gate_biases=True)
    rng = np.random.default_rng(0)
    assert staggered_biases(3) == (-1, -2, -3)
    assert staggered_biases(2, -3, -3) == (-3, -6)
    sizes = np.zeros(3)
    for _ in range(20):
        weights = initial_weights(net, rng, output_gate_bias=staggered_biases(3))
        y_out = forward(net, weights, a_sequence(net, rng)).y_out[1:]
        sizes += y_out.mean(axis=0)
    assert sizes[0] > sizes[1] > sizes[2]


def test_with_competition_one_output_gate_is_open_and_the_others_learn_nothing():
    net = with_competition(Topology(3, 1, (1, 1, 1), recurrent="none", output_gate_biases=True))
    rng = np.random.default_rng(0)
    weights = initial_weights(net, rng, output_gate_bias=(-1, 5, -1))
    before = weights.W_out.copy()
    sequence = a_sequence(net, rng)
    trace = forward(net, weights, sequence)
    assert ((trace.y_out[1:] > 0) == [False, True, False]).all()
    LSTM(net, weights, 0.5, "sequence end").learn(sequence)
    assert (weights.W_out[[0, 2]] == before[[0, 2]]).all()
    assert (weights.W_out[1] != before[1]).any()


def test_the_thesis_schedule_trains_what_it_says_when_it_says():
    net = Topology(3, 2, (1,), output_gates=False, recurrent="none", shortcuts=True)
    phases = thesis_schedule(net)
    learner = Scheduled(LSTM(net, initial_weights(net, np.random.default_rng(0)), 1.0), phases)
    assert isinstance(learner, Learner)
    rng = np.random.default_rng(1)
    changed = []
    for presented in (0, 399, 400, 3999, 4000, 9000):
        learner.presented = presented
        before = learner.learner.weights.flat.copy()
        learner.learn(a_sequence(net, rng))
        changed.append((learner.learner.weights.flat != before, learner.learner.learning_rate))
    memory = memory_weights(net)
    expected = [~memory] * 2 + [memory] * 2 + [~weights_into_memory(net)] * 2
    for (now, rate), which, wanted in zip(changed, expected, [1, 1, 0.01, 0.01, 1, 1], strict=True):
        assert (now == which).all()
        assert rate == wanted
    assert memory.sum() == 2 * 3 + 2  # into cell and gate from 3 inputs; to 2 outputs


def test_a_bias_cell_and_a_pair_of_twins_are_seen():
    net = Topology(1, 1, (1, 1, 1), recurrent="none", cell_biases=True)
    weights = as_weights(net, np.zeros(net.n_weights))
    weights.W_c[0] = [0, 3.0]  # a constant: a bias cell
    weights.W_c[1] = [1.0, 0]
    weights.W_c[2] = [-1.0, 0]  # the same, upside down
    rng = np.random.default_rng(0)
    use = cell_use(net, weights, [a_sequence(net, rng) for _ in range(20)])
    assert use.output_spread[0] < 1e-12 < use.output_spread[1]
    assert use.output_mean[0] > 0.1
    assert use.state_size[0] > use.state_size[1]
    assert use.correlation[1, 2] == pytest.approx(-1, abs=1e-6)
    with pytest.raises(ValueError, match="sequences has 1"):
        cell_use(net, weights, [a_sequence(net, rng)])


def test_impossible_settings_are_named():
    with pytest.raises(ValueError, match="patience is 0"):
        Plateau(patience=0)
    with pytest.raises(ValueError, match="gain is 1"):
        Plateau(gain=1.0)
    net = Topology(1, 1, (1,))
    learner = LSTM(net, initial_weights(net, np.random.default_rng(0)), 0.1)
    with pytest.raises(ValueError, match="phases is empty"):
        Scheduled(learner, ())
    assert Scheduled(learner, (Phase(1, 0.5), Phase(1, 0.1))).phase.learning_rate == 0.5


def test_what_two_sequences_ask_of_a_state_is_split():
    """With targets the same in both, nothing asks to tell them apart, and the other way round."""
    net = Topology(2, 1, (1,), recurrent="none", input_gates=False, output_gates=False)
    weights = as_weights(net, np.array([0.0, 0.0, 1.0]))
    one, other = (
        Sequence(np.array([i]), np.array([[d]]), np.array([True]), 2)
        for i, d in ((0, 1.0), (1, 1.0))
    )
    common, opposite = bias_or_memory(net, weights, one, other)
    assert common[0] > 0 == opposite[0]
    other = Sequence(np.array([1]), np.array([[0.0]]), np.array([True]), 2)
    common, opposite = bias_or_memory(net, weights, one, other)
    assert opposite[0] > 0
    assert abs(common[0]) < 1e-12


def test_states_drift_as_derived():
    """Without recurrent weights the steps are independent: mean and spread of many runs agree."""
    net = Topology(24, 2, (1, 1), recurrent="none")
    rng = np.random.default_rng(0)
    weights = initial_weights(net, rng, scale=0.5)
    mean, spread = step_moments(net, weights, np.zeros(0), 20)
    expected, deviation = state_after(60, mean, spread)
    s = np.array([drifting_states(net, weights, 60, rng)[-1] for _ in range(400)])
    assert (np.abs(s.mean(axis=0) - expected) < 4 * deviation / 20).all()
    assert np.allclose(s.std(axis=0), deviation, rtol=0.15)
    assert (drifting_states(net, weights, 5, rng)[0] == 0).all()


def test_distractors_are_no_other_symbols():
    net = Topology(10, 2, (1,))
    symbols = distractors(net, 500, np.random.default_rng(0)).inputs
    assert set(symbols) == set(range(6))
    with pytest.raises(ValueError, match="n_inputs is 4"):
        distractors(Topology(4, 2, (1,)), 5, np.random.default_rng(0))


@pytest.mark.parametrize("recurrent", RECURRENT)
@pytest.mark.parametrize("bias", [0.0, -3.0])
def test_many_networks_at_once_drift_as_each_alone(recurrent, bias):
    net = Topology(11, 2, (1, 1), recurrent=recurrent, input_gate_biases=True)
    found = drift_over_networks(recurrent, bias, 200, 4, p=7)
    for seed, states in enumerate(found):
        rng = np.random.default_rng(seed)
        weights = initial_weights(net, rng, input_gate_bias=bias)
        alone = drifting_states(net, weights, 200, rng)
        np.testing.assert_allclose(states, alone, rtol=1e-10, atol=1e-12)


def test_gates_that_feed_cells_make_states_drift_and_shut_input_gates_hold_them():
    drifting = np.abs(drift_over_networks("cells and gates", 0.0, 400, 10))[:, -1]
    walking = np.abs(drift_over_networks("none", 0.0, 400, 10))[:, -1]
    held = np.abs(drift_over_networks("cells and gates", -4.0, 400, 10))[:, -1]
    assert drifting.shape == (10, 2)
    assert np.median(drifting) > 4 * np.median(walking)
    assert np.median(held) < np.median(walking)


def test_a_block_contributes_output_times_outgoing_weights():
    net = Topology(2, 2, (2, 1), output_gate_biases=True)
    rng = np.random.default_rng(0)
    weights = initial_weights(net, rng, output_gate_bias=(0, -800))
    sequences = [a_sequence(net, rng) for _ in range(3)]
    before = contributions(net, weights, sequences)
    assert before[0] > 0 == before[1]
    weights.W_k[:, :2] *= 3
    assert contributions(net, weights, sequences) == pytest.approx([3 * before[0], 0])
    with pytest.raises(ValueError, match="sequences is empty"):
        contributions(net, weights, [])
