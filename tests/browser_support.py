"""What tests in a real browser share: Chromium without a network, a loopback server, axe."""

from __future__ import annotations

import functools
import http.server
import json
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Page

from lstmbook.book.browser import find

LAUNCH: dict[str, Any] = {
    "executable_path": find(),
    "args": [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
    ],
}


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        """Answer; a browser's own question for an icon is no missing file."""
        if self.path == "/favicon.ico":
            self.send_response(204)
            self.end_headers()
        else:
            super().do_GET()


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder on a free loopback port; yields the address without a final slash."""
    handler = functools.partial(_Quiet, directory=str(folder))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


@dataclass
class Watch:
    """What a page complained about, and which other hosts it asked for."""

    errors: list[str] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)

    def assert_clean(self) -> None:
        """Fail if there was a console error, an exception or an outside request."""
        assert not self.errors, self.errors
        assert not self.outside, self.outside


def watch(page: Page) -> Watch:
    """Block every request that leaves this machine, and note errors and blocked requests."""
    seen = Watch()

    def route(route: Any) -> None:
        address = urlsplit(route.request.url)
        if address.scheme in ("file", "data", "blob") or address.hostname == "127.0.0.1":
            route.continue_()
        else:
            seen.outside.append(route.request.url)
            route.abort()

    page.route("**/*", route)
    page.on("pageerror", lambda error: seen.errors.append(str(error)))
    page.on(
        "console",
        lambda message: seen.errors.append(message.text) if message.type == "error" else None,
    )
    return seen


def axe_violations(
    page: Page, selector: str | None = None, options: dict[str, Any] | None = None
) -> dict[str, list[str]]:
    """Return axe-core's violations, rule by rule, with the elements they are on.

    `selector` limits it to a part of the page; `options` are axe's own.
    """
    from axe_playwright_python.sync_playwright import Axe

    context = None if selector is None else {"include": [[selector]]}
    found = Axe().run(page, context=context, options=options).response["violations"]
    return {
        rule["id"]: [" ".join(map(str, node["target"])) for node in rule["nodes"]] for rule in found
    }


def overflow(page: Page) -> int:
    """Return by how many px the page is wider than the window."""
    return int(
        page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    )


def write_notebook(path: Path, *cells: str) -> None:
    """Write a notebook: a heading, then code cells."""
    import nbformat

    notebook = nbformat.v4.new_notebook(
        cells=[
            nbformat.v4.new_markdown_cell("# Explorables"),
            *[nbformat.v4.new_code_cell(cell) for cell in cells],
        ]
    )
    notebook.metadata["kernelspec"] = {
        "name": "python3",
        "display_name": "Python 3",
        "language": "python",
    }
    nbformat.write(notebook, path)


def _free_port() -> int:
    with socket.socket() as asked:
        asked.bind(("127.0.0.1", 0))
        return int(asked.getsockname()[1])


@contextmanager
def jupyterlab(root: Path, scratch: Path) -> Iterator[str]:
    """Run JupyterLab over `root` on a free loopback port, with settings of its own in `scratch`.

    Yields its address without a final slash.
    """
    settings, config = scratch / "settings", scratch / "config"
    settings.mkdir()
    config.mkdir()
    overrides = {
        "@jupyterlab/apputils-extension:notification": {"fetchNews": "false"},
        # draw every cell, also those that are not in sight
        "@jupyterlab/notebook-extension:tracker": {"windowingMode": "none"},
    }
    (settings / "overrides.json").write_text(json.dumps(overrides))
    port = _free_port()
    command = [
        *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"),
        *(f"--port={port}", "--ip=127.0.0.1", "--IdentityProvider.token="),
        *(f"--ServerApp.root_dir={root}", f"--LabServerApp.app_settings_dir={settings}"),
        *(f"--LabApp.app_settings_dir={settings}", "--ServerApp.port_retries=0"),
    ]
    environment = {
        **os.environ,
        "JUPYTER_CONFIG_DIR": str(config),
        "JUPYTER_RUNTIME_DIR": str(scratch / "runtime"),
        "JUPYTERLAB_SETTINGS_DIR": str(config / "settings"),
        "JUPYTERLAB_WORKSPACES_DIR": str(config / "workspaces"),
        "IPYTHONDIR": str(scratch / "ipython"),
    }
    log = scratch / "lab.log"
    with log.open("w") as told:
        server = subprocess.Popen(command, stdout=told, stderr=told, env=environment, cwd=root)
        try:
            _wait_for(f"http://127.0.0.1:{port}/api", server, log)
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()
            server.wait(20)


def _wait_for(address: str, server: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until the server answers; show its log if it ends or takes too long."""
    for _ in range(300):
        if server.poll() is not None:
            break
        try:
            with urllib.request.urlopen(address, timeout=2):
                return
        except OSError:
            time.sleep(0.2)
    raise RuntimeError(f"JupyterLab does not answer:\n{log.read_text()}")


def run_all_cells(page: Page) -> None:
    """Run every cell of the notebook that is open in JupyterLab, once its kernel is there."""
    page.get_by_text("ipykernel) | Idle").wait_for(timeout=60_000)
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
