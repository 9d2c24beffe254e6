"""Criteria: one source, which judges in the loop, in NumPy and in Python alike."""

import re
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path
from typing import ClassVar

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lstmbook.experiments.options import canonical
from lstmbook.lanes.blocks import real, whole
from lstmbook.lanes.draws import Stream, stream_key
from lstmbook.lanes.verdict import GO_ON, MET, CriterionForm
from lstmbook.lanes.words import lane
from lstmbook.learners.trials import (
    Rates,
    Trial,
    initial_weights,
    run_trials,
    sequences,
    unsupported,
)
from lstmbook.lstm import Topology
from lstmbook.protocols import Baseline, Criterion, judge_of, run_trial
from lstmbook.sequences import Sequence
from lstmbook.tasks.adding import Adding
from lstmbook.tasks.criteria import (
    AllRight,
    ByTolerance,
    FewWrong,
    OnTestSet,
    RunAndMean,
    RunOfRight,
    see_run,
)
from lstmbook.tasks.long_time_lags import RandomDistractors, TwoSequences
from lstmbook.tasks.reber import EmbeddedReber
from lstmbook.truncated_learning import LSTM

TOLERANCE = 0.5


# ---------------------------------------------------------------- against oracles in Python
class Said:
    """A learner whose output at sequence number i is the i-th error from the target 0."""

    def __init__(self, errors, tests=()):
        self.errors, self.tests, self.tried = list(errors), tests, 0

    def learn(self, sequence):
        return np.full((1, 1), self.errors.pop(0))

    def predict(self, sequence):
        return np.full((1, 1), self.tests[int(sequence.inputs[0, 0])])


@dataclass(frozen=True)
class Zero:
    criterion: Criterion
    name: str = "zero"
    n_inputs: int = 1
    n_outputs: int = 1

    def sample(self, rng):
        return Sequence(np.zeros((1, 1)), np.zeros((1, 1)), np.ones(1, bool), 1)

    def doing_nothing(self):
        return Baseline(np.zeros(1), 0.0)


def ends(criterion, errors):
    """Return (ending, sequences) of a trial with these errors, one each sequence."""
    outcome = run_trial(
        Zero(criterion), Said(errors), np.random.default_rng(0), max_sequences=len(errors)
    )
    return outcome.ending, outcome.sequences


def first(errors, met, counted):
    """Return (ending, sequences): `met` decides by all errors up to now."""
    for n in range(1, len(errors) + 1):
        if met(errors[:n]):
            return "success", counted(n)
    return "cap", len(errors)


# multiples of 1/64, so that sums are exact in any order
streams = st.lists(
    st.one_of(st.integers(0, 40), st.integers(0, 31)).map(lambda k: k / 64), min_size=1, max_size=60
)


@settings(max_examples=300, deadline=None)
@given(streams, st.integers(1, 6), st.booleans())
def test_a_run_is_so_many_right_ones_in_a_row(errors, run, last):
    ours = ends(RunOfRight(TOLERANCE, run, counted="last" if last else "first"), errors)
    assert ours == first(
        errors,
        lambda seen: len(seen) >= run and max(seen[-run:]) < TOLERANCE,
        lambda n: n if last else n - run + 1,
    )


@settings(max_examples=300, deadline=None)
@given(streams, st.integers(1, 6), st.integers(1, 31), st.booleans())
def test_a_run_and_a_mean_are_of_the_same_sequences(errors, run, mean, last):
    criterion = RunAndMean(TOLERANCE, run, mean / 64, counted="last" if last else "first")
    assert ends(criterion, errors) == first(
        errors,
        lambda seen: (
            len(seen) >= run and max(seen[-run:]) < TOLERANCE and sum(seen[-run:]) < run * mean / 64
        ),
        lambda n: n if last else n - run + 1,
    )


def test_an_error_that_was_huge_leaves_no_trace_in_a_mean():
    errors = [1e100, *[0.25] * 3, 1e-3, 1e-3, 1e-3]
    assert ends(RunAndMean(TOLERANCE, 3, 0.1, counted="last"), errors) == ("success", 6)


@settings(max_examples=300, deadline=None)
@given(streams, st.integers(1, 8), st.data())
def test_few_wrong_are_counted_among_the_most_recent(errors, among, data):
    at_most = data.draw(st.integers(0, among - 1))
    assert ends(FewWrong(TOLERANCE, at_most, among), errors) == first(
        errors,
        lambda seen: len(seen) >= among and sum(e >= TOLERANCE for e in seen[-among:]) <= at_most,
        lambda n: n,
    )


@settings(max_examples=300, deadline=None)
@given(
    st.lists(st.lists(st.integers(0, 36).map(lambda k: k / 64), min_size=4, max_size=4),
             min_size=1, max_size=5),
    st.integers(1, 4), st.one_of(st.none(), st.integers(1, 31)), st.integers(1, 3),
)  # fmt: skip
def test_a_test_set_is_tried_every_so_many_sequences(tries, fewer, mean, every):
    limit = None if mean is None else mean / 64
    judge = OnTestSet(TOLERANCE, fewer, limit, n_tests=4, every=every).judge(numbered(4))
    found = None
    for n in range(1, every * len(tries) + 1):
        learner = Said([], tries[(n - 1) // every])
        if judge.see(Zero(None).sample(None), np.zeros((1, 1)), learner):
            found = judge.after
            break
    good = [
        sum(e >= TOLERANCE for e in each) < fewer and (limit is None or sum(each) < 4 * limit)
        for each in tries
    ]
    assert found == (every * (good.index(True) + 1) if True in good else None)


def numbered(n):
    return [Sequence(np.full((1, 1), i), np.zeros((1, 1)), np.ones(1, bool), 1) for i in range(n)]


def test_what_is_no_number_is_wrong():
    for criterion in (RunOfRight(9.0, 1), RunAndMean(9.0, 1, 9.0), FewWrong(9.0, 0, 1)):
        assert not criterion.judge().see(*shown(np.nan), None)
        assert criterion.judge().see(*shown(1.0), None)
    for bad in (np.nan, np.inf):
        judge = OnTestSet(9.0, n_tests=1, every=1).judge(numbered(1))
        assert not judge.see(*shown(0.0), Said([], [bad]))
        assert judge.see(*shown(0.0), Said([], [1.0]))


def shown(error):
    return Zero(None).sample(None), np.full((1, 1), error)


# ---------------------------------------------------------------- the loop and the reference
LATE = RandomDistractors(q=2, p=3)
ADDING = Adding(T=20)
CASES = {
    "run": (LATE, RunOfRight(0.56, 4)),
    "run, last": (LATE, RunOfRight(0.56, 4, counted="last")),
    "run and mean": (LATE, RunAndMean(0.56, 3, 0.515)),
    "run and mean, last step": (
        TwoSequences(p=3), RunAndMean(0.9, 4, 0.55, steps="last", counted="last")),
    "run and mean, adding": (ADDING, RunAndMean(0.45, 7, 0.2, counted="last")),
    "few wrong": (LATE, FewWrong(0.51, 4, 9)),
    "few wrong, adding": (ADDING, FewWrong(0.25, 2, 11)),
    "tested": (LATE, OnTestSet(0.53, 3, n_tests=12, every=5)),
    "tested, mean": (LATE, OnTestSet(0.6, 1, 0.51, n_tests=12, every=3)),
    "tested, every step": (TwoSequences(p=2), OnTestSet(0.55, 3, n_tests=5, every=4)),
    "tested, adding": (ADDING, OnTestSet(0.35, 2, 0.2, n_tests=9, every=4)),
}  # fmt: skip


def trials_of(case, **settings):
    task, criterion = CASES[case]
    task = replace(task, criterion=criterion)
    net = Topology(task.n_inputs, task.n_outputs, (1,), output_biases=True)
    given = {"learning_rate": 0.3, "max_sequences": 60} | settings
    return [Trial(task, net, seed=s, **given) for s in range(8)]


def by_reference(trial):
    learner = LSTM(trial.net, initial_weights(trial), trial.learning_rate, trial.updates)
    outcome = run_trial(
        trial.task,
        learner,
        Stream(stream_key(trial.seed, "sequences")),
        max_sequences=trial.max_sequences,
        seed=trial.seed,
    )
    return outcome.ending, outcome.sequences, learner.weights.flat


@pytest.mark.parametrize("case", CASES)
def test_trials_end_as_with_a_judge_in_python(case):
    trials = trials_of(case, max_sequences=40)
    theirs = [by_reference(trial) for trial in trials]
    for plain in (True, False):
        ours = dict(run_trials(trials, lanes=3, plain=plain, keep_weights=True))
        for i, (ending, counted, weights) in enumerate(theirs):
            assert (ours[i].ending, ours[i].sequences) == (ending, counted)
            # tries have left no trace in the weights
            np.testing.assert_allclose(ours[i].weights, weights, rtol=0, atol=1e-10)
    assert len({(ending, counted) for ending, counted, _ in theirs}) > 1
    assert "success" in {ending for ending, _, _ in theirs}


def test_runs_of_different_lengths_remember_apart():
    trials = [
        replace(trial, task=replace(trial.task, criterion=RunAndMean(0.56, run, 0.515)))
        for trial, run in zip(trials_of("run"), (3, 9, 2, 5, 3, 8, 1, 4), strict=True)
    ]
    for lanes in (1, 3, 8):
        ours = dict(run_trials(trials, lanes=lanes))
        found = [(ours[i].ending, ours[i].sequences) for i in range(8)]
        assert found == [by_reference(trial)[:2] for trial in trials]


def test_strings_are_tried_as_with_a_judge_in_python():
    task = EmbeddedReber.draw(np.random.default_rng(0), 256, 20, every=100)
    net = Topology(7, 7, (2, 2, 2), shortcuts=True, output_biases=True)
    ((_, nearly),) = run_trials(
        [Trial(task, net, 0.5, seed=9, max_sequences=3000)], lanes=1, keep_weights=True
    )
    task = replace(task, every=7)
    trials = [Trial(task, net, rate, seed=s, max_sequences=50, weights=nearly.weights)
              for s, rate in ((0, 0.5), (1, 0.5), (2, 0.1), (3, 1e-9))]  # fmt: skip
    ours = dict(run_trials(trials, lanes=2))
    for i, trial in enumerate(trials):
        assert (ours[i].ending, ours[i].sequences) == by_reference(trial)[:2]
    assert {each.ending for each in ours.values()} == {"success", "cap"}


def test_rates_go_on_after_a_try_where_a_schedule_has_them():
    schedule = (Rates(4, 0.5, 0.5, 0.5), Rates(5, 0.1, 0.2, 0.3), Rates(1, 0.9, 0.0, 0.4))
    never, often = (
        [replace(each, task=replace(each.task, criterion=OnTestSet(1e-9, n_tests=3, every=every)))
         for each in trials_of("tested", schedule=schedule, max_sequences=14)[:2]]
        for every in (99, 2)
    )  # fmt: skip
    for one, two in zip(*(run(each) for each in (never, often)), strict=True):
        assert one.ending == two.ending == "cap"
        assert one.weights.tobytes() == two.weights.tobytes()


def run(trials):
    found = dict(run_trials(trials, lanes=2, plain=True, keep_weights=True))
    return [found[i] for i in range(len(trials))]


def test_a_test_set_is_of_a_stream_of_its_own_and_the_same_at_each_try():
    task = replace(LATE, criterion=OnTestSet(0.2, n_tests=3, every=1))
    judge = judge_of(task, Stream(stream_key(5, "test")))
    again = judge_of(task, Stream(stream_key(5, "test")))
    for one, two in zip(judge.tried, again.tried, strict=True):
        np.testing.assert_array_equal(one.inputs, two.inputs)
    trial = Trial(task, Topology(7, 2, (1,)), 0.1, seed=5, max_sequences=1)
    training = next(sequences(trial))
    assert training.inputs.tobytes() not in {each.inputs.tobytes() for each in judge.tried}


def test_a_generator_begins_the_test_stream_too_and_a_bare_stream_cannot():
    task = Zero(OnTestSet(TOLERANCE, n_tests=2, every=2))
    given = {"max_sequences": 4}
    outcome = run_trial(task, Said([0.0] * 4, [0.0]), np.random.default_rng(0), **given)
    assert (outcome.ending, outcome.sequences) == ("success", 2)
    with pytest.raises(ValueError, match="test is None; the criterion tries a test set"):
        run_trial(task, Said([0.0] * 4, [0.0]), Stream(3), **given)
    with pytest.raises(ValueError, match="tests has 0 sequences; the criterion tries 2"):
        task.criterion.judge()


# ---------------------------------------------------------------- a criterion of a reader's own
LIMIT = 0.5


@lane
def see_small_sum(criterion, judge, recent, error, right):
    judge.sum += error
    return MET if right and judge.sum > LIMIT * criterion.least else GO_ON


@dataclass(frozen=True)
class Patience(ByTolerance):
    """Right at last, after errors that sum to more than something."""

    tolerance: float
    least: float
    steps: str = "every"

    form: ClassVar[CriterionForm] = CriterionForm(
        see=see_small_sum,
        settings=(("tolerance", real()), ("least", real())),
        state=(("sum", real()),),
    )


@dataclass(frozen=True)
class Patient(RandomDistractors):
    criterion: Criterion = field(default=Patience(0.5, 9.0))


def test_a_criterion_of_a_readers_own_runs_in_lanes_and_is_known_by_its_functions(monkeypatch):
    trial = Trial(Patient(q=2, p=3), Topology(7, 2, (1,), output_biases=True), 0.3, seed=1,
                  max_sequences=60)  # fmt: skip
    for plain in (True, False):
        ((_, ours),) = run_trials([trial], lanes=1, plain=plain)
        assert (ours.ending, ours.sequences) == by_reference(trial)[:2]
        assert ours.ending == "success"
    known = canonical(trial.task)
    assert "see_small_sum" in known
    monkeypatch.setitem(globals(), "LIMIT", 0.25)
    assert canonical(trial.task) != known


def test_the_criterion_of_the_architecture_runs(tmp_path, monkeypatch):
    text = (Path(__file__).parents[2] / "ARCHITECTURE.md").read_text(encoding="utf-8")
    code = re.search(r"```python\n(.*?)```", text.split("### A new criterion")[1], re.S)[1]
    (tmp_path / "my_criterion.py").write_text(code, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    criterion = import_module("my_criterion").SmallSum(1.0, among=7, limit=3.58)
    trials = [replace(each, task=replace(LATE, criterion=criterion)) for each in trials_of("run")]
    theirs = [by_reference(trial)[:2] for trial in trials]
    ours = dict(run_trials(trials, lanes=2, plain=True))
    assert [(ours[i].ending, ours[i].sequences) for i in range(len(trials))] == theirs
    assert len(set(theirs)) > 1


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"see": len}, "see is .*; it must be marked with @lane"),
        ({"settings": [("tolerance", real())]}, "settings is .*; it must be a tuple"),
        ({"settings": ()}, "settings lacks tolerance"),
        ({"tries": "often"}, "tries is 'often'"),
        ({"tries": "tests"}, "settings lacks n_tests, a whole number"),
        ({"recent": "run"}, "settings lacks run, a whole number"),
        ({"legal": True, "tries": "strings", "settings": (("n_strings", real()),)}, "n_strings"),
    ],
)
def test_a_form_that_is_none_is_named(change, named):
    good = {"see": see_run, "settings": (("tolerance", real()), ("other", whole()))}
    with pytest.raises((TypeError, ValueError), match=named):
        CriterionForm(**(good | change))


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: RunAndMean(0.1, 0, 0.1), "run is 0"),
        (lambda: RunAndMean(0.1, 10**9, 0.1), "run is 1000000000"),
        (lambda: RunAndMean(0.1, 5, 0.0), "mean is 0"),
        (lambda: RunAndMean(0.1, 5, 0.1, counted="next"), "counted is 'next'"),
        (lambda: FewWrong(0.1, 5, 5), "at_most is 5"),
        (lambda: FewWrong(0.1, 0, 0), "among is 0"),
        (lambda: FewWrong(0.1, 1, 2, steps="all"), "steps is 'all'"),
        (lambda: OnTestSet(0.1, 0), "fewer_than is 0"),
        (lambda: OnTestSet(0.1, 3, n_tests=2), "fewer_than is 3"),
        (lambda: OnTestSet(0.1, mean=-1.0), "mean is -1"),
        (lambda: OnTestSet(0.1, every=0), "every is 0"),
        (lambda: OnTestSet(0.0), "tolerance is 0"),
        (lambda: AllRight(len, (), every=0), "every is 0"),
    ],
)
def test_impossible_criteria_are_named(make, named):
    with pytest.raises(ValueError, match=named):
        make()


def test_strings_cannot_be_tried_where_there_are_none():
    task = replace(LATE, criterion=AllRight(lambda s, y: True, ()))
    assert "the task has none" in unsupported(
        Trial(task, Topology(7, 2, (1,)), 0.5, seed=1, max_sequences=7)
    )
