"""The way to the simulated world from the controller, whichever process the world lives in.

In one process `LocalPort` is a plain call. Between two the guard's side answers JSON lines on a Unix stream socket, polled
once per cycle without ever blocking (`PortServer`, which imports no asyncio), and the controller asks (`RemotePort`).
"""

import contextlib
import os
import select
import socket
import struct
from collections.abc import Mapping

import msgspec

from drivers.sim.world import Body, World
from drivers.sim_port import Greeting, SimError

MAX_LINE = 512 * 1024
"""A line longer than this is no verb; the connection that sent it is closed. A body of 64 KiB fits, however it is escaped."""


ANSWERS_WITHIN_S = 2.0


class LocalPort:
    """The world in this process."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def call(self, verb: str, body: Body) -> dict[str, object]:
        """Carry out a verb of `World.call`. Raises SimError."""
        return self._world.call(verb, body)

    def greet(self, _greeting: Greeting) -> None:
        """A world in this process is never exchanged for a new one."""

    async def close(self) -> None:
        """Nothing to release."""


class _Peer:
    """One connection to the world."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection
        self.incoming = b""
        self.outgoing = b""


class PortServer:
    """Answers verbs on a listening Unix socket; `poll` never blocks."""

    def __init__(self, world: World, listener: socket.socket) -> None:
        self._world = world
        self._listener = listener
        self._listener.setblocking(False)
        self._is_abstract = isinstance(listener.getsockname(), bytes)
        self._peers: list[_Peer] = []
        self._arrivals = select.poll()
        self._arrivals.register(listener, select.POLLIN)
        world.poll = self.poll

    def poll(self) -> None:
        """Take what has come and send what is owed; a look at all of them at once, a hundred times a second, costs little."""
        if not self._arrivals.poll(0) and not any(peer.outgoing for peer in self._peers):
            return
        try:
            connection, _ = self._listener.accept()
        except BlockingIOError:
            pass
        else:
            self._welcome(connection)
        for peer in list(self._peers):
            descriptor = peer.connection.fileno()
            if not self._serve(peer):
                self._arrivals.unregister(descriptor)
                self._peers.remove(peer)

    def _welcome(self, connection: socket.socket) -> None:
        """Take the peer; on a socket without a file, which has no permissions, only one of our own user."""
        if self._is_abstract and _user_of(connection) != os.getuid():
            connection.close()
            return
        connection.setblocking(False)
        self._peers.append(_Peer(connection))
        self._arrivals.register(connection, select.POLLIN)

    def _serve(self, peer: _Peer) -> bool:
        try:
            if not self._receive(peer):
                peer.connection.close()
                return False
            if peer.outgoing:
                peer.outgoing = peer.outgoing[peer.connection.send(peer.outgoing):]
        except BlockingIOError:
            return True
        except OSError:
            peer.connection.close()
            return False
        return True

    def _receive(self, peer: _Peer) -> bool:
        try:
            received = peer.connection.recv(MAX_LINE)
        except BlockingIOError:
            return True
        peer.incoming += received
        *lines, peer.incoming = peer.incoming.split(b"\n")
        for line in lines:
            peer.outgoing += msgspec.json.encode(self._answer(line)) + b"\n"
        return bool(received) and len(peer.incoming) <= MAX_LINE

    def _answer(self, line: bytes) -> dict[str, object]:
        try:
            verb, body = msgspec.json.decode(line, type=tuple[str, dict[str, object]])
            return {"answer": self._world.call(verb, body)}
        except SimError as error:
            return {"status": error.status, "error": str(error)}
        except (msgspec.DecodeError, RecursionError) as error:
            return {"status": 400, "error": str(error)}


def _user_of(connection: socket.socket) -> int:
    """Who is at the other end, as the kernel tells (SO_PEERCRED: pid, uid, gid)."""
    uid: int = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i")))[1]
    return uid


class Gone(SimError):
    """The process with the simulated world does not answer."""

    def __init__(self, why: object) -> None:
        super().__init__(409, f"the simulated world is not there: {why}")


class RemotePort:
    """The world in the guard's process."""

    def __init__(self, path: str) -> None:
        import asyncio

        self._asyncio = asyncio
        self._path = path
        self._lock = asyncio.Lock()
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
        self._greeting: Greeting = tuple

    def greet(self, greeting: Greeting) -> None:
        """Ask this first of every world: the guard may have died, and this be the world of the next."""
        self._greeting = greeting

    async def call(self, verb: str, body: Mapping[str, object]) -> dict[str, object]:
        """Carry out a verb of `World.call`. Raises SimError."""
        async with self._lock:
            line = await self._answer(msgspec.json.encode([verb, body]) + b"\n")
        answer = msgspec.json.decode(line)
        if "error" in answer:
            raise SimError(int(answer["status"]), str(answer["error"]))
        return dict(answer["answer"])

    async def _answer(self, question: bytes) -> bytes:
        """The line that answers. A connection to a world that has died says so late: the next world is asked anew."""
        fresh = self._streams is None
        try:
            return await self._asyncio.wait_for(self._ask(question), ANSWERS_WITHIN_S)
        except (OSError, EOFError) as error:
            await self.close()
            if fresh or isinstance(error, TimeoutError):
                raise Gone(error) from error
        except BaseException:
            await self.close()  # an answer that nobody waited for must not be taken for the next one's
            raise
        return await self._answer(question)

    async def _ask(self, question: bytes) -> bytes:
        if self._streams is None:
            self._streams = await self._asyncio.open_unix_connection(self._path, limit=MAX_LINE)
            for verb, body in self._greeting():
                await self._ask(msgspec.json.encode([verb, body]) + b"\n")
        reader, writer = self._streams
        writer.write(question)
        await writer.drain()
        return await reader.readuntil(b"\n")

    async def close(self) -> None:
        """Hang up."""
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


def listen(path: str) -> socket.socket:
    """A listening socket at `path`, for owner and group as the guard's own; a left-over file is replaced."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
    os.fchmod(listener.fileno(), 0o660)
    listener.bind(path)
    os.chmod(path, 0o660)
    listener.listen(4)
    return listener
