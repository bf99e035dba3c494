"""RemoteStartTransaction and RemoteStopTransaction."""

import pytest

from controller import commands
from controller.faults import FaultKind
from controller.ocpp.messages.core import (
    AuthorizeConf,
    AuthorizeReq,
    BootNotificationConf,
    BootNotificationReq,
    ChangeAvailabilityReq,
    IdTagInfo,
    RemoteStartTransactionConf,
    RemoteStartTransactionReq,
    RemoteStopTransactionConf,
    RemoteStopTransactionReq,
    StartTransactionReq,
    StopTransactionReq,
)
from controller.ocpp.messages.smart_charging import ChargingProfile, ChargingSchedule, ChargingSchedulePeriod
from controller.ocpp.types import (
    AuthorizationStatus,
    AvailabilityType,
    ChargingProfileKind,
    ChargingProfilePurpose,
    ChargingRateUnit,
    Reason,
    RegistrationStatus,
    RemoteStartStopStatus,
)
from controller.ocpp.types import ChargePointStatus as S
from tests.unit.station.conftest import Talk
from tests.unit.station.conversation import START, Conversation, invalid

ACCEPTED, REJECTED = RemoteStartStopStatus.Accepted, RemoteStartStopStatus.Rejected
UNASKED = "AuthorizeRemoteTxRequests = false"


def start(conversation: Conversation, connector_id: int | None = 1, id_tag: str = "REMOTE",
          profile: ChargingProfile | None = None) -> RemoteStartStopStatus:
    """What RemoteStartTransaction is answered."""
    conf = conversation.call(
        RemoteStartTransactionReq(id_tag=id_tag, connector_id=connector_id, charging_profile=profile))
    assert isinstance(conf, RemoteStartTransactionConf)
    return conf.status


def stop(conversation: Conversation, transaction_id: int) -> RemoteStartStopStatus:
    """What RemoteStopTransaction is answered."""
    conf = conversation.call(RemoteStopTransactionReq(transaction_id=transaction_id))
    assert isinstance(conf, RemoteStopTransactionConf)
    return conf.status


def profile(purpose: ChargingProfilePurpose, transaction_id: int | None = None) -> ChargingProfile:
    """6 A for a transaction."""
    schedule = ChargingSchedule(charging_rate_unit=ChargingRateUnit.A,
                                charging_schedule_period=[ChargingSchedulePeriod(start_period=0, limit=6.0)])
    return ChargingProfile(charging_profile_id=1, stack_level=0, charging_profile_purpose=purpose, transaction_id=transaction_id,
                           charging_profile_kind=ChargingProfileKind.Relative, charging_schedule=schedule)


# -- start ---------------------------------------------------------------------------------------------------------------


def test_the_answer_comes_before_the_authorisation(conversation: Conversation) -> None:
    """.conf first, then Authorize like a local start, then StartTransaction (RMS-1, RMS-2)."""
    conversation.plug_in()
    conversation.forget()
    assert start(conversation) is ACCEPTED
    reply = next(n for n, order in enumerate(conversation.orders) if isinstance(order, commands.Reply))
    first_call = next(n for n, order in enumerate(conversation.orders) if isinstance(order, commands.SendCall))
    assert reply < first_call
    assert [action for action in conversation.actions if action != "StatusNotification"] == ["Authorize", "StartTransaction"]
    assert conversation.of(StartTransactionReq)[0].id_tag == "REMOTE"


def test_without_authorisation_it_starts_at_once(talk: Talk) -> None:
    """AuthorizeRemoteTxRequests false: no Authorize; the verdict comes with StartTransaction.conf (RMS-2)."""
    conversation = talk(ocpp=UNASKED)
    conversation.plug_in()
    assert start(conversation) is ACCEPTED
    assert conversation.of(AuthorizeReq) == []
    assert len(conversation.of(StartTransactionReq)) == 1


def test_a_tag_that_is_refused_starts_nothing(conversation: Conversation) -> None:
    """Accepted was a promise to try; the central system then said no (RMS-1, RMS-2, AUTH-12)."""
    conversation.answers[AuthorizeReq] = AuthorizeConf(id_tag_info=invalid())
    conversation.plug_in()
    assert start(conversation) is ACCEPTED
    assert conversation.of(StartTransactionReq) == []
    assert conversation.statuses() == [S.Preparing]


def test_an_unplugged_connector_waits_and_then_gives_up(conversation: Conversation) -> None:
    """Accepted, Preparing, ConnectionTimeOut, Available; a plug after that starts nothing (RMS-5)."""
    assert start(conversation) is ACCEPTED
    assert conversation.statuses() == [S.Preparing]
    conversation.pass_time(119)
    assert conversation.statuses() == [S.Preparing]
    conversation.pass_time(2)
    assert conversation.statuses() == [S.Preparing, S.Available]
    conversation.plug_in()
    assert conversation.of(StartTransactionReq) == []


def test_a_plug_within_the_time_starts(conversation: Conversation) -> None:
    """Remote start first, cable second (RMS-5)."""
    start(conversation)
    conversation.pass_time(100)
    conversation.plug_in()
    conversation.request_power()
    assert [request.id_tag for request in conversation.of(StartTransactionReq)] == ["REMOTE"]
    assert conversation.closed


@pytest.mark.parametrize("connector_id", [0, 2, 99])
def test_a_connector_that_is_none_is_rejected(conversation: Conversation, connector_id: int) -> None:
    """connectorId must be above 0 and exist (RMS-3)."""
    assert start(conversation, connector_id) is REJECTED
    assert conversation.sent == []


def test_a_connector_with_a_transaction_is_rejected(conversation: Conversation) -> None:
    """One at a time (RMS-4)."""
    conversation.plug_in()
    conversation.card()
    assert start(conversation) is REJECTED
    assert len(conversation.of(StartTransactionReq)) == 1


def test_a_faulted_or_closed_connector_is_rejected(talk: Talk) -> None:
    """Faulted, Unavailable (RMS-4, STAT-11)."""
    conversation = talk(connectors=2)
    conversation.change(1, faults=frozenset({FaultKind.GROUND}))
    conversation.call(ChangeAvailabilityReq(connector_id=2, type=AvailabilityType.Inoperative))
    assert start(conversation, 1) is REJECTED
    assert start(conversation, 2) is REJECTED
    assert start(conversation, None) is REJECTED


@pytest.mark.parametrize("connector_id", [1, None])
def test_a_connector_that_somebody_waits_at_is_rejected(conversation: Conversation, connector_id: int | None) -> None:
    """Preparing for another user (RMS-4)."""
    conversation.card("LOCAL")
    assert start(conversation, connector_id) is REJECTED


@pytest.mark.parametrize("connector_id", [1, None])
def test_accepted_is_said_once_while_the_authorisation_is_on_its_way(conversation: Conversation, connector_id: int | None
                                                                    ) -> None:
    """A second start for the same place before the verdict could not be kept: Rejected, one transaction (RMS-1)."""
    conversation.answers[AuthorizeReq] = None
    conversation.plug_in()
    assert start(conversation) is ACCEPTED
    assert start(conversation, connector_id, "SECOND") is REJECTED
    conversation.answers.clear()
    conversation.answer(AuthorizeConf(id_tag_info=IdTagInfo(status=AuthorizationStatus.Accepted)))
    assert [request.id_tag for request in conversation.of(StartTransactionReq)] == ["REMOTE"]


def test_after_a_refusal_the_next_remote_start_is_accepted(conversation: Conversation) -> None:
    """The place is free again, also when nobody answered (RMS-1)."""
    conversation.answers[AuthorizeReq] = "InternalError"
    assert start(conversation) is ACCEPTED
    conversation.answers.clear()
    assert start(conversation) is ACCEPTED


@pytest.mark.parametrize(("plugged", "expected"), [([], 1), ([2], 2), ([3], 3), ([2, 3], 1)])
def test_without_a_connector_the_only_plugged_free_one_is_taken(talk: Talk, plugged: list[int], expected: int) -> None:
    """Else the first free one (RMS-3)."""
    conversation = talk(connectors=3, ocpp=UNASKED)
    for connector_id in plugged:
        conversation.plug_in(connector_id)
    assert start(conversation, None) is ACCEPTED
    conversation.plug_in(expected)
    assert [request.connector_id for request in conversation.of(StartTransactionReq)] == [expected]


def test_without_a_connector_busy_ones_are_passed_over(talk: Talk) -> None:
    """The first is charging: the second is meant; both charging: Rejected (RMS-3, RMS-4)."""
    conversation = talk(connectors=2, ocpp=UNASKED)
    for expected in (ACCEPTED, ACCEPTED, REJECTED):
        assert start(conversation, None) is expected
        for connector_id in (1, 2):
            conversation.plug_in(connector_id)


def test_a_tx_profile_is_ignored_without_smart_charging(conversation: Conversation) -> None:
    """The start is accepted, the profile has no effect (RMS-7)."""
    conversation.plug_in()
    assert start(conversation, profile=profile(ChargingProfilePurpose.TxProfile)) is ACCEPTED
    assert conversation.plugs[1].offered_a == 32.0


@pytest.mark.parametrize("wrong", [
    profile(ChargingProfilePurpose.TxDefaultProfile), profile(ChargingProfilePurpose.ChargePointMaxProfile),
    profile(ChargingProfilePurpose.TxProfile, transaction_id=1),
], ids=["TxDefaultProfile", "ChargePointMaxProfile", "with transactionId"])
def test_a_profile_that_is_no_tx_profile_is_rejected(conversation: Conversation, wrong: ChargingProfile) -> None:
    """Purpose other than TxProfile, or a transactionId that cannot be known yet: Rejected, nothing starts (RMS-6, RMS-8)."""
    conversation.plug_in()
    assert start(conversation, profile=wrong) is REJECTED
    assert conversation.of(StartTransactionReq) == []


def test_in_pending_neither_start_nor_stop_is_allowed(talk: Talk) -> None:
    """BootNotification Pending: both Rejected (BOOT-6)."""
    conversation = talk(online=False, charging="before_accepted = true")
    conversation.answers[BootNotificationReq] = BootNotificationConf(
        status=RegistrationStatus.Pending, current_time=START, interval=600)
    conversation.connect()
    assert start(conversation) is REJECTED
    assert stop(conversation, 1) is REJECTED


# -- stop ----------------------------------------------------------------------------------------------------------------


def test_a_remote_stop_is_answered_and_then_carried_out(conversation: Conversation) -> None:
    """Accepted, StopTransaction(Remote) without idTag, Finishing, the bolt opens (RMT-1, TXN-14)."""
    conversation.next_transaction_id = -5
    conversation.plug_in()
    conversation.card()
    conversation.request_power()
    conversation.forget()
    assert stop(conversation, -5) is ACCEPTED
    assert isinstance(conversation.orders[0], commands.Reply)
    (request,) = conversation.of(StopTransactionReq)
    assert (request.reason, request.transaction_id, request.id_tag) == (Reason.Remote, -5, None)
    assert conversation.statuses() == [S.Finishing]
    assert commands.SetLock(1, locked=False) in conversation.orders
    assert not conversation.closed


@pytest.mark.parametrize("transaction_id", [0, 2, -1])
def test_an_unknown_transaction_is_rejected(conversation: Conversation, transaction_id: int) -> None:
    """Only the id of a running transaction will do (RMT-1)."""
    conversation.plug_in()
    conversation.card()
    assert stop(conversation, transaction_id) is REJECTED
    assert conversation.of(StopTransactionReq) == []


def test_a_transaction_without_an_id_cannot_be_meant(conversation: Conversation) -> None:
    """StartTransaction is not answered yet: Rejected (TXN-22)."""
    conversation.answers[StartTransactionReq] = None
    conversation.plug_in()
    conversation.card()
    assert stop(conversation, 1) is REJECTED


def test_a_finished_transaction_is_unknown(conversation: Conversation) -> None:
    """Stopped already: Rejected (RMT-1)."""
    conversation.plug_in()
    conversation.card()
    assert stop(conversation, 1) is ACCEPTED
    assert stop(conversation, 1) is REJECTED
    assert len(conversation.of(StopTransactionReq)) == 1


def test_the_right_connector_stops(talk: Talk) -> None:
    """Two transactions: the id tells which one (RMT-1)."""
    conversation = talk(connectors=2)
    for connector_id in (1, 2):
        conversation.plug_in(connector_id)
        conversation.card(f"TAG{connector_id}", (connector_id,))
        conversation.request_power(connector_id)
    assert stop(conversation, 2) is ACCEPTED
    assert conversation.statuses(2)[-1] is S.Finishing
    assert conversation.statuses(1)[-1] is S.Charging
