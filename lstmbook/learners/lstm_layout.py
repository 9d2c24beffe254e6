"""Where the numbers of LSTM stand when many trials run side by side, and which it has.

`lstmbook.learners.lstm` has the equations.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import Any, NamedTuple

import numpy as np

from lstmbook.lanes.blocks import Layout, Memory, Mover, number, up_to
from lstmbook.lanes.learner import IN_RECORDS
from lstmbook.lanes.squash import KINDS
from lstmbook.learners.outputs import OutputLayout
from lstmbook.lstm import Topology
from lstmbook.sequences import IntArray


class Numbers(NamedTuple):
    """The numbers of many trials' networks, each a flat array.

    Attributes
    ----------
    state, now
        `LSTMLayout.state` and `LSTMLayout.now`.
    inputs
        For real inputs, `LSTMLayout.now` of each step ahead.
    records
        `LSTMLayout.record` of each lane and symbol.
    own
        `OutputLayout.own` of each lane.
    numbering
        `OutputLayout.numbering`.
    """

    state: Memory
    now: Memory
    inputs: Memory
    records: Memory
    own: Memory
    numbering: Memory


@dataclass(frozen=True)
class LSTMLayout(OutputLayout):
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
    def n_units(self) -> int:
        """The number of units, which may have biases: hidden ones, then outputs."""
        return self.n_hidden + self.n_outputs

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
    def n_read(self) -> int:
        """The number of units that outputs read: the cells."""
        return self.n_cells

    @property
    def output_biases(self) -> bool:
        """Whether outputs have biases."""
        return self.topology.output_biases

    @property
    def masked(self) -> bool:
        """Whether some trials' steps do not count."""
        return False

    @property
    def one_hot(self) -> bool:
        """Whether units read symbols as numbers."""
        return False

    @property
    def in_rounds(self) -> bool:
        """Whether sequences begin together."""
        return False

    @property
    def noted(self) -> bool:
        """Whether outputs are kept for whoever presented the step."""
        return False

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
    def gates_rest(self) -> bool:
        """Whether what leaves the cells matters at the last step only.

        Nothing feeds back and only the last step has an error: output gates and cell outputs are
        then computed by `lstmbook.learners.lstm.last_step` alone.
        """
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

    # ------------------------------------------------------------ where the numbers stand
    @cached_property
    def state(self) -> Layout:
        """`S`: weights, what a sequence carries on, what a step computes. A row a number."""
        L, cells, blocks = self.lanes, self.n_cells, self.n_blocks
        fields: dict[str, Any] = {
            "W": number(L, self.topology.n_hidden, self.n_sources),
            "rate": number(L, 3 if self.scheduled else 1),
            "active": number(L, blocks if self.construct else 0),
            "judge_last": number(L),
            # zero where a sequence begins
            "s": number(L, cells),
            "y_new": number(L, self.n_recurrent),
            "ds_c": number(L, cells, self.n_into_c),
            "ds_in": number(L, cells, self.n_into_in if self.input_gates else 0),
            "E": number(L, cells),
            **self.judged,
            # of the present step
            **self.output_fields,
            "source": number(L, self.n_plain + 1),
            "net": number(L, self.topology.n_hidden),
            "won": number(L, blocks if self.compete else 0),
            "y_out": number(L, blocks),
            "f_out": number(L, blocks),
            "h": number(L, cells),
            "h_slope": number(L, cells),
            "into_c": number(L, cells),
            "into_in": number(L, cells),
            "change_c": number(L, cells),
            "change_out": number(L, blocks),
            **self.output_weights,
        }
        fields["sum_W"] = "W"
        if self.at_end:
            fields["sum_W"] = number(L, self.topology.n_hidden, self.n_sources)
        return Layout.of(self.dtype, fields)

    @property
    def past(self) -> Layout:
        """Nothing: trials run freely."""
        return Layout.of(self.dtype, {})

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

    def numbers(self, n_inputs: int, ahead: int, room: int = 0) -> Numbers:
        """Return memory, for alphabets of up to `n_inputs` and so many steps ahead."""
        return Numbers(
            self.state.memory(),
            self.now.memory(),
            self.now.memory(0 if self.symbolic else ahead),
            self.record.memory(self.lanes * n_inputs),
            self.own.memory(self.lanes),
            self.numbered(),
        )

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
            row = [self.in_state("W", u, m) for m in range(columns)]
            if biased:
                row[-1] = (*row[-1][:2], u)
            name, unit = ("W", u) if u < self.n_gated else ("V", u - self.n_gated)
            parts += self._with_symbols(n_inputs, name, unit) if self.symbolic else []
            parts += row
        parts += self.output_places(self.record, n_inputs, net.n_hidden)
        return np.array(parts, dtype=np.int64)

    def _biased_columns(self) -> list[tuple[int, bool]]:
        """Of each hidden unit: its weights in rows, and whether the last one is a bias."""
        net = self.topology
        return (
            [(self.n_into_c, net.cell_biases)] * net.n_cells
            + [(self.n_into_in, net.input_gate_biases)] * net.n_input_gates
            + [(self.n_into_out, net.output_gate_biases)] * net.n_output_gates
        )

    def _with_symbols(self, n_inputs: int, name: str, unit: int) -> list[tuple[int, int, int]]:
        start, size = self.record.start(name) + unit, self.record.size
        return [(IN_RECORDS, start + symbol * size, -1) for symbol in range(n_inputs)]
