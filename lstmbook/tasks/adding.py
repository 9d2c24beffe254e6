"""Adding: experiment 4 of the 1997 paper (NC), with real inputs."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

import numpy as np

from lstmbook.lanes.blocks import whole
from lstmbook.lanes.draws import Stream
from lstmbook.lanes.form import Form, Strings, sample
from lstmbook.lanes.words import below, fraction, lane, where, word
from lstmbook.protocols import Baseline, Criterion
from lstmbook.sequences import Sequence
from lstmbook.tasks.criteria import RunAndMean, RunOfRight
from lstmbook.validation import as_count

IN_FULL = RunAndMean(tolerance=0.04, run=2000, mean=0.01, counted="last")
"""NC's criterion: the 2000 most recent sequences right, their mean error below 0.01. Counted is
the last of them, as NC counts the sequences that the criterion takes."""


@lane
def begin(task: Any, strings: Strings, key: int, counter: int, plan: Any) -> int:
    """Draw the length and the two marked places."""
    plan.length = task.T + below(word(key, counter), task.T // 10 + 1)
    first = below(word(key, counter + 1), 10)
    second = below(word(key, counter + 2), task.T // 2 - 1)
    plan.first, plan.second = first, second + (1 if second >= first else 0)
    return counter + 3


@lane
def number_at(key: int, plan: Any, at: Any) -> Any:
    """Return the number of the pair at a step: 0 of a first pair that is marked."""
    drawn = 2.0 * fraction(word(key, plan.draw + at)) - 1.0
    marked = (plan.first == 0) | (plan.second == 0)
    return where((at == 0) & marked, 0.0, drawn)


@lane
def inputs(task: Any, strings: Strings, key: int, plan: Any, at: Any, x: Any) -> None:
    """Set the number and the marker."""
    x[0] = number_at(key, plan, at)
    ends = where((at == 0) | (at == plan.length - 1), -1.0, 0.0)
    x[1] = where((at == plan.first) | (at == plan.second), 1.0, ends)


@lane
def target(task: Any, strings: Strings, key: int, plan: Any, at: Any) -> Any:
    """Return 0.5 + (X1 + X2) / 4."""
    both = number_at(key, plan, plan.first) + number_at(key, plan, plan.second)
    return 0.5 + both / 4.0


@dataclass(frozen=True)
class Adding:
    """Add the two marked numbers of a sequence of pairs (number, marker), at its end.

    Length uniform in [T, T + T/10]; numbers uniform in [-1, 1]; the first marked pair is one of
    the first ten, the second one of the T/2 - 1 other ones among the first T/2; both have marker
    1, the first and the last pair -1, the others 0. If the first pair is marked, its number is
    0. Target 0.5 + (X1 + X2) / 4.

    Attributes
    ----------
    T
        The least length (NC: 100, 500 and 1000).
    criterion
        NC: absolute error below 0.04 for 2000 successive sequences, and an average training
        error below 0.01. The second is not asked here; `IN_FULL` asks for both.
    """

    T: int = 100
    criterion: Criterion = field(default=RunOfRight(tolerance=0.04, run=2000))
    name: str = "experiment 4: adding"

    form: ClassVar[Form] = Form(
        begin=begin,
        inputs=inputs,
        target=target,
        settings=(("T", whole()),),
        plan=("first", "second"),
        draws_a_step=1,
        shows="value",
    )

    def __post_init__(self) -> None:
        as_count("T", self.T, at_least=20)

    @property
    def n_inputs(self) -> int:
        """The number of input lines: number and marker."""
        return 2

    @property
    def n_outputs(self) -> int:
        """The number of outputs, 1."""
        return 1

    @classmethod
    def sweep(cls) -> tuple[Self, ...]:
        """Return the task at growing lags; NC has 100, 500 and 1000."""
        return tuple(cls(T) for T in (20, 50, 100, 200, 500, 1000))

    @property
    def lag(self) -> int:
        """The least number of steps for which the second marked number has to be kept."""
        return self.T - self.T // 2

    def sample(self, rng: np.random.Generator | Stream) -> Sequence:
        """Draw a sequence."""
        return sample(self, rng)

    def doing_nothing(self) -> Baseline:
        """Return what the constant output 0.5 scores: half the variance of the target.

        Each marked number has the variance 1/3, or is 0 if it is the first pair's.
        """
        first_is_marked = 0.1 + 0.9 / (self.T // 2 - 1)
        return Baseline(np.array([0.5]), 0.5 * (2.0 - first_is_marked) / 48)
