"""A DS18B20 on the 1-wire bus, read from the kernel's hwmon file by a thread: a conversion takes 0.75 s, the guard has 2 ms."""

import glob
import threading
import time
from collections.abc import Callable

import msgspec

from drivers.errors import BadReply, Disconnected, Misconfigured, OutOfRange
from drivers.pins import Pin
from drivers.registry import Context

ROOT = "/sys/bus/w1/devices"
EVERY_S = 2.0
TOO_OLD_S = 10.0
COLDEST_C, HOTTEST_C = -55.0, 125.0
POWER_ON_C = 85.0
"""What the sensor says before its first conversion; believed only when the reading before was near it."""
NEAR_C = 10.0
ALLOWED = {
    "sensor": 'the id of a sensor, e.g. "28-0316a2797b1c"; leave it out when there is one', "root": "leave it out",
    "derate_from_c": "a temperature", "derate_to_c": "a temperature", "stop_c": "a temperature",
}


class Options(msgspec.Struct, frozen=True):
    """Its table in the configuration."""

    sensor: str = ""
    root: str = ROOT


def check(options: Options) -> None:
    """What the types cannot say. Raises Misconfigured."""
    if "/" in options.sensor:
        raise Misconfigured("sensor", f"{options.sensor!r} is no id; allowed: {ALLOWED['sensor']}")


class W1Temperature:
    """The newest reading of one sensor."""

    def __init__(self, options: Options, clock: Callable[[], float] = time.monotonic) -> None:
        self._options, self._clock = options, clock
        self._reading: tuple[float, float] | None = None
        self._failure = "has not been read yet"
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None

    def read_c(self) -> float:
        """Degrees Celsius, at most ten seconds old. Raises DriverError."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="evcp-temperature", daemon=True)
            self._thread.start()
        reading = self._reading
        if reading is None or self._clock() - reading[0] > TOO_OLD_S:
            raise Disconnected(f"temperature sensor {self._options.sensor or 'in ' + self._options.root}: {self._failure}")
        return reading[1]

    def look(self) -> None:
        """One conversion; keeps the result, or why there is none."""
        try:
            celsius = self._convert()
        except (OSError, ValueError, BadReply, OutOfRange) as error:
            self._failure = str(error)
            return
        self._reading = (self._clock(), celsius)

    def _convert(self) -> float:
        pattern = f"{self._options.root}/{self._options.sensor or '28-*'}/temperature"
        found = sorted(glob.glob(pattern))
        if not found:
            raise BadReply(f"no {pattern}; is dtoverlay=w1-gpio in config.txt?")
        with open(found[0], encoding="ascii") as file:
            celsius = int(file.read()) / 1000
        if not COLDEST_C <= celsius <= HOTTEST_C:
            raise OutOfRange(f"{celsius:g} C; possible: {COLDEST_C:g} to {HOTTEST_C:g} C")
        unbelievable = celsius == POWER_ON_C and (self._reading is None or abs(self._reading[1] - celsius) > NEAR_C)
        if unbelievable:
            raise OutOfRange(f"{celsius:g} C is what it says before its first conversion")
        return celsius

    def _run(self) -> None:
        while not self._ending.is_set():
            self.look()
            self._ending.wait(EVERY_S)

    def close(self) -> None:
        """End the thread."""
        self._ending.set()


def fixed_pins(_options: Options, what: str) -> list[Pin]:
    """The 1-wire bus, where the overlay puts it by itself."""
    return [Pin(4, "bus", f"{what}: 1-wire, with 4.7 kOhm to 3.3 V")]


def temperature(options: Options, _context: Context) -> W1Temperature:
    """The driver, after one look: the guard's first cycle must not take the warmth for unknown (iec61851.md 10)."""
    check(options)
    driver = W1Temperature(options)
    driver.look()
    return driver
