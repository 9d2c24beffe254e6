"""The exercises of the chapter on the memory cell: each solution, and the check of an answer."""

from __future__ import annotations

from typing import Any

import numpy as np

from lstmbook import memory_cell
from lstmbook.book.exercises import exercise, given_array, given_count
from lstmbook.lstm import Topology
from lstmbook.squashing import g, h, logistic
from lstmbook.validation import Array

CHAPTER = "11_memory_cell"


def _check_writes_needed(writes_needed: Any) -> None:
    for level in (0.5, 0.76, 0.77, 0.9, 0.97, 0.999):
        n = given_count(f"writes_needed({level})", writes_needed(level))
        reached = float(h(2.0 * n))
        assert reached > level, (
            f"writes_needed({level}) is {n}, but {n} writes bring the output at most to "
            f"{reached:.4f}: the state is then at most {2 * n}"
        )
        assert n == 1 or h(2.0 * (n - 1)) <= level, (
            f"writes_needed({level}) is {n}, but {n - 1} writes are enough"
        )


@exercise("writes-needed", chapter=CHAPTER, check=_check_writes_needed)
def writes_needed(level: float) -> int:
    """Return how many writes of less than 2 each it takes at least until h(s) exceeds `level`."""
    # solution
    # h(s) = tanh(s / 2) exceeds the level where s > 2 artanh(level); n writes reach s < 2 n
    return int(np.floor(np.arctanh(level))) + 1
    # end solution


def _check_count_weights(count_weights: Any) -> None:
    for n_inputs, n_outputs, blocks, size in ((7, 7, 4, 1), (7, 7, 3, 2), (104, 2, 2, 1)):
        net = Topology(
            n_inputs,
            n_outputs,
            (size,) * blocks,
            input_gate_biases=True,
            output_gate_biases=True,
        )
        answer = count_weights(n_inputs, n_outputs, blocks, size)
        assert answer == net.n_weights, (
            f"count_weights({n_inputs}, {n_outputs}, {blocks}, {size}) is {answer}; the topology "
            f"has {net.n_weights}: "
            + ", ".join(f"{k} {a} x {b}" for k, (a, b) in net.shapes.items())
        )


@exercise("count-weights", chapter=CHAPTER, check=_check_count_weights)
def count_weights(n_inputs: int, n_outputs: int, blocks: int, size: int) -> int:
    """Return the number of weights of a fully self-connected net whose gates are biased."""
    # solution
    cells, gates = blocks * size, 2 * blocks
    hidden = cells + gates
    return hidden * (n_inputs + hidden) + gates + n_outputs * cells
    # end solution


def _check_forgetful_state(forgetful_state: Any) -> None:
    rng = np.random.default_rng(0)
    let_in = rng.normal(size=12)
    for keep in (np.ones(12), np.full(12, 0.5), (rng.random(12) < 0.7).astype(float)):
        s = given_array("forgetful_state(let_in, keep)", forgetful_state(let_in, keep), (13,))
        assert s[0] == 0, f"s(0) is {s[0]}; the state starts at 0"
        off = np.abs(s[1:] - keep * s[:-1] - let_in).max()
        assert off < 1e-12, (
            f"s(t) differs from keep(t) s(t-1) + let_in(t) by up to {off:.3g}, for keep = {keep}"
        )


@exercise("forgetful-state", chapter=CHAPTER, check=_check_forgetful_state)
def forgetful_state(let_in: Array, keep: Array) -> Array:
    """Return s(0) .. s(T) of a cell that keeps the share keep(t) of its old state at step t."""
    # solution
    s = np.zeros(len(let_in) + 1)
    for t in range(1, len(s)):
        s[t] = keep[t - 1] * s[t - 1] + let_in[t - 1]
    return s
    # end solution


def _check_closed_enough(closed_enough: Any) -> None:
    for T, small in ((100, 0.1), (1000, 0.1), (1000, 0.01)):
        net_in = float(closed_enough(T, small))
        worst = float(memory_cell.drift(net_in, np.full(T, 800.0))[-1])
        assert worst <= small * (1 + 1e-9), (
            f"closed_enough({T}, {small}) is {net_in:.4g}: in the worst case the state drifts by "
            f"{worst:.3g} in {T} steps"
        )
        assert worst > 0.99 * small, (
            f"closed_enough({T}, {small}) is {net_in:.4g}: the worst drift is only {worst:.3g}; "
            "the gate need not be closed as tightly"
        )


@exercise("closed-enough", chapter=CHAPTER, check=_check_closed_enough)
def closed_enough(T: int, small: float) -> float:
    """Return the largest net input of the gate at which T steps cannot leak more than `small`."""
    # solution
    # T f(net) 2 = small: a leak is at most 2 f(net); the inverse of the logistic function
    leak = small / (2 * T)
    return float(np.log(leak / (1 - leak)))
    # end solution


def _check_drift_growth(drift_growth: Any) -> None:
    answer = given_array("the answer", drift_growth(np.random.default_rng(0), -4.0), (2,))
    for found, expected, kind in zip(answer, (10.0, 100.0), ("random", "constant"), strict=True):
        assert 0.85 * expected < found < 1.15 * expected, (
            f"with {kind} inputs a hundred times the steps multiply the drift by {found:.3g}; it "
            f"should be near {expected:g}. Use the root of the mean square over many runs"
        )
    assert logistic(-4.0) > 0


@exercise("drift-growth", chapter=CHAPTER, check=_check_drift_growth)
def drift_growth(rng: np.random.Generator, net_in: float) -> tuple[float, float]:
    """Return how much larger the drift is after 1000 steps than after 10: random, then constant."""
    # solution
    random = np.array([memory_cell.drift(net_in, rng.normal(size=1000)) for _ in range(2000)])
    rms = np.sqrt((random**2).mean(axis=0))
    constant = memory_cell.drift(net_in, np.ones(1000))
    return float(rms[1000] / rms[10]), float(constant[1000] / constant[10])
    # end solution


def _check_corner_units(corner_units: Any) -> None:
    codes = np.array([[1, 1], [1, -1], [-1, 1], [-1, -1]]) * float(h(g(2.0)))
    W, b = corner_units()
    W, b = given_array("W", W, (4, 2)), given_array("b", b, (4,))
    y = logistic(codes @ W.T + b)
    for i, (row, wanted) in enumerate(zip(y, np.eye(4), strict=True)):
        k = int(np.abs(row - wanted).argmax())
        assert abs(row[k] - wanted[k]) < 0.3, (
            f"symbol {i} is stored as {codes[i].round(2)}; output {k} is {row[k]:.2f} and should "
            f"be {wanted[k]:.0f}, to within 0.3"
        )


@exercise("corner-units", chapter=CHAPTER, check=_check_corner_units)
def corner_units() -> tuple[Array, Array]:
    """Return W (4, 2) and b (4,) of outputs that read the signs ++, +-, -+, -- of two cells."""
    # solution
    signs = np.array([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
    # both signs right: net 2 c w + b; one right: b; so the threshold lies between, at c w
    return 8.0 * signs, np.full(4, -5.0)
    # end solution
