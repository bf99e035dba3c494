"""One phase or three: when the second contactor may switch, and what must not be offered meanwhile (iec61851.md 13).

Some cars are destroyed by a phase that appears while they charge. So the number of phases changes only while the main contactor is
confirmed open and no offer is in force, and a car that was already offered something is left without for a pause before the next offer.
"""

import math

SETTLES_S = 0.1
"""So long the contactor has been seen open before the phases switch."""
FOLLOWS_WITHIN_S = 1.0
AFTER_LOAD_S = 60.0
"""The least pause after a car that did not let go: its contactor was opened under load."""
PAUSE_S = 60.0


class PhaseWatch:
    """Of one connector. Pure: time is an argument."""

    __slots__ = ("_changed_s", "_charging", "_offered", "_open_since_s", "_pause_s", "_rests_until_s", "_under_load", "_wish", "commanded", "failed")

    def __init__(self, pause_s: float) -> None:
        self._pause_s = pause_s
        self.commanded: int | None = None
        """What the driver was last told; None: nothing yet."""
        self.failed = False
        """The mirror contact does not show what was commanded (a weld of L2 and L3, or a coil that does nothing)."""
        self._wish = 1
        """At first one, as at boot everything is off: so a weld of L2 and L3 shows before anything is offered."""
        self._changed_s = self._rests_until_s = -math.inf
        self._open_since_s: float | None = None
        self._offered = True
        """The car may have been offered power before: until one is unplugged nobody knows."""
        self._charging = self._under_load = False

    def wish(self, phases: int) -> None:
        """What the next offer is for."""
        self._wish = phases

    def unplugged(self) -> None:
        """The next car has been offered nothing."""
        self._offered = self._under_load = False

    def look(self, shown: int | None, *, opened: bool, offered: bool, asks: bool, now_s: float) -> int | None:
        """What to switch to now, None for nothing.

        `shown`: by the mirror contact, None where it cannot be read; `opened`: the main contactor is confirmed open; `offered`: an
        offer is in force; `asks`: the car draws, or would.
        """
        self._offered = self._offered or offered
        if opened and self._open_since_s is None:
            self._open_since_s = now_s
            self._under_load = self._charging and asks
        elif not opened:
            self._open_since_s = None
        self._charging = not opened
        wrong = shown is None or (self.commanded is not None and shown != self.commanded)
        self.failed = wrong and now_s - self._changed_s >= FOLLOWS_WITHIN_S
        return self._wish if self._may_switch(offered, now_s) else None

    def _may_switch(self, offered: bool, now_s: float) -> bool:
        settled = self._open_since_s is not None and now_s - self._open_since_s >= SETTLES_S
        return self._wish != self.commanded and settled and not offered

    def switched(self, phases: int, now_s: float) -> None:
        """The driver has done it."""
        self.commanded, self._changed_s = phases, now_s
        self._rests_until_s = now_s + self._rest_s()
        self._under_load = False

    def holds(self, now_s: float) -> bool:
        """Nothing may be offered: the phases are not what the offer is for, or the car is left alone for a while."""
        return self._wish != self.commanded or now_s < self._rests_until_s

    def pauses(self, now_s: float) -> bool:
        """The car is left alone for longer than a contact takes."""
        return now_s < self._rests_until_s and self._rests_until_s - self._changed_s > FOLLOWS_WITHIN_S

    def _rest_s(self) -> float:
        if not self._offered:
            return FOLLOWS_WITHIN_S
        return max(self._pause_s, AFTER_LOAD_S) if self._under_load else self._pause_s
