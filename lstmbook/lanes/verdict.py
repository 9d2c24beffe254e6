"""How a trial is judged: the form of a criterion in lane code, and a judge in Python that uses it.

The loop shows every sequence to a criterion's functions, and so does `LaneJudge` for learners that
are not compiled: the same trial ends at the same sequence.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, Protocol

import numpy as np

from lstmbook.lanes.blocks import Field, Layout, Memory, whole
from lstmbook.lanes.form import settings_of
from lstmbook.lanes.words import Constants, is_lane, lane
from lstmbook.sequences import Sequence, as_choice
from lstmbook.validation import Array

GO_ON, MET, TRY, MISSED = range(4)
"""What a criterion may say: go on; it is met; now try the sequences that it is about with the
weights at rest; this try has failed."""

FAR = 1 << 62

TRIES = ("nothing", "tests", "strings")


@lane
def nothing_tried(
    criterion: Any, judge: Any, recent: Memory, number: int, error: float, right: bool
) -> int:
    """Stand for the tries of a criterion that has none."""
    return MISSED


@lane
def counted_now(criterion: Any, judge: Any) -> int:
    """Return the number of the sequence with which the criterion is met."""
    return judge.presented  # type: ignore[no-any-return]


@dataclass(frozen=True)
class CriterionForm(Constants):
    """How a criterion judges. The three functions are lane code.

    A sequence's `error` is its largest absolute judged error, and it is `right` if that is below
    the criterion's ``tolerance``; or, of a criterion that is `legal`, if no impossible symbol was
    as active as a possible one.

    Attributes
    ----------
    see
        ``see(criterion, judge, recent, error, right)`` takes note of a presented sequence, number
        ``judge.presented`` (the first is 1), and returns GO_ON, MET or TRY.
    tried
        ``tried(criterion, judge, recent, number, error, right)`` takes note of the sequence of
        that number (from 1 on) of a try, and returns GO_ON (to the next one), MET or MISSED.
    counted
        ``counted(criterion, judge)`` returns which presented sequence is counted as the success.
    settings
        The criterion's attributes that they read: "whole" or "real" for each name.
    state
        What ``judge`` remembers, 0 at first, beside ``presented``.
    recent
        The setting that says how many numbers of recent sequences are remembered, in
        ``recent[judge.first]`` and the following; "" for none. They are anything at first.
    tries
        What is tried: "nothing", "tests" (sequences of a stream of their own, as many as the
        criterion's ``n_tests``, the same at each try) or "strings" (all that the task has).
    legal
        Whether a sequence is right if its possible symbols are the most active outputs.
    """

    see: Callable[..., int]
    settings: tuple[tuple[str, Field], ...]
    state: tuple[tuple[str, Field], ...] = ()
    tried: Callable[..., int] = nothing_tried
    counted: Callable[..., int] = counted_now
    recent: str = ""
    tries: str = "nothing"
    legal: bool = False

    def __post_init__(self) -> None:
        for name in ("see", "tried", "counted"):
            if not is_lane(getattr(self, name)):
                raise TypeError(f"{name} is {getattr(self, name)!r}; it must be marked with @lane")
        for name in ("settings", "state"):
            if not isinstance(getattr(self, name), tuple):
                raise TypeError(f"{name} is {getattr(self, name)!r}; it must be a tuple")
        as_choice("tries", self.tries, TRIES)
        names = dict(self.settings)
        if not self.legal and "tolerance" not in names:
            raise ValueError("settings lacks tolerance, by which a sequence is right")
        for name, needed in (
            (self.recent, self.recent != ""),
            ("n_tests", self.tries == "tests"),
            ("n_strings", self.tries == "strings"),
        ):
            if needed and (name not in names or names[name].kind != "whole"):
                raise ValueError(f"settings lacks {name}, a whole number")

    @property
    def tests(self) -> bool:
        """Whether sequences of a stream of their own are tried."""
        return self.tries == "tests"

    @property
    def strings(self) -> bool:
        """Whether all strings of the task are tried."""
        return self.tries == "strings"

    @property
    def settings_layout(self) -> Layout:
        """The settings as a block."""
        return Layout.of("int64", dict(self.settings))

    @property
    def state_layout(self) -> Layout:
        """What a judge remembers as a block."""
        return Layout.of("int64", {"presented": whole(), "first": whole()} | dict(self.state))

    def settings_of(self, criterion: Any) -> dict[str, Any]:
        """Return a criterion's settings by name.

        Raises
        ------
        AttributeError, TypeError
            If the criterion lacks one, or it is not of the kind that the form says.
        """
        return settings_of(self.settings, criterion)

    def n_recent(self, criterion: Any) -> int:
        """Return how many numbers of recent sequences are remembered."""
        return int(getattr(criterion, self.recent)) if self.recent else 0


@lane
def is_right(form: CriterionForm, criterion: Any, error: float, illegal: float) -> bool:
    """Return whether a sequence is right."""
    if form.legal:
        return illegal == 0.0
    return error < criterion.tolerance  # type: ignore[no-any-return]


class LaneCriterion(Protocol):
    """A criterion with a form."""

    @property
    def form(self) -> CriterionForm:
        """Its functions."""
        ...

    def error(self, sequence: Sequence, outputs: Array) -> float:
        """Return the largest absolute judged error."""
        ...

    def right(self, sequence: Sequence, outputs: Array) -> bool:
        """Return whether a sequence is right."""
        ...


class LaneJudge:
    """A criterion in lane code at work on one trial, in Python.

    Parameters
    ----------
    criterion
        A criterion with a `form`.
    tried
        The sequences that it tries, in their order.
    """

    def __init__(self, criterion: LaneCriterion, tried: Iterable[Sequence] = ()) -> None:
        form = criterion.form
        self.criterion, self.form, self.tried = criterion, form, tuple(tried)
        self.settings = SimpleNamespace(**form.settings_of(criterion))
        zeros = {name: 0.0 if each.kind == "real" else 0 for name, each in form.state}
        self.judge = SimpleNamespace(presented=0, first=0, **zeros)
        self.recent = np.zeros(form.n_recent(criterion))

    def see(self, sequence: Sequence, outputs: Array, learner: Any) -> bool:
        """Take note of one presented sequence; return whether the trial has succeeded."""
        self.judge.presented += 1
        judged = self._judged(sequence, outputs)
        said = self.form.see(self.settings, self.judge, self.recent, *judged)
        return said == MET or (said == TRY and self._met(learner))

    def _judged(self, sequence: Sequence, outputs: Array) -> tuple[float, bool]:
        return self.criterion.error(sequence, outputs), self.criterion.right(sequence, outputs)

    def _met(self, learner: Any) -> bool:
        said = MISSED
        for number, each in enumerate(self.tried, 1):
            judged = self._judged(each, learner.predict(each))
            said = self.form.tried(self.settings, self.judge, self.recent, number, *judged)
            if said != GO_ON:
                break
        return said == MET

    @property
    def until_look(self) -> int:
        """After how many more presented sequences something may be tried."""
        if self.form.tries == "nothing":
            return FAR
        every = getattr(self.settings, "every", 1)  # another period may end at any sequence
        return int(every - self.judge.presented % every)

    @property
    def after(self) -> int:
        """The number of presented sequences at which success is counted."""
        return int(self.form.counted(self.settings, self.judge))
