"""One net at work, a sequence at a time: `learn` and `predict` made of a learner's lane code."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from importlib.util import find_spec
from typing import Any, NamedTuple

import numpy as np

from lstmbook.lanes.blocks import Memory, aligned, clear, one_lane, view
from lstmbook.lanes.words import lane
from lstmbook.learners.layered import Layered
from lstmbook.sequences import IntArray, Sequence
from lstmbook.validation import Array, as_array, as_number, as_switch


class Given(NamedTuple):
    """All that a presented sequence needs, each a flat array.

    Attributes
    ----------
    numbers
        The net's.
    places
        Where the records of the symbols stand.
    symbols, x, targets, counts
        The sequence: symbols, or real inputs; targets; 1 for steps that count, else 0.
    outputs
        Written: the outputs.
    """

    numbers: Any
    places: Memory
    symbols: Memory
    x: Memory
    targets: Memory
    counts: Memory
    outputs: Memory


@lane
def set_step(net: Layered, G: Given, t: int, row: int) -> None:
    """Set a step's inputs and targets, and in a row of places where its record begins."""
    mine = one_lane(view(net.state, G.numbers.state, 0), 0)
    inputs = one_lane(view(net.now, G.numbers.inputs, 0), 0)
    if net.symbolic:
        G.places[row] = G.symbols[t] * net.record_size
        if net.one_hot:
            inputs.symbol = G.symbols[t]
    for m in range(net.n_dense):
        inputs.x[m] = G.x[t * net.n_dense + m]
    mine.counts = G.counts[t]
    for k in range(net.n_judged):
        if net.wide:
            G.numbers.own[net.first_wanted + k] = G.targets[t * net.n_judged + k]
        else:
            mine.wanted[k] = G.targets[t * net.n_judged + k]


@lane
def note_step(net: Layered, G: Given, t: int) -> None:
    """Copy out a step's outputs."""
    mine = one_lane(view(net.state, G.numbers.state, 0), 0)
    for k in range(net.n_judged):
        if net.wide:
            G.outputs[t * net.n_judged + k] = G.numbers.own[net.first_y_k + k]
        else:
            G.outputs[t * net.n_judged + k] = mine.y_k[k]


@lane
def present(net: Layered, length: int, G: Given) -> int:
    """Present a sequence to the net of the only lane."""
    clear(G.numbers.state, net.first_carried, net.after_carried, 1)
    one_lane(view(net.state, G.numbers.state, 0), 0).begins = 1.0
    for t in range(length):
        if net.in_rounds:
            set_step(net, G, t, t)
            net.forward_step(net, G.numbers, G.places, t)
        else:
            set_step(net, G, t, 0)
            net.learning_step(net, G.numbers, G.places)
        note_step(net, G, t)
    if net.in_rounds:
        net.go_back(net, G.numbers, G.places, length)
    if net.symbolic:
        for t in range(length):
            net.settle_symbol(net, G.numbers, 0, G.symbols[t] * net.record_size)
    net.settle(net, G.numbers, 0, length)
    return length


class OneNet:
    """A net that learns and predicts, sequence by sequence: a `lstmbook.protocols.Learner`.

    Parameters
    ----------
    net
        Of one lane, with targets for each output, whose outputs are kept.
    n_inputs
        Input lines: real ones, or the size of the alphabet.
    weights
        Initial weights, shape (n_weights,).
    learning_rate
        What the gradient is multiplied with.
    plain
        Run the sources in NumPy; compile them if False. If None they are compiled where Numba is
        installed.
    """

    def __init__(
        self,
        net: Layered,
        n_inputs: int,
        weights: Array,
        learning_rate: float,
        *,
        plain: bool | None = None,
    ) -> None:
        self.net, self.n_inputs = net, n_inputs
        self.learning_rate = as_number("learning_rate", learning_rate, at_least=0)
        self.plain = find_spec("numba") is None if plain is None else as_switch("plain", plain)
        self._places = net.weight_places(n_inputs)
        self._room = 0
        self._numbers: Any = net.numbers(n_inputs, 1, 0)
        net.prepare(net, self._numbers, 0)
        self.weights = weights
        self._make_room(32)

    # ------------------------------------------------------------ weights
    def _arrays(self) -> tuple[tuple[Memory, IntArray, IntArray], ...]:
        """Of each array with weights: which of them stand there, and where."""
        numbers = self._numbers
        found = []
        for which, array in ((0, numbers.state), (1, numbers.records), (2, numbers.own)):
            here = np.flatnonzero(self._places[:, 0] == which)
            found.append((array, here, self._places[here, 1]))
        return tuple(found)

    @property
    def weights(self) -> Array:
        """A copy of the weights, shape (n_weights,), in the order of `Layered.weight_places`."""
        found = np.empty(len(self._places))
        for array, here, places in self._arrays():
            found[here] = array[places]
        return found

    @weights.setter
    def weights(self, value: Array) -> None:
        given = as_array("weights", value, (len(self._places),))
        for array, here, places in self._arrays():
            array[places] = given[here]

    # ------------------------------------------------------------ sequences
    def learn(self, sequence: Sequence) -> Array:
        """Present a sequence, change the weights, return the outputs, shape (T, n_outputs)."""
        return self._present(sequence, self.learning_rate)

    def predict(self, sequence: Sequence) -> Array:
        """Return the outputs for a sequence, shape (T, n_outputs), and change nothing."""
        with self._unchanged():
            return self._present(sequence, 0.0)

    def gradient(self, sequence: Sequence) -> Array:
        """Return what the weights would change by at a rate of 1, shape (n_weights,)."""
        before = self.weights
        with self._unchanged():
            self._present(sequence, 1.0)
            return self.weights - before

    @contextmanager
    def _unchanged(self) -> Iterator[None]:
        """Leave everything as it was."""
        kept = [each.copy() for each in self._numbers]
        try:
            yield
        finally:
            for each, value in zip(self._numbers, kept, strict=True):
                each[: len(value)] = value

    def _present(self, sequence: Sequence, rate: float) -> Array:
        net = self.net
        self._check(sequence)
        length = len(sequence)
        if length > self._room:
            self._make_room(2 * length)
        given = self._given
        view(net.state, self._numbers.state, 0).values("rate")[...] = rate
        if net.symbolic:
            given.symbols[:length] = np.asarray(sequence.inputs)
        else:
            given.x[: length * self.n_inputs] = np.asarray(sequence.inputs).ravel()
        counts = np.asarray(sequence.mask)
        targets = np.where(np.isfinite(sequence.targets), sequence.targets, 0.0)
        given.targets[: targets.size] = targets.ravel()
        given.counts[:length] = counts
        self._run(length)
        return given.outputs[: targets.size].reshape(targets.shape).astype(np.float64)

    def _check(self, sequence: Sequence) -> None:
        if not isinstance(sequence, Sequence):
            raise TypeError(f"sequence is {sequence!r}; it must be a Sequence")
        for name, ours in (("n_inputs", self.n_inputs), ("n_outputs", self.net.n_judged)):
            theirs = getattr(sequence, name)
            if theirs != ours:
                raise ValueError(f"sequence has {theirs} {name}; the net has {ours}")
        if sequence.symbolic != self.net.symbolic:
            kinds = ("real numbers", "symbols")
            raise ValueError(
                f"sequence has inputs that are {kinds[sequence.symbolic]}; the net reads "
                f"{kinds[self.net.symbolic]}"
            )

    def _make_room(self, room: int) -> None:
        """Make memory for sequences of so many steps."""
        net, dtype = self.net, self.net.dtype
        if net.in_rounds:
            past = net.past.memory(room + 1)
            past[: len(self._numbers.past)] = self._numbers.past
            self._numbers = self._numbers._replace(past=past)
        self._room = room
        self._given = Given(
            self._numbers,
            aligned(room, "int64"),
            aligned(room if net.symbolic else 0, "int64"),
            aligned(room * net.n_dense, dtype),
            aligned(room * net.n_judged, dtype),
            aligned(room, dtype),
            aligned(room * net.n_judged, dtype),
        )
        self._run: Callable[[int], int] = lambda n: present(net, n, self._given)
        if not self.plain:
            from lstmbook.lanes.specialise import compiled_entry

            self._run = compiled_entry(present, net, self._given)

    # ------------------------------------------------------------ copies
    def __copy__(self) -> OneNet:
        """Return a copy with numbers of its own."""
        return deepcopy(self)

    def __getstate__(self) -> dict[str, Any]:
        """Return what a copy is made of: compiled code stays behind."""
        return {
            name: value for name, value in self.__dict__.items() if name not in ("_run", "_given")
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Go on from a copy."""
        self.__dict__.update(state)
        self._make_room(self._room)
