"""Hardware is never kept waiting, the network is (F-FLOOD)."""

import asyncio

from controller.events import CallReceived, GuardFound
from controller.ocpp.messages.core import HeartbeatReq
from controller.shell.inbox import NETWORK_BOUND, Inbox


async def test_events_come_out_in_the_order_of_their_coming():
    """First in, first out; None when there is nothing."""
    inbox = Inbox()
    inbox.post(GuardFound())
    await inbox.emit(CallReceived("m1", HeartbeatReq()))
    assert [inbox.take(), inbox.take(), inbox.take()] == [GuardFound(), CallReceived("m1", HeartbeatReq()), None]


async def test_a_full_inbox_keeps_the_network_waiting_and_nobody_else():
    """Beyond the bound `emit` waits until something was taken; `post` does not."""
    inbox = Inbox()
    for number in range(NETWORK_BOUND):
        await inbox.emit(CallReceived(f"m{number}", HeartbeatReq()))
    late = asyncio.ensure_future(inbox.emit(CallReceived("late", HeartbeatReq())))
    await asyncio.sleep(1)
    assert not late.done()
    inbox.post(GuardFound())
    assert len(inbox) == NETWORK_BOUND + 1
    inbox.take()
    inbox.take()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert late.done()
    assert len(inbox) == NETWORK_BOUND


async def test_arrival_wakes_whoever_waits():
    """`arrived` returns when there is something, and only then."""
    inbox = Inbox()
    waiting = asyncio.ensure_future(inbox.arrived())
    await asyncio.sleep(5)
    assert not waiting.done()
    inbox.post(GuardFound())
    await asyncio.sleep(0)
    assert waiting.done()
    assert inbox.take() == GuardFound()
    assert inbox.take() is None
    again = asyncio.ensure_future(inbox.arrived())
    await asyncio.sleep(1)
    assert not again.done()
    again.cancel()
