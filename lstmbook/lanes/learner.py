"""What the loop asks of a learner: settings, layouts, and the functions that learn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from lstmbook.lanes.blocks import Layout
from lstmbook.sequences import IntArray

IN_STATE, IN_RECORDS, IN_OWN = range(3)
"""Where a weight may stand: in rows of lanes, with a symbol, or with a trial."""


class LaneLearner(Protocol):
    """A learner in lane code: a frozen dataclass of `lstmbook.lanes.words.Constants`.

    Its numbers are the arrays of the named tuple that `numbers` returns; of these the loop knows
    ``state`` (rows of lanes), ``inputs`` (for each step ahead, the block `now` with a field
    ``x``), ``records`` (a record of `record_size` for each lane and symbol) and ``own`` (what
    belongs to a trial, `own_size`). A trial's block of the state has the fields that the loop
    sets, ``target``, ``begins``, ``rate``, ``active``, ``judge_last`` and ``may``, and those that
    it reads: ``loss``, ``worst`` and ``illegal``. Trials run freely, one beginning a sequence
    while another is in the midst of one; or in rounds.
    """

    @property
    def lanes(self) -> int:
        """How many trials run side by side."""
        ...

    @property
    def dtype(self) -> str:
        """The kind of number, "float32" or "float64"."""
        ...

    @property
    def symbolic(self) -> bool:
        """Whether inputs are symbols."""
        ...

    @property
    def every_step(self) -> bool:
        """Whether there is an error at each step, or at the last one only."""
        ...

    @property
    def construct(self) -> bool:
        """Whether blocks may be added while a trial runs."""
        ...

    @property
    def scheduled(self) -> bool:
        """Whether three groups of weights have learning rates of their own."""
        ...

    @property
    def n_blocks(self) -> int:
        """The number of blocks that may be added."""
        ...

    @property
    def n_units(self) -> int:
        """The number of units that may have a bias."""
        ...

    @property
    def n_outputs(self) -> int:
        """The number of outputs."""
        ...

    @property
    def n_dense(self) -> int:
        """The number of inputs that are real numbers."""
        ...

    @property
    def n_narrow(self) -> int:
        """The number of outputs for which it is said whether they may come next."""
        ...

    @property
    def one_hot(self) -> bool:
        """Whether the number of the present symbol is wanted, too, as ``now``'s ``symbol``."""
        ...

    @property
    def masked(self) -> bool:
        """Whether the state has ``counts``, which is 0 for trials whose sequence has ended."""
        ...

    @property
    def last_only(self) -> bool:
        """Whether there is a target at each step, and only the last one counts."""
        ...

    @property
    def in_rounds(self) -> bool:
        """Whether sequences begin together, and their ends wait for the longest.

        Then the state has ``ended``, which is 1 for trials whose sequence has.
        """
        ...

    @property
    def state(self) -> Layout:
        """The block of all trials."""
        ...

    @property
    def now(self) -> Layout:
        """The block of what belongs to the present inputs."""
        ...

    @property
    def past(self) -> Layout:
        """The block of what is kept of a step, where sequences begin together."""
        ...

    @property
    def rows(self) -> int:
        """The rows of ``state``."""
        ...

    @property
    def first_carried(self) -> int:
        """The first row that is 0 where a sequence begins."""
        ...

    @property
    def first_judged(self) -> int:
        """The first such row of those that only the loop reads."""
        ...

    @property
    def after_carried(self) -> int:
        """The row after the last such row."""
        ...

    @property
    def now_size(self) -> int:
        """Places of ``now``."""
        ...

    @property
    def record_size(self) -> int:
        """Places of a symbol's record."""
        ...

    @property
    def own_size(self) -> int:
        """Places of what belongs to a trial."""
        ...

    def numbers(self, n_inputs: int, ahead: int, room: int) -> Any:
        """Return memory: for alphabets of up to `n_inputs`, so many steps ahead or in the past."""
        ...

    def weight_places(self, n_inputs: int) -> IntArray:
        """Return where each weight stands, of the first lane, and the unit whose bias it is."""
        ...

    @property
    def resting_step(self) -> Callable[..., None]:
        """``resting_step(net, numbers, places, j)``: a step without error of all trials."""
        ...

    @property
    def learning_step(self) -> Callable[..., None]:
        """``learning_step(net, numbers, places)``: a step with an error of all trials."""
        ...

    @property
    def forward_step(self) -> Callable[..., None]:
        """``forward_step(net, numbers, places, t)``: step t of sequences that began together."""
        ...

    @property
    def go_back(self) -> Callable[..., None]:
        """``go_back(net, numbers, places, longest)``: what follows when all these have ended."""
        ...

    @property
    def last_step(self) -> Callable[..., None]:
        """``last_step(net, numbers, i, place, t)``: the error of a trial's last step, t."""
        ...

    @property
    def settle_symbol(self) -> Callable[..., None]:
        """``settle_symbol(net, numbers, i, place)``: a sequence's end for one symbol."""
        ...

    @property
    def settle(self) -> Callable[..., None]:
        """``settle(net, numbers, i, length)``: a sequence's end for all but the symbols."""
        ...

    @property
    def prepare(self) -> Callable[..., None]:
        """``prepare(net, numbers, i)``: set what is not 0 of a trial that enters."""
        ...

    @property
    def keep(self) -> Callable[..., None]:
        """``keep(net, numbers, i)``: keep what a trial's sequence hands to the next one."""
        ...

    @property
    def restore(self) -> Callable[..., None]:
        """``restore(net, numbers, i)``: hand on what was kept instead."""
        ...
