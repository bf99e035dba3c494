"""Counts the starts in a row that ended by an exception of our own; after ten the state is set aside (B6).

A state that no start survives must not keep a charge point dead for ever. What a person or a power cut ends does not count, and
a run of an hour says that the state can be lived with. Debts, history, keys and latched faults come along; everything else is left
in the database that is kept beside the new one.
"""

import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

from controller.records import PutNote
from controller.station.boot import ACCEPTED_NOTE
from controller.station.credentials import FORMER_NOTE
from controller.station.set_aside import SET_ASIDE_NOTE
from controller.store.sqlite import SqliteStore

logger = logging.getLogger("evcp")

FILE = "failed-starts"
TOO_MANY = 10
LIVED_S = 3600.0
"""A start that lived so long was none that failed: its end begins a new row."""
LONGEST = 200
"""Characters of an exception that are kept."""
NOTES = (ACCEPTED_NOTE, FORMER_NOTE)
"""Notes without which the charge point would not charge, or not be let in."""


class FailedStarts:
    """A file in the storage directory: the count, and on the next line how the last one ended."""

    def __init__(self, directory: str) -> None:
        self._path = os.path.join(directory, FILE)

    @contextmanager
    def watched(self) -> Iterator[None]:
        """One start, from beginning to end."""
        began_s = time.monotonic()
        try:
            yield
        except Exception as error:
            self._failed(error, time.monotonic() - began_s)
            raise
        self._forget()

    def set_aside(self, store: SqliteStore) -> None:
        """Set the state aside if it is time. Raises StorageError."""
        count, last = self._read()
        if count < TOO_MANY:
            return
        aside = store.set_aside(NOTES)
        why = f"{count} starts in a row ended by {last}; the state before is kept as {aside}"
        if aside is not None:
            logger.error("the state was set aside: %s", why)
            store.commit([PutNote(SET_ASIDE_NOTE, why)])
        self._forget()

    def _read(self) -> tuple[int, str]:
        """A file that is not there, or torn by a power cut, counts nothing."""
        try:
            with open(self._path, encoding="utf-8", errors="replace") as file:
                count, _, last = file.read(LONGEST * 2).partition("\n")
        except OSError:
            return 0, ""
        return int(count) if count.isascii() and count.isdigit() else 0, last

    def _failed(self, error: Exception, lived_s: float) -> None:
        count = 1 if lived_s >= LIVED_S else self._read()[0] + 1
        text = repr(_first(error))[:LONGEST]
        try:
            with open(f"{self._path}.new", "w", encoding="utf-8") as file:
                file.write(f"{count}\n{text}")
            os.replace(f"{self._path}.new", self._path)
        except OSError as unwritable:
            logger.error("this failed start cannot be counted: %s", unwritable)

    def _forget(self) -> None:
        try:
            os.unlink(self._path)
        except FileNotFoundError:
            return
        except OSError as error:
            logger.error("the count of failed starts cannot be taken back: %s", error)


def _first(error: Exception) -> Exception:
    """The exception that a group of tasks ended by."""
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return error
