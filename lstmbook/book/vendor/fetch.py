"""Fetch the site's third-party files anew, at the versions below (needs npm and the network).

Run by hand when a version changes: ``python lstmbook/book/vendor/fetch.py``. A build of the book
never runs it: what it fetches is part of the package.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
# package: (version, {path in the package: path here})
PACKAGES: dict[str, tuple[str, dict[str, str]]] = {
    "mathjax": (
        "4.1.3",
        {
            "tex-chtml.js": "mathjax/tex-chtml.js",
            "a11y/assistive-mml.js": "mathjax/a11y/assistive-mml.js",
        },
    ),
    "@mathjax/mathjax-newcm-font": (
        "4.1.3",
        {
            "chtml/woff2": "mathjax/mathjax-newcm-font/chtml/woff2",
            "chtml/dynamic": "mathjax/mathjax-newcm-font/chtml/dynamic",
        },
    ),
}


def unpack(package: str, version: str, folder: Path) -> Path:
    """Download one package with ``npm pack``, which checks its integrity, and unpack it."""
    named = subprocess.run(
        ["npm", "pack", "--silent", "--pack-destination", str(folder), f"{package}@{version}"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
    target = folder / named.removesuffix(".tgz")
    with tarfile.open(folder / named) as archive:
        archive.extractall(target, filter="data")
    return target / "package"


def main() -> None:
    """Replace the vendored files and write down what they are."""
    shutil.rmtree(HERE / "mathjax", ignore_errors=True)
    record: dict[str, object] = {}
    licence = ""
    with tempfile.TemporaryDirectory() as temporary:
        for package, (version, files) in PACKAGES.items():
            print(f"fetching {package} {version}")
            source = unpack(package, version, Path(temporary))
            for here, there in files.items():
                target = HERE / there
                target.parent.mkdir(parents=True, exist_ok=True)
                if (source / here).is_dir():
                    shutil.copytree(source / here, target)
                else:
                    shutil.copy(source / here, target)
            if (source / "LICENSE").exists():
                licence = (source / "LICENSE").read_text()
            described = json.loads((source / "package.json").read_text())
            record[package] = {"version": version, "license": described["license"]}
    files_here = sorted(path for path in (HERE / "mathjax").rglob("*") if path.is_file())
    record["sha256"] = {
        path.relative_to(HERE).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files_here
    }
    (HERE / "versions.json").write_text(json.dumps(record, indent=1) + "\n")
    heading = "MathJax and its New Computer Modern font (mathjax, @mathjax/mathjax-newcm-font)\n"
    (HERE / "LICENSES.txt").write_text(heading + "Copyright The MathJax Consortium\n\n" + licence)


if __name__ == "__main__":
    main()
