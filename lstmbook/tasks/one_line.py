"""What tasks with one real input line share: two classes, told apart at the end of a sequence.

The first elements carry the class, or all do, and the target comes at the last step. LD (Bengio,
Simard and Frasconi 1994) compares algorithms on three of them.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from lstmbook.lanes.blocks import Field, real, whole
from lstmbook.lanes.draws import Stream
from lstmbook.lanes.form import Strings, sample
from lstmbook.lanes.words import below, lane, word
from lstmbook.protocols import Baseline
from lstmbook.sequences import Sequence
from lstmbook.tasks.criteria import OnTestSet
from lstmbook.validation import as_count, as_number

LINE_SETTINGS: tuple[tuple[str, Field], ...] = (
    ("shortest", whole()), ("longest", whole()), ("low", real()), ("high", real()),
    ("n_training", whole()),
)  # fmt: skip
LINE_PLAN = ("kind", "own")

FIXED = 2**40
"""The sequences of a fixed set are made from the draws that begin here, beyond all others."""

CLASSIFIED = OnTestSet(tolerance=0.3, fewer_than=1, n_tests=100, every=100)
"""All of 100 test sequences are classified: with targets 0.2 and 0.8, the output is on the right
side of 0.5. LD prints the share of wrong ones at the end of training instead."""


@lane
def begin_line(task: Any, strings: Strings, key: int, counter: int, plan: Any) -> int:
    """Draw the class and the length; of a fixed set, draw one of its sequences.

    Draws ``plan.own`` and the next one are for class and length, each step has one after them.
    """
    plan.own = counter
    if task.n_training > 0:
        chosen = below(word(key, counter), task.n_training)
        plan.own = FIXED + chosen * (task.longest + 2)
    plan.kind = below(word(key, plan.own), 2)
    more = below(word(key, plan.own + 1), task.longest - task.shortest + 1)
    plan.length = task.shortest + more
    return counter + 1 if task.n_training > 0 else counter + 2 + plan.length


@lane
def target_of_class(task: Any, strings: Strings, key: int, plan: Any, at: Any) -> Any:
    """Return the target of the sequence's class."""
    return task.high if plan.kind == 1 else task.low


@lane
def draw_of_step(key: int, plan: Any, at: Any) -> Any:
    """Return a step's own draw."""
    return word(key, plan.own + 2 + at)


class OneLine:
    """A task with one real input, one output, and a target at the end.

    Attributes
    ----------
    shortest, longest
        Lengths are uniform between these.
    low, high
        The targets of the two classes.
    n_training
        The number of sequences of a fixed training set, or 0: each sequence is a fresh one.
    """

    shortest: int
    longest: int
    low: float
    high: float
    n_training: int

    def _check(self, least: int) -> None:
        as_count("shortest", self.shortest, at_least=least)
        as_count("longest", self.longest, at_least=self.shortest, at_most=2**20)
        as_number("low", self.low)
        as_number("high", self.high, above=self.low)
        as_count("n_training", self.n_training, at_most=2**20)

    @property
    def n_inputs(self) -> int:
        """The number of input lines, 1."""
        return 1

    @property
    def n_outputs(self) -> int:
        """The number of outputs, 1."""
        return 1

    def sample(self, rng: np.random.Generator | Stream) -> Sequence:
        """Draw a sequence; of a fixed set (`n_training`) from a stream, to which the set belongs.

        Raises
        ------
        TypeError
            If there is a fixed set and `rng` is a generator, each draw of which begins a stream.
        """
        if self.n_training and not isinstance(rng, Stream):
            raise TypeError(
                f"rng is {rng!r}; with n_training the set belongs to a stream: it must be one, "
                'such as Stream(stream_key(seed, "sequences"))'
            )
        return sample(self, rng)

    def doing_nothing(self) -> Baseline:
        """Return what the constant output between the two targets scores."""
        middle = 0.5 * (self.low + self.high)
        return Baseline(np.array([middle]), 0.5 * (self.high - middle) ** 2)


def half(T: int) -> int:
    """Return the least length where LD has lengths uniform in [T/2, T]."""
    return (T + 1) // 2
