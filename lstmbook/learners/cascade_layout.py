"""Where the numbers of Recurrent Cascade-Correlation stand.

`lstmbook.learners.cascade_correlation` has the equations.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from lstmbook.lanes.blocks import (
    Layout,
    Memory,
    number,
    real,
    up_to,
    whole,
)
from lstmbook.lanes.words import (
    Constants,
)

WIDTH = 8
"""Candidates, or outputs, in one vector."""


class Arrays(NamedTuple):
    """The numbers of a net and of one set, each a flat array.

    Attributes
    ----------
    now, units, outputs, pool, totals
        `CascadeLayout.now`, `CascadeLayout.units`, `CascadeLayout.outputs` and so on.
    steps, places, may
        Of each step `CascadeLayout.step` and `CascadeLayout.place`; of sets whose strings are
        judged `CascadeLayout.may`.
    losses
        Of each sequence, half its squared error.
    """

    now: Memory
    units: Memory
    outputs: Memory
    pool: Memory
    totals: Memory
    steps: Memory
    places: Memory
    may: Memory
    losses: Memory


@dataclass(frozen=True)
class CascadeLayout(Constants):
    """What is known of a net when code is compiled, and where its numbers stand.

    A unit has a weight for each input, a bias, a weight for each unit before it (as many places
    as there may be units) and, in the last place, the weight from itself.

    Attributes
    ----------
    n_inputs, n_outputs, max_hidden, pool_size
        How many there are, or may be.
    symbolic
        Whether inputs are symbols: a sum then begins with the weight from the symbol.
    f, f_k
        Squashing functions of hidden units and outputs (`lstmbook.lanes.squash.KINDS`).
    """

    n_inputs: int
    n_outputs: int
    max_hidden: int
    pool_size: int
    symbolic: bool
    f: int
    f_k: int

    @property
    def n_plain(self) -> int:
        """What is read beside symbols and hidden units: real inputs and 1."""
        return 1 if self.symbolic else self.n_inputs + 1

    @property
    def first(self) -> int:
        """The weight that belongs to ``X.x[0]``."""
        return self.n_inputs + 1 - self.n_plain

    @property
    def n_weights(self) -> int:
        """Places for a unit's weights."""
        return self.n_inputs + 1 + self.max_hidden + 1

    @property
    def own(self) -> int:
        """The place of the weight from a unit to itself."""
        return self.n_weights - 1

    @property
    def pools(self) -> int:
        """Vectors of candidates."""
        return up_to(self.pool_size, WIDTH) // WIDTH

    @property
    def wide(self) -> int:
        """Vectors of outputs."""
        return up_to(self.n_outputs, WIDTH) // WIDTH

    @cached_property
    def now(self) -> Layout:
        """What a call of `work` is to know; steps is the set's, all else the net's."""
        wholes = {name: whole() for name in ("steps", "first_unit", "hidden")}
        names = ("slope_offset", "rate", "growth", "decay", "scale")
        return Layout.of("int64", wholes | {name: real() for name in names})

    def learned(self, vectors: int) -> Layout:
        """Return the layout of weights that Quickprop moves, and what it remembers of them."""
        one = number(WIDTH, vectors, self.n_weights)
        return Layout.of("float64", dict.fromkeys(("w", "change", "slope", "last"), one))

    @cached_property
    def outputs(self) -> Layout:
        """The outputs."""
        return self.learned(self.wide)

    @cached_property
    def pool(self) -> Layout:
        """The candidates."""
        return self.learned(self.pools)

    @cached_property
    def units(self) -> Layout:
        """Weights of frozen units."""
        return Layout.of("float64", {"w": number(0, self.max_hidden, self.n_weights)})

    @cached_property
    def totals(self) -> Layout:
        """Sums over steps, their signs, and 1 for each output that exists."""
        one = number(WIDTH, self.pools, self.n_outputs)
        fields = {"covariance": one, "way": one, "exists": number(WIDTH, self.wide)}
        return Layout.of("float64", fields)

    @cached_property
    def step(self) -> Layout:
        """A step: what units read, of outputs target, activation and errors, the candidates."""
        fields = {"x": number(0, self.n_plain + self.max_hidden), "margin": number(0)}
        fields |= {name: number(WIDTH, self.wide) for name in ("d", "y", "E", "left")}
        fields |= {name: number(WIDTH, self.pools) for name in ("V", "f_slope", "back")}
        return Layout.of("float64", fields)

    @cached_property
    def place(self) -> Layout:
        """A step: the one before it (or -1), its sequence and symbol, whether its error counts."""
        names = ("before", "sequence", "symbol", "counts")
        return Layout.of("int64", {name: whole() for name in names})

    @cached_property
    def may(self) -> Layout:
        """A step: 1 for each output whose symbol may come next."""
        return Layout.of("float64", {"come": number(WIDTH, self.wide)})

    @property
    def step_size(self) -> int:
        """Places of ``step``."""
        return self.step.size

    @property
    def place_size(self) -> int:
        """Places of ``place``."""
        return self.place.size

    @property
    def may_size(self) -> int:
        """Places of ``may``."""
        return self.may.size
