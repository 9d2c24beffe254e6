"""Units of work, and the processes of our own that do them and end with us."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import threading
import traceback
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, cast

from lstmbook.experiments.designs import Design
from lstmbook.experiments.store import Record, Store
from lstmbook.experiments.trials import Job, perform


@dataclass(frozen=True)
class Unit:
    """Trials that go to a worker together.

    Attributes
    ----------
    jobs
        The trials.
    store
        The file into which the worker writes each as it ends; None: it returns them.
    cost
        Expected steps.
    """

    jobs: tuple[Job, ...]
    store: Path | None = None
    cost: float = field(default=0.0, compare=False)


@dataclass(frozen=True)
class Ended:
    """What comes back from a worker.

    Attributes
    ----------
    records
        The trials that have ended and were not written to a store.
    error
        What ended the work before its last trial, if anything did.
    """

    records: tuple[Record, ...] = ()
    error: Exception | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        return Ended, (self.records, self.error and _portable(self.error))


def _portable(error: Exception) -> Exception:
    """Return an error that another process can read, with its traceback as a note."""
    trace = "".join(traceback.format_exception(error))
    try:
        copy = pickle.loads(pickle.dumps(error))
    except Exception:  # as of a class that wants more arguments than its text
        copy = RuntimeError(f"{type(error).__name__}: {error}")
    copy.add_note(f"in a worker:\n{trace}")
    return cast(Exception, copy)


def work(unit: Unit) -> Ended:
    """Do a unit of work: run its trials; return those that were not written to a store."""
    records: list[Record] = []
    try:
        if unit.store is None:
            for record in perform(unit.jobs):
                records.append(record)
        else:
            with Store(unit.store) as store:
                for record in perform(unit.jobs):
                    store.add(record)
    except Exception as error:  # of a learner, or of the store
        return Ended(tuple(records), error)
    return Ended(tuple(records))


def travels(design: Design) -> bool:
    """Return whether another process can be given a design: its classes can be imported."""
    try:
        return b"__main__" not in pickle.dumps(design)
    except (pickle.PicklingError, AttributeError, TypeError):
        return False


@contextmanager
def interrupts_ignored() -> Iterator[None]:
    """Ignore interrupts meanwhile, if this is the main thread; what is started inherits it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        if before is not None:
            signal.signal(signal.SIGINT, before)


@contextmanager
def processes(n: int) -> Iterator[ProcessPoolExecutor]:
    """Keep processes of our own: they end when this is left in haste, or when we are killed.

    Each watches a pipe that only this process writes to, and leaves when there is a word in it
    (which nobody reads, so that all see it) or it is closed. No answer is waited for: a dead
    worker would never give it.
    """
    context = multiprocessing.get_context("spawn")
    reader, writer = context.Pipe(duplex=False)
    pool = ProcessPoolExecutor(n, mp_context=context, initializer=_start, initargs=(reader,))
    try:
        yield pool
    except BaseException:
        writer.send_bytes(b"leave")
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
        writer.close()
        reader.close()


def _start(parent: Connection) -> None:
    """Prepare a worker: an interrupt is the parent's business."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_watch, args=(parent,), daemon=True).start()


def _watch(parent: Connection) -> None:
    """End this worker at once when the parent says so, or is gone.

    Safe at any moment: what has been written to the store is whole.
    """
    with suppress(OSError):  # Windows tells so that the other end is closed
        parent.poll(None)
    os._exit(1)
