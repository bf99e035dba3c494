"""The residual-current monitor is tested while nothing is under power (iec61851.md 8 and 10).

A monitor with a test input is made to see a residual current of its own: it must trip, and be quiet again. That is done at the
start before anything is offered, after every car, and once a day; always with the contactor confirmed open and no offer in force.
One that does not trip, or does not let go, protects nobody: that is the fault `rcd`, which a person resets, and then it is tested anew.
"""

PULSE_S = 0.25
TRIPS_WITHIN_S = 2.0
"""From the beginning of the test: the slower of a monitor's two outputs follows after 1.4 s."""
QUIET_WITHIN_S = 4.0
"""From the beginning: a test is over after about 3.2 s."""
EVERY_S = 86_400.0
NEVER_TRIPPED = "the residual-current monitor did not trip in its self-test"
STAYS_TRIPPED = "the residual-current monitor stayed tripped after its self-test"


class SelfTest:
    """Of one monitor. Pure: time is an argument."""

    __slots__ = ("_begun_s", "_ended_s", "_tripped", "_wanted", "failure")

    def __init__(self) -> None:
        self.failure: str | None = None
        """Why the last test failed; None: it did not, or a person asked for another."""
        self._wanted = True
        self._begun_s: float | None = None
        self._ended_s = 0.0
        self._tripped = False

    @property
    def running(self) -> bool:
        """What the monitor says now belongs to the test."""
        return self._begun_s is not None

    @property
    def holds(self) -> bool:
        """Nothing may be offered: a test runs, or must come first."""
        return self._wanted or self.running

    def unplugged(self) -> None:
        """The next car finds a monitor that was tested."""
        self._wanted = True

    def reset(self) -> None:
        """A person has looked at it: another test decides."""
        self.failure, self._wanted = None, True

    def look(self, *, tripped: bool, may_begin: bool, now_s: float) -> bool:
        """Whether the test input is driven now; `may_begin`: the contactor is confirmed open, and nothing is offered."""
        if self._begun_s is not None:
            return self._follow(tripped, now_s - self._begun_s, now_s)
        self._wanted = self._wanted or (may_begin and now_s - self._ended_s >= EVERY_S)
        if not (self._wanted and may_begin) or tripped:
            return False
        self._begun_s, self._tripped, self._wanted = now_s, False, False
        return True

    def _follow(self, tripped: bool, lasted_s: float, now_s: float) -> bool:
        self._tripped = self._tripped or tripped
        if not self._tripped:
            if lasted_s >= TRIPS_WITHIN_S:
                self._end(NEVER_TRIPPED, now_s)
        elif lasted_s >= PULSE_S and not tripped:
            self._end(None, now_s)
        elif lasted_s >= QUIET_WITHIN_S:
            self._end(STAYS_TRIPPED, now_s)
        return lasted_s < PULSE_S  # which is over before any verdict

    def _end(self, failure: str | None, now_s: float) -> None:
        self.failure, self._begun_s, self._ended_s = failure, None, now_s
