"""`/api/v1/ocpp`: the connection to the central system, what it is owed, what was given up, the last frames, the keys.

Everything is read where it lives, in the daemon's own loop; only dead letters are asked of the store.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import ClassVar, NamedTuple, Protocol

import msgspec

from controller.clock import Instant
from controller.ocpp.connection import Connection
from controller.records import QueuedMessage
from controller.shell.parameters import Query, integer, only
from controller.shell.refusal import Unusable
from controller.station.central_system import CentralSystem
from controller.station.keys import Access
from controller.station.settings import Settings
from controller.store.history import DeadLetter, History

SHOWN, MOST = 100, 10_000
"""Messages and frames: unless it is said, and at most."""


class Wire(NamedTuple):
    """What is between the station and the central system."""

    connection: Connection
    central_system: CentralSystem
    settings: Settings


class Archive(Protocol):
    """Asks the store."""

    async def ask(self, question: Callable[[History], tuple[list[DeadLetter], int]]) -> tuple[list[DeadLetter], int]:
        """Its answer. Raises Unusable."""


class OcppView:
    """The four views."""

    WHAT: ClassVar = ("status", "queue", "trace", "config")

    def __init__(self, wire: Wire, archive: Archive) -> None:
        self._connection, self._central_system, self._settings = wire
        self._archive = archive

    async def show(self, what: str, query: Query) -> dict[str, object]:
        """One of `WHAT`. Raises Unusable."""
        views: dict[str, Callable[[Query], Awaitable[dict[str, object]]]] = {
            "status": self._status, "queue": self._queue, "trace": self._trace, "config": self._config}
        return await views[what](query)

    async def _status(self, query: Query) -> dict[str, object]:
        only(query)
        connection, central_system = self._connection, self._central_system
        registration, flying = central_system.registration, central_system.in_flight
        return {
            "endpoint": connection.endpoint, "connected": connection.connected,
            "connected_for_s": connection.connected_for_s, "last_failure": None if connection.connected else connection.last_failure or connection.last_loss or None,
            "registration": None if registration is None else str(registration),
            "security_profile": connection.security_profile,
            "heartbeat_interval_s": self._settings.integer("HeartbeatInterval"),
            "last_sent": _utc(connection.trace.last_sent), "last_received": _utc(connection.trace.last_received),
            "queue_length": central_system.queue_length, "queue_full": central_system.full,
            "in_flight": None if flying is None else {"message_id": flying[0], "action": flying[1]},
        }

    async def _queue(self, query: Query) -> dict[str, object]:
        """What is owed is told also while the store, which keeps the dead letters, cannot be read."""
        only(query, "limit")
        limit = integer(query, "limit", SHOWN, 1, MOST)
        owed = self._central_system.owed
        letters: list[DeadLetter] | None = None
        count, error = None, None
        try:
            letters, count = await self._archive.ask(lambda history: history.dead_letters(limit))
        except Unusable as unreadable:
            error = str(unreadable)
        return {
            "owed": [_message(message) for message in owed[:limit]], "owed_count": len(owed),
            "dead_letters": None if letters is None else [_letter(letter) for letter in letters],
            "dead_letter_count": count, "error": error,
        }

    async def _trace(self, query: Query) -> dict[str, object]:
        only(query, "limit", "after")
        limit = integer(query, "limit", SHOWN, 1, MOST)
        after = integer(query, "after", 0, 0, 2**53) if "after" in query else None
        frames = [{"number": frame.number, "at": frame.at.utc, "sent": frame.sent, "frame": frame.shown}
                  for frame in self._connection.trace.last(limit, after)]
        return {"frames": frames}

    async def _config(self, query: Query) -> dict[str, object]:
        only(query)
        return {"keys": [
            {"key": row.name, "value": value, "readonly": row.access is Access.R, "writeonly": row.access is Access.W,
             "kind": row.kind, "unit": row.unit or None, "default": row.default if value is not None else None,
             "allowed": row.allowed, "profile": row.profile, "meaning": row.sentence}
            for row, value in self._settings.rows()]}


def _utc(at: Instant | None) -> object:
    return None if at is None else at.utc


def _message(message: QueuedMessage) -> dict[str, object]:
    return {"message_id": message.message_id, "action": message.action, "connector": message.connector_id,
            "session": message.local_id or None, "since": message.stamp.utc, "since_trusted": message.stamp.trusted,
            "attempts": message.attempts, "payload": msgspec.Raw(message.payload.encode())}


def _letter(letter: DeadLetter) -> dict[str, object]:
    buried = letter.message.buried
    given_up: Mapping[str, object] = {"given_up": None if buried is None else buried.utc, "why": letter.why}
    return {**_message(letter.message), **given_up}
