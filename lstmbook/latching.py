"""Attractors, basins and latching: a net as a dynamical system that is to keep one bit.

The state `y` of a net is the vector of its net inputs, ``M(y) = W f(y)`` its map (`eq-dynamics`).
States may stand in any number of leading axes: every function works on all of them at once.
The one-unit latch, ``a(t) = w tanh(a(t-1)) + h(t)``, is the case ``W = [[w]]``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from lstmbook.squashing import Squashing, squashing, tanh
from lstmbook.validation import Array, as_array, as_count, as_number, as_numbers

Labels = npt.NDArray[np.intp]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Dynamics:
    """The map of a net without inputs, M(y) = W f(y) (`eq-dynamics`).

    Attributes
    ----------
    W
        Weights, shape (n, n): ``W[i, j]`` leads from unit `j` to unit `i`.
    f
        The units' squashing function, or its name.

    Raises
    ------
    ValueError
        If W is not square or an entry is not finite.
    """

    W: Array
    f: Squashing = field(default=tanh)

    def __post_init__(self) -> None:
        W = as_array("W", self.W, (None, None))
        if len(W) == 0 or W.shape != (len(W), len(W)):
            raise ValueError(f"W has shape {W.shape}; it must be square, with at least one unit")
        object.__setattr__(self, "W", W)
        object.__setattr__(self, "f", squashing(self.f))

    @property
    def n_units(self) -> int:
        """The number of units, n."""
        return len(self.W)

    def states(self, name: str, value: Any) -> Array:
        """Return `value` as states of this net, shape (..., n)."""
        y = as_numbers(name, value)
        if y.ndim == 0 or y.shape[-1] != self.n_units:
            raise ValueError(f"{name} has shape {y.shape}; its last axis must be {self.n_units}")
        return y


@dataclass(frozen=True)
class FixedPoint:
    """A state that the map leaves where it is.

    Attributes
    ----------
    y
        The state, shape (n,).
    eigenvalues
        Eigenvalues of the Jacobian there, largest first, shape (n,), complex.
    """

    y: Array
    eigenvalues: npt.NDArray[np.complex128]

    @property
    def attracts(self) -> bool:
        """Whether it is a hyperbolic attractor: every eigenvalue inside the unit circle."""
        return bool(np.abs(self.eigenvalues).max() < 1)


def one_unit_latch(w: float) -> Dynamics:
    """Return the latch of one tanh unit with self-weight `w`."""
    return Dynamics(np.array([[as_number("w", w)]]))


def advance(dynamics: Dynamics, y: Array, u: Array | float = 0.0) -> Array:
    """Take one step: M(y) + u (`eq-dynamics`).

    Parameters
    ----------
    y
        States, shape (..., n).
    u
        What arrives from outside (input, noise), broadcast against `y`.
    """
    return dynamics.f(dynamics.states("y", y)) @ dynamics.W.T + u


def trajectory(dynamics: Dynamics, y_start: Array, u: Array) -> Array:
    """Run the map from `y_start` under the inputs `u`.

    Parameters
    ----------
    y_start
        States before the first step, shape (..., n).
    u
        Inputs of steps 1 .. T, shape (T, ..., n).

    Returns
    -------
    y
        States, shape (T + 1, ..., n); row 0 is the start.
    """
    u = dynamics.states("u", u)
    start = dynamics.states("y_start", y_start)
    y = np.empty((len(u) + 1, *np.broadcast_shapes(start.shape, u.shape[1:])))
    y[0] = start
    for t in range(1, len(y)):
        y[t] = advance(dynamics, y[t - 1], u[t - 1])
    return y


def steering(dynamics: Dynamics, y: Array) -> Array:
    """Return the inputs that lead the net through the states `y`: u(t) = y(t) - M(y(t-1)).

    Parameters
    ----------
    y
        States, shape (T + 1, ..., n).

    Returns
    -------
    u
        Inputs of steps 1 .. T, shape (T, ..., n).
    """
    y = dynamics.states("y", y)
    return y[1:] - advance(dynamics, y[:-1])


def jacobian(dynamics: Dynamics, y: Array) -> Array:
    """Return M'(y) = W F'(y) at each state, shape (..., n, n) for `y` of shape (..., n)."""
    return dynamics.W * dynamics.f.slope(dynamics.states("y", y))[..., None, :]


def jacobian_norm(dynamics: Dynamics, y: Array) -> Array:
    """Return |M'(y)|, the spectral norm of the Jacobian, at each state: shape (...)."""
    y = dynamics.states("y", y)
    return np.asarray(np.linalg.norm(jacobian(dynamics, y), ord=2, axis=(-2, -1)))


def jacobian_product(dynamics: Dynamics, y: Array) -> Array:
    """Return how each state of a trajectory depends on its start (`eq-jacobian-product`).

    The factor of the step from tau-1 to tau is W F'(tau-1): the slope is taken where the step
    *begins*, since ``y(tau) = W f(y(tau-1)) + u(tau)``.

    Parameters
    ----------
    y
        States, shape (T + 1, ..., n).

    Returns
    -------
    flow
        ``flow[t] = dy(t)/dy(0)``, shape (T + 1, ..., n, n); ``flow[0]`` is the identity.
    """
    factors = jacobian(dynamics, dynamics.states("y", y))
    flow = np.empty_like(factors)
    flow[0] = np.eye(dynamics.n_units)
    for tau in range(1, len(flow)):
        flow[tau] = factors[tau - 1] @ flow[tau - 1]
    return flow


def fixed_points(
    dynamics: Dynamics,
    u: Array | float = 0.0,
    *,
    reach: float | None = None,
    per_axis: int = 9,
) -> list[FixedPoint]:
    """Find the fixed points under a constant input by Newton's method from a grid of starts.

    Parameters
    ----------
    u
        The input of every step, broadcast to shape (n,).
    reach
        The grid covers [-reach, reach] along each axis; by default as far as any state can get
        in one step (without the input).
    per_axis
        Grid points along each axis (the grid holds ``per_axis ** n`` states).

    Returns
    -------
    points
        Sorted by first coordinate. A fixed point that no start leads to is missed.
    """
    n = dynamics.n_units
    per_axis = as_count("per_axis", per_axis, at_least=2, at_most=int(1e6 ** (1 / n)))
    if reach is None:
        bound = max(abs(dynamics.f.low), abs(dynamics.f.high))
        reach = float(np.abs(dynamics.W).sum(axis=1).max() * bound)
    reach = as_number("reach", reach, above=0)
    axes = np.meshgrid(*[np.linspace(-reach, reach, per_axis)] * n, indexing="ij")
    y = np.stack([axis.ravel() for axis in axes], axis=-1)
    for _ in range(60):
        gap = advance(dynamics, y, u) - y
        if np.abs(gap).max() < 1e-13:
            break
        y = y - np.einsum("sij,sj->si", np.linalg.pinv(jacobian(dynamics, y) - np.eye(n)), gap)
    y = y[np.abs(advance(dynamics, y, u) - y).max(axis=-1) < 1e-10]
    found: list[Array] = []
    for state in y[np.lexsort(y.T[::-1])]:
        if not any(np.abs(state - other).max() < 1e-6 for other in found):
            found.append(np.where(np.abs(state) < 1e-9, 0.0, state))
    return [FixedPoint(each, _eigenvalues(jacobian(dynamics, each))) for each in found]


def _eigenvalues(matrix: Array) -> npt.NDArray[np.complex128]:
    values = np.linalg.eigvals(matrix).astype(np.complex128)
    return values[np.argsort(-np.abs(values))]


def basin(dynamics: Dynamics, attractors: Array, y: Array, *, n_steps: int = 300) -> Labels:
    """Say which attractor each state runs to when nothing disturbs it.

    Parameters
    ----------
    attractors
        Fixed points that attract, shape (k, n).
    y
        States, shape (..., n).
    n_steps
        How long each runs.

    Returns
    -------
    label
        Index of the attractor reached to within 0.001, or -1 for none, shape (...).
    """
    targets = as_array("attractors", attractors, (None, dynamics.n_units))
    if len(targets) == 0:
        raise ValueError("attractors is empty; it must hold at least one state")
    y = dynamics.states("y", y)
    for _ in range(as_count("n_steps", n_steps, at_least=1)):
        y = advance(dynamics, y)
    distance = np.linalg.norm(y[..., None, :] - targets, axis=-1)
    nearest = distance.argmin(axis=-1)
    return np.where(distance.min(axis=-1) < 1e-3, nearest, -1)


def reduced_attracting_set(
    dynamics: Dynamics,
    y: Array,
    *,
    n_steps: int = 100,
    size: Literal["eigenvalue", "norm"] = "eigenvalue",
) -> Flags:
    """Say which states never see their small disturbances grow (LD, definition 4).

    A state of a basin belongs to the reduced attracting set when every eigenvalue of
    (M^l)'(y) is below 1 in absolute value for each l = 1 .. n_steps. With ``size="norm"`` the
    spectral norm takes the eigenvalues' place, which is the stricter demand.

    Parameters
    ----------
    y
        States, shape (..., n); which basin they lie in is `basin`'s answer.

    Returns
    -------
    inside
        Shape (...).
    """
    if size not in ("eigenvalue", "norm"):
        raise ValueError(f"size is {size!r}; it must be 'eigenvalue' or 'norm'")
    y = dynamics.states("y", y)
    inside = np.ones(y.shape[:-1], dtype=bool)
    flow = np.broadcast_to(np.eye(dynamics.n_units), (*y.shape, dynamics.n_units))
    for _ in range(as_count("n_steps", n_steps, at_least=1)):
        flow = jacobian(dynamics, y) @ flow
        y = advance(dynamics, y)
        if size == "norm":
            inside &= np.linalg.norm(flow, ord=2, axis=(-2, -1)) < 1
        else:
            inside &= np.abs(np.linalg.eigvals(flow)).max(axis=-1) < 1
    return inside


def push_tolerance(
    dynamics: Dynamics,
    attractors: Array,
    y: Array,
    levels: Array,
    *,
    n_directions: int = 16,
    n_steps: int = 200,
) -> Array:
    """Return the smallest steady push that carries each state into another basin.

    Parameters
    ----------
    attractors
        Fixed points that attract, shape (k, 2).
    y
        States of a net of two units, shape (..., 2).
    levels
        Sizes of push to try, ascending, shape (m,).
    n_directions
        Directions tried, spread evenly over the circle.

    Returns
    -------
    tolerance
        A level, or infinity where none of them does it, shape (...).
    """
    if dynamics.n_units != 2:
        raise ValueError(f"dynamics has {dynamics.n_units} units; it must have 2")
    y, sizes = dynamics.states("y", y), as_array("levels", levels, (None,))
    angle = 2 * np.pi * np.arange(as_count("n_directions", n_directions, at_least=1)) / n_directions
    push = sizes[:, None, None] * np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    home = basin(dynamics, attractors, y)
    state = np.broadcast_to(y[..., None, None, :], (*y.shape[:-1], *push.shape))
    for _ in range(as_count("n_steps", n_steps, at_least=1)):
        state = advance(dynamics, state, push)
    left = (basin(dynamics, attractors, state) != home[..., None, None]).any(axis=-1)
    first = left.argmax(axis=-1)
    return np.where(left.any(axis=-1), sizes[first], np.inf)


def latch_threshold(w: float) -> float:
    """Return a_c, the net input at which the latch's slope is 1: tanh(a_c) = sqrt(1 - 1/w).

    Raises
    ------
    ValueError
        If w is not above 1: such a unit has one attractor only and holds no bit.
    """
    return float(np.arctanh(np.sqrt(1 - 1 / as_number("w", w, above=1))))


def latch_attractor(w: float) -> float:
    """Return the latch's positive attractor, as a net input: a = w tanh(a) (bisection)."""
    low, high = latch_threshold(w), float(w)
    while high - low > 4 * np.spacing(high):
        middle = (low + high) / 2
        low, high = (middle, high) if w * np.tanh(middle) > middle else (low, middle)
    return (low + high) / 2


def latch_margin(w: float) -> float:
    """Return h*, the input up to which a written bit is safe for ever (`eq-latch-margin`)."""
    a_c = latch_threshold(w)
    return float(w * np.tanh(a_c) - a_c)


def latch_tolerance(w: float, a: Array | float) -> Array:
    """Return the input level below which the latch, started at `a` > 0, keeps its sign.

    A constant input -h has its tipping point where w tanh(a) - a = h; a start above it stays
    positive whatever inputs of size below h arrive. From `latch_threshold` on, that is h*.

    Parameters
    ----------
    a
        Net inputs, none negative, any shape.
    """
    a_c = latch_threshold(w)
    start = np.asarray(a, dtype=np.float64)
    if not (start >= 0).all():
        raise ValueError(f"a is {start[~(start >= 0)].flat[0]:g} somewhere; it must be at least 0")
    start = np.minimum(start, a_c)
    return np.asarray(w * np.tanh(start) - start)


def contraction_level(w: float, d: Array | float) -> Array:
    """Return the noise level LD's theorem 3 promises the latch at its attractor.

    In a ball of radius d around the attractor the slope is at most lambda = M'(attractor - d);
    noise below (1 - lambda) d then keeps the state in that ball.

    Parameters
    ----------
    d
        Radii, none negative, any shape; the level is 0 or less where lambda is not below 1.

    Raises
    ------
    TypeError, ValueError
        If `w` is not above 1, or a radius is negative or not finite.
    """
    radius = as_numbers("d", d)
    if (radius < 0).any():
        raise ValueError(f"d is {radius.min():g} somewhere; it must be at least 0")
    slope = w * (1 - np.tanh(latch_attractor(w) - radius) ** 2)
    return np.asarray((1 - slope) * radius)
