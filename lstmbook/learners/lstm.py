"""LSTM with its truncated gradient (chapter 12), for many trials side by side.

A number of lane code is one number a trial. `S` is a block with all that a trial's network holds,
`X` what belongs to the present input: rows of all trials, or the record of one trial and symbol.
`lstmbook.lstm` and `lstmbook.truncated_learning` say the same with matrices, for one network;
tests hold the two equal.

==================  =================================================================
here                in chapters 11 and 12
==================  =================================================================
``source, shown``   what hidden units, and what outputs read: y^m(t-1), y^m(t)
``X.W, X.V, X.K``   the present symbol's column of W_c and W_in, of W_out, of W_k
``into_c``          g'(net_c) y_in, what ds_c/dw gains for a source of 1
``into_in``         g(net_c) f'(net_in), what ds_c/dw_in gains for a source of 1
``arriving``        sum over k of w_kc delta_k
``change_c``        learning rate times e_s, `eq-state-error`
``change_out``      learning rate times delta_out, `eq-output-gate`
``E``               the sum of ``change_c`` over the steps so far
``sum_W, sum_K``    where changes go: the weights themselves, or their sums if a
                    sequence's changes wait for its end
==================  =================================================================

The weights from an input symbol change only when the symbol occurs, so they stand side by side in
a record of the symbol, with the partials that belong to them. An error of the output changes all
of them, along partials that rest until their symbol comes again. Between two occurrences the
partial ds is constant, so the changes owed add up to ``(E - E_last) ds``; they are paid when the
symbol recurs or the sequence ends, which is exact. Where only the last step has an error, E_last
is 0.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from lstmbook.lanes.blocks import (
    Memory,
    collect,
    deliver,
    one_lane,
    view,
)
from lstmbook.lanes.squash import logistic, squash
from lstmbook.lanes.words import (
    Number,
    fma,
    lane,
    like,
    seldom,
    where,
)
from lstmbook.learners.lstm_layout import LSTMLayout, Numbers
from lstmbook.learners.outputs import (
    INTO,
    apply_output_sums,
    forget_symbol,
    outputs_of_all,
    outputs_of_one,
    rate_of,
)


# ---------------------------------------------------------------- small helps
@lane
def first_of(net: LSTMLayout, b: int) -> int:
    """Return a block's first cell."""
    if net.size > 0:
        return b * net.size
    return net.firsts[b]


@lane
def size_of(net: LSTMLayout, b: int) -> int:
    """Return a block's number of cells."""
    if net.size > 0:
        return net.size
    return net.sizes[b]


@lane
def going_on(net: LSTMLayout, S: Any, x: Number) -> Number:
    """Return what a sequence carries on: 0 where it begins.

    With an error at each step lanes begin at any step, and a select does it here; else the loop
    clears what is carried between sequences.
    """
    if net.every_step:
        return where(S.begins > 0.0, 0.0, x)
    return x  # is set to 0 when a sequence begins: seldom enough


# ---------------------------------------------------------------- forward
@lane
def net_input(net: LSTMLayout, S: Any, start: Number, u: int, n: int) -> Number:
    """Return a hidden unit's net input from n sources: `eq-hidden-net`.

    A one-hot input picks one weight, so the sum starts with it.
    """
    net_u = start
    for m in range(n):
        net_u = fma(S.W[u, m], S.source[m], net_u)
    return net_u


@lane
def read_sources(net: LSTMLayout, S: Any, X: Any) -> None:
    """Set what hidden units read: real inputs, and hidden units at the step before."""
    for m in range(net.n_dense):
        S.source[m] = X.x[m]
        if net.shortcuts:
            S.shown[net.n_cells + m] = X.x[m]
    for m in range(net.n_recurrent):
        S.source[net.n_dense + m] = going_on(net, S, S.y_new[m])


@lane
def if_there(net: LSTMLayout, S: Any, b: int, x: Number) -> Number:
    """Return what belongs to a block: 0 as long as the block has not been added."""
    if net.construct:
        return where(S.active[b] > 0.0, x, 0.0)
    return x


@lane
def feed_back(net: LSTMLayout, S: Any, m: int, b: int, y: Number) -> None:
    """Note a hidden unit's activation for the next step, if the unit feeds back."""
    if m < net.n_recurrent:
        S.y_new[m] = if_there(net, S, b, y)


@lane
def net_inputs(net: LSTMLayout, S: Any, X: Any) -> None:
    """Compute the net inputs of cells and input gates, and of output gates that do not rest."""
    zero = like(S.loss, 0.0)
    for c in range(net.n_cells):
        S.net[c] = net_input(net, S, X.W[c] if net.symbolic else zero, c, net.n_into_c)
    for u in range(net.n_cells, net.n_gated):
        S.net[u] = net_input(net, S, X.W[u] if net.symbolic else zero, u, net.n_into_in)
    if not net.gates_rest:
        out_net_inputs(net, S, X)


@lane
def out_net_inputs(net: LSTMLayout, S: Any, X: Any) -> None:
    """Compute the net inputs of output gates."""
    zero = like(S.loss, 0.0)
    for b in range(net.n_out_gates):
        start = X.V[b] if net.symbolic else zero
        S.net[net.n_gated + b] = net_input(net, S, start, net.n_gated + b, net.n_into_out)


@lane
def enter_cells(net: LSTMLayout, S: Any) -> None:
    """Compute input gates and states: `eq-gates`, `eq-internal-state`; note what they hand on."""
    for b in range(net.n_blocks):
        y_in, f_in = like(S.loss, 1.0), like(S.loss, 0.0)
        if net.input_gates:
            y_in, f_in = logistic(S.net[net.n_cells + b])
            feed_back(net, S, net.n_cells + b, b, y_in)
        for i in range(size_of(net, b)):
            c = first_of(net, b) + i
            g, g_slope = squash(net.g, S.net[c])
            S.s[c] = fma(y_in, g, going_on(net, S, S.s[c]))
            S.into_c[c] = g_slope * y_in
            S.into_in[c] = g * f_in


@lane
def open_gates(net: LSTMLayout, S: Any) -> None:
    """Compute output gates: `eq-gates`; where they compete (`eq-competition`) one is open."""
    for b in range(net.n_blocks):
        S.y_out[b], S.f_out[b] = like(S.loss, 1.0), like(S.loss, 0.0)
        if net.output_gates:
            y_out, f_out = logistic(S.net[net.n_gated + b])
            S.y_out[b], S.f_out[b] = if_there(net, S, b, y_out), if_there(net, S, b, f_out)
    if net.compete:
        close_losers(net, S)
    for b in range(net.n_out_gates):
        feed_back(net, S, net.n_gated + b, b, S.y_out[b])


@lane
def close_losers(net: LSTMLayout, S: Any) -> None:
    """Set all output gates to 0 but the most active one, the first of several."""
    for b in range(net.n_blocks):
        S.won[b] = like(S.loss, 1.0)
        for other in range(net.n_blocks):
            if other < b:
                S.won[b] = where(S.y_out[other] >= S.y_out[b], 0.0, S.won[b])
            if other > b:
                S.won[b] = where(S.y_out[other] > S.y_out[b], 0.0, S.won[b])
    for b in range(net.n_blocks):
        S.y_out[b] = S.y_out[b] * S.won[b]
        S.f_out[b] = S.f_out[b] * S.won[b]


@lane
def leave_cells(net: LSTMLayout, S: Any) -> None:
    """Compute the cells' outputs: `eq-cell-output`."""
    for b in range(net.n_blocks):
        for i in range(size_of(net, b)):
            c = first_of(net, b) + i
            h, h_slope = squash(net.h, S.s[c])
            S.h[c], S.h_slope[c] = h, h_slope
            y_c = if_there(net, S, b, S.y_out[b] * h)
            S.shown[c] = y_c
            if c < net.n_recurrent:
                S.y_new[c] = y_c


@lane
def forward(net: LSTMLayout, S: Any, X: Any) -> None:
    """Take one step, up to the cells' outputs."""
    read_sources(net, S, X)
    net_inputs(net, S, X)
    enter_cells(net, S)
    if not net.gates_rest:
        open_gates(net, S)
        leave_cells(net, S)


# ---------------------------------------------------------------- a step without error
@lane
def carry(net: LSTMLayout, S: Any) -> None:
    """Carry the partials on: `eq-cell-partial`, `eq-gate-partial`."""
    for c in range(net.n_cells):
        for m in range(net.n_into_c):
            S.ds_c[c, m] = fma(S.into_c[c], S.source[m], S.ds_c[c, m])
    if net.input_gates:
        for c in range(net.n_cells):
            for m in range(net.n_into_in):
                S.ds_in[c, m] = fma(S.into_in[c], S.source[m], S.ds_in[c, m])


@lane
def carry_symbol(net: LSTMLayout, S: Any, X: Any) -> None:
    """Carry on the partials that belong to the present symbol."""
    if net.symbolic:
        for c in range(net.n_cells):
            X.ds_c[c] = X.ds_c[c] + S.into_c[c]
            if net.input_gates:
                X.ds_in[c] = X.ds_in[c] + S.into_in[c]


# ---------------------------------------------------------------- changes of hidden units
@lane
def blame(net: LSTMLayout, S: Any) -> None:
    """Carry errors into the blocks: `eq-output-gate`, `eq-state-error`."""
    rate = rate_of(net, S, INTO)
    for b in range(net.n_blocks):
        through = like(S.loss, 0.0)
        for i in range(size_of(net, b)):
            c = first_of(net, b) + i
            arriving = if_there(net, S, b, S.arriving[c])
            change = rate * ((S.y_out[b] * S.h_slope[c]) * arriving)
            S.change_c[c] = change
            if net.symbolic:
                S.E[c] = S.E[c] + change
            through = fma(S.h[c], arriving, through)
        S.change_out[b] = rate * (S.f_out[b] * through)


@lane
def change(net: LSTMLayout, S: Any) -> None:
    """Change the weights in rows along partials: `eq-cell-partial`, `eq-gate-partial`."""
    for c in range(net.n_cells):
        for m in range(net.n_into_c):
            S.sum_W[c, m] = fma(S.change_c[c], S.ds_c[c, m], S.sum_W[c, m])
    if net.input_gates:
        for b in range(net.n_blocks):
            for m in range(net.n_into_in):
                gate = S.sum_W[net.n_cells + b, m]
                for i in range(size_of(net, b)):
                    c = first_of(net, b) + i
                    gate = fma(S.change_c[c], S.ds_in[c, m], gate)
                S.sum_W[net.n_cells + b, m] = gate
    change_out_gates(net, S)


@lane
def change_out_gates(net: LSTMLayout, S: Any) -> None:
    """Change the weights in rows into output gates: `eq-output-gate`."""
    for b in range(net.n_out_gates):
        for m in range(net.n_into_out):
            u = net.n_gated + b
            S.sum_W[u, m] = fma(S.change_out[b], S.source[m], S.sum_W[u, m])


@lane
def carry_and_change(net: LSTMLayout, S: Any) -> None:
    """Carry the partials on and change the weights at once, where each step has an error.

    `eq-cell-partial`, `eq-gate-partial`.
    """
    for c in range(net.n_cells):
        for m in range(net.n_into_c):
            ds_c = fma(S.into_c[c], S.source[m], going_on(net, S, S.ds_c[c, m]))
            S.ds_c[c, m] = ds_c
            S.sum_W[c, m] = fma(S.change_c[c], ds_c, S.sum_W[c, m])
    if net.input_gates:
        for b in range(net.n_blocks):
            for m in range(net.n_into_in):
                gate = S.sum_W[net.n_cells + b, m]
                for i in range(size_of(net, b)):
                    c = first_of(net, b) + i
                    ds_in = fma(S.into_in[c], S.source[m], going_on(net, S, S.ds_in[c, m]))
                    S.ds_in[c, m] = ds_in
                    gate = fma(S.change_c[c], ds_in, gate)
                S.sum_W[net.n_cells + b, m] = gate
    change_out_gates(net, S)


# ---------------------------------------------------------------- weights from symbols
@lane
def repay(net: LSTMLayout, S: Any, X: Any) -> None:
    """Pay what the weights from a symbol are owed: (E - E_last) ds."""
    for c in range(net.n_cells):
        owed = S.E[c] - X.E[c] if net.every_step else S.E[c]
        X.sum_W[c] = fma(owed, X.ds_c[c], X.sum_W[c])
    if net.input_gates:
        for b in range(net.n_blocks):
            gate = X.sum_W[net.n_cells + b]
            for i in range(size_of(net, b)):
                c = first_of(net, b) + i
                owed = S.E[c] - X.E[c] if net.every_step else S.E[c]
                gate = fma(owed, X.ds_in[c], gate)
            X.sum_W[net.n_cells + b] = gate


@lane
def enter(net: LSTMLayout, S: Any, X: Any) -> None:
    """Bring the weights from the present symbols up to date."""
    if net.symbolic:
        for c in range(net.n_cells):
            S.E[c] = going_on(net, S, S.E[c])
        repay(net, S, X)
        for c in range(net.n_cells):
            X.E[c] = S.E[c]


@lane
def leave(net: LSTMLayout, S: Any, X: Any) -> None:
    """Change what a step changes at once of the weights from its symbol."""
    if net.symbolic:
        for b in range(net.n_out_gates):
            X.sum_V[b] = X.sum_V[b] + S.change_out[b]


@lane
def forget(net: LSTMLayout, X: Any) -> None:
    """End a sequence for one symbol: partials and errors go, summed changes are made."""
    if net.symbolic:
        for c in range(net.n_cells):
            X.ds_c[c] = 0.0
            if net.input_gates:
                X.ds_in[c] = 0.0
            if net.every_step:
                X.E[c] = 0.0
    if net.at_end:
        for u in range(net.n_gated if net.symbolic else 0):
            X.W[u], X.sum_W[u] = X.W[u] + X.sum_W[u], 0.0
        for b in range(net.n_out_gates if net.symbolic else 0):
            X.V[b], X.sum_V[b] = X.V[b] + X.sum_V[b], 0.0
    forget_symbol(net, X)


@lane
def apply_sums(net: LSTMLayout, mine: Any, own: Any) -> None:
    """Make a sequence's summed changes of the weights that stand in rows, or with wide outputs."""
    for u in range(net.n_hidden):
        for m in range(net.n_sources):
            mine.W[u, m], mine.sum_W[u, m] = mine.W[u, m] + mine.sum_W[u, m], 0.0
    apply_output_sums(net, mine, own)


# ---------------------------------------------------------------- what the loop calls
@lane
def resting_step(net: LSTMLayout, M: Numbers, places: Memory, j: int) -> None:
    """Take a step without error, the j-th of some: all trials."""
    S, X = view(net.state, M.state, 0), view(net.now, M.now, 0)
    if net.symbolic:
        collect(net.resting, M.now, M.records, places, j * net.lanes)
        forward(net, S, X)
        carry(net, S)
        carry_symbol(net, S, X)
        deliver(net.partials, M.now, M.records, places, j * net.lanes)
    else:
        forward(net, S, view(net.now, M.inputs, j * net.now_size))
        carry(net, S)


@lane
def learning_step(net: LSTMLayout, M: Numbers, places: Memory) -> None:
    """Take a step with an error: all trials."""
    S, X = view(net.state, M.state, 0), view(net.now, M.now, 0)
    collect(net.moved, M.now, M.records, places, 0)
    enter(net, S, X)
    forward(net, S, X)
    outputs_of_all(net, S, X, M, places, 0)
    blame(net, S)
    carry_and_change(net, S)
    carry_symbol(net, S, X)
    leave(net, S, X)
    S.begins = 0.0
    deliver(net.moved, M.now, M.records, places, 0)


@seldom
def last_step(net: LSTMLayout, M: Numbers, i: int, place: int, t: int) -> None:
    """Do what the error of a trial's last step does; its symbol's record is at a place."""
    mine, R = one_lane(view(net.state, M.state, 0), i), view(net.record, M.records, place)
    if net.gates_rest:
        out_net_inputs(net, mine, R)
        open_gates(net, mine)
        leave_cells(net, mine)
    outputs_of_one(net, mine, R, M, i)
    blame(net, mine)
    change(net, mine)
    leave(net, mine, R)


@lane
def settle_symbol(net: LSTMLayout, M: Numbers, i: int, place: int) -> None:
    """End a trial's sequence for one symbol, whose record is at a place."""
    X = view(net.record, M.records, place)
    repay(net, one_lane(view(net.state, M.state, 0), i), X)
    forget(net, X)


@lane
def settle(net: LSTMLayout, M: Numbers, i: int, length: int) -> None:
    """End a trial's sequence for all but its symbols."""
    if net.at_end:
        mine = one_lane(view(net.state, M.state, 0), i)
        apply_sums(net, mine, view(net.own, M.own, i * net.own_size))


@seldom
def prepare(net: LSTMLayout, M: Numbers, i: int) -> None:
    """Set the 1s that biases read."""
    mine = one_lane(view(net.state, M.state, 0), i)
    mine.source[net.n_plain] = 1.0
    mine.shown[net.n_shown] = 1.0


@lane
def never(net: LSTMLayout, M: Numbers, places: Memory, t: int) -> None:
    """Stand for what is not done: its trials run freely."""


@lane
def hands_on_nothing(net: LSTMLayout, M: Numbers, i: int) -> None:
    """Stand for what a sequence hands to the next one."""


@dataclass(frozen=True)
class LaneLSTM(LSTMLayout):
    """LSTM as the loop calls it: a `lstmbook.lanes.learner.LaneLearner`."""

    resting_step: ClassVar[Callable[..., None]] = staticmethod(resting_step)
    learning_step: ClassVar[Callable[..., None]] = staticmethod(learning_step)
    last_step: ClassVar[Callable[..., None]] = staticmethod(last_step)
    settle_symbol: ClassVar[Callable[..., None]] = staticmethod(settle_symbol)
    settle: ClassVar[Callable[..., None]] = staticmethod(settle)
    prepare: ClassVar[Callable[..., None]] = staticmethod(prepare)
    forward_step: ClassVar[Callable[..., None]] = staticmethod(never)
    go_back: ClassVar[Callable[..., None]] = staticmethod(never)
    keep: ClassVar[Callable[..., None]] = staticmethod(hands_on_nothing)
    restore: ClassVar[Callable[..., None]] = staticmethod(hands_on_nothing)
