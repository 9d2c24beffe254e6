"""When a trial counts as a success: the papers' two kinds of criterion."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from lstmbook.protocols import Judge, Learner
from lstmbook.sequences import Batch, Sequence, as_choice, as_outputs
from lstmbook.validation import Array, as_count, as_number


@dataclass(frozen=True)
class RunOfRight:
    """Success: so many successive sequences, as they are presented, are right.

    A sequence is right if the absolute error of every output stays below the tolerance at the
    judged steps.

    Attributes
    ----------
    tolerance
        Errors must be smaller than this.
    run
        How many successive sequences must be right.
    steps
        "every" (each step that has a target) or "last" (the last one only).
    counted
        Which sequence of the run is reported: its "first" (learning was done by then) or its
        "last" (when success was seen).
    """

    tolerance: float
    run: int
    steps: str = "every"
    counted: str = "first"

    def __post_init__(self) -> None:
        as_number("tolerance", self.tolerance, above=0)
        as_count("run", self.run, at_least=1, at_most=2**62)
        as_choice("steps", self.steps, ("every", "last"))
        as_choice("counted", self.counted, ("first", "last"))

    def right(self, sequence: Sequence, outputs: Array) -> bool:
        """Return whether every judged error is below the tolerance."""
        outputs = as_outputs(sequence, outputs)
        has_target = np.isfinite(sequence.targets).all(axis=1)
        judged = np.flatnonzero(has_target)
        if self.steps == "last":
            judged = judged[-1:]
        error = np.abs(sequence.targets[judged] - outputs[judged])
        return bool((error < self.tolerance).all())

    def judge(self) -> Judge:
        """Return a judge for a new trial."""
        return _RunJudge(self)


@dataclass
class _RunJudge:
    criterion: RunOfRight
    presented: int = 0
    current_run: int = 0

    def see(self, sequence: Sequence, outputs: Array, learner: Learner) -> bool:
        self.presented += 1
        right = self.criterion.right(sequence, outputs)
        self.current_run = self.current_run + 1 if right else 0
        return self.current_run >= self.criterion.run

    @property
    def after(self) -> int:
        if self.criterion.counted == "last":
            return self.presented
        return self.presented - self.current_run + 1


@dataclass(frozen=True)
class AllRight:
    """Success: with the weights held fixed, every sequence of the given sets is right.

    Attributes
    ----------
    is_right
        Decides one sequence from it and the outputs, shape (T, n_outputs).
    sets
        The sets to be predicted, in the order they are tried.
    every
        The sets are tried after each so many presented sequences; success is counted there.
    """

    is_right: Callable[[Sequence, Array], bool] = field(repr=False)
    sets: tuple[Batch, ...] = field(repr=False)
    every: int = 256

    def __post_init__(self) -> None:
        as_count("every", self.every, at_least=1, at_most=2**62)

    def right(self, sequence: Sequence, outputs: Array) -> bool:
        """Return whether this one sequence is right."""
        return self.is_right(sequence, as_outputs(sequence, outputs))

    def judge(self) -> Judge:
        """Return a judge for a new trial."""
        return _SetJudge(self)


@dataclass
class _SetJudge:
    criterion: AllRight
    presented: int = 0

    def see(self, sequence: Sequence, outputs: Array, learner: Learner) -> bool:
        self.presented += 1
        if self.presented % self.criterion.every:
            return False
        return all(
            self.criterion.right(each, learner.predict(each))
            for batch in self.criterion.sets
            for each in batch
        )

    @property
    def after(self) -> int:
        return self.presented

    @property
    def until_look(self) -> int:
        return self.criterion.every - self.presented % self.criterion.every
