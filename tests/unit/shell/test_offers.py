"""Offers are renewed every second while the pump lives, and no longer (rule 2 of the faults)."""

import asyncio

import pytest

from controller.guard.messages import Offer, Withdraw
from controller.shell.offers import PUMP_PATIENCE_S, Offers
from tests.rig.loop import virtual_loop
from tests.unit.shell.doubles import clock


class Link:
    """Remembers what the guard was told."""

    def __init__(self) -> None:
        self.told: list[object] = []

    def send(self, message: object) -> None:
        """Tell the guard."""
        self.told.append(message)


class Heart:
    """A pump that beats or not."""

    def __init__(self) -> None:
        self.turned_s = virtual_loop().time()


@pytest.fixture
def bench():
    """Made inside the loop."""
    def make() -> tuple[Link, Offers, Heart, asyncio.Task[None]]:
        link, heart = Link(), Heart()
        offers = Offers(link, clock(), valid_for_s=10)  # type: ignore[arg-type]  # a link that only remembers
        return link, offers, heart, asyncio.ensure_future(offers.run(heart))  # type: ignore[arg-type]  # as above
    return make


async def test_an_offer_is_told_at_once_and_renewed_every_second(bench):
    """The guard hears of it now and then each second, with the configured validity."""
    link, offers, _, run = bench()
    offers.offer(1, 16.0)
    assert link.told == [Offer(1, 16.0, 10)]
    await asyncio.sleep(5.5)
    run.cancel()
    assert link.told == [Offer(1, 16.0, 10)] * 6


async def test_the_newest_amperes_are_renewed(bench):
    """What is renewed is what was offered last."""
    link, offers, _, run = bench()
    offers.offer(1, 16.0)
    offers.offer(1, 6.0)
    await asyncio.sleep(1.5)
    run.cancel()
    assert link.told[-1] == Offer(1, 6.0, 10)
    assert offers.current_a(1) == 6.0


async def test_the_phases_of_an_offer_are_renewed_with_it(bench):
    """A guard that missed the first one hears of the same phases."""
    link, offers, _, run = bench()
    offers.offer(1, 16.0, 1)
    await asyncio.sleep(1.5)
    run.cancel()
    assert link.told == [Offer(1, 16.0, 10, 1)] * 2


async def test_a_withdrawn_offer_is_not_renewed(bench):
    """Withdrawn is withdrawn; the other connector is left alone."""
    link, offers, _, run = bench()
    offers.offer(1, 16.0)
    offers.offer(2, 16.0)
    offers.withdraw(1)
    await asyncio.sleep(3.5)
    run.cancel()
    assert link.told[2:] == [Withdraw(1), *[Offer(2, 16.0, 10)] * 3]
    assert offers.current_a(1) is None


async def test_a_pump_that_hangs_is_given_a_minute(bench):
    """A disk may stall; after PUMP_PATIENCE_S nothing is renewed, and again when the pump turns (F-SDSLOW, F-WDG)."""
    link, offers, heart, run = bench()
    offers.offer(1, 16.0)
    await asyncio.sleep(PUMP_PATIENCE_S + 20.5)
    assert len(link.told) == 1 + PUMP_PATIENCE_S
    heart.turned_s = virtual_loop().time()
    await asyncio.sleep(5)
    run.cancel()
    assert len(link.told) == 1 + PUMP_PATIENCE_S + 5


async def test_at_the_end_everything_is_withdrawn(bench):
    """The process ends: so does every offer (F-STOP)."""
    link, offers, _, run = bench()
    offers.offer(1, 16.0)
    offers.offer(2, 16.0)
    offers.withdraw_all()
    run.cancel()
    assert link.told[2:] == [Withdraw(1), Withdraw(2)]
