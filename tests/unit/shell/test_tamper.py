"""The enclosure's contact is looked at, and only what lasts is reported (T-TAMPER)."""

import asyncio
import logging

import pytest

from controller.events import TamperReported
from controller.shell.inbox import Inbox
from controller.shell.tamper import LOOK_EVERY_S, Tamper
from drivers.errors import Disconnected


class Contact:
    """Open, closed or unreadable."""

    def __init__(self) -> None:
        self.open = False
        self.unreadable = False
        self.closings = 0

    def active(self) -> bool:
        """Whether the enclosure is open."""
        if self.unreadable:
            raise Disconnected("GPIO8: busy")
        return self.open

    def close(self) -> None:
        """Release it."""
        self.closings += 1


class Box:
    """An enclosure with its contact, looked at."""

    def __init__(self) -> None:
        self.contact, self.inbox = Contact(), Inbox()
        self.task = asyncio.ensure_future(Tamper(2, self.contact, self.inbox).run())

    async def looks(self, count: int, *, is_open: bool) -> None:
        """So many looks find it like this."""
        self.contact.open = is_open
        await asyncio.sleep(LOOK_EVERY_S * count)

    def told(self) -> list[TamperReported]:
        """Everything that was reported."""
        return [event for event in iter(self.inbox.take, None) if isinstance(event, TamperReported)]


async def test_opening_and_closing_are_reported_once_each():
    """With the connector whose enclosure it is."""
    box = Box()
    await box.looks(5, is_open=True)
    await box.looks(5, is_open=False)
    assert box.told() == [TamperReported(2, is_open=True), TamperReported(2, is_open=False)]


async def test_an_enclosure_found_open_at_the_start_is_reported():
    """It was opened while the power was off."""
    box = Box()
    box.contact.open = True
    await asyncio.sleep(1)
    assert box.told() == [TamperReported(2, is_open=True)]


async def test_a_door_that_rattles_is_not_opened():
    """One look alone proves nothing."""
    box = Box()
    await box.looks(3, is_open=False)
    for _ in range(5):
        await box.looks(1, is_open=True)
        await box.looks(1, is_open=False)
    assert box.told() == []


async def test_a_contact_that_cannot_be_read_is_told_once_and_read_again_later(caplog):
    """A line held by somebody else is no opened door (F-GPIO)."""
    box = Box()
    box.contact.unreadable = True
    with caplog.at_level(logging.ERROR, "evcp.tamper"):
        await asyncio.sleep(60)
    said = list(caplog.messages)
    box.contact.unreadable = False
    await box.looks(3, is_open=True)
    assert said == ["tamper contact of connector 2: GPIO8: busy"]
    assert box.told() == [TamperReported(2, is_open=True)]


async def test_the_log_tells_of_it(caplog):
    """Somebody who reads it afterwards finds the moment (T-TAMPER)."""
    box = Box()
    with caplog.at_level(logging.WARNING, "evcp.tamper"):
        await box.looks(4, is_open=True)
    assert caplog.messages == ["the enclosure of connector 2 was opened"]


async def test_the_line_is_given_back_in_the_end():
    """Whoever comes next may claim it."""
    box = Box()
    await asyncio.sleep(1)
    box.task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await box.task
    assert box.contact.closings == 1
