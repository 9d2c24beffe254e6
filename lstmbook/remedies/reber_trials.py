"""Compiled trials of the comparison learners on the embedded Reber grammar (TR's Table 3).

Fully recurrent nets that learn by RTRL, Elman nets, and Recurrent Cascade-Correlation: the same
trials as `lstmbook.protocols.run_trial` with the same learners and generators, but for rounding,
with milestones on the way. Between two trials of the criterion, strings are presented by compiled
loops. Numba (the extra `engine`) is imported only when a trial is run.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from types import ModuleType
from typing import Any, Protocol

import numpy as np

from lstmbook.lanes.draws import Stream, as_stream
from lstmbook.lanes.words import below
from lstmbook.protocols import Learner, Outcome, Task
from lstmbook.remedies.bookkeeping import Account, compiled_loops
from lstmbook.remedies.cascade_correlation import RecurrentCascadeCorrelation, TrainingSet
from lstmbook.remedies.elman import ElmanNet
from lstmbook.remedies.layered_net import matrices
from lstmbook.remedies.rtrl_net import RTRLNet
from lstmbook.sequences import Batch, BoolArray, IntArray
from lstmbook.tasks.reber import ALPHABET, EmbeddedReber, possible_next
from lstmbook.validation import Array

SHARES = (0.5, 0.75, 0.9, 0.95, 0.99)
"""Milestones: these shares of the strings of both sets."""


def unsupported(task: Task, learner: Learner) -> str | None:
    """Return why a trial cannot be run here (`run_trial` can), or None if it can."""
    if not isinstance(task, EmbeddedReber):
        return f"{type(task).__name__} is not the embedded Reber grammar"
    if isinstance(learner, RecurrentCascadeCorrelation):
        return _unsupported_cascade(task, learner)
    if not isinstance(learner, RTRLNet | ElmanNet):
        return f"{type(learner).__name__} is none of RTRLNet, ElmanNet and RCC"
    net = learner.net
    if (net.n_inputs, net.n_outputs) != (task.n_inputs, task.n_outputs):
        return "the net does not fit the task"
    if net.f != "logistic":
        return "the units are not logistic"
    if not learner.reset:
        return "activations are not reset before each sequence"
    if isinstance(learner, RTRLNet):
        if net.recurrent != "all":
            return "the RTRL net is not fully recurrent"
        if learner.updates != "every step":
            return "the RTRL net does not change its weights at every step"
    elif net.recurrent != "hidden":
        return "the outputs of the Elman net are recurrent"
    elif learner.momentum:
        return "the Elman net has momentum"
    return None


def _unsupported_cascade(task: EmbeddedReber, learner: RecurrentCascadeCorrelation) -> str | None:
    if learner.training is not task.training:
        return "the net has another training set than the task"
    if learner.settings.f != "tanh":
        return "the hidden units are not tanh"
    return None


@dataclass(frozen=True)
class _Strings:
    """Strings end to end, as the loops read them.

    Attributes
    ----------
    codes, aims
        Symbols and next symbols, shape (steps,).
    starts
        String i has the steps ``starts[i]`` to ``starts[i + 1]``.
    possible
        Which symbols may come next, shape (steps, 7).
    second, other
        Each string's second symbol, and the other one of T and P.
    """

    codes: IntArray
    aims: IntArray
    starts: IntArray
    possible: BoolArray
    second: IntArray
    other: IntArray

    @classmethod
    def of(cls, *batches: Batch) -> _Strings:
        """Lay the strings of some sets end to end."""
        strings = [each for batch in batches for each in batch]
        codes = [np.asarray(each.inputs, dtype=np.int64) for each in strings]
        second = np.array([each[1] for each in codes])
        return cls(
            codes=np.concatenate(codes),
            aims=np.concatenate([each.targets.argmax(axis=1) for each in strings]),
            starts=np.concatenate([[0], np.cumsum([len(each) for each in codes])]),
            possible=np.concatenate([possible_next(ALPHABET.decode(each)) for each in codes]),
            second=second,
            other=ALPHABET.code("T") + ALPHABET.code("P") - second,
        )


class _Net(Protocol):
    """A learner at work in compiled loops."""

    def present(self, picks: IntArray) -> Array:
        """Learn from training strings, given by number; return their losses, in that order."""
        ...

    def outputs(self) -> Array:
        """Return the outputs for the strings of both sets, shape (steps, 7)."""
        ...

    def back(self) -> None:
        """Give the learner what has been learned."""
        ...


class _RTRL:
    def __init__(self, learner: RTRLNet, strings: _Strings) -> None:
        self.learner, self.strings = learner, strings
        self.W = np.ascontiguousarray(matrices(learner.net, learner.weights)[0].T)

    def present(self, picks: IntArray) -> Array:
        net, of = self.learner.net, self.strings
        losses = np.empty(len(picks))
        sizes = (net.n_inputs, net.n_outputs, self.learner.learning_rate)
        _loops().learn_rtrl(self.W, *sizes, of.codes, of.aims, of.starts, picks, losses)
        return losses

    def outputs(self) -> Array:
        found = np.empty(self.strings.possible.shape)
        of = self.strings
        _loops().outputs_rtrl(self.W, self.learner.net.n_inputs, of.codes, of.starts, found)
        return found

    def back(self) -> None:
        matrices(self.learner.net, self.learner.weights)[0][:] = self.W.T


class _Elman:
    def __init__(self, learner: ElmanNet, strings: _Strings) -> None:
        self.learner, self.strings = learner, strings
        W_h, W_k = matrices(learner.net, learner.weights)
        self.W, self.W_k = np.ascontiguousarray(W_h.T), np.ascontiguousarray(W_k.T)
        n = learner.net.n_inputs
        self.sizes = (n, n * learner.net.shortcuts)

    def present(self, picks: IntArray) -> Array:
        of, losses = self.strings, np.empty(len(picks))
        _loops().learn_elman(
            *(self.W, self.W_k, *self.sizes, self.learner.learning_rate),
            *(of.codes, of.aims, of.starts, picks, losses),
        )
        return losses

    def outputs(self) -> Array:
        of, found = self.strings, np.empty(self.strings.possible.shape)
        _loops().outputs_elman(self.W, self.W_k, *self.sizes, of.codes, of.starts, found)
        return found

    def back(self) -> None:
        W_h, W_k = matrices(self.learner.net, self.learner.weights)
        W_h[:], W_k[:] = self.W.T, self.W_k.T


class CompiledCascade(RecurrentCascadeCorrelation):
    """Recurrent Cascade-Correlation whose epochs are compiled; all else is inherited.

    Its training set stands end to end, as one long sequence of steps: no step is filled up.
    """

    starts: IntArray

    @classmethod
    def of(cls, learner: RecurrentCascadeCorrelation) -> CompiledCascade:
        """Return a learner that goes on where the given one stands, with its generator.

        Raises
        ------
        ValueError
            If a step of the training set does not count, or hidden units are not tanh.
        """
        if not learner.training.mask.all():
            raise ValueError("training has steps whose error does not count")
        if learner.settings.f != "tanh":
            raise ValueError(f"f is {learner.settings.f!r}; it must be 'tanh'")
        made = cls.__new__(cls)
        made.__dict__.update(learner.__dict__)
        made.units = list(learner.units)
        made.starts = np.asarray(learner.training.starts, dtype=np.int64)
        made._set = _end_to_end(learner._set)
        made._errors = learner._errors.swapaxes(0, 1)[learner._set.counts.T][None]
        return made

    def _output_slopes(self) -> tuple[Array, Array, float]:
        now = self._set
        y, slope = logistic_outputs(self.outputs.weights, now.values[0])
        e = now.targets[0] - y
        errors = e * (slope + self.settings.slope_offset)
        found = np.empty(self.outputs.weights.shape)
        _loops().product(errors, now.values[0], found)
        return errors[None], -found, float((e**2).sum())

    def _score_slopes(self, w: Array) -> tuple[Array, Array]:
        loops, now = _loops(), self._set
        w = np.ascontiguousarray(w.T)
        found: tuple[Array, Array] = loops.score_slopes(
            w, now.values[0], self._errors[0], self.starts
        )
        return found

    def _activations(self, w: Array) -> Array:
        return activations(w, self._set.values[0], self.starts)[None]


def _end_to_end(now: TrainingSet) -> TrainingSet:
    """Return a training set as one sequence: shapes (1, steps, ...)."""
    in_order = now.counts.T
    values, targets = (each.swapaxes(0, 1)[in_order][None] for each in (now.values, now.targets))
    return TrainingSet(values, targets, np.ones(values.shape[:2], dtype=np.bool_))


def logistic_outputs(weights: Array, values: Array) -> tuple[Array, Array]:
    """Return logistic outputs and their slopes, shape (steps, n_outputs).

    Parameters
    ----------
    weights
        Shape (n_outputs, n_values).
    values
        Shape (steps, n_values).
    """
    slope, y = np.empty((2, len(values), len(weights)))
    _loops().logistic_outputs(np.ascontiguousarray(weights.T), values, slope, y)
    return y, slope


def activations(w: Array, values: Array, starts: IntArray) -> Array:
    """Return the activations of one unit that feeds itself, shape (steps,)."""
    V, slope = np.empty((2, len(values), 1))
    _loops().run_units(np.ascontiguousarray(w[:, None]), values, starts, V, slope)
    return V[:, 0]


class _Cascade:
    def __init__(self, learner: RecurrentCascadeCorrelation, task: EmbeddedReber) -> None:
        self.learner, self.compiled = learner, CompiledCascade.of(learner)
        self.test = _end_to_end(TrainingSet.of(task.test))
        self.starts = np.asarray(task.test.starts, dtype=np.int64)
        for w in learner.units:
            self._add(w)

    def _add(self, w: Array) -> None:
        V = activations(w, self.test.values[0], self.starts)
        self.test = self.test.with_unit(V[None])

    def present(self, picks: IntArray) -> Array:
        of, now = self.compiled, self.compiled._set
        y, _ = logistic_outputs(of.outputs.weights, now.values[0])
        of_steps = 0.5 * ((now.targets[0] - y) ** 2).sum(axis=1)
        losses = np.add.reduceat(of_steps, of.starts[:-1])[picks]
        of.presented += len(picks)
        if of.presented % len(of.training) == 0:
            of.epoch()
            if of._set is not now:
                self._add(of.units[-1])
        return losses

    def outputs(self) -> Array:
        both = (self.compiled._set, self.test)
        weights = self.compiled.outputs.weights
        return np.concatenate([logistic_outputs(weights, each.values[0])[0] for each in both])

    def back(self) -> None:
        to, found = self.learner, self.compiled
        to.units, to.outputs = found.units, found.outputs
        to.epochs, to.presented = found.epochs, found.presented


@dataclass
class _Course:
    """A trial under way, and what is noted of it.

    Attributes
    ----------
    added
        Of Recurrent Cascade-Correlation, after how many sequences each unit was added.
    """

    task: EmbeddedReber
    strings: _Strings
    net: _Net
    account: Account
    milestones: dict[str, Any] = field(default_factory=dict)
    most: float = 0.0
    added: list[int] = field(default_factory=list)

    def go_on(self, stream: Stream) -> None:
        """Present strings until something else is due: the criterion, an epoch's end or the cap."""
        now, epoch, every = self.account.presented, len(self.task.training), self.task.every
        due = min(every - now % every, epoch - now % epoch, self.account.max_sequences - now)
        losses = self.net.present(below(stream.words(due), epoch))
        self.account.see(losses, losses, self._judge)
        units = len(self.net.compiled.units) if isinstance(self.net, _Cascade) else 0
        if units > len(self.added) and self.account.ending != "diverged":
            self.added.append(self.account.presented)

    def _judge(self, losses: Array) -> tuple[int, int] | None:
        """Try the criterion where it is due; the strings just presented do not matter for it."""
        n, after = len(losses), self.account.presented + len(losses)
        return (n, n) if n and after % self.task.every == 0 and self._solved(after) else None

    def _solved(self, presented: int) -> bool:
        """Take note of the strings that are predicted; return whether all are."""
        of = self.strings
        right = np.empty((len(of.starts) - 1, 2), dtype=np.bool_)
        _loops().tell(self.net.outputs(), of.possible, of.starts, right, of.second, of.other)
        predicted, remembered = (float(share) for share in right.mean(axis=0))
        for share in SHARES:
            if predicted >= share:
                self.milestones.setdefault(f"{share:.0%} of strings predicted", presented)
            if remembered >= share:
                self.milestones.setdefault(f"{share:.0%} of second symbols remembered", presented)
        self.most = max(self.most, predicted)
        self.milestones["largest share of strings predicted"] = self.most
        self.milestones["share of strings predicted at the end"] = predicted
        self.milestones["share of second symbols remembered at the end"] = remembered
        return bool(right[:, 0].all())


def run_reber_trial(
    task: EmbeddedReber,
    learner: RTRLNet | ElmanNet | RecurrentCascadeCorrelation,
    rng: np.random.Generator | Stream,
    *,
    max_sequences: int,
    window: int = 100,
    seed: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> tuple[Outcome, dict[str, Any]]:
    """Run one trial on the embedded Reber grammar: what `run_trial` does, compiled.

    Parameters
    ----------
    learner
        A fresh learner that `unsupported` does not object to; it is left with its weights of
        the end.
    rng, max_sequences, window, seed
        As in `lstmbook.protocols.run_trial`.
    progress
        Called now and then with the number of sequences presented.

    Returns
    -------
    outcome
        How the trial ended.
    milestones
        By name: after how many sequences which share of the strings (of both sets) was
        predicted when the criterion was tried, and in which share the second symbol was
        remembered (`lstmbook.tasks.reber.remembered`); the last and the largest shares; of
        Recurrent Cascade-Correlation the hidden units, the epochs, and the sequences after
        which each unit was added.

    Raises
    ------
    ValueError
        If the trial cannot be run here.
    ImportError
        If Numba is not installed.
    """
    account = Account(max_sequences, window)
    why = unsupported(task, learner)
    if why is not None:
        raise ValueError(f"learner cannot be run here: {why}")
    began = time.perf_counter()
    strings = _Strings.of(task.training, task.test)
    course = _Course(task, strings, _at_work(task, learner, strings), account)
    stream = as_stream(rng)
    while account.ending is None:
        course.go_on(stream)
        if progress is not None:
            progress(account.presented)
    course.net.back()
    milestones = course.milestones
    if isinstance(learner, RecurrentCascadeCorrelation):
        milestones["hidden units"] = len(learner.units)
        milestones["epochs"] = learner.epochs
        milestones["units added"] = course.added
    account.seconds = time.perf_counter() - began
    return account.outcome(seed), milestones


def _at_work(task: EmbeddedReber, learner: Learner, strings: _Strings) -> _Net:
    if isinstance(learner, RTRLNet):
        return _RTRL(learner, strings)
    if isinstance(learner, ElmanNet):
        return _Elman(learner, strings)
    if isinstance(learner, RecurrentCascadeCorrelation):
        return _Cascade(learner, task)
    raise TypeError(f"learner is {learner!r}; it must be one that has compiled loops")


@cache
def _loops() -> ModuleType:
    return compiled_loops("reber_loops")
