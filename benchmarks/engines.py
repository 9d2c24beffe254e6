"""Loops of many trials to be timed: the lanes' and, where it still is, the written engine's.

``python benchmarks/engines.py lanes float32 "1a, 101 outputs"`` takes a few steps of one kind of
work and prints what the whole process took: with an empty LSTMBOOK_CACHE, mostly compiling.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

from workloads import in_precision, workloads

from lstmbook.learners.trials import Loop, Trial, program_of

LANES, WRITTEN = "lanes", "written engine"
BEGIN = 500

Steps = Callable[[int], int]
"""Lets a loop take about so many steps, and returns how many of a trial it took."""


def written_engine() -> dict[str, Any] | None:
    """Return what is needed of the engine that wrote its loops as text; None if it is gone."""
    try:
        loop = import_module("lstmbook.engine.loop")
        trials = import_module("lstmbook.engine.trials")
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith("lstmbook.engine"):
            raise
        return None
    return {"Loop": loop.Loop, "kernel_of": trials.kernel_of, "version": trials.ENGINE_VERSION}


def engines() -> tuple[str, ...]:
    """Return the names of the engines that there are."""
    return (LANES,) if written_engine() is None else (LANES, WRITTEN)


def loop_of(engine: str, trial: Trial, lanes: int | None = None) -> tuple[Any, int]:
    """Return a loop of trials that differ in their seeds, and how many run side by side."""
    if engine == LANES:
        program = program_of(trial, lanes)
        many = program.lanes
        return Loop(program, [replace(trial, seed=s) for s in range(many)]), many
    found = written_engine()
    if engine != WRITTEN or found is None:
        raise ValueError(f"engine is {engine!r}; there are {', '.join(engines())}")
    kernel = found["kernel_of"](trial, lanes)
    many = kernel.lanes
    return found["Loop"](kernel, [replace(trial, seed=s) for s in range(many)]), many


def steps_of(engine: str, trial: Trial, lanes: int | None = None) -> Steps:
    """Return a loop's steps, its machine code compiled."""
    loop, many = loop_of(engine, trial, lanes)
    loop.advance(BEGIN)
    return lambda steps: loop.advance(steps) * many


def alternating(all_steps: dict[Any, Steps], *, repeats: int, span: float) -> dict[Any, float]:
    """Return each loop's CPU seconds for a step of one trial, the best of some repeats.

    The loops take turns, so that a change of the core's speed meets all of them.

    Parameters
    ----------
    all_steps
        The loops by name.
    repeats
        How many turns each has.
    span
        About how many seconds a turn lasts.
    """
    counts = {}
    for name, steps in all_steps.items():
        started = time.process_time()
        steps(BEGIN)
        took = max(time.process_time() - started, 1e-6)
        counts[name] = max(BEGIN, int(BEGIN * span / took))
    best = dict.fromkeys(all_steps, float("inf"))
    for _ in range(repeats):
        for name, steps in all_steps.items():
            started = time.process_time()
            taken = steps(counts[name])
            best[name] = min(best[name], (time.process_time() - started) / taken)
    return best


def cold_seconds(engine: str, dtype: str, work: str) -> dict[str, float]:
    """Return the CPU seconds of a fresh process: machine code to be compiled, and then on disk."""
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in ("cold", "warm"):
            answer = subprocess.run(
                [sys.executable, str(Path(__file__)), engine, dtype, work],
                env={**os.environ, "LSTMBOOK_CACHE": folder},
                capture_output=True,
                text=True,
                check=True,
            )
            found[name] = float(json.loads(answer.stdout))
    return found


if __name__ == "__main__":
    engine, dtype, work = sys.argv[1:]
    loop_of(engine, in_precision(workloads()[work], dtype))[0].advance(16)
    print(json.dumps(time.process_time()))
