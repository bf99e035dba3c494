"""The controller's side of the link: reports become events once, silence and loss are noticed, the way back is found."""

import asyncio

from controller.errors import LinkClosed
from controller.events import ConnectorReported, GuardFound, GuardLost
from controller.guard.link import (
    MemoryControllerEnd,
    MemoryGuardEnd,
    SocketControllerEnd,
    SocketGuardEnd,
    memory_link,
    socket_pair,
)
from controller.guard.messages import Pilot, Withdraw
from controller.shell.guard_link import FIRST_WORD_WITHIN_S, SILENT_AFTER_S, GuardLink
from controller.shell.inbox import Inbox
from tests.unit.shell.doubles import clock, report


class Bench:
    """A link in memory, and what the station would hear."""

    def __init__(self) -> None:
        self.inbox = Inbox()
        self.link = GuardLink(self.inbox, clock())
        self.guard: MemoryGuardEnd | None = None

    def connect(self) -> MemoryControllerEnd:
        """A new guard."""
        ours, self.guard = memory_link()
        return ours

    def heard(self) -> list[object]:
        """Everything since the last look."""
        events: list[object] = []
        while (event := self.inbox.take()) is not None:
            events.append(event)
        return events


async def test_a_report_is_an_event_when_it_is_news():
    """The first word is GuardFound; then only what changed, however often it is repeated."""
    bench = Bench()
    bench.link.attach(bench.connect())
    assert bench.guard is not None
    for _ in range(5):
        bench.guard.send(report())
    bench.guard.send(report(pilot=Pilot.B))
    assert bench.heard() == [GuardFound(), ConnectorReported(report()), ConnectorReported(report(pilot=Pilot.B))]
    assert bench.link.reports[1].pilot is Pilot.B


async def test_a_guard_that_is_silent_is_lost_and_found_again():
    """2 s without a word: GuardLost, once; its next word: GuardFound and its report anew (F-SAFEKILL)."""
    bench = Bench()
    bench.link.attach(bench.connect())
    assert bench.guard is not None
    watch = asyncio.ensure_future(bench.link.watch())
    bench.guard.send(report())
    bench.heard()
    await asyncio.sleep(SILENT_AFTER_S - 0.1)
    assert bench.heard() == []
    await asyncio.sleep(10)
    assert bench.heard() == [GuardLost()]
    bench.guard.send(report())
    assert bench.heard() == [GuardFound(), ConnectorReported(report())]
    watch.cancel()


async def test_a_guard_that_never_says_a_word_is_lost_too():
    """Connected, but hung from its first moment: after 10 s it is lost, not taken for one with nothing to report (F-SAFEKILL)."""
    bench = Bench()
    bench.link.attach(bench.connect())
    watch = asyncio.ensure_future(bench.link.watch())
    await asyncio.sleep(FIRST_WORD_WITHIN_S - 0.1)
    assert bench.heard() == []
    await asyncio.sleep(1)
    assert bench.heard() == [GuardLost()]
    watch.cancel()


async def test_a_lost_link_is_made_anew():
    """The link breaks in the middle of a word: GuardLost, a new connection, everything told anew."""
    bench = Bench()
    connections = []

    async def connect() -> MemoryControllerEnd:
        end = bench.connect()
        connections.append(end)
        return end

    keep = asyncio.ensure_future(bench.link.keep_connected(connect))
    await asyncio.sleep(0.01)
    assert bench.guard is not None
    bench.guard.send(report())
    assert bench.heard() == [GuardFound(), ConnectorReported(report())]
    connections[0].hung_up = True
    bench.link.send(Withdraw(1))
    assert bench.heard() == [GuardLost()]
    await asyncio.sleep(0.01)
    assert len(connections) == 2
    bench.guard.send(report())
    assert bench.heard() == [GuardFound(), ConnectorReported(report())]
    keep.cancel()


async def test_a_guard_that_is_not_there_is_sought_with_growing_pauses():
    """Tried again and again, ever less often, and told of once; nothing said meanwhile breaks anything (rule 7)."""
    bench = Bench()
    tries = 0

    async def connect() -> MemoryControllerEnd:
        nonlocal tries
        tries += 1
        raise LinkClosed("nobody listens")

    keep = asyncio.ensure_future(bench.link.keep_connected(connect))
    await asyncio.sleep(60)
    bench.link.send(Withdraw(1))
    assert bench.heard() == [GuardLost()]
    assert 12 <= tries <= 20
    keep.cancel()


async def test_the_same_over_a_socket():
    """The two processes' link gives the same events: reports in, a closed end is GuardLost."""
    bench = Bench()
    ours, theirs = socket_pair()
    guard = SocketGuardEnd(connection=theirs)
    bench.link.attach(SocketControllerEnd(ours))
    guard.send(report())
    guard.send(report())
    guard.send(report(pilot=Pilot.C))
    await asyncio.sleep(0.01)
    assert bench.heard() == [GuardFound(), ConnectorReported(report()), ConnectorReported(report(pilot=Pilot.C))]
    bench.link.send(Withdraw(1))
    assert guard.receive() == [Withdraw(1)]
    theirs.close()
    await asyncio.sleep(0.01)
    assert bench.heard() == [GuardLost()]


async def test_an_end_that_is_expected_is_no_loss():
    """The guard is told to end: its going away is not a fault."""
    bench = Bench()
    end = bench.connect()
    bench.link.attach(end)
    assert bench.guard is not None
    bench.guard.send(report())
    bench.heard()
    bench.link.expect_end()
    end.hung_up = True
    bench.link.send(Withdraw(1))
    assert bench.heard() == []


async def test_hanging_up_leaves_the_offers_to_run_out():
    """SIGTERM to the controller alone: not a word, the link is just closed (contract section 1)."""
    bench = Bench()
    bench.link.attach(bench.connect())
    assert bench.guard is not None
    bench.link.hang_up()
    bench.link.send(Withdraw(1))
    assert bench.guard.receive() == []
