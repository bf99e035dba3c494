"""The order between disk and world: safer first, then remember, then act; and what happens when the disk refuses."""

import asyncio
import contextlib
import itertools
from collections.abc import AsyncIterator, Sequence

import pytest

from controller import commands as c
from controller.events import (
    NOT_STORED,
    CallFailed,
    CallReceived,
    CardPresented,
    CsmsConnected,
    CsmsLost,
    DeadlineCame,
    GuardFound,
    GuardLost,
    Started,
    StopRequested,
    StorageFailed,
    StorageFound,
)
from controller.ocpp.messages.core import ClearCacheConf, ClearCacheReq, HeartbeatReq, StopTransactionReq
from controller.ocpp.types import ClearCacheStatus
from controller.records import Record
from controller.shell.inbox import Inbox
from controller.shell.pump import EVENTS_PER_TURN, RETRY_FIRST_S, RETRY_LAST_S, TURNS_EVERY_S, Pump
from controller.store.memory import MemoryStore
from tests.rig.loop import START_S, virtual_loop
from tests.unit.shell.doubles import Core, Decision, Doer, clock, note

REPLY = c.Reply("m1", ClearCacheConf(status=ClearCacheStatus.Accepted))
HEARTBEAT = c.SendCall("h1", HeartbeatReq(), 30.0)
STOP = c.SendCall("s1", StopTransactionReq(meter_stop=1, timestamp=None, transaction_id=1), 30.0)  # type: ignore[arg-type]  # never encoded here


class Diary(MemoryStore):
    """A disk that writes down when it was written to."""

    def __init__(self, diary: list[str]) -> None:
        super().__init__()
        self._diary = diary

    def commit(self, records: Sequence[Record]) -> str | None:
        """Store."""
        answer = super().commit(records)
        self._diary.append("commit")
        return answer


class Bench:
    """A pump between its doubles."""

    def __init__(self, *, in_thread: bool = False) -> None:
        self.diary: list[str] = []
        self.core, self.doer, self.store, self.inbox = Core(), Doer(self.diary), Diary(self.diary), Inbox()
        self.pump = Pump(self.core, self.store, clock(), self.inbox, self.doer, in_thread=in_thread)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """While the pump runs."""
        task = asyncio.ensure_future(self.pump.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])

    async def say(self, *events: object) -> None:
        """Let events through."""
        for event in events:
            self.inbox.post(event)  # type: ignore[arg-type]  # every test says events
        await asyncio.sleep(0.01)


async def test_safer_first_then_remember_then_act():
    """A withdrawal leaves before the commit, everything else after it, in the order of the station (rule 3 of the faults)."""
    bench = Bench()
    bench.doer.offers[1] = 32.0
    bench.core.decisions[GuardLost] = lambda _: Decision(
        [note()], [REPLY, c.OfferCurrent(2, 16.0), c.WithdrawOffer(3), c.OfferCurrent(1, 6.0)])
    async with bench.running():
        await bench.say(GuardLost())
    assert bench.diary == ["WithdrawOffer", "OfferCurrent", "commit", "Reply", "OfferCurrent"]


async def test_nothing_to_remember_is_no_commit():
    """A step without records does not touch the disk (F-FLAP)."""
    bench = Bench()
    bench.core.decisions[CsmsConnected] = lambda _: Decision([], [HEARTBEAT])
    async with bench.running():
        await bench.say(CsmsConnected())
    assert bench.diary == ["SendCall"]


async def test_the_next_event_waits_for_the_commit_of_the_one_before():
    """While a commit hangs no other event is decided, and the pump says that it is busy (F-SDSLOW)."""
    bench = Bench(in_thread=True)
    virtual_loop().executor_takes_s = 5.0
    bench.core.decisions[GuardLost] = lambda _: Decision([note()], [REPLY])
    async with bench.running():
        await bench.say(GuardLost(), GuardFound())
        assert (bench.core.seen, bench.doer.done) == ([GuardLost()], [])
        assert bench.pump.busy
        await asyncio.sleep(5)
    assert bench.core.seen == [GuardLost(), GuardFound()]
    assert bench.doer.done == [REPLY]


async def test_a_deadline_of_the_station_wakes_the_pump():
    """The station is asked when it wants to be woken, and is woken then, not sooner."""
    bench = Bench()
    bench.core.deadline_s = START_S + 7.5
    async with bench.running():
        await asyncio.sleep(7.4)
        assert bench.core.seen == []
        await asyncio.sleep(0.2)
    assert bench.core.seen == [DeadlineCame(("test",))]


async def test_an_exception_in_the_station_is_answered_and_survived(caplog):
    """A bug in a reaction is a CALLERROR InternalError for whoever asked, and no end of the daemon (RPC-15)."""
    bench = Bench()

    def broken(_event: object) -> Decision:
        raise ZeroDivisionError

    bench.core.decisions[CallReceived] = broken
    bench.core.decisions[CsmsLost] = broken
    async with bench.running():
        await bench.say(CallReceived("m1", ClearCacheReq()), CsmsLost("x"), GuardFound())
    assert [(type(command), getattr(command, "code", None)) for command in bench.doer.done] == [(c.ReplyError, "InternalError")]
    assert bench.core.seen[-1] == GuardFound()
    assert "could not handle" in caplog.text


async def test_what_promises_waits_for_a_disk_that_refuses():
    """Replies and answers with records, and offers, wait; what promises nothing leaves; the station is told once (F-FULL)."""
    bench = Bench()
    bench.store.failure = "full"
    told = c.TellAsker("1")
    bench.core.decisions[GuardLost] = lambda _: Decision([note()], [REPLY, told, c.OfferCurrent(1, 16.0), HEARTBEAT, c.SetLock(1, True)])
    async with bench.running():
        await bench.say(GuardLost())
        assert bench.doer.done == [HEARTBEAT, c.SetLock(1, True)]
        assert not bench.pump.storing
        bench.store.failure = None
        await asyncio.sleep(RETRY_FIRST_S + 0.1)
    assert bench.doer.done[2:] == [REPLY, told, c.OfferCurrent(1, 16.0)]
    assert bench.core.seen == [GuardLost(), StorageFailed("full"), StorageFound()]
    assert bench.pump.storing


async def test_steps_that_wait_keep_their_order():
    """Three steps wait; the disk comes back: three commits, each with its own commands behind it."""
    bench = Bench()
    bench.store.failure = "full"

    def decision(number: int) -> Decision:
        return Decision([note(str(number))], [c.Reply(f"m{number}", REPLY.response)])

    bench.core.decisions[GuardLost] = lambda _: decision(0)
    bench.core.decisions[GuardFound] = lambda _: decision(1)
    bench.core.decisions[Started] = lambda _: decision(2)
    async with bench.running():
        await bench.say(GuardLost(), GuardFound(), Started())
        bench.diary.clear()
        bench.store.failure = None
        await asyncio.sleep(RETRY_FIRST_S + 0.1)
    assert bench.diary == ["commit", "Reply"] * 3
    assert [command.message_id for command in bench.doer.done if isinstance(command, c.Reply)] == ["m0", "m1", "m2"]
    assert bench.store.load().notes == {"note": "2"}


async def test_a_transaction_message_is_handed_back():
    """It may not leave before it is stored, and must not stand in the way: the station hears that it has not left."""
    bench = Bench()
    bench.store.failure = "full"
    bench.core.decisions[GuardLost] = lambda _: Decision([note()], [STOP])
    async with bench.running():
        await bench.say(GuardLost())
        bench.store.failure = None
        await asyncio.sleep(RETRY_FIRST_S + 0.1)
    failed = [event for event in bench.core.seen if isinstance(event, CallFailed)]
    assert [(event.message_id, event.code) for event in failed] == [("s1", NOT_STORED)]
    assert bench.doer.done == []


@pytest.mark.parametrize("later", [c.WithdrawOffer(1), c.OfferCurrent(1, 6.0)], ids=["withdrawn", "lowered"])
async def test_an_offer_that_waits_is_overtaken_for_good(later):
    """An offer waits for the disk and is withdrawn or lowered meanwhile: it does not come back with the disk (F-FULL)."""
    bench = Bench()
    bench.store.failure = "full"
    bench.doer.offers[1] = 10.0
    bench.core.decisions[GuardFound] = lambda _: Decision([note()], [c.OfferCurrent(1, 32.0), c.OfferCurrent(2, 20.0)])
    bench.core.decisions[GuardLost] = lambda _: Decision([], [later])
    async with bench.running():
        await bench.say(GuardFound(), GuardLost())
        bench.store.failure = None
        await asyncio.sleep(RETRY_FIRST_S + 0.1)
    assert bench.doer.done == [later, c.OfferCurrent(2, 20.0)]


async def test_the_disk_is_asked_again_ever_less_often():
    """Pauses between retries double up to ten seconds, and start anew once storing worked (rule 7 of the faults)."""
    bench = Bench()
    bench.store.failure = "full"
    tries: list[float] = []
    commit = bench.store.commit

    def counted(records: Sequence[Record]) -> str | None:
        tries.append(round(virtual_loop().time() - START_S, 1))
        return commit(records)

    bench.store.commit = counted
    bench.core.decisions[GuardLost] = lambda _: Decision([note()], [])
    async with bench.running():
        await bench.say(GuardLost())
        await asyncio.sleep(40)
    pauses = [round(later - earlier, 1) for earlier, later in itertools.pairwise(tries)]
    assert pauses[:4] == [RETRY_FIRST_S, 2 * RETRY_FIRST_S, 4 * RETRY_FIRST_S, 8 * RETRY_FIRST_S]
    assert set(pauses[4:]) == {RETRY_LAST_S}


async def test_only_the_reserve_is_left():
    """A commit that succeeded on the reserve: its commands leave, the station hears of the shortage, and of its end (F-FULL)."""
    bench = Bench()
    bench.store.shortage = "only the reserve is left"
    bench.core.decisions[GuardLost] = lambda _: Decision([note()], [REPLY])
    async with bench.running():
        await bench.say(GuardLost())
        assert bench.doer.done == [REPLY]
        assert bench.core.seen == [GuardLost(), StorageFailed("only the reserve is left")]
        bench.store.shortage = None
        await asyncio.sleep(RETRY_FIRST_S + 0.1)
    assert bench.core.seen[-1] == StorageFound()


async def test_other_tasks_get_their_turn_in_a_flood():
    """A thousand events in the inbox: the pump pauses after so many, for everybody else (central-systems.md section 3)."""
    bench = Bench()
    turns = 0

    async def beside() -> None:
        nonlocal turns
        while True:
            await asyncio.sleep(0)
            turns += 1

    for _ in range(1000):
        bench.inbox.post(CardPresented((1,), "TAG1"))
    other = asyncio.ensure_future(beside())
    async with bench.running():
        while len(bench.inbox):
            await asyncio.sleep(0)
    other.cancel()
    assert turns >= 1000 // EVENTS_PER_TURN - 1


async def test_a_pump_with_nothing_to_do_still_turns():
    """No event and no deadline for an hour is calm, not a hang: the offers go on being renewed (rule 2 of the faults)."""
    bench = Bench()
    async with bench.running():
        await asyncio.sleep(3600)
        assert virtual_loop().time() - bench.pump.turned_s <= TURNS_EVERY_S
    assert bench.core.seen == []


async def test_the_pump_notes_that_it_turns():
    """`turned_s` is what the offers judge the pump by: fresh after every event."""
    bench = Bench()
    async with bench.running():
        await asyncio.sleep(100)
        await bench.say(StopRequested())
        assert bench.pump.turned_s == pytest.approx(START_S + 100, abs=0.1)
