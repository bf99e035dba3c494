"""Answers that are right in form and wrong in content: the Modbus client asks again before it believes them (F-METER)."""

import asyncio
from collections.abc import Callable, Iterator

import pytest

from drivers.errors import BadReply, DriverError
from drivers.meter import register_map as maps
from drivers.meter.modbus import MOST_LATE_S, ModbusMeter, Options
from drivers.meter.tcp_port import crc16
from drivers.protocols import MeterReading
from drivers.registry import Context
from drivers.sim.modbus_slave import SERIAL_NUMBER, quantities
from tests.bench.noisy_line import Sent, SkippedLine

MODEL = "sdm72"
VOLTAGES, FACTORS = (address.to_bytes(2, "big") + b"\x00\x0a" for address in (0x0000, 0x003E))
"""Two requests for ten registers each."""
POWER = b"\x00\x34\x00\x02"
BLOCKS = len(maps.plan(maps.load(MODEL)))
PLAIN = MeterReading(0.0, 5000.0, 11_040.0, (16.0,) * 3, (230.0,) * 3, (3680.0,) * 3, 50.0, 0.0, 1.0)


class Shown:
    """What the registers say, and by whom they were asked; `disturb` decides what arrives."""

    def __init__(self) -> None:
        self.now = PLAIN
        self.asked: list[bytes] = []
        self.disturb: Callable[[bytes, bytes], Sent] = lambda _asked, reply: [(0.0, reply)]

    def begin(self, now_s: float) -> None:
        """At any time the same."""

    def registers(self, _now_s: float) -> dict[int, int]:
        registers = maps.encode(maps.load(MODEL), quantities(self.now))
        return registers | {0xFC00: SERIAL_NUMBER >> 16, 0xFC01: SERIAL_NUMBER & 0xFFFF}

    def pass_on(self, request: bytes, answer: Callable[[bytes], bytes]) -> Sent:
        self.asked.append(request[2:6])
        return self.disturb(request, answer(request))


@pytest.fixture
def shown() -> Shown:
    return Shown()


@pytest.fixture
def line(shown) -> Iterator[SkippedLine]:
    line = SkippedLine(shown, shown)
    with line.in_place():
        yield line


@pytest.fixture
def meter(line) -> Iterator[ModbusMeter]:
    """A meter that has given one reading."""
    meter = ModbusMeter(Options(MODEL, "skipped"), Context(1, 32.0, 3, 230.0))
    assert read(meter) == PLAIN
    yield meter
    asyncio.run(meter.close())


def content(request: bytes, reading: MeterReading) -> bytes:
    """Ten registers, as a request asks for them."""
    registers = maps.encode(maps.load(MODEL), quantities(reading))
    first = int.from_bytes(request[:2], "big")
    return b"".join(registers.get(first + at, 0).to_bytes(2, "big") for at in range(10))


def read(meter: ModbusMeter) -> MeterReading:
    """One reading, without its stamp."""
    return asyncio.run(meter.read())._replace(at_s=0.0)


def answer(request: bytes, content: bytes) -> bytes:
    """An answer that is right in form."""
    body = request[:2] + bytes([len(content)]) + content
    return body + crc16(body)


def test_a_quiet_line_is_asked_for_each_block_once(shown, meter):
    """Doubt costs nothing where there is none: what shows the same as last time is believed; twice those of one length."""
    shown.asked.clear()
    assert read(meter) == PLAIN
    assert {request: shown.asked.count(request) for request in shown.asked if request not in (VOLTAGES, FACTORS)} \
        == {request: 1 for request in shown.asked if request not in (VOLTAGES, FACTORS)}
    assert len(shown.asked) == BLOCKS + 2


def test_the_very_first_reading_is_asked_for_more_than_once(shown, line):
    """Nothing before it can tell whether it may be true (F-METER)."""
    meter = ModbusMeter(Options(MODEL, "skipped"), Context(1, 32.0, 3, 230.0))
    assert read(meter) == PLAIN
    assert min(shown.asked.count(request) for request in shown.asked) == 2
    asyncio.run(meter.close())


def test_what_has_changed_is_believed_when_it_is_said_again(shown, meter):
    """A car that begins to draw more is seen in the same reading (F-OVER)."""
    shown.now = PLAIN._replace(current_a=(24.0,) * 3, power_w=16_560.0, power_phase_w=(5520.0,) * 3)
    shown.asked.clear()
    assert read(meter) == shown.now
    assert BLOCKS < len(shown.asked) <= 3 * BLOCKS


@pytest.mark.parametrize("right_first", [0, 1], ids=["at once", "after a right one"])
@pytest.mark.parametrize("times", [1, 2], ids=["once", "twice in a row"])
def test_the_answer_to_another_question_of_the_same_length_is_not_taken(shown, meter, times, right_first):
    """Power factor and frequency would be 1 V and 50 A; neither address nor CRC tells them apart (hardware-drivers.md section 4)."""
    left, right = times, right_first

    def mixed_up(request: bytes, reply: bytes) -> Sent:
        nonlocal left, right
        if request[2:6] == VOLTAGES and right:
            right -= 1
        elif request[2:6] == VOLTAGES and left:
            left -= 1
            return [(0.0, answer(request, content(FACTORS, PLAIN)))]
        return [(0.0, reply)]

    shown.disturb = mixed_up
    assert read(meter) == PLAIN
    assert left == 0


def test_an_answer_of_long_ago_is_not_taken_for_now(line, shown, meter):
    """It outlived the flush, and it looks as what is now, but for one volt: the next reading waits until it is gone (F-METER)."""
    shown.disturb = lambda _request, reply: [(MOST_LATE_S - 0.1, reply)]
    with pytest.raises(DriverError):
        read(meter)
    shown.now = PLAIN._replace(voltage_v=(231.0, 231.0, 231.0))
    shown.disturb = lambda _request, reply: [(0.3, reply)]  # slow, but in time: whatever is under way would be sooner
    line.timeout = 1.0
    assert read(meter) == shown.now


def test_a_time_out_is_one_at_any_time_of_the_clock(line, shown, meter):
    """Differences of large numbers are a little too small at times; an answer under way is waited for all the same (F-METER)."""
    for _ in range(50):
        line.sleep(1237.1)
        lost = [line.monotonic()]
        shown.disturb = lambda _request, reply, lost=lost: [] if lost and lost.pop() else [(0.0, reply)]
        asked_s = line.monotonic()
        assert read(meter) == PLAIN
        assert asked_s + MOST_LATE_S <= meter._quiet_from_s


def test_the_rest_of_a_longer_frame_is_not_taken_for_the_next_answer(line, shown, meter):
    """Its first bytes were no answer; were the others left, the next request would end before its own answer came (F-METER)."""
    longer = [b"\x01\x04\xfa" + bytes(252)]

    def disturb(request: bytes, reply: bytes) -> Sent:
        return [(0.0, longer.pop() if longer else reply)]

    shown.disturb = disturb
    shown.asked.clear()
    assert read(meter) == PLAIN
    assert len(shown.asked) == BLOCKS + 2 + 1, "one retry is enough"


def test_answers_that_are_each_taken_for_the_next_one_are_all_waited_for(line, shown, meter):
    """The first answer came during the second request and counted; then the second one is still under way (F-METER)."""
    late_s = [0.7, 1.9]
    shown.disturb = lambda request, reply: [(late_s.pop(0) if late_s and request[2:6] == POWER else 0.0, reply)]
    assert read(meter) == PLAIN
    assert not late_s
    shown.now = PLAIN._replace(power_w=11_100.0)
    shown.disturb = lambda request, reply: [(0.3 if request[2:6] == POWER else 0.0, reply)]
    line.timeout = 1.0
    assert read(meter) == shown.now


def test_others_may_use_the_bus_while_a_meter_waits(shown, meter, monkeypatch):
    """The waiting is done beside the bus's one thread: a meter that is dead does not keep the next one from being read (F-METER)."""
    shown.disturb = lambda _request, _reply: []
    with pytest.raises(DriverError):
        read(meter)
    waits_s = []

    async def note(seconds: float) -> None:
        waits_s.append(seconds)

    monkeypatch.setattr(asyncio, "sleep", note)
    with pytest.raises(DriverError):
        read(meter)
    assert 0 < waits_s[0] <= MOST_LATE_S


def test_random_values_under_a_right_crc_are_not_taken(shown, meter):
    """CRC-16 lets one long disturbance in 65,536 pass; volts, amperes and watts here are all possible ones (F-METER)."""
    noise = [answer(b"\x01\x04", content(VOLTAGES, PLAIN._replace(voltage_v=(240.0, 251.0, 219.0))))]

    def once(request: bytes, reply: bytes) -> Sent:
        return [(0.0, noise.pop() if noise and request[2:6] == VOLTAGES else reply)]

    shown.disturb = once
    assert read(meter) == PLAIN
    assert not noise


def test_a_meter_that_never_says_the_same_twice_is_no_meter(shown, meter):
    """After some tries the reading is given up, and says why (F-METER)."""

    def restless(_request: bytes, reply: bytes) -> Sent:
        shown.now = shown.now._replace(voltage_v=tuple(500.0 - volts for volts in shown.now.voltage_v))
        return [(0.0, reply)]

    shown.now = PLAIN._replace(voltage_v=(240.0,) * 3)
    shown.disturb = restless
    with pytest.raises(BadReply, match="never says the same twice"):
        read(meter)
    assert shown.asked[-1] == VOLTAGES


def test_a_serial_number_is_believed_when_it_is_said_twice(shown, meter):
    """Whether a register belongs to the same meter as before hangs on it (F-POWER)."""
    wrong = [answer(b"\x01\x03", b"\x12\x34\x56\x78")]
    shown.disturb = lambda _request, reply: [(0.0, wrong.pop() if wrong else reply)]
    assert asyncio.run(meter.identify()).serial_number == str(SERIAL_NUMBER)
    assert not wrong
