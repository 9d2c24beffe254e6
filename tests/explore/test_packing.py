"""The packed grid gives back every picture, and gives the same bytes every time."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from lstmbook.explore import Axis, Dots, Image, Line, Plot, Row
from lstmbook.explore.domains import domains
from lstmbook.explore.packing import N_LEVELS, pack, unpack
from lstmbook.explore.wire import describe, join, split


def packed(*pictures):
    trees = [describe(picture) for picture in pictures]
    ends = domains(trees)
    return trees, pack(trees, [len(trees)], ends), ends


def test_split_and_join_are_inverse():
    tree = describe(Plot(Line([0, 1], [2.0, np.nan], label="a"), says="Two points."))
    structure, slots, values = split(tree)
    again = join(structure, [array for _, array in slots], values)
    assert str(again) == str(tree)


@settings(max_examples=30, deadline=None)
@given(arrays(np.float64, (4, 90), elements=st.floats(-1e6, 1e6, width=32)))
def test_numbers_come_back_within_half_a_level(y):
    trees, text, _ = packed(*[Plot(Line(np.arange(90), row), says="A line.") for row in y])
    got, shape, _ = unpack(text)
    step = (y.max() - y.min()) / N_LEVELS
    assert shape == [4]
    for tree, back in zip(trees, got, strict=True):
        mark, again = tree["plots"][0]["marks"][0], back["plots"][0]["marks"][0]
        np.testing.assert_array_equal(again["x"], mark["x"])
        assert np.abs(again["y"] - mark["y"]).max() <= 0.51 * step + 1e-12


def test_integers_and_few_numbers_are_exact():
    rng = np.random.default_rng(0)
    many = rng.integers(-30_000, 30_000, (5, 400)).astype(float)
    few = rng.normal(size=(5, 20))
    trees, text, _ = packed(
        *[
            Plot(Line(np.arange(400), a), Dots(b, b), says="s")
            for a, b in zip(many, few, strict=True)
        ]
    )
    for tree, back in zip(trees, unpack(text)[0], strict=True):
        for mark, again in zip(tree["plots"][0]["marks"], back["plots"][0]["marks"], strict=True):
            np.testing.assert_array_equal(mark["y"], again["y"])


def test_a_log_axis_keeps_relative_precision_over_many_decades():
    y = 10.0 ** np.linspace(-30, 30, 300)
    plot = Plot(Line(np.arange(300), y), y=Axis("y", scale="log"), says="s")
    back = unpack(packed(plot, Plot(Line(np.arange(300), y[::-1]), y=plot.y, says="s"))[1])[0]
    assert np.abs(back[0]["plots"][0]["marks"][0]["y"] / y - 1).max() < 0.002


def test_a_runaway_does_not_coarsen_an_axis_of_given_ends():
    y = np.linspace(0, 1, 300)
    y[-1] = 1e12
    plot = Plot(Line(np.arange(300), y), y=Axis("y", low=0, high=1), says="s")
    mark = unpack(packed(plot)[1])[0][0]["plots"][0]["marks"][0]
    assert np.abs(mark["y"][:-1] - y[:-1]).max() < 1e-4
    assert mark["y"][-1] > 4


def test_missing_numbers_stay_missing():
    y = np.sin(np.arange(300.0))
    y[[0, 7, 299]] = np.nan, np.inf, -np.inf
    mark = unpack(packed(Plot(Line(np.arange(300), y), says="s"))[1])[0][0]["plots"][0]["marks"][0]
    assert np.isnan(mark["y"][[0, 7, 299]]).all()
    assert np.isfinite(mark["y"]).sum() == 297


def test_structures_lengths_and_texts_may_differ_between_settings():
    pictures = [
        Plot(Line(np.arange(n), np.arange(n) ** 0.5, label=f"{n} points"), says=f"{n} points.")
        for n in range(5)
    ]
    pictures.insert(2, Row(Plot(says="empty"), Plot(Image(np.eye(3), (0, 1), (0, 1)), says="s")))
    trees, text, ends = packed(*pictures)
    got, _, same_ends = unpack(text)
    assert same_ends == ends
    for tree, back in zip(trees, got, strict=True):
        assert str(split(tree)[0]) == str(split(back)[0])
        assert split(tree)[2] == split(back)[2]


def test_the_same_pictures_give_the_same_bytes():
    def once():
        rng = np.random.default_rng(3)
        return packed(*[Plot(Line(np.arange(99), rng.normal(size=99)), says="s") for _ in "ab"])[1]

    assert once() == once()


def test_a_shape_that_does_not_fit_is_refused():
    with pytest.raises(ValueError, match=r"shape is \(3,\); its product must be 1"):
        pack([describe(Plot(says="s"))], [3], {})
