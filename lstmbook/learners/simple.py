"""The simple unit: its activation is its squashed net input, and is all that it keeps."""

from __future__ import annotations

from typing import Any

from lstmbook.lanes.squash import squash
from lstmbook.lanes.words import lane, like
from lstmbook.learners.layered import Layered, Memory


@lane
def remember(net: Layered, S: Any, P: Any, u: int) -> None:
    """Squash a unit's net input: `eq-forward`."""
    P.source[net.n_x + u], P.slope[u] = squash(net.f, S.net[u])


@lane
def recall(net: Layered, S: Any, P: Any, u: int) -> None:
    """Carry the error through the squashing function: `eq-error-signal`."""
    S.delta_h[u] = P.slope[u] * S.into[u]
    S.back[u] = like(S.loss, 0.0)


SIMPLE = Memory(remember, recall, kept=("slope",))
"""A unit keeps its activation, and only until the next step."""
