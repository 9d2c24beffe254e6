"""The store keeps trials apart, refuses what it cannot read, and leaves it as it was."""

import gc
import random
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from lstmbook.experiments.store import APPLICATION, Record, Store, StoreError

RECORD = Record(
    experiment="table2/q50-p50",
    options='{"a":1}',
    dtype="float64",
    seed=7,
    engine="engine 1",
    method="LSTM",
    ending="success",
    sequences=31_000,
    presented=31_999,
    steps=10**10,
    errors=(0.25, 1 / 3),
    milestones={"errors below 0.3": 5},
    seconds=1.5,
    ended="2001-02-03T04:05:06+00:00",
    made_with="Python",
)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "new folder" / "results.sqlite"


def test_what_is_written_is_read(path):
    with Store(path) as store:
        assert store.add(RECORD)
    with Store(path) as store:
        (kept,) = store.records()
        assert store.count() == 1
    assert kept == RECORD
    assert (kept.seconds, kept.ended) == (RECORD.seconds, RECORD.ended)
    assert kept.errors == RECORD.errors


def test_a_trial_is_written_once(path):
    with Store(path) as one, Store(path) as other:
        assert one.add(RECORD)
        assert not other.add(replace(RECORD, sequences=1))
        assert [each.sequences for each in one.records()] == [31_000]


@pytest.mark.parametrize(
    "change",
    [
        {"experiment": "table2/q100-p100"},
        {"options": '{"a":2}'},
        {"dtype": "float32"},
        {"seed": 8},
        {"engine": "engine 2"},
    ],
)
def test_another_trial_stands_beside_it(path, change):
    other = replace(RECORD, sequences=5, **change)
    with Store(path) as store:
        assert store.add(RECORD)
        assert store.add(other)
        assert set(map(str, store.records())) == {str(RECORD), str(other)}
        for each in (RECORD, other):
            key = (each.experiment, each.options, each.dtype, each.engine)
            assert each.seed in store.seeds(*key)
            assert len(store.seeds(*key)) == (2 if "seed" in change else 1)


def test_an_impossible_record_is_not_written(path):
    with Store(path) as store:
        with pytest.raises(ValueError, match=r"record cannot be kept .*ending"):
            store.add(replace(RECORD, ending="bored"))
        assert store.count() == 0
        assert store.add(RECORD)


def untouched(path, message):
    before = path.read_bytes()
    with pytest.raises(StoreError, match=message):
        Store(path)
    assert path.read_bytes() == before


def filled(path, n=200):
    with Store(path) as store:
        for seed in range(n):
            store.add(replace(RECORD, seed=seed, errors=(0.5,) * 50))


def test_a_newer_store_is_left_alone(path):
    filled(path, 1)
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 2")
    connection.close()
    untouched(path, r"written by a newer version of lstmbook \(format 2; this one reads 1\)")


@pytest.mark.parametrize("place", [0, 20, 100, 4096, 4096 * 3, 4096 * 10])
def test_a_damaged_store_is_left_alone(path, place):
    filled(path)
    content = bytearray(path.read_bytes())
    assert len(content) > 4096 * 11
    content[place : place + 64] = random.Random(place).randbytes(64)
    path.write_bytes(content)
    untouched(path, "is damaged|is not a store|is a database of something else|newer version")


@pytest.mark.parametrize("length", [50, 4096, 10_000])
def test_a_cut_store_is_left_alone(path, length):
    filled(path)
    path.write_bytes(path.read_bytes()[:length])
    untouched(path, "is damaged|is not a store")


def test_a_store_whose_making_was_cut_short_is_made(path):
    path.parent.mkdir()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.close()
    assert path.stat().st_size
    filled(path, 1)
    with Store(path) as store:
        assert store.count() == 1


def test_something_else_is_left_alone(path):
    path.parent.mkdir()
    path.write_text("my thesis, only copy")
    untouched(path, "is not a store of results")
    path.unlink()
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE recipes (cake TEXT)")
    connection.close()
    untouched(path, "is a database of something else")
    with pytest.raises(StoreError, match=r"cannot be (read|opened)"):
        Store(path.parent)


def test_an_unreadable_row_is_named(path):
    filled(path, 2)
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA application_id").fetchone() == (APPLICATION,)
    with connection:
        connection.execute("UPDATE trials SET errors = '[0.5' WHERE seed = 1")
    connection.close()
    with Store(path) as store, pytest.raises(StoreError, match=r"damaged: trial table2/.*seed 1"):
        list(store.records())


def test_a_new_store_may_be_opened_by_several_at_the_same_moment(tmp_path):
    together = threading.Barrier(3)

    def opened(_):
        found = []
        for n in range(60):
            together.wait()
            with Store(tmp_path / f"{n}.sqlite") as store:
                found.append(store.count())
        return found

    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(opened, range(3))) == [[0] * 60] * 3


def test_an_open_store_may_be_used_in_other_threads(tmp_path):
    for path in (tmp_path / "s.sqlite", ":memory:"):
        with Store(path) as store, ThreadPoolExecutor(4) as pool:
            some = [replace(RECORD, seed=seed) for seed in range(80)]
            assert all(pool.map(store.add, some))
            counts = pool.map(lambda _, store=store: len(list(store.records())), range(100))
            assert set(counts) == {80}


def test_a_store_that_nobody_holds_is_closed(path):
    store = Store(path)
    connection = store._connection
    assert connection.execute("SELECT 1").fetchone() == (1,)
    del store
    gc.collect()
    with pytest.raises(sqlite3.ProgrammingError, match="closed"):
        connection.execute("SELECT 1")
