"""The control pilot: volts to vehicle state, amperes to duty cycle (IEC 61851-1 Annex A).

Every doubt ends in "no": an invalid current is no offer, a level between the windows keeps the state that was, a state that
would close the contactor must stand for half a second, one that opens it only for two samples.
"""

import math

from controller.guard.messages import Pilot
from drivers.protocols import PilotSample

MIN_OFFER_A = 6.0
MAX_OFFER_A = 80.0
LINEAR_UNTIL_A = 51.0
STEEP_FROM_A = 52.5

HYSTERESIS_V = 0.3
BOUNDARIES_V: tuple[tuple[float, Pilot, Pilot], ...] = (
    (10.5, Pilot.A, Pilot.B), (7.5, Pilot.B, Pilot.C), (4.5, Pilot.C, Pilot.D), (1.5, Pilot.D, Pilot.E),
    (-6.0, Pilot.E, Pilot.F),
)
"""Mid-points between the states' levels: above it the first, below it the second (12, 9, 6, 3, 0, -12 V)."""
HIGHEST_V, LOWEST_V = 13.5, -13.5
"""Beyond these no vehicle and no generator of ours can bring the line."""
DIODE_OK_BELOW_V = -10.0
"""The negative half wave of a car with a diode stays near -12 V."""
SAMPLE_MAX_AGE_S = 0.060
BAD_SAMPLES = 3

OPENING_S = 0.009
"""Two agreeing samples of a 10 ms cycle: what opens the contactor may not wait longer (iec61851.md 4.1)."""
DOUBT, TRUST, TOO_MUCH_DOUBT = 2, 1, 4
"""A sample that does not ask for power weighs twice one that does: two in a row open, and so does a line that flaps."""
SETTLES_S = 0.075
"""After state F the line and the converter's burst need so long until they show the car again (iec61851.md 4.1)."""
CONFIRM_S: dict[tuple[Pilot, Pilot], float] = {
    (Pilot.A, Pilot.B): 0.100, (Pilot.B, Pilot.A): 0.250, (Pilot.UNKNOWN, Pilot.A): 0.100, (Pilot.UNKNOWN, Pilot.B): 0.100,
}
CLOSING_S = 0.500
"""A state that asks for power must stand so long: BCB toggles last 0.2 to 0.4 s."""


def duty_for(max_current_a: float) -> float:
    """Duty cycle (0..1) that offers `max_current_a` amperes per phase, rounded down to 1 ns of 1 ms.

    0.6 A per percent up to 51 A; 2.5 A per percent over 64 % from 52.5 A; between them 51 A. Below 6 A or above 80 A there
    is no such duty cycle: ValueError.
    """
    if not MIN_OFFER_A <= max_current_a <= MAX_OFFER_A:
        message = f"{max_current_a} A cannot be offered; allowed: {MIN_OFFER_A} to {MAX_OFFER_A} A"
        raise ValueError(message)
    if max_current_a < STEEP_FROM_A:
        percent = min(max_current_a, LINEAR_UNTIL_A) / 0.6
    else:
        percent = max_current_a / 2.5 + 64
    # The small addition keeps 6.0 A, which binary floating point divides to 9.99... %, at the exact 10 %.
    return math.floor(percent * 10_000 + 1e-6) / 1_000_000


def amperes_for(duty: float) -> float:
    """What a car may draw per phase at `duty` (0..1); 0.0 where the duty cycle is no offer (FEV300 rules)."""
    if not 0.08 <= duty <= 0.97:
        return 0.0
    if duty <= 0.85:
        return max(MIN_OFFER_A, duty * 60)
    return min(MAX_OFFER_A, (duty * 100 - 64) * 2.5)


def classify(level_v: float, before: Pilot) -> Pilot:
    """The state for a positive plateau or steady level; near a boundary the state before is kept."""
    for boundary_v, above, below in BOUNDARIES_V:
        margin_v = HYSTERESIS_V if before is above else -HYSTERESIS_V if before is below else 0.0
        if level_v > boundary_v - margin_v:
            return above
    return Pilot.F


class PilotWatch:
    """Debounces the vehicle's state and keeps the diode check, sample by sample. Pure: time is an argument."""

    __slots__ = ("_bad", "_blind_until_s", "_candidate", "_diode_bad", "_diode_seen_s", "_doubt", "_powered", "_since_s",
                 "_taken_s", "state")

    def __init__(self, *, ventilation: bool = False) -> None:
        self.state = Pilot.UNKNOWN
        self._powered = (Pilot.C, Pilot.D) if ventilation else (Pilot.C,)
        self._candidate = Pilot.UNKNOWN
        self._since_s = 0.0
        self._taken_s = -math.inf
        self._blind_until_s = -math.inf
        self._diode_seen_s = -math.inf
        self._diode_bad = 0
        self._bad = 0
        self._doubt = 0

    @property
    def undecided(self) -> bool:
        """A change is being confirmed, or samples are being counted that are not as they should be."""
        counting = 0 < self._bad < BAD_SAMPLES or 0 < self._diode_bad < BAD_SAMPLES or self._doubt > 0
        return counting or self._candidate is not self.state

    @property
    def broken(self) -> bool:
        """The line is not where any car could bring it, or nobody measures it (F-PILOT)."""
        return self._bad >= BAD_SAMPLES

    @property
    def diode_missing(self) -> bool:
        """The negative half wave is loaded: that is not a car."""
        return self._diode_bad >= BAD_SAMPLES

    def diode_fresh(self, now_s: float, within_s: float = 0.5) -> bool:
        """The diode was seen in the last half second."""
        return now_s - self._diode_seen_s <= within_s

    def forget(self, now_s: float) -> None:
        """The line is driven to state F: nothing can be measured until it has settled, what was confirmed stands."""
        self._candidate = self.state
        self._blind_until_s = now_s + SETTLES_S
        self._bad = self._diode_bad = self._doubt = 0

    def look(self, sample: PilotSample | None, *, pwm: bool, now_s: float) -> None:
        """Take one sample; None when the converter did not answer. A burst that was taken before is no news."""
        if sample is None or (level_v := _plateau_v(sample)) is None:
            self._bad = min(self._bad + 1, BAD_SAMPLES)
        elif not abs(now_s - sample.at_s) <= SAMPLE_MAX_AGE_S:
            self._bad = BAD_SAMPLES
        elif now_s >= self._blind_until_s and sample.at_s != self._taken_s:
            self._taken_s = sample.at_s
            self._bad = max(self._bad - 1, 0)
            self._confirm(classify(level_v, self._candidate), now_s)
            self._check_diode(sample.low_v, pwm=pwm, now_s=now_s)

    def _confirm(self, seen: Pilot, now_s: float) -> None:
        if seen is not self._candidate:
            self._candidate, self._since_s = seen, now_s
        confirmed = now_s - self._since_s >= self._needed_s(seen)
        if self.state in self._powered:
            self._doubt = max(self._doubt - TRUST, 0) if seen in self._powered else self._doubt + DOUBT
        if seen is not self.state and confirmed:
            # Power ends at once, the session does not: that the plug is out must last as long as from B (iec61851.md 4.1).
            self._accept(Pilot.B if seen is Pilot.A and self.state in self._powered else seen)
        elif self._doubt >= TOO_MUCH_DOUBT:
            # The samples do not agree on what it is, only that nobody asks for power: plugged is the least that can be said.
            self._accept(Pilot.B)

    def _needed_s(self, seen: Pilot) -> float:
        if seen in self._powered and self.state not in self._powered:
            return CLOSING_S
        return CONFIRM_S.get((self.state, seen), OPENING_S)

    def _accept(self, seen: Pilot) -> None:
        if seen in (Pilot.A, Pilot.E, Pilot.F):
            self._diode_seen_s = -math.inf
            self._diode_bad = 0
        self._doubt = 0
        self.state = seen

    def _check_diode(self, low_v: float | None, *, pwm: bool, now_s: float) -> None:
        """Only with PWM, and only with a car, is there anything to check (iec61851.md 2.2)."""
        if not pwm or self._candidate not in (Pilot.B, Pilot.C, Pilot.D):
            return
        if low_v is not None and low_v <= DIODE_OK_BELOW_V:
            self._diode_seen_s, self._diode_bad = now_s, max(self._diode_bad - 1, 0)
        else:
            self._diode_bad = min(self._diode_bad + 1, BAD_SAMPLES)


def _plateau_v(sample: PilotSample) -> float | None:
    """The level that tells the state; None when a level is missing or cannot be true."""
    levels = [level for level in (sample.high_v, sample.low_v) if level is not None]
    plausible = bool(levels) and all(LOWEST_V <= level <= HIGHEST_V for level in levels)
    return levels[0] if plausible else None
