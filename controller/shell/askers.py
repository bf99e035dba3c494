"""Questions from the control socket that the station answers by a command: after the commit, or when a person has done their part."""

import asyncio
import itertools
from collections.abc import Awaitable, Callable

from controller.commands import TellAsker
from controller.events import AskerLeft, Event

LOOKS_EVERY_S = 0.5
"""How often a long wait looks whether anybody still waits."""


class Askers:
    """Whoever waits for a `TellAsker`."""

    def __init__(self, post: Callable[[Event], None]) -> None:
        self._post = post
        self._numbers = itertools.count(1)
        self._waiting: dict[str, asyncio.Future[TellAsker]] = {}

    async def ask(self, make: Callable[[str], Event], *, within_s: float, has_left: Callable[[], Awaitable[bool]] | None = None
                  ) -> TellAsker:
        """Have the station take the event that `make` gives for our number, and wait for its answer.

        Raises TimeoutError after `within_s`, or as soon as `has_left` says that nobody waits for it; the station hears of that.
        """
        number = str(next(self._numbers))
        answer = self._waiting[number] = asyncio.get_running_loop().create_future()
        try:
            self._post(make(number))
            return await self._answered(answer, within_s, has_left)
        finally:
            del self._waiting[number]
            if not answer.done() or answer.cancelled():
                self._post(AskerLeft(number))

    @staticmethod
    async def _answered(answer: "asyncio.Future[TellAsker]", within_s: float, has_left: Callable[[], Awaitable[bool]] | None
                        ) -> TellAsker:
        async with asyncio.timeout(within_s):
            while not (await asyncio.wait([answer], timeout=LOOKS_EVERY_S))[0]:
                if has_left is not None and await has_left():
                    raise TimeoutError
        return answer.result()

    def tell(self, command: TellAsker) -> None:
        """The station has answered; whoever has left does not hear it."""
        answer = self._waiting.get(command.asked_by)
        if answer is not None and not answer.done():
            answer.set_result(command)
