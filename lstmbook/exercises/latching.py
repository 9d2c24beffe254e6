"""Exercises on the latching dilemma, with their solutions."""

from __future__ import annotations

import numpy as np

from lstmbook import latch_task, latching
from lstmbook.book.exercises import Function, exercise, given_array, given_number

CHAPTER = "04_latching_dilemma"


def _check_scaled_margin(scaled_margin: Function) -> None:
    a = np.linspace(0, 40, 400_001)
    for w, gain in ((2.0, 1.0), (1.25, 1.0), (2.5, 0.5), (1.5, 3.0), (8.0, 0.2), (0.9, 1.0)):
        answer = given_number("the answer", scaled_margin(w, gain))
        # the largest input for which w tanh(gain a) - a = h still has a solution
        expected = float((w * np.tanh(gain * a) - a).max())
        assert abs(answer - expected) < 1e-6, (
            f"w={w}, gain={gain}: the largest |h| that cannot flip the bit is {expected:.6f}; "
            f"scaled_margin says {answer:.6f} (where w * gain <= 1 there is no bit: 0)"
        )


@exercise("scaled-margin", chapter=CHAPTER, check=_check_scaled_margin)
def scaled_margin(w: float, gain: float) -> float:
    """Return h* of the latch a(t) = w tanh(gain * a(t-1)) + h(t)."""
    # solution
    if w * gain <= 1:
        return 0.0
    x_c = np.sqrt(1 - 1 / (w * gain))  # there the slope w gain (1 - x^2) is 1
    return float(w * x_c - np.arctanh(x_c) / gain)
    # end solution


def _check_trap(eigenvalue_trap: Function) -> None:
    answer = eigenvalue_trap()
    pair = isinstance(answer, tuple | list) and len(answer) == 2
    assert pair, "return two matrices: A, B"
    A, B = (given_array(name, each, (2, 2)) for name, each in zip(("A", "B"), answer, strict=True))
    for name, M in (("A", A), ("B", B)):
        largest = np.abs(np.linalg.eigvals(M)).max()
        assert largest < 0.5, f"{name} has an eigenvalue of size {largest:.3g}; all must be < 0.5"
        norm = np.linalg.norm(M, 2)
        assert norm <= 2.5, f"{name} has norm {norm:.3g}; at most 2.5 is allowed"
    size = np.linalg.norm(np.linalg.matrix_power(A @ B, 10), 2)
    assert size > 1000, f"the product of 20 factors has norm {size:.3g}; it must exceed 1000"


@exercise("eigenvalue-trap", chapter=CHAPTER, check=_check_trap)
def eigenvalue_trap() -> tuple[np.ndarray, np.ndarray]:
    """Return A, B with eigenvalues below 0.5 and norms of at most 2.5 whose product explodes."""
    # solution
    A = np.array([[0.0, 2.0], [0.0, 0.0]])
    return A, A.T.copy()
    # end solution


def _check_copies(copy_terms: Function) -> None:
    rng = np.random.default_rng(0)
    for w, T, d in ((1.25, 6, 0.8), (2.0, 9, -0.8), (0.7, 4, 0.8)):
        h = rng.normal(0, 0.5, T)
        a = latch_task.run_latch(w, h)
        expected = latch_task.gradient_terms(a, latch_task.latch_delta(w, a, d))[1:]
        answer = given_array(f"the answer for T={T}", copy_terms(w, h, d), (T,))
        worst = int(np.abs(answer - expected).argmax())
        assert np.allclose(answer, expected, rtol=1e-6, atol=1e-9), (
            f"w={w}, T={T}: the term of step {worst + 1} is {expected[worst]:.6g}; "
            f"copy_terms says {answer[worst]:.6g}"
        )


@exercise("copy-terms", chapter=CHAPTER, check=_check_copies)
def copy_terms(w: float, h: np.ndarray, d: float) -> np.ndarray:
    """Return the terms of -dC/dw by step, shape (T,), from products of slopes alone."""
    # solution
    a = latch_task.run_latch(w, h)
    x = np.tanh(a)
    steps = w * (1 - x**2)  # the factor of the step that leaves each state
    T = len(h)
    flow = np.array([np.prod(steps[tau:T]) for tau in range(1, T + 1)])  # da(T)/da(tau)
    return np.asarray((d - x[T]) * (1 - x[T] ** 2) * flow * x[:-1])
    # end solution


def _steps(w: float, excess: float) -> int:
    a, steps = latching.latch_attractor(w), 0
    while a > 0:
        a = w * float(np.tanh(a)) - (1 + excess) * latching.latch_margin(w)
        steps += 1
    return steps


def _check_steps(steps_to_flip: Function) -> None:
    for w, excess in ((1.25, 0.5), (1.25, 0.1), (1.25, 0.01), (2.0, 0.01), (2.0, 0.001)):
        answer = given_number("the answer", steps_to_flip(w, excess))
        expected = _steps(w, excess)
        assert abs(answer - expected) <= 1, (
            f"w={w}, excess={excess}: the sign changes at step {expected}; "
            f"steps_to_flip says {answer:g}"
        )


@exercise("steps-to-flip", chapter=CHAPTER, check=_check_steps)
def steps_to_flip(w: float, excess: float) -> int:
    """Count the steps a constant input -(1 + excess) h* takes from the attractor to a <= 0."""
    # solution
    a, steps = latching.latch_attractor(w), 0
    h = (1 + excess) * latching.latch_margin(w)
    while a > 0:
        a = w * np.tanh(a) - h
        steps += 1
    return steps
    # end solution


def _lost(w: float, noise: float, n_steps: int) -> float:
    rng = np.random.default_rng(123)
    return float(
        latch_task.bits_lost(rng, w, latching.latch_attractor(w), noise, n_steps, 20_000)[-1]
    )


def _check_weight(safe_weight: Function) -> None:
    for noise, n_steps in ((0.2, 60), (0.4, 60), (0.2, 300)):
        w = given_number("the answer", safe_weight(noise, n_steps))
        assert 1 < w < 4, f"noise={noise}, T={n_steps}: w={w:g} is not between 1 and 4"
        here, below = _lost(w, noise, n_steps), _lost(max(1.01, w - 0.15), noise, n_steps)
        assert here < 0.02, (
            f"noise={noise}, T={n_steps}: at w={w:g} a share of {here:.3f} is lost; it must be "
            "about 0.01"
        )
        assert below > 0.01, (
            f"noise={noise}, T={n_steps}: w={w:g} is larger than needed; at {w - 0.15:g} only "
            f"{below:.3f} is lost"
        )


@exercise("safe-weight", chapter=CHAPTER, check=_check_weight)
def safe_weight(noise: float, n_steps: int) -> float:
    """Return the least self-weight that loses 1 % of the bits, to within 0.05."""
    # solution
    for w in np.arange(1.05, 4, 0.05):
        rng = np.random.default_rng(0)
        if (
            latch_task.bits_lost(rng, w, latching.latch_attractor(w), noise, n_steps, 4000)[-1]
            < 0.01
        ):
            return float(w)
    raise ValueError(f"no self-weight below 4 withstands noise={noise}")
    # end solution
