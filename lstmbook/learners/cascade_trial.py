"""Trials of Recurrent Cascade-Correlation: whole epochs over a training set, and what is noted.

Other learners' trials run in lockstep, in `lstmbook.lanes.loop`. Here a net grows, and an epoch is
a pass over a fixed set, so that presentations are counted an epoch at a time.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Literal

import numpy as np

from lstmbook.lanes.draws import Stream, stream_key
from lstmbook.lanes.words import (
    below,
)
from lstmbook.learners.cascade_correlation import (
    CascadeCorrelation,
    RecurrentCascadeCorrelation,
    StepSet,
)
from lstmbook.protocols import Judge, Outcome, Task, judge_of
from lstmbook.sequences import BoolArray, IntArray
from lstmbook.tasks.criteria import AllRight
from lstmbook.tasks.fixed_set import FixedSet
from lstmbook.tasks.reber import ALPHABET, possible_next, string_predicted
from lstmbook.validation import Array, as_count

SHARES = (0.5, 0.75, 0.9, 0.95, 0.99)
"""Milestones: these shares of the strings of both sets."""

Verdict = tuple[int, int] | None
"""After how many sequences success was seen and at which it is counted, or None."""


class EachSequence:
    """Tells a task's judge of one sequence after the other."""

    def __init__(self, judge: Judge, learner: RecurrentCascadeCorrelation) -> None:
        self.judge, self.learner = judge, learner
        self.sequences, self.set = list(learner.training), learner.follow(learner.training)
        self.milestones: dict[str, Any] = {}

    def until(self, presented: int) -> int:
        """Return how many sequences may be presented before this has to be asked."""
        return len(self.sequences)

    def see(self, picks: IntArray) -> Verdict:
        """Let the learner count some sequences of its set, and the judge see them."""
        first, starts = self.learner.presented, self.learner.training.starts
        outputs = self.learner.outputs(self.set)
        for pick in picks.tolist():
            self.learner.count(1)
            seen = outputs[starts[pick] : starts[pick + 1]]
            if self.judge.see(self.sequences[pick], seen, self.learner):
                return self.learner.presented - first, self.judge.after
        return None


class AllStrings:
    """Tries all strings of the embedded Reber grammar's sets at once, as `AllRight` does."""

    def __init__(self, criterion: AllRight, learner: RecurrentCascadeCorrelation) -> None:
        self.every, self.learner = criterion.every, learner
        self.sets = [learner.follow(batch) for batch in criterion.sets]
        for each in self.sets:
            codes = (ALPHABET.decode(np.asarray(s.inputs, dtype=np.int64)) for s in each.batch)
            each.allow(np.concatenate([possible_next(string) for string in codes]))
        self.milestones: dict[str, Any] = {"largest share of strings predicted": 0.0}
        self.tried: tuple[int, int] | None = None
        self.right = np.zeros((0, 2), dtype=np.bool_)

    def until(self, presented: int) -> int:
        """Return how many sequences may be presented before the strings are to be tried."""
        return self.every - presented % self.every

    def see(self, picks: IntArray) -> Verdict:
        """Let the learner count some sequences, and try all strings where it is due."""
        self.learner.count(len(picks))
        if self.learner.presented % self.every:
            return None
        self._try_strings()
        predicted, remembered = (float(share) for share in self.right.mean(axis=0))
        self._note(predicted, remembered)
        return (len(picks), self.learner.presented) if self.right[:, 0].all() else None

    def _try_strings(self) -> None:
        """Note which strings are predicted and remembered, if outputs have moved since."""
        state = (self.learner.hidden, self.learner.moves)
        if state != self.tried:
            self.tried = state
            self.right = np.concatenate([self._strings_right(each) for each in self.sets])

    def _strings_right(self, of: StepSet) -> BoolArray:
        """Return of each string whether it is predicted, and its second symbol remembered."""
        batch, legal = of.batch, self.learner.margins(of) > 0.0
        second = np.asarray(batch.inputs, dtype=np.int64)[batch.starts[:-1] + 1]
        other, last = ALPHABET.code("T") + ALPHABET.code("P") - second, batch.starts[1:] - 2
        predicted = np.logical_and.reduceat(legal, batch.starts[:-1])
        y, last = of.field("y"), of.order[last]
        return np.stack([predicted, y[last, second] > y[last, other]], axis=1)

    def _note(self, predicted: float, remembered: float) -> None:
        noted, presented = self.milestones, self.learner.presented
        for share in SHARES:
            if predicted >= share:
                noted.setdefault(f"{share:.0%} of strings predicted", presented)
            if remembered >= share:
                noted.setdefault(f"{share:.0%} of second symbols remembered", presented)
        most = max(noted["largest share of strings predicted"], predicted)
        noted["largest share of strings predicted"] = most
        noted["share of strings predicted at the end"] = predicted
        noted["share of second symbols remembered at the end"] = remembered


def judging(
    task: Task, learner: RecurrentCascadeCorrelation, test: Stream
) -> EachSequence | AllStrings:
    """Return what tells whether a task's criterion is met; `test` draws its test set, if any."""
    criterion = task.criterion
    if isinstance(criterion, AllRight) and criterion.is_right is string_predicted:
        return AllStrings(criterion, learner)
    return EachSequence(judge_of(task, test), learner)


class CascadeTrial:
    """A trial under way: what `run_cascade_trial` runs, with its parameters.

    Attributes
    ----------
    learner
        The net.
    ending, sequences
        As in `lstmbook.protocols.Outcome`; None and 0 while the trial goes on.
    """

    def __init__(
        self,
        task: Task,
        settings: CascadeCorrelation,
        seed: int,
        max_sequences: int,
        window: int,
        plain: bool,
    ) -> None:
        self.cap = as_count("max_sequences", max_sequences, at_least=1)
        self.window = as_count("window", window, at_least=1)
        self.began, self.seed = time.perf_counter(), seed
        self.stream = Stream(stream_key(seed, "sequences"))
        task = FixedSet.of(task, settings.n_training, self.stream)
        self.learner = settings.build(task, Stream(stream_key(seed, "weights")), plain=plain)
        self.judge = judging(task, self.learner, Stream(stream_key(seed, "test")))
        self.ending: Literal["success", "cap", "diverged"] | None = None
        self.sequences = 0
        self.added: list[int] = []
        self.curve, self.left = [np.zeros(0)], np.zeros(0)

    def go_on(self) -> None:
        """Present sequences until something else is due: the criterion, an epoch's end, the cap."""
        learner, size = self.learner, len(self.learner.training)
        presented = learner.presented
        due = (size - presented % size, self.judge.until(presented), self.cap - presented)
        picks = below(self.stream.words(min(due)), size)
        losses = learner.losses()[picks]
        good = len(picks) if np.isfinite(losses).all() else int(np.isfinite(losses).argmin())
        verdict = self.judge.see(picks[:good])
        if verdict is not None:
            (good, self.sequences), self.ending = verdict, "success"
        elif good < len(picks):
            learner.count(1)
            self.sequences, self.ending = learner.presented, "diverged"
        elif learner.presented == self.cap:
            self.sequences, self.ending = self.cap, "cap"
        self.added += [learner.presented] * (learner.hidden - len(self.added))
        self._note(losses[:good])

    def _note(self, losses: Array) -> None:
        """Add losses to the error curve, which has a point for each full window."""
        self.left = np.append(self.left, losses)
        full = len(self.left) // self.window * self.window
        self.curve.append(self.left[:full].reshape(-1, self.window).mean(axis=1))
        self.left = self.left[full:]

    def milestones(self) -> dict[str, Any]:
        """Return what was noted besides."""
        return self.judge.milestones | {
            "hidden units": self.learner.hidden,
            "epochs": self.learner.epochs,
            "units added": self.added,
        }

    def outcome(self) -> Outcome:
        """Return how the trial ended.

        Raises
        ------
        ValueError
            If it has not ended.
        """
        if self.ending is None:
            raise ValueError("ending is None; the trial has not ended")
        return Outcome(
            ending=self.ending,
            sequences=self.sequences,
            errors=np.concatenate(self.curve),
            window=self.window,
            seconds=time.perf_counter() - self.began,
            seed=self.seed,
        )


def run_cascade_trial(
    task: Task,
    settings: CascadeCorrelation,
    seed: int,
    *,
    max_sequences: int,
    window: int = 100,
    plain: bool = False,
    progress: Callable[[int], None] | None = None,
) -> tuple[Outcome, dict[str, Any], RecurrentCascadeCorrelation]:
    """Run one trial: what `lstmbook.protocols.run_trial` does, an epoch at a time.

    Parameters
    ----------
    task
        Of one without a training set, `CascadeCorrelation.n_training` sequences are drawn, and
        these alone are presented.
    settings
        The constants of the algorithm.
    seed
        From it weights and sequences are drawn (`lstmbook.lanes.draws`).
    max_sequences, window
        As in `run_trial`.
    plain
        Run the sources in NumPy.
    progress
        Called with the number of sequences presented, at least once an epoch; what it raises
        ends the trial.

    Returns
    -------
    outcome
        How the trial ended.
    milestones
        By name: the hidden units, the epochs, and the sequences after which each unit was added;
        of the embedded Reber grammar also after how many sequences which share of the strings
        (of both sets) was predicted when the criterion was tried, and in which share the second
        symbol was remembered (`lstmbook.tasks.reber.remembered`), and the last and the largest
        shares.
    learner
        The net as it is at the end.
    """
    trial = CascadeTrial(task, settings, seed, max_sequences, window, plain)
    while trial.ending is None:
        trial.go_on()
        if progress is not None:
            progress(trial.learner.presented)
    return trial.outcome(), trial.milestones(), trial.learner
