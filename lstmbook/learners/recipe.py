"""The settings of a layered net and of how it learns, before a task says what it reads.

A learner is met in four forms: its settings (a `NetRecipe`, such as `BPTT`), which designs hold;
from these and a task the net as compiled code knows it (a `Layered`, such as `BackInTime`), without
numbers; with the numbers of one net, a learner at work (`OneNet`, from `NetRecipe.build`); with a
seed and a cap, a trial (`NetTrial`), of which the loop runs many.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from lstmbook.lanes.draws import Stream, as_stream, fractions
from lstmbook.lanes.squash import KINDS
from lstmbook.lanes.words import Constants
from lstmbook.learners.back_in_time import BackInTime
from lstmbook.learners.layered import Layered, Memory
from lstmbook.learners.one_net import OneNet
from lstmbook.protocols import Task
from lstmbook.sequences import as_choice
from lstmbook.validation import Array, as_count, as_number, as_switch

RECURRENT = ("hidden", "all")
UPDATES = ("every step", "sequence end")


@dataclass(frozen=True)
class Aims(Constants):
    """What a task asks of a net: all that its compiled form depends on.

    Attributes
    ----------
    n_inputs, n_outputs
        Input lines and outputs.
    symbolic
        Whether an input is a symbol.
    target
        "symbol", "value" or "vector": see `lstmbook.learners.outputs.OutputLayout`.
    every_step
        Whether there may be an error at each step.
    legal
        Whether it is noted if an impossible symbol was more active than a possible one.
    last_only
        Whether there is a target at each step, and only the last one counts.
    """

    n_inputs: int
    n_outputs: int
    symbolic: bool
    target: str
    every_step: bool
    legal: bool = False
    last_only: bool = False

    @classmethod
    def of(cls, task: Any) -> Aims:
        """Return what a task with a form asks for."""
        form = task.form
        every_step = form.every_step and getattr(task, "errors", "every step") == "every step"
        legal = getattr(getattr(task.criterion, "form", None), "legal", False)
        return cls(task.n_inputs, task.n_outputs, form.symbolic, form.shows, every_step, legal)

    @classmethod
    def of_any(cls, task: Task, symbolic: bool) -> Aims:
        """Return what sequences of a task may ask for: any errors at any steps."""
        return cls(task.n_inputs, task.n_outputs, symbolic, "vector", True)


@dataclass(frozen=True)
class NetRecipe:
    """A net's units and connections, and how it learns; it holds no weights.

    Attributes
    ----------
    hidden
        Hidden units; several numbers make several layers, each reading the one before.
    learning_rate
        What the gradient is multiplied with.
    updates
        When weights change: at "every step" with an error, or at "sequence end".
    depth
        How many steps an error goes back; to the sequence's beginning if None.
    recurrent
        Which units feed the recurrent layer, and are in it: "hidden", or "all" (hidden units and
        outputs: a fully recurrent net, whose outputs are not a layer above).
    shortcuts
        Whether inputs feed outputs; without meaning if `recurrent` is "all".
    hidden_biases, output_biases
        Which units are biased; if `recurrent` is "all", both must be the same.
    scale
        Initial weights are uniform in [-scale, scale].
    reset
        Whether activations are zero before each sequence. If not, errors still do not go back
        beyond a sequence's beginning.
    f, f_k
        Squashing functions of hidden units and of outputs (of all units f if `recurrent` is
        "all").

    Raises
    ------
    TypeError, ValueError
        If a setting is impossible.
    """

    hidden: int | tuple[int, ...] = 1
    learning_rate: float = 0.1
    updates: str = "sequence end"
    depth: int | None = None
    recurrent: str = "hidden"
    shortcuts: bool = False
    hidden_biases: bool = True
    output_biases: bool = True
    scale: float = 0.2
    reset: bool = True
    f: str = "logistic"
    f_k: str = "logistic"

    memory: ClassVar[Memory]

    def __post_init__(self) -> None:
        if "__dataclass_fields__" not in vars(type(self)):
            raise TypeError(
                f"{type(self).__name__} must be marked with @dataclass(frozen=True), or its "
                "settings are not seen"
            )
        if not isinstance(getattr(self, "memory", None), Memory):
            raise TypeError(f"{type(self).__name__} has no memory, a Memory of its units")
        as_choice("recurrent", self.recurrent, RECURRENT)
        least = 0 if self.recurrent == "all" else 1
        for units in self.layers:
            as_count("hidden", units, at_least=least)
        as_number("learning_rate", self.learning_rate, above=0)
        as_choice("updates", self.updates, UPDATES)
        if self.depth is not None:
            as_count("depth", self.depth)
        for name in ("shortcuts", "hidden_biases", "output_biases", "reset"):
            as_switch(name, getattr(self, name))
        as_number("scale", self.scale, at_least=0)
        as_choice("f", self.f, tuple(KINDS))
        as_choice("f_k", self.f_k, tuple(KINDS))
        if self.recurrent == "all":
            self._check_fully()

    def _check_fully(self) -> None:
        if self.hidden_biases != self.output_biases:
            raise ValueError(
                f"hidden_biases is {self.hidden_biases} and output_biases {self.output_biases}; "
                "in a fully recurrent net both must be the same"
            )
        if len(self.layers) > 1:
            raise ValueError(f"hidden is {self.hidden}; a fully recurrent net has one layer")

    @property
    def layers(self) -> tuple[int, ...]:
        """How many hidden units each layer has."""
        if isinstance(self.hidden, tuple):
            if not self.hidden:
                raise ValueError("hidden is (); it must have at least one layer")
            return self.hidden
        return (self.hidden,)

    def cannot(self, task: Any) -> str | None:
        """Return why the learner could in principle not learn a task, or None if it could."""
        return None

    def aims_of(self, task: Any) -> Aims:
        """Return what a task asks of the compiled net."""
        return Aims.of(task)

    # ------------------------------------------------------------ compiled
    kind: ClassVar[type[Layered]] = BackInTime
    one_hot: ClassVar[bool] = False
    at_work: ClassVar[type[OneNet]] = OneNet

    def net_for(
        self, aims: Aims, dtype: str = "float64", lanes: int = 1, *, noted: bool = False
    ) -> Layered:
        """Return the net that a task asks for, as compiled code knows it.

        Parameters
        ----------
        noted
            Whether outputs are kept.
        """
        return self.kind(**self.settings_for(aims, dtype, lanes, noted))

    def settings_for(self, aims: Aims, dtype: str, lanes: int, noted: bool) -> dict[str, Any]:
        """Return the settings of the compiled net."""
        fully = self.recurrent == "all"
        in_rounds = self.depth != 0
        return {
            # of the size of an alphabet nothing depends that is compiled, unless it is in rows
            "n_inputs": aims.n_inputs if self.one_hot or not aims.symbolic else 1,
            "n_outputs": aims.n_outputs,
            "layers": (self.layers[0] + aims.n_outputs,) if fully else self.layers,
            "memory": self.memory,
            "f": KINDS[self.f],
            "f_k": KINDS[self.f_k],
            "fully": fully,
            "shortcuts": self.shortcuts and not fully,
            "hidden_biases": self.hidden_biases,
            "output_biases": self.output_biases and not fully,
            "symbolic": aims.symbolic,
            "one_hot": self.one_hot and aims.symbolic,
            "target": aims.target,
            "every_step": aims.every_step,
            "at_end": aims.every_step and self.updates == "sequence end",
            "reset": self.reset,
            "depth": -1 if self.depth is None else self.depth,
            "legal": aims.legal,
            "noted": noted,
            "masked": aims.target == "vector" or (in_rounds and aims.every_step),
            "dtype": dtype,
            "lanes": lanes,
        }

    def n_weights(self, task: Any) -> int:
        """Return the number of weights that the net has for a task."""
        net = self.net_for(Aims.of_any(task, is_symbolic(task)))
        return len(net.weight_places(task.n_inputs))

    # ------------------------------------------------------------ at work
    def initial_weights(self, task: Any, stream: Stream) -> Array:
        """Draw the weights of a trial, shape (n_weights,)."""
        n = self.n_weights(task)
        drawn = self.scale * (2.0 * fractions(stream.key, n) - 1.0)
        return self.prepared(task, drawn)

    def prepared(self, task: Any, drawn: Array) -> Array:
        """Return initial weights made from drawn ones, shape (n_weights,): these themselves."""
        return drawn

    @property
    def prepares(self) -> bool:
        """Whether initial weights are made from drawn ones."""
        return type(self).prepared is not NetRecipe.prepared

    def build(
        self,
        task: Any,
        rng: np.random.Generator | Stream,
        *,
        weights: Array | None = None,
        plain: bool | None = None,
    ) -> OneNet:
        """Return a net at work, which learns and predicts sequence by sequence.

        Parameters
        ----------
        rng
            Draws the initial weights: the stream of a trial's weights, or a generator.
        weights
            Initial weights in their place, shape (n_weights,).
        plain
            Run the sources in NumPy; compile them if False; what is installed decides if None.
        """
        if not isinstance(task, Task):
            raise TypeError(f"task is {task!r}; it must be a task (lstmbook.protocols.Task)")
        why = self.cannot(task)
        if why is not None:
            raise ValueError(f"task is {type(task).__name__}: {why}")
        if weights is None:
            weights = self.initial_weights(task, as_stream(rng))
        symbolic = is_symbolic(task)
        net = self.net_for(Aims.of_any(task, symbolic), noted=True)
        return self.at_work(net, task.n_inputs, weights, self.learning_rate, plain=plain)


def is_symbolic(task: Any) -> bool:
    """Return whether a task's inputs are symbols."""
    form = getattr(task, "form", None)
    if form is not None:
        return bool(form.symbolic)
    return bool(task.sample(Stream(0)).symbolic)
