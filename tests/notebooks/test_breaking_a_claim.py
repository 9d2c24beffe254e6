"""A book that cannot notice its own errors proves nothing: break the package, and see it fail."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
CHAPTER = "01_recurrent_networks.ipynb"
RIGHT = "delta = network.f.slope(net) * (e + back)"
WRONG = "delta = network.f.slope(net) * (e - back)"


def nbval(package: Path, notebook: Path) -> subprocess.CompletedProcess[str]:
    """Run a chapter's cells under nbval, with the package that stands in `package`."""
    return subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "--nbval-lax"),
            *("-c", str(ROOT / "pyproject.toml"), "--rootdir", str(notebook.parent)),
            str(notebook),
        ],
        env={**os.environ, "PYTHONPATH": str(package)},
        cwd=notebook.parent,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_flipped_sign_in_the_package_fails_the_chapter_by_its_claim(tmp_path):
    package = tmp_path / "broken"
    shutil.copytree(ROOT / "lstmbook", package / "lstmbook", ignore=shutil.ignore_patterns("*.pyc"))
    module = package / "lstmbook" / "recurrent_network.py"
    source = module.read_text(encoding="utf-8")
    assert source.count(RIGHT) == 1
    module.write_text(source.replace(RIGHT, WRONG), encoding="utf-8")
    chapter = tmp_path / CHAPTER
    shutil.copy(ROOT / "notebooks" / CHAPTER, chapter)

    done = nbval(package, chapter)

    assert done.returncode == 1, done.stdout + done.stderr
    assert "ClaimError" in done.stdout
    assert "is on record as 'holds', but this run measured 'fails'" in done.stdout
