"""Contactor and bolt that do not follow, as the whole cycle sees them."""

import pytest

from controller.faults import FaultKind
from controller.guard.messages import ClearLatch, SetLock
from controller.guard.pilot import duty_for
from drivers.protocols import LockState
from tests.unit.guard.workbench import Workbench, unplug_and_plug

# -- contactor -------------------------------------------------------------------------------------------------------------------


def test_a_welded_contactor_is_a_fault_within_a_second():
    """F-WELD: feedback closed while commanded open for 500 ms; state F is shown, the plug stays locked."""
    bench = Workbench()
    bench.charge()
    bench.fault("contactor_welded")
    bench.car("B")
    took_s = bench.until(lambda: bench.faults == {"contactor_welded"}, 1.0)
    assert 0.5 <= took_s <= 0.6
    assert bench.duty == 0.0
    bench.say(SetLock(1, locked=False))
    bench.run(3.0)
    assert bench.report.lock.value == "locked"
    assert bench.report.contactor_closed


def test_a_weld_waits_for_a_person_even_when_it_came_loose():
    """Contract 3, `contactor_welded` clears by reset, also in T-RPC's place; not by unplugging."""
    bench = Workbench()
    bench.charge()
    bench.fault("contactor_welded")
    bench.car("B")
    bench.run(1.0)
    bench.fault("contactor_welded", active=False)
    unplug_and_plug(bench)
    bench.run(5.0)
    assert (bench.faults, bench.duty) == ({"contactor_welded"}, 1.0)
    bench.say(ClearLatch(1, FaultKind.CONTACTOR_WELDED))
    bench.run(0.05)
    assert (bench.faults, bench.duty) == (set(), duty_for(16.0))


def test_a_current_after_opening_is_a_weld_too():
    """F-WELD: or current above 0.5 A; then the bolt does not open either."""
    bench = Workbench(feedback=False)
    bench.charge()
    bench.car("B")
    for _ in range(7):
        bench.measure(2.0)
        bench.run(0.5)
    assert bench.faults == {"contactor_welded"}
    bench.say(SetLock(1, locked=False))
    bench.run(0.5)
    assert bench.report.lock.value == "locked"


def test_a_contact_that_is_closed_at_the_start_gets_no_offer():
    """10: the weld check comes before the first offer; after half a second it is a weld."""
    bench = Workbench()
    bench.fault("contactor_welded")
    bench.car("B")
    bench.offer(16.0)
    for _ in range(100):
        bench.tick()
        assert bench.outlet.offered_a == 0
    assert bench.faults == {"contactor_welded"}


def test_a_contactor_that_does_not_close_is_tried_twice():
    """F-NOCLOSE: coil off after 1 s, one retry 1 s later, then Faulted; at most 3.5 s."""
    bench = Workbench()
    bench.fault("contactor")
    bench.car("B")
    bench.run(0.3)
    bench.say(SetLock(1, locked=True))
    bench.offer(16.0)
    bench.run(0.5)
    bench.car("C")
    bench.until(lambda: bench.coil, 1.0)
    first_s = bench.until(lambda: not bench.coil, 1.1)
    assert first_s == pytest.approx(1.02, abs=0.02)
    pause_s = bench.until(lambda: bench.coil, 1.1)
    assert pause_s == pytest.approx(1.0, abs=0.02)
    second_s = bench.until(lambda: bench.faults == {"contactor"}, 1.1)
    assert not bench.coil
    assert first_s + pause_s + second_s <= 3.5
    bench.run(10.0)
    assert bench.report.closures == 2
    bench.fault("contactor", active=False)
    bench.run(3.0)
    assert bench.faults == {"contactor"}
    bench.car("A")
    bench.run(0.3)
    assert bench.faults == set()
    bench.charge()


def test_a_contactor_that_falls_open_gets_its_second_try():
    """Contract 3, `contactor`: falls open; coil off after 1 s, and the retry succeeds."""
    bench = Workbench()
    bench.charge()
    bench.fault("contactor")
    bench.until(lambda: not bench.coil, 1.1)
    bench.fault("contactor", active=False)
    bench.until(lambda: bench.outlet.closed, 1.2)
    bench.run(10.0)
    assert (bench.coil, bench.faults) == (True, set())


def test_the_coil_of_an_open_contact_is_released_in_the_stopping_window_too():
    """F-NOCLOSE: coil off after 1 s, whatever else goes on."""
    bench = Workbench()
    bench.charge()
    bench.fault("contactor")
    bench.run(0.5)
    bench.withdraw()
    assert bench.until(lambda: not bench.coil, 1.0) <= 0.55


# -- bolt ------------------------------------------------------------------------------------------------------------------------


def test_a_bolt_that_does_not_lock_is_a_fault_after_three_tries():
    """Contract 3, `lock`: no power; clears when the cause is gone and the car unplugged."""
    bench = Workbench()
    bench.fault("lock")
    bench.car("B")
    bench.offer(16.0)
    bench.say(SetLock(1, locked=True))
    took_s = bench.until(lambda: bench.faults == {"lock"}, 3.0)
    assert took_s == pytest.approx(2.4, abs=0.05)
    assert [call[0] for call in bench.calls].count("lock.lock") == 3
    assert bench.duty == 0.0
    bench.fault("lock", active=False)
    bench.run(2.0)
    assert bench.faults == {"lock"}
    unplug_and_plug(bench)
    assert bench.faults == set()


def test_a_bolt_that_does_not_open_is_a_warning():
    """Contract 3, `lock_stuck`: told once unlocking was tried; clears by itself when the bolt is out."""
    bench = Workbench()
    bench.car("B")
    bench.say(SetLock(1, locked=True))
    bench.offer(16.0)
    bench.run(1.0)
    bench.fault("lock_stuck")
    bench.say(SetLock(1, locked=False))
    bench.run(2.6)
    assert (bench.faults, bench.duty) == ({"lock_stuck"}, duty_for(16.0))
    bench.fault("lock_stuck", active=False)
    bench.say(SetLock(1, locked=False))
    bench.run(1.5)
    assert bench.faults == set()

@pytest.mark.parametrize("doubt", ["the car lets go", "the converter is silent"])
def test_nothing_closes_on_a_request_that_the_newest_sample_does_not_show(doubt):
    """4.1: two samples open, so one may stand against a request; it opens nothing yet, but nothing closes on it either."""

    def about_to_close() -> Workbench:
        """The bolt was forced for a moment: the contactor rests, and the car asks all the while."""
        bench = Workbench()
        bench.charge()
        bench.outlet.bolt = LockState.UNLOCKED
        bench.until(lambda: not bench.coil, 0.1)
        return bench

    closes_after_s = (patient := about_to_close()).until(lambda: patient.coil, 3.0)
    bench = about_to_close()
    bench.run(closes_after_s - 0.01)
    bench.calls.clear()
    if doubt == "the car lets go":
        bench.car("B")
    else:
        bench.broken.add("pilot.read")
    bench.run(0.02)
    assert ("contactor.set", True) not in bench.calls
