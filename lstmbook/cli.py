"""The ``lstmbook`` command: read, run, build and test the book."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
import webbrowser
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from lstmbook.experiments import commands

# What only one command needs is imported by that command, so that `--help` is quick.
if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.progress import TaskID

    from lstmbook.book.execute import Progress

ROOM = Path(__file__).resolve().parent
MARKS = ("pyproject.toml", "_toc.yml", "notebooks")
NEEDS = {
    "site": ("sphinx", "myst_nb", "sphinx_book_theme"),
    "test": ("pytest", "nbval", "playwright", "mypy"),
}
FIRST_PAGE = "notebooks/00_preface.ipynb"

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode="rich",
    pretty_exceptions_show_locals=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="A first look: [bold]lstmbook read[/bold]. "
    "To change the code as you read: [bold]lstmbook lab[/bold].",
)

Port = Annotated[
    int | None,
    typer.Option(min=1, max=65535, help="Port to listen on; a free one when not given."),
]
NoOpen = Annotated[bool, typer.Option("--no-open", help="Do not open a browser.")]


def say(text: str) -> None:
    """Print a line at once: long work may follow it."""
    print(text, flush=True)


def fail(problem: str, *advice: str) -> NoReturn:
    """End the command: what went wrong, and below it what to do."""
    typer.secho(f"lstmbook: {problem}", fg="red", err=True)
    for line in advice:
        typer.echo(f"  {line}", err=True)
    raise typer.Exit(1)


def clone() -> Path:
    """Return the clone of the book that this package stands in."""
    root = ROOM.parent
    if all((root / mark).exists() for mark in MARKS):
        return root
    fail(
        f"the package in {ROOM} is not part of a clone of the book: the chapters are not beside it",
        "Clone the book's repository; then, inside the clone: python3 book.py read",
    )


def need(extra: str, root: Path) -> None:
    """End the command when an extra is not installed, and say how to install it."""
    missing = [name for name in NEEDS[extra] if find_spec(name) is None]
    if missing:
        fail(
            f"the extra {extra!r} is not installed ({', '.join(missing)} missing)",
            f'In {root}: {Path(sys.executable)} -m pip install -e ".[{extra}]"',
        )


def need_port(command: str, port: int | None) -> None:
    """End the command, before it does any work, when the port that was asked for is taken."""
    from lstmbook.book.serve import PortTaken, server

    if port is None:
        return
    try:
        server(ROOM, port).server_close()
    except PortTaken as taken:
        fail(str(taken.strerror), f"Try: lstmbook {command} --port {taken.free}")


def fingerprint(root: Path) -> str:
    """Return a hash of all that the site is built from."""
    digest = hashlib.sha256()
    top = [path for path in sorted(root.iterdir()) if path.suffix in {".py", ".yml", ".bib"}]
    top += [root / "pyproject.toml", *sorted(root.glob("index.*"))]
    for folder in ("docs", "lstmbook", "notebooks"):
        top += sorted((root / folder).rglob("*"))
    for path in top:
        hidden = any(part.startswith((".", "__")) for part in path.relative_to(root).parts[:-1])
        if path.is_file() and not hidden and not path.name.startswith("."):
            digest.update(f"{path.relative_to(root).as_posix()}\0".encode() + path.read_bytes())
    return digest.hexdigest()


class _Bars:
    """Shows the execution of chapters: a bar for each on a terminal, a line for each elsewhere."""

    def __init__(self, report: Callable[[str], None]) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
        from rich.progress import TimeElapsedColumn as Elapsed

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), Elapsed())
        self._shown = Progress(*columns, console=Console(), transient=True)
        self._tasks: dict[str, TaskID] = {}
        self._report = report

    def _cell(self, chapter: str, done: int, total: int) -> None:
        if chapter not in self._tasks:
            self._tasks[chapter] = self._shown.add_task(chapter, total=total)
        self._shown.update(self._tasks[chapter], completed=done, visible=done < total)

    def __enter__(self) -> Progress:
        from lstmbook.book.execute import Progress

        if not self._shown.console.is_terminal:
            return Progress(report=self._report)
        self._shown.start()
        return Progress(report=self._report, cell=self._cell)

    def __exit__(self, *_: object) -> None:
        self._shown.stop()


def make_site(root: Path, output: Path) -> Path:
    """Build the site into `output`, telling what is done, and return where it stands."""
    need("site", root)
    from lstmbook.book.site import SiteError
    from lstmbook.book.site import build as build_site

    started = time.monotonic()

    def report(line: str) -> None:
        say(f"  {time.monotonic() - started:5.1f} s  {line}")

    say(f"building the book in {output}")
    try:
        with _Bars(report) as progress:
            built = build_site(root, output, report=report, progress=progress)
    except SiteError as error:
        fail(f"the site was not built: {error}")
    say(f"built in {time.monotonic() - started:.1f} s")
    return built.parent


@app.command()
def read(no_open: NoOpen = False, port: Port = None) -> None:
    """Open the book in the browser; build it first where that is needed.

    The book is served to this machine only, until Ctrl+C.

    [bold]Examples[/bold]

    [cyan]lstmbook read[/cyan]

    [cyan]lstmbook read --no-open --port 8080[/cyan]
    """
    from lstmbook.book.serve import LOOPBACK, PORT, PortTaken, server

    root = clone()
    need_port("read", port)
    site, stamp = root / "_build" / "site", root / "_build" / "site.built"
    if not (site.is_dir() and stamp.is_file() and stamp.read_text() == fingerprint(root)):
        stamp.unlink(missing_ok=True)
        site = make_site(root, site)
        stamp.write_text(fingerprint(root))
    try:
        served = server(site, PORT if port is None else port)
    except PortTaken as taken:
        say(f"{taken.strerror}; using {taken.free}")
        served = server(site, taken.free)
    address = f"http://{LOOPBACK}:{served.server_address[1]}/"
    say(f"the book is at {address} (Ctrl+C ends this)")
    if not no_open and not webbrowser.open(address):
        say("no browser could be opened here: open that address yourself")
    with served:
        try:
            served.serve_forever()
        except KeyboardInterrupt:
            say("")


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True})
def lab(context: typer.Context, no_open: NoOpen = False, port: Port = None) -> None:
    """Open the chapters in JupyterLab, to run and change them.

    Other options go to JupyterLab as they are.

    [bold]Examples[/bold]

    [cyan]lstmbook lab[/cyan]

    [cyan]lstmbook lab --no-open --port 8899[/cyan]
    """
    root = clone()
    need_port("lab", port)
    command = [
        sys.executable,
        *("-m", "jupyterlab"),
        f"--ServerApp.root_dir={root}",
        f"--LabApp.default_url=/lab/tree/{FIRST_PAGE}",
        # a book needs no news and no request to other hosts
        "--LabApp.news_url=None",
        "--LabApp.extension_manager=readonly",
        "--LabApp.check_for_updates_class=jupyterlab.handlers.announcements.NeverCheckForUpdate",
        *([] if port is None else [f"--port={port}"]),
        *(["--no-browser"] if no_open else []),
        *context.args,
    ]
    if os.name == "nt":
        raise typer.Exit(subprocess.run(command).returncode)
    os.execv(command[0], command)


@app.command()
def build(
    output: Annotated[
        Path | None, typer.Option(help="Folder for the site.", show_default="_build/site")
    ] = None,
) -> None:
    """Build the book as a static site; execute the chapters whose code has changed.

    [bold]Examples[/bold]

    [cyan]lstmbook build[/cyan]

    [cyan]lstmbook build --output /tmp/book[/cyan]
    """
    root = clone()
    site = make_site(root, output.resolve() if output else root / "_build" / "site")
    say(f"the book is in {site}")


@app.command()
def execute(
    chapter: Annotated[
        list[str] | None, typer.Argument(help="Numbers or parts of names; all when left out.")
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="Also those whose stored outputs are fresh.")
    ] = False,
) -> None:
    """Execute the chapters whose code, or whose package, has changed; store the outputs.

    A cell that fails ends it; that chapter keeps its old outputs.

    [bold]Examples[/bold]

    [cyan]lstmbook execute[/cyan]

    [cyan]lstmbook execute 02 latching --all[/cyan]
    """
    root = clone()
    need("site", root)  # it generates chapters as well
    from lstmbook.book.edition import BookError, authored, bring_up_to_date
    from lstmbook.book.execute import ExecutionError, pick

    try:
        names = pick(authored(root), chapter or [])
        with _Bars(say) as progress:
            folder = root / "notebooks"
            done = bring_up_to_date(root, folder, names, again=every, progress=progress)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    except (BookError, ExecutionError) as error:
        fail(str(error))
    say(f"executed: {', '.join(path.stem for path in done) or 'nothing, all is fresh'}")


@app.command("test")
def run_tests(
    fast: Annotated[
        bool, typer.Option("--fast", help="Leave out chapters, site and browser.")
    ] = False,
) -> None:
    """Check the book: lint, types, package, chapters, site, browser; end at the first failure.

    [bold]Examples[/bold]

    [cyan]lstmbook test[/cyan]

    [cyan]lstmbook test --fast[/cyan]
    """
    root = clone()
    need("test", root)
    if not fast:
        need("site", root)
    from lstmbook.book.browser import BrowserMissing
    from lstmbook.book.suite import run

    try:
        passed = run(root, root / "_build" / "site", fast=fast, say=say)
    except BrowserMissing as error:
        fail(str(error))
    if not passed:
        raise typer.Exit(1)


commands.register(app)


def main() -> None:
    """Run the command line."""
    app(prog_name="lstmbook")
