"""The constant error carousel: one linear unit, why its error is constant, and its conflicts.

The naive approach of TR section 2 and NC section 3: a unit j with a self-connection, its error
flow, and the two conflicts that arise once it is connected to other units.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lstmbook.sequences import Sequence, as_choice
from lstmbook.squashing import Squashing, squashing
from lstmbook.validation import Array, as_array, as_count, as_number

GATES = ("none", "input gate", "output gate", "both gates")


def self_flow(slope: Array, w: float) -> Array:
    """Return by what a unit's error is scaled on its way back through its self-connection.

    `eq-constant-flow`: delta(t) = f'(net(t)) w delta(t+1), so over q steps the error is scaled
    by the product of q factors f'(net) w: constant if and only if each is 1.0.

    Parameters
    ----------
    slope
        f'(net) at the steps the error passes, latest first, shape (q,).
    w
        The self-weight.

    Returns
    -------
    flow
        The scaling after 0, 1, .. q steps, shape (q + 1,).
    """
    slope = as_array("slope", slope, (None,))
    w = as_number("w", w)
    return np.concatenate([[1.0], np.cumprod(slope * w)])


def carousel(x: Array, start: float = 0.0) -> Array:
    """Return the activation of the carousel: f the identity, self-weight 1.0.

    Parameters
    ----------
    x
        What its input connections bring at steps 1 .. T, shape (T,).
    start
        The activation at step 0.

    Returns
    -------
    y
        Shape (T + 1,): y(t) = y(t-1) + x(t). Where nothing arrives, nothing changes.
    """
    x = as_array("x", x, (None,))
    y = np.empty(len(x) + 1)
    y[0] = as_number("start", start)
    for t in range(1, len(x) + 1):
        y[t] = y[t - 1] + x[t - 1]
    return y


@dataclass(frozen=True)
class Alone:
    """A unit left alone with its self-connection.

    Attributes
    ----------
    y
        Its activation at steps 0 .. T, shape (T + 1,).
    flow
        d y(T) / d y(T - q) for q = 0 .. T: what is left of an error q steps before, shape (T + 1,).
    """

    y: Array
    flow: Array


def alone(w: float, start: float, T: int, f: Squashing | str = "identity") -> Alone:
    """Run one unit without input, y(t) = f(w y(t-1)), and an error back through it.

    Parameters
    ----------
    w
        The self-weight.
    start
        The activation at step 0.
    T
        How many steps.
    f
        The squashing function, or its name.
    """
    w, T, f = as_number("w", w), as_count("T", T, at_least=1), squashing(f)
    net, y = np.empty(T), np.empty(T + 1)
    y[0] = as_number("start", start)
    for t in range(1, T + 1):
        net[t - 1] = w * y[t - 1]
        y[t] = f(net[t - 1])
    return Alone(y=y, flow=self_flow(f.slope(net[::-1]), w))


def tolerance(q: int, factor: float = 2.0) -> tuple[float, float]:
    """Return the least and the largest w > 0 with w^q between 1 / factor and factor.

    `eq-departure`: w^q = exp(q ln w), so that both ends approach 1 -+ ln(factor) / q.

    Parameters
    ----------
    q
        The number of steps.
    factor
        How much an error may shrink or grow, above 1.
    """
    q, factor = as_count("q", q, at_least=1), as_number("factor", factor, above=1)
    end = float(np.log(factor) / q)
    return float(np.exp(-end)), float(np.exp(end))


@dataclass(frozen=True)
class Conflict:
    """What the errors of one sequence want of one weight w, where the output is w times z(t).

    Attributes
    ----------
    w
        The weight.
    z
        What the weight is multiplied with at steps 1 .. T, shape (T,).
    e
        Errors d - w z, shape (T,).
    signal
        The updates they ask for, e z, shape (T,): opposing signs are the conflict.
    """

    w: float
    z: Array
    e: Array
    signal: Array

    @property
    def cancelled(self) -> float:
        """The share of the signals that cancels: 0 if all agree, 1 if nothing is left."""
        total = np.abs(self.signal).sum()
        return float(1.0 - abs(self.signal.sum()) / total) if total > 0 else 0.0

    @property
    def best_weight(self) -> float:
        """The weight with the least loss: the compromise between the opposing signals."""
        square = float(self.z @ self.z)
        return float((self.e + self.w * self.z) @ self.z) / square if square > 0 else 0.0

    @property
    def least_loss(self) -> float:
        """Half the squared error that the best weight leaves."""
        residual = self.e + (self.w - self.best_weight) * self.z
        return float(0.5 * residual @ residual)


def _conflict(w: float, z: Array, target: Array) -> Conflict:
    e = target - w * z
    return Conflict(w=w, z=z, e=e, signal=e * z)


def input_weight_conflict(w: float, x: Array, target: Array, y_in: Array | None = None) -> Conflict:
    """Return what a carousel's errors ask of one input weight: store, and protect.

    The unit's activation is y(t) = y(t-1) + y_in(t) w x(t), and y(t) should be d(t). Without an
    input gate the same weight has to let the first input in and keep later ones out.

    Parameters
    ----------
    w
        The weight from the input line to the unit.
    x
        The input line at steps 1 .. T, shape (T,).
    target
        d(t), shape (T,).
    y_in
        Activation of an input gate, shape (T,); none (always 1) if not given.
    """
    x = as_array("x", x, (None,))
    target = as_array("target", target, x.shape)
    gate = np.ones_like(x) if y_in is None else as_array("y_in", y_in, x.shape)
    return _conflict(as_number("w", w), carousel(gate * x)[1:], target)


def output_weight_conflict(
    w: float, y: Array, target: Array, y_out: Array | None = None
) -> Conflict:
    """Return what a linear output unit's errors ask of the weight from a carousel: read, and rest.

    The output is w y_out(t) y(t) and should be d(t). Without an output gate the same weight has
    to hand the stored value on at one time and keep it from disturbing at all others.

    Parameters
    ----------
    w
        The weight from the carousel to the output unit.
    y
        The carousel's activation at steps 1 .. T, shape (T,).
    target
        d(t), shape (T,).
    y_out
        Activation of an output gate, shape (T,); none (always 1) if not given.
    """
    y = as_array("y", y, (None,))
    target = as_array("target", target, y.shape)
    gate = np.ones_like(y) if y_out is None else as_array("y_out", y_out, y.shape)
    return _conflict(as_number("w", w), gate * y, target)


def let_through(T: int, gates: str = "none", later: float = 1.0) -> float:
    """Return P of `eq-compromise`: how much the errand's output weight multiplies, in the mean.

    The errand: x(1) is +-1 and has to come out at step T; x(2) .. x(T) are +-later, of random
    signs, and mean nothing; at steps 1 .. T - 1 the output has to be 0. With z(t) the sum of the
    inputs let in, and y_out(t) the output gate, P is the mean of the sum of (y_out(t) z(t))^2.

    Parameters
    ----------
    T
        The length of the errand.
    gates
        Which gates do their work, one of `GATES`. An input gate lets in x(1) only, an output gate
        lets out y(T) only.
    later
        The size of the later inputs.
    """
    y_in, y_out = _gates(as_count("T", T, at_least=1), gates)
    later = as_number("later", later, at_least=0)
    size = np.where(np.arange(T) == 0, 1.0, later)
    return float(np.sum(y_out * np.cumsum((y_in * size) ** 2)))


def errand_loss(w: Array | float, P: float) -> Array:
    """Return the errand's expected loss, 1/2 (1 - 2 w + P w^2): `eq-compromise`.

    Parameters
    ----------
    w
        The product of input weight and output weight, any shape.
    P
        What `let_through` returns.
    """
    w = np.asarray(w, dtype=np.float64)
    return 0.5 * (1.0 - 2.0 * w + as_number("P", P, above=0) * w**2)


def _gates(T: int, gates: str) -> tuple[Array, Array]:
    """Return the activations of an input gate and an output gate that serve the errand."""
    as_choice("gates", gates, GATES)
    y_in, y_out = np.ones(T), np.ones(T)
    if gates in ("input gate", "both gates"):
        y_in[1:] = 0.0
    if gates in ("output gate", "both gates"):
        y_out[:-1] = 0.0
    return y_in, y_out


@dataclass(frozen=True)
class Learning:
    """What became of the two weights while they were learned.

    Attributes
    ----------
    w_in, w_out
        Input weight and output weight before each sequence and at the end, shape (n + 1,).
    loss
        Half the squared error of each sequence, shape (n,).
    """

    w_in: Array
    w_out: Array
    loss: Array


def learn_errand(
    rng: np.random.Generator,
    T: int,
    *,
    n_sequences: int,
    learning_rate: float,
    gates: str = "none",
    later: float = 1.0,
) -> Learning:
    """Learn the errand of `let_through` by gradient descent on both weights of a carousel.

    Weights start uniform in [0.1, 0.9] and change after each sequence, along the exact gradient;
    gates do their work from the start and learn nothing.

    Parameters
    ----------
    rng
        Draws the weights and the sequences.
    T, gates, later
        As in `let_through`.
    n_sequences
        How many sequences are shown.
    learning_rate
        What the gradient is multiplied with.
    """
    y_in, y_out = _gates(as_count("T", T, at_least=1), gates)
    n = as_count("n_sequences", n_sequences, at_least=1)
    learning_rate = as_number("learning_rate", learning_rate, above=0)
    size = np.where(np.arange(T) == 0, 1.0, as_number("later", later, at_least=0))
    w_in, w_out, loss = np.empty(n + 1), np.empty(n + 1), np.empty(n)
    w_in[0], w_out[0] = rng.uniform(0.1, 0.9, 2)
    for i in range(n):
        x = size * rng.choice([-1.0, 1.0], T)
        z = np.cumsum(y_in * x)  # the carousel's activation is w_in z
        e = -w_out[i] * w_in[i] * y_out * z
        e[-1] += x[0]
        loss[i] = 0.5 * e @ e
        both = float(e @ (y_out * z))
        w_in[i + 1] = w_in[i] + learning_rate * w_out[i] * both
        w_out[i + 1] = w_out[i] + learning_rate * w_in[i] * both
    return Learning(w_in, w_out, loss)


def marked_errand(rng: np.random.Generator, T: int) -> Sequence:
    """Draw an errand that says when to store and when to read, but not what to do then.

    Inputs: the value x(t) = +-1 at every step; a marker that is 1 at the one step whose value
    counts, drawn from 1 .. T - 1; a marker that is 1 at step T. Target of the output: 1 or 0 at
    step T, by the sign of the value that counts; at all other steps 0.5, which is to say nothing.

    Parameters
    ----------
    rng
        Draws values and marker.
    T
        The length, 2 or more.
    """
    T = as_count("T", T, at_least=2)
    inputs, targets = np.zeros((T, 3)), np.full((T, 1), 0.5)
    inputs[:, 0] = rng.choice([-1.0, 1.0], T)
    counts = int(rng.integers(T - 1))
    inputs[counts, 1] = inputs[-1, 2] = 1.0
    targets[-1] += 0.5 * inputs[counts, 0]
    return Sequence(inputs, targets, np.ones(T, dtype=np.bool_), 3)
