"""The book's own Sphinx extension: its style, MathJax from the package, links to equations."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from docutils import nodes

from lstmbook.book.pages import anchor

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.config import Config

HERE = Path(__file__).parent
PHONE = 600  # px: windows up to this width show formulas from their left edge
TAG = re.compile(r"\\tag\{(eq-[a-z0-9-]+)\}")
# a label in a docstring; or a literal or a code span (left alone); or a bar, as in |w|
MARKUP = re.compile(r"(?<!`)`(eq-[a-z0-9-]+)`(?!`)|``.+?``|`[^`]+`|(\|)")

MATHJAX = {
    "loader": {"load": ["input/tex", "output/chtml"]},
    "tex": {"packages": {"[+]": ["ams"]}},
    "chtml": {"mtextInheritFont": True, "displayOverflow": "scroll"},
    "options": {
        "processHtmlClass": "tex2jax_process|mathjax_process|math|output_area",
        "ignoreHtmlClass": ".*",
        # the speech worker cannot start on file:// pages; assistive MathML reads formulas aloud
        "enableSpeech": False,
        "enableBraille": False,
        "enableEnrichment": False,
        "enableComplexity": False,
        "enableExplorer": False,
        "enableAssistiveMml": True,
        "menuOptions": {
            "settings": {
                "speech": False,
                "braille": False,
                "enrich": False,
                "collapsible": False,
                "assistiveMml": True,
            }
        },
    },
}


def equation_targets(notebooks: Path) -> dict[str, tuple[str, str]]:
    """Return where each labelled equation stands: label -> (notebook, heading above it).

    Raises
    ------
    ValueError
        If a label stands in two places.
    """
    found: dict[str, tuple[str, str]] = {}
    for path in sorted(notebooks.glob("*.ipynb")):
        heading = ""
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            if cell["cell_type"] != "markdown":
                continue
            for line in "".join(cell["source"]).splitlines():
                if line.startswith("#"):
                    heading = line.lstrip("#").strip()
                for label in TAG.findall(line):
                    if label in found:
                        raise ValueError(f"{label} is tagged in {found[label][0]} and {path.stem}")
                    found[label] = (path.stem, heading)
    return found


def _configure(app: Sphinx, config: Config) -> None:
    config.myst_update_mathjax = False
    config.mathjax_path = "mathjax/tex-chtml.js"
    config.mathjax3_config = MATHJAX
    app.lstmbook_equations = equation_targets(Path(app.srcdir) / "notebooks")  # type: ignore[attr-defined]


def _mend_properties(
    app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]
) -> None:
    """Put together again what napoleon took apart.

    In the first line of a property's docstring it takes what stands before a colon for a type.
    """
    places = [i for i, line in enumerate(lines) if line.startswith(":type: ")]
    if what == "property" and places:
        (place,) = places
        before = lines.pop(place).removeprefix(":type: ")
        lines[0] = f"{before}: {lines[0]}"


def _link_equations(
    app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]
) -> None:
    """Turn labels in docstrings into links to their equations, and keep bars as bars."""

    def link(match: re.Match[str]) -> str:
        label, bar = match.groups()
        if label is None:
            return r"\|" if bar else match[0]
        where = app.lstmbook_equations.get(label)  # type: ignore[attr-defined]
        if where is None:
            return f"``{label}``"
        return f"`{label} <../../notebooks/{where[0]}.html#{anchor(where[1])}>`__"

    lines[:] = [MARKUP.sub(link, line) for line in lines]


def _name_aliases(
    app: Sphinx, what: str, name: str, obj: Any, options: Any, args: str | None, returns: str | None
) -> tuple[str | None, str | None]:
    """Show an alias of a type (``Array``) by its name alone."""

    def plain(text: str | None) -> str | None:
        return None if text is None else re.sub(r"TypeAliasForwardRef\('(\w+)'\)", r"\1", text)

    return plain(args), plain(returns)


def _display_as_written(app: Sphinx, doctree: nodes.document) -> None:
    r"""Keep Sphinx from wrapping formulas of several lines, in which ``\tag`` then fails."""
    for node in doctree.findall(nodes.math_block):
        node["no-wrap"] = True
        node.children = [nodes.Text(rf"\[{node.astext()}\]")]


def _copy_assets(app: Sphinx, problem: Exception | None) -> None:
    if problem is None and app.builder.format == "html":
        target = Path(app.outdir) / "_static"
        shutil.copytree(HERE / "vendor" / "mathjax", target / "mathjax", dirs_exist_ok=True)
        shutil.copytree(HERE / "static", target, dirs_exist_ok=True)
        # the theme brings its icons twice; as a font they weigh half a megabyte less
        icons = target / "scripts" / "fontawesome.js"
        if icons.exists():
            icons.write_text("// the icons are drawn by the font in ../vendor/fontawesome\n")


def _settle_mathjax(
    app: Sphinx, pagename: str, templatename: str, context: dict[str, Any], doctree: Any
) -> None:
    """Tell MathJax where its font lies, from this page, and where formulas begin on a phone."""
    if app.builder.format == "html" and context.get("has_maths_elements"):
        path = context["pathto"]("_static/mathjax/mathjax-newcm-font", resource=True)
        body = (
            "MathJax.output = MathJax.output || {};"
            f"MathJax.output.fontPath = MathJax.chtml.fontPath = {json.dumps(path)};"
            # a relative path is resolved against the page, also on file://
            "MathJax.output.fontPath = MathJax.chtml.fontPath ="
            " new URL(MathJax.output.fontPath, document.baseURI).href;"
            # centred, a tagged formula would begin in the middle of a phone
            f"if (matchMedia('(max-width: {PHONE}px)').matches)"
            " MathJax.output.displayAlign = MathJax.chtml.displayAlign = 'left';"
        )
        app.add_js_file(None, body=body, priority=600)


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the extension with Sphinx."""
    app.connect("config-inited", _configure)
    app.connect("autodoc-process-docstring", _mend_properties, priority=600)  # after napoleon
    app.connect("autodoc-process-docstring", _link_equations, priority=700)
    app.connect("autodoc-process-signature", _name_aliases)
    app.connect("doctree-read", _display_as_written)
    app.connect("html-page-context", _settle_mathjax, priority=900)
    app.connect("build-finished", _copy_assets)
    app.add_css_file("book.css")
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
