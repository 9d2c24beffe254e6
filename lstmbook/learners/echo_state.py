"""The echo state net (Jaeger 2001): a large random layer that never learns, and outputs that do.

The units leak: y(t) = (1 - a) y(t-1) + a tanh(net(t)). Their weights are drawn once and scaled so
that the past fades. Outputs are linear in the units and learn by recursive least squares: with z
what they read, P the inverse of the sum of z z' so far (and of `ridge`), and e their errors,

    gain = P z / (1 + z' P z),   W += e gain',   P -= gain (P z)',

after which W is what least squares over all errors up to now would give.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from lstmbook.lanes.blocks import Memory as Floats
from lstmbook.lanes.blocks import number, one_lane, view
from lstmbook.lanes.squash import TANH, squash
from lstmbook.lanes.words import fma, lane, like, seldom, where
from lstmbook.learners.back_in_time import BackInTime, prepare, step
from lstmbook.learners.layered import (
    Layered,
    Memory,
    Numbers,
    answer,
    answer_of_one,
    show,
)
from lstmbook.learners.recipe import Aims, NetRecipe
from lstmbook.validation import Array, as_number


@dataclass(frozen=True)
class Leaky(Memory):
    """Units that keep a part of their activation.

    Attributes
    ----------
    leak
        The part that is new at each step.
    """

    leak: float = 1.0


@lane
def remember(net: Any, S: Any, P: Any, u: int) -> None:
    """Move a unit's activation towards its squashed net input."""
    y, _ = squash(TANH, S.net[u])
    before = S.before[u]
    P.source[net.n_x + u] = fma(like(y, net.memory.leak), y - before, before)


@lane
def weigh(net: Echo, S: Any) -> None:
    """Compute the gain of each source of the outputs, and learn from them how they vary.

    The inverse is symmetric: what is right of its diagonal is neither kept up nor read.
    """
    n, zero = net.n_into_k, like(S.loss, 0.0)
    spread = like(S.loss, 1.0)
    for m in range(n):
        z = zero
        for j in range(m + 1):
            z = fma(S.inverse[m, j], S.shown[j], z)
        for j in range(m + 1, n):
            z = fma(S.inverse[j, m], S.shown[j], z)
        S.turned[m] = z
        spread = fma(z, S.shown[m], spread)
    share = S.rate[0] / spread
    if net.masked:
        share = where(S.counts > 0.0, share, 0.0)
    for m in range(n):
        S.gain[m] = share * S.turned[m]
        for j in range(m + 1):
            S.inverse[m, j] = fma(-S.gain[m], S.turned[j], S.inverse[m, j])


@lane
def recall(net: Layered, S: Any, P: Any, u: int) -> None:
    """Carry nothing: no error goes into the units."""
    S.delta_h[u], S.back[u] = like(S.loss, 0.0), like(S.loss, 0.0)


@lane
def learning_step(net: Echo, M: Numbers, places: Floats) -> None:
    """Take a step with an error: all trials."""
    S = view(net.state, M.state, 0)
    step(net, S, M, places, 0)
    show(net, S, S)
    weigh(net, S)
    answer(net, S, S, view(net.now, M.now, 0), M, places, 0)
    S.begins = 0.0


@seldom
def last_step(net: Echo, M: Numbers, i: int, place: int, t: int) -> None:
    """Do what the error of a trial's last step does; its symbol's record is at a place."""
    mine, R = one_lane(view(net.state, M.state, 0), i), view(net.record, M.records, place)
    show(net, mine, mine)
    weigh(net, mine)
    answer_of_one(net, mine, mine, R, M, i)


@seldom
def prepare_inverse(net: Echo, M: Numbers, i: int) -> None:
    """Set what is not 0 of a trial that enters."""
    prepare(net, M, i)
    mine = one_lane(view(net.state, M.state, 0), i)
    for m in range(net.n_into_k):
        mine.inverse[m, m] = like(mine.loss, 1.0) / net.ridge


@dataclass(frozen=True)
class Echo(BackInTime):
    """An echo state net as the loop calls it.

    Attributes
    ----------
    ridge
        What least squares adds to the sum of the squares of each source.
    """

    ridge: float = 1.0

    @property
    def gained(self) -> bool:
        """Whether changes have a gain of their own."""
        return True

    @property
    def lasting(self) -> dict[str, Any]:
        """The inverse, and its product with what the outputs read."""
        n = self.n_into_k
        return {"inverse": number(self.lanes, n, n), "turned": number(self.lanes, n)}

    learning_step: ClassVar[Callable[..., None]] = staticmethod(learning_step)
    last_step: ClassVar[Callable[..., None]] = staticmethod(last_step)
    prepare: ClassVar[Callable[..., None]] = staticmethod(prepare_inverse)


@dataclass(frozen=True)
class EchoState(NetRecipe):
    """A random layer under outputs that learn by recursive least squares.

    Other attributes as in `lstmbook.learners.recipe.NetRecipe`; nothing goes back, errors change
    output weights at once, and `learning_rate` is the share of the least-squares step that is
    taken. Shortcuts are those from real inputs.

    Attributes
    ----------
    scale
        Weights from inputs and biases are uniform in [-scale, scale].
    radius
        The size of the largest eigenvalue of each layer's weights into itself.
    density
        The share of these weights that are not 0.
    leak
        The part of an activation that is new at each step.
    ridge
        What least squares adds to the sum of the squares of each source.
    """

    hidden: int | tuple[int, ...] = 50
    learning_rate: float = 1.0
    updates: str = "every step"
    depth: int | None = 0
    scale: float = 0.5
    f: str = "tanh"
    f_k: str = "identity"
    radius: float = 0.95
    density: float = 0.2
    leak: float = 1.0
    ridge: float = 1.0

    memory: ClassVar[Memory] = Leaky(remember, recall)
    kind: ClassVar[type[Layered]] = Echo

    def __post_init__(self) -> None:
        super().__post_init__()
        as_number("radius", self.radius, at_least=0)
        as_number("density", self.density, above=0, at_most=1)
        as_number("leak", self.leak, above=0, at_most=1)
        as_number("ridge", self.ridge, above=0)
        as_number("learning_rate", self.learning_rate, above=0, at_most=1)
        for name, wanted in (
            ("updates", "every step"), ("depth", 0), ("recurrent", "hidden"),
            ("f", "tanh"), ("f_k", "identity"),
        ):  # fmt: skip
            if getattr(self, name) != wanted:
                raise ValueError(
                    f"{name} is {getattr(self, name)!r}; of an echo state net it is {wanted!r}"
                )

    def settings_for(self, aims: Aims, dtype: str, lanes: int, noted: bool) -> dict[str, Any]:
        """Return the settings of the compiled net."""
        settings = super().settings_for(aims, dtype, lanes, noted)
        shortcuts = self.shortcuts and not aims.symbolic
        memory = replace(self.memory, leak=self.leak)  # type: ignore[call-arg]
        return settings | {"memory": memory, "shortcuts": shortcuts, "ridge": self.ridge}

    def prepared(self, task: Any, drawn: Array) -> Array:
        """Return the weights with each layer's own scaled to the radius, and outputs at 0."""
        weights, at, below = drawn.copy(), 0, task.n_inputs
        for size in self.layers:
            into = below + size + self.hidden_biases
            rows = weights[at : at + size * into].reshape(size, into)
            own = rows[:, below : below + size]
            own[np.abs(own) > self.density * self.scale] = 0.0
            largest = np.abs(np.linalg.eigvals(own)).max()
            own *= self.radius / largest if largest > 0 else 0.0
            at, below = at + size * into, size
        weights[at:] = 0.0
        return weights
