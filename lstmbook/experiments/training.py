"""A trial with the learner that it trained."""

from __future__ import annotations

import pickle
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from lstmbook.experiments import designs as published
from lstmbook.experiments.designs import Design
from lstmbook.experiments.runner import away_from_home
from lstmbook.experiments.store import Record, Store
from lstmbook.experiments.trials import DTYPES, OWN, Job, job, perform
from lstmbook.experiments.workers import travels
from lstmbook.protocols import Learner, Task, weights_of
from lstmbook.sequences import as_choice
from lstmbook.validation import as_count


@dataclass(frozen=True)
class TrainedTrial:
    """A trial and what it left.

    Attributes
    ----------
    record
        The trial, as the store keeps it.
    task
        Its task, with the criterion.
    learner
        The learner with the weights that the trial left it with: it predicts, and can learn on.

    Raises
    ------
    TypeError
        When it is pickled, if the learner cannot be.
    """

    record: Record
    task: Task = field(repr=False)
    learner: Learner = field(repr=False)

    @property
    def weights(self) -> dict[str, np.ndarray[Any, Any]]:
        """Copies of the learner's weights, by name: see `lstmbook.protocols.weights_of`."""
        return weights_of(self.learner)

    def __reduce__(self) -> tuple[Any, ...]:
        return _unpacked, (self.record, _packed(self.record, self.task, self.learner))


def _packed(record: Record, task: Task, learner: Learner) -> bytes:
    try:
        return pickle.dumps((task, learner))
    except Exception as error:  # whatever its parts raise
        raise TypeError(
            f"{record.experiment}: {type(learner).__name__} of seed {record.seed} cannot go to "
            f"another process, because pickle says: {error}; train it in this process, without an "
            "executor, or keep what it is made of in a module"
        ) from error


def _unpacked(record: Record, packed: bytes) -> TrainedTrial:
    return TrainedTrial(record, *pickle.loads(packed))


def train(
    design: str | Design,
    seed: int = 0,
    dtype: str = "float64",
    store: Path | str | Store | None = None,
    executor: Executor | None = None,
) -> TrainedTrial:
    """Run one trial and return it with its learner.

    A trial is defined by its design, dtype and seed, so that one that `run` has stored is run
    again with the same bits. That is why a store holds no learners: it stays a small file that
    any version reads and that runs no code when it is opened.

    Many at once, on an executor of processes: ``executor.map(partial(train, design), range(20))``.

    Parameters
    ----------
    design
        A design, or the name of a published row ("table2/q50-p50").
    seed, dtype
        As in `lstmbook.experiments.runner.run`.
    store
        If the trial stands there, what comes out now is compared with it; otherwise it is kept.
    executor
        Where to run it; in this process if None.

    Returns
    -------
    trained
        The record, equal to that of `run`, and the learner: one's own, or a readable one of the
        package. Of an LSTM trial in lanes that is `lstmbook.truncated_learning.LSTM` with the
        last weights, of a layered net its `build`; in float64 whatever the trial's dtype, without
        the schedule or construction that the trial may have had. What a layered net carries on
        beside weights begins anew: activations where it is not reset, the chunker's last steps, an
        echo state net's inverse.

    Raises
    ------
    TypeError
        If an argument is of the wrong kind, or the learner cannot come back from the executor.
    ValueError
        If a name is unknown, the design cannot go to the executor, or the trial in the store
        ended otherwise.
    """
    as_choice("dtype", dtype, DTYPES)
    if isinstance(design, str):
        design = published.design(design)
    if not isinstance(design, Design):
        raise TypeError(f"design is {design!r}; it must be a design or the name of a row")
    one = job(design, as_count("seed", seed, at_most=2**62), dtype)
    if executor is None:
        trained = _trained(one)
    else:
        if not isinstance(executor, Executor):
            raise TypeError(f"executor is {executor!r}; it must be one of concurrent.futures")
        if not isinstance(executor, ThreadPoolExecutor) and not travels(design):
            raise ValueError(away_from_home(design))
        trained = executor.submit(_trained, one).result()
    if store is not None:
        _keep(one, trained.record, store)
    return trained


def _trained(one: Job) -> TrainedTrial:
    """Run a trial here."""
    learners: list[Learner] = []
    (record,) = perform([one], keep=lambda _, learner: learners.append(learner))
    return TrainedTrial(record, one.design.task_of(one.seed), learners[0])


def _keep(one: Job, record: Record, store: Path | str | Store) -> None:
    """Keep a record, or compare it with the one that stands in the store."""
    if not isinstance(store, Store):
        with Store(store) as opened:
            _keep(one, record, opened)
        return
    for old in store.records(record.experiment):
        same = (old.options, old.engine, old.seed) == (record.options, record.engine, record.seed)
        if not same or (one.dtype != OWN and old.dtype != record.dtype):
            continue
        if _outcome(old) != _outcome(record):
            raise ValueError(
                f"{record.experiment} with seed {record.seed}: the trial in {store.path} ended "
                f"with {old.ending!r} ({old.sequences:,} sequences), now with {record.ending!r} "
                f"({record.sequences:,}), or by another error curve; the learner draws from "
                "something else than its rng, or calls code that has changed since (then give it "
                "another version)"
            )
        return
    store.add(record)


def _outcome(record: Record) -> tuple[Any, ...]:
    return record.ending, record.sequences, record.window, record.errors
