from pathlib import Path

import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from lstmbook.book import pages
from lstmbook.book.claims import MIME, claim

ROOT = Path(__file__).parents[2]


def executed(id="flow-fades", says="The flow | fades."):
    made = claim(
        id, source="GF §2", says=says, verdict="fails", measured=False, evidence="ratio 2 * 3"
    )
    output = new_output("display_data", data={MIME: made._repr_mimebundle_()[MIME]})
    return new_notebook(
        cells=[
            new_markdown_cell("# Flow\n\nText."),
            new_markdown_cell("## How it fades"),
            new_code_cell("claim(...)", outputs=[output]),
        ]
    )


def test_a_claim_is_listed_with_its_verdict_and_the_heading_it_stands_under():
    text = "\n".join(cell.source for cell in pages.claims_page({"02_flow": executed()}).cells)
    assert "Claims: 1; fails: 1." in text
    assert (
        r"| [The flow \| fades.](02_flow.ipynb#How-it-fades) `flow-fades` | GF §2 | fails | "
        r"ratio 2 \* 3 |" in text
    )


def test_two_claims_of_one_name_are_refused():
    with pytest.raises(ValueError, match="claims share an id: flow-fades"):
        pages.claims_page({"a": executed(), "b": executed()})


def test_a_notebook_without_title_is_refused():
    with pytest.raises(ValueError, match="no heading"):
        pages.title(new_notebook(cells=[new_markdown_cell("text")]))


def test_the_bibliography_has_a_heading_for_every_source():
    text = pages.bibliography_page(ROOT / "references.bib").cells[0].source
    assert "## hochreiter1997" in text
    assert "*Neural Computation*" in text
    keys = [line[3:] for line in text.splitlines() if line.startswith("## ")]
    assert keys == sorted(keys)


def test_writing_twice_changes_nothing(tmp_path):
    path = tmp_path / "page.ipynb"
    assert pages.write(executed(), path)
    assert not pages.write(pages.nbformat.read(path, as_version=4), path)
