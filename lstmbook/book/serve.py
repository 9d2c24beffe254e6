"""Serve the built site to the reader's own browser, and to nobody else."""

from __future__ import annotations

import errno
import os
import socket
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

LOOPBACK = "127.0.0.1"
PORT = 8765


class PortTaken(OSError):
    """Another program listens on the port asked for; `free` is one that is not taken."""

    def __init__(self, port: int, free: int) -> None:
        super().__init__(errno.EADDRINUSE, f"port {port} is taken by another program")
        self.free = free


class _Handler(SimpleHTTPRequestHandler):
    """Files of the site, with the types that browsers insist on, and nothing printed."""

    # Windows takes these from its registry, where other programs may have changed them
    extensions_map = {  # noqa: RUF012
        **SimpleHTTPRequestHandler.extensions_map,
        ".css": "text/css",
        ".html": "text/html",
        ".ipynb": "application/json",
        ".js": "text/javascript",
        ".json": "application/json",
        ".mjs": "text/javascript",
        ".svg": "image/svg+xml",
        ".woff2": "font/woff2",
    }

    def end_headers(self) -> None:
        # the next build must not be hidden by the browser's copy of this one
        self.send_header("Cache-Control", "no-cache")
        super().end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Keep quiet: the terminal is the reader's."""


class _Server(ThreadingHTTPServer):
    # on Windows the option would let two servers share one port
    allow_reuse_address = os.name != "nt"
    daemon_threads = True


def free_port() -> int:
    """Return a port of the loopback interface that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
    return port


def server(site: Path, port: int) -> ThreadingHTTPServer:
    """Return a server of the folder `site` that listens on the loopback interface only.

    Raises
    ------
    PortTaken
        If another program listens on the port.
    """
    try:
        return _Server((LOOPBACK, port), partial(_Handler, directory=str(site)))
    except OSError as error:
        # EACCES: Windows says so of a port held for one program alone
        if error.errno in (errno.EADDRINUSE, errno.EACCES):
            raise PortTaken(port, free_port()) from error
        raise
