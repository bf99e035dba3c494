"""A car that sleeps beside an offer is woken by one pulse, if the configuration asks for it (iec61851.md 4.3)."""

import pytest

from controller.guard.decide import SHOW_F_S, X1, F
from controller.guard.messages import Pilot, SetLock
from controller.guard.wake_up import F_S, SLEEPS_AFTER_S, X1_S, WakeUp
from tests.unit.guard.workbench import Workbench, unplug_and_plug


def _asleep(kind: str) -> Workbench:
    """A car that has an offer and does not ask."""
    bench = Workbench(wake_up=kind)
    bench.car("B")
    bench.run(0.3)
    bench.say(SetLock(1, locked=True))
    bench.offer(16.0)
    bench.run(0.05)
    assert bench.report.offered_a == 16.0
    return bench


def _levels(bench: Workbench, seconds: float) -> list[tuple[float, float]]:
    """What the generator did, each with how long it did."""
    found: list[list[float]] = []
    for _ in range(round(seconds / 0.01)):
        bench.tick()
        if not found or found[-1][0] != bench.duty:
            found.append([bench.duty, 0.0])
        found[-1][1] += 0.01
    return [(duty, round(lasted_s, 2)) for duty, lasted_s in found]


def test_no_pulse_unless_asked_for():
    """Some cars take state F for a fault for ever: the default leaves them alone."""
    assert [duty for duty, _ in _levels(_asleep("off"), 60.0)] == [pytest.approx(0.266666)]


def test_state_f_wakes_then_plus_twelve_volts_then_the_offer_is_back():
    """4 s state F, 750 ms steady +12 V, once (IEC 61851-1 A.5.3)."""
    (first, waited_s), f, x1, (again, _) = _levels(_asleep("f"), 90.0)
    assert waited_s == pytest.approx(SLEEPS_AFTER_S, abs=0.06)
    assert (f, x1) == ((0.0, F_S), (1.0, X1_S))
    assert first == again == pytest.approx(0.266666)


def test_the_gentle_form_leaves_state_f_out():
    """750 ms steady +12 V, once."""
    _, x1, _ = _levels(_asleep("x1"), 90.0)
    assert x1 == (1.0, X1_S)


def test_the_next_car_has_a_pulse_of_its_own():
    """Once per plug-in."""
    bench = _asleep("x1")
    assert len(_levels(bench, 60.0)) == 3
    unplug_and_plug(bench)
    assert (1.0, X1_S) in _levels(bench, 60.0)


@pytest.mark.parametrize("kind", ["x1", "f"])
def test_the_contactor_stays_open_during_the_pulse(kind):
    """A car that asks within it is served when the offer is back and its diode was seen again."""
    bench = _asleep(kind)
    bench.until(lambda: bench.duty in (0.0, 1.0), SLEEPS_AFTER_S + 1)
    bench.car("C")
    while bench.duty in (0.0, 1.0):
        assert not bench.coil
        bench.tick()
    assert bench.until(lambda: bench.coil, 2.0) > 0


def test_a_car_that_asks_ends_the_gentle_pulse():
    """It is awake: what is left of the pulse is spared it, and it gets no second one."""
    bench = _asleep("x1")
    bench.until(lambda: bench.duty == 1.0, SLEEPS_AFTER_S + 1)
    bench.car("C")
    assert bench.until(lambda: bench.duty != 1.0, 2.0) <= X1_S
    bench.until(lambda: bench.coil, 2.0)
    bench.car("B")
    assert [duty for duty, _ in _levels(bench, 60.0)] == [pytest.approx(0.266666)]


def test_a_car_that_leaves_in_the_pulse_is_noticed():
    """The pulse ends with the plug."""
    bench = _asleep("x1")
    bench.until(lambda: bench.duty == 1.0, SLEEPS_AFTER_S + 1)
    bench.car("A")
    bench.run(0.3)
    assert bench.report.pilot is Pilot.A
    assert bench.report.offered_a == 0.0


@pytest.mark.parametrize("kind", ["x1", "f"])
def test_the_offer_is_told_as_in_force_during_the_pulse(kind):
    """The central system sees SuspendedEV all along, no flicker (STAT-3)."""
    bench = _asleep(kind)
    bench.run(60.0)
    assert {report.offered_a for report in bench.reports if report.pilot is Pilot.B and report.offered_a} == {16.0}
    told = [report.offered_a for report in bench.reports]
    assert 0.0 not in told[told.index(16.0):]


def test_without_an_offer_nobody_is_woken():
    """A car that waits for its authorisation may sleep."""
    bench = Workbench(wake_up="f")
    bench.car("B")
    bench.run(0.3)
    assert [duty for duty, _ in _levels(bench, 60.0)] == [1.0]


def test_the_time_asleep_counts_from_the_last_offer():
    """An offer that went and came back begins anew."""
    bench = _asleep("x1")
    bench.run(20.0)
    bench.withdraw()
    bench.run(0.5)
    bench.offer(16.0)
    (_, waited_s), *_ = _levels(bench, 60.0)
    assert waited_s == pytest.approx(SLEEPS_AFTER_S, abs=0.06)


@pytest.mark.parametrize("fault", ["ground", "undervoltage"])
def test_a_fault_ends_the_pulse(fault):
    """What opens or stops has its own order of levels."""
    bench = _asleep("f")
    bench.until(lambda: bench.duty == 0.0, SLEEPS_AFTER_S + 1)
    bench.run(1.0)
    if fault == "undervoltage":
        bench.run(0.5)
        for _ in range(10):
            bench.measure(0.0, 170.0)
            bench.run(0.1)
        assert bench.duty == 1.0
    else:
        bench.fault(fault)
        assert bench.until(lambda: bench.duty == 1.0, 0.4) <= SHOW_F_S + 0.03


# -- to the millisecond --------------------------------------------------------------------------------------------------


def _levels_at(wake_up: WakeUp, *moments_s: float, pilot: Pilot = Pilot.B) -> list[float | None]:
    """What is driven at these moments after the car was first seen beside an offer."""
    wake_up.look(pilot, offered=True, now_s=100.0)
    return [wake_up.look(pilot, offered=True, now_s=100.0 + moment_s) for moment_s in moments_s]


def test_the_pulse_begins_and_ends_when_it_should():
    """After 30 s beside the offer: 4 s state F and 0.75 s +12 V, or only these."""
    assert _levels_at(WakeUp("f"), 29.999, 30.0, 33.999, 34.0, 34.749, 34.75) == [None, F, F, X1, X1, None]
    assert _levels_at(WakeUp("x1"), 29.999, 30.0, 30.7495, 30.75) == [None, X1, X1, None]


def test_a_car_that_asks_is_not_asleep():
    """However long its contactor waits, for a bolt say."""
    assert _levels_at(WakeUp("f"), 31.0, 60.0, pilot=Pilot.C) == [None, None]


def test_the_next_look_is_urgent_until_the_pulse_is_over():
    """Something is timed; a car that had its pulse, or gets none, may be looked at when it likes."""
    wake_up = WakeUp("x1")
    assert wake_up.restless is False
    _levels_at(wake_up, 30.5)
    assert wake_up.restless is True
    _levels_at(wake_up, 31.0)
    assert wake_up.restless is False
    never = WakeUp("off")
    assert _levels_at(never, 30.0) == [None]
    assert never.restless is False
