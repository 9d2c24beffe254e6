"""The network of 1995 and 1997: its topology with every open choice named, weights, forward pass.

Weight layout
-------------
All weights stand in one flat vector, in four groups, each a matrix stored row by row:

=========  ==============================  ==========================================
group      one row for each                a row's columns
=========  ==============================  ==========================================
``W_c``    cell, block by block            inputs, hidden sources, [bias]
``W_in``   input gate, one a block         inputs, hidden sources, [bias]
``W_out``  output gate, one a block        inputs, hidden sources, [bias]
``W_k``    output unit                     cells, [inputs], [bias]
=========  ==============================  ==========================================

Hidden sources are the cells, then the input gates, then the output gates, as far as the topology
lets them feed back. What stands in brackets is there only if the topology says so; a bias is
always a row's last column.

Time
----
At each step: set the inputs; compute the hidden units from the current input and the hidden
activations of the step before; compute the outputs from the current cells. (NC's appendix writes
y(t-1) everywhere; this is the order of its experiments.)
"""

from __future__ import annotations

from collections.abc import Sequence as PythonSequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np

from lstmbook import memory_cell
from lstmbook.sequences import BoolArray, IntArray, Sequence, as_choice
from lstmbook.squashing import squashing
from lstmbook.validation import Array, as_array, as_count, as_number, as_switch

RECURRENT = ("none", "cells", "cells and gates")
COMPETITION = ("none", "winner takes all")
SWITCHES = (
    "input_gates", "output_gates", "shortcuts", "cell_biases", "input_gate_biases",
    "output_gate_biases", "output_biases",
)  # fmt: skip


@dataclass(frozen=True)
class Topology:
    """Which units there are and which feed which.

    The defaults are the choices that NC's weight counts imply for most experiments: hidden layer
    fully self-connected with the gates, outputs that see cells only.

    Attributes
    ----------
    n_inputs, n_outputs
        The numbers of input and output units.
    blocks
        The sizes of the memory cell blocks; none at all is allowed (sequential construction
        begins so).
    input_gates, output_gates
        Whether each block has one. Experiment 1a has no output gates (TR). An absent gate is 1.
    recurrent
        Which hidden activations of the step before feed the hidden units: "none" (NC's count
        10504 for experiments 2a and 2b), "cells", or "cells and gates" (default: "the fully
        self-connected hidden layer consists of memory cells and corresponding gate units", TR;
        NC's counts for all other experiments).
    shortcuts
        Whether inputs feed outputs too. TR: "all units (except gate units) in all layers are
        connected to all units in higher layers", that is, yes; NC's counts: no (default), but
        for experiments 2a and 2b.
    cell_biases, input_gate_biases, output_gate_biases, output_biases
        Whether units of each kind have a bias weight. Default none (experiment 1c: "no unit is
        biased"); NC's table of conditions names them for each experiment.
    g, h
        Names of the squashing functions of cell input and internal state. Default g in [-2, 2]
        and h in [-1, 1]; experiment 1a has "logistic" and "identity".
    f_k
        Name of the output units' squashing function (logistic in all the papers' experiments).
    competition
        "none" (default) or "winner takes all": of the output gates only the most active one is
        open, the others give 0 (TR's third solution of the abuse problem; its formula is not
        printed, this one is ours).

    Raises
    ------
    TypeError, ValueError
        If a count or a word is impossible.
    """

    n_inputs: int
    n_outputs: int
    blocks: tuple[int, ...]
    input_gates: bool = True
    output_gates: bool = True
    recurrent: str = "cells and gates"
    shortcuts: bool = False
    cell_biases: bool = False
    input_gate_biases: bool = False
    output_gate_biases: bool = False
    output_biases: bool = False
    g: str = "g"
    h: str = "h"
    f_k: str = "logistic"
    competition: str = "none"

    def __post_init__(self) -> None:
        as_count("n_inputs", self.n_inputs, at_least=1)
        as_count("n_outputs", self.n_outputs, at_least=1)
        sizes = tuple(as_count(f"blocks[{i}]", n, at_least=1) for i, n in enumerate(self.blocks))
        object.__setattr__(self, "blocks", sizes)
        for name in SWITCHES:
            object.__setattr__(self, name, as_switch(name, getattr(self, name)))
        as_choice("recurrent", self.recurrent, RECURRENT)
        as_choice("competition", self.competition, COMPETITION)
        for name in ("g", "h", "f_k"):
            squashing(getattr(self, name), name)
        for biases, gates in (
            ("input_gate_biases", "input_gates"),
            ("output_gate_biases", "output_gates"),
        ):
            if getattr(self, biases) and not getattr(self, gates):
                raise ValueError(f"{biases} is True but {gates} is False: there is none to bias")
        if self.competition != "none" and not self.output_gates:
            raise ValueError(
                f"competition is {self.competition!r} but output_gates is False: it needs them"
            )

    @property
    def n_blocks(self) -> int:
        """The number of memory cell blocks."""
        return len(self.blocks)

    @cached_property
    def n_cells(self) -> int:
        """The number of memory cells."""
        return sum(self.blocks)

    @property
    def n_input_gates(self) -> int:
        """The number of input gates."""
        return self.n_blocks if self.input_gates else 0

    @property
    def n_output_gates(self) -> int:
        """The number of output gates."""
        return self.n_blocks if self.output_gates else 0

    @property
    def n_hidden(self) -> int:
        """The number of hidden units: cells and gates."""
        return self.n_cells + self.n_input_gates + self.n_output_gates

    @cached_property
    def n_recurrent(self) -> int:
        """The number of hidden sources: hidden units that feed hidden units."""
        return {"none": 0, "cells": self.n_cells, "cells and gates": self.n_hidden}[self.recurrent]

    @cached_property
    def block_of(self) -> IntArray:
        """The block of each cell, shape (n_cells,)."""
        return np.repeat(np.arange(self.n_blocks), self.blocks)

    @cached_property
    def shapes(self) -> dict[str, tuple[int, int]]:
        """Rows and columns of each group of weights, in the order of the flat vector."""
        sources = self.n_inputs + self.n_recurrent
        into_k = self.n_cells + (self.n_inputs if self.shortcuts else 0)
        return {
            "W_c": (self.n_cells, sources + self.cell_biases),
            "W_in": (self.n_input_gates, sources + self.input_gate_biases),
            "W_out": (self.n_output_gates, sources + self.output_gate_biases),
            "W_k": (self.n_outputs, into_k + self.output_biases),
        }

    @cached_property
    def offsets(self) -> dict[str, int]:
        """Where each group of weights begins in the flat vector."""
        ends = np.cumsum([0] + [rows * columns for rows, columns in self.shapes.values()])
        return {group: int(end) for group, end in zip(self.shapes, ends, strict=False)}

    @cached_property
    def n_weights(self) -> int:
        """The number of weights, biases included."""
        return sum(rows * columns for rows, columns in self.shapes.values())


@dataclass(frozen=True)
class Weights:
    """The flat vector of weights and its four matrices, which are views of it.

    Attributes
    ----------
    flat
        Every weight, shape (n_weights,); changing it in place changes the matrices.
    W_c, W_in, W_out, W_k
        Weights into cells, input gates, output gates and output units; the columns are those
        of the module's table.
    """

    flat: Array
    W_c: Array
    W_in: Array
    W_out: Array
    W_k: Array

    def __reduce__(self) -> tuple[Any, ...]:
        # pickled or copied one by one, the matrices would no longer be views
        shapes = tuple(each.shape for each in (self.W_c, self.W_in, self.W_out, self.W_k))
        return _viewed, (self.flat, shapes)


def _viewed(flat: Array, shapes: tuple[tuple[int, int], ...]) -> Weights:
    """Return the matrices of the given shapes as views of a flat vector."""
    ends = np.cumsum([rows * columns for rows, columns in shapes])[:-1]
    parts = zip(np.split(flat, ends), shapes, strict=True)
    return Weights(flat, *(part.reshape(shape) for part, shape in parts))


def as_weights(net: Topology, flat: Array) -> Weights:
    """Return the four matrices of a flat vector of weights, as views of it.

    Raises
    ------
    ValueError
        If the length is not the topology's number of weights or an entry is not finite.
    """
    flat = as_array("flat", flat, (net.n_weights,))
    views = {
        group: flat[net.offsets[group] : net.offsets[group] + rows * columns].reshape(rows, columns)
        for group, (rows, columns) in net.shapes.items()
    }
    return Weights(flat, **views)


Bias = float | PythonSequence[float] | None
"""One value for all units of a kind, one for each, or None: drawn like any other weight."""


def initial_weights(
    net: Topology,
    rng: np.random.Generator,
    *,
    scale: float = 0.2,
    cell_bias: Bias = None,
    input_gate_bias: Bias = None,
    output_gate_bias: Bias = None,
    output_bias: Bias = None,
) -> Weights:
    """Draw every weight uniformly from [-scale, scale], then set the biases that are given.

    Parameters
    ----------
    scale
        0.2 in TR's experiments; 0.1 in NC's experiments 3 to 6.
    cell_bias, input_gate_bias, output_gate_bias, output_bias
        Initial biases: a number, one number a unit, or None to leave them as drawn.

    Raises
    ------
    ValueError
        If a bias is given to units that have none, or of the wrong length.
    """
    scale = as_number("scale", scale, at_least=0)
    weights = as_weights(net, rng.uniform(-scale, scale, net.n_weights))
    for name, bias, biased, W in (
        ("cell_bias", cell_bias, net.cell_biases, weights.W_c),
        ("input_gate_bias", input_gate_bias, net.input_gate_biases, weights.W_in),
        ("output_gate_bias", output_gate_bias, net.output_gate_biases, weights.W_out),
        ("output_bias", output_bias, net.output_biases, weights.W_k),
    ):
        if bias is None:
            continue
        if not biased:
            raise ValueError(f"{name} is {bias!r}, but the topology has no such biases")
        values = np.full(len(W), bias) if np.ndim(bias) == 0 else bias
        W[:, -1] = as_array(name, values, (len(W),))
    return weights


@dataclass(frozen=True)
class State:
    """What a network carries from one step to the next.

    Attributes
    ----------
    s
        Internal states, shape (n_cells,).
    y
        Activations of the hidden sources, shape (n_recurrent,).
    """

    s: Array
    y: Array


def start(net: Topology) -> State:
    """Return the state before the first step: all zero."""
    return State(np.zeros(net.n_cells), np.zeros(net.n_recurrent))


@dataclass(frozen=True)
class Moment:
    """Everything the network did at one step t.

    Attributes
    ----------
    source
        What hidden units may read, (x(t), y(t-1), 1), shape (n_inputs + n_recurrent + 1,).
        A unit without bias reads all but the last.
    net_c, s, y_c
        Net inputs, internal states and outputs of the cells, shape (n_cells,).
    net_in, net_out
        Net inputs of the gates, shapes (n_input_gates,) and (n_output_gates,).
    y_in, y_out
        What opens each block's entrance and exit, shape (n_blocks,): the gates' activations,
        1 where there is no gate, and 0 for an output gate that lost the competition.
    won
        Which output gates take part, shape (n_blocks,): all, unless they compete.
    y
        The hidden sources of the next step, shape (n_recurrent,).
    source_k
        What output units may read, (y_c(t), [x(t)], 1).
    net_k, y_k
        Net inputs and activations of the output units, shape (n_outputs,).
    """

    source: Array
    net_c: Array
    net_in: Array
    net_out: Array
    y_in: Array
    y_out: Array
    won: BoolArray
    s: Array
    y_c: Array
    y: Array
    source_k: Array
    net_k: Array
    y_k: Array

    @property
    def state(self) -> State:
        """What is carried to the next step."""
        return State(self.s, self.y)


_ONE = np.ones(1)


def _net(W: Array, source: Array) -> Array:
    """Return net inputs: each row of W reads as many of the sources as it has columns."""
    net: Array = W @ source[: W.shape[1]]
    return net


def step(net: Topology, weights: Weights, before: State, x: Array) -> Moment:
    """Take one step: `eq-gates`, `eq-internal-state`, `eq-cell-output`, then the outputs.

    Parameters
    ----------
    before
        The state of the step before.
    x
        The input vector, shape (n_inputs,).

    Raises
    ------
    ValueError
        If `x` or the state has another shape than the topology's.
    """
    _check_shapes(net, before, x)
    source = np.concatenate([x, before.y, _ONE])
    net_c = _net(weights.W_c, source)
    net_in = _net(weights.W_in, source)
    net_out = _net(weights.W_out, source)
    y_in = memory_cell.gate(net_in) if net.input_gates else np.ones(net.n_blocks)
    y_out = memory_cell.gate(net_out) if net.output_gates else np.ones(net.n_blocks)
    won = np.ones(net.n_blocks, dtype=np.bool_)
    if net.competition == "winner takes all":
        won = memory_cell.winner(y_out)
        y_out = y_out * won
    s = memory_cell.internal_state(before.s, y_in[net.block_of], net_c, squashing(net.g))
    y_c = memory_cell.cell_output(y_out[net.block_of], s, squashing(net.h))
    source_k = np.concatenate([y_c, x, _ONE] if net.shortcuts else [y_c, _ONE])
    net_k = _net(weights.W_k, source_k)
    return Moment(
        source=source,
        net_c=net_c,
        net_in=net_in,
        net_out=net_out,
        y_in=y_in,
        y_out=y_out,
        won=won,
        s=s,
        y_c=y_c,
        y=_hidden_sources(net, y_c, y_in, y_out),
        source_k=source_k,
        net_k=net_k,
        y_k=squashing(net.f_k)(net_k),
    )


def _check_shapes(net: Topology, before: State, x: Array) -> None:
    for name, array, n in (
        ("x", x, net.n_inputs),
        ("before.s", before.s, net.n_cells),
        ("before.y", before.y, net.n_recurrent),
    ):
        if np.shape(array) != (n,):
            raise ValueError(f"{name} has shape {np.shape(array)}; it must have shape {(n,)}")


def _hidden_sources(net: Topology, y_c: Array, y_in: Array, y_out: Array) -> Array:
    """Return the activations that feed back: none, the cells', or also those of real gates."""
    if net.recurrent == "none":
        return np.zeros(0)
    if net.recurrent == "cells":
        return y_c
    return np.concatenate([y_c, y_in[: net.n_input_gates], y_out[: net.n_output_gates]])


@dataclass(frozen=True)
class Trace:
    """Everything the network did over T steps: `Moment`'s arrays with time as first axis.

    Row t belongs to step t; row 0 is the start, where `s` and `y` are as given, `y_c` is 0 and
    all else is NaN (`won` False).
    """

    source: Array
    net_c: Array
    net_in: Array
    net_out: Array
    y_in: Array
    y_out: Array
    won: BoolArray
    s: Array
    y_c: Array
    y: Array
    source_k: Array
    net_k: Array
    y_k: Array

    @property
    def n_steps(self) -> int:
        """The number of steps, T."""
        return len(self.s) - 1

    @property
    def outputs(self) -> Array:
        """The outputs at steps 1 .. T, shape (T, n_outputs)."""
        return self.y_k[1:]

    def at(self, t: int) -> Moment:
        """Return what happened at step t (1 .. T)."""
        t = as_count("t", t, at_least=1, at_most=self.n_steps)
        return Moment(**{each.name: getattr(self, each.name)[t] for each in fields(Moment)})


def forward(
    net: Topology, weights: Weights, sequence: Sequence, before: State | None = None
) -> Trace:
    """Run the network over a sequence and keep everything.

    Parameters
    ----------
    before
        The state to start from; zero unless given (activations are reset between sequences).

    Raises
    ------
    ValueError
        If the sequence's inputs or outputs are not the network's.
    """
    fits(net, sequence)
    state = start(net) if before is None else before
    x = sequence.x
    moments = []
    for t in range(len(x)):
        moments.append(step(net, weights, state, x[t]))
        state = moments[-1].state
    first = start(net) if before is None else before
    arrays: dict[str, Any] = {
        each.name: _stack([getattr(moment, each.name) for moment in moments])
        for each in fields(Moment)
    }
    arrays["s"][0], arrays["y"][0], arrays["y_c"][0] = first.s, first.y, 0.0
    return Trace(**arrays)


def _stack(rows: list[Array]) -> Array:
    stacked = np.empty((len(rows) + 1, *rows[0].shape), dtype=rows[0].dtype)
    stacked[0] = np.nan if rows[0].dtype == np.float64 else False
    stacked[1:] = rows
    return stacked


def fits(net: Topology, sequence: Sequence) -> None:
    """Check that a sequence has the network's numbers of inputs and outputs.

    Raises
    ------
    ValueError
        If it has not.
    """
    if sequence.n_inputs != net.n_inputs:
        raise ValueError(f"sequence has {sequence.n_inputs} inputs; the network has {net.n_inputs}")
    if sequence.n_outputs != net.n_outputs:
        raise ValueError(
            f"sequence has {sequence.n_outputs} outputs; the network has {net.n_outputs}"
        )


@dataclass(frozen=True)
class PublishedNetwork:
    """A network of the papers: its topology and the number of weights printed for it (NC)."""

    experiment: str
    topology: Topology
    n_weights: int


def published_networks() -> tuple[PublishedNetwork, ...]:
    """Return the networks whose numbers of weights NC prints, decoded into topologies."""
    naive = Topology(
        101,
        101,
        (1,),
        output_gates=False,
        recurrent="none",
        shortcuts=True,
        g="logistic",
        h="identity",
    )
    return (
        PublishedNetwork("1 (4 blocks of 1)", _biased(7, 7, (1,) * 4, "gates"), 264),
        PublishedNetwork("1 (3 blocks of 2)", _biased(7, 7, (2,) * 3, "gates"), 276),
        PublishedNetwork("2a, 2b", naive, 10504),
        *(
            PublishedNetwork(f"2c (p = {p})", Topology(p + 4, 2, (1, 1)), n_weights)
            for p, n_weights in ((50, 364), (100, 664), (200, 1264), (500, 3064), (1000, 6064))
        ),
        PublishedNetwork("3a, 3b, 3c", _biased(1, 1, (1,) * 3, "hidden"), 102),
        PublishedNetwork("4, 5", _biased(2, 1, (2, 2), "all"), 93),
        PublishedNetwork("6a", _biased(8, 4, (2, 2), "all"), 156),
        PublishedNetwork("6b", _biased(8, 8, (2, 2, 2), "all"), 308),
    )


def _biased(n_inputs: int, n_outputs: int, blocks: tuple[int, ...], biased: str) -> Topology:
    """Return the default topology with biases on "gates", "hidden" units or "all" units."""
    return Topology(
        n_inputs,
        n_outputs,
        blocks,
        input_gate_biases=True,
        output_gate_biases=True,
        cell_biases=biased in ("hidden", "all"),
        output_biases=biased == "all",
    )
