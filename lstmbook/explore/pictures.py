"""Pictures as data: what an explorable's function returns.

A `Plot` holds marks over one pair of axes; a `Row` sets plots side by side. A picture says
what it shows in words (`says`), computed from the same data: that sentence is its alternative
text and what a screen reader announces when a control moves. The browser draws a picture as
SVG (explorable.js), Matplotlib draws the same picture where no script runs (static.py).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

Numbers = Any  # anything numpy.asarray turns into numbers
Color = Literal["blue", "orange", "green", "red", "purple", "sky", "yellow", "grey", "ink"]
Ramp = Literal["sequential", "diverging"]


@dataclass(frozen=True)
class Axis:
    """One axis.

    Attributes
    ----------
    label
        What it shows, with its unit; plain text.
    scale
        "linear" or "log" (base 10; values that are not positive are left out).
    low, high
        Its ends in data units; taken from the data over **all** settings where None, so that
        the axis stands still while a control moves.
    ticks
        Where ticks stand, or None to choose.
    tick_labels
        Their texts, or None for the numbers.
    """

    label: str = ""
    scale: Literal["linear", "log"] = "linear"
    low: float | None = None
    high: float | None = None
    ticks: Sequence[float] | None = None
    tick_labels: Sequence[str] | None = None


@dataclass(frozen=True)
class Line:
    """A line through points (x, y); NaN breaks it. `label` stands in the legend."""

    x: Numbers
    y: Numbers
    label: str = ""
    color: Color | None = None
    dash: bool = False
    width: float = 2.0
    opacity: float = 1.0
    arrow: bool = False


@dataclass(frozen=True)
class Dots:
    """Points (x, y). `hollow` draws rings; `size` is a radius in px, one or one a point."""

    x: Numbers
    y: Numbers
    label: str = ""
    color: Color | None = None
    size: Numbers = 4.0
    hollow: bool = False
    opacity: float = 1.0


@dataclass(frozen=True)
class Band:
    """The region between `low` and `high` over x: an interval or a spread."""

    x: Numbers
    low: Numbers
    high: Numbers
    label: str = ""
    color: Color | None = None


@dataclass(frozen=True)
class Bars:
    """Bars from 0 (or `base`) to y over x, `width` wide in data units; `low`, `high`: intervals."""

    x: Numbers
    y: Numbers
    label: str = ""
    color: Color | None = None
    width: float = 0.8
    base: float = 0.0
    low: Numbers | None = None
    high: Numbers | None = None


@dataclass(frozen=True)
class Rule:
    """A straight reference line across the plot, at `x` (vertical) or `y` (horizontal)."""

    x: float | None = None
    y: float | None = None
    label: str = ""
    color: Color = "grey"
    dash: bool = True


@dataclass(frozen=True)
class Text:
    """Short texts at points (x, y)."""

    x: Numbers
    y: Numbers
    text: Sequence[str] | str
    color: Color = "ink"
    anchor: Literal["start", "middle", "end"] = "middle"
    size: float = 12.0


@dataclass(frozen=True)
class Image:
    """A map of values `z` (rows, columns) over the rectangle x = (left, right), y = (bottom, top).

    Row 0 is at the bottom. A colour bar labelled `label` shows the ramp from `low` to `high`
    (the data's range over all settings where None; symmetric around 0 if diverging); without a
    label there is no bar.
    """

    z: Numbers
    x: tuple[float, float]
    y: tuple[float, float]
    label: str = ""
    ramp: Ramp = "sequential"
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Edges:
    """Connections from (x1, y1) to (x2, y2): `value` sets colour by sign and width by size.

    The widest is `limit` in size (the largest |value| where None). `labels` are drawn at the
    middles where given.
    """

    x1: Numbers
    y1: Numbers
    x2: Numbers
    y2: Numbers
    value: Numbers
    limit: float | None = None
    labels: Sequence[str] | None = None
    max_width: float = 8.0


@dataclass(frozen=True)
class Nodes:
    """Units drawn as circles with texts inside; `value` in [-1, 1] fills them, if given."""

    x: Numbers
    y: Numbers
    labels: Sequence[str] | None = None
    value: Numbers | None = None
    size: float = 14.0


Mark = Line | Dots | Band | Bars | Rule | Text | Image | Edges | Nodes


@dataclass(frozen=True, init=False)
class Plot:
    """Marks over one pair of axes, drawn in the order given.

    ``Plot(Line(x, y), x=Axis("lag"), y=Axis("flow", scale="log"), says="...")``.
    `frame` False leaves the axes out (network drawings); `height` is relative to the width.
    """

    marks: tuple[Mark, ...]
    x: Axis
    y: Axis
    title: str
    says: str
    frame: bool
    height: float

    def __init__(
        self,
        *marks: Mark,
        x: Axis | str = "",
        y: Axis | str = "",
        title: str = "",
        says: str = "",
        frame: bool = True,
        height: float = 0.6,
    ) -> None:
        object.__setattr__(self, "marks", tuple(marks))
        object.__setattr__(self, "x", Axis(x) if isinstance(x, str) else x)
        object.__setattr__(self, "y", Axis(y) if isinstance(y, str) else y)
        object.__setattr__(self, "title", title)
        object.__setattr__(self, "says", says)
        object.__setattr__(self, "frame", frame)
        object.__setattr__(self, "height", height)

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return what a notebook shows: PNG, text and the SVG for pages."""
        from lstmbook.explore.display import bundle

        return bundle(self)


@dataclass(frozen=True, init=False)
class Row:
    """Plots side by side (one below the other on a phone)."""

    plots: tuple[Plot, ...]
    says: str

    def __init__(self, *plots: Plot, says: str = "") -> None:
        object.__setattr__(self, "plots", tuple(plots))
        object.__setattr__(self, "says", says)

    def _repr_mimebundle_(self, **_: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        """Return what a notebook shows: PNG, text and the SVG for pages."""
        from lstmbook.explore.display import bundle

        return bundle(self)


Picture = Plot | Row
