"""Squashing functions and their derivatives: what a unit does to its net input."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from lstmbook.validation import Array


@dataclass(frozen=True)
class Squashing:
    """An activation function with its derivative and range.

    Attributes
    ----------
    name
        The name it is looked up by (`squashing`).
    function, derivative
        Maps from net inputs of any shape to values of that shape.
    low, high
        The bounds of its values (infinite for the identity).
    max_slope
        The largest value of the derivative, reached at net input 0.
    """

    name: str
    function: Callable[[Array], Array] = field(repr=False)
    derivative: Callable[[Array], Array] = field(repr=False)
    low: float
    high: float
    max_slope: float

    def __call__(self, net: Array | float) -> Array:
        """Return the activation for net input `net`, in the same shape."""
        return self.function(np.asarray(net, dtype=np.float64))

    def slope(self, net: Array | float) -> Array:
        """Return the derivative at net input `net`, in the same shape."""
        return self.derivative(np.asarray(net, dtype=np.float64))


def _logistic(net: Array) -> Array:
    # exp of a non-positive number only: no overflow on either side
    small = np.exp(-np.abs(net))
    return np.where(net >= 0, 1.0, small) / (1.0 + small)


def _hill(small: Array) -> Array:
    """Return s / (1 + s)^2 for 0 <= s <= 1, accurately, and never above a quarter."""
    y = 1.0 / (1.0 + small)
    # 1 - y is exact for y in [1/2, 1], and y (1 - y) rounds to a quarter at most; for small s
    # that difference keeps few digits, and the other form all
    return np.where(small > 0.5, y * (1.0 - y), small * y * y)


def _logistic_slope(net: Array) -> Array:
    return _hill(np.exp(-np.abs(net)))


def _tanh_slope(net: Array) -> Array:
    return 4.0 * _hill(np.exp(-np.abs(net)) ** 2)


# tanh, g and h are the logistic function stretched: tanh(x) = 2 logistic(2 x) - 1. Their values
# come from NumPy's tanh, which keeps its digits near 0, and their slopes from exp(-|x|), which
# keeps them far from 0, where 1 - tanh(x)^2 would round to nothing.
logistic = Squashing("logistic", _logistic, _logistic_slope, 0.0, 1.0, 0.25)
tanh = Squashing("tanh", np.tanh, _tanh_slope, -1.0, 1.0, 1.0)
identity = Squashing("identity", lambda net: net + 0.0, np.ones_like, -np.inf, np.inf, 1.0)
g = Squashing(
    "g",
    lambda net: 2.0 * np.tanh(0.5 * net),
    lambda net: 4.0 * _logistic_slope(net),
    -2.0,
    2.0,
    1.0,
)
h = Squashing(
    "h", lambda net: np.tanh(0.5 * net), lambda net: 2.0 * _logistic_slope(net), -1.0, 1.0, 0.5
)

SQUASHINGS = {each.name: each for each in (logistic, tanh, identity, g, h)}


def squashing(name: str | Squashing, argument: str = "name") -> Squashing:
    """Return the squashing function called `name`, or `name` itself if it is one already.

    Parameters
    ----------
    argument
        What the caller calls it; it stands in the error.

    Raises
    ------
    ValueError
        If there is none of that name.
    """
    if isinstance(name, Squashing):
        return name
    if not isinstance(name, str) or name not in SQUASHINGS:
        raise ValueError(f"{argument} is {name!r}; it must be one of {', '.join(SQUASHINGS)}")
    return SQUASHINGS[name]
