"""The central system as the test plays it: friendly unless told otherwise, strict about every frame, with a memory."""

import asyncio
import itertools
import json
from collections import deque
from collections.abc import Callable, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any, TypeAlias

import msgspec

from tests.rig import schemas
from tests.rig.clock import TrueTime
from tests.rig.loop import virtual_loop
from tests.rig.rules import Rules
from tests.rig.transport import Network, Wire

Json: TypeAlias = dict[str, Any]


class Received(msgspec.Struct, frozen=True):
    """One CALL of the charge point as it arrived."""

    at_s: float
    message_id: str
    action: str
    payload: Json


class CallError(msgspec.Struct, frozen=True):
    """A CALLERROR: what the charge point answered, or what it is to be answered."""

    code: str
    description: str = ""


class Silence(msgspec.Struct, frozen=True):
    """No answer at all."""


class Late(msgspec.Struct, frozen=True):
    """The usual answer, after some time."""

    after_s: float


class Twice(msgspec.Struct, frozen=True):
    """The usual answer, two times."""


class Raw(msgspec.Struct, frozen=True):
    """These bytes as the answer's payload, right or wrong."""

    payload: str


Answer: TypeAlias = "Json | CallError | Silence | Late | Twice | Raw | Callable[[Json], Json]"


class CentralSystem:
    """One charge point's counterpart."""

    def __init__(self, true_time: TrueTime, *, message_timeout_s: float = 30.0) -> None:
        self.rules = Rules(message_timeout_s)
        self.network = Network(self, self.rules)
        self.heartbeat_interval_s = 300
        self.clock_error_s = 0.0
        """How far the time that it tells is ahead."""
        self.answers: dict[str, Answer] = {}
        """What to answer from now on, by action; the payload of a CALLRESULT, or one of the classes above."""
        self._scripts: dict[str, deque[Answer]] = {}
        self.received: list[Received] = []
        self.wire: Wire | None = None
        self.connections = 0
        self._true_time = true_time
        self._ids = itertools.count(1)
        self.next_transaction_id = 1
        self._asked: dict[str, tuple[str, asyncio.Future[Json | CallError]]] = {}
        self._texts: dict[str, str] = {}
        self.answered: list[tuple[str, Json | CallError]] = []
        """Answers to our CALLs in the order in which they came: message id and content."""

    # -- the other end of the wire -----------------------------------------------------------------------------------

    def connected(self, wire: Wire) -> None:
        """A charge point has come; it keeps one connection."""
        assert self.wire is None or self.wire.ended, "two connections at once (WS-6)"
        self.wire = wire
        self.connections += 1

    def gone(self, wire: Wire) -> None:
        """It has left; nobody will answer any more what was asked over this connection."""
        for _, answer in self._asked.values():
            if not answer.done():
                answer.set_exception(ConnectionError("the connection ended before the answer"))
                answer.exception()
        self._asked.clear()

    def arrived(self, wire: Wire, text: str) -> None:
        """A frame has come."""
        match schemas.read(text):
            case [2, message_id, action, payload]:
                self.received.append(Received(virtual_loop().time(), message_id, action, payload))
                self._answer(wire, message_id, action, payload)
            case [3, message_id, payload]:
                self._take_answer(message_id, payload)
            case [4, message_id, code, description, _]:
                self._take_answer(message_id, CallError(code, description))

    def _take_answer(self, message_id: str, answer: "Json | CallError") -> None:
        self.answered.append((message_id, answer))
        asked = self._asked.pop(message_id, None)
        if asked is not None and not asked[1].done():
            asked[1].set_result(answer)

    # -- answering ---------------------------------------------------------------------------------------------------

    def script(self, action: str, *answers: Answer) -> None:
        """Give these answers to the next CALLs of this action, one each; then as before."""
        self._scripts.setdefault(action, deque()).extend(answers)

    def _answer(self, wire: Wire, message_id: str, action: str, payload: Json) -> None:
        script = self._scripts.get(action)
        answer = script.popleft() if script else self.answers.get(action)
        match answer:
            case None:
                self._result(wire, message_id, action, self._friendly(payload, action))
            case Silence():
                return
            case Late(after_s):
                virtual_loop().call_later(after_s, self._result, wire, message_id, action, self._friendly(payload, action))
            case Twice():
                content = self._friendly(payload, action)
                self._result(wire, message_id, action, content)
                self._result(wire, message_id, action, content)
            case CallError(code, description):
                wire.push(json.dumps([4, message_id, code, description, {}]))
            case Raw(text):
                wire.push(f'[3,"{message_id}",{text}]')
            case dict():
                self._result(wire, message_id, action, answer)
            case _:
                self._result(wire, message_id, action, answer(payload))

    def _result(self, wire: Wire, message_id: str, action: str, content: Json) -> None:
        schemas.check(action, schemas.read(json.dumps(content)), response=True)
        wire.push(json.dumps([3, message_id, content]))

    def _friendly(self, _payload: Json, action: str) -> Json:
        match action:
            case "BootNotification":
                return {"status": "Accepted", "currentTime": self.time, "interval": self.heartbeat_interval_s}
            case "Heartbeat":
                return {"currentTime": self.time}
            case "Authorize":
                return {"idTagInfo": {"status": "Accepted"}}
            case "StartTransaction":
                self.next_transaction_id += 1
                return {"idTagInfo": {"status": "Accepted"}, "transactionId": self.next_transaction_id - 1}
            case _:
                return {}

    @property
    def time(self) -> str:
        """Now, as it goes into currentTime."""
        return (self._true_time.now() + timedelta(seconds=self.clock_error_s)).isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def boot(self, status: str, interval_s: int) -> Callable[[Json], Json]:
        """A verdict on BootNotification."""
        return lambda _payload: {"status": status, "currentTime": self.time, "interval": interval_s}

    def start(self, status: str = "Accepted", transaction_id: int | None = None, parent: str | None = None
              ) -> Callable[[Json], Json]:
        """A verdict on StartTransaction."""
        def answer(payload: Json) -> Json:
            content = self._friendly(payload, "StartTransaction")
            content["idTagInfo"] = {"status": status, **({"parentIdTag": parent} if parent is not None else {})}
            return content if transaction_id is None else {**content, "transactionId": transaction_id}
        return answer

    # -- calling -----------------------------------------------------------------------------------------------------

    def send(self, action: str, **payload: Any) -> "asyncio.Future[Json | CallError]":
        """Send a CALL; the future brings the answer, or ConnectionError."""
        schemas.check(action, schemas.read(json.dumps(payload)))
        return self.send_with_id(f"cs-{next(self._ids)}", action, payload)

    def send_with_id(self, message_id: str, action: str, payload: Json) -> "asyncio.Future[Json | CallError]":
        """Send a CALL under an id of the test's choice, unchecked."""
        assert self.wire is not None
        answer: asyncio.Future[Json | CallError] = virtual_loop().create_future()
        self._asked[message_id] = (action, answer)
        self._texts[message_id] = json.dumps([2, message_id, action, payload])
        self.wire.push(self._texts[message_id])
        return answer

    def send_text(self, text: str) -> None:
        """Send anything."""
        assert self.wire is not None
        self.wire.push(text)

    def replay(self, message_id: str) -> None:
        """Send the CALL with this id once more, byte by byte, and expect nothing."""
        assert self.wire is not None
        self.wire.push(self._texts[message_id])

    async def call(self, action: str, *, within_s: float = 30.0, **payload: Any) -> Json:
        """Send a CALL and wait for its CALLRESULT. Raises AssertionError for a CALLERROR, TimeoutError for silence."""
        answer = await asyncio.wait_for(self.send(action, **payload), within_s)
        assert not isinstance(answer, CallError), f"{action} was answered {answer}"
        return answer

    async def call_error(self, action: str, *, within_s: float = 30.0, **payload: Any) -> str:
        """Send a CALL and wait for its CALLERROR; gives the code."""
        answer = await asyncio.wait_for(self.send(action, **payload), within_s)
        assert isinstance(answer, CallError), f"{action} was answered {answer}"
        return answer.code

    async def configure(self, key: str, value: object) -> None:
        """ChangeConfiguration, Accepted."""
        text = str(value).lower() if isinstance(value, bool) else str(value)
        assert (await self.call("ChangeConfiguration", key=key, value=text))["status"] == "Accepted"

    # -- what was seen -----------------------------------------------------------------------------------------------

    @property
    def online(self) -> bool:
        """A charge point is connected."""
        return self.wire is not None and not self.wire.ended

    def of(self, action: str) -> list[Json]:
        """The payloads of every CALL of this action, in order of arrival."""
        return [call.payload for call in self.received if call.action == action]

    def calls(self, *actions: str) -> list[Received]:
        """Every CALL of these actions, or of all, in order of arrival."""
        return [call for call in self.received if not actions or call.action in actions]

    @property
    def actions(self) -> list[str]:
        """The actions in order of arrival."""
        return [call.action for call in self.received]

    @property
    def billing(self) -> list[str]:
        """The transaction messages in order of arrival, samples left out."""
        return [action for action in self.actions if action in ("StartTransaction", "StopTransaction")]

    def statuses(self, connector_id: int = 1) -> list[str]:
        """What was told of one connector, in order, repetitions left out."""
        told = [p["status"] for p in self.of("StatusNotification") if p["connectorId"] == connector_id]
        return [status for status, _ in itertools.groupby(told)]

    def status(self, connector_id: int = 1) -> str | None:
        """The last status told of a connector."""
        told = [p["status"] for p in self.of("StatusNotification") if p["connectorId"] == connector_id]
        return told[-1] if told else None

    def error(self, connector_id: int = 1) -> tuple[str, str, str | None]:
        """Status, error code and vendor error code as told last."""
        last = [p for p in self.of("StatusNotification") if p["connectorId"] == connector_id][-1]
        return last["status"], last["errorCode"], last.get("vendorErrorCode")

    def forget(self) -> None:
        """Look only at what comes from here on."""
        self.received.clear()
        self.answered.clear()

    def energy_wh(self, transaction_id: int) -> list[Decimal]:
        """The registers in the MeterValues of a transaction, in order of arrival."""
        return [Decimal(sampled["value"]) for payload in self.of("MeterValues")
                if payload.get("transactionId") == transaction_id
                for element in payload["meterValue"] for sampled in element["sampledValue"]
                if sampled.get("measurand") == "Energy.Active.Import.Register" and "phase" not in sampled]

    def in_order(self, actions: Sequence[str]) -> bool:
        """Whether these actions came in this order, others in between or not."""
        seen = iter(self.actions)
        return all(action in seen for action in actions)
