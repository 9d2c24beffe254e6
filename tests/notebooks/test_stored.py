"""The stored outputs of the chapters are those of their code, and of the package."""

import copy
import json
import re
from pathlib import Path

import pytest

from lstmbook.book import edition, execute, pages
from lstmbook.book.claims import MIME
from lstmbook.book.exercises import exercises, skeleton

ROOT = Path(__file__).parents[2]
CHAPTERS = execute.chapters(ROOT)
AUTHORED = [path for path in CHAPTERS if path.stem not in edition.GENERATED]
WITH_CODE = [path for path in CHAPTERS if path in AUTHORED or path.stem == edition.SOLUTIONS]
STALE = "stale: run `lstmbook execute`, and commit the notebooks with your change"

each_chapter = pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
each_with_code = pytest.mark.parametrize("path", WITH_CODE, ids=lambda path: path.stem)
each_authored = pytest.mark.parametrize("path", AUTHORED, ids=lambda path: path.stem)


def outputs(path):
    """Return the outputs of a notebook's cells, each with the code that made it."""
    return [
        (cell.source, output)
        for cell in execute.read(path).cells
        for output in cell.get("outputs", ())
    ]


def test_every_notebook_is_in_the_table_of_contents():
    assert edition.authored(ROOT) == [path.stem for path in AUTHORED]
    assert sorted(edition.notebooks(ROOT)) == [path.stem for path in CHAPTERS]


@each_with_code
def test_stored_outputs_are_fresh(path):
    fresh = execute.is_fresh(execute.read(path), execute.package_hash(ROOT))
    assert fresh, STALE


@each_with_code
def test_stored_notebook_is_in_normal_form(path):
    notebook = execute.read(path)
    made = execute.normalise(copy.deepcopy(notebook), path.stem)
    normal = json.loads(json.dumps(made)) == json.loads(json.dumps(notebook))
    assert normal, STALE


@each_authored
def test_generated_cells_are_those_of_the_generator(path):
    notebook = execute.read(path)
    made = execute.sync(copy.deepcopy(notebook), execute.setup_source(ROOT))
    assert [cell.source for cell in made.cells] == [cell.source for cell in notebook.cells], STALE
    assert notebook.cells[1].metadata["tags"] == execute.SETUP_TAGS


@each_chapter
def test_cells_were_run_in_order_and_without_trouble(path):
    notebook = execute.read(path)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    bad = [
        (source, output)
        for source, output in outputs(path)
        if output.output_type == "error" or output.get("name") == "stderr"
    ]
    assert bad == []


@each_chapter
def test_outputs_say_nothing_of_the_machine_that_made_them(path):
    for source, output in outputs(path):
        text = json.dumps(output)
        assert not re.search(r" at 0x[0-9a-f]{6,}|/(home|root|tmp|Users)/", text), source


@each_chapter
def test_pictures_in_outputs_have_words(path):
    for source, output in outputs(path):
        data = output.get("data", {})
        if "image/png" in data or "image/svg+xml" in data:
            words = data.get("text/plain", "")
            assert words, source
            assert not words.startswith("<Figure size"), source


@each_authored
def test_cells_are_short(path):
    for cell in execute.read(path).cells:
        if cell.cell_type == "code":
            lines = [line for line in cell.source.splitlines() if line.strip()]
            assert len(lines) <= 20, cell.source


def test_claims_are_named_once():
    ids = [
        output.data[MIME]["id"]
        for path in AUTHORED
        for _, output in outputs(path)
        if MIME in output.get("data", {})
    ]
    assert ids
    assert sorted(ids) == sorted(set(ids))


def test_each_claim_cell_stored_its_verdict():
    for path in AUTHORED:
        for cell in execute.read(path).cells:
            if cell.cell_type == "code" and re.search(r"^claim\(", cell.source, re.MULTILINE):
                assert any(MIME in output.get("data", {}) for output in cell.outputs), cell.source


def test_generated_chapters_are_those_of_the_generator():
    notebooks = {path.stem: execute.read(path) for path in AUTHORED}
    titles = {name: pages.title(notebook) for name, notebook in notebooks.items()}
    setup = execute.setup_source(ROOT)
    made = {
        edition.CLAIMS: pages.claims_page(notebooks),
        edition.SOLUTIONS: execute.sync(pages.solutions_page(titles), setup),
        edition.BIBLIOGRAPHY: pages.bibliography_page(ROOT / "references.bib"),
    }
    for name, notebook in made.items():
        stored = execute.read(ROOT / "notebooks" / f"{name}.ipynb")
        told = f"{name} is {STALE}"
        assert [each.source for each in stored.cells] == [each.source for each in notebook.cells], (
            told
        )


def test_every_exercise_is_posed_once_in_its_chapter():
    posed = {}
    for path in AUTHORED:
        for cell in execute.read(path).cells:
            known = execute.exercise_id(cell)
            if known is not None:
                assert known not in posed, f"{known} is posed twice"
                posed[known] = (path.stem, cell.source)
    assert set(posed) == set(exercises())
    for known, (chapter, source) in posed.items():
        assert chapter == exercises()[known].chapter
        assert source == skeleton(known), STALE
