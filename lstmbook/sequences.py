"""What a task hands to a learner: named symbols, sequences, and batches of them.

A sequence's arrays have one row for each of the steps 1 .. T. Traces have T + 1 rows, row 0
being the start; row t of a trace belongs to row t - 1 here.

All learners of a task share its sequences, so the arrays of a sequence or batch cannot be
written to: whoever wants others takes a copy.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from collections.abc import Sequence as PythonSequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from lstmbook.validation import Array, as_array, as_count

IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
AnyArray = TypeVar("AnyArray", bound=npt.NDArray[Any])


def freeze(fresh: AnyArray) -> AnyArray:
    """Make an array read-only that nobody else holds, and return it."""
    fresh.setflags(write=False)
    return fresh


def read_only(array: AnyArray) -> AnyArray:
    """Return the array if nobody can write to its numbers, otherwise a read-only copy.

    A writable view that was taken before the array was made read-only goes unseen.
    """
    if not array.flags.writeable:
        owner: object = array if array.base is None else array.base
        if isinstance(owner, np.ndarray) and owner.base is None and not owner.flags.writeable:
            return array
    return freeze(array.copy())


def as_codes(name: str, value: Any, n: int) -> IntArray:
    """Return `value` as the numbers of some of n symbols, shape (length,).

    Raises
    ------
    TypeError
        If they are not whole numbers in a row.
    ValueError
        If one is negative, or n or more.
    """
    given = np.asarray(value)
    if given.ndim != 1 or (given.dtype.kind not in "iu" and given.size):
        raise TypeError(f"{name} must be whole numbers from 0 to {n - 1}, not {value!r}")
    codes: IntArray = given.astype(np.int64, copy=False)
    # without their sign, negative numbers are the largest
    if codes.size and codes.view(np.uint64).max() >= n:
        t = int(np.flatnonzero((given < 0) | (given >= n))[0])
        raise ValueError(f"{name}[{t}] is {given[t]}; it must be from 0 to {n - 1}")
    return codes


def as_choice(name: str, value: object, allowed: PythonSequence[str]) -> str:
    """Return `value` if it is one of the allowed words.

    Raises
    ------
    ValueError
        If it is none of them.
    """
    if not isinstance(value, str) or value not in allowed:
        raise ValueError(f"{name} is {value!r}; it must be one of {', '.join(map(repr, allowed))}")
    return value


@dataclass(frozen=True)
class Alphabet:
    """Symbols with names; symbol number i is represented by the i-th unit vector ("locally").

    Attributes
    ----------
    symbols
        The names in the order of the input units, all different.
    """

    symbols: tuple[str, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "symbols", tuple(self.symbols))
        if not self.symbols:
            raise ValueError("symbols is empty; an alphabet has at least one symbol")
        if len(set(self.symbols)) != len(self.symbols):
            raise ValueError(f"symbols {self.symbols} has a name twice; each must differ")

    def __len__(self) -> int:
        return len(self.symbols)

    def code(self, symbol: str) -> int:
        """Return the number of a symbol.

        Raises
        ------
        ValueError
            If there is no symbol of that name.
        """
        if symbol not in self.symbols:
            shown = ", ".join(self.symbols[:12]) + (", ..." if len(self) > 12 else "")
            raise ValueError(f"symbol is {symbol!r}; the alphabet has {shown}")
        return self.symbols.index(symbol)

    def encode(self, word: Iterable[str]) -> IntArray:
        """Return the numbers of a word's symbols, shape (length,)."""
        return np.array([self.code(symbol) for symbol in word], dtype=np.int64)

    def decode(self, codes: Iterable[int]) -> tuple[str, ...]:
        """Return the names of symbols given by number.

        Raises
        ------
        TypeError, ValueError
            If one is not a whole number, or there is no symbol of that number.
        """
        given = codes if isinstance(codes, np.ndarray) else list(codes)
        return tuple(self.symbols[code] for code in as_codes("codes", given, len(self)).tolist())

    def one_hot(self, codes: IntArray) -> Array:
        """Return unit vectors, shape (length, number of symbols)."""
        return one_hot(codes, len(self))


def one_hot(codes: IntArray, n: int) -> Array:
    """Return row t = the `codes[t]`-th of n unit vectors, shape (length, n).

    Raises
    ------
    TypeError, ValueError
        If a code is not a whole number, or not from 0 to n - 1.
    """
    return _unit_vectors(as_codes("codes", codes, n), n)


def _unit_vectors(codes: IntArray, n: int) -> Array:
    vectors = np.zeros((len(codes), n))
    vectors[np.arange(len(codes)), codes] = 1.0
    return vectors


@dataclass(frozen=True)
class Sequence:
    """One sequence: inputs, targets, and the steps at which an error is injected.

    Its arrays are read-only; an array that is given and could still be written to is copied.

    Attributes
    ----------
    inputs
        Symbol numbers, integers of shape (T,), or real vectors, shape (T, n_inputs).
    targets
        What the outputs should be, shape (T, n_outputs); NaN rows where there is nothing to say.
    mask
        Bools of shape (T,): True at the steps whose error is injected. A target without its
        step in the mask may still be judged by a criterion.
    n_inputs
        The number of input lines (for symbols, the size of the alphabet).

    Raises
    ------
    TypeError
        If inputs are not numbers, or the mask is not bools.
    ValueError
        If lengths differ, a symbol is out of range, or a counted step has no target.
    """

    inputs: IntArray | Array
    targets: Array
    mask: BoolArray
    n_inputs: int

    def __post_init__(self) -> None:
        n = as_count("n_inputs", self.n_inputs, at_least=1)
        inputs = np.asarray(self.inputs)
        if inputs.ndim == 1 and inputs.dtype.kind in "iu":
            inputs = as_codes("inputs", inputs, n)
        else:
            inputs = as_array("inputs", inputs, (None, n))
        T = len(inputs)
        targets = np.asarray(self.targets, dtype=np.float64)
        mask = np.asarray(self.mask)
        if T == 0:
            raise ValueError("inputs has no steps; a sequence has at least one")
        if mask.dtype.kind != "b":
            raise TypeError(f"mask must be an array of bools, not {self.mask!r}")
        if targets.ndim != 2 or len(targets) != T:
            raise ValueError(f"targets has shape {targets.shape}; it must have {T} rows")
        if mask.shape != (T,):
            raise ValueError(f"mask has shape {mask.shape}; it must have shape {(T,)}")
        if not np.isfinite(targets[mask]).all():
            step = int(np.flatnonzero(mask & ~np.isfinite(targets).all(axis=1))[0])
            raise ValueError(f"targets[{step}] is {targets[step]} but mask counts that step")
        object.__setattr__(self, "inputs", read_only(inputs))
        object.__setattr__(self, "targets", read_only(targets))
        object.__setattr__(self, "mask", read_only(mask))

    def __reduce__(self) -> tuple[Any, ...]:
        # made anew where it is unpickled, for pickled arrays come back writable
        return type(self), (self.inputs, self.targets, self.mask, self.n_inputs)

    def __len__(self) -> int:
        return len(self.inputs)

    @property
    def n_outputs(self) -> int:
        """The number of outputs with targets."""
        return int(self.targets.shape[1])

    @property
    def symbolic(self) -> bool:
        """Whether the inputs are symbol numbers rather than vectors."""
        return self.inputs.ndim == 1

    @property
    def x(self) -> Array:
        """The inputs as vectors, shape (T, n_inputs): unit vectors for symbols."""
        if self.inputs.ndim == 1:
            return _unit_vectors(np.asarray(self.inputs, dtype=np.int64), self.n_inputs)
        return np.asarray(self.inputs, dtype=np.float64)


def errors(sequence: Sequence, outputs: Array) -> Array:
    """Return e(t) = d(t) - y(t) at the steps that count and 0 elsewhere, shape (T, n_outputs)."""
    e = sequence.targets - as_outputs(sequence, outputs)
    return np.where(sequence.mask[:, None], e, 0.0)


def loss(sequence: Sequence, outputs: Array) -> float:
    """Return E = half the sum of squared errors over the steps that count."""
    return float(0.5 * (errors(sequence, outputs) ** 2).sum())


def as_outputs(sequence: Sequence, outputs: Array) -> Array:
    """Return `outputs` if it has the shape of the sequence's targets (not checked: finite).

    Raises
    ------
    ValueError
        If the shape differs.
    """
    outputs = np.asarray(outputs, dtype=np.float64)
    if outputs.shape != sequence.targets.shape:
        raise ValueError(
            f"outputs has shape {outputs.shape}; it must have shape {sequence.targets.shape}"
        )
    return outputs


@dataclass(frozen=True)
class Batch:
    """Sequences laid end to end in flat arrays: a training or test set.

    Its arrays are read-only, as those of a `Sequence` are; its sequences are views of them.

    Attributes
    ----------
    inputs, targets, mask
        As in `Sequence`, the sequences' rows one after the other.
    starts
        Sequence i has the rows ``starts[i]`` to ``starts[i + 1]``; shape (n_sequences + 1,).
    n_inputs
        The number of input lines.
    """

    inputs: IntArray | Array
    targets: Array
    mask: BoolArray
    starts: IntArray
    n_inputs: int

    def __post_init__(self) -> None:
        for name in ("inputs", "targets", "mask", "starts"):
            object.__setattr__(self, name, read_only(np.asarray(getattr(self, name))))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.inputs, self.targets, self.mask, self.starts, self.n_inputs)

    @classmethod
    def of(cls, sequences: Iterable[Sequence]) -> Batch:
        """Return the batch of some sequences.

        Raises
        ------
        ValueError
            If there is none, or they differ in kind, inputs or outputs.
        """
        items = list(sequences)
        if not items:
            raise ValueError("sequences is empty; a batch has at least one")
        kinds = {(each.n_inputs, each.n_outputs, each.symbolic) for each in items}
        if len(kinds) > 1:
            raise ValueError(
                f"sequences mixes (n_inputs, n_outputs, symbolic) = {sorted(kinds)}; "
                "all must have the same"
            )
        return cls(
            inputs=np.concatenate([each.inputs for each in items]),
            targets=np.concatenate([each.targets for each in items]),
            mask=np.concatenate([each.mask for each in items]),
            starts=np.concatenate([[0], np.cumsum([len(each) for each in items])]),
            n_inputs=items[0].n_inputs,
        )

    def __len__(self) -> int:
        return len(self.starts) - 1

    def __getitem__(self, i: int) -> Sequence:
        if not 0 <= i < len(self):
            raise IndexError(f"i is {i}; the batch has sequences 0 to {len(self) - 1}")
        rows = slice(int(self.starts[i]), int(self.starts[i + 1]))
        return Sequence(self.inputs[rows], self.targets[rows], self.mask[rows], self.n_inputs)

    def __iter__(self) -> Iterator[Sequence]:
        return (self[i] for i in range(len(self)))
