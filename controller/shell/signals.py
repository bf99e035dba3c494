"""Lamps and buzzers: the person at the charge point sees the status, and hears what becomes of a card.

A lamp follows the status by asking for it several times a second, so it can miss nothing, and nothing waits for it. What
fails is told once and tried again; a lamp is no reason to disturb anything.
"""

import asyncio
import logging
from collections.abc import Callable, Coroutine, Iterable, Mapping
from functools import partial
from typing import Any

from drivers.protocols import Buzzer, Lights

logger = logging.getLogger("evcp.signals")

LOOK_EVERY_S = 0.1
RETRY_S = 5.0
BEEPS_WAITING = 4
"""More than so many are not waited for: nobody would know what they mean."""


class Signals:
    """Every lamp and buzzer, by the connector that it belongs to."""

    def __init__(self, lights: Mapping[int, Lights], buzzers: Mapping[int, Buzzer], status_of: Callable[[int], str]) -> None:
        self.lights, self.buzzers = lights, buzzers
        self._status_of = status_of
        self._waiting: dict[int, asyncio.Queue[str]] = {number: asyncio.Queue(BEEPS_WAITING) for number in buzzers}

    def sound(self, connector_ids: Iterable[int], what: str) -> None:
        """Have the buzzers of these connectors say it, after what they have still to say; returns at once."""
        for connector_id in connector_ids:
            queue = self._waiting.get(connector_id)
            if queue is not None and not queue.full():
                queue.put_nowait(what)

    async def run(self) -> None:
        """Until cancelled; then everything is dark and silent."""
        try:
            async with asyncio.TaskGroup() as group:
                for number, lamp in self.lights.items():
                    group.create_task(_ever_again(f"lights of connector {number}", lamp.run))
                    group.create_task(_ever_again(f"lights of connector {number}", partial(self._follow, number, lamp)))
                for number, buzzer in self.buzzers.items():
                    group.create_task(_ever_again(f"buzzer of connector {number}", partial(self._play, number, buzzer)))
        finally:
            self._close()

    async def _follow(self, connector_id: int, lamp: Lights) -> None:
        while True:
            lamp.show(self._status_of(connector_id))
            await asyncio.sleep(LOOK_EVERY_S)

    async def _play(self, connector_id: int, buzzer: Buzzer) -> None:
        queue = self._waiting[connector_id]
        while not queue.empty():
            queue.get_nowait()  # waited while the buzzer was broken, and means nothing any more
        while True:
            await buzzer.beep(await queue.get())

    def _close(self) -> None:
        closings = [device.close for device in self.lights.values()] + [device.close for device in self.buzzers.values()]
        for close in closings:
            try:
                close()
            except Exception as error:  # noqa: BLE001 - whatever it is, the end of the daemon goes on
                logger.debug("%s", error)


async def _ever_again(name: str, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Do the work; where it fails, again after a pause. Each new reason is told once."""
    told = ""
    while True:
        try:
            await work()
        except Exception as error:  # noqa: BLE001 - a lamp that fails, in whatever way, must not take the daemon with it
            if str(error) != told:
                told = str(error)
                logger.error("%s: %s", name, error)
        await asyncio.sleep(RETRY_S)
