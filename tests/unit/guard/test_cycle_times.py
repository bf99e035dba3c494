"""The cycle's own times, met to the millisecond: the bench lets single cycles happen at chosen moments."""

import msgspec
import pytest

from controller.faults import FaultKind
from controller.guard.cycle import Channel, Devices, Limits
from controller.guard.guard import TICK_S, Guard
from controller.guard.link import memory_link
from controller.guard.messages import SetLock
from drivers.protocols import LockState
from tests.unit.guard.test_cycle_guard import Spy
from tests.unit.guard.workbench import Workbench


def at(bench: Workbench, now_s: float) -> None:
    """One cycle at this moment."""
    bench.now_s = now_s
    bench.guard.step(now_s)
    bench.reports += bench.controller.receive()


def test_the_cycle_is_ten_milliseconds():
    """Timing 5: guard: 10 ms tick."""
    assert TICK_S == 0.010


@pytest.mark.parametrize(("after_s", "told"), [(0.499, 1), (0.5, 2), (0.501, 2)])
def test_a_report_is_due_after_half_a_second(after_s, told):
    """Link: at every change and every 0.5 s."""
    controller, end = memory_link()
    guard = Guard([Spy()], end)  # type: ignore[list-item]  # it quacks
    guard.step(0.0)
    guard.step(after_s)
    assert len(controller.receive()) == told


def test_the_half_second_is_counted_from_the_last_report():
    """Link: a report that told of a change is a report."""
    controller, end = memory_link()
    spy = Spy()
    guard = Guard([spy], end)  # type: ignore[list-item]  # it quacks
    for now_s, expected_s, told in ((0.0, 0.0, 1), (0.25, 0.0, 1), (0.5, 0.5, 0), (0.74, 0.74, 0), (0.75, 0.75, 1)):
        guard.step(now_s, expected_s=expected_s)
        assert len(controller.receive()) == told, now_s


@pytest.mark.parametrize(("after_s", "read"), [(0.995, 1), (1.0, 2)])
def test_the_temperature_is_read_once_a_second(after_s, read):
    """Hardware 9: temperature 1 s."""
    bench = Workbench()
    at(bench, 64.0)
    at(bench, 64.0 + after_s)
    assert [call[0] for call in bench.calls].count("temperature.read_c") == read


@pytest.mark.parametrize(("after_s", "coil"), [(0.449, True), (0.4501, False)])
def test_the_patience_of_a_supply_out_of_range_is_met_exactly(after_s, coil):
    """Contract 3: open within 2 s of the beginning."""
    bench = Workbench()
    bench.charge()
    bench.measure(16.0, 172.5)
    bench.run(0.41)
    bench.measure(16.0, 172.5)
    bench.tick()
    assert (bench.duty, bench.coil) == (1.0, True)
    at(bench, bench.now_s + after_s)
    assert bench.coil is coil


@pytest.mark.parametrize(("after_s", "state"), [(0.1495, LockState.LOCKED), (0.1501, LockState.MOVING)])
def test_without_feedback_the_contact_is_open_after_150_ms(after_s, state):
    """Contactor 7: open confirm 150 ms."""
    bench = Workbench(feedback=False)
    bench.charge()
    bench.say(SetLock(1, locked=False))
    bench.car("B")
    bench.until(lambda: not bench.coil, 0.1)
    bench.tick()  # from here on the watch knows that the coil is off
    at(bench, bench.now_s + after_s)
    assert bench.outlet.bolt is state


def test_the_150_ms_are_met_exactly():
    """Contactor 7: not a cycle more."""
    bench = Workbench(feedback=False)
    bench.charge()
    bench.say(SetLock(1, locked=False))
    bench.car("B")
    bench.until(lambda: not bench.coil, 0.1)
    bench.outlet._integrated_s = None  # the world's time may begin anew
    at(bench, 0.0)
    at(bench, 0.15)
    assert bench.report.lock is LockState.MOVING


@pytest.mark.parametrize(("after_s", "offered_a"), [(0.999, 16.0), (1.0, 0.0)])
def test_an_offer_is_over_when_its_time_is(after_s, offered_a):
    """Rule 2: an offer is valid for so long, and not in the moment after."""
    bench = Workbench()
    bench.car("B")
    bench.run(0.3)
    bench.offer(16.0, valid_for_s=1.0, renew=False)
    at(bench, 128.0)
    assert bench.report.offered_a == 16.0
    at(bench, 128.0 + after_s)
    assert bench.report.offered_a == offered_a


@pytest.mark.parametrize(("after_s", "over"), [(4.99, True), (5.0, False)])
def test_a_measurement_is_five_seconds_old_at_most(after_s, over):
    """F-METER: then it says nothing any more."""
    bench = Workbench()
    bench.charge(16.0)
    bench.measure(30.0)
    at(bench, 128.0)
    at(bench, 128.0 + after_s)
    assert bench.channel._current.restless is over


def test_what_nobody_said_of_a_connector_is_the_usual():
    """Contract 2: derating from 60 to 75 C, stop at 80 C, no ventilation; no inputs, sensors or codes."""
    limits = Limits(1, 32.0, 32.0, 230.0)
    assert limits == Limits(1, 32.0, 32.0, 230.0, ventilation=False, derate_from_c=60.0, derate_to_c=75.0, stop_c=80.0)
    bench = Workbench()
    whole = bench.channel._devices
    devices = Devices(whole.pilot, whole.contactor, whole.lock)
    assert (devices.inputs, devices.temperature, devices.proximity) == ({}, None, None)


@pytest.mark.parametrize("name", ["limits", "_devices"])
def test_what_a_connector_is_made_of_cannot_be_changed(name):
    """T-OVERPWR: nobody raises a ceiling by assignment."""
    made = getattr(Workbench().channel, name)
    with pytest.raises(AttributeError, match="immutable"):
        setattr(made, msgspec.structs.fields(made)[0].name, 80.0)


@pytest.mark.parametrize(("derate_to_c", "stop_c", "temperature_c", "limit_a", "too_hot"), [
    (75.0, 80.0, 40.0, 32.0, False), (50.0, 80.0, 45.0, 19.0, False), (50.0, 55.0, 56.0, 6.0, True),
])
def test_the_chosen_temperatures_reach_the_watch(derate_to_c, stop_c, temperature_c, limit_a, too_hot):
    """Contract 2: `temperature` with derate_from_c, derate_to_c, stop_c."""
    bench = Workbench()
    bench.answers["temperature.read_c"] = temperature_c
    limits = Limits(1, 32.0, 32.0, 230.0, derate_from_c=40.0, derate_to_c=derate_to_c, stop_c=stop_c)
    channel = Channel(bench.channel._devices, limits)
    channel.step(100.0, too_late=False)
    assert channel._hot_limit_a == limit_a
    assert (FaultKind.TEMPERATURE in channel.faults.standing) is too_hot


def test_the_rating_and_the_voltage_reach_their_watches():
    """F-OVER, contract 3: each connector by its own figures."""
    bench = Workbench(rating_a=16.0)
    bench.charge(32.0)
    bench.measure(20.1)
    bench.run(1.1)
    assert bench.faults == {"overcurrent"}
