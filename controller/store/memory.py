"""A store that forgets at the end of the process: for tests and for the rules of what a record means."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import assert_never

import msgspec

from controller import records as r
from controller.errors import StorageError


class MemoryStore:
    """Applies records to plain dictionaries; can be told to fail, as a disk would."""

    def __init__(self, durable: r.Durable | None = None) -> None:
        self._rows = _Rows(durable if durable is not None else r.Durable())
        self.commits = 0
        self.failure: str | None = None
        """While set, every commit raises StorageError with this text and changes nothing."""
        self.shortage: str | None = None
        """While set, every commit succeeds and answers this text, as on a disk where only the reserve is left."""

    @property
    def dead_letters(self) -> list[tuple[r.QueuedMessage, str]]:
        """Messages that were given up, and why."""
        return self._rows.dead_letters

    def load(self) -> r.Durable:
        """What was committed."""
        if self.failure is not None:
            raise StorageError(self.failure)
        return self._rows.durable()

    def commit(self, records: Sequence[r.Record]) -> str | None:
        """All or nothing."""
        if self.failure is not None:
            raise StorageError(self.failure)
        rows = self._rows.copy()
        for record in records:
            rows.apply(record)
        self._rows = rows
        self.commits += 1
        return self.shortage

    def close(self) -> None:
        """Nothing to release."""


class _Rows:
    """The tables."""

    def __init__(self, durable: r.Durable) -> None:
        self.settings = dict(durable.settings)
        self.notes = dict(durable.notes)
        self.availability = {row.connector_id: row for row in durable.availability}
        self.transactions = {row.local_id: row for row in durable.transactions}
        self.gathered = dict(durable.transaction_data)
        self.outbox = {row.message_id: row for row in durable.outbox}
        self.cache = {row.id_tag: row for row in durable.cache}
        self.local_list = {row.id_tag: row for row in durable.local_list}
        self.tags = {row.id_tag: row for row in durable.tags}
        self.reservations = {row.reservation_id: row for row in durable.reservations}
        self.latches = dict.fromkeys(durable.latches)
        self.dead_letters: list[tuple[r.QueuedMessage, str]] = []

    def copy(self) -> "_Rows":
        """Tables of their own; the rows are never changed, only replaced."""
        twin = _Rows.__new__(_Rows)
        for name, table in vars(self).items():
            setattr(twin, name, table.copy())
        return twin

    def durable(self) -> r.Durable:
        """What a start would find: transactions that run, or that an owed message still needs."""
        needed = {message.local_id for message in self.outbox.values()}
        kept = {local_id: row for local_id, row in sorted(self.transactions.items()) if row.ended is None or local_id in needed}
        return r.Durable(
            settings=dict(self.settings), notes=dict(self.notes),
            availability=tuple(row for _, row in sorted(self.availability.items())),
            transactions=tuple(kept.values()), outbox=tuple(self.outbox.values()),
            cache=tuple(row for _, row in sorted(self.cache.items())),
            transaction_data={local_id: values for local_id, values in self.gathered.items() if local_id in kept},
            local_list=tuple(row for _, row in sorted(self.local_list.items())),
            tags=tuple(row for _, row in sorted(self.tags.items())),
            reservations=tuple(row for _, row in sorted(self.reservations.items())),
            latches=tuple(sorted(self.latches, key=lambda latch: (latch[0], latch[1].value))),
        )

    def apply(self, record: r.Record) -> None:
        """One record."""
        match record:
            case r.PutSetting(name, value):
                self.settings[name] = value
            case r.PutNote(name, None):
                self.notes.pop(name, None)
            case r.PutNote(name, str() as note):
                self.notes[name] = note
            case r.PutAvailability(availability):
                self.availability[availability.connector_id] = availability
            case r.PutTransaction(transaction):
                self.transactions[transaction.local_id] = transaction
                if transaction.ended is not None:
                    self.gathered.pop(transaction.local_id, None)
            case r.AddTransactionData(local_id, meter_value):
                before = self.gathered.get(local_id, ())
                self.gathered[local_id] = before if meter_value in before else (*before, meter_value)
            case r.PutTransactionData(local_id, meter_values):
                self.gathered.pop(local_id, None)
                if meter_values:
                    self.gathered[local_id] = meter_values
            case r.Enqueue(message):
                self.outbox[message.message_id] = message
            case r.UpdateQueued(message_id, message):
                self.outbox = {new.message_id: new for new in (message if old.message_id == message_id else old
                                                               for old in self.outbox.values())}
            case r.Dequeue(message_id):
                self.outbox.pop(message_id, None)
            case r.Bury(message_id, why, at):
                if message_id in self.outbox:
                    self.dead_letters.append((msgspec.structs.replace(self.outbox.pop(message_id), buried=at), why))
            case r.DateSettled(stamp, limit):
                self._date(stamp, limit)
            case r.Erase():
                self._erase(record)
            case r.PutReservation(reservation):
                self.reservations[reservation.reservation_id] = reservation
            case r.DropReservation(reservation_id):
                self.reservations.pop(reservation_id, None)
            case r.PutLatch(connector_id, kind):
                self.latches[(connector_id, kind)] = None
            case r.DropLatch(connector_id, kind):
                self.latches.pop((connector_id, kind), None)
            case r.PutNote():
                wrong = f"a note is text or nothing, not {record.value!r}"
                raise TypeError(wrong)
            case _:
                self._apply_card(record)

    def _apply_card(self, record: r.CardRecord) -> None:
        """One record about cards."""
        match record:
            case r.PutCacheEntry(entry):
                self.cache[entry.id_tag] = entry
            case r.DropCacheEntry(id_tag):
                self.cache.pop(id_tag, None)
            case r.ClearCache():
                self.cache.clear()
            case r.ReplaceLocalList(entries):
                self.local_list = {entry.id_tag: entry for entry in entries}
            case r.AmendLocalList(entries, dropped):
                self.local_list.update((entry.id_tag, entry) for entry in entries)
                for id_tag in dropped:
                    self.local_list.pop(id_tag, None)
            case r.PutTag(tag):
                self.tags[tag.id_tag] = tag
            case r.DropTag(id_tag):
                self.tags.pop(id_tag, None)
            case _:
                assert_never(record)

    # -- what is over ------------------------------------------------------------------------------------------------

    def _past(self) -> list[r.Transaction]:
        """Over, and nothing owed of it."""
        owed = {message.local_id for message in self.outbox.values()}
        return [row for row in self.transactions.values() if row.ended is not None and row.local_id not in owed]

    def _date(self, stamp: r.Stamp, limit: int) -> None:
        for row in [row for row in self._past() if _undated(row.settled)][:limit]:
            self.transactions[row.local_id] = msgspec.structs.replace(row, settled=stamp)
        for place in [place for place, (letter, _) in enumerate(self.dead_letters) if _undated(letter.buried)][:limit]:
            letter, why = self.dead_letters[place]
            self.dead_letters[place] = msgspec.structs.replace(letter, buried=stamp), why

    def _erase(self, what: r.Erase) -> None:
        tags = {row.local_id: row.id_tag for row in self.transactions.values()}
        meant = [row for row in self._past() if row.ended is not None and _meant(what, row.settled, row.ended, row.id_tag)]
        for row in sorted(meant, key=lambda row: _utc(row.ended))[:what.limit]:
            del self.transactions[row.local_id]
        limit = what.limit if what.id_tag is None else len(self.dead_letters)
        letters = [letter for letter, _ in self.dead_letters
                   if _meant(what, letter.buried, letter.stamp, tags.get(letter.local_id, ""), _told_tag(letter))]
        gone = {letter.message_id for letter in sorted(letters, key=lambda letter: letter.stamp.utc)[:limit]}
        self.dead_letters = [(letter, why) for letter, why in self.dead_letters if letter.message_id not in gone]


def _undated(stamp: r.Stamp | None) -> bool:
    return stamp is None or not stamp.trusted


def _utc(stamp: r.Stamp | None) -> datetime:
    return datetime.min.replace(tzinfo=UTC) if stamp is None else stamp.utc


def _meant(what: r.Erase, settled: r.Stamp | None, ended: r.Stamp, *tags: str) -> bool:
    """Whether every condition that is given is met."""
    if what.settled_before is not None and (settled is None or _undated(settled) or settled.utc >= what.settled_before):
        return False
    if what.ended_before is not None and ended.utc >= what.ended_before:
        return False
    return what.id_tag is None or what.id_tag.upper() in {tag.upper() for tag in tags}


def _told_tag(letter: r.QueuedMessage) -> str:
    try:
        return msgspec.json.decode(letter.payload, type=_Tagged).id_tag
    except msgspec.DecodeError:
        return ""


class _Tagged(msgspec.Struct, rename="camel"):
    """What names a tag."""

    id_tag: str = ""
