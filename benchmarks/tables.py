"""How long the published tables take at full size: ``python benchmarks/tables.py``.

Wall-clock time of all cores, with compiled loops on disk: Table 2, then every row of LSTM at the
published number of trials. The comparison rows mostly go on to caps of millions of sequences;
their pace is measured, and what they would take at most is worked out from it.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import readme
from trial_loop import machine

from lstmbook.experiments.designs import Design, table, table_names
from lstmbook.experiments.recipes import LSTMRecipe
from lstmbook.experiments.runner import run

HERE = Path(__file__).parent
PACE_SEQUENCES = 3000
"""Sequences of a comparison trial from which its pace is taken."""


def rows(*, lstm: bool) -> list[Design]:
    """Return all rows that can be run, of LSTM or of what it was compared with."""
    every = [row.design for name in table_names() for row in table(name).rows if row.design]
    return [each for each in every if isinstance(each.learner, LSTMRecipe) == lstm]


def seconds(designs: list[Design], trials: int | None = None, jobs: int | None = None) -> float:
    """Return what it takes to run rows into an empty store."""
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        run(designs, trials, jobs=jobs, store=Path(folder) / "store.sqlite")
        return time.perf_counter() - started


def compiled(designs: list[Design]) -> None:
    """Make sure that all loops are compiled."""
    run([replace(each, max_sequences=1) for each in designs], 1, jobs=1)


def _clock(duration: float) -> str:
    minutes, rest = divmod(round(duration), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"


def paces(designs: list[Design]) -> list[dict[str, Any]]:
    """Measure what a sequence of each comparison row's trials costs one core."""
    found = []
    for each in designs:
        short = replace(each, max_sequences=PACE_SEQUENCES)
        took = seconds([short], jobs=1)
        most = took / PACE_SEQUENCES * each.max_sequences
        found.append({"row": each.name, "trials": each.trials, "seconds": took, "at_most": most})
    return found


def main() -> None:
    """Measure everything, print it, write it."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--json", type=Path, default=HERE / "tables.json")
    parser.add_argument("--readme", action="store_true", help="renew the tables of README.md")
    options = parser.parse_args()
    ours, theirs = rows(lstm=True), rows(lstm=False)
    compiled([*ours, *theirs])
    result: dict[str, Any] = {"machine": machine()}
    result["table2"] = seconds([each for each in ours if each.name.startswith("table2/")], 20)
    result["lstm"] = seconds(ours)
    result["lstm_rows"] = len(ours)
    result["paces"] = paces(theirs)
    lines = [["float64, all cores", "target", "took", ""]]
    for name, took, target in (
        ("Table 2, 20 trials a row", result["table2"], 6 * 60),
        (f"all {len(ours)} rows of LSTM, as many trials as published", result["lstm"], 30 * 60),
    ):
        met = "met" if took <= target else "missed"
        lines.append([name, _clock(target), _clock(took), met])
    result["tables"] = [{"title": f"rows of LSTM, {os.cpu_count()} cores", "rows": lines}]
    lines = [["row", "trials", "a sequence and trial, µs", "all trials at most, h:min:s"]]
    lines += [
        [each["row"], str(each["trials"]),
         f"{each['seconds'] / each['trials'] / PACE_SEQUENCES * 1e6:.1f}", _clock(each["at_most"])]
        for each in result["paces"]
    ]  # fmt: skip
    result["tables"].append({"title": "rows of other methods, one core", "rows": lines})
    for each in result["tables"]:
        print(each["title"], *("  ".join(line) for line in each["rows"]), sep="\n", end="\n\n")
    options.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    if options.readme:
        readme.renew_reproduction(options.json)


if __name__ == "__main__":
    main()
