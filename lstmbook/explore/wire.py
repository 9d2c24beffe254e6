"""A picture as a plain tree: what travels to the browser and what Matplotlib draws.

`describe` turns a `Plot` or `Row` into nested dicts in which every number array is a float64
array, colours are settled and lengths are checked. `split` takes the arrays and the other
values out of such a tree, so that pictures of the same structure can share it.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from lstmbook.explore.palette import CYCLE, LIGHT
from lstmbook.explore.pictures import (
    Axis,
    Band,
    Bars,
    Dots,
    Edges,
    Image,
    Line,
    Mark,
    Nodes,
    Picture,
    Plot,
    Row,
    Rule,
    Text,
)

Array = npt.NDArray[np.float64]
Tree = dict[str, Any]

# The array fields of each mark, and the axis along which each is measured.
ARRAYS: Final[dict[type, dict[str, str]]] = {
    Line: {"x": "x", "y": "y"},
    Dots: {"x": "x", "y": "y", "size": ""},
    Band: {"x": "x", "low": "y", "high": "y"},
    Bars: {"x": "x", "y": "y", "low": "y", "high": "y"},
    Rule: {},
    Text: {"x": "x", "y": "y"},
    Image: {"z": ""},
    Edges: {"x1": "x", "y1": "y", "x2": "x", "y2": "y", "value": ""},
    Nodes: {"x": "x", "y": "y", "value": ""},
}
AXIS_OF: Final[dict[str, dict[str, str]]] = {
    kind.__name__.lower(): fields for kind, fields in ARRAYS.items()
}
_PAINTED: Final = (Line, Dots, Band, Bars)


def describe(picture: Picture) -> Tree:
    """Return the tree of `picture`: {"says", "plots": [{"marks", "x", "y", ...}]}.

    Raises
    ------
    TypeError
        If `picture` is no Plot or Row, or a mark none of the known ones.
    ValueError
        If lengths in a mark differ, a colour is unknown, or nothing is said (`says`).
    """
    if isinstance(picture, Plot):
        plots: tuple[Plot, ...] = (picture,)
        says = picture.says
    elif isinstance(picture, Row):
        plots = picture.plots
        says = picture.says or " ".join(plot.says for plot in plots if plot.says)
    else:
        raise TypeError(f"a picture must be a Plot or a Row, not {type(picture).__name__}")
    if not plots:
        raise ValueError("a Row must hold at least one Plot")
    if not says.strip():
        raise ValueError("says is empty; state in words, from the data, what the picture shows")
    return {"says": says, "plots": [_plot(plot) for plot in plots]}


def _plot(plot: Plot) -> Tree:
    if not isinstance(plot, Plot):
        raise TypeError(f"a Row holds Plots, not {type(plot).__name__}")
    colors = _settle_colors(plot.marks)
    return {
        "title": plot.title,
        "says": plot.says,
        "frame": bool(plot.frame),
        "height": float(plot.height),
        "x": _axis("x", plot.x),
        "y": _axis("y", plot.y),
        "marks": [_mark(mark, color) for mark, color in zip(plot.marks, colors, strict=True)],
    }


def _settle_colors(marks: tuple[Mark, ...]) -> list[str]:
    """Return a colour name for each mark; a band without one goes with the next line or dots."""
    colors: list[str] = []
    used = 0
    for mark in marks:
        color = getattr(mark, "color", None)
        if color is not None and color not in LIGHT:
            raise ValueError(f"color is {color!r}; it must be one of {', '.join(CYCLE)}, ink")
        if color is None and isinstance(mark, _PAINTED):
            color = CYCLE[used % len(CYCLE)]
            used += not isinstance(mark, Band)
        colors.append(color or "")
    for i, mark in enumerate(marks):
        if isinstance(mark, Band) and mark.color is None:
            after = [
                colors[j]
                for j in range(i + 1, len(marks))
                if isinstance(marks[j], (Line, Dots, Bars))
            ]
            colors[i] = after[0] if after else colors[i]
    return colors


def _axis(name: str, axis: Axis) -> Tree:
    if axis.scale not in ("linear", "log"):
        raise ValueError(f"scale of axis {name} is {axis.scale!r}; it must be linear or log")
    ticks = None if axis.ticks is None else [float(tick) for tick in axis.ticks]
    labels = None if axis.tick_labels is None else [str(text) for text in axis.tick_labels]
    if labels is not None and (ticks is None or len(ticks) != len(labels)):
        raise ValueError(f"tick_labels of axis {name} must be as many as its ticks")
    low, high = (None if end is None else float(end) for end in (axis.low, axis.high))
    if low is not None and high is not None and not low < high:
        raise ValueError(f"low of axis {name} is {low}; it must be below high, which is {high}")
    if axis.scale == "log" and any(end is not None and end <= 0 for end in (low, high)):
        raise ValueError(f"axis {name} is a log axis: its ends, {low} and {high}, must be positive")
    return {
        "label": axis.label,
        "scale": axis.scale,
        "low": low,
        "high": high,
        "ticks": ticks,
        "tick_labels": labels,
    }


def _mark(mark: Mark, color: str) -> Tree:
    kind = type(mark)
    if kind not in ARRAYS:
        raise TypeError(f"a Plot holds marks such as Line or Dots, not {kind.__name__}")
    tree: Tree = {"kind": kind.__name__.lower()}
    arrays: dict[str, Array] = {}
    for name, value in vars(mark).items():
        if name in ARRAYS[kind]:
            if value is not None:
                arrays[name] = _array(f"{name} of {kind.__name__}", value)
        elif name == "color":
            tree[name] = color
        else:
            tree[name] = _plain(value)
    if isinstance(mark, Image):
        z = arrays["z"]
        if z.ndim != 2 or z.size == 0:
            raise ValueError(f"z of Image has shape {z.shape}; it must have rows and columns")
        tree["columns"] = z.shape[1]
        tree["z"] = z.ravel()
        return tree
    tree.update(_same_length(kind.__name__, arrays))
    n = next((array.size for array in arrays.values()), 0)
    for name in ("labels", "text"):
        if name in tree and tree[name] is not None:
            texts = tree[name] if isinstance(tree[name], list) else [tree[name]] * n
            if len(texts) != n:
                raise ValueError(f"{name} of {kind.__name__} has {len(texts)} texts for {n} points")
            tree[name] = [str(text) for text in texts]
    return tree


def _array(name: str, value: Any) -> Array:
    try:
        array = np.array(value, dtype=np.float64)
    except (TypeError, ValueError) as problem:
        raise TypeError(f"{name} must be numbers, not {value!r}") from problem
    array[np.isinf(array)] = np.nan
    return array


def _same_length(kind: str, arrays: dict[str, Array]) -> dict[str, Array]:
    """Return the arrays as vectors of one length; a single number counts for every point."""
    for name, array in arrays.items():
        if array.ndim > 1:
            raise ValueError(f"{name} of {kind} has shape {array.shape}; it must be a vector")
    n = max((array.size for array in arrays.values() if array.ndim == 1), default=1)
    for name, array in arrays.items():
        if array.ndim == 1 and array.size != n:
            lengths = ", ".join(f"{key}: {value.size}" for key, value in arrays.items())
            raise ValueError(f"{name} of {kind} must be as long as the others ({lengths})")
    return {name: np.broadcast_to(array, (n,)).copy() for name, array in arrays.items()}


def _plain(value: Any) -> Any:
    """Return `value` as JSON holds it (NumPy numbers and texts become Python's)."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, (list, tuple, np.ndarray)):
        return [_plain(item) for item in value]
    return value


def split(tree: Tree) -> tuple[Any, list[tuple[str, Array]], list[Any]]:
    """Take the leaves out of a described picture.

    Returns
    -------
    structure
        The tree with ``{"$": i}`` for array i and ``{"=": j}`` for value j.
    arrays
        (role, array) each; the role is "plot.axis" for what is measured along an axis (for
        example "0.y"), "plot.mark.field" for the rest.
    values
        Texts, numbers, flags, lists of texts.
    """
    arrays: list[tuple[str, Array]] = []
    values: list[Any] = []

    def value(item: Any) -> Tree:
        values.append(item)
        return {"=": len(values) - 1}

    def mark(p: int, m: int, fields: Tree) -> Tree:
        out: Tree = {}
        for name, item in fields.items():
            if isinstance(item, np.ndarray):
                axis = AXIS_OF[fields["kind"]][name]
                arrays.append((f"{p}.{axis}" if axis else f"{p}.{m}.{name}", item))
                out[name] = {"$": len(arrays) - 1}
            else:
                out[name] = item if name == "kind" else value(item)
        return out

    plots = [
        {
            **{name: value(item) for name, item in plot.items() if name not in ("marks", "x", "y")},
            "x": {name: value(item) for name, item in plot["x"].items()},
            "y": {name: value(item) for name, item in plot["y"].items()},
            "marks": [mark(p, m, fields) for m, fields in enumerate(plot["marks"])],
        }
        for p, plot in enumerate(tree["plots"])
    ]
    return {"says": value(tree["says"]), "plots": plots}, arrays, values


def join(structure: Any, arrays: list[Any], values: list[Any]) -> Any:
    """Put the leaves back: the inverse of `split`."""
    if isinstance(structure, dict):
        if "$" in structure:
            return arrays[structure["$"]]
        if "=" in structure:
            return values[structure["="]]
        return {name: join(item, arrays, values) for name, item in structure.items()}
    if isinstance(structure, list):
        return [join(item, arrays, values) for item in structure]
    return structure
