"""A line to a meter on which three answers in ten are damaged in every way that lines, meters and other masters know.

`Damage` spoils frames; `SkippedLine` stands where `serial.Serial` stands and where `time` does, so that a hundred thousand reads
with all their pauses and time-outs take a minute; `NoisyPtyMeter` is the same over a real pseudo-terminal. `Truth` is what the
meter really shows, and knows of any reading whether it was true at some moment of the request.
"""

import asyncio
import collections
import contextlib
import random
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Protocol, Self, TypeAlias
from unittest import mock

import minimalmodbus
import serial

from drivers.meter import modbus
from drivers.meter import register_map as maps
from drivers.meter.tcp_port import crc16
from drivers.protocols import MeterReading
from drivers.sim.modbus_slave import SERIAL_NUMBER, PtyMeter, quantities

Sent: TypeAlias = list[tuple[float, bytes]]
"""Bytes, and after how many seconds they come."""
SHARE = 0.3
KINDS = ("flip", "burst", "short", "garbage before", "garbage after", "late", "another meter's answer", "another function's answer",
         "another request's answer", "swapped registers", "random", "exception", "silent")
"""Answers of others, and the whole frames of random bytes (`random`), have a right CRC."""
BLIND = "random values"
"""A frame with the right head (address, function, length), random values and a right CRC: one in 65,536 long disturbances of the
values is one. `blind` makes them as frequent as a bench needs to meet them."""


class Damage:
    """Spoils answers; counts what it did."""

    def __init__(self, register_map: maps.RegisterMap, chance: random.Random, *, share: float = SHARE, blind: float = 0.0) -> None:
        self._blocks = maps.plan(register_map)
        self._chance, self._share, self._blind = chance, share, blind
        self.done: collections.Counter[str] = collections.Counter()

    def pass_on(self, request: bytes, answer: Callable[[bytes], bytes], *, most_late_s: float = modbus.MOST_LATE_S - 0.2) -> Sent:
        """What arrives in the place of the answer to `request`."""
        reply = answer(request)
        if self._chance.random() >= self._share:
            return [(0.0, reply)]
        kind = BLIND if self._chance.random() < self._blind else self._chance.choice(KINDS)
        self.done[kind] += 1
        match kind:
            case "late":
                return [(self._chance.uniform(0, most_late_s), reply)]
            case "silent":
                return []
            case "another request's answer":
                return [(0.0, answer(self._other(request)))]
        return [(0.0, self._spoiled(kind, reply))]

    def _other(self, request: bytes) -> bytes:
        block = self._chance.choice([block for block in self._blocks if block.address.to_bytes(2, "big") != request[2:4]])
        return request[:2] + block.address.to_bytes(2, "big") + block.count.to_bytes(2, "big")

    def _spoiled(self, kind: str, reply: bytes) -> bytes:
        chance, body = self._chance, reply[:-2]
        match kind:
            case "flip":
                flipped = int.from_bytes(reply, "big")
                for at in chance.sample(range(8 * len(reply)), chance.randint(1, 8)):
                    flipped ^= 1 << at
                return flipped.to_bytes(len(reply), "big")
            case "burst":
                at = chance.randrange(len(reply) - 3)
                return (reply[:at] + chance.randbytes(chance.randint(3, 20)) + reply)[:len(reply)]
            case "short":
                return reply[:chance.randrange(len(reply))]
            case "garbage before":
                return chance.randbytes(chance.randint(1, 4)) + reply
            case "garbage after":
                return reply + chance.randbytes(chance.randint(1, 4))
            case "swapped registers":
                return _swapped(reply, chance)
            case "another meter's answer":
                return _sealed(bytes([body[0] + chance.randint(1, 9)]) + body[1:])
            case "another function's answer":
                return _sealed(body[:1] + bytes([body[1] ^ 7]) + body[2:])
            case "random":
                return _sealed(chance.randbytes(len(body)))
            case "random values":  # BLIND
                return _sealed(body[:3] + chance.randbytes(len(body) - 3))
            case _:
                return _sealed(body[:1] + bytes([body[1] | 0x80, chance.choice((1, 2, 3, 4, 5, 6))]))


def _sealed(body: bytes) -> bytes:
    return body + crc16(body)


def _swapped(reply: bytes, chance: random.Random) -> bytes:
    """Two registers in each other's place, under the CRC of the right order."""
    registers = [reply[at:at + 2] for at in range(3, len(reply) - 2, 2)]
    if len(registers) > 1:
        one, other = chance.sample(range(len(registers)), 2)
        registers[one], registers[other] = registers[other], registers[one]
    return reply[:3] + b"".join(registers) + reply[-2:]


# -- what is true ----------------------------------------------------------------------------------------------------------


class Truth:
    """A meter whose car idles, begins, draws, wavers and ends; its registers change every `HOLD_S`, as registers do."""

    HOLD_S = 0.5
    KEPT = 400

    def __init__(self, register_map: maps.RegisterMap, *, seed: int = 1, energy_wh: float = 123_456.7) -> None:
        self._map, self._chance = register_map, random.Random(seed)
        self._blocks = maps.plan(register_map)
        self._began_s = time.monotonic()
        self._number, self._energy_wh = 0, energy_wh
        self._shown: collections.OrderedDict[int, tuple[dict[int, int], MeterReading]] = collections.OrderedDict()
        self._turn = threading.Lock()

    def begin(self, now_s: float) -> None:
        """The first registers are there from now on."""
        self._began_s = now_s

    def registers(self, now_s: float) -> Mapping[int, int]:
        """What stands in the registers at a moment."""
        return self._at(int((now_s - self._began_s) / self.HOLD_S))[0]

    def _at(self, number: int) -> tuple[dict[int, int], MeterReading]:
        with self._turn:
            while self._number <= number:
                self._shown[self._number] = self._next()
                self._number += 1
                while len(self._shown) > self.KEPT:
                    self._shown.popitem(last=False)
            return self._shown[number]

    def _next(self) -> tuple[dict[int, int], MeterReading]:
        drawn_a, volts = self._drawn_a(), 230.0 + self._chance.gauss(0, 1.0)
        power_w = drawn_a * volts
        self._energy_wh += 3 * power_w * self.HOLD_S / 3600
        true = MeterReading(0.0, self._energy_wh, 3 * power_w, (drawn_a,) * 3, (volts, volts + 1, volts - 1), (power_w,) * 3, 50.0)
        registers = maps.encode(self._map, quantities(true))
        if self._map.identity is not None:
            registers |= {self._map.identity.address: SERIAL_NUMBER >> 16, self._map.identity.address + 1: SERIAL_NUMBER & 0xFFFF}
        values: dict[str, float] = {}
        for block in self._blocks:
            values |= maps.decode(self._map, block, [registers.get(block.address + at, 0) for at in range(block.count)])
        return registers, modbus.reading(values, 0.0)

    def _drawn_a(self) -> float:
        """A minute each of nothing, a rise, a steady and a wavering current."""
        second = self._number * self.HOLD_S % 240
        if second < 60:
            return 0.0
        if second < 120:
            return 6.0 + (second - 60) / 6
        return 16.0 if second < 180 else 16.0 + self._chance.gauss(0, 0.5)

    def lies(self, reading: MeterReading, from_s: float, to_s: float) -> list[str]:
        """What of a reading was never true between the two moments."""
        first, last = (int((at_s - self._began_s) / self.HOLD_S) for at_s in (from_s, to_s))
        shown = [self._at(number)[1] for number in range(first, last + 1)]
        return [f"{name} {value}" for name, value in _flat(reading)
                if value is not None and value not in {dict(_flat(one))[name] for one in shown}]


def _flat(reading: MeterReading) -> Iterator[tuple[str, float | None]]:
    for name, value in reading._asdict().items():
        if isinstance(value, tuple):
            yield from ((f"{name} L{phase}", part) for phase, part in enumerate(value, 1))
        elif name != "at_s":
            yield name, value


# -- lines -----------------------------------------------------------------------------------------------------------------


class Shows(Protocol):
    """What stands in a meter's registers."""

    def registers(self, now_s: float) -> Mapping[int, int]:
        """By address."""

    def begin(self, now_s: float) -> None:
        """Its time begins."""


class Disturbs(Protocol):
    """What becomes of answers on their way."""

    def pass_on(self, request: bytes, answer: Callable[[bytes], bytes]) -> Sent:
        """What arrives in the place of the answer to `request`."""


class SkippedLine:
    """`serial.Serial` and `time` in one: nothing waits, the clock jumps."""

    def __init__(self, truth: Shows, damage: Disturbs, *, answers_after_s: float = 0.03) -> None:
        self._truth, self._damage = truth, damage
        self._answers_after_s = answers_after_s
        self._now_s = 1000.0
        self._arriving: list[tuple[float, bytes]] = []
        self.port, self.is_open, self.baudrate, self.timeout = f"skipped {id(self)}", True, 9600, 0.05
        truth.begin(self._now_s)

    @contextlib.contextmanager
    def in_place(self) -> Iterator[None]:
        """The driver finds this line and this clock."""
        with mock.patch.object(serial, "Serial", return_value=self), mock.patch.object(modbus, "time", self), \
                mock.patch.object(minimalmodbus, "time", self), mock.patch.object(asyncio, "sleep", self._sleep):
            yield

    async def _sleep(self, seconds: float) -> None:
        self.sleep(seconds)

    # -- time --------------------------------------------------------------------------------------------------------

    def monotonic(self) -> float:
        """The skipped clock."""
        return self._now_s

    def sleep(self, seconds: float) -> None:
        """Over at once."""
        self._now_s += max(0.0, seconds)

    # -- the port ----------------------------------------------------------------------------------------------------

    def reset_input_buffer(self) -> None:
        """What has arrived is thrown away; what is still on its way is not."""
        self._arriving = [(at_s, content) for at_s, content in self._arriving if at_s > self._now_s]

    def reset_output_buffer(self) -> None:
        """A request is gone as soon as it is written."""

    def write(self, request: bytes) -> None:
        """The meter hears it, and answers."""
        wire_s = 11 / self.baudrate
        heard_s = self._now_s + len(request) * wire_s + self._answers_after_s
        for delay_s, content in self._damage.pass_on(request, lambda asked: self._reply(asked, heard_s)):
            self._arriving += [(heard_s + delay_s + at * wire_s, content[at:at + 1]) for at in range(len(content))]
        self._arriving.sort(key=lambda byte: byte[0])

    def _reply(self, request: bytes, now_s: float) -> bytes:
        start, count = int.from_bytes(request[2:4], "big"), int.from_bytes(request[4:6], "big")
        registers = self._truth.registers(now_s)
        content = b"".join(registers.get(start + at, 0).to_bytes(2, "big") for at in range(count))
        return _sealed(request[:2] + bytes([len(content)]) + content)

    def read(self, number: int) -> bytes:
        """So many bytes, or those that came within the time-out."""
        until_s = self._now_s + self.timeout
        taken = [byte for byte in self._arriving[:number] if byte[0] <= until_s]
        self._arriving = self._arriving[len(taken):]
        self._now_s = max(self._now_s, taken[-1][0]) if len(taken) == number else until_s
        return b"".join(content for _, content in taken)

    def open(self) -> None:
        """It is open."""

    def close(self) -> None:
        """Nothing to release."""


class AnyOf(int):
    """An address that equals each of some."""

    def __new__(cls, addresses: Iterable[int]) -> Self:
        """A number like any other, but for what it equals."""
        made = super().__new__(cls, 0)
        made.addresses = frozenset(addresses)
        return made

    addresses: frozenset[int]

    def __eq__(self, other: object) -> bool:
        return other in self.addresses

    def __hash__(self) -> int:
        return hash(self.addresses)


class NoisyPtyMeter(PtyMeter):
    """Slaves on a pseudo-terminal, one for each truth, whose answers are damaged on the way."""

    def __init__(self, model: str, truths: Mapping[int, Truth], damage: Damage, *, most_late_s: float = 0.1) -> None:
        self._truths, self._damage, self._most_late_s = truths, damage, most_late_s
        self._later: list[threading.Timer] = []
        super().__init__(model, lambda: MeterReading(0.0, 0.0, 0.0, (0.0,) * 3, (0.0,) * 3), address=AnyOf(truths))

    def _answer(self, request: bytes) -> None:
        self.requests += 1
        for delay_s, content in self._damage.pass_on(request, self._reply, most_late_s=self._most_late_s):
            if delay_s > 0:
                self._later.append(threading.Timer(delay_s, self._send, [content]))
                self._later[-1].start()
            else:
                self._send(content)
        self._later = [timer for timer in self._later if timer.is_alive()]

    def _reply(self, request: bytes) -> bytes:
        registers = self._truths[request[0]].registers(time.monotonic())
        start, count = int.from_bytes(request[2:4], "big"), int.from_bytes(request[4:6], "big")
        content = b"".join(registers.get(start + at, 0).to_bytes(2, "big") for at in range(count))
        return _sealed(request[:2] + bytes([len(content)]) + content)

    def close(self) -> None:
        """Pull the adapter, once nothing is on its way any more."""
        for timer in self._later:
            timer.join()
        super().close()
