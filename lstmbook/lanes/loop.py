"""The loop: many trials in lockstep, whatever the task, of learners that keep to one protocol.

Trials wait in a queue. A lane loads one, presents sequence after sequence, notes how each went,
and when its trial has ended takes the next from the queue. All of it is lane code.

Of a trial: `trial` is what it is to do, `result` how it ended, `at` how far its lane is.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from lstmbook.lanes.blocks import (
    Layout,
    Memory,
    aligned,
    clear,
    number,
    one_lane,
    real,
    view,
    whole,
)
from lstmbook.lanes.form import Form, Strings, choose_string
from lstmbook.lanes.learner import IN_RECORDS, IN_STATE, LaneLearner
from lstmbook.lanes.verdict import MET, MISSED, TRY, CriterionForm, is_right
from lstmbook.lanes.words import (
    Constants,
    count_from,
    fraction,
    lane,
    put,
    seldom,
    total,
    where,
    word,
)
from lstmbook.lanes.words import real as float_of

CHUNK = 16
"""So many steps are taken between two looks at the lanes where weights rest meanwhile."""

WINDOW_SLOTS = 128
"""Points of an error curve; when they are used up, neighbours are averaged."""

TOLERANCES = (0.4, 0.3, 0.2, 0.1)
"""Milestones: the first of 100 successive sequences whose errors stay below."""

ACCURACIES = (0.5, 0.9, 0.95, 1.0)
"""Milestones: the first window of 100 sequences of which such a share is right."""

PHASES = 3
"""So many parts a training schedule may have."""

GOING_ON, SUCCESS, CAP, DIVERGED, BROKEN = range(5)
ENDINGS = {SUCCESS: "success", CAP: "cap", DIVERGED: "diverged"}

FOR_EVER = 1 << 60
INFINITE = float("inf")


class Arrays(NamedTuple):
    """All that compiled code works on, each a flat array.

    Attributes
    ----------
    numbers
        The learner's.
    lanes, plans, seen, ahead, numbers_ahead, places
        Of each lane: `Program.at`, the task's plan, the symbols of its sequence (if fewer than
        the alphabet has), its next symbols or real inputs; of each step ahead and lane, where the
        symbol's record begins.
    judges, recent
        Of each lane: what its trial's judge remembers, and numbers of recent sequences.
    trials, settings, criteria, biases, given
        Of each trial: `Program.trial`, the settings of its task and of its criterion, initial
        biases (NaN: drawn), and initial weights for those that are given some.
    weights
        Where each weight stands, three numbers each: `LaneLearner.weight_places`.
    results, curves, final
        Of each trial: `Program.result`, its error curve, its weights at the end.
    queue, done
        `Program.queue`; the trials that have ended, in order.
    """

    numbers: Any
    lanes: Memory
    plans: Memory
    seen: Memory
    ahead: Memory
    numbers_ahead: Memory
    places: Memory
    judges: Memory
    recent: Memory
    trials: Memory
    settings: Memory
    criteria: Memory
    biases: Memory
    given: Memory
    weights: Memory
    results: Memory
    curves: Memory
    final: Memory
    queue: Memory
    done: Memory
    strings: Strings


@dataclass(frozen=True)
class Program(Constants):
    """A loop: what is fixed when it is compiled.

    Attributes
    ----------
    net
        The learner's settings.
    form
        The task's form.
    criterion
        The criterion's form.
    """

    net: LaneLearner
    form: Form
    criterion: CriterionForm

    @property
    def lanes(self) -> int:
        """How many trials run side by side."""
        return self.net.lanes

    @property
    def chunk(self) -> int:
        """How many steps are taken between two looks at the lanes, at most."""
        return 1 if self.net.every_step else CHUNK

    @property
    def predicts_next(self) -> bool:
        """Whether each step's target is the next symbol."""
        return self.net.every_step and self.net.symbolic

    @property
    def shows_symbol(self) -> bool:
        """Whether a target is the number of an output."""
        return self.form.shows == "symbol"

    @property
    def plan(self) -> Layout:
        """A lane's plan of its sequence."""
        return self.form.plan_layout

    @property
    def task(self) -> Layout:
        """A trial's task: its settings."""
        return self.form.settings_layout

    @property
    def asked(self) -> Layout:
        """A trial's criterion: its settings."""
        return self.criterion.settings_layout

    @property
    def judge(self) -> Layout:
        """What a lane's judge remembers."""
        return self.criterion.state_layout

    @cached_property
    def at(self) -> Layout:
        """How far a lane is."""
        wholes = (
            "trial", "step", "key", "counter", "symbol", "presented", "window", "in_window",
            "n_windows", "blocks", "failed", "in_plateau", "steps", "in_accuracy",
            "right_accuracy", "testing", "kept_counter", "broken",
        )  # fmt: skip
        fields: dict[str, Any] = {name: whole() for name in wholes}
        fields["runs"] = whole(len(TOLERANCES))
        fields |= {name: real() for name in ("loss", "plateau_loss", "best")}
        return Layout.of("int64", fields)

    @cached_property
    def trial(self) -> Layout:
        """What a trial is to do."""
        wholes = (
            "key_weights", "key_sequences", "key_test", "cap", "judge_last", "n_inputs",
            "plateau_window", "patience", "given", "start_blocks", "n_weights", "weights",
        )  # fmt: skip
        fields: dict[str, Any] = {name: whole() for name in wholes}
        fields["phase_end"] = whole(PHASES - 1)
        fields |= {name: real() for name in ("scale", "gain")}
        fields["rates"] = real(PHASES, 3)
        return Layout.of("int64", fields)

    @cached_property
    def result(self) -> Layout:
        """How a trial ended."""
        wholes = ("ending", "sequences", "presented", "steps", "window", "n_windows")
        fields: dict[str, Any] = {name: whole() for name in wholes}
        fields["added"] = whole(max(self.net.n_blocks, 1))
        fields["within"] = whole(len(TOLERANCES))
        fields["accuracy"] = whole(len(ACCURACIES))
        return Layout.of("int64", fields)

    @cached_property
    def queue(self) -> Layout:
        """The queue of trials, and lengths that are the same for all.

        Where sequences begin together, ``room`` is for how many steps there is memory, and
        ``wanted`` how many are wanted, if more.
        """
        names = (
            "next", "end", "n_done", "at_work", "started", "n_inputs", "n_given", "n_final",
            "room", "wanted", "n_recent",
        )  # fmt: skip
        return Layout.of("int64", {name: whole() for name in names})

    @property
    def at_size(self) -> int:
        """Places of `at`."""
        return self.at.size

    @property
    def plan_size(self) -> int:
        """Places of a plan."""
        return self.plan.size

    @property
    def trial_size(self) -> int:
        """Places of what a trial is to do."""
        return self.trial.size

    @property
    def task_size(self) -> int:
        """Places of a task's settings."""
        return self.task.size

    @property
    def asked_size(self) -> int:
        """Places of a criterion's settings."""
        return self.asked.size

    @property
    def judge_size(self) -> int:
        """Places of what a judge remembers."""
        return self.judge.size

    @property
    def result_size(self) -> int:
        """Places of a result."""
        return self.result.size

    @property
    def curve_slots(self) -> int:
        """Points of an error curve at most."""
        return WINDOW_SLOTS

    @property
    def numbers_ahead(self) -> Layout:
        """A lane's real inputs of a chunk of steps, steps side by side."""
        return Layout.of("float64", {"x": number(CHUNK, self.net.n_dense)})

    @property
    def ahead_size(self) -> int:
        """Places of `numbers_ahead`."""
        return self.numbers_ahead.size

    @property
    def n_biases(self) -> int:
        """Units that may have biases."""
        return self.net.n_units

    def arrays(self, n_trials: int, n_inputs: int, room: int = 0, **filled: Any) -> Arrays:
        """Return memory for so many trials; `filled` are arrays that hold something already.

        Parameters
        ----------
        room
            For how many steps of sequences that begin together.
        """
        net, L = self.net, self.lanes
        arrays: dict[str, Any] = {
            "numbers": net.numbers(n_inputs, self.chunk, room),
            "lanes": self.at.memory(L),
            "plans": self.plan.memory(L),
            "seen": aligned(L * n_inputs, "int64"),
            "ahead": aligned(L * CHUNK, "int64"),
            "numbers_ahead": self.numbers_ahead.memory(L),
            "places": aligned(max(self.chunk, room) * L, "int64"),
            "judges": self.judge.memory(L),
            "recent": np.zeros(1),
            "trials": self.trial.memory(n_trials),
            "settings": self.task.memory(n_trials),
            "criteria": self.asked.memory(n_trials),
            "biases": np.full(max(n_trials * self.n_biases, 1), np.nan),
            "given": np.zeros(1),
            "weights": np.zeros(3, dtype=np.int64),
            "results": self.result.memory(n_trials),
            "curves": np.zeros(n_trials * WINDOW_SLOTS),
            "final": np.zeros(1),
            "queue": self.queue.memory(),
            "done": np.zeros(n_trials, dtype=np.int64),
        }
        return Arrays(**(arrays | filled))


# ---------------------------------------------------------------- views
@lane
def trial_of(program: Program, A: Arrays, t: int) -> Any:
    """Return what a trial is to do."""
    return view(program.trial, A.trials, t * program.trial_size)


@lane
def at_of(program: Program, A: Arrays, i: int) -> Any:
    """Return how far a lane is."""
    return view(program.at, A.lanes, i * program.at_size)


@lane
def lane_of(program: Program, A: Arrays, i: int) -> Any:
    """Return a lane's numbers of the learner's state."""
    return one_lane(view(program.net.state, A.numbers.state, 0), i)


@lane
def plan_of(program: Program, A: Arrays, i: int) -> Any:
    """Return a lane's plan of its sequence."""
    return view(program.plan, A.plans, i * program.plan_size)


@lane
def task_of(program: Program, A: Arrays, t: int) -> Any:
    """Return a trial's task."""
    return view(program.task, A.settings, t * program.task_size)


@lane
def criterion_of(program: Program, A: Arrays, t: int) -> Any:
    """Return a trial's criterion."""
    return view(program.asked, A.criteria, t * program.asked_size)


@lane
def judge_of(program: Program, A: Arrays, i: int) -> Any:
    """Return what a lane's judge remembers."""
    return view(program.judge, A.judges, i * program.judge_size)


# ---------------------------------------------------------------- a sequence begins
@seldom
def begin(program: Program, A: Arrays, i: int) -> None:
    """Begin a lane's next sequence: states to zero, and what the sequence will be."""
    net = program.net
    at, plan = at_of(program, A, i), plan_of(program, A, i)
    at.step = 0
    if at.trial < 0:
        plan.length = FOR_EVER
        return
    t = at.trial
    first = net.first_judged if net.every_step else net.first_carried
    clear(A.numbers.state, first * net.lanes + i, net.after_carried * net.lanes + i, net.lanes)
    lane_of(program, A, i).begins = 1.0
    task, trial = task_of(program, A, t), trial_of(program, A, t)
    if program.criterion.strings and at.testing > 0:
        choose_string(task, A.strings, at.testing - 1, plan)
    else:
        plan.draw = program.form.begin(task, A.strings, at.key, at.counter, plan)
        if plan.length < 1:
            at.broken, plan.length = 1, 1
        at.counter = plan.draw + program.form.draws_a_step * plan.length
    if program.predicts_next:
        first_symbol = program.form.symbol(task, A.strings, at.key, plan, 0)
        at.symbol = checked(A, at, first_symbol, trial.n_inputs)


# ---------------------------------------------------------------- inputs
@lane
def checked(A: Arrays, at: Any, symbol: int, n_inputs: int) -> int:
    """Return a symbol, or 0 if there is none of that number: the trial is broken then."""
    if symbol < 0 or symbol >= n_inputs:
        at.broken = 1
        return 0
    return symbol


@lane
def next_symbols(program: Program, A: Arrays, i: int, row: int) -> None:
    """Look up where the record of a lane's present symbol is, and which symbol comes next.

    Where it is stands in a row of ``places``.
    """
    at = at_of(program, A, i)
    step, n_in = at.step, view(program.queue, A.queue, 0).n_inputs
    if at.trial < 0:
        return
    plan, t = plan_of(program, A, i), at.trial
    A.places[row * program.lanes + i] = (i * n_in + at.symbol) * program.net.record_size
    if program.net.one_hot:
        one_lane(view(program.net.now, A.numbers.inputs, 0), i).symbol = at.symbol
    if plan.length < n_in:
        A.seen[i * n_in + step] = at.symbol
    key, task = at.key, task_of(program, A, t)
    if program.net.last_only:
        lane_of(program, A, i).counts = 1.0 if step + 1 == plan.length else 0.0
    if program.criterion.legal:
        may = A.strings.possible[plan.string + step]
        for k in range(program.net.n_narrow):
            lane_of(program, A, i).may[k] = (may >> k) & 1
    symbol = program.form.symbol(task, A.strings, key, plan, step + 1)
    at.symbol = checked(A, at, symbol, trial_of(program, A, t).n_inputs)
    lane_of(program, A, i).target = at.symbol
    at.step = step + 1


@lane
def look_ahead(program: Program, A: Arrays, i: int, n: int, row: int) -> None:
    """Make a lane's inputs of the next n steps; where records are stands from a row on."""
    at = at_of(program, A, i)
    t = at.trial
    if t < 0:
        return
    plan, task = plan_of(program, A, i), task_of(program, A, t)
    key, step = at.key, at.step
    if program.net.symbolic:
        n_in = view(program.queue, A.queue, 0).n_inputs
        for j in range(n):
            slot = (step + j) & (CHUNK - 1)
            if slot == 0:
                symbols_ahead(program, A, i, step + j)
            symbol = A.ahead[i * CHUNK + slot]
            place = (i * n_in + symbol) * program.net.record_size
            A.places[(row + j) * program.lanes + i] = place
            if program.net.one_hot:
                given = view(program.net.now, A.numbers.inputs, j * program.net.now_size)
                one_lane(given, i).symbol = symbol
            if plan.length < n_in:
                A.seen[i * n_in + step + j] = symbol
    else:
        ahead = view(program.numbers_ahead, A.numbers_ahead, i * program.ahead_size)
        for j in range(n):
            slot = (step + j) & (CHUNK - 1)
            if slot == 0:
                steps = count_from(step + j, CHUNK)
                program.form.inputs(task, A.strings, key, plan, steps, ahead.x)
            X = one_lane(view(program.net.now, A.numbers.inputs, j * program.net.now_size), i)
            made = one_lane(ahead, slot)
            for m in range(program.net.n_dense):
                X.x[m] = made.x[m]
    at.step = step + n


@lane
def symbols_ahead(program: Program, A: Arrays, i: int, step: int) -> None:
    """Make a lane's next symbols, a chunk of them side by side."""
    at, plan = at_of(program, A, i), plan_of(program, A, i)
    trial, task = trial_of(program, A, at.trial), task_of(program, A, at.trial)
    steps = count_from(step, CHUNK)
    symbols = program.form.symbol(task, A.strings, at.key, plan, steps)
    there = (symbols >= 0) & (symbols < trial.n_inputs)
    if float_of(total(where(there | (steps >= plan.length), 0.0, 1.0))) > 0.0:
        at.broken = 1
    put(A.ahead, i * CHUNK, where(there, symbols, 0))


# ---------------------------------------------------------------- steps
@lane
def resting_steps(program: Program, A: Arrays, n: int) -> None:
    """Take n steps without an error."""
    net = program.net
    for i in range(net.lanes):
        look_ahead(program, A, i, n, 0)
    for j in range(n):
        net.resting_step(net, A.numbers, A.places, j)


@lane
def learning_steps(program: Program, A: Arrays) -> None:
    """Take one step that has an error."""
    net = program.net
    for i in range(net.lanes):
        next_symbols(program, A, i, 0)
    net.learning_step(net, A.numbers, A.places)


@seldom
def last_step(program: Program, A: Arrays, i: int, place: int) -> None:
    """Do what the error of a lane's last step does."""
    net = program.net
    at, plan = at_of(program, A, i), plan_of(program, A, i)
    task, key = task_of(program, A, at.trial), at.key
    target = program.form.target(task, A.strings, key, plan, plan.length - 1)
    if program.form.has_clean and at.testing > 0:
        target = program.form.clean(task, A.strings, key, plan, plan.length - 1)
    if program.shows_symbol:
        target = checked(A, at, target, net.n_outputs)
    lane_of(program, A, i).target = target
    net.last_step(net, A.numbers, i, place, plan.length - 1)


# ---------------------------------------------------------------- sequences that begin together
@lane
def longest_of(program: Program, A: Arrays) -> int:
    """Return how many steps the longest of the lanes' sequences has."""
    longest = 0
    for i in range(program.lanes):
        if at_of(program, A, i).trial >= 0:
            longest = max(longest, plan_of(program, A, i).length)
    return longest


@lane
def inputs_of_step(program: Program, A: Arrays, i: int, t: int) -> None:
    """Make a lane's inputs of step t; after its sequence has ended nothing counts."""
    at = at_of(program, A, i)
    goes_on = at.trial >= 0 and t < plan_of(program, A, i).length
    lane_of(program, A, i).ended = 0.0 if goes_on else 1.0
    if program.net.masked:
        lane_of(program, A, i).counts = 1.0 if goes_on else 0.0
    if not goes_on:
        n_in = view(program.queue, A.queue, 0).n_inputs
        A.places[t * program.lanes + i] = i * n_in * program.net.record_size
    elif program.predicts_next:
        next_symbols(program, A, i, t)
    else:
        look_ahead(program, A, i, 1, t)


@lane
def take_round(program: Program, A: Arrays, longest: int) -> None:
    """Present a sequence in each lane, and let their errors go back."""
    net = program.net
    for t in range(longest):
        for i in range(net.lanes):
            inputs_of_step(program, A, i, t)
        net.forward_step(net, A.numbers, A.places, t)
        if not net.every_step:
            for i in range(net.lanes):
                if at_of(program, A, i).trial >= 0 and plan_of(program, A, i).length == t + 1:
                    last_step(program, A, i, A.places[t * net.lanes + i])
    net.go_back(net, A.numbers, A.places, longest)


# ---------------------------------------------------------------- a sequence ends
@seldom
def settle(program: Program, A: Arrays, i: int) -> None:
    """Make what a sequence still owes to the weights."""
    net = program.net
    n_in = view(program.queue, A.queue, 0).n_inputs
    at, length = at_of(program, A, i), plan_of(program, A, i).length
    if net.symbolic:
        n_own = trial_of(program, A, at.trial).n_inputs
        listed = length < n_own
        for j in range(length if listed else n_own):
            symbol = A.seen[i * n_in + j] if listed else j
            net.settle_symbol(net, A.numbers, i, (i * n_in + symbol) * net.record_size)
    net.settle(net, A.numbers, i, length)


@seldom
def judged(program: Program, A: Arrays, i: int) -> int:
    """Take note of a sequence that has ended; return whether the trial has ended, and how."""
    at = at_of(program, A, i)
    trial = trial_of(program, A, at.trial)
    if at.broken > 0:
        return BROKEN
    mine = lane_of(program, A, i)
    loss = 0.5 * float_of(mine.loss)
    worst = float_of(mine.worst)
    sound = abs(loss) < INFINITE
    criterion = criterion_of(program, A, at.trial)
    right = sound and is_right(program.criterion, criterion, worst, float_of(mine.illegal))
    if at.testing > 0:
        return tested(program, A, i, worst if sound else INFINITE, right)
    at.presented += 1
    at.steps += plan_of(program, A, i).length
    if not sound:
        return DIVERGED
    note_curve(program, A, i, loss)
    note_milestones(program, A, i, worst, right)
    if program.net.construct:
        watch_plateau(program, A, i, loss)
    if program.net.scheduled:
        for phase in range(1, PHASES):
            if at.presented == trial.phase_end[phase - 1]:
                set_rates(program, A, i, phase, 1.0)
    judge = judge_of(program, A, i)
    judge.presented = at.presented
    said = program.criterion.see(criterion, judge, A.recent, worst, right)
    if said == TRY:
        begin_tests(program, A, i)
        return GOING_ON
    if said == MET:
        return succeeded(program, A, i)
    return CAP if at.presented >= trial.cap else GOING_ON


@seldom
def succeeded(program: Program, A: Arrays, i: int) -> int:
    """Note which sequence is counted as a trial's success."""
    t = at_of(program, A, i).trial
    counted = program.criterion.counted(criterion_of(program, A, t), judge_of(program, A, i))
    result_of(program, A, t).sequences = counted
    return SUCCESS


@lane
def result_of(program: Program, A: Arrays, t: int) -> Any:
    """Return a trial's result."""
    return view(program.result, A.results, t * program.result_size)


@seldom
def begin_tests(program: Program, A: Arrays, i: int) -> None:
    """Let the weights rest and try sequences: of the test stream from its first draw on."""
    at = at_of(program, A, i)
    at.testing, at.kept_counter, at.counter = 1, at.counter, 0
    at.key = trial_of(program, A, at.trial).key_test
    set_rates(program, A, i, 0, 0.0)
    program.net.keep(program.net, A.numbers, i)


@seldom
def tested(program: Program, A: Arrays, i: int, error: float, right: bool) -> int:
    """Take note of a sequence that was tried with the weights at rest."""
    at, judge = at_of(program, A, i), judge_of(program, A, i)
    trial, criterion = trial_of(program, A, at.trial), criterion_of(program, A, at.trial)
    program.net.restore(program.net, A.numbers, i)
    said = program.criterion.tried(criterion, judge, A.recent, at.testing, error, right)
    if said == MET:
        return succeeded(program, A, i)
    if said == MISSED:
        at.testing, at.counter, at.key = 0, at.kept_counter, trial.key_sequences
        set_rates(program, A, i, phase_of(program, A, i), 1.0)
        return CAP if at.presented >= trial.cap else GOING_ON
    at.testing += 1
    return GOING_ON


@lane
def phase_of(program: Program, A: Arrays, i: int) -> int:
    """Return which part of its trial's schedule a lane has reached."""
    at = at_of(program, A, i)
    trial = trial_of(program, A, at.trial)
    reached = 0
    for phase in range(1, PHASES):
        end = trial.phase_end[phase - 1]
        if end >= 0 and at.presented >= end:
            reached = phase
    return reached


@seldom
def note_curve(program: Program, A: Arrays, i: int, loss: float) -> None:
    """Go on with the error curve: windows, of which neighbours are averaged when too many."""
    at = at_of(program, A, i)
    first = at.trial * program.curve_slots
    at.loss += loss
    at.in_window += 1
    if at.in_window == at.window:
        A.curves[first + at.n_windows] = at.loss / at.window
        at.n_windows += 1
        at.in_window = 0
        at.loss = 0.0
        if at.n_windows == program.curve_slots:
            for j in range(program.curve_slots // 2):
                pair = A.curves[first + 2 * j] + A.curves[first + 2 * j + 1]
                A.curves[first + j] = 0.5 * pair
            at.n_windows = program.curve_slots // 2
            at.window *= 2


@seldom
def note_milestones(program: Program, A: Arrays, i: int, worst: float, right: bool) -> None:
    """Note when learning was first seen, whatever the criterion."""
    at = at_of(program, A, i)
    result = result_of(program, A, at.trial)
    if not program.criterion.legal:
        for j in range(len(TOLERANCES)):
            at.runs[j] = at.runs[j] + 1 if worst < TOLERANCES[j] else 0
            if at.runs[j] == 100 and result.within[j] == 0:
                result.within[j] = at.presented - 99
    at.right_accuracy += 1 if right else 0
    at.in_accuracy += 1
    if at.in_accuracy == 100:
        for j in range(len(ACCURACIES)):
            if at.right_accuracy >= 100 * ACCURACIES[j] and result.accuracy[j] == 0:
                result.accuracy[j] = at.presented - 99
        at.in_accuracy = 0
        at.right_accuracy = 0


@seldom
def watch_plateau(program: Program, A: Arrays, i: int, loss: float) -> None:
    """Add a block where the error has stopped decreasing: `eq-plateau`."""
    at = at_of(program, A, i)
    trial = trial_of(program, A, at.trial)
    at.plateau_loss += loss
    at.in_plateau += 1
    if at.in_plateau < trial.plateau_window:
        return
    mean = at.plateau_loss / trial.plateau_window
    at.in_plateau = 0
    at.plateau_loss = 0.0
    if mean < (1.0 - trial.gain) * at.best:
        at.best = mean
        at.failed = 0
    else:
        at.failed += 1
    if at.failed >= trial.patience and at.blocks < program.net.n_blocks:
        result_of(program, A, at.trial).added[at.blocks] = at.presented
        lane_of(program, A, i).active[at.blocks] = 1.0
        at.blocks += 1
        at.best = INFINITE
        at.failed = 0


# ---------------------------------------------------------------- trials enter and leave
@seldom
def set_rates(program: Program, A: Arrays, i: int, phase: int, factor: float) -> None:
    """Give a lane the learning rates of a part of its trial's schedule."""
    mine = lane_of(program, A, i)
    trial = trial_of(program, A, at_of(program, A, i).trial)
    for group in range(3 if program.net.scheduled else 1):
        mine.rate[group] = trial.rates[phase, group] * factor


@seldom
def empty(program: Program, A: Arrays, i: int) -> None:
    """Set all that belongs to a lane to zero."""
    net = program.net
    n_in = view(program.queue, A.queue, 0).n_inputs
    clear(A.numbers.state, i, net.rows * net.lanes + i, net.lanes)
    records = n_in * net.record_size
    clear(A.numbers.records, i * records, (i + 1) * records, 1)
    clear(A.numbers.own, i * net.own_size, (i + 1) * net.own_size, 1)
    clear(A.lanes, i * program.at_size, (i + 1) * program.at_size, 1)
    clear(A.judges, i * program.judge_size, (i + 1) * program.judge_size, 1)
    for j in range(program.chunk):
        A.places[j * net.lanes + i] = i * records


@seldom
def load(program: Program, A: Arrays, i: int, t: int) -> None:
    """Let a trial enter a lane."""
    net = program.net
    empty(program, A, i)
    at, trial = at_of(program, A, i), trial_of(program, A, t)
    at.trial = t
    at.key = trial.key_sequences
    judge_of(program, A, i).first = i * view(program.queue, A.queue, 0).n_recent
    at.window = 100
    at.best = INFINITE
    at.blocks = trial.start_blocks
    mine = lane_of(program, A, i)
    mine.judge_last = trial.judge_last
    net.prepare(net, A.numbers, i)
    for b in range(net.n_blocks if net.construct else 0):
        mine.active[b] = 1.0 if b < trial.start_blocks else 0.0
    set_rates(program, A, i, 0, 1.0)
    draw_weights(program, A, i, t)


@lane
def place_of(program: Program, A: Arrays, i: int, w: int) -> Any:
    """Return which a lane's weight stands in the array that it is in; w counts in `weights`."""
    which, offset = A.weights[3 * w], A.weights[3 * w + 1]
    net = program.net
    if which == IN_STATE:
        return offset + i
    if which == IN_RECORDS:
        return i * view(program.queue, A.queue, 0).n_inputs * net.record_size + offset
    return i * net.own_size + offset


@seldom
def draw_weights(program: Program, A: Arrays, i: int, t: int) -> None:
    """Give a lane its trial's initial weights: given or drawn ones, and the biases that are set."""
    trial, queue = trial_of(program, A, t), view(program.queue, A.queue, 0)
    for j in range(trial.n_weights):
        w = trial.weights + j
        which, place, unit = A.weights[3 * w], place_of(program, A, i, w), A.weights[3 * w + 2]
        if trial.given >= 0:
            value = A.given[trial.given * queue.n_given + j]
        else:
            value = trial.scale * (2.0 * fraction(word(trial.key_weights, j)) - 1.0)
        if unit >= 0:
            bias = A.biases[t * program.n_biases + unit]
            if bias == bias:
                value = bias
        if which == IN_STATE:
            A.numbers.state[place] = value
        elif which == IN_RECORDS:
            A.numbers.records[place] = value
        else:
            A.numbers.own[place] = value


@seldom
def keep_weights(program: Program, A: Arrays, i: int, t: int) -> None:
    """Copy out the weights that a trial ends with."""
    trial, queue = trial_of(program, A, t), view(program.queue, A.queue, 0)
    for j in range(trial.n_weights):
        w = trial.weights + j
        which, place = A.weights[3 * w], place_of(program, A, i, w)
        if which == IN_STATE:
            A.final[t * queue.n_final + j] = A.numbers.state[place]
        elif which == IN_RECORDS:
            A.final[t * queue.n_final + j] = A.numbers.records[place]
        else:
            A.final[t * queue.n_final + j] = A.numbers.own[place]


@seldom
def leave(program: Program, A: Arrays, i: int, ending: int) -> None:
    """Note how a lane's trial ended, and let the next one enter, or leave the lane idle."""
    queue, at = view(program.queue, A.queue, 0), at_of(program, A, i)
    if ending != GOING_ON:
        t = at.trial
        result = result_of(program, A, t)
        result.ending = ending
        result.presented = at.presented
        if ending != SUCCESS:
            result.sequences = at.presented
        result.steps = at.steps
        result.window = at.window
        result.n_windows = at.n_windows
        if queue.n_final > 0:
            keep_weights(program, A, i, t)
        A.done[queue.n_done] = t
        queue.n_done += 1
    if queue.next < queue.end:
        queue.next += 1
        load(program, A, i, queue.next - 1)
    else:
        empty(program, A, i)
        at.trial = -1
        queue.at_work -= 1


@seldom
def finish(program: Program, A: Arrays, i: int, place: int) -> None:
    """End a lane's sequence, and begin the next one, perhaps of another trial."""
    if not (program.net.every_step or program.net.in_rounds):
        last_step(program, A, i, place)
    settle(program, A, i)
    ending = judged(program, A, i)
    if ending != GOING_ON:
        leave(program, A, i, ending)
    begin(program, A, i)


@lane
def run(program: Program, budget: int, A: Arrays) -> int:
    """Let all lanes take about so many steps; return how many they took.

    Where sequences begin together it returns, too, when one is longer than there is room for.
    """
    net = program.net
    queue = view(program.queue, A.queue, 0)
    if queue.started == 0:
        queue.started = 1
        for i in range(net.lanes):
            leave(program, A, i, GOING_ON)
            begin(program, A, i)
    steps = 0
    while steps < budget and queue.at_work > 0:
        if net.in_rounds:
            longest = longest_of(program, A)
            if longest > queue.room:
                queue.wanted = longest
                return steps
            take_round(program, A, longest)
            steps += longest
            for i in range(net.lanes):
                if at_of(program, A, i).trial >= 0:
                    finish(program, A, i, 0)
        else:
            n = run_freely(program, A)
            steps += n
            for i in range(net.lanes):
                if at_of(program, A, i).step == plan_of(program, A, i).length:
                    finish(program, A, i, A.places[(n - 1) * net.lanes + i])
    return steps


@lane
def run_freely(program: Program, A: Arrays) -> int:
    """Take some steps, at most to the end of a lane's sequence; return how many."""
    net = program.net
    n = 1
    if net.every_step:
        learning_steps(program, A)
    else:
        # so many steps that no lane's sequence ends before the last of them
        n = CHUNK
        for i in range(net.lanes):
            n = min(n, plan_of(program, A, i).length - at_of(program, A, i).step)
        resting_steps(program, A, n)
    return n
