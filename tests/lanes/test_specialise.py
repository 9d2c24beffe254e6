"""What is compiled: once for each program, anew when anything that it is made of changes."""

import os
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest

from lstmbook.experiments.designs import Design
from lstmbook.experiments.recipes import LSTMRecipe
from lstmbook.experiments.runner import run
from lstmbook.experiments.store import Store
from lstmbook.experiments.trials import LANES, trial_of
from lstmbook.lanes import specialise
from lstmbook.lanes.blocks import whole
from lstmbook.lanes.form import Form
from lstmbook.lanes.words import described, lane
from lstmbook.learners.trials import Loop, Trial, program_of, run_trials
from lstmbook.lstm import Topology
from lstmbook.tasks import long_time_lags as lags
from lstmbook.tasks.criteria import RunOfRight

from .own_task import Echo, Wrong

TASK = lags.RandomDistractors(q=6, p=4, criterion=RunOfRight(0.3, 20))
BASE = Trial(TASK, Topology(8, 2, (1,)), 0.5, seed=0, max_sequences=60)
RUN = """
import sys, hashlib
from tests.lanes.test_specialise import trials, run_trials
found = hashlib.sha256()
for kind in ("symbols", "wide"):
    results = dict(run_trials(trials(kind), lanes=4, keep_weights=True))
    for i in sorted(results):
        found.update(results[i].weights.tobytes() + results[i].errors.tobytes())
print(found.hexdigest())
"""


def trials(kind):
    if kind == "symbols":
        return [replace(BASE, seed=s) for s in range(5)]
    task = lags.TwoSequences(p=17, criterion=RunOfRight(0.3, 20))
    net = Topology(18, 18, (1,), shortcuts=True, g="tanh")
    return [Trial(task, net, 0.3, seed=s, max_sequences=40, dtype="float32") for s in range(5)]


def digest(**environment):
    done = subprocess.run(
        [sys.executable, "-c", RUN],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_the_bits_do_not_depend_on_the_instruction_set(tmp_path):
    """Multiply-adds fused in software, and vectors of 128 bits, give what this processor does."""
    plain = {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": ""}
    here = digest(LSTMBOOK_CACHE=str(tmp_path / "here"))
    assert digest(LSTMBOOK_CACHE=str(tmp_path / "plain"), **plain) == here


def test_a_program_is_compiled_once(tmp_path, monkeypatch):
    monkeypatch.setenv("LSTMBOOK_CACHE", str(tmp_path))
    told = []
    program = program_of(BASE, 3)
    assert not specialise.is_compiled(program)
    list(run_trials([BASE], lanes=3, on_compile=told.append))
    assert told[0].startswith("compiling the trial loop")
    assert specialise.is_compiled(program)
    list(run_trials([BASE], lanes=3, on_compile=told.append))
    assert told[1:] == ["", ""]


@pytest.mark.parametrize(
    "change",
    [
        {"dtype": "float32"},
        {"net": Topology(8, 2, (1, 1))},
        {"net": Topology(8, 2, (1,), g="tanh")},
        {"schedule": ()},
    ],
)
def test_what_is_compiled_is_known_by_all_that_it_is_made_of(change):
    same, other = program_of(BASE, 4), program_of(replace(BASE, **change), 4)
    assert (described(same) == described(other)) == (change == {"schedule": ()})


def test_settings_that_are_not_compiled_in_share_a_loop():
    others = [
        replace(BASE, seed=5, learning_rate=0.1, max_sequences=7, scale=1.0),
        replace(BASE, task=replace(TASK, q=60, p=9), net=Topology(13, 2, (1,))),
        replace(BASE, task=replace(TASK, criterion=RunOfRight(0.1, 7, counted="last"))),
    ]
    assert {program_of(each) for each in others} == {program_of(BASE)}


BODIES = (
    "5", "6", "helper(5)", "LIMIT", "SMALL", "PAIR[1]", "int(ARRAY[0])", "defaulted(5)",
    "below(5, 6)",
)  # fmt: skip
GLOBALS = {"LIMIT": 4, "SMALL": np.int64(4), "PAIR": (1, 4), "ARRAY": np.array([4]), "by": 4}


def changed(text, **values):
    names = GLOBALS | values
    exec(
        "from lstmbook.lanes.words import lane, below, word\n"
        f"@lane\ndef defaulted(x, by={names['by']}):\n    return x + by\n"
        "@lane\ndef helper(x):\n    return x + LIMIT\n"
        "@lane\ndef begin(task, strings, key, counter, plan):\n"
        f"    plan.length = {text}\n    return counter\n",
        names,
    )
    return Form(begin=names["begin"], target=lags.kept_symbol, symbol=lags.symbol_in_order,
                settings=(("q", whole()),))  # fmt: skip


def test_another_body_of_a_tasks_function_is_another_program():
    assert len({described(changed(text)) for text in BODIES}) == len(BODIES)
    assert described(changed("5")) == described(changed("5"))


@pytest.mark.parametrize(
    ("text", "change"),
    [
        ("LIMIT", {"LIMIT": 5}),
        ("helper(5)", {"LIMIT": 5}),
        ("SMALL", {"SMALL": np.int64(5)}),
        ("PAIR[1]", {"PAIR": (1, 5)}),
        ("int(ARRAY[0])", {"ARRAY": np.array([5])}),
        ("defaulted(5)", {"by": 5}),
    ],
)
def test_another_constant_of_a_tasks_function_is_another_program(text, change):
    assert described(changed(text)) == described(changed(text))
    assert described(changed(text, **change)) != described(changed(text))


def test_a_closure_is_no_lane_code():
    def make(n):
        @lane
        def begin(task, strings, key, counter, plan):
            plan.length = n
            return counter

        return begin

    form = Form(begin=make(3), symbol=lags.symbol_in_order, target=lags.kept_symbol, settings=())
    with pytest.raises(TypeError, match="begin uses a variable of a function around it"):
        described(form)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"begin": len}, "begin is .*; it must be marked with @lane"),
        ({"settings": [("q", whole())]}, "settings is .*; it must be a tuple"),
        ({"plan": ["kept"]}, "plan is .*; it must be a tuple"),
        ({"draws_a_step": -1}, "draws_a_step is -1"),
        ({"shows": "number"}, "shows is 'number'"),
    ],
)
def test_a_form_that_is_none_is_named(change, named):
    good = {"begin": lags.begin_prediction, "target": lags.kept_symbol, "settings": (),
            "symbol": lags.symbol_in_order}  # fmt: skip
    with pytest.raises((TypeError, ValueError), match=named):
        Form(**(good | change))


def test_a_setting_of_another_kind_is_named_by_all():
    task = Echo(2.5)
    trial = Trial(task, Topology(2, 2, (1,)), 0.5, seed=2, max_sequences=3)
    said = "steps of Echo is 2.5; its form says that it is whole"
    with pytest.raises(TypeError, match=said):
        task.sample(np.random.default_rng(0))
    with pytest.raises(TypeError, match=said):
        list(run_trials([trial], plain=True))


def test_a_readers_own_task_runs_compiled_and_in_numpy():
    task = Echo(3)
    trial = Trial(task, Topology(2, 2, (1,), output_biases=True), 0.5, seed=2, max_sequences=300)
    (_, compiled), *_ = run_trials([trial], lanes=2, keep_weights=True)
    (_, plain), *_ = run_trials([trial], lanes=2, keep_weights=True, plain=True)
    assert (compiled.ending, compiled.sequences) == (plain.ending, plain.sequences)
    np.testing.assert_allclose(compiled.weights, plain.weights, rtol=0, atol=1e-9)


def test_a_loop_holds_what_it_points_to():
    """The compiled loop knows addresses only; what they point to lives as long as the loop."""
    loops = [Loop(program_of(BASE, 2), [replace(BASE, seed=s)] * 3) for s in range(6)]
    while any(loop.at_work for loop in loops):
        for loop in loops:
            loop.advance(50)
    for loop in loops:
        results = [result for _, result in loop.ended()]
        assert len(results) == 3
        assert len({(each.sequences, each.errors.tobytes()) for each in results}) == 1


def test_a_design_of_a_readers_own_task_runs_in_lanes_and_is_stored(tmp_path):
    net = Topology(2, 2, (1,), output_biases=True)
    design = Design("own/echo", Echo(3), LSTMRecipe(net, 0.5), max_sequences=400)
    with Store(tmp_path / "s.sqlite") as store:
        records = run(design, 4, jobs=1, store=store)
        again = run(design, 4, jobs=1, store=store)
    assert {each.engine for each in records} == {LANES}
    assert again == records
    assert "tests.lanes.own_task.begin source" in design.options
    ((_, alone),) = run_trials([trial_of(design, 2, "float64")])
    assert (records[2].ending, records[2].sequences) == (alone.ending, alone.sequences)


WITHOUT_NUMBA = """
import sys
sys.modules["numba"] = None
from importlib import util
util.find_spec = lambda name: None
import lstmbook.lanes.specialise as specialise
specialise.find_spec = util.find_spec
from tests.lanes.reference_run import reference_run
from lstmbook.learners.trials import *
from lstmbook.lstm import Topology
from lstmbook.tasks.long_time_lags import RandomDistractors
trial = Trial(RandomDistractors(q=3, p=4), Topology(8, 2, (1,)), 0.5, seed=1, max_sequences=5)
((_, ours),) = run_trials([trial], plain=True, keep_weights=True)
print(abs(ours.weights - reference_run(trial)[2]).max() < 1e-12)
try:
    list(run_trials([trial]))
except ImportError as error:
    print(error)
"""


def test_the_sources_run_without_numba():
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_NUMBA], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    right, told = done.stdout.splitlines()
    assert right == "True"
    assert told.startswith("numba is not installed; compiled trials need it (pip install numba)")


NONSENSE = ("symbol", "negative", "length", "target")


@pytest.mark.parametrize("plain", [True, False])
@pytest.mark.parametrize("wrong", NONSENSE)
def test_a_task_that_makes_nonsense_now_and_then_is_named(wrong, plain, monkeypatch):
    monkeypatch.setattr(Wrong, "sample", lambda self, stream: None)  # not seen there
    trial = Trial(Wrong(wrong), Topology(2, 2, (1,)), 0.5, seed=2, max_sequences=300)
    with pytest.raises(ValueError, match=r"made a symbol .* a sequence without steps, .* seed 2"):
        list(run_trials([trial], lanes=2, plain=plain))


@pytest.mark.parametrize("wrong", NONSENSE)
def test_a_task_that_makes_nonsense_is_named_before_it_runs(wrong):
    trial = Trial(Wrong(wrong), Topology(2, 2, (1,)), 0.5, seed=2, max_sequences=300)
    with pytest.raises((IndexError, ValueError)):
        program_of(trial)


def test_a_readers_lane_functions_are_part_of_what_is_compiled():
    texts = set()
    for factor in (2.0, 3.0):
        space = {"__name__": "readers"}
        exec(
            "from dataclasses import dataclass\n"
            "from lstmbook.lanes.words import Constants, lane\n"
            "@lane\n"
            f"def twice(x):\n    return {factor} * x\n"
            "@dataclass(frozen=True)\n"
            "class Mine(Constants):\n    n: int = 1\n    work = staticmethod(twice)\n",
            space,
        )
        texts.add(described(space["Mine"]()))
    assert len(texts) == 2
