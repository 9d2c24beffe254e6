"""Outcomes that are stored come back, and files look as they are written."""

import numpy as np
import pytest

from lstmbook import abuse_trials, stored_trials, truncation_trials


def test_what_is_written_is_what_is_read(tmp_path):
    path = tmp_path / "trials.toml"
    found = {"a setting": {"one way": [12.0, np.inf], "another": np.array([0.123456789])}}
    stored_trials.write(path, "Numbers", found)
    assert path.read_text().startswith("# Numbers, for the seeds 0, 1, ..\n")
    again = stored_trials.read(path)
    assert list(again) == ["a setting"]
    assert list(again["a setting"]) == ["one way", "another"]
    assert again["a setting"]["one way"].tolist() == [12.0, np.inf]
    assert again["a setting"]["another"].tolist() == [0.123457]


@pytest.mark.parametrize("trials", [abuse_trials, truncation_trials])
def test_a_stored_file_is_laid_out_as_it_would_be_written_again(trials, tmp_path, monkeypatch):
    text, stored = trials.STORED.read_text(), trials.stored()
    monkeypatch.setattr(trials, "STORED", tmp_path / "trials.toml")
    trials.write(stored)
    assert trials.STORED.read_text() == text
