"""The commands run, keep, go on, print, and name what is wrong."""

import os
import subprocess
import sys
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lstmbook import cli
from lstmbook.experiments import commands, designs
from lstmbook.experiments.archive import archive
from lstmbook.experiments.report import report
from lstmbook.experiments.runner import Progress, run
from lstmbook.experiments.trials import REFERENCE, job, wants_numba


def lstmbook(*words):
    return CliRunner().invoke(cli.app, [str(word) for word in words], prog_name="lstmbook")


def plain(output):
    """Return what is said inside a box, on one line."""
    return " ".join(word for word in output.split() if word.strip("╭╮╰╯│─"))


@pytest.fixture
def small(monkeypatch, readable, compiled):
    """Table 2 with rows of a moment."""
    whole = designs.table("table2")
    rows = list(whole.rows)
    for i, design in enumerate((readable, compiled)):
        rows[i] = replace(rows[i], design=replace(design, name=rows[i].name))
    shrunk = replace(whole, rows=tuple(rows[:2]))
    table = designs.table
    for place in ("designs", "report"):
        monkeypatch.setattr(
            f"lstmbook.experiments.{place}.table",
            lambda name: shrunk if name == "table2" else table(name),
        )


def test_reproduce_keeps_prints_and_goes_on(small, tmp_path):
    store = tmp_path / "s.sqlite"
    words = ("reproduce", "table2", "--jobs", 1, "--store", store)
    first = lstmbook(*words, "--trials", 2)
    assert first.exit_code == 0, first.output
    assert "table2: 4 of 4 trials" in first.output
    assert "trials a minute, about 0:" in first.output
    assert f"kept in {store}" in first.output
    again = lstmbook(*words, "--trials", 3, "--rows", "q50-p50")
    assert "2 of 3 trials, 2 kept from before" in again.output
    shown = lstmbook("results", "table2", "--rows", "q50-p50", "--store", store)
    assert shown.exit_code == 0
    assert shown.output.strip() in again.output
    assert "q100-p100" not in again.output  # a row that was not asked for
    assert "q100-p100" in lstmbook("results", "table2", "--store", store).output
    assert lstmbook("results", "--store", store).output.count("Experiment ") == 4
    marked = lstmbook("results", "table2", "--format", "markdown", "--store", store)
    assert "| q50-p50 " in marked.output
    assert "q50-p50," in lstmbook("results", "table2", "--format", "csv", "--store", store).output
    drawn = lstmbook("results", "table2", "--figure", tmp_path / "f.png", "--store", store)
    assert drawn.exit_code == 0
    assert (tmp_path / "f.png").read_bytes().startswith(b"\x89PNG")
    drawn = lstmbook("results", "table2", "--figure", tmp_path / "f.SVG", "--store", store)
    assert drawn.exit_code == 0
    assert (tmp_path / "f.SVG").read_text().startswith("<svg ")


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("reproduce", "tabel2"), 2, "do you mean table2"),
        (("reproduce", "table2", "--rows", "q50"), 2, "row is 'q50'"),
        (("reproduce", "table2", "--trials", "0"), 2, "'--trials': '0' is not a whole number"),
        (("reproduce", "table2", "--trials", "abc"), 2, "'--trials': 'abc' is not a whole number"),
        (("reproduce", "table2", "--seed", "-1"), 2, "'--seed': '-1' is not a whole number from 0"),
        (("reproduce", "table2", "--jobs", "1.5"), 2, "'--jobs': '1.5' is not a whole number"),
        (("reproduce", "table2", "--rows", " ,"), 2, "--rows is ' ,'"),
        (("reproduce", "table2", "--seed", "600"), 2, "600 to 619; 500 to 999 are those of"),
        (("reproduce", "table2", "--seed", "498", "--trials", "4"), 2, "498 to 501"),
        (("reproduce", "table2", "--trials", "501"), 2, "0 to 500"),
        (("reproduce", "table2", "--variants", "--seed", "499"), 2, "must lie in 500 to 999"),
        (("reproduce", "table2", "--variants", "--trials", "501"), 2, "500 to 1000"),
        (("reproduce", "table2", "--dtype", "int8"), 2, "--dtype"),
        (("results", "tabel2"), 2, "do you mean table2"),
        (("results", "--figure", "a.png"), 2, "name it"),
        (("results", "--rows", "q50-p50"), 2, "name it"),
        (("results", "table2", "--rows", "q50"), 2, "row is 'q50'"),
        (("results", "table2", "--figure", "a.pdf"), 2, "'a.pdf'; its name must end in .png or"),
        (("results", "tabel2", "--export", "folder"), 2, "do you mean table2"),
        (("results", "--export", "folder", "--variants"), 2, "--export adds all trials"),
        (("results", "table2", "--export", "folder", "--figure", "a.png"), 2, "--export adds all"),
    ],
)
def test_wrong_usage(words, code, message, monkeypatch, tmp_path):
    def ran(*_, **__):
        raise AssertionError("what is wrong must be said before anything runs")

    monkeypatch.setattr("lstmbook.experiments.runner.run", ran)
    (tmp_path / "s.sqlite").touch()
    done = lstmbook(*words, "--store", tmp_path / "s.sqlite")
    assert done.exit_code == code
    assert message in plain(done.output)
    assert not Path("folder").exists()


@pytest.mark.parametrize("rows", ["q50-p50,", " q50-p50 , q50-p50", ",q50-p50"])
def test_commas_too_many_do_no_harm(small, rows, tmp_path):
    words = ("--jobs", 1, "--trials", 1, "--store", tmp_path / "s.sqlite")
    done = lstmbook("reproduce", "table2", "--rows", rows, *words)
    assert done.exit_code == 0, done.output
    assert "1 of 1 trials" in done.output


@pytest.mark.parametrize(
    ("seed", "trials", "more"), [(499, 1, ()), (1000, 1, ()), (999, 1, ("--variants",))]
)
def test_seeds_beside_those_of_variants_are_run(monkeypatch, seed, trials, more, tmp_path):
    monkeypatch.setattr("lstmbook.experiments.runner.run", lambda *_, **__: [])
    words = ("--seed", seed, "--trials", trials, "--store", tmp_path / "s.sqlite", *more)
    assert lstmbook("reproduce", "table2", *words).exit_code == 0


def test_a_store_that_is_none(tmp_path):
    none = tmp_path / "none"
    assert "there are no results in" in lstmbook("results", "--store", none).output
    none.write_text("my thesis")
    for words in (("reproduce", "table2", "--trials", "1"), ("results",)):
        done = lstmbook(*words, "--store", none)
        assert done.exit_code == 1
        assert "is not a store of results" in done.output
    assert none.read_text() == "my thesis"


def test_the_default_store_is_the_users(monkeypatch, tmp_path):
    monkeypatch.delenv("LSTMBOOK_STORE", raising=False)
    assert commands.default_store().name == "results.sqlite"
    monkeypatch.setenv("LSTMBOOK_STORE", str(tmp_path / "mine"))
    assert commands.default_store() == tmp_path / "mine"


def test_an_interrupt_has_an_exit_code_of_its_own(monkeypatch, tmp_path):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("lstmbook.experiments.runner.run", interrupted)
    done = lstmbook("reproduce", "table2", "--store", tmp_path / "s.sqlite")
    assert done.exit_code == 130
    assert "the same command goes on" in done.output


@pytest.mark.parametrize(
    ("at", "words"),
    [
        (Progress(0, 4, 0, 0.0, 1.0), "the first ones are under way"),
        (Progress(2, 4, 2, 0.0, 1.0), "2 kept from before"),
        (Progress(0, 4, 0, 0.0, 1.0, "compiling"), "compiling"),
        (Progress(2, 4, 0, 0.25, 60.0), "2.0 trials a minute, about 3:00 left"),
        (Progress(4, 4, 0, 1.0, 60.0), "60 s"),
    ],
)
def test_pace_in_words(at, words):
    assert commands._pace(at) == words


@pytest.mark.parametrize("command", ["reproduce", "results"])
def test_help_shows_examples(command):
    shown = lstmbook(command, "--help")
    assert shown.exit_code == 0
    assert "Examples" in shown.output
    assert shown.output.count(f"lstmbook {command}") >= 3  # the usage and two examples


def test_without_results_of_ones_own_the_books_are_printed(monkeypatch, tmp_path):
    none = tmp_path / "none.sqlite"
    monkeypatch.setenv("LSTMBOOK_STORE", str(none))
    shown = lstmbook("results", "table2", "--format", "csv")
    assert shown.exit_code == 0, shown.output
    assert "these come with the book" in shown.output
    asked = lstmbook("results", "table2", "--format", "csv", "--archive")
    assert asked.output in shown.output
    assert "q50-p50,LSTM" in asked.output
    assert not none.exists()
    both = lstmbook("results", "--archive", "--store", none)
    assert both.exit_code == 2
    assert "name one" in both.output


def test_results_are_exported_as_text(small, tmp_path):
    store, folder = tmp_path / "s.sqlite", tmp_path / "texts"
    lstmbook("reproduce", "table2", "--jobs", 1, "--trials", 2, "--store", store)
    words = ("results", "--store", store, "--export", folder)
    assert "4 trials added to" in lstmbook(*words).output
    assert "0 trials added to" in lstmbook(*words).output
    assert len((folder / "table2.jsonl").read_text().splitlines()) == 6


def test_the_results_of_one_table_are_exported_alone(small, readable, tmp_path):
    store, folder = tmp_path / "s.sqlite", tmp_path / "texts"
    run(replace(readable, name="table1/lstm-p100"), 1, jobs=1, store=store)
    lstmbook("reproduce", "table2", "--jobs", 1, "--trials", 2, "--store", store)
    done = lstmbook("results", "table2", "--store", store, "--export", folder)
    assert "4 trials added to" in done.output
    assert [each.name for each in folder.iterdir()] == ["table2.jsonl"]
    assert "1 trials added to" in lstmbook("results", "--store", store, "--export", folder).output


def test_piped_output_is_as_wide_as_it_is(monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    shown = lstmbook("results", "table2", "--archive").output
    assert shown.strip() == str(report("table2", archive()))


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals")
@pytest.mark.parametrize("columns", [80, 120, 200])
def test_a_terminal_gets_what_fits(columns):
    import pty

    ours, theirs = pty.openpty()
    words = [sys.executable, "-m", "lstmbook", "results", "table1", "--archive", "--milestones"]
    environment = os.environ | {"COLUMNS": str(columns)}
    with subprocess.Popen(words, stdout=theirs, stderr=theirs, env=environment) as process:
        os.close(theirs)
        shown = b""
        # a terminal whose other end is closed ends in an error, or in nothing
        with suppress(OSError):
            while part := os.read(ours, 65536):
                shown += part
    os.close(ours)
    assert process.returncode == 0, shown.decode()
    lines = shown.decode().replace("\r\n", "\n").splitlines()
    assert max(map(len, lines)) <= columns
    assert "rtrl-p100-rate10" in " ".join(lines)
    assert "counts is not known." in " ".join(" ".join(lines).split())


def test_without_numba_it_says_what_will_be_slow(small, monkeypatch, tmp_path):
    words = ("reproduce", "table2", "--trials", 1, "--jobs", 1, "--store", tmp_path / "s.sqlite")
    assert "Numba" not in lstmbook(*words).output
    monkeypatch.setitem(sys.modules, "numba", None)
    done = lstmbook(*words)
    assert done.exit_code == 0, done.output
    readable, compiled = (row.id for row in designs.table("table2").rows)
    assert f"Numba is not installed, so that {compiled} will run in the readable" in done.stderr
    assert "pip install 'lstmbook[engine]'" in done.stderr
    assert readable not in done.stderr


def test_what_numba_is_wanted_for(monkeypatch):
    rows = ("table2/q50-p50", "table1/rtrl-p4-rate1", "table1/chunker-p100", "table3/elman-15")
    several = [designs.design(row) for row in rows]
    readable = several[0].with_options(reset=False)
    assert [wants_numba(each) for each in several] == [False] * 4
    monkeypatch.setitem(sys.modules, "numba", None)
    assert [wants_numba(each) for each in several] == [True] * 4
    assert not wants_numba(readable)
    assert {job(each, 0).engine for each in several} == {REFERENCE}
