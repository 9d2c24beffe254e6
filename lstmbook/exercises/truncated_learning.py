"""Exercises on truncated learning, with their solutions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lstmbook.book.exercises import Function, exercise, given_array, given_number
from lstmbook.lstm import Topology, Weights, as_weights, forward, initial_weights
from lstmbook.sequences import Sequence, errors
from lstmbook.squashing import logistic
from lstmbook.truncated_learning import (
    CUTS,
    error_signals,
    fed_back,
    full_gradient,
    full_memory,
    gradient_angle,
    gradient_gap,
    loss_with,
    random_case,
    truncated_cost,
    truncated_gradient,
)
from lstmbook.validation import Array

CHAPTER = "12_truncated_learning"


def _check_another_error(delta_of_fourth_powers: Function) -> None:
    rng = np.random.default_rng(0)
    for n in (1, 3):
        net_k, d = rng.normal(size=n), rng.random(n)
        found = given_array(f"delta of {n} outputs", delta_of_fourth_powers(net_k, d), (n,))

        def error(net: Array, d: Array = d) -> float:
            return float(0.25 * ((d - logistic(net)) ** 4).sum())

        for i in range(n):
            move = 1e-4 * np.eye(n)[i]
            expected = -(error(net_k + move) - error(net_k - move)) / 2e-4
            assert np.isclose(found[i], expected, rtol=1e-5, atol=1e-9), (
                f"net_k = {net_k}, d = {d}: the error falls by {expected:.5g} per unit of "
                f"net_k[{i}], not by {found[i]:.5g}"
            )


@exercise("another-error", chapter=CHAPTER, check=_check_another_error)
def delta_of_fourth_powers(net_k: Array, d: Array) -> Array:
    """Return delta_k of logistic outputs for E = 1/4 sum of e^4, shape (n_outputs,)."""
    # solution
    e = d - logistic(net_k)
    return logistic.slope(net_k) * e**3  # dE/de = e^3: the only place where E enters
    # end solution


def _check_dropped_error(dropped_error: Function) -> None:
    for seed, T in ((0, 2), (1, 5), (2, 9)):
        net, weights, sequence = random_case(seed, T)
        trace = forward(net, weights, sequence)
        e = errors(sequence, trace.outputs)
        held = fed_back(trace)
        signals = error_signals(net, weights, trace, e, truncated=True)
        for t in range(2, T + 1):
            arrived = (signals.delta_c[t], signals.delta_in[t], signals.delta_out[t])
            what = f"random_case({seed}, T={T}) at t = {t}"
            found = given_array(
                f"the answer for {what}", dropped_error(net, weights, *arrived), (net.n_recurrent,)
            )
            for m in range(net.n_recurrent):
                ends = []
                for sign in (1e-5, -1e-5):
                    moved = held.copy()
                    moved[t - 1, m] += sign
                    ends.append(loss_with(net, weights, sequence, moved))
                expected = -(ends[0] - ends[1]) / 2e-5
                assert np.isclose(found[m], expected, rtol=1e-4, atol=1e-8), (
                    f"{what}: a larger y(t-1) of hidden source {m} lowers the error at the rate "
                    f"{expected:.5g}; you say {found[m]:.5g}"
                )


@exercise("dropped-error", chapter=CHAPTER, check=_check_dropped_error)
def dropped_error(
    net: Topology, weights: Weights, delta_c: Array, delta_in: Array, delta_out: Array
) -> Array:
    """Return what the three cuts drop at one step: the error of each fed-back y(t-1).

    The deltas are those of step t. The result has shape (n_recurrent,): cells, input gates,
    output gates.
    """
    # solution
    sources = slice(net.n_inputs, net.n_inputs + net.n_recurrent)
    stopped = ((weights.W_c, delta_c), (weights.W_in, delta_in), (weights.W_out, delta_out))
    return sum((W[:, sources].T @ delta for W, delta in stopped), np.zeros(net.n_recurrent))
    # end solution


def _check_break_even(trace_outgrows_partials: Function) -> None:
    nets = [
        Topology(3, 2, (2, 1)),
        Topology(7, 7, (2, 2, 2), output_gate_biases=True),
        Topology(20, 3, (1,) * 6),
        Topology(1, 1, (8,), recurrent="none"),
    ]
    for net in nets:
        bound = truncated_cost(net).memory
        kept, a_step = full_memory(net, 1), full_memory(net, 2) - full_memory(net, 1)
        expected = 1 if kept > bound else int((bound - kept) // a_step) + 2
        answer = trace_outgrows_partials(net)
        assert isinstance(answer, int | np.integer), f"a whole number is needed, not {answer!r}"
        assert answer == expected, (
            f"a net with {net.n_inputs} inputs and blocks {net.blocks}: truncated learning keeps "
            f"{bound} numbers; the full gradient keeps {kept} at T = 1 and {a_step} more for each "
            f"further step, so it needs more from T = {expected} on, not {answer}"
        )


@exercise("trace-outgrows-partials", chapter=CHAPTER, check=_check_break_even)
def trace_outgrows_partials(net: Topology) -> int:
    """Return the smallest T >= 1 at which the full gradient keeps more than truncated learning."""
    # solution
    first, second = full_memory(net, 1), full_memory(net, 2)
    missing = truncated_cost(net).memory - first  # full_memory grows by the same at every step
    return 1 if missing < 0 else missing // (second - first) + 2
    # end solution


def _check_worst_cut(worst_cut: Function) -> None:
    for seed in range(6):
        case = random_case(seed, 15)
        full = full_gradient(*case)
        gap = {cut: gradient_gap(full_gradient(*case, (cut,)), full) for cut in CUTS}
        expected = max(CUTS, key=gap.__getitem__)
        answer = worst_cut(*case)
        assert answer == expected, (
            f"random_case({seed}, 15): the gaps are "
            + ", ".join(f"{cut} {size:.3f}" for cut, size in gap.items())
            + f"; the largest is that of {expected}, not {answer!r}"
        )
    # a cut along which nothing is fed back loses nothing
    net, weights, sequence = random_case(0, 15)
    silent = as_weights(net, weights.flat.copy())
    silent.W_c[:, net.n_inputs :] = 0.0
    assert worst_cut(net, silent, sequence) != "net_c"


@exercise("worst-cut", chapter=CHAPTER, check=_check_worst_cut)
def worst_cut(net: Topology, weights: Weights, sequence: Sequence) -> str:
    """Return which one of the three cuts, made alone, moves the gradient furthest."""
    # solution
    full = full_gradient(net, weights, sequence)
    gaps = [gradient_gap(full_gradient(net, weights, sequence, (cut,)), full) for cut in CUTS]
    return CUTS[int(np.argmax(gaps))]
    # end solution


def _check_angle_with_closed_gates(angle_at_bias: Function) -> None:
    for bias, seed in ((0.0, 0), (-3.0, 1), (-6.0, 2)):
        net, weights, sequence = random_case(seed, 15)
        biased = replace(net, input_gate_biases=True)
        rng = np.random.default_rng(seed)
        weights = initial_weights(biased, rng, scale=1.0, input_gate_bias=bias)
        both = [find(biased, weights, sequence) for find in (truncated_gradient, full_gradient)]
        found = given_number(f"angle_at_bias({bias}, {seed})", angle_at_bias(bias, seed))
        assert np.isclose(found, gradient_angle(*both)), (
            f"bias {bias}, seed {seed}: the angle is {gradient_angle(*both):.3f} degrees, not "
            f"{found:.3f}; draw the weights with initial_weights(..., scale=1.0, "
            "input_gate_bias=bias) from default_rng(seed)"
        )


@exercise("angle-at-bias", chapter=CHAPTER, check=_check_angle_with_closed_gates)
def angle_at_bias(bias: float, seed: int) -> float:
    """Return the angle between truncated and full gradient with biased input gates, in degrees.

    The net and the sequence of random_case(seed, 15), with input gate biases.
    """
    # solution
    net, _, sequence = random_case(seed, 15)
    biased = replace(net, input_gate_biases=True)
    rng = np.random.default_rng(seed)
    weights = initial_weights(biased, rng, scale=1.0, input_gate_bias=bias)
    both = [find(biased, weights, sequence) for find in (truncated_gradient, full_gradient)]
    return gradient_angle(*both)
    # end solution
