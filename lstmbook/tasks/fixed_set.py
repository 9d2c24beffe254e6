"""A task with a training set: some of another task's sequences, presented again and again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from lstmbook.lanes.draws import Stream, as_stream
from lstmbook.protocols import Baseline, Criterion, Task
from lstmbook.sequences import Batch, Sequence
from lstmbook.validation import as_count


@dataclass(frozen=True)
class FixedSet:
    """A task of which the sequences of one set are presented, picked at random.

    Attributes
    ----------
    task
        The task.
    training
        Some of its sequences.
    """

    task: Task
    training: Batch = field(repr=False)

    @classmethod
    def of(cls, task: Task, n: int, rng: np.random.Generator | Stream) -> Task:
        """Return a task with a training set: itself, or with n sequences drawn from it."""
        if isinstance(getattr(task, "training", None), Batch):
            return task
        if not isinstance(task, Task):
            raise TypeError(f"task is {task!r}; it must be a task (lstmbook.protocols.Task)")
        stream, n = as_stream(rng), as_count("n", n, at_least=1)
        return cls(task, Batch.of(task.sample(stream) for _ in range(n)))

    @property
    def name(self) -> str:
        """The task's name."""
        return self.task.name

    @property
    def n_inputs(self) -> int:
        """The number of input lines."""
        return self.task.n_inputs

    @property
    def n_outputs(self) -> int:
        """The number of outputs."""
        return self.task.n_outputs

    @property
    def criterion(self) -> Criterion:
        """The task's criterion."""
        return self.task.criterion

    def sample(self, rng: np.random.Generator | Stream) -> Sequence:
        """Pick a sequence of the set."""
        return self.training[as_stream(rng).below(len(self.training))]

    def sample_clean(self, rng: np.random.Generator | Stream) -> Sequence:
        """Draw a sequence of a test set: one of the task's, not of the training set."""
        draw: Callable[..., Sequence] = getattr(self.task, "sample_clean", self.task.sample)
        return draw(rng)

    def doing_nothing(self) -> Baseline:
        """Return what constant outputs score."""
        return self.task.doing_nothing()
