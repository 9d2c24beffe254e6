"""Published beside ours: a table of results as text, Markdown, CSV, a DataFrame, a figure."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lstmbook.experiments.designs import Design, Published, PublishedTable, Row, table
from lstmbook.experiments.layout import Entry, as_html, as_text, escaped, piped
from lstmbook.experiments.lines import Line, current_versions, line, lines_of, names, why_left_out
from lstmbook.experiments.milestones import Milestones
from lstmbook.experiments.statistics import Interval, Summary
from lstmbook.experiments.store import Record, Store

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
        return as_text(title, rows, numbers, entries, self.remarks, width)

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
        for row, of in zip(rows, self.lines, strict=True):
            reached = {each.name: each.median for each in of.milestones}
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
        here, current = [], current_versions(row, mine[row.name])
        for each in mine[row.name]:
            why = "" if every else why_left_out(row, each, asked, current)
            if why:
                left_out[why] += 1
            else:
                here.append(each)
        lines += lines_of(row, here, asked)
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


__all__ = ["Line", "Milestones", "Report", "line", "records_of", "report"]
