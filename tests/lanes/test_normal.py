"""Normal deviates: the inverse of the normal distribution, with the same bits everywhere."""

import math
from statistics import NormalDist
from typing import Any, NamedTuple

import numpy as np
import pytest

from lstmbook.lanes.blocks import Layout, aligned, number, view, whole
from lstmbook.lanes.draws import Stream
from lstmbook.lanes.normal import deviate, logarithm, normal, normal_at
from lstmbook.lanes.specialise import compile_function
from lstmbook.lanes.words import Constants, count_from, lane, put, word

pytest.importorskip("numba")

N = 64


class Arrays(NamedTuple):
    x: Any
    out: Any
    plan: Any


class Case(Constants):
    block = Layout.of("float64", {"x": number(N)})
    plan = Layout.of("int64", {"key": whole(), "first": whole()})


@lane
def of_numbers(case: Any, A: Any) -> None:
    X = view(case.block, A.x, 0)
    put(A.out, 0, deviate(X.x))


@lane
def of_positive(case: Any, A: Any) -> None:
    X = view(case.block, A.x, 0)
    put(A.out, 0, logarithm(X.x))


@lane
def of_draws(case: Any, A: Any) -> None:
    plan = view(case.plan, A.plan, 0)
    put(A.out, 0, normal(word(plan.key, count_from(plan.first, N))))
    A.out[N] = normal_at(plan.key, plan.first + 5)


def both(function, x=None, key=0, first=0):
    found = []
    for run in (lambda f, A: f(Case(), A), lambda f, A: compile_function(f, Case(), A)()):
        A = Arrays(aligned(N, "float64"), aligned(2 * N, "float64"), aligned(2, "int64"))
        if x is not None:
            A.x[:] = x
        A.plan[:] = key, first
        run(function, A)
        found.append(A.out.copy())
    return found


TINY = 2.0**-53
ENDS = [0.0, TINY, 2 * TINY, 1 - TINY, 1 - 2 * TINY, 1e-12, 1e-9, 1 - 1e-9, 0.5, 0.5 - TINY,
        0.075, 0.925, 0.0749999, 0.9250001, math.exp(-25.0), 1.4e-11, 1 - 1.4e-11]  # fmt: skip
"""Both ends, the middle, and where one approximation takes over from another."""


def test_a_deviate_is_the_inverse_of_the_distribution_function():
    rng = np.random.default_rng(0)
    for seed in range(20):
        u = np.floor(rng.random(N) * 2**53) * TINY
        if seed == 0:
            u[: len(ENDS)] = np.floor(np.array(ENDS) * 2**53) * TINY
        plain, compiled = both(of_numbers, u)
        assert plain.tobytes() == compiled.tobytes()
        for x, each in zip(plain[:N], u, strict=True):
            # from the nearer end, where the probability has its digits
            p = each + TINY / 2 if each < 0.5 else (1 - each) - TINY / 2
            oracle = NormalDist().inv_cdf(p)
            assert x == pytest.approx(oracle if each < 0.5 else -oracle, rel=1e-14, abs=1e-15)
            assert 0.5 * math.erfc(abs(x) / math.sqrt(2)) == pytest.approx(p, rel=1e-13)


def test_a_logarithm_keeps_its_digits():
    rng = np.random.default_rng(1)
    for scale in (1e-16, 1e-8, 1.0, 1e8):
        x = rng.random(N) * scale + scale * 1e-3
        plain, compiled = both(of_positive, x)
        assert plain.tobytes() == compiled.tobytes()
        np.testing.assert_allclose(plain[:N], np.log(x), rtol=4e-16, atol=1e-16)


@pytest.mark.parametrize("key", [0, 2**62 + 3, -5])
def test_deviates_are_made_from_the_streams_draws(key):
    plain, compiled = both(of_draws, key=key, first=7)
    assert plain.tobytes() == compiled.tobytes()
    assert plain[N] == plain[5]
    stream = Stream(key % 2**64, 7)
    for x in plain[:N]:
        p = stream.fraction() + TINY / 2
        assert x == pytest.approx(NormalDist().inv_cdf(p), rel=1e-12, abs=1e-15)


def test_deviates_have_the_moments_of_a_normal_distribution():
    n = 40_000
    x = normal(word(3, np.arange(n)))
    # the standard errors of the first four moments are 1, sqrt(2), sqrt(15), sqrt(96)
    for power, moment, spread in ((1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96)):
        assert abs((x**power).mean() - moment) < 4 * math.sqrt(spread / n)
    assert abs((x[1:] * x[:-1]).mean()) < 4 / math.sqrt(n)
