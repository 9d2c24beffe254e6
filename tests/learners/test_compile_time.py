"""Nobody waits long for a learner that a machine has not yet seen."""

import os
import subprocess
import sys

import pytest

PROGRAM = """
import time
import numpy as np
from lstmbook.lanes import machine, vector
from lstmbook.learners.bptt import BPTT
from lstmbook.learners.chunker import Chunker
from lstmbook.learners.echo_state import EchoState
from lstmbook.learners.elman import Elman
from lstmbook.learners.gru import GRU
from lstmbook.learners.net_trial import NetTrial
from lstmbook.learners.rtrl import RTRL
from lstmbook.learners.trials import run_trials
from lstmbook.tasks.long_time_lags import RandomDistractors, TwoSequences
from lstmbook.tasks.reber import EmbeddedReber

reber = EmbeddedReber.draw(np.random.default_rng(0), 4, 4)
trial = NetTrial({task}, {learner}, seed=1, max_sequences=1)
told = []
started = time.process_time()
((_, result),) = run_trials([trial], on_compile=told.append)
took = time.process_time() - started
assert "compiling" in told[0]
print(took)
"""


def seconds(task, learner, place):
    """Return how long a processor compiles a learner, with nothing kept of an earlier time."""
    answer = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(task=task, learner=learner)],
        env=os.environ | {"LSTMBOOK_CACHE": str(place)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    return float(answer.stdout)


@pytest.fixture(scope="module")
def smallest(tmp_path_factory):
    """How long the smallest learner takes: 2 seconds of a processor of its own."""
    places = tmp_path_factory.mktemp("a"), tmp_path_factory.mktemp("b")
    return min(seconds("RandomDistractors(q=1, p=2)", "Elman(hidden=1)", each) for each in places)


@pytest.mark.parametrize(
    ("task", "learner"),
    [
        ("TwoSequences(p=100)", "BPTT(hidden=(12, 12), updates='every step', depth=9)"),
        ("reber", "RTRL(hidden=12, recurrent='all')"),
        ("reber", "GRU(hidden=(10, 10, 10), shortcuts=True)"),
        ("RandomDistractors(q=50, p=50)", "EchoState(hidden=(60, 60))"),
        ("TwoSequences(p=100)", "Chunker(hidden=(4, 4), imitated='hidden and outputs')"),
    ],
)
def test_the_largest_learners_are_compiled_within_five_seconds_of_a_processor(
    task, learner, smallest, tmp_path
):
    # seconds of a processor that others share are long: what counts is how many small ones fit in
    assert seconds(task, learner, tmp_path) / smallest * 2.0 < 5.0
