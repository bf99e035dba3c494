"""The rules that every scenario is held against do notice what they are there for."""

import asyncio
import json
from typing import Any

import pytest

from tests.rig.rules import Rules

BOOT = {"chargePointVendor": "V", "chargePointModel": "M"}
ACCEPTED = {"status": "Accepted", "currentTime": "2026-03-01T12:00:00Z", "interval": 300}


class Wire:
    """A connection that is open."""

    ended = False


class Telling:
    """Tells the rules what was said."""

    def __init__(self) -> None:
        self.rules = Rules(30.0)
        self.rules.started()
        self.wire: Any = Wire()
        self._count = 0

    def call(self, action: str, *, message_id: str | None = None, answer: Any = None, **payload: Any) -> None:
        """A CALL of the charge point, answered at once unless `answer` is None."""
        self._count += 1
        message_id = message_id or f"id{self._count}"
        self.rules.sent(self.wire, json.dumps([2, message_id, action, payload]))
        if answer is not None:
            self.rules.received(self.wire, json.dumps([3, message_id, answer]))

    def accepted(self) -> None:
        """Registered."""
        self.call("BootNotification", answer=ACCEPTED, **BOOT)

    def status(self, status: str, code: str = "NoError", connector: int = 1) -> None:
        """A StatusNotification, answered."""
        self.call("StatusNotification", answer={}, connectorId=connector, errorCode=code, status=status)

    def begin(self, number: int = 7, start_wh: int = 100) -> None:
        """A transaction."""
        self.call("StartTransaction", connectorId=1, idTag="T", meterStart=start_wh, timestamp="2026-03-01T12:00:00Z",
                  answer={"transactionId": number, "idTagInfo": {"status": "Accepted"}})

    def end(self, number: int = 7, stop_wh: int = 200, answer: Any = None) -> None:
        """Its end."""
        self.call("StopTransaction", answer=answer, transactionId=number, meterStop=stop_wh, timestamp="2026-03-01T12:00:00Z")

    def reserve(self, id_tag: str = "T", connector: int = 1) -> None:
        """A reservation for an hour, accepted."""
        self.rules.received(self.wire, json.dumps([2, "cs-r", "ReserveNow", {
            "connectorId": connector, "idTag": id_tag, "reservationId": 5, "expiryDate": "2026-03-01T13:00:00Z"}]))
        self.rules.sent(self.wire, '[3,"cs-r",{"status":"Accepted"}]')

    def start(self, reservation_id: int | None = None) -> None:
        """A transaction of the tag T on connector 1 that tells of a reservation, or of none."""
        told: dict[str, Any] = {} if reservation_id is None else {"reservationId": reservation_id}
        self.call("StartTransaction", connectorId=1, idTag="T", meterStart=0, timestamp="2026-03-01T12:30:00Z", **told,
                  answer={"transactionId": 7, "idTagInfo": {"status": "Accepted"}})

    def broken(self) -> str:
        """What the rules found; empty when all is well."""
        try:
            self.rules.verify()
        except AssertionError as error:
            return str(error)
        return ""


async def test_a_proper_run_breaks_nothing():
    """Boot, statuses, a session."""
    telling = Telling()
    telling.accepted()
    for status in ("Available", "Preparing", "Charging", "Finishing", "Available", "Faulted") :
        telling.status(status, "NoError" if status != "Faulted" else "OtherError")
    telling.begin()
    telling.end(answer={})
    telling.reserve()
    await asyncio.sleep(10)
    telling.start(5)
    telling.start()
    assert telling.broken() == ""


async def _two_at_once(telling: Telling) -> None:
    telling.accepted()
    telling.call("Heartbeat")
    telling.call("Heartbeat")


async def _reused_id(telling: Telling) -> None:
    telling.accepted()
    telling.call("Heartbeat", message_id="same", answer={"currentTime": "2026-03-01T12:00:00Z"})
    telling.call("Authorize", message_id="same", idTag="T", answer={"idTagInfo": {"status": "Accepted"}})


async def _sent_after_its_answer(telling: Telling) -> None:
    telling.accepted()
    for _ in range(2):
        telling.call("Heartbeat", message_id="same", answer={"currentTime": "2026-03-01T12:00:00Z"})


async def _before_acceptance(telling: Telling) -> None:
    telling.status("Available")


async def _boot_too_soon(telling: Telling) -> None:
    telling.call("BootNotification", answer={**ACCEPTED, "status": "Pending"}, **BOOT)
    await asyncio.sleep(299)
    telling.call("BootNotification", answer=ACCEPTED, **BOOT)


async def _answers_while_rejected(telling: Telling) -> None:
    telling.call("BootNotification", answer={**ACCEPTED, "status": "Rejected"}, **BOOT)
    telling.rules.received(telling.wire, '[2,"cs","ClearCache",{}]')
    telling.rules.sent(telling.wire, '[3,"cs",{"status":"Accepted"}]')


async def _undefined_transition(telling: Telling) -> None:
    telling.accepted()
    telling.status("Finishing")
    telling.status("Charging")


async def _connector_0_prepares(telling: Telling) -> None:
    telling.accepted()
    telling.status("Preparing", connector=0)


async def _car_trouble_with_faulted(telling: Telling) -> None:
    telling.accepted()
    telling.status("Faulted", "EVCommunicationError")


async def _silence(telling: Telling) -> None:
    telling.accepted()
    await asyncio.sleep(400)


async def _stopped_twice(telling: Telling) -> None:
    telling.accepted()
    telling.begin()
    telling.end(answer={})
    telling.end(answer={})


async def _stop_of_nothing(telling: Telling) -> None:
    telling.accepted()
    telling.end(99, answer={})


async def _register_back(telling: Telling) -> None:
    telling.accepted()
    telling.begin(start_wh=500)
    telling.end(stop_wh=499, answer={})


async def _past_a_reservation(telling: Telling) -> None:
    telling.accepted()
    telling.reserve("OTHER")
    await asyncio.sleep(10)
    telling.start()


async def _a_reservation_of_somebody_else(telling: Telling) -> None:
    telling.accepted()
    telling.reserve("OTHER", connector=0)
    telling.start(5)


async def _a_reservation_twice(telling: Telling) -> None:
    telling.accepted()
    telling.reserve(connector=0)
    telling.start(5)
    telling.start(5)


async def _a_reservation_that_never_was(telling: Telling) -> None:
    telling.accepted()
    telling.reserve(connector=2)
    telling.start(5)


async def _against_the_schema(telling: Telling) -> None:
    telling.accepted()
    telling.call("Authorize", idTag="x" * 21, answer={"idTagInfo": {"status": "Accepted"}})


async def _unknown_error_code(telling: Telling) -> None:
    telling.rules.sent(telling.wire, '[4,"x","FormatViolation","",{}]')


@pytest.mark.parametrize(("story", "why"), [
    (_two_at_once, "RPC-5"), (_reused_id, "RPC-3"), (_sent_after_its_answer, "RPC-4"), (_before_acceptance, "BOOT-1"),
    (_boot_too_soon, "BOOT-4"), (_answers_while_rejected, "BOOT-7"), (_undefined_transition, "STAT-6"),
    (_connector_0_prepares, "STAT-2"), (_car_trouble_with_faulted, "STAT-10"), (_silence, "HB-1"), (_stopped_twice, "QUE-2"),
    (_stop_of_nothing, "TXN-10"), (_register_back, "MTR-9"), (_against_the_schema, "Authorize"),
    (_unknown_error_code, "RPC-11"), (_past_a_reservation, "reserved by 5"), (_a_reservation_of_somebody_else, "RES-6"),
    (_a_reservation_twice, "RES-8"), (_a_reservation_that_never_was, "RES-9"),
], ids=lambda value: value.__name__.strip("_").replace("_", " ") if callable(value) else "")
async def test_what_is_wrong_is_noticed(story, why):
    """Each rule, broken once, says so with its clause."""
    telling = Telling()
    await story(telling)
    assert why in telling.broken()
