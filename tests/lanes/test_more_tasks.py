"""Tasks on one noisy line, and the 20-step task: compiled and in NumPy as in the reference."""

from dataclasses import replace

import numpy as np
import pytest

from lstmbook.learners.trials import Trial, run_trials
from lstmbook.lstm import Topology
from lstmbook.tasks.criteria import OnTestSet, RunOfRight
from lstmbook.tasks.distant_target import DistantTarget, DistantTargetPredicted
from lstmbook.tasks.latch import LatchLine
from lstmbook.tasks.parity import Parity
from lstmbook.tasks.two_sequence import NoiseAndSignal, TwoPatterns

from .reference_run import reference_run
from .topologies import random_topology

TASKS = {
    "latch": LatchLine(5, 20),
    "latch, fixed set": LatchLine(5, 20, n_training=3),
    "parity": Parity(3, 18),
    "parity, fixed set": Parity(3, 18, n_training=4),
    "two patterns": TwoPatterns(4, 20),
    "3a": NoiseAndSignal.of("3a", T=18),
    "3b": NoiseAndSignal.of("3b", T=18, N=1),
    "3c": NoiseAndSignal.of("3c", T=18),
    "distant target": DistantTarget(p=18),
    "distant target, predicted": DistantTargetPredicted(p=6),
    "distant target, predicted, wide": DistantTargetPredicted(p=18),
}


@pytest.mark.parametrize("task", TASKS)
def test_a_sequence_changes_the_weights_as_in_the_reference(task):
    rng = np.random.default_rng([7, *map(ord, task)])
    for draw in range(3):
        net = random_topology(rng, TASKS[task].n_inputs, TASKS[task].n_outputs)
        trials = [
            Trial(TASKS[task], net, 0.5, seed=s, max_sequences=1, scale=0.3) for s in range(3)
        ]
        for plain in (True, False) if draw == 0 else (True,):
            ours = dict(run_trials(trials, lanes=2, keep_weights=True, plain=plain))
            for i, trial in enumerate(trials):
                weights = reference_run(trial)[2]
                before = reference_run(replace(trial, learning_rate=1e-300))[2]
                change = np.abs(weights - before).max()
                assert change > 0
                assert np.abs(ours[i].weights - weights).max() <= 1e-12 * change


@pytest.mark.parametrize(
    ("task", "criterion"),
    [
        ("3c", OnTestSet(0.35, 2, 0.302, n_tests=6, every=3)),
        ("latch, fixed set", OnTestSet(0.31, 3, n_tests=6, every=3)),
        ("parity", OnTestSet(0.31, 3, n_tests=6, every=3)),
        ("distant target", OnTestSet(0.52, 4, n_tests=6, every=3)),
    ],
)
def test_trials_with_a_test_set_end_as_in_the_reference(task, criterion):
    made = replace(TASKS[task], criterion=criterion)
    net = Topology(made.n_inputs, 1, (1, 1), output_biases=True)
    trials = [Trial(made, net, 0.5, seed=s, max_sequences=40) for s in range(8)]
    theirs = [reference_run(trial) for trial in trials]
    for plain in (True, False):
        ours = dict(run_trials(trials, lanes=4, plain=plain))
        found = [(ours[i].ending, ours[i].sequences) for i in range(len(trials))]
        assert found == [each[:2] for each in theirs]
    assert "success" in {each[0] for each in theirs}
    assert len({each[:2] for each in theirs}) > 1


def test_the_latch_is_learned():
    task = LatchLine(10, 20, criterion=RunOfRight(0.3, 100))
    net = Topology(1, 1, (1,), output_biases=True)
    trials = [Trial(task, net, 0.5, seed=s, max_sequences=20_000) for s in range(8)]
    endings = [result.ending for _, result in run_trials(trials)]
    assert endings.count("success") >= 4
