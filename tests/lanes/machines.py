"""The two machines that run trials: the lanes, and the engine that they replace."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lstmbook.engine import loop as engine_loop
from lstmbook.engine import trials as engine_trials
from lstmbook.engine.compiled import interpreted
from lstmbook.learners import trials as lanes


def ended(loop: Any) -> list[Any]:
    """Return the results of a loop's trials, in their order."""
    while loop.at_work:
        loop.advance(1000)
    results = dict(loop.ended())
    assert sorted(results) == list(range(len(loop.trials)))
    return [results[i] for i in range(len(loop.trials))]


@dataclass(frozen=True)
class Lanes:
    """The lanes, compiled or in NumPy."""

    name = "lanes"
    unsupported = staticmethod(lanes.unsupported)
    run_trials = staticmethod(lanes.run_trials)
    check = staticmethod(lanes.program_of)

    def run(self, trials, n, plain=False):
        """Return the results of trials in n lanes, with final weights."""
        program = lanes.program_of(trials[0], n)
        return ended(lanes.Loop(program, trials, keep_weights=True, plain=plain))


@dataclass(frozen=True)
class Engine:
    """The written loop, compiled or interpreted."""

    name = "engine"
    unsupported = staticmethod(engine_trials.unsupported)
    run_trials = staticmethod(engine_loop.run_trials)
    check = staticmethod(engine_trials.kernel_of)

    def run(self, trials, n, plain=False):
        """Return the results of trials in n lanes, with final weights."""
        kernel = engine_trials.kernel_of(trials[0], n)
        code = interpreted(kernel) if plain else None
        return ended(engine_loop.Loop(kernel, trials, keep_weights=True, code=code))


MACHINES = {each.name: each for each in (Lanes(), Engine())}
