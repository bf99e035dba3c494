"""The control pilot on a Raspberry Pi: hardware PWM drives it, a fast converter reads it back.

Software PWM is refused: its edges come 50 to 100 microseconds late, and 50 microseconds are 3 A at 16 A.
"""

from typing import Literal

import msgspec

from drivers.errors import Misconfigured
from drivers.pilot.adc import Converter, Sampler
from drivers.pilot.sysfs_pwm import ROOT, SysfsPwm
from drivers.pins import Pin, spi_pins
from drivers.protocols import PilotSample
from drivers.registry import Context

ALLOWED = {
    "channel": "a PWM channel: 0 (GPIO12, GPIO18) or 1 (GPIO13, GPIO19); on a Pi 5 also 2 (GPIO18) and 3 (GPIO19)",
    "chip": "the N of /sys/class/pwm/pwmchipN; leave it out to have it found",
    "adc": '"mcp3208" or "mcp3008"',
    "adc_channel": "0 to 7",
    "spi_bus": "0 to 6", "spi_device": "0 to 2", "spi_speed_hz": "100000 to 2000000",
    "reference_v": "2.0 to 5.5", "gain": "the divider's gain, not 0", "offset_v": "-30 to 30",
    "frozen_after_s": "1 to 60: one raw value for so long is a dead converter; 0 where the line shows no noise",
    "inverted": "true where the output stage inverts", "kind": "leave it out: only hardware PWM is accurate enough",
}

PWM_PIN = {0: 12, 1: 13, 2: 18, 3: 19}
"""Channels 0 and 1 also come out at GPIO18 and GPIO19 on boards before the Pi 5, beside sound."""


class Options(msgspec.Struct, frozen=True):
    """Its table in the configuration. Calibration: `volts = gain * reference_v * share + offset_v` on the pilot line."""

    channel: int = 0
    chip: int | None = None
    inverted: bool = False
    adc: Literal["mcp3208", "mcp3008"] = "mcp3208"
    adc_channel: int = 0
    spi_bus: int = 0
    spi_device: int = 0
    spi_speed_hz: int = 1_000_000
    reference_v: float = 3.3
    gain: float = 8.0
    offset_v: float = -13.2
    frozen_after_s: float = 0.0
    kind: str = "hardware"
    sysfs: str = ROOT


def check(options: Options) -> None:
    """What the types cannot say. Raises Misconfigured."""
    if options.kind != "hardware":
        raise Misconfigured("kind", f"{options.kind!r} PWM is refused: its edges come 50 to 100 us late, an error of 3 A at 16 A; "
                                    f"allowed: {ALLOWED['kind']}")
    for name, lowest, highest in (("channel", 0, 3), ("adc_channel", 0, 7), ("spi_bus", 0, 6), ("spi_device", 0, 2),
                                  ("spi_speed_hz", 100_000, 2_000_000), ("reference_v", 2.0, 5.5), ("offset_v", -30.0, 30.0), ("frozen_after_s", 0.0, 60.0)):
        value = getattr(options, name)
        if not lowest <= value <= highest:
            raise Misconfigured(name, f"{value} is out of range; allowed: {ALLOWED[name]}")
    if options.gain == 0:
        raise Misconfigured("gain", f"0 is not allowed; allowed: {ALLOWED['gain']}")
    if 0 < options.frozen_after_s < 1:
        raise Misconfigured("frozen_after_s", f"{options.frozen_after_s} is out of range; allowed: {ALLOWED['frozen_after_s']}")


class PwmPilot:
    """Generator and converter of one line."""

    def __init__(self, options: Options) -> None:
        self._generator = SysfsPwm(options.channel, chip=options.chip, inverted=options.inverted, root=options.sysfs)
        self._sampler = Sampler(Converter(
            options.adc, options.adc_channel, bus=options.spi_bus, device=options.spi_device, speed_hz=options.spi_speed_hz,
            reference_v=options.reference_v, gain=options.gain, offset_v=options.offset_v), frozen_after_s=options.frozen_after_s)

    def set_x1(self) -> None:
        """Steady +12 V. Raises DriverError."""
        self._set(1.0)

    def set_pwm(self, duty: float) -> None:
        """1 kHz at `duty`, rounded down to a nanosecond. Raises DriverError."""
        self._set(duty)

    def set_f(self) -> None:
        """Steady -12 V. Raises DriverError."""
        self._set(0.0)

    def _set(self, duty: float) -> None:
        self._generator.set_duty(duty)
        self._sampler.pwm = 0.0 < duty < 1.0

    def read(self) -> PilotSample:
        """The newest burst; sees also that the generator still runs as told. Raises DriverError."""
        self._generator.verify()
        return self._sampler.newest()

    def close(self) -> None:
        """Steady +12 V; the channel keeps it, for a dying process does not stop the kernel's PWM."""
        try:
            self.set_x1()
        finally:
            self._sampler.close()


def fixed_pins(options: Options, what: str) -> list[Pin]:
    """The PWM output and the converter's bus."""
    return [Pin(PWM_PIN[options.channel], "out", f"{what}: 1 kHz to the level shifter"), *spi_pins(options.spi_device, "converter")]


def pilot(options: Options, _context: Context) -> PwmPilot:
    """The driver."""
    check(options)
    return PwmPilot(options)
