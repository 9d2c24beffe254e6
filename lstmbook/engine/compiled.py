"""Compiles a written trial loop, once per machine: sources and machine code are kept on disk."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from types import ModuleType

from lstmbook.engine.kernel import Kernel
from lstmbook.engine.writer import Writer
from lstmbook.lanes.specialise import cache_directory, module_at, write_once


def _written(kernel: Kernel) -> Path:
    """Write a kernel's source to the cache, unless it stands there, and return its place.

    Another version of Numba has a file of its own: it cannot use the machine code beside this one.
    """
    text = Writer(kernel).source_text()
    own = (Path(__file__).parent / "scalar.py").read_bytes() + metadata.version("numba").encode()
    name = hashlib.sha256(text.encode() + own).hexdigest()[:16]
    place = cache_directory() / f"loop_{name}.py"
    write_once(place, text)
    return place


def is_compiled(kernel: Kernel) -> bool:
    """Return whether this kernel's machine code is on disk."""
    place = _written(kernel)
    return any((place.parent / "__pycache__").glob(f"{place.stem}.run-*.nbc"))


def loop_of(kernel: Kernel, on_compile: Callable[[str], None] | None = None) -> ModuleType:
    """Return the module of a kernel's function `run`.

    Parameters
    ----------
    on_compile
        Called with a line of text if the loop has yet to be compiled (it takes some seconds).
    """
    place = _written(kernel)
    if on_compile is not None and not is_compiled(kernel):
        on_compile(f"compiling the trial loop for {kernel.family} ({kernel.dtype})")
    return module_at(place)


def interpreted(kernel: Kernel) -> ModuleType:
    """Return the same module run by plain Python, for tests of what is written."""
    text = Writer(kernel).source_text()
    for room in ("lanes.machine", "engine.scalar"):
        text = text.replace(f"lstmbook.{room}", "lstmbook.engine.plain")
    module = ModuleType("interpreted_loop")
    exec(compile(text, "interpreted_loop", "exec"), module.__dict__)
    return module
