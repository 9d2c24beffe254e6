"""Lengths and counts against drawn sequences; the fit against exact power laws; stored trials."""

import numpy as np
import pytest

from lstmbook import long_time_lags as lags
from lstmbook.experiments.archive import archive, row_trials
from lstmbook.experiments.designs import design
from lstmbook.experiments.report import report
from lstmbook.experiments.store import Store
from lstmbook.experiments.variants import studies, variant_trials
from lstmbook.explore.pictures import Dots
from lstmbook.tasks.long_time_lags import RandomDistractors


@pytest.mark.parametrize("stop", [0.1, 0.5, 1.0])
def test_suffix_probabilities_sum_to_one_and_give_the_mean(stop):
    chances = np.array([lags.suffix_probability(k, stop) for k in range(500)])
    assert np.isclose(chances.sum(), 1)
    mean = (np.arange(500) * chances).sum()
    assert np.isclose(lags.expected_length(7, stop), 7 + 4 + mean)


def test_length_and_occurrences_are_those_of_drawn_sequences():
    task, rng = RandomDistractors(q=12, p=3), np.random.default_rng(0)
    drawn = [task.sample(rng).inputs for _ in range(6000)]
    lengths = np.array([len(each) + 1 for each in drawn])
    seen = np.array([(each == 1).sum() for each in drawn])
    for found, expected in (
        (lengths, lags.expected_length(12)),
        (seen, lags.expected_occurrences(12, 3)),
    ):
        assert abs(found.mean() - expected) < 4 * found.std() / np.sqrt(found.size)


@pytest.mark.parametrize("b", [-0.5, 0.0, 0.3, 2.0])
def test_exponent_of_an_exact_power_law(b):
    groups = {x: np.full(5, 3.0 * x**b) for x in (1.0, 4.0, 9.0)}
    assert np.allclose(lags.exponent(groups), b)


def test_interval_of_the_exponent_covers_the_truth():
    inside = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        groups = {x: x**0.5 * (1 + 0.2 * rng.uniform(-1, 1, 30)) for x in (1.0, 3.0, 10.0)}
        _, low, high = lags.exponent(groups, resamples=400)
        inside += low <= 0.5 <= high
    assert inside >= 85


@pytest.mark.parametrize("groups", [{1.0: [1.0]}, {1.0: [1.0], 2.0: []}, {1.0: [1.0], 2.0: [0.0]}])
def test_exponent_refuses_what_has_none(groups):
    with pytest.raises(ValueError, match="groups"):
        lags.exponent(groups)


def test_stored_outcomes_are_those_of_the_study():
    found = lags.stored()
    assert found.keys() == lags.STUDY.keys()
    for name, after in found.items():
        assert after.shape == (lags.N_TRIALS,), name
        done = after[np.isfinite(after)]
        assert ((done >= 1) & (done <= lags.STUDY[name].max_sequences)).all(), name


def test_the_command_gives_what_is_stored():
    pytest.importorskip("numba")
    again = lags.trials("RTRL-p2", 3)
    assert np.allclose(again, lags.stored()["RTRL-p2"][:3], rtol=0.01)


def test_entries_of_the_study_differ_from_their_row_as_they_say():
    assert lags.STUDY["RTRL-p8"].task.p == 8
    row = design("table1/rtrl-p4-rate1")
    assert lags.STUDY["RTRL-p8"].learner == row.with_options(output_biases=True).learner
    assert lags.STUDY["LSTM-p20"].task.p == 20
    assert lags.STUDY["LSTM-p20"].max_sequences == 30_000


def test_a_row_has_no_trials_on_the_seeds_of_variants():
    store = archive()
    name = "table1/rtrl-p4-rate1"  # its study has the cap of the row, so only seeds tell them apart
    mine = row_trials(name, store)
    line = next(e for e in report("table1", store).lines if e.id == "rtrl-p4-rate1")
    assert len(mine) == line.ours.trials
    theirs = variant_trials(name, store)["the row"]
    assert theirs
    assert not {e.seed for e in mine} & {e.seed for e in theirs}


def test_reasons_are_items_in_short_lines():
    why = {"cap": "as long as the longest " * 8, "task": "short"}
    lines = lags.reasons(why).split("\n")
    assert max(map(len, lines)) <= 76
    assert [line[:6] for line in lines if line.startswith("- ")] == ["- cap:", "- task"]
    assert "".join(lines).count("longest") == 8


def test_the_plot_of_variants_has_a_dot_for_each_trial():
    store = archive()
    every = [study for name in ("table1", "table1b", "table2") for study in studies(name)]
    for study in every:
        number = 1 + [each for each in every if each.row == study.row].index(study)
        found = variant_trials(study.row, store, number)
        assert list(found) == [each.id for each in study.variants]
        trials = [e for each in found.values() for e in each]
        plot = lags.variants_plot(study.row, store, number)
        drawn: dict[bool, list[float]] = {True: [], False: []}
        for mark in plot.marks:
            if isinstance(mark, Dots):
                drawn[mark.hollow] += list(mark.x)
        assert sorted(drawn[False]) == sorted(e.sequences for e in trials if e.success)
        assert len(drawn[True]) == sum(not e.success for e in trials)


def test_variants_that_were_not_run_are_said_to_be():
    (study,) = studies("table1b")
    plot = lags.variants_plot(study.row, Store(":memory:"))
    assert plot.says.count("not run") == len(study.variants)
    with pytest.raises(ValueError, match="row"):
        lags.variants_plot("table1b/chunker-p100", Store(":memory:"))
    with pytest.raises(ValueError, match="number"):
        lags.variants_plot("table2/q1000-p1000", Store(":memory:"), 3)
