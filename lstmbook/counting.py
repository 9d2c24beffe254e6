"""Count the multiplications that a computation with arrays takes, by running it.

An array made by `Tally.watch` counts each product of numbers it takes part in, and so does
every array computed from it. What is counted is what the package's functions really do, so a
stated cost can be held against the code that is said to have it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from lstmbook.validation import Array


@dataclass
class Tally:
    """The multiplications counted so far."""

    multiplications: int = 0

    def watch(self, array: Array) -> Array:
        """Return `array` as one whose products are counted here."""
        watched = np.array(array, dtype=np.float64).view(_Watched)
        watched.tally = self
        return watched


class _Watched(np.ndarray[Any, np.dtype[np.float64]]):
    tally: Tally | None

    def __array_finalize__(self, obj: Any) -> None:
        self.tally = getattr(obj, "tally", None)

    def _spread(self, result: Any) -> Any:
        if not isinstance(result, np.ndarray):
            return result
        watched = result.view(_Watched)
        watched.tally = self.tally
        return watched

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        plain = [_plain(each) for each in inputs]
        if "out" in kwargs:
            kwargs["out"] = tuple(_plain(each) for each in kwargs["out"])
        result = getattr(ufunc, method)(*plain, **kwargs)
        if self.tally is not None and method in ("__call__", "outer"):
            if ufunc is np.multiply:
                self.tally.multiplications += np.size(result)
            elif ufunc is np.matmul:
                self.tally.multiplications += np.size(result) * plain[0].shape[-1]
        return self._spread(result)

    def __array_function__(
        self,
        func: Callable[..., Any],
        types: Iterable[type],
        args: Iterable[Any],
        kwargs: Mapping[str, Any],
    ) -> Any:
        plain = [_plain_all(each) for each in args]
        if func is np.einsum and self.tally is not None:
            self.tally.multiplications += _einsum_multiplications(plain[0], *plain[1:])
        return self._spread(func(*plain, **kwargs))


def _plain(value: Any) -> Any:
    return value.view(np.ndarray) if isinstance(value, _Watched) else value


def _plain_all(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return type(value)(_plain(each) for each in value)
    return _plain(value)


def _einsum_multiplications(subscripts: str, *operands: Array) -> int:
    """Return how many products ``np.einsum(subscripts, *operands)`` forms, term by term."""
    terms = subscripts.split("->")[0].split(",")
    sizes = {
        letter: length
        for term, operand in zip(terms, operands, strict=True)
        for letter, length in zip(term, operand.shape, strict=True)
    }
    return (len(operands) - 1) * int(np.prod(list(sizes.values())))
