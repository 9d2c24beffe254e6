"""Trials that train the same networks with the truncated and with the full gradient.

They take longer than a chapter may, so their outcomes are stored beside this file and read from
there. ``python -m lstmbook.truncation_trials`` runs them again, on all cores, and writes the file.
"""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lstmbook import stored_trials
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
class Setting(stored_trials.Setting):
    """What the ways of learning are compared on.

    The ways are some of `WAYS`; with errors at the last step only, the two truncated ones are the
    same.

    Attributes
    ----------
    measure
        What a trial gives: "sequences until success", infinite if there was none, or "late
        loss", the mean loss over the last thousand sequences.
    learning_rate
        The same for all.
    """

    measure: str
    learning_rate: float


UNTIL, LATE = "sequences until success", "late loss"
LAST_STEP = ("truncated, sequence end", "full, sequence end")
SETTINGS = {
    "lag-10": Setting("distractors, lag at least 11", LAST_STEP, 4_000, 24, UNTIL, 1.0),
    "lag-20": Setting("distractors, lag at least 21", LAST_STEP, 4_000, 12, UNTIL, 0.5),
    "reber": Setting("embedded Reber grammar", tuple(WAYS), 6_000, 8, LATE, 0.5),
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
    return stored_trials.read(STORED)


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


def write(found: Mapping[str, Mapping[str, list[float] | Array]]) -> None:
    """Store what every setting and way measured."""
    stored_trials.write(STORED, "What `truncation_trials.SETTINGS` measure", found)


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
    write(
        {
            name: {
                way: [after[name, way, seed] for seed in range(about.n_trials)]
                for way in about.ways
            }
            for name, about in SETTINGS.items()
        }
    )


if __name__ == "__main__":
    main()
