"""The commands of benchmarks/ run: one small case, without peers; what is counted is there."""

import json
import platform
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks"
COMMAND = FOLDER / "trial_loop.py"

LISTING = """
_ZN3runE:
\tmovq\t%rdi, %rcx
.LBB0_1:
\txorl\t%eax, %eax
.LBB0_2:
\tvmovups\t(%rsi,%rax), %zmm0
\tvfmadd213ps\t256(%rsi,%rax), %zmm1, %zmm0
\tvmovups\t%zmm0, (%rsi,%rax)
\taddq\t$64, %rax
\tcmpq\t$256, %rax
\tjne\t.LBB0_2
\tvmovups\t8(%rsp), %zmm1
\tvdivps\t%zmm1, %zmm0, %zmm0
\txorl\t%eax, %eax
.LBB0_3:
\tvmovss\t(%rsi,%rax), %xmm0
\tincq\t%rax
\tjne\t.LBB0_3
\tdecq\t%rcx
\tjne\t.LBB0_1
\tretq
_ZN5otherE:
\tretq
"""


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


@pytest.fixture
def profile_step(monkeypatch):
    """Return the module of the profile."""
    monkeypatch.syspath_prepend(str(FOLDER))
    return pytest.importorskip("profile_step")


def test_a_pass_is_counted_with_the_trips_of_its_inner_loops(profile_step):
    code = profile_step.listing(LISTING, "3run")
    found = profile_step.count(code, 0)
    assert found["fused multiply-adds"] == 4
    assert found["divisions"] == 1
    assert found["loads"] == 2 * 4 + 1  # two in each of four trips, one from the stack
    assert found["stores"] == 4
    assert found[profile_step.STACK] == 1
    # the scalar loop is never entered; labels do not count
    assert found["instructions"] == 1 + 4 * 6 + 3 + 2
    assert profile_step.bounds(found)["stores"] == 4


def test_code_of_another_machine_is_refused(profile_step):
    with pytest.raises(ValueError, match="no x86-64 code of 'walk'"):
        profile_step.listing(LISTING, "walk")


def test_the_pace_of_a_row_tells_what_it_takes_at_most(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    tables = pytest.importorskip("tables")
    monkeypatch.setattr(tables, "PACE_SEQUENCES", 40)
    ours, theirs = tables.rows(lstm=True), tables.rows(lstm=False)
    assert not {each.name for each in ours} & {each.name for each in theirs}
    row = next(each for each in theirs if each.name == "table1/rtrl-p4-rate1")
    (found,) = tables.paces([tables.replace(row, trials=2)])
    assert found["at_most"] == pytest.approx(found["seconds"] / 40 * 5_000_000)
    assert tables._clock(3661.4) == "1:01:01"


@pytest.mark.skipif(platform.machine() not in ("x86_64", "AMD64"), reason="reads x86-64 code")
def test_the_floor_executes_the_multiply_adds_it_was_asked_for(profile_step):
    import numpy as np

    found = {}
    for madds in (24, 60):
        floor = profile_step.floor_function("float32", 32, 8, madds)
        floor(np.full(8 * 32, 0.3, dtype="float32"), 1)
        (text,) = floor.inspect_asm().values()
        code = profile_step.listing(text, "5floor")
        lanes = {"zmm": 16, "ymm": 8, "xmm": 4}[profile_step.widest(code)]
        found[madds] = profile_step.count(code, 0)["fused multiply-adds"] * lanes / 32
    assert found[60] - found[24] == 60 - 24
