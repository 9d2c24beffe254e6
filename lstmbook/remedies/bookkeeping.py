"""What is noted of trials whose sequences compiled loops present, some at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from types import ModuleType
from typing import Literal

import numpy as np

from lstmbook.protocols import Outcome
from lstmbook.validation import Array, as_count


def compiled_loops(name: str) -> ModuleType:
    """Return the module of this folder that holds compiled loops.

    Raises
    ------
    ImportError
        If Numba is not installed.
    """
    try:
        return import_module(f"lstmbook.remedies.{name}")
    except ModuleNotFoundError as problem:
        raise ImportError(
            f"{problem.name} is not installed; compiled trials need the extra: "
            "pip install 'lstmbook[engine]'"
        ) from problem


@dataclass
class ErrorCurve:
    """The mean loss of each full window.

    Attributes
    ----------
    window
        How many sequences are averaged.
    """

    window: int
    means: list[Array] = field(default_factory=list)
    left: Array = field(default_factory=lambda: np.zeros(0))

    def add(self, losses: Array) -> None:
        """Take note of the losses of the next sequences, shape (n,)."""
        self.left = np.concatenate([self.left, losses])
        full = len(self.left) // self.window * self.window
        self.means.append(self.left[:full].reshape(-1, self.window).mean(axis=1))
        self.left = self.left[full:]

    @property
    def points(self) -> Array:
        """The means, shape (full windows,)."""
        return np.concatenate([np.zeros(0), *self.means])


Judge = Callable[[Array], tuple[int, int] | None]
"""Given what tells whether some more sequences are right, shape (n,), returns None, or after how
many of them success is seen, and at which it is counted (from 1; 0 or less: one seen before).
"""


@dataclass
class Account:
    """How far a trial has come: what `lstmbook.protocols.run_trial` keeps, a chunk at a time.

    Attributes
    ----------
    max_sequences
        The cap.
    window
        Sequences averaged for one point of the error curve.
    presented
        Sequences so far.
    ending, sequences
        As in `lstmbook.protocols.Outcome`; None and 0 while the trial goes on.
    seconds
        The time it took, which whoever runs it adds up.

    Raises
    ------
    TypeError, ValueError
        If the cap or the window is not a whole number of at least 1.
    """

    max_sequences: int
    window: int
    presented: int = 0
    ending: Literal["success", "cap", "diverged"] | None = None
    sequences: int = 0
    seconds: float = 0.0
    curve: ErrorCurve = field(init=False)

    def __post_init__(self) -> None:
        self.max_sequences = as_count("max_sequences", self.max_sequences, at_least=1)
        self.curve = ErrorCurve(as_count("window", self.window, at_least=1))

    def see(self, losses: Array, errors: Array, judge: Judge) -> None:
        """Take note of the next sequences until the trial ends; what comes later does not count.

        Parameters
        ----------
        losses
            Shape (n,).
        errors
            What the judge is given, shape (n,); an entry that is not finite ends the trial.
        """
        n = min(len(losses), self.max_sequences - self.presented)
        broken = np.flatnonzero(~np.isfinite(errors[:n]))
        stop = int(broken[0]) if len(broken) else n
        success = judge(errors[:stop])
        if success is not None:
            stop, counted = success
            self.ending, self.sequences = "success", self.presented + counted
        elif len(broken):
            self.ending, self.sequences = "diverged", self.presented + stop + 1
        elif self.presented + stop >= self.max_sequences:
            self.ending, self.sequences = "cap", self.max_sequences
        self.presented += stop
        self.curve.add(losses[:stop])

    def outcome(self, seed: int | None) -> Outcome:
        """Return how the trial ended.

        Raises
        ------
        ValueError
            If it has not ended.
        """
        if self.ending is None:
            raise ValueError("ending is None; the trial has not ended")
        return Outcome(
            ending=self.ending,
            sequences=self.sequences,
            errors=self.curve.points,
            window=self.curve.window,
            seconds=self.seconds,
            seed=seed,
        )
