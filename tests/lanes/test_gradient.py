"""What a sequence changes is the gradient that autodiff finds with the papers' cuts."""

from dataclasses import replace

import numpy as np
import pytest

from lstmbook.abuse import Plateau
from lstmbook.learners.trials import Trial, initial_weights, run_trials, sequences
from lstmbook.tasks.adding import Adding
from lstmbook.tasks.criteria import RunOfRight
from lstmbook.tasks.long_time_lags import RandomDistractors, RandomMiddle, TwoSequences
from lstmbook.tasks.reber import EmbeddedReber

from ..jax_oracle import Oracle
from .topologies import random_topology

NEVER = RunOfRight(0.2, 1000, steps="last")
TASKS = (
    TwoSequences(p=3, criterion=NEVER),
    TwoSequences(p=4, errors="last step", criterion=NEVER),
    TwoSequences(p=17, errors="last step", criterion=NEVER),
    RandomMiddle(p=4, criterion=NEVER),
    RandomMiddle(p=3, errors="last step", criterion=NEVER),
    RandomDistractors(q=2, p=3, stop=0.5, criterion=NEVER),
    RandomDistractors(q=1, p=2, stop=0.7, criterion=NEVER),
    EmbeddedReber.draw(np.random.default_rng(3), 6, 2, every=10_000),
    Adding(T=20, criterion=NEVER),
)
PARTS, N = 10, 102
ORACLE = Oracle(inputs=18, blocks=3, cells=9, outputs=18, steps=40)


def random_trial(rng):
    """A trial of one sequence; its changes are made at the sequence's end, so they are one sum."""
    chosen = rng.choice(len(TASKS), p=[0.13, 0.13, 0.08, 0.13, 0.14, 0.15, 0.15, 0.05, 0.04])
    task = TASKS[chosen]
    net = random_topology(rng, task.n_inputs, task.n_outputs)
    return Trial(task, net, 1.0, seed=int(rng.integers(2**32)), max_sequences=1,
                 updates="sequence end", scale=float(rng.choice([0.1, 0.3, 1.0])))  # fmt: skip


@pytest.mark.parametrize("part", range(PARTS))
def test_a_thousand_random_topologies_follow_the_truncated_gradient(part):
    rng = np.random.default_rng([7, part])
    trials = [random_trial(rng) for _ in range(N)]
    starts = [initial_weights(trial) for trial in trials]
    problems = [
        (trial.net, start, next(sequences(trial)))
        for trial, start in zip(trials, starts, strict=True)
    ]
    truth = ORACLE.ask_many(problems, truncated=True)
    for trial, start, (_, slope) in zip(trials, starts, truth, strict=True):
        ((_, ours),) = run_trials([trial], lanes=1, keep_weights=True, plain=True)
        change = ours.weights - start.flat
        # the change is found as a difference of weights, which keeps 16 digits of them
        size = max(np.abs(slope).max(), 1e-3)
        assert np.abs(change - slope).max() <= 1e-11 * size + 4e-16 * np.abs(start.flat).max()


def test_the_gradient_is_not_the_full_one():
    """The test above can tell: uncut errors give something else."""
    rng, apart = np.random.default_rng(1), 0
    trials = [replace(random_trial(rng), scale=1.0) for _ in range(40)]
    trials = [each for each in trials if each.net.recurrent != "none"]
    problems = [(each.net, initial_weights(each), next(sequences(each))) for each in trials]
    cut, full = (ORACLE.ask_many(problems, truncated=truncated) for truncated in (True, False))
    for (_, with_cuts), (_, without) in zip(cut, full, strict=True):
        apart += np.abs(with_cuts - without).max() > 1e-6 * np.abs(without).max()
    assert apart > 0.8 * len(trials)


def test_a_block_that_is_not_there_yet_has_no_gradient():
    task = TASKS[0]
    net = random_topology(np.random.default_rng(5), task.n_inputs, task.n_outputs)
    net = replace(net, blocks=(1, 1), competition="none")
    trial = Trial(task, net, 1.0, seed=1, max_sequences=1, plateau=Plateau(), start_blocks=1)
    ((_, ours),) = run_trials([trial], lanes=1, keep_weights=True, plain=True)
    before = initial_weights(trial)
    changed = ours.weights != before.flat
    assert changed.any()
    places = net.offsets["W_c"] + net.shapes["W_c"][1]  # the second cell's weights
    assert not changed[places : places + net.shapes["W_c"][1]].any()
