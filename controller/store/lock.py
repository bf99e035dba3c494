"""One daemon per storage directory: an advisory lock that dies with its holder."""

import fcntl
import os

from controller.errors import EvcpError, StorageError


class AlreadyRunning(EvcpError):
    """Another daemon uses the directory; the message names it."""


class DirectoryLock:
    """Held for the life of the process; says who holds it."""

    def __init__(self, directory: str, configuration_path: str) -> None:
        self._directory = directory
        self._path = os.path.join(directory, "evcp.lock")
        self._holder = f"pid {os.getpid()}, configuration {configuration_path}"
        self._descriptor: int | None = None

    def acquire(self) -> None:
        """Take the lock. Raises AlreadyRunning that names the holder, StorageError when the directory cannot be used."""
        try:
            os.makedirs(self._directory, mode=0o700, exist_ok=True)
            descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StorageError(f"storage directory {self._directory} cannot be used: {error.strerror}") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.pread(descriptor, 4096, 0).decode(errors="replace").strip()
            os.close(descriptor)
            raise AlreadyRunning(f"another daemon uses {self._directory}: {holder or 'unknown'}") from error
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
