"""The guard in the same loop as the controller, over the in-memory link: when every driver is simulated, and in tests.

In real time it takes a cycle every 10 ms. In virtual time it may skip the quiet: when nothing is being timed it sleeps until
an offer runs out, the world has something planned, or CALM_S has passed; whatever happens meanwhile wakes it.
"""

import asyncio
from typing import Any

from controller.clock import Clock
from controller.guard.cycle import TICK_S, Guard
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
        expected_s = self._clock.now().monotonic_s
        while True:
            now_s = self._clock.now().monotonic_s
            self._guard.step(now_s, expected_s=expected_s)
            pause_s = self._calm_s(now_s) if self._skip_quiet else TICK_S
            expected_s = max(min(expected_s, now_s) + pause_s, now_s)  # woken early: the pause begins anew
            await self._sleep(max(0.0, expected_s - self._clock.now().monotonic_s))

    async def _sleep(self, seconds: float) -> None:
        if not self._skip_quiet:
            await asyncio.sleep(seconds)
            return
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
        until_s = self._clock.now().monotonic_s + within_s
        while self._clock.now().monotonic_s < until_s:
            self._guard.step(self._clock.now().monotonic_s)
            if not self._guard.energised:
                return
            await asyncio.sleep(TICK_S)
