"""Published beside ours, in six forms."""

import csv
import io
import sys
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from lstmbook.experiments import designs
from lstmbook.experiments.report import report
from lstmbook.experiments.runner import run
from lstmbook.experiments.store import Record, Store
from lstmbook.experiments.trials import job

DESIGN = designs.design("table2/q50-p50")


def record(design, seed, ending="success", sequences=30_000, **more):
    made = {
        "experiment": design.name,
        "options": design.options,
        "dtype": "float64",
        "seed": seed,
        "engine": job(design, 0).engine,
        "method": design.method,
    }
    return Record(**(made | {"ending": ending, "sequences": sequences} | more))


RECORDS = [record(DESIGN, seed, sequences=26_000 + 1000 * seed) for seed in range(10)]
CAPPED = [record(DESIGN, seed, "cap", 600_000) for seed in (10, 11)]


def line(of):
    return next(each for each in of.lines if each.ours)


def test_a_row_without_trials_stands_there_too():
    empty = report("table2", [])
    assert [each.verdict for each in empty.lines] == ["not run"] * 9
    assert all(each.id in str(empty) for each in empty.lines)
    missing = [each for each in report("table3", []).lines if each.note]
    assert all("no learner" in each.verdict for each in missing)


def test_published_beside_ours():
    found = line(report("table2", RECORDS))
    assert (found.id, found.verdict, found.seeds) == ("q50-p50", "reproduced", "0-9")
    assert found.ours.mean == 30_500
    text = str(report("table2", RECORDS))
    assert "10/10 [72, 100 %]" in text
    assert "30,500 [" in text


def test_capped_and_diverged_trials_are_named():
    lost = [record(DESIGN, 20, "diverged", 77)]
    found = line(report("table2", RECORDS + CAPPED + lost))
    aside = "(2 of 13 capped at 600,000; 1 of 13 diverged)"
    assert found.verdict == f"reproduced {aside}"
    assert found.seeds == "0-11, 20"


def test_versions_of_the_engine_are_not_mixed():
    old = [replace(each, engine="engine 0", sequences=9) for each in RECORDS]
    found = report("table2", RECORDS + old)
    assert line(found).ours.mean == 30_500
    assert "10 trials with other options, or of another version" in str(found)
    every = [e for e in report("table2", RECORDS + old, every=True).lines if e.ours]
    assert sorted((e.engine, e.ours.mean) for e in every)[0] == ("engine 0", 9)
    assert len(every) == 2
    only_old = report("table2", old)
    assert only_old.lines[0].verdict == "not run"
    assert only_old.notes


def test_dtypes_have_lines_of_their_own():
    single = [replace(each, dtype="float32", sequences=9) for each in RECORDS]
    found = [e for e in report("table2", RECORDS + single).lines if e.ours]
    assert [(e.dtype, e.ours.mean) for e in found] == [("float32", 9), ("float64", 30_500)]
    text = str(report("table2", RECORDS + single))
    assert "q50-p50 (float32, engine " in text
    assert "q50-p50 (float64, engine " in text
    assert "Computed in float64, engine " in str(report("table2", RECORDS))


def test_other_options_are_shown_when_asked_and_named():
    other = DESIGN.with_criterion(run=100)
    records = [*RECORDS, record(other, 0)]
    assert len([e for e in report("table2", records).lines if e.ours]) == 1
    every = report("table2", records, every=True)
    assert every.lines[1].changed == (("task.criterion.run", "100 (not 1000)"),)
    assert "q50-p50 task.criterion.run 100 (not 1000)" in str(every)
    assert report([other], records).lines[-1].ours.trials == 1


def test_ones_own_learner_stands_in_the_same_table(Habit, tmp_path):
    mine = replace(DESIGN.with_learner(Habit), max_sequences=50).with_task(q=1)
    path = tmp_path / "s.sqlite"
    run(mine, trials=3, jobs=1, store=path)
    with Store(path) as store:
        for each in RECORDS:
            store.add(each)
    first, second = report("table2", path).lines[:2]
    assert (first.method, first.verdict) == ("LSTM", "reproduced")
    assert (second.method, second.verdict) == ("Habit", "differs (3 of 3 capped at 50)")
    assert ("task.q", "1 (not 50)") in second.changed
    assert "Habit" in report("table2", path).markdown()


def test_an_unpublished_design_has_a_table_too():
    new = replace(DESIGN, name="my idea")
    found = report([new], [record(new, 0)])
    assert [(e.id, e.verdict) for e in found.lines] == [("my idea", "nothing to compare")]


@pytest.mark.parametrize("records", [[], RECORDS + CAPPED], ids=["empty", "some"])
def test_the_forms_agree(records):
    made = report("table2", records)
    assert len(made.markdown().splitlines()[2].split(" | ")) == len(made.header)
    assert all(len(cells) == len(made.header) for cells in made.cells())
    shown = ElementTree.fromstring(f"<div>{made._repr_html_()}</div>")
    assert [e.text or "" for e in shown.iter("td")] == [c for row in made.cells() for c in row]
    assert [e.text for e in shown.iter("th")] == made.header
    rows = list(csv.DictReader(io.StringIO(made.csv())))
    assert [row["row"] for row in rows] == [each.id for each in made.lines]
    frame = made.frame()
    assert list(frame["row"]) == [row["row"] for row in rows]
    assert list(frame.columns) == list(rows[0])
    if records:
        assert float(rows[0]["mean"]) == frame["mean"][0] == 30_500
        assert (rows[0]["capped"], rows[0]["verdict"]) == ("2", "reproduced")


def test_without_pandas_a_frame_says_what_to_do(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match=r"a DataFrame needs pandas.*pip install pandas"):
        report("table2", RECORDS).frame()


def test_the_figure_says_what_it_shows():
    plot = report("table2", RECORDS).figure()
    assert "q50-p50: published 30,000, ours 30,500 in 10 trials." in plot.says
    assert "q1000-p50: published 203,000, none of ours." in plot.says
    assert "image/png" in plot._repr_mimebundle_()[0]
    new = replace(DESIGN, name="my idea")
    with pytest.raises(ValueError, match="no row with a number"):
        report([new], []).figure()


def test_a_wrong_table():
    with pytest.raises(ValueError, match=r"table is 'table 2'; there are .*do you mean table2"):
        report("table 2", [])
