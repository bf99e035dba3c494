"""Which readings of a meter can be true (F-METER)."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.errors import OutOfRange
from drivers.meter.plausibility import Plausibility, alike
from drivers.protocols import MeterReading

NAN, INF = math.nan, math.inf


def reading(energy_wh: float = 1000.0, at_s: float = 0.0, drawn_a: float = 16.0, **changes: object) -> MeterReading:
    """Three phases at 230 V, with changes."""
    plain = MeterReading(at_s, energy_wh, 3 * 230.0 * drawn_a, (drawn_a,) * 3, (230.0,) * 3, (230.0 * drawn_a,) * 3, 50.0,
                         0.0, 1.0)
    return plain._replace(**changes)  # type: ignore[arg-type]  # fields of a reading, as a test names them


@pytest.fixture
def judge():
    return Plausibility(max_current_a=16.0, phases=3, nominal_voltage_v=230.0).judge


def test_a_true_reading_is_taken_as_it_is(judge):
    """Word for word."""
    assert judge(reading()) == reading()
    assert judge(reading(1003.0, 1.0)) == reading(1003.0, 1.0)


@pytest.mark.parametrize("changes", [
    {"voltage_v": (230.0, NAN, 230.0)}, {"voltage_v": (NAN, 230.0, 230.0)}, {"voltage_v": (230.0, 230.0, 301.0)},
    {"voltage_v": (230.0, 230.0, -INF)}, {"voltage_v": (30.0, 230.0, 230.0)}, {"current_a": (0.0, 0.0, NAN)},
    {"current_a": (101.0, 0.0, 0.0)}, {"current_a": (0.0, -101.0, 0.0)}, {"power_w": NAN}, {"power_w": 90_001.0}, {"power_w": -INF},
    {"power_phase_w": (1.0, NAN, 1.0)}, {"energy_wh": NAN}, {"energy_wh": -1.0}, {"energy_wh": 1.1e12}, {"energy_wh": INF},
], ids=str)
def test_a_value_that_no_meter_can_show_is_refused(judge, changes):
    """NaN in any place included; the message says what is possible (F-METER)."""
    with pytest.raises(OutOfRange, match="possible: "):
        judge(reading(**changes))
    judge(reading())


@pytest.mark.parametrize("changes", [
    {"voltage_v": (230.0, 0.0, 0.0)}, {"voltage_v": (0.0, 0.0, 0.0)}, {"voltage_v": (172.5, 172.5, 172.5)},
    {"voltage_v": (287.5, 287.5, 287.5)}, {"current_a": (-16.0, -16.0, -16.0), "power_w": -11_040.0}, {"power_phase_w": None},
], ids=["one phase", "no supply", "undervoltage", "overvoltage", "feeding in", "no power per phase"])
def test_what_is_rare_but_possible_is_taken(judge, changes):
    """Faults of the supply must be seen as what they are."""
    assert judge(reading(**changes)) == reading(**changes)


@pytest.mark.parametrize("factor", [1.5, 2.0, 3.0, 5.0])
def test_a_car_that_draws_too_much_is_seen(judge, factor):
    """A reading that is refused would hide the overcurrent from the guard (F-OVER)."""
    judge(reading())
    for second in range(1, 6):
        wh = 1000 + 11_040 * factor * second / 3600
        assert judge(reading(wh, float(second), 16.0 * factor)).current_a[0] == 16.0 * factor


@pytest.mark.parametrize(("field", "wrong", "shown"), [
    ("frequency_hz", 500.0, 50.0), ("frequency_hz", 0.0, None), ("frequency_hz", NAN, None), ("frequency_hz", None, None),
    ("power_factor", NAN, None), ("power_factor", 12.0, None), ("power_factor", -0.5, -0.5), ("energy_export_wh", NAN, None),
    ("energy_export_wh", -1.0, None),
], ids=str)
def test_a_side_value_that_is_nonsense_is_left_out(judge, field, wrong, shown):
    """It costs itself, not the reading; tenths of a hertz are understood (some Eastron meters)."""
    assert getattr(judge(reading(**{field: wrong})), field) == shown


def test_the_register_never_goes_back(judge):
    """Refused; the same register one reading later is a new meter's (F-METER)."""
    judge(reading(5000.0, 0.0))
    with pytest.raises(OutOfRange, match="energy moved by -4000 Wh"):
        judge(reading(1000.0, 1.0))
    assert judge(reading(1001.0, 2.0)).energy_wh == 1001.0
    assert judge(reading(1004.0, 3.0)).energy_wh == 1004.0


def test_one_damaged_frame_changes_nothing(judge):
    """A jump that the next reading does not confirm was noise, whichever way it went (F-METER)."""
    judge(reading(5000.0, 0.0))
    for second, noise_wh in enumerate((90_000.0, 12.0, 500_000.0, 4000.0), 1):
        with pytest.raises(OutOfRange):
            judge(reading(noise_wh, float(second)))
        assert judge(reading(5000.0 + second, second + 0.5)).energy_wh == 5000.0 + second


def test_what_flowed_while_the_meter_was_silent_is_possible(judge):
    """An hour without an answer, 11 kW all the while."""
    judge(reading(1000.0, 0.0))
    assert judge(reading(12_040.0, 3600.0)).energy_wh == 12_040.0


def test_rounding_does_not_turn_the_register_back(judge):
    """Less than half a watt-hour back shows as standing still: energy never decreases."""
    judge(reading(1000.4, 0.0))
    assert judge(reading(1000.0, 1.0)).energy_wh == 1000.4


@pytest.mark.parametrize("step_wh", [1.0, 10.0, 100.0])
def test_a_coarse_register_is_no_jump(step_wh):
    """100 Wh at once is what a register of tenths of a kilowatt-hour does; no reading is doubted for it."""
    judge = Plausibility(max_current_a=16.0, phases=3, nominal_voltage_v=230.0, step_wh=step_wh).judge
    for second in range(400):
        shown_wh = 11_040 * second / 3600 // step_wh * step_wh
        assert judge(reading(shown_wh, float(second))).energy_wh == shown_wh


def test_a_float_register_of_an_old_meter_is_no_jump(judge):
    """At 50 GWh seven digits step by 5 kWh."""
    judge(reading(50_000_000_000.0, 0.0))
    assert judge(reading(50_000_005_000.0, 1.0)).energy_wh == 50_000_005_000.0


def test_a_register_that_stands_still_while_current_flows_is_refused(judge):
    """More than 1 A for 60 s and nothing counted: PowerMeterFailure, not free energy (F-METER)."""
    for second in range(60):
        judge(reading(1000.0, float(second)))
    with pytest.raises(OutOfRange, match="the register is stuck"):
        for second in range(60, 63):
            judge(reading(1000.0, float(second)))
    with pytest.raises(OutOfRange):
        judge(reading(1000.0, 63.0))
    assert judge(reading(1003.0, 64.0)).energy_wh == 1003.0, "it counts again: no doubt is left"


def test_a_register_in_the_wrong_unit_is_refused(judge):
    """Kilowatt-hours taken for watt-hours move a thousandth of what flows (F-METER: unit swap)."""
    with pytest.raises(OutOfRange, match="stuck"):
        for second in range(90):
            judge(reading(1000.0 + 11.04 * second / 3600, float(second)))


@pytest.mark.parametrize(("current_a", "seconds"), [(0.0, 7200), (0.9, 600), (6.0, 59)])
def test_a_register_may_stand_still_while_little_flows(judge, current_a, seconds):
    """Without current for ever; with it until the least step must have been made."""
    for second in range(seconds):
        judge(reading(1000.0, float(second), current_a))


@settings(derandomize=True, deadline=None, max_examples=100)
@given(st.lists(st.tuples(st.floats(0.5, 120), st.one_of(st.floats(0, 20_000), st.floats(), st.just(0.0))), min_size=1, max_size=30))
def test_energy_that_is_shown_never_decreases_without_a_second_witness(steps):
    """Whatever a meter answers: two readings taken in a row never go back, unless one was refused between them (F-METER)."""
    judge = Plausibility(max_current_a=32.0, phases=3, nominal_voltage_v=230.0).judge
    last, refused, at_s = None, False, 0.0
    for pause_s, energy_wh in steps:
        at_s += pause_s
        try:
            taken = judge(reading(energy_wh, at_s, 0.0))
        except OutOfRange:
            refused = True
            continue
        assert math.isfinite(taken.energy_wh)
        assert last is None or refused or taken.energy_wh >= last
        last, refused = taken.energy_wh, False


@pytest.mark.parametrize(("name", "one", "other", "same"), [
    ("voltage_l1_v", 230.0, 234.9, True), ("voltage_l1_v", 230.0, 235.1, False), ("current_l2_a", 0.0, 0.5, True),
    ("current_l2_a", 0.0, 0.6, False), ("current_l2_a", 30.5, 32.0, True), ("current_l2_a", 30.0, 32.0, False),
    ("power_w", 0.0, 351.0, False), ("power_w", 10_600.0, 11_040.0, True), ("frequency_hz", 50.0, 50.6, False),
    ("power_factor", 1.0, 0.85, False), ("energy_wh", 5000.0, 5020.0, True), ("energy_wh", 5000.0, 5021.0, False),
    ("energy_wh", 5e10, 5e10 + 50_000, True), ("energy_export_wh", 0.0, 2_065_100.0, False), ("energy_wh", NAN, 5000.0, False),
    ("power_factor", NAN, NAN, True), ("voltage_l2_v", INF, INF, True),
], ids=str)
def test_two_answers_are_alike_if_only_a_moment_lies_between_them(name, one, other, same):
    """Else one of them is noise, or about something else; a value that is no number is the same as itself (F-METER)."""
    assert alike({name: one}, {name: other}) is same
    assert not alike({name: one}, {})


@pytest.mark.parametrize(("moved_wh", "same"), [(200.0, True), (201.0, False)])
def test_the_step_of_a_coarse_register_is_alike(moved_wh, same):
    """Tenths of a kilowatt-hour move by a hundred watt-hours at once."""
    assert alike({"energy_wh": 5000.0}, {"energy_wh": 5000.0 + moved_wh}, step_wh=100.0) is same
