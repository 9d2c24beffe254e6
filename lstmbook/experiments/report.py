"""Published beside ours: a table of results as text, Markdown, CSV, a DataFrame, a figure."""

from __future__ import annotations

import csv
import html
import io
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lstmbook.experiments.designs import (
    Design,
    Published,
    PublishedTable,
    Row,
    is_of_variants,
    table,
)
from lstmbook.experiments.options import changes
from lstmbook.experiments.statistics import (
    Interval,
    Milestone,
    Summary,
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

    @property
    def word(self) -> str:
        """The verdict, one of `lstmbook.experiments.statistics.VERDICTS`."""
        return verdict(self.published, self.ours)

    @property
    def verdict(self) -> str:
        """The verdict; for trials that were capped or diverged it says so."""
        ours = self.ours
        if ours is None:
            return self.note or self.word
        asides = []
        if ours.capped:
            asides.append(f"{ours.capped} of {ours.trials} capped at {self.cap:,}")
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
        names = [_name(line) for line in self.lines]
        return [
            [
                # what tells lines of one design apart
                name + (f" ({_made(line)})" if names.count(name) > 1 else ""),
                line.method,
                *line.labels,
                _printed(line.published),
                str(line.ours.trials) if line.ours else "",
                *(_ours(line.ours) if line.ours else ("", "", "")),
                line.verdict,
            ]
            for name, line in zip(names, self.lines, strict=True)
        ]

    def text(self) -> str:
        """Return the report as plain text."""
        numbers = range(1 + len(self.columns), len(self.header) - 1)
        body = aligned([self.header, *self.cells()], numbers)
        return "\n".join([f"{self.title} ({self.source})", "", *body, "", *self.remarks])

    def markdown(self) -> str:
        """Return the report as Markdown."""
        below = [f"\n{remark}" for remark in self.remarks]
        head = f"**{_escaped(self.title)}** ({_escaped(self.source)})"
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
        """The milestones that some trial had reached."""
        return tuple(dict.fromkeys(each.name for line in self.lines for each in line.milestones))

    def cells(self) -> list[list[str]]:
        """Return the cells: of each row with milestones its name, then one cell a milestone."""
        rows = []
        for line in self.lines:
            reached = {each.name: _milestone(each, line) for each in line.milestones}
            if reached:
                rows.append([_name(line), *(reached.get(name, "none") for name in self.names)])
        return rows

    @property
    def remark(self) -> str:
        """How to read the table."""
        return (
            "Median number of sequences after which a trial had come so far, over the trials that "
            "did (how many of how many, where not all). Errors below x: the first of 100 "
            "successive sequences with all errors below x; right: the first window of 100 "
            "sequences of which that share was right."
        )

    def text(self) -> str:
        """Return the table as plain text."""
        body = aligned([["row", *self.names], *self.cells()], range(1, 1 + len(self.names)))
        return "\n".join([f"{self.title}: milestones", "", *body, "", self.remark])

    def markdown(self) -> str:
        """Return the table as Markdown."""
        body = piped([["row", *self.names], *self.cells()])
        return "\n".join([f"**{_escaped(self.title)}: milestones**", "", *body, "", self.remark])

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


def as_html(
    title: str, rows: list[list[str]], numbers: Iterable[int], remarks: Iterable[str]
) -> str:
    """Return rows as an HTML table, the first as its header, some columns to the right.

    Plain HTML is what JupyterLab, GitHub and the site all show as a table.
    """
    right = set(numbers)

    def cell(kind: str, i: int, text: str) -> str:
        side = "right" if i in right else "left"
        return f'<{kind} style="text-align: {side}">{html.escape(text)}</{kind}>'

    head, *body = (
        "<tr>" + "".join(cell(kind, i, text) for i, text in enumerate(row)) + "</tr>"
        for kind, row in zip(["th", *["td"] * (len(rows) - 1)], rows, strict=True)
    )
    below = "".join(f"<p>{html.escape(remark)}</p>" for remark in remarks)
    return (
        f"<p><strong>{html.escape(title)}</strong></p>"
        # a wide table scrolls, so that the keyboard must reach it
        f'<table tabindex="0"><thead>{head}</thead><tbody>{"".join(body)}</tbody></table>{below}'
    )


def aligned(rows: list[list[str]], numbers: Iterable[int]) -> list[str]:
    """Return rows as lines of plain text, the first as a header, some columns to the right."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    right = set(numbers)

    def one(row: list[str]) -> str:
        return "  ".join(
            cell.rjust(width) if i in right else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()

    return [one(rows[0]), "  ".join("-" * width for width in widths), *map(one, rows[1:])]


def piped(rows: list[list[str]]) -> list[str]:
    """Return rows as lines of a Markdown table, the first as its header."""
    marked = [rows[0], ["---"] * len(rows[0]), *rows[1:]]
    return ["| " + " | ".join(_escaped(cell) for cell in row) + " |" for row in marked]


def _made(line: Line) -> str:
    return f"{line.dtype}, {line.engine}, seeds {line.seeds}"


def _name(line: Line) -> str:
    """Return a line's name: the row's, and what differs from it."""
    return line.id + "".join(f" {name} {value}" for name, value in line.changed)


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


def _escaped(cell: str) -> str:
    return cell.replace("|", "\\|")


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
    of: str | Iterable[Design], store: Path | str | Store | Iterable[Record], every: bool = False
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

    Raises
    ------
    ValueError
        If there is no table of that name.
    lstmbook.experiments.store.StoreError
        If the store cannot be used.
    """
    designs = [] if isinstance(of, str) else list(of)
    shown = table(of) if isinstance(of, str) else _own_table(designs)
    asked = {each.options for each in designs}
    names = {row.name for row in shown.rows}
    records = [each for each in records_of(store) if each.experiment in names]
    lines: list[Line] = []
    left_out = 0
    for row in shown.rows:
        mine = [each for each in records if each.experiment == row.name]
        here = [each for each in mine if every or _is_current(row, each, asked)]
        lines += _lines(row, here, asked)
        left_out += len(mine) - len(here)
    notes = []
    if left_out:
        notes.append(
            f"{left_out} trials with other options, or of another version of the engine, or on "
            "the seeds of variants, are in the store and not shown here."
        )
    return Report(shown.title, shown.source, shown.columns, tuple(lines), tuple(notes))


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
        Row(r.name, "", r.method, r.source, (), r.published, r.why, r.design) for r in rows.values()
    )
    return PublishedTable("", "Experiments", "own designs", ("method",), plain)


def _lines(row: Row, records: list[Record], asked: set[str]) -> list[Line]:
    """Return a row's lines; one without results if its own design, or all asked for, have none."""
    groups: dict[tuple[str, str, str, bool], list[Record]] = {}
    for each in records:
        key = (each.options, each.dtype, each.engine, is_of_variants(each.seed))
        groups.setdefault(key, []).append(each)
    members = sorted(groups.values(), key=lambda group: _rank(row, group[0]))
    lines = [line(row, group) for group in members]
    if not lines or (not asked and all(each.changed for each in lines)):
        cap = row.design.max_sequences if row.design else None
        empty = Line(
            row.id, row.method, row.labels, row.source, row.published, None, cap, note=row.missing
        )
        lines.insert(0, empty)
    return lines


def _rank(row: Row, record: Record) -> tuple[bool, str, str, str]:
    """Return what a row's lines are sorted by: the published row's own design comes first."""
    other = row.design is None or record.options != row.design.options
    return other, record.method, record.dtype, record.engine


def _is_current(row: Row, record: Record, asked: set[str]) -> bool:
    """Return whether a trial is of the row's design, of one asked for, or of an own learner."""
    if row.design is not None and record.options == row.design.options:
        if is_of_variants(record.seed):
            return False
        return record.engine in _current(row.design, record.dtype)
    learner = json.loads(record.options)["learner"]
    return record.options in asked or learner.get("is") == "OwnLearner"


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
        changed = tuple(_shown_changes(first.options, row.design.options))
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
    )


def _shown_changes(options: str, published: str) -> Iterator[tuple[str, str]]:
    """Yield what differs; of an own learner only its task and cap, since all else does."""
    own = json.loads(options)["learner"].get("is") != json.loads(published)["learner"].get("is")
    for name, value in changes(options, published).items():
        if not (own and name.startswith("learner.")):
            yield name, value
    if own:
        yield "learner", "one's own"


def _ranges(seeds: list[int]) -> str:
    """Return seeds as text: "0-19, 40"."""
    parts: list[list[int]] = []
    for seed in sorted(seeds):
        if parts and seed == parts[-1][1] + 1:
            parts[-1][1] = seed
        else:
            parts.append([seed, seed])
    return ", ".join(f"{a}-{b}" if a != b else str(a) for a, b in parts)
