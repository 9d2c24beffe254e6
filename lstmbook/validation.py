"""Checks of arguments: each names the argument, what it was, and what is allowed."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


def as_array(
    name: str, value: Any, shape: tuple[int | None, ...], *, nan_allowed: bool = False
) -> Array:
    """Return `value` as a float64 array of the given shape, with finite entries.

    Parameters
    ----------
    name
        What the caller calls the argument; it stands in the error.
    value
        Anything NumPy can turn into an array.
    shape
        The lengths required; ``None`` where any length is allowed.
    nan_allowed
        Let NaN pass (where it means "nothing here"); infinite entries never do.

    Raises
    ------
    TypeError
        If `value` is not an array of real numbers (text and complex numbers are not).
    ValueError
        If the shape differs or an entry is NaN or infinite.
    """
    array = _real(name, value)
    wanted = "(" + ", ".join("any" if length is None else str(length) for length in shape) + ")"
    if array.ndim != len(shape) or any(
        length is not None and length != found
        for length, found in zip(shape, array.shape, strict=True)
    ):
        raise ValueError(f"{name} has shape {array.shape}; it must have shape {wanted}")
    _check_finite(name, array, nan_allowed)
    return array


def as_numbers(name: str, value: Any) -> Array:
    """Return `value`, a number or an array of any shape, as a float64 array of finite entries.

    Raises
    ------
    TypeError
        If `value` is no array of real numbers.
    ValueError
        If an entry is NaN or infinite.
    """
    array = _real(name, value)
    _check_finite(name, array, nan_allowed=False)
    return array


def _real(name: str, value: Any) -> Array:
    try:
        found = np.asarray(value)
    except ValueError as problem:  # rows of unequal length
        raise TypeError(f"{name} must be an array of numbers, not {value!r}") from problem
    if found.dtype.kind not in "biuf":
        raise TypeError(f"{name} must be an array of numbers, not {value!r}")
    return found.astype(np.float64, copy=False)


def _check_finite(name: str, array: Array, nan_allowed: bool) -> None:
    good = ~np.isinf(array) if nan_allowed else np.isfinite(array)
    if not good.all():
        where = tuple(int(i) for i in np.argwhere(~good)[0])
        place = f"{name}{list(where)}" if where else name
        rule = "finite or NaN" if nan_allowed else "finite"
        raise ValueError(f"{place} is {array[where]}; every entry must be {rule}")


def as_number(
    name: str,
    value: Any,
    *,
    above: float | None = None,
    at_least: float | None = None,
    at_most: float | None = None,
    below: float | None = None,
) -> float:
    """Return `value` as a finite float inside the stated range.

    Raises
    ------
    TypeError
        If `value` is not a number.
    ValueError
        If it is NaN, infinite or outside the range.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        raise TypeError(f"{name} must be a number, not {value!r}")
    try:
        number = float(value)
    except OverflowError as problem:  # a whole number beyond any float
        raise ValueError(f"{name} is too large; it must fit a float64") from problem
    if not np.isfinite(number):
        raise ValueError(f"{name} is {number}; it must be finite")
    if above is not None and not number > above:
        raise ValueError(f"{name} is {number:g}; it must be above {above:g}")
    if at_least is not None and not number >= at_least:
        raise ValueError(f"{name} is {number:g}; it must be at least {at_least:g}")
    if at_most is not None and not number <= at_most:
        raise ValueError(f"{name} is {number:g}; it must be at most {at_most:g}")
    if below is not None and not number < below:
        raise ValueError(f"{name} is {number:g}; it must be below {below:g}")
    return number


def as_switch(name: str, value: Any) -> bool:
    """Return `value` as a bool.

    Raises
    ------
    TypeError
        If it is anything but True or False.
    """
    if not isinstance(value, bool | np.bool_):
        raise TypeError(f"{name} is {value!r}; it must be True or False")
    return bool(value)


def as_count(name: str, value: Any, *, at_least: int = 0, at_most: int | None = None) -> int:
    """Return `value` as an int inside the stated range.

    Raises
    ------
    TypeError
        If `value` is not a whole number.
    ValueError
        If it is outside the range.
    """
    if isinstance(value, bool) or not isinstance(value, int | np.integer):
        raise TypeError(f"{name} must be a whole number, not {value!r}")
    number = int(value)
    if number < at_least:
        raise ValueError(f"{name} is {number}; it must be at least {at_least}")
    if at_most is not None and number > at_most:
        raise ValueError(f"{name} is {number}; it must be at most {at_most}")
    return number
