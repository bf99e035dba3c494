"""Status LED (plain or RGB) and buzzer on GPIO lines; `patterns.py` says what they mean."""

import asyncio
import contextlib

import msgspec

from drivers.errors import DriverError, Misconfigured
from drivers.lines import ALLOWED_PIN, Output, check_pin
from drivers.registry import Context
from drivers.signals.patterns import BEEPS, PATTERNS, lit

STEP_S = 0.05
PINS = {"pin": ("out", "lamp or buzzer"), "red_pin": ("out", "red"), "green_pin": ("out", "green"), "blue_pin": ("out", "blue")}
ALLOWED = {"pin": ALLOWED_PIN, "red_pin": ALLOWED_PIN, "green_pin": ALLOWED_PIN, "blue_pin": ALLOWED_PIN,
           "active_low": "true or false"}


class Options(msgspec.Struct, frozen=True):
    """Its table in the configuration: `pin` alone for a plain LED or a buzzer, the three colours for an RGB one."""

    pin: int | None = None
    red_pin: int | None = None
    green_pin: int | None = None
    blue_pin: int | None = None
    active_low: bool = False


def check(options: Options) -> None:
    """What the types cannot say. Raises Misconfigured."""
    for name in ("pin", "red_pin", "green_pin", "blue_pin"):
        check_pin(name, getattr(options, name))
    colours = [options.red_pin, options.green_pin, options.blue_pin]
    if options.pin is None and any(pin is None for pin in colours):
        raise Misconfigured("", f"pin is missing; allowed: {ALLOWED_PIN}, or all of red_pin, green_pin and blue_pin")
    if options.pin is not None and any(pin is not None for pin in colours):
        raise Misconfigured("pin", "is a plain LED beside colours; allowed: pin alone, or red_pin, green_pin and blue_pin")


class GpioLights:
    """Plays the pattern of what it is told to show."""

    def __init__(self, options: Options) -> None:
        pins = [options.pin] if options.pin is not None else [options.red_pin, options.green_pin, options.blue_pin]
        self._lines = [Output(pin, active_low=options.active_low) for pin in pins if pin is not None]
        self._meaning = "Dark"
        self._levels: list[bool] | None = None

    def show(self, meaning: str) -> None:
        """From now on, this: a ChargePointStatus."""
        self._meaning = meaning

    async def run(self) -> None:
        """Until cancelled. Raises Disconnected; running it again tries anew."""
        began_s = asyncio.get_running_loop().time()
        while True:
            self.draw(asyncio.get_running_loop().time() - began_s)
            await asyncio.sleep(STEP_S)

    def draw(self, at_s: float) -> None:
        """Set the lines as the pattern wants them at this point. Raises Disconnected."""
        pattern = PATTERNS[self._meaning]
        on = lit(pattern, at_s)
        levels = [on] if len(self._lines) == 1 else [on and bool(part) for part in pattern.colour]
        if levels == self._levels:
            return
        self._levels = None
        for line, level in zip(self._lines, levels, strict=True):
            line.set(level)
        self._levels = levels

    def close(self) -> None:
        """Dark."""
        for line in self._lines:
            with contextlib.suppress(DriverError):
                line.set(False)
            line.close()


class GpioBuzzer:
    """Beeps."""

    def __init__(self, options: Options) -> None:
        self._line = Output(options.pin or 0, active_low=options.active_low)

    async def beep(self, meaning: str) -> None:
        """Play one of `BEEPS`. Raises Disconnected."""
        try:
            for index, length_s in enumerate(BEEPS[meaning]):
                self._line.set(index % 2 == 0)
                await asyncio.sleep(length_s)
        finally:
            self._line.set(False)

    def close(self) -> None:
        """Silent."""
        self._line.close()


def lights(options: Options, _context: Context) -> GpioLights:
    """The driver."""
    check(options)
    return GpioLights(options)


def buzzer(options: Options, _context: Context) -> GpioBuzzer:
    """The driver."""
    check(options)
    if options.pin is None:
        raise Misconfigured("pin", f"a buzzer has one line; allowed: {ALLOWED_PIN}")
    return GpioBuzzer(options)
