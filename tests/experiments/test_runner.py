"""A trial's bits depend on nothing but its design, dtype and seed."""

import multiprocessing
import os
import pickle
import random
import re
import signal
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import psutil
import pytest

from lstmbook.abuse import Scheduled, thesis_schedule
from lstmbook.experiments import designs, runner
from lstmbook.experiments.runner import Unit, run, work
from lstmbook.experiments.store import Store, StoreError
from lstmbook.experiments.trials import EPOCHS, LANES, REFERENCE, job, perform
from lstmbook.lanes import specialise
from lstmbook.lanes.draws import Stream, stream_key
from lstmbook.learners import trials as lane_trials
from lstmbook.lstm import initial_weights
from lstmbook.protocols import Learner, run_trial
from lstmbook.truncated_learning import LSTM


def test_lanes_run_what_they_can(compiled, readable, Habit):
    assert job(compiled, 0).engine.startswith("lanes ")
    assert job(readable, 0).engine == REFERENCE
    assert job(readable, 0, "float32").dtype == "float64"
    assert job(compiled.with_learner(Habit), 0).engine == REFERENCE
    assert all(job(row.design, 0).lockstep for row in designs.table("table2").rows)


def test_endings_differ_from_seed_to_seed(compiled, readable):
    """What follows would prove little if all trials were alike."""
    for design in (compiled, readable):
        records = run(design, trials=8, jobs=1)
        assert [each.seed for each in records] == list(range(8))
        assert len({(each.sequences, each.errors) for each in records}) == 8
        assert {each.ending for each in records} == {"success", "cap"}


def test_a_reference_trial_is_what_run_trial_makes_of_it(readable):
    recipe, task = readable.learner, readable.task
    (record,) = run(readable, trials=1, seed=5, jobs=1)
    weights = initial_weights(recipe.net, stream(5, 1), scale=recipe.scale)
    net = LSTM(recipe.net, weights, recipe.learning_rate, reset=False)
    learner = Scheduled(net, thesis_schedule(recipe.net))
    sequences = Stream(stream_key(5, "sequences"))
    outcome = run_trial(task, learner, sequences, max_sequences=110)
    assert (record.ending, record.sequences) == (outcome.ending, outcome.sequences)
    assert record.errors == tuple(outcome.errors)


def stream(seed, number):
    return np.random.default_rng([seed, number])


@pytest.mark.parametrize("row", ["table1/rtrl-p4-rate10", "table1/chunker-p100"])
def test_compiled_nets_are_the_reference_to_rounding(row):
    design = designs.design(row).with_task(p=2).with_criterion(run=20)
    design = designs.replace(design, max_sequences=200)
    assert job(design, 0).engine == LANES
    for seed, record in enumerate(run(design, trials=2, jobs=1)):
        (slow,) = perform([replace(job(design, seed), engine=REFERENCE)])
        assert (record.ending, record.sequences) == (slow.ending, slow.sequences)
        assert np.allclose(record.errors, slow.errors, rtol=1e-9)


def test_nets_that_differ_in_rate_run_side_by_side_and_are_the_same(monkeypatch, tmp_path):
    rows = [designs.design(f"table1/rtrl-p4-rate{rate}") for rate in (1, 4)]
    several = [designs.replace(each, max_sequences=700) for each in rows]
    alone = [record for each in several for record in run(each, 3, jobs=1)]
    loops = []
    made = lane_trials.Loop
    monkeypatch.setattr(
        lane_trials, "Loop", lambda *a, **k: loops.append(len(a[1])) or made(*a, **k)
    )
    assert run(several, 3, jobs=1, store=tmp_path / "s.sqlite") == alone
    assert loops == [6]


@pytest.mark.parametrize("row", ["rtrl-3", "elman-15", "rcc"])
def test_nets_on_the_reber_grammar_are_compiled_and_tell_how_far_they_came(row, tmp_path):
    design = designs.design(f"table3/{row}").with_task(n_training=12, n_test=4, every=12)
    design = designs.replace(design, max_sequences=300)
    assert job(design, 0).engine == (EPOCHS if row == "rcc" else LANES)
    records = run(design, trials=2, jobs=2, store=tmp_path / "s.sqlite")
    assert records == list(perform([job(design, 0), job(design, 1)]))
    for record in records:
        assert "share of strings predicted at the end" in record.milestones
    (slow,) = perform([replace(job(design, 0), engine=REFERENCE)])
    assert (records[0].ending, records[0].sequences) == (slow.ending, slow.sequences)
    assert np.allclose(records[0].errors, slow.errors, rtol=1e-7)


def test_the_same_bits_whoever_runs_them(everything, tmp_path):
    here = run(everything, jobs=1)
    assert len(here) == 18 + 4 + 4
    assert run(everything, jobs=2, store=tmp_path / "s.sqlite") == here
    with ThreadPoolExecutor(2) as threads:
        assert run(everything, executor=threads) == here
    # one by one, backwards
    alone = [next(perform([job(everything[0], seed)])) for seed in (17, 3)]
    assert alone == [here[17], here[3]]


def test_float32_is_kept_apart(compiled, tmp_path):
    path = tmp_path / "s.sqlite"
    run(compiled, trials=2, jobs=1, store=path)
    (single,) = run(compiled, trials=1, jobs=1, dtype="float32", store=path)
    assert single.dtype == "float32"
    with Store(path) as store:
        assert store.count() == 3


def test_what_is_kept_is_not_run_again(readable, tmp_path, monkeypatch):
    path = tmp_path / "s.sqlite"
    first = run(readable, trials=5, jobs=1, store=path)
    seen = []
    more = run(readable, trials=8, jobs=1, store=path, progress=seen.append)
    assert more[:5] == first
    assert [each.done for each in seen] == [5, 6, 7, 8]
    assert {each.kept for each in seen} == {5}
    assert [each.share for each in seen] == pytest.approx([0, 1 / 3, 2 / 3, 1])
    assert seen[-1].left == 0
    assert seen[0].left is None
    monkeypatch.setattr(runner, "_execute", None)
    assert run(readable, trials=8, jobs=1, store=path) == more
    with Store(path) as store:
        assert run(readable, trials=8, store=store) == more
        assert store.count() == 8


def test_compiling_is_told_and_its_end_too(compiled, monkeypatch):
    monkeypatch.setattr(specialise, "is_compiled", lambda program: False)
    seen = []
    run(compiled, trials=2, jobs=1, progress=seen.append)
    doing = [each.doing for each in seen]
    assert doing[1].startswith("compiling the trial loop")
    assert doing[2] == doing[-1] == ""
    assert all(not each or "of at most 700 sequences" in each for each in doing[2:])


def spawned(n):
    """Return a reader's executor: processes that know nothing of ours."""
    return ProcessPoolExecutor(n, mp_context=multiprocessing.get_context("spawn"))


def test_a_trial_that_ends_early_is_kept_while_others_beside_it_go_on(tmp_path):
    design = designs.design("table1/rtrl-p4-rate10").with_criterion(tolerance=0.45, run=20)
    design = designs.replace(design, max_sequences=200_000)
    seen, counts = [], []
    with Store(tmp_path / "s.sqlite") as store:

        def watch(at):
            seen.append(at)
            counts.append(store.count())

        records = run(design, trials=6, jobs=1, store=store, progress=watch)
    assert len({each.sequences for each in records}) == 6
    assert set(counts) >= {1, 5, 6}
    told = [each.doing for each in seen if each.doing]
    assert told
    assert all("of at most 200,000 sequences" in each for each in told)


def in_a_notebook(monkeypatch):
    """Return a learner as a notebook has it: in __main__, which other processes cannot import."""

    class Mine:
        def __init__(self, task, rng):
            self.n = task.n_outputs

        def learn(self, sequence):
            return self.predict(sequence)

        def predict(self, sequence):
            return sequence.targets * 0 + 0.5

    Mine.__module__, Mine.__qualname__ = "__main__", "Mine"
    monkeypatch.setattr(sys.modules["__main__"], "Mine", Mine, raising=False)
    return Mine


def test_a_learner_of_a_notebook_runs_in_process(readable, compiled, monkeypatch):
    mine = readable.with_learner(in_a_notebook(monkeypatch))
    assert isinstance(mine.learner.build(readable.task, None), Learner)
    records = run([mine, compiled, readable], trials=2, jobs=2)
    assert [each.method for each in records] == ["Mine"] * 2 + ["LSTM"] * 2 + [readable.method] * 2
    with ThreadPoolExecutor(1) as threads:
        assert run(mine, trials=2, executor=threads) == records[:2]


def test_it_does_not_travel(readable, monkeypatch):
    mine = readable.with_learner(in_a_notebook(monkeypatch))

    class Far(ThreadPoolExecutor.__base__):
        pass

    with pytest.raises(ValueError, match=r"Mine cannot go to the executor: it is defined in a not"):
        run(mine, trials=2, executor=Far())


@pytest.fixture
def Moody(Habit):
    return sys.modules[Habit.__module__].Moody


def raised(design):
    """Return the first seed for which a moody learner cannot be made."""
    for seed in range(100):
        try:
            design.learner.build(design.task, stream(seed, 1))
        except ValueError:
            return seed


def seeds(path):
    with Store(path) as store:
        return {each.seed for each in store.records()}


@pytest.mark.parametrize("executor", [lambda n: nullcontext(), ThreadPoolExecutor, spawned])
def test_an_error_of_a_learner_is_shown_and_what_had_ended_is_kept(
    readable, Moody, tmp_path, executor
):
    moody = readable.with_learner(Moody)
    first = raised(moody)
    assert 0 < first < 15
    path = tmp_path / "s.sqlite"
    with executor(2) as others, pytest.raises(ValueError, match="not today") as error:
        run(moody, trials=20, jobs=1 if others is None else None, executor=others, store=path)
    wanted = rf"in a trial of table1/lstm-p100-thesis \(Moody\) with seed {first}$"
    assert re.match(wanted, error.value.__notes__[0])
    assert set(range(first)) <= seeds(path)
    assert first not in seeds(path)
    assert len(seeds(path)) < 20


def test_what_is_at_work_beside_an_error_is_kept(readable, Moody, tmp_path):
    """Its trials cannot be ended on an executor, so that they are waited for."""
    moody = readable.with_learner(Moody)
    first = raised(moody)
    path = tmp_path / "s.sqlite"
    long = replace(readable, max_sequences=500, name="long").with_criterion(run=501)
    seen = []
    with ThreadPoolExecutor(2) as others, pytest.raises(ValueError, match="not today"):
        run([long, moody], 1, first, executor=others, store=path, progress=seen.append)
    wanted = "ended by ValueError('not today'); trials at work are waited for"
    assert wanted in {each.doing for each in seen}
    with Store(path) as store:
        assert [each.experiment for each in store.records()] == ["long"]


def test_a_unit_of_work_brings_back_what_ended_before_an_error(readable, Moody):
    moody = readable.with_learner(Moody)
    first = raised(moody)
    ended = work(Unit(tuple(job(moody, seed) for seed in range(first + 2))))
    assert [each.seed for each in ended.records] == list(range(first))
    assert isinstance(ended.error, ValueError)
    far = pickle.loads(pickle.dumps(ended))
    assert far.records == ended.records
    assert isinstance(far.error, ValueError)
    assert 'raise Odd("not", "today") if odd else ValueError("not today")' in noted(far.error)


def test_an_error_that_cannot_travel_is_told(readable, Moody):
    odd = readable.with_learner(Moody, odd=True)
    ended = work(Unit((job(odd, raised(readable.with_learner(Moody))),)))
    far = pickle.loads(pickle.dumps(ended))
    assert repr(far.error) == "RuntimeError('Odd: not today')"
    assert "habits.Odd: not today" in noted(far.error)


def noted(error):
    return "\n".join(error.__notes__)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"designs": "table9"}, "table is 'table9'; there are table1"),
        ({"designs": "table2/q5"}, "row is 'q5'"),
        ({"designs": "table1/rcc"}, "row is 'rcc'"),
        ({"designs": []}, "designs is empty"),
        ({"trials": 0}, "trials is 0; it must be at least 1"),
        ({"jobs": 0}, "jobs is 0; it must be at least 1"),
        ({"seed": -1}, "seed is -1; it must be at least 0"),
        ({"dtype": "float16"}, "dtype is 'float16'; it must be one of 'float32', 'float64'"),
    ],
)
def test_impossible_runs(settings, message):
    with pytest.raises(ValueError, match=message):
        run(**({"designs": "table2/q50-p50", "trials": 1} | settings))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"designs": 3}, "designs is 3; it must be a name, a design or several of them"),
        ({"designs": ["table2", 3]}, "designs has 3 among them; each must be a name or a design"),
        ({"executor": 3}, r"executor is 3; it must be an executor of .*client.get_executor\(\)"),
        ({"store": 3}, "store is 3; it must be a file's name or an open store"),
        ({"trials": 1.5}, "trials must be a whole number, not 1.5"),
    ],
)
def test_runs_of_the_wrong_kind(settings, message):
    with pytest.raises(TypeError, match=message):
        run(**({"designs": "table2/q50-p50", "trials": 1} | settings))


def test_a_store_that_is_none(tmp_path):
    (tmp_path / "notes").write_text("mine")
    with pytest.raises(StoreError, match="is not a store of results"):
        run("table2/q50-p50", trials=1, store=tmp_path / "notes")
    assert (tmp_path / "notes").read_text() == "mine"


SCRIPT = """
import sys
from lstmbook.experiments import designs, report
from lstmbook.experiments.runner import run

def reference():
    design = designs.design("table1/lstm-p100-thesis").with_task(p=3).with_options(reset=False)
    design = designs.replace(design.with_criterion(tolerance=0.6, run=12), max_sequences=110)
    return [design], 24

def lanes():  # more trials than run side by side; the rates let them end one after the other
    design = designs.design("table2/q50-p50").with_task(q=10, p=20)
    design = designs.replace(design.with_criterion(tolerance=0.2, run=500), max_sequences=90_000)
    return [design.with_options(learning_rate=rate) for rate in (0.02, 0.01, 0.006, 0.004)], 9

def epochs():
    design = designs.design("table3/rcc").with_task(n_training=64, n_test=16, every=64)
    return [designs.replace(design, max_sequences=128_000)], 24

if __name__ == "__main__":
    store, jobs, kind = sys.argv[1:]
    several, trials = globals()[kind]()
    run(several, trials, jobs=int(jobs), store=store)
    print(report.report(several, store))
"""


def started(tmp_path, store, jobs, kind):
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    return subprocess.Popen(
        [sys.executable, str(script), str(store), str(jobs), kind],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def kept(store):
    """Return the trials of a store, by what defines them."""
    if not store.exists():
        return {}
    with Store(store) as opened:
        records = list(opened.records())
    found = {(each.options, each.dtype, each.engine, each.seed): each for each in records}
    assert len(found) == len(records)
    return found


def wait_for(store, n, process):
    """Wait until a store has more than n trials, or the process has ended."""
    until = time.monotonic() + 300  # loops may have to be compiled
    while len(kept(store)) <= n and process.poll() is None:
        assert time.monotonic() < until
        time.sleep(0.01)


KINDS = {"reference": 24, "lanes": 36, "epochs": 24}
"""What runs the trials of the script above, and how many there are."""


@pytest.mark.parametrize(("jobs", "kills"), [(1, 3), (2, 2)])
@pytest.mark.parametrize("kind", KINDS)
def test_killed_at_any_moment_it_goes_on_with_nothing_lost(tmp_path, kind, jobs, kills):
    """Kill a run at random moments and start it again: the same table as without a kill."""
    whole = started(tmp_path, tmp_path / "whole.sqlite", 1, kind)
    store, so_far = tmp_path / "s.sqlite", {}
    for _ in range(kills):
        process = started(tmp_path, store, jobs, kind)
        wait_for(store, len(so_far), process)
        time.sleep(random.uniform(0, 0.2))
        assert process.poll() is None, "the run ended before it was killed: give it more to do"
        workers = psutil.Process(process.pid).children(recursive=True)
        seen = kept(store)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        # the workers go with it
        assert psutil.wait_procs(workers, timeout=5)[1] == []
        now = kept(store)
        assert seen.items() <= now.items()
        assert so_far.items() <= now.items()
        so_far = now
    last = started(tmp_path, store, jobs, kind)
    text, problems = last.communicate(timeout=300)
    assert last.returncode == 0, problems
    assert kept(store) == kept(tmp_path / "whole.sqlite")
    assert [key[2].partition(" ")[0] for key in kept(store)] == [kind] * KINDS[kind]
    assert text == whole.communicate(timeout=300)[0]
    assert "table" in text


def at_work(store):
    """Return a command whose trials take long, and its workers."""
    words = ["reproduce", "table1", "--rows", "rtrl-p100-rate1", "--trials", "40", "--jobs", "2"]
    process = subprocess.Popen(
        [sys.executable, "-m", "lstmbook", *words, "--store", str(store)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    until = time.monotonic() + 60
    while len(workers := workers_of(process)) < 2:
        assert time.monotonic() < until
        time.sleep(0.05)
    time.sleep(0.5)
    return process, workers


def workers_of(process):
    """Return the processes that run a command's trials (another child counts semaphores)."""
    children = psutil.Process(process.pid).children(recursive=True)
    return [each for each in children if "spawn_main" in " ".join(each.cmdline())]


def test_an_interrupt_stops_it_and_its_workers(tmp_path):
    store = tmp_path / "s.sqlite"
    process, workers = at_work(store)
    os.killpg(process.pid, signal.SIGINT)  # what Ctrl+C does
    _, problems = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "stopped; what has ended is in" in problems
    assert "Traceback" not in problems
    assert psutil.wait_procs(workers, timeout=5)[1] == []


def test_a_dead_worker_ends_the_run_with_a_word(tmp_path):
    """What the system does to the largest process when memory is short."""
    process, (first, second) = at_work(tmp_path / "s.sqlite")
    first.kill()
    try:
        _, problems = process.communicate(timeout=20)
    finally:
        process.kill()
    assert process.returncode == 1
    assert "a worker process ended before its trials: it was killed" in problems
    assert f"what had ended is in {tmp_path / 's.sqlite'}" in problems.replace("\n", "")
    assert "Traceback" not in problems
    assert psutil.wait_procs([first, second], timeout=5)[1] == []


SUDDEN = """
from habits import Sudden
from lstmbook.experiments import designs
from lstmbook.experiments.runner import run

if __name__ == "__main__":
    run(designs.design("table2/q50-p50").with_learner(Sudden), trials=2, jobs=2)
"""


def test_a_learner_that_ends_its_process_ends_the_run_with_a_word(Habit, tmp_path):
    (tmp_path / "script.py").write_text(SUDDEN)
    words = [sys.executable, str(tmp_path / "script.py")]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "a learner ended it, or the script" in done.stderr
    assert "there is no store, so that what had ended is lost" in done.stderr


def test_a_script_that_its_workers_run_again_is_told_so(Habit, tmp_path):
    script = SUDDEN.replace('if __name__ == "__main__":', "if True:")
    (tmp_path / "script.py").write_text(script)
    words = [sys.executable, str(tmp_path / "script.py")]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "or the script that runs them lacks if __name__ == '__main__'" in done.stderr
