"""The compiled loop: equal to the reference, and the same bits however trials are laid out."""

import os
import subprocess
import sys
from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
from numpy.lib.stride_tricks import sliding_window_view

from lstmbook.abuse import Plateau
from lstmbook.lanes.loop import ACCURACIES, TOLERANCES
from lstmbook.learners.trials import Trial, initial_weights, sequences
from lstmbook.lstm import Topology
from lstmbook.sequences import loss
from lstmbook.tasks.criteria import RunOfRight
from lstmbook.tasks.long_time_lags import RandomDistractors, TwoSequences
from lstmbook.truncated_learning import LSTM

from .machines import MACHINES
from .reference_run import reference_run

TASK = RandomDistractors(q=6, p=4, criterion=RunOfRight(0.3, 20))
NET = Topology(8, 2, (1,), output_gates=False)
BASE = Trial(TASK, NET, 0.5, seed=0, max_sequences=60)
TRIALS = [replace(BASE, seed=seed, max_sequences=20 + 7 * seed) for seed in range(37)]


def bits(result):
    """Return all that a result holds, comparable."""
    return (
        result.ending,
        result.sequences,
        result.presented,
        result.steps,
        tuple(result.within.items()),
        tuple(result.accuracy.items()),
        result.weights.tobytes(),
        result.errors.tobytes(),
    )


@pytest.fixture(scope="module")
def sixteen(machine):
    return [bits(each) for each in machine.run(TRIALS, 16)]


def test_a_sequence_changes_the_weights_as_in_the_reference(machine):
    trials = [replace(BASE, seed=s, max_sequences=1) for s in range(12)]
    for trial, ours in zip(trials, machine.run(trials, 16), strict=True):
        before = reference_run(replace(trial, learning_rate=1e-300))[2]
        _, _, weights, _ = reference_run(trial)
        change = np.abs(weights - before).max()
        assert np.abs(ours.weights - weights).max() <= 1e-12 * change


def test_a_long_run_stays_as_close_as_a_nudge_of_one_ulp_lets_it(machine):
    for seed in range(2):
        trial = replace(BASE, seed=seed, max_sequences=400, task=replace(
            TASK, criterion=RunOfRight(1e-9, 1000)))  # fmt: skip
        (ours,) = machine.run([trial], 16)
        _, _, weights, _ = reference_run(trial)
        nudged = [reference_run(trial, nudge)[2] for nudge in (-np.inf, np.inf)]
        spread = max(np.abs(weights - each).max() for each in nudged)
        # rounding happens at each of some 5000 steps, the nudge once: their root is 70
        assert np.abs(ours.weights - weights).max() <= 100 * spread


@pytest.mark.parametrize("lanes", [4, 1])
def test_the_bits_do_not_depend_on_the_number_of_lanes(machine, lanes, sixteen):
    assert [bits(each) for each in machine.run(TRIALS, lanes)] == sixteen


def test_the_bits_do_not_depend_on_neighbours_or_place(machine, sixteen):
    backwards = machine.run(TRIALS[::-1], 16)[::-1]
    assert [bits(each) for each in backwards] == sixteen
    for i in (0, 17, 36):
        assert bits(machine.run([TRIALS[i]], 16)[0]) == sixteen[i]


def test_the_bits_do_not_depend_on_the_process(machine, sixteen):
    program = (
        "from tests.lanes.machines import MACHINES\n"
        "from tests.lanes.test_compiled_trials import *\n"
        f"machine = MACHINES[{machine.name!r}]\n"
        "found = [bits(each) for each in machine.run(TRIALS[5:9], 16)]\n"
        "print(hash(b''.join(each[6] for each in found)))\n"
    )
    answer = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"PYTHONHASHSEED": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    again = subprocess.run(
        [sys.executable, "-c", f"print(hash({b''.join(each[6] for each in sixteen[5:9])!r}))"],
        env=os.environ | {"PYTHONHASHSEED": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert answer.stdout == again.stdout, answer.stderr


def test_every_trial_of_the_queue_ends_once(machine):
    seen = [i for i, _ in machine.run_trials(TRIALS, lanes=16, slice_seconds=1e-4)]
    assert sorted(seen) == list(range(len(TRIALS)))


def test_trials_end_as_in_the_reference(machine):
    some = TRIALS[:12]
    ours = machine.run(some, 16)
    theirs = [reference_run(trial)[:2] for trial in some]
    assert [(each.ending, each.sequences) for each in ours] == theirs


def test_divergence_is_an_ending_with_a_name(machine):
    wild = [replace(BASE, learning_rate=1e200, seed=seed, max_sequences=300) for seed in range(40)]
    results = machine.run([*wild, BASE], 16)
    found = [each for each in results[:-1] if each.ending == "diverged"]
    assert found
    assert all(1 < each.presented <= 300 for each in found)
    assert results[-1].ending == "cap"


def test_an_interrupted_run_has_given_what_had_ended(machine, sixteen):
    running = machine.run_trials(TRIALS, lanes=16, slice_seconds=1e-4, keep_weights=True)
    some = [next(running) for _ in range(5)]
    running.close()
    assert [bits(result) for _, result in some] == [sixteen[i] for i, _ in some]


def test_the_error_curve_and_milestones_are_the_references(machine):
    never = RunOfRight(0.35, 10_000)
    trial = replace(BASE, task=replace(TASK, criterion=never), max_sequences=1300)
    (ours,) = machine.run([trial], 16)
    learner = LSTM(NET, initial_weights(trial), trial.learning_rate)
    losses, worst = [], []
    for sequence in islice(sequences(trial), 1300):
        outputs = learner.learn(sequence)
        losses.append(loss(sequence, outputs))
        worst.append(np.abs(outputs - sequence.targets)[sequence.mask].max())
    assert ours.window == 100
    np.testing.assert_allclose(ours.errors, np.reshape(losses, (13, 100)).mean(axis=1), rtol=1e-9)
    hundreds = sliding_window_view(worst, 100).max(axis=1)
    within = {x: int(np.argmax(hundreds < x)) + 1 for x in TOLERANCES if (hundreds < x).any()}
    right = (np.reshape(worst, (13, 100)) < 0.35).mean(axis=1)
    shares = {x: 100 * int(np.argmax(right >= x)) + 1 for x in ACCURACIES if (right >= x).any()}
    assert (ours.within, ours.accuracy) == (within, shares)
    assert len(within) > 1
    assert len(shares) > 1


def test_the_bits_of_many_outputs_and_a_growing_net_do_not_depend_on_the_lanes():
    machine = MACHINES["lanes"]
    task = TwoSequences(p=18, criterion=RunOfRight(0.3, 20))
    net = Topology(19, 19, (1,), output_gates=False, recurrent="cells and gates", shortcuts=True,
                   output_biases=True, g="logistic", h="identity")  # fmt: skip
    first = Trial(task, net, 1.0, seed=0, max_sequences=900, plateau=Plateau(50, 0.01, 1),
                  dtype="float32")  # fmt: skip
    trials = [replace(first, seed=seed, max_sequences=700 + 40 * seed) for seed in range(7)]
    found = [[bits(each) for each in machine.run(trials, lanes)] for lanes in (16, 3)]
    assert found[0] == found[1]
    assert {each[0] for each in found[0]} <= {"success", "cap"}
    assert len({each[6] for each in found[0]}) == 7


@pytest.mark.parametrize("room", ["learners.trials", "lanes.loop", "engine", "learners.lstm"])
def test_trials_are_imported_without_their_compiler(room):
    program = f"import sys, lstmbook.{room}; print('numba' in sys.modules)"
    answer = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "False", answer.stderr
