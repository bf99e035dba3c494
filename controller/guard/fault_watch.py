"""From causes to faults: when a fault begins to stand, and when it has cleared (`controller.faults`, column "clears")."""

import math
from collections.abc import Iterable

from controller.faults import CATALOGUE, Clears, FaultKind

AUTO_CLEARS_AFTER_S = 1.0
RESET_WAITS_S = 2.0
"""A reset that comes a moment before its cause is seen to be gone still counts."""


class FaultWatch:
    """The faults of one connector. Pure: time is an argument."""

    __slots__ = ("_last_s", "_resets_s", "standing")

    def __init__(self) -> None:
        self.standing: frozenset[FaultKind] = frozenset()
        self._last_s: dict[FaultKind, float] = {}
        self._resets_s: dict[FaultKind, float] = {}

    def latch(self, kind: FaultKind) -> None:
        """The fault was latched before a restart; only what a person must reset can be."""
        if CATALOGUE[kind].clears is Clears.RESET:
            self._raise(kind)

    def reset(self, kind: FaultKind, now_s: float) -> None:
        """A person resets the fault; it clears once its cause is gone."""
        if kind in self.standing:
            self._resets_s[kind] = now_s

    def look(self, causes: Iterable[FaultKind], *, unplugged: bool, now_s: float) -> None:
        """Take what is wrong now, and drop what has cleared."""
        present = frozenset(causes)
        for kind in present:
            self._raise(kind)
            self._last_s[kind] = now_s
        if self.standing != present:
            for kind in self.standing - present:
                if self._cleared(kind, unplugged=unplugged, now_s=now_s):
                    self.standing -= {kind}

    def _raise(self, kind: FaultKind) -> None:
        """A reset that was meant for an earlier fault does not count for a new one."""
        if kind not in self.standing:
            self._resets_s.pop(kind, None)
            self.standing |= {kind}

    def _cleared(self, kind: FaultKind, *, unplugged: bool, now_s: float) -> bool:
        match CATALOGUE[kind].clears:
            case Clears.AUTO:
                return now_s - self._last_s[kind] >= AUTO_CLEARS_AFTER_S
            case Clears.UNPLUG:
                return unplugged
            case Clears.RESET:
                return now_s - self._resets_s.get(kind, -math.inf) <= RESET_WAITS_S

    @property
    def clearing(self) -> bool:
        """Something may clear by the passing of time."""
        return any(CATALOGUE[kind].clears is Clears.AUTO for kind in self.standing)
