"""The whole guard over simulated devices: how charging begins, goes on and ends."""

import math

import pytest

from controller.guard.messages import Measured, Offer, Pilot, SetLock, Withdraw
from controller.guard.pilot import duty_for
from drivers.protocols import LockState
from tests.unit.guard.workbench import VOLTS, Workbench


def test_everything_is_off_before_anything_is_read():
    """10, F-POWER: the first thing that happens is coil off and pilot steady."""
    bench = Workbench()
    bench.car("C")
    bench.tick()
    assert bench.calls[:2] == [("contactor.set", False), ("pilot.set_x1",)]
    assert "feedback" in bench.calls[2][0]
    assert not any(call[0] == "lock.unlock" for call in bench.calls), "lock untouched"


@pytest.mark.parametrize("charging", [False, True])
def test_what_does_not_change_is_not_written_again(charging):
    """A quiet cycle reads and writes nothing, with power or without."""
    bench = Workbench()
    bench.run(0.1)
    if charging:
        bench.charge()
    bench.calls.clear()
    bench.run(0.5)
    assert not {"pilot.set_x1", "pilot.set_pwm", "pilot.set_f", "contactor.set"} & {call[0] for call in bench.calls}


def test_an_outlet_charges_a_car_that_asks():
    """1.1, 3, 4: plugged, locked, offered, asked, closed within 3 s; state C stands half a second first."""
    bench = Workbench()
    bench.car("B")
    bench.run(0.3)
    assert (bench.duty, bench.report.pilot) == (1.0, Pilot.B)
    bench.say(SetLock(1, locked=True))
    bench.offer(16.0)
    bench.run(0.5)
    assert (bench.duty, bench.coil) == (duty_for(16.0), False)
    bench.car("C")
    took_s = bench.until(lambda: bench.coil, 3.0)
    assert 0.5 <= took_s <= 0.54
    bench.run(0.1)
    assert bench.report.contactor_closed


def test_no_offer_no_pwm():
    """3: the pilot stays steady until somebody offers."""
    bench = Workbench(has_lock=False)
    bench.car("C")
    bench.run(5.0)
    assert (bench.duty, bench.coil) == (1.0, False)


def test_nothing_is_offered_to_nobody():
    """A2: with nothing plugged the pilot is steady, whatever is offered."""
    bench = Workbench()
    bench.offer(16.0)
    bench.run(1.0)
    assert bench.duty == 1.0
    bench.car("B")
    bench.run(0.2)
    assert bench.duty == duty_for(16.0)


def test_nothing_is_offered_before_the_line_is_known():
    """10: first the state of the line is confirmed, then there may be PWM."""
    bench = Workbench()
    bench.car("B")
    bench.offer(16.0)
    bench.tick()
    while bench.report.pilot is Pilot.UNKNOWN:
        assert bench.duty == 1.0
        bench.tick()
    assert bench.duty == duty_for(16.0)


@pytest.mark.parametrize(("state", "within_s"), [("B", 0.04), ("A", 0.04), ("E", 0.04), ("F", 0.04), ("D", 0.04)])
def test_contactor_opens_when_the_car_does_not_ask_any_more(state, within_s):
    """2.1, 8.1, 5, F-PILOT: decided within 40 ms of the edge, so that the contacts are open within 100 ms."""
    bench = Workbench()
    bench.charge()
    bench.car(state)
    assert bench.until(lambda: not bench.coil, within_s) <= within_s
    bench.run(5.0)
    assert not bench.coil


def test_a_controlled_stop_begins_with_the_pilot():
    """9, 10.1: steady pilot first, the coil when the car has let go."""
    bench = Workbench()
    bench.charge()
    bench.say(Withdraw(1))
    bench.tick()
    assert (bench.duty, bench.coil) == (1.0, True)
    bench.run(2.0)
    assert bench.coil
    bench.car("B")
    assert bench.until(lambda: not bench.coil, 0.1) <= 0.04


def test_a_car_that_ignores_the_stop_is_opened_after_six_seconds():
    """10.2: under load, after 6 s."""
    bench = Workbench()
    bench.charge()
    bench.withdraw()
    assert bench.until(lambda: not bench.coil, 6.1) == pytest.approx(6.01, abs=0.02)


def test_an_offer_lives_as_long_as_it_says():
    """Rule 2: an offer that is not renewed runs out, and a renewal begins its time anew."""
    bench = Workbench()
    bench.charge()
    bench.offer(16.0, valid_for_s=2.0, renew=False)
    bench.run(1.5)
    bench.offer(16.0, valid_for_s=2.0, renew=False)
    bench.run(1.99)
    assert bench.duty == duty_for(16.0)
    bench.run(0.03)
    assert bench.duty == 1.0


def test_a_controller_that_is_back_in_time_goes_on():
    """F-KILL: within the stopping window a new offer resumes the session without opening."""
    bench = Workbench()
    bench.charge()
    bench.withdraw()
    bench.run(3.0)
    bench.offer(16.0)
    for _ in range(200):
        bench.tick()
        assert bench.coil
    assert bench.duty == duty_for(16.0)


@pytest.mark.parametrize("offer", [Offer(1, math.nan, 10.0), Offer(1, 16.0, math.nan), Offer(1, math.inf, 10.0),
                                   Offer(1, 16.0, math.inf), Offer(1, -math.inf, 10.0), Offer(1, 5.9, 10.0), Offer(1, -1.0, 10.0),
                                   Offer(1, 16.0, 0.0), Offer(1, 16.0, -1.0)], ids=str)
def test_an_offer_that_makes_no_sense_is_none(offer):
    """T-RPC, 3.2: an invalid value ends in X1, also over the link in memory; it replaces the offer before it."""
    bench = Workbench()
    bench.charge()
    bench.renewed = None
    bench.say(offer)
    bench.run(0.05)
    assert bench.duty == 1.0


def test_a_message_for_another_connector_changes_nothing():
    """T-RPC: a connector that is not ours."""
    bench = Workbench()
    bench.charge()
    for message in (Withdraw(2), SetLock(7, locked=False), Offer(3, 6.0, 1.0), Measured(2, (99.0,) * 3, (0.0,) * 3)):
        bench.say(message)
    bench.run(5.0)
    assert (bench.duty, bench.coil) == (duty_for(16.0), True)


def test_the_ceiling_is_the_guards_own():
    """T-OVERPWR: min of configuration, cable and offer; nothing that arrives raises it."""
    bench = Workbench(ceiling_a=20.0)
    bench.charge(80.0)
    assert (bench.duty, bench.report.offered_a) == (duty_for(20.0), 20.0)


def test_a_lower_offer_reaches_the_pilot_at_once_and_a_higher_one_after_five_seconds():
    """6', F-LIMLAG."""
    bench = Workbench()
    bench.charge(16.0)
    bench.run(5.0)
    bench.offer(10.0)
    bench.tick()
    assert bench.duty == duty_for(10.0)
    bench.offer(32.0)
    bench.run(4.9)
    assert bench.duty == duty_for(10.0)
    bench.run(0.2)
    assert bench.duty == duty_for(32.0)


def test_a_bcb_toggle_does_not_close():
    """11: three pulses of 0.4 s wake nobody."""
    bench = Workbench()
    bench.car("B")
    bench.run(0.3)
    bench.say(SetLock(1, locked=True))
    bench.offer(16.0)
    bench.run(0.5)
    for _ in range(3):
        for state in ("C", "B"):
            bench.car(state)
            bench.run(0.4)
    bench.run(0.6)
    assert bench.report.closures == 0


def test_it_does_not_close_within_a_second_after_opening():
    """4.2: a car that changes its mind waits."""
    bench = Workbench()
    bench.charge()
    bench.car("B")
    bench.until(lambda: not bench.coil, 0.1)
    bench.car("C")
    assert bench.until(lambda: bench.coil, 2.0) >= 0.98


def test_a_car_that_flaps_is_locked_out():
    """4.2: more than five closures within a minute; the controller is told the count."""
    bench = Workbench()
    bench.charge()
    for _ in range(5):
        bench.car("B")
        bench.run(0.6)
        bench.car("C")
        bench.run(1.2)
    assert bench.report.closures == 6
    assert bench.told == ["connector 1: EV oscillates: more than 5 closures in 60 s; no power for 60 s, or until it is unplugged"]
    bench.car("B")
    bench.run(0.6)
    bench.car("C")
    bench.run(30.0)
    assert (bench.coil, bench.report.closures, bench.report.rests) == (False, 6, True)
    bench.car("B")
    bench.run(0.1)
    assert not bench.report.rests, "a car that does not ask is not kept waiting"
    bench.car("A")
    bench.run(0.3)
    bench.charge()
    assert not bench.report.rests
    assert bench.coil, "a new car begins with a clean slate"


def test_d_is_served_only_with_ventilation():
    """5: without it D never closes and the pilot still offers; with it D is like C."""
    for ventilation in (False, True):
        bench = Workbench(ventilation=ventilation)
        bench.charge()
        bench.car("D")
        bench.run(2.0)
        assert bench.coil is ventilation
        assert bench.duty == duty_for(16.0)
        assert bench.faults == (set() if ventilation else {"ventilation"})


def test_a_car_that_can_do_without_ventilation_goes_on():
    """4, 5, contract 3: back in C, confirmed for half a second and the warning cleared after one more, within 3 s it closes."""
    bench = Workbench()
    bench.charge()
    bench.car("D")
    bench.run(2.0)
    bench.car("C")
    assert 1.4 <= bench.until(lambda: bench.coil, 3.0) <= 1.6
    assert bench.faults == set()


# -- bolt ----------------------------------------------------------------------------------------------------------------------


def test_no_power_without_the_bolt():
    """6: lock at the latest before closing."""
    bench = Workbench()
    bench.car("B")
    bench.run(0.3)
    bench.offer(16.0)
    bench.run(0.2)
    bench.car("C")
    bench.run(2.0)
    assert not bench.coil
    bench.say(SetLock(1, locked=True))
    assert 0.2 <= bench.until(lambda: bench.coil, 1.0) <= 0.3


def test_a_tethered_cable_needs_none():
    """6: where there is no lock there is nothing to wait for."""
    bench = Workbench(has_lock=False)
    bench.charge()
    assert (bench.coil, bench.report.lock) == (True, LockState.NONE)


def test_the_bolt_does_not_open_while_the_contactor_is_closed():
    """6: never unlock while the contactor is on; the wish is kept and met when it is open."""
    bench = Workbench()
    bench.charge()
    bench.say(SetLock(1, locked=False))
    bench.run(2.0)
    assert (bench.coil, bench.outlet.bolt) == (True, LockState.LOCKED)
    bench.withdraw()
    bench.run(1.0)
    assert bench.outlet.bolt is LockState.LOCKED, "nor in the stopping window"
    bench.car("B")
    bench.until(lambda: bench.outlet.bolt is LockState.MOVING, 0.2)
    assert not bench.outlet.closed, "the contact was open before the bolt moved"


def test_an_outlet_that_is_to_be_unlocked_does_not_close():
    """6: between the wish and the bolt's moving there is no moment to close in, also with a bolt that is stuck."""
    bench = Workbench()
    bench.charge()
    bench.car("B")
    bench.run(2.0)
    bench.fault("lock_stuck")
    bench.say(SetLock(1, locked=False))
    bench.car("C")
    bench.run(6.0)
    assert (bench.report.closures, bench.faults) == (1, {"lock_stuck"})
    bench.fault("lock_stuck", False)
    bench.say(SetLock(1, locked=True))
    bench.until(lambda: bench.coil, 2.0)


def test_the_contactor_does_not_close_in_the_cycle_that_moves_the_bolt():
    """6: a bolt that is told to open counts as moving from that cycle on."""
    bench = Workbench()
    bench.charge()
    bench.car("B")
    bench.run(1.5)
    bench.car("C")
    bench.run(0.48)
    bench.say(SetLock(1, locked=False))
    for _ in range(10):
        bench.tick()
        assert not bench.coil
        assert bench.report.lock is LockState.MOVING


def test_the_contactor_opens_when_the_bolt_leaves_its_place():
    """Rule 1, 6: a bolt that is forced open while charging; then it is driven back in."""
    bench = Workbench()
    bench.charge()
    bench.outlet.bolt = LockState.UNLOCKED
    bench.tick()
    assert not bench.coil
    bench.run(0.3)
    assert bench.outlet.bolt is LockState.LOCKED
    bench.until(lambda: bench.coil, 1.5)


@pytest.mark.parametrize("state", [LockState.UNLOCKED, LockState.MOVING])
def test_the_contactor_opens_when_the_bolt_leaves_its_place_in_the_stopping_window(state):
    """Rule 1: a controlled stop waits for the car, not for a plug that can be pulled."""
    bench = Workbench()
    bench.charge()
    bench.withdraw()
    bench.run(1.0)
    bench.answers["lock.state"] = state
    bench.tick()
    assert not bench.coil


def test_without_feedback_the_bolt_waits_for_the_contact_to_open():
    """6, 7: 150 ms after the coil was released the contact is taken for open."""
    bench = Workbench(feedback=False)
    bench.charge()
    bench.say(SetLock(1, locked=False))
    bench.car("B")
    bench.until(lambda: not bench.coil, 0.1)
    assert 0.14 <= bench.until(lambda: bench.outlet.bolt is LockState.MOVING, 0.3) <= 0.18


def test_a_guard_that_starts_anew_leaves_the_bolt_alone():
    """10: lock untouched at boot."""
    bench = Workbench()
    bench.outlet.bolt = LockState.LOCKED
    bench.car("B")
    bench.run(5.0)
    assert bench.outlet.bolt is LockState.LOCKED
    assert not any(call[0] in ("lock.lock", "lock.unlock") for call in bench.calls)


# -- cable -----------------------------------------------------------------------------------------------------------------------


def test_a_loose_cable_limits_the_offer_from_the_first_cycle():
    """6: sampled at plug-in; not for one cycle is more offered, whatever the last cable carried."""
    bench = Workbench(proximity=True)
    bench.offer(32.0)
    for carries_a, plugged_s in ((20.0, 1.0), (13.0, 1.0), (32.0, 1.0), (63.0, 1.0)):
        bench.proximity.carries_a = carries_a
        bench.car("B")
        for _ in range(round(plugged_s * 100)):
            bench.tick()
            assert bench.outlet.offered_a <= carries_a
        assert bench.report.cable_a == carries_a
        assert bench.report.offered_a == min(32.0, carries_a)
        bench.car("A")
        bench.run(0.3)
        assert bench.report.cable_a == 0.0


def test_the_rating_is_held_for_the_session():
    """6: a plug that reads better later does not carry more."""
    bench = Workbench(proximity=True)
    bench.proximity.carries_a = 13.0
    bench.charge(32.0)
    bench.proximity.carries_a = 63.0
    bench.run(10.0)
    assert bench.report.offered_a == 13.0


def test_a_cable_that_is_lost_stops_the_charging():
    """6: PP open while plugged is a fault until unplugged."""
    bench = Workbench(proximity=True)
    bench.charge(16.0)
    bench.proximity.carries_a = None
    assert 0.4 <= bench.until(lambda: not bench.coil, 1.0) <= 0.7
    assert bench.faults == {"proximity"}
    bench.proximity.carries_a = 32.0
    bench.run(5.0)
    assert (bench.duty, bench.faults) == (1.0, {"proximity"})
    bench.car("A")
    bench.run(0.3)
    assert bench.faults == set()


@pytest.mark.parametrize("why", ["no code", "driver error"])
def test_a_cable_without_code_gets_nothing(why):
    """6: no PP value is 0 A, not a guess."""
    bench = Workbench(proximity=True)
    bench.proximity.carries_a = None
    if why == "driver error":
        bench.broken.add("proximity.cable_a")
    bench.car("B")
    bench.offer(16.0)
    bench.run(0.5)
    assert (bench.duty, bench.faults, bench.report.cable_a) == (1.0, set(), 0.0)
    bench.run(0.3)
    assert (bench.duty, bench.faults) == (1.0, {"proximity"})


def test_a_plug_that_bounces_is_no_fault():
    """6: half a second to make contact."""
    bench = Workbench(proximity=True)
    bench.proximity.carries_a = None
    bench.car("B")
    bench.offer(32.0)
    bench.run(0.4)
    bench.proximity.carries_a = 20.0
    bench.run(0.3)
    assert (bench.report.offered_a, bench.faults) == (20.0, set())


def test_the_cable_is_asked_ten_times_a_second_and_only_while_plugged():
    """6: a converter is not kept busy for nothing."""
    bench = Workbench(proximity=True)
    bench.run(2.0)
    assert not any(call[0] == "proximity.cable_a" for call in bench.calls)
    bench.car("B")
    bench.run(2.1)
    assert 18 <= sum(call[0] == "proximity.cable_a" for call in bench.calls) <= 21


# -- measurements ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("quantity", ["current", "voltage"])
@pytest.mark.parametrize(("phase", "number"), [(0, math.nan), (1, math.inf), (2, -math.inf)])
def test_a_measurement_that_is_no_number_is_none(quantity, phase, number):
    """T-RPC: NaN does not blind the supervision; the last good measurement goes on to count."""
    bench = Workbench()
    bench.charge()
    currents, voltages = [16.0] * 3, list(VOLTS)
    (currents if quantity == "current" else voltages)[phase] = number
    for _ in range(3):
        bench.say(Measured(1, (48.0, 48.0, 48.0), VOLTS))
        bench.say(Measured(1, (currents[0], currents[1], currents[2]), (voltages[0], voltages[1], voltages[2])))
        bench.run(0.5)
    assert bench.faults == {"overcurrent"}


def test_a_measurement_counts_for_five_seconds():
    """F-METER: what the meter said long ago says nothing."""
    bench = Workbench()
    bench.charge(16.0)
    bench.measure(20.0)
    bench.run(30.0)
    assert (bench.report.offered_a, bench.faults) == (16.0, set())


def test_the_highest_phase_is_judged():
    """F-OVER: per phase."""
    bench = Workbench()
    bench.charge(16.0)
    bench.say(Measured(1, (0.0, 0.0, 48.0), VOLTS))
    bench.run(1.1)
    assert bench.faults == {"overcurrent"}
