"""Which silence after a ping is one, in virtual time with a stand-in for the library's connection."""

import asyncio
from typing import Any

import pytest

from controller.ocpp.connection import Lost
from controller.ocpp.websocket import WebSocket


class Library:
    """A connection whose pong and bytes come when the test says."""

    def __init__(self) -> None:
        self.received = 0
        self.pong: asyncio.Future[float] = asyncio.get_running_loop().create_future()
        self.full = False
        """Nothing can be sent: the other end does not read."""

    async def ping(self) -> asyncio.Future[float]:
        """Sent, unless the buffers are full."""
        if self.full:
            await asyncio.sleep(3600)
        return self.pong

    async def trickle(self, for_s: float) -> None:
        """A large frame on a slow line: some bytes a second."""
        for _ in range(int(for_s)):
            await asyncio.sleep(1.0)
            self.received += 2000


async def waited_s(library: Library, within_s: float = 10.0) -> float:
    """How long until the ping was answered."""
    websocket: Any = WebSocket(library)  # type: ignore[arg-type]  # all that is used of it
    began_s = asyncio.get_running_loop().time()
    await websocket.ping(within_s)
    return asyncio.get_running_loop().time() - began_s


async def test_a_pong_ends_the_waiting():
    """At once, not at the deadline (WS-11)."""
    library = Library()
    asyncio.get_running_loop().call_later(0.5, library.pong.set_result, 0.5)
    assert await waited_s(library) == pytest.approx(0.5)


async def test_silence_is_noticed_at_its_deadline():
    """Nothing for ten seconds (F-HALF)."""
    began_s = asyncio.get_running_loop().time()
    with pytest.raises(Lost, match="no pong within 10 s"):
        await waited_s(Library())
    assert asyncio.get_running_loop().time() - began_s == pytest.approx(10.0)


async def test_a_pong_behind_a_large_frame_on_a_slow_line_is_waited_for():
    """100 kB at 16 kbit/s take 50 s; the line is slow, not dead (F-SLOW)."""
    library = Library()
    trickling = asyncio.ensure_future(library.trickle(50.0))
    asyncio.get_running_loop().call_later(50.5, library.pong.set_result, 50.5)
    assert await waited_s(library) == pytest.approx(50.5)
    await trickling


async def test_a_line_that_dies_in_the_middle_of_a_frame_is_noticed():
    """Ten to twenty seconds after the last byte (F-HALF)."""
    library = Library()
    trickling = asyncio.ensure_future(library.trickle(25.0))
    began_s = asyncio.get_running_loop().time()
    with pytest.raises(Lost):
        await waited_s(library)
    assert 35.0 <= asyncio.get_running_loop().time() - began_s <= 45.0
    await trickling


async def test_a_ping_that_cannot_be_sent_is_no_pong():
    """The other end does not even read (F-HALF)."""
    library = Library()
    library.full = True
    with pytest.raises(Lost, match="no pong"):
        await waited_s(library)
