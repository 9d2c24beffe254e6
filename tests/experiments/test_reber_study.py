"""The stored trials are those of the designs they name."""

import pytest

from lstmbook.experiments import reber_study as study
from lstmbook.experiments.trials import job, perform


def test_every_variant_has_its_trials():
    found = {}
    for each in study.stored():
        found.setdefault(each.experiment, []).append(each.seed)
    for name in study.CHANGES:
        assert found[f"reber/{name}"] == list(study.SEEDS)
    assert found[study.ELMAN] == list(study.ELMAN_SEEDS)


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
