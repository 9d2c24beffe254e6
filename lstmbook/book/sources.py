"""Show a function's source in a chapter, so that the code read is the code that runs."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from IPython.display import display

FENCE = "`" * 5  # longer than any run of backquotes in a docstring


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
        text = inspect.getsource(each).rstrip()
        # as Markdown it takes the colours of wherever it is read: JupyterLab, the site, GitHub
        bundle = {"text/markdown": f"{FENCE}python\n{text}\n{FENCE}", "text/plain": text}
        display(bundle, raw=True)
