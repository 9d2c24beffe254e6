"""The exercises of the chapter on the constant error carousel: solutions, and checks of answers."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from lstmbook import carousel
from lstmbook.book.exercises import exercise, given_array, given_count
from lstmbook.validation import Array

CHAPTER = "10_constant_error_carousel"


def _check_half_life(half_life: Any) -> None:
    for w in (0.9, 0.99, 0.999, 0.5):
        q = given_count(f"half_life({w})", half_life(w))
        flow = carousel.alone(w, 1.0, q + 1).flow
        assert flow[q] <= 0.5, f"half_life({w}) is {q}, but after {q} steps {flow[q]:.4f} is left"
        assert q == 0 or flow[q - 1] > 0.5, (
            f"half_life({w}) is {q}, but already after {q - 1} steps only {flow[q - 1]:.4f} is left"
        )


@exercise("half-life", chapter=CHAPTER, check=_check_half_life)
def half_life(w: float) -> int:
    """Return after how many steps a linear unit, 0 < w < 1, has at most half of an error left."""
    # solution
    # w^q <= 1/2, and log(w) is negative
    return int(np.ceil(np.log(0.5) / np.log(w) - 1e-9))
    # end solution


def _check_scaled_carousel(scaled_carousel: Any) -> None:
    x = np.array([1.0, 0.0, -0.5, 0.0, 2.0])
    for w in (1.0, 2.0, -4.0):
        y = given_array(f"scaled_carousel(x, {w})", scaled_carousel(x, w), (6,))
        net = w * y[:-1] + x
        assert np.allclose(y[1:], net / w), (
            f"w = {w}: y = {y.round(3)}, but f(net) = net / w gives {(net / w).round(3)} at steps "
            "1 to 5; the net input is w y(t-1) + x(t)"
        )
        assert y[0] == 0, f"y(0) is {y[0]}; the unit starts at 0"


@exercise("scaled-carousel", chapter=CHAPTER, check=_check_scaled_carousel)
def scaled_carousel(x: Array, w: float) -> Array:
    """Return y(0) .. y(T) of a unit with self-weight w, f(net) = net / w, y(0) = 0 and inputs x."""
    # solution
    # (w y + x) / w = y + x / w: the same carousel, which hears its inputs w times less
    return carousel.carousel(np.asarray(x, dtype=np.float64) / w)
    # end solution


def _check_input_compromise(input_compromise: Any) -> None:
    for T, later in ((3, 1.0), (8, 0.3), (10, 2.0)):
        every = np.array(list(itertools.product([-1.0, 1.0], repeat=T)))  # all sign patterns
        x = every * np.where(np.arange(T) == 0, 1.0, later)
        z = x.cumsum(axis=1)
        best = (z.sum(axis=1) * x[:, 0]).sum() / (z**2).sum()
        answer = float(input_compromise(T, later))
        assert abs(answer - best) < 1e-6, (
            f"input_compromise({T}, {later}) is {answer:.4g}; over all {2**T} sign patterns the "
            f"best weight is {best:.4g}"
        )


@exercise("input-compromise", chapter=CHAPTER, check=_check_input_compromise)
def input_compromise(T: int, later: float) -> float:
    """Return the input weight with the least expected loss, if y(t) should be x(1) throughout."""
    # solution
    # sum of E[x(1) z(t)] over sum of E[z(t)^2], with E[z(t)^2] = 1 + (t - 1) later^2
    return T / (T + later**2 * T * (T - 1) / 2)
    # end solution


def _check_linear_with_marker(linear_with_marker: Any) -> None:
    T = 6
    got = given_array("the answer", linear_with_marker(np.random.default_rng(0), T), (2,))
    naive = 0.5 * (1 - 1 / T)
    assert abs(got[0] - naive) < 0.02, (
        f"without the product the loss is {got[0]:.3f}; the best weights leave about {naive:.3f}"
    )
    assert got[1] < 1e-12, f"with the product the loss is {got[1]:.3g}; it should vanish"


@exercise("linear-with-marker", chapter=CHAPTER, check=_check_linear_with_marker)
def linear_with_marker(rng: np.random.Generator, T: int) -> tuple[float, float]:
    """Return the least loss of y(T) against x(1), without and with the products m(t) x(t)."""
    # solution
    x = rng.choice([-1.0, 1.0], (5000, T))
    m = np.eye(1, T)  # the marker is 1 at step 1
    sums = np.stack([x.sum(1), np.full(5000, m.sum())], axis=1)
    with_product = np.column_stack([sums, (m * x).sum(1)])
    losses = []
    for sources in (sums, with_product):
        w = np.linalg.lstsq(sources, x[:, 0], rcond=None)[0]
        losses.append(float(0.5 * np.mean((x[:, 0] - sources @ w) ** 2)))
    return losses[0], losses[1]
    # end solution


def _check_largest_rate(largest_rate: Any) -> None:
    for T in (10, 30, 100):
        answer = float(largest_rate(T))
        limit = 2 / np.sum(np.arange(1, T + 1.0) ** 2)
        assert 0.8 * limit < answer < 1.2 * limit, (
            f"largest_rate({T}) is {answer:.3g}; close to 1.0 the self-weight comes back up to "
            f"about {limit:.3g}"
        )


@exercise("largest-rate", chapter=CHAPTER, check=_check_largest_rate)
def largest_rate(T: int) -> float:
    """Return the largest learning rate at which a self-weight of 1 - 1e-6 finds back to 1.0."""
    # solution
    # try a fine ladder of rates, from the largest down; a rate works if the distance shrinks
    t = np.arange(1, T + 1)
    for rate in 10 / T**3 * 1.02 ** -np.arange(400.0):
        w = 1 - 1e-6
        for _ in range(20):
            w += rate * np.sum((1 - w**t) * t * w ** (t - 1))
        if abs(w - 1) < 1e-6:
            return float(rate)
    raise ValueError(f"no rate of the ladder works for T = {T}")
    # end solution
