import numpy as np
import pytest

from lstmbook.book.claims import MIME, VERDICTS, ClaimError, claim

FIELDS = {"source": "GF §2", "says": "Flow & fade.", "evidence": "gap 1e-16"}


@pytest.mark.parametrize("word", VERDICTS)
def test_a_claim_whose_measurement_agrees_is_shown(word):
    made = claim("flow-fades", verdict=word, measured=word, **FIELDS)
    shown = made._repr_mimebundle_()
    assert shown[MIME]["verdict"] == word
    assert "Flow &amp; fade." in shown["text/html"]
    assert word in shown["text/plain"]


@pytest.mark.parametrize(
    ("verdict", "measured"),
    [("holds", False), ("holds", np.False_), ("fails", True), ("holds weakly", "holds")],
)
def test_a_claim_whose_measurement_differs_raises(verdict, measured):
    with pytest.raises(ClaimError, match=r"'flow-fades' is on record as .* gap 1e-16"):
        claim("flow-fades", verdict=verdict, measured=measured, **FIELDS)


def test_truth_values_stand_for_words():
    assert claim("a", verdict="holds", measured=np.True_, **FIELDS).verdict == "holds"
    assert claim("a", verdict="fails", measured=np.False_, **FIELDS).verdict == "fails"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"id": "Flow fades"}, "id is 'Flow fades'; it must be lower-case words"),
        ({"verdict": "true"}, "verdict is 'true'; it must be one of holds, "),
        ({"measured": "maybe"}, "measured is 'maybe'; it must be one of holds, "),
        ({"evidence": " "}, "evidence is empty"),
    ],
)
def test_bad_words_are_refused(change, message):
    given = {"id": "a", "verdict": "holds", "measured": True, **FIELDS, **change}
    with pytest.raises(ValueError, match=message):
        claim(given.pop("id"), **given)
