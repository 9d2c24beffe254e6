"""What the book's extension does to docstrings, beside napoleon as the site runs it."""

from types import SimpleNamespace

import pytest
from sphinx.ext.napoleon import Config, GoogleDocstring

from lstmbook.book.sphinx import _mend_properties


@pytest.mark.parametrize(
    "text",
    ["Whether it attracts: every eigenvalue is small.", "The number of units, n.", "a: b: c"],
)
def test_a_property_keeps_its_sentence(text):
    owner = SimpleNamespace()
    made = GoogleDocstring(text, Config(), what="property", name="p", obj=owner, options=None)
    lines = made.lines()
    _mend_properties(None, "property", "p", owner, None, lines)  # type: ignore[arg-type]
    assert " ".join(" ".join(lines).split()) == text
