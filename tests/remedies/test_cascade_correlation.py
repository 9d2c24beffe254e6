"""Recurrent Cascade-Correlation: Quickprop, the candidates' gradient, growth, the Reber grammar."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lstmbook.protocols import Learner
from lstmbook.remedies.cascade_correlation import (
    Quickprop,
    RecurrentCascadeCorrelation,
    Settings,
    Stagnation,
    TrainingSet,
    cascade_correlation,
    covariances,
    score_slope,
    unit_activations,
)
from lstmbook.sequences import Batch, Sequence
from lstmbook.squashing import squashing
from lstmbook.tasks.long_time_lags import TwoSequences
from lstmbook.tasks.reber import (
    ALPHABET,
    REBER,
    EmbeddedReber,
    draw,
    possible_next,
    prediction_sequence,
)

numbers = st.sampled_from([-3.0, -1.0, -0.5, -0.1, 0.0, 0.1, 0.2, 0.5, 1.0, 3.0])


def quickprop_by_cases(d, s, p, rate, growth):
    """The rule for one weight as Fahlman's program states it, case by case."""
    shrink = growth / (1 + growth)
    if d == 0:
        return -rate * s
    step = -rate * s if (d < 0 and s > 0) or (d > 0 and s < 0) else 0.0
    if (d < 0 and s >= shrink * p) or (d > 0 and s <= shrink * p) or p == s:
        return step + growth * d
    return step + d * s / (p - s)


@given(numbers, numbers, numbers)
def test_quickprop_is_the_rule_stated_case_by_case(d, s, p):
    before = Quickprop(np.array([7.0]), np.array([d]), np.array([p]))
    after = before.moved(np.array([s]), rate=0.3, growth=2.0)
    assert after.change[0] == pytest.approx(quickprop_by_cases(d, s, p, 0.3, 2.0))
    assert after.weights[0] == 7.0 + after.change[0]
    assert after.slope[0] == s


def test_quickprop_finds_the_minimum_of_a_parabola_in_two_steps():
    at = Quickprop.of(np.array([3.0, -1.0, 0.5]))
    minimum, width = np.array([1.0, 2.0, -4.0]), np.array([1.0, 3.0, 0.7])
    at = at.moved(width * (at.weights - minimum), rate=0.6, growth=2.0)
    at = at.moved(width * (at.weights - minimum), rate=0.0, growth=1e9)
    assert np.allclose(at.weights, minimum)


def case(seed, units=3):
    """Sequences of different lengths, errors at some steps, and candidates of any weights."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, 7, size=5)
    batch = Batch.of(
        Sequence(rng.normal(size=(n, 2)), rng.random((n, 3)), np.arange(n) % 3 != 1, 2)
        for n in lengths
    )
    now = TrainingSet.of(batch)
    errors = rng.normal(size=now.targets.shape) * now.counts[:, :, None]
    return now, errors, rng.normal(size=(units, now.values.shape[2] + 1))


def score(f, w, now, errors):
    _, V = unit_activations(f, w, now.values)
    return np.abs(covariances(V, errors, now.counts)).sum()


@pytest.mark.parametrize("f", ["tanh", "logistic", "h"])
@pytest.mark.parametrize("seed", range(3))
def test_the_slope_of_the_score_is_its_central_difference(seed, f):
    f = squashing(f)
    now, errors, w = case(seed)
    _, slope = score_slope(f, w, now.values, errors, now.counts)
    for place in np.ndindex(w.shape):
        ends = []
        for sign in (1e-5, -1e-5):
            moved = w.copy()
            moved[place] += sign
            ends.append(score(f, moved, now, errors))
        assert slope[place] == pytest.approx((ends[0] - ends[1]) / 2e-5, abs=1e-6)


def test_it_is_what_fahlman_carries_forwards_in_time():
    """dV/dw_i(t) = f'(net)(I_i + w_s dV/dw_i(t-1)), dV/dw_s likewise with V(t-1) for I_i."""
    f = squashing("tanh")
    now, errors, w = case(5)
    found, slope = score_slope(f, w, now.values, errors, now.counts)
    net, V = unit_activations(f, w, now.values)
    way = (errors - errors[now.counts].mean(axis=0)) @ np.sign(found).T
    expected = np.zeros_like(w)
    for n in range(now.values.shape[1]):
        for u in range(len(w)):
            dV = np.zeros(w.shape[1])
            for t in range(len(V)):
                before = V[t - 1, n, u] if t else 0.0
                source = np.append(now.values[t, n], before)
                dV = f.slope(net[t, n, u]) * (source + w[u, -1] * dV)
                expected[u] += now.counts[t, n] * way[t, n, u] * dV
    assert np.allclose(slope, expected, rtol=1e-12, atol=1e-13)


def test_a_unit_feeds_itself_and_reads_no_padding():
    f = squashing("tanh")
    batch = Batch.of(
        [Sequence(np.ones((n, 1)), np.ones((n, 1)), np.ones(n, bool), 1) for n in (1, 3)]
    )
    now = TrainingSet.of(batch)
    assert now.n_predictions == 4
    assert now.values[:, 0, 1].tolist() == [1, 0, 0]
    _, V = unit_activations(f, np.array([[0.5, 0.2, 2.0]]), now.values)
    first = np.tanh(0.7)
    assert V[:2, 1, 0] == pytest.approx([first, np.tanh(0.7 + 2 * first)])


def test_a_phase_stagnates_after_epochs_without_a_significant_change():
    watch = Stagnation(share=0.1, patience=2)
    assert [watch.see(figure) for figure in (10, 9.5, 8, 7.9, 7.3, 7.9)] == [
        False, False, False, False, True, True,
    ]  # fmt: skip


def reber_strings(rng, n):
    return Batch.of(prediction_sequence(draw(REBER, rng)) for _ in range(n))


def legal(sequence, outputs):
    possible = possible_next(ALPHABET.decode(sequence.inputs), REBER)
    least = np.where(possible, outputs, np.inf).min(axis=1)
    return (least > np.where(possible, -np.inf, outputs).max(axis=1)).all()


@pytest.mark.parametrize("seed", [1, 2, 4])
def test_the_reber_grammar_takes_about_as_many_units_and_epochs_as_published(seed):
    """Fahlman: 128 strings; nine of ten runs end with 2 units, one with 3; 195.5 epochs."""
    rng = np.random.default_rng(seed)
    learner = RecurrentCascadeCorrelation(reber_strings(rng, 128), rng)
    while learner.epochs < 400:
        learner.epoch()
        if all(legal(each, learner.predict(each)) for each in learner.training):
            break
    assert learner.epochs < 400
    assert len(learner.units) in (2, 3)
    fresh = reber_strings(rng, 100)
    assert np.mean([legal(each, learner.predict(each)) for each in fresh]) > 0.95


def test_units_are_frozen_once_they_are_there():
    rng = np.random.default_rng(0)
    learner = RecurrentCascadeCorrelation(reber_strings(rng, 30), rng, Settings(max_hidden=3))
    seen = []
    for _ in range(400):
        learner.epoch()
        for known, unit in zip(seen, learner.units, strict=False):
            assert np.array_equal(known, unit)
        seen = [unit.copy() for unit in learner.units]
    assert [len(unit) for unit in learner.units] == [9, 10, 11]  # 7 + 1, older units, itself
    assert learner.outputs.weights.shape == (7, 11)


def test_what_it_predicts_is_what_it_trains():
    rng = np.random.default_rng(1)
    learner = RecurrentCascadeCorrelation(reber_strings(rng, 20), rng, Settings(max_hidden=2))
    for _ in range(250):
        learner.epoch()
    assert len(learner.units) == 2
    net = learner._set.values @ learner.outputs.weights.T
    for i, sequence in enumerate(learner.training):
        expected = squashing("logistic")(net[: len(sequence), i])
        assert np.allclose(learner.predict(sequence), expected, rtol=1e-12)


def test_an_epoch_is_trained_for_as_many_presentations_as_the_set_has():
    rng = np.random.default_rng(0)
    task = EmbeddedReber.draw(rng, 6, 2)
    learner = cascade_correlation(task, rng, max_hidden=1)
    assert isinstance(learner, Learner)
    before = learner.outputs.weights
    for presented in range(1, 13):
        sequence = task.sample(rng)
        expected = learner.predict(sequence)
        assert np.array_equal(learner.learn(sequence), expected)
        assert learner.epochs == presented // 6
    assert not np.array_equal(learner.outputs.weights, before)


def test_a_task_without_a_set_gets_one_drawn():
    learner = cascade_correlation(TwoSequences(3), np.random.default_rng(0), n_training=9)
    assert len(learner.training) == 9


def test_the_same_generator_gives_the_same_net():
    found = []
    for _ in range(2):
        learner = cascade_correlation(TwoSequences(2), np.random.default_rng(4), n_training=8)
        for _ in range(60):
            learner.epoch()
        found.append(learner.outputs.weights)
    assert np.array_equal(*found)


@settings(max_examples=20)
@given(st.sampled_from(["pool", "patience"]))
def test_impossible_settings_are_named(name):
    with pytest.raises(ValueError, match=f"{name} is 0; it must be at least 1"):
        Settings(**{name: 0})


def test_other_impossible_arguments_are_named():
    with pytest.raises(ValueError, match="f is 'step'"):
        Settings(f="step")
    with pytest.raises(ValueError, match="growth is 0"):
        Settings(growth=0)
    with pytest.raises(ValueError, match="n_training is 0"):
        cascade_correlation(TwoSequences(2), np.random.default_rng(0), n_training=0)
    nothing = Batch.of([Sequence(np.zeros(2, int), np.ones((2, 1)), np.zeros(2, bool), 1)])
    with pytest.raises(ValueError, match="training has no step whose error counts"):
        RecurrentCascadeCorrelation(nothing, np.random.default_rng(0))
    learner = cascade_correlation(TwoSequences(2), np.random.default_rng(0), n_training=2)
    with pytest.raises(ValueError, match="sequence has 1 n_inputs; the net has 3"):
        learner.predict(nothing[0])
