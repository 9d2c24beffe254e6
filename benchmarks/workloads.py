"""The kinds of work that are measured: trials that never end, and the arithmetic of a step."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from lstmbook.learners.trials import Trial, program_of
from lstmbook.lstm import Topology
from lstmbook.tasks.adding import Adding
from lstmbook.tasks.criteria import RunOfRight
from lstmbook.tasks.long_time_lags import RandomDistractors, RandomMiddle, TwoSequences
from lstmbook.tasks.reber import EmbeddedReber

PRECISIONS = ("float32", "float64")
LENGTHS = (100, 1000)
NEVER = RunOfRight(tolerance=1e-12, run=10**9)
ENDLESS: dict[str, Any] = {"seed": 0, "max_sequences": 10**12, "dtype": "float32"}

FULL, PLAIN = "cells and gates", "none"


def name_1c(T: int, recurrent: str = FULL) -> str:
    """Return the name of experiment 1c among the workloads."""
    return f"1c, T = {T}, recurrent: {recurrent}"


def name_adding(T: int) -> str:
    """Return the name of the adding problem with two cells among the workloads."""
    return f"adding, T = {T}, 2 blocks of 1"


def trial_1c(
    q: int = 988, p: int = 100, *, blocks: tuple[int, ...] = (1, 1), recurrent: str = FULL
) -> Trial:
    """Return a trial of experiment 1c; its sequences have q + 12 steps in the mean."""
    task = RandomDistractors(q=q, p=p, criterion=NEVER)
    return Trial(task, Topology(task.n_inputs, 2, blocks, recurrent=recurrent), 0.01, **ENDLESS)


def trial_adding(T: int = 100, blocks: tuple[int, ...] = (2, 2)) -> Trial:
    """Return a trial of the adding problem; its sequences have T to 1.1 T steps."""
    net = Topology(
        2, 1, blocks, cell_biases=True, input_gate_biases=True, output_gate_biases=True,
        output_biases=True,
    )  # fmt: skip
    return Trial(Adding(T=T, criterion=NEVER), net, 0.1, **ENDLESS)


def workloads() -> dict[str, Trial]:
    """Return all kinds of work by name, in float32."""
    wide = Topology(
        101, 101, (1,), output_gates=False, shortcuts=True, output_biases=True,
        g="logistic", h="identity",
    )  # fmt: skip
    reber = EmbeddedReber.draw(np.random.default_rng(0), every=10**9)
    narrow = Topology(7, 7, (2, 2, 2), shortcuts=True, output_biases=True)
    return {
        **{
            name_1c(T, recurrent): trial_1c(T - 12, recurrent=recurrent)
            for recurrent in (PLAIN, FULL)
            for T in LENGTHS
        },
        "1a, 101 outputs": Trial(TwoSequences(p=100, criterion=NEVER), wide, 0.1, **ENDLESS),
        "1b, 101 outputs": Trial(RandomMiddle(p=100, criterion=NEVER), wide, 0.1, **ENDLESS),
        "Reber, 3 blocks of 2": Trial(reber, narrow, 0.1, **ENDLESS),
        "adding, T = 100, 2 blocks of 2": trial_adding(),
        **{name_adding(T): trial_adding(T, (1, 1)) for T in LENGTHS},
    }


def in_precision(trial: Trial, dtype: str) -> Trial:
    """Return the same trial in another precision."""
    return replace(trial, dtype=dtype)


def operations(trial: Trial) -> tuple[int, int]:
    """Return the sigmoids and multiply-adds of a step.

    Additions of symbols' weights and of their partials are left aside, and so is what only the
    last step of a sequence does.
    """
    net: Any = program_of(trial).net
    input_gates, out_gates = net.n_gated - net.n_cells, net.n_out_gates
    into_gates = out_gates * net.n_into_out
    partials = net.n_cells * (net.n_into_c + net.n_into_in * net.input_gates)
    madds = net.n_cells * net.n_into_c + input_gates * net.n_into_in + partials
    sigmoids = input_gates + net.n_cells * (net.topology.g != "identity")
    if not net.gates_rest:
        sigmoids += out_gates + net.n_cells * (net.topology.h != "identity")
        madds += into_gates
    if net.every_step:
        outputs = net.n_outputs * (net.n_into_k + net.shortcuts)
        sigmoids += net.n_outputs
        madds += 2 * outputs + net.n_outputs * net.n_cells + partials + into_gates
    return sigmoids, madds
