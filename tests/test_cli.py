import runpy
import shutil
import socket
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from typer.testing import CliRunner

from lstmbook import cli
from lstmbook.book import browser, edition, execute, serve, site, suite

ROOT = Path(__file__).parent.parent
COMMANDS = ("read", "lab", "build", "execute", "test")


def run(*words):
    return CliRunner().invoke(cli.app, list(words), prog_name="lstmbook")


@pytest.fixture
def book(tmp_path, monkeypatch):
    """A clone that the command takes for its own."""
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "_toc.yml").touch()
    monkeypatch.setattr(cli, "ROOM", tmp_path / "lstmbook")
    return tmp_path


@pytest.mark.parametrize("command", COMMANDS)
def test_help_shows_examples(command):
    shown = run(command, "--help")
    assert shown.exit_code == 0
    assert "Examples" in shown.output
    assert shown.output.count(f"lstmbook {command}") >= 3  # the usage and two examples


def test_without_arguments_the_commands_are_listed():
    shown = run()
    assert all(command in shown.output for command in COMMANDS)


@pytest.mark.parametrize("words", [("write",), ("read", "--port", "0"), ("read", "--prot", "1")])
def test_wrong_usage_ends_with_two(words):
    assert run(*words).exit_code == 2


@pytest.mark.parametrize("command", COMMANDS)
def test_outside_a_clone_it_says_what_to_do(command, tmp_path, monkeypatch):
    monkeypatch.setattr(cli, "ROOM", tmp_path / "lstmbook")
    shown = run(command)
    assert shown.exit_code == 1
    assert "not part of a clone of the book" in shown.output
    assert "python3 book.py read" in shown.output


@pytest.mark.parametrize(
    ("command", "extra"), [("build", "site"), ("execute", "site"), ("test", "test")]
)
def test_a_missing_extra_is_named_with_its_install_line(command, extra, book, monkeypatch):
    monkeypatch.setattr(cli, "find_spec", lambda name: None)
    shown = run(command)
    assert shown.exit_code == 1
    assert f"the extra '{extra}' is not installed" in shown.output
    assert f'-m pip install -e ".[{extra}]"' in shown.output


@pytest.mark.parametrize("command", ["read", "lab"])
def test_a_taken_port_is_named_with_a_free_one(command, book, monkeypatch):
    monkeypatch.setattr(cli, "make_site", lambda *_: pytest.fail("it built before it looked"))
    with socket.socket() as other:
        other.bind((serve.LOOPBACK, 0))
        other.listen()
        taken = other.getsockname()[1]
        shown = run(command, "--port", str(taken), "--no-open")
    assert shown.exit_code == 1
    assert f"port {taken} is taken by another program" in shown.output
    assert f"Try: lstmbook {command} --port " in shown.output


def test_a_failed_build_ends_with_one_and_its_reason(book, monkeypatch):
    def build(*_, **__):
        raise site.SiteError("02_flow: code cell 3 failed")

    monkeypatch.setattr(site, "build", build)
    shown = run("build")
    assert shown.exit_code == 1
    assert "the site was not built: 02_flow: code cell 3 failed" in shown.output


def test_build_tells_where_the_book_is(book, monkeypatch):
    def build(root, output, *, report, progress):
        report("rendering")
        return output / "index.html"

    monkeypatch.setattr(site, "build", build)
    shown = run("build", "--output", str(book / "made"))
    assert shown.exit_code == 0
    assert "rendering" in shown.output
    assert f"the book is in {book / 'made'}" in shown.output.replace("\n", "")


def test_execute_passes_the_chapters_on(book, monkeypatch):
    asked = {}

    def bring(root, folder, names, *, again, progress):
        asked.update(folder=folder, names=names, again=again)
        return [folder / f"{name}.ipynb" for name in names]

    monkeypatch.setattr(edition, "authored", lambda root: ["01_flow", "02_bound"])
    monkeypatch.setattr(edition, "bring_up_to_date", bring)
    shown = run("execute", "02", "--all")
    assert shown.exit_code == 0
    assert asked == {"folder": book / "notebooks", "names": ["02_bound"], "again": True}
    assert "executed: 02_bound" in shown.output
    assert run("execute", "lstm").exit_code == 2

    def fail(*_, **__):
        raise execute.ExecutionError("02_bound: code cell 3 failed")

    monkeypatch.setattr(edition, "bring_up_to_date", fail)
    shown = run("execute")
    assert (shown.exit_code, "code cell 3 failed" in shown.output) == (1, True)


def test_read_builds_once_serves_and_opens_the_browser(book, monkeypatch):
    built, opened = [], []

    def make(root, output):
        output.mkdir(parents=True, exist_ok=True)
        built.append(output)
        return output

    class Served:
        server_address = ("127.0.0.1", 4321)

        def __enter__(self):
            return self

        def __exit__(self, *_):
            pass

        def serve_forever(self):
            raise KeyboardInterrupt

    monkeypatch.setattr(cli, "make_site", make)
    monkeypatch.setattr(serve, "server", lambda folder, port: Served())
    monkeypatch.setattr(cli.webbrowser, "open", opened.append)
    assert run("read", "--no-open").exit_code == 0
    assert opened == []
    shown = run("read")
    assert shown.exit_code == 0
    assert opened == ["http://127.0.0.1:4321/"]
    assert "http://127.0.0.1:4321/" in shown.output
    assert len(built) == 1
    (book / "notebooks" / "01_flow.ipynb").write_text("{}")
    run("read", "--no-open")
    assert len(built) == 2


def test_the_site_is_served_to_this_machine_only_with_the_right_types(tmp_path):
    (tmp_path / "index.html").write_text("<title>Flow</title>")
    (tmp_path / "draw.js").write_text("1")
    served = serve.server(tmp_path, 0)
    assert served.server_address[0] == "127.0.0.1"
    thread = threading.Thread(target=served.serve_forever)
    thread.start()
    try:
        address = f"http://127.0.0.1:{served.server_address[1]}"
        with urllib.request.urlopen(f"{address}/") as answer:
            assert b"Flow" in answer.read()
            assert answer.headers["Cache-Control"] == "no-cache"
        with urllib.request.urlopen(f"{address}/draw.js") as answer:
            assert answer.headers["Content-Type"] == "text/javascript"
        with pytest.raises(urllib.error.HTTPError, match="404") as caught:
            urllib.request.urlopen(f"{address}/none.html")
        caught.value.close()
    finally:
        served.shutdown()
        served.server_close()
        thread.join()


def test_lab_starts_jupyterlab_on_the_clone(book, monkeypatch):
    asked = []
    monkeypatch.setattr(cli.os, "execv", lambda path, words: asked.extend(words))
    assert run("lab", "--no-open", "--port", "0").exit_code == 2
    assert run("lab", "--no-open", "--allow-root").exit_code == 0
    assert asked[1:3] == ["-m", "jupyterlab"]
    assert {"--no-browser", "--allow-root", f"--ServerApp.root_dir={book}"} <= set(asked)


def test_the_checks_end_at_the_first_failure(tmp_path, monkeypatch):
    made = tmp_path / "made"
    steps = [
        suite.Step("passes", ("-c", "pass")),
        suite.Step("slow", ("-c", "pass"), fast=False),
        suite.Step("fails", ("-c", "raise SystemExit(3)")),
        suite.Step("never", ("-c", f"open({str(made)!r}, 'w')")),
    ]
    monkeypatch.setattr(suite, "steps", lambda site: steps)
    lines = []
    assert not suite.run(tmp_path, tmp_path, fast=True, say=lines.append)
    assert lines[0] == "[1/3] passes"
    assert lines[1].startswith("[1/3] passes: passed in ")
    assert lines[3].startswith("[2/3] fails: FAILED after ")
    assert not made.exists()
    assert suite.run(tmp_path, tmp_path, fast=True, say=lines.append) is False
    steps.pop(2)
    assert suite.run(tmp_path, tmp_path, fast=False, say=lines.append)
    assert made.exists()
    assert lines[-1].startswith("all 3 checks passed in ")


def test_test_ends_with_one_when_a_check_fails(book, monkeypatch):
    monkeypatch.setattr(suite, "run", lambda *_, **__: False)
    assert run("test").exit_code == 1
    monkeypatch.setattr(suite, "run", lambda *_, **__: True)
    assert run("test").exit_code == 0

    def missing(*_, **__):
        raise browser.BrowserMissing("the browser tests need Chromium")

    monkeypatch.setattr(suite, "run", missing)
    shown = run("test")
    assert (shown.exit_code, "need Chromium" in shown.output) == (1, True)


def test_module_and_command_are_the_same_and_load_nothing_heavy():
    code = (
        "import sys, lstmbook.cli; "
        "print(sorted({'numpy', 'nbformat', 'sphinx', 'matplotlib', 'IPython'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr
    shown = subprocess.run([sys.executable, "-m", "lstmbook", "-h"], capture_output=True, text=True)
    assert shown.returncode == 0
    assert "Usage: lstmbook " in shown.stdout


def test_the_launcher_says_which_python_it_needs(tmp_path):
    code = (
        "import sys, runpy; sys.version_info = (3, 10, 4); sys.argv = ['book.py', 'read']; "
        f"runpy.run_path({str(ROOT / 'book.py')!r}, run_name='__main__')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1
    assert "needs Python 3.11 or newer" in done.stdout


def launcher(folder):
    """Return the launcher's names, as it would run in another folder."""
    shutil.copy(ROOT / "book.py", folder)
    for name in ("requirements.lock", "pyproject.toml"):
        (folder / name).write_text("numpy==2.4.6\n")
    return runpy.run_path(str(folder / "book.py"), run_name="book")


@pytest.fixture
def helpless(monkeypatch):
    """A machine whose Python cannot make an environment, and that has no uv."""
    python = shutil.which("false")
    monkeypatch.setattr(sys, "executable", python)
    monkeypatch.setenv("PATH", "")
    return python


def test_the_launcher_says_what_to_install_where_python_cannot_make_environments(
    tmp_path, helpless
):
    with pytest.raises(SystemExit, match=r"cannot make an environment(.|\n)*apt install python3"):
        launcher(tmp_path)["make"]()
    assert not (tmp_path / ".venv").exists()


def test_the_launcher_turns_to_uv_there(tmp_path, helpless, monkeypatch):
    (tmp_path / "uv").write_text(f'#!/bin/sh\necho "$@" > {tmp_path / "asked"}\n')
    (tmp_path / "uv").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    launcher(tmp_path)["make"]()
    asked = (tmp_path / "asked").read_text().split()
    assert asked[:1] + asked[-3:] == ["venv", "--python", helpless, str(tmp_path / ".venv")]


def test_the_launcher_installs_again_only_when_the_lock_or_the_project_changed(tmp_path):
    names = launcher(tmp_path)
    done = []
    # the functions of a module that was run look each other up here
    inside = names["set_up"].__globals__
    inside.update(make=lambda: done.append("make"), install=lambda: done.append("install"))
    inside.update(works=lambda python: True, has_pip=lambda: True)
    (tmp_path / ".venv").mkdir()
    for change in ("", "", "requirements.lock", "", "pyproject.toml"):
        if change:
            (tmp_path / change).write_text("numpy==2.4.7\n")
        names["set_up"]()
    assert done == ["install"] * 3
    inside.update(works=lambda python: False)
    names["set_up"]()
    assert done[3:] == ["make", "install"]
