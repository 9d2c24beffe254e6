"""Whoever uses a target before the answer is caught; whoever does not is left in peace."""

import pickle
from functools import partial

import numpy as np
import pytest

from lstmbook.experiments import designs
from lstmbook.peeking import PeekingError, check_no_peeking
from lstmbook.remedies.bptt_net import bptt_net
from lstmbook.sequences import Sequence
from lstmbook.tasks.adding import Adding

REBER = designs.design("table3/lstm-3x2-rate0.5").task_of(0)
DISTRACTORS = designs.design("table2/q50-p50").with_task(q=3, p=5).task
ADDING = Adding()
TASKS = {"every step": REBER, "last step": DISTRACTORS, "one real output": ADDING}


class Honest:
    """Learns at once from each step that it has answered."""

    def __init__(self, task, rng):
        self.y, self.presented = rng.random(task.n_outputs), 0

    def predict(self, sequence):
        return np.tile(self.y, (len(sequence), 1))

    def learn(self, sequence):
        outputs = np.empty(sequence.targets.shape)
        for t in range(len(sequence)):
            outputs[t] = self.y
            if sequence.mask[t]:
                self.y = self.y + 0.1 * (sequence.targets[t] - self.y)
        self.presented += 1
        return outputs


class Stochastic(Honest):
    """Answers with noise of its own."""

    def __init__(self, task, rng):
        super().__init__(task, rng)
        self.rng = rng

    def learn(self, sequence):
        return super().learn(sequence) + 0.1 * self.rng.normal(size=sequence.targets.shape)


class InBatches(Honest):
    batch_size = 3

    def learn_batch(self, batch):
        outputs = [self.predict(each) for each in batch]
        for each in batch:
            super().learn(each)
        return outputs


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
@pytest.mark.parametrize("made", [Honest, Stochastic, InBatches])
def test_the_honest_pass(made, task):
    assert check_no_peeking(made, task) >= 8


@pytest.mark.parametrize(
    "row",
    [
        "table1/lstm-p100-thesis",
        "table1/rtrl-p4-rate10",
        "table1/chunker-p100",
        "table2/q50-p50",
        "table3/lstm-3x2-rate0.5",
        "table3/rtrl-3",
        "table3/elman-15",
    ],
)
def test_the_learners_of_the_papers_pass(row):
    design = designs.design(row)
    if row.endswith(("thesis", "chunker-p100")):
        design = design.with_task(p=5)
    assert check_no_peeking(design.learner.build, design.task_of(0), sequences=4) > 4


@pytest.mark.parametrize("updates", ["every step", "sequence end"])
def test_all_ways_of_updating_pass(updates):
    design = designs.design("table3/lstm-3x2-rate0.5").with_options(updates=updates)
    assert check_no_peeking(design.learner.build, REBER, sequences=4) > 4


class Copies(Honest):
    def learn(self, sequence):
        return np.nan_to_num(sequence.targets)


class UpdatesFirst(Honest):
    def learn(self, sequence):
        super().learn(sequence)
        return self.predict(sequence)


class OneStepAhead(Honest):
    """Knows at each step what will be wanted at the next one."""

    def learn(self, sequence):
        outputs = super().learn(sequence)
        outputs[:-1] += 1e-9 * np.nan_to_num(sequence.targets[1:])
        return outputs


class OneStepLate(Honest):
    """Says at each step what was wanted at the one before, as anyone may."""

    def learn(self, sequence):
        outputs = super().learn(sequence)
        outputs[1:] += 1e-3 * np.nan_to_num(sequence.targets[:-1])
        return outputs


class Sometimes(Honest):
    """Peeks at one sequence in five, at the last step."""

    def learn(self, sequence):
        outputs = super().learn(sequence)
        if self.presented % 5 == 0:
            outputs[-1] = sequence.targets[-1]
        return outputs


class ByShape(Honest):
    """Sees only which output is wanted most."""

    def learn(self, sequence):
        outputs = super().learn(sequence)
        outputs[-1] = sequence.targets[-1] > 0.5
        return outputs


@pytest.mark.parametrize("task", TASKS.values(), ids=TASKS)
@pytest.mark.parametrize("made", [Copies, UpdatesFirst, OneStepAhead, Sometimes, ByShape])
def test_the_others_are_caught(made, task):
    with pytest.raises(PeekingError, match=rf"{made.__name__}.learn peeks: its output at step"):
        check_no_peeking(made, task)


def test_targets_of_earlier_steps_are_free():
    assert check_no_peeking(OneStepLate, REBER) > 8


class Planned:
    """Sequences of three steps whose targets are 0 and 1."""

    name, n_inputs, n_outputs, criterion = "planned", 1, 2, DISTRACTORS.criterion

    def sample(self, rng):
        wanted = np.eye(2)[[rng.below(2) for _ in range(3)]]
        return Sequence(np.zeros((3, 1)), wanted, np.ones(3, bool), 1)

    def doing_nothing(self):
        raise NotImplementedError


def test_the_report_names_sequence_step_and_size():
    with pytest.raises(PeekingError) as caught:
        check_no_peeking(Sometimes, Planned())
    error = caught.value
    assert (error.method, error.sequence, error.step) == ("learn", 4, 2)
    assert (error.altered, error.told) == (4, 2)
    assert str(error) == (
        f"Sometimes.learn peeks: its output at step 2 of sequence 4 changes by {error.by:.3g} with "
        "its targets from step 2 on; it must not depend on targets of that step or later ones"
    )
    assert error.by == 1
    far = pickle.loads(pickle.dumps(error))
    assert (str(far), far.step, far.by) == (str(error), error.step, error.by)


class OneAfterTheOther(Honest):
    """Takes a batch and learns it one by one, so that later answers know earlier targets."""

    batch_size = 3

    def learn_batch(self, batch):
        return [self.learn(each) for each in batch]


def test_within_a_batch_nothing_is_told():
    with pytest.raises(PeekingError, match=r"OneAfterTheOther.learn_batch peeks: .* are made be"):
        check_no_peeking(OneAfterTheOther, REBER)


class Predicts(Honest):
    def predict(self, sequence):
        return np.nan_to_num(sequence.targets)


def test_predictions_must_not_know_targets_at_all():
    with pytest.raises(PeekingError, match=r"Predicts.predict peeks: its output at step 0 of") as e:
        check_no_peeking(Predicts, REBER)
    assert e.value.method == "predict"


def test_it_comes_too_late_for_what_begins_later_and_more_sequences_catch_it():
    class Waits(Honest):
        def learn(self, sequence):
            outputs = super().learn(sequence)
            return np.nan_to_num(sequence.targets) if self.presented > 12 else outputs

    assert check_no_peeking(Waits, DISTRACTORS)
    with pytest.raises(PeekingError):
        check_no_peeking(Waits, DISTRACTORS, sequences=14)


class Clock(Honest):
    def __init__(self, task, rng):
        super().__init__(task, np.random.default_rng())


def rounded(task, rng):
    """Make a learner whose last bits are never the same."""

    class Rounded(Honest):
        def learn(self, sequence):
            return super().learn(sequence) + 1e-12 * np.random.default_rng().random()

        def predict(self, sequence):
            return super().predict(sequence) + 1e-12 * np.random.default_rng().random()

    return Rounded(task, rng)


def test_a_tolerance_forgives_rounding():
    with pytest.raises(ValueError, match="if it is only rounded otherwise, give a tolerance"):
        check_no_peeking(rounded, DISTRACTORS)
    assert check_no_peeking(rounded, DISTRACTORS, tolerance=1e-9)


class Silent(Planned):
    def sample(self, rng):
        return Sequence(np.zeros((3, 1)), np.full((3, 2), np.nan), np.zeros(3, bool), 1)


@pytest.mark.parametrize(
    ("settings", "kind", "message"),
    [
        ({"make": 3}, TypeError, r"make is 3; it must be callable: make\(task, rng\) returns a"),
        ({"make": lambda task, rng: 3}, TypeError, r"make returned 3; a learner has learn and pre"),
        ({"task": "1c"}, TypeError, r"task is '1c'; it must be a task"),
        ({"task": Silent()}, ValueError, r"without targets; there is nothing to peek at"),
        ({"sequences": 0}, ValueError, r"sequences is 0; it must be at least 1"),
        ({"steps": 0}, ValueError, r"steps is 0; it must be at least 1"),
        ({"tolerance": -1}, ValueError, r"tolerance is -1; it must be at least 0"),
        ({"make": Clock}, ValueError, r"two learners of seed 0 that were shown the same differ by"),
    ],
)
def test_impossible_checks(settings, kind, message):
    with pytest.raises(kind, match=message):
        check_no_peeking(**({"make": Honest, "task": DISTRACTORS} | settings))


def test_settings_of_a_learner_go_along():
    design = designs.design("table2/q50-p50").with_learner(InBatches)
    assert check_no_peeking(design.learner.build, design.task)
    assert check_no_peeking(partial(Honest), REBER, steps=1)


@pytest.mark.parametrize("updates", ["every step", "sequence end"])
def test_nets_trained_through_time_pass(updates):
    design = designs.design("table1/rtrl-p4-rate10")
    net = partial(bptt_net, hidden=2, updates=updates)
    assert check_no_peeking(net, design.task) >= 8
