"""Values that cannot be true are no values: CRC-16 lets one damaged frame in 65,536 pass (F-METER)."""

import math
from collections.abc import Mapping

from drivers.errors import OutOfRange
from drivers.protocols import MeterReading

HIGHEST_V, LIVE_V, LOWEST_V = 300.0, 20.0, 50.0
HIGHEST_A = 100.0
HIGHEST_W = 3 * HIGHEST_A * HIGHEST_V
"""Of the meter, not of the connector: a car that draws too much must be seen (F-OVER)."""
HIGHEST_WH = 1e12
MARGIN = 1.2 * 1.3
"""Over rated power: 1.2 by the rule, and what supply voltage and a car may be too high."""
SLACK_WH = 20.0
DIGITS = 2e-6
"""A 32-bit float carries seven digits: the register of an old meter moves in steps."""
WOBBLE_WH = 0.5
ALIKE = {"v": 5.0, "a": 0.5, "w": 350.0, "wh": SLACK_WH, "hz": 0.5, "factor": 0.1}
"""By the end of a quantity's name: two answers that differ no more than this say the same; currents and powers may waver by a
twentieth."""
WAVERS = frozenset({"a", "w"})
FLOWS_A, STUCK_AFTER_S, GAP_S = 1.0, 60.0, 10.0


class Plausibility:
    """Judges each reading against physics and the one before. `step_wh` is the least the register can move."""

    def __init__(self, *, max_current_a: float, phases: int, nominal_voltage_v: float, step_wh: float = 0.0) -> None:
        self._rated_w = max_current_a * phases * nominal_voltage_v * MARGIN
        self._step_wh = step_wh
        self._last: MeterReading | None = None
        self._doubted_wh: float | None = None
        self._anchor_wh: float | None = None
        """Where the register stood when it was last seen to count; what should have flowed since, and for how long."""
        self._due_wh = self._flowing_s = 0.0

    def judge(self, reading: MeterReading) -> MeterReading:
        """The reading, if it can be true, without the side values that cannot. Raises OutOfRange: the value, what is possible."""
        for volts in reading.voltage_v:
            self._in_range("voltage", volts, "V", -1.0, HIGHEST_V)
        if reading.voltage_v[0] > LIVE_V:
            self._in_range("voltage L1", reading.voltage_v[0], "V", LOWEST_V, HIGHEST_V)
        for amperes in reading.current_a:
            self._in_range("current", amperes, "A", -HIGHEST_A, HIGHEST_A)
        for power_w in (reading.power_w, *(reading.power_phase_w or ())):
            self._in_range("power", power_w, "W", -HIGHEST_W, HIGHEST_W)
        self._in_range("energy", reading.energy_wh, "Wh", 0.0, HIGHEST_WH)
        self._energy_moves_as_it_can(reading)
        last, self._last = self._last, _without_nonsense(reading, self._last)
        self._energy_moves_as_it_must(self._last, last)
        return self._last

    @staticmethod
    def _in_range(what: str, value: float, unit: str, lowest: float, highest: float) -> None:
        if not math.isfinite(value) or not lowest <= value <= highest:
            raise OutOfRange(f"{what} of {value:g} {unit}; possible: {lowest:g} to {highest:g} {unit}")

    def _slack_wh(self, energy_wh: float) -> float:
        return max(SLACK_WH, 2 * self._step_wh, energy_wh * DIGITS)

    def _energy_moves_as_it_can(self, reading: MeterReading) -> None:
        """Never back, never faster than the connector can deliver; the same doubted register twice is a new meter."""
        last = self._last
        if last is None:
            return
        gained_wh = reading.energy_wh - last.energy_wh
        possible_wh = self._rated_w * (reading.at_s - last.at_s) / 3600 + self._slack_wh(reading.energy_wh)
        if -WOBBLE_WH <= gained_wh <= possible_wh:
            self._doubted_wh = None
            return
        doubted, self._doubted_wh = self._doubted_wh, reading.energy_wh
        if doubted is None or not 0 <= reading.energy_wh - doubted <= possible_wh:
            raise OutOfRange(f"energy moved by {gained_wh:g} Wh; possible: 0 to {possible_wh:.0f} Wh")
        self._last = self._doubted_wh = self._anchor_wh = None

    def _energy_moves_as_it_must(self, reading: MeterReading, last: MeterReading | None) -> None:
        """A register that stands still, or counts in another unit, while current flows is no register."""
        flows = max(reading.current_a) > FLOWS_A
        if last is None or self._anchor_wh is None or not flows or reading.at_s - last.at_s > GAP_S:
            self._begin_to_count(reading)
            return
        passed_s = reading.at_s - last.at_s
        due_wh = max(0.0, min(last.power_w, reading.power_w)) * passed_s / 3600
        self._due_wh, self._flowing_s = self._due_wh + due_wh, self._flowing_s + passed_s
        moved_wh, gained_wh = reading.energy_wh - last.energy_wh, reading.energy_wh - self._anchor_wh
        if moved_wh > 0 and (moved_wh >= due_wh / 10 or gained_wh >= self._due_wh / 10):
            self._begin_to_count(reading)
        elif self._flowing_s >= STUCK_AFTER_S and self._due_wh > 2 * self._slack_wh(reading.energy_wh):
            raise OutOfRange(f"energy moved by {gained_wh:g} Wh while {self._due_wh:.0f} Wh flowed; the register is stuck")

    def _begin_to_count(self, reading: MeterReading) -> None:
        self._anchor_wh = reading.energy_wh
        self._due_wh = self._flowing_s = 0.0


def alike(one: Mapping[str, float], other: Mapping[str, float], *, step_wh: float = 0.0) -> bool:
    """Whether two answers to one question say the same, but for what a moment may change. `step_wh` as above."""
    return one.keys() == other.keys() and all(_near(name.rpartition("_")[2], one[name], other[name], step_wh) for name in one)


def _near(unit: str, one: float, other: float, step_wh: float) -> bool:
    if one == other or (math.isnan(one) and math.isnan(other)):
        return True
    most = ALIKE[unit]
    if unit == "wh":
        most = max(most, 2 * step_wh, abs(other) * DIGITS)
    elif unit in WAVERS:
        most = max(most, abs(other) / 20)
    return abs(one - other) <= most


def _without_nonsense(reading: MeterReading, last: MeterReading | None) -> MeterReading:
    """Rounding never turns the register back; side values that a meter does not really have are left out."""
    wobbles = last is not None and 0 < last.energy_wh - reading.energy_wh <= WOBBLE_WH
    energy_wh = last.energy_wh if last is not None and wobbles else reading.energy_wh
    frequency_hz = reading.frequency_hz
    if frequency_hz is not None and frequency_hz > 100:
        frequency_hz /= 10  # some Eastron meters tell tenths
    return reading._replace(
        energy_wh=energy_wh, frequency_hz=_within(frequency_hz, 40, 70), power_factor=_within(reading.power_factor, -1.05, 1.05),
        energy_export_wh=_within(reading.energy_export_wh, 0, HIGHEST_WH))


def _within(value: float | None, lowest: float, highest: float) -> float | None:
    return value if value is not None and math.isfinite(value) and lowest <= value <= highest else None
