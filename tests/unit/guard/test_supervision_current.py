"""The watches over current, voltage, warmth and cable (F-OVER, iec61851.md 6 and 9)."""

import math

import pytest

from controller.guard.supervision import CableWatch, CurrentWatch, TemperatureWatch, VoltageWatch

# -- over-current ------------------------------------------------------------------------------------------------------------


class Draw:
    """A car that draws a current under an offer; looked at ten times a second, time begins at 0 and is binary-exact."""

    def __init__(self, rating_a: float = 32.0) -> None:
        self.watch = CurrentWatch(rating_a)
        self.now_s = 0.0

    def look(self, seconds: float, *, offered_a: float | None, current_a: float) -> None:
        for _ in range(round(seconds * 16)):
            self.watch.look(offered_a=offered_a, measured=(current_a, self.now_s), now_s=self.now_s)
            self.now_s += 1 / 16


@pytest.mark.parametrize(("current_a", "lowered"), [(18.61, True), (18.59, False), (16.0, False)])
def test_more_than_a_tenth_and_an_ampere_over_the_offer_is_too_much(current_a, lowered):
    """F-OVER: measured current > limit x 1.1 + 1 A."""
    draw = Draw()
    draw.look(6.0, offered_a=16.0, current_a=current_a)
    assert (draw.watch.cap_a is not None) is lowered
    assert not draw.watch.tripped


def test_a_car_that_draws_too_much_is_lowered_once_and_then_opened():
    """F-OVER, first rule: after 5 s lower the pilot once, 5 s later open."""
    draw = Draw()
    draw.look(5.0625, offered_a=16.0, current_a=20.0)
    assert draw.watch.cap_a is None, "not before 5 s have passed"
    draw.look(0.0625, offered_a=16.0, current_a=20.0)
    assert draw.watch.cap_a == 15.0
    draw.look(5.0, offered_a=15.0, current_a=20.0)
    assert not draw.watch.tripped
    draw.look(0.0625, offered_a=15.0, current_a=20.0)
    assert draw.watch.tripped
    assert draw.watch.cap_a == 15.0, "once"


def test_the_pilot_is_not_lowered_below_six_amperes():
    """F-OVER: 6 A is the least that can be offered."""
    draw = Draw()
    draw.look(6.0, offered_a=6.0, current_a=10.0)
    assert draw.watch.cap_a == 6.0


def test_a_car_that_follows_the_lowered_pilot_goes_on():
    """F-OVER: the lower offer stays until the car has gone; it is not opened."""
    draw = Draw()
    draw.look(6.0, offered_a=16.0, current_a=20.0)
    draw.look(60.0, offered_a=15.0, current_a=15.0)
    assert (draw.watch.tripped, draw.watch.cap_a) == (False, 15.0)


def test_five_seconds_are_counted_in_one_piece():
    """F-OVER: a car that is right in between begins anew."""
    draw = Draw()
    for _ in range(3):
        draw.look(4.0, offered_a=16.0, current_a=20.0)
        draw.look(1.0, offered_a=16.0, current_a=16.0)
    assert draw.watch.cap_a is None


def test_a_car_has_five_seconds_to_follow_a_lower_offer():
    """6, F-LIMLAG: judged is what was allowed in the last 5 s; then the rule of F-OVER begins."""
    draw = Draw()
    draw.look(10.0, offered_a=32.0, current_a=32.0)
    draw.look(5.0, offered_a=10.0, current_a=32.0)
    assert not draw.watch.restless
    draw.look(0.125, offered_a=10.0, current_a=32.0)
    assert draw.watch.restless
    draw.look(5.125, offered_a=10.0, current_a=32.0)
    assert draw.watch.cap_a == 9.0


def test_what_was_allowed_for_a_moment_counts_for_five_seconds():
    """6: also when the offer went down step by step, and up again."""
    draw = Draw()
    for offered_a in (32.0, 24.0, 16.0, 10.0, 16.0):
        draw.look(1.0, offered_a=offered_a, current_a=30.0)
    assert not draw.watch.restless
    draw.look(2.0, offered_a=10.0, current_a=30.0)
    assert draw.watch.restless, "24 A are no longer allowed"
    draw.look(1.0, offered_a=10.0, current_a=18.0)
    assert not draw.watch.restless, "16 A still are"


def test_without_an_offer_there_is_no_limit_to_exceed():
    """F-OVER: a current through an open contactor is a weld, not an over-current."""
    draw = Draw()
    draw.look(30.0, offered_a=None, current_a=20.0)
    assert (draw.watch.tripped, draw.watch.cap_a, draw.watch.restless) == (False, None, False)


@pytest.mark.parametrize(("current_a", "tripped"), [(40.0, False), (40.1, True), (48.0, True)])
@pytest.mark.parametrize("offered_a", [None, 32.0])
def test_more_than_the_rating_allows_opens_after_a_second(current_a, tripped, offered_a):
    """F-OVER, second rule: current > rating x 1.25 for 1 s, whatever is offered."""
    draw = Draw()
    draw.look(1.0, offered_a=offered_a, current_a=current_a)
    assert not draw.watch.tripped
    assert draw.watch.restless is (tripped or offered_a is not None)
    draw.look(0.0625, offered_a=offered_a, current_a=current_a)
    assert draw.watch.tripped is tripped


def test_what_is_not_measured_is_not_judged():
    """F-METER: without a meter there is no over-current supervision; a count that has begun begins anew."""
    draw = Draw()
    draw.look(0.9, offered_a=32.0, current_a=48.0)
    draw.watch.look(offered_a=32.0, measured=None, now_s=draw.now_s)
    assert not draw.watch.restless
    draw.look(0.9, offered_a=32.0, current_a=48.0)
    assert not draw.watch.tripped


def test_a_short_peak_is_not_a_trip():
    """F-OVER, second rule: the second is counted in one piece."""
    draw = Draw()
    for _ in range(5):
        draw.look(0.9, offered_a=32.0, current_a=48.0)
        draw.look(0.1, offered_a=32.0, current_a=32.0)
        assert not draw.watch.tripped


def looks(watch: CurrentWatch, *rows: tuple[float, float | None, float]) -> CurrentWatch:
    """Single looks: at which time, under which offer, at which current."""
    for now_s, offered_a, current_a in rows:
        watch.look(offered_a=offered_a, measured=(current_a, now_s), now_s=now_s)
    return watch


@pytest.mark.parametrize(("now_s", "lowered"), [(5.0, False), (5.001, True)])
def test_the_five_seconds_are_met_exactly(now_s, lowered):
    """F-OVER: > 5 s."""
    assert (looks(CurrentWatch(32.0), (0.0, 16.0, 20.0), (now_s, 16.0, 20.0)).cap_a is not None) is lowered


@pytest.mark.parametrize(("now_s", "tripped"), [(0.999, False), (1.0, True)])
def test_the_second_over_the_rating_is_met_exactly(now_s, tripped):
    """F-OVER: for 1 s."""
    assert looks(CurrentWatch(32.0), (0.0, 32.0, 48.0), (now_s, 32.0, 48.0)).tripped is tripped


def test_the_limit_itself_is_allowed():
    """F-OVER: > limit x 1.1 + 1 A."""
    assert not looks(CurrentWatch(32.0), (0.0, 16.0, 16.0 * 1.1 + 1.0)).restless


def test_nothing_is_wrong_before_the_first_look_at_a_current():
    """F-OVER: and the first look begins the counts at its own time."""
    assert not CurrentWatch(32.0).tripped
    watch = looks(CurrentWatch(32.0), (100.0, 16.0, 48.0))
    assert (watch.tripped, watch.cap_a) == (False, None)


def test_five_seconds_after_a_reduction_the_old_offer_no_longer_counts():
    """6: five seconds, not a cycle more."""
    rows = ((0.0, 32.0, 32.0), (1.0, 10.0, 32.0), (5.999, 10.0, 32.0))
    assert not looks(CurrentWatch(32.0), *rows).restless
    assert looks(CurrentWatch(32.0), *rows, (6.0, 10.0, 32.0)).restless


def test_an_offer_that_returns_to_what_it_was_is_remembered():
    """6: the last change is the one that lasts."""
    rows = ((0.0, 16.0, 16.0), (1.0, 10.0, 16.0), (2.0, 16.0, 16.0), (9.0, 16.0, 16.0))
    assert not looks(CurrentWatch(32.0), *rows).restless


def test_the_next_car_is_not_judged_by_the_last():
    """F-OVER: lowered and tripped until unplugged."""
    draw = Draw()
    draw.look(4.9, offered_a=8.0, current_a=48.0)
    assert draw.watch.tripped
    draw.watch.unplugged()
    assert (draw.watch.tripped, draw.watch.cap_a, draw.watch.restless) == (False, None, False)
    draw.look(0.5, offered_a=8.0, current_a=48.0)
    assert (draw.watch.tripped, draw.watch.cap_a) == (False, None)
    draw.look(6.0, offered_a=8.0, current_a=12.0)
    assert draw.watch.cap_a == 7.0
    draw.watch.unplugged()
    assert draw.watch.cap_a is None
    draw.look(2.0, offered_a=32.0, current_a=32.0)
    draw.watch.unplugged()
    draw.look(0.125, offered_a=8.0, current_a=12.0)
    assert draw.watch.restless, "what the last car was allowed does not count"


# -- voltage -----------------------------------------------------------------------------------------------------------------


def volts(fraction: float) -> tuple[float, float, float]:
    return (200.0 * fraction,) * 3


@pytest.mark.parametrize(("fraction", "after_s"), [
    (0.8505, None), (0.8495, 3.0), (0.8005, 3.0), (0.7995, 1.0), (0.7605, 1.0), (0.76, 0.4), (0.75, 0.4), (0.0, 0.4),
    (1.1495, None), (1.1505, 3.0), (1.1995, 3.0), (1.2005, 1.0), (1.2395, 1.0), (1.24, 0.4), (1.25, 0.4),
])
def test_the_further_off_the_sooner(fraction, after_s):
    """9: +-15 % for 3 s, +-20 % for 1 s; contract 3: -25 % and +25 % leave time to open within 2 s."""
    watch = VoltageWatch(200.0)
    watch.look(volts(fraction), 0.0)
    assert watch.restless is (after_s is not None)
    assert (watch.under, watch.over) == (False, False)
    watch.look(volts(fraction), (after_s or 60.0) - 0.001)
    assert (watch.under, watch.over) == (False, False)
    watch.look(volts(fraction), after_s or 60.0)
    assert watch.under is (after_s is not None and fraction < 1)
    assert watch.over is (after_s is not None and fraction > 1)
    watch.look(volts(1.0), 100.0)
    assert (watch.under, watch.over, watch.restless) == (False, False, False)


@pytest.mark.parametrize(("fraction", "within_s"), [(0.85, 3.0), (1.15, 3.0), (0.8, 1.0), (1.2, 1.0)])
def test_the_limits_themselves_are_out(fraction, within_s):
    """9: a limit that is reached is exceeded; doubt ends in no."""
    watch = VoltageWatch(256.0)
    level_v = 256.0 * fraction + (-1e-9 if fraction < 1 else 1e-9)
    for now_s in (0.0, within_s):
        watch.look((level_v, level_v, level_v), now_s)
    assert watch.under or watch.over


def test_the_supply_is_good_before_it_is_measured():
    """9: and the first look begins the counts at its own time."""
    watch = VoltageWatch(200.0)
    assert (watch.under, watch.over, watch.restless) == (False, False, False)
    watch.look(volts(0.5), 100.0)
    assert not watch.under


def test_time_out_of_range_is_counted_in_one_piece():
    """9: a supply that recovers begins anew, for each limit by itself."""
    watch = VoltageWatch(200.0)
    for now_s, fraction in ((0.0, 0.75), (0.3, 0.9), (0.5, 0.75), (0.8, 0.82), (1.4, 0.79), (2.3, 0.79)):
        watch.look(volts(fraction), now_s)
        assert not watch.under
    watch.look(volts(0.84), 3.4)
    assert not watch.under, "the 20 % are left again, and the 15 % not 3 s old"
    watch.look(volts(0.84), 3.5)
    assert watch.under, "3 s outside 15 %"


@pytest.mark.parametrize(("voltage_v", "under", "over"), [
    ((230.0, 0.0, 0.0), False, False), ((230.0, 50.0, 40.0), False, False), ((230.0, 230.0, 170.0), True, False),
    ((230.0, 50.1, 230.0), True, False), ((230.0, 230.0, 290.0), False, True), ((0.0, 230.0, 230.0), True, False),
    ((170.0, 0.0, 0.0), True, False), ((230.0, 173.0, 290.0), False, True), ((230.0, 290.0, 160.0), True, False),
])
def test_the_phase_that_is_furthest_off_decides(voltage_v, under, over):
    """9: idle phases show induced voltage, so below 50 V they are absent; L1 must be there."""
    watch = VoltageWatch(230.0)
    for now_s in (0.0, 0.5):
        watch.look(voltage_v, now_s)
    assert (watch.under, watch.over) == (under, over)


# -- temperature -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("temperature_c", "limit_a"), [
    (-40, 32.0), (59.9, 32.0), (60, 32.0), (67.5, 19.0), (61.5, 29.4), (75, 6.0), (79.9, 6.0), (90, 6.0),
])
def test_warmth_takes_current_away(temperature_c, limit_a):
    """9: linear from 60 C down to 6 A at 75 C."""
    assert TemperatureWatch().limit_a(temperature_c, 32.0) == pytest.approx(limit_a)


def test_a_small_connector_is_not_given_more_by_warmth():
    """T-OVERPWR: 6 A are the least to offer, not the least of the ceiling."""
    assert TemperatureWatch().limit_a(70, 5.0) == 5.0
    assert TemperatureWatch().limit_a(20, 5.0) == 5.0
    assert TemperatureWatch.unknown_a(5.0) == 5.0
    assert TemperatureWatch.unknown_a(32.0) == 6.0


def test_too_hot_stops_until_it_is_ten_degrees_cooler():
    """9, contract 3: stop at 80 C, again below 70 C."""
    watch = TemperatureWatch()
    for temperature_c, too_hot in ((79.9, False), (80.0, True), (79.0, True), (70.0, True), (69.9, False), (79.9, False)):
        watch.limit_a(temperature_c, 32.0)
        assert watch.too_hot is too_hot, temperature_c


def test_the_temperatures_can_be_chosen():
    """Contract 2: derate_from_c, derate_to_c, stop_c; again ten degrees lower."""
    watch = TemperatureWatch(derate_from_c=40, derate_to_c=50, stop_c=55)
    assert watch.limit_a(40, 26.0) == 26.0
    assert watch.limit_a(45, 26.0) == 16.0
    for temperature_c, too_hot in ((54.9, False), (55, True), (45, True), (44.9, False)):
        watch.limit_a(temperature_c, 26.0)
        assert watch.too_hot is too_hot


@pytest.mark.parametrize("nonsense", [math.nan, math.inf, -math.inf])
def test_a_temperature_that_is_no_number_tells_nothing(nonsense):
    """9: a failing sensor means 6 A, and does not make a hot connector cool."""
    watch = TemperatureWatch()
    assert watch.limit_a(nonsense, 32.0) == 6.0
    assert not watch.too_hot
    watch.limit_a(85, 32.0)
    assert watch.limit_a(nonsense, 32.0) == 6.0
    assert watch.too_hot


# -- cable ---------------------------------------------------------------------------------------------------------------------


def test_the_cable_is_read_at_plug_in_and_held():
    """6: sample PP at plug-in and hold it for the session."""
    watch = CableWatch()
    assert (watch.amperes, watch.missing) == (None, False)
    watch.look(20.0, 1.0)
    watch.look(32.0, 1.1)
    assert (watch.amperes, watch.missing) == (20.0, False)


def test_it_is_read_ten_times_a_second():
    """6: a lost contact must be noticed, the converter not be kept busy."""
    watch = CableWatch()
    assert watch.due(0.0)
    watch.look(20.0, 0.0)
    assert not watch.due(0.0995)
    assert watch.due(0.1)
    watch.unplugged()
    assert watch.due(0.05)


@pytest.mark.parametrize("none", [None, math.nan, math.inf])
def test_a_cable_without_code_is_missing_after_half_a_second(none):
    """6: no PP value means 0 A; a plug that bounces for a moment is no fault."""
    watch = CableWatch()
    for now_s, missing in ((64.0, False), (64.499, False), (64.5, True), (64.6, True)):
        watch.look(none, now_s)
        assert (watch.amperes, watch.missing) == (None, missing)
    watch.look(13.0, 64.7)
    assert (watch.amperes, watch.missing) == (13.0, False)


def test_a_contact_that_is_lost_while_plugged_is_a_fault():
    """6: PP open or short while plugged; what the cable carried is not forgotten meanwhile."""
    watch = CableWatch()
    watch.look(20.0, 0.0)
    for now_s, missing in ((0.25, False), (0.49, False), (0.5, True)):
        watch.look(None, now_s)
        assert watch.missing is missing
    assert watch.amperes == 20.0


def test_the_next_cable_has_its_own_code():
    """6: nothing is left of the last one."""
    watch = CableWatch()
    watch.look(20.0, 0.0)
    watch.look(None, 1.0)
    assert watch.missing
    watch.unplugged()
    assert (watch.amperes, watch.missing) == (None, False)
    watch.look(None, 2.0)
    assert not watch.missing
    watch.look(32.0, 2.1)
    assert watch.amperes == 32.0
