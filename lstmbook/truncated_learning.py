"""The learning rule of 1995 and 1997, and the full gradient that it truncates.

The truncated gradient: an error that arrives at a net input (of a cell, an input gate or an output
gate) changes that unit's incoming weights and goes no further back. Inside the carousel it flows
back for ever, unscaled, which is computed forwards in time: each cell keeps the partial
derivatives of its internal state. `delta` is -dE/dnet, so every gradient here points down the
error and is added.
"""

from __future__ import annotations

from collections.abc import Sequence as PythonSequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np

from lstmbook import squashing as squash
from lstmbook.counting import Tally
from lstmbook.lstm import (
    Moment,
    State,
    Topology,
    Trace,
    Weights,
    as_weights,
    fits,
    forward,
    initial_weights,
    start,
    step,
)
from lstmbook.memory_cell import BlockTrace, run_block
from lstmbook.recurrent_network import Cost
from lstmbook.sequences import BoolArray, Sequence, as_choice, errors, loss
from lstmbook.squashing import squashing
from lstmbook.validation import Array, as_array, as_count, as_number, as_switch

UPDATES = ("every step", "sequence end")
GRADIENTS = ("truncated", "full")
CUTS = ("net_c", "net_in", "net_out")
"""The three kinds of net input at which the papers stop errors."""


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
    ds_c = before.ds_c + np.multiply.outer(
        g.slope(now.net_c) * y_in, now.source[: before.ds_c.shape[1]]
    )
    if not net.input_gates:
        return Partials(ds_c, before.ds_in)
    slope_in = squash.logistic.slope(now.net_in)[net.block_of]
    ds_in = before.ds_in + np.multiply.outer(
        g(now.net_c) * slope_in, now.source[: before.ds_in.shape[1]]
    )
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
    gradient.W_k[:] = np.multiply.outer(delta_k, now.source_k[: gradient.W_k.shape[1]])
    gradient.W_c[:] = e_s[:, None] * partials.ds_c
    if net.input_gates:
        np.add.at(gradient.W_in, net.block_of, e_s[:, None] * partials.ds_in)
    if net.output_gates:
        through = per_block(net, h(now.s) * arriving)
        delta_out = now.won * f.slope(now.net_out) * through
        gradient.W_out[:] = np.multiply.outer(delta_out, now.source[: gradient.W_out.shape[1]])
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
    net: Topology,
    weights: Weights,
    trace: Trace,
    e: Array,
    *,
    truncated: bool | PythonSequence[str],
) -> ErrorSignals:
    """Carry a sequence's errors back through time, through everything or truncated.

    `eq-hidden-error` and `eq-full-signals`; truncated, what is left of them.

    Parameters
    ----------
    e
        Errors d - y of the outputs at steps 1 .. T, shape (T, n_outputs).
    truncated
        If True, errors that reach a net input stop there; if False they go on along the
        recurrent weights to the hidden activations of the step before. Some of `CUTS`: they
        stop at these net inputs only.
    """
    cuts = as_cuts(truncated)
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
        if len(cuts) < len(CUTS) and t < T:
            arrived = (delta_c[t + 1], delta_in[t + 1], delta_out[t + 1])
            fed_back = _fed_back(net, weights, arrived, cuts)
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


def as_cuts(truncated: bool | PythonSequence[str]) -> tuple[str, ...]:
    """Return at which net inputs errors stop: all, none, or those of `CUTS` that are named.

    Raises
    ------
    ValueError
        If a name is none of them.
    """
    if isinstance(truncated, bool):
        return CUTS if truncated else ()
    return tuple(as_choice("truncated", each, CUTS) for each in dict.fromkeys(truncated))


def _fed_back(
    net: Topology, weights: Weights, arrived: tuple[Array, ...], cuts: tuple[str, ...]
) -> tuple[Array, Array, Array]:
    """Return the errors that cells, input gates and output gates get along recurrent weights.

    `arrived` holds the error signals of cells, input gates and output gates a step later.
    """
    columns = slice(net.n_inputs, net.n_inputs + net.n_recurrent)
    to_sources = np.zeros(net.n_recurrent)
    for name, W, delta in zip(
        CUTS, (weights.W_c, weights.W_in, weights.W_out), arrived, strict=True
    ):
        if name not in cuts:
            to_sources += W[:, columns].T @ delta
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


def full_gradient(
    net: Topology, weights: Weights, sequence: Sequence, cuts: PythonSequence[str] = ()
) -> Weights:
    """Return the exact gradient of a sequence's error: back-propagation through everything.

    Parameters
    ----------
    cuts
        Some of `CUTS`, to stop errors at these net inputs; with all of them the result is the
        truncated gradient. None unless given.

    Returns
    -------
    gradient
        -dE/dw in the layout of the weights.
    """
    trace = forward(net, weights, sequence)
    e = errors(sequence, trace.outputs)
    return gradient_of(net, trace, error_signals(net, weights, trace, e, truncated=cuts))


def fed_back(trace: Trace) -> Array:
    """Return what the hidden units read of themselves, y(t-1) at steps t, shape (T, sources)."""
    return trace.y[:-1]


def loss_with(
    net: Topology, weights: Weights, sequence: Sequence, held: Array | None = None
) -> float:
    """Return E of a sequence, the fed-back activations computed as usual or held.

    Parameters
    ----------
    held
        What hidden units read as y(t-1) at steps 1 .. T, shape (T, n_recurrent), whatever the
        network does; None to let the network feed itself.
    """
    if held is None:
        return loss(sequence, forward(net, weights, sequence).outputs)
    held = as_array("held", held, (len(sequence), net.n_recurrent))
    state, outputs = start(net), []
    for x, y in zip(sequence.x, held, strict=True):
        now = step(net, weights, replace(state, y=y), x)
        state = now.state
        outputs.append(now.y_k)
    return loss(sequence, np.array(outputs))


def central_differences(
    net: Topology,
    weights: Weights,
    sequence: Sequence,
    held: Array | None = None,
    size: float = 1e-5,
) -> Weights:
    """Return the gradient by moving each weight a little up and down: slow, and no derivation.

    Parameters
    ----------
    held
        As for `loss_with`.
    size
        How far each weight is moved.

    Returns
    -------
    gradient
        -dE/dw in the layout of the weights.
    """
    size = as_number("size", size, above=0)
    slopes = np.zeros(net.n_weights)
    for i in range(net.n_weights):
        ends = []
        for sign in (1.0, -1.0):
            moved = weights.flat.copy()
            moved[i] += sign * size
            ends.append(loss_with(net, as_weights(net, moved), sequence, held))
        slopes[i] = -(ends[0] - ends[1]) / (2 * size)
    return as_weights(net, slopes)


def gradient_angle(one: Weights, other: Weights) -> float:
    """Return the angle between two gradients in degrees; NaN if one of them is zero."""
    p, q = float(np.linalg.norm(one.flat)), float(np.linalg.norm(other.flat))
    if p == 0 or q == 0:
        return np.nan
    # from the chord of the unit vectors: arccos would lose small angles to rounding
    chord = float(np.linalg.norm(one.flat / p - other.flat / q))
    return float(np.degrees(2 * np.arcsin(min(1.0, chord / 2))))


def length_ratio(one: Weights, other: Weights) -> float:
    """Return the length of one gradient divided by that of another; NaN if that is zero."""
    size = float(np.linalg.norm(other.flat))
    return float(np.linalg.norm(one.flat)) / size if size > 0 else np.nan


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
        self.reset = as_switch("reset", self.reset)
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


def truncated_cost(net: Topology) -> Cost:
    """Return the cost of truncated learning, from its equations; the length T plays no part.

    Kept are the internal states, the fed-back activations and the partials. A step with an
    error takes: one multiplication a weight forward; two a partial, to advance it and to weigh
    it with the error; one a weight for each output unit and output gate; and a few for each
    unit. The squashing functions' own are left out, and products of two of their values.
    """
    weights_of = {group: rows * columns for group, (rows, columns) in net.shapes.items()}
    partials = net.n_cells * (net.shapes["W_c"][1] + net.input_gates * net.shapes["W_in"][1])
    a_unit = net.n_outputs * (net.n_cells + 1) + 3 * net.n_cells
    if net.output_gates:
        a_unit += net.n_cells + 2 * net.n_blocks
    return Cost(
        memory=net.n_cells + net.n_recurrent + partials,
        multiplications=net.n_weights
        + 2 * partials
        + weights_of["W_k"]
        + weights_of["W_out"]
        + a_unit,
    )


def measured_cost(net: Topology) -> Cost:
    """Return the cost of truncated learning, measured on the arrays it works with.

    Memory is the size of what is carried from step to step; multiplications are counted while
    one step with an error runs (`lstmbook.counting`).
    """
    tally = Tally()
    plain = as_weights(net, np.zeros(net.n_weights))
    weights = replace(plain, **{group: tally.watch(getattr(plain, group)) for group in net.shapes})
    now = step(net, weights, start(net), np.zeros(net.n_inputs))
    watched: dict[str, Any] = {
        each.name: tally.watch(getattr(now, each.name)) for each in fields(now)
    }
    now = replace(now, **watched)
    partials = advance(net, now, no_partials(net))
    step_gradient(net, weights, now, tally.watch(np.zeros(net.n_outputs)), partials)
    carried = (now.s, now.y, partials.ds_c, partials.ds_in)
    return Cost(sum(each.size for each in carried), tally.multiplications)


def full_memory(net: Topology, T: int) -> int:
    """Return how many numbers the full gradient keeps for T steps: the trace and the signals."""
    silence = Sequence(
        np.zeros((as_count("T", T, at_least=1), net.n_inputs)),
        np.zeros((T, net.n_outputs)),
        np.ones(T, dtype=np.bool_),
        net.n_inputs,
    )
    weights = as_weights(net, np.zeros(net.n_weights))
    trace = forward(net, weights, silence)
    signals = error_signals(net, weights, trace, errors(silence, trace.outputs), truncated=False)
    kept = [getattr(each, part.name) for each in (trace, signals) for part in fields(each)]
    return sum(array.size for array in kept)


@dataclass(frozen=True)
class Course:
    """How a network learned, looked at now and then; all arrays have shape (looks,).

    Attributes
    ----------
    presented
        Sequences presented before each look.
    loss
        Mean loss over the sequences looked at.
    angle, length
        Angle in degrees between the truncated and the full gradient of those sequences, summed,
        and the truncated one's length divided by the full one's.
    """

    presented: Array
    loss: Array
    angle: Array
    length: Array

    def until(self, below: float) -> float:
        """Return how many sequences were presented at the first look with a loss below."""
        good = np.flatnonzero(self.loss < as_number("below", below))
        return float(self.presented[good[0]]) if len(good) else np.inf


def follow(
    learner: LSTM,
    training: PythonSequence[Sequence],
    looked_at: PythonSequence[Sequence],
    every: int,
) -> Course:
    """Let a network learn sequences one after the other, and compare its gradients on the way.

    Parameters
    ----------
    training
        What it learns, in this order.
    looked_at
        What losses and gradients are taken of, before the first sequence and after every so
        many; nothing is learned from these looks.
    every
        How many sequences lie between two looks.
    """
    every = as_count("every", every, at_least=1)
    net, weights = learner.net, learner.weights
    looks = []
    for presented in range(len(training) + 1):
        if presented % every == 0:
            both = [
                as_weights(net, np.sum([find(net, weights, each).flat for each in looked_at], 0))
                for find in (truncated_gradient, full_gradient)
            ]
            mean = np.mean([loss(each, learner.predict(each)) for each in looked_at])
            looks.append((presented, mean, gradient_angle(*both), length_ratio(*both)))
        if presented < len(training):
            learner.learn(training[presented])
    return Course(*np.array(looks).T)


def random_case(
    seed: int, T: int = 12, scale: float = 1.0, *, last_step_only: bool = False
) -> tuple[Topology, Weights, Sequence]:
    """Draw a network of a block of two cells and a block of one, and a sequence of T steps.

    Parameters
    ----------
    scale
        Weights are uniform in [-scale, scale].
    last_step_only
        Whether errors are injected at the last step only, or at every step.
    """
    rng = np.random.default_rng(as_count("seed", seed))
    net = Topology(3, 2, (2, 1))
    weights = initial_weights(net, rng, scale=scale)
    mask = np.ones(as_count("T", T, at_least=1), dtype=np.bool_)
    mask[:-1] = not last_step_only
    return net, weights, Sequence(rng.normal(size=(T, 3)), rng.random((T, 2)), mask, 3)


def gaps_by_length(
    lengths: PythonSequence[int], scale: float, n_nets: int, *, last_step_only: bool = False
) -> tuple[Array, Array]:
    """Return how the truncated gradient compares with the full one in random networks.

    Parameters
    ----------
    lengths
        Lengths T of the sequences.
    scale, last_step_only
        As for `random_case`, which is asked with seeds 0, 1, ..

    Returns
    -------
    angle, length
        `gradient_angle` and `length_ratio`, shape (n_nets, len(lengths)).
    """
    found = np.empty((2, as_count("n_nets", n_nets, at_least=1), len(lengths)))
    for seed in range(n_nets):
        for i, T in enumerate(lengths):
            case = random_case(seed, T, scale, last_step_only=last_step_only)
            both = truncated_gradient(*case), full_gradient(*case)
            found[:, seed, i] = gradient_angle(*both), length_ratio(*both)
    return found[0], found[1]


def error_inside(seed: int, T: int, scale: float, *, truncated: bool) -> Array:
    """Return how an error fares inside the carousels of a random network over T steps.

    Returns
    -------
    ratio
        -dE/ds, the newest step first, relative to the newest, shape (T, n_cells); of
        `random_case`, with an error at the last step only.
    """
    net, weights, sequence = random_case(seed, T, scale, last_step_only=True)
    trace = forward(net, weights, sequence)
    e = errors(sequence, trace.outputs)
    e_s = error_signals(net, weights, trace, e, truncated=truncated).e_s
    ratio: Array = e_s[:0:-1] / e_s[-1]
    return ratio


def write_and_read(lag: int, y_in: float, y_out: float) -> BlockTrace:
    """Run a cell that is written at step 1, kept behind shut gates, and read `lag` steps later.

    Parameters
    ----------
    y_in, y_out
        How open the input gate is at step 1 and the output gate at the last, between 0 and 1;
        at the other steps they are shut. The cell's net input is 1 all along.
    """
    steps = as_count("lag", lag, at_least=1) + 1
    net_in, net_out = np.full(steps, -20.0), np.full(steps, -20.0)
    for name, opening, net, t in (("y_in", y_in, net_in, 0), ("y_out", y_out, net_out, -1)):
        open_by = as_number(name, opening, above=0, below=1)
        net[t] = np.log(open_by / (1 - open_by))
    return run_block(net_in, net_out, np.ones((steps, 1)))
