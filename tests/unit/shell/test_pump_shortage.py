"""The disk is full but for its reserve: what runs is closed, nothing new begins, and it passes by itself (F-FULL)."""

import asyncio
from collections.abc import Callable
from datetime import datetime

from controller.clock import Instant
from controller.events import DeadlineCame, Event, Started, StopRequested, StorageFailed, StorageFound
from controller.records import PutNote
from controller.shell.inbox import Inbox
from controller.shell.pump import Pump
from controller.station.step import Outcome
from controller.store.memory import MemoryStore
from tests.unit.store.rows import NOON


class Core:
    """A station that stores a note for every event, and keeps what it hears."""

    def __init__(self) -> None:
        self.heard: list[Event] = []

    def handle(self, event: Event, at: Instant) -> Outcome:
        self.heard.append(event)
        outcome = Outcome()
        if not isinstance(event, StorageFailed | StorageFound):
            outcome.records.append(PutNote(f"note {len(self.heard)}", "x"))
        return outcome

    def next_deadline_s(self) -> float | None:
        return None

    def due(self, at: Instant) -> list[DeadlineCame]:
        return []


class Hand:
    """A clock that is set by hand."""

    boot_id = "boot-1"

    def __init__(self) -> None:
        self.now_s = 0.0

    def now(self) -> Instant:
        return Instant(self.now_s, NOON, trusted=True)

    def monotonic_s(self) -> float:
        """As `now`."""
        return self.now().monotonic_s

    def set_utc(self, utc: datetime) -> None:
        """It shows what it shows."""


class Nobody:
    """There is nothing to do in the world."""

    def start(self, command: object) -> None:
        raise AssertionError(command)

    def is_urgent(self, command: object) -> bool:
        return False


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0)


async def _story() -> None:
    core, store, clock, inbox = Core(), MemoryStore(), Hand(), Inbox()
    pump = Pump(core, store, clock, inbox, Nobody(), in_thread=False)
    running = asyncio.create_task(pump.run())
    store.shortage = "the disk is full"
    inbox.post(Started())
    await _until(lambda: StorageFailed("the disk is full") in core.heard)
    assert store.load().notes, "stored all the same"
    assert not pump.storing
    inbox.post(StopRequested())
    await _until(lambda: len(store.load().notes) == 2)
    assert core.heard.count(StorageFailed("the disk is full")) == 1, "told once"
    clock.now_s = 5.0
    inbox.post(Started())
    await _until(lambda: len(store.load().notes) == 3)
    assert StorageFound() not in core.heard, "the shortage lasts"
    store.shortage = None
    clock.now_s = 60.0
    inbox.post(Started())
    await _until(lambda: StorageFound() in core.heard)
    assert pump.storing
    running.cancel()


def test_a_shortage_is_told_once_and_its_end_is_noticed():
    """The station hears of it while commits still succeed, so that it refuses new sessions and closes what runs (F-FULL)."""
    asyncio.run(_story())
