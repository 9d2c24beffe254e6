"""Exercises on recurrent networks and their gradient, with their solutions."""

from __future__ import annotations

from typing import Any

import numpy as np

from lstmbook.book.exercises import Function, exercise, given_array
from lstmbook.recurrent_network import (
    Gradient,
    RecurrentNetwork,
    Trace,
    backprop,
    bptt,
    bptt_cost,
    contribution_by_age,
    contribution_sizes,
    forward,
    output_error,
    random_network,
    rtrl_cost,
    target_at_end,
)
from lstmbook.validation import Array

CHAPTER = "01_recurrent_networks"


def _case(
    seed: int, n: int, T: int = 8, m: int = 2, scale: float = 1.0, f: str = "tanh"
) -> tuple[RecurrentNetwork, Array, Array]:
    rng = np.random.default_rng(seed)
    network = random_network(rng, n, m, scale=scale, f=f)
    return network, rng.normal(size=(T, m)), rng.uniform(0, 1, (T, n))


def _compare(answer: Any, expected: Array, what: str) -> None:
    """Raise, saying where the answer first differs from what is expected."""
    found = given_array(f"the answer for {what}", answer, expected.shape)
    wrong = np.argwhere(~np.isclose(found, expected, rtol=1e-8, atol=1e-12))
    if len(wrong):
        place = tuple(int(i) for i in wrong[0])
        at = f" at {list(place)}" if place else ""
        raise AssertionError(f"{what}: should be {expected[place]:.6g}{at}; is {found[place]:.6g}")


def _check_far_error(far_error: Function) -> None:
    for seed, T in ((0, 1), (1, 2), (2, 7)):
        network, x, _ = _case(seed, 1, T)
        trace = forward(network, x)
        e = np.zeros_like(trace.a)
        e[-1] = 0.3
        delta = backprop(network, trace, e)[1:, 0]
        slopes = network.f.slope(trace.net[1:, 0])
        answer = far_error(network.W[0, 0], slopes, delta[-1])
        _compare(answer, delta, f"T = {T}, w = {network.W[0, 0]:.3g}")


@exercise("far-error", chapter=CHAPTER, check=_check_far_error)
def far_error(w: float, slopes: Array, delta_end: float) -> Array:
    """Return delta(1) .. delta(T) of one unit with self-weight w, without a loop over time.

    slopes[t - 1] is f'(net(t)); delta_end is delta(T); there is no error before T.
    """
    # solution
    factors = w * slopes[:-1]  # delta(t) = f'(net(t)) w delta(t + 1)
    from_the_end = np.cumprod(np.append(1.0, factors[::-1]))
    return delta_end * from_the_end[::-1]
    # end solution


def _check_self_weight_gradient(self_weight_gradient: Function) -> None:
    for seed, T in ((0, 1), (1, 5), (2, 30)):
        network, x, target = _case(seed, 1, T)
        answer = self_weight_gradient(network, x, target)
        _compare(answer, bptt(network, x, target).W[0, 0], f"-dE/dw after T = {T} steps")


@exercise("self-weight-gradient", chapter=CHAPTER, check=_check_self_weight_gradient)
def self_weight_gradient(network: RecurrentNetwork, x: Array, target: Array) -> float:
    """Return -dE/dw for the self-weight of a net of one unit, going forward in time only."""
    # solution
    w, a, p, total = network.W[0, 0], 0.0, 0.0, 0.0
    for x_t, (d,) in zip(x, target, strict=True):
        net = w * a + network.U[0] @ x_t + network.b[0]
        p = network.f.slope(net) * (w * p + a)  # the activation before, then the new one
        a = float(network.f(net))
        total += (d - a) * float(p)
    return total
    # end solution


def _truncated_by_windows(
    network: RecurrentNetwork, x: Array, target: Array, depth: int
) -> Gradient:
    """Return the truncated gradient another way: a short run of its own for each error."""
    whole = forward(network, x)
    W, U, b = (np.zeros_like(each) for each in (network.W, network.U, network.b))
    for t in range(1, len(x) + 1):
        first = max(0, t - depth)
        part = forward(network, x[first:t], whole.a[first])
        last = np.full_like(target[first:t], np.nan)
        last[-1] = target[t - 1]
        delta = backprop(network, part, output_error(part, last))
        W += delta[1:].T @ part.a[:-1]
        U += delta[1:].T @ part.x[1:]
        b += delta[1:].sum(axis=0)
    return Gradient(W, U, b)


def _check_truncated_delta(truncated_delta: Function) -> None:
    for seed, n, depth in ((0, 1, 1), (1, 2, 1), (2, 3, 3), (3, 2, 8), (4, 2, 20)):
        network, x, target = _case(seed, n)
        trace = forward(network, x)
        answer = truncated_delta(network, trace, output_error(trace, target), depth)
        expected = _truncated_by_windows(network, x, target, depth)
        what = f"{n} units, T = 8, depth = {depth}"
        assert np.shape(answer) == trace.a.shape, (
            f"{what}: delta should have shape {trace.a.shape}; it has {np.shape(answer)}"
        )
        _compare(answer[1:].sum(axis=0), expected.b, f"{what}: delta summed over time")
        _compare(answer[1:].T @ trace.a[:-1], expected.W, f"{what}: the gradient of W")


@exercise("truncated-delta", chapter=CHAPTER, check=_check_truncated_delta)
def truncated_delta(network: RecurrentNetwork, trace: Trace, e: Array, depth: int) -> Array:
    """Return delta when the error made at t reaches only steps t, t-1, .., t-depth+1.

    delta and e have shape (T + 1, n), as for `backprop`.
    """
    # solution
    delta = np.zeros_like(e)
    for t in range(1, len(e)):
        only = np.zeros_like(e)
        only[t] = e[t]
        first = max(1, t - depth + 1)
        delta[first:] += backprop(network, trace, only)[first:]
    return delta
    # end solution


def _check_break_even(break_even: Function) -> None:
    for n, m in ((1, 0), (1, 1), (3, 2), (10, 1), (50, 5)):
        kept = rtrl_cost(n, m, 0).memory
        T = 0
        while bptt_cost(n, m, T).memory <= kept:
            T += 1
        answer = break_even(n, m)
        assert answer == T, (
            f"n = {n}, m = {m}: RTRL keeps {kept} numbers, BPTT {bptt_cost(n, m, T).memory} at "
            f"T = {T} and {bptt_cost(n, m, max(T - 1, 0)).memory} a step earlier; "
            f"break_even({n}, {m}) should be {T}, and is {answer!r}"
        )


@exercise("break-even", chapter=CHAPTER, check=_check_break_even)
def break_even(n: int, m: int) -> int:
    """Return the smallest T at which BPTT keeps more numbers than RTRL, without trying each."""
    # solution
    partials = n * n * (n + m + 1)
    # (T + 1) (3 n + m) > n + partials, so T + 1 is one more than the whole quotient
    return (n + partials) // (3 * n + m)
    # end solution


def _check_reach(reach: Function) -> None:
    for seed, scale in ((0, 0.5), (1, 1.0), (2, 3.0), (3, 8.0)):
        network, x, target = _case(seed, 4, T=25, scale=scale, f="logistic")
        target = target_at_end(25, target[-1])
        trace = forward(network, x)
        delta = backprop(network, trace, output_error(trace, target))
        sizes = contribution_sizes(trace, delta)[:0:-1]
        for share in (0.5, 0.9, 0.99):
            expected = next(
                q for q in range(1, 26) if sizes[:q].sum() >= share * sizes.sum() * (1 - 1e-12)
            )
            answer = reach(network, x, target, share)
            assert answer == expected, (
                f"weights up to {scale:g}, share {share:g}: the last {expected} steps carry it; "
                f"reach says {answer!r}"
            )


@exercise("reach", chapter=CHAPTER, check=_check_reach)
def reach(network: RecurrentNetwork, x: Array, target: Array, share: float) -> int:
    """Return how many of the last steps carry `share` of all contribution sizes, summed."""
    # solution
    newest_first = contribution_by_age(network, x, target)
    carried = np.cumsum(newest_first) / newest_first.sum()
    return int(np.searchsorted(carried, share) + 1)
    # end solution
