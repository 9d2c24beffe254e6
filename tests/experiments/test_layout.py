"""Tables in a width: nothing is lost, intervals stay whole while they can."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lstmbook.experiments.layout import aligned, filled, fitted, listed

ROWS = [
    ["row", "success", "mean", "verdict"],
    ["q50-p50", "10/12 [55, 95 %]", "30,500 [28,700, 32,300]", "same order (2 of 12 capped)"],
    ["q1000-p50", "0/3 [0, 56 %]", "none", "differs"],
]

words = st.text("abc12,", min_size=1, max_size=9)
cells = st.lists(words, max_size=6).map(" ".join)
tables = st.integers(1, 5).flatmap(
    lambda n: st.lists(st.lists(cells, min_size=n, max_size=n), min_size=2, max_size=5)
)


@given(tables, st.integers(5, 90), st.sets(st.integers(0, 4)))
def test_a_fitted_table_has_every_word_and_keeps_to_the_width(rows, width, numbers):
    lines = fitted(rows, numbers, width)
    if lines is None:
        assert max(map(len, aligned(rows, numbers))) > width
        return
    assert max(map(len, lines)) <= width
    found = " ".join(line for line in lines if set(line) - set("- ")).split()
    assert sorted(found) == sorted(word for row in rows for cell in row for word in cell.split())


@given(tables, st.integers(20, 90))
def test_a_table_that_fits_is_as_it_is(rows, width):
    plain = aligned(rows, [])
    if max(map(len, plain)) <= width:
        assert fitted(rows, [], width) == plain


def test_intervals_stay_whole_while_they_can():
    wide, narrow = (fitted(ROWS, [1, 2], width) for width in (60, 46))
    assert any("[28,700, 32,300]" in line for line in wide)
    assert not any("[28,700, 32,300]" in line for line in narrow)
    assert any("[55, 95 %]" in line for line in narrow)
    assert fitted(ROWS, [1, 2], 30) is None


def test_a_header_stands_on_its_rule_and_numbers_to_the_right():
    lines = fitted([["row", "learning rate"], ["a", "1"], ["b", "0.5 (of two)"]], [1], 14)
    assert lines == [
        "      learning",
        "row       rate",
        "---  ---------",
        "a            1",
        "",
        "b      0.5 (of",
        "          two)",
    ]


def test_a_list_breaks_between_the_parts_of_a_value():
    entries = [
        ("a", [("ours", ["1/2 [9, 91 %]", "mean 30,500 [28,700, 32,300]"]), ("word", ["x"])]),
        ("b", []),
    ]
    assert listed(entries, 40) == [
        "a",
        "  ours  1/2 [9, 91 %];",
        "        mean 30,500 [28,700, 32,300]",
        "  word  x",
        "",
        "b",
    ]


@pytest.mark.parametrize("width", [None, 20])
def test_a_remark_is_filled_to_a_width(width):
    text = "Mean of what was successful [95 % of it]."
    lines = filled(text, width).split("\n")
    assert " ".join(lines) == text
    assert len(lines) == (1 if width is None else 3)
