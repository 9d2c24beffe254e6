"""The nets of the comparison learners: one recurrent layer, and outputs that are not recurrent.

Timing is that of the papers' experiments: at each step the hidden units read the current inputs
and their own activations of the step before, and the outputs read the current hidden units. In
the other kind of net (Williams and Zipser; Smith and Zipser) all units, outputs too, form one
layer that feeds itself. `delta` is -dE/dnet, so every gradient here is added.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lstmbook.protocols import Task
from lstmbook.sequences import Sequence, as_choice
from lstmbook.squashing import SQUASHINGS, squashing
from lstmbook.validation import Array, as_array, as_count, as_number, as_switch

RECURRENT = ("hidden", "all")
UPDATES = ("every step", "sequence end")


@dataclass(frozen=True)
class LayeredNet:
    """A net's units and connections; it holds no weights.

    The defaults are the nets of TR's experiment 1 as NC counts their weights, (p + 2)^2: one
    self-recurrent hidden unit, outputs that are not recurrent, "each layer has connections from
    all layers below", no biases.

    Attributes
    ----------
    n_inputs, n_outputs
        Input lines and output units.
    hidden
        Hidden units.
    recurrent
        Which units feed the recurrent layer, and are in it: "hidden" (all hidden units, each
        feeding all of them; the outputs are a layer above) or "all" (hidden and output units:
        a fully recurrent net, in which inputs and all units feed all units).
    shortcuts
        Whether inputs feed outputs directly; without meaning if `recurrent` is "all".
    hidden_biases, output_biases
        Which units are biased; if `recurrent` is "all", both must be the same.
    f
        Squashing function of all units (TR: logistic).
    """

    n_inputs: int
    n_outputs: int
    hidden: int = 1
    recurrent: str = "hidden"
    shortcuts: bool = True
    hidden_biases: bool = False
    output_biases: bool = False
    f: str = "logistic"

    def __post_init__(self) -> None:
        as_count("n_inputs", self.n_inputs, at_least=1)
        as_count("n_outputs", self.n_outputs, at_least=1)
        for name in ("shortcuts", "hidden_biases", "output_biases"):
            as_switch(name, getattr(self, name))
        as_choice("recurrent", self.recurrent, RECURRENT)
        as_choice("f", self.f, tuple(SQUASHINGS))
        as_count("hidden", self.hidden, at_least=1 if self.recurrent == "hidden" else 0)
        if self.recurrent == "all" and self.hidden_biases != self.output_biases:
            raise ValueError(
                f"hidden_biases is {self.hidden_biases} and output_biases {self.output_biases}; "
                "in a fully recurrent net both must be the same"
            )

    @property
    def n_units(self) -> int:
        """Units of the recurrent layer."""
        return self.hidden + (self.n_outputs if self.recurrent == "all" else 0)

    @property
    def shapes(self) -> tuple[tuple[int, int], tuple[int, int]]:
        """Shapes of the weights into the recurrent layer, W_h, and into the outputs, W_k.

        W_h has a column for each input, each recurrent unit, and the bias; W_k for each hidden
        unit, each input (with shortcuts), and the bias. If `recurrent` is "all", W_k is empty.
        """
        into_h = (self.n_units, self.n_inputs + self.n_units + self.hidden_biases)
        if self.recurrent == "all":
            return into_h, (0, 0)
        sources = self.hidden + self.shortcuts * self.n_inputs + self.output_biases
        return into_h, (self.n_outputs, sources)

    @property
    def n_weights(self) -> int:
        """The number of weights."""
        return sum(rows * columns for rows, columns in self.shapes)


def initial_weights(net: LayeredNet, rng: np.random.Generator, scale: float = 0.2) -> Array:
    """Draw all weights from [-scale, scale] (TR: 0.2), shape (n_weights,)."""
    scale = as_number("scale", scale, at_least=0)
    return rng.uniform(-scale, scale, net.n_weights)


def matrices(net: LayeredNet, weights: Array) -> tuple[Array, Array]:
    """Return W_h and W_k as views of a flat vector of weights, shape (n_weights,)."""
    into_h, into_k = net.shapes
    cut = into_h[0] * into_h[1]
    return weights[:cut].reshape(into_h), weights[cut:].reshape(into_k)


@dataclass(frozen=True)
class Moment:
    """What a net did at one step.

    Attributes
    ----------
    source
        What W_h reads: inputs, recurrent activations of the step before, bias.
    net_h, y_h
        Net inputs and activations of the recurrent layer, shape (n_units,).
    source_k
        What W_k reads: hidden activations, inputs (with shortcuts), bias.
    net_k
        Net inputs of the outputs; empty if `recurrent` is "all".
    y_k
        The outputs, shape (n_outputs,).
    """

    source: Array
    net_h: Array
    y_h: Array
    source_k: Array
    net_k: Array
    y_k: Array


def start(net: LayeredNet) -> Array:
    """Return the recurrent activations before the first step: zeros, shape (n_units,)."""
    return np.zeros(net.n_units)


def step(net: LayeredNet, W_h: Array, W_k: Array, y: Array, x: Array) -> Moment:
    """Take one step (`eq-forward`).

    Parameters
    ----------
    y
        Recurrent activations of the step before, shape (n_units,).
    x
        Inputs of this step, shape (n_inputs,).
    """
    f = squashing(net.f)
    one = np.ones(1)
    source = np.concatenate([x, y, one[: net.hidden_biases]])
    net_h = W_h @ source
    y_h = f(net_h)
    if net.recurrent == "all":
        none = np.zeros(0)
        return Moment(source, net_h, y_h, none, none, y_h[net.hidden :])
    source_k = np.concatenate([y_h, x[: net.shortcuts * len(x)], one[: net.output_biases]])
    net_k = W_k @ source_k
    return Moment(source, net_h, y_h, source_k, net_k, f(net_k))


def run(
    net: LayeredNet, weights: Array, sequence: Sequence, before: Array | None = None
) -> list[Moment]:
    """Run a net over a sequence with its weights held fixed; return every step.

    Parameters
    ----------
    before
        Recurrent activations before the first step; zeros unless given.

    Raises
    ------
    ValueError
        If the sequence does not fit the net.
    """
    fits(net, sequence)
    return run_inputs(net, weights, sequence.x, before)


def run_inputs(
    net: LayeredNet, weights: Array, inputs: Array, before: Array | None = None
) -> list[Moment]:
    """Run a net over inputs of shape (T, n_inputs), as `run` does over a sequence's."""
    W_h, W_k = matrices(net, weights)
    y = start(net) if before is None else before
    moments = []
    for x in inputs:
        now = step(net, W_h, W_k, y, x)
        y = now.y_h
        moments.append(now)
    return moments


def outputs_of(moments: list[Moment]) -> Array:
    """Return the outputs of all steps, shape (T, n_outputs)."""
    return np.array([now.y_k for now in moments])


def arriving(net: LayeredNet, W_k: Array, now: Moment, e: Array) -> tuple[Array, Array]:
    """Return delta_k = f'(net_k) e_k of the outputs, and what arrives at the recurrent layer.

    Parameters
    ----------
    e
        Errors d - y of the outputs, shape (n_outputs,).

    Returns
    -------
    delta_k, into_h
        Shapes (n_outputs,), or (0,) if `recurrent` is "all", and (n_units,).
    """
    if net.recurrent == "all":
        return np.zeros(0), np.concatenate([np.zeros(net.hidden), e])
    delta_k = squashing(net.f).slope(now.net_k) * e
    return delta_k, W_k[:, : net.hidden].T @ delta_k


def error_at(sequence: Sequence, t: int, y_k: Array) -> Array:
    """Return d - y at row t of a sequence, or zeros where the mask does not count it."""
    return sequence.targets[t] - y_k if sequence.mask[t] else np.zeros_like(y_k)


def fits(net: LayeredNet, sequence: Sequence) -> None:
    """Check that a sequence can be presented to a net.

    Raises
    ------
    ValueError
        If the numbers of inputs or outputs differ.
    """
    for name in ("n_inputs", "n_outputs"):
        theirs, ours = getattr(sequence, name), getattr(net, name)
        if theirs != ours:
            raise ValueError(f"sequence has {theirs} {name}; the net has {ours}")


def as_weights(net: LayeredNet, weights: Array) -> Array:
    """Return a learner's own copy of its initial weights, shape (n_weights,).

    Raises
    ------
    TypeError, ValueError
        If it is no such array.
    """
    return as_array("weights", weights, (net.n_weights,)).copy()


def net_for(
    task: Task,
    *,
    hidden: int = 1,
    recurrent: str = "hidden",
    shortcuts: bool = True,
    hidden_biases: bool = False,
    output_biases: bool = False,
) -> LayeredNet:
    """Return the net with a task's inputs and outputs; options as in `LayeredNet`."""
    return LayeredNet(
        n_inputs=task.n_inputs,
        n_outputs=task.n_outputs,
        hidden=hidden,
        recurrent=recurrent,
        shortcuts=shortcuts,
        hidden_biases=hidden_biases,
        output_biases=output_biases,
    )
