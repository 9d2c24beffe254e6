"""A chapter as readers run it: in JupyterLab, with a kernel."""

import shutil
from pathlib import Path

import pytest
from browser_support import jupyterlab, run_all_cells, watch
from playwright.sync_api import expect

pytestmark = [
    pytest.mark.browser,
    pytest.mark.lab,
    # a plugin of pytest-playwright still defines a session fixture the old way
    pytest.mark.filterwarnings("ignore:Session-scoped fixtures"),
]

ROOT = Path(__file__).parents[2]
CHAPTER = "01_recurrent_networks.ipynb"
EXPLORABLE = "What one unit remembers of its start"
TRIALS = "14_long_time_lags.ipynb"


def test_the_exact_answer_replaces_the_precomputed_one(page, tmp_path):
    book = tmp_path / "book"
    book.mkdir()
    shutil.copy(ROOT / "notebooks" / CHAPTER, book)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    seen = watch(page)
    page.set_viewport_size({"width": 1300, "height": 2400})
    with jupyterlab(book, scratch) as address:
        page.goto(f"{address}/lab/tree/{CHAPTER}")
        # before anything runs, the stored outputs show a picture for each explorable
        expect(page.locator(".jp-RenderedImage img").first).to_be_visible(timeout=60_000)
        run_all_cells(page)
        group = page.get_by_role("group", name=EXPLORABLE)
        badge = group.locator(".xp-badge")
        expect(badge).to_have_text("exact (computed now by Python)", timeout=120_000)
        before = group.locator("svg").first.evaluate("e => e.outerHTML")
        slider = group.get_by_role("slider", name="self-weight w")
        slider.press("ArrowRight")
        # 2.1 lies between the precomputed settings: only Python can know it
        expect(group.locator("output").first).to_have_text("2.1")
        expect(badge).to_have_text("exact (computed now by Python)")
        assert group.locator("svg").first.evaluate("e => e.outerHTML") != before
        assert not page.locator(".jp-RenderedText[data-mime-type*=stderr]").count()
    assert not seen.outside, seen.outside


def test_stored_trials_are_drawn_anew(page, tmp_path):
    shutil.copy(ROOT / "notebooks" / TRIALS, tmp_path)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    page.set_viewport_size({"width": 1300, "height": 40_000})  # all cells are in sight
    with jupyterlab(tmp_path, scratch) as address:
        page.goto(f"{address}/lab/tree/{TRIALS}")
        expect(page.locator(".jp-RenderedImage img").first).to_be_visible(timeout=60_000)
        run_all_cells(page)
        group = page.get_by_role("group", name="RTRL at a delay of 4")
        badge = group.locator(".xp-badge")
        expect(badge).to_have_text("exact (computed now by Python)", timeout=120_000)
        before = group.locator("svg").first.evaluate("e => e.outerHTML")
        group.get_by_role("radio", name="10").check()
        expect(badge).to_have_text("exact (computed now by Python)")
        assert group.locator("svg").first.evaluate("e => e.outerHTML") != before
