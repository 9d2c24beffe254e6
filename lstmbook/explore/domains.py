"""The ends of axes and ramps, taken over every setting so that they stand still."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np

from lstmbook.explore.wire import AXIS_OF, Tree

Domains = dict[str, list[float]]


def domains(trees: Iterable[Tree]) -> Domains:
    """Return the ends over all `trees`, by place.

    "p.x" and "p.y" are the ends of the axes of plot p, and 1 where only whole numbers lie along
    it (so that ticks do too); "p.m" of an image the ends of its ramp, of edges (0, the size of
    the widest).
    """
    seen: dict[str, list[float]] = {}
    tight: dict[str, bool] = {}
    margins: dict[str, float] = {}
    whole: dict[str, bool] = {}
    scales: dict[str, str] = {}
    for tree in trees:
        for p, plot in enumerate(tree["plots"]):
            for axis in "xy":
                scales[f"{p}.{axis}"] = plot[axis]["scale"]
                margins[f"{p}.{axis}"] = 0.05 if plot["frame"] else 0.14
            for m, mark in enumerate(plot["marks"]):
                _see(seen, tight, whole, f"{p}", m, mark, plot)
    out: Domains = {}
    for place, scale in scales.items():
        low, high = seen.get(place, [math.inf, -math.inf])
        if not low <= high:
            low, high = (1.0, 10.0) if scale == "log" else (0.0, 1.0)
        if scale == "log":
            out[place] = _round_log(low, high)
        else:
            out[place] = _pad(low, high, 0.0 if tight[place] else margins[place])
        out[place].append(float(whole.get(place, False)))
    out.update({place: ends for place, ends in seen.items() if place not in scales})
    return out


def _see(
    seen: dict[str, list[float]],
    tight: dict[str, bool],
    whole: dict[str, bool],
    p: str,
    m: int,
    mark: Tree,
    plot: Tree,
) -> None:
    kind = mark["kind"]
    for axis in "xy":
        tight.setdefault(f"{p}.{axis}", axis == "x" and bool(plot["frame"]))
        for numbers in _along(mark, axis):
            values = np.asarray(numbers, dtype=np.float64)
            values = values[np.isfinite(values)]
            if plot[axis]["scale"] == "log":
                values = values[values > 0]
            if values.size:
                ends = seen.setdefault(f"{p}.{axis}", [math.inf, -math.inf])
                ends[0] = min(ends[0], float(values.min()))
                ends[1] = max(ends[1], float(values.max()))
                if kind not in ("rule", "bars", "text"):
                    integers = bool((values == np.round(values)).all())
                    whole[f"{p}.{axis}"] = whole.get(f"{p}.{axis}", True) and integers
    if kind in ("dots", "text", "nodes", "edges") or mark.get("arrow"):
        tight[f"{p}.x"] = False
    if kind == "image":
        z = mark["z"][np.isfinite(mark["z"])]
        ends = seen.setdefault(f"{p}.{m}", [math.inf, -math.inf])
        if z.size:
            ends[0], ends[1] = min(ends[0], float(z.min())), max(ends[1], float(z.max()))
        if mark["ramp"] == "diverging" and math.isfinite(ends[0]):
            size = max(abs(ends[0]), abs(ends[1]))
            ends[0], ends[1] = -size, size
        tight[f"{p}.x"] = tight[f"{p}.y"] = True
    if kind == "edges":
        ends = seen.setdefault(f"{p}.{m}", [0.0, 0.0])
        sizes = np.abs(mark["value"][np.isfinite(mark["value"])])
        ends[1] = max(ends[1], float(sizes.max(initial=0.0)))


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
