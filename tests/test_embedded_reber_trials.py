"""The row's variants are found, and how trials fail is told by their shares."""

from dataclasses import replace

import pytest

from lstmbook import embedded_reber_trials as study
from lstmbook.experiments.archive import archive, row_trials
from lstmbook.experiments.store import Store
from lstmbook.experiments.variants import variant_trials


def test_what_is_changed_is_a_variant_of_the_row_with_its_trials():
    store = archive()
    found = study.changed(store)
    assert list(found) == list(study.CHANGES)
    tried = variant_trials(study.ROW, store)
    for name, variant in study.CHANGES.items():
        assert found[name].trials == len(tried[variant]) > 0
        assert found[name].successes == sum(each.success for each in tried[variant])
    with pytest.raises(ValueError, match="store has no trials of the row, no initial"):
        study.changed(Store(":memory:"))


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
