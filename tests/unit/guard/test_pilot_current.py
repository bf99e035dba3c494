"""Amperes to duty cycle and back (iec61851.md 3.1, 3.2)."""

import math

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from controller.guard.pilot import MAX_OFFER_A, MIN_OFFER_A, amperes_for, duty_for


@pytest.mark.parametrize(("amperes", "percent"), [
    (6, 10.0), (10, 16.6666), (13, 21.6666), (16, 26.6666), (20, 33.3333), (32, 53.3333), (40, 66.6666), (48, 80.0),
    (51, 85.0), (51.0001, 85.0), (52, 85.0), (52.4999, 85.0), (52.5, 85.0), (52.501, 85.0004), (60, 88.0), (63, 89.2),
    (80, 96.0),
])
def test_a_current_has_its_duty_cycle(amperes, percent):
    """0.6 A per percent up to 51 A, 2.5 A per percent over 64 % from 52.5 A, 51 A between; cut off at 1 ns of 1 ms."""
    assert duty_for(amperes) == pytest.approx(percent / 100, abs=1e-12)


def test_sixteen_amperes_are_266_666_nanoseconds():
    """The duty cycle is rounded down to whole nanoseconds, never up."""
    assert duty_for(16) * 1_000_000 == pytest.approx(266_666, abs=1e-6)


def test_half_a_picosecond_short_of_a_nanosecond_is_not_that_nanosecond():
    """What is added against binary rounding is a millionth of a nanosecond, no more."""
    assert duty_for((266_667 - 0.0005) * 60 / 1_000_000) == pytest.approx(0.266666, abs=1e-12)


@pytest.mark.parametrize("amperes", [5.999, 0.0, -6.0, 80.001, 1000.0, math.nan, math.inf, -math.inf])
def test_a_current_that_cannot_be_offered_has_no_duty_cycle(amperes):
    """Nothing is rounded up to 6 A and nothing clamped here: ValueError, with the value and the range."""
    with pytest.raises(ValueError, match=f"^{amperes} A cannot be offered; allowed: 6.0 to 80.0 A$"):
        duty_for(amperes)


@pytest.mark.parametrize(("percent", "amperes"), [
    (0, 0.0), (2.9, 0.0), (5, 0.0), (7.9, 0.0), (8, 6.0), (9.9, 6.0), (10, 6.0), (16.6666, 9.99996), (50, 30.0), (85, 51.0),
    (85.1, 52.75), (89.2, 63.0), (96, 80.0), (96.5, 80.0), (97, 80.0), (97.1, 0.0), (100, 0.0),
])
def test_a_duty_cycle_allows_its_current(percent, amperes):
    """What a vehicle tester reads from each duty cycle (FEV300 rules)."""
    allowed_a = amperes_for(percent / 100)
    assert allowed_a == pytest.approx(amperes, abs=1e-9)
    assert isinstance(allowed_a, float)


def test_every_tenth_of_an_ampere_is_never_exceeded():
    """A car that obeys the pilot draws no more than was offered, and no less than a thousandth below it but in the gap."""
    for tenths in range(60, 801):
        offered_a = tenths / 10
        allowed_a = amperes_for(duty_for(offered_a))
        assert allowed_a <= offered_a + 1e-9, offered_a
        assert offered_a - allowed_a < 0.001 or 51 < offered_a <= 52.5, offered_a


@settings(derandomize=True, deadline=None, max_examples=300)
@given(st.floats(MIN_OFFER_A, MAX_OFFER_A))
@example(52.49999999999999)
@example(6.0)
def test_no_current_at_all_is_exceeded(offered_a):
    """Not only the round numbers: every representable current between 6 and 80 A."""
    assert amperes_for(duty_for(offered_a)) <= offered_a + 1e-9


@settings(derandomize=True, deadline=None, max_examples=300)
@given(st.floats(MIN_OFFER_A, MAX_OFFER_A), st.floats(MIN_OFFER_A, MAX_OFFER_A))
def test_more_current_is_never_less_duty(one_a, other_a):
    """The mapping rises everywhere, over the gap as well."""
    less_a, more_a = sorted((one_a, other_a))
    assert duty_for(less_a) <= duty_for(more_a) <= 0.96
