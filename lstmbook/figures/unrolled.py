"""A network unrolled in time, with the error that flows back along each connection."""

from __future__ import annotations

import numpy as np

from lstmbook.explore import Edges, Nodes, Plot, Text
from lstmbook.recurrent_network import RecurrentNetwork
from lstmbook.validation import Array, as_array


def unrolled(network: RecurrentNetwork, delta: Array, *, says: str) -> Plot:
    """Draw a copy of the units for each step, joined by what each connection carries back.

    The connection from unit j at t-1 to unit i at t carries w_ij delta_i(t) back to j. Its width
    shows the size and its colour the sign, on one scale for the whole drawing.

    Parameters
    ----------
    network
        The network, of n units.
    delta
        Error signals, shape (T + 1, n), row 0 the start.
    says
        What the drawing shows, in words.
    """
    n = network.n_units
    delta = as_array("delta", delta, (None, n))
    T = len(delta) - 1
    t, i, j = (each.ravel() for each in np.mgrid[1 : T + 1, 0:n, 0:n])
    carried = network.W[i, j] * delta[t, i]
    at, unit = (each.ravel() for each in np.mgrid[0 : T + 1, 0:n])
    width = 8.0 / T if T else 1.0  # every drawing is as wide, however many steps
    largest = max(float(np.abs(delta).max(initial=0.0)), np.finfo(float).tiny)
    steps = np.arange(T + 1)
    return Plot(
        Edges(t * width, -i, (t - 1) * width, -j, value=carried),
        Nodes(at * width, -unit, labels=[str(u + 1) for u in unit], value=delta.ravel() / largest),
        Text(steps * width, np.full(T + 1, 0.65), [f"t = {s}" for s in steps]),
        says=says,
        frame=False,
        height=0.16 * (n + 1),
    )
