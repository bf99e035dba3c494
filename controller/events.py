"""Facts, in the past tense: everything that can happen to the station. If it is not here, the core never hears of it."""

from datetime import datetime
from typing import Literal, TypeAlias

import msgspec

from controller.guard.messages import Report
from controller.ocpp.messages import Request, Response
from drivers.protocols import MeterReading


class Started(msgspec.Struct, frozen=True):
    """The daemon is up and its durable state is loaded; always the first event."""


class StopRequested(msgspec.Struct, frozen=True):
    """The process is about to end (SIGTERM, watchdog): note durably that it does, leave transactions open."""


class CardPresented(msgspec.Struct, frozen=True):
    """A card was held to a reader that serves `connector_ids`; once per presence."""

    connector_ids: tuple[int, ...]
    id_tag: str


class ConnectorReported(msgspec.Struct, frozen=True):
    """The guard's view of a connector has changed."""

    report: Report


class GuardLost(msgspec.Struct, frozen=True):
    """The guard does not answer: nothing is known of any connector, nothing is offered."""


class GuardFound(msgspec.Struct, frozen=True):
    """The guard answers (again); its reports follow."""


class MeterRead(msgspec.Struct, frozen=True):
    """A fresh reading of the connector's energy meter."""

    connector_id: int
    reading: MeterReading


class MeterFailed(msgspec.Struct, frozen=True):
    """The meter could not be read; sent for every failed attempt."""

    connector_id: int
    why: str


class ReaderFailed(msgspec.Struct, frozen=True):
    """A card reader stopped answering."""

    reader: int
    why: str


class ReaderFound(msgspec.Struct, frozen=True):
    """The card reader answers again."""

    reader: int


class TamperReported(msgspec.Struct, frozen=True):
    """The enclosure of a connector was opened, or closed again."""

    connector_id: int
    is_open: bool


class StorageFailed(msgspec.Struct, frozen=True):
    """Nothing durable can be written now."""

    why: str


class StorageFound(msgspec.Struct, frozen=True):
    """Writing works again."""


class FaultReset(msgspec.Struct, frozen=True):
    """A person at the charge point reset the latched faults of a connector."""

    connector_id: int


class EraseRequested(msgspec.Struct, frozen=True):
    """A person wants sessions and dead letters forgotten: those that meet every condition that is given (T-PRIVACY)."""

    ended_before: datetime | None = None
    id_tag: str | None = None


class TagChangeAsked(msgspec.Struct, frozen=True):
    """A person at the charge point wants one of its own cards labelled, blocked or removed; `asked_by` waits for the answer."""

    asked_by: str
    change: Literal["label", "block", "remove"]
    id_tag: str
    label: str | None = None
    """None: as it is."""


class LearningAsked(msgspec.Struct, frozen=True):
    """A person wants the next card at any reader to become one of the charge point's own; `asked_by` waits for it."""

    asked_by: str
    within_s: float
    label: str | None = None


class AskerLeft(msgspec.Struct, frozen=True):
    """Nobody waits for that answer any more."""

    asked_by: str


class CsmsConnected(msgspec.Struct, frozen=True):
    """A websocket to the central system is open and agreed on `ocpp1.6`."""


class CsmsLost(msgspec.Struct, frozen=True):
    """The websocket is gone; a CALL in flight was neither answered nor refused."""

    why: str


class CallReceived(msgspec.Struct, frozen=True):
    """The central system calls; the answer must carry `message_id`."""

    message_id: str
    request: Request


class CallAnswered(msgspec.Struct, frozen=True):
    """The central system answered our CALL `message_id`."""

    message_id: str
    response: Response


NOT_STORED = "NotStored"
"""`CallFailed.code` of a transaction message that was kept back because the disk refuses; it has not left."""


class CallFailed(msgspec.Struct, frozen=True):
    """Our CALL `message_id` was refused with a CALLERROR, answered unreadably, or not answered in time.

    A CALL cut off by a lost connection does not fail: `CsmsLost` tells of it (QUE-7).
    """

    message_id: str
    code: str
    """The CALLERROR's code; "TimedOut" when no answer came; "BadAnswer" for a result that is not one."""
    description: str


class DeadlineCame(msgspec.Struct, frozen=True):
    """A deadline that a feature had set on the agenda is due."""

    key: tuple[str | int, ...]


class ClockWasSet(msgspec.Struct, frozen=True):
    """UTC was corrected: it would have been `before`, it is now the instant of the event."""

    before: datetime
    told: bool = False
    """By the central system; else somebody has set the machine's clock, or NTP has."""


Event: TypeAlias = (
    Started | StopRequested | CardPresented | ConnectorReported | GuardLost | GuardFound | MeterRead | MeterFailed
    | ReaderFailed | ReaderFound | TamperReported | StorageFailed | StorageFound | FaultReset | EraseRequested | TagChangeAsked
    | LearningAsked | AskerLeft | CsmsConnected | CsmsLost | CallReceived
    | CallAnswered | CallFailed | DeadlineCame | ClockWasSet
)
