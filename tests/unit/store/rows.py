"""Records as the station would make them, and hypothesis strategies for all of them."""

import os
from datetime import UTC, datetime

from hypothesis import strategies as st

from controller import records as r
from controller.faults import FaultKind

MEMORY = "/dev/shm" if os.path.isdir("/dev/shm") else None
"""For tests that open hundreds of files: what they hold is tried, not how fast the disk of the test machine is."""
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
STAMP = r.Stamp(NOON, 12.5, "boot-1", trusted=True)


def transaction(local_id: str = "t1", **changes: object) -> r.Transaction:
    """A running transaction, with changes."""
    row = {"connector_id": 1, "id_tag": "04A1B2C3", "started": STAMP, "meter_start_wh": 1000, "last_energy_wh": 1000.25,
           "last_seen": STAMP} | changes
    return r.Transaction(local_id=local_id, **row)  # type: ignore[arg-type]  # the fields above, as a test names them


def message(message_id: str = "m1", local_id: str = "t1", action: str = "StartTransaction", **changes: object) -> r.QueuedMessage:
    """A message that is owed."""
    row = {"connector_id": 1, "payload": '{"connectorId":1}', "stamp": STAMP} | changes
    return r.QueuedMessage(message_id=message_id, action=action, local_id=local_id, **row)  # type: ignore[arg-type]  # as above


def entry(id_tag: str = "04A1B2C3", status: str = "Accepted") -> r.CacheEntry:
    """A cache entry."""
    return r.CacheEntry(id_tag, status, None, None, NOON)


def listed(id_tag: str = "04A1B2C3", status: str = "Accepted") -> r.ListEntry:
    """An entry of the Local Authorization List."""
    return r.ListEntry(id_tag, status, "FAMILY", NOON)


def tag(id_tag: str = "04A1B2C3", status: str = "Accepted") -> r.Tag:
    """A card of the charge point's own."""
    return r.Tag(id_tag, status, "Caf\u00e9, rear entrance", NOON)


def reservation(reservation_id: int = 7, connector_id: int = 1) -> r.Reservation:
    """A connector that is kept for somebody."""
    return r.Reservation(reservation_id, connector_id, "04A1B2C3", NOON, STAMP, "FAMILY")


_texts = st.text(st.characters(codec="utf-8"), max_size=20)
_names = st.sampled_from(["HeartbeatInterval", "AuthorizationKey", "cleanly-ended", "größe", ""])
_local_ids = st.sampled_from(["t1", "t2", "T1"])
_message_ids = st.sampled_from(["m1", "m2", "m3", "m4"])
_connectors = st.integers(0, 3)
_stamps = st.builds(r.Stamp, st.datetimes(timezones=st.just(UTC)), st.floats(0, 1e9), st.just("boot-1"), st.booleans())
_transactions = st.builds(
    r.Transaction, _local_ids, _connectors, _texts, _stamps, st.integers(0, 10**9), st.floats(0, 1e9), _stamps,
    ended=st.none() | _stamps, meter_stop_wh=st.none() | st.integers(0, 10**9), transaction_id=st.none() | st.integers(-1, 2**31))
_messages = st.builds(r.QueuedMessage, _message_ids, st.sampled_from(["StartTransaction", "MeterValues", "StopTransaction"]),
                      _local_ids, _connectors, _texts, _stamps, st.integers(0, 5))
_entries = st.builds(r.CacheEntry, st.sampled_from(["A", "B", "Ä"]), _texts, st.none() | _texts,
                     st.none() | st.datetimes(timezones=st.just(UTC)), st.datetimes(timezones=st.just(UTC)))
_listed = st.lists(st.builds(r.ListEntry, st.sampled_from(["A", "B", "Ä"]), _texts, st.none() | _texts), max_size=3).map(tuple)
_reservation_ids = st.sampled_from([0, 7, -(2**63), 2**63 - 1])
_reservations = st.builds(r.Reservation, _reservation_ids, _connectors, _texts, st.datetimes(timezones=st.just(UTC)), _stamps,
                          st.none() | _texts)
_updates = st.builds(lambda row, attempts: r.UpdateQueued(row.message_id, r.QueuedMessage(
    row.message_id, row.action, row.local_id, row.connector_id, row.payload, row.stamp, attempts)), _messages, st.integers(0, 9))

_moments = st.none() | st.datetimes(timezones=st.just(UTC))
_erasures = st.builds(r.Erase, st.integers(0, 3), _moments, _moments, st.none() | st.sampled_from(["A", "b", ""]))

records = st.one_of(
    st.builds(r.PutSetting, _names, _texts), st.builds(r.PutNote, _names, st.none() | _texts),
    st.builds(r.PutAvailability, st.builds(r.Availability, _connectors, st.booleans(), st.none() | st.booleans())),
    st.builds(r.PutTransaction, _transactions), st.builds(r.AddTransactionData, _local_ids, _texts),
    st.builds(r.PutTransactionData, _local_ids, st.lists(_texts, max_size=3).map(tuple)),
    st.builds(r.Enqueue, _messages), _updates, st.builds(r.Dequeue, _message_ids), st.builds(r.Bury, _message_ids, _texts, st.none() | _stamps),
    st.builds(r.DateSettled, _stamps, st.integers(0, 3)), _erasures,
    st.builds(r.PutCacheEntry, _entries), st.builds(r.DropCacheEntry, st.sampled_from(["A", "B", "Ä"])),
    st.just(r.ClearCache()), st.builds(r.ReplaceLocalList, _listed),
    st.builds(r.PutTag, st.builds(r.Tag, st.sampled_from(["A", "B"]), _texts, _texts)), st.builds(r.DropTag, st.sampled_from(["A", "B"])),
    st.builds(r.AmendLocalList, _listed, st.lists(st.sampled_from(["A", "B", "Ä"]), max_size=2).map(tuple)), st.builds(r.PutLatch, _connectors, st.sampled_from(FaultKind)),
    st.builds(r.PutReservation, _reservations), st.builds(r.DropReservation, _reservation_ids),
    st.builds(r.DropLatch, _connectors, st.sampled_from(FaultKind)),
)
"""Any record there is; few names, so that records meet each other."""

one_of_each: list[r.Record] = [
    r.PutSetting("HeartbeatInterval", "300"), r.PutNote("boot", "1"), r.PutAvailability(r.Availability(1, False, True)),
    r.PutTransaction(transaction()), r.AddTransactionData("t1", '{"timestamp":"2026-03-01T12:00:00Z"}'), r.Enqueue(message()),
    r.UpdateQueued("m1", message(attempts=1)), r.PutCacheEntry(entry()), r.ReplaceLocalList((listed(),)),
    r.PutTag(tag()), r.PutReservation(reservation()), r.PutLatch(1, FaultKind.CONTACTOR_WELDED),
]
"""A commit that touches every table that `load` reads."""
