"""BPTT, RTRL, central differences and automatic differentiation agree; costs are what they say."""

import tracemalloc

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lstmbook import recurrent_network as rn

jax.config.update("jax_enable_x64", True)

JAX_SQUASHINGS = {"logistic": jax.nn.sigmoid, "tanh": jnp.tanh, "identity": lambda net: net}
CASES = st.fixed_dictionaries(
    {
        "n": st.integers(1, 4),
        "m": st.integers(0, 3),
        "T": st.integers(0, 7),
        "f": st.sampled_from(sorted(JAX_SQUASHINGS)),
        "scale": st.sampled_from([0.1, 1.0, 3.0]),
        "share": st.sampled_from([0.0, 0.4, 1.0]),
        "seed": st.integers(0, 2**32 - 1),
    }
)


def draw(n, m, T, f, scale, share, seed):
    rng = np.random.default_rng(seed)
    network = rn.random_network(rng, n, m, scale=scale / (n if f == "identity" else 1), f=f)
    target = rng.uniform(0, 1, (T, n))
    target[rng.random((T, n)) >= share] = np.nan
    return network, rng.normal(size=(T, m)), target


def gap(one, other):
    """The largest difference relative to the largest entry (or to 1)."""
    pairs = [(np.asarray(getattr(one, k)), np.asarray(getattr(other, k))) for k in "WUb"]
    size = max([1.0, *(np.abs(b).max(initial=0) for _, b in pairs)])
    return max(np.abs(a - b).max(initial=0) for a, b in pairs) / size


def jax_gradient(network, x, target):
    f = JAX_SQUASHINGS[network.f.name]

    def error(weights):
        W, U, b = weights
        a = jnp.zeros(network.n_units)
        total = 0.0
        for x_t, d_t in zip(x, target, strict=True):
            a = f(W @ a + U @ x_t + b)
            total += 0.5 * jnp.where(np.isnan(d_t), 0.0, np.nan_to_num(d_t) - a).dot(
                jnp.where(np.isnan(d_t), 0.0, np.nan_to_num(d_t) - a)
            )
        return total

    W, U, b = jax.grad(error)((network.W, network.U, network.b))
    return rn.Gradient(-W, -U, -b)


@given(CASES)
@settings(max_examples=60, deadline=None)
def test_bptt_is_rtrl(case):
    network, x, target = draw(**case)
    assert gap(rn.bptt(network, x, target), rn.rtrl(network, x, target)) < 1e-12


@given(CASES)
@settings(max_examples=25, deadline=None)
def test_bptt_is_central_differences(case):
    network, x, target = draw(**case)
    assert gap(rn.bptt(network, x, target), rn.central_differences(network, x, target)) < 1e-7


@pytest.mark.parametrize("f", sorted(JAX_SQUASHINGS))
@pytest.mark.parametrize(("n", "m", "T", "seed"), [(1, 0, 4, 0), (2, 1, 5, 1), (4, 3, 6, 2)])
def test_bptt_is_automatic_differentiation(f, n, m, T, seed):
    network, x, target = draw(n, m, T, f, 1.0, 0.6, seed)
    assert gap(rn.bptt(network, x, target), jax_gradient(network, x, target)) < 1e-12


@given(CASES)
@settings(max_examples=25, deadline=None)
def test_contributions_add_up_and_have_the_stated_sizes(case):
    network, x, target = draw(**case)
    trace = rn.forward(network, x)
    delta = rn.backprop(network, trace, rn.output_error(trace, target))
    each = [
        rn.contribution(delta[t], trace.a[t - 1], trace.x[t]) for t in range(1, trace.n_steps + 1)
    ]
    if each:
        summed = rn.Gradient(*(sum(getattr(g, k) for g in each) for k in "WUb"))
        assert gap(summed, rn.bptt(network, x, target)) < 1e-12
    sizes = [np.sqrt(sum((getattr(g, k) ** 2).sum() for k in "WUb")) for g in each]
    assert rn.contribution_sizes(trace, delta)[1:] == pytest.approx(sizes)


def test_a_small_update_lowers_the_error_and_its_opposite_raises_it():
    for seed in range(20):
        network, x, target = draw(3, 2, 6, "logistic", 1.0, 1.0, seed)
        gradient = rn.bptt(network, x, target)
        before = rn.loss(network, x, target)
        assert rn.loss(rn.updated(network, gradient, 1e-3), x, target) < before
        assert rn.loss(rn.updated(network, gradient, -1e-3), x, target) > before


def test_time_is_indexed_as_in_the_papers():
    network = rn.RecurrentNetwork(W=[[0.5]], U=[[2.0]], b=[0.1], f="identity")
    trace = rn.forward(network, [[1.0], [0.0]], a_start=[4.0])
    assert trace.n_steps == 2
    assert trace.a[:, 0] == pytest.approx([4.0, 4.1, 2.15])
    assert np.isnan(trace.net[0]).all()
    assert np.isnan(trace.x[0]).all()


def test_contributions_by_age_begin_with_the_newest():
    network, x, target = draw(3, 2, 6, "tanh", 1.0, 1.0, 0)
    trace = rn.forward(network, x)
    sizes = rn.contribution_sizes(
        trace, rn.backprop(network, trace, rn.output_error(trace, target))
    )
    by_age = rn.contribution_by_age(network, x, target)
    assert by_age[0] == 1
    assert by_age * sizes[-1] == pytest.approx(sizes[:0:-1])
    with pytest.raises(ValueError, match="no error at the last step"):
        rn.contribution_by_age(network, x, np.full((6, 3), np.nan))


def test_targets_at_the_end():
    target = rn.target_at_end(3, [0.5, np.nan])
    assert np.isnan(target[:2]).all()
    assert target[2, 0] == 0.5
    assert np.isnan(target[2, 1])
    with pytest.raises(ValueError, match="T is 0; it must be at least 1"):
        rn.target_at_end(0, [0.5])


def test_gap_is_relative_to_the_largest_entry():
    one = rn.Gradient(W=np.array([[1.0]]), U=np.zeros((1, 0)), b=np.array([4.0]))
    other = rn.Gradient(W=np.array([[2.0]]), U=np.zeros((1, 0)), b=np.array([4.0]))
    assert rn.gap(one, other) == 0.25
    assert rn.gap(one, one) == 0


def test_random_cases_are_the_same_each_time():
    for seed in range(5):
        one, other = rn.random_case(seed), rn.random_case(seed)
        assert np.array_equal(one[0].W, other[0].W)
        assert np.array_equal(one[2], other[2], equal_nan=True)


def test_learning_brings_the_error_down_and_reports_it_before_each_update():
    task = rn.recall_task(1, 3)
    start = rn.random_network(np.random.default_rng(0), 3, 1, scale=0.5)
    network, losses = rn.learn(start, task, learning_rate=1.0, n_updates=600)
    assert losses[0] == pytest.approx(rn.loss(start, *task[0]))
    assert max(rn.loss(network, *each) for each in task) < 0.01
    with pytest.raises(ValueError, match="sequences is empty"):
        rn.learn(start, [], learning_rate=1.0, n_updates=1)


def test_updates_until_a_whole_round_is_good():
    losses = [0.5, 0.1, 0.1, 0.5, 0.1, 0.2, 0.1]
    assert rn.updates_until(losses, 2, below=0.3) == 4
    assert rn.updates_until(losses, 1, below=0.3) == 1
    assert rn.updates_until(losses, 2, below=0.1) == np.inf


def test_knowing_nothing_costs_what_the_recall_task_says():
    silent = rn.RecurrentNetwork(W=np.zeros((2, 2)), U=np.zeros((2, 1)), b=np.zeros(2))
    for x, target in rn.recall_task(5, 2):
        assert x.shape == (6, 1)
        assert rn.loss(silent, x, target) == pytest.approx(0.08)


def test_no_target_no_error():
    network, x, _ = draw(2, 1, 4, "tanh", 1.0, 0.0, 0)
    target = np.full((4, 2), np.nan)
    assert rn.loss(network, x, target) == 0
    assert not rn.bptt(network, x, target).W.any()


def test_the_network_keeps_its_own_copy_of_the_weights():
    W = np.eye(2)
    network = rn.RecurrentNetwork(W=W, U=np.zeros((2, 1)), b=np.zeros(2))
    W[0, 0] = 7.0
    assert network.W[0, 0] == 1.0


@pytest.mark.parametrize(("n", "m", "T"), [(1, 0, 3), (2, 3, 5), (5, 1, 9), (12, 4, 2)])
def test_costs_are_as_measured(n, m, T):
    network = rn.random_network(np.random.default_rng(0), n, m)
    assert rn.measured_costs(network, T) == (rn.bptt_cost(n, m, T), rn.rtrl_cost(n, m, T))


def test_memory_grows_with_time_only_going_back():
    network = rn.random_network(np.random.default_rng(0), 6, 1)

    def peak(gradient, T):
        x, target = np.zeros((T, 1)), np.zeros((T, 6))
        tracemalloc.start()
        gradient(network, x, target)
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    peak(rn.rtrl, 10), peak(rn.bptt, 10)  # what is loaded once is not counted
    assert peak(rn.bptt, 4000) > 7 * peak(rn.bptt, 500)
    # rtrl's own arrays do not grow; what grows is the check of the caller's (one byte an entry)
    assert peak(rn.rtrl, 4000) < 2 * peak(rn.rtrl, 500) + 4000 * 6 * 2


GOOD = {"W": np.zeros((2, 2)), "U": np.zeros((2, 1)), "b": np.zeros(2)}


@pytest.mark.parametrize(
    ("wrong", "problem", "message"),
    [
        ({"W": np.zeros((2, 3))}, ValueError, r"W has shape \(2, 3\); it must be square"),
        ({"W": np.zeros((0, 0))}, ValueError, "at least one unit"),
        ({"W": [["a"]]}, TypeError, "W must be an array of numbers"),
        ({"U": np.zeros((3, 1))}, ValueError, r"U has shape \(3, 1\); it must have"),
        ({"b": [0.0, np.nan]}, ValueError, r"b\[1\] is nan"),
        ({"f": "relu"}, ValueError, "name is 'relu'"),
    ],
)
def test_networks_that_cannot_be_are_refused(wrong, problem, message):
    with pytest.raises(problem, match=message):
        rn.RecurrentNetwork(**(GOOD | wrong))


def test_wrong_arguments_are_named():
    network = rn.RecurrentNetwork(**GOOD)
    x, target = np.zeros((3, 1)), np.zeros((3, 2))
    trace = rn.forward(network, x)
    for call, message in [
        (lambda: rn.forward(network, np.zeros((3, 2))), r"x has shape \(3, 2\)"),
        (lambda: rn.forward(network, x, [0.0]), r"a_start has shape \(1,\)"),
        (lambda: rn.output_error(trace, np.zeros((2, 2))), r"target has shape \(2, 2\)"),
        (lambda: rn.bptt(network, x, target + np.inf), r"target\[0, 0\] is inf"),
        (lambda: rn.rtrl(network, x, target[:2]), r"target has shape \(2, 2\)"),
        (lambda: rn.backprop(network, trace, target), r"e has shape \(3, 2\)"),
        (lambda: rn.contribution_sizes(trace, target), r"delta has shape \(3, 2\)"),
        (lambda: rn.central_differences(network, x, target, 0), "size is 0; it must be above 0"),
        (lambda: rn.random_network(np.random.default_rng(0), 0), "n_units is 0"),
        (lambda: rn.bptt_cost(0, 1, 1), "n is 0; it must be at least 1"),
        (lambda: rn.rtrl_cost(1, -1, 1), "m is -1; it must be at least 0"),
    ]:
        with pytest.raises(ValueError, match=message):
            call()
