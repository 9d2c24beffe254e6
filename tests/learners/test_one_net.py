"""Settings and sequences that cannot be; nets that are copied, asked, and given weights."""

import copy
import pickle
from dataclasses import replace

import numpy as np
import pytest

from lstmbook.learners.bptt import BPTT
from lstmbook.learners.chunker import Chunker
from lstmbook.learners.echo_state import EchoState
from lstmbook.learners.elman import Elman
from lstmbook.learners.gru import GRU
from lstmbook.learners.net_trial import NetTrial
from lstmbook.learners.recipe import Aims
from lstmbook.learners.rtrl import RTRL
from lstmbook.learners.trials import run_trials
from lstmbook.protocols import Learner
from lstmbook.sequences import Sequence, one_hot
from lstmbook.tasks.long_time_lags import RandomDistractors, TwoSequences

from .jax_nets import Net
from .random_nets import AnyTask, task_for

ALL = (Elman, BPTT, GRU, RTRL, EchoState, Chunker)
TASK = AnyTask(3, 3)


@pytest.mark.parametrize("learner", ALL)
@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ({"hidden": 0}, ValueError, "hidden is 0; it must be at least 1"),
        ({"hidden": ()}, ValueError, r"hidden is \(\); it must have at least one layer"),
        ({"hidden": (2, 0)}, ValueError, "hidden is 0; it must be at least 1"),
        ({"hidden": 1.5}, TypeError, "hidden must be a whole number, not 1.5"),
        ({"hidden": [2]}, TypeError, r"hidden must be a whole number, not \[2\]"),
        ({"learning_rate": 0}, ValueError, "learning_rate is 0; it must be above 0"),
        ({"learning_rate": "1"}, TypeError, "learning_rate must be a number, not '1'"),
        ({"learning_rate": np.nan}, ValueError, "learning_rate is nan; it must be finite"),
        ({"updates": "never"}, ValueError, "updates is 'never'; it must be one of 'every step'"),
        ({"depth": -1}, ValueError, "depth is -1; it must be at least 0"),
        ({"depth": 2.0}, TypeError, "depth must be a whole number, not 2.0"),
        ({"recurrent": "none"}, ValueError, "recurrent is 'none'; it must be one of 'hidden'"),
        ({"shortcuts": 1}, TypeError, "shortcuts is 1; it must be True or False"),
        ({"hidden_biases": None}, TypeError, "hidden_biases is None; it must be True or False"),
        ({"output_biases": "no"}, TypeError, "output_biases is 'no'; it must be True or False"),
        ({"reset": 0}, TypeError, "reset is 0; it must be True or False"),
        ({"scale": -0.1}, ValueError, "scale is -0.1; it must be at least 0"),
        ({"f": "relu"}, ValueError, "f is 'relu'; it must be one of 'logistic', 'tanh'"),
        ({"f_k": None}, ValueError, "f_k is None; it must be one of 'logistic', 'tanh'"),
    ],
)
def test_impossible_settings_are_named(learner, change, error, said):
    with pytest.raises(error, match=said):
        learner(**change)


@pytest.mark.parametrize(
    ("learner", "change", "said"),
    [
        (Elman, {"depth": 1}, "depth is 1; in an Elman net no error goes back: 0"),
        (Elman, {"depth": None}, "depth is None; in an Elman net no error goes back: 0"),
        (RTRL, {"depth": 3}, "depth is 3; partials are carried forward, not back: 0"),
        (BPTT, {"recurrent": "all", "hidden": (2, 2)}, r"hidden is \(2, 2\); .* has one layer"),
        (BPTT, {"recurrent": "all", "hidden_biases": True},
         "hidden_biases is True and output_biases False; .* both must be the same"),
        (Chunker, {"threshold": 0}, "threshold is 0; it must be above 0"),
        (Chunker, {"imitated": "all"}, "imitated is 'all'; it must be one of 'hidden'"),
        (Chunker, {"recurrent": "all"}, "recurrent is 'all'; of a chunker it is 'hidden'"),
        (Chunker, {"updates": "sequence end"}, "updates is 'sequence end'; of a chunker it is"),
        (Chunker, {"depth": None}, "depth is None; a chunker keeps as many steps as it says"),
        (EchoState, {"radius": -1}, "radius is -1; it must be at least 0"),
        (EchoState, {"density": 0}, "density is 0; it must be above 0"),
        (EchoState, {"density": 1.5}, "density is 1.5; it must be at most 1"),
        (EchoState, {"leak": 0}, "leak is 0; it must be above 0"),
        (EchoState, {"leak": 2}, "leak is 2; it must be at most 1"),
        (EchoState, {"ridge": 0}, "ridge is 0; it must be above 0"),
        (EchoState, {"updates": "sequence end"}, "updates is 'sequence end'; of an echo state"),
        (EchoState, {"depth": None}, "depth is None; of an echo state net it is 0"),
        (EchoState, {"recurrent": "all"}, "recurrent is 'all'; of an echo state net it is"),
        (EchoState, {"f": "logistic"}, "f is 'logistic'; of an echo state net it is 'tanh'"),
        (EchoState, {"f_k": "logistic"}, "f_k is 'logistic'; of an echo state net it is"),
    ],
)  # fmt: skip
def test_settings_that_a_learner_cannot_have_are_named(learner, change, said):
    with pytest.raises(ValueError, match=said):
        learner(**change)


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ({"task": TwoSequences}, TypeError, "task is <class .*it must be a Task"),
        ({"learner": Elman}, TypeError, "learner is <class .*it must be a NetRecipe"),
        ({"seed": -1}, ValueError, "seed is -1; it must be at least 0"),
        ({"max_sequences": 0}, ValueError, "max_sequences is 0; it must be at least 1"),
        ({"dtype": "float16"}, ValueError, "dtype is 'float16'; it must be one of 'float32'"),
        ({"weights": np.zeros(3)}, ValueError, r"weights has shape \(3,\); it must have shape"),
        ({"weights": "none"}, TypeError, "weights must be an array of numbers"),
    ],
)
def test_impossible_trials_are_named(change, error, said):
    good = {"task": TwoSequences(p=4), "learner": Elman(), "seed": 1, "max_sequences": 1}
    with pytest.raises(error, match=said):
        NetTrial(**good | change)


def test_a_chunker_wants_to_predict_its_next_input():
    task, rng = RandomDistractors(q=1, p=2), np.random.default_rng(0)
    with pytest.raises(ValueError, match="RandomDistractors: a chunker learns by predicting"):
        Chunker().build(task, rng)
    with pytest.raises(ValueError, match="cannot run in lanes: a chunker learns by predicting"):
        list(run_trials([NetTrial(task, Chunker(), 1, 1)]))


# ---------------------------------------------------------------- a net at work
def small(learner, **options):
    recipe = learner(hidden=3, **options)
    return recipe.build(TASK, np.random.default_rng(7), plain=True)


def sequence(seed, T=4, n=3):
    symbols = np.random.default_rng(seed).integers(n, size=T + 1)
    return Sequence(symbols[:-1], one_hot(symbols[1:], n), np.ones(T, bool), n)


@pytest.mark.parametrize("learner", ALL)
def test_sequences_that_do_not_fit_are_named_and_change_nothing(learner):
    one, rng = small(learner), np.random.default_rng(0)
    one.learn(sequence(1))
    before, good = one.weights, sequence(2)
    other = copy.deepcopy(one)
    real = replace(good, inputs=rng.normal(size=(4, 3)))
    for present in (one.learn, one.predict, one.gradient):
        with pytest.raises(ValueError, match="sequence has 4 n_inputs; the net has 3"):
            present(replace(good, n_inputs=4))
        with pytest.raises(ValueError, match="sequence has 2 n_outputs; the net has 3"):
            present(replace(good, targets=good.targets[:, :2]))
        with pytest.raises(ValueError, match="inputs that are real numbers; the net reads symbols"):
            present(real)
    assert np.array_equal(one.weights, before)
    assert np.array_equal(one.learn(good), other.learn(good))


def test_symbols_are_no_real_inputs():
    net = Net(Elman(hidden=2), 3, 3)
    one = net.recipe.build(task_for(net, False), np.random.default_rng(0), plain=True)
    with pytest.raises(ValueError, match="inputs that are symbols; the net reads real numbers"):
        one.learn(sequence(1))


@pytest.mark.parametrize("learner", ALL)
def test_weights_are_a_copy_and_can_be_set(learner):
    one, other = small(learner), small(learner)
    assert isinstance(one, Learner)
    given = np.arange(len(one.weights)) / 100
    one.weights = given
    assert np.array_equal(one.weights, given)
    one.weights[:] = 5.0
    assert np.array_equal(one.weights, given)
    other.weights = given
    assert np.array_equal(one.learn(sequence(3)), other.learn(sequence(3)))
    assert given[1] == 0.01
    for wrong, error, said in (
        (given[1:], ValueError, "weights has shape"),
        (np.append(given[1:], np.nan), ValueError, r"weights\[\d+\] is nan"),
        ("weights", TypeError, "weights must be an array of numbers"),
    ):
        with pytest.raises(error, match=said):
            one.weights = wrong
        with pytest.raises(error, match=said):
            learner(hidden=3).build(TASK, np.random.default_rng(0), weights=wrong, plain=True)


@pytest.mark.parametrize("reset", [True, False])
@pytest.mark.parametrize("learner", ALL)
def test_whoever_predicts_or_asks_for_the_gradient_leaves_no_trace(learner, reset):
    one, other = small(learner, reset=reset), small(learner, reset=reset)
    for seed in range(2):
        long = sequence(10 + seed, T=35 + 35 * seed)  # there is memory for 32 steps at first
        predicted = one.predict(long)
        assert predicted.shape == long.targets.shape
        np.testing.assert_array_equal(one.predict(long), predicted)
        assert np.abs(one.gradient(sequence(seed))).max() > 0
        assert np.array_equal(one.weights, other.weights)
        assert np.array_equal(one.learn(sequence(seed)), other.learn(sequence(seed)))
    assert np.array_equal(one.weights, other.weights)


def test_an_interrupted_prediction_leaves_no_trace_either(monkeypatch):
    one, other = small(GRU, reset=False), small(GRU, reset=False)
    for each in (one, other):
        each.learn(sequence(1))
    run = one._run

    def interrupted(length):
        run(length)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(one, "_run", interrupted)
        for present in (one.predict, one.gradient):
            with pytest.raises(KeyboardInterrupt):
                present(sequence(2))
    assert np.array_equal(one.weights, other.weights)
    assert np.array_equal(one.learn(sequence(3)), other.learn(sequence(3)))


@pytest.mark.parametrize("plain", [True, False])
@pytest.mark.parametrize("copied", [copy.deepcopy, lambda one: pickle.loads(pickle.dumps(one))])
@pytest.mark.parametrize("learner", ALL)
def test_a_copy_goes_on_as_the_original_does(learner, copied, plain):
    one = learner(hidden=3, reset=False).build(TASK, np.random.default_rng(7), plain=plain)
    for seed in range(2):
        one.learn(sequence(seed))
    other = copied(one)
    one.learn(sequence(5))  # the copy is its own
    assert not np.array_equal(one.weights, other.weights)
    third = copied(other)
    for seed in range(2, 5):
        some = sequence(seed, T=3 + 20 * seed)
        assert np.array_equal(other.learn(some), third.learn(some))
    assert np.array_equal(other.weights, third.weights)


@pytest.mark.parametrize("learner", ALL)
def test_compiled_it_does_what_plain_code_does(learner):
    nets = [
        learner(hidden=3, reset=False).build(TASK, np.random.default_rng(7), plain=plain)
        for plain in (True, False)
    ]
    for seed in range(3):
        some = sequence(seed, T=5 + 30 * seed)
        first, second = (one.learn(some) for one in nets)
        np.testing.assert_allclose(first, second, rtol=0, atol=1e-11)
    np.testing.assert_allclose(nets[0].weights, nets[1].weights, rtol=0, atol=1e-11)


@pytest.mark.parametrize("learner", ALL)
def test_in_single_precision_it_predicts_nearly_the_same(learner):
    recipe = learner(hidden=3)
    double = small(learner)
    net = recipe.net_for(Aims.of_any(TASK, True), "float32", noted=True)
    single = type(double)(net, 3, double.weights, recipe.learning_rate, plain=True)
    assert np.array_equal(single.weights, double.weights.astype(np.float32))
    for seed in range(3):
        ours, theirs = single.learn(sequence(seed)), double.learn(sequence(seed))
        assert ours.dtype == np.float64
        assert 0 < np.abs(ours - theirs).max() < 1e-5
