"""Numbers with names: blocks, whose fields have shapes that are known when code is compiled.

A `Layout` says where the fields of a block stand in a flat array, `view` reads an array as such a
block: ``S = view(layout, array, place)``. Then ``S.W[u, m]`` is a number, ``S.loss`` too (a field
without shape), and both can be set. What is read is a copy, as a number is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from lstmbook.lanes.words import Constants, Number, seldom

Memory = npt.NDArray[Any]
CELL = 16
"""Blocks that lie side by side begin at multiples of so many numbers: whole vectors."""


@dataclass(frozen=True)
class Field:
    """One field of a layout.

    Attributes
    ----------
    shape
        How many numbers it has; () for one.
    width
        Each stands for so many trials (or neighbours) side by side; 0 for one number alone.
    kind
        "number" (of the learner's precision), or in a block of 8-byte cells "whole" or "real".
    """

    shape: tuple[int, ...] = ()
    width: int = 0
    kind: str = "number"

    @property
    def count(self) -> int:
        """How many places it takes."""
        return prod(self.shape) * max(self.width, 1)


def number(width: int, *shape: int) -> Field:
    """Return a field of numbers, each for `width` trials or neighbours."""
    return Field(shape, width)


def whole(*shape: int) -> Field:
    """Return a field of whole numbers (of 64 bits)."""
    return Field(shape, 0, "whole")


def real(*shape: int) -> Field:
    """Return a field of float64."""
    return Field(shape, 0, "real")


TAKEN = ("array", "lane", "layout", "place", "values")
"""Names that fields cannot have: attributes of a `Block`."""


@dataclass(frozen=True)
class Layout:
    """Where the fields of a block stand, one after the other.

    Attributes
    ----------
    dtype
        The array's dtype: "float32" or "float64", or "int64" for fields that are whole or real.
    names, fields
        The fields in their order.
    aliases
        Further names of fields: (name, name of the field).
    """

    dtype: str
    names: tuple[str, ...]
    fields: tuple[Field, ...]
    aliases: tuple[tuple[str, str], ...] = ()

    def __post_init__(self) -> None:
        for name in self.names:
            if name in TAKEN:
                raise ValueError(f"a field is called {name!r}, which blocks call something else")

    @classmethod
    def of(cls, dtype: str, fields: Mapping[str, Field | str]) -> Layout:
        """Return the layout of fields by name; a text in place of one makes a further name."""
        own = {name: each for name, each in fields.items() if isinstance(each, Field)}
        aliases = tuple((name, each) for name, each in fields.items() if isinstance(each, str))
        return cls(dtype, tuple(own), tuple(own.values()), aliases)

    @cached_property
    def places(self) -> dict[str, tuple[int, Field]]:
        """Of each name, where its field begins, and the field."""
        found, end = {}, 0
        for name, each in zip(self.names, self.fields, strict=True):
            found[name] = end, each
            end += each.count
        return found | {name: found[other] for name, other in self.aliases}

    @cached_property
    def size(self) -> int:
        """How many places a block takes."""
        return sum(each.count for each in self.fields)

    def start(self, name: str) -> int:
        """Return where a field begins."""
        return self.places[name][0]

    def stop(self, name: str) -> int:
        """Return where a field ends."""
        first, each = self.places[name]
        return first + each.count

    def memory(self, blocks: int = 1) -> Memory:
        """Return zeros for so many blocks, which begin at a cache line."""
        return aligned(blocks * self.size, self.dtype)


def aligned(count: int, dtype: str) -> Memory:
    """Return `count` zeros (at least one) that begin at a cache line."""
    size = np.dtype(dtype).itemsize
    raw = np.zeros(max(count, 1) + 64 // size + 1, dtype=dtype)
    first = (-raw.ctypes.data % 64) // size
    return raw[first : first + max(count, 1)]


class Part:
    """A field of a block, by number: what is read is a copy."""

    __slots__ = ("values",)

    def __init__(self, values: Memory) -> None:
        self.values = values

    def __getitem__(self, index: Any) -> Any:
        found = self.values[index]
        return found.copy() if found.ndim else found

    def __setitem__(self, index: Any, value: Any) -> None:
        self.values[index] = value


class Block:
    """An array read as a block of named fields.

    Attributes
    ----------
    layout, array, place
        How, of what, and from where on.
    lane
        The trial whose numbers it gives; all side by side if None.
    """

    __slots__ = ("array", "lane", "layout", "place")

    def __init__(self, layout: Layout, array: Memory, place: int, lane: int | None = None) -> None:
        for name, value in (("layout", layout), ("array", array), ("place", int(place))):
            object.__setattr__(self, name, value)
        object.__setattr__(self, "lane", lane)

    def values(self, name: str) -> Memory:
        """Return a field's numbers, as a view: its shape, and an axis more if they are wide."""
        if name not in self.layout.places:
            raise AttributeError(f"the block has {', '.join(self.layout.names)}; not {name}")
        first, field = self.layout.places[name]
        part: Memory = self.array[self.place + first : self.place + first + field.count]
        if field.kind == "real":
            part = part.view(np.float64)
        shape = (*field.shape, field.width) if field.width else field.shape
        part = part.reshape(shape)
        if self.lane is not None and field.width:
            part = part[..., self.lane]
        return part

    def __getattr__(self, name: str) -> Any:
        values = self.values(name)
        if self.layout.places[name][1].shape:
            return Part(values)
        return values.copy() if values.ndim else values[()]

    def __setattr__(self, name: str, value: Any) -> None:
        self.values(name)[...] = value


def view(layout: Layout, array: Memory, place: int) -> Block:
    """Return the block of this layout at a place of an array."""
    return Block(layout, array, place)


def one_lane(block: Block, lane: int) -> Block:
    """Return the same block as single numbers: those of one trial."""
    return Block(block.layout, block.array, block.place, lane)


@dataclass(frozen=True)
class Mover(Constants):
    """Moves numbers first .. first + count of many lanes' records to rows of lanes, and back.

    A record is what stands side by side in memory for one lane; a row holds the same number of
    all lanes.

    Attributes
    ----------
    dtype, lanes
        Of what, and how many.
    first, count
        Which numbers of a record.
    """

    dtype: str
    lanes: int
    first: int
    count: int

    @property
    def square(self) -> int:
        """So many lanes are turned at a time: a vector's width."""
        return min(64 // np.dtype(self.dtype).itemsize, self.lanes & -self.lanes)

    @property
    def pieces(self) -> tuple[tuple[int, int], ...]:
        """The numbers in pieces (first, width); widths are powers of two."""
        found, at = [], 0
        while at < self.count:
            width = min(self.square, 1 << (self.count - at - 1).bit_length())
            if width > 4 and self.count - at <= width // 2 + width // 4:
                width //= 2
            found.append((at, width))
            at += width
        return tuple(found)

    @property
    def end(self) -> int:
        """Up to where a record is written: a piece's last numbers may be zeros beyond the count."""
        return self.first + (sum(self.pieces[-1]) if self.pieces else 0)


def collect(mover: Mover, rows: Memory, records: Memory, places: Memory, at: int) -> None:
    """Bring numbers of each lane's record to rows: the record of lane i begins at places[at + i].

    The rows begin where the first number of a record belongs.
    """
    numbers = np.arange(mover.first, mover.first + mover.count)
    starts = places[at : at + mover.lanes]
    rows.reshape(-1, mover.lanes)[numbers] = records[starts[None, :] + numbers[:, None]]


def deliver(mover: Mover, rows: Memory, records: Memory, places: Memory, at: int) -> None:
    """Bring rows back to the records they were collected from."""
    numbers = np.arange(mover.first, mover.first + mover.count)
    starts = places[at : at + mover.lanes]
    records[starts[None, :] + numbers[:, None]] = rows.reshape(-1, mover.lanes)[numbers]


def up_to(count: int, multiple: int = CELL) -> int:
    """Return the least multiple that is at least `count`."""
    return -(-count // multiple) * multiple


@seldom
def clear(array: Memory, first: int, stop: int, step: int) -> None:
    """Set every `step`-th number from the first on to zero."""
    for i in range(first, stop, step):
        array[i] = 0


WORDS: tuple[Callable[..., Any], ...] = (view, one_lane, collect, deliver)

__all__ = ["CELL", "WORDS", "Block", "Field", "Layout", "Memory", "Mover", "Number", "aligned",
           "clear", "collect", "deliver", "number", "one_lane", "real", "up_to", "view",
           "whole"]  # fmt: skip
