"""Who may use a reserved connector, and who may not: cards, remote starts, cars that are only plugged in (RES-5 to RES-9, RMS-4)."""

import pytest

from controller.commands import Show
from controller.faults import FaultKind
from controller.ocpp.messages import core as m
from controller.ocpp.types import AuthorizationStatus, RemoteStartStopStatus, UnlockStatus
from tests.unit.station.conftest import Talk
from tests.unit.station.conversation import Conversation
from tests.unit.station.reserving import cancel, family, kept, reserve, running, shown, waiting

AUTHORIZE, START = m.AuthorizeReq, m.StartTransactionReq
ACCEPTED, REJECTED = RemoteStartStopStatus.Accepted, RemoteStartStopStatus.Rejected


def remote_start(conversation: Conversation, id_tag: str, connector_id: int | None = 1) -> RemoteStartStopStatus:
    """What RemoteStartTransaction is answered."""
    conf = conversation.call(m.RemoteStartTransactionReq(id_tag=id_tag, connector_id=connector_id))
    assert isinstance(conf, m.RemoteStartTransactionConf)
    return conf.status


def starts(conversation: Conversation) -> list[tuple[int, str, int | None]]:
    """Every StartTransaction: connector, tag, reservation."""
    return [(r.connector_id, r.id_tag, r.reservation_id) for r in conversation.of(START)]


def verdicts(conversation: Conversation) -> list[str]:
    """What the reader showed, the mere reading left out."""
    return [show.what for show in conversation.ordered(Show) if show.what != "presented"]


@pytest.fixture
def two(talk: Talk) -> Conversation:
    """One reader for two connectors."""
    return talk(connectors=2)


# -- the card it was made for ----------------------------------------------------------------------------------------


def test_the_reserved_card_prepares_and_the_start_uses_the_reservation_up(conversation: Conversation) -> None:
    """Authorize, Preparing, and on plugging in StartTransaction with the reservationId, once (TXN-1, RES-7, RES-8, RES-9, G2)."""
    reserve(conversation)
    conversation.card("tag1")
    assert conversation.actions.count("Authorize") == 1
    assert kept(conversation) == {7: 1}
    conversation.plug_in()
    conversation.request_power()
    assert starts(conversation) == [(1, "tag1", 7)]
    assert kept(conversation) == {}
    assert [str(status) for status in conversation.statuses()] == ["Reserved", "Preparing", "SuspendedEV", "Charging"]
    conversation.card("tag1")
    conversation.pass_time(5)
    conversation.unplug()
    assert shown(conversation) == ["Available"]
    conversation.plug_in()
    conversation.card("TAG9")
    assert starts(conversation)[1:] == [(1, "TAG9", None)]


def test_the_start_and_the_end_of_the_reservation_are_one_commit(conversation: Conversation) -> None:
    """A power cut right behind it finds the transaction with its reservationId and no reservation (RES-8, PWR-2)."""
    reserve(conversation)
    conversation.plug_in()
    commits = conversation.store.commits
    conversation.card("TAG1")
    stored = conversation.store.load()
    assert conversation.store.commits > commits
    assert [row.reservation_id for row in stored.transactions] == [7]
    assert stored.reservations == ()


def test_plugging_in_first_is_as_good(conversation: Conversation) -> None:
    """The cable in, then the reserved card (TXN-3, RES-9)."""
    reserve(conversation)
    conversation.plug_in()
    assert shown(conversation) == ["Preparing"]
    conversation.card("TAG1")
    assert starts(conversation) == [(1, "TAG1", 7)]


def test_a_card_that_is_shown_and_never_plugged_in_leaves_it_reserved(conversation: Conversation) -> None:
    """ConnectionTimeOut: Reserved again while it has not expired; only the start uses it up (RES-8, TXN-5)."""
    reserve(conversation)
    conversation.card("TAG1")
    conversation.pass_time(121)
    assert [str(status) for status in conversation.statuses()] == ["Reserved", "Preparing", "Available", "Reserved"]
    assert kept(conversation) == {7: 1}


def test_a_card_that_is_shown_twice_leaves_it_reserved(conversation: Conversation) -> None:
    """The second one takes back the first, not the reservation (TXN-7, RES-8)."""
    reserve(conversation)
    conversation.card("TAG1")
    conversation.card("TAG1")
    assert shown(conversation) == ["Reserved"]


@pytest.mark.parametrize("how", ["expired", "cancelled"])
def test_one_that_ends_while_its_card_waits_is_not_told_with_the_start(conversation: Conversation, how: str) -> None:
    """Who was let in may charge; there is no reservation any more that the start could end (RES-8, RES-9)."""
    reserve(conversation, for_s=30)
    conversation.card("TAG1")
    if how == "expired":
        conversation.pass_time(31)
    else:
        cancel(conversation)
    assert shown(conversation) == ["Preparing"]
    conversation.plug_in()
    assert starts(conversation) == [(1, "TAG1", None)]


def test_a_reserved_card_that_is_not_accepted_does_not_start(conversation: Conversation) -> None:
    """The reservation is no authorisation (RES-7, AUTH-12)."""
    conversation.answers[AUTHORIZE] = m.AuthorizeConf(id_tag_info=m.IdTagInfo(status=AuthorizationStatus.Blocked))
    reserve(conversation)
    conversation.plug_in()
    conversation.card("TAG1")
    assert starts(conversation) == []
    conversation.unplug()
    assert shown(conversation) == ["Reserved"]


# -- other cards -----------------------------------------------------------------------------------------------------


def test_another_card_is_refused_without_asking(conversation: Conversation) -> None:
    """No parentIdTag, so nothing could help it: no Authorize is sent (RES-6, RES-7)."""
    reserve(conversation)
    conversation.card("TAG9")
    conversation.plug_in()
    conversation.card("TAG9")
    assert conversation.of(AUTHORIZE) == []
    assert verdicts(conversation) == ["refused", "refused"]
    assert running(conversation) == {}


def test_the_group_of_a_stranger_is_asked_for(conversation: Conversation) -> None:
    """With parentIdTag: Authorize tells the group; its card charges and ends the reservation (RES-6, RES-7, RES-9, TC_053)."""
    family(conversation, "TAG2")
    reserve(conversation, parent="family")
    conversation.card("TAG9")
    assert waiting(conversation) == {}
    conversation.card("TAG2")
    conversation.plug_in()
    assert [r.id_tag for r in conversation.of(AUTHORIZE)] == ["TAG9", "TAG2"]
    assert starts(conversation) == [(1, "TAG2", 7)]
    assert kept(conversation) == {}


def test_a_parent_id_tag_is_not_an_id_tag(conversation: Conversation) -> None:
    """A card whose number happens to be the group's is not in the group (IDT-3)."""
    family(conversation, "TAG2")
    reserve(conversation, parent="FAMILY")
    conversation.plug_in()
    conversation.card("FAMILY")
    assert running(conversation) == {}


def test_a_card_that_is_known_to_be_of_another_group_is_refused_without_asking(conversation: Conversation) -> None:
    """The cache knows its group (RES-7)."""
    family(conversation, "TAG2")
    conversation.card("TAG2")
    conversation.card("TAG2")
    reserve(conversation, parent="NEIGHBOURS")
    conversation.forget()
    conversation.card("TAG2")
    assert conversation.of(AUTHORIZE) == []
    assert waiting(conversation) == {}


def test_a_known_card_of_the_group_is_authorised_like_any_other(conversation: Conversation) -> None:
    """LocalPreAuthorize off: the central system is asked all the same, and its latest word on the group counts (RES-7, AUTH-6)."""
    family(conversation, "TAG2")
    conversation.card("TAG2")
    conversation.card("TAG2")
    reserve(conversation, parent="FAMILY")
    conversation.forget()
    family(conversation)
    conversation.card("TAG2")
    assert len(conversation.of(AUTHORIZE)) == 1
    assert waiting(conversation) == {}


def test_offline_the_cache_knows_the_group(talk: Talk) -> None:
    """The link is gone: a cached card of the group charges, a stranger does not, even where strangers may (RES-6, AUTH-7, AUTH-9)."""
    conversation = talk(ocpp="AllowOfflineTxForUnknownId = true")
    family(conversation, "TAG2")
    conversation.card("TAG2")
    conversation.card("TAG2")
    reserve(conversation, parent="FAMILY")
    conversation.disconnect()
    conversation.plug_in()
    conversation.card("TAG9")
    assert running(conversation) == {}
    conversation.card("TAG2")
    assert running(conversation) == {1: "TAG2"}


def test_a_reservation_that_comes_while_a_card_is_being_authorised_wins(conversation: Conversation) -> None:
    """The verdict on another card arrives after ReserveNow was Accepted: it does not begin (RES-6)."""
    conversation.answers[AUTHORIZE] = None
    conversation.card("TAG9")
    assert str(reserve(conversation)) == "Accepted"
    conversation.answer(m.AuthorizeConf(id_tag_info=m.IdTagInfo(status=AuthorizationStatus.Accepted)))
    assert waiting(conversation) == {}
    assert verdicts(conversation) == ["refused"]


def test_a_plugged_car_does_not_get_past_a_reservation(talk: Talk) -> None:
    """`free_id_tag`: being plugged is enough, but not where somebody else is expected; it charges when that is over (RES-6)."""
    conversation = talk(charging='free_id_tag = "FREE"')
    reserve(conversation, for_s=60)
    conversation.plug_in()
    conversation.pass_time(50)
    assert running(conversation) == {}
    conversation.pass_time(12)
    assert running(conversation) == {1: "FREE"}


def test_the_free_tag_may_have_a_reservation_of_its_own(talk: Talk) -> None:
    """Reserved for `free_id_tag`: plugging in uses it up (RES-9)."""
    conversation = talk(charging='free_id_tag = "FREE"')
    reserve(conversation, id_tag="FREE")
    conversation.plug_in()
    assert starts(conversation) == [(1, "FREE", 7)]


# -- one reader for two connectors -----------------------------------------------------------------------------------


def test_a_card_without_a_reservation_goes_past_the_reserved_connector(two: Conversation) -> None:
    """Connector 1 is reserved and has the lowest id: the card means connector 2 (RES-6, contract section 2)."""
    reserve(two, 1)
    two.card("TAG9")
    assert waiting(two) == {2: "TAG9"}


def test_a_card_goes_to_its_reserved_connector(two: Conversation) -> None:
    """Even where a car of somebody else is plugged at the other one and waits (RES-8)."""
    reserve(two, 2)
    two.plug_in(1)
    two.card("TAG1")
    assert waiting(two) == {2: "TAG1"}
    assert running(two) == {}


def test_a_card_that_waits_does_not_move_to_a_reserved_connector(two: Conversation) -> None:
    """A car is plugged at the connector that is kept for another: the card stays where it waits (RES-6, contract section 2)."""
    reserve(two, 2)
    two.card("TAG9")
    two.plug_in(2)
    assert waiting(two) == {1: "TAG9"}
    assert running(two) == {}


def test_a_card_that_waits_at_its_reserved_connector_does_not_move_away(two: Conversation) -> None:
    """The car at the other connector is somebody else's: it does not charge on this card."""
    reserve(two, 1)
    two.card("TAG1")
    two.plug_in(2)
    assert waiting(two) == {1: "TAG1"}
    assert running(two) == {}
    two.plug_in(1)
    assert starts(two) == [(1, "TAG1", 7)]


def test_another_card_stops_its_own_session_while_a_connector_is_reserved(two: Conversation) -> None:
    """What a card may end has nothing to do with reservations (TXN-13)."""
    two.plug_in(2)
    two.card("TAG9")
    reserve(two, 1)
    two.card("TAG9")
    two.pass_time(5)
    assert running(two) == {}
    assert kept(two) == {7: 1}


def test_a_reservation_elsewhere_stays_when_its_card_starts_here(two: Conversation) -> None:
    """It was made for connector 2 and is used up there only (RES-8)."""
    reserve(two, 2)
    two.plug_in(1)
    two.card("TAG1", (1,))
    assert starts(two) == [(1, "TAG1", None)]
    assert kept(two) == {7: 2}


# -- connector 0 -----------------------------------------------------------------------------------------------------


def test_others_may_charge_while_one_remains(two: Conversation) -> None:
    """The first stranger is let in, the second is not asked about; the reserved card takes what is left (RES-5, RES-8, RES-9)."""
    reserve(two, 0)
    two.card("TAG8")
    assert waiting(two) == {1: "TAG8"}
    assert shown(two) == ["Preparing", "Reserved"]
    two.plug_in(1)
    two.forget()
    two.card("TAG9")
    assert two.of(AUTHORIZE) == []
    two.card("TAG1")
    two.plug_in(2)
    assert starts(two) == [(2, "TAG1", 7)]
    assert kept(two) == {}


def test_a_strangers_plug_does_not_take_the_last_one(two: Conversation) -> None:
    """Both plugged, nobody authorised: none remains for the reserved card, so no other begins (RES-5)."""
    reserve(two, 0)
    two.plug_in(1)
    two.plug_in(2)
    two.card("TAG9")
    assert running(two) == {}
    two.unplug(1)
    two.card("TAG9")
    assert running(two) == {2: "TAG9"}
    assert shown(two)[0] == "Reserved"


def test_who_waits_with_a_reservation_of_connector_0_keeps_no_other_one(two: Conversation) -> None:
    """The reserved card was shown and waits at connector 1: connector 2 is for anybody (RES-5, RES-8)."""
    reserve(two, 0)
    two.card("TAG1")
    assert shown(two) == ["Preparing", "Available"]
    two.card("TAG9", (2,))
    assert waiting(two) == {1: "TAG1", 2: "TAG9"}
    two.pass_time(121)
    assert shown(two) == ["Available", "Available"]
    assert kept(two) == {7: 0}


def test_a_card_with_a_reservation_of_connector_0_moves_with_its_plug(two: Conversation) -> None:
    """Any connector will do (contract section 2, RES-8)."""
    reserve(two, 0)
    two.card("TAG1")
    two.plug_in(2)
    assert starts(two) == [(2, "TAG1", 7)]


def test_a_stranger_who_moves_with_his_plug_frees_the_one_he_waited_at(two: Conversation) -> None:
    """Waiting at 1, plugged at 2: connector 1 remains for the reservation of connector 0 (RES-5, contract section 2)."""
    reserve(two, 0)
    two.card("TAG9")
    two.plug_in(2)
    assert running(two) == {2: "TAG9"}
    assert shown(two)[0] == "Reserved"


def test_the_one_that_ends_first_is_used_first(two: Conversation) -> None:
    """Two reservations of connector 0 for one tag (RES-8)."""
    reserve(two, 0, "TAG1", 1, for_s=3600)
    reserve(two, 0, "TAG1", 2, for_s=1800)
    two.plug_in(1)
    two.card("TAG1")
    assert starts(two) == [(1, "TAG1", 2)]
    assert kept(two) == {1: 0}


def test_two_of_one_group_wait_on_two_reservations(two: Conversation) -> None:
    """Each claims one of its own, and each start ends another (RES-8, RES-9)."""
    family(two, "TAG1", "TAG2")
    reserve(two, 0, "TAG1", 1, parent="FAMILY")
    reserve(two, 0, "TAG2", 2, parent="FAMILY", for_s=7200)
    two.card("TAG1", (1,))
    two.card("TAG2", (2,))
    two.plug_in(2)
    two.plug_in(1)
    assert starts(two) == [(2, "TAG2", 2), (1, "TAG1", 1)]


def test_a_reservation_of_the_connector_is_used_before_one_of_connector_0(two: Conversation) -> None:
    """Both are for the tag; what ends is what was promised there (RES-8)."""
    reserve(two, 0, "TAG1", 1, for_s=60)
    reserve(two, 2, "TAG1", 2)
    two.plug_in(2)
    two.card("TAG1")
    assert starts(two) == [(2, "TAG1", 2)]
    assert kept(two) == {1: 0}


def test_the_group_of_a_stranger_is_asked_for_at_the_last_connector_too(conversation: Conversation) -> None:
    """One connector, reserved as connector 0 for a group: Authorize tells who is in it (RES-5, RES-7)."""
    family(conversation, "TAG2")
    reserve(conversation, 0, parent="FAMILY")
    conversation.card("TAG9")
    conversation.card("TAG2")
    conversation.plug_in()
    assert starts(conversation) == [(1, "TAG2", 7)]


# -- remote ----------------------------------------------------------------------------------------------------------


def test_a_remote_start_of_the_reserved_tag_prepares_and_starts(conversation: Conversation) -> None:
    """Reserved, Preparing, then charging, with the reservationId (RES-6, RES-9, STAT-7)."""
    reserve(conversation)
    assert remote_start(conversation, "TAG1") is ACCEPTED
    conversation.plug_in()
    conversation.request_power()
    assert starts(conversation) == [(1, "TAG1", 7)]
    assert [str(status) for status in conversation.statuses()][:2] == ["Reserved", "Preparing"]
    assert kept(conversation) == {}


@pytest.mark.parametrize("asks", [True, False])
def test_a_remote_start_of_another_tag_is_rejected(talk: Talk, asks: bool) -> None:
    """Reserved for someone else, on it or for any: Rejected, nothing is asked (RES-6, RMS-4)."""
    conversation = talk(ocpp=f"AuthorizeRemoteTxRequests = {str(asks).lower()}")
    for connector_id in (1, 0):
        reserve(conversation, connector_id)
        assert remote_start(conversation, "TAG9") is REJECTED
        assert remote_start(conversation, "TAG9", None) is REJECTED
    assert conversation.of(AUTHORIZE) == []
    assert waiting(conversation) == {}


def test_a_remote_start_of_a_stranger_is_attempted_where_the_group_may_help(conversation: Conversation) -> None:
    """Accepted means that it will be tried: Authorize tells the group, and only its tags begin (RES-7, RMS-1, RMS-2)."""
    family(conversation, "TAG2")
    reserve(conversation, parent="FAMILY")
    assert remote_start(conversation, "TAG9") is ACCEPTED
    assert waiting(conversation) == {}
    assert shown(conversation) == ["Reserved"]
    assert remote_start(conversation, "TAG2") is ACCEPTED
    assert waiting(conversation) == {1: "TAG2"}


def test_without_authorisation_a_remote_start_needs_a_group_that_is_known(talk: Talk) -> None:
    """AuthorizeRemoteTxRequests = false: nobody will be asked, so what the cache knows decides (RES-6, RMS-2)."""
    conversation = talk(ocpp="AuthorizeRemoteTxRequests = false")
    family(conversation, "TAG2")
    conversation.card("TAG2")
    conversation.card("TAG2")
    reserve(conversation, parent="FAMILY")
    assert remote_start(conversation, "TAG3") is REJECTED
    assert remote_start(conversation, "TAG2") is ACCEPTED
    conversation.plug_in()
    assert starts(conversation) == [(1, "TAG2", 7)]


def test_a_remote_start_without_a_connector_takes_the_reserved_one(two: Conversation) -> None:
    """Else a free one that is nobody else's (RMS-3, RES-6)."""
    reserve(two, 2)
    assert remote_start(two, "TAG1", None) is ACCEPTED
    assert waiting(two) == {2: "TAG1"}
    reserve(two, 1, "TAG5", 5)
    assert remote_start(two, "TAG9", None) is REJECTED
    cancel(two, 5)
    assert remote_start(two, "TAG9", None) is ACCEPTED
    assert waiting(two) == {1: "TAG9", 2: "TAG1"}


def test_a_reservation_that_comes_while_a_remote_start_is_being_authorised_wins(conversation: Conversation) -> None:
    """As with a card (RES-6)."""
    conversation.answers[AUTHORIZE] = None
    remote_start(conversation, "TAG9")
    reserve(conversation)
    conversation.answer(m.AuthorizeConf(id_tag_info=m.IdTagInfo(status=AuthorizationStatus.Accepted)))
    assert waiting(conversation) == {}


# -- beside other operations -----------------------------------------------------------------------------------------


def test_unlock_connector_ends_the_waiting_and_not_the_reservation(conversation: Conversation) -> None:
    """The reserved card was shown; the central system unlocks: Reserved again (UNL-1, RES-8)."""
    reserve(conversation)
    conversation.card("TAG1")
    assert conversation.call(m.UnlockConnectorReq(connector_id=1)) == m.UnlockConnectorConf(status=UnlockStatus.Unlocked)
    assert shown(conversation) == ["Reserved"]


def test_a_fault_while_the_reserved_card_waits_ends_the_reservation_only(conversation: Conversation) -> None:
    """Who was let in may still plug in when it is gone, without a reservationId (RES-8, C9)."""
    reserve(conversation)
    conversation.card("TAG1")
    conversation.change(1, faults=frozenset({FaultKind.TEMPERATURE}))
    conversation.change(1, faults=frozenset())
    assert shown(conversation) == ["Preparing"]
    conversation.plug_in()
    assert starts(conversation) == [(1, "TAG1", None)]


def test_a_car_of_somebody_else_is_preparing_and_leaves_it_reserved(conversation: Conversation) -> None:
    """A plug without a card neither uses nor ends a reservation (chapter 18, RES-8)."""
    reserve(conversation)
    conversation.plug_in()
    conversation.unplug()
    assert [str(status) for status in conversation.statuses()] == ["Reserved", "Preparing", "Available", "Reserved"]
    assert kept(conversation) == {7: 1}
