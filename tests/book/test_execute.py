import ast
import json
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from lstmbook.book import execute
from lstmbook.book.exercises import exercises, skeleton

SETTINGS = '[tool.lstmbook]\nrepository = "https://example.org/book"\nbranch = "trunk"\n'


@pytest.fixture
def book(tmp_path):
    """A clone of a very small book."""
    (tmp_path / "pyproject.toml").write_text(SETTINGS)
    (tmp_path / "lstmbook" / "book").mkdir(parents=True)
    (tmp_path / "lstmbook" / "flow.py").write_text("answer = 41\n")
    (tmp_path / "lstmbook" / "cli.py").write_text("")
    (tmp_path / "notebooks").mkdir()
    return tmp_path


def chapter(book, *code, name="01_flow"):
    cells = [new_markdown_cell("# Flow"), *(new_code_cell(each) for each in code)]
    path = book / "notebooks" / f"{name}.ipynb"
    execute.write(new_notebook(cells=cells), path)
    return path


def refresh(book, path, **options):
    lines = []
    progress = execute.Progress(report=lines.append)
    done = execute.refresh(book, [path], progress=progress, **options)
    return done, lines


def test_a_chapter_is_executed_once_and_again_when_its_code_or_the_package_changes(book):
    path = chapter(book, "1 + 1")
    assert execute.stale(book) == [path]
    done, lines = refresh(book, path)
    assert done == [path]
    assert "01_flow: executed in" in lines[0]
    assert execute.stale(book) == []
    assert refresh(book, path) == ([], ["01_flow: fresh"])
    assert execute.read(path).cells[2].outputs[0].data["text/plain"] == "2"

    (book / "lstmbook" / "flow.py").write_text("answer = 42\n")
    assert execute.stale(book) == [path]
    (book / "lstmbook" / "flow.py").write_text("answer = 41\n")
    assert execute.stale(book) == []

    changed = execute.read(path)
    changed.cells[2].source = "1 + 2"
    execute.write(changed, path)
    assert execute.stale(book) == [path]


def test_the_hash_leaves_out_tools_prose_and_line_ends(book):
    before = execute.package_hash(book)
    (book / "lstmbook" / "cli.py").write_text("tool = 1\n")
    (book / "lstmbook" / "notes.txt").write_text("no code")
    (book / "lstmbook" / "flow.py").write_bytes(b"answer = 41\r\n")
    assert execute.package_hash(book) == before
    (book / "lstmbook" / "flow.js").write_text("1")
    assert execute.package_hash(book) != before


def test_a_changed_result_makes_chapters_stale(book):
    results = book / "results"
    results.mkdir()
    (results / "table9.jsonl").write_text('{"sequences": 30000}\n')
    path = chapter(book, "1 + 1")
    refresh(book, path)
    (results / "README.md").write_text("no result")
    assert execute.stale(book) == []
    (results / "table9.jsonl").write_text('{"sequences": 30001}\n')
    assert execute.stale(book) == [path]


def imported(path):
    """Return the modules that a file imports, as far as its text says."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_tools_that_the_hash_leaves_out_exist_and_are_imported_by_no_other_module():
    package = Path(execute.__file__).parents[1]
    missing = [name for name in execute.TOOLS if not (package / name).is_file()]
    assert missing == [], "take them out of TOOLS"
    tools = {f"lstmbook.{name.removesuffix('.py').replace('/', '.')}" for name in execute.TOOLS}
    for path in package.rglob("*.py"):
        if not execute.is_tool(path.relative_to(package).as_posix()):
            used = tools & set(imported(path))
            assert not used, f"{path.name} runs {used}, which the hash leaves out"


def test_the_same_code_gives_the_same_file(book):
    path = chapter(
        book,
        "import ipywidgets\nprint('a')\nprint('b')",
        "ipywidgets.IntSlider(value=3, description='lag')",
        "ipywidgets.VBox([ipywidgets.Text(), ipywidgets.Text()])",
    )
    refresh(book, path)
    first = path.read_bytes()
    assert refresh(book, path, again=True)[0] == [path]
    assert path.read_bytes() == first
    assert refresh(book, path)[0] == []  # nor does looking at a fresh one change it
    assert path.read_bytes() == first

    stored = json.loads(first)
    models = stored["metadata"]["widgets"][execute.WIDGETS]["state"]
    shown = stored["cells"][3]["outputs"][0]["data"][execute.VIEW]["model_id"]
    assert models[shown]["state"]["value"] == 3
    counts = [cell.get("execution_count") for cell in stored["cells"]]
    assert counts == [None, 1, 2, 3, 4]
    assert "version" not in stored["metadata"]["language_info"]


def test_a_failing_cell_is_named_and_the_old_outputs_stay(book):
    path = chapter(book, "1", "2 +\\\n1")
    refresh(book, path)
    broken = execute.read(path)
    broken.cells[3].source = "answer = 0\n1 / answer"
    execute.write(broken, path)
    before = path.read_bytes()
    with pytest.raises(execute.ExecutionError) as caught:
        refresh(book, path)
    message = str(caught.value)
    assert message.startswith("01_flow: code cell 3 failed with ZeroDivisionError: division by")
    assert "    1 / answer" in message
    assert path.read_bytes() == before
    assert [each.name for each in path.parent.iterdir()] == ["01_flow.ipynb"]


def test_chapters_run_side_by_side_and_progress_is_told_by_cell(book):
    paths = [chapter(book, "1", "2", name=name) for name in ("01_flow", "02_bound", "03_latch")]
    told = []
    progress = execute.Progress(report=lambda line: None, cell=lambda *event: told.append(event))
    assert execute.refresh(book, paths, workers=2, progress=progress) == paths
    for path in paths:
        assert [event[1:] for event in told if event[0] == path.stem][-1] == (4, 4)


def test_workers_must_be_positive(book):
    with pytest.raises(ValueError, match="workers is 0"):
        execute.refresh(book, [], workers=0)


def test_setup_cell_stands_second_and_once(book):
    notebook = new_notebook(cells=[new_markdown_cell("# Flow"), new_code_cell("1")])
    setup = execute.setup_source(book)
    once = execute.sync(notebook, setup)
    twice = execute.sync(once, setup)
    assert [cell.source for cell in twice.cells] == ["# Flow", setup, "1"]
    assert twice.cells[1].metadata == {
        "tags": ["remove-cell", "setup"],
        "jupyter": {"source_hidden": True},
    }
    assert "git+https://example.org/book@trunk" in setup


def test_exercise_cells_take_the_skeleton_of_their_solution():
    known = next(iter(exercises()))
    cell = new_code_cell(
        f'def old(): ...\n\n\ncheck("{known}", old)', metadata={"tags": ["exercise"]}
    )
    plain = new_code_cell(f'check("{known}", old)')
    notebook = new_notebook(cells=[new_markdown_cell("# Flow"), cell, plain])
    synced = execute.sync(notebook, "pass")
    assert synced.cells[2].source == skeleton(known)
    assert synced.cells[3].source == plain.source


def test_cells_keep_their_names_when_others_are_edited():
    def names(*sources):
        made = new_notebook(cells=[new_markdown_cell(source) for source in sources])
        return [cell["id"] for cell in execute.normalise(made, "01_flow").cells]

    assert names("a", "b", "b")[0] == names("a", "c")[0]
    assert len(set(names("a", "b", "b"))) == 3


def test_a_failed_write_leaves_the_old_file(book, monkeypatch):
    path = chapter(book, "1")
    before = path.read_bytes()

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr(execute.os, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        execute.write(new_notebook(), path)
    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == [path]


def test_written_notebooks_are_valid(book):
    path = chapter(book, "1")
    refresh(book, path)
    nbformat.validate(execute.read(path))


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ([], ["01_flow", "02_bound"]),
        (["02"], ["02_bound"]),
        (["bound", "flow"], ["01_flow", "02_bound"]),
        (["01_flow.ipynb"], ["01_flow"]),
    ],
)
def test_words_stand_for_chapters(words, names):
    assert execute.pick(["01_flow", "02_bound"], words) == names


def test_a_word_for_no_chapter_is_refused():
    with pytest.raises(ValueError, match="CHAPTER is 'lstm'; it must be part of one of: 01_flow"):
        execute.pick(["01_flow"], ["lstm"])
