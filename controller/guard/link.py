"""The link between guard and controller, both ends, in memory and over a Unix socket between two processes.

The guard's end never blocks and never raises into the cycle: a controller that is gone is a controller that does not renew
its offers. The controller's end tells when the guard is gone: then nothing is known and nothing is offered.
"""

import os
import socket
from collections import deque
from collections.abc import Callable
from typing import Protocol

from controller.errors import LinkClosed
from controller.guard import link_codec
from controller.guard.messages import FromGuard, Report, ToGuard

MOST_PER_CYCLE = 100
"""A controller that floods the link loses its place in the queue, not the guard its time."""


class GuardEnd(Protocol):
    """What the guard holds."""

    def receive(self) -> list[ToGuard]:
        """What the controller has said since the last call; never blocks."""

    def send(self, message: FromGuard) -> None:
        """Tell the controller, if it is there; never blocks."""

    @property
    def closed(self) -> bool:
        """The controller is gone and can not come back: the guard makes its controlled stop and ends."""


class ControllerEnd(Protocol):
    """What the controller holds."""

    def send(self, message: ToGuard) -> None:
        """Tell the guard. Raises LinkClosed."""

    def receive(self) -> list[FromGuard]:
        """What the guard has said since the last call; never blocks. Raises LinkClosed."""

    def close(self) -> None:
        """Hang up."""


# -- in memory -----------------------------------------------------------------------------------------------------------


class MemoryGuardEnd:
    """The guard's end in one process."""

    def __init__(self) -> None:
        self.incoming: deque[ToGuard] = deque()
        self.peer: MemoryControllerEnd | None = None
        self.closed = False
        self.on_message: Callable[[], None] | None = None
        """Called when something has arrived, so that a runner in virtual time wakes up."""

    def receive(self) -> list[ToGuard]:
        """Everything that has arrived."""
        messages = list(self.incoming)
        self.incoming.clear()
        return messages

    def send(self, message: FromGuard) -> None:
        """Hand it over."""
        if self.peer is not None and not self.peer.hung_up:
            self.peer.arrive(message)


class MemoryControllerEnd:
    """The controller's end in one process."""

    def __init__(self, guard: MemoryGuardEnd) -> None:
        self._guard = guard
        self._incoming: deque[FromGuard] = deque()
        self.hung_up = False
        self.on_message: Callable[[], None] | None = None

    def arrive(self, message: FromGuard) -> None:
        """The guard has said something."""
        self._incoming.append(message)
        if self.on_message is not None:
            self.on_message()

    def send(self, message: ToGuard) -> None:
        """Hand it over. Raises LinkClosed after `close`."""
        self._demand_open()
        self._guard.incoming.append(message)
        if self._guard.on_message is not None:
            self._guard.on_message()

    def receive(self) -> list[FromGuard]:
        """Everything that has arrived. Raises LinkClosed after `close`."""
        self._demand_open()
        messages = list(self._incoming)
        self._incoming.clear()
        return messages

    def _demand_open(self) -> None:
        if self.hung_up:
            raise LinkClosed("the link to the guard was closed")

    def close(self) -> None:
        """Say no more: the offers run out."""
        self.hung_up = self._guard.closed = True


def memory_link() -> tuple[MemoryControllerEnd, MemoryGuardEnd]:
    """Both ends within one process."""
    guard = MemoryGuardEnd()
    controller = MemoryControllerEnd(guard)
    guard.peer = controller
    return controller, guard


# -- over a socket -------------------------------------------------------------------------------------------------------


class SocketGuardEnd:
    """The guard's end of a SOCK_SEQPACKET socket; listens for controllers, or holds one inherited connection.

    A second controller replaces the first: the one that has just started is the one that lives.
    """

    def __init__(self, *, listener: socket.socket | None = None, connection: socket.socket | None = None) -> None:
        self._listener = listener
        self._connection = connection
        self._sequence = 0
        self.closed = False
        self.bad_messages = 0
        for end in (listener, connection):
            if end is not None:
                end.setblocking(False)

    def receive(self) -> list[ToGuard]:
        """Everything that has arrived and is one of ours; the rest is counted."""
        self._accept()
        messages: list[ToGuard] = []
        for _ in range(MOST_PER_CYCLE):
            if self._connection is None:
                break
            try:
                content = self._connection.recv(link_codec.SIZE + 1)
            except BlockingIOError:
                break
            except ConnectionResetError:
                continue  # it went with reports unread; what it said before is still to be heard, and then its end
            except OSError:
                content = b""
            if content:
                self._take(content, messages)
            else:
                self._lose()
        return messages

    def _take(self, content: bytes, messages: list[ToGuard]) -> None:
        decoded = link_codec.decode(content)
        if decoded is None or isinstance(decoded[1], Report):
            self.bad_messages += 1
        else:
            messages.append(decoded[1])

    def _accept(self) -> None:
        if self._listener is None:
            return
        try:
            connection, _ = self._listener.accept()
        except OSError:
            return
        connection.setblocking(False)
        if self._connection is not None:
            self._connection.close()
        self._connection = connection

    def _lose(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None
        self.closed = self._listener is None

    def send(self, message: FromGuard) -> None:
        """Tell the controller; one that does not listen loses reports, not the guard its time."""
        if self._connection is None:
            return
        self._sequence += 1
        try:
            self._connection.send(link_codec.encode(message, self._sequence))
        except BlockingIOError:
            return
        except OSError:
            self._lose()


class SocketControllerEnd:
    """The controller's end of a SOCK_SEQPACKET socket."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._connection.setblocking(False)
        self._sequence = 0
        self.bad_messages = 0

    def fileno(self) -> int:
        """For the event loop to watch."""
        return self._connection.fileno()

    def send(self, message: ToGuard) -> None:
        """Tell the guard. Raises LinkClosed when it is gone."""
        self._sequence += 1
        try:
            self._connection.send(link_codec.encode(message, self._sequence))
        except BlockingIOError:
            return  # the guard hangs; its silence is noticed, and the offer is renewed in a second
        except OSError as error:
            raise LinkClosed(f"the guard is gone: {error}") from error

    def receive(self) -> list[FromGuard]:
        """Everything that has arrived and is one of the guard's. Raises LinkClosed when it is gone."""
        messages: list[FromGuard] = []
        while True:
            try:
                content = self._connection.recv(link_codec.SIZE + 1)
            except BlockingIOError:
                return messages
            except ConnectionResetError:
                continue  # as above
            except OSError as error:
                raise LinkClosed(f"the guard is gone: {error}") from error
            if not content:
                if messages:
                    return messages
                raise LinkClosed("the guard has closed the link")
            decoded = link_codec.decode(content)
            if decoded is None or not isinstance(decoded[1], Report):
                self.bad_messages += 1
            else:
                messages.append(decoded[1])

    def close(self) -> None:
        """Hang up."""
        self._connection.close()


def listen(path: str) -> socket.socket:
    """A socket at `path` for controllers to connect to; a left-over file is replaced. Raises OSError."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    if os.path.lexists(path):
        os.unlink(path)
    listener.bind(path)
    os.chmod(path, 0o660)
    listener.listen(1)
    return listener


def connect(path: str) -> SocketControllerEnd:
    """The controller's end of the socket at `path`. Raises LinkClosed when no guard listens there."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        connection.connect(path)
    except OSError as error:
        connection.close()
        raise LinkClosed(f"no guard listens at {path}: {error.strerror}") from error
    return SocketControllerEnd(connection)


def socket_pair() -> tuple[socket.socket, socket.socket]:
    """Two connected ends to share with a child process: the controller's, the guard's."""
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
