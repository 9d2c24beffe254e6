"""The loops that were written by hand for the comparison learners, as long as they are there."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np
from engines import Steps

from lstmbook.lanes.draws import Stream, stream_key

TRIALS = 18
"""The loops of experiment 1a run the trials of a published row at once."""

AT_ONCE = 1024
"""Sequences between two looks at the trials."""

Hand = Callable[[Any], Steps]
"""Makes the steps of a hand-written loop for a task."""


def remedy(name: str) -> Any:
    """Return a module of the hand-written learners; None if they are gone."""
    try:
        return import_module(f"lstmbook.remedies.{name}")
    except ModuleNotFoundError as error:
        if not (error.name or "").startswith("lstmbook.remedies"):
            raise
        return None


def present() -> bool:
    """Return whether there are hand-written loops."""
    return remedy("compiled") is not None


def small(module: str, **settings: Any) -> Hand:
    """Return what runs nets with one unit on experiment 1a, many trials at once."""

    def steps_of(task: Any) -> Steps:
        make, run = getattr(remedy(module), module), remedy("compiled").run_trials
        seeds = range(TRIALS)

        def take(steps: int) -> int:
            learners = [make(task, np.random.default_rng(s), **settings) for s in seeds]
            streams = [Stream(stream_key(s, "sequences")) for s in seeds]
            for _ in run(task, learners, streams, max_sequences=AT_ONCE):
                pass
            return int(AT_ONCE * TRIALS * task.p)

        take(1)
        return take

    return steps_of


def pair(task: Any) -> Steps:
    """Return the steps of the chunker's loop: one trial of experiment 1a or 1b."""
    make, run = remedy("chunker").chunker, remedy("compiled").run_chunker

    def take(steps: int) -> int:
        learner = make(task, np.random.default_rng(0))
        run(task, learner, Stream(stream_key(0, "sequences")), max_sequences=AT_ONCE)
        length = len(task.sample(np.random.default_rng(0)))
        return AT_ONCE * length

    take(1)
    return take


def on_strings(module: str, maker: str, **settings: Any) -> Hand:
    """Return what runs a learner on the embedded Reber grammar, one trial."""

    def steps_of(task: Any) -> Steps:
        trials = remedy("reber_trials")
        learner = getattr(remedy(module), maker)(task, np.random.default_rng(0), **settings)
        strings = trials._Strings.of(task.training, task.test)
        at_work, stream = trials._at_work(task, learner, strings), Stream(0)
        account = trials.Account(10**12, 100)
        course = trials._Course(task, strings, at_work, account)
        mean = float(np.diff(task.training.starts).mean())

        def take(steps: int) -> int:
            before, n = account.presented, max(1, int(steps / mean))
            while account.presented - before < n:
                course.go_on(stream)
            return int((account.presented - before) * mean)

        take(1)
        return take

    return steps_of


def cascade(task: Any) -> Any:
    """Return a net of the hand-written Recurrent Cascade-Correlation, its epochs compiled."""
    made = remedy("cascade_correlation").cascade_correlation(task, np.random.default_rng(0))
    return remedy("reber_trials").CompiledCascade.of(made)
