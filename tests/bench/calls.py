"""Round trips of CALLs of the central system, beside a bare websocket client that echoes frames of the same sizes.

Daemon and echo take turns, call by call, so that whatever else the machine does meets both.
"""

import asyncio
import contextlib
import json
import statistics
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from typing import Any

import msgspec

from tests.bench.central_system import BareCentralSystem, Line
from tests.bench.daemon import ROOT, daemon, folders, stop
from tests.bench.figures import Figure, percentile

ROUNDS, WARM_UPS = 400, 40
RATIO = 1.5


class Kind(msgspec.Struct, frozen=True):
    """One sort of CALL; the payloads are sent in turn. `follows`: the CALL that the daemon makes after its answer."""

    name: str
    action: str
    payloads: tuple[dict[str, Any], ...]
    follows: str = ""
    durable: bool = False
    """The answer promises something: the daemon commits before it, and so does the echo."""


KINDS = (
    Kind("GetConfiguration, all keys", "GetConfiguration", ({},)),
    Kind("ChangeConfiguration, same value", "ChangeConfiguration", ({"key": "ConnectionTimeOut", "value": "90"},)),
    Kind("ChangeConfiguration, new value", "ChangeConfiguration",
         ({"key": "ConnectionTimeOut", "value": "91"}, {"key": "ConnectionTimeOut", "value": "92"}), durable=True),
    Kind("TriggerMessage, Heartbeat", "TriggerMessage", ({"requestedMessage": "Heartbeat"},), follows="Heartbeat"),
)


async def measure() -> list[Figure]:
    """Medians over some hundreds of each kind."""
    figures = []
    async with BareCentralSystem() as central_system:
        with daemon(central_system.url) as running:
            line = await central_system.connected()
            running.until(lambda: True)
            for expected in ("BootNotification", "StatusNotification", "StatusNotification"):
                assert await line.calls.get() == expected
            for kind in KINDS:
                figures += await _measure(kind, line, central_system)
    return figures


async def _measure(kind: Kind, line: Line, central_system: BareCentralSystem) -> list[Figure]:
    frames = _frames(kind, central_system)
    answer = await _call(kind, line, next(frames))
    async with echoing(central_system, len(answer[1]), follows=kind.follows, durable=kind.durable) as echo:
        ours_s, theirs_s = [], []
        for _ in range(WARM_UPS + ROUNDS):
            frame = next(frames)
            ours_s.append((await _call(kind, line, frame))[0])
            theirs_s.append((await echo.round_trip(frame))[0])
            if kind.follows:
                await echo.calls.get()
    ours_us = [seconds * 1e6 for seconds in ours_s[WARM_UPS:]]
    theirs_us = [seconds * 1e6 for seconds in theirs_s[WARM_UPS:]]
    other = "an echo that commits one row beside its loop" if kind.durable else "an echo"
    return [
        Figure(kind.name, statistics.median(ours_us), "us", statistics.median(theirs_us), other, ratio_bound=RATIO),
        Figure("  99 of 100", percentile(ours_us, 0.99), "us", percentile(theirs_us, 0.99), other),
    ]


def _frames(kind: Kind, central_system: BareCentralSystem) -> Iterator[str]:
    number = 0
    while True:
        payload = kind.payloads[number % len(kind.payloads)]
        number += 1
        yield json.dumps([2, central_system.message_id(), kind.action, payload])


async def _call(kind: Kind, line: Line, frame: str) -> tuple[float, str]:
    """One round trip; what the daemon sends after its answer is waited for, so that the next one starts in peace."""
    seconds, answer = await line.round_trip(frame)
    _, _, payload = json.loads(answer)
    assert payload.get("status", "Accepted") == "Accepted", answer
    if kind.follows:
        assert await line.calls.get() == kind.follows
    return seconds, answer


@contextlib.asynccontextmanager
async def echoing(central_system: BareCentralSystem, size: int, *, follows: str, durable: bool) -> AsyncIterator[Line]:
    """A bare client in a process of its own that answers every frame with `size` bytes."""
    with folders() as (storage, _):
        process = await asyncio.to_thread(
            subprocess.Popen, [sys.executable, "-m", "tests.bench.echo", f"ws://127.0.0.1:{central_system.port}/echo",
                               str(size), str(len(json.dumps([2, "0" * 36, follows, {}])) if follows else 0),
                               *([str(storage)] if durable else [])], cwd=ROOT)
        try:
            yield await central_system.connected()
        finally:
            stop(process)
