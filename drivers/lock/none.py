"""No lock: a tethered cable, or a socket outlet without a bolt."""

import msgspec

from drivers.protocols import LockState
from drivers.registry import Context

ALLOWED: dict[str, str] = {}


class Options(msgspec.Struct, frozen=True):
    """There is nothing to configure."""


class NoLock:
    """Always where it should be."""

    def lock(self) -> None:
        """Nothing to move."""

    def unlock(self) -> None:
        """Nothing to move."""

    def state(self) -> LockState:
        """There is none."""
        return LockState.NONE

    def close(self) -> None:
        """Nothing to release."""


def lock(_options: Options, _context: Context) -> NoLock:
    """The driver."""
    return NoLock()
