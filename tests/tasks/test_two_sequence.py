"""Noise and signal: what NC says of its experiment 3 holds for every sequence."""

import math

import numpy as np
import pytest

from lstmbook.lanes.draws import Stream, stream_key
from lstmbook.protocols import judge_of
from lstmbook.tasks.two_sequence import CRITERIA, NoiseAndSignal


def drawn(task, n, clean=False):
    stream = Stream(5)
    return [(task.sample_clean if clean else task.sample)(stream) for _ in range(n)]


def line(sequence):
    return np.asarray(sequence.inputs)[:, 0]


@pytest.mark.parametrize("variant", ["3a", "3b", "3c"])
@pytest.mark.parametrize("N", [1, 3])
def test_signal_and_noise_are_as_told(variant, N):
    sequences = drawn(NoiseAndSignal.of(variant, T=40, N=N), 600)
    clean = drawn(NoiseAndSignal.of(variant, T=40, N=N), 600, clean=True)
    of_plus = 0.2 if variant == "3c" else 1.0
    signal, noise, lengths = [], [], set()
    for each, free in zip(sequences, clean, strict=True):
        np.testing.assert_array_equal(each.inputs, free.inputs)
        sign = 1.0 if free.targets[-1, 0] == of_plus else -1.0
        signal.append(line(each)[:N] - sign)
        noise.append(line(each)[N:])
        lengths.add(len(each))
        assert np.isnan(each.targets[:-1]).all()
    assert lengths == set(range(40, 45))
    noise, signal = np.concatenate(noise), np.concatenate(signal)
    assert abs(noise.var() / 0.2 - 1) < 4 * math.sqrt(2 / len(noise))
    assert abs(noise.mean()) < 4 * math.sqrt(0.2 / len(noise))
    if variant == "3b":
        assert abs(signal.var() / 0.2 - 1) < 4 * math.sqrt(2 / len(signal))
    else:
        assert (signal == 0).all()
    assert {each.targets[-1, 0] for each in clean} == ({0.2, 0.8} if of_plus < 1 else {0.0, 1.0})


def test_targets_have_noise_in_3c_only():
    for variant in ("3a", "3b", "3c"):
        task = NoiseAndSignal.of(variant, T=10)
        noisy, clean = (
            np.array([each.targets[-1, 0] for each in drawn(task, 2000, clean)])
            for clean in (False, True)
        )
        noise = noisy - clean
        if variant == "3c":
            assert abs(noise.std() / 0.32 - 1) < 4 / math.sqrt(4000)
            assert abs(noise.mean()) < 4 * 0.32 / math.sqrt(2000)
            assert abs((noise * (clean - 0.5)).mean()) < 4 * 0.32 * 0.3 / math.sqrt(2000)
        else:
            assert (noise == 0).all()


@pytest.mark.parametrize("variant", ["3a", "3c"])
def test_the_loss_of_doing_nothing_is_what_constant_outputs_cost(variant):
    task = NoiseAndSignal.of(variant, T=10)
    targets = np.array([each.targets[-1, 0] for each in drawn(task, 4000)])
    nothing = task.doing_nothing()
    cost = 0.5 * (targets - nothing.outputs[0]) ** 2
    assert abs(cost.mean() - nothing.loss) < 4 * cost.std() / math.sqrt(len(cost)) + 1e-12


def test_tests_are_256_sequences_without_noise_in_their_targets():
    task = NoiseAndSignal.of("3c", T=10)
    judge = judge_of(task, Stream(stream_key(1, "test")))
    assert len(judge.tried) == 256
    assert {each.targets[-1, 0] for each in judge.tried} == {0.2, 0.8}


def test_criteria_are_the_papers():
    found = {key: (c.tolerance, c.fewer_than, c.mean) for key, c in CRITERIA.items()}
    assert found == {
        ("3a", "ST1"): (0.2, 1, None),
        ("3a", "ST2"): (0.2, 1, 0.01),
        ("3b", "ST1"): (0.2, 6, None),
        ("3b", "ST2"): (0.2, 6, 0.04),
        ("3c", "ST2"): (0.1, 1, 0.015),
    }
    assert NoiseAndSignal.of("3b", stop="ST1").criterion is CRITERIA["3b", "ST1"]
    assert NoiseAndSignal(T=100, N=3).lag == 97


@pytest.mark.parametrize(
    ("make", "named"),
    [
        (lambda: NoiseAndSignal(T=2), "T is 2"),
        (lambda: NoiseAndSignal(N=0), "N is 0"),
        (lambda: NoiseAndSignal(variance=-1.0), "variance is -1"),
        (lambda: NoiseAndSignal(target_noise=-1.0), "target_noise is -1"),
        (lambda: NoiseAndSignal(noisy_signal=1), "noisy_signal is 1"),
        (lambda: NoiseAndSignal.of("3d"), "variant is '3d'"),
        (lambda: NoiseAndSignal.of("3c", stop="ST1"), "stop is 'ST1'"),
    ],
)
def test_impossible_settings_are_named(make, named):
    with pytest.raises((TypeError, ValueError), match=named):
        make()
