"""The Local Authorization List: whom the central system has told beforehand, and in which version (LIST-*).

Only SendLocalList changes it. A message is judged as a whole before anything changes; entries and version enter in one commit.
Beside the version the number of entries is noted: a list of which a damaged database has lost a part says so (version 0), takes no
Differential, and waits for the Full update that the standard then recommends. What is left of it goes on being obeyed.
"""

from collections.abc import Mapping
from datetime import datetime

import msgspec

from controller.events import CallReceived
from controller.ocpp.messages import IdTagInfo, Request
from controller.ocpp.messages.core import AuthorizeReq, StartTransactionReq
from controller.ocpp.messages.local_auth_list import (
    AuthorizationData,
    GetLocalListVersionConf,
    GetLocalListVersionReq,
    SendLocalListConf,
    SendLocalListReq,
)
from controller.ocpp.types import AuthorizationStatus, UpdateStatus, UpdateType
from controller.records import AmendLocalList, Durable, ListEntry, PutNote, Record, ReplaceLocalList
from controller.station.answering import answer
from controller.station.derived import IdTagInfoReceived, ListContradicted, LocalListChanged, SettingChanged
from controller.station.settings import Settings
from controller.station.step import Feature, Reaction, Step

PROFILE = "LocalAuthListManagement"
ENABLED = "LocalAuthListEnabled"
EMPTY, NO_LISTS = 0, -1
"""What GetLocalListVersion says of an empty list, and where there is none (LIST-3)."""
NOTE = "local list"
VALID = (AuthorizationStatus.Accepted, AuthorizationStatus.ConcurrentTx)
"""Statuses of a list entry that may charge (LIST-2, AUTH-10)."""


class Noted(msgspec.Struct, frozen=True):
    """What is remembered beside the entries."""

    version: int
    entries: int


class LocalList(Feature):
    """Keeps the list, and notices where the central system contradicts it."""

    name = "local_list"

    def __init__(self, durable: Durable, settings: Settings) -> None:
        self._entries = {entry.id_tag: entry for entry in durable.local_list}
        self._settings = settings
        self._present = PROFILE in settings.csl("SupportedFeatureProfiles")
        noted = _noted(durable.notes.get(NOTE))
        self._whole = noted.entries == len(self._entries)
        """False: entries were lost with a damaged database, or the note of their version was."""
        self._version = noted.version
        self._told: set[str] = set()
        """Tags whose contradiction was told when Authorize was answered; the session that follows has nothing to add."""

    @property
    def enabled(self) -> bool:
        """The profile is there, and LocalAuthListEnabled."""
        return self._present and self._settings.boolean(ENABLED)

    @property
    def version(self) -> int:
        """As GetLocalListVersion tells it (LIST-3)."""
        if not self.enabled:
            return NO_LISTS
        return self._version if self._entries and self._whole else EMPTY

    def find(self, id_tag: str) -> ListEntry | None:
        """The entry of a tag; None where it has none, or the list is not to be used."""
        return self._entries.get(id_tag.upper()) if self.enabled else None

    def entries(self) -> list[ListEntry]:
        """All of them, by tag; none where the list is not to be used."""
        return sorted(self._entries.values(), key=lambda entry: entry.id_tag) if self.enabled else []

    def reactions(self) -> Mapping[type, Reaction]:
        """Hears the central system's verdicts, and that the list is to be used or not."""
        return {IdTagInfoReceived: self._compare, SettingChanged: self._setting_changed}

    def answers(self) -> Mapping[type[Request], Reaction]:
        """The two operations, unless the `[ocpp]` table leaves the profile out."""
        return {SendLocalListReq: self._send, GetLocalListVersionReq: self._get_version} if self._present else {}

    # -- updates -----------------------------------------------------------------------------------------------------

    def _get_version(self, call: CallReceived, step: Step) -> None:
        answer(call, GetLocalListVersionConf(list_version=self.version), step)

    def _send(self, call: CallReceived, step: Step) -> None:
        request = call.request
        assert isinstance(request, SendLocalListReq)
        status = self._judge(request)
        if status is UpdateStatus.Accepted:
            self._take(request, step)
        answer(call, SendLocalListConf(status=status), step)

    def _judge(self, request: SendLocalListReq) -> UpdateStatus:
        """Whether all of it can be taken; nothing has changed yet (LIST-6, LIST-7, LIST-8)."""
        if not self.enabled:
            return UpdateStatus.NotSupported
        if request.list_version <= EMPTY:
            return UpdateStatus.Failed
        if request.update_type is UpdateType.Differential:
            if not self._whole:
                return UpdateStatus.Failed
            if request.list_version <= self.version:
                return UpdateStatus.VersionMismatch
        return UpdateStatus.Accepted if self._may_hold(request) else UpdateStatus.Failed

    def _may_hold(self, request: SendLocalListReq) -> bool:
        """No tag twice, no more than may be sent at once, no more than fits, and in a Full update a verdict on each."""
        sent = request.local_authorization_list or []
        tags = {data.id_tag.upper() for data in sent}
        if len(tags) < len(sent) or len(sent) > self._settings.integer("SendLocalListMaxLength"):
            return False
        put = {data.id_tag.upper() for data in sent if data.id_tag_info is not None}
        limit = self._settings.integer("LocalAuthListMaxLength")
        if request.update_type is UpdateType.Full:
            return put == tags and len(put) <= limit
        added, removed = put - self._entries.keys(), (tags - put) & self._entries.keys()
        return len(self._entries) + len(added) - len(removed) <= limit

    def _take(self, request: SendLocalListReq, step: Step) -> None:
        """Entries and version, in one commit (LIST-4, LIST-5)."""
        sent = request.local_authorization_list or []
        put = tuple(_entry(data.id_tag, data.id_tag_info) for data in sent if data.id_tag_info is not None)
        step.remember(self._put(put, sent) if request.update_type is UpdateType.Differential else self._replace(put))
        self._version, self._whole = request.list_version, True
        self._told.clear()
        step.remember(PutNote(NOTE, msgspec.json.encode(Noted(self._version, len(self._entries))).decode()))
        step.derive(LocalListChanged())

    def _replace(self, put: tuple[ListEntry, ...]) -> Record:
        self._entries = {entry.id_tag: entry for entry in put}
        return ReplaceLocalList(put)

    def _put(self, put: tuple[ListEntry, ...], sent: list[AuthorizationData]) -> Record:
        dropped = tuple(data.id_tag.upper() for data in sent if data.id_tag_info is None)
        self._entries.update((entry.id_tag, entry) for entry in put)
        for id_tag in dropped:
            self._entries.pop(id_tag, None)
        return AmendLocalList(put, dropped)

    def _setting_changed(self, event: SettingChanged, step: Step) -> None:
        if event.name == ENABLED and self.enabled:
            step.derive(LocalListChanged())

    # -- contradictions ----------------------------------------------------------------------------------------------

    def _compare(self, event: IdTagInfoReceived, step: Step) -> None:
        """The list stays as it is; the central system is told once that it contradicts itself (LIST-9, LIST-10).

        What Authorize has told is not told again by the start that follows from it; StopTransaction comes too late to tell.
        """
        entry = self.find(event.id_tag)
        if entry is None or event.answered not in (AuthorizeReq.action, StartTransactionReq.action):
            return
        told_before = event.answered == StartTransactionReq.action and entry.id_tag in self._told
        self._told.discard(entry.id_tag)
        status = event.id_tag_info.status
        if told_before or (status in VALID) is listed_as_valid(entry, step.at.utc):
            return
        if event.answered == AuthorizeReq.action and status is AuthorizationStatus.Accepted:
            self._told.add(entry.id_tag)
        step.derive(ListContradicted(event.id_tag, listed_status(entry, step.at.utc)))


def _noted(text: str | None) -> Noted:
    """What was remembered; nothing for a list that was never sent, or whose note is unreadable."""
    if text is None:
        return Noted(EMPTY, 0)
    try:
        return msgspec.json.decode(text, type=Noted)
    except msgspec.DecodeError:
        return Noted(EMPTY, 0)


def _entry(id_tag: str, info: IdTagInfo) -> ListEntry:
    return ListEntry(id_tag.upper(), str(info.status), info.parent_id_tag, info.expiry_date)


def listed_status(entry: ListEntry, at: datetime) -> str:
    """The status of an entry now: one that has run out is Expired, unless it was not valid before."""
    expired = entry.expiry_date is not None and entry.expiry_date <= at
    return str(AuthorizationStatus.Expired) if expired and entry.status in VALID else entry.status


def listed_as_valid(entry: ListEntry, at: datetime) -> bool:
    """May charge by the list: Accepted or ConcurrentTx, and not past its expiryDate (LIST-2, AUTH-10)."""
    return listed_status(entry, at) in VALID
