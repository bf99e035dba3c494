"""Two connectors: one reader for both, one supply for both, one queue for both (contract section 2)."""

import pytest


async def test_a_card_means_the_connector_that_was_plugged_last(charge_point):
    """Both plugged and waiting: the card starts the last plugged, a second card the other (contract section 2)."""
    await charge_point.start(connectors=2)
    await charge_point.plug(2)
    await charge_point.pass_time(seconds=5)
    await charge_point.plug(1)
    await charge_point.pass_time(seconds=5)
    await charge_point.swipe("TAG1")
    await charge_point.until(lambda: charge_point.closed(1), within_s=10)
    assert not charge_point.closed(2)
    await charge_point.swipe("TAG2")
    await charge_point.until(lambda: charge_point.closed(2), within_s=10)
    starts = charge_point.central_system.of("StartTransaction")
    assert [(start["connectorId"], start["idTag"]) for start in starts] == [(1, "TAG1"), (2, "TAG2")]


async def test_a_waiting_card_moves_to_where_the_plug_goes(charge_point):
    """Nothing plugged: the card waits at the lowest free connector and follows the plug to the other one."""
    await charge_point.start(connectors=2)
    central_system = charge_point.central_system
    await charge_point.swipe("TAG1")
    await charge_point.until(lambda: central_system.status(1) == "Preparing", within_s=3)
    await charge_point.plug(2)
    await charge_point.until(lambda: charge_point.closed(2), within_s=10)
    await charge_point.until(lambda: central_system.status(1) == "Available", within_s=3)
    assert [start["connectorId"] for start in central_system.of("StartTransaction")] == [2]


async def test_a_card_stops_its_own_transaction_and_no_other(charge_point):
    """Two sessions run: each card ends its own (TXN-13, contract section 2)."""
    await charge_point.start(connectors=2)
    await charge_point.charge("TAG1", 1)
    await charge_point.charge("TAG2", 2)
    await charge_point.swipe("TAG2")
    await charge_point.until(lambda: not charge_point.closed(2), within_s=5)
    await charge_point.pass_time(seconds=10)
    assert charge_point.closed(1)
    stops = charge_point.central_system.of("StopTransaction")
    assert [stop["transactionId"] for stop in stops] == [2]


async def test_two_readers_each_for_its_own_connector(charge_point):
    """A card at the reader of connector 2 never means connector 1, even if only 1 is plugged."""
    await charge_point.start(connectors=2, reader=[[1], [2]])
    await charge_point.plug(1)
    await charge_point.swipe("TAG1", [2])
    await charge_point.until(lambda: charge_point.central_system.status(2) == "Preparing", within_s=3)
    await charge_point.pass_time(seconds=10)
    assert not charge_point.closed(1)
    await charge_point.plug(2)
    await charge_point.until(lambda: charge_point.closed(2), within_s=10)


async def test_the_supply_is_shared(charge_point):
    """One car has all of site.supply_limit_a; two have half each, within 1 s; and one has all again after the pause."""
    await charge_point.start(connectors=2, site="supply_limit_a = 32")
    await charge_point.charge("TAG1", 1)
    assert charge_point.world.outlet(1).offered_a == pytest.approx(32, abs=0.01)
    await charge_point.charge("TAG2", 2)
    await charge_point.pass_time(seconds=1)
    assert charge_point.world.outlet(1).offered_a == pytest.approx(16, abs=0.01)
    assert charge_point.world.outlet(2).offered_a == pytest.approx(16, abs=0.01)
    assert sum(charge_point.world.site_current()) <= 3 * 32.5
    await charge_point.unplug(2)
    await charge_point.until(lambda: charge_point.world.outlet(1).offered_a > 31.9, within_s=8)


async def test_a_fault_on_one_leaves_the_other_alone(charge_point):
    """A trip on connector 1 neither stops nor changes connector 2."""
    await charge_point.start(connectors=2)
    await charge_point.charge("TAG1", 1)
    await charge_point.charge("TAG2", 2)
    await charge_point.fault("rcd", connector=1)
    await charge_point.until(lambda: not charge_point.closed(1), within_s=1)
    await charge_point.pass_time(seconds=30)
    assert charge_point.closed(2)
    assert charge_point.central_system.error(2) == ("Charging", "NoError", None)


async def test_unavailable_as_a_whole_with_one_busy(charge_point):
    """ChangeAvailability of connector 0 with one busy: the idle one now, the busy one later, Scheduled (AVL-2)."""
    await charge_point.start(connectors=2)
    central_system = charge_point.central_system
    await charge_point.charge("TAG1", 1)
    assert (await central_system.call("ChangeAvailability", connectorId=0, type="Inoperative"))["status"] == "Scheduled"
    await charge_point.until(lambda: central_system.status(2) == "Unavailable", within_s=3)
    assert charge_point.closed(1)
    await charge_point.unplug(1)
    await charge_point.until(lambda: central_system.status(1) == "Unavailable", within_s=5)


async def test_remote_start_without_a_connector_takes_the_plugged_one(charge_point):
    """RemoteStartTransaction without connectorId: the only plugged free connector (RMS-3)."""
    await charge_point.start(connectors=2)
    await charge_point.plug(2)
    await charge_point.pass_time(seconds=2)
    assert (await charge_point.central_system.call("RemoteStartTransaction", idTag="APP1"))["status"] == "Accepted"
    await charge_point.until(lambda: charge_point.closed(2), within_s=10)
