"""The exercise of the preface, with its solution: how an exercise works."""

from __future__ import annotations

import numpy as np

from lstmbook.book.exercises import Function, exercise, given_number
from lstmbook.validation import Array

CHAPTER = "00_preface"


def _check_net_input(net_input: Function) -> None:
    rng = np.random.default_rng(0)
    for n in (1, 2, 4):
        W, a = rng.normal(size=(n, n)), rng.normal(size=n)
        for i in range(n):
            answer = given_number(f"net_input(W, a, {i})", net_input(W, a, i))
            expected, turned = (W @ a)[i], (W.T @ a)[i]
            hint = (
                " That is the sum over W[j, i]: the first index is where a connection ends."
                if n > 1 and np.isclose(answer, turned)
                else ""
            )
            assert np.isclose(answer, expected), (
                f"with {n} units, unit {i} should receive {expected:.6g}; "
                f"net_input says {answer!r}.{hint}"
            )


@exercise("net-input", chapter=CHAPTER, check=_check_net_input)
def net_input(W: Array, a: Array, i: int) -> float:
    """Return what unit i receives from the units' activations a (no inputs, no bias)."""
    # solution
    return float(sum(W[i, j] * a[j] for j in range(len(a))))
    # end solution
