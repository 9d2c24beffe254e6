"""A trial's bits depend on nothing but the trial: not on lanes, order, neighbours, memory."""

from dataclasses import replace
from itertools import islice

import numpy as np
import pytest

from lstmbook.lanes.draws import Stream, stream_key
from lstmbook.learners import trials as module
from lstmbook.learners.bptt import BPTT
from lstmbook.learners.chunker import Chunker
from lstmbook.learners.echo_state import EchoState
from lstmbook.learners.elman import Elman
from lstmbook.learners.gru import GRU
from lstmbook.learners.net_trial import NetTrial
from lstmbook.learners.rtrl import RTRL
from lstmbook.learners.trials import run_trials, sequences
from lstmbook.protocols import run_trial
from lstmbook.tasks.adding import Adding
from lstmbook.tasks.criteria import RunOfRight
from lstmbook.tasks.long_time_lags import RandomDistractors, TwoSequences
from lstmbook.tasks.reber import EmbeddedReber

SOME = RunOfRight(0.6, 12, steps="last")
NEVER = RunOfRight(1e-9, 1000, steps="last")
# alphabets and lengths that differ from trial to trial
DISTRACTORS = tuple(
    RandomDistractors(q, p, criterion=SOME) for q, p in ((1, 9), (6, 2), (2, 30), (20, 5))
)
CASES = {
    "Elman": (
        Elman(hidden=(3, 2), learning_rate=0.5, reset=False, output_biases=True),
        (EmbeddedReber.draw(np.random.default_rng(2), 9, 3, every=4),),
    ),
    "BPTT": (BPTT(hidden=2, learning_rate=0.5, reset=False, hidden_biases=True), DISTRACTORS),
    "BPTT, fully recurrent": (
        BPTT(hidden=1, recurrent="all", learning_rate=0.3, depth=3, updates="every step"),
        (TwoSequences(p=4, criterion=SOME),),
    ),
    "GRU": (GRU(hidden=(2, 2)), (Adding(T=20, criterion=SOME), Adding(T=34, criterion=SOME))),
    "RTRL": (RTRL(hidden=2, learning_rate=0.5, reset=False), (TwoSequences(p=4, criterion=SOME),)),
    "echo state": (EchoState(hidden=6, reset=False, density=1.0), DISTRACTORS),
    "chunker": (
        Chunker(imitated="hidden and outputs", output_biases=True),
        (TwoSequences(p=5, criterion=SOME),),
    ),
}
MANY = {
    "Elman": (Elman(hidden=2), (TwoSequences(p=18, criterion=SOME),)),
    "chunker": (Chunker(), (TwoSequences(p=18, criterion=SOME),)),
}


def trials_of(name, n=19, cases=CASES):
    recipe, tasks = cases[name]
    return [
        NetTrial(tasks[seed % len(tasks)], recipe, seed, max_sequences=9 + 5 * (seed % 6))
        for seed in range(n)
    ]


def bits(result):
    """Return all that a result holds, comparable."""
    return (
        result.ending,
        result.sequences,
        result.presented,
        result.steps,
        tuple(result.within.items()),
        result.weights.tobytes(),
        result.errors.tobytes(),
    )


def run(trials, lanes, plain=False):
    found = dict(run_trials(trials, lanes=lanes, keep_weights=True, plain=plain))
    return [found[i] for i in range(len(trials))]


@pytest.fixture(scope="module", params=CASES)
def case(request):
    """A learner's trials, and their bits in seven lanes."""
    trials = trials_of(request.param)
    return request.param, trials, [bits(each) for each in run(trials, 7)]


def test_bits_depend_neither_on_neighbours_nor_on_order_nor_on_who_had_the_lane(case):
    _, trials, seven = case
    assert [bits(each) for each in run(trials[::-1], 7)][::-1] == seven
    for i in (0, 11, 18):
        assert bits(run([trials[i]], 7)[0]) == seven[i]
    assert len({each[5] for each in seven}) == len(trials)


@pytest.mark.parametrize("lanes", [1, 16])
def test_bits_do_not_depend_on_the_number_of_lanes(case, lanes):
    _, trials, seven = case
    assert [bits(each) for each in run(trials, lanes)] == seven


@pytest.mark.parametrize("lanes", [2, 8])
def test_nor_do_those_of_trials_of_many_outputs_or_in_rounds(lanes):
    for name, cases in (("Elman", MANY), ("BPTT", CASES)):
        trials = trials_of(name, 9, cases)
        found = [[bits(each) for each in run(trials, n)] for n in (lanes, 7)]
        assert found[0] == found[1]


def test_compiled_code_does_what_plain_code_does(case):
    _, trials, _ = case
    some = [replace(each, max_sequences=4) for each in trials[:3]]
    for plain, compiled in zip(run(some, 7, plain=True), run(some, 7), strict=True):
        assert (plain.ending, plain.steps) == (compiled.ending, compiled.steps)
        np.testing.assert_allclose(compiled.weights, plain.weights, rtol=1e-12, atol=1e-12)


def test_a_net_at_work_goes_through_the_very_trial(case):
    _, trials, _ = case
    for trial, ours in zip(trials[:2], run(trials[:2], 7), strict=True):
        streams = [Stream(stream_key(trial.seed, each)) for each in ("weights", "sequences")]
        one = trial.learner.build(trial.task, streams[0], plain=True)
        cap = trial.max_sequences
        outcome = run_trial(trial.task, one, streams[1], max_sequences=cap)
        assert (outcome.ending, outcome.sequences) == (ours.ending, ours.sequences)
        np.testing.assert_allclose(ours.weights, one.weights, rtol=1e-9, atol=1e-9)


def test_bits_do_not_depend_on_the_room_there_is_at_first(monkeypatch):
    for name in ("BPTT", "GRU"):
        trials, found = trials_of(name), []
        for room in (2, 40, 1000):
            monkeypatch.setattr(module, "FIRST_ROOM", room)
            found.append([bits(each) for each in run(trials, 7)])
        assert found[0] == found[1] == found[2]


def test_a_trial_that_diverges_leaves_its_neighbours_alone(case):
    _, trials, seven = case
    if isinstance(trials[0].learner, EchoState):
        pytest.skip("it takes least-squares steps, which never lead far")
    recipe = replace(trials[0].learner, learning_rate=1e300)
    wild = [replace(trials[i % 4], learner=recipe, seed=100 + i) for i in range(5)]
    found = run([*wild[:3], *trials[:9], *wild[3:], *trials[9:]], 7)
    calm = found[3:12] + found[14:]
    assert [bits(each) for each in calm] == seven
    assert all(
        not np.isfinite(each.weights).all() or np.abs(each.weights).max() > 1e100
        for each in found[:3]
    )


def test_units_without_bounds_rest_where_a_longer_sequence_goes_on():
    """They once went on to infinity, and what they had learned became NaN."""
    task = RandomDistractors(q=1, p=2, stop=1.0, criterion=NEVER)
    recipe = BPTT(hidden=2, f="identity", scale=10.0, learning_rate=1e-6)
    short = NetTrial(task, recipe, 1, 3)
    longer = NetTrial(replace(task, q=400), replace(recipe, scale=0.1), 2, 3)
    for errors in ("sequence end", "every step"):
        both = [
            replace(each, learner=replace(each.learner, updates=errors)) for each in (short, longer)
        ]
        (alone,) = run(both[:1], 2, plain=True)
        beside, _ = run(both, 2, plain=True)
        assert alone.ending == "cap"
        assert bits(alone) == bits(beside)


@pytest.mark.parametrize("name", CASES)
def test_without_reset_activations_go_on_as_in_a_net_at_work(name):
    trial = replace(trials_of(name)[0], max_sequences=4)
    weights = []
    for reset in (True, False):
        # with larger weights the past is remembered for longer
        this = replace(trial, learner=replace(trial.learner, reset=reset, scale=2.0))
        ((_, ours),) = run_trials([this], lanes=1, keep_weights=True, plain=True)
        stream = Stream(stream_key(trial.seed, "weights"))
        one = this.learner.build(this.task, stream, plain=True)
        for sequence in islice(sequences(this), 4):
            one.learn(sequence)
        np.testing.assert_allclose(ours.weights, one.weights, rtol=0, atol=1e-12)
        weights.append(ours.weights)
    assert np.abs(weights[0] - weights[1]).max() > 1e-10


@pytest.mark.parametrize("name", CASES)
def test_in_single_precision_it_learns_nearly_the_same(name):
    trials = [replace(each, max_sequences=5) for each in trials_of(name)[:4]]
    single = run([replace(each, dtype="float32") for each in trials], 4, plain=True)
    for trial, ours, double in zip(trials, single, run(trials, 4, plain=True), strict=True):
        stream = Stream(stream_key(trial.seed, "weights"))
        before = trial.learner.initial_weights(trial.task, stream)
        change = np.abs(double.weights - before).max()
        off = np.abs(ours.weights - double.weights).max()
        assert 0 < off < 1e-4 * max(change, 1.0)
        assert np.array_equal(ours.weights, ours.weights.astype(np.float32))
