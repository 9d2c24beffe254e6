"""What a sequence changes is the gradient that autodiff finds."""

import numpy as np
import pytest

from lstmbook.learners.bptt import BPTT
from lstmbook.learners.elman import Elman
from lstmbook.learners.gru import GRU
from lstmbook.learners.rtrl import RTRL
from lstmbook.sequences import Sequence

from .jax_nets import BATCH, Net, Nets
from .random_nets import random_net, random_sequence, random_weights, same, task_for

ORACLE = Nets(inputs=6, layers=3, units=20, outputs=20, steps=6)
GATED = Nets(inputs=6, layers=3, units=20, outputs=20, steps=6, gated=True)
DEPTHS = (None, None, 0, 1, 2, 4)
N = 1000

# of each learner: its truth, how deep its errors go, and how large its nets are
LEARNERS = {
    "Elman": (Elman, ORACLE, (0,), {}),
    "BPTT": (BPTT, ORACLE, DEPTHS, {}),
    "GRU": (GRU, GATED, DEPTHS, {"units": 2, "inputs": 4, "few": 4}),
    "RTRL": (RTRL, ORACLE, (None,), {"units": 2, "inputs": 4, "few": 4}),
}


def problems(name, rng, n):
    """Return nets with how deep their errors go, weights and a sequence; and whether of symbols."""
    learner, _, depths, size = LEARNERS[name]
    found, kinds = [], []
    while len(found) < n:
        depth = depths[rng.integers(len(depths))]
        own = {} if learner in (Elman, RTRL) else {"depth": depth}
        net = random_net(rng, learner, updates="sequence end", **size, **own)
        if learner is RTRL and net.fully and net.n_outputs > 6:
            continue  # 17 units have 5000 partials a step: see below
        kinds.append(bool(rng.integers(2)))
        weights = random_weights(rng, net, kinds[-1])
        found.append((net, depth, weights, random_sequence(rng, net, kinds[-1])))
    return found, kinds


def gradient(problem, symbolic):
    net, _, weights, sequence = problem
    return at_work(net, weights, symbolic).gradient(sequence)


def at_work(net, weights, symbolic):
    rng = np.random.default_rng(0)
    return net.recipe.build(task_for(net, symbolic), rng, weights=weights, plain=True)


@pytest.mark.parametrize("name", LEARNERS)
def test_a_thousand_random_nets_follow_the_gradient(name):
    rng, wide, fully, deep = np.random.default_rng([3, *map(ord, name)]), 0, 0, 0
    for _ in range(N // BATCH):
        some, kinds = problems(name, rng, BATCH)
        truth = LEARNERS[name][1].gradients(some)
        for problem, symbolic, (_, slope) in zip(some, kinds, truth, strict=True):
            net, _, weights, _ = problem
            same(gradient(problem, symbolic), slope, before=weights, change=slope)
            wide += net.n_outputs > 16
            fully += net.fully
            deep += len(net.sizes) == 3
    assert min(wide, fully, deep) > 30


@pytest.mark.parametrize("name", LEARNERS)
def test_a_fully_recurrent_net_has_as_many_outputs_as_one_likes(name):
    learner, oracle, depths, _ = LEARNERS[name]
    rng = np.random.default_rng(5)
    recipe = learner(hidden=1, recurrent="all", updates="sequence end")
    net = Net(recipe, 2, 17)
    for symbolic in (True, False):
        weights = random_weights(rng, net, symbolic)
        sequence = random_sequence(rng, net, symbolic, steps=3)
        problem = (net, depths[0], weights, sequence)
        ((_, slope),) = oracle.gradients([problem])
        assert np.abs(slope).max() > 0
        same(gradient(problem, symbolic), slope, before=weights, change=slope)


@pytest.mark.parametrize("name", ["BPTT", "GRU"])
@pytest.mark.parametrize("depth", [1, 3])
def test_at_a_sequences_end_each_error_goes_back_as_far_as_the_depth(name, depth):
    """It once was those of the last steps only."""
    learner, oracle, _, _ = LEARNERS[name]
    rng = np.random.default_rng(depth)
    net = Net(learner(hidden=2, updates="sequence end", depth=depth), 2, 2)
    weights = random_weights(rng, net, True)
    sequence = Sequence(rng.integers(2, size=6), rng.random((6, 2)), np.ones(6, bool), 2)
    problem = (net, depth, weights, sequence)
    ((_, slope),) = oracle.gradients([problem])
    same(gradient(problem, True), slope, before=weights, change=slope)


@pytest.mark.parametrize("name", LEARNERS)
def test_the_gradient_is_not_one_that_goes_back_otherwise(name):
    """The tests above can tell: errors that go back one step more, or less, give something else."""
    rng, apart = np.random.default_rng(8), 0
    some, _ = problems(name, rng, BATCH)
    other = [
        (net, 1 if depth != 1 else 0, weights, sequence) for net, depth, weights, sequence in some
    ]
    truth, wrong = (LEARNERS[name][1].gradients(each) for each in (some, other))
    for (_, slope), (_, off) in zip(truth, wrong, strict=True):
        apart += np.abs(slope - off).max() > 1e-9 * np.abs(slope).max()
    assert apart > 0.4 * BATCH
