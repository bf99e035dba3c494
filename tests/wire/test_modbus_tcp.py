"""The Modbus client over TCP: the same meter, whatever the network between does (F-METER, F-USB)."""

import asyncio
import socket
import time
from collections.abc import Iterator

import pytest

from drivers.errors import BadReply, Disconnected, DriverError, Misconfigured
from drivers.meter import modbus, tcp_port
from drivers.meter.modbus import ModbusMeter, Options
from drivers.protocols import MeterReading
from drivers.registry import Context
from drivers.sim.modbus_slave import SERIAL_NUMBER
from tests.wire.tcp_meter import TcpMeter

CONTEXT = Context(1, 32.0, 3, 230.0)
PLAIN = MeterReading(0.0, 123_456.7, 5520.0, (8.0, 8.1, 7.9), (230.1, 229.9, 231.0), (1840.0, 1850.0, 1830.0), 50.0)
SHOWN = PLAIN._replace(energy_export_wh=0.0)


@pytest.fixture(autouse=True)
def quick(monkeypatch) -> None:
    """Short time-outs and pauses: loopback has no cable to wait for."""
    monkeypatch.setattr(ModbusMeter, "_timeout_s", lambda _self, _registers: 0.1)
    monkeypatch.setattr(modbus, "MOST_LATE_S", 0.1)
    monkeypatch.setattr(modbus, "REOPEN_FIRST_S", 0.01)


@pytest.fixture
def device() -> Iterator[TcpMeter]:
    device = TcpMeter("sdm630", lambda _unit: PLAIN)
    yield device
    device.hang_up()


@pytest.fixture
def meter(device) -> Iterator[ModbusMeter]:
    meter = ModbusMeter(Options("sdm630", device.port), CONTEXT)
    yield meter
    asyncio.run(meter.close())
    meter._bus.executor.shutdown(wait=True)


def read(meter: ModbusMeter) -> MeterReading:
    """A reading, without its stamp."""
    return asyncio.run(meter.read())._replace(at_s=0.0)


def test_a_meter_on_the_network_tells_what_one_on_a_cable_does(device, meter):
    """One connection for all questions; it says who it is."""
    assert read(meter) == read(meter) == SHOWN
    assert asyncio.run(meter.identify()).serial_number == str(SERIAL_NUMBER)
    assert device.connections == 1


def test_an_answer_may_come_in_pieces(device, meter):
    """TCP is a stream: a frame's end is where its header says."""
    device.mode = "in pieces"
    assert read(meter) == SHOWN


def test_an_answer_to_an_older_request_is_never_taken(device, meter):
    """It would be a wrong value with a right head; the number of its transaction gives it away."""
    device.mode = "older first"
    assert read(meter) == SHOWN


def test_a_late_answer_is_told_as_none_and_harms_nothing(device, meter):
    """It comes when the next question is under way, and is dropped."""
    device.mode = "late"
    with pytest.raises(Disconnected, match="no answer"):
        read(meter)
    device.mode = "good"
    assert read(meter) == SHOWN


def test_a_gateway_that_says_no_is_quoted(device, meter):
    """Exception 4, of a device that does not answer the gateway for example."""
    device.mode = "exception"
    with pytest.raises(BadReply, match="register"):
        read(meter)
    device.mode = "good"
    assert read(meter) == SHOWN


@pytest.mark.parametrize(("mode", "said"), [("hangs up", "closed the connection"), ("http", "does not speak Modbus TCP")])
def test_what_is_no_meter_is_told_and_tried_anew(device, meter, mode, said):
    """A connection that ended, and a web server behind a mistyped port: Disconnected, then a new connection."""
    device.mode = mode
    with pytest.raises(Disconnected, match=said):
        read(meter)
    device.mode = "good"
    meter._bus._reopen_at_s = 0.0
    assert read(meter) == SHOWN
    assert device.connections >= 2


def test_a_device_that_is_gone_is_told_at_once_and_tried_with_pauses(device, meter):
    """Refused: the driver names the place, and when it will try again."""
    assert read(meter) == SHOWN
    device.close()
    for said in ("closed the connection|reset", "cannot be opened", "next try in"):
        meter._bus._reopen_at_s = 0.0 if said != "next try in" else time.monotonic() + 5.0
        with pytest.raises(Disconnected, match=said):
            read(meter)


def test_a_network_that_swallows_everything_costs_no_more_than_its_time(monkeypatch):
    """Nobody answers the dialling: given up after three seconds, here less."""
    monkeypatch.setattr(tcp_port, "CONNECTS_WITHIN_S", 0.1)
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        port = full.getsockname()[1]
        waiting = [socket.socket() for _ in range(3)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(("127.0.0.1", port))
        meter = ModbusMeter(Options("sdm630", f"tcp://127.0.0.1:{port}"), CONTEXT)
        began_s = time.monotonic()
        with pytest.raises(Disconnected, match="cannot be opened"):
            read(meter)
        assert time.monotonic() - began_s < 3.0
        asyncio.run(meter.close())
        for one in waiting:
            one.close()


def test_two_meters_behind_one_gateway_are_never_mixed():
    """Two tasks, two units, one connection; what each has on its serial side is the gateway's business."""
    other = PLAIN._replace(energy_wh=7.5, voltage_v=(240.0,) * 3)
    device = TcpMeter("sdm630", {1: PLAIN, 2: other}.__getitem__, units=(1, 2))

    async def both() -> None:
        meters = [ModbusMeter(Options("sdm630", device.port, address=unit, baud_rate=9600 * unit), CONTEXT) for unit in (1, 2)]

        async def many(meter: ModbusMeter, energy_wh: float) -> None:
            for _ in range(20):
                assert (await meter.read()).energy_wh == energy_wh

        await asyncio.gather(many(meters[0], 123_456.7), many(meters[1], 7.5))
        for meter in meters:
            await meter.close()

    asyncio.run(both())
    assert device.connections == 1
    device.close()


@pytest.mark.parametrize("port", ["tcp://", "tcp://:502", "tcp://meter:0", "tcp://meter:70000", "tcp://meter:x", "tcp://meter/1", "tcp://a@meter",
                                  "http://meter", "tcp://meter?unit=1"])
def test_an_address_that_leads_nowhere_is_named(port):
    """In the configuration's error, with what is allowed."""
    with pytest.raises(Misconfigured, match="leads nowhere; allowed: a serial port") as told:
        ModbusMeter(Options("sdm630", port), CONTEXT)
    assert port in str(told.value)


@pytest.mark.parametrize(("url", "leads_to"), [("tcp://meter", ("meter", 502)), ("tcp://192.0.2.7:1502", ("192.0.2.7", 1502)),
                                               ("tcp://[2001:db8::7]", ("2001:db8::7", 502))])
def test_port_502_is_the_usual_one(url, leads_to):
    """Names, IPv4 and IPv6."""
    assert tcp_port.host_and_port(url) == leads_to


def test_whatever_comes_over_the_network_is_a_value_or_a_drivers_error(device, meter, monkeypatch):
    """Frames cut, lengthened and spoilt at every byte: never another exception, never a reading that is not the meter's."""
    packed = TcpMeter._packed
    spoilt = iter([(at, by) for at in range(9) for by in (1, 0x80, 0xFF)])

    def spoil(transaction: int, unit: int, body: bytes) -> bytes:
        answer = bytearray(packed(transaction, unit, body))
        at, by = next(spoilt, (0, 0))
        answer[at] ^= by
        return bytes(answer)

    monkeypatch.setattr(TcpMeter, "_packed", staticmethod(spoil))
    for _ in range(12):
        meter._bus._reopen_at_s = 0.0
        try:
            assert read(meter) == SHOWN
        except DriverError:
            continue
