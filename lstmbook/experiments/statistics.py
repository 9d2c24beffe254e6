"""What a number of trials says: intervals for a share and for a mean, and the verdict on a row."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np

from lstmbook.experiments.designs import Published
from lstmbook.validation import Array, as_array, as_count, as_number

Interval = tuple[float, float]
VERDICTS = ("reproduced", "same order", "differs", "nothing to compare", "not run")
RESAMPLES = 10_000


def wilson(successes: int, trials: int, confidence: float = 0.95) -> Interval:
    """Return Wilson's interval for the share of successes.

    Raises
    ------
    TypeError, ValueError
        If there are no trials, or more successes than trials.
    """
    trials = as_count("trials", trials, at_least=1)
    successes = as_count("successes", successes, at_most=trials)
    confidence = as_number("confidence", confidence, above=0, below=1)
    z = NormalDist().inv_cdf(0.5 + confidence / 2)
    share = successes / trials
    centre = share + z**2 / (2 * trials)
    half = z * float(np.sqrt(share * (1 - share) / trials + z**2 / (4 * trials**2)))
    low, high = ((centre + sign * half) / (1 + z**2 / trials) for sign in (-1, 1))
    # rounding must not leave the ends outside of what is possible
    return (0.0 if successes == 0 else low, 1.0 if successes == trials else high)


def bootstrap(
    values: Iterable[float],
    statistic: Callable[..., Array] = np.mean,
    *,
    confidence: float = 0.95,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Interval:
    """Return the percentile bootstrap interval of a mean or median; the same for the same values.

    Parameters
    ----------
    statistic
        Takes an array and ``axis=``: `numpy.mean`, `numpy.median`.

    Raises
    ------
    ValueError
        If there are no values.
    """
    sample = np.sort(as_array("values", list(values), (None,)))
    if not len(sample):
        raise ValueError("values is empty; an interval takes at least one")
    confidence = as_number("confidence", confidence, above=0, below=1)
    resamples = as_count("resamples", resamples, at_least=1)
    drawn = np.random.default_rng(seed).integers(len(sample), size=(resamples, len(sample)))
    outcomes = np.asarray(statistic(sample[drawn], axis=1))
    low, high = np.quantile(outcomes, [0.5 - confidence / 2, 0.5 + confidence / 2])
    return float(low), float(high)


@dataclass(frozen=True)
class Summary:
    """What some trials of one design came to; None where no trial was successful.

    Attributes
    ----------
    trials, successes, capped, diverged
        How many trials, and how they ended.
    success, success_interval
        Share of successful trials, with its Wilson interval.
    mean, mean_interval, median, median_interval
        Sequences to success over the successful trials, with bootstrap intervals (all 95 %).
    """

    trials: int
    successes: int
    capped: int
    diverged: int
    success: float
    success_interval: Interval
    mean: float | None
    mean_interval: Interval | None
    median: float | None
    median_interval: Interval | None


def summarize(endings: Iterable[str], sequences: Iterable[int]) -> Summary:
    """Return the summary of trials, given how each ended and after how many sequences.

    Raises
    ------
    ValueError
        If there is none.
    """
    ended, counts = list(endings), list(sequences)
    if not ended:
        raise ValueError("endings is empty; a summary takes at least one trial")
    good = [n for ending, n in zip(ended, counts, strict=True) if ending == "success"]
    return Summary(
        trials=len(ended),
        successes=len(good),
        capped=ended.count("cap"),
        diverged=ended.count("diverged"),
        success=len(good) / len(ended),
        success_interval=wilson(len(good), len(ended)),
        mean=float(np.mean(good)) if good else None,
        mean_interval=bootstrap(good, np.mean) if good else None,
        median=float(np.median(good)) if good else None,
        median_interval=bootstrap(good, np.median) if good else None,
    )


@dataclass(frozen=True)
class Milestone:
    """How far some trials had come by when.

    Attributes
    ----------
    name
        What had been learned, for example "90% right".
    trials
        How many trials had learned it.
    median
        Sequences after which, the median over these trials.
    """

    name: str
    trials: int
    median: float


OTHER_COUNTS = frozenset({"epochs", "hidden units"})
"""Whole numbers that a trial notes beside its milestones and that count no sequences."""

KINDS = ("right", "strings predicted", "second symbols remembered", "errors")
"""Kinds of milestones, in the order of tables; those that are none of these follow."""


def kind(name: str) -> str:
    """Return the kind of what a trial notes: of "90% of strings predicted" "strings predicted"."""
    for each in KINDS:
        if each in name:
            return each
    return name


def kinds(reached: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """Return the kinds of what some trials noted, be it a milestone or the share they came to."""
    found = {kind(name) for trial in reached for name in trial}
    return (*(each for each in KINDS if each in found), *sorted(found - {*KINDS}))


def in_order(names: Iterable[str]) -> tuple[str, ...]:
    """Return names of milestones, each once: by kind, and of a kind what is reached first first.

    That is 50 % before 100 %; larger errors before smaller ones.
    """

    def rank(name: str) -> tuple[int, str, float]:
        of = kind(name)
        number = re.search(r"\d+(\.\d+)?", name)
        size = float(number[0]) if number else 0.0
        known = KINDS.index(of) if of in KINDS else len(KINDS)
        return known, of, -size if of == "errors" else size

    return tuple(sorted(set(names), key=rank))


def milestones(reached: Iterable[Mapping[str, Any]]) -> tuple[Milestone, ...]:
    """Return the milestones that some of the trials had reached, as `in_order` has them.

    Parameters
    ----------
    reached
        Of each trial: name to number of sequences; what else a trial notes, a share or one of
        `OTHER_COUNTS`, is left out.
    """
    found: dict[str, list[int]] = {}
    for trial in reached:
        for name, sequences in trial.items():
            if isinstance(sequences, int) and name not in OTHER_COUNTS:
                found.setdefault(name, []).append(sequences)
    return tuple(
        Milestone(name, len(found[name]), float(np.median(found[name]))) for name in in_order(found)
    )


def verdict(published: Published, ours: Summary | None) -> str:
    """Return the verdict on a row, one of `VERDICTS`.

    "reproduced": the published mean lies in our bootstrap interval, the published share of
    successes in our Wilson interval. "same order": our mean is within a factor 2 of the
    published one, and the intervals of the shares overlap (the published one being Wilson's if
    the number of trials is printed, else the printed share alone). "differs": otherwise. What a
    paper does not print is not compared; the spread of its counts is unknown.
    """
    if ours is None:
        return "not run"
    if published.sequences is None and published.success is None:
        return "nothing to compare"
    tests = [_mean_fits(published, ours), _share_fits(published, ours)]
    for word, fits in zip(("reproduced", "same order"), zip(*tests, strict=True), strict=True):
        if all(fits):
            return word
    return "differs"


def _mean_fits(published: Published, ours: Summary) -> tuple[bool, bool]:
    """Return whether the means agree for "reproduced" and for "same order"."""
    theirs = published.sequences
    if theirs is None:
        return True, True
    if ours.mean is None or ours.mean_interval is None:
        return False, False
    inside = ours.mean_interval[0] <= theirs <= ours.mean_interval[1]
    return inside, theirs / 2 <= ours.mean <= theirs * 2


def _share_fits(published: Published, ours: Summary) -> tuple[bool, bool]:
    """Return whether the shares of successes agree for "reproduced" and for "same order"."""
    theirs = published.success
    if theirs is None:
        return True, True
    low, high = ours.success_interval
    if published.trials is None:
        their_low, their_high = theirs, theirs
    else:
        their_low, their_high = wilson(round(theirs * published.trials), published.trials)
    return low <= theirs <= high, low <= their_high and their_low <= high
