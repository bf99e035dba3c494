"""What the daemon costs when nothing happens: the simulated pilot is measured and judged every 10 ms all the same."""

import asyncio
import contextlib
import subprocess
import sys

from tests.bench.central_system import BareCentralSystem
from tests.bench.daemon import children, cpu_s, daemon, stop
from tests.bench.figures import Figure

SETTLES_S, LASTS_S = 3.0, 12.0
SHARE_PERCENT = 3.0
BARE_LOOP = """
import asyncio
async def main():
    while True:
        await asyncio.sleep(0.01)
asyncio.run(main())
"""


async def measure() -> list[Figure]:
    """Share of one core: one loop, two processes, and a bare loop that only wakes a hundred times a second."""
    async with BareCentralSystem() as central_system:
        with contextlib.ExitStack() as stack:
            together = stack.enter_context(daemon(central_system.url))
            split = stack.enter_context(daemon(central_system.url, options=["--split"]))
            bare = await asyncio.to_thread(subprocess.Popen, [sys.executable, "-c", BARE_LOOP])
            stack.callback(stop, bare)
            await asyncio.sleep(SETTLES_S)
            (guard,) = children(split.pid)
            pids = (together.pid, split.pid, guard, bare.pid)
            before_s = [cpu_s(pid) for pid in pids]
            await asyncio.sleep(LASTS_S)
            shares = [(cpu_s(pid) - was_s) / LASTS_S * 100 for pid, was_s in zip(pids, before_s, strict=True)]
    in_one, controller, guard_share, bare_share = shares
    name = "a bare loop that wakes every 10 ms"
    return [
        Figure("idle load, one loop", in_one, "%", bare_share, name, bound=SHARE_PERCENT),
        Figure("idle load, two processes", controller + guard_share, "%", bare_share, name, bound=SHARE_PERCENT),
        Figure("  of these the guard", guard_share, "%", bare_share, name),
    ]
