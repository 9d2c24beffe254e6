"""The compiled loop: equal to the reference, and the same bits however trials are laid out."""

import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from lstmbook.engine import Trial, run_trials
from lstmbook.engine.trials import kernel_of
from lstmbook.lstm import Topology
from lstmbook.tasks.criteria import RunOfRight
from lstmbook.tasks.long_time_lags import RandomDistractors

from .reference_run import engine_run, reference_run

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
def sixteen():
    return [bits(each) for each in engine_run(TRIALS, kernel_of(BASE, 16))]


def test_a_sequence_changes_the_weights_as_in_the_reference():
    trials = [replace(BASE, seed=s, max_sequences=1) for s in range(12)]
    for trial, ours in zip(trials, engine_run(trials, kernel_of(BASE, 16)), strict=True):
        before = reference_run(replace(trial, learning_rate=1e-300))[2]
        _, _, weights, _ = reference_run(trial)
        change = np.abs(weights - before).max()
        assert np.abs(ours.weights - weights).max() <= 1e-12 * change


def test_a_long_run_stays_as_close_as_a_nudge_of_one_ulp_lets_it():
    for seed in range(2):
        trial = replace(BASE, seed=seed, max_sequences=400, task=replace(
            TASK, criterion=RunOfRight(1e-9, 1000)))  # fmt: skip
        (ours,) = engine_run([trial], kernel_of(BASE, 16))
        _, _, weights, _ = reference_run(trial)
        nudged = [reference_run(trial, nudge)[2] for nudge in (-np.inf, np.inf)]
        spread = max(np.abs(weights - each).max() for each in nudged)
        # rounding happens at each of some 5000 steps, the nudge once: their root is 70
        assert np.abs(ours.weights - weights).max() <= 100 * spread


@pytest.mark.parametrize("lanes", [1, 4])
def test_the_bits_do_not_depend_on_the_number_of_lanes(lanes, sixteen):
    assert [bits(each) for each in engine_run(TRIALS, kernel_of(BASE, lanes))] == sixteen


def test_the_bits_do_not_depend_on_neighbours_or_place(sixteen):
    kernel = kernel_of(BASE, 16)
    backwards = engine_run(TRIALS[::-1], kernel)[::-1]
    assert [bits(each) for each in backwards] == sixteen
    for i in (0, 17, 36):
        assert bits(engine_run([TRIALS[i]], kernel)[0]) == sixteen[i]


def test_the_bits_do_not_depend_on_the_process(sixteen):
    program = (
        "from tests.engine.test_compiled_loop import *\n"
        "found = [bits(each) for each in engine_run(TRIALS[5:9], kernel_of(BASE, 16))]\n"
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


def test_every_trial_of_the_queue_ends_once():
    seen = [i for i, _ in run_trials(TRIALS, lanes=16, slice_seconds=1e-4)]
    assert sorted(seen) == list(range(len(TRIALS)))


def test_trials_end_as_in_the_reference():
    some = TRIALS[:12]
    ours = engine_run(some, kernel_of(BASE, 16))
    theirs = [reference_run(trial)[:2] for trial in some]
    assert [(each.ending, each.sequences) for each in ours] == theirs


def test_divergence_is_an_ending_with_a_name():
    wild = [replace(BASE, learning_rate=1e200, seed=seed, max_sequences=300) for seed in range(40)]
    results = engine_run([*wild, BASE], kernel_of(BASE, 16))
    found = [each for each in results[:-1] if each.ending == "diverged"]
    assert found
    assert all(1 < each.presented <= 300 for each in found)
    assert results[-1].ending == "cap"


def test_an_interrupted_run_has_given_what_had_ended(sixteen):
    running = run_trials(TRIALS, lanes=16, slice_seconds=1e-4, keep_weights=True)
    some = [next(running) for _ in range(5)]
    running.close()
    assert [bits(result) for _, result in some] == [sixteen[i] for i, _ in some]


def test_the_error_curve_and_milestones_are_the_references():
    trial = replace(BASE, task=replace(TASK, criterion=RunOfRight(1e-9, 9)), max_sequences=1300)
    (ours,) = engine_run([trial], kernel_of(BASE, 16))
    assert ours.window == 100
    assert len(ours.errors) == 13
    assert ours.errors[-1] < 0.25
    assert all(1 <= first <= 1300 for first in ours.within.values())


def test_the_engine_is_imported_without_its_compiler():
    program = "import sys, lstmbook.engine; print('numba' in sys.modules)"
    answer = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert answer.stdout.strip() == "False", answer.stderr
