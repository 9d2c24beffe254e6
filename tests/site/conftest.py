"""The book's built site, served on loopback."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent)]
ROOT = HERE.parents[1]


@pytest.fixture(scope="session")
def site() -> Path:
    """The folder of the built site: the one that the checks built before, or built now."""
    given = os.environ.get("LSTMBOOK_SITE")
    folder = Path(given) if given else ROOT / "_build" / "site"
    if not (folder / "index.html").is_file():
        from lstmbook.book.site import build

        build(ROOT, folder)
    return folder


@pytest.fixture(scope="session")
def address(site: Path) -> Iterator[str]:
    """The site's address on a loopback server."""
    from browser_support import served

    with served(site) as url:
        yield url


@pytest.fixture(scope="session")
def browser_type_launch_args(browser_type_launch_args: dict[str, Any]) -> dict[str, Any]:
    """Launch the system's Chromium."""
    from browser_support import LAUNCH

    return {**browser_type_launch_args, **LAUNCH}
