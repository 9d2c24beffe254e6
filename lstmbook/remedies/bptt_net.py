"""Nets trained by back-propagation through time: the comparison of NC's Table 2.

The same nets as in `rtrl_net`; over a whole sequence with its weights held fixed the gradient is
the same, too. `eq-error-signal`, `eq-backprop`, `eq-weight-update`.
"""

from __future__ import annotations

from collections.abc import Sequence as PythonSequence
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
from lstmbook.validation import Array, as_count, as_number, as_switch


def bptt_gradient(net: LayeredNet, weights: Array, sequence: Sequence) -> Array:
    """Return -dE/dw of a sequence with its weights held fixed, shape (n_weights,)."""
    moments = run(net, weights, sequence)
    return gradient_of(net, weights, sequence, moments)


def gradient_of(
    net: LayeredNet, weights: Array, sequence: Sequence, moments: list[Moment]
) -> Array:
    """Carry a sequence's errors back through all of its steps; return -dE/dw."""
    W_h, W_k = matrices(net, weights)
    total = np.zeros(net.n_weights)
    total_h, total_k = matrices(net, total)
    slope = squashing(net.f).slope
    back = np.zeros(net.n_units)
    for t in range(len(moments) - 1, -1, -1):
        now = moments[t]
        delta_k, into_h = arriving(net, W_k, now, error_at(sequence, t, now.y_k))
        delta_h = slope(now.net_h) * (into_h + back)
        back = feedback(net, W_h).T @ delta_h
        total_h += np.outer(delta_h, now.source)
        total_k += np.outer(delta_k, now.source_k)
    return total


def feedback(net: LayeredNet, W_h: Array) -> Array:
    """Return the weights from the recurrent layer to itself, shape (n_units, n_units)."""
    return W_h[:, net.n_inputs : net.n_inputs + net.n_units]


def newest_error_gradient(
    net: LayeredNet, W_h: Array, W_k: Array, moments: PythonSequence[Moment], e: Array
) -> tuple[Array, Array]:
    """Return the gradients of W_h and W_k for the errors of the newest step alone.

    The errors go back through all the steps given: real-time back-propagation, truncated to
    the depth at which the caller has cut `moments`.

    Parameters
    ----------
    moments
        Steps in the order of time; the newest is the last.
    e
        Errors d - y at the newest step, shape (n_outputs,).
    """
    delta_k, into_h = arriving(net, W_k, moments[-1], e)
    slope, back = squashing(net.f).slope, feedback(net, W_h).T
    gradient_h = np.zeros_like(W_h)
    for now in reversed(moments):
        delta_h = slope(now.net_h) * into_h
        gradient_h += np.outer(delta_h, now.source)
        into_h = back @ delta_h
    return gradient_h, np.outer(delta_k, moments[-1].source_k)


@dataclass
class BPTTNet:
    """A net that learns by back-propagation through time.

    Attributes
    ----------
    net
        Units and connections.
    weights
        Initial weights, shape (n_weights,); the learner changes its own copy.
    learning_rate
        What the gradient is multiplied with (NC Table 2: 1.0 to 10.0).
    updates
        When weights change: at "sequence end" (the default) or at "every step" with an error,
        which is then carried back through the steps before it.
    depth
        With updates at every step, how many steps an error is carried back at most (the thesis
        of 1991: p + 1); to the beginning if None.
    reset
        Whether activations are zero before each sequence (TR); if not, errors still do not
        cross its beginning.
    """

    net: LayeredNet
    weights: Array
    learning_rate: float = 1.0
    updates: str = "sequence end"
    depth: int | None = None
    reset: bool = True
    y: Array = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.weights = as_weights(self.net, self.weights)
        self.learning_rate = as_number("learning_rate", self.learning_rate, above=0)
        as_choice("updates", self.updates, UPDATES)
        self.reset = as_switch("reset", self.reset)
        if self.depth is not None:
            as_count("depth", self.depth)
            if self.updates == "sequence end":
                raise ValueError(
                    f"depth is {self.depth} with updates 'sequence end'; it must be None"
                )
        self.y = start(self.net)

    def learn(self, sequence: Sequence) -> Array:
        """Present a sequence, change the weights, return the outputs, shape (T, n_outputs)."""
        if self.updates == "every step":
            return self._learn_at_every_step(sequence)
        moments = run(self.net, self.weights, sequence, self._before())
        gradient = gradient_of(self.net, self.weights, sequence, moments)
        self.weights += self.learning_rate * gradient
        self.y = moments[-1].y_h
        return outputs_of(moments)

    def _learn_at_every_step(self, sequence: Sequence) -> Array:
        net = self.net
        fits(net, sequence)
        W_h, W_k = matrices(net, self.weights)
        y = start(net) if self.reset else self.y
        moments: list[Moment] = []
        for t, x in enumerate(sequence.x):
            moments.append(step(net, W_h, W_k, y, x))
            y = moments[-1].y_h
            if sequence.mask[t]:
                e = sequence.targets[t] - moments[-1].y_k
                reached = moments if self.depth is None else moments[-1 - self.depth :]
                gradient_h, gradient_k = newest_error_gradient(net, W_h, W_k, reached, e)
                W_h += self.learning_rate * gradient_h
                W_k += self.learning_rate * gradient_k
        self.y = y
        return outputs_of(moments)

    def _before(self) -> Array | None:
        return None if self.reset else self.y

    def predict(self, sequence: Sequence) -> Array:
        """Return the outputs for a sequence, shape (T, n_outputs), and change nothing."""
        return outputs_of(run(self.net, self.weights, sequence, self._before()))


def bptt_net(
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
    updates: str = "sequence end",
    depth: int | None = None,
    reset: bool = True,
) -> BPTTNet:
    """Return a fresh net for a task: by default that of NC's Table 2, which is TR's RTRL net.

    Parameters
    ----------
    rng
        Draws the weights, uniform in [-scale, scale].
    hidden, recurrent, shortcuts, hidden_biases, output_biases
        As in `lstmbook.remedies.layered_net.LayeredNet`.
    learning_rate, updates, depth, reset
        As in `BPTTNet`.
    """
    net = net_for(
        task,
        hidden=hidden,
        recurrent=recurrent,
        shortcuts=shortcuts,
        hidden_biases=hidden_biases,
        output_biases=output_biases,
    )
    return BPTTNet(net, initial_weights(net, rng, scale), learning_rate, updates, depth, reset)
