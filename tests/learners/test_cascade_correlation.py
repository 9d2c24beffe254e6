"""Recurrent Cascade-Correlation: its slopes, each epoch, growth, and whole trials.

The reference here is written with matrices, sequence by sequence, and shares nothing with the
module but the numbers it is given.
"""

import time
from dataclasses import replace
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lstmbook.lanes.draws import Stream, stream_key
from lstmbook.learners.cascade_correlation import (
    CascadeCorrelation,
    RecurrentCascadeCorrelation,
    Stagnation,
    quickprop,
)
from lstmbook.learners.cascade_trial import run_cascade_trial
from lstmbook.protocols import Learner, Task, run_trial
from lstmbook.sequences import Batch, Sequence, loss
from lstmbook.squashing import squashing
from lstmbook.tasks.adding import Adding
from lstmbook.tasks.criteria import AllRight, RunOfRight
from lstmbook.tasks.fixed_set import FixedSet
from lstmbook.tasks.long_time_lags import RandomDistractors, TwoSequences
from lstmbook.tasks.reber import (
    ALPHABET,
    REBER,
    EmbeddedReber,
    draw,
    possible_next,
    prediction_sequence,
    remembered,
    string_predicted,
)

pytest.importorskip("numba")

numbers = st.sampled_from([-3.0, -1.0, -0.5, -0.1, 0.0, 0.1, 0.2, 0.5, 1.0, 3.0])


# ---------------------------------------------------------------- Quickprop
def quickprop_by_cases(d, s, p, rate, growth):
    """The rule for one weight as Fahlman's program states it, case by case."""
    shrink = growth / (1 + growth)
    if d == 0:
        return -rate * s
    step = -rate * s if (d < 0 and s > 0) or (d > 0 and s < 0) else 0.0
    if (d < 0 and s >= shrink * p) or (d > 0 and s <= shrink * p) or p == s:
        return step + growth * d
    return step + d * s / (p - s)


class Now:
    rate, growth = 0.3, 2.0


@given(numbers, numbers, numbers)
def test_quickprop_is_the_rule_stated_case_by_case(d, s, last):
    change = quickprop(Now, *(np.array([x]) for x in (d, s, last)))
    assert change[0] == pytest.approx(quickprop_by_cases(d, s, last, 0.3, 2.0))


def test_quickprop_finds_the_minimum_of_a_parabola_in_two_steps():
    class Free:
        rate, growth = 0.0, 1e9

    minimum, width = np.array([1.0, 2.0, -4.0]), np.array([1.0, 3.0, 0.7])
    start = np.array([3.0, -1.0, 0.5])
    last = width * (start - minimum)
    first = -0.6 * last
    slope = width * (start + first - minimum)
    assert np.allclose(start + first + quickprop(Free, first, slope, last), minimum)


# ---------------------------------------------------------------- random nets and sets
def a_set(rng, *, symbolic, n_inputs=3, n_outputs=3, n=4, longest=5):
    """Sequences of different lengths of which some steps count, at least one each."""
    found = []
    for _ in range(n):
        T = int(rng.integers(1, longest + 1))
        mask = rng.random(T) < 0.6
        mask[rng.integers(T)] = True
        inputs = rng.integers(n_inputs, size=T) if symbolic else rng.normal(size=(T, n_inputs))
        targets = np.where(mask[:, None], rng.random((T, n_outputs)), np.nan)
        found.append(Sequence(inputs, targets, mask, n_inputs))
    return Batch.of(found)


def with_units(learner, rng, units):
    """Give a learner some hidden units, outputs and candidates with any weights."""
    draws = partial(rng.normal, scale=1.5)
    pool, n_outputs = learner.settings.pool, learner.training.targets.shape[1]
    for _ in range(units):
        learner._set_weights("pool", draws(size=(1, learner._n_read)), draws(size=1))
        learner._install(0, draws(size=n_outputs))
    learner._set_weights("outputs", draws(size=(n_outputs, learner._n_read)))
    learner.losses()
    learner._begin_pool()
    learner._set_weights("pool", draws(size=(pool, learner._n_read)), draws(size=pool))
    return learner


def forward(f, w, values):
    """One unit over one sequence, step by step."""
    V, before = [], 0.0
    for row in values:
        before = float(f(row @ w[:-1] + w[-1] * before))
        V.append(before)
    return np.array(V)


def values_of(learner, sequence):
    """What outputs read, shape (T, n_inputs + 1 + hidden)."""
    f = squashing(learner.settings.f)
    values = np.hstack([sequence.x, np.ones((len(sequence), 1))])
    for w in learner.unit_weights:
        values = np.hstack([values, forward(f, w, values)[:, None]])
    return values


# ---------------------------------------------------------------- JAX
SQUASH = {
    "tanh": jnp.tanh,
    "logistic": jax.nn.sigmoid,
    "h": lambda x: jnp.tanh(0.5 * x),
    "identity": lambda x: x,
}


def padded(learner, longest=5):
    """The training set: values, targets, errors left and counts, time second."""
    batch = learner.training
    shape = (len(batch), longest)
    values = np.zeros((*shape, batch.n_inputs + 1 + learner.hidden))
    targets = np.zeros((*shape, batch.targets.shape[1]))
    counts = np.zeros(shape, dtype=bool)
    for i, sequence in enumerate(batch):
        T = len(sequence)
        values[i, :T] = values_of(learner, sequence)
        targets[i, :T] = np.nan_to_num(sequence.targets)
        counts[i, :T] = sequence.mask
    return values, targets, counts


def jax_score(f, w, values, errors, counts):
    """S of one candidate: the sizes of its covariances with all errors, summed."""

    def take(before, row):
        V = SQUASH[f](row @ w[:-1] + w[-1] * before)
        return V, V

    V = jax.vmap(lambda rows: jax.lax.scan(take, 0.0, rows)[1])(values)
    n = counts.sum()
    apart = jnp.where(counts, V - jnp.where(counts, V, 0.0).sum() / n, 0.0)
    mean = jnp.where(counts[..., None], errors, 0.0).sum(axis=(0, 1)) / n
    return jnp.abs((apart[..., None] * (errors - mean)).sum(axis=(0, 1))).sum()


def jax_loss(f, K, values, targets, counts):
    e = targets - SQUASH[f](values @ K.T)
    return 0.5 * jnp.where(counts[..., None], e**2, 0.0).sum()


NETS = {
    "symbols": (True, 3, CascadeCorrelation(max_hidden=2, pool=3, slope_offset=0)),
    "real inputs": (
        False, 2, CascadeCorrelation(3, pool=2, f="logistic", f_k="h", slope_offset=0),
    ),
    "two vectors": (
        False, 9, CascadeCorrelation(2, pool=9, f="h", f_k="identity", slope_offset=0),
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", NETS)
def test_slopes_are_those_of_jax(kind):
    """400 nets and sets of each kind: dS/dw of all candidates and -dE/dw of all outputs."""
    symbolic, n_outputs, settings = NETS[kind]
    asked, slopes, falls = [], [], []
    for seed in range(400):
        rng = np.random.default_rng(seed)
        batch = a_set(rng, symbolic=symbolic, n_outputs=n_outputs)
        learner = RecurrentCascadeCorrelation(batch, Stream(seed), settings)
        with_units(learner, rng, units=2)
        # errors unlike the outputs' own, so that neither stands in for the other
        E = rng.normal(size=learner._set.field("E").shape)
        learner._keep_errors(E)
        learner._covariances()
        errors = np.zeros((len(batch), 5, n_outputs))
        for i in range(len(batch)):
            rows = slice(*batch.starts[i : i + 2])
            errors[i, : rows.stop - rows.start] = E[learner._set.order[rows], :n_outputs]
        values, targets, counts = padded(learner)
        w, K = learner.candidate_weights, learner.output_weights
        asked.append((w, values, errors, counts, K, targets))
        table = learner._table("pool", "slope")[: settings.pool]
        slopes.append(np.hstack([table[:, : learner._n_read], table[:, -1:]]))
        falls.append(learner._table("outputs", "slope")[:n_outputs, : learner._n_read])
    with jax.enable_x64(True):
        w, values, errors, counts, K, targets = (
            np.stack(each) for each in zip(*asked, strict=True)
        )
        score = jax.grad(partial(jax_score, settings.f))
        score = jax.vmap(score, in_axes=(0, None, None, None))
        expected = np.asarray(jax.jit(jax.vmap(score))(w, values, errors, counts))
        fall = jax.jit(jax.vmap(jax.grad(partial(jax_loss, settings.f_k))))
        expected_fall = -np.asarray(fall(K, values, targets, counts))
    assert np.abs(expected).max() > 1
    assert np.abs(expected_fall).max() > 0.5
    assert np.allclose(slopes, expected, rtol=1e-9, atol=1e-11)
    assert np.allclose(falls, expected_fall, rtol=1e-9, atol=1e-11)


# ---------------------------------------------------------------- epochs
def quickprop_table(of, d, s, last, rate):
    rule = np.vectorize(quickprop_by_cases)
    return rule(d, s, last, rate, of.growth) if d.size else d


def expected_outputs(learner):
    """The output weights after an epoch, by matrices."""
    of, batch = learner.settings, learner.training
    f, K = squashing(of.f_k), learner.output_weights
    slope = of.output_decay * K
    for sequence in batch:
        values = values_of(learner, sequence)
        net = values @ K.T
        e = np.where(sequence.mask[:, None], sequence.targets - f(net), 0.0)
        slope -= (e * (f.slope(net) + of.slope_offset)).T @ values
    n = learner._n_read
    d, last = (learner._table("outputs", name)[: len(K), :n] for name in ("change", "last"))
    rate = of.output_rate / int(batch.mask.sum())
    return K + quickprop_table(of, d, slope, last, rate)


def errors_left(learner):
    """E_o - mean E_o at the steps that count, by the output weights as they are."""
    f, K, batch = squashing(learner.settings.f_k), learner.output_weights, learner.training
    parts = []
    for sequence in batch:
        net = values_of(learner, sequence) @ K.T
        e = (sequence.targets - f(net)) * (f.slope(net) + learner.settings.slope_offset)
        parts.append(e[sequence.mask])
    E = np.concatenate(parts)
    return E - E.mean(axis=0), (E**2).sum()


def expected_candidates(learner, E, squares):
    """Candidates' weights after an epoch, and scores, with V's derivatives carried forwards.

    dV/dw_i(t) = f'(net)(I_i + w_s dV/dw_i(t-1)), dV/dw_s likewise with V(t-1) for I_i.
    """
    of, batch, W = learner.settings, learner.training, learner.candidate_weights
    f, mask = squashing(of.f), np.asarray(batch.mask)
    slopes, scores = np.zeros_like(W), np.zeros(len(W))
    for c, w in enumerate(W):
        V, dV = [], []
        for sequence in batch:
            before, d = 0.0, np.zeros(len(w))
            for row in values_of(learner, sequence):
                source = np.append(row, before)
                net = source @ w
                d = float(f.slope(net)) * (source + w[-1] * d)
                before = float(f(net))
                V.append(before)
                dV.append(d)
        V, dV = np.array(V)[mask], np.array(dV)[mask]
        covariance = (V - V.mean()) @ E
        scores[c] = np.abs(covariance).sum() / squares
        slopes[c] = (E @ np.sign(covariance)) @ dV / squares

    def table(name):
        found = learner._table("pool", name)[: len(W)]
        return np.hstack([found[:, : learner._n_read], found[:, -1:]])

    rate = of.candidate_rate / (int(mask.sum()) * learner._n_read)
    return W + quickprop_table(of, table("change"), -slopes, table("last"), rate), scores


SETS = {
    "strings": partial(a_set, symbolic=True, n=6, longest=6),
    "real inputs, two outputs": partial(a_set, symbolic=False, n_outputs=2, n=6),
    "nine outputs": partial(a_set, symbolic=True, n_outputs=9, n_inputs=4),
}


@pytest.mark.parametrize("kind", SETS)
def test_each_epoch_is_the_one_of_the_reference(kind):
    """Outputs, candidates and new units, until two units are there."""
    settings = CascadeCorrelation(max_hidden=2, pool=3, patience=4, f="logistic")
    batch = SETS[kind](np.random.default_rng(3))
    learner = RecurrentCascadeCorrelation(batch, Stream(8), settings)
    seen = {"outputs": 0, "candidates": 0, "units": 0}
    close = partial(np.testing.assert_allclose, rtol=1e-9, atol=1e-9)
    while learner.hidden < 2 or learner.epochs < 60:
        pool = learner.candidate_weights
        if pool is None:
            E = errors_left(learner)
            expected = expected_outputs(learner)
            learner.epoch()
            close(learner.output_weights, expected)
            seen["outputs"] += 1
            continue
        expected, scores = expected_candidates(learner, *E)
        hidden = learner.hidden
        learner.epoch()
        if learner.hidden == hidden:
            close(learner.candidate_weights, expected)
            seen["candidates"] += 1
        else:
            assert np.array_equal(learner.unit_weights[-1], pool[scores.argmax()])
            first = learner.output_weights[:, -1]
            assert np.abs(first).sum() == pytest.approx(scores.max())
            seen["units"] += 1
        assert learner.epochs < 500
    assert seen["units"] == 2
    assert min(seen["outputs"], seen["candidates"]) > 10


def copy_state(to, of):
    """Put a learner where another one stands."""
    for name, memory in of._shared.items():
        to._shared[name][:] = memory
    for name in ("hidden", "epochs", "presented", "moves", "_pool_learns"):
        setattr(to, name, getattr(of, name))
    to._squares, to._moved = of._squares, True
    to._watch, to._stream = replace(of._watch), Stream(of._stream.key, of._stream.position)
    for name in ("x", "left", "E"):
        to._set.field(name)[:] = of._set.field(name)


@pytest.mark.parametrize("kind", ["symbols", "real inputs", "two vectors"])
def test_plain_and_compiled_epochs_are_equal(kind):
    symbolic, n_outputs, settings = NETS[kind]
    settings = replace(settings, patience=3, slope_offset=0.1)
    batch = a_set(np.random.default_rng(1), symbolic=symbolic, n_outputs=n_outputs)
    fast = RecurrentCascadeCorrelation(batch, Stream(2), settings)
    slow = RecurrentCascadeCorrelation(batch, Stream(2), settings, plain=True)
    assert np.array_equal(fast.output_weights, slow.output_weights)
    phases = {(0, False), (0, True), (1, False), (1, True), (2, False)}
    while phases:
        copy_state(slow, fast)
        fast.epoch()
        slow.epoch()
        assert (fast.hidden, fast._pool_learns) == (slow.hidden, slow._pool_learns)
        assert np.allclose(fast.output_weights, slow.output_weights, rtol=1e-10, atol=1e-10)
        if fast._pool_learns:
            candidates = fast.candidate_weights
            assert np.allclose(candidates, slow.candidate_weights, rtol=1e-10, atol=1e-10)
        phases.discard((fast.hidden, fast._pool_learns))
        assert fast.epochs < 400
    sequence = batch[0]
    assert np.allclose(fast.predict(sequence), slow.predict(sequence), rtol=1e-9)


def test_compiled_epochs_take_a_fiftieth_of_plain_ones_at_most():
    batch = a_set(np.random.default_rng(0), symbolic=True, n=30, longest=10)
    took = {}
    for plain in (False, True):
        learner = RecurrentCascadeCorrelation(batch, Stream(0), CascadeCorrelation(5), plain)
        learner.epoch()
        times = []
        for _ in range(3):
            began = time.perf_counter()
            learner.epoch()
            times.append(time.perf_counter() - began)
        took[plain] = min(times)
    assert took[True] > 50 * took[False]


# ---------------------------------------------------------------- growth
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
    learner = RecurrentCascadeCorrelation(
        reber_strings(rng, 128), Stream(seed), CascadeCorrelation()
    )
    while learner.epochs < 400:
        learner.epoch()
        if all(legal(each, learner.predict(each)) for each in learner.training):
            break
    assert learner.epochs < 400
    assert learner.hidden in (2, 3)
    fresh = reber_strings(rng, 100)
    assert np.mean([legal(each, learner.predict(each)) for each in fresh]) > 0.95


def test_units_are_frozen_once_they_are_there():
    rng = np.random.default_rng(0)
    learner = RecurrentCascadeCorrelation(
        reber_strings(rng, 30), Stream(0), CascadeCorrelation(max_hidden=3)
    )
    seen = []
    for _ in range(500):
        learner.epoch()
        for known, unit in zip(seen, learner.unit_weights, strict=False):
            assert np.array_equal(known, unit)
        seen = learner.unit_weights
    assert [len(unit) for unit in seen] == [9, 10, 11]  # 7 + 1, older units, itself
    assert learner.output_weights.shape == (7, 11)
    assert learner.candidate_weights is None


@pytest.mark.parametrize("symbolic", [True, False])
def test_what_it_predicts_is_what_it_trains(symbolic):
    rng = np.random.default_rng(1)
    batch = a_set(rng, symbolic=symbolic)
    learner = RecurrentCascadeCorrelation(batch, Stream(1), CascadeCorrelation(max_hidden=2))
    with_units(learner, rng, units=2)
    learner._moved = True
    outputs = learner.outputs(learner._set)
    logistic = squashing("logistic")
    for i, sequence in enumerate(batch):
        rows = slice(*batch.starts[i : i + 2])
        predicted = learner.predict(sequence)
        net = values_of(learner, sequence) @ learner.output_weights.T
        assert np.allclose(predicted, logistic(net), rtol=1e-12)
        assert np.array_equal(outputs[rows], predicted)
        assert learner.losses()[i] == pytest.approx(loss(sequence, predicted))


def test_without_errors_no_unit_is_trained():
    batch = Batch.of([Sequence(np.zeros((3, 1)), np.zeros((3, 1)), np.ones(3, bool), 1)])
    settings = CascadeCorrelation(f_k="identity", output_decay=0, patience=2)
    learner = RecurrentCascadeCorrelation(batch, Stream(0), settings)
    learner._set_weights("outputs", np.zeros((1, 2)))
    for _ in range(20):
        learner.epoch()
    assert learner.hidden == 0
    assert np.array_equal(learner.output_weights, np.zeros((1, 2)))


# ---------------------------------------------------------------- a learner of tasks
def test_an_epoch_is_trained_for_as_many_presentations_as_the_set_has():
    rng = np.random.default_rng(0)
    task = EmbeddedReber.draw(rng, 6, 2)
    learner = CascadeCorrelation(max_hidden=1).build(task, rng)
    assert isinstance(learner, Learner)
    assert learner.training is task.training
    before = learner.output_weights
    for presented in range(1, 13):
        sequence = task.sample(rng)
        expected = learner.predict(sequence)
        assert np.array_equal(learner.learn(sequence), expected)
        assert learner.epochs == presented // 6
    assert not np.array_equal(learner.output_weights, before)
    learner.count(20)
    assert (learner.presented, learner.epochs) == (32, 5)


def test_a_task_without_a_set_gets_one_drawn_from_the_stream():
    task, stream = TwoSequences(3), Stream(4)
    fixed = FixedSet.of(task, 9, Stream(4))
    assert isinstance(fixed, Task)
    assert FixedSet.of(fixed, 5, Stream(0)) is fixed
    assert (fixed.name, fixed.n_inputs, fixed.n_outputs) == (task.name, 4, 4)
    assert fixed.doing_nothing().loss == task.doing_nothing().loss
    for each in fixed.training:
        assert np.array_equal(each.inputs, task.sample(stream).inputs)
    shown = [fixed.sample(stream).inputs.tolist() for _ in range(40)]
    assert {tuple(x) for x in shown} == {tuple(x.inputs.tolist()) for x in fixed.training}
    assert len(CascadeCorrelation(n_training=7).build(task, Stream(1)).training) == 7


def test_the_same_stream_gives_the_same_net_and_another_one_another():
    found = []
    for key in (4, 4, 5):
        learner = CascadeCorrelation(n_training=8).build(RandomDistractors(2, 2), Stream(key))
        for _ in range(60):
            learner.epoch()
        found.append(learner.output_weights)
    assert np.array_equal(found[0], found[1])
    assert found[0].shape != found[2].shape or not np.allclose(found[0], found[2])


# ---------------------------------------------------------------- trials
def same_trial(task, settings, seed, **limits):
    """Run a trial fast, and with `run_trial`; compare, and return the fast one."""
    outcome, milestones, learner = run_cascade_trial(task, settings, seed, **limits)
    stream = Stream(stream_key(seed, "sequences"))
    fixed = FixedSet.of(task, settings.n_training, stream)
    other = settings.build(fixed, Stream(stream_key(seed, "weights")))
    expected = run_trial(fixed, other, stream, seed=seed, **limits)
    assert (outcome.ending, outcome.sequences) == (expected.ending, expected.sequences)
    assert np.allclose(outcome.errors, expected.errors, rtol=1e-9, atol=1e-12)
    assert (outcome.window, outcome.seed) == (expected.window, seed)
    assert np.array_equal(learner.output_weights, other.output_weights, equal_nan=True)
    assert (learner.presented, learner.epochs) == (other.presented, other.epochs)
    return outcome, milestones, learner


@pytest.mark.parametrize("window", [7, 100])
def test_a_fast_trial_is_what_run_trial_makes_of_it(window):
    task = TwoSequences(3, criterion=RunOfRight(0.25, run=50))
    settings = CascadeCorrelation(n_training=8)
    outcome, milestones, learner = same_trial(task, settings, 0, max_sequences=2000, window=window)
    assert outcome.success
    assert milestones["hidden units"] == learner.hidden == len(milestones["units added"]) > 0
    assert milestones["epochs"] == learner.epochs
    for added in milestones["units added"]:
        assert 0 < added <= learner.presented
        assert added % 8 == 0
    capped = 8 * 5 + 3
    outcome, _, learner = same_trial(task, settings, 0, max_sequences=capped, window=window)
    assert (outcome.ending, outcome.sequences, learner.epochs) == ("cap", capped, 5)


def strings_told(task, learner):
    """Shares of strings predicted and of second symbols remembered, one string at a time."""
    told = [
        (string_predicted(each, outputs), remembered(each, outputs))
        for batch in (task.training, task.test)
        for each in batch
        for outputs in [learner.predict(each)]
    ]
    return np.mean(told, axis=0).tolist()


@pytest.mark.parametrize("cap", [70, 700])
def test_a_fast_trial_of_strings_is_what_run_trial_makes_of_it(cap):
    task = EmbeddedReber.draw(np.random.default_rng(2), 20, 9, every=7)
    outcome, found, learner = same_trial(task, CascadeCorrelation(), 1, max_sequences=cap)
    assert (outcome.ending, learner.epochs) == ("cap", cap // 20)
    predicted, kept = strings_told(task, learner)
    assert found["share of strings predicted at the end"] == predicted
    assert found["share of second symbols remembered at the end"] == kept
    assert found["largest share of strings predicted"] >= predicted
    for share in (50, 99):
        reached = found["largest share of strings predicted"] >= share / 100
        assert (f"{share}% of strings predicted" in found) == reached


def test_a_plain_trial_is_a_compiled_one_to_rounding():
    strings = EmbeddedReber.draw(np.random.default_rng(5), 4, 2, every=4)
    for task, settings in (
        (strings, CascadeCorrelation(patience=2)),
        (Adding(20), CascadeCorrelation(n_training=2, patience=2, f_k="identity")),
    ):
        fast, plain = (
            run_cascade_trial(task, settings, 1, max_sequences=50, window=10, plain=each)
            for each in (False, True)
        )
        assert (fast[0].ending, fast[0].sequences) == (plain[0].ending, plain[0].sequences)
        assert np.allclose(fast[0].errors, plain[0].errors, rtol=1e-6)
        assert fast[1] == plain[1]
        assert fast[2].plain < plain[2].plain
        assert plain[2].epochs == 50 // len(plain[2].training)


def test_a_trial_of_strings_ends_when_all_are_predicted():
    task = EmbeddedReber.draw(np.random.default_rng(3))
    outcome, found, learner = run_cascade_trial(task, CascadeCorrelation(), 3, max_sequences=10**6)
    assert outcome.success
    assert outcome.sequences == learner.presented == 256 * learner.epochs
    assert strings_told(task, learner) == [1.0, 1.0]
    shares = [found[f"{share}% of strings predicted"] for share in (50, 75, 90, 95, 99)]
    assert shares == sorted(shares)
    assert shares[-1] <= outcome.sequences
    before, found, learner = run_cascade_trial(
        task, CascadeCorrelation(), 3, max_sequences=outcome.sequences - 256
    )
    assert before.ending == "cap"
    predicted, kept = strings_told(task, learner)
    assert found["share of strings predicted at the end"] == predicted < 1
    assert found["share of second symbols remembered at the end"] == kept


def test_a_criterion_of_ones_own_sees_each_sequence_and_the_learner():
    fixed = FixedSet.of(TwoSequences(2), 6, Stream(1))

    class Own(AllRight):
        pass

    def near(sequence, outputs):
        return bool((np.abs(outputs - sequence.targets) < 0.3).all())

    task = FixedSet(replace(TwoSequences(2), criterion=Own(near, (fixed.training,), 4)),
                    fixed.training)  # fmt: skip
    outcome, _, learner = same_trial(task, CascadeCorrelation(), 3, max_sequences=1500)
    assert outcome.success
    assert outcome.sequences % 4 == 0
    assert all(near(each, learner.predict(each)) for each in fixed.training)


def test_a_net_that_overflows_ends_the_trial():
    task = Adding(20)
    settings = CascadeCorrelation(max_hidden=0, n_training=1, f_k="identity", output_rate=1.7e308)
    outcome, _, _ = same_trial(task, settings, 0, max_sequences=5000)
    assert outcome.ending == "diverged"


@pytest.mark.parametrize(
    ("task", "units"), [(TwoSequences(4), 1), (TwoSequences(10), 1), (RandomDistractors(10, 10), 2)]
)
def test_it_learns_short_time_lags(task, units):
    outcome, milestones, learner = run_cascade_trial(
        task, CascadeCorrelation(), 0, max_sequences=256 * 400
    )
    assert outcome.success
    assert milestones["hidden units"] == units
    stream = Stream(99)
    fresh = [task.sample(stream) for _ in range(100)]
    assert all(task.criterion.right(each, learner.predict(each)) for each in fresh)


def test_progress_is_told_each_epoch_and_may_end_the_trial():
    told = []

    class Enough(Exception):
        pass

    def progress(presented):
        told.append(presented)
        if presented >= 40:
            raise Enough

    settings = CascadeCorrelation(n_training=10)
    with pytest.raises(Enough):
        run_cascade_trial(TwoSequences(3), settings, 0, max_sequences=10**9, progress=progress)
    assert told == [10, 20, 30, 40]


# ---------------------------------------------------------------- what is refused
@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"pool": 0}, "pool is 0; it must be at least 1"),
        ({"patience": 0}, "patience is 0; it must be at least 1"),
        ({"n_training": 0}, "n_training is 0; it must be at least 1"),
        ({"max_hidden": -1}, "max_hidden is -1"),
        ({"f": "step"}, "f is 'step'"),
        ({"f_k": "step"}, "f_k is 'step'"),
        ({"growth": 0}, "growth is 0"),
        ({"output_decay": -1}, "output_decay is -1"),
    ],
)
def test_impossible_settings_are_named(wrong, says):
    with pytest.raises(ValueError, match=says):
        CascadeCorrelation(**wrong)


def test_other_impossible_arguments_are_named():
    nothing = Batch.of([Sequence(np.zeros(2, int), np.ones((2, 1)), np.zeros(2, bool), 1)])
    with pytest.raises(ValueError, match="training has no step whose error counts"):
        RecurrentCascadeCorrelation(nothing, Stream(0), CascadeCorrelation())
    with pytest.raises(TypeError, match="task is 'adding'; it must be a task"):
        CascadeCorrelation().build("adding", Stream(0))
    learner = CascadeCorrelation(n_training=2).build(TwoSequences(2), Stream(0))
    with pytest.raises(ValueError, match="sequence has 1 n_inputs; the net has 3"):
        learner.predict(nothing[0])
    vectors = Sequence(np.zeros((2, 3)), np.ones((2, 3)), np.ones(2, bool), 3)
    with pytest.raises(ValueError, match="sequence has real inputs; the training set had symbols"):
        learner.predict(vectors)
    with pytest.raises(ValueError, match="max_sequences is 0"):
        run_cascade_trial(TwoSequences(2), CascadeCorrelation(), 0, max_sequences=0)
    with pytest.raises(ValueError, match="window is 0"):
        run_cascade_trial(TwoSequences(2), CascadeCorrelation(), 0, max_sequences=1, window=0)
