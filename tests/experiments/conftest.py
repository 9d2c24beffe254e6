"""Small designs, and a learner in a module that other processes can import."""

import sys
import textwrap

import pytest

from lstmbook.experiments import designs

LEARNER = '''
    import os

    import numpy as np


    class Habit:
        """Predicts what it has lately been told, and nothing else."""

        def __init__(self, task, rng, keep=0.8):
            self.keep, self.habit = keep, rng.random(task.n_outputs)

        def learn(self, sequence):
            outputs = self.predict(sequence)
            self.habit = self.keep * self.habit + (1 - self.keep) * sequence.targets[-1]
            return outputs

        def predict(self, sequence):
            return np.tile(self.habit, (len(sequence), 1))


    class Sudden(Habit):
        """Ends its process with the first sequence."""

        def learn(self, sequence):
            os._exit(3)


    class Odd(Exception):
        """Cannot be made again from its text."""

        def __init__(self, what, why):
            super().__init__(f"{what} {why}")


    class Moody(Habit):
        """Cannot be made for every fifth seed or so."""

        def __init__(self, task, rng, odd=False):
            super().__init__(task, rng)
            if self.habit[0] < 0.2:
                raise Odd("not", "today") if odd else ValueError("not today")
'''


@pytest.fixture
def Habit(tmp_path, monkeypatch):
    """A reader's own learner, of ten lines, in a module on the path."""
    (tmp_path / "habits.py").write_text(textwrap.dedent(LEARNER))
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "habits", raising=False)
    import habits

    yield habits.Habit
    sys.modules.pop("habits", None)


@pytest.fixture
def compiled():
    """A design for the compiled engine, a moment for some dozen trials."""
    design = designs.design("table2/q50-p50").with_task(q=1, p=2).with_options(learning_rate=0.5)
    design = design.with_criterion(tolerance=0.3, run=20)
    return designs.replace(design, max_sequences=700, trials=18)


@pytest.fixture
def readable():
    """A design that only the reference can run, some ten milliseconds a trial."""
    design = designs.design("table1/lstm-p100-thesis").with_task(p=3).with_options(reset=False)
    design = design.with_criterion(tolerance=0.6, run=12)
    return designs.replace(design, max_sequences=110, trials=4)


@pytest.fixture
def everything(compiled, readable, Habit):
    """Designs for the engine (more trials than lanes), the reference, and an own learner."""
    return [compiled, readable, readable.with_learner(Habit, keep=0.5)]
