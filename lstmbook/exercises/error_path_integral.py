"""Exercises on the error path integral, with their solutions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from lstmbook.book.exercises import Function, exercise, given_array, given_number
from lstmbook.error_path_integral import grow, local_flow, path_sum, paths
from lstmbook.recurrent_network import RecurrentNetwork, Trace, backprop, forward, random_network
from lstmbook.validation import Array

CHAPTER = "02_error_path_integral"


def _run(seed: int, n: int, f: str = "tanh", scale: float = 1.5) -> tuple[RecurrentNetwork, Trace]:
    rng = np.random.default_rng(seed)
    network = random_network(rng, n, scale=scale, f=f)
    return network, forward(network, rng.normal(size=(7, 1)))


def _check_paths_through(paths_through: Function) -> None:
    for n, lag in ((1, 4), (2, 1), (3, 4), (2, 6), (5, 3)):
        network, trace = _run(0, n)
        expected = np.zeros(lag + 1, dtype=int)
        found = paths(network, trace, k=n - 1, v=0, s=1, t=lag + 1)
        for step in range(lag + 1):
            expected[step] = (found.units[:, step] == 0).sum()
        for step in range(lag + 1):
            answer = given_number("the answer", paths_through(n, lag, step))
            assert answer == expected[step], (
                f"with n={n} units, lag={lag} and v=0, k={n - 1}, unit 0 lies on {expected[step]} "
                f"paths at time s+{step}; paths_through({n}, {lag}, {step}) says {answer:g}"
            )


@exercise("paths-through", chapter=CHAPTER, check=_check_paths_through)
def paths_through(n: int, lag: int, step: int) -> int:
    """Count the paths from v = 0 to k = n - 1 that visit unit 0 at time s + step."""
    # solution
    free = lag - 1  # every path starts at v and ends at k: only the units between are free
    if step == 0 or (step == lag and n == 1):
        return int(n**free)
    return 0 if step == lag else int(n ** (free - 1))
    # end solution


def _check_walks(living_paths: Function) -> None:
    rng = np.random.default_rng(1)
    for n, lag in ((2, 3), (3, 5), (4, 6), (4, 1)):
        network, trace = _run(n, n)
        W = np.where(rng.random((n, n)) < 0.5, network.W, 0.0)
        sparse = replace(network, W=W)
        for k, v in ((0, n - 1), (n - 1, 0), (0, 0)):
            found = paths(sparse, trace, k=k, v=v, s=1, t=lag + 1)
            expected = int((found.product != 0).sum())
            answer = given_number("the answer", living_paths(W, k, v, lag))
            assert answer == expected, (
                f"for k={k}, v={v}, lag={lag} and the connections\n{(W != 0).astype(int)}\n"
                f"{expected} of {len(found)} paths have a product other than 0, not {answer:g}"
            )


@exercise("living-paths", chapter=CHAPTER, check=_check_walks)
def living_paths(W: Array, k: int, v: int, lag: int) -> int:
    """Count the paths from v to k whose product is not 0, without listing any path."""
    # solution
    connected = (W != 0).astype(int)
    return int(np.linalg.matrix_power(connected, lag)[k, v])
    # end solution


def _check_flow_from_backprop(flow_from_backprop: Function) -> None:
    for seed, n, f in ((0, 3, "tanh"), (1, 2, "logistic"), (2, 4, "logistic")):
        network, trace = _run(seed, n, f)
        for k, v, s, t in ((0, 1, 2, 6), (n - 1, 0, 3, 4), (1, 1, 1, 7)):
            expected = local_flow(network, trace, k, v, s=s, t=t)
            answer = given_number("the answer", flow_from_backprop(network, trace, k, v, s=s, t=t))
            assert np.isclose(answer, expected, rtol=1e-9, atol=0), (
                f"{f} net with {n} units, k={k}, v={v}, s={s}, t={t}: the flow is {expected:.6g}, "
                f"not {answer:.6g}; did you divide by the error signal at (t, k), not the error?"
            )


@exercise("flow-from-backprop", chapter=CHAPTER, check=_check_flow_from_backprop)
def flow_from_backprop(
    network: RecurrentNetwork, trace: Trace, k: int, v: int, *, s: int, t: int
) -> float:
    """Measure the local flow with `backprop` alone: put an error in and see what arrives."""
    # solution
    e = np.zeros_like(trace.a)
    e[t, k] = 1.0
    delta = backprop(network, trace, e)
    return float(delta[s, v] / delta[t, k])
    # end solution


def _check_hidden_transpose(weights_that_hide_the_slip: Function) -> None:
    for n in (2, 3, 4):
        W = given_array("W", weights_that_hide_the_slip(np.random.default_rng(n), n), (n, n))
        different = len(np.unique(np.abs(W[np.triu_indices(n)])))
        assert different == n * (n + 1) // 2, (
            f"the weights on and above the diagonal must all differ in size; of "
            f"{n * (n + 1) // 2} only {different} do"
        )
        network, trace = _run(n, n)
        for k, v in ((0, 1), (1, 0), (n - 1, n - 1)):
            right = path_sum(replace(network, W=W), trace, k, v, s=1, t=5)
            printed = path_sum(replace(network, W=W.T), trace, k, v, s=1, t=5)
            assert np.isclose(printed, right, rtol=1e-9), (
                f"n={n}, k={k}, v={v}: the right form gives {right:.6g}, "
                f"the printed one {printed:.6g}; the slip still shows"
            )


@exercise("hidden-transpose", chapter=CHAPTER, check=_check_hidden_transpose)
def weights_that_hide_the_slip(rng: np.random.Generator, n: int) -> Array:
    """Draw W (n, n) for which the sum as printed in 1997 is right for every k, v, s and t."""
    # solution
    W = rng.normal(size=(n, n))
    return W + W.T
    # end solution


def _check_paths_that_cancel(weights_that_cancel: Function) -> None:
    for n in (2, 3, 5):
        network, _ = _run(n, n, "identity")
        W = given_array("W", weights_that_cancel(n), (n, n))
        linear = replace(network, W=W)
        trace = forward(linear, np.zeros((3, 1)))
        found = paths(linear, trace, k=0, v=0, s=1, t=3)
        assert (found.product != 0).all(), (
            f"n={n}: the products are {found.product}; each of the {n} paths must carry something"
        )
        assert abs(found.total) < 1e-12 * found.size, (
            f"n={n}: the products {found.product} add up to {found.total:.6g}, not to 0"
        )


@exercise("paths-that-cancel", chapter=CHAPTER, check=_check_paths_that_cancel)
def weights_that_cancel(n: int) -> Array:
    """Return W (n, n), n >= 2, of a linear net whose flow from 0 to 0 at lag 2 is 0."""
    # solution
    W = np.ones((n, n))
    W[1:, 0] = -1.0 / (n - 1)  # w_00 w_00 = 1, and n - 1 paths through other units bring -1
    return W
    # end solution


def _check_cancellation_exponent(cancellation_exponent: Function) -> None:
    sizes = [8, 16, 32, 64]
    for lag in (2, 3, 5):
        runs = [
            grow(np.random.default_rng([lag, seed]), sizes, lag=lag, scale=1.0, f="identity")
            for seed in range(150)
        ]
        flow = np.sqrt(np.mean([run.flow**2 for run in runs], axis=0))
        size = np.mean([run.size for run in runs], axis=0)
        measured = np.polyfit(np.log(sizes), np.log(flow / size), 1)[0]
        answer = given_number("the answer", cancellation_exponent(lag))
        assert abs(answer - measured) < 0.25, (
            f"at lag {lag} the share of the flow that survives falls as n^{measured:.2f} in "
            f"{len(runs)} random linear nets; cancellation_exponent({lag}) says {answer:.2f}"
        )


@exercise("cancellation-exponent", chapter=CHAPTER, check=_check_cancellation_exponent)
def cancellation_exponent(lag: int) -> float:
    """Return p such that |signed sum| / sum of sizes falls as n^p when terms' signs are random."""
    # solution
    return -(lag - 1) / 2  # N random signs add up to about sqrt(N), and N = n^(lag - 1)
    # end solution
