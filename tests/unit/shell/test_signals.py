"""Lamps follow the status, buzzers say what becomes of a card; and nothing that fails there disturbs anybody."""

import asyncio
import contextlib
import logging

import pytest

from controller.ocpp.types import ChargePointStatus
from controller.shell.signals import BEEPS_WAITING, LOOK_EVERY_S, RETRY_S, Signals
from drivers.errors import Disconnected
from drivers.signals.patterns import BEEPS, PATTERNS
from drivers.sim.signals import SimBuzzer, SimLights


class Deaf(SimBuzzer):
    """A buzzer whose line is held by somebody else, until it is mended."""

    broken = True

    async def beep(self, meaning: str) -> None:
        """Sound, or not."""
        if self.broken:
            raise Disconnected("GPIO23: busy")
        await super().beep(meaning)


class Burnt(SimLights):
    """A lamp that ends in every way a driver can."""

    def __init__(self) -> None:
        super().__init__()
        self.tries = 0

    async def run(self) -> None:
        """Never."""
        self.tries += 1
        raise Disconnected("no GPIO chip") if self.tries % 2 else RuntimeError("nobody expected this")

    def close(self) -> None:
        """Not even that."""
        raise RuntimeError("nor this")


@contextlib.asynccontextmanager
async def running(signals):
    """Signals at work; ended at the end."""
    task = asyncio.ensure_future(signals.run())
    await asyncio.sleep(0.001)
    try:
        yield task
        assert not task.done()
    finally:
        task.cancel()
        await asyncio.wait([task])


async def test_a_lamp_shows_every_status_that_lasts():
    """Each of two connectors its own, at most a tenth of a second late."""
    status = {1: "Available", 2: "Unavailable"}
    lamps = {1: SimLights(), 2: SimLights()}
    async with running(Signals(lamps, {}, status.__getitem__)):
        for status[1] in ("Available", "Preparing", "Charging", "Faulted"):
            await asyncio.sleep(LOOK_EVERY_S * 1.5)
        assert list(lamps[1].shown) == ["Available", "Preparing", "Charging", "Faulted"]
        assert list(lamps[2].shown) == ["Unavailable"]


async def test_a_lamp_is_dark_when_the_daemon_has_ended():
    """A status that nobody keeps true is not shown."""
    lamp = SimLights()
    async with running(Signals({1: lamp}, {}, lambda _number: "Available")):
        pass
    assert lamp.shown[-1] == "Dark"


async def test_a_buzzer_says_one_thing_after_the_other():
    """Those of the reader's connectors that have one, in the order in which it was said."""
    buzzers = {1: SimBuzzer(), 3: SimBuzzer()}
    signals = Signals({}, buzzers, lambda _number: "Available")
    async with running(signals):
        signals.sound((1, 2), "presented")
        signals.sound((1, 2, 3), "refused")
        await asyncio.sleep(0.1)
    assert list(buzzers[1].heard) == ["presented", "refused"]
    assert list(buzzers[3].heard) == ["refused"]


async def test_a_flood_of_cards_leaves_no_minutes_of_beeping():
    """What is not heard soon means nothing (F-RFID: fifty cards a second)."""
    buzzer = SimBuzzer()
    signals = Signals({}, {1: buzzer}, lambda _number: "Available")
    async with running(signals):
        for _ in range(50):
            signals.sound((1,), "presented")
        await asyncio.sleep(0.1)
    assert len(buzzer.heard) <= BEEPS_WAITING


async def test_a_buzzer_that_works_again_is_used_again():
    """It is tried anew; what was meant for it while it was broken is not made up for (rule 7 of faults-and-threats)."""
    buzzer = Deaf()
    signals = Signals({}, {1: buzzer}, lambda _number: "Available")
    async with running(signals):
        signals.sound((1,), "accepted")
        await asyncio.sleep(0.1)
        signals.sound((1,), "accepted")
        buzzer.broken = False
        await asyncio.sleep(RETRY_S)
        signals.sound((1,), "refused")
        await asyncio.sleep(0.1)
    assert list(buzzer.heard) == ["refused"]


async def test_a_lamp_that_fails_in_whatever_way_disturbs_nobody(caplog):
    """Its neighbour burns on, and each reason is told once and not at every try (rule 7 of faults-and-threats)."""
    dead, alive = Burnt(), SimLights()
    with caplog.at_level(logging.ERROR, "evcp.signals"):
        async with running(Signals({1: dead, 2: alive}, {}, lambda _number: "Charging")):
            await asyncio.sleep(RETRY_S * 3.5)
    assert dead.tries == 4
    assert list(alive.shown) == ["Charging", "Dark"]
    assert caplog.messages[:2] == ["lights of connector 1: no GPIO chip", "lights of connector 1: nobody expected this"]


async def test_the_same_failure_is_told_once(caplog):
    """A lamp that is not there for a week fills no log."""
    lamp = SimLights()

    async def gone() -> None:
        raise Disconnected("no GPIO chip")

    lamp.run = gone
    with caplog.at_level(logging.ERROR, "evcp.signals"):
        async with running(Signals({1: lamp}, {}, lambda _number: "Charging")):
            await asyncio.sleep(RETRY_S * 100)
    assert caplog.messages == ["lights of connector 1: no GPIO chip"]


@pytest.mark.parametrize("status", [str(status) for status in ChargePointStatus])
async def test_every_status_has_a_pattern_of_its_own(status):
    """No status is shown as another, and none as a dead lamp (OCPP 1.6, 7.7)."""
    pattern = PATTERNS[status]
    assert any(pattern.colour)
    assert [name for name, other in PATTERNS.items() if (other.colour, other.rhythm_s) == (pattern.colour, pattern.rhythm_s)] == [status]


async def test_accepted_and_refused_cannot_be_mistaken():
    """One beep against three, the last one long."""
    assert len(BEEPS["accepted"]) == 1
    assert len(BEEPS["refused"][::2]) == 3
    assert set(BEEPS) == {"presented", "accepted", "refused"}
