"""A second contactor for L2 and L3: one or three phases, switched only while the main contactor is confirmed open."""

import msgspec

from drivers.lines import ALLOWED_PIN, Input, Output, check_pin
from drivers.registry import Context

PINS = {"pin": ("out", "contactor coil of L2 and L3"), "feedback_pin": ("in", "mirror contact")}
ALLOWED = {"pin": ALLOWED_PIN, "feedback_pin": ALLOWED_PIN, "active_low": "true or false"}


class Options(msgspec.Struct, frozen=True):
    """Its table in the configuration. The coil on: three phases."""

    pin: int
    feedback_pin: int | None = None
    active_low: bool = False


def check(options: Options) -> None:
    """What the types cannot say. Raises Misconfigured."""
    check_pin("pin", options.pin)
    check_pin("feedback_pin", options.feedback_pin)


class GpioPhaseSwitch:
    """Coil and mirror contact."""

    def __init__(self, options: Options) -> None:
        self._coil = Output(options.pin, active_low=options.active_low)
        self._feedback = Input(options.feedback_pin, active_low=False) if options.feedback_pin is not None else None
        self._wished = 1

    def set_phases(self, phases: int) -> None:
        """1 or 3; the guard calls it only while the main contactor is confirmed open. Raises Disconnected."""
        self._wished = phases
        self._coil.set(phases == 3)

    def phases(self) -> int:
        """By the mirror contact; what was commanded where none is wired. Raises Disconnected."""
        if self._feedback is None:
            return self._wished
        return 3 if self._feedback.active() else 1

    def close(self) -> None:
        """One phase, lines released."""
        try:
            self._coil.set(False)
        finally:
            self._coil.close()
            if self._feedback is not None:
                self._feedback.close()


def phase_switch(options: Options, _context: Context) -> GpioPhaseSwitch:
    """The driver."""
    check(options)
    return GpioPhaseSwitch(options)
