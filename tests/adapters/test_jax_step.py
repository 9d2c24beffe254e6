"""A step of JAX is a learner like any other."""

import pickle
from dataclasses import replace
from functools import partial
from typing import NamedTuple

import numpy as np
import pytest

from lstmbook.adapters import JaxLearner, jax_step
from lstmbook.adapters.jax_step import padded_length
from lstmbook.evaluation import evaluate
from lstmbook.experiments import designs, run, train
from lstmbook.peeking import check_no_peeking
from lstmbook.protocols import BatchLearner
from lstmbook.sequences import Batch, loss

jax = pytest.importorskip("jax")
jnp = jax.numpy

# of 5 steps or a few more: each length that is padded otherwise takes a second to compile
DESIGN = designs.design("table2/q50-p50").with_task(q=2, p=3, stop=0.7)
DESIGN = replace(DESIGN.with_criterion(tolerance=0.3, run=20), max_sequences=60)
TASK = DESIGN.task


def init(key, n_inputs, n_outputs, hidden=3):
    one, other = jax.random.split(key)
    return {
        "W_h": 0.3 * jax.random.normal(one, (hidden, n_inputs + hidden + 1)),
        "W_y": 0.3 * jax.random.normal(other, (n_outputs, hidden + 1)),
    }


def start(weights):
    return jnp.zeros(len(weights["W_h"]))


def step(weights, h, x):
    h = jnp.tanh(weights["W_h"] @ jnp.concatenate([x, h, jnp.ones(1)]))
    return h, jax.nn.sigmoid(weights["W_y"] @ jnp.append(h, 1.0))


class Momentum(NamedTuple):
    """An optimiser in the form that Optax has made common."""

    rate: float

    def init(self, weights):
        return jax.tree.map(jnp.zeros_like, weights)

    def update(self, gradient, memory, weights):
        memory = jax.tree.map(lambda m, g: 0.9 * m - self.rate * g, memory, gradient)
        return memory, memory


GIVEN = {"init": init, "start": start, "step": step}


def learner(task=TASK, seed=0, **settings):
    settings = GIVEN | {"dtype": "float64"} | settings
    if "optimiser" not in settings:
        settings.setdefault("learning_rate", 0.1)
    return JaxLearner(task, np.random.default_rng(seed), **settings)


def sequences(n, task=TASK, seed=0):
    rng = np.random.default_rng(seed)
    return [task.sample(rng) for _ in range(n)]


def by_hand(weights, sequence):
    """Return the outputs of the net above, in NumPy."""
    h, outputs = np.zeros(3), []
    for x in sequence.x:
        h = np.tanh(weights["['W_h']"] @ np.concatenate([x, h, [1.0]]))
        outputs.append(1 / (1 + np.exp(-weights["['W_y']"] @ np.append(h, 1.0))))
    return np.array(outputs)


def test_outputs_and_change_are_those_of_the_loss():
    mine = learner()
    sequence = sequences(1)[0]
    before = mine.weights
    outputs = by_hand(before, sequence)
    np.testing.assert_allclose(mine.predict(sequence), outputs, rtol=1e-12)
    np.testing.assert_allclose(mine.learn(sequence), outputs, rtol=1e-12)
    after = mine.weights
    for name in before:
        slope = np.empty_like(before[name])
        for i in np.ndindex(slope.shape):
            ends = []
            for sign in (1, -1):
                moved = {key: each.copy() for key, each in before.items()}
                moved[name][i] += sign * 1e-6
                ends.append(loss(sequence, by_hand(moved, sequence)))
            slope[i] = (ends[0] - ends[1]) / 2e-6
        np.testing.assert_allclose(after[name] - before[name], -0.1 * slope, atol=1e-9)


def test_a_batch_changes_by_the_mean_of_its_sequences():
    batch = sequences(3)
    together = learner(batch_size=4)
    assert isinstance(together, BatchLearner)
    before = together.weights["['W_h']"]
    outputs = together.learn_batch(Batch.of(batch))
    changes = []
    for sequence, found in zip(batch, outputs, strict=True):
        alone = learner()
        np.testing.assert_allclose(alone.learn(sequence), found, rtol=1e-12)
        changes.append(alone.weights["['W_h']"] - before)
    np.testing.assert_allclose(
        together.weights["['W_h']"] - before, np.mean(changes, axis=0), atol=1e-14
    )


def test_lengths_are_padded_so_that_few_are_compiled():
    lengths = [padded_length(T) for T in range(1, 1001)]
    assert sorted(set(lengths)) == [8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768,
                                    1024]  # fmt: skip
    assert all(n >= T for T, n in enumerate(lengths, 1))
    assert all(n < 1.5 * T for T, n in enumerate(lengths, 1) if T > 8)
    traced = []

    def counted(weights, h, x):
        traced.append(x)
        return step(weights, h, x)

    mine, again = learner(step=counted), learner(step=counted, seed=1)
    for sequence in sequences(20, replace(TASK, q=4)):
        mine.learn(sequence)
    seen = {len(each) for each in sequences(20, replace(TASK, q=4))}
    assert len(set(map(padded_length, seen))) < len(seen)
    made = len(traced)
    for sequence in sequences(20, replace(TASK, q=4)):
        again.learn(sequence)
    assert len(traced) == made


def test_padded_steps_change_nothing(monkeypatch):
    sequence = sequences(1)[0]
    mine, exact = learner(), learner()
    mine.learn(sequence)
    monkeypatch.setattr(jax_step, "padded_length", lambda T: T)
    exact.learn(sequence)
    for name, each in exact.weights.items():
        np.testing.assert_allclose(mine.weights[name], each, rtol=1e-14)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_design_of_it_is_run_and_stored(dtype, tmp_path):
    settings = GIVEN | {"init": partial(init, hidden=4), "learning_rate": 0.1, "dtype": dtype}
    design = DESIGN.with_learner(JaxLearner, **settings)
    records = run(design, trials=2, jobs=1, store=tmp_path / "s.sqlite")
    assert {each.dtype for each in records} == {dtype}
    assert f"jax {jax.__version__}, {dtype}, " in records[0].made_with
    assert run(design, trials=2, jobs=1) == records
    trained = train(design, seed=1, store=tmp_path / "s.sqlite")
    assert trained.weights["['W_h']"].dtype == dtype
    assert evaluate(trained.learner, TASK, n=50).n == 50
    assert DESIGN.with_learner(JaxLearner, **settings | {"init": init}).options != design.options


@pytest.mark.parametrize("settings", [{}, {"batch_size": 4}, {"dtype": "float32"}])
def test_it_answers_before_it_is_told(settings):
    make = partial(JaxLearner, **(GIVEN | {"learning_rate": 0.5} | settings))
    assert check_no_peeking(make, TASK, sequences=4) >= 4


def test_so_it_does_with_an_error_at_every_step():
    make = partial(JaxLearner, **GIVEN, learning_rate=0.5)
    task = designs.design("table1/rtrl-p4-rate10").task
    assert check_no_peeking(make, task, sequences=4) > 8


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_it_travels_and_learns_on_as_before(dtype):
    mine = learner(optimiser=Momentum(0.1), dtype=dtype)
    for each in sequences(3):
        mine.learn(each)
    far = pickle.loads(pickle.dumps(mine))
    for each in sequences(3, seed=1):
        np.testing.assert_array_equal(mine.learn(each), far.learn(each))
    assert far.weights["['W_y']"].dtype == dtype
    np.testing.assert_array_equal(mine.weights["['W_y']"], far.weights["['W_y']"])


def test_an_optimiser_may_remember():
    steady, quick = learner(learning_rate=0.1), learner(optimiser=Momentum(0.1))
    for i, each in enumerate(sequences(2)):
        steady.learn(each)
        quick.learn(each)
        same = np.array_equal(steady.weights["['W_y']"], quick.weights["['W_y']"])
        assert same is (i == 0)


@pytest.mark.parametrize(
    ("settings", "kind", "message"),
    [
        ({"init": 3}, TypeError, r"init is 3; it must be callable: init\(key, n_inputs, n_outp"),
        ({"step": 3}, TypeError, r"step is 3; it must be callable: step\(weights, state, x\)"),
        ({"start": 3}, TypeError, r"start is 3; it must be callable: start\(weights\)"),
        ({"step": lambda w, h, x: h}, TypeError, r"step returned .*; it must return the next st"),
        ({"step": lambda w, h, x: (h, h)}, ValueError, r"outputs of shape \(3,\); .* \(2,\)"),
        ({"step": lambda w, h, x: (x, x[:2])}, ValueError, r"step returned the state .* start"),
        ({"learning_rate": None}, ValueError, r"learning_rate is None and optimiser is None; giv"),
        ({"learning_rate": 0}, ValueError, r"learning_rate is 0; it must be above 0"),
        ({"optimiser": 3}, TypeError, r"optimiser is 3; it must have init\(weights\) and updat"),
        ({"dtype": "bfloat16"}, ValueError, r"dtype is 'bfloat16'; it must be one of"),
        ({"batch_size": 0}, ValueError, r"batch_size is 0; it must be at least 1"),
    ],
)
def test_impossible_settings(settings, kind, message):
    with pytest.raises(kind, match=message):
        learner(**settings)
