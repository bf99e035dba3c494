"""A disk that stalls, refuses, or was never there: nothing is promised that is not stored, and nobody is in danger.

(F-SDSLOW, F-FULL, F-RO, scenario X4)
"""

import asyncio

import pytest

from controller.app import BrokenStore
from controller.shell.offers import PUMP_PATIENCE_S
from tests.rig.loop import virtual_loop


@pytest.fixture
def stalling(charge_point):
    """Commits go beside the loop, where each may take long."""
    charge_point.in_thread = True
    return charge_point


async def known_card_plugged(charge_point):
    """A car is plugged, and the next card needs no question and so no disk before its transaction begins."""
    await charge_point.start(ocpp="LocalPreAuthorize = true")
    await charge_point.charge("TAG1")
    await charge_point.unplug()
    await charge_point.until(lambda: "StopTransaction" in charge_point.central_system.actions, within_s=10)
    await charge_point.until(lambda: charge_point.queue_length == 0, within_s=10)
    await charge_point.plug()
    await charge_point.pass_time(seconds=2)
    charge_point.central_system.forget()


async def test_f_sdslow_the_contactor_waits_for_the_start_to_be_durable(stalling, charge_point):
    """A commit takes 5 s: no contactor closes before StartTransaction is stored; then the session runs as ever (F-SDSLOW)."""
    await charge_point.start()
    await charge_point.plug()
    await charge_point.pass_time(seconds=3)
    virtual_loop().executor_takes_s = 5.0
    commits = charge_point.memory.commits
    await charge_point.swipe("TAG1")
    took_s = await charge_point.until(charge_point.closed, within_s=60)
    assert took_s > 5
    assert charge_point.memory.commits > commits
    assert [message.action for message in charge_point.memory.load().outbox] == ["StartTransaction"] \
        or charge_point.row()["transaction_id"] == 1


async def test_f_sdslow_an_unplugged_car_is_off_at_once(stalling, charge_point):
    """While a commit hangs the guard goes on: unplugged means off within 100 ms (F-SDSLOW, section 5 of the faults)."""
    await charge_point.start()
    await charge_point.charge()
    virtual_loop().executor_takes_s = 5.0
    charge_point.central_system.send("ChangeConfiguration", key="HeartbeatInterval", value="77")
    await charge_point.pass_time(seconds=1)
    assert charge_point.app.pump.busy
    await charge_point.unplug()
    assert await charge_point.until(lambda: not charge_point.closed(), within_s=1) <= 0.12


async def test_f_sdslow_the_status_is_there_while_a_commit_hangs(stalling, charge_point):
    """A disk that stalls delays answers of the central system's CALLs, never the control socket (contract section 3)."""
    await charge_point.start()
    virtual_loop().executor_takes_s = 5.0
    change = charge_point.central_system.send("ChangeConfiguration", key="HeartbeatInterval", value="77")
    question = charge_point.central_system.send("GetConfiguration", key=["HeartbeatInterval"])
    await charge_point.pass_time(seconds=1)
    began_s = virtual_loop().time()
    assert (await charge_point.state())["ocpp"] == "Available"
    assert charge_point.app.status()["online"]
    assert virtual_loop().time() == began_s
    assert not change.done()
    assert (await asyncio.wait_for(change, 10)) == {"status": "Accepted"}
    answer = await asyncio.wait_for(question, 10)
    assert answer["configurationKey"][0]["value"] == "77"


@pytest.mark.parametrize("stall_s", [5.0, 30.0])
async def test_f_sdslow_a_running_session_is_not_interrupted(stalling, charge_point, stall_s):
    """Every commit takes as long as a bad card may: offers are renewed all the while, the session goes on (F-SDSLOW)."""
    await charge_point.start(ocpp="MeterValueSampleInterval = 60")
    await charge_point.charge()
    virtual_loop().executor_takes_s = stall_s
    for _ in range(600):
        await charge_point.pass_time(seconds=1)
        assert charge_point.closed()
    virtual_loop().executor_takes_s = 0.0
    await charge_point.pass_time(seconds=60)
    await charge_point.swipe("TAG1")
    await charge_point.until(lambda: "StopTransaction" in charge_point.central_system.actions, within_s=60)


async def test_a_pump_that_hangs_for_good_loses_its_offers(stalling, charge_point):
    """A commit that never returns: after a minute the offers are not renewed any more and the guard ends the charging.

    (rule 2 of the faults, F-WDG)
    """
    await charge_point.start(ocpp="MeterValueSampleInterval = 0")
    await charge_point.charge()
    await charge_point.pass_time(seconds=2)
    virtual_loop().executor_takes_s = 3600.0
    charge_point.central_system.send("ChangeConfiguration", key="HeartbeatInterval", value="77")
    took_s = await charge_point.until(lambda: not charge_point.closed(), within_s=120)
    assert PUMP_PATIENCE_S < took_s <= PUMP_PATIENCE_S + 10 + 2


async def test_x4_nothing_starts_on_a_disk_that_refuses(charge_point):
    """The disk is full at a start: no contactor closes, Faulted with InternalError, the cause named; it recovers by itself.

    (X4, F-FULL, F-RO, F-FSYNC)
    """
    await known_card_plugged(charge_point)
    central_system = charge_point.central_system
    charge_point.memory.failure = "/var/lib/evcp: No space left on device"
    await charge_point.swipe("TAG1")
    await charge_point.pass_time(minutes=2)
    assert not charge_point.closed()
    assert central_system.error()[1] == "InternalError"
    assert any("No space left" in warning for warning in charge_point.app.status()["warnings"])
    assert central_system.billing == []
    charge_point.memory.failure = None
    await charge_point.until(lambda: central_system.error()[1] == "NoError", within_s=15)
    await charge_point.until(charge_point.closed, within_s=10)
    await charge_point.until(lambda: "StartTransaction" in central_system.actions, within_s=5)


async def test_x4_a_running_session_ends_cleanly(charge_point):
    """The disk fails in a session: sampled in memory for a minute, then Faulted and open; the end reaches the disk later.

    (X4, F-FSYNC, F-FULL)
    """
    await charge_point.start(ocpp="MeterValueSampleInterval = 10")
    await charge_point.charge()
    central_system = charge_point.central_system
    await charge_point.pass_time(seconds=5)
    charge_point.memory.failure = "/var/lib/evcp: Read-only file system"
    await charge_point.pass_time(seconds=50)
    assert charge_point.closed()
    await charge_point.until(lambda: central_system.error()[:2] == ("Faulted", "InternalError"), within_s=30)
    await charge_point.until(lambda: not charge_point.closed(), within_s=3)
    await charge_point.unplug()
    await charge_point.pass_time(seconds=20)
    assert "StopTransaction" not in central_system.actions
    charge_point.memory.failure = None
    await charge_point.until(lambda: "StopTransaction" in central_system.actions, within_s=20)
    await charge_point.until(lambda: central_system.error()[:2] == ("Available", "NoError"), within_s=5)
    await charge_point.pass_time(seconds=1)
    assert charge_point.memory.load().transactions == ()


async def test_x4_a_start_that_was_given_up_does_not_come_back_with_the_disk(charge_point):
    """The car left while the disk refused: when it is back the session is billed as nothing, and nobody is offered power.

    (X4, F-FULL, rule 1 of the faults)
    """
    await known_card_plugged(charge_point)
    charge_point.memory.failure = "/var/lib/evcp: No space left on device"
    await charge_point.swipe("TAG1")
    await charge_point.pass_time(seconds=5)
    assert charge_point.app.station.connectors[0].transaction is not None
    assert not charge_point.closed()
    await charge_point.unplug()
    await charge_point.pass_time(seconds=10)
    charge_point.memory.failure = None
    central_system = charge_point.central_system
    await charge_point.until(lambda: central_system.billing == ["StartTransaction", "StopTransaction"], within_s=30)
    await charge_point.plug()
    await charge_point.pass_time(seconds=20)
    assert charge_point.world.outlet(1).offered_a == 0
    assert not charge_point.closed()


async def test_x4_the_central_system_is_told_while_nothing_can_be_stored(charge_point):
    """A sample that may not leave does not stand in the way: statuses and Heartbeats go on, questions are answered.

    (X4, QUE-9, HB-1, F-FSYNC)
    """
    await charge_point.start(ocpp="MeterValueSampleInterval = 10\nHeartbeatInterval = 30")
    charge_point.central_system.heartbeat_interval_s = 30
    await charge_point.charge()
    await charge_point.pass_time(seconds=2)
    central_system = charge_point.central_system
    charge_point.memory.failure = "/var/lib/evcp: Input/output error"
    central_system.forget()
    await charge_point.pass_time(minutes=5)
    assert len(central_system.of("Heartbeat")) >= 1
    assert central_system.of("MeterValues") == []
    assert (await central_system.call("GetConfiguration"))["configurationKey"]
    charge_point.memory.failure = None
    await charge_point.until(lambda: charge_point.queue_length == 0, within_s=30)
    stamps = [told["meterValue"][0]["timestamp"] for told in central_system.of("MeterValues")]
    assert stamps == sorted(stamps)


async def test_x4_stopping_does_not_wait_for_the_disk(charge_point):
    """A card ends a session while the disk refuses: the contactor opens at once, the StopTransaction follows (X4, F-FULL)."""
    await charge_point.start()
    await charge_point.charge()
    charge_point.memory.failure = "/var/lib/evcp: No space left on device"
    await charge_point.swipe("TAG1")
    await charge_point.until(lambda: not charge_point.closed(), within_s=2)
    charge_point.memory.failure = None
    await charge_point.until(lambda: "StopTransaction" in charge_point.central_system.actions, within_s=20)


async def test_x4_a_store_that_could_not_be_opened(charge_point):
    """The directory was missing at the start: the daemon is there, says why, and starts nothing (X4, F-FULL, contract section 3)."""
    charge_point.disk = BrokenStore("/mnt/gone: No such file or directory")
    await charge_point.start(connectors=2)
    central_system = charge_point.central_system
    await charge_point.until(lambda: central_system.error(2)[:2] == ("Faulted", "InternalError"), within_s=3)
    assert central_system.error(1) == ("Faulted", "InternalError", "storage")
    assert any("No such file" in warning for warning in charge_point.app.status()["warnings"])
    await charge_point.plug()
    await charge_point.swipe("TAG1")
    await charge_point.pass_time(minutes=5)
    assert not charge_point.closed()
    assert central_system.billing == []


async def test_x4_an_accepted_that_cannot_be_stored_is_not_said(charge_point):
    """ChangeConfiguration on a disk that refuses is answered when it is stored, not before (X4, CFG-7, contract section 3)."""
    await charge_point.start()
    charge_point.memory.failure = "/var/lib/evcp: Read-only file system"
    change = charge_point.central_system.send("ChangeConfiguration", key="HeartbeatInterval", value="77")
    await charge_point.pass_time(seconds=10)
    assert not change.done()
    charge_point.memory.failure = None
    assert (await asyncio.wait_for(change, 15)) == {"status": "Accepted"}
    assert charge_point.memory.load().settings["HeartbeatInterval"] == "77"


async def test_x4_a_hard_reset_may_be_the_cure(charge_point):
    """Soft is Rejected on a disk that refuses; Hard restarts, and after it the session that ran is billed once (X4, RST-5, PWR-5)."""
    await charge_point.start()
    await charge_point.charge()
    await charge_point.pass_time(minutes=2)
    charge_point.memory.failure = "/var/lib/evcp: Read-only file system"
    central_system = charge_point.central_system
    await charge_point.until(lambda: charge_point.app.status()["storing"] is False, within_s=120)
    assert (await central_system.call("Reset", type="Soft")) == {"status": "Rejected"}
    assert (await central_system.call("Reset", type="Hard")) == {"status": "Accepted"}
    await charge_point.until(lambda: charge_point.ended, within_s=10)
    assert not charge_point.closed()
    charge_point.memory.failure = None
    await charge_point.start_again(ready=False)
    await charge_point.until(lambda: "StopTransaction" in central_system.actions, within_s=60)
    await charge_point.pass_time(minutes=5)
    assert central_system.billing == ["StopTransaction"]


async def test_f_stop_with_a_disk_that_refuses(charge_point):
    """SIGTERM while nothing can be stored still opens the contactor and ends within 5 s (F-STOP, F-FULL)."""
    await charge_point.start()
    await charge_point.charge()
    charge_point.memory.failure = "/var/lib/evcp: Read-only file system"
    world = charge_point.world
    assert await charge_point.stop() <= 5
    await charge_point.pass_time(seconds=0.1)
    assert not world.outlet(1).closed


async def test_f_stop_with_a_disk_that_stalls(stalling, charge_point):
    """SIGTERM while a commit hangs ends within 5 s as well (F-STOP, F-SDSLOW)."""
    await charge_point.start()
    await charge_point.charge()
    virtual_loop().executor_takes_s = 30.0
    charge_point.central_system.send("ChangeConfiguration", key="HeartbeatInterval", value="77")
    await charge_point.pass_time(seconds=1)
    world = charge_point.world
    assert await charge_point.stop() <= 5
    await charge_point.pass_time(seconds=0.1)
    assert not world.outlet(1).closed
