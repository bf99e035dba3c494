"""Resident memory of both halves after the boot and one session, beside a bare interpreter."""

import asyncio
import subprocess
import sys

from tests.bench.central_system import BareCentralSystem
from tests.bench.daemon import children, daemon, resident_mib
from tests.bench.figures import Figure

SETTLES_S = 3.0
CONTROLLER_MIB, GUARD_MIB = 45.0, 22.0


async def measure() -> list[Figure]:
    """VmRSS, as `free` and the out-of-memory killer see it."""
    async with BareCentralSystem() as central_system:
        with daemon(central_system.url, options=["--split"]) as running:
            await asyncio.to_thread(running.charge_once)
            await asyncio.sleep(SETTLES_S)
            controller_mib = resident_mib(running.pid)
            guard_mib = resident_mib(children(running.pid)[0])
    bare_mib = _bare_mib()
    return [
        Figure("memory of the controller", controller_mib, "MiB", bare_mib, "a bare interpreter", bound=CONTROLLER_MIB),
        Figure("memory of the guard", guard_mib, "MiB", bare_mib, "a bare interpreter", bound=GUARD_MIB),
    ]


def _bare_mib() -> float:
    process = subprocess.Popen([sys.executable, "-c", "print(flush=True); input()"], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    mib = resident_mib(process.pid)
    process.communicate(b"\n")
    return mib
