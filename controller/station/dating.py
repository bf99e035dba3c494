"""The date of what happened before the date was known (F-1970, B4, BOOT-9).

A Raspberry Pi may start in 1970, or at the time that it saved last. Until somebody tells better its stamps are marked, and
carry the monotonic clock of this boot beside a calendar that nobody trusts. Once UTC is known every such stamp of *this*
boot gets its true date from the monotonic difference, once and for good. One of an earlier boot is lost: what counted the
seconds since ended with the power.
"""

from datetime import UTC, datetime, timedelta
from typing import TypeVar

import msgspec

from controller.clock import Instant
from controller.events import ClockWasSet, Event
from controller.ocpp.messages import MeterValue, Request
from controller.ocpp.messages.core import MeterValuesReq, StartTransactionReq, StopTransactionReq
from controller.records import Stamp, Transaction
from controller.station.step import Step

EARLIEST = datetime(2026, 1, 1, tzinfo=UTC)
"""When this program was built: nothing that it tells of is older (F-1970)."""
NOTICED_S = 0.5
"""Two clocks that run alike differ by less from step to step; more is a calendar that was set (F-STEP)."""
V = TypeVar("V", bound=MeterValue)


class Gathered(MeterValue, frozen=True):
    """A value kept for StopTransaction, with the stamp that will date it; None: its timestamp is right as it is."""

    stamp: Stamp | None = None


class Dating:
    """Notices that the calendar became known, or jumped, whoever set it: NTP does not tell us (F-1970, F-STEP)."""

    def __init__(self) -> None:
        self._ahead_s: float | None = None
        self._known = False

    def look(self, event: Event, step: Step) -> None:
        """Before anything else in a step: let `ClockWasSet` go ahead of the event if the calendar is another one."""
        ahead_s = step.at.utc.timestamp() - step.at.monotonic_s
        before_s = ahead_s if self._ahead_s is None else self._ahead_s
        moved = abs(ahead_s - before_s) > NOTICED_S
        learned = step.at.trusted and not self._known
        self._known = step.at.trusted
        if moved or learned or self._ahead_s is None:
            self._ahead_s = ahead_s
        if (moved or learned) and not isinstance(event, ClockWasSet):
            step.derive(ClockWasSet(step.at.utc - timedelta(seconds=ahead_s - before_s)))


def is_lost(stamp: Stamp, step: Step) -> bool:
    """Nobody can tell any more when this was."""
    return not stamp.trusted and stamp.boot_id != step.boot_id


def is_nameless(transaction: Transaction, step: Step) -> bool:
    """Its start cannot be dated and so was never told: there is nothing that its messages could refer to (B4).

    One of which no message is owed needs no name.
    """
    return is_lost(transaction.started, step) and transaction.transaction_id is None and not transaction.stand_alone


def can_date(stamp: Stamp, step: Step) -> bool:
    """The date is known by now, and the seconds since the stamp were counted."""
    return step.at.trusted and not stamp.trusted and stamp.boot_id == step.boot_id


def dated(stamp: Stamp, at: Instant) -> Stamp:
    """The same moment, as the calendar of `at` has it."""
    utc = at.utc - timedelta(milliseconds=round((at.monotonic_s - stamp.monotonic_s) * 1000))
    return msgspec.structs.replace(stamp, utc=max(utc, EARLIEST), trusted=True)


def dated_transaction(transaction: Transaction, step: Step) -> Transaction:
    """With every stamp dated that can be, none of them before the one it follows."""
    started, last_seen, ended = (stamp if stamp is None or not can_date(stamp, step) else dated(stamp, step.at)
                                 for stamp in (transaction.started, transaction.last_seen, transaction.ended))
    assert started is not None
    assert last_seen is not None
    if started.trusted and last_seen.trusted and last_seen.utc < started.utc:
        last_seen = msgspec.structs.replace(last_seen, utc=started.utc)
    return msgspec.structs.replace(transaction, started=started, last_seen=last_seen, ended=ended)


def dated_request(request: Request, by: timedelta, not_before: datetime, *, dated_values: int = 0) -> Request:
    """A transaction message with its timestamps moved, in order, and none before `not_before`.

    Of the values in StopTransaction the first `dated_values` were right before; they stay where they are.
    """
    match request:
        case StartTransactionReq():
            return msgspec.structs.replace(request, timestamp=max(request.timestamp + by, not_before))
        case MeterValuesReq():
            return msgspec.structs.replace(request, meter_value=in_order(moved(request.meter_value, by), not_before))
        case StopTransactionReq():
            data = request.transaction_data or []
            data = in_order([*data[:dated_values], *moved(data[dated_values:], by)], EARLIEST)
            at = max(request.timestamp + by, not_before, *(value.timestamp for value in data))
            return msgspec.structs.replace(request, timestamp=at, transaction_data=data or None)
        case _:
            return request


def moved(values: list[V], by: timedelta) -> list[V]:
    """The values that much later."""
    return [msgspec.structs.replace(value, timestamp=value.timestamp + by) for value in values] if by else values


def in_order(values: list[V], not_before: datetime) -> list[V]:
    """No value before the one that it follows, whatever a calendar did that was set back meanwhile (TIME-2)."""
    straight = []
    for value in values:
        not_before = max(value.timestamp, not_before)
        straight.append(value if value.timestamp == not_before else msgspec.structs.replace(value, timestamp=not_before))
    return straight


def latest(request: Request) -> datetime | None:
    """The last moment that a transaction message tells of."""
    match request:
        case StartTransactionReq() | StopTransactionReq():
            return request.timestamp
        case MeterValuesReq():
            return request.meter_value[-1].timestamp
        case _:
            return None
