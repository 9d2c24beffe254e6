"""A file is replaced as a whole or not at all."""

import os
import stat
import sys

import pytest

from lstmbook.files import replace_text


def test_a_new_file_and_one_that_is_replaced(tmp_path):
    path = tmp_path / "lines.txt"
    replace_text(path, "one\ntwö\n")
    assert path.read_bytes() == "one\ntwö\n".encode()
    replace_text(path, "three\n")
    assert path.read_bytes() == b"three\n"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such permissions")
def test_permissions_are_kept(tmp_path):
    path = tmp_path / "lines.txt"
    replace_text(path, "one\n")
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    path.chmod(0o600)
    replace_text(path, "two\n")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_old_file_stays_where_the_new_one_cannot_be_put(tmp_path, monkeypatch):
    path = tmp_path / "lines.txt"
    replace_text(path, "old\n")

    def refuse(*_):
        raise OSError("no")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(OSError, match="no"):
        replace_text(path, "new\n")
    assert path.read_text() == "old\n"
    assert list(tmp_path.iterdir()) == [path]
