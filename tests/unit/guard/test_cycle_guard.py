"""The guard as a whole: reports, lateness, several connectors, the controlled end, and how it may be called less often."""

import math

import pytest

from controller.faults import FaultKind
from controller.guard.cycle import Channel, Devices, Limits
from controller.guard.guard import Guard
from controller.guard.link import memory_link
from controller.guard.messages import Offer, Pilot, Report, SetLock, Withdraw
from controller.guard.pilot import duty_for
from drivers.protocols import LockState
from drivers.sim import devices as sim
from drivers.sim.world import OutletSpec, World
from tests.unit.guard.workbench import Workbench

# -- reports ---------------------------------------------------------------------------------------------------------------------


def test_a_report_tells_everything():
    """The controller knows what the guard sees and does, no less."""
    bench = Workbench()
    bench.charge(16.0)
    bench.run(0.5)
    assert bench.report == Report(
        connector_id=1, pilot=Pilot.C, duty=duty_for(16.0), offered_a=16.0, coil=True, contactor_closed=True,
        lock=LockState.LOCKED, faults=frozenset(), cable_a=32.0, late_ticks=0, closures=1, temperature_c=25.0)


def test_the_first_report_is_there_at_once():
    """A controller that has just connected learns within one cycle what is."""
    bench = Workbench()
    bench.tick()
    assert bench.reports == [Report(1, Pilot.UNKNOWN, 1.0, 0.0, False, False, LockState.UNLOCKED, frozenset(), 32.0,
                                    temperature_c=25.0)]


def test_without_change_a_report_comes_twice_a_second():
    """Silence is noticed after 2 s, so there is none."""
    bench = Workbench()
    bench.run(0.5)
    bench.reports.clear()
    bench.run(10.0)
    assert len(bench.reports) == 20


@pytest.mark.parametrize("happens", [
    lambda bench: bench.car("B"), lambda bench: bench.fault("other"), lambda bench: bench.withdraw(),
    lambda bench: bench.offer(10.0),
], ids=["pilot", "fault", "withdrawn", "offered"])
def test_every_change_is_reported_within_its_cycle(happens):
    """The controller hears at once what changed, not half a second later."""
    bench = Workbench()
    bench.charge()
    bench.reports.clear()
    bench.until(lambda: bench.reports, 0.6)
    bench.reports.clear()
    bench.run(0.1)
    assert not bench.reports, "the next regular report is 0.4 s away"
    happens(bench)
    bench.run(0.03)
    assert bench.reports


def test_a_closing_contactor_is_reported_twice():
    """When the coil goes on, and when the contact has followed."""
    bench = Workbench()
    bench.charge()
    states = [(report.coil, report.contactor_closed) for report in bench.reports]
    assert [state for place, state in enumerate(states) if place == 0 or states[place - 1] != state] == [
        (False, False), (True, False), (True, True)]


# -- lateness ----------------------------------------------------------------------------------------------------------------------


class Spy:
    """Stands in for a channel and writes down whether it was told to open for lateness."""

    limits = Limits(1, 32.0, 32.0, 230.0)

    def __init__(self) -> None:
        self.told: list[bool] = []
        self.kicked = 0

    def step(self, _now_s: float, *, too_late: bool) -> None:
        self.told.append(too_late)

    def kick(self) -> None:
        self.kicked += 1

    def report(self, late_ticks: int) -> Report:
        return Report(1, Pilot.A, 1.0, 0.0, False, False, LockState.NONE, frozenset(), 32.0, late_ticks)


@pytest.mark.parametrize(("late_s", "counted", "opens"), [
    (-0.01, 0, False), (0.0, 0, False), (0.02, 0, False), (0.0201, 1, False), (0.06, 1, False), (0.0601, 1, True), (5.0, 1, True),
])
@pytest.mark.parametrize("count_late_only", [False, True])
def test_a_late_cycle_is_counted_and_one_that_is_too_late_opens(late_s, counted, opens, count_late_only):
    """Timing 5: late samples (> 20 ms) are counted, at > 60 ms the contactor opens; in one loop they only count."""
    controller, end = memory_link()
    spy = Spy()
    guard = Guard([spy], end, count_late_only=count_late_only)  # type: ignore[list-item]  # it quacks
    guard.step(late_s, expected_s=0.0)
    assert (guard.late_ticks, spy.told) == (counted, [opens and not count_late_only])
    assert controller.receive()[-1].late_ticks == counted
    guard.step(1.0, expected_s=1.0)
    assert (guard.late_ticks, spy.told[-1]) == (counted, False)


def test_a_complete_cycle_kicks_the_relay_stage_once():
    """F-SAFEKILL, hardware 3.4: an edge for each complete cycle of all connectors, so that a hanging guard lets go."""
    spies = [Spy(), Spy()]
    spies[1].limits = Limits(2, 32.0, 32.0, 230.0)
    guard = Guard(spies, memory_link()[1])  # type: ignore[arg-type]  # they quack
    guard.step(0.0)
    assert [spy.kicked for spy in spies] == [1, 1]

    def hang(_now_s: float, *, too_late: bool) -> None:
        raise KeyboardInterrupt

    spies[1].step = hang  # its cycle does not complete
    with pytest.raises(KeyboardInterrupt):
        guard.step(0.01)
    assert [spy.kicked for spy in spies] == [1, 1], "not one of them while any is incomplete"


def test_a_guard_opens_for_lateness_unless_told_otherwise():
    """Timing 5: only where everything is simulated in one loop does it merely count."""
    spy = Spy()
    Guard([spy], memory_link()[1]).step(1.0, expected_s=0.0)  # type: ignore[list-item]  # it quacks
    assert spy.told == [True]


def test_one_cycle_that_was_too_late_opens_once():
    """Timing 5: the guard is back in time, so the offer stands and the car goes on after the rest of a second."""
    bench = Workbench()
    bench.charge()
    bench.tick(late_s=0.1)
    assert (bench.duty, bench.coil, bench.faults) == (1.0, False, set())
    bench.tick()
    assert bench.duty == duty_for(16.0)
    assert 0.9 <= bench.until(lambda: bench.coil, 1.1) <= 1.0


def test_in_one_loop_with_the_controller_lateness_is_only_counted():
    """Contract 3: with all drivers simulated in one loop the guard counts late ticks but does not open for them."""
    bench = Workbench(count_late_only=True)
    bench.charge()
    for _ in range(3):
        bench.tick(late_s=0.5)
    assert (bench.coil, bench.report.late_ticks) == (True, 3)


def test_a_cycle_without_a_plan_is_not_late():
    """A runner in virtual time has no grid."""
    bench = Workbench()
    bench.charge()
    bench.guard.step(bench.now_s + 9.0)
    assert bench.guard.late_ticks == 0


# -- several connectors ---------------------------------------------------------------------------------------------------------------


class Pair:
    """Two connectors."""

    def __init__(self) -> None:
        self.now_s = 50.0
        parts = frozenset({"pilot", "contactor", "lock", "meter"})
        self.world = World(lambda: self.now_s, [OutletSpec(number, 32.0, 3, False, parts) for number in (1, 2)])
        self.controller, end = memory_link()
        self.guard = Guard([self._channel(number) for number in (1, 2)], end)

    def _channel(self, number: int) -> Channel:
        devices = Devices(sim.SimPilot(self.world, number), sim.SimContactor(self.world, number),
                          sim.SimLock(self.world, number), {FaultKind.OTHER: sim.SimInput(self.world, number, "other")})
        return Channel(devices, Limits(number, 32.0 if number == 1 else 16.0, 32.0, 230.0))

    def run(self, seconds: float) -> None:
        for _ in range(round(seconds * 100)):
            self.now_s = round(self.now_s + 0.01, 6)
            self.guard.step(self.now_s, expected_s=self.now_s)

    def coils(self) -> tuple[bool, bool]:
        return self.world.outlets[1].coil, self.world.outlets[2].coil


def test_connectors_do_not_know_each_other():
    """Each has its offer, its ceiling and its faults."""
    pair = Pair()
    for number in (1, 2):
        pair.world.call("ev_state", {"connector": number, "state": "C"})
        pair.controller.send(Offer(number, 80.0, 10.0))
    pair.run(1.0)
    assert pair.coils() == (True, True)
    assert (pair.world.outlets[1].duty, pair.world.outlets[2].duty) == (duty_for(32.0), duty_for(16.0))
    pair.controller.send(Withdraw(1))
    pair.world.call("fault", {"connector": 2, "kind": "other", "active": True})
    pair.run(0.02)
    assert pair.coils() == (True, False)
    told = {report.connector_id: report for report in pair.controller.receive()}
    assert told[1].faults == frozenset()
    assert told[2].faults == {FaultKind.OTHER}


def test_the_guard_is_energised_while_any_coil_is_on():
    """F-STOP: the process waits for the last of them."""
    pair = Pair()
    assert not pair.guard.energised
    for number in (1, 2):
        pair.world.call("ev_state", {"connector": number, "state": "C"})
        pair.controller.send(Offer(number, 16.0, 10.0))
    pair.run(1.0)
    pair.world.call("ev_state", {"connector": 1, "state": "B"})
    pair.run(0.1)
    assert pair.guard.energised
    pair.world.call("ev_state", {"connector": 2, "state": "B"})
    pair.run(0.1)
    assert not pair.guard.energised


# -- the end --------------------------------------------------------------------------------------------------------------------------


def test_a_guard_that_ends_makes_a_controlled_stop():
    """F-STOP: pilot steady first, the coil when the car obeys."""
    bench = Workbench()
    bench.charge()
    bench.guard.withdraw()
    bench.tick()
    assert (bench.duty, bench.guard.energised) == (1.0, True)
    bench.car("B")
    bench.until(lambda: not bench.guard.energised, 0.1)


def test_a_controller_that_goes_on_offering_does_not_keep_a_guard_from_ending():
    """F-STOP: exit within 8 s also where the controller lives on and the car ignores the pilot."""
    bench = Workbench()
    bench.charge(16.0)
    bench.guard.withdraw()
    for _ in range(590):
        bench.tick()
        assert bench.duty == 1.0
    bench.until(lambda: not bench.guard.energised, 0.2)


def test_a_guard_knows_when_its_controller_is_gone_for_good():
    """Contract 1: a link that was hung up tells the guard that nobody will come back, so that its process can end."""
    bench = Workbench()
    bench.tick()
    assert not bench.guard.orphaned
    bench.controller.close()
    assert bench.guard.orphaned


def test_after_the_end_everything_is_off():
    """F-STOP: coil released, pilot steady, bolt where it is."""
    bench = Workbench()
    bench.charge()
    bench.guard.close()
    assert (bench.coil, bench.duty, bench.outlet.bolt) == (False, 1.0, LockState.LOCKED)


# -- when the next cycle is due --------------------------------------------------------------------------------------------------------


def test_a_quiet_guard_may_be_called_less_often():
    """A simulated day passes in seconds because nothing is timed while nothing happens."""
    bench = Workbench()
    bench.run(3.0)
    assert not bench.guard.restless(bench.now_s)
    bench.charge()
    bench.run(3.0)
    assert not bench.guard.restless(bench.now_s)
    assert bench.guard.next_expiry_s() > bench.now_s


@pytest.mark.parametrize("happens", [
    lambda bench: bench.car("B"), lambda bench: bench.fault("other"), lambda bench: bench.fault("contactor"),
    lambda bench: bench.withdraw(), lambda bench: bench.offer(20.0), lambda bench: bench.measure(20.0),
    lambda bench: bench.measure(50.0), lambda bench: bench.measure(16.0, 180.0),
    lambda bench: (bench.withdraw(), bench.car("B"), bench.run(0.2), bench.say(SetLock(1, locked=False))),
    lambda bench: bench.broken.add("contactor.set") or bench.car("B"),
], ids=["candidate", "state F", "no contact", "stopping", "rising", "over", "far over", "voltage", "bolt", "not written"])
def test_it_is_restless_while_something_is_timed(happens):
    """What is timed must be looked at every 10 ms, also in virtual time."""
    bench = Workbench()
    bench.charge(16.0)
    bench.run(3.0)
    bench.renewed = None
    happens(bench)
    bench.tick()
    assert bench.guard.restless(bench.now_s)


def test_a_bolt_that_moves_keeps_it_awake():
    """6: its tries are timed, also while nothing else happens."""
    bench = Workbench()
    bench.run(3.0)
    bench.say(SetLock(1, locked=True))
    bench.tick()
    assert bench.guard.restless(bench.now_s)
    bench.run(1.0)
    assert not bench.guard.restless(bench.now_s)


def test_what_could_not_be_written_keeps_it_awake():
    """Rule 1: it is tried again in every cycle."""
    bench = Workbench()
    bench.broken.add("contactor.set")
    bench.car("B")
    bench.run(3.0)
    assert bench.guard.restless(bench.now_s)


def test_state_f_keeps_it_awake_for_its_three_tenths():
    """12: and no longer, though the fault stands and the offer lives."""
    bench = Workbench()
    bench.car("B")
    bench.offer(16.0)
    bench.run(3.0)
    bench.fault("ground")
    bench.run(0.1)
    assert bench.guard.restless(bench.now_s)
    bench.run(0.5)
    assert not bench.guard.restless(bench.now_s)


def test_an_offer_that_has_run_out_meanwhile_wishes_nothing():
    """A runner may ask for a moment that no cycle has seen yet."""
    bench = Workbench()
    bench.charge()
    bench.run(3.0)
    assert not bench.guard.restless(bench.now_s + 100.0)


def test_a_fault_that_clears_by_itself_keeps_it_awake():
    """The second of "auto" is timed."""
    bench = Workbench()
    bench.run(3.0)
    bench.fault("estop")
    bench.run(0.5)
    bench.fault("estop", active=False)
    bench.run(0.5)
    assert bench.guard.restless(bench.now_s)
    bench.run(2.0)
    assert not bench.guard.restless(bench.now_s)


def test_a_lower_wish_leaves_nothing_to_wait_for():
    """Only a rise waits for its pause."""
    bench = Workbench()
    bench.charge(16.0)
    bench.run(5.0)
    bench.offer(10.0)
    bench.run(0.1)
    assert not bench.guard.restless(bench.now_s)
    bench.offer(10.5)
    bench.run(0.1)
    assert bench.guard.restless(bench.now_s)


def test_one_connector_that_times_something_keeps_them_all_awake():
    """The cycle is one for all of them."""
    pair = Pair()
    pair.run(3.0)
    assert not pair.guard.restless(pair.now_s)
    pair.world.call("fault", {"connector": 2, "kind": "other", "active": True})
    pair.run(0.02)
    assert pair.guard.restless(pair.now_s)


def test_the_next_expiry_is_that_of_the_first_offer():
    """A runner that sleeps must be there when an offer runs out."""
    pair = Pair()
    assert pair.guard.next_expiry_s() == math.inf
    pair.controller.send(Offer(1, 16.0, 10.0))
    pair.controller.send(Offer(2, 16.0, 4.0))
    pair.run(0.01)
    assert pair.guard.next_expiry_s() == pair.now_s + 4.0
    pair.controller.send(Withdraw(2))
    pair.run(0.01)
    assert pair.guard.next_expiry_s() == pytest.approx(pair.now_s + 9.99)
    pair.guard.withdraw()
    assert pair.guard.next_expiry_s() == math.inf
    assert Guard([], memory_link()[1]).next_expiry_s() == math.inf
