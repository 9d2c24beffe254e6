"""The command of benchmarks/ runs: one small case, without peers."""

import json
import subprocess
import sys
from pathlib import Path

COMMAND = Path(__file__).parents[2] / "benchmarks" / "trial_loop.py"


def test_the_command_measures_and_writes(tmp_path):
    place = tmp_path / "found.json"
    answer = subprocess.run(
        [sys.executable, str(COMMAND), "--tiny", "--json", str(place)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    found = json.loads(place.read_text())
    seconds = {row["peer"]: row["seconds"] for row in found["peers"]["rows"]}
    assert set(seconds) == {"engine, float32", "NumPy reference"}
    assert 0 < seconds["engine, float32"] < seconds["NumPy reference"]
    assert found["floors"]["float32"]["step"] > 0
    (table,) = found["tables"]
    assert table["title"] in answer.stdout
    assert {"engine", "numpy", "numba", "date", "cpu"} <= set(found["machine"])
