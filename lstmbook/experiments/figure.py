"""The figure of a report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lstmbook.explore.pictures import Axis, Color, Dots, Mark, Plot, Text
from lstmbook.explore.pictures import Line as Stroke

if TYPE_CHECKING:
    from lstmbook.experiments.report import Line, Report


def draw(report: Report) -> Plot:
    """Return published and measured means, one row of the report below the other.

    Raises
    ------
    ValueError
        If no row has a number to show.
    """
    lines = [e for e in report.lines if e.published.sequences or (e.ours and e.ours.mean)]
    if not lines:
        raise ValueError("report has no row with a number of sequences to draw")
    heights = list(range(len(lines), 0, -1))
    names = [_name(line) for line in lines]
    marks: list[Mark] = []
    for line, y in zip(lines, heights, strict=True):
        if line.ours is not None and line.ours.mean_interval is not None:
            marks.append(Stroke(line.ours.mean_interval, (y, y), color="blue", width=3.0))
    marks += _dots(lines, heights, published=False) + _dots(lines, heights, published=True)
    low, high = _ends(lines, room_for(names))
    marks.append(Text([low] * len(names), heights, names, anchor="start"))
    return Plot(
        *marks,
        x=Axis("sequences to success (mean, 95 % interval)", scale="log", low=low, high=high),
        y=Axis("", low=0.4, high=len(lines) + 0.6, ticks=()),
        title=report.title,
        says=" ".join(_said(line, name) for line, name in zip(lines, names, strict=True)),
        height=max(0.3, 0.12 + 0.05 * len(lines)),
    )


def room_for(names: Sequence[str]) -> float:
    """Return the share of the axis that the longest of the names of rows takes."""
    return min(0.7, max(0.4, 0.02 + 0.016 * max(map(len, names))))


def _ends(lines: Sequence[Line], names: float) -> tuple[float, float]:
    """Return the ends of the axis: the left share of it is for the names of the rows."""
    found: list[float] = []
    for line in lines:
        if line.published.sequences:
            found.append(line.published.sequences)
        if line.ours is not None and line.ours.mean_interval is not None:
            found += line.ours.mean_interval
    low, high = 0.8 * min(found), 1.3 * max(found)
    return low / (high / low) ** (names / (1 - names)), high


def _dots(lines: Sequence[Line], heights: list[int], *, published: bool) -> list[Mark]:
    points = []
    for line, y in zip(lines, heights, strict=True):
        mean = line.published.sequences if published else line.ours and line.ours.mean
        if mean:
            points.append((mean, y))
    if not points:
        return []
    x, y_values = zip(*points, strict=True)
    label, color = ("published", "orange") if published else ("ours", "blue")
    shade: Color = "orange" if color == "orange" else "blue"
    return [Dots(x, y_values, label=label, color=shade, hollow=published, size=5.0)]


def _name(line: Line) -> str:
    return f"{line.id} ({line.method})" if "learner" in dict(line.changed) else line.id


def _said(line: Line, name: str) -> str:
    theirs = line.published.sequences
    printed = f"published {theirs:,.0f}" if theirs else "nothing published"
    if line.ours is None or line.ours.mean is None:
        return f"{name}: {printed}, none of ours."
    return f"{name}: {printed}, ours {line.ours.mean:,.0f} in {line.ours.trials} trials."
