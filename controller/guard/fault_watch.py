"""From causes to faults: when a fault begins to stand, and when it has cleared (`controller.faults`, column "clears")."""

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

    def latch(self, kind: FaultKind, now_s: float) -> None:
        """The fault was latched before a restart."""
        if CATALOGUE[kind].clears is Clears.RESET:
            self._last_s[kind] = now_s
            self.standing |= {kind}

    def reset(self, kind: FaultKind, now_s: float) -> None:
        """A person resets the fault; it clears once its cause is gone."""
        self._resets_s[kind] = now_s

    def look(self, causes: Iterable[FaultKind], *, unplugged: bool, now_s: float) -> None:
        """Take what is wrong now, and drop what has cleared."""
        raised = False
        for kind in causes:
            raised = raised or kind not in self.standing
            self._last_s[kind] = now_s
        if raised or self._last_s:
            standing = frozenset(kind for kind in self._last_s if not self._cleared(kind, unplugged=unplugged, now_s=now_s))
            if standing != self.standing:
                self._drop(self.standing - standing)
                self._last_s = {kind: self._last_s[kind] for kind in standing}
                self.standing = standing

    def _drop(self, cleared: frozenset[FaultKind]) -> None:
        for kind in cleared:
            self._resets_s.pop(kind, None)

    def _cleared(self, kind: FaultKind, *, unplugged: bool, now_s: float) -> bool:
        caused = self._last_s[kind] == now_s
        if caused:
            return False
        match CATALOGUE[kind].clears:
            case Clears.AUTO:
                return now_s - self._last_s[kind] >= AUTO_CLEARS_AFTER_S
            case Clears.UNPLUG:
                return unplugged
            case Clears.RESET:
                return now_s - self._resets_s.get(kind, -RESET_WAITS_S * 2) <= RESET_WAITS_S

    @property
    def clearing(self) -> bool:
        """Something may clear by the passing of time."""
        return any(CATALOGUE[kind].clears is Clears.AUTO for kind in self.standing)
