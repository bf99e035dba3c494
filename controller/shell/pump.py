"""The pump: the only place where the order between disk and world is decided.

    event -> Station.handle -> what makes things safer, at once -> commit -> everything else

Nothing is promised before it is durable: an answer, an offer, a StartTransaction leave after the commit. What waiting would
make dangerous does not wait: an offer that ends or falls. While the disk refuses, the records wait in order and nothing
that depends on them leaves; the pump goes on taking events, so that safety and the control socket do too. A transaction
message is handed back to the station meanwhile, so that it does not stand in the way of those that may leave.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from typing import Protocol

from controller import commands as c
from controller.clock import Clock, Instant
from controller.errors import StorageError
from controller.events import NOT_STORED, CallFailed, CallReceived, DeadlineCame, Event, StorageFailed, StorageFound
from controller.records import Bury, Record
from controller.shell.inbox import Inbox
from controller.store.store import Store

logger = logging.getLogger("evcp.pump")

RETRY_FIRST_S, RETRY_LAST_S = 1.0, 10.0
TRANSACTION_MESSAGES = ("StartTransaction", "MeterValues", "StopTransaction")
TURNS_EVERY_S = 10.0
"""With nothing to do the pump still turns, so that nobody takes its calm for a hang."""
EVENTS_PER_TURN = 32
"""So many events are taken before other tasks get their turn."""


class Core(Protocol):
    """The station, as the pump sees it."""

    def handle(self, event: Event, at: Instant) -> "Decided":
        """One step."""

    def next_deadline_s(self) -> float | None:
        """When it wants to be woken."""

    def due(self, at: Instant) -> list[DeadlineCame]:
        """What has come due."""


class Decided(Protocol):
    """The outcome of a step."""

    records: list[Record]
    commands: list[c.Command]


class Effects(Protocol):
    """Who carries commands out; never waits for the network."""

    def start(self, command: c.Command) -> None:
        """Carry out one command."""

    def is_urgent(self, command: c.Command) -> bool:
        """Whether it makes things safer, or would be wrong later, and so must not wait for the disk."""


def promises(command: c.Command, *, with_records: bool) -> bool:
    """Whether the command tells the world something that must be durable first."""
    match command:
        case c.OfferCurrent():
            return True
        case c.Restart():
            return not command.at_once
        case c.Reply() | c.ReplyError() | c.TellAsker():
            return with_records
        case _:
            return False


class Pump:
    """Takes events one by one."""

    def __init__(self, core: Core, store: Store, clock: Clock, inbox: Inbox, effects: Effects, *, in_thread: bool = True,
                 observe: Callable[[Event | c.Command, Instant], None] | None = None) -> None:
        self._core = core
        self._store = store
        self._clock = clock
        self._inbox = inbox
        self._effects = effects
        self._in_thread = in_thread
        self._observe = observe
        self._owed: deque[tuple[list[Record], list[c.Command]]] = deque()
        """Steps whose records the disk has refused, oldest first."""
        self._failing: str | None = None
        self._shortage: str | None = None
        """What the last commit that succeeded said runs short."""
        self._retry_at_s = 0.0
        self._pause_s = RETRY_FIRST_S
        self.busy = False
        self.turned_s = 0.0
        """When the pump last made a turn; the offers stop being renewed when this gets old."""

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._next()
            for _ in range(EVENTS_PER_TURN):
                event = self._inbox.take()
                if event is None:
                    break
                await self.take(event)
            await self._deadlines()
            if len(self._inbox):
                await asyncio.sleep(0)

    async def _next(self) -> None:
        """Wait for an event, a deadline of the station, or the time to try the disk again."""
        if len(self._inbox):
            return
        now_s = self._clock.now().monotonic_s
        wishes_s = [now_s + TURNS_EVERY_S]
        deadline_s = self._core.next_deadline_s()
        if deadline_s is not None:
            wishes_s.append(deadline_s)
        if self._failing is not None:
            wishes_s.append(self._retry_at_s)
        try:
            async with asyncio.timeout(max(0.0, min(wishes_s) - now_s)):
                await self._inbox.arrived()
        except TimeoutError:
            return

    async def _deadlines(self) -> None:
        at = self._clock.now()
        self.turned_s = at.monotonic_s
        for event in self._core.due(at):
            await self.take(event)
        if self._failing is not None and at.monotonic_s >= self._retry_at_s:
            await self._retry()

    async def take(self, event: Event) -> None:
        """One step, from the event to the commands."""
        self.busy = True
        try:
            await self._take(event)
        finally:
            self.busy = False

    async def _take(self, event: Event) -> None:
        at = self._clock.now()
        self.turned_s = at.monotonic_s
        self._note(event, at)
        try:
            outcome = self._core.handle(event, at)
        except Exception:
            logger.exception("the station could not handle %r", event)
            if isinstance(event, CallReceived):
                self._effects.start(c.ReplyError(event.message_id, "InternalError", "the charge point failed to handle this"))
            return
        waiting = []
        for command in outcome.commands:
            self._note(command, at)
            if self._effects.is_urgent(command):
                self._effects.start(command)
                self._drop_held_offers(command)
            else:
                waiting.append(command)
        await self._remember(outcome.records, waiting)

    def _drop_held_offers(self, command: c.Command) -> None:
        """An offer that was withdrawn or lowered must not come back with the records that it waits for."""
        if not isinstance(command, c.WithdrawOffer | c.OfferCurrent):
            return
        for _, held in self._owed:
            held[:] = [other for other in held
                       if not (isinstance(other, c.OfferCurrent) and other.connector_id == command.connector_id)]

    def _note(self, what: Event | c.Command, at: Instant) -> None:
        if self._observe is not None:
            self._observe(what, at)

    async def _remember(self, records: list[Record], commands: list[c.Command]) -> None:
        if self._owed or (records and not await self._commit(records)):
            commands = self._hold_back(records, commands)
        for command in commands:
            self._effects.start(command)

    def _hold_back(self, records: list[Record], commands: list[c.Command]) -> list[c.Command]:
        """The disk refuses: what promises something waits with its records, the rest goes out."""
        now, later = [], []
        for command in commands:
            if isinstance(command, c.SendCall) and command.request.action in TRANSACTION_MESSAGES:
                self._inbox.post(CallFailed(command.message_id, NOT_STORED, "the disk refuses what it tells"))
            elif promises(command, with_records=bool(records)):
                later.append(command)
            else:
                now.append(command)
        if records or later:
            self._owed.append((records, later))
        return now

    async def _commit(self, records: list[Record]) -> bool:
        """False when the disk refuses. With only its reserve left it takes this, but is told of like one that refuses (F-FULL)."""
        try:
            if self._in_thread:
                self._shortage = await asyncio.to_thread(self._store.commit, records)
            else:
                self._shortage = self._store.commit(records)
        except StorageError as error:
            self._refused(str(error))
            return False
        if self._shortage is not None and self._failing is None:
            self._refused(self._shortage)
        for record in records:
            if isinstance(record, Bury):
                logger.error("message %s is among the dead letters: %s", record.message_id, record.why)
        return True

    def _refused(self, why: str) -> None:
        self._retry_at_s = self._clock.now().monotonic_s + self._pause_s
        self._pause_s = min(self._pause_s * 2, RETRY_LAST_S)
        if self._failing is None:
            logger.error("%s", why)
            self._failing = why
            self._inbox.post(StorageFailed(why))

    async def _retry(self) -> None:
        """Try what is owed, oldest first; each step's commands leave as soon as its own records are durable."""
        while self._owed:
            records, commands = self._owed[0]
            if records and not await self._commit(records):
                return
            self._owed.popleft()
            for command in commands:
                self._effects.start(command)
        if self._shortage is not None and await self._commit([]) and self._shortage is not None:
            self._refused(self._shortage)
        if self._shortage is not None:
            return
        self._pause_s = RETRY_FIRST_S
        logger.info("storing works again")
        self._failing = None
        self._inbox.post(StorageFound())

    @property
    def storing(self) -> bool:
        """False while records wait for the disk, or only its reserve is left."""
        return not self._owed and self._failing is None
