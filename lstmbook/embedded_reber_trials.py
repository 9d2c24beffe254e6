"""Trials of experiment 2 looked into: its net with one thing changed, and where trials fail."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from lstmbook.experiments.statistics import Summary, summarize
from lstmbook.experiments.store import Record, Store
from lstmbook.experiments.variants import AS_PUBLISHED, variant_trials

ROW = "table3/lstm-3x2-rate0.5"

CHANGES = {
    "as published": AS_PUBLISHED,
    "no initial output gate bias": "no initial output gate bias",
    "competition, with the biases": "output gate competition",
    "competition in place of the biases": "competition in place of the biases",
    "no output gates": "no output gates",
    "outputs without biases": "no output biases",
    "inputs do not feed outputs": "no shortcuts",
}
"""What the chapter compares: what is changed, and the name of the row's variant."""


def changed(store: Store) -> dict[str, Summary]:
    """Return how the trials of each of `CHANGES` ended.

    Raises
    ------
    ValueError
        If one of them has no trials.
    """
    tried = variant_trials(ROW, store)
    missing = [name for name in CHANGES.values() if not tried[name]]
    if missing:
        raise ValueError(f"store has no trials of {', '.join(missing)}")
    return {
        name: summarize([e.ending for e in mine], [e.sequences for e in mine])
        for name, mine in ((name, tried[variant]) for name, variant in CHANGES.items())
    }


@dataclass(frozen=True)
class Failures:
    """How far the trials came that did not succeed; the shares are medians over them.

    Attributes
    ----------
    failed, trials
        How many did not succeed, of how many.
    predicted
        Share of the strings of both sets that were predicted at the end.
    remembered
        Share of those of which the second symbol was remembered
        (`lstmbook.tasks.reber.remembered`); half is guessing.
    """

    failed: int
    trials: int
    predicted: float
    remembered: float


def failures(records: Iterable[Record]) -> Failures:
    """Return how far failed trials of a comparison learner came.

    Raises
    ------
    ValueError
        If no trial failed, or one did of which the shares were not kept.
    """
    given = list(records)
    lost = [each for each in given if not each.success]
    names = (
        "share of strings predicted at the end",
        "share of second symbols remembered at the end",
    )
    if not lost:
        raise ValueError(f"records has {len(given)} trials, and none that failed")
    if any(name not in each.milestones for each in lost for name in names):
        raise ValueError(f"records has a failed trial without {names[0]!r} or {names[1]!r}")
    shares = np.array([[each.milestones[name] for name in names] for each in lost])
    predicted, remembered = np.median(shares, axis=0).tolist()
    return Failures(len(lost), len(given), predicted, remembered)
