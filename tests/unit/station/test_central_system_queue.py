"""The delivery queue: transaction messages arrive in order, exactly once, whatever happens meanwhile (QUE-1 to QUE-12)."""

import msgspec
import pytest

from controller.events import NOT_STORED
from controller.ocpp.messages import Request
from controller.ocpp.messages import core as m
from controller.ocpp.messages.remote_trigger import TriggerMessageReq
from controller.ocpp.types import (
    AuthorizationStatus,
    ChargePointStatus,
    ConfigurationStatus,
    MessageTrigger,
    RegistrationStatus,
)
from controller.station import central_system
from tests.unit.station.conftest import Talk
from tests.unit.station.conversation import Conversation, invalid

START, STOP, VALUES = m.StartTransactionReq, m.StopTransactionReq, m.MeterValuesReq
OFFLINE = "AllowOfflineTxForUnknownId = true\n"


def owed(conversation: Conversation) -> list[Request]:
    """The transaction messages that went out, in order, repetitions included."""
    return [request for _, request in conversation.sent if isinstance(request, START | STOP | VALUES)]


def session(conversation: Conversation, connector_id: int = 1, *, id_tag: str = "TAG1", seconds: float = 150) -> None:
    """A whole charging session at one connector."""
    conversation.plug_in(connector_id)
    conversation.card(id_tag, (connector_id,))
    conversation.request_power(connector_id)
    conversation.pass_time(seconds)
    conversation.unplug(connector_id)
    conversation.pass_time(10)


def begun(conversation: Conversation) -> None:
    """A car is charging on connector 1, and what began it is on its way."""
    conversation.plug_in()
    conversation.card("TAG1")
    conversation.request_power()
    conversation.pass_time(1)


def ended(conversation: Conversation) -> None:
    """The session on connector 1 is over and the car gone."""
    conversation.unplug()
    conversation.pass_time(10)


# -- order and persistence -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("restart", [False, True], ids=["one process", "over a power cut"])
def test_a_backlog_is_delivered_in_the_order_in_which_it_happened(talk: Talk, restart: bool) -> None:
    """Two connectors, one queue: first in, first out, with the times of then (QUE-1, QUE-2, QUE-3, QUE-11, T4)."""
    conversation = talk(connectors=2, ocpp=OFFLINE)
    conversation.disconnect()
    conversation.plug_in(2)
    conversation.card("TAG2", (2,))
    conversation.request_power(2)
    conversation.pass_time(30)
    session(conversation, 1)
    conversation.pass_time(30)
    conversation.unplug(2)
    conversation.pass_time(10)
    assert conversation.actions == []
    if restart:
        conversation.restart(power_cut=True)
    conversation.connect()
    conversation.pass_time(5)
    sent = owed(conversation)
    bounds = [(r.action, getattr(r, "id_tag", None)) for r in sent if not isinstance(r, VALUES)]
    assert [action for action, _ in bounds] == ["StartTransaction"] * 2 + ["StopTransaction"] * 2
    assert [tag for action, tag in bounds if action == "StartTransaction"] == ["TAG2", "TAG1"]
    times = [r.meter_value[0].timestamp if isinstance(r, VALUES) else r.timestamp for r in sent
             if isinstance(r, START | STOP | VALUES)]
    assert times == sorted(times)
    assert times[0] < conversation.utc
    ids = {r.id_tag: number for number, r in enumerate(conversation.of(START), start=1)}
    assert ids == {"TAG2": 1, "TAG1": 2}
    assert [stop.transaction_id for stop in conversation.of(STOP)] == [2, 1]


def test_late_ids_are_filled_in_when_the_start_is_answered(talk: Talk) -> None:
    """Offline start, online stop: MeterValues and StopTransaction carry the id that came later, never -1 (T5, TXN-21)."""
    conversation = talk(ocpp=OFFLINE)
    conversation.next_transaction_id = 4711
    conversation.disconnect()
    session(conversation)
    conversation.connect()
    conversation.pass_time(5)
    assert {r.transaction_id for r in conversation.of(VALUES)} == {4711}
    assert conversation.of(STOP)[0].transaction_id == 4711


def test_after_a_reboot_nothing_is_flushed_before_acceptance(talk: Talk) -> None:
    """Pending holds the queue back; Accepted lets it go (QUE-5, BOOT-1)."""
    conversation = talk(ocpp=OFFLINE)
    conversation.disconnect()
    session(conversation)
    conversation.restart()
    conversation.answers[m.BootNotificationReq] = m.BootNotificationConf(
        status=RegistrationStatus.Pending, current_time=conversation.utc, interval=30)
    conversation.connect()
    conversation.pass_time(20)
    assert owed(conversation) == []
    conversation.answers.clear()
    conversation.pass_time(15)
    assert owed(conversation)[-1].action == "StopTransaction"


def test_after_a_mere_reconnect_the_queue_flows_at_once(talk: Talk) -> None:
    """Accepted still holds, so no boot is awaited (QUE-5, WS-7)."""
    conversation = talk(ocpp=OFFLINE)
    conversation.disconnect()
    session(conversation)
    conversation.connect()
    assert owed(conversation)[0].action == "StartTransaction"
    assert owed(conversation)[-1].action == "StopTransaction"
    assert "BootNotification" not in conversation.actions


def test_a_delivered_message_is_never_sent_again(talk: Talk) -> None:
    """Neither after a reconnect nor after a restart (QUE-2)."""
    conversation = talk()
    session(conversation)
    conversation.forget()
    conversation.disconnect()
    conversation.connect()
    conversation.restart()
    conversation.connect()
    conversation.pass_time(200)
    assert owed(conversation) == []
    assert conversation.station.status()["queue_length"] == 0


# -- attempts --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("attempts", "interval_s", "moments_s"), [
    (1, 60, [0]),
    (2, 60, [0, 60]),
    (3, 60, [0, 60, 180]),
    (4, 10, [0, 10, 30, 60]),
    (3, 0, [0, 0, 0]),
], ids=str)
@pytest.mark.parametrize("code", ["InternalError", "RpcFrameworkError"])
def test_the_nth_failure_is_followed_by_n_intervals(talk: Talk, attempts: int, interval_s: int, moments_s: list[int],
                                                    code: str) -> None:
    """Attempts and their distances exactly; then the message is dropped and the next one has its turn (QUE-6, QUE-8, T1).

    Any CALLERROR counts, whatever its code.
    """
    conversation = talk(ocpp=f"TransactionMessageAttempts = {attempts}\nTransactionMessageRetryInterval = {interval_s}\n"
                             "MeterValueSampleInterval = 0")
    conversation.answers[START] = code
    begun(conversation)
    ended(conversation)
    conversation.pass_time(400)
    assert conversation.moments_of(START) == pytest.approx(moments_s, abs=0.01)
    assert len(conversation.of(STOP)) == 1
    assert len(conversation.store.dead_letters) == 1


def test_silence_counts_as_a_failed_attempt(talk: Talk) -> None:
    """A time-out leads to the same retries as a refusal (QUE-7, T2)."""
    conversation = talk(ocpp="TransactionMessageRetryInterval = 20\nMeterValueSampleInterval = 0")
    conversation.answers[START] = None
    begun(conversation)
    for pause_s in (20, 40):
        conversation.pass_time(30)
        conversation.fail("TimedOut")
        conversation.pass_time(pause_s - 1)
        assert not conversation.in_flight
        conversation.pass_time(2)
        assert conversation.in_flight
    conversation.fail("TimedOut")
    assert len(conversation.of(START)) == 3
    assert [letter.action for letter, _ in conversation.store.dead_letters] == ["StartTransaction"]


def test_time_offline_and_cut_off_attempts_do_not_count(talk: Talk) -> None:
    """Twenty lost connections with StartTransaction in flight: it is still owed, and delivered at last (QUE-7)."""
    conversation = talk(ocpp="TransactionMessageRetryInterval = 1")
    conversation.answers[START] = None
    begun(conversation)
    for _ in range(20):
        conversation.disconnect()
        conversation.pass_time(100)
        conversation.connect()
    conversation.answers.clear()
    conversation.disconnect()
    conversation.connect()
    conversation.pass_time(1)
    assert conversation.store.dead_letters == []
    assert conversation.station.status()["queue_length"] == 0
    assert len(set(conversation.ids_of(START))) == 1


def test_a_reconnect_does_not_shorten_the_pause(talk: Talk) -> None:
    """Else a link that flaps while the central system is in trouble would use the attempts up in seconds (QUE-6)."""
    conversation = talk(ocpp="TransactionMessageRetryInterval = 60\nMeterValueSampleInterval = 0")
    conversation.answers[START] = "InternalError"
    begun(conversation)
    for _ in range(5):
        conversation.disconnect()
        conversation.pass_time(1)
        conversation.connect()
        conversation.pass_time(1)
    conversation.pass_time(171)
    assert conversation.moments_of(START) == pytest.approx([0, 60, 180], abs=0.01)


def test_a_pause_that_ends_offline_is_over(talk: Talk) -> None:
    """The next connection sends at once (QUE-2, QUE-6)."""
    conversation = talk(ocpp="TransactionMessageRetryInterval = 60\nMeterValueSampleInterval = 0")
    conversation.answers[START] = "InternalError"
    begun(conversation)
    conversation.disconnect()
    conversation.pass_time(100)
    conversation.answers.clear()
    conversation.connect()
    assert len(conversation.of(START)) == 2


def test_a_message_that_the_disk_kept_back_is_no_attempt(talk: Talk) -> None:
    """Not sent because it was not stored: again after five seconds under the same id, as often as it takes (QUE-7, F-FULL)."""
    conversation = talk(ocpp="MeterValueSampleInterval = 0")
    conversation.answers[START] = None
    begun(conversation)
    for _ in range(10):
        conversation.fail(NOT_STORED)
        assert not conversation.in_flight
        conversation.pass_time(5.5)
        assert conversation.in_flight
    conversation.answers.clear()
    conversation.answer(conversation_accepts(5))
    ended(conversation)
    assert len(set(conversation.ids_of(START))) == 1
    assert conversation.of(STOP)[0].transaction_id == 5


def test_attempts_made_before_a_restart_count_after_it(talk: Talk) -> None:
    """Two refusals, a restart, one more refusal: dropped as the third of three (T1, contract: settled)."""
    conversation = talk(ocpp="TransactionMessageRetryInterval = 1\nMeterValueSampleInterval = 0")
    conversation.answers[START] = "InternalError"
    begun(conversation)
    conversation.pass_time(1)
    assert len(conversation.of(START)) == 2
    conversation.restart()
    conversation.connect()
    conversation.pass_time(10)
    assert len(conversation.of(START)) == 3
    assert [letter.action for letter, _ in conversation.store.dead_letters] == ["StartTransaction"]


@pytest.mark.parametrize("value", ["0", "-1", "x"])
def test_no_attempts_at_all_is_not_a_setting(conversation: Conversation, value: str) -> None:
    """TransactionMessageAttempts below 1 is refused (QUE-8)."""
    answer = conversation.call(m.ChangeConfigurationReq(key="TransactionMessageAttempts", value=value))
    assert answer == m.ChangeConfigurationConf(status=ConfigurationStatus.Rejected)


# -- what is sent again ----------------------------------------------------------------------------------------------


def sent_twice(conversation: Conversation, how: str) -> None:
    """StartTransaction fails once in one of the possible ways and goes out a second time."""
    conversation.answers[START] = None
    begun(conversation)
    match how:
        case "lost":
            conversation.disconnect()
            conversation.pass_time(5)
            conversation.connect()
        case "killed":
            conversation.restart(offers_survive=True, after_s=5)
            conversation.connect()
            conversation.pass_time(1)
        case _:
            conversation.fail(how)
            conversation.pass_time(70)


@pytest.mark.parametrize(("how", "same_id"), [
    pytest.param("TimedOut", True, id="no answer"),
    pytest.param("lost", True, id="connection lost"),
    pytest.param("killed", True, id="process killed"),
    pytest.param("InternalError", False, id="CALLERROR"),
    pytest.param("BadAnswer", False, id="unreadable answer"),
])
def test_a_message_is_sent_again_byte_for_byte(talk: Talk, how: str, same_id: bool) -> None:
    """The same bytes; the same id where the first may still be answered, a fresh one after a refusal (RPC-3, RPC-4)."""
    conversation = talk(ocpp="MeterValueSampleInterval = 0")
    sent_twice(conversation, how)
    first, second = conversation.of(START)
    assert msgspec.json.encode(first) == msgspec.json.encode(second)
    first_id, second_id = conversation.ids_of(START)
    assert (first_id == second_id) is same_id


def test_a_late_answer_during_the_pause_is_taken(talk: Talk) -> None:
    """The answer that came after its time-out delivers: no second attempt is made, and the queue flows at once (RPC-4)."""
    conversation = talk(ocpp="MeterValueSampleInterval = 0")
    conversation.answers[START] = None
    begun(conversation)
    conversation.fail("TimedOut")
    conversation.pass_time(10)
    conversation.answer_late(conversation.ids_of(START)[0], conversation_accepts(99))
    ended(conversation)
    assert conversation.of(STOP)[0].transaction_id == 99
    conversation.pass_time(200)
    assert len(conversation.of(START)) == 1


def conversation_accepts(transaction_id: int) -> m.StartTransactionConf:
    """StartTransaction.conf, Accepted."""
    return m.StartTransactionConf(id_tag_info=m.IdTagInfo(status=AuthorizationStatus.Accepted),
                                  transaction_id=transaction_id)


def test_the_first_of_two_answers_counts(talk: Talk) -> None:
    """A re-sent StartTransaction that is answered twice with different ids (contract: settled)."""
    conversation = talk(ocpp="MeterValueSampleInterval = 0")
    sent_twice(conversation, "TimedOut")
    message_id = conversation.ids_of(START)[0]
    conversation.answer(conversation_accepts(7))
    conversation.answer_late(message_id, conversation_accepts(8))
    ended(conversation)
    assert conversation.of(STOP)[0].transaction_id == 7


def test_an_answer_after_the_message_was_given_up_changes_nothing(talk: Talk) -> None:
    """Dropped is dropped: what follows carries -1, as was already told (TXN-21)."""
    conversation = talk(ocpp="TransactionMessageAttempts = 1\nMeterValueSampleInterval = 0")
    conversation.answers[START] = None
    begun(conversation)
    conversation.fail("TimedOut")
    conversation.answer_late(conversation.ids_of(START)[0], conversation_accepts(9))
    ended(conversation)
    assert conversation.of(STOP)[0].transaction_id == -1


# -- giving up -------------------------------------------------------------------------------------------------------


def test_a_start_that_is_given_up_makes_its_messages_carry_minus_one(talk: Talk) -> None:
    """MeterValues and StopTransaction go out all the same, with transactionId -1, over a restart too (TXN-21, QUE-12)."""
    conversation = talk(ocpp="TransactionMessageRetryInterval = 1\nMeterValueSampleInterval = 30",
                        charging='after_power_loss = "resume"')
    conversation.answers[START] = "InternalError"
    begun(conversation)
    conversation.pass_time(70)
    conversation.restart()
    conversation.connect()
    conversation.request_power()
    conversation.pass_time(60)
    ended(conversation)
    assert len(conversation.of(START)) == 3
    assert {r.transaction_id for r in conversation.of(VALUES)} == {-1}
    assert [r.transaction_id for r in conversation.of(STOP)] == [-1]


def test_a_stop_that_is_given_up_is_kept_among_the_dead_letters(talk: Talk) -> None:
    """Money may hang on it, so a copy stays, with the reason (QUE-12)."""
    conversation = talk(ocpp="TransactionMessageAttempts = 1\nMeterValueSampleInterval = 0")
    conversation.answers[STOP] = "InternalError"
    session(conversation)
    letter, why = conversation.store.dead_letters[0]
    assert letter.action == "StopTransaction"
    assert "InternalError" in why
    assert msgspec.json.decode(letter.payload)["meterStop"] > 1000
    assert conversation.station.status()["queue_length"] == 0


# -- overtaking ------------------------------------------------------------------------------------------------------


def test_other_messages_flow_while_the_queue_stands_still(talk: Talk) -> None:
    """During the pause a card is authorised, a status told and a trigger served; the queue keeps its order (QUE-4, QUE-9)."""
    conversation = talk(connectors=2, ocpp="MeterValueSampleInterval = 10")
    conversation.answers[START] = "InternalError"
    begun(conversation)
    conversation.forget()
    conversation.card("TAG2")
    conversation.call(TriggerMessageReq(requested_message=MessageTrigger.Heartbeat))
    conversation.pass_time(30)
    assert conversation.of(m.AuthorizeReq) == [m.AuthorizeReq(id_tag="TAG2")]
    assert len(conversation.of(m.HeartbeatReq)) == 1
    assert ChargePointStatus.Preparing in conversation.statuses(2)
    assert owed(conversation) == []


def test_an_authorize_overtakes_a_long_queue(talk: Talk) -> None:
    """Between two queued messages the card has priority (QUE-4)."""
    conversation = talk(ocpp=OFFLINE)
    conversation.disconnect()
    session(conversation)
    conversation.answers[START] = None
    conversation.connect()
    conversation.card("TAG2")
    conversation.answers.clear()
    conversation.answer(conversation_accepts(1))
    conversation.pass_time(1)
    after_start = conversation.actions[conversation.actions.index("StartTransaction") + 1:]
    assert after_start.index("Authorize") < after_start.index("StopTransaction")


# -- a full queue ----------------------------------------------------------------------------------------------------


def test_a_full_queue_thins_meter_values_and_nothing_else(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Near the bound every second intermediate sample goes, the oldest too; Start and Stop never (QUE-10, M2)."""
    monkeypatch.setattr(central_system, "QUEUE_LIMIT", 20)
    conversation = talk(ocpp=OFFLINE + "MeterValueSampleInterval = 1")
    conversation.disconnect()
    session(conversation, seconds=100)
    assert len(conversation.store.load().outbox) <= 21
    conversation.connect()
    conversation.pass_time(5)
    sent = owed(conversation)
    assert [r.action for r in sent if not isinstance(r, VALUES)] == ["StartTransaction", "StopTransaction"]
    assert sent[-1].action == "StopTransaction"
    times = [r.meter_value[0].timestamp for r in conversation.of(VALUES)]
    assert times == sorted(times)
    assert (times[-1] - times[0]).total_seconds() > 80
    assert conversation.station.status()["queue_length"] == 0


@pytest.mark.parametrize("limit", [1, 6])
def test_a_message_in_flight_is_not_thinned_away(talk: Talk, monkeypatch: pytest.MonkeyPatch, limit: int) -> None:
    """Its answer is still to come (QUE-10)."""
    monkeypatch.setattr(central_system, "QUEUE_LIMIT", limit)
    conversation = talk(ocpp=OFFLINE + "MeterValueSampleInterval = 1")
    conversation.answers[VALUES] = None
    begun(conversation)
    conversation.pass_time(25)
    conversation.answers.clear()
    assert len(conversation.store.load().outbox) >= 1
    conversation.answer(m.MeterValuesConf())
    conversation.pass_time(5)
    ended(conversation)
    assert conversation.station.status()["queue_length"] == 0
    assert conversation.store.load().outbox == ()
    assert len(conversation.of(STOP)) == 1


def test_a_queue_full_of_sessions_refuses_new_ones(talk: Talk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is overwritten: the running session ends, the next is refused and the status says so (B5, QUE-10)."""
    monkeypatch.setattr(central_system, "QUEUE_LIMIT", 5)
    conversation = talk(ocpp=OFFLINE)
    conversation.disconnect()
    for number in range(6):
        session(conversation, id_tag=f"TAG{number}", seconds=5)
    warnings = conversation.station.status()["warnings"]
    assert isinstance(warnings, list)
    assert any("full" in warning for warning in warnings)
    conversation.connect()
    conversation.pass_time(5)
    assert [r.id_tag for r in conversation.of(START)] == ["TAG0", "TAG1", "TAG2"]
    assert len(conversation.of(STOP)) == 3
    session(conversation, id_tag="TAG9", seconds=5)
    assert conversation.of(START)[-1].id_tag == "TAG9"


# -- one commit ------------------------------------------------------------------------------------------------------


def test_calls_are_answered_while_our_own_waits(conversation: Conversation) -> None:
    """Full duplex: a StartTransaction without an answer does not keep the central system waiting (RPC-5, T2)."""
    conversation.answers[START] = None
    begun(conversation)
    assert conversation.in_flight
    assert isinstance(conversation.call(m.GetConfigurationReq(key=["HeartbeatInterval"])), m.GetConfigurationConf)


def test_a_refused_verdict_is_not_a_refused_message(talk: Talk) -> None:
    """StartTransaction.conf Invalid delivers: it is not sent again (QUE-7, AUTH-22)."""
    conversation = talk()
    conversation.answers[START] = m.StartTransactionConf(id_tag_info=invalid(), transaction_id=3)
    begun(conversation)
    conversation.pass_time(300)
    assert len(conversation.of(START)) == 1
    assert conversation.of(STOP)[0].transaction_id == 3
