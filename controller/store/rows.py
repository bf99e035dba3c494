"""Rows of the database: each table with its columns, and a CRC that keeps a damaged row from being taken for a good one."""

import zlib
from collections.abc import Iterable, Iterator, Sequence
from sqlite3 import Connection
from typing import NamedTuple, TypeAlias, TypeVar

import msgspec

from controller import records as r

T = TypeVar("T", bound=msgspec.Struct)
Value = str | int | None
Content: TypeAlias = r.Transaction | r.QueuedMessage | r.CacheEntry | r.ListEntry | r.Tag | r.Reservation
"""What a content column holds."""


class Table(NamedTuple):
    """One table: its columns without the CRC, which comes last, and what its `content` column holds."""

    name: str
    columns: tuple[str, ...]
    kind: type[Content] | None = None
    content: int = 0
    """Index of the column with the struct, when there is a `kind`."""

    @property
    def selected(self) -> str:
        """Column list for SELECT and INSERT: named, so that a schema with more columns can still be used."""
        return ", ".join((*self.columns, "crc"))


OUTBOX = Table("outbox", ("seq", "message_id", "local_id", "content"), r.QueuedMessage, 3)
TRANSACTION = Table("charging_transaction", ("local_id", "connector_id", "ended", "content"), r.Transaction, 3)
DATA = Table("transaction_data", ("seq", "local_id", "meter_value"))
DEAD_LETTER = Table("dead_letter", ("seq", "content", "why"), r.QueuedMessage, 1)
SETTING = Table("setting", ("name", "value"))
NOTE = Table("note", ("name", "value"))
AVAILABILITY = Table("availability", ("connector_id", "operative", "scheduled"))
LATCH = Table("latch", ("connector_id", "kind"))
CACHE = Table("cache", ("id_tag", "entry"), r.CacheEntry, 1)
LOCAL_LIST = Table("local_list", ("id_tag", "entry"), r.ListEntry, 1)
TAG = Table("tag", ("id_tag", "content"), r.Tag, 1)
RESERVATION = Table("reservation", ("reservation_id", "content"), r.Reservation, 1)
TABLES = (OUTBOX, TRANSACTION, DATA, DEAD_LETTER, SETTING, NOTE, AVAILABILITY, LATCH, CACHE, LOCAL_LIST, TAG, RESERVATION)
"""In the order in which a damaged database is emptied: oldest debts first."""
ESSENTIAL = (OUTBOX, TRANSACTION, DEAD_LETTER, SETTING, LATCH, TAG)
"""What comes along where the state as a whole is set aside (B6): debts, history, keys, own cards, faults that a person must reset."""
STRICT = (OUTBOX, TRANSACTION)
"""Their CRC was there from the beginning and covers the content alone."""


def crc(content: str) -> int:
    """CRC-32 of the content."""
    return zlib.crc32(content.encode())


def mark(table: Table, values: Sequence[Value]) -> int:
    """The CRC of a row; values that SQLite numbers itself (`seq`) are left out."""
    if table in STRICT:
        return crc(str(values[table.content]))
    first = 1 if table.columns[0] == "seq" else 0
    kept = [int(value) if isinstance(value, bool) else value for value in values[first:]]
    return crc(msgspec.json.encode(kept).decode())


def packed(row: Content) -> str:
    """The content column."""
    return msgspec.json.encode(row).decode()


def unpacked(kind: type[T], content: object) -> T | None:
    """The struct; None when the content is none."""
    if not isinstance(content, str):
        return None
    try:
        return msgspec.json.decode(content, type=kind)
    except msgspec.DecodeError:
        return None


def put(connection: Connection, table: Table, values: Sequence[Value], *, or_else: str = "REPLACE") -> None:
    """Insert one row with its CRC."""
    connection.execute(_insertion(table, or_else), (*values, mark(table, values)))


def put_all(connection: Connection, table: Table, many: Iterable[Sequence[Value]]) -> None:
    """Insert or replace many rows, each with its CRC, by one prepared statement."""
    connection.executemany(_insertion(table, "REPLACE"), ((*values, mark(table, values)) for values in many))


def _insertion(table: Table, or_else: str) -> str:
    marks = ", ".join("?" * (len(table.columns) + 1))
    return f"INSERT OR {or_else} INTO {table.name} ({table.selected}) VALUES ({marks})"  # noqa: S608 - our own names


def rows(connection: Connection, table: Table, rest: str = "", values: Sequence[Value] = ()) -> Iterator[tuple[Value, ...]]:
    """The rows of a table, CRC last; `values` belong in the gaps of `rest`."""
    yield from connection.execute(f"SELECT {table.selected} FROM {table.name} {rest}", values)  # noqa: S608 - our own names


def sound(table: Table, row: Sequence[object]) -> bool:
    """Whether a row, CRC last, is what was once written."""
    values, checksum = [value for value in row[:-1] if value is None or isinstance(value, str | int)], row[-1]
    if len(values) != len(table.columns) or (checksum is None and table in STRICT):
        return False
    if checksum is not None and checksum != mark(table, values):
        return False
    if table.kind is None:
        return True
    content = unpacked(table.kind, values[table.content])
    return content is not None and _is_told_twice(content, table, values)


def _is_told_twice(content: msgspec.Struct, table: Table, values: Sequence[Value]) -> bool:
    """The columns by which a row is found say what its content says."""
    told = dict(zip(table.columns, values, strict=True))
    keys = {"message_id", "local_id", "connector_id", "id_tag", "reservation_id"} & told.keys()
    fine = all(getattr(content, key) == told[key] for key in keys)
    return fine and (not isinstance(content, r.Transaction) or told["ended"] == (content.ended is not None))
