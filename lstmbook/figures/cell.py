"""A memory cell drawn as in the papers' figure, and what it does over time."""

from __future__ import annotations

import numpy as np

from lstmbook.explore import Axis, Bars, Dots, Edges, Line, Nodes, Plot, Rule, Text
from lstmbook.explore.pictures import Color, Mark
from lstmbook.memory_cell import BlockTrace
from lstmbook.validation import Array, as_count

# Where things stand: the cell in a row from left to right, its gates below.
_GX, _IN, _S, _HX, _OUT, _Y = 1.2, 2.4, 3.8, 5.2, 6.4, 7.8
_NODES = (_GX, _IN, _S, _HX, _OUT, _IN, _OUT)
_BELOW = -1.55
_HISTORY = -4.1
_LABELS = ("g", "×", "s", "h", "×", "in", "out")


def drawn_cell(trace: BlockTrace, t: int, v: int = 0) -> Plot:
    """Draw one cell at one step: what flows along each connection, and every activation.

    Parameters
    ----------
    trace
        What the cell's block did.
    t
        The step, 1 .. T.
    v
        Which cell of the block.
    """
    t = as_count("t", t, at_least=1, at_most=trace.n_steps)
    v = as_count("v", v, at_most=trace.s.shape[1] - 1)
    net_c, net_in, net_out = trace.net_c[t, v], trace.net_in[t], trace.net_out[t]
    y_in, y_out = trace.y_in[t], trace.y_out[t]
    into = float(trace.g(net_c))
    let_in, before, s = float(y_in * into), trace.s[t - 1, v], trace.s[t, v]
    shown, y_c = float(trace.h(s)), trace.y_c[t, v]
    flows = [net_c, into, let_in, s, shown, y_c, net_in, net_out, y_in, y_out, before]
    size = np.clip([into / 2, let_in / 2, s / 2, shown, y_c, y_in, y_out], -1, 1)
    x1 = [0.1, _GX, _IN, _S, _HX, _OUT, _IN, _OUT, _IN, _OUT, _S]
    x2 = [_GX, _IN, _S, _HX, _OUT, _Y, _IN, _OUT, _IN, _OUT, _S]
    y1 = [0.0] * 6 + [_BELOW - 1.0] * 2 + [_BELOW] * 2 + [0.0]
    y2 = [0.0] * 6 + [_BELOW] * 2 + [0.0] * 3
    beside = ([_IN - 0.5, _OUT - 0.5], [_IN - 0.2, _OUT - 0.2])
    return Plot(
        Line([0.6, 7.0, 7.0, 0.6, 0.6], [-0.8, -0.8, 2.0, 2.0, -0.8], color="grey", width=1),
        Edges(x1, y1, x2, y2, value=np.array(flows), limit=2.0, max_width=7.0),
        Nodes(_NODES, [0.0] * 5 + [_BELOW] * 2, labels=_LABELS, value=size),
        Text([-0.15, 8.0], [0.4, 0.4], [f"net {_two(net_c)}", f"y = {_two(y_c)}"]),
        Text([_S], [1.75], [f"kept {_two(before)}, times 1.0"]),
        Text([_GX, _S, _HX], [-0.53] * 3, [_two(into), _two(s), _two(shown)]),
        Text([_IN], [0.53], [_two(let_in)]),
        Text(beside[0], [_BELOW] * 2, [f"open {y_in:.2f}", f"open {y_out:.2f}"], anchor="end"),
        Text(
            beside[1],
            [_BELOW - 0.85] * 2,
            [f"net {net_in:.1f}", f"net {net_out:.1f}"],
            anchor="end",
        ),
        *_history(trace.s[:, v], t),
        x=Axis(low=-0.9, high=8.8),
        y=Axis(low=_HISTORY - 1.3, high=2.2),
        frame=False,
        height=0.66,
        says=f"Step {t}: the input gate at {y_in:.2f} lets in {_two(let_in)}, the state goes from "
        f"{_two(before)} to {_two(s)}, and the output gate at {y_out:.2f} lets out {_two(y_c)}.",
    )


def _history(s: Array, t: int) -> tuple[Mark, ...]:
    """Draw the internal state of every step as a bar below the cell, that of step t filled."""
    at = np.linspace(1.6, 8.2, len(s) - 1) if len(s) > 2 else np.array([1.6])
    tall = s[1:] / max(2.0, float(np.abs(s).max()))
    return (
        Line([1.2, 8.6], [_HISTORY, _HISTORY], color="grey", width=1),
        Bars(at, _HISTORY + tall, base=_HISTORY, width=0.3, color="grey"),
        Bars(at[t - 1 : t], _HISTORY + tall[t - 1 : t], base=_HISTORY, width=0.3, color="blue"),
        Text([1.0], [_HISTORY], ["state s"], anchor="end"),
        Text(at, np.full(len(at), _HISTORY - 1.2), [str(i + 1) for i in range(len(at))]),
    )


def _two(number: float) -> str:
    """Return a number with two digits, and no minus before 0.00."""
    return f"{number + 0.0 if abs(number) >= 0.005 else 0.0:.2f}"


def cell_over_time(trace: BlockTrace, at: int | None = None, v: int = 0) -> Plot:
    """Draw a cell's gates, internal state and output over the steps, and mark one of them.

    Parameters
    ----------
    trace, v
        As in `drawn_cell`.
    at
        The step to mark, or None.
    """
    v = as_count("v", v, at_most=trace.s.shape[1] - 1)
    steps = np.arange(trace.n_steps + 1.0)
    state, output = trace.s[:, v], trace.y_c[:, v]
    marked: tuple[Rule, ...] = ()
    if at is not None:
        marked = (Rule(x=as_count("at", at, at_most=trace.n_steps)),)
    return Plot(
        *marked,
        _steps(steps, trace.y_in, "input gate", "green"),
        _steps(steps, trace.y_out, "output gate", "purple"),
        Line(steps, state, label="internal state s", color="blue", width=2.5),
        Dots(steps, output, label="output y", color="orange", size=4.5),
        x=Axis("step t"),
        y="activation",
        says=f"The state ends at {state[-1]:.2f}; the largest output is "
        f"{float(np.abs(output).max()):.2f} in size.",
    )


def _steps(steps: Array, gate: Array, label: str, color: Color) -> Line:
    return Line(steps, gate, label=label, color=color, dash=True, width=1.5)
