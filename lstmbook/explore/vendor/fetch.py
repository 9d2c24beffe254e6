"""Make `d3.js` anew: the few parts of d3 the drawings use, bundled into one readable-size file.

A maintenance script, not run at build time: ``python -m lstmbook.explore.vendor.fetch``. It
needs npm, which checks each package's integrity. It writes `d3.js`, `LICENSES.txt` and
`versions.json` beside itself.
"""

from __future__ import annotations

import hashlib
import json
import subprocess
import tempfile
from pathlib import Path
from typing import Final

PINNED: Final = {
    "d3-scale": "4.0.2",
    "d3-selection": "3.0.0",
    "d3-shape": "3.2.0",
}
BUNDLER: Final = {"esbuild": "0.25.12"}
ENTRY: Final = """\
export { scaleLinear, scaleLog } from "d3-scale";
export { select } from "d3-selection";
export { area, line } from "d3-shape";
"""
HERE: Final = Path(__file__).parent


def main() -> None:
    """Install the pinned packages in a folder of their own, bundle them, note what was taken."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        wanted = [f"{name}@{version}" for name, version in {**PINNED, **BUNDLER}.items()]
        (root / "package.json").write_text('{"private": true}')
        subprocess.run(["npm", "install", "--no-audit", "--no-fund", *wanted], cwd=root, check=True)
        (root / "entry.js").write_text(ENTRY)
        subprocess.run(
            [
                "node_modules/.bin/esbuild",
                "entry.js",
                "--bundle",
                "--minify",
                "--target=es2022",
                "--format=iife",
                "--global-name=d3",
                "--legal-comments=none",
                "--charset=ascii",
                "--outfile=d3.js",
                "--metafile=meta.json",
            ],
            cwd=root,
            check=True,
        )
        text = (root / "d3.js").read_text("utf-8")
        inputs = json.loads((root / "meta.json").read_text("utf-8"))["inputs"]
        packages = sorted(
            {path.split("/")[1] for path in inputs if path.startswith("node_modules")}
        )
        versions, licenses = {}, []
        for name in packages:
            package = root / "node_modules" / name
            about = json.loads((package / "package.json").read_text("utf-8"))
            versions[name] = {"version": about["version"], "license": about["license"]}
            license_text = (package / "LICENSE").read_text("utf-8").strip()
            licenses.append(f"{name} {about['version']}\n\n{license_text}\n")
    (HERE / "d3.js").write_text(text, "utf-8")
    (HERE / "LICENSES.txt").write_text(("\n" + "-" * 72 + "\n\n").join(licenses), "utf-8")
    record = {
        "file": "d3.js",
        "sha256": hashlib.sha256(text.encode()).hexdigest(),
        "bundler": BUNDLER,
        "packages": versions,
    }
    (HERE / "versions.json").write_text(json.dumps(record, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
