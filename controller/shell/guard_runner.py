"""The guard in the same loop as the controller, over the in-memory link: when every driver is simulated, and in tests.

In real time it takes a cycle every 10 ms. In virtual time it may skip the quiet: when nothing is being timed it sleeps until
an offer runs out, the world has something planned, or CALM_S has passed; whatever happens meanwhile wakes it.
"""

import asyncio
from typing import Any

from controller.clock import Clock
from controller.guard.guard import TICK_S, Guard
from controller.guard.link import MemoryGuardEnd

CALM_S = 1.5
"""Less than a silence that the controller takes for a guard that hangs; more than the pause between two offers, each of which
wakes it anyway."""


class GuardRunner:
    """Calls `step`."""

    def __init__(self, guard: Guard, end: MemoryGuardEnd, world: Any, clock: Clock, *, skip_quiet: bool = False) -> None:
        self._guard = guard
        self._world = world
        self._clock = clock
        self._skip_quiet = skip_quiet
        self._woken = asyncio.Event()
        if skip_quiet:
            end.on_message = self._woken.set
            world.on_change = self._woken.set

    async def run(self) -> None:
        """Until cancelled."""
        await (self._skip_the_quiet() if self._skip_quiet else self._keep_the_grid())

    async def _keep_the_grid(self) -> None:
        """Every 10 ms, by one timer after the other: a task that sleeps would be twice the work, a hundred times a second."""
        loop = asyncio.get_running_loop()
        ended: asyncio.Future[None] = loop.create_future()
        timer: asyncio.Handle

        def cycle(expected_s: float) -> None:
            nonlocal timer
            now_s = self._clock.monotonic_s()
            try:
                self._guard.step(now_s, expected_s=expected_s)
            except Exception as error:  # noqa: BLE001 - whatever it is, it ends the daemon as it would in a task
                ended.set_exception(error)
                return
            next_s = max(expected_s + TICK_S, now_s)
            timer = loop.call_later(max(0.0, next_s - self._clock.monotonic_s()), cycle, next_s)

        timer = loop.call_soon(cycle, self._clock.monotonic_s())
        try:
            await ended
        finally:
            timer.cancel()

    async def _skip_the_quiet(self) -> None:
        """In virtual time: a cycle when something may happen."""
        expected_s = self._clock.monotonic_s()
        while True:
            now_s = self._clock.monotonic_s()
            self._guard.step(now_s, expected_s=expected_s)
            expected_s = max(min(expected_s, now_s) + self._calm_s(now_s), now_s)  # woken early: the pause begins anew
            await self._sleep(max(0.0, expected_s - self._clock.monotonic_s()))

    async def _sleep(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._woken.wait()
        except TimeoutError:
            return
        self._woken.clear()

    def _calm_s(self, now_s: float) -> float:
        if self._guard.restless(now_s):
            return TICK_S
        until_s: float = min(self._world.next_event_s(), self._guard.next_expiry_s(), now_s + CALM_S)
        return max(TICK_S, until_s - now_s)

    async def stop(self, within_s: float = 7.0) -> None:
        """A controlled stop: nothing is offered, and cycles go on until every coil is off."""
        self._guard.withdraw()
        until_s = self._clock.monotonic_s() + within_s
        while self._clock.monotonic_s() < until_s:
            self._guard.step(self._clock.monotonic_s())
            if not self._guard.energised:
                return
            await asyncio.sleep(TICK_S)
