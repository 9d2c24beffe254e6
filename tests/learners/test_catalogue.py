"""The table of learners and tasks says what is so."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from lstmbook.lanes.draws import Stream
from lstmbook.learners.cascade_correlation import CascadeCorrelation
from lstmbook.learners.cascade_trial import run_cascade_trial
from lstmbook.learners.catalogue import KINDS, TASKS, matrix, why_not
from lstmbook.learners.net_trial import NetTrial
from lstmbook.learners.trials import Trial, run_trials
from lstmbook.lstm import Topology

PAGE = Path(__file__).parents[2] / "docs" / "learners.md"


def test_the_page_has_the_table():
    """To bring it up to date: write what `matrix()` returns between its marks."""
    text = PAGE.read_text(encoding="utf-8")
    (found,) = re.findall(r"<!-- matrix: begin -->\n(.*)\n<!-- matrix: end -->", text, re.S)
    assert found == matrix()


@pytest.mark.parametrize("name", TASKS)
@pytest.mark.parametrize("kind", ["lstm", *KINDS])
def test_what_is_said_to_run_learns_and_what_is_not_says_why(kind, name):
    task = TASKS[name]()
    why = why_not(kind, task)
    if kind == "lstm":
        trial = Trial(task, Topology(task.n_inputs, task.n_outputs, (1,)), 0.1, 0, 2)
    elif KINDS[kind] is CascadeCorrelation:
        small = CascadeCorrelation(max_hidden=1, pool=2, n_training=3)
        outcome, _, net = run_cascade_trial(task, small, 0, max_sequences=6, plain=True)
        assert outcome.ending in ("cap", "success")
        assert np.isfinite(net.output_weights).all()
        return
    else:
        trial = NetTrial(task, replace(KINDS[kind](), hidden=2), seed=0, max_sequences=2)
    if why is not None:
        with pytest.raises(ValueError, match=re.escape(why)):
            list(run_trials([trial], lanes=1, plain=True))
        if kind != "lstm":
            with pytest.raises(ValueError, match=re.escape(why)):
                trial.learner.build(task, Stream(0))
        return
    ((_, result),) = run_trials([trial], lanes=1, plain=True, keep_weights=True)
    assert result.ending == "cap"
    assert np.isfinite(result.weights).all()
    start = next(iter(run_trials([replace(trial, max_sequences=1)], lanes=1, plain=True,
                                 keep_weights=True)))[1]  # fmt: skip
    assert (start.weights != result.weights).any()
