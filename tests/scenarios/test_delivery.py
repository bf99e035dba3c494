"""What the central system is owed arrives: in order, once, through refusals, silence and outages (T1, T2, T4, T5, X5, B5)."""

import itertools
from datetime import datetime

import pytest

from controller.cli.status import lines as status_lines
from controller.station import central_system as central_system_feature
from tests.rig.central_system import CallError, Late, Raw, Silence, Twice

ATTEMPTS = "TransactionMessageAttempts = 4\nTransactionMessageRetryInterval = 10"


def gaps(calls):
    """Whole seconds between calls."""
    return [round(later.at_s - earlier.at_s) for earlier, later in itertools.pairwise(calls)]


async def test_t1_refused_three_times_delivered_at_the_fourth(charge_point):
    """After the n-th CALLERROR a pause of n intervals; the rest of the queue waits, everything else does not.

    (T1, QUE-6, QUE-9, RPC-4)
    """
    await charge_point.start(ocpp=ATTEMPTS)
    central_system = charge_point.central_system
    central_system.script("StartTransaction", *[CallError("InternalError")] * 3)
    await charge_point.charge()
    await charge_point.until(lambda: charge_point.row()["transaction_id"] == 1, within_s=90)
    starts = central_system.calls("StartTransaction")
    assert gaps(starts) == [10, 20, 30]
    assert len({start.message_id for start in starts}) == 4
    assert all(start.payload == starts[0].payload for start in starts)


async def test_t1_given_up_after_the_last_attempt(charge_point, caplog):
    """TransactionMessageAttempts refusals: dropped with a line in the log, and kept; the stop carries -1, the queue is free.

    (T1, QUE-6, QUE-12, TXN-21, F-TXREJ)
    """
    await charge_point.start(ocpp=ATTEMPTS + "\nMeterValueSampleInterval = 0")
    central_system = charge_point.central_system
    central_system.answers["StartTransaction"] = CallError("GenericError")
    await charge_point.charge()
    await charge_point.pass_time(minutes=3)
    assert gaps(central_system.calls("StartTransaction")) == [10, 20, 30]
    (letter, _), = charge_point.memory.dead_letters
    assert letter.action == "StartTransaction"
    assert [line.levelname for line in caplog.records if letter.message_id in line.getMessage()] == ["ERROR"]
    del central_system.answers["StartTransaction"]
    await charge_point.swipe("TAG1")
    await charge_point.until(lambda: "StopTransaction" in central_system.actions, within_s=10)
    assert central_system.of("StopTransaction")[0]["transactionId"] == -1
    await charge_point.unplug()
    await charge_point.charge()
    await charge_point.until(lambda: charge_point.row()["transaction_id"] == 1, within_s=5)


async def test_t1_counting_goes_on_after_a_restart(charge_point):
    """Attempts made before a restart count: two refusals, a kill, two more, then dropped (T1, QUE-6, contract section 3)."""
    await charge_point.start(ocpp=ATTEMPTS)
    central_system = charge_point.central_system
    central_system.answers["StartTransaction"] = CallError("InternalError")
    await charge_point.charge()
    await charge_point.until(lambda: len(central_system.of("StartTransaction")) == 2, within_s=30)
    await charge_point.pass_time(seconds=1)
    await charge_point.restart()
    await charge_point.pass_time(minutes=3)
    assert len(central_system.of("StartTransaction")) == 2
    assert next(letter.action for letter, _ in charge_point.memory.dead_letters) == "StartTransaction"


async def test_t2_silence_is_one_call_at_a_time(charge_point):
    """No answer: the next attempt after the time-out, under the same id, one CALL in flight; calls are answered meanwhile.

    (T2, RPC-5, RPC-6, QUE-7, F-NOANS)
    """
    await charge_point.start(csms="message_timeout_s = 20", ocpp=ATTEMPTS)
    central_system = charge_point.central_system
    central_system.script("StartTransaction", Silence(), Silence())
    await charge_point.charge(told=False)
    await charge_point.until(lambda: "StartTransaction" in central_system.actions, within_s=5)
    for _ in range(5):
        assert (await central_system.call("GetConfiguration", key=["HeartbeatInterval"], within_s=1))["configurationKey"]
        await charge_point.pass_time(seconds=3)
    await charge_point.until(lambda: charge_point.row()["transaction_id"] == 1, within_s=90)
    starts = central_system.calls("StartTransaction")
    assert gaps(starts) == [30, 40]
    assert len({start.message_id for start in starts}) == 1


async def test_f_noans_a_late_answer_still_counts(charge_point):
    """The answer comes after the time-out, while the queue pauses: the id counts, nothing is sent again (RPC-4, F-NOANS)."""
    await charge_point.start(csms="message_timeout_s = 20", ocpp=ATTEMPTS)
    central_system = charge_point.central_system
    central_system.script("StartTransaction", Late(after_s=25))
    await charge_point.charge(told=False)
    await charge_point.until(lambda: charge_point.row()["transaction_id"] == 1, within_s=60)
    await charge_point.pass_time(minutes=2)
    assert len(central_system.of("StartTransaction")) == 1


async def test_f_noans_answers_that_come_twice_or_belong_to_nobody(charge_point):
    """The first answer counts, the second and strange ones change nothing (RPC-7, F-NOANS)."""
    await charge_point.start()
    central_system = charge_point.central_system
    central_system.script("StartTransaction", Twice())
    central_system.script("Authorize", Twice())
    await charge_point.charge()
    central_system.send_text('[3,"nobody",{"idTagInfo":{"status":"Accepted"},"transactionId":99}]')
    central_system.send_text('[4,"nobody","InternalError","",{}]')
    await charge_point.pass_time(seconds=10)
    assert charge_point.row()["transaction_id"] == 1
    await charge_point.swipe("TAG1")
    await charge_point.until(lambda: "StopTransaction" in central_system.actions, within_s=10)
    assert central_system.billing == ["StartTransaction", "StopTransaction"]


async def test_f_txrej_an_answer_that_is_none(charge_point):
    """A garbage answer to StartTransaction counts as a failed attempt and is asked for again (F-TXREJ, QUE-6)."""
    await charge_point.start(ocpp=ATTEMPTS)
    central_system = charge_point.central_system
    central_system.script("StartTransaction", Raw('{"transactionId":"seven"}'), Raw("{}"))
    await charge_point.charge()
    await charge_point.until(lambda: charge_point.row()["transaction_id"] == 1, within_s=60)
    assert len(central_system.of("StartTransaction")) == 3


async def test_t4_nothing_overtakes_within_a_transaction(charge_point):
    """Two sessions over an outage: Start, MeterValues, Stop of the first, then of the second; stamps never go back.

    (T4, QUE-2, QUE-3, QUE-11)
    """
    await charge_point.start(ocpp="MeterValueSampleInterval = 30")
    central_system = charge_point.central_system
    await charge_point.charge("TAG1")
    await charge_point.link(up=False)
    await charge_point.pass_time(minutes=5)
    await charge_point.swipe("TAG1")
    await charge_point.until(lambda: charge_point.status() == "Finishing", within_s=10)
    await charge_point.unplug()
    await charge_point.pass_time(minutes=1)
    await charge_point.charge("TAG1")
    await charge_point.pass_time(minutes=5)
    await charge_point.link(up=True)
    await charge_point.until(lambda: charge_point.queue_length == 0, within_s=60)
    await charge_point.swipe("TAG1")
    await charge_point.until(lambda: len(central_system.of("StopTransaction")) == 2, within_s=10)
    told = [call for call in central_system.received if call.action in ("StartTransaction", "MeterValues", "StopTransaction")]
    story = [action for action, _ in itertools.groupby(call.action for call in told)]
    assert story == ["StartTransaction", "MeterValues", "StopTransaction"] * 2
    stamps = [call.payload.get("timestamp") or call.payload["meterValue"][0]["timestamp"] for call in told]
    assert stamps == sorted(stamps)
    assert len([call for call in told if call.action == "MeterValues"]) == 20


async def test_t4_a_status_overtakes_the_queue(charge_point):
    """Two minutes of samples are on their way out when the car pauses: told within a second, while the samples keep their order.

    (T4, QUE-3, QUE-4)
    """
    await charge_point.start(ocpp="MeterValueSampleInterval = 1")
    central_system = charge_point.central_system
    await charge_point.charge()
    await charge_point.link(up=False)
    await charge_point.pass_time(seconds=120)
    await charge_point.link(up=True)
    await charge_point.until(lambda: len(central_system.of("MeterValues")) > 20, within_s=20)
    await charge_point.ev_state("B")
    await charge_point.until(lambda: central_system.status() == "SuspendedEV", within_s=1)
    assert charge_point.queue_length > 40
    await charge_point.until(lambda: charge_point.queue_length == 0, within_s=20)
    stamps = [told["meterValue"][0]["timestamp"] for told in central_system.of("MeterValues")]
    assert stamps == sorted(set(stamps))


async def test_t5_started_offline_stopped_online(charge_point):
    """The stop carries the id from the late StartTransaction.conf, never -1 (T5, TXN-21)."""
    await charge_point.start()
    central_system = charge_point.central_system
    await charge_point.charge("TAG1")
    await charge_point.swipe("TAG1")
    await charge_point.until(lambda: charge_point.status() == "Finishing", within_s=10)
    await charge_point.unplug()
    await charge_point.pass_time(seconds=10)
    await charge_point.link(up=False)
    began = charge_point.true_time.now()
    await charge_point.charge("TAG1")
    await charge_point.pass_time(minutes=10)
    central_system.forget()
    central_system.answers["StartTransaction"] = central_system.start(transaction_id=4711)
    await charge_point.link(up=True)
    await charge_point.swipe("TAG1")
    await charge_point.until(lambda: "StopTransaction" in central_system.actions, within_s=30)
    start, stop = central_system.of("StartTransaction")[0], central_system.of("StopTransaction")[0]
    assert stop["transactionId"] == 4711
    assert abs((datetime.fromisoformat(start["timestamp"]) - began).total_seconds()) < 10


@pytest.mark.parametrize("transaction_id", [0, -7, 1, 1_772_366_400, 2**53])
async def test_any_number_is_a_transaction_id(charge_point, transaction_id):
    """The id is echoed, whatever the central system thinks of (TXN-10)."""
    await charge_point.start(ocpp="MeterValueSampleInterval = 10")
    central_system = charge_point.central_system
    central_system.answers["StartTransaction"] = central_system.start(transaction_id=transaction_id)
    await charge_point.charge()
    await charge_point.pass_time(seconds=25)
    assert (await central_system.call("RemoteStopTransaction", transactionId=transaction_id))["status"] == "Accepted"
    await charge_point.until(lambda: "StopTransaction" in central_system.actions, within_s=10)
    ids = [call.payload["transactionId"] for call in central_system.calls("MeterValues", "StopTransaction")]
    assert set(ids) == {transaction_id}


async def test_x5_a_backlog_is_left_alone(charge_point):
    """ClearCache and ChangeConfiguration while messages are owed: the backlog stays whole and arrives (X5, CACHE-7, QUE-2)."""
    await charge_point.start(ocpp=ATTEMPTS + "\nMeterValueSampleInterval = 5")
    central_system = charge_point.central_system
    central_system.script("StartTransaction", *[CallError("InternalError")] * 3)
    await charge_point.charge()
    await charge_point.pass_time(seconds=21)
    before = charge_point.queue_length
    assert before >= 4
    assert (await central_system.call("ClearCache"))["status"] == "Accepted"
    await central_system.configure("MeterValueSampleInterval", 0)
    assert charge_point.queue_length == before
    await charge_point.until(lambda: charge_point.queue_length == 0, within_s=90)
    assert len(central_system.of("MeterValues")) == before - 1


async def test_clearing_the_cache_forgets_tags(charge_point):
    """A cached tag starts without Authorize; after ClearCache it is asked about again (CACHE-7, AUTH-6)."""
    await charge_point.start(ocpp="LocalPreAuthorize = true")
    central_system = charge_point.central_system
    for expected in (1, 1, 2):
        await charge_point.charge("TAG1")
        await charge_point.swipe("TAG1")
        await charge_point.until(lambda: charge_point.status() == "Finishing", within_s=10)
        await charge_point.unplug()
        await charge_point.pass_time(seconds=5)
        assert len(central_system.of("Authorize")) == expected
        if expected == 1 and len(central_system.of("StartTransaction")) == 2:
            await central_system.call("ClearCache")


async def test_m2_a_hundred_samples_queued_offline_all_arrive(charge_point):
    """SampleInterval 1 and an outage: every sample is delivered, in order, faster than 20 a second (M2, QUE-2, F-QUEUE)."""
    await charge_point.start(ocpp="MeterValueSampleInterval = 1")
    central_system = charge_point.central_system
    central_system.network.latency_s = 0.01
    await charge_point.charge()
    await charge_point.link(up=False)
    await charge_point.pass_time(seconds=120)
    await central_system_is_back(charge_point)
    stamps = [told["meterValue"][0]["timestamp"] for told in central_system.of("MeterValues")]
    assert stamps == sorted(set(stamps))
    assert len(stamps) >= 120


async def test_m2_near_the_bound_every_second_sample_goes(charge_point, monkeypatch):
    """More samples than the queue holds: every second of the older ones goes; Start, Begin, End and Stop are all there.

    (M2, QUE-10, MTR-12)
    """
    monkeypatch.setattr(central_system_feature, "QUEUE_LIMIT", 40)
    await charge_point.start(ocpp=(
        'MeterValueSampleInterval = 1\nAllowOfflineTxForUnknownId = true\nStopTxnSampledData = "Energy.Active.Import.Register"'))
    central_system = charge_point.central_system
    await charge_point.link(up=False)
    await charge_point.charge("TAG1")
    for _ in range(50):
        await charge_point.pass_time(seconds=1)
        assert charge_point.queue_length <= 40
    await charge_point.swipe("TAG1")
    await charge_point.until(lambda: charge_point.status() == "Finishing", within_s=10)
    await charge_point.link(up=True)
    await charge_point.until(lambda: charge_point.queue_length == 0, within_s=20)
    assert central_system.billing == ["StartTransaction", "StopTransaction"]
    stop = central_system.of("StopTransaction")[0]
    contexts = [element["sampledValue"][0]["context"] for element in stop["transactionData"]]
    assert (contexts[0], contexts[-1]) == ("Transaction.Begin", "Transaction.End")
    times = [datetime.fromisoformat(told["meterValue"][0]["timestamp"]) for told in central_system.of("MeterValues")]
    gaps_s = [round((later - earlier).total_seconds()) for earlier, later in itertools.pairwise(times)]
    assert gaps_s == [2] * 19 + [1] * (len(gaps_s) - 19)
    assert sum(gaps_s) >= 48


async def central_system_is_back(charge_point):
    """Link up, and the backlog gone within a twentieth of a second per message."""
    owed = charge_point.queue_length
    await charge_point.link(up=True)
    await charge_point.until(lambda: charge_point.queue_length <= 1, within_s=1 + owed / 20)


async def test_b5_a_queue_that_is_full_refuses_new_sessions(charge_point, monkeypatch):
    """Offline for long: the next card starts nothing, `evcp status` says why, and every session before it arrives in order (B5, QUE-10)."""
    monkeypatch.setattr(central_system_feature, "QUEUE_LIMIT", 6)
    await charge_point.start(ocpp="AllowOfflineTxForUnknownId = true\nMeterValueSampleInterval = 0")
    central_system = charge_point.central_system
    await charge_point.link(up=False)
    for number in range(3):
        await charge_point.charge(f"TAG{number}")
        await charge_point.unplug()
        await charge_point.until(lambda: charge_point.status() == "Available", within_s=10)
    await charge_point.plug()
    await charge_point.swipe("TAG3")
    await charge_point.pass_time(minutes=1)
    assert not charge_point.closed()
    screen = status_lines(charge_point.app.status())
    assert "! the queue of transaction messages is full: no new session starts until some are delivered" in screen
    assert charge_point.queue_length == 6
    await charge_point.link(up=True)
    await charge_point.until(lambda: charge_point.queue_length == 0, within_s=30)
    assert [start["idTag"] for start in central_system.of("StartTransaction")] == ["TAG0", "TAG1", "TAG2"]
    assert central_system.billing == ["StartTransaction", "StopTransaction"] * 3
    assert len({stop["transactionId"] for stop in central_system.of("StopTransaction")}) == 3
    await charge_point.swipe("TAG3")
    await charge_point.until(charge_point.closed, within_s=10)


async def test_a_long_queue_drains_in_order_with_one_call_for_each_message(charge_point):
    """Two thousand samples over an outage: one CALL each, in the order in which they were taken, one round trip after the other.

    (QUE-2, QUE-3, RPC-5, F-QUEUE)
    """
    await charge_point.start(ocpp="MeterValueSampleInterval = 1\nHeartbeatInterval = 86400")
    central_system = charge_point.central_system
    await charge_point.charge()
    await charge_point.link(up=False)
    await charge_point.pass_time(seconds=2000)
    await charge_point.swipe("TAG1")
    await charge_point.until(lambda: charge_point.status() == "Finishing", within_s=10)
    owed = [message.message_id for message in charge_point.memory.load().outbox]
    assert len(owed) >= 2000
    central_system.forget()
    await charge_point.link(up=True)
    took_s = await charge_point.until(lambda: charge_point.queue_length == 0, within_s=2 * len(owed))
    told = central_system.calls("StartTransaction", "MeterValues", "StopTransaction")
    assert [call.message_id for call in told] == owed
    stamps = [call.payload["meterValue"][0]["timestamp"] for call in told[:-1]]
    assert stamps == sorted(set(stamps))
    round_trip_s = 2 * central_system.network.latency_s
    assert took_s <= 3 + len(owed) * round_trip_s * 1.05
