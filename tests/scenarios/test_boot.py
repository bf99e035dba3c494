"""From power-up to the first accepted message, and the clock that comes with it (scenarios B1, B2, B3, B6)."""

import itertools
from datetime import datetime, timedelta

import pytest

from controller.app import open_store
from controller.records import Availability as Row
from controller.records import PutAvailability, PutNote
from controller.shell.failed_starts import TOO_MANY, FailedStarts
from controller.store.sqlite import SqliteStore
from tests.rig.central_system import CallError, Silence


async def test_b1_an_accepted_boot_is_followed_by_statuses_and_heartbeats(charge_point):
    """Boot, then the status of connector 0 and of every connector, then Heartbeats at the interval (B1, BOOT-1, BOOT-3, HB-1)."""
    await charge_point.start(connectors=2)
    central_system = charge_point.central_system
    assert central_system.actions == ["BootNotification", *["StatusNotification"] * 3]
    assert [told["connectorId"] for told in central_system.of("StatusNotification")] == [0, 1, 2]
    assert {told["status"] for told in central_system.of("StatusNotification")} == {"Available"}
    central_system.heartbeat_interval_s = 300
    await charge_point.pass_time(hours=1)
    beats = [call.at_s for call in central_system.calls("Heartbeat")]
    assert len(beats) == 12
    assert all(abs(later - earlier - 300) < 1 for earlier, later in itertools.pairwise(beats))


async def test_b1_the_interval_of_the_answer_counts(charge_point):
    """`interval` of BootNotification.conf is the heartbeat interval, stored as HeartbeatInterval (B1, BOOT-2)."""
    await charge_point.start(ready=False)
    central_system = charge_point.central_system
    central_system.heartbeat_interval_s = 30
    await charge_point.pass_time(minutes=5)
    assert 9 <= len(central_system.of("Heartbeat")) <= 10
    keys = await central_system.call("GetConfiguration", key=["HeartbeatInterval"])
    assert keys["configurationKey"][0]["value"] == "30"


@pytest.mark.parametrize("error_s", [-7200.0, 3600.0, 40.0])
async def test_b1_the_clock_is_taken_from_the_answer(charge_point, error_s):
    """The machine's clock is wrong; what is sent after the boot is right (B1, BOOT-2, TIME-2, F-STEP)."""
    charge_point.clock_error_s = error_s
    await charge_point.start()
    await charge_point.charge()
    told = datetime.fromisoformat(charge_point.central_system.of("StartTransaction")[0]["timestamp"])
    assert abs(charge_point.true_time.now() - told) < timedelta(seconds=15)


async def test_a_clock_within_the_tolerance_is_left_alone(charge_point):
    """Half a second is transit, not error: Heartbeats do not jog the clock for ever (TIME-2)."""
    charge_point.clock_error_s = 0.5
    await charge_point.start()
    await charge_point.pass_time(hours=2)
    assert charge_point.clock.settings == []


TWO_SESSIONS = ["MeterValues"] * 3 + ["StopTransaction", "StartTransaction"] + ["MeterValues"] * 2 + ["StopTransaction"]
"""What is owed after an outage that began in the first and outlasted the second."""


async def two_sessions_are_owed(charge_point):
    """The link falls in a session; it goes on and ends, and somebody else comes and goes."""
    await charge_point.start(ocpp="AllowOfflineTxForUnknownId = true")
    await charge_point.charge()
    await charge_point.link(up=False)
    for minutes in (3, 2):
        await charge_point.pass_time(minutes=minutes, seconds=10)
        await charge_point.unplug()
        await charge_point.until(lambda: charge_point.status() == "Available", within_s=10)
        if minutes == 3:
            await charge_point.charge("TAG2")


def owed(central_system):
    """The transaction messages in order of arrival."""
    return [call.action for call in central_system.calls("StartTransaction", "MeterValues", "StopTransaction")]


async def test_b2_pending_keeps_what_is_owed(charge_point):
    """Pending with a queue: questions are answered, triggers obeyed, nothing else leaves; Accepted drains it in order.

    (B2, BOOT-4, BOOT-5, BOOT-6, BOOT-12, QUE-5)
    """
    await two_sessions_are_owed(charge_point)
    central_system = charge_point.central_system
    central_system.script("BootNotification", central_system.boot("Pending", 30), central_system.boot("Pending", 40))
    await charge_point.restart(ready=False)
    assert charge_point.queue_length == len(TWO_SESSIONS)
    await charge_point.pass_time(seconds=20)
    assert (await central_system.call("GetConfiguration"))["configurationKey"]
    await central_system.configure("HeartbeatInterval", 60)
    assert (await central_system.call("RemoteStartTransaction", idTag="X", connectorId=1))["status"] == "Rejected"
    triggered = await central_system.call("TriggerMessage", requestedMessage="StatusNotification", connectorId=1)
    assert triggered["status"] == "Accepted"
    await charge_point.until(lambda: "StatusNotification" in central_system.actions, within_s=3)
    assert set(central_system.actions) == {"BootNotification", "StatusNotification"}
    await charge_point.pass_time(seconds=40)
    assert set(central_system.actions) == {"BootNotification", "StatusNotification"}
    await charge_point.until(lambda: charge_point.queue_length == 0, within_s=60)
    boots = [call.at_s for call in central_system.calls("BootNotification")]
    assert [round(later - earlier) for earlier, later in itertools.pairwise(boots)] == [30, 40]
    assert owed(central_system) == TWO_SESSIONS


async def test_b3_rejected_is_silence(charge_point):
    """Rejected: not a word and no answer until the interval is over, then the boot again (B3, BOOT-4, BOOT-7)."""
    await charge_point.start(ready=False)
    central_system = charge_point.central_system
    central_system.script("BootNotification", central_system.boot("Rejected", 120))
    await charge_point.pass_time(seconds=30)
    with pytest.raises(TimeoutError):
        await central_system.call("GetConfiguration", within_s=20)
    await charge_point.plug()
    await charge_point.swipe("TAG1")
    await charge_point.pass_time(seconds=60)
    assert central_system.actions == ["BootNotification"]
    assert not charge_point.closed()
    await charge_point.until(lambda: charge_point.app.station.status()["registration"] == "Accepted", within_s=20)
    assert len(central_system.of("BootNotification")) == 2


async def test_b3_what_is_owed_waits_until_the_boot_is_accepted(charge_point):
    """Rejected twice with two sessions on disk: not one of their messages leaves before, all in order after (B3, BOOT-7, QUE-5)."""
    await two_sessions_are_owed(charge_point)
    central_system = charge_point.central_system
    central_system.script("BootNotification", central_system.boot("Rejected", 60), central_system.boot("Rejected", 90))
    await charge_point.restart(ready=False)
    await charge_point.pass_time(seconds=149)
    assert central_system.actions == ["BootNotification"] * 2
    await charge_point.until(lambda: charge_point.queue_length == 0, within_s=10)
    boots = [call.at_s for call in central_system.calls("BootNotification")]
    assert [round(later - earlier) for earlier, later in itertools.pairwise(boots)] == [60, 90]
    assert owed(central_system) == TWO_SESSIONS


@pytest.mark.parametrize("answer", [CallError("InternalError"), Silence()], ids=["refused", "not answered"])
async def test_a_boot_that_fails_is_tried_again(charge_point, answer):
    """CALLERROR or silence: again after boot_retry_s, nothing else meanwhile (BOOT-8)."""
    await charge_point.start(ready=False, csms="boot_retry_s = 45\nmessage_timeout_s = 20")
    central_system = charge_point.central_system
    central_system.script("BootNotification", answer)
    await charge_point.until(lambda: len(central_system.of("BootNotification")) == 2, within_s=90)
    first, second = [call.at_s for call in central_system.calls("BootNotification")]
    assert round(second - first) == 45 + (20 if isinstance(answer, Silence) else 0)
    assert set(central_system.actions) == {"BootNotification"}


@pytest.mark.parametrize(("interval_s", "waits_s"), [(0, 60), (-5, 60), (5, 5), (7200, 7200)])
async def test_absurd_boot_intervals_end_in_a_wait_of_our_own(charge_point, interval_s, waits_s):
    """0 and negative: an own wait; small and large ones obeyed (BOOT-4, F-ORDER)."""
    await charge_point.start(ready=False)
    central_system = charge_point.central_system
    central_system.script("BootNotification", central_system.boot("Pending", interval_s))
    await charge_point.pass_time(seconds=waits_s - 1)
    assert len(central_system.of("BootNotification")) == 1
    await charge_point.pass_time(seconds=3)
    assert len(central_system.of("BootNotification")) == 2


async def test_a_call_before_the_boot_is_answered(charge_point):
    """The first GetConfiguration may come before BootNotification.conf: it is answered at once (RPC-5)."""
    await charge_point.start(ready=False)
    central_system = charge_point.central_system
    central_system.script("BootNotification", Silence())
    await charge_point.until(lambda: "BootNotification" in central_system.actions, within_s=5)
    assert (await central_system.call("GetConfiguration", within_s=1))["configurationKey"]


async def test_b6_a_state_that_no_start_survives_is_set_aside(charge_point, tmp_path):
    """Ten starts in a row end by an exception of our own: what is owed and the keys are saved, the rest is set aside.

    Kills in between do not count; the connector is Available, every session arrives, the event is told (B6).
    """
    state = str(tmp_path / "state")
    charge_point.disk = SqliteStore(state)
    await charge_point.start()
    central_system, starts = charge_point.central_system, FailedStarts(state)
    await central_system.configure("MinimumStatusDuration", 7)
    await charge_point.charge()
    await charge_point.link(up=False)
    await charge_point.pass_time(minutes=3)
    await charge_point.unplug()
    await charge_point.pass_time(seconds=10)
    owed = charge_point.queue_length
    assert owed >= 2
    await charge_point.kill()
    central_system.forget()
    charge_point.disk.commit([PutNote("tamper.one", "a row that no start survives"), PutAvailability(Row(1, operative=False))])
    for _ in range(TOO_MANY):
        charge_point.disk.close()
        charge_point.disk = open_store(charge_point.configuration)
        with pytest.raises(ValueError, match="one"), starts.watched():
            await charge_point.start_again()
        with pytest.raises(KeyboardInterrupt), starts.watched():
            raise KeyboardInterrupt
    charge_point.disk.close()
    charge_point.disk = open_store(charge_point.configuration)
    assert len(charge_point.disk.load().outbox) == owed
    await charge_point.start_again()
    assert central_system.status(1) == "Available"
    await charge_point.until(lambda: charge_point.queue_length == 0, within_s=10)
    assert central_system.billing == ["StopTransaction"]
    assert central_system.of("StopTransaction")[0]["transactionId"] == 1
    told = [told for told in central_system.of("StatusNotification") if told["connectorId"] == 0][-1]
    assert (told["status"], told["errorCode"]) == ("Available", "OtherError")
    assert "set aside" in told["info"]
    keys = await central_system.call("GetConfiguration", key=["MinimumStatusDuration"])
    assert keys["configurationKey"][0]["value"] == "7"
    (warning,) = [warning for warning in charge_point.app.status()["warnings"] if "set aside:" in warning]
    assert "10 starts" in warning
    assert f"{state}/evcp.db.damaged-1" in warning
