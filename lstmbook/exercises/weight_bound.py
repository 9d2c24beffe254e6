"""The exercises of the chapter on weight bounds: each solution, and the check of an answer."""

from __future__ import annotations

from typing import Any

import numpy as np

from lstmbook import weight_bound
from lstmbook.book.exercises import exercise, given_array, given_count
from lstmbook.error_path_integral import flow_matrices
from lstmbook.validation import Array

CHAPTER = "03_weight_bound"


def _check_worst_weight_tanh(worst_weight_tanh: Any) -> None:
    for a in (0.1, 0.5, 0.9):
        w = float(worst_weight_tanh(a))
        grid = np.linspace(0, 40 / a, 400_001)
        best = grid[weight_bound.path_factor(grid, grid * a, "tanh").argmax()]
        factor = weight_bound.path_factor(w, w * a, "tanh")
        assert abs(w - best) < 1e-3 * best, (
            f"worst_weight_tanh({a}) is {w:.5g}, with factor {factor:.5g}; a grid finds the "
            f"maximum at w = {best:.5g}. Set the derivative of (1 - tanh(w a)**2) w to 0"
        )


@exercise("worst-weight-tanh", chapter=CHAPTER, check=_check_worst_weight_tanh)
def worst_weight_tanh(a: float) -> float:
    """Return the w > 0 at which the path factor of a tanh unit without bias is largest."""
    # solution
    # d/dw (1 - tanh(wa)^2) w = 0  gives  2 wa tanh(wa) = 1: with z = wa, z = 1 / (2 tanh z)
    z = 1.0
    for _ in range(100):
        z = (z + 1 / (2 * np.tanh(z))) / 2  # averaging keeps the iteration from swinging
    return float(z / a)
    # end solution


def _check_steps_until(steps_until: Any) -> None:
    for n, w_max, small in ((4, 0.5, 1e-6), (10, 0.3, 1e-3), (2, 1.9, 1e-9)):
        lag = given_count(f"steps_until({n}, {w_max}, {small})", steps_until(n, w_max, small))
        now = weight_bound.tight_bound(n, w_max, lag)
        assert now < small, (
            f"steps_until({n}, {w_max}, {small}) is {lag}, but there the tight bound is still "
            f"{now:.3g}"
        )
        assert lag == 1 or weight_bound.tight_bound(n, w_max, lag - 1) >= small, (
            f"steps_until({n}, {w_max}, {small}) is {lag}, but the tight bound is below {small} "
            f"already at lag {lag - 1}"
        )


@exercise("steps-until", chapter=CHAPTER, check=_check_steps_until)
def steps_until(n: int, w_max: float, small: float) -> int:
    """Return the first lag at which no logistic net with |w_ij| <= w_max flows `small` or more."""
    # solution
    lam = n * w_max / 4
    # lam**lag / n < small, and log(lam) is negative
    return max(1, int(np.floor(np.log(small * n) / np.log(lam))) + 1)
    # end solution


def _check_mixed_signs(mixed_signs: Any) -> None:
    for n, w_max in ((2, 0.5), (5, 0.7), (6, 1.5)):
        W = given_array(f"mixed_signs({n}, {w_max})", mixed_signs(n, w_max), (n, n))
        assert np.abs(W).max() <= w_max * (1 + 1e-12), (
            f"a weight is {np.abs(W).max():g} in size, but w_max is {w_max}"
        )
        negative, positive = int((W < 0).sum()), int((W > 0).sum())
        assert min(negative, positive) > 0, (
            f"{negative} weights are negative and {positive} positive; there must be both"
        )
        network, trace = weight_bound.balanced(W, 9)
        for lag in (2, 5, 8):
            flow = np.abs(flow_matrices(network, trace, t=9)[lag])
            bound = weight_bound.tight_bound(n, w_max, lag)
            assert np.allclose(flow, bound, rtol=1e-9, atol=0), (
                f"n = {n}, lag {lag}: flows run from {flow.min():.3g} to {flow.max():.3g}, but "
                f"the tight bound is {bound:.3g}. Which signs make all paths between two units "
                f"agree?"
            )


@exercise("mixed-signs", chapter=CHAPTER, check=_check_mixed_signs)
def mixed_signs(n: int, w_max: float) -> Array:
    """Return weights of both signs with which a balanced net still reaches the tight bound."""
    # solution
    sign = np.where(np.arange(n) % 2 == 0, 1.0, -1.0)
    # along a path each inner unit's sign occurs twice and cancels: only the ends' signs are left
    return w_max * np.outer(sign, sign)
    # end solution


def _check_chain_breaker(chain_breaker: Any) -> None:
    for n in (2, 3, 7):
        W = given_array(f"chain_breaker({n})", chain_breaker(n), (n, n))
        columns, row = np.abs(W).sum(axis=0).max(), np.abs(W).sum(axis=1).max()
        assert columns > 0, f"chain_breaker({n}) is all 0"
        assert abs(row / columns - n) < 1e-9, (
            f"chain_breaker({n}): the largest row has 1-norm {row:g}, the matrix has 1-norm "
            f"{columns:g}: a ratio of {row / columns:g}, where {n} can be had"
        )


@exercise("chain-breaker", chapter=CHAPTER, check=_check_chain_breaker)
def chain_breaker(n: int) -> Array:
    """Return an n x n matrix whose first row has n times the 1-norm of the whole matrix."""
    # solution
    W = np.zeros((n, n))
    W[0] = 1.0  # every column sums to 1, the row to n
    return W
    # end solution


def _check_best_scale(best_scale: Any) -> None:
    scales = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0]
    for n, seed in ((5, 0), (10, 1)):
        rng = np.random.default_rng(seed)
        found = weight_bound.flow_by_scale(rng, scales, n=n, lag=15, n_nets=20)
        typical = np.median(found.flow, axis=1)
        answer = float(best_scale(np.random.default_rng(seed), scales, n, 15))
        assert answer in scales, f"best_scale returned {answer:g}, which is not one of {scales}"
        reached = typical[scales.index(answer)]
        assert reached == typical.max(), (
            f"n = {n}: best_scale returned {answer:g}, where the median flow over lag 15 is "
            f"{reached:.2g}; at {scales[int(typical.argmax())]:g} it is {typical.max():.2g}"
        )


@exercise("best-scale", chapter=CHAPTER, check=_check_best_scale)
def best_scale(rng: np.random.Generator, scales: list[float], n: int, lag: int) -> float:
    """Return the scale whose logistic nets have the largest median flow over the lag."""
    # solution
    found = weight_bound.flow_by_scale(rng, scales, n=n, lag=lag, n_nets=20)
    return scales[int(np.median(found.flow, axis=1).argmax())]
    # end solution
