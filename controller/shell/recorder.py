"""Remembers the last events and commands, for a person who asks what happened."""

import logging
from collections import deque
from collections.abc import Callable
from typing import TypeAlias

from controller.clock import Instant
from controller.commands import Command, Redial, SendCall
from controller.events import CallReceived, Event, MeterRead

logger = logging.getLogger("evcp.core")
KEPT = 500
Observer: TypeAlias = Callable[[Event | Command, Instant], None]


class Recorder:
    """A ring of what went through the pump; readings of meters, which come every second, are left out."""

    def __init__(self) -> None:
        self.kept: deque[tuple[Instant, Event | Command]] = deque(maxlen=KEPT)
        self.observers: list[Observer] = []

    def note(self, what: Event | Command, at: Instant) -> None:
        """One event or command."""
        for observer in self.observers:
            observer(what, at)
        if isinstance(what, MeterRead):
            return
        self.kept.append((at, what))
        if logger.isEnabledFor(logging.DEBUG) and not isinstance(what, SendCall | CallReceived | Redial):
            logger.debug("%r", what)
