"""What must hold in every run whatever the story is: rules over the frames as the charge point sends and takes them.

Written from the reference documents, not from the product. A rule that is broken is noted and fails the test at its end.
"""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec

from tests.rig import schemas
from tests.rig.loop import virtual_loop
from tests.rig.transport import Wire

ERROR_CODES = frozenset((
    "NotImplemented", "NotSupported", "InternalError", "ProtocolError", "SecurityError", "FormationViolation",
    "PropertyConstraintViolation", "OccurenceConstraintViolation", "TypeConstraintViolation", "GenericError"))
STATUSES = ("Available", "Preparing", "Charging", "SuspendedEV", "SuspendedEVSE", "Finishing", "Reserved", "Unavailable",
            "Faulted")
TRANSITIONS = frozenset((  # noqa: SIM905 - reads like the table
    "A2 A3 A4 A5 A7 A8 A9  B1 B3 B4 B5 B6 B9  C1 C4 C5 C6 C8 C9  D1 D3 D5 D6 D8 D9  E1 E3 E4 E6 E8 E9  F1 F2 F8 F9"
    "  G1 G2 G8 G9  H1 H2 H3 H4 H5 H9  I1 I2 I3 I4 I5 I6 I7 I8").split())
"""The cells of the matrix that are filled (STAT-6, ERR 3.20): the letter is the row left, the digit the column reached."""
EARLIEST = datetime(2026, 1, 1, tzinfo=UTC)
LATE_S = 1.0
"""A start so soon after a promise, or so close to its end, may have been begun before, or by another clock."""
TRANSIT_S = 1.0
"""How late a Heartbeat may be that a busy moment kept back."""


class Said(msgspec.Struct, frozen=True):
    """One CALL, with the moment it left or was taken."""

    at_s: float
    message_id: str
    action: str
    payload: Any
    text: str
    wire: Any


class Rule:
    """Watches; `broken` says what went wrong."""

    def __init__(self) -> None:
        self.broken: list[str] = []

    def note(self, why: str) -> None:
        """Somebody broke it."""
        self.broken.append(f"{virtual_loop().time():.3f} s: {why}")

    def started(self) -> None:
        """The process has been started (again)."""

    def call_out(self, said: Said) -> None:
        """The charge point has sent a CALL."""

    def answer_in(self, said: Said, payload: Any) -> None:
        """The charge point has taken the CALLRESULT to its CALL."""

    def error_in(self, said: Said) -> None:
        """The charge point has taken a CALLERROR to its CALL."""

    def call_in(self, said: Said) -> None:
        """The charge point has taken a CALL."""

    def answer_out(self, said: Said, payload: Any) -> None:
        """The charge point has answered a CALL; `payload` is None for a CALLERROR."""

    def finish(self) -> None:
        """The run is over."""


class OneAtATime(Rule):
    """No second CALL before the first was answered or timed out, on one connection (RPC-5)."""

    def __init__(self, message_timeout_s: float) -> None:
        super().__init__()
        self._timeout_s = message_timeout_s
        self._flying: Said | None = None

    def call_out(self, said: Said) -> None:
        before = self._flying
        if before is not None and before.wire is said.wire and said.at_s < before.at_s + self._timeout_s:
            self.note(f"{said.action} sent while {before.action} of {before.at_s:.3f} s is in flight (RPC-5)")
        self._flying = said

    def answer_in(self, said: Said, payload: Any) -> None:
        self._landed(said)

    def error_in(self, said: Said) -> None:
        self._landed(said)

    def _landed(self, said: Said) -> None:
        if self._flying is not None and self._flying.message_id == said.message_id:
            self._flying = None


class FreshIds(Rule):
    """A message id means one message for ever: re-sent byte by byte, never after an answer (RPC-3, RPC-4, rule 4 of faults)."""

    def __init__(self) -> None:
        super().__init__()
        self._texts: dict[str, str] = {}
        self._settled: set[str] = set()

    def started(self) -> None:
        """An answer that came just before a power cut may not have reached the disk: the message is then still owed."""
        self._settled.clear()

    def call_out(self, said: Said) -> None:
        if len(said.message_id) > 36:
            self.note(f"message id of {len(said.message_id)} characters (RPC-3)")
        if self._texts.setdefault(said.message_id, said.text) != said.text:
            self.note(f"id {said.message_id} reused for other content: {said.text} was {self._texts[said.message_id]} (RPC-3)")
        if said.message_id in self._settled:
            self.note(f"{said.action} {said.message_id} sent again after its answer (RPC-4)")

    def answer_in(self, said: Said, payload: Any) -> None:
        self._settled.add(said.message_id)

    def error_in(self, said: Said) -> None:
        self._settled.add(said.message_id)


class Registration(Rule):
    """What may be said before BootNotification is Accepted (BOOT-1, BOOT-4, BOOT-5, BOOT-7, HB-3)."""

    def __init__(self) -> None:
        super().__init__()
        self.started()

    def started(self) -> None:
        self._status: str | None = None
        self._not_before_s = 0.0
        self._triggered: set[str] = set()

    def call_out(self, said: Said) -> None:
        if self._status == "Accepted" or said.action in self._triggered:
            return
        if said.action != "BootNotification":
            self.note(f"{said.action} while registration is {self._status} (BOOT-1, BOOT-5)")
        elif said.at_s < self._not_before_s - 0.001:
            self.note(f"BootNotification {self._not_before_s - said.at_s:.3f} s before its time (BOOT-4)")

    def answer_in(self, said: Said, payload: Any) -> None:
        if said.action != "BootNotification":
            return
        self._status = payload["status"]
        if self._status != "Pending":  # what was asked for before is still asked for
            self._triggered.clear()
        wait_s = float(min(max(0, payload["interval"]), 86_400))
        self._not_before_s = virtual_loop().time() + wait_s if self._status != "Accepted" else 0.0

    def answer_out(self, said: Said, payload: Any) -> None:
        if self._status == "Rejected":
            self.note(f"{said.action} answered while registration is Rejected (BOOT-7)")
        if said.action == "TriggerMessage" and payload is not None and payload["status"] == "Accepted":
            self._triggered.add(said.payload["requestedMessage"])


class StatusMatrix(Rule):
    """Every StatusNotification follows from the one before by a defined transition (STAT-2, STAT-6, STAT-10).

    A new connection begins anew: what was sent last may have been lost, and history is not told (STAT-20).
    """

    def __init__(self) -> None:
        super().__init__()
        self._last: dict[int, str] = {}
        self._wire: Any = None

    def started(self) -> None:
        self._last.clear()

    def call_out(self, said: Said) -> None:
        if said.wire is not self._wire:
            self._wire = said.wire
            self._last.clear()
        if said.action == "StatusNotification":
            self._judge(int(said.payload["connectorId"]), said.payload["status"], said.payload["errorCode"])

    def _judge(self, connector_id: int, status: str, error_code: str) -> None:
        before = self._last.get(connector_id, status)
        self._last[connector_id] = status
        if connector_id == 0 and status not in ("Available", "Unavailable", "Faulted"):
            self.note(f"connector 0 is {status} (STAT-2)")
        cell = f"{'ABCDEFGHI'[STATUSES.index(before)]}{STATUSES.index(status) + 1}"
        if connector_id > 0 and before != status and cell not in TRANSITIONS:
            self.note(f"connector {connector_id}: {before} -> {status} is no transition (STAT-6)")
        if error_code == "EVCommunicationError" and status not in ("Preparing", "SuspendedEV", "SuspendedEVSE", "Finishing"):
            self.note(f"connector {connector_id}: EVCommunicationError with {status} (STAT-10)")
        if status == "Faulted" and error_code == "NoError":
            self.note(f"connector {connector_id}: Faulted for no reason (STAT-9)")


class Alive(Rule):
    """An accepted charge point is never silent for longer than the heartbeat interval (HB-1, HB-2)."""

    def __init__(self, message_timeout_s: float) -> None:
        super().__init__()
        self._timeout_s = message_timeout_s
        self._interval_s = 0.0
        self._last: Said | None = None
        self._unanswered = False

    def started(self) -> None:
        self._last, self._interval_s = None, 0.0

    def call_out(self, said: Said) -> None:
        self._judge()
        self._last, self._unanswered = said, True

    def answer_in(self, said: Said, payload: Any) -> None:
        self._unanswered = False
        if said.action == "BootNotification" and payload["status"] == "Accepted" and payload["interval"] > 0:
            self._interval_s = float(min(payload["interval"], 86_400))

    def answer_out(self, said: Said, payload: Any) -> None:
        changed = said.action == "ChangeConfiguration" and payload is not None and payload["status"] == "Accepted"
        if changed and said.payload["key"].lower() == "heartbeatinterval":
            self._judge()
            self._interval_s, self._last = float(said.payload["value"]), None

    def finish(self) -> None:
        self._judge()

    def _judge(self) -> None:
        if self._last is None or self._interval_s == 0 or self._last.wire.ended:
            return
        silent_s = virtual_loop().time() - self._last.at_s
        allowed_s = self._interval_s + TRANSIT_S + (self._timeout_s if self._unanswered else 0.0)
        if silent_s > allowed_s:
            self.note(f"nothing sent for {silent_s:.1f} s, HeartbeatInterval is {self._interval_s:g} s (HB-1)")


class Billing(Rule):
    """Start, MeterValues, Stop of a transaction: in this order, each end once, the register never back (QUE-2, MTR-9)."""

    def __init__(self) -> None:
        super().__init__()
        self._running: dict[int, Decimal] = {}
        self._over: set[int] = set()

    def call_out(self, said: Said) -> None:
        number = said.payload.get("transactionId")
        if said.action not in ("MeterValues", "StopTransaction") or number is None or number == -1:
            return
        if number in self._over:
            self.note(f"{said.action} about transaction {number}, which was stopped and that was answered (QUE-2)")
        elif number not in self._running:
            self.note(f"{said.action} about transaction {number}, which no StartTransaction.conf gave (TXN-10)")
        else:
            for register_wh in _registers(said.action, said.payload):
                if register_wh < self._running[number]:
                    self.note(f"register of transaction {number} back from {self._running[number]} to {register_wh} (MTR-9)")

    def answer_in(self, said: Said, payload: Any) -> None:
        number = said.payload.get("transactionId")
        if said.action == "StartTransaction":
            self._over.discard(payload["transactionId"])
            self._running[payload["transactionId"]] = Decimal(said.payload["meterStart"])
        elif said.action == "StopTransaction" and number in self._running:
            del self._running[number]
            self._over.add(number)
        elif number in self._running:
            self._running[number] = max([self._running[number], *_registers(said.action, said.payload)])


class Promises(Rule):
    """Nobody starts where somebody else has a reservation, and a reservationId names one that is his, once (RES-6, RES-8, RES-9).

    Whether one of this connection still stands can be seen from outside; what ended while nobody was connected cannot.
    """

    def __init__(self) -> None:
        super().__init__()
        self._made: dict[int, Said] = {}
        self._standing: dict[int, Said] = {}
        self._used: dict[int, str] = {}
        self._told_until = EARLIEST
        """The latest moment of which a status told."""
        self._made_after: dict[int, datetime] = {}

    def answer_out(self, said: Said, payload: Any) -> None:
        accepted = payload is not None and payload.get("status") == "Accepted"
        if said.action == "ReserveNow" and accepted:
            number = said.payload["reservationId"]
            self._made[number] = self._standing[number] = said
            self._made_after[number] = self._told_until
            self._used.pop(number, None)
        elif said.action == "CancelReservation" and accepted:
            self._standing.pop(said.payload["reservationId"], None)

    def call_out(self, said: Said) -> None:
        connector_id = said.payload.get("connectorId")
        self._standing = {number: made for number, made in self._standing.items() if made.wire is said.wire}
        if said.action == "StatusNotification":
            self._told_until = max([self._told_until, *_dates(said.payload)])
        if said.action == "StatusNotification" and said.payload["status"] in ("Faulted", "Unavailable"):
            self._standing = {number: made for number, made in self._standing.items()
                              if made.payload["connectorId"] != connector_id}
        elif said.action == "StartTransaction":
            self._started(said, connector_id, said.payload.get("reservationId"))

    def _started(self, said: Said, connector_id: int, told: int | None) -> None:
        at = datetime.fromisoformat(said.payload["timestamp"])
        for number, made in self._standing.items():
            if at <= self._made_after[number]:
                continue  # it began before the promise, and is told late, or once more
            lasts_s = (datetime.fromisoformat(made.payload["expiryDate"]) - at).total_seconds()
            left_s = lasts_s - LATE_S if said.at_s > made.at_s + LATE_S else 0.0
            if made.payload["connectorId"] == connector_id and number != told and left_s > 0:
                self.note(f"{said.text} starts on a connector that is reserved by {number} (RES-6, RES-9)")
        if told is not None:
            self._judge_id(said, connector_id, told)

    def _judge_id(self, said: Said, connector_id: int, told: int) -> None:
        made = self._made.get(told)
        if made is None or made.payload["connectorId"] not in (0, connector_id):
            self.note(f"{said.text} names a reservation that was never made for its connector (RES-9)")
        elif "parentIdTag" not in made.payload and made.payload["idTag"].upper() != said.payload["idTag"].upper():
            self.note(f"{said.text} names a reservation of {made.payload['idTag']} (RES-6)")
        elif self._used.setdefault(told, said.message_id) != said.message_id:
            self.note(f"{said.text} names a reservation that another start has ended (RES-8)")
        self._standing.pop(told, None)


class Calendar(Rule):
    """No date before the program was built, and none of a session before the one it follows (F-1970, TIME-2)."""

    def __init__(self) -> None:
        super().__init__()
        self._last: dict[int, datetime] = {}

    def call_out(self, said: Said) -> None:
        dates = _dates(said.payload)
        for text in dates:
            if text < EARLIEST:
                self.note(f"{said.action} tells of {text}, before the program was built (F-1970)")
        number = said.payload.get("transactionId")
        if said.action in ("MeterValues", "StopTransaction") and number in self._last:
            last = [self._last[number]] if said.action == "MeterValues" else []
            if [*last, *dates] != sorted([*last, *dates]) or max(dates) < self._last[number]:
                self.note(f"{said.action} of transaction {number} goes back in time (F-1970): {said.text}")

    def answer_in(self, said: Said, payload: Any) -> None:
        if said.action == "StartTransaction":
            self._last[payload["transactionId"]] = _dates(said.payload)[-1]
        elif said.payload.get("transactionId") in self._last:
            self._last[said.payload["transactionId"]] = max(_dates(said.payload))


def _dates(payload: Any) -> list[datetime]:
    """Every timestamp of a message, the values' before its own."""
    values = [*payload.get("meterValue", ()), *payload.get("transactionData", ())]
    return [datetime.fromisoformat(part["timestamp"]) for part in (*values, payload) if "timestamp" in part]


def _registers(action: str, payload: Any) -> list[Decimal]:
    """The energy registers in a message, in Wh, rounded down where others are."""
    if action == "StopTransaction":
        return [Decimal(payload["meterStop"])]
    values = [sampled for element in payload.get("meterValue", ()) for sampled in element["sampledValue"]]
    return [Decimal(sampled["value"]) // 1 * (1000 if sampled.get("unit") == "kWh" else 1) for sampled in values
            if sampled.get("measurand", "Energy.Active.Import.Register") == "Energy.Active.Import.Register"
            and "phase" not in sampled]


class Rules:
    """Reads every frame once and shows it to all of them."""

    def __init__(self, message_timeout_s: float) -> None:
        self.all: list[Rule] = [
            OneAtATime(message_timeout_s), FreshIds(), Registration(), StatusMatrix(), Alive(message_timeout_s), Billing(),
            Promises(), Calendar()]
        self.frames: list[str] = []
        """Everything said, one line per frame with its virtual time; equal runs give equal logs."""
        self._form = Rule()
        self._ours: dict[str, Said] = {}
        self._theirs: dict[str, Said] = {}

    def started(self) -> None:
        """The process has been started (again)."""
        for rule in self.all:
            rule.started()

    def sent(self, wire: Wire, text: str) -> None:
        """A frame leaves the charge point."""
        self.frames.append(f"{virtual_loop().time():.6f} -> {text}")
        try:
            self._judge_sent(wire, text, schemas.read(text))
        except (AssertionError, ValueError, KeyError, TypeError, IndexError) as error:
            self._form.note(f"{text}: {error!r}")

    def _judge_sent(self, wire: Wire, text: str, frame: list[Any]) -> None:
        match frame:
            case [2, message_id, action, payload]:
                schemas.check(action, payload)
                said = Said(virtual_loop().time(), message_id, action, payload, text, wire)
                for rule in self.all:
                    rule.call_out(said)
                self._ours[message_id] = said
            case [3, message_id, payload]:
                asked = self._theirs[message_id]
                schemas.check(asked.action, payload, response=True)
                for rule in self.all:
                    rule.answer_out(asked, payload)
            case [4, message_id, code, description, details]:
                assert code in ERROR_CODES, f"unknown error code {code} (RPC-11)"
                assert isinstance(description, str), "errorDescription is a string (RPC-10)"
                assert details == {}, "errorDetails is an object (RPC-10)"
                if message_id in self._theirs:
                    for rule in self.all:
                        rule.answer_out(self._theirs[message_id], None)
            case _:
                raise AssertionError("neither CALL nor CALLRESULT nor CALLERROR (RPC-1)")

    def received(self, wire: Wire, text: str) -> None:
        """A frame is taken by the charge point; what the test sends on purpose may be anything."""
        self.frames.append(f"{virtual_loop().time():.6f} <- {text}")
        try:
            frame = schemas.read(text)
        except (ValueError, RecursionError):
            return
        match frame:
            case [2, str(message_id), str(action), payload]:
                said = Said(virtual_loop().time(), message_id, action, payload, text, wire)
                self._theirs.setdefault(message_id, said)
                for rule in self.all:
                    rule.call_in(said)
            case [3, str(message_id), payload] if message_id in self._ours:
                self._judge_answer(self._ours[message_id], payload)
            case [4, str(message_id), *_] if message_id in self._ours:
                for rule in self.all:
                    rule.error_in(self._ours[message_id])

    def _judge_answer(self, said: Said, payload: Any) -> None:
        """An answer that is none by its schema is a failure to answer."""
        try:
            schemas.check(said.action, payload, response=True)
        except AssertionError:
            for rule in self.all:
                rule.error_in(said)
        else:
            for rule in self.all:
                rule.answer_in(said, payload)

    def verify(self) -> None:
        """At the end of a run. Raises AssertionError with everything that was broken."""
        for rule in self.all:
            rule.finish()
        broken = [why for rule in (self._form, *self.all) for why in rule.broken]
        assert not broken, "\n".join(broken[:20])
