import numpy as np
import pytest

from lstmbook.book import exercises
from lstmbook.book.exercises import (
    check,
    exercise,
    find,
    given_array,
    given_count,
    given_number,
    skeleton,
    solved,
)
from lstmbook.book.exercises import exercises as every


@pytest.mark.parametrize("id", list(every()))
def test_every_solution_passes_its_own_check(id, capsys):
    check(id, find(id).solution)
    assert capsys.readouterr().out == f"{id}: correct.\n"


@pytest.mark.parametrize("id", list(every()))
def test_a_wrong_answer_never_passes(id):
    def wrong(*_, **__):
        return None

    with pytest.raises(AssertionError):
        check(id, wrong)


@pytest.mark.parametrize("id", list(every()))
def test_the_exercise_is_the_solution_with_its_lines_left_out(id):
    text, full = skeleton(id), solved(id)
    compile(text, id, "exec")
    compile(full, id, "exec")
    kept = [line for line in text.splitlines()[:-3] if exercises.GAP not in line]
    assert all(line in full.splitlines() for line in kept)
    assert len(full.splitlines()) > len(kept)
    assert exercises.START not in text
    assert exercises.END not in full


def test_an_untouched_answer_is_not_wrong(capsys, monkeypatch):
    monkeypatch.setattr(exercises, "_EXERCISES", dict(exercises._EXERCISES))

    def refuse(_):
        raise AssertionError("it should be 4")

    @exercise("two-and-two", chapter="01_recurrent_networks", check=refuse)
    def two_and_two():
        return 4

    def answer(): ...  # your code here

    check("two-and-two", answer)
    assert "not attempted yet" in capsys.readouterr().out
    with pytest.raises(AssertionError, match="it should be 4"):
        check("two-and-two", lambda: 5)


def test_bad_use_is_refused(monkeypatch):
    monkeypatch.setattr(exercises, "_EXERCISES", dict(exercises._EXERCISES))
    with pytest.raises(ValueError, match="id is 'no-such'; it must be one of "):
        check("no-such", len)

    @exercise("mine", chapter="01_recurrent_networks", check=lambda _: None)
    def first():
        return 1

    with pytest.raises(ValueError, match="id is 'mine'"):
        exercise("mine", chapter="01_recurrent_networks", check=lambda _: None)(len)
    with pytest.raises(ValueError, match="no lines between"):
        skeleton("mine")
    with pytest.raises(TypeError, match="answer is 4"):
        check("mine", 4)


def test_answers_are_taken_as_arrays_numbers_and_counts():
    assert given_array("f(2)", [[1, 2]], (1, 2)).tolist() == [[1.0, 2.0]]
    assert given_number("f(2)", np.float32(0.5)) == 0.5
    assert given_number("f(2)", np.array(3)) == 3.0
    assert [given_count("f(2)", each) for each in (3, 3.0, np.int64(3))] == [3, 3, 3]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (lambda: given_array("f(2)", [1, 2], (3,)), r"f\(2\) has shape \(2,\); it must have"),
        (lambda: given_array("f(2)", None, ()), r"f\(2\) must be an array of numbers, not None"),
        (lambda: given_array("f(2)", [1, np.nan], (2,)), r"f\(2\)\[1\] is nan"),
        (lambda: given_number("f(2)", None), r"f\(2\) must be a number, not None"),
        (lambda: given_number("f(2)", "3"), r"f\(2\) must be a number, not '3'"),
        (lambda: given_number("f(2)", [1.0]), r"f\(2\) must be a number, not \[1.0\]"),
        (lambda: given_count("f(2)", 2.5), r"f\(2\) is 2.5; it must be a whole number"),
        (lambda: given_count("f(2)", np.inf), r"f\(2\) is inf; it must be a whole number"),
    ],
)
def test_answers_of_another_kind_are_wrong_and_named(given, message):
    with pytest.raises(AssertionError, match=message):
        given()
