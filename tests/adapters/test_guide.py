"""The code of docs/learners.md runs as it stands, as far as its frameworks are installed."""

import linecache
import re
from importlib.util import find_spec
from pathlib import Path

import pytest

GUIDE = Path(__file__).parents[2] / "docs" / "learners.md"


def blocks():
    """Return the guide's pieces of code, by their headings."""
    found = {}
    for part in re.split(r"^##? ", GUIDE.read_text(encoding="utf-8"), flags=re.M)[1:]:
        for code in re.findall(r"^```python\n(.*?)^```$", part, re.M | re.S):
            found[part.partition("\n")[0]] = code
    return found


@pytest.fixture
def shown(monkeypatch, tmp_path):
    """Return what the last lines of pieces give, run in one __main__ as a notebook does."""
    monkeypatch.chdir(tmp_path)
    space = {"__name__": "__main__"}

    def run(*headings):
        for heading in ("More about your own learner", *headings):
            lines = blocks()[heading].splitlines(keepends=True)
            name = f"<{heading}>"
            linecache.cache[name] = (sum(map(len, lines)), None, lines, name)
            exec(compile("".join(lines[:-1]), name, "exec"), space)
            last = lines[-1]
            if last[0] in " )":  # the end of a statement
                exec(compile("".join(lines), name, "exec"), space)
                continue
            value = eval(last, space) if " = " not in last else exec(last, space)
        return value

    return run


def test_every_piece_is_tried():
    assert set(blocks()) == {
        "More about your own learner",
        "A module of PyTorch",
        "A step of JAX",
        "The learner that was trained",
        "Batches",
        "Does it answer before it is told?",
    }


@pytest.mark.skipif(find_spec("torch") is None, reason="needs PyTorch")
def test_pytorch(shown):
    records = shown("A module of PyTorch")
    assert [each.ending for each in records] == ["success"] * 2
    assert records[0].method == "LSTM of PyTorch"


@pytest.mark.skipif(find_spec("jax") is None, reason="needs JAX")
def test_jax(shown):
    (record,) = shown("A step of JAX")
    assert (record.method, record.dtype) == ("simple net in JAX", "float64")


def test_trained(shown, capsys):
    evaluation = shown("The learner that was trained")
    assert evaluation.n == 500
    assert 0 <= evaluation.right <= 1
    assert capsys.readouterr().out


def test_batches_and_the_check(shown):
    assert shown("Batches") == "float32"
    assert shown("Batches", "Does it answer before it is told?") > 8
