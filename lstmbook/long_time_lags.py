"""Experiments 1a to 1c measured: lengths and counts, trials at other delays and with other options.

The short trials of `STUDY` take longer than a chapter may, so their outcomes are stored beside
this file. ``python -m lstmbook.long_time_lags [name ..]`` runs them again (with Numba) and
writes the file.
"""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from lstmbook.experiments.designs import Design, design
from lstmbook.experiments.statistics import bootstrap
from lstmbook.experiments.store import Record, Store
from lstmbook.explore.pictures import Axis, Dots, Line, Plot
from lstmbook.sequences import as_choice
from lstmbook.validation import Array, as_array, as_count, as_number

STORED = Path(__file__).with_suffix(".toml")
DELAYS = {"RTRL": (2, 3, 4, 5, 6, 8, 10), "LSTM": (4, 10, 20, 50, 100)}
"""The delays p of experiment 1a that each learner is tried at."""
N_TRIALS = 10


def suffix_probability(k: int, stop: float = 0.1) -> float:
    """Return P(k), the probability of k distractors beyond the first q (`eq-suffix`)."""
    stop = as_number("stop", stop, above=0, at_most=1)
    return float(stop * (1 - stop) ** as_count("k", k))


def expected_length(q: int, stop: float = 0.1) -> float:
    """Return the expected number of symbols of a sequence of experiment 1c (`eq-length`).

    Four symbols frame q + k distractors, and the mean of k is (1 - stop) / stop.
    """
    stop = as_number("stop", stop, above=0, at_most=1)
    return as_count("q", q, at_least=1) + 4 + (1 - stop) / stop


def expected_occurrences(q: int, p: int, stop: float = 0.1) -> float:
    """Return how often one distractor symbol is expected in a sequence (`eq-occurrences`)."""
    return (expected_length(q, stop) - 4) / as_count("p", p, at_least=1)


def exponent(
    groups: Mapping[float, Array], resamples: int = 4000, seed: int = 0
) -> tuple[float, float, float]:
    """Return b of the fit mean = a x^b, with a 95 % bootstrap interval (`eq-power-law`).

    Parameters
    ----------
    groups
        For each x the measured values, shape (number of trials,); all positive. Each group is
        resampled by itself.

    Raises
    ------
    ValueError
        If there are fewer than two x, or values that are not positive.
    """
    if len(groups) < 2:
        raise ValueError(f"groups has {len(groups)} x; a slope takes at least two")
    x = np.log(as_array("x", list(groups), (None,)))
    rng, drawn, means = np.random.default_rng(seed), [], []
    for each, values in groups.items():
        sample = as_array(f"groups[{each:g}]", values, (None,))
        if not len(sample) or sample.min() <= 0:
            raise ValueError(f"groups[{each:g}] is {sample}; it must hold positive numbers")
        means.append(sample.mean())
        drawn.append(rng.choice(sample, (resamples, len(sample))).mean(axis=1))
    weight = (x - x.mean()) / ((x - x.mean()) ** 2).sum()
    low, high = np.quantile(weight @ np.log(drawn), [0.025, 0.975])
    return float(weight @ np.log(means)), float(low), float(high)


@dataclass(frozen=True)
class Variant:
    """A published row with something changed.

    Attributes
    ----------
    row
        The published row, for example "table2/q50-p50".
    says
        What is changed, in words.
    change
        Makes the changed design.
    cap
        Trials end after so many sequences.
    """

    row: str
    says: str
    change: Callable[[Design], Design]
    cap: int

    @property
    def design(self) -> Design:
        """The experiment that is run."""
        changed = self.change(design(self.row))
        return replace(changed, name=f"{self.row}: {self.says}", max_sequences=self.cap)


def _delay(name: str, p: int) -> Variant:
    row, cap = {"RTRL": ("rtrl-p4-rate1", 1_000_000), "LSTM": ("lstm-p100", 30_000)}[name]
    return Variant(f"table1/{row}", f"p = {p}", lambda d: d.with_task(p=p), cap)


def _patience(d: Design, patience: int) -> Design:
    plateau = replace(d.learner.plateau, patience=patience)  # type: ignore[attr-defined]
    return d.with_options(plateau=plateau)


def _options() -> dict[str, Variant]:
    """Return what is tried instead of the choices made for the published tables."""
    one, two, three = "table1/lstm-p100", "table1b/lstm-p100", "table2/q50-p50"
    feedback = "from cells and gates"
    return {
        "1a-as-chosen": Variant(one, "as chosen", lambda d: d, 20_000),
        "1a-patience-8": Variant(one, "patience of 8 windows", lambda d: _patience(d, 8), 20_000),
        "1a-no-feedback": Variant(
            one, "no recurrent weights", lambda d: d.with_options(recurrent="none"), 20_000
        ),
        "1a-no-output-bias": Variant(
            one, "no output biases", lambda d: d.with_options(output_biases=False), 20_000
        ),
        "1a-from-the-start": Variant(
            one, "cell from the start", lambda d: d.with_options(plateau=None), 20_000
        ),
        "1b-as-chosen": Variant(two, "as chosen: error at the end", lambda d: d, 20_000),
        "1b-every-step": Variant(
            two, "error at every step", lambda d: d.with_task(errors="every step"), 20_000
        ),
        "1c-as-chosen": Variant(three, "as chosen: run of 1000", lambda d: d, 300_000),
        "1c-run-100": Variant(three, "run of 100", lambda d: d.with_criterion(run=100), 300_000),
        "1c-run-10000": Variant(
            three, "run of 10 000", lambda d: d.with_criterion(run=10_000), 300_000
        ),
        "1c-cells": Variant(
            three, "weights from cells", lambda d: d.with_options(recurrent="cells"), 300_000
        ),
        "1c-gates": Variant(
            three,
            f"weights {feedback}",
            lambda d: d.with_options(recurrent="cells and gates"),
            300_000,
        ),
        "1c-gates-100": Variant(
            "table2/q100-p100",
            f"weights {feedback}",
            lambda d: d.with_options(recurrent="cells and gates"),
            300_000,
        ),
    }


STUDY: dict[str, Variant] = {
    f"{name}-p{p}": _delay(name, p) for name, delays in DELAYS.items() for p in delays
} | _options()
"""The stored short trials, by name; seeds 0 to `N_TRIALS` - 1."""


def stored(path: Path = STORED) -> dict[str, Array]:
    """Return the stored outcomes: sequences until success by seed, infinite if there was none."""
    table = tomllib.loads(path.read_text(encoding="utf-8"))
    return {name: np.array(found, dtype=np.float64) for name, found in table.items()}


def trials(name: str, n: int = N_TRIALS) -> Array:
    """Run one entry of `STUDY` with seeds 0 to n - 1; return as `stored` does, shape (n,)."""
    from lstmbook.experiments.runner import run

    about = STUDY[as_choice("name", name, tuple(STUDY))]
    dtype = "float64" if name.startswith("RTRL") else "float32"
    records = run(about.design, n, seed=0, jobs=1, dtype=dtype)
    return np.array([each.sequences if each.success else np.inf for each in records])


def row_trials(name: str, store: Store) -> list[Record]:
    """Return a published row's trials in a store, of its own options only (no variants)."""
    options = design(name).options
    return [each for each in store.records(name) if each.options == options]


def milestone(records: Iterable[Record], name: str) -> tuple[float, int]:
    """Return after how many sequences a milestone was reached, mean, and in how many trials.

    The mean is NaN if it was reached in none.
    """
    found = [each.milestones[name] for each in records if name in each.milestones]
    return (float(np.mean(found)) if found else np.nan), len(found)


def growth_plot(found: Mapping[float, Array], published: Sequence[float], x: str) -> Plot:
    """Return a plot of mean sequences to success, ours with 95 % intervals, over x.

    Parameters
    ----------
    found
        For each x the sequences to success of the successful trials.
    published
        The published mean for each x.
    x
        What x is.
    """
    at, means = list(found), [float(np.mean(each)) for each in found.values()]
    ends = [bootstrap(each) for each in found.values()]
    bars = [Line((a, a), pair, color="blue", width=3.0) for a, pair in zip(at, ends, strict=True)]
    return Plot(
        *bars,
        Dots(at, means, label="ours, 95 % interval", color="blue", size=5.0),
        Dots(at, published, label="published", color="orange", hollow=True, size=5.0),
        x=Axis(x, scale="log", low=0.8 * min(at), high=1.25 * max(at)),
        y=Axis("sequences to success", scale="log", low=20_000, high=400_000),
        says=f"Ours grow from {means[0]:,.0f} to {means[-1]:,.0f}, the published means from "
        f"{published[0]:,.0f} to {published[-1]:,.0f}.",
    )


def main(names: Sequence[str] = ()) -> None:
    """Run the named entries of `STUDY`, or all of them, and store the outcomes."""
    kept = stored() if STORED.exists() else {}
    for name in names or tuple(STUDY):
        kept[name] = trials(name)
        print(name, kept[name], flush=True)
        lines = ["# Sequences until success in `long_time_lags.STUDY`, seeds 0, 1, ..", ""]
        for each in STUDY:
            if each in kept:
                values = ", ".join(f"{after:.0f}" for after in kept[each])
                lines.append(f'"{each}" = [{values}]')
        STORED.write_text("\n".join([*lines, ""]), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
