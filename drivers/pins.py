"""Which pins of the header a configuration uses, and for what: the table that an installer wires by.

A driver module says it itself: `PINS` maps an option that names a GPIO to its direction and meaning; `fixed_pins(options)` adds the
pins of buses, whose place the board decides.
"""

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

HEADER = {
    2: 3, 3: 5, 4: 7, 14: 8, 15: 10, 17: 11, 18: 12, 27: 13, 22: 15, 23: 16, 24: 18, 10: 19, 9: 21, 25: 22, 11: 23, 8: 24, 7: 26,
    0: 27, 1: 28, 5: 29, 6: 31, 12: 32, 13: 33, 19: 35, 16: 36, 26: 37, 20: 38, 21: 40,
}
"""The 40-pin header: GPIO to pin."""
PULLED_UP_AT_RESET = range(9)
"""GPIO 0 to 8 have a pull-up until something is configured: no place for a coil."""
SPI0 = (("out", 10, "MOSI"), ("in", 9, "MISO"), ("out", 11, "SCLK"))
CHIP_SELECT = {0: 8, 1: 7}
UART = (("out", 14, "TXD"), ("in", 15, "RXD"))
I2C1 = (("bus", 2, "SDA"), ("bus", 3, "SCL"))


class Pin(NamedTuple):
    """One line of the table."""

    gpio: int
    direction: str
    what: str

    @property
    def header(self) -> int | None:
        """Its place on the 40-pin header."""
        return HEADER.get(self.gpio)


def spi_pins(device: int, what: str) -> list[Pin]:
    """The lines of SPI 0 with one chip select."""
    lines = [Pin(gpio, direction, f"SPI {name} ({what})") for direction, gpio, name in SPI0]
    return [*lines, Pin(CHIP_SELECT.get(device, 8), "out", f"SPI chip select {device} ({what})")]


def pins_of(module: Any, options: Any, what: str) -> list[Pin]:
    """Every pin that a driver with these options uses."""
    named = getattr(module, "PINS", {})
    found = [Pin(gpio, direction, f"{what}: {meaning}") for name, (direction, meaning) in named.items()
             if (gpio := getattr(options, name)) is not None]
    fixed = getattr(module, "fixed_pins", None)
    return found + (fixed(options, what) if fixed is not None else [])


def used_twice(pins: Iterable[Pin]) -> list[str]:
    """Pins that two devices want; bus lines are shared by nature."""
    users: dict[int, list[Pin]] = {}
    for pin in pins:
        users.setdefault(pin.gpio, []).append(pin)
    sentences = []
    for gpio, wanted in sorted(users.items()):
        alone = [pin for pin in wanted if not pin.what.startswith(("SPI ", "I2C "))]
        if len(alone) > 1 or (alone and len(wanted) > len(alone)):
            sentences.append(f"GPIO{gpio} is used twice: {'; '.join(pin.what for pin in wanted)}")
    return sentences


def conflicts(pins: Iterable[Pin]) -> list[str]:
    """What is in the way of wiring: pins used twice, and coils on pins that are pulled up at reset."""
    wanted = list(pins)
    return used_twice(wanted) + [
        f"GPIO{pin.gpio} is pulled up until the program starts: {pin.what} would pull in; use GPIO9 or above"
        for pin in wanted if pin.gpio in PULLED_UP_AT_RESET and "contactor coil" in pin.what]


def merged(pins: Iterable[Pin]) -> list[Pin]:
    """By header place; a bus line that several devices share stands once."""
    ordered: dict[tuple[int, str], list[str]] = {}
    for pin in pins:
        ordered.setdefault((pin.gpio, pin.direction), []).append(pin.what)
    rows = [Pin(gpio, direction, "; ".join(dict.fromkeys(what))) for (gpio, direction), what in ordered.items()]
    return sorted(rows, key=lambda pin: (pin.header is None, pin.header or pin.gpio))


def of_configuration(connectors: Iterable[tuple[int, Mapping[str, Mapping[str, object]]]],
                     readers: Iterable[Mapping[str, object]]) -> list[Pin]:
    """Every pin of a checked configuration: devices per connector, then card readers."""
    from drivers import registry

    pins: list[Pin] = []
    for number, devices in connectors:
        for slot, device in devices.items():
            pins += pins_of(*registry.module_and_options(slot, device), f"connector {number} {slot.replace('_', ' ')}")
    for place, device in enumerate(readers):
        pins += pins_of(*registry.module_and_options("reader", device), f"card reader {place + 1}")
    return pins
