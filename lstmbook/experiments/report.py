"""Published beside ours: a table of results as text, Markdown, CSV, a DataFrame, a figure."""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lstmbook.experiments.designs import (
    REPORT_SEED,
    VARIANT_SEED,
    Design,
    Published,
    PublishedTable,
    Row,
    is_of_variants,
    table,
)
from lstmbook.experiments.layout import (
    Entry,
    aligned,
    as_html,
    escaped,
    filled,
    fitted,
    listed,
    piped,
)
from lstmbook.experiments.options import changes
from lstmbook.experiments.statistics import (
    Interval,
    Milestone,
    Summary,
    in_order,
    kind,
    kinds,
    milestones,
    summarize,
    verdict,
)
from lstmbook.experiments.store import Record, Store
from lstmbook.experiments.trials import NETS, REFERENCE, job

if TYPE_CHECKING:
    from lstmbook.explore.pictures import Plot

CAPTION = (
    "Success: share of successful trials [95 % Wilson interval]. Mean, median: sequences to "
    "success, over successful trials [95 % bootstrap interval]. Reproduced: the published mean "
    "and share lie in our intervals; same order: the mean within a factor 2 and the intervals of "
    "the shares overlap; differs: otherwise. What is not printed is not compared; the spread of "
    "the published counts is not known."
)


READABLE = 100
"""Characters a line of running text has at most, however wide the terminal."""

MEANINGS = {
    "right": "Right: the first window of 100 sequences of which that share was right",
    "strings predicted": "strings predicted: that share of the strings of both sets, when the "
    "criterion was tried",
    "second symbols remembered": "second symbols remembered: in that share of these strings the "
    "right one of T and P was the more active before the last symbol but one (half is guessing)",
    "errors": "errors below x: the first of 100 successive sequences with all errors below x",
}
"""What the milestones of a kind are."""


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
                aside += f", the table's cap is {self.table_cap:,}: ours may decide"
            asides.append(aside)
        if ours.diverged:
            asides.append(f"{ours.diverged} of {ours.trials} diverged")
        return f"{self.word} ({'; '.join(asides)})" if asides else self.word


@dataclass(frozen=True)
class Report:
    """A table of results, published beside ours.

    It shows itself in a notebook; ``str(report)`` is its text.

    Attributes
    ----------
    title, source
        Of the published table.
    columns
        The names of the columns before the results: method and labels.
    lines
        The rows.
    notes
        What the store has besides.
    """

    title: str
    source: str
    columns: tuple[str, ...]
    lines: tuple[Line, ...]
    notes: tuple[str, ...] = ()

    @property
    def header(self) -> list[str]:
        """The names of the columns, as text and Markdown have them."""
        ours = ["trials", "success", "mean", "median", "verdict"]
        return ["row", *self.columns, "published", *ours]

    @property
    def made_by(self) -> tuple[str, ...]:
        """What computed the trials: dtype and engine, each combination once."""
        found = {f"{line.dtype}, {line.engine}" for line in self.lines if line.ours}
        return tuple(sorted(found))

    @property
    def remarks(self) -> tuple[str, ...]:
        """What stands below the table: how to read it, what computed it, and the notes."""
        by = (f"Computed in {'; '.join(self.made_by)}.",) if self.made_by else ()
        return (CAPTION, *by, *self.notes)

    def cells(self) -> list[list[str]]:
        """Return the rows' cells as text and Markdown have them."""
        return [
            [
                name,
                line.method,
                *line.labels,
                _printed(line.published),
                str(line.ours.trials) if line.ours else "",
                *(_ours(line.ours) if line.ours else ("", "", "")),
                line.verdict,
            ]
            for name, line in zip(names(self.lines), self.lines, strict=True)
        ]

    def text(self, width: int | None = None) -> str:
        """Return the report as plain text, in lines of some width if one is given.

        Then cells are broken into lines; where that is not enough, or takes more lines, a row is a
        list of its own.
        """
        rows = [self.header, *self.cells()]
        numbers = range(1 + len(self.columns), len(self.header) - 1)
        title = f"{self.title} ({self.source})"
        entries = [self._entry(row) for row in rows[1:]]
        return _as_text(title, rows, numbers, entries, self.remarks, width)

    def _entry(self, row: list[str]) -> Entry:
        """Return a row's cells as a head and what stands below it."""
        _, method, *labels, published, _, success, mean, median, verdict = row
        told = [f"{n} {v}" for n, v in zip(self.columns[1:], labels, strict=True) if v]
        details = [(self.columns[0], [method, *told]), ("published", [published])]
        if success:
            counts = (("mean", mean), ("median", median))
            details.append(("ours", [success, *(f"{n} {v}" for n, v in counts if v != "none")]))
        return row[0], [*details, ("verdict", [verdict])]

    def markdown(self) -> str:
        """Return the report as Markdown."""
        below = [f"\n{remark}" for remark in self.remarks]
        head = f"**{escaped(self.title)}** ({escaped(self.source)})"
        return "\n".join([head, "", *piped([self.header, *self.cells()]), *below])

    def milestones(self) -> Milestones:
        """Return when the trials had learned something short of the criterion."""
        return Milestones(self.title, self.lines)

    def rows(self) -> list[dict[str, Any]]:
        """Return the rows as numbers: one mapping each, the same names in all."""
        rows = [_numbers(self.columns, line) for line in self.lines]
        for row, line in zip(rows, self.lines, strict=True):
            reached = {each.name: each.median for each in line.milestones}
            row |= {f"median to {name}": reached.get(name) for name in self.milestones().names}
        return rows

    def csv(self) -> str:
        """Return the rows as comma-separated values; empty where there is none."""
        rows = self.rows()
        buffer = io.StringIO()
        writer = csv.DictWriter(buffer, list(rows[0]) if rows else ["row"], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        return buffer.getvalue()

    def frame(self) -> Any:
        """Return the rows as a pandas DataFrame.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        try:
            import pandas  # type: ignore[import-untyped,unused-ignore]
        except ImportError as error:
            raise ImportError(
                "a DataFrame needs pandas, which is not installed: pip install pandas "
                "(without it: rows(), csv(), markdown(), text())"
            ) from error
        return pandas.DataFrame(self.rows())

    def figure(self) -> Plot:
        """Return a figure: published and measured mean of each row, with intervals."""
        from lstmbook.experiments.figure import draw

        return draw(self)

    def __str__(self) -> str:
        return self.text()

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(str(self))

    def _repr_html_(self) -> str:
        numbers = range(1 + len(self.columns), len(self.header) - 1)
        title = f"{self.title} ({self.source})"
        return as_html(title, [self.header, *self.cells()], numbers, self.remarks)


@dataclass(frozen=True)
class Milestones:
    """When trials had learned something short of the criterion: a table that shows itself.

    A stopping count depends on the last errors that a criterion happens to meet; these do not.

    Attributes
    ----------
    title
        Of the published table.
    lines
        The rows of the report.
    """

    title: str
    lines: tuple[Line, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The milestones that some trial had reached: by kind, the easier ones first."""
        return in_order(each.name for line in self.lines for each in line.milestones)

    def cells(self) -> list[list[str]]:
        """Return the cells: of each row with milestones its name, then one cell a milestone.

        "none" where no trial came so far, nothing where the kind of milestone was not kept.
        """
        rows = []
        for row, line in zip(names(self.lines), self.lines, strict=True):
            if line.milestones:
                reached = {each.name: _milestone(each, line) for each in line.milestones}
                lacking = {name: "none" for name in self.names if kind(name) in line.noted}
                rows.append([row, *((lacking | reached).get(name, "") for name in self.names)])
        return rows

    @property
    def remark(self) -> str:
        """How to read the table."""
        shown = {kind(name) for name in self.names}
        meanings = "; ".join(text for each, text in MEANINGS.items() if each in shown)
        return (
            "Median number of sequences after which a trial had come so far, over the trials that "
            "did (how many of how many, where not all). None: no trial came so far; empty: "
            f"milestones of this kind were not kept of the row's trials. {meanings}."
        )

    def text(self, width: int | None = None) -> str:
        """Return the table as plain text, in lines of some width if one is given."""
        rows = [["row", *self.names], *self.cells()]
        numbers = range(1, 1 + len(self.names))
        entries = [self._entry(row) for row in rows[1:]]
        return _as_text(f"{self.title}: milestones", rows, numbers, entries, [self.remark], width)

    def _entry(self, row: list[str]) -> Entry:
        """Return a row's cells as a head and, below it, a line for each kind of milestone."""
        of_kind: dict[str, list[str]] = {}
        for name, cell in zip(self.names, row[1:], strict=True):
            if cell:
                short = name.replace(kind(name), "").replace(" of ", "").strip() or name
                of_kind.setdefault(kind(name), []).append(f"{short}: {cell}")
        return row[0], list(of_kind.items())

    def markdown(self) -> str:
        """Return the table as Markdown."""
        body = piped([["row", *self.names], *self.cells()])
        return "\n".join([f"**{escaped(self.title)}: milestones**", "", *body, "", self.remark])

    def __str__(self) -> str:
        return self.text()

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        printer.text(str(self))

    def _repr_html_(self) -> str:
        rows = [["row", *self.names], *self.cells()]
        numbers = range(1, 1 + len(self.names))
        return as_html(f"{self.title}: milestones", rows, numbers, [self.remark])


def _milestone(each: Milestone, line: Line) -> str:
    trials = line.ours.trials if line.ours else 0
    return f"{each.median:,.0f}" + (f" ({each.trials}/{trials})" if each.trials < trials else "")


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


def _as_text(
    title: str,
    rows: list[list[str]],
    numbers: Iterable[int],
    entries: list[Entry],
    remarks: Iterable[str],
    width: int | None,
) -> str:
    """Return a table with its title and remarks: as wide as it is, or within a width."""
    if width is None:
        body = aligned(rows, numbers)
    else:
        body = listed(entries, width)
        table = fitted(rows, numbers, width)
        if table is not None and len(table) <= len(body):  # not one of towers of words
            body = table
    below = [filled(each, None if width is None else min(width, READABLE)) for each in remarks]
    return "\n".join([filled(title, width), "", *body, "", *below])


def _printed(published: Published) -> str:
    parts = []
    if published.success is not None:
        parts.append(f"{published.success:.0%}")
    if published.sequences is not None:
        parts.append(f"{published.sequences:,.0f}")
    if published.more_than is not None:
        parts.append(f"> {published.more_than:,}")
    return ", ".join(parts) or "none"


def _ours(ours: Summary) -> tuple[str, str, str]:
    low, high = ours.success_interval
    success = f"{ours.successes}/{ours.trials} [{100 * low:.0f}, {100 * high:.0f} %]"
    return (
        success,
        _with_interval(ours.mean, ours.mean_interval),
        _with_interval(ours.median, ours.median_interval),
    )


def _with_interval(value: float | None, interval: Interval | None) -> str:
    if value is None or interval is None:
        return "none"
    return f"{value:,.0f} [{interval[0]:,.0f}, {interval[1]:,.0f}]"


def _numbers(columns: tuple[str, ...], line: Line) -> dict[str, Any]:
    ours = line.ours
    labels = dict(zip(columns, (line.method, *line.labels), strict=True))
    found: dict[str, Any] = {
        "row": line.id,
        **labels,
        "source": line.source,
        "published success": line.published.success,
        "published sequences": line.published.sequences,
        "published more than": line.published.more_than,
        "published trials": line.published.trials,
        "trials": ours.trials if ours else 0,
        "successes": ours.successes if ours else None,
        "capped": ours.capped if ours else None,
        "diverged": ours.diverged if ours else None,
        "cap": line.cap,
        "success": ours.success if ours else None,
    }
    for name in ("success", "mean", "median"):
        if name != "success":
            found[name] = getattr(ours, name) if ours else None
        interval = getattr(ours, f"{name}_interval") if ours else None
        found[f"{name} low"], found[f"{name} high"] = interval or (None, None)
    changed = "; ".join(f"{name} {value}" for name, value in line.changed)
    return found | {
        "verdict": line.word,
        "dtype": line.dtype,
        "engine": line.engine,
        "seeds": line.seeds,
        "changed": changed,
        "note": line.note,
    }


def report(
    of: str | Iterable[Design],
    store: Path | str | Store | Iterable[Record],
    every: bool = False,
    rows: Iterable[str] = (),
) -> Report:
    """Return the results of a published table, or of some designs, as the store has them.

    A row has a line for each learner (one's own too) and each dtype that it was run with.

    Parameters
    ----------
    of
        The name of a table, for example "table2", or designs.
    store
        The store or its file, or records.
    every
        Whether also trials with other options, and of other versions of the engine, are shown:
        in lines of their own.
    rows
        The ids of the rows wanted; all unless given.

    Raises
    ------
    ValueError
        If there is no table or no row of that name.
    lstmbook.experiments.store.StoreError
        If the store cannot be used.
    """
    designs = [] if isinstance(of, str) else list(of)
    shown = table(of) if isinstance(of, str) else _own_table(designs)
    wanted = [shown.row(each) for each in rows] or list(shown.rows)
    asked = {each.options for each in designs}
    mine: dict[str, list[Record]] = {row.name: [] for row in wanted}
    for each in records_of(store):
        if each.experiment in mine:
            mine[each.experiment].append(each)
    lines: list[Line] = []
    left_out: Counter[str] = Counter()
    for row in wanted:
        here = []
        for each in mine[row.name]:
            why = "" if every else _why_left_out(row, each, asked)
            if why:
                left_out[why] += 1
            else:
                here.append(each)
        lines += _lines(row, here, asked)
    return Report(shown.title, shown.source, shown.columns, tuple(lines), _notes(left_out))


def _notes(left_out: Mapping[str, int]) -> tuple[str, ...]:
    if not left_out:
        return ()
    told = ", ".join(f"{left_out[why]} {why}" for why in sorted(left_out))
    return (f"Trials in the store that are not shown here: {told}.",)


def records_of(store: Path | str | Store | Iterable[Record]) -> Iterator[Record]:
    """Yield the trials of a store, of its file, or those given."""
    if isinstance(store, Store):
        yield from store.records()
    elif isinstance(store, Path | str):
        with Store(store) as opened:
            yield from opened.records()
    else:
        yield from store


def _own_table(designs: list[Design]) -> PublishedTable:
    """Return designs as a table; what is published for one of its name stands beside it."""
    rows: dict[str, Row] = {}
    for each in designs:
        name, _, identity = each.name.partition("/")
        try:
            row = table(name).row(identity)
        except ValueError:
            row = Row(each.name, "", each.method, "", (), Published(), {}, each)
        rows.setdefault(each.name, row)
    plain = tuple(
        replace(row, id=row.name, table="", labels=(), missing="") for row in rows.values()
    )
    return PublishedTable("", "Experiments", "own designs", ("method",), plain)


def _lines(row: Row, records: list[Record], asked: set[str]) -> list[Line]:
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


def _rank(row: Row, record: Record) -> tuple[bool, str, str, str]:
    """Return what a row's lines are sorted by: the published row's own design comes first."""
    other = row.design is None or record.options != row.design.options
    return other, record.method, record.dtype, record.engine


def _why_left_out(row: Row, record: Record, asked: set[str]) -> str:
    """Return why a trial is not shown; nothing where it is.

    Shown are the row's design, one that was asked for, and own learners.
    """
    if row.design is not None and record.options == row.design.options:
        if is_of_variants(record.seed):
            return f"on the seeds of variants ({VARIANT_SEED} to {REPORT_SEED - 1})"
        current = record.engine in _current(row.design, record.dtype)
        return "" if current else "of another version of what runs them"
    own = json.loads(record.options)["learner"].get("is") == "OwnLearner"
    return "" if own or record.options in asked else "with other options"


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


def _current(design: Design, dtype: str) -> set[str]:
    """Return what runs a design in this version of the package.

    Without Numba that is the reference; what was compiled elsewhere is shown too.
    """
    from lstmbook.engine.trials import ENGINE_VERSION

    here = job(design, 0, dtype).engine
    return {here} if find_spec("numba") else {REFERENCE, NETS, f"engine {ENGINE_VERSION}"}


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
