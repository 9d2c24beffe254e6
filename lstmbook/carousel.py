"""The constant error carousel: one linear unit, why its error is constant, and its conflicts.

The naive approach of TR section 2 and NC section 3: a unit j with a self-connection, its error
flow, and the two conflicts that arise once it is connected to other units.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lstmbook.validation import Array, as_array, as_number


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
