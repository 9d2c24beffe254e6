"""What a step of the compiled loop is made of: instructions by kind, and time by part.

``python benchmarks/profile_step.py`` reads the machine code of experiment 1c's loop and of the
arithmetic floor, counts what one step over all lanes executes, and bounds it with a model of a
core's ports. It then leaves parts of the loop out, one more each time, and measures what that
saves. It reads x86-64 code only.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import json
import re
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any
from unittest import mock

import numpy as np
import readme
from floor import floor_function
from trial_loop import HERE, PRECISIONS, machine, operations, trial_1c

from lstmbook.engine import Trial, writer_loop
from lstmbook.engine.kernel import Kernel
from lstmbook.engine.loop import Loop
from lstmbook.engine.trials import kernel_of
from lstmbook.engine.writer import Writer

KINDS = {
    "fused multiply-adds": r"vfn?m(add|sub)\w*",
    "multiplications": r"vmul[ps][sd]",
    "additions": r"v(add|sub)[ps][sd]",
    "divisions": r"v(div|rcp)\w*",
    "maxima, comparisons, bits": r"v(max|min|cmp|blend|and|or|xor|p(sll|srl|add|and|or|xor|tern)"
    r"|rndscale|scalef)\w*|k\w+",
    "shuffles, broadcasts": r"v(perm|shuf|unpck|insert|extract|broadcast|pbroadcast|pgather|gather"
    r"|pshuf|punpck|pblend|pmov)\w*",
    "moves": r"vmov\w*",
}
"""Kinds of vector instructions, the first that fits; whatever else there is, is scalar."""

LOADS, STORES = "loads", "stores"
STACK = "loads and stores of the stack"
SCALAR = "addresses, counting, jumps"
CALLS = "calls (a copy)"
MULTIPLY = "multiply-adds and multiplications"
PORTS = {MULTIPLY: 2, LOADS: 2, STORES: 1, "instructions": 8}
"""The model: so many of each a cycle, vectors of 512 bits (a recent x86-64 core)."""

AIM = 2.5
"""So many times the floor's time a step should take at most."""

PARTS = {
    "adding changes to symbols' partials": ("_scatter_chunk", "_transpose_back"),
    "gathering symbols' weights": ("_gather", "_transpose"),
    "drawing symbols": ("fill",),
}
"""What is left out, one after the other, and the functions that write it."""


@dataclass(frozen=True)
class Span:
    """A loop in a listing: its lines, from the first to the last, and how often it runs."""

    first: int
    last: int


def listing(text: str, function: str) -> list[str]:
    """Return the instructions and labels of the function whose mangled name contains a text."""
    lines = [line.split("#")[0].strip() for line in text.splitlines()]
    heads = [i for i, line in enumerate(lines) if re.match(r"[A-Za-z_][\w$.]*:$", line)]
    starts = [i for i in heads if function in lines[i] and "cpython" not in lines[i]]
    if not starts or not re.search(r"%[re]?[abcd]x", text):
        raise ValueError(f"no x86-64 code of {function!r} among {len(heads)} functions")
    ends = [i for i in heads if i > starts[0]] or [len(lines)]
    body = lines[starts[0] + 1 : ends[0]]
    return [line for line in body if line and (line.startswith(".L") or not line.startswith("."))]


def loops(code: list[str]) -> list[Span]:
    """Return the loops: from a label to the last jump back to it; those that overlap are one."""
    labels = {line[:-1]: i for i, line in enumerate(code) if line.endswith(":")}
    found: dict[int, int] = {}
    for i, line in enumerate(code):
        jump = re.match(r"j\w+\s+(\.L\w+)", line)
        if jump and labels.get(jump[1], i) < i:
            found[labels[jump[1]]] = i
    spans: list[Span] = []
    for first, last in sorted(found.items()):
        if spans and spans[-1].first < first <= spans[-1].last < last:
            spans[-1] = Span(spans[-1].first, last)
        else:
            spans.append(Span(first, last))
    return spans


def trips(code: list[str], loop: Span) -> int:
    """Return how often an innermost loop with constant bounds runs.

    Raises
    ------
    ValueError
        If its counter, step or bounds are not found.
    """
    body = code[loop.first : loop.last + 1]
    for line in reversed(body):
        step = re.match(r"(add|sub|inc)q\s+(?:\$(-?\d+), )?(%\w+)$", line)
        if step:
            break
    else:
        raise ValueError(f"a loop without a counter at {code[loop.first]}")
    by = int(step[2] or 1) * (-1 if step[1] == "sub" else 1)
    bound = [m for line in body if (m := re.match(rf"cmpq\s+\$(-?\d+), {step[3]}$", line))]
    end = int(bound[-1][1]) if bound else 0
    low = step[3].replace("%r", "%e")
    for line in reversed(code[: loop.first]):
        if re.match(rf"xorl\s+{low}, {low}$", line):
            return (end - 0) // by
        start = re.match(rf"mov(?:q|l|absq)\s+\$(-?\d+), (?:{step[3]}|{low})$", line)
        if start:
            return (end - int(start[1])) // by
    raise ValueError(f"a loop without a start at {code[loop.first]}")


def widest(code: list[str]) -> str:
    """Return the name of the widest vector registers used."""
    return next(r for r in ("zmm", "ymm", "xmm") if any(f"%{r}" in line for line in code))


def count(code: list[str], depth: int) -> Counter[str]:
    """Count what a pass of the loop over steps executes.

    Loops inside it are multiplied by their trips; those that use no wide vector are the way out
    for arrays that overlap, which these never do, and are left aside. What only the last step of
    some does (a copy) is counted as if each did it.

    Parameters
    ----------
    depth
        Which of the nested loops that hold the multiply-adds of lanes is the one over steps:
        0 the outermost, -1 the innermost.
    """
    wide, spans = f"%{widest(code)}", loops(code)
    madds = [bool(re.match(KINDS["fused multiply-adds"], x)) and wide in x for x in code]
    main = [s for s in spans if sum(madds[s.first : s.last + 1]) >= 0.9 * sum(madds)][depth]
    times = [1] * len(code)
    for span in spans:
        if main.first <= span.first and span.last <= main.last and span != main:
            inside = range(span.first, span.last + 1)
            vectors = any(wide in code[i] for i in inside)
            many = trips(code, span) if vectors else 0
            for i in inside:
                times[i] *= many
    found: Counter[str] = Counter()
    for i in range(main.first, main.last + 1):
        for kind in kinds(code[i]):
            found[kind] += times[i]
    return found


def kinds(line: str) -> Iterator[str]:
    """Return what an instruction counts as: its kind, and what it does to memory."""
    if line.endswith(":"):
        return
    yield "instructions"
    name, _, operands = line.partition("\t")
    if not operands:
        name, _, operands = line.partition(" ")
    if name.startswith("call"):
        yield CALLS
        return
    vector = name.startswith(("v", "k")) and name != "vzeroupper"
    if not vector:
        yield SCALAR
    memory = "(" in operands and not name.startswith("lea")
    written = memory and operands.rstrip().endswith(")") and name.startswith(("vmov", "mov"))
    if memory and "(%rsp" in operands:
        yield STACK
    if memory and vector:
        yield STORES if written else LOADS
    if vector and not (memory and name.startswith("vmov")):
        yield next((kind for kind, fits in KINDS.items() if re.fullmatch(fits, name)), SCALAR)


def bounds(found: Counter[str]) -> dict[str, float]:
    """Return the cycles that the model's ports need at least, each alone."""
    need = {**found, MULTIPLY: found["fused multiply-adds"] + found["multiplications"]}
    return {name: need[name] / many for name, many in PORTS.items()}


# ------------------------------------------------------------------------------ code and time


def written(kernel: Kernel, place: Path, leave_out: tuple[str, ...] = ()) -> ModuleType:
    """Return the module of a kernel's loop, compiled anew, without what some functions write."""
    with contextlib.ExitStack() as stack:
        for name in leave_out:
            nothing: Callable[..., None] = lambda *_: None  # noqa: E731
            stack.enter_context(mock.patch.object(writer_loop, name, nothing))
        text = Writer(kernel).source_text().replace("cache=True, ", "")
    if "fill" in leave_out:
        text = _with_empty_blocks(text)
    path = place / f"loop_{kernel.dtype}_{len(leave_out)}.py"
    path.write_text(text)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"{path} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _with_empty_blocks(text: str) -> str:
    """Return a source with `pass` in the blocks that were left without a line."""
    lines, whole = text.split("\n"), []
    for line, after in zip(lines, [*lines[1:], ""], strict=True):
        whole.append(line)
        depth = len(line) - len(line.lstrip())
        if line.endswith(":") and len(after) - len(after.lstrip()) <= depth:
            whole.append(" " * (depth + 4) + "pass")
    return "\n".join(whole)


def by_kind(trial: Trial, module: ModuleType) -> tuple[Counter[str], Counter[str]]:
    """Return what a step executes in the engine (a module that has run) and in the floor."""
    kernel = kernel_of(trial)
    (engine,) = module.run.inspect_asm().values()
    floor = floor_function(kernel.dtype, kernel.lanes, *operations(kernel))
    floor(np.full(8 * kernel.lanes, 0.3, dtype=kernel.dtype), 1)
    (least,) = floor.inspect_asm().values()  # type: ignore[attr-defined]
    return count(listing(engine, "3run"), -1), count(listing(least, "5floor"), 0)


def by_part(trial: Trial, modules: list[ModuleType], repeats: int) -> list[float]:
    """Return seconds for a step of one trial with each of some loops, measured in turn, and the
    floor's last."""
    kernel = kernel_of(trial)
    all_loops = []
    for module in modules:
        trials = [replace(trial, seed=s) for s in range(kernel.lanes)]
        all_loops.append(Loop(kernel, trials, code=module))
        all_loops[-1].advance(2000)
    floor = floor_function(kernel.dtype, kernel.lanes, *operations(kernel))
    S = np.full(8 * kernel.lanes, 0.3, dtype=kernel.dtype)
    floor(S, 10)
    best = [np.inf] * (len(modules) + 1)
    for _ in range(repeats):
        for i, loop in enumerate([*all_loops, None]):
            S[:] = 0.3
            started = time.thread_time()
            steps = 2000
            if loop is None:
                floor(S, steps)
            else:
                steps = loop.advance(steps)
            best[i] = min(best[i], (time.thread_time() - started) / steps / kernel.lanes)
    return best


def profile(dtype: str, repeats: int) -> dict[str, Any]:
    """Return the profile in one precision: counts and bounds of both, seconds of parts."""
    trial = trial_1c(dtype=dtype)
    kernel = kernel_of(trial)
    with tempfile.TemporaryDirectory() as folder:
        place, left_out = Path(folder), ()
        modules = [written(kernel, place)]
        for names in PARTS.values():
            left_out += names
            modules.append(written(kernel, place, left_out))
        seconds = by_part(trial, modules, repeats)
        engine, floor = by_kind(trial, modules[0])
    whole, *less, least = seconds
    parts = dict(zip(PARTS, -np.diff([whole, *less]), strict=True))
    return {
        "engine": dict(engine),
        "floor": dict(floor),
        "bounds": {"engine": bounds(engine), "floor": bounds(floor)},
        "seconds": {"whole": whole, "parts": parts, "rest": less[-1], "floor": least},
    }


def tables(found: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the profile as tables: title and rows of text."""
    heads = [f"{who}, {dtype}" for dtype in found for who in ("engine", "floor")]
    rows = [["", *heads]]
    for kind in (*KINDS, LOADS, STORES, STACK, SCALAR, CALLS, "instructions"):
        cells = [str(each[who].get(kind, 0)) for each in found.values() for who in
                 ("engine", "floor")]  # fmt: skip
        rows.append([kind, *cells])
    for name, many in PORTS.items():
        cells = [f"{each['bounds'][who][name]:.0f}" for each in found.values() for who in
                 ("engine", "floor")]  # fmt: skip
        rows.append([f"cycles at least: {name}, {many} a cycle", *cells])
    first = {"title": "What a step of 1c over all lanes executes", "rows": rows}
    times = [["", *(x for dtype in found for x in (f"ns, {dtype}", "to the floor"))]]
    names = {"whole": "whole", **{part: part for part in PARTS}, "rest": "the rest: arithmetic "
             "of the step, ends of sequences", "floor": "arithmetic floor"}  # fmt: skip
    for key, name in names.items():
        cells = []
        for each in found.values():
            seconds = {**each["seconds"], **each["seconds"]["parts"]}
            cells += [f"{seconds[key] * 1e9:.2f}", f"{seconds[key] / seconds['floor']:.2f}x"]
        times.append([name, *cells])
    return [first, {"title": "Where the time of a step goes", "rows": times}]


def in_words(dtype: str, found: dict[str, Any]) -> str:
    """Return what the profile in one precision says, its numbers in sentences."""
    engine, floor = found["engine"], found["floor"]
    seconds, ports = found["seconds"], found["bounds"]
    above = {name: seconds[name] / seconds["floor"] for name in ("whole", "rest")}
    outside = sum(seconds["parts"].values()) / seconds["floor"]
    tightest = {who: max(need, key=lambda name, need=need: need[name]) for who, need in
                ports.items()}  # fmt: skip
    least = {who: ports[who][name] for who, name in tightest.items()}
    madds = "fused multiply-adds"
    memory = {who: each[LOADS] + each[STORES] for who, each in
              (("engine", engine), ("floor", floor))}  # fmt: skip
    text = (
        f"In {dtype} the engine is {above['whole']:.2f}x above the floor. Of that, {outside:.2f}x "
        f"is work that the floor leaves out (symbols), and {above['rest']:.2f}x the step itself "
        f"with the ends of sequences. The step executes {engine[madds] / floor[madds]:.2f} times "
        f"the floor's multiply-adds, {engine['divisions'] / floor['divisions']:.2f} times its "
        f"divisions, and {engine['instructions'] / floor['instructions']:.2f} times its "
        f"instructions; for each multiply-add it makes {memory['engine'] / engine[madds]:.2f} "
        f"vector loads and stores, the floor {memory['floor'] / floor[madds]:.2f}. By the model, "
        f"the step needs at least {least['engine'] / least['floor']:.2f} times the floor's cycles "
        f"(tightest: {tightest['engine']})"
    )
    excess = above["whole"] - AIM
    if excess <= 0:
        return f"{text}. It is within the {AIM}x aimed at."
    return (
        f"{text}. To come down to {AIM}x, either {excess / outside:.0%} of the work on symbols or "
        f"{excess / above['rest']:.0%} of the step would have to go."
    )


def main() -> None:
    """Profile, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--dtypes", nargs="+", choices=PRECISIONS, default=list(PRECISIONS))
    parser.add_argument("--repeats", type=int, default=40)
    parser.add_argument("--json", type=Path, default=HERE / "profile_step.json")
    parser.add_argument("--readme", action="store_true", help="renew the tables of README.md")
    options = parser.parse_args()
    found = {dtype: profile(dtype, options.repeats) for dtype in options.dtypes}
    result = {"machine": machine(), "profile": found, "tables": tables(found)}
    result["words"] = [in_words(dtype, each) for dtype, each in found.items()]
    for each in result["tables"]:
        print(f"\n{each['title']}")
        for row in each["rows"]:
            print("  " + row[0].ljust(60) + "".join(cell.rjust(18) for cell in row[1:]))
    print("\n" + "\n\n".join(result["words"]))
    options.json.write_text(json.dumps(result, indent=1, default=float) + "\n")
    print(f"\nwritten to {options.json}")
    if options.readme:
        readme.renew_profile(options.json)


if __name__ == "__main__":
    main()
