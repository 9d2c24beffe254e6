"""Trials with and without each remedy for abuse and drift, by the compiled engine.

They take longer than a chapter may, so their outcomes are stored beside this file and read from
there. ``python -m lstmbook.abuse_trials`` runs them again, on one core, and writes the file.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from lstmbook import stored_trials
from lstmbook.abuse import Plateau, staggered_biases, two_sequence_net, with_competition
from lstmbook.engine import Trial, run_trials
from lstmbook.lstm import Topology, Weights, as_weights
from lstmbook.sequences import as_choice
from lstmbook.stored_trials import Setting
from lstmbook.tasks.criteria import RunOfRight
from lstmbook.tasks.long_time_lags import RandomDistractors, TwoSequences
from lstmbook.tasks.reber import EmbeddedReber
from lstmbook.validation import Array, as_count

STORED = Path(__file__).with_suffix(".toml")
NETS = STORED.with_suffix(".npz")


SETTINGS = {
    "two sequences": Setting(
        "experiment 1a, p = 100", ("cell from the start", "construction"), 10_000, 10
    ),
    "distractors": Setting(
        "experiment 1c, p = q = 100",
        (
            "published, rate 0.01",
            "gates feed nothing, rate 0.01",
            "no connections, rate 0.01",
            "input gate bias -2, rate 0.01",
            "published, rate 0.5",
            "input gate bias -2, rate 0.5",
            "input gate bias -6, rate 0.5",
        ),
        100_000,
        20,
    ),
    "reber": Setting(
        "embedded Reber grammar",
        (
            "biases drawn",
            "biases -2, -2, -2",
            "biases -1, -2, -3",
            "competition, biases drawn",
            "competition, biases -1, -2, -3",
        ),
        40_000,
        30,
    ),
}
"""The three experiments; the published networks but for what a way's name says."""

RECURRENT = {"gates feed nothing": "cells", "no connections": "none"}


def _two_sequences(way: str, seed: int, cap: int) -> Trial:
    task = TwoSequences(100, criterion=RunOfRight(tolerance=0.25, run=1000))
    net = two_sequence_net(task, cell=True)
    plateau = Plateau() if way == "construction" else None
    return Trial(task, net, 1.0, seed, cap, plateau=plateau, dtype="float32")


def _distractors(way: str, seed: int, cap: int) -> Trial:
    task = RandomDistractors(q=100, p=100, criterion=RunOfRight(tolerance=0.2, run=1000))
    what, rate = way.split(", rate ")
    net = Topology(task.n_inputs, 2, (1, 1), recurrent=RECURRENT.get(what, "cells and gates"))
    bias = None
    if what.startswith("input gate bias"):
        net, bias = replace(net, input_gate_biases=True), float(what.split()[-1])
    return Trial(task, net, float(rate), seed, cap, input_gate_bias=bias, dtype="float32")


def _reber(way: str, seed: int, cap: int) -> Trial:
    task = EmbeddedReber.draw(np.random.default_rng(seed // 10))
    net = Topology(7, 7, (2, 2, 2), shortcuts=True, output_gate_biases=True, output_biases=True)
    if way.startswith("competition"):
        net = with_competition(net)
    bias: tuple[float, ...] | None = None
    if way.endswith("-1, -2, -3"):
        bias = staggered_biases(3)
    elif way.endswith("-2, -2, -2"):
        bias = staggered_biases(3, -2.0, 0.0)
    return Trial(task, net, 0.5, seed, cap, output_gate_bias=bias, dtype="float32")


def trial(setting: str, way: str, seed: int, cap: int | None = None) -> Trial:
    """Return one trial; experiment 2 has one pair of sets for ten seeds.

    Parameters
    ----------
    cap
        To end sooner than the setting says.
    """
    about = SETTINGS[as_choice("setting", setting, tuple(SETTINGS))]
    as_choice("way", way, about.ways)
    make = {"two sequences": _two_sequences, "distractors": _distractors, "reber": _reber}[setting]
    return make(way, as_count("seed", seed), about.cap if cap is None else cap)


def outcomes(setting: str, way: str, seeds: range, cap: int | None = None) -> list[float]:
    """Run trials and return their sequences until success, infinite where there was none."""
    found = dict(run_trials([trial(setting, way, seed, cap) for seed in seeds]))
    return [float(found[i].sequences) if found[i].success else np.inf for i in range(len(seeds))]


def stored() -> dict[str, dict[str, Array]]:
    """Return the stored outcomes: setting, way, then sequences until success for each seed."""
    return stored_trials.read(STORED)


def trained(way: str, seed: int = 0, cap: int | None = None) -> Array:
    """Run one trial of experiment 1a and return its last weights, shape (n_weights,)."""
    (_, result), *_ = run_trials([trial("two sequences", way, seed, cap)], keep_weights=True)
    assert result.weights is not None
    return np.asarray(result.weights, dtype=np.float32)


def stored_net(way: str) -> tuple[Topology, Weights]:
    """Return the network of experiment 1a, seed 0, as it was when its trial ended."""
    net = trial("two sequences", way, 0).net
    with np.load(NETS, allow_pickle=False) as nets:
        return net, as_weights(net, nets[way.split()[-1]].astype(np.float64))


def summary(setting: str) -> str:
    """Return a table of a setting's stored outcomes, one line a way."""
    about, found = SETTINGS[setting], stored()[setting]
    lines = [f"{about.title}; seeds 0 to {about.n_trials - 1}; cap {about.cap} sequences"]
    for way, after in found.items():
        ok = after[np.isfinite(after)]
        median = f"{np.median(ok):8.0f}" if len(ok) else "       -"
        lines.append(f"  {way:32} {len(ok):2} of {len(after)}   median of these {median}")
    return "\n".join(lines)


def write(found: Mapping[str, Mapping[str, list[float] | Array]]) -> None:
    """Store the outcomes of every setting and way."""
    stored_trials.write(STORED, "Sequences until success in `abuse_trials.SETTINGS`", found)


def main() -> None:
    """Run every trial and store the outcomes, and the two networks that the chapter looks into."""
    start, construction = map(trained, SETTINGS["two sequences"].ways)
    with NETS.open("wb") as file:
        np.savez_compressed(file, start=start, construction=construction)
    write(
        {
            setting: {way: outcomes(setting, way, range(about.n_trials)) for way in about.ways}
            for setting, about in SETTINGS.items()
        }
    )


if __name__ == "__main__":
    main()
