"""The driver contracts on the simulated world."""

import pytest

from drivers import registry
from drivers.protocols import LockState
from drivers.sim.desk import Desk
from drivers.sim.port import LocalPort
from drivers.sim.world import OutletSpec, World
from tests.contracts.controller_devices import FailingMeterContract, ReaderContract
from tests.contracts.guard_devices import (
    ContactorContract,
    FaultInputContract,
    LockContract,
    PhaseSwitchContract,
    PilotContract,
    ResidualMonitorContract,
    TemperatureContract,
)

SIM = {"driver": "sim"}


class SimBench:
    """The simulated world, its clock, and the verbs by which one plays in it."""

    def __init__(self) -> None:
        self.at_s = 100.0
        parts = frozenset({"pilot", "contactor", "lock", "meter", "phase_switch"})
        self.world = World(lambda: self.at_s, [OutletSpec(1, 32.0, 3, has_lock=True, parts=parts)], site_meter=True)
        self.desk = Desk([1])
        self.desk.add(0, (1,))
        self.context = registry.Context(1, 32.0, 3, 230.0, world=self.world, port=LocalPort(self.world), desk=self.desk)

    def pass_time(self, seconds: float) -> None:
        self.at_s += seconds

    def now_s(self) -> float:
        return self.at_s

    def car(self, state: str) -> None:
        self.world.call("ev_state", {"connector": 1, "state": state})

    def fault(self, kind: str, *, active: bool) -> None:
        self.world.call("fault", {"connector": 1, "kind": kind, "active": active})

    def duty(self) -> float:
        return self.world.outlet(1).duty

    def closed(self) -> bool:
        return self.world.outlet(1).closed

    def phases(self) -> int:
        return self.world.outlet(1).live_phases

    def bolt(self) -> LockState:
        return self.world.outlet(1).bolt

    def silence(self, *, silent: bool) -> None:
        self.at_s += 1.0
        self.world.call("meter", {"connector": 1, "fail": silent})

    def lay(self, uid: str) -> None:
        self.desk.swipe({"id_tag": uid})

    def take(self) -> None:
        """A swipe is over at once."""

    def fail(self, *, broken: bool) -> None:
        self.desk.set_fault(1, broken)


@pytest.fixture
def bench() -> SimBench:
    return SimBench()


class TestSimulatedPilot(PilotContract):
    @pytest.fixture
    def device(self, bench: SimBench):
        return registry.create("pilot", SIM, bench.context)


class TestSimulatedContactor(ContactorContract):
    @pytest.fixture
    def device(self, bench: SimBench):
        return registry.create("contactor", SIM, bench.context)


class TestSimulatedPhaseSwitch(PhaseSwitchContract):
    @pytest.fixture
    def device(self, bench: SimBench):
        return registry.create("phase_switch", SIM, bench.context)


class TestSimulatedLock(LockContract):
    @pytest.fixture
    def device(self, bench: SimBench):
        return registry.create("lock", SIM, bench.context)


@pytest.mark.parametrize(("slot", "kind"), [("residual_current", "rcd"), ("protective_earth", "ground"),
                                            ("emergency_stop", "estop"), ("station_fault", "other")])
class TestSimulatedInput(FaultInputContract):
    @pytest.fixture
    def device(self, bench: SimBench, slot: str):
        return registry.create(slot, SIM, bench.context)


class TestSimulatedResidualMonitor(ResidualMonitorContract):
    @pytest.fixture
    def device(self, bench: SimBench):
        return registry.create("residual_current", {"driver": "sim", "self_test": True}, bench.context)


class TestSimulatedTemperature(TemperatureContract):
    @pytest.fixture
    def device(self, bench: SimBench):
        return registry.create("temperature", SIM, bench.context)


class TestSimulatedMeter(FailingMeterContract):
    @pytest.fixture
    def device(self, bench: SimBench):
        return registry.create("meter", SIM, bench.context)

    @pytest.fixture
    def clock(self, bench: SimBench):
        return bench.now_s


class TestSimulatedGridMeter(FailingMeterContract):
    @pytest.fixture
    def device(self, bench: SimBench, monkeypatch):
        def silence(*, silent: bool) -> None:
            bench.pass_time(1.0)
            bench.world.call("site", {"fail": silent})

        monkeypatch.setattr(bench, "silence", silence)
        return registry.create("site_meter", SIM, bench.context)

    @pytest.fixture
    def clock(self, bench: SimBench):
        return bench.now_s


class TestSimulatedReader(ReaderContract):
    @pytest.fixture
    def device(self, bench: SimBench):
        return registry.create("reader", SIM, registry.Context(0, 0.0, 3, 230.0, desk=bench.desk))


def test_without_a_lock_there_is_no_bolt():
    """A tethered cable: nothing to move, nothing to wait for."""
    lock = registry.create("lock", {"driver": "none"}, registry.Context(1, 32.0, 3, 230.0))
    lock.lock()
    assert lock.state() is LockState.NONE
    lock.unlock()
    lock.close()
    assert lock.state() is LockState.NONE
