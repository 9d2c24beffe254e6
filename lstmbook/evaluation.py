"""What a learner has learned: how it does on sequences from which it learns nothing."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from lstmbook.lanes.draws import Stream, stream_key
from lstmbook.protocols import Learner, Task, as_returned, weights_of
from lstmbook.sequences import Sequence, errors, loss
from lstmbook.validation import as_count

AGAIN = 32
"""So many sequences are predicted a second time."""


@dataclass(frozen=True)
class Evaluation:
    """How a learner did on some sequences.

    Attributes
    ----------
    n
        The number of sequences.
    right
        Share that are right, as the task's criterion has it, 0 to 1.
    loss
        Mean loss of a sequence (half the squared error, summed over the steps that count).
    largest_error
        Mean over the sequences of the largest absolute error at the steps that count.
    """

    n: int
    right: float
    loss: float
    largest_error: float


class PredictError(ValueError):
    """A learner whose `predict` changes something."""


def evaluate(
    learner: Learner,
    task: Task,
    n: int = 1000,
    seed: int = 0,
    sequences: Iterable[Sequence] | None = None,
) -> Evaluation:
    """Let a learner predict sequences of a task, without learning.

    The sequences come from a stream that no trial learns from, whatever its seed. Some are
    predicted a second time, to see that `predict` has changed nothing.

    Parameters
    ----------
    learner
        One that was trained: `lstmbook.experiments.train` returns such.
    n
        How many sequences are drawn.
    seed
        From it they are drawn; another seed, other sequences.
    sequences
        What to predict in place of drawn ones: a list or a `Batch`, such as the test set of the
        embedded Reber grammar, whose `sample` draws from the training set.

    Raises
    ------
    PredictError
        If the second prediction of a sequence differs from the first, or the weights (those of
        `lstmbook.protocols.weights_of`) are others than before.
    TypeError, ValueError
        If an argument is of the wrong kind, or `predict` does not return outputs.
    """
    for name, value, kind in (("learner", learner, Learner), ("task", task, Task)):
        if not isinstance(value, kind) or isinstance(value, type):
            raise TypeError(f"{name} is {value!r}; it must be a {name}, already made")
    given = _drawn(task, n, seed) if sequences is None else _listed(sequences)
    weights = weights_of(learner)
    found = [_predicted(learner, each) for each in given]
    _check_unchanged(learner, weights, given, found)
    outputs = [each.astype(np.float64) for each in found]
    pairs = list(zip(given, outputs, strict=True))
    with np.errstate(over="ignore", invalid="ignore"):
        return Evaluation(
            n=len(pairs),
            right=float(np.mean([task.criterion.right(*pair) for pair in pairs])),
            loss=float(np.mean([loss(*pair) for pair in pairs])),
            largest_error=float(np.mean([np.abs(errors(*pair)).max() for pair in pairs])),
        )


def _drawn(task: Task, n: int, seed: int) -> list[Sequence]:
    stream = Stream(stream_key(seed, "evaluation"))
    return [task.sample(stream) for _ in range(as_count("n", n, at_least=1))]


def _listed(sequences: Iterable[Sequence]) -> list[Sequence]:
    found = list(sequences)
    if not found:
        raise ValueError("sequences is empty; give at least one")
    for i, each in enumerate(found):
        if not isinstance(each, Sequence):
            raise TypeError(f"sequences[{i}] is {each!r}; it must be a Sequence")
    return found


def _predicted(learner: Learner, sequence: Sequence) -> np.ndarray[Any, Any]:
    with np.errstate(over="ignore", invalid="ignore"):
        found = learner.predict(sequence)
    # a learner may hand out an array that it uses again
    return as_returned(f"{type(learner).__name__}.predict returned", sequence, found).copy()


def _check_unchanged(
    learner: Learner,
    weights: dict[str, np.ndarray[Any, Any]],
    sequences: list[Sequence],
    found: list[np.ndarray[Any, Any]],
) -> None:
    """Raise an error if predictions have changed something that can be seen."""
    name = type(learner).__name__
    for key, now in weights_of(learner).items():
        before = weights.get(key)
        if before is None or not np.array_equal(before, now, equal_nan=True):
            raise PredictError(
                f"{name}.predict has changed the weights {key!r}; it must change nothing"
            )
    for i, before in enumerate(found[:AGAIN]):
        again = _predicted(learner, sequences[i])
        if not np.array_equal(before, again, equal_nan=True):
            gap = np.abs(again.astype(np.float64) - before.astype(np.float64))
            raise PredictError(
                f"{name}.predict gave other outputs for sequence {i} the second time, by up to "
                f"{np.nan_to_num(gap).max():.3g}; it must change nothing and draw no random numbers"
            )
