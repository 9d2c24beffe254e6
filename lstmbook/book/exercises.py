"""Exercises: each solution is the source of its exercise, and runs.

A solution is a function of `lstmbook.exercises` whose body marks its working lines with
``# solution`` and ``# end solution``. The exercise is the same function with those lines left
out (`skeleton`), so the two cannot drift apart.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from lstmbook.validation import Array, as_array

Function = Callable[..., Any]
START, END = "# solution", "# end solution"
GAP = "...  # your code here"


@dataclass(frozen=True)
class Exercise:
    """An exercise: its solution, and the check that an answer must pass.

    Attributes
    ----------
    id
        Its name, unique in the book.
    chapter
        The notebook it stands in, without ending.
    check
        Takes the reader's function and raises AssertionError, saying what is wrong.
    solution
        The function that solves it.
    """

    id: str
    chapter: str
    check: Callable[[Function], None]
    solution: Function


_EXERCISES: dict[str, Exercise] = {}


def exercise(
    id: str, *, chapter: str, check: Callable[[Function], None]
) -> Callable[[Function], Function]:
    """Declare the decorated function the solution of exercise `id`.

    Raises
    ------
    ValueError
        If the id is taken by another function.
    """

    def declare(solution: Function) -> Function:
        known = _EXERCISES.get(id)
        if known is not None and known.solution.__qualname__ != solution.__qualname__:
            raise ValueError(f"id is {id!r}; {known.solution.__qualname__} has it already")
        _EXERCISES[id] = Exercise(id, chapter, check, solution)
        return solution

    return declare


def exercises() -> dict[str, Exercise]:
    """Return every exercise of the book by id, in the order of chapters and of their modules."""
    package = importlib.import_module("lstmbook.exercises")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"lstmbook.exercises.{module.name}")
    # a stable sort: within a chapter, the order of declaration
    return dict(sorted(_EXERCISES.items(), key=lambda item: item[1].chapter))


def find(id: str) -> Exercise:
    """Return the exercise called `id`.

    Raises
    ------
    ValueError
        If there is none.
    """
    known = exercises()
    if id not in known:
        raise ValueError(f"id is {id!r}; it must be one of {', '.join(known)}")
    return known[id]


def _body(solution: Function) -> str:
    lines = inspect.cleandoc("\n" + inspect.getsource(solution)).splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("def "))
    return "\n".join(lines[start:])


def solved(id: str) -> str:
    """Return the source of an exercise's solution, without its markers."""
    text = _body(find(id).solution)
    return "\n".join(line for line in text.splitlines() if line.strip() not in (START, END))


def skeleton(id: str) -> str:
    """Return the code of an exercise as it stands in its chapter: the solution left out."""
    text = _body(find(id).solution)
    pattern = rf"^([ \t]*){START}\n.*?^[ \t]*{END}$"
    left, gaps = re.subn(pattern, rf"\g<1>{GAP}", text, flags=re.DOTALL | re.MULTILINE)
    if not gaps:
        raise ValueError(f"the solution of {id!r} has no lines between {START!r} and {END!r}")
    return f'{left}\n\n\ncheck("{id}", {find(id).solution.__name__})'


def _untouched(answer: Function) -> bool:
    try:
        return GAP in inspect.getsource(answer)
    except (OSError, TypeError):
        return False


def check(id: str, answer: Function) -> None:
    """Check a reader's answer to exercise `id`, and say how it stands.

    Raises
    ------
    AssertionError
        If the answer is wrong; the message says where.
    """
    found = find(id)
    if not callable(answer):
        raise TypeError(f"answer is {answer!r}; it must be a function")
    if _untouched(answer):
        print(f"{id}: not attempted yet. Fill in the body and run this cell again.")
        return
    try:
        found.check(answer)
    except AssertionError:
        raise
    except Exception as problem:
        raise AssertionError(
            f"{id}: the check stopped with {type(problem).__name__}: {problem}. "
            "Does the function return what its description says?"
        ) from problem
    print(f"{id}: correct.")


def given_array(what: str, answer: Any, shape: tuple[int, ...]) -> Array:
    """Return what a reader's function gave as an array of this shape, with finite entries.

    Parameters
    ----------
    what
        What the message calls it: a call such as "far_error(w, 3)", or "the answer for n = 3".

    Raises
    ------
    AssertionError
        If it is no such array.
    """
    try:
        return as_array(what, answer, shape)
    except (TypeError, ValueError) as problem:
        raise AssertionError(str(problem)) from None


def given_number(what: str, answer: Any) -> float:
    """Return what a reader's function gave as a number.

    Raises
    ------
    AssertionError
        If it is none.
    """
    if np.shape(answer) or np.asarray(answer).dtype.kind not in "biuf":
        raise AssertionError(f"{what} must be a number, not {answer!r}")
    return float(answer)


def given_count(what: str, answer: Any) -> int:
    """Return what a reader's function gave as a whole number; 3.0 is one.

    Raises
    ------
    AssertionError
        If it is none.
    """
    found = given_number(what, answer)
    if not found.is_integer():
        raise AssertionError(f"{what} is {found:g}; it must be a whole number")
    return int(found)
