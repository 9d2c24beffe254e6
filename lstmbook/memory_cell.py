"""A memory cell: a carousel between an input gate and an output gate.

A memory cell block of size N is N cells that share one input gate and one output gate. Time is
indexed as in the papers: row 0 of a trace is the start, where every internal state is 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lstmbook import squashing as squash
from lstmbook.sequences import BoolArray
from lstmbook.squashing import Squashing, squashing
from lstmbook.validation import Array, as_array, as_count


def gate(net: Array, f: Squashing = squash.logistic) -> Array:
    """Return a gate's activation, y_in = f(net_in) or y_out = f(net_out): `eq-gates`."""
    return f(net)


def internal_state(s_before: Array, y_in: Array, net_c: Array, g: Squashing = squash.g) -> Array:
    """Return s_c(t) = s_c(t-1) + y_in(t) g(net_c(t)): `eq-internal-state`.

    Nothing scales the old state: its self-connection is linear and has weight 1.0.
    """
    return s_before + y_in * g(net_c)


def cell_output(y_out: Array, s: Array, h: Squashing = squash.h) -> Array:
    """Return y_c(t) = y_out(t) h(s_c(t)): `eq-cell-output`."""
    return y_out * h(s)


def winner(y_out: Array) -> BoolArray:
    """Return which output gate is the most active (the first of several): True for one only.

    The rule for output gate competition. TR asks that no two output gates be active at once
    and gives no formula; here the winner keeps its activation and the others give 0.

    Parameters
    ----------
    y_out
        Output gate activations, shape (n_blocks,).
    """
    won = np.zeros(y_out.shape, dtype=np.bool_)
    if len(y_out):
        won[np.argmax(y_out)] = True
    return won


@dataclass(frozen=True)
class BlockTrace:
    """Everything a memory cell block of N cells did over T steps.

    Attributes
    ----------
    net_in, net_out, y_in, y_out
        The gates' net inputs and activations, shape (T + 1,); row 0 is NaN.
    net_c
        The cells' net inputs, shape (T + 1, N); row 0 is NaN.
    s, y_c
        Internal states and cell outputs, shape (T + 1, N); row 0 is 0.
    g, h
        The squashing functions of cell input and internal state.
    """

    net_in: Array
    net_out: Array
    net_c: Array
    y_in: Array
    y_out: Array
    s: Array
    y_c: Array
    g: Squashing
    h: Squashing

    @property
    def n_steps(self) -> int:
        """The number of steps, T."""
        return len(self.s) - 1


def run_block(
    net_in: Array,
    net_out: Array,
    net_c: Array,
    *,
    g: Squashing | str = squash.g,
    h: Squashing | str = squash.h,
) -> BlockTrace:
    """Run one memory cell block, its three kinds of net input given by hand.

    Parameters
    ----------
    net_in, net_out
        Net inputs of the gates at steps 1 .. T, shape (T,).
    net_c
        Net inputs of the N cells, shape (T, N).
    g, h
        Squashing functions of cell input and internal state, or their names.

    Raises
    ------
    ValueError
        If the lengths differ or an entry is not finite.
    """
    net_c = as_array("net_c", net_c, (None, None))
    T, n_cells = net_c.shape
    net_in = as_array("net_in", net_in, (T,))
    net_out = as_array("net_out", net_out, (T,))
    g, h = squashing(g), squashing(h)
    y_in, y_out = gate(net_in), gate(net_out)
    s, y_c = np.zeros((T + 1, n_cells)), np.zeros((T + 1, n_cells))
    for t in range(1, T + 1):
        s[t] = internal_state(s[t - 1], y_in[t - 1], net_c[t - 1], g)
        y_c[t] = cell_output(y_out[t - 1], s[t], h)
    return BlockTrace(
        net_in=_from_time_one(net_in),
        net_out=_from_time_one(net_out),
        net_c=_from_time_one(net_c),
        y_in=_from_time_one(y_in),
        y_out=_from_time_one(y_out),
        s=s,
        y_c=y_c,
        g=g,
        h=h,
    )


def _from_time_one(rows: Array) -> Array:
    """Put a row of NaN before the rows of steps 1 .. T."""
    return np.concatenate([np.full((1, *rows.shape[1:]), np.nan), rows])


@dataclass(frozen=True)
class CarouselFlow:
    """By what an error at a cell's output is scaled when it leaves the cell.

    Attributes
    ----------
    to_cell
        Where it leaves to the cell's net input, shape (N,).
    to_input_gate
        Where it leaves to the input gate's net input, shape (N,).
    """

    to_cell: Array
    to_input_gate: Array


def carousel_flow(trace: BlockTrace, t: int, q: int) -> CarouselFlow:
    """Return the scaling of an error that enters at step t and leaves q steps earlier.

    `eq-carousel-flow`: y_out(t) h'(s(t)) on entering; g'(net_c(t-q)) y_in(t-q), or
    g(net_c(t-q)) f'(net_in(t-q)), on leaving; nothing in between, whatever q is.

    Raises
    ------
    ValueError
        If t is not a step of the trace or t - q is not.
    """
    t = as_count("t", t, at_least=1, at_most=trace.n_steps)
    leaves = t - as_count("q", q, at_most=t - 1)
    entering = trace.y_out[t] * trace.h.slope(trace.s[t])
    net_c = trace.net_c[leaves]
    return CarouselFlow(
        to_cell=entering * trace.g.slope(net_c) * trace.y_in[leaves],
        to_input_gate=entering * trace.g(net_c) * squash.logistic.slope(trace.net_in[leaves]),
    )
