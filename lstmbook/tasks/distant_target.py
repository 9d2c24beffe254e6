"""The chunker's 20-step task (Schmidhuber 1992; the thesis of 1991 has its runs).

A sequence is a or x, then b1 to b20; after b20 the target is 1 if it began with a, 0 if with x.
In between everything can be predicted, so the history can be compressed.

The original has neither a beginning nor an end of sequences: the net is never reset, its next
input is to be predicted as well, and the target, once it was asked for, is part of the next
input. Two forms are made of that. `DistantTarget` asks for the target alone, at the last step:
this is what other learners of the literature are shown; since a sequence ends there, no later
input could show the target. `DistantTargetPredicted` makes the target two more symbols, one of
which follows b20, and asks for the next symbol at each step: so a learner that predicts its next
input, the chunker above all, gets the target as an input to predict, which is the original's
idea. Whether a learner's state lasts beyond a sequence's end is the learner's affair; what comes
first in a sequence is never to be predicted, as it cannot be.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

import numpy as np

from lstmbook.lanes.blocks import whole
from lstmbook.lanes.draws import Stream
from lstmbook.lanes.form import Form, Strings, sample
from lstmbook.lanes.words import below, lane, where, word
from lstmbook.protocols import Baseline, Criterion
from lstmbook.sequences import Alphabet, Sequence
from lstmbook.tasks.criteria import RunOfRight
from lstmbook.validation import as_count

LAGS = (1, 2, 4, 6, 10, 20, 50, 100)
"""The lags of a sweep: those of the thesis, 4, 6, 20 and 100, and some between."""

WITHIN = RunOfRight(tolerance=0.2, run=100)
"""The sources print no criterion for this task; taken is an error below 0.2 in 100 successive
sequences."""


@lane
def begin(task: Any, strings: Strings, key: int, counter: int, plan: Any) -> int:
    """Draw a or x."""
    plan.kept = below(word(key, counter), 2)
    plan.length = task.p + 1
    return counter + 1


@lane
def symbol(task: Any, strings: Strings, key: int, plan: Any, at: Any) -> Any:
    """Return one of: a or x, then b1 .. bp."""
    return where(at == 0, plan.kept, at + 1)


@lane
def target(task: Any, strings: Strings, key: int, plan: Any, at: Any) -> Any:
    """Return 1 after a, 0 after x."""
    return 1.0 - plan.kept


@lane
def symbol_or_target(task: Any, strings: Strings, key: int, plan: Any, at: Any) -> Any:
    """Return one of: a or x, b1 .. bp, the symbol of the target."""
    return where(at == plan.length, task.p + 2 + plan.kept, where(at == 0, plan.kept, at + 1))


@lane
def next_symbol(task: Any, strings: Strings, key: int, plan: Any, at: Any) -> Any:
    """Return the symbol after the present one."""
    return symbol_or_target(task, strings, key, plan, at + 1)


class _APartOfTheStream:
    """What both forms share."""

    p: int

    def __post_init__(self) -> None:
        as_count("p", self.p, at_least=1)

    @property
    def lag(self) -> int:
        """The number of steps for which the first symbol has to be kept."""
        return self.p

    def sample(self, rng: np.random.Generator | Stream) -> Sequence:
        """Draw a sequence of p + 1 steps."""
        return sample(self, rng)


@dataclass(frozen=True)
class DistantTarget(_APartOfTheStream):
    """After a or x and b1 .. bp, tell which of a and x came first.

    Attributes
    ----------
    p
        The lag (20; the thesis also has 4, 6 and 100).
    criterion
        The error at the end below 0.2 for 100 successive sequences; no source prints one.
    """

    p: int = 20
    criterion: Criterion = field(default=WITHIN)
    name: str = "distant target"

    form: ClassVar[Form] = Form(
        begin=begin,
        symbol=symbol,
        target=target,
        settings=(("p", whole()),),
        plan=("kept",),
        shows="value",
    )

    @classmethod
    def sweep(cls) -> tuple[Self, ...]:
        """Return the task at growing lags."""
        return tuple(cls(p) for p in LAGS)

    @property
    def alphabet(self) -> Alphabet:
        """The p + 2 symbols a, x, b1 .. bp."""
        return Alphabet(("a", "x", *(f"b{i}" for i in range(1, self.p + 1))))

    @property
    def n_inputs(self) -> int:
        """The number of input lines, p + 2."""
        return self.p + 2

    @property
    def n_outputs(self) -> int:
        """The number of outputs, 1."""
        return 1

    def doing_nothing(self) -> Baseline:
        """Return what the constant output 0.5 scores."""
        return Baseline(np.array([0.5]), 0.125)


@dataclass(frozen=True)
class DistantTargetPredicted(_APartOfTheStream):
    """Predict the next symbol of a or x, b1 .. bp, and the target 1 or 0 as a symbol.

    Attributes
    ----------
    p
        The lag (20; the thesis also has 4, 6 and 100).
    criterion
        The errors of all outputs below 0.2 for 100 successive sequences; no source prints one.

    Notes
    -----
    The original has one input for the target and one output; here 1 and 0 are two symbols, since
    an input is one symbol of an alphabet.
    """

    p: int = 20
    criterion: Criterion = field(default=WITHIN)
    name: str = "distant target, predicted"

    form: ClassVar[Form] = Form(
        begin=begin,
        symbol=symbol_or_target,
        target=next_symbol,
        settings=(("p", whole()),),
        plan=("kept",),
        every_step=True,
    )

    @classmethod
    def sweep(cls) -> tuple[Self, ...]:
        """Return the task at growing lags."""
        return tuple(cls(p) for p in LAGS)

    @property
    def alphabet(self) -> Alphabet:
        """The p + 4 symbols a, x, b1 .. bp, 1, 0."""
        return Alphabet(("a", "x", *(f"b{i}" for i in range(1, self.p + 1)), "1", "0"))

    @property
    def n_inputs(self) -> int:
        """The number of input lines, p + 4."""
        return self.p + 4

    @property
    def n_outputs(self) -> int:
        """The number of outputs, p + 4."""
        return self.p + 4

    def doing_nothing(self) -> Baseline:
        """Return what constant outputs score: best are the targets' frequencies."""
        steps = self.p + 1
        frequency = np.full(self.n_outputs, 1.0 / steps)
        frequency[:2], frequency[-2:] = 0.0, 0.5 / steps
        return Baseline(frequency, 0.5 * steps * (1.0 - float((frequency**2).sum())))
