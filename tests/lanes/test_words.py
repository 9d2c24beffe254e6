"""The words of lane code mean the same to the compiler as to NumPy."""

from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lstmbook import squashing
from lstmbook.lanes.blocks import (
    Layout,
    Mover,
    aligned,
    collect,
    deliver,
    number,
    one_lane,
    real,
    view,
    whole,
)
from lstmbook.lanes.draws import Stream
from lstmbook.lanes.specialise import compile_function
from lstmbook.lanes.squash import KINDS, squash
from lstmbook.lanes.words import (
    PRECISION,
    Constants,
    absolute,
    below,
    count_from,
    exponent,
    fma,
    fraction,
    lane,
    larger,
    largest,
    like,
    power_of_two,
    put,
    root,
    smaller,
    total,
    where,
    word,
)
from lstmbook.lanes.words import real as float_of

DTYPES = ("float32", "float64")
pytest.importorskip("numba")


class Arrays(NamedTuple):
    numbers: Any
    wholes: Any
    reals: Any


@dataclass(frozen=True)
class Case(Constants):
    dtype: str
    width: int
    kind: int = 0

    @property
    def block(self) -> Layout:
        fields = {"a": number(self.width), "b": number(self.width), "c": number(self.width)}
        return Layout.of(self.dtype, fields | {"out": number(self.width, 20)})

    @property
    def plan(self) -> Layout:
        return Layout.of("int64", {"key": whole(), "count": whole(2, 2), "share": real()})

    def arrays(self, seed=0, scale=3.0):
        rng = np.random.default_rng(seed)
        numbers = self.block.memory()
        block = view(self.block, numbers, 0)
        for name in "abc":
            block.values(name)[...] = rng.normal(0, scale, self.width)
        return Arrays(numbers, aligned(64, "int64"), aligned(64, "float64"))


def both(function, case, arrays):
    """Return a lane function's arrays after it ran in NumPy, and after it ran compiled."""
    ours = Arrays(*(each.copy() for each in arrays))
    theirs = Arrays(*(aligned(len(each), each.dtype.name) for each in arrays))
    for mine, given_ in zip(theirs, arrays, strict=True):
        mine[:] = given_
    with np.errstate(all="ignore"):
        function(case, ours)
    compile_function(function, case, theirs)()
    return ours, theirs


@lane
def arithmetic(case: Any, A: Any) -> None:
    S = view(case.block, A.numbers, 0)
    S.out[0], S.out[1], S.out[2], S.out[3] = S.a + S.b, S.a - 2.0, 3 * S.b, S.a / S.b
    S.out[4] = -S.a
    S.out[5] = where(S.a > S.b, S.a, 0.0)
    S.out[6] = where((S.a <= S.b) | (S.c == S.c), S.c, -1.0)
    S.out[7] = where((S.a >= 0.0) & (S.b < 1.0), S.a, S.c)
    S.out[8], S.out[9] = larger(S.a, S.b), smaller(S.a, S.b)
    S.out[10], S.out[11] = absolute(S.a), like(S.a, 0.1)
    S.out[15] = where(~(S.a > S.b) & (S.a != S.b), S.a, 7.0)
    x = S.a
    x += S.b
    x *= 0.5
    S.out[12] = x
    mine = one_lane(S, case.width - 1)
    S.out[13] = mine.a * S.b  # one trial's number beside many
    mine.out[14] = mine.a + mine.b


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("width", [1, 3, 8, 32])
def test_arithmetic_and_choices(dtype, width):
    case = Case(dtype, width)
    arrays = case.arrays()
    odd = view(case.block, arrays.numbers, 0)
    for name, values in (("a", [np.nan, 1.0, -0.0]), ("b", [1.0, np.nan, np.inf])):
        odd.values(name)[: min(width, 3)] = values[: min(width, 3)]
    ours, theirs = both(arithmetic, case, arrays)
    np.testing.assert_array_equal(ours.numbers, theirs.numbers)
    assert np.signbit(ours.numbers).tolist() == np.signbit(theirs.numbers).tolist()


@lane
def fused(case: Any, A: Any) -> None:
    S = view(case.block, A.numbers, 0)
    S.out[0] = fma(S.a, S.b, S.c)


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_multiply_add_is_rounded_once(dtype):
    case = Case(dtype, 32)
    for seed in range(8):
        arrays = case.arrays(seed)
        block = view(case.block, arrays.numbers, 0)
        block.values("c")[...] = -block.values("a") * block.values("b")  # all but the last bits
        _, theirs = both(fused, case, arrays)
        found = view(case.block, theirs.numbers, 0).out[0]
        for a, b, c, each in zip(block.a, block.b, block.c, found, strict=True):
            exact = Fraction(float(a)) * Fraction(float(b)) + Fraction(float(c))
            assert each == np.dtype(dtype).type(float(exact))
        assert (found != 0).any()


@lane
def squashed(case: Any, A: Any) -> None:
    S = view(case.block, A.numbers, 0)
    S.out[0], S.out[1] = squash(case.kind, S.a)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", KINDS)
def test_squashing_functions_keep_their_digits(dtype, name):
    x = np.concatenate([np.linspace(-60, 60, 37), 10.0 ** np.arange(-18.0, 1), [0.0, -1e-9]])
    x = np.concatenate([x, -x])[:116].astype(dtype)
    case = Case(dtype, len(x), KINDS[name])
    arrays = case.arrays()
    view(case.block, arrays.numbers, 0).values("a")[...] = x
    function, eps = squashing.squashing(name), np.finfo(dtype).eps
    plain, compiled = both(squashed, case, arrays)
    # in NumPy a multiply-add is rounded twice, which costs exp(x) a last bit for each unit of x
    for found, few in ((plain, 64 * eps), (compiled, 8 * eps)):
        out = view(case.block, found.numbers, 0)
        for ours, theirs in ((out.out[0], function(x)), (out.out[1], function.slope(x))):
            least = 1e-24 if dtype == "float32" else 0.0  # beyond exp(-60)
            np.testing.assert_allclose(ours, theirs, rtol=few, atol=least)


@pytest.mark.parametrize("name", [n for n in KINDS if n != "identity"])
def test_what_is_not_a_number_stays_so(name):
    case = Case("float64", 4, KINDS[name])
    arrays = case.arrays()
    view(case.block, arrays.numbers, 0).values("a")[...] = [np.nan, np.inf, -np.inf, 1e300]
    for found in both(squashed, case, arrays):
        values = view(case.block, found.numbers, 0).out[0]
        assert np.isnan(values).tolist() == [True, False, False, False]


@lane
def powers(case: Any, A: Any) -> None:
    S = view(case.block, A.numbers, 0)
    S.out[0] = power_of_two(S.a)


@pytest.mark.parametrize("dtype", DTYPES)
def test_powers_of_two_are_exact(dtype):
    case = Case(dtype, 96)
    arrays = case.arrays()
    k = np.arange(96) - 90
    view(case.block, arrays.numbers, 0).values("a")[...] = PRECISION[dtype].rounding + k
    for found in both(powers, case, arrays):
        assert np.array_equal(view(case.block, found.numbers, 0).out[0], 2.0**k)


@lane
def taken_apart(case: Any, A: Any) -> None:
    S = view(case.block, A.numbers, 0)
    S.out[0] = exponent(S.a)
    S.out[1] = root(S.b)


@pytest.mark.parametrize("dtype", DTYPES)
def test_exponents_and_square_roots_are_exact(dtype):
    case = Case(dtype, 64)
    arrays = case.arrays()
    block = view(case.block, arrays.numbers, 0)
    k = np.arange(64) - 40
    nearly_2 = 2.0 - np.finfo(dtype).eps
    block.values("a")[...] = np.where(k % 2 == 0, 1.0, nearly_2) * 2.0**k
    block.values("b")[...] = np.abs(block.values("b"))
    block.values("b")[:3] = [0.0, np.inf, -1.0]
    for found in both(taken_apart, case, arrays):
        out = view(case.block, found.numbers, 0)
        np.testing.assert_array_equal(out.out[0], k)
        with np.errstate(invalid="ignore"):
            np.testing.assert_array_equal(out.out[1], np.sqrt(block.b))


@lane
def joined(case: Any, A: Any) -> None:
    S = view(case.block, A.numbers, 0)
    A.reals[0] = float_of(total(S.a))
    A.reals[1] = float_of(largest(S.a))


@pytest.mark.parametrize("width", [1, 5, 16, 112])
def test_neighbours_are_joined(width):
    ours, theirs = both(joined, Case("float64", width), Case("float64", width).arrays())
    np.testing.assert_allclose(ours.reals, theirs.reals, rtol=1e-13)


@lane
def drawn(case: Any, A: Any) -> None:
    plan = view(case.plan, A.wholes, 0)
    put(A.wholes, 16, below(word(plan.key, count_from(plan.count[0, 1], 16)), 10))
    put(A.reals, 0, fraction(word(plan.key, count_from(0, 16))))
    plan.count[1, 0] = below(word(plan.key, 3), 7)
    plan.share = fraction(word(plan.key, 4))


@pytest.mark.parametrize("key", [0, 5, 2**63 + 12345, 2**64 - 1])
def test_draws_are_the_streams(key):
    case = Case("float64", 1)
    arrays = case.arrays()
    plan = view(case.plan, arrays.wholes, 0)
    plan.key = key - 2**64 if key >= 2**63 else key
    plan.values("count")[0, 1] = 2
    stream = Stream(key)
    words = [stream.word() for _ in range(20)]
    for found in both(drawn, case, arrays):
        assert found.wholes[16:32].tolist() == [((w >> 32) * 10) >> 32 for w in words[2:18]]
        assert found.reals[:16].tolist() == [(w >> 11) * 2.0**-53 for w in words[:16]]
        end = view(case.plan, found.wholes, 0)
        assert int(end.count[1, 0]) == ((words[3] >> 32) * 7) >> 32
        assert end.share == (words[4] >> 11) * 2.0**-53


@lane
def mixed(case: Any, A: Any) -> None:
    whole_ones = below(word(3, count_from(0, 16)), 10)
    put(A.reals, 0, 0.5 * whole_ones - 1.25)
    put(A.reals, 16, where(whole_ones > 4.5, whole_ones, 0.25))
    put(A.reals, 32, whole_ones + fraction(word(3, count_from(0, 16))))
    S = view(case.block, A.numbers, 0)
    S.out[0] = below(word(3, count_from(16, 16)), 10)
    S.out[1] = S.a * below(word(3, count_from(16, 16)), 10)


@pytest.mark.parametrize("dtype", DTYPES)
def test_whole_numbers_side_by_side_become_real_ones_beside_real_ones(dtype):
    case = Case(dtype, 16)
    ours, theirs = both(mixed, case, case.arrays())
    np.testing.assert_array_equal(ours.reals, theirs.reals)
    np.testing.assert_array_equal(ours.numbers, theirs.numbers)
    drawn = np.array([Stream(3, i).below(10) for i in range(16)])
    np.testing.assert_array_equal(theirs.reals[:16], 0.5 * drawn - 1.25)
    assert 0.25 in theirs.reals[16:32]


@dataclass(frozen=True)
class Moving(Constants):
    mover: Mover


class Records(NamedTuple):
    rows: Any
    records: Any
    places: Any
    back: Any


@lane
def moved(case: Any, A: Any) -> None:
    collect(case.mover, A.rows, A.records, A.places, 1)
    deliver(case.mover, A.rows, A.back, A.places, 1)


@settings(max_examples=25, deadline=None)
@given(
    st.sampled_from(DTYPES),
    st.sampled_from([1, 2, 3, 4, 8, 16, 24, 32]),
    st.integers(0, 5),
    st.integers(1, 21),
)
def test_records_become_rows_and_records_again(dtype, lanes, first, count):
    mover = Mover(dtype, lanes, first, count)
    size = max(mover.end, first + count) + 2
    rng = np.random.default_rng([lanes, first, count])
    filled = rng.normal(size=size * lanes).astype(dtype)
    places = np.concatenate([[-1], rng.permutation(lanes) * size])

    def arrays():
        rows = aligned((first + count) * lanes, dtype)
        records, back = aligned(size * lanes, dtype), aligned(size * lanes, dtype)
        records[:], back[:] = filled, 7.0
        return Records(rows, records, places, back)

    ours, theirs = arrays(), arrays()
    moved(Moving(mover), ours)
    compile_function(moved, Moving(mover), theirs)()
    np.testing.assert_array_equal(ours.rows, theirs.rows)
    expected, beyond = filled.reshape(lanes, size), theirs.back.reshape(lanes, size)
    np.testing.assert_array_equal(
        beyond[:, first : first + count], expected[:, first : first + count]
    )
    # nothing is touched before the first number, and nothing after where the mover says it ends
    assert (beyond[:, :first] == 7.0).all()
    assert (beyond[:, mover.end :] == 7.0).all()


def test_a_field_that_a_block_would_hide_is_refused():
    with pytest.raises(ValueError, match="a field is called 'place'"):
        Layout.of("int64", {"place": whole()})


def test_an_unknown_field_is_named():
    case = Case("float64", 2)
    block = view(case.block, case.arrays().numbers, 0)
    with pytest.raises(AttributeError, match="the block has a, b, c, out; not d"):
        assert block.d
