"""Explorables on a Sphinx site made with MyST-NB.

`setup` (an extension) has MyST-NB set a picture's SVG into the page, adds one script and one
style sheet to the pages that have pictures, and leaves in a page's widget state only what its
explorables need.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final

from lstmbook.explore.display import PICTURE_MIME
from lstmbook.explore.widget import script, style

if TYPE_CHECKING:
    from docutils import nodes
    from sphinx.application import Sphinx
    from sphinx.config import Config

SCRIPT_FILE: Final = "explorable.js"
STYLE_FILE: Final = "explorable.css"
_STATE_KEY: Final = "ipywidgets_state"  # MyST-NB's name for the embedded widget state
_KEPT: Final = ("about", "baked")  # the traits of a model that its script reads


class PictureRenderer:
    """Sets ``application/vnd.explorable.picture+json`` into a page, before any other type.

    MyST-NB finds such classes as entry points (``myst_nb.mime_renderers``); `setup` adds this
    one to those it found, so that the extension works from any folder.
    """

    mime_priority_overrides: ClassVar[Sequence[tuple[str, str, int | None]]] = [
        (builder, PICTURE_MIME, 1) for builder in ("html", "dirhtml", "singlehtml")
    ]

    @staticmethod
    def handle_mime(renderer: Any, data: Any, inline: bool) -> list[nodes.Element] | None:
        """Return the figure of a picture, or None for another type."""
        from docutils import nodes

        if inline or data.mime_type != PICTURE_MIME:
            return None
        picture = json.loads(data.content) if isinstance(data.content, str) else data.content
        html = figure(picture, f"{data.cell_index}")
        return [nodes.raw(text=html, format="html", classes=["output", "explorable"])]


def figure(picture: dict[str, Any], place: str) -> str:
    """Return the figure's HTML; `place`, unique in the page, goes into the SVG's ids."""
    svg = re.sub(r"\b(xp[0-9a-f]{6}-)", rf"\g<1>{place}-", picture["svg"])
    attributes = 'class="xp-figure"'
    caption = ""
    if picture.get("model_id"):
        attributes += f' data-model-id="{escape(picture["model_id"])}"'
        words = [picture["caption"], f"Shown at {picture['setting']}:", picture["alt"]]
        text = " ".join(escape(part) for part in words if part)
        caption = f"<figcaption><strong>{escape(picture['title'])}.</strong> {text}</figcaption>"
    else:
        attributes += f' data-picture="{escape(picture["data"])}"'
    return f'<figure {attributes}><div class="xp-plots">{svg}</div>{caption}</figure>'


def keep_used(state: dict[str, Any], used: set[str]) -> dict[str, Any]:
    """Return the models of a widget state that are used, with the traits their script reads."""
    return {
        model_id: {
            "model_name": model.get("model_name"),
            "state": {name: model["state"][name] for name in _KEPT},
        }
        for model_id, model in state.items()
        if model_id in used and all(name in model["state"] for name in _KEPT)
    }


def _trim_page(
    app: Sphinx, pagename: str, _template: str, context: dict[str, Any], _doctree: Any
) -> None:
    """Add the script and the style where a page has pictures, and trim its widget state."""
    body = context.get("body") or ""
    if app.builder.format != "html":
        return
    if 'class="xp-figure"' in body:
        app.add_js_file(SCRIPT_FILE, loading_method="defer")
        app.add_css_file(STYLE_FILE)
    metadata: Any = getattr(app.env, "nb_metadata", {})
    files = metadata.get(pagename, {}).get("js_files", {})
    if _STATE_KEY not in files:
        return
    path, attributes = files[_STATE_KEY]
    embedded = json.loads(attributes["body"])
    used = set(re.findall(r'data-model-id="([^"]+)"', body))
    embedded["state"] = keep_used(embedded["state"], used)
    if embedded["state"]:
        text = json.dumps(embedded, separators=(",", ":")).replace("</", "<\\/")
        files[_STATE_KEY] = (path, {**attributes, "body": text})
    else:
        del files[_STATE_KEY]


def _stay_home(_app: Sphinx, config: Config) -> None:
    """Keep MyST-NB from loading its widget manager from another host: nothing here needs it."""
    from myst_nb.core.config import ipywidgets_js_factory  # type: ignore[import-untyped]

    if config.nb_ipywidgets_js == ipywidgets_js_factory():
        config["nb_ipywidgets_js"] = {}


def _write_files(app: Sphinx, *_: Any) -> None:
    """Write the script and the style that the site's pages share."""
    if app.builder.format != "html":
        return
    folder = Path(app.outdir) / "_static"
    folder.mkdir(parents=True, exist_ok=True)
    mount = (Path(__file__).parent / "mount.js").read_text("utf-8")
    runtime = f"window.explorableRuntime = {json.dumps(script())};\n{mount}"
    (folder / SCRIPT_FILE).write_text(runtime, "utf-8")
    (folder / STYLE_FILE).write_text(style(), "utf-8")


def setup(app: Sphinx) -> dict[str, Any]:
    """Connect to Sphinx; MyST-NB must be among the extensions."""
    from myst_nb.core.render import load_mime_renders  # type: ignore[import-untyped]

    app.setup_extension("myst_nb")
    renderers = load_mime_renders()
    if PictureRenderer not in renderers:
        renderers.append(PictureRenderer)
    app.connect("config-inited", _stay_home)
    app.connect("builder-inited", _write_files)
    app.connect("html-page-context", _trim_page, priority=400)  # before MyST-NB adds the state
    app.connect("build-finished", _write_files)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
