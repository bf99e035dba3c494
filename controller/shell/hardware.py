"""The controller's own devices: meters are polled, cards are waited for; what they say becomes events."""

import asyncio
import logging
from collections.abc import Mapping

from controller.clock import Clock
from controller.events import CardPresented, MeterFailed, MeterRead, ReaderFailed, ReaderFound
from controller.guard.messages import Measured
from controller.shell.guard_link import GuardLink
from controller.shell.inbox import Inbox
from controller.shell.pace import NORMAL, Pace
from drivers.errors import DriverError
from drivers.protocols import CardReader, EnergyMeter, MeterReading

logger = logging.getLogger("evcp.hardware")

FLOWS_A = 0.5
READER_PAUSE_FIRST_S, READER_PAUSE_LAST_S = 1.0, 30.0


class Meter:
    """Polls one energy meter, at once when asked."""

    def __init__(self, connector_id: int, driver: EnergyMeter, inbox: Inbox, link: GuardLink, pace: Pace = NORMAL) -> None:
        self._connector_id = connector_id
        self._driver = driver
        self._inbox = inbox
        self._link = link
        self._pace = pace
        self._wanted = asyncio.Event()
        self._silent = False
        self.reading: MeterReading | None = None

    def read_now(self) -> None:
        """Do not wait for the next poll."""
        self._wanted.set()

    async def run(self) -> None:
        """Until cancelled; a meter that fails is asked again at the same pace."""
        while True:
            self._wanted.clear()
            await self._poll()
            flows = self.reading is not None and max(self.reading.current_a) > FLOWS_A
            try:
                async with asyncio.timeout(self._pace.poll_charging_s if flows else self._pace.poll_idle_s):
                    await self._wanted.wait()
            except TimeoutError:
                continue

    async def _poll(self) -> None:
        try:
            reading = await self._driver.read()
        except DriverError as error:
            if not self._silent:
                logger.error("meter of connector %d: %s", self._connector_id, error)
            self._silent = True
            self._inbox.post(MeterFailed(self._connector_id, str(error)))
            return
        if self._silent:
            logger.info("meter of connector %d answers again", self._connector_id)
        self._silent = False
        self.reading = reading
        self._link.send(Measured(self._connector_id, reading.current_a, reading.voltage_v))
        self._inbox.post(MeterRead(self._connector_id, reading))

    async def close(self) -> None:
        """Release the bus."""
        await self._driver.close()


class Meters:
    """All of them."""

    def __init__(self, meters: Mapping[int, Meter]) -> None:
        self._meters = meters

    def read_now(self, connector_id: int) -> None:
        """Read this one at once."""
        self._meters[connector_id].read_now()

    def readings(self) -> dict[int, MeterReading]:
        """The newest reading of each."""
        return {connector_id: meter.reading for connector_id, meter in self._meters.items() if meter.reading is not None}


class Reader:
    """Waits for cards at one reader; a dead reader is tried again with a growing pause."""

    def __init__(self, place: int, driver: CardReader, connector_ids: tuple[int, ...], inbox: Inbox, clock: Clock) -> None:
        self._place = place
        self._driver = driver
        self._connector_ids = connector_ids
        self._inbox = inbox
        self._clock = clock
        self._failed = False

    async def run(self) -> None:
        """Until cancelled."""
        pause_s = READER_PAUSE_FIRST_S
        while True:
            began_s = self._clock.now().monotonic_s
            watch = asyncio.ensure_future(self._found_after(READER_PAUSE_FIRST_S / 2))
            try:
                async for id_tag in self._driver.cards():
                    self._found()
                    self._inbox.post(CardPresented(self._connector_ids, id_tag))
            except DriverError as error:
                self._lose(str(error))
            finally:
                watch.cancel()
            lasted = self._clock.now().monotonic_s - began_s > READER_PAUSE_LAST_S
            pause_s = READER_PAUSE_FIRST_S if lasted else min(pause_s * 2, READER_PAUSE_LAST_S)
            await asyncio.sleep(pause_s / 2)

    async def _found_after(self, seconds: float) -> None:
        """A reader that does not complain for a while works."""
        await asyncio.sleep(seconds)
        self._found()

    def _found(self) -> None:
        if self._failed:
            self._failed = False
            logger.info("card reader %d answers again", self._place)
            self._inbox.post(ReaderFound(self._place))

    def _lose(self, why: str) -> None:
        if not self._failed:
            self._failed = True
            logger.error("card reader %d: %s", self._place, why)
            self._inbox.post(ReaderFailed(self._place, why))

    async def close(self) -> None:
        """Switch the field off."""
        await self._driver.close()
