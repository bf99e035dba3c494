"""Every fault kind of the contract, raised and mended while idle, while preparing and while charging (scenario X2).

A row says what must be told; the contactor, the end of the transaction and the way back follow from the kind's clearing.
"""

from typing import NamedTuple

import pytest

from controller.shell.pace import NORMAL

AVAILABLE, PREPARING, CHARGING = "Available", "Preparing", "Charging"
RATED_OPEN_S = 0.1


class Row(NamedTuple):
    """What a fault kind shows, and how it ends."""

    code: str
    opens_within_s: float | None
    """From the cause to the open contact while charging; None: charging goes on."""
    clears: str
    told: dict[str, str | None]
    """The status by what was going on; None: nothing is told."""
    reason: str | None = None
    """Of the StopTransaction, where the kind ends a transaction."""


def everywhere(status: str) -> dict[str, str | None]:
    """The same status whatever is going on."""
    return dict.fromkeys((AVAILABLE, PREPARING, CHARGING), status)


FAULTED = everywhere("Faulted")
KINDS = {
    "other": Row("OtherError", RATED_OPEN_S, "auto", FAULTED),
    "ground": Row("GroundFailure", RATED_OPEN_S, "unplug", FAULTED, "Other"),
    "rcd": Row("GroundFailure", RATED_OPEN_S, "reset", FAULTED, "Other"),
    "diode": Row("EVCommunicationError", RATED_OPEN_S, "unplug",
                 {AVAILABLE: None, PREPARING: None, CHARGING: "SuspendedEVSE"}),
    "contactor_welded": Row("PowerSwitchFailure", None, "reset", FAULTED, "Other"),
    "contactor": Row("PowerSwitchFailure", RATED_OPEN_S, "unplug", {AVAILABLE: None, PREPARING: None, CHARGING: "Faulted"}),
    "temperature": Row("HighTemperature", 2.0, "auto", FAULTED),
    "estop": Row("OtherError", RATED_OPEN_S, "auto", FAULTED, "EmergencyStop"),
    "undervoltage": Row("UnderVoltage", 2.0, "auto", FAULTED),
    "overvoltage": Row("OverVoltage", 2.0, "auto", FAULTED),
    "overcurrent": Row("OverCurrentFailure", 2.0, "unplug", {AVAILABLE: None, PREPARING: None, CHARGING: "Faulted"}, "Other"),
}
CASES = [pytest.param(kind, phase, id=f"{kind}, {phase}") for kind in KINDS for phase in (AVAILABLE, PREPARING, CHARGING)]


async def brought_to(charge_point, phase):
    """Idle, plugged, or charging; told so. Meters are read as often as in earnest: some faults are seen by them."""
    charge_point.pace = NORMAL
    await charge_point.start()
    if phase == PREPARING:
        await charge_point.plug()
    elif phase == CHARGING:
        await charge_point.charge()
    await charge_point.until(lambda: charge_point.central_system.status() == phase, within_s=5)
    await charge_point.pass_time(seconds=3)


@pytest.mark.parametrize(("kind", "phase"), CASES)
async def test_x2_what_is_told(charge_point, kind, phase):
    """Status, errorCode and vendorErrorCode by the contract's table, once, within 5 s (X2, STAT-9, STAT-12, STAT-13)."""
    row = KINDS[kind]
    await brought_to(charge_point, phase)
    central_system = charge_point.central_system
    central_system.forget()
    await charge_point.fault(kind)
    await charge_point.pass_time(seconds=6)
    told = [(p["status"], p["errorCode"], p.get("vendorErrorCode")) for p in central_system.of("StatusNotification")
            if p["errorCode"] != "NoError"]
    expected = row.told[phase]
    assert told == ([(expected, row.code, kind)] if expected is not None else [])
    assert (await charge_point.state())["fault"] == (kind if expected is not None else None)


@pytest.mark.parametrize("kind", [kind for kind, row in KINDS.items() if row.opens_within_s is not None])
async def test_x2_the_contactor_opens(charge_point, kind):
    """At once, or by a controlled stop, in the time that the contract gives (X2, F-RCD, F-OVER, F-PILOT, F-NOCLOSE)."""
    await brought_to(charge_point, CHARGING)
    await charge_point.fault(kind)
    took_s = await charge_point.until(lambda: not charge_point.closed(), within_s=4)
    within_s = KINDS[kind].opens_within_s
    assert within_s is not None
    assert took_s <= within_s + 0.02
    await charge_point.pass_time(seconds=60)
    assert not charge_point.closed()


async def test_f_weld_a_charging_car_lets_go_and_the_weld_shows(charge_point):
    """The contact stuck closed: the car lets go, PowerSwitchFailure is told within 2 s of that, nothing new starts (F-WELD)."""
    await brought_to(charge_point, CHARGING)
    await charge_point.fault("contactor_welded")
    central_system = charge_point.central_system
    await charge_point.until(lambda: central_system.error() == ("Faulted", "PowerSwitchFailure", "contactor_welded"),
                             within_s=2)
    await charge_point.until(lambda: "StopTransaction" in central_system.actions, within_s=15)
    await charge_point.fault("contactor_welded", active=False)
    await charge_point.until(lambda: central_system.error()[:2] == ("Finishing", "NoError"), within_s=5)


@pytest.mark.parametrize("kind", [kind for kind, row in KINDS.items() if row.clears == "auto" and row.reason is None])
async def test_x2_charging_comes_back_by_itself(charge_point, kind):
    """The transaction survives; a second after the cause is gone power is back, without a card (X2, transitions C9 and I3)."""
    await brought_to(charge_point, CHARGING)
    await charge_point.fault(kind)
    await charge_point.pass_time(seconds=30)
    await charge_point.fault(kind, active=False)
    central_system = charge_point.central_system
    took_s = await charge_point.until(charge_point.closed, within_s=10)
    assert took_s >= 1.0
    await charge_point.until(lambda: central_system.error()[:2] == ("Charging", "NoError"), within_s=3)
    assert central_system.billing == ["StartTransaction"]


@pytest.mark.parametrize("kind", [kind for kind, row in KINDS.items() if row.reason is not None])
async def test_x2_the_transaction_ends(charge_point, kind):
    """StopTransaction at once with its reason; Finishing when the fault is gone and the car still plugged (X2)."""
    row = KINDS[kind]
    await brought_to(charge_point, CHARGING)
    await charge_point.fault(kind)
    central_system = charge_point.central_system
    await charge_point.until(lambda: "StopTransaction" in central_system.actions, within_s=12)
    assert central_system.of("StopTransaction")[0]["reason"] == row.reason
    await charge_point.fault(kind, active=False)
    await charge_point.pass_time(seconds=5)
    if row.clears == "unplug":
        assert central_system.status() == "Faulted"
        await charge_point.unplug()
        await charge_point.until(lambda: central_system.error()[:2] == ("Available", "NoError"), within_s=5)
    else:
        assert central_system.error()[:2] == ("Finishing", "NoError")
        await charge_point.unplug()
        await charge_point.until(lambda: central_system.status() == "Available", within_s=5)
    await charge_point.charge("TAG2")


@pytest.mark.parametrize("kind", ["diode", "contactor"])
async def test_x2_only_unplugging_clears(charge_point, kind):
    """The cause is gone, the fault stands until the car is unplugged; that ends the transaction as unplugging does (X2)."""
    await brought_to(charge_point, CHARGING)
    await charge_point.fault(kind)
    await charge_point.pass_time(seconds=10)
    await charge_point.fault(kind, active=False)
    await charge_point.pass_time(seconds=30)
    assert not charge_point.closed()
    central_system = charge_point.central_system
    assert central_system.error()[1] == KINDS[kind].code
    await charge_point.unplug()
    await charge_point.until(lambda: central_system.error()[:2] == ("Available", "NoError"), within_s=5)
    assert central_system.of("StopTransaction")[0]["reason"] == "EVDisconnected"
    await charge_point.charge("TAG2")


async def test_x2_a_faulted_connector_starts_nothing(charge_point):
    """A card and a remote start at a Faulted connector: refused, also while it is plugged (X2, STAT-11, RMS-4)."""
    await charge_point.start()
    await charge_point.fault("temperature")
    await charge_point.plug()
    await charge_point.pass_time(seconds=2)
    await charge_point.swipe("TAG1")
    answer = await charge_point.central_system.call("RemoteStartTransaction", idTag="TAG1", connectorId=1)
    assert answer["status"] == "Rejected"
    await charge_point.pass_time(seconds=10)
    assert charge_point.central_system.billing == []


async def test_x2_a_bolt_that_does_not_lock(charge_point):
    """The bolt does not go in when it is tried: ConnectorLockFailure, no transaction; cleared by unplugging (X2, TXN-8)."""
    await brought_to(charge_point, PREPARING)
    await charge_point.fault("lock")
    await charge_point.pass_time(seconds=5)
    central_system = charge_point.central_system
    assert central_system.status() == "Preparing"
    await charge_point.swipe("TAG1")
    await charge_point.until(lambda: central_system.error() == ("Faulted", "ConnectorLockFailure", "lock"), within_s=8)
    assert central_system.billing == []
    assert not charge_point.closed()
    await charge_point.fault("lock", active=False)
    await charge_point.pass_time(seconds=5)
    assert central_system.status() == "Faulted"
    await charge_point.unplug()
    await charge_point.until(lambda: central_system.error()[:2] == ("Available", "NoError"), within_s=5)
    await charge_point.charge("TAG1")


async def test_x2_a_bolt_that_does_not_open(charge_point):
    """The bolt stays in when the session ends: a warning once it was tried, gone when it opens (X2, contract section 3)."""
    await brought_to(charge_point, CHARGING)
    await charge_point.fault("lock_stuck")
    await charge_point.pass_time(seconds=5)
    central_system = charge_point.central_system
    assert central_system.error() == ("Charging", "NoError", None)
    await charge_point.swipe("TAG1")
    await charge_point.until(lambda: central_system.error() == ("Finishing", "ConnectorLockFailure", "lock_stuck"), within_s=9)
    await charge_point.fault("lock_stuck", active=False)
    await charge_point.until(lambda: central_system.error()[:2] == ("Finishing", "NoError"), within_s=10)


@pytest.mark.parametrize("phase", [AVAILABLE, PREPARING, CHARGING])
async def test_x2_a_meter_that_is_silent(charge_point, phase):
    """A warning at once, after 30 s Faulted and the end of the transaction; back a second after it answers (X2, F-METER)."""
    await brought_to(charge_point, phase)
    central_system = charge_point.central_system
    await charge_point.fault("meter")
    await charge_point.until(lambda: central_system.error() == (phase, "PowerMeterFailure", "meter"), within_s=3)
    await charge_point.pass_time(seconds=25)
    assert central_system.status() == phase
    assert charge_point.closed() is (phase == CHARGING)
    await charge_point.until(lambda: central_system.error() == ("Faulted", "PowerMeterFailure", "meter"), within_s=7)
    await charge_point.until(lambda: not charge_point.closed(), within_s=3)
    await charge_point.pass_time(seconds=5)
    assert [stop["reason"] for stop in central_system.of("StopTransaction")] == (["Other"] if phase == CHARGING else [])
    await charge_point.fault("meter", active=False)
    await charge_point.until(lambda: central_system.error()[1] == "NoError", within_s=5)
    assert central_system.status() == ("Finishing" if phase == CHARGING else phase)


async def test_f_meter_nothing_starts_without_a_meter(charge_point):
    """While the meter is silent no new transaction begins, also within the first 30 s (F-METER)."""
    await brought_to(charge_point, PREPARING)
    await charge_point.fault("meter")
    await charge_point.pass_time(seconds=3)
    await charge_point.swipe("TAG1")
    await charge_point.pass_time(seconds=10)
    assert charge_point.central_system.billing == []


async def test_f_meter_charging_goes_on_at_the_least(charge_point):
    """`on_meter_loss = "continue"`: the transaction goes on at 6 A, and in full when the meter is back (F-METER)."""
    await charge_point.start(charging='on_meter_loss = "continue"')
    await charge_point.charge()
    await charge_point.fault("meter")
    await charge_point.until(lambda: charge_point.world.outlet(1).offered_a == 6, within_s=4)
    await charge_point.pass_time(minutes=5)
    assert charge_point.closed()
    await charge_point.fault("meter", active=False)
    await charge_point.until(lambda: charge_point.world.outlet(1).offered_a > 31.9, within_s=10)


@pytest.mark.parametrize("phase", [AVAILABLE, CHARGING])
async def test_f_rfid_a_dead_reader(charge_point, phase):
    """A warning on connector 0 only; charging goes on, remote start works; it is noticed when it is back (F-RFID)."""
    await brought_to(charge_point, phase)
    central_system = charge_point.central_system
    await charge_point.fault("rfid")
    await charge_point.until(lambda: central_system.error(0) == ("Available", "ReaderFailure", "rfid"), within_s=3)
    assert central_system.error(1)[1] == "NoError"
    assert charge_point.closed() is (phase == CHARGING)
    await charge_point.pass_time(minutes=2)
    await charge_point.fault("rfid", active=False)
    await charge_point.until(lambda: central_system.error(0) == ("Available", "NoError", None), within_s=35)
    if phase == AVAILABLE:
        await charge_point.charge("TAG1")


async def test_x2_two_faults_at_once(charge_point):
    """The more severe is shown, then the other, NoError when the last is gone (X2, contract section 3)."""
    await charge_point.start()
    central_system = charge_point.central_system
    await charge_point.fault("temperature")
    await charge_point.until(lambda: central_system.error()[2] == "temperature", within_s=3)
    await charge_point.fault("rcd")
    await charge_point.until(lambda: central_system.error()[2] == "rcd", within_s=3)
    await charge_point.fault("rcd", active=False)
    await charge_point.until(lambda: central_system.error()[2] == "temperature", within_s=3)
    await charge_point.fault("temperature", active=False)
    await charge_point.until(lambda: central_system.error() == ("Available", "NoError", None), within_s=3)


@pytest.mark.parametrize("state", ["E", "F"])
async def test_x2_a_pilot_out_of_order(charge_point, state):
    """E or F while charging: opens at once, EVCommunicationError as a warning with SuspendedEVSE; it comes back by itself.

    (X2, STAT-10, F-PILOT)
    """
    await brought_to(charge_point, CHARGING)
    await charge_point.ev_state(state)
    assert await charge_point.until(lambda: not charge_point.closed(), within_s=1) <= 0.12
    central_system = charge_point.central_system
    await charge_point.until(lambda: central_system.error()[:2] == ("SuspendedEVSE", "EVCommunicationError"), within_s=3)
    await charge_point.ev_state("C")
    await charge_point.until(lambda: central_system.error()[:2] == ("Charging", "NoError"), within_s=10)


@pytest.mark.parametrize("state", ["E", "F"])
async def test_x2_a_pilot_out_of_order_where_nothing_was_plugged(charge_point, state):
    """E or F at an idle connector: Faulted with OtherError (X2, contract section 3, STAT-10)."""
    await charge_point.start()
    await charge_point.ev_state(state)
    central_system = charge_point.central_system
    await charge_point.until(lambda: central_system.error()[:2] == ("Faulted", "OtherError"), within_s=3)
    await charge_point.ev_state("A")
    await charge_point.until(lambda: central_system.error()[:2] == ("Available", "NoError"), within_s=4)


@pytest.mark.parametrize("served", [False, True])
async def test_x2_a_car_that_wants_ventilation(charge_point, served):
    """State D: never closed without `ventilation`, SuspendedEVSE with OtherError; charged with it (X2, contract section 3)."""
    await charge_point.start(connector=f"ventilation = {str(served).lower()}")
    await charge_point.plug()
    await charge_point.swipe("TAG1")
    await charge_point.until(lambda: charge_point.central_system.status() == "SuspendedEV", within_s=5)
    await charge_point.ev_state("D")
    await charge_point.pass_time(seconds=5)
    assert charge_point.closed() is served
    expected = ("Charging", "NoError") if served else ("SuspendedEVSE", "OtherError")
    assert charge_point.central_system.error()[:2] == expected
