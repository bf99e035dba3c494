"""The controller's side of the guard: reports become events, silence and loss become `GuardLost`."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from controller.clock import Clock
from controller.errors import LinkClosed
from controller.events import ConnectorReported, GuardFound, GuardLost
from controller.guard.link import ControllerEnd, MemoryControllerEnd, SocketControllerEnd
from controller.guard.messages import Report, ToGuard
from controller.shell.inbox import Inbox

logger = logging.getLogger("evcp.guard")

SILENT_AFTER_S = 2.0
"""The guard reports every half second; one that is silent so long hangs."""
FIRST_WORD_WITHIN_S = 10.0
"""A guard that has just been started is given so long to begin."""
CHECK_EVERY_S = 0.5


class GuardLink:
    """Keeps the link up, and the inbox told."""

    def __init__(self, inbox: Inbox, clock: Clock) -> None:
        self._inbox = inbox
        self._clock = clock
        self._end: ControllerEnd | None = None
        self._told: dict[int, Report] = {}
        self._heard_s = 0.0
        self._there: bool | None = None
        self._closed = asyncio.Event()
        self._leaving = False
        self.reports: dict[int, Report] = {}
        """The newest report of each connector."""

    def send(self, message: ToGuard) -> None:
        """Tell the guard; one that is not there will be told anew when it is."""
        if self._end is None:
            return
        try:
            self._end.send(message)
        except LinkClosed as error:
            self._lose(str(error))

    def attach(self, end: ControllerEnd) -> None:
        """The link is up."""
        self._end = end
        self._heard_s = self._clock.now().monotonic_s
        self._closed.clear()
        if isinstance(end, MemoryControllerEnd):
            end.on_message = self._readable
        elif isinstance(end, SocketControllerEnd):
            asyncio.get_running_loop().add_reader(end.fileno(), self._readable)

    def _readable(self) -> None:
        if self._end is None:
            return
        try:
            for report in self._end.receive():
                self._hear(report)
        except LinkClosed as error:
            self._lose(str(error))

    def _hear(self, report: Report) -> None:
        self._heard_s = self._clock.now().monotonic_s
        if self._there is not True:
            self._there = True
            self._told.clear()
            self._inbox.post(GuardFound())
        self.reports[report.connector_id] = report
        if report != self._told.get(report.connector_id):
            self._told[report.connector_id] = report
            self._inbox.post(ConnectorReported(report))

    def _lose(self, why: str) -> None:
        end, self._end = self._end, None
        if isinstance(end, SocketControllerEnd):
            asyncio.get_running_loop().remove_reader(end.fileno())
        if end is not None:
            end.close()
        if not self._leaving:
            self._closed.set()
            self._gone(why)

    def _gone(self, why: str) -> None:
        if self._there is not False:
            logger.error("guard lost: %s", why)
            self._there = False
            self._told.clear()
            self.reports.clear()
            self._inbox.post(GuardLost())

    async def watch(self) -> None:
        """Notice a guard that hangs; until cancelled."""
        while True:
            await asyncio.sleep(CHECK_EVERY_S)
            patience_s = SILENT_AFTER_S if self._there else FIRST_WORD_WITHIN_S
            expected = self._there or (self._there is None and self._end is not None)
            if expected and self._clock.now().monotonic_s - self._heard_s > patience_s:
                self._give_up(f"silent for {patience_s:g} s")

    def _give_up(self, why: str) -> None:
        """It hangs. One in a process of its own is let go, so that it can be killed and replaced (F-SAFEKILL)."""
        if isinstance(self._end, SocketControllerEnd):
            self._lose(why)
        else:
            self._gone(why)

    async def keep_connected(self, connect: Callable[[], Awaitable[ControllerEnd]]) -> None:
        """Connect, and again whenever the link was lost, with a growing pause; until cancelled."""
        pause_s = 0.1
        while True:
            try:
                self.attach(await connect())
                pause_s = 0.1
            except LinkClosed as error:
                self._gone(str(error))
                pause_s = min(pause_s * 2, 5.0)
                await asyncio.sleep(pause_s)
                continue
            await self._closed.wait()

    def expect_end(self) -> None:
        """The guard is about to be stopped: its going is no loss."""
        self._leaving = True

    def hang_up(self) -> None:
        """Leave without a word: offers run out by themselves."""
        if isinstance(self._end, SocketControllerEnd):
            asyncio.get_running_loop().remove_reader(self._end.fileno())
        if self._end is not None:
            self._end.close()
        self._end = None
