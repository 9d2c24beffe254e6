"""Knobs check themselves, and settings given to them."""

import pytest

from lstmbook.explore import Choice, Slider


def test_a_slider_of_integers_gives_integers():
    slider = Slider(1, 4, value=2)
    assert slider.grid() == [1, 2, 3, 4]
    assert all(isinstance(value, int) for value in slider.grid())
    assert slider.check("n", 3.0) == 3


def test_a_slider_of_fractions_is_free_of_rounding_noise():
    slider = Slider(-1, 1, step=0.1, fine=0.01, value=0.3)
    assert slider.grid()[:4] == [-1.0, -0.9, -0.8, -0.7]
    assert slider.show(0.3) == "0.30"
    assert slider.nearest(0.27) == 13


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"low": 1, "high": 1}, "high is 1; it must be above low"),
        ({"low": 0, "high": 1, "step": 0.3}, "whole number of steps"),
        ({"low": 0, "high": 1, "step": 0}, "step is 0; it must be a positive number"),
        ({"low": 0, "high": 1, "step": 0.5, "fine": 0.2}, "whole number of fine steps"),
        ({"low": 0, "high": 4, "value": 5}, "value is 5; it must be from 0 to 4"),
        ({"low": 0, "high": 4, "value": 0.5}, "on the grid"),
        ({"low": 0, "high": float("inf")}, "high is inf"),
    ],
)
def test_impossible_sliders_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Slider(**arguments)


def test_settings_outside_are_refused_by_name():
    with pytest.raises(ValueError, match="lag is 9; it must be from 1 to 4"):
        Slider(1, 4).check("lag", 9)
    with pytest.raises(ValueError, match=r"lag is 1\.5; it must be a whole number"):
        Slider(1, 4).check("lag", 1.5)
    with pytest.raises(TypeError, match="lag must be a number, not 'x'"):
        Slider(1, 4).check("lag", "x")
    with pytest.raises(ValueError, match="f is 'c'; it must be one of"):
        Choice("a", "b").check("f", "c")


def test_choices_are_two_or_more_that_differ():
    with pytest.raises(ValueError, match="two or more"):
        Choice("a")
    with pytest.raises(ValueError, match="two or more"):
        Choice("a", "a")
    with pytest.raises(ValueError, match="value is 'c'"):
        Choice("a", "b", value="c")
