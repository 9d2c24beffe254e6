"""The stored networks are what their command makes, and do what is said of them."""

import zipfile
from dataclasses import replace

import numpy as np
import pytest

from lstmbook.lstm import forward
from lstmbook.tasks.reber import string_predicted
from lstmbook.trained import RECIPES, load, make, names, save
from lstmbook.trained.recipes import reber_task


def right(trained, sequences):
    """Return the share of strings that are predicted."""
    outputs = (forward(trained.net, trained.weights, each).outputs for each in sequences)
    return np.mean([string_predicted(s, o) for s, o in zip(sequences, outputs, strict=True)])


def test_every_recipe_is_stored_and_nothing_else():
    assert set(names()) == set(RECIPES)


@pytest.mark.parametrize("name", RECIPES)
def test_the_story_is_that_of_the_recipe(name):
    trained, recipe = load(name), RECIPES[name]
    assert trained.net == recipe.trial.net
    assert (trained.task, trained.ending) == (recipe.task, recipe.ending)
    assert (trained.seed, trained.learning_rate) == (recipe.trial.seed, recipe.trial.learning_rate)
    assert trained.presented <= recipe.trial.max_sequences


def test_made_again_it_has_the_stored_weights():
    pytest.importorskip("numba")
    again, stored = make("reber"), load("reber")
    assert replace(again, weights=stored.weights) == stored
    # the same trial; another processor may round some sums another way
    np.testing.assert_allclose(again.weights.flat, stored.weights.flat, rtol=1e-6, atol=1e-6)


def test_the_net_that_learned_predicts_both_sets():
    task = reber_task(0)
    assert right(load("reber"), list(task.training)) == 1
    assert right(load("reber"), list(task.test)) == 1


def test_the_stuck_net_does_not():
    task = reber_task(1)
    assert right(load("reber-stuck"), list(task.test)) < 1


def test_the_distractor_net_is_right_on_fresh_sequences():
    trained, task = load("distractors"), RECIPES["distractors"].trial.task
    rng = np.random.default_rng(99)
    for _ in range(100):
        sequence = task.sample(rng)
        assert task.criterion.right(
            sequence, forward(trained.net, trained.weights, sequence).outputs
        )


def test_a_saved_net_is_loaded_whole_and_always_the_same_file(tmp_path):
    stored = load("reber")
    first = save(stored, tmp_path).read_bytes()
    again = load("reber", tmp_path)
    assert again == stored
    assert np.array_equal(again.weights.flat, stored.weights.flat)
    assert save(again, tmp_path).read_bytes() == first
    with zipfile.ZipFile(tmp_path / "reber.npz") as archive:
        assert sorted(archive.namelist()) == ["story.npy", "weights.npy"]


def test_unknown_names_are_refused():
    with pytest.raises(ValueError, match="name is 'rebr'; stored are distractors, reber"):
        load("rebr")
    with pytest.raises(ValueError, match="name is 'rebr'; there are recipes for"):
        make("rebr")


def test_a_trial_that_ends_otherwise_is_refused(monkeypatch):
    pytest.importorskip("numba")
    wrong = replace(RECIPES["reber"], ending="cap")
    monkeypatch.setitem(RECIPES, "reber", wrong)
    with pytest.raises(ValueError, match="reber ended with 'success'; it must end with 'cap'"):
        make("reber")
