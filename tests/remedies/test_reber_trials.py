"""The compiled trials of the embedded Reber grammar are the trials of the readable learners."""

import subprocess
import sys

import numpy as np
import pytest

from lstmbook.protocols import run_trial
from lstmbook.remedies import reber_trials
from lstmbook.remedies.bptt_net import bptt_net
from lstmbook.remedies.cascade_correlation import Quickprop, cascade_correlation
from lstmbook.remedies.elman import elman_net
from lstmbook.remedies.reber_trials import CompiledCascade, run_reber_trial, unsupported
from lstmbook.remedies.rtrl_net import rtrl_net
from lstmbook.sequences import Batch
from lstmbook.tasks.long_time_lags import TwoSequences
from lstmbook.tasks.reber import ALPHABET, EmbeddedReber, remembered, string_predicted

pytest.importorskip("numba")

ALL = {"recurrent": "all"}
NETS = [
    (rtrl_net, {**ALL, "hidden": 3, "learning_rate": 0.05}),
    (rtrl_net, {**ALL, "hidden": 12, "learning_rate": 0.5, "scale": 1.0}),
    (rtrl_net, {**ALL, "hidden": 0, "hidden_biases": True, "output_biases": True}),
    (elman_net, {"hidden": 15, "learning_rate": 0.5}),
    (elman_net, {"hidden": 4, "shortcuts": True, "output_biases": True, "scale": 1.0}),
    (elman_net, {"hidden": 5, "hidden_biases": True}),
]


@pytest.fixture(scope="module")
def task():
    return EmbeddedReber.draw(np.random.default_rng(3), 16, 8, every=16)


def both(make, task, seed=1, **options):
    return [make(task, np.random.default_rng(seed), **options) for _ in range(2)]


def draws():
    return np.random.default_rng([5, 1])


@pytest.mark.parametrize(("make", "options"), NETS)
def test_a_net_is_the_reference_to_rounding(task, make, options):
    mine, its = both(make, task, **options)
    assert unsupported(task, mine) is None
    before = mine.weights.copy()
    outcome, _ = run_reber_trial(task, mine, draws(), max_sequences=60, window=7, seed=9)
    expected = run_trial(task, its, draws(), max_sequences=60, window=7)
    assert (outcome.ending, outcome.sequences, outcome.seed) == ("cap", 60, 9)
    assert (expected.ending, expected.sequences) == ("cap", 60)
    assert np.allclose(outcome.errors, expected.errors, rtol=1e-11, atol=0)
    assert np.allclose(mine.weights, its.weights, rtol=1e-10, atol=1e-14)
    assert not np.allclose(mine.weights, before, rtol=1e-3)


@pytest.mark.parametrize(
    ("make", "options"),
    [
        (rtrl_net, {**ALL, "hidden": 6, "learning_rate": 0.3}),
        (elman_net, {"hidden": 15, "learning_rate": 0.3}),
    ],
)
def test_success_is_seen_where_the_judge_sees_it(make, options):
    """Strings of one branch: nothing has to be remembered long, and both kinds of net succeed."""
    drawn = EmbeddedReber.draw(np.random.default_rng(0), 80, 1).training
    branch = Batch.of(each for each in drawn if each.inputs[1] == ALPHABET.code("T"))
    task = EmbeddedReber(branch, branch, every=32)
    learned, _ = both(make, task, **options)
    first, _ = run_reber_trial(task, learned, draws(), max_sequences=60_000)
    assert first.success
    mine, its = both(make, task, **options)
    run_reber_trial(task, mine, draws(), max_sequences=first.sequences - 80)
    its.weights[:] = mine.weights
    outcome, milestones = run_reber_trial(task, mine, draws(), max_sequences=640)
    expected = run_trial(task, its, draws(), max_sequences=640)
    assert expected.success
    assert (outcome.ending, outcome.sequences) == ("success", expected.sequences)
    assert milestones["99% of strings predicted"] <= outcome.sequences
    assert milestones["share of strings predicted at the end"] == 1.0


@pytest.mark.parametrize("make", [rtrl_net, elman_net])
def test_milestones_are_what_the_readable_functions_say(task, make):
    options = ALL if make is rtrl_net else {}
    (net, _) = both(make, task, hidden=6, learning_rate=0.3, **options)
    _, milestones = run_reber_trial(task, net, draws(), max_sequences=1600)
    strings = [each for batch in (task.training, task.test) for each in batch]
    for said, name in (
        (string_predicted, "strings predicted"),
        (remembered, "second symbols remembered"),
    ):
        share = np.mean([said(each, net.predict(each)) for each in strings])
        assert milestones[f"share of {name} at the end"] == share
    assert milestones["largest share of strings predicted"] > 0


@pytest.mark.parametrize("seed", [1, 2])
def test_an_epoch_of_cascade_correlation_is_the_reference_to_rounding(task, seed):
    """From the same weights: Quickprop doubles a step's rounding from epoch to epoch."""
    its, theirs = both(cascade_correlation, task, seed, max_hidden=3, patience=5)
    mine = CompiledCascade.of(theirs)
    for _ in range(200):
        its.epoch()
        mine.epoch()
        pairs = [(mine.outputs, its.outputs)]
        assert (mine._candidates is None) == (its._candidates is None)
        if its._candidates is not None:
            pairs.append((mine._candidates, its._candidates))
        for ours, expected in pairs:
            for name in ("weights", "slope"):
                scale = np.abs(getattr(expected, name)).max()
                found, known = getattr(ours, name), getattr(expected, name)
                assert np.allclose(found, known, rtol=1e-9, atol=1e-10 * scale), name
        mine.outputs = its.outputs
        if its._candidates is not None:
            of = its._candidates
            mine._candidates = Quickprop(of.weights, of.change, of.slope)
        mine._errors = its._errors.swapaxes(0, 1)[its._set.counts.T][None]
        assert len(mine.units) == len(its.units)
    assert len(its.units) == 3


def test_a_short_trial_of_cascade_correlation_is_the_reference(task):
    mine, its = both(cascade_correlation, task)
    cap = 16 * 30 + 5
    outcome, milestones = run_reber_trial(task, mine, draws(), max_sequences=cap, window=10)
    expected = run_trial(task, its, draws(), max_sequences=cap, window=10)
    assert (outcome.ending, outcome.sequences) == (expected.ending, expected.sequences)
    assert np.allclose(outcome.errors, expected.errors, rtol=1e-9)
    assert (mine.epochs, mine.presented) == (its.epochs, its.presented) == (30, cap)
    assert milestones["epochs"] == 30
    assert milestones["hidden units"] == len(mine.units) == len(milestones["units added"])


def test_units_of_cascade_correlation_are_added_when_its_milestones_say(task):
    (net, _) = both(cascade_correlation, task, max_hidden=2)
    outcome, milestones = run_reber_trial(task, net, draws(), max_sequences=16 * 400)
    added = milestones["units added"]
    assert milestones["hidden units"] == len(net.units) == len(added) == 2
    assert 0 < added[0] < added[1] <= outcome.sequences
    assert all(each % 16 == 0 for each in added)
    strings = [each for batch in (task.training, task.test) for each in batch]
    share = np.mean([string_predicted(each, net.predict(each)) for each in strings])
    assert milestones["share of strings predicted at the end"] == share


def test_a_net_that_is_no_longer_finite_has_diverged(task):
    (net, _) = both(rtrl_net, task, hidden=2, **ALL)
    net.weights[:] = np.nan
    outcome, _ = run_reber_trial(task, net, draws(), max_sequences=100)
    assert (outcome.ending, outcome.sequences) == ("diverged", 1)
    assert len(outcome.errors) == 0


def test_the_same_trial_has_the_same_bits(task):
    for make, options in NETS[:1] + NETS[3:4] + [(cascade_correlation, {})]:
        pair = both(make, task, **options)
        (one, two) = (run_reber_trial(task, each, draws(), max_sequences=500) for each in pair)
        assert np.array_equal(one[0].errors, two[0].errors)
        assert one[1] == two[1]


def test_what_it_cannot_run_is_named(task):
    rng = np.random.default_rng(0)
    other = EmbeddedReber.draw(rng, 4, 2)
    for of, learner, why in (
        (TwoSequences(3), rtrl_net(TwoSequences(3), rng), "TwoSequences is not"),
        (task, bptt_net(task, rng), "BPTTNet is none"),
        (task, rtrl_net(task, rng), "not fully recurrent"),
        (task, rtrl_net(task, rng, updates="sequence end", **ALL), "at every step"),
        (task, rtrl_net(task, rng, reset=False, **ALL), "not reset"),
        (task, elman_net(task, rng, momentum=0.5), "momentum"),
        (task, rtrl_net(TwoSequences(3), rng, **ALL), "does not fit"),
        (task, cascade_correlation(other, rng), "another training set"),
        (task, cascade_correlation(task, rng, f="logistic"), "not tanh"),
    ):
        assert why in unsupported(of, learner)
        if isinstance(of, EmbeddedReber):
            with pytest.raises(ValueError, match=why):
                run_reber_trial(of, learner, rng, max_sequences=1)
    net = elman_net(task, rng)
    with pytest.raises(ValueError, match="max_sequences is 0"):
        run_reber_trial(task, net, rng, max_sequences=0)
    assert reber_trials.SHARES[-1] < 1


def test_compiled_epochs_need_steps_that_count_and_tanh_units(task):
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="f is 'logistic'"):
        CompiledCascade.of(cascade_correlation(task, rng, f="logistic"))
    last = cascade_correlation(TwoSequences(3, errors="last step"), rng, n_training=4)
    with pytest.raises(ValueError, match="training has steps whose error does not count"):
        CompiledCascade.of(last)


def test_progress_is_told_between_two_trials_of_the_criterion(task):
    net, _ = both(elman_net, task)
    seen = []
    run_reber_trial(task, net, draws(), max_sequences=40, progress=seen.append)
    assert seen == [16, 32, 40]


def test_importing_does_not_import_numba():
    code = "import sys, lstmbook.remedies.reber_trials; sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
