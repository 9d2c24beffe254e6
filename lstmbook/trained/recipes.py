"""How the stored networks are trained: each is one trial of the compiled engine."""

from __future__ import annotations

from dataclasses import dataclass, replace

from lstmbook.engine import Trial, run_trials
from lstmbook.experiments.designs import design
from lstmbook.experiments.recipes import ReberSets
from lstmbook.experiments.trials import trial_of
from lstmbook.lstm import as_weights
from lstmbook.tasks.reber import EmbeddedReber
from lstmbook.trained.stored import Trained

REBER = "table3/lstm-3x2-rate0.5"
"""TR's net of experiment 2: three blocks of two cells, inputs also feed outputs."""

DISTRACTORS = "table2/q50-p50"
"""A net of experiment 1c: two cells, nothing fed back."""


@dataclass(frozen=True)
class Recipe:
    """One trial to be stored.

    Attributes
    ----------
    task
        The task in words.
    row
        The row of a published table that it is a trial of.
    seed
        Its seed.
    ending
        How it must end.
    """

    task: str
    row: str
    seed: int
    ending: str = "success"

    @property
    def trial(self) -> Trial:
        """The trial."""
        trial = trial_of(design(self.row), self.seed, "float64")
        if not isinstance(trial, Trial):
            raise TypeError(f"row is {self.row!r}, which is not one of LSTM's")
        return trial


RECIPES = {
    "distractors": Recipe("experiment 1c, q = 50, p = 50", DISTRACTORS, seed=0),
    "reber": Recipe("embedded Reber grammar, first pair of sets", REBER, seed=5),
    "reber-stuck": Recipe("embedded Reber grammar, second pair of sets", REBER, 11, ending="cap"),
}
"""The stored networks by name."""


def reber_task(number: int = 0) -> EmbeddedReber:
    """Return experiment 2 with one of its pairs of training and test set, numbered from 0.

    The pairs are those of the published table's rows: ten successive seeds share one.
    """
    sets = design(REBER).task
    if not isinstance(sets, ReberSets):
        raise TypeError(f"{REBER} has the task {sets!r}; it must have pairs of sets")
    return sets.task(number * sets.seeds_per_set)


def make(name: str, max_sequences: int | None = None) -> Trained:
    """Train a network as its recipe says.

    Parameters
    ----------
    max_sequences
        To end sooner than the recipe says.

    Raises
    ------
    ValueError
        If there is no recipe of that name, or the trial does not end as it must.
    """
    if name not in RECIPES:
        raise ValueError(f"name is {name!r}; there are recipes for {', '.join(RECIPES)}")
    recipe, trial = RECIPES[name], RECIPES[name].trial
    if max_sequences is not None:
        trial = replace(trial, max_sequences=max_sequences)
    ((_, result),) = run_trials([trial], lanes=1, keep_weights=True)
    if max_sequences is None and result.ending != recipe.ending:
        raise ValueError(f"{name} ended with {result.ending!r}; it must end with {recipe.ending!r}")
    if result.weights is None:
        raise ValueError(f"{name} has no final weights")
    return Trained(
        name=name,
        net=trial.net,
        weights=as_weights(trial.net, result.weights),
        task=recipe.task,
        seed=trial.seed,
        learning_rate=trial.learning_rate,
        ending=result.ending,
        sequences=result.sequences,
        presented=result.presented,
    )
