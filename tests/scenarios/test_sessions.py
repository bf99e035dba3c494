"""A session from its first gesture to its last message, in every order in which people do things (scenarios S1, S2)."""

import pytest

from drivers.sim import outlet

UNLOCK_ANSWERED_WITHIN_S = 8
"""The car lets go of the power, and the bolt has its three tries."""


async def test_s1_plug_first_then_card(charge_point):
    """Plugged, then a card: Preparing, Authorize, StartTransaction with the register, Charging (S1, TXN-1, TXN-2, TXN-3)."""
    await charge_point.start()
    central_system = charge_point.central_system
    await charge_point.verb("meter", connector=1, energy_wh=4321.9)
    await charge_point.pass_time(seconds=2)
    await charge_point.plug()
    await charge_point.until(lambda: central_system.status() == "Preparing", within_s=3)
    assert not charge_point.closed()
    await charge_point.swipe("TAG1")
    await charge_point.until(lambda: central_system.status() == "Charging", within_s=10)
    assert charge_point.closed()
    assert central_system.in_order(["StatusNotification", "Authorize", "StartTransaction"])
    start = central_system.of("StartTransaction")[0]
    assert (start["connectorId"], start["idTag"], start["meterStart"]) == (1, "TAG1", 4321)
    assert start["timestamp"] == charge_point.clock.now().utc.isoformat(timespec="seconds")[:13] + start["timestamp"][13:]


async def test_s1_card_first_then_plug(charge_point):
    """A card, then the plug: Preparing from the card on, one Authorize, StartTransaction at the plug (S1, TXN-2, TXN-3, transition A2)."""
    await charge_point.start()
    central_system = charge_point.central_system
    await charge_point.swipe("TAG1")
    await charge_point.until(lambda: central_system.status() == "Preparing", within_s=3)
    assert central_system.billing == []
    await charge_point.plug()
    await charge_point.until(lambda: central_system.status() == "Charging", within_s=10)
    assert len(central_system.of("Authorize")) == 1
    assert central_system.billing == ["StartTransaction"]


async def test_s1_nobody_plugs_in(charge_point):
    """ConnectionTimeOut after the card the connector is Available again, and nothing was ever started (S1, TXN-5, transition B1)."""
    await charge_point.start(ocpp="ConnectionTimeOut = 20")
    central_system = charge_point.central_system
    await charge_point.swipe("TAG1")
    await charge_point.until(lambda: central_system.status() == "Preparing", within_s=3)
    assert 19 < await charge_point.until(lambda: central_system.status() == "Available", within_s=25) < 21
    await charge_point.plug()
    await charge_point.pass_time(seconds=10)
    assert central_system.billing == []
    assert central_system.statuses() == ["Available", "Preparing", "Available", "Preparing"]


async def test_the_same_card_again_before_plugging_takes_it_back(charge_point):
    """A second presentation of the same card cancels, at once (TXN-7, transition B1)."""
    await charge_point.start()
    await charge_point.swipe("TAG1")
    await charge_point.until(lambda: charge_point.central_system.status() == "Preparing", within_s=3)
    await charge_point.swipe("TAG1")
    await charge_point.until(lambda: charge_point.central_system.status() == "Available", within_s=2)


@pytest.mark.parametrize("plugged", [True, False], ids=["plugged before", "plugged after"])
async def test_a_remote_start_is_accepted_and_then_starts(charge_point, plugged):
    """The central system starts: Accepted first, then the transaction, with the tag it gave (RMS-1, RMS-2, RMS-5)."""
    await charge_point.start()
    central_system = charge_point.central_system
    if plugged:
        await charge_point.plug()
        await charge_point.pass_time(seconds=2)
    answer = await central_system.call("RemoteStartTransaction", idTag="APP1")
    assert answer["status"] == "Accepted"
    if not plugged:
        await charge_point.until(lambda: central_system.status() == "Preparing", within_s=3)
        await charge_point.plug()
    await charge_point.until(lambda: central_system.status() == "Charging", within_s=10)
    assert central_system.of("StartTransaction")[0]["idTag"] == "APP1"


async def test_s2_stop_by_the_same_card(charge_point):
    """The same card ends it: no Authorize, reason Local, register and tag in the stop, Finishing, unplug, Available.

    (S2, AUTH-3, TXN-11, TXN-12, TXN-14)
    """
    await charge_point.start(ocpp="LocalPreAuthorize = false")
    await charge_point.charge("TAG1")
    await charge_point.pass_time(minutes=6)
    central_system = charge_point.central_system
    central_system.forget()
    await charge_point.swipe("tag1")
    await charge_point.until(lambda: "StopTransaction" in central_system.actions, within_s=10)
    stop = central_system.of("StopTransaction")[0]
    assert (stop.get("reason"), stop["idTag"], stop["transactionId"]) == ("Local", "tag1", 1)
    assert abs(stop["meterStop"] - charge_point.world.outlet(1).energy_wh) < 1
    assert stop["meterStop"] > 2000
    assert central_system.of("Authorize") == []
    await charge_point.until(lambda: central_system.status() == "Finishing", within_s=3)
    assert not charge_point.closed()
    await charge_point.unplug()
    await charge_point.until(lambda: central_system.status() == "Available", within_s=3)


async def test_s2_another_card_does_not_stop(charge_point):
    """A foreign card is ignored: no Authorize, no stop (S2, TXN-13)."""
    await charge_point.start()
    await charge_point.charge("TAG1")
    charge_point.central_system.forget()
    await charge_point.swipe("TAG2")
    await charge_point.pass_time(seconds=20)
    assert charge_point.closed()
    assert "Authorize" not in charge_point.central_system.actions
    assert charge_point.central_system.billing == []


async def test_s2_a_card_of_the_same_group_stops(charge_point):
    """A card with the same parentIdTag is authorised and then stops; its own tag is in the stop (S2, TXN-13, IDT-3)."""
    await charge_point.start()
    central_system = charge_point.central_system
    central_system.answers["Authorize"] = {"idTagInfo": {"status": "Accepted", "parentIdTag": "FAMILY"}}
    await charge_point.charge("TAG1")
    await charge_point.swipe("TAG2")
    await charge_point.until(lambda: "StopTransaction" in central_system.actions, within_s=10)
    assert central_system.of("StopTransaction")[0]["idTag"] == "TAG2"
    assert central_system.of("StopTransaction")[0].get("reason") == "Local"


async def test_s2_unplugging_stops_the_transaction(charge_point):
    """StopTransactionOnEVSideDisconnect true: reason EVDisconnected, the contactor is open before anything else.

    (S2, TXN-15, TXN-17)
    """
    await charge_point.start()
    await charge_point.charge()
    await charge_point.unplug()
    assert await charge_point.until(lambda: not charge_point.closed(), within_s=1) <= 0.12
    central_system = charge_point.central_system
    await charge_point.until(lambda: central_system.status() == "Available", within_s=5)
    assert central_system.of("StopTransaction")[0]["reason"] == "EVDisconnected"


async def test_s2_unplugging_only_suspends(charge_point):
    """StopTransactionOnEVSideDisconnect false: SuspendedEV, bolt in, and plugged again the same transaction goes on.

    (S2, TXN-15, TXN-17)
    """
    await charge_point.start(ocpp="StopTransactionOnEVSideDisconnect = false")
    central_system = charge_point.central_system
    await charge_point.charge()
    await charge_point.unplug()
    await charge_point.until(lambda: (central_system.status() or "").startswith("Suspended"), within_s=3)
    told = central_system.of("StatusNotification")[-1]
    assert (told["status"], told["info"], told["errorCode"]) == ("SuspendedEV", "EV side disconnected", "NoError")
    assert (await charge_point.state())["lock"]
    await charge_point.pass_time(minutes=5)
    assert central_system.billing == ["StartTransaction"]
    await charge_point.plug()
    await charge_point.until(lambda: central_system.status() == "Charging", within_s=10)
    await charge_point.swipe("TAG1")
    await charge_point.until(lambda: "StopTransaction" in central_system.actions, within_s=10)
    assert central_system.billing == ["StartTransaction", "StopTransaction"]


async def test_stop_by_the_central_system(charge_point):
    """RemoteStopTransaction: Accepted, then reason Remote; a wrong id is Rejected and changes nothing (RMT-1, TXN-12)."""
    await charge_point.start()
    await charge_point.charge()
    central_system = charge_point.central_system
    assert (await central_system.call("RemoteStopTransaction", transactionId=77))["status"] == "Rejected"
    assert charge_point.closed()
    assert (await central_system.call("RemoteStopTransaction", transactionId=1))["status"] == "Accepted"
    await charge_point.until(lambda: "StopTransaction" in central_system.actions, within_s=10)
    assert central_system.of("StopTransaction")[0]["reason"] == "Remote"
    await charge_point.until(lambda: central_system.status() == "Finishing", within_s=3)


@pytest.mark.parametrize(("kind", "reason"), [("Soft", "SoftReset"), ("Hard", "HardReset")])
async def test_a_reset_stops_the_transaction_first(charge_point, kind, reason):
    """Reset: the reply, the stop with its reason, then the process ends by itself; the next start finds nothing to mend.

    (RST-1, RST-2, RST-3, TXN-12).
    """
    await charge_point.start()
    await charge_point.charge()
    central_system = charge_point.central_system
    assert (await central_system.call("Reset", type=kind))["status"] == "Accepted"
    await charge_point.until(lambda: charge_point.ended, within_s=15)
    stored = charge_point.memory.load()
    told = central_system.of("StopTransaction")
    assert [stop["reason"] for stop in told] == [reason] or [m.action for m in stored.outbox] == ["StopTransaction"]
    await charge_point.pass_time(seconds=2)
    stops_before = len(told)
    await charge_point.start_again()
    await charge_point.until(lambda: charge_point.queue_length == 0, within_s=10)
    later = central_system.of("StopTransaction")
    assert stops_before + len(later) == 1
    assert [stop["reason"] for stop in [*told, *later]] == [reason]


async def test_a_hard_reset_hears_that_the_end_of_a_car_in_no_hurry_was_taken(charge_point):
    """It draws on until the guard opens under load, and the end is written after six seconds: it is told once, not again after the restart.

    (RST-2, RST-6, QUE-2)
    """
    await charge_point.start()
    await charge_point.charge()
    await charge_point.ev_state("C")
    central_system = charge_point.central_system
    assert (await central_system.call("Reset", type="Hard"))["status"] == "Accepted"
    took_s = await charge_point.until(lambda: charge_point.ended, within_s=15)
    assert 6 <= took_s <= 9
    assert charge_point.memory.load().outbox == ()
    await charge_point.start_again()
    await charge_point.pass_time(seconds=10)
    assert central_system.of("StopTransaction") == []


async def test_s9_unlock_in_a_transaction_stops_it(charge_point):
    """UnlockConnector: contactor open, bolt out, Unlocked, and only then the stop with UnlockCommand (S9, UNL-1, UNL-2)."""
    await charge_point.start()
    await charge_point.charge()
    central_system = charge_point.central_system
    answer = await central_system.call("UnlockConnector", connectorId=1)
    assert answer["status"] == "Unlocked"
    assert not charge_point.closed()
    assert not (await charge_point.state())["lock"]
    await charge_point.until(lambda: "StopTransaction" in central_system.actions, within_s=10)
    assert central_system.of("StopTransaction")[0]["reason"] == "UnlockCommand"


async def test_s9_unlock_where_nothing_is_plugged(charge_point):
    """An idle connector is simply unlocked (S9, UNL-1)."""
    await charge_point.start()
    assert (await charge_point.central_system.call("UnlockConnector", connectorId=1))["status"] == "Unlocked"


@pytest.mark.parametrize("charging", [False, True], ids=["idle", "in a transaction"])
async def test_s9_a_bolt_that_does_not_open(charge_point, charging):
    """The mechanism fails: UnlockFailed within its time, and a ConnectorLockFailure as a warning (S9, UNL-1)."""
    await charge_point.start()
    if charging:
        await charge_point.charge()
    else:
        await charge_point.plug()
        await charge_point.fault("lock_stuck")
        await charge_point.charge()
        await charge_point.swipe("TAG1")
        await charge_point.until(lambda: charge_point.central_system.status() == "Finishing", within_s=10)
    await charge_point.fault("lock_stuck")
    central_system = charge_point.central_system
    answer = await central_system.call("UnlockConnector", connectorId=1)
    assert answer["status"] == "UnlockFailed"
    await charge_point.until(lambda: central_system.error()[1] == "ConnectorLockFailure", within_s=3)
    assert central_system.error() == ("Finishing", "ConnectorLockFailure", "lock_stuck")


@pytest.mark.parametrize("charging", [False, True], ids=["after a session", "in a transaction"])
async def test_s9_a_bolt_that_never_arrives(charge_point, charging, monkeypatch):
    """The motor runs and nothing is heard of the bolt: UnlockFailed in time, and the transaction has ended (S9, UNL-1, UNL-2)."""
    await charge_point.start()
    await charge_point.charge()
    monkeypatch.setattr(outlet, "BOLT_TAKES_S", 3600.0)
    central_system = charge_point.central_system
    if not charging:
        await charge_point.swipe("TAG1")
        await charge_point.until(lambda: central_system.status() == "Finishing", within_s=10)
    answer = await central_system.call("UnlockConnector", connectorId=1, within_s=UNLOCK_ANSWERED_WITHIN_S)
    assert answer["status"] == "UnlockFailed"
    assert not charge_point.closed()
    await charge_point.until(lambda: "StopTransaction" in central_system.actions, within_s=10)
    assert central_system.of("StopTransaction")[0]["reason"] == ("UnlockCommand" if charging else "Local")


async def test_s9_unlock_without_a_lock(charge_point):
    """Where there is no bolt there is nothing to unlock: NotSupported (S9, UNL-1)."""
    await charge_point.start(lock="none")
    assert (await charge_point.central_system.call("UnlockConnector", connectorId=1))["status"] == "NotSupported"


@pytest.mark.parametrize(("kind", "reason"), [("estop", "EmergencyStop"), ("rcd", "Other"), ("ground", "Other")])
async def test_stop_by_a_fault(charge_point, kind, reason):
    """A fault that ends a transaction opens at once, and the stop names it (TXN-12, F-RCD)."""
    await charge_point.start()
    await charge_point.charge()
    await charge_point.fault(kind)
    assert await charge_point.until(lambda: not charge_point.closed(), within_s=1) <= 0.1
    central_system = charge_point.central_system
    await charge_point.until(lambda: "StopTransaction" in central_system.actions, within_s=10)
    assert central_system.of("StopTransaction")[0]["reason"] == reason
    assert "idTag" not in central_system.of("StopTransaction")[0]


async def test_a_second_session_needs_a_second_card(charge_point):
    """After the end the cable may stay: a card starts a new transaction, from Finishing over Preparing (transition F2)."""
    await charge_point.start()
    await charge_point.charge("TAG1")
    await charge_point.swipe("TAG1")
    central_system = charge_point.central_system
    await charge_point.until(lambda: central_system.status() == "Finishing", within_s=10)
    await charge_point.pass_time(minutes=1)
    assert not charge_point.closed()
    await charge_point.swipe("TAG1")
    await charge_point.until(lambda: central_system.status() == "Charging", within_s=10)
    assert central_system.statuses()[-5:] == ["Charging", "Finishing", "Preparing", "SuspendedEV", "Charging"]
    first, second = central_system.of("StartTransaction")
    assert central_system.of("StopTransaction")[0]["meterStop"] == second["meterStart"] >= first["meterStart"]


async def test_a_card_refused_by_the_central_system(charge_point):
    """Authorize answered Blocked: no transaction, still Preparing (AUTH-12)."""
    await charge_point.start()
    charge_point.central_system.answers["Authorize"] = {"idTagInfo": {"status": "Blocked"}}
    await charge_point.plug()
    await charge_point.swipe("TAG1")
    await charge_point.pass_time(seconds=10)
    assert charge_point.central_system.status() == "Preparing"
    assert charge_point.central_system.billing == []
    assert not charge_point.closed()


async def test_a_car_that_pauses_is_not_charged_and_not_stopped(charge_point):
    """The car opens S2: SuspendedEV; it closes S2 again: Charging, in the same transaction (STAT-8, transitions C4 and D3)."""
    await charge_point.start()
    await charge_point.charge()
    await charge_point.ev_state("B")
    central_system = charge_point.central_system
    await charge_point.until(lambda: central_system.status() == "SuspendedEV", within_s=2)
    assert not charge_point.closed()
    await charge_point.ev_state("C")
    await charge_point.until(lambda: central_system.status() == "Charging", within_s=3)
    assert central_system.billing == ["StartTransaction"]
