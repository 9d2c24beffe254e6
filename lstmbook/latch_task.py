"""The minimal problem of LD: write one bit into a latch, and read it T steps later.

``a(t) = w tanh(a(t-1)) + h(t)`` with ``a(0) = 0``: the first L inputs of each class are
parameters, the others are noise, and ``x(T) = tanh(a(T))`` is to be +0.8 or -0.8. Every array
has time as its first axis, indexed as in the papers, and any number of runs behind it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from lstmbook.validation import Array, as_array, as_count, as_number

CLASSES = np.array([1.0, -1.0])


@dataclass(frozen=True)
class LatchTask:
    """The task and how long it is trained.

    Attributes
    ----------
    n_steps
        T, the length of a sequence.
    n_written
        L, the steps whose inputs are parameters.
    target
        The size of the desired output, +target for one class and -target for the other.
    learning_rate, n_epochs
        Plain gradient descent on the sum over the training sequences.
    n_sequences
        Training sequences (each with its own noise) per class.
    fresh_noise
        Whether the noise is drawn anew for each epoch; otherwise it is part of the training set.
    start
        The written inputs begin uniform in [-start, start].
    """

    n_steps: int = 20
    n_written: int = 3
    target: float = 0.8
    learning_rate: float = 0.05
    n_epochs: int = 200
    n_sequences: int = 2
    fresh_noise: bool = False
    start: float = 0.01

    def __post_init__(self) -> None:
        as_count("n_written", self.n_written, at_least=1)
        as_count("n_steps", self.n_steps, at_least=self.n_written)
        as_count("n_epochs", self.n_epochs)
        as_count("n_sequences", self.n_sequences, at_least=1)
        as_number("target", self.target, above=0, below=1)
        as_number("start", self.start, at_least=0)
        as_number("learning_rate", self.learning_rate, above=0)


@dataclass(frozen=True)
class LatchRuns:
    """What training made of each run.

    Attributes
    ----------
    w
        Self-weights, shape (runs,).
    h
        Written inputs, shape (L, runs, 2): class +, class -.
    x_end
        Outputs x(T) on the training sequences, shape (runs, 2, sequences).
    target
        The size of the desired output.
    """

    w: Array
    h: Array
    x_end: Array
    target: float

    def converged(self, tolerance: float | None = None) -> npt.NDArray[np.bool_]:
        """Say which runs have learned their training sequences, shape (runs,).

        Parameters
        ----------
        tolerance
            How far from its target each output may be; without one, its sign must be right.
        """
        d = self.target * CLASSES[:, None]
        if tolerance is None:
            return np.asarray((self.x_end * d > 0).all(axis=(1, 2)))
        allowed = as_number("tolerance", tolerance, above=0)
        return np.asarray((np.abs(self.x_end - d) < allowed).all(axis=(1, 2)))


@dataclass(frozen=True)
class Epoch:
    """One moment of training, for every run, class and training sequence.

    Attributes
    ----------
    w
        Self-weights, shape (runs,).
    h
        Inputs of steps 1 .. T, shape (T, runs, 2, sequences).
    a, delta
        Net inputs and error signals, shape (T + 1, runs, 2, sequences).
    """

    w: Array
    h: Array
    a: Array
    delta: Array


def run_latch(w: Array | float, h: Array) -> Array:
    """Run latches from a(0) = 0 (`eq-dynamics`, one unit).

    Parameters
    ----------
    w
        Self-weights, broadcast against one step's inputs.
    h
        Inputs of steps 1 .. T, shape (T, ...).

    Returns
    -------
    a
        Net inputs, shape (T + 1, ...); row 0 is zero.
    """
    inputs = np.asarray(h, dtype=np.float64)
    if inputs.ndim == 0 or not np.isfinite(inputs).all():
        raise ValueError("h must be an array of finite inputs, with time as its first axis")
    a = np.zeros((len(inputs) + 1, *inputs.shape[1:]))
    for t in range(1, len(a)):
        a[t] = w * np.tanh(a[t - 1]) + inputs[t - 1]
    return a


def latch_loss(w: Array | float, h: Array, target: Array | float) -> Array:
    """Return C = (x(T) - d)^2 / 2 of each run, shape (...)."""
    return np.asarray(0.5 * (np.tanh(run_latch(w, h)[-1]) - target) ** 2)


def latch_delta(w: Array | float, a: Array, target: Array | float) -> Array:
    """Carry the error at T back through every step (`eq-error-signal`, `eq-backprop`).

    Parameters
    ----------
    w
        Self-weights.
    a
        Net inputs from `run_latch`, shape (T + 1, ...).
    target
        Desired x(T), broadcast against one row of `a`.

    Returns
    -------
    delta
        ``delta[tau] = -dC/da(tau)``, shape (T + 1, ...): for tau >= 1 also -dC/dh(tau).
    """
    x = np.tanh(a)
    slope = 1 - x**2
    delta = np.empty_like(a)
    delta[-1] = slope[-1] * (target - x[-1])
    for tau in range(len(a) - 2, -1, -1):
        delta[tau] = slope[tau] * w * delta[tau + 1]
    return delta


def gradient_terms(a: Array, delta: Array) -> Array:
    """Return each step's share of -dC/dw (`eq-gradient-split`).

    Term tau is -dC/da(tau) times the *immediate* partial of a(tau) by the copy of w used at tau,
    which is x(tau-1) = tanh(a(tau-1)); all that w did earlier counts in earlier terms.

    Parameters
    ----------
    a, delta
        From `run_latch` and `latch_delta`, shape (T + 1, ...).

    Returns
    -------
    terms
        Shape (T + 1, ...), row 0 zero; the sum over rows is -dC/dw.
    """
    terms = np.zeros_like(a)
    terms[1:] = delta[1:] * np.tanh(a[:-1])
    return terms


def latch_descent(
    task: LatchTask,
    rng: np.random.Generator,
    w: Array | float,
    noise: Array | float,
    *,
    n_runs: int,
    train_w: bool,
) -> Iterator[Epoch]:
    """Train many latches side by side by gradient descent, epoch by epoch.

    Parameters
    ----------
    w
        Self-weights at the start, broadcast to shape (runs,).
    noise
        Standard deviations of the inputs after step L, broadcast to shape (runs,).
    n_runs
        How many; each has its own start and its own noise.
    train_w
        Whether the self-weight learns too, or the written inputs alone.

    Yields
    ------
    epoch
        The state before the first update, then after each: ``n_epochs + 1`` of them.

    Raises
    ------
    ValueError
        If `w` or `noise` does not broadcast to (runs,), or a standard deviation is negative.
    """
    runs = as_count("n_runs", n_runs, at_least=1)
    weight = as_array("w", np.broadcast_to(np.asarray(w, dtype=np.float64), (runs,)), (runs,))
    sd = as_array("noise", np.broadcast_to(np.asarray(noise, dtype=np.float64), (runs,)), (runs,))
    if (sd < 0).any():
        raise ValueError(f"noise is {sd.min():g} somewhere; it must be at least 0")
    L, shape = task.n_written, (task.n_steps, runs, 2, task.n_sequences)
    weight, sd = weight[:, None, None], sd[:, None, None]
    written = rng.uniform(-task.start, task.start, (L, runs, 2, 1))
    fixed = sd * rng.standard_normal((shape[0] - L, *shape[1:]))
    d = task.target * CLASSES[:, None]
    for _ in range(task.n_epochs + 1):
        if task.fresh_noise:
            fixed = sd * rng.standard_normal(fixed.shape)
        h = np.concatenate([np.broadcast_to(written, (L, *shape[1:])), fixed])
        a = run_latch(weight, h)
        delta = latch_delta(weight, a, d)
        yield Epoch(weight[:, 0, 0], h, a, delta)
        written = written + task.learning_rate * delta[1 : L + 1].sum(axis=3, keepdims=True)
        if train_w:
            by_w = gradient_terms(a, delta).sum(axis=(0, 2, 3))
            weight = weight + task.learning_rate * by_w[:, None, None]


def train_latch(
    task: LatchTask,
    rng: np.random.Generator,
    w: Array | float,
    noise: Array | float,
    *,
    n_runs: int,
    train_w: bool,
) -> LatchRuns:
    """Train many latches side by side and return how they end; arguments as `latch_descent`."""
    for epoch in latch_descent(task, rng, w, noise, n_runs=n_runs, train_w=train_w):
        last = epoch
    written = last.h[: task.n_written, ..., 0]
    return LatchRuns(last.w, written, np.tanh(last.a[-1]), task.target)


def converged_runs(
    task: LatchTask, *, w: float, noise: float, n_runs: int, seed: int, train_w: bool = False
) -> int:
    """Count the runs, out of `n_runs`, that end with every output's sign right."""
    rng = np.random.default_rng(as_count("seed", seed))
    runs = train_latch(task, rng, w, noise, n_runs=n_runs, train_w=train_w)
    return int(runs.converged().sum())


def wilson_interval(successes: int, trials: int, z: float = 1.96) -> tuple[float, float]:
    """Return Wilson's interval for a rate seen in `trials` independent trials (95 % for 1.96)."""
    n = as_count("trials", trials, at_least=1)
    p = as_count("successes", successes, at_most=n) / n
    middle = (p + z**2 / (2 * n)) / (1 + z**2 / n)
    reach = z * np.sqrt(p * (1 - p) / n + z**2 / (4 * n**2)) / (1 + z**2 / n)
    # at the ends the formula gives 0 and 1 but for rounding
    low = 0.0 if successes == 0 else float(middle - reach)
    return low, 1.0 if successes == n else float(middle + reach)


def bits_lost(
    rng: np.random.Generator, w: float, a_start: float, noise: float, n_steps: int, n_runs: int
) -> Array:
    """Return the share of latches whose sign has changed by each step, shape (T + 1,).

    Parameters
    ----------
    a_start
        Net input they all start from.
    noise
        Standard deviation of the input at every step.
    """
    sd = as_number("noise", noise, at_least=0)
    a = np.full(as_count("n_runs", n_runs, at_least=1), as_number("a_start", a_start, above=0))
    lost = np.zeros(as_count("n_steps", n_steps, at_least=1) + 1)
    for t in range(1, len(lost)):
        a = w * np.tanh(a) + sd * rng.standard_normal(a.shape)
        lost[t] = (a < 0).mean()
    return lost
