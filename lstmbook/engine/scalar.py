"""Three machine operations that Numba has no word for.

Each is one instruction, exactly rounded, and the same on every machine: a fused multiply-add, a
power of two made from bits, and the draw of `lstmbook.lanes.draws`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from lstmbook.lanes.draws import GOLDEN, MIX_1, MIX_2
from lstmbook.lanes.machine import numba

from numba.core import types  # isort: skip
from numba.extending import intrinsic  # isort: skip


@intrinsic
def fma(typing_context: Any, a: Any, b: Any, c: Any) -> Any:
    """Return a * b + c, rounded once."""

    def lower(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.fma(*arguments)

    return a(a, a, a), lower


@intrinsic
def power_of_two(typing_context: Any, z: Any) -> Any:
    """Return 2**k for z = 1.5 * 2**m + k, m the number of bits after the point (23 or 52)."""

    def lower(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        from llvmlite import ir

        double = signature.args[0] == types.float64
        whole = ir.IntType(64 if double else 32)
        bits = builder.bitcast(arguments[0], whole)
        one = 0x3FF0000000000000 if double else 0x3F800000
        shifted = builder.shl(bits, ir.Constant(whole, 52 if double else 23))
        return builder.bitcast(builder.add(shifted, ir.Constant(whole, one)), arguments[0].type)

    return z(z), lower


_GOLDEN, _MIX_1, _MIX_2 = np.uint64(GOLDEN), np.uint64(MIX_1), np.uint64(MIX_2)
_ONE, _27, _30, _31 = np.uint64(1), np.uint64(27), np.uint64(30), np.uint64(31)
_11, _32 = np.uint64(11), np.uint64(32)


@numba.njit
def word(key, i):  # type: ignore[no-untyped-def]
    """Return the i-th draw of a stream, as `lstmbook.lanes.draws.word`."""
    z = key + (np.uint64(i) + _ONE) * _GOLDEN
    z = (z ^ (z >> _30)) * _MIX_1
    z = (z ^ (z >> _27)) * _MIX_2
    return z ^ (z >> _31)


@numba.njit
def below(draw, n):  # type: ignore[no-untyped-def]
    """Return a whole number from 0 to n - 1."""
    return np.int64(((draw >> _32) * np.uint64(n)) >> _32)


@numba.njit
def fraction(draw):  # type: ignore[no-untyped-def]
    """Return a number in [0, 1)."""
    return np.float64(draw >> _11) * 1.1102230246251565e-16
