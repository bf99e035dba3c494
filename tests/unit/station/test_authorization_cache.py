"""The authorisation cache: what the central system last said of a tag (CACHE-1 to CACHE-7)."""

from datetime import datetime, timedelta

import pytest

from controller.ocpp.messages import core as m
from controller.ocpp.types import AuthorizationStatus, ClearCacheStatus, ReservationStatus
from controller.station import authorization
from tests.unit.station.conftest import Talk
from tests.unit.station.conversation import Conversation, invalid
from tests.unit.station.reserving import reserve

TRUSTING = "LocalPreAuthorize = true"


def says(conversation: Conversation, status: AuthorizationStatus, expires: datetime | None = None) -> None:
    """The central system's verdict on every tag from here on."""
    conversation.answers[m.AuthorizeReq] = m.AuthorizeConf(
        id_tag_info=m.IdTagInfo(status=status, expiry_date=expires))


def asks(conversation: Conversation, id_tag: str) -> bool:
    """Whether a card makes the station ask; the card is shown twice, so that nothing stays begun."""
    before = len(conversation.of(m.AuthorizeReq))
    conversation.card(id_tag)
    if conversation.station.connectors[0].waiting is not None:
        conversation.card(id_tag)
    return len(conversation.of(m.AuthorizeReq)) > before


def begins(conversation: Conversation, id_tag: str) -> bool:
    """Whether a card may begin; shown once more, so that nothing stays begun."""
    conversation.card(id_tag)
    begun = conversation.station.connectors[0].waiting is not None
    if begun:
        conversation.card(id_tag)
    return begun


def test_an_accepted_tag_is_asked_about_only_once(talk: Talk) -> None:
    """Later the cache answers, in any letter case, and after a restart too (CACHE-2, CACHE-6, PWR-6, IDT-1)."""
    conversation = talk(ocpp=TRUSTING)
    assert asks(conversation, "Tag1")
    assert not asks(conversation, "tAG1")
    conversation.restart()
    conversation.connect()
    assert not asks(conversation, "TAG1")


def test_the_latest_verdict_counts(talk: Talk) -> None:
    """An entry is updated by every verdict, good or bad (CACHE-2)."""
    conversation = talk(ocpp="AllowOfflineTxForUnknownId = true")
    asks(conversation, "TAG1")
    says(conversation, AuthorizationStatus.Blocked)
    asks(conversation, "TAG1")
    conversation.disconnect()
    conversation.card("TAG1")
    assert conversation.station.connectors[0].waiting is None


@pytest.mark.parametrize("message", [m.StartTransactionReq, m.StopTransactionReq])
def test_the_verdicts_of_a_transaction_are_learned_too(talk: Talk, message: type) -> None:
    """IdTagInfo of StartTransaction.conf and StopTransaction.conf counts like that of Authorize.conf (CACHE-2, TXN-19)."""
    conversation = talk(ocpp="AllowOfflineTxForUnknownId = true\nStopTransactionOnInvalidId = false")
    if message is m.StartTransactionReq:
        conversation.answers[message] = m.StartTransactionConf(id_tag_info=invalid(), transaction_id=1)
    else:
        conversation.answers[message] = m.StopTransactionConf(id_tag_info=invalid())
    conversation.plug_in()
    conversation.card("TAG1")
    conversation.pass_time(1)
    conversation.card("TAG1")
    conversation.pass_time(10)
    assert len(conversation.of(m.StopTransactionReq)) == 1
    conversation.unplug()
    conversation.disconnect()
    conversation.card("TAG1")
    assert conversation.station.connectors[0].waiting is None


def test_the_verdict_of_stop_transaction_belongs_to_the_tag_that_stopped(talk: Talk) -> None:
    """Its key is the idTag that StopTransaction carried, not the one that started (CACHE-2)."""
    conversation = talk(ocpp=TRUSTING)
    family = m.IdTagInfo(status=AuthorizationStatus.Accepted, parent_id_tag="FAMILY")
    conversation.answers[m.AuthorizeReq] = m.AuthorizeConf(id_tag_info=family)
    conversation.answers[m.StopTransactionReq] = m.StopTransactionConf(id_tag_info=invalid())
    conversation.plug_in()
    conversation.card("TAG1")
    conversation.pass_time(1)
    conversation.card("TAG2")
    conversation.pass_time(10)
    assert conversation.of(m.StopTransactionReq)[0].id_tag == "TAG2"
    conversation.unplug()
    assert not asks(conversation, "TAG1")
    assert asks(conversation, "TAG2")


def test_an_expired_entry_counts_for_nothing(talk: Talk) -> None:
    """Past its expiryDate a tag is asked about again online, and refused offline, stranger or not (CACHE-4, AUTH-8, S5)."""
    conversation = talk(ocpp=f"{TRUSTING}\nAllowOfflineTxForUnknownId = true")
    says(conversation, AuthorizationStatus.Accepted, conversation.utc + timedelta(seconds=100))
    asks(conversation, "TAG1")
    conversation.pass_time(95)
    assert not asks(conversation, "TAG1")
    conversation.pass_time(5)
    says(conversation, AuthorizationStatus.Expired)
    assert asks(conversation, "TAG1")
    conversation.disconnect()
    conversation.card("TAG1")
    assert conversation.station.connectors[0].waiting is None


def test_a_disabled_cache_is_neither_used_nor_filled(talk: Talk) -> None:
    """AuthorizationCacheEnabled = false: every card is asked about, offline all are strangers (CACHE-1)."""
    conversation = talk(ocpp=TRUSTING + "\nAuthorizationCacheEnabled = false")
    assert asks(conversation, "TAG1")
    assert asks(conversation, "TAG1")
    assert conversation.store.load().cache == ()


def test_what_a_cache_has_learned_counts_only_while_it_is_enabled(talk: Talk) -> None:
    """Switched off, a good card of its is asked about online and a stranger offline; switched on again it is known (CACHE-1, AUTH-5)."""
    conversation = talk(ocpp=TRUSTING)
    asks(conversation, "TAG1")
    conversation.call(m.ChangeConfigurationReq(key="AuthorizationCacheEnabled", value="false"))
    conversation.disconnect()
    assert not begins(conversation, "TAG1")
    conversation.connect()
    conversation.answers[m.AuthorizeReq] = "InternalError"
    assert asks(conversation, "TAG1")
    conversation.call(m.ChangeConfigurationReq(key="AuthorizationCacheEnabled", value="true"))
    assert not asks(conversation, "TAG1")


def test_a_verdict_that_a_disabled_cache_missed_does_not_leave_the_old_one(talk: Talk) -> None:
    """Accepted, then Blocked while the cache is off: switched on again it no longer says Accepted, after a restart neither (CACHE-2)."""
    conversation = talk(ocpp=TRUSTING)
    asks(conversation, "TAG1")
    asks(conversation, "TAG2")
    conversation.call(m.ChangeConfigurationReq(key="AuthorizationCacheEnabled", value="false"))
    says(conversation, AuthorizationStatus.Blocked)
    asks(conversation, "tag1")
    conversation.call(m.ChangeConfigurationReq(key="AuthorizationCacheEnabled", value="true"))
    conversation.restart()
    conversation.disconnect()
    assert not begins(conversation, "TAG1")
    assert begins(conversation, "TAG2")


@pytest.mark.parametrize("enabled", ["true", "false"])
def test_clear_cache_forgets_for_good(talk: Talk, enabled: str) -> None:
    """Accepted, also while the cache is switched off; the next card is asked about, after a restart too (CACHE-7, X5)."""
    conversation = talk(ocpp=TRUSTING)
    asks(conversation, "TAG1")
    conversation.call(m.ChangeConfigurationReq(key="AuthorizationCacheEnabled", value=enabled))
    assert conversation.call(m.ClearCacheReq()) == m.ClearCacheConf(status=ClearCacheStatus.Accepted)
    conversation.call(m.ChangeConfigurationReq(key="AuthorizationCacheEnabled", value="true"))
    cleared = conversation.store.load().cache
    assert asks(conversation, "TAG1")
    conversation.call(m.ClearCacheReq())
    conversation.restart()
    conversation.connect()
    assert cleared == ()
    assert asks(conversation, "TAG1")


def test_a_full_cache_gives_up_useless_entries_first(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Refused and expired tags go before good ones, then the oldest good one (CACHE-5)."""
    monkeypatch.setattr(authorization, "CACHE_LIMIT", 10)
    conversation = talk(ocpp=TRUSTING)
    expires = conversation.utc + timedelta(seconds=10)
    for number in range(8):
        asks(conversation, f"GOOD{number}")
    says(conversation, AuthorizationStatus.Accepted, expires)
    asks(conversation, "SHORT")
    says(conversation, AuthorizationStatus.Invalid)
    asks(conversation, "BAD")
    conversation.pass_time(11)
    conversation.answers.clear()

    def kept() -> set[str]:
        return {entry.id_tag for entry in conversation.store.load().cache}

    asks(conversation, "NEW1")
    asks(conversation, "NEW2")
    assert not kept() & {"BAD", "SHORT"}
    assert "GOOD0" in kept()
    asks(conversation, "NEW3")
    assert "GOOD0" not in kept()
    assert {"GOOD1", "NEW1", "NEW2", "NEW3"} <= kept()
    assert len(kept()) == 10


def test_a_reservation_tells_the_cache_nothing(talk: Talk) -> None:
    """ReserveNow names a tag and its group, but no verdict: nothing is stored of it, and the tag is asked for (CACHE-8)."""
    conversation = talk(ocpp=TRUSTING)
    assert reserve(conversation, id_tag="TAG1", parent="GROUP") is ReservationStatus.Accepted
    assert conversation.store.load().cache == ()
    assert asks(conversation, "TAG1")
