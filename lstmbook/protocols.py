"""The small agreements that let every task meet every learner, and one trial of a pair."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from collections.abc import Sequence as PythonSequence
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, Literal, Protocol, runtime_checkable

import numpy as np

from lstmbook.lanes.draws import Stream, as_stream, stream_key
from lstmbook.sequences import Batch, Sequence, loss
from lstmbook.validation import Array, as_count


@runtime_checkable
class Learner(Protocol):
    """Whatever can be shown a sequence and predict.

    Ten lines suffice to write one: any class with these two methods is a learner. It may say
    more: `batch_size` (`BatchLearner`), its `weights`, the `dtype` it computes in and what it is
    `made_with`.
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


@runtime_checkable
class BatchLearner(Learner, Protocol):
    """A learner that wants several sequences at once.

    Attributes
    ----------
    batch_size
        How many; None: one after the other through `learn`, as for any learner.
    """

    batch_size: int | None

    def learn_batch(self, batch: Batch) -> PythonSequence[Array]:
        """Present sequences, change the weights once, return the outputs of each.

        All outputs, of shapes (T, n_outputs), are made before any of the batch's targets is
        used. An array of shape (n_sequences, T, n_outputs) will do if the sequences are of one
        length.
        """
        ...


class Judge(Protocol):
    """A criterion at work on one trial.

    One that lets the learner predict has a number `until_look` as well: how many sequences are
    presented until it does so next. A batch ends there at the latest.
    """

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
        "success", "cap" (not within the sequences allowed) or "diverged" (a loss that is
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
    presented
        Sequences that the learner was shown; more than were judged if the trial ended within a
        batch. None where that is not known.
    dtype
        The kind of numbers that the learner says it computes in; that of its outputs unless it
        does.
    """

    ending: Literal["success", "cap", "diverged"]
    sequences: int
    errors: Array
    window: int
    seconds: float
    seed: int | None = None
    presented: int | None = None
    dtype: str = "float64"

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

    A learner with a `batch_size` gets the same sequences in the same order, so many at a time.
    The curve and the criterion go through them one by one: a trial that ends within a batch is
    counted at the sequence that ended it, though the weights have learned from all of the batch
    (`Outcome.presented` counts those). A batch is shorter where the cap is reached, and where the
    criterion lets the learner predict, which has then learned from no later sequence.

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
    size = batch_size_of(learner) or 1
    stream = as_stream(rng)
    if test is None and seed is not None:
        test = Stream(stream_key(seed, "test"))
    judge = judge_of(task, rng if test is None and stream is not rng else test)
    started = time.perf_counter()
    curve: list[float] = []
    running = 0.0
    ending: Literal["success", "cap", "diverged"] | None = None
    sequences = max_sequences
    judged = presented = 0
    dtype = ""
    while ending is None and presented < max_sequences:
        n = min(size, max_sequences - presented, getattr(judge, "until_look", size))
        batch = [task.sample(stream) for _ in range(n)]
        presented += n
        # a diverging learner overflows: that is an ending with a name, not a warning
        with np.errstate(over="ignore", invalid="ignore"):
            found = shown(learner, batch)
        dtype = dtype or dtype_of(learner, found[0])
        for sequence, raw in zip(batch, found, strict=True):
            judged += 1
            outputs = np.asarray(raw, dtype=np.float64)
            with np.errstate(over="ignore", invalid="ignore"):
                each = loss(sequence, outputs)
            if not np.isfinite(each):
                ending, sequences = "diverged", judged
                break
            running += each
            if judged % window == 0:
                curve.append(running / window)
                running = 0.0
            if judge.see(sequence, outputs, learner):
                ending, sequences = "success", judge.after
                break
    return Outcome(
        ending=ending or "cap",
        sequences=sequences,
        errors=np.array(curve),
        window=window,
        seconds=time.perf_counter() - started,
        seed=seed,
        presented=presented,
        dtype=dtype,
    )


def batch_size_of(learner: Learner) -> int | None:
    """Return how many sequences a learner wants at once; None if one after the other.

    Raises
    ------
    TypeError, ValueError
        If it has `learn_batch` and no `batch_size`, or one that is not a whole number of at
        least 1.
    """
    if not hasattr(learner, "learn_batch"):
        return None
    name = type(learner).__name__
    if not hasattr(learner, "batch_size"):
        raise TypeError(
            f"{name} has learn_batch and no batch_size; it must say how many sequences it wants "
            "at once (None: one after the other)"
        )
    size = learner.batch_size
    return None if size is None else as_count(f"{name}.batch_size", size, at_least=1)


def shown(learner: Learner, sequences: PythonSequence[Sequence]) -> list[np.ndarray[Any, Any]]:
    """Show sequences to a learner, together if it has a `batch_size`; return its outputs.

    Returns
    -------
    outputs
        Of each sequence, shape (T, n_outputs), in the kind of numbers in which they came.

    Raises
    ------
    TypeError, ValueError
        If it returns something else.
    """
    name = type(learner).__name__
    if batch_size_of(learner) is None:
        place = f"{name}.learn returned"
        return [as_returned(place, each, learner.learn(each)) for each in sequences]
    found: Any = learner.learn_batch(Batch.of(sequences))  # type: ignore[attr-defined]
    try:
        n = len(found)
    except TypeError as problem:
        raise TypeError(
            f"{name}.learn_batch returned {found!r}; it must return the outputs of each of "
            f"{len(sequences)} sequences"
        ) from problem
    if n != len(sequences):
        raise ValueError(
            f"{name}.learn_batch returned outputs of {n} sequences; it was shown {len(sequences)}"
        )
    return [
        as_returned(f"{name}.learn_batch returned for sequence {i} of the batch", each, outputs)
        for i, (each, outputs) in enumerate(zip(sequences, found, strict=True))
    ]


def as_returned(place: str, sequence: Sequence, found: object) -> np.ndarray[Any, Any]:
    """Return what a learner returned for a sequence as an array of shape (T, n_outputs).

    Parameters
    ----------
    place
        What returned it, in words that an error begins with.

    Raises
    ------
    TypeError, ValueError
        If it is something else.
    """
    wanted = f"the outputs, an array of shape {sequence.targets.shape}"
    if found is None:
        raise TypeError(f"{place} None; it must return {wanted}")
    try:
        outputs = np.asarray(found)
        if outputs.dtype.kind != "f":
            outputs = outputs.astype(np.float64)
    except (TypeError, ValueError, RuntimeError) as problem:  # of a tensor that has a gradient
        raise TypeError(f"{place} {found!r}; it must return {wanted}") from problem
    if outputs.shape != sequence.targets.shape:
        raise ValueError(f"{place} an array of shape {outputs.shape}; it must return {wanted}")
    return outputs


def dtype_of(learner: Learner, outputs: np.ndarray[Any, Any]) -> str:
    """Return the kind of numbers a learner computes in: what it says, or that of its outputs.

    Raises
    ------
    TypeError
        If it says something else.
    """
    said = getattr(learner, "dtype", None)
    if said is None:
        return str(outputs.dtype)
    # "float32", numpy.float32, numpy.dtype("float32"), torch.float32
    name = said.__name__ if isinstance(said, type) else str(said).rpartition(".")[2]
    if not re.fullmatch(r"[a-z]\w*", name):
        raise TypeError(
            f"{type(learner).__name__}.dtype is {said!r}; it must name a kind of numbers, such as "
            "'float32'"
        )
    return name


def made_with_of(learner: Learner) -> str:
    """Return what a learner says it was made with, such as "torch 2.13.0, 1 thread"; or "".

    Raises
    ------
    TypeError
        If that is not a text.
    """
    said = getattr(learner, "made_with", "")
    if not isinstance(said, str):
        raise TypeError(
            f"{type(learner).__name__}.made_with is {said!r}; it must be a text, such as "
            "'torch 2.13.0, float32, 1 thread'"
        )
    return said


def weights_of(learner: Any) -> dict[str, np.ndarray[Any, Any]]:
    """Return copies of a learner's weights, by name, as far as they can be seen.

    Seen are an attribute `weights`: an array, several in a list, mapping or dataclass; of a
    learner that trains another one (its attribute `learner`), those of that one.
    """
    found = getattr(learner, "weights", None)
    if found is None:
        inner = getattr(learner, "learner", None)
        return {} if inner is None else weights_of(inner)
    named: dict[str, Any] = {"weights": found}
    if isinstance(found, Mapping):
        named = {str(name): each for name, each in found.items()}
    elif is_dataclass(found):
        named = {each.name: getattr(found, each.name) for each in fields(found)}
    elif isinstance(found, list | tuple):
        named = {str(i): each for i, each in enumerate(found)}
    arrays = {name: np.array(each) for name, each in named.items()}
    return {name: each for name, each in arrays.items() if each.dtype.kind in "biuf"}
