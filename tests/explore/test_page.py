"""Explorables on a static page, in a real browser: over http, and opened as a file."""

import base64
import json
import re
import statistics

import numpy as np
import pytest
from browser_support import axe_violations, overflow, watch
from example import flow
from playwright.sync_api import expect

from lstmbook.explore.packing import unpack
from lstmbook.explore.palette import DARK, LIGHT
from lstmbook.explore.widget import script

pytestmark = [
    pytest.mark.browser,
    # a plugin of pytest-playwright still defines a session fixture the old way
    pytest.mark.filterwarnings("ignore:Session-scoped fixtures"),
]

MOUNTED = "html[data-explorables=mounted]"


@pytest.fixture
def seen(page):
    return watch(page)


@pytest.fixture(params=["http", "file"])
def url(request, address, site):
    return f"{address if request.param == 'http' else site.as_uri()}/index.html"


def visit(page, url):
    page.goto(url)
    page.wait_for_selector(MOUNTED)


def widget(page, title):
    return page.get_by_role("group", name=title)


def line(page):
    return widget(page, "Error flow").locator("path.xp-line").get_attribute("d")


def test_keyboard_and_pointer_change_the_drawing(page, url, seen):
    visit(page, url)
    group = widget(page, "Error flow")
    slider = group.get_by_role("slider", name="lag")
    before = line(page)
    slider.focus()
    page.keyboard.press("ArrowRight")
    expect(group.locator("output").first).to_have_text("11")
    expect(group.locator(".xp-says")).to_contain_text("At lag 11")
    assert slider.get_attribute("aria-valuetext") == "11"
    after = line(page)
    assert after != before
    box = slider.bounding_box()
    page.mouse.click(box["x"] + box["width"] - 3, box["y"] + box["height"] / 2)
    expect(group.locator("output").first).to_have_text("30")
    group.get_by_label("tanh").check()
    expect(group.locator(".xp-says")).to_contain_text("1.07e+09")
    group.get_by_role("button", name="Reset").click()
    expect(group.locator(".xp-says")).to_contain_text("At lag 10")
    assert line(page) == before
    expect(group.locator(".xp-badge")).to_have_text("precomputed at 1500 settings")
    seen.assert_clean()


def test_what_is_seen_is_announced_after_a_rest(page, url, seen):
    visit(page, url)
    group = widget(page, "Error flow")
    region = group.locator("[aria-live=polite]")
    page.wait_for_timeout(1000)
    expect(region).to_have_text("")
    slider = group.get_by_role("slider", name="lag")
    slider.focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    expect(region).to_have_text(re.compile("At lag 13 "))
    seen.assert_clean()


def test_a_select_and_every_mark(page, url, seen):
    visit(page, url)
    group = widget(page, "Every kind")
    kinds = group.locator("[data-kind]").evaluate_all("all => all.map(g => g.dataset.kind)")
    assert set(kinds) == {
        *("band", "line", "rule", "text", "bars", "image", "edges", "nodes", "dots")
    }
    names = group.get_by_role("img").evaluate_all("all => all.map(e => e.ariaLabel)")
    assert names == [
        "A wave at phase 1.0.",
        "Three bars.",
        "A map.",
        "A net of three units.",
        "A ring.",
    ]
    group.get_by_label("shape").select_option("fourth")
    expect(group.locator(".xp-says")).to_contain_text("fourth")
    image = group.locator("image").get_attribute("href")
    group.get_by_role("slider").press("ArrowRight")
    expect(group.locator(".xp-says")).to_contain_text("At phase 1.5")
    assert group.locator("image").get_attribute("href") != image
    seen.assert_clean()


def test_a_redraw_takes_little_time(page, address):
    visit(page, f"{address}/index.html")
    page.evaluate(
        "window.ms = []; addEventListener('xp:redraw', (event) => ms.push(event.detail.ms))"
    )
    slider = widget(page, "Error flow").get_by_role("slider", name="lag")
    for i in range(40):
        slider.press("ArrowRight" if i % 20 < 10 else "ArrowLeft")
    times = page.evaluate("ms")
    assert len(times) >= 20
    median = statistics.median(times)
    print(f"median redraw: {median:.2f} ms over {len(times)}")
    assert median < 50


def test_a_link_restores_its_setting(page, url, seen):
    visit(page, f"{url}#xp:flow?lag=3&w=-1.1&f=tanh&other=1")
    group = widget(page, "Error flow")
    expect(group.locator(".xp-says")).to_contain_text("At lag 3")
    assert group.locator("output").all_inner_texts() == ["3", "-1.00"]
    expect(group.get_by_label("tanh")).to_be_checked()
    page.evaluate("location.hash = '#xp:flow?lag=99&f=none&w=6'")
    expect(group.locator("output").nth(1)).to_have_text("6.00")
    expect(group.locator(".xp-says")).to_contain_text("At lag 10")
    seen.assert_clean()


def test_copied_texts(page, context, address, seen):
    context.grant_permissions(["clipboard-read", "clipboard-write"], origin=address)
    visit(page, f"{address}/index.html")
    group = widget(page, "Error flow")
    group.get_by_label("tanh").check()
    group.get_by_role("button", name="Copy Python").click()
    expect(group.get_by_role("button", name="Copied")).to_be_visible()
    text = page.evaluate("navigator.clipboard.readText()")
    assert text == 'flow(lag=10, w=2.0, f="tanh")'
    assert eval(text, {"flow": flow}).says.startswith("At lag 10")
    group.get_by_role("button", name="Copy link").click()
    page.wait_for_function("navigator.clipboard.readText().then(t => t.startsWith('http'))")
    link = page.evaluate("navigator.clipboard.readText()")
    assert link == f"{address}/index.html#xp:flow?lag=10&w=2&f=tanh"
    seen.assert_clean()


def test_where_the_clipboard_fails_the_text_is_shown_selected(page, address, seen):
    page.add_init_script(
        "Object.defineProperty(navigator, 'clipboard',"
        " {value: {writeText: () => Promise.reject(new Error('no'))}})"
    )
    visit(page, f"{address}/index.html")
    group = widget(page, "Error flow")
    group.get_by_role("button", name="Copy Python").click()
    field = group.get_by_label("Text to copy")
    expect(field).to_have_value('flow(lag=10, w=2.0, f="logistic")')
    expect(field).to_be_focused()
    assert page.evaluate("getSelection().toString()").startswith("flow(")
    seen.assert_clean()


@pytest.mark.parametrize(("scheme", "colors"), [("light", LIGHT), ("dark", DARK)])
def test_colours_follow_the_theme(page, address, scheme, colors, seen):
    page.emulate_media(color_scheme=scheme)
    visit(page, f"{address}/index.html")
    path = widget(page, "Error flow").locator("path.xp-line")
    wanted = "rgb(" + ", ".join(str(int(colors["blue"][i : i + 2], 16)) for i in (1, 3, 5)) + ")"
    assert path.evaluate("e => getComputedStyle(e).stroke") == wanted
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    dark = "rgb(" + ", ".join(str(int(DARK["blue"][i : i + 2], 16)) for i in (1, 3, 5)) + ")"
    assert path.evaluate("e => getComputedStyle(e).stroke") == dark
    seen.assert_clean()


def test_a_phone_shows_everything_in_its_width(page, address, seen):
    page.set_viewport_size({"width": 390, "height": 844})
    visit(page, f"{address}/index.html")
    assert overflow(page) == 0
    sizes = page.locator(".xp-figure svg text").evaluate_all(
        """all => all.filter(e => e.textContent).map(e => {
             const svg = e.ownerSVGElement;
             const scale = svg.getBoundingClientRect().width / svg.viewBox.baseVal.width;
             return parseFloat(getComputedStyle(e).fontSize) * scale; })"""
    )
    assert min(sizes) >= 11
    lefts = (
        widget(page, "Every kind")
        .locator(".xp-plot")
        .evaluate_all("all => all.map(e => Math.round(e.getBoundingClientRect().left))")
    )
    assert len(set(lefts)) == 1
    page.set_viewport_size({"width": 1200, "height": 844})
    page.wait_for_function(
        "new Set([...document.querySelectorAll('.xp-plot')]"
        ".map(e => e.getBoundingClientRect().left)).size > 1"
    )
    seen.assert_clean()


def test_nothing_moves_by_itself(page, address):
    page.emulate_media(reduced_motion="reduce")
    visit(page, f"{address}/index.html")
    moving = page.locator(".xp *").evaluate_all(
        "all => all.filter(e => getComputedStyle(e).transitionDuration !== '0s'"
        " || getComputedStyle(e).animationName !== 'none').map(e => e.className)"
    )
    assert moving == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing(page, address, scheme):
    page.emulate_media(color_scheme=scheme)
    visit(page, f"{address}/index.html")
    assert axe_violations(page, ".xp-figure") == {}


def test_focus_is_visible(page, address):
    visit(page, f"{address}/index.html")
    widget(page, "Error flow").get_by_role("slider", name="lag").focus()
    page.keyboard.press("ArrowLeft")
    for _ in range(6):
        style = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert style == "solid"
        page.keyboard.press("Tab")


def test_without_scripts_the_picture_and_its_words_are_there(browser, site):
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(f"{site.as_uri()}/index.html")
    figure = page.locator(".xp-figure").first
    expect(figure.get_by_role("img")).to_be_visible()
    expect(figure.locator("figcaption")).to_contain_text("Shown at lag q (steps) = 10")
    expect(figure.locator("figcaption")).to_contain_text("At lag 10 the flow is at most")
    context.close()


def test_pages_carry_answers_but_no_programs(site):
    text = (site / "index.html").read_text("utf-8")
    state = json.loads(re.search(r'widget-state\+json">(.*?)</script>', text, re.S).group(1))[
        "state"
    ]
    assert len(state) == 2
    assert all(set(model["state"]) == {"about", "baked"} for model in state.values())
    assert "require.js" not in text
    assert text.count("explorable.js") == 1


def test_the_script_unpacks_the_same_numbers(page, address):
    """The browser's decoder and Python's agree on every point of a grid."""
    visit(page, f"{address}/index.html")
    packed, _, _ = flow.baked
    module = base64.b64encode(script().encode()).decode()
    got = page.evaluate(
        """async ([module, packed]) => {
             const bytes = Uint8Array.from(atob(module), (c) => c.charCodeAt(0));
             const url = URL.createObjectURL(new Blob([bytes], { type: "text/javascript" }));
             const { unpack } = await import(url);
             const baked = await unpack(packed);
             const out = [];
             for (let i = 0; i < baked.count; i++) {
               const tree = baked.at(i);
               out.push([tree.says, tree.plots[0].marks.filter((m) => m.x?.length !== undefined)
                 .map((m) => [[...m.x], [...m.y]])]);
             }
             return { out, domains: baked.domains, shape: baked.shape };
           }""",
        [module, packed],
    )
    trees, shape, ends = unpack(packed)
    assert (got["shape"], got["domains"]) == (shape, ends)
    for tree, (says, marks) in zip(trees, got["out"], strict=True):
        assert says == tree["says"]
        own = [mark for mark in tree["plots"][0]["marks"] if mark["kind"] != "rule"]
        for mark, (x, y) in zip(own, marks, strict=True):
            np.testing.assert_allclose(np.array(x, float), mark["x"], rtol=1e-14)
            np.testing.assert_allclose(np.array(y, float), mark["y"], rtol=1e-12)
