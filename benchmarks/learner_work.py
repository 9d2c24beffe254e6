"""The comparison learners and their tasks that are measured, and the arithmetic of a step."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import hand_loops
import numpy as np
from hand_loops import Hand
from workloads import NEVER, trial_adding

from lstmbook.learners.bptt import BPTT
from lstmbook.learners.cascade_layout import CascadeLayout
from lstmbook.learners.chunker import Chunker, Pair
from lstmbook.learners.echo_state import Echo, EchoState
from lstmbook.learners.elman import Elman
from lstmbook.learners.gru import GRU
from lstmbook.learners.net_trial import NetTrial
from lstmbook.learners.recipe import NetRecipe
from lstmbook.learners.rtrl import RTRL, RealTime
from lstmbook.learners.trials import program_of
from lstmbook.tasks.long_time_lags import RandomDistractors, RandomMiddle, TwoSequences
from lstmbook.tasks.reber import EmbeddedReber


@dataclass(frozen=True)
class Case:
    """A learner on a task.

    Attributes
    ----------
    task, recipe
        Which.
    hand
        What makes the steps of the hand-written loop, if there was one.
    """

    task: Any
    recipe: NetRecipe
    hand: Hand | None = None

    def trial(self, dtype: str, seed: int = 0) -> NetTrial:
        """Return a trial that does not end."""
        return NetTrial(self.task, self.recipe, seed, 10**12, dtype=dtype)


@cache
def reber() -> EmbeddedReber:
    """Return the embedded Reber grammar with sets whose strings are never tried."""
    return EmbeddedReber.draw(np.random.default_rng(0), every=10**9)


def cases() -> dict[str, Case]:
    """Return all that is measured by name."""
    one_unit: dict[str, Any] = {
        "hidden": 1, "shortcuts": True, "hidden_biases": True, "output_biases": True,
    }  # fmt: skip
    found = {}
    for p in (10, 100):
        task = TwoSequences(p, criterion=NEVER)
        found[f"RTRL, 1 unit, 1a p = {p}"] = Case(
            task, RTRL(**one_unit), hand_loops.small("rtrl_net", **one_unit)
        )
        found[f"BPTT, 1 unit, 1a p = {p}"] = Case(
            task, BPTT(**one_unit), hand_loops.small("bptt_net", **one_unit)
        )
        found[f"chunker, 1a p = {p}"] = Case(task, Chunker(), hand_loops.pair)
    middle = RandomMiddle(100, criterion=NEVER)
    found["chunker, 1b p = 100"] = Case(middle, Chunker(), hand_loops.pair)
    elman = hand_loops.on_strings("elman", "elman_net", hidden=15)
    found["Elman, 15 units, Reber"] = Case(reber(), Elman(hidden=15), elman)
    for n in (3, 12):
        fully: dict[str, Any] = {"hidden": n, "recurrent": "all"}
        found[f"RTRL, {n} + 7 units, Reber"] = Case(
            reber(), RTRL(**fully), hand_loops.on_strings("rtrl_net", "rtrl_net", **fully)
        )
    noise, adding = RandomDistractors(q=88, p=100, criterion=NEVER), trial_adding().task
    found["BPTT, 5 units, 1c T = 100"] = Case(noise, BPTT(hidden=5, learning_rate=0.1))
    found["BPTT, 5 units, adding T = 100"] = Case(adding, BPTT(hidden=5, learning_rate=0.1))
    often = BPTT(hidden=5, learning_rate=0.1, updates="every step", depth=3)
    found["BPTT, 5 units, 3 back, Reber"] = Case(reber(), often)
    for name, task in (("1c T = 100", noise), ("adding T = 100", adding), ("Reber", reber())):
        found[f"GRU, 5 units, {name}"] = Case(task, GRU(hidden=5))
    echo = EchoState(hidden=30)
    found["echo state, 30 units, Reber"] = Case(reber(), echo)
    found["echo state, 30 units, 1a p = 10"] = Case(TwoSequences(10, criterion=NEVER), echo)
    return found


def tiny_cases() -> dict[str, Case]:
    """Return one small case, to see that everything runs."""
    task = TwoSequences(4, criterion=NEVER)
    return {"BPTT, 1 unit, 1a p = 4": Case(task, BPTT(), hand_loops.small("bptt_net"))}


# ------------------------------------------------------------------------------ operations
def forward_operations(net: Any) -> tuple[int, int]:
    """Return the sigmoids and multiply-adds of the units: each reads its layer and what is below.

    A symbol's weight is an addition, also where the learner keeps symbols as numbers.
    """
    into = sum(
        size * (net.memory.below[r] * below + net.memory.before[r] * size)
        for below, size in zip(_really_below(net), net.layers, strict=True)
        for r in range(net.n_nets)
    )
    squashed = 3 if net.n_nets > 1 else 1  # a gated unit has two gates and a candidate
    return squashed * net.n_units, int(into)


def _really_below(net: Any) -> tuple[int, ...]:
    """Return how much each layer reads from below, but for symbols."""
    return (net.n_dense, *net.layers[:-1])


def output_operations(net: Any) -> tuple[int, int]:
    """Return those of the outputs: what they read, what goes back to units, the changes."""
    if net.fully:
        return 0, 0
    return net.n_outputs, net.n_outputs * (2 * net.n_into_k + net.n_read)


def backward_operations(net: Any) -> int:
    """Return the multiply-adds of carrying errors back through one step, with the changes.

    Down to the layer below, back to the step before if errors go there, and a change for each
    weight that is no symbol's and no bias.
    """
    found, back = 0, net.in_rounds or isinstance(net, Pair)
    for layer, (below, size) in enumerate(zip(_really_below(net), net.layers, strict=True)):
        for r in range(net.n_nets):
            from_below, before = net.memory.below[r] * below, net.memory.before[r] * size
            found += size * (from_below + before)
            found += size * from_below * (layer > 0) + size * before * back
    return found


def real_time_operations(net: RealTime) -> int:
    """Return the multiply-adds of the partials, and of the changes along them, for one layer.

    Each weight into each unit, from symbols and with its bias, has a partial for each unit, which
    reads all partials of the step before. The slope may be multiplied into the weights. A change
    has a multiply-add for each unit at which an error arrives.
    """
    (units,) = net.layers
    weights = units * (net.n_x + units + net.hidden_biases)
    return int(weights * (units**2 + net.n_arriving))


def least_squares_operations(net: Echo) -> int:
    """Return the multiply-adds of recursive least squares: a product, and half a matrix's change.

    The inverse is symmetric.
    """
    n = net.n_into_k
    return int(n * n + n * (n + 1) // 2 + n)


def operations(case: Case) -> tuple[int, int]:
    """Return the sigmoids and multiply-adds of a step with a learner's own kind of learning.

    Left aside are what only a sequence's last step does, and slopes and products within a unit.
    Of the chunker it is what its first net does: see `operations_passed_on`.
    """
    net: Any = program_of(case.trial("float64"), 1).net
    sigmoids, madds = forward_operations(net)
    if net.every_step:
        of_outputs = output_operations(net)
        if isinstance(net, Echo):  # nothing goes back
            of_outputs = 0, 2 * net.n_outputs * net.n_into_k
            madds += least_squares_operations(net)
        sigmoids, madds = sigmoids + of_outputs[0], madds + of_outputs[1]
    if isinstance(net, Echo):
        return sigmoids, madds
    if isinstance(net, RealTime):
        return sigmoids, madds + real_time_operations(net)
    return sigmoids, madds + steps_back(net) * backward_operations(net)


def operations_passed_on(case: Case) -> tuple[int, int]:
    """Return those of an input that is passed on to the chunker's second net; of others none."""
    net: Any = program_of(case.trial("float64"), 1).net
    if not isinstance(net, Pair):
        return 0, 0
    sigmoids, madds = forward_operations(net.c)
    of_outputs = output_operations(net.c)
    back = net.slots * backward_operations(net.c)
    return sigmoids + of_outputs[0], madds + of_outputs[1] + back


def steps_back(net: Any) -> int:
    """Return through how many steps errors go for each step that is taken."""
    if isinstance(net, Pair):
        return net.slots
    return int(net.depth + 1) if net.sweeps_each_step else 1


def epoch_operations(
    net: CascadeLayout, units: int, steps: int, *, candidates: bool
) -> tuple[int, int]:
    """Return those of an epoch of Recurrent Cascade-Correlation, but for moving the weights.

    Outputs: what they read, and its slopes. Candidates: what they read, each covariance with an
    output's error and its slope, and their own past both ways.
    """
    read = net.n_plain + units
    if candidates:
        each = net.pool_size * (2 * read + 2 * net.n_outputs + 3)
        return steps * net.pool_size, steps * each
    return steps * net.n_outputs, steps * net.n_outputs * (2 * read)
