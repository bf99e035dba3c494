"""What every pilot, contactor, lock, fault input and temperature sensor promises (drivers/protocols.py), as tests.

A class here has no device of its own: `test_sim.py` gives it simulated ones, `test_wired.py` real drivers on a wired bench.
The fixture `device` is the driver; `bench` moves time and does what people, cars and faults do.
"""

import time
from collections.abc import Callable
from typing import Protocol

import pytest

from drivers.protocols import (
    ConnectorLock,
    Contactor,
    ControlPilot,
    FaultInput,
    LockState,
    PhaseSwitch,
    ResidualMonitor,
    TemperatureSensor,
)

RAIL_V, TOLERANCE_V = 12.0, 0.8
"""IEC 61851-1 Table A.4 leaves a state +-1 V; what is measured may be off by less."""
BOUNDED_S = 0.002


class Bench(Protocol):
    """What is around the devices of connector 1."""

    def pass_time(self, seconds: float) -> None:
        """Let time pass."""

    def now_s(self) -> float:
        """Monotonic time, as the drivers see it."""

    def car(self, state: str) -> None:
        """The vehicle is in this state, A to F."""

    def fault(self, kind: str, *, active: bool) -> None:
        """Break something, or mend it; kinds of contract.md."""


def near(volts: float | None, wanted_v: float) -> bool:
    """Within what a measurement may be off."""
    return volts is not None and abs(volts - wanted_v) <= TOLERANCE_V


def quickest(call: Callable[[], object]) -> float:
    """Seconds of the quickest of twenty tries: what the driver needs, not what a busy machine adds."""
    spent = []
    for _ in range(20):
        begin_s = time.perf_counter()
        call()
        spent.append(time.perf_counter() - begin_s)
    return min(spent)


class PilotContract:
    """IEC 61851-1 Annex A, as the guard sees it."""

    @pytest.mark.parametrize(("state", "high_v"), [("A", 12.0), ("B", 9.0), ("C", 6.0), ("D", 3.0), ("E", 0.0)])
    def test_the_steady_level_shows_the_vehicles_state(self, device: ControlPilot, bench: Bench, state: str, high_v: float):
        """No offer, but the car's resistance stays measurable (X1)."""
        bench.car(state)
        device.set_x1()
        bench.pass_time(0.1)
        sample = device.read()
        assert near(sample.high_v, high_v)
        assert sample.low_v is None

    @pytest.mark.parametrize("duty", [0.10, 0.267, 0.533, 0.85])
    @pytest.mark.parametrize(("state", "high_v", "low_v"), [("A", 12.0, -12.0), ("B", 9.0, -12.0), ("C", 6.0, -12.0),
                                                           ("D", 3.0, -12.0)])
    def test_pwm_shows_both_plateaus(self, device: ControlPilot, bench: Bench, state: str, high_v: float, low_v: float,
                                     duty: float):
        """Whatever the duty cycle, the shorter plateau is found too."""
        bench.car(state)
        device.set_pwm(duty)
        bench.pass_time(0.1)
        sample = device.read()
        assert near(sample.high_v, high_v)
        assert near(sample.low_v, low_v)

    def test_a_missing_diode_shows_in_the_negative_half(self, device: ControlPilot, bench: Bench):
        """The car loads -12 V as it loads +12 V (fault kind `diode`)."""
        bench.car("C")
        bench.fault("diode", active=True)
        device.set_pwm(0.5)
        bench.pass_time(0.1)
        assert near(device.read().low_v, -6.0)

    def test_state_f_is_minus_twelve_volts(self, device: ControlPilot, bench: Bench):
        """The station is not available; there is no positive level."""
        device.set_f()
        bench.pass_time(0.1)
        sample = device.read()
        assert near(sample.high_v, -RAIL_V) or (sample.high_v is None and near(sample.low_v, -RAIL_V))

    def test_a_sample_is_fresh(self, device: ControlPilot, bench: Bench):
        """Older than 60 ms counts as no measurement."""
        bench.pass_time(5.0)
        assert bench.now_s() - device.read().at_s <= 0.06

    def test_a_change_shows_in_the_next_sample_but_one(self, device: ControlPilot, bench: Bench):
        """The car lets go: seen within two bursts and the one the edge cuts (45 ms)."""
        bench.car("C")
        device.set_pwm(0.5)
        bench.pass_time(0.1)
        bench.car("B")
        bench.pass_time(0.045)
        assert near(device.read().high_v, 9.0)

    def test_released_the_line_is_at_plus_twelve_volts(self, device: ControlPilot, bench: Bench):
        """No offer outlives the process that made it."""
        device.set_pwm(0.5)
        bench.pass_time(0.1)
        device.close()
        bench.pass_time(0.1)
        assert bench.duty() == 1.0  # type: ignore[attr-defined]  # the bench of a pilot sees the generator

    def test_its_calls_are_bounded(self, device: ControlPilot):
        """2 ms at most, so that the guard keeps its tick."""
        assert quickest(device.set_x1) < BOUNDED_S
        assert quickest(lambda: device.set_pwm(0.5)) < BOUNDED_S


class ContactorContract:
    """The relay in the power path, and the contact that tells the truth."""

    def test_it_is_open_at_first(self, device: Contactor, bench: Bench):
        """Energy is off unless proved on."""
        assert device.feedback() is False

    def test_the_contact_follows_the_coil(self, device: Contactor, bench: Bench):
        """Both ways, each within 100 ms, as often as wanted."""
        for closed in (True, False, True, False):
            device.set(closed)
            bench.pass_time(0.1)
            assert device.feedback() is closed

    def test_feedback_is_the_contact_and_not_the_wish(self, device: Contactor, bench: Bench):
        """In the moment of switching it still tells the old position."""
        device.set(True)
        assert device.feedback() is False
        bench.pass_time(0.1)
        device.set(False)
        assert device.feedback() is True

    def test_saying_it_again_changes_nothing(self, device: Contactor, bench: Bench):
        """The guard may repeat itself every 10 ms."""
        for _ in range(20):
            device.set(True)
            bench.pass_time(0.01)
        assert device.feedback() is True

    def test_a_welded_contact_shows(self, device: Contactor, bench: Bench):
        """Commanded open, still closed (F-WELD)."""
        device.set(True)
        bench.pass_time(0.1)
        bench.fault("contactor_welded", active=True)
        device.set(False)
        bench.pass_time(1.0)
        assert device.feedback() is True
        bench.fault("contactor_welded", active=False)
        bench.pass_time(0.1)
        assert device.feedback() is False

    def test_a_contact_that_does_not_close_shows(self, device: Contactor, bench: Bench):
        """Commanded closed, still open (F-NOCLOSE)."""
        bench.fault("contactor", active=True)
        device.set(True)
        bench.pass_time(1.0)
        assert device.feedback() is False

    def test_released_the_coil_is_off(self, device: Contactor, bench: Bench):
        """close() is off, however it was."""
        device.set(True)
        bench.pass_time(0.1)
        device.close()
        bench.pass_time(0.1)
        assert not bench.closed()  # type: ignore[attr-defined]  # the bench of a contactor sees the contact

    def test_its_calls_are_bounded(self, device: Contactor):
        """2 ms at most."""
        assert quickest(device.feedback) < BOUNDED_S
        assert quickest(lambda: device.set(True)) < BOUNDED_S


class PhaseSwitchContract:
    """The second contactor, for L2 and L3, behind a main one that is open."""

    def test_it_is_one_phase_at_first(self, device: PhaseSwitch, bench: Bench):
        """The coil is off: what no car is harmed by."""
        assert device.phases() == 1

    def test_the_mirror_contact_follows_the_coil(self, device: PhaseSwitch, bench: Bench):
        """Both ways, each within 100 ms, as often as wanted."""
        for phases in (3, 1, 3, 1):
            device.set_phases(phases)
            bench.pass_time(0.1)
            assert device.phases() == phases

    def test_saying_it_again_changes_nothing(self, device: PhaseSwitch, bench: Bench):
        """Three phases stay three."""
        for _ in range(20):
            device.set_phases(3)
            bench.pass_time(0.01)
        assert device.phases() == 3

    def test_a_contact_that_stays_where_it_is_shows(self, device: PhaseSwitch, bench: Bench):
        """Told by the contact and not by the wish, both ways (fault kind `phase_switch`); mended, it follows."""
        for before, wished in ((1, 3), (3, 1)):
            device.set_phases(before)
            bench.pass_time(0.1)
            bench.fault("phase_switch", active=True)
            device.set_phases(wished)
            bench.pass_time(1.0)
            assert device.phases() == before
            bench.fault("phase_switch", active=False)
            bench.pass_time(0.1)
            assert device.phases() == wished

    def test_released_it_is_one_phase(self, device: PhaseSwitch, bench: Bench):
        """close() is coil off, however it was."""
        device.set_phases(3)
        bench.pass_time(0.1)
        device.close()
        bench.pass_time(0.1)
        assert bench.phases() == 1  # type: ignore[attr-defined]  # the bench of a phase switch sees the contact

    def test_its_calls_are_bounded(self, device: PhaseSwitch):
        """2 ms at most."""
        assert quickest(device.phases) < BOUNDED_S
        assert quickest(lambda: device.set_phases(3)) < BOUNDED_S


class LockContract:
    """The bolt, and the contact that tells where it is."""

    TAKES_S = 1.0

    def test_the_bolt_goes_in_and_out(self, device: ConnectorLock, bench: Bench):
        """Within a second, told by its own contact and not by the wish."""
        assert device.state() is LockState.UNLOCKED
        for _ in range(2):
            device.lock()
            assert device.state() in (LockState.MOVING, LockState.UNLOCKED)
            bench.pass_time(self.TAKES_S)
            assert device.state() is LockState.LOCKED
            device.unlock()
            assert device.state() in (LockState.MOVING, LockState.LOCKED)
            bench.pass_time(self.TAKES_S)
            assert device.state() is LockState.UNLOCKED

    def test_saying_it_again_changes_nothing(self, device: ConnectorLock, bench: Bench):
        """A second wish for the same does not begin anew."""
        for _ in range(10):
            device.lock()
            bench.pass_time(self.TAKES_S / 10)
        bench.pass_time(self.TAKES_S / 2)
        assert device.state() is LockState.LOCKED

    def test_a_bolt_that_does_not_go_in_shows(self, device: ConnectorLock, bench: Bench):
        """No transaction starts over it (fault kind `lock`)."""
        bench.fault("lock", active=True)
        device.lock()
        bench.pass_time(2 * self.TAKES_S)
        assert device.state() is LockState.UNLOCKED

    def test_a_bolt_that_does_not_come_out_shows(self, device: ConnectorLock, bench: Bench):
        """UnlockConnector is UnlockFailed (fault kind `lock_stuck`)."""
        device.lock()
        bench.pass_time(self.TAKES_S)
        bench.fault("lock_stuck", active=True)
        device.unlock()
        bench.pass_time(2 * self.TAKES_S)
        assert device.state() is LockState.LOCKED

    def test_released_the_bolt_stays_where_it_is(self, device: ConnectorLock, bench: Bench):
        """A restart does not set a cable free."""
        device.lock()
        bench.pass_time(self.TAKES_S)
        device.close()
        bench.pass_time(self.TAKES_S)
        assert bench.bolt() is LockState.LOCKED  # type: ignore[attr-defined]  # the bench of a lock sees the bolt


class FaultInputContract:
    """One wire that says something is wrong. `kind` is the fault it tells of."""

    def test_it_is_quiet_while_all_is_well(self, device: FaultInput, bench: Bench, kind: str):
        """A cause that is not there is not told."""
        bench.pass_time(1.0)
        assert device.active() is False

    def test_it_follows_its_cause(self, device: FaultInput, bench: Bench, kind: str):
        """At once, as long as the cause lasts, and again the next time."""
        for _ in range(2):
            bench.fault(kind, active=True)
            bench.pass_time(0.01)
            assert device.active() is True
            bench.fault(kind, active=False)
            bench.pass_time(0.01)
            assert device.active() is False

    def test_it_tells_of_no_other_cause(self, device: FaultInput, bench: Bench, kind: str):
        """Each wire its own."""
        for other in {"rcd", "ground", "estop"} - {kind}:
            bench.fault(other, active=True)
        bench.pass_time(0.01)
        assert device.active() is False

    def test_its_calls_are_bounded(self, device: FaultInput, kind: str):
        """Read twice in every tick (F-RCD)."""
        assert quickest(device.active) < BOUNDED_S


class ResidualMonitorContract:
    """A residual-current monitor with its test input wired."""

    def test_it_can_be_tested(self, device: ResidualMonitor):
        """The guard asks for nothing that is not wired."""
        assert device.testable

    def test_it_trips_while_it_is_tested_and_lets_go_after(self, device: ResidualMonitor, bench: Bench):
        """What the self-test waits for (iec61851.md 8); also the second time."""
        assert device.active() is False
        for _ in range(2):
            device.test(True)
            bench.pass_time(0.25)
            assert device.active() is True
            device.test(False)
            bench.pass_time(1.0)
            assert device.active() is False

    def test_a_residual_current_shows_without_a_test(self, device: ResidualMonitor, bench: Bench):
        """The test input has nothing to do with it."""
        bench.fault("rcd", active=True)
        bench.pass_time(0.01)
        assert device.active() is True

    def test_closing_it_ends_the_test(self, device: ResidualMonitor, bench: Bench):
        """The next program finds a monitor that is quiet."""
        device.test(True)
        device.close()
        bench.pass_time(1.0)
        assert device.active() is False

    def test_its_calls_are_bounded(self, device: ResidualMonitor):
        """Within the guard's cycle."""
        assert quickest(lambda: device.test(True)) < BOUNDED_S


class TemperatureContract:
    """Degrees Celsius."""

    def test_it_shows_a_temperature_that_can_be(self, device: TemperatureSensor, bench: Bench):
        """A number in the range of the part."""
        assert -40.0 <= device.read_c() <= 60.0

    def test_heat_shows(self, device: TemperatureSensor, bench: Bench):
        """Above the limit while it is hot, below when it has cooled (fault kind `temperature`)."""
        bench.fault("temperature", active=True)
        bench.pass_time(2.0)
        assert device.read_c() > 80.0
        bench.fault("temperature", active=False)
        bench.pass_time(2.0)
        assert device.read_c() < 60.0
