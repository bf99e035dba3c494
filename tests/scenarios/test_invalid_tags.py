"""StartTransaction.conf says no: what then flows, what is told, and who gets the cable back (S3, F-TXREJ)."""

import pytest


@pytest.mark.parametrize("verdict", ["Invalid", "Blocked", "Expired", "ConcurrentTx"])
async def test_s3_the_transaction_is_stopped(charge_point, verdict):
    """StopTransactionOnInvalidId true: contactor open, reason DeAuthorized, no idTag needed, the id given is used.

    (S3, AUTH-20, AUTH-22, TXN-9)
    """
    await charge_point.start(ocpp="StopTransactionOnInvalidId = true")
    central_system = charge_point.central_system
    central_system.answers["StartTransaction"] = central_system.start(verdict, transaction_id=55)
    await charge_point.plug()
    await charge_point.swipe("TAG1")
    await charge_point.until(lambda: "StopTransaction" in central_system.actions, within_s=10)
    stop = central_system.of("StopTransaction")[0]
    assert (stop["reason"], stop["transactionId"]) == ("DeAuthorized", 55)
    assert not charge_point.closed()
    await charge_point.until(lambda: central_system.status() == "Finishing", within_s=3)


async def test_s3_the_cable_stays_locked_until_the_tag_comes_back(charge_point):
    """After DeAuthorized the bolt stays in, also when the car's end is out, until the same tag is shown (S3, AUTH-20)."""
    await charge_point.start()
    central_system = charge_point.central_system
    central_system.answers["StartTransaction"] = central_system.start("Invalid")
    await charge_point.plug()
    await charge_point.swipe("TAG1")
    await charge_point.until(lambda: "StopTransaction" in central_system.actions, within_s=10)
    await charge_point.unplug()
    await charge_point.pass_time(minutes=1)
    assert (await charge_point.state())["lock"]
    assert central_system.status() == "Finishing"
    await charge_point.swipe("TAG1")
    await charge_point.until(lambda: central_system.status() == "Available", within_s=5)
    assert not (await charge_point.state())["lock"]


async def test_s3_only_the_energy_is_stopped(charge_point):
    """StopTransactionOnInvalidId false: SuspendedEVSE, nothing flows, the transaction stays open until somebody ends it.

    (S3, AUTH-20)
    """
    await charge_point.start(ocpp="StopTransactionOnInvalidId = false")
    central_system = charge_point.central_system
    central_system.answers["StartTransaction"] = central_system.start("Blocked")
    await charge_point.plug()
    await charge_point.swipe("TAG1")
    await charge_point.until(lambda: central_system.status() == "SuspendedEVSE", within_s=10)
    await charge_point.pass_time(minutes=10)
    assert not charge_point.closed()
    assert charge_point.world.outlet(1).energy_wh < 50
    assert central_system.billing == ["StartTransaction"]
    await charge_point.swipe("TAG1")
    await charge_point.until(lambda: "StopTransaction" in central_system.actions, within_s=10)


@pytest.mark.parametrize("stops", [True, False])
async def test_s3_some_energy_may_still_flow(charge_point, stops):
    """MaxEnergyOnInvalidId: so many watt-hours from the verdict on and no more, then stop or suspend (S3, AUTH-21)."""
    await charge_point.start(ocpp=f"MaxEnergyOnInvalidId = 500\nStopTransactionOnInvalidId = {str(stops).lower()}")
    central_system = charge_point.central_system
    central_system.answers["StartTransaction"] = central_system.start("Invalid")
    await charge_point.charge()
    await charge_point.until(lambda: not charge_point.closed(), within_s=300)
    await charge_point.pass_time(seconds=10)
    assert 440 < charge_point.world.outlet(1).energy_wh <= 500
    assert central_system.billing == ["StartTransaction", *(["StopTransaction"] if stops else [])]


async def test_a_late_verdict_on_a_session_that_is_over_changes_nothing(charge_point):
    """Start and stop were queued; the verdict Invalid comes afterwards: only the cache learns (TXN-9, CACHE-2)."""
    await charge_point.start(ocpp="AllowOfflineTxForUnknownId = true")
    await charge_point.link(up=False)
    await charge_point.charge("TAG9")
    await charge_point.swipe("TAG9")
    await charge_point.until(lambda: charge_point.status() == "Finishing", within_s=10)
    await charge_point.unplug()
    central_system = charge_point.central_system
    central_system.answers["StartTransaction"] = central_system.start("Invalid")
    await charge_point.link(up=True)
    await charge_point.until(lambda: charge_point.queue_length == 0, within_s=30)
    assert central_system.billing == ["StartTransaction", "StopTransaction"]
    await charge_point.link(up=False)
    await charge_point.plug()
    await charge_point.swipe("TAG9")
    await charge_point.pass_time(seconds=10)
    assert not charge_point.closed()
