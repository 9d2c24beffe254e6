"""One definition: called, displayed, baked, and asked by a running page."""

import struct

import numpy as np
import pytest

from lstmbook.explore import Choice, Line, Plot, Slider, explorable
from lstmbook.explore.display import PICTURE_MIME, WIDGET_MIME
from lstmbook.explore.packing import unpack
from lstmbook.explore.widget import ExplorableWidget, script


@explorable(n=Slider(1, 5, value=3, label="points"), way=Choice("up", "down"), title="A slope")
def slope(n, way):
    """Count the points.

    More about it.
    """
    y = np.arange(n) * (1.0 if way == "up" else -1.0)
    return Plot(Line(np.arange(n), y), x="i", says=f"{n} points going {way}.")


def test_called_it_is_the_function_at_checked_settings():
    assert slope(n=2).says == "2 points going up."
    assert slope(n=2, way="down").says == "2 points going down."
    with pytest.raises(TypeError, match="slope has no setting 'm'; it has n, way"):
        slope(m=2)
    with pytest.raises(ValueError, match="n is 6; it must be from 1 to 5"):
        slope(n=6)


def test_displayed_it_is_one_bundle():
    data, metadata = slope._repr_mimebundle_()
    assert set(data) == {WIDGET_MIME, "image/png", "text/plain", PICTURE_MIME}
    assert data["text/plain"] == "A slope (points = 3, way = up)\n3 points going up."
    picture = data[PICTURE_MIME]
    assert picture["model_id"] == data[WIDGET_MIME]["model_id"] == slope.widget.model_id
    assert picture["alt"] == "3 points going up."
    assert picture["caption"] == "Count the points."
    assert metadata["image/png"]["width"] == 480


def test_baked_it_answers_every_setting_in_order():
    trees, shape, _ = unpack(slope.baked[0])
    assert shape == [5, 2]
    said = [tree["says"] for tree in trees]
    assert said == [f"{n} points going {way}." for n in range(1, 6) for way in ("up", "down")]


def test_axes_stand_still_over_all_settings():
    _, ends, _ = slope.baked
    assert ends["0.x"] == [0, 4, 1]
    assert ends["0.y"][0] < -4
    assert ends["0.y"][1] > 4


def test_asked_it_computes_exactly():
    reply, buffers = slope.widget.answer({"n": 4, "way": "down"})
    assert reply["kind"] == "answer"
    assert "4 points going down." in reply["values"]
    assert struct.unpack("<4d", buffers[1]) == (0, -1, -2, -3)


def test_an_error_while_live_is_an_answer():
    @explorable(a=Slider(0, 1, step=1))
    def broken(a):
        if a == 1:
            raise ZeroDivisionError("no answer")
        return Plot(says="fine")

    widget = ExplorableWidget.__new__(ExplorableWidget)
    widget.__dict__["_explorable"] = broken
    reply, _ = ExplorableWidget.answer(widget, {"a": 1})
    assert (reply["kind"], reply["type"]) == ("error", "ZeroDivisionError")
    assert "explorable broken failed at a=1" in reply["traceback"]


def test_an_error_while_baking_names_the_setting():
    @explorable(a=Slider(0, 3))
    def broken(a):
        return Plot(Line([0, 1], [0, 1 / (a - 2)]), says="s")

    with pytest.raises(ZeroDivisionError) as caught:
        _ = broken.baked
    assert caught.value.__notes__ == ["explorable broken failed at a=2"]


def test_too_many_settings_are_refused():
    @explorable(a=Slider(0, 99), b=Slider(0, 99))
    def large(a, b):
        return Plot(says="s")

    with pytest.raises(ValueError, match="100 x 100 = 10000 settings; at most 5000"):
        _ = large.baked


def test_too_much_data_is_refused():
    @explorable(a=Slider(0, 99))
    def heavy(a):
        noise = np.random.default_rng(a).normal(size=3000)
        return Plot(Line(np.arange(3000), noise), says="s")

    with pytest.raises(ValueError, match="characters for 100 settings; at most 400000"):
        _ = heavy.baked


def test_a_wrong_definition_is_refused():
    with pytest.raises(ValueError, match="1 to 3 controls, not 0"):
        explorable(title="t")
    with pytest.raises(TypeError, match="a must be a Slider or a Choice, not 3"):
        explorable(a=3)
    with pytest.raises(TypeError, match="f takes x; its controls are a"):

        @explorable(a=Slider(0, 1))
        def f(x):
            return Plot(says="s")

    @explorable(a=Slider(0, 1))
    def g(a):
        return a

    with pytest.raises(TypeError, match="g returned int; it must return a Plot or a Row"):
        g()


def test_the_module_stays_small_and_loads_nothing():
    text = script()
    assert len(text.encode()) < 90_000
    for word in ("import(", "import ", "require(", "https://", "fetch("):
        own = text.split("\nconst RAMPS")[1]
        assert word not in own
