"""TriggerMessage: the answer first, then what was asked for, as it is now."""

import pytest

from controller import commands
from controller.ocpp.messages import Request
from controller.ocpp.messages.core import (
    BootNotificationConf,
    BootNotificationReq,
    ChangeAvailabilityReq,
    HeartbeatReq,
    MeterValuesReq,
    StatusNotificationReq,
)
from controller.ocpp.messages.remote_trigger import TriggerMessageConf, TriggerMessageReq
from controller.ocpp.types import (
    AvailabilityType,
    ChargePointStatus,
    MessageTrigger,
    RegistrationStatus,
    TriggerMessageStatus,
)
from tests.unit.station.conftest import Talk
from tests.unit.station.conversation import START, Conversation

ACCEPTED, REJECTED, NOT_IMPLEMENTED = (
    TriggerMessageStatus.Accepted, TriggerMessageStatus.Rejected, TriggerMessageStatus.NotImplemented)


def trigger(conversation: Conversation, message: MessageTrigger, connector_id: int | None = None) -> TriggerMessageStatus:
    """What TriggerMessage is answered."""
    conf = conversation.call(TriggerMessageReq(requested_message=message, connector_id=connector_id))
    assert isinstance(conf, TriggerMessageConf)
    return conf.status


def pending(conversation: Conversation) -> None:
    """The central system puts the charge point on hold."""
    conversation.answers[BootNotificationReq] = BootNotificationConf(
        status=RegistrationStatus.Pending, current_time=START, interval=600)
    conversation.connect()
    conversation.forget()


@pytest.mark.parametrize("message", [MessageTrigger.StatusNotification, MessageTrigger.MeterValues, MessageTrigger.Heartbeat])
def test_the_answer_leaves_before_the_message(conversation: Conversation, message: MessageTrigger) -> None:
    """TriggerMessage.conf first, the triggered CALL after it (TRG-1)."""
    assert trigger(conversation, message) is ACCEPTED
    reply, *calls = [c for c in conversation.orders if isinstance(c, commands.Reply | commands.SendCall)]
    assert isinstance(reply, commands.Reply)
    assert all(isinstance(call, commands.SendCall) and call.request.action == str(message) for call in calls)
    assert calls


def test_a_triggered_status_is_the_present_one_with_the_present_time(talk: Talk) -> None:
    """Not what was told last, and not when it began: what holds now, whatever MinimumStatusDuration says (TRG-3, STAT-4)."""
    conversation = talk(ocpp="MinimumStatusDuration = 600")
    conversation.plug_in()
    conversation.pass_time(77)
    assert conversation.of(StatusNotificationReq) == []
    trigger(conversation, MessageTrigger.StatusNotification, 1)
    (told,) = conversation.of(StatusNotificationReq)
    assert (told.status, told.timestamp) == (ChargePointStatus.Preparing, conversation.utc)


def test_a_status_that_was_triggered_is_not_told_again(talk: Talk) -> None:
    """The message that went out counts; the same status does not follow when its time has passed (TRG-5)."""
    conversation = talk(ocpp="MinimumStatusDuration = 60")
    conversation.plug_in()
    trigger(conversation, MessageTrigger.StatusNotification, 1)
    conversation.pass_time(120)
    assert len(conversation.of(StatusNotificationReq)) == 1


@pytest.mark.parametrize(("message", "connector_id", "answer", "sent"), [
    *((MessageTrigger.Heartbeat, number, ACCEPTED, [None]) for number in (None, 0, 1, 3)),
    *((MessageTrigger.BootNotification, number, REJECTED, []) for number in (None, 0, 1, 3)),
    *((MessageTrigger.DiagnosticsStatusNotification, number, NOT_IMPLEMENTED, []) for number in (None, 0, 1, 3)),
    *((MessageTrigger.FirmwareStatusNotification, number, NOT_IMPLEMENTED, []) for number in (None, 0, 1, 3)),
    (MessageTrigger.StatusNotification, None, ACCEPTED, [0, 1, 2]),
    *((MessageTrigger.StatusNotification, number, ACCEPTED, [number]) for number in (0, 1, 2)),
    (MessageTrigger.StatusNotification, 3, REJECTED, []),
    (MessageTrigger.MeterValues, None, ACCEPTED, [1, 2]),
    *((MessageTrigger.MeterValues, number, ACCEPTED, [number]) for number in (1, 2)),
    *((MessageTrigger.MeterValues, number, REJECTED, []) for number in (0, 3)),
], ids=str)
def test_each_message_with_and_without_a_connector(talk: Talk, message: MessageTrigger, connector_id: int | None,
                                                   answer: TriggerMessageStatus, sent: list[int | None]) -> None:
    """Relevant: that one, or all where none is named, Rejected where there is none; irrelevant: ignored (TRG-1, TRG-2, TRG-4, TRG-6)."""
    conversation = talk(connectors=2)
    assert trigger(conversation, message, connector_id) is answer
    assert [(request.action, getattr(request, "connector_id", None)) for _, request in conversation.sent] == [
        (str(message), number) for number in sent]


@pytest.mark.parametrize("connector_id", [None, 0, 1, 3])
def test_a_boot_is_triggered_whatever_connector_is_named(talk: Talk, connector_id: int | None) -> None:
    """In Pending, where BootNotification is possible, the connector means nothing to it (TRG-2, TRG-6, BOOT-11)."""
    conversation = talk(online=False)
    pending(conversation)
    assert trigger(conversation, MessageTrigger.BootNotification, connector_id) is ACCEPTED
    assert conversation.actions == ["BootNotification"]


def test_boot_notification_is_rejected_once_accepted(conversation: Conversation) -> None:
    """After Accepted there is nothing to notify until the next reboot (BOOT-11)."""
    assert trigger(conversation, MessageTrigger.BootNotification) is REJECTED
    conversation.pass_time(10)
    assert conversation.of(BootNotificationReq) == []


@pytest.mark.parametrize(("message", "expected"), [
    (MessageTrigger.BootNotification, [BootNotificationReq]),
    (MessageTrigger.Heartbeat, [HeartbeatReq]),
    (MessageTrigger.StatusNotification, [StatusNotificationReq] * 2),
    (MessageTrigger.MeterValues, [MeterValuesReq]),
], ids=str)
def test_in_pending_a_trigger_gets_out_what_else_must_stay(talk: Talk, message: MessageTrigger, expected: list[type[Request]]
                                                          ) -> None:
    """Pending: nothing leaves by itself, and every triggered message does (BOOT-5, TRG-7)."""
    conversation = talk(online=False)
    pending(conversation)
    conversation.plug_in()
    conversation.pass_time(400)
    assert conversation.sent == []
    assert trigger(conversation, message) is ACCEPTED
    assert [type(request) for _, request in conversation.sent] == expected


def test_a_triggered_boot_may_be_the_one_that_is_accepted(talk: Talk) -> None:
    """In Pending the operator triggers BootNotification instead of waiting for the interval (BOOT-5, BOOT-11)."""
    conversation = talk(online=False)
    pending(conversation)
    conversation.answers.clear()
    assert trigger(conversation, MessageTrigger.BootNotification) is ACCEPTED
    assert conversation.station.status()["registration"] == "Accepted"
    assert conversation.actions[:2] == ["BootNotification", "StatusNotification"]


def test_a_triggered_heartbeat_puts_off_the_next_one(conversation: Conversation) -> None:
    """HeartbeatInterval is a time of silence: it counts from the triggered one (TRG-5, HB-1)."""
    conversation.pass_time(200)
    trigger(conversation, MessageTrigger.Heartbeat)
    conversation.pass_time(299)
    assert len(conversation.of(HeartbeatReq)) == 1
    conversation.pass_time(2)
    assert len(conversation.of(HeartbeatReq)) == 2


def test_a_trigger_after_the_central_system_restarted_tells_of_charging(conversation: Conversation) -> None:
    """Reconnected in a transaction: the triggered status says Charging, not what a fresh boot would (TRG-3)."""
    conversation.plug_in()
    conversation.card()
    conversation.request_power()
    conversation.disconnect()
    conversation.pass_time(30)
    conversation.connect()
    conversation.forget()
    trigger(conversation, MessageTrigger.StatusNotification)
    assert [(n.connector_id, n.status) for n in conversation.of(StatusNotificationReq)] == [
        (0, ChargePointStatus.Available), (1, ChargePointStatus.Charging)]


def test_a_trigger_tells_of_unavailable_connectors_too(conversation: Conversation) -> None:
    """Connector 0 and the connector say what ChangeAvailability made of them (TRG-3, STAT-2)."""
    conversation.call(ChangeAvailabilityReq(connector_id=0, type=AvailabilityType.Inoperative))
    conversation.forget()
    trigger(conversation, MessageTrigger.StatusNotification)
    assert [n.status for n in conversation.of(StatusNotificationReq)] == [ChargePointStatus.Unavailable] * 2


def test_the_profile_can_be_left_out(talk: Talk) -> None:
    """SupportedFeatureProfiles without RemoteTrigger: the operation is NotSupported, as RPC asks (RPC-11, CFG-4)."""
    conversation = talk(ocpp='SupportedFeatureProfiles = "Core"')
    answer = conversation.call(TriggerMessageReq(requested_message=MessageTrigger.Heartbeat))
    assert isinstance(answer, tuple)
    assert answer[0] == "NotSupported"
    assert conversation.sent == []


def test_the_charge_point_as_a_whole_has_no_energy_of_its_own(talk: Talk) -> None:
    """Connector 0 would be the main meter, which is not read: no value of an outlet's meter is told of it (MTR-5, MTR-4)."""
    conversation = talk(connectors=2, ocpp="ClockAlignedDataInterval = 60\nMeterValueSampleInterval = 30")
    conversation.plug_in()
    conversation.card()
    conversation.request_power()
    conversation.pass_time(130)
    assert trigger(conversation, MessageTrigger.MeterValues) is ACCEPTED
    assert trigger(conversation, MessageTrigger.MeterValues, 0) is REJECTED
    assert {request.connector_id for request in conversation.of(MeterValuesReq)} == {1, 2}
