"""The charge point's own cards: learned, labelled, blocked, removed, and what they are worth (LIST-1, AUTH-5 to AUTH-9, decision 11)."""

import pytest

from controller.commands import Show, TellAsker
from controller.events import AskerLeft, LearningAsked, TagChangeAsked
from controller.ocpp.messages import core as m
from controller.ocpp.types import AuthorizationStatus
from controller.ocpp.types import AuthorizationStatus as Status
from controller.records import Tag
from controller.station import tags
from tests.unit.station.conftest import Talk
from tests.unit.station.conversation import START, Conversation, invalid
from tests.unit.station.test_local_list import FULL, asked, entry, send, set_key, starts

ACCEPTED, BLOCKED = str(AuthorizationStatus.Accepted), str(AuthorizationStatus.Blocked)


def told(conversation: Conversation) -> list[TellAsker]:
    """What those who asked were answered, in order."""
    return conversation.ordered(TellAsker)


def learn(conversation: Conversation, id_tag: str, label: str | None = None) -> None:
    """A technician waits, and holds the card to the reader."""
    conversation.say(LearningAsked("learner", 60.0, label))
    conversation.card(id_tag)


def block(conversation: Conversation, id_tag: str) -> None:
    """A technician blocks a card."""
    conversation.say(TagChangeAsked("blocker", "block", id_tag))


def kept(conversation: Conversation) -> dict[str, tuple[str, str]]:
    """The own cards as they are stored: status and label."""
    return {tag.id_tag: (tag.status, tag.label) for tag in conversation.store.load().tags}


# -- learning --------------------------------------------------------------------------------------------------------


def test_the_next_card_becomes_an_own_one(conversation: Conversation) -> None:
    """Accepted, with label and date, told to whoever asked when it is stored; the reader says accepted; nobody is asked."""
    learn(conversation, "aa11", "Anna")
    assert conversation.store.load().tags == (Tag("AA11", ACCEPTED, "Anna", conversation.utc),)
    assert told(conversation) == [TellAsker("learner", {"tag": {
        "id_tag": "AA11", "source": "own", "status": ACCEPTED, "label": "Anna", "expiry_date": None, "parent_id_tag": None,
        "learned": conversation.utc}})]
    assert [show.what for show in conversation.ordered(Show)] == ["presented", "accepted"]
    assert conversation.sent == []


def test_only_the_next_card_is_learned(conversation: Conversation) -> None:
    """The one after it is a card like any other (AUTH-2)."""
    learn(conversation, "AA")
    conversation.card("BB")
    assert asked(conversation) == 1
    assert list(kept(conversation)) == ["AA"]


def test_the_card_that_is_learned_starts_nothing(conversation: Conversation) -> None:
    """A plugged car goes on waiting (decision 11)."""
    conversation.plug_in()
    conversation.request_power()
    learn(conversation, "AA")
    conversation.pass_time(10)
    assert not conversation.closed


def test_the_card_that_is_learned_stops_nothing(conversation: Conversation) -> None:
    """Even where it has started the session; held to the reader again it stops it as ever (TXN-13)."""
    assert starts(conversation, "AA")
    learn(conversation, "AA")
    conversation.pass_time(10)
    assert conversation.closed
    conversation.card("AA")
    conversation.pass_time(10)
    assert not conversation.closed


def test_no_card_in_time_is_told_and_the_next_one_means_what_it_always_does(conversation: Conversation) -> None:
    """The wait is bounded: nobody's card is swallowed later."""
    conversation.say(LearningAsked("learner", 30.0))
    assert conversation.station.tags(conversation.at)["learning"]
    conversation.pass_time(29)
    assert told(conversation) == []
    conversation.pass_time(2)
    assert told(conversation) == [TellAsker("learner", {"tag": None})]
    assert starts(conversation, "AA")
    assert kept(conversation) == {}


def test_whoever_leaves_does_not_leave_a_trap(conversation: Conversation) -> None:
    """The technician interrupts the command: the next customer's card is not learned."""
    conversation.say(LearningAsked("learner", 60.0))
    conversation.say(AskerLeft("somebody else"))
    conversation.say(AskerLeft("learner"))
    assert starts(conversation, "AA")
    assert kept(conversation) == {}
    conversation.pass_time(60)
    assert told(conversation) == []


def test_one_card_is_learned_at_a_time(conversation: Conversation) -> None:
    """A second technician is refused, and the first goes on waiting."""
    conversation.say(LearningAsked("first", 60.0))
    conversation.say(LearningAsked("second", 60.0))
    assert [(answer.asked_by, answer.refusal is not None) for answer in told(conversation)] == [("second", True)]
    conversation.card("AA")
    assert told(conversation)[-1].asked_by == "first"


def test_a_card_without_a_known_date_is_learned_all_the_same(conversation: Conversation) -> None:
    """A date that is a guess is not kept (F-1970)."""
    conversation.clock_trusted = False
    learn(conversation, "AA")
    assert conversation.store.load().tags[0].learned is None


# -- changing --------------------------------------------------------------------------------------------------------


def test_a_label_is_given_changed_and_outlives_everything_but_its_card(conversation: Conversation) -> None:
    """Blocked and learned again the card keeps its label and its date; a restart keeps all; removed, all is gone."""
    learn(conversation, "AA", "Anna")
    conversation.say(TagChangeAsked("t", "label", "aa", "Anna's second"))
    assert kept(conversation) == {"AA": (ACCEPTED, "Anna's second")}
    conversation.pass_time(60)
    block(conversation, "aa")
    assert kept(conversation) == {"AA": (BLOCKED, "Anna's second")}
    conversation.say(TagChangeAsked("t", "label", "AA", "lost"))
    assert kept(conversation) == {"AA": (BLOCKED, "lost")}
    learn(conversation, "AA")
    conversation.restart()
    assert conversation.store.load().tags == (Tag("AA", ACCEPTED, "lost", START.replace(second=5)),)
    conversation.say(TagChangeAsked("t", "remove", "AA"))
    assert kept(conversation) == {}
    assert told(conversation)[-1].told["tag"] is not None


@pytest.mark.parametrize("change", ["label", "remove"])
def test_what_is_no_own_card_cannot_be_changed(conversation: Conversation, change: str) -> None:
    """Refused by name; the list of the central system is not touched (LIST-1)."""
    send(conversation, 1, FULL, entry("AA"))
    conversation.say(TagChangeAsked("t", change, "AA", "Anna"))  # type: ignore[arg-type]  # one of its words
    answer, = told(conversation)
    assert "AA is no card of this charge point's own" in str(answer.refusal)
    assert kept(conversation) == {}
    assert len(conversation.store.load().local_list) == 1


def test_there_is_room_for_so_many_and_no_more(conversation: Conversation, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bounded; a card that is there already needs no room."""
    monkeypatch.setattr(tags, "LIMIT", 2)
    learn(conversation, "AA")
    block(conversation, "BB")
    learn(conversation, "CC")
    assert "2 cards already" in str(told(conversation)[-1].refusal)
    assert conversation.ordered(Show)[-1].what == "refused"
    block(conversation, "AA")
    assert kept(conversation) == {"AA": (BLOCKED, ""), "BB": (BLOCKED, "")}


# -- what they are worth ---------------------------------------------------------------------------------------------

PRE = "LocalPreAuthorize = true"


@pytest.mark.parametrize("online", [True, False])
@pytest.mark.parametrize("known", ["stranger", "listed", "cached"])
def test_blocked_here_is_refused_whatever_others_say(talk: Talk, online: bool, known: str) -> None:
    """Online unasked, offline too, though the list, the cache or AllowOfflineTxForUnknownId would let it in (decision 11)."""
    conversation = talk(ocpp=f"{PRE}\nAllowOfflineTxForUnknownId = true")
    if known == "listed":
        send(conversation, 1, FULL, entry("AA"))
    elif known == "cached":
        starts(conversation, "AA")
        conversation.unplug()
        conversation.pass_time(10)
    block(conversation, "aa")
    conversation.forget()
    if not online:
        conversation.disconnect()
    assert not starts(conversation, "AA")
    assert asked(conversation) == 0


def test_blocked_while_charging_the_card_still_ends_its_session(conversation: Conversation) -> None:
    """Nobody's cable is kept (TXN-13, AUTH-3)."""
    assert starts(conversation, "AA")
    block(conversation, "AA")
    assert conversation.closed
    conversation.card("AA")
    conversation.pass_time(10)
    assert not conversation.closed


@pytest.mark.parametrize("authorized", ["true", "false"])
def test_a_remote_start_of_a_blocked_card_goes_by_its_own_key(talk: Talk, authorized: str) -> None:
    """Authorised it is refused here; unauthorised by the central system's own wish it is not looked at (RMS-2, TXN-4)."""
    conversation = talk(ocpp=f"AuthorizeRemoteTxRequests = {authorized}")
    block(conversation, "AA")
    conversation.plug_in()
    conversation.request_power()
    conversation.call(m.RemoteStartTransactionReq(id_tag="AA", connector_id=1))
    conversation.pass_time(1)
    assert conversation.closed is (authorized == "false")


@pytest.mark.parametrize("verdict", [Status.Accepted, Status.Blocked])
def test_online_the_central_system_is_asked_about_an_own_card(talk: Talk, verdict: Status) -> None:
    """LocalPreAuthorize trusts what the central system has told, not what was learned here; its verdict holds (AUTH-6)."""
    conversation = talk(ocpp=PRE)
    learn(conversation, "AA")
    conversation.answers[m.AuthorizeReq] = m.AuthorizeConf(id_tag_info=invalid(verdict))
    assert starts(conversation, "AA") is (verdict is Status.Accepted)
    assert asked(conversation) == 1


@pytest.mark.parametrize("allowed", ["true", "false"])
def test_offline_an_own_card_is_known_locally(talk: Talk, allowed: str) -> None:
    """Under LocalAuthorizeOffline, as every card that is known (AUTH-7)."""
    conversation = talk(ocpp=f"LocalAuthorizeOffline = {allowed}\nAllowOfflineTxForUnknownId = true")
    learn(conversation, "AA")
    conversation.disconnect()
    assert starts(conversation, "AA") is (allowed == "true")


@pytest.mark.parametrize("source", ["list", "cache"])
def test_a_refusal_of_the_central_system_goes_before_an_own_card(talk: Talk, source: str) -> None:
    """Offline too: what it has said of the tag counts (AUTH-8, AUTH-9); with list and cache switched off, the own card does."""
    conversation = talk()
    learn(conversation, "AA")
    if source == "list":
        send(conversation, 1, FULL, entry("AA", Status.Blocked))
    else:
        conversation.answers[m.AuthorizeReq] = m.AuthorizeConf(id_tag_info=invalid(Status.Blocked))
        assert not starts(conversation, "AA")
        conversation.unplug()
    conversation.disconnect()
    assert not starts(conversation, "AA")
    conversation.unplug()
    conversation.connect()
    set_key(conversation, "LocalAuthListEnabled" if source == "list" else "AuthorizationCacheEnabled", "false")
    conversation.disconnect()
    assert starts(conversation, "AA")


# -- the overview ----------------------------------------------------------------------------------------------------


def test_the_overview_names_every_source_with_its_own_word(talk: Talk) -> None:
    """Own cards, list and cache, each with status, expiry and label; what has run out is Expired (CACHE-4, LIST-2)."""
    conversation = talk()
    learn(conversation, "AA", "Anna")
    conversation.answers[m.AuthorizeReq] = m.AuthorizeConf(id_tag_info=m.IdTagInfo(
        status=Status.Accepted, expiry_date=START, parent_id_tag="FAMILY"))
    conversation.card("CC")
    send(conversation, 6, FULL, entry("BB", Status.Accepted, START), entry("AA", Status.Blocked))
    found = conversation.station.tags(conversation.at)
    rows = found["tags"]
    assert isinstance(rows, list)
    assert (found["list_version"], found["learning"]) == (6, False)
    assert [(row["id_tag"], row["source"], row["status"], row["label"]) for row in rows] == [
        ("AA", "own", ACCEPTED, "Anna"), ("AA", "list", BLOCKED, "Anna"), ("BB", "list", "Expired", ""), ("CC", "cache", "Expired", "")]
    assert [row["expiry_date"] for row in rows] == [None, None, START, START]
    assert rows[3]["parent_id_tag"] == "FAMILY"
