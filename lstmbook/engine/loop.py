"""Runs many trials: takes their compiled loops through slices of time, hands out what ends."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from lstmbook.engine.compiled import loop_of
from lstmbook.engine.kernel import (
    ACCURACIES,
    CHUNK,
    ENDINGS,
    LF,
    LI,
    RI,
    TOLERANCES,
    WINDOW_SLOTS,
    Kernel,
)
from lstmbook.engine.trials import Table, Trial, kernel_of, table_of
from lstmbook.lanes.blocks import aligned
from lstmbook.learners.trials import Result
from lstmbook.validation import as_number


class Loop:
    """The memory of one compiled loop with its queue of trials."""

    def __init__(
        self,
        kernel: Kernel,
        trials: list[Trial],
        *,
        keep_weights: bool = False,
        on_compile: Callable[[str], None] | None = None,
        code: ModuleType | None = None,
    ) -> None:
        self.kernel, self.trials = kernel, trials
        self.code = loop_of(kernel, on_compile) if code is None else code
        table = table_of(trials)
        n_in = max(trial.net.n_inputs for trial in trials)
        n_weights = max(trial.net.n_weights for trial in trials) if keep_weights else 0
        self.results = np.zeros((len(trials), len(RI)), dtype=np.int64)
        self.curves = np.zeros((len(trials), WINDOW_SLOTS))
        self.final = np.zeros((len(trials), n_weights))
        self.queue = np.array(
            [0, len(trials), 0, kernel.lanes, n_in, table.given.shape[1], n_weights, n_in, 0],
            dtype=np.int64,
        )
        self.done = np.zeros(len(trials), dtype=np.int64)
        self.handed_out = 0
        self.arguments = self._memory(table, n_in)

    def _memory(self, table: Table, n_in: int) -> tuple[npt.NDArray[Any], ...]:
        """Return the arrays in the order of the compiled functions' arguments."""
        kernel, lanes, dtype = self.kernel, self.kernel.lanes, self.kernel.dtype
        gathered = max(-(-kernel.net.n_hidden // 8) * 8, kernel.n_dense)
        changed = -(-2 * kernel.net.n_cells // 4) * 4
        shared = kernel.output_records(n_in) * kernel.padded_outputs * lanes
        return (
            aligned(len(kernel.rows) * lanes, dtype),
            aligned(n_in * kernel.record["size"] * lanes if kernel.symbolic else 0, dtype),
            aligned(shared, dtype),
            aligned(shared if kernel.at_end else 0, dtype),
            aligned(2 * kernel.padded_outputs + 16 * (kernel.net.n_cells + 2), dtype),
            aligned(CHUNK * gathered * lanes, dtype),
            aligned(CHUNK * changed * lanes, dtype),
            np.zeros(lanes * (CHUNK + 1), dtype=np.int64),
            np.zeros(lanes * n_in, dtype=np.int32),
            np.zeros(lanes * len(LI), dtype=np.int64),
            np.zeros(lanes * len(LF)),
            table.whole.ravel(),
            table.real.ravel(),
            table.given.ravel(),
            self.final.ravel(),
            self.results.ravel(),
            self.curves.ravel(),
            table.codes,
            table.starts,
            table.possible,
            self.queue,
            self.done,
        )

    @property
    def at_work(self) -> bool:
        """Whether a trial is under way."""
        return bool(self.queue[3] > 0)

    def advance(self, steps: int) -> int:
        """Let all lanes take about so many steps; return how many they took."""
        return int(self.code.run(steps, *self.arguments))

    def ended(self) -> Iterator[tuple[int, Result]]:
        """Return the trials that have ended since this was last asked."""
        while self.handed_out < self.queue[2]:
            trial = int(self.done[self.handed_out])
            self.handed_out += 1
            yield trial, self._result(trial)

    def _result(self, trial: int) -> Result:
        row = dict(zip(RI, self.results[trial].tolist(), strict=True))
        n_weights = self.trials[trial].net.n_weights
        within = {x: row[f"tolerance_{i}"] for i, x in enumerate(TOLERANCES)}
        accuracy = {x: row[f"accuracy_{i}"] for i, x in enumerate(ACCURACIES)}
        return Result(
            ending=ENDINGS[row["ending"]],
            sequences=row["sequences"],
            presented=row["presented"],
            steps=row["steps"],
            errors=self.curves[trial, : row["n_windows"]].copy(),
            window=row["window"],
            added_at=tuple(row[f"added_{i}"] for i in range(8) if row[f"added_{i}"]),
            within={x: n for x, n in within.items() if n},
            accuracy={x: n for x, n in accuracy.items() if n},
            weights=self.final[trial, :n_weights].copy() if self.final.size else None,
        )


def run_trials(
    trials: Iterable[Trial],
    *,
    lanes: int | None = None,
    slice_seconds: float = 0.1,
    keep_weights: bool = False,
    on_compile: Callable[[str], None] | None = None,
) -> Iterator[tuple[int, Result]]:
    """Run trials and yield (number of the trial, how it ended) as they end.

    Between slices of time nothing is under way in compiled code: an interrupt takes effect
    there, and whoever stops iterating stops the trials.

    Parameters
    ----------
    lanes
        Trials side by side, 32 unless given. The bits of a trial do
        not depend on it.
    slice_seconds
        How long compiled code runs at a stretch.
    keep_weights
        Whether results hold the final weights.
    on_compile
        Called with a line of text when a loop has to be compiled, and with an empty one when
        it runs.

    Raises
    ------
    ValueError
        If the engine cannot run a trial (see `unsupported`).
    """
    as_number("slice_seconds", slice_seconds, above=0)
    groups: dict[Kernel, list[int]] = {}
    everything = list(trials)
    for i, trial in enumerate(everything):
        groups.setdefault(kernel_of(trial, lanes), []).append(i)
    for kernel, members in groups.items():
        loop = Loop(
            kernel,
            [everything[i] for i in members],
            keep_weights=keep_weights,
            on_compile=on_compile,
        )
        steps, tell = 1000, on_compile
        while loop.at_work:
            started = time.perf_counter()
            loop.advance(steps)
            took = time.perf_counter() - started
            if tell is not None:
                tell("")
                tell = None
            for member, result in loop.ended():
                yield members[member], result
            steps = int(np.clip(steps * slice_seconds / max(took, 1e-6), 100, 4 * steps))
