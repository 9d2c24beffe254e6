"""The squashing functions: ranges, slopes, and digits far from zero."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lstmbook.squashing import SQUASHINGS, g, h, logistic, squashing, tanh

EACH = pytest.mark.parametrize("f", SQUASHINGS.values(), ids=lambda f: f.name)
NETS = st.floats(-30, 30)


@EACH
@given(net=NETS)
def test_slope_is_the_derivative(f, net):
    size = 1e-5
    central = (f(net + size) - f(net - size)) / (2 * size)
    assert f.slope(net) == pytest.approx(central, abs=2e-9)


@EACH
@given(net=st.floats(-1e308, 1e308))
def test_values_and_slopes_stay_in_their_ranges(f, net):
    with np.errstate(all="raise", under="ignore"):
        assert f.low <= f(net) <= f.high
        assert 0 <= f.slope(net) <= f.max_slope


@EACH
def test_steepest_at_zero(f):
    assert f.slope(0.0) == f.max_slope


@given(net=NETS)
def test_stretched_logistics(net):
    assert g(net) == pytest.approx(4 / (1 + np.exp(-net)) - 2, abs=1e-14)
    assert h(net) == pytest.approx(2 / (1 + np.exp(-net)) - 1, abs=1e-14)
    assert tanh(net) == pytest.approx(2 * logistic(2 * net) - 1, abs=1e-14)


@pytest.mark.parametrize("f", [logistic, tanh, g, h], ids=lambda f: f.name)
def test_slopes_keep_their_digits_far_from_zero(f):
    # far out every slope falls by a constant factor a step: exp(-1), or exp(-2) for tanh
    factor = np.exp(-2.0) if f is tanh else np.exp(-1.0)
    assert f.slope(41.0) / f.slope(40.0) == pytest.approx(factor, rel=1e-12)
    assert f.slope(-40.0) == f.slope(40.0)


@EACH
def test_shape_is_kept(f):
    net = np.zeros((2, 3))
    assert f(net).shape == f.slope(net).shape == (2, 3)


def test_lookup():
    assert squashing("tanh") is tanh
    assert squashing(tanh) is tanh


@pytest.mark.parametrize("name", ["relu", "", None, 3, ["tanh"]])
def test_lookup_of_an_unknown_name_lists_the_known(name):
    with pytest.raises(ValueError, match="it must be one of logistic, tanh, identity, g, h"):
        squashing(name)
