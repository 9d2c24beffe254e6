"""The book's checks, in the order that fails soonest."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lstmbook.book import browser

Say = Callable[[str], None]


@dataclass(frozen=True)
class Step:
    """One check: a command that ends with 0 when all is well.

    Attributes
    ----------
    name
        What it checks.
    command
        Arguments to this Python.
    fast
        Whether it belongs to the quick round.
    browser
        Whether it needs a Chromium.
    """

    name: str
    command: tuple[str, ...]
    fast: bool = True
    browser: bool = False


def steps(site: Path) -> list[Step]:
    """Return the checks in order; the built site goes to, and is read from, `site`."""
    pytest = ("-m", "pytest", "-q")
    two = (*pytest, "-n", "2")
    return [
        Step("ruff check", ("-m", "ruff", "check", "--quiet")),
        Step("ruff format", ("-m", "ruff", "format", "--check", "--quiet")),
        Step("mypy", ("-m", "mypy")),
        Step("project and stored outputs", (*pytest, "tests/notebooks", "tests/test_project.py")),
        Step(
            "package",
            (
                *two,
                "--ignore=tests/notebooks",
                "--deselect=tests/test_project.py",
                "-m",
                "not browser and not lab",
                "tests",
            ),
        ),
        Step(
            "chapters, cell by cell",
            (*two, "--dist", "loadscope", "--nbval-lax", "notebooks"),
            fast=False,
        ),
        Step("site", ("-m", "lstmbook", "build", "--output", str(site)), fast=False),
        Step(
            "site and JupyterLab in a browser",
            (*two, "--dist", "worksteal", "-m", "browser or lab", "tests"),
            fast=False,
            browser=True,
        ),
    ]


def run(root: Path, site: Path, *, fast: bool, say: Say) -> bool:
    """Run the checks until one fails, and return whether all were run and none did.

    Without a Chromium the checks that need one are left out, and the end says so.

    Parameters
    ----------
    root
        The clone of the book.
    site
        Where the site is built for the browser tests.
    fast
        Only the checks that need neither a kernel nor a browser.
    say
        Told when a check begins and ends.

    Raises
    ------
    BrowserMissing
        If the variable that names a Chromium names no file.
    """
    chosen = [step for step in steps(site) if step.fast or not fast]
    environment = {**os.environ, "LSTMBOOK_SITE": str(site), "PYTHONPATH": str(root)}
    left_out = [step.name for step in chosen if step.browser]
    if left_out and (chromium := browser.provide()):
        environment[browser.VARIABLE] = str(chromium)
        left_out = []
    elif left_out:
        say("no Chromium can be had; all checks that need none are run")
    begun = time.monotonic()
    for number, step in enumerate(chosen, 1):
        say(f"[{number}/{len(chosen)}] {step.name}")
        if step.name in left_out:
            say(f"[{number}/{len(chosen)}] {step.name}: NOT RUN, for want of a Chromium")
            continue
        started = time.monotonic()
        done = subprocess.run([sys.executable, *step.command], cwd=root, env=environment)
        seconds = time.monotonic() - started
        if done.returncode != 0:
            say(f"[{number}/{len(chosen)}] {step.name}: FAILED after {seconds:.1f} s")
            return False
        say(f"[{number}/{len(chosen)}] {step.name}: passed in {seconds:.1f} s")
    seconds = time.monotonic() - begun
    if left_out:
        say(f"{len(chosen) - len(left_out)} of {len(chosen)} checks passed in {seconds:.0f} s")
        say(f"NOT RUN, for want of a Chromium: {', '.join(left_out)}")
        say(f"To run all: {browser.ADVICE}")
        return False
    say(f"all {len(chosen)} checks passed in {seconds:.0f} s")
    return True
