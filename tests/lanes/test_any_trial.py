"""The loop's own sources, run by plain Python, against the reference: any topology, any task."""

from dataclasses import replace
from itertools import islice

import numpy as np
import pytest

from lstmbook.abuse import Phase, Plateau, Scheduled, memory_weights, weights_into_memory
from lstmbook.learners.trials import Trial, initial_weights, rates_of, sequences
from lstmbook.lstm import Topology
from lstmbook.tasks.adding import Adding
from lstmbook.tasks.criteria import RunOfRight
from lstmbook.tasks.long_time_lags import RandomDistractors, RandomMiddle, TwoSequences
from lstmbook.tasks.reber import EmbeddedReber
from lstmbook.truncated_learning import LSTM

from .machines import MACHINES
from .reference_run import reference_run
from .topologies import random_topology

ANY = RunOfRight(0.2, 1000)
REBER = EmbeddedReber.draw(np.random.default_rng(1), 12, 4, every=10_000)
TASKS = {
    "1a": TwoSequences(p=5, criterion=ANY),
    "1a, many outputs": TwoSequences(p=18, criterion=ANY),
    "1a, error at the end": TwoSequences(
        p=4, errors="last step", criterion=replace(ANY, steps="last")
    ),
    "1b": RandomMiddle(p=6, criterion=ANY),
    "1b, many outputs, error at the end": RandomMiddle(
        p=17, errors="last step", criterion=replace(ANY, steps="last")
    ),
    "1c": RandomDistractors(q=4, p=5, criterion=ANY),
    "1c, few symbols": RandomDistractors(q=12, p=2, criterion=ANY),
    "Reber": REBER,
    "adding": Adding(T=20),
}


def run_both(machine, trials):
    ours = machine.run(trials, 2, plain=True)
    return zip(ours, map(reference_run, trials), strict=True)


@pytest.mark.parametrize(
    ("machine", "draw"),
    [*((MACHINES["lanes"], draw) for draw in range(4)), (MACHINES["engine"], 0)],
)
@pytest.mark.parametrize("updates", ["every step", "sequence end"])
@pytest.mark.parametrize("task", TASKS)
def test_a_sequence_changes_the_weights_as_in_the_reference(machine, task, updates, draw):
    rng = np.random.default_rng([draw, len(updates), *map(ord, task)])
    net = random_topology(rng, TASKS[task].n_inputs, TASKS[task].n_outputs)
    trials = [
        Trial(TASKS[task], net, 0.5, seed=seed, max_sequences=1, updates=updates, scale=0.3)
        for seed in range(3)
    ]
    for trial, (ours, (_, _, weights, _)) in zip(trials, run_both(machine, trials), strict=True):
        before = reference_run(replace(trial, learning_rate=1e-300))[2]
        change = np.abs(weights - before).max()
        # the ruler is the largest change: single ones may be differences of large terms
        assert np.abs(ours.weights - weights).max() <= 1e-12 * change


@pytest.mark.parametrize("task", ["1a", "1c", "Reber"])
def test_biases_are_set_as_told(machine, task):
    net = Topology(
        TASKS[task].n_inputs,
        TASKS[task].n_outputs,
        (1, 2),
        cell_biases=True,
        input_gate_biases=True,
        output_gate_biases=True,
        output_biases=True,
    )
    trial = Trial(
        TASKS[task],
        net,
        0.1,
        seed=3,
        max_sequences=2,
        input_gate_bias=(-1.0, -2.0),
        output_gate_bias=-1.5,
        output_bias=0.25,
    )
    for ours, (_, _, weights, _) in run_both(machine, [trial]):
        np.testing.assert_allclose(ours.weights, weights, rtol=0, atol=1e-13)


def thesis_phases(net):
    memory = memory_weights(net)
    return Phase(2, 0.9, ~memory), Phase(3, 0.4, memory), Phase(1, 0.6, ~weights_into_memory(net))


@pytest.mark.parametrize(
    ("machine", "draw"),
    [*((MACHINES["lanes"], draw) for draw in range(2)), (MACHINES["engine"], 0)],
)
@pytest.mark.parametrize("updates", ["every step", "sequence end"])
@pytest.mark.parametrize("task", [name for name in TASKS if name != "Reber"])
def test_a_schedule_gives_weights_their_rates_as_in_the_reference(machine, task, updates, draw):
    rng = np.random.default_rng([draw, len(updates), *map(ord, task)])
    net = random_topology(rng, TASKS[task].n_inputs, TASKS[task].n_outputs)
    phases = thesis_phases(net)
    trials = [
        Trial(TASKS[task], net, 1.0, seed=seed, max_sequences=7, updates=updates,
              schedule=rates_of(net, phases[:n]))
        for seed, n in ((0, 3), (1, 2), (2, 1))
    ]  # fmt: skip
    for trial, ours in zip(trials, machine.run(trials, 2, plain=True), strict=True):
        learner = LSTM(net, initial_weights(trial), 1.0, updates)
        learner = Scheduled(learner, phases[: len(trial.schedule)])
        before = learner.learner.weights.flat.copy()
        for sequence in islice(sequences(trial), 7):
            learner.learn(sequence)
        after = learner.learner.weights.flat
        changes = ours.weights - before, after - before
        np.testing.assert_array_equal(*(each != 0 for each in changes))
        assert np.abs(ours.weights - after).max() <= 1e-10 * np.abs(changes[1]).max()


def test_a_schedule_that_a_loop_cannot_follow_is_refused(machine):
    net = Topology(9, 2, (1, 1), output_biases=True)
    half = np.arange(net.n_weights) % 2 == 0
    with pytest.raises(ValueError, match=r"phases\[1\].trained has .* of the weights 'into'"):
        rates_of(net, (Phase(2, 0.9), Phase(1, 0.9, half)))
    trial = Trial(TASKS["1c"], net, 1.0, seed=0, max_sequences=7, schedule=rates_of(
        net, (Phase(2, 0.9),) * 4))  # fmt: skip
    assert "more than 3 parts" in machine.unsupported(trial)
    plateau = replace(trial, schedule=trial.schedule[:1], plateau=Plateau(10, 0.1, 2))
    assert "adds blocks" in machine.unsupported(plateau)


def test_given_weights_are_taken(machine):
    net = Topology(9, 2, (1, 1))
    given = np.random.default_rng(0).uniform(-1, 1, net.n_weights)
    trial = Trial(TASKS["1c"], net, 0.1, seed=3, max_sequences=2, weights=given)
    for ours, (_, _, weights, _) in run_both(machine, [trial]):
        np.testing.assert_allclose(ours.weights, weights, rtol=0, atol=1e-13)


@pytest.mark.parametrize(
    "criterion",
    [
        RunOfRight(0.56, 4),
        RunOfRight(0.56, 4, counted="last"),
        RunOfRight(0.56, 3, steps="last"),
    ],
)
def test_runs_of_right_sequences_end_trials_where_the_reference_does(machine, criterion):
    for task in (RandomDistractors(q=2, p=3), RandomMiddle(p=2), TwoSequences(p=2)):
        task = replace(task, criterion=criterion)
        net = Topology(task.n_inputs, task.n_outputs, (1,), output_biases=True)
        trials = [Trial(task, net, 0.3, seed=s, max_sequences=30) for s in range(5)]
        endings = set()
        for ours, (ending, counted, _, _) in run_both(machine, trials):
            assert (ours.ending, ours.sequences) == (ending, counted)
            endings.add(ending)
        assert "success" in endings


def test_strings_are_tried_as_often_as_told_and_without_a_trace(machine):
    task = EmbeddedReber.draw(np.random.default_rng(4), 3, 2, every=4)
    net = Topology(7, 7, (1, 1), shortcuts=True, output_biases=True)
    trials = [Trial(task, net, 0.7, seed=s, max_sequences=13, scale=0.5) for s in range(3)]
    for ours, (ending, counted, weights, _) in run_both(machine, trials):
        assert (ours.ending, ours.sequences) == (ending, counted)
        np.testing.assert_allclose(ours.weights, weights, rtol=0, atol=1e-11)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_overflow_is_seen_when_the_reference_sees_it(machine):
    net = Topology(9, 2, (1, 1), f_k="identity", h="identity")
    trials = [Trial(TASKS["1c"], net, 1e5, seed=s, max_sequences=60) for s in range(2)]
    endings = []
    for ours, (ending, presented, _, _) in run_both(machine, trials):
        assert ours.ending == ending
        # the squared error overflows first, the outputs may do so one sequence later
        assert 0 <= presented - ours.presented <= 1
        endings.append(ending)
    assert "diverged" in endings


@pytest.mark.parametrize("task", ["1a", "1a, many outputs"])
def test_blocks_are_added_where_the_error_stops_falling(machine, task):
    net = Topology(TASKS[task].n_inputs, TASKS[task].n_outputs, (1, 2), output_biases=True)
    rule = Plateau(window=3, gain=0.2, patience=1)
    trials = [
        Trial(TASKS[task], net, 0.3, seed=s, max_sequences=25, plateau=rule, start_blocks=n)
        for s, n in ((0, 0), (1, 0), (2, 1))
    ]
    for ours, (_, _, weights, added) in run_both(machine, trials):
        assert list(ours.added_at) == added
        assert added
        if len(weights) == net.n_weights:
            np.testing.assert_allclose(ours.weights, weights, rtol=0, atol=1e-11)


def test_what_a_loop_cannot_run_is_named(machine):
    class Other(TwoSequences):
        pass

    net = Topology(5, 5, (1,))
    task = TwoSequences(p=4, errors="last step", criterion=RunOfRight(0.25, 10))
    assert "judged at every step" in machine.unsupported(
        Trial(task, net, 1.0, seed=0, max_sequences=1)
    )
    none = Trial(TwoSequences(p=4), Topology(5, 5, ()), 1.0, seed=0, max_sequences=1)
    with pytest.raises(ValueError, match="no blocks"):
        machine.check(none)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"learning_rate": 0.0}, "learning_rate"),
        ({"seed": -1}, "seed"),
        ({"max_sequences": 0}, "max_sequences"),
        ({"dtype": "float16"}, "dtype"),
        ({"updates": "never"}, "updates"),
        ({"net": Topology(4, 5, (1,))}, "task has 5 inputs; net has 4"),
        ({"start_blocks": 2}, "start_blocks"),
        ({"weights": np.zeros(3)}, "weights"),
    ],
)
def test_impossible_trials_are_named(change, named):
    good = {
        "task": TwoSequences(p=4),
        "net": Topology(5, 5, (1,)),
        "learning_rate": 1.0,
        "seed": 0,
        "max_sequences": 1,
    }
    with pytest.raises((TypeError, ValueError), match=named):
        Trial(**(good | change))
