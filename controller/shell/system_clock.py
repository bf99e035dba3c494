"""The clock of the machine, with an offset of our own to the central system's time (TIME-2)."""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from controller.clock import Instant

BUILT = datetime(2026, 1, 1, tzinfo=UTC)
"""No message of this program is older than the program: a system clock before this has not been set yet (F-1970)."""
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class SystemClock:
    """Monotonic time of the kernel; UTC of the system until the central system tells better."""

    def __init__(self) -> None:
        self.boot_id = _BOOT_ID.read_text().strip() if _BOOT_ID.exists() else "unknown"
        self._offset = timedelta()
        self._told = False

    def now(self) -> Instant:
        """This moment, UTC in whole milliseconds."""
        system = datetime.now(UTC)
        utc = system + self._offset
        utc = utc.replace(microsecond=utc.microsecond // 1000 * 1000)
        return Instant(time.monotonic(), utc, self._told or system >= BUILT)

    def monotonic_s(self) -> float:
        """The kernel's monotonic clock."""
        return time.monotonic()

    def set_utc(self, utc: datetime) -> None:
        """Keep the difference; the system's own clock is not ours to set."""
        self._offset = utc - datetime.now(UTC)
        self._told = True
