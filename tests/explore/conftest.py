"""A small site of explorables, built once."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

CONF = """
extensions = ["myst_nb", "lstmbook.explore.sphinx"]
project = "explorables"
html_theme = "sphinx_book_theme"
html_context = {"default_mode": "auto"}
html_theme_options = {"navbar_persistent": []}
nb_execution_mode = "off"
exclude_patterns = ["**.ipynb_checkpoints"]
"""


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a built site whose page ``index.html`` shows every example."""
    import nbformat
    from browser_support import write_notebook
    from nbclient import NotebookClient

    source = tmp_path_factory.mktemp("site")
    (source / "conf.py").write_text(CONF)
    first = f"import sys; sys.path.insert(0, {str(HERE)!r})\nfrom example import *"
    write_notebook(
        source / "index.ipynb", first, "flow", "zoo", "still", "flow(lag=3, w=-1.0, f='tanh')"
    )
    notebook: Any = nbformat.read(source / "index.ipynb", as_version=4)
    NotebookClient(notebook, kernel_name="python3").execute()
    notebook.cells[1]["source"] = "from example import *"
    nbformat.write(notebook, source / "index.ipynb")
    out = source / "_build"
    built = subprocess.run(
        [sys.executable, "-m", "sphinx", "-W", "-q", "-b", "html", str(source), str(out)],
        capture_output=True,
        text=True,
    )
    assert built.returncode == 0, built.stderr
    return out


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
