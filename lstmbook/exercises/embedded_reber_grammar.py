"""Exercises on the embedded Reber grammar, with their solutions."""

from __future__ import annotations

import numpy as np

from lstmbook.book.exercises import Function, exercise, given_number
from lstmbook.embedded_reber_grammar import (
    length_distribution,
    next_probabilities,
    run,
    string_probability,
    strings_of,
    wrong_share,
)
from lstmbook.lstm import Topology, Weights, as_weights, forward
from lstmbook.tasks.reber import EMBEDDED_REBER, draw, prediction_sequence, string_predicted
from lstmbook.trained import load
from lstmbook.trained.recipes import reber_task
from lstmbook.validation import Array

CHAPTER = "15_embedded_reber_grammar"


def _check_lag_at_least(lag_at_least: Function) -> None:
    for q in (6, 7, 10, 20):
        expected = 1 - length_distribution(q + 2).sum()
        found = given_number(f"lag_at_least({q})", lag_at_least(q))
        assert np.isclose(found, expected), (
            f"q = {q}: a string asks for a lag of at least {q} with probability {expected:.5f}, "
            f"not {found:.5f}"
        )


@exercise("lag-at-least", chapter=CHAPTER, check=_check_lag_at_least)
def lag_at_least(q: int) -> float:
    """Return the probability that the second symbol must be kept for q steps or more."""
    # solution
    # the lag is L - 3, so it is below q for lengths up to q + 2
    return float(1 - length_distribution(q + 2).sum())
    # end solution


def _check_known_already(known_already: Function) -> None:
    rng = np.random.default_rng(0)
    for training in (["BTBTXSETE"], [draw(EMBEDDED_REBER, rng) for _ in range(40)]):
        expected = sum(string_probability(each) for each in set(training))
        found = given_number("the answer", known_already(training))
        assert np.isclose(found, expected), (
            f"{len(training)} training strings, {len(set(training))} of them different: a fresh "
            f"string is among them with probability {expected:.5f}, not {found:.5f}"
        )


@exercise("known-already", chapter=CHAPTER, check=_check_known_already)
def known_already(training: list[str]) -> float:
    """Return the probability that a freshly drawn string is one of the training strings."""
    # solution
    return sum(string_probability(each) for each in set(training))
    # end solution


def _check_silenced(silenced: Function) -> None:
    stored = load("reber")
    strings = strings_of(reber_task(0).test)[:60]
    for cell in range(stored.net.n_cells):
        flat = stored.weights.flat.copy()
        expected = _share_right(stored.net, _without(stored.net, flat, cell), strings)
        answer = silenced(stored.net, stored.weights, cell, strings)
        found = given_number(f"the answer for cell {cell}", answer)
        assert np.isclose(found, expected), (
            f"cell {cell}: with its column of W_k at zero {expected:.3f} of the strings are "
            f"predicted, not {found:.3f}"
        )
    assert np.array_equal(stored.weights.flat, load("reber").weights.flat), (
        "the weights that were handed in have been changed; work on a copy"
    )


def _without(net: Topology, flat: Array, cell: int) -> Weights:
    changed = as_weights(net, flat)
    changed.W_k[:, cell] = 0.0
    return changed


def _share_right(net: Topology, weights: Weights, strings: list[str]) -> float:
    given = [prediction_sequence(each) for each in strings]
    return float(np.mean([string_predicted(s, forward(net, weights, s).outputs) for s in given]))


@exercise("silenced-cell", chapter=CHAPTER, check=_check_silenced)
def silenced(net: Topology, weights: Weights, cell: int, strings: list[str]) -> float:
    """Return the share of strings predicted when the outputs no longer see one cell."""
    # solution
    cut = as_weights(net, weights.flat.copy())
    cut.W_k[:, cell] = 0.0  # the first columns of W_k belong to the cells
    given = [prediction_sequence(each) for each in strings]
    return float(np.mean([string_predicted(s, forward(net, cut, s).outputs) for s in given]))
    # end solution


def _check_worst_place(worst_place: Function) -> None:
    for name, number in (("reber-stuck", 1), ("reber-stuck", 2)):
        stored, strings = load(name), strings_of(reber_task(number).test)
        share = wrong_share(stored.net, stored.weights, strings)
        expected = max(share, key=share.__getitem__)
        answer = worst_place(stored.net, stored.weights, strings)
        assert answer == expected, (
            f"{name} on test set {number}: predictions are wrong most often at {expected!r} "
            f"({share[expected]:.2f}), not at {answer!r}"
        )


@exercise("worst-place", chapter=CHAPTER, check=_check_worst_place)
def worst_place(net: Topology, weights: Weights, strings: list[str]) -> str:
    """Return the place, as `wrong_share` names it, at which most predictions are wrong."""
    # solution
    share = wrong_share(net, weights, strings)
    return max(share, key=share.__getitem__)
    # end solution


def _check_distance(probability_error: Function) -> None:
    for name, number in (("reber", 0), ("reber-stuck", 1)):
        stored = load(name)
        for string in strings_of(reber_task(number).test)[:5]:
            outputs = run(stored.net, stored.weights, string).outputs
            expected = np.abs(outputs - next_probabilities(string)).mean()
            answer = probability_error(stored.net, stored.weights, string)
            found = given_number(f"the answer for {string}", answer)
            assert np.isclose(found, expected), (
                f"{name} on {string}: the outputs are {expected:.4f} off on average, not "
                f"{found:.4f}"
            )


@exercise("probability-error", chapter=CHAPTER, check=_check_distance)
def probability_error(net: Topology, weights: Weights, string: str) -> float:
    """Return by how much outputs miss the true probabilities, mean over outputs and steps."""
    # solution
    outputs = run(net, weights, string).outputs
    return float(np.abs(outputs - next_probabilities(string)).mean())
    # end solution
