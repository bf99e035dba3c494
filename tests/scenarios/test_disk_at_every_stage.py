"""The disk takes so many commits and then no more, at every stage of a session, until somebody mends it (scenario X4)."""

import itertools

import pytest

from controller.errors import StorageError
from controller.store.memory import MemoryStore

CAUSES = ("No space left on device", "Read-only file system", "No such file or directory")
MENDED = 1_000_000
STAGES = range(20)
"""Commits that the disk still takes: from none at all until some samples after the start."""


class Failing(MemoryStore):
    """A disk that takes so many commits, and no more; what it has is still there to be read."""

    def __init__(self, takes: int, why: str) -> None:
        super().__init__()
        self.takes = takes
        self._why = why

    def commit(self, records):
        """All or nothing."""
        if self.commits >= self.takes:
            raise StorageError(f"/var/lib/evcp: {self._why}")
        return super().commit(records)

    @property
    def has_a_start(self) -> bool:
        """A transaction is stored that has not ended."""
        return any(transaction.ended is None for transaction in self.load().transactions)


async def watched(charge_point, seconds):
    """Time passes; the contact is never closed without a start on the disk. Whether it was closed at all."""
    ever = False
    for _ in range(int(seconds * 5)):
        await charge_point.pass_time(seconds=0.2)
        assert charge_point.disk.has_a_start or not charge_point.closed()
        ever = ever or charge_point.closed()
    return ever


@pytest.mark.parametrize(("takes", "why"), list(zip(STAGES, itertools.cycle(CAUSES), strict=False)))
async def test_x4_whatever_the_disk_still_took_nothing_flows_unrecorded(charge_point, takes, why):
    """Closed only on a stored start; within two minutes open, told as Faulted with the cause; mended, each session is billed once.

    (X4, F-FULL, F-RO, F-FSYNC, rule 1 of the faults)
    """
    disk = charge_point.disk = Failing(takes, why)
    await charge_point.start(ready=False, ocpp="MeterValueSampleInterval = 10")
    await charge_point.pass_time(seconds=3)
    await charge_point.plug()
    await charge_point.swipe("TAG1")
    began = await watched(charge_point, 150)
    assert began is (takes >= STAGES[-1]) or takes not in (STAGES[0], STAGES[-1]), "from before the start until after it"
    assert not charge_point.closed()
    assert charge_point.central_system.error()[:2] == ("Faulted", "InternalError")
    assert any(why in warning for warning in charge_point.app.status()["warnings"])
    await charge_point.unplug()
    disk.takes = MENDED
    central_system = charge_point.central_system
    await charge_point.until(lambda: central_system.error()[:2] == ("Available", "NoError"), within_s=30)
    await charge_point.until(lambda: charge_point.queue_length == 0, within_s=30)
    assert central_system.billing in ([], ["StartTransaction", "StopTransaction"])
    assert central_system.billing or not began
    await charge_point.charge("TAG2")
