"""The commands of benchmarks/: one small case runs, and what is counted and left out is so."""

import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("numba")

FOLDER = Path(__file__).parents[1] / "benchmarks"


@pytest.fixture
def module(monkeypatch):
    """Return a function that imports a module of benchmarks/ by name."""
    monkeypatch.syspath_prepend(str(FOLDER))
    return import_module


def test_the_command_measures_writes_and_renews_a_page(tmp_path):
    place, page = tmp_path / "found.json", tmp_path / "page.md"
    page.write_text("Before.\n\n<!-- tables: begin -->\nold\n<!-- tables: end -->\n\nAfter.\n")
    answer = subprocess.run(
        [sys.executable, FOLDER / "trial_loop.py", "--tiny", "--json", place, "--readme", page],
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    found = json.loads(place.read_text())
    seconds = {row["peer"]: row["seconds"] for row in found["peers"]["rows"]}
    assert 0 < seconds["lanes"] < seconds["NumPy reference"]
    (work,) = found["work"]
    assert 0 < work["floor"] < work["lanes"]
    assert {"lanes", "numpy", "numba", "date", "cpu", "load"} <= set(found["machine"])
    written = page.read_text()
    assert written.startswith("Before.")
    assert written.endswith("After.\n")
    assert "old" not in written
    for table in found["tables"]:
        assert table["title"] in answer.stdout
        assert f"### {table['title'][0].upper()}{table['title'][1:]}\n" in written


def test_the_page_is_not_renewed_from_a_part_of_a_run():
    command = [sys.executable, FOLDER / "trial_loop.py", "--tiny", "--readme"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    assert answer.returncode == 2
    assert "--readme renews README.md from a whole run" in answer.stderr


def test_a_missing_engine_is_skipped_by_name(module, monkeypatch):
    engines, readme = module("engines"), module("readme")

    def gone(name):
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    monkeypatch.setattr(engines, "import_module", gone)
    assert engines.engines() == ("lanes",)
    trial = module("workloads").trial_1c(20, 4)
    with pytest.raises(ValueError, match="engine is 'written engine'; there are lanes"):
        engines.loop_of("written engine", trial)
    result = made_up_result()
    for row in result["work"]:
        del row["written engine"]
    result["peers"]["skipped"] = ["written engine"]
    assert readme.words(result) == ["Not there, and skipped: written engine."]
    (title, rows), _ = readme.tables_of("work", result)
    assert title == "Lanes"
    assert rows[1] == ["1c, T = 1000, recurrent: cells and gates", "4.00", "8.00"]


def test_a_module_that_an_engine_misses_is_no_reason_to_skip_it(module, monkeypatch):
    engines = module("engines")

    def broken(name):
        raise ModuleNotFoundError("No module named 'numba'", name="numba")

    monkeypatch.setattr(engines, "import_module", broken)
    with pytest.raises(ModuleNotFoundError, match="numba"):
        engines.written_engine()


def test_the_fastest_turn_counts(module):
    engines = module("engines")
    turns = []

    def steps(name, much):
        def take(n):
            turns.append(name)
            return sum(1 for _ in range(much * n)) // much

        return take

    loops = {"slow": steps("slow", 40), "fast": steps("fast", 1)}
    found = engines.alternating(loops, repeats=3, span=0.01)
    assert turns == ["slow", "fast"] * 4
    assert 0 < found["fast"] < found["slow"]


def made_up_result():
    """Return a run of two kinds of work with round numbers."""
    work, ns = [], 1e-9
    for name, lanes, written, madds in (
        ("1c, T = 1000, recurrent: cells and gates", 4, 5, 60),
        ("Reber, 3 blocks of 2", 60, 50, 600),
    ):
        for factor, dtype in ((1, "float32"), (2, "float64")):
            row = {"work": name, "dtype": dtype, "sigmoids": 8, "madds": madds}
            row |= {"lanes": lanes * factor * ns, "written engine": written * factor * ns}
            work.append({**row, "floor": 2 * ns})
    row = {"dtype": "float32", "input": "one-hot", "T": 1000}
    rows = [
        {**row, "peer": "PyTorch, batch 1", "seconds": 1000 * ns},
        {**row, "peer": "JAX scan, vmap over 32 trials, truncated", "seconds": 80 * ns},
        {**row, "peer": "JAX scan, vmap over 32 trials, full", "seconds": 70 * ns},
    ]
    floors = {dtype: {"step": step * ns} for dtype, step in (("float32", 2), ("float64", 3))}
    return {
        "machine": {"load": 0.1},
        "floors": floors,
        "work": work,
        "peers": {"rows": rows, "skipped": []},
        "processes": [{"processes": 1, "steps": 10.0}, {"processes": 2, "steps": 19.0}],
    }


def test_targets_and_words_say_what_was_measured(module):
    readme, result = module("readme"), made_up_result()
    head, *rows = readme.targets(result)
    assert head[0].startswith("1c, T = 1000")
    assert [row[1:] for row in rows] == [
        ["at least 200x", "250.00x", "met"],
        ["at least 40x", "20.00x", "missed: would take 1.00x the floor"],
        ["at most 2.5x", "2.00x", "met"],
        ["at most 2.5x", "2.67x", "missed"],
        ["at most 3x", "1.50x", "met"],
        ["at least 0.9x", "0.95x", "met"],
    ]
    (text,) = readme.words(result)
    assert text == (
        "Lanes take 0.80 to 1.20 times the written engine's time (2 kinds of work, 2 precisions; "
        "most: Reber, 3 blocks of 2, float32), 0.98 times in the geometric mean."
    )
    (title, rows), _ = readme.tables_of("work", result)
    assert title == "Lanes beside the written engine"
    assert rows[2] == ["Reber, 3 blocks of 2", "60.00", "50.00", "1.20", "120.00", "100.00", "1.20"]
    result["machine"]["load"] = 1.5
    assert readme.targets(result)[-1][-1] == "not judged: other work was running"


@pytest.mark.parametrize(
    ("work", "sigmoids", "madds"),
    [
        ("1c, T = 100, recurrent: none", 4, 0),
        ("1c, T = 1000, recurrent: cells and gates", 8, 60),
        ("1b, 101 outputs", 103, 719),
        ("Reber, 3 blocks of 2", 25, 622),
        ("adding, T = 100, 2 blocks of 2", 12, 176),
    ],
)
def test_operations_of_a_step(module, work, sigmoids, madds):
    workloads = module("workloads")
    assert workloads.operations(workloads.workloads()[work]) == (sigmoids, madds)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(("sigmoids", "madds"), [(8, 60), (3, 0), (0, 64)])
def test_the_floor_does_the_work_it_was_asked_for(module, dtype, sigmoids, madds):
    floor = module("floor")
    work = floor.Work(dtype, 8, sigmoids, madds)
    plain = floor.Arrays(work.rows.memory())
    plain.numbers[:] = 0.3
    floor.steps(work, plain, 5)
    rows = plain.numbers.reshape(-1, 8)
    assert np.count_nonzero((rows != plain.numbers.dtype.type(0.3)).all(axis=1)) == sigmoids + (
        8 if madds else 0
    )
    assert floor.floor_function(work)(5) == pytest.approx(plain.numbers, rel=1e-5)


def test_the_floor_counts_each_multiply_add(module, monkeypatch):
    floor, counted = module("floor"), []

    def counting(a, b, c):
        counted.append(1)
        return a * b + c

    monkeypatch.setattr(floor, "fma", counting)
    work = floor.Work("float64", 8, 0, 60)
    floor.steps(work, floor.Arrays(work.rows.memory()), 1)
    assert len(counted) == 60


@pytest.mark.parametrize(
    ("sigmoids", "madds", "message"),
    [(9, 60, "sigmoids is 9; a step has 0 to 8"), (8, 6, "madds is 6; a step has a multiple of 4")],
)
def test_work_that_the_floor_cannot_do_is_refused(module, sigmoids, madds, message):
    with pytest.raises(ValueError, match=message):
        module("floor").Work("float32", 8, sigmoids, madds)


def test_a_loop_without_its_parts_still_runs(module):
    parts, trials = module("parts"), import_module("lstmbook.learners.trials")
    trial = module("workloads").trial_1c(20, 4)
    whole = trials.program_of(trial, 2)
    assert parts.without(whole, ()) == whole
    for n in range(len(parts.PARTS) + 1):
        loop = trials.Loop(parts.without(whole, parts.PARTS[:n]), [trial] * 2, plain=True)
        records = loop.arrays.numbers.records
        assert loop.advance(16) >= 16
        at_work = np.count_nonzero(records != 0)
        assert loop.advance(16) >= 16
        assert (np.count_nonzero(records != 0) > at_work) == (n == 0), parts.PARTS[:n]


def test_a_peer_that_is_not_installed_is_skipped_by_name(module, monkeypatch):
    trial_loop = module("trial_loop")
    monkeypatch.setattr(trial_loop.importlib.util, "find_spec", lambda name: None)
    found = trial_loop.peers(None)
    assert found["skipped"] == ["jax", "torch"]
    assert not found["rows"]


def test_the_pace_of_a_row_tells_what_it_takes_at_most(module, monkeypatch):
    tables = module("tables")
    monkeypatch.setattr(tables, "PACE_SEQUENCES", 40)
    ours, theirs = tables.rows(lstm=True), tables.rows(lstm=False)
    assert not {each.name for each in ours} & {each.name for each in theirs}
    row = next(each for each in theirs if each.name == "table1/rtrl-p4-rate1")
    (found,) = tables.paces([tables.replace(row, trials=2)])
    assert found["at_most"] == pytest.approx(found["seconds"] / 40 * 5_000_000)
    assert tables._clock(3661.4) == "1:01:01"


@pytest.fixture(scope="module")
def learners_run(tmp_path_factory):
    """Return the output, the numbers and the page of a run of one small case."""
    folder = tmp_path_factory.mktemp("learners")
    place, page = folder / "found.json", folder / "page.md"
    page.write_text("Before.\n\n<!-- learners: begin -->\nold\n<!-- learners: end -->\n\nAfter.\n")
    answer = subprocess.run(
        [sys.executable, FOLDER / "learners.py", "--tiny", "--json", place, "--readme", page],
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    return answer.stdout, json.loads(place.read_text()), page.read_text()


def test_comparison_learners_are_measured_and_a_page_renewed(learners_run):
    said, found, page = learners_run
    (row,) = found["rows"]
    own = row["float64"]
    assert 0 < own["floor"] < own["seconds"] < row["NumPy"]
    assert own["seconds"] == min(own["by_lanes"].values())
    assert [each["what"] for each in found["epochs"]] == ["candidates", "outputs"]
    assert all(0 < each["floor"] < each["seconds"] < each["NumPy"] for each in found["epochs"])
    assert "at most 3x the floor, 5x with about 100 outputs" in said
    assert page.startswith("Before.")
    assert page.endswith("After.\n")
    assert "old" not in page
    for table in found["tables"]:
        assert table["title"] in said
        assert f"### {table['title'][0].upper()}{table['title'][1:]}\n" in page


def test_learners_do_not_renew_the_page_from_a_part_of_a_run():
    command = [sys.executable, FOLDER / "learners.py", "--tiny", "--readme"]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    assert answer.returncode == 2
    assert "--readme renews README.md from a whole run" in answer.stderr


def test_hand_written_loops_that_are_gone_are_skipped(module, monkeypatch):
    loops = module("hand_loops")

    def gone(name):
        raise ModuleNotFoundError(f"No module named {name!r}", name="lstmbook.remedies")

    monkeypatch.setattr(loops, "import_module", gone)
    assert not loops.present()

    def broken(name):
        raise ModuleNotFoundError("No module named 'numba'", name="numba")

    monkeypatch.setattr(loops, "import_module", broken)
    with pytest.raises(ModuleNotFoundError, match="numba"):
        loops.present()


@pytest.mark.parametrize(
    ("name", "sigmoids", "madds"),
    [
        # one unit: itself; 101 outputs read it and a bias; 103 weights with partials
        ("RTRL, 1 unit, 1a p = 100", 102, 1 + 101 * (4 + 1) + 103 * 2),
        # back: itself, and its change
        ("BPTT, 1 unit, 1a p = 100", 102, 1 + 101 * 5 + 2),
        # 102 outputs without biases; four steps back
        ("chunker, 1a p = 100", 103, 1 + 102 * 3 + 4 * 2),
        # forward, outputs, and nothing back to the step before
        ("Elman, 15 units, Reber", 22, 225 + 7 * 45 + 225),
        # 10 units of 17 weights, ten partials each; errors arrive at 7
        ("RTRL, 3 + 7 units, Reber", 10, 100 + 170 * (100 + 7)),
        # the error of the last step is left aside
        ("BPTT, 5 units, 1c T = 100", 5, 25 + 50),
        ("BPTT, 5 units, adding T = 100", 5, 35 + 35 + 25),
        ("BPTT, 5 units, 3 back, Reber", 12, 25 + 7 * (10 + 5) + 4 * 50),
        # three net inputs read the layer
        ("GRU, 5 units, 1c T = 100", 15, 75 + 150),
        # 31 sources of 7 linear outputs
        ("echo state, 30 units, Reber", 30, 900 + 31 * 31 + 31 * 16 + 31 + 2 * 7 * 31),
    ],
)
def test_operations_of_a_step_of_comparison_learners(module, name, sigmoids, madds):
    work = module("learner_work")
    assert work.operations(work.cases()[name]) == (sigmoids, madds)


def test_what_a_row_misses_is_named(module):
    learners = module("learners")
    assert learners._missed(2.0, 3.0, 200.0, 1.0, 3) == "met"
    assert learners._missed(4.0, 3.0, 100.0, 1.0, 3) == "missed: hand-written, NumPy, floor"
    assert learners._missed(4.0, None, 200.0, 1.0, 5) == "met"
