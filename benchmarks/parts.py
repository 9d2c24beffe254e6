"""Where the time of a step goes: experiment 1c's loop without parts of it, one more each time.

What a part costs by itself and what it costs by what it does to the others (it pushes numbers out
of the first cache, its instructions wait beside theirs) are not told apart.
"""

from __future__ import annotations

import os
import tempfile
from dataclasses import fields, replace
from typing import Any
from unittest import mock

from engines import BEGIN, Steps, alternating
from workloads import in_precision, trial_1c

from lstmbook.lanes.blocks import Memory, view
from lstmbook.lanes.loop import Program
from lstmbook.lanes.words import lane
from lstmbook.learners.lstm import LaneLSTM, carry, carry_symbol, forward
from lstmbook.learners.trials import Loop, program_of

WHOLE, REST = "whole", "the rest: arithmetic of the step, ends of sequences"
MOVING = "bringing symbols' records into rows and back"
DRAWING = "drawing symbols"
PARTS = (MOVING, DRAWING)


@lane
def step_in_place(net: Any, M: Any, places: Memory, j: int) -> None:
    """Take a step without error with the numbers of whichever symbol stands in the rows."""
    S, X = view(net.state, M.state, 0), view(net.now, M.now, 0)
    forward(net, S, X)
    carry(net, S)
    carry_symbol(net, S, X)


@lane
def same_symbol(task: Any, strings: Any, key: int, plan: Any, at: Any) -> Any:
    """Return the first symbol, without a draw."""
    return at * 0


class Unmoved(LaneLSTM):
    """LSTM whose symbols' records stay where they are."""

    @property
    def resting_step(self) -> Any:
        """A step without error of all trials."""
        return step_in_place


def without(program: Program, parts: tuple[str, ...]) -> Program:
    """Return a program that leaves parts out."""
    if MOVING in parts:
        net: Any = program.net
        settings = {each.name: getattr(net, each.name) for each in fields(net)}
        program = replace(program, net=Unmoved(**settings))
    if DRAWING in parts:
        program = replace(program, form=replace(program.form, symbol=same_symbol))
    return program


def _steps_of(program: Program, dtype: str) -> Steps:
    trial = in_precision(trial_1c(), dtype)
    loop = Loop(program, [replace(trial, seed=s) for s in range(program.lanes)])
    loop.advance(BEGIN)
    return lambda steps: loop.advance(steps) * program.lanes


def seconds_of_parts(dtype: str, *, repeats: int, span: float) -> dict[str, float]:
    """Return the CPU seconds of a step: the whole, what leaving out each part saves, the rest."""
    program = program_of(in_precision(trial_1c(), dtype))
    # what is compiled from this file is kept apart: the lanes' cache does not know of its changes
    with (
        tempfile.TemporaryDirectory() as folder,
        mock.patch.dict(os.environ, LSTMBOOK_CACHE=folder),
    ):
        loops = {n: _steps_of(without(program, PARTS[:n]), dtype) for n in range(len(PARTS) + 1)}
        seconds = alternating(loops, repeats=repeats, span=span)
    found = {WHOLE: seconds[0]}
    found |= {part: seconds[n] - seconds[n + 1] for n, part in enumerate(PARTS)}
    return found | {REST: seconds[len(PARTS)]}
