"""Experiments 1a, 1b and 1c of the 1995 report (2a, 2b and 2c of the 1997 paper).

In each, the second or first symbol of a sequence has to be kept until its end. Sources:
TR is the 1995 report, section 4.1; NC the 1997 paper, experiment 2.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

import numpy as np

from lstmbook.lanes.blocks import real, whole
from lstmbook.lanes.draws import Stream
from lstmbook.lanes.form import Form, Strings, sample
from lstmbook.lanes.words import below, fraction, lane, where, word
from lstmbook.protocols import Baseline, Criterion
from lstmbook.sequences import Alphabet, Sequence, as_choice
from lstmbook.tasks.criteria import RunOfRight
from lstmbook.validation import as_count, as_number

ERRORS = ("every step", "last step")

LAGS = (4, 10, 20, 50, 100, 200, 500, 1000)
"""The delays of a sweep: TR's, and some between."""


def prediction_alphabet(p: int) -> Alphabet:
    """Return the p + 1 symbols of experiments 1a and 1b: a1 .. a(p-1), x, y."""
    return Alphabet((*(f"a{i}" for i in range(1, p)), "x", "y"))


def trigger_alphabet(p: int) -> Alphabet:
    """Return the p + 4 symbols of experiment 1c: a1 .. ap, e, b, x, y."""
    return Alphabet((*(f"a{i}" for i in range(1, p + 1)), "e", "b", "x", "y"))


@lane
def begin_prediction(task: Any, strings: Strings, key: int, counter: int, plan: Any) -> int:
    """Draw x or y; the sequence has p steps (its last symbol is only a target)."""
    plan.kept = task.p - 1 + below(word(key, counter), 2)
    plan.length = task.p
    return counter + 1


@lane
def symbol_in_order(task: Any, strings: Strings, key: int, plan: Any, at: Any) -> Any:
    """Return one of: the kept symbol, a1 .. a(p-1), the kept symbol."""
    return where((at == 0) | (at == plan.length), plan.kept, at - 1)


@lane
def symbol_at_random(task: Any, strings: Strings, key: int, plan: Any, at: Any) -> Any:
    """Return one of: the kept symbol, p - 1 random ones of a1 .. a(p-1), the kept symbol."""
    drawn = below(word(key, plan.draw + at), task.p - 1)
    return where((at == 0) | (at == plan.length), plan.kept, drawn)


@lane
def next_in_order(task: Any, strings: Strings, key: int, plan: Any, at: Any) -> Any:
    """Return the symbol after the present one."""
    return symbol_in_order(task, strings, key, plan, at + 1)


@lane
def next_at_random(task: Any, strings: Strings, key: int, plan: Any, at: Any) -> Any:
    """Return the symbol after the present one."""
    return symbol_at_random(task, strings, key, plan, at + 1)


@lane
def begin_distractors(task: Any, strings: Strings, key: int, counter: int, plan: Any) -> int:
    """Draw x or y, and how many distractors follow after the first q."""
    plan.kept = below(word(key, counter), 2)
    k = 0
    while fraction(word(key, counter + 1 + k)) >= task.stop:
        k += 1
    plan.length = task.q + k + 3
    return counter + k + 2


@lane
def symbol_among_distractors(task: Any, strings: Strings, key: int, plan: Any, at: Any) -> Any:
    """Return one of: b, then x or y, distractors, e."""
    symbol = below(word(key, plan.draw + at), task.p)
    symbol = where(at == 0, task.p + 1, symbol)
    symbol = where(at == 1, task.p + 2 + plan.kept, symbol)
    return where(at == plan.length - 1, task.p, symbol)


@lane
def kept_symbol(task: Any, strings: Strings, key: int, plan: Any, at: Any) -> Any:
    """Return the number of the output for the kept symbol."""
    return plan.kept


def _constant_prediction(p: int, errors: str) -> Baseline:
    """Return the best constant outputs of experiments 1a and 1b, and their loss.

    Constant outputs are best at the targets' frequencies m; a step then costs (1 - sum m^2) / 2.
    """
    frequency = np.full(p + 1, 1.0 / p)
    frequency[-2:] = 0.5 / p
    steps = p
    if errors == "last step":
        frequency = np.zeros(p + 1)
        frequency[-2:] = 0.5
        steps = 1
    return Baseline(frequency, 0.5 * steps * (1.0 - float((frequency**2).sum())))


class _FirstIsLast:
    """Experiments 1a and 1b but for their middle symbols: the first symbol comes back as the last.

    Attributes
    ----------
    p, errors
        As in the two tasks.
    """

    p: int
    errors: str

    @property
    def alphabet(self) -> Alphabet:
        """The p + 1 symbols a1 .. a(p-1), x, y."""
        return prediction_alphabet(self.p)

    @property
    def n_inputs(self) -> int:
        """The number of input lines, p + 1."""
        return self.p + 1

    @property
    def n_outputs(self) -> int:
        """The number of outputs, p + 1: one for each symbol that may come next."""
        return self.p + 1

    @property
    def lag(self) -> int:
        """Steps from the first symbol to the prediction that needs it (the same in each)."""
        return self.p

    def sample(self, rng: np.random.Generator | Stream) -> Sequence:
        """Draw a sequence of T = p steps, which begins with x or y, each with probability 1/2."""
        return sample(self, rng)

    def doing_nothing(self) -> Baseline:
        """Return what constant outputs score."""
        return _constant_prediction(self.p, self.errors)


@dataclass(frozen=True)
class TwoSequences(_FirstIsLast):
    """Experiment 1a: (y, a1 .. a(p-1), y) or (x, a1 .. a(p-1), x), predict the next symbol.

    Attributes
    ----------
    p
        The delay: the first symbol has to be kept for p steps (TR: 4, 10 and 100).
    errors
        When errors are injected: "every step" (TR: the net is "permanently trying to predict
        the next symbol") or "last step".
    criterion
        TR: absolute error of all outputs always below 0.25; NC: over 10 000 successive
        sequences.
    """

    p: int = 100
    errors: str = "every step"
    criterion: Criterion = field(default=RunOfRight(tolerance=0.25, run=10_000))
    name: str = "experiment 1a: two sequences"

    form: ClassVar[Form] = Form(
        begin=begin_prediction,
        symbol=symbol_in_order,
        target=next_in_order,
        settings=(("p", whole()),),
        plan=("kept",),
        every_step=True,
    )

    @classmethod
    def sweep(cls) -> tuple[Self, ...]:
        """Return the task at growing delays."""
        return tuple(cls(p) for p in LAGS)

    def __post_init__(self) -> None:
        as_count("p", self.p, at_least=1)
        as_choice("errors", self.errors, ERRORS)


@dataclass(frozen=True)
class RandomMiddle(_FirstIsLast):
    """Experiment 1b: as 1a, the middle p - 1 symbols drawn at random from a1 .. a(p-1).

    Nothing but the last symbol can be predicted, so nothing can be compressed.

    Attributes
    ----------
    p
        The delay (TR: 100).
    errors
        When errors are injected: "every step" (as in 1a, which TR changes in the middle
        symbols only) or "last step". NC says the first of this task, too; TR does not say.
    criterion
        Absolute error of all outputs below 0.25, judged at the last step (NC), over 10 000
        successive sequences.
    """

    p: int = 100
    errors: str = "every step"
    criterion: Criterion = field(default=RunOfRight(tolerance=0.25, run=10_000, steps="last"))
    name: str = "experiment 1b: no local regularities"

    form: ClassVar[Form] = Form(
        begin=begin_prediction,
        symbol=symbol_at_random,
        target=next_at_random,
        settings=(("p", whole()),),
        plan=("kept",),
        draws_a_step=1,
        every_step=True,
    )

    @classmethod
    def sweep(cls) -> tuple[Self, ...]:
        """Return the task at growing delays."""
        return tuple(cls(p) for p in LAGS)

    def __post_init__(self) -> None:
        as_count("p", self.p, at_least=2)
        as_choice("errors", self.errors, ERRORS)


@dataclass(frozen=True)
class RandomDistractors:
    """Experiment 1c: (b, y, a_i1 .. a_i(q+k), e, y), or with x; predict the symbol after e.

    The sequence has q + k + 4 symbols, k with probability ``P(k) = 0.1 * 0.9**k``, and the
    distractors are uniform over the p symbols. TR bounds their indices by q, a slip for p, and
    prints the expected length q + 14; it is q + 13.

    Attributes
    ----------
    q
        The least number of distractors: the minimal time lag is q + 1 (TR: 50 to 1000).
    p
        The number of distractor symbols (TR: 50 to 1000).
    stop
        0.1, the probability that no further distractor follows after the first q.
    criterion
        TR: absolute error of both outputs always below 0.2; NC: over 10 000 successive
        sequences.

    Notes
    -----
    The two outputs stand for x and y, in the alphabet's order. The error is injected at the last
    step only, as in TR and NC.
    """

    q: int = 50
    p: int = 50
    stop: float = 0.1
    criterion: Criterion = field(default=RunOfRight(tolerance=0.2, run=10_000))
    name: str = "experiment 1c: very long time lags"

    form: ClassVar[Form] = Form(
        begin=begin_distractors,
        symbol=symbol_among_distractors,
        target=kept_symbol,
        settings=(("q", whole()), ("p", whole()), ("stop", real())),
        plan=("kept",),
        draws_a_step=1,
    )

    def __post_init__(self) -> None:
        as_count("q", self.q, at_least=1)
        as_count("p", self.p, at_least=1)
        as_number("stop", self.stop, at_least=1e-6, at_most=1)

    @property
    def alphabet(self) -> Alphabet:
        """The p + 4 symbols a1 .. ap, e, b, x, y."""
        return trigger_alphabet(self.p)

    @property
    def n_inputs(self) -> int:
        """The number of input lines, p + 4."""
        return self.p + 4

    @property
    def n_outputs(self) -> int:
        """The number of outputs: one for x, one for y."""
        return 2

    @classmethod
    def sweep(cls) -> tuple[Self, ...]:
        """Return the task at growing lags, with as many distractor symbols as TR has mostly."""
        return tuple(cls(q, q) for q in LAGS)

    @property
    def lag(self) -> int:
        """The minimal number of steps for which the second symbol has to be kept."""
        return self.q + 1

    def sample(self, rng: np.random.Generator | Stream) -> Sequence:
        """Draw a sequence of T = q + k + 3 steps (its last symbol is only a target)."""
        return sample(self, rng)

    def doing_nothing(self) -> Baseline:
        """Return what constant outputs score: 0.5 for both, at a loss of 0.25."""
        return Baseline(np.full(2, 0.5), 0.25)
