"""One loop over the link in memory, two halves over a socket: the same charge point (contract section 1)."""

import pytest

from controller.guard.link import SocketControllerEnd, SocketGuardEnd, socket_pair
from tests.rig.charge_point import ChargePoint
from tests.rig.loop import run_virtual


async def _session(charge_point: ChargePoint) -> list[str]:
    """Start, charge, trip, recover, pause, stop."""
    charge_point.skip_quiet = False
    await charge_point.start(ocpp="MeterValueSampleInterval = 10")
    await charge_point.charge()
    await charge_point.pass_time(seconds=15)
    await charge_point.fault("other")
    await charge_point.pass_time(seconds=5)
    await charge_point.fault("other", active=False)
    await charge_point.until(charge_point.closed, within_s=10)
    await charge_point.ev_state("B")
    await charge_point.pass_time(seconds=5)
    await charge_point.swipe("TAG1")
    await charge_point.pass_time(seconds=5)
    await charge_point.unplug()
    await charge_point.pass_time(seconds=5)
    await charge_point.stop()
    return charge_point.frames


def test_a_session_over_the_socket_gives_the_same_frames(tmp_path, monkeypatch: pytest.MonkeyPatch):
    """Every frame and every time stamp is the same, whichever way guard and controller talk to each other."""
    ours, theirs = socket_pair()
    logs = []
    for name in ("memory", "socket"):
        folder = tmp_path / name
        folder.mkdir()
        if name == "socket":
            ends = SocketControllerEnd(ours), SocketGuardEnd(connection=theirs)
            monkeypatch.setattr("controller.app.memory_link", lambda both=ends: both)
        logs.append(run_virtual(_session(ChargePoint(folder))))
    ours.close()
    theirs.close()
    assert any('"StopTransaction"' in frame for frame in logs[0])
    assert "\n".join(logs[0]) == "\n".join(logs[1])
