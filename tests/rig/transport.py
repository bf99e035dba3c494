"""A websocket in memory: ordered, with latency, and every way in which a connection goes bad."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Protocol

from controller.ocpp.connection import Lost, Target
from tests.rig.loop import virtual_loop


class Far(Protocol):
    """Who sits at the other end."""

    def connected(self, wire: "Wire") -> None:
        """A charge point has opened a connection."""

    def arrived(self, wire: "Wire", text: str) -> None:
        """A frame has come."""

    def gone(self, wire: "Wire") -> None:
        """The connection has ended."""


class Observer(Protocol):
    """Sees every frame at the charge point's end, as it leaves and as it is read."""

    def sent(self, wire: "Wire", text: str) -> None:
        """The charge point has sent this."""

    def received(self, wire: "Wire", text: str) -> None:
        """The charge point has taken this."""


class Network:
    """What lies between: one for all connections."""

    def __init__(self, far: Far, observer: Observer) -> None:
        self._far = far
        self._observer = observer
        self.latency_s = 0.02
        self.up = True
        self.refuses = False
        """The host answers, the central system does not listen."""
        self.half_open = False
        """Everything sent, both ways, disappears without a word."""
        self.loses: Callable[[str], bool] | None = None
        """A frame for which this is true never arrives, and takes the connection with it."""
        self.dials: list[tuple[float, Target]] = []
        self.open: list[Wire] = []

    async def dial(self, target: Target) -> "Wire":
        """What the product calls to connect. Raises Lost."""
        self.dials.append((virtual_loop().time(), target))
        await asyncio.sleep(self.latency_s * 2)
        if not self.up or self.refuses:
            raise Lost("connection refused" if self.up else "network is unreachable")
        wire = Wire(self, self._far, self._observer)
        self.open.append(wire)
        self._far.connected(wire)
        return wire

    def cut(self, why: str = "connection reset by peer") -> None:
        """The connection breaks, and both ends know."""
        for wire in list(self.open):
            wire.end(why)

    def close(self, code: int = 1000) -> None:
        """The central system closes politely; what it had sent before still arrives."""
        for wire in list(self.open):
            wire.close_from_far(code)


class Wire:
    """One open websocket; the charge point holds it as its Transport."""

    def __init__(self, network: Network, far: Far, observer: Observer) -> None:
        self._network = network
        self._far = far
        self._observer = observer
        self._incoming: deque[str] = deque()
        self._readable = asyncio.Event()
        self._travelling: dict[str, deque[str]] = {"to": deque(), "from": deque()}
        self._arrival_s = {"to": 0.0, "from": 0.0}
        self._ended: str | None = None
        self.taken = 0
        """Frames that the charge point has read."""

    # -- the charge point's end --------------------------------------------------------------------------------------

    def send_now(self, _text: str) -> bool:
        """Never: what is sent here takes its turn, as on a line that is busy."""
        return False

    async def send(self, text: str) -> None:
        """Send a text frame. Raises Lost."""
        if self._ended is not None:
            raise Lost(self._ended)
        self._observer.sent(self, text)
        if self._network.loses is not None and self._network.loses(text):
            self.end("connection timed out")
        elif not self._network.half_open:
            self._travel("to", text)

    async def receive(self) -> str | bytes:
        """The next frame. Raises Lost."""
        while not self._incoming:
            if self._ended is not None:
                raise Lost(self._ended)
            self._readable.clear()
            await self._readable.wait()
        text = self._incoming.popleft()
        self.taken += 1
        self._observer.received(self, text)
        return text

    async def ping(self, within_s: float) -> None:
        """Wait for the pong. Raises Lost when none comes in time."""
        await asyncio.sleep(within_s if self._network.half_open else self._network.latency_s * 2)
        if self._network.half_open:
            self.end(f"no pong within {within_s:g} s")
        if self._ended is not None:
            raise Lost(self._ended)

    async def close(self) -> None:
        """Close with a handshake: what was sent arrives first."""
        if self._ended is None:
            await asyncio.sleep(self._network.latency_s * 2)
            self.end("closed with 1000")

    def abort(self) -> None:
        """Drop the connection as a cut cable would."""
        self.end("aborted")

    # -- the central system's end ------------------------------------------------------------------------------------

    @property
    def ended(self) -> bool:
        """Nothing goes over it any more."""
        return self._ended is not None

    def push(self, text: str) -> None:
        """The central system sends a frame."""
        if self._ended is None and not self._network.half_open:
            self._travel("from", text)

    def close_from_far(self, code: int) -> None:
        """The central system closes."""
        virtual_loop().call_later(self._network.latency_s, self.end, f"closed with {code}")

    def end(self, why: str) -> None:
        """Over, for whatever reason."""
        if self._ended is None:
            self._ended = why
            self._network.open.remove(self)
            self._readable.set()
            self._far.gone(self)

    # -- the way -----------------------------------------------------------------------------------------------------

    def _travel(self, way: str, text: str) -> None:
        """Frames of one direction never overtake each other, also where the latency falls."""
        loop = virtual_loop()
        self._arrival_s[way] = max(self._arrival_s[way], loop.time() + self._network.latency_s)
        self._travelling[way].append(text)
        loop.call_at(self._arrival_s[way], self._arrive, way)

    def _arrive(self, way: str) -> None:
        text = self._travelling[way].popleft()
        if self._ended is not None:
            return
        if way == "to":
            self._far.arrived(self, text)
        else:
            self._incoming.append(text)
            self._readable.set()
