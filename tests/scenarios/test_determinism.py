"""The same story told twice is the same story, byte by byte: no test of this folder can pass by luck."""

from tests.rig.central_system import CallError, Late, Silence, Twice
from tests.rig.charge_point import ChargePoint
from tests.rig.loop import run_virtual


async def _rich_story(charge_point: ChargePoint) -> list[str]:
    """Two connectors, outages, restarts, faults, refusals and late answers in one hour."""
    await charge_point.start(connectors=2, ocpp="MeterValueSampleInterval = 60\nClockAlignedDataInterval = 300")
    central_system = charge_point.central_system
    central_system.script("StartTransaction", CallError("InternalError"), Silence(), Twice())
    central_system.script("Authorize", Late(after_s=3))
    await charge_point.charge("TAG1", 1, current_a=20, told=False)
    await charge_point.pass_time(minutes=4)
    await charge_point.charge("TAG2", 2, told=False)
    central_system.network.latency_s = 0.7
    await charge_point.pass_time(minutes=3)
    await charge_point.link(up=False)
    await charge_point.swipe("TAG2")
    await charge_point.pass_time(minutes=5)
    await charge_point.link(up=True)
    await charge_point.fault("temperature")
    await charge_point.pass_time(minutes=1)
    await charge_point.fault("temperature", active=False)
    for _ in range(50):
        central_system.send("GetConfiguration")
    await charge_point.pass_time(minutes=1)
    await charge_point.restart(power_cut=True)
    await charge_point.charge("TAG3", 1)
    await charge_point.restart(kindly=True)
    await charge_point.pass_time(minutes=5)
    central_system.network.cut()
    await charge_point.pass_time(minutes=2)
    await charge_point.finish()
    return charge_point.frames


def test_two_runs_of_one_story_give_the_same_frames(tmp_path):
    """Every frame, every id, every time stamp: equal in a second run within the same process."""
    logs = []
    for run in ("first", "second"):
        folder = tmp_path / run
        folder.mkdir()
        logs.append(run_virtual(_rich_story(ChargePoint(folder))))
    assert len(logs[0]) > 200
    assert "\n".join(logs[0]) == "\n".join(logs[1])
