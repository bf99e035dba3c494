"""The guard's mind, case by case; every row names the clause it stands for."""

import math
from typing import Any

import msgspec
import pytest

from controller.guard.decide import OPEN_UNDER_LOAD_AFTER_S, SHOW_F_S, Memory, Outputs, Seen, asks_for_power, decide
from controller.guard.messages import Pilot
from controller.guard.pilot import duty_for

NOW_S = 0.0
STEADY, STATE_F = 1.0, 0.0
CHARGING = Seen(Pilot.C, diode_fresh=True, offer_a=16.0)
CLOSED = Memory(coil=True, offered_a=16.0, changed_s=NOW_S - 60, pwm_since_s=NOW_S - 60)
OFFERING = Memory(offered_a=16.0, changed_s=NOW_S - 60, pwm_since_s=NOW_S - 60)
STOPPING = Memory(coil=True, changed_s=NOW_S - 1, lately_a=16.0, stopping_since_s=NOW_S - 1)


def case(seen: Seen, was: Memory, duty: float, coil: bool, **changes: Any) -> Any:
    name = changes.pop("id")
    return pytest.param(msgspec.structs.replace(seen, **changes), was, duty, coil, id=name)


@pytest.mark.parametrize(("seen", "was", "duty", "coil"), [
    case(CHARGING, OFFERING, duty_for(16), True, id="4: the car closes S2 in B2, the contactor closes"),
    case(CHARGING, CLOSED, duty_for(16), True, id="5: charging goes on"),
    case(CHARGING, OFFERING, duty_for(16), False, id="4.1: no closing while the supervision forbids it", may_close=False),
    case(CHARGING, CLOSED, duty_for(16), True, id="closed stays closed though it would not close anew", may_close=False),
    case(CHARGING, CLOSED, duty_for(16), False, id="7: the contact did not follow, the coil is released", must_release=True),
    case(CHARGING, OFFERING, duty_for(16), False, id="2.2: no diode, no contactor", diode_fresh=False),
    case(CHARGING, CLOSED, duty_for(16), False, id="2.2: the diode check has grown old", diode_fresh=False),
    case(CHARGING, OFFERING, duty_for(16), False, id="6: bolt not in, no contactor", locked=False),
    case(CHARGING, CLOSED, duty_for(16), False, id="6: the bolt leaves its place while charging", locked=False),
    case(CHARGING, CLOSED, duty_for(16), False, id="8.1: C2 to B2", pilot=Pilot.B),
    case(CHARGING, CLOSED, STEADY, False, id="2.1: unplugged", pilot=Pilot.A, offer_a=None),
    case(CHARGING, CLOSED, duty_for(16), False, id="E is no request", pilot=Pilot.E),
    case(CHARGING, CLOSED, duty_for(16), False, id="F is no request", pilot=Pilot.F),
    case(CHARGING, OFFERING, duty_for(16), False, id="UNKNOWN is no request", pilot=Pilot.UNKNOWN),
    case(CHARGING, CLOSED, duty_for(16), False, id="5: D without ventilation", pilot=Pilot.D),
    case(CHARGING, OFFERING, duty_for(16), True, id="5: D with ventilation", pilot=Pilot.D, ventilation=True),
    case(CHARGING, CLOSED, duty_for(16), False, id="5: the offer stands, the contactor stays open", stays_open=True),
    case(CHARGING, Memory(), duty_for(16), True, id="3: C1 to C2, ready while the car asks"),
    case(CHARGING, CLOSED, STEADY, True, id="9: the offer ends, the pilot goes steady first", offer_a=None),
    case(CHARGING, CLOSED, STEADY, True, id="9: an offer below 6 A is none", offer_a=5.99),
    case(CHARGING, CLOSED, duty_for(6), True, id="6 A is an offer", offer_a=6.0),
    case(CHARGING, CLOSED, STEADY, True, id="9: a fault that stops begins with the pilot", must_stop=True),
    case(CHARGING, STOPPING, STEADY, True, id="10.1: the car has time to obey", offer_a=None),
    case(CHARGING, STOPPING, STEADY, False, id="8.2: the car obeys, C1 to B1", offer_a=None, pilot=Pilot.B),
    case(CHARGING, STOPPING, STEADY, False, id="a stop does not outlast its patience", offer_a=None, patience_s=0.5),
    case(CHARGING, STOPPING, STEADY, False, id="the bolt moves in the stopping window", offer_a=None, locked=False),
    case(CHARGING, STOPPING, STEADY, False, id="the contact is open in the stopping window", offer_a=None, must_release=True),
    case(CHARGING, STOPPING, STEADY, False, id="a fault forbids power in the stopping window", offer_a=None, stays_open=True),
    case(CHARGING, Memory(stopping_since_s=NOW_S - 1), STEADY, False, id="9: steady pilot never closes", offer_a=None),
    case(CHARGING, CLOSED, STEADY, False, id="12: a fault opens at once", must_open=True),
    case(CHARGING, CLOSED, STATE_F, False, id="12: our own fault shows state F", must_open=True, shows_f=True),
    case(CHARGING, CLOSED, STEADY, False, id="opening comes before stopping", must_open=True, must_stop=True),
    case(CHARGING, CLOSED, STEADY, True, id="stopping does not show F", must_stop=True, shows_f=True),
])
def test_outputs_follow_what_is_seen(seen, was, duty, coil):
    """Each clause of the sequence table has its answer (iec61851.md 4, 5, 6, 7; faults-and-threats.md 1, rule 1)."""
    outputs, memory = decide(seen, was, NOW_S)
    assert (outputs.duty, outputs.coil) == (duty, coil)
    assert memory.coil == coil


@pytest.mark.parametrize(("after_s", "coil"), [(0.0, True), (3.0, True), (5.99, True), (6.0, False), (6.01, False)])
def test_a_car_that_ignores_the_steady_pilot_is_cut_off_after_six_seconds(after_s, coil):
    """10.2: the contactor opens under load 6 s after the pilot went steady, not sooner and not later."""
    seen = msgspec.structs.replace(CHARGING, offer_a=None)
    _, memory = decide(seen, CLOSED, NOW_S)
    outputs, _ = decide(seen, memory, NOW_S + after_s)
    assert outputs.coil is coil
    assert OPEN_UNDER_LOAD_AFTER_S == 6.0


def test_the_stopping_window_is_counted_from_its_first_cycle():
    """10.2: cycles within a stop do not begin it anew."""
    seen = msgspec.structs.replace(CHARGING, offer_a=None)
    outputs, memory = decide(seen, CLOSED, NOW_S)
    for cycle in range(1, 601):
        outputs, memory = decide(seen, memory, NOW_S + cycle / 100)
    assert outputs == Outputs(STEADY, coil=False, offered_a=None)
    assert memory.stopping_since_s == NOW_S


def test_a_contactor_that_opened_in_the_stopping_window_does_not_close_again():
    """8.2: a car that lets go and asks again under a steady pilot gets nothing."""
    seen = msgspec.structs.replace(CHARGING, offer_a=None)
    _, memory = decide(msgspec.structs.replace(seen, pilot=Pilot.B), STOPPING, NOW_S)
    outputs, _ = decide(seen, memory, NOW_S + 0.01)
    assert not outputs.coil


@pytest.mark.parametrize(("after_s", "duty"), [(0.0, STATE_F), (0.29, STATE_F), (0.3, STEADY), (60.0, STEADY)])
def test_state_f_is_shown_for_three_tenths_of_a_second(after_s, duty):
    """12: state F is held 0.3 s, then the pilot is steady so that the car can be seen."""
    seen = msgspec.structs.replace(CHARGING, must_open=True, shows_f=True)
    _, memory = decide(seen, CLOSED, NOW_S)
    outputs, memory = decide(seen, memory, NOW_S + after_s)
    assert (outputs.duty, outputs.coil, outputs.offered_a) == (duty, False, None)
    assert memory.opened_since_s == NOW_S
    assert SHOW_F_S == 0.3


def test_the_offer_comes_back_when_the_fault_is_gone():
    """A fault leaves nothing behind but the pause before a rise."""
    _, memory = decide(msgspec.structs.replace(CHARGING, must_open=True), CLOSED, NOW_S)
    outputs, memory = decide(CHARGING, memory, NOW_S + 1)
    assert outputs == Outputs(duty_for(16), coil=True, offered_a=16.0)
    assert (memory.opened_since_s, memory.stopping_since_s) == (None, None)


@pytest.mark.parametrize(("wish_a", "after_s", "offered_a", "changed"), [
    pytest.param(10.0, 0.0, 10.0, True, id="down at once"),
    pytest.param(10.0, 7.0, 10.0, True, id="down later"),
    pytest.param(32.0, 4.99, 16.0, False, id="up too soon"),
    pytest.param(32.0, 5.0, 32.0, True, id="up after the pause"),
    pytest.param(16.0, 2.0, 16.0, False, id="no change"),
    pytest.param(16.0, 8.0, 16.0, False, id="no change later"),
])
def test_the_pilot_falls_at_once_and_rises_after_five_seconds(wish_a, after_s, offered_a, changed):
    """6': the car may take 5 s to follow, so the current in force rises not sooner than 5 s after its last change."""
    was = Memory(coil=True, offered_a=16.0, changed_s=NOW_S, pwm_since_s=NOW_S - 60)
    outputs, memory = decide(msgspec.structs.replace(CHARGING, offer_a=wish_a), was, NOW_S + after_s)
    assert (outputs.offered_a, outputs.duty) == (offered_a, duty_for(offered_a))
    assert memory.offered_a == offered_a
    assert memory.changed_s == (NOW_S + after_s if changed else NOW_S)


def test_the_beginning_of_the_pwm_is_a_change():
    """6': a first offer that is raised a second later waits for the pause like any other."""
    _, memory = decide(msgspec.structs.replace(CHARGING, offer_a=6.0), Memory(), NOW_S)
    assert memory.changed_s == NOW_S
    outputs, _ = decide(CHARGING, memory, NOW_S + 4.9)
    assert outputs.offered_a == 6.0


@pytest.mark.parametrize(("wish_a", "after_s", "offered_a"), [
    pytest.param(16.0, 0.02, 6.0, id="more than before too soon"),
    pytest.param(16.0, 4.98, 6.0, id="more than before just too soon"),
    pytest.param(6.0, 0.02, 6.0, id="the same as before at once"),
    pytest.param(16.0, 5.0, 16.0, id="more after the pause"),
])
@pytest.mark.parametrize("way", ["stop", "open"])
def test_a_steady_pilot_in_between_is_no_way_around_the_pause(way, wish_a, after_s, offered_a):
    """6': an offer that is withdrawn and renewed does not let the current rise within 5 s of the last change."""
    was = msgspec.structs.replace(CLOSED, offered_a=6.0)
    pause = {"offer_a": None} if way == "stop" else {"must_open": True}
    _, memory = decide(msgspec.structs.replace(CHARGING, **pause), was, NOW_S)
    _, memory = decide(msgspec.structs.replace(CHARGING, **pause), memory, NOW_S + 0.01)
    outputs, memory = decide(msgspec.structs.replace(CHARGING, offer_a=wish_a), memory, NOW_S + after_s)
    assert outputs.offered_a == offered_a
    assert memory.changed_s == NOW_S + after_s


@pytest.mark.parametrize("way", [{"offer_a": None}, {"must_open": True}], ids=["stop", "open"])
def test_a_new_car_has_no_past(way):
    """3: what the last car was offered does not hold the next one back."""
    seen = msgspec.structs.replace(CHARGING, **way)
    _, memory = decide(seen, msgspec.structs.replace(CLOSED, offered_a=6.0), NOW_S)
    _, memory = decide(msgspec.structs.replace(seen, pilot=Pilot.A), memory, NOW_S + 1)
    assert (memory.lately_a, memory.changed_s) == (None, -math.inf)
    outputs, _ = decide(CHARGING, memory, NOW_S + 2)
    assert outputs.offered_a == 16.0


@pytest.mark.parametrize(("after_s", "coil"), [(0.0, True), (0.099, True), (0.1, False), (1.0, False)])
def test_an_offer_that_returns_within_a_stop_has_a_moment_to_see_the_diode(after_s, coil):
    """2.2: under a steady pilot there is no diode to see; 0.1 s after the PWM is back it must have been seen."""
    seen = msgspec.structs.replace(CHARGING, diode_fresh=False)
    _, memory = decide(seen, STOPPING, NOW_S)
    assert memory.pwm_since_s == NOW_S
    outputs, _ = decide(seen, memory, NOW_S + after_s)
    assert outputs.coil is coil


def test_an_open_contactor_gets_no_such_moment():
    """2.2: to close, the diode check must be fresh."""
    outputs, _ = decide(msgspec.structs.replace(CHARGING, diode_fresh=False), Memory(), NOW_S)
    assert not outputs.coil


def test_a_stop_that_is_called_off_forgets_when_it_began():
    """10.2: the next stop has its own 6 s."""
    _, memory = decide(CHARGING, STOPPING, NOW_S)
    assert memory.stopping_since_s is None
    _, memory = decide(msgspec.structs.replace(CHARGING, offer_a=None), memory, NOW_S + 1)
    assert memory.stopping_since_s == NOW_S + 1


@pytest.mark.parametrize(("pilot", "ventilation", "asks"), [
    (Pilot.C, False, True), (Pilot.D, True, True), (Pilot.D, False, False), (Pilot.B, True, False), (Pilot.A, True, False),
    (Pilot.E, True, False), (Pilot.F, True, False), (Pilot.UNKNOWN, True, False),
])
def test_only_c_and_d_with_ventilation_ask_for_power(pilot, ventilation, asks):
    """5: state D is served only where there is ventilation."""
    assert asks_for_power(Seen(pilot, ventilation=ventilation)) is asks


@pytest.mark.parametrize("began_s", [64.0, 4096.0])
def test_time_may_begin_anywhere(began_s):
    """The monotonic clock counts from the machine's start: what matters is how long ago things were."""
    _, memory = decide(msgspec.structs.replace(CHARGING, must_open=True, shows_f=True), CLOSED, began_s)
    assert decide(msgspec.structs.replace(CHARGING, must_open=True, shows_f=True), memory, began_s + 0.25)[0].duty == STATE_F
    was = Memory(offered_a=6.0, changed_s=began_s, pwm_since_s=began_s)
    assert decide(CHARGING, was, began_s + 4.5)[0].offered_a == 6.0
    _, memory = decide(msgspec.structs.replace(CHARGING, offer_a=None), CLOSED, began_s)
    assert decide(msgspec.structs.replace(CHARGING, offer_a=None), memory, began_s + 5.5)[0].coil
    assert decide(msgspec.structs.replace(CHARGING, diode_fresh=False), memory, began_s + 0.5)[0].coil


def test_a_pilot_that_has_just_changed_holds_back_no_first_offer():
    """3: without a current before there is nothing to rise from."""
    assert decide(CHARGING, Memory(changed_s=NOW_S), NOW_S)[0].offered_a == 16.0


def test_what_is_not_said_is_on_the_safe_side():
    """Rule 1: no diode, no offer, no past."""
    assert not decide(Seen(Pilot.C, offer_a=16.0), Memory(), NOW_S)[0].coil
    assert Seen(Pilot.C).offer_a is None
    assert (Memory().lately_a, Memory().changed_s) == (None, -math.inf)


def test_after_a_pulse_that_wakes_a_car_the_diode_counts_as_ever():
    """2.2: the offer that comes back has a tenth of a second of grace, and no more; then a check that is old opens."""
    woken = Seen(Pilot.B, diode_fresh=True, offer_a=16.0, wake_up=STEADY)
    outputs, memory = decide(woken, Memory(offered_a=16.0, changed_s=NOW_S - 30, pwm_since_s=NOW_S - 30), NOW_S)
    assert outputs == Outputs(STEADY, coil=False, offered_a=None)
    _, memory = decide(CHARGING, memory, NOW_S + 1)
    assert memory.coil
    assert not decide(msgspec.structs.replace(CHARGING, diode_fresh=False), memory, NOW_S + 2)[0].coil


@pytest.mark.parametrize("made", [Seen(Pilot.C), Memory(), Outputs(1.0, coil=False, offered_a=None)], ids=lambda made: type(made).__name__)
def test_what_was_decided_cannot_be_changed_afterwards(made):
    """A decision is a value: nobody turns a coil on by assignment."""
    with pytest.raises(AttributeError, match="immutable"):
        made.coil = True


def test_the_guard_starts_with_everything_off():
    """10: before anything is known nothing is offered and nothing closes."""
    assert decide(Seen(Pilot.UNKNOWN), Memory(), NOW_S) == (
        Outputs(STEADY, coil=False, offered_a=None), Memory(stopping_since_s=NOW_S))
