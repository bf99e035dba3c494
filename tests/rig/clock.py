"""The calendar of a virtual world: UTC as the machine believes it, beside the loop's monotonic seconds."""

from datetime import UTC, datetime, timedelta

from controller.clock import Instant
from controller.shell.system_clock import BUILT
from tests.rig.loop import START_S, virtual_loop

NOON = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
UNSET = datetime(1970, 1, 1, 0, 0, 30, tzinfo=UTC)
SAVED = datetime(2026, 2, 27, 3, 0, 0, tzinfo=UTC)
"""The time that a machine had saved two days before NOON: it looks right, and nobody vouches for it."""
"""What a Raspberry Pi without a battery believes half a minute after power-up."""


class TrueTime:
    """What a good watch shows: what the central system says, and what a test compares with."""

    def __init__(self, at: datetime = NOON) -> None:
        self._at_start = at
        self._loop = virtual_loop()

    def now(self) -> datetime:
        """This moment, to the microsecond."""
        return self._at_start + timedelta(seconds=self._loop.time() - START_S)


class VirtualClock:
    """The machine's clock: off by an error, which may grow, until the central system tells better."""

    def __init__(self, true_time: TrueTime, *, error_s: float = 0.0, drift_s_per_h: float = 0.0,
                 starts_at: datetime | None = None, boot_id: str = "boot-1") -> None:
        self.boot_id = boot_id
        self._true_time = true_time
        self._error = timedelta(seconds=error_s) if starts_at is None else starts_at - true_time.now()
        self._vouched = starts_at is None
        self._drift_s_per_h = drift_s_per_h
        self._loop = virtual_loop()
        self._since_s = self._loop.time()
        self._last: Instant | None = None
        self._offset = timedelta()
        self._told = False
        self.settings: list[datetime] = []
        """Every time that was taken from the central system."""

    def _system(self) -> datetime:
        hours = (self._loop.time() - self._since_s) / 3600
        return self._true_time.now() + self._error + timedelta(seconds=self._drift_s_per_h * hours)

    def now(self) -> Instant:
        """This moment, UTC in whole milliseconds; trusted by the same rule as the real clock."""
        monotonic_s = self._loop.time()
        if self._last is None or self._last.monotonic_s != monotonic_s:
            system = self._system()
            utc = system + self._offset
            utc = utc.replace(microsecond=utc.microsecond // 1000 * 1000)
            self._last = Instant(monotonic_s, utc, self._told or (self._vouched and system >= BUILT))
        return self._last

    def monotonic_s(self) -> float:
        """The loop's time."""
        return self._loop.time()

    def take_from_network(self) -> None:
        """NTP sets the system's clock."""
        self.step(-(self._system() - self._true_time.now()).total_seconds())
        self._vouched = True

    def step(self, by_s: float) -> None:
        """Somebody sets the system's clock; what the central system told stands on the monotonic clock."""
        self._error += timedelta(seconds=by_s)
        if self._told:
            self._offset -= timedelta(seconds=by_s)
        self._last = None

    def set_utc(self, utc: datetime) -> None:
        """Keep the difference."""
        self._offset = utc - self._system()
        self._told, self._last = True, None
        self.settings.append(utc)
