"""The chunker: what is passed on, who learns what, and what two nets learn that one does not."""

from types import SimpleNamespace

import numpy as np
import pytest

from lstmbook.protocols import Learner, run_trial
from lstmbook.remedies import compiled
from lstmbook.remedies.chunker import Chunker, OnlineNet, chunker
from lstmbook.remedies.layered_net import LayeredNet, initial_weights, matrices
from lstmbook.remedies.rtrl_net import rtrl_net
from lstmbook.sequences import Sequence, one_hot
from lstmbook.tasks.criteria import RunOfRight
from lstmbook.tasks.long_time_lags import RandomDistractors, RandomMiddle, TwoSequences
from lstmbook.tasks.reber import EmbeddedReber

BOTH = {"imitated": "hidden and outputs"}
BIASED = {"hidden_biases": True, "output_biases": True}


def fresh(p=4, seed=0, task=TwoSequences, **options):
    return chunker(task(p), np.random.default_rng(seed), **options)


def test_the_automatizer_of_table_1_has_the_published_number_of_weights():
    learner = fresh(100)
    assert learner.automatizer.net.n_weights == 10506
    assert learner.chunker.net.n_weights == 10404
    assert isinstance(learner, Learner)


def test_the_nets_of_the_thesis():
    """24 inputs with bias, 1 hidden; 23 outputs of its own, and 24 for C's outputs and hidden."""
    task = SimpleNamespace(n_inputs=23, n_outputs=23)
    learner = chunker(task, np.random.default_rng(0), **BOTH, **BIASED)
    assert learner.automatizer.net.n_outputs == 47
    assert learner.chunker.net.n_outputs == 23


def knows(learner, successor):
    """Make the automatizer predict `successor[i]` after symbol i, whatever it has seen."""
    W_h, W_k = matrices(learner.automatizer.net, learner.automatizer.weights)
    W_h[:], W_k[:] = 0.0, -10.0
    W_k[:, 0] = 0.0
    for i, following in successor.items():
        W_k[following, 1 + i] = 10.0
    learner.automatizer.learning_rate = 1e-9
    return learner


def test_only_what_the_automatizer_does_not_predict_is_passed_on():
    task = TwoSequences(4)  # symbols 0 1 2, x = 3, y = 4
    rng = np.random.default_rng(0)
    learner = knows(fresh(4), {3: 0, 4: 0, 0: 1, 1: 2})
    learner.learn(task.sample(rng))
    assert learner.passed == 2  # the first symbol, and the last
    learner = knows(fresh(4), {3: 0, 4: 0})
    learner.learn(task.sample(rng))
    assert learner.passed == 4
    learner = knows(fresh(4), {})
    learner.learn(task.sample(rng))
    assert learner.passed == 5


def test_the_chunker_learns_to_predict_the_last_symbol_from_the_first():
    """With the middle predicted, its lag is one step; the automatizer alone still guesses."""
    task, rng = TwoSequences(6), np.random.default_rng(1)
    learner = knows(fresh(6, reset=True), {5: 0, 6: 0, 0: 1, 1: 2, 2: 3, 3: 4})
    for _ in range(600):
        learner.learn(task.sample(rng))
    c = learner.chunker
    for symbol in (5, 6):
        c.moments = []
        y_k = c.step(one_hot(np.array([symbol]), 7)[0]).y_k
        assert np.abs(y_k - one_hot(np.array([symbol]), 7)[0]).max() < 0.25


def test_one_step_by_hand():
    """The order: C is trained to predict x, then sees it; A sees x, then learns of C's state."""
    learner = fresh(2, seed=3, learning_rate=0.5, **BOTH)
    a, c = (
        OnlineNet(each.net, each.weights.copy(), 0.5, 3)
        for each in (learner.automatizer, learner.chunker)
    )
    x = one_hot(np.array([1, 0, 1]), 3)
    sequence = Sequence(np.array([1, 0]), x[1:], np.array([True, True]), 3)
    outputs = learner.learn(sequence)
    assert learner.passed == 3  # with weights this small nothing is predicted

    c.step(x[0])
    for t in (0, 1):
        now = a.step(x[t])
        assert np.array_equal(outputs[t], now.y_k[:3])
        state = np.concatenate([c.moments[-1].y_h, c.moments[-1].y_k])
        a.learn(np.concatenate([x[t + 1] - now.y_k[:3], state - now.y_k[3:]]))
        c.learn(x[t + 1] - c.moments[-1].y_k)
        c.step(x[t + 1])
    assert np.array_equal(learner.automatizer.weights, a.weights)
    assert np.array_equal(learner.chunker.weights, c.weights)


def test_errors_go_back_so_many_steps_and_no_further():
    net = LayeredNet(4, 1, hidden=2)
    weights = initial_weights(net, np.random.default_rng(0), 1.0)
    for depth in range(4):
        online = OnlineNet(net, weights.copy(), 1.0, depth)
        for symbol in range(4):
            online.step(one_hot(np.array([symbol]), 4)[0])
        online.learn(np.ones(1))
        W_h, _ = matrices(net, online.weights - weights)
        changed = (W_h[:, :4] != 0).any(axis=0)
        assert changed.tolist() == [3 - symbol <= depth for symbol in range(4)]


def test_masked_errors_of_prediction_do_not_teach_but_surprises_are_passed_on():
    task = TwoSequences(3, errors="last step")
    learner = fresh(3)
    W_k = matrices(learner.automatizer.net, learner.automatizer.weights)[1].copy()
    learner.learn(task.sample(np.random.default_rng(0)))
    assert learner.passed == 4
    after = matrices(learner.automatizer.net, learner.automatizer.weights)[1]
    assert np.array_equal(after[:4, 1], W_k[:4, 1])  # from a1, to the predictions: not the last
    assert not np.array_equal(after[4:, 1], W_k[4:, 1])  # what it learned of C's state


def test_predict_changes_nothing_and_is_what_learn_says_without_learning():
    task, rng = TwoSequences(4), np.random.default_rng(0)
    for reset in (True, False):
        learner = fresh(4, learning_rate=1e-12, reset=reset)
        for _ in range(3):
            sequence = task.sample(rng)
            before = learner.automatizer.weights.copy(), learner.passed
            predicted = learner.predict(sequence)
            assert np.array_equal(learner.automatizer.weights, before[0])
            assert learner.passed == before[1]
            assert np.allclose(learner.learn(sequence), predicted, atol=1e-9)


@pytest.mark.parametrize("task", [TwoSequences, RandomMiddle])
@pytest.mark.parametrize("errors", ["every step", "last step"])
@pytest.mark.parametrize(
    "options", [{}, {**BOTH, **BIASED}, {"reset": True, "depth": 0}, {"shortcuts": False}]
)
def test_the_compiled_trial_is_the_trial(monkeypatch, task, errors, options):
    pytest.importorskip("numba")
    monkeypatch.setattr(compiled, "CHUNK", 60)
    task = task(4, errors=errors, criterion=RunOfRight(0.25, run=1000))
    ours, theirs = (chunker(task, np.random.default_rng(3), **options) for _ in range(2))
    assert compiled.unsupported(task, ours) is None
    settings = {"max_sequences": 120, "window": 20, "seed": 5}
    got = compiled.run_chunker(task, ours, np.random.default_rng(4), **settings)
    expected = run_trial(task, theirs, np.random.default_rng(4), **settings)
    assert (got.ending, got.sequences, got.seed) == ("cap", 120, 5)
    assert np.allclose(got.errors, expected.errors, rtol=1e-11)
    assert ours.passed == theirs.passed
    assert np.allclose(ours.automatizer.weights, theirs.automatizer.weights, rtol=1e-9)
    assert np.allclose(ours.chunker.weights, theirs.chunker.weights, rtol=1e-9)


def test_a_lag_is_bridged_that_one_net_does_not():
    """Eight steps: the chunker succeeds where an RTRL net of the same size and rate does not."""
    pytest.importorskip("numba")
    task = TwoSequences(8, criterion=RunOfRight(0.25, run=1000))
    for seed in range(3):
        rng = np.random.default_rng([seed, 1])
        learner = fresh(8, seed)
        outcome = compiled.run_chunker(task, learner, rng, max_sequences=40_000)
        assert outcome.success
        # once the whole sequence is predicted, only its first symbol is passed on
        before = learner.passed
        for _ in range(50):
            learner.learn(task.sample(rng))
        assert learner.passed - before < 60
    alone = [rtrl_net(task, np.random.default_rng(seed)) for seed in range(3)]
    rngs = [np.random.default_rng([seed, 1]) for seed in range(3)]
    outcomes = dict(compiled.run_trials(task, alone, rngs, max_sequences=40_000))
    assert len(outcomes) == 3
    assert not any(each.success for each in outcomes.values())


def test_what_cannot_be_is_named():
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="threshold is 0"):
        fresh(threshold=0.0)
    with pytest.raises(ValueError, match="imitated is 'all'"):
        fresh(imitated="all")
    with pytest.raises(ValueError, match="task has 8 inputs and 2 outputs"):
        chunker(RandomDistractors(q=2, p=4), rng)
    pair = fresh(3)
    with pytest.raises(ValueError, match="automatizer has 4 outputs; it must have 4 for the next"):
        Chunker(pair.chunker, pair.chunker)
    with pytest.raises(ValueError, match="chunker has 4 inputs and 5 outputs"):
        Chunker(pair.automatizer, pair.automatizer)
    for present in (pair.learn, pair.predict):
        with pytest.raises(ValueError, match="a chunker predicts its next input: both must be 4"):
            present(TwoSequences(5).sample(rng))


def test_what_cannot_be_compiled_is_named():
    task, rng = TwoSequences(3), np.random.default_rng(0)
    used = fresh(3)
    used.learn(task.sample(rng))
    reber = EmbeddedReber.draw(rng, 2, 2)
    for other, learner, why in (
        (task, used, "used before"),
        (task, fresh(3, hidden=2), "one hidden logistic unit"),
        (TwoSequences(4), fresh(3), "do not fit"),
        (reber, chunker(reber, rng), "EmbeddedReber is not experiment 1a"),
    ):
        assert why in compiled.unsupported(other, learner)
        with pytest.raises(ValueError, match=why):
            compiled.run_chunker(other, learner, rng, max_sequences=1)
