"""Random numbers of trials: counted, so that anyone can draw the i-th one alone.

Draw i of a stream is splitmix64's output function applied to ``key + (i + 1) * GOLDEN``, all
modulo 2**64. A trial has three streams, for its initial weights, for its sequences, and for its
test set if there is one, each with a key made from the trial's seed: a trial's bits depend on its
seed and on nothing else.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from lstmbook.validation import Array, as_count

Words = npt.NDArray[np.uint64]

MASK = (1 << 64) - 1
GOLDEN = 0x9E3779B97F4A7C15
MIX_1 = 0xBF58476D1CE4E5B9
MIX_2 = 0x94D049BB133111EB
STREAMS = {"weights": 1, "sequences": 2, "test": 3, "evaluation": 4}


def mix(word: int) -> int:
    """Return splitmix64's scrambling of a 64-bit word (a bijection)."""
    word = ((word ^ (word >> 30)) * MIX_1) & MASK
    word = ((word ^ (word >> 27)) * MIX_2) & MASK
    return word ^ (word >> 31)


def stream_key(seed: int, stream: str) -> int:
    """Return the key of a stream: "weights", "sequences", "test" or "evaluation"."""
    seed = as_count("seed", seed, at_most=MASK)
    return mix((mix((seed + GOLDEN) & MASK) + STREAMS[stream] * MIX_1) & MASK)


def word(key: int, i: int) -> int:
    """Return the i-th 64-bit draw of a stream (the first is number 0)."""
    return mix((key + (i + 1) * GOLDEN) & MASK)


def below(draw: int, n: int) -> int:
    """Return a whole number from 0 to n - 1 made from a draw's upper 32 bits."""
    return ((draw >> 32) * n) >> 32


def fraction(draw: int) -> float:
    """Return a number in [0, 1) made from a draw's upper 53 bits."""
    return (draw >> 11) * 2.0**-53


def fractions(key: int, n: int) -> Array:
    """Return the first n draws of a stream as numbers in [0, 1), shape (n,)."""
    return (words(key, np.arange(n)) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def words(key: int, i: npt.NDArray[np.int64]) -> Words:
    """Return draws number i of a stream, in the shape of `i`."""
    with np.errstate(over="ignore"):
        z: Words = (i.astype(np.uint64) + np.uint64(1)) * np.uint64(GOLDEN) + np.uint64(key)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(MIX_1)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(MIX_2)
        return z ^ (z >> np.uint64(31))


class Stream:
    """A stream read one draw after the other.

    Attributes
    ----------
    key
        Which stream.
    position
        The number of the next draw.
    """

    def __init__(self, key: int, position: int = 0) -> None:
        self.key = as_count("key", key, at_most=MASK)
        self.position = as_count("position", position)

    def words(self, n: int) -> Words:
        """Return the next n draws, shape (n,)."""
        found = words(self.key, np.arange(self.position, self.position + n))
        self.position += n
        return found

    def word(self) -> int:
        """Return the next draw."""
        self.position += 1
        return word(self.key, self.position - 1)

    def below(self, n: int) -> int:
        """Return a whole number from 0 to n - 1."""
        return below(self.word(), n)

    def fraction(self) -> float:
        """Return a number in [0, 1)."""
        return fraction(self.word())


def as_stream(rng: np.random.Generator | Stream) -> Stream:
    """Return a stream of draws: itself, or a new one that a generator's next draw begins.

    Raises
    ------
    TypeError
        If it is neither.
    """
    if isinstance(rng, Stream):
        return rng
    if not isinstance(rng, np.random.Generator):
        raise TypeError(f"rng must be a Generator of NumPy or a Stream, not {rng!r}")
    return Stream(int(rng.integers(2**64, dtype=np.uint64)))
