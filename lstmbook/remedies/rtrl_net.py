"""Nets trained by real-time recurrent learning: the comparison of TR's Tables 1 and 3.

The gradient is carried forwards in time (`eq-rtrl`), so weights can change at every step and
nothing of the past is kept. Robinson and Fallside 1987; Williams and Zipser 1989; for the Reber
grammar Smith and Zipser 1989.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from lstmbook.protocols import Task
from lstmbook.remedies.layered_net import (
    UPDATES,
    LayeredNet,
    Moment,
    arriving,
    as_weights,
    error_at,
    fits,
    initial_weights,
    matrices,
    net_for,
    outputs_of,
    run,
    start,
    step,
)
from lstmbook.sequences import Sequence, as_choice
from lstmbook.squashing import squashing
from lstmbook.validation import Array, as_number, as_switch


def no_partials(net: LayeredNet) -> Array:
    """Return the partial derivatives before the first step: zeros.

    Returns
    -------
    p
        ``p[k, i, j]``, the derivative of activation k with respect to the weight into recurrent
        unit i from source j, shape (n_units, n_units, columns of W_h).
    """
    return np.zeros((net.n_units, *net.shapes[0]))


def advance(net: LayeredNet, W_h: Array, now: Moment, p: Array) -> Array:
    """Carry the partial derivatives of the recurrent activations one step on: `eq-rtrl`."""
    back = W_h[:, net.n_inputs : net.n_inputs + net.n_units]
    p = np.tensordot(back, p, axes=1)
    own = np.arange(net.n_units)
    p[own, own] += now.source
    p *= squashing(net.f).slope(now.net_h)[:, None, None]
    return p


def step_gradient(
    net: LayeredNet, W_k: Array, now: Moment, e: Array, p: Array
) -> tuple[Array, Array]:
    """Return what the errors of one step contribute to the gradients of W_h and W_k.

    Parameters
    ----------
    e
        Errors d - y of the outputs, shape (n_outputs,).
    p
        Partial derivatives at this step, already advanced.
    """
    delta_k, into_h = arriving(net, W_k, now, e)
    return np.tensordot(into_h, p, axes=1), np.outer(delta_k, now.source_k)


def rtrl_gradient(net: LayeredNet, weights: Array, sequence: Sequence) -> Array:
    """Return -dE/dw of a sequence with its weights held fixed, shape (n_weights,)."""
    W_h, W_k = matrices(net, weights)
    total = np.zeros(net.n_weights)
    total_h, total_k = matrices(net, total)
    p = no_partials(net)
    for t, now in enumerate(run(net, weights, sequence)):
        p = advance(net, W_h, now, p)
        gradient_h, gradient_k = step_gradient(net, W_k, now, error_at(sequence, t, now.y_k), p)
        total_h += gradient_h
        total_k += gradient_k
    return total


@dataclass
class RTRLNet:
    """A net that learns by real-time recurrent learning.

    Attributes
    ----------
    net
        Units and connections.
    weights
        Initial weights, shape (n_weights,); the learner changes its own copy.
    learning_rate
        What the gradient is multiplied with (TR Table 1: 1.0, 4.0, 10.0).
    updates
        When weights change: "every step" with an error (the default: what makes the algorithm
        real-time; the partial derivatives are then those of weights that have since changed) or
        at "sequence end", all changes together. TR does not say.
    reset
        Whether activations and partial derivatives are zero before each sequence (TR).
    """

    net: LayeredNet
    weights: Array
    learning_rate: float = 1.0
    updates: str = "every step"
    reset: bool = True
    y: Array = field(init=False, repr=False)
    p: Array = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.weights = as_weights(self.net, self.weights)
        self.learning_rate = as_number("learning_rate", self.learning_rate, above=0)
        as_choice("updates", self.updates, UPDATES)
        self.reset = as_switch("reset", self.reset)
        self.y, self.p = start(self.net), no_partials(self.net)

    def learn(self, sequence: Sequence) -> Array:
        """Present a sequence, change the weights, return the outputs, shape (T, n_outputs)."""
        net = self.net
        fits(net, sequence)
        y, p = (start(net), no_partials(net)) if self.reset else (self.y, self.p)
        W_h, W_k = matrices(net, self.weights)
        change = np.zeros(net.n_weights)
        change_h, change_k = matrices(net, change)
        outputs = np.empty((len(sequence), net.n_outputs))
        for t, x in enumerate(sequence.x):
            now = step(net, W_h, W_k, y, x)
            p = advance(net, W_h, now, p)
            y, outputs[t] = now.y_h, now.y_k
            if not sequence.mask[t]:
                continue
            gradient_h, gradient_k = step_gradient(net, W_k, now, sequence.targets[t] - now.y_k, p)
            if self.updates == "every step":
                W_h += self.learning_rate * gradient_h
                W_k += self.learning_rate * gradient_k
            else:
                change_h += gradient_h
                change_k += gradient_k
        if self.updates == "sequence end":
            self.weights += self.learning_rate * change
        self.y, self.p = y, p
        return outputs

    def predict(self, sequence: Sequence) -> Array:
        """Return the outputs for a sequence, shape (T, n_outputs), and change nothing."""
        return outputs_of(run(self.net, self.weights, sequence, None if self.reset else self.y))


def rtrl_net(
    task: Task,
    rng: np.random.Generator,
    *,
    hidden: int = 1,
    learning_rate: float = 1.0,
    recurrent: str = "hidden",
    shortcuts: bool = True,
    hidden_biases: bool = False,
    output_biases: bool = False,
    scale: float = 0.2,
    updates: str = "every step",
    reset: bool = True,
) -> RTRLNet:
    """Return a fresh net for a task: by default that of TR's Table 1.

    For Smith and Zipser's nets of Table 3 give ``recurrent="all"`` and 3 or 12 `hidden` units;
    without biases they have the weights that NC counts, 170 and 494.

    Parameters
    ----------
    rng
        Draws the weights, uniform in [-scale, scale].
    hidden, recurrent, shortcuts, hidden_biases, output_biases
        As in `lstmbook.remedies.layered_net.LayeredNet`.
    learning_rate, updates, reset
        As in `RTRLNet`.
    """
    net = net_for(
        task,
        hidden=hidden,
        recurrent=recurrent,
        shortcuts=shortcuts,
        hidden_biases=hidden_biases,
        output_biases=output_biases,
    )
    return RTRLNet(net, initial_weights(net, rng, scale), learning_rate, updates, reset)
