"""Which learners there are, and which of them can run which task."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from lstmbook.learners.bptt import BPTT
from lstmbook.learners.cascade_correlation import CascadeCorrelation
from lstmbook.learners.chunker import Chunker
from lstmbook.learners.echo_state import EchoState
from lstmbook.learners.elman import Elman
from lstmbook.learners.gru import GRU
from lstmbook.learners.net_trial import NetTrial
from lstmbook.learners.recipe import NetRecipe
from lstmbook.learners.rtrl import RTRL
from lstmbook.learners.trials import Trial, unsupported
from lstmbook.lstm import Topology
from lstmbook.sequences import as_choice
from lstmbook.tasks.adding import Adding
from lstmbook.tasks.distant_target import DistantTarget, DistantTargetPredicted
from lstmbook.tasks.latch import LatchLine
from lstmbook.tasks.long_time_lags import RandomDistractors, RandomMiddle, TwoSequences
from lstmbook.tasks.parity import Parity
from lstmbook.tasks.reber import EmbeddedReber
from lstmbook.tasks.two_sequence import NoiseAndSignal, TwoPatterns

Recipe = NetRecipe | CascadeCorrelation

KINDS: dict[str, type[Recipe]] = {
    "elman": Elman,
    "rtrl": RTRL,
    "bptt": BPTT,
    "gru": GRU,
    "echo state": EchoState,
    "chunker": Chunker,
    "recurrent cascade-correlation": CascadeCorrelation,
}
"""The learners beside LSTM, by the names that data files have for them."""

TITLES = {
    "lstm": "LSTM",
    "elman": "Elman net",
    "rtrl": "RTRL",
    "bptt": "BPTT",
    "gru": "GRU",
    "echo state": "echo state net",
    "recurrent cascade-correlation": "RCC",
}

TASKS: dict[str, Callable[[], Any]] = {
    "two sequences": lambda: TwoSequences(p=10),
    "random middle": lambda: RandomMiddle(p=10),
    "random distractors": lambda: RandomDistractors(q=10, p=10),
    "embedded Reber grammar": lambda: EmbeddedReber.draw(np.random.default_rng(0), 16, 16, 16),
    "adding": lambda: Adding(T=20),
    "noise and signal": lambda: NoiseAndSignal.of("3a", T=20),
    "two patterns": TwoPatterns,
    "latch": LatchLine,
    "parity": Parity,
    "distant target": DistantTarget,
    "distant target, predicted": DistantTargetPredicted,
}
"""The tasks by name, each made small."""


def why_not(learner: str | Recipe, task: Any) -> str | None:
    """Return why a learner cannot run a task compiled, or None if it can.

    Parameters
    ----------
    learner
        "lstm", one of `KINDS`, or a learner's settings.

    Raises
    ------
    ValueError
        If there is no such learner.
    """
    if learner == "lstm":
        net = Topology(task.n_inputs, task.n_outputs, (2,))
        return unsupported(Trial(task, net, 0.1, seed=0, max_sequences=1))
    if isinstance(learner, str):
        as_choice("learner", learner, ("lstm", *KINDS))
    recipe = KINDS[learner]() if isinstance(learner, str) else learner
    if isinstance(recipe, CascadeCorrelation):
        return None
    return unsupported(NetTrial(task, recipe, seed=0, max_sequences=1))


def matrix() -> str:
    """Return which learner runs which task as a table in Markdown, and why some do not."""
    kinds = ("lstm", *KINDS)
    rows = [["task", *(TITLES.get(kind, kind) for kind in kinds)]]
    reasons: list[str] = []
    for name, make in TASKS.items():
        cells = []
        for kind in kinds:
            why = why_not(kind, make())
            if why is not None and why not in reasons:
                reasons.append(why)
            cells.append("yes" if why is None else f"no ({reasons.index(why) + 1})")
        rows.append([name, *cells])
    rows.insert(1, ["---"] * len(rows[0]))
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([*lines, "", *(f"{i}. {why}" for i, why in enumerate(reasons, 1))])
