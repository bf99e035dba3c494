"""BootNotification and what each answer to it means (BOOT-1 to BOOT-12, TIME-2, WS-7)."""

from datetime import timedelta

import pytest

from controller.ocpp.messages import Response
from controller.ocpp.messages import core as m
from controller.ocpp.messages.remote_trigger import TriggerMessageConf, TriggerMessageReq
from controller.ocpp.types import (
    ChargePointStatus,
    ConfigurationStatus,
    MessageTrigger,
    RegistrationStatus,
    RemoteStartStopStatus,
    TriggerMessageStatus,
)
from tests.unit.station.conftest import Talk
from tests.unit.station.conversation import Conversation

BOOT = m.BootNotificationReq
TRANSACTION_MESSAGES = {"StartTransaction", "StopTransaction", "MeterValues"}


def answer_boot(talk: Conversation, status: RegistrationStatus, interval: int = 300) -> None:
    """What the central system says to every BootNotification from here on."""
    talk.answers[BOOT] = lambda _request: m.BootNotificationConf(status=status, current_time=talk.utc, interval=interval)


# -- Accepted --------------------------------------------------------------------------------------------------------


def test_nothing_but_the_boot_notification_leaves_before_it_is_answered(talk: Talk) -> None:
    """A car, a card and five minutes of waiting: still only BootNotification has been sent (BOOT-1)."""
    conversation = talk(online=False, charging='before_accepted = true\nfree_id_tag = "FREE"')
    conversation.answers[BOOT] = None
    conversation.connect()
    conversation.plug_in()
    conversation.request_power()
    conversation.pass_time(300)
    assert conversation.station.connectors[0].transaction is not None
    assert conversation.actions == ["BootNotification"]


def test_the_boot_notification_says_what_the_configuration_says(talk: Talk) -> None:
    """Vendor and model as configured; what is not configured is absent, not empty (BOOT-1)."""
    conversation = talk(online=False)
    conversation.connect()
    boot, = conversation.of(BOOT)
    assert (boot.charge_point_vendor, boot.charge_point_model) == ("Example", "Pi")
    assert boot.iccid is None
    assert boot.charge_point_serial_number is None


def test_after_acceptance_every_connector_and_the_charge_point_report_their_status(talk: Talk) -> None:
    """StatusNotification for connector 0, 1 and 2 with what is true now (BOOT-3, B1)."""
    conversation = talk(online=False, connectors=2)
    conversation.plug_in(2)
    conversation.connect()
    assert conversation.actions[0] == "BootNotification"
    assert {n.connector_id: n.status for n in conversation.of(m.StatusNotificationReq)} == {
        0: ChargePointStatus.Available, 1: ChargePointStatus.Available, 2: ChargePointStatus.Preparing}
    assert len(conversation.of(m.StatusNotificationReq)) == 3


@pytest.mark.parametrize(("interval_s", "kept"), [
    pytest.param(120, "120", id="as told"),
    pytest.param(0, "77", id="0 keeps the configured one"),
    pytest.param(-5, "77", id="negative keeps the configured one"),
    pytest.param(10**9, "86400", id="absurdly long is cut to a day"),
])
def test_the_accepted_interval_becomes_the_heartbeat_interval(talk: Talk, interval_s: int, kept: str) -> None:
    """Stored under HeartbeatInterval, and found there after a restart (BOOT-2, F-ORDER)."""
    conversation = talk(online=False, ocpp="HeartbeatInterval = 77")
    answer_boot(conversation, RegistrationStatus.Accepted, interval_s)
    conversation.connect()
    assert conversation.station.settings.text("HeartbeatInterval") == kept
    conversation.restart()
    assert conversation.station.settings.text("HeartbeatInterval") == kept


def test_a_restart_boots_again_although_it_was_accepted_before(talk: Talk) -> None:
    """Every start of the process is a boot (BOOT-1, RST-4)."""
    conversation = talk()
    conversation.restart()
    conversation.forget()
    conversation.connect()
    assert conversation.actions[0] == "BootNotification"


# -- Pending ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def pending(talk: Talk) -> Conversation:
    """Accepted once long ago; after a restart the central system says Pending, interval 30 s."""
    conversation = talk()
    conversation.restart()
    answer_boot(conversation, RegistrationStatus.Pending, 30)
    conversation.connect()
    conversation.forget()
    return conversation


@pytest.mark.parametrize("status", [RegistrationStatus.Pending, RegistrationStatus.Rejected])
@pytest.mark.parametrize(("interval_s", "wait_s"), [
    pytest.param(30, 30, id="as told"),
    pytest.param(0, 60, id="0 is csms.boot_retry_s"),
    pytest.param(-1, 60, id="negative is csms.boot_retry_s"),
    pytest.param(10**9, 86_400, id="absurdly long is cut to a day"),
])
def test_boot_notification_is_repeated_after_the_interval(talk: Talk, status: RegistrationStatus, interval_s: int,
                                                          wait_s: int) -> None:
    """Not a second earlier, whatever the interval says (BOOT-4, BOOT-5, BOOT-7)."""
    conversation = talk(online=False)
    answer_boot(conversation, status, interval_s)
    conversation.connect()
    assert len(conversation.of(BOOT)) == 1
    conversation.monotonic_s += wait_s - 2
    conversation.pass_time(1.5)
    assert len(conversation.of(BOOT)) == 1
    conversation.pass_time(1)
    assert len(conversation.of(BOOT)) == 2


def test_pending_sends_nothing_of_its_own_accord(pending: Conversation) -> None:
    """A whole session while Pending: nothing of it is sent, no Heartbeat either; Accepted lets it all out in order (B2)."""
    pending.answers[m.AuthorizeReq] = None
    pending.station.settings.apply(pending.station.settings.change("AllowOfflineTxForUnknownId", "true"))
    pending.card("TAG1")
    pending.plug_in()
    pending.request_power()
    pending.pass_time(600)
    pending.unplug()
    pending.pass_time(10)
    assert set(pending.actions) == {"BootNotification"}
    answer_boot(pending, RegistrationStatus.Accepted)
    pending.pass_time(40)
    told = [action for action in pending.actions if action in TRANSACTION_MESSAGES]
    assert told[0] == "StartTransaction"
    assert told[-1] == "StopTransaction"
    assert told.count("StartTransaction") == told.count("StopTransaction") == 1
    assert "Authorize" not in pending.actions


def test_pending_answers_the_central_system(pending: Conversation) -> None:
    """GetConfiguration and ChangeConfiguration work before acceptance, secrets included (BOOT-5, BOOT-12, CFG-8)."""
    asked = pending.call(m.GetConfigurationReq(key=["HeartbeatInterval"]))
    changed = pending.call(m.ChangeConfigurationReq(key="AuthorizationKey", value="00" * 16))
    assert isinstance(asked, m.GetConfigurationConf)
    assert changed == m.ChangeConfigurationConf(status=ConfigurationStatus.Accepted)
    assert pending.actions == []


@pytest.mark.parametrize("trigger", [MessageTrigger.BootNotification, MessageTrigger.Heartbeat,
                                     MessageTrigger.StatusNotification, MessageTrigger.MeterValues])
def test_pending_sends_what_is_triggered(pending: Conversation, trigger: MessageTrigger) -> None:
    """TriggerMessage is answered Accepted, and the message really follows (BOOT-5, TRG-7)."""
    answer = pending.call(TriggerMessageReq(requested_message=trigger, connector_id=1))
    assert answer == TriggerMessageConf(status=TriggerMessageStatus.Accepted)
    assert pending.actions == [trigger.value]


def test_a_triggered_heartbeat_while_pending_is_not_followed_by_others(pending: Conversation) -> None:
    """No Heartbeat of our own unless Accepted, and none that piled up when it is (HB-3)."""
    pending.call(TriggerMessageReq(requested_message=MessageTrigger.Heartbeat))
    pending.pass_time(1000)
    answer_boot(pending, RegistrationStatus.Accepted)
    pending.pass_time(40)
    assert len(pending.of(m.HeartbeatReq)) == 1


def test_pending_refuses_remote_start_and_remote_stop(pending: Conversation) -> None:
    """Neither is allowed before acceptance, and neither has an effect (BOOT-6)."""
    pending.plug_in()
    started = pending.call(m.RemoteStartTransactionReq(id_tag="TAG1", connector_id=1))
    assert started == m.RemoteStartTransactionConf(status=RemoteStartStopStatus.Rejected)
    assert pending.station.connectors[0].waiting is None


def test_pending_refuses_to_stop_a_transaction_remotely(talk: Talk) -> None:
    """A transaction that goes on over a restart is not stopped by a central system that has not accepted us (BOOT-6)."""
    conversation = talk(charging='after_power_loss = "resume"')
    conversation.plug_in()
    conversation.card()
    conversation.restart()
    answer_boot(conversation, RegistrationStatus.Pending, 30)
    conversation.connect()
    stopped = conversation.call(m.RemoteStopTransactionReq(transaction_id=1))
    assert stopped == m.RemoteStopTransactionConf(status=RemoteStartStopStatus.Rejected)
    transaction = conversation.station.connectors[0].transaction
    assert transaction is not None
    assert transaction.stop_reason is None


def test_a_remote_start_before_the_boot_is_answered_is_rejected(talk: Talk) -> None:
    """Accepted would promise a start that nobody may authorise yet (BOOT-6)."""
    conversation = talk()
    conversation.restart()
    conversation.answers[BOOT] = None
    conversation.connect()
    conversation.plug_in()
    answer = conversation.call(m.RemoteStartTransactionReq(id_tag="TAG1", connector_id=1))
    assert answer == m.RemoteStartTransactionConf(status=RemoteStartStopStatus.Rejected)


def test_accepted_on_a_triggered_boot_ends_the_waiting(talk: Talk) -> None:
    """No further BootNotification when the interval of Pending runs out; a reconnect need not wait for it (BOOT-4, WS-7)."""
    conversation = talk(online=False, csms="boot_on_reconnect = true")
    answer_boot(conversation, RegistrationStatus.Pending, 3000)
    conversation.connect()
    answer_boot(conversation, RegistrationStatus.Accepted)
    conversation.call(TriggerMessageReq(requested_message=MessageTrigger.BootNotification))
    conversation.pass_time(10)
    conversation.disconnect()
    conversation.connect()
    assert conversation.moments_of(BOOT) == pytest.approx([0, 0, 10], abs=0.1)


def test_accepted_on_a_triggered_boot_is_not_followed_by_the_repeated_one(pending: Conversation) -> None:
    """The repetition that Pending had planned is off (BOOT-4)."""
    answer_boot(pending, RegistrationStatus.Accepted)
    pending.call(TriggerMessageReq(requested_message=MessageTrigger.BootNotification))
    pending.pass_time(100)
    assert len(pending.of(BOOT)) == 1


def test_no_heartbeats_pile_up_while_pending(talk: Talk) -> None:
    """Accepted, then Pending for an hour after a reconnect: afterwards no burst of what was not beaten (HB-3)."""
    conversation = talk(csms="boot_on_reconnect = true")
    conversation.disconnect()
    answer_boot(conversation, RegistrationStatus.Pending, 3600)
    conversation.connect()
    conversation.pass_time(3590)
    answer_boot(conversation, RegistrationStatus.Accepted)
    conversation.pass_time(20)
    assert conversation.of(m.HeartbeatReq) == []


# -- Rejected --------------------------------------------------------------------------------------------------------


def test_rejected_is_silent_until_the_interval_has_passed(talk: Talk) -> None:
    """No message leaves and no CALL is answered, over reconnects too; then BootNotification once more (BOOT-7, B3)."""
    conversation = talk(online=False)
    answer_boot(conversation, RegistrationStatus.Rejected, 100)
    conversation.connect()
    conversation.forget()
    assert conversation.call(m.GetConfigurationReq()) is None
    assert conversation.call(TriggerMessageReq(requested_message=MessageTrigger.BootNotification)) is None
    conversation.pass_time(50)
    conversation.disconnect()
    conversation.connect()
    conversation.pass_time(49)
    assert conversation.call(m.GetConfigurationReq()) is None
    assert conversation.actions == []
    answer_boot(conversation, RegistrationStatus.Accepted)
    conversation.pass_time(2)
    assert conversation.actions[0] == "BootNotification"
    assert conversation.call(m.GetConfigurationReq()) is not None


def test_what_pending_had_triggered_does_not_leave_once_it_is_rejected(pending: Conversation) -> None:
    """The trigger was taken while a boot was in flight, the answer to which says Rejected: silence, then and later (BOOT-7)."""
    pending.answers[BOOT] = None
    pending.pass_time(31)
    assert pending.actions == ["BootNotification"]
    answer = pending.call(TriggerMessageReq(requested_message=MessageTrigger.Heartbeat))
    assert answer == TriggerMessageConf(status=TriggerMessageStatus.Accepted)
    pending.answer(m.BootNotificationConf(status=RegistrationStatus.Rejected, current_time=pending.utc, interval=600))
    pending.pass_time(500)
    assert pending.actions == ["BootNotification"]


def test_a_boot_interval_that_ends_without_a_connection_boots_at_the_next_one(talk: Talk) -> None:
    """The wait is a minimum: past it the first connection brings the BootNotification at once (BOOT-4)."""
    conversation = talk(online=False)
    answer_boot(conversation, RegistrationStatus.Rejected, 100)
    conversation.connect()
    conversation.disconnect()
    conversation.pass_time(200)
    assert len(conversation.of(BOOT)) == 1
    conversation.connect()
    assert len(conversation.of(BOOT)) == 2


# -- no answer -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", ["InternalError", "SecurityError", "TimedOut", "BadAnswer"])
def test_a_boot_notification_that_fails_is_repeated_after_boot_retry_s(talk: Talk, code: str) -> None:
    """CALLERROR, nonsense or no answer at all: again after csms.boot_retry_s, and not accepted meanwhile (BOOT-8)."""
    conversation = talk(online=False, csms="boot_retry_s = 17")
    conversation.answers[BOOT] = None
    conversation.connect()
    conversation.fail(code)
    conversation.pass_time(16.5)
    assert conversation.actions == ["BootNotification"]
    conversation.answers.clear()
    conversation.pass_time(1)
    assert conversation.actions[:3] == ["BootNotification", "BootNotification", "StatusNotification"]
    first, second = conversation.ids_of(BOOT)
    assert first != second


def test_a_connection_lost_while_booting_boots_anew_at_once(talk: Talk) -> None:
    """A BootNotification that was cut off is sent again on the next connection, without any wait (BOOT-1)."""
    conversation = talk(online=False)
    conversation.answers[BOOT] = None
    conversation.connect()
    conversation.disconnect()
    conversation.connect()
    assert conversation.actions == ["BootNotification", "BootNotification"]


# -- reconnect -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("csms", "boots"), [
    pytest.param("", 0, id="by the standard"),
    pytest.param("boot_on_reconnect = true", 1, id="boot_on_reconnect"),
    pytest.param("compat = true", 1, id="compat"),
])
def test_a_mere_reconnect_boots_only_if_it_is_told_to(talk: Talk, csms: str, boots: int) -> None:
    """After Accepted a new connection needs no BootNotification; some central systems want one (WS-7)."""
    conversation = talk(csms=csms)
    conversation.disconnect()
    conversation.pass_time(30)
    conversation.connect()
    conversation.pass_time(5)
    assert len(conversation.of(BOOT)) == boots
    assert conversation.station.status()["registration"] == "Accepted"


def test_a_trigger_for_boot_notification_is_rejected_once_accepted(conversation: Conversation) -> None:
    """There is nothing to notify until the next boot (BOOT-11)."""
    answer = conversation.call(TriggerMessageReq(requested_message=MessageTrigger.BootNotification))
    assert answer == TriggerMessageConf(status=TriggerMessageStatus.Rejected)
    assert conversation.actions == []


def test_a_card_that_waits_for_its_verdict_does_not_start_hours_later(talk: Talk) -> None:
    """Accepted turned into Pending: an Authorize that could not leave is decided as if offline (BOOT-5, AUTH-13).

    Sent when registration comes back, it would start whatever car is plugged by then.
    """
    conversation = talk(csms="boot_on_reconnect = true")
    conversation.disconnect()
    conversation.answers[BOOT] = None
    conversation.connect()
    conversation.card("TAG1")
    answer_boot(conversation, RegistrationStatus.Pending, 3000)
    conversation.answer(m.BootNotificationConf(status=RegistrationStatus.Pending, current_time=conversation.utc,
                                               interval=3000))
    conversation.pass_time(60)
    conversation.plug_in()
    answer_boot(conversation, RegistrationStatus.Accepted)
    conversation.pass_time(3000)
    assert conversation.of(m.AuthorizeReq) == []
    assert conversation.of(m.StartTransactionReq) == []


# -- charging before acceptance --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("charging", "charges"), [
    pytest.param("", False, id="never accepted"),
    pytest.param("before_accepted = true", True, id="the operator allows it"),
])
def test_charging_before_the_first_acceptance_is_the_operators_choice(talk: Talk, charging: str, charges: bool) -> None:
    """Refused unless `before_accepted` says otherwise (BOOT-9)."""
    conversation = talk(online=False, charging=charging, ocpp="AllowOfflineTxForUnknownId = true")
    conversation.plug_in()
    conversation.card()
    conversation.request_power()
    conversation.pass_time(5)
    assert conversation.closed is charges


def test_an_acceptance_is_remembered_over_a_restart(talk: Talk) -> None:
    """Once accepted, a later start may charge before it reaches the central system (BOOT-9, B4)."""
    conversation = talk(ocpp="AllowOfflineTxForUnknownId = true")
    conversation.restart()
    conversation.plug_in()
    conversation.card()
    conversation.request_power()
    conversation.pass_time(5)
    assert conversation.closed


# -- the clock -------------------------------------------------------------------------------------------------------


def clock_orders(conversation: Conversation) -> list[float]:
    """How far off each SetClock says our clock is, in seconds."""
    return conversation.clock_set_by_s


@pytest.mark.parametrize(("off_s", "trusted", "orders"), [
    pytest.param(0.4, True, [], id="transit time is no error"),
    pytest.param(90.0, True, [90.0], id="ahead"),
    pytest.param(-90.0, True, [-90.0], id="behind"),
    pytest.param(0.4, False, [0.4], id="an untrusted clock takes every word"),
])
@pytest.mark.parametrize("heartbeat", [False, True], ids=["BootNotification", "Heartbeat"])
def test_the_clock_follows_the_central_system(talk: Talk, off_s: float, trusted: bool, orders: list[float],
                                              heartbeat: bool) -> None:
    """From every BootNotification.conf and Heartbeat.conf, beyond a tolerance of 1 s (TIME-2, BOOT-2)."""
    conversation = talk(online=False)
    conversation.clock_trusted = trusted

    def told(_request: object) -> Response:
        now = conversation.utc + timedelta(seconds=off_s)
        if heartbeat:
            return m.HeartbeatConf(current_time=now)
        return m.BootNotificationConf(status=RegistrationStatus.Accepted, current_time=now, interval=300)

    if heartbeat:
        conversation.connect()
        conversation.clock_set_by_s.clear()
        conversation.clock_trusted = trusted
        conversation.answers[m.HeartbeatReq] = told
        conversation.call(TriggerMessageReq(requested_message=MessageTrigger.Heartbeat))
    else:
        conversation.answers[BOOT] = told
        conversation.connect()
    assert clock_orders(conversation) == orders
