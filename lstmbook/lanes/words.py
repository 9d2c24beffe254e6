"""The words that lane code is written in, as NumPy understands them.

Lane code is ordinary Python about single numbers: ``net = fma(W[u, m], y[m], net)``. Each number
stands for one number a trial. Here it is a NumPy array whose last axis is the trials (or a NumPy
number, where one trial is meant); `lstmbook.lanes.vector` gives the same words a meaning for the
compiler, where a number is a vector register. A function marked `lane` is understood by both.

Nothing takes numbers of different trials together, so what becomes of a trial cannot depend on
how many run beside it.

Beside the words there are ``+ - * /``, ``< <= > >= == !=``, and ``& | ~`` between comparisons;
loops over `range`, and branches on what is known when code is compiled or on single whole numbers.
Where lane numbers decide, it is `where`. A running sum begins with a lane number,
``like(x, 0.0)``, not with 0.0. Functions that lane code calls are lane functions of the same
module or imported by name.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, fields, is_dataclass
from types import FunctionType, ModuleType
from typing import Any, TypeVar

import numpy as np

from lstmbook.lanes import draws

Function = TypeVar("Function", bound=Callable[..., Any])

Number = Any
"""One number a trial: an array whose last axis is the trials, or a vector register."""


def lane(function: Function) -> Function:
    """Mark a function as lane code; the compiler puts it into the line of its caller."""
    function.__dict__["lane"] = "inline"
    return function


def seldom(function: Function) -> Function:
    """Mark a function as lane code that runs seldom; the compiler keeps it out of line."""
    function.__dict__["lane"] = "apart"
    return function


class Constants:
    """Marks a frozen dataclass whose attributes are known when lane code is compiled.

    They may be whole and real numbers, bools, tuples of numbers, layouts, lane functions and
    other constants; all else (as text) is for Python alone. A branch on them costs nothing.
    """


@dataclass(frozen=True)
class Precision(Constants):
    """What the exponential function needs to know of a kind of number.

    Attributes
    ----------
    exp
        Coefficients of q in exp(r) = 1 + r + r^2 q(r) for |r| <= ln(2) / 2.
    ln2_high, ln2_low
        ln 2 in two parts.
    rounding
        The number that rounds another one to a whole one when it is added.
    least
        What the exponent is kept above.
    """

    exp: tuple[float, ...]
    ln2_high: float
    ln2_low: float
    rounding: float
    least: float

    @property
    def n_exp(self) -> int:
        """The number of coefficients."""
        return len(self.exp)


# relative errors 1e-8 and 1.2e-15
PRECISION = {
    "float32": Precision(
        (0.5, 0.1666657695378877, 0.04166655457234514, 0.008363185031533224,
         0.0013926191056242137),
        0.693147182464599609375, -1.904654299957767e-09, 1.5 * 2**23, -60.0,
    ),
    "float64": Precision(
        (0.5, 0.16666666666648272, 0.04166666666665134, 0.008333333353741644,
         0.0013888888905891745, 0.00019841208708073097, 2.480153636831133e-05,
         2.7625129152550647e-06, 2.7613818169691844e-07),
        0.6931471805599453, 2.3190468138462996e-17, 1.5 * 2**52, -700.0,
    ),
}  # fmt: skip


def precision(x: Number) -> Precision:
    """Return the constants for the kind of number that `x` is."""
    return PRECISION[x.dtype.name]


def like(x: Number, value: Any) -> Number:
    """Return `value` as the kind of number that `x` is, for as many trials."""
    return np.full_like(x, value)


def fma(a: Number, b: Number, c: Number) -> Number:
    """Return a * b + c (compiled: rounded once)."""
    return a * b + c


def where(condition: Any, a: Number, b: Number) -> Number:
    """Return `a` where the condition holds, else `b`."""
    return np.where(condition, a, b)


def larger(a: Number, b: Number) -> Number:
    """Return the larger of two numbers, `b` where either is NaN."""
    return np.where(a > b, a, b)


def smaller(a: Number, b: Number) -> Number:
    """Return the smaller of two numbers, `b` where either is NaN."""
    return np.where(a < b, a, b)


def absolute(x: Number) -> Number:
    """Return the size of a number."""
    return np.abs(x)


def power_of_two(z: Number) -> Number:
    """Return 2**k for z = `Precision.rounding` + k."""
    k = np.nan_to_num(z - precision(z).rounding).astype(np.int64)
    return np.where(np.isnan(z), z, np.ldexp(np.ones_like(z), k))


def exponent(x: Number) -> Number:
    """Return k of x = 2**k m with 1 <= m < 2, for a positive number that is not tiny."""
    return (np.frexp(x)[1] - 1).astype(x.dtype)


def root(x: Number) -> Number:
    """Return the square root of a number, rounded once."""
    return np.sqrt(x)


def total(x: Number) -> Number:
    """Return the sum of neighbouring numbers of one trial (its outputs, never trials)."""
    return x.sum()


def largest(x: Number) -> Number:
    """Return the largest of neighbouring numbers of one trial."""
    return x.max()


def real(x: Number) -> float:
    """Return one trial's number as a float64."""
    return float(x)


def word(key: Any, i: Any) -> Any:
    """Return draw i of the stream with a key: 64 bits; `i` may be an array."""
    if isinstance(i, np.ndarray):
        return draws.words(int(key) & draws.MASK, i)
    return draws.word(int(key) & draws.MASK, int(i))


def below(draw: Any, n: Any) -> Any:
    """Return a whole number from 0 to n - 1 made from a draw."""
    if isinstance(draw, np.ndarray):
        return (((draw >> np.uint64(32)) * np.uint64(n)) >> np.uint64(32)).astype(np.int64)
    return draws.below(draw, int(n))


def fraction(draw: Any) -> Any:
    """Return a number in [0, 1) made from a draw."""
    if isinstance(draw, np.ndarray):
        return (draw >> np.uint64(11)).astype(np.float64) * 2.0**-53
    return draws.fraction(draw)


def count_from(start: int, n: int) -> Any:
    """Return n whole numbers side by side: start, start + 1 and so on."""
    return np.arange(start, start + n)


def put(array: Any, place: int, values: Any) -> None:
    """Write neighbouring numbers to an array from a place on."""
    array[place : place + len(values)] = values


WORDS = (absolute, below, count_from, exponent, fma, fraction, larger, largest, like,
         power_of_two, precision, put, real, root, smaller, total, where, word)  # fmt: skip
"""All of them but those of `lstmbook.lanes.blocks`."""


def described(value: Any) -> str:
    """Return all that can change what is compiled from a constant, as text."""
    if is_dataclass(value) and not isinstance(value, type):
        parts = [f"{each.name}={described(getattr(value, each.name))}" for each in fields(value)]
        parts += [described(each) for each in own_functions(type(value))]
        return f"{type(value).__name__}({', '.join(parts)})"
    if isinstance(value, tuple):
        return f"({', '.join(map(described, value))})"
    if isinstance(value, FunctionType):
        made = [
            (name, each.__code__.co_code, each.__code__.co_consts, each.__code__.co_names, known)
            for name, (each, known) in sorted(reached(value).items())
        ]
        code = hashlib.sha256(repr(made).encode()).hexdigest()
        return f"{value.__module__}.{value.__qualname__} {code[:16]}"
    if isinstance(value, np.ndarray):
        return f"{value.dtype} {value.shape} {hashlib.sha256(value.tobytes()).hexdigest()}"
    return repr(value)


def own_functions(kind: type) -> list[FunctionType]:
    """Return the lane functions that a reader's class has as attributes, by their names' order."""
    found = {
        name: getattr(kind, name)
        for each in reversed(kind.__mro__)
        if each.__module__.partition(".")[0] not in ("lstmbook", "builtins")
        for name, part in vars(each).items()
        if isinstance(part, staticmethod)
    }
    return [each for _, each in sorted(found.items()) if is_lane(each)]


def reached(function: FunctionType) -> dict[str, tuple[FunctionType, str]]:
    """Return a lane function and all that it calls, by name, each with the constants it uses.

    Raises
    ------
    TypeError
        If one uses what cannot be followed: a variable of a function around it, a module, a
        class, or a function that is neither a word nor lane code.
    """
    found: dict[str, tuple[FunctionType, str]] = {}
    waiting = [function]
    while waiting:
        each = waiting.pop()
        name = f"{each.__module__}.{each.__qualname__}"
        if name in found:
            continue
        if each.__closure__:
            raise TypeError(f"{name} uses a variable of a function around it; lane code may not")
        used = {
            word: each.__globals__[word]
            for word in each.__code__.co_names
            if word in each.__globals__
        }
        known = {
            word: described(value)
            for word, value in used.items()
            if not isinstance(value, ModuleType | type) and not callable(value)
        }
        if not str(each.__module__).startswith("lstmbook."):
            _check_used(name, {word: used[word] for word in used.keys() - known.keys()})
        defaults = (each.__defaults__, each.__kwdefaults__)
        found[name] = each, repr((sorted(known.items()), defaults))
        waiting += [f for f in used.values() if isinstance(f, FunctionType) and is_lane(f)]
    return found


def _check_used(name: str, used: dict[str, Any]) -> None:
    for word, value in used.items():
        a_word = str(getattr(value, "__module__", "")).startswith("lstmbook.lanes.")
        if not (is_lane(value) or (a_word and isinstance(value, FunctionType))):
            raise TypeError(
                f"{name} uses {word}, {value!r}, which is neither a word of lane code, a function "
                "marked with @lane, nor a constant"
            )


def is_lane(function: Any) -> bool:
    """Return whether a function is marked as lane code."""
    return "lane" in getattr(function, "__dict__", {})
