"""Time as a value: what the monotonic clock and the calendar said when something happened."""

from datetime import datetime, timedelta
from typing import Protocol

import msgspec


class Instant(msgspec.Struct, frozen=True):
    """One moment on both clocks.

    `monotonic_s` measures durations and never jumps; `utc` (aware, UTC) is stamped on messages and
    is only as good as `trusted` says: a Raspberry Pi may boot not knowing the date.
    """

    monotonic_s: float
    utc: datetime
    trusted: bool = True

    def moved(self, by_s: float) -> "Instant":
        """The instant `by_s` seconds later (negative: earlier) on both clocks."""
        return Instant(self.monotonic_s + by_s, self.utc + timedelta(seconds=by_s), self.trusted)


class Clock(Protocol):
    """Where `Instant`s come from: the system in production, a virtual clock in tests."""

    boot_id: str
    """Tells one run of the monotonic clock from another; stored beside monotonic stamps."""

    def now(self) -> Instant:
        """This moment, with our best knowledge of UTC."""

    def monotonic_s(self) -> float:
        """This moment on the monotonic clock alone, for whoever asks a hundred times a second."""

    def set_utc(self, utc: datetime) -> None:
        """Take `utc` as the true time of this moment, kept as an offset of our own (TIME-2)."""
