"""Everything that may disturb the guard, at once: busy processors, a daemon under a flood of CALLs, a disk that stalls.

The guard itself never touches the disk (it has no store, and its log is its standard error), so storage can reach it only
through the kernel and the processor. What stands still here is the daemon's store: another process takes the database's write
lock for 5 s at a time, as a card that does not answer for 5 s would, and one more writes and syncs without a pause.
"""

import asyncio
import contextlib
import json
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from tests.bench.central_system import Line
from tests.bench.daemon import ROOT, Daemon, folders, start, stop

HOGS = 4
CALLS_PER_S = 1000
BURST_S = 0.01
STALL_S = 5.0
SERVES_WITHIN_S = 20.0
HOG = "while True: pass"
DISK_HOG = """
import os, sys
block = os.urandom(1 << 20)
with open(sys.argv[1], "wb", buffering=0) as file:
    while True:
        file.seek(0)
        file.write(block)
        os.fsync(file.fileno())
"""
LOCK_HOLDER = """
import sqlite3, sys, time
database = sqlite3.connect(sys.argv[1], isolation_level=None, timeout=60)
while True:
    database.execute("BEGIN IMMEDIATE")
    time.sleep(float(sys.argv[2]))
    database.execute("ROLLBACK")
    time.sleep(float(sys.argv[2]))
"""


class Flood:
    """A central system that sends `CALLS_PER_S` to whoever has booted, and never waits for an answer."""

    def __init__(self) -> None:
        self.sent = self.answered = 0
        self.booted = asyncio.Event()
        self.began_s = 0.0

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        """Listen while it is entered; gives the URL to dial."""
        async with serve(self._talk, "127.0.0.1", 0, subprotocols=[Subprotocol("ocpp1.6")], compression=None,
                         ping_interval=None) as server:
            yield f"ws://127.0.0.1:{next(iter(server.sockets)).getsockname()[1]}/ocpp"

    async def _talk(self, connection: ServerConnection) -> None:
        line = Line(connection, echo=False)
        flood: asyncio.Task[None] | None = None
        try:
            async for text in connection:
                if str(text).startswith(("[3,", "[4,")):
                    self.answered += 1
                    continue
                await line.take(str(text))
                if flood is None and line.calls.get_nowait() == "BootNotification":
                    flood = asyncio.create_task(self._pour(connection))
        except ConnectionClosed:
            return
        finally:
            if flood is not None:
                flood.cancel()

    async def _pour(self, connection: ServerConnection) -> None:
        self.booted.set()
        self.began_s = began_s = time.monotonic()
        mine = 0
        with contextlib.suppress(ConnectionClosed):
            while True:
                due = int((time.monotonic() - began_s) * CALLS_PER_S)
                for _ in range(min(due - mine, CALLS_PER_S)):
                    await connection.send(_call(self.sent))
                    self.sent += 1
                    mine += 1
                await asyncio.sleep(BURST_S)


def _call(number: int) -> str:
    """Mostly a question; one in ten changes a setting, and so wants a commit."""
    if number % 10:
        return json.dumps([2, f"flood-{number}", "GetConfiguration", {"key": ["HeartbeatInterval", "ConnectionTimeOut"]}])
    return json.dumps([2, f"flood-{number}", "ChangeConfiguration", {"key": "ConnectionTimeOut", "value": str(60 + number // 10 % 60)}])


class Load:
    """What bears on the machine, and how much of it there was."""

    def __init__(self, flood: Flood) -> None:
        self._flood = flood

    @property
    def said(self) -> str:
        """For whoever reads the table."""
        lasted_s = max(1e-9, time.monotonic() - self._flood.began_s)
        return (f"{HOGS} busy processes, a disk written and synced all the time, the store of a daemon locked for {STALL_S:g} s every "
                f"{2 * STALL_S:g} s; to that daemon {self._flood.sent / lasted_s:.0f} CALL/s "
                f"({self._flood.answered / lasted_s:.0f} answered/s) over {lasted_s:.0f} s")


@contextlib.asynccontextmanager
async def load() -> AsyncIterator[Load]:
    """The whole load while it is entered."""
    flood = Flood()
    async with flood.serving() as url:
        with folders() as (storage, sockets):
            daemon = start(url, storage, sockets)
            try:
                await _booted(flood, daemon)
                with hogs(storage):
                    yield Load(flood)
            finally:
                await asyncio.to_thread(stop, daemon.process, kill=True)


async def _booted(flood: Flood, daemon: Daemon) -> None:
    try:
        await asyncio.wait_for(flood.booted.wait(), SERVES_WITHIN_S)
    except TimeoutError as error:
        raise RuntimeError(f"the daemon never booted; it says: {daemon.said}") from error


@contextlib.contextmanager
def hogs(storage: Path) -> Iterator[None]:
    """Processors and disk are kept busy, the daemon's database is locked again and again."""
    commands = [[HOG]] * HOGS + [[DISK_HOG, str(storage / "hog")], [LOCK_HOLDER, str(storage / "evcp.db"), str(STALL_S)]]
    with contextlib.ExitStack() as stack:
        for code, *arguments in commands:
            process = subprocess.Popen([sys.executable, "-c", code, *arguments], cwd=ROOT, stdin=subprocess.DEVNULL)
            stack.callback(stop, process, kill=True)
        yield
