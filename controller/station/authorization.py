"""Whether an idTag may charge: the central system's word, the cache, and what holds while it is away (AUTH-*, CACHE-*).

Online the central system decides, unless LocalPreAuthorize trusts what is known locally. Offline the cache decides
under LocalAuthorizeOffline, and AllowOfflineTxForUnknownId speaks for tags that nobody knows.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TypeAlias

import msgspec

from controller.events import CallFailed, CallReceived
from controller.ocpp.messages import Request, Response
from controller.ocpp.messages.core import AuthorizeConf, AuthorizeReq, ClearCacheConf, ClearCacheReq, IdTagInfo
from controller.ocpp.types import AuthorizationStatus, ClearCacheStatus
from controller.records import CacheEntry, ClearCache, DropCacheEntry, PutCacheEntry
from controller.station.answering import answer
from controller.station.central_system import LOST, CentralSystem
from controller.station.derived import IdTagInfoReceived
from controller.station.settings import Settings
from controller.station.step import Feature, Reaction, Step

CACHE_LIMIT = 1000
"""Entries kept; the least useful goes first (CACHE-5)."""


class Verdict(msgspec.Struct, frozen=True):
    """What was decided about an idTag: may it charge, and in which group is it."""

    accepted: bool
    parent_id_tag: str | None = None


OnVerdict: TypeAlias = Callable[[Verdict, Step], None]
REFUSED = Verdict(accepted=False)


class Authorization(Feature):
    """Gives verdicts on idTags, and keeps the authorisation cache."""

    name = "authorization"

    def __init__(self, cache: Sequence[CacheEntry], settings: Settings, central_system: CentralSystem) -> None:
        self._cache = {entry.id_tag.upper(): entry for entry in cache}
        self._settings = settings
        self._central_system = central_system

    def reactions(self) -> Mapping[type, Reaction]:
        """Learns from every verdict of the central system."""
        return {IdTagInfoReceived: self._learn}

    def answers(self) -> Mapping[type[Request], Reaction]:
        """ClearCache."""
        return {ClearCacheReq: self._clear_cache}

    def authorize(self, id_tag: str, then: OnVerdict, step: Step) -> None:
        """Call `then` with the verdict: within this step if it is known locally, else when Authorize is answered."""
        if not self._central_system.online:
            then(self._offline_verdict(id_tag, step.at.utc), step)
            return
        known = self.known(id_tag, step.at.utc)
        if known is not None and known.accepted and self._settings.boolean("LocalPreAuthorize"):
            then(known, step)
            return
        self._ask(id_tag, then)

    def known(self, id_tag: str, at: datetime) -> Verdict | None:
        """What is known locally, None for a stranger: the cache, if it is enabled (AUTH-5)."""
        if not self._settings.boolean("AuthorizationCacheEnabled"):
            return None
        entry = self._cache.get(id_tag.upper())
        if entry is None:
            return None
        return Verdict(_is_valid(entry, at), entry.parent_id_tag)

    def _offline_verdict(self, id_tag: str, at: datetime) -> Verdict:
        known = self.known(id_tag, at)
        if known is None:
            return Verdict(accepted=self._settings.boolean("AllowOfflineTxForUnknownId"))
        if known.accepted and not self._settings.boolean("LocalAuthorizeOffline"):
            return REFUSED
        return known

    def _ask(self, id_tag: str, then: OnVerdict) -> None:
        def answered(response: Response, step: Step) -> None:
            if isinstance(response, AuthorizeConf):
                info = response.id_tag_info
                step.derive(IdTagInfoReceived(id_tag, info))
                then(Verdict(info.status is AuthorizationStatus.Accepted, info.parent_id_tag), step)

        def failed(failure: CallFailed, step: Step) -> None:
            # Nobody answered: decide as if offline. Refused with CALLERROR: no (AUTH-13).
            unanswered = failure.code in (LOST, "TimedOut")
            then(self._offline_verdict(id_tag, step.at.utc) if unanswered else REFUSED, step)

        self._central_system.ask(AuthorizeReq(id_tag=id_tag), answered, failed)

    def _learn(self, event: IdTagInfoReceived, step: Step) -> None:
        if not self._settings.boolean("AuthorizationCacheEnabled"):
            return
        entry = _entry(event.id_tag, event.id_tag_info, step.at.utc)
        self._cache.pop(entry.id_tag, None)
        while len(self._cache) >= CACHE_LIMIT:
            self._evict(step)
        self._cache[entry.id_tag] = entry
        step.remember(PutCacheEntry(entry))

    def _evict(self, step: Step) -> None:
        victim = min(self._cache.values(), key=lambda entry: (_is_valid(entry, step.at.utc), entry.learned))
        del self._cache[victim.id_tag]
        step.remember(DropCacheEntry(victim.id_tag))

    def _clear_cache(self, call: CallReceived, step: Step) -> None:
        self._cache.clear()
        step.remember(ClearCache())
        answer(call, ClearCacheConf(status=ClearCacheStatus.Accepted), step)


def _entry(id_tag: str, info: IdTagInfo, at: datetime) -> CacheEntry:
    return CacheEntry(id_tag.upper(), str(info.status), info.parent_id_tag, info.expiry_date, at)


def _is_valid(entry: CacheEntry, at: datetime) -> bool:
    """Accepted, and not past its expiryDate (CACHE-4)."""
    expired = entry.expiry_date is not None and entry.expiry_date <= at
    return entry.status == AuthorizationStatus.Accepted and not expired


def same_tag(one: str, other: str | None) -> bool:
    """IdTags compare without regard to case (IDT-1)."""
    return other is not None and one.upper() == other.upper()


def same_group(one: str | None, other: str | None) -> bool:
    """Two tags are in one group if both have a parentIdTag and these are equal (IDT-3)."""
    return one is not None and same_tag(one, other)
