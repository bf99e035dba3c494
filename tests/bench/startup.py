"""From the start of the process to BootNotification on the wire, beside an interpreter that only imports the same libraries."""

import re
import statistics
import subprocess
import sys
import time

from tests.bench.central_system import BareCentralSystem
from tests.bench.daemon import ENVIRONMENT, ROOT, Daemon, folders, start, stop
from tests.bench.figures import Figure

RUNS, WARM_UPS = 9, 2
OURS = ("controller", "drivers", "__main__", "runpy")
BASELINE = """
for name in {libraries}:
    try:
        __import__(name)
    except ImportError:
        pass  # the daemon was refused it too: an optional part of somebody else's
print(flush=True)
"""
_IMPORTED = re.compile(rb"import time:\s+\d+ \|\s+\d+ \|\s+(\S+)")


async def measure() -> list[Figure]:
    """Median of several starts; first starts and first imports, which fill the caches of the machine, do not count."""
    async with BareCentralSystem() as central_system:
        libraries = await _libraries(central_system)
        starts_s = [await _start_s(central_system) for _ in range(WARM_UPS + RUNS)][WARM_UPS:]
    imports_s = [_import_s(libraries) for _ in range(WARM_UPS + RUNS)][WARM_UPS:]
    return [Figure("start to BootNotification", statistics.median(starts_s) * 1000, "ms", statistics.median(imports_s) * 1000,
                   f"a bare interpreter that imports the same {len(libraries)} modules", ratio_bound=2.5)]


async def _start_s(central_system: BareCentralSystem) -> float:
    with folders() as (storage, sockets):
        began_s = time.perf_counter()
        daemon = start(central_system.url, storage, sockets)
        try:
            return await _first_frame_s(central_system, daemon) - began_s
        finally:
            stop(daemon.process, kill=True)


async def _first_frame_s(central_system: BareCentralSystem, daemon: Daemon) -> float:
    try:
        return await central_system.first_frame_s()
    except TimeoutError as error:
        raise RuntimeError(f"no BootNotification; the daemon says: {daemon.said}") from error


async def _libraries(central_system: BareCentralSystem) -> list[str]:
    """What the daemon itself has imported when BootNotification arrives, less its own modules.

    Asked of a real start, so that the baseline is neither padded nor starved by a list written by hand.
    """
    with folders() as (storage, sockets):
        daemon = start(central_system.url, storage, sockets, interpreter=("-X", "importtime"))
        await _first_frame_s(central_system, daemon)
        stop(daemon.process, kill=True)
        names = [name.decode() for name in _IMPORTED.findall((sockets / "log").read_bytes())]
    return [name for name in names if name.split(".")[0] not in OURS and name != "|"]


def _import_s(libraries: list[str]) -> float:
    """Until the last import is done; the end of the interpreter does not count."""
    code = BASELINE.format(libraries=libraries)
    began_s = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, env=ENVIRONMENT, stdout=subprocess.PIPE)
    assert process.stdout is not None
    done = process.stdout.readline()
    ended_s = time.perf_counter()
    process.communicate()
    assert done, "the baseline died"
    return ended_s - began_s
