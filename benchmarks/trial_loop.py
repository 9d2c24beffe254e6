"""The lanes against the written engine, their peers and this core's arithmetic, in one run.

``python benchmarks/trial_loop.py`` prints tables of nanoseconds of one core for a time step of one
trial, with ratios, and writes them as JSON. What is not installed is skipped by name;
``--torch-python`` names an interpreter that has PyTorch. Times on a busy machine mean little; the
ratios, taken in one run from the best of several short repeats of CPU time, mean more.
"""

from __future__ import annotations

import argparse
import datetime
import importlib.util
import json
import multiprocessing
import os
import platform
import subprocess
import sys
import time
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import readme
from engines import (
    LANES,
    WRITTEN,
    alternating,
    cold_seconds,
    engines,
    loop_of,
    steps_of,
    written_engine,
)
from floor import Floors
from parts import seconds_of_parts
from workloads import (
    LENGTHS,
    PLAIN,
    PRECISIONS,
    in_precision,
    name_1c,
    name_adding,
    operations,
    trial_1c,
    trial_adding,
    workloads,
)

from lstmbook.lanes.blocks import view
from lstmbook.learners.trials import LANES_VERSION, Loop, Trial, initial_weights, sequences
from lstmbook.truncated_learning import LSTM

HERE = Path(__file__).parent
FULL_RUN = {"repeats": 12, "span": 0.05}
TINY_RUN = {"repeats": 2, "span": 0.002}
KINDS = ("one-hot", "dense")
ONE_LANE = f"{LANES}, one lane"
REFERENCE = "NumPy reference"
COLD = (name_1c(1000, PLAIN), "1a, 101 outputs", "Reber, 3 blocks of 2")

Rows = list[dict[str, Any]]


# ------------------------------------------------------------------------------ measuring
def by_workload(precisions: tuple[str, ...], floors: dict[str, Floors], *, tiny: bool) -> Rows:
    """Measure all kinds of work in turn by each engine and precision."""
    rows = []
    for work, trial in workloads().items():
        if tiny and work != name_1c(LENGTHS[0]):
            continue
        sigmoids, madds = operations(trial)
        loops = {
            (name, dtype): steps_of(name, in_precision(trial, dtype))
            for dtype in precisions
            for name in engines()
        }
        seconds = alternating(loops, **(TINY_RUN if tiny else FULL_RUN))
        for dtype in precisions:
            row = {"work": work, "dtype": dtype, "sigmoids": sigmoids, "madds": madds}
            row |= {name: seconds[name, dtype] for name in engines()}
            row["floor"] = floors[dtype].of(sigmoids, madds)
            rows.append(row)
    return rows


def reference_seconds(trial: Trial) -> float:
    """Return CPU seconds for a step of the NumPy reference, the best of three sequences."""
    learner = LSTM(trial.net, initial_weights(trial), trial.learning_rate)
    best = np.inf
    for sequence in islice(sequences(trial), 3):
        started = time.process_time()
        learner.learn(sequence)
        best = min(best, (time.process_time() - started) / len(sequence))
    return float(best)


def beside_peers(work: Rows, precisions: tuple[str, ...], *, tiny: bool) -> Rows:
    """Return what stands beside the peers: two cells with symbols and with real inputs."""
    rows, every = [], workloads()
    for kind in KINDS[:1] if tiny else KINDS:
        for T in LENGTHS[:1] if tiny else LENGTHS:
            name = name_1c(T) if kind == "one-hot" else name_adding(T)
            own = [each for each in work if each["work"] == name]
            found = {(engine, r["dtype"]): r[engine] for r in own for engine in engines()}
            for dtype in () if tiny else precisions:
                alone = {(ONE_LANE, dtype): steps_of(LANES, in_precision(every[name], dtype), 1)}
                found |= alternating(alone, repeats=6, span=0.05)
            found[REFERENCE, "float64"] = reference_seconds(in_precision(every[name], "float64"))
            rows += [
                {"peer": peer, "dtype": dtype, "input": kind, "T": T, "seconds": seconds}
                for (peer, dtype), seconds in found.items()
            ]
    return rows


def peers(torch_python: str | None) -> dict[str, Any]:
    """Return the peers' rows, their versions, the names of those skipped, JAX by its trials."""
    found: dict[str, Any] = {"rows": [], "by_trials": [], "versions": {}, "skipped": []}
    for name, python in (("jax", None), ("torch", torch_python)):
        if python is None and importlib.util.find_spec(name) is None:
            found["skipped"].append(name)
            continue
        for dtype in PRECISIONS:
            answer = subprocess.run(
                [python or sys.executable, str(HERE / "peers.py"), name, dtype],
                capture_output=True,
                text=True,
                check=True,
            )
            own = json.loads(answer.stdout)
            found["rows"] += own["rows"]
            found["by_trials"] += own["by_trials"]
            found["versions"][name] = own["version"]
    return found


def cold() -> Rows:
    """Measure what fresh processes take for their first steps, without and with machine code."""
    return [
        {"work": work, "dtype": dtype, "engine": name, **cold_seconds(name, dtype, work)}
        for work in COLD
        for dtype in PRECISIONS
        for name in engines()
    ]


def scaling() -> dict[str, Rows]:
    """Measure how the time of a step depends on alphabet, length, net and lanes."""
    series: dict[str, list[tuple[int, Trial, int | None]]] = {
        "alphabet p (q = 988)": [(p, trial_1c(p=p), None) for p in (10, 50, 100, 200, 500, 1000)],
        "length q (p = 100)": [
            (q, trial_1c(q), None) for q in (50, 100, 200, 500, 1000, 10_000, 100_000)
        ],
        "lanes": [(n, trial_1c(), n) for n in (1, 4, 8, 16, 32, 64)],
        "cells (one a block)": [(n, trial_1c(blocks=(1,) * n), None) for n in (1, 2, 4)],
        "cells (one a block), dense inputs": [
            (n, trial_adding(blocks=(1,) * n), None) for n in (1, 2, 4)
        ],
    }
    found = {}
    for name, cases in series.items():
        loops = {case: steps_of(LANES, trial, lanes) for case, trial, lanes in cases}
        seconds = alternating(loops, repeats=8, span=0.05)
        found[name] = [{"case": case, "seconds": each} for case, each in seconds.items()]
    return found


def _work(seconds: float) -> float:
    """Return steps a second of one process."""
    steps = steps_of(LANES, trial_1c())
    taken, started = 0, time.perf_counter()
    while time.perf_counter() - started < seconds:
        taken += steps(5000)
    return taken / (time.perf_counter() - started)


def processes(most: int) -> Rows:
    """Measure wall-clock throughput with several processes (needs as many idle cores)."""
    rows: Rows = []
    for n in range(1, most + 1):
        with multiprocessing.get_context("spawn").Pool(n) as pool:
            rows.append({"processes": n, "steps": sum(pool.map(_work, [2.0] * n, chunksize=1))})
    return rows


def _bytes(arrays: Any) -> int:
    """Return what arrays, in tuples within tuples, hold."""
    return sum(_bytes(each) if isinstance(each, tuple) else each.nbytes for each in arrays)


def memory() -> Rows:
    """Count a trial's memory against the length of its sequences, and run the longest."""
    rows = []
    for q in (100, 1000, 10_000, 100_000, 1_000_000):
        loop: Loop
        loop, lanes = loop_of(LANES, trial_1c(q))
        loop.advance(int(1.05 * q) + 500)
        presented = int(view(loop.program.at, loop.arrays.lanes, 0).presented)
        rows.append({"q": q, "bytes": _bytes(loop.arrays) / lanes, "presented": presented})
    return rows


def machine() -> dict[str, Any]:
    """Return what the numbers were measured on."""
    import llvmlite.binding as llvm
    import numba

    written = written_engine()
    return {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "cpu": llvm.get_host_cpu_name(),
        "avx512": bool(llvm.get_host_cpu_features().get("avx512f")),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 2),
        "system": platform.platform(terse=True),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "numba": numba.__version__,
        LANES: LANES_VERSION,
        **({} if written is None else {WRITTEN: written["version"]}),
    }


# ------------------------------------------------------------------------------ the command
class Report:
    """What has been measured so far: printed, and written after each part."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.result: dict[str, Any] = {"machine": machine(), "tables": []}
        print("  ".join(f"{name} {value}" for name, value in self.result["machine"].items()))

    def add(self, name: str, found: Any) -> None:
        """Add a part, and print and write the tables that it makes."""
        self.result[name] = found
        for title, rows in readme.tables_of(name, self.result):
            self.result["tables"].append({"title": title, "rows": rows})
            print(f"\n{title}")
            widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
            for first, *rest in rows:
                cells = [c.rjust(w) for c, w in zip(rest, widths[1:], strict=True)]
                print("  " + "  ".join([first.ljust(widths[0]), *cells]))
        sys.stdout.flush()
        self.place.write_text(json.dumps(self.result, indent=1) + "\n", encoding="utf-8")


def main() -> None:
    """Measure everything, print it, write it."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--torch-python", help="an interpreter that has PyTorch")
    parser.add_argument("--quick", action="store_true", help="engines and peers only")
    parser.add_argument("--tiny", action="store_true", help="one small case, to see that it runs")
    parser.add_argument("--processes", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("--json", type=Path, default=HERE / "trial_loop.json")
    parser.add_argument(
        "--readme", type=Path, nargs="?", const=HERE / "README.md", metavar="PAGE",
        help="renew the tables of README.md, or of another page",
    )  # fmt: skip
    options = parser.parse_args()
    part = options.quick or options.tiny
    if part and options.readme == HERE / "README.md":
        parser.error("--readme renews README.md from a whole run: without --quick and --tiny")
    precisions = PRECISIONS[:1] if options.tiny else PRECISIONS
    report = Report(options.json)
    floors = {dtype: Floors.measure(dtype) for dtype in precisions}
    report.add("floors", {dtype: vars(each) for dtype, each in floors.items()})
    work = by_workload(precisions, floors, tiny=options.tiny)
    report.add("work", work)
    none: dict[str, Any] = {"rows": [], "by_trials": [], "versions": {}, "skipped": []}
    found = none if options.tiny else peers(options.torch_python)
    if written_engine() is None:
        found["skipped"].append(WRITTEN)
    for name in found["skipped"]:
        print(f"{name} is not installed: skipped")
    found["rows"] += beside_peers(work, precisions, tiny=options.tiny)
    report.add("peers", found)
    if not part:
        report.add("cold", cold())
        report.add("parts", {dtype: seconds_of_parts(dtype, **FULL_RUN) for dtype in precisions})
        report.add("memory", memory())
        report.add("processes", processes(options.processes))
        report.add("scaling", scaling())
    print("\n" + "\n\n".join(readme.words(report.result)))
    for name, *cells in readme.targets(report.result):
        print("  ".join([name.ljust(66), *(cell.rjust(15) for cell in cells)]))
    print(f"\nwritten to {options.json}")
    if options.readme:
        readme.renew(options.json, options.readme)


if __name__ == "__main__":
    main()
