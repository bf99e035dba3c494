"""Volts to vehicle state: windows, hysteresis, debounce, diode (iec61851.md 2, 4.1)."""

import math

import pytest

from controller.guard.messages import Pilot
from controller.guard.pilot import BAD_SAMPLES, PilotWatch, classify
from drivers.protocols import PilotSample
from tests.unit.guard.pilot_line import LEVEL_V, UNKNOWN, A, B, C, D, E, F, Line


def allowed(samples: int) -> tuple[int, ...]:
    """Two samples are two; half a second of 10 ms may end a cycle later by binary arithmetic."""
    return (samples,) if samples == 2 else (samples, samples + 1)


# -- windows -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("level_v", "state"), [
    (13, A), (12, A), (11, A), (10, B), (9, B), (8, B), (7, C), (6, C), (5, C), (4, D), (3, D), (2, D), (1, E), (0, E),
    (-1, E), (-5.6, E), (-6.4, F), (-11, F), (-12, F), (-13, F),
])
@pytest.mark.parametrize("before", list(Pilot))
def test_a_level_within_its_window_is_that_state_whatever_was_before(level_v, state, before):
    """2.1: the plateaus +-1 V; what was before matters only in the gaps."""
    assert classify(level_v, before) is state


@pytest.mark.parametrize(("boundary_v", "above", "below"), [
    (10.5, A, B), (7.5, B, C), (4.5, C, D), (1.5, D, E), (-6.0, E, F),
])
def test_near_a_boundary_the_state_before_is_kept(boundary_v, above, below):
    """2.1: +-0.3 V around each mid-point invent no change."""
    for level_v in (boundary_v - 0.299, boundary_v + 0.299):
        assert classify(level_v, above) is above
        assert classify(level_v, below) is below
    assert classify(boundary_v + 0.301, below) is above
    assert classify(boundary_v - 0.301, above) is below


@pytest.mark.parametrize(("level_v", "state"), [(10.5001, A), (10.5, B), (7.5001, B), (7.5, C), (1.5001, D), (1.5, E)])
def test_a_state_that_is_neither_neighbour_decides_nothing_at_a_boundary(level_v, state):
    """2.1: coming from elsewhere the mid-point itself divides."""
    assert classify(level_v, UNKNOWN) is state


# -- debounce ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("before", "after", "samples"), [
    (A, B, 11), (B, A, 26),
    (B, C, 51), (A, C, 51), (E, C, 51),
    (C, B, 2), (C, E, 2), (C, F, 2), (C, D, 2), (B, E, 2), (B, F, 2), (B, D, 2), (A, E, 2), (E, B, 2), (E, A, 2),
    (D, C, 51),
])
def test_a_change_is_believed_after_its_time(before, after, samples):
    """4.1: what opens needs two samples, what closes half a second, a plug a tenth (iec61851.md 4, sequence 2.1, 8.1)."""
    line = Line(before)
    assert line.until(after, instead=before) in allowed(samples)
    assert not line.watch.undecided


@pytest.mark.parametrize(("state", "samples"), [(A, 11), (B, 11), (C, 51), (D, 2), (E, 2), (F, 2)])
def test_the_first_state_after_the_start_is_confirmed_like_any_other(state, samples):
    """10: a guard that starts in front of a car in C waits its half second before it believes."""
    assert Line().until(state, instead=UNKNOWN) in allowed(samples)


@pytest.mark.parametrize(("before", "after", "needed_s"), [
    (UNKNOWN, A, 0.1), (UNKNOWN, B, 0.1), (UNKNOWN, C, 0.5), (UNKNOWN, E, 0.009), (A, B, 0.1), (B, A, 0.25), (B, C, 0.5),
    (D, C, 0.5), (E, A, 0.009),
])
def test_the_time_to_confirm_is_met_exactly(before, after, needed_s):
    """4.1: not a cycle more than it says."""
    watch = PilotWatch()
    watch.state = watch._candidate = before
    for now_s in (0.0, needed_s - 0.0005):
        watch.look(PilotSample(now_s, LEVEL_V[after], None), pwm=False, now_s=now_s)
        assert watch.state is before
    watch.look(PilotSample(needed_s, LEVEL_V[after], None), pwm=False, now_s=needed_s)
    assert watch.state is after


def test_a_plug_that_is_pulled_under_power_ends_the_power_at_once_and_the_session_after_its_time():
    """4.1: two samples for the contactor, a quarter of a second until the plug is said to be out."""
    line = Line(C)
    assert [line.one(A) for _ in range(26)] == [C, *[B] * 24, A]


@pytest.mark.parametrize("samples", [2, 10, 20])
def test_a_glitch_to_plus_twelve_volts_is_no_pulled_plug(samples):
    """4.1: what a spark or a bad contact shows for a moment ends the power; it does not end the session."""
    line = Line(C)
    shown = {line.one(A) for _ in range(samples)} | {line.one(C) for _ in range(60)}
    assert A not in shown
    assert line.one(C) is C


def test_without_a_word_about_ventilation_there_is_none():
    """5: D asks for nothing, so it is believed like any state that opens."""
    watch = PilotWatch()
    for now_s in (0.0, 0.01):
        watch.look(PilotSample(now_s, 3.0, None), pwm=False, now_s=now_s)
    assert watch.state is D


@pytest.mark.parametrize(("before", "after", "samples"), [(B, D, 51), (A, D, 51), (C, D, 2), (D, C, 2), (D, B, 2)])
def test_where_there_is_ventilation_d_asks_for_power_like_c(before, after, samples):
    """5: D is confirmed like C before it may close, and one follows the other at once."""
    assert Line(before, ventilation=True).until(after, instead=before) in allowed(samples)


@pytest.mark.parametrize("pulse_s", [0.2, 0.25, 0.3, 0.4, 0.49])
def test_a_bcb_toggle_is_no_request(pulse_s):
    """11: up to three pulses of C within 3.5 s wake the station, they do not close its contactor."""
    line = Line(B)
    for _ in range(3):
        for _ in range(round(pulse_s * 100)):
            assert line.one(C) is B
        line.show(B, 0.3)
    assert line.watch.state is B


def test_a_single_odd_sample_while_charging_changes_nothing():
    """4.1: one burst is cut by the contactor's own spark now and then; two agreeing ones are needed."""
    line = Line(C)
    for odd in (B, A, E):
        assert line.one(odd) is C
        for _ in range(2):
            assert line.one(C) is C
    assert line.one(C) is C


def test_samples_that_disagree_on_everything_but_power_open():
    """F-PILOT: B and then A are two samples without a request; the least that can be said is that a car is plugged."""
    line = Line(C)
    assert line.one(B) is C
    assert line.one(A) is B


@pytest.mark.parametrize("odd", [A, B, D, E])
def test_a_flapping_line_is_no_request(odd):
    """F-PILOT: a line that shows every other sample without a request opens within 50 ms."""
    line = Line(C)
    seen = [line.one(state) for state in (odd, C, odd, C, odd)]
    assert seen == [C, C, C, C, B]
    assert line.one(C) is B, "and one more sample of C does not close"


def test_doubt_is_taken_back_one_good_sample_at_a_time():
    """4.1: two good samples in a row do not wipe out what came before them."""
    line = Line(C)
    seen = [line.one(state) for state in (B, C, B, C, C, B, C, B)]
    assert seen == [C] * 7 + [B]


def test_a_request_that_was_only_just_believed_has_no_credit():
    """4.1: the first two samples without a request open, also right after the closing."""
    line = Line(B)
    line.until(C, instead=B)
    assert line.one(B) is C
    assert line.one(A) is B


def test_a_line_that_flaps_slowly_enough_stays():
    """4.1: two good samples make up for an odd one."""
    line = Line(C)
    for _ in range(20):
        assert [line.one(state) for state in (B, C, C)] == [C, C, C]


def test_doubt_does_not_gather_while_nothing_is_under_power():
    """4.1: what happened in B is forgotten when C has been confirmed."""
    line = Line(B)
    line.show(B, 1.0)
    line.show(C, 0.52)
    assert line.watch.state is C
    assert line.one(B) is C


def test_doubt_about_one_request_does_not_weigh_on_the_next():
    """4.1: a request that was taken back leaves no doubt behind."""
    line = Line(C)
    line.one(B), line.one(A)
    line.show(C, 0.6)
    assert line.watch.state is C
    assert line.one(B) is C


def test_the_same_burst_is_not_taken_twice():
    """4.1: two agreeing bursts are needed, not one burst that is read twice."""
    line = Line(C)
    line.sample(9.0, -12.0)
    assert line.sample(9.0, -12.0, at_s=line.now_s) is C
    assert line.sample(9.0, -12.0) is B


# -- bad samples -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("high_v", "low_v"), [
    (13.6, -12.0), (6.0, -13.6), (math.nan, -12.0), (6.0, math.nan), (math.inf, -12.0), (6.0, -math.inf), (None, None),
    (-13.6, None), (6.0, 13.6),
], ids=str)
def test_three_impossible_samples_are_a_broken_line(high_v, low_v):
    """F-PILOT: out of band for three samples; a number that is none is out of every band."""
    line = Line(C)
    assert BAD_SAMPLES == 3
    for broken in (False, False, True):
        assert line.sample(high_v, low_v) is C
        assert line.watch.broken is broken
    line.one(C)
    assert not line.watch.broken


@pytest.mark.parametrize(("high_v", "low_v"), [(13.5, -13.5), (None, -12.0), (-13.5, None)])
def test_the_widest_possible_levels_are_no_fault(high_v, low_v):
    """2.1: what a generator of ours can bring is a reading, whatever it means."""
    line = Line(B)
    for _ in range(5):
        line.sample(high_v, low_v)
    assert not line.watch.broken


def test_a_missing_positive_half_is_read_from_the_negative():
    """2: a line at steady -12 V from outside is state F, also while PWM is asked for."""
    line = Line(C)
    line.sample(None, -12.0)
    assert line.sample(None, -12.0) is F


def test_a_line_is_neither_good_nor_bad_before_it_is_looked_at():
    """F-PILOT: three samples are three from the first one on."""
    line = Line()
    line.nothing(2)
    assert not line.watch.broken
    line.nothing()
    assert line.watch.broken


def test_a_converter_that_does_not_answer_three_times_is_a_broken_line():
    """F-PILOT: a dead converter."""
    line = Line(C)
    line.nothing(2)
    assert not line.watch.broken
    line.nothing()
    assert line.watch.broken
    for _ in range(10):
        line.nothing()
    line.one(C)
    assert not line.watch.broken, "however long it was away, the first answer ends it"


def test_a_line_that_is_bad_more_often_than_good_is_broken():
    """F-PILOT: a good sample now and then does not hide a failing converter."""
    line = Line(C)
    for _ in range(2):
        line.nothing(2)
        line.one(C)
    line.nothing()
    assert line.watch.broken


def test_a_good_line_forgets_a_miss():
    """F-PILOT: misses far apart are no fault."""
    line = Line(C)
    for _ in range(10):
        line.nothing()
        line.one(C), line.one(C)
        assert not line.watch.broken
    line.nothing(2)
    assert not line.watch.broken, "good samples are no credit for bad ones"


@pytest.mark.parametrize(("age_s", "broken"), [(0.0, False), (0.06, False), (0.061, True), (10.0, True), (-0.06, False), (-0.061, True),
                                               (math.nan, True)])
def test_a_sample_older_than_60_ms_is_none(age_s, broken):
    """F-PILOT: a converter that stands still is noticed at once; one whose clock is ahead of ours tells nothing."""
    line = Line(C)
    line.tick = 0
    line.watch.look(PilotSample(-age_s, 6.0, -12.0), pwm=True, now_s=0.0)
    assert line.watch.broken is broken


# -- diode -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("low_v", "fresh"), [(-12.0, True), (-10.0, True), (-9.99, False), (-6.0, False), (None, False)])
@pytest.mark.parametrize("state", [B, C, D])
def test_the_diode_shows_in_the_negative_half(state, low_v, fresh):
    """2.2: at -10 V or below the negative half is not loaded; a bare resistor loads it."""
    line = Line(state, pwm=False)
    line.pwm = True
    line.sample(LEVEL_V[state], low_v)
    assert line.watch.diode_fresh(line.now_s) is fresh


@pytest.mark.parametrize("state", [A, E])
def test_without_a_car_there_is_no_diode(state):
    """2.2: with nothing plugged the negative half proves nothing, and its absence neither."""
    line = Line(state)
    assert not line.watch.diode_fresh(line.now_s)
    for _ in range(10):
        line.sample(LEVEL_V[state], 0.0)
    assert not line.watch.diode_missing


def test_without_pwm_there_is_nothing_to_check():
    """2.2: only while PWM runs is there a negative half."""
    line = Line(C, pwm=False)
    line.sample(6.0, -12.0)
    assert not line.watch.diode_fresh(line.now_s)
    for _ in range(10):
        line.sample(6.0, None)
    assert not line.watch.diode_missing


def test_a_diode_check_is_fresh_for_half_a_second():
    """2.2: no fresh, valid diode check, no contactor."""
    line = Line(C)
    seen_s = line.now_s
    assert line.watch.diode_fresh(seen_s + 0.49)
    assert not line.watch.diode_fresh(seen_s + 0.51)
    watch = PilotWatch()
    watch.look(PilotSample(0.0, 9.0, -12.0), pwm=True, now_s=0.0)
    assert watch.diode_fresh(0.5)
    assert not watch.diode_fresh(0.501)
    assert watch.diode_fresh(0.75, within_s=0.75)
    assert not watch.diode_fresh(0.75, within_s=0.7)


def test_nobody_has_seen_a_diode_at_the_start():
    """2.2: at time 0 as little as ever."""
    assert not PilotWatch().diode_fresh(0.0)


def test_three_samples_without_diode_are_a_fault():
    """2.2, F-PILOT: diode missing, at once but not for a burst that the first edge cut."""
    line = Line(B)
    for missing in (False, False, True):
        line.sample(9.0, -9.0)
        assert line.watch.diode_missing is missing
    line.one(B)
    assert not line.watch.diode_missing


@pytest.mark.parametrize("gone", [None, A, E, F])
def test_every_car_has_three_samples(gone):
    """2.2: the first one as well as the next, no more and no fewer."""
    line = Line(gone)
    for missing in (False, False, True):
        line.sample(9.0, -9.0)
        assert line.watch.diode_missing is missing


@pytest.mark.parametrize("spoil", [
    lambda line: line.nothing(), lambda line: line.nothing(2), lambda line: line.sample(6.0, -6.0),
    lambda line: (line.sample(6.0, -6.0), line.sample(6.0, -6.0)), lambda line: (line.one(B), line.one(C)), lambda line: line.one(B),
], ids=["a miss", "two misses", "no diode", "no diode twice", "doubt", "candidate"])
def test_it_is_undecided_while_it_counts(spoil):
    """4.1: a runner in virtual time must look again at once while samples are being counted, and not for ever."""
    line = Line(C)
    assert not line.watch.undecided
    spoil(line)
    assert line.watch.undecided
    line.show(C, 0.05)
    assert not line.watch.undecided


@pytest.mark.parametrize("spoil", [
    lambda line: line.nothing(3), lambda line: [line.sample(6.0, -6.0) for _ in range(3)],
], ids=["broken", "diode missing"])
def test_what_is_certain_is_not_undecided(spoil):
    """4.1: a line that is known to be broken need not be looked at more often."""
    line = Line(C)
    spoil(line)
    assert not line.watch.undecided


def test_a_diode_that_shows_now_and_then_is_missing():
    """2.2: a good sample takes back one bad one, no more."""
    line = Line(B)
    for low_v in (-9.0, -9.0, -12.0, -9.0):
        line.sample(9.0, low_v)
        assert not line.watch.diode_missing
    line.sample(9.0, -9.0)
    assert line.watch.diode_missing
    for _ in range(20):
        line.sample(9.0, -9.0)
    line.one(B)
    assert not line.watch.diode_missing
    line.show(B, 0.2)
    line.sample(9.0, -9.0), line.sample(9.0, -9.0)
    assert not line.watch.diode_missing, "good samples are no credit for bad ones"


@pytest.mark.parametrize("gone", [A, E, F])
def test_the_diode_check_begins_anew_with_the_next_car(gone):
    """2.2: re-armed after A, E and F."""
    line = Line(C)
    line.sample(6.0, -6.0), line.sample(6.0, -6.0), line.sample(6.0, -6.0)
    assert line.watch.diode_missing
    line.pwm = False
    line.show(gone, 0.3)
    assert line.watch.state is gone
    assert not line.watch.diode_missing
    assert not line.watch.diode_fresh(line.now_s)


def test_the_diode_check_outlives_b():
    """2.2: a car that pauses is still the car that was checked."""
    line = Line(C)
    line.pwm = False
    line.show(B, 0.1)
    assert line.watch.diode_fresh(line.now_s)


# -- state F -----------------------------------------------------------------------------------------------------------------


def test_while_the_station_shows_f_what_was_confirmed_stands():
    """5: state F blinds the measurement; a candidate is dropped, bad samples are forgotten."""
    line = Line(C)
    line.nothing(3)
    line.one(C)
    line.nothing(2)
    line.sample(6.0, -6.0), line.sample(6.0, -6.0), line.sample(6.0, -6.0)
    line.one(B)
    line.watch.forget(line.now_s)
    assert (line.watch.state, line.watch.undecided) == (C, False)
    assert (line.watch.broken, line.watch.diode_missing) == (False, False)


def test_doubt_is_forgotten_with_the_rest():
    """5: what was half doubted before state F is judged anew after it."""
    line = Line(C)
    line.one(B)
    line.watch.forget(line.now_s)
    line.show(C, 0.08)
    assert line.one(B) is C


def test_after_f_the_line_has_time_to_settle():
    """4.1: a burst that still shows our own -12 V is not a car that drives the line."""
    line = Line(B)
    line.watch.forget(line.now_s)
    for _ in range(7):
        assert line.one(F) is B
        assert not line.watch.undecided
    assert line.one(F) is B
    assert line.one(F) is F


def test_the_settling_ends_at_75_ms():
    """4.1: ignore 75 ms, no more."""
    watch = PilotWatch()
    watch.forget(0.0)
    watch.look(PilotSample(0.0745, 9.0, -12.0), pwm=True, now_s=0.0745)
    assert not watch.undecided
    watch.look(PilotSample(0.075, 9.0, -12.0), pwm=True, now_s=0.075)
    assert watch.undecided


def test_a_line_that_cannot_be_read_after_f_is_broken_all_the_same():
    """F-PILOT: settling excuses odd levels, not silence."""
    line = Line(B)
    line.watch.forget(line.now_s)
    line.nothing(3)
    assert line.watch.broken
