"""The energy meter, which is only read, and the card reader."""

import asyncio
import os

import pytest

from drivers import registry
from tests.contracts.controller_devices import MeterContract, real_time

LISTENS_S = 5.0


class TestRealMeter(MeterContract):
    """The contract, on whatever hangs on that bus."""

    @pytest.fixture
    def device(self, board):
        """The tests close it themselves."""
        return board.make("meter")

    @pytest.fixture
    def clock(self):
        """Readings carry the monotonic time."""
        return real_time

    def test_who_it_is_and_what_it_shows_go_into_the_protocol(self, device, measured):
        """To be held against its display."""

        async def look():
            return await device.identify(), await device.read()

        identity, reading = self.asked(device, look)
        measured("meter", f"{identity.model}, serial number {identity.serial_number or 'not told'}")
        measured("register", f"{reading.energy_wh / 1000:.3f} kWh; {reading.power_w:.0f} W; {reading.voltage_v} V")


@pytest.fixture
def reader(whole_board):
    """The first card reader."""
    if not whole_board.configuration.reader:
        pytest.skip("there is no [[reader]] in the file of EVCP_HW_CONFIG")
    table = whole_board.configuration.reader[0].device
    if table["driver"] == "sim":
        pytest.skip("the reader is simulated in the file of EVCP_HW_CONFIG")
    return registry.create("reader", table, registry.Context(0, 0.0, 3, 230.0))


async def _told(reader):
    seen = []
    try:
        async with asyncio.timeout(LISTENS_S):
            async for card in reader.cards():
                seen.append(card)  # noqa: PERF401 - kept when the time is over
    except TimeoutError:
        pass
    finally:
        await reader.close()
    return seen


def test_an_empty_field_tells_nothing_and_no_error(reader):
    """The reader answers, there is no card (F-RFID)."""
    if "EVCP_HW_CARD" in os.environ:
        pytest.skip("EVCP_HW_CARD says that a card lies on the reader")
    assert asyncio.run(_told(reader)) == []


def test_a_card_that_lies_there_is_told_once(reader):
    """Not once per poll (F-RFID)."""
    if "EVCP_HW_CARD" not in os.environ:
        pytest.skip("EVCP_HW_CARD is not set: the UID of a card that lies on the reader, in hex")
    assert asyncio.run(_told(reader)) == [os.environ["EVCP_HW_CARD"].upper()]
