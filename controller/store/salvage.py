"""What becomes of a damaged database: kept under another name, and whatever can be read of it carried over (F-DBCORRUPT)."""

import os
import sqlite3
from collections.abc import Iterator

from controller import records as r
from controller.store.rows import unpacked

KEPT = 3
"""So many damaged databases are kept; the oldest goes."""
COMPANIONS = ("", "-wal", "-shm")
TABLES: tuple[tuple[str, int], ...] = (
    ("outbox", 5), ("charging_transaction", 5), ("transaction_data", 3), ("setting", 2), ("note", 2), ("availability", 3),
    ("latch", 2), ("cache", 2),
)
"""Oldest debts first: table and number of columns."""
CHECKED: dict[str, tuple[type[r.Transaction | r.QueuedMessage], int, int]] = {
    "outbox": (r.QueuedMessage, 3, 4), "charging_transaction": (r.Transaction, 3, 4),
}
"""Tables with a CRC: struct, column of the content, column of the CRC."""


def is_damage(error: sqlite3.Error) -> bool:
    """Whether the file itself is wrong, rather than the disk, its permissions or its space."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    return code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT, sqlite3.SQLITE_ERROR)


def move_aside(path: str) -> str:
    """Rename database, WAL and shared memory to `.damaged-1`, older ones to -2 and -3. Raises OSError."""
    for number in range(KEPT, 0, -1):
        for companion in COMPANIONS:
            old, new = f"{path}.damaged-{number}{companion}", f"{path}.damaged-{number + 1}{companion}"
            if os.path.exists(old):
                if number == KEPT:
                    os.unlink(old)
                else:
                    os.replace(old, new)
    for companion in COMPANIONS:
        if os.path.exists(path + companion):
            os.replace(path + companion, f"{path}.damaged-1{companion}")
    return f"{path}.damaged-1"


def carry_over(damaged: str, connection: sqlite3.Connection) -> int:
    """Copy every readable, sound row into the new database; tells how many there were."""
    carried = 0
    try:
        source = sqlite3.connect(f"file:{damaged}?mode=ro", uri=True)
    except sqlite3.Error:
        return 0
    source.text_factory = lambda raw: raw.decode(errors="replace")
    try:
        for table, columns in TABLES:
            for row in _readable(source, table, columns):
                carried += _insert(connection, table, row)
    finally:
        source.close()
    return carried


def _readable(source: sqlite3.Connection, table: str, columns: int) -> Iterator[tuple[object, ...]]:
    try:
        cursor = source.execute(f"SELECT * FROM {table}")  # noqa: S608 - our own table names
    except sqlite3.Error:
        return
    while True:
        try:
            row = cursor.fetchone()
        except sqlite3.Error:
            return
        if row is None:
            return
        if len(row) == columns and _sound(table, row):
            yield row


def _sound(table: str, row: tuple[object, ...]) -> bool:
    check = CHECKED.get(table)
    if check is None:
        return all(value is None or isinstance(value, int | str) for value in row)
    kind, content, mark = check
    return unpacked(kind, row[content], row[mark]) is not None


def _insert(connection: sqlite3.Connection, table: str, row: tuple[object, ...]) -> int:
    marks = ", ".join("?" * len(row))
    try:
        connection.execute(f"INSERT OR IGNORE INTO {table} VALUES ({marks})", row)  # noqa: S608 - our own table names
    except sqlite3.Error:
        return 0
    return 1
