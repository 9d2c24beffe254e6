"""Writes what surrounds a step: trials loaded and ended, sequences begun and judged, the loop.

Beside the arrays of `lstmbook.engine.kernel`, in one flat array each:

``XB``, ``CB``
    Inputs gathered for a chunk of steps, and what is to be scattered after it.
``SY``, ``VI``
    Each lane's symbols of the present chunk; the symbols of its sequence (if fewer than the
    alphabet has).
``PI``, ``PF``, ``GW``; ``RI``, ``RC``, ``FW``
    What each trial is to do; how each ended. ``GW`` and ``FW`` are given and final weights.
``TC``, ``TS``, ``TP``
    The symbols of fixed strings, where each begins, and which symbols may come next (as bits).
``Q``, ``D``
    The queue: next trial, end, number done, lanes at work, strides; the trials done, in order.
"""

from __future__ import annotations

from lstmbook.engine.kernel import (
    ACCURACIES,
    CHUNK,
    GROUPS,
    LF,
    LI,
    PF,
    PHASES,
    PI,
    RI,
    TOLERANCES,
    WINDOW_SLOTS,
)
from lstmbook.engine.writer import ARGUMENTS, Writer

PLACE = (1 << 40) - 1
"""Masks places, so that LLVM knows that they are not negative (which would count from the end)."""


def li(name: str, lane: str = "lane") -> str:
    """Return the expression of a lane's whole number."""
    return f"LI[{lane} * {len(LI)} + {LI.index(name)}]"


def lf(name: str) -> str:
    """Return the expression of a lane's real number."""
    return f"LF[lane * {len(LF)} + {LF.index(name)}]"


def pi(name: str, trial: str = "t") -> str:
    """Return the expression of a trial's whole number."""
    return f"PI[{trial} * {len(PI)} + {PI.index(name)}]"


def pf(writer: Writer, name: str) -> str:
    """Return the expression of a trial's real number."""
    return f"PF[t * {n_real(writer)} + {PF.index(name)}]"


def ri(name: str) -> str:
    """Return the expression of one of a trial's results."""
    return f"RI[t * {len(RI)} + {RI.index(name)}]"


def n_real(writer: Writer) -> int:
    """Return the number of real numbers of a trial, with its biases."""
    net = writer.kernel.net
    return len(PF) + net.n_hidden + net.n_outputs


def strides(writer: Writer) -> None:
    """Add the lanes' strides in WX and KX."""
    kernel = writer.kernel
    writer.line(f"XS = Q[4] * {kernel.record['size'] if kernel.symbolic else 0}")
    own = len(kernel.output_sources) if kernel.wide else 0
    shared = " + Q[4]" if kernel.symbolic and kernel.net.shortcuts else ""
    writer.line(f"KS = ({own}{shared}) * {kernel.padded_outputs}")


def write(writer: Writer) -> list[str]:
    """Return the lines of all functions."""
    writer.lines = []
    for part in (load, dump, leave, run):
        part(writer)
        writer.line("")
    return writer.lines


def function(name: str, first: str = "") -> str:
    """Return a function's header."""
    return f"def {name}({first}{ARGUMENTS}):"


def _each_weight(writer: Writer, visit: str, *, biases: bool) -> None:
    """Add a walk through all weights in the order of `lstmbook.lstm`'s flat vector.

    `visit` is a line with {place}; `i` counts.
    """
    kernel, net = writer.kernel, writer.kernel.net
    lanes, size = kernel.lanes, kernel.record["size"]
    for unit, sources in enumerate(kernel.sources):
        if kernel.symbolic:
            with writer.block("for m in range(n_in):"):
                writer.line(visit.format(place=f"WX[lane * XS + m * {size} + {unit}]"))
                writer.line("i += 1")
        for m, (kind, _) in enumerate(sources):
            place = writer.at("W", unit, m, lane="lane")
            writer.line(visit.format(place=place))
            writer.line("i += 1")
            if kind == "one" and biases:
                writer.line(f"bias = PF[t * {n_real(writer)} + {len(PF) + unit}]")
                with writer.block("if bias == bias:"):
                    writer.line(f"{place} = F(bias)")
    own = kernel.output_sources
    with writer.block(f"for k in range({net.n_outputs}):"):
        for m, (kind, _) in enumerate(own):
            if kind == "one" and kernel.symbolic and net.shortcuts:
                _shortcut_weights(writer, visit)
            if kernel.wide:
                place = f"KX[lane * KS + {m * kernel.padded_outputs} + k]"
            else:
                first = kernel.rows["K", 0, 0]
                place = f"S[({first} + k * {len(own)} + {m}) * {lanes} + lane]"
            writer.line(visit.format(place=place))
            writer.line("i += 1")
            if kind == "one" and biases:
                writer.line(f"bias = PF[t * {n_real(writer)} + {len(PF) + net.n_hidden} + k]")
                with writer.block("if bias == bias:"):
                    writer.line(f"{place} = F(bias)")
        if kernel.symbolic and net.shortcuts and ("one", 0) not in own:
            _shortcut_weights(writer, visit)


def _shortcut_weights(writer: Writer, visit: str) -> None:
    kernel = writer.kernel
    own = len(kernel.output_sources) if kernel.wide else 0
    with writer.block("for m in range(n_in):"):
        writer.line(
            visit.format(place=f"KX[lane * KS + ({own} + m) * {kernel.padded_outputs} + k]")
        )
        writer.line("i += 1")


def load(writer: Writer) -> None:
    """Write how a trial enters a lane: its weights and counters."""
    kernel = writer.kernel
    writer.line("@within")
    with writer.block("def weight(key, i, given, scale, GW, Q):"):
        with writer.block("if given >= 0:"):
            writer.line("return F(GW[given * Q[5] + i])")
        writer.line("return F(scale * (2.0 * fraction(word(key, i)) - 1.0))")
    writer.line("")
    writer.line("@within")
    with writer.block(function("load", "lane, t, ")):
        strides(writer)
        writer.line(f"n_in = {pi('n_inputs')}")
        writer.line(f"given = {pi('given_weights')}")
        writer.line(f"key = np.uint64({pi('key_weights')})")
        writer.line(f"scale = {pf(writer, 'scale')}")
        with writer.block("for m in range(XS):"):
            writer.line("WX[lane * XS + m] = F(0)")
        with writer.block("for m in range(KS):"):
            writer.line("KX[lane * KS + m] = F(0)")
        writer.line("i = 0")
        _each_weight(writer, "{place} = weight(key, i, given, scale, GW, Q)", biases=True)
        with writer.block(f"for i in range({len(LI)}):"):
            writer.line(f"LI[lane * {len(LI)} + i] = 0")
        with writer.block(f"for i in range({len(LF)}):"):
            writer.line(f"LF[lane * {len(LF)} + i] = 0.0")
        with writer.block(f"for i in range({len(RI)}):"):
            writer.line(f"RI[t * {len(RI)} + i] = 0")
        writer.line(f"{li('trial')} = t")
        writer.line(f"{li('window')} = 100")
        writer.line(f"{lf('best')} = np.inf")
        if kernel.scheduled:
            _set_rates(writer, 0)
        else:
            writer.line(f"{writer.at('rate', lane='lane')} = F({pf(writer, 'learning_rate')})")
        writer.line(f"{writer.at('judge_last', lane='lane')} = F({pi('judge_last')})")
        writer.line(f"{li('blocks')} = {pi('n_start_blocks')}")
        if kernel.construct:
            for b in range(kernel.net.n_blocks):
                active = f"F(1 if {li('blocks')} > {b} else 0)"
                writer.line(f"{writer.at('active', b, lane='lane')} = {active}")


def _set_rates(writer: Writer, phase: int) -> None:
    """Write how a lane's rates become those of a part of its schedule."""
    for group in GROUPS:
        rate = f"F({pf(writer, f'rate_{group}_{phase}')})"
        writer.line(f"{writer.rate(group, 'lane')} = {rate}")


def dump(writer: Writer) -> None:
    """Write how a trial's final weights are copied out."""
    writer.line("@within")
    with writer.block(function("dump", "lane, t, ")):
        strides(writer)
        writer.line(f"n_in = {pi('n_inputs')}")
        writer.line("i = 0")
        _each_weight(writer, "FW[t * Q[6] + i] = {place}", biases=False)


def begin(writer: Writer) -> None:
    """Write how a sequence begins: states to zero, and what the sequence will be."""
    kernel = writer.kernel
    with writer.block(f"if {li('trial')} >= 0:"):
        writer.line(f"t = {li('trial')}")
        writer.line(f"key = np.uint64({pi('key_sequences')})")
        writer.line(f"counter = {li('counter')}")
        with writer.block(f"for r in range({kernel.zeroed.start}, {kernel.zeroed.stop}):"):
            writer.line(f"S[r * {kernel.lanes} + lane] = F(0)")
        writer.line(f"{writer.at('worst', lane='lane')} = F(0)")
        writer.line(f"{writer.at('loss', lane='lane')} = F(0)")
        writer.line(f"{writer.at('legal', lane='lane')} = F(1)")
        writer.line(f"{li('position')} = 0")
        if kernel.family == "strings":
            writer.line(f"string = {pi('first_string')}")
            with writer.block(f"if {li('testing')} > 0:"):
                writer.line(f"string += {li('testing')} - 1")
            with writer.block("else:"):
                writer.line(f"string += below(word(key, counter), {pi('n_training')})")
                writer.line("counter += 1")
            writer.line(f"{li('string')} = TS[string]")
            writer.line(f"{li('length')} = TS[string + 1] - TS[string] - 1")
        elif kernel.family == "adding":
            _begin_adding(writer)
        else:
            writer.line("kept = below(word(key, counter), 2)")
            writer.line("counter += 1")
            if kernel.family == "random distractors":
                writer.line("k = 0")
                with writer.block(f"while fraction(word(key, counter)) >= {pf(writer, 'stop')}:"):
                    writer.line("counter += 1")
                    writer.line("k += 1")
                writer.line("counter += 1")
                writer.line(f"{li('kept')} = kept")
                writer.line(f"{li('length')} = {pi('a')} + k + 3")
            else:
                writer.line(f"{li('kept')} = {pi('b')} - 1 + kept")
                writer.line(f"{li('length')} = {pi('b')}")
        writer.line(f"{li('counter')} = counter")


def _begin_adding(writer: Writer) -> None:
    """Write adding (a = T): the two marked places and the target."""
    writer.line(f"length = {pi('a')} + below(word(key, counter), {pi('a')} // 10 + 1)")
    writer.line("first = below(word(key, counter + 1), 10)")
    writer.line(f"second = below(word(key, counter + 2), {pi('a')} // 2 - 1)")
    with writer.block("if second >= first:"):
        writer.line("second += 1")
    writer.line("counter += 3")
    total = []
    for place in ("first", "second"):
        writer.line(f"x_{place} = 2.0 * fraction(word(key, counter + {place})) - 1.0")
        with writer.block(f"if {place} == 0:"):
            writer.line(f"x_{place} = 0.0")
        total.append(f"x_{place}")
    writer.line(f"{lf('target')} = 0.5 + ({total[0]} + {total[1]}) / 4.0")
    writer.line(f"{li('kept')} = first")
    writer.line(f"{li('string')} = second")
    writer.line(f"{li('length')} = length")


def fill(writer: Writer) -> None:
    """Write how a lane's next n inputs are made (and one target more, if each step has one)."""
    kernel = writer.kernel
    more = " + 1" if kernel.every_step else ""
    with writer.block(f"if {li('trial')} >= 0:"):
        writer.line(f"t = {li('trial')}")
        writer.line(f"position = {li('position')}")
        writer.line(f"key = np.uint64({pi('key_sequences')})")
        writer.line(f"counter = {li('counter')} + position")
        writer.line(f"o = lane * {CHUNK + 1}")
        if kernel.family == "strings":
            with writer.block(f"for j in range(n{more}):"):
                writer.line(f"SY[o + j] = TC[{li('string')} + position + j]")
        elif kernel.family == "two sequences":
            with writer.block(f"for j in range(n{more}):"):
                writer.line("SY[o + j] = position + j - 1")
        elif kernel.family == "random middle":
            with writer.block(f"for j in range(n{more}):"):
                writer.line(f"SY[o + j] = below(word(key, counter + j), {pi('b')} - 1)")
        elif kernel.family == "random distractors":
            with writer.block("for j in range(n):"):
                writer.line(f"SY[o + j] = below(word(key, counter + j), {pi('b')})")
            with writer.block("if position == 0:"):
                writer.line(f"SY[o] = {pi('b')} + 1")
            with writer.block("if position <= 1 and position + n > 1:"):
                writer.line(f"SY[o + 1 - position] = {pi('b')} + 2 + {li('kept')}")
            with writer.block(f"if position + n == {li('length')}:"):
                writer.line(f"SY[o + n - 1] = {pi('b')}")
        if kernel.family in ("two sequences", "random middle"):
            with writer.block("if position == 0:"):
                writer.line(f"SY[o] = {li('kept')}")
            if kernel.every_step:
                with writer.block(f"if position + n == {li('length')}:"):
                    writer.line(f"SY[o + n] = {li('kept')}")
        if kernel.family == "adding":
            _fill_adding(writer)
        elif kernel.symbolic:
            writer.line(f"{li('last')} = SY[o + n - 1]")
            with (
                writer.block(f"if {li('length')} < {pi('n_inputs')}:"),
                writer.block("for j in range(n):"),
            ):
                writer.line("VI[lane * Q[7] + position + j] = SY[o + j]")


def _fill_adding(writer: Writer) -> None:
    lanes = writer.kernel.lanes
    with writer.block("for j in range(n):"):
        writer.line("x = 2.0 * fraction(word(key, counter + j)) - 1.0")
        writer.line("marked = 0.0")
        writer.line("at = position + j")
        with writer.block(f"if at == 0 or at == {li('length')} - 1:"):
            writer.line("marked = -1.0")
        with writer.block(f"if at == {li('kept')} or at == {li('string')}:"):
            writer.line("marked = 1.0")
            with writer.block("if at == 0:"):
                writer.line("x = 0.0")
        writer.line(f"XB[(j * 2) * {lanes} + lane] = F(x)")
        writer.line(f"XB[(j * 2 + 1) * {lanes} + lane] = F(marked)")


def wide_outputs(writer: Writer, symbol: str, target: str) -> None:
    """Write many outputs of one lane, side by side: `eq-output-delta`; sums in sixteen parts."""
    kernel, net = writer.kernel, writer.kernel.net
    n, width, count = writer.number, kernel.padded_outputs, net.n_outputs
    delta, error, acc = 0, width, 2 * width
    own = kernel.output_sources
    writer.line(f"kt = {target}")
    writer.line(f"ko = (lane * KS) & {PLACE}")
    writer.line(f"kq = (ko + ({len(own)} + {symbol}) * {width}) & {PLACE}")
    writer.line(f"rate = {writer.rate('rest', 'lane')}")
    if kernel.scheduled:
        writer.line(f"from_cells = {writer.rate('out', 'lane')}")
    for i, (kind, m) in enumerate(own):
        row = {"c": "y_c", "x": "in"}.get(kind)
        value = writer.at(row, m, lane="lane") if row else n(1)
        writer.line(f"x{i} = {value}")
    with writer.block(f"for k in range({width}):"):
        total = "KX[kq + k]" if net.shortcuts and kernel.symbolic else n(0)
        for i in range(len(own)):
            total = writer.let("n", f"fma(KX[ko + {i * width} + k], x{i}, {total})")
        ((value, steep),) = writer.squash([(net.f_k, total)])
        wanted = writer.let("w", f"{n(1)} if k == kt else {n(0)}")
        miss = writer.let("w", f"{wanted} - {value}")
        if count < width:  # beyond the last output there is no error
            miss = writer.let("w", f"{miss} if k < {count} else {n(0)}")
        writer.line(f"WS[{delta} + k] = {steep} * {miss}")
        writer.line(f"WS[{error} + k] = abs({miss})")
    _wide_sums(writer, delta, error, acc)
    changed = "GK" if kernel.at_end else "KX"
    for i, (kind, _) in enumerate(own):
        rate = "from_cells" if kernel.scheduled and kind == "c" else "rate"
        writer.line(f"f{i} = {rate} * x{i}")
    with writer.block(f"for k in range({width}):"):
        d = writer.let("d", f"WS[{delta} + k]")
        for i in range(len(own)):
            place = f"{changed}[ko + {i * width} + k]"
            writer.line(f"{place} = fma(f{i}, {d}, {place})")
        if net.shortcuts and kernel.symbolic:
            writer.line(f"{changed}[kq + k] = fma(rate, {d}, {changed}[kq + k])")


def _wide_sums(writer: Writer, delta: int, error: int, acc: int) -> None:
    """Add what arrives at the cells, the loss and the largest error.

    Each in sixteen parts side by side, joined in pairs: an order that no machine changes.
    """
    kernel, n = writer.kernel, writer.number
    firsts = range(0, kernel.padded_outputs, 16)
    n_cells = kernel.net.n_cells
    with writer.block("for i in range(16):"):
        for c in range(n_cells):
            total = n(0)
            for k in firsts:
                weight = f"KX[ko + {c * kernel.padded_outputs + k} + i]"
                total = writer.let("n", f"fma(WS[{delta + k} + i], {weight}, {total})")
            writer.line(f"WS[{acc + 16 * c} + i] = {total}")
        loss, worst = n(0), n(0)
        for k in firsts:
            e = writer.let("e", f"WS[{error + k} + i]")
            loss = writer.let("n", f"fma({e}, {e}, {loss})")
            worst = writer.let("n", f"{e} if {e} > {worst} else {worst}")
        writer.line(f"WS[{acc + 16 * n_cells} + i] = {loss}")
        writer.line(f"WS[{acc + 16 * n_cells + 16} + i] = {worst}")

    def joined(first: int, join: str) -> str:
        parts = [writer.let("v", f"WS[{first + i}]") for i in range(16)]
        while len(parts) > 1:
            half = len(parts) // 2
            pairs = zip(parts[:half], parts[half:], strict=True)
            parts = [writer.let("v", join.format(a=a, b=b)) for a, b in pairs]
        return parts[0]

    for c in range(n_cells):
        arriving = joined(acc + 16 * c, "{a} + {b}")
        writer.line(f"{writer.at('arriving', c, lane='lane')} = {arriving}")
    loss = joined(acc + 16 * n_cells, "{a} + {b}")
    writer.line(f"{writer.at('loss', lane='lane')} += {loss}")
    worst = joined(acc + 16 * n_cells + 16, "{a} if {a} > {b} else {b}")
    place = writer.at("worst", lane="lane")
    forget = f"{n(1)} - {writer.at('judge_last', lane='lane')}"
    before = writer.let("b", f"{place} * ({forget})")
    writer.line(f"{place} = {worst} if {worst} > {before} else {before}")


def finish(writer: Writer) -> None:
    """Write the end of a sequence: last changes, flush, verdict; the next sequence or trial."""
    kernel = writer.kernel
    with writer.block(f"if {li('trial')} >= 0 and {li('position')} == {li('length')}:"):
        writer.line(f"t = {li('trial')}")
        writer.line(f"n_in = {pi('n_inputs')}")
        if not kernel.every_step:
            _last_step(writer)
        if kernel.symbolic:
            _flush(writer)
        if kernel.at_end:
            _apply_sums(writer)
        if kernel.family in ("random middle", "random distractors", "adding"):
            writer.line(f"{li('counter')} += {li('length')}")
        writer.line(f"seq_loss = 0.5 * np.float64({writer.at('loss', lane='lane')})")
        writer.line("sound = abs(seq_loss) < np.inf")
        writer.line(f"seq_worst = np.float64({writer.at('worst', lane='lane')})")
        if kernel.family == "strings":
            writer.line(f"right = sound and {writer.at('legal', lane='lane')} > F(0)")
        else:
            writer.line(f"right = sound and seq_worst < {pf(writer, 'tolerance')}")
        writer.line("ending = 0")
        if kernel.family == "strings":
            with writer.block(f"if {li('testing')} > 0:"):
                _tested(writer)
            with writer.block("else:"):
                _trained(writer)
        else:
            _trained(writer)
        _next(writer)


def _last_step(writer: Writer) -> None:
    """Write what the error of the last step does, for one lane."""
    kernel, net = writer.kernel, writer.kernel.net
    one = "for l in range(lane, lane + 1):"
    if kernel.symbolic:
        writer.line(f"last = {li('last')}")
        writer.line(f"o = lane * XS + last * {kernel.record['size']}")
        if kernel.idle_output_gates:
            for b in range(net.n_output_gates):
                unit = net.n_cells + net.n_input_gates + b
                writer.line(f"{writer.at('in', unit, lane='lane')} = WX[o + {unit}]")
    if kernel.family == "adding":
        writer.line(f"{writer.at('target', lane='lane')} = F({lf('target')})")
    else:
        writer.line(f"{writer.at('target', lane='lane')} = F({li('kept')})")
    if kernel.idle_output_gates:
        writer.late_gates(one)
    if kernel.wide:
        wide_outputs(writer, li("last"), li("kept"))
    else:
        if net.shortcuts and kernel.symbolic:
            writer.line(f"q = lane * KS + last * {kernel.padded_outputs}")
            for k in range(net.n_outputs):
                writer.line(f"{writer.at('shortcut', k, lane='lane')} = KX[q + {k}]")
        writer.narrow_outputs(one)
        if net.shortcuts and kernel.symbolic:
            for k in range(net.n_outputs):
                writer.line(f"KX[q + {k}] += {writer.at('change_k', k, lane='lane')}")
    writer.hidden_changes(one)
    writer.changes(one, "y_before", at_most=10_000)
    if kernel.symbolic:
        for b in range(net.n_output_gates):
            unit = net.n_cells + net.n_input_gates + b
            writer.line(f"WX[o + {unit}] += {writer.at('change_out', b, lane='lane')}")


def _flush(writer: Writer) -> None:
    """Apply what is owed to the weights from each symbol that occurred."""
    kernel, net, place = writer.kernel, writer.kernel.net, writer.kernel.record
    writer.load_errors("lane")
    writer.line(f"listed = {li('length')} < n_in")
    writer.line(f"count = {li('length')} if listed else n_in")
    with writer.block("for i in range(count):"):
        writer.line("symbol = np.int64(VI[lane * Q[7] + i]) if listed else i")
        writer.line(f"o = (lane * XS + symbol * {place['size']}) & {PLACE}")
        writer.flush_record("G" if kernel.at_end else "W")
        n_zero = (2 if net.input_gates else 1) * net.n_cells
        n_zero += net.n_cells if kernel.every_step else 0
        for m in range(n_zero):
            writer.line(f"WX[o + {place['ds_c'] + m}] = F(0)")
        if kernel.at_end:
            for m in range(net.n_hidden):
                writer.line(f"WX[o + {m}] += WX[o + {place['G'] + m}]")
            for m in range(net.n_hidden):
                writer.line(f"WX[o + {place['G'] + m}] = F(0)")
            if net.shortcuts:
                own = len(kernel.output_sources) if kernel.wide else 0
                writer.line(f"q = lane * KS + ({own} + symbol) * {kernel.padded_outputs}")
                with writer.block(f"for k in range({kernel.padded_outputs}):"):
                    writer.line("KX[q + k] += GK[q + k]")
                    writer.line("GK[q + k] = F(0)")


def _apply_sums(writer: Writer) -> None:
    """Apply a sequence's summed changes to the weights that stand in rows."""
    kernel, net, lanes = writer.kernel, writer.kernel.net, writer.kernel.lanes
    n_hidden = sum(len(sources) for sources in kernel.sources)
    pairs = []
    if n_hidden:
        first = next(i for (name, _, _), i in kernel.rows.items() if name == "W")
        first_g = next(i for (name, _, _), i in kernel.rows.items() if name == "G")
        pairs.append((first, first_g, n_hidden))
    if not kernel.wide and kernel.output_sources:
        pairs.append(
            (kernel.rows["K", 0, 0], kernel.rows["GK", 0, 0],
             net.n_outputs * len(kernel.output_sources))
        )  # fmt: skip
    for weights, sums, count in pairs:
        with writer.block(f"for r in range({count}):"):
            writer.line(f"S[({weights} + r) * {lanes} + lane] += S[({sums} + r) * {lanes} + lane]")
            writer.line(f"S[({sums} + r) * {lanes} + lane] = F(0)")
    if kernel.wide:
        with writer.block(f"for k in range({len(kernel.output_sources) * kernel.padded_outputs}):"):
            writer.line("KX[lane * KS + k] += GK[lane * KS + k]")
            writer.line("GK[lane * KS + k] = F(0)")


def _tested(writer: Writer) -> None:
    """Write what follows a string that was tried with the weights at rest."""
    with writer.block("if not right:"):
        writer.line(f"{li('testing')} = 0")
        writer.line(f"{writer.at('rate', lane='lane')} = F({pf(writer, 'learning_rate')})")
        with writer.block(f"if {li('presented')} >= {pi('cap')}:"):
            writer.line("ending = 2")
    with writer.block(f"elif {li('testing')} >= {pi('n_training')} + {pi('n_test')}:"):
        writer.line("ending = 1")
        writer.line(f"{ri('sequences')} = {li('presented')}")
    with writer.block("else:"):
        writer.line(f"{li('testing')} += 1")


def _trained(writer: Writer) -> None:
    """Write what follows a learned sequence: counts, curves, milestones, plateaus, verdict."""
    kernel = writer.kernel
    writer.line(f"{li('presented')} += 1")
    writer.line(f"{li('steps')} += {li('length')}")
    writer.line(f"presented = {li('presented')}")
    writer.line(f"{li('run')} = {li('run')} + 1 if right else 0")
    with writer.block("if not sound:"):
        writer.line("ending = 3")
    with writer.block("else:"):
        _curve(writer)
        _milestones(writer)
        if kernel.construct:
            _plateau(writer)
        if kernel.scheduled:
            for phase in range(1, PHASES):
                with writer.block(f"if presented == {pi(f'phase_end_{phase - 1}')}:"):
                    _set_rates(writer, phase)
        if kernel.family == "strings":
            with writer.block(f"if presented % {pi('every')} == 0:"):
                writer.line(f"{li('testing')} = 1")
                writer.line(f"{writer.at('rate', lane='lane')} = F(0)")
            with writer.block(f"elif presented >= {pi('cap')}:"):
                writer.line("ending = 2")
        else:
            with writer.block(f"if {li('run')} >= {pi('run')}:"):
                writer.line("ending = 1")
                last = f"presented if {pi('counted_last')} else presented - {li('run')} + 1"
                writer.line(f"{ri('sequences')} = {last}")
            with writer.block(f"elif presented >= {pi('cap')}:"):
                writer.line("ending = 2")


def _curve(writer: Writer) -> None:
    """Write the error curve: windows, of which neighbours are averaged when they are too many."""
    writer.line(f"{lf('loss')} += seq_loss")
    writer.line(f"{li('in_window')} += 1")
    with writer.block(f"if {li('in_window')} == {li('window')}:"):
        curve = f"RC[t * {WINDOW_SLOTS} + "
        writer.line(f"{curve}{li('n_windows')}] = {lf('loss')} / {li('window')}")
        writer.line(f"{li('n_windows')} += 1")
        writer.line(f"{li('in_window')} = 0")
        writer.line(f"{lf('loss')} = 0.0")
        with writer.block(f"if {li('n_windows')} == {WINDOW_SLOTS}:"):
            with writer.block(f"for i in range({WINDOW_SLOTS // 2}):"):
                writer.line(f"{curve}i] = 0.5 * ({curve}2 * i] + {curve}2 * i + 1])")
            writer.line(f"{li('n_windows')} = {WINDOW_SLOTS // 2}")
            writer.line(f"{li('window')} *= 2")


def _milestones(writer: Writer) -> None:
    """Note when learning was first seen, whatever the criterion."""
    if writer.kernel.family != "strings":
        for i, tolerance in enumerate(TOLERANCES):
            run, found = li(f"run_{i}"), ri(f"tolerance_{i}")
            writer.line(f"{run} = {run} + 1 if seq_worst < {tolerance} else 0")
            with writer.block(f"if {run} == 100 and {found} == 0:"):
                writer.line(f"{found} = presented - 99")
    writer.line(f"{li('right_accuracy')} += 1 if right else 0")
    writer.line(f"{li('in_accuracy')} += 1")
    with writer.block(f"if {li('in_accuracy')} == 100:"):
        for i, share in enumerate(ACCURACIES):
            found = ri(f"accuracy_{i}")
            with writer.block(
                f"if {li('right_accuracy')} >= {round(100 * share)} and {found} == 0:"
            ):
                writer.line(f"{found} = presented - 99")
        writer.line(f"{li('in_accuracy')} = 0")
        writer.line(f"{li('right_accuracy')} = 0")


def _plateau(writer: Writer) -> None:
    """Write sequential construction: a block is added where the error has stopped decreasing."""
    net = writer.kernel.net
    writer.line(f"{lf('plateau_loss')} += seq_loss")
    writer.line(f"{li('in_plateau')} += 1")
    with writer.block(f"if {li('in_plateau')} == {pi('plateau_window')}:"):
        writer.line(f"mean = {lf('plateau_loss')} / {pi('plateau_window')}")
        writer.line(f"{li('in_plateau')} = 0")
        writer.line(f"{lf('plateau_loss')} = 0.0")
        with writer.block(f"if mean < (1.0 - {pf(writer, 'gain')}) * {lf('best')}:"):
            writer.line(f"{lf('best')} = mean")
            writer.line(f"{li('failed')} = 0")
        with writer.block("else:"):
            writer.line(f"{li('failed')} += 1")
        more = f"{li('failed')} >= {pi('patience')} and {li('blocks')} < {net.n_blocks}"
        with writer.block(f"if {more}:"):
            writer.line(
                f"RI[t * {len(RI)} + {RI.index('added_0')} + min({li('blocks')}, 7)] = presented"
            )
            first = writer.kernel.rows["active", 0, 0]
            lanes = writer.kernel.lanes
            writer.line(f"S[({first} + {li('blocks')}) * {lanes} + lane] = F(1)")
            writer.line(f"{li('blocks')} += 1")
            writer.line(f"{lf('best')} = np.inf")
            writer.line(f"{li('failed')} = 0")


def _next(writer: Writer) -> None:
    """Write that the trial goes on, or leaves its lane to the next."""
    with writer.block("if ending != 0:"):
        writer.line(f"leave(lane, ending, {ARGUMENTS})")
    begin(writer)


def leave(writer: Writer) -> None:
    """Write how results are noted and the next trial takes the lane, or it falls idle, all zero."""
    kernel = writer.kernel
    writer.line("@within")
    with writer.block(function("leave", "lane, ending, ")):
        with writer.block("if ending != 0:"):
            writer.line(f"t = {li('trial')}")
            writer.line(f"{ri('ending')} = ending")
            writer.line(f"{ri('presented')} = {li('presented')}")
            with writer.block("if ending != 1:"):
                writer.line(f"{ri('sequences')} = {li('presented')}")
            for name in ("steps", "window", "n_windows"):
                writer.line(f"{ri(name)} = {li(name)}")
            with writer.block("if Q[6] > 0:"):
                writer.line(f"dump(lane, t, {ARGUMENTS})")
            writer.line("D[Q[2]] = t")
            writer.line("Q[2] += 1")
        with writer.block("if Q[0] < Q[1]:"):
            writer.line("Q[0] += 1")
            writer.line(f"load(lane, Q[0] - 1, {ARGUMENTS})")
        with writer.block("else:"):
            strides(writer)
            with writer.block(f"for i in range({len(LI)}):"):
                writer.line(f"LI[lane * {len(LI)} + i] = 0")
            writer.line(f"{li('trial')} = -1")
            writer.line("Q[3] -= 1")
            with writer.block(f"for r in range({len(kernel.rows)}):"):
                writer.line(f"S[r * {kernel.lanes} + lane] = F(0)")
            with writer.block("for m in range(XS):"):
                writer.line("WX[lane * XS + m] = F(0)")
            with writer.block("for m in range(KS):"):
                writer.line("KX[lane * KS + m] = F(0)")
            with writer.block(f"for j in range({CHUNK + 1}):"):
                writer.line(f"SY[lane * {CHUNK + 1} + j] = 0")


def run(writer: Writer) -> None:
    """Write the loop: so many steps that no lane's sequence ends within them, again and again."""
    kernel = writer.kernel
    each = f"for lane in range({kernel.lanes}):"
    writer.line("@jit")
    with writer.block(function("run", "budget, ")):
        strides(writer)
        with writer.block("if Q[8] == 0:"):
            writer.line("Q[8] = 1")
            with writer.block(each):
                writer.line(f"leave(lane, 0, {ARGUMENTS})")
                begin(writer)
        writer.line("steps = 0")
        with writer.block("while steps < budget and Q[3] > 0:"):
            writer.line(f"n = {CHUNK}")
            with writer.block(each), writer.block(f"if {li('trial')} >= 0:"):
                writer.line(f"n = min(n, {li('length')} - {li('position')})")
            with writer.block(each):
                fill(writer)
            if kernel.every_step:
                _every_step(writer)
            else:
                _resting_steps(writer)
            writer.line("steps += n")
            with writer.block(each):
                with writer.block(f"if {li('trial')} >= 0:"):
                    writer.line(f"{li('position')} += n")
                finish(writer)
        writer.line("return steps")


def _copy(writer: Writer, to: str, start: str, count: int) -> None:
    with writer.block(f"for i in range({count * writer.kernel.lanes}):"):
        writer.line(f"{to} = {start}")


def _resting_steps(writer: Writer) -> None:
    """Write a chunk of steps without error: weights rest, so inputs can be gathered before."""
    kernel, net, lanes = writer.kernel, writer.kernel.net, writer.kernel.lanes
    rows = kernel.rows
    late = kernel.idle_output_gates
    n_in = net.n_cells + net.n_input_gates if late else net.n_hidden
    n_into = (2 if net.input_gates else 1) * net.n_cells
    if kernel.symbolic:
        _gather(writer, n_in)
    every = f"for l in range({lanes}):"
    with writer.block("for j in range(n):"):
        if kernel.symbolic:
            _transpose(writer, n_in)
        else:
            size = kernel.n_dense * lanes
            start = f"XB[j * {size} + i]"
            _copy(writer, f"S[{rows['in', 0, 0] * lanes} + i]", start, kernel.n_dense)
        if net.n_recurrent:
            y, before = rows["y", 0, 0] * lanes, rows["y_before", 0, 0] * lanes
            with writer.block("if j == n - 1:"):
                _copy(writer, f"S[{before} + i]", f"S[{y} + i]", net.n_recurrent)
        writer.hidden(every)
        writer.partials(every)
        if net.n_recurrent:
            new = rows["y_new", 0, 0] * lanes
            _copy(writer, f"S[{y} + i]", f"S[{new} + i]", net.n_recurrent)
        if kernel.symbolic:
            _transpose_back(writer, n_into)
    if kernel.symbolic:
        _scatter_chunk(writer, n_into)


def _groups(count: int, size: int) -> list[range]:
    """Return ranges of at most `size` that cover `count`."""
    return [range(first, min(first + size, count)) for first in range(0, count, size)]


def _gather(writer: Writer, n_in: int) -> None:
    """Copy the weights from each lane's next symbols, eight at a time: XB[step, group, lane, 8]."""
    kernel, lanes = writer.kernel, writer.kernel.lanes
    groups = _groups(n_in, 8)
    with writer.block(f"for lane in range({lanes}):"), writer.block("for j in range(n):"):
        symbol = f"SY[lane * {CHUNK + 1} + j]"
        writer.line(f"o = (lane * XS + {symbol} * {kernel.record['size']}) & {PLACE}")
        for g, units in enumerate(groups):
            writer.line(f"x = ((j * {len(groups)} + {g}) * {lanes * 8} + lane * 8) & {PLACE}")
            # eight numbers, whatever they are: one vector move
            many = min(8, kernel.record["size"] - units.start)
            for u in range(many):
                writer.line(f"w{u} = WX[o + {units.start + u}]")
            for u in range(many):
                writer.line(f"XB[x + {u}] = w{u}")


def _transpose(writer: Writer, n_in: int) -> None:
    """Bring a step's gathered weights into rows of lanes."""
    lanes = writer.kernel.lanes
    groups = _groups(n_in, 8)
    for g, units in enumerate(groups):
        writer.line(f"x = ((j * {len(groups)} + {g}) * {lanes * 8}) & {PLACE}")
        with writer.block(f"for l in range({lanes}):"):
            for u, unit in enumerate(units):
                writer.line(f"{writer.at('in', unit)} = XB[x + l * 8 + {u}]")


def _transpose_back(writer: Writer, n_into: int) -> None:
    """Put a step's changes of partials side by side: CB[step, group, lane, 4]."""
    net, lanes = writer.kernel.net, writer.kernel.lanes
    groups = _groups(n_into, 4)
    for g, changes in enumerate(groups):
        writer.line(f"x = ((j * {len(groups)} + {g}) * {lanes * 4}) & {PLACE}")
        with writer.block(f"for l in range({lanes}):"):
            for u, m in enumerate(changes):
                row = ("into_c", m) if m < net.n_cells else ("into_in", m - net.n_cells)
                writer.line(f"w{u} = {writer.at(*row)}")
            for u in range(4):
                writer.line(f"CB[x + l * 4 + {u}] = {f'w{u}' if u < len(changes) else 'F(0)'}")


def _scatter_chunk(writer: Writer, n_into: int) -> None:
    """Add a chunk's changes of partials to the records of the symbols, in the order of steps."""
    kernel, lanes = writer.kernel, writer.kernel.lanes
    groups = _groups(n_into, 4)
    with writer.block(f"for lane in range({lanes}):"), writer.block("for j in range(n):"):
        symbol = f"SY[lane * {CHUNK + 1} + j]"
        writer.line(f"o = (lane * XS + {symbol} * {kernel.record['size']}) & {PLACE}")
        for g, changes in enumerate(groups):
            writer.line(f"x = ((j * {len(groups)} + {g}) * {lanes * 4} + lane * 4) & {PLACE}")
            first = kernel.record["ds_c"] + changes.start
            for u in range(len(changes)):
                writer.line(f"w{u} = WX[o + {first + u}] + CB[x + {u}]")
            for u in range(len(changes)):
                writer.line(f"WX[o + {first + u}] = w{u}")


def _every_step(writer: Writer) -> None:
    """Write steps that each have an error: records are brought up to date when visited."""
    kernel, net, lanes = writer.kernel, writer.kernel.net, writer.kernel.lanes
    place, rows = kernel.record, kernel.rows
    every = f"for l in range({lanes}):"
    narrow_shortcuts = net.shortcuts and not kernel.wide
    with writer.block("for j in range(n):"):
        with writer.block(every):
            writer.line(f"symbol = SY[l * {CHUNK + 1} + j]")
            writer.line(f"o = (l * XS + symbol * {place['size']}) & {PLACE}")
            writer.load_errors()
            writer.flush_record("G" if kernel.at_end else "W")
            for c in range(net.n_cells):
                writer.line(f"WX[o + {place['E'] + c}] = e{c}")
            for unit in range(net.n_hidden):
                writer.line(f"{writer.at('in', unit)} = WX[o + {unit}]")
            writer.line(f"{writer.at('target')} = F(SY[l * {CHUNK + 1} + j + 1])")
            if narrow_shortcuts:
                writer.line(f"q = (l * KS + symbol * {kernel.padded_outputs}) & {PLACE}")
                for k in range(net.n_outputs):
                    writer.line(f"{writer.at('shortcut', k)} = KX[q + {k}]")
            if kernel.family == "strings":
                writer.line(f"may = TP[{li('string', 'l')} + {li('position', 'l')} + j]")
                for k in range(net.n_outputs):
                    writer.line(f"{writer.at('possible', k)} = F((may >> {k}) & 1)")
        writer.hidden(every)
        writer.partials(every)
        if kernel.wide:
            with writer.block(f"for lane in range({lanes}):"):
                symbol = f"SY[lane * {CHUNK + 1} + j"
                wide_outputs(writer, f"{symbol}]", f"{symbol} + 1]")
        else:
            writer.narrow_outputs(every)
        writer.hidden_changes(every)
        writer.changes(every, "y")
        if net.n_recurrent:
            y, new = rows["y", 0, 0] * lanes, rows["y_new", 0, 0] * lanes
            _copy(writer, f"S[{y} + i]", f"S[{new} + i]", net.n_recurrent)
        with writer.block(every):
            _scatter(writer, narrow_shortcuts)


def _scatter(writer: Writer, narrow_shortcuts: bool) -> None:
    """Bring one step's changes of a lane to its symbol's record."""
    kernel, net, place = writer.kernel, writer.kernel.net, writer.kernel.record
    writer.line(f"symbol = SY[l * {CHUNK + 1} + j]")
    writer.line(f"o = (l * XS + symbol * {place['size']}) & {PLACE}")
    for c in range(net.n_cells):
        writer.line(f"WX[o + {place['ds_c'] + c}] += {writer.at('into_c', c)}")
    for c in range(net.n_cells if net.input_gates else 0):
        writer.line(f"WX[o + {place['ds_in'] + c}] += {writer.at('into_in', c)}")
    first = place["G" if kernel.at_end else "W"] + net.n_cells + net.n_input_gates
    for b in range(net.n_output_gates):
        writer.line(f"WX[o + {first + b}] += {writer.at('change_out', b)}")
    if narrow_shortcuts:
        writer.line(f"q = (l * KS + symbol * {kernel.padded_outputs}) & {PLACE}")
        target = "GK" if kernel.at_end else "KX"
        for k in range(net.n_outputs):
            writer.line(f"{target}[q + {k}] += {writer.at('change_k', k)}")
