"""The results that come with the book: trials as text, one file a table, in the folder results/.

A file has a line for each design (what its options are) and one for each of its trials, sorted,
so that a difference between two versions can be read. `archive` loads all of them; `export` adds
a store's trials to them.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from lstmbook.experiments.designs import design, is_of_variants, table_names
from lstmbook.experiments.store import Record, Store, StoreError
from lstmbook.files import replace_text

DIGITS = 4
"""Significant digits of an error curve."""

OTHER = "other"
"""The file of designs that are of no published table."""

OF_DESIGN = ("experiment", "method", "options")
OF_TRIAL = tuple(each.name for each in fields(Record) if each.name not in OF_DESIGN)

Key = tuple[str, str, str, str, int]


def folder() -> Path:
    """Return the folder of the results: in the installed package, or in the clone.

    Raises
    ------
    FileNotFoundError
        If it is in neither.
    """
    package = Path(__file__).resolve().parents[1]
    inside, beside = package / "results", package.parent / "results"
    if inside.is_dir():
        return inside
    if beside.is_dir() and (package.parent / "pyproject.toml").is_file():
        return beside
    raise FileNotFoundError(
        f"the results that come with the book are neither in {inside} nor in {beside}; "
        "install the package anew, or get results/ back with git"
    )


def archive(place: Path | str | None = None) -> Store:
    """Return the results that come with the book, as a store in memory that cannot be written.

    Parameters
    ----------
    place
        Another folder of such files.

    Raises
    ------
    FileNotFoundError
        If there is no such folder.
    lstmbook.experiments.store.StoreError
        If a line of a file cannot be read; the message says which.
    """
    store = Store(":memory:")
    for path in _files(folder() if place is None else Path(place)):
        for record in read(path):
            store.add(record)
    store.protect()
    return store


def row_trials(name: str, store: Store) -> list[Record]:
    """Return the trials that a row of a table counts: of its design, not on seeds of variants.

    Parameters
    ----------
    name
        For example "table3/elman-15".
    store
        For example `archive()`.

    Raises
    ------
    ValueError
        If there is no such row, or the package cannot run it.
    """
    options, found = design(name).options, store.records(name)
    return [each for each in found if each.options == options and not is_of_variants(each.seed)]


def _files(place: Path) -> list[Path]:
    if not place.is_dir():
        raise FileNotFoundError(f"{place} is not a folder of results")
    return sorted(place.glob("*.jsonl"))


def read(path: Path) -> Iterator[Record]:
    """Yield the trials of a file.

    Raises
    ------
    lstmbook.experiments.store.StoreError
        If a line cannot be read.
    """
    designs: dict[str, dict[str, Any]] = {}
    for number, line in enumerate(_lines(path), start=1):
        try:
            kept = json.loads(line)
            if "options" in kept:
                kept["options"] = _text(kept["options"])
                designs[kept.pop("design")] = {name: kept[name] for name in OF_DESIGN}
                continue
            of_design = designs[kept.pop("design")]
            kept["errors"] = tuple(math.nan if e is None else float(e) for e in kept["errors"])
            record = Record(**of_design, **kept)
        except (KeyError, TypeError, ValueError) as error:
            raise StoreError(f"{path}, line {number} cannot be read: {error!r}") from error
        yield record


def _lines(path: Path) -> list[str]:
    """Return a file's lines; `str.splitlines` would also split at characters inside a text."""
    text = path.read_text(encoding="utf-8")
    return text.removesuffix("\n").split("\n") if text else []


def export(store: Store, place: Path | str) -> int:
    """Add a store's trials to the files of a folder; return how many were not there yet.

    The same trials always give the same files. A trial that stands there stays as it is.

    Raises
    ------
    ValueError
        If a trial stands there with another outcome: the same trial has to give the same bits,
        or the version of what runs it has to be raised.
    lstmbook.experiments.store.StoreError
        If the store or a file cannot be read.
    """
    place = Path(place)
    place.mkdir(parents=True, exist_ok=True)
    known = {_key(each): each for path in _files(place) for each in read(path)}
    before = len(known)
    for record in store.records():
        mine = rounded(record)
        theirs = known.setdefault(_key(mine), mine)
        if _outcome(theirs) != _outcome(mine):
            raise ValueError(
                f"{mine.experiment}, seed {mine.seed} ({mine.dtype}, {mine.engine}) stands in "
                f"{place} with another outcome: {theirs.ending} after {theirs.sequences}, "
                f"here {mine.ending} after {mine.sequences}"
            )
    of_file: dict[str, list[Record]] = {}
    for record in known.values():
        name = record.experiment.partition("/")[0]
        of_file.setdefault(name if name in table_names() else OTHER, []).append(record)
    for name, records in of_file.items():
        replace_text(place / f"{name}.jsonl", "".join(f"{line}\n" for line in lines(records)))
    return len(known) - before


def lines(records: Iterable[Record]) -> Iterator[str]:
    """Yield the lines of a file: a design, then its trials; sorted."""
    told = ""
    for record in sorted(records, key=_key):
        name = hashlib.sha256(f"{record.experiment}\0{record.options}".encode()).hexdigest()[:10]
        if name != told:
            options = json.loads(record.options)
            head = {"experiment": record.experiment, "method": record.method, "options": options}
            yield json.dumps({"design": name, **head}, ensure_ascii=False)
            told = name
        trial = {each: getattr(record, each) for each in OF_TRIAL}
        trial["errors"] = [None if math.isnan(each) else each for each in record.errors]
        yield json.dumps({"design": name, **trial}, ensure_ascii=False)


def rounded(record: Record) -> Record:
    """Return a trial as a file keeps it: its error curve and its time at a few digits.

    The many trials of variants are kept without curves.
    """
    curve = tuple(float(f"{each:.{DIGITS}g}") for each in record.errors)
    curve = () if is_of_variants(record.seed) else curve
    return replace(record, errors=curve, seconds=float(f"{record.seconds:.3g}"))


def _key(record: Record) -> Key:
    return (record.experiment, record.options, record.dtype, record.engine, record.seed)


def _outcome(record: Record) -> tuple[Any, ...]:
    return (record.ending, record.sequences, record.presented, record.steps)


def _text(options: Any) -> str:
    """Return options as `lstmbook.experiments.options.canonical` writes them."""
    return json.dumps(options, sort_keys=True, separators=(",", ":"), allow_nan=False)
