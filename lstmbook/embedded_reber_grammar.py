"""The embedded Reber grammar analysed: its strings counted, and a trained net looked into."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

import numpy as np

from lstmbook.lstm import Topology, Trace, Weights, forward
from lstmbook.sequences import BoolArray, Sequence
from lstmbook.tasks.reber import (
    ALPHABET,
    EMBEDDED_REBER,
    Grammar,
    legally_predicted,
    prediction_sequence,
    states,
)
from lstmbook.validation import Array, as_count


def string_probability(string: str, grammar: Grammar = EMBEDDED_REBER) -> float:
    """Return the probability that a string is drawn: `eq-string-probability`."""
    passed = states(grammar, string)
    if passed[-1] != "end":
        raise ValueError(f"string is {string!r}; it must lead to the end of the grammar")
    return float(np.prod([1 / len(grammar[state]) for state in passed[:-1]]))


def transition_matrix(grammar: Grammar = EMBEDDED_REBER) -> tuple[tuple[str, ...], Array]:
    """Return the grammar's states, "end" last, and M: the chance of each to follow each.

    Returns
    -------
    names
        The states.
    M
        Shape (states, states): ``M[i, j]`` is the probability to go from i to j in one symbol.
        The row of "end" is zero.
    """
    names = (*grammar, "end")
    M = np.zeros((len(names), len(names)))
    for state, arcs in grammar.items():
        for to in arcs.values():
            M[names.index(state), names.index(to)] += 1 / len(arcs)
    return names, M


def length_distribution(longest: int, grammar: Grammar = EMBEDDED_REBER) -> Array:
    """Return P(L = n) for n = 0 .. longest, shape (longest + 1,): `eq-length-distribution`."""
    names, M = transition_matrix(grammar)
    here = (np.array(names) == "start").astype(np.float64)
    found = []
    for _ in range(as_count("longest", longest) + 1):
        found.append(here[-1])
        here = here @ M
    return np.array(found)


def expected_length(grammar: Grammar = EMBEDDED_REBER) -> float:
    """Return the mean length of a string: `eq-expected-length`."""
    names, M = transition_matrix(grammar)
    inside = M[:-1, :-1]
    steps = np.linalg.solve(np.eye(len(inside)) - inside, np.ones(len(inside)))
    return float(steps[names.index("start")])


def lag(string: str) -> int:
    """Return for how many steps the second symbol must be kept until it is asked for.

    It is read at step 2, and the last symbol but one is step L - 1: `eq-reber-lag`.
    """
    return len(string) - 3


def twin(string: str) -> str:
    """Return the string with the outer T and P exchanged, the inner one the same."""
    other = {"T": "P", "P": "T"}[string[1]]
    return f"{string[0]}{other}{string[2:-2]}{other}{string[-1]}"


def next_probabilities(string: str, grammar: Grammar = EMBEDDED_REBER) -> Array:
    """Return the true probability of each next symbol after each symbol but the last.

    Returns
    -------
    probabilities
        Shape (length - 1, 7): the targets' conditional mean, which is what the least squared
        error asks of the outputs (`eq-best-output`).
    """
    after = states(grammar, string)[1:-1]
    probabilities = np.zeros((len(after), len(ALPHABET)))
    for t, state in enumerate(after):
        for symbol in grammar[state]:
            probabilities[t, ALPHABET.code(symbol)] = 1 / len(grammar[state])
    return probabilities


def least_loss(string: str, grammar: Grammar = EMBEDDED_REBER) -> float:
    """Return the loss of the true probabilities on a string: 1/4 for each two-way choice."""
    p = next_probabilities(string, grammar)
    return float(0.5 * (p * (1 - p)).sum())


def run(net: Topology, weights: Weights, string: str) -> Trace:
    """Return what a net does on a string, symbol by symbol, all but the last."""
    return forward(net, weights, prediction_sequence(string))


def right_steps(net: Topology, weights: Weights, string: str) -> BoolArray:
    """Return after which symbols the next one is legally predicted, shape (length - 1,)."""
    return legally_predicted(prediction_sequence(string), run(net, weights, string).outputs)


def wrong_share(net: Topology, weights: Weights, strings: Iterable[str]) -> dict[str, float]:
    """Return the share of wrong predictions after each symbol in each state.

    Keys are a symbol and the state it led to, for example "P to T: 3", in the grammar's order of
    states.
    """
    seen: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    for string in strings:
        after = states(EMBEDDED_REBER, string)[1:-1]
        right = right_steps(net, weights, string)
        for symbol, state, well in zip(string[:-1], after, right, strict=True):
            seen[f"{symbol} to {state}"] += 1
            wrong[f"{symbol} to {state}"] += not well
    order = list(EMBEDDED_REBER)
    places = sorted(seen, key=lambda place: (order.index(place.split(" to ")[1]), place))
    return {place: wrong[place] / seen[place] for place in places}


def kept_difference(net: Topology, weights: Weights, string: str) -> Array:
    """Return how far each cell's state on a string is from its state on the twin string.

    Returns
    -------
    difference
        Shape (length - 1, n_cells): s on the T-string less s on the P-string, the inner string
        being the same (`eq-kept-bit`).
    """
    t_string = string if string[1] == "T" else twin(string)
    with_t = run(net, weights, t_string).s[1:]
    difference: Array = with_t - run(net, weights, twin(t_string)).s[1:]
    return difference


def bit_cells(net: Topology, weights: Weights, strings: Iterable[str]) -> Array:
    """Return for each cell on how many strings its state alone tells T from P when it is asked.

    A threshold is set halfway between the cell's mean state on the T- and on the P-strings.

    Returns
    -------
    share
        Shape (n_cells,), 0.5 for a cell that tells nothing.
    """
    given = list(strings)
    s = np.array([run(net, weights, each).s[len(each) - 2] for each in given])
    is_t = np.array([each[1] == "T" for each in given])
    if is_t.all() or not is_t.any():
        raise ValueError("strings has only one of the two branches; both are needed")
    high, low = s[is_t].mean(axis=0), s[~is_t].mean(axis=0)
    says_t = (s > (high + low) / 2) == (high > low)
    share: Array = (says_t == is_t[:, None]).mean(axis=0)
    return share


def strings_of(batch: Iterable[Sequence]) -> list[str]:
    """Return the strings of a training or test set."""
    found = []
    for each in batch:
        codes = np.append(np.asarray(each.inputs, dtype=np.int64), np.argmax(each.targets[-1]))
        found.append("".join(ALPHABET.decode(codes)))
    return found
