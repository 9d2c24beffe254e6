import numpy as np
import pytest

from lstmbook.lanes import draws


def test_draws_are_splitmix64_in_order():
    # the generator's first outputs for the state 0, as its authors' program prints them
    assert [draws.word(0, i) for i in range(3)] == [
        0xE220A8397B1DCDAF,
        0x6E789E6AA1B965F4,
        0x06C45D188009454F,
    ]


def test_many_draws_are_the_single_ones():
    key = draws.stream_key(5, "weights")
    single = [draws.fraction(draws.word(key, i)) for i in range(50)]
    assert draws.fractions(key, 50).tolist() == single


def test_streams_and_seeds_have_different_keys():
    keys = {draws.stream_key(s, name) for s in range(100) for name in draws.STREAMS}
    assert len(keys) == 300


def test_whole_numbers_are_uniform():
    stream = draws.Stream(draws.stream_key(1, "sequences"))
    counts = np.bincount([stream.below(7) for _ in range(14_000)], minlength=7)
    chi_square = ((counts - 2000) ** 2 / 2000).sum()
    assert chi_square < 22.5  # 99.9 % for 6 degrees of freedom


@pytest.mark.parametrize("seed", [-1, 2**64, 1.0])
def test_impossible_seed_is_named(seed):
    with pytest.raises((TypeError, ValueError), match="seed"):
        draws.stream_key(seed, "weights")
