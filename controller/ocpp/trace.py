"""The last frames of the wire, for a person who looks on: a ring that is bounded in number and in bytes."""

from collections import deque
from collections.abc import Iterable

import msgspec

from controller.clock import Instant
from controller.ocpp.loggable import loggable

MOST_FRAMES = 500
MOST_CHARACTERS = 512 * 1024
LONGEST = 4096
"""A longer frame is kept as its beginning."""


class Frame(msgspec.Struct, frozen=True):
    """One frame. `number` counts from the start of the process, without gaps: what is missing has left the ring."""

    number: int
    at: Instant
    sent: bool
    """By us; else received."""
    text: str

    @property
    def shown(self) -> str:
        """As it may be shown: without passwords."""
        return loggable(self.text)


class Trace:
    """Notes every frame, shows the last ones."""

    def __init__(self) -> None:
        self._frames: deque[Frame] = deque()
        self._characters = 0
        self._count = 0
        self.last_sent: Instant | None = None
        self.last_received: Instant | None = None

    def note(self, text: str | bytes, at: Instant, *, sent: bool) -> None:
        """One frame goes over the wire. Passwords are hidden when it is shown; in one that is cut, before."""
        if isinstance(text, bytes) or len(text) > LONGEST:
            text = loggable(text)[:LONGEST]
        if sent:
            self.last_sent = at
        else:
            self.last_received = at
        self._count += 1
        self._frames.append(Frame(self._count, at, sent, text))
        self._characters += len(text)
        while len(self._frames) > MOST_FRAMES or self._characters > MOST_CHARACTERS:
            self._characters -= len(self._frames.popleft().text)

    def last(self, limit: int, after: int | None = None) -> Iterable[Frame]:
        """The last `limit` frames, the oldest first; with `after` those behind that number."""
        behind = [frame for frame in self._frames if after is None or frame.number > after]
        return behind[-limit:] if limit else []
