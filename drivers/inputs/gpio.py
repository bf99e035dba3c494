"""Fault inputs on GPIO lines: protective earth, emergency stop, tamper; the trip output of a residual-current monitor is one too.

Wire them so that a broken wire is the fault: a contact to ground that is closed while all is well ("nc", the default), and
the line's pull-up reads it as the fault when it opens. They are read twice in every cycle of 10 ms, never listened to.
"""

from typing import Literal

import msgspec

from drivers.lines import ALLOWED_PIN, Input, check_pin
from drivers.registry import Context

ALLOWED = {
    "pin": ALLOWED_PIN,
    "contact": '"nc" (closed to ground while all is well) or "no" (closed to ground when tripped)',
    "pull": '"up" or "none"',
}

PINS = {"pin": ("in", "contact to ground")}


class Options(msgspec.Struct, frozen=True):
    """Its table in the configuration."""

    pin: int
    contact: Literal["nc", "no"] = "nc"
    pull: Literal["up", "none"] = "up"


def check(options: Options) -> None:
    """What the types cannot say. Raises Misconfigured."""
    check_pin("pin", options.pin)


class GpioInput:
    """One wire."""

    def __init__(self, options: Options) -> None:
        self._line = Input(options.pin, active_low=options.contact == "no", pull=options.pull)

    def active(self) -> bool:
        """True only if two readings agree, so that a spike is no fault. Raises Disconnected."""
        return self._line.active() and self._line.active()

    def close(self) -> None:
        """Release the line."""
        self._line.close()


def _input(options: Options, _context: Context) -> GpioInput:
    check(options)
    return GpioInput(options)


protective_earth = emergency_stop = tamper = _input
