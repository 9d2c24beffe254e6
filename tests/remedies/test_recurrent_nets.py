"""RTRL, BPTT and Elman nets: their gradients are autodiff's, their learners apply them.

The oracle is one JAX program for every net: the largest of the test, in which absent weights are
0. With `one_step`, the fed-back activations pass a stop-gradient: the Elman net's gradient.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lstmbook.protocols import Learner, run_trial
from lstmbook.remedies.bptt_net import BPTTNet, bptt_gradient, bptt_net
from lstmbook.remedies.elman import ElmanNet, elman_gradient, elman_net
from lstmbook.remedies.layered_net import (
    LayeredNet,
    initial_weights,
    matrices,
    outputs_of,
    run,
)
from lstmbook.remedies.rtrl_net import RTRLNet, rtrl_gradient, rtrl_net
from lstmbook.sequences import Sequence, loss
from lstmbook.tasks.criteria import RunOfRight
from lstmbook.tasks.long_time_lags import TwoSequences
from lstmbook.tasks.reber import EmbeddedReber

INPUTS, UNITS, OUTPUTS, STEPS = 3, 5, 2, 6
GRADIENTS = (rtrl_gradient, bptt_gradient, elman_gradient)
TOLERANCE = 1e-10  # float64; the oracle's slopes 1 - y^2 lose digits where units saturate


@pytest.fixture(scope="module")
def oracle():
    """Compile the oracle in float64: (net, weights, sequence, one_step) -> loss, -dE/dw."""
    with jax.enable_x64(True):

        def error(W_h, W_k, about):
            def f(net):
                return jnp.where(about["tanh"], jnp.tanh(net), jax.nn.sigmoid(net))

            def take(y, now):
                x, target, counts = now
                y = jnp.where(about["one_step"], jax.lax.stop_gradient(y), y)
                y = f(W_h @ jnp.concatenate([x, y, jnp.ones(1)])) * about["exists"]
                above = f(W_k @ jnp.concatenate([y, x, jnp.ones(1)]))
                y_k = jnp.where(about["all"], about["pick"] @ y, above)
                return y, 0.5 * (jnp.where(counts, target - y_k, 0.0) ** 2).sum()

            steps = (about["x"], about["target"], about["counts"])
            return jax.lax.scan(take, jnp.zeros(UNITS), steps)[1].sum()

        compiled = jax.jit(jax.value_and_grad(error, argnums=(0, 1)))

    def ask(net, weights, sequence, one_step=False):
        with jax.enable_x64(True):
            value, slopes = compiled(*padded(net, weights), about(net, sequence, one_step))
        parts = [
            -np.asarray(s)[np.ix_(*at)].ravel() for s, at in zip(slopes, places(net), strict=True)
        ]
        return float(value), np.concatenate(parts)

    return ask


def places(net):
    """Rows and columns of the weights in the oracle's two matrices."""
    inputs = list(range(net.n_inputs))
    units = list(range(net.n_units))
    rows_h, columns_h = units, inputs + [INPUTS + i for i in units]
    if net.hidden_biases:
        columns_h.append(INPUTS + UNITS)
    if net.recurrent == "all":
        return (rows_h, columns_h), (np.zeros(0, int), np.zeros(0, int))
    columns_k = list(range(net.hidden)) + [UNITS + i for i in inputs if net.shortcuts]
    if net.output_biases:
        columns_k.append(UNITS + INPUTS)
    return (rows_h, columns_h), (list(range(net.n_outputs)), columns_k)


def padded(net, weights):
    larger = [np.zeros((UNITS, INPUTS + UNITS + 1)), np.zeros((OUTPUTS, UNITS + INPUTS + 1))]
    for whole, at, part in zip(larger, places(net), matrices(net, weights), strict=True):
        whole[np.ix_(*at)] = part
    return larger


def about(net, sequence, one_step):
    T, n = len(sequence), net.n_outputs
    found = {
        "x": np.zeros((STEPS, INPUTS)),
        "target": np.zeros((STEPS, OUTPUTS)),
        "counts": np.zeros((STEPS, OUTPUTS), bool),
        "exists": (np.arange(UNITS) < net.n_units).astype(float),
        "pick": np.zeros((OUTPUTS, UNITS)),
        "all": np.array(net.recurrent == "all"),
        "tanh": np.array(net.f == "tanh"),
        "one_step": np.array(one_step),
    }
    found["x"][:T, : net.n_inputs] = sequence.x
    found["target"][:T, :n] = np.nan_to_num(sequence.targets)
    found["counts"][:T, :n] = sequence.mask[:, None]
    if net.recurrent == "all":
        found["pick"][np.arange(n), net.hidden + np.arange(n)] = 1
    return found


@st.composite
def problems(draw):
    """A net, its weights, and a sequence: every option, one-hot and dense inputs."""
    recurrent = draw(st.sampled_from(["hidden", "all"]))
    biases = draw(st.booleans())
    net = LayeredNet(
        n_inputs=draw(st.integers(1, INPUTS)),
        n_outputs=draw(st.integers(1, OUTPUTS)),
        hidden=draw(st.integers(0 if recurrent == "all" else 1, UNITS - OUTPUTS)),
        recurrent=recurrent,
        shortcuts=draw(st.booleans()),
        hidden_biases=biases,
        output_biases=biases if recurrent == "all" else draw(st.booleans()),
        f=draw(st.sampled_from(["logistic", "tanh"])),
    )
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    T = draw(st.integers(1, STEPS))
    symbolic = draw(st.booleans())
    inputs = rng.integers(net.n_inputs, size=T) if symbolic else rng.normal(size=(T, net.n_inputs))
    mask = rng.random(T) < draw(st.sampled_from([0.3, 1.0]))
    targets = np.where(mask[:, None], rng.random((T, net.n_outputs)), np.nan)
    weights = initial_weights(net, rng, scale=draw(st.sampled_from([0.2, 1.0, 2.0])))
    return net, weights, Sequence(inputs, targets, mask, net.n_inputs)


def gap(ours, theirs):
    """The largest difference relative to the largest entry (to 1e-3 if that is smaller)."""
    size = max(1e-3, np.abs(theirs).max(initial=0))
    return float(np.abs(ours - theirs).max(initial=0) / size)


@settings(max_examples=150, deadline=None)
@given(problems())
def test_rtrl_and_bptt_give_the_gradient_that_autodiff_gives(oracle, problem):
    net, weights, sequence = problem
    value, truth = oracle(*problem)
    assert loss(sequence, outputs_of(run(net, weights, sequence))) == pytest.approx(value)
    assert gap(rtrl_gradient(*problem), truth) < TOLERANCE
    assert gap(bptt_gradient(*problem), truth) < TOLERANCE


@settings(max_examples=150, deadline=None)
@given(problems())
def test_the_elman_gradient_is_autodiff_with_the_context_held(oracle, problem):
    assert gap(elman_gradient(*problem), oracle(*problem, one_step=True)[1]) < TOLERANCE


@settings(max_examples=10, deadline=None)
@given(problems())
def test_central_differences_agree(problem):
    net, weights, sequence = problem
    truth = np.empty(net.n_weights)
    for i in range(net.n_weights):
        ends = []
        for moved in (weights[i] + 1e-5, weights[i] - 1e-5):
            near = weights.copy()
            near[i] = moved
            ends.append(loss(sequence, outputs_of(run(net, near, sequence))))
        truth[i] = -(ends[0] - ends[1]) / 2e-5
    assert np.allclose(bptt_gradient(*problem), truth, atol=1e-8)


@settings(max_examples=40, deadline=None)
@given(problems())
def test_updates_at_sequence_end_add_the_whole_gradient(problem):
    net, weights, sequence = problem
    expected = weights + 0.3 * bptt_gradient(*problem)
    for make in (RTRLNet, BPTTNet):
        learner = make(net, weights, 0.3, "sequence end")
        outputs = learner.learn(sequence)
        assert np.array_equal(outputs, outputs_of(run(net, weights, sequence)))
        assert np.allclose(learner.weights, expected, rtol=1e-12, atol=1e-14)


@settings(max_examples=40, deadline=None)
@given(problems())
def test_with_one_error_at_the_end_all_ways_of_updating_are_the_same(problem):
    net, weights, sequence = problem
    mask = np.arange(len(sequence)) == len(sequence) - 1
    targets = np.where(mask[:, None], np.nan_to_num(sequence.targets), np.nan)
    sequence = Sequence(sequence.inputs, targets, mask, net.n_inputs)
    learners = [
        RTRLNet(net, weights, 0.3, "every step"),
        RTRLNet(net, weights, 0.3, "sequence end"),
        BPTTNet(net, weights, 0.3, "every step"),
        BPTTNet(net, weights, 0.3, "every step", depth=len(sequence)),
    ]
    expected = weights + 0.3 * bptt_gradient(net, weights, sequence)
    for learner in learners:
        learner.learn(sequence)
        assert np.allclose(learner.weights, expected, rtol=1e-12, atol=1e-14)


@settings(max_examples=40, deadline=None)
@given(problems())
def test_back_propagation_of_no_step_is_the_elman_net(problem):
    net, weights, sequence = problem
    elman, cut = ElmanNet(net, weights, 0.3), BPTTNet(net, weights, 0.3, "every step", depth=0)
    assert np.array_equal(elman.learn(sequence), cut.learn(sequence))
    assert np.allclose(elman.weights, cut.weights, rtol=1e-12, atol=1e-14)


def test_real_time_learning_uses_the_weights_that_the_step_before_left():
    net = LayeredNet(1, 1, hidden=1)
    rng = np.random.default_rng(0)
    weights = initial_weights(net, rng)
    whole = Sequence(np.zeros(3, int), np.ones((3, 1)), np.ones(3, bool), 1)
    learner = RTRLNet(net, weights, 1.0)
    learner.learn(whole)
    # by hand, from `eq-rtrl`: w_x, w_self; then w_kh, w_kx
    w, y, p = weights.copy(), 0.0, np.zeros(2)
    for _ in range(3):
        source = np.array([1.0, y])
        y = 1 / (1 + np.exp(-(w[:2] @ source)))
        p = y * (1 - y) * (w[1] * p + source)
        y_k = 1 / (1 + np.exp(-(w[2] * y + w[3])))
        delta = y_k * (1 - y_k) * (1 - y_k)
        w = w + delta * np.concatenate([w[2] * p, [y, 1.0]])
    assert np.allclose(learner.weights, w, rtol=1e-13)


@pytest.mark.parametrize(
    "make", [RTRLNet, ElmanNet, lambda *a, **k: BPTTNet(*a, "every step", **k)]
)
def test_without_reset_activations_go_on_into_the_next_sequence(make):
    net = LayeredNet(3, 2, hidden=2)
    rng = np.random.default_rng(1)
    weights = initial_weights(net, rng, 1.0)
    whole = Sequence(rng.integers(3, size=6), rng.random((6, 2)), np.arange(6) > 4, 3)
    halves = [
        Sequence(whole.inputs[k], whole.targets[k], whole.mask[k], 3)
        for k in (slice(3), slice(3, 6))
    ]
    once, twice = make(net, weights, 0.5, reset=False), make(net, weights, 0.5, reset=False)
    expected = once.learn(whole)
    got = np.concatenate([twice.learn(half) for half in halves])
    assert np.array_equal(got, expected)
    if make is RTRLNet:  # its partial derivatives go on, too
        assert np.array_equal(once.weights, twice.weights)
    assert not np.array_equal(twice.predict(whole), make(net, twice.weights, 0.5).predict(whole))


def test_momentum_makes_a_share_of_the_last_change_again():
    net = LayeredNet(1, 1, hidden=1, shortcuts=False)
    weights = initial_weights(net, np.random.default_rng(0))
    with_target = Sequence(np.zeros(1, int), np.ones((1, 1)), np.ones(1, bool), 1)
    plain, heavy = ElmanNet(net, weights, 0.5), ElmanNet(net, weights, 0.5, momentum=0.9)
    for learner in (plain, heavy):
        learner.learn(with_target)
    assert np.array_equal(plain.weights, heavy.weights)
    first = heavy.weights - weights
    again = ElmanNet(net, heavy.weights, 0.5)
    again.learn(with_target)
    heavy.learn(with_target)
    assert np.allclose(heavy.weights - again.weights, 0.9 * first, rtol=1e-10)


@pytest.mark.parametrize(("p", "count"), [(4, 36), (10, 144), (100, 10404)])
def test_the_net_of_table_1_has_the_published_number_of_weights(p, count):
    learner = rtrl_net(TwoSequences(p), np.random.default_rng(0))
    assert learner.net.n_weights == count == (p + 2) ** 2
    assert bptt_net(TwoSequences(p), np.random.default_rng(0)).net == learner.net


def test_the_nets_of_table_3_have_the_published_numbers_of_weights():
    task = EmbeddedReber.draw(np.random.default_rng(0), 2, 2)
    rng = np.random.default_rng(0)
    counts = [rtrl_net(task, rng, hidden=h, recurrent="all").net.n_weights for h in (3, 12)]
    assert counts == [170, 494]
    assert elman_net(task, rng).net.n_weights == 435


def test_they_are_learners():
    task, rng = TwoSequences(2), np.random.default_rng(0)
    assert all(isinstance(make(task, rng), Learner) for make in (rtrl_net, bptt_net, elman_net))


@pytest.mark.parametrize("make", [rtrl_net, bptt_net])
def test_a_delay_of_two_steps_is_learned(make):
    task = TwoSequences(2, criterion=RunOfRight(tolerance=0.25, run=100))
    learner = make(task, np.random.default_rng(1), learning_rate=4.0, output_biases=True)
    outcome = run_trial(task, learner, np.random.default_rng(2), max_sequences=6000)
    assert outcome.success


def test_the_elman_net_learns_what_the_last_two_symbols_tell():
    """The copy is enough where the step before has to be remembered, and it was useful then."""
    rng = np.random.default_rng(0)
    strings = [(0, 2, 0), (1, 2, 1)]
    net = LayeredNet(3, 3, hidden=4)
    learner = ElmanNet(net, initial_weights(net, rng, 0.5), learning_rate=1.0)
    for _ in range(2500):
        a, b, c = strings[rng.integers(2)]
        learner.learn(Sequence(np.array([a, b]), np.eye(3)[[b, c]], np.ones(2, bool), 3))
    for a, b, c in strings:
        outputs = learner.predict(
            Sequence(np.array([a, b]), np.eye(3)[[b, c]], np.ones(2, bool), 3)
        )
        assert np.abs(outputs[-1] - np.eye(3)[c]).max() < 0.25


def test_impossible_settings_are_named():
    net = LayeredNet(2, 1)
    weights = initial_weights(net, np.random.default_rng(0))
    with pytest.raises(ValueError, match="recurrent is 'some'"):
        LayeredNet(2, 1, recurrent="some")
    with pytest.raises(ValueError, match="hidden is 0"):
        LayeredNet(2, 1, hidden=0)
    with pytest.raises(ValueError, match="hidden_biases is True and output_biases False"):
        LayeredNet(2, 1, recurrent="all", hidden_biases=True)
    with pytest.raises(ValueError, match="weights has shape"):
        RTRLNet(net, weights[1:])
    with pytest.raises(ValueError, match="learning_rate is 0"):
        BPTTNet(net, weights, 0.0)
    with pytest.raises(ValueError, match="updates is 'never'"):
        RTRLNet(net, weights, 1.0, "never")
    with pytest.raises(ValueError, match="depth is 3 with updates 'sequence end'"):
        BPTTNet(net, weights, depth=3)
    with pytest.raises(ValueError, match="momentum is 1"):
        ElmanNet(net, weights, momentum=1.0)
    too_wide = Sequence(np.zeros(1, int), np.ones((1, 1)), np.ones(1, bool), 3)
    for make in (RTRLNet, BPTTNet, ElmanNet):
        with pytest.raises(ValueError, match="sequence has 3 n_inputs; the net has 2"):
            make(net, weights).learn(too_wide)
        with pytest.raises(ValueError, match="sequence has 3 n_inputs; the net has 2"):
            make(net, weights).predict(too_wide)


def test_learners_keep_their_own_weights():
    net = LayeredNet(1, 1)
    weights = initial_weights(net, np.random.default_rng(0))
    before = weights.copy()
    sequence = Sequence(np.zeros(2, int), np.ones((2, 1)), np.ones(2, bool), 1)
    for make in (RTRLNet, BPTTNet, ElmanNet):
        learner = make(net, weights)
        learner.learn(sequence)
        assert np.array_equal(weights, before)
        after = learner.weights.copy()
        learner.predict(sequence)
        assert np.array_equal(learner.weights, after)
