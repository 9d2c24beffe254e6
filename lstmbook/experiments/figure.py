"""The figure of a report."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from lstmbook.explore.pictures import Axis, Color, Dots, Mark, Plot, Text
from lstmbook.explore.pictures import Line as Stroke

if TYPE_CHECKING:
    from lstmbook.experiments.lines import Line
    from lstmbook.experiments.report import Report

WORDS, MARKS = 0.3, -0.2
"""How high in its lane a row's name stands, and its marks; lanes are 1 apart."""

BESIDE, MOST = 40, 60
"""Characters that fit into a lane on a phone, and at most."""


def draw(report: Report) -> Plot:
    """Return published and measured means, one row of the report below the other.

    A row has a lane: in it stand how many trials succeeded, its name and, where there is room, the
    published share, and below them the marks. Where trials ended at the cap, a hollow mark of ours
    stands there.

    Raises
    ------
    ValueError
        If no row has a number to show.
    """
    lines = report.lines
    names = labels(lines)
    lanes = range(len(lines), 0, -1)
    marks: list[Mark] = []
    for line, y in zip(lines, lanes, strict=True):
        if line.ours is not None and line.ours.mean_interval is not None:
            at = (y + MARKS, y + MARKS)
            marks.append(Stroke(line.ours.mean_interval, at, color="blue", width=3.0))
    means = [line.ours.mean if line.ours else None for line in lines]
    caps = [line.cap if line.ours and line.ours.capped else None for line in lines]
    printed = [line.published.sequences for line in lines]
    marks += _dots(means, lanes, "ours", "blue")
    marks += _dots(caps, lanes, "ours at the cap", "blue", hollow=True)
    marks += _dots(printed, lanes, "published", "orange", hollow=True)
    if not marks:
        raise ValueError("report has no row with a number of sequences to draw")
    low, high = _ends(marks)
    grounds = [
        Stroke((low, high), (y + MARKS, y + MARKS), color="grey", width=0.5, opacity=0.6)
        for y in lanes
    ]
    heights = [y + WORDS for y in lanes]
    words = [_cut(f"{_share(line)}  {name}") for line, name in zip(lines, names, strict=True)]
    shares = [_printed_share(line) for line in lines]
    theirs = [b if len(a) + len(b) <= BESIDE else "" for a, b in zip(words, shares, strict=True)]
    return Plot(
        *grounds,
        *marks,
        Text([low] * len(lines), heights, words, anchor="start"),
        Text([high] * len(lines), heights, theirs, anchor="end"),
        x=Axis("sequences to success (mean, 95 % interval)", scale="log", low=low, high=high),
        y=Axis("successful trials of ours, and row", low=0.5, high=len(lines) + 0.6, ticks=()),
        title=report.title,
        says=" ".join(_said(line, name) for line, name in zip(lines, names, strict=True)),
        height=0.16 + 0.09 * len(lines),
    )


def labels(lines: Sequence[Line]) -> list[str]:
    """Return the names of rows in the figure: short where that tells them apart."""
    found = [line.id + _changed(line) for line in lines]
    for more in ("dtype", "engine", "seeds"):
        found = [
            f"{name}, {getattr(line, more)}" if found.count(name) > 1 else name
            for name, line in zip(found, lines, strict=True)
        ]
    return found


def as_file(plot: Plot, suffix: str) -> bytes:
    """Return a plot as the contents of a file that stands alone.

    Parameters
    ----------
    suffix
        ".png" or ".svg", in any case.

    Raises
    ------
    ValueError
        If it is another.
    """
    from lstmbook.explore.display import PICTURE_MIME, bundle

    data, _ = bundle(plot)
    if suffix.lower() == ".png":
        return base64.b64decode(data["image/png"])
    if suffix.lower() == ".svg":
        # a page gives the drawing its colours and its letters; a file has to bring them
        drawn = re.sub(r"var\(--[a-z-]+,(#[0-9a-f]+)\)", r"\1", data[PICTURE_MIME]["svg"])
        ground = '<rect width="100%" height="100%" fill="#ffffff"/>'
        head, _, body = drawn.partition(">")
        return f'{head} font-family="sans-serif">{ground}{body}'.encode()
    raise ValueError(f"suffix is {suffix!r}; it must be '.png' or '.svg'")


def _dots(
    x: Sequence[float | None],
    lanes: Sequence[int],
    label: str,
    color: Color,
    *,
    hollow: bool = False,
) -> list[Mark]:
    """Return points in the lanes where there is an x; nothing if there is none."""
    points = [(at, y + MARKS) for at, y in zip(x, lanes, strict=True) if at]
    if not points:
        return []
    across, heights = zip(*points, strict=True)
    return [Dots(across, heights, label=label, color=color, hollow=hollow, size=5.0)]


def _ends(marks: Sequence[Mark]) -> tuple[float, float]:
    """Return the ends of the axis, some way beyond all marks."""
    found = [x for mark in marks if isinstance(mark, Dots | Stroke) for x in mark.x]
    return 0.7 * min(found), 1.4 * max(found)


def _changed(line: Line) -> str:
    """Return what differs from the row's design, in a few words."""
    changed = {name.rpartition(".")[2]: value for name, value in line.changed}
    told = [changed.pop("learner")] if "learner" in changed else []
    told += [f"{name} {value.partition(' (not ')[0]}" for name, value in changed.items()]
    return f" ({', '.join(told)})" if told else ""


def _cut(words: str) -> str:
    return words if len(words) <= MOST else f"{words[: MOST - 1]}…"


def _share(line: Line) -> str:
    return f"{line.ours.successes}/{line.ours.trials}" if line.ours else "not run"


def _printed_share(line: Line) -> str:
    share = line.published.success
    return "" if share is None else f"published {share:.0%}"


def _said(line: Line, name: str) -> str:
    theirs, share, ours = line.published.sequences, line.published.success, line.ours
    of = "" if share is None else f" of {share:.0%} successful trials"
    if theirs:
        printed = f"published mean {theirs:,.0f}{of}"
    else:
        printed = (
            "nothing published" if share is None else f"published {share:.0%} successful trials"
        )
    if ours is None:
        return f"{name}: {printed}, none of ours."
    mean = "" if ours.mean is None else f", mean {ours.mean:,.0f}"
    capped = f"; {ours.capped} without success by {line.cap:,}" if ours.capped else ""
    return f"{name}: {printed}; ours {ours.successes} of {ours.trials} successful{mean}{capped}."
