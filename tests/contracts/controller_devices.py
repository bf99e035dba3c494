"""What every energy meter and card reader promises (drivers/protocols.py), as tests.

`MeterContract` asks nothing of the world, so `hw-tests/` runs it on a real meter as it is. What needs a hand (an answer that
fails to come, a card) is in the classes below it.
"""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Protocol, TypeVar

import pytest

from drivers.errors import DriverError
from drivers.protocols import CardReader, EnergyMeter

T = TypeVar("T")
WITHIN_S = 10.0
"""Bounded: a meter that does not answer is told within this, tries and flushes included."""


class MeterContract:
    """An energy meter that answers. Fixtures: `device`, and `clock`, the monotonic time that readings carry."""

    def asked(self, device: EnergyMeter, question: Callable[[], Awaitable[T]]) -> T:
        """The answer, and the device closed."""

        async def ask() -> T:
            try:
                async with asyncio.timeout(WITHIN_S):
                    return await question()
            finally:
                await device.close()

        return asyncio.run(ask())

    def test_it_says_who_it_is(self, device: EnergyMeter):
        """Against a wrong model in the configuration."""
        identity = self.asked(device, device.identify)
        assert identity.model
        assert identity.serial_number is None or identity.serial_number

    def test_a_reading_is_complete_and_possible(self, device: EnergyMeter):
        """Finite numbers in Wh, W, A and V; three phases, those that do not exist at 0."""
        reading = self.asked(device, device.read)
        numbers = [reading.energy_wh, reading.power_w, *reading.current_a, *reading.voltage_v, *(reading.power_phase_w or ())]
        assert all(isinstance(number, float | int) and math.isfinite(number) for number in numbers)
        assert len(reading.current_a) == len(reading.voltage_v) == 3
        assert reading.energy_wh >= 0
        assert all(-1 <= volts <= 300 for volts in reading.voltage_v)
        assert reading.frequency_hz is None or 40 <= reading.frequency_hz <= 70

    def test_a_reading_is_never_an_old_one(self, device: EnergyMeter, clock: Callable[[], float]):
        """Its stamp lies between question and answer."""
        before_s = clock()
        reading = self.asked(device, device.read)
        assert before_s <= reading.at_s <= clock()

    def test_the_register_never_goes_back(self, device: EnergyMeter):
        """Ten readings in a row."""

        async def ten() -> list[float]:
            return [(await device.read()).energy_wh for _ in range(10)]

        energies = self.asked(device, ten)
        assert energies == sorted(energies)

    def test_questions_at_once_do_not_mix(self, device: EnergyMeter):
        """Readings and identity asked together are what they are alone."""

        async def together() -> None:
            alone, name = await device.read(), await device.identify()
            first = asyncio.gather(*(device.read() for _ in range(5)))
            asked_between = asyncio.create_task(device.identify())
            last = asyncio.create_task(device.read())
            readings = [*await first, await last]
            assert await asked_between == name
            assert all(abs(reading.energy_wh - alone.energy_wh) < 50 for reading in readings)
            assert all(abs(reading.voltage_v[0] - alone.voltage_v[0]) < 20 for reading in readings)

        self.asked(device, together)

    def test_closing_twice_does_no_harm(self, device: EnergyMeter):
        """Whoever comes second finds it closed."""
        self.asked(device, device.read)
        asyncio.run(device.close())


class MeterBench(Protocol):
    """The hand at a meter that is not real, or not alone."""

    def silence(self, *, silent: bool) -> None:
        """It stops answering, or answers again."""


class FailingMeterContract(MeterContract):
    """And one that is made to fail. Fixture: `bench`."""

    def test_a_silent_meter_is_told_within_its_time(self, device: EnergyMeter, bench: MeterBench):
        """DriverError and nothing else; never the last value again (F-METER)."""
        bench.silence(silent=True)
        for question in (device.read, device.identify):
            with pytest.raises(DriverError):
                self.asked_open(question)
        asyncio.run(device.close())

    def asked_open(self, question: Callable[[], Awaitable[T]]) -> T:
        """The answer; the device stays open."""

        async def ask() -> T:
            async with asyncio.timeout(WITHIN_S):
                return await question()

        return asyncio.run(ask())

    def test_it_is_read_again_when_it_answers_again(self, device: EnergyMeter, bench: MeterBench):
        """The same driver, without a restart (rule 7 of faults-and-threats)."""
        before = self.asked_open(device.read)
        bench.silence(silent=True)
        with pytest.raises(DriverError):
            self.asked_open(device.read)
        bench.silence(silent=False)
        after = self.asked_open(device.read)
        assert after.energy_wh >= before.energy_wh
        assert after.at_s > before.at_s or after.at_s == before.at_s == 0
        asyncio.run(device.close())


class ReaderBench(Protocol):
    """The hand at a card reader."""

    def lay(self, uid: str) -> None:
        """A card comes into the field."""

    def take(self) -> None:
        """It leaves for long enough to count as gone."""

    def fail(self, *, broken: bool) -> None:
        """The reader stops answering, or answers again."""


class ReaderContract:
    """A card reader. Fixtures: `device`, `bench`."""

    LIES_S = AWAY_S = 0.0
    """How long a card lies in the field, and how long it must be away to count as gone."""

    def told(self, device: CardReader, story: Callable[[AsyncIterator[str]], Awaitable[T]]) -> T:
        """Listen to the reader while the story goes on."""

        async def tell() -> T:
            cards = device.cards()
            try:
                async with asyncio.timeout(WITHIN_S):
                    return await story(cards)
            finally:
                await cards.aclose()  # type: ignore[attr-defined]  # an async generator in every driver
                await device.close()

        return asyncio.run(tell())

    def test_a_card_is_told_once_per_presence(self, device: CardReader, bench: ReaderBench):
        """Not ten times while it lies there; again when it comes back (F-RFID)."""

        async def story(cards: AsyncIterator[str]) -> list[str]:
            seen: list[str] = []

            async def listen() -> None:
                async for card in cards:
                    seen.append(card)  # noqa: PERF401 - the story watches it grow

            listening = asyncio.create_task(listen())
            for number, uid in enumerate(("04A1B2C3", "04A1B2C3", "04D1E2F3A4B5C6"), 1):
                bench.lay(uid)
                while len(seen) < number:
                    await asyncio.sleep(0.01)
                await asyncio.sleep(self.LIES_S)
                bench.take()
                await asyncio.sleep(self.AWAY_S)
            listening.cancel()
            await asyncio.wait([listening])
            return seen

        assert self.told(device, story) == ["04A1B2C3", "04A1B2C3", "04D1E2F3A4B5C6"]

    def test_an_id_tag_is_upper_case_hex_of_at_most_20_characters(self, device: CardReader, bench: ReaderBench):
        """IdToken is CiString20Type; a 10-byte UID just fits."""

        async def story(cards: AsyncIterator[str]) -> str:
            bench.lay("04A1B2C3D4E5F6A7B8C9")
            return await anext(cards)

        assert self.told(device, story) == "04A1B2C3D4E5F6A7B8C9"

    def test_an_empty_field_tells_nothing(self, device: CardReader, bench: ReaderBench):
        """No card, no tag; waiting for one can be given up."""

        async def story(cards: AsyncIterator[str]) -> None:
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(anext(cards), 0.3)

        self.told(device, story)

    def test_a_dead_reader_is_told_and_its_return_is_noticed(self, device: CardReader, bench: ReaderBench):
        """DriverError, not an empty field for ever; asking anew tries anew (F-RFID)."""

        async def story(cards: AsyncIterator[str]) -> str:
            bench.fail(broken=True)
            with pytest.raises(DriverError):
                await anext(cards)
            bench.fail(broken=False)
            again = device.cards()
            bench.lay("04A1B2C3")
            try:
                return await anext(again)
            finally:
                await again.aclose()  # type: ignore[attr-defined]  # an async generator in every driver

        assert self.told(device, story) == "04A1B2C3"


def real_time() -> float:
    """The clock of real drivers."""
    return time.monotonic()
