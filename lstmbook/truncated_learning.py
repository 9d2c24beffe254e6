"""The learning rule of 1995 and 1997, and the full gradient that it truncates.

The truncated gradient: an error that arrives at a net input (of a cell, an input gate or an output
gate) changes that unit's incoming weights and goes no further back. Inside the carousel it flows
back for ever, unscaled, which is computed forwards in time: each cell keeps the partial
derivatives of its internal state. `delta` is -dE/dnet, so every gradient here points down the
error and is added.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from lstmbook import squashing as squash
from lstmbook.lstm import (
    Moment,
    State,
    Topology,
    Trace,
    Weights,
    as_weights,
    fits,
    forward,
    start,
    step,
)
from lstmbook.sequences import BoolArray, Sequence, as_choice, errors
from lstmbook.squashing import squashing
from lstmbook.validation import Array, as_number

UPDATES = ("every step", "sequence end")
GRADIENTS = ("truncated", "full")


@dataclass(frozen=True)
class Partials:
    """How each internal state depends on the weights into its cell and into its input gate.

    Their number does not grow with the length of a sequence.

    Attributes
    ----------
    ds_c
        ds_c / dw_cm, shape (n_cells, columns of W_c).
    ds_in
        ds_c / dw_in,m for the input gate of the cell's block, shape (n_cells, columns of W_in);
        no columns if there are no input gates.
    """

    ds_c: Array
    ds_in: Array


def no_partials(net: Topology) -> Partials:
    """Return the partials before the first step: all zero."""
    into_in = net.shapes["W_in"][1] if net.input_gates else 0
    return Partials(
        ds_c=np.zeros((net.n_cells, net.shapes["W_c"][1])),
        ds_in=np.zeros((net.n_cells, into_in)),
    )


def advance(net: Topology, now: Moment, before: Partials) -> Partials:
    """Carry the partials over one step: `eq-cell-partial` and `eq-gate-partial`.

    The old value is taken over as it is: this is the carousel, forwards in time.
    """
    g = squashing(net.g)
    y_in = now.y_in[net.block_of]
    ds_c = before.ds_c + np.outer(g.slope(now.net_c) * y_in, now.source[: before.ds_c.shape[1]])
    if not net.input_gates:
        return Partials(ds_c, before.ds_in)
    slope_in = squash.logistic.slope(now.net_in)[net.block_of]
    ds_in = before.ds_in + np.outer(g(now.net_c) * slope_in, now.source[: before.ds_in.shape[1]])
    return Partials(ds_c, ds_in)


def step_gradient(
    net: Topology, weights: Weights, now: Moment, e: Array, partials: Partials
) -> Weights:
    """Return what the errors of one step contribute to the truncated gradient.

    `eq-output-delta`, `eq-output-gate`, `eq-state-error`, and the updates of `eq-cell-partial`
    and `eq-gate-partial`.

    Parameters
    ----------
    now
        The step at which the errors occur.
    e
        Errors d - y of the outputs, shape (n_outputs,).
    partials
        The partials at this step, already advanced.

    Returns
    -------
    gradient
        -dE/dw in the layout of the weights.
    """
    h, f = squashing(net.h), squash.logistic
    delta_k = squashing(net.f_k).slope(now.net_k) * e
    arriving = weights.W_k[:, : net.n_cells].T @ delta_k
    e_s = now.y_out[net.block_of] * h.slope(now.s) * arriving

    gradient = as_weights(net, np.zeros(net.n_weights))
    gradient.W_k[:] = np.outer(delta_k, now.source_k[: gradient.W_k.shape[1]])
    gradient.W_c[:] = e_s[:, None] * partials.ds_c
    if net.input_gates:
        np.add.at(gradient.W_in, net.block_of, e_s[:, None] * partials.ds_in)
    if net.output_gates:
        through = per_block(net, h(now.s) * arriving)
        delta_out = now.won * f.slope(now.net_out) * through
        gradient.W_out[:] = np.outer(delta_out, now.source[: gradient.W_out.shape[1]])
    return gradient


def per_block(net: Topology, of_cells: Array) -> Array:
    """Return the sums over the cells of each block, shape (n_blocks,)."""
    sums = np.zeros(net.n_blocks)
    np.add.at(sums, net.block_of, of_cells)
    return sums


def truncated_gradient(net: Topology, weights: Weights, sequence: Sequence) -> Weights:
    """Return the truncated gradient of a sequence's error, computed forwards in time.

    Equal to the exact gradient of the same network in which the fed-back activations y(t-1)
    are held constant.

    Returns
    -------
    gradient
        -dE/dw in the layout of the weights.
    """
    trace = forward(net, weights, sequence)
    e = errors(sequence, trace.outputs)
    partials = no_partials(net)
    total = as_weights(net, np.zeros(net.n_weights))
    for t in range(1, trace.n_steps + 1):
        now = trace.at(t)
        partials = advance(net, now, partials)
        if sequence.mask[t - 1]:
            total.flat[:] += step_gradient(net, weights, now, e[t - 1], partials).flat
    return total


@dataclass(frozen=True)
class ErrorSignals:
    """The errors of a sequence carried backwards in time; rows are steps, row 0 is zero.

    Attributes
    ----------
    delta_k, delta_out, delta_c, delta_in
        -dE/dnet of output units, output gates, cells and input gates, shapes (T + 1, units).
    e_s
        -dE/ds, the error inside each carousel, shape (T + 1, n_cells).
    """

    delta_k: Array
    delta_out: Array
    delta_c: Array
    delta_in: Array
    e_s: Array


def error_signals(
    net: Topology, weights: Weights, trace: Trace, e: Array, *, truncated: bool
) -> ErrorSignals:
    """Carry a sequence's errors back through time, through everything or truncated.

    Parameters
    ----------
    e
        Errors d - y of the outputs at steps 1 .. T, shape (T, n_outputs).
    truncated
        If True, errors that reach a net input stop there; if False they go on along the
        recurrent weights to the hidden activations of the step before.
    """
    T, h, g, f = trace.n_steps, squashing(net.h), squashing(net.g), squash.logistic
    delta_k = np.zeros_like(trace.net_k)
    delta_k[1:] = squashing(net.f_k).slope(trace.net_k[1:]) * e
    delta_out, delta_c, delta_in, e_s = (
        np.zeros((T + 2, n))
        for n in (net.n_output_gates, net.n_cells, net.n_input_gates, net.n_cells)
    )
    for t in range(T, 0, -1):
        to_cells = weights.W_k[:, : net.n_cells].T @ delta_k[t]
        to_in, to_out = np.zeros(net.n_input_gates), np.zeros(net.n_output_gates)
        if not truncated and t < T:
            fed_back = _fed_back(net, weights, delta_c[t + 1], delta_in[t + 1], delta_out[t + 1])
            to_cells = to_cells + fed_back[0]
            to_in, to_out = fed_back[1], fed_back[2]
        # the carousel: the error of step t + 1 arrives scaled by 1.0
        entering = trace.y_out[t, net.block_of] * h.slope(trace.s[t]) * to_cells
        e_s[t] = e_s[t + 1] + entering
        delta_c[t] = e_s[t] * trace.y_in[t, net.block_of] * g.slope(trace.net_c[t])
        if net.input_gates:
            through = per_block(net, e_s[t] * g(trace.net_c[t]))
            delta_in[t] = f.slope(trace.net_in[t]) * (through + to_in)
        if net.output_gates:
            through = per_block(net, h(trace.s[t]) * to_cells)
            delta_out[t] = trace.won[t] * f.slope(trace.net_out[t]) * (through + to_out)
    return ErrorSignals(delta_k, delta_out[:-1], delta_c[:-1], delta_in[:-1], e_s[:-1])


def _fed_back(
    net: Topology, weights: Weights, delta_c: Array, delta_in: Array, delta_out: Array
) -> tuple[Array, Array, Array]:
    """Return the errors that cells, input gates and output gates get along recurrent weights."""
    columns = slice(net.n_inputs, net.n_inputs + net.n_recurrent)
    to_sources = (
        weights.W_c[:, columns].T @ delta_c
        + weights.W_in[:, columns].T @ delta_in
        + weights.W_out[:, columns].T @ delta_out
    )
    to_hidden = np.zeros(net.n_hidden)
    to_hidden[: net.n_recurrent] = to_sources
    into_gates = net.n_cells + net.n_input_gates
    return to_hidden[: net.n_cells], to_hidden[net.n_cells : into_gates], to_hidden[into_gates:]


def gradient_of(net: Topology, trace: Trace, signals: ErrorSignals) -> Weights:
    """Return the gradient that error signals make: the sum of delta(t) times source, over t."""
    gradient = as_weights(net, np.zeros(net.n_weights))
    for W, delta, source in (
        (gradient.W_c, signals.delta_c, trace.source),
        (gradient.W_in, signals.delta_in, trace.source),
        (gradient.W_out, signals.delta_out, trace.source),
        (gradient.W_k, signals.delta_k, trace.source_k),
    ):
        W[:] = delta[1:].T @ source[1:, : W.shape[1]]
    return gradient


def full_gradient(net: Topology, weights: Weights, sequence: Sequence) -> Weights:
    """Return the exact gradient of a sequence's error: back-propagation through everything.

    Returns
    -------
    gradient
        -dE/dw in the layout of the weights.
    """
    trace = forward(net, weights, sequence)
    e = errors(sequence, trace.outputs)
    return gradient_of(net, trace, error_signals(net, weights, trace, e, truncated=False))


def gradient_gap(truncated: Weights, full: Weights) -> float:
    """Return how far the truncated gradient is from the full one, relative to the full one."""
    size = float(np.linalg.norm(full.flat))
    gap = float(np.linalg.norm(truncated.flat - full.flat))
    return gap / size if size > 0 else gap


@dataclass
class LSTM:
    """A network that learns online: the papers' learner.

    Attributes
    ----------
    net
        The topology.
    weights
        The weights, changed in place.
    learning_rate
        What the gradient is multiplied with.
    updates
        When weights change: "every step" that has an error (default: NC's equations give each
        step's change) or at "sequence end", all changes of a sequence together. The papers do
        not say which they used; with errors at the last step only there is no difference.
    gradient
        "truncated" (the papers') or "full" (then updates must be at "sequence end").
    reset
        Whether activations, internal states and partials are set to zero before each sequence
        (TR, NC); the thesis of 1991 does not ("no sequence boundaries").
    trained
        Which weights may change, shape (n_weights,); all unless given. A training schedule
        sets it anew between sequences.
    """

    net: Topology
    weights: Weights
    learning_rate: float
    updates: str = "every step"
    gradient: str = "truncated"
    reset: bool = True
    trained: BoolArray | None = None
    state: State = field(init=False, repr=False)
    partials: Partials = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.learning_rate = as_number("learning_rate", self.learning_rate, above=0)
        as_choice("updates", self.updates, UPDATES)
        as_choice("gradient", self.gradient, GRADIENTS)
        if self.gradient == "full" and (self.updates != "sequence end" or not self.reset):
            raise ValueError(
                f"gradient is 'full' with updates {self.updates!r} and reset {self.reset}; "
                "it needs updates 'sequence end' and reset True"
            )
        if self.trained is not None and np.shape(self.trained) != (self.net.n_weights,):
            raise ValueError(
                f"trained has shape {np.shape(self.trained)}; "
                f"it must have shape {(self.net.n_weights,)}"
            )
        self.state, self.partials = start(self.net), no_partials(self.net)

    def learn(self, sequence: Sequence) -> Array:
        """Present a sequence, change the weights, return the outputs, shape (T, n_outputs)."""
        fits(self.net, sequence)
        if self.gradient == "full":
            outputs = self.predict(sequence)
            self._change(full_gradient(self.net, self.weights, sequence).flat)
            return outputs
        state, partials = self.state, self.partials
        if self.reset:
            state, partials = start(self.net), no_partials(self.net)
        outputs = np.empty((len(sequence), self.net.n_outputs))
        total = np.zeros(self.net.n_weights)
        x = sequence.x
        for t in range(len(x)):
            now = step(self.net, self.weights, state, x[t])
            partials = advance(self.net, now, partials)
            state = now.state
            outputs[t] = now.y_k
            if sequence.mask[t]:
                e = sequence.targets[t] - now.y_k
                change = step_gradient(self.net, self.weights, now, e, partials).flat
                if self.updates == "every step":
                    self._change(change)
                else:
                    total += change
        if self.updates == "sequence end":
            self._change(total)
        self.state, self.partials = state, partials
        return outputs

    def _change(self, gradient: Array) -> None:
        if self.trained is not None:
            gradient = np.where(self.trained, gradient, 0.0)
        self.weights.flat[:] += self.learning_rate * gradient

    def predict(self, sequence: Sequence) -> Array:
        """Return the outputs for a sequence, shape (T, n_outputs), and change nothing."""
        before = None if self.reset else self.state
        return forward(self.net, self.weights, sequence, before).outputs
