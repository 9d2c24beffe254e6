"""The same three operations in plain Python: a written loop can be run without a compiler.

Slow, float64 only, and a multiply-add is rounded twice here; for tests of what was written.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from lstmbook.lanes import draws


def fma(a: float, b: float, c: float) -> float:
    """Return a * b + c."""
    return a * b + c


def power_of_two(z: float) -> float:
    """Return 2**k for z = 1.5 * 2**52 + k."""
    if z != z:
        return z
    bits = struct.unpack("<q", struct.pack("<d", z))[0]
    exponent = ((bits << 52) + 0x3FF0000000000000) % 2**64
    return float(struct.unpack("<d", struct.pack("<Q", exponent))[0])


def word(key: Any, i: Any) -> int:
    """Return the i-th draw of a stream."""
    return draws.word(int(key), int(i))


def below(draw: int, n: Any) -> int:
    """Return a whole number from 0 to n - 1."""
    return draws.below(draw, int(n))


fraction = draws.fraction


class numba:
    """Compiles nothing."""

    @staticmethod
    def njit(**options: Any) -> Callable[[Any], Any]:
        """Return the function as it is."""
        return lambda function: function
