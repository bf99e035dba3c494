"""Values that cannot be true are no values: CRC-16 lets one damaged frame in 65,536 pass (F-METER)."""

import math

from drivers.errors import OutOfRange
from drivers.protocols import MeterReading

HIGHEST_V, LIVE_V, LOWEST_V = 300.0, 20.0, 50.0
HIGHEST_A = 100.0
MARGIN = 1.2
RESOLUTION_WH = 20.0
"""A 32-bit float of kilowatt-hours steps by this much at a hundred thousand of them."""


class Plausibility:
    """Judges each reading against physics and the one before."""

    def __init__(self, *, max_current_a: float, phases: int, nominal_voltage_v: float) -> None:
        self._highest_w = max_current_a * phases * nominal_voltage_v * MARGIN * 1.3
        self._last: MeterReading | None = None
        self._doubted_wh: float | None = None

    def judge(self, reading: MeterReading) -> MeterReading:
        """The reading, if it can be true. Raises OutOfRange that names the value and what is possible."""
        self._in_range("voltage", max(reading.voltage_v), "V", -1.0, HIGHEST_V)
        if reading.voltage_v[0] > LIVE_V:
            self._in_range("voltage L1", reading.voltage_v[0], "V", LOWEST_V, HIGHEST_V)
        for amperes in reading.current_a:
            self._in_range("current", amperes, "A", -HIGHEST_A, HIGHEST_A)
        self._in_range("power", reading.power_w, "W", -self._highest_w, self._highest_w)
        self._in_range("energy", reading.energy_wh, "Wh", 0.0, 1e12)
        self._energy_moves_as_it_can(reading)
        self._last = reading
        return reading

    @staticmethod
    def _in_range(what: str, value: float, unit: str, lowest: float, highest: float) -> None:
        if not math.isfinite(value) or not lowest <= value <= highest:
            raise OutOfRange(f"{what} of {value:g} {unit}; possible: {lowest:g} to {highest:g} {unit}")

    def _energy_moves_as_it_can(self, reading: MeterReading) -> None:
        """Never back, never faster than the connector can deliver; the same doubted register twice is a new meter."""
        last = self._last
        if last is None:
            return
        gained_wh = reading.energy_wh - last.energy_wh
        possible_wh = self._highest_w * (reading.at_s - last.at_s) / 3600 + RESOLUTION_WH
        if -0.5 <= gained_wh <= possible_wh:
            self._doubted_wh = None
            return
        doubted, self._doubted_wh = self._doubted_wh, reading.energy_wh
        if doubted is None or not 0 <= reading.energy_wh - doubted <= possible_wh:
            raise OutOfRange(f"energy moved by {gained_wh:g} Wh; possible: 0 to {possible_wh:.0f} Wh")
