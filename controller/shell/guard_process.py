"""The guard as a child process of `evcp run`: started, watched, started again; it ends when we do."""

import asyncio
import logging
import os
import socket
import sys

from controller.errors import LinkClosed
from controller.guard.link import ControllerEnd, SocketControllerEnd, socket_pair

logger = logging.getLogger("evcp.guard")

ENDS_WITHIN_S = 0.5
"""A guard that has lost its link is given so long to end by itself."""


class GuardProcess:
    """Starts a guard and gives the controller's end of the link to it."""

    def __init__(self, configuration_path: str, world_listener: socket.socket | None) -> None:
        self._path = configuration_path
        self._world_listener = world_listener
        self._process: asyncio.subprocess.Process | None = None

    async def connect(self) -> ControllerEnd:
        """Start a guard, the first or a new one in place of one that died. Raises LinkClosed."""
        await self._reap()
        ours, theirs = socket_pair()
        inherited = [theirs.fileno()]
        arguments = ["guard", "--config", self._path, "--link-fd", str(theirs.fileno())]
        if self._world_listener is not None:
            inherited.append(self._world_listener.fileno())
            arguments += ["--world-fd", str(self._world_listener.fileno())]
        try:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "controller", *arguments, pass_fds=inherited, stdin=asyncio.subprocess.DEVNULL,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))})
        except OSError as error:
            ours.close()
            raise LinkClosed(f"the guard cannot be started: {error}") from error
        finally:
            theirs.close()
        logger.info("guard started, pid %d", self._process.pid)
        return SocketControllerEnd(ours)

    async def _reap(self) -> None:
        """Make sure that the last guard has left the contactors, before another takes them."""
        if self._process is None:
            return
        try:
            async with asyncio.timeout(ENDS_WITHIN_S):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
        logger.error("guard ended with %s", await self._process.wait())

    async def stop(self, within_s: float = 7.5) -> None:
        """Have it make its controlled stop, and wait for that."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            async with asyncio.timeout(within_s):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
