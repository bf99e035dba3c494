"""A connection at work in virtual time: the test is the network, the central system and the station."""

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any

from controller.clock import Instant
from controller.events import CallReceived, CsmsConnected, CsmsLost, Event
from controller.ocpp.connection import Connection, Lost, Target
from controller.ocpp.session import Session
from tests.rig.loop import virtual_loop

NOON = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)


class LoopClock:
    """The loop's seconds; the calendar stands still, nothing here reads it."""

    boot_id = "boot-1"

    def now(self) -> Instant:
        """This moment."""
        return Instant(virtual_loop().time(), NOON)

    def monotonic_s(self) -> float:
        """As `now`."""
        return self.now().monotonic_s

    def set_utc(self, utc: datetime) -> None:
        """Nobody asks for that here."""
        raise AssertionError(utc)


class Wire:
    """One websocket, seen from both ends."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.pings: list[float] = []
        self.ended: str | None = None
        self.how = ""
        """`closed` or `aborted`, once our end has let go."""
        self.pongs = True
        self.closes = True
        """False: our closing handshake is never answered."""
        self._listens = asyncio.Event()
        self._listens.set()
        self._incoming: deque[str | bytes | Exception] = deque()
        self._changed = asyncio.Event()
        self.taken = 0

    # -- our end: the Transport --------------------------------------------------------------------------------------

    def send_now(self, _text: str) -> bool:
        """Never: what is sent here takes its turn, as on a line that is busy."""
        return False

    async def send(self, text: str) -> None:
        """As a socket whose buffer is full: waits while the other end does not listen."""
        await self._listens.wait()
        if self.ended is not None:
            raise Lost(self.ended)
        self.sent.append(text)

    async def receive(self) -> str | bytes:
        """As a library that has frames ready: without giving way."""
        while not self._incoming:
            if self.ended is not None:
                raise Lost(self.ended)
            self._changed.clear()
            await self._changed.wait()
        self.taken += 1
        frame = self._incoming.popleft()
        if isinstance(frame, Exception):
            raise frame
        return frame

    async def ping(self, within_s: float) -> None:
        """Answered in 50 ms, or not at all."""
        self.pings.append(virtual_loop().time())
        await asyncio.sleep(0.05 if self.pongs else within_s)
        if not self.pongs:
            raise Lost(f"no pong within {within_s:g} s")

    async def close(self) -> None:
        """With a handshake."""
        if self.ended is None:
            if not self.closes:
                await asyncio.sleep(3600)
            self.how = self.how or "closed"
            self.end("closed by us")

    def abort(self) -> None:
        """Without."""
        if self.ended is None:
            self.how = "aborted"
        self.end("aborted")

    # -- the other end -----------------------------------------------------------------------------------------------

    def push(self, *frames: str | bytes | Exception) -> None:
        """The central system sends; an exception is what the library raises instead of a frame."""
        self._incoming.extend(frames)
        self._changed.set()

    def end(self, why: str) -> None:
        """It is over."""
        self.ended = self.ended or why
        self._changed.set()

    def listen(self, listens: bool) -> None:
        """Whether the central system reads what is sent to it."""
        if listens:
            self._listens.set()
        else:
            self._listens.clear()

    def json(self) -> list[Any]:
        """What has been sent, read."""
        return [json.loads(text) for text in self.sent]


class Line:
    """A `Connection`, everything it dials, and everything it tells."""

    def __init__(self, session: Session, **options: Any) -> None:
        self.session = session
        self.events: list[Event] = []
        self.dials: list[tuple[float, Target]] = []
        self.wires: list[Wire] = []
        self.outcomes: deque[Exception | float] = deque()
        """What the next dials come to: an exception, or after how many seconds they succeed; at once when empty."""
        self.open_s = 0.0
        """Every connection is closed by the central system after so long; 0: never."""
        self.emit_waits = asyncio.Event()
        self.emit_waits.set()
        self._start_s = virtual_loop().time()
        self.connection = Connection(**{
            "url": "ws://host/ocpp", "identity": "CP1", "session": session, "clock": LoopClock(), "post": self.events.append,
            "emit": self._emit, "dial": self._dial, "jitter": lambda: 1.0, **options})

    async def _emit(self, event: Event) -> None:
        await self.emit_waits.wait()
        self.events.append(event)

    async def _dial(self, target: Target) -> Wire:
        self.dials.append((self.at_s(), target))
        outcome = self.outcomes.popleft() if self.outcomes else 0.0
        if isinstance(outcome, Exception):
            raise outcome
        await asyncio.sleep(outcome)
        self.wires.append(Wire())
        if self.open_s:
            virtual_loop().call_later(self.open_s, self.wires[-1].end, "closed with 1000")
        return self.wires[-1]

    def at_s(self) -> float:
        """Seconds since the beginning."""
        return round(virtual_loop().time() - self._start_s, 3)

    @property
    def wire(self) -> Wire:
        """The newest."""
        return self.wires[-1]

    def dialled_at_s(self) -> list[float]:
        """When it dialled."""
        return [at_s for at_s, _ in self.dials]

    def news(self) -> list[str]:
        """What the station was told about the connection."""
        return ["connected" if isinstance(event, CsmsConnected) else event.why for event in self.events
                if isinstance(event, CsmsConnected | CsmsLost)]

    def calls(self) -> list[str]:
        """Ids of the CALLs that the station was given."""
        return [event.message_id for event in self.events if isinstance(event, CallReceived)]


@asynccontextmanager
async def line(*, compat: bool = False, wait_s: float = 0.1, **options: Any) -> AsyncIterator[Line]:
    """A connection that runs until the test ends, `wait_s` after its start."""
    made = Line(Session(compat=compat), **options)
    task = asyncio.create_task(made.connection.run())
    await asyncio.sleep(wait_s)
    yield made
    assert not task.done(), "the connection has given up"
    task.cancel()
    await asyncio.wait([task])
