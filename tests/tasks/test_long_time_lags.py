"""Experiments 1a, 1b and 1c have the lengths, lags and distributions that the texts state."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lstmbook.protocols import Task
from lstmbook.sequences import loss
from lstmbook.tasks.adding import Adding
from lstmbook.tasks.criteria import RunOfRight
from lstmbook.tasks.long_time_lags import RandomDistractors, RandomMiddle, TwoSequences


def word(task, sequence):
    """The symbols of a sequence with the final one, which is only a target."""
    names = task.alphabet.decode(sequence.inputs)
    last = sequence.targets[-1].argmax()
    final = ("x", "y")[last] if isinstance(task, RandomDistractors) else task.alphabet.symbols[last]
    return (*names, final)


@given(st.integers(1, 30), st.integers(0, 10**6))
def test_1a_has_exactly_the_two_sequences(p, seed):
    task = TwoSequences(p)
    got = word(task, task.sample(np.random.default_rng(seed)))
    middle = tuple(f"a{i}" for i in range(1, p))
    assert got in {("x", *middle, "x"), ("y", *middle, "y")}
    assert task.n_inputs == task.n_outputs == len(task.alphabet) == p + 1
    assert len(got) - 1 == task.lag == p


def test_1a_draws_both_sequences_equally_often():
    task, rng = TwoSequences(3), np.random.default_rng(0)
    firsts = [word(task, task.sample(rng))[0] for _ in range(2000)]
    assert abs(firsts.count("x") - 1000) < 4 * np.sqrt(500)


@given(st.integers(2, 30), st.integers(0, 10**6))
def test_1b_changes_the_middle_only(p, seed):
    task = RandomMiddle(p)
    got = word(task, task.sample(np.random.default_rng(seed)))
    assert got[0] == got[-1]
    assert got[0] in "xy"
    assert len(got) == p + 1
    assert set(got[1:-1]) <= {f"a{i}" for i in range(1, p)}


def test_1b_draws_its_middle_uniformly():
    task, rng = RandomMiddle(5), np.random.default_rng(1)
    middles = np.concatenate([task.sample(rng).inputs[1:] for _ in range(5000)])
    counts = np.bincount(middles, minlength=4)
    expected = len(middles) / 4
    assert (np.abs(counts - expected) < 4.5 * np.sqrt(expected)).all()


@pytest.mark.parametrize("make", [TwoSequences, RandomMiddle])
def test_errors_are_injected_where_said(make):
    rng = np.random.default_rng(0)
    assert make(6).sample(rng).mask.all()
    last = make(6, errors="last step").sample(rng)
    assert last.mask.tolist() == [False] * 5 + [True]
    assert np.isfinite(last.targets).all()
    with pytest.raises(ValueError, match="errors is 'never'"):
        make(6, errors="never")


@given(st.integers(1, 20), st.integers(1, 20), st.integers(0, 10**6))
def test_1c_has_the_papers_form(q, p, seed):
    task = RandomDistractors(q=q, p=p)
    sequence = task.sample(np.random.default_rng(seed))
    got = word(task, sequence)
    k = len(got) - q - 4
    assert k >= 0
    assert got[0] == "b"
    assert got[-2] == "e"
    assert got[1] == got[-1]
    assert got[1] in "xy"
    assert set(got[2:-2]) <= {f"a{i}" for i in range(1, p + 1)}
    # from the step that shows the second symbol to the step that shows e
    assert len(sequence) - 1 - 1 == q + k + 1 >= task.lag == q + 1
    assert sequence.mask.sum() == 1
    assert sequence.mask[-1]
    assert sequence.targets[-1].tolist() == [got[1] == "x", got[1] == "y"]
    assert task.n_inputs == p + 4 == len(task.alphabet)


def test_1c_lengths_follow_p_of_k():
    q, rng, n = 4, np.random.default_rng(2), 20_000
    task = RandomDistractors(q=q, p=3)
    k = np.array([len(task.sample(rng)) - q - 3 for _ in range(n)])
    for value in range(12):
        expected = n * 0.1 * 0.9**value
        assert abs((k == value).sum() - expected) < 4.5 * np.sqrt(expected)
    # the expected length is q + 13 (printed: q + 14)
    assert abs((k + q + 4).mean() - (q + 13)) < 4.5 * np.sqrt(90 / n)


def test_1c_distractors_are_uniform_over_p_symbols():
    task, rng, n = RandomDistractors(q=20, p=7), np.random.default_rng(3), 3000
    drawn = np.concatenate([task.sample(rng).inputs[2:-1] for _ in range(n)])
    counts = np.bincount(drawn, minlength=7)
    expected = n * (task.q + 9) / task.p
    assert (np.abs(counts - expected) < 5 * np.sqrt(expected)).all()


def test_the_criteria_are_the_papers():
    assert TwoSequences().criterion == RunOfRight(tolerance=0.25, run=10_000)
    assert RandomMiddle().criterion == RunOfRight(tolerance=0.25, run=10_000, steps="last")
    assert RandomDistractors().criterion == RunOfRight(tolerance=0.2, run=10_000)


@settings(max_examples=20, deadline=None)
@given(
    st.sampled_from(
        [
            TwoSequences(4),
            TwoSequences(4, errors="last step"),
            RandomMiddle(5),
            RandomMiddle(5, errors="last step"),
            RandomDistractors(3, 2),
        ]
    ),
    st.integers(0, 1000),
)
def test_doing_nothing_scores_what_is_said_and_no_constant_is_better(task, seed):
    assert isinstance(task, Task)
    rng = np.random.default_rng(seed)
    baseline = task.doing_nothing()
    assert baseline.outputs.shape == (task.n_outputs,)
    sequences = [task.sample(rng) for _ in range(300)]

    def mean_loss(outputs):
        return np.mean([loss(s, np.tile(outputs, (len(s), 1))) for s in sequences])

    assert mean_loss(baseline.outputs) == pytest.approx(baseline.loss, rel=0.05)
    other = baseline.outputs + rng.choice([-0.2, 0.2], task.n_outputs)
    assert mean_loss(other) > mean_loss(baseline.outputs)
    one = sequences[0]
    assert not task.criterion.right(one, np.tile(baseline.outputs, (len(one), 1)))


def test_the_same_seed_gives_the_same_sequences():
    for task in (TwoSequences(5), RandomMiddle(5), RandomDistractors(5, 5)):
        one, other = (task.sample(np.random.default_rng(7)) for _ in range(2))
        assert (one.inputs == other.inputs).all()


def test_impossible_parameters_are_named():
    with pytest.raises(ValueError, match="q is 0"):
        RandomDistractors(q=0)
    with pytest.raises(ValueError, match="p is 0"):
        TwoSequences(p=0)
    with pytest.raises(ValueError, match="p is 1"):
        RandomMiddle(p=1)
    with pytest.raises(ValueError, match="stop is 0"):
        RandomDistractors(stop=0.0)


@pytest.mark.parametrize("kind", [TwoSequences, RandomMiddle, RandomDistractors, Adding])
def test_a_sweep_goes_to_longer_lags(kind):
    tasks = kind.sweep()
    assert len(tasks) >= 6
    assert all(isinstance(each, kind) for each in tasks)
    lags = [each.lag for each in tasks]
    assert lags == sorted(set(lags))
    for each in tasks[:3]:
        sequences = [each.sample(np.random.default_rng(seed)) for seed in range(20)]
        assert min(len(one) for one in sequences) >= each.lag
