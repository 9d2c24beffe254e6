"""Find a Chromium for the browser tests, or install one: the system's, or Playwright's."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
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
ADVICE = (
    "install Chromium or Chrome (on Debian: sudo apt install chromium), "
    f"or let {VARIABLE} name one, and run this again"
)
PACKAGES = ("chromium", "fonts-dejavu-core")
SECONDS = 900
SILENT = ("DEBIAN_FRONTEND=noninteractive", "NEEDRESTART_SUSPEND=1")
# another apt at work is waited for, but not for ever
APT = ("apt-get", "-qq", "-o", "DPkg::Lock::Timeout=120", "-o", "Acquire::http::Timeout=60")


class BrowserMissing(RuntimeError):
    """The variable ``LSTMBOOK_CHROMIUM`` names no file."""


def _found() -> Iterator[Path]:
    for place in (*map(shutil.which, COMMANDS), *map(os.path.expandvars, PLACES)):
        if place and Path(place).is_file():
            yield Path(place)


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
    return next(_found(), None)


def starts(path: Path) -> bool:
    """Return whether a Chromium can run here: Ubuntu has a command that only names a snap."""
    if os.name == "nt":  # there, asking for the version opens a window
        return True
    try:
        asked = subprocess.run([path, "--version"], capture_output=True, timeout=60)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return asked.returncode == 0


def fetched() -> Path | None:
    """Return the Chromium that Playwright fetched, or None."""
    code = (
        "from playwright.sync_api import sync_playwright\n"
        "with sync_playwright() as p: print(p.chromium.executable_path)"
    )
    asked = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    path = Path(asked.stdout.strip() or os.devnull)
    return path if asked.returncode == 0 and path.is_file() else None


def _usable() -> Path | None:
    """Return the first Chromium that starts, Playwright's last, or None."""
    known = next(filter(starts, _found()), None)
    if known is None and (own := fetched()) is not None and starts(own):
        known = own
    return known


def _as_root() -> list[str] | None:
    """Return what to put before a command of root's on Debian or Ubuntu; None where we may not."""
    try:
        system = platform.freedesktop_os_release()
    except OSError:
        return None
    if {"debian", "ubuntu"}.isdisjoint((system["ID"], *system.get("ID_LIKE", "").split())):
        return None
    if os.geteuid() == 0:
        return []
    asked = shutil.which("sudo") and subprocess.run(["sudo", "-n", "true"], capture_output=True)
    return ["sudo", "-n"] if asked and asked.returncode == 0 else None


def _install(root: list[str], *commands: list[str]) -> bool:
    """Run commands as root; show what they said only if the last one failed.

    `timeout` stands behind sudo, for nobody but root can end what root has started.
    """
    said = ""
    code = 0
    for command in commands:
        done = subprocess.run(
            [*root, "timeout", "-k", "30", str(SECONDS), "env", *SILENT, *command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        said, code = said + done.stdout, done.returncode
    if code:
        ended = f"was ended after {SECONDS} s" if code == 124 else f"failed ({code})"
        print(f"{said.strip()}\n{' '.join(commands[-1])} {ended}", flush=True)
    return code == 0


def provide() -> Path | None:
    """Return a Chromium that starts, installed if need be, or None where none can be had.

    On Debian and Ubuntu the system's is installed, where that takes no password; elsewhere, or
    if that does not help, Playwright's is fetched.

    Raises
    ------
    BrowserMissing
        If the variable names a file that does not exist.
    """
    known = find() if os.environ.get(VARIABLE) else _usable()
    if known is not None:
        return known
    root = _as_root()
    if root is not None:
        print(f"no Chromium or Chrome here: apt-get installs {' '.join(PACKAGES)}", flush=True)
        install = [*APT, "install", "-y", "--no-install-recommends", *PACKAGES]
        # a failed update is no end: the lists at hand may do
        if _install(root, [*APT, "update"], install) and (known := _usable()):
            return known
    print("no Chromium or Chrome here: fetching Playwright's own (some 150 MB)", flush=True)
    playwright = [sys.executable, "-m", "playwright"]
    done = subprocess.run([*playwright, "install", "chromium"])
    known = _usable()
    if known is None and done.returncode == 0 and root is not None:
        print("it does not start: installing the libraries it needs", flush=True)
        _install(root, [*playwright, "install-deps", "chromium"])
        known = _usable()
    return known
