"""Learning by errors that go back: through the layers of a step, and through the steps before it.

`eq-error-signal`, `eq-backprop`, `eq-weight-update`. How many steps they go back is the learner's
`depth`. With none (Elman's nets) trials run freely; else the sequences of all trials begin
together, what each step leaves behind is kept, and when the longest has ended all go back.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

from lstmbook.lanes.blocks import Memory as Floats
from lstmbook.lanes.blocks import collect, deliver, one_lane, view
from lstmbook.lanes.words import lane, like, seldom, where
from lstmbook.lanes.words import real as float_of
from lstmbook.learners.layered import (
    Layered,
    Numbers,
    answer,
    answer_of_one,
    apply_sums,
    arrive,
    blame,
    change,
    forward,
    hand_back,
)
from lstmbook.learners.outputs import apply_output_sums, forget_symbol


# ---------------------------------------------------------------- trials that run freely
@lane
def step_on(net: Layered, S: Any) -> None:
    """Let the activations become those of the step before: 0 where a sequence begins."""
    for u in range(net.n_units):
        y = S.source[net.n_x + u]
        if net.every_step and net.reset:
            y = where(S.begins > 0.0, 0.0, y)  # else the loop clears it
        S.before[u] = y


@lane
def step(net: Layered, S: Any, M: Any, places: Floats, j: int) -> None:
    """Take a step up to the activations, the j-th of some: all trials."""
    step_on(net, S)
    if net.n_moved > 0:
        collect(net.moved, M.now, M.records, places, j * net.lanes)
    forward(net, S, S, view(net.now, M.now, 0), view(net.now, M.inputs, j * net.now_size))


@lane
def resting_step(net: Layered, M: Numbers, places: Floats, j: int) -> None:
    """Take a step without error, the j-th of some: all trials."""
    step(net, view(net.state, M.state, 0), M, places, j)


@lane
def learning_step(net: Layered, M: Numbers, places: Floats) -> None:
    """Take a step with an error: all trials."""
    S, X = view(net.state, M.state, 0), view(net.now, M.now, 0)
    step(net, S, M, places, 0)
    answer(net, S, S, X, M, places, 0)
    arrive(net, S)
    blame(net, S, S)
    change(net, S, S, X)
    S.begins = 0.0
    if net.n_moved > 0:
        deliver(net.moved, M.now, M.records, places, 0)


# ---------------------------------------------------------------- sequences begin together
@lane
def forward_step(net: Layered, M: Numbers, places: Floats, t: int) -> None:
    """Take step t of all trials, and keep what going back will need."""
    S, X = view(net.state, M.state, 0), view(net.now, M.now, 0)
    P = view(net.past, M.past, (t + 1) * net.past_size)
    Q = view(net.past, M.past, t * net.past_size)
    for u in range(net.n_units):
        S.before[u] = Q.source[net.n_x + u]
    if net.symbolic:
        collect(net.moved, M.now, M.records, places, t * net.lanes)
    forward(net, S, P, X, view(net.now, M.inputs, 0))
    for u in range(net.n_units):
        # beyond a sequence's end a net without bounds would go on to infinity, which times 0 is NaN
        P.source[net.n_x + u] = where(S.ended > 0.0, 0.0, P.source[net.n_x + u])
    if net.every_step:
        answer(net, S, P, X, M, places, t * net.lanes)
        for c in range(net.n_arriving):
            P.arriving[c] = S.arriving[c]
        if net.n_skip > 0:
            deliver(net.moved, M.now, M.records, places, t * net.lanes)
        if net.sweeps_each_step:
            sweep(net, M, places, t)
            apply_sums(net, S)
    else:
        for c in range(net.n_arriving):
            P.arriving[c] = like(S.loss, 0.0)


@lane
def sweep(net: Layered, M: Numbers, places: Floats, t: int) -> None:
    """Carry errors back from step t, of this step alone or of all steps up to it."""
    S, X = view(net.state, M.state, 0), view(net.now, M.now, 0)
    n = t + 1
    if net.depth > 0 and net.every_step:
        n = min(n, net.depth + 1)
    for u in range(net.n_units):
        S.back[u] = like(S.loss, 0.0)
    for ago in range(n):
        at = t - ago
        P = view(net.past, M.past, (at + 1) * net.past_size)
        Q = view(net.past, M.past, at * net.past_size)
        for u in range(net.n_units):
            S.before[u] = Q.source[net.n_x + u]
            back = S.back[u]
            if net.depth > 0 and not net.every_step:
                back = where(like(S.loss, at) < S.last - net.depth, 0.0, back)
            S.into[u] = back
        if ago == 0 or not net.alone:
            for c in range(net.n_arriving):
                u = net.n_units - net.n_arriving + c
                S.into[u] = S.into[u] + P.arriving[c]
        blame(net, S, P)
        hand_back(net, S)
        if net.in_records:
            collect(net.symbols, M.now, M.records, places, at * net.lanes)
            change(net, S, P, X)
            deliver(net.symbols, M.now, M.records, places, at * net.lanes)
        else:
            change(net, S, P, X)


@lane
def go_back(net: Layered, M: Numbers, places: Floats, longest: int) -> None:
    """Carry the errors of all sequences back, and make the changes of weights in rows."""
    if not net.sweeps_each_step:
        if net.alone:
            for t in range(longest):
                sweep(net, M, places, t)
        else:
            sweep(net, M, places, longest - 1)
        apply_sums(net, view(net.state, M.state, 0))


# ---------------------------------------------------------------- one trial
@seldom
def last_step(net: Layered, M: Numbers, i: int, place: int, t: int) -> None:
    """Do what the error of a trial's last step, t, does; its symbol's record is at a place."""
    mine, R = one_lane(view(net.state, M.state, 0), i), view(net.record, M.records, place)
    if net.in_rounds:
        P = one_lane(view(net.past, M.past, (t + 1) * net.past_size), i)
        answer_of_one(net, mine, P, R, M, i)
        mine.last = t
        for c in range(net.n_arriving):
            P.arriving[c] = mine.arriving[c]
    else:
        answer_of_one(net, mine, mine, R, M, i)
        arrive(net, mine)
        blame(net, mine, mine)
        change(net, mine, mine, R)


@lane
def settle_symbol(net: Layered, M: Numbers, i: int, place: int) -> None:
    """End a trial's sequence for one symbol, whose record is at a place."""
    X = view(net.record, M.records, place)
    forget_symbol(net, X)
    if net.sums_symbols:
        for u in range(net.n_from_symbol):
            X.W[u], X.sum_W[u] = X.W[u] + X.sum_W[u], 0.0


@lane
def settle(net: Layered, M: Numbers, i: int, length: int) -> None:
    """End a trial's sequence for all but its symbols."""
    mine = one_lane(view(net.state, M.state, 0), i)
    if net.at_end:
        apply_output_sums(net, mine, view(net.own, M.own, i * net.own_size))
        if not net.in_rounds:
            apply_sums(net, mine)
    if net.in_rounds and not net.reset:
        P = one_lane(view(net.past, M.past, length * net.past_size), i)
        Q = one_lane(view(net.past, M.past, 0), i)
        for u in range(net.n_units):
            Q.source[net.n_x + u] = P.source[net.n_x + u]


@seldom
def prepare(net: Layered, M: Numbers, i: int) -> None:
    """Set what is not 0 of a trial that enters, and what the one before left in the past."""
    mine = one_lane(view(net.state, M.state, 0), i)
    mine.shown[net.n_shown] = 1.0
    if net.in_rounds:
        Q = one_lane(view(net.past, M.past, 0), i)
        for u in range(net.n_units):
            Q.source[net.n_x + u] = 0.0


@seldom
def keep(net: Layered, M: Numbers, i: int) -> None:
    """Keep what a trial's sequence hands to the next one."""
    mine = one_lane(view(net.state, M.state, 0), i)
    if net.in_rounds:
        Q = one_lane(view(net.past, M.past, 0), i)
        for k in range(net.n_handed_on):
            mine.saved[k] = Q.source[net.n_x + k]
    else:
        for k in range(net.n_handed_on):
            mine.saved[k] = M.state[(net.first_handed_on + k) * net.lanes + i]


@seldom
def restore(net: Layered, M: Numbers, i: int) -> None:
    """Hand on what was kept instead."""
    mine = one_lane(view(net.state, M.state, 0), i)
    if net.in_rounds:
        Q = one_lane(view(net.past, M.past, 0), i)
        for k in range(net.n_handed_on):
            Q.source[net.n_x + k] = mine.saved[k]
    else:
        for k in range(net.n_handed_on):
            M.state[(net.first_handed_on + k) * net.lanes + i] = float_of(mine.saved[k])


@dataclass(frozen=True)
class BackInTime(Layered):
    """A net whose errors go back, as the loop calls it."""

    resting_step: ClassVar[Callable[..., None]] = staticmethod(resting_step)
    learning_step: ClassVar[Callable[..., None]] = staticmethod(learning_step)
    forward_step: ClassVar[Callable[..., None]] = staticmethod(forward_step)
    go_back: ClassVar[Callable[..., None]] = staticmethod(go_back)
    last_step: ClassVar[Callable[..., None]] = staticmethod(last_step)
    settle_symbol: ClassVar[Callable[..., None]] = staticmethod(settle_symbol)
    settle: ClassVar[Callable[..., None]] = staticmethod(settle)
    prepare: ClassVar[Callable[..., None]] = staticmethod(prepare)
    keep: ClassVar[Callable[..., None]] = staticmethod(keep)
    restore: ClassVar[Callable[..., None]] = staticmethod(restore)
