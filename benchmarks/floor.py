"""The arithmetic floor: what this core needs for a step's arithmetic and nothing else.

Sigmoids and multiply-adds in lockstep over lanes, from one small array: no task, no learning, no
memory beyond the first cache. The functions are the engine's own.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np

from lstmbook.engine.kernel import Kernel
from lstmbook.engine.writer import Writer
from lstmbook.lstm import Topology


def floor_function(dtype: str, lanes: int, sigmoids: int, madds: int) -> Callable[..., None]:
    """Return the compiled function (S, n): n steps of so many operations."""
    kernel = Kernel(
        Topology(1, 2, (1,)), True, "random distractors", False, False, False, dtype, lanes
    )
    writer, units = Writer(kernel), 8
    writer.line("@numba.njit(error_model='numpy')")
    each_lane = f"for l in range({lanes}):"
    with writer.block("def floor(S, n):"), writer.block("for j in range(n):"):  # noqa: SIM117
        with writer.block(each_lane):
            y = [writer.let("y", f"S[{i * lanes} + l]") for i in range(units)]
            made = writer.squash([("logistic", each) for each in y[:sigmoids]])
            total = [value for value, _ in made] or list(y)
            for i in range(madds):
                a, b = y[(i + i // units) % units], total[(i + 3) % len(total)]
                k = i % len(total)
                total[k] = writer.let("n", f"fma({total[k]}, {a}, {b})")
            for i, each in enumerate(total):
                writer.line(f"S[{i * lanes} + l] = {each}")
    source = [
        "import numpy as np",
        "from lstmbook.lanes.machine import numba",
        "from lstmbook.engine.scalar import fma, power_of_two",
        f"F = np.{dtype}",
        *(f"{name} = F({value!r})" for value, name in writer.constants.items()),
        *writer.lines,
    ]
    names: dict[str, Any] = {}
    exec("\n".join(source), names)
    function: Callable[..., None] = names["floor"]
    return function


def floor_seconds(
    dtype: str, sigmoids: int = 8, madds: int = 60, *, lanes: int = 32, repeats: int = 20
) -> float:
    """Return CPU seconds for a step of one lane, the best of some repeats."""
    function = floor_function(dtype, lanes, sigmoids, madds)
    S = np.full(8 * lanes, 0.3, dtype=dtype)
    function(S, 10)
    best = np.inf
    for _ in range(repeats):
        S[:] = 0.3
        started = time.thread_time()
        function(S, 4000)
        best = min(best, (time.thread_time() - started) / 4000 / lanes)
    return float(best)
