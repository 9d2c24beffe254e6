"""Show a function's source in a chapter, so that the code read is the code that runs."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from IPython.display import Code, display


def source(*functions: Callable[..., Any] | type) -> None:
    """Show the source of functions or classes of the package, highlighted, in the order given.

    Raises
    ------
    TypeError
        If an argument has no source (a built-in, or an instance).
    """
    for each in functions:
        if not (inspect.isfunction(each) or inspect.isclass(each)):
            raise TypeError(f"functions holds {each!r}; each must be a Python function or class")
    for each in functions:
        display(Code(data=inspect.getsource(each).rstrip(), language="python"))
