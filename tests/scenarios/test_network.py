"""The network and the central system come and go; sessions, statuses and answers do not suffer (WS, F-DOWN, F-HALF, F-SLOW)."""

import asyncio
import itertools

import pytest

from tests.rig.central_system import CallError, Silence


async def test_an_outage_in_a_session(charge_point):
    """Charging goes on, samples are queued with their times, all of it arrives, and no boot is repeated.

    (WS-7, WS-8, QUE-2, QUE-5)
    """
    await charge_point.start()
    await charge_point.charge()
    await charge_point.pass_time(seconds=1)
    central_system = charge_point.central_system
    central_system.forget()
    await charge_point.link(up=False)
    await charge_point.pass_time(minutes=10)
    assert charge_point.closed()
    await charge_point.link(up=True)
    await charge_point.until(lambda: charge_point.queue_length == 0, within_s=30)
    assert "BootNotification" not in central_system.actions
    assert "StatusNotification" not in central_system.actions
    assert len(central_system.of("MeterValues")) == 10
    energies_wh = central_system.energy_wh(1)
    assert energies_wh == sorted(energies_wh)


async def test_a_status_that_changed_while_offline_is_told_once(charge_point):
    """After the outage the present, at the time of sending; not the history (WS-8, STAT-20)."""
    await charge_point.start()
    await charge_point.pass_time(seconds=2)
    central_system = charge_point.central_system
    central_system.forget()
    await charge_point.link(up=False)
    for _ in range(3):
        await charge_point.plug()
        await charge_point.pass_time(minutes=2)
        await charge_point.unplug()
        await charge_point.pass_time(minutes=2)
    await charge_point.plug()
    await charge_point.pass_time(minutes=5)
    await charge_point.link(up=True)
    await charge_point.pass_time(seconds=5)
    assert [told["status"] for told in central_system.of("StatusNotification")] == ["Preparing"]
    sent = central_system.of("StatusNotification")[0]["timestamp"]
    assert sent[:16] == charge_point.clock.now().utc.isoformat()[:16]


@pytest.mark.parametrize("boots", [False, True], ids=["silently", "boot_on_reconnect"])
async def test_the_central_system_restarts_in_a_session(charge_point, boots):
    """It has forgotten everything: MeterValues go on with the same id; the status is told anew, or when asked for.

    (WS-7, WS-8)
    """
    await charge_point.start(csms=f"boot_on_reconnect = {str(boots).lower()}")
    await charge_point.charge()
    central_system = charge_point.central_system
    central_system.network.close(1012)
    central_system.network.refuses = True
    await charge_point.pass_time(minutes=5)
    central_system.forget()
    central_system.network.refuses = False
    await charge_point.until(lambda: len(central_system.of("MeterValues")) >= 7, within_s=400)
    assert {values["transactionId"] for values in central_system.of("MeterValues")} == {1}
    assert charge_point.closed()
    assert ("BootNotification" in central_system.actions) is boots
    if not boots:
        await central_system.call("TriggerMessage", requestedMessage="StatusNotification")
        await charge_point.until(lambda: len(central_system.of("StatusNotification")) >= 2, within_s=3)
    assert central_system.status(1) == "Charging"


async def test_compat_boots_on_every_reconnect(charge_point):
    """`csms.compat`: BootNotification is repeated on every reconnect (contract section 4)."""
    await charge_point.start(csms="compat = true")
    charge_point.central_system.network.cut()
    await charge_point.until(lambda: len(charge_point.central_system.of("BootNotification")) == 2, within_s=10)


async def test_f_half_a_dead_connection_is_noticed_by_the_ping(charge_point):
    """Everything sent disappears: within ping interval and 10 s a new connection is made (WS-11, WS-12, F-HALF)."""
    await charge_point.start(ocpp="WebSocketPingInterval = 30")
    central_system = charge_point.central_system
    central_system.network.half_open = True
    await charge_point.until(lambda: not charge_point.app.connection.connected, within_s=41)
    central_system.network.half_open = False
    await charge_point.until(lambda: charge_point.app.connection.connected, within_s=5)
    assert central_system.connections == 2


async def test_without_a_ping_interval_no_connection_is_given_up(charge_point):
    """WebSocketPingInterval 0: quiet for an hour, and still the same connection (WS-11)."""
    await charge_point.start(ocpp="WebSocketPingInterval = 0")
    await charge_point.pass_time(hours=1)
    assert charge_point.central_system.connections == 1


async def test_f_down_the_pauses_between_dials_grow(charge_point):
    """Refused for long: pauses double from reconnect_min_s to reconnect_max_s, then it is back within the cap.

    (WS-6, F-DOWN)
    """
    await charge_point.start(csms="reconnect_min_s = 1\nreconnect_max_s = 60")
    network = charge_point.central_system.network
    network.dials.clear()
    network.refuses = True
    network.cut()
    await charge_point.pass_time(minutes=20)
    times = [at_s for at_s, _ in network.dials]
    pauses = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert pauses[:5] == sorted(pauses[:5])
    assert 1 <= pauses[0] <= 4
    assert 30 <= pauses[-1] <= 61
    assert len(times) < 50
    network.refuses = False
    await charge_point.until(lambda: charge_point.app.connection.connected, within_s=65)


async def test_hello_and_closed_at_once_is_backed_off(charge_point):
    """A central system that accepts the socket and closes it is not stormed (WS-5, WS-6)."""
    await charge_point.start(ready=False)
    network = charge_point.central_system.network
    for _ in range(600):
        await charge_point.pass_time(seconds=1)
        network.close(1000)
    assert len(network.dials) < 25
    assert charge_point.central_system.connections == len(network.dials)


async def test_f_slow_five_seconds_of_latency(charge_point):
    """A slow line is no dead line: the session completes, the order is kept, nothing is sent twice (F-SLOW)."""
    await charge_point.start(ready=False)
    central_system = charge_point.central_system
    central_system.network.latency_s = 5.0
    await charge_point.pass_time(minutes=2)
    await charge_point.plug()
    await charge_point.swipe("TAG1")
    await charge_point.until(charge_point.closed, within_s=40)
    await charge_point.pass_time(minutes=10)
    await charge_point.unplug()
    await charge_point.until(lambda: charge_point.queue_length == 0, within_s=300)
    assert central_system.connections == 1
    assert central_system.billing == ["StartTransaction", "StopTransaction"]
    assert len({call.message_id for call in central_system.received}) == len(central_system.received)


async def test_f_flap_the_link_drops_all_the_time(charge_point):
    """Twenty minutes of drops every few seconds in a session: nothing lost, nothing doubled, the disk is not worn (F-FLAP)."""
    await charge_point.start(ocpp="MeterValueSampleInterval = 30", csms="reconnect_max_s = 2")
    await charge_point.charge()
    central_system = charge_point.central_system
    commits = charge_point.memory.commits
    for number in range(240):
        await charge_point.pass_time(seconds=1 + number % 9)
        central_system.network.cut()
    assert charge_point.memory.commits - commits < 240
    await charge_point.swipe("TAG1")
    await charge_point.until(lambda: "StopTransaction" in central_system.actions, within_s=60)
    await charge_point.until(lambda: charge_point.queue_length == 0, within_s=60)
    unique = {call.message_id: call for call in central_system.calls("StartTransaction", "MeterValues", "StopTransaction")}
    told = [call.action for call in unique.values()]
    assert (told.count("StartTransaction"), told.count("StopTransaction")) == (1, 1)
    stamps = [call.payload["meterValue"][0]["timestamp"] for call in unique.values() if call.action == "MeterValues"]
    assert len(stamps) == len(set(stamps)) >= 38


async def test_an_answer_lost_with_its_connection(charge_point):
    """The connection breaks between StartTransaction and its answer: sent again, same id, no attempt counted (QUE-7)."""
    await charge_point.start(ocpp="TransactionMessageAttempts = 1")
    central_system = charge_point.central_system
    central_system.script("StartTransaction", *[Silence()] * 3)
    await charge_point.plug()
    await charge_point.swipe("TAG1")
    for count in (1, 2, 3):
        await charge_point.until(lambda n=count: len(central_system.of("StartTransaction")) == n, within_s=20)
        central_system.network.cut()
    await charge_point.until(lambda: charge_point.row()["transaction_id"] == 1, within_s=20)
    assert len({call.message_id for call in central_system.calls("StartTransaction")}) == 1


async def test_f_flood_every_call_is_answered_in_order(charge_point):
    """A thousand CALLs in one go: all answered, in order, with bounded memory, over one connection (F-FLOOD)."""
    await charge_point.start()
    central_system = charge_point.central_system
    await charge_point.charge()
    longest = 0

    def keep_count(*_: object) -> None:
        nonlocal longest
        longest = max(longest, len(charge_point.app.inbox))

    charge_point.app.recorder.observers.append(keep_count)
    answers = [central_system.send("GetConfiguration", key=["HeartbeatInterval"]) for _ in range(1000)]
    await asyncio.wait_for(asyncio.gather(*answers), 30)
    numbers = [int(message_id.removeprefix("cs-")) for message_id, _ in central_system.answered]
    assert numbers == sorted(numbers)
    assert len(numbers) == 1000
    assert longest < 100
    assert central_system.connections == 1
    assert charge_point.closed()


async def test_f_flood_does_not_keep_the_plug_waiting(charge_point):
    """While CALLs pour in, an unplugged car is off within 100 ms and told of within seconds (F-FLOOD)."""
    await charge_point.start()
    central_system = charge_point.central_system
    await charge_point.charge()
    for _ in range(1000):
        central_system.send("GetConfiguration")
    await charge_point.unplug()
    assert await charge_point.until(lambda: not charge_point.closed(), within_s=1) <= 0.12
    await charge_point.until(lambda: "StopTransaction" in central_system.actions, within_s=5)


async def test_f_dup_a_replayed_call_is_answered_and_not_done_twice(charge_point):
    """RemoteStartTransaction twice under one id is one session and two equal answers (F-DUP)."""
    await charge_point.start(connectors=2)
    central_system = charge_point.central_system
    first = central_system.send_with_id("same", "RemoteStartTransaction", {"idTag": "APP1"})
    assert await first == {"status": "Accepted"}
    again = central_system.send_with_id("same", "RemoteStartTransaction", {"idTag": "APP1"})
    assert await again == {"status": "Accepted"}
    await charge_point.pass_time(seconds=3)
    assert [central_system.status(number) for number in (1, 2)] == ["Preparing", "Available"]


async def test_a_silent_central_system_does_not_stop_the_charging(charge_point):
    """Connected, accepted, then no answer to anything: known cards still start and stop, messages stay owed.

    (AUTH-13, QUE-2, F-NOANS)
    """
    await charge_point.start(ocpp="LocalPreAuthorize = true", csms="message_timeout_s = 10")
    await charge_point.charge("TAG1")
    await charge_point.swipe("TAG1")
    await charge_point.until(lambda: charge_point.status() == "Finishing", within_s=10)
    await charge_point.unplug()
    await charge_point.until(lambda: charge_point.queue_length == 0, within_s=10)
    central_system = charge_point.central_system
    for action in ("StartTransaction", "StopTransaction", "MeterValues", "StatusNotification", "Heartbeat", "Authorize"):
        central_system.answers[action] = Silence()
    await charge_point.plug()
    await charge_point.swipe("TAG1")
    await charge_point.until(charge_point.closed, within_s=10)
    await charge_point.pass_time(minutes=2)
    await charge_point.swipe("TAG1")
    await charge_point.until(lambda: not charge_point.closed(), within_s=5)
    assert charge_point.queue_length >= 2


async def test_authorize_that_is_not_answered_is_decided_locally(charge_point):
    """Authorize times out: the offline rules decide; CALLERROR: refused (AUTH-13)."""
    await charge_point.start(ocpp="AllowOfflineTxForUnknownId = true", csms="message_timeout_s = 10")
    central_system = charge_point.central_system
    central_system.script("Authorize", CallError("RpcFrameworkError"), Silence())
    await charge_point.plug()
    await charge_point.swipe("TAG1")
    await charge_point.pass_time(seconds=15)
    assert not charge_point.closed()
    await charge_point.swipe("TAG1")
    await charge_point.until(charge_point.closed, within_s=20)
