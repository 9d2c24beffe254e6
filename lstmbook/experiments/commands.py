"""The commands `lstmbook reproduce` and `lstmbook results`."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

# what only a running command needs is imported by it, so that `--help` is quick
if TYPE_CHECKING:
    from collections.abc import Callable

    from lstmbook.experiments.designs import Design
    from lstmbook.experiments.report import Milestones, Report
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


Rows = Annotated[
    str | None, typer.Option(help="Ids of rows, separated by commas.", show_default="all")
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


def _whole(least: int) -> Callable[[str], int]:
    """Return what reads a whole number from `least` on, and names what is none."""

    def number(given: str) -> int:
        try:
            read = int(given)
        except ValueError:
            read = least - 1
        if read < least:
            raise typer.BadParameter(f"{given!r} is not a whole number from {least} on")
        return read

    return number


def _ids(rows: str | None) -> list[str]:
    """Return the ids of rows; none where all are wanted."""
    if rows is None:
        return []
    found = [each.strip() for each in rows.split(",") if each.strip()]
    if not found:
        raise ValueError(f"--rows is {rows!r}; it must name a row, or several with commas between")
    return list(dict.fromkeys(found))


def _designs(table: str, rows: list[str]) -> list[Design]:
    """Return the designs of a table, or of some of its rows; say what cannot be run."""
    from lstmbook.experiments import designs

    listed = designs.table(table)
    if rows:
        return [designs.design(f"{table}/{each}") for each in rows]
    for row in listed.rows:
        if row.design is None:
            typer.echo(f"  left out: {row.id} ({row.missing})")
    return [row.design for row in listed.rows if row.design is not None]


def _variants(table: str, rows: list[str]) -> list[Design]:
    """Return the variants of a table's rows, or of some of them."""
    from lstmbook.experiments.variants import studies

    found: dict[str, list[Design]] = {}
    for study in studies(table):
        known = found.setdefault(study.row.partition("/")[2], [])
        known += [variant.design for variant in study.variants]
    wanted = rows or list(found)
    for row in wanted:
        if row not in found:
            raise ValueError(
                f"row is {row!r}; {table} has variants of {', '.join(found) or 'no row'}"
            )
    return [each for row in wanted for each in found[row]]


def _check_seeds(first: int, designs: list[Design], trials: int | None, variants: bool) -> None:
    """Raise an error if trials would have seeds on which tables do not count them."""
    from lstmbook.experiments.designs import REPORT_SEED, VARIANT_SEED

    most = max(each.trials if trials is None else trials for each in designs)
    last, kept = first + most - 1, f"{VARIANT_SEED} to {REPORT_SEED - 1}"
    if variants and not VARIANT_SEED <= first <= last < REPORT_SEED:
        raise ValueError(
            f"the seeds of the trials are {first} to {last}; those of variants must lie in {kept}"
        )
    if not variants and first < REPORT_SEED and last >= VARIANT_SEED:
        raise ValueError(
            f"the seeds of the trials are {first} to {last}; {kept} are those of variants, which "
            f"no row of a table counts: end below them, or begin with --seed {REPORT_SEED}"
        )


def _report(
    table: str,
    store: Path | Store,
    rows: list[str],
    *,
    every: bool = False,
    variants: bool = False,
) -> Report:
    from lstmbook.experiments import report
    from lstmbook.experiments import variants as tried

    if not variants:
        return report.report(table, store, every, rows)
    parts = [tried.report(table, store, row) for row in rows or [""]]
    lines = tuple(line for part in parts for line in part.lines)
    notes = tuple(note for part in parts for note in part.notes)
    return replace(parts[0], lines=lines, notes=notes)


def _width() -> int | None:
    """Return how wide a text may be: the terminal's columns; elsewhere it stays as it is."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def reproduce(
    table: Annotated[str, typer.Argument(help="table1, table1b, table2 or table3.")],
    rows: Rows = None,
    trials: Annotated[
        int | None,
        typer.Option(
            parser=_whole(1),
            metavar="<int>",
            help="Trials a row.",
            show_default="as many as published",
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            parser=_whole(0),
            metavar="<int>",
            help="Seed of the first trial; the others follow.",
            show_default="0, of variants 500",
        ),
    ] = None,
    variants: Annotated[
        bool, typer.Option("--variants", help="The rows' variants instead: other options tried.")
    ] = False,
    jobs: Annotated[
        int | None,
        typer.Option(
            parser=_whole(1), metavar="<int>", help="Processes.", show_default="one a processor"
        ),
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
        ids = _ids(rows)
        wanted = _variants(table, ids) if variants else _designs(table, ids)
        if not wanted:
            _fail(f"no row of {table} can be run")
        _check_seeds(first, wanted, trials, variants)
        _warn_of_slow(wanted)
        with _shown(table) as show:
            run(wanted, trials, first, jobs, dtype.value, path, progress=show)
        typer.echo(_report(table, path, ids, variants=variants).text(_width()))
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
    rows: Rows = None,
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
        Path | None, typer.Option(help="Draw the table's results into this file, PNG or SVG.")
    ] = None,
    archived: Annotated[
        bool, typer.Option("--archive", help="Those that come with the book, not your own.")
    ] = False,
    export: Annotated[
        Path | None,
        typer.Option(
            help="Add the trials to this folder's text files, as in results/; print no table."
        ),
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
    from lstmbook.experiments.store import StoreError

    if table is None and (figure is not None or rows is not None):
        raise typer.BadParameter("--figure and --rows are of one table: name it")
    if archived and store is not None:
        raise typer.BadParameter("--archive and --store are two places; name one")
    printed = rows, figure, every, variants, milestones, form is not Form.text
    if export is not None and any(each not in (None, False) for each in printed):
        raise typer.BadParameter(
            "--export adds all trials of a table, or of all tables; it goes with --store or "
            "--archive only"
        )
    if figure is not None and figure.suffix.lower() not in (".png", ".svg"):
        raise typer.BadParameter(f"--figure is '{figure}'; its name must end in .png or .svg")
    try:
        names = designs.table_names() if table is None else (designs.table(table).name,)
        with _opened(store, archived) as opened:
            if export is not None:
                typer.echo(f"{_exported(table, opened, export)} trials added to {export}")
                return
            some = {"every": every, "variants": variants}
            reports = [_report(name, opened, _ids(rows), **some) for name in names]
        typer.echo("\n\n".join(_forms(reports, form, milestones)))
        if figure is not None:
            from lstmbook.experiments.figure import as_file

            figure.write_bytes(as_file(reports[0].figure(), figure.suffix))
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    except (StoreError, OSError) as error:
        _fail(str(error))


def _forms(reports: list[Report], form: Form, milestones: bool) -> list[str]:
    """Return what is printed of some reports."""
    shown: list[Report | Milestones] = [*reports]
    if milestones and form is not Form.csv:  # CSV has them as columns
        shown += [each for each in (one.milestones() for one in reports) if each.names]
    if form is Form.text:
        return [each.text(_width()) for each in shown]
    return [getattr(each, form.value)() for each in shown]


def _exported(table: str | None, store: Store, folder: Path) -> int:
    """Add a table's trials, or all, to the text files of a folder; return how many were added."""
    from lstmbook.experiments.archive import export
    from lstmbook.experiments.store import Store

    if table is None:
        return export(store, folder)
    with Store(":memory:") as chosen:
        for record in store.records():
            if record.experiment.partition("/")[0] == table:
                chosen.add(record)
        return export(chosen, folder)


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


def _warn_of_slow(designs: list[Design]) -> None:
    """Say which designs will run in the readable code for want of Numba."""
    from lstmbook.experiments.trials import wants_numba

    slow = [each.name.rpartition("/")[2] for each in designs if wants_numba(each)]
    if slow:
        typer.secho(
            f"lstmbook: Numba is not installed, so that {', '.join(dict.fromkeys(slow))} will run "
            "in the readable code, far more slowly than compiled; with the extra they are: "
            "pip install 'lstmbook[engine]'",
            fg="yellow",
            err=True,
        )


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
