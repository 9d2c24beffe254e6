"""Writes the source of a compiled trial loop: one straight line of arithmetic per topology.

What is written is plain Python over flat arrays, which Numba compiles. Loops over lanes are
innermost and every number they touch stands at a constant place in one array, so that LLVM turns
each of their lines into a vector instruction. Lines cite the book's equations.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np

from lstmbook.engine.kernel import (
    ACCURACIES,
    CHUNK,
    LF,
    LI,
    PF,
    PI,
    RI,
    TOLERANCES,
    WINDOW_SLOTS,
    Kernel,
)

# exp(r) = 1 + r + r^2 q(r) for |r| <= ln(2) / 2, relative error 1e-8 and 1.2e-15; q's coefficients
EXP = {
    "float32": (0.5, 0.1666657695378877, 0.04166655457234514, 0.008363185031533224,
                0.0013926191056242137),
    "float64": (0.5, 0.16666666666648272, 0.04166666666665134, 0.008333333353741644,
                0.0013888888905891745, 0.00019841208708073097, 2.480153636831133e-05,
                2.7625129152550647e-06, 2.7613818169691844e-07),
}  # fmt: skip
# ln 2 in two parts, the number that rounds to a whole one when added, the least exponent
LN2 = {
    "float32": (0.693147182464599609375, -1.904654299957767e-09),
    "float64": (0.6931471805599453, 2.3190468138462996e-17),
}
ROUND = {"float32": 1.5 * 2**23, "float64": 1.5 * 2**52}
LEAST = {"float32": -60.0, "float64": -700.0}
SHARED = 6
"""So many divisions are made with one."""

ARGUMENTS = "S, WX, KX, GK, WS, XB, CB, SY, VI, LI, LF, PI, PF, GW, FW, RI, RC, TC, TS, TP, Q, D"


class Writer:
    """A growing source text with constants, indentation and names for places."""

    def __init__(self, kernel: Kernel) -> None:
        self.kernel = kernel
        self.lines: list[str] = []
        self.constants: dict[float, str] = {}
        self.depth = 0
        self.count = 0

    def line(self, text: str) -> None:
        """Add a line at the present indentation."""
        self.lines.append("    " * self.depth + text)

    @contextmanager
    def block(self, header: str) -> Iterator[None]:
        """Add a header and indent what follows."""
        self.line(header)
        self.depth += 1
        yield
        self.depth -= 1

    def name(self, stem: str) -> str:
        """Return a name that has not been used."""
        self.count += 1
        return f"{stem}_{self.count}"

    def number(self, value: float) -> str:
        """Return the name of a constant of the loop's dtype."""
        value = float(value)
        if value not in self.constants:
            self.constants[value] = f"c{len(self.constants)}"
        return self.constants[value]

    def at(self, name: str, i: int = 0, j: int = 0, lane: str = "l") -> str:
        """Return the expression of a lane's number in a row of ``S``."""
        return f"S[{self.kernel.rows[name, i, j] * self.kernel.lanes} + {lane}]"

    def rate(self, group: str, lane: str = "l") -> str:
        """Return the expression of a lane's learning rate for one of the groups of weights."""
        own = self.kernel.scheduled and group != "rest"
        return self.at(f"rate_{group}" if own else "rate", lane=lane)

    def let(self, stem: str, expression: str) -> str:
        """Add an assignment to a new name and return the name."""
        name = self.name(stem)
        self.line(f"{name} = {expression}")
        return name

    # ---------------------------------------------------------------- squashing functions

    def squash(self, requests: list[tuple[str, str]]) -> list[tuple[str, str]]:
        """Add the values and slopes of squashing functions: (function, net input) for each.

        All are made from e = exp(-|x|), so that no exponential overflows, and share divisions.
        """
        curved = [(i, kind, net) for i, (kind, net) in enumerate(requests) if kind != "identity"]
        parts = [self._exponential(kind, net) for _, kind, net in curved]
        inverses = self._inverses([d for _, _, d in parts])
        found = {
            i: self._value_and_slope(kind, net, e, minus, inverse)
            for (i, kind, net), (e, minus, _), inverse in zip(curved, parts, inverses, strict=True)
        }
        one = self.number(1)
        return [found.get(i, (net, one)) for i, (_, net) in enumerate(requests)]

    def _exponential(self, kind: str, net: str) -> tuple[str, str, str]:
        """Return e = exp(-|x|) (of 2x for tanh), e - 1, and 1 + e."""
        n, dtype = self.number, self.kernel.dtype
        x = self.let("m", f"-abs({net} + {net})" if kind == "tanh" else f"-abs({net})")
        least = n(LEAST[dtype])
        m = self.let("m", f"{least} if {x} < {least} else {x}")
        z = self.let("z", f"fma({m}, {n(1.4426950408889634)}, {n(ROUND[dtype])})")
        k = self.let("k", f"{z} - {n(ROUND[dtype])}")
        r = self.let("r", f"fma({k}, {n(-LN2[dtype][0])}, {m})")
        r = self.let("r", f"fma({k}, {n(-LN2[dtype][1])}, {r})")
        q = n(EXP[dtype][-1])
        for coefficient in reversed(EXP[dtype][:-1]):
            q = self.let("q", f"fma({q}, {r}, {n(coefficient)})")
        p = self.let("p", f"fma({r} * {r}, {q}, {r})")
        t = self.let("t", f"power_of_two({z})")
        e = self.let("e", f"fma({t}, {p}, {t})")
        if kind == "logistic":
            return e, "", self.let("d", f"{n(1)} + {e}")
        minus = self.let("u", f"fma({t}, {p}, {t} - {n(1)})")
        return e, minus, self.let("d", f"{n(2)} + {minus}")

    def _inverses(self, of: list[str]) -> list[str]:
        """Return 1 / d for each d, a division for every few of them: all lie in [1, 2]."""
        inverses: list[str] = []
        for first in range(0, len(of), SHARED):
            group = of[first : first + SHARED]
            products = [group[0]]
            for d in group[1:]:
                products.append(self.let("d", f"{products[-1]} * {d}"))
            inverse = self.let("i", f"{self.number(1)} / {products[-1]}")
            found = []
            for i in range(len(group) - 1, 0, -1):
                found.append(self.let("i", f"{inverse} * {products[i - 1]}"))
                inverse = self.let("i", f"{inverse} * {group[i]}")
            inverses += [inverse, *reversed(found)]
        return inverses

    def _value_and_slope(
        self, kind: str, net: str, e: str, minus: str, inverse: str
    ) -> tuple[str, str]:
        n = self.number
        ei = self.let("v", f"{e} * {inverse}")
        slope = self.let("v", f"{ei} * {inverse}")
        if kind == "logistic":
            return self.let("v", f"{inverse} if {net} >= {n(0)} else {ei}"), slope
        value = self.let("v", f"{minus} * {inverse}")
        if kind == "g":
            value = self.let("v", f"{value} + {value}")
        value = self.let("v", f"-{value} if {net} >= {n(0)} else {value}")
        return value, self.let("v", f"{slope} * {n({'h': 2, 'g': 4, 'tanh': 4}[kind])}")

    # ---------------------------------------------------------------- one step, all lanes

    def net_input(self, unit: int, source: Callable[[str, int], str]) -> str:
        """Add the net input of a hidden unit and return its name."""
        start = self.at("in", unit) if self.kernel.symbolic else self.number(0)
        net = self.let("n", start)
        for m, (kind, number) in enumerate(self.kernel.sources[unit]):
            weight = self.at("W", unit, m)
            if kind == "one":
                net = self.let("n", f"{net} + {weight}")
            else:
                net = self.let("n", f"fma({weight}, {source(kind, number)}, {net})")
        return net

    def source(self, old: str = "y") -> Callable[[str, int], str]:
        """Return a reader of sources that loads each once."""
        loaded: dict[tuple[str, int], str] = {}

        def read(kind: str, number: int) -> str:
            if kind == "one":
                return self.number(1)
            if (kind, number) not in loaded:
                row = {"x": "in", "y": old, "c": "y_c"}[kind]
                loaded[kind, number] = self.let(kind, self.at(row, number))
            return loaded[kind, number]

        return read

    def hidden(self, lanes: str) -> None:
        """One step of the hidden layer: `eq-gates`, `eq-internal-state`, `eq-cell-output`.

        In three loops: each is short enough for a processor to work on several vectors of lanes
        at once, while one waits for another's result.
        """
        net = self.kernel.net
        n_units = net.n_hidden
        if self.kernel.idle_output_gates:
            n_units -= net.n_output_gates
        with self.block(lanes):
            read = self.source()
            for unit in range(n_units):
                self.line(f"{self.at('net', unit)} = {self.net_input(unit, read)}")
        with self.block(lanes):
            self._enter_cells(n_units)
        if not self.kernel.idle_output_gates:
            with self.block(lanes):
                self._leave_cells()

    def _enter_cells(self, n_units: int) -> None:
        """Add the gates, the new states, and what a partial changes by."""
        net = self.kernel.net
        n_early = net.n_cells + net.n_input_gates
        nets = [self.let("n", self.at("net", unit)) for unit in range(n_units)]
        kinds = [net.g] * net.n_cells + ["logistic"] * (n_units - net.n_cells)
        made = self.squash(list(zip(kinds, nets, strict=True)))
        for c, (g, g_slope) in enumerate(made[: net.n_cells]):
            before = self.at("s", c)
            if net.input_gates:
                y_in, f_slope = made[net.n_cells + int(net.block_of[c])]
                self.line(f"{self.at('s', c)} = fma({y_in}, {g}, {before})")
                self.line(f"{self.at('into_c', c)} = {g_slope} * {y_in}")
                self.line(f"{self.at('into_in', c)} = {g} * {f_slope}")
            else:
                self.line(f"{self.at('s', c)} = {before} + {g}")
                self.line(f"{self.at('into_c', c)} = {g_slope}")
        self._open_gates(made[n_early:])
        for b, (y_in, _) in enumerate(made[net.n_cells : n_early]):
            self._feed_back(net.n_cells + b, y_in, b)

    def _open_gates(self, out: list[tuple[str, str]]) -> None:
        """Note the output gates and their slopes."""
        net = self.kernel.net
        if net.competition != "none" and out:
            out = self._compete(out)
        for b, (y_out, slope) in enumerate(out):
            self.line(f"{self.at('gate', b)} = {y_out}")
            self.line(f"{self.at('slope_out', b)} = {slope}")
            self._feed_back(net.n_cells + net.n_input_gates + b, y_out, b)

    def _feed_back(self, m: int, y: str, block: int) -> None:
        """Note a gate's activation for the next step, if it is a source."""
        kernel = self.kernel
        if m >= kernel.net.n_recurrent:
            return
        active = f" * {self.at('active', block)}" if kernel.construct else ""
        self.line(f"{self.at('y_new', m)} = {y}{active}")

    def _leave_cells(self) -> None:
        """Add cell outputs."""
        kernel, net, n = self.kernel, self.kernel.net, self.number
        states = [self.let("s", self.at("s", c)) for c in range(net.n_cells)]
        squashed = self.squash([(net.h, s) for s in states])
        for c, (h, h_slope) in enumerate(squashed):
            b = int(net.block_of[c])
            y = f"{self.at('gate', b)} * {h}" if net.output_gates else h
            if kernel.construct:
                y = f"{y} * {self.at('active', b)}"
            y = self.let("y", y)
            self.line(f"{self.at('y_c', c)} = {y}")
            self.line(f"{self.at('h', c)} = {h}")
            self.line(f"{self.at('h_slope', c)} = {h_slope}")
            if c < net.n_recurrent:
                self.line(f"{self.at('y_new', c)} = {y}")
        if not net.output_gates:
            for b in range(net.n_blocks):
                self.line(f"{self.at('gate', b)} = {n(1)}")
                self.line(f"{self.at('slope_out', b)} = {n(0)}")

    def _compete(self, out: list[tuple[str, str]]) -> list[tuple[str, str]]:
        """Close all output gates but the most active one, the first of several."""
        zero, kept = self.number(0), []
        for i, (y, slope) in enumerate(out):
            lost = " or ".join(
                f"({other} {'>=' if j < i else '>'} {y})"
                for j, (other, _) in enumerate(out)
                if j != i
            )
            if not lost:
                kept.append((y, slope))
                continue
            won = self.let("w", f"{zero} if {lost} else {self.number(1)}")
            kept.append((self.let("w", f"{won} * {y}"), self.let("w", f"{won} * {slope}")))
        return kept

    def late_gates(self, lanes: str) -> None:
        """Output gates and cell outputs of the last step, where none was needed before."""
        net = self.kernel.net
        first = net.n_cells + net.n_input_gates
        with self.block(lanes):
            read = self.source()
            nets = [self.net_input(first + b, read) for b in range(net.n_output_gates)]
            self._open_gates(self.squash([("logistic", each) for each in nets]))
            self._leave_cells()

    def partials(self, lanes: str, *, at_most: int = 64) -> None:
        """Carry the partials on: `eq-cell-partial`, `eq-gate-partial`."""
        kernel, net = self.kernel, self.kernel.net
        jobs = []
        for c in range(net.n_cells):
            jobs += [("ds_c", "into_c", c, m, *s) for m, s in enumerate(kernel.sources[c])]
            if net.input_gates:
                gate = net.n_cells + int(net.block_of[c])
                jobs += [("ds_in", "into_in", c, m, *s) for m, s in enumerate(kernel.sources[gate])]
        for first in range(0, len(jobs), at_most):
            with self.block(lanes):
                read, into = self.source(), {}
                for row, through, c, m, kind, number in jobs[first : first + at_most]:
                    if (through, c) not in into:
                        into[through, c] = self.let("i", self.at(through, c))
                    place = self.at(row, c, m)
                    if kind == "one":
                        self.line(f"{place} += {into[through, c]}")
                    else:
                        source = read(kind, number)
                        self.line(f"{place} = fma({into[through, c]}, {source}, {place})")

    # ---------------------------------------------------------------- errors, all lanes

    def narrow_outputs(self, lanes: str) -> None:
        """Add outputs, their errors and changes, where outputs are few: `eq-output-delta`."""
        kernel, net, n = self.kernel, self.kernel.net, self.number
        with self.block(lanes):
            read = self.source()
            rate = self.let("rate", self.rate("rest"))
            from_cells = self.let("rate", self.rate("out")) if kernel.scheduled else rate
            target = self.let("target", self.at("target"))
            nets = []
            for k in range(net.n_outputs):
                start = self.at("shortcut", k) if ("shortcut", k, 0) in kernel.rows else n(0)
                total = self.let("n", start)
                for m, (kind, number) in enumerate(kernel.output_sources):
                    weight = self.at("K", k, m)
                    total = self.let("n", f"fma({weight}, {read(kind, number)}, {total})")
                nets.append(total)
            made = self.squash([(net.f_k, each) for each in nets])
            self._judge([y for y, _ in made], target)
            deltas = []
            for k, (y, slope) in enumerate(made):
                wanted = f"({n(1)} if {target} == {n(k)} else {n(0)})"
                wanted = target if kernel.family == "adding" else wanted
                deltas.append(self.let("delta", f"{slope} * ({wanted} - {y})"))
            self._arrive(deltas)
            group = "GK" if kernel.at_end else "K"
            for k, delta in enumerate(deltas):
                change = self.let("change", f"{rate} * {delta}")
                self.line(f"{self.at('change_k', k)} = {change}")
                of_cells = change
                if kernel.scheduled:
                    of_cells = self.let("change", f"{from_cells} * {delta}")
                for m, (kind, number) in enumerate(kernel.output_sources):
                    place, by = self.at(group, k, m), of_cells if kind == "c" else change
                    self.line(f"{place} = fma({by}, {read(kind, number)}, {place})")

    def _judge(self, outputs: list[str], target: str) -> None:
        """Note the largest error, the loss, and whether possible symbols come first."""
        kernel, n = self.kernel, self.number
        worst, loss = n(0), n(0)
        for k, y in enumerate(outputs):
            wanted = f"({n(1)} if {target} == {n(k)} else {n(0)})"
            wanted = target if kernel.family == "adding" else wanted
            error = self.let("error", f"abs({wanted} - {y})")
            worst = self.let("worst", f"{error} if {error} > {worst} else {worst}")
            loss = self.let("loss", f"fma({error}, {error}, {loss})")
        before = self.let("b", f"{self.at('worst')}")
        forget = self.let("b", f"{before} * ({n(1)} - {self.at('judge_last')})")
        self.line(f"{self.at('worst')} = {worst} if {worst} > {forget} else {forget}")
        self.line(f"{self.at('loss')} += {loss}")
        if kernel.family != "strings":
            return
        low, high = n(np.inf), n(-np.inf)
        for k, y in enumerate(outputs):
            may = self.let("may", self.at("possible", k))
            low = self.let("low", f"{y} if ({may} > {n(0)}) and ({y} < {low}) else {low}")
            high = self.let("high", f"{y} if ({may} <= {n(0)}) and ({y} > {high}) else {high}")
        self.line(f"{self.at('legal')} = {self.at('legal')} if {low} > {high} else {n(0)}")

    def _arrive(self, deltas: list[str]) -> None:
        """Carry the outputs' errors back to the cells' outputs."""
        kernel = self.kernel
        for c in range(kernel.net.n_cells):
            total = self.let("n", f"{self.at('K', 0, c)} * {deltas[0]}")
            for k, delta in enumerate(deltas[1:], 1):
                total = self.let("n", f"fma({self.at('K', k, c)}, {delta}, {total})")
            self.line(f"{self.at('arriving', c)} = {total}")

    def hidden_changes(self, lanes: str) -> None:
        """Add what errors do inside blocks: `eq-output-gate`, `eq-state-error`."""
        kernel, net = self.kernel, self.kernel.net
        with self.block(lanes):
            rate = self.let("rate", self.rate("into"))
            gated: list[list[str]] = [[] for _ in range(net.n_blocks)]
            for c in range(net.n_cells):
                b = int(net.block_of[c])
                arriving = self.let("v", self.at("arriving", c))
                if kernel.construct:
                    arriving = self.let("v", f"{arriving} * {self.at('active', b)}")
                e_s = self.let("v", f"{self.at('gate', b)} * {self.at('h_slope', c)} * {arriving}")
                change = self.let("v", f"{rate} * {e_s}")
                self.line(f"{self.at('change_c', c)} = {change}")
                if kernel.symbolic:
                    self.line(f"{self.at('E', c)} += {change}")
                gated[b].append(self.let("v", f"{self.at('h', c)} * {arriving}"))
            for b in range(net.n_output_gates):
                through = self.let("v", " + ".join(gated[b]))
                delta = f"{rate} * ({self.at('slope_out', b)} * {through})"
                self.line(f"{self.at('change_out', b)} = {delta}")

    def changes(self, lanes: str, old: str, *, at_most: int = 48) -> None:
        """Change the weights from sources in rows: `eq-cell-partial`, `eq-gate-partial`."""
        kernel, net = self.kernel, self.kernel.net
        group = "G" if kernel.at_end else "W"
        jobs = [
            (unit, m, *s)
            for unit, sources in enumerate(kernel.sources)
            for m, s in enumerate(sources)
        ]
        first_out = net.n_cells + net.n_input_gates
        for first in range(0, len(jobs), at_most):
            with self.block(lanes):
                read = self.source(old)
                change: dict[tuple[str, int], str] = {}

                def changing(row: str, i: int, change: dict[tuple[str, int], str] = change) -> str:
                    if (row, i) not in change:
                        change[row, i] = self.let("v", self.at(row, i))
                    return change[row, i]

                for unit, m, kind, number in jobs[first : first + at_most]:
                    total = self.at(group, unit, m)
                    if unit < net.n_cells:
                        ds = self.at("ds_c", unit, m)
                        total = f"fma({changing('change_c', unit)}, {ds}, {total})"
                    elif unit < first_out:
                        for c in np.flatnonzero(net.block_of == unit - net.n_cells).tolist():
                            ds = self.at("ds_in", c, m)
                            total = f"fma({changing('change_c', c)}, {ds}, {total})"
                    else:
                        out = changing("change_out", unit - first_out)
                        total = f"fma({out}, {read(kind, number)}, {total})"
                    self.line(f"{self.at(group, unit, m)} = {total}")

    # ---------------------------------------------------------------- one lane: symbols' records

    def flush_record(self, target: str) -> None:
        """Apply the errors since a symbol's last visit: (E - E_last) ds/dw.

        Expects `o`, the record's place, and E_c in the names e0, e1, ...
        """
        kernel, net, place = self.kernel, self.kernel.net, self.kernel.record
        to = place[target]
        for c in range(net.n_cells):
            last = f" - WX[o + {place['E'] + c}]" if kernel.every_step else ""
            self.line(f"d{c} = e{c}{last}")
        for c in range(net.n_cells):
            self.line(f"w{c} = fma(d{c}, WX[o + {place['ds_c'] + c}], WX[o + {to + c}])")
        for b in range(net.n_input_gates):
            total = f"WX[o + {to + net.n_cells + b}]"
            for c in np.flatnonzero(net.block_of == b).tolist():
                total = f"fma(d{c}, WX[o + {place['ds_in'] + c}], {total})"
            self.line(f"w{net.n_cells + b} = {total}")
        # all is read before anything is written, so that LLVM can join neighbours
        for u in range(net.n_cells + net.n_input_gates):
            self.line(f"WX[o + {to + u}] = w{u}")

    def load_errors(self, lane: str = "l") -> None:
        """Put E_c of a lane into e0, e1, ..."""
        for c in range(self.kernel.net.n_cells):
            self.line(f"e{c} = {self.at('E', c, lane=lane)}")

    def source_text(self) -> str:
        """Return the whole source."""
        from lstmbook.engine import writer_loop

        body = writer_loop.write(self)
        header = [
            '"""A compiled trial loop, written by lstmbook.engine.writer."""',
            "import numpy as np",
            "from lstmbook.lanes.machine import numba",
            "from lstmbook.engine.scalar import below, fma, fraction, power_of_two, word",
            "",
            f"F = np.{self.kernel.dtype}",
            *(
                f"{name} = F({repr(value).replace('inf', 'np.inf')})"
                for value, name in self.constants.items()
            ),
            "jit = numba.njit(error_model='numpy', cache=True, nogil=True)",
            "within = numba.njit(",
            "    error_model='numpy', no_cpython_wrapper=True, no_cfunc_wrapper=True)",
            "",
        ]
        return "\n".join([*header, *body, ""])


__all__ = ["ACCURACIES", "ARGUMENTS", "CHUNK", "LF", "LI", "PF", "PI", "RI", "TOLERANCES",
           "WINDOW_SLOTS", "Writer"]  # fmt: skip
