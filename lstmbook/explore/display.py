"""What a notebook shows for a picture: one bundle of PNG, text and inline SVG."""

from __future__ import annotations

from typing import Any, Final

from lstmbook.explore import static
from lstmbook.explore.domains import domains
from lstmbook.explore.packing import pack
from lstmbook.explore.pictures import Picture
from lstmbook.explore.wire import describe

PICTURE_MIME: Final = "application/vnd.explorable.picture+json"
WIDGET_MIME: Final = "application/vnd.jupyter.widget-view+json"

Bundle = tuple[dict[str, Any], dict[str, Any]]


def bundle(picture: Picture) -> Bundle:
    """Return the mime bundle, and its metadata, of a picture that stands alone."""
    tree = describe(picture)
    ends = domains([tree])
    data, width, height = static.png(tree, ends)
    titles = [plot["title"] for plot in tree["plots"] if plot["title"]]
    return (
        {
            "image/png": data,
            "text/plain": "\n".join([*titles, tree["says"]]),
            PICTURE_MIME: {
                "svg": static.svg(tree, ends),
                "alt": tree["says"],
                "model_id": None,
                "data": pack([tree], [1], ends),
            },
        },
        {"image/png": {"width": width, "height": height, "alt": tree["says"]}},
    )
