"""The small agreements that let every task meet every learner, and one trial of a pair."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np

from lstmbook.lanes.draws import Stream, as_stream, stream_key
from lstmbook.sequences import Sequence, loss
from lstmbook.validation import Array, as_count


@runtime_checkable
class Learner(Protocol):
    """Whatever can be shown a sequence and predict.

    Ten lines suffice to write one: any class with these two methods is a learner.
    """

    def learn(self, sequence: Sequence) -> Array:
        """Present a sequence, change the weights, return the outputs, shape (T, n_outputs).

        The outputs are those given while the sequence was presented: each is made before
        its own target is used.
        """
        ...

    def predict(self, sequence: Sequence) -> Array:
        """Return the outputs for a sequence, shape (T, n_outputs), and change nothing."""
        ...


class Judge(Protocol):
    """A criterion at work on one trial."""

    def see(self, sequence: Sequence, outputs: Array, learner: Learner) -> bool:
        """Take note of one presented sequence; return whether the trial has succeeded."""
        ...

    @property
    def after(self) -> int:
        """The number of presented sequences at which success is counted."""
        ...


@runtime_checkable
class Criterion(Protocol):
    """When a trial has succeeded."""

    def right(self, sequence: Sequence, outputs: Array) -> bool:
        """Return whether the outputs, shape (T, n_outputs), are right for this sequence."""
        ...

    def judge(self) -> Judge:
        """Return a judge for a new trial."""
        ...


@dataclass(frozen=True)
class Baseline:
    """What constant outputs score: the value any learning has to beat.

    Attributes
    ----------
    outputs
        The constant outputs with the smallest expected loss, shape (n_outputs,).
    loss
        Their expected loss for a sequence (half the squared error, summed over the steps that
        count).
    """

    outputs: Array
    loss: float


@runtime_checkable
class Task(Protocol):
    """A source of sequences with a criterion."""

    @property
    def name(self) -> str:
        """What tables call the task."""
        ...

    @property
    def n_inputs(self) -> int:
        """The number of input lines."""
        ...

    @property
    def n_outputs(self) -> int:
        """The number of outputs."""
        ...

    @property
    def criterion(self) -> Criterion:
        """When a trial has succeeded, as the paper defines it unless set otherwise."""
        ...

    def sample(self, rng: np.random.Generator | Stream) -> Sequence:
        """Draw one training sequence."""
        ...

    def doing_nothing(self) -> Baseline:
        """Return what constant outputs score."""
        ...


@dataclass(frozen=True)
class Outcome:
    """How one trial ended.

    Attributes
    ----------
    ending
        "success", "cap" (not within the sequences allowed) or "diverged" (an output that is
        not finite).
    sequences
        Sequences until success as the criterion counts them; otherwise the number presented.
    errors
        Mean loss for a sequence in each full window, shape (number of windows,).
    window
        The number of sequences in a window.
    seconds
        Wall-clock time of the trial.
    seed
        What the trial was seeded with, or None.
    """

    ending: Literal["success", "cap", "diverged"]
    sequences: int
    errors: Array
    window: int
    seconds: float
    seed: int | None = None

    @property
    def success(self) -> bool:
        """Whether the criterion was met."""
        return self.ending == "success"


def judge_of(task: Task, test: np.random.Generator | Stream | None = None) -> Judge:
    """Return a judge for a new trial of a task, with its test set if its criterion tries one.

    Parameters
    ----------
    test
        The stream of the test set's draws, or a generator whose next draw begins one. A task that
        has noise in its targets draws test sequences with ``sample_clean``.

    Raises
    ------
    ValueError
        If the criterion tries a test set and there is no stream to draw it from.
    """
    criterion: Any = task.criterion
    n_tests = getattr(criterion, "n_tests", 0)
    if not n_tests:
        return task.criterion.judge()
    if test is None:
        raise ValueError(
            "test is None; the criterion tries a test set, which is drawn from a stream of its "
            'own, such as Stream(stream_key(seed, "test"))'
        )
    stream, draw = as_stream(test), getattr(task, "sample_clean", task.sample)
    found: Judge = criterion.judge([draw(stream) for _ in range(n_tests)])
    return found


def run_trial(
    task: Task,
    learner: Learner,
    rng: np.random.Generator | Stream,
    *,
    max_sequences: int,
    window: int = 100,
    seed: int | None = None,
    test: np.random.Generator | Stream | None = None,
) -> Outcome:
    """Present sequences of a task to a learner until the criterion is met or the cap reached.

    Parameters
    ----------
    rng
        The stream of the sequences' draws, or a generator whose next draw begins one; the
        learner has its own source of randomness.
    max_sequences
        The cap.
    window
        Sequences averaged for one point of the error curve.
    seed
        Noted in the outcome; of a criterion that tries a test set, the stream "test" of this
        seed is drawn from, unless there is a `test`.
    test
        The stream of the test set's draws, or a generator whose next draw begins one. Without a
        seed and a `test`, a generator `rng` begins this stream, too.

    Raises
    ------
    TypeError, ValueError
        If a count is not a whole number of at least 1, if there is nothing to draw a test set
        from, or if what the learner returns is not the outputs.
    """
    max_sequences = as_count("max_sequences", max_sequences, at_least=1)
    window = as_count("window", window, at_least=1)
    stream = as_stream(rng)
    if test is None and seed is not None:
        test = Stream(stream_key(seed, "test"))
    judge = judge_of(task, rng if test is None and stream is not rng else test)
    started = time.perf_counter()
    curve: list[float] = []
    running = 0.0
    ending: Literal["success", "cap", "diverged"] = "cap"
    sequences = max_sequences
    for presented in range(1, max_sequences + 1):
        sequence = task.sample(stream)
        # a diverging learner overflows: that is an ending with a name, not a warning
        with np.errstate(over="ignore", invalid="ignore"):
            outputs = _outputs(learner, sequence)
        if not np.isfinite(outputs).all():
            ending, sequences = "diverged", presented
            break
        running += loss(sequence, outputs)
        if presented % window == 0:
            curve.append(running / window)
            running = 0.0
        if judge.see(sequence, outputs, learner):
            ending, sequences = "success", judge.after
            break
    return Outcome(
        ending=ending,
        sequences=sequences,
        errors=np.array(curve),
        window=window,
        seconds=time.perf_counter() - started,
        seed=seed,
    )


def _outputs(learner: Learner, sequence: Sequence) -> Array:
    """Show a sequence to a learner and return its outputs, shape (T, n_outputs).

    Raises
    ------
    TypeError, ValueError
        If it returns something else.
    """
    found: object = learner.learn(sequence)
    place = f"{type(learner).__name__}.learn returned"
    wanted = f"the outputs, an array of shape {sequence.targets.shape}"
    if found is None:
        raise TypeError(f"{place} None; it must return {wanted}")
    try:
        outputs = np.asarray(found, dtype=np.float64)
    except (TypeError, ValueError) as problem:
        raise TypeError(f"{place} {found!r}; it must return {wanted}") from problem
    if outputs.shape != sequence.targets.shape:
        raise ValueError(f"{place} an array of shape {outputs.shape}; it must return {wanted}")
    return outputs
