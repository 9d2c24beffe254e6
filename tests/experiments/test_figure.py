"""The figure shows success and failure, in words that do not run into each other."""

import re
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from lstmbook.experiments import designs
from lstmbook.experiments.figure import as_file, draw, labels
from lstmbook.experiments.report import report
from lstmbook.experiments.store import Record
from lstmbook.experiments.trials import job
from lstmbook.explore.pictures import Dots, Line, Text

DESIGN = designs.design("table3/lstm-4x1-rate0.5-nc")
CAP = DESIGN.max_sequences


def records(design, successes, failures=0, ending="cap", dtype="float64", **more):
    engine = job(design, 0, dtype).engine
    kept = (design.name, design.options, dtype)
    counts = [20_000 + 1_000 * i for i in range(successes)] + [design.max_sequences] * failures
    endings = ["success"] * successes + [ending] * failures
    return [
        Record(*kept, 1000 + i, engine, design.method, *each, **more)
        for i, each in enumerate(zip(endings, counts, strict=True))
    ]


def dots(plot):
    return {mark.label: mark for mark in plot.marks if isinstance(mark, Dots)}


def words(plot):
    return [text for mark in plot.marks if isinstance(mark, Text) for text in mark.text if text]


def row_of(design, *made, **more):
    return report("table3", *made, rows=[design.name.partition("/")[2]], **more)


def test_few_successes_do_not_look_like_success():
    plot = draw(row_of(DESIGN, records(DESIGN, 2, 28)))
    assert "2/30  lstm-4x1-rate0.5-nc" in words(plot)
    assert "published 97%" in words(plot)
    at_cap = dots(plot)["ours at the cap"]
    assert (at_cap.hollow, list(at_cap.x)) == (True, [CAP])
    assert "ours 2 of 30 successful, mean 20,500; 28 without success by 200,000." in plot.says


def test_no_success_does_not_look_like_not_run():
    failed = draw(row_of(DESIGN, records(DESIGN, 0, 30)))
    unrun = draw(row_of(DESIGN, []))
    assert "0/30  lstm-4x1-rate0.5-nc" in words(failed)
    assert "not run  lstm-4x1-rate0.5-nc" in words(unrun)
    assert dots(failed).keys() - dots(unrun).keys() == {"ours at the cap"}
    assert "none of ours." in unrun.says


def test_a_row_without_any_success_anywhere_is_drawn_too():
    elman = designs.design("table3/elman-15")
    plot = draw(row_of(elman, records(elman, 0, 3)))
    assert dots(plot).keys() == {"ours at the cap"}
    assert "published 0% successful trials; ours 0 of 3" in plot.says


def test_what_diverged_or_succeeded_does_not_stand_at_the_cap():
    for made in (records(DESIGN, 3), records(DESIGN, 3, 2, "diverged")):
        plot = draw(row_of(DESIGN, made))
        assert dots(plot).keys() == {"ours", "published"}
        assert "by 200,000" not in plot.says


def test_every_row_has_a_lane_and_every_mark_is_inside():
    made = report("table3", records(DESIGN, 2, 28))
    plot = draw(made)
    heights = [y for mark in plot.marks if isinstance(mark, Text) for y in mark.y]
    assert len(set(heights)) == len(made.lines)
    for mark in plot.marks:
        assert all(plot.x.low <= x <= plot.x.high for x in mark.x)
        assert all(plot.y.low < y < plot.y.high for y in mark.y)
    at = {round(y % 1, 6) for m in plot.marks if isinstance(m, Dots | Line) for y in m.y}
    assert len(at) == 1  # marks on one height of their lanes, words on another
    assert at != {round(y % 1, 6) for y in heights}


@pytest.mark.parametrize("name", designs.table_names())
def test_words_of_a_lane_do_not_run_into_each_other(name):
    made = [r for row in designs.table(name).rows for r in records(row.design, 15, 15)]
    left, right = (mark.text for mark in draw(report(name, made)).marks if isinstance(mark, Text))
    # 260 px on a phone, 6.2 px a character
    assert all(6.2 * (len(a) + len(b) + 1) <= 260 for a, b in zip(left, right, strict=True))


def test_own_learners_and_dtypes_have_names_of_their_own(Habit):
    mine = [DESIGN.with_learner(Habit, method="Mine", keep=keep) for keep in (0.5, 0.6)]
    made = [r for each in (*mine, DESIGN) for r in records(each, 2)]
    made += records(DESIGN, 2, dtype="float32")
    lines = row_of(DESIGN, made).lines
    assert sorted(labels(lines)) == [
        "lstm-4x1-rate0.5-nc (Mine, keep 0.5)",
        "lstm-4x1-rate0.5-nc (Mine, keep 0.6)",
        "lstm-4x1-rate0.5-nc, float32",
        "lstm-4x1-rate0.5-nc, float64",
    ]
    long = DESIGN.with_learner(Habit, method="Mine " * 20, keep=0.5)
    plot = draw(row_of(DESIGN, records(long, 2)))
    assert max(map(len, words(plot))) <= 60
    assert "Mine " * 20 in plot.says


def test_as_a_file_it_stands_alone():
    plot = draw(row_of(DESIGN, records(DESIGN, 2, 28)))
    assert as_file(plot, ".PNG").startswith(b"\x89PNG\r\n")
    drawn = as_file(plot, ".svg").decode()
    root = ElementTree.fromstring(drawn)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert "2 of 30 successful" in root.attrib["aria-label"]
    assert "var(" not in drawn
    assert re.search(r"fill: ?#0072b2", drawn)
    assert "published 97%" in " ".join(e.text or "" for e in root.iter())
    with pytest.raises(ValueError, match=r"suffix is '\.pdf'"):
        as_file(plot, ".pdf")


def test_nothing_to_draw_is_said():
    new = replace(DESIGN, name="my idea")
    with pytest.raises(ValueError, match="no row with a number"):
        draw(report([new], []))
