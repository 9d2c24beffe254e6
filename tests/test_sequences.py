"""Alphabets, sequences and batches keep what they are given and refuse what does not fit."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lstmbook.sequences import Alphabet, Batch, Sequence, as_choice, errors, loss, one_hot

LETTERS = Alphabet(("B", "T", "P", "S", "X", "V", "E"))


def a_sequence(T=4, n_inputs=3, n_outputs=2, symbolic=True, seed=0):
    rng = np.random.default_rng(seed)
    inputs = rng.integers(0, n_inputs, T) if symbolic else rng.normal(size=(T, n_inputs))
    mask = rng.random(T) < 0.5
    targets = np.where(mask[:, None], rng.random((T, n_outputs)), np.nan)
    return Sequence(inputs, targets, mask, n_inputs)


@given(st.lists(st.sampled_from(LETTERS.symbols), min_size=1, max_size=20))
def test_decoding_undoes_encoding_and_one_hot_marks_the_code(word):
    codes = LETTERS.encode(word)
    assert LETTERS.decode(codes) == tuple(word)
    vectors = LETTERS.one_hot(codes)
    assert vectors.shape == (len(word), 7)
    assert (vectors.sum(axis=1) == 1).all()
    assert (vectors.argmax(axis=1) == codes).all()


def test_alphabet_errors_name_the_symbol():
    with pytest.raises(ValueError, match=r"symbol is 'Q'.*B, T, P"):
        LETTERS.code("Q")
    with pytest.raises(ValueError, match="twice"):
        Alphabet(("a", "a"))
    with pytest.raises(ValueError, match="empty"):
        Alphabet(())


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.booleans())
def test_loss_counts_only_masked_steps(seed, symbolic):
    sequence = a_sequence(T=6, symbolic=symbolic, seed=seed)
    outputs = np.random.default_rng(seed + 1).random((6, 2))
    e = errors(sequence, outputs)
    assert (e[~sequence.mask] == 0).all()
    expected = sum(
        0.5 * ((sequence.targets[t] - outputs[t]) ** 2).sum() for t in range(6) if sequence.mask[t]
    )
    assert loss(sequence, outputs) == pytest.approx(expected)


def test_symbols_and_their_unit_vectors_are_the_same_input():
    sequence = a_sequence()
    assert sequence.symbolic
    assert (sequence.x == one_hot(sequence.inputs, 3)).all()
    dense = Sequence(sequence.x, sequence.targets, sequence.mask, 3)
    assert not dense.symbolic
    assert (dense.x == sequence.x).all()


def test_sequence_errors_name_the_argument():
    good = a_sequence()
    with pytest.raises(ValueError, match="from 0 to 2"):
        Sequence(np.array([0, 3]), np.zeros((2, 1)), np.ones(2, bool), 3)
    with pytest.raises(ValueError, match="targets has shape"):
        Sequence(good.inputs, np.zeros((3, 2)), good.mask, 3)
    with pytest.raises(ValueError, match="mask has shape"):
        Sequence(good.inputs, good.targets, np.ones(3, bool), 3)
    with pytest.raises(ValueError, match=r"targets\[1\].*counts that step"):
        Sequence(np.array([0, 1]), [[1.0], [np.nan]], np.array([True, True]), 3)
    with pytest.raises(ValueError, match="no steps"):
        Sequence(np.array([], dtype=int), np.zeros((0, 1)), np.zeros(0, bool), 3)
    with pytest.raises(ValueError, match="outputs has shape"):
        loss(good, np.zeros((1, 2)))


@pytest.mark.parametrize("symbolic", [True, False])
def test_a_batch_gives_back_its_sequences(symbolic):
    sequences = [a_sequence(T=T, symbolic=symbolic, seed=T) for T in (3, 1, 5)]
    batch = Batch.of(sequences)
    assert len(batch) == 3
    for before, after in zip(sequences, batch, strict=True):
        assert np.array_equal(before.inputs, after.inputs)
        assert np.array_equal(before.targets, after.targets, equal_nan=True)
        assert np.array_equal(before.mask, after.mask)
    with pytest.raises(IndexError, match="0 to 2"):
        batch[3]


def test_a_batch_refuses_mixtures_and_nothing():
    with pytest.raises(ValueError, match="mixes"):
        Batch.of([a_sequence(), a_sequence(symbolic=False)])
    with pytest.raises(ValueError, match="at least one"):
        Batch.of([])


def test_a_choice_lists_what_is_allowed():
    assert as_choice("when", "now", ("now", "later")) == "now"
    with pytest.raises(ValueError, match="when is 'never'; it must be one of 'now', 'later'"):
        as_choice("when", "never", ("now", "later"))
