"""What a critic found to be otherwise than said, and no longer is."""

import copy
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest

from lstmbook.experiments.options import canonical
from lstmbook.lanes.draws import Stream, stream_key
from lstmbook.learners.back_in_time import BackInTime
from lstmbook.learners.echo_state import EchoState
from lstmbook.learners.elman import Elman
from lstmbook.learners.net_trial import NetTrial
from lstmbook.learners.rtrl import RealTime
from lstmbook.learners.trials import run_trials
from lstmbook.protocols import run_trial
from lstmbook.tasks.adding import Adding
from lstmbook.tasks.criteria import RunOfRight
from lstmbook.tasks.latch import LatchLine
from lstmbook.tasks.long_time_lags import TwoSequences
from lstmbook.tasks.two_sequence import NoiseAndSignal


def net_of(which):
    @dataclass(frozen=True)
    class Mine(Elman):
        kind: ClassVar = which
        one_hot: ClassVar = True

    return Mine()


def test_readers_nets_that_learn_otherwise_are_not_the_same_experiment():
    texts = {canonical(net_of(kind)) for kind in (BackInTime, RealTime)}
    # the source of both is the same: it names a variable; what it stands for differs
    assert len(texts) == 2


@pytest.mark.parametrize("seed", [0, 2])
def test_a_trial_diverges_at_the_same_sequence_in_lanes_and_by_itself(seed):
    task = LatchLine(4, 6, criterion=RunOfRight(tolerance=0.05, run=30))
    recipe = Elman(hidden=2, f="identity", f_k="identity", learning_rate=1e6)
    ((_, ours),) = run_trials([NetTrial(task, recipe, seed, 200)])
    net = recipe.build(task, Stream(stream_key(seed, "weights")))
    alone = run_trial(task, net, Stream(stream_key(seed, "sequences")), max_sequences=200)
    assert ours.ending == alone.ending == "diverged"
    assert ours.sequences == alone.sequences


def test_doing_nothing_at_adding_counts_first_pairs_of_value_zero():
    stream = Stream(3)
    targets = np.array([Adding(T=20).sample(stream).targets[-1, 0] for _ in range(20_000)])
    cost = 0.5 * (targets - 0.5) ** 2
    error = cost.std() / np.sqrt(len(cost))
    assert abs(cost.mean() - Adding(T=20).doing_nothing().loss) < 4 * error


def test_a_fixed_set_belongs_to_a_stream():
    task = LatchLine(n_training=3)
    with pytest.raises(TypeError, match="with n_training the set belongs to a stream"):
        task.sample(np.random.default_rng(0))
    stream = Stream(0)
    seen = {task.sample(stream).inputs.tobytes() for _ in range(50)}
    assert len(seen) == 3


def test_a_copy_learns_by_itself():
    task = TwoSequences(p=3)
    net = Elman(hidden=2).build(task, Stream(0), plain=True)
    before = net.weights
    copy.copy(net).learn(task.sample(Stream(1)))
    assert (net.weights == before).all()


@pytest.mark.parametrize(
    ("make", "problem"),
    [
        (lambda: EchoState(learning_rate=3.0), "learning_rate is 3; it must be at most 1"),
        (lambda: NoiseAndSignal(of_plus=0.0), "of_plus and of_minus are both 0.0"),
        (lambda: Elman().build(5, Stream(0)), "task is 5; it must be a task"),
        (lambda: Elman().build(TwoSequences(2), Stream(0), plain="no"), "plain is 'no'"),
        (
            lambda: Elman().build(TwoSequences(2), Stream(0), plain=True).learn(None),
            "sequence is N",
        ),
    ],
)
def test_what_cannot_be_is_refused_at_once(make, problem):
    with pytest.raises((TypeError, ValueError), match=problem):
        make()
