"""GPIO lines over gpiozero: one pin factory a process, made explicitly, every output claimed at the level it must have.

gpiozero by itself falls back to another library with nothing but a warning, claims outputs low before it sets them (an
active-low relay board would pull in for a moment), and lets one exception in a callback end all callbacks for ever
(hardware-drivers.md section 3). So the factory is made here or not at all, outputs are claimed atomically, and inputs are
read, not listened to.
"""

import glob
from collections.abc import Callable
from typing import Any

from drivers.errors import Disconnected, Misconfigured

LABELS = ("pinctrl-rp1", "pinctrl-bcm2711", "pinctrl-bcm2835")
"""The chips with the header's pins: Pi 5, Pi 4, and Pi 3 with Zero 2 W."""
NO_PI = 0xC03114
"""The revision code given to gpiozero on a machine that has gpiochips and is no Raspberry Pi: pins are line offsets."""
HIGHEST_PIN = 53
ALLOWED_PIN = f"a GPIO number, 0 to {HIGHEST_PIN} (BCM numbering)"
ADVICE = "is the user in the group gpio, and the chip there (ls -l /dev/gpiochip*)?"

_factory: Any = None


def use(factory: Any) -> None:
    """Have every line come from `factory`: gpiozero's mock factory with `AtomicMockPin`, or None to begin anew."""
    global _factory  # noqa: PLW0603 - one chip, one process, one factory: as gpiozero itself has it
    if _factory is not None and _factory is not factory:
        _factory.close()
    _factory = factory


def factory() -> Any:
    """The pin factory of this process. Raises Disconnected that says what is missing."""
    if _factory is None:
        use(_lgpio_factory())
    return _factory


def mock_factory() -> Any:
    """Mock pins of gpiozero, with outputs claimed as atomically as on the real chip: for tests and for the wired demo."""
    from gpiozero.pins.mock import MockFactory, MockPin

    class AtomicMockPin(MockPin):  # type: ignore[misc]  # the library has no types
        """Takes function and level in one step; something may be wired to it."""

        contact: Callable[[], bool] | None = None
        """A contact to ground: closed, it pulls the input low."""
        watch: Callable[[bool | None], None] | None = None
        """Hears the level that is driven, None while nothing is."""

        def output_with_state(self, state: bool) -> None:
            """The level first, so that no other one is ever seen."""
            self._function = "output"
            if not self._change_state(bool(state)):
                self._tell()

        def _get_state(self) -> bool:
            if self._function == "input" and self.contact is not None:
                return not self.contact()
            return bool(super()._get_state())

        def _set_function(self, value: str) -> None:
            super()._set_function(value)
            self._tell()

        def _change_state(self, value: bool) -> bool:
            changed = bool(super()._change_state(value))
            if changed:
                self._tell()
            return changed

        def _tell(self) -> None:
            if self.watch is not None:
                self.watch(self._state if self._function == "output" else None)

    return MockFactory(pin_class=AtomicMockPin)


def _lgpio_factory() -> Any:
    """The lgpio factory of gpiozero on the chip that has the header's pins. Raises Disconnected."""
    try:
        import lgpio
        from gpiozero.pins.lgpio import LGPIOFactory, LGPIOPin
    except (ImportError, OSError) as error:
        raise Disconnected(f"gpiozero and lgpio are needed for GPIO lines and cannot be loaded: {error}; install "
                           "evcp[gpio], and see that the working directory can be written (lgpio keeps a file there)") from error
    if not hasattr(lgpio, "gpiochip_open"):
        raise Disconnected("the lgpio that is installed is an empty stand-in: use Python 3.12 or older, or the package "
                           "python3-lgpio of Raspberry Pi OS in an environment that sees system packages")

    class AtomicPin(LGPIOPin):  # type: ignore[misc]  # the library has no types
        """Takes function and level in one step."""

        def output_with_state(self, state: bool) -> None:
            """The kernel claims a line at a level."""
            lgpio.gpio_claim_output(self.factory._handle, self._number, int(state))  # noqa: SLF001 - as the library does

    class Factory(LGPIOFactory):  # type: ignore[misc]  # the library has no types
        """On any machine with gpiochips."""

        def _get_revision(self) -> int:
            try:
                return int(super()._get_revision())
            except Exception:  # noqa: BLE001 - the library raises several kinds for "no Raspberry Pi"
                return NO_PI

    try:
        made = Factory(chip=_chip(lgpio))
    except lgpio.error as error:
        raise Disconnected(f"no GPIO chip can be opened: {error}; {ADVICE}") from error
    made.pin_class = AtomicPin
    return made


def _chip(lgpio: Any) -> int:
    """The number of the chip whose label is one of ours; the first there is on other machines. Raises Disconnected."""
    numbers = sorted(int(path.removeprefix("/dev/gpiochip")) for path in glob.glob("/dev/gpiochip[0-9]*"))
    for number in numbers:
        handle = lgpio.gpiochip_open(number)
        label = lgpio.gpio_get_chip_info(handle)[3]
        lgpio.gpiochip_close(handle)
        if (label.decode() if isinstance(label, bytes) else label) in LABELS:
            return number
    if not numbers:
        raise Disconnected(f"there is no GPIO chip on this machine; {ADVICE}")
    return numbers[0]


def check_pin(name: str, pin: int | None) -> None:
    """Judge a pin number of the configuration. Raises Misconfigured."""
    if pin is not None and not 0 <= pin <= HIGHEST_PIN:
        raise Misconfigured(name, f"{pin} is no GPIO; allowed: {ALLOWED_PIN}")


class Output:
    """One line that we drive. Claimed when first used, so that a missing chip is a device that failed, not a crash."""

    def __init__(self, pin: int, *, active_low: bool = False) -> None:
        self._pin, self._active_low = pin, active_low
        self._device: Any = None

    def set(self, on: bool) -> None:
        """Drive the line; `on` is electrical high unless it is active low. Raises Disconnected."""
        try:
            if self._device is None:
                self._device = self._claim(on)
            else:
                (self._device.on if on else self._device.off)()
        except Exception as error:
            self._device = None
            raise Disconnected(_told(self._pin, error)) from error

    def _claim(self, on: bool) -> Any:
        from gpiozero import OutputDevice

        return OutputDevice(self._pin, active_high=not self._active_low, initial_value=on, pin_factory=factory())

    def close(self) -> None:
        """Give the line back: it becomes an input, and the board's own resistor decides."""
        if self._device is not None:
            self._device.close()
            self._device = None


class Input:
    """One line that we read. `pull` is "up", "down" or "none"; `active_low`: the line is pulled to ground when active."""

    def __init__(self, pin: int, *, active_low: bool = True, pull: str = "up") -> None:
        self._pin, self._active_low, self._pull = pin, active_low, pull
        self._device: Any = None

    def active(self) -> bool:
        """The level at this moment. Raises Disconnected."""
        try:
            if self._device is None:
                self._device = self._claim()
            return bool(self._device.value)
        except Exception as error:
            self._device = None
            raise Disconnected(_told(self._pin, error)) from error

    def _claim(self) -> Any:
        from gpiozero import InputDevice

        pull_up = {"up": True, "down": False, "none": None}[self._pull]
        # With a pull the library derives the active level from it, and takes no other.
        state = not self._active_low if pull_up is None else None
        device = InputDevice(self._pin, pull_up=pull_up, active_state=state, pin_factory=factory())
        if pull_up is not None:
            device._active_state = not self._active_low  # noqa: SLF001 - a pull-up and active high is a normally closed contact
            device._inactive_state = self._active_low  # noqa: SLF001 - goes with it
        return device

    def close(self) -> None:
        """Give the line back."""
        if self._device is not None:
            self._device.close()
            self._device = None


def _told(pin: int, error: Exception) -> str:
    """What to do about a line that cannot be used."""
    if isinstance(error, Disconnected):
        return str(error)
    busy = "busy" in str(error).lower() or "in use" in str(error).lower()
    return f"GPIO{pin}: {error}{'; another program holds this line' if busy else ''}"
