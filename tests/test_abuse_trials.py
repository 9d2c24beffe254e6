"""The stored trials are those that the settings describe."""

import numpy as np
import pytest

from lstmbook import abuse_trials as trials
from lstmbook.abuse import cell_use
from lstmbook.lstm import forward
from lstmbook.sequences import loss

pytest.importorskip("numba")


def test_every_setting_has_its_trials_stored():
    stored = trials.stored()
    assert list(stored) == list(trials.SETTINGS)
    for setting, about in trials.SETTINGS.items():
        assert tuple(stored[setting]) == about.ways
        for found in stored[setting].values():
            assert found.shape == (about.n_trials,)
            assert (found[np.isfinite(found)] <= about.cap).all()
        assert about.title in trials.summary(setting)


@pytest.mark.parametrize(
    ("setting", "way"),
    [("reber", "biases -1, -2, -3"), ("distractors", "input gate bias -2, rate 0.5")],
)
def test_stored_trials_come_out_again(setting, way):
    """Near enough: processors round single precision differently, and trials are chaotic."""
    stored = trials.stored()[setting][way]
    again = np.array(trials.outcomes(setting, way, range(6)))
    assert np.isfinite(again).sum() >= np.isfinite(stored[:6]).sum() - 2
    both = np.isfinite(again) & np.isfinite(stored[:6])
    assert np.median(again[both] / stored[:6][both]) == pytest.approx(1, rel=0.3)


def test_the_stored_nets_are_a_bias_cell_and_a_memory():
    task = trials.trial("two sequences", "construction", 0).task
    rng = np.random.default_rng(0)
    sequences = [task.sample(rng) for _ in range(10)]
    net, weights = trials.stored_net("cell from the start")
    abused = cell_use(net, weights, sequences)
    net, remembering = trials.stored_net("construction")
    used = cell_use(net, remembering, sequences)
    assert abused.output_spread[0] < 1e-3 * abused.output_mean[0]
    assert used.output_spread[0] > 0.5 * used.output_mean[0]
    ends = [loss(s, forward(net, remembering, s).outputs) for s in sequences]
    assert max(ends) < loss(sequences[0], forward(net, weights, sequences[0]).outputs)


def test_a_trial_ends_at_the_cap():
    assert trials.outcomes("reber", "biases drawn", range(2), cap=300) == [np.inf] * 2


def test_same_seed_same_network_of_each_bias():
    first, second = (trials.trial("reber", w, 12) for w in trials.SETTINGS["reber"].ways[:2])
    assert first.net == second.net
    assert first.task.training[0].inputs.tolist() == second.task.training[0].inputs.tolist()


def test_impossible_settings_are_named():
    with pytest.raises(ValueError, match="setting is 'grammar'"):
        trials.trial("grammar", "construction", 0)
    with pytest.raises(ValueError, match="way is 'none'"):
        trials.trial("reber", "none", 0)
