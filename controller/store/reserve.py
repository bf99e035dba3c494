"""Space put by: a file that is given up when the disk is full, so that a running session can be closed (F-FULL)."""

import contextlib
import os

FILE, BYTES = "reserve", 8 * 1024 * 1024
SPARE_BYTES = 1024 * 1024
"""So much must stay free beside the reserve; with less, and without a reserve, the disk counts as full."""


class Reserve:
    """The file `reserve` of a storage directory."""

    def __init__(self, directory: str) -> None:
        self._directory = directory
        self._path = os.path.join(directory, FILE)
        self._short = False

    @property
    def shortage(self) -> str | None:
        """What to tell while the reserve is in use; None while all is well."""
        if not self._short:
            return None
        return f"storage directory {self._directory}: the disk is full; only the reserve is left, for what already runs"

    def keep(self) -> None:
        """Put it by where there is none and space allows."""
        if self._is_there():
            self._short = False
            return
        free_bytes = self.free_bytes()
        if free_bytes < BYTES + SPARE_BYTES:
            self._short = self._short or free_bytes < SPARE_BYTES
            return
        try:
            descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT, 0o600)
            try:
                os.posix_fallocate(descriptor, 0, BYTES)
            finally:
                os.close(descriptor)
        except OSError:
            self._remove()
        else:
            self._short = False

    def give_up(self) -> bool:
        """Free its space; False where there was none."""
        there = self._remove()
        self._short = self._short or there
        return there

    def free_bytes(self) -> int:
        """What the file system has left for us; 0 when it does not even tell."""
        try:
            found = os.statvfs(self._directory)
        except OSError:
            return 0
        return found.f_bavail * found.f_frsize

    def _is_there(self) -> bool:
        with contextlib.suppress(OSError):
            return os.path.getsize(self._path) >= BYTES
        return False

    def _remove(self) -> bool:
        try:
            os.unlink(self._path)
        except OSError:
            return False
        return True
