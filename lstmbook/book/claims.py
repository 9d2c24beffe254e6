"""Claims: what a paper asserts, measured where it is stated.

A claim carries the verdict on record and the verdict of this run; when the two differ it raises,
so a chapter cannot be executed while it says something its own code denies.
"""

from __future__ import annotations

import html
import re
from dataclasses import asdict, dataclass
from typing import Any, Literal, get_args

Verdict = Literal["holds", "holds weakly", "fails", "not reproducible from what is published"]
VERDICTS: tuple[str, ...] = get_args(Verdict)
MIME = "application/vnd.lstmbook.claim+json"


class ClaimError(AssertionError):
    """The measured verdict differs from the one on record."""


@dataclass(frozen=True)
class Claim:
    """One claim with its verdict; displays itself in a notebook.

    Attributes
    ----------
    id
        Its name, unique in the book.
    source
        The text that asserts it and where: "GF §2".
    says
        The assertion, in the book's words.
    verdict
        One of the fixed words.
    evidence
        What this run measured.
    """

    id: str
    source: str
    says: str
    verdict: str
    evidence: str

    def _repr_mimebundle_(self, **_: Any) -> dict[str, Any]:
        text = html.escape
        mark = {"holds": "✓", "holds weakly": "≈", "fails": "✗"}.get(self.verdict, "?")
        return {
            MIME: asdict(self),
            "text/html": (
                f'<div class="lstmbook-claim" id="claim-{text(self.id)}">'
                f"<p><strong>Claim</strong> <code>{text(self.id)}</code> ({text(self.source)}): "
                f"{text(self.says)}</p>"
                f"<p><strong>{mark} {text(self.verdict)}</strong>. {text(self.evidence)}</p></div>"
            ),
            "text/plain": str(self),
        }

    def __str__(self) -> str:
        return f"{self.id} ({self.source}): {self.says} -> {self.verdict}: {self.evidence}"


def claim(
    id: str,
    *,
    source: str,
    says: str,
    verdict: str,
    measured: bool | str,
    evidence: str,
) -> Claim:
    """State a claim and hold the verdict on record against the one just measured.

    Parameters
    ----------
    id
        Its name, unique in the book: lower-case words joined by hyphens.
    source, says
        Who asserts it and where, and what, in the book's words.
    verdict
        The verdict on record, one of `VERDICTS`.
    measured
        The verdict of this run: one of `VERDICTS`, or True for "holds" and False for "fails".
    evidence
        The numbers behind it, from this run.

    Raises
    ------
    ClaimError
        If the measured verdict is not the one on record.
    ValueError
        If a word is not one of the fixed ones, or a text is empty.
    """
    if not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", id):
        raise ValueError(f"id is {id!r}; it must be lower-case words joined by hyphens")
    for name, value in (("source", source), ("says", says), ("evidence", evidence)):
        if not value.strip():
            raise ValueError(f"{name} is empty; claim {id!r} must state it")
    # NumPy's booleans are neither True nor False by identity
    found = measured if isinstance(measured, str) else ("holds" if bool(measured) else "fails")
    for name, value in (("verdict", verdict), ("measured", found)):
        if value not in VERDICTS:
            raise ValueError(f"{name} is {value!r}; it must be one of {', '.join(VERDICTS)}")
    if found != verdict:
        raise ClaimError(
            f"claim {id!r} is on record as {verdict!r}, but this run measured {found!r}: {evidence}"
        )
    return Claim(id, source, says, verdict, evidence)
