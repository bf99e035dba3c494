"""The least that can be called a central system: a bare websocket server that answers and takes the time.

It also serves the echo that round trips are held against, over the same code path: one CALL out, the first fitting frame in.
"""

import asyncio
import itertools
import json
import time
from datetime import UTC, datetime
from typing import Self

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

ANSWER_WITHIN_S = 10.0


class Line:
    """One open connection and what is awaited on it."""

    def __init__(self, connection: ServerConnection, *, echo: bool) -> None:
        self._connection = connection
        self._echo = echo
        self._answer: asyncio.Future[tuple[float, str]] | None = None
        self.calls: asyncio.Queue[str] = asyncio.Queue()
        """Actions of the CALLs that came in and were answered."""

    async def round_trip(self, text: str) -> tuple[float, str]:
        """Send a frame; seconds until its answer was here, and the answer."""
        self._answer = asyncio.get_running_loop().create_future()
        began_s = time.perf_counter()
        await self._connection.send(text)
        ended_s, answer = await asyncio.wait_for(self._answer, ANSWER_WITHIN_S)
        return ended_s - began_s, answer

    async def take(self, text: str) -> None:
        """One frame from the other side."""
        arrived_s = time.perf_counter()
        if self._echo and text.startswith("[2,"):
            self.calls.put_nowait("")
            return
        if self._echo or text.startswith(("[3,", "[4,")):
            if self._answer is not None and not self._answer.done():
                self._answer.set_result((arrived_s, text))
            return
        _, message_id, action, _ = json.loads(text)
        await self._connection.send(json.dumps([3, message_id, conf(action)]))
        self.calls.put_nowait(action)


def conf(action: str) -> dict[str, object]:
    """The friendliest answer that the standard allows."""
    now = datetime.now(UTC).isoformat().replace("+00:00", "Z")
    match action:
        case "BootNotification":
            return {"status": "Accepted", "currentTime": now, "interval": 86_400}
        case "Heartbeat":
            return {"currentTime": now}
        case "Authorize":
            return {"idTagInfo": {"status": "Accepted"}}
        case "StartTransaction":
            return {"idTagInfo": {"status": "Accepted"}, "transactionId": 1}
        case _:
            return {}


class BareCentralSystem:
    """Listens on a free port of loopback while it is entered."""

    def __init__(self) -> None:
        self.port = 0
        self._ids = itertools.count(1)
        self._arrivals: asyncio.Queue[tuple[str, Line]] = asyncio.Queue()
        self._first_call_s: asyncio.Queue[float] = asyncio.Queue()

    async def __aenter__(self) -> Self:
        self._server = await serve(self._talk, "127.0.0.1", 0, subprotocols=[Subprotocol("ocpp1.6")], compression=None,
                                   ping_interval=None)
        self.port = int(next(iter(self._server.sockets)).getsockname()[1])
        return self

    async def __aexit__(self, *_error: object) -> None:
        self._server.close()

    @property
    def url(self) -> str:
        """Where charge points dial; they append their identity."""
        return f"ws://127.0.0.1:{self.port}/ocpp"

    def message_id(self) -> str:
        """A fresh one."""
        return f"bench-{next(self._ids)}"

    async def _talk(self, connection: ServerConnection) -> None:
        path = connection.request.path if connection.request is not None else ""
        line = Line(connection, echo=path.startswith("/echo"))
        self._arrivals.put_nowait((path, line))
        heard = False
        try:
            async for text in connection:
                assert isinstance(text, str)
                if not heard:
                    heard = True
                    self._first_call_s.put_nowait(time.perf_counter())
                await line.take(text)
        except ConnectionClosed:
            return

    async def connected(self, within_s: float = 15.0) -> Line:
        """The next one who dials."""
        _, line = await asyncio.wait_for(self._arrivals.get(), within_s)
        return line

    async def first_frame_s(self, within_s: float = 15.0) -> float:
        """When the next one who dials had its first frame here, on `time.perf_counter`."""
        return await asyncio.wait_for(self._first_call_s.get(), within_s)
