"""Variants change what they say, run on seeds of their own, and have a table of their own."""

from dataclasses import replace

import pytest
from typer.testing import CliRunner

from lstmbook import cli
from lstmbook.experiments import commands, designs, variants
from lstmbook.experiments.report import report
from lstmbook.experiments.runner import run
from lstmbook.experiments.store import Record, Store
from lstmbook.experiments.trials import REFERENCE, job


def lstmbook(*words):
    return CliRunner().invoke(cli.app, [str(word) for word in words], prog_name="lstmbook")


def every_study():
    return [study for name in designs.table_names() for study in variants.studies(name)]


@pytest.mark.parametrize("study", every_study(), ids=lambda study: study.row)
def test_a_study_changes_its_row_a_little_and_begins_with_the_row(study):
    row = designs.design(study.row)
    first, *others = study.variants
    assert (first.id, first.design.learner) == (variants.AS_PUBLISHED, row.learner)
    assert others
    told = [variants._told(each, first) for each in others]
    assert len(set(told)) == len(told)
    for each, words in zip(others, told, strict=True):
        assert each.why
        assert each.design.name == study.row
        assert 1 <= words.count(" (not ") <= 5, words
    assert len({each.design.max_sequences for each in study.variants}) == 1


@pytest.mark.parametrize("study", every_study(), ids=lambda study: study.row)
def test_no_variant_needs_the_slow_reference(study):
    pytest.importorskip("numba")
    for each in study.variants:
        assert job(each.design, variants.VARIANT_SEED).engine != REFERENCE, each.id


def test_a_study_takes_settings_away_and_changes_task_and_criterion():
    found = {each.id: each for each in variants.variants("table1")}
    assert found["cell from the start"].design.learner.plateau is None
    assert found["NC's 10 504 weights"].design.learner.net.n_weights == 10_504
    chunker = found["the thesis's nets"].design.learner
    assert (chunker.imitated, chunker.output_biases) == ("hidden and outputs", True)
    found = {each.id: each for each in variants.variants("table2")}
    assert found["a run of 100"].design.task.criterion.run == 100


def record(variant, seed, sequences=30_000):
    of = variant.design
    kept = (of.name, of.options, "float32", seed, "engine 1", "LSTM")
    return Record(*kept, "success", sequences, milestones={"90% right": 20_000})


def test_variants_are_kept_out_of_the_rows_and_shown_by_themselves():
    first, other = variants.studies("table2")[0].variants[:2]
    row = replace(first, design=designs.design(first.row))
    records = [record(each, 500 + i, 1000 * i) for each in (first, other, row) for i in (1, 2)]
    records.append(record(row, designs.REPORT_SEED))
    shown = {line.id: line for line in report("table2", records).lines}
    assert shown["q100-p100"].seeds == "1000"
    whole = report("table2", [record(row, seed) for seed in (501, 502, 1000)], every=True)
    assert {line.seeds for line in whole.lines if line.ours} == {"501-502", "1000"}
    assert "seeds 501-502)" in whole.text()
    table = variants.report("table2", [*records, record(other, 3)], "q100-p100")
    assert [line.id for line in table.lines] == [
        f"q100-p100: {each}" for each in (variants.AS_PUBLISHED, other.id)
    ]
    assert [line.ours.mean for line in table.lines] == [1500, 1500]
    assert 'recurrent "cells" (not "none")' in table.text()
    assert "| 300,000 |" in table.markdown()
    with pytest.raises(ValueError, match="variants of q100-p100"):
        variants.report("table2", records, "q50-p50")


def test_the_command_runs_and_shows_variants(monkeypatch, compiled, tmp_path):
    of = replace(compiled, name="table2/q100-p100")
    tried = [
        variants.Variant(of.name, each, "why", of.with_criterion(run=run))
        for each, run in ((variants.AS_PUBLISHED, 20), ("a run of 10", 10))
    ]
    study = variants.Study(of.name, "question", tuple(tried), "found in words")
    monkeypatch.setattr(variants, "studies", lambda name: (study,) if name == "table2" else ())
    store = tmp_path / "s.sqlite"
    words = ("reproduce", "table2", "--variants", "--jobs", 1, "--trials", 2, "--store", store)
    done = lstmbook(*words)
    assert done.exit_code == 0, done.output
    assert "q100-p100: a run of 10" in done.output
    assert "run 10 (not 20)" in done.output
    assert "found in words" in done.output
    with Store(store) as kept:
        assert {each.seed for each in kept.records()} == {500, 501}
    shown = lstmbook("results", "table2", "--variants", "--milestones", "--store", store)
    assert "q100-p100: a run of 10" in shown.output
    rows = ("--rows", "q100-p100,", "--store", store)
    assert lstmbook("results", "table2", "--variants", *rows).output.strip() in shown.output
    wrong = lstmbook("reproduce", "table2", "--variants", "--rows", "q7", "--store", store)
    assert wrong.exit_code == 2
    assert "row is 'q7'" in wrong.output


def test_a_row_may_have_several_studies_and_the_command_runs_them_all():
    of_row = [each for each in variants.studies("table2") if each.row == "table2/q1000-p1000"]
    assert len(of_row) == 2
    asked = commands._variants("table2", ["q1000-p1000"])
    assert asked == [variant.design for study in of_row for variant in study.variants]


def test_milestones_stand_in_a_table_and_in_columns(compiled):
    records = run(compiled, 4, jobs=1)
    shown = report([compiled], records)
    found = shown.milestones()
    assert found.names
    assert f"| row | {found.names[0]} |" in found.markdown()
    row = shown.rows()[0]
    assert row[f"median to {found.names[0]}"] == shown.lines[0].milestones[0].median
    assert all(1 <= each.trials <= 4 for each in shown.lines[0].milestones)
