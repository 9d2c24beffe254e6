"""The arithmetic floor: what this core needs for a step's arithmetic and nothing else.

Sigmoids and multiply-adds in lane code, from a few rows in the first cache: no task, no learning.
The words and the sigmoid are those that the lanes run; the compiler is theirs too.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from lstmbook.lanes.blocks import Layout, Memory, number, view
from lstmbook.lanes.squash import logistic
from lstmbook.lanes.words import Constants, fma, lane

ROWS = 8
ROUND = 4
WIDTHS = (8, 16, 32)
"""So many lanes are tried; the fastest counts, for registers are few on some processors."""

STEPS = 4000


class Arrays(NamedTuple):
    """All that the floor works on."""

    numbers: Memory


@dataclass(frozen=True)
class Work(Constants):
    """A step: so many sigmoids (at most 8) and multiply-adds (a multiple of 4) of each lane.

    Attributes
    ----------
    dtype, lanes
        Of what, and how many side by side.
    sigmoids, madds
        How many of each.
    """

    dtype: str
    lanes: int
    sigmoids: int
    madds: int

    def __post_init__(self) -> None:
        if not 0 <= self.sigmoids <= ROWS:
            raise ValueError(f"sigmoids is {self.sigmoids}; a step has 0 to {ROWS}")
        if self.madds < 0 or self.madds % ROUND:
            raise ValueError(f"madds is {self.madds}; a step has a multiple of {ROUND}")

    @property
    def rounds(self) -> int:
        """How often all eight sums are added to."""
        return self.madds // (2 * ROUND)

    @property
    def half(self) -> bool:
        """Whether four of them are once more."""
        return self.madds % (2 * ROUND) > 0

    @cached_property
    def rows(self) -> Layout:
        """What is squashed, what is multiplied and added, and the sums."""
        L = self.lanes
        fields = {"y": number(L, ROWS), "x": number(L, ROUND), "sums": number(L, ROWS)}
        return Layout.of(self.dtype, dict(fields))


@lane
def step(work: Work, S: Any) -> None:
    """Take one step. Neither sigmoids nor sums wait for one another."""
    for i in range(work.sigmoids):
        y, _ = logistic(S.y[i])
        S.y[i] = y
    if work.madds > 0:
        a, b, c, d = S.x[0], S.x[1], S.x[2], S.x[3]
        n0, n1, n2, n3 = S.sums[0], S.sums[1], S.sums[2], S.sums[3]
        n4, n5, n6, n7 = S.sums[4], S.sums[5], S.sums[6], S.sums[7]
        for _ in range(work.rounds):
            n0, n1, n2, n3 = fma(n0, a, b), fma(n1, b, c), fma(n2, c, d), fma(n3, d, a)
            n4, n5, n6, n7 = fma(n4, a, b), fma(n5, b, c), fma(n6, c, d), fma(n7, d, a)
        if work.half:
            n0, n1, n2, n3 = fma(n0, a, b), fma(n1, b, c), fma(n2, c, d), fma(n3, d, a)
        S.sums[0], S.sums[1], S.sums[2], S.sums[3] = n0, n1, n2, n3
        S.sums[4], S.sums[5], S.sums[6], S.sums[7] = n4, n5, n6, n7


@lane
def steps(work: Work, A: Arrays, n: int) -> None:
    """Take n steps."""
    S = view(work.rows, A.numbers, 0)
    for _ in range(n):
        step(work, S)


def floor_function(work: Work) -> Callable[[int], Any]:
    """Return a compiled function that takes so many steps and returns the numbers."""
    from lstmbook.lanes.machine import numba
    from lstmbook.lanes.specialise import Kinds, addresses_of, kinds_of
    from lstmbook.lanes.vector import arrays_at, compiled

    arrays = Arrays(work.rows.memory())
    arrays.numbers[:] = 0.3
    source, kinds = compiled(steps), Kinds(kinds_of(arrays))

    @numba.njit(error_model="numpy")
    def run(n: int, addresses: Any) -> None:
        source(work, arrays_at(kinds, addresses), n)

    addresses = np.array(addresses_of(arrays), dtype=np.int64)

    def take(n: int) -> Any:
        run(n, addresses)
        return arrays.numbers

    return take


def floor_seconds(dtype: str, sigmoids: int = 8, madds: int = 60, *, repeats: int = 20) -> float:
    """Return CPU seconds for a step of one lane, the best of some repeats and widths."""
    best = np.inf
    for lanes in WIDTHS:
        take = floor_function(Work(dtype, lanes, sigmoids, madds))
        take(10)
        for _ in range(repeats):
            started = time.process_time()
            take(STEPS)
            best = min(best, (time.process_time() - started) / STEPS / lanes)
    return float(best)


@dataclass(frozen=True)
class Floors:
    """This core's arithmetic in one precision, in seconds of one lane.

    Attributes
    ----------
    step
        Eight sigmoids and sixty multiply-adds: the step of experiment 1c.
    sigmoid, madd
        One of either among its like.
    """

    step: float
    sigmoid: float
    madd: float

    @classmethod
    def measure(cls, dtype: str) -> Floors:
        """Measure all three."""
        return cls(
            step=floor_seconds(dtype),
            sigmoid=floor_seconds(dtype, 8, 0) / 8,
            madd=floor_seconds(dtype, 0, 64) / 64,
        )

    def of(self, sigmoids: int, madds: int) -> float:
        """Return the seconds that so many operations take at these speeds."""
        return sigmoids * self.sigmoid + madds * self.madd
