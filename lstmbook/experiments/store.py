"""Where results are kept: one SQLite file, one row a trial, written as trials end.

A trial is known by (experiment, options, dtype, seed) and by what ran it: the engine's version.
The dtype of one's own learner is what it computed in; it follows from the options, so that a trial
is found again by them alone.
Results of different versions stand side by side and are never taken for one another. Every write
is a transaction of its own, so that a process may be killed at any moment.
"""

from __future__ import annotations

import json
import sqlite3
import threading
import time
import weakref
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from pathlib import Path
from types import TracebackType
from typing import Any

APPLICATION = 0x4C53544D  # "LSTM"
VERSION = 1

PATIENCE = 60.0
"""Seconds to wait for another process that is at the store."""

SCHEMA = """
CREATE TABLE designs (
    id INTEGER PRIMARY KEY,
    experiment TEXT NOT NULL,
    options TEXT NOT NULL,
    method TEXT NOT NULL,
    UNIQUE (experiment, options)
);
CREATE TABLE trials (
    design INTEGER NOT NULL REFERENCES designs (id),
    dtype TEXT NOT NULL,
    seed INTEGER NOT NULL,
    engine TEXT NOT NULL,
    ending TEXT NOT NULL CHECK (ending IN ('success', 'cap', 'diverged')),
    sequences INTEGER NOT NULL CHECK (sequences >= 1),
    presented INTEGER,
    steps INTEGER,
    window INTEGER NOT NULL,
    errors TEXT NOT NULL,
    milestones TEXT NOT NULL,
    seconds REAL NOT NULL,
    ended TEXT NOT NULL,
    made_with TEXT NOT NULL,
    PRIMARY KEY (design, dtype, seed, engine)
);
"""


class StoreError(Exception):
    """A file that is not a store of results, or not one that can be used."""


@dataclass(frozen=True)
class Record:
    """One trial as it is kept.

    Attributes
    ----------
    experiment, options, dtype, seed
        What defines the trial: see `lstmbook.experiments.designs.Design`.
    engine
        What ran it, with its version.
    method
        What tables call the learner.
    ending, sequences
        As in `lstmbook.protocols.Outcome`.
    presented, steps
        Sequences and time steps learned from, where they are known.
    window, errors
        Mean loss of each full window of so many sequences.
    milestones
        Numbers of sequences after which something had been learned, by name.
    seconds
        Wall-clock time from the start of the trial (or of the trials that ran beside it) to its
        end.
    ended
        When it ended, UTC.
    made_with
        Versions of the package, Python, NumPy and Numba, the machine, and what one's own
        learner says it was made with.
    """

    experiment: str
    options: str
    dtype: str
    seed: int
    engine: str
    method: str
    ending: str
    sequences: int
    presented: int | None = None
    steps: int | None = None
    window: int = 100
    errors: tuple[float, ...] = field(default=(), repr=False)
    milestones: dict[str, Any] = field(default_factory=dict)
    seconds: float = field(default=0.0, compare=False)
    ended: str = field(default="", compare=False)
    made_with: str = field(default="", compare=False)

    @property
    def success(self) -> bool:
        """Whether the criterion was met."""
        return self.ending == "success"


COLUMNS = tuple(each.name for each in fields(Record))


def _check(path: Path) -> None:
    """Raise an error unless the file is a whole store of this version; change nothing."""
    advice = "nothing was written to it; move it away, or name another store"
    try:
        with open(path, "rb") as file:
            head = file.read(16)
    except OSError as error:
        raise StoreError(f"{path} cannot be read: {error.strerror}") from error
    if head != b"SQLite format 3\0":
        raise StoreError(f"{path} is not a store of results, or its beginning is lost; {advice}")
    # a read-only connection never writes a log back into a file that may be damaged
    connection = sqlite3.connect(
        f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=PATIENCE, isolation_level=None
    )
    try:
        # all from one moment, for another process may be making the store
        connection.execute("BEGIN")
        application = connection.execute("PRAGMA application_id").fetchone()[0]
        version = connection.execute("PRAGMA user_version").fetchone()[0]
        if application == APPLICATION and version > VERSION:
            raise StoreError(
                f"{path} was written by a newer version of lstmbook (format {version}; this one "
                f"reads {VERSION}); update lstmbook, or name another store"
            )
        problems = [row[0] for row in connection.execute("PRAGMA integrity_check")]
        holds = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    except sqlite3.DatabaseError as error:
        raise StoreError(f"{path} is damaged ({error}); {advice}") from error
    finally:
        connection.close()
    if problems != ["ok"]:
        raise StoreError(f"{path} is damaged ({problems[0]}); {advice}")
    # one that holds nothing was left by a process killed while it made the store
    if (application != APPLICATION or version < 1) and (holds or application or version):
        raise StoreError(f"{path} is a database of something else; {advice}")


class Store:
    """An open store; a context manager.

    Parameters
    ----------
    path
        The file; made if there is none.

    Raises
    ------
    StoreError
        If the file is something else, damaged, or of a newer version. It is left as it is.
    """

    def __init__(self, path: Path | str) -> None:
        self.path = Path(path)
        self._using = threading.RLock()
        if self.path.exists() and self.path.stat().st_size:
            _check(self.path)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(
                self.path,
                timeout=PATIENCE,
                isolation_level=None,
                # JupyterLab answers an explorable in another thread than the one that ran its cell
                check_same_thread=sqlite3.threadsafety < 3,
            )
            # a store that nobody closes, such as one in memory that was only looked at
            self._close = weakref.finalize(self, self._connection.close)
            self._write_ahead()
            self._execute("PRAGMA synchronous = FULL")
            self._execute("PRAGMA foreign_keys = ON")
            self._make()
        except (OSError, sqlite3.OperationalError) as error:
            raise StoreError(f"{self.path} cannot be opened: {error}") from error

    def _execute(self, command: str, values: tuple[Any, ...] = ()) -> sqlite3.Cursor:
        try:
            return self._connection.execute(command, values)
        except sqlite3.IntegrityError:
            raise
        except sqlite3.OperationalError as error:  # locked for long, no space left, read-only
            raise StoreError(f"{self.path} cannot be used: {error}") from error
        except sqlite3.DatabaseError as error:
            raise StoreError(f"{self.path} is damaged ({error})") from error

    def _rows(self, command: str, values: tuple[Any, ...] = ()) -> list[Any]:
        """Return all rows that a command finds: two threads must not share its statement."""
        with self._using:
            return self._execute(command, values).fetchall()

    def _write_ahead(self) -> None:
        """Have writers add to a log; wait for others that make the same store (SQLite does not)."""
        until = time.monotonic() + PATIENCE
        while True:
            try:
                self._connection.execute("PRAGMA journal_mode = WAL")
                return
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or time.monotonic() > until:
                    raise
            time.sleep(0.01)

    def _make(self) -> None:
        """Make the tables in one transaction, unless another process has."""
        self._execute("BEGIN IMMEDIATE")
        if self._execute("PRAGMA user_version").fetchone()[0] == 0:
            for command in SCHEMA.split(";"):
                if command.strip():
                    self._execute(command)
            self._execute(f"PRAGMA application_id = {APPLICATION}")
            self._execute(f"PRAGMA user_version = {VERSION}")
        self._execute("COMMIT")

    def __enter__(self) -> Store:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def protect(self) -> None:
        """Let nothing be written through this store from now on."""
        self._execute("PRAGMA query_only = ON")

    def close(self) -> None:
        """Close the file."""
        self._close()

    def add(self, record: Record) -> bool:
        """Write a trial, at once and for good; return False if it stands there already.

        Raises
        ------
        ValueError
            If the record is impossible, such as an ending that there is not.
        StoreError
            If the file cannot be written.
        """
        with self._using:  # one connection has one transaction at a time
            return self._add(record)

    def _add(self, record: Record) -> bool:
        self._execute("BEGIN IMMEDIATE")
        try:
            self._execute(
                "INSERT INTO designs (experiment, options, method) VALUES (?, ?, ?) "
                "ON CONFLICT DO NOTHING",
                (record.experiment, record.options, record.method),
            )
            design = self._execute(
                "SELECT id FROM designs WHERE experiment = ? AND options = ?",
                (record.experiment, record.options),
            ).fetchone()[0]
            values = (
                *(design, record.dtype, record.seed, record.engine),
                *(record.ending, record.sequences, record.presented, record.steps),
                *(record.window, json.dumps(record.errors), json.dumps(record.milestones)),
                *(record.seconds, record.ended, record.made_with),
            )
            marks = ", ".join("?" * len(values))
            cursor = self._execute(
                f"INSERT INTO trials VALUES ({marks}) ON CONFLICT DO NOTHING", values
            )
        except sqlite3.IntegrityError as error:
            self._connection.rollback()
            raise ValueError(f"record cannot be kept ({error}): {record}") from error
        except BaseException:
            self._connection.rollback()
            raise
        self._execute("COMMIT")
        return cursor.rowcount == 1

    def seeds(self, experiment: str, options: str, dtype: str | None, engine: str) -> set[int]:
        """Return the seeds of the trials that have ended, of any dtype if that is None."""
        found = self._rows(
            "SELECT seed FROM trials JOIN designs ON design = id "
            "WHERE experiment = ? AND options = ? AND (? IS NULL OR dtype = ?) AND engine = ?",
            (experiment, options, dtype, dtype, engine),
        )
        return {row[0] for row in found}

    def records(self, experiment: str | None = None) -> Iterator[Record]:
        """Return the trials of an experiment, or all: by options, dtype, engine and seed.

        Raises
        ------
        StoreError
            If a row cannot be read.
        """
        found = self._rows(
            f"SELECT {', '.join(COLUMNS)} FROM trials JOIN designs ON design = id "
            "WHERE ? IS NULL OR experiment = ? "
            "ORDER BY experiment, options, dtype, engine, seed",
            (experiment, experiment),
        )
        for row in found:
            kept = dict(zip(COLUMNS, row, strict=True))
            try:
                kept["errors"] = tuple(json.loads(kept["errors"]))
                kept["milestones"] = dict(json.loads(kept["milestones"]))
            except (TypeError, ValueError) as error:
                place = f"trial {kept['experiment']}, seed {kept['seed']}"
                raise StoreError(f"{self.path} is damaged: {place}") from error
            yield Record(**kept)

    def count(self) -> int:
        """Return the number of trials."""
        return int(self._rows("SELECT count(*) FROM trials")[0][0])
