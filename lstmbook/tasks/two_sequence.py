"""The two-sequence problem: the first elements of a noisy sequence tell its class.

LD is Bengio, Simard and Frasconi (1994), NC experiment 3 of the 1997 paper.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import sqrt
from typing import Any, ClassVar, Self

import numpy as np

from lstmbook.lanes.blocks import real, whole
from lstmbook.lanes.draws import Stream
from lstmbook.lanes.form import Form, Strings, sample
from lstmbook.lanes.normal import normal, normal_at
from lstmbook.lanes.words import below, fraction, lane, where, word
from lstmbook.protocols import Baseline, Criterion
from lstmbook.sequences import Sequence, as_choice
from lstmbook.tasks.criteria import OnTestSet
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
from lstmbook.validation import as_count, as_number, as_switch


# ---------------------------------------------------------------- LD
@lane
def noisy_pattern(task: Any, strings: Strings, key: int, plan: Any, at: Any, x: Any) -> None:
    """Set the input: the class's pattern, then 0, with noise all the way."""
    noise = task.noise * (2.0 * fraction(draw_of_step(key, plan, at)) - 1.0)
    pattern = 2.0 * fraction(word(task.pattern, plan.kind * task.N + at)) - 1.0
    x[0] = where(at < task.N, pattern, 0.0) + noise


@dataclass(frozen=True)
class TwoPatterns(OneLine):
    """LD's two-sequence problem: each class has a pattern of its own, then there is only noise.

    Attributes
    ----------
    shortest, longest
        Lengths are uniform between these (LD: T/2 and T).
    N
        The length of a pattern (LD: varied; 3 in the conference paper).
    noise
        Noise uniform in [-noise, noise] is added to all elements (LD: 0.2, or none).
    pattern
        The number of the pair of patterns, whose elements are uniform in [-1, 1]. LD draws a
        pair for each trial: give the tasks of different trials different numbers.
    low, high
        The targets of the classes. LD's units are symmetric; 0.2 and 0.8 are in reach of
        logistic outputs, too.
    n_training
        The number of sequences of a fixed training set, as in LD, or 0: each one is fresh. A
        test set is then taken from as many other ones.
    criterion
        Classification of a test set; with other targets, the tolerance is half their distance.
    """

    shortest: int = 10
    longest: int = 20
    N: int = 3
    noise: float = 0.2
    pattern: int = 0
    low: float = 0.2
    high: float = 0.8
    n_training: int = 0
    criterion: Criterion = field(default=CLASSIFIED)
    name: str = "two-sequence problem"

    form: ClassVar[Form] = Form(
        begin=begin_line,
        inputs=noisy_pattern,
        target=target_of_class,
        settings=(*LINE_SETTINGS, ("N", whole()), ("noise", real()), ("pattern", whole())),
        plan=LINE_PLAN,
        shows="value",
    )

    def __post_init__(self) -> None:
        as_count("N", self.N, at_least=1)
        self._check(least=self.N)
        as_number("noise", self.noise, at_least=0)
        as_count("pattern", self.pattern, at_most=2**62)

    @classmethod
    def sweep(cls) -> tuple[Self, ...]:
        """Return the task with LD's lengths, [T/2, T], at growing T."""
        return tuple(cls(half(T), T) for T in (6, 10, 20, 50, 100))

    @property
    def lag(self) -> int:
        """The least number of steps for which the class has to be kept."""
        return self.shortest - self.N


# ---------------------------------------------------------------- NC
@lane
def begin(task: Any, strings: Strings, key: int, counter: int, plan: Any) -> int:
    """Draw the class and the length; the third draw is for the target's noise."""
    plan.kind = below(word(key, counter), 2)
    plan.length = task.T + below(word(key, counter + 1), task.T // 10 + 1)
    return counter + 3


@lane
def signal(task: Any, strings: Strings, key: int, plan: Any, at: Any, x: Any) -> None:
    """Set the input: +1 or -1 at first, then noise; with `noisy_signal` noise all the way."""
    noise = task.deviation * normal(word(key, plan.draw + at))
    first = (2.0 * plan.kind - 1.0) + task.noisy_signal * noise
    x[0] = where(at < task.N, first, noise)


@lane
def clean_target(task: Any, strings: Strings, key: int, plan: Any, at: Any) -> Any:
    """Return the target of the sequence's class."""
    return task.of_plus if plan.kind == 1 else task.of_minus


@lane
def noisy_target(task: Any, strings: Strings, key: int, plan: Any, at: Any) -> Any:
    """Return the target of the sequence's class, with noise."""
    noise = task.target_noise * normal_at(key, plan.draw - 1)
    return clean_target(task, strings, key, plan, at) + noise


CRITERIA = {
    ("3a", "ST1"): OnTestSet(tolerance=0.2),
    ("3a", "ST2"): OnTestSet(tolerance=0.2, mean=0.01),
    ("3b", "ST1"): OnTestSet(tolerance=0.2, fewer_than=6),
    ("3b", "ST2"): OnTestSet(tolerance=0.2, fewer_than=6, mean=0.04),
    ("3c", "ST2"): OnTestSet(tolerance=0.1, mean=0.015),
}
"""When NC stops: few of 256 test sequences misclassified (ST1), and a small mean error (ST2).

NC does not say how often it tries. Its means of ten trials are all multiples of 10, which they
would be if it tried every 100 sequences.
"""

VARIANTS: dict[str, dict[str, Any]] = {
    "3a": {},
    "3b": {"noisy_signal": True},
    "3c": {"of_plus": 0.2, "of_minus": 0.8, "target_noise": 0.32},
}


@dataclass(frozen=True)
class NoiseAndSignal:
    """Experiment 3: the first N elements are +1 or -1, then there is Gaussian noise.

    Length uniform in [T, T + T/10]. The target at the end tells the class.

    Attributes
    ----------
    T
        The least length (NC: 100 and 1000).
    N
        The number of elements that carry the class (NC: 3 and 1).
    variance
        Of the noise (NC: 0.2).
    noisy_signal
        Whether the first N elements have noise, too (3b).
    of_plus, of_minus
        The targets of the classes (3a, 3b: 1 and 0; 3c: 0.2 and 0.8).
    target_noise
        The standard deviation of Gaussian noise on the targets (3c: 0.32). Tests have none.
    criterion
        One of `CRITERIA`.
    """

    T: int = 100
    N: int = 3
    variance: float = 0.2
    noisy_signal: bool = False
    of_plus: float = 1.0
    of_minus: float = 0.0
    target_noise: float = 0.0
    criterion: Criterion = field(default=CRITERIA["3a", "ST2"])
    name: str = "experiment 3: noise and signal"

    form: ClassVar[Form] = Form(
        begin=begin,
        inputs=signal,
        target=noisy_target,
        clean=clean_target,
        settings=(("T", whole()), ("N", whole()), ("deviation", real()), ("noisy_signal", whole()),
                  ("of_plus", real()), ("of_minus", real()), ("target_noise", real())),
        plan=("kind",),
        draws_a_step=1,
        shows="value",
    )  # fmt: skip

    def __post_init__(self) -> None:
        as_count("N", self.N, at_least=1)
        as_count("T", self.T, at_least=self.N)
        as_number("variance", self.variance, at_least=0)
        as_switch("noisy_signal", self.noisy_signal)
        as_number("of_plus", self.of_plus)
        as_number("of_minus", self.of_minus)
        as_number("target_noise", self.target_noise, at_least=0)
        if self.of_plus == self.of_minus:
            raise ValueError(f"of_plus and of_minus are both {self.of_plus}; they must differ")

    @classmethod
    def of(cls, variant: str, T: int = 100, N: int = 3, stop: str = "ST2") -> Self:
        """Return one of NC's tasks.

        Parameters
        ----------
        variant
            "3a", "3b" or "3c".
        stop
            "ST1" or "ST2"; 3c has the second only.
        """
        as_choice("variant", variant, tuple(VARIANTS))
        as_choice("stop", stop, tuple(s for v, s in CRITERIA if v == variant))
        name = f"experiment {variant}: noise and signal"
        return cls(T, N, criterion=CRITERIA[variant, stop], name=name, **VARIANTS[variant])

    @classmethod
    def sweep(cls) -> tuple[Self, ...]:
        """Return the task at growing lags; NC has 100 and 1000."""
        return tuple(cls(T) for T in (10, 20, 50, 100, 200, 500, 1000))

    @property
    def deviation(self) -> float:
        """The standard deviation of the noise."""
        return sqrt(self.variance)

    @property
    def lag(self) -> int:
        """The least number of steps for which the class has to be kept."""
        return self.T - self.N

    @property
    def n_inputs(self) -> int:
        """The number of input lines, 1."""
        return 1

    @property
    def n_outputs(self) -> int:
        """The number of outputs, 1."""
        return 1

    def sample(self, rng: np.random.Generator | Stream) -> Sequence:
        """Draw a sequence."""
        return sample(self, rng)

    def sample_clean(self, rng: np.random.Generator | Stream) -> Sequence:
        """Draw a sequence whose target has no noise, as test sequences are."""
        return sample(self, rng, clean=True)

    def doing_nothing(self) -> Baseline:
        """Return what the constant output between the two targets scores."""
        middle = 0.5 * (self.of_plus + self.of_minus)
        variance = (self.of_plus - middle) ** 2 + self.target_noise**2
        return Baseline(np.array([middle]), 0.5 * variance)
