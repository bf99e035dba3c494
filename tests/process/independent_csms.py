"""A central system made of the Python package `ocpp`, which knows nothing of our code: its schemas judge every frame.

It lives in a thread with its own event loop, so that tests read as a plain story. What the package would not accept is
kept in `complaints`, which a test holds against the empty list at its end.
"""
# The package comes without types:
# mypy: disable-error-code="untyped-decorator"

import asyncio
import json
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any, Self, TypeVar

from ocpp.exceptions import OCPPError
from ocpp.routing import on
from ocpp.v16 import ChargePoint, call, call_result
from ocpp.v16.enums import Action
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from tests.process.daemon import within

T = TypeVar("T")
CALL, RESULT, ERROR = 2, 3, 4
LENGTHS = {CALL: 4, RESULT: 3, ERROR: 5}
ANSWER_WITHIN_S = 10.0


def now() -> str:
    """The time as OCPP writes it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Peer(ChargePoint):  # type: ignore[misc]  # the package comes without types
    """One charge point, as the package sees it."""

    def __init__(self, identity: str, connection: ServerConnection, system: "CentralSystem") -> None:
        super().__init__(identity, connection, response_timeout=ANSWER_WITHIN_S)
        self._system = system

    async def route_message(self, raw_msg: str) -> None:
        frame = json.loads(raw_msg)
        if len(frame) != LENGTHS.get(frame[0]):
            self._system.complaints.append(frame)
        self._system.note(self.id, frame)
        await super().route_message(raw_msg)

    async def _send(self, message: str) -> None:
        frame = json.loads(message)
        if frame[0] == ERROR:
            self._system.complaints.append(frame)
        await super()._send(message)

    @on(Action.boot_notification)
    def on_boot(self, **_: object) -> call_result.BootNotification:
        return call_result.BootNotification(now(), 300, self._system.registration)

    @on(Action.heartbeat)
    def on_heartbeat(self) -> call_result.Heartbeat:
        return call_result.Heartbeat(now())

    @on(Action.status_notification)
    def on_status(self, **_: object) -> call_result.StatusNotification:
        return call_result.StatusNotification()

    @on(Action.authorize)
    def on_authorize(self, id_tag: str) -> call_result.Authorize:
        return call_result.Authorize({"status": self._system.tags.get(id_tag, "Accepted")})

    @on(Action.start_transaction)
    def on_start(self, id_tag: str, **_: object) -> call_result.StartTransaction:
        return call_result.StartTransaction(self._system.next_transaction_id(),
                                            {"status": self._system.tags.get(id_tag, "Accepted")})

    @on(Action.stop_transaction)
    def on_stop(self, **_: object) -> call_result.StopTransaction:
        return call_result.StopTransaction({"status": "Accepted"})

    @on(Action.meter_values)
    def on_meter_values(self, **_: object) -> call_result.MeterValues:
        return call_result.MeterValues()

    @on(Action.data_transfer)
    def on_data_transfer(self, **_: object) -> call_result.DataTransfer:
        return call_result.DataTransfer("Accepted")

    @on(Action.diagnostics_status_notification)
    def on_diagnostics(self, **_: object) -> call_result.DiagnosticsStatusNotification:
        return call_result.DiagnosticsStatusNotification()

    @on(Action.firmware_status_notification)
    def on_firmware(self, **_: object) -> call_result.FirmwareStatusNotification:
        return call_result.FirmwareStatusNotification()

    @on(Action.security_event_notification)
    def on_security_event(self, **_: object) -> call_result.SecurityEventNotification:
        return call_result.SecurityEventNotification()


class CentralSystem:
    """The server, and what it has heard."""

    def __init__(self) -> None:
        self.registration = "Accepted"
        self.tags: dict[str, str] = {}
        self.frames: list[tuple[str, list[Any]]] = []
        self.complaints: list[list[Any]] = []
        self.port = 0
        self._peers: dict[str, Peer] = {}
        self._transaction_id = 7000
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._server = self._wait(self._listen())
        return self

    def __exit__(self, *_: object) -> None:
        self._wait(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    @property
    def url(self) -> str:
        """For `csms.url`."""
        return f"ws://127.0.0.1:{self.port}/ocpp"

    def _wait(self, work: Coroutine[Any, Any, T]) -> T:
        future: Future[T] = asyncio.run_coroutine_threadsafe(work, self._loop)
        return future.result(ANSWER_WITHIN_S + 5)

    async def _listen(self) -> Any:
        server = await serve(self._talk, "127.0.0.1", self.port, subprotocols=["ocpp1.6"], ping_interval=None)  # type: ignore[list-item]  # Subprotocol is a string
        self.port = next(iter(server.sockets)).getsockname()[1]
        return server

    async def _close(self) -> None:
        self._server.close()
        await self._server.wait_closed()

    async def _talk(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        identity = connection.request.path.rpartition("/")[2]
        peer = self._peers[identity] = Peer(identity, connection, self)
        try:
            await peer.start()
        except ConnectionClosed:
            if self._peers.get(identity) is peer:
                del self._peers[identity]

    # -- what it does ------------------------------------------------------------------------------------------------

    def next_transaction_id(self) -> int:
        """7001, 7002, ..."""
        self._transaction_id += 1
        return self._transaction_id

    def note(self, identity: str, frame: list[Any]) -> None:
        """Keep what a charge point sent."""
        self.frames.append((identity, frame))

    def ask(self, request: Any, identity: str = "CP-1") -> dict[str, Any]:
        """Send a CALL; its CALLRESULT, which the package has judged. Raises ocpp.exceptions.OCPPError for a CALLERROR."""
        peer = within(lambda: self._peers.get(identity), ANSWER_WITHIN_S)
        assert peer is not None, f"{identity} is not connected"
        answer = self._wait(peer.call(request, suppress=False))
        return {name: value for name, value in asdict(answer).items() if value is not None}

    def refusal(self, action: str, payload: object, identity: str = "CP-1") -> str:
        """Send a CALL that the package would not let out; the code of the CALLERROR that answers it."""
        message_id = f"raw-{len(self.frames)}-{action}"
        self.send_raw(json.dumps([CALL, message_id, action, payload]), identity)
        frame = within(lambda: self.answer_to(message_id), ANSWER_WITHIN_S)
        assert frame is not None, f"{action} was not answered"
        assert frame[0] == ERROR, frame
        return str(frame[2])

    def send_raw(self, text: str, identity: str = "CP-1") -> None:
        """Any text, as it is."""
        self._wait(self._peers[identity]._connection.send(text))

    def answer_to(self, message_id: str) -> list[Any] | None:
        """The CALLRESULT or CALLERROR with this id."""
        return next((f for _, f in self.frames if f[0] in {RESULT, ERROR} and f[1] == message_id), None)

    # -- what it has heard -------------------------------------------------------------------------------------------

    def received(self, action: str, identity: str = "CP-1") -> list[dict[str, Any]]:
        """Payloads of every CALL of this action, in order."""
        return [f[3] for who, f in self.frames if who == identity and f[0] == CALL and f[2] == action]

    def actions(self, identity: str = "CP-1") -> list[str]:
        """Every CALL's action, in order."""
        return [f[2] for who, f in self.frames if who == identity and f[0] == CALL]

    def statuses(self, connector: int = 1, identity: str = "CP-1") -> list[str]:
        """The statuses a connector has reported, in order."""
        return [p["status"] for p in self.received("StatusNotification", identity) if p["connectorId"] == connector]

    def until(self, action: str, count: int = 1, within_s: float = 8.0, identity: str = "CP-1") -> dict[str, Any]:
        """The `count`th payload of this action, once it has come."""
        payloads = within(lambda: (found := self.received(action, identity))[count - 1:] and found, within_s)
        assert payloads is not None, f"no {action} number {count} within {within_s:g} s; heard: {self.actions(identity)}"
        return dict(payloads[count - 1])

    def until_status(self, status: str, connector: int = 1, within_s: float = 8.0, identity: str = "CP-1") -> None:
        """Wait until the connector has reported this status as its latest."""
        seen = within(lambda: self.statuses(connector, identity)[-1:] == [status], within_s)
        assert seen, f"no {status} within {within_s:g} s: {self.statuses(connector, identity)}"


__all__ = ["CentralSystem", "OCPPError", "call"]
