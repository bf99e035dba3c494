"""Sessions and dead letters as a person asks for them, read beside the writer over a connection of its own.

Each question opens the file read-only and reads in one short transaction, so that the writer's checkpoints are never held up
for long. It never repairs: what is damaged is told, and the writer's next start salvages it.
"""

import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from urllib.parse import quote

import msgspec

from controller import records as r
from controller.errors import StorageError
from controller.store import erasing
from controller.store import rows as t
from controller.store.sqlite import FILE

BUSY_S = 1.0
LONGEST_S = 2.0
"""A question that takes longer is given up: the write-ahead log may not grow behind its back for ever."""
LOOKS_EVERY = 10_000
"""Steps of SQLite's machine between two looks at the clock."""
STARTED = "julianday(json_extract(content, '$.started.utc'))"


class Session(msgspec.Struct, frozen=True):
    """One charging transaction, running or over."""

    transaction: r.Transaction
    owed: bool
    """Messages about it wait for the central system."""


class DeadLetter(msgspec.Struct, frozen=True):
    """A message that was given up."""

    message: r.QueuedMessage
    why: str


class Wish(msgspec.Struct, frozen=True):
    """Which sessions, the newest first; None means any."""

    limit: int
    since: datetime | None = None
    until: datetime | None = None
    """Started before."""
    connector_id: int | None = None
    id_tag: str | None = None
    after: tuple[datetime, str] | None = None
    """Only those that come behind the one that started then and has this local id: the next page."""


class History:
    """The database of a storage directory, for reading."""

    def __init__(self, directory: str) -> None:
        self._directory = directory
        self._path = os.path.join(directory, FILE)

    # -- questions ---------------------------------------------------------------------------------------------------

    def sessions(self, wish: Wish) -> list[Session]:
        """The sessions that meet every condition of `wish`. Raises StorageError."""
        conditions, values = ["1"], list[t.Value]()
        for text, value in (
            (f"{STARTED} >= julianday(?)", _text(wish.since)), (f"{STARTED} < julianday(?)", _text(wish.until)),
            ("connector_id = ?", wish.connector_id), ("upper(json_extract(content, '$.id_tag')) = upper(?)", wish.id_tag),
        ):
            if value is not None:
                conditions.append(text)
                values.append(value)
        if wish.after is not None:
            conditions.append(f"({STARTED}, local_id) < (julianday(?), ?)")
            values += (_text(wish.after[0]), wish.after[1])
        return self._sessions(f"WHERE {' AND '.join(conditions)} ORDER BY {STARTED} DESC, local_id DESC LIMIT ?",
                              (*values, wish.limit))

    def named(self, name: str) -> list[Session]:
        """The sessions whose local id begins with `name`, or whose transaction id it is; three at most. Raises StorageError."""
        return self._sessions("WHERE substr(local_id, 1, length(?)) = ? OR json_extract(content, '$.transaction_id') = ? "
                              f"ORDER BY {STARTED} DESC LIMIT 3", (name, name, _number(name)))

    def dead_letters(self, limit: int) -> tuple[list[DeadLetter], int]:
        """The last dead letters, the newest first, and how many there are. Raises StorageError."""
        with self._reading() as connection:
            (count,) = connection.execute("SELECT count(*) FROM dead_letter").fetchone()
            found = list(t.rows(connection, t.DEAD_LETTER, "ORDER BY seq DESC LIMIT ?", (limit,)))
        return [DeadLetter(self._content(t.DEAD_LETTER, row, r.QueuedMessage), str(row[2])) for row in found], int(count)

    def erasable(self, what: r.Erase) -> tuple[int, int]:
        """How many sessions and dead letters `what` means in all, and how many sessions are refused to it. Raises StorageError."""
        letters, meant = erasing.dead_letters(what), erasing.sessions(what)
        with self._reading() as connection:
            def count(table: str, condition: str, values: Sequence[str]) -> int:
                (number,) = connection.execute(f"SELECT count(*) FROM {table} WHERE {condition}", values).fetchone()  # noqa: S608 - our own words
                return int(number)

            past = count("charging_transaction", f"{erasing.PAST} AND {meant.text}", meant.values)
            refused = count("charging_transaction", f"NOT ({erasing.PAST}) AND {meant.text}", meant.values)
            return past + count("dead_letter", letters.text, letters.values), refused

    # -- reading -----------------------------------------------------------------------------------------------------

    def _sessions(self, rest: str, values: Sequence[t.Value]) -> list[Session]:
        with self._reading() as connection:
            connection.execute("BEGIN")
            found = list(t.rows(connection, t.TRANSACTION, rest, values))
            owed = {local_id for (local_id,) in connection.execute("SELECT DISTINCT local_id FROM outbox")}
        return [Session(self._content(t.TRANSACTION, row, r.Transaction), row[0] in owed) for row in found]

    def _content(self, table: t.Table, row: Sequence[t.Value], kind: type[t.T]) -> t.T:
        content = t.unpacked(kind, row[table.content]) if t.sound(table, row) else None
        if content is None:
            raise StorageError(f"storage directory {self._directory}: a row of {table.name} is damaged; "
                               "a restart of the daemon carries over what is sound")
        return content

    @contextmanager
    def _reading(self) -> Iterator[sqlite3.Connection]:
        if not os.path.exists(self._path):
            raise StorageError(f"storage directory {self._directory}: there is no database")
        give_up_s = time.monotonic() + LONGEST_S
        try:
            connection = sqlite3.connect(f"file:{quote(os.path.abspath(self._path))}?mode=ro", uri=True, isolation_level=None,
                                         timeout=BUSY_S)
            try:
                connection.set_progress_handler(lambda: time.monotonic() > give_up_s, LOOKS_EVERY)
                yield connection
            finally:
                connection.close()
        except sqlite3.Error as error:
            raise StorageError(f"storage directory {self._directory}: {error}") from error


def _text(utc: datetime | None) -> str | None:
    return None if utc is None else str(msgspec.to_builtins(utc))


def _number(name: str) -> int | None:
    return int(name) if name.isascii() and name.isdigit() and len(name) <= len(str(2**31)) else None
