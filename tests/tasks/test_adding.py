"""Adding: what NC says of it holds for every sequence."""

import numpy as np

from lstmbook.lanes.draws import Stream
from lstmbook.tasks.adding import Adding


def drawn(T, n):
    stream = Stream(5)
    return [Adding(T=T).sample(stream) for _ in range(n)]


def test_two_pairs_are_marked_and_the_ends_stand_out():
    firsts, lengths = set(), set()
    for each in drawn(40, 400):
        numbers, markers = np.asarray(each.inputs).T
        marked = np.flatnonzero(markers == 1.0)
        assert len(marked) == 2
        assert marked.min() < 10
        assert marked.max() < 20
        assert markers[-1] == -1.0
        assert markers[0] == (1.0 if 0 in marked else -1.0)
        assert (markers[1:-1] >= 0).all()
        assert (np.abs(numbers) <= 1).all()
        assert (numbers[0] == 0.0) == (0 in marked)
        assert np.allclose(each.targets[-1], 0.5 + numbers[marked].sum() / 4)
        assert np.isnan(each.targets[:-1]).all()
        assert each.mask.tolist() == [False] * (len(each) - 1) + [True]
        firsts.add(int(marked.min()))
        lengths.add(len(each))
    assert firsts == set(range(10))
    assert lengths == set(range(40, 45))


def test_the_loss_of_doing_nothing_is_what_constant_outputs_cost():
    targets = np.array([each.targets[-1, 0] for each in drawn(40, 4000)])
    nothing = Adding(T=40).doing_nothing()
    cost = 0.5 * (targets - nothing.outputs[0]) ** 2
    assert abs(cost.mean() - nothing.loss) < 4 * cost.std() / np.sqrt(len(cost))


def test_one_stream_gives_each_sequence_once():
    one, two = drawn(20, 6), drawn(20, 6)
    for a, b in zip(one, two, strict=True):
        assert np.array_equal(a.inputs, b.inputs)
    assert len({each.inputs.tobytes() for each in one}) == 6
