"""The outputs of a net, their errors and the changes of their weights, for every learner alike.

Outputs read some units below them, the inputs where there are shortcuts, and a bias. Up to `WIDE`
of them stand in rows, as all else does: a number is one number a trial. More of them stand side by
side: a number is then so many outputs of one trial.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from lstmbook.lanes.blocks import Layout, Memory, number, one_lane, up_to, view
from lstmbook.lanes.learner import IN_OWN, IN_RECORDS, IN_STATE
from lstmbook.lanes.squash import squash
from lstmbook.lanes.words import (
    Constants,
    Number,
    absolute,
    fma,
    lane,
    larger,
    largest,
    like,
    smaller,
    total,
    where,
)

WIDE = 16
"""Beyond so many outputs those of one trial are computed side by side, not trials."""

INFINITE = float("inf")

INTO, OUT, REST = range(3)
"""Weights that a schedule can give rates of their own: into memory cells and gates, from cells to
outputs, all others."""


class OutputLayout(Constants):
    """Which outputs a net has, and where their numbers stand.

    A learner's layout is derived from it and has these attributes.

    Attributes
    ----------
    n_outputs, n_read, n_dense
        Outputs, the units they read, and inputs that are real numbers.
    symbolic
        Whether inputs are symbols.
    shortcuts, output_biases
        Whether outputs read the inputs, and whether they have biases.
    f_k
        Their squashing function, one of `lstmbook.lanes.squash.KINDS`.
    target
        What they are to show: "symbol" (the number of the one that is to be 1), "value" (of the
        only one), or "vector" (a value each, at steps that count).
    masked
        Whether some trials' steps do not count: their errors are 0.
    at_end
        Whether a sequence's changes are made together at its end.
    scheduled
        Whether three groups of weights have rates of their own.
    legal
        Whether it is noted if an impossible symbol was more active than a possible one.
    noted
        Whether outputs are kept for whoever presented the step.
    n_judged
        So many outputs show what the task asks for, the first ones; the others imitate.
    watched
        Whether a step's largest error is kept, too.
    gained
        Whether ``gain`` says what an error of 1 adds to the weights from each source; else it is
        the learning rate times what the source shows.
    dtype, lanes
        "float32" or "float64", and how many trials run side by side.
    """

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            """Stand for what the derived layout has."""

    @property
    def n_judged(self) -> int:
        """The outputs that show what the task asks for."""
        return int(self.n_outputs)

    @property
    def all_judged(self) -> bool:
        """Whether no output imitates something else."""
        return bool(self.n_judged == self.n_outputs)

    @property
    def watched(self) -> bool:
        """Whether a step's largest error is kept."""
        return False

    @property
    def last_only(self) -> bool:
        """Whether of steps with a target only a sequence's last one counts."""
        return False

    @property
    def gained(self) -> bool:
        """Whether changes have a gain of their own."""
        return False

    @property
    def symbol_wanted(self) -> bool:
        """Whether the target is the number of an output."""
        return bool(self.target == "symbol")

    @property
    def vector_wanted(self) -> bool:
        """Whether each output has a target of its own."""
        return bool(self.target == "vector")

    @property
    def keeps_outputs(self) -> bool:
        """Whether outputs are looked at after their step."""
        return bool(self.legal or self.noted)

    @property
    def n_arriving(self) -> int:
        """Units at which errors arrive from outside: those that outputs read."""
        return int(self.n_read)

    @property
    def n_shown(self) -> int:
        """Sources of outputs in rows, without the bias: units, and real inputs with shortcuts."""
        return int(self.n_read + (self.n_dense if self.shortcuts else 0))

    @property
    def n_into_k(self) -> int:
        """Weights in rows into an output."""
        return int(self.n_shown + self.output_biases)

    @property
    def wide(self) -> bool:
        """Whether the outputs of one trial are computed side by side."""
        return bool(self.n_outputs > WIDE)

    @property
    def n_narrow(self) -> int:
        """Outputs whose trials are side by side."""
        return 0 if self.wide else int(self.n_outputs)

    @property
    def n_skip(self) -> int:
        """Outputs whose weights from a symbol move with the symbol's record."""
        return self.n_narrow if self.symbolic and self.shortcuts else 0

    @property
    def wide_skip(self) -> bool:
        """Whether wide outputs have weights from symbols."""
        return bool(self.wide and self.symbolic and self.shortcuts)

    @property
    def across(self) -> int:
        """So many outputs stand side by side in one number."""
        return 16 if self.dtype == "float64" else min(up_to(self.n_outputs), 112)

    @property
    def n_across(self) -> int:
        """So many such numbers hold all outputs."""
        return -(-self.n_outputs // self.across) if self.wide else 0

    @property
    def own_size(self) -> int:
        """Places of a trial's wide outputs."""
        return self.own.size

    @property
    def state(self) -> Layout:
        """The block of all trials; it has `output_fields`."""
        raise NotImplementedError

    @property
    def output_weights(self) -> dict[str, Any]:
        """Fields of the weights in rows."""
        K = number(self.lanes, self.n_narrow, self.n_into_k)
        return {"K": K, "sum_K": K if self.at_end else "K"}

    @property
    def judged(self) -> dict[str, Any]:
        """Fields of what the loop reads; they are zero where a sequence begins."""
        return {name: number(self.lanes) for name in ("loss", "worst", "illegal")}

    @property
    def output_fields(self) -> dict[str, Any]:
        """Fields of what outputs need at a step."""
        L = self.lanes
        fields: dict[str, Any] = {
            "begins": number(L),
            "target": number(L),
            "wanted": number(L, self.n_judged if self.vector_wanted and not self.wide else 0),
            "imitated": number(L, self.n_narrow and self.n_outputs - self.n_judged),
            "shown": number(L, self.n_shown + 1),
            "arriving": number(L, self.n_arriving),
            "delta": number(L, self.n_narrow),
            "y_k": number(L, self.n_narrow),
            "may": number(L, self.n_narrow if self.legal else 0),
        }
        if self.masked:
            fields["counts"] = number(L)
        if self.gained:
            fields["gain"] = number(L, self.n_into_k)
        if self.watched:
            fields["off"] = number(L)
        return fields

    @cached_property
    def own(self) -> Layout:
        """Of wide outputs, what belongs to one trial: weights, and what arrives at units."""
        K = number(self.across, self.n_into_k if self.wide else 0, self.n_across)
        fields: dict[str, Any] = {"K": K, "sum_K": K if self.at_end else "K"}
        fields["arriving"] = number(self.across, self.n_read if self.wide else 0)
        fields["wanted"] = number(self.across, self.n_across if self.vector_wanted else 0)
        fields["y_k"] = number(self.across, self.n_across if self.noted else 0)
        fields["imitated"] = number(self.across, 0 if self.all_judged else self.n_across)
        return Layout.of(self.dtype, fields)

    @property
    def first_wanted(self) -> int:
        """Where the targets of wide outputs begin in a trial's memory."""
        return self.own.start("wanted")

    @property
    def first_imitated(self) -> int:
        """Where in a trial's memory stands what the first wide output that imitates is to show."""
        return self.own.start("imitated") + self.n_judged

    @property
    def first_y_k(self) -> int:
        """Where wide outputs begin in a trial's memory."""
        return self.own.start("y_k")

    @cached_property
    def numbering(self) -> Layout:
        """The numbers of wide outputs, and 1 where there is such an output, and it is judged."""
        field = number(self.across, self.n_across)
        return Layout.of(self.dtype, dict.fromkeys(("number", "exists", "judged"), field))

    def numbered(self) -> Memory:
        """Return the memory of `numbering`, filled."""
        numbering = self.numbering.memory()
        block = view(self.numbering, numbering, 0)
        count = np.arange(self.n_across * self.across).reshape(self.n_across, self.across)
        block.values("number")[...] = count
        block.values("exists")[...] = count < self.n_outputs
        block.values("judged")[...] = count < self.n_judged
        return numbering

    def in_state(self, name: str, i: int, j: int) -> tuple[int, int, int]:
        """Return where the number of a field with two indices stands, of the first lane."""
        start, field = self.state.places[name]
        return IN_STATE, start + (i * field.shape[1] + j) * self.lanes, -1

    def output_places(
        self, record: Layout, n_inputs: int, first_unit: int | None = None
    ) -> list[tuple[int, int, int]]:
        """Return where the weights into outputs stand, as `LaneLearner.weight_places` has them.

        Each output has those from units, from inputs, and its bias.

        Parameters
        ----------
        record
            The record of a symbol.
        first_unit
            The number that the first output has among the units whose biases may be set; None
            if none is.
        """
        parts = []
        for k in range(self.n_outputs):
            own = [self._into_output(k, m) for m in range(self.n_into_k)]
            parts += own[: self.n_read]
            if self.symbolic and self.shortcuts:
                start = record.start("across" if self.wide else "K") + k
                parts += [(IN_RECORDS, start + j * record.size, -1) for j in range(n_inputs)]
            parts += own[self.n_read :]
            if self.output_biases and first_unit is not None:
                parts[-1] = (*parts[-1][:2], first_unit + k)
        return parts

    def _into_output(self, k: int, m: int) -> tuple[int, int, int]:
        if not self.wide:
            return self.in_state("K", k, m)
        return IN_OWN, self.own.start("K") + m * self.n_across * self.across + k, -1


# ---------------------------------------------------------------- outputs and their errors
@lane
def rate_of(net: OutputLayout, S: Any, group: int) -> Number:
    """Return the learning rate of a group of weights."""
    if net.scheduled:
        return S.rate[group]
    return S.rate[0]


@lane
def judge(net: OutputLayout, S: Any, loss: Number, worst: Number, off: Number) -> None:
    """Add a step's loss, and keep the largest error (of the last step, if that is judged).

    `off` is the step's largest error, whether it counts or not.
    """
    S.loss = S.loss + loss
    if net.watched:
        S.off = off
    worst = larger(worst, S.worst * (1.0 - S.judge_last))
    if net.masked:
        worst = where(S.counts > 0.0, worst, S.worst)
    S.worst = worst


@lane
def wanted_of(net: OutputLayout, S: Any, k: int) -> Number:
    """Return the target of one of few outputs."""
    if not net.all_judged and k >= net.n_judged:
        return S.imitated[k - net.n_judged]
    if net.symbol_wanted:
        return where(S.target == k, like(S.loss, 1.0), like(S.loss, 0.0))
    if net.vector_wanted:
        return S.wanted[k]
    return S.target


@lane
def outputs(net: OutputLayout, S: Any, X: Any) -> None:
    """Few outputs, their errors, and what arrives at the units they read: `eq-output-delta`."""
    zero = like(S.loss, 0.0)
    loss, worst, off = zero, zero, zero
    for k in range(net.n_outputs):
        net_k = zero
        if net.n_skip > 0:
            net_k = X.K[k]
        for m in range(net.n_into_k):
            net_k = fma(S.K[k, m], S.shown[m], net_k)
        y_k, slope = squash(net.f_k, net_k)
        e_k = wanted_of(net, S, k) - y_k
        if net.all_judged or k < net.n_judged:
            off = larger(absolute(e_k), off)
            if net.masked:
                e_k = e_k * S.counts
            loss = fma(e_k, e_k, loss)
            worst = larger(absolute(e_k), worst)
        S.delta[k] = slope * e_k
        if net.keeps_outputs:
            S.y_k[k] = y_k
    judge(net, S, loss, worst, off)
    for c in range(net.n_read):
        arriving = S.K[0, c] * S.delta[0]
        for k in range(1, net.n_outputs):
            arriving = fma(S.K[k, c], S.delta[k], arriving)
        S.arriving[c] = arriving


@lane
def gain_of(net: OutputLayout, S: Any, rate: Number, m: int) -> Number:
    """Return what an error of 1 adds to the weights from the m-th source."""
    if net.gained:
        return S.gain[m]
    return rate * S.shown[m]


@lane
def change_outputs(net: OutputLayout, S: Any, X: Any) -> None:
    """Change the weights of few outputs: `eq-output-delta`."""
    for k in range(net.n_outputs):
        change = rate_of(net, S, REST) * S.delta[k]
        from_cells = rate_of(net, S, OUT) * S.delta[k] if net.scheduled else change
        if net.gained:
            for m in range(net.n_into_k):
                S.sum_K[k, m] = fma(S.delta[k], S.gain[m], S.sum_K[k, m])
        else:
            for c in range(net.n_read):
                S.sum_K[k, c] = fma(from_cells, S.shown[c], S.sum_K[k, c])
            for m in range(net.n_read, net.n_into_k):
                S.sum_K[k, m] = fma(change, S.shown[m], S.sum_K[k, m])
        if net.n_skip > 0:
            X.sum_K[k] = X.sum_K[k] + change


@lane
def note_illegal(net: OutputLayout, S: Any) -> None:
    """Note where an impossible symbol is at least as active as a possible one."""
    low, high = like(S.loss, INFINITE), like(S.loss, -INFINITE)
    for k in range(net.n_judged):
        low = smaller(where(S.may[k] > 0.0, S.y_k[k], INFINITE), low)
        high = larger(where(S.may[k] > 0.0, -INFINITE, S.y_k[k]), high)
    legal = low > high
    if net.masked:
        legal = legal | (S.counts == 0.0)
    S.illegal = where(legal, S.illegal, 1.0)


@lane
def wide_wanted(net: OutputLayout, mine: Any, own: Any, N: Any, k: int) -> Number:
    """Return the targets of outputs that stand side by side."""
    one, zero = like(N.exists[0], 1.0), like(N.exists[0], 0.0)
    wanted = own.wanted[k] if net.vector_wanted else where(N.number[k] == mine.target, one, zero)
    if not net.all_judged:
        wanted = wanted + own.imitated[k]
    return wanted


@lane
def wide_outputs(net: OutputLayout, mine: Any, own: Any, X: Any, N: Any) -> None:
    """Many outputs of one trial, side by side, with their changes: `eq-output-delta`."""
    rate = rate_of(net, mine, REST)
    from_cells = rate_of(net, mine, OUT)
    zero = like(N.exists[0], 0.0)
    loss, worst, off = zero, zero, zero
    for c in range(net.n_read):
        own.arriving[c] = zero
    for k in range(net.n_across):
        net_k = X.across[k] if net.wide_skip else zero
        for m in range(net.n_into_k):
            net_k = fma(own.K[m, k], like(net_k, mine.shown[m]), net_k)
        y_k, slope = squash(net.f_k, net_k)
        if net.noted:
            own.y_k[k] = y_k
        e_k = (wide_wanted(net, mine, own, N, k) - y_k) * N.exists[k]
        if net.watched:
            off = larger(absolute(e_k * N.judged[k]), off)
        if net.masked:
            counts = like(e_k, mine.counts)
            if not net.all_judged:
                counts = where(N.judged[k] > 0.0, counts, like(e_k, 1.0))
            e_k = e_k * counts
        judged = e_k if net.all_judged else e_k * N.judged[k]
        loss = fma(judged, judged, loss)
        worst = larger(absolute(judged), worst)
        delta = slope * e_k
        for c in range(net.n_read):
            own.arriving[c] = fma(delta, own.K[c, k], own.arriving[c])
            own.sum_K[c, k] = fma(
                delta, like(delta, gain_of(net, mine, from_cells, c)), own.sum_K[c, k]
            )
        for m in range(net.n_read, net.n_into_k):
            own.sum_K[m, k] = fma(delta, like(delta, gain_of(net, mine, rate, m)), own.sum_K[m, k])
        if net.wide_skip:
            X.sum_across[k] = fma(delta, like(delta, rate), X.sum_across[k])
    for c in range(net.n_read):
        mine.arriving[c] = total(own.arriving[c])
    judge(net, mine, total(loss), largest(worst), largest(off))


@lane
def outputs_of_all(net: OutputLayout, S: Any, X: Any, M: Any, places: Memory, at: int) -> None:
    """Let all trials answer, and change for their errors; a record begins at places[at + i]."""
    if net.wide:
        N = view(net.numbering, M.numbering, 0)
        for i in range(net.lanes):
            R = view(net.record, M.records, places[at + i])
            wide_outputs(net, one_lane(S, i), view(net.own, M.own, i * net.own_size), R, N)
    else:
        outputs(net, S, X)
        change_outputs(net, S, X)
    if net.legal:
        note_illegal(net, S)


@lane
def outputs_of_one(net: OutputLayout, mine: Any, R: Any, M: Any, i: int) -> None:
    """Let one trial answer, and change for its errors; R is its symbol's record."""
    if net.wide:
        N = view(net.numbering, M.numbering, 0)
        wide_outputs(net, mine, view(net.own, M.own, i * net.own_size), R, N)
    else:
        outputs(net, mine, R)
        change_outputs(net, mine, R)


# ---------------------------------------------------------------- a sequence's end
@lane
def forget_symbol(net: OutputLayout, X: Any) -> None:
    """Make a sequence's summed changes of the weights from one symbol to outputs."""
    if net.at_end:
        for k in range(net.n_skip):
            X.K[k], X.sum_K[k] = X.K[k] + X.sum_K[k], 0.0
        for k in range(net.n_across if net.wide_skip else 0):
            X.across[k], X.sum_across[k] = X.across[k] + X.sum_across[k], 0.0


@lane
def apply_output_sums(net: OutputLayout, mine: Any, own: Any) -> None:
    """Make a sequence's summed changes of the other weights into outputs."""
    for m in range(net.n_into_k):
        for k in range(net.n_narrow):
            mine.K[k, m], mine.sum_K[k, m] = mine.K[k, m] + mine.sum_K[k, m], 0.0
        for k in range(net.n_across):
            own.K[m, k], own.sum_K[m, k] = own.K[m, k] + own.sum_K[m, k], 0.0
