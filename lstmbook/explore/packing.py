"""The answers to every setting of a grid in one text that a page can carry.

The text is base64 of gzip of: the length of a JSON header (4 bytes, little-endian), the
header, and the numbers. The header holds

- "shape": the number of settings of each control (the last control varies fastest);
- "structures": the distinct structures of the pictures (see `wire.split`), each with its
  "arrays" and "values"; "which": the structure of every point of the grid;
- "domains": the ends of the axes (see `domains`).

Every distinct array of a slot is stored once. A slot stores 16-bit whole numbers q that stand
for ``lo + q * step`` (65535: not a number), or for ten to that power where the axis is
logarithmic; integers are exact. Slots of few numbers hold them as float64. Texts and single
numbers are stored as they are.
"""

from __future__ import annotations

import base64
import gzip
import json
import math
import struct
import zlib
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from lstmbook.explore.domains import Domains
from lstmbook.explore.wire import Array, Tree, join, split

MISSING: Final = 65535
N_LEVELS: Final = 65534
MAX_EXACT: Final = 256  # numbers in a slot that is stored as float64
REACH: Final = 4.0  # axis lengths beyond a given end that a number is followed


def pack(trees: Sequence[Tree], shape: Sequence[int], domains: Domains) -> str:
    """Return `trees` (described pictures, one a point of the grid) as base64 text."""
    if math.prod(shape) != len(trees):
        raise ValueError(f"shape is {tuple(shape)}; its product must be {len(trees)}")
    structures: dict[str, list[tuple[int, list[tuple[str, Array]], list[Any]]]] = {}
    for point, tree in enumerate(trees):
        structure, arrays, values = split(tree)
        key = json.dumps(structure, separators=(",", ":"), ensure_ascii=False)
        structures.setdefault(key, []).append((point, arrays, values))
    limits, logs = _limits(trees)
    blobs = _Blobs()
    which = [0] * len(trees)
    out = []
    for s, (key, members) in enumerate(structures.items()):
        for point, _, _ in members:
            which[point] = s
        n_arrays, n_values = len(members[0][1]), len(members[0][2])
        slots = [
            _array_slot(
                [arrays[i][1] for _, arrays, _ in members],
                members[0][1][i][0],
                limits,
                logs,
                blobs,
            )
            for i in range(n_arrays)
        ]
        texts = [
            _value_slot([values[j] for _, _, values in members], blobs) for j in range(n_values)
        ]
        out.append({"tree": json.loads(key), "arrays": slots, "values": texts})
    header = {
        "v": 1,
        "shape": list(shape),
        "structures": out,
        "which": blobs.add_indices(which) if len(out) > 1 else None,
        "domains": domains,
    }
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
    text += b" " * (-(len(text) + 4) % 8)  # so that float64 slots lie on multiples of 8
    packed = gzip.compress(
        struct.pack("<I", len(text)) + text + blobs.bytes(), compresslevel=9, mtime=0
    )
    return base64.b64encode(packed).decode("ascii")


def unpack(text: str) -> tuple[list[Tree], list[int], Domains]:
    """Return the trees, the shape and the domains of a packed grid: what the script does."""
    raw = gzip.decompress(base64.b64decode(text))
    (n,) = struct.unpack("<I", raw[:4])
    header, body = json.loads(raw[4 : 4 + n]), raw[4 + n :]
    n_points = math.prod(header["shape"])
    which = _read_indices(header["which"], body, n_points) or [0] * n_points
    decoded = []
    for s, structure in enumerate(header["structures"]):
        count = which.count(s)
        arrays = [_read_array_slot(slot, body, count) for slot in structure["arrays"]]
        values = [_read_value_slot(slot, body, count) for slot in structure["values"]]
        decoded.append((structure["tree"], arrays, values))
    taken = [0] * len(decoded)
    trees = []
    for s in which:
        tree, arrays, values = decoded[s]
        k = taken[s]
        taken[s] += 1
        trees.append(join(tree, [slot[k] for slot in arrays], [slot[k] for slot in values]))
    return trees, header["shape"], header["domains"]


class _Blobs:
    """Bytes after the header; every piece starts on a multiple of 8."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._length = 0

    def add(self, piece: bytes) -> int:
        """Append `piece` and return where it starts."""
        start = self._length
        padded = piece + b"\0" * (-len(piece) % 8)
        self._pieces.append(padded)
        self._length += len(padded)
        return start

    def add_indices(self, indices: Sequence[int]) -> int:
        """Append whole numbers below 65536."""
        return self.add(np.asarray(indices, dtype="<u2").tobytes())

    def bytes(self) -> bytes:
        """Return all pieces."""
        return b"".join(self._pieces)


def _limits(trees: Sequence[Tree]) -> tuple[dict[str, tuple[float, float]], set[str]]:
    """Return how far numbers along an axis of given ends need to be followed; the log axes."""
    ends: dict[str, tuple[list[float | None], list[float | None]]] = {}
    logs: set[str] = set()
    linear: set[str] = set()
    for tree in trees:
        for p, plot in enumerate(tree["plots"]):
            for axis in "xy":
                place = f"{p}.{axis}"
                (logs if plot[axis]["scale"] == "log" else linear).add(place)
                lows, highs = ends.setdefault(place, ([], []))
                lows.append(plot[axis]["low"])
                highs.append(plot[axis]["high"])
    logs -= linear
    out = {}
    for place, (lows, highs) in ends.items():
        given_lows = [end for end in lows if end is not None]
        given_highs = [end for end in highs if end is not None]
        if len(given_lows) < len(lows) or len(given_highs) < len(highs):
            continue
        low, high = min(given_lows), max(given_highs)
        if place in logs:
            low, high = math.log10(low), math.log10(high)
        reach = REACH * (high - low)
        out[place] = (low - reach, high + reach)
    return out, logs


def _distinct(keys: Sequence[Any]) -> tuple[list[int], list[int]]:
    """Return the first place of each distinct key, and for every key which of them it is."""
    seen: dict[Any, int] = {}
    first: list[int] = []
    at: list[int] = []
    for place, key in enumerate(keys):
        if key not in seen:
            seen[key] = len(first)
            first.append(place)
        at.append(seen[key])
    return first, at


def _at(at: list[int], n_distinct: int, blobs: _Blobs) -> int | None:
    """Store which distinct entry each point has, unless that is plain from the counts."""
    return None if n_distinct in (1, len(at)) else blobs.add_indices(at)


def _array_slot(
    arrays: Sequence[Array],
    role: str,
    limits: dict[str, tuple[float, float]],
    logs: set[str],
    blobs: _Blobs,
) -> Tree:
    first, at = _distinct([array.tobytes() for array in arrays])
    distinct = [arrays[i] for i in first]
    lengths = [array.size for array in distinct]
    numbers = np.concatenate(distinct) if distinct else np.zeros(0)
    slot: Tree = {"n": lengths[0] if len(set(lengths)) == 1 else lengths, "k": len(distinct)}
    finite = numbers[np.isfinite(numbers)]
    whole = bool((finite == np.round(finite)).all()) and bool((np.abs(finite) < 1e9).all())
    span = float(finite.max() - finite.min()) if finite.size else 0.0
    if whole and span <= N_LEVELS:
        slot.update(_levels(numbers, float(finite.min()) if finite.size else 0.0, 1.0, blobs))
    elif numbers.size <= MAX_EXACT:
        slot["f"] = blobs.add(numbers.astype("<f8").tobytes())
    else:
        if role in logs:
            slot["log"] = 1
            with np.errstate(divide="ignore", invalid="ignore"):
                numbers = np.where(numbers > 0, np.log10(numbers), np.nan)
        if role in limits:
            numbers = np.clip(numbers, *limits[role])
        finite = numbers[np.isfinite(numbers)]
        low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 0.0)
        slot.update(_levels(numbers, low, (high - low) / N_LEVELS, blobs))
    slot["at"] = _at(at, len(distinct), blobs)
    return slot


def _levels(numbers: Array, low: float, step: float, blobs: _Blobs) -> Tree:
    """Store numbers as 16-bit levels, as differences where that compresses better."""
    levels = np.full(numbers.shape, MISSING, dtype=np.uint16)
    kept = np.isfinite(numbers)
    if step > 0:
        levels[kept] = np.clip(np.rint((numbers[kept] - low) / step), 0, N_LEVELS)
    else:
        levels[kept] = 0
    steps = np.diff(levels, prepend=np.uint16(0))
    plain, differences = _shuffle(levels), _shuffle(steps)
    smaller = len(zlib.compress(differences, 6)) < len(zlib.compress(plain, 6))
    return {
        "lo": low,
        "s": step,
        "d": int(smaller),
        "q": blobs.add(differences if smaller else plain),
    }


def _shuffle(levels: np.ndarray[Any, np.dtype[np.uint16]]) -> bytes:
    """Return all low bytes, then all high bytes."""
    return (levels & 255).astype(np.uint8).tobytes() + (levels >> 8).astype(np.uint8).tobytes()


def _value_slot(values: Sequence[Any], blobs: _Blobs) -> Tree:
    keys = [json.dumps(value, ensure_ascii=False, allow_nan=False) for value in values]
    first, at = _distinct(keys)
    return {"v": [values[i] for i in first], "at": _at(at, len(first), blobs)}


def _read_indices(start: int | None, body: bytes, count: int) -> list[int] | None:
    if start is None:
        return None
    return [int(i) for i in np.frombuffer(body, "<u2", count, start)]


def _read_array_slot(slot: Tree, body: bytes, count: int) -> list[Array]:
    k = slot["k"]
    lengths = slot["n"] if isinstance(slot["n"], list) else [slot["n"]] * k
    total = sum(lengths)
    if "f" in slot:
        numbers = np.frombuffer(body, "<f8", total, slot["f"]).copy()
    else:
        low = np.frombuffer(body, np.uint8, total, slot["q"]).astype(np.uint16)
        high = np.frombuffer(body, np.uint8, total, slot["q"] + total).astype(np.uint16)
        levels = low + (high << 8)
        if slot["d"]:
            levels = np.cumsum(levels, dtype=np.uint16)
        numbers = np.where(levels == MISSING, np.nan, slot["lo"] + slot["s"] * levels)
        if slot.get("log"):
            numbers = 10.0**numbers
    distinct = np.split(numbers, np.cumsum(lengths)[:-1]) if k else []
    at = _read_indices(slot["at"], body, count) or ([0] * count if k == 1 else list(range(count)))
    return [distinct[i] for i in at]


def _read_value_slot(slot: Tree, body: bytes, count: int) -> list[Any]:
    values = slot["v"]
    n = len(values)
    at = _read_indices(slot["at"], body, count) or ([0] * count if n == 1 else list(range(count)))
    return [values[i] for i in at]
