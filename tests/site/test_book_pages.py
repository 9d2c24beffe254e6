"""Every page of the book as readers see it: on a desk in the light, in the dark, on a phone."""

import gzip
import json
import re
import statistics
from pathlib import Path

import pytest
from browser_support import axe_violations, overflow, watch

from lstmbook.book.edition import GENERATED, listed, notebooks

pytestmark = [
    pytest.mark.browser,
    # a plugin of pytest-playwright still defines a session fixture the old way
    pytest.mark.filterwarnings("ignore:Session-scoped fixtures"),
]

ROOT = Path(__file__).parents[2]
PAGES = [*(f"{name}.html" for name in listed(ROOT)), "docs/api/lstmbook.weight_bound.html"]
CHAPTERS = [f"notebooks/{name}.html" for name in notebooks(ROOT) if name not in GENERATED]
EXPLORED = [page for page in CHAPTERS if "preface" not in page]
MOUNTED = "html[data-explorables=mounted]"
MOST_BYTES = 1_500_000

# What axe-core finds in the theme's own markup, by rule: its search button lies outside every
# landmark (region), and the arrows that unfold its side bar have no name (summary-name).
THEIRS = {"region", "summary-name"}


@pytest.fixture
def seen(page):
    return watch(page)


def settle(page):
    """Wait until MathJax and the explorables are done, and no colour is on its way to another."""
    page.wait_for_load_state("load")
    page.evaluate("window.MathJax?.startup?.promise")
    if page.locator(".xp-figure").count():
        page.wait_for_selector(MOUNTED)
    page.wait_for_function("document.getAnimations().every(a => a.playState !== 'running')")


@pytest.mark.parametrize("name", PAGES)
def test_a_page_asks_no_other_host_and_has_no_errors(page, seen, address, name):
    page.goto(f"{address}/{name}")
    settle(page)
    seen.assert_clean()
    assert page.locator("mjx-merror").count() == 0
    broken = "[...document.images].filter(i => i.complete && !i.naturalWidth).map(i => i.src)"
    assert page.evaluate(broken) == []
    without = "[...document.querySelectorAll('main img')].filter(i => !i.alt.trim()).length"
    assert page.evaluate(without) == 0


@pytest.mark.parametrize("name", CHAPTERS)
def test_a_chapter_works_as_a_file(page, seen, site, name):
    page.goto((site / name).as_uri())
    settle(page)
    seen.assert_clean()
    assert page.locator("mjx-container").count() > 0


@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing_of_ours(page, address, name):
    page.goto(f"{address}/{name}")
    settle(page)
    # contrast is measured below: on the longest pages it alone takes minutes
    options = {"rules": {"color-contrast": {"enabled": False}}}
    found = axe_violations(page, options=options)
    assert {rule: where for rule, where in found.items() if rule not in THEIRS} == {}


@pytest.mark.parametrize("name", [page for page in PAGES if page not in EXPLORED])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_texts_stand_out(page, address, name, scheme):
    """The preface has everything that a chapter has: code, formulas, claims, an explorable."""
    page.emulate_media(color_scheme=scheme)
    page.goto(f"{address}/{name}")
    settle(page)
    assert page.evaluate("document.documentElement.dataset.theme") == scheme
    assert axe_violations(page, options={"runOnly": ["color-contrast"]}) == {}


@pytest.mark.parametrize("name", PAGES)
def test_nothing_sticks_out_of_a_phone(page, address, name):
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(f"{address}/{name}")
    settle(page)
    assert overflow(page) <= 0


@pytest.mark.parametrize("name", CHAPTERS)
def test_a_chapter_is_light_enough_to_load(page, address, site, name):
    asked = []
    page.on("response", lambda response: asked.append(response.url))
    page.goto(f"{address}/{name}")
    settle(page)
    files = {
        site / url.removeprefix(address + "/").split("?")[0] for url in asked if address in url
    }
    sizes = [len(gzip.compress(path.read_bytes())) for path in files if path.is_file()]
    assert sum(sizes) < MOST_BYTES


@pytest.mark.parametrize("name", EXPLORED)
def test_every_slider_changes_its_drawing_by_keyboard_and_by_pointer(page, address, name):
    page.goto(f"{address}/{name}")
    settle(page)
    figures = page.locator(".xp-figure[data-model-id]")
    assert figures.count() >= 3
    for number in range(figures.count()):
        figure = figures.nth(number)
        sliders = figure.get_by_role("slider")
        for slider in sliders.all():
            where = slider.evaluate("e => e.labels?.[0]?.innerText")
            before = _drawing(figure)
            slider.focus()
            # an end of the range may be where it stands: go to the other one
            page.keyboard.press(
                "Home" if slider.input_value() != slider.get_attribute("min") else "End"
            )
            between = _changed(figure, before)
            assert between != before, f"{where}: the keyboard changes nothing"
            box = slider.bounding_box()
            page.mouse.click(box["x"] + box["width"] * 0.4, box["y"] + box["height"] / 2)
            assert _changed(figure, between) != between, f"{where}: the pointer changes nothing"
            figure.get_by_role("button", name="Reset").click()


def _changed(figure, before, seconds=5):
    """Return the drawing as soon as it differs from `before`; give up after some seconds."""
    for _ in range(seconds * 20):
        if (now := _drawing(figure)) != before:
            return now
        figure.page.wait_for_timeout(50)
    return before


def _drawing(figure):
    return figure.evaluate(
        "e => [...e.querySelectorAll('svg, canvas, .xp-says')].map(n => n.outerHTML).join()"
    )


@pytest.mark.parametrize("name", EXPLORED)
def test_a_redraw_takes_little_script_time(page, address, name, record_property, capsys):
    page.goto(f"{address}/{name}")
    settle(page)
    times = page.evaluate(
        """() => [...document.querySelectorAll('.xp-figure input[type=range]')].flatMap(slider => {
          const went = [];
          const count = Math.round((slider.max - slider.min) / slider.step);
          for (let k = 0; k < 12; k++) {
            slider.value = +slider.min + (k % (count + 1)) * slider.step;
            const started = performance.now();
            slider.dispatchEvent(new Event('input', {bubbles: true}));
            went.push(performance.now() - started);
          }
          return went;
        })"""
    )
    median = statistics.median(times)
    record_property("median_ms", median)
    with capsys.disabled():
        print(f"\n{name}: a redraw takes {median:.2f} ms of script (median of {len(times)})")
    assert median < 50


def test_links_lead_somewhere(site):
    """Follow every link of the built pages to a page that exists and, within, to its anchor."""
    ids, missing = {}, []

    def anchors(path):
        if path not in ids:
            ids[path] = set(re.findall(r'\bid="([^"]+)"', path.read_text(encoding="utf-8")))
        return ids[path]

    pages = [*site.glob("*.html"), *site.glob("notebooks/*.html"), *site.glob("docs/**/*.html")]
    for path in pages:
        for href in re.findall(r'<a [^>]*href="([^"]+)"', path.read_text(encoding="utf-8")):
            target, _, anchor = href.partition("#")
            if re.match(r"[a-z]+:", target) or target.startswith("//"):
                continue
            there = (path.parent / target).resolve() if target else path
            if not there.exists() or (
                anchor and there.suffix == ".html" and anchor not in anchors(there)
            ):
                missing.append(f"{path.relative_to(site)}: {href}")
    assert missing == []


def test_search_finds_a_term_without_a_network(page, seen, address):
    page.goto(f"{address}/search.html?q=carousel+latch")
    page.goto(f"{address}/search.html?q=gradient")
    page.wait_for_selector("#search-results li a")
    assert page.locator("#search-results li a").count() > 1
    seen.assert_clean()


@pytest.mark.parametrize("name", CHAPTERS)
def test_a_chapter_can_be_downloaded_and_opened_elsewhere(page, address, site, name):
    page.goto(f"{address}/{name}")
    links = page.evaluate("[...document.querySelectorAll('a')].map(a => a.getAttribute('href'))")
    stem = Path(name).stem
    assert any("colab.research.google.com" in (link or "") and stem in link for link in links)
    assert any("mybinder.org" in (link or "") and stem in link for link in links)
    local = [link for link in links if link and not re.match("[a-z]+:", link)]
    source = next(link for link in local if link.endswith(f"{stem}.ipynb"))
    notebook = json.loads((site / name).parent.joinpath(source).resolve().read_text("utf-8"))
    assert any(cell.get("outputs") for cell in notebook["cells"])


def test_the_claims_page_lists_what_the_chapters_measured(page, address, site):
    page.goto(f"{address}/notebooks/90_claims.html")
    rows = page.locator("table tbody tr").count()
    shown = 0
    for name in CHAPTERS:
        shown += len(re.findall(r'class="lstmbook-claim"', (site / name).read_text("utf-8")))
    assert rows == shown > 20
