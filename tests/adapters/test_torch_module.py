"""A module of PyTorch is a learner like any other."""

import copy
import pickle
from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from lstmbook.adapters import TorchLearner
from lstmbook.evaluation import evaluate
from lstmbook.experiments import designs, run, train
from lstmbook.peeking import check_no_peeking
from lstmbook.protocols import BatchLearner, run_trial
from lstmbook.sequences import Batch, Sequence, loss

torch = pytest.importorskip("torch")

DESIGN = designs.design("table2/q50-p50").with_task(q=2, p=3).with_criterion(tolerance=0.3, run=20)
DESIGN = replace(DESIGN, max_sequences=1_500)
TASK = DESIGN.task
SGD = partial(torch.optim.SGD, lr=0.1)


class Net(torch.nn.Module):
    def __init__(self, n_inputs, n_outputs, hidden=5, batch_first=False, drop=0.0):
        super().__init__()
        self.hidden = torch.nn.LSTM(n_inputs, hidden, batch_first=batch_first)
        self.drop = torch.nn.Dropout(drop)
        self.out = torch.nn.Linear(hidden, n_outputs)

    def forward(self, x):
        y, _ = self.hidden(x)
        return torch.sigmoid(self.out(self.drop(y)))


def learner(task=TASK, seed=0, module=Net, optimiser=SGD, **settings):
    return TorchLearner(
        task, np.random.default_rng(seed), module=module, optimiser=optimiser, **settings
    )


def sequences(n, task=TASK, seed=0):
    rng = np.random.default_rng(seed)
    return [task.sample(rng) for _ in range(n)]


def test_a_step_is_that_of_pytorch_on_the_same_loss():
    mine = learner(dtype="float64")
    net = copy.deepcopy(mine.module)
    optimiser = SGD(net.parameters())
    for sequence in sequences(5):
        y = net(torch.tensor(sequence.x))
        e = torch.tensor(np.where(sequence.mask[:, None], sequence.targets, 0.0)) - y
        half = 0.5 * (e[torch.tensor(sequence.mask)] ** 2).sum()
        outputs = mine.learn(sequence)
        np.testing.assert_array_equal(outputs, y.detach().numpy())
        assert float(half.detach()) == pytest.approx(loss(sequence, outputs))
        optimiser.zero_grad()
        half.backward()
        optimiser.step()
    for name, each in net.state_dict().items():
        np.testing.assert_allclose(mine.weights[name], each.numpy(), rtol=1e-12)


@pytest.mark.parametrize("batch_first", [False, True])
def test_a_batch_changes_by_the_mean_of_its_sequences(batch_first):
    module = partial(Net, batch_first=batch_first)
    settings = {"module": module, "dtype": "float64"}
    batch = sequences(3)
    assert len({len(each) for each in batch}) > 1
    together = learner(batch_size=3, batch_first=batch_first, **settings)
    assert isinstance(together, BatchLearner)
    before = together.weights
    outputs = together.learn_batch(Batch.of(batch))
    changes = []
    for sequence, found in zip(batch, outputs, strict=True):
        alone = learner(**settings)
        np.testing.assert_allclose(alone.learn(sequence), found, rtol=1e-12)
        changes.append(alone.weights["out.weight"] - before["out.weight"])
    change = together.weights["out.weight"] - before["out.weight"]
    np.testing.assert_allclose(change, np.mean(changes, axis=0), atol=1e-14)
    before = together.predict(batch[0])
    np.testing.assert_array_equal(together.learn(batch[0]), before)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_design_of_it_is_run_stored_and_learned(dtype, tmp_path):
    adam = partial(torch.optim.Adam, lr=0.02)
    design = DESIGN.with_learner(TorchLearner, module=Net, optimiser=adam, dtype=dtype)
    records = run(design, trials=2, jobs=1, store=tmp_path / "s.sqlite")
    assert [each.ending for each in records] == ["success"] * 2
    assert {each.dtype for each in records} == {dtype}
    assert f"torch {torch.__version__}, {dtype}, 1 thread" in records[0].made_with
    assert run(design, trials=2, jobs=1) == records
    trained = train(design, seed=1, store=tmp_path / "s.sqlite")
    assert trained.weights["out.weight"].dtype == dtype
    assert evaluate(trained.learner, TASK, n=50).right > 0.9
    other = DESIGN.with_learner(
        TorchLearner, module=partial(Net, hidden=6), optimiser=adam, dtype=dtype
    )
    assert other.options != design.options


@pytest.mark.parametrize("settings", [{}, {"batch_size": 4}, {"module": partial(Net, drop=0.5)}])
@pytest.mark.parametrize("row", ["table2/q50-p50", "table3/lstm-3x2-rate0.5"])
def test_it_answers_before_it_is_told(settings, row):
    task = designs.design(row).with_task(q=3, p=3).task if "2/" in row else None
    task = task or designs.design(row).task_of(0)
    make = partial(TorchLearner, **({"module": Net, "optimiser": SGD} | settings))
    # threads and padding may round another way
    assert check_no_peeking(make, task, sequences=4, tolerance=1e-6) >= 4


def test_what_is_set_for_pytorch_stays_as_it_was():
    torch.manual_seed(5)
    torch.set_num_threads(2)
    wanted = torch.random.get_rng_state(), torch.get_default_dtype(), torch.get_num_threads()
    mine = learner(module=partial(Net, drop=0.5), dtype="float64")
    for sequence in sequences(3):
        mine.learn(sequence)
        mine.predict(sequence)
    found = torch.random.get_rng_state(), torch.get_default_dtype(), torch.get_num_threads()
    torch.set_num_threads(1)
    assert torch.equal(found[0], wanted[0])
    assert found[1:] == wanted[1:]


def test_what_it_draws_comes_from_its_seed_alone():
    outputs = []
    for noise in (1, 2):
        torch.manual_seed(noise)
        mine = learner(seed=3, module=partial(Net, drop=0.5))
        mine.predict(sequences(1)[0])  # draws nothing that learning would
        outputs.append(np.concatenate([mine.learn(each) for each in sequences(4)]))
    np.testing.assert_array_equal(*outputs)
    mine = learner(seed=3, module=partial(Net, drop=0.5))
    first, again = (mine.learn(each) for each in sequences(1) * 2)
    assert (first != again).any()


def test_it_travels_and_learns_on_as_before():
    mine = learner(optimiser=partial(torch.optim.SGD, lr=0.1, momentum=0.9))
    for each in sequences(3):
        mine.learn(each)
    far = pickle.loads(pickle.dumps(mine))
    for each in sequences(3, seed=1):
        np.testing.assert_array_equal(mine.learn(each), far.learn(each))
    np.testing.assert_array_equal(mine.weights["out.weight"], far.weights["out.weight"])


def test_a_bare_recurrent_module_will_do():
    outcome = run_trial(
        TASK, learner(module=torch.nn.RNN), np.random.default_rng(0), max_sequences=20
    )
    assert outcome.dtype == "float32"


def test_without_a_step_that_counts_nothing_changes():
    mine = learner()
    before = mine.weights
    silent = Sequence(np.zeros((2, TASK.n_inputs)), np.full((2, 2), np.nan), np.zeros(2, bool),
                      TASK.n_inputs)  # fmt: skip
    assert mine.learn(silent).shape == (2, 2)
    for name, each in mine.weights.items():
        np.testing.assert_array_equal(each, before[name])


@pytest.mark.parametrize(
    ("settings", "kind", "message"),
    [
        ({"module": 3}, TypeError, r"module is 3; it must be callable: module\(n_inputs, n_out"),
        ({"module": lambda i, o: 3}, TypeError, r"module returned 3; it must return a module"),
        ({"optimiser": 3}, TypeError, r"optimiser is 3; it must be callable: optimiser\(param"),
        ({"optimiser": list}, TypeError, r"optimiser returned a list; it must return"),
        ({"dtype": "float16"}, ValueError, r"dtype is 'float16'; it must be one of 'float32', "),
        ({"batch_size": 0}, ValueError, r"batch_size is 0; it must be at least 1"),
        ({"threads": 0}, ValueError, r"threads is 0; it must be at least 1"),
        ({"batch_first": 1}, TypeError, r"batch_first is 1; it must be True or False"),
        (
            {"batch_size": 2, "batch_first": True},
            ValueError,
            r"batch_first is True, but the module's part hidden has batch_first=False; with a",
        ),
    ],
)
def test_impossible_settings(settings, kind, message):
    with pytest.raises(kind, match=message):
        learner(**settings)


def test_a_tensor_with_a_gradient_is_no_output():
    class Raw:
        def __init__(self, task, rng):
            self.out = torch.nn.Linear(task.n_inputs, task.n_outputs)

        def learn(self, sequence):
            return self.out(torch.tensor(sequence.x, dtype=torch.float32))

        predict = learn

    with pytest.raises(TypeError, match=r"(?s)Raw.learn returned tensor\(.*it must return"):
        run_trial(TASK, Raw(TASK, None), np.random.default_rng(0), max_sequences=1)


def test_a_module_of_other_outputs_is_told_so():
    wide = learner(module=lambda i, o: torch.nn.Linear(i, o + 1))
    T = len(sequences(1)[0])
    wanted = rf"Linear returned outputs of shape \({T}, 3\); .* it must return shape \({T}, 2\)"
    with pytest.raises(ValueError, match=wanted):
        wide.learn(sequences(1)[0])
