"""The simulated car: what it does of its own accord, and when (contract.md section 3)."""

import pytest

from drivers.sim.car import Car
from drivers.sim.outlet import Outlet

STEADY, STATE_F = 1.0, 0.0
A10, A16, A32 = 10 / 60, 16 / 60, 32 / 60
"""Duty cycles that offer so many amperes (IEC 61851-1 Annex A)."""


class Story:
    """One outlet whose contactor follows the car, as an obedient guard would have it, and a clock to move."""

    def __init__(self, car: Car | None = None, **changes: object) -> None:
        self.at_s = 0.0
        self.outlet = Outlet(1, max_current_a=32.0, phases=3, nominal_voltage_v=230.0, has_lock=True, energy_scale=1.0)
        self.car = car if car is not None else Car(**changes)  # type: ignore[arg-type]  # the car's own parameters
        self.outlet.plug(self.car, 0.0)

    def offer(self, duty: float) -> None:
        self.outlet.generate(duty, self.at_s)

    def at(self, at_s: float) -> Outlet:
        """The outlet at that time."""
        self.at_s = at_s
        self.outlet.advance(at_s)
        return self.outlet

    def close_contactor(self) -> None:
        self.outlet.energise(True, self.at_s)


def test_a_plugged_car_is_in_state_b_at_once():
    """And stays there without an offer."""
    story = Story()
    assert story.at(0.0).state == "B"
    assert story.at(3600.0).state == "B"


@pytest.mark.parametrize("request_after_s", [0.0, 1.0, 2.5])
def test_it_asks_when_its_time_has_passed_after_the_offer(request_after_s):
    """State C at request_after_s after PWM began, not before."""
    story = Story(request_after_s=request_after_s)
    story.at(10.0)
    story.offer(A16)
    if request_after_s:
        assert story.at(10.0 + request_after_s - 0.001).state == "B"
    assert story.at(10.0 + request_after_s).state == "C"


def test_an_offer_that_was_there_before_the_car_counts_from_the_plugging():
    """PWM is on, then comes the cable."""
    outlet = Outlet(1, max_current_a=32.0, phases=3, nominal_voltage_v=230.0, has_lock=True, energy_scale=1.0)
    outlet.generate(A16, 0.0)
    outlet.plug(Car(), 5.0)
    outlet.advance(5.999)
    assert outlet.state == "B"
    outlet.advance(6.0)
    assert outlet.state == "C"


def test_an_offer_that_is_withdrawn_in_time_is_forgotten():
    """The wait begins anew with the next offer."""
    story = Story()
    story.offer(A16)
    story.at(0.9)
    story.offer(STEADY)
    assert story.at(5.0).state == "B"
    story.offer(A16)
    assert story.at(5.9).state == "B"
    assert story.at(6.0).state == "C"


@pytest.mark.parametrize("end", [STEADY, STATE_F], ids=["steady", "state F"])
def test_it_lets_go_0_3_s_after_the_pilot_went_steady(end):
    """And asks again request_after_s after the next offer (contract.md section 3)."""
    story = Story()
    story.offer(A16)
    story.at(2.0)
    story.offer(end)
    assert story.at(2.299).state == "C"
    assert story.at(2.3).state == "B"
    story.at(8.0)
    story.offer(A10)
    assert story.at(8.999).state == "B"
    assert story.at(9.0).state == "C"


def test_an_offer_that_comes_back_within_0_3_s_is_no_interruption():
    """It had not let go yet."""
    story = Story()
    story.offer(A16)
    story.at(2.0)
    story.offer(STEADY)
    story.at(2.2)
    story.offer(A16)
    assert story.at(10.0).state == "C"


@pytest.mark.parametrize(("current_a", "duty", "drawn_a"), [(32, A16, 16), (10, A16, 10), (32, A32, 32), (0, A16, 0)])
def test_it_draws_the_least_of_offer_and_wish(current_a, duty, drawn_a):
    """On as many phases as it has."""
    story = Story(current_a=current_a)
    story.offer(duty)
    story.at(1.0)
    story.close_contactor()
    assert story.at(1.1).current_a == pytest.approx((drawn_a,) * 3)


@pytest.mark.parametrize(("phases", "outlet_phases", "used"), [(1, 3, 1), (2, 3, 2), (3, 3, 3), (3, 1, 1)])
def test_it_uses_the_phases_that_both_have(phases, outlet_phases, used):
    """A three-phase car at a one-phase outlet charges on one."""
    outlet = Outlet(1, max_current_a=32.0, phases=outlet_phases, nominal_voltage_v=230.0, has_lock=True, energy_scale=1.0)
    outlet.plug(Car(phases=phases), 0.0)
    outlet.generate(A16, 0.0)
    outlet.energise(True, 1.0)
    outlet.advance(2.0)
    assert [amperes > 0 for amperes in outlet.current_a] == [phase < used for phase in range(3)]


def test_it_follows_a_changed_offer_within_a_second():
    """Down and up; 5 s are allowed by the standard, 1 s is promised (contract.md section 3)."""
    story = Story()
    story.offer(A32)
    story.at(1.0)
    story.close_contactor()
    for begin_s, duty, drawn_a in ((5.0, A10, 10.0), (10.0, A16, 16.0)):
        story.at(begin_s)
        story.offer(duty)
        assert story.at(begin_s + 1.0).current_a == pytest.approx((drawn_a,) * 3)


def test_a_row_of_changes_does_not_put_the_following_off():
    """Every 0.4 s another offer: after one second it draws no more than what was offered a second ago."""
    story = Story()
    story.offer(A32)
    story.at(1.0)
    story.close_contactor()
    story.at(5.0)
    for step in range(10):
        story.offer((30 - step) / 60)
        story.at(5.0 + 0.4 * (step + 1))
        assert step < 2 or story.outlet.current_a[0] <= 30 - (step - 2)


@pytest.mark.parametrize("state", ["B", "C", "D", "E", "F"])
def test_a_forced_car_ignores_the_pilot(state):
    """It neither asks nor lets go by itself, whatever is offered (contract.md section 3)."""
    story = Story()
    story.outlet.force(state, 0.0)
    for at_s, duty in ((1.0, A16), (5.0, STEADY), (10.0, STATE_F), (15.0, A32), (20.0, STEADY)):
        story.at(at_s)
        story.offer(duty)
        assert story.at(at_s + 4).state == state


def test_a_forced_car_goes_on_drawing_when_the_offer_ends():
    """The one for which the guard's six seconds are."""
    story = Story(current_a=20)
    story.offer(A16)
    story.outlet.force("C", 0.0)
    story.close_contactor()
    story.at(5.0)
    story.offer(STEADY)
    assert story.at(20.0).current_a == pytest.approx((16.0,) * 3)


def test_a_car_that_is_not_auto_waits_to_be_told():
    """Plugged with auto = false it stays in B."""
    story = Story(auto=False)
    story.offer(A16)
    assert story.at(3600.0).state == "B"


def test_a_welded_contact_makes_a_charging_car_let_go_and_stay_away():
    """So that the weld shows: closed without anybody asking (contract.md, fault kind contactor_welded)."""
    story = Story()
    story.offer(A16)
    story.at(1.0)
    story.close_contactor()
    story.at(5.0)
    story.outlet.set_fault("contactor_welded", active=True, now_s=5.0)
    assert story.at(5.3).state == "B"
    assert story.at(60.0).state == "B"
    assert story.outlet.closed
