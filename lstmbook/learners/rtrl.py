"""Real-time recurrent learning: partial derivatives are carried forward with the activations.

Robinson and Fallside 1987, Williams and Zipser 1989; the comparison of the 1995 report's Tables 1
and 3. ``p[i, m, k]`` is the derivative of the activation of unit k with respect to the weight into
unit i from its m-th source (inputs, or the layer below; the layer a step before; the bias):

    p[i, m, k](t) = f'(net_k) (sum over l of w_kl p[i, m, l] + [k = i] source_m),    `eq-rtrl`

where l runs through the units that k reads: those of its layer a step before, those of the layer
below now. An input symbol is read as numbers of which one is 1: each step changes the weights
from all symbols that have occurred.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from lstmbook.lanes.blocks import Memory as Floats
from lstmbook.lanes.blocks import deliver, number, one_lane, up_to, view
from lstmbook.lanes.words import Number, fma, lane, like, seldom, where
from lstmbook.learners.back_in_time import BackInTime, step
from lstmbook.learners.layered import (
    Layered,
    Memory,
    Numbers,
    answer,
    answer_of_one,
    arrive,
)
from lstmbook.learners.recipe import NetRecipe
from lstmbook.learners.simple import SIMPLE

SIDE = 4
"""So many weights' partials are carried on together: what is loaded is used more than once."""


@lane
def read(net: RealTime, S: Any) -> None:
    """Set what each layer's units read, source by source: `eq-rtrl`'s last term."""
    for layer in range(net.n_layers):
        below, first = net.n_below[layer], net.firsts[layer]
        for m in range(below):
            S.read[layer, m] = S.source[net.firsts_below[layer] + m]
        for j in range(net.layers[layer]):
            S.read[layer, below + j] = S.before[first + j]
        S.read[layer, below + net.layers[layer]] = like(S.loss, 1.0)


@lane
def hold(net: RealTime, S: Any) -> None:
    """Copy the weights along which partials are carried: they change while this is done."""
    for layer in range(net.n_layers):
        first, size, below = net.firsts[layer], net.layers[layer], net.n_below[layer]
        for k in range(first, first + size):
            if layer > 0:
                for m in range(below):
                    S.held[k, m] = S.W[k, m]
            for j in range(size):
                S.held[k, net.most_below + j] = S.W[k, below + j]


@lane
def at_start(net: RealTime, S: Any, p: Number) -> Number:
    """Return a partial of the step before: 0 where a sequence begins."""
    if net.every_step and net.reset:
        return where(S.begins > 0.0, 0.0, p)
    return p


@lane
def carry_on(net: RealTime, S: Any, i: int, m: int, layer: int, above: int) -> None:
    """Carry some sources' partials one step on: of weights into unit i, in a layer's units."""
    first, size = net.firsts[above], net.layers[above]
    for k in range(first, first + size):
        a, b = like(S.loss, 0.0), like(S.loss, 0.0)
        c, d = like(S.loss, 0.0), like(S.loss, 0.0)
        for j in range(size):
            w = S.held[k, net.most_below + j]
            a, b = fma(w, S.old[0, first + j], a), fma(w, S.old[1, first + j], b)
            c, d = fma(w, S.old[2, first + j], c), fma(w, S.old[3, first + j], d)
        if above > layer:
            for j in range(net.n_below[above]):
                u, w = net.firsts[above - 1] + j, S.held[k, j]
                a, b = fma(w, S.p[i, m, u], a), fma(w, S.p[i, m + 1, u], b)
                c, d = fma(w, S.p[i, m + 2, u], c), fma(w, S.p[i, m + 3, u], d)
        S.p[i, m, k], S.p[i, m + 1, k] = S.slope[k] * a, S.slope[k] * b
        S.p[i, m + 2, k], S.p[i, m + 3, k] = S.slope[k] * c, S.slope[k] * d
    if above == layer:
        for q in range(SIDE):
            S.p[i, m + q, i] = fma(S.slope[i], S.read[layer, m + q], S.p[i, m + q, i])


@lane
def carry(net: RealTime, S: Any, learns: bool) -> None:
    """Carry all partials one step on; at a step with an error change the weights along them."""
    for layer in range(net.n_layers):
        first, size = net.firsts[layer], net.layers[layer]
        for i in range(first, first + size):
            for block in range(net.n_blocks_of_sources[layer]):
                m = block * SIDE
                for k in range(first, net.n_units):
                    for q in range(SIDE):
                        S.old[q, k] = at_start(net, S, S.p[i, m + q, k])
                for above in range(layer, net.n_layers):
                    carry_on(net, S, i, m, layer, above)
                if learns:
                    for q in range(SIDE):
                        change_weight(net, S, i, m + q, layer)


@lane
def change_weight(net: RealTime, S: Any, i: int, m: int, layer: int) -> None:
    """Change the weight into unit i from its m-th source: `eq-weight-update`."""
    into = like(S.loss, 0.0)
    for k in range(net.firsts[layer], net.n_units):
        into = fma(S.into[k], S.p[i, m, k], into)
    moved = S.rate[0] * into
    n = net.n_below[layer] + net.layers[layer]
    if m < n:
        S.sum_W[i, m] = S.sum_W[i, m] + moved
    elif m == n and net.hidden_biases:
        S.sum_b[i] = S.sum_b[i] + moved


@lane
def step_and_hold(net: RealTime, S: Any, M: Numbers, places: Floats, j: int) -> None:
    """Take a step up to the activations, and set what carrying partials reads: all trials."""
    step(net, S, M, places, j)
    read(net, S)
    hold(net, S)


@lane
def resting_step(net: RealTime, M: Numbers, places: Floats, j: int) -> None:
    """Take a step without error, the j-th of some: all trials."""
    S = view(net.state, M.state, 0)
    step_and_hold(net, S, M, places, j)
    carry(net, S, False)


@lane
def learning_step(net: RealTime, M: Numbers, places: Floats) -> None:
    """Take a step with an error: all trials."""
    S = view(net.state, M.state, 0)
    step_and_hold(net, S, M, places, 0)
    answer(net, S, S, view(net.now, M.now, 0), M, places, 0)
    arrive(net, S)
    carry(net, S, True)
    S.begins = 0.0
    if net.n_moved > 0:
        deliver(net.moved, M.now, M.records, places, 0)


@seldom
def last_step(net: RealTime, M: Numbers, i: int, place: int, t: int) -> None:
    """Do what the error of a trial's last step does; its symbol's record is at a place."""
    mine, R = one_lane(view(net.state, M.state, 0), i), view(net.record, M.records, place)
    answer_of_one(net, mine, mine, R, M, i)
    arrive(net, mine)
    for layer in range(net.n_layers):
        first = net.firsts[layer]
        for u in range(first, first + net.layers[layer]):
            for m in range(net.n_below[layer] + net.layers[layer] + 1):
                change_weight(net, mine, u, m, layer)


@dataclass(frozen=True)
class RealTime(BackInTime):
    """A net that carries partials forward, as the loop calls it."""

    @property
    def most_below(self) -> int:
        """How many units are below a layer, at most."""
        return max((0, *self.layers[:-1]))

    @property
    def n_blocks_of_sources(self) -> tuple[int, ...]:
        """How many times `SIDE` sources the units of each layer have, with the bias."""
        sources = zip(self.n_below, self.layers, strict=True)
        return tuple(-(-(below + size + 1) // SIDE) for below, size in sources)

    @property
    def carried(self) -> dict[str, Any]:
        """The partials."""
        return {"p": number(self.lanes, self.n_units, up_to(self.n_into + 1, SIDE), self.n_units)}

    @property
    def output_fields(self) -> dict[str, Any]:
        """Fields of what a step needs."""
        L, units = self.lanes, self.n_units
        return super().output_fields | {
            "read": number(L, self.n_layers, up_to(self.n_into + 1, SIDE)),
            "held": number(L, units, self.most_below + max(self.layers)),
            "old": number(L, SIDE, units),
        }

    resting_step: ClassVar[Callable[..., None]] = staticmethod(resting_step)
    learning_step: ClassVar[Callable[..., None]] = staticmethod(learning_step)
    last_step: ClassVar[Callable[..., None]] = staticmethod(last_step)


@dataclass(frozen=True)
class RTRL(NetRecipe):
    """A net that learns by real-time recurrent learning.

    By default that of the 1995 report's Table 1, as the 1997 paper counts its weights. For Smith
    and Zipser's nets of Table 3 give ``recurrent="all"`` and 3 or 12 hidden units. With updates
    at every step the partials are those of weights that have since changed; without `reset` they
    and the activations go on from sequence to sequence.
    Attributes as in `lstmbook.learners.recipe.NetRecipe`.
    """

    learning_rate: float = 1.0
    updates: str = "every step"
    depth: int | None = 0
    shortcuts: bool = True
    hidden_biases: bool = False
    output_biases: bool = False

    memory: ClassVar[Memory] = SIMPLE
    kind: ClassVar[type[Layered]] = RealTime
    one_hot: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.depth != 0:
            raise ValueError(f"depth is {self.depth}; partials are carried forward, not back: 0")
