"""The chapters read right in JupyterLab, on GitHub and on the site alike."""

import re
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from markdown_it import MarkdownIt
from mdit_py_plugins.dollarmath import dollarmath_plugin

from lstmbook.book import execute, pages

ROOT = Path(__file__).parents[2]
CHAPTERS = execute.chapters(ROOT)
NUMBERED = [path for path in CHAPTERS if "01" <= path.stem[:2] < "90"]
MARKDOWN = MarkdownIt("commonmark").enable("table").use(dollarmath_plugin, double_inline=True)

each_chapter = pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
each_numbered = pytest.mark.parametrize("path", NUMBERED, ids=lambda path: path.stem)


def texts(path):
    """Return the Markdown of a notebook, cell by cell."""
    return [cell.source for cell in execute.read(path).cells if cell.cell_type == "markdown"]


def outside_code(text):
    """Return a text without its fenced and inline code."""
    text = re.sub(r"^(```|~~~).*?^\1", "", text, flags=re.DOTALL | re.MULTILINE)
    return re.sub(r"(`+)(?!`).+?(?<!`)\1(?!`)", "", text)


def headings(path):
    """Return the anchors of a notebook's headings."""
    found = set()
    for text in texts(path):
        tokens = MARKDOWN.parse(text)
        found |= {
            pages.anchor(after.content)
            for token, after in pairwise(tokens)
            if token.type == "heading_open"
        }
    return found


def links(text):
    """Return the targets of all links and pictures of a text, those in HTML included."""
    found = []
    for token in MARKDOWN.parse(text):
        for inner in token.children or [token]:
            found += [str(inner.attrs[name]) for name in ("href", "src") if name in inner.attrs]
            if inner.type in {"html_block", "html_inline"}:
                found += re.findall(r'(?:href|src)="([^"]*)"', inner.content)
    return found


FORBIDDEN = {
    "a MyST role": re.compile(r"\{[a-z][a-z:._-]*\}`"),
    "a directive": re.compile(r"^\s*(`{3,}|:{3,})\s*\{", re.MULTILINE),
    "a MyST label": re.compile(r"^\([\w:.-]+\)=\s*$", re.MULTILINE),
    "a footnote": re.compile(r"\[\^[^\]]+\]"),
    "a reference that only LaTeX resolves": re.compile(r"\\(eqref|ref|label|cite)\s*\{"),
    "a dollar-label of MyST": re.compile(r"\$\$\s*\([\w:-]+\)"),
}


@each_chapter
@pytest.mark.parametrize("kind", FORBIDDEN)
def test_markdown_has_nothing_that_only_one_place_renders(path, kind):
    found = []
    for text in texts(path):
        # directives are fences themselves: look for them before code is taken out
        searched = text if kind == "a directive" else outside_code(text)
        # a role is a name in braces right before inline code, which `outside_code` takes out
        searched = text if kind == "a MyST role" else searched
        found += [match.group() for match in FORBIDDEN[kind].finditer(searched)]
    assert found == [], f"{path.stem} has {kind}"


@each_chapter
def test_links_lead_somewhere(path):
    known = {each.name: headings(each) for each in CHAPTERS}
    dead = []
    for target in (target for text in texts(path) for target in links(text)):
        parts = urlsplit(target)
        if parts.scheme:
            continue
        file = (path.parent / unquote(parts.path)).resolve() if parts.path else path
        anchored = unquote(parts.fragment) in known.get(file.name, ()) if parts.fragment else True
        if not (file.exists() and anchored):
            dead.append(target)
    assert dead == []


@each_chapter
def test_anchors_that_are_linked_are_plain_words(path):
    # what an address must escape is escaped by some readers of notebooks and not by others
    fragments = {urlsplit(target).fragment for text in texts(path) for target in links(text)}
    odd = [each for each in fragments if each and not re.fullmatch(r"[\w,-]+", each)]
    assert odd == []


@each_chapter
def test_a_chapter_begins_with_its_title(path):
    cells = execute.read(path).cells
    assert cells[0].cell_type == "markdown"
    assert re.match(r"# \S", cells[0].source)
    assert (
        sum(bool(re.search(r"^# ", outside_code(text), re.MULTILINE)) for text in texts(path)) == 1
    )


@each_numbered
def test_a_chapter_ends_with_what_it_showed(path):
    assert "In-one-paragraph" in headings(path)


def tags():
    return [
        (tag, path.stem)
        for path in CHAPTERS
        for text in texts(path)
        for tag in re.findall(r"\\tag\*?\{([^}]*)\}", text)
    ]


def test_equations_have_names_of_one_form_and_their_own():
    names = [tag for tag, _ in tags()]
    assert names
    assert [
        each for each in tags() if not re.fullmatch(r"eq-[a-z0-9]+(-[a-z0-9]+)*", each[0])
    ] == []
    assert sorted(names) == sorted(set(names))


def test_equations_that_are_cited_exist():
    known = {tag for tag, _ in tags()}
    cited = {
        (label, path.stem)
        for path in CHAPTERS
        for text in texts(path)
        for label in re.findall(r"\[(eq-[a-z0-9-]+)\]\(", text)
    }
    assert {each for each in cited if each[0] not in known} == set()


def test_a_link_to_an_equation_targets_the_heading_it_stands_under():
    under = {}
    for path in CHAPTERS:
        heading = ""
        for text in texts(path):
            for line in text.splitlines():
                if line.startswith("#"):
                    heading = pages.anchor(line.lstrip("#"))
                for tag in re.findall(r"\\tag\*?\{([^}]*)\}", line):
                    under[tag] = (path.name, heading)
    wrong = []
    for path in CHAPTERS:
        for text in texts(path):
            for label, target in re.findall(r"\[(eq-[a-z0-9-]+)\]\(([^)]*)\)", text):
                parts = urlsplit(target)
                there = (parts.path or path.name, unquote(parts.fragment))
                if label in under and there != under[label]:
                    wrong.append((path.stem, label, there, under[label]))
    assert wrong == []


@each_chapter
def test_pictures_in_the_text_have_words(path):
    for text in texts(path):
        assert not re.search(r"!\[\s*\]\(", outside_code(text))
        for tag in re.findall(r"<img\b[^>]*>", outside_code(text)):
            assert re.search(r'\balt="[^"]+"', tag), tag
