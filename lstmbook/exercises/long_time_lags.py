"""Exercises on the long time lags, with their solutions."""

from __future__ import annotations

import numpy as np

from lstmbook.book.exercises import Function, exercise, given_array, given_number
from lstmbook.learners.rtrl import RTRL
from lstmbook.long_time_lags import exponent
from lstmbook.protocols import run_trial
from lstmbook.sequences import Sequence
from lstmbook.tasks.criteria import RunOfRight
from lstmbook.tasks.long_time_lags import RandomDistractors, TwoSequences
from lstmbook.validation import Array

CHAPTER = "14_long_time_lags"


def _check_longer_than(longer_than: Function) -> None:
    rng = np.random.default_rng(0)
    task = RandomDistractors(q=5, p=3)
    lengths = np.array([len(task.sample(rng)) + 1 for _ in range(20_000)])
    for length in (8, 9, 12, 20, 40):
        found = given_number(f"longer_than({length}, 5)", longer_than(length, 5))
        share = float((lengths > length).mean())
        assert abs(found - share) < 0.015, (
            f"of 20 000 sequences with q = 5, {share:.3f} are longer than {length} symbols; "
            f"you say {found:.3f}"
        )


@exercise("longer-than", chapter=CHAPTER, check=_check_longer_than)
def longer_than(length: int, q: int) -> float:
    """Return the probability that a sequence of experiment 1c has more symbols than `length`."""
    # solution
    k = max(length - q - 4, -1)  # more than `length` symbols: more than so many further distractors
    return 0.9 ** (k + 1)  # each of the k + 1 draws had to say "go on"
    # end solution


def _check_best_guess(best_loss_without_memory: Function) -> None:
    for p in (2, 5, 20):
        found = given_number(f"best_loss_without_memory({p})", best_loss_without_memory(p))
        task = TwoSequences(p)
        rng = np.random.default_rng(p)
        total = 0.0
        for _ in range(50):
            sequence = task.sample(rng)
            guess = np.vstack([np.eye(p + 1)[: p - 1], np.zeros((1, p + 1))])
            guess[-1, -2:] = 0.5
            total += 0.5 * float(((sequence.targets - guess) ** 2).sum()) / 50
        assert np.isclose(found, total), (
            f"p = {p}: outputs that know everything but the first symbol have a loss of "
            f"{total:.4f} a sequence, not {found:.4f}"
        )


@exercise("best-without-memory", chapter=CHAPTER, check=_check_best_guess)
def best_loss_without_memory(p: int) -> float:
    """Return the least mean loss of experiment 1a for a predictor that sees one symbol only.

    The loss of a sequence is half the sum of squared errors over its steps and outputs.
    """
    # solution
    last = np.array([0.5, 0.5])  # x or y: nothing in the symbol before tells which
    return 0.5 * float(((np.array([0.0, 1.0]) - last) ** 2).sum())  # all other steps cost nothing
    # end solution


def _check_counts(run_of_right: Function) -> None:
    rng = np.random.default_rng(1)
    one = Sequence(np.array([0]), np.array([[1.0]]), np.array([True]), 1)
    for _ in range(20):
        errors, run = rng.random(40) ** 2, int(rng.integers(1, 6))
        judge = RunOfRight(tolerance=0.3, run=run).judge()
        expected = None
        for error in errors:
            if judge.see(one, np.array([[1.0 - error]]), None):  # type: ignore[arg-type]
                expected = judge.after
                break
        answer = run_of_right(errors.copy(), 0.3, run)
        assert answer == expected, (
            f"errors {np.round(errors, 2)}, tolerance 0.3, run {run}: the first sequence of the "
            f"first such run has number {expected}, not {answer!r}"
        )


@exercise("run-of-right", chapter=CHAPTER, check=_check_counts)
def run_of_right(errors: Array, tolerance: float, run: int) -> int | None:
    """Return the number (from 1) of the first of `run` successive errors below the tolerance.

    None if there is no such run. `errors` has shape (number of sequences,).
    """
    # solution
    in_a_row = 0
    for number, error in enumerate(errors, start=1):
        in_a_row = in_a_row + 1 if error < tolerance else 0
        if in_a_row == run:
            return number - run + 1
    return None
    # end solution


def _check_rtrl(rtrl_after: Function) -> None:
    for p, seed in ((1, 0), (2, 1)):
        rng = np.random.default_rng(seed)
        criterion = RunOfRight(tolerance=0.25, run=100)
        task = TwoSequences(p, criterion=criterion)
        net = RTRL(hidden_biases=True, output_biases=True).build(task, rng)
        outcome = run_trial(task, net, rng, max_sequences=4000)
        expected = outcome.sequences if outcome.success else None
        answer = rtrl_after(p, seed)
        assert answer == expected, (
            f"p = {p}, seed {seed}: the trial ends after {expected}, not {answer!r}; use one "
            "generator, first for the net's weights, then for the sequences"
        )


@exercise("rtrl-after", chapter=CHAPTER, check=_check_rtrl)
def rtrl_after(p: int, seed: int) -> int | None:
    """Return the sequences an RTRL net needs for experiment 1a at delay p; None beyond 4000.

    One recurrent hidden unit, shortcuts, biases of hidden and output units, rate 1.0, success by
    a run of 100 sequences with all errors below 0.25. `default_rng(seed)` draws the weights,
    then the sequences.
    """
    # solution
    rng = np.random.default_rng(seed)
    task = TwoSequences(p, criterion=RunOfRight(tolerance=0.25, run=100))
    net = RTRL(hidden_biases=True, output_biases=True).build(task, rng)
    outcome = run_trial(task, net, rng, max_sequences=4000)
    return outcome.sequences if outcome.success else None
    # end solution


def _check_halves(exponents: Function) -> None:
    for seed in (0, 3):
        rng = np.random.default_rng(seed)
        x = np.array([1.0, 2.0, 5.0, 10.0, 20.0])
        groups = {each: 1000 * each**0.4 * rng.lognormal(0, 0.2, 20) for each in x}
        expected = [exponent(dict(list(groups.items())[part]))[0] for part in
                    (slice(0, 3), slice(2, 5))]  # fmt: skip
        answer = given_array("the answer", exponents(groups), (2,))
        assert np.allclose(answer, expected), (
            f"the exponents of the lower and the upper three points are {expected}, not {answer}"
        )


@exercise("two-exponents", chapter=CHAPTER, check=_check_halves)
def exponents(groups: dict[float, Array]) -> tuple[float, float]:
    """Return the exponents of mean = a x^b fitted to the first three x, and to the last three."""
    # solution
    pairs = list(groups.items())
    lower, upper = dict(pairs[:3]), dict(pairs[-3:])
    return exponent(lower)[0], exponent(upper)[0]
    # end solution
