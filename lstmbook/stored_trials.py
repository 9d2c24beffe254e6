"""Outcomes of trials that take longer than a chapter may, stored as text.

A module with such trials has a file of its own name beside it, from which chapters read.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lstmbook.validation import Array


@dataclass(frozen=True)
class Setting:
    """What some ways of training are compared on.

    Attributes
    ----------
    title
        What tables call it.
    ways
        The names of the ways.
    cap
        A trial ends after so many sequences, if it has not succeeded before.
    n_trials
        Trials of each way, with the seeds 0, 1, ...; a seed's sequences are the same for each
        way, and its initial weights are too where the ways have the same ones.
    """

    title: str
    ways: tuple[str, ...]
    cap: int
    n_trials: int


def read(path: Path) -> dict[str, dict[str, Array]]:
    """Return stored outcomes: setting, way, then what was measured for each seed, shape (n,)."""
    table = tomllib.loads(path.read_text(encoding="utf-8"))
    return {
        setting: {way: np.array(found, dtype=np.float64) for way, found in ways.items()}
        for setting, ways in table.items()
    }


def write(
    path: Path, says: str, found: Mapping[str, Mapping[str, Sequence[float] | Array]]
) -> None:
    """Store outcomes, as `read` returns them, with six digits.

    Parameters
    ----------
    says
        What they are, for the file's first line.
    """
    lines = [f"# {says}, for the seeds 0, 1, ..", ""]
    for setting, ways in found.items():
        lines += [f'["{setting}"]']
        for way, outcomes in ways.items():
            values = [f"{each:.6g}" for each in outcomes]
            rows = [", ".join(values[i : i + 10]) for i in range(0, len(values), 10)]
            lines += [f'"{way}" = [', *(f"  {row}," for row in rows), "]"]
        lines += [""]
    path.write_text("\n".join(lines), encoding="utf-8")
