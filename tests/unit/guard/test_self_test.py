"""A residual-current monitor with a test input is tested while nothing is under power (iec61851.md 8 and 10)."""

import pytest

from controller.faults import FaultKind
from controller.guard.messages import ClearLatch, SetLock
from controller.guard.self_test import (
    EVERY_S,
    NEVER_TRIPPED,
    PULSE_S,
    QUIET_WITHIN_S,
    STAYS_TRIPPED,
    TRIPS_WITHIN_S,
    SelfTest,
)
from tests.unit.guard.workbench import Workbench, unplug_and_plug


def _tests(bench: Workbench) -> int:
    """How often the test input was driven."""
    return bench.calls.count(("rcd.test", True))


def _tested() -> Workbench:
    bench = Workbench(self_test=True)
    bench.run(QUIET_WITHIN_S)
    assert (_tests(bench), bench.faults) == (1, set())
    return bench


def _asks_for_power(bench: Workbench) -> None:
    bench.car("B")
    bench.run(0.3)
    bench.say(SetLock(1, locked=True))
    bench.offer(16.0)


def test_it_is_tested_before_anything_is_offered():
    """Boot order: self-tests, then offers (iec61851.md 10); a car that waits is served right after."""
    bench = Workbench(self_test=True)
    _asks_for_power(bench)
    assert bench.until(lambda: bench.report.offered_a, QUIET_WITHIN_S) > PULSE_S
    assert _tests(bench) == 1
    assert all(report.offered_a == 0.0 for report in bench.reports[:-1])


def test_the_test_is_no_fault():
    """The monitor trips because it is told to: nobody hears of it."""
    bench = _tested()
    assert all(not report.faults for report in bench.reports)
    assert ("rcd.test", False) in bench.calls


def test_the_test_input_is_driven_for_a_moment():
    """0.25 s, within what monitors take for a test (30 ms to 1.2 s)."""
    test = SelfTest()
    driven = [test.look(tripped=tick > 10, may_begin=True, now_s=100.0 + tick / 100) for tick in range(20)]
    assert all(driven)
    assert test.look(tripped=True, may_begin=True, now_s=100.0 + PULSE_S) is False


def _looked(test: SelfTest, *looks: tuple[float, bool], may_begin: bool = True) -> list[bool]:
    """Whether its input is driven, for each moment and whether the monitor is tripped then."""
    return [test.look(tripped=tripped, may_begin=may_begin, now_s=100.0 + at_s) for at_s, tripped in looks]


def test_a_test_goes_as_the_standard_has_it_to_the_millisecond():
    """The pulse, the time to trip, the time to be quiet again, and a day until the next."""
    test = SelfTest()
    assert (test.failure, test.running, test.holds) == (None, False, True)
    assert _looked(test, (0.0, False), (0.249, False), (0.25, False), (0.3, True)) == [True, True, False, False]
    assert (test.failure, test.running, test.holds) == (None, True, True)
    assert _looked(test, (3.999, True), (3.9991, False), (3.9991 + 86_399.999, False)) == [False, False, False]
    assert (test.failure, test.running, test.holds) == (None, False, False)
    assert _looked(test, (3.9991 + 86_400.0, False), may_begin=False) == [False]
    assert not test.holds
    assert _looked(test, (3.9991 + 86_400.0, False)) == [True]


def test_a_verdict_comes_when_its_time_is_over_and_not_before():
    """2 s without a trip, 4 s without quiet; the answer is asked for to the end."""
    deaf = SelfTest()
    _looked(deaf, (0.0, False), (1.999, False))
    assert (deaf.failure, deaf.running) == (None, True)
    _looked(deaf, (2.0, False))
    assert (deaf.failure, deaf.running) == (NEVER_TRIPPED, False)
    stuck = SelfTest()
    _looked(stuck, (0.0, False), (0.1, True), (3.999, True))
    assert (stuck.failure, stuck.running) == (None, True)
    _looked(stuck, (4.0, True))
    assert (stuck.failure, stuck.running) == (STAYS_TRIPPED, False)


def test_a_monitor_that_lets_go_within_the_pulse_is_looked_at_to_its_end():
    """Quiet for a moment is not the end of the test."""
    test = SelfTest()
    assert _looked(test, (0.0, False), (0.1, True), (0.2, False), (0.249, False), (0.25, False)) == [True] * 4 + [False]
    assert (test.failure, test.running, test.holds) == (None, False, False)


def test_it_is_tested_after_every_car():
    """The next one finds a monitor that was tested."""
    bench = _tested()
    for count in (2, 3):
        unplug_and_plug(bench)
        bench.run(QUIET_WITHIN_S)
        bench.car("A")
        bench.run(QUIET_WITHIN_S)
        assert _tests(bench) == count
        assert bench.faults == set()


def test_it_is_tested_once_a_day():
    """Where nobody comes for days, too."""
    bench = _tested()
    bench.now_s += EVERY_S - 60.0
    bench.run(1.0)
    assert _tests(bench) == 1
    bench.now_s += 60.0
    bench.run(QUIET_WITHIN_S)
    assert _tests(bench) == 2
    bench.run(QUIET_WITHIN_S)
    assert _tests(bench) == 2


def test_charging_is_not_interrupted_for_the_daily_test():
    """It comes when the offer has ended; the contactor is open then."""
    bench = _tested()
    bench.charge()
    bench.now_s += EVERY_S
    bench.offer(16.0)
    bench.run(2.0)
    bench.offer(16.0)
    bench.until(lambda: bench.coil, 3.0)
    bench.run(5.0)
    assert (bench.coil, _tests(bench)) == (True, 1)
    bench.withdraw()
    bench.until(lambda: bench.calls[-1] and _tests(bench) == 2, 8.0)
    assert not bench.outlet.closed


def test_it_is_never_tested_under_power():
    """Only with the contactor confirmed open."""
    bench = Workbench(self_test=True)
    bench.answers["contactor.feedback"] = True
    bench.run(5.0)
    assert _tests(bench) == 0
    del bench.answers["contactor.feedback"]
    bench.fault("contactor_welded", active=False)
    bench.run(1.0)
    assert _tests(bench) == 1


@pytest.mark.parametrize(("answer", "why", "within_s"), [(False, NEVER_TRIPPED, TRIPS_WITHIN_S), (True, STAYS_TRIPPED, QUIET_WITHIN_S)])
def test_a_monitor_that_does_not_answer_its_test_is_the_fault(answer, why, within_s):
    """It protects nobody: `rcd`, latched, and the log tells why (contract.md, fault kinds)."""
    bench = Workbench(self_test=True)
    bench.until(lambda: _tests(bench), 1.0)
    bench.answers["rcd.active"] = answer
    assert bench.until(lambda: bench.faults, 6.0) == pytest.approx(within_s, abs=0.02)
    assert bench.faults == {"rcd"}
    assert f"connector 1: {why}" in bench.told
    bench.answers.clear()
    bench.run(5.0)
    assert bench.faults == {"rcd"}


def test_nothing_is_offered_after_a_failed_test():
    """Whatever the controller says."""
    bench = Workbench(self_test=True)
    bench.answers["rcd.active"] = False
    bench.run(TRIPS_WITHIN_S + 0.5)
    _asks_for_power(bench)
    bench.run(2.0)
    assert (bench.report.offered_a, bench.coil) == (0.0, False)


def test_a_person_resets_it_and_another_test_decides():
    """Tested before anything is closed again (iec61851.md 8): mended or not, the next test tells."""
    bench = Workbench(self_test=True)
    bench.answers["rcd.active"] = False
    bench.run(TRIPS_WITHIN_S + 0.5)
    bench.say(ClearLatch(1, FaultKind.RCD))
    bench.tick()
    assert bench.faults == set()
    bench.run(TRIPS_WITHIN_S + 0.5)
    assert (bench.faults, _tests(bench)) == ({"rcd"}, 2)
    bench.answers.clear()
    bench.say(ClearLatch(1, FaultKind.RCD))
    bench.run(QUIET_WITHIN_S)
    assert (bench.faults, _tests(bench)) == (set(), 3)


def test_a_reset_of_something_else_asks_for_no_test():
    """A person who resets a weld has not looked at the monitor."""
    bench = _tested()
    bench.say(ClearLatch(1, FaultKind.CONTACTOR_WELDED))
    bench.run(1.0)
    assert _tests(bench) == 1


def test_a_monitor_that_has_tripped_is_not_tested():
    """Its own verdict stands."""
    bench = Workbench(self_test=True)
    bench.fault("rcd")
    bench.run(5.0)
    assert (_tests(bench), bench.faults) == (0, {"rcd"})


def test_a_residual_current_after_the_test_is_a_fault():
    """What it says belongs to the test only while one runs."""
    bench = _tested()
    bench.charge()
    bench.fault("rcd")
    assert bench.until(lambda: not bench.coil, 0.1) <= 0.02


@pytest.mark.parametrize("error_at", ["start", "end"])
def test_a_test_input_that_cannot_be_driven_is_the_fault(error_at):
    """In the driver's own words; a monitor that may still be tested is not trusted."""
    bench = Workbench(self_test=True)
    if error_at == "end":
        bench.until(lambda: _tests(bench), 1.0)
    bench.broken.add("rcd.test")
    bench.until(lambda: bench.faults == {"rcd"}, 3.0)
    bench.run(0.1)
    assert "connector 1: not there" in bench.told


def test_a_monitor_without_test_input_is_not_waited_for():
    """Offers come as ever."""
    bench = Workbench()
    _asks_for_power(bench)
    bench.run(0.05)
    assert (bench.report.offered_a, _tests(bench)) == (16.0, 0)


def test_a_car_that_comes_during_the_test_waits_for_its_end():
    """The test was begun while nothing was plugged."""
    bench = Workbench(self_test=True)
    bench.until(lambda: _tests(bench), 1.0)
    _asks_for_power(bench)
    assert bench.report.offered_a == 0.0
    bench.until(lambda: bench.report.offered_a == 16.0, 1.0)
    assert _tests(bench) == 1


def test_the_guard_does_not_doze_while_a_test_is_due():
    """In virtual time, too, the test has its cycles of 10 ms."""
    bench = Workbench(self_test=True)
    bench.tick()
    assert bench.guard.restless(bench.now_s)
    bench.run(QUIET_WITHIN_S)
    assert not bench.guard.restless(bench.now_s)
