"""The contract of a card reader, as far as nobody stands beside it, on the reader that the environment names (see README.md)."""

import asyncio
import os

import pytest

from drivers import registry
from drivers.protocols import CardReader

CONTEXT = registry.Context(0, 0.0, 3, 230.0)
CARD = os.environ.get("EVCP_READER_CARD")


@pytest.fixture
def device() -> CardReader:
    """The driver, by its configuration."""
    if "EVCP_READER_INTERFACE" not in os.environ:
        pytest.skip("no reader: EVCP_READER_INTERFACE names one")
    table: dict[str, object] = {"driver": "pn532", "interface": os.environ["EVCP_READER_INTERFACE"]}
    if "EVCP_READER_PORT" in os.environ:
        table["port"] = os.environ["EVCP_READER_PORT"]
    registry.check("reader", table)
    reader: CardReader = registry.create("reader", table, CONTEXT)
    return reader


async def _told_within(device: CardReader, seconds: float) -> list[str]:
    seen: list[str] = []
    try:
        async with asyncio.timeout(seconds):
            async for card in device.cards():
                seen.append(card)  # noqa: PERF401 - kept when the time is over
    except TimeoutError:
        pass
    finally:
        await device.close()
    return seen


@pytest.mark.skipif(CARD is not None, reason="a card lies on the reader")
def test_an_empty_field_tells_nothing_and_no_error(device):
    """Five seconds of polling: the reader answers, there is no card."""
    assert asyncio.run(_told_within(device, 5.0)) == []


@pytest.mark.skipif(CARD is None, reason="no card: EVCP_READER_CARD tells the UID of the one that lies on the reader")
def test_a_card_that_lies_there_is_told_once(device):
    """Not once per poll (F-RFID)."""
    assert asyncio.run(_told_within(device, 5.0)) == [str(CARD).upper()]
