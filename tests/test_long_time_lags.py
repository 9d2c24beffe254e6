"""Lengths and counts against drawn sequences; the fit against exact power laws; stored trials."""

import numpy as np
import pytest

from lstmbook import long_time_lags as lags
from lstmbook.experiments.designs import design
from lstmbook.experiments.runner import run
from lstmbook.experiments.store import Store
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
        assert ((done >= 1) & (done <= lags.STUDY[name].cap)).all(), name


def test_the_command_gives_what_is_stored():
    pytest.importorskip("numba")
    again = lags.trials("RTRL-p2", 3)
    assert np.allclose(again, lags.stored()["RTRL-p2"][:3], rtol=0.01)


def test_variants_differ_from_their_row_as_they_say():
    assert lags.STUDY["RTRL-p8"].design.task.p == 8
    assert lags.STUDY["1a-from-the-start"].design.learner.plateau is None
    assert lags.STUDY["1a-patience-8"].design.learner.plateau.patience == 8
    assert lags.STUDY["1c-run-100"].design.task.criterion.run == 100
    assert lags.STUDY["1c-gates-100"].design.task.q == 100


def test_row_trials_leave_out_variants():
    row = design("table1/rtrl-p4-rate1")
    # a cap is part of a trial's options, so these are variants of the row
    with Store(":memory:") as store:
        run(row.with_task(p=1).with_criterion(run=5), 1, jobs=1, store=store)
        assert store.count() == 1
        assert lags.row_trials("table1/rtrl-p4-rate1", store) == []
    with pytest.raises(ValueError, match="row"):
        lags.row_trials("table1/nothing", Store(":memory:"))
