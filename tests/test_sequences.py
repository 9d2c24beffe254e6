"""Alphabets, sequences and batches keep what they are given and refuse what does not fit."""

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lstmbook.protocols import run_trial
from lstmbook.sequences import (
    Alphabet,
    Batch,
    Sequence,
    as_choice,
    errors,
    freeze,
    loss,
    one_hot,
    read_only,
)
from lstmbook.tasks.long_time_lags import RandomDistractors, RandomMiddle
from lstmbook.tasks.reber import EmbeddedReber

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


@pytest.mark.parametrize(
    ("codes", "error", "says"),
    [
        ([0, -1], ValueError, r"codes\[1\] is -1; it must be from 0 to 6"),
        ([7], ValueError, r"codes\[0\] is 7; it must be from 0 to 6"),
        (np.array([2**64 - 1], np.uint64), ValueError, r"codes\[0\] is 18446744073709551615; it"),
        ([0.9], TypeError, r"codes must be whole numbers from 0 to 6, not \[0.9\]"),
        ([True], TypeError, r"codes must be whole numbers from 0 to 6, not \[True\]"),
        (["B"], TypeError, r"codes must be whole numbers from 0 to 6, not \['B'\]"),
        ([[0]], TypeError, r"codes must be whole numbers from 0 to 6, not \[\[0\]\]"),
    ],
)
def test_codes_that_are_no_symbol_are_refused(codes, error, says):
    for use in (LETTERS.decode, LETTERS.one_hot, lambda each: one_hot(each, 7)):
        with pytest.raises(error, match=says):
            use(codes)


def test_codes_may_be_small_integers_an_iterator_or_none_at_all():
    assert LETTERS.decode(np.array([1, 6], np.uint8)) == ("T", "E")
    assert LETTERS.decode(iter([1, 6])) == ("T", "E")
    assert LETTERS.decode([]) == ()
    assert one_hot([], 3).shape == (0, 3)


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
    with pytest.raises(ValueError, match=r"inputs\[1\] is 3; it must be from 0 to 2"):
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


@pytest.mark.parametrize("mask", [["no", "yes"], [0, 1], [0.0, 1.0], np.array([True, None])])
def test_a_mask_is_bools_and_nothing_that_could_be_taken_for_them(mask):
    with pytest.raises(TypeError, match=r"mask must be an array of bools, not .*(yes|1|None)"):
        Sequence([0, 1], np.zeros((2, 1)), mask, 3)
    assert Sequence([0, 1], np.zeros((2, 1)), [False, True], 3).mask.tolist() == [False, True]


def arrays(held):
    """Return the arrays of a sequence or batch by name, and what else it gives out of them."""
    found = {name: each for name, each in vars(held).items() if isinstance(each, np.ndarray)}
    return found | ({"x": held.x} if isinstance(held, Sequence) and not held.symbolic else {})


def refuses_writing(held):
    for name, array in arrays(held).items():
        with pytest.raises(ValueError, match="read-only"):
            array[:] = 1
        with pytest.raises(ValueError, match="read-only"):
            array.view().T[...] = 1
        assert not array.flags.writeable, name
    return len(arrays(held))


@pytest.mark.parametrize("symbolic", [True, False])
def test_nobody_writes_to_what_all_learners_share(symbolic):
    batch = Batch.of([a_sequence(T=T, symbolic=symbolic, seed=T) for T in (3, 5)])
    assert refuses_writing(batch) == 4
    for held in (a_sequence(symbolic=symbolic), batch[1]):
        assert refuses_writing(held) == (3 if symbolic else 4)
    with pytest.raises(ValueError, match="WRITEABLE"):
        batch[1].targets.setflags(write=True)


@pytest.mark.parametrize(
    "sample",
    [
        EmbeddedReber.draw(np.random.default_rng(0), 3, 3).sample,
        RandomMiddle(p=5).sample,
        RandomDistractors(q=5, p=5).sample,
    ],
)
def test_what_a_task_draws_is_read_only(sample):
    assert refuses_writing(sample(np.random.default_rng(1))) == 3


@pytest.mark.parametrize("symbolic", [True, False])
@pytest.mark.parametrize(
    "copied", [lambda held: pickle.loads(pickle.dumps(held)), copy.copy, copy.deepcopy]
)
def test_a_copy_is_read_only_too(symbolic, copied):
    before = Batch.of([a_sequence(symbolic=symbolic)])
    after = copied(before)
    assert refuses_writing(after) == 4
    assert refuses_writing(copied(before[0])) == (3 if symbolic else 4)
    for name, array in arrays(before).items():
        assert np.array_equal(array, arrays(after)[name], equal_nan=array.dtype.kind == "f")


def locked_view(array):
    """Return a view that cannot be written to, of an array that can."""
    view = array[:]
    view.setflags(write=False)
    return view


@pytest.mark.parametrize("given", [lambda array: array, lambda array: array[:], locked_view])
@pytest.mark.parametrize("symbolic", [True, False])
def test_the_givers_arrays_stay_its_own(symbolic, given):
    inputs = np.array([0, 1]) if symbolic else np.zeros((2, 3))
    own = [inputs, np.zeros((2, 1)), np.array([True, True])]
    sequence = Sequence(*map(given, own), 3)
    batch = Batch(*map(given, own), given(starts := np.array([0, 2])), 3)
    for array in (*own, starts):
        array[...] = 1 - array
    for held in (sequence, batch, batch[0]):
        assert np.array_equal(held.inputs, 1 - inputs)
        assert (held.targets == 0).all()
        assert held.mask.all()
    assert batch.starts.tolist() == [0, 2]


def test_what_nobody_can_write_to_is_not_copied():
    batch = Batch.of([a_sequence(T=3), a_sequence(T=5)])
    sequence = batch[1]
    for name in ("inputs", "targets", "mask"):
        assert getattr(sequence, name).base is getattr(batch, name)
    fixed = freeze(np.zeros(3))
    assert read_only(fixed) is fixed
    assert read_only(view := fixed[1:]) is view
    foreign = np.frombuffer(bytearray(8))
    foreign.setflags(write=False)
    assert not np.shares_memory(read_only(foreign), foreign)


class Noting:
    """Predicts nothing; keeps what it was told."""

    def __init__(self):
        self.told = []

    def predict(self, sequence):
        return np.zeros(sequence.targets.shape)

    def learn(self, sequence):
        self.told.append(sequence.targets.copy())
        return self.predict(sequence)


class Turning(Noting):
    """Turns its targets round, in place."""

    def learn(self, sequence):
        sequence.targets[:] = 1 - sequence.targets
        return super().learn(sequence)


def test_a_learner_that_writes_to_its_targets_ends_and_spoils_no_other_trial():
    def trial(learner, task):
        run_trial(task, learner, np.random.default_rng(1), max_sequences=20)
        return learner.told

    def drawn():
        return EmbeddedReber.draw(np.random.default_rng(0), 5, 5)

    alone, shared = trial(Noting(), drawn()), drawn()
    with pytest.raises(ValueError, match="read-only"):
        trial(Turning(), shared)
    after = trial(Noting(), shared)
    assert len(after) == 20
    assert all(map(np.array_equal, after, alone))


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
