"""Published rows become designs; wrong names and impossible settings are told clearly."""

import linecache
import pickle

import numpy as np
import pytest

from lstmbook.experiments import designs
from lstmbook.experiments.options import canonical, changes, code_digest
from lstmbook.experiments.recipes import LSTMRecipe, OwnLearner, ReberSets
from lstmbook.experiments.runner import travels
from lstmbook.lstm import Topology, published_networks
from lstmbook.protocols import Learner, Task

ROWS = [row for name in designs.table_names() for row in designs.table(name).rows]
RUNNABLE = [row for row in ROWS if row.design is not None]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.name)
def test_every_row_says_what_is_printed_and_where(row):
    printed = row.published
    assert row.source
    assert row.method
    assert len(row.labels) + 1 == len(designs.table(row.table).columns)
    assert printed.sequences or printed.more_than or printed.success == 0
    assert printed.success is None or 0 <= printed.success <= 1
    assert row.why
    assert (row.design is None) == bool(row.missing)
    if printed.runs:
        assert np.mean(printed.runs) == printed.sequences


@pytest.mark.parametrize("row", RUNNABLE, ids=lambda row: row.name)
def test_every_design_makes_a_task_and_a_learner(row):
    design = row.design
    task = design.task_of(0)
    assert isinstance(task, Task)
    learner = design.learner.build(task, np.random.default_rng(0))
    assert isinstance(learner, Learner)
    sequence = task.sample(np.random.default_rng(1))
    assert learner.learn(sequence).shape == (len(sequence), task.n_outputs)
    copy = pickle.loads(pickle.dumps(design))
    assert copy == design
    assert copy.options == design.options
    assert travels(design)


def test_networks_of_the_paper_have_its_numbers_of_weights():
    printed = {net.experiment: net.n_weights for net in published_networks()}
    for row in designs.table("table3").rows:
        if row.id.endswith("-nc"):
            net = row.design.learner.net
            name = f"1 ({net.n_blocks} blocks of {net.blocks[0]})"
            assert net.n_weights == printed[name]


def test_ten_seeds_share_a_pair_of_data_sets():
    sets = ReberSets(n_training=5, n_test=5)
    assert sets.task(0) is sets.task(9)
    assert sets.task(9) is not sets.task(10)
    strings = [
        [tuple(each.inputs) for each in ReberSets(5, 5).task(seed).training] for seed in (9, 10)
    ]
    assert strings[0] != strings[1]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda d: designs.table("tabel2"), r"'tabel2'; there are .*do you mean table2\?"),
        (lambda d: designs.design("table2/q50"), r"row is 'q50'; table2 has q50-p50, .*mean"),
        (lambda d: designs.design("table2"), "row is ''"),
        (lambda d: d.with_task(q=0), "q is 0; it must be at least 1"),
        (lambda d: d.with_task(Q=3), "task has no setting 'Q'; it has q, p"),
        (lambda d: d.with_criterion(run=0), "run is 0; it must be at least 1"),
        (lambda d: d.with_options(learning_rate=0), "learning_rate is 0; it must be above 0"),
        (lambda d: d.with_options(rate=0), "learner has no setting 'rate'"),
        (lambda d: d.with_options(recurrent="all"), "recurrent is 'all'"),
        (lambda d: d.with_options(updates="never"), "updates is 'never'"),
        (lambda d: d.with_options(n_inputs=3), "learner has 3 n_inputs; task has 54"),
        (lambda d: d.with_options(g="relu"), "g is 'relu'; it must be one of"),
        (lambda d: d.with_options(output_bias=1.0), "output_bias is 1.0, but the topology has no"),
        (
            lambda d: d.with_options(output_gate_biases=True, output_gate_bias=(-1.0, -2.0, -3.0)),
            r"output_gate_bias has shape \(3,\); it must have shape \(2\)",
        ),
        (
            lambda d: d.with_options(cell_biases=True, cell_bias=float("nan")),
            r"cell_bias\[0\] is nan; every entry must be finite",
        ),
        (lambda d: designs.Design("", d.task, d.learner, 1), "name is empty"),
        (lambda d: designs.Design("a", d.task, d.learner, 0), "max_sequences is 0"),
        (lambda d: designs.Design("a", d.task, d.learner, 5, trials=0), "trials is 0"),
    ],
)
def test_wrong_names_and_impossible_settings(call, message):
    with pytest.raises(ValueError, match=message):
        call(designs.design("table2/q50-p50"))


def test_a_row_without_a_learner_says_so(monkeypatch):
    monkeypatch.setattr(designs, "KINDS", {})
    designs.table.cache_clear()
    try:
        assert designs.table("table1").row("chunker-p100").design is None
        with pytest.raises(ValueError, match="cannot be run: the package has no learner 'chunker'"):
            designs.design("table1/chunker-p100")
    finally:
        designs.table.cache_clear()


def test_a_learner_of_the_package_has_all_its_settings_in_the_options():
    assert '"threshold"' in designs.design("table1/chunker-p100").options
    with pytest.raises(ValueError, match="learner has no setting 'rate'; it has hidden, "):
        designs.design("table1/chunker-p100").with_options(rate=1.0)
    with pytest.raises(ValueError, match="chunker has no setting 'rate'; it has hidden, "):
        designs._recipe({"kind": "chunker", "rate": 1.0}, None)


def test_wrong_parts_of_a_design():
    d = designs.design("table2/q50-p50")
    with pytest.raises(TypeError, match="task is 3"):
        designs.Design("a", 3, d.learner, 1)
    with pytest.raises(TypeError, match="must be a recipe: OwnLearner"):
        designs.Design("a", d.task, object(), 1)
    with pytest.raises(TypeError, match="make is 3"):
        OwnLearner(3)
    with pytest.raises(TypeError, match="has the methods learn and predict"):
        OwnLearner(lambda task, rng: 3, version="1").build(d.task, None)


def test_recipes_of_construction():
    net = Topology(2, 1, (1, 2))
    plateau = designs.Plateau()
    with pytest.raises(ValueError, match=r"blocks is \(1, 2\); with a plateau"):
        LSTMRecipe(net, 1.0, plateau=plateau)
    net = Topology(2, 1, (1, 1), output_gate_biases=True)
    with pytest.raises(ValueError, match=r"output_gate_bias is .*one number"):
        LSTMRecipe(net, 1.0, plateau=plateau, output_gate_bias=(-1.0, -2.0))
    with pytest.raises(ValueError, match="schedule is 'thesis'; with a plateau"):
        LSTMRecipe(net, 1.0, plateau=plateau, schedule="thesis")


def test_equal_experiments_share_their_text():
    d = designs.design("table2/q50-p50")
    assert d.with_options(learning_rate=0.01).options == d.options
    assert d.with_options(scale=1).options == d.with_options(scale=1.0).options
    other = d.with_options(learning_rate=0.02).with_criterion(run=100)
    assert changes(other.options, d.options) == {
        "learner.learning_rate": "0.02 (not 0.01)",
        "task.criterion.run": "100 (not 1000)",
    }
    assert canonical(np.arange(3)) != canonical(np.arange(3.0))
    with pytest.raises(TypeError, match="cannot be written down"):
        canonical(object())


def test_a_net_follows_its_task():
    other = designs.design("table2/q50-p50").with_task(p=7)
    assert other.learner.net.n_inputs == 11


CELL = """
class Mine:
    rate = {rate}

    def __init__(self, task, rng):
        self.n = task.n_outputs

    def learn(self, sequence):
        return self.predict(sequence)

    def predict(self, sequence):
        return np.full((len(sequence), self.n), 0.5)
"""


def of_a_notebook(rate, name):
    """Return a class as a notebook's cell makes it: in a __main__ without a file."""
    source = CELL.format(rate=rate)
    linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
    space = {"__name__": "__main__", "np": np}
    exec(compile(source, name, "exec"), space)
    return space["Mine"]


def test_a_changed_cell_is_another_learner():
    first, same, other = (of_a_notebook(r, f"<cell {i}>") for i, r in enumerate((1, 1, 2)))
    assert code_digest(first) == code_digest(same) != code_digest(other)
    d = designs.design("table2/q50-p50")
    assert d.with_learner(first).options != d.with_learner(other).options
    assert d.with_learner(first).method == "Mine"
    assert not travels(d.with_learner(first))


def test_without_source_a_version_is_asked_for():
    made = of_a_notebook(1, "<lost>")
    del linecache.cache["<lost>"]
    with pytest.raises(ValueError, match="give it a version"):
        OwnLearner(made)
    assert OwnLearner(made, version="1").version == "1"
