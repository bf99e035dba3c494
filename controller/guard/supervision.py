"""Watches over contactor, bolt, current, voltage and temperature. Pure: each takes what is measured and tells what is wrong.

A watch never acts: it gives causes to `fault_watch.py` and limits to `cycle.py`.
"""

import math
from collections import deque

from controller.guard.pilot import MIN_OFFER_A
from drivers.protocols import LockState

WELDED_AFTER_S = 0.5
WELDED_CURRENT_A = 0.5
CURRENT_DECAYS_S = 2.0
"""A meter lags: a current is taken for a weld only if it was measured so long after the coil was released."""
NOT_CLOSED_AFTER_S = 1.0
REST_AFTER_OPENING_S = 1.0
"""Coil and arc recover; also the pause before the one retry of F-NOCLOSE."""
HOLDS_AFTER_S = 5.0
"""A contact that falls open sooner has not closed: its second try is the last."""
FLAPS, FLAP_WINDOW_S, FLAP_LOCKOUT_S, LONGEST_LOCKOUT_S = 5, 60.0, 60.0, 900.0


class ContactorWatch:
    """Weld, no-close with one retry, rest after opening, and cars that flap (iec61851.md 4.2 and 7, F-WELD, F-NOCLOSE)."""

    def __init__(self) -> None:
        self.closures = 0
        self.proved_open = False
        """The contact was seen open with the coil off: before that nothing is offered (iec61851.md 10)."""
        self.welded = False
        self.failed = False
        """It did not close twice, or fell open and did not close again: no more tries until unplugged."""
        self.must_release = False
        """A try has failed: the coil must go off before the next."""
        self._coil = False
        self._changed_s = -math.inf
        self._odd_since_s: float | None = None
        self._closed_since_s: float | None = None
        self._tries = 0
        self._closings: deque[float] = deque(maxlen=FLAPS + 1)
        self._locked_until_s = -math.inf
        self._lockout_s = FLAP_LOCKOUT_S

    def look(self, *, coil: bool, feedback: bool | None, measured: tuple[float, float] | None, now_s: float) -> float:
        """Compare what was commanded with what is; `feedback` None where none is wired, `measured` amperes and when.

        Returns the seconds of a lock-out for flapping that begins with this look, else 0.0.
        """
        lockout_s = self._switched(coil, now_s) if coil != self._coil else 0.0
        flows = (measured is not None and measured[0] > WELDED_CURRENT_A
                 and measured[1] - self._changed_s > CURRENT_DECAYS_S)
        odd = (feedback is False) if coil else (feedback is True or flows)
        if not odd:
            self._odd_since_s = None
            self.welded = False
            self.proved_open = self.proved_open or not coil
        elif self._odd_since_s is None:
            self._odd_since_s = now_s
        odd_s = now_s - self._odd_since_s if self._odd_since_s is not None else 0.0
        if coil:
            self._judge_closed(not odd, odd_s, now_s)
        elif odd_s >= WELDED_AFTER_S:
            self.welded = True
        return lockout_s

    def _switched(self, coil: bool, now_s: float) -> float:
        self._coil, self._changed_s = coil, now_s
        self._odd_since_s = self._closed_since_s = None
        self.must_release = False
        return self._count(now_s) if coil else 0.0

    def _judge_closed(self, closed: bool, odd_s: float, now_s: float) -> None:
        """A try has failed after a second without contact; it has succeeded when the contact has held for a while."""
        if not closed:
            self._closed_since_s = None
        elif self._closed_since_s is None:
            self._closed_since_s = now_s
        elif now_s - self._closed_since_s >= HOLDS_AFTER_S:
            self._tries = 0
        if odd_s >= NOT_CLOSED_AFTER_S and not self.must_release:
            self._tries += 1
            self.must_release = True
            self.failed = self._tries > 1

    def _count(self, now_s: float) -> float:
        """The seconds of a lock-out that begins with this closure."""
        self.closures += 1
        self._closings.append(now_s)
        if len(self._closings) <= FLAPS or now_s - self._closings[0] > FLAP_WINDOW_S:
            return 0.0
        lockout_s = self._lockout_s
        self._locked_until_s = now_s + lockout_s
        self._lockout_s = min(lockout_s * 2, LONGEST_LOCKOUT_S)
        return lockout_s

    def may_close(self, now_s: float) -> bool:
        """Seen open, rested since it opened, not locked out for flapping, and not failed."""
        rested = now_s - self._changed_s >= REST_AFTER_OPENING_S
        known_open = self.proved_open and self._odd_since_s is None
        return rested and known_open and not self.locked_out(now_s) and not self.failed

    def locked_out(self, now_s: float) -> bool:
        """The car oscillated, and is not served for a while."""
        return now_s < self._locked_until_s

    def off_for_s(self, now_s: float) -> float:
        """How long the coil has been off; 0 while it is on."""
        return 0.0 if self._coil else now_s - self._changed_s

    def unplugged(self) -> None:
        """A new car begins with a clean slate."""
        self.failed = False
        self._tries = 0
        self._closings.clear()
        self._locked_until_s = -math.inf
        self._lockout_s = FLAP_LOCKOUT_S

    def restless(self, now_s: float) -> bool:
        """Something is being timed."""
        return self._odd_since_s is not None or now_s - self._changed_s < CURRENT_DECAYS_S + 0.1


BOLT_WITHIN_S = 0.8
BOLT_TRIES = 3


class LockWatch:
    """Moves the bolt where it is wished, three times if need be, and tells when it does not get there (iec61851.md 6).

    Until somebody wishes, the bolt is left alone: a guard that starts anew may find a car behind it.
    """

    def __init__(self) -> None:
        self.wish_locked: bool | None = None
        self.not_locked = False
        self.not_unlocked = False
        self._moved_s: float | None = None
        self._tries = 0

    def wish(self, *, locked: bool | None) -> None:
        """Where the bolt should be from now on; a wish that is repeated after the last try tries anew."""
        if locked is self.wish_locked and self._moved_s is not None and not (self.not_locked or self.not_unlocked):
            return
        self.wish_locked = locked
        self._moved_s = None
        self._tries = 0
        self.not_locked = self.not_unlocked = False

    def look(self, state: LockState, *, may_unlock: bool, now_s: float) -> bool | None:
        """True: move the bolt in now; False: move it out now; None: leave it."""
        wanted = LockState.LOCKED if self.wish_locked else LockState.UNLOCKED
        if self.wish_locked is None or state in (wanted, LockState.NONE):
            self.not_locked = self.not_unlocked = False
            self._moved_s, self._tries = None, 0
            return None
        if not self.wish_locked and not may_unlock:
            return None
        if self._moved_s is not None and now_s - self._moved_s < BOLT_WITHIN_S:
            return None
        if self._tries >= BOLT_TRIES:
            self.not_locked, self.not_unlocked = self.wish_locked, not self.wish_locked
            return None
        self._tries += 1
        self._moved_s = now_s
        return self.wish_locked

    def unplugged(self) -> None:
        """The plug that the bolt could not hold is gone."""
        if self.not_locked:
            self.wish(locked=None)

    @property
    def restless(self) -> bool:
        """A move is under way."""
        return self._moved_s is not None


FOLLOWS_WITHIN_S = 5.0
OVER_FACTOR, OVER_MARGIN_A = 1.1, 1.0
RATING_FACTOR, RATING_S = 1.25, 1.0
MEASUREMENT_MAX_AGE_S = 5.0


class CurrentWatch:
    """Over-current (F-OVER): above the offer for 5 s, lower the pilot once and open 5 s later; above 1.25 x rating, open."""

    def __init__(self, rating_a: float) -> None:
        self._rating_a = rating_a
        self.tripped = False
        self._over_since_s: float | None = None
        self._far_since_s: float | None = None
        self._allowed: deque[tuple[float, float]] = deque()
        self._lowered_a: float | None = None

    @property
    def cap_a(self) -> float | None:
        """What may be offered to a car that draws too much; None while it behaves."""
        return self._lowered_a

    def look(self, *, offered_a: float | None, measured: tuple[float, float] | None, now_s: float) -> None:
        """Judge the highest phase current against what was allowed in the last 5 s: so long a car may take to follow."""
        allowed_a = self._allowed_lately(offered_a, now_s)
        current_a = measured[0] if measured is not None else 0.0
        far = current_a > self._rating_a * RATING_FACTOR
        self._far_since_s = (now_s if self._far_since_s is None else self._far_since_s) if far else None
        over = allowed_a > 0 and current_a > allowed_a * OVER_FACTOR + OVER_MARGIN_A
        if not over:
            self._over_since_s = None
        elif self._over_since_s is None:
            self._over_since_s = now_s
        self.tripped = self._far_since_s is not None and now_s - self._far_since_s >= RATING_S
        if self._over_since_s is not None and now_s - self._over_since_s > FOLLOWS_WITHIN_S:
            if self._lowered_a is None:
                self._lowered_a = max(MIN_OFFER_A, allowed_a - OVER_MARGIN_A)
                self._over_since_s = now_s
            else:
                self.tripped = True

    def _allowed_lately(self, offered_a: float | None, now_s: float) -> float:
        present_a = offered_a if offered_a is not None else 0.0
        if not self._allowed or self._allowed[-1][1] != present_a:
            self._allowed.append((now_s, present_a))
        while len(self._allowed) > 1 and self._allowed[1][0] <= now_s - FOLLOWS_WITHIN_S:
            self._allowed.popleft()
        return max(amperes for _, amperes in self._allowed)

    def unplugged(self) -> None:
        """A new car begins with a clean slate."""
        self._lowered_a = self._over_since_s = self._far_since_s = None
        self.tripped = False
        self._allowed.clear()

    @property
    def restless(self) -> bool:
        """Something is being timed."""
        return self._over_since_s is not None or self._far_since_s is not None


OUT_OF_RANGE: tuple[tuple[float, float], ...] = ((0.15, 3.0), (0.20, 1.0), (0.24, 0.4))
"""So far off for so long, of the nominal voltage and in seconds. The last pair is what leaves a supply at -25 % or +25 %
within 2 s, by a meter that is read twice a second and a car that is given half a second."""
LIVE_PHASE_V = 50.0
"""Below this a phase is taken as absent; idle phases show induced voltage, so only L1 must be there."""


class VoltageWatch:
    """Supply too far from its nominal voltage for too long (iec61851.md 9; `contract.md` section 3, fault kinds)."""

    def __init__(self, nominal_v: float) -> None:
        self._nominal_v = nominal_v
        self.under = False
        self.over = False
        self._since_s: list[float | None] = [None] * len(OUT_OF_RANGE)

    def look(self, voltage_v: tuple[float, float, float], now_s: float) -> None:
        """Judge the phase that is furthest off."""
        live = [volts for phase, volts in enumerate(voltage_v) if phase == 0 or volts > LIVE_PHASE_V]
        off = max(live, key=lambda volts: abs(volts - self._nominal_v)) / self._nominal_v - 1
        out = False
        for place, (fraction, within_s) in enumerate(OUT_OF_RANGE):
            since_s = self._since_s[place]
            if abs(off) < fraction:
                since_s = None
            elif since_s is None:
                since_s = now_s
            self._since_s[place] = since_s
            out = out or (since_s is not None and now_s - since_s >= within_s)
        self.under, self.over = out and off < 0, out and off > 0

    @property
    def restless(self) -> bool:
        """Something is being timed."""
        return any(since_s is not None for since_s in self._since_s)


CABLE_EVERY_S, CABLE_WITHIN_S = 0.1, 0.5


class CableWatch:
    """What a loose cable carries (iec61851.md 6): read when it is plugged, held for the session, never guessed."""

    def __init__(self) -> None:
        self.amperes: float | None = None
        self.missing = False
        """No valid code for half a second: at plug-in, or because the contact was lost."""
        self._asked_s = -math.inf
        self._good_s: float | None = None

    def due(self, now_s: float) -> bool:
        """It is time to read the code again."""
        return now_s - self._asked_s >= CABLE_EVERY_S

    def look(self, cable_a: float | None, now_s: float) -> None:
        """Take one reading of a plugged cable; None when there was no valid one."""
        self._asked_s = now_s
        if cable_a is not None and math.isfinite(cable_a):
            self.amperes = cable_a if self.amperes is None else self.amperes
            self._good_s, self.missing = now_s, False
        elif self._good_s is None:
            self._good_s = now_s
        else:
            self.missing = now_s - self._good_s >= CABLE_WITHIN_S

    def unplugged(self) -> None:
        """The next cable has a code of its own."""
        self.amperes = self._good_s = None
        self.missing = False
        self._asked_s = -math.inf


STOP_C, AGAIN_C = 80.0, 70.0
DERATE_FROM_C, DERATE_TO_C = 60.0, 75.0


class TemperatureWatch:
    """Less current from 60 C, 6 A at 75 C, none above 80 C until 70 C (iec61851.md 9)."""

    def __init__(self, *, derate_from_c: float = DERATE_FROM_C, derate_to_c: float = DERATE_TO_C, stop_c: float = STOP_C
                 ) -> None:
        self._derate_from_c, self._derate_to_c, self._stop_c = derate_from_c, derate_to_c, stop_c
        self._again_c = stop_c - (STOP_C - AGAIN_C)
        self.too_hot = False

    def limit_a(self, temperature_c: float, ceiling_a: float) -> float:
        """What may be offered at this temperature; of one that is no number, only that it is not known."""
        if not math.isfinite(temperature_c):
            return self.unknown_a(ceiling_a)
        self.too_hot = temperature_c >= (self._again_c if self.too_hot else self._stop_c)
        share = (self._derate_to_c - temperature_c) / (self._derate_to_c - self._derate_from_c)
        return min(ceiling_a, max(MIN_OFFER_A, MIN_OFFER_A + share * (ceiling_a - MIN_OFFER_A)))

    @staticmethod
    def unknown_a(ceiling_a: float) -> float:
        """What may be offered while the sensor does not answer: the least, for it tells nothing about the warmth."""
        return min(ceiling_a, MIN_OFFER_A)
