"""The words of lane code for the compiler: a number is a vector, one element a trial.

Explicit vectors leave nothing to a vectoriser's mood: each line of lane code becomes one
instruction for several trials. Importing this imports Numba.
"""

from __future__ import annotations

import dis
import operator
from collections.abc import Callable
from functools import cache
from types import FunctionType
from typing import Any

import numpy as np
from llvmlite import ir

from lstmbook.lanes import blocks, draws, words
from lstmbook.lanes.blocks import Layout
from lstmbook.lanes.compiler import ConstantsType, PartCompiler
from lstmbook.lanes.machine import numba

from numba.core import cgutils, types  # isort: skip
from numba.core.imputils import lower_constant  # isort: skip
from numba.core.typing.templates import (  # isort: skip
    AbstractTemplate,
    AttributeTemplate,
    infer_getattr,
    infer_global,
    signature,
)
from numba.extending import (  # isort: skip
    intrinsic,
    lower_builtin,
    lower_cast,
    lower_getattr_generic,
    lower_setattr_generic,
    models,
    register_model,
    typeof_impl,
)

I32, I64 = ir.IntType(32), ir.IntType(64)
Attributes: Any = AttributeTemplate
njit: Any = numba.njit
KINDS = {
    "float32": types.float32, "float64": types.float64, "real": types.float64,
    "whole": types.int64, "int64": types.int64,
}  # fmt: skip


# ---------------------------------------------------------------- numbers
class Vec(types.Type):
    """So many numbers side by side; a number alone is a Vec of one."""

    def __init__(self, dtype: Any, n: int) -> None:
        self.dtype, self.n = dtype, n
        super().__init__(name=f"Vec({dtype}x{n})")


class Mask(types.Type):
    """The truth of a comparison, for each of so many numbers."""

    def __init__(self, n: int) -> None:
        self.n = n
        super().__init__(name=f"Mask({n})")


@register_model(Vec)
class VecModel(models.PrimitiveModel):
    """A Vec is a vector register."""

    def __init__(self, manager: Any, ty: Vec) -> None:
        super().__init__(manager, ty, ir_of(ty))


@register_model(Mask)
class MaskModel(models.PrimitiveModel):
    """A mask is a vector of bits."""

    def __init__(self, manager: Any, ty: Mask) -> None:
        super().__init__(manager, ty, ir.VectorType(ir.IntType(1), ty.n))


def scalar_of(ty: Any) -> Any:
    """Return the type of one element."""
    return ty.dtype if isinstance(ty, Vec) else ty


def bits_of(ty: Any) -> int:
    """Return how many bits an element has."""
    return 32 if scalar_of(ty) == types.float32 else 64


def base_of(ty: Any) -> Any:
    """Return LLVM's type of one element."""
    scalar = scalar_of(ty)
    if isinstance(scalar, types.Integer):
        return I64
    return ir.FloatType() if scalar == types.float32 else ir.DoubleType()


def ir_of(ty: Any, base: Any = None) -> Any:
    """Return LLVM's type, or that of as many of another element type."""
    base = base or base_of(ty)
    return ir.VectorType(base, ty.n) if isinstance(ty, Vec) else base


def constant(ty: Any, value: Any, base: Any = None) -> Any:
    """Return a value for each element."""
    kind = ir_of(ty, base)
    return ir.Constant(kind, [value] * ty.n if isinstance(ty, Vec) else value)


def picked(indices: list[int]) -> Any:
    """Return a shuffle's indices."""
    return ir.Constant(ir.VectorType(I32, len(indices)), indices)


def fit(context: Any, builder: Any, to: Any, value: Any, ty: Any) -> Any:
    """Return a value as the type `to`: a number alone is repeated."""
    if ty == to:
        return value
    if isinstance(ty, Vec):
        if not isinstance(to, Vec):
            number = builder.extract_element(value, ir.Constant(I32, 0))
            return context.cast(builder, number, ty.dtype, to)
        if ty.n == to.n and bits_of(ty) == bits_of(to) and base_of(ty) == base_of(to):
            return value  # the same bits, read with or without a sign
        if ty.n == to.n and isinstance(ty.dtype, types.Integer):
            convert = builder.uitofp if ty.dtype == types.uint64 else builder.sitofp
            return convert(value, ir_of(to))
        if ty.n != 1:
            raise TypeError(f"{ty} cannot be used where {to} is wanted")
        value, ty = builder.extract_element(value, ir.Constant(I32, 0)), ty.dtype
    number = context.cast(builder, value, ty, scalar_of(to))
    if not isinstance(to, Vec):
        return number
    undefined = ir.Constant(ir_of(to), ir.Undefined)
    first = builder.insert_element(undefined, number, ir.Constant(I32, 0))
    return builder.shuffle_vector(first, undefined, picked([0] * to.n))


def joint(args: Any) -> Any:
    """Return the type of an operation's result: the widest Vec; None if there is none.

    Whole numbers become real ones beside a real number, as in NumPy.
    """
    found = [each for each in args if isinstance(each, Vec)]
    if not found:
        return None
    widest = max(found, key=lambda each: each.n)
    if isinstance(widest.dtype, types.Integer):
        reals = [each.dtype for each in found if isinstance(each.dtype, types.Float)]
        reals += [types.float64 for each in args if isinstance(each, types.Float)]
        return Vec(reals[0], widest.n) if reals else widest
    return widest


def arithmetic(args: Any) -> bool:
    """Return whether lane arithmetic is meant."""
    return joint(args) is not None and all(isinstance(a, Vec | types.Number) for a in args)


@lower_cast(types.Number, Vec)
@lower_cast(Vec, Vec)
@lower_cast(Vec, types.Float)
def _cast(context: Any, builder: Any, ty: Any, to: Any, value: Any) -> Any:
    return fit(context, builder, to, value, ty)


PAIRS = ((Vec, Vec), (Vec, types.Number), (types.Number, Vec))


def _binary(op: Any, method: str) -> None:
    class Template(AbstractTemplate):
        def generic(self, args: Any, kws: Any) -> Any:
            return signature(joint(args), *args) if arithmetic(args) else None

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        to = sig.return_type
        pairs = zip(args, sig.args, strict=True)
        fitted = [fit(context, builder, to, a, t) for a, t in pairs]
        of_floats = isinstance(scalar_of(to), types.Float)
        return getattr(builder, f"f{method}" if of_floats else method)(*fitted)

    infer_global(op)(Template)
    for pair in PAIRS:
        lower_builtin(op, *pair)(lower)


for _name in ("add", "sub", "mul"):
    _binary(getattr(operator, _name), _name)
    _binary(getattr(operator, "i" + _name), _name)
_binary(operator.truediv, "div")


def _comparison(op: Any, sign: str) -> None:
    class Template(AbstractTemplate):
        def generic(self, args: Any, kws: Any) -> Any:
            return signature(Mask(joint(args).n), *args) if arithmetic(args) else None

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        to = joint(sig.args)
        a, b = (fit(context, builder, to, a, t) for a, t in zip(args, sig.args, strict=True))
        if isinstance(to.dtype, types.Float):
            compare = builder.fcmp_unordered if sign == "!=" else builder.fcmp_ordered
            return compare(sign, a, b)
        return builder.icmp_signed(sign, a, b)

    infer_global(op)(Template)
    for pair in PAIRS:
        lower_builtin(op, *pair)(lower)


for _name, _sign in (
    ("lt", "<"), ("le", "<="), ("gt", ">"), ("ge", ">="), ("eq", "=="), ("ne", "!="),
):  # fmt: skip
    _comparison(getattr(operator, _name), _sign)


@infer_global(operator.neg)
class _Negative(AbstractTemplate):
    def generic(self, args: Any, kws: Any) -> Any:
        return signature(args[0], args[0]) if isinstance(args[0], Vec) else None


@lower_builtin(operator.neg, Vec)
def _negative(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    return builder.fsub(constant(sig.return_type, -0.0), args[0])


@infer_global(operator.or_)
class _Or(AbstractTemplate):
    def generic(self, args: Any, kws: Any) -> Any:
        masks = [each for each in args if isinstance(each, Mask)]
        good = masks and all(isinstance(each, Mask | types.Boolean) for each in args)
        return signature(masks[0], *args) if good else None


@infer_global(operator.and_)
class _And(_Or):
    pass


def _logic(op: Any, method: str) -> None:
    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        n = sig.return_type.n
        a, b = (mask_of(builder, v, t, n) for v, t in zip(args, sig.args, strict=True))
        return getattr(builder, method)(a, b)

    for pair in ((Mask, Mask), (Mask, types.Boolean), (types.Boolean, Mask)):
        lower_builtin(op, *pair)(lower)


def mask_of(builder: Any, value: Any, ty: Any, n: int) -> Any:
    """Return a mask, or a truth for each of n numbers."""
    if isinstance(ty, Mask):
        return value
    kind = ir.VectorType(ir.IntType(1), n)
    holds = builder.icmp_unsigned("!=", value, ir.Constant(value.type, 0))
    undefined = ir.Constant(kind, ir.Undefined)
    first = builder.insert_element(undefined, holds, ir.Constant(I32, 0))
    return builder.shuffle_vector(first, undefined, picked([0] * n))


@infer_global(operator.invert)
class _Invert(AbstractTemplate):
    def generic(self, args: Any, kws: Any) -> Any:
        return signature(args[0], args[0]) if isinstance(args[0], Mask) else None


@lower_builtin(operator.invert, Mask)
def _invert(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    return builder.not_(args[0])


_logic(operator.or_, "or_")
_logic(operator.and_, "and_")


# ---------------------------------------------------------------- words about numbers
def _word(make: Callable[..., Any]) -> Any:
    """Return an intrinsic of as many numbers as `make(builder, type, *numbers)` takes."""

    def build(args: Any) -> Any:
        ty = joint(args)
        if ty is None:
            return None

        def lower(context: Any, builder: Any, sig: Any, values: Any) -> Any:
            fitted = (
                fit(context, builder, ty, v, t) for v, t in zip(values, sig.args, strict=True)
            )
            return make(builder, ty, *fitted)

        return ty(*args), lower

    n = make.__code__.co_argcount - 2
    if n == 1:
        return intrinsic(lambda typing_context, a: build((a,)))
    if n == 2:
        return intrinsic(lambda typing_context, a, b: build((a, b)))
    return intrinsic(lambda typing_context, a, b, c: build((a, b, c)))


@_word
def fma(builder: Any, ty: Any, a: Any, b: Any, c: Any) -> Any:
    """Return a * b + c, rounded once."""
    kind = ir_of(ty)
    name = f"llvm.fma.v{ty.n}f{bits_of(ty)}"
    of = cgutils.get_or_insert_function(
        builder.module, ir.FunctionType(kind, [kind, kind, kind]), name
    )
    return builder.call(of, [a, b, c])


@_word
def larger(builder: Any, ty: Any, a: Any, b: Any) -> Any:
    """Return the larger number, b where either is NaN."""
    return builder.select(builder.fcmp_ordered(">", a, b), a, b)


@_word
def smaller(builder: Any, ty: Any, a: Any, b: Any) -> Any:
    """Return the smaller number, b where either is NaN."""
    return builder.select(builder.fcmp_ordered("<", a, b), a, b)


@_word
def absolute(builder: Any, ty: Any, a: Any) -> Any:
    """Return the size of a number: its sign's bit away."""
    whole = ir.IntType(bits_of(ty))
    mask = constant(ty, (1 << (bits_of(ty) - 1)) - 1, whole)
    bits = builder.bitcast(a, ir_of(ty, whole))
    return builder.bitcast(builder.and_(bits, mask), ir_of(ty))


@_word
def power_of_two(builder: Any, ty: Any, z: Any) -> Any:
    """2**k for z = 1.5 * 2**m + k, m the number of bits after the point."""
    whole = ir.IntType(bits_of(ty))
    double = bits_of(ty) == 64
    bits = builder.bitcast(z, ir_of(ty, whole))
    shifted = builder.shl(bits, constant(ty, 52 if double else 23, whole))
    one = constant(ty, 0x3FF0000000000000 if double else 0x3F800000, whole)
    return builder.bitcast(builder.add(shifted, one), ir_of(ty))


@_word
def exponent(builder: Any, ty: Any, x: Any) -> Any:
    """Return k of x = 2**k m with 1 <= m < 2: the exponent's bits."""
    whole = ir.IntType(bits_of(ty))
    double = bits_of(ty) == 64
    bits = builder.lshr(
        builder.bitcast(x, ir_of(ty, whole)), constant(ty, 52 if double else 23, whole)
    )
    return builder.sitofp(
        builder.sub(bits, constant(ty, 1023 if double else 127, whole)), ir_of(ty)
    )


@_word
def root(builder: Any, ty: Any, x: Any) -> Any:
    """Return the square root, rounded once."""
    kind = ir_of(ty)
    name = f"llvm.sqrt.v{ty.n}f{bits_of(ty)}"
    of = cgutils.get_or_insert_function(builder.module, ir.FunctionType(kind, [kind]), name)
    return builder.call(of, [x])


@intrinsic
def where(typing_context: Any, condition: Any, a: Any, b: Any) -> Any:
    """Return `a` where the condition holds, else `b`; of lane numbers or of whole numbers."""
    if isinstance(condition, Mask):
        ty = joint((a, b))
        if ty is None:
            alone = typing_context.unify_types(a, b)
            if alone not in (types.float64, types.int64):
                return None
            ty = Vec(alone, condition.n)
    elif isinstance(condition, types.Boolean):
        ty = typing_context.unify_types(a, b)
    else:
        return None

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        if isinstance(condition, Mask):
            x, y = (fit(context, builder, ty, v, t) for v, t in zip(args[1:], (a, b), strict=True))
            return builder.select(args[0], x, y)
        x, y = (context.cast(builder, v, t, ty) for v, t in zip(args[1:], (a, b), strict=True))
        holds = builder.icmp_unsigned("!=", args[0], ir.Constant(args[0].type, 0))
        return builder.select(holds, x, y)

    return ty(condition, a, b), lower


@intrinsic
def like(typing_context: Any, x: Any, value: Any) -> Any:
    """Return `value` as what `x` is."""
    if not isinstance(x, Vec):
        return None
    return x(x, value), lambda context, builder, sig, args: fit(context, builder, x, args[1], value)


@intrinsic
def real(typing_context: Any, x: Any) -> Any:
    """Return one trial's number as a float64."""

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return fit(context, builder, types.float64, args[0], x)

    return types.float64(x), lower


@intrinsic
def precision(typing_context: Any, x: Any) -> Any:
    """Return the constants for the kind of number that `x` is."""
    if not isinstance(x, Vec):
        return None
    found = ConstantsType(words.PRECISION[str(x.dtype)])
    return found(x), lambda context, builder, sig, args: context.get_dummy_value()


def _joined(join: Callable[[Any, Any, Any], Any]) -> Any:
    """Return what joins all of a Vec's numbers: parts of up to sixteen, then halves and halves.

    The order depends on the width alone.
    """

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        ty, v = sig.args[0], args[0]

        def part(first: int, n: int) -> Any:
            return builder.shuffle_vector(v, v, picked(list(range(first, first + n))))

        n = min(ty.n & -ty.n, 16)
        pieces = [part(first, n) for first in range(0, ty.n, n)]
        v = pieces[0]
        for other in pieces[1:]:
            v = join(builder, v, other)
        while n > 1:
            n //= 2
            v = join(builder, part(0, n), part(n, n))
        return v

    return intrinsic(lambda typing_context, a: (Vec(a.dtype, 1)(a), lower))


total = _joined(lambda builder, a, b: builder.fadd(a, b))
largest = _joined(lambda builder, a, b: builder.select(builder.fcmp_ordered(">", a, b), a, b))


# ---------------------------------------------------------------- draws
def _draws(make: Callable[..., Any], to: Any) -> Any:
    """Return an intrinsic of whole numbers, each alone or several steps' side by side."""

    @intrinsic
    def of_two(typing_context: Any, a: Any, b: Any) -> Any:
        return build(a, b)

    @intrinsic
    def of_one(typing_context: Any, a: Any) -> Any:
        return build(a)

    def build(*given: Any) -> Any:
        vec = joint(given)
        ty = types.uint64 if vec is None else Vec(types.uint64, vec.n)
        result = to if vec is None else Vec(to, vec.n)

        def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            fitted = (fit(context, builder, ty, v, t) for v, t in zip(args, given, strict=True))
            return make(builder, ty, *fitted)

        return result(*given), lower

    return of_one if make.__code__.co_argcount == 3 else of_two


def _word_of(builder: Any, ty: Any, key: Any, i: Any) -> Any:
    one, golden = constant(ty, 1), constant(ty, draws.GOLDEN)
    z = builder.add(key, builder.mul(builder.add(i, one), golden))
    for shift, factor in ((30, draws.MIX_1), (27, draws.MIX_2)):
        z = builder.xor(z, builder.lshr(z, constant(ty, shift)))
        z = builder.mul(z, constant(ty, factor))
    return builder.xor(z, builder.lshr(z, constant(ty, 31)))


def _below_of(builder: Any, ty: Any, draw: Any, n: Any) -> Any:
    upper = builder.lshr(draw, constant(ty, 32))
    n = builder.and_(n, constant(ty, 0xFFFFFFFF))  # so that one multiplication of halves suffices
    return builder.lshr(builder.mul(upper, n), constant(ty, 32))


def _fraction_of(builder: Any, ty: Any, draw: Any) -> Any:
    to = Vec(types.float64, ty.n) if isinstance(ty, Vec) else types.float64
    number = builder.uitofp(builder.lshr(draw, constant(ty, 11)), ir_of(to))
    return builder.fmul(number, constant(to, 2.0**-53))


word = _draws(_word_of, types.uint64)
below = _draws(_below_of, types.int64)
fraction = _draws(_fraction_of, types.float64)


@intrinsic(prefer_literal=True)
def count_from(typing_context: Any, start: Any, n: Any) -> Any:
    """Return n whole numbers side by side: start, start + 1 and so on."""
    if not isinstance(n, types.IntegerLiteral):
        return None
    to = Vec(types.int64, n.literal_value)

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        first = fit(context, builder, to, args[0], start)
        return builder.add(first, ir.Constant(ir_of(to), list(range(to.n))))

    return to(start, n), lower


@intrinsic
def put(typing_context: Any, array: Any, place: Any, values: Any) -> Any:
    """Write neighbouring numbers to an array from a place on."""
    if not isinstance(values, Vec):
        return None

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        at = builder.gep(args[0], [context.cast(builder, args[1], place, types.int64)])
        _store(context, builder, at, values, args[2], values)
        return context.get_dummy_value()

    return types.void(array, place, values), lower


# ---------------------------------------------------------------- constants
class NumbersType(types.Type):
    """A tuple of constant numbers that can be read at a place known only when code runs."""

    def __init__(self, values: tuple[Any, ...]) -> None:
        self.values = values
        super().__init__(name=f"Numbers({values})")

    @property
    def element(self) -> Any:
        """The type of its numbers."""
        return types.float64 if isinstance(self.values[0], float) else types.int64


class LayoutType(types.Type):
    """A layout."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        super().__init__(name=f"Layout({words.described(layout)})")


for _type in (ConstantsType, NumbersType, LayoutType):
    register_model(_type)(models.OpaqueModel)


@typeof_impl.register(words.Constants)
def _typeof_constants(value: Any, context: Any) -> Any:
    return ConstantsType(value)


def _nothing(context: Any, builder: Any, ty: Any, value: Any) -> Any:
    return context.get_dummy_value()


lower_constant(ConstantsType)(_nothing)


@infer_getattr
class ConstantsAttribute(Attributes):
    """Constants' attributes."""

    key = ConstantsType

    def generic_resolve(self, ty: Any, name: str) -> Any:
        """Return the type of an attribute."""
        found = getattr(ty.value, name, None)
        if isinstance(found, bool):
            return types.boolean
        if isinstance(found, int | np.integer):
            return types.int64
        if isinstance(found, float):
            return types.float64
        if isinstance(found, tuple):
            return NumbersType(found)
        if isinstance(found, Layout):
            return LayoutType(found)
        if isinstance(found, words.Constants):
            return ConstantsType(found)
        if isinstance(found, FunctionType):
            return types.Dispatcher(compiled(found))
        return None


@lower_getattr_generic(ConstantsType)
def _attribute(context: Any, builder: Any, ty: Any, value: Any, name: str) -> Any:
    found = getattr(ty.value, name)
    if isinstance(found, bool):
        return ir.Constant(context.get_value_type(types.boolean), int(found))
    if isinstance(found, int | np.integer):
        return ir.Constant(I64, int(found))
    if isinstance(found, float):
        return ir.Constant(ir.DoubleType(), found)
    return context.get_dummy_value()


# ---------------------------------------------------------------- arrays
class MemoryType(types.Type):
    """A flat array: a pointer to its first number."""

    def __init__(self, dtype: str) -> None:
        self.dtype = KINDS[dtype]
        super().__init__(name=f"Memory({dtype})")


class ArraysType(types.Type):
    """A named tuple of flat arrays and of such tuples: a pointer to a table of their addresses.

    The table is never changed, so that addresses can be kept in registers.
    """

    def __init__(self, kinds: tuple[tuple[str, Any], ...]) -> None:
        self.kinds = kinds
        super().__init__(name=f"Arrays({kinds})")

    def slot(self, name: str) -> tuple[int, Any]:
        """Return where a name's first address stands in the table, and its type."""
        at = 0
        for found, kind in self.kinds:
            if found == name:
                return at, MemoryType(kind) if isinstance(kind, str) else ArraysType(kind)
            at += 1 if isinstance(kind, str) else count_arrays(kind)
        raise AttributeError(name)


def count_arrays(kinds: tuple[tuple[str, Any], ...]) -> int:
    """Return how many arrays there are in a named tuple and the tuples within."""
    return sum(1 if isinstance(kind, str) else count_arrays(kind) for _, kind in kinds)


@register_model(MemoryType)
class MemoryModel(models.PrimitiveModel):
    """An array is an address."""

    def __init__(self, manager: Any, ty: Any) -> None:
        super().__init__(manager, ty, ir.PointerType(base_of(ty.dtype)))


@register_model(ArraysType)
class ArraysModel(models.PrimitiveModel):
    """Arrays are an address of addresses."""

    def __init__(self, manager: Any, ty: Any) -> None:
        super().__init__(manager, ty, ir.PointerType(I64))


@infer_getattr
class ArraysAttribute(Attributes):
    """Arrays by name."""

    key = ArraysType

    def generic_resolve(self, ty: Any, name: str) -> Any:
        """Return the type of an attribute."""
        try:
            return ty.slot(name)[1]
        except AttributeError:
            return None


@lower_getattr_generic(ArraysType)
def _array(context: Any, builder: Any, ty: Any, value: Any, name: str) -> Any:
    slot, kind = ty.slot(name)
    place = builder.gep(value, [ir.Constant(I64, slot)])
    if isinstance(kind, ArraysType):
        return place
    address = builder.load(place)
    address.set_metadata("invariant.load", builder.module.add_metadata([]))
    return builder.inttoptr(address, ir.PointerType(base_of(kind.dtype)))


@intrinsic
def arrays_at(typing_context: Any, kinds: Any, table: Any) -> Any:
    """Return the arrays whose addresses stand in a table."""

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return context.make_array(table)(context, builder, args[1]).data

    return ArraysType(kinds.value.kinds)(kinds, table), lower


def _element(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    return builder.gep(args[0], [context.cast(builder, args[1], sig.args[1], types.int64)])


@lower_builtin(operator.getitem, MemoryType, types.Integer)
def _get_element(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    return builder.load(_element(context, builder, sig, args))


@lower_builtin(operator.getitem, MemoryType, Vec)
def _get_elements(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    found = ir.Constant(ir_of(sig.return_type), ir.Undefined)
    for i in range(sig.return_type.n):
        index = ir.Constant(I32, i)
        place = builder.gep(args[0], [builder.extract_element(args[1], index)])
        found = builder.insert_element(found, builder.load(place), index)
    return found


@lower_builtin(operator.setitem, MemoryType, types.Integer, types.Any)
def _set_element(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    value = context.cast(builder, args[2], sig.args[2], sig.args[0].dtype)
    builder.store(value, _element(context, builder, sig, args))
    return context.get_dummy_value()


# ---------------------------------------------------------------- blocks
class PartType(types.Type):
    """A field of a block, by number; a pointer to its first number."""

    def __init__(self, element: Any, shape: tuple[int, ...], step: int) -> None:
        self.element, self.shape, self.step = element, shape, step
        super().__init__(name=f"Part({element}, {shape}, {step})")


class BlockType(types.Type):
    """An array read by a layout, of all lanes or of one; a pointer to the first number."""

    def __init__(self, layout: Layout, single: bool = False) -> None:
        self.layout, self.single = layout, single
        super().__init__(name=f"Block({words.described(layout)}, {single})")

    def part(self, name: str) -> PartType | None:
        """Return the type of a field; None if there is none of that name."""
        if name not in self.layout.places:
            return None
        field = self.layout.places[name][1]
        kind = KINDS[self.layout.dtype if field.kind == "number" else field.kind]
        if field.kind == "number" and self.layout.dtype != "int64":
            kind = Vec(kind, 1 if self.single else max(field.width, 1))
        return PartType(kind, field.shape, max(field.width, 1))


@register_model(PartType)
class PartModel(models.PrimitiveModel):
    """A part is an address."""

    def __init__(self, manager: Any, ty: Any) -> None:
        super().__init__(manager, ty, ir.PointerType(base_of(ty.element)))


@register_model(BlockType)
class BlockModel(models.PrimitiveModel):
    """A block is an address."""

    def __init__(self, manager: Any, ty: Any) -> None:
        super().__init__(manager, ty, ir.PointerType(base_of(KINDS[ty.layout.dtype])))


@infer_getattr
class BlockAttribute(Attributes):
    """A block's fields."""

    key = BlockType

    def generic_resolve(self, ty: Any, name: str) -> Any:
        """Return the type of an attribute."""
        part = ty.part(name)
        return part.element if part is not None and not part.shape else part


def _pointer(builder: Any, value: Any, ty: BlockType, name: str) -> tuple[Any, PartType]:
    part = ty.part(name)
    assert part is not None
    place = builder.gep(value, [ir.Constant(I64, ty.layout.start(name))])
    return builder.bitcast(place, ir.PointerType(base_of(part.element))), part


def _load(builder: Any, place: Any, element: Any) -> Any:
    if isinstance(element, Vec):
        place = builder.bitcast(place, ir.PointerType(ir_of(element)))
    return builder.load(place, align=bits_of(element) // 8)


def _store(context: Any, builder: Any, place: Any, element: Any, value: Any, ty: Any) -> None:
    if isinstance(element, Vec):
        place = builder.bitcast(place, ir.PointerType(ir_of(element)))
    builder.store(fit(context, builder, element, value, ty), place, align=bits_of(element) // 8)


@lower_getattr_generic(BlockType)
def _get_field(context: Any, builder: Any, ty: Any, value: Any, name: str) -> Any:
    place, part = _pointer(builder, value, ty, name)
    return place if part.shape else _load(builder, place, part.element)


@lower_setattr_generic(BlockType)
def _set_field(context: Any, builder: Any, sig: Any, args: Any, name: str) -> Any:
    place, part = _pointer(builder, args[0], sig.args[0], name)
    _store(context, builder, place, part.element, args[1], sig.args[1])


@infer_global(operator.getitem)
class _Get(AbstractTemplate):
    def generic(self, args: Any, kws: Any) -> Any:
        if isinstance(args[0], PartType | NumbersType):
            return signature(args[0].element, *args)
        if isinstance(args[0], MemoryType):
            many = isinstance(args[1], Vec)
            return signature(Vec(args[0].dtype, args[1].n) if many else args[0].dtype, *args)
        return None


@infer_global(operator.setitem)
class _Set(AbstractTemplate):
    def generic(self, args: Any, kws: Any) -> Any:
        return signature(types.void, *args) if isinstance(args[0], PartType | MemoryType) else None


def _place(context: Any, builder: Any, part: PartType, pointer: Any, ty: Any, index: Any) -> Any:
    """Return where an element stands."""
    tuple_type = isinstance(ty, types.BaseTuple)
    kinds = list(ty) if tuple_type else [ty]
    pieces = cgutils.unpack_tuple(builder, index, len(kinds)) if tuple_type else [index]
    if len(kinds) != len(part.shape):
        raise TypeError(f"{part} needs {len(part.shape)} indices, not {len(kinds)}")
    at = ir.Constant(I64, 0)
    for n, piece, kind in zip(part.shape, pieces, kinds, strict=True):
        at = builder.mul(at, ir.Constant(I64, n))
        at = builder.add(at, context.cast(builder, piece, kind, types.int64))
    return builder.gep(pointer, [builder.mul(at, ir.Constant(I64, part.step))])


@lower_builtin(operator.getitem, PartType, types.Any)
def _get(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    part = sig.args[0]
    place = _place(context, builder, part, args[0], sig.args[1], args[1])
    return _load(builder, place, part.element)


@lower_builtin(operator.setitem, PartType, types.Any, types.Any)
def _set(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    part = sig.args[0]
    place = _place(context, builder, part, args[0], sig.args[1], args[1])
    _store(context, builder, place, part.element, args[2], sig.args[2])
    return context.get_dummy_value()


@lower_builtin(operator.getitem, NumbersType, types.Integer)
def _get_number(context: Any, builder: Any, sig: Any, args: Any) -> Any:
    ty = sig.args[0]
    base = base_of(ty.element)
    table = cgutils.global_constant(
        builder.module,
        cgutils.dedup_name("numbers") if hasattr(cgutils, "dedup_name") else "numbers",
        ir.Constant(ir.ArrayType(base, len(ty.values)), list(ty.values)),
    )
    at = context.cast(builder, args[1], sig.args[1], types.int64)
    return builder.load(builder.gep(table, [ir.Constant(I64, 0), at]))


@intrinsic
def view(typing_context: Any, layout: Any, array: Any, place: Any) -> Any:
    """Return the block of a layout at a place of an array."""
    if not isinstance(layout, LayoutType):
        return None

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.gep(args[1], [context.cast(builder, args[2], place, types.int64)])

    return BlockType(layout.layout)(layout, array, place), lower


@intrinsic
def one_lane(typing_context: Any, block: Any, lane: Any) -> Any:
    """Return the same block as single numbers, those of one trial."""

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.gep(args[0], [context.cast(builder, args[1], lane, types.int64)])

    return BlockType(block.layout, single=True)(block, lane), lower


# ---------------------------------------------------------------- records to rows and back
def _mover(move: Callable[..., None]) -> Any:
    """Return an intrinsic that moves squares of numbers between records and rows of lanes."""

    @intrinsic
    def word(typing_context: Any, mover: Any, rows: Any, records: Any, places: Any, at: Any) -> Any:
        def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
            first = context.cast(builder, args[4], at, types.int64)
            _Moving(builder, mover.value, args[1:4], first).all(move)
            return context.get_dummy_value()

        return types.void(mover, rows, records, places, at), lower

    return word


class _Moving:
    """What is needed while movements are written."""

    def __init__(self, builder: Any, mover: Any, arrays: Any, at: Any) -> None:
        self.builder, self.mover, self.n = builder, mover, mover.square
        self.rows, self.records, self.places = arrays
        self.at = at
        self.align = np.dtype(mover.dtype).itemsize
        self.base = ir.FloatType() if mover.dtype == "float32" else ir.DoubleType()

    def all(self, move: Callable[..., None]) -> None:
        for lane in range(0, self.mover.lanes, self.n):
            for at, width in self.mover.pieces:
                move(self, lane, at, width)

    def pointer(self, base: Any, offset: Any, n: int) -> Any:
        kind = ir.PointerType(ir.VectorType(self.base, n))
        return self.builder.bitcast(self.builder.gep(base, [offset]), kind)

    def record(self, lane: int, at: int, width: int) -> Any:
        where = self.builder.add(self.at, ir.Constant(I64, lane))
        place = self.builder.load(self.builder.gep(self.places, [where]))
        offset = self.builder.add(place, ir.Constant(I64, self.mover.first + at))
        return self.pointer(self.records, offset, width)

    def row(self, u: int, lane: int) -> Any:
        offset = (self.mover.first + u) * self.mover.lanes + lane
        return self.pointer(self.rows, ir.Constant(I64, offset), self.n)

    def shuffle(self, a: Any, b: Any, indices: list[int]) -> Any:
        return self.builder.shuffle_vector(a, b, picked(indices))


def _to_rows(m: _Moving, lane: int, at: int, width: int) -> None:
    parts = [m.builder.load(m.record(lane + i, at, width), align=m.align) for i in range(m.n)]
    n = width
    while n < m.n:  # join neighbours until they fill a vector
        joined = zip(parts[::2], parts[1::2], strict=True)
        parts = [m.shuffle(a, b, list(range(2 * n))) for a, b in joined]
        n *= 2
    for _ in range(width.bit_length() - 1):  # take every other number, again and again
        pairs = list(zip(parts[::2], parts[1::2], strict=True))
        parts = [m.shuffle(a, b, list(range(odd, 2 * n, 2))) for odd in (0, 1) for a, b in pairs]
    for u in range(min(width, m.mover.count - at)):
        m.builder.store(parts[u], m.row(at + u, lane), align=m.align)


def _to_records(m: _Moving, lane: int, at: int, width: int) -> None:
    zero = ir.Constant(ir.VectorType(m.base, m.n), [0.0] * m.n)
    parts = [
        m.builder.load(m.row(at + u, lane), align=m.align) if at + u < m.mover.count else zero
        for u in range(width)
    ]
    low = [i // 2 + i % 2 * m.n for i in range(m.n)]
    for _ in range(width.bit_length() - 1):  # join two by turns, again and again
        half = len(parts) // 2
        parts = [
            m.shuffle(parts[i], parts[i + half], [x + offset for x in low])
            for i in range(half)
            for offset in (0, m.n // 2)
        ]
    for i in range(m.n):
        whole, inside = divmod(i * width, m.n)
        part = parts[whole]
        if width < m.n:
            part = m.shuffle(part, part, list(range(inside, inside + width)))
        m.builder.store(part, m.record(lane + i, at, width), align=m.align)


collect, deliver = _mover(_to_rows), _mover(_to_records)


# ---------------------------------------------------------------- lane functions
MEANINGS: dict[Any, Any] = {
    plain: globals()[plain.__name__] for plain in (*words.WORDS, *blocks.WORDS)
}
"""Each word's meaning here."""


def compiled(function: Any) -> Any:
    """Return a lane function for the compiler: with the words' meanings, and what it calls too.

    A function of a reader's is compiled anew when a constant that it uses has changed.
    """
    own = str(function.__module__).startswith("lstmbook.")
    return _compiled(function, "" if own else words.described(function))


@cache
def _compiled(function: Any, made_of: str) -> Any:
    names = _names(function.__code__)
    meant = dict(function.__globals__)
    for name in names & meant.keys():
        found = meant[name]
        try:
            known = found in MEANINGS
        except TypeError:
            continue
        if known:
            meant[name] = MEANINGS[found]
        elif isinstance(found, FunctionType) and words.is_lane(found):
            meant[name] = compiled(found)
    clone = FunctionType(function.__code__, meant, function.__name__, function.__defaults__)
    return njit(
        error_model="numpy",
        forceinline=function.__dict__["lane"] == "inline",
        no_cpython_wrapper=True,
        no_cfunc_wrapper=True,
        pipeline_class=PartCompiler,
    )(clone)


def _names(code: Any) -> set[str]:
    """Return the global names that a function reads."""
    return {
        each.argval for each in dis.get_instructions(code) if each.opname.startswith("LOAD_GLOBAL")
    }
