"""What is fixed when a trial loop is compiled, and where its numbers stand in memory.

Memory of a loop with L lanes (one lane works on one trial):

``S``
    Everything that is computed for all lanes at once: rows of L numbers, a row each for a
    weight, a partial, an activation. Lane l's number of row r stands at ``S[r * L + l]``.
``WX``
    For symbolic inputs, what belongs to one input symbol, side by side: the weights of all hidden
    units from that symbol, the partials of the internal states with respect to them, and what the
    lazy update needs. Lane l's record of a symbol begins at ``l * stride + symbol * record``.
``KX``
    Output weights that do not stand in ``S``: from input symbols (shortcuts), and, if there are
    many outputs, all of them; outputs side by side.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from lstmbook.lstm import Topology

FAMILIES = (
    "two sequences",
    "random middle",
    "random distractors",
    "strings",
    "adding",
)
NARROW = 16
"""Up to so many outputs their weights stand in rows of lanes; beyond, outputs side by side."""

CHUNK = 16
"""So many steps are gathered, computed and scattered together where weights rest meanwhile."""

WINDOW_SLOTS = 128
"""Points of an error curve; when they are used up, neighbours are averaged."""

TOLERANCES = (0.4, 0.3, 0.2, 0.1)
"""Milestones: the first of 100 successive sequences whose errors stay below."""

ACCURACIES = (0.5, 0.9, 0.95, 1.0)
"""Milestones: the first window of 100 sequences of which such a share is right."""

PHASES = 3
"""So many parts a training schedule may have."""

GROUPS = ("into", "out", "rest")
"""Weights that a schedule can give rates of their own: into cells and gates, from cells to
outputs, all others."""

# columns of the tables of trials (whole numbers, then real ones), results and lanes
PI = (
    "key_weights",
    "key_sequences",
    "cap",
    "run",
    "judge_last",
    "counted_last",
    "n_inputs",
    "a",
    "b",
    "every",
    "n_training",
    "n_test",
    "first_string",
    "plateau_window",
    "patience",
    "given_weights",
    "n_start_blocks",
    *(f"phase_end_{i}" for i in range(PHASES - 1)),
)
PF = (
    "learning_rate",
    "scale",
    "tolerance",
    "gain",
    "stop",
    *(f"rate_{group}_{i}" for i in range(PHASES) for group in GROUPS),
)
RI = (
    "ending",
    "sequences",
    "presented",
    "steps",
    "window",
    "n_windows",
    *(f"added_{i}" for i in range(8)),
    *(f"tolerance_{i}" for i in range(len(TOLERANCES))),
    *(f"accuracy_{i}" for i in range(len(ACCURACIES))),
)
LI = (
    "trial",
    "position",
    "length",
    "counter",
    "kept",
    "string",
    "testing",
    "presented",
    "run",
    "window",
    "in_window",
    "n_windows",
    "blocks",
    "failed",
    "in_plateau",
    "steps",
    "in_accuracy",
    "right_accuracy",
    "last",
    *(f"run_{i}" for i in range(len(TOLERANCES))),
)
LF = ("loss", "plateau_loss", "best", "target")
ENDINGS = {1: "success", 2: "cap", 3: "diverged"}


@dataclass(frozen=True)
class Kernel:
    """The choices that are compiled in.

    Attributes
    ----------
    net
        The topology; for symbolic inputs its n_inputs is 1 here, since the loop does not depend
        on the size of the alphabet.
    symbolic
        Whether inputs are symbols.
    family
        How sequences are made, one of `FAMILIES`.
    every_step
        Whether there is an error at each step, or at the last one only.
    at_end
        Whether the changes of a sequence are made together at its end.
    construct
        Whether blocks are added while a trial runs.
    dtype
        "float32" or "float64".
    lanes
        How many trials run side by side.
    scheduled
        Whether groups of weights have learning rates of their own, which change with time.
    """

    net: Topology
    symbolic: bool
    family: str
    every_step: bool
    at_end: bool
    construct: bool
    dtype: str
    lanes: int
    scheduled: bool = False

    @property
    def wide(self) -> bool:
        """Whether outputs stand side by side."""
        return self.net.n_outputs > NARROW

    @property
    def padded_outputs(self) -> int:
        """Outputs in a row of ``KX``."""
        return -(-self.net.n_outputs // 16) * 16 if self.wide else self.net.n_outputs

    @property
    def n_dense(self) -> int:
        """Inputs that are numbers."""
        return 0 if self.symbolic else self.net.n_inputs

    @property
    def idle_output_gates(self) -> bool:
        """Whether output gates matter at the last step only: nothing feeds back."""
        return self.net.recurrent == "none" and not self.every_step

    @cached_property
    def sources(self) -> list[list[tuple[str, int]]]:
        """Of each hidden unit, its sources that stand in rows of lanes: (kind, number)."""
        net = self.net
        common = [("x", m) for m in range(self.n_dense)] + [
            ("y", m) for m in range(net.n_recurrent)
        ]
        biased = (
            [net.cell_biases] * net.n_cells
            + [net.input_gate_biases] * net.n_input_gates
            + [net.output_gate_biases] * net.n_output_gates
        )
        return [common + [("one", 0)] * bias for bias in biased]

    @cached_property
    def output_sources(self) -> list[tuple[str, int]]:
        """Of the output units, the sources that are not symbols."""
        net = self.net
        return (
            [("c", c) for c in range(net.n_cells)]
            + [("x", m) for m in range(self.n_dense if net.shortcuts else 0)]
            + [("one", 0)] * net.output_biases
        )

    @cached_property
    def rows(self) -> dict[tuple[str, int, int], int]:
        """The rows of ``S``: (name, number, number) to the row's place."""
        net, names = self.net, [("rate", 0, 0), ("target", 0, 0), ("worst", 0, 0), ("loss", 0, 0)]
        names += [("legal", 0, 0), ("judge_last", 0, 0), ("final", 0, 0)]
        if self.scheduled:
            names += [("rate_into", 0, 0), ("rate_out", 0, 0)]

        def add(name: str, n: int, m: int = 1) -> None:
            names.extend((name, i, j) for i in range(n) for j in range(m))

        for unit, sources in enumerate(self.sources):
            names += [("W", unit, m) for m in range(len(sources))]
        if not self.wide:
            add("K", net.n_outputs, len(self.output_sources))
        self._add_changing(names)
        add("in", net.n_hidden if self.symbolic else self.n_dense)
        add("net", net.n_hidden)
        add("into_c", net.n_cells)
        add("into_in", net.n_cells if net.input_gates else 0)
        for name, n in (
            ("y_new", net.n_recurrent),
            ("gate", net.n_blocks),
            ("slope_out", net.n_blocks),
            ("h", net.n_cells),
            ("h_slope", net.n_cells),
            ("y_c", net.n_cells),
            ("arriving", net.n_cells),
            ("change_c", net.n_cells),
            ("change_out", net.n_output_gates),
            ("active", net.n_blocks if self.construct else 0),
            ("shortcut", net.n_outputs if self.symbolic and net.shortcuts and not self.wide else 0),
            ("change_k", net.n_outputs if not self.wide else 0),
            ("possible", net.n_outputs if self.family == "strings" else 0),
        ):
            add(name, n)
        return {name: i for i, name in enumerate(names)}

    def _add_changing(self, names: list[tuple[str, int, int]]) -> None:
        """Add the rows that are zero at the start of a sequence, one after the other."""
        net = self.net
        names += [("s", c, 0) for c in range(net.n_cells)]
        names += [("y", m, 0) for m in range(net.n_recurrent)]
        names += [("y_before", m, 0) for m in range(net.n_recurrent)]
        names += [("E", c, 0) for c in range(net.n_cells)]
        for c in range(net.n_cells):
            names += [("ds_c", c, m) for m in range(len(self.sources[c]))]
            if net.input_gates:
                gate = net.n_cells + int(net.block_of[c])
                names += [("ds_in", c, m) for m in range(len(self.sources[gate]))]
        if self.at_end:
            for unit, sources in enumerate(self.sources):
                names += [("G", unit, m) for m in range(len(sources))]
            if not self.wide:
                names += [
                    ("GK", k, m)
                    for k in range(net.n_outputs)
                    for m in range(len(self.output_sources))
                ]

    @cached_property
    def zeroed(self) -> range:
        """The rows that are zero at the start of a sequence."""
        names = ("s", "y", "y_before", "E", "ds_c", "ds_in")
        found = [i for (name, _, _), i in self.rows.items() if name in names]
        return range(min(found), max(found) + 1)

    @cached_property
    def record(self) -> dict[str, int]:
        """Places in a symbol's record of ``WX``, and its "size"."""
        net = self.net
        # what is changed together begins at a multiple of four, so that it moves as one vector
        place, end = {"W": 0}, -(-net.n_hidden // 4) * 4
        place["ds_c"] = end
        end += net.n_cells
        place["ds_in"] = end
        end += net.n_cells if net.input_gates else 0
        if self.every_step:
            place["E"] = end
            end += net.n_cells
        if self.at_end:
            place["G"] = end
            end += net.n_hidden
        line = 64 // np.dtype(self.dtype).itemsize
        place["size"] = -(-end // line) * line if end > line // 2 else line // 2
        return place

    def output_records(self, n_inputs: int) -> int:
        """Return how many rows of outputs a lane has in ``KX``."""
        own = len(self.output_sources) if self.wide else 0
        return own + (n_inputs if self.symbolic and self.net.shortcuts else 0)
