"""A small central system: accepts whoever comes, answers everything, remembers the last frames. For the demo and trying out.

Not a product: no users, no billing, no security. Listens on loopback only.
"""

import asyncio
import contextlib
import itertools
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeAlias
from urllib.parse import unquote

import msgspec
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from controller.ocpp.connection import MAX_FRAME, SUBPROTOCOL

Json: TypeAlias = dict[str, Any]
ANSWER_WITHIN_S = 15.0
REMEMBERED_FRAMES = 10_000
CALL, RESULT, ERROR = 2, 3, 4


class Frame(msgspec.Struct, frozen=True):
    """One frame as the central system saw it. `outward`: the central system sent it."""

    at: datetime
    outward: bool
    kind: int
    action: str
    payload: Json
    message_id: str = ""


class EmbeddedCentralSystem:
    """One server; charge points are told apart by the last segment of their URL."""

    def __init__(self, observe: Callable[[Frame], None] | None = None) -> None:
        self._observe = observe
        self._server: Server | None = None
        self._charge_points: dict[str, ServerConnection] = {}
        self._waiting: dict[str, tuple[str, ServerConnection, asyncio.Future[Json]]] = {}
        self._transaction_ids = itertools.count(1001)
        self.frames: list[Frame] = []
        """The last ones, oldest first."""
        self.port = 0

    async def start(self, port: int = 0) -> None:
        """Listen on loopback; port 0 takes a free one. Raises OSError."""
        self._server = await serve(self._talk, "127.0.0.1", port, subprotocols=[Subprotocol(SUBPROTOCOL)],
                                   compression=None, max_size=MAX_FRAME, ping_interval=None)
        self.port = int(next(iter(self._server.sockets)).getsockname()[1])

    async def stop(self) -> None:
        """Hang up on everybody."""
        if self._server is not None:
            self._server.close()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(2):
                    await self._server.wait_closed()

    @property
    def connected(self) -> list[str]:
        """Who is here."""
        return sorted(self._charge_points)

    async def call(self, action: str, payload: Json) -> Json:
        """Send a CALL to the charge point that was connected first; gives its answer, of a CALLERROR code and description.

        Raises TimeoutError when it does not answer, ConnectionError when it is not there or goes away.
        """
        if not self._charge_points:
            raise ConnectionError("no charge point is connected")
        connection = next(iter(self._charge_points.values()))
        message_id = str(uuid.uuid4())
        answer: asyncio.Future[Json] = asyncio.get_running_loop().create_future()
        self._waiting[message_id] = (action, connection, answer)
        try:
            await self._send(connection, [CALL, message_id, action, payload], action)
            async with asyncio.timeout(ANSWER_WITHIN_S):
                return await answer
        finally:
            self._waiting.pop(message_id, None)

    # -- one connection ----------------------------------------------------------------------------------------------

    async def _talk(self, connection: ServerConnection) -> None:
        request = connection.request
        identity = unquote(request.path.rpartition("/")[2]) if request is not None else "?"
        self._charge_points[identity] = connection
        try:
            async for text in connection:
                await self._receive(connection, text)
        except ConnectionClosed:
            return
        finally:
            if self._charge_points.get(identity) is connection:
                del self._charge_points[identity]
            self._give_up(connection, identity)

    def _give_up(self, connection: ServerConnection, identity: str) -> None:
        """Nobody will answer over a connection that has ended."""
        for _, asked, answer in self._waiting.values():
            if asked is connection and not answer.done():
                answer.set_exception(ConnectionError(f"{identity} has gone"))

    async def _receive(self, connection: ServerConnection, text: str | bytes) -> None:
        try:
            frame = msgspec.json.decode(text)
        except (msgspec.DecodeError, RecursionError):
            return
        match frame:
            case [2, str() as message_id, str() as action, dict() as payload]:
                self._note(message_id, outward=False, kind=CALL, action=action, payload=payload)
                await self._send(connection, [RESULT, message_id, self._answer(action)], action)
            case [3, str() as message_id, dict() as payload]:
                self._settle(message_id, RESULT, payload)
            case [4, str() as message_id, code, description, *_]:
                self._settle(message_id, ERROR, {"errorCode": code, "errorDescription": description})

    def _settle(self, message_id: str, kind: int, payload: Json) -> None:
        action, _, answer = self._waiting.get(message_id, ("?", None, None))
        self._note(message_id, outward=False, kind=kind, action=action, payload=payload)
        if answer is not None and not answer.done():
            answer.set_result(payload)

    async def _send(self, connection: ServerConnection, frame: list[Any], action: str) -> None:
        self._note(frame[1], outward=True, kind=frame[0], action=action, payload=frame[-1])
        with contextlib.suppress(ConnectionClosed):
            await connection.send(msgspec.json.encode(frame).decode())

    def _note(self, message_id: str, *, outward: bool, kind: int, action: str, payload: Json) -> None:
        frame = Frame(datetime.now(UTC), outward, kind, action, payload, message_id)
        self.frames.append(frame)
        del self.frames[:-REMEMBERED_FRAMES]
        if self._observe is not None:
            self._observe(frame)

    def _answer(self, action: str) -> Json:
        now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
        accepted = {"status": "Accepted"}
        match action:
            case "BootNotification":
                return {"status": "Accepted", "currentTime": now, "interval": 300}
            case "Heartbeat":
                return {"currentTime": now}
            case "Authorize":
                return {"idTagInfo": accepted}
            case "StartTransaction":
                return {"idTagInfo": accepted, "transactionId": next(self._transaction_ids)}
            case "DataTransfer" | "SignCertificate":
                return accepted
            case _:
                return {}
