"""What must always hold for the guard, whatever cars, people, controllers and devices do.

Hypothesis invents stories over the whole guard and the simulated world, in cycles of 10 ms; after every single cycle an
onlooker, who knows the line, the coil and what was said but nothing of the guard's insides, checks the rules.
"""

import math
from collections import deque
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from controller.faults import CATALOGUE, FaultKind, Reaction
from controller.guard.messages import ClearLatch, Measured, Offer, SetLock, Withdraw
from controller.guard.pilot import amperes_for
from drivers.errors import Disconnected
from drivers.protocols import LockState
from tests.unit.guard.workbench import Workbench

EPSILON = 1e-6
STOPPING_S = 6.0
OPEN_WITHIN_S = 0.1
"""From the edge on the line to the coil's release; the contact itself has the rest of the 100 ms on real hardware."""
RISE_PAUSE_S = 5.0
REST_S = 1.0
CONFIRM_S = 0.5
DIODE_S, RETURNED_S = 0.5, 0.1
"""A diode check counts half a second; PWM that returns within a stop, while the contactor is still closed, has a tenth to renew it."""
OPENING = {kind for kind, row in CATALOGUE.items() if row.reaction in (Reaction.OPEN, Reaction.NEVER_CLOSE)}
WIRES = ("rcd", "ground", "estop", "other")
CALLS = ("pilot.read", "pilot.set_pwm", "pilot.set_x1", "pilot.set_f", "contactor.feedback", "contactor.set", "lock.state",
         "lock.lock", "lock.unlock", "rcd.active", "temperature.read_c", "proximity.cable_a")


class Onlooker:
    """Sees what a person with an oscilloscope, a lamp and a tap on the link would see."""

    def __init__(self, bench: Workbench, *, ceiling_a: float, ventilation: bool, has_lock: bool) -> None:
        self.bench = bench
        self._ceiling_a, self._ventilation, self._has_lock = ceiling_a, ventilation, has_lock
        self.offer: tuple[float, float] | None = None
        """Amperes, and until when."""
        self.hot_a = math.inf
        self._asked_since_s: float | None = None
        self._silent_since_s: float | None = None
        self._diode_s = -math.inf
        self._steady_since_s: float | None = None
        self._returned_s = -math.inf
        """When PWM last came back after a steady level."""
        self._opened_s = -math.inf
        self._coil = False
        self._phases = bench.outlet.live_phases
        self._pwm: deque[tuple[float, float]] = deque()
        """When the current on the pilot changed, and to what; X1 and F are no currents."""

    @property
    def live_a(self) -> float:
        """What the newest offer allows now."""
        if self.offer is None or self.bench.now_s >= self.offer[1]:
            return 0.0
        return self.offer[0]

    def before(self) -> None:
        """What the guard is about to read."""
        outlet, now_s = self.bench.outlet, self.bench.now_s
        asks = outlet.state == "C" or (outlet.state == "D" and self._ventilation)
        if outlet.duty == 0.0:
            return  # while state F is driven nobody sees the car
        self._asked_since_s = (self._asked_since_s if self._asked_since_s is not None else now_s) if asks else None
        self._silent_since_s = None if asks else (self._silent_since_s if self._silent_since_s is not None else now_s)
        if 0 < outlet.duty < 1 and outlet.state in ("B", "C", "D") and "diode" not in outlet.faults:
            self._diode_s = now_s

    def after(self) -> None:
        """What the guard has done."""
        bench, outlet, now_s = self.bench, self.bench.outlet, self.bench.now_s
        pwm = 0 < outlet.duty < 1
        if pwm:
            self._returned_s = now_s if self._steady_since_s is not None else self._returned_s
            self._steady_since_s = None
        elif self._steady_since_s is None:
            self._steady_since_s = now_s
        if bench.broken & {"contactor.set", "pilot.set_x1", "pilot.set_f", "pilot.set_pwm"}:
            self._note_coil(now_s)
            return  # what cannot be written is not written; that it is tried again, other tests show
        self._power(pwm, now_s)
        self._fitted()
        self._current(pwm, now_s)
        self._note_coil(now_s)

    def _note_coil(self, now_s: float) -> None:
        if self._coil and not self.bench.coil:
            self._opened_s = now_s
        self._coil = self.bench.coil

    def _power(self, pwm: bool, now_s: float) -> None:
        bench, outlet = self.bench, self.bench.outlet
        if not bench.coil:
            return
        assert not {FaultKind(kind) for kind in bench.faults} & OPENING, "no standing fault that opens"
        assert not self._has_lock or outlet.bolt is LockState.LOCKED, "bolt in"
        if self._silent_since_s is not None:
            assert round(now_s - self._silent_since_s, 6) <= OPEN_WITHIN_S, "open within 100 ms after the car stopped asking"
        if pwm:
            assert self.live_a >= 6.0, "a live offer"
            returned = self._coil and round(now_s - self._returned_s, 6) < RETURNED_S
            assert returned or round(now_s - self._diode_s, 6) <= DIODE_S, "a fresh diode check"
        else:
            assert outlet.duty == 1.0, "a controlled stop is steady +12 V"
            assert self._steady_since_s is not None
            assert round(now_s - self._steady_since_s, 6) <= STOPPING_S + 0.011, "at most six seconds of stopping window"
        if not self._coil:
            assert pwm, "never closed under a steady pilot"
            assert now_s - self._opened_s >= REST_S - EPSILON, "not within a second after opening"
            assert self._asked_since_s is not None
            assert now_s - self._asked_since_s >= CONFIRM_S - 0.011, "state C confirmed for half a second"

    def _fitted(self) -> None:
        """Nothing that is only done without power is done with it."""
        outlet = self.bench.outlet
        if outlet.live_phases != self._phases or outlet.monitor.driven:
            assert not outlet.closed, "phases switch and monitors are tested with the contact open"
            assert outlet.duty in (0.0, 1.0), "and while nothing is offered"
        self._phases = outlet.live_phases

    def _current(self, pwm: bool, now_s: float) -> None:
        outlet = self.bench.outlet
        if outlet.state == "A" and self._silent_since_s is not None and now_s - self._silent_since_s > 0.2:
            self._pwm.clear()  # the next car has no past
        if not pwm:
            assert outlet.duty in (0.0, 1.0)
            return
        allowed_a = amperes_for(outlet.duty)
        cable_a = self.bench.proximity.carries_a if "proximity.cable_a" not in self.bench.broken else math.inf
        limit_a = min(self.live_a, self._ceiling_a, self.hot_a, math.inf if cable_a is None else max(cable_a, self._held_a))
        assert allowed_a <= limit_a + EPSILON, "never more than the least of all limits"
        last_s, last_a = self._pwm[-1] if self._pwm else (-math.inf, math.inf)
        if abs(allowed_a - last_a) > EPSILON:
            if allowed_a > last_a:
                assert now_s - last_s >= RISE_PAUSE_S - EPSILON, "no rise within five seconds of the last change"
            self._pwm.append((now_s, allowed_a))

    _held_a = 63.0


class Story:
    """One run: a guard, a world, an onlooker, and what happens."""

    def __init__(self, *, ceiling_a: float, ventilation: bool, has_lock: bool, **fitted: Any) -> None:
        self.bench = Workbench(ceiling_a=ceiling_a, ventilation=ventilation, has_lock=has_lock, proximity=True, **fitted)
        self.onlooker = Onlooker(self.bench, ceiling_a=ceiling_a, ventilation=ventilation, has_lock=has_lock)

    def happen(self, word: str, value: Any) -> None:
        getattr(self, f"_{word}")(value)

    def _pass(self, cycles: int) -> None:
        for _ in range(cycles):
            self.bench.now_s = round(self.bench.now_s + 0.01, 6)
            self.onlooker.before()
            self.bench.guard.step(self.bench.now_s, expected_s=self.bench.now_s)
            self.onlooker.after()
        self.bench.controller.receive()

    def _late(self, late_s: float) -> None:
        self.bench.now_s = round(self.bench.now_s + 0.01 + late_s, 6)
        self.onlooker.before()
        self.bench.guard.step(self.bench.now_s, expected_s=self.bench.now_s - late_s)
        if late_s > 0.0601:
            assert not self.bench.coil or self.bench.broken, "too late opens"
        self.onlooker.after()

    def _car(self, state: str) -> None:
        self.bench.car(state)

    def _leaves(self, _value: None) -> None:
        """Unplugged for good, not for a sample or two."""
        self.bench.car("A")
        self._pass(30)

    def _plug(self, auto: bool) -> None:
        self.bench.world.call("plug", {"connector": 1, "ev": {"auto": auto, "request_after_s": 0.3}})

    def _offer(self, offer: tuple[float, float]) -> None:
        amperes, valid_for_s = offer
        self.bench.say(Offer(1, amperes, valid_for_s, self.bench.offered_phases))
        self.onlooker.offer = (amperes, self.bench.now_s + 0.01 + valid_for_s + EPSILON) if amperes >= 6 else None
        self._pass(1)

    def _withdraw(self, _value: None) -> None:
        self.bench.say(Withdraw(1))
        self.onlooker.offer = None
        self._pass(1)

    def _lock(self, locked: bool) -> None:
        self.bench.say(SetLock(1, locked))

    def _phases(self, amperes: float) -> None:
        """From now on the offers are for the other number of phases, be the car charging or not; a stop that follows is seen out."""
        self.bench.offered_phases = 4 - self.bench.offered_phases
        self._offer((amperes, 10.0))
        self._pass(700)

    def _charges(self, amperes: float) -> None:
        """As above, with the patience that tests and pauses of what is fitted need."""
        self._charge(amperes)
        for _ in range(14):
            self._offer((amperes, 10.0))
            self._pass(100)

    def _sleeps(self, amperes: float) -> None:
        """A car that has an offer and does not ask, until it is woken, and then does."""
        self.bench.car("B")
        for _ in range(36):
            self._offer((amperes, 10.0))
            self._pass(100)
        self.bench.car("C")
        self._offer((amperes, 10.0))
        self._pass(200)

    def _ask(self, amperes: float) -> None:
        """A car that asks and an offer, but nobody has thought of the bolt."""
        self.bench.car("C")
        self._offer((amperes, 10.0))
        self._pass(70)

    def _force(self, state: LockState) -> None:
        """Somebody forces the bolt."""
        if self.bench.outlet.has_lock:
            self.bench.outlet.bolt = state
            self._pass(1)

    def _measure(self, measured: tuple[float, float]) -> None:
        amperes, volts = measured
        self.bench.say(Measured(1, (amperes, amperes, 0.0), (volts, volts, volts)))

    def _fault(self, fault: tuple[str, bool]) -> None:
        self.bench.fault(*fault)

    def _wire(self, kind: str) -> None:
        """A wire trips: the coil is off two cycles later at most."""
        self.bench.fault(kind)
        self._pass(2)
        assert not self.bench.coil or "contactor.set" in self.bench.broken

    def _reset(self, kind: FaultKind) -> None:
        self.bench.say(ClearLatch(1, kind))

    def _break(self, call: str) -> None:
        self.bench.broken.add(call)

    def _mend(self, _value: None) -> None:
        self.bench.broken.clear()

    def _warm(self, temperature_c: float) -> None:
        self.bench.answers["temperature.read_c"] = temperature_c
        derated_a = 6 + (75 - temperature_c) / 15 * (self.onlooker._ceiling_a - 6)
        hot_a = math.inf if temperature_c <= 60 else max(6.0, derated_a)
        self.onlooker.hot_a = max(self.onlooker.hot_a, hot_a)  # within a second of its reading the old one may still count
        self._pass(100)
        self.onlooker.hot_a = hot_a

    def _charge(self, amperes: float) -> None:
        """The ordinary beginning, so that stories do not only tell of idle outlets."""
        self.bench.broken.clear()
        self.bench.car("B")
        self._pass(20)
        self._lock(True)
        self._offer((amperes, 10.0))
        self._pass(30)
        self.bench.car("C")
        self._pass(60)


amperes = st.floats(0, 80) | st.sampled_from([5.9, 6.0, 10.0, 16.0, 32.0, 1000.0, math.inf, math.nan])
offers = st.tuples(amperes, st.sampled_from([0.0, 0.3, 1.0, 3.0, 10.0]))
happenings = st.one_of(
    st.tuples(st.just("pass"), st.integers(1, 150)), st.tuples(st.just("pass"), st.sampled_from([600, 120, 50, 2, 1])),
    st.tuples(st.just("charge"), st.floats(6, 40)), st.tuples(st.just("charge"), st.floats(6, 40)),
    st.tuples(st.just("car"), st.sampled_from("ABCDEF")), st.tuples(st.just("car"), st.sampled_from("ABC")),
    st.tuples(st.just("plug"), st.booleans()), st.tuples(st.just("offer"), offers), st.tuples(st.just("offer"), offers),
    st.tuples(st.just("withdraw"), st.none()), st.tuples(st.just("lock"), st.booleans()),
    st.tuples(st.just("measure"), st.tuples(st.sampled_from([0.0, 16.0, 35.0, 48.0, math.nan]),
                                           st.sampled_from([230.0, 172.0, 290.0, math.nan]))),
    st.tuples(st.just("fault"), st.tuples(st.sampled_from(["diode", "contactor", "contactor_welded", "lock", "lock_stuck",
                                                           "temperature", *WIRES]), st.booleans())),
    st.tuples(st.just("fault"), st.tuples(st.sampled_from(["diode", "contactor", "lock", *WIRES]), st.just(False))),
    st.tuples(st.just("ask"), st.floats(6, 40)),
    st.tuples(st.just("force"), st.sampled_from([LockState.UNLOCKED, LockState.MOVING])),
    st.tuples(st.just("wire"), st.sampled_from(WIRES)),
    st.tuples(st.just("reset"), st.sampled_from([FaultKind.RCD, FaultKind.CONTACTOR_WELDED])),
    st.tuples(st.just("late"), st.sampled_from([0.015, 0.03, 0.05, 0.0605, 0.2])),
    st.tuples(st.just("warm"), st.floats(20, 79)))
breakages = st.one_of(st.tuples(st.just("break"), st.sampled_from(CALLS)), st.tuples(st.just("mend"), st.none()))
places = st.fixed_dictionaries({"ceiling_a": st.sampled_from([6.0, 16.0, 32.0]), "ventilation": st.booleans(),
                                "has_lock": st.booleans()})


@settings(derandomize=True, deadline=None, max_examples=60)
@given(places, st.lists(happenings, min_size=5, max_size=25))
def test_the_rules_hold_whatever_happens(place, story):
    """Rules 1 and 2, iec61851.md 11: power only with request, diode, bolt and offer; the pilot never above any limit."""
    run = Story(**place)
    for word, value in story:
        run.happen(word, value)


@settings(derandomize=True, deadline=None, max_examples=60)
@given(places, st.lists(happenings | breakages, min_size=5, max_size=25), st.sampled_from([Disconnected("?"), OSError(), KeyError(0)]))
def test_the_rules_hold_while_devices_fail(place, story, error):
    """Rule 7: whatever the drivers raise, the guard does not, and what can still be written is safe."""
    run = Story(**place)
    run.bench.error = error
    for word, value in story:
        run.happen(word, value)
    run.bench.guard.close()


fitted = st.fixed_dictionaries({"wake_up": st.sampled_from(["x1", "f"]), "self_test": st.booleans(), "phase_switch": st.booleans(),
                                "phase_pause_s": st.just(10.0)})
more = st.one_of(happenings, st.tuples(st.just("phases"), st.floats(6, 40)), st.tuples(st.just("phases"), st.floats(6, 40)), st.tuples(st.just("charges"), st.floats(6, 40)), st.tuples(st.just("sleeps"), st.floats(6, 40)),
                 st.tuples(st.just("break"), st.sampled_from(["rcd.test", "phases.phases", "phases.set_phases"])),
                 st.tuples(st.just("mend"), st.none()))


@settings(derandomize=True, deadline=None, max_examples=60)
@given(places, fitted, st.lists(more, min_size=5, max_size=20))
def test_the_rules_hold_with_everything_that_can_be_fitted(place, extras, story):
    """The same rules where cars are woken, the monitor is tested and phases are switched (iec61851.md 4.3, 8 and 13)."""
    run = Story(**place, **extras)
    run.happen("charges", 16.0)
    for word, value in story:
        run.happen(*(("leaves", None) if (word, value) == ("car", "A") else (word, value)))


@settings(derandomize=True, deadline=None, max_examples=40)
@given(places, st.lists(happenings, min_size=1, max_size=10), st.sampled_from([0.3, 1.0, 3.0]), st.booleans())
def test_when_the_offers_stop_the_power_does(place, story, valid_for_s, obeys):
    """F-KILL: the pilot is steady when the last offer's validity ends, and the contactor open at most 6 s later."""
    run = Story(**place)
    for word, value in story:
        run.happen(word, value)
    run.happen("offer", (16.0, valid_for_s))
    run.happen("pass", round(valid_for_s * 100))
    assert run.bench.duty in (0.0, 1.0)
    if obeys:
        run.happen("car", "B")
        run.happen("pass", 4)
        assert not run.bench.coil
    run.happen("pass", 602)
    assert not run.bench.coil


@settings(derandomize=True, deadline=None, max_examples=40)
@given(places, st.lists(st.sampled_from("ABCDEF"), min_size=1, max_size=400))
def test_no_sequence_of_levels_closes_without_half_a_second_of_request(place, levels):
    """11, F-PILOT: a line that changes every 10 ms never looks like a car that asks, and closes nothing."""
    run = Story(**place)
    run.happen("lock", True)
    run.happen("offer", (16.0, 10.0))
    for state in levels:
        run.happen("car", state)
        run.happen("pass", 1)
