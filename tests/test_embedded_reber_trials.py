"""The stored trials are those of the designs they name."""

from dataclasses import replace

import pytest

from lstmbook import embedded_reber_trials as study
from lstmbook.experiments.archive import archive, row_trials
from lstmbook.experiments.trials import job, perform


def test_every_variant_has_its_trials():
    found = {}
    for each in study.stored():
        found.setdefault(each.experiment, []).append(each.seed)
    for name in study.CHANGES:
        assert found[f"reber/{name}"] == list(study.SEEDS)
    assert len(found) == len(study.CHANGES)


def test_a_stored_trial_comes_out_again():
    pytest.importorskip("numba")
    trials = [each for each in study.stored() if each.experiment == "reber/as published"]
    quick = min(trials, key=lambda each: each.sequences)
    (again,) = perform([job(study.variant("as published"), quick.seed)])
    assert (again.ending, again.sequences) == (quick.ending, quick.sequences)


def test_what_is_written_is_what_is_read(tmp_path, monkeypatch):
    before = study.stored()
    monkeypatch.setattr(study, "STORED", tmp_path / "study.json")
    study.write(before)
    assert study.stored() == before


def test_trials_of_a_design_that_has_changed_are_refused(monkeypatch):
    monkeypatch.setattr(study, "CAP", study.CAP + 1)
    with pytest.raises(ValueError, match="is not what it was when its trials were stored"):
        study.stored()


def test_unknown_variants_are_refused():
    with pytest.raises(ValueError, match="name is 'no gates'"):
        study.variant("no gates")


def failed(seed, predicted, remembered):
    shares = {
        "share of strings predicted at the end": predicted,
        "share of second symbols remembered at the end": remembered,
    }
    (kept, *_) = row_trials("table3/elman-15", archive())
    return replace(kept, seed=seed, ending="cap", milestones=shares)


def test_failures_are_told_by_the_medians_of_their_shares():
    lost = [failed(1, 0.2, 0.5), failed(2, 0.4, 0.6), failed(3, 0.9, 1.0)]
    won = replace(lost[0], seed=4, ending="success", milestones={})
    assert study.failures([*lost, won]) == study.Failures(3, 4, 0.4, 0.6)


def test_what_did_not_fail_or_was_not_kept_is_refused():
    lost = failed(1, 0.2, 0.5)
    with pytest.raises(ValueError, match="has 1 trials, and none that failed"):
        study.failures([replace(lost, ending="success")])
    with pytest.raises(ValueError, match="a failed trial without"):
        study.failures([replace(lost, milestones={})])
