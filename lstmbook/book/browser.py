"""Find a Chromium for the browser tests, or fetch Playwright's."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

VARIABLE = "LSTMBOOK_CHROMIUM"
COMMANDS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
PLACES = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    r"%ProgramFiles%\Google\Chrome\Application\chrome.exe",
    r"%ProgramFiles(x86)%\Google\Chrome\Application\chrome.exe",
    r"%ProgramFiles(x86)%\Microsoft\Edge\Application\msedge.exe",
)


class BrowserMissing(RuntimeError):
    """No Chromium could be found or fetched; the message says what to install."""


def find() -> Path | None:
    """Return the machine's Chromium or Chrome, or None.

    The variable ``LSTMBOOK_CHROMIUM`` names it where it stands in an uncommon place.

    Raises
    ------
    BrowserMissing
        If the variable names a file that does not exist.
    """
    named = os.environ.get(VARIABLE)
    if named:
        if not Path(named).is_file():
            raise BrowserMissing(f"{VARIABLE} is {named!r}; it must be the path of a Chromium")
        return Path(named)
    paths = [shutil.which(name) for name in COMMANDS]
    paths += [os.path.expandvars(place) for place in PLACES]
    return next((Path(path) for path in paths if path and Path(path).is_file()), None)


def fetched() -> Path | None:
    """Return the Chromium that Playwright fetched, or None."""
    code = (
        "from playwright.sync_api import sync_playwright\n"
        "with sync_playwright() as p: print(p.chromium.executable_path)"
    )
    asked = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    path = Path(asked.stdout.strip() or os.devnull)
    return path if asked.returncode == 0 and path.is_file() else None


def provide() -> Path:
    """Return a Chromium, after fetching Playwright's where the machine has none.

    Raises
    ------
    BrowserMissing
        If it cannot be fetched.
    """
    known = find() or fetched()
    if known is not None:
        return known
    print("no Chromium or Chrome here: fetching Playwright's own (some 150 MB)", flush=True)
    done = subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"])
    known = fetched() if done.returncode == 0 else None
    if known is None:
        raise BrowserMissing(
            "the browser tests need Chromium or Chrome: install one "
            "(on Debian: sudo apt install chromium), or point "
            f"{VARIABLE} at one"
        )
    return known
