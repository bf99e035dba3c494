"""A Local Authorization List of 10,000 entries, sent in parts: how long until it stands, and whether the guard notices.

The guard's late cycles are counted in the same time before and while the list is taken, with the guard in the daemon's own loop, where
whatever takes long is felt, and in a process of its own.
"""

import asyncio
import json
import signal
import time

from tests.bench.central_system import BareCentralSystem, Line
from tests.bench.daemon import Daemon, folders, start, stop
from tests.bench.figures import Figure
from tests.bench.late_cycles import FILE

ENTRIES, PART = 10_000, 500
WITHIN_S = 2.0
SETTLES_S = 4.0
REPORTED_WITHIN_S = 0.7
"""The guard reports twice a second."""


async def measure() -> list[Figure]:
    """Once with the guard in the same loop, once beside it."""
    return [*await _measured("one loop", []), *await _measured("two processes", ["--split"])]


async def _measured(where: str, options: list[str]) -> list[Figure]:
    async with BareCentralSystem() as central_system:
        with folders() as (storage, sockets):
            daemon = start(central_system.url, storage, sockets, options=options, module="tests.bench.late_cycles")
            try:
                line = await central_system.connected()
                await asyncio.sleep(SETTLES_S)
                at_first = await _late_cycles(daemon)
                await asyncio.sleep(WITHIN_S)
                before = await _late_cycles(daemon)
                took_s = await _send(line, central_system)
                await asyncio.sleep(max(0.0, WITHIN_S - took_s))
                after = await _late_cycles(daemon)
            finally:
                stop(daemon.process)
    return [
        Figure(f"a list of {ENTRIES} entries, {where}", took_s, "s", bound=WITHIN_S),
        Figure("  cycles of the guard that came late", after - before, "", before - at_first, "as long a time before it"),
    ]


async def _send(line: Line, central_system: BareCentralSystem) -> float:
    """Seconds from the first part to the last Accepted."""
    frames = [_part(number, central_system.message_id()) for number in range(ENTRIES // PART)]
    began_s = time.perf_counter()
    for frame in frames:
        _, answer = await line.round_trip(frame)
        assert json.loads(answer)[2] == {"status": "Accepted"}, answer
    return time.perf_counter() - began_s


def _part(number: int, message_id: str) -> str:
    """The first part replaces the list, the others add to it."""
    entries = [{"idTag": f"{place:08X}", "idTagInfo": {"status": "Accepted", "parentIdTag": "FLEET"}}
               for place in range(number * PART, (number + 1) * PART)]
    kind = "Full" if number == 0 else "Differential"
    return json.dumps([2, message_id, "SendLocalList", {"listVersion": number + 1, "updateType": kind, "localAuthorizationList": entries}])


async def _late_cycles(daemon: Daemon) -> int:
    """As the guard counts them, since it began."""
    file = daemon.beside(FILE)
    file.unlink(missing_ok=True)
    await asyncio.sleep(REPORTED_WITHIN_S)
    daemon.process.send_signal(signal.SIGUSR1)
    while not file.exists():
        await asyncio.sleep(0.01)
    return int(file.read_text())
