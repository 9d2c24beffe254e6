"""A learner is evaluated on sequences of their own, and nothing in it changes."""

import numpy as np
import pytest

from lstmbook.evaluation import Evaluation, PredictError, evaluate
from lstmbook.experiments import designs
from lstmbook.lanes.draws import Stream, stream_key
from lstmbook.sequences import Sequence
from lstmbook.tasks.criteria import RunOfRight
from lstmbook.tasks.long_time_lags import RandomDistractors

TASK = RandomDistractors(q=2, p=3, criterion=RunOfRight(tolerance=0.5, run=5))


class Always:
    """Gives one answer."""

    def __init__(self, y=(0.75, 0.25)):
        self.weights = np.array(y)

    def learn(self, sequence):
        return self.predict(sequence)

    def predict(self, sequence):
        return np.tile(self.weights, (len(sequence), 1))


def test_shares_and_means_are_those_of_the_sequences():
    stream = Stream(stream_key(4, "evaluation"))
    first = np.mean([TASK.sample(stream).targets[-1, 0] for _ in range(50)])
    found = evaluate(Always(), TASK, n=50, seed=4)
    # half the squared error is 1/16 where the first output is wanted, 9/16 where the second is
    wanted = Evaluation(
        50, first, (first + 9 * (1 - first)) / 16, 0.25 * first + 0.75 * (1 - first)
    )
    assert 0.2 < first < 0.8
    assert found.n == 50
    for name in ("right", "loss", "largest_error"):
        assert getattr(found, name) == pytest.approx(getattr(wanted, name))


def test_no_trial_learns_from_its_sequences():
    keys = {stream_key(seed, name) for seed in range(50) for name in ("sequences", "evaluation")}
    assert len(keys) == 100
    assert evaluate(Always(), TASK, n=50, seed=4) == evaluate(Always(), TASK, n=50, seed=4)
    assert evaluate(Always(), TASK, n=50, seed=4) != evaluate(Always(), TASK, n=50, seed=5)


def test_sequences_may_be_given():
    task = designs.design("table3/lstm-3x2-rate0.5").task_of(0)
    learner = Always(np.full(7, 0.5))
    found = evaluate(learner, task, sequences=task.test)
    assert found.n == len(task.test)
    assert found.right == 0


def test_only_steps_that_count_have_an_error():
    far = Sequence(np.zeros((2, 2)), np.array([[9.0, 9.0], [1.0, 0.0]]), np.array([False, True]), 2)
    assert evaluate(Always(), TASK, sequences=[far]).largest_error == 0.25


class Learns(Always):
    def predict(self, sequence):
        self.weights = self.weights + 0.125
        return super().predict(sequence)


class Hides(Always):
    def __init__(self):
        self.y = np.zeros(2)

    def predict(self, sequence):
        self.y += 0.125
        return np.tile(self.y, (len(sequence), 1))


class Draws(Always):
    def __init__(self):
        self.rng = np.random.default_rng(0)

    def predict(self, sequence):
        return self.rng.random(sequence.targets.shape)


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (Learns, r"Learns.predict has changed the weights 'weights'; it must change nothing"),
        (Hides, r"Hides.predict gave other outputs for sequence 0 the second time, by up to 1.25"),
        (Draws, r"Draws.predict gave other outputs for sequence 0 the second .* no random numbers"),
    ],
)
def test_predict_must_change_nothing(made, message):
    with pytest.raises(PredictError, match=message):
        evaluate(made(), TASK, n=10)


@pytest.mark.parametrize(
    ("settings", "kind", "message"),
    [
        ({"learner": Always}, TypeError, r"learner is <class .*; it must be a learner, already"),
        ({"learner": 3}, TypeError, r"learner is 3; it must be a learner"),
        ({"task": "1c"}, TypeError, r"task is '1c'; it must be a task, already made"),
        ({"n": 0}, ValueError, r"n is 0; it must be at least 1"),
        ({"seed": -1}, ValueError, r"seed is -1; it must be at least 0"),
        ({"sequences": []}, ValueError, r"sequences is empty; give at least one"),
        ({"sequences": [3]}, TypeError, r"sequences\[0\] is 3; it must be a Sequence"),
        ({"learner": Always(np.ones(3))}, ValueError, r"predict returned an array of shape"),
    ],
)
def test_impossible_evaluations(settings, kind, message):
    with pytest.raises(kind, match=message):
        evaluate(**({"learner": Always(), "task": TASK} | settings))
