"""One daemon per directory, one guard per socket: an advisory lock on a file, which dies with its holder."""

import fcntl
import os

from controller.errors import AlreadyRunning


class ProcessLock:
    """Held for the life of the process; the file says who holds it. `what` is named to whoever comes second."""

    def __init__(self, path: str, configuration_path: str, *, what: str) -> None:
        self._path = path
        self._what = what
        self._holder = f"pid {os.getpid()}, configuration {configuration_path}"
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Take the lock. Raises AlreadyRunning that names the holder, OSError when there can be no such file."""
        descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(descriptor, 4096, 0).decode(errors="replace").strip()
            os.close(descriptor)
            raise AlreadyRunning(f"another daemon uses {self._what}: {holder or 'unknown'}") from error
        self._descriptor = descriptor
        try:
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, self._holder.encode(), 0)
        except OSError:
            return  # the lock holds although the full disk does not take our name

    def release(self) -> None:
        """Let others in."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None
