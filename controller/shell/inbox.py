"""Where events wait for the pump."""

import asyncio
from collections import deque

from controller.events import Event

NETWORK_BOUND = 64
"""CALLs of the central system beyond this wait outside, which slows the reading down to what can be answered (F-FLOOD)."""


class Inbox:
    """A queue of events in order of arrival. Hardware is never kept waiting; the network is."""

    def __init__(self) -> None:
        self._events: deque[Event] = deque()
        self._arrived = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()

    def __len__(self) -> int:
        return len(self._events)

    def post(self, event: Event) -> None:
        """Put an event in; never waits."""
        self._events.append(event)
        self._arrived.set()

    async def emit(self, event: Event) -> None:
        """Put an event of the network in; waits while too many are ahead of it."""
        while len(self._events) >= NETWORK_BOUND:
            self._room.clear()
            await self._room.wait()
        self.post(event)

    def take(self) -> Event | None:
        """The oldest event; None when there is none."""
        if not self._events:
            self._arrived.clear()
            return None
        event = self._events.popleft()
        if len(self._events) < NETWORK_BOUND:
            self._room.set()
        return event

    async def arrived(self) -> None:
        """Wait until there is something to take."""
        await self._arrived.wait()
