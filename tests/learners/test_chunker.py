"""The chunker: what is passed on, who learns what, against the same in JAX."""

from dataclasses import replace

import numpy as np

from lstmbook.learners.chunker import Chunker
from lstmbook.learners.outputs import WIDE
from lstmbook.sequences import Sequence, one_hot

from .jax_chunker import Pairs
from .jax_nets import BATCH
from .random_nets import AnyTask, yes

ORACLE = Pairs(symbols=19, layers=2, units=3, steps=12, slots=4)
N = 1000


def random_pair(rng, **options):
    layers = tuple(int(n) for n in rng.choice([1, 1, 2, 3], size=rng.choice([1, 1, 2])))
    return Chunker(**{
        "hidden": layers[0] if len(layers) == 1 else layers,
        "learning_rate": float(rng.choice([0.1, 0.3])),
        "depth": int(rng.integers(0, 4)),
        "shortcuts": bool(rng.integers(4)),
        "hidden_biases": yes(rng),
        "output_biases": yes(rng),
        "reset": yes(rng),
        "threshold": float(rng.choice([0.15, 0.4, 0.55, 0.7, 0.9])),
        "imitated": str(rng.choice(["hidden", "hidden and outputs"])),
        "f": str(rng.choice(["logistic", "logistic", "tanh", "h"])),
        "f_k": str(rng.choice(["logistic", "logistic", "tanh", "h"])),
    } | options)  # fmt: skip


def random_sequences(rng, n):
    """Return sequences that are regular in part, so that some inputs are predicted."""
    found = []
    for _ in range(3):
        T = int(rng.integers(1, 5))
        symbols = (rng.integers(n) + np.arange(T + 1)) % n
        symbols[rng.random(T + 1) < 0.3] = rng.integers(n)
        mask = [np.ones(T, bool), np.arange(T) == T - 1, rng.random(T) < 0.5][
            rng.choice([0, 0, 1, 2])
        ]
        found.append(Sequence(symbols[:-1], one_hot(symbols[1:], n), mask, n))
    return found


def random_problem(rng, **options):
    pair = random_pair(rng, **options)
    n = int(rng.integers(14, 20) if rng.random() < 0.15 else rng.integers(2, 7))
    weights = rng.uniform(-1, 1, pair.n_weights(AnyTask(n, n))) * rng.choice([0.2, 1.0])
    return pair, n, weights, random_sequences(rng, n)


def at_work(pair, n, weights):
    return pair.build(AnyTask(n, n), np.random.default_rng(0), weights=weights, plain=True)


def test_a_thousand_random_pairs_learn_as_they_should():
    rng = np.random.default_rng(12)
    shares, wide, c_wide, masked = [], 0, 0, 0
    for _ in range(N // BATCH):
        some = [random_problem(rng) for _ in range(BATCH)]
        for problem, (weights, outputs, passed) in zip(some, ORACLE.learned(some), strict=True):
            pair, n, before, sequences = problem
            one = at_work(pair, n, before)
            ours = np.concatenate([one.learn(each) for each in sequences])
            assert one.passed == passed
            np.testing.assert_allclose(ours, outputs, rtol=0, atol=1e-11)
            np.testing.assert_allclose(one.weights, weights, rtol=0, atol=1e-11)
            shares.append(passed / (len(ours) + len(sequences)))
            wide += one.net.wide
            c_wide += one.net.c.n_outputs > WIDE
            masked += not all(each.mask.all() for each in sequences)
    # what is predicted and what is not occur both
    assert 0.3 < np.mean(shares) < 0.95
    assert wide > c_wide > 20
    assert masked > 100


def test_of_other_settings_something_else_comes_out():
    """The test above can tell: each setting changes what is learned."""
    rng = np.random.default_rng(3)
    some = [
        random_problem(rng, hidden=2, depth=2, threshold=0.6, imitated="hidden", reset=False)
        for _ in range(60)
    ]
    truth = ORACLE.learned(some)
    for change in ({"depth": 1}, {"threshold": 0.55}, {"reset": True}):
        other = [(replace(pair, **change), *rest) for pair, *rest in some]
        apart = [
            np.abs(weights - off).max() > 1e-6
            for (weights, *_), (off, *_) in zip(truth, ORACLE.learned(other), strict=True)
        ]
        assert np.mean(apart) > 0.2, change


def test_predict_says_what_learning_would_and_leaves_no_trace():
    rng = np.random.default_rng(6)
    for _ in range(20):
        pair, n, weights, (first, second, third) = random_problem(rng)
        one, other = (at_work(pair, n, weights) for _ in range(2))
        other.learn(first)
        one.learn(first)
        before = one.passed
        predicted = one.predict(second)
        assert one.passed == before
        np.testing.assert_array_equal(predicted[0], one.learn(second)[0])
        other.learn(second)
        np.testing.assert_array_equal(one.learn(third), other.learn(third))
        np.testing.assert_array_equal(one.weights, other.weights)
