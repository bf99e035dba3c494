"""The door to durable state."""

from collections.abc import Sequence
from typing import Protocol

from controller.records import Durable, Record


class Store(Protocol):
    """Remembers. One writer; a commit that returned is synced to stable storage.

    `commit` may block for as long as the disk does: the pump calls it beside the event loop. Committing the same records
    again changes nothing: whoever was told that a commit failed tries it anew, and it may have been stored all the same.
    """

    def load(self) -> Durable:
        """Everything that was promised. Raises StorageError."""

    def commit(self, records: Sequence[Record]) -> str | None:
        """Apply all of `records`, in order, or none. Raises StorageError.

        The answer is None when all is well; else it says what runs short although this commit is safe: what already
        runs may be closed, nothing new should begin (F-FULL).
        """

    def close(self) -> None:
        """Release the files."""
