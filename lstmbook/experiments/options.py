"""What defines an experiment, written out: canonical text that two equal experiments share.

A trial's results are kept under this text, so everything that can change them has to be in it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import fields, is_dataclass
from functools import partial
from types import FunctionType, ModuleType
from typing import Any, cast

import numpy as np

from lstmbook.experiments.source_code import function_of, methods_of, source_of
from lstmbook.lanes.form import Form
from lstmbook.lanes.verdict import CriterionForm
from lstmbook.lanes.words import described, own_functions, reached
from lstmbook.learners.layered import Memory
from lstmbook.learners.recipe import NetRecipe


def plain(value: Any, name: str = "value") -> Any:
    """Return a value as numbers, texts, lists and mappings.

    Frozen dataclasses become mappings of their fields, with their type's name under "is" and, of
    one with methods that is not the package's, a digest of its source; arrays become a digest of
    their contents, functions and classes their name with a digest of their source.

    Parameters
    ----------
    name
        What the caller calls it; it stands in errors.

    Raises
    ------
    TypeError
        If it is something whose content cannot be seen.
    ValueError
        If a number is NaN, or a function's source cannot be found.
    """
    return _plain(value, name, ())


def _plain(value: Any, name: str, above: tuple[Any, ...]) -> Any:
    """Return what `plain` does; `above` are the functions that are being written down."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float | np.floating):
        return _number(float(value), name)
    if isinstance(value, np.integer | np.bool_):
        return value.item()
    if isinstance(value, np.ndarray):
        content = f"{value.dtype.str}{value.shape}".encode() + np.ascontiguousarray(value).tobytes()
        return f"array {hashlib.sha256(content).hexdigest()[:16]}"
    if isinstance(value, tuple | list):
        return [_plain(each, f"{name}[{i}]", above) for i, each in enumerate(value)]
    if isinstance(value, Mapping):
        return {str(key): _plain(each, f"{name}.{key}", above) for key, each in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        return _dataclass(value, name, above)
    if isinstance(value, ModuleType):
        return value.__name__
    if isinstance(value, partial):
        parts = {"is": "partial", "of": value.func, "args": value.args, "keywords": value.keywords}
        return _plain(parts, name, above)
    if callable(value) and hasattr(value, "__qualname__"):
        return _code(value, name, above)
    raise TypeError(
        f"{name} is {value!r}, which cannot be written down as part of an experiment; "
        f"make {type(value).__name__} a frozen dataclass"
    )


def _number(value: float, name: str) -> float | str:
    if np.isnan(value):
        raise ValueError(f"{name} is nan; it must be a number")
    if np.isinf(value):
        return f"number {value}"  # JSON has none
    # 1 and 1.0 are the same setting
    return int(value) if value.is_integer() and abs(value) < 2**53 else value


def _dataclass(value: Any, name: str, above: tuple[Any, ...]) -> dict[str, Any]:
    made = type(value)
    written: dict[str, Any] = {"is": made.__name__}
    ours = made.__module__.partition(".")[0] == __name__.partition(".")[0]
    is_net = isinstance(value, NetRecipe)
    if not ours and (is_net or any(map(methods_of, _of_readers(made)))):
        written["source"] = _digest(made, name, above)
    if not ours and is_net:  # what it gives the loop
        written["kinds"] = [_kind(each, name, above) for each in (value.kind, value.at_work)]
        written["one_hot"] = value.one_hot
    form = getattr(made, "form", None)
    # the functions of a task or a criterion stand beside its class
    if not ours and isinstance(form, Form | CriterionForm):
        written["form"] = _form(form, f"{name}.form", above)
    memory = getattr(made, "memory", None)
    if not ours and isinstance(memory, Memory):  # so do those of a layered net
        written["memory"] = _form(memory, f"{name}.memory", above)
    for each in fields(value):
        part = getattr(value, each.name)
        if each.metadata.get("written") == "name":
            written[each.name] = f"{part.__module__}.{part.__qualname__}"
        else:
            written[each.name] = _plain(part, f"{name}.{each.name}", above)
    return written


def _form(form: Form | CriterionForm | Memory, name: str, above: tuple[Any, ...]) -> dict[str, Any]:
    """Return how a form's functions are written down, and what they call and use."""
    found: dict[str, Any] = {}
    for each in _functions(form):
        for called, (function, known) in reached(cast(FunctionType, each)).items():
            if not called.startswith("lstmbook."):
                found[called] = [_code(function, name, above), known]
    return found | {"rest": described(_rest(form))}


def _kind(kind: type, name: str, above: tuple[Any, ...]) -> Any:
    """Return how a reader's class with lane functions is written down, and what these call."""
    if not _of_readers(kind):
        return f"{kind.__module__}.{kind.__qualname__}"
    found: dict[str, Any] = {}
    for each in own_functions(kind):
        for called, (function, known) in reached(each).items():
            if not called.startswith("lstmbook."):
                found[called] = [_code(function, name, above), known]
    return [_code(kind, name, above), found]


def _functions(form: Form | CriterionForm | Memory) -> tuple[Callable[..., Any], ...]:
    if isinstance(form, Memory):
        return form.remember, form.recall
    if isinstance(form, CriterionForm):
        return form.see, form.tried, form.counted
    return form.begin, form.symbol, form.inputs, form.target, form.clean


def _rest(form: Form | CriterionForm | Memory) -> tuple[Any, ...]:
    if isinstance(form, Memory):
        return form.below, form.before, form.biased, form.kept
    if isinstance(form, CriterionForm):
        return form.settings, form.state, form.recent, form.tries, form.legal
    return form.settings, form.plan, form.draws_a_step, form.shows, form.every_step


def _code(value: Any, name: str, above: tuple[Any, ...]) -> Any:
    """Return how a function, method or class is written down."""
    owner = getattr(value, "__self__", None)
    if owner is not None and not isinstance(owner, ModuleType):
        return [_plain(owner, f"the owner of {name}", above), value.__name__]
    called = f"{value.__module__}.{value.__qualname__}"
    if any(value is each for each in above):  # one that calls itself
        return called
    in_python = "__module__" in vars(value) if isinstance(value, type) else function_of(value)
    return f"{called} source {_digest(value, name, above)}" if in_python else called


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

    Of a function also that of the values that it brings along: its defaults and what it uses of
    the functions around it. What the source calls by a global name is not seen.

    Raises
    ------
    TypeError, ValueError
        If such a value cannot be written down, or there is no source to be found, as for what was
        typed at a bare prompt.
    """
    return _digest(made, getattr(made, "__qualname__", repr(made)), ())


def _of_readers(made: type) -> list[type]:
    """Return a class and those of its bases that are neither Python's nor the package's.

    What the package's do is told by the version of what runs a trial.
    """
    known = ("builtins", "typing", __name__.partition(".")[0])
    return [each for each in made.__mro__ if each.__module__.partition(".")[0] not in known]


def _digest(made: Any, name: str, above: tuple[Any, ...]) -> str:
    parts: list[Any] = _of_readers(made) if isinstance(made, type) else [made]
    names = [name if each is made else f"a base of {name}" for each in parts]
    text = "\n".join(map(source_of, parts, names))
    brought = _brought(made, (*above, made))
    if brought:
        text += json.dumps(brought, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _brought(made: Any, above: tuple[Any, ...]) -> dict[str, Any]:
    """Return what a function brings along besides its source, written down."""
    if not isinstance(made, FunctionType):
        return {}
    name = made.__qualname__
    found = {}
    for free, cell in zip(made.__code__.co_freevars, made.__closure__ or (), strict=True):
        with suppress(ValueError):  # nothing in it yet
            found[free] = cell.cell_contents
    found |= made.__kwdefaults__ or {}
    if made.__defaults__:
        found["defaults"] = made.__defaults__
    return {key: _plain(each, f"{key} (in {name})", above) for key, each in found.items()}
