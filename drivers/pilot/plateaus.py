"""From a burst of samples to the pilot's two plateaus (hardware-drivers.md section 2.3). Pure.

The converter does not know the phase of the 1 kHz square wave, and an edge or a spike may hit any sample: so the samples are
split at zero, and the median of each half counts, never its extremes.
"""

from collections.abc import Sequence
from statistics import median

LEAST = 3
"""A plateau is one only if so many samples show it: fewer may all be edges."""
LOW_BELOW_V = -3.0
SHORTED_V = 1.5
"""All samples nearer to zero than this: the line is shorted to earth, at once."""
STEADY_SPREAD_V = 1.0
HELD_BURSTS = 3
"""So many bursts in a row may miss a plateau that is there; then it is gone."""


class Plateaus:
    """Finds the plateaus burst by burst; holds one that a burst has missed by bad luck."""

    def __init__(self) -> None:
        self._last: list[float | None] = [None, None]
        self._missed = [0, 0]
        self._pwm = False

    def find(self, volts: Sequence[float], *, pwm: bool) -> tuple[float | None, float | None]:
        """High and low plateau of a burst; without PWM the steady level and None. (None, None): the burst is no measurement."""
        if pwm is not self._pwm:
            self._pwm, self._last, self._missed = pwm, [None, None], [0, 0]
        if len(volts) < LEAST:
            return None, None
        if all(abs(level) < SHORTED_V for level in volts):
            return 0.0, (0.0 if pwm else None)
        if not pwm:
            return steady(volts), None
        high = _median([level for level in volts if level > 0])
        low = _median([level for level in volts if level < LOW_BELOW_V])
        return self._held(0, high), self._held(1, low)

    def _held(self, which: int, level: float | None) -> float | None:
        if level is not None:
            self._last[which], self._missed[which] = level, 0
            return level
        self._missed[which] += 1
        return self._last[which] if self._missed[which] <= HELD_BURSTS else None


def steady(volts: Sequence[float]) -> float | None:
    """The level of a line without PWM; None when it is not steady: somebody else's square wave, or a loose wire."""
    ordered = sorted(volts)
    edge = len(ordered) // 10
    inner = ordered[edge:len(ordered) - edge]
    return median(inner) if inner[-1] - inner[0] <= STEADY_SPREAD_V else None


def duty_seen(volts: Sequence[float]) -> float:
    """The share of samples on the high plateau: a coarse estimate of the duty cycle that really runs."""
    return sum(level > 0 for level in volts) / len(volts)


def _median(levels: Sequence[float]) -> float | None:
    return median(levels) if len(levels) >= LEAST else None
