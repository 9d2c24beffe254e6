import inspect

import pytest

from lstmbook import recurrent_network
from lstmbook.book import source, sources


def test_what_runs_is_what_is_shown(monkeypatch):
    shown = []
    monkeypatch.setattr(sources, "display", lambda bundle, raw: shown.append(bundle))
    source(recurrent_network.step, recurrent_network.Trace)
    assert len(shown) == 2
    text = inspect.getsource(recurrent_network.step).rstrip()
    assert shown[0]["text/plain"] == text
    fence, *code, end = shown[0]["text/markdown"].splitlines()
    assert (fence, end) == (f"{sources.FENCE}python", sources.FENCE)
    assert "\n".join(code) == text
    assert sources.FENCE not in text


@pytest.mark.parametrize("thing", [len, 3, recurrent_network])
def test_what_has_no_source_is_refused(thing):
    with pytest.raises(TypeError, match="functions holds"):
        source(thing)
