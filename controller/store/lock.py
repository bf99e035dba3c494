"""One daemon per storage directory (contract.md section 1)."""

import os

from controller.errors import StorageError
from controller.lock import ProcessLock


class DirectoryLock:
    """Held for the life of the process; says who holds it."""

    def __init__(self, directory: str, configuration_path: str) -> None:
        self._directory = directory
        self._lock = ProcessLock(os.path.join(directory, "evcp.lock"), configuration_path, what=directory)

    def acquire(self) -> None:
        """Take the lock. Raises AlreadyRunning that names the holder, StorageError when the directory cannot be used."""
        try:
            os.makedirs(self._directory, mode=0o700, exist_ok=True)
            self._lock.acquire()
        except OSError as error:
            raise StorageError(f"storage directory {self._directory} cannot be used: {error.strerror}") from error

    def release(self) -> None:
        """Let others in."""
        self._lock.release()
