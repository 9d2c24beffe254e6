"""Latch, parity and two-sequence problem: what LD says of them holds for every sequence."""

from dataclasses import replace

import numpy as np
import pytest

from lstmbook.lanes.draws import Stream
from lstmbook.tasks.latch import LatchLine
from lstmbook.tasks.one_line import half
from lstmbook.tasks.parity import Parity
from lstmbook.tasks.two_sequence import TwoPatterns

TASKS = (LatchLine(), Parity(), TwoPatterns())
ALL = pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)


def drawn(task, n, key=5):
    stream = Stream(key)
    return [task.sample(stream) for _ in range(n)]


def line(sequence):
    return np.asarray(sequence.inputs)[:, 0]


@ALL
def test_lengths_are_uniform_and_the_target_is_at_the_end(task):
    sequences = drawn(replace(task, shortest=6, longest=9), 2000)
    lengths = np.bincount([len(each) for each in sequences], minlength=10)
    assert (lengths[:6] == 0).all()
    assert ((lengths[6:] - 500) ** 2 / 500).sum() < 16.3  # 99.9 % for 3 degrees of freedom
    targets = np.array([each.targets[-1, 0] for each in sequences])
    assert set(targets.tolist()) == {0.2, 0.8}
    assert abs((targets == 0.8).mean() - 0.5) < 4 * 0.5 / np.sqrt(2000)
    for each in sequences[:50]:
        assert np.isnan(each.targets[:-1]).all()
        assert each.mask.tolist() == [False] * (len(each) - 1) + [True]


@ALL
def test_the_loss_of_doing_nothing_is_what_constant_outputs_cost(task):
    nothing = replace(task, low=-0.5, high=0.7).doing_nothing()
    targets = np.array([-0.5, 0.7])
    assert nothing.loss == pytest.approx(0.5 * ((targets - nothing.outputs[0]) ** 2).mean())
    assert nothing.outputs[0] == pytest.approx(targets.mean())


@ALL
def test_sequences_are_fresh_unless_there_is_a_fixed_set(task):
    assert len({each.inputs.tobytes() for each in drawn(task, 300)}) > (
        100 if isinstance(task, Parity) else 299
    )
    few = replace(task, shortest=18, longest=20, n_training=12)
    sequences = drawn(few, 300)
    seen = {each.inputs.tobytes(): each.targets[-1, 0] for each in sequences}
    assert len(seen) == 12
    for each in sequences:
        assert seen[each.inputs.tobytes()] == each.targets[-1, 0]
    # another trial has a set of its own
    other = {each.inputs.tobytes() for each in drawn(few, 300, key=6)}
    assert not other & seen.keys()


def test_a_latch_is_written_once_and_then_there_is_noise():
    task = LatchLine(shortest=20, longest=20, n_written=4, height=0.7, noise=0.3)
    sequences = drawn(task, 400)
    for each in sequences:
        sign = 1.0 if each.targets[-1, 0] == task.high else -1.0
        assert np.allclose(line(each)[:4], sign * 0.7)
    noise = np.concatenate([line(each)[4:] for each in sequences])
    assert abs(noise.mean()) < 4 * 0.3 / np.sqrt(len(noise))
    assert abs(noise.std() / 0.3 - 1) < 4 / np.sqrt(2 * len(noise))
    assert len(set(noise.tolist())) == len(noise)
    assert task.lag == 16


def test_parity_is_odd_where_the_number_of_ones_is():
    for each in drawn(Parity(3, 8), 300):
        assert set(line(each).tolist()) <= {-1.0, 1.0}
        odd = (line(each) == 1.0).sum() % 2 == 1
        assert each.targets[-1, 0] == (0.8 if odd else 0.2)
    ones = np.concatenate([line(each) for each in drawn(Parity(3, 8), 1000)]) == 1.0
    assert abs(ones.mean() - 0.5) < 4 * 0.5 / np.sqrt(len(ones))


def test_the_guessed_parity_has_a_fixed_set_of_long_strings():
    task = Parity.as_guessed()
    sequences = drawn(task, 20)
    assert all(500 <= len(each) <= 600 for each in sequences)
    assert {each.targets[-1, 0] for each in sequences} == {0.0, 1.0}
    assert (task.n_training, task.criterion.n_tests, task.criterion.tolerance) == (100, 100, 0.1)


def test_two_patterns_belong_to_the_task_and_the_rest_is_noise():
    task = TwoPatterns(shortest=12, longest=12, N=3, noise=0.1, pattern=4)
    sequences = drawn(replace(task, noise=0.0), 50)
    patterns = {each.targets[-1, 0]: line(each)[:3].tolist() for each in sequences}
    assert patterns[0.2] != patterns[0.8]
    assert (np.abs(list(patterns.values())) <= 1).all()
    for each in sequences:
        assert line(each)[:3].tolist() == patterns[each.targets[-1, 0]]
        assert (line(each)[3:] == 0).all()
    noisy = drawn(task, 200)
    noise = np.concatenate(
        [line(each) - [*patterns[each.targets[-1, 0]], *[0.0] * 9] for each in noisy]
    )
    assert np.abs(noise).max() <= 0.1 + 1e-15
    assert abs(noise.var() / (0.1**2 / 3) - 1) < 0.1
    other = {line(each)[:3].tobytes() for each in drawn(replace(task, noise=0.0, pattern=5), 50)}
    assert len(other) == 2
    assert not other & {np.array(each).tobytes() for each in patterns.values()}


def test_patterns_are_uniform_over_the_tasks_numbers():
    elements = np.concatenate(
        [line(drawn(TwoPatterns(6, 6, noise=0.0, pattern=n), 1)[0])[:3] for n in range(600)]
    )
    counts = np.histogram(elements, bins=4, range=(-1, 1))[0]
    assert ((counts - 450) ** 2 / 450).sum() < 16.3


@ALL
def test_the_lengths_of_a_sweep_are_lds(task):
    for each in type(task).sweep():
        assert each.shortest == half(each.longest)
        assert each.shortest >= each.longest / 2 > each.shortest - 1
    lags = [each.lag for each in type(task).sweep()]
    assert lags == sorted(set(lags))


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: LatchLine(shortest=2), "shortest is 2"),
        (lambda: LatchLine(longest=5), "longest is 5"),
        (lambda: LatchLine(noise=-0.1), "noise is -0.1"),
        (lambda: LatchLine(height=0.0), "height is 0"),
        (lambda: LatchLine(n_written=0), "n_written is 0"),
        (lambda: Parity(0, 3), "shortest is 0"),
        (lambda: Parity(low=0.8), "high is 0.8"),
        (lambda: Parity(n_training=-1), "n_training is -1"),
        (lambda: TwoPatterns(N=11), "shortest is 10"),
        (lambda: TwoPatterns(pattern=-1), "pattern is -1"),
    ],
)
def test_impossible_settings_are_named(make, named):
    with pytest.raises(ValueError, match=named):
        make()
