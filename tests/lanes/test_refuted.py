"""Promises of the lanes that a script of somebody's once refuted."""

from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np
import pytest

from lstmbook.abuse import Plateau
from lstmbook.lanes import specialise
from lstmbook.lanes.form import Form, sample, try_out
from lstmbook.lanes.words import lane
from lstmbook.learners.trials import Trial, run_trials, unsupported
from lstmbook.lstm import Topology
from lstmbook.tasks import long_time_lags as lags
from lstmbook.tasks.criteria import AllRight, RunOfRight
from lstmbook.tasks.reber import EmbeddedReber, string_predicted

from .machines import Lanes
from .own_task import Echo, begin, symbol, target
from .reference_run import reference_run

NEVER = RunOfRight(0.2, 1000)
TWO = lags.TwoSequences(p=5, criterion=NEVER)
LATE = lags.RandomDistractors(q=6, p=3, criterion=NEVER)


@pytest.mark.parametrize("seed", range(3))
def test_a_block_that_is_not_there_does_not_compete(seed):
    net = Topology(6, 6, (1, 2, 1), output_biases=True, competition="winner takes all")
    trial = Trial(TWO, net, 0.3, seed=seed, max_sequences=25, plateau=Plateau(3, 0.2, 1),
                  start_blocks=1)  # fmt: skip
    ((_, ours),) = run_trials([trial], lanes=1, keep_weights=True, plain=True)
    _, _, weights, added = reference_run(trial)
    assert list(ours.added_at) == added
    assert len(added) == 2
    np.testing.assert_allclose(ours.weights, weights, rtol=0, atol=1e-12)


def test_a_block_that_is_not_there_cannot_end_a_trial():
    net = Topology(9, 2, (1, 1), output_biases=True, g="identity", h="identity")
    task = lags.RandomDistractors(q=4, p=5, criterion=NEVER)
    weights = np.full(net.n_weights, 0.1)
    weights[net.shapes["W_c"][1] : 2 * net.shapes["W_c"][1]] = 1e308  # into the second cell
    trial = Trial(task, net, 0.1, seed=1, max_sequences=5, plateau=Plateau(100), start_blocks=1,
                  weights=weights)  # fmt: skip
    with np.errstate(all="ignore"):
        ((_, ours),) = run_trials([trial], plain=True)
    assert (ours.ending, ours.sequences) == ("cap", 5)


def test_all_additions_of_blocks_are_noted():
    net = Topology(6, 6, (1,) * 11, output_biases=True, recurrent="none")
    trial = Trial(TWO, net, 0.1, seed=0, max_sequences=40, plateau=Plateau(2, 0.9, 1),
                  start_blocks=1)  # fmt: skip
    ((_, ours),) = run_trials([trial], plain=True)
    assert len(ours.added_at) == 10
    assert ours.added_at == tuple(sorted(ours.added_at))


def test_bits_do_not_depend_on_a_neighbours_alphabet_even_where_numbers_overflow():
    small = [Trial(LATE, Topology(7, 2, (1, 1)), 1e38, seed=s, max_sequences=40, dtype="float32")
             for s in range(6)]  # fmt: skip
    task = replace(LATE, p=200)
    large = Trial(task, Topology(204, 2, (1, 1)), 0.1, seed=9, max_sequences=40, dtype="float32")
    alone, beside = Lanes().run(small, 4), Lanes().run([large, *small], 4)[1:]
    for one, other in zip(alone, beside, strict=True):
        assert one.weights.tobytes() == other.weights.tobytes()
        assert (one.ending, one.presented) == (other.ending, other.presented)


LIMIT = 4


@lane
def begin_limited(task, strings, key, counter, plan):
    plan.first = 0
    plan.length = LIMIT
    return counter


@dataclass(frozen=True)
class Limited(Echo):
    form: ClassVar[Form] = Form(begin=begin_limited, symbol=symbol, target=target, settings=(),
                                plan=("first",), draws_a_step=1)  # fmt: skip

    def sample(self, rng):
        return sample(self, rng)


def test_a_changed_constant_is_seen_in_the_same_process(monkeypatch):
    trial = Trial(Limited(), Topology(2, 2, (1,)), 0.5, seed=1, max_sequences=7)
    for limit in (4, 6, 4):
        monkeypatch.setitem(globals(), "LIMIT", limit)
        ((_, result),) = run_trials([trial], lanes=1)
        assert result.steps == 7 * limit


def helper(x):
    return x


@lane
def begin_with_module(task, strings, key, counter, plan):
    plan.length = int(np.pi)
    return counter


@lane
def begin_with_helper(task, strings, key, counter, plan):
    plan.length = helper(3)
    return counter


@pytest.mark.parametrize(
    ("function", "named"), [(begin_with_module, "np"), (begin_with_helper, "helper")]
)
def test_what_no_digest_can_follow_is_refused(function, named):
    class Mine(Echo):
        form = Form(begin=function, symbol=symbol, target=target, settings=(), plan=("first",))

        def sample(self, rng):
            return lags.RandomDistractors(q=1, p=1).sample(rng)

    trial = Trial(Mine(), Topology(2, 2, (1,)), 0.5, seed=1, max_sequences=7)
    with pytest.raises(TypeError, match=f"uses {named}, .*, which is neither a word"):
        list(run_trials([trial]))


def test_only_what_its_form_says_runs_in_lanes():
    class Noisy(lags.TwoSequences):
        def sample(self, rng):
            return super().sample(rng)

    class Never(RunOfRight):
        def right(self, sequence, outputs):
            return False

    class Lenient(EmbeddedReber):
        is_legal = staticmethod(lambda sequence, outputs: True)

    class Python:
        def right(self, sequence, outputs):
            return True

        def judge(self):
            return None

    def why(task):
        net = Topology(task.n_inputs, task.n_outputs, (1,))
        return unsupported(Trial(task, net, 0.5, seed=1, max_sequences=7))

    drawn = EmbeddedReber.draw(np.random.default_rng(0), 3, 2)
    lenient = Lenient(drawn.training, drawn.test)
    half = AllRight(string_predicted, (drawn.training,))
    assert why(TWO) is None
    assert why(drawn) is None
    assert "otherwise than its form" in why(Noisy(5, criterion=NEVER))
    assert "judges otherwise than its form" in why(replace(TWO, criterion=Never(0.2, 3)))
    assert "Python, has no form in lane code" in why(replace(TWO, criterion=Python()))
    assert "strings of sets, and the task has none" in why(replace(TWO, criterion=half))
    assert "possible symbols are predicted" in why(lenient)
    for criterion, reason in (
        (half, "other ones than the task's strings"),
        (AllRight(string_predicted, (drawn.test, drawn.training)), "other ones than"),
        (AllRight(string_predicted, (drawn.training, drawn.test)), None),
    ):
        found = why(Judged(drawn.training, drawn.test, asked=criterion))
        assert found is reason or reason in found


@dataclass(frozen=True)
class Judged(EmbeddedReber):
    asked: Any = None

    @property
    def criterion(self):
        return self.asked


def test_strings_may_be_judged_by_other_criteria_too():
    drawn = EmbeddedReber.draw(np.random.default_rng(0), 3, 2)
    task = Judged(drawn.training, drawn.test, asked=RunOfRight(0.95, 4))
    trial = Trial(task, Topology(7, 7, (1,)), 0.5, seed=1, max_sequences=60)
    ((_, ours),) = run_trials([trial], plain=True)
    assert (ours.ending, ours.sequences) == reference_run(trial)[:2]
    assert ours.ending == "success"


@dataclass(frozen=True)
class Strings(Echo):
    criterion: AllRight = field(default=AllRight(string_predicted, (), 3))
    form: ClassVar[Form] = replace(Echo.form, every_step=True, strings=True)

    def sample(self, rng):
        return sample(self, rng)


def test_strings_of_ones_own_are_refused_and_so_is_a_target_that_is_not_the_next_symbol():
    trial = Trial(Strings(), Topology(2, 2, (1,)), 0.5, seed=1, max_sequences=7)
    assert "has strings of sets by its form, but no Strings" in unsupported(trial)
    with pytest.raises(ValueError, match="a target that is not the next symbol"):
        try_out(Strings(8))


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"inputs": lags.kept_symbol}, "a form has one of them, and not both"),
        ({"symbol": Form.symbol}, "a form has one of them, and not both"),
        ({"every_step": True, "shows": "value"}, "each target is the next one"),
    ],
)
def test_a_form_that_the_loop_would_not_follow_is_refused(change, named):
    with pytest.raises(ValueError, match=named):
        Form(**{"begin": begin, "symbol": symbol, "target": target, "settings": ()} | change)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"max_sequences": 2**63}, "max_sequences is"),
        ({"output_bias": 0.5}, "output_bias is 0.5"),
        ({"schedule": None}, "schedule is None"),
        ({"task": lags.RandomDistractors}, "task is <class"),
        ({"start_blocks": 1}, "start_blocks is 1; without a plateau"),
        ({"net": "none"}, "net is 'none'"),
        ({"plateau": 3}, "plateau is 3; it must be a Plateau or None"),
    ],
)
def test_impossible_trials_are_named_at_once(change, named):
    good = {"task": LATE, "net": Topology(7, 2, (1,)), "learning_rate": 0.1, "seed": 0,
            "max_sequences": 9}  # fmt: skip
    with pytest.raises((TypeError, ValueError), match=named):
        Trial(**good | change)


def test_impossible_runs_are_named_at_once():
    trial = Trial(LATE, Topology(7, 2, (1,)), 0.1, seed=0, max_sequences=9)
    with pytest.raises(TypeError, match=r"trials\[1\] is 3; it must be a Trial"):
        list(run_trials([trial, 3]))
    with pytest.raises(ValueError, match="lanes is 1000; it must be at most 128"):
        list(run_trials([trial], lanes=1000))
    with pytest.raises(ValueError, match="stop is"):
        lags.RandomDistractors(q=3, p=3, stop=1e-300)


def test_a_cache_that_cannot_be_written_is_left_for_a_temporary_one(tmp_path, monkeypatch):
    monkeypatch.setenv("LSTMBOOK_CACHE", str(tmp_path))

    def refuse(dir=None):
        raise PermissionError(dir)

    monkeypatch.setattr(specialise.tempfile, "TemporaryFile", refuse)
    assert tmp_path not in specialise.cache_directory().parents
