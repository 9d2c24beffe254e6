"""Trials of experiment 2 looked into: its net with one thing changed, and where trials fail.

The variants take longer than a chapter may, so they are stored.
``python -m lstmbook.embedded_reber_trials`` runs them again. A stored trial counts only as long
as its design is the one it was run with.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from lstmbook.experiments.designs import Design, design
from lstmbook.experiments.store import Record
from lstmbook.experiments.trials import job, perform

STORED = Path(__file__).with_suffix(".json")
ROW = "table3/lstm-3x2-rate0.5"
CAP = 50_000
SEEDS = range(30, 60)
"""Fresh ones: other pairs of sets, other weights than those of the table's rows."""

CHANGES: dict[str, dict[str, Any]] = {
    "as published": {},
    "no initial output gate bias": {"output_gate_bias": None},
    "competition, with the biases": {"competition": "winner takes all"},
    "competition in place of the biases": {
        "competition": "winner takes all",
        "output_gate_bias": None,
    },
    "no output gates": {
        "output_gates": False,
        "output_gate_biases": False,
        "output_gate_bias": None,
    },
    "outputs without biases": {"output_biases": False},
    "inputs do not feed outputs": {"shortcuts": False},
}
"""Names of the variants, and what each changes."""


def variant(name: str) -> Design:
    """Return the table's LSTM design with one thing changed, and a lower cap.

    Raises
    ------
    ValueError
        If there is no variant of that name.
    """
    if name not in CHANGES:
        raise ValueError(f"name is {name!r}; it must be one of {', '.join(map(repr, CHANGES))}")
    changed = design(ROW).with_options(**CHANGES[name])
    return replace(changed, name=f"reber/{name}", method=name, max_sequences=CAP)


def stored() -> list[Record]:
    """Return the stored trials of the variants.

    Raises
    ------
    ValueError
        If a design is no longer the one that its stored trials were run with.
    """
    current = {each.name: each for each in map(variant, CHANGES)}
    records = []
    for name, kept in json.loads(STORED.read_text(encoding="utf-8")).items():
        if name not in current or current[name].options != kept["options"]:
            raise ValueError(f"{name} is not what it was when its trials were stored: run it again")
        same = {key: kept[key] for key in ("options", "dtype", "engine", "method", "made_with")}
        records += [Record(experiment=name, **same, **trial) for trial in kept["trials"]]
    return records


def write(records: Iterable[Record]) -> None:
    """Store trials; those of the same experiments that were there are replaced."""
    found: dict[str, list[Record]] = {}
    for each in records:
        found.setdefault(each.experiment, []).append(each)
    # read after the trials have ended: another process may have stored some meanwhile
    file = json.loads(STORED.read_text(encoding="utf-8")) if STORED.exists() else {}
    for name, members in found.items():
        same = {k: getattr(members[0], k) for k in ("options", "dtype", "engine", "method")}
        trials = [_short(each) for each in sorted(members, key=lambda each: each.seed)]
        file[name] = {**same, "made_with": members[0].made_with, "trials": trials}
    STORED.write_text(_text(file), encoding="utf-8")


def _short(record: Record) -> dict[str, Any]:
    """Return what differs from trial to trial."""
    return {name: getattr(record, name) for name in ("seed", "ending", "sequences")}


def _text(file: dict[str, Any]) -> str:
    """Return JSON with a line for each trial."""
    blocks = []
    for name, kept in file.items():
        head = {key: value for key, value in kept.items() if key != "trials"}
        lines = ",\n   ".join(json.dumps(each) for each in kept["trials"])
        blocks.append(f' {json.dumps(name)}: {json.dumps(head)[:-1]}, "trials": [\n   {lines}]}}')
    return "{\n" + ",\n".join(blocks) + "\n}\n"


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


def main() -> None:
    """Run the variants, one at a time, and store each one's trials when they have ended."""
    for name in CHANGES:
        write(perform([job(variant(name), seed) for seed in SEEDS]))
        print(f"{name}: {len(SEEDS)} trials stored", flush=True)


if __name__ == "__main__":
    main()
