"""The door to durable state."""

from collections.abc import Sequence
from typing import Protocol

from controller.records import Durable, Record


class Store(Protocol):
    """Remembers. One writer; a commit that returned is synced to stable storage.

    `commit` may block for as long as the disk does: the pump calls it beside the event loop.
    """

    def load(self) -> Durable:
        """Everything that was promised. Raises StorageError."""

    def commit(self, records: Sequence[Record]) -> None:
        """Apply all of `records`, in order, or none. Raises StorageError."""

    def close(self) -> None:
        """Release the files."""
