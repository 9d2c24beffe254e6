"""What defines an experiment, written out: canonical text that two equal experiments share.

A trial's results are kept under this text, so everything that can change them has to be in it.
"""

from __future__ import annotations

import ast
import hashlib
import inspect
import json
import linecache
from collections.abc import Callable, Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np


def plain(value: Any) -> Any:
    """Return a value as numbers, texts, lists and mappings.

    Frozen dataclasses become mappings of their fields, with their type's name under "is"; arrays
    a digest of their contents; functions and classes their name.

    Raises
    ------
    TypeError
        If it is something whose content cannot be seen.
    """
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float | np.floating):
        number = float(value)
        # 1 and 1.0 are the same setting
        return int(number) if number.is_integer() and abs(number) < 2**53 else number
    if isinstance(value, np.integer | np.bool_):
        return value.item()
    if isinstance(value, np.ndarray):
        content = f"{value.dtype.str}{value.shape}".encode() + np.ascontiguousarray(value).tobytes()
        return f"array {hashlib.sha256(content).hexdigest()[:16]}"
    if isinstance(value, tuple | list):
        return [plain(each) for each in value]
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        written = {each.name: plain(getattr(value, each.name)) for each in fields(value)}
        return {"is": type(value).__name__, **written}
    if callable(value) and hasattr(value, "__qualname__"):
        return f"{value.__module__}.{value.__qualname__}"
    raise TypeError(
        f"{value!r} cannot be written down as part of an experiment; "
        f"make {type(value).__name__} a frozen dataclass"
    )


def canonical(value: Any) -> str:
    """Return a value as JSON, the same text for equal values."""
    return json.dumps(plain(value), sort_keys=True, separators=(",", ":"), allow_nan=False)


def changes(options: str, published: str) -> dict[str, str]:
    """Return what differs between two canonical texts: name to "value (not other value)"."""
    ours, theirs = _flat(json.loads(options)), _flat(json.loads(published))
    found = {}
    for name in sorted(ours.keys() | theirs.keys()):
        if ours.get(name) != theirs.get(name):
            found[name] = f"{_word(ours, name)} (not {_word(theirs, name)})"
    return found


def _word(flat: Mapping[str, Any], name: str) -> str:
    return json.dumps(flat[name]) if name in flat else "absent"


def _flat(value: Any, name: str = "") -> dict[str, Any]:
    if name.rpartition(".")[2] == "settings" and isinstance(value, list):
        value = dict(value)  # a learner's, as pairs
    if not isinstance(value, dict):
        return {name: value}
    found: dict[str, Any] = {}
    for key, each in value.items():
        found |= _flat(each, f"{name}.{key}" if name else key)
    return found


def code_digest(made: Callable[..., Any]) -> str:
    """Return a digest of the source of a class (with its bases) or of a function.

    Raises
    ------
    ValueError
        If there is no source to be found, as for what was typed at a bare prompt.
    """
    parts: list[Any] = [made]
    if isinstance(made, type):
        parts = [each for each in made.__mro__ if each.__module__ not in ("builtins", "typing")]
    text = "\n".join(_source(each) for each in parts)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _source(made: Any) -> str:
    try:
        return inspect.getsource(made)
    except (OSError, TypeError):
        pass
    # a class of a notebook: its module has no file, but its functions know their cell
    for part in vars(made).values() if isinstance(made, type) else ():
        part = inspect.unwrap(part) if callable(part) else part
        if inspect.isfunction(part):
            code = part.__code__
            found = _class_at(code.co_filename, made.__name__, code.co_firstlineno)
            if found is not None:
                return found
    raise ValueError(
        f"the source of {getattr(made, '__qualname__', made)!r} cannot be found, so a change of "
        "it would go unnoticed; give it a version (version='1'), a new one with each change"
    )


def _class_at(filename: str, name: str, line: int) -> str | None:
    """Return the source of the class of that name which has that line, in a file or a cell."""
    lines = "".join(linecache.getlines(filename))
    if not lines:
        return None
    for node in ast.walk(ast.parse(lines)):
        if isinstance(node, ast.ClassDef) and node.name == name and node.end_lineno is not None:
            first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
            if first <= line <= node.end_lineno:
                return ast.get_source_segment(lines, node)
    return None
