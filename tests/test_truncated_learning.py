"""The truncated and the full gradient are what automatic differentiation says they are.

The oracle is one JAX program for every topology: the largest network of the test, in which
absent weights are 0 and absent gates are 1. Only numbers change from one example to the next, so
that it is compiled once. With `truncated`, the fed-back activations y(t-1) pass a stop-gradient
at the net inputs of cells, input gates and output gates.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lstmbook.lstm import (
    COMPETITION,
    RECURRENT,
    Topology,
    as_weights,
    forward,
    initial_weights,
)
from lstmbook.sequences import Sequence, errors, loss
from lstmbook.squashing import logistic, squashing
from lstmbook.tasks.long_time_lags import RandomDistractors
from lstmbook.truncated_learning import (
    CUTS,
    LSTM,
    advance,
    central_differences,
    error_inside,
    error_signals,
    fed_back,
    follow,
    full_gradient,
    full_memory,
    gaps_by_length,
    gradient_angle,
    gradient_gap,
    gradient_of,
    length_ratio,
    loss_with,
    measured_cost,
    no_partials,
    random_case,
    step_gradient,
    truncated_cost,
    truncated_gradient,
    write_and_read,
)

from .jax_oracle import NAMES, Oracle

INPUTS, BLOCKS, CELLS, OUTPUTS, STEPS = 3, 3, 5, 2, 7
TOLERANCE = 1e-12  # float64 all through
ORACLES = 1e-11  # where an output is saturated, the oracle's 1 - tanh^2 has fewer digits


@pytest.fixture(scope="module")
def oracle():
    return Oracle(INPUTS, BLOCKS, CELLS, OUTPUTS, STEPS).ask


@st.composite
def problems(draw):
    """A network, its weights, and a sequence: every option, one-hot and dense inputs."""
    input_gates, output_gates = draw(st.booleans()), draw(st.booleans())
    sizes = draw(st.lists(st.integers(1, 2), max_size=BLOCKS).filter(lambda n: sum(n) <= CELLS))
    net = Topology(
        n_inputs=draw(st.integers(1, INPUTS)),
        n_outputs=draw(st.integers(1, OUTPUTS)),
        blocks=tuple(sizes),
        input_gates=input_gates,
        output_gates=output_gates,
        recurrent=draw(st.sampled_from(RECURRENT)),
        shortcuts=draw(st.booleans()),
        cell_biases=draw(st.booleans()),
        input_gate_biases=input_gates and draw(st.booleans()),
        output_gate_biases=output_gates and draw(st.booleans()),
        output_biases=draw(st.booleans()),
        g=draw(st.sampled_from(NAMES)),
        h=draw(st.sampled_from(NAMES)),
        f_k=draw(st.sampled_from(NAMES)),
        competition=draw(st.sampled_from(COMPETITION)) if output_gates else "none",
    )
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    T = draw(st.integers(1, STEPS))
    symbolic = draw(st.booleans())
    inputs = rng.integers(net.n_inputs, size=T) if symbolic else rng.normal(size=(T, net.n_inputs))
    mask = np.ones(T, bool)
    if draw(st.booleans()):
        mask[:-1] = False
    targets = np.where(mask[:, None], rng.random((T, net.n_outputs)), np.nan)
    weights = initial_weights(net, rng, scale=draw(st.sampled_from([0.2, 1.0, 2.0])))
    return net, weights, Sequence(inputs, targets, mask, net.n_inputs)


def gap(ours, theirs):
    """The largest difference relative to the largest entry (to 1e-3 if that is smaller)."""
    size = max(1e-3, np.abs(theirs).max(initial=0))
    return float(np.abs(ours - theirs).max(initial=0) / size)


@settings(max_examples=300, deadline=None)
@given(problems())
def test_the_truncated_gradient_is_autodiff_with_the_fed_back_activations_held(oracle, problem):
    net, weights, sequence = problem
    value, truth = oracle(net, weights, sequence, truncated=True)
    assert loss(sequence, forward(net, weights, sequence).outputs) == pytest.approx(value)
    assert gap(truncated_gradient(net, weights, sequence).flat, truth) < ORACLES


@settings(max_examples=300, deadline=None)
@given(problems())
def test_the_full_gradient_is_plain_autodiff(oracle, problem):
    net, weights, sequence = problem
    _, truth = oracle(net, weights, sequence, truncated=False)
    assert gap(full_gradient(net, weights, sequence).flat, truth) < ORACLES


@settings(max_examples=60, deadline=None)
@given(problems())
def test_truncated_learning_is_the_same_forwards_and_backwards_in_time(problem):
    net, weights, sequence = problem
    trace = forward(net, weights, sequence)
    e = errors(sequence, trace.outputs)
    backwards = gradient_of(net, trace, error_signals(net, weights, trace, e, truncated=True))
    assert gap(truncated_gradient(net, weights, sequence).flat, backwards.flat) < TOLERANCE


@settings(max_examples=40, deadline=None)
@given(problems())
def test_without_feedback_or_over_one_step_nothing_is_truncated(problem):
    net, weights, sequence = problem
    both = [f(net, weights, sequence) for f in (truncated_gradient, full_gradient)]
    if net.recurrent == "none" or len(sequence) == 1:
        assert gap(both[0].flat, both[1].flat) < TOLERANCE
        assert gradient_gap(*both) < 1e-9
    assert gradient_gap(both[1], both[1]) == 0


def test_with_feedback_the_gap_is_real():
    net = Topology(3, 2, (2, 1))
    rng = np.random.default_rng(0)
    weights = initial_weights(net, rng, scale=1.0)
    sequence = Sequence(rng.integers(3, size=8), rng.random((8, 2)), np.ones(8, bool), 3)
    gaps = gradient_gap(
        truncated_gradient(net, weights, sequence), full_gradient(net, weights, sequence)
    )
    assert 0.01 < gaps < 2


def long_problem(lag=10_000):
    """Symbol 1 comes first, then symbol 0 all along; the only error comes at the end."""
    net = Topology(2, 1, (1,))
    weights = initial_weights(net, np.random.default_rng(3), scale=0.2)
    weights.W_c[:] = 0.0
    weights.W_c[0, 1] = 0.5  # only the first symbol moves the state: it does not drift
    inputs = np.zeros(lag + 1, dtype=int)
    inputs[0] = 1
    mask = np.zeros(lag + 1, bool)
    mask[-1] = True
    return net, weights, Sequence(inputs, np.where(mask[:, None], 1.0, np.nan), mask, 2)


def test_the_error_inside_the_carousel_is_scaled_by_exactly_one_over_ten_thousand_steps():
    lag = 10_000
    net, weights, sequence = long_problem(lag)
    trace = forward(net, weights, sequence)
    e = errors(sequence, trace.outputs)
    signals = error_signals(net, weights, trace, e, truncated=True)
    assert signals.e_s[lag + 1, 0] != 0
    assert (signals.e_s[1:] == signals.e_s[lag + 1]).all()  # to the bit

    # the same forwards: what the first step did to the partial is there at the end, to the bit
    partials = no_partials(net)
    seen = []
    for t in (1, *range(2, lag + 2)):
        partials = advance(net, trace.at(t), partials)
        seen.append((partials.ds_c[0, 1], partials.ds_in[0, 1]))
    assert seen[0][0] != 0
    assert set(seen) == {seen[0]}

    # and the gradient of the weight from the first symbol is the flow of the two ends
    now = trace.at(lag + 1)
    gradient = step_gradient(net, weights, now, e[-1], partials)
    at_end = now.y_out[0] * squashing("h").slope(now.s)[0]
    at_start = squashing("g").slope(trace.net_c[1, 0]) * trace.y_in[1, 0]
    arriving = weights.W_k[0, 0] * logistic.slope(now.net_k)[0] * e[-1, 0]
    assert gradient.W_c[0, 1] == pytest.approx(at_end * at_start * arriving, rel=1e-15)


def test_the_partials_do_not_grow_with_the_sequence():
    net = Topology(3, 1, (2, 1))
    assert no_partials(net).ds_c.shape == (3, net.shapes["W_c"][1])
    assert no_partials(net).ds_in.shape == (3, net.shapes["W_in"][1])


@settings(max_examples=40, deadline=None)
@given(problems())
def test_updates_at_sequence_end_add_the_whole_gradient(problem):
    net, weights, sequence = problem
    before = weights.flat.copy()
    for kind, gradient in (("truncated", truncated_gradient), ("full", full_gradient)):
        learner = LSTM(net, as_weights(net, before.copy()), 0.1, "sequence end", kind)
        outputs = learner.learn(sequence)
        assert np.array_equal(outputs, forward(net, weights, sequence).outputs)
        change = 0.1 * gradient(net, weights, sequence).flat
        assert np.allclose(learner.weights.flat, before + change, rtol=1e-13, atol=1e-15)


@settings(max_examples=40, deadline=None)
@given(problems())
def test_with_the_error_at_the_last_step_only_it_does_not_matter_when_weights_change(problem):
    net, weights, sequence = problem
    learners = [
        LSTM(net, as_weights(net, weights.flat.copy()), 0.5, when)
        for when in ("every step", "sequence end")
    ]
    for learner in learners:
        learner.learn(sequence)
    same = np.array_equal(learners[0].weights.flat, learners[1].weights.flat)
    assert same or sequence.mask.sum() > 1


def test_every_step_uses_the_weights_that_the_step_before_left():
    net = Topology(1, 1, (), shortcuts=True, f_k="identity")
    weights = as_weights(net, np.zeros(1))
    sequence = Sequence(np.ones((2, 1)), np.ones((2, 1)), np.ones(2, bool), 1)
    learner = LSTM(net, weights, 0.5)
    assert learner.learn(sequence).ravel().tolist() == [0.0, 0.5]  # w: 0, then 0.5
    assert weights.flat.tolist() == [0.75]
    assert learner.predict(sequence).ravel().tolist() == [0.75, 0.75]


def test_only_the_trained_weights_change():
    net = Topology(3, 2, (1, 1))
    rng = np.random.default_rng(0)
    weights = initial_weights(net, rng)
    trained = rng.random(net.n_weights) < 0.5
    before = weights.flat.copy()
    sequence = Sequence(rng.integers(3, size=5), rng.random((5, 2)), np.ones(5, bool), 3)
    LSTM(net, weights, 1.0, trained=trained).learn(sequence)
    assert (weights.flat[~trained] == before[~trained]).all()
    assert (weights.flat[trained] != before[trained]).mean() > 0.9


def test_without_reset_two_sequences_are_one():
    net = Topology(3, 2, (1, 1))
    rng = np.random.default_rng(1)
    start = initial_weights(net, rng).flat
    whole = Sequence(rng.integers(3, size=6), rng.random((6, 2)), np.ones(6, bool), 3)
    halves = [
        Sequence(whole.inputs[k], whole.targets[k], whole.mask[k], 3)
        for k in (slice(3), slice(3, 6))
    ]
    once = LSTM(net, as_weights(net, start.copy()), 0.5)
    expected = once.learn(whole)
    twice = LSTM(net, as_weights(net, start.copy()), 0.5, reset=False)
    got = np.concatenate([twice.learn(half) for half in halves])
    assert np.array_equal(got, expected)
    assert np.array_equal(twice.weights.flat, once.weights.flat)


def test_it_learns_to_bridge_a_lag():
    """A small version of experiment 1c: the loss falls to a tenth of doing nothing."""
    task = RandomDistractors(q=5, p=4, stop=0.5)
    net = Topology(task.n_inputs, 2, (1, 1), recurrent="none")
    rng = np.random.default_rng(0)
    learner = LSTM(net, initial_weights(net, rng), learning_rate=1.0)
    for _ in range(600):
        learner.learn(task.sample(rng))
    fresh = [task.sample(rng) for _ in range(50)]
    after = np.mean([loss(each, learner.predict(each)) for each in fresh])
    assert after < 0.1 * task.doing_nothing().loss


def test_impossible_settings_are_named():
    net = Topology(1, 1, (1,))
    weights = initial_weights(net, np.random.default_rng(0))
    with pytest.raises(ValueError, match="updates is 'sometimes'"):
        LSTM(net, weights, 0.1, "sometimes")
    with pytest.raises(ValueError, match="gradient is 'full' with updates 'every step'"):
        LSTM(net, weights, 0.1, gradient="full")
    with pytest.raises(ValueError, match="learning_rate is 0"):
        LSTM(net, weights, 0.0)
    with pytest.raises(ValueError, match="trained has shape"):
        LSTM(net, weights, 0.1, trained=np.ones(3, bool))


@settings(max_examples=25, deadline=None)
@given(problems())
def test_central_differences_find_both_gradients(problem):
    net, weights, sequence = problem
    if net.competition != "none":
        return  # a move may change the winner
    held = fed_back(forward(net, weights, sequence))
    for find, given_held in ((truncated_gradient, held), (full_gradient, None)):
        truth = central_differences(net, weights, sequence, given_held)
        assert gap(find(net, weights, sequence).flat, truth.flat) < 1e-4


def test_holding_what_is_fed_back_anyway_changes_nothing():
    net, weights, sequence = random_case(0)
    trace = forward(net, weights, sequence)
    assert loss_with(net, weights, sequence, fed_back(trace)) == loss_with(net, weights, sequence)
    assert loss_with(net, weights, sequence) == loss(sequence, trace.outputs)
    with pytest.raises(ValueError, match="held"):
        loss_with(net, weights, sequence, fed_back(trace)[:-1])


@settings(max_examples=40, deadline=None)
@given(problems())
def test_with_all_cuts_the_full_gradient_is_the_truncated_one(problem):
    net, weights, sequence = problem
    truth = truncated_gradient(net, weights, sequence).flat
    assert gap(full_gradient(net, weights, sequence, CUTS).flat, truth) < TOLERANCE


def test_each_cut_alone_is_the_full_gradient_of_other_weights_when_there_is_nothing_to_cut():
    net, weights, sequence = random_case(0)
    full = full_gradient(net, weights, sequence)
    columns = slice(net.n_inputs, net.n_inputs + net.n_recurrent)
    for cut, W in zip(CUTS, (weights.W_c, weights.W_in, weights.W_out), strict=True):
        assert gradient_gap(full_gradient(net, weights, sequence, (cut,)), full) > 1e-6
        kept = W[:, columns].copy()
        W[:, columns] = 0.0  # nothing fed back along these weights: the cut loses nothing
        nothing = full_gradient(net, weights, sequence)
        assert gradient_gap(full_gradient(net, weights, sequence, (cut,)), nothing) < TOLERANCE
        W[:, columns] = kept
    with pytest.raises(ValueError, match="truncated is 'net_k'"):
        full_gradient(net, weights, sequence, ("net_k",))


def test_angle_and_length_of_gradients():
    net = Topology(1, 1, (1,), input_gates=False, output_gates=False, recurrent="none")
    right, up = (as_weights(net, np.array(each)) for each in ([2.0, 0.0], [0.0, 1.0]))
    assert gradient_angle(right, up) == pytest.approx(90)
    assert gradient_angle(right, right) == 0
    nearly = as_weights(net, np.array([2.0, 2e-9]))
    assert gradient_angle(right, nearly) == pytest.approx(np.degrees(1e-9))
    assert length_ratio(right, up) == 2
    none = as_weights(net, np.zeros(2))
    assert np.isnan(gradient_angle(right, none))
    assert np.isnan(length_ratio(right, none))


@settings(max_examples=60, deadline=None)
@given(problems())
def test_the_stated_cost_is_the_counted_one(problem):
    net, _, _ = problem
    assert measured_cost(net) == truncated_cost(net)


def test_the_cost_of_a_weight_is_bounded_whatever_the_network():
    shapes = [(1,), (1,) * 30, (30,), (5,) * 6]
    nets = [Topology(m, k, blocks) for blocks in shapes for m in (1, 40) for k in (1, 40)]
    assert max(truncated_cost(net).multiplications / net.n_weights for net in nets) < 6


def test_the_full_gradient_keeps_every_step():
    net = random_case(0)[0]
    one, two, ten = (full_memory(net, T) for T in (1, 2, 10))
    assert ten - one == 9 * (two - one) > 0


def test_a_course_looks_without_touching():
    net, weights, sequence = random_case(0, last_step_only=True)
    training = [sequence] * 6
    learners = [
        LSTM(net, as_weights(net, weights.flat.copy()), 0.5, "sequence end") for _ in range(2)
    ]
    course = follow(learners[0], training, [sequence], every=3)
    for each in training:
        learners[1].learn(each)
    assert np.array_equal(learners[0].weights.flat, learners[1].weights.flat)
    assert course.presented.tolist() == [0, 3, 6]
    assert course.loss[-1] == loss(sequence, learners[1].predict(sequence)) < course.loss[0]
    assert course.until(course.loss[0]) == 3
    assert course.until(1e-9) == np.inf
    both = [f(net, weights, sequence) for f in (truncated_gradient, full_gradient)]
    assert course.angle[0] == gradient_angle(*both)
    assert course.length[0] == length_ratio(*both)


def test_gaps_by_length_start_at_nothing():
    angle, length = gaps_by_length([1, 6], 1.0, 2)
    assert angle.shape == length.shape == (2, 2)
    assert np.allclose(angle[:, 0], 0, atol=1e-5)
    assert np.allclose(length[:, 0], 1)
    assert (angle[:, 1] > 0.1).all()


def test_the_error_inside_stays_only_if_truncated():
    assert (error_inside(0, 20, 1.0, truncated=True) == 1).all()
    loose = error_inside(0, 20, 1.0, truncated=False)
    assert loose.shape == (20, 3)
    assert (loose[0] == 1).all()
    assert (np.abs(loose[-1] - 1) > 1e-3).all()


def test_a_cell_is_written_once_and_read_once():
    cell = write_and_read(5, 0.3, 0.7)
    assert cell.n_steps == 6
    assert cell.y_in[1] == pytest.approx(0.3)
    assert cell.y_out[-1] == pytest.approx(0.7)
    assert cell.s[1:, 0] == pytest.approx(cell.s[1, 0], rel=1e-6)
    assert np.abs(cell.y_c[1:-1]).max() < 1e-8 < np.abs(cell.y_c[-1, 0])
    with pytest.raises(ValueError, match="y_out is 1"):
        write_and_read(5, 0.3, 1.0)
