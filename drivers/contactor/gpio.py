"""A contactor on GPIO lines: coil driver, feedback contact, and the keep-alive pulse of a relay stage that fails open.

The feedback is best a mirror contact ("nc": positively guided, closed while the main contacts are open), so that a broken
wire reads as "closed" and nothing starts. The keep-alive line is toggled by every completed control cycle and by nothing
else: a retriggerable stage behind it drops the coil when the guard hangs, whatever level the line stopped at
(hardware-drivers.md section 3.4).
"""

from typing import Literal

import msgspec

from drivers.lines import ALLOWED_PIN, Input, Output, check_pin
from drivers.registry import Context

ALLOWED = {
    "pin": ALLOWED_PIN + "; 9 to 27 are pulled low at power-up",
    "feedback_pin": ALLOWED_PIN,
    "keep_alive_pin": ALLOWED_PIN,
    "feedback": '"nc" (mirror contact, closed while open) or "no" (closed while closed)',
    "feedback_pull": '"up" (inside the Pi) or "none" (a resistor on the board)',
    "active_low": "true or false",
}

PINS = {
    "pin": ("out", "contactor coil driver"), "feedback_pin": ("in", "feedback contact to ground"),
    "keep_alive_pin": ("out", "keep-alive pulses to the relay stage"),
}


class Options(msgspec.Struct, frozen=True):
    """Its table in the configuration."""

    pin: int
    active_low: bool = False
    feedback_pin: int | None = None
    feedback: Literal["nc", "no"] = "nc"
    feedback_pull: Literal["up", "none"] = "up"
    keep_alive_pin: int | None = None


def check(options: Options) -> None:
    """What the types cannot say. Raises Misconfigured."""
    for name in ("pin", "feedback_pin", "keep_alive_pin"):
        check_pin(name, getattr(options, name))


class GpioContactor:
    """Coil, feedback and keep-alive."""

    def __init__(self, options: Options) -> None:
        self._coil = Output(options.pin, active_low=options.active_low)
        wired = options.feedback_pin is not None
        # The contact pulls the line to ground. Main contacts closed: a "no" contact is closed too, an "nc" contact is open.
        self._feedback = Input(
            options.feedback_pin or 0, active_low=options.feedback == "no", pull=options.feedback_pull) if wired else None
        self._keep_alive = Output(options.keep_alive_pin) if options.keep_alive_pin is not None else None
        self._pulse = False

    def set(self, closed: bool) -> None:
        """Energise or release the coil. Raises Disconnected."""
        self._coil.set(closed)

    def feedback(self) -> bool | None:
        """The true position, None where no contact is wired. Raises Disconnected."""
        return self._feedback.active() if self._feedback is not None else None

    def kick(self) -> None:
        """A control cycle is complete: one edge on the keep-alive line. Raises Disconnected."""
        if self._keep_alive is not None:
            self._pulse = not self._pulse
            self._keep_alive.set(self._pulse)

    def close(self) -> None:
        """Coil off, lines released."""
        try:
            self._coil.set(False)
        finally:
            for line in (self._coil, self._feedback, self._keep_alive):
                if line is not None:
                    line.close()


def contactor(options: Options, _context: Context) -> GpioContactor:
    """The driver."""
    check(options)
    return GpioContactor(options)
