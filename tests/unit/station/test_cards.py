"""What a card at a reader means, also where one reader serves several connectors (`contract.md` section 2)."""

import pytest

from controller import commands
from controller.ocpp.messages import core as m
from controller.ocpp.types import AuthorizationStatus, ChargePointStatus, Reason
from drivers.protocols import LockState
from tests.unit.station.conftest import Talk
from tests.unit.station.conversation import Conversation, invalid

START, STOP = m.StartTransactionReq, m.StopTransactionReq


@pytest.fixture
def three(talk: Talk) -> Conversation:
    """One reader for three connectors; TAG1 and TAG2 are of one group, TAG9 of none."""
    conversation = talk(connectors=3)
    families = {"TAG1": "FAMILY", "TAG2": "FAMILY"}
    conversation.answers[m.AuthorizeReq] = lambda request: m.AuthorizeConf(id_tag_info=m.IdTagInfo(
        status=AuthorizationStatus.Accepted, parent_id_tag=families.get(getattr(request, "id_tag", ""))))
    return conversation


def running(conversation: Conversation) -> dict[int, str]:
    """Which tag charges where."""
    return {c.connector_id: c.transaction.id_tag for c in conversation.station.connectors if c.transaction is not None}


def waiting(conversation: Conversation) -> dict[int, str]:
    """Which tag waits for a car where."""
    return {c.connector_id: c.waiting.id_tag for c in conversation.station.connectors if c.waiting is not None}


def charge(conversation: Conversation, connector_id: int, id_tag: str) -> None:
    """A car charges at this connector; the other cars, if any, came before."""
    conversation.plug_in(connector_id)
    conversation.card(id_tag)
    conversation.request_power(connector_id)
    conversation.pass_time(1)


def locked(conversation: Conversation) -> bool:
    """Whether the bolt of connector 1 is in."""
    return conversation.plugs[1].lock is LockState.LOCKED


def status(conversation: Conversation) -> ChargePointStatus:
    """What was told last of connector 1."""
    return conversation.status


# -- the order -------------------------------------------------------------------------------------------------------


def test_first_a_card_stops_what_it_started(three: Conversation) -> None:
    """Even where another car is plugged and waits: the same tag stops (contract section 2, S2)."""
    charge(three, 2, "TAG1")
    three.plug_in(1)
    three.card("TAG1")
    three.pass_time(10)
    assert running(three) == {}
    assert three.of(STOP)[0].id_tag == "TAG1"
    assert len(three.of(START)) == 1


def test_then_it_stops_what_its_group_started(three: Conversation) -> None:
    """A plugged car waits, but the group's transaction comes first (contract section 2, TXN-13)."""
    charge(three, 3, "TAG1")
    three.plug_in(1)
    three.card("TAG2")
    three.pass_time(10)
    assert running(three) == {}
    assert three.of(STOP)[0].id_tag == "TAG2"


def test_then_it_starts_where_the_last_car_was_plugged(three: Conversation) -> None:
    """Two cars wait: the one that came last is meant (contract section 2)."""
    three.plug_in(3)
    three.pass_time(5)
    three.plug_in(1)
    three.pass_time(5)
    three.plug_in(2)
    three.card("TAG1")
    three.pass_time(1)
    assert running(three) == {2: "TAG1"}


def test_else_it_waits_at_the_free_connector_with_the_lowest_id(three: Conversation) -> None:
    """Connector 1 is taken, 2 and 3 are free: 2 shows Preparing (contract section 2, TXN-3)."""
    charge(three, 1, "TAG1")
    three.card("TAG9")
    assert waiting(three) == {2: "TAG9"}
    assert three.statuses(2)[-1] is ChargePointStatus.Preparing
    assert three.statuses(3) == []


def test_the_waiting_moves_to_the_connector_that_is_plugged(three: Conversation) -> None:
    """Connector 1 was prepared, the car comes to 3: it charges there, and 1 is Available again (contract section 2)."""
    three.card("TAG9")
    three.pass_time(20)
    three.plug_in(3)
    three.pass_time(1)
    assert running(three) == {3: "TAG9"}
    assert waiting(three) == {}
    assert three.statuses(1) == [ChargePointStatus.Preparing, ChargePointStatus.Available]
    assert three.of(START)[0].connector_id == 3


def test_a_card_at_another_reader_does_not_move(three: Conversation) -> None:
    """The reader serves 1 and 2 only; a car at 3 is none of its business (contract section 2)."""
    three.card("TAG9", (1, 2))
    three.plug_in(3)
    three.pass_time(5)
    assert running(three) == {}
    assert waiting(three) == {1: "TAG9"}
    three.plug_in(2)
    three.pass_time(1)
    assert running(three) == {2: "TAG9"}


def test_a_remote_start_stays_where_it_was_put(three: Conversation) -> None:
    """The central system named connector 1: a car at 2 does not take it, not even after a card was there (RMS-5)."""
    three.card("TAG9")
    three.card("TAG9")
    three.call(m.RemoteStartTransactionReq(id_tag="REMOTE", connector_id=1))
    three.plug_in(2)
    three.pass_time(1)
    assert running(three) == {}
    assert waiting(three) == {1: "REMOTE"}


def test_a_card_for_no_free_connector_is_not_asked_about(three: Conversation) -> None:
    """All are busy with strangers to it: no Authorize, nothing happens (TXN-13)."""
    for connector_id in (1, 2, 3):
        charge(three, connector_id, f"X{connector_id}")
    three.forget()
    three.card("TAG9")
    three.pass_time(2)
    assert three.actions == []
    assert len(running(three)) == 3


def test_two_cards_at_once_get_a_connector_each(three: Conversation) -> None:
    """Two users, two answers that come late: two connectors, nobody is mixed up."""
    three.plug_in(1)
    three.plug_in(2)
    three.answers[m.AuthorizeReq] = None
    three.card("A")
    three.card("B")
    accepted = m.AuthorizeConf(id_tag_info=invalid(AuthorizationStatus.Accepted))
    three.answer(accepted)
    three.pass_time(1)
    three.answer(accepted)
    three.pass_time(1)
    assert sorted(running(three).values()) == ["A", "B"]


def test_a_card_held_twice_while_the_central_system_thinks_is_one_request(three: Conversation) -> None:
    """Impatience neither asks twice nor cancels (AUTH-2)."""
    three.answers[m.AuthorizeReq] = None
    three.plug_in(1)
    three.card("A")
    three.card("a")
    three.answer(m.AuthorizeConf(id_tag_info=invalid(AuthorizationStatus.Accepted)))
    three.pass_time(1)
    assert len(three.of(m.AuthorizeReq)) == 1
    assert running(three) == {1: "A"}


# -- a bolt that is kept in ------------------------------------------------------------------------------------------


def deauthorized(talk: Talk) -> Conversation:
    """TAG1, of FAMILY, was charging; StartTransaction.conf then said Invalid and the session ended."""
    conversation = talk()
    conversation.answers[m.AuthorizeReq] = m.AuthorizeConf(
        id_tag_info=m.IdTagInfo(status=AuthorizationStatus.Accepted, parent_id_tag="FAMILY"))
    conversation.answers[START] = m.StartTransactionConf(transaction_id=1, id_tag_info=invalid())
    charge(conversation, 1, "TAG1")
    conversation.pass_time(10)
    assert conversation.of(STOP)[0].reason is Reason.DeAuthorized
    conversation.answers[m.AuthorizeReq] = m.AuthorizeConf(id_tag_info=m.IdTagInfo(
        status=AuthorizationStatus.Invalid, parent_id_tag="FAMILY"))
    return conversation


@pytest.mark.parametrize("id_tag", ["TAG1", "tag1", "TAG2"], ids=["same tag", "other letters", "same group"])
@pytest.mark.parametrize("plugged", [True, False], ids=["plugged", "car gone"])
def test_a_kept_cable_is_freed_by_its_tag_or_its_group(talk: Talk, id_tag: str, plugged: bool) -> None:
    """After DeAuthorized the bolt stays in until one of them is shown, even an invalid one: it is their cable (AUTH-20)."""
    conversation = deauthorized(talk)
    if not plugged:
        conversation.unplug()
        conversation.pass_time(60)
    assert locked(conversation)
    assert status(conversation) is ChargePointStatus.Finishing
    conversation.card(id_tag)
    assert not locked(conversation)
    conversation.unplug()
    assert status(conversation) is ChargePointStatus.Available


def test_a_cable_kept_beside_its_car_is_freed_by_the_tag_alone(talk: Talk) -> None:
    """Nobody's group, refused again: the tag itself frees it, another refused one does not (AUTH-20)."""
    conversation = deauthorized(talk)
    conversation.answers[m.AuthorizeReq] = m.AuthorizeConf(id_tag_info=invalid())
    conversation.card("TAG2")
    assert locked(conversation)
    conversation.card("tag1")
    assert not locked(conversation)


def test_a_kept_cable_is_not_freed_by_a_stranger(talk: Talk) -> None:
    """Nor can a stranger begin a session where somebody's cable is locked and no car is there (AUTH-20, TXN-16)."""
    conversation = deauthorized(talk)
    conversation.unplug()
    conversation.answers[m.AuthorizeReq] = m.AuthorizeConf(id_tag_info=invalid(AuthorizationStatus.Accepted))
    conversation.card("STRANGER")
    conversation.pass_time(300)
    assert locked(conversation)
    assert status(conversation) is ChargePointStatus.Finishing
    assert waiting(conversation) == {}


def test_a_kept_cable_is_still_kept_after_the_car_came_and_went(talk: Talk) -> None:
    """Plugged in again and out again: locked, Finishing, and the owner's card still frees it (AUTH-20, TXN-15)."""
    conversation = deauthorized(talk)
    conversation.unplug()
    conversation.plug_in()
    assert status(conversation) is ChargePointStatus.Preparing
    conversation.request_power()
    conversation.pass_time(5)
    assert not conversation.closed
    conversation.unplug()
    conversation.pass_time(5)
    assert locked(conversation)
    assert status(conversation) is ChargePointStatus.Finishing
    conversation.card("TAG1")
    assert not locked(conversation)
    assert status(conversation) is ChargePointStatus.Available


def test_a_kept_cable_is_kept_by_a_new_guard_too(talk: Talk) -> None:
    """The guard that is started anew is told to hold the bolt (AUTH-20)."""
    conversation = deauthorized(talk)
    conversation.lose_guard()
    assert not locked(conversation)
    conversation.find_guard()
    assert locked(conversation)


def test_the_owner_of_a_kept_cable_may_begin_anew_once_accepted(talk: Talk) -> None:
    """Plugged and accepted by now, the same tag starts a new transaction (TXN-15, F2)."""
    conversation = deauthorized(talk)
    conversation.answers.clear()
    conversation.card("TAG1")
    conversation.pass_time(1)
    assert running(conversation) == {1: "TAG1"}
    conversation.card("TAG1")
    conversation.pass_time(10)
    assert not locked(conversation)


def test_without_a_bolt_nothing_is_kept(talk: Talk) -> None:
    """A tethered cable has none: after DeAuthorized and unplugging the connector is Available (AUTH-20, TXN-20)."""
    conversation = talk(lock="none", cable="tethered")
    conversation.answers[START] = m.StartTransactionConf(transaction_id=1, id_tag_info=invalid())
    charge(conversation, 1, "TAG1")
    conversation.pass_time(10)
    conversation.unplug()
    assert status(conversation) is ChargePointStatus.Available
    assert conversation.ordered(commands.SetLock) == []


# -- no card at all --------------------------------------------------------------------------------------------------


def test_with_a_free_id_tag_plugging_in_is_enough(talk: Talk) -> None:
    """`charging.free_id_tag`: no card, no Authorize; the tag is the configured one (contract section 2)."""
    conversation = talk(charging='free_id_tag = "HOME"')
    conversation.plug_in()
    conversation.request_power()
    conversation.pass_time(1)
    assert conversation.closed
    assert conversation.of(m.AuthorizeReq) == []
    assert conversation.of(START)[0].id_tag == "HOME"


def test_a_free_session_that_was_ended_does_not_begin_again_by_itself(talk: Talk) -> None:
    """Stopped remotely, the car stays plugged: nothing starts until it is plugged in anew."""
    conversation = talk(charging='free_id_tag = "HOME"')
    conversation.plug_in()
    conversation.request_power()
    conversation.pass_time(1)
    conversation.call(m.RemoteStopTransactionReq(transaction_id=1))
    conversation.pass_time(120)
    assert len(conversation.of(START)) == 1
    conversation.unplug()
    conversation.plug_in()
    conversation.pass_time(1)
    assert len(conversation.of(START)) == 2


def test_a_car_that_was_plugged_too_early_charges_freely_as_soon_as_it_may(talk: Talk) -> None:
    """Plugged before the first acceptance: begins when the central system has accepted (contract section 2, BOOT-9)."""
    conversation = talk(online=False, charging='free_id_tag = "HOME"')
    conversation.plug_in()
    conversation.request_power()
    conversation.pass_time(60)
    assert not conversation.closed
    conversation.connect()
    conversation.pass_time(2)
    assert conversation.closed


def test_a_refused_free_session_keeps_no_cable(talk: Talk) -> None:
    """Nobody has the card that could free it (AUTH-20)."""
    conversation = talk(charging='free_id_tag = "HOME"')
    conversation.answers[START] = m.StartTransactionConf(transaction_id=1, id_tag_info=invalid())
    conversation.plug_in()
    conversation.pass_time(10)
    assert conversation.of(STOP)[0].reason is Reason.DeAuthorized
    assert not locked(conversation)
