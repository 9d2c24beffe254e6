"""The 20-step task, asked for its target alone and as a prediction of the next symbol."""

import numpy as np
import pytest

from lstmbook.lanes.draws import Stream
from lstmbook.sequences import loss
from lstmbook.tasks.distant_target import DistantTarget, DistantTargetPredicted


def drawn(task, n):
    stream = Stream(5)
    return [task.sample(stream) for _ in range(n)]


def test_the_first_symbol_decides_the_target_at_the_end():
    task = DistantTarget(p=4)
    words = {}
    for each in drawn(task, 60):
        words["".join(task.alphabet.decode(each.inputs))] = each.targets[-1, 0]
        assert np.isnan(each.targets[:-1]).all()
    assert words == {"ab1b2b3b4": 1.0, "xb1b2b3b4": 0.0}
    assert len(DistantTarget().alphabet) == 22


def test_predicted_the_target_is_the_symbol_that_follows():
    task = DistantTargetPredicted(p=4)
    words = set()
    for each in drawn(task, 60):
        wanted = np.argmax(each.targets, axis=1)
        assert (each.targets.sum(axis=1) == 1).all()
        assert each.mask.all()
        symbols = task.alphabet.decode([int(each.inputs[0]), *wanted.tolist()])
        assert wanted[:-1].tolist() == each.inputs[1:].tolist()
        words.add("".join(symbols))
    assert words == {"ab1b2b3b41", "xb1b2b3b40"}


def test_both_forms_have_the_same_sequences():
    alone, predicted = drawn(DistantTarget(), 50), drawn(DistantTargetPredicted(), 50)
    for one, two in zip(alone, predicted, strict=True):
        assert one.inputs.tolist() == two.inputs.tolist()
    assert DistantTarget().lag == DistantTargetPredicted().lag == 20


@pytest.mark.parametrize("task", [DistantTarget(3), DistantTargetPredicted(3)])
def test_the_loss_of_doing_nothing_is_what_the_best_constant_outputs_cost(task):
    both = {each.inputs.tobytes(): each for each in drawn(task, 40)}.values()
    assert len(both) == 2

    def cost(outputs):
        return np.mean([loss(each, np.tile(outputs, (len(each), 1))) for each in both])

    nothing = task.doing_nothing()
    assert nothing.loss == pytest.approx(cost(nothing.outputs))
    rng = np.random.default_rng(0)
    for _ in range(20):
        assert cost(nothing.outputs + rng.normal(0, 0.05, task.n_outputs)) > nothing.loss


def test_a_lag_of_nothing_is_refused():
    for made in (DistantTarget, DistantTargetPredicted):
        with pytest.raises(ValueError, match="p is 0"):
            made(0)
