"""The Reber automaton drawn, with a string on its way through."""

from __future__ import annotations

import numpy as np

from lstmbook.explore import Axis, Edges, Nodes, Plot, Text
from lstmbook.tasks.reber import EMBEDDED_REBER, REBER, Grammar, states
from lstmbook.validation import as_count

_INNER = {
    "start": (0.0, 0.0),
    "0": (1.0, 0.0),
    "1": (2.1, 1.45),
    "2": (2.1, -1.45),
    "3": (3.7, 1.45),
    "4": (4.7, -1.45),
    "5": (5.3, 0.0),
    "end": (6.1, 0.0),
}


def places(embedded: bool = True) -> dict[str, tuple[float, float]]:
    """Return where each state of the (embedded) Reber grammar is drawn."""
    if not embedded:
        return dict(_INNER)
    found = {"start": (-2.2, 0.0), "branch": (-1.2, 0.0)}
    for branch, up in (("T", 2.75), ("P", -2.75)):
        found |= {f"{branch}: {name}": (x, y + up) for name, (x, y) in _INNER.items()}
    return {**found, "last": (7.2, 0.0), "end": (8.2, 0.0)}


def drawn_automaton(string: str, t: int, embedded: bool = True) -> Plot:
    """Draw the automaton after t symbols of a string.

    The state is filled, the way taken last is blue, the arcs that may be taken next are orange.

    Parameters
    ----------
    string
        A string of the grammar, or the beginning of one.
    t
        How many symbols have been read, from 0.
    embedded
        Whether the grammar is the embedded one.
    """
    grammar: Grammar = EMBEDDED_REBER if embedded else REBER
    passed = states(grammar, string)
    t = as_count("t", t, at_most=len(string))
    here, before = passed[t], passed[t - 1] if t else None
    at = places(embedded)
    arcs = [(a, s, b) for a, out in grammar.items() for s, b in out.items()]
    value = []
    for a, symbol, _ in arcs:
        taken = t > 0 and a == before and symbol == string[t - 1]
        value.append(1.0 if a == here else -1.0 if taken else 0.12)
    x1, y1, x2, y2 = np.array([(*at[a], *at[b]) for a, _, b in arcs]).T
    x, y = np.array(list(at.values())).T
    may = " or ".join(sorted(grammar.get(here, {}))) or "nothing"
    top = 6.05 if embedded else 3.3
    return Plot(
        Edges(x1, y1, x2, y2, np.array(value), 1.0, [s for _, s, _ in arcs], max_width=5),
        Nodes(x, y, value=[1.0 if name == here else 0.0 for name in at], size=8.0),
        Text([float(x.min())], [top - 0.3], [f"read: {string[:t] or '-'}"], anchor="start"),
        x=Axis(low=float(x.min()) - 0.5, high=float(x.max()) + 0.5),
        y=Axis(low=-4.65 if embedded else -2.0, high=top),
        frame=False,
        height=1.0 if embedded else 0.5,
        says=f"After {string[:t] or 'nothing'}: next comes {may}.",
    )
