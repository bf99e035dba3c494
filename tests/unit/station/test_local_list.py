"""The Local Authorization List: versions, limits, and what it is worth beside the cache (LIST-1 to LIST-10, CACHE-3, AUTH-5, AUTH-10)."""

from datetime import datetime, timedelta

import msgspec
import pytest

from controller import events
from controller.commands import Reply
from controller.ocpp.messages import core as m
from controller.ocpp.messages.local_auth_list import (
    AuthorizationData,
    GetLocalListVersionConf,
    GetLocalListVersionReq,
    SendLocalListConf,
    SendLocalListReq,
)
from controller.ocpp.types import AuthorizationStatus as Status
from controller.ocpp.types import ChargePointErrorCode, UpdateStatus, UpdateType
from controller.records import CacheEntry, ListEntry, PutNote
from controller.station.local_list import NOTE
from controller.store.memory import MemoryStore
from tests.unit.station.conftest import Talk
from tests.unit.station.conversation import START, Conversation, configuration

FULL, DIFFERENTIAL = UpdateType.Full, UpdateType.Differential
ACCEPTED, FAILED, MISMATCH = UpdateStatus.Accepted, UpdateStatus.Failed, UpdateStatus.VersionMismatch
NOT_SUPPORTED = UpdateStatus.NotSupported
T, F = "true", "false"


def entry(id_tag: str, status: Status = Status.Accepted, expires: datetime | None = None, parent: str | None = None
          ) -> AuthorizationData:
    """One entry as it is sent."""
    return AuthorizationData(id_tag=id_tag, id_tag_info=m.IdTagInfo(status=status, expiry_date=expires, parent_id_tag=parent))


def gone(id_tag: str) -> AuthorizationData:
    """An entry that a differential update drops."""
    return AuthorizationData(id_tag=id_tag)


def send(conversation: Conversation, version: int, kind: UpdateType, *entries: AuthorizationData) -> UpdateStatus:
    """What SendLocalList is answered; without entries the field is left out."""
    conf = conversation.call(SendLocalListReq(
        list_version=version, update_type=kind, local_authorization_list=list(entries) or None))
    assert isinstance(conf, SendLocalListConf)
    return conf.status


def version(conversation: Conversation) -> int:
    """What GetLocalListVersion is answered."""
    conf = conversation.call(GetLocalListVersionReq())
    assert isinstance(conf, GetLocalListVersionConf)
    return conf.list_version


def listed(conversation: Conversation) -> list[str]:
    """The tags that are stored."""
    return [row.id_tag for row in conversation.store.load().local_list]


def set_key(conversation: Conversation, name: str, value: str) -> None:
    """The central system changes a key."""
    conversation.call(m.ChangeConfigurationReq(key=name, value=value))


def conflicts(conversation: Conversation) -> list[m.StatusNotificationReq]:
    """The notifications of a LocalListConflict, in order."""
    return [n for n in conversation.of(m.StatusNotificationReq) if n.error_code is ChargePointErrorCode.LocalListConflict]


def starts(conversation: Conversation, id_tag: str) -> bool:
    """Whether a car that wants power gets it for this card."""
    conversation.plug_in()
    conversation.request_power()
    conversation.card(id_tag)
    conversation.pass_time(1)
    return conversation.closed


def asked(conversation: Conversation) -> int:
    """How often the central system was asked."""
    return len(conversation.of(m.AuthorizeReq))


# -- versions and updates --------------------------------------------------------------------------------------------


def test_out_of_the_box_the_list_is_empty(conversation: Conversation) -> None:
    """Version 0: the list is empty (LIST-3)."""
    assert version(conversation) == 0


def test_a_full_update_replaces_everything_and_takes_the_version_over(conversation: Conversation) -> None:
    """No comparison with the old version, which may have been higher (LIST-4)."""
    assert send(conversation, 7, FULL, entry("AA"), entry("BB")) is ACCEPTED
    assert send(conversation, 3, FULL, entry("BB"), entry("CC")) is ACCEPTED
    assert (version(conversation), listed(conversation)) == (3, ["BB", "CC"])


@pytest.mark.parametrize("absent", [True, False], ids=["absent", "empty"])
def test_a_full_update_without_entries_deletes_everything(conversation: Conversation, absent: bool) -> None:
    """The version is then 0, whatever was sent; any Differential may follow (LIST-3, LIST-4, TC_042_2)."""
    send(conversation, 7, FULL, entry("AA"))
    empty = SendLocalListReq(list_version=9, update_type=FULL, local_authorization_list=None if absent else [])
    assert conversation.call(empty) == SendLocalListConf(status=ACCEPTED)
    assert (version(conversation), listed(conversation)) == (0, [])
    assert send(conversation, 1, DIFFERENTIAL, entry("AA")) is ACCEPTED
    assert version(conversation) == 1


def test_a_differential_update_adds_changes_and_deletes(conversation: Conversation) -> None:
    """With idTagInfo: add or update; without: delete, and a tag that is not there is no error; letters do not matter.

    (LIST-5, IDT-1)
    """
    send(conversation, 1, FULL, entry("AA"), entry("BB"), entry("CC"))
    assert send(conversation, 2, DIFFERENTIAL, entry("bb", Status.Blocked), gone("cc"), entry("DD"), gone("EE")) is ACCEPTED
    assert conversation.store.load().local_list == (
        ListEntry("AA", "Accepted"), ListEntry("BB", "Blocked"), ListEntry("DD", "Accepted"))
    assert version(conversation) == 2


def test_a_differential_update_without_entries_takes_the_version_over(conversation: Conversation) -> None:
    """Nothing but the version changes (LIST-5)."""
    send(conversation, 1, FULL, entry("AA"))
    assert send(conversation, 5, DIFFERENTIAL) is ACCEPTED
    assert (version(conversation), listed(conversation)) == (5, ["AA"])


def test_a_differential_update_that_takes_the_last_entry_leaves_an_empty_list(conversation: Conversation) -> None:
    """0 means empty, however it became so (LIST-3)."""
    send(conversation, 1, FULL, entry("AA"))
    assert send(conversation, 2, DIFFERENTIAL, gone("AA")) is ACCEPTED
    assert version(conversation) == 0


@pytest.mark.parametrize(("data", "may"), [
    (entry("AA", Status.Blocked), False), (gone("AA"), False), (entry("BB"), True), (entry("CC"), True),
], ids=["blocked", "deleted", "no longer blocked", "added"])
def test_a_differential_update_is_obeyed_at_once(conversation: Conversation, data: AuthorizationData, may: bool) -> None:
    """The next card is judged by it, without a restart (LIST-5, AUTH-7)."""
    send(conversation, 1, FULL, entry("AA"), entry("BB", Status.Blocked))
    assert send(conversation, 2, DIFFERENTIAL, data) is ACCEPTED
    conversation.disconnect()
    assert starts(conversation, data.id_tag) is may


@pytest.mark.parametrize("late", [5, 4, 1])
def test_a_differential_update_must_be_newer(conversation: Conversation, late: int) -> None:
    """Full 2, Differential 5, Differential 4: VersionMismatch, and nothing has changed (LIST-6, TC_043_2)."""
    send(conversation, 2, FULL, entry("AA"))
    assert send(conversation, 5, DIFFERENTIAL, entry("BB")) is ACCEPTED
    assert send(conversation, late, DIFFERENTIAL, entry("CC"), gone("AA")) is MISMATCH
    assert (version(conversation), listed(conversation)) == (5, ["AA", "BB"])


LIMITS = "SendLocalListMaxLength = 3\nLocalAuthListMaxLength = 4"
BAD: tuple[tuple[str, int, UpdateType, list[AuthorizationData]], ...] = (
    ("version 0", 0, FULL, [entry("XX")]), ("version -1", -1, FULL, [entry("XX")]), ("version 0, empty", 0, FULL, []),
    ("differential to version 0", 0, DIFFERENTIAL, [entry("XX")]), ("differential to -1", -1, DIFFERENTIAL, [entry("XX")]),
    ("a tag twice", 8, FULL, [entry("XX"), entry("YY"), entry("XX")]),
    ("a tag twice in other letters", 8, DIFFERENTIAL, [entry("xx"), entry("XX")]),
    ("a tag put and dropped", 8, DIFFERENTIAL, [entry("XX"), gone("XX")]),
    ("too many at once", 8, FULL, [entry("WW"), entry("XX"), entry("YY"), entry("ZZ")]),
    ("too many in the end", 8, DIFFERENTIAL, [entry("XX"), entry("YY"), gone("nobody")]),
    ("no verdict in a full update", 8, FULL, [entry("XX"), gone("YY")]),
)


@pytest.mark.parametrize("row", BAD, ids=[row[0] for row in BAD])
def test_what_cannot_be_taken_whole_is_not_taken_at_all(talk: Talk, row: tuple[str, int, UpdateType, list[AuthorizationData]]
                                                       ) -> None:
    """Failed, and entries and version are as before, on disk and in mind (LIST-7)."""
    conversation = talk(ocpp=LIMITS)
    send(conversation, 7, FULL, entry("AA"), entry("BB"), entry("CC", Status.Blocked))
    before = conversation.store.load()
    assert send(conversation, row[1], row[2], *row[3]) is FAILED
    assert conversation.store.load() == before
    assert version(conversation) == 7
    conversation.disconnect()
    assert starts(conversation, "AA")


def test_the_limits_themselves_are_allowed(talk: Talk) -> None:
    """As many as may be sent, and as many as fit; one that replaces or is dropped makes room (LIST-7)."""
    conversation = talk(ocpp=LIMITS)
    assert send(conversation, 1, FULL, entry("AA"), entry("BB"), entry("CC")) is ACCEPTED
    assert send(conversation, 2, DIFFERENTIAL, entry("DD"), entry("AA", Status.Blocked)) is ACCEPTED
    assert send(conversation, 3, DIFFERENTIAL, entry("EE"), gone("DD")) is ACCEPTED
    assert listed(conversation) == ["AA", "BB", "CC", "EE"]
    assert send(conversation, 4, DIFFERENTIAL, entry("FF")) is FAILED


def test_a_full_list_may_be_smaller_than_what_may_be_sent_at_once(talk: Talk) -> None:
    """LocalAuthListMaxLength binds a Full update too (LIST-7)."""
    conversation = talk(ocpp="LocalAuthListMaxLength = 2")
    assert send(conversation, 1, FULL, entry("AA"), entry("BB"), entry("CC")) is FAILED
    assert send(conversation, 1, FULL, entry("AA"), entry("BB")) is ACCEPTED


def test_entries_and_version_enter_in_one_commit_before_the_answer(conversation: Conversation) -> None:
    """Accepted promises to remember: no power cut comes between the entries and their version (LIST-1, LIST-7)."""
    request = SendLocalListReq(list_version=4, update_type=FULL, local_authorization_list=[entry("AA")])
    outcome = conversation.station.handle(events.CallReceived("the-call", request), conversation.at)
    assert [type(record).__name__ for record in outcome.records] == ["ReplaceLocalList", "PutNote"]
    assert outcome.commands == [Reply("the-call", SendLocalListConf(status=ACCEPTED))]


def test_list_and_version_outlive_a_restart(conversation: Conversation) -> None:
    """Non-volatile (LIST-1, PWR-6, S7)."""
    send(conversation, 4, FULL, entry("AA", Status.Blocked, START + timedelta(days=1), "FAMILY"))
    send(conversation, 5, DIFFERENTIAL, entry("BB"))
    before = conversation.store.load().local_list
    conversation.restart()
    assert version(conversation) == 5
    assert conversation.store.load().local_list == before
    assert send(conversation, 5, DIFFERENTIAL, entry("CC")) is MISMATCH


def test_switched_off_by_its_key_there_is_no_list(conversation: Conversation) -> None:
    """LocalAuthListEnabled false: -1, NotSupported, and nobody is known by it; switched on again it is as it was.

    (LIST-3, LIST-8, AUTH-5, TC_042_1)
    """
    send(conversation, 4, FULL, entry("AA", Status.Blocked))
    set_key(conversation, "LocalAuthListEnabled", "false")
    assert version(conversation) == -1
    assert send(conversation, 5, FULL) is NOT_SUPPORTED
    assert send(conversation, 5, DIFFERENTIAL) is NOT_SUPPORTED
    set_key(conversation, "AllowOfflineTxForUnknownId", "true")
    conversation.disconnect()
    assert starts(conversation, "AA"), "a stranger"
    conversation.connect()
    set_key(conversation, "LocalAuthListEnabled", "true")
    assert version(conversation) == 4


@pytest.mark.parametrize("note", [None, "not JSON", '{"version":4,"entries":2}'], ids=["no note", "unreadable", "an entry less"])
def test_a_list_of_which_a_part_was_lost_asks_to_be_sent_again(talk: Talk, note: str | None) -> None:
    """A damaged database gave back less than was promised: version 0, no Differential is built on it, a Full update heals it.

    What is left is obeyed meanwhile (LIST-3, LIST-7, F-DBCORRUPT).
    """
    conversation = talk()
    send(conversation, 4, FULL, entry("AA", Status.Blocked))
    conversation.store.commit([PutNote(NOTE, note)])
    conversation.restart()
    conversation.connect()
    assert version(conversation) == 0
    assert send(conversation, 5, DIFFERENTIAL, entry("BB")) is FAILED
    set_key(conversation, "AllowOfflineTxForUnknownId", "true")
    conversation.disconnect()
    assert not starts(conversation, "AA")
    conversation.connect()
    assert send(conversation, 5, FULL, entry("BB")) is ACCEPTED
    assert version(conversation) == 5
    assert send(conversation, 6, DIFFERENTIAL, entry("CC")) is ACCEPTED


# -- who may charge --------------------------------------------------------------------------------------------------

PAST, FUTURE = START - timedelta(days=1), START + timedelta(days=30)
OFFLINE = (
    (entry("AA"), True), (entry("AA", Status.ConcurrentTx), True), (entry("AA", expires=FUTURE), True),
    (entry("AA", Status.Blocked), False), (entry("AA", Status.Invalid), False), (entry("AA", Status.Expired), False),
    (entry("AA", expires=PAST), False), (entry("AA", Status.ConcurrentTx, PAST), False), (entry("AA", Status.Blocked, FUTURE), False),
)
IDS = [f"{data.id_tag_info.status}{'' if data.id_tag_info.expiry_date is None else ' until ' + str(data.id_tag_info.expiry_date.date())}"
       for data, _ in OFFLINE if data.id_tag_info is not None]


@pytest.mark.parametrize("strangers", [T, F], ids=["strangers may", "strangers may not"])
@pytest.mark.parametrize(("data", "may"), OFFLINE, ids=IDS)
def test_offline_the_list_decides_and_a_listed_tag_is_no_stranger(talk: Talk, data: AuthorizationData, may: bool, strangers: str
                                                                 ) -> None:
    """Accepted and ConcurrentTx may; any other status, or validity that has run out: refused, whatever strangers may.

    (AUTH-7, AUTH-8, AUTH-10, LIST-2)
    """
    conversation = talk(ocpp=f"AllowOfflineTxForUnknownId = {strangers}")
    send(conversation, 1, FULL, data)
    conversation.disconnect()
    assert starts(conversation, "aa") is may


@pytest.mark.parametrize(("data", "may"), OFFLINE, ids=IDS)
def test_online_what_is_listed_as_good_is_trusted_and_the_rest_is_asked_about(talk: Talk, data: AuthorizationData, may: bool
                                                                             ) -> None:
    """LocalPreAuthorize: a valid entry starts unasked; one that is not waits for the central system's word (AUTH-6, S5)."""
    conversation = talk(ocpp="LocalPreAuthorize = true")
    send(conversation, 1, FULL, data)
    conversation.answers[m.AuthorizeReq] = None
    assert starts(conversation, "AA") is may
    assert asked(conversation) == (not may)


def test_an_entry_beats_the_cache(talk: Talk) -> None:
    """Accepted in the cache and Blocked in the list: refused; the other way round: accepted (AUTH-5)."""
    for in_cache, in_list in ((Status.Accepted, Status.Blocked), (Status.Blocked, Status.Accepted)):
        conversation = talk()
        conversation.answers[m.AuthorizeReq] = m.AuthorizeConf(id_tag_info=m.IdTagInfo(status=in_cache))
        starts(conversation, "AA")
        conversation.card("AA")
        conversation.unplug()
        conversation.pass_time(10)
        send(conversation, 1, FULL, entry("AA", in_list))
        conversation.disconnect()
        assert starts(conversation, "AA") is (in_list is Status.Accepted)


@pytest.mark.parametrize(("first", "second", "stops"), [("FAMILY", "FAMILY", True), ("FAMILY", "OTHERS", False)])
def test_a_group_is_known_from_the_list(talk: Talk, first: str, second: str, stops: bool) -> None:
    """Offline a card of the same parentIdTag stops the other's session (IDT-3, TXN-13)."""
    conversation = talk()
    send(conversation, 1, FULL, entry("AA", parent=first), entry("BB", parent=second))
    conversation.disconnect()
    assert starts(conversation, "AA")
    conversation.card("BB")
    conversation.pass_time(10)
    assert (conversation.station.connectors[0].transaction is None) is stops


@pytest.mark.parametrize(("status", "stops"), [(Status.Accepted, True), (Status.Blocked, False)])
def test_a_good_card_of_the_group_stops_where_it_may_not_start(talk: Talk, status: Status, stops: bool) -> None:
    """LocalAuthorizeOffline = false forbids to begin, not to end what one's group has begun; a card that is not good does neither (TXN-13)."""
    conversation = talk()
    send(conversation, 1, FULL, entry("AA", parent="FAMILY"), entry("BB", status, parent="FAMILY"))
    conversation.disconnect()
    assert starts(conversation, "AA")
    set_key(conversation, "LocalAuthorizeOffline", "false")
    conversation.card("BB")
    conversation.pass_time(10)
    assert (conversation.station.connectors[0].transaction is None) is stops
    conversation.unplug()
    assert starts(conversation, "BB") is False


@pytest.mark.parametrize("status", [Status.Accepted, Status.Blocked])
def test_a_listed_tag_is_never_cached(talk: Talk, status: Status) -> None:
    """By no answer, whatever it says (CACHE-3); and the list is not touched by it either (LIST-1, LIST-10)."""
    conversation = talk()
    send(conversation, 1, FULL, entry("AA"))
    conversation.answers[m.AuthorizeReq] = m.AuthorizeConf(id_tag_info=m.IdTagInfo(status=status))
    assert starts(conversation, "aa") is (status is Status.Accepted)
    assert asked(conversation) == 1
    assert conversation.store.load().cache == ()
    assert conversation.store.load().local_list == (ListEntry("AA", "Accepted"),)


def test_a_tag_that_comes_into_the_list_leaves_the_cache(talk: Talk) -> None:
    """Taken off the list again it is a stranger, not what it was in another year (CACHE-3)."""
    conversation = talk()
    assert starts(conversation, "AA")
    assert [row.id_tag for row in conversation.store.load().cache] == ["AA"]
    send(conversation, 1, DIFFERENTIAL, entry("aa", Status.Blocked), entry("BB"))
    assert conversation.store.load().cache == ()


def test_what_was_learned_while_the_list_was_off_goes_when_it_is_on_again(talk: Talk) -> None:
    """Switched off, the list keeps nobody out of the cache; switched on, no tag is in both (CACHE-3)."""
    conversation = talk()
    send(conversation, 1, FULL, entry("AA"))
    set_key(conversation, "LocalAuthListEnabled", "false")
    assert starts(conversation, "AA")
    assert len(conversation.store.load().cache) == 1
    set_key(conversation, "LocalAuthListEnabled", "true")
    assert conversation.store.load().cache == ()


# -- contradictions --------------------------------------------------------------------------------------------------

CONTRADICTIONS = (
    (entry("AA"), Status.Blocked, True), (entry("AA"), Status.Invalid, True), (entry("AA", Status.ConcurrentTx), Status.Expired, True),
    (entry("AA", Status.Blocked), Status.Accepted, True), (entry("AA", expires=PAST), Status.Accepted, True),
    (entry("AA"), Status.Accepted, False), (entry("AA"), Status.ConcurrentTx, False), (entry("AA", Status.Blocked), Status.Invalid, False),
    (entry("AA", expires=PAST), Status.Expired, False),
)


@pytest.mark.parametrize(("data", "verdict", "contradicts"), CONTRADICTIONS)
def test_authorize_contradicts_the_list(talk: Talk, data: AuthorizationData, verdict: Status, contradicts: bool) -> None:
    """Told once, of connector 0 with its present status, also when a session follows; the list stays (LIST-9, LIST-10, S6).

    A tag that is busy elsewhere (ConcurrentTx) is as good as the list says.
    """
    conversation = talk()
    send(conversation, 1, FULL, data)
    before = conversation.store.load().local_list
    conversation.answers[m.AuthorizeReq] = m.AuthorizeConf(id_tag_info=m.IdTagInfo(status=verdict))
    starts(conversation, "AA")
    conversation.pass_time(5)
    assert [(n.connector_id, n.status) for n in conflicts(conversation)] == [(0, "Available")] * contradicts
    assert conversation.store.load().local_list == before


@pytest.mark.parametrize(("verdict", "contradicts"), [
    (Status.Blocked, True), (Status.Invalid, True), (Status.Expired, True), (Status.ConcurrentTx, False), (Status.Accepted, False)])
def test_start_transaction_contradicts_the_list(talk: Talk, verdict: Status, contradicts: bool) -> None:
    """Started on the list's word, refused by the central system: told once (LIST-9, S6), and nothing is cached (CACHE-3)."""
    conversation = talk(ocpp="LocalPreAuthorize = true")
    send(conversation, 1, FULL, entry("AA"))
    conversation.answers[m.StartTransactionReq] = m.StartTransactionConf(
        transaction_id=9, id_tag_info=m.IdTagInfo(status=verdict))
    assert starts(conversation, "AA") is (verdict is Status.Accepted)
    conversation.pass_time(10)
    assert len(conflicts(conversation)) == contradicts
    assert asked(conversation) == 0
    assert conversation.store.load().cache == ()


def test_authorize_and_a_later_start_of_the_same_tag_tell_one_conflict_each(talk: Talk) -> None:
    """Refused when asked, and refused again after it was trusted: two events (S6, LIST-9)."""
    conversation = talk()
    send(conversation, 1, FULL, entry("AA"))
    conversation.answers[m.AuthorizeReq] = m.AuthorizeConf(id_tag_info=m.IdTagInfo(status=Status.Blocked))
    assert not starts(conversation, "AA")
    assert len(conflicts(conversation)) == 1
    set_key(conversation, "LocalPreAuthorize", "true")
    conversation.answers[m.StartTransactionReq] = m.StartTransactionConf(
        transaction_id=9, id_tag_info=m.IdTagInfo(status=Status.Blocked))
    conversation.card("AA")
    conversation.pass_time(10)
    assert len(conflicts(conversation)) == 2


def test_a_conflict_names_the_tag_and_is_over_when_the_list_is_sent_again(talk: Talk) -> None:
    """The remedy is SendLocalList; connector 0 is then told without an error, once (LIST-9)."""
    conversation = talk()
    send(conversation, 1, FULL, entry("12345678901234567890", Status.ConcurrentTx))
    conversation.answers[m.AuthorizeReq] = m.AuthorizeConf(id_tag_info=m.IdTagInfo(status=Status.Blocked))
    conversation.card("12345678901234567890")
    assert [n.info for n in conflicts(conversation)] == ["12345678901234567890: ConcurrentTx in the list"]
    conversation.pass_time(60)
    conversation.forget()
    send(conversation, 2, FULL, entry("12345678901234567890", Status.Blocked))
    send(conversation, 3, FULL)
    assert [(n.connector_id, n.error_code) for n in conversation.of(m.StatusNotificationReq)] == [
        (0, ChargePointErrorCode.NoError)]


def test_the_reader_that_fails_while_a_conflict_is_told_is_told_too(talk: Talk) -> None:
    """A conflict is an event: what is to be said of the state of connector 0 is said all the same (LIST-9, F-READER)."""
    conversation = talk()
    send(conversation, 1, FULL, entry("AA"))
    conversation.answers[m.AuthorizeReq] = m.AuthorizeConf(id_tag_info=m.IdTagInfo(status=Status.Blocked))
    conversation.card("AA")
    conversation.say(events.ReaderFailed(0, "dead"))
    conversation.pass_time(60)
    told = [n.error_code for n in conversation.of(m.StatusNotificationReq) if n.connector_id == 0]
    assert told == [ChargePointErrorCode.LocalListConflict, ChargePointErrorCode.ReaderFailure]


@pytest.mark.parametrize("switched_off", [True, False])
def test_a_tag_that_is_not_listed_contradicts_nothing(talk: Talk, switched_off: bool) -> None:
    """Neither a stranger nor a list that is not used (LIST-9)."""
    conversation = talk()
    send(conversation, 1, FULL, entry("AA" if switched_off else "BB"))
    if switched_off:
        set_key(conversation, "LocalAuthListEnabled", "false")
    conversation.answers[m.AuthorizeReq] = m.AuthorizeConf(id_tag_info=m.IdTagInfo(status=Status.Blocked))
    assert not starts(conversation, "AA")
    assert conflicts(conversation) == []


def test_a_start_that_waits_in_the_queue_contradicts_the_list_when_it_is_answered(talk: Talk) -> None:
    """Begun offline on the list's word; the refusal that comes hours later is acted on and told (TXN-9, LIST-9, AUTH-11)."""
    conversation = talk()
    send(conversation, 1, FULL, entry("AA"))
    conversation.disconnect()
    assert starts(conversation, "AA")
    conversation.pass_time(3600)
    conversation.answers[m.StartTransactionReq] = m.StartTransactionConf(
        transaction_id=9, id_tag_info=m.IdTagInfo(status=Status.Invalid))
    conversation.connect()
    conversation.pass_time(20)
    assert len(conflicts(conversation)) == 1
    assert [stop.reason for stop in conversation.of(m.StopTransactionReq)] == ["DeAuthorized"]


def test_a_list_from_before_the_update_of_a_cached_tag_is_read_as_stored(tmp_path: object) -> None:
    """What a start finds in list and cache at once, as an older release may have left it: the list counts (AUTH-5)."""
    store = MemoryStore()
    store.commit([PutNote(NOTE, '{"version":3,"entries":2}')])
    durable = msgspec.structs.replace(
        store.load(), local_list=(ListEntry("AA", "Blocked"), ListEntry("BB", "Accepted")),
        cache=(CacheEntry("AA", "Accepted", None, None, START), CacheEntry("BB", "Blocked", None, None, START)))
    conversation = Conversation(configuration(tmp_path), MemoryStore(durable))  # type: ignore[arg-type]  # a Path
    conversation.connect()
    conversation.pass_time(5)
    conversation.disconnect()
    assert version(conversation) == 3
    assert not starts(conversation, "AA")
    assert starts(conversation, "BB")
