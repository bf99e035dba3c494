"""Durable state in one SQLite file: WAL, synchronous FULL, one writer.

A commit that failed makes its handle a dead one (F-FSYNC): the next use opens the file anew and checks it. A damaged file is
moved aside, what can be read of it is carried over, and the daemon goes on (`salvage.py`).
"""

import errno
import os
import sqlite3
from collections.abc import Iterable, Sequence
from importlib import resources
from typing import assert_never

from controller import records as r
from controller.errors import StorageError
from controller.faults import FaultKind
from controller.store import salvage
from controller.store.rows import crc, packed, unpacked

FILE = "evcp.db"
RESERVE, RESERVE_BYTES = "reserve", 8 * 1024 * 1024
"""Given up when the disk is full, so that a running session can be closed (F-FULL)."""
PAGES_BEFORE_CHECKPOINT = 64
BUSY_MS = 2000


class SqliteStore:
    """One directory, one database. Used by one thread at a time."""

    def __init__(self, directory: str) -> None:
        self._directory = directory
        self._path = os.path.join(directory, FILE)
        self._connection: sqlite3.Connection | None = None
        self.recovered: str | None = None
        """What happened to a damaged database at start; None when nothing did."""

    # -- opening -----------------------------------------------------------------------------------------------------

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            try:
                os.makedirs(self._directory, mode=0o700, exist_ok=True)
                self._connection = self._checked()
            except (OSError, sqlite3.Error) as error:
                raise self._refusal(error) from error
            self._keep_reserve()
        return self._connection

    def _checked(self) -> sqlite3.Connection:
        """An open, sound and current database; a damaged one is moved aside and salvaged."""
        try:
            return self._prepared()
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError) and not salvage.is_damage(error):
                raise
            aside = salvage.move_aside(self._path)
            connection = self._prepared()
            carried = salvage.carry_over(aside, connection)
            self.recovered = f"the database was damaged ({error}); it is kept as {aside}, {carried} rows were carried over"
            return connection

    def _prepared(self) -> sqlite3.Connection:
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT, 0o600)
        os.close(descriptor)
        connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False, timeout=BUSY_MS / 1000)
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=FULL")
            connection.execute(f"PRAGMA wal_autocheckpoint={PAGES_BEFORE_CHECKPOINT}")
            connection.execute("PRAGMA journal_size_limit=262144")
            verdict = connection.execute("PRAGMA quick_check(1)").fetchone()
            if verdict is None or verdict[0] != "ok":
                message = f"integrity check: {verdict[0] if verdict else 'no answer'}"
                raise sqlite3.DatabaseError(message)  # noqa: TRY301 - treated as SQLite's own verdict below
            migrate(connection)
        except BaseException:
            connection.close()
            raise
        return connection

    def _keep_reserve(self) -> None:
        path = os.path.join(self._directory, RESERVE)
        try:
            if not os.path.exists(path) or os.path.getsize(path) < RESERVE_BYTES:
                descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
                try:
                    os.posix_fallocate(descriptor, 0, RESERVE_BYTES)
                finally:
                    os.close(descriptor)
        except OSError:
            self._give_reserve_up()

    def _give_reserve_up(self) -> bool:
        try:
            os.unlink(os.path.join(self._directory, RESERVE))
        except OSError:
            return False
        return True

    def _refusal(self, error: Exception) -> StorageError:
        return StorageError(f"storage directory {self._directory}: {error}")

    def _bury_handle(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            try:
                connection.close()
            except sqlite3.Error:
                return

    # -- the door ----------------------------------------------------------------------------------------------------

    def load(self) -> r.Durable:
        """Everything that was promised. Raises StorageError."""
        connection = self._open()
        try:
            return _Loading(connection).durable()
        except sqlite3.Error as error:
            self._bury_handle()
            raise self._refusal(error) from error

    def commit(self, records: Sequence[r.Record]) -> None:
        """Apply all of `records`, in order, or none; returns when they are synced. Raises StorageError."""
        try:
            self._commit(records)
        except sqlite3.Error as error:
            self._bury_handle()
            if not _is_full(error) or not self._give_reserve_up():
                raise self._refusal(error) from error
            self._commit_with_reserve(records)

    def _commit_with_reserve(self, records: Sequence[r.Record]) -> None:
        """The disk was full: the reserve has been given up for exactly this."""
        try:
            self._commit(records)
        except sqlite3.Error as error:
            self._bury_handle()
            raise self._refusal(error) from error

    def _commit(self, records: Sequence[r.Record]) -> None:
        connection = self._open()
        connection.execute("BEGIN IMMEDIATE")
        try:
            for record in records:
                _apply(connection, record)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise

    def close(self) -> None:
        """Release the files."""
        self._bury_handle()


def _is_full(error: sqlite3.Error) -> bool:
    return getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL or getattr(error, "errno", None) == errno.ENOSPC


def migrations() -> list[tuple[int, str]]:
    """Numbered schema changes, oldest first."""
    folder = resources.files("controller.store") / "migrations"
    files = sorted((entry for entry in folder.iterdir() if entry.name.endswith(".sql")), key=lambda entry: entry.name)
    return [(int(entry.name.split("_")[0]), entry.read_text()) for entry in files]


def migrate(connection: sqlite3.Connection) -> None:
    """Bring the schema up to date, one numbered file per transaction. Raises DatabaseError for one from the future."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    steps = migrations()
    if version > steps[-1][0]:
        message = f"schema version {version} is newer than this program's {steps[-1][0]}"
        raise sqlite3.DatabaseError(message)
    for number, script in steps:
        if number > version:
            connection.executescript(f"BEGIN IMMEDIATE;\n{script}\nPRAGMA user_version={number};\nCOMMIT;")


class _Loading:
    """Reads what a start needs; rows that are damaged are left out."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def _rows(self, query: str) -> Iterable[tuple[object, ...]]:
        return self._connection.execute(query)

    def durable(self) -> r.Durable:
        """All of it."""
        outbox = [m for content, mark in self._rows("SELECT content, crc FROM outbox ORDER BY seq")
                  if (m := unpacked(r.QueuedMessage, content, mark)) is not None]
        transactions = self._transactions({message.local_id for message in outbox})
        return r.Durable(
            settings={str(name): str(value) for name, value in self._rows("SELECT name, value FROM setting")},
            notes={str(name): str(value) for name, value in self._rows("SELECT name, value FROM note")},
            availability=tuple(self._availability()), transactions=tuple(transactions),
            transaction_data=self._data({row.local_id for row in transactions}), outbox=tuple(outbox),
            cache=tuple(entry for (content,) in self._rows("SELECT entry FROM cache")
                        if (entry := unpacked(r.CacheEntry, content)) is not None),
            latches=tuple(self._latches()),
        )

    def _transactions(self, needed: set[str]) -> list[r.Transaction]:
        query = ("SELECT content, crc FROM charging_transaction WHERE ended = 0 "
                 "UNION ALL SELECT content, crc FROM charging_transaction WHERE ended = 1 "
                 "AND local_id IN (SELECT local_id FROM outbox)")
        rows = [t for content, mark in self._rows(query) if (t := unpacked(r.Transaction, content, mark)) is not None]
        return [row for row in rows if row.ended is None or row.local_id in needed]

    def _data(self, wanted: set[str]) -> dict[str, tuple[str, ...]]:
        gathered: dict[str, list[str]] = {}
        for local_id, value in self._rows("SELECT local_id, meter_value FROM transaction_data ORDER BY seq"):
            if local_id in wanted:
                gathered.setdefault(str(local_id), []).append(str(value))
        return {local_id: tuple(values) for local_id, values in gathered.items()}

    def _availability(self) -> Iterable[r.Availability]:
        for number, operative, scheduled in self._rows("SELECT connector_id, operative, scheduled FROM availability"):
            if isinstance(number, int):
                yield r.Availability(number, bool(operative), None if scheduled is None else bool(scheduled))

    def _latches(self) -> Iterable[tuple[int, FaultKind]]:
        known = {kind.value: kind for kind in FaultKind}
        for number, kind in self._rows("SELECT connector_id, kind FROM latch"):
            if isinstance(number, int) and kind in known:
                yield number, known[str(kind)]


def _apply(connection: sqlite3.Connection, record: r.Record) -> None:
    run = connection.execute
    match record:
        case r.PutSetting(name, value):
            run("INSERT OR REPLACE INTO setting VALUES (?, ?)", (name, value))
        case r.PutNote(name, None):
            run("DELETE FROM note WHERE name = ?", (name,))
        case r.PutNote(name, value):
            run("INSERT OR REPLACE INTO note VALUES (?, ?)", (name, value))
        case r.PutAvailability(row):
            run("INSERT OR REPLACE INTO availability VALUES (?, ?, ?)", (row.connector_id, row.operative, row.scheduled))
        case r.PutTransaction(row):
            _put_transaction(connection, row)
        case r.AddTransactionData(local_id, meter_value):
            run("INSERT INTO transaction_data (local_id, meter_value) VALUES (?, ?)", (local_id, meter_value))
        case r.Enqueue(message):
            content = packed(message)
            run("INSERT INTO outbox (message_id, local_id, content, crc) VALUES (?, ?, ?, ?)",
                (message.message_id, message.local_id, content, crc(content)))
        case r.UpdateQueued(message_id, message):
            content = packed(message)
            run("UPDATE outbox SET message_id = ?, content = ?, crc = ? WHERE message_id = ?",
                (message.message_id, content, crc(content), message_id))
        case r.Dequeue(message_id):
            run("DELETE FROM outbox WHERE message_id = ?", (message_id,))
        case r.Bury(message_id, why):
            run("INSERT INTO dead_letter (content, why) SELECT content, ? FROM outbox WHERE message_id = ?",
                (why, message_id))
            run("DELETE FROM outbox WHERE message_id = ?", (message_id,))
        case r.PutCacheEntry(entry):
            run("INSERT OR REPLACE INTO cache VALUES (?, ?)", (entry.id_tag, packed(entry)))
        case r.DropCacheEntry(id_tag):
            run("DELETE FROM cache WHERE id_tag = ?", (id_tag,))
        case r.ClearCache():
            run("DELETE FROM cache")
        case r.PutLatch(connector_id, kind):
            run("INSERT OR REPLACE INTO latch VALUES (?, ?)", (connector_id, kind.value))
        case r.DropLatch(connector_id, kind):
            run("DELETE FROM latch WHERE connector_id = ? AND kind = ?", (connector_id, kind.value))
        case _:
            assert_never(record)


def _put_transaction(connection: sqlite3.Connection, row: r.Transaction) -> None:
    """An ended transaction needs its gathered values no more: they are inside its StopTransaction."""
    content = packed(row)
    connection.execute("INSERT OR REPLACE INTO charging_transaction VALUES (?, ?, ?, ?, ?)",
                       (row.local_id, row.connector_id, row.ended is not None, content, crc(content)))
    if row.ended is not None:
        connection.execute("DELETE FROM transaction_data WHERE local_id = ?", (row.local_id,))
