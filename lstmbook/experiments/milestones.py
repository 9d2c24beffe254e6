"""The table of milestones: when trials had learned something short of the criterion."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from lstmbook.experiments.layout import Entry, as_html, as_text, escaped, piped
from lstmbook.experiments.lines import Line, names
from lstmbook.experiments.statistics import Milestone, in_order, kind

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
        return as_text(f"{self.title}: milestones", rows, numbers, entries, [self.remark], width)

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
