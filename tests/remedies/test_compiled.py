"""The compiled trials of experiment 1a are the trials of the readable learners."""

import subprocess
import sys

import numpy as np
import pytest

from lstmbook.protocols import run_trial
from lstmbook.remedies import compiled
from lstmbook.remedies.bptt_net import bptt_net
from lstmbook.remedies.elman import elman_net
from lstmbook.remedies.rtrl_net import rtrl_net
from lstmbook.tasks.criteria import RunOfRight
from lstmbook.tasks.long_time_lags import RandomMiddle, TwoSequences

pytest.importorskip("numba")

WAYS = {
    "RTRL": (rtrl_net, {}),
    "RTRL, sequence end": (rtrl_net, {"updates": "sequence end"}),
    "BPTT": (bptt_net, {}),
}


def nets(make, task, seeds, **options):
    return [make(task, np.random.default_rng(seed), **options) for seed in seeds]


def run_all(*arguments, **options):
    """Return the outcomes in the order of the learners."""
    found = dict(compiled.run_trials(*arguments, **options))
    return [found[number] for number in sorted(found)]


def draws(seeds):
    return [np.random.default_rng([seed, 1]) for seed in seeds]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("errors", ["every step", "last step"])
@pytest.mark.parametrize(
    ("p", "options"),
    [
        (1, {}),
        (2, {"shortcuts": False, "output_biases": True}),
        (3, {"hidden_biases": True, "learning_rate": 4.0}),
        (6, {"hidden_biases": True, "output_biases": True, "scale": 1.0}),
    ],
)
def test_it_is_the_reference_to_rounding(monkeypatch, way, errors, p, options):
    monkeypatch.setattr(compiled, "CHUNK", 150)
    make, more = WAYS[way]
    task = TwoSequences(p, errors=errors, criterion=RunOfRight(0.25, run=10_000))
    seeds, cap = range(2), 300
    ours, theirs = (nets(make, task, seeds, **options, **more) for _ in range(2))
    outcomes = run_all(task, ours, draws(seeds), max_sequences=cap, seeds=seeds)
    for seed, (mine, its) in enumerate(zip(ours, theirs, strict=True)):
        expected = run_trial(task, its, draws(seeds)[seed], max_sequences=cap)
        assert (outcomes[seed].ending, outcomes[seed].sequences) == ("cap", cap)
        assert outcomes[seed].seed == seed
        assert np.allclose(outcomes[seed].errors, expected.errors, rtol=1e-11)
        assert np.allclose(mine.weights, its.weights, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("counted", ["first", "last"])
@pytest.mark.parametrize("steps", ["every", "last"])
def test_success_is_seen_where_the_judge_sees_it(counted, steps):
    criterion = RunOfRight(0.25, run=300, steps=steps, counted=counted)
    task = TwoSequences(2, criterion=criterion)
    seeds = range(4)
    options = {"learning_rate": 4.0, "output_biases": True}
    ours, theirs = (nets(rtrl_net, task, seeds, **options) for _ in range(2))
    outcomes = run_all(task, ours, draws(seeds), max_sequences=1500, window=70)
    assert {each.ending for each in outcomes} >= {"success"}
    for outcome, rng, net in zip(outcomes, draws(seeds), theirs, strict=True):
        expected = run_trial(task, net, rng, max_sequences=1500, window=70)
        assert (outcome.ending, outcome.sequences) == (expected.ending, expected.sequences)
        assert np.allclose(outcome.errors, expected.errors, rtol=1e-9)


@pytest.mark.parametrize("way", WAYS)
def test_a_trial_has_the_same_bits_alone_and_among_others(way):
    make, more = WAYS[way]
    task = TwoSequences(4, criterion=RunOfRight(0.25, run=10_000))
    together = nets(make, task, range(11), learning_rate=4.0, **more)
    outcomes = run_all(task, together, draws(range(11)), max_sequences=3000)
    for seed in (0, 3, 10):
        alone = nets(make, task, [seed], learning_rate=4.0, **more)
        (outcome,) = run_all(task, alone, draws([seed]), max_sequences=3000)
        assert np.array_equal(alone[0].weights, together[seed].weights)
        assert np.array_equal(outcome.errors, outcomes[seed].errors)


def test_rates_may_differ_between_trials():
    task = TwoSequences(3, criterion=RunOfRight(0.25, run=10_000))
    rates = (0.5, 1.0, 10.0)
    mixed = [rtrl_net(task, np.random.default_rng(7), learning_rate=rate) for rate in rates]
    run_all(task, mixed, draws([7, 7, 7]), max_sequences=500)
    for rate, net in zip(rates, mixed, strict=True):
        alone = rtrl_net(task, np.random.default_rng(7), learning_rate=rate)
        run_all(task, [alone], draws([7]), max_sequences=500)
        assert np.array_equal(alone.weights, net.weights)


def test_a_net_that_is_no_longer_finite_has_diverged_and_the_others_go_on():
    task = TwoSequences(3)
    pair = nets(rtrl_net, task, [0, 1])
    pair[0].weights[-1] = np.nan
    outcomes = run_all(task, pair, draws([0, 1]), max_sequences=100)
    assert (outcomes[0].ending, outcomes[0].sequences) == ("diverged", 1)
    assert outcomes[1].ending == "cap"


def test_trials_are_given_out_as_they_end():
    task = TwoSequences(3)
    pair = nets(rtrl_net, task, [0, 1])
    pair[1].weights[-1] = np.nan
    seen = []
    some = compiled.run_trials(task, pair, draws([0, 1]), max_sequences=3000, progress=seen.append)
    number, outcome = next(some)
    assert (number, outcome.ending, seen) == (1, "diverged", [])
    ((number, outcome),) = some
    assert (number, outcome.ending) == (0, "cap")
    assert seen == sorted(seen)
    assert 0 < seen[-1] < 3000


def test_how_long_learning_takes_grows_steeply_with_the_delay():
    """What TR's Table 1 is about, in small: one step of delay more takes many times as long."""
    medians = []
    for p in (3, 4):
        task = TwoSequences(p, criterion=RunOfRight(0.25, run=1000))
        some = nets(rtrl_net, task, range(16), learning_rate=10.0, hidden_biases=True)
        outcomes = run_all(task, some, draws(range(16)), max_sequences=300_000)
        assert all(each.success for each in outcomes)
        medians.append(np.median([each.sequences for each in outcomes]))
    assert medians[1] > 4 * medians[0]


def test_what_it_cannot_run_is_named():
    task, rng = TwoSequences(3), np.random.default_rng(0)
    assert compiled.unsupported(task, rtrl_net(task, rng)) is None
    for other, learner, why in (
        (RandomMiddle(3), rtrl_net(task, rng), "RandomMiddle is not experiment 1a"),
        (task, elman_net(task, rng), "ElmanNet is neither"),
        (task, rtrl_net(task, rng, hidden=2), "one hidden logistic unit"),
        (task, rtrl_net(task, rng, recurrent="all"), "one hidden logistic unit"),
        (task, bptt_net(task, rng, updates="every step"), "at every step"),
        (task, rtrl_net(task, rng, reset=False), "not reset"),
        (TwoSequences(4), rtrl_net(task, rng), "does not fit"),
    ):
        assert why in compiled.unsupported(other, learner)
        with pytest.raises(ValueError, match=why):
            run_all(other, [learner], [rng], max_sequences=1)
    net = rtrl_net(task, rng)
    with pytest.raises(ValueError, match="learners differ"):
        run_all(task, [net, bptt_net(task, rng)], [rng, rng], max_sequences=1)
    with pytest.raises(ValueError, match="rngs has 2 entries; learners has 1"):
        run_all(task, [net], [rng, rng], max_sequences=1)
    with pytest.raises(ValueError, match="max_sequences is 0"):
        run_all(task, [net], [rng], max_sequences=0)
    assert run_all(task, [], [], max_sequences=1) == []


def test_importing_does_not_import_numba():
    code = "import sys, lstmbook.remedies.compiled; sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_without_numba_the_extra_is_named():
    code = """
import sys
sys.modules["numba"] = sys.modules["llvmlite"] = None
import numpy as np
from lstmbook.remedies import compiled, rtrl_net
from lstmbook.tasks.long_time_lags import TwoSequences
task, rng = TwoSequences(2), np.random.default_rng(0)
try:
    next(compiled.run_trials(task, [rtrl_net.rtrl_net(task, rng)], [rng], max_sequences=1))
except ImportError as problem:
    sys.exit(not "lstmbook[engine]" in str(problem))
sys.exit(2)
"""
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
