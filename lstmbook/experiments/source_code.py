"""The source of a function, method or class: of a file, or of a notebook's cell."""

from __future__ import annotations

import ast
import inspect
import linecache
from types import CodeType, FunctionType
from typing import Any


def source_of(made: Any, name: str) -> str:
    """Return the source of a function, method, property or class.

    Parameters
    ----------
    name
        What the caller calls it; it stands in the error.

    Raises
    ------
    ValueError
        If it cannot be found.
    """
    function = function_of(made)
    if function is not None and function.__name__ == "<lambda>":
        found = _lambda_of(function.__code__)
    elif isinstance(made, type):
        found = _class_source(made)
    else:
        found = _text(made)
    if found is None:
        raise ValueError(
            f"{name} is {made!r}, whose source cannot be found, so that a change of it would go "
            "unnoticed; write it in a file or a notebook's cell"
        )
    return found


def function_of(made: Any) -> FunctionType | None:
    """Return the function of Python that something is, without its decorators; None if none."""
    found: Any = inspect.unwrap(made.fget if isinstance(made, property) and made.fget else made)
    return found if isinstance(found, FunctionType) else None


def methods_of(made: type) -> list[FunctionType]:
    """Return the functions that were written for a class, not made for a dataclass.

    Nor made of its annotations, as Python does from 3.14 on: what a class is known by must not
    depend on that.
    """
    found = [each for each in map(function_of, vars(made).values()) if each is not None]
    return [
        each
        for each in found
        if each.__module__ != "dataclasses"
        and each.__code__.co_filename != "<string>"
        and each.__name__ != "__annotate__"
    ]


def _text(made: Any) -> str | None:
    try:
        found = inspect.getsource(made)
    except (OSError, TypeError):
        return None
    # of a class made in a notebook, lines of whatever file was started
    wrong = isinstance(made, type) and f"class {made.__name__}" not in found
    return None if wrong else found


def _class_source(made: type) -> str | None:
    """Return the source of a class: of its file, or of the cell that its functions know."""
    at = {each.__code__.co_filename: each.__code__.co_firstlineno for each in methods_of(made)}
    try:
        in_file = not at or inspect.getfile(made) in at
    except (OSError, TypeError):  # a notebook has none
        in_file = False
    found = _text(made) if in_file else None
    for filename, line in at.items():
        found = found or _class_at(filename, made.__name__, line)
    return found or _text(made)


def _lambda_of(code: CodeType) -> str | None:
    """Return the source of a lambda: of those in its file the smallest around its code."""
    text, tree = _parsed(code.co_filename)
    lambdas = [node for node in ast.walk(tree) if isinstance(node, ast.Lambda)]
    at = [each for each in code.co_positions() if None not in each and each[2:] != (0, 0)]
    if at:
        first = min((line, column) for line, _, column, _ in at)
        last = max((line, column) for _, line, _, column in at)
        found = [node for node in lambdas if _within(first, last, node.body)]
    else:  # one that returns a constant need not say where it stands
        found = [node for node in lambdas if _has_code(node, code)]
    if not found:
        return None
    inner = max(found, key=lambda node: (node.body.lineno, node.body.col_offset))
    return ast.get_source_segment(text, inner)


def _within(first: tuple[Any, Any], last: tuple[Any, Any], node: ast.expr) -> bool:
    end = (node.end_lineno or 0, node.end_col_offset or 0)
    return (node.lineno, node.col_offset) <= first and last <= end


def _has_code(node: ast.Lambda, code: CodeType) -> bool:
    """Return whether a lambda of that line and instructions is what the source has there."""
    if node.lineno != code.co_firstlineno:
        return False
    around = compile(ast.Expression(node), code.co_filename, "eval")
    inside = [each for each in around.co_consts if isinstance(each, CodeType)]
    return any(each.co_code == code.co_code and each.co_consts == code.co_consts for each in inside)


def _class_at(filename: str, name: str, line: int) -> str | None:
    """Return the source of the class of that name which has that line, in a file or a cell."""
    text, tree = _parsed(filename)
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and node.name == name and node.end_lineno is not None:
            first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
            if first <= line <= node.end_lineno:
                return ast.get_source_segment(text, node)
    return None


def _parsed(filename: str) -> tuple[str, ast.AST]:
    """Return the text of a file or a cell, as it is now, and its parts; empty if there is none."""
    linecache.checkcache(filename)
    text = "".join(linecache.getlines(filename))
    try:
        return text, ast.parse(text)
    except SyntaxError:
        return "", ast.Module([], [])
