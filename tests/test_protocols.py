"""A trial is what the three protocols mean together: presented, judged, ended by name."""

import numpy as np
import pytest

from lstmbook.protocols import Baseline, Criterion, Learner, Task, run_trial
from lstmbook.sequences import Batch, Sequence
from lstmbook.tasks.criteria import AllRight, RunOfRight


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
