"""The Reber grammar, the embedded Reber grammar, and its prediction task.

Experiment 2 of the 1995 report (TR, section 4.2), experiment 1 of the 1997 paper (NC). The
automaton is the one of the literature (Fahlman 1991 prints the string BTSSXXVPSE); arcs are
often copied with symbols swapped, so each is written out and tested here.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar, Self

import numpy as np

from lstmbook.lanes.blocks import whole
from lstmbook.lanes.draws import Stream
from lstmbook.lanes.form import Form, Strings, choose_string, sample
from lstmbook.lanes.words import below, lane, word
from lstmbook.protocols import Baseline, Criterion, Learner
from lstmbook.sequences import Alphabet, Batch, BoolArray, Sequence, freeze, one_hot
from lstmbook.tasks.criteria import AllRight
from lstmbook.validation import Array, as_count

ALPHABET = Alphabet(("B", "T", "P", "S", "X", "V", "E"))

Grammar = dict[str, dict[str, str]]
"""State -> symbol -> next state, from "start" to "end"."""

REBER: Grammar = {
    "start": {"B": "0"},
    "0": {"T": "1", "P": "2"},
    "1": {"S": "1", "X": "3"},
    "2": {"T": "2", "V": "4"},
    "3": {"X": "2", "S": "5"},
    "4": {"P": "3", "V": "5"},
    "5": {"E": "end"},
}


def embed(inner: Grammar) -> Grammar:
    """Return the grammar B (T|P) inner (the same T|P) E, with a copy of `inner` a branch."""
    grammar: Grammar = {"start": {"B": "branch"}, "branch": {}, "last": {"E": "end"}}
    for symbol in ("T", "P"):
        grammar["branch"][symbol] = f"{symbol}: start"
        for state, arcs in inner.items():
            grammar[f"{symbol}: {state}"] = {s: f"{symbol}: {to}" for s, to in arcs.items()}
        grammar[f"{symbol}: end"] = {symbol: "last"}
    return grammar


EMBEDDED_REBER: Grammar = embed(REBER)


def draw(grammar: Grammar, rng: np.random.Generator) -> str:
    """Draw a string: arcs from "start" to "end", each choice among a state's arcs uniform."""
    state, string = "start", ""
    while state != "end":
        arcs = sorted(grammar[state])
        symbol = arcs[int(rng.integers(len(arcs)))] if len(arcs) > 1 else arcs[0]
        string += symbol
        state = grammar[state][symbol]
    return string


def states(grammar: Grammar, string: Iterable[str]) -> list[str]:
    """Return the states passed on the way: "start", then one after each symbol.

    Raises
    ------
    ValueError
        If a symbol cannot follow.
    """
    passed = ["start"]
    for position, symbol in enumerate(string):
        arcs = grammar.get(passed[-1], {})
        if symbol not in arcs:
            possible = " or ".join(arcs) or "nothing"
            raise ValueError(
                f"string has {symbol!r} at position {position}; only {possible} can stand there"
            )
        passed.append(arcs[symbol])
    return passed


def accepts(grammar: Grammar, string: Iterable[str]) -> bool:
    """Return whether the string leads from "start" to "end"."""
    try:
        return states(grammar, string)[-1] == "end"
    except ValueError:
        return False


def possible_next(string: Iterable[str], grammar: Grammar = EMBEDDED_REBER) -> BoolArray:
    """Return which symbols may follow each symbol of a (beginning of a) string.

    Returns
    -------
    possible
        Shape (length, 7): ``possible[t, i]`` is whether symbol i may follow symbol t.
    """
    after = states(grammar, string)[1:]
    possible = np.zeros((len(after), len(ALPHABET)), dtype=np.bool_)
    for t, state in enumerate(after):
        for symbol in grammar.get(state, {}):
            possible[t, ALPHABET.code(symbol)] = True
    return possible


def prediction_sequence(string: str) -> Sequence:
    """Return the task of one string: at each symbol but the last, predict the next one."""
    codes = ALPHABET.encode(string)
    return Sequence(
        inputs=codes[:-1],
        targets=one_hot(codes[1:], len(ALPHABET)),
        mask=np.ones(len(codes) - 1, dtype=np.bool_),
        n_inputs=len(ALPHABET),
    )


def legally_predicted(sequence: Sequence, outputs: Array) -> BoolArray:
    """Return at which steps the possible next symbols are the most active outputs, shape (T,).

    Every output of a possible symbol must exceed every output of an impossible one.
    """
    possible = possible_next(ALPHABET.decode(np.asarray(sequence.inputs, dtype=np.int64)))
    least_possible = np.where(possible, outputs, np.inf).min(axis=1)
    most_impossible = np.where(possible, -np.inf, outputs).max(axis=1)
    legal: BoolArray = least_possible > most_impossible
    return legal


def string_predicted(sequence: Sequence, outputs: Array) -> bool:
    """Return whether every step is legally predicted: TR's criterion for one string."""
    return bool(legally_predicted(sequence, outputs).all())


def remembered(sequence: Sequence, outputs: Array) -> bool:
    """Return whether of T and P the right one is the more active before the last but one symbol.

    A milestone beside the criterion: this is the prediction that needs the second symbol.
    """
    t, p = ALPHABET.code("T"), ALPHABET.code("P")
    right, wrong = (t, p) if int(sequence.inputs[1]) == t else (p, t)
    return bool(outputs[-2, right] > outputs[-2, wrong])


def shares_at_the_end(task: EmbeddedReber, learner: Learner) -> dict[str, float]:
    """Return in which shares of both sets' strings all is predicted, and the second is remembered.

    By name, as milestones of a trial: `string_predicted` and `remembered`. Each string begins where
    the learner stands.
    """
    found = []
    for each in (*task.training, *task.test):
        outputs = learner.predict(each)
        found.append((string_predicted(each, outputs), remembered(each, outputs)))
    predicted, kept = np.mean(found, axis=0).tolist()
    return {
        "share of strings predicted at the end": predicted,
        "share of second symbols remembered at the end": kept,
    }


@lane
def begin(task: Any, strings: Strings, key: int, counter: int, plan: Any) -> int:
    """Pick a training string."""
    choose_string(task, strings, below(word(key, counter), task.n_training), plan)
    return counter + 1


@lane
def symbol(task: Any, strings: Strings, key: int, plan: Any, at: Any) -> Any:
    """Return the string's symbol at a step."""
    return strings.codes[plan.string + at]


@lane
def next_symbol(task: Any, strings: Strings, key: int, plan: Any, at: Any) -> Any:
    """Return the string's symbol at the next step."""
    return strings.codes[plan.string + at + 1]


@dataclass(frozen=True)
class EmbeddedReber:
    """Experiment 2: strings of the embedded Reber grammar, predict the next symbol.

    `EmbeddedReber.draw` makes one as the papers do. Training strings are presented in random
    order.

    Attributes
    ----------
    training, test
        The sets, as batches of prediction sequences.
    every
        The criterion (every string of both sets predicted) is tried after so many sequences.
        TR does not say how often; 256 is one presentation of the training set on average.
    """

    training: Batch = field(repr=False)
    test: Batch = field(repr=False)
    every: int = 256
    name: str = "experiment 2: embedded Reber grammar"

    form: ClassVar[Form] = Form(
        begin=begin,
        symbol=symbol,
        target=next_symbol,
        settings=(("n_training", whole()),),
        every_step=True,
        strings=True,
    )
    first_string: ClassVar[int] = 0
    is_legal = staticmethod(string_predicted)

    @classmethod
    def draw(
        cls, rng: np.random.Generator, n_training: int = 256, n_test: int = 256, every: int = 256
    ) -> Self:
        """Draw the sets: training strings independent, test strings none of the training ones.

        TR: "256 training strings and 256 separate test strings"; a string may occur more than
        once in a set.
        """
        n_training = as_count("n_training", n_training, at_least=1)
        n_test = as_count("n_test", n_test, at_least=1)
        training = [draw(EMBEDDED_REBER, rng) for _ in range(n_training)]
        seen = set(training)
        test: list[str] = []
        while len(test) < n_test:
            string = draw(EMBEDDED_REBER, rng)
            if string not in seen:
                test.append(string)
        return cls(
            training=Batch.of(prediction_sequence(string) for string in training),
            test=Batch.of(prediction_sequence(string) for string in test),
            every=every,
        )

    @classmethod
    def sweep(cls) -> tuple[Self, ...]:
        """Return the task, once: the grammar sets the lag."""
        return (cls.draw(np.random.default_rng(0)),)

    @property
    def lag(self) -> int:
        """The least number of steps from the second symbol to the prediction that needs it."""
        return min(map(len, self.training)) - 2

    @property
    def alphabet(self) -> Alphabet:
        """The symbols B, T, P, S, X, V, E."""
        return ALPHABET

    @property
    def n_inputs(self) -> int:
        """The number of input lines, 7."""
        return len(ALPHABET)

    @property
    def n_outputs(self) -> int:
        """The number of outputs, 7."""
        return len(ALPHABET)

    @property
    def criterion(self) -> Criterion:
        """Every string of the training set and of the test set is predicted."""
        return AllRight(string_predicted, (self.training, self.test), self.every)

    @property
    def n_training(self) -> int:
        """The number of training strings."""
        return len(self.training)

    @cached_property
    def strings(self) -> Strings:
        """The strings of both sets, training first, as lane code reads them."""
        codes: list[int] = []
        starts, possible = [0], []
        for batch in (self.training, self.test):
            for each in batch:
                inputs = np.asarray(each.inputs, dtype=np.int64)
                codes += [*inputs.tolist(), int(np.argmax(each.targets[-1]))]
                bits = possible_next(ALPHABET.decode(inputs)) @ (1 << np.arange(len(ALPHABET)))
                possible += [*bits.tolist(), 0]
                starts.append(len(codes))
        found = (np.array(each, dtype=np.int64) for each in (codes, starts, possible))
        return Strings(*map(freeze, found))

    def sample(self, rng: np.random.Generator | Stream) -> Sequence:
        """Pick a training string at random."""
        return sample(self, rng)

    def doing_nothing(self) -> Baseline:
        """Return what constant outputs score on the training set."""
        frequency = self.training.targets.mean(axis=0)
        squares = ((self.training.targets - frequency) ** 2).sum()
        return Baseline(frequency, float(0.5 * squares / len(self.training)))
