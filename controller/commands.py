"""Intentions, in the imperative: everything the station can want. Carried out after the commit.

The exceptions are the commands for which waiting would be the dangerous choice: `WithdrawOffer`, and an
`OfferCurrent` below what is offered now, are carried out before it.
"""

from datetime import datetime
from typing import Literal, TypeAlias

import msgspec

from controller.faults import FaultKind
from controller.ocpp.messages import Request, Response


class SendCall(msgspec.Struct, frozen=True):
    """Send this CALL now; the station never has two of them in flight (RPC-5)."""

    message_id: str
    request: Request
    timeout_s: float


class Reply(msgspec.Struct, frozen=True):
    """Answer the central system's CALL."""

    message_id: str
    response: Response


class ReplyError(msgspec.Struct, frozen=True):
    """Answer the central system's CALL with a CALLERROR."""

    message_id: str
    code: str
    description: str


class OfferCurrent(msgspec.Struct, frozen=True):
    """Offer up to `max_current_a` per phase until withdrawn; the shell renews it towards the guard every second."""

    connector_id: int
    max_current_a: float
    phases: int = 3
    """1 or 3, where the connector can switch them."""


class WithdrawOffer(msgspec.Struct, frozen=True):
    """Offer nothing more: a controlled stop."""

    connector_id: int


class SetLock(msgspec.Struct, frozen=True):
    """Move the bolt; the guard refuses to open it while the contactor is closed."""

    connector_id: int
    locked: bool


class ReadMeter(msgspec.Struct, frozen=True):
    """Read the meter now; `MeterRead` or `MeterFailed` follows."""

    connector_id: int


class HandLatch(msgspec.Struct, frozen=True):
    """Tell the guard of a fault that was latched before the restart."""

    connector_id: int
    kind: FaultKind


class ClearLatch(msgspec.Struct, frozen=True):
    """Tell the guard that a person reset the fault."""

    connector_id: int
    kind: FaultKind


class SetClock(msgspec.Struct, frozen=True):
    """Take `utc` as the time of this instant (TIME-2)."""

    utc: datetime


class SetPingInterval(msgspec.Struct, frozen=True):
    """Ping the central system every `interval_s`; 0 sends none (WS-11)."""

    interval_s: int


class Redial(msgspec.Struct, frozen=True):
    """Close the connection and dial again at once, without back-off (new credentials)."""

    authorization_key: str
    security_profile: int


class Show(msgspec.Struct, frozen=True):
    """Let the person at a card reader of these connectors hear what becomes of the card."""

    connector_ids: tuple[int, ...]
    what: Literal["presented", "accepted", "refused"]


class TellAsker(msgspec.Struct, frozen=True):
    """Answer a person who asked over the control socket: what is now, or why nothing is done."""

    asked_by: str
    told: dict[str, object] = {}
    refusal: str | None = None


class Restart(msgspec.Struct, frozen=True):
    """End the process with exit 0 so that the service manager starts it anew."""

    why: str
    at_once: bool = False
    """Also while a disk refuses what would have to be stored first."""


Command: TypeAlias = (
    SendCall | Reply | ReplyError | OfferCurrent | WithdrawOffer | SetLock | ReadMeter | HandLatch | ClearLatch | SetClock
    | SetPingInterval | Redial | Show | TellAsker | Restart
)
