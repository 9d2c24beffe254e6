"""The latch problem of LD (Bengio, Simard and Frasconi 1994), for any recurrent learner.

The papers' own form is `lstmbook.latch_task.LatchTask`: a single unit, whose first inputs are
not given but learned, one set for each class, with its self-weight. Here these inputs are given,
plus or minus a constant, on an input line that any learner reads; what has to be learned is to
keep a sign against noise.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

from lstmbook.lanes.blocks import real, whole
from lstmbook.lanes.form import Form, Strings
from lstmbook.lanes.normal import normal
from lstmbook.lanes.words import lane, where
from lstmbook.protocols import Criterion
from lstmbook.tasks.one_line import (
    CLASSIFIED,
    LINE_PLAN,
    LINE_SETTINGS,
    OneLine,
    begin_line,
    draw_of_step,
    half,
    target_of_class,
)
from lstmbook.validation import as_count, as_number


@lane
def inputs(task: Any, strings: Strings, key: int, plan: Any, at: Any, x: Any) -> None:
    """Set the input: the class's sign at first, then noise."""
    noise = task.noise * normal(draw_of_step(key, plan, at))
    x[0] = where(at < task.n_written, (2.0 * plan.kind - 1.0) * task.height, noise)


@dataclass(frozen=True)
class LatchLine(OneLine):
    """Keep the sign of the first elements against the noise that follows.

    Attributes
    ----------
    shortest, longest
        Lengths are uniform between these (LD: T/2 and T).
    n_written
        So many first elements carry the class (LD: 3).
    height
        They are plus or minus this.
    noise
        The standard deviation of the Gaussian noise after them. LD's 0.2 is called a variance,
        but its results fit a standard deviation.
    low, high
        The targets of the classes minus and plus. LD's are -0.8 and 0.8, for a tanh unit; 0.2
        and 0.8 are in reach of a logistic output, too.
    n_training
        The number of sequences of a fixed training set, as in LD, or 0: each one is fresh. A
        test set is then taken from as many other ones.
    criterion
        Classification of a test set; with other targets, the tolerance is half their distance.
    """

    shortest: int = 10
    longest: int = 20
    n_written: int = 3
    height: float = 1.0
    noise: float = 0.2
    low: float = 0.2
    high: float = 0.8
    n_training: int = 0
    criterion: Criterion = field(default=CLASSIFIED)
    name: str = "latch"

    form: ClassVar[Form] = Form(
        begin=begin_line,
        inputs=inputs,
        target=target_of_class,
        settings=(*LINE_SETTINGS, ("n_written", whole()), ("height", real()), ("noise", real())),
        plan=LINE_PLAN,
        shows="value",
    )

    def __post_init__(self) -> None:
        as_count("n_written", self.n_written, at_least=1)
        self._check(least=self.n_written)
        as_number("height", self.height, above=0)
        as_number("noise", self.noise, at_least=0)

    @classmethod
    def sweep(cls) -> tuple[Self, ...]:
        """Return the task with LD's lengths, [T/2, T], at growing T."""
        return tuple(cls(half(T), T) for T in (10, 20, 50, 100, 200, 500))

    @property
    def lag(self) -> int:
        """The least number of steps for which the sign has to be kept."""
        return self.shortest - self.n_written
