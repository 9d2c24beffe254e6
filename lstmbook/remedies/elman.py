"""The Elman net: context units copy the hidden layer, and no error goes back into the copy.

Cleeremans et al. 1989, the comparison "ELM" of TR's Table 3. The gradient is cut after one step:
what was copied counts as a constant input.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from lstmbook.protocols import Task
from lstmbook.remedies.layered_net import (
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
from lstmbook.sequences import Sequence
from lstmbook.squashing import squashing
from lstmbook.validation import Array, as_number, as_switch


def step_gradient(net: LayeredNet, W_k: Array, now: Moment, e: Array) -> tuple[Array, Array]:
    """Return the gradients of W_h and W_k for one step, its context held constant.

    Parameters
    ----------
    e
        Errors d - y of the outputs, shape (n_outputs,).
    """
    delta_k, into_h = arriving(net, W_k, now, e)
    delta_h = squashing(net.f).slope(now.net_h) * into_h
    return np.outer(delta_h, now.source), np.outer(delta_k, now.source_k)


def elman_gradient(net: LayeredNet, weights: Array, sequence: Sequence) -> Array:
    """Return the sum of all steps' one-step gradients, weights held fixed, shape (n_weights,)."""
    _, W_k = matrices(net, weights)
    total = np.zeros(net.n_weights)
    total_h, total_k = matrices(net, total)
    for t, now in enumerate(run(net, weights, sequence)):
        gradient_h, gradient_k = step_gradient(net, W_k, now, error_at(sequence, t, now.y_k))
        total_h += gradient_h
        total_k += gradient_k
    return total


@dataclass
class ElmanNet:
    """A net that learns by back-propagation of one step.

    Attributes
    ----------
    net
        Units and connections.
    weights
        Initial weights, shape (n_weights,); the learner changes its own copy.
    learning_rate
        What the gradient is multiplied with. TR prints none for this net.
    momentum
        The share of the last change that is made again; 0 unless set.
    reset
        Whether the context is zero before each sequence (TR).
    """

    net: LayeredNet
    weights: Array
    learning_rate: float = 0.1
    momentum: float = 0.0
    reset: bool = True
    y: Array = field(init=False, repr=False)
    change: Array = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.weights = as_weights(self.net, self.weights)
        self.learning_rate = as_number("learning_rate", self.learning_rate, above=0)
        self.momentum = as_number("momentum", self.momentum, at_least=0, below=1)
        self.reset = as_switch("reset", self.reset)
        self.y, self.change = start(self.net), np.zeros(self.net.n_weights)

    def learn(self, sequence: Sequence) -> Array:
        """Present a sequence, change the weights, return the outputs, shape (T, n_outputs)."""
        net = self.net
        fits(net, sequence)
        W_h, W_k = matrices(net, self.weights)
        change_h, change_k = matrices(net, self.change)
        y = start(net) if self.reset else self.y
        outputs = np.empty((len(sequence), net.n_outputs))
        for t, x in enumerate(sequence.x):
            now = step(net, W_h, W_k, y, x)
            y, outputs[t] = now.y_h, now.y_k
            if sequence.mask[t]:
                gradient_h, gradient_k = step_gradient(net, W_k, now, sequence.targets[t] - now.y_k)
                self.change *= self.momentum
                change_h += self.learning_rate * gradient_h
                change_k += self.learning_rate * gradient_k
                self.weights += self.change
        self.y = y
        return outputs

    def predict(self, sequence: Sequence) -> Array:
        """Return the outputs for a sequence, shape (T, n_outputs), and change nothing."""
        return outputs_of(run(self.net, self.weights, sequence, None if self.reset else self.y))


def elman_net(
    task: Task,
    rng: np.random.Generator,
    *,
    hidden: int = 15,
    learning_rate: float = 0.1,
    shortcuts: bool = False,
    hidden_biases: bool = False,
    output_biases: bool = False,
    scale: float = 0.2,
    momentum: float = 0.0,
    reset: bool = True,
) -> ElmanNet:
    """Return a fresh net for a task: by default with Table 3's 15 hidden units.

    Without shortcuts and biases it has the 435 weights that NC counts.

    Parameters
    ----------
    rng
        Draws the weights, uniform in [-scale, scale].
    hidden, shortcuts, hidden_biases, output_biases
        As in `lstmbook.remedies.layered_net.LayeredNet`.
    learning_rate, momentum, reset
        As in `ElmanNet`.
    """
    net = net_for(
        task,
        hidden=hidden,
        shortcuts=shortcuts,
        hidden_biases=hidden_biases,
        output_biases=output_biases,
    )
    return ElmanNet(net, initial_weights(net, rng, scale), learning_rate, momentum, reset)
