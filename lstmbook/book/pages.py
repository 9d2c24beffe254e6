"""The generated chapters: the claims with their verdicts, the solutions and the bibliography."""

from __future__ import annotations

import ast
import importlib
import inspect
from collections.abc import Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from lstmbook.book import claims, exercises

KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}


def anchor(heading: str) -> str:
    """Return the anchor of a heading: its text as written, with hyphens for spaces."""
    return heading.strip().replace(" ", "-")


def title(notebook: NotebookNode) -> str:
    """Return a notebook's title: its first heading."""
    for cell in notebook.cells:
        for line in cell.source.splitlines() if cell.cell_type == "markdown" else ():
            if line.startswith("# "):
                return str(line[2:].strip())
    raise ValueError("notebook has no heading of the first level")


def _notebook(cells: Sequence[NotebookNode]) -> NotebookNode:
    made: NotebookNode = new_notebook(cells=list(cells), metadata={"kernelspec": KERNEL})
    for number, cell in enumerate(made.cells):
        cell["id"] = f"cell-{number}"
    return made


def measured_claims(notebook: NotebookNode) -> list[tuple[claims.Claim, str]]:
    """Return the claims an executed notebook measured, each with the heading it stands under."""
    found = []
    heading = title(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            lines = [line for line in cell.source.splitlines() if line.startswith("#")]
            heading = lines[-1].lstrip("#").strip() if lines else heading
            continue
        for output in cell.get("outputs", ()):
            data: Mapping[str, Any] = output.get("data", {})
            if claims.MIME in data:
                found.append((claims.Claim(**data[claims.MIME]), heading))
    return found


def claims_page(notebooks: Mapping[str, NotebookNode]) -> NotebookNode:
    """Return the chapter that lists every claim with its verdict, from executed notebooks.

    Parameters
    ----------
    notebooks
        Executed notebooks by file name without ending, in the book's order.

    Raises
    ------
    ValueError
        If two claims share an id.
    """
    rows = {name: measured_claims(notebook) for name, notebook in notebooks.items()}
    every = [claim for found in rows.values() for claim, _ in found]
    repeated = {claim.id for claim in every if sum(c.id == claim.id for c in every) > 1}
    if repeated:
        raise ValueError(f"claims share an id: {', '.join(sorted(repeated))}")
    counts = {word: sum(claim.verdict == word for claim in every) for word in claims.VERDICTS}
    summary = "; ".join(f"{word}: {count}" for word, count in counts.items() if count)
    cells = [
        new_markdown_cell(
            "# Claims and verdicts\n\n"
            "What do the papers assert, and what came out when it was measured? Each row below was "
            "written by the cell it links to, when its chapter was last executed; a cell whose "
            "measurement contradicts its verdict stops the chapter.\n\n"
            f"Claims: {len(every)}; {summary}."
        )
    ]
    for name, found in rows.items():
        if not found:
            continue
        lines = [
            f"## {title(notebooks[name])}",
            "",
            "| claim | source | verdict | what was measured |",
            "|---|---|---|---|",
        ]
        for claim, heading in found:
            link = f"[{_cell(claim.says)}]({name}.ipynb#{anchor(heading)})"
            evidence = _cell(claim.evidence)
            lines.append(f"| {link} `{claim.id}` | {claim.source} | {claim.verdict} | {evidence} |")
        cells.append(new_markdown_cell("\n".join(lines)))
    return _notebook(cells)


def _cell(text: str) -> str:
    """Escape what Markdown would read as markup inside a table's cell or a link's text."""
    for character in "\\|[]*_<>$`":
        text = text.replace(character, "\\" + character)
    return text


def _imports(module: str) -> str:
    source = inspect.getsource(importlib.import_module(module))
    kept = [
        ast.unparse(node)
        for node in ast.parse(source).body
        if isinstance(node, ast.Import | ast.ImportFrom)
        and not (isinstance(node, ast.ImportFrom) and node.module == "__future__")
        and not (isinstance(node, ast.ImportFrom) and node.module == "lstmbook.book.exercises")
    ]
    return "\n".join([*kept, "from lstmbook.book import check"])


def solutions_page(titles: Mapping[str, str]) -> NotebookNode:
    """Return the chapter of worked solutions, each followed by its check.

    Parameters
    ----------
    titles
        Chapters' titles by file name without ending.

    Raises
    ------
    ValueError
        If an exercise belongs to a chapter that the book does not have.
    """
    cells = [
        new_markdown_cell(
            "# Solutions\n\n"
            "Each solution below is the function its exercise was made from, and passes the "
            "exercise's own check. There are other right answers: the check decides."
        )
    ]
    every = exercises.exercises().values()
    if lost := sorted({each.chapter for each in every} - set(titles)):
        raise ValueError(f"exercises belong to chapters that the book lacks: {', '.join(lost)}")
    for chapter, group in groupby(every, key=lambda each: each.chapter):
        here = list(group)
        cells.append(
            new_markdown_cell(f"## {titles[chapter]}\n\n[To the chapter]({chapter}.ipynb)")
        )
        cells.append(new_code_cell(_imports(here[0].solution.__module__)))
        for each in here:
            cells.append(new_markdown_cell(f"### {each.id}"))
            name = each.solution.__name__
            cells.append(
                new_code_cell(f'{exercises.solved(each.id)}\n\n\ncheck("{each.id}", {name})')
            )
    return _notebook(cells)


def bibliography_page(references: Path) -> NotebookNode:
    """Return the bibliography: one heading a source, so that any notebook can link to it.

    Parameters
    ----------
    references
        A BibTeX file.
    """
    from pybtex.backends.markdown import Backend
    from pybtex.database import parse_file
    from pybtex.style.formatting.plain import Style

    style = Style()
    found = parse_file(str(references), bib_format="bibtex")
    formatted = {entry.key: entry for entry in style.format_bibliography(found)}
    parts = ["# Bibliography", "", "The sources that the chapters cite, by the key they cite."]
    for key in sorted(formatted):
        parts += ["", f"## {key}", "", formatted[key].text.render(Backend()).replace("\n", " ")]
    return _notebook([new_markdown_cell("\n".join(parts))])


def write(notebook: NotebookNode, path: Path) -> bool:
    """Write a notebook if it differs from the file, and say whether it did."""
    text = nbformat.writes(notebook) + "\n"
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return False
    path.write_text(text, encoding="utf-8")
    return True
