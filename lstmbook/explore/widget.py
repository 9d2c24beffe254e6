"""The widget of an explorable: baked answers in its model, exact ones on request."""

from __future__ import annotations

import functools
import json
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anywidget
import numpy as np
import traitlets

from lstmbook.explore.palette import RAMPS, style_variables
from lstmbook.explore.wire import split

if TYPE_CHECKING:
    from lstmbook.explore.explorable import Explorable

_HERE = Path(__file__).parent


@functools.cache
def script() -> str:
    """Return the widget's module: the vendored library, the ramps' colours and our script."""
    vendored = (_HERE / "vendor" / "d3.js").read_text("utf-8")
    own = (_HERE / "explorable.js").read_text("utf-8")
    ramps = json.dumps(RAMPS, separators=(",", ":"))
    return f"{vendored}\nconst RAMPS = {ramps};\n{own}"


@functools.cache
def style() -> str:
    """Return the widget's style sheet: the colours' variables and our rules."""
    return style_variables() + (_HERE / "explorable.css").read_text("utf-8")


class ExplorableWidget(anywidget.AnyWidget):
    """An anywidget that holds the baked answers and computes exact ones.

    The script says ``{"kind": "hello"}``; only a running kernel answers ``{"kind": "alive"}``.
    It asks ``{"kind": "ask", "id": n, "setting": {...}}`` and gets ``"answer"`` (structure and
    values; numbers as float64 buffers) or ``"error"`` with the same id.
    """

    about = traitlets.Dict().tag(sync=True)
    baked = traitlets.Unicode().tag(sync=True)

    def __init__(self, explorable: Explorable) -> None:
        self._esm = script()
        self._css = style()
        self._explorable = explorable
        packed, _, _ = explorable.baked
        about = {
            "name": explorable.name,
            "title": explorable.title,
            "caption": explorable.caption,
            "controls": [control.wire(name) for name, control in explorable.controls.items()],
        }
        super().__init__(about=about, baked=packed)
        self.on_msg(self._receive)

    def _receive(self, _widget: Any, content: Any, _buffers: Any) -> None:
        kind = content.get("kind") if isinstance(content, dict) else None
        if kind == "hello":
            self.send({"kind": "alive"})
        elif kind == "ask":
            reply, buffers = self.answer(content["setting"])
            self.send({**reply, "id": content["id"]}, buffers)

    def answer(self, setting: dict[str, Any]) -> tuple[dict[str, Any], list[bytes]]:
        """Return the message and the buffers that answer a setting."""
        try:
            structure, arrays, values = split(self._explorable.tree(setting))
        except Exception as problem:  # whatever the author's function raises is shown, not lost
            return {
                "kind": "error",
                "type": type(problem).__name__,
                "message": str(problem),
                "traceback": "".join(traceback.format_exception(problem)),
            }, []
        return (
            {"kind": "answer", "structure": structure, "values": values},
            [np.ascontiguousarray(array, dtype="<f8").tobytes() for _, array in arrays],
        )
