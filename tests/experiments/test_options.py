"""Two settings share their text only if they are the same: functions and classes too."""

import functools
import linecache
import math
from dataclasses import dataclass
from importlib import import_module

import numpy as np
import pytest

from lstmbook.experiments import designs
from lstmbook.experiments.options import canonical, plain
from lstmbook.experiments.recipes import OwnLearner
from lstmbook.experiments.runner import run
from lstmbook.squashing import SQUASHINGS

cells = iter(range(1000))


def cell(source):
    """Return what a notebook's cell defines, in a __main__ without a file."""
    name = f"<cell of options {next(cells)}>"
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    space = {"__name__": "__main__", "np": np, "dataclass": dataclass}
    exec(compile(source, name, "exec"), space)
    return space


def half(x):
    return 0.5


def pair_of_lambdas():
    return [lambda x: 0.5, lambda x: 0.9], [lambda x: 0.5, lambda x: 0.9]


def closing_over(rate):
    def out(x):
        return rate * x

    return out


def with_default(rate):
    return lambda x, rate=rate: rate * x


def with_keyword(rate):
    def out(x, *, rate=rate):
        return rate * x

    return out


@dataclass(frozen=True)
class Line:
    slope: float

    def at(self, x):
        return self.slope * x


CELL = """
def out(x):
    return {0}

class Out:
    def __call__(self, x):
        return {0}

@dataclass(frozen=True)
class Point:
    x: float = 1.0

    @property
    def out(self):
        return {0}

@dataclass(frozen=True)
class Bare:
    x: float = {0}

two = [lambda x: {0}, lambda x: 0.0]
chosen = lambda x: {0} if x else 1.0
outer = lambda x: lambda y: {0}
inner = (lambda x: lambda y: {0})(0)
"""


@pytest.mark.parametrize("name", ["out", "Out", "chosen", "outer", "inner"])
def test_a_function_or_class_is_known_by_its_source(name):
    first, same, other = (cell(CELL.format(rate))[name] for rate in (0.5, 0.5, 0.9))
    assert canonical(first) == canonical(same) != canonical(other)
    assert "__main__." in plain(first)


def test_lambdas_of_one_line_are_told_apart():
    (a, b), (c, d) = pair_of_lambdas()
    assert canonical(a) == canonical(c) != canonical(b) == canonical(d)
    first, other = (cell(CELL.format(rate))["two"] for rate in (0.5, 0.9))
    assert canonical(first[0]) != canonical(other[0])
    assert canonical(first[1]) == canonical(other[1]) != canonical(first[0])
    space = cell(CELL.format(0.5))
    assert canonical(space["outer"]) != canonical(space["inner"])


@pytest.mark.parametrize("make", [closing_over, with_default, with_keyword])
def test_a_function_is_known_by_what_it_brings_along(make):
    assert canonical(make(0.5)) == canonical(make(0.5)) != canonical(make(0.9))
    assert canonical(functools.partial(half, 1)) != canonical(functools.partial(half, 2))
    assert canonical(Line(0.5).at) == canonical(Line(0.5).at) != canonical(Line(0.9).at)


def test_one_that_calls_itself_ends():
    def down(x):
        return half(x) if x < 1 else up(x - 1)

    def up(x):
        return down(x)

    assert canonical(down) == canonical(down) != canonical(up)


def test_a_dataclass_of_ones_own_is_known_by_its_source_too():
    first, same, other = (cell(CELL.format(rate))["Point"]() for rate in (0.5, 0.5, 0.9))
    assert canonical(first) == canonical(same) != canonical(other)
    assert plain(cell(CELL.format(0.5))["Bare"]()) == {"is": "Bare", "x": 0.5}
    assert "source" not in plain(designs.design("table2/q50-p50").task)


def test_compiled_functions_are_known_by_their_names():
    assert plain(np.tanh) == "numpy.tanh"
    assert plain(math.tanh) == "math.tanh"
    assert plain(np.float64) == "numpy.float64"
    assert plain({"b": np}) == {"b": "numpy"}


def test_the_books_squashing_functions_can_be_settings():
    assert len({canonical(each) for each in SQUASHINGS.values()}) == len(SQUASHINGS)
    assert plain(SQUASHINGS["identity"])["low"] == "number -inf"


def lost():
    space = {"__name__": "__main__"}
    exec(compile("def out(x): return 0.5\nsmall = lambda x: 0.5", "<lost>", "exec"), space)
    return space


class Mine:
    def __init__(self, task, rng, out=half, deep=()):
        self.n, self.out = task.n_outputs, out

    def learn(self, sequence):
        return self.predict(sequence)

    def predict(self, sequence):
        return np.full((len(sequence), self.n), self.out(0))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"out": lost()["out"]}, r"out is <function out at .*>, whose source cannot be found, so"),
        ({"out": lost()["small"]}, r"out is <function <lambda> .*, whose source cannot be found"),
        ({"rate": float("nan")}, r"rate is nan; it must be a number"),
        ({"deep": {"a": [1.0, np.float32("nan")]}}, r"deep\.a\[1\] is nan; it must be a number"),
        ({"out": closing_over(float("nan"))}, r"rate \(in closing_over.*out\) is nan"),
    ],
)
def test_settings_that_cannot_be_told_apart_are_refused_at_once(settings, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        designs.design("table2/q50-p50").with_learner(Mine, **settings)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (object(), "out is <object object at .*>, which cannot be written down as part of an exp"),
        (
            np.random.default_rng(0).random,
            r"the owner of out is Generator\(PCG64\).*, which cannot",
        ),
        (closing_over(object()), r"rate \(in closing_over.*out\) is <object .*cannot be written"),
    ],
)
def test_what_nobody_can_look_into_is_refused_at_once(value, message):
    with pytest.raises(TypeError, match=f"^{message}"):
        designs.design("table2/q50-p50").with_learner(Mine, out=value)


def test_what_makes_a_learner_is_known_by_what_it_brings_along():
    def maker(rate):
        def make(task, rng):
            return Mine(task, rng, lambda x: rate)

        return make

    versions = [OwnLearner(maker(rate)).version for rate in (0.5, 0.5, 0.9)]
    assert versions[0] == versions[1] != versions[2]
    with pytest.raises(TypeError, match=r"rate \(in .*make\) is <object .*; or give it a version"):
        OwnLearner(maker(object()))
    assert OwnLearner(maker(object()), version="1").version == "1"


def test_settings_stand_beside_what_makes_a_learner():
    bound = functools.partial(Mine, out=half)
    with pytest.raises(
        TypeError, match=r"make is functools.partial\(.*; it must be a class or a f"
    ):
        OwnLearner(bound, version="1")


def test_a_base_without_source_is_named():
    space = {"__name__": "__main__", "Mine": Mine}
    exec(compile("class Base(Mine):\n    def forget(self): pass", "<lost>", "exec"), space)

    class Heir(space["Base"]):
        pass

    with pytest.raises(ValueError, match=r"^a base of .*Heir is <class '__main__.Base'>, whose so"):
        OwnLearner(Heir)


def test_another_function_as_a_setting_is_another_trial(readable, tmp_path):
    def errors(out):
        design = readable.with_learner(Mine, out=out)
        return run(design, trials=1, jobs=1, store=tmp_path / "s.sqlite")[0].errors

    first = errors(lambda x: 0.5)
    assert errors(lambda x: 0.9) != first
    assert errors(lambda x: 0.5) == first


MODULE = """
from dataclasses import dataclass
from typing import ClassVar

from lstmbook.lanes.form import Form
from lstmbook.lanes.words import lane

SIZE = {size}

@lane
def more(n):
    return n + {by}

@lane
def begin(task, strings, key, counter, plan):
    plan.length = more(SIZE)
    return counter

@lane
def target(task, strings, key, plan, at):
    return 0

@dataclass(frozen=True)
class Mine:
    form: ClassVar[Form] = Form(begin=begin, symbol=target, target=target, settings=(),
                                draws_a_step={draws})

    def sample(self, rng):
        return None
"""


def test_a_task_is_known_by_its_functions_what_they_call_and_what_they_use(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    found = []
    same = {"size": 3, "by": 1, "draws": 0}
    for i, change in enumerate(({}, {}, {"size": 4}, {"by": 2}, {"draws": 1})):
        name = f"mine_{i}"
        (tmp_path / f"{name}.py").write_text(MODULE.format(**same | change), encoding="utf-8")
        found.append(canonical(import_module(name).Mine()).replace(name, "mine"))
    assert found[0] == found[1]
    assert len(set(found)) == 4
