"""A fully recurrent network and its gradient, computed backwards (BPTT) and forwards (RTRL).

Time is indexed as in the papers: ``a[0]`` is the start, ``net[t]`` and ``a[t]`` belong to step
``t = 1 .. T``. ``W[i, j]`` is the weight on the connection from unit `j` to unit `i`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from timeit import repeat

import numpy as np

from lstmbook.counting import Tally
from lstmbook.squashing import Squashing, logistic, squashing
from lstmbook.validation import Array, as_array, as_count, as_number


@dataclass(frozen=True, eq=False)
class RecurrentNetwork:
    """The weights of a fully recurrent network of `n` units and `m` inputs.

    Attributes
    ----------
    W
        Recurrent weights, shape (n, n): ``W[i, j]`` leads from unit `j` to unit `i`.
    U
        Input weights, shape (n, m).
    b
        Biases, shape (n,).
    f
        The units' squashing function, or its name.

    Raises
    ------
    TypeError, ValueError
        If an array is not numeric, a shape does not fit or an entry is not finite.
    """

    W: Array
    U: Array
    b: Array
    f: Squashing = logistic

    def __post_init__(self) -> None:
        W = as_array("W", self.W, (None, None))
        n = len(W)
        if n == 0 or W.shape != (n, n):
            raise ValueError(f"W has shape {W.shape}; it must be square, with at least one unit")
        # copies: a later change to the caller's arrays must not change the network
        object.__setattr__(self, "W", W.copy())
        object.__setattr__(self, "U", as_array("U", self.U, (n, None)).copy())
        object.__setattr__(self, "b", as_array("b", self.b, (n,)).copy())
        object.__setattr__(self, "f", squashing(self.f))

    @property
    def n_units(self) -> int:
        """The number of units, n."""
        return len(self.W)

    @property
    def n_inputs(self) -> int:
        """The number of input lines, m."""
        return int(self.U.shape[1])


@dataclass(frozen=True, eq=False)
class Trace:
    """Everything a network did over T steps.

    Attributes
    ----------
    x
        Inputs, shape (T + 1, m); row 0 is unused (NaN).
    net
        Net inputs, shape (T + 1, n); row 0 is unused (NaN).
    a
        Activations, shape (T + 1, n); row 0 is the start.
    """

    x: Array
    net: Array
    a: Array

    @property
    def n_steps(self) -> int:
        """The number of steps, T."""
        return len(self.a) - 1


@dataclass(frozen=True, eq=False)
class Gradient:
    """The derivative of the error with respect to each weight: what BPTT and RTRL both compute.

    Attributes
    ----------
    W, U, b
        ``-dE/dW`` and so on, in the weights' shapes: the direction of a step *down* the error,
        since `delta` carries the minus sign (`eq-error-signal`).
    """

    W: Array
    U: Array
    b: Array


def random_network(
    rng: np.random.Generator,
    n_units: int,
    n_inputs: int = 1,
    *,
    scale: float = 1.0,
    f: Squashing | str = logistic,
) -> RecurrentNetwork:
    """Draw a network with every weight uniform in [-scale, scale].

    Raises
    ------
    TypeError, ValueError
        If a count or the scale is not a number in its range.
    """
    n = as_count("n_units", n_units, at_least=1)
    m = as_count("n_inputs", n_inputs)
    scale = as_number("scale", scale, at_least=0)
    return RecurrentNetwork(
        W=rng.uniform(-scale, scale, (n, n)),
        U=rng.uniform(-scale, scale, (n, m)),
        b=rng.uniform(-scale, scale, n),
        f=squashing(f),
    )


def step(network: RecurrentNetwork, a: Array, x: Array) -> tuple[Array, Array]:
    """Take one step: `eq-forward`, net(t) = W a(t-1) + U x(t) + b and a(t) = f(net(t)).

    Parameters
    ----------
    a
        Activations of the step before, shape (n,).
    x
        Inputs of this step, shape (m,).

    Returns
    -------
    net, a
        Net inputs and activations of this step, each of shape (n,).
    """
    net = network.W @ a + network.U @ x + network.b
    return net, network.f(net)


def forward(network: RecurrentNetwork, x: Array, a_start: Array | None = None) -> Trace:
    """Run the network over a sequence and keep everything.

    Parameters
    ----------
    x
        Inputs of steps 1 .. T, shape (T, m).
    a_start
        Activations before the first step, shape (n,); zeros unless given.

    Raises
    ------
    ValueError
        If a shape does not fit or an entry is not finite.
    """
    n, m = network.n_units, network.n_inputs
    x = as_array("x", x, (None, m))
    T = len(x)
    start = np.zeros(n) if a_start is None else as_array("a_start", a_start, (n,))
    net = np.full((T + 1, n), np.nan)
    a = np.empty((T + 1, n))
    a[0] = start
    inputs = np.vstack([np.full((1, m), np.nan), x])
    for t in range(1, T + 1):
        net[t], a[t] = step(network, a[t - 1], inputs[t])
    return Trace(x=inputs, net=net, a=a)


def target_at_end(T: int, desired: Array) -> Array:
    """Return targets for the last of T steps only, shape (T, n), NaN before.

    Parameters
    ----------
    desired
        Desired activations at the last step, shape (n,); NaN where a unit has no target.
    """
    d = as_array("desired", desired, (None,), nan_allowed=True)
    target = np.full((as_count("T", T, at_least=1), len(d)), np.nan)
    target[-1] = d
    return target


def error(a: Array, d: Array) -> Array:
    """Return e = d - a where there is a target, and 0 where the target `d` is NaN (any shape)."""
    return np.where(np.isnan(d), 0.0, d - a)


def output_error(trace: Trace, target: Array) -> Array:
    """Return the errors e(t) = d(t) - a(t) of all steps, 0 where there is no target.

    Parameters
    ----------
    target
        Desired activations of steps 1 .. T, shape (T, n); NaN where a unit has no target.

    Returns
    -------
    e
        Shape (T + 1, n), indexed by the papers' time; row 0 is zero.

    Raises
    ------
    ValueError
        If the shape does not fit or an entry is infinite.
    """
    d = as_array("target", target, trace.a[1:].shape, nan_allowed=True)
    e = np.zeros_like(trace.a)
    e[1:] = error(trace.a[1:], d)
    return e


def loss(network: RecurrentNetwork, x: Array, target: Array) -> float:
    """Return E, half the sum of squared errors over all steps and units that have a target."""
    e = output_error(forward(network, x), target)
    return float(0.5 * (e**2).sum())


def step_back(network: RecurrentNetwork, net: Array, e: Array, back: Array) -> tuple[Array, Array]:
    """Take one step back: `eq-error-signal` and `eq-backprop`, delta = f'(net) (e + back).

    Parameters
    ----------
    net, e
        Net inputs and errors of this step, each of shape (n,).
    back
        What arrives from the step after, the sum over i of w_ij delta_i(tau + 1), shape (n,).

    Returns
    -------
    delta, back
        Error signals of this step, and what they hand to the step before, each of shape (n,).
    """
    delta = network.f.slope(net) * (e + back)
    return delta, network.W.T @ delta


def backprop(network: RecurrentNetwork, trace: Trace, e: Array) -> Array:
    """Carry errors back through the whole sequence (`eq-backprop`).

    Parameters
    ----------
    e
        Errors d - a of each unit at each step, shape (T + 1, n), from `output_error`.

    Returns
    -------
    delta
        Error signals -dE/dnet, shape (T + 1, n); row 0 is zero.

    Raises
    ------
    ValueError
        If the errors' shape does not fit the trace or an entry is not finite.
    """
    e = as_array("e", e, trace.a.shape)
    delta = np.zeros_like(trace.a)
    back = np.zeros(network.n_units)
    for tau in range(trace.n_steps, 0, -1):
        delta[tau], back = step_back(network, trace.net[tau], e[tau], back)
    return delta


def contribution(delta: Array, a_before: Array, x: Array) -> Gradient:
    """Return what one step adds to the gradient: `eq-weight-update` without the learning rate.

    Parameters
    ----------
    delta
        Error signals of the step, shape (n,).
    a_before
        Activations of the step before, shape (n,).
    x
        Inputs of the step, shape (m,).
    """
    return Gradient(W=np.multiply.outer(delta, a_before), U=np.multiply.outer(delta, x), b=delta)


def sum_contributions(trace: Trace, delta: Array) -> Gradient:
    """Return the sum of all steps' contributions: `eq-weight-update`, one matrix product each.

    Parameters
    ----------
    delta
        Error signals, shape (T + 1, n), from `backprop`.
    """
    return Gradient(
        W=delta[1:].T @ trace.a[:-1],
        U=delta[1:].T @ trace.x[1:],
        b=delta[1:].sum(axis=0),
    )


def bptt(network: RecurrentNetwork, x: Array, target: Array) -> Gradient:
    """Return the gradient by back-propagation through time.

    Parameters
    ----------
    x
        Inputs, shape (T, m).
    target
        Desired activations, shape (T, n); NaN where a unit has no target.

    Raises
    ------
    TypeError, ValueError
        If an array is not numeric, a shape does not fit or an entry is not finite.
    """
    trace = forward(network, x)
    delta = backprop(network, trace, output_error(trace, target))
    return sum_contributions(trace, delta)


def contribution_sizes(trace: Trace, delta: Array) -> Array:
    """Return the size (root of the summed squares) of each step's contribution to the gradient.

    Parameters
    ----------
    delta
        Error signals, shape (T + 1, n), from `backprop`.

    Returns
    -------
    sizes
        Shape (T + 1,); entry 0 is zero.
    """
    delta = as_array("delta", delta, trace.a.shape)
    sizes = np.zeros(len(delta))
    # a contribution is an outer product, whose size is the product of the two factors' sizes
    sources = (trace.a[:-1] ** 2).sum(axis=1) + (trace.x[1:] ** 2).sum(axis=1) + 1.0
    sizes[1:] = np.sqrt((delta[1:] ** 2).sum(axis=1) * sources)
    return sizes


def step_rtrl(network: RecurrentNetwork, p: Array, net: Array, source: Array) -> Array:
    """Carry all partial derivatives one step forward: `eq-rtrl`.

    Parameters
    ----------
    p
        ``p[k, i, j]``, the derivative of activation k of the step before with respect to the
        weight into unit i from source j, shape (n, n, n + m + 1): the sources are all units,
        all inputs and the bias.
    net
        Net inputs of this step, shape (n,).
    source
        What the weights read at this step: a(t-1), x(t) and 1, shape (n + m + 1,).

    Returns
    -------
    p
        The derivatives of this step's activations, in the same shape.
    """
    p = np.einsum("kl,lij->kij", network.W, p)
    own = np.arange(len(net))
    p[own, own, :] += source
    return network.f.slope(net)[:, None, None] * p


def rtrl(network: RecurrentNetwork, x: Array, target: Array) -> Gradient:
    """Return the same gradient forwards in time, by real-time recurrent learning (`eq-rtrl`).

    Nothing of the past is kept but the activations and their derivatives of one step.

    Parameters
    ----------
    x
        Inputs, shape (T, m).
    target
        Desired activations, shape (T, n); NaN where a unit has no target.

    Raises
    ------
    TypeError, ValueError
        If an array is not numeric, a shape does not fit or an entry is not finite.
    """
    n, m = network.n_units, network.n_inputs
    x = as_array("x", x, (None, m))
    target = as_array("target", target, (len(x), n), nan_allowed=True)
    a = np.zeros(n)
    p = np.zeros((n, n, n + m + 1))
    total = np.zeros((n, n + m + 1))
    for x_t, d_t in zip(x, target, strict=True):
        source = np.concatenate([a, x_t, [1.0]])
        net, a = step(network, a, x_t)
        p = step_rtrl(network, p, net, source)
        total += np.einsum("k,kij->ij", error(a, d_t), p)
    return Gradient(W=total[:, :n], U=total[:, n : n + m], b=total[:, -1])


def contribution_by_age(network: RecurrentNetwork, x: Array, target: Array) -> Array:
    """Return the sizes of all steps' contributions, newest first, relative to the newest.

    Parameters
    ----------
    x, target
        As for `bptt`; the last step needs a target, since its contribution is the unit.

    Returns
    -------
    sizes
        Shape (T,): entry q belongs to the step that lies q steps before the last one.
    """
    trace = forward(network, x)
    delta = backprop(network, trace, output_error(trace, target))
    newest_first = contribution_sizes(trace, delta)[:0:-1]
    if len(newest_first) and newest_first[0] == 0:
        raise ValueError("target makes no error at the last step; it must make one there")
    return newest_first / newest_first[:1]


def central_differences(
    network: RecurrentNetwork, x: Array, target: Array, size: float = 1e-5
) -> Gradient:
    """Return the gradient by moving each weight a little up and down: slow, and no derivation.

    Parameters
    ----------
    x, target
        As for `bptt`.
    size
        How far each weight is moved.
    """
    size = as_number("size", size, above=0)
    found = {}
    for name in ("W", "U", "b"):
        slopes = np.zeros_like(getattr(network, name))
        for place in np.ndindex(slopes.shape):
            ends = []
            for sign in (1.0, -1.0):
                moved = getattr(network, name).copy()
                moved[place] += sign * size
                ends.append(loss(replace(network, **{name: moved}), x, target))
            slopes[place] = -(ends[0] - ends[1]) / (2 * size)
        found[name] = slopes
    return Gradient(**found)


def gap(one: Gradient, other: Gradient) -> float:
    """Return the largest difference of two gradients, relative to the largest entry of `other`."""
    pairs = [(getattr(one, name), getattr(other, name)) for name in ("W", "U", "b")]
    size = max(np.abs(second).max(initial=0.0) for _, second in pairs)
    return float(max(np.abs(p - q).max(initial=0.0) for p, q in pairs) / size)


def random_case(seed: int, T: int = 12) -> tuple[RecurrentNetwork, Array, Array]:
    """Draw a tanh network of 1 to 5 units, its inputs, shape (T, 2), and targets, shape (T, n).

    About half of the targets are left out (NaN).
    """
    rng = np.random.default_rng(as_count("seed", seed))
    network = random_network(rng, int(rng.integers(1, 6)), 2, scale=1.5, f="tanh")
    target = rng.uniform(size=(T, network.n_units))
    target[rng.random(target.shape) < 0.5] = np.nan
    return network, rng.normal(size=(T, 2)), target


def updated(
    network: RecurrentNetwork, gradient: Gradient, learning_rate: float
) -> RecurrentNetwork:
    """Return the network after one update: every weight plus learning rate times gradient.

    The plus goes with the sign of `Gradient`; a negative `learning_rate` climbs the error.
    """
    eta = as_number("learning_rate", learning_rate)
    return replace(
        network,
        W=network.W + eta * gradient.W,
        U=network.U + eta * gradient.U,
        b=network.b + eta * gradient.b,
    )


def learn(
    network: RecurrentNetwork,
    sequences: Sequence[tuple[Array, Array]],
    *,
    learning_rate: float,
    n_updates: int,
) -> tuple[RecurrentNetwork, Array]:
    """Descend the error: after each sequence in turn, one update by `bptt`.

    Parameters
    ----------
    sequences
        Pairs of inputs, shape (T, m), and targets, shape (T, n), taken round and round.

    Returns
    -------
    network, losses
        The network afterwards, and the error of each sequence before its update, shape
        (n_updates,).
    """
    if not sequences:
        raise ValueError("sequences is empty; it must hold at least one")
    losses = np.empty(as_count("n_updates", n_updates))
    for i in range(len(losses)):
        x, target = sequences[i % len(sequences)]
        trace = forward(network, x)
        e = output_error(trace, target)
        losses[i] = 0.5 * (e**2).sum()
        delta = backprop(network, trace, e)
        network = updated(network, sum_contributions(trace, delta), learning_rate)
    return network, losses


def recall_task(lag: int, n_units: int) -> list[tuple[Array, Array]]:
    """Return two sequences that differ in their first input only, to be told apart at the end.

    The input is 1 or -1 at the first step and 0 afterwards; unit 0 must answer 0.9 or 0.1 at
    the end, `lag` steps later. A unit that always answers 0.5 has a loss of 0.08.

    Returns
    -------
    sequences
        Two pairs of inputs, shape (lag + 1, 1), and targets, shape (lag + 1, n_units).
    """
    T = as_count("lag", lag) + 1
    sequences = []
    for sign in (1.0, -1.0):
        x = np.zeros((T, 1))
        x[0] = sign
        desired = np.full(as_count("n_units", n_units, at_least=1), np.nan)
        desired[0] = 0.5 + 0.4 * sign
        sequences.append((x, target_at_end(T, desired)))
    return sequences


def updates_until(losses: Array, n_sequences: int, below: float) -> float:
    """Return after how many updates the losses of one whole round were below a value.

    Parameters
    ----------
    losses
        Losses of sequences taken in turn, shape (n_updates,), from `learn`.
    n_sequences
        How many sequences make a round.
    below
        What every loss of the round must be below.

    Returns
    -------
    updates
        The updates made when that round began; infinite if there was none.
    """
    n = as_count("n_sequences", n_sequences, at_least=1)
    losses = as_array("losses", losses, (None,))
    rounds = losses[: len(losses) // n * n].reshape(-1, n)
    good = np.flatnonzero((rounds < as_number("below", below)).all(axis=1))
    return float(good[0] * n) if len(good) else np.inf


@dataclass(frozen=True)
class Cost:
    """What a gradient costs.

    Attributes
    ----------
    memory
        How many numbers it keeps besides the weights and their gradient.
    multiplications
        How many multiplications it takes a step, the squashing functions' own left out.
    """

    memory: int
    multiplications: int


def bptt_cost(n: int, m: int, T: int) -> Cost:
    """Return the cost of `bptt` for n units, m inputs and T steps, from its equations.

    Kept are x, net, a and delta of every step. A step takes n^2 + n m multiplications forward
    (`eq-forward`), n + n^2 back (`eq-backprop`) and n^2 + n m for `eq-weight-update`.
    """
    n = as_count("n", n, at_least=1)
    m, T = as_count("m", m), as_count("T", T)
    return Cost(memory=(T + 1) * (3 * n + m), multiplications=3 * n * n + 2 * n * m + n)


def rtrl_cost(n: int, m: int, T: int) -> Cost:
    """Return the cost of `rtrl` for n units, m inputs and T steps, from its equations.

    Kept are the activations and their derivatives p of one step, so T plays no part. A step
    takes n^2 + n m multiplications forward (`eq-forward`), n + 1 for each entry of p
    (`eq-rtrl`), and 1 for each to weigh it with the error.
    """
    n = as_count("n", n, at_least=1)
    m = as_count("m", m)
    as_count("T", T)
    partials = n * n * (n + m + 1)
    return Cost(memory=n + partials, multiplications=n * n + n * m + partials * (n + 2))


def measured_costs(network: RecurrentNetwork, T: int) -> tuple[Cost, Cost]:
    """Return the costs of `bptt` and `rtrl`, measured on the arrays they work with.

    Memory is the size of the arrays that the two hold; multiplications are counted while one
    step of each runs (`lstmbook.counting`).
    """
    n, m = network.n_units, network.n_inputs
    trace = forward(network, np.zeros((as_count("T", T), m)))
    delta = backprop(network, trace, np.zeros_like(trace.a))
    kept = trace.x.size + trace.net.size + trace.a.size + delta.size

    back = Tally()
    net, a = step(network, back.watch(np.zeros(n)), back.watch(np.zeros(m)))
    delta_now, _ = step_back(network, net, np.zeros(n), back.watch(np.zeros(n)))
    contribution(delta_now, a, np.zeros(m))

    ahead = Tally()
    source = np.zeros(n + m + 1)
    net, a = step(network, ahead.watch(np.zeros(n)), ahead.watch(np.zeros(m)))
    p = step_rtrl(network, ahead.watch(np.zeros((n, n, n + m + 1))), net, source)
    np.einsum("k,kij->ij", np.zeros(n), p)
    return Cost(kept, back.multiplications), Cost(a.size + p.size, ahead.multiplications)


def seconds_a_step(
    gradient: Callable[[RecurrentNetwork, Array, Array], Gradient],
    network: RecurrentNetwork,
    T: int = 4,
) -> float:
    """Return how long `gradient` (`bptt` or `rtrl`) takes a step: the best of seven runs."""
    x, target = np.zeros((T, network.n_inputs)), np.zeros((T, network.n_units))
    return min(repeat(lambda: gradient(network, x, target), number=1, repeat=7)) / T
