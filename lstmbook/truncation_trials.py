"""Trials that train the same networks with the truncated and with the full gradient.

They take longer than a chapter may, so their outcomes are stored beside this file and read from
there. ``python -m lstmbook.truncation_trials`` runs them again, on all cores, and writes the file.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lstmbook.lstm import Topology, initial_weights
from lstmbook.protocols import Task, run_trial
from lstmbook.sequences import as_choice
from lstmbook.tasks.criteria import RunOfRight
from lstmbook.tasks.long_time_lags import RandomDistractors
from lstmbook.tasks.reber import EmbeddedReber
from lstmbook.truncated_learning import LSTM, Course, follow
from lstmbook.validation import Array, as_count

STORED = Path(__file__).with_suffix(".toml")
WAYS = {
    "truncated, every step": ("truncated", "every step"),
    "truncated, sequence end": ("truncated", "sequence end"),
    "full, sequence end": ("full", "sequence end"),
}
"""A name for each gradient and the time of its updates."""


@dataclass(frozen=True)
class Setting:
    """What the ways of learning are compared on.

    Attributes
    ----------
    title
        What tables call it.
    measure
        What a trial gives: "sequences until success", infinite if there was none, or "late
        loss", the mean loss over the last thousand sequences.
    ways
        Some of `WAYS`. With errors at the last step only, the two truncated ones are the same.
    learning_rate
        The same for all.
    cap
        A trial ends after so many sequences.
    n_trials
        Trials of each way, with seeds 0, 1, ...; a seed's initial weights and sequences are the
        same for each way.
    """

    title: str
    measure: str
    ways: tuple[str, ...]
    learning_rate: float
    cap: int
    n_trials: int


UNTIL, LATE = "sequences until success", "late loss"
LAST_STEP = ("truncated, sequence end", "full, sequence end")
SETTINGS = {
    "lag-10": Setting("distractors, lag at least 11", UNTIL, LAST_STEP, 1.0, 4_000, 24),
    "lag-20": Setting("distractors, lag at least 21", UNTIL, LAST_STEP, 0.5, 4_000, 12),
    "reber": Setting("embedded Reber grammar", LATE, tuple(WAYS), 0.5, 6_000, 8),
}


def task_and_net(setting: str, rng: np.random.Generator) -> tuple[Task, Topology]:
    """Return the task and the network of a setting.

    The distractor tasks are experiment 1c with 4 distractors, judged over 100 sequences in a
    row, and two cells; the other is experiment 2 with three blocks of two cells.
    """
    if as_choice("setting", setting, tuple(SETTINGS)) == "reber":
        reber = EmbeddedReber.draw(rng)
        net = Topology(7, 7, (2, 2, 2), input_gate_biases=True, output_gate_biases=True)
        return reber, net
    criterion = RunOfRight(tolerance=0.2, run=100)
    lagged = RandomDistractors(q=int(setting[4:]), p=4, stop=0.3, criterion=criterion)
    return lagged, Topology(lagged.n_inputs, 2, (1, 1))


def prepare(setting: str, way: str, seed: int) -> tuple[Task, LSTM, np.random.Generator]:
    """Return the task, the untrained network as a learner, and what draws its sequences."""
    about = SETTINGS[as_choice("setting", setting, tuple(SETTINGS))]
    gradient, updates = WAYS[as_choice("way", way, about.ways)]
    rng = np.random.default_rng([as_count("seed", seed), 1])
    task, net = task_and_net(setting, rng)
    bias = (-1.0, -2.0, -3.0) if net.output_gate_biases else None
    weights = initial_weights(net, np.random.default_rng(seed), output_gate_bias=bias)
    return task, LSTM(net, weights, about.learning_rate, updates, gradient), rng


def trial(setting: str, way: str, seed: int, cap: int | None = None) -> float:
    """Run one trial and return what its setting measures.

    Parameters
    ----------
    cap
        To end sooner than the setting says.
    """
    task, learner, rng = prepare(setting, way, seed)
    about = SETTINGS[setting]
    n_sequences = about.cap if cap is None else cap
    outcome = run_trial(task, learner, rng, max_sequences=n_sequences)
    if about.measure == LATE:
        return float(outcome.errors[-1000 // outcome.window :].mean())
    return float(outcome.sequences) if outcome.success else np.inf


def lesson(setting: str, seed: int, n_sequences: int, every: int) -> Course:
    """Follow one trial by the truncated gradient, looking at eight sequences now and then."""
    task, learner, rng = prepare(setting, "truncated, sequence end", seed)
    training = [task.sample(rng) for _ in range(as_count("n_sequences", n_sequences))]
    return follow(learner, training, [task.sample(rng) for _ in range(8)], every)


def stored() -> dict[str, dict[str, Array]]:
    """Return the stored outcomes: setting, way, then what was measured for each seed."""
    table = tomllib.loads(STORED.read_text(encoding="utf-8"))
    return {
        setting: {way: np.array(found, dtype=np.float64) for way, found in ways.items()}
        for setting, ways in table.items()
    }


def paired_ratio(setting: str) -> tuple[float, float, float]:
    """Return truncated over full, geometric mean, with a 95 % interval.

    Over the seeds at which both have a finite outcome, which share initial weights and
    sequences; the interval is from 4000 bootstrap samples.
    """
    cut, full = (stored()[setting][way] for way in LAST_STEP)
    both = np.isfinite(cut) & np.isfinite(full)
    log = np.log(cut[both] / full[both])
    means = np.random.default_rng(0).choice(log, (4000, len(log))).mean(axis=1)
    low, high = np.exp(np.quantile(means, [0.025, 0.975]))
    return float(np.exp(log.mean())), float(low), float(high)


def _run(job: tuple[str, str, int]) -> float:
    return trial(*job)


def write(outcomes: Iterable[tuple[tuple[str, str, int], float]]) -> None:
    """Store outcomes, given as pairs of (setting, way, seed) and what was measured."""
    lines = ["# What `truncation_trials.SETTINGS` measure, for the seeds 0, 1, ..", ""]
    found: dict[tuple[str, str], list[str]] = {}
    for (setting, way, _), after in outcomes:
        found.setdefault((setting, way), []).append(f"{after:.6g}")
    for setting in SETTINGS:
        lines += [f"[{setting}]"]
        for (which, way), values in found.items():
            if which == setting:
                rows = [", ".join(values[i : i + 12]) for i in range(0, len(values), 12)]
                lines += [f'"{way}" = [', *(f"  {row}," for row in rows), "]"]
        lines += [""]
    STORED.write_text("\n".join(lines), encoding="utf-8")


def main() -> None:
    """Run every trial and store the outcomes."""
    jobs = [
        (name, way, seed)
        for name, about in SETTINGS.items()
        for way in about.ways
        for seed in range(about.n_trials)
    ]
    with ProcessPoolExecutor() as pool:
        # the longest first, so that no core waits for one at the end
        after = dict(zip(jobs[::-1], pool.map(_run, jobs[::-1]), strict=True))
    write((job, after[job]) for job in jobs)


if __name__ == "__main__":
    main()
