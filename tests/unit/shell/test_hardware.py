"""Meters are polled and cards waited for; devices that fail are told of, left alone for a while, and found again."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from controller.events import CardPresented, MeterFailed, MeterRead, ReaderFailed, ReaderFound
from controller.guard.messages import Measured
from controller.shell.hardware import Meter, Reader
from controller.shell.inbox import Inbox
from drivers.errors import Disconnected
from drivers.protocols import MeterReading
from tests.rig.loop import START_S, virtual_loop
from tests.unit.shell.doubles import clock

AMPERES, VOLTS = (0.0, 0.0, 0.0), (230.0, 230.0, 230.0)


class Bus:
    """A meter driver: answers, or does not; and the link to the guard."""

    def __init__(self) -> None:
        self.current_a = AMPERES
        self.fails = False
        self.reads: list[float] = []
        self.sent: list[object] = []

    async def read(self) -> MeterReading:
        """One reading."""
        self.reads.append(round(virtual_loop().time() - START_S, 3))
        if self.fails:
            raise Disconnected("no answer")
        return MeterReading(virtual_loop().time(), 1000.0, 0.0, self.current_a, VOLTS)

    def send(self, message: object) -> None:
        """What the guard is told."""
        self.sent.append(message)


@pytest.fixture
def meter():
    """Made inside the loop: the bus, the inbox, the meter and its task."""
    def make() -> tuple[Bus, Inbox, Meter, asyncio.Task[None]]:
        bus, inbox = Bus(), Inbox()
        parts: Any = bus
        polled = Meter(1, parts, inbox, parts)
        return bus, inbox, polled, asyncio.ensure_future(polled.run())
    return make


async def test_a_meter_is_read_every_second_and_twice_while_current_flows(meter):
    """Every reading goes to the station and its measurements to the guard (F-OVER, F-METER)."""
    bus, inbox, _, run = meter()
    await asyncio.sleep(3.9)
    assert bus.reads == [0, 1, 2, 3]
    bus.current_a = (16.0, 0.0, 0.0)
    await asyncio.sleep(2)
    run.cancel()
    assert bus.reads[4:] == [4, 4.5, 5, 5.5]
    assert bus.sent[-1] == Measured(1, (16.0, 0.0, 0.0), VOLTS)
    assert isinstance(inbox.take(), MeterRead)


async def test_a_meter_is_read_at_once_when_asked(meter):
    """The station does not wait for the next poll (TXN-11)."""
    bus, _, polled, run = meter()
    await asyncio.sleep(0.3)
    polled.read_now()
    await asyncio.sleep(0.01)
    run.cancel()
    assert bus.reads == [0, 0.3]


async def test_a_meter_that_fails_is_told_each_time_and_logged_once(meter, caplog):
    """Every failed attempt is an event, none is a reading; the log has one line for the loss and one for the return."""
    bus, inbox, _, run = meter()
    bus.fails = True
    with caplog.at_level("INFO"):
        await asyncio.sleep(4.5)
        bus.fails = False
        await asyncio.sleep(1)
    run.cancel()
    events = [inbox.take() for _ in range(len(inbox))]
    assert [type(event) for event in events] == [MeterFailed] * 5 + [MeterRead]
    assert len(caplog.records) == 2
    assert [message for message in bus.sent if isinstance(message, Measured)] == [Measured(1, AMPERES, VOLTS)]


class Frontend:
    """A card reader driver that works until told to break."""

    def __init__(self) -> None:
        self.queue: asyncio.Queue[str | None] = asyncio.Queue()
        self.broken = False
        self.starts: list[float] = []

    async def cards(self) -> AsyncIterator[str]:
        """Cards as they come; None in the queue breaks it."""
        self.starts.append(virtual_loop().time() - START_S)
        while not self.broken:
            card = await self.queue.get()
            if card is None:
                break
            yield card
        raise Disconnected("no answer from the reader")


@pytest.fixture
def reader():
    """Made inside the loop: the driver, the inbox and the task."""
    def make() -> tuple[Frontend, Inbox, asyncio.Task[None]]:
        frontend, inbox = Frontend(), Inbox()
        waiting = Reader(0, frontend, (1, 2), inbox, clock())  # type: ignore[arg-type]  # no identify, no close
        return frontend, inbox, asyncio.ensure_future(waiting.run())
    return make


async def test_a_card_is_an_event_for_the_connectors_of_its_reader(reader):
    """One event per card, with the connectors that it may mean."""
    frontend, inbox, run = reader()
    frontend.queue.put_nowait("TAG1")
    await asyncio.sleep(0.01)
    run.cancel()
    assert inbox.take() == CardPresented((1, 2), "TAG1")
    assert inbox.take() is None


async def test_a_dead_reader_is_told_once_and_sought_ever_less_often(reader):
    """One ReaderFailed, pauses up to half a minute, no storm (F-RFID, rule 7 of the faults)."""
    frontend, inbox, run = reader()
    frontend.broken = True
    await asyncio.sleep(300)
    run.cancel()
    assert [inbox.take(), inbox.take()] == [ReaderFailed(0, "no answer from the reader"), None]
    pauses = [later - earlier for earlier, later in zip(frontend.starts, frontend.starts[1:], strict=False)]
    assert pauses == sorted(pauses)
    assert pauses[0] <= 1
    assert 10 <= pauses[-1] <= 30


async def test_a_reader_that_is_back_is_noticed_without_a_card(reader):
    """It does not complain any more: ReaderFound, also if nobody comes (F-RFID)."""
    frontend, inbox, run = reader()
    frontend.broken = True
    await asyncio.sleep(3)
    frontend.broken = False
    await asyncio.sleep(31)
    frontend.queue.put_nowait("TAG1")
    await asyncio.sleep(0.01)
    run.cancel()
    events = [inbox.take() for _ in range(len(inbox))]
    assert events == [ReaderFailed(0, "no answer from the reader"), ReaderFound(0), CardPresented((1, 2), "TAG1")]
