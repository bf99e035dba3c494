"""Durable state in one SQLite file: WAL, synchronous FULL, one writer.

A commit that failed makes its handle a dead one (F-FSYNC): the next use opens the file anew and checks it. A damaged file is
moved aside, what can be read of it is carried over, and the daemon goes on (`salvage.py`).
"""

import contextlib
import errno
import os
import sqlite3
import threading
from collections.abc import Collection, Sequence

from controller import records as r
from controller.errors import StorageError
from controller.store import rows as t
from controller.store import salvage, tables
from controller.store.reserve import Reserve
from controller.store.schema import SchemaTooNew, migrate

FILE = "evcp.db"
PAGES_BEFORE_CHECKPOINT = 64
BUSY_MS = 2000
NO_SPACE_BYTES = 256 * 1024
"""Less than this and a failed write counts as a full disk, whatever SQLite calls it."""


class SqliteStore:
    """One directory, one database, one writer: threads take turns."""

    def __init__(self, directory: str) -> None:
        self._directory = directory
        self._path = os.path.join(directory, FILE)
        self._connection: sqlite3.Connection | None = None
        self._reserve = Reserve(directory)
        self._turn = threading.Lock()
        self.recovered: str | None = None
        """What happened to a damaged database at start; None when nothing did."""

    # -- opening -----------------------------------------------------------------------------------------------------

    def _open(self) -> sqlite3.Connection:
        if self._connection is None:
            try:
                self._connection = self._opened()
            except SchemaTooNew as error:
                raise SchemaTooNew(f"storage directory {self._directory}: {error}") from error
            except (OSError, sqlite3.Error) as error:
                if not self._is_full(error) or not self._reserve.give_up():
                    raise self._refusal(error) from error
                self._connection = self._opened_with_reserve()
        return self._connection

    def _opened(self) -> sqlite3.Connection:
        os.makedirs(self._directory, mode=0o700, exist_ok=True)
        return self._checked()

    def _opened_with_reserve(self) -> sqlite3.Connection:
        try:
            return self._opened()
        except (OSError, sqlite3.Error) as error:
            raise self._refusal(error) from error

    def _checked(self) -> sqlite3.Connection:
        """An open, sound and current database; a damaged one is moved aside and salvaged."""
        salvage.finish(self._path)
        try:
            return self._prepared()
        except salvage.UNREADABLE as error:
            if isinstance(error, sqlite3.OperationalError) and not salvage.is_damage(error):
                raise
            aside, carried = salvage.replace(self._path)
            self.recovered = f"the database was damaged ({error}); it is kept as {aside}, {carried} rows were carried over"
            return self._prepared()

    def _prepared(self) -> sqlite3.Connection:
        self._refuse_remains()
        if not os.path.exists(self._path):
            salvage.create(self._path)
        connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False, timeout=BUSY_MS / 1000)
        try:
            connection.text_factory = lambda raw: raw.decode(errors="replace")
            connection.execute("PRAGMA journal_mode=WAL")
            connection.execute("PRAGMA synchronous=FULL")
            connection.execute(f"PRAGMA wal_autocheckpoint={PAGES_BEFORE_CHECKPOINT}")
            connection.execute("PRAGMA journal_size_limit=262144")
            _verify(connection)
            migrate(connection)
            _verify_rows(connection)
            # A WAL whose sync once failed may have holes that later commits would hide behind: it is emptied before use.
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        except BaseException:
            connection.close()
            raise
        return connection

    def _refuse_remains(self) -> None:
        """SQLite takes an empty file for a new database and deletes its WAL: here it is damage. Raises DatabaseError."""
        sizes = {}
        for companion in ("", "-wal"):
            with contextlib.suppress(FileNotFoundError):
                sizes[companion] = os.path.getsize(self._path + companion)
        if sizes.get("") == 0 or ("" not in sizes and sizes.get("-wal")):
            raise sqlite3.DatabaseError("the file is empty" if "" in sizes else "only its write-ahead log is left")

    def _refusal(self, error: Exception) -> StorageError:
        return StorageError(f"storage directory {self._directory}: {error}")

    def _bury_handle(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(sqlite3.Error):  # it is a dead one
                connection.close()

    # -- the door ----------------------------------------------------------------------------------------------------

    def load(self) -> r.Durable:
        """Everything that was promised. Raises StorageError."""
        with self._turn:
            connection = self._open()
            try:
                durable = tables.durable(connection)
            except sqlite3.Error as error:
                self._bury_handle()
                raise self._refusal(error) from error
            self._reserve.keep()
            return durable

    def commit(self, records: Sequence[r.Record]) -> str | None:
        """Apply all of `records`, in order, or none; returns when they are synced. Raises StorageError."""
        with self._turn:
            try:
                self._commit(records)
            except sqlite3.Error as error:
                self._bury_handle()
                if not self._is_full(error) or not self._reserve.give_up():
                    raise self._refusal(error) from error
                self._commit_with_reserve(records)
            self._reserve.keep()
            return self._reserve.shortage

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
                tables.apply(connection, record)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise

    def set_aside(self, notes: Collection[str]) -> str | None:
        """Begin anew with debts, history, keys, latches and these notes (B6); tells where the state before is kept, if there was any.

        Raises StorageError.
        """
        def wanted(table: t.Table, row: Sequence[t.Value]) -> bool:
            return table in t.ESSENTIAL or (table is t.NOTE and row[0] in notes)

        with self._turn:
            self._bury_handle()
            try:
                salvage.finish(self._path)
                return salvage.replace(self._path, wanted)[0] if os.path.exists(self._path) else None
            except (OSError, *salvage.UNREADABLE) as error:
                raise self._refusal(error) from error

    def close(self) -> None:
        """Release the files."""
        with self._turn:
            self._bury_handle()

    def _is_full(self, error: Exception) -> bool:
        if isinstance(error, OSError):
            return error.errno in (errno.ENOSPC, errno.EDQUOT)
        code = getattr(error, "sqlite_errorcode", 0) & 0xFF
        vague = code in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN)
        return code == sqlite3.SQLITE_FULL or (vague and self._reserve.free_bytes() < NO_SPACE_BYTES)


def _verify(connection: sqlite3.Connection) -> None:
    """The file is whole, its indexes too. Raises DatabaseError."""
    verdict = connection.execute("PRAGMA integrity_check(1)").fetchone()
    if verdict is None or verdict[0] != "ok":
        raise sqlite3.DatabaseError(f"integrity check: {verdict[0] if verdict else 'no answer'}")


def _verify_rows(connection: sqlite3.Connection) -> None:
    """Every row is what was once written. Raises DatabaseError."""
    for table in t.TABLES:
        wrong = sum(not t.sound(table, row) for row in t.rows(connection, table))
        if wrong:
            raise sqlite3.DatabaseError(f"{wrong} damaged rows in {table.name}")
