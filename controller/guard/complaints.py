"""What is told to whoever reads the log, such as a device that fails: each text once a minute, however often it comes."""

import math
from collections.abc import Callable

from drivers.errors import DriverError

AGAIN_AFTER_S = 60.0
MOST_TEXTS = 32
"""A text with a changing number in it is not remembered for ever."""


def nobody(_text: str) -> None:
    """Nobody reads the log."""


class Complaints:
    """Of one connector. Pure: time is an argument."""

    __slots__ = ("_connector_id", "_tell", "_told_s")

    def __init__(self, connector_id: int, tell: Callable[[str], None]) -> None:
        self._connector_id = connector_id
        self._tell = tell
        self._told_s: dict[str, float] = {}

    def take(self, error: Exception, now_s: float) -> None:
        """Tell what a device says, unless it was told within the last minute."""
        self.say(str(error) if isinstance(error, DriverError) else repr(error), now_s)

    def say(self, text: str, now_s: float) -> None:
        """Tell it, unless it was told within the last minute."""
        if now_s - self._told_s.get(text, -math.inf) < AGAIN_AFTER_S:
            return
        if len(self._told_s) >= MOST_TEXTS:
            self._told_s.clear()
        self._told_s[text] = now_s
        self._tell(f"connector {self._connector_id}: {text}")
