"""Variants of published rows: what the papers leave open, tried one change at a time."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from lstmbook.abuse import Plateau
from lstmbook.experiments import designs
from lstmbook.experiments.designs import VARIANT_SEED, Design, is_of_variants
from lstmbook.experiments.lines import line
from lstmbook.experiments.options import changes
from lstmbook.experiments.report import Report, records_of
from lstmbook.experiments.store import Record, Store
from lstmbook.sequences import as_choice
from lstmbook.validation import as_count

AS_PUBLISHED = "the row"


@dataclass(frozen=True)
class Variant:
    """A published row with something changed.

    Attributes
    ----------
    row
        The name of the row's design, for example "table2/q100-p100".
    id
        What it is called: what is changed.
    why
        What it is meant to find out.
    design
        The experiment; its name is the row's, its options are not.
    """

    row: str
    id: str
    why: str
    design: Design


@dataclass(frozen=True)
class Study:
    """The variants of one row.

    Attributes
    ----------
    row
        The name of the row's design.
    question
        What is open.
    variants
        The row itself, then what was tried.
    found
        The answer in words; empty where there is none.
    """

    row: str
    question: str
    variants: tuple[Variant, ...]
    found: str = ""


@cache
def studies(table: str) -> tuple[Study, ...]:
    """Return the studies of a published table's rows.

    Raises
    ------
    ValueError
        If there is no table of that name, or a study changes what there is not.
    """
    designs.table(table)
    text = (resources.files(__package__) / "variants.toml").read_text(encoding="utf-8")
    entries = tomllib.loads(text)["studies"]
    return tuple(_study(each) for each in entries if each["row"].partition("/")[0] == table)


def study(row: str, number: int = 1) -> Study:
    """Return a study of a row, by the name of the row's design.

    Parameters
    ----------
    number
        Which of the row's studies, where it has several.

    Raises
    ------
    ValueError
        If there is no such study.
    """
    every = studies(row.partition("/")[0])
    as_choice("row", row, tuple(dict.fromkeys(each.row for each in every)))
    found = [each for each in every if each.row == row]
    return found[as_count("number", number, at_least=1, at_most=len(found)) - 1]


def variant_trials(row: str, store: Store, number: int = 1) -> dict[str, list[Record]]:
    """Return the trials of each variant of a row, by its id; empty where it was not run.

    Takes and raises what `study` does.
    """
    tried = [each for each in store.records(row) if is_of_variants(each.seed)]
    return {
        variant.id: [each for each in tried if each.options == variant.design.options]
        for variant in study(row, number).variants
    }


def variants(table: str) -> tuple[Variant, ...]:
    """Return all variants of a published table's rows, each study's one after the other."""
    return tuple(variant for study in studies(table) for variant in study.variants)


def report(table: str, store: Path | str | Store | Iterable[Record], row: str = "") -> Report:
    """Return a table's variants beside the published numbers, as far as they have been run.

    Parameters
    ----------
    table
        The name of the published table.
    store
        The store or its file, or records; trials on variants' seeds count.
    row
        The id of a row, if only its variants are wanted.

    Raises
    ------
    ValueError
        If there is no table of that name, or no study of that row.
    """
    published = designs.table(table)
    wanted = [each for each in studies(table) if row in ("", each.row.partition("/")[2])]
    if not wanted and row:
        known = ", ".join(dict.fromkeys(e.row.partition("/")[2] for e in studies(table)))
        raise ValueError(f"row is {row!r}; {table} has variants of {known or 'no row'}")
    found: dict[tuple[str, str], dict[tuple[str, str], list[Record]]] = {}
    for each in records_of(store):
        if is_of_variants(each.seed):
            groups = found.setdefault((each.experiment, each.options), {})
            groups.setdefault((each.dtype, each.engine), []).append(each)
    lines = []
    for study in wanted:
        of = published.row(study.row.partition("/")[2])
        for variant in study.variants:
            changed = _told(variant, study.variants[0])
            for _, members in sorted(found.get((study.row, variant.design.options), {}).items()):
                shown = replace(line(of, members), id=f"{of.id}: {variant.id}")
                labels = (changed, f"{variant.design.max_sequences:,}")
                lines.append(replace(shown, changed=(), labels=labels))
    notes = tuple(f"{each.row.partition('/')[2]}: {each.found}" for each in wanted if each.found)
    title = f"{published.title}: variants"
    return Report(title, published.source, ("method", "changed", "cap"), tuple(lines), notes)


def _told(variant: Variant, row: Variant) -> str:
    """Return what a variant changes, in the words of the options."""
    changed = changes(variant.design.options, row.design.options)
    return "; ".join(f"{name.rpartition('.')[2]} {value}" for name, value in changed.items())


def _study(entry: Mapping[str, Any]) -> Study:
    name = entry["row"]
    row = replace(designs.design(name), max_sequences=entry["cap"], trials=entry["trials"])
    found = [Variant(name, AS_PUBLISHED, "As it stands in the table.", row)]
    for each in entry["variants"]:
        found.append(Variant(name, each["id"], each["why"], _changed(row, each)))
    if len({each.design.options for each in found}) < len(found):
        raise ValueError(f"variants.toml has the same variant of {name} twice")
    return Study(name, entry["question"], tuple(found), entry.get("found", ""))


def _changed(row: Design, entry: Mapping[str, Any]) -> Design:
    settings = {name: _value(name, value) for name, value in entry.get("learner", {}).items()}
    settings |= dict.fromkeys(entry.get("without", ()))
    changed = row
    if settings:
        changed = changed.with_options(**settings)
    if "task" in entry:
        changed = changed.with_task(**entry["task"])
    if "criterion" in entry:
        changed = changed.with_criterion(**entry["criterion"])
    return changed


def _value(name: str, value: Any) -> Any:
    if name == "plateau":
        return Plateau(**value)
    return tuple(value) if isinstance(value, list) else value


__all__ = [
    "AS_PUBLISHED",
    "VARIANT_SEED",
    "Study",
    "Variant",
    "report",
    "studies",
    "study",
    "variant_trials",
    "variants",
]
