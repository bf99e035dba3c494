"""The physics of the simulated outlet: contact, bolt, plug, voltages and the register."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.protocols import LockState
from drivers.sim.car import Car
from drivers.sim.outlet import BOLT_TAKES_S, CLOSES_AFTER_S, OPENS_AFTER_S, Outlet


def an_outlet(**changes: object) -> Outlet:
    """Three phases, 32 A, with a lock."""
    plain: dict[str, object] = {"max_current_a": 32.0, "phases": 3, "nominal_voltage_v": 230.0, "has_lock": True, "energy_scale": 1.0}
    return Outlet(1, **plain | changes)  # type: ignore[arg-type]  # an outlet's own parameters


def charging(at_s: float = 0.0, **changes: object) -> Outlet:
    """A car drawing 16 A on three phases since `at_s`."""
    outlet = an_outlet(**changes)
    outlet.generate(16 / 60, at_s - 2)
    outlet.plug(Car(), at_s - 2)
    outlet.energise(True, at_s - CLOSES_AFTER_S)
    outlet.advance(at_s)
    outlet.energy_wh = 0.0
    assert outlet.current_a == pytest.approx((16.0,) * 3)
    return outlet


def test_the_contact_follows_the_coil_after_its_time():
    """20 ms to close, 30 ms to open."""
    outlet = an_outlet()
    outlet.energise(True, 1.0)
    outlet.advance(1.0 + CLOSES_AFTER_S - 0.001)
    assert not outlet.closed
    outlet.advance(1.0 + CLOSES_AFTER_S)
    assert outlet.closed
    outlet.energise(False, 2.0)
    outlet.advance(2.0 + OPENS_AFTER_S - 0.001)
    assert outlet.closed
    outlet.advance(2.0 + OPENS_AFTER_S)
    assert not outlet.closed


def test_a_coil_that_is_let_go_before_it_pulled_never_closes():
    """10 ms are not enough."""
    outlet = an_outlet()
    outlet.energise(True, 1.0)
    outlet.energise(False, 1.01)
    for ms in range(10, 200, 5):
        outlet.advance(1.0 + ms / 1000)
        assert not outlet.closed


def test_a_contact_that_falls_open_closes_again_when_mended():
    """The coil was on all the while; a fault that is not there is mended without effect."""
    outlet = charging()
    outlet.set_fault("contactor", active=True, now_s=10.0)
    assert not outlet.closed
    outlet.set_fault("contactor", active=False, now_s=20.0)
    outlet.advance(20.1)
    assert outlet.closed
    before = outlet.changes
    outlet.set_fault("contactor", active=False, now_s=21.0)
    outlet.set_fault("contactor_welded", active=False, now_s=21.0)
    assert outlet.changes == before


def test_a_weld_that_is_mended_leaves_the_contact_to_the_coil():
    """Off: it opens."""
    outlet = an_outlet()
    outlet.set_fault("contactor_welded", active=True, now_s=0.0)
    assert outlet.closed
    outlet.energise(False, 1.0)
    outlet.advance(2.0)
    assert outlet.closed
    outlet.set_fault("contactor_welded", active=False, now_s=3.0)
    outlet.advance(3.1)
    assert not outlet.closed


def test_the_bolt_moves_for_its_time():
    """Moving, then there."""
    outlet = an_outlet()
    outlet.move_bolt(True, 1.0)
    seen = []
    for at_s in (1.0 + BOLT_TAKES_S - 0.001, 1.0 + BOLT_TAKES_S):
        outlet.advance(at_s)
        seen.append(outlet.bolt)
    assert seen == [LockState.MOVING, LockState.LOCKED]


def test_a_bolt_that_turns_back_half_way_arrives_where_it_was_sent_last():
    """The second wish counts."""
    outlet = an_outlet()
    outlet.move_bolt(True, 1.0)
    outlet.move_bolt(False, 1.1)
    outlet.advance(2.0)
    assert outlet.bolt is LockState.UNLOCKED


@pytest.mark.parametrize(("fault", "locked", "ends"), [("lock", True, LockState.UNLOCKED), ("lock_stuck", False, LockState.LOCKED),
                                                       ("lock", False, LockState.UNLOCKED), ("lock_stuck", True, LockState.LOCKED)])
def test_a_broken_lock_fails_in_its_own_direction_only(fault, locked, ends):
    """`lock` does not go in, `lock_stuck` does not come out."""
    outlet = an_outlet()
    outlet.move_bolt(not locked, 0.0)
    outlet.advance(1.0)
    outlet.set_fault(fault, active=True, now_s=1.0)
    outlet.move_bolt(locked, 1.0)
    outlet.advance(2.0)
    assert outlet.bolt is ends


def test_the_plug_stays_in_the_socket_until_the_bolt_is_out():
    """`unplug` is at the vehicle's end and never refused; the plug follows as soon as the lock is open (TXN-15, TXN-16)."""
    outlet = charging()
    outlet.move_bolt(True, 1.0)
    outlet.advance(2.0)
    outlet.unplug(3.0)
    assert outlet.state == "A"
    assert outlet.plug_in_socket
    outlet.move_bolt(False, 4.0)
    outlet.advance(4.1)
    assert outlet.plug_in_socket
    outlet.advance(4.0 + BOLT_TAKES_S)
    assert not outlet.plug_in_socket


@pytest.mark.parametrize("has_lock", [True, False], ids=["bolt out", "no bolt"])
def test_the_plug_leaves_with_the_car_where_nothing_holds_it(has_lock):
    """Both ends at once."""
    outlet = an_outlet(has_lock=has_lock)
    outlet.plug(Car(), 0.0)
    outlet.unplug(1.0)
    assert not outlet.plug_in_socket
    outlet.unplug(2.0)
    assert outlet.state == "A", "unplugging where nothing is plugged changes nothing"


@pytest.mark.parametrize(("fault", "voltage_v", "shown_v"), [(None, None, 230.0), ("undervoltage", None, 172.5), ("overvoltage", None, 287.5),
                                                             (None, 228.0, 228.0), ("undervoltage", 228.0, 228.0)])
def test_the_supply_shows_what_is_played(fault, voltage_v, shown_v):
    """-25 %, +25 %, or what the verb `meter` sets."""
    outlet = an_outlet()
    outlet.voltage_v = voltage_v
    if fault:
        outlet.set_fault(fault, active=True, now_s=0.0)
    assert outlet.reading(1.0).voltage_v == (shown_v,) * 3


def test_a_reading_says_what_flows():
    """Amperes, volts and watts fit each other; phases that do not exist are 0."""
    reading = charging().reading(1.0)
    assert reading.power_w == pytest.approx(3 * 230 * 16)
    assert sum(reading.power_phase_w or ()) == pytest.approx(reading.power_w)
    assert an_outlet(phases=1).reading(1.0).voltage_v == (230.0, 0.0, 0.0)


def test_overcurrent_is_half_more_than_the_rating():
    """Only while the contact is closed and the car asks (contract.md, fault kind overcurrent)."""
    outlet = charging()
    outlet.set_fault("overcurrent", active=True, now_s=1.0)
    assert outlet.current_a == (48.0,) * 3
    outlet.energise(False, 2.0)
    outlet.advance(2.1)
    assert outlet.current_a == (0.0,) * 3


@pytest.mark.parametrize(("scale", "wh"), [(1.0, 11_040.0), (0.0, 0.0), (60.0, 662_400.0)])
def test_an_hour_of_energy(scale, wh):
    """16 A on three phases; energy_scale 0 freezes the register, 60 makes an hour a minute."""
    outlet = charging(energy_scale=scale)
    outlet.advance(3600.0)
    assert outlet.energy_wh == pytest.approx(wh)


def test_nothing_is_counted_while_nothing_flows():
    """Contact open, or the car in B."""
    outlet = charging()
    outlet.energise(False, 0.0)
    outlet.advance(OPENS_AFTER_S)
    before_wh = outlet.energy_wh
    outlet.advance(3600.0)
    assert outlet.energy_wh == before_wh


ACTIONS = st.one_of(
    st.tuples(st.just("generate"), st.sampled_from([1.0, 0.0, 0.1, 16 / 60, 32 / 60])),
    st.tuples(st.just("energise"), st.booleans()), st.tuples(st.just("move_bolt"), st.booleans()),
    st.tuples(st.just("force"), st.sampled_from("BCDEF")), st.tuples(st.just("unplug"), st.none()),
    st.tuples(st.just("plug"), st.integers(1, 3)),
    st.tuples(st.just("fault"), st.tuples(st.sampled_from(["contactor", "contactor_welded", "overcurrent", "undervoltage"]), st.booleans())),
)


def _act(outlet: Outlet, action: str, value: object, now_s: float) -> None:
    match action:
        case "plug":
            outlet.plug(Car(phases=value, request_after_s=0.5), now_s)  # type: ignore[arg-type]  # drawn as a number of phases
        case "unplug":
            outlet.unplug(now_s)
        case "fault":
            assert isinstance(value, tuple)
            outlet.set_fault(value[0], value[1], now_s)
        case _:
            getattr(outlet, action)(value, now_s)


@settings(derandomize=True, deadline=None, max_examples=150)
@given(st.lists(st.tuples(st.floats(0.001, 30.0), ACTIONS, st.lists(st.floats(0, 1), max_size=4)), max_size=15))
def test_energy_does_not_depend_on_how_often_one_looks(story):
    """Whatever happens in between: an hourly look gives the register and the state that a look every moment gives."""
    seldom, often, now_s = charging(), charging(), 0.0
    for pause_s, (action, value), looks in story:
        for share in sorted(looks):
            often.advance(now_s + share * pause_s)
        now_s += pause_s
        for outlet in (seldom, often):
            _act(outlet, action, value, now_s)
    for outlet in (seldom, often):
        outlet.advance(now_s + 100.0)
    assert often.energy_wh == pytest.approx(seldom.energy_wh, abs=1e-6)
    assert (often.state, often.closed, often.bolt, often.plug_in_socket) == (seldom.state, seldom.closed, seldom.bolt,
                                                                            seldom.plug_in_socket)
    assert often.current_a == seldom.current_a
