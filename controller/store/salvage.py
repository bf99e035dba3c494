"""What becomes of a damaged database: kept under another name, and whatever can be read of it carried over (F-DBCORRUPT).

The new database is built beside the damaged one and takes its place by renaming only when it is complete: power that fails in
between costs nothing, the next start goes on.
"""

import contextlib
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias
from urllib.parse import quote

from controller.store import rows as t
from controller.store.schema import migrate

Wanted: TypeAlias = Callable[[t.Table, Sequence[t.Value]], bool]
"""Whether a sound row comes along."""
KEPT = 3
"""So many damaged databases are kept; the oldest goes."""
COMPANIONS = ("", "-wal", "-shm", "-journal")
DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_FORMAT, sqlite3.SQLITE_ERROR)
UNREADABLE = (sqlite3.DatabaseError, UnicodeDecodeError)
"""How damage shows: by SQLite's verdict, or by an error message of SQLite's that quotes it and so is no text itself."""


def is_damage(error: sqlite3.Error) -> bool:
    """Whether the file itself is wrong, rather than the disk, its permissions or its space."""
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:  # our own verdict, or a row that is no text
        return True
    return code & 0xFF in DAMAGE


def everything(_table: t.Table, _row: Sequence[t.Value]) -> bool:
    """Every row comes along."""
    return True


def replace(path: str, wanted: Wanted = everything) -> tuple[str, int]:
    """Put a sound database in the place of the damaged one; tells where that is kept and how many rows came along."""
    fresh = f"{path}.new"
    _forget(fresh)
    carried = _build(fresh, path, wanted)
    aside = _move_aside(path)
    os.replace(fresh, path)
    _sync(os.path.dirname(path))
    return aside, carried


def create(path: str) -> None:
    """A new database; nobody ever sees it half made."""
    _forget(f"{path}.new")
    _build(f"{path}.new", path)
    os.replace(f"{path}.new", path)
    _sync(os.path.dirname(path))


def finish(path: str) -> None:
    """Go on where a replacement was cut short: the damaged one is away and the new one not yet in its place."""
    fresh = f"{path}.new"
    if not os.path.exists(path) and os.path.exists(fresh):
        for companion in COMPANIONS[1:]:
            if os.path.exists(path + companion):
                os.replace(path + companion, f"{path}.damaged-1{companion}")
        os.replace(fresh, path)
        _sync(os.path.dirname(path))
    _forget(fresh)


def _forget(path: str) -> None:
    for companion in COMPANIONS:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path + companion)


def _move_aside(path: str) -> str:
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


def _sync(directory: str) -> None:
    descriptor = os.open(directory or ".", os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _build(fresh: str, damaged: str, wanted: Wanted = everything) -> int:
    """A complete database of every wanted, sound row that can be read, in one synced commit."""
    os.close(os.open(fresh, os.O_RDWR | os.O_CREAT, 0o600))
    connection = sqlite3.connect(fresh, isolation_level=None)
    try:
        connection.execute("PRAGMA journal_mode=DELETE")
        connection.execute("PRAGMA synchronous=FULL")
        migrate(connection)
        connection.execute("BEGIN IMMEDIATE")
        carried = _carry_over(damaged, connection, wanted)
        connection.execute("COMMIT")
    finally:
        connection.close()
    return carried


def _carry_over(damaged: str, connection: sqlite3.Connection, wanted: Wanted) -> int:
    """Copy every readable, sound row that is wanted; tells how many there were."""
    carried = _carry_from(damaged, connection, wanted)
    if carried == 0:
        copy = f"{damaged}.new-first-page"
        with contextlib.suppress(OSError):  # no space, or nothing to copy: then this cannot be tried
            _replace_first_page(damaged, copy, connection)
            carried = _carry_from(copy, connection, wanted)
        _forget(copy)
    return carried


def _replace_first_page(damaged: str, copy: str, connection: sqlite3.Connection) -> None:
    """Header and list of tables stand in the first page, which every checkpoint writes; ours are the same in every database.

    The tables begin at the same pages wherever the same migrations made them. If they do not, the rows' CRCs tell.
    """
    (page_bytes,) = connection.execute("PRAGMA page_size").fetchone()
    os.close(os.open(copy, os.O_WRONLY | os.O_CREAT, 0o600))
    shutil.copyfile(damaged, copy)
    with open(_file_of(connection), "rb") as fresh, open(copy, "r+b") as file:
        page = bytearray(fresh.read(page_bytes))
        pages = file.seek(0, os.SEEK_END) // page_bytes
        page[28:32] = pages.to_bytes(4, "big")  # size of the database
        page[32:40] = bytes(8)  # no free pages
        file.seek(0)
        file.write(page)


def _file_of(connection: sqlite3.Connection) -> str:
    (_, _, path) = connection.execute("PRAGMA database_list").fetchone()
    return str(path)


def _carry_from(damaged: str, connection: sqlite3.Connection, wanted: Wanted) -> int:
    carried = 0
    try:
        source = sqlite3.connect(f"file:{quote(os.path.abspath(damaged))}?mode=ro", uri=True)
    except sqlite3.Error:
        return 0
    try:
        source.text_factory = lambda raw: raw.decode(errors="replace")
        for table in t.TABLES:
            for row in _readable(source, table):
                carried += t.sound(table, row) and wanted(table, row) and _insert(connection, table, row)
    finally:
        source.close()
    return carried


def _readable(source: sqlite3.Connection, table: t.Table) -> Iterable[tuple[t.Value, ...]]:
    """From the front until the damage, and from the back until the damage; in the order in which they lie in the file."""
    try:
        found = {str(row[1]) for row in source.execute(f"PRAGMA table_info({table.name})")}
    except UNREADABLE:
        return ()
    chosen = ", ".join(name if name in found else f"NULL AS {name}" for name in (*table.columns, "crc"))
    front: list[tuple[t.Value, ...]] = []
    back: list[tuple[t.Value, ...]] = []
    for direction, side in (("ASC", front), ("DESC", back)):
        with contextlib.suppress(*UNREADABLE):  # the damage: nothing more can be read from this side
            for row in source.execute(f"SELECT {chosen} FROM {table.name} ORDER BY 1 {direction}"):  # noqa: S608 - our own names
                side.append(row)
    return dict.fromkeys([*front, *reversed(back)])


def _insert(connection: sqlite3.Connection, table: t.Table, row: tuple[t.Value, ...]) -> int:
    """Numbered anew: no CRC covers the numbers by which a queue is ordered, but the rows lie in their order."""
    before = connection.total_changes
    values = (None, *row[1:-1]) if table.columns[0] == "seq" else row[:-1]
    t.put(connection, table, values, or_else="IGNORE")
    return connection.total_changes - before
