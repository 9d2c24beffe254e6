"""How a trial gets its task and its learner: recipes, which hold settings and no weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Any, Protocol, runtime_checkable

import numpy as np

from lstmbook.abuse import (
    Phase,
    Plateau,
    Scheduled,
    SequentialConstruction,
    places_after,
    thesis_schedule,
)
from lstmbook.experiments.options import code_digest, plain
from lstmbook.lstm import Bias, Topology, as_weights, initial_weights
from lstmbook.protocols import Learner, Task
from lstmbook.sequences import as_choice
from lstmbook.tasks.reber import EmbeddedReber
from lstmbook.truncated_learning import LSTM, UPDATES
from lstmbook.validation import Array, as_count, as_number, as_switch

SCHEDULES = ("none", "thesis")


@runtime_checkable
class TaskRecipe(Protocol):
    """A task that differs from trial to trial."""

    def task(self, seed: int) -> Task:
        """Return the task of the trial with this seed."""
        ...


@runtime_checkable
class LearnerRecipe(Protocol):
    """What makes a trial's learner."""

    def build(self, task: Task, rng: np.random.Generator) -> Learner:
        """Return a new learner for a task, its weights drawn from `rng`."""
        ...


@dataclass(frozen=True)
class ReberSets:
    """Experiment 2's pairs of training and test set, each shared by some successive seeds.

    Attributes
    ----------
    n_training, n_test, every
        As in `lstmbook.tasks.reber.EmbeddedReber`.
    seeds_per_set
        Seeds 0 to `seeds_per_set` - 1 have the first pair, and so on (TR: 10 trials a pair).
    """

    n_training: int = 256
    n_test: int = 256
    every: int = 256
    seeds_per_set: int = 10

    def __post_init__(self) -> None:
        for name in ("n_training", "n_test", "every", "seeds_per_set"):
            as_count(name, getattr(self, name), at_least=1)

    def task(self, seed: int) -> EmbeddedReber:
        """Return the task with the pair of sets that belongs to a seed."""
        return _drawn(self, seed // self.seeds_per_set)


@lru_cache(maxsize=64)
def _drawn(sets: ReberSets, number: int) -> EmbeddedReber:
    rng = np.random.default_rng([number, 3])
    return EmbeddedReber.draw(rng, sets.n_training, sets.n_test, sets.every)


@dataclass(frozen=True)
class LSTMRecipe:
    """The papers' network with its way of learning.

    Attributes
    ----------
    net
        The topology; with a `plateau`, the one that construction ends with.
    learning_rate, updates, reset
        As in `lstmbook.truncated_learning.LSTM`.
    scale, cell_bias, input_gate_bias, output_gate_bias, output_bias
        As in `lstmbook.lstm.initial_weights`.
    plateau
        If given, the network starts with `start_blocks` blocks, and the others are added one by
        one where the error has stopped decreasing.
    start_blocks
        The number of blocks before the first is added.
    schedule
        "none", or "thesis": the phases of `lstmbook.abuse.thesis_schedule`.
    """

    net: Topology
    learning_rate: float
    updates: str = "every step"
    reset: bool = True
    scale: float = 0.2
    cell_bias: Bias = None
    input_gate_bias: Bias = None
    output_gate_bias: Bias = None
    output_bias: Bias = None
    plateau: Plateau | None = None
    start_blocks: int = 0
    schedule: str = "none"

    def __post_init__(self) -> None:
        as_number("learning_rate", self.learning_rate, above=0)
        as_number("scale", self.scale, at_least=0)
        as_choice("updates", self.updates, UPDATES)
        as_choice("schedule", self.schedule, SCHEDULES)
        as_switch("reset", self.reset)
        as_count("start_blocks", self.start_blocks, at_most=self.net.n_blocks)
        if self.plateau is not None:
            self._check_construction()
        # it names biases that the net cannot have
        initial_weights(self.net, np.random.default_rng(0), scale=0, **self._biases)

    def _check_construction(self) -> None:
        if self.schedule != "none":
            raise ValueError(f"schedule is {self.schedule!r}; with a plateau it must be 'none'")
        if len(set(self.net.blocks)) > 1:
            raise ValueError(f"blocks is {self.net.blocks}; with a plateau all must be of one size")
        for name in ("cell_bias", "input_gate_bias", "output_gate_bias"):
            if np.ndim(getattr(self, name) or 0.0):
                raise ValueError(
                    f"{name} is {getattr(self, name)}; with a plateau it is one number"
                )
        if self.cell_bias is not None:
            raise ValueError(f"cell_bias is {self.cell_bias}; with a plateau it must be None")

    @property
    def phases(self) -> tuple[Phase, ...]:
        """The parts of the schedule; none without one."""
        return thesis_schedule(self.net) if self.schedule == "thesis" else ()

    @property
    def _biases(self) -> dict[str, Any]:
        names = ("cell_bias", "input_gate_bias", "output_gate_bias", "output_bias")
        return {name: getattr(self, name) for name in names}

    def build(self, task: Task, rng: np.random.Generator) -> Learner:
        """Return a network with fresh weights."""
        if self.plateau is not None:
            return self._constructed(rng)
        weights = initial_weights(self.net, rng, scale=self.scale, **self._biases)
        learner = self._learner(self.net, weights)
        return Scheduled(learner, self.phases) if self.phases else learner

    def _learner(self, net: Topology, weights: Any) -> LSTM:
        return LSTM(net, weights, self.learning_rate, updates=self.updates, reset=self.reset)

    def ended(self, weights: Array, added: int = 0) -> LSTM:
        """Return the network of a trial that ended with these weights.

        It learns on with `learning_rate`: neither the schedule nor construction goes on.

        Parameters
        ----------
        weights
            Of the whole `net`, shape (net.n_weights,).
        added
            How many blocks were added to the `start_blocks`, if there is a `plateau`.
        """
        net, places = self.net, np.arange(self.net.n_weights)
        if self.plateau is not None:
            net = replace(net, blocks=net.blocks[: self.start_blocks + added])
            places = np.arange(net.n_weights)
            for n in range(net.n_blocks, self.net.n_blocks):
                smaller, larger = (
                    replace(self.net, blocks=self.net.blocks[:k]) for k in (n, n + 1)
                )
                places = places_after(smaller, larger)[places]
        return self._learner(net, as_weights(net, weights[places]))

    def _constructed(self, rng: np.random.Generator) -> Learner:
        if self.plateau is None:
            raise ValueError("plateau is None; a construction needs one")
        first = replace(self.net, blocks=self.net.blocks[: self.start_blocks])
        gates: dict[str, Any] = {
            "input_gate_bias": self.input_gate_bias,
            "output_gate_bias": self.output_gate_bias,
        }
        weights = initial_weights(
            first, rng, scale=self.scale, output_bias=self.output_bias, **gates
        )
        return SequentialConstruction(
            self._learner(first, weights),
            rng,
            self.plateau,
            max_blocks=self.net.n_blocks,
            size=self.net.blocks[0],
            scale=self.scale,
            **gates,
        )


@dataclass(frozen=True)
class OwnLearner:
    """Anyone's learner: ``make(task, rng, **settings)`` returns one.

    Attributes
    ----------
    make
        A class or a function.
    settings
        Further arguments, sorted by name.
    version
        Tells versions of the code apart; where not given, what `make` says in an attribute
        `code_version`, or else a digest of the source.

    Raises
    ------
    TypeError, ValueError
        If a setting cannot be written down, or a version is wanting.
    """

    make: Callable[..., Learner] = field(metadata={"written": "name"})
    settings: tuple[tuple[str, Any], ...] = ()
    version: str = ""

    def __post_init__(self) -> None:
        if not callable(self.make) or not hasattr(self.make, "__qualname__"):
            raise TypeError(
                f"make is {self.make!r}; it must be a class or a function, with its settings beside"
            )
        for name, value in self.settings:
            plain(value, name)
        if not self.version:
            object.__setattr__(self, "version", getattr(self.make, "code_version", ""))
        if self.version:
            return
        try:
            object.__setattr__(self, "version", f"source {code_digest(self.make)}")
        except (TypeError, ValueError) as error:
            raise type(error)(
                f"{error}; or give it a version (version='1'), a new one with each change"
            ) from error

    @property
    def name(self) -> str:
        """What tables call it."""
        return str(getattr(self.make, "__name__", self.make))

    def build(self, task: Task, rng: np.random.Generator) -> Learner:
        """Return a new learner.

        Raises
        ------
        TypeError
            If what was made cannot learn and predict.
        """
        learner = self.make(task, rng, **dict(self.settings))
        if not isinstance(learner, Learner):
            raise TypeError(
                f"{self.name} made {learner!r}; a learner has the methods learn and predict"
            )
        return learner


def settings_of(given: Mapping[str, Any]) -> tuple[tuple[str, Any], ...]:
    """Return settings in a form that can be compared: sorted, lists as tuples."""
    return tuple(
        (name, tuple(value) if isinstance(value, list) else value)
        for name, value in sorted(given.items())
    )
