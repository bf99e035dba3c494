"""SIGKILL at every stage of a session, and once more while it starts again: billed not at all, or whole and once (scenario T3)."""

import asyncio
import itertools

import pytest

from tests.rig.central_system import Received

STEP_MS = 50
BEGINS = range(0, 2500, STEP_MS)
"""Milliseconds from the card to the kill: from before Authorize until after the contactor has closed."""
ENDS = range(0, 1500, STEP_MS)
"""From the card that ends it until after StopTransaction was answered."""
AGAIN = pytest.mark.parametrize("again", [False, True], ids=["once", "twice"])


class Bills:
    """StartTransaction and StopTransaction as the central system has them, over all starts; re-sent under one id is one message."""

    def __init__(self, charge_point) -> None:
        self._charge_point = charge_point
        self._by_id: dict[str, Received] = {}

    def look(self):
        """Take in what has come; the next start is a new page."""
        for call in self._charge_point.central_system.calls("StartTransaction", "StopTransaction"):
            self._by_id.setdefault(call.message_id, call)

    @property
    def all(self):
        """In order of their first arrival."""
        self.look()
        return list(self._by_id.values())


async def killed(charge_point, after_ms, bills):
    """Killed after so long and started again; whether the contact was closed at the kill, and a start was stored."""
    await charge_point.pass_time(seconds=after_ms / 1000)
    closed = charge_point.closed()
    await charge_point.kill()
    bills.look()
    stored = bool(charge_point.memory.load().transactions)
    await asyncio.sleep(2)
    await charge_point.start_again(ready=False)
    return closed, stored


async def delivered(charge_point):
    """Everything that is owed after the last kill."""
    await charge_point.pass_time(seconds=5)
    await charge_point.until(lambda: charge_point.queue_length == 0, within_s=60)


@AGAIN
@pytest.mark.parametrize("after_ms", BEGINS)
async def test_t3_killed_while_a_session_begins(charge_point, after_ms, again):
    """Nothing, unless the start was stored: then Start and Stop(PowerLoss), once each; no power without a stored start.

    (T3, PWR-4, F-KILL)
    """
    await charge_point.start()
    await charge_point.plug()
    await charge_point.pass_time(seconds=2)
    await charge_point.swipe("TAG1")
    bills = Bills(charge_point)
    closed, stored = await killed(charge_point, after_ms, bills)
    if again:
        await killed(charge_point, after_ms, bills)
    await delivered(charge_point)
    assert stored or not closed
    assert [bill.action for bill in bills.all] == (["StartTransaction", "StopTransaction"] if stored else [])
    assert all(bill.payload["reason"] == "PowerLoss" for bill in bills.all[1:])
    assert (stored, closed) == (False, False) or after_ms > BEGINS[0], "the sweep begins before the start is stored"
    assert (stored, closed) == (True, True) or after_ms < BEGINS[-1], "and ends after the contact has closed"
    assert not charge_point.closed()


@AGAIN
@pytest.mark.parametrize("after_ms", ENDS)
async def test_t3_killed_while_a_session_ends(charge_point, after_ms, again):
    """One StopTransaction, with the reason Local once the end was decided on disk; the register never falls (T3, PWR-5, F-KILL)."""
    await charge_point.start()
    await charge_point.charge()
    await charge_point.pass_time(minutes=2)
    before = [call for call in charge_point.central_system.received if call.action == "StartTransaction"]
    await charge_point.swipe("TAG1")
    bills = Bills(charge_point)
    for _ in range(1 + again):
        await killed(charge_point, after_ms, bills)
    await delivered(charge_point)
    start, stop = bills.all
    assert (start.message_id, stop.action) == (before[0].message_id, "StopTransaction")
    assert stop.payload["transactionId"] == 1
    assert stop.payload["reason"] in (("Local", "PowerLoss") if after_ms < ENDS[-1] else ("Local",))
    assert stop.payload["meterStop"] >= 22_080 * 110 / 3600
    assert charge_point.memory.load().transactions == ()
    assert not charge_point.closed()


@pytest.mark.parametrize(("first_ms", "second_ms"), list(itertools.product((100, 400, 1000), (0, 100, 400))))
async def test_t3_killed_again_before_it_was_told_of_the_first(charge_point, first_ms, second_ms):
    """Offline all the while: two kills, one session, and the bill arrives whole when the link is back (T3, QUE-2, F-KILL)."""
    await charge_point.start(ocpp="AllowOfflineTxForUnknownId = true", charging="before_accepted = true")
    central_system = charge_point.central_system
    await charge_point.link(up=False)
    await charge_point.charge("TAG1")
    await charge_point.pass_time(minutes=1, seconds=first_ms / 1000)
    central_system.network.refuses = True
    await charge_point.restart(ready=False, power_cut=True)
    await charge_point.pass_time(seconds=second_ms / 1000)
    await charge_point.restart(ready=False)
    await charge_point.pass_time(seconds=30)
    central_system.network.refuses = False
    await charge_point.until(lambda: "StopTransaction" in central_system.actions, within_s=120)
    await charge_point.until(lambda: charge_point.queue_length == 0, within_s=10)
    assert central_system.billing == ["StartTransaction", "StopTransaction"]
    assert central_system.of("StopTransaction")[0]["reason"] == "PowerLoss"
