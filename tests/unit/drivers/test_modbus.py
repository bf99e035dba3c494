"""The Modbus client against a slave on a pseudo-terminal that misbehaves in every way meters and cables do (F-METER, F-USB)."""

import asyncio
import random
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import serial

from drivers.errors import BadReply, Disconnected, DriverError, Misconfigured, OutOfRange
from drivers.meter import modbus
from drivers.meter.modbus import Bus, ModbusMeter, Options
from drivers.protocols import MeterReading
from drivers.registry import Context
from drivers.sim.modbus_slave import SERIAL_NUMBER, PtyMeter

CONTEXT = Context(1, 32.0, 3, 230.0)
PLAIN = MeterReading(0.0, 123_456.7, 5520.0, (8.0, 8.1, 7.9), (230.1, 229.9, 231.0), (1840.0, 1850.0, 1830.0), 50.0)
SHOWN = PLAIN._replace(energy_export_wh=0.0)


@pytest.fixture(autouse=True)
def quick(monkeypatch) -> None:
    """Short time-outs and pauses: a pseudo-terminal has no cable to wait for."""
    monkeypatch.setattr(ModbusMeter, "_timeout_s", lambda _self, _registers: 0.04)
    monkeypatch.setattr(modbus, "MOST_LATE_S", 0.1)
    monkeypatch.setattr(modbus, "REOPEN_FIRST_S", 0.01)


class Line:
    """A port with one slave at its end, that can be pulled out and put back under the same name, as udev's symlink is."""

    def __init__(self, folder: Path) -> None:
        self.name = folder / "evcp-meter"
        self.now = PLAIN
        self.there = False
        self.put_in()

    def put_in(self) -> None:
        self.slave, self.there = PtyMeter("sdm630", lambda: self.now), True
        self.name.unlink(missing_ok=True)
        self.name.symlink_to(self.slave.path)

    def pull_out(self) -> None:
        if self.there:
            self.name.unlink()
            self.slave.close()
            self.there = False

    def mode(self, mode: str) -> None:
        self.slave.mode = mode


@pytest.fixture
def line(tmp_path) -> Iterator[Line]:
    line = Line(tmp_path)
    yield line
    line.pull_out()


@pytest.fixture
def meter(line: Line) -> Iterator[ModbusMeter]:
    meter = ModbusMeter(Options("sdm630", str(line.name)), CONTEXT)
    yield meter
    asyncio.run(meter.close())


def read(meter: ModbusMeter) -> MeterReading:
    """One reading, without its stamp."""
    return asyncio.run(meter.read())._replace(at_s=0.0)


def test_a_reading_is_what_the_registers_say(line, meter):
    """In Wh, W, A and V, by the map of this meter."""
    assert read(meter) == SHOWN


def test_the_meter_says_who_it_is(line, meter):
    """Model and serial number, against a wrong address."""
    identity = asyncio.run(meter.identify())
    assert identity == ("Eastron SDM630", str(SERIAL_NUMBER))


FAULTS = {"silent": Disconnected, "crc": BadReply, "short": (BadReply, Disconnected), "exception": BadReply, "echo": BadReply,
          "noise": BadReply, "wrong_address": BadReply}


@pytest.mark.parametrize(("mode", "error"), FAULTS.items(), ids=FAULTS)
def test_a_wrong_answer_is_no_reading(line, meter, mode, error):
    """Three tries, then an error that names meter, port and register; the next good answer is read right (F-METER)."""
    read(meter)
    line.mode(mode)
    asked = line.slave.requests
    with pytest.raises(error, match=rf"Eastron SDM630 at address 1 on {line.name}, register 0x0000: "):
        read(meter)
    assert line.slave.requests - asked == modbus.TRIES
    line.mode("good")
    assert read(meter) == SHOWN


@pytest.mark.parametrize("mode", ["crc", "silent", "noise", "exception"])
def test_one_wrong_answer_is_tried_again(line, meter, mode, monkeypatch):
    """A disturbed frame costs a retry, not a reading (F-METER)."""
    answer = line.slave._answer
    asked = 0

    def once(request: bytes) -> None:
        nonlocal asked
        asked += 1
        line.slave.mode = mode if asked == 1 else "good"
        answer(request)

    monkeypatch.setattr(line.slave, "_answer", once)
    assert read(meter) == SHOWN
    assert asked > 2


def test_an_answer_that_comes_too_late_is_nobodys(line, meter, monkeypatch):
    """It must not be taken for the answer to another question (hardware-drivers.md section 4)."""
    replies: list[threading.Timer] = []
    send = line.slave._send

    def late(content: bytes) -> None:
        replies.append(threading.Timer(0.06, send, [content]))
        replies[-1].start()

    monkeypatch.setattr(line.slave, "_send", late)
    with pytest.raises(DriverError):
        read(meter)
    for reply in replies:
        reply.join()
    monkeypatch.setattr(line.slave, "_send", send)
    line.now = PLAIN._replace(current_a=(1.0, 1.0, 1.0))
    assert read(meter) == SHOWN._replace(current_a=(1.0, 1.0, 1.0))


def test_noise_never_becomes_a_value(line, meter, monkeypatch):
    """Every third answer damaged at random places: what is read is true or an error (F-METER: CRC noise 30 %)."""
    chance, send = random.Random(7), line.slave._send
    wrong = 0

    def noisy(content: bytes) -> None:
        if chance.random() < 0.3:
            at = chance.randrange(len(content))
            content = content[:at] + bytes([content[at] ^ (1 << chance.randrange(8))]) + content[at + 1:]
        send(content)

    monkeypatch.setattr(line.slave, "_send", noisy)
    for number in range(40):
        line.now = PLAIN._replace(energy_wh=123_456.0 + number / 10)
        try:
            assert read(meter) == SHOWN._replace(energy_wh=123_456.0 + number / 10)
        except DriverError:
            wrong += 1
    assert wrong < 20, "most readings come through with the retries"


def test_a_value_that_cannot_be_is_no_reading(line, meter):
    """NaN passes the CRC; plausibility stops it, and names the meter (F-METER)."""
    line.now = PLAIN._replace(voltage_v=(230.0, float("nan"), 230.0))
    with pytest.raises(OutOfRange, match="Eastron SDM630 at address 1 .*: voltage of nan V"):
        read(meter)
    line.now = PLAIN
    assert read(meter) == SHOWN


def test_a_register_that_goes_back_is_doubted_and_then_a_new_meter(line, meter):
    """Once is noise, twice is another meter on the same bus (F-METER)."""
    read(meter)
    line.now = PLAIN._replace(energy_wh=500.0)
    with pytest.raises(OutOfRange, match="energy moved by"):
        read(meter)
    assert read(meter).energy_wh == 500.0


def test_an_adapter_that_vanishes_is_told_and_found_again(line, meter):
    """Pulled out, put back under another tty with the same link: reading again, no stale descriptor (F-USB)."""
    assert read(meter) == SHOWN
    line.pull_out()
    for _ in range(3):
        with pytest.raises(Disconnected, match=str(line.name)):
            read(meter)
    line.put_in()
    line.now = PLAIN._replace(energy_wh=123_460.0)
    meter._bus._reopen_at_s = 0.0  # the pause between tries is over
    assert read(meter) == SHOWN._replace(energy_wh=123_460.0)


def test_a_port_that_is_gone_is_tried_with_growing_pauses(line, meter, monkeypatch):
    """1 s, 2 s, ... 30 s; within a pause the answer is immediate and says when (F-USB)."""
    monkeypatch.setattr(meter._bus, "_pause_s", 1.0)
    line.pull_out()
    pauses = []
    for _ in range(8):
        with pytest.raises(Disconnected, match="cannot be opened"):
            read(meter)
        pauses.append(round(meter._bus._reopen_at_s - time.monotonic()))
        begin_s = time.monotonic()
        with pytest.raises(Disconnected, match="next try in"):
            read(meter)
        assert time.monotonic() - begin_s < 0.5
        meter._bus._reopen_at_s = 0.0
    assert pauses == [1, 2, 4, 8, 16, 30, 30, 30]


def test_the_port_is_ours_alone(line, meter):
    """minimalmodbus does not lock; two programs on a bus read each other's answers (hardware-drivers.md section 4)."""
    read(meter)
    with pytest.raises(serial.SerialException, match="exclusively lock"):
        serial.Serial(line.slave.path, exclusive=True)


def test_a_closed_meter_lets_the_port_go(line):
    """The last one closes it; closing twice is once."""
    one, other = (ModbusMeter(Options("sdm630", str(line.name)), CONTEXT) for _ in range(2))
    assert one._bus is other._bus
    read(one)
    for _ in range(3):
        asyncio.run(one.close())
    assert read(other) == SHOWN
    asyncio.run(other.close())
    other._bus.executor.shutdown(wait=True)
    serial.Serial(line.slave.path, exclusive=True).close()
    assert str(line.name) not in Bus._buses


def test_two_meters_on_one_port_are_never_mixed(line, monkeypatch):
    """Two tasks, one bus, two addresses: 24 of 200 readings were wrong without its lock (hardware-drivers.md section 4)."""
    second = PLAIN._replace(energy_wh=7.5, current_a=(1.0, 0.0, 0.0), voltage_v=(240.0, 0.0, 0.0))
    reply = line.slave._reply

    def by_address(request):
        line.now = PLAIN if request[0] == 1 else second
        return reply(request)

    monkeypatch.setattr(line.slave, "_reply", by_address)
    monkeypatch.setattr(line.slave, "_address", AnyAddress())

    async def both() -> None:
        meters = [ModbusMeter(Options("sdm630", str(line.name), address=number), CONTEXT) for number in (1, 2)]

        async def many(number: int, energy_wh: float, volts: float) -> None:
            for _ in range(20):
                reading = await meters[number].read()
                assert (reading.energy_wh, reading.voltage_v[0]) == (energy_wh, volts)

        await asyncio.gather(many(0, 123_456.7, 230.1), many(1, 7.5, 240.0))
        for meter in meters:
            await meter.close()

    asyncio.run(both())


class AnyAddress(int):
    """A slave that answers for everybody."""

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 0


def test_two_meters_that_want_different_settings_cannot_share_a_port(line):
    """One port has one speed: told in words, instead of a meter that never answers (hardware-drivers.md section 4)."""
    fast, slow = (ModbusMeter(Options("sdm630", str(line.name), baud_rate=rate), CONTEXT) for rate in (9600, 2400))
    assert read(fast) == SHOWN
    with pytest.raises(Disconnected, match="runs at 9600 baud.* this meter wants 2400 baud"):
        read(slow)
    assert read(fast) == SHOWN
    for meter in (fast, slow):
        asyncio.run(meter.close())


def test_a_read_that_is_given_up_does_not_leave_its_answer_to_the_next(line, meter):
    """Cancelled in the middle; the bus's thread finishes in order."""

    async def story():
        question = asyncio.create_task(meter.read())
        await asyncio.sleep(0.001)
        question.cancel()
        await asyncio.wait([question])
        line.now = PLAIN._replace(current_a=(2.0, 2.0, 2.0))
        return await meter.read()

    assert asyncio.run(story()).current_a == (2.0, 2.0, 2.0)


@pytest.mark.parametrize(("baud_rate", "registers", "lowest_s", "highest_s"), [(9600, 60, 0.39, 0.42), (2400, 60, 0.8, 0.9), (115_200, 2, 0.25, 0.26)])
def test_an_answer_is_waited_for_as_long_as_the_wire_needs(monkeypatch, line, baud_rate, registers, lowest_s, highest_s):
    """The meter's 200 ms, 11 bits per byte, and a margin; never longer than a second (hardware-drivers.md section 4)."""
    monkeypatch.undo()
    meter = ModbusMeter(Options("sdm630", str(line.name), baud_rate=baud_rate), CONTEXT)
    assert lowest_s <= meter._timeout_s(registers) <= highest_s
    asyncio.run(meter.close())


@pytest.mark.parametrize(("options", "key"), [
    ({"address": 0}, "address"), ({"address": 248}, "address"), ({"baud_rate": 300}, "baud_rate"), ({"baud_rate": 230_400}, "baud_rate"),
    ({"parity": "M"}, "parity"), ({"port": ""}, "port"), ({"model": "sdm"}, "model"),
], ids=str)
def test_options_that_cannot_work_are_refused_before_anything_is_opened(options, key):
    """With the option at fault and what is allowed."""
    with pytest.raises(Misconfigured, match="allowed: ") as told:
        ModbusMeter(Options(**{"model": "sdm630", "port": "/dev/nothing"} | options), CONTEXT)
    assert told.value.key == key
