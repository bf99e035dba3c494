"""The coding resistor in the plug of a loose cable, measured as a voltage divider (IEC 61851-1 Annex B, iec61851.md 6)."""

from typing import Literal

import msgspec

from drivers.errors import Misconfigured
from drivers.pilot.adc import Converter
from drivers.pins import Pin, spi_pins
from drivers.registry import Context

SAMPLES = 16
RATINGS: tuple[tuple[float, float, float], ...] = (
    (75.0, 150.0, 63.0), (150.0, 330.0, 32.0), (330.0, 1000.0, 20.0), (1000.0, 2200.0, 13.0),
)
"""Ohms from, ohms up to, amperes per phase; anything else is no plug, a short or a break."""
ALLOWED = {
    "adc": '"mcp3208" or "mcp3008"', "adc_channel": "0 to 7", "spi_bus": "0 to 6", "spi_device": "0 to 2",
    "pull_up_ohm": "100 to 10000", "supply_v": "the voltage above the pull-up, 2.5 to 12.5", "reference_v": "2.0 to 5.5",
}


class Options(msgspec.Struct, frozen=True):
    """Its table in the configuration: a pull-up to `supply_v`, the plug's resistor to PE, the converter between them."""

    adc: Literal["mcp3208", "mcp3008"] = "mcp3208"
    adc_channel: int = 1
    spi_bus: int = 0
    spi_device: int = 0
    spi_speed_hz: int = 1_000_000
    pull_up_ohm: float = 330.0
    supply_v: float = 3.3
    reference_v: float = 3.3


def check(options: Options) -> None:
    """What the types cannot say. Raises Misconfigured."""
    for name, lowest, highest in (("adc_channel", 0, 7), ("spi_bus", 0, 6), ("spi_device", 0, 2), ("pull_up_ohm", 100, 10_000),
                                  ("supply_v", 2.5, 12.5), ("reference_v", 2.0, 5.5)):
        value = getattr(options, name)
        if not lowest <= value <= highest:
            raise Misconfigured(name, f"{value} is out of range; allowed: {ALLOWED[name]}")


def rating_a(ohms: float) -> float | None:
    """What a cable with this coding carries, amperes per phase; None where the resistance is no code."""
    return next((amperes for least, most, amperes in RATINGS if least <= ohms < most), None)


class AdcProximity:
    """Measures when asked: the guard asks once, when the car is plugged, and keeps the answer for the session."""

    def __init__(self, options: Options) -> None:
        self._pull_up_ohm, self._supply_v = options.pull_up_ohm, options.supply_v
        self._converter = Converter(options.adc, options.adc_channel, bus=options.spi_bus, device=options.spi_device,
                                    speed_hz=options.spi_speed_hz, reference_v=options.reference_v, gain=1.0, offset_v=0.0)

    def ohms(self) -> float:
        """The resistance between proximity pilot and earth; infinity where nothing is plugged. Raises Disconnected."""
        samples = sorted(self._converter.burst(SAMPLES))
        volts = samples[len(samples) // 2]
        if volts >= self._supply_v * 0.98:
            return float("inf")
        return self._pull_up_ohm * volts / (self._supply_v - volts)

    def cable_a(self) -> float | None:
        """What the cable carries; None for no plug or no valid code. Raises Disconnected."""
        return rating_a(self.ohms())

    def close(self) -> None:
        """Release the bus."""
        self._converter.close()


def fixed_pins(options: Options, _what: str) -> list[Pin]:
    """The converter's bus."""
    return spi_pins(options.spi_device, "converter")


def proximity(options: Options, _context: Context) -> AdcProximity:
    """The driver."""
    check(options)
    return AdcProximity(options)
