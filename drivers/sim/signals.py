"""Lamp and buzzer that nobody sees or hears: what they were told stays in memory."""

import asyncio
from collections import deque

import msgspec

from drivers.registry import Context

ALLOWED: dict[str, str] = {}
KEPT = 50


class Options(msgspec.Struct, frozen=True):
    """A simulated device has no options."""


class SimLights:
    """A lamp."""

    def __init__(self) -> None:
        self.shown: deque[str] = deque(maxlen=KEPT)
        """The last meanings, each once until another came; "Dark" after the end."""

    def show(self, meaning: str) -> None:
        """From now on, this."""
        if not self.shown or self.shown[-1] != meaning:
            self.shown.append(meaning)

    async def run(self) -> None:
        """Until cancelled."""
        await asyncio.Event().wait()

    def close(self) -> None:
        """Dark."""
        self.show("Dark")


class SimBuzzer:
    """A buzzer."""

    def __init__(self) -> None:
        self.heard: deque[str] = deque(maxlen=KEPT)

    async def beep(self, meaning: str) -> None:
        """Takes no time."""
        self.heard.append(meaning)

    def close(self) -> None:
        """Nothing to release."""


def lights(_options: Options, _context: Context) -> SimLights:
    """The driver."""
    return SimLights()


def buzzer(_options: Options, _context: Context) -> SimBuzzer:
    """The driver."""
    return SimBuzzer()
