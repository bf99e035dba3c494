"""The central system says no to a transaction that runs already (AUTH-20 to AUTH-22, TXN-9, S3)."""

import pytest

from controller.guard.messages import Pilot
from controller.ocpp.messages import core as m
from controller.ocpp.types import AuthorizationStatus, ChargePointStatus, Reason
from controller.station.transactions import CONTACTOR_OPENS_WITHIN_S
from drivers.protocols import LockState
from tests.unit.station.conftest import Talk
from tests.unit.station.conversation import Conversation, invalid

S = ChargePointStatus
START, STOP = m.StartTransactionReq, m.StopTransactionReq
SUSPEND = "StopTransactionOnInvalidId = false"


def refused(talk: Talk, ocpp: str = "", *, charging: str = "",
            status: AuthorizationStatus = AuthorizationStatus.Invalid) -> Conversation:
    """A car charges for ten seconds before StartTransaction is answered with a refusal under id 88."""
    conversation = talk(ocpp=ocpp, charging=charging)
    conversation.answers[START] = None
    conversation.plug_in()
    conversation.card("TAG1")
    conversation.request_power()
    conversation.pass_time(10)
    assert conversation.closed
    conversation.answers.clear()
    conversation.answer(m.StartTransactionConf(transaction_id=88, id_tag_info=invalid(status)))
    return conversation


@pytest.mark.parametrize("status", [AuthorizationStatus.Invalid, AuthorizationStatus.Blocked, AuthorizationStatus.Expired,
                                    AuthorizationStatus.ConcurrentTx])
def test_a_refused_transaction_is_stopped(talk: Talk, status: AuthorizationStatus) -> None:
    """StopTransactionOnInvalidId: at once, DeAuthorized, under the id of the refusal, the cable kept (AUTH-20, AUTH-22, TXN-12, S3)."""
    conversation = refused(talk, status=status)
    assert not conversation.closed
    conversation.pass_time(5)
    stop, = conversation.of(STOP)
    assert (stop.reason, stop.transaction_id, stop.id_tag) == (Reason.DeAuthorized, 88, None)
    assert conversation.status is S.Finishing
    assert conversation.plugs[1].lock is LockState.LOCKED


def test_a_refused_transaction_may_be_suspended_instead(talk: Talk) -> None:
    """StopTransactionOnInvalidId = false: no energy, SuspendedEVSE; open until the user ends it (AUTH-20, S3)."""
    conversation = refused(talk, SUSPEND)
    assert not conversation.closed
    assert conversation.status is S.SuspendedEVSE
    conversation.pass_time(3600)
    assert conversation.of(STOP) == []
    assert not conversation.closed
    conversation.card("TAG1")
    conversation.pass_time(5)
    stop, = conversation.of(STOP)
    assert (stop.reason, stop.transaction_id) == (Reason.Local, 88)
    assert conversation.plugs[1].lock is LockState.UNLOCKED


def test_a_car_that_does_not_ask_either_leaves_it_suspended_by_the_station(talk: Talk) -> None:
    """Refused, and the car opens S2: both sides suspend, SuspendedEVSE stands, and nothing else is told (AUTH-20, STAT-5)."""
    conversation = refused(talk, SUSPEND)
    conversation.forget()
    conversation.change(pilot=Pilot.B)
    conversation.pass_time(5)
    conversation.request_power()
    assert conversation.station.status_of(1) == S.SuspendedEVSE
    assert conversation.statuses() == []


def test_a_suspended_transaction_can_be_stopped_remotely(talk: Talk) -> None:
    """The central system may end what it refused (AUTH-20)."""
    conversation = refused(talk, SUSPEND)
    conversation.call(m.RemoteStopTransactionReq(transaction_id=88))
    conversation.pass_time(5)
    assert conversation.of(STOP)[0].reason is Reason.Remote


def test_a_suspended_transaction_gives_no_energy_to_a_car_plugged_in_again(talk: Talk) -> None:
    """Unplugged and plugged again within the open transaction: still refused (AUTH-20, TXN-15)."""
    conversation = refused(talk, f"{SUSPEND}\nStopTransactionOnEVSideDisconnect = false")
    conversation.unplug()
    conversation.pass_time(5)
    conversation.plug_in()
    conversation.request_power()
    conversation.pass_time(60)
    assert not conversation.closed
    assert conversation.status is S.SuspendedEVSE


def test_a_suspended_transaction_stays_suspended_over_a_restart(talk: Talk) -> None:
    """The refusal is durable: resumed or not interrupted at all, no energy flows (AUTH-20, PWR-2)."""
    conversation = refused(talk, SUSPEND, charging='after_power_loss = "resume"')
    conversation.restart()
    conversation.request_power()
    conversation.connect()
    conversation.pass_time(60)
    assert not conversation.closed
    assert conversation.status is S.SuspendedEVSE


@pytest.mark.parametrize("ocpp", ["", SUSPEND], ids=["then stopped", "then suspended"])
def test_max_energy_on_invalid_id_lets_the_car_get_away(talk: Talk, ocpp: str) -> None:
    """So many Wh from the refusal on are the most; it ends ahead of that by what a car needs to let go (AUTH-21, S3)."""
    conversation = refused(talk, f"{ocpp}\nMaxEnergyOnInvalidId = 500")
    at_refusal_wh = conversation.plugs[1].energy_wh
    conversation.pass_time(100)
    assert conversation.closed
    conversation.pass_time(600)
    assert not conversation.closed
    letting_go_wh = 690 * 16 / 3600 * CONTACTOR_OPENS_WITHIN_S
    assert 500 - letting_go_wh <= conversation.plugs[1].energy_wh - at_refusal_wh <= 500
    assert [stop.reason for stop in conversation.of(STOP)] == ([] if ocpp else [Reason.DeAuthorized])
    assert conversation.status is (S.SuspendedEVSE if ocpp else S.Finishing)


@pytest.mark.parametrize("offers_survive", [True, False], ids=["controller alone was away", "after a power cut"])
def test_the_allowed_energy_is_not_granted_anew_by_a_restart(talk: Talk, offers_survive: bool) -> None:
    """What remains of MaxEnergyOnInvalidId is durable (AUTH-21, PWR-2)."""
    conversation = refused(talk, "MaxEnergyOnInvalidId = 500", charging='after_power_loss = "resume"')
    at_refusal_wh = conversation.plugs[1].energy_wh
    conversation.pass_time(100)
    conversation.restart(after_s=3, offers_survive=offers_survive)
    conversation.connect()
    conversation.request_power()
    conversation.pass_time(600)
    assert not conversation.closed
    assert conversation.plugs[1].energy_wh - at_refusal_wh <= 500
    assert [stop.reason for stop in conversation.of(STOP)] == [Reason.DeAuthorized]


def test_what_nobody_measures_is_not_allowed(talk: Talk) -> None:
    """A meter that falls silent ends the allowance, also where a silent meter ends nothing else (AUTH-21, S3)."""
    conversation = refused(talk, "MaxEnergyOnInvalidId = 500", charging='on_meter_loss = "continue"')
    conversation.pass_time(10)
    assert conversation.closed
    conversation.plugs[1].meter_works = False
    conversation.pass_time(10)
    assert not conversation.closed
    assert [stop.reason for stop in conversation.of(STOP)] == [Reason.DeAuthorized]


def test_a_user_who_leaves_within_the_allowed_energy_ends_normally(talk: Talk) -> None:
    """Card within the allowance: Local, and the cable is free (AUTH-21, TXN-14)."""
    conversation = refused(talk, "MaxEnergyOnInvalidId = 500")
    conversation.pass_time(10)
    conversation.card("TAG1")
    conversation.pass_time(5)
    assert conversation.of(STOP)[0].reason is Reason.Local
    assert conversation.plugs[1].lock is LockState.UNLOCKED


def test_a_refusal_while_the_guard_is_not_heard_yet_ends_it_all_the_same(talk: Talk) -> None:
    """Answered after a restart, before the first report: the transaction ends DeAuthorized (TXN-9, PWR-5)."""
    conversation = talk(charging='after_power_loss = "resume"')
    conversation.answers[START] = None
    conversation.plug_in()
    conversation.card("TAG1")
    conversation.request_power()
    conversation.pass_time(10)
    conversation.plugs[1].pilot = Pilot.A
    conversation.restart()
    conversation.connect()
    conversation.answer(m.StartTransactionConf(transaction_id=88, id_tag_info=invalid()))
    conversation.pass_time(30)
    assert [stop.reason for stop in conversation.of(STOP)] == [Reason.DeAuthorized]
    assert not conversation.closed
