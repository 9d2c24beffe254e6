"""The drawing of an error's routes carries the errors that the error signals say."""

import numpy as np
import pytest

from lstmbook.explore import Edges
from lstmbook.figures.routes import error_routes, routes
from lstmbook.lstm import Topology, forward, initial_weights
from lstmbook.sequences import Sequence, errors
from lstmbook.truncated_learning import CUTS, error_signals


def case(cuts):
    rng = np.random.default_rng(0)
    net = Topology(1, 1, (1,))
    weights = initial_weights(net, rng, scale=1.0)
    mask = np.arange(4) == 3
    sequence = Sequence(rng.normal(size=(4, 1)), rng.random((4, 1)), mask, 1)
    trace = forward(net, weights, sequence)
    e = errors(sequence, trace.outputs)
    return net, weights, trace, error_signals(net, weights, trace, e, truncated=cuts)


@pytest.mark.parametrize("cuts", [(), ("net_c",), ("net_in", "net_out"), CUTS])
def test_what_reaches_a_part_is_what_its_connections_bring(cuts):
    net, weights, trace, signals = case(cuts)
    found = routes(net, weights, trace, signals)
    stopped = {name.removeprefix("net_") for name in cuts}
    kept = [r for r in found if not (r.begin[1] > r.end[1] and r.begin[0] in stopped)]

    def arriving(part, t):
        return sum(r.error for r in kept if r.end == (part, t))

    slope = {
        "in": trace.y_in * (1 - trace.y_in),
        "out": trace.y_out * (1 - trace.y_out),
    }
    for t in range(1, 5):
        assert arriving("s", t) == pytest.approx(signals.e_s[t, 0])
        assert arriving("c", t) == pytest.approx(signals.delta_c[t, 0])
        for part, delta in (("in", signals.delta_in), ("out", signals.delta_out)):
            inside = sum(r.error for r in kept if r.end == (part, t) and r.begin[1] == t)
            fed_back = arriving(part, t) - inside
            assert inside + slope[part][t, 0] * fed_back == pytest.approx(delta[t, 0])


def test_cut_routes_are_not_drawn():
    net, weights, trace, signals = case(CUTS)
    plot = error_routes(net, weights, trace, signals, CUTS, says="Cut.")
    (edges,) = (mark for mark in plot.marks if isinstance(mark, Edges))
    across = np.floor(edges.x1 + 0.5) != np.floor(edges.x2 + 0.5)
    carousel = across & (edges.y1 == edges.y2) & (np.abs(edges.x1 - edges.x2) == 1)
    carousel &= np.isclose(edges.y1, 1.3)
    assert np.isfinite(edges.value[carousel]).all()
    assert np.isnan(edges.value[across & ~carousel]).all()


def test_other_networks_are_refused():
    net = Topology(1, 1, (2,))
    weights = initial_weights(net, np.random.default_rng(0))
    with pytest.raises(ValueError, match="net has 4 hidden units"):
        routes(net, weights, None, None)
