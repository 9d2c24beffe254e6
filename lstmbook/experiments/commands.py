"""The commands `lstmbook reproduce` and `lstmbook results`."""

from __future__ import annotations

import base64
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

# what only a running command needs is imported by it, so that `--help` is quick
if TYPE_CHECKING:
    from collections.abc import Callable

    from lstmbook.experiments.designs import Design
    from lstmbook.experiments.report import Report
    from lstmbook.experiments.runner import Progress
    from lstmbook.experiments.store import Store


class Dtype(StrEnum):
    """Numbers to compute with."""

    float32 = "float32"
    float64 = "float64"


class Form(StrEnum):
    """Forms of a table of results."""

    text = "text"
    markdown = "markdown"
    csv = "csv"


StoreFile = Annotated[
    Path | None,
    typer.Option(
        "--store",
        help="File of the results; made if there is none. "
        "LSTMBOOK_STORE in the environment names another one for good.",
        show_default="in your data directory",
    ),
]


def default_store() -> Path:
    """Return the file of the results: the environment's LSTMBOOK_STORE, or one of the user's."""
    if "LSTMBOOK_STORE" in os.environ:
        return Path(os.environ["LSTMBOOK_STORE"])
    if sys.platform == "win32":
        data = Path(os.environ.get("LOCALAPPDATA", Path.home()))
    elif sys.platform == "darwin":
        data = Path.home() / "Library" / "Application Support"
    else:
        data = Path(os.environ.get("XDG_DATA_HOME", Path.home() / ".local" / "share"))
    return data / "lstmbook" / "results.sqlite"


def _fail(problem: str) -> NoReturn:
    typer.secho(f"lstmbook: {problem}", fg="red", err=True)
    raise typer.Exit(1)


def _designs(table: str, rows: str | None) -> list[Design]:
    """Return the designs of a table, or of some of its rows; say what cannot be run."""
    from lstmbook.experiments import designs

    listed = designs.table(table)
    if rows is not None:
        return [designs.design(f"{table}/{each.strip()}") for each in rows.split(",")]
    for row in listed.rows:
        if row.design is None:
            typer.echo(f"  left out: {row.id} ({row.missing})")
    return [row.design for row in listed.rows if row.design is not None]


def _variants(table: str, rows: str | None) -> list[Design]:
    """Return the variants of a table's rows, or of some of them."""
    from lstmbook.experiments.variants import studies

    found: dict[str, list[Design]] = {}
    for study in studies(table):
        known = found.setdefault(study.row.partition("/")[2], [])
        known += [variant.design for variant in study.variants]
    wanted = list(found) if rows is None else [each.strip() for each in rows.split(",")]
    for row in wanted:
        if row not in found:
            raise ValueError(
                f"row is {row!r}; {table} has variants of {', '.join(found) or 'no row'}"
            )
    return [each for row in wanted for each in found[row]]


def _report(
    table: str, store: Path | Store, *, every: bool = False, variants: bool = False
) -> Report:
    from lstmbook.experiments import report
    from lstmbook.experiments import variants as tried

    return tried.report(table, store) if variants else report.report(table, store, every)


def reproduce(
    table: Annotated[str, typer.Argument(help="table1, table1b, table2 or table3.")],
    rows: Annotated[
        str | None, typer.Option(help="Ids of rows, separated by commas.", show_default="all")
    ] = None,
    trials: Annotated[
        int | None,
        typer.Option(min=1, help="Trials a row.", show_default="as many as published"),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Seed of the first trial; the others follow.",
            show_default="0, of variants 500",
        ),
    ] = None,
    variants: Annotated[
        bool, typer.Option("--variants", help="The rows' variants instead: other options tried.")
    ] = False,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Processes.", show_default="one a processor")
    ] = None,
    dtype: Annotated[Dtype, typer.Option(help="Numbers to compute with.")] = Dtype.float64,
    store: StoreFile = None,
) -> None:
    """Run the trials of a published table, and print it with the results beside.

    Every trial is kept as it ends. Ctrl+C stops; the same command goes on from there.

    [bold]Examples[/bold]

    [cyan]lstmbook reproduce table2 --trials 3[/cyan]

    [cyan]lstmbook reproduce table2 --rows q50-p50,q100-p100 --jobs 4[/cyan]

    [cyan]lstmbook reproduce table2 --variants --rows q100-p100[/cyan]
    """
    from lstmbook.experiments.designs import VARIANT_SEED
    from lstmbook.experiments.runner import run
    from lstmbook.experiments.store import StoreError

    path = store or default_store()
    first = (VARIANT_SEED if variants else 0) if seed is None else seed
    try:
        wanted = _variants(table, rows) if variants else _designs(table, rows)
        if not wanted:
            _fail(f"no row of {table} can be run")
        with _shown(table) as show:
            run(wanted, trials, first, jobs, dtype.value, path, progress=show)
        typer.echo(_report(table, path, variants=variants).text())
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    except (StoreError, RuntimeError) as error:
        _fail(str(error))
    except KeyboardInterrupt:
        typer.echo(f"stopped; what has ended is in {path}, and the same command goes on", err=True)
        raise typer.Exit(130) from None
    typer.echo(f"\nkept in {path}")


def results(
    table: Annotated[
        str | None, typer.Argument(help="table1, table1b, table2 or table3.", show_default="all")
    ] = None,
    form: Annotated[Form, typer.Option("--format", help="How to write it.")] = Form.text,
    every: Annotated[
        bool, typer.Option("--all", help="Also trials with other options or engine versions.")
    ] = False,
    variants: Annotated[
        bool, typer.Option("--variants", help="The rows' variants instead: other options tried.")
    ] = False,
    milestones: Annotated[
        bool, typer.Option("--milestones", help="Also when trials had learned how much.")
    ] = False,
    figure: Annotated[
        Path | None, typer.Option(help="Draw the table's results into this file (PNG).")
    ] = None,
    archived: Annotated[
        bool, typer.Option("--archive", help="Those that come with the book, not your own.")
    ] = False,
    export: Annotated[
        Path | None,
        typer.Option(help="Add them to the text files of this folder, as results/ has them."),
    ] = None,
    store: StoreFile = None,
) -> None:
    """Print the results so far beside the published ones.

    Without results of your own it prints those that come with the book.

    [bold]Examples[/bold]

    [cyan]lstmbook results[/cyan]

    [cyan]lstmbook results table2 --format markdown[/cyan]

    [cyan]lstmbook results table2 --archive[/cyan]
    """
    from lstmbook.experiments import designs
    from lstmbook.experiments.archive import export as add_to
    from lstmbook.experiments.store import StoreError

    if figure is not None and table is None:
        raise typer.BadParameter("--figure draws one table: name it")
    if archived and store is not None:
        raise typer.BadParameter("--archive and --store are two places; name one")
    try:
        with _opened(store, archived) as opened:
            if export is not None:
                typer.echo(f"{add_to(opened, export)} trials added to {export}")
                return
            names = designs.table_names() if table is None else (table,)
            reports = [_report(name, opened, every=every, variants=variants) for name in names]
        shown = [getattr(each, form.value)() for each in reports]
        if milestones and form is not Form.csv:  # CSV has them as columns
            shown += [
                getattr(m, form.value)() for m in (e.milestones() for e in reports) if m.names
            ]
        typer.echo("\n\n".join(shown))
        if figure is not None:
            from lstmbook.explore.display import bundle

            drawn = bundle(reports[0].figure())[0]["image/png"]
            figure.write_bytes(base64.b64decode(drawn))
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    except (StoreError, OSError) as error:
        _fail(str(error))


def _opened(store: Path | None, archived: bool) -> Store:
    """Return the store whose results are asked for; the book's own where there is no other."""
    from lstmbook.experiments.archive import archive
    from lstmbook.experiments.store import Store

    path = store or default_store()
    if archived:
        return archive()
    if not path.exists() and store is None:
        typer.echo(f"there are no results in {path} yet; these come with the book\n", err=True)
        return archive()
    if not path.exists():
        _fail(f"there are no results in {path} yet; first: lstmbook reproduce table2 --trials 3")
    return Store(path)


@contextmanager
def _shown(name: str) -> Iterator[Callable[[Progress], None]]:
    """Show a run's progress: a bar on a terminal, a line at each tenth elsewhere."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    console = Console()
    told = -1

    def line(at: Progress) -> None:
        nonlocal told
        tenth = 10 * at.done // at.total
        if tenth > told or at.doing:
            told = tenth
            typer.echo(f"{name}: {at.done} of {at.total} trials, {_pace(at)}")

    if not console.is_terminal:
        yield line
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    more = (TimeElapsedColumn(), TextColumn("{task.fields[pace]}"))  # it runs while compiling
    with Bar(*columns, *more, console=console) as bar:
        shown = bar.add_task(name, total=None, pace="")
        yield lambda at: bar.update(shown, completed=at.done, total=at.total, pace=_pace(at))


def _pace(at: Progress) -> str:
    """Return the rate and the time left in words."""
    if at.doing:
        return at.doing
    if at.done == at.total:
        return f"{at.seconds:.0f} s"
    if at.left is None:
        return f"{at.kept} kept from before" if at.kept else "the first ones are under way"
    minutes, seconds = divmod(round(at.left), 60)
    return f"{60 * at.rate:.1f} trials a minute, about {minutes}:{seconds:02d} left"


def register(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command()(reproduce)
    app.command()(results)
