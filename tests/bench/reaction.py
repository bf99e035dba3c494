"""From a fault to the open contact, with the guard's own cycle in real time on the simulated world.

Everything up to the closed contactor happens in time that is skipped: the guard and the world take time as an argument.
`python -m tests.bench.reaction` runs it in a process of its own, with real-time priority where that is permitted.
"""

import asyncio
import json
import random
import subprocess
import sys
import time
from pathlib import Path

from controller.config import load
from controller.guard.build import build_guard, build_world
from controller.guard.guard import TICK_S
from controller.guard.link import memory_link
from controller.guard.messages import Offer, SetLock
from controller.guard.process import become_real_time
from tests.bench.daemon import CONFIGURATION, ROOT, folders
from tests.bench.figures import Figure, percentile

FAULTS = 200
CLOSES_WITHIN_S = 5.0
OPENS_WITHIN_S = 1.0


class SkippingClock:
    """The monotonic clock, and what was skipped."""

    def __init__(self) -> None:
        self._skipped_s = 0.0

    def __call__(self) -> float:
        return time.monotonic() + self._skipped_s

    def skip(self, seconds: float) -> None:
        """Time passes at once."""
        self._skipped_s += seconds


def react(file: Path, phase_s: float) -> float:
    """Seconds from a fault that comes `phase_s` after a cycle to the open contact."""
    clock = SkippingClock()
    configuration = load(file)
    world = build_world(configuration, clock)
    controller, end = memory_link()
    guard = build_guard(configuration, end, world)
    world.call("plug", {"connector": 1, "ev": {"request_after_s": 0.1}})
    controller.send(SetLock(1, locked=True))
    controller.send(Offer(1, 16.0, 10.0))
    begun_s = clock()
    while not world.outlet(1).closed:
        guard.step(clock())
        clock.skip(TICK_S)
        assert clock() - begun_s < CLOSES_WITHIN_S, "the contactor never closed"
    guard.step(clock())
    next_s = clock() + TICK_S
    time.sleep(phase_s)
    world.call("fault", {"connector": 1, "kind": "other", "active": True})
    faulted_s = clock()
    while world.outlet(1).closed:
        if clock() >= next_s:
            guard.step(clock(), expected_s=next_s)
            next_s += TICK_S
        time.sleep(max(0.0, min(next_s - clock(), 0.0005)))
        assert clock() - faulted_s < OPENS_WITHIN_S, "the contactor never opened"
    return clock() - faulted_s


def main() -> int:
    """Print the reactions in ms as JSON."""
    become_real_time()
    chance = random.Random(61851)
    with folders() as (storage, sockets):
        file = sockets / "evcp.toml"
        file.write_text(CONFIGURATION.format(url="", storage=storage, sockets=sockets))
        reactions_ms = [react(file, chance.uniform(0, TICK_S)) * 1000 for _ in range(FAULTS)]
    print(json.dumps(reactions_ms))
    return 0


async def measure() -> list[Figure]:
    """For information: most of it is the cycle (10 ms) and the contactor's own 30 ms."""
    done = await asyncio.to_thread(subprocess.run, [sys.executable, "-m", "tests.bench.reaction"], cwd=ROOT, check=True,
                                   stdout=subprocess.PIPE)
    reactions_ms: list[float] = json.loads(done.stdout)
    least_ms = TICK_S / 2 * 1000 + 30.0
    name = "half a cycle and the simulated contactor's 30 ms"
    return [
        Figure("fault to open contact, median", percentile(reactions_ms, 0.5), "ms", least_ms, name),
        Figure("  99 of 100", percentile(reactions_ms, 0.99), "ms", least_ms, name),
        Figure("  the slowest", max(reactions_ms), "ms", least_ms, name),
    ]


if __name__ == "__main__":
    sys.exit(main())
