"""What both adapters need: a framework that may not be installed, and settings checked."""

from __future__ import annotations

from importlib import import_module
from typing import Any

DTYPES = ("float32", "float64")


def framework(name: str) -> Any:
    """Return a framework's module.

    Raises
    ------
    ImportError
        If it is not installed, with what to install.
    """
    try:
        return import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:
            raise
        raise ImportError(
            f"this learner needs {name}, which is not installed: pip install 'lstmbook[{name}]'"
        ) from error


def check_callable(name: str, value: object, wanted: str) -> None:
    """Raise an error unless a setting can be called.

    Parameters
    ----------
    wanted
        How it is called and what it returns, in words.
    """
    if not callable(value):
        raise TypeError(f"{name} is {value!r}; it must be callable: {wanted}")
