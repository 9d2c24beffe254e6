"""What is noted of compiled trials is what `run_trial` notes."""

import numpy as np
import pytest

from lstmbook.protocols import run_trial
from lstmbook.remedies.bookkeeping import Account, ErrorCurve, compiled_loops
from lstmbook.sequences import Sequence


class Script:
    """A task and a learner in one: sequence i has the loss `losses[i]`; success after `won`."""

    def __init__(self, losses, won):
        self.losses, self.won, self.after = losses, won, 0

    @property
    def criterion(self):
        return self

    def judge(self):
        return self

    def sample(self, rng):
        return Sequence(np.array([0]), np.zeros((1, 1)), np.array([True]), 1)

    def learn(self, sequence):
        return np.sqrt([[2 * self.losses[self.after]]])

    def see(self, sequence, outputs, learner):
        self.after += 1
        return self.after == self.won


@pytest.mark.parametrize("chunk", [1, 3, 7, 100])
@pytest.mark.parametrize(
    ("cap", "won", "broken"),
    [(20, 99, 99), (20, 9, 99), (20, 20, 99), (20, 99, 8), (20, 99, 20), (6, 7, 7), (20, 8, 8)],
)
def test_an_account_is_the_trial_whatever_the_size_of_chunks(chunk, cap, won, broken):
    losses = np.random.default_rng(0).random(200)
    losses[broken:] = np.inf
    script = Script(losses, won)
    expected = run_trial(
        script, script, np.random.default_rng(0), max_sequences=cap, window=4, seed=5
    )
    account, seen = Account(cap, 4), 0

    def judge(errors):
        nonlocal seen
        first, seen = seen, seen + len(errors)
        return (won - first, won - first) if won <= seen else None

    while account.ending is None:
        now = losses[account.presented :][:chunk]
        account.see(now, now, judge)
    found = account.outcome(seed=5)
    assert (found.ending, found.sequences) == (expected.ending, expected.sequences)
    assert (found.window, found.seed) == (4, 5)
    assert np.allclose(found.errors, expected.errors, rtol=1e-12)
    assert found.errors.shape == expected.errors.shape


def test_success_may_be_counted_at_a_sequence_seen_before():
    account = Account(100, 10)
    account.see(np.ones(30), np.ones(30), lambda errors: None)
    account.see(np.ones(30), np.ones(30), lambda errors: (12, -5))
    assert (account.ending, account.sequences, account.presented) == ("success", 25, 42)


def test_a_trial_that_goes_on_has_no_outcome():
    account = Account(10, 5)
    account.see(np.ones(9), np.ones(9), lambda errors: None)
    with pytest.raises(ValueError, match="the trial has not ended"):
        account.outcome(None)


def test_an_error_curve_has_full_windows_only():
    curve = ErrorCurve(3)
    assert curve.points.shape == (0,)
    for chunk in ([1.0, 2.0], [3.0, 4.0, 5.0, 6.0, 7.0], [8.0]):
        curve.add(np.array(chunk))
    assert curve.points.tolist() == [2.0, 5.0]


def test_a_cap_and_a_window_are_counts():
    with pytest.raises(ValueError, match="max_sequences is 0"):
        Account(0, 100)
    with pytest.raises(ValueError, match="window is 0"):
        Account(1, 0)


def test_compiled_loops_are_found_by_name():
    pytest.importorskip("numba")
    assert compiled_loops("loops").__name__ == "lstmbook.remedies.loops"
