"""The lines of a report: what the trials of a published row came to.

Also which trials have a line together, which of them are left out, and how lines are named so
that they can be told apart.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec

from lstmbook.experiments.designs import (
    REPORT_SEED,
    VARIANT_SEED,
    Published,
    Row,
    is_of_variants,
)
from lstmbook.experiments.options import changes
from lstmbook.experiments.statistics import (
    Milestone,
    Summary,
    kinds,
    milestones,
    summarize,
    verdict,
)
from lstmbook.experiments.store import Record
from lstmbook.experiments.trials import BEFORE, EPOCHS, LANES, REFERENCE, job


@dataclass(frozen=True)
class Line:
    """A row of results: what is published, and what some trials of one design came to.

    Attributes
    ----------
    id, method, labels
        The row, the learner, and the values of the table's columns.
    source, published
        Where the row is printed, and what.
    ours
        The summary of the trials, or None if there are none.
    cap
        Sequences after which a trial ended, if known.
    dtype, engine, seeds
        Of the trials.
    changed
        What differs from the options of the published row's design: name to "value (not other)".
    note
        Why there are no trials, where the row cannot be run.
    milestones
        How many trials had learned something by when, where that was kept.
    noted
        The kinds of milestones that were kept, reached or not.
    table_cap
        The cap of the rows of the published table that have none of their own.
    """

    id: str
    method: str
    labels: tuple[str, ...]
    source: str
    published: Published
    ours: Summary | None
    cap: int | None
    dtype: str = ""
    engine: str = ""
    seeds: str = ""
    changed: tuple[tuple[str, str], ...] = ()
    note: str = ""
    milestones: tuple[Milestone, ...] = ()
    noted: tuple[str, ...] = ()
    table_cap: int | None = None

    @property
    def word(self) -> str:
        """The verdict, one of `lstmbook.experiments.statistics.VERDICTS`."""
        return verdict(self.published, self.ours)

    @property
    def verdict(self) -> str:
        """The verdict; for trials that were capped or diverged it says so.

        A cap below the table's may be what decides; it says that too.
        """
        ours = self.ours
        if ours is None:
            return self.note or self.word
        asides = []
        if ours.capped:
            aside = f"{ours.capped} of {ours.trials} capped at {self.cap:,}"
            if self.cap is not None and self.table_cap is not None and self.cap < self.table_cap:
                aside += f", the table's cap is {self.table_cap:,}: our lower cap may decide"
            asides.append(aside)
        if ours.diverged:
            asides.append(f"{ours.diverged} of {ours.trials} diverged")
        return f"{self.word} ({'; '.join(asides)})" if asides else self.word


def lines_of(row: Row, records: list[Record], asked: set[str]) -> list[Line]:
    """Return a row's lines; one without results if its own design, or all asked for, have none."""
    groups: dict[tuple[str, str, str, bool], list[Record]] = {}
    for each in records:
        key = (each.options, each.dtype, each.engine, is_of_variants(each.seed))
        groups.setdefault(key, []).append(each)
    members = sorted(groups.values(), key=lambda group: _rank(row, group[0]))
    lines = _told_apart([(line(row, group), group[0].options) for group in members])
    if not lines or (not asked and all(each.changed for each in lines)):
        cap = row.design.max_sequences if row.design else None
        empty = Line(
            *(row.id, row.method, row.labels, row.source, row.published, None, cap),
            note=row.missing,
            table_cap=row.table_cap,
        )
        lines.insert(0, empty)
    return lines


def line(row: Row, members: list[Record]) -> Line:
    """Return a row's line for some trials of one design, dtype and engine."""
    first = members[0]
    changed: tuple[tuple[str, str], ...] = ()
    if row.design is not None and first.options != row.design.options:
        changed = tuple(_shown_changes(first, row.design.options))
    return Line(
        id=row.id,
        method=first.method,
        labels=row.labels,
        source=row.source,
        published=row.published,
        ours=summarize([e.ending for e in members], [e.sequences for e in members]),
        cap=json.loads(first.options)["max_sequences"],
        dtype=first.dtype,
        engine=first.engine,
        seeds=_ranges([e.seed for e in members]),
        changed=changed,
        milestones=milestones([each.milestones for each in members]),
        noted=kinds([each.milestones for each in members]),
        table_cap=row.table_cap,
    )


def names(lines: Sequence[Line]) -> list[str]:
    """Return the lines' names: the row's, what differs from it, and what tells equal ones apart."""
    found = [
        line.id + "".join(f" {name} {value}" for name, value in line.changed) for line in lines
    ]
    return [
        name + (f" ({made(line)})" if found.count(name) > 1 else "")
        for name, line in zip(found, lines, strict=True)
    ]


def made(line: Line) -> str:
    """Return what made a line's trials, in words."""
    return f"{line.dtype}, {line.engine}, seeds {line.seeds}"


def _rank(row: Row, record: Record) -> tuple[bool, str, str, str]:
    """Return what a row's lines are sorted by: the published row's own design comes first."""
    other = row.design is None or record.options != row.design.options
    return other, record.method, record.dtype, record.engine


def why_left_out(row: Row, record: Record, asked: set[str], current: set[tuple[str, str]]) -> str:
    """Return why a trial is not shown; nothing where it is.

    Shown are the row's design, one that was asked for, and own learners.

    Parameters
    ----------
    current
        As `current_versions` has it for the row.
    """
    if row.design is not None and record.options == row.design.options:
        if is_of_variants(record.seed):
            return f"on the seeds of variants ({VARIANT_SEED} to {REPORT_SEED - 1})"
        known = (record.dtype, record.engine) in current
        return "" if known else "of another version of what runs them"
    own = json.loads(record.options)["learner"].get("is") == "OwnLearner"
    return "" if own or record.options in asked else "with other options"


def current_versions(row: Row, records: list[Record]) -> set[tuple[str, str]]:
    """Return of what dtype and version the trials of a row's design are that are shown.

    That is what runs the design now (without Numba the reference, and what was compiled elsewhere
    too); for want of such trials, what ran it before.
    """
    if row.design is None:
        return set()
    own = {
        (each.dtype, each.engine)
        for each in records
        if each.options == row.design.options and not is_of_variants(each.seed)
    }
    found = set()
    for dtype in {dtype for dtype, _ in own}:
        now = (
            {job(row.design, 0, dtype).engine} if find_spec("numba") else {REFERENCE, EPOCHS, LANES}
        )
        of_now = {(dtype, each) for each in now}
        found |= of_now if own & of_now else {(dtype, old) for each in now for old in BEFORE[each]}
    return found


def _told_apart(found: list[tuple[Line, str]]) -> list[Line]:
    """Return lines, each given with its options; own learners of one name with their versions."""
    lines = []
    for each, options in found:
        alike = (each.method, each.changed)
        twins = {other for line, other in found if (line.method, line.changed) == alike}
        mine, theirs = _code(options), [_code(other) for other in twins]
        more = [
            (name, _shortened(mine[name], {other[name] for other in theirs}))
            for name in mine
            if len({other[name] for other in theirs}) > 1
        ]
        # the source is what a version stands for where none was given
        if len({(other["make"], other["version"]) for other in theirs}) == len(twins):
            more = [pair for pair in more if pair[0] != "source"]
        lines.append(replace(each, changed=(*each.changed, *more)))
    return lines


def _code(options: str) -> dict[str, str]:
    """Return what says which code an own learner has; of other learners nothing."""
    learner = json.loads(options)["learner"]
    place, _, source = str(learner.get("make", "")).partition(" source ")
    return {"make": place, "version": str(learner.get("version", "")), "source": source}


def _shortened(version: str, versions: set[str]) -> str:
    """Return a version; of the digest of a source as much as tells it from others."""
    for end in range(len("source ") + 7, len(version)):
        if version.startswith("source ") and len({each[:end] for each in versions}) == len(
            versions
        ):
            return version[:end]
    return version


def _shown_changes(record: Record, published: str) -> Iterator[tuple[str, str]]:
    """Yield what differs; of an own learner its settings, task and cap, since all else does."""
    mine = json.loads(record.options)["learner"]
    own = mine.get("is") != json.loads(published)["learner"].get("is")
    for name, value in changes(record.options, published).items():
        if not (own and name.startswith("learner.")):
            yield name, value
    if own:
        yield "learner", record.method
        for name, value in mine.get("settings", []):
            yield name, json.dumps(value)


def _ranges(seeds: list[int]) -> str:
    """Return seeds as text: "0-19, 40"."""
    parts: list[list[int]] = []
    for seed in sorted(seeds):
        if parts and seed == parts[-1][1] + 1:
            parts[-1][1] = seed
        else:
            parts.append([seed, seed])
    return ", ".join(f"{a}-{b}" if a != b else str(a) for a, b in parts)
