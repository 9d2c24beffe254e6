"""Build the book's static site: execute what changed, generate what is generated, run Sphinx."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import pkgutil
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import nbformat
from IPython.core.inputtransformer2 import TransformerManager
from nbformat import NotebookNode

import lstmbook
from lstmbook.book.edition import BookError, bring_up_to_date, listed, notebooks
from lstmbook.book.execute import ExecutionError, Progress

Report = Callable[[str], None]


class SiteError(RuntimeError):
    """The site could not be built; the message says why."""


def _edition(root: Path) -> Path:
    """Return the folder of the build's own edition: one for each set of versions it runs with."""
    versions = [sys.version, *(f"{name} {version(name)}" for name in ("numpy", "matplotlib"))]
    key = hashlib.sha256("\n".join(versions).encode()).hexdigest()[:12]
    return root / "_build" / "executed" / key


def _modules() -> list[str]:
    found = pkgutil.walk_packages(lstmbook.__path__, "lstmbook.")
    return sorted(
        each.name
        for each in found
        if not each.name.endswith("__main__") and ".vendor" not in each.name
    )


def _write(path: Path, text: str) -> None:
    """Write a text only where it changed, so that Sphinx reads again only what did."""
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def _summary(module: str) -> str:
    found = importlib.util.find_spec(module)
    source = Path(found.origin).read_text(encoding="utf-8") if found and found.origin else ""
    return (ast.get_docstring(ast.parse(source)) or "").split("\n")[0]


def _api_pages(root: Path, stage: Path) -> None:
    """Write the API reference, one page a module of the package, and list it in _toc.yml."""
    import yaml

    modules = _modules()
    toc = yaml.safe_load((root / "_toc.yml").read_text(encoding="utf-8"))
    for part in toc["parts"]:
        for each in part["chapters"]:
            if each["file"] == "docs/api":
                each["sections"] = [{"file": f"docs/api/{name}"} for name in modules]
    _write(stage / "_toc.yml", yaml.safe_dump(toc, sort_keys=False))
    rows = "\n".join(f"| [{name}](api/{name}.md) | {_summary(name)} |" for name in modules)
    _write(
        stage / "docs" / "api.md",
        "# API reference\n\nEvery module of the package. A chapter's code stands in the module of "
        f"its name.\n\n| module | what it holds |\n|---|---|\n{rows}\n",
    )
    for name in modules:
        _write(
            stage / "docs" / "api" / f"{name}.md",
            f"# {name}\n\n```{{eval-rst}}\n.. automodule:: {name}\n   :members:\n```\n",
        )


def _licences_page(root: Path, stage: Path) -> None:
    package = Path(lstmbook.__file__).parent
    parts = [
        "# Licences",
        "The book's code is under the MIT licence, its text and figures under CC BY 4.0. The site "
        "carries these files of others, unchanged.",
    ]
    for path in sorted(package.rglob("LICENSES.txt")):
        where = path.parent.relative_to(package).as_posix()
        parts += [f"## {where}", f"```text\n{path.read_text(encoding='utf-8').strip()}\n```"]
    for name in ("LICENSE", "LICENSE-TEXT"):
        text = (root / name).read_text(encoding="utf-8").strip()
        parts += [f"## {name}", f"```text\n{text}\n```"]
    _write(stage / "docs" / "licences.md", "\n\n".join(parts) + "\n")


def _folded(notebook: NotebookNode) -> NotebookNode:
    """Fold the code of imports and explorables on the page, so that the picture comes first."""
    for cell in notebook.cells:
        if cell.cell_type == "code":
            tree = ast.parse(TransformerManager().transform_cell(cell.source))
            imports = all(
                isinstance(node, ast.Import | ast.ImportFrom | ast.Expr) for node in tree.body
            ) and isinstance(tree.body[0] if tree.body else None, ast.Import | ast.ImportFrom)
            if imports or "@explorable(" in cell.source:
                cell.metadata["tags"] = [*cell.metadata.get("tags", []), "hide-input"]
    return notebook


def _stage(root: Path, stage: Path, executed: Path) -> None:
    """Lay out what Sphinx reads: the written pages, the executed chapters, the generated pages."""
    names = notebooks(root)
    for name in names:
        notebook = _folded(nbformat.read(executed / f"{name}.ipynb", as_version=4))
        _write(stage / "notebooks" / f"{name}.ipynb", nbformat.writes(notebook) + "\n")
    for path in (stage / "notebooks").glob("*.ipynb"):
        if path.stem not in names:
            path.unlink()
    for source in [root / "index.md", *sorted((root / "docs").glob("*.md"))]:
        _write(stage / source.relative_to(root), source.read_text(encoding="utf-8"))
    for picture in sorted((root / "docs").glob("*.png")):
        target = stage / "docs" / picture.name
        if not target.exists() or target.read_bytes() != picture.read_bytes():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(picture, target)
    _api_pages(root, stage)
    _licences_page(root, stage)


def missing_pages(root: Path, output: Path) -> list[str]:
    """Return the pages of _toc.yml that are not in the built site."""
    return [name for name in listed(root) if not (output / f"{name}.html").is_file()]


def build(
    root: Path, output: Path, *, report: Report = print, progress: Progress | None = None
) -> Path:
    """Build the site, strictly, and return the path of its first page.

    Chapters whose code, and the package they run, did not change since the last build keep the
    outputs it made (in ``_build/executed``); the others are executed. Any warning of Sphinx fails
    the build.

    Parameters
    ----------
    root
        The clone's folder.
    output
        Where the site goes.
    report
        Called with a line of text as the work goes on.
    progress
        Whom to tell of the execution, cell by cell; `report` hears of each chapter where None.

    Raises
    ------
    SiteError
        If a chapter fails, Sphinx warns, or a page is missing afterwards.
    """
    told = progress or Progress(report=report)
    executed = _edition(root)
    try:
        bring_up_to_date(root, executed, progress=told)
    except (BookError, ExecutionError) as problem:
        raise SiteError(str(problem)) from problem
    stage = root / "_build" / "source"
    _stage(root, stage, executed)
    report("rendering the pages")
    # a folder of its own for each output, so that two outputs never share a state
    state = hashlib.sha256(str(output.resolve()).encode()).hexdigest()[:8]
    command = [sys.executable, "-m", "sphinx", "-b", "html", "-W", "--keep-going", "-q"]
    command += ["-c", str(root), "-d", str(root / "_build" / f"doctrees-{state}")]
    done = subprocess.run(
        [*command, str(stage), str(output)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SiteError(f"Sphinx did not build the site:\n{done.stdout}{done.stderr}".rstrip())
    if absent := missing_pages(root, output):
        raise SiteError(f"the site lacks pages that _toc.yml names: {', '.join(absent)}")
    return output / "index.html"
