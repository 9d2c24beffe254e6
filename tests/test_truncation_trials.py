"""The stored trials are those that the settings describe."""

import numpy as np
import pytest

from lstmbook import truncation_trials as trials


def test_every_setting_has_its_trials_stored():
    stored = trials.stored()
    assert list(stored) == list(trials.SETTINGS)
    for setting, about in trials.SETTINGS.items():
        assert tuple(stored[setting]) == about.ways
        for found in stored[setting].values():
            assert found.shape == (about.n_trials,)
            assert (found > 0).all()
            assert np.isfinite(found).all() or about.measure == trials.UNTIL


@pytest.mark.parametrize("way", trials.LAST_STEP)
def test_a_stored_trial_comes_out_again(way):
    seed = int(np.argmin(trials.stored()["lag-10"][way]))
    assert trials.trial("lag-10", way, seed) == trials.stored()["lag-10"][way][seed]


def test_a_trial_ends_at_the_cap():
    assert trials.trial("lag-10", trials.LAST_STEP[0], 0, cap=20) == np.inf
    late = trials.trial("reber", "truncated, every step", 0, cap=100)
    assert 2 < late < 20


def test_both_ways_begin_alike():
    first, second = (trials.prepare("lag-10", way, 3) for way in trials.LAST_STEP)
    assert np.array_equal(first[1].weights.flat, second[1].weights.flat)
    assert np.array_equal(first[0].sample(first[2]).inputs, second[0].sample(second[2]).inputs)


def test_a_lesson_is_followed():
    course = trials.lesson("lag-10", 0, n_sequences=6, every=3)
    assert course.presented.tolist() == [0, 3, 6]
    assert (course.angle < 90).all()


def test_the_ratio_lies_in_its_interval():
    for setting in trials.SETTINGS:
        mean, low, high = trials.paired_ratio(setting)
        assert low <= mean <= high


def test_impossible_settings_are_named():
    with pytest.raises(ValueError, match="setting is 'lag-3'"):
        trials.trial("lag-3", "full, sequence end", 0)
    with pytest.raises(ValueError, match="way is 'full'"):
        trials.trial("lag-10", "full", 0)
