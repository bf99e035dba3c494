"""A connector is kept for somebody: asked for, used, refused to others, over and forgotten (scenarios R1 to R8)."""

from datetime import timedelta

import pytest

from tests.rig.clock import SAVED, UNSET


async def reserve(charge_point, connector=1, id_tag="TAG1", reservation_id=7, *, for_s=3600, parent=None):
    """ReserveNow; gives its status."""
    until = charge_point.true_time.now() + timedelta(seconds=for_s)
    grouped = {"parentIdTag": parent} if parent is not None else {}
    conf = await charge_point.central_system.call(
        "ReserveNow", connectorId=connector, idTag=id_tag, reservationId=reservation_id,
        expiryDate=until.isoformat(timespec="milliseconds").replace("+00:00", "Z"), **grouped)
    return conf["status"]


async def cancel(charge_point, reservation_id=7):
    """CancelReservation; gives its status."""
    return (await charge_point.central_system.call("CancelReservation", reservationId=reservation_id))["status"]


async def told(charge_point, status, connector=1, within_s=3):
    """Wait until the central system knows."""
    await charge_point.until(lambda: charge_point.central_system.status(connector) == status, within_s=within_s)


def family(charge_point, *tags):
    """These tags are in the group FAMILY; everybody is accepted."""
    charge_point.central_system.answers["Authorize"] = lambda payload: {"idTagInfo": {
        "status": "Accepted", **({"parentIdTag": "FAMILY"} if payload["idTag"] in tags else {})}}


async def test_r1_an_idle_connector_is_reserved_and_used(charge_point):
    """Accepted, Reserved; its card is authorised, Preparing, and the start carries the reservationId (R1, RES-2, RES-4, RES-7 to RES-9)."""
    await charge_point.start()
    central_system = charge_point.central_system
    assert await reserve(charge_point) == "Accepted"
    await told(charge_point, "Reserved")
    await charge_point.swipe("TAG1")
    await told(charge_point, "Preparing")
    await charge_point.plug()
    await told(charge_point, "Charging", within_s=10)
    (start,) = central_system.of("StartTransaction")
    assert (start["connectorId"], start["idTag"], start["reservationId"]) == (1, "TAG1", 7)
    assert len(central_system.of("Authorize")) == 1
    assert await cancel(charge_point) == "Rejected"
    await charge_point.unplug()
    await told(charge_point, "Available", within_s=10)
    await charge_point.charge("TAG9")
    assert "reservationId" not in central_system.of("StartTransaction")[1]


async def test_r1_a_wrong_tag_is_refused_plugged_or_not(charge_point):
    """Neither card first nor plug first: nothing is asked, nothing starts, and it is Reserved when the car has gone (R1, RES-6, RES-7)."""
    await charge_point.start()
    central_system = charge_point.central_system
    await reserve(charge_point)
    await charge_point.swipe("TAG9")
    await charge_point.pass_time(seconds=5)
    assert central_system.status() == "Reserved"
    await charge_point.plug()
    await told(charge_point, "Preparing")
    await charge_point.swipe("TAG9")
    await charge_point.pass_time(seconds=30)
    assert not charge_point.closed()
    assert central_system.of("Authorize") == []
    assert central_system.billing == []
    await charge_point.unplug()
    await told(charge_point, "Reserved")


async def test_r1_a_remote_start_with_another_tag_is_rejected(charge_point):
    """And with the reserved one Accepted: Reserved, Preparing, Charging, with the reservationId (R1, RES-6, RES-9, RMS-4, STAT-7)."""
    await charge_point.start()
    central_system = charge_point.central_system
    await reserve(charge_point)
    assert (await central_system.call("RemoteStartTransaction", connectorId=1, idTag="APP9"))["status"] == "Rejected"
    assert (await central_system.call("RemoteStartTransaction", idTag="APP9"))["status"] == "Rejected"
    assert (await central_system.call("RemoteStartTransaction", connectorId=1, idTag="TAG1"))["status"] == "Accepted"
    await charge_point.plug()
    await told(charge_point, "Charging", within_s=10)
    assert central_system.statuses()[1:3] == ["Reserved", "Preparing"]
    assert [start["reservationId"] for start in central_system.of("StartTransaction")] == [7]


async def test_r1_a_plugged_car_does_not_get_past_a_reservation(charge_point):
    """`free_id_tag`: plugging in is enough, but not here; when the reservation is over the car charges (R1, RES-6)."""
    await charge_point.start(charging='free_id_tag = "FREE"')
    await reserve(charge_point, for_s=60)
    await charge_point.plug()
    await charge_point.pass_time(seconds=50)
    assert not charge_point.closed()
    await charge_point.until(charge_point.closed, within_s=20)
    (start,) = charge_point.central_system.of("StartTransaction")
    assert start["idTag"] == "FREE"
    assert "reservationId" not in start


async def test_r2_an_occupied_connector(charge_point):
    """Cable in, charging, waiting for the unplugging, and reserved already: Occupied (R2, RES-2, RES-3, TC_048_2)."""
    await charge_point.start()
    await charge_point.plug()
    await told(charge_point, "Preparing")
    assert await reserve(charge_point) == "Occupied"
    await charge_point.swipe("TAG9")
    await told(charge_point, "Charging", within_s=10)
    assert await reserve(charge_point) == "Occupied"
    await charge_point.swipe("TAG9")
    await told(charge_point, "Finishing", within_s=10)
    assert await reserve(charge_point) == "Occupied"
    await charge_point.unplug()
    await told(charge_point, "Available")
    assert await reserve(charge_point) == "Accepted"
    assert await reserve(charge_point, reservation_id=8) == "Occupied"
    assert await reserve(charge_point, id_tag="TAG9", reservation_id=9) == "Occupied"


async def test_r3_a_faulted_connector(charge_point):
    """Faulted; and a fault that comes ends what was reserved: Faulted, then Available (R3, RES-2, RES-8, RES-12)."""
    await charge_point.start()
    await charge_point.fault("other")
    await told(charge_point, "Faulted")
    assert await reserve(charge_point) == "Faulted"
    await charge_point.fault("other", active=False)
    await told(charge_point, "Available")
    assert await reserve(charge_point) == "Accepted"
    await told(charge_point, "Reserved")
    await charge_point.fault("other")
    await charge_point.pass_time(seconds=2)
    await charge_point.fault("other", active=False)
    await told(charge_point, "Available")
    assert charge_point.central_system.statuses()[-3:] == ["Reserved", "Faulted", "Available"]
    assert await cancel(charge_point) == "Rejected"


async def test_r4_an_unavailable_connector(charge_point):
    """Unavailable; and ChangeAvailability ends what was reserved: Unavailable, then Available (R4, RES-2, RES-8, AVL-6, transition G8)."""
    await charge_point.start()
    central_system = charge_point.central_system
    for connector in (1, 0):
        await central_system.call("ChangeAvailability", connectorId=connector, type="Inoperative")
        await told(charge_point, "Unavailable")
        assert await reserve(charge_point) == "Unavailable"
        await central_system.call("ChangeAvailability", connectorId=connector, type="Operative")
        await told(charge_point, "Available")
        assert await reserve(charge_point) == "Accepted"
        await told(charge_point, "Reserved")
    await central_system.call("ChangeAvailability", connectorId=1, type="Inoperative")
    await told(charge_point, "Unavailable")
    await central_system.call("ChangeAvailability", connectorId=1, type="Operative")
    await told(charge_point, "Available")


async def test_r5_connector_0_keeps_one_free(charge_point):
    """Shown on the last free connector only; strangers charge while another remains, the reserved card on any (R5, RES-5, RES-8, RES-9)."""
    await charge_point.start(connectors=3)
    central_system = charge_point.central_system
    assert await reserve(charge_point, 0) == "Accepted"
    await charge_point.pass_time(seconds=2)
    assert [central_system.status(n) for n in (1, 2, 3)] == ["Available"] * 3
    await charge_point.charge("TAG8", 1)
    assert [central_system.status(n) for n in (2, 3)] == ["Available"] * 2
    await charge_point.charge("TAG9", 3)
    await told(charge_point, "Reserved", 2)
    await charge_point.plug(2)
    await charge_point.swipe("TAG5", [2])
    await charge_point.pass_time(seconds=20)
    assert not charge_point.closed(2)
    await charge_point.swipe("TAG1", [2])
    await told(charge_point, "Charging", 2, within_s=10)
    assert [start.get("reservationId") for start in central_system.of("StartTransaction")] == [None, None, 7]


async def test_r5_several_reservations_of_connector_0(charge_point):
    """One for each free connector, then Occupied; each ends by itself (R5, RES-2, RES-5, RES-10)."""
    await charge_point.start(connectors=2)
    assert await reserve(charge_point, 0, "TAG1", 1, for_s=60) == "Accepted"
    assert await reserve(charge_point, 0, "TAG2", 2) == "Accepted"
    assert await reserve(charge_point, 0, "TAG3", 3) == "Occupied"
    assert await reserve(charge_point, 2, "TAG3", 3) == "Occupied"
    await charge_point.pass_time(seconds=61)
    assert await reserve(charge_point, 2, "TAG3", 3) == "Accepted"
    await told(charge_point, "Reserved", 1)
    await told(charge_point, "Reserved", 2)
    assert await cancel(charge_point, 2) == "Accepted"
    await told(charge_point, "Available", 1)
    assert charge_point.status(2) == "Reserved"


async def test_r5_connector_0_where_it_is_not_supported(charge_point):
    """ReserveConnectorZeroSupported = false: Rejected (R5, RES-2)."""
    await charge_point.start(ocpp="ReserveConnectorZeroSupported = false")
    assert await reserve(charge_point, 0) == "Rejected"
    assert await reserve(charge_point, 1) == "Accepted"


async def test_r5_the_others_are_out_of_service(charge_point):
    """All but one Unavailable, connector 0 reserved: the remaining one is told as Reserved (R5, TC_049, RES-5)."""
    await charge_point.start(connectors=2)
    await charge_point.central_system.call("ChangeAvailability", connectorId=1, type="Inoperative")
    assert await reserve(charge_point, 0) == "Accepted"
    await told(charge_point, "Reserved", 2)
    assert charge_point.central_system.status(1) == "Unavailable"


async def test_r6_the_same_id_replaces(charge_point):
    """Another connector and another tag: the former is Available, the new one Reserved and for the new tag (R6, RES-1)."""
    await charge_point.start(connectors=2)
    central_system = charge_point.central_system
    await reserve(charge_point, 1, "TAG1")
    await told(charge_point, "Reserved", 1)
    assert await reserve(charge_point, 2, "TAG2") == "Accepted"
    await told(charge_point, "Available", 1)
    await told(charge_point, "Reserved", 2)
    await charge_point.charge("TAG1", 1)
    await charge_point.charge("TAG2", 2)
    assert [start.get("reservationId") for start in central_system.of("StartTransaction")] == [None, 7]


async def test_r7_a_tag_of_the_reserved_group(charge_point):
    """parentIdTag: a stranger's group is asked for by Authorize; its tags start, others do not (R7, RES-6, RES-7, TC_053)."""
    await charge_point.start()
    central_system = charge_point.central_system
    family(charge_point, "TAG2")
    await reserve(charge_point, parent="FAMILY")
    await told(charge_point, "Reserved")
    await charge_point.swipe("TAG9")
    await charge_point.pass_time(seconds=5)
    assert central_system.status() == "Reserved"
    await charge_point.swipe("TAG2")
    await told(charge_point, "Preparing")
    await charge_point.plug()
    await told(charge_point, "Charging", within_s=10)
    assert [call["idTag"] for call in central_system.of("Authorize")] == ["TAG9", "TAG2"]
    (start,) = central_system.of("StartTransaction")
    assert (start["idTag"], start["reservationId"]) == ("TAG2", 7)


async def test_r7_offline_the_cache_knows_the_group(charge_point):
    """The link is gone: a cached tag of the group starts, and the reservationId is delivered later (R7, RES-7, RES-9, AUTH-7)."""
    await charge_point.start()
    central_system = charge_point.central_system
    family(charge_point, "TAG2")
    central_system.script("StartTransaction", central_system.start(parent="FAMILY"))
    await charge_point.charge("TAG2")
    await charge_point.unplug()
    await told(charge_point, "Available", within_s=10)
    await reserve(charge_point, parent="FAMILY")
    await charge_point.link(up=False)
    await charge_point.plug()
    await charge_point.swipe("TAG2")
    await charge_point.until(charge_point.closed, within_s=10)
    await charge_point.link(up=True)
    await charge_point.until(lambda: len(central_system.of("StartTransaction")) == 2, within_s=20)
    assert central_system.of("StartTransaction")[1]["reservationId"] == 7


async def test_r8_it_expires_at_its_date(charge_point):
    """At expiryDate, to the second: Reserved, then Available (R8, RES-8, RES-10, TC_047)."""
    await charge_point.start()
    await reserve(charge_point, for_s=120)
    await told(charge_point, "Reserved")
    await charge_point.pass_time(seconds=118)
    assert charge_point.central_system.status() == "Reserved"
    await told(charge_point, "Available", within_s=2.5)
    assert await cancel(charge_point) == "Rejected"


async def test_r8_the_card_is_shown_and_nobody_plugs_in(charge_point):
    """ConnectionTimeOut: Reserved again; and Available at expiryDate (R8, RES-8, TXN-5)."""
    await charge_point.start(ocpp="ConnectionTimeOut = 20")
    await reserve(charge_point, for_s=60)
    await charge_point.swipe("TAG1")
    await told(charge_point, "Preparing")
    await told(charge_point, "Reserved", within_s=21)
    await told(charge_point, "Available", within_s=61)
    assert charge_point.central_system.billing == []


async def test_r8_it_is_cancelled(charge_point):
    """CancelReservation: Accepted and Available; an unknown id: Rejected (R8, RES-10, RES-11, TC_051, TC_052)."""
    await charge_point.start()
    await reserve(charge_point)
    await told(charge_point, "Reserved")
    assert await cancel(charge_point, 8) == "Rejected"
    assert await cancel(charge_point) == "Accepted"
    await told(charge_point, "Available")


@pytest.mark.parametrize("kindly", [False, True], ids=["killed", "SIGTERM"])
async def test_r8_it_survives_a_restart(charge_point, kindly):
    """Reserved from the first status on, for the same card and until the same date (R8, RES-12, PWR-6)."""
    await charge_point.start()
    await reserve(charge_point, for_s=300)
    await charge_point.restart(after_s=30, kindly=kindly)
    central_system = charge_point.central_system
    assert central_system.statuses() == ["Reserved"]
    await charge_point.plug()
    await charge_point.swipe("TAG9")
    await charge_point.pass_time(seconds=10)
    assert central_system.billing == []
    await charge_point.swipe("TAG1")
    await told(charge_point, "Charging", within_s=10)
    assert central_system.of("StartTransaction")[0]["reservationId"] == 7


async def test_r8_a_reset_keeps_it(charge_point):
    """Reset Hard, accepted: the process ends, and the next one knows the reservation (R8, RES-12, RST-1)."""
    await charge_point.start()
    await reserve(charge_point)
    assert (await charge_point.central_system.call("Reset", type="Hard"))["status"] == "Accepted"
    await charge_point.until(lambda: charge_point.ended, within_s=30)
    await charge_point.start_again()
    assert charge_point.central_system.statuses() == ["Reserved"]


async def test_r8_one_that_expired_while_the_power_was_off_is_forgotten(charge_point):
    """Available from the first status on (R8, RES-12)."""
    await charge_point.start()
    await reserve(charge_point, for_s=60)
    await charge_point.restart(after_s=90, power_cut=True)
    assert charge_point.central_system.statuses() == ["Available"]
    assert await cancel(charge_point) == "Rejected"


@pytest.mark.parametrize("starts_at", [UNSET, SAVED], ids=["1970", "saved two days ago"])
@pytest.mark.parametrize("off_s", [30, 300], ids=["in time", "too late"])
async def test_r8_the_date_is_unknown_after_the_power_cut(charge_point, starts_at, off_s):
    """Kept from strangers until the date is told, then judged by it (R8, RES-12, F-1970)."""
    await charge_point.start(ocpp="AllowOfflineTxForUnknownId = true", charging="before_accepted = true")
    await reserve(charge_point, for_s=200)
    charge_point.clock_starts_at = starts_at
    charge_point.central_system.network.refuses = True
    await charge_point.restart(after_s=off_s, power_cut=True, ready=False)
    await charge_point.plug()
    await charge_point.swipe("TAG9")
    await charge_point.pass_time(seconds=20)
    assert not charge_point.closed()
    await charge_point.unplug()
    charge_point.central_system.network.refuses = False
    await charge_point.link(up=True)
    await told(charge_point, "Reserved" if off_s == 30 else "Available", within_s=30)
    assert (charge_point.memory.load().reservations == ()) is (off_s == 300)


@pytest.mark.parametrize("step_s", [-3600, 1800, 7200])
async def test_r8_the_clock_is_set_meanwhile(charge_point, step_s):
    """Somebody sets the machine's clock, the central system tells the right time: it ends at the date that was promised (R8, F-STEP)."""
    await charge_point.start(ocpp="HeartbeatInterval = 10")
    charge_point.central_system.heartbeat_interval_s = 10
    await reserve(charge_point, for_s=600)
    await charge_point.pass_time(seconds=60)
    charge_point.clock.step(step_s)
    await charge_point.pass_time(seconds=500)
    assert charge_point.central_system.status() == "Reserved"
    await told(charge_point, "Available", within_s=45)


async def test_r8_it_ends_offline(charge_point):
    """Nobody is there to be told; the status of the reconnection is Available (R8, RES-8, STAT-20)."""
    await charge_point.start()
    await reserve(charge_point, for_s=60)
    await told(charge_point, "Reserved")
    await charge_point.link(up=False)
    await charge_point.pass_time(seconds=90)
    assert charge_point.status() == "Available"
    await charge_point.link(up=True)
    await told(charge_point, "Available", within_s=10)


async def test_r8_the_profile_is_left_out(charge_point):
    """SupportedFeatureProfiles without Reservation: Rejected by the .conf, as a station that never had it (R8, RES-2, TC_048_4)."""
    await charge_point.start(ocpp='SupportedFeatureProfiles = "Core,RemoteTrigger"')
    assert await reserve(charge_point) == "Rejected"
    assert await cancel(charge_point) == "Rejected"
    conf = await charge_point.central_system.call("GetConfiguration", key=["ReserveConnectorZeroSupported"])
    assert conf["unknownKey"] == ["ReserveConnectorZeroSupported"]
