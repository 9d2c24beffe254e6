"""How the stored networks are trained: each is one trial of the compiled engine."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from lstmbook.engine import Trial, run_trials
from lstmbook.lstm import Topology, as_weights
from lstmbook.tasks.criteria import RunOfRight
from lstmbook.tasks.long_time_lags import RandomDistractors
from lstmbook.tasks.reber import EmbeddedReber
from lstmbook.trained.stored import Trained

REBER_NET = Topology(7, 7, (2, 2, 2), shortcuts=True, output_gate_biases=True, output_biases=True)
"""TR's net of experiment 2: three blocks of two cells, inputs also feed outputs."""

DISTRACTORS_NET = Topology(54, 2, (1, 1), recurrent="none")
"""A net of experiment 1c for p = 50: two cells, nothing fed back."""


@dataclass(frozen=True)
class Recipe:
    """One trial to be stored.

    Attributes
    ----------
    task
        The task in words.
    trial
        The trial.
    ending
        How it must end.
    """

    task: str
    trial: Trial
    ending: str = "success"


def reber_task(number: int = 0) -> EmbeddedReber:
    """Return experiment 2 with one of its pairs of training and test set, numbered from 0.

    The pairs are those of the published table's rows: ten successive seeds share one.
    """
    return EmbeddedReber.draw(np.random.default_rng([number, 3]))


def _reber(seed: int) -> Trial:
    return Trial(
        reber_task(seed // 10),
        REBER_NET,
        learning_rate=0.5,
        seed=seed,
        max_sequences=200_000,
        output_gate_bias=(-1.0, -2.0, -3.0),
    )


def _distractors() -> Trial:
    task = RandomDistractors(q=50, p=50, criterion=RunOfRight(tolerance=0.2, run=1000))
    return Trial(task, DISTRACTORS_NET, learning_rate=0.01, seed=0, max_sequences=600_000)


RECIPES = {
    "distractors": Recipe("experiment 1c, q = 50, p = 50", _distractors()),
    "reber": Recipe("embedded Reber grammar, first pair of sets", _reber(5)),
    "reber-stuck": Recipe("embedded Reber grammar, second pair of sets", _reber(11), ending="cap"),
}
"""The stored networks by name."""


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
