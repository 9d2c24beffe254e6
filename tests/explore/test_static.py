"""Pictures drawn without a script, for every mark; and what a wrong picture is told."""

import base64
import io
import re
from xml.etree import ElementTree

import numpy as np
import PIL.Image
import pytest
from example import flow, still, zoo

from lstmbook.explore import Axis, Band, Bars, Dots, Edges, Image, Line, Plot, Row, Text
from lstmbook.explore.display import PICTURE_MIME
from lstmbook.explore.palette import DARK, LIGHT
from lstmbook.explore.static import linear_ticks, log_ticks, number
from lstmbook.explore.wire import describe


@pytest.mark.parametrize("picture", [zoo(), flow(), still], ids=["zoo", "flow", "still"])
def test_every_mark_is_drawn_as_png_and_svg(picture):
    data, metadata = picture._repr_mimebundle_()
    png = base64.b64decode(data["image/png"])
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    width = int.from_bytes(png[16:20], "big")
    assert width == 2 * metadata["image/png"]["width"]
    svg = data[PICTURE_MIME]["svg"]
    root = ElementTree.fromstring(f"<r>{svg}</r>")
    assert all(child.get("role") == "img" and child.get("aria-label") for child in root)
    ids = re.findall(r' id="([^"]+)"', svg)
    assert len(ids) == len(set(ids))
    for reference in re.findall(r'(?:url\(#|href="#)([^)"]+)', svg):
        assert reference in ids
    assert "var(--xp-ink" in svg
    assert data[PICTURE_MIME]["model_id"] is None


def test_drawing_is_deterministic():
    assert zoo()._repr_mimebundle_() == zoo()._repr_mimebundle_()


def luminance(color):
    channels = [int(color[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(a, b):
    low, high = sorted([luminance(a), luminance(b)])
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
def test_colours_can_be_seen_on_their_ground(theme):
    for ground in ("paper", "raised"):
        for name in ("blue", "orange", "green", "red", "purple", "sky", "yellow", "grey", "line"):
            assert contrast(theme[name], theme[ground]) >= 3, (name, ground)
        for name in ("ink", "muted", "accent"):
            assert contrast(theme[name], theme[ground]) >= 4.5, (name, ground)


def test_ticks():
    assert linear_ticks(0, 1, 5) == [0, 0.2, 0.4, 0.6, 0.8, 1]
    assert linear_ticks(-6, 6, 5) == [-6, -4, -2, 0, 2, 4, 6]
    assert linear_ticks(1, 3, 5, whole=True) == [1, 2, 3]
    assert log_ticks(1e-3, 1e3, 7) == pytest.approx([1e-3, 1e-2, 0.1, 1, 10, 100, 1e3])
    assert log_ticks(1, 10, 5) == [1, 2, 5, 10]
    assert (number(-0.5), number(1e-3, power=True)) == ("−0.5", "10⁻³")
    assert (number(2e5), number(1e6), number(-2.5e7)) == ("200000", "1000000", "−25000000")


@pytest.mark.parametrize(
    ("picture", "message"),
    [
        (lambda: Plot(Line([0, 1], [0, 1])), "says is empty"),
        (lambda: Plot(Line([0, 1, 2], [0, 1]), says="s"), r"must be as long as the others"),
        (lambda: Plot(Line([0, 1], [[0, 1]]), says="s"), r"y of Line has shape \(1, 2\)"),
        (lambda: Plot(Image([1, 2], (0, 1), (0, 1)), says="s"), "rows and columns"),
        (lambda: Plot(Text([0, 1], [0, 1], ["a"]), says="s"), "1 texts for 2 points"),
        (lambda: Plot(Dots([0], [1], color="pink"), says="s"), "color is 'pink'"),
        (lambda: Plot(y=Axis(scale="log", low=0), says="s"), "must be positive"),
        (lambda: Plot(y=Axis(low=2, high=1), says="s"), "low of axis y is 2.0"),
        (lambda: Plot(x=Axis(ticks=[1], tick_labels=["a", "b"]), says="s"), "as many as its ticks"),
        (lambda: Row(), "at least one Plot"),
    ],
)
def test_a_wrong_picture_is_told_what_is_wrong(picture, message):
    with pytest.raises(ValueError, match=message):
        describe(picture())


def test_what_is_no_picture_is_told_so():
    with pytest.raises(TypeError, match="must be a Plot or a Row, not int"):
        describe(3)
    with pytest.raises(TypeError, match="y of Line must be numbers, not 'abc'"):
        describe(Plot(Line([0], "abc"), says="s"))


def test_empty_and_flat_pictures_are_drawn():
    nothing = np.zeros(0)
    for marks in (
        (),
        (Line(nothing, nothing),),
        (Line([1, 2], [5, 5]),),
        (Bars([1], [0]), Band([0, 1], [np.nan, 0], [1, 1])),
        (Edges(nothing, nothing, nothing, nothing, nothing),),
        (Image(np.full((2, 2), np.nan), (0, 1), (0, 1), label="z"),),
    ):
        assert Plot(*marks, says="s")._repr_mimebundle_()[0]["image/png"]
    assert Plot(Line([1, 2], [0, -1]), y=Axis(scale="log"), says="s")._repr_mimebundle_()


def test_a_map_without_a_label_has_no_colour_bar():
    def texts(label):
        plot = Plot(Image(np.arange(4).reshape(2, 2), (0, 1), (0, 1), label=label), says="s")
        return plot._repr_mimebundle_()[0][PICTURE_MIME]["svg"].count("<text")

    assert texts("z") > texts("") > 0


@pytest.mark.parametrize("n_plots", [1, 2])
@pytest.mark.parametrize("length", [3, 20, 35])
def test_legend_and_ticks_stay_within_the_plot(n_plots, length):
    lines = [Line([0, 2000], [i, i + 1], label=str(i) + length * "0") for i in range(6)]
    plot = Plot(*lines, says="s", title="T", x="x", y="y")
    picture = Row(*[plot] * n_plots, says="s") if n_plots > 1 else plot
    png = base64.b64decode(picture._repr_mimebundle_()[0]["image/png"])
    pixels = np.asarray(PIL.Image.open(io.BytesIO(png)).convert("L"))
    assert (pixels[:, -8:] > 200).all()  # nothing runs out at the right
    assert (pixels[:4] > 200).all()  # nor at the top
