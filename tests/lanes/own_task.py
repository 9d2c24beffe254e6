"""A task of a reader's own: repeat the first of two symbols after some steps."""

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from lstmbook.lanes.blocks import whole
from lstmbook.lanes.form import Form, sample
from lstmbook.lanes.words import below, lane, where, word
from lstmbook.protocols import Baseline, Criterion
from lstmbook.tasks.criteria import RunOfRight


@lane
def begin(task, strings, key, counter, plan):
    plan.first = below(word(key, counter), 2)
    plan.length = task.steps
    return counter + 1


@lane
def symbol(task, strings, key, plan, at):
    return where(at == 0, plan.first, below(word(key, plan.draw + at), 2))


@lane
def target(task, strings, key, plan, at):
    return plan.first


@dataclass(frozen=True)
class Echo:
    steps: int = 3
    criterion: Criterion = field(default=RunOfRight(tolerance=0.3, run=50))
    name: str = "echo"
    n_inputs: int = 2
    n_outputs: int = 2

    form: ClassVar[Form] = Form(
        begin=begin, symbol=symbol, target=target, settings=(("steps", whole()),),
        plan=("first",), draws_a_step=1,
    )  # fmt: skip

    def sample(self, rng):
        return sample(self, rng)

    def doing_nothing(self):
        return Baseline(np.array([0.5, 0.5]), 0.25)


@lane
def begin_wrong(task, strings, key, counter, plan):
    plan.length = task.length
    return counter


@lane
def symbol_wrong(task, strings, key, plan, at):
    return where(at == 1, task.symbol, 0)


@lane
def target_wrong(task, strings, key, plan, at):
    return task.shown


@dataclass(frozen=True)
class Wrong(Echo):
    """A task that does not keep its word."""

    how: str = "symbol"
    form: ClassVar[Form] = Form(
        begin=begin_wrong, symbol=symbol_wrong, target=target_wrong,
        settings=(("length", whole()), ("symbol", whole()), ("shown", whole())),
    )  # fmt: skip

    def __init__(self, how):
        object.__setattr__(self, "how", how)

    @property
    def length(self):
        return 0 if self.how == "length" else 4

    @property
    def symbol(self):
        return {"symbol": 2, "negative": -1}.get(self.how, 0)

    @property
    def shown(self):
        return 2 if self.how == "target" else 0
