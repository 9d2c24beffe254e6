"""Build the book's static site: execute what changed, generate what is generated, run Sphinx."""

from __future__ import annotations

import hashlib
import pkgutil
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import nbformat
from nbformat import NotebookNode

import lstmbook

Report = Callable[[str], None]


class SiteError(RuntimeError):
    """The site could not be built; the message says why."""


def chapters(root: Path) -> list[str]:
    """Return the notebooks of the book in its order: names in notebooks/, without ending.

    Raises
    ------
    SiteError
        If a file that _toc.yml names is missing.
    """
    import yaml

    toc = yaml.safe_load((root / "_toc.yml").read_text(encoding="utf-8"))
    files = [each["file"] for part in toc["parts"] for each in part["chapters"]]
    return [name.removeprefix("notebooks/") for name in files if name.startswith("notebooks/")]


GENERATED = ("90_claims", "92_solutions", "93_bibliography")


def authored(root: Path) -> list[str]:
    """Return the chapters that are written, not generated."""
    return [name for name in chapters(root) if name not in GENERATED]


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


def _api_pages(stage: Path) -> None:
    """Write the API reference: one page a module of the package."""
    modules = _modules()
    listed = "\n".join(f"api/{name}" for name in modules)
    _write(
        stage / "docs" / "api.md",
        "# API reference\n\nEvery module of the package. A module has the name of the chapter that "
        f"derives it.\n\n```{{toctree}}\n:maxdepth: 1\n\n{listed}\n```\n",
    )
    for name in modules:
        members = ":members:\n   :show-inheritance:"
        _write(
            stage / "docs" / "api" / f"{name}.md",
            f"# {name}\n\n```{{eval-rst}}\n.. automodule:: {name}\n   {members}\n```\n",
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


def _stage(root: Path, stage: Path, executed: Mapping[str, NotebookNode]) -> None:
    """Lay out what Sphinx reads: the written pages, the executed chapters, the generated pages."""
    notebooks = stage / "notebooks"
    for name, notebook in executed.items():
        _write(notebooks / f"{name}.ipynb", nbformat.writes(notebook) + "\n")
    for path in notebooks.glob("*.ipynb"):
        if path.stem not in executed:
            path.unlink()
    for source in [root / "_toc.yml", root / "index.md", *sorted((root / "docs").glob("*.md"))]:
        _write(stage / source.relative_to(root), source.read_text(encoding="utf-8"))
    for picture in sorted((root / "docs").glob("*.png")):
        target = stage / "docs" / picture.name
        if not target.exists() or target.read_bytes() != picture.read_bytes():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(picture, target)
    _api_pages(stage)
    _licences_page(root, stage)


def missing_pages(root: Path, output: Path) -> list[str]:
    """Return the pages of _toc.yml that are not in the built site."""
    import yaml

    toc = yaml.safe_load((root / "_toc.yml").read_text(encoding="utf-8"))
    files = [toc["root"], *(each["file"] for part in toc["parts"] for each in part["chapters"])]
    return [name for name in files if not (output / f"{name}.html").is_file()]


def build(root: Path, output: Path, *, report: Report = print) -> Path:
    """Build the site, strictly, and return the path of its first page.

    Chapters whose code, or the package they run, did not change keep their last outputs from
    ``_build/executed``; the others are executed. Any warning of Sphinx fails the build.

    Parameters
    ----------
    root
        The clone's folder.
    output
        Where the site goes.
    report
        Called with a line of text as the work goes on.

    Raises
    ------
    SiteError
        If a chapter fails, Sphinx warns, or a page is missing afterwards.
    """
    executed = executed_chapters(root, report=report)
    stage = root / "_build" / "source"
    _stage(root, stage, executed)
    report("rendering the pages")
    command = [sys.executable, "-m", "sphinx", "-b", "html", "-W", "--keep-going", "-q"]
    command += ["-j", "auto", "-c", str(root), "-d", str(root / "_build" / "doctrees")]
    # a folder of its own for each output, so that two outputs never share a state
    command[-1] += "-" + hashlib.sha256(str(output.resolve()).encode()).hexdigest()[:8]
    done = subprocess.run(
        [*command, str(stage), str(output)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SiteError(f"Sphinx did not build the site:\n{done.stdout}{done.stderr}".rstrip())
    absent = missing_pages(root, output)
    if absent:
        raise SiteError(f"the site lacks pages that _toc.yml names: {', '.join(absent)}")
    return output / "index.html"
