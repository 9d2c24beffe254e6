"""The drawing of an unrolled network shows what each connection carries back."""

import numpy as np
import pytest

from lstmbook.explore import Edges, Nodes
from lstmbook.figures.unrolled import unrolled
from lstmbook.recurrent_network import backprop, forward, random_network


def drawing(T=4, n=3):
    network = random_network(np.random.default_rng(0), n, 1, f="tanh")
    trace = forward(network, np.ones((T, 1)))
    e = np.zeros((T + 1, n))
    e[-1, 0] = 1.0
    delta = backprop(network, trace, e)
    return network, delta, unrolled(network, delta, says="An error at unit 1.")


def test_what_reaches_a_unit_is_the_sum_of_what_its_connections_carry():
    network, delta, plot = drawing()
    (edges,) = (mark for mark in plot.marks if isinstance(mark, Edges))
    step = np.ptp(edges.x1) / 3  # connections end at t = 1 .. 4
    for t in range(1, 5):
        for j in range(3):
            into = np.isclose(edges.x2, (t - 1) * step) & (edges.y2 == -j)
            assert edges.value[into].sum() == pytest.approx(network.W[:, j] @ delta[t])


def test_there_is_a_node_for_each_unit_and_time():
    _, delta, plot = drawing()
    (nodes,) = (mark for mark in plot.marks if isinstance(mark, Nodes))
    assert nodes.value.shape == (15,)
    assert np.abs(nodes.value).max() == 1
    assert plot.says == "An error at unit 1."
    assert nodes.value == pytest.approx(delta.ravel() / np.abs(delta).max())


def test_a_shape_that_does_not_fit_is_named():
    network, delta, _ = drawing()
    with pytest.raises(ValueError, match="delta has shape"):
        unrolled(network, delta[:, :2], says="")
