"""The neural sequence chunker of two nets (Schmidhuber 1992): learning by compressing history.

The automatizer A sees every input and learns to predict the next. Only what it fails to predict
is passed on to the chunker C, which learns to predict the next input that is: its lags are short
where the sequence is regular. A also learns to predict C's state, so that it must itself come to
represent what C remembers. Both learn from each error at once, and carry it a few steps back. The
1995 report, Tables 1 and 1b ("CH"); the thesis of 1991 has its hyperparameters.

A steps in lockstep with those of other trials; each trial's C steps alone, when something is
passed on.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar, NamedTuple

import numpy as np

from lstmbook.lanes.blocks import Layout, aligned, clear, collect, deliver, number, one_lane, view
from lstmbook.lanes.blocks import Memory as Floats
from lstmbook.lanes.learner import IN_RECORDS, IN_STATE
from lstmbook.lanes.words import lane, like, seldom, where
from lstmbook.lanes.words import real as float_of
from lstmbook.learners.back_in_time import BackInTime, step_on
from lstmbook.learners.layered import (
    Layered,
    Memory,
    answer,
    apply_sums,
    arrive,
    blame,
    change,
    forward,
    hand_back,
    show,
)
from lstmbook.learners.one_net import OneNet
from lstmbook.learners.outputs import wide_outputs
from lstmbook.learners.recipe import Aims, NetRecipe
from lstmbook.learners.simple import SIMPLE
from lstmbook.sequences import IntArray, as_choice
from lstmbook.validation import as_number

KEPT, PASSED, FIRST = 1, 2, 3
"""In a trial's part of the ring's numbers, after the newest slot: how many steps C has kept, how
many inputs were passed on, and where the records of the first slot are."""

IMITATED = ("hidden", "hidden and outputs")


class PairNumbers(NamedTuple):
    """The numbers of many trials' pairs of nets, each a flat array.

    Attributes
    ----------
    state, now, inputs, records, own, numbering, past
        As in `lstmbook.learners.layered.Numbers`, of A; ``past`` is a ring of its last steps.
    past_places
        Where the symbols' records of these steps stand.
    numbering_c, past_c
        Of C; each trial's ring turns by itself.
    ring
        The slot of A's newest step, and the size of the largest alphabet; then of each trial's
        C: the slot of its newest step, how many it has kept, how many inputs were passed on, and
        where the records of those kept are; then a copy of these, for `restore`.
    saved, saved_places
        What sequences that are tried must not change, of each trial.
    """

    state: Floats
    now: Floats
    inputs: Floats
    records: Floats
    own: Floats
    numbering: Floats
    past: Floats
    past_places: Floats
    numbering_c: Floats
    past_c: Floats
    ring: Floats
    saved: Floats
    saved_places: Floats


# ---------------------------------------------------------------- the chunker
@lane
def c_of(net: Pair, M: PairNumbers, i: int) -> Any:
    """Return a trial's numbers of C."""
    return one_lane(view(net.c.state, M.state, net.first_c), i)


@lane
def c_step(net: Pair, M: PairNumbers, i: int, slot: int) -> Any:
    """Return what a trial's C keeps of a step."""
    return one_lane(view(net.ring_step_c, M.past_c, slot * net.ring_size_c), i)


@lane
def ring_of(net: Pair, i: int) -> int:
    """Return where a trial's part of the ring's numbers begins."""
    return 2 + i * 2 * net.ring_each


@lane
def outputs_of_c(net: Pair, M: PairNumbers, i: int, place: int) -> None:
    """Let C's newest step answer, and change the weights into its outputs."""
    mine, R = c_of(net, M, i), view(net.c.record, M.records, place + net.record_c)
    own = view(net.c.own, M.own, i * net.own_size + net.own_c)
    wide_outputs(net.c, mine, own, R, view(net.c.numbering, M.numbering_c, 0))


@lane
def learn_c(net: Pair, M: PairNumbers, i: int) -> None:
    """Train C to have predicted its target, a few of its steps back."""
    mine, at = c_of(net, M, i), ring_of(net, i)
    newest = M.ring[at]
    P = c_step(net, M, i, newest)
    show(net.c, mine, P)
    outputs_of_c(net, M, i, M.ring[at + FIRST + newest])
    arrive(net.c, mine)
    for ago in range(M.ring[at + KEPT]):
        slot = (newest - ago + net.slots) % net.slots
        Q = c_step(net, M, i, slot)
        for u in range(net.c.n_units):
            mine.before[u] = Q.before[u]
            if ago > 0:
                mine.into[u] = mine.back[u]
        blame(net.c, mine, Q)
        hand_back(net.c, mine)
        place = M.ring[at + FIRST + slot] + net.record_c
        change(net.c, mine, Q, view(net.c.record, M.records, place))
    apply_sums(net.c, mine)


@lane
def step_c(net: Pair, M: PairNumbers, i: int, place: int) -> None:
    """Let C see the symbol whose record is at a place, and A's outputs aim at its state."""
    mine, at = c_of(net, M, i), ring_of(net, i)
    newest = M.ring[at]
    slot = (newest + 1) % net.slots
    P, Q = c_step(net, M, i, slot), c_step(net, M, i, newest)
    for u in range(net.c.n_units):
        mine.before[u] = Q.source[net.c.n_x + u]
        if M.ring[at + KEPT] == 0:
            mine.before[u] = like(mine.loss, 0.0)
        P.before[u] = mine.before[u]
    R = view(net.c.record, M.records, place + net.record_c)
    forward(net.c, mine, P, R, R)
    M.ring[at] = slot
    M.ring[at + KEPT] = min(M.ring[at + KEPT] + 1, net.slots)
    M.ring[at + PASSED] = M.ring[at + PASSED] + 1
    M.ring[at + FIRST + slot] = place
    imitate(net, M, i, place)


@lane
def imitate(net: Pair, M: PairNumbers, i: int, place: int) -> None:
    """Set what A's further outputs are to show: C's units, and its outputs if those are wanted."""
    mine, a = c_of(net, M, i), one_lane(view(net.state, M.state, 0), i)
    P = c_step(net, M, i, M.ring[ring_of(net, i)])
    n = net.c.n_units
    for u in range(n):
        if net.wide:
            M.own[i * net.own_size + net.first_imitated + u] = float_of(P.source[net.c.n_x + u])
        else:
            a.imitated[u] = P.source[net.c.n_x + u]
    if net.imitates_outputs:
        rate = mine.rate[0]
        mine.rate[0] = like(rate, 0.0)  # only what it answers is wanted
        show(net.c, mine, P)
        outputs_of_c(net, M, i, place)
        mine.rate[0] = rate
        for k in range(net.c.n_outputs):
            y_k = M.own[i * net.own_size + net.own_c + net.c.first_y_k + k]
            if net.wide:
                M.own[i * net.own_size + net.first_imitated + n + k] = y_k
            else:
                a.imitated[n + k] = y_k


@seldom
def pass_on(net: Pair, M: PairNumbers, i: int, symbol: int, place: int) -> None:
    """Train a trial's C to predict a symbol, then let it see it."""
    mine = c_of(net, M, i)
    mine.rate[0] = one_lane(view(net.state, M.state, 0), i).rate[0]
    mine.target = symbol
    if M.ring[ring_of(net, i) + KEPT] > 0:
        learn_c(net, M, i)
    step_c(net, M, i, place)


# ---------------------------------------------------------------- the automatizer
@lane
def surprises(net: Pair, M: PairNumbers, places: Floats) -> None:
    """Pass on the present symbols that were not predicted, as the first of a sequence is not."""
    for i in range(net.lanes):
        mine = one_lane(view(net.state, M.state, 0), i)
        begins = float_of(mine.begins) > 0.0
        if begins and net.reset:
            M.ring[ring_of(net, i) + KEPT] = 0
        if begins or not float_of(mine.off) < net.threshold:
            pass_on(net, M, i, places[i] // net.record_size - i * M.ring[1], places[i])


@lane
def learning_step(net: Pair, M: PairNumbers, places: Floats) -> None:
    """Take a step: all trials."""
    surprises(net, M, places)
    S, X = view(net.state, M.state, 0), view(net.now, M.now, 0)
    slot = (M.ring[0] + 1) % net.slots
    M.ring[0] = slot
    P = view(net.ring_step, M.past, slot * net.ring_size)
    step_on(net, S)
    collect(net.moved, M.now, M.records, places, 0)
    forward(net, S, P, X, X)
    for u in range(net.n_units):
        P.before[u], S.source[u] = S.before[u], P.source[u]
    P.begins = S.begins
    for i in range(net.lanes):
        M.past_places[slot * net.lanes + i] = places[i]
    answer(net, S, P, X, M, places, 0)
    if net.n_skip > 0:
        deliver(net.moved, M.now, M.records, places, 0)
    arrive(net, S)
    for ago in range(net.slots):
        go_back_to(net, M, S, X, ago)
    apply_sums(net, S)
    S.begins = 0.0


@lane
def go_back_to(net: Pair, M: PairNumbers, S: Any, X: Any, ago: int) -> None:
    """Carry A's errors back to one of its last steps, and sum up the changes."""
    slot = (M.ring[0] - ago + net.slots) % net.slots
    P = view(net.ring_step, M.past, slot * net.ring_size)
    for u in range(net.n_units):
        S.before[u] = P.before[u]
        if ago > 0:
            S.into[u] = S.back[u]
    blame(net, S, P)
    hand_back(net, S)
    if net.reset:
        for u in range(net.n_units):
            S.back[u] = where(P.begins > 0.0, 0.0, S.back[u])
    collect(net.symbols, M.now, M.records, M.past_places, slot * net.lanes)
    change(net, S, P, X)
    deliver(net.symbols, M.now, M.records, M.past_places, slot * net.lanes)


# ---------------------------------------------------------------- a sequence's end, a trial's start
@lane
def last_target(net: Pair, M: PairNumbers, i: int) -> int:
    """Return the symbol that a trial's last target was."""
    mine = one_lane(view(net.state, M.state, 0), i)
    if not net.vector_wanted:
        return int(float_of(mine.target))
    symbol = 0
    for k in range(net.n_judged):
        if net.wide:
            if M.own[i * net.own_size + net.first_wanted + k] > 0.5:
                symbol = k
        else:
            if float_of(mine.wanted[k]) > 0.5:
                symbol = k
    return symbol


@lane
def settle(net: Pair, M: PairNumbers, i: int, length: int) -> None:
    """Pass on a sequence's last target, if it was not predicted."""
    mine = one_lane(view(net.state, M.state, 0), i)
    if not float_of(mine.off) < net.threshold:
        symbol = last_target(net, M, i)
        pass_on(net, M, i, symbol, (i * M.ring[1] + symbol) * net.record_size)


@lane
def settle_symbol(net: Pair, M: PairNumbers, i: int, place: int) -> None:
    """Do nothing: weights change at once."""


@seldom
def prepare(net: Pair, M: PairNumbers, i: int) -> None:
    """Set what is not 0 of a trial that enters, and forget the steps of the one before."""
    one_lane(view(net.state, M.state, 0), i).shown[net.n_shown] = 1.0
    c_of(net, M, i).shown[net.c.n_shown] = 1.0
    L, at = net.lanes, ring_of(net, i)
    clear(M.past, i, net.slots * net.ring_size + i, L)
    clear(M.past_c, i, net.slots * net.ring_size_c + i, L)
    clear(M.ring, at, at + FIRST, 1)
    for slot in range(net.slots):
        M.past_places[slot * L + i] = i * M.ring[1] * net.record_size


@seldom
def keep(net: Pair, M: PairNumbers, i: int) -> None:
    """Keep what a trial's sequence hands to the next one: activations and rings."""
    if not net.reset:
        L, at = net.lanes, i * net.saved_size
        for ago in range(net.slots):
            slot = (M.ring[0] - ago + net.slots) % net.slots
            M.saved_places[i * net.slots + ago] = M.past_places[slot * L + i]
            for row in range(net.ring_rows):
                M.saved[at + ago * net.ring_rows + row] = M.past[slot * net.ring_size + row * L + i]
        at = at + net.slots * net.ring_rows
        for row in range(net.slots * net.ring_rows_c):
            M.saved[at + row] = M.past_c[row * L + i]
        at = at + net.slots * net.ring_rows_c
        mine = one_lane(view(net.state, M.state, 0), i)
        for u in range(net.n_units):
            M.saved[at + u] = float_of(mine.source[u])
        for j in range(net.ring_each):
            M.ring[ring_of(net, i) + net.ring_each + j] = M.ring[ring_of(net, i) + j]


@seldom
def restore(net: Pair, M: PairNumbers, i: int) -> None:
    """Hand on what was kept instead; A's ring may have turned meanwhile."""
    if not net.reset:
        L, at = net.lanes, i * net.saved_size
        for ago in range(net.slots):
            slot = (M.ring[0] - ago + net.slots) % net.slots
            M.past_places[slot * L + i] = M.saved_places[i * net.slots + ago]
            for row in range(net.ring_rows):
                M.past[slot * net.ring_size + row * L + i] = M.saved[at + ago * net.ring_rows + row]
        at = at + net.slots * net.ring_rows
        for row in range(net.slots * net.ring_rows_c):
            M.past_c[row * L + i] = M.saved[at + row]
        at = at + net.slots * net.ring_rows_c
        mine = one_lane(view(net.state, M.state, 0), i)
        for u in range(net.n_units):
            mine.source[u] = M.saved[at + u]
        for j in range(net.ring_each):
            M.ring[ring_of(net, i) + j] = M.ring[ring_of(net, i) + net.ring_each + j]
        imitate(net, M, i, M.ring[ring_of(net, i) + FIRST + M.ring[ring_of(net, i)]])


@lane
def never(net: Pair, M: PairNumbers, places: Floats, j: int) -> None:
    """Stand for a step without error: there is none."""


@lane
def never_last(net: Pair, M: PairNumbers, i: int, place: int, t: int) -> None:
    """Stand for an error of the last step only."""


@dataclass(frozen=True)
class Alone(BackInTime):
    """A net whose trials do not step together: few outputs, too, are computed side by side."""

    @property
    def wide(self) -> bool:
        """Whether the outputs of one trial are computed side by side."""
        return True


@dataclass(frozen=True)
class Pair(BackInTime):
    """Two nets, as the loop calls them: what is inherited is A.

    Attributes
    ----------
    c
        C.
    reach
        How many steps errors are carried back, through rings; ``depth`` is 0 here, for the loop
        lets these trials run freely.
    threshold
        An input was not predicted if an error of A's was at least this.
    imitates_outputs
        Whether A imitates C's outputs, too.
    counts_last
        Whether only the last step's prediction counts.
    """

    c: Any = None
    reach: int = 3
    threshold: float = 0.15
    imitates_outputs: bool = False
    counts_last: bool = False

    @property
    def last_only(self) -> bool:
        """Whether only the last step's prediction counts."""
        return self.counts_last

    @property
    def slots(self) -> int:
        """The steps that are kept."""
        return self.reach + 1

    @property
    def n_judged(self) -> int:
        """A's outputs that predict."""
        return int(self.c.n_outputs)

    @property
    def watched(self) -> bool:
        """Whether a step's largest error is kept: it tells what was not predicted."""
        return True

    @property
    def sums_rows(self) -> bool:
        """Whether changes of weights in rows are summed up first."""
        return True

    @cached_property
    def state(self) -> Layout:
        """A's state, and C's as one field."""
        return _with(super().state, "c", number(self.lanes, self.c.rows))

    @property
    def first_c(self) -> int:
        """Where C's state begins."""
        return self.state.start("c")

    @cached_property
    def record(self) -> Layout:
        """A symbol's record of A, and C's as one field."""
        return _with(super().record, "c", number(0, self.c.record_size))

    @property
    def record_c(self) -> int:
        """Where C's record begins."""
        return self.record.start("c")

    @cached_property
    def own(self) -> Layout:
        """A trial's wide outputs of A, and C's as one field."""
        return _with(super().own, "c", number(0, self.c.own_size))

    @property
    def own_c(self) -> int:
        """Where C's wide outputs begin."""
        return self.own.start("c")

    @cached_property
    def ring_step(self) -> Layout:
        """What is kept of a step of A."""
        L = self.lanes
        return Layout.of(
            self.dtype, self.of_step | {"before": number(L, self.n_units), "begins": number(L)}
        )

    @property
    def ring_size(self) -> int:
        """Places of `ring_step`."""
        return self.ring_step.size

    @cached_property
    def ring_step_c(self) -> Layout:
        """What is kept of a step of C."""
        before = {"before": number(self.lanes, self.c.n_units)}
        return Layout.of(self.dtype, self.c.of_step | before)

    @property
    def ring_size_c(self) -> int:
        """Places of `ring_step_c`."""
        return self.ring_step_c.size

    @property
    def ring_rows(self) -> int:
        """Rows of `ring_step`."""
        return self.ring_size // self.lanes

    @property
    def ring_rows_c(self) -> int:
        """Rows of `ring_step_c`."""
        return self.ring_size_c // self.lanes

    @property
    def ring_each(self) -> int:
        """How many numbers say how far a trial's ring has turned."""
        return FIRST + self.slots

    @property
    def n_handed_on(self) -> int:
        """None stand with the state."""
        return 0

    @property
    def saved_size(self) -> int:
        """How many numbers a sequence hands to the next one."""
        if self.reset:
            return 0
        return self.slots * (self.ring_rows + self.ring_rows_c) + self.n_units

    def numbers(self, n_inputs: int, ahead: int, room: int = 0) -> Any:
        """Return memory, for alphabets of up to `n_inputs`."""
        a, L = super().numbers(n_inputs, ahead), self.lanes
        ring = aligned(2 + L * 2 * self.ring_each, "int64")
        ring[1] = n_inputs
        return PairNumbers(
            *a[:6],
            self.ring_step.memory(self.slots),
            aligned(self.slots * L, "int64"),
            self.c.numbered(),
            self.ring_step_c.memory(self.slots),
            ring,
            aligned(L * self.saved_size, self.dtype),
            aligned(L * self.slots, "int64"),
        )

    def weight_places(self, n_inputs: int) -> IntArray:
        """Return where each weight stands: A's, then C's."""
        found = self.c.weight_places(n_inputs)
        which, place = found[:, 0], found[:, 1]
        size = max(self.c.record_size, 1)
        in_record = place % size + place // size * self.record_size + self.record_c
        found[:, 1] = np.where(
            which == IN_RECORDS,
            in_record,
            place + np.where(which == IN_STATE, self.first_c, self.own_c),
        )
        return np.concatenate([super().weight_places(n_inputs), found])

    resting_step: ClassVar[Callable[..., None]] = staticmethod(never)
    learning_step: ClassVar[Callable[..., None]] = staticmethod(learning_step)
    last_step: ClassVar[Callable[..., None]] = staticmethod(never_last)
    settle_symbol: ClassVar[Callable[..., None]] = staticmethod(settle_symbol)
    settle: ClassVar[Callable[..., None]] = staticmethod(settle)
    prepare: ClassVar[Callable[..., None]] = staticmethod(prepare)
    keep: ClassVar[Callable[..., None]] = staticmethod(keep)
    restore: ClassVar[Callable[..., None]] = staticmethod(restore)


def _with(layout: Layout, name: str, field: Any) -> Layout:
    return Layout(layout.dtype, (*layout.names, name), (*layout.fields, field), layout.aliases)


class ChunkerAtWork(OneNet):
    """A chunker that learns and predicts, sequence by sequence."""

    @property
    def passed(self) -> int:
        """How many inputs were passed on to C."""
        return int(self._numbers.ring[2 + PASSED])


@dataclass(frozen=True)
class Chunker(NetRecipe):
    """Two nets of the same form: the automatizer, whose predictions are judged, and the chunker.

    By default those of the 1995 report's Table 1: each is the RTRL net there, the automatizer
    with an additional output for the chunker's hidden unit. The thesis has biases in both nets
    and "hidden and outputs". Other attributes as in `lstmbook.learners.recipe.NetRecipe`.

    Attributes
    ----------
    depth
        How many steps an error is carried back (the thesis: 3).
    threshold
        An input was unpredicted if the automatizer's error in any of its elements was at least
        this. Not printed for these runs; elsewhere the thesis has 0.1 and 0.15.
    imitated
        What of the chunker's state the automatizer predicts: "hidden" (the report: one additional
        output for the one hidden unit) or "hidden and outputs" (the thesis, and CH).
    reset
        Whether all activations are zero before each sequence. The thesis has no sequence
        boundaries (the default); the report says nothing of them here.
    """

    learning_rate: float = 1.0
    updates: str = "every step"
    depth: int | None = 3
    shortcuts: bool = True
    hidden_biases: bool = False
    output_biases: bool = False
    reset: bool = False
    threshold: float = 0.15
    imitated: str = "hidden"

    memory: ClassVar[Memory] = SIMPLE
    at_work: ClassVar[type[OneNet]] = ChunkerAtWork

    def __post_init__(self) -> None:
        super().__post_init__()
        as_number("threshold", self.threshold, above=0)
        as_choice("imitated", self.imitated, IMITATED)
        for name, value, wanted in (
            ("recurrent", self.recurrent, "hidden"),
            ("updates", self.updates, "every step"),
        ):
            if value != wanted:
                raise ValueError(f"{name} is {value!r}; of a chunker it is {wanted!r}")
        if self.depth is None:
            raise ValueError("depth is None; a chunker keeps as many steps as it says")

    def cannot(self, task: Any) -> str | None:
        """Return why a task is not one of predicting the next symbol, or None if it is."""
        form = getattr(task, "form", None)
        if form is None or not form.every_step:
            return "a chunker learns by predicting its next input, which this task does not ask for"
        return None

    def aims_of(self, task: Any) -> Aims:
        """Return what a task asks of the nets: to predict at each step, whatever counts."""
        aims = Aims.of(task)
        return replace(aims, every_step=True, last_only=not aims.every_step)

    def net_for(
        self, aims: Aims, dtype: str = "float64", lanes: int = 1, *, noted: bool = False
    ) -> Layered:
        """Return the two nets as compiled code knows them."""
        settings = self.settings_for(aims, dtype, lanes, noted)
        both = self.imitated == "hidden and outputs"
        of_c = {
            "depth": -1,
            "target": "symbol",
            "legal": False,
            "masked": False,
            "noted": both,
            "reset": False,
        }
        c = Alone(**settings | of_c)
        extra = c.n_units + (c.n_outputs if both else 0)
        of_a = {
            "n_outputs": aims.n_outputs + extra,
            "depth": 0,
            "masked": aims.target == "vector" or aims.last_only,
        }
        return Pair(
            **settings | of_a,
            c=c,
            reach=int(self.depth or 0),
            threshold=self.threshold,
            imitates_outputs=both,
            counts_last=aims.last_only,
        )
