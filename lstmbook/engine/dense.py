"""A task with real inputs for the engine: adding (NC experiment 4)."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from lstmbook.protocols import Baseline, Criterion
from lstmbook.sequences import Sequence, freeze
from lstmbook.tasks.criteria import RunOfRight
from lstmbook.validation import Array, as_count


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
        NC: absolute error below 0.04 for 2000 successive sequences (and an average training
        error below 0.01, which is not asked here).
    """

    T: int = 100
    criterion: Criterion = field(default=RunOfRight(tolerance=0.04, run=2000))
    name: str = "experiment 4: adding"

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

    def sample(self, rng: np.random.Generator) -> Sequence:
        """Draw a sequence."""
        length = self.T + int(rng.integers(self.T // 10 + 1))
        first, second = int(rng.integers(10)), int(rng.integers(self.T // 2 - 1))
        return self.sequence(rng.uniform(-1, 1, length), first, second + (second >= first))

    def sequence(self, numbers: Array, first: int, second: int) -> Sequence:
        """Return the sequence of some numbers, shape (length,), with two marked places."""
        numbers, markers = numbers.copy(), np.zeros(len(numbers))
        markers[[0, -1]] = -1.0
        markers[[first, second]] = 1.0
        if 0 in (first, second):
            numbers[0] = 0.0
        targets = np.full((len(numbers), 1), np.nan)
        targets[-1] = 0.5 + (numbers[first] + numbers[second]) / 4.0
        mask = np.zeros(len(numbers), dtype=np.bool_)
        mask[-1] = True
        inputs = np.stack([numbers, markers], axis=1)
        return Sequence(freeze(inputs), freeze(targets), freeze(mask), 2)

    def doing_nothing(self) -> Baseline:
        """Return what the constant output 0.5 scores: half the variance 1/24 of the target."""
        return Baseline(np.array([0.5]), 0.5 / 24)
