"""The drawing shows the state reached and the arcs that lead on."""

import numpy as np
import pytest

from lstmbook.explore import Edges, Nodes
from lstmbook.figures.automaton import drawn_automaton, places
from lstmbook.tasks.reber import EMBEDDED_REBER, REBER, possible_next


def marks(plot, kind):
    return next(mark for mark in plot.marks if isinstance(mark, kind))


@pytest.mark.parametrize(("embedded", "string"), [(True, "BTBTSXSETE"), (False, "BTSSXXVPSE")])
def test_lit_arcs_are_the_possible_symbols_and_the_one_taken(embedded, string):
    grammar = EMBEDDED_REBER if embedded else REBER
    allowed = possible_next(string, grammar)
    for t in range(1, len(string) + 1):
        edges = marks(drawn_automaton(string, t, embedded), Edges)
        lit = [s for s, v in zip(edges.labels, edges.value, strict=True) if v == 1]
        taken = [s for s, v in zip(edges.labels, edges.value, strict=True) if v == -1]
        assert sorted(lit) == sorted(np.array(list("BTPSXVE"))[allowed[t - 1]])
        # a loop that is taken leads to itself: it is among the arcs that may come next
        assert taken == [string[t - 1]] or string[t - 1] in lit
        assert sum(marks(drawn_automaton(string, t, embedded), Nodes).value) == 1


@pytest.mark.parametrize("embedded", [True, False])
def test_every_state_has_a_place_of_its_own(embedded):
    at = places(embedded)
    assert set(at) == {*(EMBEDDED_REBER if embedded else REBER), "end"}
    assert len(set(at.values())) == len(at)


def test_steps_beyond_the_string_are_refused():
    with pytest.raises(ValueError, match="t is 11"):
        drawn_automaton("BTBTSXSETE", 11)
