"""A trial is what the three protocols mean together: presented, judged, ended by name."""

import numpy as np
import pytest

from lstmbook.protocols import (
    Baseline,
    BatchLearner,
    Criterion,
    Learner,
    Task,
    dtype_of,
    made_with_of,
    run_trial,
    weights_of,
)
from lstmbook.sequences import Batch, Sequence
from lstmbook.tasks.criteria import AllRight, RunOfRight
from lstmbook.tasks.reber import EmbeddedReber


class Constant:
    """The task: always say 1; its criterion: five in a row within 0.3."""

    name, n_inputs, n_outputs = "constant", 1, 1
    criterion = RunOfRight(tolerance=0.3, run=5)

    def sample(self, rng):
        return Sequence(np.zeros(2, dtype=int), np.ones((2, 1)), np.ones(2, bool), 1)

    def doing_nothing(self):
        return Baseline(np.ones(1), 0.0)


class Creeping:
    """A learner in a few lines: its output creeps to 1 by a fixed step each sequence."""

    def __init__(self, step=0.125):
        self.y, self.step = 0.0, step

    def learn(self, sequence):
        outputs = self.predict(sequence)
        self.y = min(1.0, self.y + self.step)
        return outputs

    def predict(self, sequence):
        return np.full((len(sequence), 1), self.y)


def test_anything_with_the_methods_is_a_task_a_learner_a_criterion():
    assert isinstance(Constant(), Task)
    assert isinstance(Creeping(), Learner)
    assert isinstance(RunOfRight(0.2, 3), Criterion)


@pytest.mark.parametrize(("counted", "after"), [("first", 7), ("last", 11)])
def test_success_is_counted_at_the_first_or_last_of_the_run(counted, after):
    task = Constant()
    task.criterion = RunOfRight(tolerance=0.3, run=5, counted=counted)
    outcome = run_trial(task, Creeping(), np.random.default_rng(0), max_sequences=100, seed=3)
    assert outcome.success
    assert outcome.ending == "success"
    assert outcome.sequences == after  # y = 0.75 at the 7th sequence, error 0.25 < 0.3
    assert outcome.seed == 3


def test_the_cap_ends_a_trial_and_the_curve_is_the_mean_loss_of_windows():
    outcome = run_trial(
        Constant(), Creeping(step=0.0), np.random.default_rng(0), max_sequences=25, window=10
    )
    assert outcome.ending == "cap"
    assert not outcome.success
    assert outcome.sequences == 25
    assert outcome.errors == pytest.approx([1.0, 1.0])


def test_divergence_ends_a_trial_by_name():
    learner = Creeping()
    learner.y = np.nan
    outcome = run_trial(Constant(), learner, np.random.default_rng(0), max_sequences=9)
    assert outcome.ending == "diverged"
    assert outcome.sequences == 1


@pytest.mark.parametrize(
    ("returned", "kind", "message"),
    [
        (None, TypeError, r"Forgets.learn returned None; it must return the outputs, an array of"),
        ("good", TypeError, r"Forgets.learn returned 'good'; it must return the outputs"),
        ([[1.0], [1.0, 2.0]], TypeError, r"returned \[\[1.0\], \[1.0, 2.0\]\]; it must"),
        (np.ones(2), ValueError, r"an array of shape \(2,\); it must .* of shape \(2, 1\)"),
    ],
)
def test_what_a_learner_returns_must_be_its_outputs(returned, kind, message):
    class Forgets(Creeping):
        def learn(self, sequence):
            return returned

    with pytest.raises(kind, match=message):
        run_trial(Constant(), Forgets(), np.random.default_rng(0), max_sequences=9)


def test_outputs_may_be_lists():
    class Lists(Creeping):
        def learn(self, sequence):
            return super().learn(sequence).tolist()

    plain, lists = (
        run_trial(Constant(), learner, np.random.default_rng(0), max_sequences=100)
        for learner in (Creeping(), Lists())
    )
    assert (lists.ending, lists.sequences) == (plain.ending, plain.sequences) == ("success", 7)


def test_all_right_tries_the_sets_with_fixed_weights():
    task = Constant()
    batch = Batch.of([task.sample(None)])
    criterion = AllRight(lambda s, y: bool((y > 0.9).all()), (batch,), every=4)
    task.criterion = criterion
    assert isinstance(criterion, Criterion)
    outcome = run_trial(task, Creeping(), np.random.default_rng(0), max_sequences=100)
    assert outcome.success
    assert outcome.sequences == 8


def test_a_last_step_criterion_ignores_the_others():
    sequence = Sequence(np.zeros(2, dtype=int), [[0.0], [1.0]], np.ones(2, bool), 1)
    outputs = np.array([[1.0], [0.9]])
    assert not RunOfRight(0.25, 1).right(sequence, outputs)
    assert RunOfRight(0.25, 1, steps="last").right(sequence, outputs)


def test_impossible_settings_are_refused_by_name():
    with pytest.raises(ValueError, match="tolerance is 0"):
        RunOfRight(0.0, 5)
    with pytest.raises(ValueError, match="run is 0"):
        RunOfRight(0.1, 0)
    with pytest.raises(ValueError, match="steps is 'first'"):
        RunOfRight(0.1, 1, steps="first")
    with pytest.raises(ValueError, match="max_sequences is 0"):
        run_trial(Constant(), Creeping(), np.random.default_rng(0), max_sequences=0)


class Batches(Creeping):
    """Creeps once a batch, and keeps what it was shown."""

    def __init__(self, batch_size, step=0.125):
        super().__init__(step)
        self.batch_size, self.seen = batch_size, []

    def learn_batch(self, batch):
        self.seen.append(list(batch))
        outputs = [self.predict(each) for each in batch]
        self.y = min(1.0, self.y + self.step * len(batch))
        return outputs


def batch_trial(learner, task=None, **settings):
    settings = {"max_sequences": 100} | settings
    return run_trial(task or Constant(), learner, np.random.default_rng(0), **settings)


@pytest.mark.parametrize(
    ("counted", "after", "presented"), [("first", 9, 16), ("last", 13, 16), ("cap", 10, 10)]
)
def test_a_trial_that_ends_within_a_batch_is_counted_at_its_sequence(counted, after, presented):
    task, learner = Constant(), Batches(4)
    assert isinstance(learner, BatchLearner)
    cap = 10 if counted == "cap" else 100
    task.criterion = RunOfRight(0.3, 5, counted="last" if counted == "last" else "first")
    outcome = batch_trial(learner, task, max_sequences=cap)
    # y is 0, then 0.5, then 1 from the 9th on: the 13th, first of the fourth batch, makes five
    assert (outcome.sequences, outcome.presented) == (after, presented)
    assert [len(each) for each in learner.seen] == [4] * (presented // 4) + [2] * (counted == "cap")
    assert outcome.ending == ("cap" if counted == "cap" else "success")


def test_the_curve_of_batches_has_windows_of_sequences():
    outcome = batch_trial(Batches(4, step=0.0), max_sequences=25, window=10)
    assert outcome.errors == pytest.approx([1.0, 1.0])


def test_batches_hold_the_same_sequences_in_the_same_order(reber):
    class Notes:
        def __init__(self):
            self.seen = []

        def learn(self, sequence):
            self.seen.append(sequence)
            return self.predict(sequence)

        def predict(self, sequence):
            return np.zeros((len(sequence), 7))

    class InBatches(Notes):
        batch_size = 5

        def learn_batch(self, batch):
            return [self.learn(each) for each in batch]

    one, other = Notes(), InBatches()
    for learner in (one, other):
        batch_trial(learner, reber, max_sequences=23)
    assert len(one.seen) == len(other.seen) == 23
    for mine, theirs in zip(one.seen, other.seen, strict=True):
        np.testing.assert_array_equal(mine.inputs, theirs.inputs)
        np.testing.assert_array_equal(mine.targets, theirs.targets)


@pytest.fixture
def reber():
    return EmbeddedReber.draw(np.random.default_rng(0), 16, 4, every=7)


def test_a_batch_ends_where_the_criterion_lets_the_learner_predict():
    task, learner = Constant(), Batches(3)
    sets = (Batch.of([task.sample(None)]),)
    task.criterion = AllRight(lambda s, y: bool((y > 0.9).all()), sets, every=4)
    outcome = batch_trial(learner, task)
    assert [len(each) for each in learner.seen] == [3, 1, 3, 1]
    assert outcome.sequences == outcome.presented == 8


def test_a_batch_diverges_at_a_sequence():
    class Breaks(Batches):
        def learn_batch(self, batch):
            outputs = super().learn_batch(batch)
            outputs[2] = outputs[2] * np.nan
            return outputs

    outcome = batch_trial(Breaks(4))
    assert (outcome.ending, outcome.sequences, outcome.presented) == ("diverged", 3, 4)


def test_without_a_size_sequences_come_one_by_one():
    learner = Batches(None)
    assert batch_trial(learner).sequences == 7
    assert learner.seen == []


@pytest.mark.parametrize(
    ("size", "returned", "kind", "message"),
    [
        (0, [], ValueError, r"Odd.batch_size is 0; it must be at least 1"),
        ("4", [], TypeError, r"Odd.batch_size must be a whole number, not '4'"),
        (2, None, TypeError, r"Odd.learn_batch returned None; .* each of 2 sequences"),
        (2, [np.zeros((2, 1))], ValueError, r"outputs of 1 sequences; it was shown 2"),
        (2, [np.zeros((2, 1)), None], TypeError, r"for sequence 1 of the batch None; it must"),
        (2, np.zeros((2, 3, 1)), ValueError, r"of the batch an array of shape \(3, 1\)"),
    ],
)
def test_what_a_batch_learner_must_be(size, returned, kind, message):
    class Odd(Batches):
        def learn_batch(self, batch):
            return returned

    with pytest.raises(kind, match=message):
        batch_trial(Odd(size))


def test_a_batch_learner_must_say_its_size():
    class Silent(Creeping):
        def learn_batch(self, batch):
            return []

    with pytest.raises(TypeError, match="Silent has learn_batch and no batch_size; it must say"):
        batch_trial(Silent())


class Single(Creeping):
    def predict(self, sequence):
        return super().predict(sequence).astype(np.float32)


@pytest.mark.parametrize("said", ["float32", np.float32, np.dtype("float32"), "torch.float32"])
def test_the_dtype_of_a_learner_is_what_it_says_or_that_of_its_outputs(said):
    learner = Creeping()
    assert batch_trial(learner).dtype == "float64"
    assert batch_trial(Single()).dtype == "float32"
    learner.dtype = said
    assert batch_trial(learner).dtype == dtype_of(learner, np.zeros(1)) == "float32"


def test_a_dtype_must_be_a_name():
    learner = Creeping()
    learner.dtype = 32
    with pytest.raises(TypeError, match=r"Creeping.dtype is 32; it must name a kind of numbers"):
        batch_trial(learner)


def test_what_it_was_made_with_must_be_words():
    learner = Creeping()
    assert made_with_of(learner) == ""
    learner.made_with = ["torch"]
    with pytest.raises(TypeError, match=r"Creeping.made_with is \['torch'\]; it must be a text"):
        made_with_of(learner)


@pytest.mark.parametrize(
    ("weights", "names"),
    [
        (np.ones(2), ["weights"]),
        ([np.ones(2), np.ones(3)], ["0", "1"]),
        ({"W": np.ones(2), "name": "mine"}, ["W"]),
        (None, []),
    ],
)
def test_weights_are_copies_by_name(weights, names):
    learner = Creeping()
    learner.weights = weights
    found = weights_of(learner)
    assert list(found) == names
    for each in found.values():
        each[:] = 7
    assert all((each == 1).all() for each in weights_of(learner).values())
