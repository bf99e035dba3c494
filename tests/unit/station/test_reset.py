"""Reset: end what runs, store it, then end the process (RST-1 to RST-6)."""

import pytest

from controller import commands
from controller.events import StorageFailed, StorageFound
from controller.ocpp.messages import core as m
from controller.ocpp.types import (
    ChargePointErrorCode,
    ChargePointStatus,
    Reason,
    RemoteStartStopStatus,
    ResetStatus,
    ResetType,
)
from tests.unit.station.conftest import Talk
from tests.unit.station.conversation import Conversation

STOP = m.StopTransactionReq
BOTH = pytest.mark.parametrize("kind", [ResetType.Soft, ResetType.Hard])


def charging(conversation: Conversation, connector_id: int = 1) -> None:
    """A car charges."""
    conversation.plug_in(connector_id)
    conversation.card(f"TAG{connector_id}", (connector_id,))
    conversation.request_power(connector_id)
    conversation.pass_time(5)


def restarts(conversation: Conversation) -> int:
    """How often the process was told to end."""
    return len(conversation.ordered(commands.Restart))


@BOTH
def test_an_idle_charge_point_answers_and_then_restarts(conversation: Conversation, kind: ResetType) -> None:
    """Accepted first, then the end of the process (RST-1)."""
    assert conversation.call(m.ResetReq(type=kind)) == m.ResetConf(status=ResetStatus.Accepted)
    conversation.pass_time(1)
    kinds = [type(order) for order in conversation.orders if isinstance(order, commands.Reply | commands.Restart)]
    assert kinds == [commands.Reply, commands.Restart]


@BOTH
def test_running_transactions_are_ended_first(talk: Talk, kind: ResetType) -> None:
    """Both connectors: StopTransaction with the reset's reason, Finishing, and only then the restart (RST-2, RST-3)."""
    conversation = talk(connectors=2)
    charging(conversation, 1)
    charging(conversation, 2)
    conversation.forget()
    conversation.call(m.ResetReq(type=kind))
    conversation.pass_time(5)
    assert [stop.reason for stop in conversation.of(STOP)] == [Reason(f"{kind.value}Reset")] * 2
    assert ChargePointStatus.Finishing in conversation.statuses(1)
    assert restarts(conversation) == 1
    assert isinstance(conversation.orders[-1], commands.Restart) or kind is ResetType.Hard


def test_a_soft_reset_waits_for_the_delivery_but_not_for_ever(conversation: Conversation) -> None:
    """No StopTransaction.conf: after 20 s it restarts, and delivers after the boot (RST-2, RST-6)."""
    charging(conversation)
    conversation.answers[STOP] = None
    conversation.call(m.ResetReq(type=ResetType.Soft))
    conversation.pass_time(18)
    assert restarts(conversation) == 0
    conversation.pass_time(3)
    assert restarts(conversation) == 1
    conversation.restart()
    conversation.answers.clear()
    conversation.connect()
    conversation.pass_time(5)
    assert {stop.reason for stop in conversation.of(STOP)} == {Reason.SoftReset}
    assert conversation.station.status()["queue_length"] == 0


def test_a_hard_reset_waits_only_for_the_disk(conversation: Conversation) -> None:
    """The StopTransaction is stored; delivering it can wait until after the boot (RST-3)."""
    charging(conversation)
    conversation.answers[STOP] = None
    conversation.call(m.ResetReq(type=ResetType.Hard))
    conversation.pass_time(3)
    assert restarts(conversation) == 1
    assert [message.action for message in conversation.store.load().outbox] == ["StopTransaction"]


def test_no_reset_before_the_contactor_is_open_and_the_bill_written(conversation: Conversation) -> None:
    """A car that draws on: the end is awaited even by a hard reset (RST-2, contract section 1)."""
    charging(conversation)
    conversation.plugs[1].obeys = False
    conversation.call(m.ResetReq(type=ResetType.Hard))
    conversation.pass_time(5)
    assert restarts(conversation) == 0
    conversation.change(obeys=True)
    conversation.pass_time(3)
    assert restarts(conversation) == 1
    assert conversation.store.load().transactions == ()


@BOTH
def test_nothing_starts_between_the_answer_and_the_restart(talk: Talk, kind: ResetType) -> None:
    """Card and remote start are refused, and who was waiting for a plug no longer is (RST-3)."""
    conversation = talk(connectors=2)
    charging(conversation, 1)
    conversation.plugs[1].obeys = False
    conversation.card("TAG2")
    conversation.call(m.ResetReq(type=kind))
    conversation.card("TAG3")
    answer = conversation.call(m.RemoteStartTransactionReq(id_tag="TAG4"))
    conversation.plug_in(2)
    conversation.request_power(2)
    conversation.pass_time(5)
    assert answer == m.RemoteStartTransactionConf(status=RemoteStartStopStatus.Rejected)
    assert len(conversation.of(m.StartTransactionReq)) == 1
    assert not conversation.plugs[2].closed


@BOTH
def test_after_the_reset_it_boots_and_tells_everything(conversation: Conversation, kind: ResetType) -> None:
    """BootNotification, the statuses, a plugged connector Finishing or Preparing, no second stop (RST-3, RST-4)."""
    charging(conversation)
    conversation.call(m.ResetReq(type=kind))
    conversation.pass_time(5)
    conversation.restart()
    conversation.forget()
    conversation.connect()
    conversation.pass_time(5)
    assert conversation.actions[0] == "BootNotification"
    assert conversation.status in {ChargePointStatus.Finishing, ChargePointStatus.Preparing}
    assert conversation.of(STOP) == []


def test_a_reset_that_a_cut_interrupts_keeps_its_reason(conversation: Conversation) -> None:
    """Power fails while the contactor opens: SoftReset all the same (PWR-5, RST-2)."""
    charging(conversation)
    conversation.plugs[1].obeys = False
    conversation.call(m.ResetReq(type=ResetType.Soft))
    conversation.plugs[1].obeys = True
    conversation.restart(power_cut=True)
    conversation.connect()
    conversation.pass_time(5)
    assert [stop.reason for stop in conversation.of(STOP)] == [Reason.SoftReset]


def test_a_second_reset_is_answered_and_hastens(conversation: Conversation) -> None:
    """Hard after Soft: Accepted again, and the wait for the delivery is over; one restart (RST-1, RST-3)."""
    charging(conversation)
    conversation.answers[STOP] = None
    conversation.call(m.ResetReq(type=ResetType.Soft))
    conversation.pass_time(5)
    assert conversation.call(m.ResetReq(type=ResetType.Hard)) == m.ResetConf(status=ResetStatus.Accepted)
    conversation.pass_time(1)
    assert restarts(conversation) == 1
    assert [stop.reason for stop in conversation.of(STOP)] == [Reason.SoftReset]


def test_a_reset_off_line_does_not_wait_for_a_delivery_that_cannot_be(conversation: Conversation) -> None:
    """The connection goes right after the answer: the restart comes once the end is stored (RST-2, RST-6)."""
    charging(conversation)
    conversation.answers[STOP] = None
    conversation.call(m.ResetReq(type=ResetType.Soft))
    conversation.disconnect()
    conversation.pass_time(5)
    assert restarts(conversation) == 1


def test_a_guard_that_never_speaks_does_not_hold_a_reset_back(conversation: Conversation) -> None:
    """A transaction found open, no word of the guard: the restart comes, and the reason is kept for later (RST-6, PWR-5)."""
    charging(conversation)
    conversation.guard_speaks = False
    conversation.restart()
    conversation.connect()
    conversation.call(m.ResetReq(type=ResetType.Soft))
    conversation.pass_time(25)
    assert restarts(conversation) == 1
    conversation.guard_speaks = True
    conversation.restart()
    conversation.connect()
    conversation.pass_time(10)
    assert [stop.reason for stop in conversation.of(STOP)] == [Reason.SoftReset]


@BOTH
def test_no_reset_is_left_undone_whatever_is_broken(conversation: Conversation, kind: ResetType) -> None:
    """Contact welded, bolt stuck, meter and central system silent: it restarts all the same (RST-6)."""
    charging(conversation)
    conversation.answers[STOP] = None
    plug = conversation.plugs[1]
    plug.meter_works = plug.bolt_works = False
    plug.welded = True
    conversation.call(m.UnlockConnectorReq(connector_id=1))
    assert conversation.call(m.ResetReq(type=kind)) == m.ResetConf(status=ResetStatus.Accepted)
    conversation.pass_time(40)
    assert restarts(conversation) == 1
    assert ChargePointErrorCode.ResetFailure not in {n.error_code for n in conversation.of(m.StatusNotificationReq)}


# -- a disk that refuses -------------------------------------------------------------------------------------------------

GIVEN_UP = "reset given up: nothing can be stored"


def tried_in_vain(conversation: Conversation, times: int) -> list[m.StatusNotificationReq]:
    """A soft reset that the disk fails from its beginning on; what was told of connector 0 after each of its tries."""
    charging(conversation)
    conversation.answers[STOP] = None
    conversation.call(m.ResetReq(type=ResetType.Soft))
    conversation.say(StorageFailed("disk full"))
    conversation.answer(m.StopTransactionConf())
    del conversation.answers[STOP]
    conversation.forget()
    conversation.pass_time(20.5 * times)
    return [told for told in conversation.of(m.StatusNotificationReq) if told.connector_id == 0]


def test_a_soft_reset_is_refused_while_nothing_can_be_stored(conversation: Conversation) -> None:
    """The ends could not be kept: Rejected, and the car charges on (RST-1, RST-5)."""
    conversation.say(StorageFailed("disk full"))
    assert conversation.call(m.ResetReq(type=ResetType.Soft)) == m.ResetConf(status=ResetStatus.Rejected)
    conversation.pass_time(60)
    assert restarts(conversation) == 0
    conversation.say(StorageFound())
    assert conversation.call(m.ResetReq(type=ResetType.Soft)) == m.ResetConf(status=ResetStatus.Accepted)
    conversation.pass_time(1)
    assert restarts(conversation) == 1


def test_a_hard_reset_goes_ahead_on_a_disk_that_refuses(conversation: Conversation) -> None:
    """It may be the cure: answered, nothing else is promised, and the process ends without waiting for the disk (RST-3, F-RO)."""
    charging(conversation)
    conversation.say(StorageFailed("read-only file system"))
    conversation.forget()
    assert conversation.call(m.ResetReq(type=ResetType.Hard)) == m.ResetConf(status=ResetStatus.Accepted)
    conversation.pass_time(1)
    assert restarts(conversation) == 0
    conversation.pass_time(1.5)
    assert conversation.ordered(commands.Restart) == [commands.Restart("HardReset", at_once=True)]


def test_a_soft_reset_that_the_disk_fails_is_tried_again_and_given_up(conversation: Conversation) -> None:
    """ResetRetries more tries, then ResetFailure of connector 0, once; the charge point serves on (RST-5)."""
    assert tried_in_vain(conversation, times=3) == []
    conversation.pass_time(20.5)
    (told,) = [told for told in conversation.of(m.StatusNotificationReq) if told.connector_id == 0]
    assert (told.status, told.error_code, told.info) == (ChargePointStatus.Available, ChargePointErrorCode.ResetFailure, GIVEN_UP)
    conversation.say(StorageFound())
    conversation.unplug()
    conversation.pass_time(300)
    assert restarts(conversation) == 0
    charging(conversation)
    assert conversation.status is ChargePointStatus.Charging


def test_the_key_says_how_often_a_reset_is_tried_again(talk: Talk) -> None:
    """ResetRetries 0: once, and that was it (RST-5)."""
    told = tried_in_vain(talk(ocpp="ResetRetries = 0"), times=1)
    assert [row.error_code for row in told] == [ChargePointErrorCode.ResetFailure]


def test_a_disk_that_comes_back_in_time_lets_the_reset_go_on(conversation: Conversation) -> None:
    """Within the tries: it restarts, and nothing is told of a failure (RST-5)."""
    assert tried_in_vain(conversation, times=2) == []
    conversation.say(StorageFound())
    conversation.pass_time(21)
    assert restarts(conversation) == 1


def test_a_hard_reset_ends_the_tries_of_a_soft_one(conversation: Conversation) -> None:
    """Somebody is in a hurry (RST-3)."""
    tried_in_vain(conversation, times=1)
    conversation.call(m.ResetReq(type=ResetType.Hard))
    conversation.pass_time(2.5)
    assert conversation.ordered(commands.Restart) == [commands.Restart("HardReset", at_once=True)]
