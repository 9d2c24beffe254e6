"""The one form of a task: lane code that says how a sequence begins and what stands at a step.

From it a compiled loop presents sequences, and `sample` draws them for everyone else, so every
learner sees the same sequences for the same seed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, NamedTuple

import numpy as np

from lstmbook.lanes.blocks import Field, Layout, view, whole
from lstmbook.lanes.draws import Stream, as_stream
from lstmbook.lanes.words import Constants, is_lane, lane
from lstmbook.sequences import IntArray, Sequence, as_choice, freeze, one_hot
from lstmbook.validation import as_count, as_number


class Strings(NamedTuple):
    """Fixed strings end to end, for tasks that have some; all are empty for the others.

    Attributes
    ----------
    codes
        The symbols, shape (steps,).
    starts
        String i has the symbols ``starts[i]`` to ``starts[i + 1]``.
    possible
        Which symbols may stand after each, as bits, shape (steps,).
    """

    codes: IntArray
    starts: IntArray
    possible: IntArray


NO_STRINGS = Strings(*(np.zeros(1, dtype=np.int64) for _ in range(3)))


@lane
def choose_string(task: Any, strings: Strings, n: int, plan: Any) -> None:
    """Plan the n-th of a task's strings: each step's target is the symbol after it."""
    first = strings.starts[task.first_string + n]
    plan.string = first
    plan.length = strings.starts[task.first_string + n + 1] - first - 1


@lane
def no_symbol(task: Any, strings: Strings, key: int, plan: Any, at: Any) -> Any:
    """Stand for the symbols of a task that has none."""
    return 0


@lane
def no_inputs(task: Any, strings: Strings, key: int, plan: Any, at: Any, x: Any) -> None:
    """Stand for the real inputs of a task that has none."""


@lane
def no_clean(task: Any, strings: Strings, key: int, plan: Any, at: Any) -> Any:
    """Stand for the targets without noise of a task whose targets have none."""
    return 0


def settings_of(settings: tuple[tuple[str, Field], ...], owner: Any) -> dict[str, Any]:
    """Return the settings of a task or a criterion by name.

    Raises
    ------
    AttributeError, TypeError
        If it lacks one, or it is not of the kind that its form says.
    """
    found = {}
    for name, field in settings:
        value = getattr(owner, name)
        if field.kind == "whole" and not isinstance(value, int | np.integer):
            raise TypeError(
                f"{name} of {type(owner).__name__} is {value!r}; its form says that it is whole"
            )
        found[name] = int(value) if field.kind == "whole" else as_number(name, value)
    return found


@dataclass(frozen=True)
class Form(Constants):
    """How a task's sequences are made. The functions are lane code.

    Attributes
    ----------
    begin
        ``begin(task, strings, key, counter, plan)`` draws a sequence: it sets ``plan.length`` and
        the plan's other fields and returns the number of the draw after its own.
    symbol
        ``symbol(task, strings, key, plan, at)`` is the symbol at a step; the first is 0. Of a
        task that predicts the next one it is also asked at the step after the last; what it says
        of steps beyond is not used. `at` may be many steps side by side. Draw ``plan.draw + at``
        is the step's own.
    inputs
        ``inputs(task, strings, key, plan, at, x)``, of a task with real inputs in place of
        `symbol`: sets ``x[0]``, ``x[1]`` and so on for several steps.
    target
        ``target(task, strings, key, plan, at)``: the number of the output that is to be 1, or
        the value of the only output.
    clean
        As `target`, without the noise, of a task whose targets have some: by it tests judge.
    settings
        The task's attributes that `begin` and the others read: "whole" or "real" for each name.
    plan
        The plan's whole numbers, beside ``length`` and ``draw``.
    draws_a_step
        How many draws belong to each step: with n of them, step ``at`` has those from
        ``plan.draw + n * at`` on.
    shows
        "symbol" (the target is the number of an output) or "value".
    every_step
        Whether there may be an error at each step; else there is one at the last only.
    strings
        Whether the sequences are strings of sets, which the criterion tries all.
    """

    begin: Callable[..., Any]
    target: Callable[..., Any]
    settings: tuple[tuple[str, Field], ...]
    symbol: Callable[..., Any] = no_symbol
    inputs: Callable[..., Any] = no_inputs
    clean: Callable[..., Any] = no_clean
    plan: tuple[str, ...] = ()
    draws_a_step: int = 0
    shows: str = "symbol"
    every_step: bool = False
    strings: bool = False

    def __post_init__(self) -> None:
        for name in ("begin", "symbol", "inputs", "target", "clean"):
            if not is_lane(getattr(self, name)):
                raise TypeError(f"{name} is {getattr(self, name)!r}; it must be marked with @lane")
        for name in ("settings", "plan"):
            if not isinstance(getattr(self, name), tuple):
                raise TypeError(f"{name} is {getattr(self, name)!r}; it must be a tuple")
        if (self.symbol is no_symbol) == (self.inputs is no_inputs):
            raise ValueError("symbol and inputs: a form has one of them, and not both")
        if self.every_step and not (self.symbolic and self.shows == "symbol"):
            raise ValueError(
                "every_step is True; then the inputs are symbols and each target is the next one"
            )
        as_count("draws_a_step", self.draws_a_step)
        as_choice("shows", self.shows, ("symbol", "value"))

    def settings_of(self, task: Any) -> dict[str, Any]:
        """Return a task's settings by name.

        Raises
        ------
        AttributeError, TypeError
            If the task lacks one, or it is not of the kind that the form says.
        """
        return settings_of(self.settings, task)

    @property
    def has_clean(self) -> bool:
        """Whether targets have noise, by which tests do not judge."""
        return self.clean is not no_clean

    @property
    def symbolic(self) -> bool:
        """Whether inputs are symbols."""
        return self.symbol is not no_symbol

    @property
    def settings_layout(self) -> Layout:
        """The settings as a block."""
        strings = {"first_string": whole()}
        return Layout.of("int64", dict(self.settings) | strings)

    @property
    def plan_layout(self) -> Layout:
        """The plan as a block."""
        names = ("length", "draw", "string", *self.plan)
        return Layout.of("int64", {name: whole() for name in names})


def sample(task: Any, rng: np.random.Generator | Stream, *, clean: bool = False) -> Sequence:
    """Draw a task's next sequence, by its form.

    Parameters
    ----------
    task
        A task with a `form`.
    rng
        The stream of a trial's sequences; or a generator, of which one draw begins a new stream.
    clean
        Whether the targets are those without noise.
    """
    form: Form = task.form
    stream = as_stream(rng)
    strings = getattr(task, "strings", NO_STRINGS)
    layout = form.plan_layout
    plan = view(layout, layout.memory(), 0)
    settings = SimpleNamespace(first_string=0, **form.settings_of(task))
    plan.draw = form.begin(settings, strings, stream.key, stream.position, plan)
    length = int(plan.length)
    stream.position = int(plan.draw) + form.draws_a_step * length
    at = np.arange(length)
    if form.symbolic:
        inputs = form.symbol(settings, strings, stream.key, plan, at)
    else:
        x = np.empty((task.n_inputs, length))
        form.inputs(settings, strings, stream.key, plan, at, x)
        inputs = freeze(x).T
    mask = np.ones(length, dtype=np.bool_)
    if not (form.every_step and getattr(task, "errors", "every step") == "every step"):
        mask[:-1] = False
    targets = np.full((length, task.n_outputs), np.nan)
    shown = at if form.every_step else at[-1:]
    target = form.clean if clean and form.has_clean else form.target
    wanted = target(settings, strings, stream.key, plan, shown)
    wanted = np.broadcast_to(np.asarray(wanted), shown.shape)
    targets[shown] = one_hot(wanted, task.n_outputs) if form.shows == "symbol" else wanted[:, None]
    return Sequence(freeze(inputs), freeze(targets), freeze(mask), task.n_inputs)


def try_out(task: Any, n: int = 3) -> None:
    """Draw some sequences of a task in NumPy, which names what compiled code would not see.

    Raises
    ------
    ValueError
        If each step has a target that is not the next symbol.
    """
    form: Form = task.form
    for key in range(n):
        sequence = task.sample(Stream(key))
        if form.every_step and len(sequence) > 1:
            following = np.asarray(sequence.inputs)[1:]
            if (np.argmax(sequence.targets[:-1], axis=1) != following).any():
                raise ValueError(
                    f"{type(task).__name__} has an error at every step and a target that is not "
                    "the next symbol"
                )


def symbols_of(task: Any, stream: Stream, n: int) -> IntArray:
    """Draw n sequences of a task all of whose sequences have the same length, without a mask.

    Returns
    -------
    symbols
        Shape (n, length + 1): with the symbol after the last step, that step's target.
    """
    form: Form = task.form
    first = SimpleNamespace()
    begun = form.begin(task, NO_STRINGS, stream.key, stream.position, first) - stream.position
    starts = stream.position + np.arange(n)[:, None] * (begun + form.draws_a_step * first.length)
    plan = SimpleNamespace()
    plan.draw = form.begin(task, NO_STRINGS, stream.key, starts, plan)
    stream.position += n * (begun + form.draws_a_step * int(first.length))
    symbols: IntArray = form.symbol(
        task, NO_STRINGS, stream.key, plan, np.arange(first.length + 1)[None, :]
    )
    return np.broadcast_to(symbols, (n, first.length + 1)).copy()
