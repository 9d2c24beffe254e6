"""What is imported from the package's front, and the guide: its code runs as it stands."""

import importlib
import linecache
import re
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from lstmbook import experiments
from lstmbook.experiments import designs, runner, store
from lstmbook.experiments.options import canonical
from lstmbook.sequences import loss

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import distributed

ROOT = Path(__file__).parents[2]
GUIDE, ARCHITECTURE = ROOT / "docs" / "experiments.md", ROOT / "ARCHITECTURE.md"


def test_what_is_used_most_can_be_imported_from_the_front():
    assert experiments.run is runner.run
    assert experiments.design is designs.design
    assert experiments.Store is store.Store
    for name in experiments.__all__:
        assert getattr(experiments, name).__name__ == name
        assert name in dir(experiments)
    with pytest.raises(AttributeError, match=r"'lstmbook.experiments' has no attribute 'rum'"):
        experiments.rum  # noqa: B018


@pytest.mark.parametrize(
    ("line", "never"),
    [
        ("import lstmbook.experiments", ["numpy", "sqlite3", "lstmbook.experiments.designs"]),
        ("from lstmbook.experiments import run, design", ["numba", "matplotlib"]),
    ],
)
def test_importing_it_is_cheap(line, never):
    code = f"import sys; {line}; print([name for name in {never} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def blocks():
    return re.findall(r"^```python\n(.*?)^```$", GUIDE.read_text(encoding="utf-8"), re.M | re.S)


class Cells:
    """Runs pieces of code in one __main__, as a notebook does."""

    def __init__(self):
        self.space = {"__name__": "__main__"}

    def run(self, source, name):
        lines = source.splitlines(keepends=True)
        linecache.cache[name] = (len(source), None, lines, name)
        exec(compile("".join(lines[:-1]), name, "exec"), self.space)
        return eval(lines[-1], self.space)


def test_the_code_of_the_guide_runs(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    learner, changed, own_task, cluster = blocks()
    cells = Cells()
    text = cells.run(learner, "<guide 1>").text()
    assert "table2/q50-p50" in text
    assert "LSTM" in text
    assert "Habit" in text
    assert "3 of 3 capped at 2,000" in text
    text = cells.run(changed, "<guide 2>").text()
    for change in ("q 60", "learning_rate 0.02", "tolerance 0.15"):
        assert change in text
    task = ARCHITECTURE.read_text(encoding="utf-8").split("### A new task")[1]
    task = re.search(r"^```python\n(.*?)^```$", task, re.M | re.S)[1]
    (tmp_path / "my_tasks.py").write_text(task, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    records = cells.run(own_task, "<guide 3>")
    assert {each.engine for each in records} == {"lanes 1"}
    assert all(each.ending == "success" for each in records)
    with ThreadPoolExecutor(2) as threads:
        client = SimpleNamespace(get_executor=lambda: threads)
        monkeypatch.setattr(distributed, "Client", lambda address: client)
        assert len(cells.run(cluster, "<guide 4>")) == 20


def test_the_learner_of_the_architecture_follows_its_gradient(monkeypatch, tmp_path):
    part = ARCHITECTURE.read_text(encoding="utf-8").split("### A new learner")[1]
    net, use = re.findall(r"^```python\n(.*?)^```$", part.split("### ")[0], re.M | re.S)
    (tmp_path / "my_nets.py").write_text(net, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    space = {}
    exec(f"from my_nets import LeakyNet\n{use}", space)
    assert space["result"].ending == "cap"
    recipe = space["LeakyNet"](hidden=(3, 2), f_k="tanh", shortcuts=True)
    task = space["Adding"](T=20)
    built = recipe.build(task, np.random.default_rng(3), plain=True)
    sequence = task.sample(np.random.default_rng(4))
    slope, weights = built.gradient(sequence), built.weights
    way = np.random.default_rng(5).normal(size=len(weights))
    losses = []
    for side in (1e-5, -1e-5):
        built.weights = weights + side * way
        losses.append(loss(sequence, built.predict(sequence)))
    assert slope @ way == pytest.approx((losses[1] - losses[0]) / 2e-5, rel=1e-6)


def test_the_memory_of_a_readers_net_is_part_of_what_its_trials_are_known_by(tmp_path, monkeypatch):
    part = ARCHITECTURE.read_text(encoding="utf-8").split("### A new learner")[1]
    net = re.search(r"^```python\n(.*?)^```$", part, re.M | re.S)[1]
    monkeypatch.syspath_prepend(tmp_path)
    texts = set()
    for name, new in (("nets_a", "0.2"), ("nets_b", "0.3")):
        changed = net.replace("NEW = 0.2", f"NEW = {new}")
        (tmp_path / f"{name}.py").write_text(changed, encoding="utf-8")
        made = importlib.import_module(name).LeakyNet()
        texts.add(canonical(made).replace(name, "nets"))
    assert len(texts) == 2
