"""The guard when devices do not do what they should: it never raises, it opens, it says so, and it tries again."""

import pytest

from controller.faults import FaultKind
from controller.guard.messages import ClearLatch, Pilot, SetLock
from controller.guard.pilot import duty_for
from drivers.errors import DriverError
from drivers.protocols import LockState, PilotSample
from tests.unit.guard.workbench import Workbench

CALLS = ["pilot.read", "pilot.set_x1", "pilot.set_pwm", "pilot.set_f", "contactor.set", "contactor.feedback", "lock.state",
         "lock.lock", "lock.unlock", "rcd.active", "ground.active", "estop.active", "other.active", "temperature.read_c",
         "proximity.cable_a"]
ERRORS = [DriverError("promised"), OSError(5, "not promised")]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("call", CALLS)
def test_no_device_can_take_the_guard_with_it(call, error):
    """Rule 7: whatever a driver raises, at whichever call and in whichever moment, the cycle goes on; so does the report."""
    bench = Workbench(proximity=True)
    bench.error = error
    bench.broken.add(call)
    bench.say(SetLock(1, locked=True))
    bench.run(0.1)
    bench.broken.clear()
    bench.say(ClearLatch(1, FaultKind.RCD))
    bench.run(1.2)
    bench.charge()
    bench.broken.add(call)
    bench.offer(10.0)
    bench.run(0.1)
    bench.say(SetLock(1, locked=False))
    bench.withdraw()
    bench.run(0.1)
    bench.car("B")
    bench.run(0.3)
    bench.fault("other")
    bench.run(0.1)
    assert bench.reports[-1].connector_id == 1
    assert set(bench.told) == {f"connector 1: {error if isinstance(error, DriverError) else repr(error)}"}
    bench.guard.close()


@pytest.mark.parametrize("call", ["pilot.set_pwm", "pilot"])
def test_a_pwm_that_vanishes_opens_and_is_a_fault_of_the_station(call):
    """F-PWM: open within 100 ms, Faulted (`other`), and recovered by itself within 5 s of its return."""
    bench = Workbench()
    bench.charge(16.0)
    bench.run(5.0)
    bench.broken.add(call)
    bench.offer(10.0)
    bench.tick()
    assert not bench.coil, "in the very cycle that could not write the pilot"
    assert (bench.report.duty, bench.report.offered_a) == (1.0, 0.0)
    bench.run(0.05)
    assert {"other"} <= bench.faults <= {"other", "pilot"}
    assert not bench.report.coil
    bench.run(3.0)
    assert not bench.coil
    bench.broken.clear()
    bench.until(lambda: bench.coil, 5.0)
    assert (bench.faults, bench.duty) == (set(), duty_for(10.0))


def test_a_pwm_that_is_gone_is_tried_again_and_again():
    """F-PWM: recover on return; meanwhile the fault comes back with every try, and the contactor stays open."""
    bench = Workbench()
    bench.charge(16.0)
    bench.run(5.0)
    bench.broken.add("pilot.set_pwm")
    bench.offer(10.0)
    bench.run(10.0)
    assert (bench.coil, bench.report.closures) == (False, 1)
    assert sum(call[0] == "pilot.set_pwm" for call in bench.calls) >= 5
    assert FaultKind.OTHER in {kind for report in bench.reports[-300:] for kind in report.faults}


def test_a_pilot_that_cannot_be_driven_at_all_is_a_fault_from_the_start():
    """F-GPIO, F-PWM: refuse to start charging."""
    bench = Workbench(has_lock=False)
    bench.broken |= {"pilot.set_x1", "pilot.set_pwm", "pilot.set_f"}
    bench.car("C")
    bench.offer(16.0)
    bench.run(5.0)
    assert (bench.coil, bench.report.closures, bench.faults) == (False, 0, {"other"})
    bench.broken.clear()
    bench.until(lambda: bench.coil, 5.0)


def test_a_coil_that_cannot_be_switched_on_is_a_fault_of_the_contactor():
    """Contract 3, `contactor`: Faulted until unplugged; the coil is told to go off all the same."""
    bench = Workbench()
    bench.car("B")
    bench.run(0.3)
    bench.say(SetLock(1, locked=True))
    bench.offer(16.0)
    bench.run(0.5)
    bench.broken.add("contactor.set")
    bench.car("C")
    bench.run(2.0)
    assert (bench.coil, bench.faults, bench.report.coil) == (False, {"contactor"}, False)
    tried = [call[1] for call in bench.calls if call[0] == "contactor.set"]
    assert tried.count(True) == 1
    assert tried[-1] is False
    assert len(tried) > 50, "off is tried in every cycle until it succeeds"
    bench.broken.clear()
    bench.run(1.0)
    assert bench.faults == {"contactor"}
    bench.car("A")
    bench.run(0.3)
    assert bench.faults == set()
    bench.charge()


def test_a_coil_that_cannot_be_switched_off_is_tried_in_every_cycle():
    """Rule 1, F-WELD: the fault stands at once, the weld after half a second, and off is what is asked for ever after."""
    bench = Workbench()
    bench.charge()
    bench.broken.add("contactor.set")
    bench.car("B")
    bench.run(0.05)
    assert "contactor" in bench.faults
    assert not bench.report.coil
    assert bench.report.contactor_closed
    bench.run(1.0)
    assert bench.faults == {"contactor", "contactor_welded"}
    bench.calls.clear()
    bench.run(0.1)
    assert bench.calls.count(("contactor.set", False)) == 20, "before reading and after deciding"
    bench.broken.clear()
    bench.tick()
    assert not bench.coil


def test_an_error_of_the_coil_does_not_keep_the_pilot_from_going_steady():
    """Rule 1: what can be made safe is made safe."""
    bench = Workbench()
    bench.charge()
    bench.broken.add("contactor.set")
    bench.fault("diode")
    bench.run(0.4)
    assert bench.duty == 1.0


def test_a_write_that_failed_does_not_rise_over_the_pause():
    """6': a pilot that fails and returns is no way around the 5 s."""
    bench = Workbench()
    bench.charge(16.0)
    bench.run(5.0)
    bench.offer(6.0)
    bench.tick()
    bench.broken.add("pilot.set_x1")
    bench.fault("estop")
    bench.run(0.4)
    bench.broken.clear()
    bench.fault("estop", active=False)
    bench.offer(16.0)
    bench.until(lambda: bench.outlet.offered_a > 0, 2.0)
    assert bench.outlet.offered_a == 6.0


def test_a_contactor_does_not_close_in_the_cycle_whose_pilot_cannot_be_written():
    """F-PWM: not even for the moment until the failure is noticed."""
    def asking() -> Workbench:
        bench = Workbench()
        bench.car("B")
        bench.run(0.3)
        bench.say(SetLock(1, locked=True))
        bench.offer(16.0)
        bench.run(0.5)
        bench.car("C")
        return bench

    closes_after_s = _until_closed(asking())
    bench = asking()
    bench.run(closes_after_s - 0.01)
    bench.broken.add("pilot.set_pwm")
    bench.offer(10.0)
    bench.tick()
    assert ("contactor.set", True) not in bench.calls
    assert not bench.report.coil


def _until_closed(bench: Workbench) -> float:
    return bench.until(lambda: bench.coil, 1.0)


def test_the_contactor_is_kicked_in_every_cycle_and_may_fail_at_it():
    """F-SAFEKILL: a stage that cannot be kicked opens by itself; that is no fault of the guard's."""
    bench = Workbench()
    bench.run(0.1)
    assert bench.calls.count(("contactor.kick",)) == 10
    bench.broken.add("contactor.kick")
    bench.run(0.1)
    assert (bench.calls.count(("contactor.kick",)), bench.faults) == (20, set())


def test_every_level_of_the_pilot_has_its_own_call():
    """Hardware 9: steady +12 V, steady -12 V and PWM are three calls; no PWM of 0 or 100 percent is ever asked for."""
    bench = Workbench()
    bench.charge()
    bench.fault("other")
    bench.run(0.5)
    driven = [call for call in bench.calls if call[0].startswith("pilot.set")]
    assert driven == [("pilot.set_x1",), ("pilot.set_pwm", duty_for(16.0)), ("pilot.set_f",), ("pilot.set_x1",)]


def test_while_state_f_is_driven_the_line_is_not_read():
    """5: what is measured then is our own -12 V."""
    bench = Workbench()
    bench.charge()
    bench.fault("other")
    bench.tick()
    bench.calls.clear()
    bench.run(0.28)
    assert bench.duty == 0.0
    assert not any(call[0] == "pilot.read" for call in bench.calls)


def test_the_last_of_our_own_state_f_is_not_taken_for_a_fault_of_the_line():
    """4.1: a burst that was cut by the end of state F still shows -12 V."""
    bench = Workbench()
    bench.charge()
    bench.fault("other")
    bench.tick()
    bench.until(lambda: bench.duty == 1.0, 0.4)
    line = bench.channel._devices.pilot._device  # type: ignore[attr-defined]  # the simulated line
    honest = line.read
    line.read = lambda: PilotSample(bench.now_s, -12.0, None)
    bench.run(0.05)
    line.read = honest
    bench.run(0.2)
    assert bench.faults == {"other"}


def test_the_bolt_does_not_open_behind_a_coil_that_is_on():
    """6: a contact that has not closed yet may do so at any moment."""
    bench = Workbench()
    bench.charge()
    bench.fault("contactor")
    bench.say(SetLock(1, locked=False))
    bench.run(0.5)
    assert (bench.coil, bench.outlet.bolt) == (True, LockState.LOCKED)


def test_a_feedback_that_cannot_be_read_opens():
    """Rule 1, F-GPIO: nobody knows where the contact is; the bolt stays in for the same reason."""
    bench = Workbench()
    bench.charge()
    bench.broken.add("contactor.feedback")
    bench.tick()
    assert (bench.coil, bench.faults) == (False, {"contactor"})
    bench.say(SetLock(1, locked=False))
    bench.run(2.0)
    assert bench.outlet.bolt.value == "locked"
    bench.broken.clear()
    bench.run(0.5)
    assert bench.outlet.bolt.value == "unlocked"


def test_an_open_contact_that_falls_silent_is_no_open_contact():
    """6, rule 1: however long the coil is off, without an answer nobody knows what is behind the bolt."""
    bench = Workbench()
    bench.charge()
    bench.car("B")
    bench.run(2.0)
    bench.broken.add("contactor.feedback")
    bench.run(0.5)
    bench.say(SetLock(1, locked=False))
    bench.run(2.0)
    assert bench.outlet.bolt.value == "locked"


def test_a_contact_that_is_still_closed_holds_the_bolt_in():
    """6, F-WELD: from the moment the coil is off until the weld is certain, and after it."""
    bench = Workbench()
    bench.charge()
    bench.fault("contactor_welded")
    bench.say(SetLock(1, locked=False))
    bench.car("B")
    for _ in range(300):
        bench.tick()
        assert bench.outlet.bolt is LockState.LOCKED


def test_a_feedback_that_never_answers_is_no_proof_of_an_open_contact():
    """10: the weld check before the first offer."""
    bench = Workbench()
    bench.broken.add("contactor.feedback")
    bench.run(1.0)
    assert not bench.channel._contactor.proved_open
    bench.broken.clear()
    bench.run(0.02)
    assert bench.channel._contactor.proved_open


def test_a_converter_that_does_not_answer_opens_after_three_samples():
    """F-PILOT: and comes back by itself."""
    bench = Workbench()
    bench.charge()
    bench.broken.add("pilot.read")
    bench.run(0.02)
    assert bench.coil
    bench.tick()
    assert (bench.coil, bench.faults) == (False, {"pilot"})
    bench.broken.clear()
    bench.until(lambda: bench.coil, 1.6)


@pytest.mark.parametrize("call", ["lock.state", "lock.lock"])
def test_a_lock_that_does_not_answer_is_a_fault_of_the_lock(call):
    """Contract 3, `lock`: no power without a bolt that is known to be in; its place is then unknown."""
    bench = Workbench()
    bench.car("B")
    bench.run(0.3)
    bench.broken.add(call)
    bench.say(SetLock(1, locked=True))
    bench.run(0.1)
    assert bench.faults == {"lock"}
    if call == "lock.state":
        assert bench.report.lock is LockState.MOVING
    bench.broken.clear()
    bench.run(3.0)
    assert bench.faults == {"lock"}


def test_a_lock_that_falls_silent_while_charging_opens():
    """Rule 1: any doubt opens at once."""
    bench = Workbench()
    bench.charge()
    bench.broken.add("lock.state")
    bench.tick()
    assert not bench.coil


def test_a_driver_that_answers_none_of_its_states_is_no_open_contact():
    """7: feedback None is "not wired": the command stands in for it in the report."""
    bench = Workbench(feedback=False)
    bench.charge()
    assert bench.report.contactor_closed
    bench.car("B")
    bench.run(0.1)
    assert not bench.report.contactor_closed


@pytest.mark.parametrize("broken", ["pilot.close", "contactor.close", "lock.close", "rcd.close", "temperature.close", "proximity.close", ""])
def test_at_the_end_every_device_is_released(broken):
    """F-STOP: one device that fails does not leave the others on."""
    bench = Workbench(proximity=True)
    bench.charge()
    bench.broken.add(broken)
    bench.calls.clear()
    bench.guard.close()
    assert {call[0] for call in bench.calls} == {
        f"{name}.close" for name in ("pilot", "contactor", "lock", "rcd", "ground", "estop", "other", "temperature", "proximity")}
    assert bench.coil is (broken == "contactor.close")
    assert (bench.duty == 1.0) is (broken != "pilot.close")
    assert bench.calls[0][0] == "contactor.close"


def test_an_outlet_without_temperature_and_proximity_is_released_too():
    """Optional devices are optional to the end."""
    from controller.guard.cycle import Channel, Devices, Limits
    from drivers.sim import devices as sim

    bench = Workbench()
    channel = Channel(Devices(sim.SimPilot(bench.world, 1), sim.SimContactor(bench.world, 1), sim.SimLock(bench.world, 1)),
                      Limits(1, 32.0, 32.0, 230.0))
    channel.step(bench.now_s, too_late=False)
    assert channel.report(0).pilot is Pilot.UNKNOWN
    channel.close()
