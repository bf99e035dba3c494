"""What is remembered: the rows of durable state, and the changes to them that a step of the station asks for.

`Durable` is what `Store.load` gives at start. The records of one step enter in one SQL transaction: the change of
a charging transaction and the message that tells about it are never apart.
"""

from datetime import datetime
from typing import TypeAlias

import msgspec

from controller.faults import FaultKind


class Stamp(msgspec.Struct, frozen=True):
    """When something happened, kept so that an untrusted UTC can be corrected later (F-1970)."""

    utc: datetime
    monotonic_s: float
    boot_id: str
    trusted: bool


class Transaction(msgspec.Struct, frozen=True):
    """One charging transaction, from authorised-and-plugged to its StopTransaction.

    `local_id` is ours and never changes; `transaction_id` is the central system's, None until its answer came.
    """

    local_id: str
    connector_id: int
    id_tag: str
    started: Stamp
    meter_start_wh: int
    last_energy_wh: float
    last_seen: Stamp
    parent_id_tag: str | None = None
    transaction_id: int | None = None
    reservation_id: int | None = None
    start_given_up: bool = False
    """StartTransaction was never accepted for good: later messages carry transactionId -1 (TXN-21)."""
    deauthorized: bool = False
    """The central system's verdict was not Accepted, but the transaction stays open (AUTH-20)."""
    energy_allowed_wh: float | None = None
    """The verdict was not Accepted; up to this register value energy may still flow (AUTH-21)."""
    stop_reason: str | None = None
    """Decided but not yet written as a message: the transaction is stopping."""
    stop_id_tag: str | None = None
    ended: Stamp | None = None
    meter_stop_wh: int | None = None
    settled: Stamp | None = None
    """When nothing was owed of it any more: its end was acknowledged, or given up. What is kept is kept from here on (T-PRIVACY)."""
    stop_given_up: bool = False
    """StopTransaction is among the dead letters."""
    known_until: datetime | None = None
    """Its last moment whose date is known for sure, whatever the clock says by now: nothing is told to be earlier (F-1970, TIME-2)."""
    stand_alone: bool = False
    """Begun with no central system configured: no message is owed about it, ever (decision 11)."""


class QueuedMessage(msgspec.Struct, frozen=True):
    """A transaction-related message that the central system is owed.

    `payload` is the request as JSON text, complete but for the transactionId, which is filled in when it is known;
    so a re-send is byte-identical. `message_id` is the OCPP unique id of every attempt until a CALLERROR.
    """

    message_id: str
    action: str
    local_id: str
    connector_id: int
    payload: str
    stamp: Stamp
    attempts: int = 0
    dated_values: int = 0
    """While `stamp` is not trusted: so many of the first values in a StopTransaction have their right date all the same."""
    buried: Stamp | None = None
    """When it was given up; only dead letters have it."""


class CacheEntry(msgspec.Struct, frozen=True):
    """What the central system last said of an idTag (CACHE-2); `id_tag` is in upper case."""

    id_tag: str
    status: str
    parent_id_tag: str | None
    expiry_date: datetime | None
    learned: datetime


class ListEntry(msgspec.Struct, frozen=True):
    """What the Local Authorization List says of an idTag (LIST-2); `id_tag` is in upper case."""

    id_tag: str
    status: str
    parent_id_tag: str | None = None
    expiry_date: datetime | None = None


class Tag(msgspec.Struct, frozen=True):
    """A card that this charge point knows by itself, because a person here said so; `id_tag` is in upper case."""

    id_tag: str
    status: str
    """Accepted or Blocked."""
    label: str = ""
    learned: datetime | None = None
    """When it was first said; None where the date was not known."""


class Reservation(msgspec.Struct, frozen=True):
    """A connector, or with connector 0 any one of them, is kept for an idTag and its group (RES-*, PWR-6)."""

    reservation_id: int
    connector_id: int
    id_tag: str
    expiry_date: datetime
    made: Stamp
    """When it was accepted: where the date is unknown after a restart, what of its time is left is counted from here."""
    parent_id_tag: str | None = None


class Availability(msgspec.Struct, frozen=True):
    """Set by ChangeAvailability; connector 0 is the charge point. `scheduled`: waits for the transaction's end."""

    connector_id: int
    operative: bool
    scheduled: bool | None = None
    """The state that will be taken when the transaction ends; None: no change is waiting."""


class Durable(msgspec.Struct, frozen=True):
    """Everything a start finds. Transactions: those not ended, and ended ones that a queued message still needs."""

    settings: dict[str, str] = {}
    notes: dict[str, str] = {}
    availability: tuple[Availability, ...] = ()
    transactions: tuple[Transaction, ...] = ()
    transaction_data: dict[str, tuple[str, ...]] = {}
    """Per `local_id` the MeterValue elements gathered for StopTransaction, as JSON texts, oldest first."""
    outbox: tuple[QueuedMessage, ...] = ()
    """Oldest first."""
    cache: tuple[CacheEntry, ...] = ()
    local_list: tuple[ListEntry, ...] = ()
    tags: tuple[Tag, ...] = ()
    reservations: tuple[Reservation, ...] = ()
    latches: tuple[tuple[int, FaultKind], ...] = ()


class PutSetting(msgspec.Struct, frozen=True):
    """Remember the value of a configuration key, by its exact OCPP name."""

    name: str
    value: str


class PutNote(msgspec.Struct, frozen=True):
    """Remember a small fact about the process itself; None forgets it."""

    name: str
    value: str | None


class PutAvailability(msgspec.Struct, frozen=True):
    """Remember a connector's availability."""

    availability: Availability


class PutTransaction(msgspec.Struct, frozen=True):
    """Insert or replace a transaction by its `local_id`."""

    transaction: Transaction


class AddTransactionData(msgspec.Struct, frozen=True):
    """Append one MeterValue element (JSON text) for the transaction's StopTransaction."""

    local_id: str
    meter_value: str


class PutTransactionData(msgspec.Struct, frozen=True):
    """Replace all that was gathered for the transaction's StopTransaction."""

    local_id: str
    meter_values: tuple[str, ...]


class Enqueue(msgspec.Struct, frozen=True):
    """A message is owed; goes to the end of the queue."""

    message: QueuedMessage


class UpdateQueued(msgspec.Struct, frozen=True):
    """An owed message was attempted, dated, or takes a fresh id after a CALLERROR; `message_id` finds it."""

    message_id: str
    message: QueuedMessage


class Dequeue(msgspec.Struct, frozen=True):
    """The message is no longer owed: the central system has answered it."""

    message_id: str


class Bury(msgspec.Struct, frozen=True):
    """The message was given up after the last attempt: off the queue, kept among the dead letters (QUE-12)."""

    message_id: str
    why: str
    at: Stamp | None = None


class DateSettled(msgspec.Struct, frozen=True):
    """What was settled or given up while nobody knew the date counts from `stamp` on, and so does what older programs left.

    At most `limit` sessions and as many dead letters.
    """

    stamp: Stamp
    limit: int


class Erase(msgspec.Struct, frozen=True):
    """Forget sessions of which nothing is owed, and dead letters (T-PRIVACY): those that meet every condition that is given.

    At most `limit` sessions and as many dead letters (all of a tag), the oldest first. What `load` gives is never touched.
    """

    limit: int
    settled_before: datetime | None = None
    ended_before: datetime | None = None
    id_tag: str | None = None
    """In any case; a dead letter is meant when its session or its payload has this tag."""


class PutCacheEntry(msgspec.Struct, frozen=True):
    """Insert or replace an entry of the authorisation cache."""

    entry: CacheEntry


class DropCacheEntry(msgspec.Struct, frozen=True):
    """Evict one entry."""

    id_tag: str


class ClearCache(msgspec.Struct, frozen=True):
    """Forget the whole authorisation cache."""


class ReplaceLocalList(msgspec.Struct, frozen=True):
    """The Local Authorization List is these entries and no others (LIST-4)."""

    entries: tuple[ListEntry, ...]


class AmendLocalList(msgspec.Struct, frozen=True):
    """Insert or replace these entries of the Local Authorization List, and drop those tags (LIST-5)."""

    entries: tuple[ListEntry, ...]
    dropped: tuple[str, ...]


class PutTag(msgspec.Struct, frozen=True):
    """Insert or replace a card of this charge point's own."""

    tag: Tag


class DropTag(msgspec.Struct, frozen=True):
    """Forget it."""

    id_tag: str


class PutReservation(msgspec.Struct, frozen=True):
    """Insert a reservation, or replace the one of its id (RES-1)."""

    reservation: Reservation


class DropReservation(msgspec.Struct, frozen=True):
    """It has ended, however (RES-8)."""

    reservation_id: int


class PutLatch(msgspec.Struct, frozen=True):
    """A latched fault outlives restarts."""

    connector_id: int
    kind: FaultKind


class DropLatch(msgspec.Struct, frozen=True):
    """The latched fault was reset."""

    connector_id: int
    kind: FaultKind


CardRecord: TypeAlias = PutCacheEntry | DropCacheEntry | ClearCache | ReplaceLocalList | AmendLocalList | PutTag | DropTag
"""About cards: cache, Local Authorization List, own ones."""
Record: TypeAlias = (
    PutSetting | PutNote | PutAvailability | PutTransaction | AddTransactionData | PutTransactionData | Enqueue | UpdateQueued
    | Dequeue | Bury | DateSettled | Erase | PutReservation | DropReservation | PutLatch | DropLatch | CardRecord
)
