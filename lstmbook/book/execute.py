"""Execute the chapters, and keep their stored outputs true to the code that made them.

A chapter's metadata holds the hash of what its outputs come from: its own code and the package.
A chapter whose hash differs is stale; `refresh` executes it again and writes it so that the same
code always gives the same file: no times, no random identifiers.
"""

from __future__ import annotations

import asyncio
import hashlib
import importlib
import json
import os
import re
import time
import tomllib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

from lstmbook.files import replace_text

Report = Callable[[str], None]

KERNELSPEC = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}
LANGUAGE = {"name": "python", "pygments_lexer": "ipython3"}
WIDGETS = "application/vnd.jupyter.widget-state+json"
VIEW = "application/vnd.jupyter.widget-view+json"

# files and folders of the package that no chapter runs: they execute, build and serve the chapters
TOOLS = frozenset(
    {
        "__main__.py",
        "cli.py",
        "book/browser.py",
        "book/edition.py",
        "book/execute.py",
        "book/pages.py",
        "book/serve.py",
        "book/site.py",
        "book/sphinx.py",
        "book/suite.py",
        "explore/sphinx.py",
    }
)
TOOL_FOLDERS = ("book/static/", "book/vendor/")
SUFFIXES = frozenset({".css", ".js", ".json", ".npz", ".py", ".toml"})

SETUP = """\
# Installs the book's package where it is missing (Colab, for one). Locally this does nothing.
import sys
from importlib.util import find_spec

if find_spec("lstmbook") is None:
    %pip install -q anywidget matplotlib numpy
    %pip install -q --no-deps git+{repository}@{branch}
if "google.colab" in sys.modules:
    from google.colab import output

    output.enable_custom_widget_manager()"""
SETUP_TAGS = ["remove-cell", "setup"]


class ExecutionError(RuntimeError):
    """A cell of a chapter failed; the message says which and how."""


@dataclass
class Progress:
    """How far the execution is: cells done of each chapter, for whoever shows it.

    Attributes
    ----------
    report
        Told one line at each event worth a line.
    cell
        Told (chapter, cells done, cells in all) after each cell.
    """

    report: Report = print
    cell: Callable[[str, int, int], None] = field(default=lambda chapter, done, total: None)


def chapters(root: Path) -> list[Path]:
    """Return the book's notebooks in order."""
    return sorted((root / "notebooks").glob("[0-9]*.ipynb"))


def is_tool(name: str) -> bool:
    """Return whether no chapter can run a file of the package, given by its path in it."""
    return name in TOOLS or name.startswith(TOOL_FOLDERS)


def package_hash(root: Path) -> str:
    """Return the hash of all that can reach a chapter's outputs: the package and the results."""
    package = root / "lstmbook"
    digest = hashlib.sha256()
    for path in [*sorted(package.rglob("*")), *sorted((root / "results").glob("*.jsonl"))]:
        stored = path.parent == root / "results"
        name = path.relative_to(root if stored else package).as_posix()
        if stored or (path.suffix in SUFFIXES and path.is_file() and not is_tool(name)):
            # a checkout on Windows may end lines its own way
            content = path.read_bytes().replace(b"\r\n", b"\n")
            digest.update(f"{name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


def content_hash(notebook: NotebookNode, package: str) -> str:
    """Return the hash that a notebook's outputs belong to: its code cells and the package's."""
    code = [cell.source for cell in notebook.cells if cell.cell_type == "code"]
    return hashlib.sha256(json.dumps([package, *code]).encode()).hexdigest()


def is_fresh(notebook: NotebookNode, package: str) -> bool:
    """Return whether the stored outputs belong to the notebook's code and the package."""
    if not any(cell.cell_type == "code" for cell in notebook.cells):
        return True
    stored = notebook.metadata.get("lstmbook", {}).get("executed")
    return bool(stored == content_hash(notebook, package))


def stale(root: Path) -> list[Path]:
    """Return the notebooks whose stored outputs are older than their code or the package."""
    package = package_hash(root)
    return [path for path in chapters(root) if not is_fresh(read(path), package)]


def read(path: Path) -> NotebookNode:
    """Return the notebook stored at `path`."""
    notebook: NotebookNode = nbformat.read(path, as_version=4)
    return notebook


def write(notebook: NotebookNode, path: Path) -> None:
    """Store a notebook at `path`: either the whole new file stands there, or the old one."""
    replace_text(path, nbformat.writes(notebook, version=4).rstrip("\n") + "\n")


def setup_source(root: Path) -> str:
    """Return the code of the set-up cell: what a reader on Colab needs before the chapter."""
    with (root / "pyproject.toml").open("rb") as file:
        settings = tomllib.load(file)["tool"]["lstmbook"]
    return SETUP.format(repository=settings["repository"], branch=settings["branch"])


def exercise_id(cell: NotebookNode) -> str | None:
    """Return the id of the exercise that a code cell poses, or None."""
    if cell.cell_type != "code" or "exercise" not in cell.metadata.get("tags", ()):
        return None
    found = re.search(r'^check\("([^"]+)"', cell.source, re.MULTILINE)
    return found.group(1) if found else None


def sync(notebook: NotebookNode, setup: str) -> NotebookNode:
    """Bring the generated cells of a chapter up to date: its set-up cell and its exercises."""
    # imported when it is needed, by name: the exercises import the chapters' modules
    skeleton = importlib.import_module("lstmbook.book.exercises").skeleton
    standing = [cell for cell in notebook.cells if "setup" in cell.metadata.get("tags", ())]
    cells = [cell for cell in notebook.cells if "setup" not in cell.metadata.get("tags", ())]
    for cell in cells:
        known = exercise_id(cell)
        if known is not None:
            cell.source = skeleton(known)
    # one that stands keeps its place in the order of execution
    first = standing[0] if standing else new_code_cell()
    first.source = setup
    first.metadata = nbformat.from_dict(
        {"tags": list(SETUP_TAGS), "jupyter": {"source_hidden": True}}
    )
    notebook.cells = [*cells[:1], first, *cells[1:]]
    return notebook


def _identify(cells: Iterable[NotebookNode]) -> None:
    """Name each cell after its content, so that an edit elsewhere leaves the name alone."""
    seen: dict[str, int] = {}
    for cell in cells:
        name = hashlib.sha256(f"{cell.cell_type}\0{cell.source}".encode()).hexdigest()[:12]
        seen[name] = seen.get(name, 0) + 1
        cell["id"] = name if seen[name] == 1 else f"{name}-{seen[name]}"


def _rename_models(notebook: NotebookNode, chapter: str) -> NotebookNode:
    """Give the widgets' models lasting names: the kernel draws them at random."""
    widgets = notebook.metadata.get("widgets", {}).get(WIDGETS, {}).get("state", {})
    shown = [
        output["data"][VIEW]["model_id"]
        for cell in notebook.cells
        for output in cell.get("outputs", ())
        if VIEW in output.get("data", {})
    ]
    order = list(dict.fromkeys([*shown, *widgets]))
    # the number first: the file sorts the models by name, and so keeps their order
    names = {
        old: f"{number:04x}{hashlib.sha256(f'{chapter}:{number}'.encode()).hexdigest()[:28]}"
        for number, old in enumerate(order)
    }
    if not names:
        return notebook
    pattern = re.compile("|".join(map(re.escape, names)))
    text = pattern.sub(lambda match: names[match.group()], json.dumps(notebook))
    renamed: NotebookNode = nbformat.from_dict(json.loads(text))
    return renamed


def normalise(notebook: NotebookNode, chapter: str) -> NotebookNode:
    """Return the notebook without what differs from one run or one machine to the next."""
    widgets = notebook.metadata.get("widgets")
    known = notebook.metadata.get("lstmbook", {})
    notebook.metadata = nbformat.from_dict(
        {"kernelspec": KERNELSPEC, "language_info": LANGUAGE, "lstmbook": known}
    )
    if widgets:
        notebook.metadata["widgets"] = widgets
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    for cell in notebook.cells:
        for passing in ("ExecuteTime", "collapsed", "execution"):
            cell.metadata.pop(passing, None)
    _identify(notebook.cells)
    return _rename_models(notebook, chapter)


def _environment(root: Path) -> dict[str, str]:
    """Return the kernel's environment: this clone's package, the same hashes and sums each run."""
    searched = [str(root), *filter(None, [os.environ.get("PYTHONPATH")])]
    single = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    fixed = {"PYTHONHASHSEED": "0", "PYTHONPATH": os.pathsep.join(searched)}
    return {**os.environ, **fixed, **dict.fromkeys(single, "1")}


def _failure(chapter: str, notebook: NotebookNode, index: int, error: Exception) -> ExecutionError:
    cell = notebook.cells[index]
    number = sum(each.cell_type == "code" for each in notebook.cells[: index + 1])
    name, value = getattr(error, "ename", type(error).__name__), getattr(error, "evalue", error)
    code = "\n".join(f"    {line}" for line in cell.source.splitlines()[:12])
    return ExecutionError(f"{chapter}: code cell {number} failed with {name}: {value}\n{code}")


@dataclass(frozen=True)
class _Run:
    """What the execution of every chapter of one `refresh` shares."""

    root: Path
    setup: str
    package: str
    again: bool
    progress: Progress


async def _execute(path: Path, notebook: NotebookNode, run: _Run) -> NotebookNode:
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    last = 0

    def reached(cell: NotebookNode, cell_index: int, **_: Any) -> None:
        nonlocal last
        last = cell_index
        run.progress.cell(path.stem, cell_index, len(notebook.cells))

    client = NotebookClient(
        notebook,
        timeout=600,
        kernel_name="python3",
        extra_arguments=["--log-level=ERROR"],
        resources={"metadata": {"path": str(path.parent)}},
        record_timing=False,
        coalesce_streams=True,
        store_widget_state=True,
        on_cell_start=reached,
    )
    for cell in notebook.cells:  # the old outputs belong to the old code
        if cell.cell_type == "code":
            cell.outputs, cell.execution_count = [], None
    notebook.metadata.pop("widgets", None)
    try:
        executed: NotebookNode = await client.async_execute(env=_environment(run.root))
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        raise _failure(path.stem, notebook, last, error) from error
    run.progress.cell(path.stem, len(notebook.cells), len(notebook.cells))
    return executed


async def _refresh_one(path: Path, run: _Run) -> bool:
    before = path.read_text(encoding="utf-8")
    notebook = sync(nbformat.reads(before, as_version=4), run.setup)
    due = run.again or not is_fresh(notebook, run.package)
    told = "fresh"
    if due:
        started = time.monotonic()
        notebook = await _execute(path, notebook, run)
        notebook.metadata["lstmbook"] = {"executed": content_hash(notebook, run.package)}
        told = f"executed in {time.monotonic() - started:.1f} s"
    notebook = normalise(notebook, path.stem)
    if nbformat.writes(notebook, version=4).rstrip("\n") + "\n" != before:
        write(notebook, path)
    run.progress.report(f"{path.stem}: {told}")
    return due


def refresh(
    root: Path,
    paths: Iterable[Path],
    *,
    again: bool = False,
    workers: int = 2,
    progress: Progress | None = None,
) -> list[Path]:
    """Execute the stale ones of some notebooks and store them with their outputs.

    Parameters
    ----------
    root
        The clone of the book.
    paths
        Notebooks of it.
    again
        Execute the fresh ones too.
    workers
        How many to execute side by side.
    progress
        Whom to tell.

    Returns
    -------
    list of Path
        The notebooks that were executed.

    Raises
    ------
    ExecutionError
        If a cell fails; that chapter's file keeps its old outputs.
    """
    if workers < 1:
        raise ValueError(f"workers is {workers}; it must be at least 1")
    run = _Run(root, setup_source(root), package_hash(root), again, progress or Progress())

    async def run_all() -> list[Path]:
        free = asyncio.Semaphore(workers)

        async def run_one(path: Path) -> bool:
            async with free:
                return await _refresh_one(path, run)

        ordered = list(paths)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(run_one(path)) for path in ordered]
        return [path for path, task in zip(ordered, tasks, strict=True) if task.result()]

    try:
        return asyncio.run(run_all())
    except ExceptionGroup as failed:  # the first to fail; it ended the others
        raise failed.exceptions[0] from None


def pick(known: Sequence[str], words: Iterable[str]) -> list[str]:
    """Return those of the names `known` that some words stand for: a number, a part of a name.

    Raises
    ------
    ValueError
        If a word stands for none.
    """
    wanted = [word.removesuffix(".ipynb") for word in words]
    for word in wanted:
        if not any(word in name for name in known):
            raise ValueError(f"CHAPTER is {word!r}; it must be part of one of: {', '.join(known)}")
    return [name for name in known if not wanted or any(word in name for word in wanted)]
