"""How an error flows back through time: along one path, along all of them, and as a product.

An error that starts at unit `k` at time `t` reaches unit `v` at time ``s < t`` scaled by a number,
the local flow ``d delta_v(s) / d delta_k(t)``. Here it is computed in three ways that agree: by
the recursion of back-propagation, as a sum over all paths, and as a product of matrices.

The factor f' belongs to every unit the error *enters*: ``net_v(s)`` has one, ``net_k(t)`` has none.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from lstmbook.counting import Tally
from lstmbook.recurrent_network import RecurrentNetwork, Trace, forward, random_network
from lstmbook.squashing import Squashing
from lstmbook.validation import Array, as_count, as_number

MAX_PATHS = 2**18


@dataclass(frozen=True)
class Paths:
    """Every path from unit `v` at time `s` to unit `k` at time `t`, with its product.

    Attributes
    ----------
    units
        Shape (n ** (t - s - 1), t - s + 1): ``units[p, tau - s]`` is l_tau, the unit that path
        `p` visits at time tau; the first column is `v`, the last is `k`.
    product
        The terms of `eq-path-integral`, shape (n ** (t - s - 1),).
    """

    units: npt.NDArray[np.intp]
    product: Array

    def __len__(self) -> int:
        return len(self.product)

    @property
    def total(self) -> float:
        """The sum of all terms: the local flow."""
        return float(self.product.sum())

    @property
    def size(self) -> float:
        """The sum of the terms' absolute values: the flow if all had one sign."""
        return float(np.abs(self.product).sum())

    def heights(self, spread: float = 0.3) -> Array:
        """Return where a drawing puts each path at each time, in the shape of `units`.

        A path's height is the unit it visits, moved a little so that paths side by side can be
        told apart: by at most half of `spread`, and not at all at the two ends.
        """
        aside = np.linspace(-spread / 2, spread / 2, len(self)) if len(self) > 1 else np.zeros(1)
        height = self.units + aside[:, None]
        height[:, [0, -1]] = self.units[:, [0, -1]]
        return height

    def segments(self, spread: float = 0.3) -> tuple[Array, Array, Array, Array, Array]:
        """Return every step of every path for a drawing: x1, y1, x2, y2 and what the path brings.

        Each has shape (n_paths * (t - s),). A step leads the way the error goes, from x1 to the
        earlier x2; x is time counted from t, from -(t - s) to 0, and y is from `heights`. What
        a path brings is its product relative to the largest in size, from -1 to 1.
        """
        y = self.heights(spread)
        lag = y.shape[1] - 1
        x = np.tile(np.arange(1.0 - lag, 1.0), len(self))
        largest = np.abs(self.product).max() or 1.0
        brings = (self.product / largest).repeat(lag)
        return x, y[:, 1:].ravel(), x - 1, y[:, :-1].ravel(), brings


@dataclass(frozen=True)
class FlowCost:
    """Exact counts of the arithmetic behind one flow, in whole numbers of any length."""

    terms: int
    multiplications: int
    additions: int


@dataclass(frozen=True)
class Growth:
    """The flow between the same two units of a network that is given ever more units.

    Attributes
    ----------
    units
        The sizes of the network, shape (r,).
    flow
        The local flow at each size, shape (r,).
    size
        The sum of the absolute values of all terms at each size, shape (r,).
    """

    units: npt.NDArray[np.intp]
    flow: Array
    size: Array


def _check_run(network: RecurrentNetwork, trace: Trace) -> None:
    if trace.net.shape[1] != network.n_units:
        raise ValueError(
            f"trace has {trace.net.shape[1]} units; it must have the network's {network.n_units}"
        )


def _check_times(network: RecurrentNetwork, trace: Trace, s: Any, t: Any) -> tuple[int, int]:
    _check_run(network, trace)
    end = as_count("t", t, at_least=2, at_most=trace.n_steps)
    start = as_count("s", s, at_least=1, at_most=trace.n_steps)
    if end - start < 1:
        raise ValueError(
            f"s is {start} and t is {end}; the lag t - s is {end - start}, it must be at least 1"
        )
    return start, end


def _check_unit(name: str, unit: Any, network: RecurrentNetwork) -> int:
    return as_count(name, unit, at_least=0, at_most=network.n_units - 1)


def local_flow(network: RecurrentNetwork, trace: Trace, k: int, v: int, *, s: int, t: int) -> float:
    """Return d delta_v(s) / d delta_k(t) by the recursion of `eq-local-flow`.

    Parameters
    ----------
    network, trace
        A network and a run of it.
    k, v
        The unit where the error starts and the unit it reaches, counted from 0.
    s, t
        The time it reaches `v` and the time it starts, 1 <= s < t <= T.

    Raises
    ------
    TypeError, ValueError
        If a unit does not exist, a time is outside the trace or the lag t - s is below 1.
    """
    s, t = _check_times(network, trace, s, t)
    k, v = _check_unit("k", k, network), _check_unit("v", v, network)
    W, slope = network.W, network.f.slope(trace.net)  # slope[tau, l] = f'_l(net_l(tau))
    flow = slope[t - 1] * W[k]  # lag 1, for every unit at t - 1
    for tau in range(t - 2, s - 1, -1):
        flow = slope[tau] * (W.T @ flow)  # one lag more: sum over l of flow_l(tau + 1) w_lv
    return float(flow[v])


def paths(
    network: RecurrentNetwork,
    trace: Trace,
    k: int,
    v: int,
    *,
    s: int,
    t: int,
    max_paths: int = MAX_PATHS,
) -> Paths:
    """Return every path from `v` at `s` to `k` at `t` with its term of `eq-path-integral`.

    Parameters
    ----------
    network, trace, k, v, s, t
        As in `local_flow`.
    max_paths
        The most paths that may be listed at once.

    Raises
    ------
    TypeError, ValueError
        As in `local_flow`, and if there are more than `max_paths` paths.
    """
    s, t = _check_times(network, trace, s, t)
    k, v = _check_unit("k", k, network), _check_unit("v", v, network)
    n, limit = network.n_units, as_count("max_paths", max_paths, at_least=1)
    count = n ** (t - s - 1)
    if count > limit:
        raise ValueError(
            f"max_paths is {limit}; {n} units over a lag of {t - s} have "
            f"{n}^{t - s - 1} = {count} paths; shorten the lag, use fewer units or raise max_paths"
        )
    units = np.empty((count, t - s + 1), dtype=np.intp)
    units[:, 0], units[:, -1] = v, k
    number = np.arange(count)
    for tau in range(s + 1, t):  # path p's inner units are the digits of p in base n
        number, units[:, tau - s] = np.divmod(number, n)
    return Paths(units=units, product=path_products(network, trace, units, s=s))


def path_products(
    network: RecurrentNetwork, trace: Trace, units: npt.ArrayLike, *, s: int
) -> Array:
    """Return the terms of `eq-path-integral` for the given paths.

    Parameters
    ----------
    units
        Shape (n_paths, t - s + 1): the unit each path visits at s, s + 1, .., t.
    s
        The time of the first column.

    Returns
    -------
    product
        Shape (n_paths,).
    """
    units = np.asarray(units)
    t = s + units.shape[1] - 1
    W, slope = network.W, network.f.slope(trace.net)
    product: Array = W[units[:, t - s], units[:, t - 1 - s]]
    for tau in range(t - 1, s, -1):
        here, before = units[:, tau - s], units[:, tau - 1 - s]  # l_tau and l_(tau - 1)
        product = product * (slope[tau, here] * W[here, before])
    product = product * slope[s, units[:, 0]]
    return product


def path_sum(
    network: RecurrentNetwork,
    trace: Trace,
    k: int,
    v: int,
    *,
    s: int,
    t: int,
    max_paths: int = MAX_PATHS,
) -> float:
    """Return the local flow as the sum over all paths, `eq-path-integral`.

    Parameters, errors: as in `paths`.
    """
    return paths(network, trace, k, v, s=s, t=t, max_paths=max_paths).total


def matrix_flow(
    network: RecurrentNetwork, trace: Trace, k: int, v: int, *, s: int, t: int
) -> float:
    """Return the local flow as a product of matrices, `eq-matrix-flow`, taken from the right.

    The product over tau = t - 2, .., s + 1 is empty at lag 2; lag 1 has no product at all and is
    `eq-local-flow`'s first case. Parameters, errors: as in `local_flow`.
    """
    s, t = _check_times(network, trace, s, t)
    k, v = _check_unit("k", k, network), _check_unit("v", v, network)
    W, slope = network.W, network.f.slope(trace.net)
    if t - s == 1:
        return float(W[k, v] * slope[s, v])
    column = W[:, v] * slope[s, v]  # W_v f'_v(net_v(s))
    for tau in range(s + 1, t - 1):
        column = W @ (slope[tau] * column)  # W F'(tau)
    return float(W[k] @ (slope[t - 1] * column))  # W_k^T F'(t - 1)


def global_flow(
    network: RecurrentNetwork,
    trace: Trace,
    outputs: Iterable[int],
    v: int,
    *,
    s: int,
    t: int,
) -> float:
    """Return the sum of the local flows from all output units, `eq-global-flow`.

    Parameters
    ----------
    outputs
        The set O of output units, without repetition.
    network, trace, v, s, t
        As in `local_flow`.

    Raises
    ------
    TypeError, ValueError
        As in `local_flow`, and if `outputs` is empty or names a unit twice.
    """
    from_units = [_check_unit("outputs", k, network) for k in outputs]
    if not from_units or len(set(from_units)) < len(from_units):
        raise ValueError(f"outputs is {from_units}; it must name a unit, and none twice")
    return sum(local_flow(network, trace, k, v, s=s, t=t) for k in from_units)


def flow_matrices(
    network: RecurrentNetwork, trace: Trace, *, t: int, max_lag: int | None = None
) -> Array:
    """Return the local flow between every two units at every lag: all of `eq-matrix-flow`.

    Parameters
    ----------
    t
        The time the error starts.
    max_lag
        The longest lag, at most t - 1 (the default).

    Returns
    -------
    flow
        Shape (max_lag + 1, n, n): ``flow[q, k, v]`` is d delta_v(t - q) / d delta_k(t);
        ``flow[0]`` is the identity.

    Raises
    ------
    TypeError, ValueError
        If `t` is outside the trace or `max_lag` outside 1 .. t - 1.
    """
    _check_run(network, trace)
    t = as_count("t", t, at_least=2, at_most=trace.n_steps)
    longest = t - 1 if max_lag is None else as_count("max_lag", max_lag, at_least=1, at_most=t - 1)
    slope = network.f.slope(trace.net)
    flow = np.empty((longest + 1, network.n_units, network.n_units))
    flow[0] = np.eye(network.n_units)
    for q in range(1, longest + 1):
        flow[q] = flow[q - 1] @ (network.W * slope[t - q])  # one more W F'(t - q)
    return flow


def flow_size(network: RecurrentNetwork, trace: Trace, k: int, v: int, *, s: int, t: int) -> float:
    """Return the sum of the absolute values of all terms of `eq-path-integral`.

    A path's size is a product of sizes, so this is the matrix flow with |W| and |f'|: no
    list of paths is needed. Parameters, errors: as in `local_flow`.
    """
    f = replace(network.f, derivative=lambda net: np.abs(network.f.slope(net)))
    return matrix_flow(replace(network, W=np.abs(network.W), f=f), trace, k, v, s=s, t=t)


def form_gap(network: RecurrentNetwork, trace: Trace, k: int, v: int, *, s: int, t: int) -> float:
    """Return how far the three forms of the local flow lie apart, relative to `flow_size`.

    Parameters, errors: as in `paths`.
    """
    forms = (local_flow, path_sum, matrix_flow)
    flow = [form(network, trace, k, v, s=s, t=t) for form in forms]
    return (max(flow) - min(flow)) / flow_size(network, trace, k, v, s=s, t=t)


def path_cost(n: int, lag: int) -> FlowCost:
    """Count the arithmetic of `path_sum` for `n` units over `lag` steps.

    Each of the n ** (lag - 1) terms multiplies `lag` weights and `lag` slopes.

    Raises
    ------
    TypeError, ValueError
        If `n` or `lag` is not a whole number from 1.
    """
    n, lag = as_count("n", n, at_least=1), as_count("lag", lag, at_least=1)
    terms = n ** (lag - 1)
    return FlowCost(terms=terms, multiplications=terms * (2 * lag - 1), additions=terms - 1)


def product_cost(n: int, lag: int) -> FlowCost:
    """Count the arithmetic of `matrix_flow` for `n` units over `lag` steps.

    Each of the lag - 2 inner factors costs n ** 2 + n multiplications, the two ends 3 n.

    Raises
    ------
    TypeError, ValueError
        If `n` or `lag` is not a whole number from 1.
    """
    n, lag = as_count("n", n, at_least=1), as_count("lag", lag, at_least=1)
    if lag == 1:
        return FlowCost(terms=1, multiplications=1, additions=0)
    inner = lag - 2
    return FlowCost(
        terms=1,
        multiplications=inner * (n**2 + n) + 3 * n,
        additions=inner * n * (n - 1) + n - 1,
    )


def measured_multiplications(n: int, lag: int) -> tuple[int, int]:
    """Count the multiplications of `path_sum` and of `matrix_flow` while they run.

    Parameters
    ----------
    n, lag
        As in `path_cost`, with `lag` at least 2.
    """
    n, lag = as_count("n", n, at_least=1), as_count("lag", lag, at_least=2)
    network = random_network(np.random.default_rng(0), n)
    trace = forward(network, np.zeros((lag + 1, 1)))
    tallies = Tally(), Tally()
    for form, tally in zip((path_sum, matrix_flow), tallies, strict=True):
        watched = replace(network)
        # past the constructor, which would turn W into an ordinary array
        object.__setattr__(watched, "W", tally.watch(network.W))
        form(watched, trace, n - 1, 0, s=1, t=lag + 1)
    return tallies[0].multiplications, tallies[1].multiplications


def first_units(network: RecurrentNetwork, n_units: int) -> RecurrentNetwork:
    """Return the network that is left when only the first `n_units` units stay.

    Raises
    ------
    TypeError, ValueError
        If `n_units` is not a whole number from 1 to the network's size.
    """
    n = as_count("n_units", n_units, at_least=1, at_most=network.n_units)
    return replace(network, W=network.W[:n, :n], U=network.U[:n], b=network.b[:n])


def grow(
    rng: np.random.Generator,
    sizes: Iterable[int],
    *,
    lag: int,
    scale: float,
    f: Squashing | str,
    positive: bool = False,
) -> Growth:
    """Follow the flow from unit 1 to unit 0 while units are added to one random network.

    The largest network is drawn once, with weights and inputs uniform in [-scale, scale] and
    [-1, 1]; a smaller one is its first units, so that a step up only adds units.

    Parameters
    ----------
    sizes
        The numbers of units, rising, each at least 2.
    lag
        The steps the error flows back.
    scale
        The largest absolute weight.
    f
        The squashing function, or its name.
    positive
        Make every recurrent weight positive by dropping its sign.

    Raises
    ------
    TypeError, ValueError
        If a size or the lag is too small, `sizes` does not rise or `scale` is negative.
    """
    units = [as_count("sizes", n, at_least=2) for n in sizes]
    if not units or sorted(set(units)) != units:
        raise ValueError(f"sizes is {units}; it must name at least one size, and rise")
    lag = as_count("lag", lag, at_least=1)
    scale = as_number("scale", scale, at_least=0)
    largest = random_network(rng, units[-1], 1, scale=scale, f=f)
    if positive:
        largest = replace(largest, W=np.abs(largest.W))
    x = rng.uniform(-1, 1, (lag + 1, 1))
    flow, size = [], []
    for n in units:
        network = first_units(largest, n)
        trace = forward(network, x)
        flow.append(local_flow(network, trace, k=1, v=0, s=1, t=lag + 1))
        size.append(flow_size(network, trace, k=1, v=0, s=1, t=lag + 1))
    return Growth(units=np.array(units), flow=np.array(flow), size=np.array(size))
