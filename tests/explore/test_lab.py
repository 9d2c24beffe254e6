"""Explorables beside a running kernel, in JupyterLab."""

import statistics
from pathlib import Path

import pytest
from browser_support import jupyterlab, run_all_cells, watch, write_notebook
from playwright.sync_api import expect

pytestmark = [
    pytest.mark.browser,
    pytest.mark.lab,
    # a plugin of pytest-playwright still defines a session fixture the old way
    pytest.mark.filterwarnings("ignore:Session-scoped fixtures"),
]

FIRST = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\nfrom example import *"


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """A JupyterLab with one notebook; yields the notebook's address."""
    root = tmp_path_factory.mktemp("lab")
    write_notebook(root / "live.ipynb", FIRST, "flow", "faulty")
    with jupyterlab(root, tmp_path_factory.mktemp("settings")) as address:
        yield f"{address}/lab/tree/live.ipynb"


@pytest.fixture
def notebook(page, lab):
    """The notebook open in JupyterLab with all cells run."""
    seen = watch(page)
    page.set_viewport_size({"width": 1200, "height": 1600})
    page.goto(lab)
    run_all_cells(page)
    page.get_by_role("group", name="Error flow").wait_for(timeout=60_000)
    yield page
    assert not seen.outside, seen.outside
    ours = [text for text in seen.errors if "xp" in text or "explorable" in text]
    assert not ours, ours


def test_the_exact_answer_replaces_the_baked_one(notebook):
    page = notebook
    group = page.get_by_role("group", name="Error flow")
    badge = group.locator(".xp-badge")
    expect(badge).to_have_text("exact (computed now by Python)", timeout=20_000)
    expect(group.get_by_role("button", name="Copy link")).to_be_hidden()
    slider = group.get_by_role("slider", name="self-weight")
    assert slider.get_attribute("step") == "0.05"
    group.get_by_label("tanh").check()
    page.evaluate(
        """() => {
             window.answers = [];
             let moved = 0;
             addEventListener('input', () => { moved = performance.now(); }, true);
             const badge = document.querySelector('.xp-badge');
             new MutationObserver(() => {
               if (badge.textContent.startsWith('exact')) answers.push(performance.now() - moved);
             }).observe(badge, { childList: true });
           }"""
    )
    for i in range(1, 31):
        slider.press("ArrowRight" if i <= 15 else "ArrowLeft")
        expect(badge).to_have_text("exact (computed now by Python)")
    slider.press("ArrowRight")
    expect(group.locator("output").nth(1)).to_have_text("2.05")
    exact = f"At lag 10 the flow is at most {2.05**10:.3g}."
    expect(group.locator(".xp-says")).to_have_text(exact)
    expect(badge).to_have_text("exact (computed now by Python)")
    times = page.evaluate("answers")
    median = statistics.median(times)
    print(f"exact answer: median {median:.0f} ms over {len(times)}")
    assert median < 1000


def test_an_error_in_python_shows_and_passes(notebook):
    page = notebook
    group = page.get_by_role("group", name="Sometimes wrong")
    badge = group.locator(".xp-badge")
    expect(badge).to_have_text("exact (computed now by Python)", timeout=20_000)
    slider = group.get_by_role("slider")
    slider.press("ArrowRight")
    alert = group.get_by_role("alert")
    expect(alert).to_contain_text("ArithmeticError: no answer for 1.1")
    expect(alert).to_contain_text("faulty(w=1.1)")
    expect(group.locator(".xp-says")).to_have_text("Slope 1.0.")
    alert.locator("summary").click()
    expect(alert.locator("pre")).to_contain_text("raise ArithmeticError")
    for _ in range(4):
        slider.press("ArrowRight")
    expect(badge).to_have_text("exact (computed now by Python)")
    expect(group.locator(".xp-says")).to_have_text("Slope 1.5.")
    expect(alert).to_be_hidden()
