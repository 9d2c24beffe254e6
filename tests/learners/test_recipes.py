"""What a reader's own layered net must be, and what it is in a design."""

from dataclasses import dataclass, replace
from typing import ClassVar

import pytest

from lstmbook.experiments import design, run
from lstmbook.experiments.training import train
from lstmbook.lanes.squash import TANH, squash
from lstmbook.lanes.words import fma, lane
from lstmbook.learners.bptt import BPTT
from lstmbook.learners.catalogue import why_not
from lstmbook.learners.gru import GRU
from lstmbook.learners.layered import Memory
from lstmbook.learners.net_trial import NetTrial
from lstmbook.learners.recipe import NetRecipe
from lstmbook.learners.simple import recall, remember
from lstmbook.learners.trials import run_trials


@lane
def told(net, S, P, u):
    y, P.slope[u] = squash(TANH, S.net[u])
    P.source[net.n_x + u] = fma(y, y, S.target)


@lane
def nothing(net, S, P, u):
    S.delta_h[u] = S.into[u]


def unmarked(net, S, P, u):
    P.source[u] = S.net[u]


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        ({"remember": told}, "remember reads target; what a unit makes of its inputs must not"),
        ({"recall": nothing}, "recall does not set back, which it must for each unit"),
        (
            {"below": (1, 1)},
            r"below is \(1, 1\), before \(1,\) and biased \(1,\); each has an entry",
        ),
        ({"kept": ("net",)}, "kept has 'net', which is the name of something else"),
    ],
)
def test_a_memory_that_cannot_be_says_why(given, problem):
    with pytest.raises(ValueError, match=problem):
        Memory(**{"remember": remember, "recall": recall, "kept": ("slope",)} | given)


def test_a_memory_is_lane_code():
    with pytest.raises(TypeError, match=r"remember is .*; it must be marked with @lane"):
        Memory(unmarked, recall)


def test_a_recipe_is_a_dataclass_with_a_memory():
    class Forgotten(BPTT):
        hidden: int = 9

    with pytest.raises(TypeError, match=r"Forgotten must be marked with @dataclass\(frozen=True\)"):
        Forgotten()

    @dataclass(frozen=True)
    class Empty(NetRecipe):
        hidden: int = 2

    with pytest.raises(TypeError, match="Empty has no memory"):
        Empty()


@dataclass(frozen=True)
class Mine(NetRecipe):
    hidden: int = 2
    memory: ClassVar[Memory] = Memory(remember, recall, kept=("slope",))


def test_a_recipe_goes_into_a_row_as_a_class_or_made():
    row = replace(design("table2/q50-p50").with_task(q=2, p=3), max_sequences=30)
    as_class = row.with_learner(Mine, hidden=3)
    made = row.with_learner(Mine(), hidden=3)
    assert as_class == made
    assert made.method == "Mine"
    (record,) = run(made, trials=1, jobs=1)
    assert record.engine.startswith("lanes")
    assert why_not(Mine(), made.task) is None
    with pytest.raises(ValueError, match="learner is 'mgu'"):
        why_not("mgu", made.task)


@pytest.mark.parametrize("learner", [GRU(hidden=2), BPTT(hidden=(2, 2), reset=False)])
def test_a_trained_net_has_the_weights_that_its_trial_ended_with(learner):
    row = replace(design("table2/q50-p50").with_task(q=2, p=3), max_sequences=30)
    trained = train(row.with_learner(learner), seed=3)
    trial = NetTrial(row.task, learner, seed=3, max_sequences=30)
    ((_, result),) = run_trials([trial], keep_weights=True)
    assert (trained.record.ending, trained.record.presented) == ("cap", 30)
    assert (trained.weights["weights"] == result.weights).all()
    earlier = train(replace(row, max_sequences=29).with_learner(learner), seed=3)
    assert (trained.weights["weights"] != earlier.weights["weights"]).any()
