"""Out of service and back, and statuses that do not last (S8, S10)."""

import pytest


@pytest.mark.parametrize("connector_id", [0, 1])
async def test_s8_unavailable_after_the_transaction(charge_point, connector_id):
    """Inoperative in a transaction is Scheduled: it goes on, then Unavailable, and stays so after a restart.

    (S8, AVL-2, AVL-3, AVL-4, PWR-1).
    """
    await charge_point.start()
    await charge_point.charge()
    central_system = charge_point.central_system
    answer = await central_system.call("ChangeAvailability", connectorId=connector_id, type="Inoperative")
    assert answer["status"] == "Scheduled"
    await charge_point.pass_time(minutes=1)
    assert charge_point.closed()
    await charge_point.swipe("TAG1")
    await charge_point.until(lambda: "StopTransaction" in central_system.actions, within_s=10)
    await charge_point.until(lambda: central_system.status() == "Unavailable", within_s=3)
    await charge_point.until(lambda: charge_point.queue_length == 0, within_s=3)
    await charge_point.unplug()
    await charge_point.restart()
    assert central_system.status() == "Unavailable"
    await charge_point.plug()
    await charge_point.swipe("TAG1")
    await charge_point.pass_time(seconds=10)
    assert central_system.billing == []
    answer = await central_system.call("ChangeAvailability", connectorId=connector_id, type="Operative")
    assert answer["status"] == "Accepted"
    await charge_point.until(lambda: central_system.status() == "Preparing", within_s=3)


async def test_s8_unavailable_while_preparing(charge_point):
    """Inoperative while somebody prepares: Accepted, the preparation ends, Available and then Unavailable (S8, STAT-7)."""
    await charge_point.start()
    central_system = charge_point.central_system
    await charge_point.swipe("TAG1")
    await charge_point.until(lambda: central_system.status() == "Preparing", within_s=3)
    answer = await central_system.call("ChangeAvailability", connectorId=1, type="Inoperative")
    assert answer["status"] == "Accepted"
    await charge_point.pass_time(seconds=2)
    assert central_system.statuses() == ["Available", "Preparing", "Available", "Unavailable"]


async def test_s8_connector_0_means_all(charge_point):
    """ChangeAvailability of connector 0: every connector and the charge point itself (S8, AVL-1, STAT-1)."""
    await charge_point.start(connectors=2)
    central_system = charge_point.central_system
    assert (await central_system.call("ChangeAvailability", connectorId=0, type="Inoperative"))["status"] == "Accepted"
    await charge_point.pass_time(seconds=2)
    assert [central_system.status(number) for number in (0, 1, 2)] == ["Unavailable"] * 3


async def test_s10_a_flicker_is_not_told(charge_point):
    """MinimumStatusDuration: what lasts less is not reported, what lasts is, once the time has passed (S10, STAT-4)."""
    await charge_point.start(ocpp="MinimumStatusDuration = 5")
    central_system = charge_point.central_system
    await charge_point.plug()
    await charge_point.pass_time(seconds=2)
    await charge_point.unplug()
    await charge_point.pass_time(seconds=20)
    assert central_system.statuses() == ["Available"]
    await charge_point.plug()
    took_s = await charge_point.until(lambda: central_system.status() == "Preparing", within_s=10)
    assert 5 <= took_s < 6
    answer = await central_system.call("TriggerMessage", requestedMessage="StatusNotification", connectorId=1)
    assert answer["status"] == "Accepted"


async def test_s10_a_trigger_does_not_wait(charge_point):
    """TriggerMessage reports the present state at once, whatever MinimumStatusDuration is (S10, TRG-1, STAT-4)."""
    await charge_point.start(ocpp="MinimumStatusDuration = 300")
    central_system = charge_point.central_system
    await charge_point.plug()
    await charge_point.pass_time(seconds=2)
    await central_system.call("TriggerMessage", requestedMessage="StatusNotification", connectorId=1)
    await charge_point.until(lambda: central_system.status() == "Preparing", within_s=2)
