"""Trials side by side, of any net on any task, do what nets at work do with the same draws."""

from itertools import islice

import numpy as np
import pytest

from lstmbook.lanes.draws import Stream, stream_key
from lstmbook.learners.bptt import BPTT
from lstmbook.learners.chunker import Chunker
from lstmbook.learners.echo_state import EchoState
from lstmbook.learners.elman import Elman
from lstmbook.learners.gru import GRU
from lstmbook.learners.net_trial import NetTrial
from lstmbook.learners.rtrl import RTRL
from lstmbook.learners.trials import run_trials, sequences
from lstmbook.tasks.adding import Adding
from lstmbook.tasks.criteria import RunOfRight
from lstmbook.tasks.long_time_lags import RandomDistractors, RandomMiddle, TwoSequences
from lstmbook.tasks.reber import EmbeddedReber

from .random_nets import random_net, yes

NEVER = RunOfRight(1e-9, 1000, steps="last")
# tasks that go together have sequences of different lengths, or alphabets of different sizes
TASKS = {
    "1a": (TwoSequences(p=4, criterion=NEVER),),
    "1a, many outputs": (TwoSequences(p=16, criterion=NEVER),),
    "1a, error at the end": (TwoSequences(p=4, errors="last step", criterion=NEVER),),
    "1b": (RandomMiddle(p=5, criterion=NEVER),),
    "1b, many outputs, error at the end": (
        RandomMiddle(p=17, errors="last step", criterion=NEVER),
    ),
    "1c": tuple(RandomDistractors(q, p, criterion=NEVER) for q, p in ((1, 2), (3, 7), (9, 4))),
    "Reber": (EmbeddedReber.draw(np.random.default_rng(1), 12, 4, every=2),),
    "adding": (Adding(T=20, criterion=NEVER), Adding(T=31, criterion=NEVER)),
}
LEARNERS = (Elman, BPTT, BPTT, GRU, RTRL, EchoState, Chunker)


def random_recipe(rng, learner):
    options = {
        "learning_rate": float(rng.choice([0.1, 0.5])),
        "reset": yes(rng),
        "scale": float(rng.choice([0.2, 1.0])),
    }
    if learner in (BPTT, GRU):
        options["depth"] = [None, 0, 1, 3][rng.integers(4)]
    if learner not in (EchoState, Chunker):
        options["updates"] = str(rng.choice(["every step", "sequence end"]))
        options["f"] = str(rng.choice(["logistic", "tanh", "h"]))
        options["f_k"] = str(rng.choice(["logistic", "tanh", "identity"]))
        return random_net(rng, learner, units=2, layers=2, **options).recipe
    shape = {"hidden": (2, 1) if yes(rng) else 2, "shortcuts": yes(rng), "hidden_biases": yes(rng)}
    return learner(**options, **shape)


@pytest.mark.parametrize("name", TASKS)
def test_trials_in_lanes_equal_nets_at_work(name):
    rng, tasks = np.random.default_rng([5, *map(ord, name)]), TASKS[name]
    for learner in LEARNERS:
        recipe = random_recipe(rng, learner)
        too_slow = learner is RTRL and recipe.recurrent == "all" and tasks[0].n_outputs > 7
        if too_slow or recipe.cannot(tasks[0]) is not None:
            continue
        trials = [
            NetTrial(tasks[seed % len(tasks)], recipe, seed, max_sequences=2 + seed % 2)
            for seed in range(4)
        ]
        for i, ours in run_trials(trials, lanes=3, keep_weights=True, plain=True):
            trial = trials[i]
            one = recipe.build(trial.task, Stream(stream_key(i, "weights")), plain=True)
            before = one.weights
            for sequence in islice(sequences(trial), trial.max_sequences):
                one.learn(sequence)
            change = np.abs(one.weights - before).max()
            assert change > 0
            off = np.abs(ours.weights - one.weights).max()
            assert off <= 1e-12 * max(change, 1.0), recipe
