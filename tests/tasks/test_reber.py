"""The grammar has exactly the arcs of the literature, and the task the papers' criterion."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lstmbook.protocols import Task
from lstmbook.sequences import loss
from lstmbook.tasks.reber import (
    ALPHABET,
    EMBEDDED_REBER,
    REBER,
    EmbeddedReber,
    accepts,
    draw,
    legally_predicted,
    possible_next,
    prediction_sequence,
    remembered,
    states,
    string_predicted,
)

ARCS = {
    ("start", "B", "0"),
    ("0", "T", "1"),
    ("0", "P", "2"),
    ("1", "S", "1"),
    ("1", "X", "3"),
    ("2", "T", "2"),
    ("2", "V", "4"),
    ("3", "X", "2"),
    ("3", "S", "5"),
    ("4", "P", "3"),
    ("4", "V", "5"),
    ("5", "E", "end"),
}


def test_the_arcs_are_those_of_the_literature():
    assert {(a, s, b) for a, arcs in REBER.items() for s, b in arcs.items()} == ARCS


def test_the_published_string_is_accepted_and_its_neighbours_are_not():
    assert accepts(REBER, "BTSSXXVPSE")
    path = ["start", "0", "1", "1", "1", "3", "2", "4", "3", "5", "end"]
    assert states(REBER, "BTSSXXVPSE") == path
    for string in ("BTSSXXVPS", "BTSSXXVPSEE", "BTSSXXTPSE", "BPSSXXVPSE", "BTVSXXVPSE", ""):
        assert not accepts(REBER, string)
    with pytest.raises(ValueError, match="'P' at position 5; only X or S"):
        states(REBER, "BTSSXP")


def test_every_arc_is_taken_half_the_time_where_there_is_a_choice():
    rng = np.random.default_rng(0)
    taken = {}
    for _ in range(4000):
        string = draw(REBER, rng)
        for state, symbol in zip(states(REBER, string), string, strict=False):
            taken.setdefault(state, []).append(symbol)
    for state, arcs in REBER.items():
        for symbol in arcs:
            share = np.mean(np.array(taken[state]) == symbol)
            assert share == pytest.approx(1 / len(arcs), abs=2.5 / np.sqrt(len(taken[state])))


@given(st.integers(0, 10**6))
def test_an_embedded_string_is_b_branch_reber_branch_e(seed):
    string = draw(EMBEDDED_REBER, np.random.default_rng(seed))
    assert string[0] == "B"
    assert string[-1] == "E"
    assert string[1] == string[-2]
    assert string[1] in "TP"
    assert accepts(REBER, string[2:-2])
    assert accepts(EMBEDDED_REBER, string)
    other = {"T": "P", "P": "T"}[string[1]]
    assert not accepts(EMBEDDED_REBER, string[:-2] + other + "E")


def test_the_shortest_string_has_nine_symbols():
    rng = np.random.default_rng(1)
    lengths = [len(draw(EMBEDDED_REBER, rng)) for _ in range(2000)]
    assert min(lengths) == 9


def test_possible_next_names_the_arcs():
    def names(row):
        return {ALPHABET.symbols[i] for i in np.flatnonzero(row)}

    rows = possible_next("BTBTXSETE")
    expected = [{"T", "P"}, {"B"}, {"T", "P"}, {"S", "X"}, {"X", "S"}, {"E"}, {"T"}, {"E"}, set()]
    assert [names(row) for row in rows] == expected


def test_a_string_is_predicted_only_if_the_possible_symbols_lead():
    sequence = prediction_sequence("BPBTXSEPE")
    ideal = possible_next("BPBTXSEP").astype(float)
    assert string_predicted(sequence, ideal)
    assert remembered(sequence, ideal)
    for t in range(len(sequence)):
        spoiled = ideal.copy()
        spoiled[t] = 0.5
        assert legally_predicted(sequence, spoiled).tolist() == [s != t for s in range(8)]
        assert not string_predicted(sequence, spoiled)
    forgetful = ideal.copy()
    forgetful[-2, ALPHABET.code("T")] = 1.1
    assert not remembered(sequence, forgetful)


def test_the_sets_are_separate_and_the_training_set_is_what_is_presented():
    rng = np.random.default_rng(2)
    task = EmbeddedReber.draw(rng)
    assert isinstance(task, Task)
    assert len(task.training) == len(task.test) == 256

    def string(sequence):
        last = ALPHABET.symbols[sequence.targets[-1].argmax()]
        return "".join(ALPHABET.decode(sequence.inputs)) + last

    training = {string(each) for each in task.training}
    assert all(accepts(EMBEDDED_REBER, each) for each in training)
    assert training.isdisjoint(string(each) for each in task.test)
    assert {string(task.sample(rng)) for _ in range(500)} <= training
    assert task.sample(rng).mask.all()


def test_the_criterion_wants_every_string_of_both_sets():
    task = EmbeddedReber.draw(np.random.default_rng(3), n_training=5, n_test=5, every=2)

    class Oracle:
        wrong = ()

        def predict(self, sequence):
            outputs = possible_next(ALPHABET.decode(sequence.inputs)).astype(float)
            return outputs * (0.0 if tuple(sequence.inputs) in self.wrong else 1.0)

    learner = Oracle()
    sequence = task.training[0]
    judge = task.criterion.judge()
    outputs = learner.predict(sequence)
    assert not judge.see(sequence, outputs, learner)  # tried after every second sequence
    learner.wrong = {tuple(task.test[4].inputs)}
    assert not judge.see(sequence, outputs, learner)
    learner.wrong = ()
    assert not judge.see(sequence, outputs, learner)
    assert judge.see(sequence, outputs, learner)
    assert judge.after == 4


def test_doing_nothing_scores_what_is_said():
    task = EmbeddedReber.draw(np.random.default_rng(4), n_training=50, n_test=5)
    baseline = task.doing_nothing()
    losses = [loss(s, np.tile(baseline.outputs, (len(s), 1))) for s in task.training]
    assert np.mean(losses) == pytest.approx(baseline.loss)
    assert not task.criterion.right(
        task.training[0], np.tile(baseline.outputs, (len(task.training[0]), 1))
    )
