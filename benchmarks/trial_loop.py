"""The engine against its peers and against this core's arithmetic, measured side by side.

``python benchmarks/trial_loop.py`` prints tables of nanoseconds of one core for a time step of one
trial, with ratios, and writes them as JSON. Peers that are not installed are skipped by name;
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
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import readme
from floor import floor_seconds

from lstmbook.engine import ENGINE_VERSION, Trial, twin
from lstmbook.engine.kernel import Kernel
from lstmbook.engine.loop import Loop
from lstmbook.engine.trials import kernel_of
from lstmbook.lstm import Topology
from lstmbook.tasks.adding import Adding
from lstmbook.tasks.criteria import RunOfRight
from lstmbook.tasks.long_time_lags import RandomDistractors, TwoSequences
from lstmbook.tasks.reber import EmbeddedReber
from lstmbook.truncated_learning import LSTM

HERE = Path(__file__).parent
NEVER = RunOfRight(tolerance=1e-12, run=10**9)
PRECISIONS = ("float32", "float64")
LENGTHS = (100, 1000)
KINDS = ("one-hot", "dense")
TABLES: list[dict[str, Any]] = []
"""The tables printed so far: title and rows."""


def trial_1c(
    q: int = 1000,
    p: int = 100,
    *,
    blocks: tuple[int, ...] = (1, 1),
    recurrent: str = "cells and gates",
    dtype: str = "float32",
) -> Trial:
    """Return a trial of experiment 1c that never ends."""
    task = RandomDistractors(q=q, p=p, criterion=NEVER)
    net = Topology(task.n_inputs, 2, blocks, recurrent=recurrent)
    return Trial(task, net, 0.01, seed=0, max_sequences=10**12, dtype=dtype)


def workloads() -> dict[str, Trial]:
    """Return the other kinds of work: errors at each step, real inputs."""
    reber = EmbeddedReber.draw(np.random.default_rng(0), every=10**9)
    naive = Topology(
        101, 101, (1,), output_gates=False, shortcuts=True, output_biases=True,
        g="logistic", h="identity",
    )  # fmt: skip
    adding = Topology(
        2, 1, (2, 2), cell_biases=True, input_gate_biases=True, output_gate_biases=True,
        output_biases=True,
    )  # fmt: skip
    endless = {"seed": 0, "max_sequences": 10**12, "dtype": "float32"}
    return {
        "Reber, 3 blocks of 2": Trial(
            reber, Topology(7, 7, (2, 2, 2), shortcuts=True, output_biases=True), 0.1, **endless
        ),
        "1a, 101 outputs": Trial(TwoSequences(p=100, criterion=NEVER), naive, 0.1, **endless),
        "adding, 2 blocks of 2": Trial(Adding(T=100, criterion=NEVER), adding, 0.1, **endless),
    }


def operations(kernel: Kernel) -> tuple[int, int]:
    """Return the sigmoids and multiply-adds of a step (additions of symbols' weights aside)."""
    net = kernel.net
    into = [len(sources) for sources in kernel.sources]
    blocks = [len(kernel.sources[net.n_cells + b]) for b in net.block_of] if net.input_gates else []
    partials = sum(into[: net.n_cells]) + sum(blocks)
    hidden = net.n_hidden - (net.n_output_gates if kernel.idle_output_gates else 0)
    sigmoids = hidden - net.n_cells + net.n_cells * (net.g != "identity")
    if not kernel.idle_output_gates:
        sigmoids += net.n_cells * (net.h != "identity")
    madds = sum(into[:hidden]) + partials
    if kernel.every_step:
        out = net.n_outputs * (len(kernel.output_sources) + net.shortcuts)
        sigmoids += net.n_outputs
        madds += 2 * out + net.n_outputs * net.n_cells + partials
        madds += sum(into[net.n_cells + net.n_input_gates :])
    return sigmoids, madds


@dataclass
class Floors:
    """This core's arithmetic in one precision: seconds for the step of 1c, and for its parts."""

    step: float
    sigmoid: float
    madd: float

    @classmethod
    def measure(cls, dtype: str) -> Floors:
        """Measure all three."""
        return cls(
            step=floor_seconds(dtype),
            sigmoid=floor_seconds(dtype, 8, 0) / 8,
            madd=floor_seconds(dtype, 0, 64) / 64,
        )

    def of(self, kernel: Kernel) -> float:
        """Return the seconds that a kernel's step would take at these speeds."""
        sigmoids, madds = operations(kernel)
        return sigmoids * self.sigmoid + madds * self.madd


def engine_seconds(trial: Trial, *, lanes: int | None = None, repeats: int = 15) -> float:
    """Return CPU seconds for a step of one trial, the best of some repeats."""
    kernel = kernel_of(trial, lanes)
    loop = Loop(kernel, [replace(trial, seed=s) for s in range(kernel.lanes)])
    loop.advance(2000)
    best = np.inf
    for _ in range(repeats):
        started = time.thread_time()
        steps = loop.advance(max(500, 60_000 // kernel.lanes))
        best = min(best, (time.thread_time() - started) / steps / kernel.lanes)
    return float(best)


def reference_seconds(trial: Trial) -> float:
    """Return CPU seconds for a step of the NumPy reference."""
    learner = LSTM(trial.net, twin.initial_weights(trial), trial.learning_rate)
    sequences = list(islice(twin.sequences(trial), 3))
    best = np.inf
    for sequence in sequences:
        started = time.thread_time()
        learner.learn(sequence)
        best = min(best, (time.thread_time() - started) / len(sequence))
    return float(best)


def peer_rows(torch_python: str | None) -> dict[str, Any]:
    """Return the peers' rows, their versions, the names of those skipped, JAX by its trials."""
    rows, by_trials, versions, skipped = [], [], {}, []
    for name, python in (("jax", None), ("torch", torch_python)):
        if python is None and importlib.util.find_spec(name) is None:
            skipped.append(name)
            continue
        answer = subprocess.run(
            [python or sys.executable, str(HERE / "peers.py"), name],
            capture_output=True,
            text=True,
            check=True,
        )
        found = json.loads(answer.stdout)
        rows += found["rows"]
        by_trials += found["by_trials"]
        versions[name] = found["version"]
    return {"rows": rows, "by_trials": by_trials, "versions": versions, "skipped": skipped}


def table(title: str, rows: list[list[str]]) -> None:
    """Print a table with its columns aligned, and note it."""
    TABLES.append({"title": title, "rows": rows})
    print(f"\n{title}")
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        cells = [row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:],
                                                                       strict=True))]  # fmt: skip
        print("  " + "  ".join(cells))
    sys.stdout.flush()


def against_peers(
    torch_python: str | None, floors: dict[str, Floors], *, tiny: bool = False
) -> dict[str, Any]:
    """Measure experiment 1c's net and the adding net against everything else."""
    none: dict[str, Any] = {"rows": [], "by_trials": [], "versions": {}, "skipped": []}
    peers = none if tiny else peer_rows(torch_python)
    for name in peers["skipped"]:
        print(f"{name} is not installed: skipped")
    found: list[dict[str, Any]] = peers["rows"]
    lengths, kinds = (LENGTHS[:1], KINDS[:1]) if tiny else (LENGTHS, KINDS)
    adding = workloads()["adding, 2 blocks of 2"]
    small = replace(adding, net=replace(adding.net, blocks=(1, 1)))
    for kind in kinds:
        for T in lengths:
            task = Adding(T=T, criterion=NEVER)
            trial = trial_1c(T - 12) if kind == "one-hot" else replace(small, task=task)
            for name, each in _own_seconds(trial, tuple(floors), tiny=tiny).items():
                found.append({"peer": name, "input": kind, "T": T, "seconds": each})
            rows = {r["peer"]: r["seconds"] for r in found if (r["input"], r["T"]) == (kind, T)}
            _compare(kind, T, rows, floors)
    _jax_by_trials(peers["by_trials"], floors["float32"])
    return peers


def _own_seconds(trial: Trial, precisions: tuple[str, ...], *, tiny: bool) -> dict[str, float]:
    """Return seconds for a step of the engine, with many lanes and one, and of the reference."""
    seconds = {}
    for dtype in precisions:
        own = replace(trial, dtype=dtype)
        seconds[f"engine, {dtype}"] = engine_seconds(own, repeats=2 if tiny else 15)
        if not tiny:
            seconds[f"engine, one lane, {dtype}"] = engine_seconds(own, lanes=1, repeats=5)
    seconds["NumPy reference"] = reference_seconds(replace(trial, dtype="float64"))
    return seconds


def _compare(kind: str, T: int, rows: dict[str, float], floors: dict[str, Floors]) -> None:
    """Print everyone's time for a step beside the engine's."""
    base = rows["engine, float32"]
    lines = [["", "ns", "to the engine"]]
    lines += [
        [name, f"{s * 1e9:.1f}", f"{s / base:.1f}x"]
        for name, s in sorted(rows.items(), key=lambda item: item[1])
    ]
    if kind == "one-hot":
        for dtype, floor in floors.items():
            text = f"engine {rows[f'engine, {dtype}'] / floor.step:.2f}x above it"
            lines.append([f"arithmetic floor, {dtype}", f"{floor.step * 1e9:.1f}", text])
    table(f"{kind} inputs, T = {T}, two cells, error at the last step", lines)


def _jax_by_trials(rows: list[dict[str, Any]], floor: Floors) -> None:
    """Print what JAX's time for a step of a trial is made of."""
    if not rows:
        return
    lines = [["trials", "outputs only, ns", "update, ns", "outputs, to the floor of an update"]]
    lines += [
        [str(r["trials"]), f"{r['outputs'] * 1e9:.1f}", f"{r['update'] * 1e9:.1f}",
         f"{r['outputs'] / floor.step:.1f}x"]
        for r in rows
    ]  # fmt: skip
    table("JAX by the number of trials under vmap, one-hot inputs, T = 1000", lines)


def by_workload(floors: dict[str, Floors]) -> list[dict[str, Any]]:
    """Measure the engine's other kinds of work against the arithmetic they take."""
    kinds = {
        "1c, recurrent": trial_1c(),
        "1c, not recurrent": trial_1c(recurrent="none"),
        **workloads(),
    }
    found: list[dict[str, Any]] = []
    head = ["float32", "ns", "sigmoids", "multiply-adds", "above their floor"]
    lines = [[*head, "per multiply-add, to 1c recurrent"]]
    for name, trial in kinds.items():
        seconds, kernel = engine_seconds(trial), kernel_of(trial)
        sigmoids, madds = operations(kernel)
        ratio = seconds / floors["float32"].of(kernel)
        row = {"work": name, "seconds": seconds, "sigmoids": sigmoids, "madds": madds}
        found.append({**row, "above_floor": ratio})
        per_madd = "-"
        if madds:
            share = seconds / madds / (found[0]["seconds"] / found[0]["madds"])
            found[-1]["per_madd"] = share
            per_madd = f"{share:.2f}x"
        own = [name, f"{seconds * 1e9:.1f}", str(sigmoids), str(madds)]
        lines.append([*own, f"{ratio:.2f}x", per_madd])
    table("kinds of work, against the floor of their own operations", lines)
    return found


def scaling() -> dict[str, list[dict[str, Any]]]:
    """Measure how the time of a step depends on alphabet, length, net and lanes."""
    adding = workloads()["adding, 2 blocks of 2"]
    series: dict[str, list[tuple[str, Trial, int | None]]] = {
        "alphabet p (q = 1000)": [
            (str(p), trial_1c(p=p), None) for p in (10, 50, 100, 200, 500, 1000)
        ],
        "length q (p = 100)": [
            (str(q), trial_1c(q), None) for q in (50, 100, 200, 500, 1000, 10_000, 100_000)
        ],
        "lanes": [(str(n), trial_1c(), n) for n in (1, 4, 8, 16, 32, 64)],
        "cells (one a block)": [(str(n), trial_1c(blocks=(1,) * n), None) for n in (1, 2, 4)],
        "cells (one a block), dense inputs": [
            (str(n), replace(adding, net=replace(adding.net, blocks=(1,) * n)), None)
            for n in (1, 2, 4)
        ],
    }
    found = {}
    for name, cases in series.items():
        rows = [{"case": case, "seconds": engine_seconds(trial, lanes=lanes, repeats=8)}
                for case, trial, lanes in cases]  # fmt: skip
        found[name] = rows
        lines = [[name, "ns", "to the first"]]
        lines += [
            [r["case"], f"{r['seconds'] * 1e9:.1f}", f"{r['seconds'] / rows[0]['seconds']:.2f}"]
            for r in rows
        ]
        table(f"scaling with {name}, float32", lines)
    return found


def _work(seconds: float) -> float:
    """Return steps a second of one process."""
    trial = trial_1c()
    kernel = kernel_of(trial)
    loop = Loop(kernel, [replace(trial, seed=s) for s in range(kernel.lanes)])
    loop.advance(2000)
    steps, started = 0, time.perf_counter()
    while time.perf_counter() - started < seconds:
        steps += loop.advance(5000)
    return steps * kernel.lanes / (time.perf_counter() - started)


def processes(most: int) -> list[dict[str, Any]]:
    """Measure wall-clock throughput with several processes (needs as many idle cores)."""
    rows: list[dict[str, Any]] = []
    for n in range(1, most + 1):
        with multiprocessing.get_context("spawn").Pool(n) as pool:
            rows.append({"processes": n, "steps": sum(pool.map(_work, [2.0] * n, chunksize=1))})
    lines = [["processes", "million steps/s", "efficiency"]]
    lines += [
        [str(r["processes"]), f"{r['steps'] / 1e6:.1f}",
         f"{r['steps'] / r['processes'] / rows[0]['steps']:.2f}"]
        for r in rows
    ]  # fmt: skip
    table("processes (wall clock)", lines)
    return rows


def memory() -> list[dict[str, Any]]:
    """Count a trial's memory against the length of its sequences, and run the longest."""
    rows = []
    for q in (100, 1000, 10_000, 100_000, 1_000_000):
        trial = trial_1c(q, 100)
        kernel = kernel_of(trial)
        loop = Loop(kernel, [replace(trial, seed=s) for s in range(kernel.lanes)])
        loop.advance(int(1.05 * q) + 500)
        held = sum(each.nbytes for each in loop.arguments) / kernel.lanes
        presented = int(loop.arguments[9].reshape(kernel.lanes, -1)[0, 7])
        rows.append({"q": q, "bytes": held, "presented": presented})
    lines = [["q", "bytes a trial", "sequences run"]]
    lines += [[str(r["q"]), f"{r['bytes']:.0f}", str(r["presented"])] for r in rows]
    table("memory against length (p = 100, float32)", lines)
    return rows


def machine() -> dict[str, Any]:
    """Return what the numbers were measured on."""
    import llvmlite.binding as llvm
    import numba

    return {
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "cpu": llvm.get_host_cpu_name(),
        "avx512": bool(llvm.get_host_cpu_features().get("avx512f")),
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0],
        "system": platform.platform(terse=True),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "numba": numba.__version__,
        "engine": ENGINE_VERSION,
    }


def _write(result: dict[str, Any], place: Path) -> None:
    """Write what has been measured so far."""
    place.write_text(json.dumps({**result, "tables": TABLES}, indent=1) + "\n")


def main() -> None:
    """Measure everything, print it, write it."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--torch-python", help="an interpreter that has PyTorch")
    parser.add_argument("--quick", action="store_true", help="peers and kinds of work only")
    parser.add_argument("--tiny", action="store_true", help="one small case, to see that it runs")
    parser.add_argument("--processes", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("--json", type=Path, default=HERE / "trial_loop.json")
    parser.add_argument("--readme", action="store_true", help="renew the tables of README.md")
    options = parser.parse_args()
    result: dict[str, Any] = {"machine": machine()}
    print("  ".join(f"{name} {value}" for name, value in result["machine"].items()))
    precisions = PRECISIONS[:1] if options.tiny else PRECISIONS
    floors = {dtype: Floors.measure(dtype) for dtype in precisions}
    result["floors"] = {dtype: vars(each) for dtype, each in floors.items()}
    result["peers"] = against_peers(options.torch_python, floors, tiny=options.tiny)
    _write(result, options.json)
    if not options.tiny:
        result["work"] = by_workload(floors)
        _write(result, options.json)
    if not (options.quick or options.tiny):
        result["memory"] = memory()
        result["processes"] = processes(options.processes)
        _write(result, options.json)
        result["scaling"] = scaling()
    if not options.tiny:
        table("targets", readme.targets(result))
        TABLES.pop()  # the page makes it anew
    _write(result, options.json)
    print(f"\nwritten to {options.json}")
    if options.readme:
        readme.renew(options.json)


if __name__ == "__main__":
    main()
