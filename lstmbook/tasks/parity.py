"""Parity of a string of +1 and -1: a problem of LD (Bengio, Simard and Frasconi 1994).

Each element may change the target. Random weight guessing (Schmidhuber and Hochreiter 1996)
solves it for strings of 500 to 600 elements.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

from lstmbook.lanes.form import Form, Strings
from lstmbook.lanes.words import below, lane
from lstmbook.protocols import Criterion
from lstmbook.tasks.criteria import OnTestSet
from lstmbook.tasks.one_line import (
    CLASSIFIED,
    LINE_PLAN,
    LINE_SETTINGS,
    OneLine,
    begin_line,
    draw_of_step,
    half,
)


@lane
def inputs(task: Any, strings: Strings, key: int, plan: Any, at: Any, x: Any) -> None:
    """Set the input, +1 or -1."""
    x[0] = 2.0 * below(draw_of_step(key, plan, at), 2) - 1.0


@lane
def target(task: Any, strings: Strings, key: int, plan: Any, at: Any) -> Any:
    """Return the high target if the number of +1 is odd."""
    ones = 0
    for step in range(plan.length):
        ones += below(draw_of_step(key, plan, step), 2)
    return task.high if ones % 2 == 1 else task.low


@dataclass(frozen=True)
class Parity(OneLine):
    """Tell at the end whether the number of +1 in a string of +1 and -1 was odd.

    Attributes
    ----------
    shortest, longest
        Lengths are uniform between these (LD: T/2 and T, for T of 3 to 500).
    low, high
        The targets of even and odd strings. LD's units are symmetric; 0.2 and 0.8 are in reach
        of logistic outputs, too.
    n_training
        The number of strings of a fixed training set, as in LD, or 0: each one is fresh. A test
        set is then taken from as many other ones.
    criterion
        Classification of a test set; with other targets, the tolerance is half their distance.
    """

    shortest: int = 5
    longest: int = 10
    low: float = 0.2
    high: float = 0.8
    n_training: int = 0
    criterion: Criterion = field(default=CLASSIFIED)
    name: str = "parity"

    form: ClassVar[Form] = Form(
        begin=begin_line,
        inputs=inputs,
        target=target,
        settings=LINE_SETTINGS,
        plan=LINE_PLAN,
        shows="value",
    )

    def __post_init__(self) -> None:
        self._check(least=1)

    @classmethod
    def sweep(cls) -> tuple[Self, ...]:
        """Return the task with LD's lengths, [T/2, T], at growing T."""
        return tuple(cls(half(T), T) for T in (3, 5, 10, 20, 50, 100, 500))

    @classmethod
    def as_guessed(cls) -> Self:
        """Return the task that weights were guessed for: 500 to 600 elements, 100 strings.

        The outputs for 100 strings must be within 0.1 of 0 or 1. In the paper these are the
        training strings; here they are others, drawn alike.
        """
        criterion = OnTestSet(tolerance=0.1, n_tests=100, every=100)
        return cls(500, 600, 0.0, 1.0, n_training=100, criterion=criterion)

    @property
    def lag(self) -> int:
        """The least number of steps for which the first element has to be kept."""
        return self.shortest - 1
