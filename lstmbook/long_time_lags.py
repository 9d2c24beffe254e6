"""Experiments 1a to 1c measured: lengths and counts, trials at other delays, variants as a picture.

The short trials of `STUDY` take longer than a chapter may, so their outcomes are stored beside
this file. ``python -m lstmbook.long_time_lags [name ..]`` runs them again (with Numba) and
writes the file.
"""

from __future__ import annotations

import math
import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from textwrap import fill

import numpy as np

from lstmbook.experiments.designs import Design, design, table
from lstmbook.experiments.statistics import bootstrap
from lstmbook.experiments.store import Record, Store
from lstmbook.experiments.variants import study, variant_trials
from lstmbook.explore.pictures import Axis, Color, Dots, Line, Mark, Plot, Rule, Text
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


def _delay(name: str, p: int) -> Design:
    row, cap = {"RTRL": ("rtrl-p4-rate1", 1_000_000), "LSTM": ("lstm-p100", 30_000)}[name]
    changed = design(f"table1/{row}").with_task(p=p)
    if name == "RTRL":
        changed = changed.with_options(output_biases=True)  # it learns sooner
    return replace(changed, name=f"table1/{row}: p = {p}", max_sequences=cap)


STUDY: dict[str, Design] = {
    f"{name}-p{p}": _delay(name, p) for name, delays in DELAYS.items() for p in delays
}
"""The stored short trials, by name: a published row at another delay, with a cap of its own; seeds
0 to `N_TRIALS` - 1.
"""


def stored(path: Path = STORED) -> dict[str, Array]:
    """Return the stored outcomes: sequences until success by seed, infinite if there was none."""
    table = tomllib.loads(path.read_text(encoding="utf-8"))
    return {name: np.array(found, dtype=np.float64) for name, found in table.items()}


def trials(name: str, n: int = N_TRIALS) -> Array:
    """Run one entry of `STUDY` with seeds 0 to n - 1; return as `stored` does, shape (n,)."""
    from lstmbook.experiments.runner import run

    chosen = STUDY[as_choice("name", name, tuple(STUDY))]
    dtype = "float64" if name.startswith("RTRL") else "float32"
    records = run(chosen, n, seed=0, jobs=1, dtype=dtype)
    return np.array([each.sequences if each.success else np.inf for each in records])


def reasons(why: Mapping[str, str]) -> str:
    """Return the reasons of a row's choices as text: an item each, in lines of 76 characters."""
    items = [f"- {what}: {reason}" for what, reason in why.items()]
    return "\n".join(fill(each, 76, subsequent_indent="  ") for each in items)


def variants_plot(row: str, store: Store, number: int = 1) -> Plot:
    """Return a plot of the trials of a row's variants, a lane each; failures at the cap, hollow.

    A line stands at the published mean. Takes and raises what `variant_trials` does.
    """
    found = variant_trials(row, store, number)
    cap = study(row, number).variants[0].design.max_sequences
    table_name, _, row_id = row.partition("/")
    published = table(table_name).row(row_id).published.sequences
    heights = range(len(found), 0, -1)
    won: list[tuple[float, float]] = []
    lost: list[tuple[float, float]] = []
    for top, mine in zip(heights, found.values(), strict=True):
        # trials of a lane lie one below the other, so that failures can be counted
        for at, each in zip(top + np.linspace(0.3, -0.3, len(mine)), mine, strict=True):
            (won if each.success else lost).append((each.sequences if each.success else cap, at))
    low, high = 0.8 * min([cap / 4, *(x for x, _ in won)]), 1.3 * cap
    decades = range(math.ceil(math.log10(low)), math.floor(math.log10(high)) + 1)
    names = min(0.7, 0.05 + 0.0225 * max(map(len, found)))  # their share of a phone's width
    low /= (high / low) ** (names / (1 - names))
    marks: list[Mark] = [] if published is None else [Rule(x=published, label="published mean")]
    for points, label, hollow in ((won, "success", False), (lost, "none by the cap", True)):
        if points:
            x, y = zip(*points, strict=True)
            color: Color = "orange" if hollow else "blue"
            marks.append(Dots(x, y, label=label, color=color, hollow=hollow, size=4.0))
    marks.append(Text([low] * len(found), list(heights), list(found), anchor="start"))
    return Plot(
        *marks,
        x=Axis("sequences to success", "log", low, high, ticks=[10.0**e for e in decades]),
        y=Axis("", low=0.4, high=len(found) + 1.0, ticks=()),
        says=f"Successes: {'; '.join(_outcome(*each) for each in found.items())}.",
        height=max(0.3, 0.12 + 0.08 * len(found)),
    )


def _outcome(name: str, trials: Sequence[Record]) -> str:
    after = [each.sequences for each in trials if each.success]
    if not trials:
        return f"{name}: not run"
    mean = f", mean {np.mean(after):,.0f}" if after else ""
    return f"{name}: {len(after)} of {len(trials)}{mean}"


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
