"""A fully recurrent network and its gradient, computed backwards (BPTT) and forwards (RTRL).

Time is indexed as in the papers: ``a[0]`` is the start, ``net[t]`` and ``a[t]`` belong to step
``t = 1 .. T``. ``W[i, j]`` is the weight on the connection from unit `j` to unit `i`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from lstmbook.squashing import Squashing, logistic, squashing
from lstmbook.validation import Array, as_array, as_count, as_number


@dataclass(frozen=True)
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
    ValueError
        If a shape does not fit or an entry is not finite.
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
        object.__setattr__(self, "W", W)
        object.__setattr__(self, "U", as_array("U", self.U, (n, None)))
        object.__setattr__(self, "b", as_array("b", self.b, (n,)))
        object.__setattr__(self, "f", squashing(self.f))

    @property
    def n_units(self) -> int:
        """The number of units, n."""
        return len(self.W)

    @property
    def n_inputs(self) -> int:
        """The number of input lines, m."""
        return int(self.U.shape[1])


@dataclass(frozen=True)
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


@dataclass(frozen=True)
class Gradient:
    """The derivative of the error by each weight: what BPTT and RTRL both compute.

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


def output_error(trace: Trace, target: Array) -> Array:
    """Return e(t) = d(t) - a(t) where there is a target, and 0 elsewhere.

    Parameters
    ----------
    target
        Desired activations of steps 1 .. T, shape (T, n); NaN where a unit has no target.

    Returns
    -------
    e
        Shape (T + 1, n), indexed by the papers' time.
    """
    T, n = trace.n_steps, trace.a.shape[1]
    d = np.asarray(target, dtype=np.float64)
    if d.shape != (T, n):
        raise ValueError(f"target has shape {d.shape}; it must have shape {(T, n)}")
    if np.isinf(d).any():
        raise ValueError("target is infinite somewhere; use NaN where a unit has no target")
    e = np.zeros((T + 1, n))
    e[1:] = np.where(np.isnan(d), 0.0, d - trace.a[1:])
    return e


def loss(network: RecurrentNetwork, x: Array, target: Array) -> float:
    """Return E, half the sum of squared errors over all steps and units that have a target."""
    e = output_error(forward(network, x), target)
    return float(0.5 * (e**2).sum())


def backprop(network: RecurrentNetwork, trace: Trace, e: Array) -> Array:
    """Carry errors back through time: `eq-error-signal` and `eq-backprop`.

    Parameters
    ----------
    e
        Errors d - a of each unit at each step, shape (T + 1, n), from `output_error`.

    Returns
    -------
    delta
        Error signals -dE/dnet, shape (T + 1, n); row 0 is zero.
    """
    delta = np.zeros_like(trace.a)
    back = np.zeros(network.n_units)
    for tau in range(trace.n_steps, 0, -1):
        delta[tau] = network.f.slope(trace.net[tau]) * (e[tau] + back)
        back = network.W.T @ delta[tau]
    return delta


def bptt(network: RecurrentNetwork, x: Array, target: Array) -> Gradient:
    """Return the gradient by back-propagation through time (`eq-weight-update`).

    Parameters
    ----------
    x
        Inputs, shape (T, m).
    target
        Desired activations, shape (T, n); NaN where a unit has no target.
    """
    trace = forward(network, x)
    delta = backprop(network, trace, output_error(trace, target))
    return Gradient(
        W=delta[1:].T @ trace.a[:-1],
        U=delta[1:].T @ trace.x[1:],
        b=delta[1:].sum(axis=0),
    )


def rtrl(network: RecurrentNetwork, x: Array, target: Array) -> Gradient:
    """Return the same gradient forwards in time, by real-time recurrent learning (`eq-rtrl`).

    ``p[k, i, j]`` is the derivative of activation k by the weight into unit i from source j,
    where the sources are all units, all inputs and the bias.

    Parameters
    ----------
    x
        Inputs, shape (T, m).
    target
        Desired activations, shape (T, n); NaN where a unit has no target.
    """
    trace = forward(network, x)
    e = output_error(trace, target)
    n, m = network.n_units, network.n_inputs
    p = np.zeros((n, n, n + m + 1))
    total = np.zeros((n, n + m + 1))
    own = np.arange(n)
    for t in range(1, trace.n_steps + 1):
        source = np.concatenate([trace.a[t - 1], trace.x[t], [1.0]])
        p = np.einsum("kl,lij->kij", network.W, p)
        p[own, own, :] += source
        p *= network.f.slope(trace.net[t])[:, None, None]
        total += np.einsum("k,kij->ij", e[t], p)
    return Gradient(W=total[:, :n], U=total[:, n : n + m], b=total[:, -1])
