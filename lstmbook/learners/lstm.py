"""LSTM with its truncated gradient (chapter 12), for many trials side by side.

A number of lane code is one number a trial. `S` is a block with all that a trial's network holds,
`X` what belongs to the present input. `lstmbook.lstm` and `lstmbook.truncated_learning` say the
same with matrices, for one network; tests hold the two equal.

The weights from an input symbol change only when the symbol occurs, so they stand side by side in
a record of the symbol, with the partials that belong to them. An error of the output changes all
of them, along partials that rest until their symbol comes again: so the sum ``E`` of the errors is
kept, and ``(E - E_last) ds`` is paid when the symbol recurs or the sequence ends, which is exact.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import Any, NamedTuple

import numpy as np

from lstmbook.lanes.blocks import (
    Layout,
    Memory,
    Mover,
    collect,
    deliver,
    number,
    one_lane,
    up_to,
    view,
)
from lstmbook.lanes.squash import KINDS, logistic, squash
from lstmbook.lanes.words import (
    Constants,
    Number,
    absolute,
    fma,
    lane,
    larger,
    largest,
    like,
    seldom,
    smaller,
    total,
    where,
)
from lstmbook.lstm import Topology
from lstmbook.sequences import IntArray

WIDE = 16
"""Beyond so many outputs those of one trial are computed side by side, not trials."""

INFINITE = float("inf")

IN_STATE, IN_RECORDS, IN_OWN = range(3)
"""Where a weight may stand: in rows of lanes, with a symbol, or with wide outputs."""

INTO, OUT, REST = range(3)
"""Weights that a schedule can give rates of their own: into cells and gates, from cells to
outputs, all others."""


class Numbers(NamedTuple):
    """The numbers of many trials' networks, each a flat array.

    Attributes
    ----------
    state, now
        `LaneNet.state` and `LaneNet.now`.
    inputs
        For real inputs, `LaneNet.now` of each step ahead.
    records
        `LaneNet.record` of each lane and symbol.
    own
        `LaneNet.own` of each lane.
    numbering
        `LaneNet.numbering`.
    """

    state: Memory
    now: Memory
    inputs: Memory
    records: Memory
    own: Memory
    numbering: Memory


@dataclass(frozen=True)
class LaneNet(Constants):
    """A network's settings, all known when code is compiled, and where its numbers stand.

    Hidden units are the cells, then the input gates, then the output gates. Each reads as many of
    the sources (real inputs, hidden units that feed back, 1) as it has weights in rows.

    Attributes
    ----------
    topology
        For symbolic inputs its n_inputs is 1 here: nothing depends on the size of the alphabet.
    symbolic
        Whether inputs are symbols.
    target
        What the outputs are to show: "symbol" (the number of the one that is to be 1) or "value".
    every_step
        Whether there is an error at each step, or at the last one only.
    at_end
        Whether a sequence's changes are made together at its end.
    construct
        Whether blocks may be added while a trial runs.
    scheduled
        Whether the three groups of weights have rates of their own.
    legal
        Whether it is noted if an impossible symbol was more active than a possible one.
    dtype, lanes
        "float32" or "float64", and how many trials run side by side.
    """

    topology: Topology
    symbolic: bool
    target: str
    every_step: bool
    at_end: bool
    construct: bool
    scheduled: bool
    legal: bool
    dtype: str
    lanes: int

    # ------------------------------------------------------------ which units there are
    @property
    def n_blocks(self) -> int:
        """The number of blocks."""
        return self.topology.n_blocks

    @property
    def n_cells(self) -> int:
        """The number of cells."""
        return self.topology.n_cells

    @property
    def sizes(self) -> tuple[int, ...]:
        """The number of cells of each block."""
        return self.topology.blocks

    @property
    def firsts(self) -> tuple[int, ...]:
        """The first cell of each block."""
        return (0, *accumulate(self.sizes))[:-1]

    @property
    def size(self) -> int:
        """The number of cells of every block; 0 if they differ."""
        return self.sizes[0] if len(set(self.sizes)) == 1 else 0

    @property
    def input_gates(self) -> bool:
        """Whether there are input gates."""
        return self.topology.input_gates

    @property
    def output_gates(self) -> bool:
        """Whether there are output gates."""
        return self.topology.output_gates

    @property
    def n_hidden(self) -> int:
        """The number of hidden units."""
        return self.topology.n_hidden

    @property
    def n_gated(self) -> int:
        """Cells and input gates: the number of the first output gate."""
        return self.n_cells + self.topology.n_input_gates

    @property
    def n_out_gates(self) -> int:
        """The number of output gates."""
        return self.topology.n_output_gates

    @property
    def compete(self) -> bool:
        """Whether only the most active output gate is open."""
        return self.topology.competition != "none" and self.output_gates

    @property
    def n_recurrent(self) -> int:
        """The number of hidden units that feed back."""
        return self.topology.n_recurrent

    @property
    def n_dense(self) -> int:
        """The number of inputs that are real numbers."""
        return 0 if self.symbolic else self.topology.n_inputs

    @property
    def n_outputs(self) -> int:
        """The number of outputs."""
        return self.topology.n_outputs

    @property
    def shortcuts(self) -> bool:
        """Whether inputs feed outputs."""
        return self.topology.shortcuts

    @property
    def g(self) -> int:
        """The squashing function of cell inputs."""
        return KINDS[self.topology.g]

    @property
    def h(self) -> int:
        """The squashing function of internal states."""
        return KINDS[self.topology.h]

    @property
    def f_k(self) -> int:
        """The squashing function of outputs."""
        return KINDS[self.topology.f_k]

    @property
    def symbol_wanted(self) -> bool:
        """Whether the target is the number of an output."""
        return self.target == "symbol"

    @property
    def gates_rest(self) -> bool:
        """Whether what leaves the cells matters at the last step only: nothing feeds back."""
        return self.n_recurrent == 0 and not self.every_step

    # ------------------------------------------------------------ which weights each unit has
    @property
    def n_plain(self) -> int:
        """Sources of hidden units in rows, without the bias."""
        return self.n_dense + self.n_recurrent

    @property
    def n_into_c(self) -> int:
        """Weights in rows into a cell."""
        return self.n_plain + self.topology.cell_biases

    @property
    def n_into_in(self) -> int:
        """Weights in rows into an input gate."""
        return self.n_plain + self.topology.input_gate_biases

    @property
    def n_into_out(self) -> int:
        """Weights in rows into an output gate."""
        return self.n_plain + self.topology.output_gate_biases

    @property
    def n_sources(self) -> int:
        """Sources of hidden units in rows."""
        return max(self.n_into_c, self.n_into_in, self.n_into_out)

    @property
    def n_shown(self) -> int:
        """Sources of outputs in rows, without the bias: cells, and real inputs with shortcuts."""
        return self.n_cells + (self.n_dense if self.shortcuts else 0)

    @property
    def n_into_k(self) -> int:
        """Weights in rows into an output."""
        return self.n_shown + self.topology.output_biases

    @property
    def wide(self) -> bool:
        """Whether the outputs of one trial are computed side by side."""
        return self.n_outputs > WIDE

    @property
    def n_narrow(self) -> int:
        """Outputs whose trials are side by side."""
        return 0 if self.wide else self.n_outputs

    @property
    def n_skip(self) -> int:
        """Outputs whose weights from a symbol move with the symbol's record."""
        return self.n_narrow if self.symbolic and self.shortcuts else 0

    @property
    def wide_skip(self) -> bool:
        """Whether wide outputs have weights from symbols."""
        return self.wide and self.symbolic and self.shortcuts

    @property
    def across(self) -> int:
        """So many outputs stand side by side in one number."""
        return 16 if self.dtype == "float64" else min(up_to(self.n_outputs), 112)

    @property
    def n_across(self) -> int:
        """So many such numbers hold all outputs."""
        return -(-self.n_outputs // self.across) if self.wide else 0

    # ------------------------------------------------------------ where the numbers stand
    @cached_property
    def state(self) -> Layout:
        """`S`: weights, what a sequence carries on, what a step computes. A row a number."""
        L, cells, blocks = self.lanes, self.n_cells, self.n_blocks
        fields: dict[str, Any] = {
            "W": number(L, self.topology.n_hidden, self.n_sources),
            "K": number(L, self.n_narrow, self.n_into_k),
            "rate": number(L, 3 if self.scheduled else 1),
            "active": number(L, blocks if self.construct else 0),
            "judge_last": number(L),
            # zero where a sequence begins
            "s": number(L, cells),
            "y_new": number(L, self.n_recurrent),
            "ds_c": number(L, cells, self.n_into_c),
            "ds_in": number(L, cells, self.n_into_in if self.input_gates else 0),
            "E": number(L, cells),
            "loss": number(L),
            "worst": number(L),
            "illegal": number(L),
            # of the present step
            "begins": number(L),
            "target": number(L),
            "source": number(L, self.n_plain + 1),
            "shown": number(L, self.n_shown + 1),
            "net": number(L, self.topology.n_hidden),
            "y_out": number(L, blocks),
            "f_out": number(L, blocks),
            "h": number(L, cells),
            "h_slope": number(L, cells),
            "into_c": number(L, cells),
            "into_in": number(L, cells),
            "arriving": number(L, cells),
            "change_c": number(L, cells),
            "change_out": number(L, blocks),
            "delta": number(L, self.n_narrow),
            "y_k": number(L, self.n_narrow),
            "may": number(L, self.n_narrow if self.legal else 0),
        }
        fields["sum_W"], fields["sum_K"] = "W", "K"
        if self.at_end:
            fields["sum_W"] = number(L, self.topology.n_hidden, self.n_sources)
            fields["sum_K"] = number(L, self.n_narrow, self.n_into_k)
        return Layout.of(self.dtype, fields)

    @property
    def rows(self) -> int:
        """The rows of `state`."""
        return self.state.size // self.lanes

    @property
    def first_carried(self) -> int:
        """The first row that is 0 where a sequence begins."""
        return self.state.start("s") // self.lanes

    @property
    def first_judged(self) -> int:
        """The first such row of those that only the judge reads."""
        return self.state.start("loss") // self.lanes

    @property
    def after_carried(self) -> int:
        """The row after the last such row."""
        return self.state.stop("illegal") // self.lanes

    @property
    def record_size(self) -> int:
        """Places of a symbol's record."""
        return self.record.size

    @property
    def now_size(self) -> int:
        """Places of `now`."""
        return self.now.size

    @property
    def own_size(self) -> int:
        """Places of a trial's wide outputs."""
        return self.own.size

    def _per_symbol(self) -> dict[str, Any]:
        """Of a symbol's numbers that move to rows: how many there are of each."""
        if not self.symbolic:
            return {"K": 0, "V": 0, "W": 0, "ds_c": 0, "ds_in": 0, "E": 0}
        cells, gates = self.n_cells, self.n_out_gates
        found: dict[str, Any] = {
            "K": self.n_skip,
            "V": gates,
            "W": self.n_gated,
            "ds_c": cells,
            "ds_in": cells if self.input_gates else 0,
            "E": cells if self.every_step else 0,
        }
        if self.at_end:
            found |= {"sum_K": self.n_skip, "sum_V": gates, "sum_W": self.n_gated}
        return found

    def _with_sums(self, fields: dict[str, Any], *names: str) -> dict[str, Any]:
        """Add where changes are summed up: the weights themselves unless that is at the end."""
        sums = {f"sum_{name}": name for name in names if f"sum_{name}" not in fields}
        return fields | sums

    @cached_property
    def now(self) -> Layout:
        """`X`: what belongs to each lane's present symbol, in rows, or its real inputs."""
        moved = {name: number(self.lanes, n) for name, n in self._per_symbol().items()}
        moved["x"] = number(self.lanes, self.n_dense)
        return Layout.of(self.dtype, self._with_sums(moved, "K", "V", "W"))

    @cached_property
    def record(self) -> Layout:
        """The same of one symbol and one lane, side by side, and what belongs to wide outputs."""
        fields: dict[str, Any] = {n: number(0, many) for n, many in self._per_symbol().items()}
        moved = sum(self._per_symbol().values())
        if moved:
            # what is written back of a part may reach beyond it, up to a vector's width
            fields["pad"] = number(0, max(up_to(moved), self._reach) - moved)
        n = self.n_across if self.wide_skip else 0
        fields["across"] = number(self.across, n)
        fields["sum_across"] = number(self.across, n) if self.at_end else "across"
        end = sum(each.count for each in fields.values() if not isinstance(each, str))
        fields["rest"] = number(0, up_to(end) - end)
        return Layout.of(self.dtype, self._with_sums(fields, "K", "V", "W"))

    @property
    def _reach(self) -> int:
        return max(self.moved.end, self.partials.end)

    @cached_property
    def own(self) -> Layout:
        """Of wide outputs, what belongs to one trial: weights, and what arrives at cells."""
        K = number(self.across, self.n_into_k if self.wide else 0, self.n_across)
        fields: dict[str, Any] = {"K": K, "sum_K": K if self.at_end else "K"}
        fields["arriving"] = number(self.across, self.n_cells if self.wide else 0)
        return Layout.of(self.dtype, fields)

    @cached_property
    def numbering(self) -> Layout:
        """The numbers of wide outputs, and 1 where there is such an output."""
        n = self.n_across
        fields = {"number": number(self.across, n), "exists": number(self.across, n)}
        return Layout.of(self.dtype, dict(fields))

    def _moving(self, first: str, last: str) -> Mover:
        counts = self._per_symbol()
        names = list(counts)
        start = sum(counts[name] for name in names[: names.index(first)])
        stop = sum(counts[name] for name in names[: names.index(last) + 1])
        return Mover(self.dtype, self.lanes, start, stop - start)

    @cached_property
    def moved(self) -> Mover:
        """All that moves."""
        return self._moving("K", list(self._per_symbol())[-1])

    @cached_property
    def resting(self) -> Mover:
        """What a step without error reads."""
        return self._moving("W" if self.gates_rest else "V", "ds_in")

    @cached_property
    def partials(self) -> Mover:
        """What a step without error changes."""
        return self._moving("ds_c", "ds_in")

    def numbers(self, n_inputs: int, ahead: int) -> Numbers:
        """Return memory, for alphabets of up to `n_inputs` and so many steps ahead."""
        numbering = self.numbering.memory()
        block = view(self.numbering, numbering, 0)
        count = np.arange(self.n_across * self.across).reshape(self.n_across, self.across)
        block.values("number")[...] = count
        block.values("exists")[...] = count < self.n_outputs
        return Numbers(
            self.state.memory(),
            self.now.memory(),
            self.now.memory(0 if self.symbolic else ahead),
            self.record.memory(self.lanes * n_inputs),
            self.own.memory(self.lanes),
            numbering,
        )

    # ------------------------------------------------------------ what the loop calls
    @property
    def resting_step(self) -> Callable[..., None]:
        """A step without error of all trials."""
        return resting_step

    @property
    def learning_step(self) -> Callable[..., None]:
        """A step with an error of all trials."""
        return learning_step

    @property
    def last_step(self) -> Callable[..., None]:
        """The error of one trial's last step."""
        return last_step

    @property
    def settle_symbol(self) -> Callable[..., None]:
        """What the end of a sequence changes of a symbol."""
        return settle_symbol

    @property
    def settle(self) -> Callable[..., None]:
        """What the end of a sequence changes of all else."""
        return settle

    # ------------------------------------------------------------ the flat vector of weights
    def weight_places(self, n_inputs: int) -> IntArray:
        """Return where each weight of `lstmbook.lstm`'s flat vector stands, of the first lane.

        Parameters
        ----------
        n_inputs
            The size of the alphabet, or the number of real inputs.

        Returns
        -------
        places
            Shape (n_weights, 3): in which array (`IN_STATE` ...), where there, and the number of
            the unit (hidden, then output) whose bias it is, or -1.
        """
        net, parts = self.topology, []
        hidden = zip(range(net.n_hidden), self._biased_columns(), strict=True)
        for u, (columns, biased) in hidden:
            row = [self._in_state("W", u, m) for m in range(columns)]
            if biased:
                row[-1] = (*row[-1][:2], u)
            name, unit = ("W", u) if u < self.n_gated else ("V", u - self.n_gated)
            parts += self._with_symbols(n_inputs, name, unit) if self.symbolic else []
            parts += row
        for k in range(self.n_outputs):
            own = [self._into_output(k, m) for m in range(self.n_into_k)]
            parts += own[: self.n_cells]
            if self.symbolic and self.shortcuts:
                parts += self._with_symbols(n_inputs, "across" if self.wide else "K", k)
            parts += own[self.n_cells :]
            if net.output_biases:
                parts[-1] = (*parts[-1][:2], net.n_hidden + k)
        return np.array(parts, dtype=np.int64)

    def _biased_columns(self) -> list[tuple[int, bool]]:
        """Of each hidden unit: its weights in rows, and whether the last one is a bias."""
        net = self.topology
        return (
            [(self.n_into_c, net.cell_biases)] * net.n_cells
            + [(self.n_into_in, net.input_gate_biases)] * net.n_input_gates
            + [(self.n_into_out, net.output_gate_biases)] * net.n_output_gates
        )

    def _in_state(self, name: str, i: int, j: int) -> tuple[int, int, int]:
        start, field = self.state.places[name]
        return IN_STATE, start + (i * field.shape[1] + j) * self.lanes, -1

    def _with_symbols(self, n_inputs: int, name: str, unit: int) -> list[tuple[int, int, int]]:
        start, size = self.record.start(name) + unit, self.record.size
        return [(IN_RECORDS, start + symbol * size, -1) for symbol in range(n_inputs)]

    def _into_output(self, k: int, m: int) -> tuple[int, int, int]:
        if not self.wide:
            return self._in_state("K", k, m)
        return IN_OWN, self.own.start("K") + m * self.n_across * self.across + k, -1


# ---------------------------------------------------------------- small helps
@lane
def first_of(net: LaneNet, b: int) -> int:
    """Return a block's first cell."""
    if net.size > 0:
        return b * net.size
    return net.firsts[b]


@lane
def size_of(net: LaneNet, b: int) -> int:
    """Return a block's number of cells."""
    if net.size > 0:
        return net.size
    return net.sizes[b]


@lane
def rate_of(net: LaneNet, S: Any, group: int) -> Number:
    """Return the learning rate of a group of weights."""
    if net.scheduled:
        return S.rate[group]
    return S.rate[0]


@lane
def going_on(net: LaneNet, S: Any, x: Number) -> Number:
    """Return what a sequence carries on: 0 where it begins."""
    if net.every_step:
        return where(S.begins > 0.0, 0.0, x)
    return x  # is set to 0 when a sequence begins: seldom enough


# ---------------------------------------------------------------- forward
@lane
def net_input(net: LaneNet, S: Any, start: Number, u: int, n: int) -> Number:
    """Return a hidden unit's net input from n sources: `eq-gates`."""
    net_u = start
    for m in range(n):
        net_u = fma(S.W[u, m], S.source[m], net_u)
    return net_u


@lane
def read_sources(net: LaneNet, S: Any, X: Any) -> None:
    """Set what hidden units read: real inputs, and hidden units at the step before."""
    for m in range(net.n_dense):
        S.source[m] = X.x[m]
        if net.shortcuts:
            S.shown[net.n_cells + m] = X.x[m]
    for m in range(net.n_recurrent):
        S.source[net.n_dense + m] = going_on(net, S, S.y_new[m])


@lane
def feed_back(net: LaneNet, S: Any, m: int, b: int, y: Number) -> None:
    """Note a hidden unit's activation for the next step, if the unit feeds back."""
    if m < net.n_recurrent:
        if net.construct:
            S.y_new[m] = y * S.active[b]
        else:
            S.y_new[m] = y


@lane
def net_inputs(net: LaneNet, S: Any, X: Any) -> None:
    """Compute the net inputs of cells and input gates, and of output gates that do not rest."""
    zero = like(S.loss, 0.0)
    for c in range(net.n_cells):
        S.net[c] = net_input(net, S, X.W[c] if net.symbolic else zero, c, net.n_into_c)
    for u in range(net.n_cells, net.n_gated):
        S.net[u] = net_input(net, S, X.W[u] if net.symbolic else zero, u, net.n_into_in)
    if not net.gates_rest:
        out_net_inputs(net, S, X)


@lane
def out_net_inputs(net: LaneNet, S: Any, X: Any) -> None:
    """Compute the net inputs of output gates."""
    zero = like(S.loss, 0.0)
    for b in range(net.n_out_gates):
        start = X.V[b] if net.symbolic else zero
        S.net[net.n_gated + b] = net_input(net, S, start, net.n_gated + b, net.n_into_out)


@lane
def enter_cells(net: LaneNet, S: Any) -> None:
    """Compute input gates and internal states (`eq-internal-state`), and what they hand on."""
    for b in range(net.n_blocks):
        y_in, f_in = like(S.loss, 1.0), like(S.loss, 0.0)
        if net.input_gates:
            y_in, f_in = logistic(S.net[net.n_cells + b])
            feed_back(net, S, net.n_cells + b, b, y_in)
        for i in range(size_of(net, b)):
            c = first_of(net, b) + i
            g, g_slope = squash(net.g, S.net[c])
            S.s[c] = fma(y_in, g, going_on(net, S, S.s[c]))
            S.into_c[c] = g_slope * y_in
            S.into_in[c] = g * f_in


@lane
def open_gates(net: LaneNet, S: Any) -> None:
    """Compute output gates, of which only the most active one is open where they compete."""
    for b in range(net.n_blocks):
        S.y_out[b], S.f_out[b] = like(S.loss, 1.0), like(S.loss, 0.0)
        if net.output_gates:
            S.y_out[b], S.f_out[b] = logistic(S.net[net.n_gated + b])
    if net.compete:
        close_losers(net, S)
    for b in range(net.n_out_gates):
        feed_back(net, S, net.n_gated + b, b, S.y_out[b])


@lane
def close_losers(net: LaneNet, S: Any) -> None:
    """Set all output gates to 0 but the most active one, the first of several."""
    for b in range(net.n_blocks):
        S.change_out[b] = like(S.loss, 1.0)  # a place that is free at this time
        for other in range(net.n_blocks):
            if other < b:
                S.change_out[b] = where(S.y_out[other] >= S.y_out[b], 0.0, S.change_out[b])
            if other > b:
                S.change_out[b] = where(S.y_out[other] > S.y_out[b], 0.0, S.change_out[b])
    for b in range(net.n_blocks):
        S.y_out[b] = S.y_out[b] * S.change_out[b]
        S.f_out[b] = S.f_out[b] * S.change_out[b]


@lane
def leave_cells(net: LaneNet, S: Any) -> None:
    """Compute the cells' outputs: `eq-cell-output`."""
    for b in range(net.n_blocks):
        for i in range(size_of(net, b)):
            c = first_of(net, b) + i
            h, h_slope = squash(net.h, S.s[c])
            S.h[c], S.h_slope[c] = h, h_slope
            y_c = S.y_out[b] * h
            if net.construct:
                y_c = y_c * S.active[b]
            S.shown[c] = y_c
            if c < net.n_recurrent:
                S.y_new[c] = y_c


@lane
def forward(net: LaneNet, S: Any, X: Any) -> None:
    """Take one step, up to the cells' outputs."""
    read_sources(net, S, X)
    net_inputs(net, S, X)
    enter_cells(net, S)
    if not net.gates_rest:
        open_gates(net, S)
        leave_cells(net, S)


# ---------------------------------------------------------------- a step without error
@lane
def carry(net: LaneNet, S: Any) -> None:
    """Carry the partials on: `eq-cell-partial`, `eq-gate-partial`."""
    for c in range(net.n_cells):
        for m in range(net.n_into_c):
            S.ds_c[c, m] = fma(S.into_c[c], S.source[m], S.ds_c[c, m])
    if net.input_gates:
        for c in range(net.n_cells):
            for m in range(net.n_into_in):
                S.ds_in[c, m] = fma(S.into_in[c], S.source[m], S.ds_in[c, m])


@lane
def carry_symbol(net: LaneNet, S: Any, X: Any) -> None:
    """Carry on the partials that belong to the present symbol."""
    if net.symbolic:
        for c in range(net.n_cells):
            X.ds_c[c] = X.ds_c[c] + S.into_c[c]
            if net.input_gates:
                X.ds_in[c] = X.ds_in[c] + S.into_in[c]


# ---------------------------------------------------------------- outputs and their errors
@lane
def judge(net: LaneNet, S: Any, loss: Number, worst: Number) -> None:
    """Add a step's loss, and keep the largest error (of the last step, if that is judged)."""
    S.loss = S.loss + loss
    S.worst = larger(worst, S.worst * (1.0 - S.judge_last))


@lane
def outputs(net: LaneNet, S: Any, X: Any) -> None:
    """Few outputs, their errors, and what arrives at the cells: `eq-output-delta`."""
    zero, one = like(S.loss, 0.0), like(S.loss, 1.0)
    loss, worst = zero, zero
    for k in range(net.n_outputs):
        net_k = zero
        if net.n_skip > 0:
            net_k = X.K[k]
        for m in range(net.n_into_k):
            net_k = fma(S.K[k, m], S.shown[m], net_k)
        y_k, slope = squash(net.f_k, net_k)
        e_k = (where(S.target == k, one, zero) if net.symbol_wanted else S.target) - y_k
        loss = fma(e_k, e_k, loss)
        worst = larger(absolute(e_k), worst)
        S.delta[k] = slope * e_k
        if net.legal:
            S.y_k[k] = y_k
    judge(net, S, loss, worst)
    for c in range(net.n_cells):
        arriving = S.K[0, c] * S.delta[0]
        for k in range(1, net.n_outputs):
            arriving = fma(S.K[k, c], S.delta[k], arriving)
        S.arriving[c] = arriving


@lane
def change_outputs(net: LaneNet, S: Any, X: Any) -> None:
    """Change the weights of few outputs: `eq-output-delta`."""
    for k in range(net.n_outputs):
        change = rate_of(net, S, REST) * S.delta[k]
        from_cells = rate_of(net, S, OUT) * S.delta[k] if net.scheduled else change
        for c in range(net.n_cells):
            S.sum_K[k, c] = fma(from_cells, S.shown[c], S.sum_K[k, c])
        for m in range(net.n_cells, net.n_into_k):
            S.sum_K[k, m] = fma(change, S.shown[m], S.sum_K[k, m])
        if net.n_skip > 0:
            X.sum_K[k] = X.sum_K[k] + change


@lane
def note_illegal(net: LaneNet, S: Any) -> None:
    """Note where an impossible symbol is at least as active as a possible one."""
    low, high = like(S.loss, INFINITE), like(S.loss, -INFINITE)
    for k in range(net.n_outputs):
        low = smaller(where(S.may[k] > 0.0, S.y_k[k], INFINITE), low)
        high = larger(where(S.may[k] > 0.0, -INFINITE, S.y_k[k]), high)
    S.illegal = where(low > high, S.illegal, 1.0)


@lane
def wide_outputs(net: LaneNet, mine: Any, own: Any, X: Any, N: Any) -> None:
    """Many outputs of one trial, side by side, with their changes: `eq-output-delta`."""
    rate = rate_of(net, mine, REST)
    from_cells = rate_of(net, mine, OUT)
    zero, one = like(N.exists[0], 0.0), like(N.exists[0], 1.0)
    loss, worst = zero, zero
    for c in range(net.n_cells):
        own.arriving[c] = zero
    for k in range(net.n_across):
        net_k = X.across[k] if net.wide_skip else zero
        for m in range(net.n_into_k):
            net_k = fma(own.K[m, k], like(net_k, mine.shown[m]), net_k)
        y_k, slope = squash(net.f_k, net_k)
        e_k = (where(N.number[k] == mine.target, one, zero) - y_k) * N.exists[k]
        loss = fma(e_k, e_k, loss)
        worst = larger(absolute(e_k), worst)
        delta = slope * e_k
        for c in range(net.n_cells):
            own.arriving[c] = fma(delta, own.K[c, k], own.arriving[c])
            own.sum_K[c, k] = fma(delta, like(delta, from_cells * mine.shown[c]), own.sum_K[c, k])
        for m in range(net.n_cells, net.n_into_k):
            own.sum_K[m, k] = fma(delta, like(delta, rate * mine.shown[m]), own.sum_K[m, k])
        if net.wide_skip:
            X.sum_across[k] = fma(delta, like(delta, rate), X.sum_across[k])
    for c in range(net.n_cells):
        mine.arriving[c] = total(own.arriving[c])
    judge(net, mine, total(loss), largest(worst))


# ---------------------------------------------------------------- changes of hidden units
@lane
def blame(net: LaneNet, S: Any) -> None:
    """Carry errors into the blocks: `eq-output-gate`, `eq-state-error`."""
    rate = rate_of(net, S, INTO)
    for b in range(net.n_blocks):
        through = like(S.loss, 0.0)
        for i in range(size_of(net, b)):
            c = first_of(net, b) + i
            arriving = S.arriving[c]
            if net.construct:
                arriving = arriving * S.active[b]
            change = rate * ((S.y_out[b] * S.h_slope[c]) * arriving)
            S.change_c[c] = change
            if net.symbolic:
                S.E[c] = S.E[c] + change
            through = fma(S.h[c], arriving, through)
        S.change_out[b] = rate * (S.f_out[b] * through)


@lane
def change(net: LaneNet, S: Any) -> None:
    """Change the weights in rows along partials that have been carried on."""
    for c in range(net.n_cells):
        for m in range(net.n_into_c):
            S.sum_W[c, m] = fma(S.change_c[c], S.ds_c[c, m], S.sum_W[c, m])
    if net.input_gates:
        for b in range(net.n_blocks):
            for m in range(net.n_into_in):
                gate = S.sum_W[net.n_cells + b, m]
                for i in range(size_of(net, b)):
                    c = first_of(net, b) + i
                    gate = fma(S.change_c[c], S.ds_in[c, m], gate)
                S.sum_W[net.n_cells + b, m] = gate
    change_out_gates(net, S)


@lane
def change_out_gates(net: LaneNet, S: Any) -> None:
    """Change the weights in rows into output gates: `eq-output-gate`."""
    for b in range(net.n_out_gates):
        for m in range(net.n_into_out):
            u = net.n_gated + b
            S.sum_W[u, m] = fma(S.change_out[b], S.source[m], S.sum_W[u, m])


@lane
def carry_and_change(net: LaneNet, S: Any) -> None:
    """Carry the partials on and change the weights at once, where each step has an error."""
    for c in range(net.n_cells):
        for m in range(net.n_into_c):
            ds_c = fma(S.into_c[c], S.source[m], going_on(net, S, S.ds_c[c, m]))
            S.ds_c[c, m] = ds_c
            S.sum_W[c, m] = fma(S.change_c[c], ds_c, S.sum_W[c, m])
    if net.input_gates:
        for b in range(net.n_blocks):
            for m in range(net.n_into_in):
                gate = S.sum_W[net.n_cells + b, m]
                for i in range(size_of(net, b)):
                    c = first_of(net, b) + i
                    ds_in = fma(S.into_in[c], S.source[m], going_on(net, S, S.ds_in[c, m]))
                    S.ds_in[c, m] = ds_in
                    gate = fma(S.change_c[c], ds_in, gate)
                S.sum_W[net.n_cells + b, m] = gate
    change_out_gates(net, S)


# ---------------------------------------------------------------- weights from symbols
@lane
def repay(net: LaneNet, S: Any, X: Any) -> None:
    """Pay what the weights from a symbol are owed: (E - E_last) ds."""
    for c in range(net.n_cells):
        owed = S.E[c] - X.E[c] if net.every_step else S.E[c]
        X.sum_W[c] = fma(owed, X.ds_c[c], X.sum_W[c])
    if net.input_gates:
        for b in range(net.n_blocks):
            gate = X.sum_W[net.n_cells + b]
            for i in range(size_of(net, b)):
                c = first_of(net, b) + i
                owed = S.E[c] - X.E[c] if net.every_step else S.E[c]
                gate = fma(owed, X.ds_in[c], gate)
            X.sum_W[net.n_cells + b] = gate


@lane
def enter(net: LaneNet, S: Any, X: Any) -> None:
    """Bring the weights from the present symbols up to date."""
    if net.symbolic:
        for c in range(net.n_cells):
            S.E[c] = going_on(net, S, S.E[c])
        repay(net, S, X)
        for c in range(net.n_cells):
            X.E[c] = S.E[c]


@lane
def leave(net: LaneNet, S: Any, X: Any) -> None:
    """Change what a step changes at once of the weights from its symbol."""
    if net.symbolic:
        for b in range(net.n_out_gates):
            X.sum_V[b] = X.sum_V[b] + S.change_out[b]


@lane
def forget(net: LaneNet, X: Any) -> None:
    """End a sequence for one symbol: partials and errors go, summed changes are made."""
    if net.symbolic:
        for c in range(net.n_cells):
            X.ds_c[c] = 0.0
            if net.input_gates:
                X.ds_in[c] = 0.0
            if net.every_step:
                X.E[c] = 0.0
    if net.at_end:
        for u in range(net.n_gated if net.symbolic else 0):
            X.W[u], X.sum_W[u] = X.W[u] + X.sum_W[u], 0.0
        for b in range(net.n_out_gates if net.symbolic else 0):
            X.V[b], X.sum_V[b] = X.V[b] + X.sum_V[b], 0.0
        for k in range(net.n_skip):
            X.K[k], X.sum_K[k] = X.K[k] + X.sum_K[k], 0.0
        for k in range(net.n_across if net.wide_skip else 0):
            X.across[k], X.sum_across[k] = X.across[k] + X.sum_across[k], 0.0


@lane
def apply_sums(net: LaneNet, mine: Any, own: Any) -> None:
    """Make a sequence's summed changes of the weights that stand in rows, or with wide outputs."""
    for u in range(net.n_hidden):
        for m in range(net.n_sources):
            mine.W[u, m], mine.sum_W[u, m] = mine.W[u, m] + mine.sum_W[u, m], 0.0
    for m in range(net.n_into_k):
        for k in range(net.n_narrow):
            mine.K[k, m], mine.sum_K[k, m] = mine.K[k, m] + mine.sum_K[k, m], 0.0
        for k in range(net.n_across):
            own.K[m, k], own.sum_K[m, k] = own.K[m, k] + own.sum_K[m, k], 0.0


# ---------------------------------------------------------------- what the loop calls
@lane
def resting_step(net: LaneNet, M: Numbers, places: Memory, j: int) -> None:
    """Take a step without error, the j-th of some: all trials."""
    S, X = view(net.state, M.state, 0), view(net.now, M.now, 0)
    if net.symbolic:
        collect(net.resting, M.now, M.records, places, j * net.lanes)
        forward(net, S, X)
        carry(net, S)
        carry_symbol(net, S, X)
        deliver(net.partials, M.now, M.records, places, j * net.lanes)
    else:
        forward(net, S, view(net.now, M.inputs, j * net.now_size))
        carry(net, S)


@lane
def learning_step(net: LaneNet, M: Numbers, places: Memory) -> None:
    """Take a step with an error: all trials."""
    S, X = view(net.state, M.state, 0), view(net.now, M.now, 0)
    collect(net.moved, M.now, M.records, places, 0)
    enter(net, S, X)
    forward(net, S, X)
    if net.wide:
        N = view(net.numbering, M.numbering, 0)
        for i in range(net.lanes):
            R = view(net.record, M.records, places[i])
            wide_outputs(net, one_lane(S, i), view(net.own, M.own, i * net.own_size), R, N)
    else:
        outputs(net, S, X)
        change_outputs(net, S, X)
        if net.legal:
            note_illegal(net, S)
    blame(net, S)
    carry_and_change(net, S)
    carry_symbol(net, S, X)
    leave(net, S, X)
    S.begins = 0.0
    deliver(net.moved, M.now, M.records, places, 0)


@seldom
def last_step(net: LaneNet, M: Numbers, i: int, place: int) -> None:
    """Do what the error of a trial's last step does; its symbol's record is at a place."""
    mine, R = one_lane(view(net.state, M.state, 0), i), view(net.record, M.records, place)
    if net.gates_rest:
        out_net_inputs(net, mine, R)
        open_gates(net, mine)
        leave_cells(net, mine)
    if net.wide:
        N = view(net.numbering, M.numbering, 0)
        wide_outputs(net, mine, view(net.own, M.own, i * net.own_size), R, N)
    else:
        outputs(net, mine, R)
        change_outputs(net, mine, R)
    blame(net, mine)
    change(net, mine)
    leave(net, mine, R)


@lane
def settle_symbol(net: LaneNet, M: Numbers, i: int, place: int) -> None:
    """End a trial's sequence for one symbol, whose record is at a place."""
    X = view(net.record, M.records, place)
    repay(net, one_lane(view(net.state, M.state, 0), i), X)
    forget(net, X)


@lane
def settle(net: LaneNet, M: Numbers, i: int) -> None:
    """End a trial's sequence for all but its symbols."""
    if net.at_end:
        mine = one_lane(view(net.state, M.state, 0), i)
        apply_sums(net, mine, view(net.own, M.own, i * net.own_size))
