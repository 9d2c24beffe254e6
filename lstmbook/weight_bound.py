"""When error flow vanishes and when it explodes: path factors, the worst weight, the bounds.

Units, times and lags are those of `recurrent_network` and `error_path_integral`: an error starts
at unit `k` at time `t` and reaches unit `v` at time `s`, over the lag ``q = t - s``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from lstmbook.error_path_integral import flow_matrices
from lstmbook.recurrent_network import (
    RecurrentNetwork,
    Trace,
    backprop,
    bptt,
    forward,
    random_network,
)
from lstmbook.squashing import Squashing, logistic, squashing
from lstmbook.validation import Array, as_array, as_count, as_number, as_numbers

# ---------------------------------------------------------------- one factor of one path


def path_factor(w: Array | float, net: Array | float, f: Squashing | str = logistic) -> Array:
    """Return |f'(net) w|, by which one step of a path scales the error: `eq-path-factor`.

    Parameters
    ----------
    w
        Weight or weights.
    net
        Net input or inputs of the unit that the weight leads to; broadcast with `w`.
    f
        The unit's squashing function.

    Raises
    ------
    TypeError, ValueError
        If `w` or `net` is not numeric or an entry is not finite.
    """
    factor: Array = np.abs(squashing(f).slope(as_numbers("net", net)) * as_numbers("w", w))
    return factor


@dataclass(frozen=True)
class WorstWeight:
    """The weight at which the path factor is largest, for a given activation and bias.

    Attributes
    ----------
    w
        The weight.
    net
        The net input it gives, ``w a + bias``.
    factor
        The path factor there: the largest that any weight reaches.
    """

    w: float
    net: float
    factor: float


# slope(net) is proportional to 1 - tanh(steepness * net / 2)**2 for each of these
_STEEPNESS = {"logistic": 1.0, "tanh": 2.0, "g": 1.0, "h": 1.0}


def _weighted_activation(bias: float, steepness: float) -> float:
    """Return the z > 0 with steepness z tanh(steepness (z + bias) / 2) = 1, by bisection.

    log z + log f'(z + bias) is concave in z, so this is its only stationary point: a maximum.
    """
    low = max(0.0, -bias)
    high = low + 1.0

    def excess(z: float) -> float:
        return steepness * z * float(np.tanh(steepness * (z + bias) / 2)) - 1

    while excess(high) < 0:
        high *= 2
    while (middle := (low + high) / 2) not in (low, high):
        low, high = (low, middle) if excess(middle) > 0 else (middle, high)
    return middle


def worst_weight(a: float, bias: float = 0.0, f: Squashing | str = logistic) -> WorstWeight:
    """Return the weight that makes |f'(w a + bias) w| largest: `eq-worst-weight`.

    With the logistic function it solves ``w a tanh(net / 2) = 1``, that is
    ``w = coth(net / 2) / a`` with ``net = w a + bias``: an equation in which `w` stands on both
    sides, solved here by bisection.

    Parameters
    ----------
    a
        The activation that the weight carries; constant and not 0.
    bias
        Everything else that reaches the unit.
    f
        logistic, tanh, g or h.

    Raises
    ------
    ValueError
        If `a` is 0 or `f` is the identity: then the factor grows with |w| and has no maximum.
    """
    a = as_number("a", a)
    bias = as_number("bias", bias)
    f = squashing(f)
    if a == 0:
        raise ValueError("a is 0; it must not be: then net ignores w and the factor has no maximum")
    if f.name not in _STEEPNESS:
        raise ValueError(f"f is {f.name!r}; it must be one of {', '.join(_STEEPNESS)}")
    # f' is even: a weighted activation below 0 is one above 0 with the bias turned round
    candidates = [
        _weighted_activation(bias, _STEEPNESS[f.name]),
        -_weighted_activation(-bias, _STEEPNESS[f.name]),
    ]
    found = [
        WorstWeight(z / a, z + bias, float(path_factor(z / a, z + bias, f))) for z in candidates
    ]
    return max(found, key=lambda each: each.factor)


# ---------------------------------------------------------------- whole paths, whole flows


def _check_times(network: RecurrentNetwork, trace: Trace, s: int, t: int) -> tuple[int, int]:
    if trace.net.shape[1] != network.n_units:
        raise ValueError(
            f"trace has {trace.net.shape[1]} units; it must have the network's {network.n_units}"
        )
    t = as_count("t", t, at_least=2, at_most=trace.n_steps)
    return as_count("s", s, at_least=1, at_most=t - 1), t


def path_factors(network: RecurrentNetwork, trace: Trace, units: Sequence[int], *, s: int) -> Array:
    """Return the factors |f'(net) w| along one path: `eq-path-factor`.

    Parameters
    ----------
    units
        The units ``l_s = v, l_(s+1), .., l_t = k`` of the path, at least two.
    s
        The time of the first.

    Returns
    -------
    factors
        Shape (t - s - 1,): ``|f'(net_l(tau)) w|`` with `w` leading from l_(tau-1) to l_tau, for
        tau = s + 1 .. t - 1.
    """
    path = [as_count("units", unit, at_most=network.n_units - 1) for unit in units]
    s, _ = _check_times(network, trace, s, as_count("s", s, at_least=1) + len(path) - 1)
    here, before = path[1:-1], path[:-2]
    times = s + 1 + np.arange(len(here))
    return path_factor(network.W[here, before], trace.net[times, here], network.f)


def largest_path(
    network: RecurrentNetwork, trace: Trace, k: int, v: int, *, s: int, t: int
) -> tuple[float, tuple[int, ...]]:
    """Return the size of the largest term of `eq-path-integral`, and the units of its path.

    The best path to a unit extends the best path to some unit one step later, so keeping one
    path for each unit finds the largest of ``n**(t-s-1)`` in ``(t - s) n**2`` steps.

    Parameters
    ----------
    k, v, s, t
        The error starts at unit `k` at time `t` and reaches unit `v` at time `s`.

    Returns
    -------
    size, units
        The term without its sign, and l_s = v, .., l_t = k.
    """
    s, t = _check_times(network, trace, s, t)
    n = network.n_units
    k, v = as_count("k", k, at_most=n - 1), as_count("v", v, at_most=n - 1)
    best = np.abs(network.W[k])
    paths = [(unit, k) for unit in range(n)]
    for tau in range(t - 1, s, -1):
        through = best * network.f.slope(trace.net[tau])  # by the unit at tau
        sizes = through[:, None] * np.abs(network.W)  # row: unit at tau, column: at tau - 1
        winner = sizes.argmax(axis=0)
        best = sizes.max(axis=0)
        paths = [(unit, *paths[winner[unit]]) for unit in range(n)]
    return float(best[v] * network.f.slope(trace.net[s, v])), paths[v]


# ---------------------------------------------------------------- norms and the bounds


class IncompatibleNorms(ValueError):
    """A matrix norm and a vector norm do not satisfy what a bound rests on."""


@dataclass(frozen=True)
class Norms:
    """A matrix norm and the vector norm it is used with.

    Attributes
    ----------
    name
        The name it is looked up by (`norms`).
    matrix, vector
        Map a matrix of shape (n, n), a vector of shape (n,), to a number.
    """

    name: str
    matrix: Callable[[Array], float] = field(repr=False)
    vector: Callable[[Array], float] = field(repr=False)


def _norm(order: float | str) -> Callable[[Array], float]:
    return lambda array: float(np.linalg.norm(array, order))  # type: ignore[arg-type]


NORMS = {
    each.name: each
    for each in (
        Norms("max", _norm(np.inf), _norm(np.inf)),  # largest row sum, largest entry
        Norms("one", _norm(1), _norm(1)),  # largest column sum, sum of entries
        Norms("two", _norm(2), _norm(2)),  # largest singular value, length
        Norms("frobenius", _norm("fro"), _norm(2)),
    )
}


def norms(name: str | Norms) -> Norms:
    """Return the pair of norms called `name`, or `name` itself if it is one already.

    Raises
    ------
    ValueError
        If there is none of that name.
    """
    if isinstance(name, Norms):
        return name
    if name not in NORMS:
        raise ValueError(f"name is {name!r}; it must be one of {', '.join(NORMS)}")
    return NORMS[name]


_SLACK = 1 + 1e-12  # rounding in a norm is not a violation


def require_compatible(pair: str | Norms, *matrices: Array) -> None:
    """Raise unless the pair satisfies, on these matrices, what `eq-norm-bound` asks of norms.

    Tried on each matrix M: ``|M x|_x <= |M|_A |x|_x``, ``max |x_i| <= |x|_x`` and
    ``|e_i|_x = 1``. The vectors x are the unit vectors, the signs of the rows and the right
    singular vectors: among them are the worst ones for the 1-norm, the max norm and the 2-norm.

    Raises
    ------
    IncompatibleNorms
        If one of them fails; the message gives both sides.
    """
    pair = norms(pair)
    for M in matrices:
        unit = np.eye(len(M))
        for e in unit:
            if abs(pair.vector(e) - 1) > 1e-12:
                raise IncompatibleNorms(
                    f"pair {pair.name!r}: a unit vector has norm {pair.vector(e):g}; it must be 1"
                )
        for x in (*unit, *np.where(M < 0, -1.0, 1.0), *np.linalg.svd(M)[2]):
            image, size = pair.vector(M @ x), pair.vector(x)
            if image > pair.matrix(M) * size * _SLACK:
                raise IncompatibleNorms(
                    f"pair {pair.name!r}: |M x| is {image:g}, but |M| |x| is "
                    f"{pair.matrix(M) * size:g}; the matrix norm must not be below their ratio"
                )
            if np.abs(x).max() > size * _SLACK:
                raise IncompatibleNorms(
                    f"pair {pair.name!r}: a vector with an entry {np.abs(x).max():g} has norm "
                    f"{size:g}; it must not be below its largest entry"
                )


def chain_gap(W: Array, pair: str | Norms = "max") -> Array:
    """Return |W_k^T|_x - |W|_A for each k: above 0 where the published chain of norms breaks.

    Returns
    -------
    gap
        Shape (n,): the norm of each row of W, less the norm of W.
    """
    W = as_array("W", W, (None, None))
    pair = norms(pair)
    return np.array([pair.vector(row) for row in W]) - pair.matrix(W)


def largest_slope(
    network: RecurrentNetwork, trace: Trace, *, s: int, t: int, pair: str | Norms = "max"
) -> float:
    """Return f'_max, the largest norm of the diagonal matrix F'(tau) over tau = s .. t - 1."""
    s, t = _check_times(network, trace, s, t)
    pair = norms(pair)
    return max(pair.matrix(np.diag(network.f.slope(trace.net[tau]))) for tau in range(s, t))


@dataclass(frozen=True)
class NormBound:
    """The two bounds of `eq-norm-bound`.

    Attributes
    ----------
    by_vectors
        ``n f'_max^q |W_v| |W_k^T| |W|^(q-2)``.
    by_matrix
        ``n (f'_max |W|)^q``, never below `by_vectors`.
    """

    by_vectors: float
    by_matrix: float


def norm_bound(
    network: RecurrentNetwork,
    trace: Trace,
    k: int,
    v: int,
    *,
    s: int,
    t: int,
    pair: str | Norms = "max",
) -> NormBound:
    """Return the published bounds of the flow from `k` at `t` to `v` at `s`: `eq-norm-bound`.

    Raises
    ------
    IncompatibleNorms
        If the norms are not compatible on W and the matrices F', or if the step
        ``|W_k^T|_x <= |W|_A`` fails for this W and k (as it can with the 1-norm).
    ValueError
        If ``t - s`` is below 2: the bound is stated for longer lags.
    """
    s, t = _check_times(network, trace, s, t)
    q, n, W = t - s, network.n_units, network.W
    as_count("t - s", q, at_least=2)
    k, v = as_count("k", k, at_most=n - 1), as_count("v", v, at_most=n - 1)
    pair = norms(pair)
    slopes = [np.diag(network.f.slope(trace.net[tau])) for tau in range(s, t)]
    require_compatible(pair, W, *slopes)
    if chain_gap(W, pair)[k] > pair.matrix(W) * (_SLACK - 1):
        raise IncompatibleNorms(
            f"pair {pair.name!r}: row {k} of W has norm {pair.vector(W[k]):g}; for the bound it "
            f"must be at most the norm of W, {pair.matrix(W):g}"
        )
    f_max, size = largest_slope(network, trace, s=s, t=t, pair=pair), pair.matrix(W)
    ends = pair.vector(W[:, v]) * pair.vector(W[k])
    return NormBound(
        by_vectors=float(n * f_max**q * ends * size ** (q - 2)),
        by_matrix=float(n * (f_max * size) ** q),
    )


def bound_shares(
    network: RecurrentNetwork, trace: Trace, *, s: int, t: int, pair: str | Norms = "max"
) -> Array:
    """Return how much of three bounds the flows from `t` back to `s` take up, at most.

    Returns
    -------
    shares
        Shape (3,): the largest flow between any two units over the first bound of
        `eq-norm-bound`, over the second, and over the second without its factor n. Unlike
        `norm_bound` it asks nothing of the norms: a share above 1 is a bound that fails.

    Raises
    ------
    ValueError
        If ``t - s`` is below 2: the bound is stated for longer lags.
    """
    s, t = _check_times(network, trace, s, t)
    q, n, W = as_count("t - s", t - s, at_least=2), network.n_units, network.W
    pair = norms(pair)
    f_max, size = largest_slope(network, trace, s=s, t=t, pair=pair), pair.matrix(W)
    flow = np.abs(flow_matrices(network, trace, t=t, max_lag=q)[q])
    ends = np.outer([pair.vector(row) for row in W], [pair.vector(column) for column in W.T])
    by_vectors = float((flow / ends).max()) / (n * f_max**q * size ** (q - 2))
    without_n = float(flow.max()) / (f_max * size) ** q
    return np.array([by_vectors, without_n / n, without_n])


def decay_rate(n: int, w_max: float, f: Squashing | str = logistic) -> float:
    """Return lambda = n w_max max f', by which the bounds shrink at each step of the lag.

    Raises
    ------
    ValueError
        If `n` is below 1 or `w_max` is negative.
    """
    n = as_count("n", n, at_least=1)
    return n * as_number("w_max", w_max, at_least=0) * squashing(f).max_slope


def published_bound(n: int, w_max: float, lag: int, f: Squashing | str = logistic) -> float:
    """Return n lambda^lag, the bound in print for |w_ij| <= w_max: `eq-weight-bound`."""
    return float(n * decay_rate(n, w_max, f) ** as_count("lag", lag, at_least=1))


def tight_bound(n: int, w_max: float, lag: int, f: Squashing | str = logistic) -> float:
    """Return lambda^lag / n, which no net with |w_ij| <= w_max exceeds: `eq-tight-bound`.

    Each of the ``n**(lag-1)`` paths has `lag` weights and `lag` slopes, so its size is at most
    ``(w_max max f')**lag``.
    """
    return float(decay_rate(n, w_max, f) ** as_count("lag", lag, at_least=1) / n)


def induced_bound(W: Array, lag: int, f: Squashing | str = logistic, pair: str = "max") -> float:
    """Return (max f' |W|)^lag for an induced norm, without the factor n: `eq-tight-bound`.

    Parameters
    ----------
    pair
        "one", "two" or "max": the induced p-norms for p = 1, 2 and infinity.

    Raises
    ------
    ValueError
        If the norm is not induced by its vector norm.
    """
    W = as_array("W", W, (None, None))
    if pair not in ("one", "two", "max"):
        raise ValueError(f"pair is {pair!r}; it must be an induced norm: one, two or max")
    lag = as_count("lag", lag, at_least=1)
    return float((squashing(f).max_slope * norms(pair).matrix(W)) ** lag)


# ---------------------------------------------------------------- nets to measure


def balanced(
    W: Array, n_steps: int, f: Squashing | str = logistic
) -> tuple[RecurrentNetwork, Trace]:
    """Return a net whose net inputs are all 0 at every step, and its run.

    The biases ``b_i = -sum_j w_ij a_j`` with ``a_j = f(0)`` cancel what the units send each other,
    so every slope is the largest there is. With all weights equal to w_max this net reaches
    `eq-tight-bound`.

    Parameters
    ----------
    W
        Recurrent weights, shape (n, n).
    n_steps
        Steps to run, without input.
    """
    f = squashing(f)
    W = as_array("W", W, (None, None))
    rest = np.full(len(W), float(f(0.0)))
    network = RecurrentNetwork(W=W, U=np.zeros((len(W), 0)), b=-(W @ rest), f=f)
    steps = as_count("n_steps", n_steps, at_least=1)
    return network, forward(network, np.zeros((steps, 0)), a_start=rest)


def unit_with_factors(factors: Array, w: float) -> tuple[RecurrentNetwork, Trace]:
    """Return one logistic unit, driven so that its path factor at each step is the one given.

    Parameters
    ----------
    factors
        The factor |f'(net(tau)) w| wanted at tau = 1 .. T, shape (T,).
    w
        The unit's self-weight.

    Raises
    ------
    ValueError
        If a factor is not above 0 or is above |w| / 4, the largest that any net input gives.
    """
    factors, w = as_array("factors", factors, (None,)), as_number("w", w)
    if len(factors) == 0 or factors.min() <= 0 or factors.max() > abs(w) / 4:
        raise ValueError(
            f"factors is {factors}; each must be above 0 and at most |w| / 4 = {abs(w) / 4:g}"
        )
    a = (1 + np.sqrt(1 - 4 * factors / abs(w))) / 2  # the activation where a (1 - a) = factor / |w|
    net = np.log(a / (1 - a))
    before = np.concatenate([[0.0], a[:-1]])
    network = RecurrentNetwork(W=np.array([[w]]), U=np.ones((1, 1)), b=np.zeros(1))
    return network, forward(network, (net - w * before)[:, None])


@dataclass(frozen=True)
class Tightness:
    """Flows of random nets beside what bounds them, lag by lag.

    Attributes
    ----------
    lags
        Shape (L,).
    flow
        Sizes of the flows, shape (n_nets, L, n, n): net, lag, where it starts, where it arrives.
    published, tight
        The bounds for |w_ij| <= w_max, each of shape (L,).
    induced
        The row-sum bound of each net's own W, shape (n_nets, L).
    """

    lags: Array
    flow: Array
    published: Array
    tight: Array
    induced: Array

    def ratio(self, bound: str = "tight") -> Array:
        """Return flow / bound, shape (n_nets, L, n, n), for "published", "tight" or "induced"."""
        if bound not in ("published", "tight", "induced"):
            raise ValueError(f"bound is {bound!r}; it must be published, tight or induced")
        limit = np.broadcast_to(getattr(self, bound), self.flow.shape[:2])
        return np.asarray(self.flow / limit[:, :, None, None])


def measure_tightness(
    rng: np.random.Generator,
    n: int,
    w_max: float,
    max_lag: int,
    *,
    n_nets: int = 100,
    drive: float = 1.0,
    f: Squashing | str = logistic,
) -> Tightness:
    """Draw nets, run them on random inputs, and set their error flows beside the bounds.

    Recurrent weights are uniform in [-w_max, w_max], input weights and biases in
    [-drive, drive], and the one input is drawn from a standard normal distribution.

    Raises
    ------
    ValueError
        If `w_max` is not above 0 or a count is too small.
    """
    n = as_count("n", n, at_least=1)
    w_max = as_number("w_max", w_max, above=0)
    max_lag = as_count("max_lag", max_lag, at_least=1)
    drive = as_number("drive", drive, at_least=0)
    lags = np.arange(1, max_lag + 1)
    flow, induced = [], []
    for _ in range(as_count("n_nets", n_nets, at_least=1)):
        network = RecurrentNetwork(
            W=rng.uniform(-w_max, w_max, (n, n)),
            U=rng.uniform(-drive, drive, (n, 1)),
            b=rng.uniform(-drive, drive, n),
            f=squashing(f),
        )
        trace = forward(network, rng.standard_normal((max_lag + 1, 1)))
        flow.append(np.abs(flow_matrices(network, trace, t=max_lag + 1)[1:]))
        induced.append([induced_bound(network.W, int(lag), f) for lag in lags])
    return Tightness(
        lags=lags.astype(np.float64),
        flow=np.array(flow),
        published=np.array([published_bound(n, w_max, int(lag), f) for lag in lags]),
        tight=np.array([tight_bound(n, w_max, int(lag), f) for lag in lags]),
        induced=np.array(induced),
    )


@dataclass(frozen=True)
class ScaleEffect:
    """What the size of the initial weights does to slopes and flows.

    Attributes
    ----------
    scales
        Half-widths of the interval the weights are drawn from, shape (S,).
    flow
        Median size of the flow over all pairs of units, each net, shape (S, n_nets).
    slope
        ``|F'(tau)|`` in the row-sum norm (the largest slope of any unit), median over time,
        shape (S, n_nets).
    norm
        ``|W|`` in the row-sum norm, shape (S, n_nets).
    """

    scales: Array
    flow: Array
    slope: Array
    norm: Array


def flow_by_scale(
    rng: np.random.Generator,
    scales: Sequence[float],
    *,
    n: int,
    lag: int,
    n_nets: int = 20,
    f: Squashing | str = logistic,
) -> ScaleEffect:
    """Draw nets with ever larger weights and measure how much error survives the lag.

    Every weight and bias is uniform in [-scale, scale]; the one input is drawn from a standard
    normal distribution, for ten steps longer than the lag.
    """
    lag = as_count("lag", lag, at_least=1)
    shape = (len(scales), as_count("n_nets", n_nets, at_least=1))
    flow, slope, norm = np.empty(shape), np.empty(shape), np.empty(shape)
    for place in np.ndindex(shape):
        network = random_network(rng, n, 1, scale=scales[place[0]], f=f)
        trace = forward(network, rng.standard_normal((lag + 10, 1)))
        flows = flow_matrices(network, trace, t=lag + 10, max_lag=lag)
        flow[place] = np.median(np.abs(flows[lag]))
        slope[place] = np.median(network.f.slope(trace.net[1:]).max(axis=1))
        norm[place] = NORMS["max"].matrix(network.W)
    return ScaleEffect(np.asarray(scales, dtype=np.float64), flow, slope, norm)


# ---------------------------------------------------------------- what learning makes of it


def update_by_age(
    network: RecurrentNetwork, x: Array, target: Array, learning_rate: float
) -> Array:
    """Return how much each step of the past moves the recurrent weights, by its age.

    Parameters
    ----------
    x
        Inputs, shape (T, m).
    target
        Desired activations at the last step, shape (n,); NaN where a unit has none.
    learning_rate
        eta in `eq-weight-update`.

    Returns
    -------
    sizes
        Shape (T,): entry q is the length of ``eta delta(T-q) a(T-q-1)^T``, all weights together.
    """
    rate = as_number("learning_rate", learning_rate, above=0)
    trace = forward(network, x)
    e = np.zeros_like(trace.a)
    e[-1] = np.nan_to_num(np.asarray(target, dtype=np.float64) - trace.a[-1])
    delta = backprop(network, trace, e)
    newest_first = np.arange(trace.n_steps, 0, -1)
    # the length of an outer product is the product of the lengths
    lengths = np.linalg.norm(delta, axis=1)[newest_first]
    return np.asarray(rate * lengths * np.linalg.norm(trace.a, axis=1)[newest_first - 1])


def descend(
    network: RecurrentNetwork, x: Array, target: Array, learning_rate: float, n_updates: int
) -> Array:
    """Train the recurrent weights by gradient descent on one sequence, and keep them all.

    Parameters
    ----------
    x
        Inputs, shape (T, m).
    target
        Desired activations, shape (T, n); NaN where a unit has no target.

    Returns
    -------
    history
        Recurrent weights before the first and after each update, shape (n_updates + 1, n, n).
    """
    rate = as_number("learning_rate", learning_rate, above=0)
    history = [network.W]
    for _ in range(as_count("n_updates", n_updates)):
        now = RecurrentNetwork(W=history[-1], U=network.U, b=network.b, f=network.f)
        history.append(history[-1] + rate * bptt(now, x, target).W)
    return np.array(history)


def recall_sequence(
    rng: np.random.Generator, lag: int, noise: float, n_units: int
) -> tuple[Array, Array]:
    """Draw a sequence whose first input, 1 or -1, is asked for after `lag` noisy steps.

    Returns
    -------
    x, target
        Inputs of shape (lag + 1, 1), and targets of shape (lag + 1, n_units): unit 0 should end
        at 0.8 or 0.2.
    """
    lag = as_count("lag", lag, at_least=1)
    sign = float(rng.choice([-1.0, 1.0]))
    x = as_number("noise", noise, at_least=0) * rng.standard_normal((lag + 1, 1))
    x[0] = sign
    target = np.full((lag + 1, n_units), np.nan)
    target[-1, 0] = 0.5 + 0.3 * sign
    return x, target


def train_recall(
    rng: np.random.Generator,
    lag: int,
    learning_rate: float,
    n_updates: int,
    *,
    noise: float = 0.5,
    n_units: int = 3,
    n_test: int = 100,
) -> float:
    """Train a small logistic net by BPTT to recall its first input, and return how often it does.

    Parameters
    ----------
    lag
        Steps from the input to the error.
    learning_rate, n_updates
        Plain gradient descent, one new sequence an update.
    noise
        Standard deviation of the distracting inputs in between.

    Returns
    -------
    fraction
        Of `n_test` new sequences, those whose answer is on the right side of 0.5. Guessing
        gives one half.
    """
    rate = as_number("learning_rate", learning_rate, above=0)
    network = random_network(rng, n_units, 1)
    for _ in range(as_count("n_updates", n_updates)):
        gradient = bptt(network, *recall_sequence(rng, lag, noise, n_units))
        network = RecurrentNetwork(
            W=network.W + rate * gradient.W,
            U=network.U + rate * gradient.U,
            b=network.b + rate * gradient.b,
        )
    right = 0
    for _ in range(as_count("n_test", n_test, at_least=1)):
        x, target = recall_sequence(rng, lag, noise, n_units)
        right += bool((forward(network, x).a[-1, 0] > 0.5) == (target[-1, 0] > 0.5))
    return right / n_test
