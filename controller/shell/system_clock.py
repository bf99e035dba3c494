"""The clock of the machine, with an offset of our own to the central system's time (TIME-2).

A Raspberry Pi has no clock that runs without power. It starts in 1970, or at the time that it saved before it went: a
calendar that looks right and is not (F-1970). It is believed when the central system has told the time, when the machine
took it from the network, or when a clock with a battery agrees.
"""

import contextlib
import time
import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

from controller.clock import Instant

BUILT = datetime(2026, 1, 1, tzinfo=UTC)
"""No message of this program is older than the program: a system clock before this has not been set yet (F-1970)."""
AGREE_S = 60.0
"""A clock with a battery that shows so nearly the same is where the system's time came from."""
LOOKS_EVERY_S = 1.0
"""As long as nobody vouches for the system's time, somebody is looked for so often."""
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
_TAKEN_FROM_NETWORK = Path("/run/systemd/timesync/synchronized")
"""Exists once systemd-timesyncd has set the clock in this boot."""
_BATTERY_CLOCKS = Path("/sys/class/rtc")


class SystemClock:
    """Monotonic time of the kernel; UTC of the system until the central system tells better."""

    def __init__(self) -> None:
        # Nothing else tells one run of the monotonic clock from another: a made-up id matches no stamp but our own.
        self.boot_id = _BOOT_ID.read_text().strip() if _BOOT_ID.exists() else str(uuid.uuid4())
        self._told: timedelta | None = None
        """What to add to the monotonic clock: whatever happens to the system's time afterwards is not ours (F-STEP)."""
        self._vouched = any(abs(shown_s - datetime.now(UTC).timestamp()) <= AGREE_S for shown_s in _battery_clocks_s())
        self._look_s = time.monotonic()

    def now(self) -> Instant:
        """This moment, UTC in whole milliseconds."""
        monotonic_s = time.monotonic()
        if self._told is not None:
            return Instant(monotonic_s, _whole(datetime.fromtimestamp(monotonic_s, UTC) + self._told))
        system = datetime.now(UTC)
        return Instant(monotonic_s, _whole(system), system >= BUILT and self._is_vouched_for(monotonic_s))

    def monotonic_s(self) -> float:
        """The kernel's monotonic clock."""
        return time.monotonic()

    def set_utc(self, utc: datetime) -> None:
        """Keep the difference; the system's own clock is not ours to set."""
        self._told = utc - datetime.fromtimestamp(time.monotonic(), UTC)

    def _is_vouched_for(self, monotonic_s: float) -> bool:
        if not self._vouched and monotonic_s >= self._look_s:
            self._look_s = monotonic_s + LOOKS_EVERY_S
            self._vouched = _TAKEN_FROM_NETWORK.exists()
        return self._vouched


def _battery_clocks_s() -> list[float]:
    """What the machine's battery clocks show, in seconds since 1970. One without its battery starts there."""
    shown = []
    for clock in sorted(_BATTERY_CLOCKS.glob("rtc*/since_epoch")):
        with contextlib.suppress(OSError, ValueError):  # a clock that cannot be read vouches for nothing
            shown.append(float(clock.read_text()))
    return shown


def _whole(utc: datetime) -> datetime:
    return utc.replace(microsecond=utc.microsecond // 1000 * 1000)
