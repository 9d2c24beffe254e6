"""Writes the tables of the last runs into README.md: ``python benchmarks/readme.py``."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent
BEGIN, END = "<!-- tables: begin -->", "<!-- tables: end -->"
TABLES_BEGIN, TABLES_END = "<!-- reproduction: begin -->", "<!-- reproduction: end -->"
LEARNERS_BEGIN, LEARNERS_END = "<!-- learners: begin -->", "<!-- learners: end -->"
LANES, WRITTEN = "lanes", "written engine"
BASE = "1c, T = 1000, recurrent: cells and gates"
"""What is aimed at is said of this kind of work."""

Table = tuple[str, list[list[str]]]
"""A title, and rows of text of which the first is the head."""


# ------------------------------------------------------------------------------ one run's tables
def _ns(seconds: float | None) -> str:
    return "-" if seconds is None else f"{seconds * 1e9:.2f}"


def _precisions(result: dict[str, Any]) -> list[str]:
    return list(result["floors"])


def _by_work(result: dict[str, Any]) -> dict[str, dict[str, dict[str, Any]]]:
    """Return the rows of the kinds of work by name and precision."""
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for row in result["work"]:
        found.setdefault(row["work"], {})[row["dtype"]] = row
    return found


def _floors(result: dict[str, Any]) -> list[Table]:
    rows = [["ns of one lane", "a sigmoid", "a multiply-add", "8 sigmoids, 60 multiply-adds"]]
    for dtype, each in result["floors"].items():
        rows.append([dtype, *(f"{each[x] * 1e9:.4f}" for x in ("sigmoid", "madd", "step"))])
    return [("arithmetic floor", rows)]


def _work(result: dict[str, Any]) -> list[Table]:
    precisions, works = _precisions(result), _by_work(result)
    both = WRITTEN in result["work"][0]
    head, lines = ["ns a step and trial"], []
    for dtype in precisions:
        head += [f"lanes, {dtype}"]
        head += [f"written engine, {dtype}", "lanes / written engine"] if both else []
    for name, rows in works.items():
        line = [name]
        for row in rows.values():
            line.append(_ns(row[LANES]))
            line += [_ns(row[WRITTEN]), f"{row[LANES] / row[WRITTEN]:.2f}"] if both else []
        lines.append(line)
    title = "Lanes beside the written engine" if both else "Lanes"
    above = [["", "sigmoids", "multiply-adds", *(f"above the floor, {d}" for d in precisions),
              f"a multiply-add, to 1c's, {precisions[0]}"]]  # fmt: skip
    for name, rows in works.items():
        row = rows[precisions[0]]
        share = _share(result, name)
        above.append([
            name, str(row["sigmoids"]), str(row["madds"]),
            *(f"{each[LANES] / each['floor']:.2f}x" for each in rows.values()),
            "-" if share is None else f"{share:.2f}x",
        ])  # fmt: skip
    return [(title, [head, *lines]), ("kinds of work, to the floor of their operations", above)]


def _share(result: dict[str, Any], name: str) -> float | None:
    """Return the time of a step for each of its multiply-adds, to experiment 1c's."""
    works, dtype = _by_work(result), _precisions(result)[0]
    if BASE not in works or not works[name][dtype]["madds"]:
        return None
    row, base = works[name][dtype], works[BASE][dtype]
    return float(row[LANES] / row["madds"] / (base[LANES] / base["madds"]))


def _peers(result: dict[str, Any]) -> list[Table]:
    precisions = sorted({r["dtype"] for r in result["peers"]["rows"]})
    groups: dict[tuple[str, int], dict[str, dict[str, float]]] = {}
    for r in result["peers"]["rows"]:
        names = groups.setdefault((r["input"], r["T"]), {})
        names.setdefault(r["peer"], {})[r["dtype"]] = r["seconds"]
    tables = []
    for (kind, T), names in groups.items():
        if kind == "one-hot":
            steps = {dtype: each["step"] for dtype, each in result["floors"].items()}
            names = {**names, "arithmetic floor": steps}
        rows = [["", *(x for dtype in precisions for x in (f"ns, {dtype}", "to the lanes"))]]
        for name, seconds in sorted(names.items(), key=lambda item: min(item[1].values())):
            line = [name]
            for dtype in precisions:
                own, ours = seconds.get(dtype), names[LANES].get(dtype)
                line.append(_ns(own))
                line.append("-" if own is None or ours is None else f"{own / ours:.2f}x")
            rows.append(line)
        tables.append((f"{kind} inputs, T = {T}, two cells, error at the last step", rows))
    if result["peers"]["by_trials"]:
        floor = result["floors"]["float32"]["step"]
        rows = [["trials", "outputs only, ns", "update, ns", "outputs, to the floor of an update"]]
        for r in result["peers"]["by_trials"]:
            ratio = f"{r['outputs'] / floor:.1f}x"
            rows.append([str(r["trials"]), _ns(r["outputs"]), _ns(r["update"]), ratio])
        tables.append(("JAX by the number of trials under vmap, one-hot, T = 1000, float32", rows))
    return tables


def _cold(result: dict[str, Any]) -> list[Table]:
    engines = list(dict.fromkeys(row["engine"] for row in result["cold"]))
    head = [f"{engine}, {how}" for engine in engines for how in ("cold", "warm")]
    rows: dict[str, list[str]] = {}
    for row in result["cold"]:
        line = rows.setdefault(f"{row['work']}, {row['dtype']}", [])
        line += [f"{row[how]:.1f}" for how in ("cold", "warm")]
    lines = [[name, *cells] for name, cells in rows.items()]
    return [("a fresh process up to its first steps, CPU seconds", [["", *head], *lines])]


def _parts(result: dict[str, Any]) -> list[Table]:
    found, precisions = result["parts"], _precisions(result)
    rows = [["", *(x for dtype in precisions for x in (f"ns, {dtype}", "to the floor"))]]
    for name in found[precisions[0]]:
        line = [name]
        for dtype in precisions:
            seconds, floor = found[dtype][name], result["floors"][dtype]["step"]
            line += [_ns(seconds), f"{seconds / floor:.2f}x"]
        rows.append(line)
    return [(f"where the time of a step goes: {BASE}", rows)]


def _memory(result: dict[str, Any]) -> list[Table]:
    rows = [["q", "bytes a trial", "sequences run"]]
    rows += [[str(r["q"]), f"{r['bytes']:.0f}", str(r["presented"])] for r in result["memory"]]
    return [("memory against length (p = 100, float32)", rows)]


def _processes(result: dict[str, Any]) -> list[Table]:
    rows, one = [["processes", "million steps/s", "efficiency"]], result["processes"][0]["steps"]
    for r in result["processes"]:
        share = r["steps"] / r["processes"] / one
        rows.append([str(r["processes"]), f"{r['steps'] / 1e6:.1f}", f"{share:.2f}"])
    return [("processes (wall clock)", rows)]


def _scaling(result: dict[str, Any]) -> list[Table]:
    tables = []
    for name, cases in result["scaling"].items():
        rows, first = [[name, "ns", "to the first"]], cases[0]["seconds"]
        for r in cases:
            rows.append([str(r["case"]), _ns(r["seconds"]), f"{r['seconds'] / first:.2f}"])
        tables.append((f"scaling with {name}, float32", rows))
    return tables


TABLES: dict[str, Callable[[dict[str, Any]], list[Table]]] = {
    "floors": _floors, "work": _work, "peers": _peers, "cold": _cold, "parts": _parts,
    "memory": _memory, "processes": _processes, "scaling": _scaling,
}  # fmt: skip


def tables_of(name: str, result: dict[str, Any]) -> list[Table]:
    """Return the tables that a part of a run makes; the parts before it are in the result."""
    return TABLES[name](result)


# ------------------------------------------------------------------------------ what they come to
def words(result: dict[str, Any]) -> list[str]:
    """Return what a run says of the two engines, and what it skipped, in sentences."""
    found = []
    skipped = result["peers"]["skipped"]
    if skipped:
        found.append(f"Not there, and skipped: {', '.join(skipped)}.")
    rows = [row for row in result["work"] if WRITTEN in row]
    if rows:
        ratios = np.array([row[LANES] / row[WRITTEN] for row in rows])
        worst = rows[int(ratios.argmax())]
        found.append(
            f"Lanes take {ratios.min():.2f} to {ratios.max():.2f} times the written engine's time "
            f"({len({row['work'] for row in rows})} kinds of work, "
            f"{len({row['dtype'] for row in rows})} precisions; most: {worst['work']}, "
            f"{worst['dtype']}), {np.exp(np.log(ratios).mean()):.2f} times in the geometric mean."
        )
    return found


def targets(result: dict[str, Any]) -> list[list[str]]:
    """Return what was aimed at beside what was measured, with a head; what was not is left out."""
    works = _by_work(result)
    rows = [[f"{BASE}, one core", "target", "measured", ""]]

    def add(name: str, target: float, measured: float, *, at_least: bool) -> None:
        met = measured >= target if at_least else measured <= target
        sign = "at least" if at_least else "at most"
        rows.append([name, f"{sign} {target:g}x", f"{measured:.2f}x", "met" if met else "missed"])

    if BASE in works:
        ours, floor = works[BASE]["float32"][LANES], result["floors"]["float32"]["step"]
        seconds = {
            r["peer"]: r["seconds"] for r in result["peers"]["rows"]
            if (r["input"], r["T"], r["dtype"]) == ("one-hot", 1000, "float32")
        }  # fmt: skip
        for name, start, target in (
            ("PyTorch, one sequence at a time, to the lanes, float32", "PyTorch, batch 1", 200),
            ("JAX, vmapped, truncated gradient, to the lanes, float32", "JAX scan, vmap", 40),
        ):
            found = [s for x, s in seconds.items() if x.startswith(start) and "full" not in x]
            if found:
                add(name, target, min(found) / ours, at_least=True)
                if min(found) < target * ours:
                    rows[-1][-1] += f": would take {min(found) / target / floor:.2f}x the floor"
        for dtype, row in works[BASE].items():
            above = row[LANES] / result["floors"][dtype]["step"]
            add(f"lanes above the floor, {dtype}", 2.5, above, at_least=False)
        for name in works:
            share = _share(result, name)
            if share is not None and not name.startswith("1c"):
                add(f"{name}: a multiply-add, to 1c's, float32", 3, share, at_least=False)
    last = result.get("processes", [{"processes": 1}])[-1]
    if last["processes"] > 1:
        share = last["steps"] / last["processes"] / result["processes"][0]["steps"]
        add(f"efficiency of {last['processes']} processes", 0.9, share, at_least=True)
        if result["machine"]["load"] > 0.5:
            rows[-1][-1] = "not judged: other work was running"
    return rows


# ------------------------------------------------------------------------------ the page
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
    """Replace the tables of a page by those of a run: in words, what was aimed at, all else."""
    result = json.loads(source.read_text(encoding="utf-8"))
    machine = {**result["machine"], **result["peers"]["versions"]}
    tables = [{"title": "targets", "rows": targets(result)}, *result["tables"]]
    _replace(page, BEGIN, END, "\n\n".join([*words(result), markdown(machine, tables)]))


def renew_reproduction(source: Path, page: Path = HERE / "README.md") -> None:
    """Replace the times of the published tables on a page by those of a run."""
    result = json.loads(source.read_text(encoding="utf-8"))
    _replace(page, TABLES_BEGIN, TABLES_END, markdown(result["machine"], result["tables"]))


def renew_learners(source: Path, page: Path = HERE / "README.md") -> None:
    """Replace the times of the comparison learners on a page by those of a run."""
    result = json.loads(source.read_text(encoding="utf-8"))
    aims = "Aimed at: " + "; ".join(result["targets"]) + "."
    skipped = [f"Not there, and skipped: {', '.join(result['skipped'])}."]
    parts = [aims, *(skipped if result["skipped"] else [])]
    tables = markdown(result["machine"], result["tables"])
    _replace(page, LEARNERS_BEGIN, LEARNERS_END, "\n\n".join([*parts, tables]))


if __name__ == "__main__":
    renew(HERE / "trial_loop.json")
    renew_reproduction(HERE / "tables.json")
    renew_learners(HERE / "learners.json")
