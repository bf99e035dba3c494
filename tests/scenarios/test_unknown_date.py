"""The machine starts without knowing the date: sessions all the same, and every date right when it is told (B4, F-1970)."""

import itertools
from datetime import datetime, timedelta

import pytest

from controller.station.central_system import UNDATED
from tests.rig.central_system import Silence
from tests.rig.clock import SAVED, UNSET
from tests.rig.loop import virtual_loop

UNKNOWN = pytest.mark.parametrize("starts_at", [UNSET, SAVED], ids=["1970", "saved two days ago"])
SAMPLED = """
MeterValueSampleInterval = 60
StopTxnSampledData = "Energy.Active.Import.Register"
AllowOfflineTxForUnknownId = true
"""
CORRECTED_WITHIN = timedelta(seconds=2)


async def switch_on(charge_point, starts_at, charging="", **configuration):
    """Power up with no central system within reach."""
    charge_point.clock_starts_at = starts_at
    configuration = {"ocpp": SAMPLED, **configuration}
    await charge_point.start(ready=False, charging=f"before_accepted = true\n{charging}", **configuration)
    charge_point.central_system.network.refuses = True
    await charge_point.pass_time(seconds=5)


async def cut_power(charge_point):
    """And up again, still with nobody within reach."""
    await charge_point.restart(power_cut=True, ready=False)
    await charge_point.pass_time(seconds=20)


async def reach(charge_point):
    """The central system comes within reach; everything owed is delivered."""
    charge_point.central_system.network.refuses = False
    await charge_point.link(up=True)
    await charge_point.until(lambda: charge_point.app.connection.connected, within_s=10)
    await charge_point.until(lambda: charge_point.queue_length == 0, within_s=120)


async def session(charge_point, id_tag="TAG1", minutes=3, seconds=30):
    """Somebody charges for some minutes; gives the true times of begin and end."""
    await charge_point.charge(id_tag)
    begun = charge_point.true_time.now()
    await charge_point.pass_time(minutes=minutes, seconds=seconds)
    await charge_point.unplug()
    await charge_point.until(lambda: charge_point.status() == "Available", within_s=10)
    return begun, charge_point.true_time.now()


def dates(payload):
    """Every timestamp of a message."""
    values = [*payload.get("meterValue", ()), *payload.get("transactionData", ())]
    return [datetime.fromisoformat(part["timestamp"]) for part in (*values, payload) if "timestamp" in part]


def owed(central_system):
    """The transaction messages as they arrived."""
    return central_system.calls("StartTransaction", "MeterValues", "StopTransaction")


def assert_tells(central_system, begun, ended):
    """One session as it was: each date right, in order, samples a minute apart, none missing."""
    start, stop = central_system.of("StartTransaction")[0], central_system.of("StopTransaction")[0]
    samples = [dates(values)[0] for values in central_system.of("MeterValues")]
    assert abs(dates(start)[0] - begun) <= timedelta(seconds=5) + CORRECTED_WITHIN
    assert abs(dates(stop)[-1] - ended) <= CORRECTED_WITHIN
    assert [round((at - dates(start)[0]).total_seconds(), 1) for at in samples] == [60, 120, 180]
    gathered = dates(stop)[:-1]
    assert gathered == sorted(gathered)
    assert [round((at - dates(start)[0]).total_seconds(), 1) for at in gathered[:-1]] == [0, 60, 120, 180]
    assert [call.action for call in owed(central_system)] == ["StartTransaction", *["MeterValues"] * 3, "StopTransaction"]


async def test_b4_with_a_clock_that_is_vouched_for_nothing_is_corrected(charge_point):
    """No central system since power-up, the clock good: Start, values and Stop carry the right times at once (B4, BOOT-9, QUE-11)."""
    await switch_on(charge_point, None)
    begun, ended = await session(charge_point)
    stored = [message.payload for message in charge_point.memory.load().outbox]
    await reach(charge_point)
    assert_tells(charge_point.central_system, begun, ended)
    assert charge_point.clock.settings == []
    sent = [call.payload["timestamp"] for call in owed(charge_point.central_system) if "timestamp" in call.payload]
    assert [time for time in sent if any(time in payload for payload in stored)] == sent


@UNKNOWN
async def test_b4_a_session_before_the_date_was_known_is_told_with_its_true_dates(charge_point, starts_at):
    """Begun and ended without the date: Start, values and Stop carry the true dates, in order, none is lost (B4, F-1970, QUE-11)."""
    await switch_on(charge_point, starts_at)
    begun, ended = await session(charge_point)
    await charge_point.pass_time(minutes=30)
    await reach(charge_point)
    assert_tells(charge_point.central_system, begun, ended)
    assert charge_point.memory.dead_letters == []


@UNKNOWN
async def test_b4_the_date_becomes_known_in_the_middle_of_a_session(charge_point, starts_at):
    """What was gathered before and what comes after lie on one straight line (B4, F-1970, MTR-1)."""
    await switch_on(charge_point, starts_at)
    await charge_point.charge()
    begun = charge_point.true_time.now()
    await charge_point.pass_time(minutes=1, seconds=40)
    await reach(charge_point)
    await charge_point.pass_time(minutes=1, seconds=50)
    await charge_point.unplug()
    await charge_point.until(lambda: charge_point.status() == "Available", within_s=10)
    ended = charge_point.true_time.now()
    await charge_point.until(lambda: charge_point.queue_length == 0, within_s=10)
    assert_tells(charge_point.central_system, begun, ended)


@UNKNOWN
@pytest.mark.parametrize("when", ["in the session", "after it"])
async def test_b4_a_restarted_process_still_counts_the_seconds(charge_point, starts_at, when):
    """Killed in the same boot, the monotonic clock goes on: nothing is lost (B4, F-1970, F-KILL)."""
    await switch_on(charge_point, starts_at, charging='after_power_loss = "resume"')
    await charge_point.charge()
    begun = charge_point.true_time.now()
    await charge_point.pass_time(minutes=1, seconds=30)
    if when == "in the session":
        await charge_point.restart(after_s=2, ready=False)
        await charge_point.plug()
        await charge_point.until(charge_point.closed, within_s=15)
    await charge_point.pass_time(minutes=2)
    await charge_point.unplug()
    await charge_point.until(lambda: charge_point.status() == "Available", within_s=10)
    ended = charge_point.true_time.now()
    if when == "after it":
        await charge_point.restart(after_s=2, ready=False)
        await charge_point.pass_time(minutes=2)
    await reach(charge_point)
    assert_tells(charge_point.central_system, begun, ended)


@UNKNOWN
async def test_b4_what_a_second_power_cut_made_undatable_is_given_up_and_said(charge_point, starts_at, caplog):
    """Two sessions with the power cut in between: the first goes to the dead letters whole, the second is told (B4, decision 10)."""
    await switch_on(charge_point, starts_at)
    await session(charge_point, "LOST")
    await cut_power(charge_point)
    begun, ended = await session(charge_point, "KEPT")
    await reach(charge_point)
    central_system = charge_point.central_system
    assert [start["idTag"] for start in central_system.of("StartTransaction")] == ["KEPT"]
    assert_tells(central_system, begun, ended)
    letters = charge_point.memory.dead_letters
    assert [letter.action for letter, _ in letters] == ["StartTransaction", *["MeterValues"] * 3, "StopTransaction"]
    assert {why for _, why in letters} == {UNDATED}
    assert sum(UNDATED in line.getMessage() for line in caplog.records) == 5


@UNKNOWN
@pytest.mark.parametrize("after_power_loss", ["stop", "resume"])
async def test_b4_a_session_that_cannot_be_dated_ends_with_the_power(charge_point, starts_at, after_power_loss):
    """Cut in the session: nobody could be billed for it, so it does not go on, and nothing of it is sent (B4, decision 10)."""
    await switch_on(charge_point, starts_at, charging=f'after_power_loss = "{after_power_loss}"')
    await charge_point.charge()
    await charge_point.pass_time(minutes=2)
    await charge_point.restart(power_cut=True, ready=False)
    await charge_point.plug()
    await charge_point.pass_time(seconds=30)
    assert not charge_point.closed()
    await reach(charge_point)
    assert owed(charge_point.central_system) == []
    assert [letter.action for letter, _ in charge_point.memory.dead_letters] == [
        "StartTransaction", "MeterValues", "MeterValues", "StopTransaction"]
    assert charge_point.memory.load().transactions == ()


@UNKNOWN
async def test_b4_the_end_of_a_session_that_was_told_is_told_too(charge_point, starts_at):
    """The central system knows the start: the end follows with the whole energy, at the last moment that is known (B4, PWR-4)."""
    charge_point.clock_starts_at = starts_at
    await charge_point.start(ocpp=SAMPLED, charging='after_power_loss = "resume"')
    await charge_point.charge()
    await charge_point.pass_time(minutes=3)
    charge_point.central_system.network.refuses = True
    known = charge_point.true_time.now()
    await charge_point.restart(power_cut=True, ready=False)
    await charge_point.plug()
    await charge_point.until(charge_point.closed, within_s=15)
    await charge_point.pass_time(minutes=5)
    await charge_point.unplug()
    await charge_point.until(lambda: charge_point.status() == "Available", within_s=10)
    register_wh = charge_point.world.outlet(1).energy_wh
    await cut_power(charge_point)
    await reach(charge_point)
    stop = charge_point.central_system.of("StopTransaction")[0]
    assert [call.action for call in owed(charge_point.central_system)] == ["StopTransaction"]
    assert stop["meterStop"] == int(register_wh)
    assert timedelta() <= known - dates(stop)[-1] <= timedelta(minutes=1)
    assert max(dates(stop)) == dates(stop)[-1]
    assert {letter.action for letter, _ in charge_point.memory.dead_letters} == {"MeterValues"}


@UNKNOWN
async def test_b4_the_time_of_the_network_is_enough(charge_point, starts_at):
    """NTP sets the clock while the central system is away: from then on even a power cut loses nothing (F-1970, B4)."""
    await switch_on(charge_point, starts_at)
    begun, ended = await session(charge_point)
    charge_point.clock.take_from_network()
    await charge_point.pass_time(seconds=11)
    await cut_power(charge_point)
    await reach(charge_point)
    assert_tells(charge_point.central_system, begun, ended)


@UNKNOWN
async def test_b4_dates_are_given_once(charge_point, starts_at):
    """Sent and not answered, then a Heartbeat brings another time: the message keeps its bytes (B4, rule 4 of the faults, QUE-11)."""
    await switch_on(charge_point, starts_at, ocpp=f"{SAMPLED}TransactionMessageRetryInterval = 600")
    await session(charge_point)
    central_system = charge_point.central_system
    central_system.heartbeat_interval_s = 60
    central_system.script("StartTransaction", Silence())
    central_system.network.refuses = False
    await charge_point.link(up=True)
    await charge_point.until(lambda: central_system.of("StartTransaction"), within_s=10)
    central_system.clock_error_s = 5 * 3600
    await charge_point.until(lambda: charge_point.queue_length == 0, within_s=1000)
    first, second = central_system.calls("StartTransaction")
    assert (first.message_id, first.payload) == (second.message_id, second.payload)
    assert central_system.of("Heartbeat")


async def test_b4_a_central_system_without_a_clock_leaves_the_machine_its_own(charge_point):
    """Neither knows for sure: the saved time is the best there is, and what is owed is not kept back for ever (B4, BOOT-2, T-CLOCK)."""
    await switch_on(charge_point, SAVED)
    await session(charge_point)
    nonsense = {"status": "Accepted", "currentTime": "1970-01-01T00:00:00Z", "interval": 300}
    charge_point.central_system.answers["BootNotification"] = nonsense
    await reach(charge_point)
    assert charge_point.central_system.billing == ["StartTransaction", "StopTransaction"]


async def test_b4_nothing_leaves_while_nobody_knows_the_date(charge_point):
    """1970 here, 1970 there: statuses go without a date, what is owed waits for a Heartbeat that knows it (B4, F-1970, BOOT-2)."""
    await switch_on(charge_point, UNSET)
    begun, ended = await session(charge_point)
    central_system = charge_point.central_system
    central_system.script("BootNotification", {"status": "Accepted", "currentTime": "1970-01-01T00:00:00Z", "interval": 60})
    central_system.network.refuses = False
    await charge_point.link(up=True)
    await charge_point.pass_time(seconds=50)
    assert owed(central_system) == []
    assert central_system.of("StatusNotification")
    assert all("timestamp" not in told for told in central_system.of("StatusNotification"))
    await charge_point.until(lambda: charge_point.queue_length == 0, within_s=60)
    assert_tells(central_system, begun, ended)


async def test_b4_a_slow_disk_does_not_make_the_time_late(charge_point):
    """The told time is taken before it is stored what it changes: a commit of seconds does not shift it (B4, F-SDSLOW, F-1970)."""
    charge_point.in_thread = True
    await switch_on(charge_point, UNSET)
    begun, ended = await session(charge_point)
    virtual_loop().executor_takes_s = 4.0
    await reach(charge_point)
    off = charge_point.clock.now().utc - charge_point.true_time.now()
    assert abs(off) < CORRECTED_WITHIN
    assert_tells(charge_point.central_system, begun, ended)


STEPS_S = [1, -1, -3600, 86_400, 315_360_000]


@pytest.mark.parametrize("by_s", STEPS_S)
@pytest.mark.parametrize("who", ["the system", "a Heartbeat"])
async def test_f_step_a_clock_that_is_set_while_charging_changes_no_duration(charge_point, by_s, who):
    """Samples stay a minute apart in reality, nothing stalls, nothing ends, no date goes back (F-STEP, TIME-2, MTR-1)."""
    await switch_on(charge_point, None) if who == "the system" else await charge_point.start(ocpp=SAMPLED)
    await charge_point.charge()
    await charge_point.pass_time(minutes=1, seconds=30)
    central_system = charge_point.central_system
    if who == "the system":
        charge_point.clock.step(by_s)
    else:
        central_system.clock_error_s = by_s
        assert (await central_system.call("TriggerMessage", requestedMessage="Heartbeat"))["status"] == "Accepted"
    await charge_point.pass_time(minutes=4)
    assert charge_point.closed()
    if who == "the system":
        await reach(charge_point)
    assert len(central_system.of("MeterValues")) == 5
    await charge_point.unplug()
    await charge_point.until(lambda: charge_point.queue_length == 0, within_s=20)
    await charge_point.until(lambda: central_system.of("StopTransaction"), within_s=20)
    start, stop = central_system.of("StartTransaction")[0], central_system.of("StopTransaction")[0]
    assert dates(stop)[-1] >= dates(start)[0]


@pytest.mark.parametrize("by_s", STEPS_S)
async def test_f_step_the_grid_of_the_day_goes_on_at_once(charge_point, by_s):
    """Aligned samples lie on the grid of the new calendar, none twice, and no more than one is left out (F-STEP, MTR-2)."""
    await charge_point.start(ocpp="ClockAlignedDataInterval = 60\nHeartbeatInterval = 86400")
    await charge_point.pass_time(minutes=2, seconds=31)
    central_system = charge_point.central_system
    central_system.clock_error_s = by_s
    assert (await central_system.call("TriggerMessage", requestedMessage="Heartbeat"))["status"] == "Accepted"
    before = len(central_system.of("MeterValues"))
    await charge_point.pass_time(minutes=5)
    new = [dates(values)[0] for values in central_system.of("MeterValues")[before:]]
    assert all(at.second == 0 and at.microsecond == 0 for at in new)
    assert 4 <= len(new) <= 6
    assert {later - earlier for earlier, later in itertools.pairwise(new)} == {timedelta(minutes=1)}
    everything = [dates(values)[0] for values in central_system.of("MeterValues")]
    assert len(set(everything[before - 1:])) == len(everything[before - 1:])


async def test_f_step_what_was_told_of_a_session_is_not_overtaken_by_its_end_after_a_restart(charge_point):
    """The clock was an hour ahead, was corrected, and the process died: the end is not told before the samples (F-STEP, TIME-2, PWR-4)."""
    await charge_point.start(ocpp="MeterValueSampleInterval = 60")
    central_system = charge_point.central_system
    central_system.clock_error_s = 3600
    assert (await central_system.call("TriggerMessage", requestedMessage="Heartbeat"))["status"] == "Accepted"
    await charge_point.charge()
    await charge_point.pass_time(minutes=2, seconds=30)
    central_system.clock_error_s = 0
    assert (await central_system.call("TriggerMessage", requestedMessage="Heartbeat"))["status"] == "Accepted"
    await charge_point.pass_time(minutes=2)
    told = max(dates(values)[-1] for values in central_system.of("MeterValues"))
    await charge_point.restart(ready=False)
    await charge_point.until(lambda: central_system.of("StopTransaction"), within_s=30)
    assert dates(central_system.of("StopTransaction")[0])[-1] >= told


@UNKNOWN
async def test_b4_an_end_that_nobody_can_date_is_not_told_before_what_was_told(charge_point, starts_at):
    """Told with dates, gone on without them, ended without them, and then the power: the end is at the last moment that is known.

    Nothing is gathered for StopTransaction, so that only the disk can tell when that was (B4, decision 10, F-1970, TIME-2).
    """
    charge_point.clock_starts_at = starts_at
    await charge_point.start(ocpp="MeterValueSampleInterval = 60", charging='after_power_loss = "resume"')
    await charge_point.charge()
    await charge_point.pass_time(minutes=5)
    central_system = charge_point.central_system
    told = max(dates(values)[-1] for values in central_system.of("MeterValues"))
    central_system.network.refuses = True
    for _ in range(2):
        await charge_point.restart(power_cut=True, ready=False)
        await charge_point.plug()
        await charge_point.until(charge_point.closed, within_s=15)
        await charge_point.pass_time(minutes=3)
    await charge_point.unplug()
    await charge_point.until(lambda: charge_point.status() == "Available", within_s=10)
    await cut_power(charge_point)
    await reach(charge_point)
    (stop,) = central_system.of("StopTransaction")
    assert told <= dates(stop)[-1] <= told + timedelta(minutes=1)


async def test_f_step_a_triggered_value_is_not_told_before_what_was_told(charge_point):
    """The clock was set back by an hour in the session: the values that TriggerMessage asks for follow the start (F-STEP, TIME-2, MTR-14)."""
    await charge_point.start()
    central_system = charge_point.central_system
    await charge_point.charge()
    central_system.clock_error_s = -3600
    for message in ("Heartbeat", "MeterValues"):
        assert (await central_system.call("TriggerMessage", requestedMessage=message))["status"] == "Accepted"
        await charge_point.pass_time(seconds=2)
    (start,), (values,) = central_system.of("StartTransaction"), central_system.of("MeterValues")
    assert central_system.of("Heartbeat")
    assert dates(values)[-1] >= dates(start)[-1]
