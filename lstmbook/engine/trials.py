"""What a trial is, whether the engine can run it, and its numbers for the compiled loop."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from lstmbook.engine.kernel import CHUNK, GROUPS, NARROW, PF, PHASES, PI, Kernel
from lstmbook.lanes.draws import stream_key
from lstmbook.learners.trials import Rates, Trial, biases_of, rates_of
from lstmbook.sequences import IntArray
from lstmbook.tasks.adding import Adding
from lstmbook.tasks.criteria import AllRight, RunOfRight
from lstmbook.tasks.long_time_lags import RandomDistractors, RandomMiddle, TwoSequences
from lstmbook.tasks.reber import EmbeddedReber, possible_next, string_predicted
from lstmbook.validation import Array, as_count

ENGINE_VERSION = 1
"""Raised whenever the same trial gives other bits than before."""

LANES = 32
"""Trials side by side unless told otherwise: two vectors or more on any processor.

Half of it where outputs are many, so that their weights stay in the second cache.
"""


def unsupported(trial: Trial) -> str | None:
    """Return why the engine cannot run a trial (the reference can), or None if it can."""
    task, criterion = trial.task, trial.task.criterion
    if not trial.net.n_blocks:
        return "net has no blocks"
    if len(trial.schedule) > PHASES:
        return f"its schedule has more than {PHASES} parts"
    if trial.schedule and (trial.plateau is not None or isinstance(task, EmbeddedReber)):
        return "with a schedule it neither adds blocks nor learns the Reber grammar"
    if isinstance(task, EmbeddedReber):
        if not isinstance(criterion, AllRight) or criterion.is_right is not string_predicted:
            return "the criterion is not that every string is predicted"
        return None
    if not isinstance(task, TwoSequences | RandomMiddle | RandomDistractors | Adding):
        return f"{type(task).__name__} is not among the engine's tasks"
    if not isinstance(criterion, RunOfRight):
        return "the criterion is not a run of right sequences"
    late = isinstance(task, TwoSequences | RandomMiddle) and task.errors == "last step"
    if late and criterion.steps == "every":
        return "errors are injected at the last step only but judged at every step"
    return None


def kernel_of(trial: Trial, lanes: int | None = None) -> Kernel:
    """Return the compiled loop that a trial needs.

    Raises
    ------
    ValueError
        If the engine cannot run it.
    """
    why = unsupported(trial)
    if why is not None:
        raise ValueError(f"trial cannot run in the engine: {why}")
    task, net = trial.task, trial.net
    family = {
        TwoSequences: "two sequences",
        RandomMiddle: "random middle",
        RandomDistractors: "random distractors",
        EmbeddedReber: "strings",
        Adding: "adding",
    }[type(task)]
    every_step = getattr(task, "errors", "every step") == "every step"
    every_step = every_step and family not in ("random distractors", "adding")
    if lanes is None:
        lanes = LANES // 2 if net.n_outputs > NARROW else LANES
    return Kernel(
        net=replace(net, n_inputs=1) if family != "adding" else net,
        symbolic=family != "adding",
        family=family,
        every_step=every_step,
        at_end=every_step and trial.updates == "sequence end",
        construct=trial.plateau is not None,
        dtype=trial.dtype,
        lanes=as_count("lanes", lanes, at_least=1),
        scheduled=bool(trial.schedule),
    )


@dataclass
class Table:
    """Trials as the compiled loop reads them.

    Attributes
    ----------
    whole, real
        One row a trial; the columns of `lstmbook.engine.kernel`, then the biases.
    given
        Given initial weights, one row for each trial that has them.
    codes, starts, possible
        Fixed strings end to end: symbols, where each begins, and which symbols may come next.
    """

    whole: IntArray
    real: Array
    given: Array
    codes: IntArray
    starts: IntArray
    possible: IntArray


def table_of(trials: list[Trial]) -> Table:
    """Return the numbers of trials that share a kernel."""
    net = trials[0].net
    whole = np.zeros((len(trials), len(PI)), dtype=np.int64)
    real = np.full((len(trials), len(PF) + net.n_hidden + net.n_outputs), np.nan)
    strings = _Strings()
    given: list[Array] = []
    for i, trial in enumerate(trials):
        numbers = _numbers(trial, strings)
        if trial.weights is not None:
            numbers["given_weights"] = len(given)
            given.append(trial.weights)
        for name, value in numbers.items():
            if name in PF:
                real[i, PF.index(name)] = value
            else:
                # keys are 64-bit words: the same bits, read as a signed number
                whole[i, PI.index(name)] = np.uint64(int(value) % 2**64).astype(np.int64)
        real[i, len(PF) :] = biases_of(trial)
    longest = max((len(w) for w in given), default=0)
    padded = np.zeros((len(given), longest))
    for row, w in zip(padded, given, strict=True):
        row[: len(w)] = w
    return Table(whole, real, padded, *strings.arrays())


def _numbers(trial: Trial, strings: _Strings) -> dict[str, float]:
    """Return a trial's numbers by the names of their columns."""
    task, criterion, rule = trial.task, trial.task.criterion, trial.plateau
    numbers: dict[str, float] = {
        "key_weights": stream_key(trial.seed, "weights"),
        "key_sequences": stream_key(trial.seed, "sequences"),
        "cap": trial.max_sequences,
        "n_inputs": trial.net.n_inputs,
        "given_weights": -1,
        "n_start_blocks": trial.net.n_blocks if rule is None else trial.start_blocks,
        "learning_rate": trial.learning_rate,
        "scale": trial.scale,
        "tolerance": 0.0,
        "gain": 0.0 if rule is None else rule.gain,
        "plateau_window": 0 if rule is None else rule.window,
        "patience": 0 if rule is None else rule.patience,
        "stop": 0.5,
    }
    end = 0
    for i, part in enumerate(trial.schedule):
        numbers |= {f"rate_{group}_{i}": getattr(part, group) for group in GROUPS}
        end += part.sequences
        if i + 1 < len(trial.schedule):
            numbers[f"phase_end_{i}"] = end
    if isinstance(criterion, RunOfRight):
        numbers |= {
            "tolerance": criterion.tolerance,
            "run": criterion.run,
            "judge_last": criterion.steps == "last",
            "counted_last": criterion.counted == "last",
        }
    if isinstance(task, RandomDistractors):
        numbers |= {"a": task.q, "b": task.p, "stop": task.stop}
    elif isinstance(task, Adding):
        numbers |= {"a": task.T}
    elif isinstance(task, TwoSequences | RandomMiddle):
        numbers |= {"b": task.p}
    elif isinstance(task, EmbeddedReber):
        numbers |= {
            "every": task.every,
            "n_training": len(task.training),
            "n_test": len(task.test),
            "first_string": strings.first(task),
        }
    return numbers


class _Strings:
    """Fixed strings of all data sets, end to end."""

    def __init__(self) -> None:
        self.found: dict[int, int] = {}
        self.tasks: list[EmbeddedReber] = []
        self.codes: list[int] = []
        self.starts: list[int] = [0]
        self.possible: list[int] = []

    def first(self, task: EmbeddedReber) -> int:
        """Return the number of a task's first training string, adding its strings if new."""
        if id(task) not in self.found:
            self.found[id(task)] = len(self.starts) - 1
            self.tasks.append(task)
            for batch in (task.training, task.test):
                for sequence in batch:
                    string = task.alphabet.decode(np.asarray(sequence.inputs, dtype=np.int64))
                    last = int(np.argmax(sequence.targets[-1]))
                    self.codes += [*(task.alphabet.code(s) for s in string), last]
                    bits = possible_next(string) @ (1 << np.arange(len(task.alphabet)))
                    self.possible += [*(int(b) for b in bits), 0]
                    self.starts.append(len(self.codes))
        return self.found[id(task)]

    def arrays(self) -> tuple[IntArray, IntArray, IntArray]:
        """Return codes, starts and possible symbols; an idle lane reads from the first on."""
        more = [0] * (CHUNK + 1)
        return (
            np.array([*self.codes, *more], dtype=np.int64),
            np.array(self.starts, dtype=np.int64),
            np.array([*self.possible, *more], dtype=np.int64),
        )


__all__ = [
    "ENGINE_VERSION",
    "Rates",
    "Table",
    "Trial",
    "kernel_of",
    "rates_of",
    "table_of",
    "unsupported",
]
