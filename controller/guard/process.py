"""The guard as a process of its own: real-time priority, locked memory, no collector, and one cycle every 10 ms.

The service manager's watchdog is kicked by completed cycles and by nothing else: a guard that hangs is killed, and what runs after
it drives the lines inactive. It ends with a controlled stop: pilot steady, the contactor open when the car obeys or after 6 s. It ends when it is told to
(SIGTERM), and when whoever started it is gone: a guard without a controller that can come back serves nobody.
"""

import ctypes
import gc
import os
import select
import signal
import socket
import sys
import time
from collections import deque
from types import FrameType

from controller.config import Configuration
from controller.errors import AlreadyRunning
from controller.guard.build import build_guard, build_world
from controller.guard.guard import TICK_S, Guard
from controller.guard.link import SocketGuardEnd, listen
from controller.lock import ProcessLock
from controller.sd_notify import ServiceManager
from drivers import registry
from drivers.raspberry import advice

PRIORITY = 50
MCL_CURRENT, MCL_FUTURE = 1, 2
LONGEST_TEXT = 400
"""In characters: a line of a log that takes any takes so much."""
KICKS = 4
"""So often within the watchdog's time a completed cycle tells of itself."""


def become_real_time() -> list[str]:
    """Ask for FIFO priority and locked memory; tells what was not permitted and how to permit it."""
    missing = []
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(PRIORITY))
    except OSError as error:
        missing.append(f"no real-time priority ({error.strerror}): give the unit LimitRTPRIO={PRIORITY} or CAP_SYS_NICE")
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.mlockall(MCL_CURRENT | MCL_FUTURE) != 0:
        why = os.strerror(ctypes.get_errno())
        missing.append(f"memory is not locked ({why}): give the unit LimitMEMLOCK=infinity or CAP_IPC_LOCK")
    return missing


class Log:
    """Standard error, from which nobody may keep the guard: what it does not take at once waits for a better moment."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._ready = select.poll()
        self._ready.register(descriptor, select.POLLOUT)
        self._waiting: deque[str] = deque(maxlen=32)

    def tell(self, text: str) -> None:
        """Keep it until `flush`."""
        self._waiting.append(text[:LONGEST_TEXT])

    def flush(self) -> None:
        """Write one line, when that cannot block."""
        if self._waiting and any(event == select.POLLOUT for _, event in self._ready.poll(0)):
            os.write(self._descriptor, f"guard: {self._waiting.popleft()}\n".encode())


class Process:
    """Runs the cycle until there is a reason to end."""

    def __init__(self, guard: Guard, world: object | None, parent: int | None, log: Log) -> None:
        self._guard = guard
        self._poll = getattr(world, "poll", None) if world is not None else None
        self._world = world
        self._parent = parent
        self._log = log
        self._ending = False
        self._service = ServiceManager()
        self._ready = False
        self._kick_at_s = 0.0

    def end(self, _signal: int, _frame: FrameType | None) -> None:
        """SIGTERM: begin the controlled stop."""
        self._ending = True

    def run(self) -> None:
        """Until told to end, and then until the contactors are open."""
        signal.signal(signal.SIGTERM, self.end)
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        expected_s = time.monotonic()
        try:
            while not (self._ending and not self._guard.energised):
                began_s = self._cycle(expected_s)
                expected_s = self._sleep(expected_s, began_s)
            self._cycle(expected_s)
        finally:
            self._guard.close()

    def _cycle(self, expected_s: float) -> float:
        """One cycle; when it began."""
        if self._orphaned():
            self._ending = True
        if self._ending:
            self._guard.withdraw()
        if self._world is not None:
            self._world.poll()  # type: ignore[attr-defined]  # the simulated world, reached by name only
        now_s = time.monotonic()
        self._guard.step(now_s, expected_s=expected_s)
        self._tell(now_s)
        self._log.flush()
        return now_s

    def _tell(self, now_s: float) -> None:
        """A cycle is complete: the first makes us ready, every later one is a sign of life."""
        if not self._ready:
            self._ready = True
            self._service.tell("READY=1")
        if self._service.watchdog_s > 0 and now_s >= self._kick_at_s:
            self._kick_at_s = now_s + self._service.watchdog_s / KICKS
            self._service.tell("WATCHDOG=1")

    def _orphaned(self) -> bool:
        return self._guard.orphaned or (self._parent is not None and os.getppid() != self._parent)

    @staticmethod
    def _sleep(expected_s: float, began_s: float) -> float:
        """Wait for the next point of the 10 ms grid. After a late cycle the grid begins anew, so that one delay counts once."""
        next_s = (expected_s if began_s - expected_s < TICK_S else began_s) + TICK_S
        time.sleep(max(0.0, next_s - time.monotonic()))
        return next_s


def _end_at_once(_signal: int, _frame: FrameType | None) -> None:
    """SIGTERM before the first cycle: nothing is driven yet, so there is nothing to wait for."""
    sys.exit(0)


def _end_of_link(configuration: Configuration) -> SocketGuardEnd:
    """Our end of a socket file that is ours alone. Raises AlreadyRunning, OSError."""
    path = configuration.guard.socket
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    # Held until the process ends: nobody takes the file, and the controller with it, from a guard that charges.
    ProcessLock(path + ".lock", configuration.path, what=f"the guard's socket {path}").acquire()
    return SocketGuardEnd(listener=listen(path))


def run(configuration: Configuration, *, link_fd: int | None = None, world_fd: int | None = None) -> int:
    """The guard process. `link_fd` and `world_fd` are inherited from `evcp run --split`; else it listens by itself.

    Exit code 0; 1 when the socket cannot be made, or belongs to another guard.
    """
    signal.signal(signal.SIGTERM, _end_at_once)
    try:
        end = SocketGuardEnd(connection=socket.socket(fileno=link_fd)) if link_fd is not None else _end_of_link(configuration)
    except AlreadyRunning as error:
        sys.stderr.write(f"guard: {error}\n")
        return 1
    except OSError as error:
        sys.stderr.write(f"guard: the socket {configuration.guard.socket} cannot be made: {error.strerror or error}\n")
        return 1
    world = build_world(configuration)
    if world is not None:
        port = registry.simulation("port")
        listener = socket.socket(fileno=world_fd) if world_fd is not None else port.listen(configuration.guard.socket + ".world")
        port.PortServer(world, listener)
    log = Log(sys.stderr.fileno())
    guard = build_guard(configuration, end, world, tell=log.tell)
    for what in [*become_real_time(), *advice([row.contactor["driver"] for row in configuration.connector])]:
        sys.stderr.write(f"guard: {what}\n")
    gc.collect()
    gc.freeze()
    gc.disable()
    Process(guard, world, os.getppid() if link_fd is not None else None, log).run()
    return 0
