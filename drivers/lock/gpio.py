"""A connector lock with a motor: a pulse one way moves the bolt in, one the other way out, a contact tells where it is.

The pulse ends by itself: `state` is asked in every cycle of the guard and switches the motor off when its time is over, and
the motor is off before it turns the other way. A board with one line ("latch") holds the bolt in while the line is on.
"""

import time
from collections.abc import Callable
from typing import Literal

import msgspec

from drivers.errors import Misconfigured
from drivers.lines import ALLOWED_PIN, Input, Output, check_pin
from drivers.protocols import LockState
from drivers.registry import Context

ALLOWED = {
    "lock_pin": ALLOWED_PIN, "unlock_pin": ALLOWED_PIN + '; not for kind = "latch"', "feedback_pin": ALLOWED_PIN,
    "kind": '"motor" (two pulses) or "latch" (on while locked)', "pulse_s": "0.05 to 2",
    "feedback_locked": '"low" or "high": the level that says locked', "active_low": "true or false",
}

PINS = {"lock_pin": ("out", "bolt in"), "unlock_pin": ("out", "bolt out"), "feedback_pin": ("in", "contact of the bolt")}


class Options(msgspec.Struct, frozen=True):
    """Its table in the configuration."""

    lock_pin: int
    feedback_pin: int
    unlock_pin: int | None = None
    kind: Literal["motor", "latch"] = "motor"
    pulse_s: float = 0.5
    feedback_locked: Literal["low", "high"] = "low"
    active_low: bool = False


def check(options: Options) -> None:
    """What the types cannot say. Raises Misconfigured."""
    for name in ("lock_pin", "unlock_pin", "feedback_pin"):
        check_pin(name, getattr(options, name))
    if options.kind == "motor" and options.unlock_pin is None:
        raise Misconfigured("", f"unlock_pin is missing; allowed: {ALLOWED_PIN}")
    if not 0.05 <= options.pulse_s <= 2.0:
        raise Misconfigured("pulse_s", f"{options.pulse_s} is out of range; allowed: {ALLOWED['pulse_s']}")


class GpioLock:
    """Bolt, motor and feedback."""

    def __init__(self, options: Options, clock: Callable[[], float] = time.monotonic) -> None:
        self._in = Output(options.lock_pin, active_low=options.active_low)
        self._out = Output(options.unlock_pin, active_low=options.active_low) if options.unlock_pin is not None else None
        self._feedback = Input(options.feedback_pin, active_low=options.feedback_locked == "low")
        self._latch = options.kind == "latch"
        self._pulse_s, self._clock = options.pulse_s, clock
        self._off_at_s: float | None = None

    def lock(self) -> None:
        """Start moving the bolt in. Raises Disconnected."""
        self._drive(inwards=True)

    def unlock(self) -> None:
        """Start moving the bolt out. Raises Disconnected."""
        self._drive(inwards=False)

    def _drive(self, *, inwards: bool) -> None:
        if self._latch or self._out is None:
            self._in.set(inwards)
        else:
            (self._out if inwards else self._in).set(False)
            (self._in if inwards else self._out).set(True)
        self._off_at_s = self._clock() + self._pulse_s

    def state(self) -> LockState:
        """By the feedback contact; MOVING while the motor has current. Raises Disconnected."""
        if self._off_at_s is not None:
            if self._clock() < self._off_at_s:
                return LockState.MOVING
            self._rest()
        return LockState.LOCKED if self._feedback.active() else LockState.UNLOCKED

    def _rest(self) -> None:
        """The pulse is over."""
        self._off_at_s = None
        if not self._latch:
            self._in.set(False)
            if self._out is not None:
                self._out.set(False)

    def close(self) -> None:
        """Motor off, lines released; the bolt stays where it is."""
        try:
            self._rest()
        finally:
            for line in (self._in, self._out, self._feedback):
                if line is not None:
                    line.close()


def lock(options: Options, _context: Context) -> GpioLock:
    """The driver."""
    check(options)
    return GpioLock(options)
