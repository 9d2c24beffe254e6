"""Explorables with every kind of mark, for the tests."""

import numpy as np

from lstmbook.explore import (
    Axis,
    Band,
    Bars,
    Choice,
    Dots,
    Edges,
    Image,
    Line,
    Nodes,
    Plot,
    Row,
    Rule,
    Slider,
    Text,
    explorable,
)


@explorable(
    lag=Slider(1, 30, step=1, value=10, label="lag q (steps)"),
    w=Slider(-6, 6, step=0.5, fine=0.05, value=2.0, label="self-weight w"),
    f=Choice("logistic", "tanh", label="squashing function"),
    title="Error flow through one unit",
)
def flow(lag, w, f):
    """Move the weight: the flow grows or dies by a constant factor at every step.

    This paragraph is not part of the caption.
    """
    q = np.arange(1, lag + 1)
    largest = 0.25 if f == "logistic" else 1.0
    size = np.abs(largest * w) ** q
    return Plot(
        Rule(y=1, label="no change"),
        Line(q, size, label="largest flow"),
        Dots(q, size, color="blue", size=3),
        x="lag q (steps)",
        y=Axis("|flow|", scale="log", low=1e-15, high=1e20),
        says=f"At lag {lag} the flow is at most {size[-1]:.3g}.",
    )


@explorable(
    phase=Slider(0, 6, step=0.5, value=1.0, label="phase"),
    shape=Choice("a rather long name", "another rather long name", "and a third", "fourth"),
    title="Every kind of mark",
)
def zoo(phase, shape):
    """Six drawings side by side; on a phone one below the other."""
    x = np.linspace(0, 6, 80)
    wave = np.sin(x + phase)
    wave[20:24] = np.nan
    around = np.linspace(0, 2 * np.pi, 24)
    return Row(
        Plot(
            Band(x, wave - 0.3, wave + 0.3, label="interval"),
            Line(x, wave, label="wave"),
            Line(x, np.cos(x), label="other", dash=True),
            Rule(x=3, label="three"),
            Text([1.0, 5.0], [1.1, -1.1], ["one", "five"]),
            x="time",
            y="value",
            title="Lines",
            says=f"A wave at phase {phase}.",
        ),
        Plot(
            Bars(
                [0, 1, 2],
                np.abs(np.sin(phase + np.arange(3))),
                label="rate",
                low=np.abs(np.sin(phase + np.arange(3))) - 0.1,
                high=np.abs(np.sin(phase + np.arange(3))) + 0.1,
            ),
            x=Axis("net", ticks=[0, 1, 2], tick_labels=["plain", "gated", "gated, biased"]),
            y=Axis("success", low=0, high=1.2),
            title="Bars",
            says="Three bars.",
        ),
        Plot(
            Image(
                np.add.outer(np.sin(np.linspace(0, 3, 20) + phase), np.cos(np.linspace(0, 4, 30))),
                (0, 4),
                (0, 3),
                label="value",
                ramp="diverging",
            ),
            x="x",
            y="y",
            title="Map",
            says="A map.",
        ),
        Plot(
            Edges(
                [0, 1, 1, 0],
                [0, 0, 0, 1],
                [1, 0, 1, 1],
                [0, 0, 0, 0],
                np.array([1, -0.5, 0.8, 0.3]) * np.cos(phase),
                limit=1,
                labels=["a", "b", "c", "d"],
            ),
            Nodes([0, 1, 0], [0, 0, 1], ["1", "2", "3"], value=np.sin(phase + np.arange(3))),
            frame=False,
            title="Net",
            says="A net of three units.",
        ),
        Plot(
            Dots(np.cos(around + phase / 9), np.sin(around), hollow=True, label="ring"),
            Line([0, np.cos(phase)], [0, np.sin(phase)], arrow=True, label="step"),
            x="u",
            y="v",
            height=0.9,
            title="Dots",
            says="A ring.",
        ),
        says=f"At phase {phase}, {shape}: waves, bars, a map, a net and a ring.",
    )


@explorable(w=Slider(-2, 2, step=0.5, fine=0.1, value=1.0, label="weight"), title="Sometimes wrong")
def faulty(w):
    """Raises between the grid's settings."""
    if not float(w * 2).is_integer():
        raise ArithmeticError(f"no answer for {w}")
    return Plot(Line([0, 1], [0, w]), says=f"Slope {w}.")


still = Plot(
    Line(np.arange(10), np.arange(10) ** 2.0, label="square"),
    x="n",
    y="n squared",
    says="A parabola from 0 to 81.",
)
