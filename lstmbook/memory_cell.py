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
from lstmbook.validation import Array, as_array, as_count, as_number

_SHUT, _OPEN = -800.0, 800.0  # net inputs at which a logistic gate is exactly 0 and 1


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


def overwrite(values: Array, strength: float, feedback: float = 0.0) -> Array:
    """Return what a cell holds after each of a series of writes, its gates fully open.

    At each write net_c = strength v - feedback y_c, where y_c = h(s) is the cell's own output of
    the step before: a recurrent weight of -feedback from the cell to itself.

    Parameters
    ----------
    values
        The values v to be written, one after the other, shape (n,).
    strength
        The weight of a value on the cell's net input.
    feedback
        What the cell's own output takes away.

    Returns
    -------
    s
        The internal state before the first write and after each, shape (n + 1,).
    """
    values = as_array("values", values, (None,))
    strength, feedback = as_number("strength", strength), as_number("feedback", feedback)
    s, y_in = np.zeros(len(values) + 1), np.ones(())
    for i, value in enumerate(values):
        net_c = strength * value - feedback * cell_output(np.ones(()), s[i])
        s[i + 1] = internal_state(s[i], y_in, net_c)
    return s


def block_codes(n_symbols: int, n_cells: int, *, strength: float = 2.0, lag: int = 100) -> Array:
    """Write each of several symbols into a block, wait, and return what the block then lets out.

    One cell gets net inputs spread evenly over [-strength, strength]; two cells get points spread
    evenly over a circle of that radius. Both gates are the block's only ones: the input gate is
    open at step 1, the output gate at the last step.

    Parameters
    ----------
    n_symbols
        How many symbols, 2 or more.
    n_cells
        The size of the block, 1 or 2.
    strength
        The largest net input.
    lag
        Steps between writing and reading; meanwhile the cells' net inputs are random.

    Returns
    -------
    codes
        Outputs y_c of the cells for each symbol, shape (n_symbols, n_cells).
    """
    n = as_count("n_symbols", n_symbols, at_least=2)
    n_cells = as_count("n_cells", n_cells, at_least=1, at_most=2)
    lag = as_count("lag", lag, at_least=1)
    angle = 2 * np.pi * (np.arange(n) + 0.5) / n
    points = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    if n_cells == 1:
        points = np.linspace(-1, 1, n)[:, None]
    net_c = np.random.default_rng(0).normal(size=(lag + 1, n_cells))
    net_in, net_out = np.full(lag + 1, _SHUT), np.full(lag + 1, _SHUT)
    net_in[0], net_out[-1] = _OPEN, _OPEN
    codes = np.empty((n, n_cells))
    for i, point in enumerate(as_number("strength", strength, above=0) * points):
        net_c[0] = point
        codes[i] = run_block(net_in, net_out, net_c).y_c[-1]
    return codes


@dataclass(frozen=True)
class Reading:
    """Output units that read a block, one for each symbol.

    Attributes
    ----------
    W, b
        Their weights and biases, shapes (n_symbols, n_cells) and (n_symbols,).
    y
        Their activations, shape (n_symbols, n_symbols): a row for each symbol that was stored.
    """

    W: Array
    b: Array
    y: Array

    @property
    def worst(self) -> Array:
        """The largest error of each symbol's output, over all stored symbols, (n_symbols,)."""
        worst: Array = np.abs(np.eye(len(self.y)) - self.y).max(axis=0)
        return worst


def read_symbols(codes: Array, *, decay: float = 1e-5, n_steps: int = 60) -> Reading:
    """Fit a logistic output unit to each symbol: 1 for its own code and 0 for all others.

    Logistic regression by Newton's method; the little weight decay keeps the weights finite where
    a symbol can be told apart perfectly.

    Parameters
    ----------
    codes
        What the block lets out for each symbol, shape (n_symbols, n_cells).
    decay
        The weight decay.
    n_steps
        Newton steps.
    """
    codes = as_array("codes", codes, (None, None))
    n, n_cells = codes.shape
    decay = as_number("decay", decay, above=0)
    sources = np.concatenate([codes, np.ones((n, 1))], axis=1)
    W = np.zeros((n, n_cells + 1))
    for _ in range(as_count("n_steps", n_steps, at_least=1)):
        y = squash.logistic(W @ sources.T)
        gradient = (np.eye(n) - y) @ sources - decay * W
        curvature = np.einsum("kt,ti,tj->kij", y * (1 - y), sources, sources)
        move = np.linalg.solve(curvature + decay * np.eye(n_cells + 1), gradient[:, :, None])
        # a step of bounded length: Newton's own overshoots where the units are saturated
        size = np.abs(move).max(axis=1, keepdims=True)
        W += (move * np.minimum(1.0, 2.0 / np.maximum(size, 1e-300)))[:, :, 0]
    return Reading(W=W[:, :-1], b=W[:, -1], y=squash.logistic(W @ sources.T).T)


def drift(net_in: float, net_c: Array, *, g: Squashing | str = squash.g) -> Array:
    """Return the internal state under an input gate that is almost closed.

    Parameters
    ----------
    net_in
        The gate's net input, the same at all steps.
    net_c
        The cell's net inputs, shape (T,).
    g
        Squashing function of the cell's input, or its name.

    Returns
    -------
    s
        Shape (T + 1,): the sum of what leaks in.
    """
    net_c = as_array("net_c", net_c, (None,))
    leak = gate(np.full(len(net_c), as_number("net_in", net_in)))
    return np.concatenate([[0.0], np.cumsum(leak * squashing(g)(net_c))])
