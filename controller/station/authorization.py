"""Whether an idTag may charge: the central system's word, what it said before, and what holds while it is away (AUTH-*, CACHE-*).

Known locally is what the Local Authorization List says of a tag, else what the cache does. Online the central system decides,
unless LocalPreAuthorize trusts what is known locally. Offline that decides, under LocalAuthorizeOffline, and
AllowOfflineTxForUnknownId speaks for tags that nobody knows.

The charge point's own cards come in twice (decision 11): one that is Blocked here is refused, whatever anybody else says; one that is
Accepted here is known where the central system is away and has never said anything of it.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TypeAlias

import msgspec

from controller.events import CallFailed, CallReceived
from controller.ocpp.messages import Request, Response
from controller.ocpp.messages.core import AuthorizeConf, AuthorizeReq, ClearCacheConf, ClearCacheReq, IdTagInfo
from controller.ocpp.types import AuthorizationStatus, ClearCacheStatus
from controller.records import CacheEntry, ClearCache, DropCacheEntry, ListEntry, PutCacheEntry
from controller.station.answering import answer
from controller.station.central_system import LOST, CentralSystem
from controller.station.derived import IdTagInfoReceived, LocalListChanged
from controller.station.local_list import LocalList, listed_as_valid, listed_status
from controller.station.settings import Settings
from controller.station.step import Feature, Reaction, Step
from controller.station.tags import Tags, shown

CACHE_LIMIT = 1000
"""Entries kept; the least useful goes first (CACHE-5)."""


class Verdict(msgspec.Struct, frozen=True):
    """What was decided about an idTag: may it charge, and in which group is it."""

    accepted: bool
    parent_id_tag: str | None = None
    may_stop: bool = False
    """A good tag, refused only because nobody may begin offline: it ends what its group has begun all the same (TXN-13)."""


OnVerdict: TypeAlias = Callable[[Verdict, Step], None]
REFUSED = Verdict(accepted=False)


class Authorization(Feature):
    """Gives verdicts on idTags, and keeps the authorisation cache."""

    name = "authorization"

    def __init__(self, cache: Sequence[CacheEntry], settings: Settings, central_system: CentralSystem,
                 local_list: LocalList, tags: Tags) -> None:
        self._cache = {entry.id_tag.upper(): entry for entry in cache}
        self._settings = settings
        self._central_system = central_system
        self._local_list = local_list
        self._tags = tags

    def reactions(self) -> Mapping[type, Reaction]:
        """Learns from every verdict of the central system, and forgets what the list says from now on."""
        return {IdTagInfoReceived: self._learn, LocalListChanged: self._drop_listed}

    def answers(self) -> Mapping[type[Request], Reaction]:
        """ClearCache."""
        return {ClearCacheReq: self._clear_cache}

    def authorize(self, id_tag: str, then: OnVerdict, step: Step) -> None:
        """Call `then` with the verdict: within this step if it is known locally, else when Authorize is answered (AUTH-2).

        LocalPreAuthorize says whether whom we know as good is asked for (AUTH-6); whom we know as bad is, in any case.
        """
        own = self._tags.find(id_tag)
        if own is not None and own.status == AuthorizationStatus.Blocked:
            then(REFUSED, step)
            return
        if not self._central_system.online:
            then(self._offline_verdict(id_tag, step.at.utc), step)
            return
        known = self.known(id_tag, step.at.utc)
        if known is not None and known.accepted and self._settings.boolean("LocalPreAuthorize"):
            then(known, step)
            return
        self._ask(id_tag, then)

    def known(self, id_tag: str, at: datetime) -> Verdict | None:
        """What the central system has said before, None for a stranger: the list, if it is enabled, else the cache, if that is (AUTH-5)."""
        listed = self._local_list.find(id_tag)
        if listed is not None:
            return Verdict(listed_as_valid(listed, at), listed.parent_id_tag)
        if not self._settings.boolean("AuthorizationCacheEnabled"):
            return None
        entry = self._cache.get(id_tag.upper())
        if entry is None:
            return None
        return Verdict(_is_valid(entry, at), entry.parent_id_tag)

    def _offline_verdict(self, id_tag: str, at: datetime) -> Verdict:
        """Who is known as good, if LocalAuthorizeOffline (AUTH-7); never who is known as bad (AUTH-8); strangers by their key (AUTH-9)."""
        known = self.known(id_tag, at)
        if known is None and self._tags.find(id_tag) is not None:
            known = Verdict(accepted=True)
        if known is None:
            return Verdict(accepted=self._settings.boolean("AllowOfflineTxForUnknownId"))
        if known.accepted and not self._settings.boolean("LocalAuthorizeOffline"):
            return Verdict(accepted=False, parent_id_tag=known.parent_id_tag, may_stop=True)
        return known

    def overview(self, at: datetime) -> dict[str, object]:
        """Every tag that is known, once per source: `GET /api/v1/tags`."""
        labels = {tag.id_tag: tag.label for tag in self._tags.all()}

        def row(source: str, entry: ListEntry | CacheEntry, status: str, learned: datetime | None) -> dict[str, object]:
            return {"id_tag": entry.id_tag, "source": source, "status": status, "label": labels.get(entry.id_tag, ""),
                    "expiry_date": entry.expiry_date, "parent_id_tag": entry.parent_id_tag, "learned": learned}

        listed = [row("list", entry, listed_status(entry, at), None) for entry in self._local_list.entries()]
        cached = [row("cache", entry, _cached_status(entry, at), entry.learned) for _, entry in sorted(self._cache.items())]
        return {"list_version": self._local_list.version, "learning": self._tags.learning,
                "tags": [*map(shown, self._tags.all()), *listed, *cached]}

    def _ask(self, id_tag: str, then: OnVerdict) -> None:
        def answered(response: Response, step: Step) -> None:
            if isinstance(response, AuthorizeConf):
                info = response.id_tag_info
                step.derive(IdTagInfoReceived(id_tag, info, AuthorizeReq.action))
                then(Verdict(info.status is AuthorizationStatus.Accepted, info.parent_id_tag), step)

        def failed(failure: CallFailed, step: Step) -> None:
            # Nobody answered: decide as if offline. Refused with CALLERROR: no (AUTH-13).
            unanswered = failure.code in (LOST, "TimedOut")
            then(self._offline_verdict(id_tag, step.at.utc) if unanswered else REFUSED, step)

        self._central_system.ask(AuthorizeReq(id_tag=id_tag), answered, failed)

    def _learn(self, event: IdTagInfoReceived, step: Step) -> None:
        """Every verdict is stored (CACHE-2, CACHE-6); what is in the list is never in the cache too (CACHE-3).

        A cache that is switched off keeps no verdict that a newer one replaces.
        """
        if self._local_list.find(event.id_tag) is not None:
            return
        if not self._settings.boolean("AuthorizationCacheEnabled"):
            self._forget(event.id_tag.upper(), step)
            return
        entry = _entry(event.id_tag, event.id_tag_info, step.at.utc)
        self._cache.pop(entry.id_tag, None)
        while len(self._cache) >= CACHE_LIMIT:
            self._evict(step)
        self._cache[entry.id_tag] = entry
        step.remember(PutCacheEntry(entry))

    def _drop_listed(self, _event: LocalListChanged, step: Step) -> None:
        """Else an old verdict would come to life again when its tag is taken off the list (CACHE-3)."""
        for id_tag in [id_tag for id_tag in self._cache if self._local_list.find(id_tag) is not None]:
            self._forget(id_tag, step)

    def _evict(self, step: Step) -> None:
        victim = min(self._cache.values(), key=lambda entry: (_is_valid(entry, step.at.utc), entry.learned))
        self._forget(victim.id_tag, step)

    def _forget(self, id_tag: str, step: Step) -> None:
        if self._cache.pop(id_tag, None) is not None:
            step.remember(DropCacheEntry(id_tag))

    def _clear_cache(self, call: CallReceived, step: Step) -> None:
        """Also a cache that is switched off (CACHE-7)."""
        self._cache.clear()
        step.remember(ClearCache())
        answer(call, ClearCacheConf(status=ClearCacheStatus.Accepted), step)


def _entry(id_tag: str, info: IdTagInfo, at: datetime) -> CacheEntry:
    return CacheEntry(id_tag.upper(), str(info.status), info.parent_id_tag, info.expiry_date, at)


def _is_valid(entry: CacheEntry, at: datetime) -> bool:
    """Accepted, and not past its expiryDate (CACHE-4)."""
    return _cached_status(entry, at) == AuthorizationStatus.Accepted


def _cached_status(entry: CacheEntry, at: datetime) -> str:
    """Past its expiryDate what was Accepted is Expired (CACHE-4)."""
    expired = entry.expiry_date is not None and entry.expiry_date <= at
    return str(AuthorizationStatus.Expired) if expired and entry.status == AuthorizationStatus.Accepted else entry.status


def same_tag(one: str, other: str | None) -> bool:
    """IdTags compare without regard to case (IDT-1)."""
    return other is not None and one.upper() == other.upper()


def same_group(one: str | None, other: str | None) -> bool:
    """Two tags are in one group if both have a parentIdTag and these are equal (IDT-3)."""
    return one is not None and same_tag(one, other)
