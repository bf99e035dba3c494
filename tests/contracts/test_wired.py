"""The driver contracts on real drivers: GPIO, 1-Wire, Modbus and PN532 code against devices that speak their protocols."""

import asyncio
from collections.abc import Iterator

import pytest

from drivers import registry
from drivers.contactor.gpio import GpioContactor
from drivers.contactor.gpio import Options as ContactorOptions
from drivers.lock.gpio import GpioLock
from drivers.lock.gpio import Options as LockOptions
from drivers.meter import modbus
from drivers.protocols import LockState, MeterReading
from drivers.sim import wired
from drivers.sim.modbus_slave import PtyMeter
from drivers.sim.pn532_chip import PtyPn532
from drivers.temperature.w1 import Options as TemperatureOptions
from drivers.temperature.w1 import W1Temperature
from tests.contracts.controller_devices import FailingMeterContract, ReaderContract, real_time
from tests.contracts.guard_devices import (
    ContactorContract,
    FaultInputContract,
    LockContract,
    PhaseSwitchContract,
    ResidualMonitorContract,
    TemperatureContract,
)
from tests.wire.tcp_meter import TcpMeter

CONTEXT = registry.Context(1, 32.0, 3, 230.0)


class WiredBench:
    """The wired bench with its own clock."""

    def __init__(self, folder) -> None:
        self.at_s = 100.0
        self.wired = wired.WiredBench(self.now_s, folder)

    def pass_time(self, seconds: float) -> None:
        self.at_s += seconds
        self.wired.step()

    def now_s(self) -> float:
        return self.at_s

    def car(self, state: str) -> None:
        self.wired.world.call("ev_state", {"connector": 1, "state": state})

    def fault(self, kind: str, *, active: bool) -> None:
        self.wired.world.call("fault", {"connector": 1, "kind": kind, "active": active})

    def closed(self) -> bool:
        return self.wired.outlet.closed

    def phases(self) -> int:
        return self.wired.outlet.live_phases

    def bolt(self) -> LockState:
        return self.wired.outlet.bolt


@pytest.fixture
def bench(tmp_path) -> Iterator[WiredBench]:
    bench = WiredBench(tmp_path)
    yield bench
    bench.wired.close()


class TestGpioContactor(ContactorContract):
    @pytest.fixture
    def device(self, bench: WiredBench):
        return GpioContactor(ContactorOptions(pin=wired.COIL, feedback_pin=wired.FEEDBACK, keep_alive_pin=wired.KEEP_ALIVE))


class TestGpioPhaseSwitch(PhaseSwitchContract):
    @pytest.fixture
    def device(self, bench: WiredBench):
        return registry.create("phase_switch", {"driver": "gpio", "pin": wired.PHASES, "feedback_pin": wired.PHASES_SHOWN}, CONTEXT)


class TestGpioLock(LockContract):
    @pytest.fixture
    def device(self, bench: WiredBench):
        options = LockOptions(lock_pin=wired.LOCK, unlock_pin=wired.UNLOCK, feedback_pin=wired.BOLT, pulse_s=0.25)
        return GpioLock(options, clock=bench.now_s)


@pytest.mark.parametrize(("slot", "kind"), [("residual_current", "rcd"), ("protective_earth", "ground"), ("emergency_stop", "estop")])
class TestGpioInput(FaultInputContract):
    @pytest.fixture
    def device(self, bench: WiredBench, slot: str, kind: str):
        return registry.create(slot, {"driver": "gpio", "pin": wired.FAULT_PINS[kind]}, CONTEXT)


class TestGpioResidualMonitor(ResidualMonitorContract):
    @pytest.fixture
    def device(self, bench: WiredBench):
        pins = {"pin": wired.FAULT_PINS["rcd"], "test_pin": wired.MONITOR_TEST}
        return registry.create("residual_current", {"driver": "gpio", **pins}, CONTEXT)


class TestOneWireTemperature(TemperatureContract):
    @pytest.fixture
    def device(self, bench: WiredBench, tmp_path, monkeypatch):
        sensor = W1Temperature(TemperatureOptions(root=str(tmp_path / "w1")), clock=bench.now_s)
        monkeypatch.setattr(sensor, "_thread", "the bench looks in its place")
        bench.wired.step()
        sensor.look()
        step = bench.wired.step

        def step_and_look() -> None:
            step()
            sensor.look()

        monkeypatch.setattr(bench.wired, "step", step_and_look)
        return sensor


class PtyBench:
    """A Modbus meter on a pseudo-terminal that counts a little at every question."""

    def __init__(self, model: str) -> None:
        self.energy_wh = 1_234_500.0
        self.slave = PtyMeter(model, self.reading, address=1)

    def reading(self) -> MeterReading:
        self.energy_wh += 0.5
        return MeterReading(0.0, self.energy_wh, 690.0, (1.0,) * 3, (230.0, 231.0, 229.0), (230.0,) * 3, 50.0)

    def silence(self, *, silent: bool) -> None:
        self.slave.mode = "silent" if silent else "good"


@pytest.mark.parametrize("model", ["sdm630", "em340"])
class TestModbusMeter(FailingMeterContract):
    @pytest.fixture
    def bench(self, model: str, monkeypatch) -> Iterator[PtyBench]:
        monkeypatch.setattr(modbus.ModbusMeter, "_timeout_s", lambda _self, _registers: 0.05)
        bench = PtyBench(model)
        yield bench
        bench.slave.close()

    @pytest.fixture
    def device(self, bench: PtyBench, model: str):
        return registry.create("meter", {"driver": "modbus", "model": model, "port": bench.slave.path, "address": 1}, CONTEXT)

    @pytest.fixture
    def clock(self):
        return real_time


class NetworkBench:
    """A Modbus TCP meter on loopback that counts a little at every question."""

    def __init__(self) -> None:
        self.energy_wh = 1_234_500.0
        self.device = TcpMeter("sdm630", self.reading)

    def reading(self, _unit: int) -> MeterReading:
        self.energy_wh += 0.5
        return MeterReading(0.0, self.energy_wh, 690.0, (1.0,) * 3, (230.0, 231.0, 229.0), (230.0,) * 3, 50.0)

    def silence(self, *, silent: bool) -> None:
        self.device.mode = "silent" if silent else "good"


class TestModbusTcpMeter(FailingMeterContract):
    @pytest.fixture
    def bench(self, monkeypatch) -> Iterator[NetworkBench]:
        monkeypatch.setattr(modbus.ModbusMeter, "_timeout_s", lambda _self, _registers: 0.1)
        bench = NetworkBench()
        yield bench
        bench.device.close()

    @pytest.fixture
    def device(self, bench: NetworkBench):
        return registry.create("meter", {"driver": "modbus", "model": "sdm630", "port": bench.device.port, "address": 1}, CONTEXT)

    @pytest.fixture
    def clock(self):
        return real_time


class ReaderBench:
    """A PN532 on a pseudo-terminal."""

    def __init__(self) -> None:
        self.chip = PtyPn532()

    def lay(self, uid: str) -> None:
        self.chip.card = bytes.fromhex(uid)

    def take(self) -> None:
        self.chip.card = None

    def fail(self, *, broken: bool) -> None:
        self.chip.mode = "silent" if broken else "good"


class TestPn532Reader(ReaderContract):
    LIES_S, AWAY_S = 0.2, 0.65

    @pytest.fixture
    def bench(self) -> Iterator[ReaderBench]:
        bench = ReaderBench()
        yield bench
        bench.chip.close()

    @pytest.fixture
    def device(self, bench: ReaderBench):
        options = {"driver": "pn532", "interface": "uart", "port": bench.chip.path, "poll_s": 0.05, "away_s": 0.5}
        return registry.create("reader", options, registry.Context(0, 0.0, 3, 230.0))


def test_the_asyncio_loop_is_not_blocked_by_a_meter(monkeypatch):
    """The serial port blocks its own thread: the loop goes on turning while a silent meter is waited for."""
    monkeypatch.setattr(modbus.ModbusMeter, "_timeout_s", lambda _self, _registers: 0.05)
    bench = PtyBench("sdm630")
    bench.silence(silent=True)

    async def story() -> int:
        meter = registry.create("meter", {"driver": "modbus", "model": "sdm630", "port": bench.slave.path}, CONTEXT)
        question, turns = asyncio.ensure_future(meter.read()), 0
        while not question.done():
            await asyncio.sleep(0)
            turns += 1
        assert question.exception() is not None
        await meter.close()
        return turns

    assert asyncio.run(story()) > 100
    bench.slave.close()
