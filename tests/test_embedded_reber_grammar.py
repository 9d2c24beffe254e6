"""What is computed of the grammar agrees with enumeration and with samples."""

import numpy as np
import pytest

from lstmbook import embedded_reber_grammar as erg
from lstmbook.tasks.reber import EMBEDDED_REBER, REBER, accepts, draw, possible_next
from lstmbook.trained import load
from lstmbook.trained.recipes import reber_task


def every_string(grammar, longest):
    """Return every string of at most so many symbols, found by walking all arcs."""
    found, open_ends = [], [("start", "")]
    while open_ends:
        state, string = open_ends.pop()
        if state == "end":
            found.append(string)
        elif len(string) < longest:
            open_ends += [(to, string + s) for s, to in grammar[state].items()]
    return found


@pytest.mark.parametrize("grammar", [REBER, EMBEDDED_REBER])
def test_the_distribution_of_lengths_is_the_sum_over_all_strings(grammar):
    summed = np.zeros(15)
    for string in every_string(grammar, 14):
        summed[len(string)] += erg.string_probability(string, grammar)
    np.testing.assert_allclose(erg.length_distribution(14, grammar), summed, atol=1e-15)


def test_the_expected_length_is_the_mean_of_the_distribution():
    p = erg.length_distribution(600)
    assert p.sum() == pytest.approx(1)
    assert erg.expected_length() == pytest.approx(p @ np.arange(601))


def test_only_whole_strings_have_a_probability():
    assert erg.string_probability("BTBTXSETE") == 0.5**4
    with pytest.raises(ValueError, match="it must lead to the end"):
        erg.string_probability("BTBTXSET")


def test_rows_of_the_transition_matrix_are_distributions():
    names, M = erg.transition_matrix()
    assert names[-1] == "end"
    np.testing.assert_allclose(M.sum(axis=1), [1.0] * (len(names) - 1) + [0.0])


def test_true_probabilities_are_positive_exactly_where_a_symbol_is_possible():
    rng = np.random.default_rng(0)
    for _ in range(50):
        string = draw(EMBEDDED_REBER, rng)
        p = erg.next_probabilities(string)
        np.testing.assert_allclose(p.sum(axis=1), 1)
        assert np.array_equal(p > 0, possible_next(string)[:-1])


def test_the_least_loss_is_that_of_the_true_probabilities_averaged():
    # E over the next symbol of half the squared error of p, step by step
    string = "BTBTSSXXVPSETE"
    expected = 0.0
    for p in erg.next_probabilities(string):
        targets = np.eye(7)
        expected += float(p @ (0.5 * ((targets - p) ** 2).sum(axis=1)))
    assert erg.least_loss(string) == pytest.approx(expected)


def test_a_twin_differs_in_the_outer_symbols_only():
    rng = np.random.default_rng(1)
    for _ in range(50):
        string = draw(EMBEDDED_REBER, rng)
        other = erg.twin(string)
        assert accepts(EMBEDDED_REBER, other)
        assert erg.twin(other) == string
        differs = [i for i, (a, b) in enumerate(zip(string, other, strict=True)) if a != b]
        assert differs == [1, len(string) - 2]
        assert differs[1] - differs[0] == erg.lag(string)


def test_the_net_that_learned_is_never_wrong_and_keeps_the_bit():
    good, strings = load("reber"), erg.strings_of(reber_task(0).test)
    assert set(erg.wrong_share(good.net, good.weights, strings).values()) == {0.0}
    assert erg.bit_cells(good.net, good.weights, strings).max() == 1
    difference = erg.kept_difference(good.net, good.weights, strings[0])
    assert np.array_equal(difference[0], np.zeros(good.net.n_cells))
    assert (abs(difference[-2]) > 0.1).any()
    same = erg.kept_difference(good.net, good.weights, erg.twin(strings[0]))
    assert np.array_equal(difference, same)


def test_the_stuck_net_is_wrong_where_its_strings_are_wrong():
    stuck, strings = load("reber-stuck"), erg.strings_of(reber_task(1).test)
    share = erg.wrong_share(stuck.net, stuck.weights, strings)
    wrong = [not erg.right_steps(stuck.net, stuck.weights, each).all() for each in strings]
    assert any(wrong)
    assert max(share.values()) > 0


def test_both_branches_are_needed_to_tell_them_apart():
    good = load("reber")
    with pytest.raises(ValueError, match="only one of the two branches"):
        erg.bit_cells(good.net, good.weights, ["BTBTXSETE"])


def test_strings_come_back_from_their_sequences():
    for string in erg.strings_of(reber_task(0).training)[:20]:
        assert accepts(EMBEDDED_REBER, string)
