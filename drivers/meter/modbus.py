"""Energy meters over Modbus, RTU or TCP: one client on minimalmodbus for every register map.

minimalmodbus does not lock ports, mixes up late answers and, with two threads, gives wrong values without an error
(hardware-drivers.md section 4): so every port is opened exclusively, belongs to one thread, and is flushed after every error.

An answer names neither its registers nor the request it belongs to. One that comes after the flush, or that is another block's
of the same length, has a right address, function, length and CRC; and one long disturbance in 65,536 has a right CRC too. So
after a time-out the next reading begins only when no answer can be under way any more (`MOST_LATE_S`), and a block that shows
something else than last time is asked for again until it says nearly the same twice; where another block is as long, it is
asked twice always, and three times for a change. The last answer counts. What remains: an answer that is later still, true when
it was sent; and a frame with a right head and CRC whose random values are all near the true ones (`ALIKE` in plausibility.py),
wrong by no more than that.
"""

import asyncio
import contextlib
import operator
import termios
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, ClassVar, TypeVar

import msgspec

from drivers.errors import BadReply, Disconnected, DriverError, Misconfigured, OutOfRange
from drivers.meter import register_map as maps
from drivers.meter.plausibility import Plausibility, alike
from drivers.protocols import MeterIdentity, MeterReading
from drivers.registry import Context

T = TypeVar("T")

TRIES = 3
TCP = "tcp://"
NETWORK_S = 0.5
"""Added to the time of an answer that comes through a gateway."""
MOST_LATE_S = 2.0
"""Meters, gateways and adapters that answer at all do it within this time."""
NEARLY = 0.9
"""A time-out may seem a rounding error shorter than it was told to be."""
REOPEN_FIRST_S, REOPEN_LAST_S = 1.0, 30.0
ALLOWED = {
    "model": "one of the register maps",
    "port": 'a serial port, e.g. "/dev/evcp-meter", or Modbus TCP, "tcp://HOST" or "tcp://HOST:PORT"',
    "address": "a whole number, 1 to 247",
    "baud_rate": "1200 to 115200; default: the meter's",
    "parity": '"N", "E" or "O"; default: the meter\'s',
}


class Options(msgspec.Struct, frozen=True):
    """Its table in the configuration."""

    model: str
    port: str
    address: int = 1
    baud_rate: int | None = None
    parity: str | None = None


def check(options: Options) -> None:
    """What the types cannot say. Raises Misconfigured."""
    maps.load(options.model)
    if not 1 <= options.address <= 247:
        raise Misconfigured("address", f"{options.address} is out of range; allowed: {ALLOWED['address']}")
    if options.baud_rate is not None and not 1200 <= options.baud_rate <= 115_200:
        raise Misconfigured("baud_rate", f"{options.baud_rate} is out of range; allowed: {ALLOWED['baud_rate']}")
    if options.parity is not None and options.parity not in ("N", "E", "O"):
        raise Misconfigured("parity", f"{options.parity!r} is not one of them; allowed: {ALLOWED['parity']}")
    if not options.port:
        raise Misconfigured("port", f"is empty; allowed: {ALLOWED['port']}")
    if "://" in options.port:
        _check_url(options.port)


def _check_url(port: str) -> None:
    from drivers.meter.tcp_port import host_and_port

    try:
        host_and_port(port)
    except ValueError as error:
        raise Misconfigured("port", f"{port!r} leads nowhere; allowed: {ALLOWED['port']}") from error


def quantities(options: Options) -> frozenset[str]:
    """What this model of meter tells."""
    return frozenset(maps.load(options.model).quantities)


class Bus:
    """One serial port and its one thread; meters on the same port share it."""

    _buses: ClassVar[dict[str, "Bus"]] = {}
    _making = threading.Lock()

    def __init__(self, port: str) -> None:
        self.port = port
        self.executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="evcp-bus")
        self.serial: Any = None
        self._settings = ""
        self._reopen_at_s = 0.0
        self._pause_s = REOPEN_FIRST_S
        self.users = 0

    @classmethod
    def of(cls, port: str) -> "Bus":
        """The bus of a port; the same for everybody."""
        with cls._making:
            bus = cls._buses.setdefault(port, cls(port))
            bus.users += 1
            return bus

    def open(self, baud_rate: int, parity: str, stop_bits: int, timeout_s: float) -> Any:
        """The open port. Raises Disconnected; a port that is gone is tried again with a growing pause."""
        settings = f"{baud_rate} baud, parity {parity}, {stop_bits} stop bits"
        if self.serial is not None:
            if settings != self._settings and not self.port.startswith(TCP):
                raise Disconnected(f"{self.port} runs at {self._settings}; this meter wants {settings}. One port has one setting")
            return self.serial
        now_s = time.monotonic()
        if now_s < self._reopen_at_s:
            raise Disconnected(f"{self.port} is gone; next try in {self._reopen_at_s - now_s:.0f} s")
        try:
            self.serial = self._connected(baud_rate, parity, stop_bits, timeout_s)
        except (OSError, termios.error, ValueError) as error:
            self._reopen_at_s = now_s + self._pause_s
            self._pause_s = min(self._pause_s * 2, REOPEN_LAST_S)
            raise Disconnected(f"{self.port} cannot be opened: {error}") from error
        self._pause_s, self._settings = REOPEN_FIRST_S, settings
        return self.serial

    def _connected(self, baud_rate: int, parity: str, stop_bits: int, timeout_s: float) -> Any:
        if self.port.startswith(TCP):
            from drivers.meter.tcp_port import TcpPort

            return TcpPort(self.port, timeout_s)
        import serial

        return serial.Serial(self.port, baudrate=baud_rate, parity=parity, stopbits=stop_bits, timeout=timeout_s, exclusive=True)

    def drop(self) -> None:
        """Close the port; the next use opens it anew."""
        if self.serial is not None:
            with contextlib.suppress(OSError, termios.error):  # it may be gone already
                self.serial.close()
            self.serial = None

    def leave(self) -> None:
        """One user less; the last one closes the port."""
        with Bus._making:
            self.users -= 1
            if self.users == 0:
                Bus._buses.pop(self.port, None)
                self.executor.submit(self.drop)
                self.executor.shutdown(wait=False)


class ModbusMeter:
    """One meter on a bus."""

    def __init__(self, options: Options, context: Context) -> None:
        check(options)
        self._map = maps.load(options.model)
        self._blocks = maps.plan(self._map)
        self._longest = max(block.count for block in self._blocks)
        self._options = options
        self._bus = Bus.of(options.port)
        self._instrument: Any = None
        self._identity: MeterIdentity | None = None
        self._plausibility = Plausibility(max_current_a=context.max_current_a or 80.0, phases=context.phases,
                                          nominal_voltage_v=context.nominal_voltage_v, step_wh=maps.step_wh(self._map))
        self._closed = False
        self._last_request_s = 0.0
        self._said: dict[int, dict[str, float]] = {}
        """What each block said last, by its address."""
        self._quiet_from_s = 0.0
        """From then on no answer to an old request can come any more."""

    @property
    def _where(self) -> str:
        return f"{self._map.name} at address {self._options.address} on {self._options.port}"

    async def identify(self) -> MeterIdentity:
        """Who the meter is. Raises DriverError."""
        return await self._in_thread(self._identify)

    async def read(self) -> MeterReading:
        """A fresh and plausible reading. Raises DriverError."""
        return await self._in_thread(self._read)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        await asyncio.sleep(max(0.0, self._quiet_from_s - time.monotonic()))  # here: others may use the bus meanwhile
        return await asyncio.get_running_loop().run_in_executor(self._bus.executor, work)

    async def close(self) -> None:
        """Leave the bus."""
        if not self._closed:
            self._closed = True
            self._bus.leave()

    # -- in the bus's thread -----------------------------------------------------------------------------------------

    def _timeout_s(self, registers: int) -> float:
        """The meter's delay, and the time its answer takes on the wire."""
        bits = 11 * (5 + 2 * registers + 8)
        network_s = NETWORK_S if self._options.port.startswith(TCP) else 0.0
        return 0.2 + bits / (self._options.baud_rate or self._map.baud_rate) + 0.05 + network_s

    def _opened(self) -> Any:
        import minimalmodbus

        try:
            port = self._bus.open(self._options.baud_rate or self._map.baud_rate, self._options.parity or self._map.parity,
                                  self._map.stop_bits, self._timeout_s(self._longest))
            if self._instrument is None or self._instrument.serial is not port:
                self._instrument = minimalmodbus.Instrument(port, self._options.address)
                port.timeout = max(port.timeout, self._timeout_s(self._longest))
                self._instrument.clear_buffers_before_each_transaction = True
        except (OSError, termios.error, ValueError) as error:
            self._instrument = None
            self._bus.drop()
            raise Disconnected(f"{self._options.port} does not take its settings: {error}") from error
        return self._instrument

    def _registers(self, address: int, count: int, function_code: int) -> list[int]:
        """One block. Raises DriverError after three tries."""
        for attempt in range(1, TRIES + 1):
            try:
                return self._request(address, count, function_code)
            except DriverError:
                if attempt == TRIES or self._bus.serial is None:
                    raise
        raise AssertionError

    def _request(self, address: int, count: int, function_code: int) -> list[int]:
        import minimalmodbus
        import serial

        instrument = self._opened()
        pause_s = self._last_request_s + self._map.gap_s - time.monotonic()
        if pause_s > 0:
            time.sleep(pause_s)
        began_s, timed_out = time.monotonic(), False
        place = f"{self._where}, register {address:#06x}"
        try:
            registers = instrument.read_registers(address, count, function_code)
        except minimalmodbus.ModbusException as error:
            timed_out = time.monotonic() - began_s >= NEARLY * instrument.serial.timeout
            # What is only late, or the rest of a longer frame, must not be taken for the answer to the next request.
            self._flush(self._timeout_s(self._longest))
            if isinstance(error, minimalmodbus.NoResponseError):
                raise Disconnected(f"{place}: no answer") from error
            raise BadReply(f"{place}: {str(error).split(' The response is')[0].split(': b')[0]}") from error
        except (serial.SerialException, OSError, termios.error, ValueError, TypeError) as error:
            self._bus.drop()
            raise Disconnected(f"{place}: {error}") from error
        finally:
            self._last_request_s = time.monotonic()
            # Some of the answer may still be under way; so it may if what came was the late answer to the request before.
            if timed_out or began_s < self._quiet_from_s:
                self._quiet_from_s = began_s + MOST_LATE_S
        return list(registers)

    def _flush(self, after_s: float) -> None:
        """Let what is still coming arrive, and throw it away."""
        time.sleep(after_s)
        try:
            self._bus.serial.reset_input_buffer()
        except (OSError, termios.error):
            self._bus.drop()

    def _sure(self, ask: Callable[[], T], same: Callable[[T, T], bool], times: Callable[[T], int]) -> T:
        """What is said as many times in a row as it takes to be believed. Raises DriverError."""
        said, in_a_row = ask(), 1
        for _ in range(2 * TRIES):
            if in_a_row >= times(said):
                return said
            again = ask()
            in_a_row = in_a_row + 1 if same(said, again) else 1
            said = again
        raise BadReply(f"{self._where}: it never says the same twice")

    def _identify(self) -> MeterIdentity:
        identity = self._map.identity
        serial_number = None
        if identity is not None:
            ask = partial(self._registers, identity.address, maps.REGISTERS[identity.type],
                          identity.function_code or self._map.function_code)
            words = self._sure(ask, operator.eq, lambda _words: 2)
            serial_number = str(int(maps.number(words, identity.type, self._map.byte_order)))
        else:
            self._registers(self._blocks[0].address, self._blocks[0].count, self._map.function_code)  # is it there at all?
        self._identity = MeterIdentity(self._map.name, serial_number)
        return self._identity

    def _ask(self, block: maps.Block) -> dict[str, float]:
        return maps.decode(self._map, block, self._registers(block.address, block.count, self._map.function_code))

    def _block(self, block: maps.Block) -> dict[str, float]:
        """The values of a block; those that may be another request's, or noise, must be repeated. Raises DriverError."""
        same = partial(alike, step_wh=maps.step_wh(self._map))
        last, has_twin = self._said.get(block.address), sum(other.count == block.count for other in self._blocks) > 1

        def times(said: dict[str, float]) -> int:
            changed = last is None or not same(last, said)
            return 1 + changed + has_twin

        said = self._sure(partial(self._ask, block), same, times)
        self._said[block.address] = said
        return said

    def _read(self) -> MeterReading:
        values: dict[str, float] = {}
        for block in self._blocks:
            values |= self._block(block)
        if not {"energy_wh", "voltage_l1_v", "current_l1_a"} <= values.keys():
            raise BadReply(f"{self._where}: the meter says that it does not measure what every meter must")
        try:
            return self._plausibility.judge(reading(values, time.monotonic()))
        except OutOfRange as error:
            raise OutOfRange(f"{self._where}: {error}") from error


def reading(values: dict[str, float], at_s: float) -> MeterReading:
    """A reading from the quantities of a map; what a meter does not tell is worked out where physics allow it."""
    current_a = _three(values, "current_l{}_a")
    voltage_v = _three(values, "voltage_l{}_v")
    per_phase = _three(values, "power_l{}_w") if "power_l1_w" in values else None
    if "power_w" in values:
        power_w = values["power_w"]
    elif "power_import_w" in values:
        power_w = values["power_import_w"] - values.get("power_export_w", 0.0)
    elif per_phase is not None:
        power_w = sum(per_phase)
    else:
        power_w = sum(amperes * volts for amperes, volts in zip(current_a, voltage_v, strict=True))
    return MeterReading(at_s, values["energy_wh"], power_w, current_a, voltage_v, per_phase, values.get("frequency_hz"),
                        values.get("energy_export_wh"), values.get("power_factor"))


def _three(values: dict[str, float], name: str) -> tuple[float, float, float]:
    return (values.get(name.format(1), 0.0), values.get(name.format(2), 0.0), values.get(name.format(3), 0.0))


def meter(options: Options, context: Context) -> ModbusMeter:
    """The driver."""
    return ModbusMeter(options, context)


def site_meter(options: Options, context: Context) -> ModbusMeter:
    """The driver for the grid connection."""
    return ModbusMeter(options, context)
