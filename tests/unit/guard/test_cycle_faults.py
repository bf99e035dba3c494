"""Every fault that the guard owns: what opens or stops, how fast, and what clears it (contract.md 3, fault kinds)."""

import math

import pytest

from controller.faults import CATALOGUE, Clears, FaultKind, Owner, Reaction
from controller.guard.messages import ClearLatch, Measured, SetLatch, SetLock
from controller.guard.pilot import duty_for
from drivers.protocols import PilotSample
from tests.unit.guard.workbench import VOLTS, Workbench, unplug_and_plug

PLAYED = ("other", "ground", "rcd", "estop")
"""The wires, which the simulation plays."""


@pytest.mark.parametrize("kind", PLAYED)
def test_a_wire_opens_within_two_cycles(kind):
    """F-RCD/PE/temp: trip input to coil off within 40 ms; state F for 0.3 s, then steady."""
    bench = Workbench()
    bench.charge()
    bench.fault(kind)
    assert bench.until(lambda: not bench.coil, 0.04) <= 0.02
    assert (bench.duty, bench.faults) == (0.0, {kind})
    assert bench.report.faults == {FaultKind(kind)}
    assert bench.until(lambda: bench.duty == 1.0, 0.5) == pytest.approx(0.3, abs=0.02)


@pytest.mark.parametrize("kind", PLAYED)
def test_each_wire_clears_by_its_class(kind):
    """Contract 3, column "clears": auto after 1 s, unplug, or a person."""
    bench = Workbench()
    bench.charge()
    bench.fault(kind)
    bench.run(2.0)
    bench.fault(kind, active=False)
    clears = CATALOGUE[FaultKind(kind)].clears
    bench.run(0.98)
    assert bench.faults == {kind}
    bench.run(0.04)
    assert bench.faults == (set() if clears is Clears.AUTO else {kind})
    unplug_and_plug(bench)
    assert bench.faults == ({kind} if clears is Clears.RESET else set())
    bench.say(ClearLatch(1, FaultKind(kind)))
    bench.run(0.02)
    assert bench.faults == set()


def test_an_auto_fault_lets_the_car_go_on():
    """Contract 3: back to charging needs no card, only the car's request."""
    bench = Workbench()
    bench.charge()
    bench.fault("other")
    bench.run(1.0)
    bench.fault("other", active=False)
    bench.until(lambda: bench.coil, 1.2)
    assert bench.duty == duty_for(16.0)


def test_a_spike_on_a_wire_is_no_fault():
    """F-RCD/PE/temp, timing: a wire is read twice within a cycle, for a latch needs a person to clear."""
    bench = Workbench()
    bench.charge()
    answers = iter([True, False])
    bench.channel._devices.inputs[FaultKind.RCD]._device.active = lambda: next(answers, False)  # type: ignore[attr-defined]  # the simulated wire
    bench.run(0.1)
    assert (bench.faults, bench.coil) == (set(), True)


@pytest.mark.parametrize("kind", PLAYED)
def test_a_wire_that_cannot_be_read_counts_as_its_fault(kind):
    """Rule 1: a broken wire counts as the cause."""
    bench = Workbench()
    bench.charge()
    bench.broken.add(f"{kind}.active")
    bench.run(0.02)
    assert (bench.coil, bench.faults) == (False, {kind})


def test_a_missing_diode_opens_at_once_and_stays_until_unplugged():
    """Contract 3, `diode`; F-PILOT: never closes; a warning, so no state F; steady pilot."""
    bench = Workbench()
    bench.charge()
    bench.fault("diode")
    assert bench.until(lambda: not bench.coil, 0.1) <= 0.04
    assert (bench.duty, bench.faults) == (1.0, {"diode"})
    bench.fault("diode", active=False)
    bench.run(5.0)
    assert (bench.duty, bench.faults) == (1.0, {"diode"})
    unplug_and_plug(bench)
    assert (bench.duty, bench.faults) == (duty_for(16.0), set())


def test_a_bare_resistor_never_gets_power():
    """2.2: what loads the line like a car but without diode is not one."""
    bench = Workbench(has_lock=False)
    bench.fault("diode")
    bench.car("C")
    bench.offer(16.0)
    bench.run(10.0)
    assert (bench.report.closures, bench.faults) == (0, {"diode"})


@pytest.mark.parametrize("state", ["E", "F"])
def test_a_shorted_or_driven_pilot_opens_and_recovers(state):
    """Contract 3, pilot E or F; iec61851.md 5: open at once, back 1 s after a valid state; a warning, so no state F of ours."""
    bench = Workbench()
    bench.charge()
    bench.car(state)
    assert bench.until(lambda: not bench.coil, 0.1) <= 0.04
    bench.run(1.0)
    assert (bench.duty, bench.faults) == (1.0, {"pilot"})
    bench.car("C")
    took_s = bench.until(lambda: bench.coil, 2.0)
    assert 1.0 <= took_s <= 1.6
    assert bench.faults == set()


@pytest.mark.parametrize(("high_v", "low_v"), [(14.0, -12.0), (6.0, -14.0), (math.nan, -12.0), (None, None)], ids=str)
def test_a_pilot_out_of_every_window_opens(high_v, low_v):
    """F-PILOT: out of band for three samples."""
    bench = Workbench()
    bench.charge()
    bench.channel._devices.pilot._device.read = lambda: PilotSample(bench.now_s, high_v, low_v)  # type: ignore[attr-defined]  # the simulated line
    assert bench.until(lambda: not bench.coil, 0.1) <= 0.03
    assert bench.faults == {"pilot"}


def test_a_converter_that_stands_still_opens():
    """F-PILOT: a sample older than 60 ms is none, and nothing is assumed."""
    bench = Workbench()
    bench.charge()
    bench.answers["pilot.read"] = PilotSample(bench.now_s, 6.0, -12.0)
    bench.run(0.06)
    assert bench.coil
    bench.tick()
    assert not bench.coil
    bench.answers.clear()
    bench.until(lambda: bench.coil, 1.7)


def test_the_temperature_is_told_to_half_a_degree():
    """Nothing of noise; nothing where the sensor fails, and nothing of old."""
    bench = Workbench()
    for shown_c, told_c in ((31.62, 31.5), (31.8, 32.0)):
        bench.answers["temperature.read_c"] = shown_c
        bench.run(1.5)
        assert bench.report.temperature_c == told_c
    bench.broken.add("temperature.read_c")
    bench.run(1.5)
    assert bench.report.temperature_c is None


# -- temperature, current, voltage -------------------------------------------------------------------------------------------------


def test_heat_is_a_controlled_stop():
    """Contract 3, `temperature`: the pilot goes steady first, and the car has its 6 s; clears by itself."""
    bench = Workbench()
    bench.charge()
    bench.fault("temperature")
    bench.until(lambda: bench.duty == 1.0, 1.05)
    assert (bench.coil, bench.faults) == (True, {"temperature"})
    assert bench.until(lambda: not bench.coil, 6.1) == pytest.approx(6.0, abs=0.03)
    bench.fault("temperature", active=False)
    assert bench.until(lambda: bench.faults == set(), 2.1) >= 1.0
    bench.until(lambda: bench.coil, 0.1)


def test_warmth_lowers_the_offer():
    """9: the limit of the warmth is one of those that the offer is the least of; it is read once a second."""
    bench = Workbench()
    bench.charge(32.0)
    bench.answers["temperature.read_c"] = 67.5
    bench.run(1.0)
    assert bench.report.offered_a == 19.0
    assert sum(call[0] == "temperature.read_c" for call in bench.calls) <= bench.now_s - 100 + 1


def test_a_sensor_that_fails_leaves_six_amperes():
    """9: it tells nothing about the warmth."""
    bench = Workbench()
    bench.charge(32.0)
    bench.broken.add("temperature.read_c")
    bench.run(1.0)
    assert (bench.report.offered_a, bench.coil, bench.faults) == (6.0, True, set())
    bench.broken.clear()
    bench.run(6.5)
    assert bench.report.offered_a == 32.0


def test_a_car_that_draws_too_much_is_opened_within_two_seconds():
    """Contract 3, `overcurrent`: 1.5 x max_current_a, by a meter that is read twice a second; open within 2 s (F-OVER)."""
    bench = Workbench()
    bench.charge(32.0)
    bench.measure(32.0)
    bench.run(0.5)
    for count in range(5):
        bench.measure(48.0)
        bench.run(0.5)
        assert bench.coil is (count < 2)
    assert (bench.faults, bench.duty) == ({"overcurrent"}, 1.0)
    bench.run(10.0)
    assert bench.faults == {"overcurrent"}
    unplug_and_plug(bench)
    assert bench.faults == set()


def test_a_car_that_ignores_its_limit_is_lowered_and_then_opened():
    """F-OVER, first rule: lower the pilot once after 5 s, open 5 s later."""
    bench = Workbench()
    bench.charge(16.0)
    lowered_s = opened_s = 0.0
    for half_seconds in range(1, 30):
        bench.measure(20.0 if bench.outlet.closed else 0.0)
        bench.run(0.5)
        lowered_s = lowered_s or (half_seconds / 2 if bench.report.offered_a == 15.0 else 0.0)
        opened_s = opened_s or (half_seconds / 2 if not bench.coil else 0.0)
    assert 5.0 <= lowered_s <= 6.0
    assert 10.0 <= opened_s <= 11.0
    assert bench.faults == {"overcurrent"}


def test_the_next_car_is_not_held_to_the_limit_of_the_last():
    """F-OVER: lowered until unplugged, also when the line was shorted while the plug was pulled."""
    bench = Workbench()
    bench.charge(16.0)
    for _ in range(12):
        bench.measure(20.0)
        bench.run(0.5)
    assert bench.report.offered_a == 15.0
    bench.measure(0.0)
    bench.car("E")
    bench.run(0.3)
    bench.car("A")
    bench.run(2.0)
    bench.car("B")
    bench.run(0.3)
    assert bench.report.offered_a == 16.0


def test_a_bolt_that_does_not_lock_without_a_car_is_a_fault_as_well():
    """Contract 3, `lock`: while locking is wished and fails the cause is there; unplugging once does not hide it."""
    bench = Workbench()
    bench.car("B")
    bench.run(0.5)
    bench.car("A")
    bench.run(0.5)
    bench.fault("lock")
    bench.say(SetLock(1, locked=True))
    bench.run(2.6)
    assert bench.faults == {"lock"}
    bench.run(2.0)
    assert bench.faults == {"lock"}


@pytest.mark.parametrize(("volts", "kind"), [(172.5, "undervoltage"), (287.5, "overvoltage")])
def test_a_supply_that_is_far_off_is_left_within_two_seconds(volts, kind):
    """Contract 3: supply at -25 %, +25 %: a controlled stop, open within 2 s, obeying car or not; clears by itself."""
    bench = Workbench()
    bench.charge()
    bench.measure(16.0)
    bench.run(0.5)  # the supply fails just after this reading
    steady_s = opened_s = 0.0
    for half_seconds in range(1, 5):
        bench.measure(16.0, volts)
        for _ in range(50):
            bench.tick()
            passed_s = half_seconds / 2
            steady_s = steady_s or (passed_s if bench.duty == 1.0 else 0.0)
            opened_s = opened_s or (bench.now_s if not bench.coil else 0.0)
            assert bench.coil or steady_s, "the pilot goes first"
    assert 0 < opened_s <= bench.now_s - 0.5
    assert bench.faults == {kind}
    for _ in range(4):
        bench.measure(0.0)
        bench.run(0.5)
    assert bench.faults == set()


def test_the_patience_of_a_low_supply_is_half_a_second():
    """Contract 3: open within 2 s also where a stop had begun before."""
    bench = Workbench()
    bench.charge()
    for _ in range(2):
        bench.measure(16.0, 172.5)
        bench.run(0.41)
    took_s = bench.until(lambda: not bench.coil, 1.0)
    assert bench.faults == {"undervoltage"}
    assert took_s <= 0.46


@pytest.mark.parametrize("kind", [FaultKind.RCD, FaultKind.CONTACTOR_WELDED])
def test_a_latched_fault_is_held_from_the_first_cycle(kind):
    """F-WELD: the controller hands it over before the first offer; nothing is offered until a person resets it."""
    bench = Workbench()
    bench.say(SetLatch(1, kind))
    bench.car("B")
    bench.offer(16.0)
    bench.run(2.0)
    assert (bench.faults, bench.outlet.offered_a) == ({kind.value}, 0.0)
    bench.say(ClearLatch(1, kind))
    bench.run(0.1)
    assert bench.outlet.offered_a == pytest.approx(16.0, abs=0.001)


@pytest.mark.parametrize("kind", [kind for kind, row in CATALOGUE.items() if row.clears is not Clears.RESET])
def test_no_other_fault_can_be_latched_from_outside(kind):
    """T-RPC: set-latch is for what a person resets."""
    bench = Workbench()
    bench.say(SetLatch(1, kind))
    bench.run(0.1)
    assert bench.faults == set()


def test_the_station_is_told_by_state_f_only_of_its_own_faults():
    """12: state F for what is wrong with the station, not for what is wrong with the car or the line."""
    from controller.guard.cycle import OPENS, SHOWS_F, STAYS_OPEN, STOPS

    guards = {kind for kind, row in CATALOGUE.items() if row.owner is Owner.GUARD}
    assert guards & SHOWS_F == {
        FaultKind.OTHER, FaultKind.GROUND, FaultKind.CONTACTOR_WELDED, FaultKind.CONTACTOR, FaultKind.LOCK, FaultKind.ESTOP,
        FaultKind.RCD, FaultKind.OVERCURRENT, FaultKind.PHASE_SWITCH}
    assert guards & OPENS == (guards & SHOWS_F) | {FaultKind.DIODE, FaultKind.PILOT, FaultKind.PROXIMITY}
    assert (guards & STOPS) == {FaultKind.TEMPERATURE, FaultKind.UNDERVOLTAGE, FaultKind.OVERVOLTAGE}
    assert [*STAYS_OPEN] == [FaultKind.VENTILATION]
    assert guards - OPENS - STOPS - STAYS_OPEN == {FaultKind.LOCK_STUCK}
    assert all(CATALOGUE[kind].reaction is Reaction.NEVER_CLOSE for kind in STAYS_OPEN)


def test_faults_side_by_side_open_and_clear_each_by_its_rule():
    """Contract 3: several faults; the last one gone lets the car go on."""
    bench = Workbench()
    bench.charge()
    bench.fault("other")
    bench.run(0.5)
    bench.fault("estop")
    bench.run(0.5)
    assert bench.faults == {"other", "estop"}
    bench.fault("other", active=False)
    bench.run(1.5)
    assert (bench.faults, bench.coil) == ({"estop"}, False)
    bench.fault("estop", active=False)
    bench.until(lambda: bench.coil, 1.2)


def test_unplugging_while_state_f_is_shown_is_seen_after_it():
    """5: while F is driven the line is blind; a car that leaves is noticed as soon as it can be."""
    bench = Workbench()
    bench.charge()
    bench.fault("ground")
    bench.run(0.1)
    bench.car("A")
    bench.fault("ground", active=False)
    bench.until(lambda: bench.report.pilot.value == "A", 0.6)
    bench.run(0.1)
    assert bench.faults == set()


def test_an_offer_that_runs_out_during_state_f_is_gone_after_it():
    """Rule 1: what ended while the fault stood does not come back with its end."""
    bench = Workbench()
    bench.charge()
    bench.offer(16.0, valid_for_s=0.5, renew=False)
    bench.fault("other")
    bench.run(0.2)
    bench.fault("other", active=False)
    bench.run(3.0)
    assert (bench.duty, bench.coil, bench.faults) == (1.0, False, set())


def test_voltage_alone_shortens_the_patience():
    """Contract 3: heat still leaves the car its 6 s."""
    bench = Workbench()
    bench.charge()
    bench.say(Measured(1, (16.0,) * 3, VOLTS))
    bench.fault("temperature")
    bench.run(3.0)
    assert bench.coil
