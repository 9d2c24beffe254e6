"""Tables as text: as wide as they are, fitted to a width, as Markdown, as HTML."""

from __future__ import annotations

import html
import re
import textwrap
from collections.abc import Iterable
from functools import lru_cache

GAP = "  "
TIE = "\u00a0"

READABLE = 100
"""Characters a line of running text has at most, however wide the terminal."""

Rows = list[list[str]]
Entry = tuple[str, list[tuple[str, list[str]]]]
"""A head, and what stands below it: names, each with the parts of its value."""


def aligned(rows: Rows, numbers: Iterable[int]) -> list[str]:
    """Return rows as lines of plain text, the first as a header, some columns to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return _lines(rows, numbers, widths)


def fitted(rows: Rows, numbers: Iterable[int], width: int) -> list[str] | None:
    """Return rows as `aligned` does, cells broken into lines where the width asks for it.

    Nothing is cut off: None where the cells cannot be broken so that they fit. Intervals stay
    whole if they can, those of shares in any case.
    """
    columns = list(numbers)
    for whole in (r"\[[^]]*\]", r"\[[^]]*%\]"):
        tied = [[_tied(cell, whole) for cell in row] for row in rows]
        widths = _widths(tied, width)
        if widths is not None:
            return _lines(tied, columns, widths)
    return None


def _widths(rows: Rows, width: int) -> list[int] | None:
    """Return widths of columns that fit, found by making narrower what costs the fewest lines."""
    widths = whole = [max(map(len, column)) for column in zip(*rows, strict=True)]
    room = width - len(GAP) * (len(widths) - 1)
    while sum(widths) > room:
        narrower = [narrow for i in range(len(widths)) if (narrow := _narrowed(rows, widths, i))]
        if not narrower:
            return None
        widths = min(narrower, key=lambda found: (_height(rows, found), sum(found)))
    return [*widths[:-1], min(whole[-1], widths[-1] + room - sum(widths))]


def listed(entries: Iterable[Entry], width: int) -> list[str]:
    """Return entries as a list, within a width; lines are broken between the parts of a value."""
    given = list(entries)
    names = max((len(name) for _, details in given for name, _ in details), default=0)
    found: list[str] = []
    for head, details in given:
        found += [*([""] if found else []), *_filled(head, width, "", GAP)]
        for name, parts in details:
            first = f"{GAP}{name.ljust(names)}{GAP}"
            room = width - len(first) - 1
            value = "; ".join(p.replace(" ", TIE) if len(p) <= room else p for p in parts)
            found += _filled(value, width, first, " " * len(first))
    return found


def filled(text: str, width: int | None) -> str:
    """Return a text in lines of a width, or as it is where there is none."""
    return text if width is None else "\n".join(_filled(text, width, "", ""))


def piped(rows: Rows) -> list[str]:
    """Return rows as lines of a Markdown table, the first as its header."""
    marked = [rows[0], ["---"] * len(rows[0]), *rows[1:]]
    return ["| " + " | ".join(escaped(cell) for cell in row) + " |" for row in marked]


def escaped(cell: str) -> str:
    """Return a text as a cell of a Markdown table can hold it."""
    return cell.replace("|", "\\|")


def as_text(
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


def as_html(title: str, rows: Rows, numbers: Iterable[int], remarks: Iterable[str]) -> str:
    """Return rows as an HTML table, the first as its header, some columns to the right.

    Plain HTML is what JupyterLab, GitHub and the site all show as a table.
    """
    right = set(numbers)

    def cell(kind: str, i: int, text: str) -> str:
        side = "right" if i in right else "left"
        # short intervals stay on one line; long ones would push the verdict out of sight
        tied = re.sub(r"\[.{,10}\]", lambda interval: interval[0].replace(" ", TIE), text)
        return f'<{kind} style="text-align: {side}">{html.escape(tied)}</{kind}>'

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


def _tied(text: str, whole: str) -> str:
    """Return a text with ties inside of what stays whole; a number stays with its sign and unit."""
    text = text.replace(" %", f"{TIE}%").replace("> ", f">{TIE}")
    return re.sub(whole, lambda found: found[0].replace(" ", TIE), text)


def _filled(text: str, width: int, first: str, others: str) -> list[str]:
    lines = textwrap.wrap(
        _tied(text, r"\[[^]]*\]"),
        width,
        initial_indent=first,
        subsequent_indent=others,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [line.replace(TIE, " ") for line in lines] or [first.rstrip()]


@lru_cache(maxsize=10_000)
def _broken(cell: str, width: int) -> tuple[str, ...]:
    """Return a cell in lines, broken where there is a space; a word is never cut."""
    lines = textwrap.wrap(cell, max(width, 1), break_long_words=False, break_on_hyphens=False)
    return tuple(line.replace(TIE, " ") for line in lines) or ("",)


def _narrowed(rows: Rows, widths: list[int], i: int) -> list[int] | None:
    """Return widths with column i as much narrower as breaks one more line, None at its least."""
    if widths[i] <= 1:
        return None
    least = max(len(line) for row in rows for line in _broken(row[i], widths[i] - 1))
    return [*widths[:i], least, *widths[i + 1 :]] if least < widths[i] else None


def _height(rows: Rows, widths: list[int]) -> int:
    return sum(
        max(len(_broken(cell, width)) for cell, width in zip(row, widths, strict=True))
        for row in rows
    )


def _lines(rows: Rows, numbers: Iterable[int], widths: list[int]) -> list[str]:
    """Return rows as lines, below the first a rule; around a row of several lines are free ones."""
    right = set(numbers)
    broken = [
        [_broken(cell, width) for cell, width in zip(row, widths, strict=True)] for row in rows
    ]
    found: list[str] = []
    heights = [max(map(len, row)) for row in broken]
    for number, (row, height) in enumerate(zip(broken, heights, strict=True)):
        # a header stands on its rule, what is below hangs from it
        above = [height - len(cell) if number == 0 else 0 for cell in row]
        if number > 1 and max(heights[number - 1 : number + 1]) > 1:
            found.append("")
        for k in range(height):
            texts = [
                cell[k - skip] if 0 <= k - skip < len(cell) else ""
                for cell, skip in zip(row, above, strict=True)
            ]
            found.append(
                GAP.join(
                    text.rjust(width) if i in right else text.ljust(width)
                    for i, (text, width) in enumerate(zip(texts, widths, strict=True))
                ).rstrip()
            )
        if number == 0:
            found.append(GAP.join("-" * width for width in widths))
    return found
