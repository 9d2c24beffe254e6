"""The table of 1991: read as printed, consistent with its law, rerun on nets drawn anew."""

import numpy as np
import pytest

from lstmbook import backflow
from lstmbook.published import load, printed_range
from lstmbook.squashing import logistic

ROWS = backflow.published_backflow()


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [("8.6e-3", 0.00855, 0.00865), ("-0.036", -0.0365, -0.0355), ("2.0", 1.95, 2.05)],
)
def test_printed_digits_tell_their_rounding(text, low, high):
    assert printed_range(text) == pytest.approx((low, high), rel=1e-12)


@pytest.mark.parametrize("text", ["nan", "eight", ""])
def test_what_is_not_a_number_is_refused(text):
    with pytest.raises(ValueError, match="number is"):
        printed_range(text)


def test_unknown_table_lists_the_known():
    with pytest.raises(ValueError, match="thesis_1991_backflow"):
        load("thesis_1992")


def test_six_rows_of_four_error_signals():
    assert len(ROWS) == 6
    for row in ROWS:
        assert row.theta.shape == (4,)
        assert (row.low < row.theta).all()
        assert (row.theta < row.high).all()
        assert (np.sign(row.ratio) == np.sign(row.w_vv)).all()
        low, high = row.slope_range
        assert (low < row.slope).all()
        assert (row.slope < high).all()


@pytest.mark.parametrize("net", [0.0, 0.5, 4.8])
def test_net_of_slope_inverts_the_slope(net):
    assert backflow.net_of_slope(logistic.slope(net)) == pytest.approx(net, abs=1e-7)


def test_slope_above_a_quarter_has_no_net_input():
    with pytest.raises(ValueError, match=r"at most 0\.25"):
        backflow.net_of_slope(0.2501)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"w_vv={row.w_vv}")
def test_each_ratio_is_slope_times_self_weight(row):
    ratios = backflow.rerun(row, 20, seed=3)
    assert ratios.shape == (20, 3)
    assert (np.abs(ratios) <= abs(row.w_vv) / 4).all()


def test_what_is_drawn_as_published_explains_the_row():
    row = ROWS[0]
    assert backflow.n_explained(row, np.tile(row.ratio, (10, 1))) == 3
    assert backflow.n_explained(row, np.tile(2 * row.ratio, (10, 1))) == 0


def test_ratios_do_not_depend_on_the_output():
    rng = np.random.default_rng(0)
    network = backflow.thesis_net(0.3, 0.7, rng)
    x = backflow.thesis_inputs("a")
    one, other = (backflow.flow_back(network, x, d) for d in (1.0, 0.0))
    assert one[1:] / one[:-1] == pytest.approx(other[1:] / other[:-1], rel=1e-12)


def test_wrong_arguments_are_named():
    with pytest.raises(ValueError, match="first is 'b'"):
        backflow.thesis_inputs("b")
    with pytest.raises(ValueError, match="n_nets is 0"):
        backflow.rerun(ROWS[0], 0, seed=0)
