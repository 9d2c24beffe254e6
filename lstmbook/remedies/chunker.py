"""The neural sequence chunker of two nets (Schmidhuber 1992): learning by compressing history.

The automatizer A sees every input and learns to predict the next. Only what it fails to predict
is passed on to the chunker C, which learns to predict the next unpredicted input: its lags are
short where the sequence is regular. A also learns to predict C's state, so that it must itself
come to represent what C remembers. TR, Tables 1 and 1b ("CH"); the thesis of 1991 has its
hyperparameters.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from lstmbook.protocols import Task
from lstmbook.remedies.bptt_net import newest_error_gradient
from lstmbook.remedies.layered_net import (
    LayeredNet,
    Moment,
    as_weights,
    error_at,
    initial_weights,
    matrices,
    outputs_of,
    run_inputs,
    start,
    step,
)
from lstmbook.sequences import Sequence, as_choice
from lstmbook.validation import Array, as_count, as_number, as_switch

IMITATED = ("hidden", "hidden and outputs")


@dataclass
class OnlineNet:
    """A net at work: it steps, keeps its last steps, and learns from an error at the newest.

    Attributes
    ----------
    net
        Units and connections.
    weights
        Shape (n_weights,), changed in place.
    learning_rate
        What the gradient is multiplied with.
    depth
        How many steps an error is carried back.
    moments
        The last `depth` + 1 steps.
    """

    net: LayeredNet
    weights: Array
    learning_rate: float
    depth: int
    moments: list[Moment] = field(init=False, default_factory=list, repr=False)

    def step(self, x: Array) -> Moment:
        """Take one step with an input, shape (n_inputs,)."""
        W_h, W_k = matrices(self.net, self.weights)
        y = self.moments[-1].y_h if self.moments else start(self.net)
        self.moments = [*self.moments, step(self.net, W_h, W_k, y, x)][-1 - self.depth :]
        return self.moments[-1]

    def learn(self, e: Array) -> None:
        """Change the weights for errors d - y of the newest outputs, shape (n_outputs,)."""
        W_h, W_k = matrices(self.net, self.weights)
        gradient_h, gradient_k = newest_error_gradient(self.net, W_h, W_k, self.moments, e)
        W_h += self.learning_rate * gradient_h
        W_k += self.learning_rate * gradient_k


@dataclass
class Chunker:
    """Two nets: the automatizer, whose predictions are judged, and the chunker.

    Attributes
    ----------
    automatizer
        Its first outputs predict the next input, the others the chunker's state.
    chunker
        Its outputs predict the next input that the automatizer does not.
    threshold
        An input was unpredicted if the automatizer's error in any of its elements was at least
        this. Not printed for these runs; elsewhere the thesis has 0.1 and 0.15.
    imitated
        What of the chunker's state the automatizer predicts: "hidden" (TR: one additional
        output for the one hidden unit) or "hidden and outputs" (the thesis, and CH).
    reset
        Whether all activations are zero before each sequence. The thesis has no sequence
        boundaries (the default), TR says nothing of them here. It matters: with a delay of 8
        and TR's nets, six of six trials succeeded without, and none with.
    passed
        How many inputs the chunker has been given.
    """

    automatizer: OnlineNet
    chunker: OnlineNet
    threshold: float = 0.15
    imitated: str = "hidden"
    reset: bool = False
    passed: int = field(init=False, default=0)

    def __post_init__(self) -> None:
        self.threshold = as_number("threshold", self.threshold, above=0)
        as_choice("imitated", self.imitated, IMITATED)
        self.reset = as_switch("reset", self.reset)
        a, c = self.automatizer.net, self.chunker.net
        state = c.hidden + (c.n_outputs if self.imitated == "hidden and outputs" else 0)
        if c.n_inputs != a.n_inputs or c.n_outputs != c.n_inputs:
            raise ValueError(
                f"chunker has {c.n_inputs} inputs and {c.n_outputs} outputs; "
                f"it must have the automatizer's {a.n_inputs} of each"
            )
        if a.n_outputs != a.n_inputs + state:
            raise ValueError(
                f"automatizer has {a.n_outputs} outputs; it must have {a.n_inputs} for the next "
                f"input and {state} for the chunker's state"
            )

    def learn(self, sequence: Sequence) -> Array:
        """Present a sequence, change both nets' weights, return the automatizer's predictions.

        Returns
        -------
        outputs
            Shape (T, n_inputs).
        """
        n = self._fits(sequence)
        if self.reset:
            self.automatizer.moments, self.chunker.moments = [], []
        outputs = np.empty((len(sequence), n))
        x = sequence.x
        for t in range(len(x)):
            # nothing has predicted the first input of a sequence
            if t == 0 or self._surprised(x[t], outputs[t - 1]):
                self._pass_on(x[t])
            now = self.automatizer.step(x[t])
            outputs[t] = now.y_k[:n]
            about_state = self._state() - now.y_k[n:]
            self.automatizer.learn(np.concatenate([error_at(sequence, t, outputs[t]), about_state]))
        last = sequence.targets[-1]
        if np.isfinite(last).all() and self._surprised(last, outputs[-1]):
            self._pass_on(last)
        return outputs

    def _surprised(self, x: Array, predicted: Array) -> bool:
        return bool(np.abs(x - predicted).max() >= self.threshold)

    def _pass_on(self, x: Array) -> None:
        """Train the chunker to predict this input, then let it see it."""
        if self.chunker.moments:
            self.chunker.learn(x - self.chunker.moments[-1].y_k)
        self.chunker.step(x)
        self.passed += 1

    def _state(self) -> Array:
        """Return what the automatizer has to predict of the chunker."""
        now = self.chunker.moments[-1]
        return now.y_h if self.imitated == "hidden" else np.concatenate([now.y_h, now.y_k])

    def _fits(self, sequence: Sequence) -> int:
        """Return the number of inputs, if inputs and targets of a sequence have it."""
        n = self.automatizer.net.n_inputs
        if sequence.n_inputs != n or sequence.n_outputs != n:
            raise ValueError(
                f"sequence has {sequence.n_inputs} n_inputs and {sequence.n_outputs} n_outputs; "
                f"a chunker predicts its next input: both must be {n}"
            )
        return n

    def predict(self, sequence: Sequence) -> Array:
        """Return the predictions for a sequence, shape (T, n_inputs), and change nothing."""
        n = self._fits(sequence)
        moments = self.automatizer.moments
        before = None if self.reset or not moments else moments[-1].y_h
        found = run_inputs(self.automatizer.net, self.automatizer.weights, sequence.x, before)
        return outputs_of(found)[:, :n]


def chunker(
    task: Task,
    rng: np.random.Generator,
    *,
    hidden: int = 1,
    learning_rate: float = 1.0,
    shortcuts: bool = True,
    hidden_biases: bool = False,
    output_biases: bool = False,
    scale: float = 0.2,
    depth: int = 3,
    threshold: float = 0.15,
    imitated: str = "hidden",
    reset: bool = False,
) -> Chunker:
    """Return two fresh nets for a task in which the next input is to be predicted.

    By default those of TR's Table 1: both as the RTRL net there, the automatizer with an
    additional output for the chunker's hidden unit (NC counts its 10 506 weights for p = 100).
    The thesis has biases in both nets and "hidden and outputs".

    Parameters
    ----------
    rng
        Draws the weights of the automatizer, then of the chunker, uniform in [-scale, scale].
    hidden, shortcuts, hidden_biases, output_biases
        Of both nets, as in `lstmbook.remedies.layered_net.LayeredNet`.
    learning_rate
        Of both nets (TR and the thesis: 1.0).
    depth
        How many steps an error is carried back (the thesis: 3).
    threshold, imitated, reset
        As in `Chunker`.
    """
    learning_rate = as_number("learning_rate", learning_rate, above=0)
    depth = as_count("depth", depth)
    as_choice("imitated", imitated, IMITATED)
    n = task.n_inputs
    if task.n_outputs != n:
        raise ValueError(
            f"task has {n} inputs and {task.n_outputs} outputs; a chunker predicts its next input"
        )
    extra = hidden + (n if imitated == "hidden and outputs" else 0)
    nets = []
    for n_outputs in (n + extra, n):
        net = LayeredNet(
            n_inputs=n,
            n_outputs=n_outputs,
            hidden=hidden,
            shortcuts=shortcuts,
            hidden_biases=hidden_biases,
            output_biases=output_biases,
        )
        weights = as_weights(net, initial_weights(net, rng, scale))
        nets.append(OnlineNet(net, weights, learning_rate, depth))
    return Chunker(nets[0], nets[1], threshold, imitated, reset)
