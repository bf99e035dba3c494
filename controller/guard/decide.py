"""The guard's mind: what the outputs must be, given all that is seen. Pure, and all of it in this file.

Theory. Energy is off unless proved on. The contactor is closed only while the car asks (state C, or D where ventilation is
served), the diode was seen just now, the bolt is in, an offer of at least 6 A lives, and nothing is wrong. There are three
ways out:

    a fault that opens       coil off at once; state F for 0.3 s where the fault is the station's own, then steady +12 V
    an offer that ends,      a controlled stop: the pilot goes steady first, so that the car can stop drawing; the coil
    or a fault that stops    follows when it has (state B), or after OPEN_UNDER_LOAD_AFTER_S (sequence 9, 10.1, 10.2)
    the car lets go          coil off at once (sequence 8, <= 100 ms)

An offer reaches the pilot at once when it falls, and when it rises not sooner than 5 s after the last change (sequence 6').
"""

import math

import msgspec

from controller.guard.messages import Pilot
from controller.guard.pilot import MIN_OFFER_A, duty_for

OPEN_UNDER_LOAD_AFTER_S = 6.0
"""Some cars keep drawing after the pilot went steady; a contactor survives opening under load, a few times."""
SHOW_F_S = 0.3
RISE_PAUSE_S = 5.0
DIODE_GRACE_S = 0.1
"""PWM that comes back within a controlled stop finds the diode check stale; this long it may be renewed while closed."""
X1, F = 1.0, 0.0
"""Duty cycles of the steady levels +12 V and -12 V."""


class Seen(msgspec.Struct, frozen=True):
    """Everything the decision depends on."""

    pilot: Pilot
    diode_fresh: bool = False
    offer_a: float | None = None
    """The live offer within every ceiling of ours, amperes per phase; None: no offer, or it has expired."""
    ventilation: bool = False
    locked: bool = True
    may_close: bool = True
    """The contactor's supervision allows closing: not just opened, not flapping, no failed try."""
    must_release: bool = False
    """The contact did not follow the coil: the coil must go off before the next try (F-NOCLOSE)."""
    must_open: bool = False
    """A fault stands that opens at once."""
    shows_f: bool = False
    """That fault is the station's own, so the car is told by state F."""
    must_stop: bool = False
    """A fault stands that ends in a controlled stop."""
    stays_open: bool = False
    """A fault stands that keeps the contactor open, but not the pilot from offering (state D without ventilation)."""
    patience_s: float = OPEN_UNDER_LOAD_AFTER_S
    wake_up: float | None = None
    """A steady level that a sleeping car is shown for a moment in place of the offer; None: no such moment."""


class Memory(msgspec.Struct, frozen=True):
    """What the last decision leaves for the next."""

    coil: bool = False
    offered_a: float | None = None
    changed_s: float = -math.inf
    """When the pilot last changed: the current in force, or its end."""
    lately_a: float | None = None
    """The current that was in force before the pilot went steady; None for a car that was offered nothing yet."""
    pwm_since_s: float = math.inf
    stopping_since_s: float | None = None
    opened_since_s: float | None = None
    """Since when a fault keeps everything open."""


class Outputs(msgspec.Struct, frozen=True):
    """What the hardware must do now."""

    duty: float
    """1.0 steady +12 V, 0.0 steady -12 V, else PWM."""
    coil: bool
    offered_a: float | None


def decide(seen: Seen, was: Memory, now_s: float) -> tuple[Outputs, Memory]:
    """What the hardware must do now; called every 10 ms with everything known."""
    if seen.must_open:
        return _open(seen, was, now_s)
    if seen.must_stop or seen.offer_a is None or seen.offer_a < MIN_OFFER_A:
        return _stop(seen, was, now_s)
    return _offer(seen, seen.offer_a, was, now_s)


def asks_for_power(seen: Seen) -> bool:
    """The car has closed S2, and we serve what it asks for."""
    return seen.pilot is Pilot.C or (seen.pilot is Pilot.D and seen.ventilation)


def _open(seen: Seen, was: Memory, now_s: float) -> tuple[Outputs, Memory]:
    since_s = now_s if was.opened_since_s is None else was.opened_since_s
    telling = seen.shows_f and now_s - since_s < SHOW_F_S
    lately_a, changed_s = _before_steady(seen, was, now_s)
    memory = Memory(changed_s=changed_s, lately_a=lately_a, opened_since_s=since_s)
    return Outputs(F if telling else X1, coil=False, offered_a=None), memory


def _stop(seen: Seen, was: Memory, now_s: float) -> tuple[Outputs, Memory]:
    since_s = now_s if was.stopping_since_s is None else was.stopping_since_s
    patient = now_s - since_s < seen.patience_s
    coil = was.coil and patient and _may_stay_closed(seen)
    lately_a, changed_s = _before_steady(seen, was, now_s)
    memory = Memory(coil, changed_s=changed_s, lately_a=lately_a, stopping_since_s=since_s)
    return Outputs(X1, coil, offered_a=None), memory


def _offer(seen: Seen, wish_a: float, was: Memory, now_s: float) -> tuple[Outputs, Memory]:
    offered_a, changed_s = _current_in_force(wish_a, was, now_s)
    pwm_since_s = now_s if was.offered_a is None else was.pwm_since_s
    diode = seen.diode_fresh or (was.coil and now_s - pwm_since_s < DIODE_GRACE_S)
    coil = (was.coil or seen.may_close) and diode and _may_stay_closed(seen)
    if seen.wake_up is not None and not was.coil:
        return Outputs(seen.wake_up, coil=False, offered_a=None), Memory(False, offered_a, changed_s, pwm_since_s=now_s)
    memory = Memory(coil, offered_a, changed_s, pwm_since_s=pwm_since_s)
    return Outputs(duty_for(offered_a), coil, offered_a), memory


def _may_stay_closed(seen: Seen) -> bool:
    """What must hold in every moment with power, also while a stop is under way."""
    return asks_for_power(seen) and seen.locked and not seen.must_release and not seen.stays_open


def _before_steady(seen: Seen, was: Memory, now_s: float) -> tuple[float | None, float]:
    """What was in force before the pilot went steady and when it did; a new car has no past."""
    if seen.pilot is Pilot.A:
        return None, -math.inf
    return (was.lately_a, was.changed_s) if was.offered_a is None else (was.offered_a, now_s)


def _current_in_force(wish_a: float, was: Memory, now_s: float) -> tuple[float, float]:
    """The current to signal and when it last changed: down at once, up only after the pause, also over a steady pilot."""
    before_a = was.lately_a if was.offered_a is None else was.offered_a
    too_soon = now_s - was.changed_s < RISE_PAUSE_S
    offered_a = min(wish_a, before_a) if before_a is not None and too_soon else wish_a
    return offered_a, was.changed_s if offered_a == was.offered_a else now_s
