"""A residual-current monitor on GPIO lines: its trip output, and its test input where that is wired.

Wire the trip output as any fault input: a contact to ground that is closed while all is well ("nc"), so that a broken wire is
the fault. Two outputs (6 mA DC and 30 mA AC) go in series on one line. The test input is driven at the start, after every car
and once a day, always with the contactor open; a monitor that does not trip then is the fault `rcd`.
"""

from typing import Literal

import msgspec

from drivers.inputs import gpio as inputs
from drivers.lines import ALLOWED_PIN, Output, check_pin
from drivers.registry import Context

ALLOWED = {**inputs.ALLOWED, "test_pin": ALLOWED_PIN, "test_active_low": "true or false"}
PINS = {**inputs.PINS, "test_pin": ("out", "test input of the monitor")}


class Options(msgspec.Struct, frozen=True):
    """Its table in the configuration. Most monitors are tested by pulling their test input to ground."""

    pin: int
    contact: Literal["nc", "no"] = "nc"
    pull: Literal["up", "none"] = "up"
    test_pin: int | None = None
    test_active_low: bool = True


def check(options: Options) -> None:
    """What the types cannot say. Raises Misconfigured."""
    check_pin("pin", options.pin)
    check_pin("test_pin", options.test_pin)


class GpioResidualMonitor:
    """Trip output and test input."""

    def __init__(self, options: Options) -> None:
        self._trip = inputs.GpioInput(inputs.Options(options.pin, options.contact, options.pull))
        wired = options.test_pin is not None
        self._test = Output(options.test_pin or 0, active_low=options.test_active_low) if wired else None

    @property
    def testable(self) -> bool:
        """Whether the test input is wired."""
        return self._test is not None

    def active(self) -> bool:
        """Whether it has tripped. Raises Disconnected."""
        return self._trip.active()

    def test(self, on: bool) -> None:
        """Drive the test input, or leave it. Raises Disconnected."""
        if self._test is not None:
            self._test.set(on)

    def close(self) -> None:
        """Leave the test input, release the lines."""
        try:
            if self._test is not None:
                self._test.set(False)
        finally:
            self._trip.close()
            if self._test is not None:
                self._test.close()


def residual_current(options: Options, _context: Context) -> GpioResidualMonitor:
    """The driver."""
    check(options)
    return GpioResidualMonitor(options)
