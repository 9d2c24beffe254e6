"""Whether a learner answers before it is told: a check of any learner on any task.

A learner is handed a sequence with its targets, for it has to learn from them. Nothing but a look
at its outputs tells whether it used a target before it answered. So it is built twice from the
same seed and shown the same sequences, but that the second time the targets of one sequence are
others from some step on. Up to that step, that step included, it must answer the same: what it
had been told until then was the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from lstmbook.lanes.draws import Stream, stream_key
from lstmbook.protocols import Learner, Task, as_returned, batch_size_of, shown
from lstmbook.sequences import Sequence
from lstmbook.validation import Array, as_count, as_number

Made = Callable[[], Learner]
Outputs = npt.NDArray[Any]


class PeekingError(ValueError):
    """A learner that used a target before it answered.

    Attributes
    ----------
    sequence, step
        Which output gives it away, both counted from 0 in the order of presentation.
    by
        How much that output changed.
    told
        The step from which on the targets were others, of `altered`, the sequence with them.
    method
        What the learner was asked: "learn", "learn_batch" or "predict".
    """

    def __init__(
        self,
        message: str,
        method: str,
        sequence: int,
        step: int,
        by: float,
        altered: int,
        told: int,
    ) -> None:
        super().__init__(message)
        self.method, self.sequence, self.step, self.by = method, sequence, step, by
        self.altered, self.told = altered, told

    def __reduce__(self) -> tuple[Any, ...]:
        known = (self.method, self.sequence, self.step, self.by, self.altered, self.told)
        return type(self), (str(self), *known)


def check_no_peeking(
    make: Callable[[Task, np.random.Generator], Learner],
    task: Task,
    *,
    sequences: int = 8,
    steps: int = 6,
    seed: int = 0,
    tolerance: float = 0.0,
) -> int:
    """Raise an error if a learner uses a target before it has answered.

    Its outputs while it learns must not depend on targets of the same or later steps. Those of
    earlier steps it may use (a learner that changes its weights at every step does), except of
    a batch: all of its outputs are made before any of its targets is used. What it predicts must
    not depend on the targets at all.

    Not caught is what never shows in those sequences, steps and targets: a learner that begins
    to peek later in a trial, at rare sequences, or at other settings; so raise `sequences` and
    `steps`, and try other seeds. Nor is one that predicts from a table of the inputs it has
    seen. A task whose inputs tell the target is no fault of the learner, and what it gets from
    elsewhere than the sequence, such as by running the task itself, is not seen. A learner that
    draws from anything but its `rng`, the time for instance, is refused, since two of them
    cannot be compared. Of a learner in lane code the net at work is seen, not the loop: a
    unit's memory that reads what is wanted is refused when it is made, and lane code beyond
    that is its author's to answer for.

    Parameters
    ----------
    make
        ``make(task, rng)`` returns a fresh learner; of a design, ``design.learner.build``.
    task
        What draws the sequences.
    sequences
        How many are presented, one after the other; for a learner with a `batch_size`, how many
        batches. Of each, or of one in each batch, targets are altered.
    steps
        At how many steps of a sequence at most this begins: the first and the last that have a
        target, and others drawn by chance.
    seed
        Of the learner, the sequences and the choices of steps.
    tolerance
        Outputs that differ by no more are the same; 0 where the same numbers always give the
        same bits.

    Returns
    -------
    comparisons
        How many comparisons were made, none of which gave it away.

    Raises
    ------
    PeekingError
        If it peeks: which sequence and step gave it away, and by how much.
    TypeError, ValueError
        If an argument is of the wrong kind, two learners of the same seed differ, or the
        sequences have no targets.
    """
    if not callable(make):
        raise TypeError(f"make is {make!r}; it must be callable: make(task, rng) returns a learner")
    if not isinstance(task, Task) or isinstance(task, type):
        raise TypeError(f"task is {task!r}; it must be a task, already made")
    batches = as_count("sequences", sequences, at_least=1)
    as_count("steps", steps, at_least=1)
    as_count("seed", seed, at_most=2**62)
    as_number("tolerance", tolerance, at_least=0)

    def made() -> Learner:
        learner: object = make(task, np.random.default_rng([seed, 1]))
        if not isinstance(learner, Learner):
            raise TypeError(f"make returned {learner!r}; a learner has learn and predict")
        return learner

    case = _Case.of(made, task, batches, steps, seed, tolerance)
    case.check_repeats()
    comparisons = 0
    for told in case.choices():
        for other in case.others(told):
            case.compare(told, other)
            comparisons += 1
    return comparisons + case.compare_predictions()


@dataclass(frozen=True)
class _Told:
    """From which step on which sequence gets other targets."""

    sequence: int
    step: int


@dataclass(frozen=True)
class _Case:
    """A learner with the sequences it is shown and what it answered."""

    made: Made
    shown: list[Sequence]
    answers: list[Outputs]
    size: int | None
    steps: int
    seed: int
    tolerance: float

    @classmethod
    def of(
        cls, made: Made, task: Task, batches: int, steps: int, seed: int, tolerance: float
    ) -> _Case:
        """Draw sequences, build a learner and show them to it."""
        size = batch_size_of(made())
        stream = Stream(stream_key(seed, "sequences"))
        drawn = [task.sample(stream) for _ in range(batches * (size or 1))]
        if not any(len(_with_targets(each)) for each in drawn):
            raise ValueError("task draws sequences without targets; there is nothing to peek at")
        answers = _answers(made(), drawn, size)
        return cls(made, drawn, answers, size, steps, seed, tolerance)

    @property
    def method(self) -> str:
        """Where outputs come from."""
        return "learn" if self.size is None else "learn_batch"

    def check_repeats(self) -> None:
        """Raise an error if a learner of the same seed answers something else."""
        again = _answers(self.made(), self.shown, self.size)
        for i, (before, now) in enumerate(zip(self.answers, again, strict=True)):
            step, by = _first_difference(before, now, self.tolerance)
            if step is not None:
                raise ValueError(
                    f"two learners of seed {self.seed} that were shown the same differ by {by:.3g} "
                    f"at step {step} of sequence {i}; a learner must draw from its rng alone (if "
                    "it is only rounded otherwise, give a tolerance)"
                )

    def choices(self) -> Iterator[_Told]:
        """Yield from which step on which sequence gets other targets."""
        rng = np.random.default_rng([self.seed, 2])
        size = self.size or 1
        for first in range(0, len(self.shown), size):
            i = first + int(rng.integers(size))
            at = _with_targets(self.shown[i])
            if len(at) > self.steps:
                inner = rng.choice(at[1:-1], max(0, self.steps - 2), replace=False)
                at = np.sort(np.concatenate([at[:1] if self.steps > 1 else at[:0], inner, at[-1:]]))
            for step in at.tolist():
                yield _Told(i, step)

    def others(self, told: _Told) -> Iterator[Sequence]:
        """Yield the sequence with other targets from a step on: turned round, and another's."""
        mine = self.shown[told.sequence]
        low = min(float(np.nanmin(each.targets)) for each in self.shown if _any(each))
        high = max(float(np.nanmax(each.targets)) for each in self.shown if _any(each))
        yield _altered(mine, told.step, _turned(mine.targets, low, high))
        for lag in range(1, len(self.shown)):
            other = self.shown[(told.sequence + lag) % len(self.shown)].targets
            rows = np.resize(other, mine.targets.shape)
            # where the other has nothing to say it says what it says elsewhere
            wanted = np.isfinite(mine.targets)
            rows = np.where(wanted & ~np.isfinite(rows), low, rows)
            if not np.array_equal(rows[told.step :][wanted[told.step :]],
                                  mine.targets[told.step :][wanted[told.step :]]):  # fmt: skip
                yield _altered(mine, told.step, rows)
                return

    def compare(self, told: _Told, other: Sequence) -> None:
        """Raise an error if outputs depend on targets that had not been told."""
        size = self.size or 1
        batch = told.sequence // size
        begin, end = batch * size, min((batch + 1) * size, len(self.shown))
        sequences = [*self.shown[:end]]
        sequences[told.sequence] = other
        answers = _answers(self.made(), sequences, self.size)
        for i in range(begin, end):
            # outputs of a batch are all made before its targets are used
            stop = told.step + 1 if self.size is None else len(self.shown[i])
            step, by = _first_difference(self.answers[i][:stop], answers[i][:stop], self.tolerance)
            if step is not None:
                self._raise(self.method, i, step, by, told)

    def compare_predictions(self) -> int:
        """Raise an error if what is predicted depends on targets."""
        learner = self.made()
        _answers(learner, self.shown, self.size)
        n = 0
        for i, sequence in enumerate(self.shown):
            if not _any(sequence):
                continue
            told = _Told(i, 0)
            before = _predicted(learner, sequence)
            for other in self.others(told):
                step, by = _first_difference(before, _predicted(learner, other), self.tolerance)
                if step is not None:
                    self._raise("predict", i, step, by, told)
                n += 1
        return n

    def _raise(self, method: str, i: int, step: int, by: float, told: _Told) -> None:
        name = type(self.made()).__name__
        whose = "its" if i == told.sequence else f"sequence {told.sequence}'s"
        rule = {
            "learn": "it must not depend on targets of that step or later ones",
            "learn_batch": "outputs of a batch are made before any of its targets is used",
            "predict": "what is predicted must not depend on targets",
        }[method]
        raise PeekingError(
            f"{name}.{method} peeks: its output at step {step} of sequence {i} changes by {by:.3g} "
            f"with {whose} targets from step {told.step} on; {rule}",
            method, i, step, by, told.sequence, told.step,
        )  # fmt: skip


def _answers(learner: Learner, sequences: list[Sequence], size: int | None) -> list[Outputs]:
    """Show a learner sequences and return its outputs, copied: it may use an array again."""
    found: list[Outputs] = []
    with np.errstate(over="ignore", invalid="ignore"):
        for first in range(0, len(sequences), size or 1):
            batch = sequences[first : first + (size or 1)]
            found += [each.copy() for each in shown(learner, batch)]
    return found


def _predicted(learner: Learner, sequence: Sequence) -> Outputs:
    with np.errstate(over="ignore", invalid="ignore"):
        found = learner.predict(sequence)
    return as_returned(f"{type(learner).__name__}.predict returned", sequence, found).copy()


def _any(sequence: Sequence) -> bool:
    return bool(np.isfinite(sequence.targets).any())


def _with_targets(sequence: Sequence) -> npt.NDArray[np.int64]:
    """Return the steps that have a target."""
    return np.flatnonzero(np.isfinite(sequence.targets).any(axis=1))


def _altered(sequence: Sequence, step: int, targets: Array) -> Sequence:
    """Return a sequence with other targets from a step on, where it has any."""
    mixed = sequence.targets.copy()
    later = np.isfinite(mixed)
    later[:step] = False
    mixed[later] = targets[later]
    return replace(sequence, targets=mixed)


def _turned(targets: Array, low: float, high: float) -> Array:
    """Return targets none of which is the same: unit vectors stay unit vectors.

    Outputs change places, and where that changes nothing, low numbers become high ones.
    """
    turned = np.roll(targets, 1, axis=1)
    same = (turned == targets).all(axis=1)
    turned[same] = low + high - targets[same]
    still = (turned == targets).all(axis=1)
    turned[still] = targets[still] + (high - low or 1.0) / 4
    return turned


def _first_difference(before: Outputs, now: Outputs, tolerance: float) -> tuple[int | None, float]:
    """Return the first step at which outputs differ, None if at none, and the largest gap there."""
    one, other = before.astype(np.float64), now.astype(np.float64)
    with np.errstate(invalid="ignore"):
        gap = np.abs(one - other)
    gap[(one == other) | (np.isnan(one) & np.isnan(other))] = 0.0
    gap[np.isnan(gap)] = np.inf  # one is a number and the other is not
    steps = np.flatnonzero((gap > tolerance).any(axis=1))
    return (int(steps[0]), float(gap[steps[0]].max())) if len(steps) else (None, 0.0)
