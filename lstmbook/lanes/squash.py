"""Squashing functions and their slopes in lane code; `lstmbook.squashing` derives them.

All are made from exp(-|x|), which never overflows, and keep their digits near 0 and far from it.
"""

from __future__ import annotations

from lstmbook.lanes.words import (
    Number,
    absolute,
    fma,
    lane,
    larger,
    like,
    power_of_two,
    precision,
    where,
)

LOGISTIC, TANH, IDENTITY, G, H = range(5)
KINDS = {"logistic": LOGISTIC, "tanh": TANH, "identity": IDENTITY, "g": G, "h": H}
"""The functions of `lstmbook.squashing` by name."""


@lane
def parts(x: Number) -> tuple[Number, Number, Number]:
    """Return e = exp(-|x|) to the last bits, and t and p of e = t + t p, t a power of two."""
    c = precision(x)
    m = larger(like(x, c.least), -absolute(x))  # in this order NaN stays NaN
    z = fma(m, like(x, 1.4426950408889634), like(x, c.rounding))
    k = z - c.rounding
    r = fma(k, like(x, -c.ln2_low), fma(k, like(x, -c.ln2_high), m))
    q = like(x, c.exp[c.n_exp - 1])
    for i in range(c.n_exp - 1):
        q = fma(q, r, like(x, c.exp[c.n_exp - 2 - i]))
    p = fma(r * r, q, r)
    t = power_of_two(z)
    return fma(t, p, t), t, p


@lane
def logistic(x: Number) -> tuple[Number, Number]:
    """Return f(x) = 1 / (1 + exp(-x)) and its slope."""
    e, _, _ = parts(x)
    inverse = 1.0 / (1.0 + e)
    rest = e * inverse
    return where(x >= 0.0, inverse, rest), rest * inverse


@lane
def symmetric(x: Number) -> tuple[Number, Number]:
    """Return tanh(x / 2) = 2 f(x) - 1 and the slope of f."""
    e, t, p = parts(x)
    less = fma(t, p, t - 1.0)  # e - 1, which keeps its digits where e is near 1
    inverse = 1.0 / (2.0 + less)
    value = less * inverse
    return where(x >= 0.0, -value, value), (e * inverse) * inverse


@lane
def squash(kind: int, x: Number) -> tuple[Number, Number]:
    """Return a squashing function's value and slope; `kind` is one of `KINDS`."""
    if kind == IDENTITY:
        return x, like(x, 1.0)
    if kind == LOGISTIC:
        return logistic(x)
    if kind == TANH:
        y, slope = symmetric(x + x)
        return y, slope * 4.0
    y, slope = symmetric(x)
    if kind == G:
        return y + y, slope * 4.0
    return y, slope + slope
