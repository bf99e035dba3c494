"""MeterValues that the central system asks for with TriggerMessage (MTR-14)."""

from controller.ocpp.messages.core import (
    BootNotificationConf,
    BootNotificationReq,
    MeterValuesReq,
)
from controller.ocpp.messages.remote_trigger import TriggerMessageConf, TriggerMessageReq
from controller.ocpp.types import (
    Measurand,
    MessageTrigger,
    ReadingContext,
    RegistrationStatus,
    TriggerMessageStatus,
)
from tests.unit.station.conftest import Talk
from tests.unit.station.conversation import START, Conversation
from tests.unit.station.test_metering import begin, measurands


def trigger(conversation: Conversation, connector_id: int | None = None) -> TriggerMessageStatus:
    """TriggerMessage(MeterValues)."""
    conf = conversation.call(TriggerMessageReq(requested_message=MessageTrigger.MeterValues, connector_id=connector_id))
    assert isinstance(conf, TriggerMessageConf)
    return conf.status


def test_triggered_values_are_current_and_say_so(talk: Talk) -> None:
    """The most recent values of MeterValuesSampledData with context Trigger, also outside a transaction (MTR-14, TRG-3)."""
    conversation = talk(ocpp='MeterValuesSampledData = "Voltage,Energy.Active.Import.Register"')
    assert trigger(conversation) is TriggerMessageStatus.Accepted
    (request,) = conversation.of(MeterValuesReq)
    assert request.meter_value[0].timestamp == conversation.utc
    assert measurands(request) == [Measurand.Voltage, Measurand.EnergyActiveImportRegister]
    assert {value.context for value in request.meter_value[0].sampled_value} == {ReadingContext.Trigger}
    assert request.transaction_id is None


def test_triggered_values_of_a_transaction_carry_its_id(talk: Talk) -> None:
    """Within a transaction they belong to it (MTR-4, MTR-14)."""
    conversation = talk()
    conversation.next_transaction_id = 99
    begin(conversation)
    trigger(conversation, 1)
    assert [request.transaction_id for request in conversation.of(MeterValuesReq)] == [99]


def test_a_trigger_that_could_send_nothing_is_rejected(talk: Talk) -> None:
    """Accepted promises a message; a silent meter has none, one that speaks is enough (TRG-1, MTR-17)."""
    conversation = talk(connectors=2)
    conversation.plugs[1].meter_works = False
    conversation.pass_time(12)
    assert trigger(conversation, 1) is TriggerMessageStatus.Rejected
    assert trigger(conversation, 2) is TriggerMessageStatus.Accepted
    assert trigger(conversation) is TriggerMessageStatus.Accepted
    assert [request.connector_id for request in conversation.of(MeterValuesReq)] == [2, 2]


def test_a_trigger_while_pending_is_the_only_way_for_values(talk: Talk) -> None:
    """Pending: nothing is sent by itself, what is triggered is (BOOT-5, TRG-7)."""
    conversation = talk(online=False, ocpp="ClockAlignedDataInterval = 10")
    conversation.answers[BootNotificationReq] = BootNotificationConf(
        status=RegistrationStatus.Pending, current_time=START, interval=600)
    conversation.connect()
    conversation.pass_time(35)
    assert conversation.of(MeterValuesReq) == []
    assert trigger(conversation) is TriggerMessageStatus.Accepted
    assert len(conversation.of(MeterValuesReq)) == 1
