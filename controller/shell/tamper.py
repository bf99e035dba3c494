"""The enclosure's contact (T-TAMPER): looked at five times a second by the controller, for it protects nobody's life."""

import asyncio
import logging

from controller.events import TamperReported
from controller.shell.inbox import Inbox
from drivers.errors import DriverError
from drivers.protocols import FaultInput

logger = logging.getLogger("evcp.tamper")

LOOK_EVERY_S = 0.2
LOOKS = 2
"""So many looks in a row must agree: a door that rattles is not opened."""


class Tamper:
    """One contact."""

    def __init__(self, connector_id: int, driver: FaultInput, inbox: Inbox) -> None:
        self._connector_id = connector_id
        self._driver = driver
        self._inbox = inbox
        self._open = False
        """What was reported last; a start that finds it closed has nothing to report."""
        self._different = 0
        self._silent = False

    async def run(self) -> None:
        """Until cancelled."""
        try:
            while True:
                self._look()
                await asyncio.sleep(LOOK_EVERY_S)
        finally:
            self._driver.close()

    def _look(self) -> None:
        try:
            is_open = self._driver.active()
        except DriverError as error:
            if not self._silent:
                logger.error("tamper contact of connector %d: %s", self._connector_id, error)
            self._silent = True
            return
        self._silent = False
        self._different = self._different + 1 if is_open != self._open else 0
        if self._different == LOOKS:
            self._open, self._different = is_open, 0
            logger.warning("the enclosure of connector %d was %s", self._connector_id, "opened" if is_open else "closed")
            self._inbox.post(TamperReported(self._connector_id, is_open))
