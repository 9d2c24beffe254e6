"""The drawing of a memory cell shows what its trace holds."""

import numpy as np
import pytest

from lstmbook.explore import Edges, Nodes
from lstmbook.figures.cell import cell_over_time, drawn_cell
from lstmbook.memory_cell import run_block


def trace():
    rng = np.random.default_rng(0)
    return run_block(*rng.normal(size=(2, 6)), rng.normal(size=(6, 2)))


@pytest.mark.parametrize("t", [1, 4, 6])
@pytest.mark.parametrize("v", [0, 1])
def test_the_connections_carry_the_trace(t, v):
    run = trace()
    plot = drawn_cell(run, t, v)
    (edges,) = (mark for mark in plot.marks if isinstance(mark, Edges))
    net_c, into, let_in, s, shown, y_c, *_, before = edges.value
    assert net_c == run.net_c[t, v]
    assert let_in == pytest.approx(run.y_in[t] * into)
    assert s == run.s[t, v] == pytest.approx(before + let_in)
    assert y_c == pytest.approx(run.y_out[t] * shown)
    (nodes,) = (mark for mark in plot.marks if isinstance(mark, Nodes))
    assert np.abs(nodes.value).max() <= 1
    assert f"{run.y_in[t]:.2f}" in plot.says


def test_over_time_every_step_is_drawn():
    plot = cell_over_time(trace(), at=3)
    assert len(plot.marks) == 5
    assert "state ends at" in plot.says


def test_a_step_or_cell_that_is_not_there_is_named():
    with pytest.raises(ValueError, match="t is 7"):
        drawn_cell(trace(), 7)
    with pytest.raises(ValueError, match="v is 2"):
        cell_over_time(trace(), v=2)
