"""Maps of one and two units: the stairs of a cobweb diagram, the basins of a phase portrait."""

from __future__ import annotations

import numpy as np

from lstmbook.explore import Axis, Dots, Image, Line, Plot
from lstmbook.latching import advance, fixed_points, one_unit_latch, trajectory
from lstmbook.validation import Array, as_array


def cobweb(w: float, h: float, start: float, *, reach: float = 4.0) -> Plot:
    """Draw the latch's map under a constant input, with the stairs that a run climbs.

    Parameters
    ----------
    w, h, start
        Self-weight, input of every step, first net input.
    reach
        Both axes show [-reach, reach].
    """
    unit = one_unit_latch(w)
    a = np.linspace(-reach, reach, 81)
    path = trajectory(unit, np.array([start]), np.full((25, 1), h))[:, 0]
    points = fixed_points(unit, h, per_axis=21)
    kinds = []
    for kind in (True, False):
        still = [float(p.y[0]) for p in points if p.attracts == kind]
        # always three places, so that every setting of an explorable has the same marks
        kinds.append(still + [np.nan] * (3 - len(still)))
    count = "is 1 fixed point" if len(points) == 1 else f"are {len(points)} fixed points"
    return Plot(
        Line(a, advance(unit, a[:, None], h)[:, 0], label="next state"),
        Line(a, a, color="grey", dash=True),
        Line(np.repeat(path, 2)[:-1], np.repeat(path, 2)[1:], color="orange", width=1.5),
        Dots(kinds[0], kinds[0], label="attractor", color="green", size=6),
        Dots(kinds[1], kinds[1], label="tipping point", color="red", size=6, hollow=True),
        x=Axis("present state a(t-1)", low=-reach, high=reach),
        y=Axis("next state a(t)", low=-reach, high=reach),
        height=0.8,
        says=f"From {start:g} the unit runs to {path[-1]:.2f}; there {count}.",
    )


def phase_portrait(
    label: Array, core: Array, reach: float, y: Array, names: tuple[str, str], *, says: str
) -> Plot:
    """Draw two trajectories over the basins, blue and orange, of a map of two units.

    Parameters
    ----------
    label
        Basin of each state of a grid over [-reach, reach] along both axes, shape (m, m): 0 is
        drawn blue, 1 orange.
    core
        Where |M'| < 1 on that grid, shape (m, m): drawn dark.
    y
        States of the two trajectories, shape (T + 1, 2, 2); the second axis numbers them.
    names
        What the legend calls them.
    says
        What the picture shows, in words.
    """
    runs = as_array("y", y, (None, 2, 2))
    shade = np.where(np.asarray(label) == 1, 1, -1) * np.where(core, 1.5, 0.5)
    ends = (-reach, reach)
    return Plot(
        Image(shade, ends, ends, ramp="diverging", low=-3, high=3),
        Line(runs[:, 1, 0], runs[:, 1, 1], color="ink", label=names[1], width=1.5),
        Line(runs[:, 0, 0], runs[:, 0, 1], color="yellow", label=names[0]),
        Dots(runs[0, :, 0], runs[0, :, 1], color="ink", size=5),
        x="net input of unit 1",
        y="net input of unit 2",
        height=0.9,
        says=says,
    )
