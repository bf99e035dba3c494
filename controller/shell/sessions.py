"""`/api/v1/sessions`: what was charged, when and by whom, and whether the central system knows (T-PRIVACY: export and erase).

Read from the database beside the daemon's loop, by one thread that the pump does not use: a disk that stalls costs the asker
patience, and nobody else anything.
"""

import asyncio
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Protocol, TypeVar

import msgspec

from controller.clock import Instant
from controller.config import Configuration
from controller.errors import StorageError
from controller.events import EraseRequested, Event
from controller.records import Erase, Stamp
from controller.shell.parameters import Query, id_tag, integer, moment, only, utc
from controller.shell.refusal import Unusable
from controller.store.history import History, Session, Wish

T = TypeVar("T")

ANSWER_WITHIN_S = 4.0
"""A command gives up after 5 s."""
ERASING_S, ERASED_WITHIN_S = 1.5, 2.5
"""How long one request goes on erasing, and how long a step of it may wait for the disk."""
LOOKS_EVERY_S = 0.05
SHOWN, MOST = 100, 1000
"""Rows of one page: unless it is said, and at most."""
PARAMETERS = ("since", "until", "connector", "id_tag", "limit", "after")


class Daemon(Protocol):
    """What the sessions need of the daemon."""

    configuration: Configuration

    def now(self) -> Instant:
        """This moment."""

    async def emit(self, event: Event) -> None:
        """An event from outside the hardware."""


class Archive:
    """Asks the store one question at a time."""

    def __init__(self, directory: str) -> None:
        self._history = History(directory)
        self._thread = ThreadPoolExecutor(1, "evcp-archive")

    async def ask(self, question: Callable[[History], T]) -> T:
        """Its answer. Raises Unusable 503 when the store cannot be read, or not in time."""
        try:
            async with asyncio.timeout(ANSWER_WITHIN_S):
                return await asyncio.get_running_loop().run_in_executor(self._thread, question, self._history)
        except StorageError as error:
            raise Unusable(503, str(error)) from error
        except TimeoutError as error:
            raise Unusable(503, f"the storage does not answer within {ANSWER_WITHIN_S:g} s") from error


class Forget(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of `/api/v1/service/erase`: exactly one of the two."""

    older_than_days: int | None = None
    id_tag: str | None = None


class Sessions:
    """The three operations."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        self.archive = Archive(daemon.configuration.storage.directory)

    async def listing(self, query: Query) -> dict[str, object]:
        """A page of sessions, the newest first; `next` is the `after` of the page behind it, null at the end."""
        wish = self._wish(query)
        found = await self.archive.ask(lambda history: history.sessions(wish))
        more = len(found) == wish.limit and bool(found)
        return {"sessions": [shown(session) for session in found], "next": _place(found[-1]) if more else None}

    async def one(self, name: str) -> dict[str, object]:
        """The session that is named by its local id, the beginning of it, or its transaction id."""
        found = await self.archive.ask(lambda history: history.named(name))
        exact = [session for session in found if session.transaction.local_id == name] or found
        if not exact:
            raise Unusable(404, f"there is no session {name!r}")
        if len(exact) > 1:
            raise Unusable(400, f"{name!r} may be any of {', '.join(session.transaction.local_id for session in exact)}")
        return shown(exact[0])

    async def erase(self, body: Mapping[str, object]) -> dict[str, object]:
        """Erase what is meant and may go: how many rows that were, how many are left, how many sessions stay because they are owed.

        Many rows take many steps: what is `left` when the time is up is asked for again.
        """
        wish = self._erasure(msgspec.convert(body, Forget))
        before, refused = await self.archive.ask(lambda history: history.erasable(wish))
        end_s = self._daemon.now().monotonic_s + ERASING_S
        left = before
        while left and self._daemon.now().monotonic_s < end_s:
            await self._daemon.emit(EraseRequested(wish.ended_before, wish.id_tag))
            left = await self._erased(wish, left)
        return {"erased": before - left, "left": left, "refused": refused}

    async def _erased(self, wish: Erase, before: int) -> int:
        """How many are left once some are gone. Raises Unusable 503 when none go."""
        end_s = self._daemon.now().monotonic_s + ERASED_WITHIN_S
        while self._daemon.now().monotonic_s < end_s:
            left, _ = await self.archive.ask(lambda history: history.erasable(wish))
            if left < before:
                return left
            await asyncio.sleep(LOOKS_EVERY_S)
        raise Unusable(503, f"the disk refuses: {before} rows were to be erased and are still there; they go when it takes them")

    # -- what is asked -----------------------------------------------------------------------------------------------

    def _erasure(self, forget: Forget) -> Erase:
        if (forget.older_than_days is None) == (forget.id_tag is None):
            raise Unusable(400, "give either older_than_days or id_tag")
        if forget.older_than_days is None:
            return Erase(0, id_tag=id_tag(str(forget.id_tag)))
        if not 0 <= forget.older_than_days <= 36_500:
            raise Unusable(400, "older_than_days: 0 to 36500")
        at = self._daemon.now()
        if not at.trusted:
            raise Unusable(409, "the date is not known yet, so nobody can tell how old a session is")
        return Erase(0, ended_before=at.utc - timedelta(days=forget.older_than_days))

    def _wish(self, query: Query) -> Wish:
        only(query, *PARAMETERS)
        connector = integer(query, "connector", 0, 1, 1000)
        known = [row.id for row in self._daemon.configuration.connector]
        if connector and connector not in known:
            raise Unusable(400, f"connector {connector} is not configured; there are {known}")
        return Wish(
            limit=integer(query, "limit", SHOWN, 1, MOST), since=moment(query, "since"), until=moment(query, "until"),
            connector_id=connector or None, id_tag=id_tag(query["id_tag"]) if "id_tag" in query else None,
            after=_after(query["after"]) if "after" in query else None)


def shown(session: Session) -> dict[str, object]:
    """One session, ready for JSON. The energy of a running one is what was stored last, a minute ago at most."""
    row = session.transaction
    energy_wh = (row.last_energy_wh if row.meter_stop_wh is None else row.meter_stop_wh) - row.meter_start_wh
    return {
        "local_id": row.local_id, "transaction_id": row.transaction_id, "connector": row.connector_id, "id_tag": row.id_tag,
        "started": row.started.utc, "started_trusted": row.started.trusted, **_end(row.ended),
        "energy_wh": max(0, round(energy_wh)), "meter_start_wh": row.meter_start_wh, "meter_stop_wh": row.meter_stop_wh,
        "stop_reason": row.stop_reason, "stop_id_tag": row.stop_id_tag, "delivery": _delivery(session),
    }


def _end(ended: Stamp | None) -> dict[str, object]:
    if ended is None:
        return {"ended": None, "ended_trusted": None}
    return {"ended": ended.utc, "ended_trusted": ended.trusted}


def _delivery(session: Session) -> str:
    if session.owed:
        return "owed"
    if session.transaction.stand_alone:
        return "recorded"
    return "given up" if session.transaction.start_given_up or session.transaction.stop_given_up else "delivered"


# -- parameters ----------------------------------------------------------------------------------------------------------


def _place(session: Session) -> str:
    return f"{session.transaction.started.utc.isoformat()}/{session.transaction.local_id}"


def _after(text: str) -> tuple[datetime, str]:
    told, _, local_id = text.partition("/")
    try:
        return utc(told), local_id
    except (ValueError, OverflowError) as error:
        raise Unusable(400, "after: what an earlier page gave as next") from error
