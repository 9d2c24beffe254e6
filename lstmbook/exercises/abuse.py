"""Exercises on the abuse problem and on drift, with their solutions."""

from __future__ import annotations

import math

import numpy as np

from lstmbook.abuse import Plateau, PlateauWatch
from lstmbook.book.exercises import Function, exercise, given_array, given_number
from lstmbook.squashing import h, logistic
from lstmbook.validation import Array

CHAPTER = "13_abuse_problem"


def _check_saturation(steps_to_saturation: Function) -> None:
    for drift, share in ((0.05, 0.1), (-0.2, 0.01), (0.003, 0.5)):
        q = np.arange(1.0, 5000.0)
        expected = int(q[h.slope(drift * q) <= share * h.max_slope][0])
        answer = steps_to_saturation(drift, share)
        assert answer == expected, (
            f"drift {drift} a step: h' first falls to {share} of its largest value after "
            f"{expected} steps; you say {answer!r}"
        )


@exercise("steps-to-saturation", chapter=CHAPTER, check=_check_saturation)
def steps_to_saturation(drift: float, share: float) -> int:
    """Return the first q at which h'(q drift) is at most this share of its largest value."""
    # solution
    # h(s) = tanh(s/2), so h' / max h' = 1 - tanh(s/2)^2
    return math.ceil(2 * math.atanh(math.sqrt(1 - share)) / abs(drift))
    # end solution


def _check_bias(bias_against_drift: Function) -> None:
    for written, q, largest in ((0.1, 100, 1.0), (-0.1, 1000, 2.0), (0.5, 50, 5.0)):
        bias = given_number("the answer", bias_against_drift(written, q, largest))
        drifted = q * abs(written) * float(logistic(bias))
        assert math.isclose(drifted, largest, rel_tol=1e-6), (
            f"g(net_c) = {written} for {q} steps behind a gate of bias {bias:.4g} makes "
            f"{drifted:.4g}, not {largest}"
        )


@exercise("bias-against-drift", chapter=CHAPTER, check=_check_bias)
def bias_against_drift(written: float, q: int, largest: float) -> float:
    """Return the input gate bias with which g(net_c) = written, q times, adds up to `largest`.

    The gate has no other input; `largest` is the size of the state, smaller than q |written|.
    """
    # solution
    opening = largest / (q * abs(written))  # what y_in has to be
    return math.log(opening / (1 - opening))
    # end solution


def _check_inhibition(inhibited: Function) -> None:
    rng = np.random.default_rng(0)
    for n in (2, 3, 5):
        y_out = rng.random(n)
        found = given_array(f"the answer for {n} gates", inhibited(y_out.copy()), (n,))
        first, second = np.sort(y_out)[::-1][:2]
        expected = np.where(y_out == first, first - second, 0.0)
        assert np.allclose(found, expected), (
            f"y_out = {y_out.round(3)}: the strongest keeps {first - second:.3f}, the others 0; "
            f"you return {found.round(3)}"
        )


@exercise("inhibition-by-subtraction", chapter=CHAPTER, check=_check_inhibition)
def inhibited(y_out: Array) -> Array:
    """Return each gate's activation minus the largest of the others, 0 where that is negative."""
    # solution
    others = [np.delete(y_out, j).max() for j in range(len(y_out))]
    return np.asarray(np.maximum(y_out - others, 0.0))
    # end solution


def _check_added(added_at: Function) -> None:
    rng = np.random.default_rng(1)
    losses = np.exp(-np.arange(3000) / 300) + 1.0 + 0.05 * rng.random(3000)
    for rule in (Plateau(100, 0.01, 3), Plateau(50, 0.05, 1)):
        watch = PlateauWatch(rule)
        expected = next((n for n, each in enumerate(losses, 1) if watch.see(each)), None)
        answer = added_at(losses, rule)
        assert answer == expected, f"{rule}: the block comes after {expected}, not {answer!r}"
    assert added_at(np.ones(10), Plateau()) is None, "with too few sequences the answer is None"


@exercise("added-at", chapter=CHAPTER, check=_check_added)
def added_at(losses: Array, rule: Plateau) -> int | None:
    """Return after how many sequences the rule says that the error has stopped, or None."""
    # solution
    watch = PlateauWatch(rule)
    for presented, each in enumerate(losses, 1):
        if watch.see(float(each)):
            return presented
    return None
    # end solution


def _check_rescued(rescued: Function) -> None:
    without, remedy = np.array([np.inf, 5, np.inf, 9]), np.array([7, np.inf, np.inf, 8])
    answer = rescued(without, remedy)
    assert tuple(answer) == (1, 1), (
        f"without {without}, with {remedy}: one trial is rescued and one is lost, not {answer!r}"
    )
    assert tuple(rescued(np.full(3, np.inf), np.ones(3))) == (3, 0)


@exercise("rescued", chapter=CHAPTER, check=_check_rescued)
def rescued(without: Array, remedy: Array) -> tuple[int, int]:
    """Return how many trials succeeded only with the remedy, and how many only without it.

    Both arrays hold sequences until success, infinite where there was none, seed by seed.
    """
    # solution
    ok, ok_now = np.isfinite(without), np.isfinite(remedy)
    return int((~ok & ok_now).sum()), int((ok & ~ok_now).sum())
    # end solution
