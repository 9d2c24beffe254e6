"""The routes of an error through a memory cell and its gates, drawn over a few steps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lstmbook import squashing as squash
from lstmbook.explore import Axis, Edges, Nodes, Plot
from lstmbook.lstm import Topology, Trace, Weights
from lstmbook.squashing import squashing
from lstmbook.truncated_learning import ErrorSignals
from lstmbook.validation import Array

PLACES = {
    "k": (0.0, 3.2),
    "y": (0.0, 2.35),
    "out": (-0.3, 1.85),
    "s": (0.0, 1.3),
    "c": (0.24, 0.3),
    "in": (-0.26, 0.62),
}
"""Where the parts of one step stand, from the middle of its column."""


@dataclass(frozen=True)
class Route:
    """One connection that carries an error: from a part at a step back to a part at a step."""

    begin: tuple[str, int]
    end: tuple[str, int]
    error: float


def routes(net: Topology, weights: Weights, trace: Trace, signals: ErrorSignals) -> list[Route]:
    """Return the error on each connection inside one memory cell and from step to step.

    Parameters
    ----------
    net
        A network of one cell with both gates, all of which feed back, and of one output.

    Raises
    ------
    ValueError
        If the network has other units.
    """
    if net.n_hidden != 3 or net.n_recurrent != 3 or net.n_outputs != 1:
        raise ValueError(
            f"net has {net.n_hidden} hidden units, {net.n_recurrent} of them fed back, and "
            f"{net.n_outputs} outputs; it must have 3, all fed back, and 1"
        )
    g, h, f = squashing(net.g), squashing(net.h), squash.logistic
    found = []
    for t in range(trace.n_steps, 0, -1):
        before = t == trace.n_steps
        passed_on = 0.0 if before else float(signals.e_s[t + 1, 0])
        entering = float(signals.e_s[t, 0]) - passed_on
        at_output = entering / float(trace.y_out[t, 0] * h.slope(trace.s[t, 0]))
        to_out = at_output * float(h(trace.s[t, 0]) * f.slope(trace.net_out[t, 0]))
        to_in = float(signals.e_s[t, 0] * g(trace.net_c[t, 0]) * f.slope(trace.net_in[t, 0]))
        found += [
            Route(("k", t), ("y", t), float(weights.W_k[0, 0] * signals.delta_k[t, 0])),
            Route(("y", t), ("out", t), to_out),
            Route(("y", t), ("s", t), entering),
            Route(("s", t), ("c", t), float(signals.delta_c[t, 0])),
            Route(("s", t), ("in", t), to_in),
        ]
        if t > 1:
            found.append(Route(("s", t), ("s", t - 1), float(signals.e_s[t, 0])))
            found += _back_a_step(net, weights, signals, t)
    return found


def _back_a_step(net: Topology, weights: Weights, signals: ErrorSignals, t: int) -> list[Route]:
    """Return what each net input of step t would hand to each hidden unit of the step before."""
    arrived = (("c", weights.W_c, signals.delta_c), ("in", weights.W_in, signals.delta_in))
    return [
        Route((part, t), (to, t - 1), float(W[0, net.n_inputs + i] * delta[t, 0]))
        for part, W, delta in (*arrived, ("out", weights.W_out, signals.delta_out))
        for i, to in enumerate(("y", "in", "out"))
    ]


def error_routes(
    net: Topology,
    weights: Weights,
    trace: Trace,
    signals: ErrorSignals,
    cuts: tuple[str, ...],
    *,
    says: str,
) -> Plot:
    """Draw the routes of an error, those that are not cut as wide as the error they carry.

    Parameters
    ----------
    signals
        Computed with the same cuts.
    cuts
        At which net inputs errors stop: their routes to the step before are left out.
    """
    stopped = {name.removeprefix("net_") for name in cuts}
    drawn = [
        Route(r.begin, r.end, 0.0 if r.begin[1] > r.end[1] and r.begin[0] in stopped else r.error)
        for r in routes(net, weights, trace, signals)
    ]
    x1, y1 = np.array([_place(r.begin) for r in drawn]).T
    x2, y2 = np.array([_place(r.end) for r in drawn]).T
    steps = range(1, trace.n_steps + 1)
    x, y = np.array([_place((part, t)) for t in steps for part in PLACES]).T
    names = [part for _ in steps for part in PLACES]
    return Plot(
        Edges(x1, y1, x2, y2, _visible([r.error for r in drawn]), limit=1.0),
        Nodes(x, y, names, size=11.0),
        x=Axis("step t", low=0.4, high=trace.n_steps + 0.6, ticks=list(steps)),
        y=Axis("", low=0.0, high=3.6, ticks=[]),
        height=0.62,
        says=says,
    )


def _place(part: tuple[str, int]) -> tuple[float, float]:
    x, y = PLACES[part[0]]
    return part[1] + x, y


def _visible(error: list[float]) -> Array:
    """Return square roots, signs kept, of the errors relative to the largest; NaN hides a 0.

    So a hundredth of the largest error is a tenth as wide.
    """
    values = np.array(error)
    relative = values / max(np.abs(values).max(), np.finfo(float).tiny)
    roots: Array = np.sign(relative) * np.sqrt(np.abs(relative))
    return np.where(values == 0, np.nan, roots)
