"""The tally counts what arrays really multiply."""

import numpy as np

from lstmbook.counting import Tally


def test_products_are_counted_and_results_unchanged():
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 3)), rng.normal(size=(3, 4))
    tally = Tally()
    watched = tally.watch(a)
    assert np.array_equal(watched @ b, a @ b)
    assert tally.multiplications == 2 * 3 * 4
    assert np.array_equal(3.0 * watched, 3.0 * a)
    assert tally.multiplications == 24 + 6
    assert np.array_equal(np.multiply.outer(b, watched), np.multiply.outer(b, a))
    assert tally.multiplications == 30 + 12 * 6
    assert np.array_equal(np.einsum("ij,jk->ik", watched, b), np.einsum("ij,jk->ik", a, b))
    assert tally.multiplications == 102 + 24


def test_additions_are_free_and_the_tally_travels():
    tally = Tally()
    total = tally.watch(np.ones(5)) + 1.0
    total += 1.0
    assert tally.multiplications == 0
    joined = np.concatenate([np.zeros(2), total])
    assert (joined * 2.0).size == 7
    assert tally.multiplications == 7


def test_arrays_that_are_not_watched_are_not_counted():
    tally = Tally()
    tally.watch(np.ones(3))
    np.ones(3) * np.ones(3)
    assert tally.multiplications == 0
