"""Durable state as rows: `apply` writes one record, `durable` reads everything a start needs."""

import sqlite3
from typing import assert_never

import msgspec

from controller import records as r
from controller.faults import FaultKind
from controller.store import erasing
from controller.store import rows as t
from controller.store.rows import packed, put, rows, unpacked


def apply(connection: sqlite3.Connection, record: r.Record) -> None:
    """Write one record. Applying the records of a commit a second time changes nothing (a COMMIT that failed may have been)."""
    run = connection.execute
    match record:
        case r.PutSetting(name, value):
            put(connection, t.SETTING, (name, value))
        case r.PutNote(name, None):
            run("DELETE FROM note WHERE name = ?", (name,))
        case r.PutNote(name, value):
            put(connection, t.NOTE, (name, value))
        case r.PutAvailability(row):
            put(connection, t.AVAILABILITY, (row.connector_id, row.operative, row.scheduled))
        case r.PutTransaction(row):
            _put_transaction(connection, row)
        case r.AddTransactionData(local_id, meter_value):
            _add_data(connection, local_id, meter_value)
        case r.PutTransactionData(local_id, meter_values):
            _put_data(connection, local_id, meter_values)
        case r.Enqueue(message):
            _queue(connection, message.message_id, message)
        case r.UpdateQueued(message_id, message):
            _update_queued(connection, message_id, message)
        case r.Dequeue(message_id):
            run("DELETE FROM outbox WHERE message_id = ?", (message_id,))
        case r.Bury(message_id, why, at):
            _bury(connection, message_id, why, at)
        case r.DateSettled(stamp, limit):
            erasing.date(connection, stamp, limit)
        case r.Erase():
            erasing.erase(connection, record)
        case r.PutReservation(row):
            put(connection, t.RESERVATION, (row.reservation_id, packed(row)))
        case r.DropReservation(reservation_id):
            run("DELETE FROM reservation WHERE reservation_id = ?", (reservation_id,))
        case r.PutLatch(connector_id, kind):
            put(connection, t.LATCH, (connector_id, kind.value))
        case r.DropLatch(connector_id, kind):
            run("DELETE FROM latch WHERE connector_id = ? AND kind = ?", (connector_id, kind.value))
        case _:
            _apply_card(connection, record)


def _apply_card(connection: sqlite3.Connection, record: r.CardRecord) -> None:
    """Write one record about cards."""
    run = connection.execute
    match record:
        case r.PutCacheEntry(entry):
            put(connection, t.CACHE, (entry.id_tag, packed(entry)))
        case r.DropCacheEntry(id_tag):
            run("DELETE FROM cache WHERE id_tag = ?", (id_tag,))
        case r.ClearCache():
            run("DELETE FROM cache")
        case r.ReplaceLocalList(entries):
            run("DELETE FROM local_list")
            t.put_all(connection, t.LOCAL_LIST, ((entry.id_tag, packed(entry)) for entry in entries))
        case r.AmendLocalList(entries, dropped):
            t.put_all(connection, t.LOCAL_LIST, ((entry.id_tag, packed(entry)) for entry in entries))
            connection.executemany("DELETE FROM local_list WHERE id_tag = ?", ((id_tag,) for id_tag in dropped))
        case r.PutTag(tag):
            put(connection, t.TAG, (tag.id_tag, packed(tag)))
        case r.DropTag(id_tag):
            run("DELETE FROM tag WHERE id_tag = ?", (id_tag,))
        case _:
            assert_never(record)


def _put_transaction(connection: sqlite3.Connection, row: r.Transaction) -> None:
    """An ended transaction needs its gathered values no more: they are inside its StopTransaction."""
    put(connection, t.TRANSACTION, (row.local_id, row.connector_id, row.ended is not None, packed(row)))
    if row.ended is not None:
        connection.execute("DELETE FROM transaction_data WHERE local_id = ?", (row.local_id,))


def _add_data(connection: sqlite3.Connection, local_id: str, meter_value: str) -> None:
    """An element is told once: it carries its timestamp, so an equal one is the same one."""
    twice = connection.execute("SELECT 1 FROM transaction_data WHERE local_id = ? AND meter_value = ?", (local_id, meter_value))
    if twice.fetchone() is None:
        put(connection, t.DATA, (None, local_id, meter_value))


def _put_data(connection: sqlite3.Connection, local_id: str, meter_values: tuple[str, ...]) -> None:
    connection.execute("DELETE FROM transaction_data WHERE local_id = ?", (local_id,))
    for value in meter_values:
        put(connection, t.DATA, (None, local_id, value))


def _queue(connection: sqlite3.Connection, message_id: str, message: r.QueuedMessage) -> None:
    """To the end of the queue; a message that is in it keeps its place."""
    if connection.execute("SELECT 1 FROM outbox WHERE message_id = ?", (message_id,)).fetchone() is None:
        put(connection, t.OUTBOX, (None, message.message_id, message.local_id, packed(message)), or_else="ABORT")
    else:
        _update_queued(connection, message_id, message)


def _update_queued(connection: sqlite3.Connection, message_id: str, message: r.QueuedMessage) -> None:
    content = packed(message)
    connection.execute("UPDATE outbox SET message_id = ?, local_id = ?, content = ?, crc = ? WHERE message_id = ?",
                       (message.message_id, message.local_id, content, t.crc(content), message_id))


def _bury(connection: sqlite3.Connection, message_id: str, why: str, at: r.Stamp | None) -> None:
    found = connection.execute("SELECT content FROM outbox WHERE message_id = ?", (message_id,)).fetchone()
    if found is not None:
        message = unpacked(r.QueuedMessage, found[0])
        content = found[0] if message is None else packed(msgspec.structs.replace(message, buried=at))
        put(connection, t.DEAD_LETTER, (None, content, why))
        connection.execute("DELETE FROM outbox WHERE message_id = ?", (message_id,))


def durable(connection: sqlite3.Connection) -> r.Durable:
    """Everything a start needs; tables without an order of their own are sorted by their key."""
    outbox = tuple(m for row in rows(connection, t.OUTBOX, "ORDER BY seq") if (m := unpacked(r.QueuedMessage, row[3])))
    transactions = _transactions(connection)
    known = {kind.value: kind for kind in FaultKind}
    return r.Durable(
        settings={str(row[0]): str(row[1]) for row in rows(connection, t.SETTING)},
        notes={str(row[0]): str(row[1]) for row in rows(connection, t.NOTE)},
        availability=tuple(r.Availability(int(number or 0), bool(operative), None if scheduled is None else bool(scheduled))
                           for number, operative, scheduled, _ in rows(connection, t.AVAILABILITY, "ORDER BY connector_id")),
        transactions=transactions, transaction_data=_data(connection, {row.local_id for row in transactions}), outbox=outbox,
        cache=tuple(entry for row in rows(connection, t.CACHE, "ORDER BY id_tag") if (entry := unpacked(r.CacheEntry, row[1]))),
        local_list=tuple(listed for row in rows(connection, t.LOCAL_LIST, "ORDER BY id_tag")
                         if (listed := unpacked(r.ListEntry, row[1]))),
        tags=tuple(tag for row in rows(connection, t.TAG, "ORDER BY id_tag") if (tag := unpacked(r.Tag, row[1]))),
        reservations=tuple(row for _, content, _ in rows(connection, t.RESERVATION, "ORDER BY reservation_id")
                           if (row := unpacked(r.Reservation, content))),
        latches=tuple((int(number or 0), known[str(kind)])
                      for number, kind, _ in rows(connection, t.LATCH, "ORDER BY connector_id, kind") if kind in known),
    )


def _transactions(connection: sqlite3.Connection) -> tuple[r.Transaction, ...]:
    """Those that run, and ended ones that a queued message still needs."""
    found = rows(connection, t.TRANSACTION,
                 "WHERE ended = 0 OR local_id IN (SELECT local_id FROM outbox) ORDER BY local_id")
    return tuple(row for _, _, _, content, _ in found if (row := unpacked(r.Transaction, content)))


def _data(connection: sqlite3.Connection, wanted: set[str]) -> dict[str, tuple[str, ...]]:
    gathered: dict[str, list[str]] = {}
    for _, local_id, value, _ in rows(connection, t.DATA, "ORDER BY seq"):
        if local_id in wanted:
            gathered.setdefault(str(local_id), []).append(str(value))
    return {local_id: tuple(values) for local_id, values in gathered.items()}
