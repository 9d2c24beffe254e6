"""Writes the tables of the last runs into README.md: ``python benchmarks/readme.py``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
BEGIN, END = "<!-- tables: begin -->", "<!-- tables: end -->"
TABLES_BEGIN, TABLES_END = "<!-- reproduction: begin -->", "<!-- reproduction: end -->"
PROFILE_BEGIN, PROFILE_END = "<!-- profile: begin -->", "<!-- profile: end -->"


def targets(result: dict[str, Any]) -> list[list[str]]:
    """Return what was aimed at beside what was measured, with a head."""
    seconds = {(r["input"], r["T"], r["peer"]): r["seconds"] for r in result["peers"]["rows"]}
    engine = seconds["one-hot", 1000, "engine, float32"]
    rows = [["experiment 1c, T = 1000, one core", "target", "measured", ""]]

    def add(name: str, target: float, measured: float, *, at_least: bool) -> None:
        met = measured >= target if at_least else measured <= target
        sign = "at least" if at_least else "at most"
        rows.append([name, f"{sign} {target:g}x", f"{measured:.2f}x", "met" if met else "missed"])

    for name, start, target in (
        ("PyTorch, one sequence at a time, to the engine", "PyTorch, batch 1", 200),
        ("JAX, vmapped, truncated gradient, to the engine", "JAX scan, vmap", 40),
    ):
        found = [
            s for (kind, T, peer), s in seconds.items()
            if (kind, T) == ("one-hot", 1000) and peer.startswith(start) and "full" not in peer
        ]  # fmt: skip
        if found:
            add(name, target, min(found) / engine, at_least=True)
            floor = result["floors"]["float32"]["step"]
            if min(found) < target * engine:
                rows[-1][-1] += f": would take {min(found) / target / floor:.2f}x the floor"
    for dtype, floor in result["floors"].items():
        ours = seconds["one-hot", 1000, f"engine, {dtype}"]
        add(f"engine above the floor, {dtype}", 2.5, ours / floor["step"], at_least=False)
    for work in result.get("work", []):
        if "per_madd" in work and not work["work"].startswith("1c"):
            name = f"{work['work']}: a multiply-add, to 1c's"
            add(name, 3, work["per_madd"], at_least=False)

    last = result.get("processes", [{"processes": 1}])[-1]
    if last["processes"] > 1:
        one = result["processes"][0]["steps"]
        add(
            f"efficiency of {last['processes']} processes",
            0.9,
            last["steps"] / last["processes"] / one,
            at_least=True,
        )
        if result["machine"]["load"] > 0.5:
            rows[-1][-1] = "not judged: other work was running"
    return rows


def markdown(machine: dict[str, Any], tables: list[dict[str, Any]]) -> str:
    """Return a run's machine and tables as Markdown."""
    parts = ["Measured with " + ", ".join(f"{k} {v}" for k, v in machine.items()) + "."]
    for each in tables:
        head, *rows = each["rows"]
        rule = ["---", *["---:"] * (len(head) - 1)]
        lines = [f"| {' | '.join(row)} |" for row in (head, rule, *rows)]
        parts.append(f"### {each['title'][0].upper() + each['title'][1:]}\n\n" + "\n".join(lines))
    return "\n\n".join(parts)


def _replace(page: Path, begin: str, end: str, tables: str) -> None:
    before, rest = page.read_text(encoding="utf-8").split(begin)
    page.write_text(f"{before}{begin}\n\n{tables}\n\n{end}{rest.split(end)[1]}", encoding="utf-8")


def renew(source: Path, page: Path = HERE / "README.md") -> None:
    """Replace the tables of a page by those of a run, targets first."""
    result = json.loads(source.read_text(encoding="utf-8"))
    machine = {**result["machine"], **result["peers"]["versions"]}
    tables = [{"title": "targets", "rows": targets(result)}, *result["tables"]]
    _replace(page, BEGIN, END, markdown(machine, tables))


def renew_profile(source: Path, page: Path = HERE / "README.md") -> None:
    """Replace the profile of a page by that of a run."""
    result = json.loads(source.read_text(encoding="utf-8"))
    tables = markdown(result["machine"], result["tables"])
    _replace(page, PROFILE_BEGIN, PROFILE_END, "\n\n".join([*result["words"], tables]))


def renew_reproduction(source: Path, page: Path = HERE / "README.md") -> None:
    """Replace the times of the published tables on a page by those of a run."""
    result = json.loads(source.read_text(encoding="utf-8"))
    _replace(page, TABLES_BEGIN, TABLES_END, markdown(result["machine"], result["tables"]))


if __name__ == "__main__":
    renew(HERE / "trial_loop.json")
    renew_profile(HERE / "profile_step.json")
    renew_reproduction(HERE / "tables.json")
