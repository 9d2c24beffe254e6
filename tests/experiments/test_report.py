"""Published beside ours, in six forms."""

import csv
import io
import sys
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from lstmbook.experiments import designs, variants
from lstmbook.experiments.archive import archive
from lstmbook.experiments.layout import fitted
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


@pytest.fixture(scope="module")
def book():
    return list(archive().records())


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
    assert "not shown here: 10 of another version of what runs them." in str(found)
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
    assert "q50-p50 (float32, lanes " in text
    assert "q50-p50 (float64, lanes " in text
    assert "Computed in float64, lanes " in str(report("table2", RECORDS))


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
    assert (second.method, second.word) == ("Habit", "differs")
    assert ("task.q", "1 (not 50)") in second.changed
    assert "Habit" in report("table2", path).markdown()


def test_versions_of_ones_own_learner_are_told_apart(Habit, tmp_path):
    small = replace(DESIGN.with_task(q=1), max_sequences=2)
    settings = [{"keep": 0.5}, {"keep": 0.6}, {"keep": 0.5, "version": "2"}]
    mine = [small.with_learner(Habit, method="Mine", **each) for each in settings]
    path = tmp_path / "s.sqlite"
    run(mine, trials=2, jobs=1, store=path)
    made = report("table2", path)
    lines = [each for each in made.lines if each.ours]
    assert [(each.ours.trials, dict(each.changed)["learner"]) for each in lines] == [
        (2, "Mine")
    ] * 3
    assert sorted(dict(each.changed)["keep"] for each in lines) == ["0.5", "0.5", "0.6"]
    versions = {dict(each.changed).get("version", "")[:6] for each in lines}
    assert versions == {"", "2", "source"}  # that of 0.6 needs none
    assert max(len(dict(each.changed).get("version", "")) for each in lines) < 20
    named = [row["row"] + row["changed"] for row in made.rows() if row["trials"]]
    assert len(set(named)) == len({cells[0] for cells in made.cells() if cells[6]}) == 3


def test_learners_of_one_name_from_two_places_are_told_apart(Habit):
    options = DESIGN.with_learner(Habit, method="Mine", version="1").options
    other = options.replace("habits.Habit", "notions.Habit")
    records = [replace(record(DESIGN, 0), options=each, method="Mine") for each in (options, other)]
    made = {dict(each.changed).get("make") for each in report("table2", records).lines if each.ours}
    assert made == {"habits.Habit", "notions.Habit"}


def test_a_cap_below_the_tables_may_be_what_decides():
    row = designs.table("table2").row("q50-p50")
    short = replace(DESIGN, max_sequences=50)
    failed = [record(short, 0, "cap", 50)]
    for made in (report([short], failed), report("table2", failed, every=True)):
        aside = (
            f"(1 of 1 capped at 50, the table's cap is {row.table_cap:,}: our lower cap may decide)"
        )
        assert aside in line(made).verdict
        assert aside in made.markdown()
    assert "table's cap" not in str(report("table2", CAPPED))
    assert "table's cap" not in str(report([short], [record(short, 0, sequences=40)]))


@pytest.mark.parametrize("name", designs.table_names())
def test_a_row_with_a_lower_cap_than_its_table_says_so(name):
    for row in designs.table(name).rows:
        cap = row.design.max_sequences
        (found,) = report(name, [record(row.design, 1000, "cap", cap)], rows=[row.id]).lines
        assert ("our lower cap may decide" in found.verdict) == (cap < row.table_cap)


def test_trials_on_the_seeds_of_variants_are_counted_as_such():
    made = report("table2", [*RECORDS, record(DESIGN, 600), record(DESIGN, 999)])
    assert line(made).seeds == "0-9"
    assert "2 on the seeds of variants (500 to 999)" in made.text()


def test_some_rows_alone():
    other = designs.design("table2/q100-p100")
    records = [*RECORDS, record(other, 0), record(other.with_criterion(run=7), 1)]
    made = report("table2", records, rows=["q50-p50"])
    assert [each.id for each in made.lines] == ["q50-p50"]
    assert made.notes == ()
    with pytest.raises(ValueError, match="row is 'q7'"):
        report("table2", records, rows=["q7"])


MILESTONES = {
    "lstm-3x2-rate0.5": {"50% right": 20, "90% right": 40},
    "elman-15": {"50% of strings predicted": 300, "largest share of strings predicted": 0.6},
    "rtrl-3": {"50% of strings predicted": 200, "75% of strings predicted": 500},
}


def test_milestones_say_none_only_of_what_was_measured():
    records = [
        record(designs.design(f"table3/{row}"), 1000, "cap", 200_000, milestones=noted)
        for row, noted in MILESTONES.items()
    ]
    made = report("table3", records).milestones()
    assert made.names == (
        "50% right",
        "90% right",
        "50% of strings predicted",
        "75% of strings predicted",
    )
    assert {row[0]: row[1:] for row in made.cells()} == {
        "lstm-3x2-rate0.5": ["20", "40", "", ""],
        "elman-15": ["", "", "300", "none"],
        "rtrl-3": ["", "", "200", "500"],
    }
    assert "that share of the strings of both sets" in made.remark
    assert "errors" not in made.remark


@pytest.mark.parametrize("width", [80, 120, 200])
@pytest.mark.parametrize("name", designs.table_names())
def test_text_fits_a_width(name, width, book):
    for made in (report(name, book), variants.report(name, book), report(name, book).milestones()):
        assert max(map(len, made.text(width).splitlines())) <= width


def test_a_list_has_what_the_table_has(book):
    whole = report("table3", book)
    for made, skip in ((whole, whole.header.index("trials")), (whole.milestones(), None)):
        flat = " ".join(made.text(80).split())
        # how many trials there were stands in the share of successes
        for row in made.cells():
            assert all(cell in flat for i, cell in enumerate(row) if i != skip and cell != "none")


def test_at_eighty_columns_a_row_is_a_list_and_at_two_hundred_a_line():
    made = report("table2", RECORDS + CAPPED)
    assert "\n  published  30,000\n  ours       10/12 [55, 95 %]; mean 30,500 [" in made.text(80)
    assert made.text(200).splitlines()[:14] == made.text().splitlines()[:14]


def test_a_list_in_place_of_towers_of_words_and_remarks_in_short_lines():
    made = report("table2", RECORDS, rows=["q50-p50"])
    tall = replace(made.lines[0], labels=("word " * 40, "300,000"))
    made = replace(made, columns=("method", "changed", "cap"), lines=(tall,))
    assert fitted([made.header, *made.cells()], [], 120) is not None
    assert "\n  method     LSTM; changed word word" in made.text(120)
    assert "\n  method" not in made.text(250)
    assert max(map(len, made.text(250).split("\n\n")[-1].split("\n"))) <= 100


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
    texts = [(each.text or "").replace("\u00a0", " ") for each in shown.iter("td")]
    assert texts == [cell for row in made.cells() for cell in row]
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
    says = "q50-p50: published mean 30,000; ours 10 of 10 successful, mean 30,500."
    assert says in plot.says
    assert "q1000-p50: published mean 203,000, none of ours." in plot.says
    assert "image/png" in plot._repr_mimebundle_()[0]


def test_a_wrong_table():
    with pytest.raises(ValueError, match=r"table is 'table 2'; there are .*do you mean table2"):
        report("table 2", [])
