"""What a person hears of a card: presented at once, then accepted or refused."""

import pytest

from controller import commands
from controller.ocpp.messages import core as m
from tests.unit.station.conftest import Talk
from tests.unit.station.conversation import Conversation, invalid


def heard(conversation: Conversation) -> list[str]:
    """Everything the buzzers were told."""
    return [order.what for order in conversation.ordered(commands.Show)]


def test_an_accepted_card_is_heard_to_be(conversation: Conversation) -> None:
    """The reader's connectors are named, whichever of them the card means."""
    conversation.card()
    assert conversation.ordered(commands.Show) == [commands.Show((1,), "presented"), commands.Show((1,), "accepted")]


def test_a_card_that_waits_for_its_verdict_is_presented_only(conversation: Conversation) -> None:
    """Authorize may take half a minute; the person must know that the card was read (AUTH-3)."""
    conversation.answers[m.AuthorizeReq] = None
    conversation.card()
    before = heard(conversation)
    conversation.answer(m.AuthorizeConf(id_tag_info=invalid()))
    assert before == ["presented"]
    assert heard(conversation) == ["presented", "refused"]


def test_the_same_card_again_is_not_refused_while_it_is_judged(conversation: Conversation) -> None:
    """One verdict, one answer (F-RFID: one authorisation per presence)."""
    conversation.answers[m.AuthorizeReq] = None
    conversation.card()
    conversation.card()
    assert heard(conversation) == ["presented", "presented"]


def test_a_foreign_card_at_a_busy_connector_is_refused(conversation: Conversation) -> None:
    """It means nothing there, and the person hears so (TXN-13)."""
    conversation.plug_in()
    conversation.card("TAG1")
    conversation.forget()
    conversation.card("TAG2")
    assert heard(conversation) == ["presented", "refused"]


def test_the_card_that_stops_is_accepted(conversation: Conversation) -> None:
    """Stopping is what it was shown for (TXN-13)."""
    conversation.plug_in()
    conversation.card()
    conversation.request_power()
    conversation.forget()
    conversation.card()
    assert heard(conversation) == ["presented", "accepted"]


def test_the_card_of_the_group_is_accepted_when_it_stops(conversation: Conversation) -> None:
    """Its verdict carries the group of the transaction (IDT-3)."""
    family = m.IdTagInfo(status=invalid().status.Accepted, parent_id_tag="FAMILY")
    conversation.answers[m.AuthorizeReq] = m.AuthorizeConf(id_tag_info=family)
    conversation.plug_in()
    conversation.card("TAG1")
    conversation.request_power()
    conversation.forget()
    conversation.card("TAG2")
    assert heard(conversation) == ["presented", "accepted"]


def test_a_good_card_is_refused_when_the_place_was_taken_meanwhile(talk: Talk) -> None:
    """Two cards are judged at once; the connector can begin for one of them only."""
    conversation = talk()
    conversation.answers[m.AuthorizeReq] = None
    conversation.card("TAG1")
    conversation.card("TAG2")
    accepted = m.AuthorizeConf(id_tag_info=m.IdTagInfo(status=invalid().status.Accepted))
    conversation.answer(accepted)
    conversation.answer(accepted)
    assert sorted(heard(conversation)) == ["accepted", "presented", "presented", "refused"]


@pytest.mark.parametrize(("key", "sound"), [("true", "accepted"), ("false", "refused")])
def test_offline_the_policy_is_heard_at_once(talk: Talk, key: str, sound: str) -> None:
    """Nobody is asked: AllowOfflineTxForUnknownId decides (AUTH-5)."""
    conversation = talk(online=False, ocpp=f"AllowOfflineTxForUnknownId = {key}", charging="before_accepted = true")
    conversation.card()
    assert heard(conversation) == ["presented", sound]


def test_a_card_taken_back_is_accepted(conversation: Conversation) -> None:
    """Shown twice before anybody plugged in: the wish is withdrawn, as the person wanted (TXN-7)."""
    conversation.card()
    conversation.forget()
    conversation.card()
    assert heard(conversation) == ["presented", "accepted"]


def test_a_lamp_shows_the_status_whether_it_was_told_or_not(talk: Talk) -> None:
    """Without a central system the person still sees what the connector does (STAT-8)."""
    conversation = talk(online=False, charging='before_accepted = true\nfree_id_tag = "FREE"')
    seen = [conversation.station.status_of(1)]
    conversation.plug_in()
    seen.append(conversation.station.status_of(1))
    conversation.request_power()
    seen.append(conversation.station.status_of(1))
    assert seen == ["Available", "SuspendedEV", "Charging"]


@pytest.mark.parametrize(("verdict", "sounds"), [
    (m.IdTagInfo(status=invalid().status.Accepted), ["presented", "accepted"]), (invalid(), ["presented", "accepted", "refused"]),
], ids=["accepted", "invalid"])
def test_a_start_that_the_central_system_refuses_is_heard(conversation: Conversation, verdict: m.IdTagInfo, sounds: list[str]) -> None:
    """The cache took the card for good; StartTransaction brings the truth, and the person is still there (AUTH-20)."""
    conversation.answers[m.StartTransactionReq] = m.StartTransactionConf(id_tag_info=verdict, transaction_id=7)
    conversation.plug_in()
    conversation.card()
    conversation.pass_time(1)
    assert heard(conversation) == sounds
