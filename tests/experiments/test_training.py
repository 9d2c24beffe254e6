"""A trial runs again with the same bits, and its learner is what it left."""

import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from multiprocessing import get_context

import numpy as np
import pytest

from lstmbook.abuse import Plateau, grow
from lstmbook.evaluation import evaluate
from lstmbook.experiments import Store, designs, run, train
from lstmbook.experiments.trials import trial_of
from lstmbook.lanes.draws import Stream, stream_key
from lstmbook.learners.trials import initial_weights
from lstmbook.lstm import Topology, as_weights
from lstmbook.protocols import run_trial
from lstmbook.truncated_learning import LSTM


@pytest.fixture
def own(readable, Habit):
    return readable.with_learner(Habit, keep=0.5)


def test_the_record_is_that_of_the_run(everything, tmp_path):
    for design in everything:
        (stored,) = run(design, trials=1, seed=3, jobs=1, store=tmp_path / "s.sqlite")
        trained = train(design, seed=3, store=tmp_path / "s.sqlite")
        assert trained.record == stored
        assert trained.task == design.task_of(3)
    with Store(tmp_path / "s.sqlite") as store:
        assert store.count() == len(everything)


def test_a_trial_that_is_not_in_the_store_is_kept(own, tmp_path):
    with Store(tmp_path / "s.sqlite") as store:
        trained = train(own, seed=2, store=store)
        assert list(store.records()) == [trained.record]
        assert run(own, trials=1, seed=2, store=store) == [trained.record]


def test_an_own_learner_comes_as_the_trial_left_it(own):
    trained = train(own, seed=1)
    learner = own.learner.build(own.task, np.random.default_rng([1, 1]))
    outcome = run_trial(
        own.task, learner, Stream(stream_key(1, "sequences")), max_sequences=own.max_sequences
    )
    assert trained.record.sequences == outcome.sequences
    np.testing.assert_array_equal(trained.learner.habit, learner.habit)
    assert trained.weights == {}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_an_lstm_in_lanes_comes_as_a_readable_one_with_the_last_weights(compiled, dtype):
    trained = train(compiled, seed=3, dtype=dtype)
    assert trained.record.ending == "success"
    trial = trial_of(compiled, 3, dtype)
    recipe = compiled.learner
    slow = LSTM(recipe.net, initial_weights(trial), recipe.learning_rate)
    run_trial(
        compiled.task,
        slow,
        Stream(stream_key(3, "sequences")),
        max_sequences=compiled.max_sequences,
    )
    close = {"float64": 1e-9, "float32": 1e-2}[dtype]
    assert isinstance(trained.learner, LSTM)
    np.testing.assert_allclose(trained.learner.weights.flat, slow.weights.flat, atol=close)
    assert list(trained.weights) == ["flat", "W_c", "W_in", "W_out", "W_k"]
    assert evaluate(trained.learner, trained.task, n=100).right > 0.9
    # it learns on
    trained.learner.learn(trained.task.sample(np.random.default_rng(0)))


def test_a_constructed_one_has_the_blocks_that_it_got():
    design = designs.design("table1/lstm-p100").with_task(p=3)
    rule = Plateau(window=20, patience=1)
    design = replace(design.with_options(plateau=rule), max_sequences=3_000)
    trained = train(design, seed=0)
    added = trained.record.milestones["blocks added"]
    assert trained.learner.net.n_blocks == len(added) == 1
    assert evaluate(trained.learner, trained.task, n=50).right == 1


@pytest.mark.parametrize("added", [0, 1, 2])
def test_weights_of_blocks_that_were_not_added_are_left_out(added):
    rng = np.random.default_rng(0)
    nets = [Topology(3, 2, (2,) * n, input_gate_biases=True, shortcuts=True) for n in range(4)]
    recipe = designs.LSTMRecipe(nets[3], 0.1, plateau=Plateau(), start_blocks=1)
    weights = [as_weights(nets[1], rng.normal(size=nets[1].n_weights))]
    for net in nets[1:3]:
        weights.append(grow(net, weights[-1], rng, size=2)[1])
    learner = recipe.ended(weights[2].flat, added)
    assert learner.net == nets[1 + added]
    np.testing.assert_array_equal(learner.weights.flat, weights[added].flat)


def processes():
    return ProcessPoolExecutor(1, mp_context=get_context("spawn"))


def test_across_an_executor_it_is_the_same(own, compiled):
    with processes() as far, ThreadPoolExecutor(1) as threads:
        for design in (own, compiled):
            here = train(design, seed=3)
            for executor in (far, threads):
                there = train(design, seed=3, executor=executor)
                assert there.record == here.record
                several = list(executor.map(partial(train, design), [3, 4]))
                assert several[0].record == here.record
                for one in (there, several[0]):
                    known = evaluate(here.learner, here.task, n=50)
                    assert evaluate(one.learner, one.task, n=50) == known


def test_a_network_that_travelled_learns_on_as_before(compiled):
    with processes() as far:
        there = train(compiled, seed=3, executor=far)
    here = train(compiled, seed=3)
    sequence = here.task.sample(np.random.default_rng(0))
    for trained in (here, there):
        trained.learner.learn(sequence)
    np.testing.assert_array_equal(here.learner.weights.W_c, there.learner.weights.W_c)
    np.testing.assert_array_equal(here.learner.predict(sequence), there.learner.predict(sequence))


HELD = """

class Held(Habit):
    '''Keeps what cannot be pickled.'''

    def __init__(self, task, rng):
        super().__init__(task, rng)
        self.squash = lambda y: y
"""


@pytest.fixture
def Held(Habit, tmp_path):
    module = sys.modules[Habit.__module__]
    path = tmp_path / "habits.py"
    path.write_text(path.read_text() + HELD)
    exec(compile(HELD, str(path), "exec"), vars(module))
    return module.Held


def test_a_learner_that_cannot_come_back_says_why(readable, Held):
    held = readable.with_learner(Held, version="1")
    assert train(held).record.ending in ("cap", "success")
    wanted = r"thesis: Held of seed 0 cannot go to another process, because pickle says: .*lambda"
    with processes() as far, pytest.raises(TypeError, match=wanted):
        train(held, executor=far)
    assert run(held, trials=2, jobs=2)[0] == train(held).record


def test_one_of_a_notebook_stays_here(readable, Habit, monkeypatch):
    monkeypatch.setattr(Habit, "__module__", "__main__")
    monkeypatch.setattr(sys.modules["__main__"], "Habit", Habit, raising=False)
    mine = readable.with_learner(Habit, version="1")
    assert train(mine).record.method == "Habit"
    with processes() as far, pytest.raises(ValueError, match="Habit cannot go to the executor: it"):
        train(mine, executor=far)


class Unsteady:
    """Draws from something else than its rng."""

    drawn = iter([0.1, 0.9])

    def __init__(self, task, rng):
        self.y = np.full(task.n_outputs, next(self.drawn))

    def learn(self, sequence):
        return self.predict(sequence)

    def predict(self, sequence):
        return np.tile(self.y, (len(sequence), 1))


def test_another_ending_than_the_stored_one_is_an_error(readable, tmp_path):
    design = readable.with_learner(Unsteady)
    train(design, store=tmp_path / "s.sqlite")
    with pytest.raises(ValueError, match=r"with seed 0: the trial in .*s.sqlite ended with 'cap'"):
        train(design, store=tmp_path / "s.sqlite")


@pytest.mark.parametrize(
    ("settings", "kind", "message"),
    [
        ({"design": 3}, TypeError, "design is 3; it must be a design or the name of a row"),
        ({"design": "table2/q5"}, ValueError, "row is 'q5'"),
        ({"seed": -1}, ValueError, "seed is -1; it must be at least 0"),
        ({"dtype": "float16"}, ValueError, "dtype is 'float16'; it must be one of"),
        ({"executor": 3}, TypeError, "executor is 3; it must be one of concurrent.futures"),
    ],
)
def test_impossible_trainings(settings, kind, message):
    with pytest.raises(kind, match=message):
        train(**({"design": "table2/q50-p50"} | settings))


class Single(Unsteady):
    """Says what it computes in and with."""

    dtype = "float32"
    made_with = "an abacus, float32"

    def __init__(self, task, rng):
        self.y = np.full(task.n_outputs, 0.5)


def test_the_record_says_what_a_learner_computed_in_and_with(readable, own, tmp_path):
    single = readable.with_learner(Single)
    (record,) = run(single, trials=1, jobs=1, store=tmp_path / "s.sqlite", dtype="float64")
    assert record.dtype == "float32"
    assert record.made_with.endswith(", an abacus, float32")
    assert (record.sequences, record.presented) == (1, 12)
    (plain,) = run(own, trials=1, jobs=1)
    assert plain.dtype == "float64"
    # found again, by whatever dtype is asked for, and so is a record of before
    seen = []
    again = run(single, 1, store=tmp_path / "s.sqlite", dtype="float32", progress=seen.append)
    assert again == [record]
    assert seen[0].kept == 1
    with Store(tmp_path / "old.sqlite") as store:
        store.add(replace(record, dtype="float64", made_with=""))
        assert run(single, 1, store=store)[0].dtype == "float64"


def test_a_maker_may_say_its_version(readable):
    class Told(Single):
        code_version = "mine 2"

    assert readable.with_learner(Told).learner.version == "mine 2"
    assert readable.with_learner(Told, version="3").learner.version == "3"
    assert readable.with_learner(Single).learner.version.startswith("source ")
