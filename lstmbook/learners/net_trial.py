"""A trial of a layered net: everything that defines it."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from lstmbook.lanes.draws import Stream, stream_key
from lstmbook.learners.recipe import NetRecipe
from lstmbook.protocols import Task
from lstmbook.sequences import as_choice
from lstmbook.validation import Array, as_array, as_count

DTYPES = ("float32", "float64")


@dataclass(frozen=True)
class Size:
    """How large a net is.

    Attributes
    ----------
    n_inputs, n_outputs, n_weights, n_blocks
        Input lines, outputs, weights, and blocks, of which it has none.
    """

    n_inputs: int
    n_outputs: int
    n_weights: int
    n_blocks: int = 0


@dataclass(frozen=True)
class NetTrial:
    """Everything that defines a trial of a layered net.

    Two equal ones with the same initial weights end with the same bits.

    Attributes
    ----------
    task
        The task, with its criterion.
    learner
        The net's settings.
    seed
        From it the initial weights and all sequences are drawn (`lstmbook.lanes.draws`).
    max_sequences
        The cap.
    weights
        Initial weights instead of drawn ones, shape (n_weights,); not compared.
    dtype
        "float32" or "float64".
    """

    task: Task
    learner: NetRecipe
    seed: int
    max_sequences: int
    weights: Array | None = field(default=None, compare=False)
    dtype: str = "float64"

    # what trials of LSTM may have
    plateau = None
    schedule = ()
    start_blocks = 0

    def __post_init__(self) -> None:
        for name, value, wanted in (
            ("task", self.task, Task),
            ("learner", self.learner, NetRecipe),
        ):
            if not isinstance(value, wanted) or isinstance(value, type):
                raise TypeError(f"{name} is {value!r}; it must be a {wanted.__name__}")
        as_count("seed", self.seed, at_most=2**64 - 1)
        as_count("max_sequences", self.max_sequences, at_least=1, at_most=2**62)
        as_choice("dtype", self.dtype, DTYPES)
        if self.weights is not None:
            as_array("weights", self.weights, (self.net.n_weights,))

    @cached_property
    def net(self) -> Size:
        """How large its net is."""
        task = self.task
        return Size(task.n_inputs, task.n_outputs, self.learner.n_weights(task))

    @property
    def learning_rate(self) -> float:
        """What the gradient is multiplied with."""
        return self.learner.learning_rate

    @property
    def scale(self) -> float:
        """Initial weights are uniform in [-scale, scale]."""
        return self.learner.scale

    @property
    def given(self) -> Array | None:
        """Initial weights that the loop does not draw itself, or None."""
        if self.weights is not None or not self.learner.prepares:
            return self.weights
        return self.learner.initial_weights(self.task, Stream(stream_key(self.seed, "weights")))

    def lane_net(self, lanes: int) -> Any:
        """Return the net as the loop knows it."""
        return self.learner.net_for(self.learner.aims_of(self.task), self.dtype, lanes)
