"""Checks of arguments say which argument, what it was, and what is allowed."""

import numpy as np
import pytest

from lstmbook.validation import as_array, as_count, as_number, as_numbers, as_switch


def test_array_becomes_float64():
    found = as_array("x", [[1, 2], [3, 4]], (2, None))
    assert found.dtype == np.float64
    assert found.tolist() == [[1.0, 2.0], [3.0, 4.0]]


@pytest.mark.parametrize(
    ("value", "problem", "message"),
    [
        ([1, 2], ValueError, r"x has shape \(2,\); it must have shape \(any, 2\)"),
        ([[1, 2, 3]], ValueError, r"x has shape \(1, 3\); it must have shape \(any, 2\)"),
        ([[1, np.nan]], ValueError, r"x\[0, 1\] is nan; every entry must be finite"),
        ([[np.inf, 0]], ValueError, r"x\[0, 0\] is inf; every entry must be finite"),
        ([["1", "2"]], TypeError, "x must be an array of numbers"),
        ([[1j, 2]], TypeError, "x must be an array of numbers"),
        ([[1, 2], [3]], TypeError, "x must be an array of numbers"),
        ([[None, 2]], TypeError, "x must be an array of numbers"),
    ],
)
def test_array_errors_name_argument_value_and_rule(value, problem, message):
    with pytest.raises(problem, match=message):
        as_array("x", value, (None, 2))


def test_numbers_may_have_any_shape_but_no_gap():
    assert as_numbers("w", 2).shape == ()
    assert as_numbers("w", [[1, 2]]).tolist() == [[1.0, 2.0]]
    with pytest.raises(ValueError, match="w is nan; every entry must be finite"):
        as_numbers("w", float("nan"))
    with pytest.raises(TypeError, match="w must be an array of numbers, not 'a'"):
        as_numbers("w", "a")


def test_array_of_no_dimension_is_named_without_a_place():
    with pytest.raises(ValueError, match=r"^x is nan; every entry must be finite$"):
        as_array("x", np.nan, ())


def test_nan_passes_only_where_allowed_and_infinity_never():
    assert np.isnan(as_array("d", [np.nan, 1], (2,), nan_allowed=True)[0])
    with pytest.raises(ValueError, match=r"d\[1\] is -inf; every entry must be finite or NaN"):
        as_array("d", [np.nan, -np.inf], (2,), nan_allowed=True)


def test_numbers_inside_their_range_pass():
    assert as_number("w", np.float32(0.5), above=0, below=1) == 0.5
    assert as_number("w", 3, at_least=3, at_most=3) == 3.0


@pytest.mark.parametrize(
    ("value", "limits", "problem", "message"),
    [
        (0, {"above": 0}, ValueError, "w is 0; it must be above 0"),
        (-1.5, {"at_least": 0}, ValueError, "w is -1.5; it must be at least 0"),
        (2, {"at_most": 1}, ValueError, "w is 2; it must be at most 1"),
        (1, {"below": 1}, ValueError, "w is 1; it must be below 1"),
        (float("nan"), {}, ValueError, "w is nan; it must be finite"),
        (10**400, {}, ValueError, "w is too large"),
        (True, {}, TypeError, "w must be a number, not True"),
        ("1", {}, TypeError, "w must be a number, not '1'"),
    ],
)
def test_number_errors(value, limits, problem, message):
    with pytest.raises(problem, match=message):
        as_number("w", value, **limits)


@pytest.mark.parametrize(
    ("value", "problem", "message"),
    [
        (0, ValueError, "n is 0; it must be at least 1"),
        (9, ValueError, "n is 9; it must be at most 8"),
        (2.0, TypeError, "n must be a whole number, not 2.0"),
        (True, TypeError, "n must be a whole number, not True"),
    ],
)
def test_count_errors(value, problem, message):
    with pytest.raises(problem, match=message):
        as_count("n", value, at_least=1, at_most=8)


def test_counts_of_numpy_become_int():
    assert type(as_count("n", np.int64(4))) is int


@pytest.mark.parametrize("value", ["no", 1, 0, None, [], np.array([True])])
def test_what_is_no_switch_is_named(value):
    with pytest.raises(TypeError, match=r"reset is .*; it must be True or False"):
        as_switch("reset", value)
    for good in (True, False, np.True_):
        assert as_switch("reset", good) is bool(good)
