"""What a trial is, how it ends, and running many: trials through the compiled loop."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from lstmbook.abuse import Phase, Plateau, memory_weights, weights_into_memory
from lstmbook.lanes.blocks import Block, aligned, view
from lstmbook.lanes.draws import Stream, fractions, stream_key
from lstmbook.lanes.form import NO_STRINGS, Strings, try_out
from lstmbook.lanes.loop import (
    ACCURACIES,
    BROKEN,
    CHUNK,
    ENDINGS,
    PHASES,
    TOLERANCES,
    WINDOW_SLOTS,
    Arrays,
    Program,
)
from lstmbook.learners.lstm import LaneLSTM
from lstmbook.learners.net_trial import DTYPES, NetTrial
from lstmbook.learners.outputs import WIDE
from lstmbook.lstm import Bias, Topology, Weights, as_weights
from lstmbook.protocols import Task
from lstmbook.sequences import Sequence, as_choice
from lstmbook.truncated_learning import UPDATES
from lstmbook.validation import Array, as_array, as_count, as_number

LANES_VERSION = 1
"""Raised whenever the same trial gives other bits than before."""

LANES = 16
"""Trials side by side unless told otherwise: one or two of the widest vectors there are."""

MOST_LANES = 128
"""More make the code long and no trial quicker."""

GROUPS = ("into", "out", "rest")
"""Weights that a schedule can give rates of their own: into cells and gates, from cells to
outputs, all others."""

FIRST_ROOM = 128
"""Steps for which there is memory at first, where sequences begin together."""


@dataclass(frozen=True)
class Rates:
    """A part of a training schedule, as the loop has it.

    Attributes
    ----------
    sequences
        For how many sequences it lasts; the last part goes on for ever.
    into, out, rest
        Learning rates of the weights into cells and gates, of those from cells to outputs, and
        of all others; 0 where they rest.
    """

    sequences: int
    into: float
    out: float
    rest: float

    def __post_init__(self) -> None:
        as_count("sequences", self.sequences, at_least=1)
        for group in GROUPS:
            as_number(group, getattr(self, group), at_least=0)


def rates_of(net: Topology, phases: tuple[Phase, ...]) -> tuple[Rates, ...]:
    """Return a schedule as the loop has it.

    Raises
    ------
    ValueError
        If a phase trains a part only of the weights that the loop gives one rate.
    """
    into, memory = weights_into_memory(net), memory_weights(net)
    groups = {"into": into, "out": memory & ~into, "rest": ~memory}
    found = []
    for number, phase in enumerate(phases):
        trained = np.ones(net.n_weights, dtype=np.bool_) if phase.trained is None else phase.trained
        rates = {}
        for group, members in groups.items():
            share = trained[members].mean() if members.any() else 0.0
            if share not in (0.0, 1.0):
                raise ValueError(
                    f"phases[{number}].trained has {share:.0%} of the weights {group!r}; the "
                    "loop can train all of them or none"
                )
            rates[group] = phase.learning_rate * share
        found.append(Rates(phase.sequences, **rates))
    return tuple(found)


@dataclass(frozen=True)
class Trial:
    """Everything that defines a trial.

    Two equal ones with the same initial weights end with the same bits.

    Attributes
    ----------
    task
        The task, with its criterion.
    net
        The topology; with a `plateau`, the one that construction ends with.
    learning_rate
        What the truncated gradient is multiplied with.
    seed
        From it the initial weights and all sequences are drawn (`lstmbook.lanes.draws`).
    max_sequences
        The cap.
    updates
        When weights change, "every step" or at "sequence end".
    scale
        Initial weights are uniform in [-scale, scale].
    cell_bias, input_gate_bias, output_gate_bias, output_bias
        Initial biases; drawn like other weights if None.
    plateau
        If given, blocks are added one by one where the error stops decreasing.
    start_blocks
        The number of blocks before the first is added.
    schedule
        If given, learning rates that change with time, in place of `learning_rate`.
    weights
        Initial weights instead of drawn ones, shape (net.n_weights,); not compared.
    dtype
        "float32" or "float64".
    """

    task: Task
    net: Topology
    learning_rate: float
    seed: int
    max_sequences: int
    updates: str = "every step"
    scale: float = 0.2
    cell_bias: Bias = None
    input_gate_bias: Bias = None
    output_gate_bias: Bias = None
    output_bias: Bias = None
    plateau: Plateau | None = None
    start_blocks: int = 0
    schedule: tuple[Rates, ...] = ()
    weights: Array | None = field(default=None, compare=False)
    dtype: str = "float64"

    def __post_init__(self) -> None:
        for name, value, wanted in (
            ("task", self.task, Task),
            ("net", self.net, Topology),
            ("plateau", self.plateau, Plateau | None),
        ):
            if not isinstance(value, wanted) or isinstance(value, type):
                raise TypeError(f"{name} is {value!r}; it must be {_words(wanted)}")
        if not isinstance(self.schedule, tuple):
            raise TypeError(f"schedule is {self.schedule!r}; it must be a tuple of Rates")
        for i, part in enumerate(self.schedule):
            if not isinstance(part, Rates):
                raise TypeError(f"schedule[{i}] is {part!r}; it must be a Rates")
        as_number("learning_rate", self.learning_rate, above=0)
        as_number("scale", self.scale, at_least=0)
        as_count("seed", self.seed, at_most=2**64 - 1)
        as_count("max_sequences", self.max_sequences, at_least=1, at_most=2**62)
        as_count("start_blocks", self.start_blocks, at_most=self.net.n_blocks)
        if self.start_blocks and self.plateau is None:
            raise ValueError(f"start_blocks is {self.start_blocks}; without a plateau it must be 0")
        biases_of(self)
        as_choice("updates", self.updates, UPDATES)
        as_choice("dtype", self.dtype, DTYPES)
        if self.weights is not None:
            as_array("weights", self.weights, (self.net.n_weights,))
        for name, theirs, ours in (
            ("inputs", self.task.n_inputs, self.net.n_inputs),
            ("outputs", self.task.n_outputs, self.net.n_outputs),
        ):
            if theirs != ours:
                raise ValueError(f"task has {theirs} {name}; net has {ours}")


@dataclass(frozen=True)
class Result:
    """How a trial ended.

    Attributes
    ----------
    ending
        "success", "cap" or "diverged".
    sequences
        Sequences until success as the criterion counts them; otherwise the number presented.
    presented, steps
        How many sequences, and time steps, the trial learned from.
    errors, window
        Mean loss of each full window of so many sequences. When there are 128, neighbours are
        averaged and the window doubles.
    added_at
        When blocks were added (sequences presented).
    within
        Milestones: tolerance to the first of 100 successive sequences with smaller errors.
    accuracy
        Milestones: share to the first sequence of the first window of 100 of which that share
        was right.
    weights
        Final weights, shape (n_weights,), if they were asked for.
    """

    ending: str
    sequences: int
    presented: int
    steps: int
    errors: Array
    window: int
    added_at: tuple[int, ...]
    within: dict[float, int]
    accuracy: dict[float, int]
    weights: Array | None = field(default=None, repr=False)

    @property
    def success(self) -> bool:
        """Whether the criterion was met."""
        return self.ending == "success"


def _words(wanted: Any) -> str:
    return "a Plateau or None" if wanted == Plateau | None else f"a {wanted.__name__}"


def initial_weights(trial: Trial) -> Weights:
    """Return a trial's initial weights (of the whole network, if it is constructed in steps)."""
    net = trial.net
    if trial.weights is not None:
        drawn = as_weights(net, np.array(trial.weights, dtype=np.float64))
    else:
        draws = fractions(stream_key(trial.seed, "weights"), net.n_weights)
        drawn = as_weights(net, trial.scale * (2.0 * draws - 1.0))
    for W, bias in (
        (drawn.W_c, trial.cell_bias),
        (drawn.W_in, trial.input_gate_bias),
        (drawn.W_out, trial.output_gate_bias),
        (drawn.W_k, trial.output_bias),
    ):
        if bias is not None:
            W[:, -1] = bias
    if trial.dtype == "float32":
        drawn.flat[:] = drawn.flat.astype(np.float32)
    return drawn


def sequences(trial: Trial) -> Iterator[Sequence]:
    """Yield the sequences that a trial presents, in order, for ever."""
    stream = Stream(stream_key(trial.seed, "sequences"))
    while True:
        yield trial.task.sample(stream)


def unsupported(trial: Trial | NetTrial) -> str | None:
    """Return why the loop cannot run a trial (the reference can), or None if it can."""
    task = trial.task
    if isinstance(trial, Trial) and not trial.net.n_blocks:
        return "net has no blocks"
    if len(trial.schedule) > PHASES:
        return f"its schedule has more than {PHASES} parts"
    if trial.schedule and trial.plateau is not None:
        return "with a schedule it never adds blocks"
    form = getattr(task, "form", None)
    if form is None:
        return f"{type(task).__name__} has no form in lane code"
    if not _follows_form(task, "sample"):
        return f"{type(task).__name__} draws its sequences otherwise than its form"
    if form.strings and not isinstance(getattr(task, "strings", None), Strings):
        return f"{type(task).__name__} has strings of sets by its form, but no Strings"
    if isinstance(trial, NetTrial):
        why = trial.learner.cannot(task)
        if why is not None:
            return why
    return _unjudged(trial)


def _unjudged(trial: Trial | NetTrial) -> str | None:
    """Return why the loop cannot judge a trial as its criterion does, or None if it can."""
    task: Any = trial.task
    criterion: Any = task.criterion
    name, form = type(criterion).__name__, getattr(criterion, "form", None)
    if form is None:
        return f"the criterion, {name}, has no form in lane code"
    if not all(_follows_form(criterion, method) for method in ("right", "error", "judge")):
        return f"the criterion, {name}, judges otherwise than its form"
    if (form.strings or form.legal) and not task.form.strings:
        return f"the criterion, {name}, is about strings of sets, and the task has none"
    if form.legal and criterion.is_right is not getattr(task, "is_legal", None):
        return "the criterion is another one than that possible symbols are predicted"
    if form.legal and (not _every_step(task) or trial.net.n_outputs > WIDE):
        return f"possible symbols are told apart at every step and of up to {WIDE} outputs only"
    if form.strings and not _tries_all(criterion, task.strings):
        return "the sets of the criterion are other ones than the task's strings"
    if task.form.every_step and not _every_step(task) and not _judged_last(criterion):
        return "errors are injected at the last step only but judged at every step"
    return None


def _tries_all(criterion: Any, strings: Strings) -> bool:
    """Return whether a criterion's sets are all of the strings, in their order."""
    if not criterion.sets:
        return False
    lengths = np.concatenate([np.diff(batch.starts) for batch in criterion.sets])
    if not np.array_equal(lengths, np.diff(strings.starts) - 1):
        return False
    inputs = np.concatenate([batch.inputs for batch in criterion.sets])
    return np.array_equal(inputs, np.delete(strings.codes, strings.starts[1:] - 1))


def _follows_form(thing: Any, method: str) -> bool:
    """Return whether a class, and none derived from it, says how it does what its form says."""
    classes = type(thing).__mro__
    where = {
        name: next(i for i, each in enumerate(classes) if name in vars(each))
        for name in ("form", method)
    }
    return where["form"] <= where[method]


def _every_step(task: Any) -> bool:
    """Return whether a task has an error at each step."""
    return bool(task.form.every_step) and getattr(task, "errors", "every step") == "every step"


def program_of(trial: Trial | NetTrial, lanes: int | None = None) -> Program:
    """Return the loop that a trial needs.

    Raises
    ------
    ValueError
        If there is none.
    """
    why = unsupported(trial)
    if why is not None:
        raise ValueError(f"trial cannot run in lanes: {why}")
    task: Any = trial.task
    if not type(task).__module__.startswith("lstmbook."):
        try_out(task)
    lanes = LANES if lanes is None else as_count("lanes", lanes, at_least=1, at_most=MOST_LANES)
    if isinstance(trial, NetTrial):
        return Program(trial.lane_net(lanes), task.form, task.criterion.form)
    form, net = task.form, trial.net
    every_step = _every_step(task)
    return Program(
        LaneLSTM(
            topology=replace(net, n_inputs=1) if form.symbolic else net,
            symbolic=form.symbolic,
            target=form.shows,
            every_step=every_step,
            at_end=every_step and trial.updates == "sequence end",
            construct=trial.plateau is not None,
            scheduled=bool(trial.schedule),
            legal=task.criterion.form.legal,
            dtype=trial.dtype,
            lanes=lanes,
        ),
        form,
        task.criterion.form,
    )


def biases_of(trial: Trial | NetTrial) -> Array:
    """Return the initial biases of hidden and output units, NaN where they are drawn."""
    if isinstance(trial, NetTrial):
        return np.zeros(0)
    net = trial.net
    parts = []
    for name, bias, biased, count in (
        ("cell_bias", trial.cell_bias, net.cell_biases, net.n_cells),
        ("input_gate_bias", trial.input_gate_bias, net.input_gate_biases, net.n_input_gates),
        ("output_gate_bias", trial.output_gate_bias, net.output_gate_biases, net.n_output_gates),
        ("output_bias", trial.output_bias, net.output_biases, net.n_outputs),
    ):
        if bias is None:
            parts.append(np.full(count, np.nan))
            continue
        if not biased:
            raise ValueError(f"{name} is {bias!r}, but the topology has no such biases")
        values = np.full(count, bias) if np.ndim(bias) == 0 else bias
        parts.append(as_array(name, values, (count,)))
    return np.concatenate(parts)


@dataclass(frozen=True)
class _Tables:
    """Trials as the loop reads them: the arrays of `lstmbook.lanes.loop.Arrays` by name."""

    program: Program
    trials: list[Trial | NetTrial]

    def arrays(self) -> dict[str, Any]:
        """Return the arrays that hold something before the loop begins."""
        program, n = self.program, len(self.trials)
        strings, firsts = _joined([trial.task for trial in self.trials])
        filled: dict[str, Any] = {
            "trials": program.trial.memory(n),
            "settings": program.task.memory(n),
            "criteria": program.asked.memory(n),
            "strings": strings,
            "biases": np.concatenate([*map(biases_of, self.trials), np.zeros(1)]),
        }
        alphabets = sorted({trial.net.n_inputs for trial in self.trials})
        places = [program.net.weight_places(n_inputs) for n_inputs in alphabets]
        starts = np.cumsum([0, *map(len, places)])
        filled["weights"] = np.concatenate(places).ravel()
        initial = [given_weights(trial) for trial in self.trials]
        given = [each for each in initial if each is not None]
        if given:
            longest = max(map(len, given))
            filled["given"] = np.concatenate([np.pad(w, (0, longest - len(w))) for w in given])
        row = -1
        for i, trial in enumerate(self.trials):
            row += initial[i] is not None
            numbers = _numbers(trial) | {
                "given": row if initial[i] is not None else -1,
                "n_weights": trial.net.n_weights,
                "weights": int(starts[alphabets.index(trial.net.n_inputs)]),
            }
            block = view(program.trial, filled["trials"], i * program.trial.size)
            _set(block, numbers)
            task = view(program.task, filled["settings"], i * program.task.size)
            _set(task, program.form.settings_of(trial.task))
            task.first_string = firsts[i]
            criterion: Any = trial.task.criterion
            asked = view(program.asked, filled["criteria"], i * program.asked.size)
            _set(asked, program.criterion.settings_of(criterion))
        return filled


def given_weights(trial: Trial | NetTrial) -> Array | None:
    """Return initial weights that the loop does not draw itself, or None."""
    return trial.given if isinstance(trial, NetTrial) else trial.weights


def _set(block: Block, numbers: dict[str, Any]) -> None:
    for name, value in numbers.items():
        block.values(name)[...] = value


def _joined(tasks: list[Task]) -> tuple[Strings, list[int]]:
    """Return the strings of all tasks end to end, and each task's first one."""
    found: dict[int, int] = {}
    parts: list[Strings] = []
    starts, end = 0, 0
    for task in tasks:
        own = getattr(task, "strings", None)
        if own is None or id(task) in found:
            continue
        found[id(task)] = starts
        parts.append(own._replace(starts=own.starts[:-1] + end))
        starts, end = starts + len(own.starts) - 1, end + len(own.codes)
    if not parts:
        return NO_STRINGS, [0] * len(tasks)
    codes, begins, possible = (np.concatenate(each) for each in zip(*parts, strict=True))
    more = np.zeros(CHUNK + 1, dtype=np.int64)  # steps ahead of a string's end are looked at too
    return (
        Strings(np.append(codes, more), np.append(begins, end), np.append(possible, more)),
        [found[id(task)] for task in tasks],
    )


def _numbers(trial: Trial | NetTrial) -> dict[str, Any]:
    """Return a trial's numbers by the names of `Program.trial`."""
    rule = trial.plateau
    rates = [[trial.learning_rate] * 3] * PHASES
    if trial.schedule:
        parts = [*trial.schedule, *[trial.schedule[-1]] * (PHASES - len(trial.schedule))]
        rates = [[getattr(part, group) for group in GROUPS] for part in parts]
    ends = np.cumsum([part.sequences for part in trial.schedule])[:-1]
    numbers: dict[str, Any] = {
        "key_weights": _signed(stream_key(trial.seed, "weights")),
        "key_sequences": _signed(stream_key(trial.seed, "sequences")),
        "key_test": _signed(stream_key(trial.seed, "test")),
        "cap": trial.max_sequences,
        "judge_last": _judged_last(trial.task.criterion),
        "n_inputs": trial.net.n_inputs,
        "start_blocks": trial.net.n_blocks if rule is None else trial.start_blocks,
        "scale": trial.scale,
        "rates": rates,
        "phase_end": [*ends, *[-1] * (PHASES - 1 - len(ends))],
    }
    if rule is not None:
        numbers |= {"plateau_window": rule.window, "gain": rule.gain, "patience": rule.patience}
    return numbers


def _judged_last(criterion: Any) -> bool:
    """Return whether errors are judged at the last step only."""
    return getattr(criterion, "steps", "every") == "last"


def _signed(word: int) -> int:
    """Return a 64-bit word's bits read as a signed number."""
    return word - 2**64 if word >= 2**63 else word


class Loop:
    """The memory of a loop with its queue of trials.

    Parameters
    ----------
    program
        The loop.
    trials
        Trials that it can run.
    keep_weights
        Whether results hold the final weights.
    on_compile
        Called with a line of text if the loop has yet to be compiled.
    plain
        Run the very sources in NumPy instead: slow, for reading and tests, without Numba.
    """

    def __init__(
        self,
        program: Program,
        trials: list[Trial | NetTrial],
        *,
        keep_weights: bool = False,
        on_compile: Callable[[str], None] | None = None,
        plain: bool = False,
    ) -> None:
        self.program, self.trials = program, trials
        n_inputs = max(trial.net.n_inputs for trial in trials)
        filled = _Tables(program, trials).arrays()
        if keep_weights:
            self.n_final = max(trial.net.n_weights for trial in trials)
            filled["final"] = np.zeros(len(trials) * self.n_final)
        else:
            self.n_final = 0
        room = FIRST_ROOM if program.net.in_rounds else 0
        n_recent = max(program.criterion.n_recent(trial.task.criterion) for trial in trials)
        filled["recent"] = np.zeros(max(program.lanes * n_recent, 1))
        self.arrays: Arrays = program.arrays(len(trials), n_inputs, room, **filled)
        self.queue = view(program.queue, self.arrays.queue, 0)
        given = [t.net.n_weights for t in trials if given_weights(t) is not None]
        _set(self.queue, {
            "end": len(trials),
            "at_work": program.lanes,
            "n_inputs": n_inputs,
            "n_given": max(given, default=0),
            "n_final": self.n_final,
            "room": room,
            "n_recent": n_recent,
        })  # fmt: skip
        self.handed_out = 0
        self.plain, self.on_compile = plain, on_compile
        self._bind()

    def _bind(self) -> None:
        """Bind the loop to its arrays."""
        if self.plain:
            from lstmbook.lanes.loop import run

            program = self.program
            self.run: Callable[[int], int] = lambda budget: run(program, budget, self.arrays)
        else:
            from lstmbook.lanes.specialise import loop_of

            self.run = loop_of(self.program, self.arrays, self.on_compile)

    def _make_room(self, steps: int) -> None:
        """Make memory for sequences of so many steps that begin together."""
        net, old = self.program.net, self.arrays
        numbers: Any = old.numbers
        past = net.past.memory(steps + 1)
        past[: len(numbers.past)] = numbers.past
        self.arrays = old._replace(
            numbers=numbers._replace(past=past), places=aligned(steps * net.lanes, "int64")
        )
        self.queue.room, self.queue.wanted = steps, 0
        self._bind()

    @property
    def at_work(self) -> bool:
        """Whether a trial is under way."""
        return bool(self.queue.at_work > 0)

    @property
    def presented(self) -> int:
        """How many sequences have been presented in the trial under way that is least far."""
        lanes = [self._at(i) for i in range(self.program.lanes)]
        return min((int(at.presented) for at in lanes if at.trial >= 0), default=0)

    def _at(self, i: int) -> Block:
        return view(self.program.at, self.arrays.lanes, i * self.program.at_size)

    def advance(self, steps: int) -> int:
        """Let all lanes take about so many steps; return how many they took."""
        taken = self.run(steps)
        while self.queue.wanted > 0:
            self._make_room(2 * int(self.queue.wanted))
            taken += self.run(max(steps - taken, 1))
        return taken

    def ended(self) -> Iterator[tuple[int, Result]]:
        """Return the trials that have ended since this was last asked."""
        while self.handed_out < self.queue.n_done:
            trial = int(self.arrays.done[self.handed_out])
            self.handed_out += 1
            yield trial, self._result(trial)

    def _result(self, trial: int) -> Result:
        size, arrays = self.program.result.size, self.arrays
        row = view(self.program.result, arrays.results, trial * size)
        if row.ending == BROKEN:
            task, seed = self.trials[trial].task, self.trials[trial].seed
            raise ValueError(
                f"{task!r} made a symbol that is not one of 0 to {task.n_inputs - 1}, a target "
                f"that is no output, or a sequence without steps, in the trial with seed {seed}"
            )
        within = dict(zip(TOLERANCES, row.values("within").tolist(), strict=True))
        accuracy = dict(zip(ACCURACIES, row.values("accuracy").tolist(), strict=True))
        weights = None
        if self.n_final:
            first = trial * self.n_final
            weights = arrays.final[first : first + self.trials[trial].net.n_weights].copy()
        curve = arrays.curves[trial * WINDOW_SLOTS : (trial + 1) * WINDOW_SLOTS]
        return Result(
            ending=ENDINGS[int(row.ending)],
            sequences=int(row.sequences),
            presented=int(row.presented),
            steps=int(row.steps),
            errors=curve[: int(row.n_windows)].copy(),
            window=int(row.window),
            added_at=tuple(n for n in row.values("added").tolist() if n),
            within={x: n for x, n in within.items() if n},
            accuracy={x: n for x, n in accuracy.items() if n},
            weights=weights,
        )


def run_trials(
    trials: Iterable[Trial | NetTrial],
    *,
    lanes: int | None = None,
    slice_seconds: float = 0.1,
    keep_weights: bool = False,
    on_compile: Callable[[str], None] | None = None,
    progress: Callable[[int], None] | None = None,
    plain: bool = False,
) -> Iterator[tuple[int, Result]]:
    """Run trials and yield (number of the trial, how it ended) as they end.

    Between slices of time nothing is under way in compiled code: an interrupt takes effect
    there, and whoever stops iterating stops the trials.

    Parameters
    ----------
    lanes
        Trials side by side, `LANES` unless given. The bits of a trial do not depend on it.
    slice_seconds
        How long compiled code runs at a stretch.
    keep_weights
        Whether results hold the final weights.
    on_compile
        Called with a line of text when a loop has to be compiled, and with an empty one when
        it runs.
    progress
        Called now and then with the number of sequences that the trials under way have been
        presented, of the one that is least far.
    plain
        Run the sources in NumPy, without compiling anything: slow.

    Raises
    ------
    ValueError
        If the loop cannot run a trial (see `unsupported`).
    """
    as_number("slice_seconds", slice_seconds, above=0)
    groups: dict[Program, list[int]] = {}
    everything = list(trials)
    for i, trial in enumerate(everything):
        if not isinstance(trial, Trial | NetTrial):
            raise TypeError(f"trials[{i}] is {trial!r}; it must be a Trial or a NetTrial")
    for i, trial in enumerate(everything):
        groups.setdefault(program_of(trial, lanes), []).append(i)
    for program, members in groups.items():
        loop = Loop(
            program,
            [everything[i] for i in members],
            keep_weights=keep_weights,
            on_compile=on_compile,
            plain=plain,
        )
        steps, tell = 1000, on_compile
        while loop.at_work:
            started = time.perf_counter()
            loop.advance(steps)
            took = time.perf_counter() - started
            if tell is not None:
                tell("")
                tell = None
            for member, result in loop.ended():
                yield members[member], result
            if progress is not None and loop.at_work:
                progress(loop.presented)
            steps = int(np.clip(steps * slice_seconds / max(took, 1e-6), 100, 4 * steps))
