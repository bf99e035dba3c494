"""A car that sleeps beside a live offer: one pulse on the pilot, once per plug-in (IEC 61851-1 A.5.3, iec61851.md 4.3).

Some cars fall asleep while they wait for an offer and begin to charge only when the pilot moves. Others hold state F against the
station for ever: so the pulse is off unless the configuration asks for it, and its gentler form leaves state F out.
"""

from typing import Literal, TypeAlias

from controller.guard.decide import X1, F
from controller.guard.messages import Pilot

Kind: TypeAlias = Literal["off", "x1", "f"]
SLEEPS_AFTER_S = 30.0
F_S, X1_S = 4.0, 0.75


class WakeUp:
    """Of one connector. Pure: time is an argument."""

    __slots__ = ("_kind", "_since_s", "_spent")

    def __init__(self, kind: Kind) -> None:
        self._kind = kind
        self._since_s: float | None = None
        self._spent = kind == "off"

    def look(self, pilot: Pilot, *, offered: bool, now_s: float) -> float | None:
        """The steady level to drive instead of the offer now, None for none; `offered`: an offer is in force."""
        if pilot is Pilot.A:
            self._spent = self._kind == "off"
        if self._spent or not offered or pilot is not Pilot.B:
            self._spent = self._spent or self._begun(now_s)
            self._since_s = None
            return None
        if self._since_s is None:
            self._since_s = now_s
        level = self._level(now_s - self._since_s - SLEEPS_AFTER_S)
        if level is None and self._begun(now_s):
            self._spent, self._since_s = True, None
        return level

    def _level(self, into_s: float) -> float | None:
        f_s = F_S if self._kind == "f" else 0.0
        if not 0 <= into_s < f_s + X1_S:
            return None
        return F if into_s < f_s else X1

    def _begun(self, now_s: float) -> bool:
        return self._since_s is not None and now_s - self._since_s >= SLEEPS_AFTER_S

    @property
    def restless(self) -> bool:
        """A car sleeps, or is being woken."""
        return self._since_s is not None
