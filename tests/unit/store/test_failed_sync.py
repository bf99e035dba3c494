"""A sync that fails: the handle is dead, the file is opened anew and checked, nothing acknowledged is lost (F-FSYNC)."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from controller import records as r
from controller.errors import StorageError
from controller.store.sqlite import SqliteStore
from tests.unit.store import rows as make


class Disk:
    """Makes the next COMMIT fail, before or after it has really happened; counts who opened the file."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.fails: str | None = None
        self.opened: list[sqlite3.Connection] = []
        disk = self

        class Connection(sqlite3.Connection):
            statements: list[str]

            def execute(self, sql, *parameters):
                self.statements.append(sql)
                if sql == "COMMIT" and disk.fails:
                    when, disk.fails = disk.fails, None
                    if when == "after it happened":
                        super().execute(sql)
                    error = sqlite3.OperationalError("disk I/O error")
                    error.sqlite_errorcode = sqlite3.SQLITE_IOERR_FSYNC
                    raise error
                return super().execute(sql, *parameters)

        def connect(*arguments, **options):
            connection = real(*arguments, **options, factory=Connection)
            connection.statements = []
            disk.opened.append(connection)
            return connection

        real = sqlite3.connect
        monkeypatch.setattr(sqlite3, "connect", connect)


@pytest.fixture
def disk(monkeypatch) -> Disk:
    return Disk(monkeypatch)


@pytest.fixture
def store(disk, tmp_path: Path) -> Iterator[SqliteStore]:
    store = SqliteStore(str(tmp_path))
    store.commit(make.one_of_each)
    disk.opened.clear()
    yield store
    store.close()


WHEN = pytest.mark.parametrize("when", ["before it happened", "after it happened"])


@WHEN
def test_the_failure_is_told_and_the_handle_is_not_used_again(store, disk, when):
    """No retry of the same handle: the next use opens the file anew and has it checked (F-FSYNC)."""
    dead = store._connection
    disk.fails = when
    with pytest.raises(StorageError, match="disk I/O error"):
        store.commit([r.PutNote("a", "b")])
    with pytest.raises(sqlite3.ProgrammingError):
        dead.execute("SELECT 1")
    store.commit([r.PutNote("a", "b")])
    assert len(disk.opened) == 1
    assert "PRAGMA integrity_check(1)" in disk.opened[0].statements


@WHEN
def test_trying_again_stores_everything_once(store, disk, when):
    """Whether or not the failed commit had reached the disk: one message, one sample, nothing before it lost (F-FSYNC)."""
    records = [r.AddTransactionData("t1", '{"timestamp":"2026-03-01T12:01:00Z"}'), r.Enqueue(make.message("m2")), r.Dequeue("m1")]
    disk.fails = when
    with pytest.raises(StorageError):
        store.commit(records)
    store.commit(records)
    durable = store.load()
    assert [message.message_id for message in durable.outbox] == ["m2"]
    assert len(durable.transaction_data["t1"]) == 2
    assert durable.settings == {"HeartbeatInterval": "300"}
    assert store.recovered is None


def test_the_log_is_emptied_before_it_is_written_again(store, disk, tmp_path):
    """Its unsynced part may be missing after a power cut, and later commits with it; so it is copied over first (F-FSYNC)."""
    disk.fails = "after it happened"
    with pytest.raises(StorageError):
        store.commit([r.PutNote("a", "b")])
    store.load()
    log = tmp_path / "evcp.db-wal"
    assert not log.exists() or log.stat().st_size == 0
    assert "PRAGMA wal_checkpoint(TRUNCATE)" in disk.opened[0].statements


def test_a_disk_that_cannot_be_read_is_not_called_damaged(store, tmp_path, monkeypatch):
    """EIO at opening: refused and tried again later; the database stays where it is (F-FSYNC, F-RO)."""
    store.close()

    def fails(*_arguments, **_options):
        error = sqlite3.OperationalError("disk I/O error")
        error.sqlite_errorcode = sqlite3.SQLITE_IOERR_READ
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(sqlite3, "connect", fails)
        with pytest.raises(StorageError, match="I/O error"):
            store.load()
    assert list(tmp_path.glob("*damaged*")) == []
    assert len(store.load().outbox) == 1
