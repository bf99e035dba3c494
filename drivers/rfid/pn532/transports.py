"""The library's interfaces, mended: a path for the port, a flush before every command, an ACK time that real readers keep.

As it comes, a reply that arrives after its time-out stays in the buffer, is taken for the next command's ACK, and everything
after it fails for ever; and 10 ms for an ACK is less than a USB adapter's latency timer.
"""

import contextlib
from typing import Any

from drivers.errors import Disconnected

ACK_WITHIN_MS = 60
STUCK_S = 1.0


class Noting:
    """Notes whether the last command was answered: in the library an empty field and a dead reader look the same."""

    answered = False

    def readResponse(self, timeout: int = 1000) -> tuple[int, bytearray]:  # noqa: N802 - the library's name
        """The answer to the last command; a negative length is none."""
        self.answered = False
        length, content = super().readResponse(timeout)  # type: ignore[misc]  # mixed into the library's interfaces
        self.answered = length >= 0
        return length, content


def hsu(port: str) -> Any:
    """High-speed UART on any serial port. Raises Disconnected."""
    from pn532pi.interfaces import pn532hsu
    from serial import Serial, SerialException

    pn532hsu.PN532_ACK_WAIT_TIME = ACK_WITHIN_MS

    class Hsu(Noting, pn532hsu.Pn532Hsu):  # type: ignore[misc]  # the library has no types
        """Takes a path where the library takes a number."""

        def __init__(self) -> None:
            self._serial = Serial(port, baudrate=115_200, timeout=STUCK_S, write_timeout=STUCK_S, exclusive=True)
            self.command = 0

        def begin(self) -> None:
            """The port is open already."""

        def wakeup(self) -> None:
            """Wake the chip; what was in the buffer belongs to nobody."""
            self._serial.reset_input_buffer()
            super().wakeup()

        def writeCommand(self, header: bytearray, body: bytearray | None = None) -> int:  # noqa: N802 - the library's name
            """Throw away what came late, then send."""
            self._serial.reset_input_buffer()
            self.answered = False
            return int(super().writeCommand(header, body if body is not None else bytearray()))

        def release(self) -> None:
            """Close the port."""
            self._serial.close()

    try:
        return Hsu()
    except (SerialException, OSError, ValueError) as error:
        raise Disconnected(f"{port} cannot be opened: {error}") from error


def i2c(bus: int) -> Any:
    """I2C bus 0 or 1. Raises Disconnected."""
    from pn532pi.interfaces import pn532i2c

    pn532i2c.PN532_ACK_WAIT_TIME = ACK_WITHIN_MS

    class I2c(Noting, pn532i2c.Pn532I2c):  # type: ignore[misc]  # the library has no types
        """Can be released."""

        def release(self) -> None:
            """Close the bus."""
            if self._wire is not None:
                with contextlib.suppress(OSError):  # it may be gone already
                    self._wire.close()

    return I2c(bus)


def spi(device: int, speed_hz: int) -> Any:
    """SPI bus 0 with chip select `device`. Raises Disconnected when spidev is missing."""
    try:
        from pn532pi.interfaces import pn532spi
    except ImportError as error:
        raise Disconnected(f"spidev is needed for a reader on SPI: install evcp[spi] ({error})") from error

    pn532spi.PN532_ACK_WAIT_TIME = ACK_WITHIN_MS

    class Spi(Noting, pn532spi.Pn532Spi):  # type: ignore[misc]  # the library has no types
        """Can be released."""

        def release(self) -> None:
            """Close the bus."""
            self._spi.close()

    return Spi(device, speed_hz)
