"""Compiles the loop for a program, once per machine: what is compiled is kept on disk."""

from __future__ import annotations

import getpass
import hashlib
import importlib.util
import os
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from lstmbook.lanes.loop import Arrays, Program
from lstmbook.lanes.loop import run as run_trials
from lstmbook.lanes.words import Constants, described

ENTRY = '''"""Lane code for some constants; its machine code is kept beside this file.

{source}
{constants}
"""

CONSTANTS = KINDS = source = arrays_at = None


def run(number, addresses):
    return source(CONSTANTS, number, arrays_at(KINDS, addresses))
'''


def cache_directory() -> Path:
    """Return where compiled loops are kept.

    The environment's LSTMBOOK_CACHE if set, else the user's cache directory, else (if that
    cannot be written) a temporary one.
    """
    if "LSTMBOOK_CACHE" in os.environ:
        place = Path(os.environ["LSTMBOOK_CACHE"])
    elif sys.platform == "darwin":
        place = Path.home() / "Library" / "Caches" / "lstmbook"
    elif sys.platform == "win32":
        place = Path(os.environ.get("LOCALAPPDATA", Path.home())) / "lstmbook" / "Cache"
    else:
        place = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "lstmbook"
    try:
        (place / "lanes").mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=place / "lanes").close()
    except OSError:
        place = Path(tempfile.gettempdir()) / f"lstmbook-{getpass.getuser()}"
        (place / "lanes").mkdir(parents=True, exist_ok=True)
    return place / "lanes"


def need_numba() -> None:
    """Check that there is something to compile with.

    Raises
    ------
    ImportError
        If Numba is not installed.
    """
    if find_spec("numba") is None:
        raise ImportError(
            "numba is not installed; compiled trials need it (pip install numba), "
            "plain ones (plain=True) do not"
        )


@cache
def sources_digest() -> str:
    """Return a digest of all files that lane code may stand in."""
    package = Path(__file__).parents[1]
    found = hashlib.sha256(metadata.version("numba").encode())
    for room in ("lanes", "learners", "tasks"):
        for file in sorted((package / room).glob("*.py")):
            found.update(file.read_bytes())
    return found.hexdigest()


def write_once(place: Path, text: str) -> None:
    """Write a file whole, unless it is there: another process may do so at the same time."""
    if not place.exists():
        with tempfile.NamedTemporaryFile(
            "w", dir=place.parent, delete=False, encoding="utf-8"
        ) as draft:
            draft.write(text)
        os.replace(draft.name, place)


def _written(source: Any, constants: Any) -> Path:
    """Write an entry to the cache, unless it stands there, and return its place."""
    text = ENTRY.format(source=source.__qualname__, constants=described(constants))
    name = hashlib.sha256((text + sources_digest()).encode()).hexdigest()[:16]
    place = cache_directory() / f"{source.__name__}_{name}.py"
    write_once(place, text)
    return place


@cache
def module_at(place: Path) -> ModuleType:
    """Return the module that a file of the cache is."""
    spec = importlib.util.spec_from_file_location(place.stem, place)
    if spec is None or spec.loader is None:
        raise ImportError(f"{place} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules[place.stem] = module
    spec.loader.exec_module(module)
    return module


def is_compiled(program: Program) -> bool:
    """Return whether a program's machine code is on disk."""
    place = _written(run_trials, program)
    return any((place.parent / "__pycache__").glob(f"{place.stem}.run-*.nbc"))


@dataclass(frozen=True)
class Kinds(Constants):
    """The names and dtypes of arrays, tuples within tuples."""

    kinds: tuple[tuple[str, Any], ...]


def kinds_of(arrays: Any) -> tuple[tuple[str, Any], ...]:
    """Return the names and dtypes of a named tuple of arrays and of such tuples."""
    return tuple(
        (name, kinds_of(each) if isinstance(each, tuple) else each.dtype.name)
        for name, each in zip(arrays._fields, arrays, strict=True)
    )


def addresses_of(arrays: Any) -> list[int]:
    """Return where the arrays stand in memory, in their order."""
    found: list[int] = []
    for each in arrays:
        found += addresses_of(each) if isinstance(each, tuple) else [each.ctypes.data]
    return found


def compile_function(function: Any, constants: Any, arrays: Any) -> Callable[[], None]:
    """Return a lane function ``function(constants, arrays)``, compiled and kept nowhere.

    Parameters
    ----------
    arrays
        A named tuple of flat arrays that live as long as the function is used.
    """
    from lstmbook.lanes import vector
    from lstmbook.lanes.machine import numba

    part, kinds = vector.compiled(function), Kinds(kinds_of(arrays))
    addresses = np.array(addresses_of(arrays), dtype=np.int64)
    arrays_at: Any = vector.arrays_at

    def entry(table: Any) -> None:
        part(constants, arrays_at(kinds, table))

    run = numba.njit(error_model="numpy")(entry)
    return lambda: run(addresses)


@cache
def _compiled(source: Any, constants: Any, kinds: tuple[tuple[str, Any], ...], made_of: str) -> Any:
    """Return compiled code; `made_of` is what the constants are made of now."""
    from lstmbook.lanes.machine import numba
    from lstmbook.lanes.vector import arrays_at, compiled

    entry: Any = module_at(_written(source, constants))
    entry.CONSTANTS, entry.KINDS = constants, Kinds(kinds)
    entry.source, entry.arrays_at = compiled(source), arrays_at
    return numba.njit(error_model="numpy", cache=True, nogil=True)(entry.run)


def compiled_entry(source: Any, constants: Any, arrays: Any) -> Callable[[int], int]:
    """Return a lane function ``source(constants, number, arrays)`` of a number, compiled.

    Its machine code is kept on disk.

    Parameters
    ----------
    source
        A lane function that returns a whole number.
    arrays
        A named tuple of flat arrays, which must live as long as what is returned is used.

    Raises
    ------
    ImportError
        If Numba is not installed.
    """
    need_numba()
    run = _compiled(source, constants, kinds_of(arrays), described(constants))
    addresses = np.array(addresses_of(arrays), dtype=np.int64)

    def call(number: int) -> int:
        assert arrays is not None  # it lives as long as its addresses are used
        return int(run(number, addresses))

    return call


def loop_of(
    program: Program, arrays: Arrays, on_compile: Callable[[str], None] | None = None
) -> Callable[[int], int]:
    """Return a program's compiled loop over some arrays: it takes a budget of steps.

    Parameters
    ----------
    arrays
        As `Program.arrays` makes them; they must live as long as the loop is used.
    on_compile
        Called with a line of text if the loop has yet to be compiled (it takes some seconds).

    Raises
    ------
    ImportError
        If Numba is not installed.
    """
    need_numba()
    if on_compile is not None and not is_compiled(program):
        on_compile(f"compiling the trial loop ({program.net.dtype})")
    return compiled_entry(run_trials, program, arrays)
