"""An edition of the book: a folder of executed notebooks, with the generated chapters among them.

There are two: the stored one (``notebooks/``, what a reader opens in JupyterLab) and the one a
build makes for itself, so that a build never changes the clone it builds.
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from pathlib import Path

from nbformat import NotebookNode

from lstmbook.book import pages
from lstmbook.book.execute import (
    Progress,
    is_fresh,
    package_hash,
    read,
    refresh,
    setup_source,
    sync,
    write,
)

CLAIMS, SOLUTIONS, BIBLIOGRAPHY = "90_claims", "92_solutions", "93_bibliography"
GENERATED = (CLAIMS, SOLUTIONS, BIBLIOGRAPHY)


class BookError(RuntimeError):
    """The book's files do not fit together; the message says which."""


def listed(root: Path) -> list[str]:
    """Return every page that _toc.yml names, in order, without ending.

    Raises
    ------
    BookError
        If _toc.yml cannot be read.
    """
    import yaml

    try:
        toc = yaml.safe_load((root / "_toc.yml").read_text(encoding="utf-8"))
        parts = [each["file"] for part in toc["parts"] for each in part["chapters"]]
        return [toc["root"], *parts]
    except (OSError, KeyError, TypeError, yaml.YAMLError) as problem:
        raise BookError(f"_toc.yml does not list the book's parts: {problem!r}") from problem


def notebooks(root: Path) -> list[str]:
    """Return the notebooks of _toc.yml in order: names in notebooks/, without ending."""
    start = "notebooks/"
    return [name.removeprefix(start) for name in listed(root) if name.startswith(start)]


def authored(root: Path) -> list[str]:
    """Return the notebooks that are written, not generated, in the book's order.

    Raises
    ------
    BookError
        If one is missing, or one in notebooks/ is not in _toc.yml.
    """
    names = [name for name in notebooks(root) if name not in GENERATED]
    there = {path.stem for path in (root / "notebooks").glob("[0-9]*.ipynb")} - set(GENERATED)
    if missing := [name for name in names if name not in there]:
        raise BookError(f"_toc.yml names notebooks that do not exist: {', '.join(missing)}")
    if strays := sorted(there - set(names)):
        raise BookError(f"_toc.yml does not name these notebooks: {', '.join(strays)}")
    return names


def _with_outputs(notebook: NotebookNode, kept: NotebookNode) -> NotebookNode:
    """Return `notebook` with the outputs of `kept`, whose code is the same."""
    made = copy.deepcopy(notebook)
    old = [cell for cell in kept.cells if cell.cell_type == "code"]
    new = [cell for cell in made.cells if cell.cell_type == "code"]
    for cell, before in zip(new, old, strict=True):
        cell.outputs, cell.execution_count = before.outputs, before.execution_count
    for key in ("lstmbook", "widgets"):
        if key in kept.metadata:
            made.metadata[key] = kept.metadata[key]
    return made


def _lay(root: Path, notebook: NotebookNode, path: Path, package: str) -> None:
    """Put a notebook at `path`, keeping the outputs that stand there if they are still its own."""
    bare = sync(copy.deepcopy(notebook), setup_source(root))
    for cell in bare.cells:
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    for key in ("lstmbook", "widgets"):
        bare.metadata.pop(key, None)
    if path.exists():
        kept = read(path)
        bare.metadata["lstmbook"] = kept.metadata.get("lstmbook", {})
        if is_fresh(bare, package):
            write(_with_outputs(bare, kept), path)
            return
        bare.metadata.pop("lstmbook")
    write(bare, path)


def bring_up_to_date(
    root: Path,
    folder: Path,
    names: Iterable[str] | None = None,
    *,
    again: bool = False,
    progress: Progress | None = None,
) -> list[Path]:
    """Execute the stale chapters of an edition and generate its generated ones.

    Parameters
    ----------
    root
        The clone.
    folder
        The edition's folder: ``root / "notebooks"``, or another, to which the chapters are copied.
    names
        Which chapters to look at (all where None); the generated ones always are.
    again
        Execute the fresh ones too.
    progress
        Whom to tell.

    Returns
    -------
    list of Path
        The notebooks that were executed.

    Raises
    ------
    BookError
        If _toc.yml and notebooks/ do not fit together.
    ExecutionError
        If a cell fails.
    """
    package = package_hash(root)
    chapters = authored(root)
    chosen = [name for name in chapters if names is None or name in set(names)]
    source = root / "notebooks"
    folder.mkdir(parents=True, exist_ok=True)
    if folder != source:
        for name in chapters:
            _lay(root, read(source / f"{name}.ipynb"), folder / f"{name}.ipynb", package)
    titles = {name: pages.title(read(folder / f"{name}.ipynb")) for name in chapters}
    in_book = set(notebooks(root))
    if SOLUTIONS in in_book:
        try:
            solutions = pages.solutions_page(titles)
        except ValueError as problem:
            raise BookError(str(problem)) from problem
        _lay(root, solutions, folder / f"{SOLUTIONS}.ipynb", package)
        chosen = [*chosen, SOLUTIONS]
    if BIBLIOGRAPHY in in_book:
        pages.write(
            pages.bibliography_page(root / "references.bib"), folder / f"{BIBLIOGRAPHY}.ipynb"
        )
    done = refresh(
        root, [folder / f"{name}.ipynb" for name in chosen], again=again, progress=progress
    )
    if CLAIMS in in_book:
        executed = {name: read(folder / f"{name}.ipynb") for name in chapters}
        pages.write(pages.claims_page(executed), folder / f"{CLAIMS}.ipynb")
    return done
