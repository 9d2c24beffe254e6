"""Numbers as the papers print them: one file a table, kept as printed."""

from __future__ import annotations

import tomllib
from decimal import Decimal, InvalidOperation
from importlib import resources
from typing import Any


def load(name: str) -> dict[str, Any]:
    """Return the published table called `name`, as it stands in its file.

    Raises
    ------
    ValueError
        If there is none of that name.
    """
    folder = resources.files(__name__)
    known = sorted(p.name.removesuffix(".toml") for p in folder.iterdir() if p.name[-5:] == ".toml")
    if name not in known:
        raise ValueError(f"name is {name!r}; it must be one of {', '.join(known)}")
    return tomllib.loads((folder / f"{name}.toml").read_text(encoding="utf-8"))


def printed_range(number: str) -> tuple[float, float]:
    """Return the least and greatest value that print as `number`, half a unit in its last digit.

    ``printed_range("8.6e-3")`` is (0.00855, 0.00865).

    Raises
    ------
    ValueError
        If `number` is not a number written out.
    """
    try:
        value = Decimal(number)
        exponent = value.as_tuple().exponent
    except (InvalidOperation, TypeError) as problem:
        raise ValueError(f"number is {number!r}; it must be a number as text") from problem
    if not isinstance(exponent, int):
        raise ValueError(f"number is {number!r}; it must be finite")
    half = Decimal(5).scaleb(exponent - 1)
    return float(value - half), float(value + half)
