"""The SQLite store as a file: synced, private, one writer."""

import os
import sqlite3
import threading
from pathlib import Path

import pytest

from controller import records as r
from controller.errors import StorageError
from controller.store.sqlite import SqliteStore
from tests.unit.store import rows as make

SESSIONS = 50
SAMPLES_PER_SESSION = 60


def test_every_commit_is_synced_before_it_returns(tmp_path):
    """WAL with synchronous FULL: a commit that returned survives a power cut (rule 3 of faults-and-threats, F-POWER)."""
    store = SqliteStore(str(tmp_path))
    store.commit([])
    connection = store._connection
    assert connection is not None
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
    store.close()


def test_what_is_stored_is_for_the_owner_only(tmp_path):
    """Keys and tags are in it (T-SECRETS)."""
    directory = tmp_path / "state"
    store = SqliteStore(str(directory))
    store.commit(make.one_of_each)
    assert directory.stat().st_mode & 0o077 == 0
    assert {path.stat().st_mode & 0o077 for path in directory.glob("evcp.db*")} == {0}
    store.close()


def test_two_threads_take_turns_at_the_database(tmp_path):
    """A commit in the worker thread and the close at the end of the daemon do not meet (one writer)."""
    store = SqliteStore(str(tmp_path))
    threads = [threading.Thread(target=lambda n=number: [store.commit([r.PutNote(f"{n}-{i}", "x")]) for i in range(10)])
               for number in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(5):
        store.close()
    for thread in threads:
        thread.join()
    assert len(store.load().notes) == 40
    store.close()


def test_a_second_writer_waits_and_then_is_refused(tmp_path, monkeypatch):
    """Somebody else holds the file: nothing is half written, and the cause is named."""
    monkeypatch.setattr("controller.store.sqlite.BUSY_MS", 1)
    store = SqliteStore(str(tmp_path))
    store.commit(make.one_of_each)
    other = sqlite3.connect(tmp_path / "evcp.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StorageError, match="locked"):
        store.commit([r.PutNote("a", "b")])
    other.execute("ROLLBACK")
    other.close()
    store.commit([r.PutNote("a", "b")])
    assert store.load().notes == {"boot": "1", "a": "b"}
    assert store.recovered is None, "busy is not damaged"
    store.close()


@pytest.mark.parametrize("obstacle", ["a file in the way", "no permission", "the database is a folder"])
def test_a_directory_that_cannot_be_used_is_named(tmp_path, obstacle):
    """The message tells which directory and why; the daemon goes on without (rule 8 of faults-and-threats, F-RO)."""
    directory = tmp_path / "state"
    match obstacle:
        case "a file in the way":
            directory.write_text("not a directory")
        case "no permission":
            if os.geteuid() == 0:
                pytest.skip("root may write everywhere")
            directory.mkdir(mode=0o500)
        case _:
            (directory / "evcp.db").mkdir(parents=True)
    store = SqliteStore(str(directory))
    with pytest.raises(StorageError, match=str(directory)):
        store.load()
    with pytest.raises(StorageError, match=str(directory)):
        store.commit(make.one_of_each)


def _session(number: int) -> list[list[r.Record]]:
    """The commits of one whole session, from the card to the last answer."""
    local_id, row = f"local-{number:08d}-0123-4567-89ab-cdef01234567", make.transaction()
    running = make.transaction(local_id)
    commits: list[list[r.Record]] = [[r.PutTransaction(running), r.Enqueue(make.message(f"{local_id}-start", local_id))],
                                     [r.Dequeue(f"{local_id}-start"), r.PutTransaction(running)]]
    for sample in range(SAMPLES_PER_SESSION):
        name = f"{local_id}-{sample}"
        value = f'{{"timestamp":"2026-03-01T12:00:{sample:02}Z","sampledValue":[{{"value":"1000.0"}}]}}'
        commits.append([r.PutTransaction(running), r.AddTransactionData(local_id, value),
                        r.Enqueue(make.message(name, local_id, "MeterValues", payload=value * 5))])
        commits.append([r.Dequeue(name)])
    stop = make.message(f"{local_id}-stop", local_id, "StopTransaction", payload="v" * 5000)
    commits += [[r.PutTransaction(make.transaction(local_id, ended=row.started, meter_stop_wh=9000)), r.Enqueue(stop)],
                [r.Dequeue(stop.message_id)]]
    return commits


def test_a_finished_and_delivered_session_costs_at_most_16_kib(tmp_path, monkeypatch):
    """At rest the database grows by no more than that, 60 samples and all (contract.md, Settled)."""
    directory = str(tmp_path)
    sizes = []
    for batch in range(2):
        store = SqliteStore(directory)
        for number in range(SESSIONS):
            for records in _session(batch * SESSIONS + number):
                store._open().execute("PRAGMA synchronous=OFF")  # the disk of the test machine is not under test
                store.commit(records)
        store.close()
        sizes.append(sum(path.stat().st_size for path in Path(directory).glob("evcp.db*")))
    assert sizes[1] - sizes[0] <= SESSIONS * 16 * 1024
    assert sizes[0] <= SESSIONS * 16 * 1024 + 262_144
    assert SqliteStore(directory).load() == r.Durable()
