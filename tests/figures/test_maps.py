"""The drawings of maps show the fixed points, and shade what they are given."""

import numpy as np
import pytest

from lstmbook.explore import Dots, Image, Line
from lstmbook.figures.maps import cobweb, phase_portrait
from lstmbook.latching import latch_attractor


def dots(plot, label):
    (found,) = (m for m in plot.marks if isinstance(m, Dots) and m.label == label)
    return found


@pytest.mark.parametrize(
    ("w", "h", "stable", "tipping"), [(1.5, 0, 2, 1), (0.5, 0, 1, 0), (2, 1, 1, 0)]
)
def test_the_cobweb_marks_every_fixed_point(w, h, stable, tipping):
    plot = cobweb(w, h, 0.5)
    assert np.isfinite(dots(plot, "attractor").x).sum() == stable
    assert np.isfinite(dots(plot, "tipping point").x).sum() == tipping
    assert f"{stable + tipping} fixed point" in plot.says


def test_the_stairs_end_at_the_attractor():
    stairs = [m for m in cobweb(2.0, 0.0, 0.5).marks if isinstance(m, Line)][2]
    assert stairs.x[-1] == pytest.approx(latch_attractor(2.0))


def test_the_portrait_is_dark_in_the_core_and_coloured_by_basin():
    label, core = np.array([[0, 0], [1, 1]]), np.array([[True, False], [False, True]])
    plot = phase_portrait(label, core, 2.0, np.zeros((5, 2, 2)), ("a", "b"), says="Two runs.")
    (image,) = (m for m in plot.marks if isinstance(m, Image))
    assert np.asarray(image.z).tolist() == [[-1.5, -0.5], [0.5, 1.5]]
    assert plot.says == "Two runs."


def test_a_portrait_of_misshapen_runs_is_refused():
    with pytest.raises(ValueError, match="y has shape"):
        phase_portrait(np.eye(2), np.eye(2), 1.0, np.zeros((5, 3, 2)), ("a", "b"), says="x")
