"""The gated recurrent unit (Cho et al. 2014), trained by back-propagation through time.

A unit has four net inputs: those of its update gate z and its reset gate r, which are logistic, and
two of its candidate, net_x from below and net_y from the layer a step before, each with a bias. The
reset gate closes the second:

    y(t) = z y(t-1) + (1 - z) f(net_x + r net_y),   f = tanh unless set otherwise

This is the form of the paper's first version, which leaves all that is linear outside the gates;
in later ones the reset gate multiplies y(t-1) before the weights.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

from lstmbook.lanes.squash import logistic, squash
from lstmbook.lanes.words import fma, lane
from lstmbook.learners.layered import Layered, Memory
from lstmbook.learners.recipe import NetRecipe


@lane
def remember(net: Layered, S: Any, P: Any, u: int) -> None:
    """Move a unit's activation as far to its candidate as the update gate is closed."""
    n = net.n_units
    z, P.z_slope[u] = logistic(S.net[u])
    r, P.r_slope[u] = logistic(S.net[n + u])
    net_y = S.net[3 * n + u]
    candidate, P.slope[u] = squash(net.f, fma(r, net_y, S.net[2 * n + u]))
    P.z[u], P.r[u], P.net_y[u], P.candidate[u] = z, r, net_y, candidate
    P.source[net.n_x + u] = fma(z, S.before[u] - candidate, candidate)


@lane
def recall(net: Layered, S: Any, P: Any, u: int) -> None:
    """Carry the error through gates and candidate."""
    n = net.n_units
    into_candidate = (S.into[u] * (1.0 - P.z[u])) * P.slope[u]
    S.delta_h[u] = (S.into[u] * (S.before[u] - P.candidate[u])) * P.z_slope[u]
    S.delta_h[n + u] = (into_candidate * P.net_y[u]) * P.r_slope[u]
    S.delta_h[2 * n + u] = into_candidate
    S.delta_h[3 * n + u] = into_candidate * P.r[u]
    S.back[u] = S.into[u] * P.z[u]


GATED = Memory(
    remember,
    recall,
    below=(1, 1, 1, 0),
    before=(1, 1, 0, 1),
    biased=(1, 1, 1, 1),
    kept=("z", "r", "candidate", "net_y", "z_slope", "r_slope", "slope"),
)


@dataclass(frozen=True)
class GRU(NetRecipe):
    """Gated recurrent units under logistic outputs.

    Attributes as in `lstmbook.learners.recipe.NetRecipe`; `f` is the squashing function of the
    candidates.
    """

    hidden: int | tuple[int, ...] = 5
    f: str = "tanh"

    memory: ClassVar[Memory] = GATED
