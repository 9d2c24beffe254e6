"""Intervals against known values, and the verdict's rule."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lstmbook.experiments.designs import Published
from lstmbook.experiments.statistics import (
    VERDICTS,
    bootstrap,
    in_order,
    kinds,
    milestones,
    summarize,
    verdict,
    wilson,
)


@pytest.mark.parametrize(
    ("successes", "trials", "low", "high"),
    # Newcombe 1998 (Statistics in Medicine 17), table I, method 3; the last: 1 / (1 + z^2 / n)
    [
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0, 0.1611),
        (1, 29, 0.0061, 0.1718),
        (10, 10, 0.7225, 1),
    ],
)
def test_wilson_against_printed_values(successes, trials, low, high):
    assert wilson(successes, trials) == pytest.approx((low, high), abs=6e-5)


@given(st.integers(1, 200), st.floats(0, 1))
def test_wilson_ends_where_the_score_test_does(trials, share):
    successes = round(share * trials)
    for end in wilson(successes, trials):
        if 0 < end < 1:
            z = (successes / trials - end) / np.sqrt(end * (1 - end) / trials)
            assert abs(z) == pytest.approx(1.959964, rel=1e-5)


@pytest.mark.parametrize(("successes", "trials"), [(0, 0), (3, 2), (-1, 2)])
def test_wilson_refuses(successes, trials):
    with pytest.raises(ValueError, match=r"trials is 0|successes is"):
        wilson(successes, trials)


def test_bootstrap_of_few_values_is_that_of_all_their_resamples():
    values = [1.0, 2.0, 4.0, 8.0]
    every = np.array(np.meshgrid(*[values] * 4)).reshape(4, -1)
    for statistic in (np.mean, np.median):
        exact = np.quantile(statistic(every, axis=0), [0.025, 0.975])
        assert bootstrap(values, statistic) == pytest.approx(tuple(exact), abs=0.26)


def test_bootstrap_of_many_values_is_nearly_normal():
    values = np.random.default_rng(5).normal(100, 10, 400)
    low, high = bootstrap(values)
    half = 1.96 * values.std() / 20
    assert (high - low) / 2 == pytest.approx(half, rel=0.03)
    assert (high + low) / 2 == pytest.approx(values.mean(), abs=half / 20)


def test_bootstrap_is_seeded_and_blind_to_order():
    values = [3.0, 1.0, 7.0, 5.0]
    assert bootstrap(values) == bootstrap(values[::-1])
    assert bootstrap(values, seed=1) == bootstrap(values, seed=1)
    assert bootstrap([6.0]) == (6.0, 6.0)
    with pytest.raises(ValueError, match="values is empty"):
        bootstrap([])


def test_a_summary_counts_endings_and_averages_successes():
    ours = summarize(["success", "cap", "success", "diverged"], [10, 99, 30, 7])
    assert (ours.trials, ours.successes, ours.capped, ours.diverged) == (4, 2, 1, 1)
    assert (ours.mean, ours.median, ours.success) == (20, 20, 0.5)
    assert ours.mean_interval == (10, 30)
    none = summarize(["cap"], [99])
    assert (none.mean, none.mean_interval, none.median) == (None, None, None)
    with pytest.raises(ValueError, match="at least one trial"):
        summarize([], [])


def ours(*counts, failed=0):
    return summarize(["success"] * len(counts) + ["cap"] * failed, [*counts, *[999] * failed])


TEN = tuple(range(95, 105))


@pytest.mark.parametrize(
    ("published", "results", "word"),
    [
        (Published(1.0, 100, 18), ours(*TEN), "reproduced"),
        (Published(1.0, 110, 18), ours(*TEN), "same order"),
        (Published(1.0, 199, 18), ours(*TEN), "same order"),
        (Published(1.0, 200, 18), ours(*TEN), "differs"),
        (Published(1.0, 49, 18), ours(*TEN), "differs"),
        # the share: outside of our interval, but the intervals overlap
        (Published(1.0, 100, 18), ours(*TEN, failed=2), "same order"),
        (Published(1.0, 100, None), ours(*TEN, failed=2), "differs"),
        (Published(1.0, 100, 18), ours(*TEN, failed=10), "differs"),
        # nothing printed of one of them
        (Published(None, 100, 20), ours(*TEN, failed=10), "reproduced"),
        (Published(0.0, None, 18), ours(failed=18), "reproduced"),
        (Published(0.0, None, 18), ours(50, failed=17), "same order"),
        (Published(0.0, None, 18), ours(*TEN, failed=8), "differs"),
        (Published(1.0, 100, 18), ours(failed=3), "differs"),
        (Published(), ours(*TEN), "nothing to compare"),
        (Published(1.0, 100, 18), None, "not run"),
    ],
)
def test_the_verdict(published, results, word):
    assert word in VERDICTS
    assert verdict(published, results) == word


def test_what_counts_no_sequences_is_no_milestone():
    noted = {"90% of strings predicted": 512, "hidden units": 5, "epochs": 9, "share": 0.5}
    assert [each.name for each in milestones([noted])] == ["90% of strings predicted"]


def test_milestones_stand_by_kind_and_the_easier_ones_first():
    noted = [
        {"50% of strings predicted": 9, "50% of second symbols remembered": 2},
        {"errors below 0.1": 8, "errors below 0.3": 6, "100% right": 7, "90% right": 4},
        {"75% of strings predicted": 11, "100% of strings predicted": 12, "50% right": 1},
        {"75% of second symbols remembered": 3, "blocks added": [5]},
    ]
    expected = (
        *(f"{share}% right" for share in (50, 90, 100)),
        *(f"{share}% of strings predicted" for share in (50, 75, 100)),
        *(f"{share}% of second symbols remembered" for share in (50, 75)),
        *(f"errors below {size}" for size in (0.3, 0.1)),
    )
    assert tuple(each.name for each in milestones(noted)) == expected
    assert in_order(reversed(expected)) == expected


def test_a_share_tells_that_its_kind_was_looked_at():
    noted = [{"largest share of strings predicted": 0.0, "hidden units": 5}, {"50% right": 3}]
    assert kinds(noted) == ("right", "strings predicted", "hidden units")
    assert kinds([{}]) == ()
