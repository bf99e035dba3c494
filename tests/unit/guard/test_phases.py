"""One phase or three: a phase never appears while a car may draw (iec61851.md 13)."""

import pytest

from controller.guard.phases import AFTER_LOAD_S, FOLLOWS_WITHIN_S, PAUSE_S, SETTLES_S, PhaseWatch
from tests.unit.guard.workbench import Workbench, unplug_and_plug


def _switched(bench: Workbench) -> list[int]:
    """What the switch was told after the start, where it is told 1."""
    first, *others = [call[1] for call in bench.calls if call[0] == "phases.set_phases"]
    assert first == 1
    return others


@pytest.fixture
def bench() -> Workbench:
    """Nothing is plugged, and that was seen."""
    bench = Workbench(phase_switch=True)
    bench.run(1.0)
    return bench


def _charging(bench: Workbench, phases: int) -> None:
    bench.offered_phases = phases
    bench.car("B")
    bench.run(0.3)
    bench.lock()
    bench.offer(16.0)
    bench.until(lambda: bench.report.offered_a, FOLLOWS_WITHIN_S + 0.5)
    bench.car("C")
    bench.until(lambda: bench.outlet.closed, 1.0)
    bench.run(0.1)


def test_at_the_start_it_is_told_one_phase(bench):
    """Everything off first; a weld of L2 and L3 is a fault before anything is offered."""
    assert (_switched(bench), bench.report.phases, bench.faults) == ([], 1, set())
    welded = Workbench(phase_switch=True)
    welded.answers["phases.phases"] = 3
    welded.run(FOLLOWS_WITHIN_S + 0.5)
    assert welded.faults == {"phase_switch"}


@pytest.mark.parametrize("phases", [1, 3])
def test_a_fresh_car_is_served_on_the_phases_of_its_offer(bench, phases):
    """It was offered nothing before, so it waits for the contact and no longer."""
    _charging(bench, phases)
    assert (_switched(bench), bench.report.phases) == ([phases] if phases == 3 else [], phases)
    assert not any(report.rests for report in bench.reports), "a contact's time is no rest"
    assert sum(amperes > 0 for amperes in bench.outlet.current_a) == phases


@pytest.mark.parametrize(("before", "after"), [(1, 3), (3, 1)])
def test_a_charging_car_is_stopped_left_alone_and_served_anew(bench, before, after):
    """Steady pilot, open contactor, switch, pause, offer: in this order, and nothing is offered in between."""
    _charging(bench, before)
    already = _switched(bench)
    bench.offered_phases = after
    bench.offer(16.0)
    bench.run(0.1)
    assert (bench.duty, bench.coil, _switched(bench)) == (1.0, True, already)
    bench.car("B")
    bench.until(lambda: _switched(bench) == [*already, after], 1.0)
    assert not bench.outlet.closed
    bench.run(0.1)
    assert bench.report.rests, "the car is left alone, and the central system told so"
    bench.withdraw()
    bench.run(0.1)
    assert not bench.report.rests, "nothing is kept back of no offer"
    bench.offer(16.0)
    assert bench.until(lambda: bench.report.offered_a, PAUSE_S + 1) == pytest.approx(PAUSE_S - 0.2, abs=0.1)
    assert not bench.report.rests
    bench.car("C")
    bench.until(lambda: bench.outlet.closed, 2.0)
    assert sum(amperes > 0 for amperes in bench.outlet.current_a) == after


def test_nothing_switches_while_the_contactor_is_not_known_open(bench):
    """A weld keeps the phases as they are, whatever is offered."""
    _charging(bench, 1)
    bench.fault("contactor_welded")
    bench.offered_phases = 3
    bench.offer(16.0)
    bench.run(20.0)
    assert _switched(bench) == []


def test_a_car_that_did_not_let_go_is_left_alone_for_a_minute():
    """Its contactor opened under load; a shorter pause of the configuration does not count then."""
    bench = Workbench(phase_switch=True, phase_pause_s=10.0)
    bench.run(1.0)
    _charging(bench, 1)
    bench.offered_phases = 3
    bench.offer(16.0)
    bench.until(lambda: _switched(bench) == [3], 8.0)
    bench.car("B")
    assert bench.until(lambda: bench.report.offered_a, AFTER_LOAD_S + 1) == pytest.approx(AFTER_LOAD_S, abs=0.1)


def test_the_pause_is_that_of_the_configuration():
    """Some cars need less, some more."""
    bench = Workbench(phase_switch=True, phase_pause_s=10.0)
    bench.run(1.0)
    _charging(bench, 1)
    bench.offered_phases = 3
    bench.offer(16.0)
    bench.car("B")
    bench.until(lambda: _switched(bench) == [3], 8.0)
    assert bench.until(lambda: bench.report.offered_a, 11.0) == pytest.approx(10.0, abs=0.1)


def test_a_car_that_was_there_at_the_start_is_taken_for_one_that_was_served():
    """The guard was restarted: nobody knows what it was offered."""
    bench = Workbench(phase_switch=True)
    bench.car("B")
    bench.run(0.3)
    bench.offer(16.0)
    assert bench.until(lambda: bench.report.offered_a, PAUSE_S + 1) > PAUSE_S - 1


def test_the_next_car_on_the_same_phases_does_not_wait(bench):
    """Nothing is switched without need: contacts wear."""
    _charging(bench, 3)
    bench.withdraw()
    bench.car("B")
    bench.run(1.0)
    unplug_and_plug(bench)
    bench.offer(16.0)
    assert bench.until(lambda: bench.report.offered_a, 1.0) < 0.1
    assert _switched(bench) == [3]


@pytest.mark.parametrize("shown", [1, None])
def test_a_contact_that_is_not_where_it_was_switched_to_is_a_fault(bench, shown):
    """A weld of L2 and L3, a coil that does nothing, a contact that cannot be read: open at once, until unplugged and right."""
    _charging(bench, 3)
    if shown is None:
        bench.broken.add("phases.phases")
    else:
        bench.answers["phases.phases"] = shown
    assert bench.until(lambda: not bench.coil, FOLLOWS_WITHIN_S + 0.1) < 0.1
    assert bench.faults == {"phase_switch"}
    bench.answers.clear()
    bench.broken.clear()
    bench.run(5.0)
    assert bench.faults == {"phase_switch"}
    bench.car("A")
    bench.run(1.0)
    assert bench.faults == set()


def test_a_switch_that_cannot_be_driven_is_a_fault_and_is_tried_again(bench):
    """In the driver's words; nothing is offered on phases that nobody could switch."""
    bench.broken.add("phases.set_phases")
    bench.car("B")
    bench.run(0.3)
    bench.offer(16.0)
    bench.run(1.0)
    assert (bench.faults, bench.report.offered_a) == ({"phase_switch"}, 0.0)
    assert "connector 1: not there" in bench.told
    bench.broken.clear()
    bench.car("A")
    bench.run(2.0)
    assert bench.faults == set()


def test_without_a_switch_the_phases_of_an_offer_mean_nothing():
    """Most connectors have none."""
    bench = Workbench()
    bench.offered_phases = 1
    bench.car("B")
    bench.run(0.3)
    bench.offer(16.0)
    bench.run(0.05)
    assert (bench.report.offered_a, bench.report.phases) == (16.0, 0)


def test_closing_leaves_one_phase(bench):
    """The second contactor is released with everything else."""
    _charging(bench, 3)
    bench.guard.close()
    assert bench.outlet.live_phases == 1


# -- to the millisecond --------------------------------------------------------------------------------------------------

LEAST_S = 0.001


class Watched:
    """A watch whose switch does what it says, unless told otherwise."""

    def __init__(self, pause_s: float = 10.0) -> None:
        self.watch = PhaseWatch(pause_s)
        self.told: list[int] = []
        self.stuck: int | None = None

    def look(self, now_s: float, *, opened: bool = True, offered: bool = False, asks: bool = False, unreadable: bool = False) -> None:
        """One cycle."""
        shown = (self.stuck or self.watch.commanded or 1) if not unreadable else None
        phases = self.watch.look(shown, opened=opened, offered=offered, asks=asks, now_s=now_s)
        if phases is not None:
            self.told.append(phases)
            self.watch.switched(phases, now_s)


def test_it_switches_when_the_contactor_has_been_open_for_a_tenth_of_a_second():
    """By the feedback contact, without a break, and with no offer in force."""
    watched = Watched()
    watched.look(0.0)
    watched.look(SETTLES_S - LEAST_S)
    assert watched.told == []
    watched.look(0.1)
    assert watched.told == [1]
    watched.watch.wish(3)
    watched.look(0.2, offered=True)
    watched.look(0.3, opened=False)
    watched.look(0.4)
    watched.look(0.5 - LEAST_S)
    assert watched.told == [1]
    watched.look(0.5 + LEAST_S)
    assert watched.told == [1, 3]


def test_a_contact_has_a_second_to_follow():
    """Exactly; one that cannot be read has none before anything was switched."""
    watched = Watched()
    assert watched.watch.failed is False
    watched.look(0.0, unreadable=True)
    assert watched.watch.failed is True
    watched.look(0.05)
    assert watched.watch.failed is False
    watched.look(0.1)
    watched.stuck = 3
    watched.look(1.1 - LEAST_S)
    assert watched.watch.failed is False
    watched.look(1.1)
    assert watched.watch.failed is True
    watched.stuck = None
    watched.look(1.2, unreadable=True)
    assert watched.watch.failed is True


def _rests_until(watch: PhaseWatch, until_s: float) -> bool:
    """Nothing may be offered up to this moment, and from then on."""
    return watch.holds(until_s - LEAST_S) and not watch.holds(until_s)


def test_a_car_that_nobody_knows_is_left_alone_for_the_pause_and_the_next_for_a_second():
    """One that is there at the start may have been served before; one that comes has not."""
    watched = Watched()
    watched.look(0.0, asks=True)
    watched.look(0.1, asks=True)
    assert _rests_until(watched.watch, 10.1)
    assert (watched.watch.pauses(10.1 - LEAST_S), watched.watch.pauses(10.1)) == (True, False)
    watched.watch.unplugged()
    watched.watch.wish(3)
    watched.look(20.0)
    assert _rests_until(watched.watch, 21.0)
    assert not watched.watch.pauses(20.5)


def test_a_minute_after_a_contactor_that_opened_under_load_and_once():
    """What it is for the next switch is another question."""
    watched = Watched()
    watched.watch.unplugged()
    watched.look(0.0)
    watched.look(0.1)
    watched.look(5.0, offered=True)
    watched.look(6.0, opened=False, offered=True, asks=True)
    watched.watch.wish(3)
    watched.look(7.0, asks=True)
    watched.look(7.25, asks=True)
    assert _rests_until(watched.watch, 67.25)
    watched.watch.wish(1)
    watched.look(80.0)
    assert _rests_until(watched.watch, 90.0)


def test_a_car_that_let_go_first_has_the_pause_of_the_configuration():
    """Its contactor opened without load; a car that was unplugged leaves nothing of it to the next."""
    watched = Watched()
    watched.look(0.0)
    watched.look(0.1)
    for moment_s in (6.0, 6.25):
        watched.look(moment_s, opened=False, offered=True, asks=True)
    watched.watch.wish(3)
    watched.look(7.0)
    watched.look(7.25)
    assert _rests_until(watched.watch, 17.25)
    watched.look(20.0, opened=False, offered=True, asks=True)
    watched.look(21.0, asks=True)
    watched.watch.unplugged()
    watched.look(21.5, offered=True)
    watched.watch.wish(1)
    watched.look(22.0)
    assert _rests_until(watched.watch, 32.0)
