"""The comparison learners in lanes against their hand-written loops, NumPy and this core's floor.

``python benchmarks/learners.py`` prints tables of nanoseconds of one core for a time step of one
trial (of Recurrent Cascade-Correlation, microseconds for an epoch), with ratios and whether they
meet what is aimed at, and writes them as JSON. Loops take turns; the best of several short repeats
of CPU time counts. Hand-written loops that are gone are skipped by name.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import hand_loops
import readme
from engines import BEGIN, Steps, alternating
from floor import Floors
from learner_work import (
    Case,
    cases,
    epoch_operations,
    operations,
    operations_passed_on,
    reber,
    tiny_cases,
)
from trial_loop import machine

from lstmbook.lanes.draws import Stream, stream_key
from lstmbook.learners.cascade_correlation import CascadeCorrelation, RecurrentCascadeCorrelation
from lstmbook.learners.chunker import Pair
from lstmbook.learners.trials import Loop, program_of

HERE = Path(__file__).parent
PRECISIONS = ("float64", "float32")
LANES = (8, 16)
HAND, NUMPY = "hand-written", "NumPy"
FULL_RUN = {"repeats": 8, "span": 0.05}
TINY_RUN = {"repeats": 2, "span": 0.002}
PLAIN_SECONDS = 0.5
UNITS = (0, 4, 8)
OF_OUTPUTS, OF_POOL = "outputs", "candidates"
CASCADE = "cascade correlation"

TARGETS = {
    HAND: "not slower than the hand-written loop",
    NUMPY: "at least 50x as fast as its NumPy form",
    "floor": "at most 3x the floor, 5x with about 100 outputs",
    "cold": "a fresh process compiles and begins in less than 5 CPU seconds",
}
MANY_OUTPUTS = 90

Rows = list[dict[str, Any]]


# ------------------------------------------------------------------------------ steps
def loop_of(case: Case, dtype: str, lanes: int, *, plain: bool = False) -> Loop:
    """Return a loop of trials that differ in their seeds."""
    trial = case.trial(dtype)
    trials = [replace(trial, seed=s) for s in range(lanes)]
    return Loop(program_of(trial, lanes), trials, plain=plain)


def steps_of(loop: Loop) -> Steps:
    """Return a loop's steps, its machine code compiled.

    Where sequences begin together, trials wait for the longest: their own steps count.
    """
    lanes, at_size = loop.program.lanes, loop.program.at_size
    steps = loop.program.at.start("steps")

    def taken() -> int:
        return int(loop.arrays.lanes[steps : lanes * at_size : at_size].sum())

    def take(n: int) -> int:
        before = taken()
        advanced = loop.advance(n) * lanes
        if loop.queue.at_work < lanes:
            raise RuntimeError("a trial that is timed has ended")
        return max(taken() - before, 1) if loop.program.net.in_rounds else advanced

    return take


def lanes_of(case: Case, dtype: str, lanes: int) -> Steps:
    """Return the steps of a compiled loop that has begun."""
    take = steps_of(loop_of(case, dtype, lanes))
    take(BEGIN)
    return take


def plain_seconds(case: Case, lanes: int, span: float) -> float:
    """Return CPU seconds for a step of one trial of the sources in NumPy."""
    take, steps = steps_of(loop_of(case, "float64", lanes, plain=True)), 0
    take(1)  # trials enter, and draw their weights
    started = time.process_time()
    while steps == 0 or time.process_time() - started < span:
        steps += take(1)
    return (time.process_time() - started) / steps


def share_passed_on(case: Case, lanes: int = 16, steps: int = 20_000) -> float:
    """Return at which share of all steps, later ones, the chunker's second net has work."""
    loop = loop_of(case, "float64", lanes)
    net: Any = loop.program.net
    if not isinstance(net, Pair):
        return 0.0
    found = []
    for _ in range(2):
        loop.advance(steps)
        passed = loop.arrays.numbers.ring[4 :: 2 * net.ring_each]
        found.append(int(passed[:lanes].sum()))
    return (found[1] - found[0]) / steps / lanes


# ------------------------------------------------------------------------------ measuring
def measured(name: str, case: Case, floors: dict[str, Floors], *, tiny: bool) -> dict[str, Any]:
    """Measure a case: lanes and hand-written loop in turn, then NumPy."""
    loops: dict[Any, Steps] = {
        (dtype, lanes): lanes_of(case, dtype, lanes) for dtype in floors for lanes in LANES
    }
    if case.hand is not None and hand_loops.present():
        loops[HAND] = case.hand(case.task)
    seconds = alternating(loops, **(TINY_RUN if tiny else FULL_RUN))
    share, passed_on = share_passed_on(case), operations_passed_on(case)
    sigmoids, madds = (
        round(own + share * more) for own, more in zip(operations(case), passed_on, strict=True)
    )
    row: dict[str, Any] = {"name": name, "sigmoids": sigmoids, "madds": madds}
    row["many"] = program_of(case.trial("float64"), 1).net.n_outputs > MANY_OUTPUTS
    for dtype, floor in floors.items():
        lanes = min(LANES, key=lambda n: seconds[dtype, n])
        row[dtype] = {
            "by_lanes": {n: seconds[dtype, n] for n in LANES},
            "lanes": lanes,
            "seconds": seconds[dtype, lanes],
            "floor": floor.of(sigmoids, madds),
        }
    row[HAND] = seconds.get(HAND)
    row[NUMPY] = plain_seconds(case, row["float64"]["lanes"], 0.0 if tiny else PLAIN_SECONDS)
    print(f"{name}: {row['float64']['seconds'] * 1e9:.1f} ns", flush=True)
    return row


def cold_seconds(name: str) -> dict[str, float]:
    """Return the CPU seconds of fresh processes: code to be compiled, and then on disk."""
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for how in ("cold", "warm"):
            answer = subprocess.run(
                [sys.executable, __file__, "--begin", name],
                env={**os.environ, "LSTMBOOK_CACHE": folder},
                capture_output=True,
                text=True,
                check=True,
            )
            found[how] = float(json.loads(answer.stdout))
    return found


def begin(name: str) -> None:
    """Let a loop take its first steps, and print what the process took for all."""
    if name == CASCADE:
        fresh(plain=False).epoch()
    else:
        loop_of({**cases(), **tiny_cases()}[name], "float64", LANES[-1]).advance(16)
    print(json.dumps(time.process_time()))


# ------------------------------------------------------------------------------ epochs
def fresh(*, plain: bool) -> RecurrentCascadeCorrelation:
    """Return a net of Recurrent Cascade-Correlation over the embedded Reber grammar."""
    return CascadeCorrelation().build(reber(), Stream(stream_key(0, "weights")), plain=plain)


def epochs(net: Any, until: int) -> Callable[[], dict[tuple[int, str], float]]:
    """Return what trains an epoch until there are so many units, and what is known by then.

    Known are the least CPU seconds of an epoch, by the units there are and by what learns.
    """
    best: dict[tuple[int, str], float] = {}

    def train() -> dict[tuple[int, str], float]:
        units = _units(net)
        if units <= until:
            what = OF_POOL if _pool_learns(net) else OF_OUTPUTS
            started = time.process_time()
            net.epoch()
            took = time.process_time() - started
            if _units(net) == units and _pool_learns(net) == (what == OF_POOL):
                best[units, what] = min(best.get((units, what), took), took)
        return best

    return train


def _units(net: Any) -> int:
    return int(net.hidden) if hasattr(net, "hidden") else len(net.units)


def _pool_learns(net: Any) -> bool:
    return bool(getattr(net, "_pool_learns", getattr(net, "_candidates", None)))


def plain_epoch(net: RecurrentCascadeCorrelation) -> float:
    """Return CPU seconds of a net's next epoch in NumPy."""
    plain = fresh(plain=True)
    for name, kept in net._shared.items():
        plain._shared[name][:] = kept
    plain._set.arrays.steps[:] = net._set.arrays.steps
    for name in ("hidden", "_pool_learns", "_squares"):
        setattr(plain, name, getattr(net, name))
    started = time.process_time()
    plain.epoch()
    return time.process_time() - started


def by_epoch(floor: Floors, *, tiny: bool) -> Rows:
    """Measure epochs of Recurrent Cascade-Correlation, new and hand-written in turn."""
    until = 0 if tiny else UNITS[-1]
    net = fresh(plain=False)
    nets: dict[str, Any] = {"lanes": net}
    if hand_loops.present():
        nets[HAND] = hand_loops.cascade(reber())
    ways = {name: epochs(each, until) for name, each in nets.items()}
    wanted = {(n, what) for n in UNITS if n <= until for what in (OF_OUTPUTS, OF_POOL)}
    in_numpy: dict[tuple[int, str], float] = {}
    found: dict[str, dict[tuple[int, str], float]] = {}
    while any(_units(each) <= until for each in nets.values()):
        at = net.hidden, OF_POOL if net._pool_learns else OF_OUTPUTS
        if at in wanted and at not in in_numpy:
            in_numpy[at] = plain_epoch(net)
        found = {name: train() for name, train in ways.items()}
    steps, rows = len(net._set), []
    for units, what in sorted(wanted):
        pool = what == OF_POOL
        sigmoids, madds = epoch_operations(net._net, units, steps, candidates=pool)
        rows.append({
            "units": units, "what": what, "sigmoids": sigmoids, "madds": madds,
            "seconds": found["lanes"][units, what], HAND: found.get(HAND, {}).get((units, what)),
            NUMPY: in_numpy[units, what], "floor": floor.of(sigmoids, madds),
        })  # fmt: skip
    return rows


# ------------------------------------------------------------------------------ tables
def _ratio(a: float | None, b: float) -> str:
    return "-" if a is None else f"{a / b:.2f}"


def _missed(seconds: float, hand: float | None, plain: float, floor: float, most: float) -> str:
    """Return which of what is aimed at is missed, in words."""
    found = []
    if hand is not None and seconds > hand:
        found.append("hand-written")
    if plain < 50 * seconds:
        found.append("NumPy")
    if seconds > most * floor:
        found.append("floor")
    return f"missed: {', '.join(found)}" if found else "met"


def step_tables(rows: Rows) -> list[dict[str, Any]]:
    """Return the tables of learners that step."""
    precisions = [name for name in PRECISIONS if name in rows[0]]
    head = ["ns a step and trial", *(f"lanes, {d}" for d in precisions), "hand-written",
            "lanes / hand", "NumPy / lanes", *(f"above the floor, {d}" for d in precisions),
            "targets"]  # fmt: skip
    lines = [head]
    for row in rows:
        own, most = row["float64"], 5 if row["many"] else 3
        hand = row[HAND]
        lines.append([
            row["name"],
            *(f"{row[d]['seconds'] * 1e9:.1f} ({row[d]['lanes']})" for d in precisions),
            "-" if hand is None else f"{hand * 1e9:.1f}",
            "-" if hand is None else _ratio(own["seconds"], hand),
            f"{row[NUMPY] / own['seconds']:.0f}x",
            *(f"{_ratio(row[d]['seconds'], row[d]['floor'])}x" for d in precisions),
            _missed(own["seconds"], hand, row[NUMPY], own["floor"], most),
        ])  # fmt: skip
    counts = [["", "sigmoids", "multiply-adds",
               *(f"{n} lanes, {d}" for d in precisions for n in LANES)]]  # fmt: skip
    for row in rows:
        each = [f"{row[d]['by_lanes'][n] * 1e9:.1f}" for d in precisions for n in LANES]
        counts.append([row["name"], str(row["sigmoids"]), str(row["madds"]), *each])
    return [
        {"title": "comparison learners, lanes that are fastest in brackets", "rows": lines},
        {"title": "comparison learners, operations of a step and ns by lanes", "rows": counts},
    ]


def epoch_tables(rows: Rows) -> list[dict[str, Any]]:
    """Return the table of epochs."""
    lines = [["µs an epoch, float64", "sigmoids", "multiply-adds", "lanes", "hand-written",
              "lanes / hand", "NumPy / lanes", "above the floor", "targets"]]  # fmt: skip
    for row in rows:
        hand = row[HAND]
        lines.append([
            f"{row['units']} units, {row['what']} learn", str(row["sigmoids"]), str(row["madds"]),
            f"{row['seconds'] * 1e6:.0f}", "-" if hand is None else f"{hand * 1e6:.0f}",
            "-" if hand is None else _ratio(row["seconds"], hand),
            f"{row[NUMPY] / row['seconds']:.0f}x", f"{_ratio(row['seconds'], row['floor'])}x",
            _missed(row["seconds"], hand, row[NUMPY], row["floor"], 3),
        ])  # fmt: skip
    return [{"title": "Recurrent Cascade-Correlation on Reber", "rows": lines}]


def cold_tables(found: dict[str, dict[str, float]]) -> list[dict[str, Any]]:
    """Return the table of fresh processes."""
    lines = [["CPU seconds up to the first steps, float64", "cold", "warm", "target"]]
    for name, each in found.items():
        met = "met" if each["cold"] < 5 else "missed"
        lines.append([name, f"{each['cold']:.1f}", f"{each['warm']:.1f}", met])
    return [{"title": "comparison learners, a fresh process", "rows": lines}]


def show(table: dict[str, Any]) -> None:
    """Print a table."""
    print(f"\n{table['title']}")
    widths = [max(map(len, column)) for column in zip(*table["rows"], strict=True)]
    for first, *rest in table["rows"]:
        cells = [c.rjust(w) for c, w in zip(rest, widths[1:], strict=True)]
        print("  " + "  ".join([first.ljust(widths[0]), *cells]), flush=True)


# ------------------------------------------------------------------------------ the command
def main() -> None:
    """Measure everything, print it, write it."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--tiny", action="store_true", help="one small case, to see that it runs")
    parser.add_argument("--only", help="cases with this in their names, and no epochs")
    parser.add_argument("--no-cold", action="store_true", help="without fresh processes")
    parser.add_argument("--begin", help=argparse.SUPPRESS)
    parser.add_argument("--json", type=Path, default=HERE / "learners.json")
    parser.add_argument(
        "--readme", type=Path, nargs="?", const=HERE / "README.md", metavar="PAGE",
        help="renew the tables of README.md, or of another page",
    )  # fmt: skip
    options = parser.parse_args()
    if options.begin is not None:
        begin(options.begin)
        return
    part = options.tiny or options.only or options.no_cold
    if part and options.readme == HERE / "README.md":
        parser.error("--readme renews README.md from a whole run: without a part of it only")
    chosen = tiny_cases() if options.tiny else cases()
    chosen = {name: each for name, each in chosen.items() if (options.only or "") in name}
    floors = {d: Floors.measure(d) for d in PRECISIONS[: 1 if options.tiny else None]}
    result: dict[str, Any] = {"machine": machine(), "targets": list(TARGETS.values())}
    result["skipped"] = [] if hand_loops.present() else ["hand-written loops"]
    print("  ".join(f"{name} {value}" for name, value in result["machine"].items()))
    for name in result["skipped"]:
        print(f"{name} are not there: skipped")
    print("\n".join(["aimed at:", *result["targets"]]))
    result["rows"] = [measured(n, each, floors, tiny=options.tiny) for n, each in chosen.items()]
    result["tables"] = step_tables(result["rows"])
    if not options.only:
        result["epochs"] = by_epoch(floors["float64"], tiny=options.tiny)
        result["tables"] += epoch_tables(result["epochs"])
    if not part:
        result["cold"] = {name: cold_seconds(name) for name in (*chosen, CASCADE)}
        result["tables"] += cold_tables(result["cold"])
    for table in result["tables"]:
        show(table)
    options.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    print(f"\nwritten to {options.json}")
    if options.readme:
        readme.renew_learners(options.json, options.readme)


if __name__ == "__main__":
    main()
