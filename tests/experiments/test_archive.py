"""Results as text: the same trials come back, the same files come out, damage is named."""

import json
import math
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lstmbook.experiments import archive, designs
from lstmbook.experiments.options import canonical
from lstmbook.experiments.report import report
from lstmbook.experiments.store import Record, Store, StoreError

OPTIONS = [canonical({"task": {"q": q}, "max_sequences": 9, "rate": 0.1}) for q in (1, 2)]

records = st.builds(
    Record,
    experiment=st.sampled_from(["table2/q50-p50", "table1/lstm-p100", "mine", "mine/é"]),
    options=st.sampled_from(OPTIONS),
    dtype=st.sampled_from(["float32", "float64"]),
    seed=st.integers(0, designs.VARIANT_SEED - 1) | st.integers(designs.REPORT_SEED, 2**62),
    engine=st.sampled_from(["engine 1", "reference 1"]),
    method=st.just("LSTM"),
    ending=st.sampled_from(["success", "cap", "diverged"]),
    sequences=st.integers(1, 5_000_000),
    presented=st.none() | st.integers(1, 9),
    steps=st.none() | st.integers(1, 9),
    errors=st.lists(st.floats(0, 1e6) | st.just(math.nan), max_size=3).map(tuple),
    milestones=st.dictionaries(st.text(max_size=3), st.integers(0, 9), max_size=2),
    seconds=st.floats(0, 1e5),
    ended=st.just("2026-01-01T00:00:00+00:00"),
    made_with=st.just("Python"),
)


def filled(trials):
    store = Store(":memory:")
    for each in trials:
        store.add(each)
    return store


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def told(store):
    """A store's trials in an order and form that can be compared: NaN is equal to itself."""
    return [repr(archive.rounded(each)) + repr(each.errors and len(each.errors)) for each in store]


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(trials=st.lists(records, max_size=6), split=st.integers(0, 6))
def test_what_is_exported_comes_back_and_in_any_order_the_same_files(
    tmp_path_factory, trials, split
):
    one, two = (tmp_path_factory.mktemp("results") for _ in range(2))
    store = filled(trials)
    assert archive.export(store, one) == store.count()
    back = archive.archive(one)
    assert told(back.records()) == told(store.records())
    for mine, theirs in zip(store.records(), back.records(), strict=True):
        assert theirs.errors == pytest.approx(mine.errors, rel=5e-4, nan_ok=True)
        assert (theirs.ended, theirs.made_with) == (mine.ended, mine.made_with)

    kept = list(store.records())
    archive.export(filled(kept[split:]), two)
    archive.export(filled(kept[:split]), two)
    assert contents(two) == contents(one)
    assert archive.export(store, two) == 0
    assert archive.export(back, two) == 0
    assert contents(two) == contents(one)


@pytest.fixture
def trial():
    return Record(
        "table2/q50-p50", OPTIONS[0], "float64", 1000, "engine 1", "LSTM", "success", 30_000
    )


def test_another_outcome_of_the_same_trial_is_an_error(trial, tmp_path):
    archive.export(filled([trial]), tmp_path)
    before = contents(tmp_path)
    with pytest.raises(ValueError, match=r"seed 1000 .* success after 30000, here cap after 9"):
        archive.export(filled([replace(trial, ending="cap", sequences=9)]), tmp_path)
    archive.export(filled([replace(trial, seconds=99.0, ended="later")]), tmp_path)
    assert contents(tmp_path) == before


def test_trials_of_variants_are_kept_without_their_curves(trial, tmp_path):
    some = [replace(trial, seed=seed, errors=(0.2, 0.1)) for seed in (designs.VARIANT_SEED, 1000)]
    assert archive.export(filled(some), tmp_path) == 2
    back = {each.seed: each for each in archive.archive(tmp_path).records()}
    assert back[designs.VARIANT_SEED].errors == ()
    assert back[1000].errors == (0.2, 0.1)
    assert archive.export(filled(some), tmp_path) == 0


def test_a_text_may_hold_characters_that_end_lines_elsewhere(trial, tmp_path):
    odd = replace(trial, made_with="one\u2028two\x85three")
    archive.export(filled([odd]), tmp_path)
    assert next(archive.archive(tmp_path).records()).made_with == odd.made_with


def test_an_archive_cannot_be_written(trial, tmp_path):
    archive.export(filled([trial]), tmp_path)
    with pytest.raises(StoreError, match="readonly"):
        archive.archive(tmp_path).add(replace(trial, seed=1))


@pytest.mark.parametrize("damage", ["{", '{"design": "none", "seed": 1}', '{"seed": 1}'])
def test_a_damaged_line_is_named(trial, tmp_path, damage):
    archive.export(filled([trial]), tmp_path)
    path = tmp_path / "table2.jsonl"
    path.write_text(path.read_text() + damage + "\n")
    with pytest.raises(StoreError, match=r"table2\.jsonl, line 3"):
        archive.archive(tmp_path)


def test_a_folder_that_is_missing_is_named(monkeypatch, tmp_path):
    with pytest.raises(FileNotFoundError, match="is not a folder of results"):
        archive.archive(tmp_path / "none")
    package = tmp_path / "site" / "lstmbook"
    (package / "experiments").mkdir(parents=True)
    monkeypatch.setattr(archive, "__file__", str(package / "experiments" / "archive.py"))
    (tmp_path / "site" / "results").mkdir()  # another package's
    with pytest.raises(FileNotFoundError, match="install the package anew"):
        archive.folder()
    (tmp_path / "site" / "pyproject.toml").touch()  # a clone
    assert archive.folder() == tmp_path / "site" / "results"
    (package / "results").mkdir()  # installed
    assert archive.folder() == package / "results"


def test_the_books_results_are_of_designs_that_are_there():
    with archive.archive() as store:
        kept = list(store.records())
    assert kept
    assert {each.experiment.partition("/")[0] for each in kept} <= set(designs.table_names())
    for each in kept:
        row = designs.table(each.experiment.partition("/")[0]).row(each.experiment.split("/")[1])
        assert row.design is not None
        assert each.options == canonical(json.loads(each.options))
        if each.seed >= 1000:
            assert each.options == row.design.options, f"{each.experiment} is of other options"


@pytest.mark.parametrize(
    "line", report("table3", archive.archive()).lines, ids=lambda line: line.id
)
def test_the_trials_of_a_row_are_those_that_its_line_counts(line):
    found = archive.row_trials(f"table3/{line.id}", archive.archive())
    assert len(found) == line.ours.trials
    assert sum(each.success for each in found) == line.ours.successes


def test_trials_of_variants_and_of_other_options_are_no_trials_of_the_row():
    (kept, *_) = archive.row_trials("table3/elman-15", archive.archive())
    store = Store(":memory:")
    other = replace(kept, options=kept.options.replace("200000", "300000"))
    for each in (kept, replace(kept, seed=500), other):
        store.add(each)
    assert [each.seed for each in archive.row_trials("table3/elman-15", store)] == [kept.seed]


def test_an_unknown_row_has_no_trials():
    with pytest.raises(ValueError, match="row is 'nothing'"):
        archive.row_trials("table1/nothing", Store(":memory:"))
