"""The controller's own faults: a silent meter, a dead reader, a guard that does not answer, a disk that takes nothing."""

import pytest

from controller import commands
from controller.events import GuardFound, GuardLost, MeterFailed, ReaderFailed, ReaderFound, StorageFailed, StorageFound
from controller.ocpp.messages.core import StartTransactionReq, StatusNotificationReq, StopTransactionReq
from controller.ocpp.types import ChargePointErrorCode, ChargePointStatus, Reason
from drivers.protocols import LockState
from tests.unit.station.conftest import Talk
from tests.unit.station.conversation import Conversation

C, S = ChargePointErrorCode, ChargePointStatus
CONTINUE = 'on_meter_loss = "continue"'


def charge(conversation: Conversation) -> None:
    """A car charges; its past is forgotten."""
    conversation.plug_in()
    conversation.card()
    conversation.request_power()
    assert conversation.status is S.Charging
    conversation.forget()


def told(conversation: Conversation, connector_id: int = 1) -> list[tuple[ChargePointStatus, ChargePointErrorCode]]:
    """Status and error code of every StatusNotification of a connector."""
    return [(n.status, n.error_code) for n in conversation.of(StatusNotificationReq) if n.connector_id == connector_id]


# -- the meter -----------------------------------------------------------------------------------------------------------


def test_a_silent_meter_is_a_warning_at_once_and_says_so_once(conversation: Conversation) -> None:
    """PowerMeterFailure beside the status that was, kind `meter`; every further failure is the same one (MTR-17, F-METER)."""
    conversation.plugs[1].meter_works = False
    conversation.pass_time(20)
    (warning,) = conversation.of(StatusNotificationReq)
    assert (warning.status, warning.error_code, warning.vendor_error_code) == (S.Available, C.PowerMeterFailure, "meter")
    conversation.plugs[1].meter_works = True
    conversation.pass_time(1)
    assert told(conversation)[1:] == [(S.Available, C.NoError)]


def test_after_thirty_silent_seconds_the_transaction_ends_and_the_connector_is_faulted(conversation: Conversation) -> None:
    """`on_meter_loss = "stop"`: a controlled stop, reason Other, Faulted until the meter speaks, then Finishing (F-METER)."""
    charge(conversation)
    conversation.plugs[1].meter_works = False
    conversation.pass_time(30)
    assert conversation.closed
    assert conversation.of(StopTransactionReq) == []
    conversation.pass_time(2)
    assert not conversation.closed
    assert [stop.reason for stop in conversation.of(StopTransactionReq)] == [Reason.Other]
    conversation.plugs[1].meter_works = True
    conversation.pass_time(1)
    conversation.unplug()
    assert told(conversation) == [(S.Charging, C.PowerMeterFailure), (S.Faulted, C.PowerMeterFailure), (S.Finishing, C.NoError),
                                  (S.Available, C.NoError)]


def test_the_thirty_seconds_begin_anew_after_a_reading(conversation: Conversation) -> None:
    """A meter that speaks now and then is not lost (F-METER)."""
    charge(conversation)
    for _ in range(4):
        conversation.plugs[1].meter_works = False
        conversation.pass_time(25)
        conversation.plugs[1].meter_works = True
        conversation.pass_time(2)
    assert conversation.closed
    assert conversation.of(StopTransactionReq) == []


def test_a_meter_that_was_lost_for_a_moment_gets_its_thirty_seconds_again(conversation: Conversation) -> None:
    """The patience of the first silence is not taken from the second, however much later that comes (F-METER)."""
    charge(conversation)
    for seconds in (60, 5):
        conversation.plugs[1].meter_works = False
        conversation.pass_time(5)
        conversation.plugs[1].meter_works = True
        conversation.pass_time(seconds)
    assert conversation.closed
    assert {status for status, _ in told(conversation)} == {S.Charging}


def test_charging_may_go_on_at_six_amperes_without_a_meter(talk: Talk) -> None:
    """`on_meter_loss = "continue"`: the warning stands, the least is offered, and the full offer comes back (F-METER)."""
    conversation = talk(charging=CONTINUE)
    charge(conversation)
    conversation.plugs[1].meter_works = False
    conversation.pass_time(600)
    assert conversation.plugs[1].offered_a == 6.0
    assert told(conversation) == [(S.Charging, C.PowerMeterFailure)]
    conversation.plugs[1].meter_works = True
    conversation.pass_time(1)
    assert conversation.plugs[1].offered_a > 6.0
    assert told(conversation)[-1] == (S.Charging, C.NoError)


@pytest.mark.parametrize("charging", ["", CONTINUE])
def test_no_transaction_begins_while_the_meter_is_silent(talk: Talk, charging: str) -> None:
    """Whatever is done for running ones: without a register there is no meterStart (F-METER)."""
    conversation = talk(charging=charging)
    conversation.plugs[1].meter_works = False
    conversation.pass_time(1)
    conversation.plug_in()
    conversation.card()
    conversation.pass_time(10)
    assert conversation.of(StartTransactionReq) == []


def test_a_start_that_a_silent_meter_held_up_does_not_happen_hours_later(conversation: Conversation) -> None:
    """Authorised and plugged, but no register: after ConnectionTimeOut the authorisation ends and the cable is free (TXN-5)."""
    conversation.card()
    conversation.plugs[1].meter_works = False
    conversation.pass_time(20)
    conversation.plug_in()
    conversation.pass_time(125)
    assert conversation.plugs[1].lock is LockState.UNLOCKED
    conversation.plugs[1].meter_works = True
    conversation.pass_time(5)
    assert conversation.of(StartTransactionReq) == []
    assert conversation.status is S.Preparing


# -- the reader ----------------------------------------------------------------------------------------------------------


def test_a_dead_reader_is_a_warning_of_the_charge_point_and_charging_goes_on(conversation: Conversation) -> None:
    """Connector 0: ReaderFailure, kind `rfid`, status as it was; NoError when it answers again (F-RFID, STAT-2)."""
    charge(conversation)
    conversation.say(ReaderFailed(0, "no answer"))
    conversation.say(ReaderFailed(0, "no answer"))
    (warning,) = conversation.of(StatusNotificationReq)
    assert (warning.connector_id, warning.status, warning.error_code) == (0, S.Available, C.ReaderFailure)
    assert warning.vendor_error_code == "rfid"
    conversation.say(ReaderFound(0))
    assert told(conversation, 0) == [(S.Available, C.ReaderFailure), (S.Available, C.NoError)]
    assert told(conversation) == []
    assert conversation.closed


def test_of_two_dead_readers_the_last_one_ends_the_warning(conversation: Conversation) -> None:
    """One that answers again does not speak for the other (F-RFID)."""
    conversation.say(ReaderFailed(0, "no answer"))
    conversation.say(ReaderFailed(1, "no answer"))
    conversation.say(ReaderFound(0))
    assert len(told(conversation, 0)) == 1
    conversation.say(ReaderFound(1))
    assert told(conversation, 0)[-1] == (S.Available, C.NoError)


# -- the guard -----------------------------------------------------------------------------------------------------------


def test_without_a_guard_every_connector_is_faulted_and_nothing_is_offered(talk: Talk) -> None:
    """InternalError on each; the offers are withdrawn, the transaction stays open and goes on when it answers (F-SAFEKILL)."""
    conversation = talk(connectors=2)
    charge(conversation)
    conversation.say(GuardLost())
    assert told(conversation, 1) == told(conversation, 2) == [(S.Faulted, C.InternalError)]
    assert conversation.plugs[1].offered_a == 0.0
    assert conversation.of(StopTransactionReq) == []
    conversation.say(GuardFound())
    conversation.change(1)
    assert told(conversation, 1)[-1] == (S.Charging, C.NoError)
    assert told(conversation, 2)[-1] == (S.Available, C.NoError)


# -- the disk ------------------------------------------------------------------------------------------------------------


def test_an_idle_connector_is_faulted_while_nothing_can_be_stored(talk: Talk) -> None:
    """Every connector Faulted with InternalError, kind `storage`; it recovers by itself (F-FULL, F-RO)."""
    conversation = talk(connectors=2)
    conversation.say(StorageFailed("disk full"))
    conversation.say(StorageFailed("disk full"))
    assert told(conversation, 1) == told(conversation, 2) == [(S.Faulted, C.InternalError)]
    assert {n.vendor_error_code for n in conversation.of(StatusNotificationReq)} == {"storage"}
    conversation.plug_in()
    conversation.card()
    assert conversation.of(StartTransactionReq) == []
    conversation.say(StorageFound())
    assert told(conversation, 1)[-1] == (S.Preparing, C.NoError)
    assert told(conversation, 2)[-1] == (S.Available, C.NoError)


def test_a_running_session_is_given_a_minute_before_it_is_stopped(conversation: Conversation) -> None:
    """A warning at once; if it is not cured in 60 s Faulted, and nothing is offered any more (F-FSYNC)."""
    charge(conversation)
    conversation.say(StorageFailed("input/output error"))
    conversation.pass_time(59)
    assert conversation.closed
    assert told(conversation) == [(S.Charging, C.InternalError)]
    conversation.pass_time(2)
    assert not conversation.closed
    assert told(conversation)[-1] == (S.Faulted, C.InternalError)
    assert [c for c in conversation.orders if isinstance(c, commands.WithdrawOffer)]
    conversation.say(StorageFound())
    assert conversation.closed
    assert told(conversation)[-1] == (S.Charging, C.NoError)


def test_a_disk_that_recovers_in_time_leaves_the_session_alone(conversation: Conversation) -> None:
    """Cured within the minute: the warning goes, and the minute begins anew the next time (F-FSYNC)."""
    charge(conversation)
    for _ in range(2):
        conversation.say(StorageFailed("disk full"))
        conversation.pass_time(45)
        conversation.say(StorageFound())
        conversation.pass_time(10)
    assert conversation.closed
    assert told(conversation) == [(S.Charging, C.InternalError), (S.Charging, C.NoError)] * 2


def test_a_session_that_ends_without_a_disk_leaves_a_faulted_connector(conversation: Conversation) -> None:
    """What was a warning for the session is Faulted for an idle connector (F-FULL)."""
    charge(conversation)
    conversation.say(StorageFailed("disk full"))
    conversation.card()
    assert told(conversation)[-1] == (S.Faulted, C.InternalError)


def test_a_meter_that_fails_twice_in_a_row_counts_from_the_first(conversation: Conversation) -> None:
    """Each failed attempt is reported; the thirty seconds are those since the last reading (F-METER)."""
    charge(conversation)
    conversation.plugs[1].meter_works = False
    conversation.pass_time(15)
    conversation.say(MeterFailed(1, "still no answer"))
    conversation.pass_time(17)
    assert conversation.of(StopTransactionReq)
