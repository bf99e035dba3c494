"""The guard in the controller's loop: a cycle every 10 ms, or as rarely as nothing happens; and its controlled end."""

import asyncio
from typing import Any

import pytest

from controller.guard.link import memory_link
from controller.guard.messages import Withdraw
from controller.shell.guard_runner import CALM_S, GuardRunner
from tests.rig.loop import START_S, virtual_loop
from tests.unit.shell.doubles import clock


class Guard:
    """Counts its cycles."""

    def __init__(self) -> None:
        self.cycles: list[float] = []
        self.late_s: list[float] = []
        self.restless_until_s = 0.0
        self.lets_go_at_s = 0.0
        self.withdrawn = False

    def step(self, now_s: float, *, expected_s: float | None = None) -> None:
        """One cycle."""
        self.cycles.append(round(now_s - START_S, 3))
        if expected_s is not None:
            self.late_s.append(now_s - expected_s)

    def restless(self, now_s: float) -> bool:
        """Something is timed."""
        return now_s - START_S < self.restless_until_s

    def next_expiry_s(self) -> float:
        """No offer."""
        return float("inf")

    def withdraw(self) -> None:
        """A controlled stop begins."""
        self.withdrawn = True

    @property
    def energised(self) -> bool:
        """A coil is on."""
        return virtual_loop().time() - START_S < self.lets_go_at_s


class World:
    """Something happens at a known time."""

    def __init__(self, at_s: float = float("inf")) -> None:
        self.on_change: Any = None
        self._at_s = at_s

    def next_event_s(self) -> float:
        """When."""
        return START_S + self._at_s


def bench(*, skip_quiet: bool, world: World | None = None) -> tuple[Guard, Any, GuardRunner]:
    """A runner with its doubles."""
    guard: Any = Guard()
    ours, theirs = memory_link()
    return guard, ours, GuardRunner(guard, theirs, world or World(), clock(), skip_quiet=skip_quiet)


async def test_in_earnest_a_cycle_every_ten_milliseconds():
    """100 cycles in a second, none late."""
    guard, _, runner = bench(skip_quiet=False)
    run = asyncio.ensure_future(runner.run())
    await asyncio.sleep(0.995)
    run.cancel()
    assert guard.cycles == [round(n * 0.01, 3) for n in range(100)]
    assert max(guard.late_s) < 0.001


async def test_the_quiet_is_skipped():
    """Nothing is timed, nothing planned: one cycle per CALM_S."""
    guard, _, runner = bench(skip_quiet=True)
    run = asyncio.ensure_future(runner.run())
    await asyncio.sleep(10 * CALM_S - 0.1)
    run.cancel()
    assert len(guard.cycles) == 10


async def test_what_the_world_plans_is_not_slept_through():
    """The next cycle comes when the next thing happens."""
    guard, _, runner = bench(skip_quiet=True, world=World(0.37))
    run = asyncio.ensure_future(runner.run())
    await asyncio.sleep(0.375)
    run.cancel()
    assert guard.cycles == [0, 0.37]


async def test_a_message_wakes_the_guard_and_restlessness_keeps_it_awake():
    """Woken in the middle of a calm: at once a cycle, then one every 10 ms for as long as something is timed."""
    guard, ours, runner = bench(skip_quiet=True)
    run = asyncio.ensure_future(runner.run())
    await asyncio.sleep(0.5)
    guard.restless_until_s = 0.545
    ours.send(Withdraw(1))
    await asyncio.sleep(0.1)
    run.cancel()
    assert guard.cycles == [0, 0.5, 0.51, 0.52, 0.53, 0.54, 0.55]


@pytest.mark.parametrize(("lets_go_at_s", "took_s"), [(0.0, 0.0), (0.3, 0.3), (6.0, 6.0), (99.0, 7.0)])
async def test_the_end_waits_for_the_coils(lets_go_at_s, took_s):
    """Nothing is offered, cycles go on until every coil is off, and no longer than 7 s (F-STOP)."""
    guard, _, runner = bench(skip_quiet=True)
    guard.lets_go_at_s = lets_go_at_s
    await runner.stop()
    assert guard.withdrawn
    assert virtual_loop().time() - START_S == pytest.approx(took_s, abs=0.02)
    assert guard.cycles[:2] == [0, 0.01][:len(guard.cycles)]
