"""The picture where no script runs: drawn by Matplotlib as PNG, and as SVG that pages theme."""

from __future__ import annotations

import base64
import hashlib
import io
import math
import re
from html import escape
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from lstmbook.explore.domains import Domains, domains
from lstmbook.explore.palette import LIGHT, RAMPS
from lstmbook.explore.wire import Tree

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PX: Final = 1 / 96  # inch; a figure of n px is drawn at 96 dots an inch
_STYLE: Final[Any] = {
    "font.family": "sans-serif",
    "font.size": 9.2,
    "axes.titlesize": 10,
    "axes.edgecolor": LIGHT["line"],
    "axes.labelcolor": LIGHT["ink"],
    "axes.linewidth": 0.8,
    "axes.unicode_minus": True,
    "text.color": LIGHT["ink"],
    "xtick.color": LIGHT["line"],
    "ytick.color": LIGHT["line"],
    "xtick.labelcolor": LIGHT["muted"],
    "ytick.labelcolor": LIGHT["muted"],
    "xtick.major.size": 3.5,
    "ytick.major.size": 3.5,
    "xtick.minor.size": 0,
    "ytick.minor.size": 0,
    "grid.color": LIGHT["grid"],
    "grid.linewidth": 0.8,
    "svg.fonttype": "none",
    "svg.hashsalt": "explore",
    "mathtext.default": "regular",
    "figure.max_open_warning": 0,
}
_WIDTHS: Final = {1: 480, 2: 360, 3: 300}  # of a plot, in px, by the number in a row


def png(tree: Tree, ends: Domains | None = None, caption: str = "") -> tuple[str, int, int]:
    """Draw a described picture; return the PNG and its width and height in px.

    The PNG has two pixels a px and comes as base64 text, as notebooks hold it.

    `caption` stands below, broken into lines.
    """
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    ends = domains([tree]) if ends is None else ends
    plots = tree["plots"]
    width = _width(len(plots))
    heights = [_height(plot, width) for plot in plots]
    lines = _wrap(caption, round(len(plots) * width / 7)) if caption else []
    total_w = width * len(plots)
    total_h = max(heights) + 16 * len(lines) + (8 if lines else 0)
    with rc_context(_STYLE):
        figure = Figure(figsize=(total_w * PX, total_h * PX), dpi=192, facecolor="white")
        for p, plot in enumerate(plots):
            below = (total_h - max(heights)) / total_h
            share = heights[p] / total_h
            _draw(figure, plot, p, ends, (p / len(plots), below, 1 / len(plots), share))
        for i, line in enumerate(reversed(lines)):
            figure.text(8 / total_w, (6 + 16 * i) / total_h, line, color=LIGHT["muted"])
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", metadata={"Software": None})
    return (
        base64.b64encode(_fewer_colors(buffer.getvalue())).decode("ascii"),
        total_w,
        round(total_h),
    )


def _fewer_colors(data: bytes) -> bytes:
    """Return a PNG with a palette of its own: a third of the size, to the eye the same."""
    from PIL import Image  # Matplotlib brings it

    buffer = io.BytesIO()
    picture = Image.open(io.BytesIO(data)).convert("RGB")
    picture.quantize(192, method=Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE).save(
        buffer, format="PNG", optimize=True
    )
    return buffer.getvalue()


def svg(tree: Tree, ends: Domains | None = None) -> str:
    """Draw a described picture as inline SVG, one element a plot, coloured by ``--xp-...``."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    ends = domains([tree]) if ends is None else ends
    out = []
    width = _width(len(tree["plots"]))
    for p, plot in enumerate(tree["plots"]):
        height = _height(plot, width)
        with rc_context(_STYLE):
            figure = Figure(figsize=(width * PX, height * PX), dpi=96)
            figure.patch.set_visible(False)
            _draw(figure, plot, p, ends, (0, 0, 1, 1))
            buffer = io.StringIO()
            figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
        alt = plot["says"] or plot["title"] or tree["says"]
        if len(tree["plots"]) == 1:
            alt = tree["says"]
        out.append(_inline(buffer.getvalue(), alt, width))
    return "".join(out)


def _width(n_plots: int) -> int:
    return _WIDTHS.get(n_plots, 280)


def _height(plot: Tree, width: int) -> float:
    """Return the height in px: the drawing's, and what its title and legend take."""
    rows, _ = _legend_grid(_in_legend(plot), width)
    extra = 4 * bool(rows) + 20 * rows + 20 * bool(plot["title"]) + 40 * bool(plot["frame"])
    return width * float(plot["height"]) + extra


def _in_legend(plot: Tree) -> list[Tree]:
    return [m for m in plot["marks"] if m.get("label") and m["kind"] not in ("rule", "image")]


def _legend_grid(marks: list[Tree], width: float) -> tuple[int, int]:
    """Return the rows and columns of a legend that fits into `width` px."""
    each = [40 + 6.7 * len(mark["label"]) for mark in marks]  # a key, a text and a gap
    for columns in range(len(marks), 1, -1):
        # as matplotlib fills them, from top to bottom
        parts = np.array_split(each, columns)
        if sum(part.max() for part in parts) <= width:
            return max(map(len, parts)), columns
    return len(marks), 1


def _wrap(text: str, columns: int) -> list[str]:
    import textwrap

    return textwrap.wrap(text, max(columns, 20))


def _inline(text: str, alt: str, width: int) -> str:
    """Turn Matplotlib's file into an element of a page."""
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.S)
    text = re.sub(r"<!--.*?-->", "", text, flags=re.S)
    text = re.sub(
        r"<g id=\"(?:figure|axes|patch|line2d|text|xtick|ytick|matplotlib|Path)[^\"]*\"", "<g", text
    )
    text = re.sub(r"(\d+\.\d\d)\d+", r"\1", text)
    text = re.sub(r">\s+<", "><", text)
    text = re.sub(r"\s*\n\s*", " ", text)
    text = re.sub(r"font: ([\d.]+)px [^;\"]*", r"font-size: \1px", text)
    text = re.sub(r"font-family: [^;\"]*;?", "", text)
    for name, color in LIGHT.items():
        text = text.replace(color, f"var(--xp-{name},{color})")
    text = text.replace("; stroke-linejoin: miter", "")
    box = re.search(r'viewBox="([^"]*)"', text)
    view = box.group(1) if box else ""
    text = re.sub(
        r"<svg[^>]*>",
        f'<svg class="xp-static" viewBox="{view}" style="max-width:{width}px" role="img" '
        f'aria-label="{escape(alt)}" xmlns="http://www.w3.org/2000/svg" '
        'xmlns:xlink="http://www.w3.org/1999/xlink">',
        text,
        count=1,
    )
    prefix = "xp" + hashlib.sha256(text.encode()).hexdigest()[:6]
    for name in sorted(set(re.findall(r' id="([^"]+)"', text)), key=len, reverse=True):
        text = text.replace(f'id="{name}"', f'id="{prefix}-{name}"')
        text = text.replace(f"#{name})", f"#{prefix}-{name})")
        text = text.replace(f'"#{name}"', f'"#{prefix}-{name}"')
    return text.strip()


def _draw(
    figure: Figure, plot: Tree, p: int, ends: Domains, box: tuple[float, float, float, float]
) -> None:
    """Draw one plot into a part of the figure (left, bottom, width, height in fractions)."""
    w = figure.get_figwidth() / PX * box[2]
    h = figure.get_figheight() / PX * box[3]
    bars = (m for m, mark in enumerate(plot["marks"]) if mark["kind"] == "image" and mark["label"])
    bar = next(bars, None)
    left, right = (58.0, 20.0) if plot["frame"] else (8.0, 8.0)
    right += 64.0 if bar is not None else 0.0
    bottom = 44.0 if plot["frame"] else 8.0
    labelled = _in_legend(plot)
    rows, columns = _legend_grid(labelled, w)
    top = 12.0 + 20 * bool(plot["title"]) + 20 * rows + 20 * bool(plot["y"]["label"])
    axes = figure.add_axes(
        (
            box[0] + left / w * box[2],
            box[1] + bottom / h * box[3],
            (w - left - right) / w * box[2],
            (h - top - bottom) / h * box[3],
        )
    )
    axes.patch.set_visible(False)
    _frame(axes, plot, p, ends, w - left - right)
    for m, mark in enumerate(plot["marks"]):
        _MARKS[mark["kind"]](axes, mark, ends.get(f"{p}.{m}", [0.0, 1.0]))
    inner_h = h - top - bottom
    y = 1 + 11 / inner_h
    if plot["frame"] and plot["y"]["label"]:
        axes.text(
            -left / (w - left - right) * 0.82,
            y,
            plot["y"]["label"],
            transform=axes.transAxes,
            va="bottom",
            ha="left",
        )
        y += 18 / inner_h
    if labelled:
        _legend(axes, labelled, columns, y, w - left - right, left)
        y += 20 * rows / inner_h
    if plot["title"]:
        axes.text(
            -left / (w - left - right) * 0.82,
            y,
            plot["title"],
            transform=axes.transAxes,
            va="bottom",
            ha="left",
            weight="bold",
            size=10,
        )
    if bar is not None:
        _color_bar(figure, axes, plot["marks"][bar], ends.get(f"{p}.{bar}", [0.0, 1.0]))


def _frame(axes: Axes, plot: Tree, p: int, ends: Domains, width: float) -> None:
    from matplotlib import ticker

    for name, axis in (("x", axes.xaxis), ("y", axes.yaxis)):
        own = plot[name]
        low, high, whole = ends.get(f"{p}.{name}", [0.0, 1.0, 0.0])
        low = low if own["low"] is None else own["low"]
        high = high if own["high"] is None else own["high"]
        (axes.set_xscale if name == "x" else axes.set_yscale)(own["scale"])
        (axes.set_xlim if name == "x" else axes.set_ylim)(low, high)
        if own["ticks"] is not None:
            axis.set_ticks(own["ticks"], own["tick_labels"])
            if own["tick_labels"] is None:
                axis.set_major_formatter(ticker.FuncFormatter(lambda v, _: number(v)))
        elif own["scale"] == "log":
            places = log_ticks(low, high, 5 if name == "y" else max(3, int(width / 70)))
            decades = all(math.log10(place).is_integer() for place in places)
            axis.set_ticks(places, [number(place, power=decades) for place in places])
        else:
            n = max(2, int(width / 70)) if name == "x" else 5
            places = linear_ticks(low, high, n, bool(whole))
            axis.set_ticks(places, [number(place) for place in places])
        axis.set_minor_locator(ticker.NullLocator())
    if not plot["frame"]:
        axes.set_axis_off()
        return
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.tick_params(axis="y", length=0)
    if not any(mark["kind"] == "image" for mark in plot["marks"]):
        axes.grid(axis="y", zorder=0)
    axes.set_axisbelow(True)
    axes.set_xlabel(plot["x"]["label"], labelpad=3)


def number(value: float, power: bool = False) -> str:
    """Return a tick's text: a true minus, no trailing zeros, powers of ten on log axes."""
    if power and value > 0:
        exponent = math.log10(value)
        if abs(exponent - round(exponent)) < 1e-6:
            digits = str(round(exponent)).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))
            return f"10{digits}"
    rounded = 0.0 if abs(value) < 1e-12 else float(f"{value:g}")
    text = f"{rounded:.0f}" if 1e6 <= abs(rounded) < 1e21 else f"{rounded:g}"
    return text.replace("-", "−")


def linear_ticks(low: float, high: float, n: int, whole: bool = False) -> list[float]:
    """Return about `n` multiples of 1, 2 or 5 times a power of ten, as d3's `ticks` does."""
    rough = (high - low) / n
    power = 10.0 ** math.floor(math.log10(rough))
    steps = ((10, 50), (5, 10), (2, 2), (1, 0))  # a step, and the square of where it begins
    step = power * next(by for by, square in steps if (rough / power) ** 2 >= square)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    places = [float(f"{i * step:.12g}") for i in range(first, last + 1)]
    return [place for place in places if place.is_integer()] if whole else places


def log_ticks(low: float, high: float, n: int) -> list[float]:
    """Return about `n` ticks on a log axis: decades, or 1-2-5 where there are few of them."""
    first, last = math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9)
    decades = last - first + 1
    if decades >= 3:
        every = max(1, math.ceil(decades / n))
        return [10.0**e for e in range(first, last + 1) if e % every == 0]
    return [
        digit * 10.0**e
        for e in range(first - 1, last + 1)
        for digit in (1, 2, 5)
        if low * (1 - 1e-9) <= digit * 10.0**e <= high * (1 + 1e-9)
    ]


def _legend(
    axes: Axes, marks: list[Tree], columns: int, y: float, width: float, left: float
) -> None:
    """Set the labels above the drawing."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles: list[Any] = []
    for mark in marks:
        color = LIGHT[mark["color"]]
        if mark["kind"] == "line":
            style: Any = "--" if mark["dash"] else "-"
            handles.append(Line2D([], [], color=color, linestyle=style, lw=mark["width"] * 0.75))
        elif mark["kind"] == "dots":
            face = "white" if mark["hollow"] else color
            handles.append(
                Line2D([], [], color=color, marker="o", linestyle="", markerfacecolor=face, ms=5)
            )
        else:
            handles.append(
                Patch(facecolor=color, alpha=0.25 if mark["kind"] == "band" else 1, linewidth=0)
            )
    axes.legend(
        handles,
        [mark["label"] for mark in marks],
        loc="lower left",
        bbox_to_anchor=(-left / width * 0.82, y),
        bbox_transform=axes.transAxes,
        ncols=columns,
        frameon=False,
        borderpad=0,
        borderaxespad=0,
        handlelength=1.4,
        handletextpad=0.5,
        columnspacing=1.2,
    )


def _line(axes: Axes, mark: Tree, _: list[float]) -> None:
    color = LIGHT[mark["color"]]
    axes.plot(
        mark["x"],
        mark["y"],
        color=color,
        lw=mark["width"] * 0.75,
        linestyle=(0, (4, 3)) if mark["dash"] else "-",
        alpha=None if mark["opacity"] == 1 else mark["opacity"],
        solid_capstyle="round",
        zorder=3,
    )
    kept = np.flatnonzero(np.isfinite(mark["x"]) & np.isfinite(mark["y"]))
    if mark["arrow"] and kept.size >= 2:
        a, b = kept[-2], kept[-1]
        axes.annotate(
            "",
            (mark["x"][b], mark["y"][b]),
            (mark["x"][a], mark["y"][a]),
            arrowprops={"arrowstyle": "-|>", "color": color, "shrinkA": 0, "shrinkB": 0},
        )


def _dots(axes: Axes, mark: Tree, _: list[float]) -> None:
    color = LIGHT[mark["color"]]
    axes.scatter(
        mark["x"],
        mark["y"],
        s=(mark["size"] * 1.5) ** 2,
        facecolors="none" if mark["hollow"] else color,
        edgecolors=color if mark["hollow"] else "none",
        linewidths=1.5 if mark["hollow"] else 0,
        alpha=None if mark["opacity"] == 1 else mark["opacity"],
        clip_on=True,
        zorder=4,
    )


def _band(axes: Axes, mark: Tree, _: list[float]) -> None:
    axes.fill_between(
        mark["x"], mark["low"], mark["high"], color=LIGHT[mark["color"]], alpha=0.2, lw=0, zorder=2
    )


def _bars(axes: Axes, mark: Tree, _: list[float]) -> None:
    color = LIGHT[mark["color"]]
    axes.bar(
        mark["x"],
        mark["y"] - mark["base"],
        width=mark["width"],
        bottom=mark["base"],
        color=color,
        zorder=2,
    )
    if "low" in mark and "high" in mark:
        axes.vlines(mark["x"], mark["low"], mark["high"], color=LIGHT["ink"], lw=1.2, zorder=3)


def _rule(axes: Axes, mark: Tree, _: list[float]) -> None:
    style: dict[str, Any] = {
        "color": LIGHT[mark["color"]],
        "lw": 1.1,
        "linestyle": (0, (4, 3)) if mark["dash"] else "-",
        "zorder": 2,
    }
    text: dict[str, Any] = {"color": LIGHT["muted"], "size": 8.6, "clip_on": True}
    if mark["x"] is not None:
        axes.axvline(mark["x"], **style)
        axes.annotate(
            mark["label"],
            (mark["x"], 1),
            xycoords=("data", "axes fraction"),
            xytext=(4, -3),
            textcoords="offset points",
            va="top",
            **text,
        )
    if mark["y"] is not None:
        axes.axhline(mark["y"], **style)
        axes.annotate(
            mark["label"],
            (1, mark["y"]),
            xycoords=("axes fraction", "data"),
            xytext=(-2, 3),
            textcoords="offset points",
            ha="right",
            **text,
        )


def _text(axes: Axes, mark: Tree, _: list[float]) -> None:
    side = {"start": "left", "middle": "center", "end": "right"}[mark["anchor"]]
    for x, y, text in zip(mark["x"], mark["y"], mark["text"], strict=True):
        if math.isfinite(x) and math.isfinite(y):
            axes.text(
                x,
                y,
                text,
                ha=side,
                va="center",
                size=mark["size"] * 0.75,
                color=LIGHT[mark["color"]],
                clip_on=True,
                zorder=5,
            )


def _image_values(mark: Tree, ends: list[float]) -> tuple[Any, Any]:
    from matplotlib.colors import LinearSegmentedColormap, Normalize

    low = ends[0] if mark["low"] is None else mark["low"]
    high = ends[1] if mark["high"] is None else mark["high"]
    if not low < high:
        low, high = low - 0.5, low + 0.5
    ramp = LinearSegmentedColormap.from_list(mark["ramp"], list(RAMPS[mark["ramp"]]))
    return Normalize(low, high), ramp


def _image(axes: Axes, mark: Tree, ends: list[float]) -> None:
    norm, ramp = _image_values(mark, ends)
    z = mark["z"].reshape(-1, mark["columns"])
    x_low, x_high, y_low, y_high = axes.axis()
    axes.imshow(
        z,
        norm=norm,
        cmap=ramp,
        extent=(*mark["x"], *mark["y"]),
        origin="lower",
        aspect="auto",
        interpolation="nearest",
        zorder=1,
    )
    axes.set_xlim(x_low, x_high)
    axes.set_ylim(y_low, y_high)


def _color_bar(figure: Figure, axes: Axes, mark: Tree, ends: list[float]) -> None:
    from matplotlib.cm import ScalarMappable

    norm, ramp = _image_values(mark, ends)
    box = axes.get_position()
    w = figure.get_figwidth() / PX
    bar_axes = figure.add_axes((box.x1 + 12 / w, box.y0, 11 / w, box.height))
    bar = figure.colorbar(ScalarMappable(norm, ramp), cax=bar_axes)
    bar.outline.set_visible(False)
    places = linear_ticks(norm.vmin, norm.vmax, 5)
    bar.set_ticks(places, labels=[number(place) for place in places])
    bar_axes.tick_params(length=0, pad=3)
    bar_axes.set_title(mark["label"], loc="right", size=8.6, pad=6, color=LIGHT["ink"])


def _edges(axes: Axes, mark: Tree, ends: list[float]) -> None:
    limit = mark["limit"] or ends[1] or 1.0
    ways = list(zip(mark["x1"], mark["y1"], mark["x2"], mark["y2"], strict=True))
    for i, (x1, y1, x2, y2) in enumerate(ways):
        value = mark["value"][i]
        if not math.isfinite(value):
            continue
        bent = 0.16 if (x2, y2, x1, y1) in ways else 0.0
        width = max(0.75, min(1.0, abs(value) / limit) * mark["max_width"]) * 0.75
        label = _edge(axes, (x1, y1), (x2, y2), bent, width, "orange" if value >= 0 else "blue")
        if mark["labels"]:
            axes.annotate(
                mark["labels"][i],
                label,
                ha="center",
                va="center",
                size=8.6,
                zorder=5,
                annotation_clip=False,
            )


def _edge(
    axes: Axes,
    start: tuple[float, float],
    end: tuple[float, float],
    bent: float,
    width: float,
    name: str,
) -> tuple[float, float]:
    """Draw one connection as a curve with an arrow head; return where its label stands."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    px = axes.figure.dpi / 96
    a, b = axes.transData.transform([start, end])
    if start == end:
        points = a + px * np.array([[-7, 8], [-30, 48], [30, 48], [7, 8]])
        codes = [Path.MOVETO, Path.CURVE4, Path.CURVE4, Path.CURVE4]
        middle, along = a + px * np.array([4, 38]), np.array([1.0, 0.0])
        label = a + px * np.array([0, 52])
    else:
        along = (b - a) / np.hypot(*(b - a))
        side = np.array([along[1], -along[0]])
        bend = (a + b) / 2 - bent * np.hypot(*(b - a)) * side
        points, codes = np.array([a, bend, b]), [Path.MOVETO, Path.CURVE3, Path.CURVE3]
        middle = 0.34**2 * a + 2 * 0.66 * 0.34 * bend + 0.66**2 * b
        label = 0.58**2 * a + 2 * 0.42 * 0.58 * bend + 0.42**2 * b - 12 * px * side
    size = (7 + width / 0.75) * px
    across = np.array([-along[1], along[0]]) * 0.45 * size
    tip = [middle, middle - size * along + across, middle - size * along - across, middle]
    color = LIGHT[name]
    back = axes.transData.inverted()
    line = Path(back.transform(points), codes)
    axes.add_patch(
        PathPatch(line, fill=False, ec=color, lw=width, capstyle="round", clip_on=False, zorder=1)
    )
    head = Path(back.transform(tip), closed=True)
    axes.add_patch(PathPatch(head, fc=color, lw=0, clip_on=False, zorder=1))
    x, y = back.transform(label)
    return float(x), float(y)


def _nodes(axes: Axes, mark: Tree, _: list[float]) -> None:
    from matplotlib.colors import LinearSegmentedColormap, Normalize

    values = mark.get("value")
    ramp = LinearSegmentedColormap.from_list("diverging", list(RAMPS["diverging"]))
    norm = Normalize(-1, 1)
    for i, (x, y) in enumerate(zip(mark["x"], mark["y"], strict=True)):
        fill: Any = LIGHT["paper"]
        ink = LIGHT["ink"]
        if values is not None and math.isfinite(values[i]):
            fill = ramp(norm(values[i]))
            ink = "#fefefe" if abs(values[i]) > 0.55 else "#1b1b1b"
        axes.plot(
            x,
            y,
            "o",
            ms=mark["size"] * 1.5,
            mfc=fill,
            mec=LIGHT["ink"],
            mew=1.1,
            zorder=4,
            clip_on=False,
        )
        if mark["labels"]:
            axes.text(
                x,
                y,
                mark["labels"][i],
                ha="center",
                va="center_baseline",
                size=9.2,
                color=ink,
                zorder=5,
            )


_MARKS: Final[dict[str, Any]] = {
    "line": _line,
    "dots": _dots,
    "band": _band,
    "bars": _bars,
    "rule": _rule,
    "text": _text,
    "image": _image,
    "edges": _edges,
    "nodes": _nodes,
}
