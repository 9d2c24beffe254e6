"""Gaussian noise in lane code: a standard normal deviate from one draw.

The deviate is the inverse of the normal distribution function at the draw's fraction, by the
rational approximations of Wichura (1988), algorithm AS 241, to 16 digits. Each number has the
same bits in NumPy, compiled and on any machine: of the operations below IEEE 754 fixes the
rounding, and the logarithm is made of them.
"""

from __future__ import annotations

from typing import Any

from lstmbook.lanes.words import (
    Number,
    absolute,
    count_from,
    exponent,
    fraction,
    lane,
    power_of_two,
    precision,
    real,
    root,
    total,
    where,
    word,
)

CENTRE = (
    (2.50908_09287_30122_6727e3, 3.34305_75583_58812_8105e4, 6.72657_70927_00870_0853e4,
     4.59219_53931_54987_1457e4, 1.37316_93765_50946_1125e4, 1.97159_09503_06551_4427e3,
     1.33141_66789_17843_7745e2, 3.38713_28727_96366_6080),
    (5.22649_52788_52854_5610e3, 2.87290_85735_72194_2674e4, 3.93078_95800_09271_0610e4,
     2.12137_94301_58659_5867e4, 5.39419_60214_24751_1077e3, 6.87187_00749_20579_0830e2,
     4.23133_30701_60091_1252e1, 1.0),
)  # fmt: skip
TAIL = (
    (7.74545_01427_83414_07640e-4, 2.27238_44989_26918_45833e-2, 2.41780_72517_74506_11770e-1,
     1.27045_82524_52368_38258, 3.64784_83247_63204_60504, 5.76949_72214_60691_40550,
     4.63033_78461_56545_29590, 1.42343_71107_49683_57734),
    (1.05075_00716_44416_84324e-9, 5.47593_80849_95344_94600e-4, 1.51986_66563_61645_71966e-2,
     1.48103_97642_74800_74590e-1, 6.89767_33498_51000_04550e-1, 1.67638_48301_83803_84940,
     2.05319_16266_37758_82187, 1.0),
)  # fmt: skip
FAR = (
    (2.01033_43992_92288_13265e-7, 2.71155_55687_43487_57815e-5, 1.24266_09473_88078_43860e-3,
     2.65321_89526_57612_30930e-2, 2.96560_57182_85048_91230e-1, 1.78482_65399_17291_33580,
     5.46378_49111_64114_36990, 6.65790_46435_01103_77720),
    (2.04426_31033_89939_78564e-15, 1.42151_17583_16445_88870e-7, 1.84631_83175_10054_68180e-5,
     7.86869_13114_56132_59100e-4, 1.48753_61290_85061_48525e-2, 1.36929_88092_27358_05310e-1,
     5.99832_20655_58879_37690e-1, 1.0),
)  # fmt: skip
"""Coefficients of numerator and denominator, the highest power first: where the distribution
function is within 0.425 of a half, beyond, and far beyond."""

CENTRE_ABOVE, CENTRE_BELOW = CENTRE
TAIL_ABOVE, TAIL_BELOW = TAIL
FAR_ABOVE, FAR_BELOW = FAR

TERMS = 12
"""Terms of the logarithm's series: the next one is below 1e-17 of the first."""

LN_2 = 0.6931471805599453


@lane
def logarithm(x: Number) -> Number:
    """Return the natural logarithm of a positive number, to some last bits.

    With x = 2^k m and m near 1, log m = 2 (s + s^3 / 3 + s^5 / 5 + ...), s = (m - 1) / (m + 1).
    """
    k = exponent(x)
    m = x * power_of_two(precision(x).rounding - k)
    above = m > 1.4142135623730951
    m = where(above, 0.5 * m, m)
    k = where(above, k + 1.0, k)
    s = (m - 1.0) / (m + 1.0)
    square = s * s
    series = square * (1.0 / (2 * TERMS - 1))
    for i in range(1, TERMS - 1):
        series = (series + 1.0 / (2 * (TERMS - i) - 1)) * square
    return k * LN_2 + 2.0 * (s * series + s)


@lane
def polynomial(coefficients: Any, x: Number) -> Number:
    """Return a polynomial of degree 7, the highest power's coefficient first."""
    value = x * coefficients[0] + coefficients[1]
    for i in range(2, 8):
        value = value * x + coefficients[i]
    return value


@lane
def deviate(u: Number) -> Number:
    """Return a standard normal deviate from a number in [0, 1) with 53 bits.

    Taken is the middle of the 2^-53 that the number stands for, so that a deviate and its
    negative are equally likely, and none is infinite.
    """
    q = (u - 0.5) + 2.0**-54  # exact
    centre = absolute(q) <= 0.425
    a = 0.180625 - q * q
    r = root(-logarithm(0.5 - absolute(q)))
    near = r <= 5.0
    b = where(near, r - 1.6, r - 5.0)
    above = where(near, polynomial(TAIL_ABOVE, b), polynomial(FAR_ABOVE, b))
    below = where(near, polynomial(TAIL_BELOW, b), polynomial(FAR_BELOW, b))
    above = where(centre, polynomial(CENTRE_ABOVE, a) * absolute(q), above)
    below = where(centre, polynomial(CENTRE_BELOW, a), below)
    size = above / below
    return where(q < 0.0, -size, size)


@lane
def normal(draw: Any) -> Number:
    """Return a standard normal deviate made from each of several steps' draws."""
    return deviate(fraction(draw))


@lane
def normal_at(key: int, i: int) -> float:
    """Return the standard normal deviate made from draw i of a stream."""
    return real(total(normal(word(key, count_from(i, 1)))))
