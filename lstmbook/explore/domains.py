"""The ends of axes and ramps, taken over every setting so that they stand still."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lstmbook.explore.wire import AXIS_OF, Tree

Domains = dict[str, list[float]]


@dataclass
class _Seen:
    """What the pictures hold, by place."""

    ends: dict[str, list[float]] = field(default_factory=dict)
    scales: dict[str, str] = field(default_factory=dict)
    margins: dict[str, float] = field(default_factory=dict)
    loose: set[str] = field(default_factory=set)  # axes that need room beyond their data
    filled: set[str] = field(default_factory=set)  # axes that an image fills from end to end
    fractional: set[str] = field(default_factory=set)  # axes along which not only integers lie


def domains(trees: Iterable[Tree]) -> Domains:
    """Return the ends over all `trees`, by place.

    "p.x" and "p.y" are the ends of the axes of plot p, and 1 where only whole numbers lie along
    it (so that ticks do too); "p.m" of an image the ends of its ramp, of edges (0, the size of
    the widest).
    """
    seen = _Seen()
    for tree in trees:
        for p, plot in enumerate(tree["plots"]):
            for axis in "xy":
                seen.scales[f"{p}.{axis}"] = plot[axis]["scale"]
                seen.margins[f"{p}.{axis}"] = 0.05 if plot["frame"] else 0.14
            if not plot["frame"]:
                seen.loose.add(f"{p}.x")
            for m, mark in enumerate(plot["marks"]):
                for axis in "xy":
                    _see_along(seen, f"{p}.{axis}", mark, axis)
                _see_values(seen, p, m, mark)
    out: Domains = {}
    for place, scale in seen.scales.items():
        low, high = seen.ends.get(place, [1.0, 10.0] if scale == "log" else [0.0, 1.0])
        if scale == "log":
            ends = _round_log(low, high)
        else:
            loose = place.endswith(".y") or place in seen.loose
            roomy = loose and place not in seen.filled
            ends = _pad(low, high, seen.margins[place] if roomy else 0.0)
        out[place] = [*ends, float(place in seen.ends and place not in seen.fractional)]
    out.update({place: ends for place, ends in seen.ends.items() if place not in seen.scales})
    return out


def _see_along(seen: _Seen, place: str, mark: Tree, axis: str) -> None:
    """Take in everything of a mark that lies along an axis."""
    for numbers in _along(mark, axis):
        values = np.asarray(numbers, dtype=np.float64)
        values = values[np.isfinite(values)]
        if seen.scales[place] == "log":
            values = values[values > 0]
        if not values.size:
            continue
        _widen(seen, place, float(values.min()), float(values.max()))
        fraction = mark["kind"] == "image" or bool((values != np.round(values)).any())
        if fraction and mark["kind"] not in ("rule", "bars", "text"):
            seen.fractional.add(place)
    if mark["kind"] == "image":
        seen.filled.add(place)
    elif (mark["kind"] != "line" or mark["arrow"]) and mark["kind"] not in ("band", "rule"):
        seen.loose.add(place)


def _see_values(seen: _Seen, p: int, m: int, mark: Tree) -> None:
    """Take in what an image's colours or the edges' widths stand for."""
    if mark["kind"] == "image":
        z = mark["z"][np.isfinite(mark["z"])]
        if z.size:
            low, high = float(z.min()), float(z.max())
            if mark["ramp"] == "diverging":
                high = max(abs(low), abs(high))
                low = -high
            _widen(seen, f"{p}.{m}", low, high)
    elif mark["kind"] == "edges":
        sizes = np.abs(mark["value"][np.isfinite(mark["value"])])
        _widen(seen, f"{p}.{m}", 0.0, float(sizes.max(initial=0.0)))


def _widen(seen: _Seen, place: str, low: float, high: float) -> None:
    ends = seen.ends.setdefault(place, [low, high])
    ends[0], ends[1] = min(ends[0], low), max(ends[1], high)


def _along(mark: Tree, axis: str) -> list[Any]:
    """Return everything in `mark` that is measured along `axis`."""
    kind = mark["kind"]
    found: list[Any] = [
        mark[name]
        for name, along in AXIS_OF[kind].items()
        if along == axis and mark.get(name) is not None
    ]
    if kind == "bars":
        if axis == "y":
            found.append([mark["base"]])
        else:
            found += [mark["x"] - mark["width"] / 2, mark["x"] + mark["width"] / 2]
    elif kind == "rule" and mark[axis] is not None:
        found.append([mark[axis]])
    elif kind == "image":
        found.append(mark[axis])
    return found


def _pad(low: float, high: float, margin: float) -> list[float]:
    """Widen a linear range by a margin at either end, but not across zero."""
    if low == high:
        return [low - (abs(low) or 1) * 0.5, high + (abs(high) or 1) * 0.5]
    if margin == 0:
        return [low, high]
    pad = margin * (high - low)
    new_low, new_high = low - pad, high + pad
    if margin < 0.1:  # axes with a frame: a quantity that is never negative starts at zero
        new_low = 0.0 if low >= 0 > new_low else new_low
        new_high = 0.0 if high <= 0 < new_high else new_high
    return [float(f"{new_low:.6g}"), float(f"{new_high:.6g}")]


def _round_log(low: float, high: float) -> list[float]:
    """Widen a log range to whole decades, or by a little where it is narrower than one."""
    if math.log10(high / low) >= 0.9:
        low, high = (
            10.0 ** max(math.floor(math.log10(low) + 1e-9), -307),
            10.0 ** min(math.ceil(math.log10(high) - 1e-9), 307),
        )
        return [low, high]
    return [low / 1.15, high * 1.15]
