"""Nets of layers that feed themselves, with outputs above: what many learners share.

At each step a layer reads what is below it (the inputs, or the layer before) and its own
activations of the step before; the outputs read the last layer. What a unit makes of its net
inputs and its past is its `Memory`; all that is linear stands here, forwards and backwards.

`S` is a block with all that a trial's net holds, `P` what belongs to one step and may be kept, `X`
what belongs to the present symbol: rows of all trials (`net.now`), or one trial's *record* of the
symbol (`net.record`), of which ``places`` says where each lane's begins. `M` are all arrays
(`Numbers`), and ``mine`` is a block seen as one trial's. A number is one number a trial;
``like(S.loss, 0.0)`` makes one. With n_x inputs in rows, n units and r net inputs a unit:

==============  ==============  ===================================================
here            shape           in the papers
==============  ==============  ===================================================
``S.W, S.b``    (r n, n_into)   weights into net inputs, in rows; biases (r n)
``X.W``         (r n_1)         those from the present symbol, into the first layer
``P.source``    (n_x + n)       what is read: inputs in rows, then activations y(t)
``S.before``    (n)             y(t - 1)
``S.net``       (r n)           net inputs, `eq-forward`
``S.into``      (n)             -dE/dy(t), as far as it has been summed up
``S.delta_h``   (r n)           -dE/dnet(t), `eq-error-signal`
``S.back``      (n)             what of it goes back to y(t - 1), `eq-backprop`
``S.K``         outputs, units  weights into outputs, `lstmbook.learners.outputs`
==============  ==============  ===================================================
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import Any, NamedTuple

import numpy as np

from lstmbook.lanes.blocks import Layout, Mover, number, up_to
from lstmbook.lanes.blocks import Memory as Floats
from lstmbook.lanes.learner import IN_RECORDS
from lstmbook.lanes.words import (
    Constants,
    Number,
    absolute,
    fma,
    is_lane,
    lane,
    larger,
    like,
    reached,
    where,
)
from lstmbook.learners.outputs import (
    OutputLayout,
    judge,
    note_illegal,
    outputs_of_all,
    outputs_of_one,
    wanted_of,
)
from lstmbook.sequences import IntArray

TOLD = ("target", "wanted", "counts", "imitated")
"""What tells a net what is wanted."""

OF_STATE = (
    "W", "b", "K", "rate", "source", "before", "net", "into", "delta_h", "back", "loss", "worst",
    "illegal", "begins", "shown", "arriving", "y_k", "last", "ended", "saved", "active",
    "judge_last",
)  # fmt: skip
"""Names of the state that nothing a unit keeps can have."""


@dataclass(frozen=True)
class Memory(Constants):
    """What a unit keeps, and how: all of it element by element.

    Attributes
    ----------
    remember
        ``remember(net, S, P, u)`` makes the activation ``P.source[net.n_x + u]`` of a unit from
        its net inputs ``S.net[u]``, ``S.net[net.n_units + u]`` ... and ``S.before[u]``.
    recall
        ``recall(net, S, P, u)`` makes of ``S.into[u]`` what arrives at the net inputs,
        ``S.delta_h[u]`` ..., and ``S.back[u]``, what goes back without passing through one.
    below, before, biased
        Of each net input, whether it reads what is below the layer, the layer's activations a
        step before, and whether it may have a bias.
    kept
        Names of what `remember` leaves in `P` for `recall`: a number a unit.
    """

    remember: Callable[..., None]
    recall: Callable[..., None]
    below: tuple[int, ...] = (1,)
    before: tuple[int, ...] = (1,)
    biased: tuple[int, ...] = (1,)
    kept: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self._check("remember", ("source",))
        self._check("recall", ("delta_h", "back"))
        counts = {len(each) for each in (self.below, self.before, self.biased)}
        if len(counts) > 1 or counts == {0}:
            raise ValueError(
                f"below is {self.below}, before {self.before} and biased {self.biased}; each has "
                "an entry for each net input of a unit"
            )
        for name in self.kept:
            if name in OF_STATE:
                raise ValueError(f"kept has {name!r}, which is the name of something else")

    def _check(self, name: str, sets: tuple[str, ...]) -> None:
        """Check that a function can be what it is said to be."""
        function = getattr(self, name)
        if not is_lane(function):
            raise TypeError(f"{name} is {function!r}; it must be marked with @lane")
        used: set[str] = set()
        for each, _ in reached(function).values():
            used.update(each.__code__.co_names)
        for word in sets:
            if word not in used:
                raise ValueError(f"{name} does not set {word}, which it must for each unit")
        for word in TOLD:
            if word in used:
                raise ValueError(
                    f"{name} reads {word}; what a unit makes of its inputs must not depend on what "
                    "is wanted"
                )


class Numbers(NamedTuple):
    """The numbers of many trials' nets, each a flat array.

    Attributes
    ----------
    state, now, inputs, records, own, numbering
        As in `lstmbook.learners.lstm_layout.Numbers`.
    past
        `Layered.past` of each step of a sequence, and of the moment before it.
    """

    state: Floats
    now: Floats
    inputs: Floats
    records: Floats
    own: Floats
    numbering: Floats
    past: Floats


@dataclass(frozen=True)
class Layered(OutputLayout):
    """A net's settings, all known when code is compiled, and where its numbers stand.

    Attributes
    ----------
    n_inputs
        Inputs in rows: real ones, or symbols if `one_hot`; else nothing depends on it.
    n_outputs
        Output units.
    layers
        How many units each layer has.
    memory
        What units keep.
    f, f_k
        Squashing functions of units and outputs, of `lstmbook.lanes.squash.KINDS`.
    fully
        Whether the outputs are the last units of the only layer.
    shortcuts, hidden_biases, output_biases
        Connections from inputs to outputs, and biases.
    symbolic, one_hot
        Whether inputs are symbols, and whether units read them as numbers, one of which is 1.
    target, every_step, at_end, legal, noted, masked, dtype, lanes
        As in `OutputLayout`; `every_step` is whether there may be an error at each step.
    reset
        Whether activations are zero where a sequence begins.
    depth
        How many steps errors go back: 0 none, -1 to the sequence's beginning.
    """

    n_inputs: int
    n_outputs: int
    layers: tuple[int, ...]
    memory: Memory
    f: int
    f_k: int
    fully: bool
    shortcuts: bool
    hidden_biases: bool
    output_biases: bool
    symbolic: bool
    one_hot: bool
    target: str
    every_step: bool
    at_end: bool
    reset: bool
    depth: int
    legal: bool
    noted: bool
    masked: bool
    dtype: str
    lanes: int

    # ------------------------------------------------------------ which units there are
    @property
    def n_layers(self) -> int:
        """The number of layers."""
        return len(self.layers)

    @property
    def n_units(self) -> int:
        """The units of all layers."""
        return sum(self.layers)

    @property
    def firsts(self) -> tuple[int, ...]:
        """Each layer's first unit."""
        return (0, *accumulate(self.layers))[:-1]

    @property
    def n_nets(self) -> int:
        """The net inputs of a unit."""
        return len(self.memory.below)

    @property
    def n_rows(self) -> int:
        """The net inputs of all units."""
        return self.n_nets * self.n_units

    @property
    def n_read(self) -> int:
        """The units that outputs read: the last layer's."""
        return 0 if self.fully else self.layers[-1]

    @property
    def wide(self) -> bool:
        """Whether the outputs of one trial are computed side by side: units never are."""
        return super().wide and not self.fully

    @property
    def n_arriving(self) -> int:
        """The last units, at which errors arrive from outside."""
        return self.n_outputs if self.fully else self.layers[-1]

    @property
    def n_dense(self) -> int:
        """The number of inputs that are real numbers."""
        return 0 if self.symbolic else self.n_inputs

    @property
    def n_x(self) -> int:
        """The number of inputs in rows."""
        return self.n_inputs if self.one_hot or not self.symbolic else 0

    @property
    def in_records(self) -> bool:
        """Whether the weights from a symbol into units stand in its record."""
        return self.symbolic and not self.one_hot

    @property
    def firsts_below(self) -> tuple[int, ...]:
        """Where in ``source`` what is below each layer begins."""
        return (0, *(self.n_x + first for first in self.firsts[:-1]))

    @property
    def n_below(self) -> tuple[int, ...]:
        """How much is below each layer, in rows."""
        return (self.n_x, *self.layers[:-1])

    @property
    def n_into(self) -> int:
        """Weights in rows into a unit, without the bias, at most."""
        return max(b + n for b, n in zip(self.n_below, self.layers, strict=True))

    @property
    def in_rounds(self) -> bool:
        """Whether sequences begin together, since errors go back through their steps."""
        return self.depth != 0

    @property
    def sweeps_each_step(self) -> bool:
        """Whether errors go back from each step at once."""
        return self.in_rounds and self.every_step and not self.at_end

    @property
    def alone(self) -> bool:
        """Whether the errors of each step go back apart; else those of all steps go back together.

        Together they cannot stop after some steps each, so a depth needs them apart.
        """
        return self.in_rounds and self.every_step and (self.depth > 0 or not self.at_end)

    @property
    def construct(self) -> bool:
        """Whether blocks may be added while a trial runs."""
        return False

    @property
    def scheduled(self) -> bool:
        """Whether groups of weights have learning rates of their own."""
        return False

    @property
    def n_blocks(self) -> int:
        """The number of blocks that may be added."""
        return 0

    # ------------------------------------------------------------ where the numbers stand
    @property
    def of_step(self) -> dict[str, Any]:
        """Fields of what belongs to a step and may be kept."""
        L = self.lanes
        return {
            "source": number(L, self.n_x + self.n_units),
            **{name: number(L, self.n_units) for name in self.memory.kept},
        }

    @property
    def carried(self) -> dict[str, Any]:
        """Further fields that a sequence carries on."""
        return {}

    @property
    def lasting(self) -> dict[str, Any]:
        """Further fields that a trial keeps."""
        return {}

    @cached_property
    def state(self) -> Layout:
        """`S`: weights, what a sequence carries on, what a step computes. A row a number."""
        L, units, rows = self.lanes, self.n_units, self.n_rows
        W, b = number(L, rows, self.n_into), number(L, rows)
        fields: dict[str, Any] = {
            "W": W,
            "b": b,
            "rate": number(L, 1),
            "judge_last": number(L),
            "active": number(L, 0),
            **self.lasting,
            "saved": number(L, self.n_handed_on),
            # zero where a sequence begins, unless it goes on from the one before
            **self.of_step,
            **self.carried,
            **self.judged,
            # of the present step
            **self.output_fields,
            "last": number(L),
            "ended": number(L),
            "before": number(L, units),
            "net": number(L, rows),
            "into": number(L, units),
            "delta_h": number(L, rows),
            "back": number(L, units),
            **self.output_weights,
        }
        fields |= {"sum_W": W, "sum_b": b} if self.sums_rows else {"sum_W": "W", "sum_b": "b"}
        return Layout.of(self.dtype, fields)

    @property
    def n_handed_on(self) -> int:
        """How many numbers a sequence hands to the next one, to be kept while others are tried."""
        if self.reset:
            return 0
        if self.in_rounds:
            return self.n_units
        return int(sum(each.count for each in (self.of_step | self.carried).values()) // self.lanes)

    @cached_property
    def past(self) -> Layout:
        """`P`, of nets whose errors go back: what is kept of a step, and what arrived there."""
        arriving = {"arriving": number(self.lanes, self.n_arriving)}
        return Layout.of(self.dtype, self.of_step | arriving)

    @property
    def past_size(self) -> int:
        """Places of `past`."""
        return self.past.size

    @property
    def rows(self) -> int:
        """The rows of `state`."""
        return self.state.size // self.lanes

    @property
    def first_handed_on(self) -> int:
        """The first row of what a sequence hands to the next one, of trials that run freely."""
        return self.state.start("source") // self.lanes

    @property
    def first_carried(self) -> int:
        """The first row that is 0 where a sequence begins."""
        return self.state.start("source" if self.reset else "loss") // self.lanes

    @property
    def first_judged(self) -> int:
        """The first such row of those that only the judge reads."""
        return self.state.start("loss") // self.lanes

    @property
    def after_carried(self) -> int:
        """The row after the last such row."""
        return self.state.stop("illegal") // self.lanes

    @property
    def n_from_symbol(self) -> int:
        """Weights from a symbol into units, which stand in its record."""
        return self.n_nets * self.layers[0] if self.in_records else 0

    @property
    def sums_rows(self) -> bool:
        """Whether changes of weights in rows are summed up first, since errors still need them."""
        return self.at_end or self.in_rounds

    @property
    def sums_symbols(self) -> bool:
        """Whether changes of weights from symbols wait for a sequence's end.

        Where errors go back later the weights have been read by then.
        """
        return self.at_end and not self.in_rounds

    def _per_symbol(self) -> dict[str, Any]:
        """Of a symbol's numbers that move to rows: how many there are of each."""
        found = {"K": self.n_skip}
        if self.at_end:
            found["sum_K"] = self.n_skip
        found["W"] = self.n_from_symbol  # what may be moved alone stands last
        if self.sums_symbols:
            found["sum_W"] = self.n_from_symbol
        return found

    @cached_property
    def now(self) -> Layout:
        """`X`: what belongs to each lane's present symbol, in rows, or its real inputs."""
        fields: dict[str, Any] = {n: number(self.lanes, c) for n, c in self._per_symbol().items()}
        fields["x"] = number(self.lanes, self.n_dense)
        if self.one_hot:
            fields["symbol"] = number(self.lanes)
        return Layout.of(self.dtype, {"sum_K": "K", "sum_W": "W"} | fields)

    @cached_property
    def record(self) -> Layout:
        """The same of one symbol and one lane, side by side, and what belongs to wide outputs."""
        fields: dict[str, Any] = {n: number(0, c) for n, c in self._per_symbol().items()}
        moved = sum(self._per_symbol().values())
        if moved:
            # what is written back of a part may reach beyond it, up to a vector's width
            reach = max(self.moved.end, self.symbols.end)
            fields["pad"] = number(0, max(up_to(moved), reach) - moved)
        n = self.n_across if self.wide_skip else 0
        fields["across"] = number(self.across, n)
        fields["sum_across"] = number(self.across, n) if self.at_end else "across"
        end = sum(each.count for each in fields.values() if not isinstance(each, str))
        fields["rest"] = number(0, up_to(end) - end)
        return Layout.of(self.dtype, {"sum_K": "K", "sum_W": "W"} | fields)

    @property
    def record_size(self) -> int:
        """Places of a symbol's record."""
        return self.record.size

    @property
    def now_size(self) -> int:
        """Places of `now`."""
        return self.now.size

    @property
    def n_moved(self) -> int:
        """How many numbers of a record move to rows."""
        return sum(self._per_symbol().values())

    @cached_property
    def moved(self) -> Mover:
        """All that moves between a record and rows."""
        return Mover(self.dtype, self.lanes, 0, self.n_moved)

    @cached_property
    def symbols(self) -> Mover:
        """The weights into units alone."""
        before = self.n_skip * (2 if self.at_end else 1)
        return Mover(self.dtype, self.lanes, before, self.n_from_symbol)

    def numbers(self, n_inputs: int, ahead: int, room: int = 0) -> Numbers:
        """Return memory: for alphabets of up to `n_inputs`, so many steps ahead or in the past."""
        return Numbers(
            self.state.memory(),
            self.now.memory(),
            self.now.memory(0 if self.in_records else ahead),
            self.record.memory(self.lanes * n_inputs),
            self.own.memory(self.lanes),
            self.numbered(),
            self.past.memory(room + 1 if self.in_rounds else 0),
        )

    # ------------------------------------------------------------ the flat vector of weights
    def weight_places(self, n_inputs: int) -> IntArray:
        """Return where each weight of the flat vector stands, of the first lane.

        First those into units: for each layer, net input and unit, from what is below, from the
        layer a step before, and the bias. Then those into outputs: for each, from the last
        layer, from inputs, and the bias.

        Parameters
        ----------
        n_inputs
            The size of the alphabet, or the number of real inputs.

        Returns
        -------
        places
            Shape (n_weights, 3), as `lstmbook.lanes.learner.LaneLearner.weight_places`.
        """
        parts: list[tuple[int, int, int]] = []
        for layer, size in enumerate(self.layers):
            for r in range(self.n_nets):
                for i in range(size):
                    parts += self._into_unit(layer, r, i, n_inputs)
        if not self.fully:
            parts += self.output_places(self.record, n_inputs)
        return np.array(parts, dtype=np.int64)

    def _into_unit(self, layer: int, r: int, i: int, n_inputs: int) -> list[tuple[int, int, int]]:
        row = r * self.n_units + self.firsts[layer] + i
        below, size, found = self.n_below[layer], self.layers[layer], []
        if self.memory.below[r]:
            if layer == 0 and self.in_records:
                start = self.record.start("W") + r * size + i
                found += [(IN_RECORDS, start + j * self.record.size, -1) for j in range(n_inputs)]
            found += [self.in_state("W", row, m) for m in range(below)]
        if self.memory.before[r]:
            found += [self.in_state("W", row, below + j) for j in range(size)]
        if self.memory.biased[r] and self.hidden_biases:
            start, _ = self.state.places["b"]
            found.append((0, start + row * self.lanes, -1))
        return found


# ---------------------------------------------------------------- forward
@lane
def read_inputs(net: Layered, S: Any, P: Any, given: Any) -> None:
    """Set the inputs that units read in rows."""
    if net.one_hot:
        for m in range(net.n_x):
            P.source[m] = where(given.symbol == m, like(S.loss, 1.0), like(S.loss, 0.0))
    else:
        for m in range(net.n_x):
            P.source[m] = given.x[m]


@lane
def net_input(net: Layered, S: Any, P: Any, start: Number, layer: int, r: int, row: int) -> Number:
    """Return a net input, `eq-forward`; the weight from a symbol, if any, begins the sum."""
    net_u = start
    below, first = net.n_below[layer], net.firsts[layer]
    if net.memory.below[r] > 0:
        at = net.firsts_below[layer]
        for m in range(below):
            net_u = fma(S.W[row, m], P.source[at + m], net_u)
    if net.memory.before[r] > 0:
        for j in range(net.layers[layer]):
            net_u = fma(S.W[row, below + j], S.before[first + j], net_u)
    return net_u


@lane
def forward(net: Layered, S: Any, P: Any, X: Any, given: Any) -> None:
    """Take one step, up to the units' activations; inputs in rows are `given`."""
    if net.n_x > 0:
        read_inputs(net, S, P, given)
    for layer in range(net.n_layers):
        first, size = net.firsts[layer], net.layers[layer]
        for r in range(net.n_nets):
            for i in range(size):
                row = r * net.n_units + first + i
                start = S.b[row]
                if net.in_records and layer == 0 and net.memory.below[r] > 0:
                    start = start + X.W[r * size + i]
                S.net[row] = net_input(net, S, P, start, layer, r, row)
        for u in range(first, first + size):
            net.memory.remember(net, S, P, u)


@lane
def show(net: Layered, S: Any, P: Any) -> None:
    """Set what the outputs read."""
    top = net.n_x + net.n_units - net.n_read
    for c in range(net.n_read):
        S.shown[c] = P.source[top + c]
    if net.shortcuts:
        for m in range(net.n_dense):
            S.shown[net.n_read + m] = P.source[m]


@lane
def own_outputs(net: Layered, S: Any, P: Any) -> None:
    """Compute the errors of outputs that are units of the layer themselves."""
    loss, worst = like(S.loss, 0.0), like(S.loss, 0.0)
    for k in range(net.n_outputs):
        y_k = P.source[net.n_x + net.n_units - net.n_outputs + k]
        e_k = wanted_of(net, S, k) - y_k
        if net.masked:
            e_k = e_k * S.counts
        loss = fma(e_k, e_k, loss)
        worst = larger(absolute(e_k), worst)
        S.arriving[k] = e_k
        if net.keeps_outputs:
            S.y_k[k] = y_k
    judge(net, S, loss, worst, worst)


@lane
def answer(net: Layered, S: Any, P: Any, X: Any, M: Any, places: Floats, at: int) -> None:
    """Compute the outputs of all trials, their errors, and what these change at once."""
    if net.fully:
        own_outputs(net, S, P)
        if net.legal:
            note_illegal(net, S)
    else:
        show(net, S, P)
        outputs_of_all(net, S, X, M, places, at)


@lane
def answer_of_one(net: Layered, mine: Any, P: Any, R: Any, M: Any, i: int) -> None:
    """Let one trial answer, and change for its errors; R is its symbol's record."""
    if net.fully:
        own_outputs(net, mine, P)
    else:
        show(net, mine, P)
        outputs_of_one(net, mine, R, M, i)


@lane
def arrive(net: Layered, S: Any) -> None:
    """Set what arrives at units to what comes from outside."""
    for u in range(net.n_units - net.n_arriving):
        S.into[u] = like(S.loss, 0.0)
    for c in range(net.n_arriving):
        S.into[net.n_units - net.n_arriving + c] = S.arriving[c]


# ---------------------------------------------------------------- backward
@lane
def blame(net: Layered, S: Any, P: Any) -> None:
    """Carry what arrived at units down through the layers of one step: `eq-error-signal`."""
    for down in range(net.n_layers):
        layer = net.n_layers - 1 - down
        first, size = net.firsts[layer], net.layers[layer]
        for u in range(first, first + size):
            net.memory.recall(net, S, P, u)
        if layer > 0:
            for m in range(net.n_below[layer]):
                u = net.firsts[layer - 1] + m
                into = S.into[u]
                for r in range(net.n_nets):
                    if net.memory.below[r] > 0:
                        for row in range(r * net.n_units + first, r * net.n_units + first + size):
                            into = fma(S.W[row, m], S.delta_h[row], into)
                S.into[u] = into


@lane
def hand_back(net: Layered, S: Any) -> None:
    """Carry what arrived at net inputs back to the step before: `eq-backprop`."""
    for layer in range(net.n_layers):
        first, size, below = net.firsts[layer], net.layers[layer], net.n_below[layer]
        for j in range(size):
            back = S.back[first + j]
            for r in range(net.n_nets):
                if net.memory.before[r] > 0:
                    for row in range(r * net.n_units + first, r * net.n_units + first + size):
                        back = fma(S.W[row, below + j], S.delta_h[row], back)
            S.back[first + j] = back


@lane
def change(net: Layered, S: Any, P: Any, X: Any) -> None:
    """Change the weights into units for what arrived at their net inputs: `eq-weight-update`."""
    for layer in range(net.n_layers):
        first, size, below = net.firsts[layer], net.layers[layer], net.n_below[layer]
        at = net.firsts_below[layer]
        for r in range(net.n_nets):
            for i in range(size):
                row = r * net.n_units + first + i
                moved = S.rate[0] * S.delta_h[row]
                if net.memory.below[r] > 0:
                    for m in range(below):
                        S.sum_W[row, m] = fma(moved, P.source[at + m], S.sum_W[row, m])
                    if net.in_records and layer == 0:
                        X.sum_W[r * size + i] = X.sum_W[r * size + i] + moved
                if net.memory.before[r] > 0:
                    for j in range(size):
                        S.sum_W[row, below + j] = fma(
                            moved, S.before[first + j], S.sum_W[row, below + j]
                        )
                if net.hidden_biases and net.memory.biased[r] > 0:
                    S.sum_b[row] = S.sum_b[row] + moved


@lane
def apply_sums(net: Layered, S: Any) -> None:
    """Make the summed changes of the weights in rows into units."""
    for row in range(net.n_rows):
        for m in range(net.n_into):
            S.W[row, m], S.sum_W[row, m] = S.W[row, m] + S.sum_W[row, m], 0.0
        S.b[row], S.sum_b[row] = S.b[row] + S.sum_b[row], 0.0
