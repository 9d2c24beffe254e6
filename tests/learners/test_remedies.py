"""Equal to the matrix forms in remedies, after several sequences. To be deleted with them."""

from itertools import islice

import numpy as np
import pytest

from lstmbook.learners.bptt import BPTT
from lstmbook.learners.chunker import Chunker
from lstmbook.learners.elman import Elman
from lstmbook.learners.net_trial import NetTrial
from lstmbook.learners.rtrl import RTRL
from lstmbook.learners.trials import run_trials, sequences
from lstmbook.remedies.bptt_net import BPTTNet
from lstmbook.remedies.chunker import Chunker as OldChunker
from lstmbook.remedies.chunker import OnlineNet
from lstmbook.remedies.elman import ElmanNet
from lstmbook.remedies.layered_net import net_for
from lstmbook.remedies.rtrl_net import RTRLNet
from lstmbook.tasks.adding import Adding
from lstmbook.tasks.criteria import RunOfRight
from lstmbook.tasks.long_time_lags import RandomDistractors, TwoSequences
from lstmbook.tasks.reber import EmbeddedReber

NEVER = RunOfRight(1e-9, 1000, steps="last")
TASKS = {
    "1a": TwoSequences(p=5, criterion=NEVER),
    "1a, many outputs": TwoSequences(p=17, criterion=NEVER),
    "1c": RandomDistractors(q=4, p=3, criterion=NEVER),
    "Reber": EmbeddedReber.draw(np.random.default_rng(1), 12, 4, every=10_000),
    "adding": Adding(T=20, criterion=NEVER),
}
SEQUENCES = 6
FULLY = {"recurrent": "all", "hidden": 0}
BIASED = {"hidden_biases": True, "output_biases": True}


def old_net(recipe, task):
    return net_for(
        task,
        hidden=recipe.hidden,
        recurrent=recipe.recurrent,
        shortcuts=recipe.shortcuts,
        hidden_biases=recipe.hidden_biases,
        output_biases=recipe.output_biases,
    )


def old_elman(recipe, task, weights):
    net = old_net(recipe, task)
    return ElmanNet(net, weights, recipe.learning_rate, reset=recipe.reset)


def old_bptt(recipe, task, weights):
    net, options = old_net(recipe, task), (recipe.updates, recipe.depth, recipe.reset)
    return BPTTNet(net, weights, recipe.learning_rate, *options)


def old_rtrl(recipe, task, weights):
    net = old_net(recipe, task)
    return RTRLNet(net, weights, recipe.learning_rate, recipe.updates, recipe.reset)


def old_chunker(recipe, task, weights):
    n = task.n_inputs
    extra = recipe.hidden + (n if recipe.imitated == "hidden and outputs" else 0)

    class Shape:
        n_inputs = n

    nets = []
    for n_outputs in (n + extra, n):
        Shape.n_outputs = n_outputs
        nets.append(old_net(recipe, Shape))
    a, c = nets
    a = OnlineNet(a, weights[: a.n_weights].copy(), recipe.learning_rate, recipe.depth)
    c = OnlineNet(c, weights[a.net.n_weights :].copy(), recipe.learning_rate, recipe.depth)
    return OldChunker(a, c, recipe.threshold, recipe.imitated, recipe.reset)


def weights_of(old):
    if isinstance(old, OldChunker):
        return np.concatenate([old.automatizer.weights, old.chunker.weights])
    return old.weights


CASES = {
    "Elman": (old_elman, Elman(hidden=3, learning_rate=0.3)),
    "Elman, without reset": (old_elman, Elman(hidden=2, shortcuts=True, reset=False, **BIASED)),
    "BPTT": (old_bptt, BPTT(hidden=2)),
    "BPTT, every step": (old_bptt, BPTT(hidden=2, updates="every step", learning_rate=0.3)),
    "BPTT, 2 steps back": (old_bptt, BPTT(updates="every step", depth=2, reset=False, **BIASED)),
    "BPTT, fully recurrent": (old_bptt, BPTT(learning_rate=0.3, **FULLY)),
    "RTRL": (old_rtrl, RTRL(hidden=2, learning_rate=0.5)),
    "RTRL, at the end": (old_rtrl, RTRL(hidden=2, updates="sequence end", **BIASED)),
    "RTRL, fully recurrent": (old_rtrl, RTRL(learning_rate=0.3, reset=False, **FULLY)),
    "chunker": (old_chunker, Chunker()),
    "chunker, with reset": (old_chunker, Chunker(hidden=2, reset=True, depth=2)),
    "chunker of the thesis": (old_chunker, Chunker(imitated="hidden and outputs", **BIASED)),
}


def pairs():
    """Each learner with each task, but for those that plain code is too slow for."""
    for case, (_, recipe) in CASES.items():
        for name, task in TASKS.items():
            many = task.n_outputs > 16 and recipe.recurrent == "all"
            if not many and recipe.cannot(task) is None:
                yield case, name


@pytest.mark.parametrize(("case", "task"), list(pairs()))
def test_several_sequences_change_the_weights_as_the_matrices_do(case, task):
    (make, recipe), task = CASES[case], TASKS[task]
    rng = np.random.default_rng([*map(ord, case), task.n_inputs])
    weights = rng.uniform(-0.5, 0.5, recipe.n_weights(task))
    trial = NetTrial(task, recipe, 5, max_sequences=SEQUENCES, weights=weights)
    old = make(recipe, task, weights)
    one = recipe.build(task, rng, weights=weights, plain=True)
    for sequence in islice(sequences(trial), SEQUENCES):
        np.testing.assert_allclose(one.predict(sequence), old.predict(sequence), atol=1e-12)
        np.testing.assert_allclose(one.learn(sequence), old.learn(sequence), atol=1e-12)
    change = np.abs(weights_of(old) - weights).max()
    np.testing.assert_allclose(one.weights, weights_of(old), rtol=0, atol=1e-12 * max(change, 1))
    ((_, ours),) = run_trials([trial], lanes=1, keep_weights=True, plain=True)
    np.testing.assert_allclose(ours.weights, weights_of(old), rtol=0, atol=1e-12 * max(change, 1))
