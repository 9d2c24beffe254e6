"""Weights that change at each step: each change is the gradient of that step's error.

The truth keeps the net inputs of past steps, whatever the weights have become since.
"""

import numpy as np
import pytest

from lstmbook.learners.bptt import BPTT
from lstmbook.learners.elman import Elman
from lstmbook.learners.gru import GRU
from lstmbook.learners.rtrl import RTRL

from .jax_nets import BATCH, Nets
from .random_nets import random_net, random_sequence, random_weights, same, task_for

SIZE = {"layers": 3, "units": 7, "outputs": 20, "inputs": 4, "steps": 8}
ORACLE, GATED = Nets(**SIZE), Nets(**SIZE, gated=True)
DEPTHS = (None, None, 0, 1, 2, 4)
LEARNERS = {
    "Elman": (Elman, ORACLE, "back", (0,)),
    "BPTT": (BPTT, ORACLE, "back", DEPTHS),
    "GRU": (GRU, GATED, "back", DEPTHS),
    "RTRL": (RTRL, ORACLE, "forward", (None,)),
}


def problems(name, rng, n):
    """Return nets with how deep their errors go, weights and sequences; and whether of symbols."""
    learner, oracle, _, depths = LEARNERS[name]
    found, kinds = [], []
    while len(found) < n:
        depth = depths[rng.integers(len(depths))]
        options = {
            "updates": "every step",
            "learning_rate": float(rng.choice([0.1, 0.5])),
            "reset": bool(rng.integers(2)),
        }
        if learner in (BPTT, GRU):
            options["depth"] = depth
        net = random_net(rng, learner, units=2, inputs=4, few=4, **options)
        if max(net.sizes) > oracle.units:
            continue
        kinds.append(bool(rng.integers(2)))
        weights = random_weights(rng, net, kinds[-1])
        sequences = [random_sequence(rng, net, kinds[-1], steps=4) for _ in range(2)]
        found.append((net, depth, weights, sequences))
    return found, kinds


@pytest.mark.parametrize("name", LEARNERS)
def test_each_step_changes_the_weights_by_the_gradient_of_its_error(name):
    _, oracle, how, _ = LEARNERS[name]
    rng = np.random.default_rng([9, *map(ord, name)])
    some, kinds = problems(name, rng, BATCH)
    truth, goes_on, several = oracle.learned(some, how), 0, 0
    for problem, symbolic, (weights, outputs) in zip(some, kinds, truth, strict=True):
        net, _, before, sequences = problem
        one = net.recipe.build(task_for(net, symbolic), rng, weights=before, plain=True)
        ours = np.concatenate([one.learn(each) for each in sequences])
        np.testing.assert_allclose(ours, outputs, rtol=1e-10, atol=1e-12)
        same(one.weights, weights, before=np.append(before, weights), change=weights - before)
        goes_on += not net.recipe.reset
        several += sum(each.mask.sum() for each in sequences) > 1
    assert min(goes_on, several) > 0.4 * BATCH


def test_the_changes_are_not_those_of_the_first_weights():
    """The test above can tell: with the weights held, the sum of all changes is something else."""
    rng, apart = np.random.default_rng(4), 0
    some, _ = problems("BPTT", rng, BATCH)
    held = ORACLE.gradients(
        [(net, depth, before, each) for net, depth, before, sequences in some for each in sequences]
    )
    for i, (problem, (weights, _)) in enumerate(zip(some, ORACLE.learned(some), strict=True)):
        net, _, before, _ = problem
        off = weights - before - net.recipe.learning_rate * (held[2 * i][1] + held[2 * i + 1][1])
        apart += np.abs(off).max() > 1e-6 * np.abs(weights - before).max()
    assert apart > 0.3 * BATCH
