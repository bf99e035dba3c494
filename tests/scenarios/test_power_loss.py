"""The process or the power goes, at every stage of a session (scenario T3, F-KILL, F-STOP, `charging.after_power_loss`)."""

from datetime import datetime

import pytest

from controller.shell.pace import NORMAL


async def settled(charge_point):
    """After the restart: everything owed is delivered."""
    await charge_point.until(lambda: charge_point.queue_length == 0, within_s=60)


async def test_t3_killed_while_a_card_waits_for_a_plug(charge_point):
    """Initiation is no transaction: after the kill the connector is Available, nothing is billed (T3)."""
    await charge_point.start()
    await charge_point.swipe("TAG1")
    await charge_point.pass_time(seconds=2)
    await charge_point.restart()
    await charge_point.plug()
    await charge_point.pass_time(seconds=20)
    assert charge_point.central_system.status() == "Preparing"
    assert charge_point.central_system.billing == []


@pytest.mark.parametrize("kindly", [False, True], ids=["killed", "SIGTERM"])
async def test_t3_a_running_transaction_is_stopped_after_a_power_loss(charge_point, kindly):
    """A transaction found open is stopped: PowerLoss, or Reboot where the end was noted; same id, last register, its time.

    (T3, PWR-4, PWR-5, F-KILL, F-STOP)
    """
    await charge_point.start(ocpp="MeterValueSampleInterval = 30")
    await charge_point.charge()
    await charge_point.pass_time(minutes=10)
    interrupted = charge_point.true_time.now()
    register_wh = charge_point.world.outlet(1).energy_wh
    await charge_point.restart(after_s=60, kindly=kindly)
    await settled(charge_point)
    central_system = charge_point.central_system
    stop = central_system.of("StopTransaction")[0]
    assert stop["reason"] == ("Reboot" if kindly else "PowerLoss")
    assert stop["transactionId"] == 1
    assert register_wh - 15 <= stop["meterStop"] <= register_wh + 20
    assert abs((datetime.fromisoformat(stop["timestamp"]) - interrupted).total_seconds()) <= 31
    assert not charge_point.closed()
    assert central_system.billing == ["StopTransaction"]


async def test_t3_a_running_transaction_resumes_where_that_is_configured(charge_point):
    """`after_power_loss = "resume"`: the car still plugged, the same transaction goes on and is stopped later, once.

    (T3, PWR-4, F-KILL)
    """
    await charge_point.start(charging='after_power_loss = "resume"')
    await charge_point.charge()
    await charge_point.pass_time(minutes=5)
    await charge_point.restart(after_s=5)
    await charge_point.plug()
    central_system = charge_point.central_system
    await charge_point.until(lambda: central_system.status() == "Charging", within_s=15)
    assert charge_point.closed()
    assert central_system.billing == []
    await charge_point.pass_time(minutes=5)
    await charge_point.swipe("TAG1")
    await charge_point.until(lambda: charge_point.status() == "Finishing", within_s=10)
    await settled(charge_point)
    assert central_system.billing == ["StopTransaction"]
    assert central_system.of("StopTransaction")[0]["transactionId"] == 1
    assert central_system.of("StopTransaction")[0]["reason"] == "Local"


async def test_t3_nothing_is_resumed_without_the_car(charge_point):
    """`after_power_loss = "resume"`, but the car does not come back: stopped with PowerLoss (T3, contract section 1)."""
    await charge_point.start(charging='after_power_loss = "resume"')
    await charge_point.charge()
    await charge_point.restart(after_s=5)
    central_system = charge_point.central_system
    await charge_point.until(lambda: "StopTransaction" in central_system.actions, within_s=30)
    assert central_system.of("StopTransaction")[0]["reason"] == "PowerLoss"
    assert central_system.status() == "Available"


async def test_t3_killed_before_the_start_was_answered(charge_point):
    """StartTransaction was stored but not answered: it is sent again under its id, then the stop with the id of its answer.

    (T3, TXN-21, QUE-2, RPC-4)
    """
    await charge_point.start()
    central_system = charge_point.central_system
    await charge_point.plug()
    await charge_point.swipe("TAG1")
    await charge_point.until(lambda: "StartTransaction" in central_system.actions, within_s=10)
    first = central_system.calls("StartTransaction")[0]
    await charge_point.restart()
    await settled(charge_point)
    start = central_system.calls("StartTransaction")[0]
    assert (start.message_id, start.payload) == (first.message_id, first.payload)
    assert central_system.billing == ["StartTransaction", "StopTransaction"]
    assert central_system.of("StopTransaction")[0]["transactionId"] == 2


async def test_t3_killed_after_the_stop_was_stored(charge_point):
    """The stop was owed when the power went: it is delivered once, with the reason it had (T3, PWR-5)."""
    await charge_point.start()
    await charge_point.charge()
    await charge_point.link(up=False)
    await charge_point.swipe("TAG1")
    await charge_point.until(lambda: charge_point.status() == "Finishing", within_s=10)
    await charge_point.restart(power_cut=True)
    await settled(charge_point)
    central_system = charge_point.central_system
    assert [stop["reason"] for stop in central_system.of("StopTransaction")] == ["Local"]
    await charge_point.restart()
    await charge_point.pass_time(seconds=10)
    assert central_system.billing == []


async def test_t3_killed_after_everything_was_told(charge_point):
    """A finished session leaves nothing behind (T3)."""
    await charge_point.start()
    await charge_point.charge()
    await charge_point.unplug()
    await charge_point.until(lambda: "StopTransaction" in charge_point.central_system.actions, within_s=10)
    await settled(charge_point)
    await charge_point.restart()
    await charge_point.pass_time(seconds=10)
    assert charge_point.central_system.billing == []
    assert charge_point.memory.load().transactions == ()


async def test_f_stop_ends_within_five_seconds_with_the_contactor_open(charge_point):
    """SIGTERM while charging: the pilot steady, the car lets go, contactor open, exit within 5 s, nothing is stopped yet.

    (F-STOP, contract section 1)
    """
    await charge_point.start()
    await charge_point.charge()
    world = charge_point.world
    assert await charge_point.stop() <= 5
    await charge_point.pass_time(seconds=0.1)
    assert not world.outlet(1).closed
    assert world.outlet(1).duty == 1.0
    assert charge_point.central_system.billing == ["StartTransaction"]
    assert charge_point.memory.load().transactions[0].ended is None


async def test_f_stop_with_a_car_that_ignores_the_pilot(charge_point):
    """A car that keeps drawing is given the guard's 6 s, then the contactor opens under load; exit within 8 s (F-STOP)."""
    await charge_point.start()
    await charge_point.charge()
    await charge_point.ev_state("C")
    world = charge_point.world
    assert 5.5 < await charge_point.stop() <= 8
    await charge_point.pass_time(seconds=0.1)
    assert not world.outlet(1).closed


async def test_f_stop_offline_is_as_quick(charge_point):
    """SIGTERM without a connection, and with one that swallows everything, ends within 5 s (F-STOP)."""
    await charge_point.start()
    await charge_point.charge()
    charge_point.central_system.network.half_open = True
    assert await charge_point.stop() <= 5


async def test_the_register_of_the_meter_outlives_the_process(charge_point):
    """A real register goes on, and so does the simulated one: it is never older than a second (MTR-9, contract section 3)."""
    charge_point.pace = NORMAL
    await charge_point.start()
    await charge_point.charge()
    await charge_point.pass_time(minutes=10)
    register_wh = charge_point.world.outlet(1).energy_wh
    await charge_point.restart()
    await charge_point.charge("TAG2")
    start = charge_point.central_system.of("StartTransaction")[0]
    assert register_wh - 22_080 / 3600 - 1 <= start["meterStart"] <= register_wh


async def test_a_latched_fault_outlives_the_power(charge_point):
    """A residual current tripped before the cut: after it the guard is told before any offer; only a person clears it.

    (F-RCD, contract section 3)
    """
    await charge_point.start()
    await charge_point.charge()
    await charge_point.fault("rcd")
    await charge_point.until(lambda: charge_point.central_system.status() == "Faulted", within_s=3)
    await charge_point.restart(power_cut=True)
    central_system = charge_point.central_system
    await charge_point.until(lambda: central_system.error() == ("Faulted", "GroundFailure", "rcd"), within_s=3)
    await charge_point.plug()
    await charge_point.swipe("TAG1")
    await charge_point.pass_time(seconds=10)
    assert not charge_point.closed()
    await charge_point.fault("rcd", active=False)
    await charge_point.until(lambda: central_system.error()[1] == "NoError", within_s=5)


async def test_an_aligned_sample_that_was_told_is_on_the_disk_too(charge_point):
    """Killed just after it: the end is told neither before that sample, nor with less energy, though the meter is silent by then.

    (PWR-2, MTR-9, MTR-17)
    """
    await charge_point.start(ocpp="MeterValueSampleInterval = 0\nClockAlignedDataInterval = 40")
    await charge_point.charge()
    central_system = charge_point.central_system
    await charge_point.until(lambda: len(central_system.of("MeterValues")) == 2, within_s=100)
    told = central_system.of("MeterValues")[-1]["meterValue"][0]
    assert told["timestamp"] == "2026-03-01T12:01:20Z"
    register_wh = central_system.energy_wh(1)[-1]
    await charge_point.restart(ready=False)
    await charge_point.verb("meter", connector=1, fail=True)
    await settled(charge_point)
    await charge_point.until(lambda: central_system.of("StopTransaction"), within_s=20)
    stop = central_system.of("StopTransaction")[0]
    assert datetime.fromisoformat(stop["timestamp"]) >= datetime.fromisoformat(told["timestamp"])
    assert stop["meterStop"] >= int(register_wh)
