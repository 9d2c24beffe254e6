"""Checks that need a Chromium are left out where there is none, and nobody is told all is well."""

import pytest

from lstmbook.book import browser, suite


def writes(path):
    return ("-c", f"open({str(path)!r}, 'w').write(__import__('os').environ.get('{NAME}', ''))")


NAME = browser.VARIABLE


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Return a function that runs three checks; it returns the verdict and what was said."""
    monkeypatch.delenv(NAME, raising=False)

    def run(chromium, *, fast=False, second=("-c", "pass")):
        monkeypatch.setattr(browser, "provide", lambda: asked.append(1) or chromium)
        steps = [
            suite.Step("in a browser", writes(tmp_path / "browser"), fast=False, browser=True),
            suite.Step("second", second),
            suite.Step("third", writes(tmp_path / "third")),
        ]
        monkeypatch.setattr(suite, "steps", lambda site: steps)
        lines = []
        return suite.run(tmp_path, tmp_path, fast=fast, say=lines.append), lines

    asked = run.asked = []
    return run


def test_without_a_chromium_all_else_runs_and_the_end_says_what_did_not(run, tmp_path):
    passed, lines = run(None)
    assert not passed
    assert not (tmp_path / "browser").exists()
    assert (tmp_path / "third").exists()
    assert lines[0].startswith("no Chromium can be had")
    assert lines[2] == "[1/3] in a browser: NOT RUN, for want of a Chromium"
    assert lines[-3].startswith("2 of 3 checks passed in ")
    assert lines[-2] == "NOT RUN, for want of a Chromium: in a browser"
    assert "apt install chromium" in lines[-1]


def test_with_one_it_is_named_to_the_checks(run, tmp_path):
    passed, lines = run(tmp_path / "chromium")
    assert passed
    assert (tmp_path / "browser").read_text() == str(tmp_path / "chromium")
    assert lines[-1].startswith("all 3 checks passed in ")


def test_a_failure_still_ends_it(run, tmp_path):
    passed, lines = run(None, second=("-c", "raise SystemExit(1)"))
    assert not passed
    assert not (tmp_path / "third").exists()
    assert lines[-1].startswith("[2/3] second: FAILED after ")


def test_the_quick_round_asks_for_none(run):
    passed, lines = run(None, fast=True)
    assert passed
    assert run.asked == []
    assert lines[-1].startswith("all 2 checks passed in ")
