"""The echo state net: what its outputs learn is what least squares over all errors gives."""

from dataclasses import replace

import numpy as np
import pytest

from lstmbook.lanes.draws import Stream, stream_key
from lstmbook.learners.echo_state import EchoState
from lstmbook.learners.net_trial import NetTrial
from lstmbook.learners.trials import run_trials, sequences
from lstmbook.sequences import Sequence
from lstmbook.tasks.adding import Adding
from lstmbook.tasks.criteria import RunOfRight
from lstmbook.tasks.long_time_lags import RandomDistractors, TwoSequences

from .jax_nets import Net
from .random_nets import random_sequence, task_for, yes

NEVER = RunOfRight(1e-9, 1000, steps="last")


def random_echo(rng):
    layers = tuple(int(n) for n in rng.integers(1, 6, size=rng.integers(1, 3)))
    return EchoState(
        hidden=layers,
        shortcuts=yes(rng),
        hidden_biases=yes(rng),
        output_biases=yes(rng),
        scale=float(rng.choice([0.3, 1.0])),
        radius=float(rng.choice([0.0, 0.5, 0.95, 1.2])),
        density=float(rng.choice([0.3, 1.0])),
        leak=float(rng.choice([0.3, 1.0])),
        ridge=float(rng.choice([0.01, 1.0, 10.0])),
        reset=yes(rng),
    )


def layers_of(recipe, n_inputs, weights):
    """Return each layer's weights from below, from itself, and its biases; and where they end."""
    found, at, below = [], 0, n_inputs
    for size in recipe.layers:
        into = below + size + recipe.hidden_biases
        rows = weights[at : at + size * into].reshape(size, into)
        bias = rows[:, -1] if recipe.hidden_biases else np.zeros(size)
        found.append((rows[:, :below], rows[:, below : below + size], bias))
        at, below = at + size * into, size
    return found, at


def shown(recipe, n_inputs, weights, some):
    """Return what the outputs read at each step of some sequences, one after the other."""
    layers, _ = layers_of(recipe, n_inputs, weights)
    y = [np.zeros(size) for size in recipe.layers]
    rows = []
    for sequence in some:
        if recipe.reset:
            y = [np.zeros(size) for size in recipe.layers]
        for x in sequence.x:
            lower = x
            for i, (below, own, bias) in enumerate(layers):
                net = below @ lower + own @ y[i] + bias
                y[i] = (1 - recipe.leak) * y[i] + recipe.leak * np.tanh(net)
                lower = y[i]
            skip = x if recipe.shortcuts and not sequence.symbolic else x[:0]
            rows.append(np.concatenate([lower, skip, np.ones(1)[: recipe.output_biases]]))
    return np.array(rows)


def least_squares(recipe, z, targets):
    """Return the outputs' weights with the smallest error and ridge, shape (n_outputs, n)."""
    penalty = np.sqrt(recipe.ridge) * np.eye(z.shape[1])
    wanted = np.concatenate([targets, np.zeros((z.shape[1], targets.shape[1]))])
    return np.linalg.lstsq(np.concatenate([z, penalty]), wanted, rcond=None)[0].T


def counted(some):
    return np.concatenate([each.mask for each in some])


def targets_of(some):
    return np.concatenate([each.targets for each in some])


@pytest.mark.parametrize("draw", range(3))
def test_outputs_are_those_of_least_squares_after_any_number_of_steps(draw):
    rng = np.random.default_rng([1, draw])
    wide = 0
    for _ in range(100):
        recipe, symbolic = random_echo(rng), yes(rng)
        n_outputs = int(rng.integers(17, 20) if rng.random() < 0.15 else rng.integers(1, 4))
        net = Net(recipe, int(rng.integers(1, 5)), n_outputs)
        some = [random_sequence(rng, net, symbolic) for _ in range(3)]
        one = recipe.build(task_for(net, symbolic), rng, plain=True)
        before = one.weights
        z, d = shown(recipe, net.n_inputs, before, some), targets_of(some)
        cut, at, ours = layers_of(recipe, net.n_inputs, before)[1], 0, []
        for sequence in some:
            ours.append(one.learn(sequence))
            at += len(sequence)
            now = counted(some)[:at]
            expected = least_squares(recipe, z[:at][now], d[:at][now])
            np.testing.assert_allclose(one.weights[cut:], expected.ravel(), rtol=0, atol=1e-9)
            assert np.array_equal(one.weights[:cut], before[:cut])  # the rest never learns
        # each output is made with what was learned before its own target
        ours = np.concatenate(ours)
        for t in range(at):
            now = counted(some)[:t]
            expected = least_squares(recipe, z[:t][now], d[:t][now]) @ z[t]
            np.testing.assert_allclose(ours[t], expected, rtol=0, atol=1e-9)
        wide += n_outputs > 16
    assert wide > 5


TASKS = {
    "1a": TwoSequences(p=4, criterion=NEVER),
    "1a, many outputs": TwoSequences(p=18, criterion=NEVER),
    "1a, error at the end": TwoSequences(p=4, errors="last step", criterion=NEVER),
    "1a, many outputs, error at the end": TwoSequences(p=18, errors="last step", criterion=NEVER),
    "1c": RandomDistractors(q=2, p=3, stop=0.5, criterion=NEVER),
    "adding": Adding(T=20, criterion=NEVER),
}


@pytest.mark.parametrize("name", TASKS)
def test_trials_learn_by_least_squares_too(name):
    rng, task = np.random.default_rng([2, *map(ord, name)]), TASKS[name]
    for _ in range(4):
        recipe = random_echo(rng)
        trials = [NetTrial(task, recipe, seed, max_sequences=3 + seed) for seed in range(3)]
        for i, result in run_trials(trials, lanes=2, keep_weights=True, plain=True):
            drawn = sequences(trials[i])
            some = [next(drawn) for _ in range(3 + i)]
            before = recipe.initial_weights(task, Stream(stream_key(i, "weights")))
            z = shown(recipe, task.n_inputs, before, some)
            now, cut = counted(some), layers_of(recipe, task.n_inputs, before)[1]
            expected = least_squares(recipe, z[now], targets_of(some)[now])
            np.testing.assert_allclose(result.weights[cut:], expected.ravel(), rtol=0, atol=1e-9)
            assert np.array_equal(result.weights[:cut], before[:cut])


def test_a_smaller_rate_takes_that_share_of_each_step():
    rng = np.random.default_rng(3)
    recipe = EchoState(hidden=4, learning_rate=0.3, ridge=0.5, output_biases=False)
    net = Net(recipe, 2, 1)
    sequence = Sequence(rng.normal(size=(5, 2)), rng.random((5, 1)), np.ones(5, bool), 2)
    one = recipe.build(task_for(net, False), rng, plain=True)
    z = shown(recipe, 2, one.weights, [sequence])
    w, P = np.zeros(4), np.eye(4) / 0.5
    for now, target in zip(z, sequence.targets[:, 0], strict=True):
        gain = 0.3 * P @ now / (1 + now @ P @ now)
        w, P = w + gain * (target - w @ now), P - np.outer(gain, P @ now)
    one.learn(sequence)
    np.testing.assert_allclose(one.weights[-4:], w, rtol=0, atol=1e-12)


@pytest.mark.parametrize("radius", [0.0, 0.5, 0.95, 1.3])
@pytest.mark.parametrize("density", [0.1, 0.5, 1.0])
def test_reservoirs_have_the_radius_and_the_density_that_are_asked_for(radius, density):
    task = TwoSequences(p=4)
    recipe = EchoState(hidden=(40, 30), radius=radius, density=density, scale=0.7)
    weights = recipe.initial_weights(task, Stream(stream_key(1, "weights")))
    layers, cut = layers_of(recipe, task.n_inputs, weights)
    for below, own, bias in layers:
        largest = np.abs(np.linalg.eigvals(own)).max()
        assert largest == pytest.approx(radius, abs=1e-12)
        if radius:
            assert abs((own != 0).mean() - density) < 4 * np.sqrt(density / own.size)
        for drawn in (below, bias):
            assert 0.6 < np.abs(drawn).max() <= 0.7
    assert not weights[cut:].any()


def test_predict_leaves_no_trace():
    rng = np.random.default_rng(4)
    for reset in (True, False):
        recipe = replace(random_echo(rng), reset=reset)
        net = Net(recipe, 3, 2)
        some = [random_sequence(rng, net, True) for _ in range(4)]
        one, other = (
            recipe.build(task_for(net, True), np.random.default_rng(1), plain=True)
            for _ in range(2)
        )
        for each in some:
            one.predict(some[0])
            np.testing.assert_array_equal(one.learn(each), other.learn(each))
        assert np.array_equal(one.weights, other.weights)


def test_compiled_it_learns_what_plain_code_does():
    trials = [NetTrial(TASKS["adding"], EchoState(hidden=20), s, max_sequences=60) for s in (1, 2)]
    plain, compiled = (
        dict(run_trials(trials, lanes=2, keep_weights=True, plain=plain)) for plain in (True, False)
    )
    for i in range(2):
        np.testing.assert_allclose(plain[i].weights, compiled[i].weights, rtol=0, atol=1e-10)
