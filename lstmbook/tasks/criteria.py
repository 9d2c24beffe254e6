"""When a trial counts as a success: the papers' kinds of criterion.

Each is written once, in lane code (`lstmbook.lanes.verdict`): compiled trials and judges in Python
use the same functions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np

from lstmbook.lanes.blocks import Memory, real, whole
from lstmbook.lanes.verdict import (
    GO_ON,
    MET,
    MISSED,
    TRY,
    CriterionForm,
    LaneJudge,
    is_right,
)
from lstmbook.lanes.words import lane
from lstmbook.protocols import Judge
from lstmbook.sequences import Batch, Sequence, as_choice, as_outputs
from lstmbook.validation import Array, as_count, as_number

NO_LIMIT = 1e300
"""Stands for the limit of a mean error where there is none."""

MOST_RECENT = 10**6
"""So many recent sequences may be remembered."""


def largest_error(sequence: Sequence, outputs: Array, steps: str = "every") -> float:
    """Return the largest absolute error of all outputs.

    Parameters
    ----------
    steps
        "every" (each step that has a target) or "last" (the last one only).
    """
    outputs = as_outputs(sequence, outputs)
    judged = np.flatnonzero(np.isfinite(sequence.targets).all(axis=1))
    if steps == "last":
        judged = judged[-1:]
    errors = np.abs(sequence.targets[judged] - outputs[judged])
    return float(errors.max(initial=0.0))


class ByTolerance:
    """What criteria with a tolerance share: a sequence is right if its error is below it.

    A sequence's error is the largest absolute error of all outputs at the judged steps.

    Attributes
    ----------
    form
        The criterion in lane code.
    tolerance
        Errors must be smaller than this.
    steps
        "every" (each step that has a target) or "last" (the last one only).
    """

    form: ClassVar[CriterionForm]
    tolerance: float
    steps: str

    def _check(self) -> None:
        as_number("tolerance", self.tolerance, above=0)
        as_choice("steps", self.steps, ("every", "last"))

    def error(self, sequence: Sequence, outputs: Array) -> float:
        """Return the largest absolute judged error."""
        return largest_error(sequence, outputs, self.steps)

    def right(self, sequence: Sequence, outputs: Array) -> bool:
        """Return whether every judged error is below the tolerance."""
        return bool(is_right(self.form, self, self.error(sequence, outputs), 0.0))

    def judge(self) -> Judge:
        """Return a judge for a new trial."""
        return LaneJudge(self)


# ---------------------------------------------------------------- runs
@lane
def see_run(criterion: Any, judge: Any, recent: Memory, error: float, right: bool) -> int:
    """Count how many sequences have been right in a row."""
    judge.run = judge.run + 1 if right else 0
    return MET if judge.run >= criterion.run else GO_ON


@lane
def counted_of_run(criterion: Any, judge: Any) -> int:
    """Return the number of the last or first of the most recent sequences."""
    return judge.presented if criterion.counts_last else judge.presented - criterion.run + 1  # type: ignore[no-any-return]


@dataclass(frozen=True)
class RunOfRight(ByTolerance):
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

    form: ClassVar[CriterionForm] = CriterionForm(
        see=see_run,
        counted=counted_of_run,
        settings=(("tolerance", real()), ("run", whole()), ("counts_last", whole())),
        state=(("run", whole()),),
    )

    def __post_init__(self) -> None:
        self._check()
        as_count("run", self.run, at_least=1, at_most=2**62)
        as_choice("counted", self.counted, ("first", "last"))

    @property
    def counts_last(self) -> bool:
        """Whether the last sequence of the run is reported."""
        return self.counted == "last"


@lane
def see_run_and_mean(criterion: Any, judge: Any, recent: Memory, error: float, right: bool) -> int:
    """Count the run, and sum the errors of as many recent sequences as the run has to have.

    Errors stand in memory in laps of that many. When a lap is full, each number is replaced by
    the sum from it to the lap's end: such a sum of the old lap and the sum of the new lap so far
    are together those of the most recent sequences, and nothing is ever subtracted.
    """
    n = criterion.run
    judge.run = judge.run + 1 if right else 0
    recent[judge.first + judge.slot] = error
    judge.sum += error
    judge.slot += 1
    if judge.slot == n:
        for k in range(n - 1):
            at = judge.first + n - 2 - k
            recent[at] = recent[at] + recent[at + 1]
        judge.slot = 0
        judge.sum = 0.0
    if judge.run < n:
        return GO_ON
    total = judge.sum + recent[judge.first + judge.slot]
    return MET if total < criterion.mean * n else GO_ON


@dataclass(frozen=True)
class RunAndMean(ByTolerance):
    """Success: the most recent sequences are all right, and their mean error is small.

    A sequence is right if its error is below the tolerance; its error, of which the mean is
    taken, is the largest absolute error of all outputs at the judged steps.

    Attributes
    ----------
    tolerance
        Errors must be smaller than this.
    run
        How many of the most recent sequences are looked at.
    mean
        The mean of their errors must be smaller than this.
    steps
        "every" (each step that has a target) or "last" (the last one only).
    counted
        Which of these sequences is reported: the "first" or the "last" (when success was seen).
    """

    tolerance: float
    run: int
    mean: float
    steps: str = "every"
    counted: str = "first"

    form: ClassVar[CriterionForm] = CriterionForm(
        see=see_run_and_mean,
        counted=counted_of_run,
        settings=(*RunOfRight.form.settings, ("mean", real())),
        state=(("run", whole()), ("slot", whole()), ("sum", real())),
        recent="run",
    )

    def __post_init__(self) -> None:
        self._check()
        as_count("run", self.run, at_least=1, at_most=MOST_RECENT)
        as_number("mean", self.mean, above=0)
        as_choice("counted", self.counted, ("first", "last"))

    @property
    def counts_last(self) -> bool:
        """Whether the last of the sequences is reported."""
        return self.counted == "last"


# ---------------------------------------------------------------- few wrong
@lane
def see_few_wrong(criterion: Any, judge: Any, recent: Memory, error: float, right: bool) -> int:
    """Count the wrong ones among the most recent sequences."""
    at = judge.first + (judge.presented - 1) % criterion.among
    gone = recent[at] if judge.presented > criterion.among else 0.0
    now = 0.0 if right else 1.0
    recent[at] = now
    judge.wrong += now - gone
    if judge.presented < criterion.among:
        return GO_ON
    return MET if judge.wrong <= criterion.at_most else GO_ON


@dataclass(frozen=True)
class FewWrong(ByTolerance):
    """Success: at most so many of the most recent sequences, as they are presented, are wrong.

    Not before as many have been presented; counted is the last one.

    Attributes
    ----------
    tolerance
        A sequence is wrong unless the absolute error of every output at the judged steps is
        smaller than this.
    at_most
        How many may be wrong.
    among
        How many of the most recent sequences are looked at.
    steps
        "every" (each step that has a target) or "last" (the last one only).
    """

    tolerance: float
    at_most: int
    among: int
    steps: str = "every"

    form: ClassVar[CriterionForm] = CriterionForm(
        see=see_few_wrong,
        settings=(("tolerance", real()), ("at_most", whole()), ("among", whole())),
        state=(("wrong", real()),),
        recent="among",
    )

    def __post_init__(self) -> None:
        self._check()
        as_count("among", self.among, at_least=1, at_most=MOST_RECENT)
        as_count("at_most", self.at_most, at_most=self.among - 1)


# ---------------------------------------------------------------- sets that are tried
@lane
def see_for_try(criterion: Any, judge: Any, recent: Memory, error: float, right: bool) -> int:
    """Try the sets after each so many sequences."""
    return TRY if judge.presented % criterion.every == 0 else GO_ON


@lane
def tried_test(
    criterion: Any, judge: Any, recent: Memory, number: int, error: float, right: bool
) -> int:
    """Count wrong sequences of a test set and sum errors; end as soon as there are too many."""
    if number == 1:
        judge.wrong = 0
        judge.sum = 0.0
    judge.wrong += 0 if right else 1
    judge.sum += error
    small = judge.sum < criterion.mean_below * criterion.n_tests
    if judge.wrong >= criterion.fewer_than or not small:
        return MISSED
    return MET if number >= criterion.n_tests else GO_ON


@dataclass(frozen=True)
class OnTestSet(ByTolerance):
    """Success: few of the sequences of a test set are wrong, with the weights held fixed.

    The test set is drawn once for a trial, from a stream of its own; where targets have noise,
    it has none. A sequence is wrong unless its error is below the tolerance; its error, of which
    the mean is taken, is the largest absolute error of all outputs at the judged steps.

    Attributes
    ----------
    tolerance
        Errors must be smaller than this.
    fewer_than
        Fewer than so many may be wrong; 1 for none.
    mean
        The mean of the test set's errors must be smaller than this; None if it may be any.
    n_tests
        The size of the test set.
    every
        It is tried after each so many presented sequences; success is counted there.
    steps
        "every" (each step that has a target) or "last" (the last one only).
    """

    tolerance: float
    fewer_than: int = 1
    mean: float | None = None
    n_tests: int = 256
    every: int = 100
    steps: str = "every"

    form: ClassVar[CriterionForm] = CriterionForm(
        see=see_for_try,
        tried=tried_test,
        settings=(("tolerance", real()), ("fewer_than", whole()), ("mean_below", real()),
                  ("n_tests", whole()), ("every", whole())),
        state=(("wrong", whole()), ("sum", real())),
        tries="tests",
    )  # fmt: skip

    def __post_init__(self) -> None:
        self._check()
        as_count("n_tests", self.n_tests, at_least=1, at_most=MOST_RECENT)
        as_count("fewer_than", self.fewer_than, at_least=1, at_most=self.n_tests)
        as_count("every", self.every, at_least=1, at_most=2**62)
        if self.mean is not None:
            as_number("mean", self.mean, above=0)

    @property
    def mean_below(self) -> float:
        """What the mean error must be smaller than."""
        return NO_LIMIT if self.mean is None else self.mean

    def judge(self, tests: Iterable[Sequence] = ()) -> Judge:
        """Return a judge for a new trial.

        Parameters
        ----------
        tests
            The test set (`lstmbook.protocols.judge_of` draws it).

        Raises
        ------
        ValueError
            If it has another size than `n_tests`.
        """
        given = tuple(tests)
        if len(given) != self.n_tests:
            raise ValueError(
                f"tests has {len(given)} sequences; the criterion tries {self.n_tests} "
                "(lstmbook.protocols.judge_of draws them)"
            )
        return LaneJudge(self, given)


@lane
def tried_string(
    criterion: Any, judge: Any, recent: Memory, number: int, error: float, right: bool
) -> int:
    """Go on to the next string while they are right."""
    if not right:
        return MISSED
    return MET if number >= criterion.n_strings else GO_ON


@dataclass(frozen=True)
class AllRight:
    """Success: with the weights held fixed, every sequence of the given sets is right.

    Attributes
    ----------
    is_right
        Decides one sequence from it and the outputs, shape (T, n_outputs). In lanes it is the
        task's ``is_legal``: possible next symbols are the most active outputs.
    sets
        The sets to be predicted, in the order they are tried.
    every
        The sets are tried after each so many presented sequences; success is counted there.
    """

    is_right: Callable[[Sequence, Array], bool] = field(repr=False)
    sets: tuple[Batch, ...] = field(repr=False)
    every: int = 256

    form: ClassVar[CriterionForm] = CriterionForm(
        see=see_for_try,
        tried=tried_string,
        settings=(("n_strings", whole()), ("every", whole())),
        tries="strings",
        legal=True,
    )

    def __post_init__(self) -> None:
        as_count("every", self.every, at_least=1, at_most=2**62)

    @property
    def n_strings(self) -> int:
        """The number of sequences of all sets."""
        return sum(map(len, self.sets))

    def error(self, sequence: Sequence, outputs: Array) -> float:
        """Return the largest absolute error of all outputs."""
        return largest_error(sequence, outputs)

    def right(self, sequence: Sequence, outputs: Array) -> bool:
        """Return whether this one sequence is right."""
        return self.is_right(sequence, as_outputs(sequence, outputs))

    def judge(self) -> Judge:
        """Return a judge for a new trial."""
        return LaneJudge(self, (each for batch in self.sets for each in batch))
