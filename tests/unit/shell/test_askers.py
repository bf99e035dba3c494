"""Whoever asks over the control socket is answered by the station, once, and is missed when they leave."""

import asyncio

import pytest

from controller.commands import TellAsker
from controller.events import AskerLeft, Event, LearningAsked
from controller.shell.askers import Askers


class Bench:
    """Askers, and what they have posted."""

    def __init__(self) -> None:
        self.posted: list[Event] = []
        self.askers = Askers(self.posted.append)

    def ask(self, *, within_s: float = 60.0, leaves_after_s: float | None = None) -> "asyncio.Task[TellAsker]":
        """Somebody asks, who may leave."""
        loop = asyncio.get_running_loop()
        began_s = loop.time()

        async def has_left() -> bool:
            return leaves_after_s is not None and loop.time() - began_s >= leaves_after_s

        return asyncio.ensure_future(self.askers.ask(lambda number: LearningAsked(number, within_s), within_s=within_s,
                                                     has_left=has_left))


async def test_each_hears_their_own_answer():
    """Answers come in any order."""
    bench = Bench()
    first, second = bench.ask(), bench.ask()
    await asyncio.sleep(20)
    numbers = [event.asked_by for event in bench.posted if isinstance(event, LearningAsked)]
    bench.askers.tell(TellAsker(numbers[1], {"it": 2}))
    bench.askers.tell(TellAsker(numbers[0], {"it": 1}))
    assert [(await asked).told for asked in (first, second)] == [{"it": 1}, {"it": 2}]
    assert len(bench.posted) == 2, "nobody has left"


async def test_the_wait_is_bounded_and_the_station_hears_of_its_end():
    """TimeoutError, and AskerLeft."""
    bench = Bench()
    with pytest.raises(TimeoutError):
        await bench.ask(within_s=5)
    assert bench.posted[1:] == [AskerLeft("1")]
    bench.askers.tell(TellAsker("1"))


@pytest.mark.parametrize("cancelled", [True, False], ids=["the server ends", "the client goes"])
async def test_whoever_leaves_is_noticed_within_a_second(cancelled):
    """However they go, the station is told once, so that it waits for no card any more."""
    bench = Bench()
    asked = bench.ask(leaves_after_s=None if cancelled else 3)
    await asyncio.sleep(4)
    if cancelled:
        asked.cancel()
    await asyncio.wait([asked])
    assert bench.posted[1:] == [AskerLeft("1")]


async def test_an_answer_to_somebody_unknown_is_nobodys_business():
    """The daemon was restarted, or the answer came twice."""
    bench = Bench()
    asked = bench.ask()
    await asyncio.sleep(1)
    bench.askers.tell(TellAsker("1", {"it": 1}))
    bench.askers.tell(TellAsker("1", {"it": 2}))
    bench.askers.tell(TellAsker("99"))
    assert (await asked).told == {"it": 1}
