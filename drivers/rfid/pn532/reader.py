"""Polls a PN532 in a thread of its own and yields every card once per presence; a dead reader is told from an empty field."""

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Literal, TypeVar

import msgspec

from drivers.errors import Disconnected, DriverError, Misconfigured
from drivers.pins import I2C1, UART, Pin, spi_pins
from drivers.registry import Context
from drivers.rfid.pn532.card import Format, Order, Presence, UnusableCard, id_tag

logger = logging.getLogger("evcp.rfid")
T = TypeVar("T")

RETRIES = 2
"""Finite, so that a poll ends by itself: with "for ever" its reply would come into the next command."""
POLL_TIMEOUT_MS = 300
HEALTH_EVERY_S = 10.0
HEALTH_TRIES = 3
ALLOWED = {
    "interface": '"uart", "i2c" or "spi"',
    "port": 'a serial port, e.g. "/dev/serial0", for "uart"',
    "bus": '0 or 1, for "i2c"',
    "device": '0 or 1 (chip select), for "spi"',
    "poll_s": "0.05 to 2", "away_s": "0.5 to 10",
    "order": '"msb" (byte 0 first, as OCPP wants) or "lsb"', "format": '"hex" or "decimal"',
    "accept_random": "true takes random UIDs of phones, which authorise nobody",
}


class Options(msgspec.Struct, frozen=True):
    """Its table in the configuration."""

    interface: Literal["uart", "i2c", "spi"]
    port: str = "/dev/serial0"
    bus: int = 1
    device: int = 0
    speed_hz: int = 1_000_000
    poll_s: float = 0.2
    away_s: float = 1.5
    order: Order = "msb"
    format: Format = "hex"
    accept_random: bool = False


def check(options: Options) -> None:
    """What the types cannot say. Raises Misconfigured."""
    for name, lowest, highest in (("bus", 0, 1), ("device", 0, 1), ("poll_s", 0.05, 2.0), ("away_s", 0.5, 10.0)):
        value = getattr(options, name)
        if not lowest <= value <= highest:
            raise Misconfigured(name, f"{value} is out of range; allowed: {ALLOWED[name]}")
    if options.interface == "uart" and not options.port:
        raise Misconfigured("port", f"is empty; allowed: {ALLOWED['port']}")


class Chip:
    """The reader as its thread sees it: everything blocks, nothing is believed."""

    def __init__(self, options: Options, clock: Callable[[], float] = time.monotonic) -> None:
        self._options, self._clock = options, clock
        self._chip: Any = None
        self._transport: Any = None
        self._healthy_s = 0.0

    def poll(self) -> bytes | None:
        """The UID in the field, None when there is none. Raises DriverError when the reader does not answer."""
        chip = self._started()
        try:
            found, uid = chip.readPassiveTargetID(0, POLL_TIMEOUT_MS)
        except Exception as error:
            self.stop()
            raise Disconnected(f"{self._where}: {_why(error)}") from error
        if found:
            self._healthy_s = self._clock()
            return bytes(uid)
        if not self._transport.answered or self._clock() - self._healthy_s > HEALTH_EVERY_S:
            self._see_that_it_lives(chip)
        return None

    def _see_that_it_lives(self, chip: Any) -> None:
        """"No card" and "no reader" look alike; the firmware version tells them apart, and one lost answer is no dead reader."""
        try:
            alive = any(chip.getFirmwareVersion() != 0 for _ in range(HEALTH_TRIES))
        except Exception as error:
            self.stop()
            raise Disconnected(f"{self._where}: {_why(error)}") from error
        if not alive:
            self.stop()
            raise Disconnected(f"{self._where} does not answer: check its wiring and its interface switches")
        self._healthy_s = self._clock()

    def _started(self) -> Any:
        if self._chip is None:
            self._transport = self._opened()
            try:
                self._chip = self._configured()
            except DriverError:
                self.stop()
                raise
            except Exception as error:
                self.stop()
                raise Disconnected(f"{self._where}: {_why(error)}") from error
        return self._chip

    def _opened(self) -> Any:
        try:
            from drivers.rfid.pn532 import transports
        except ImportError as error:
            raise Disconnected(f"pn532pi is needed for the card reader: install evcp[rfid] ({error})") from error
        match self._options.interface:
            case "uart":
                return transports.hsu(self._options.port)
            case "i2c":
                return transports.i2c(self._options.bus)
            case "spi":
                return transports.spi(self._options.device, self._options.speed_hz)

    def _configured(self) -> Any:
        from pn532pi.nfc.pn532 import Pn532

        chip = Pn532(self._transport)
        chip.begin()
        if chip.getFirmwareVersion() == 0:
            raise Disconnected(f"{self._where} does not answer: check its wiring and its interface switches")
        if not (chip.SAMConfig() and chip.setPassiveActivationRetries(RETRIES)):
            raise Disconnected(f"{self._where} does not take its settings")
        self._healthy_s = self._clock()
        return chip

    @property
    def _where(self) -> str:
        place = {"uart": self._options.port, "i2c": f"I2C bus {self._options.bus}", "spi": f"SPI 0.{self._options.device}"}
        return f"PN532 on {place[self._options.interface]}"

    def stop(self) -> None:
        """Release the port; the next poll begins anew."""
        transport, self._chip, self._transport = self._transport, None, None
        if transport is not None:
            with contextlib.suppress(Exception):  # a port that is gone cannot be closed, and need not be
                transport.release()


class Pn532Reader:
    """Card reader."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._chip = Chip(options)
        self._presence = Presence(options.away_s)
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="evcp-rfid")

    async def cards(self) -> AsyncIterator[str]:
        """Each card once per presence. Raises DriverError when the reader stops answering."""
        while True:
            uid = await self._in_thread(self._chip.poll)
            if self._presence.look(uid, time.monotonic()) and uid is not None:
                try:
                    yield id_tag(uid, order=self._options.order, form=self._options.format,
                                 refuse_random=not self._options.accept_random)
                except UnusableCard as error:
                    logger.warning("card refused: %s", error)
            await asyncio.sleep(self._options.poll_s)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    async def close(self) -> None:
        """Release the port."""
        await self._in_thread(self._chip.stop)
        self._thread.shutdown(wait=False)


def fixed_pins(options: Options, what: str) -> list[Pin]:
    """The bus of the interface; a reader on a USB adapter uses none."""
    match options.interface:
        case "uart":
            on_header = options.port in ("/dev/serial0", "/dev/ttyAMA0", "/dev/ttyS0")
            return [Pin(gpio, direction, f"{what}: UART {name}") for direction, gpio, name in UART] if on_header else []
        case "i2c":
            return [Pin(gpio, direction, f"I2C {name} ({what})") for direction, gpio, name in I2C1]
        case "spi":
            return spi_pins(options.device, what)


def _why(error: Exception) -> str:
    """The library raises IndexError without a word for an answer that is too short."""
    return str(error) or type(error).__name__


def reader(options: Options, _context: Context) -> Pn532Reader:
    """The driver."""
    check(options)
    return Pn532Reader(options)
