"""The Local Authorization List at work: who starts, who is asked about, what is told (scenarios S4, S5, S6, S7, X5)."""


import pytest

from controller.store.sqlite import SqliteStore
from tests.rig.central_system import CallError, Silence

KEYS = ("AllowOfflineTxForUnknownId", "LocalPreAuthorize", "LocalAuthorizeOffline", "AuthorizeRemoteTxRequests")
PAST = "2020-01-01T00:00:00Z"


def entry(id_tag, status="Accepted", **info):
    """One entry as it goes over the wire."""
    return {"idTag": id_tag, "idTagInfo": {"status": status, **info}}


async def send_list(charge_point, version, kind, *entries):
    """The status that SendLocalList is answered."""
    answer = await charge_point.central_system.call("SendLocalList", listVersion=version, updateType=kind,
                                                    localAuthorizationList=list(entries))
    return answer["status"]


async def version(charge_point):
    """What GetLocalListVersion is answered."""
    return (await charge_point.central_system.call("GetLocalListVersion"))["listVersion"]


def conflicts(charge_point):
    """The notifications of a LocalListConflict."""
    return [p for p in charge_point.central_system.of("StatusNotification") if p["errorCode"] == "LocalListConflict"]


def asked(charge_point):
    """The tags that the central system was asked about."""
    return [payload["idTag"] for payload in charge_point.central_system.of("Authorize")]


async def comes_to_charge(charge_point, begin):
    """A car is plugged in, somebody lets it begin or tries to, and goes again; whether the energy flowed."""
    await charge_point.plug()
    await charge_point.pass_time(seconds=2)
    await begin()
    await charge_point.pass_time(seconds=10)
    began = charge_point.closed()
    await charge_point.unplug()
    await charge_point.until(lambda: charge_point.row()["status"] == "Available", within_s=20)
    return began


@pytest.mark.parametrize("allow_unknown", [True, False], ids=["unknown-may", "unknown-not"])
@pytest.mark.parametrize("pre_authorize", [True, False], ids=["pre", "no-pre"])
@pytest.mark.parametrize("authorize_offline", [True, False], ids=["offline", "no-offline"])
@pytest.mark.parametrize("authorize_remote", [True, False], ids=["remote-asks", "remote-unasked"])
async def test_s4_each_of_the_four_keys_decides_its_own_question(charge_point, allow_unknown, pre_authorize, authorize_offline, authorize_remote):
    """Sixteen settings: Authorize sent or not, start or not, by card and from afar, online and offline.

    (S4, AUTH-2, AUTH-6, AUTH-7, AUTH-9, RMS-2)
    """
    values = (allow_unknown, pre_authorize, authorize_offline, authorize_remote)
    await charge_point.start(ocpp="\n".join(f"{key} = {str(value).lower()}" for key, value in zip(KEYS, values, strict=True)))
    central_system = charge_point.central_system
    await send_list(charge_point, 1, "Full", entry("LISTED"))

    assert await comes_to_charge(charge_point, lambda: charge_point.swipe("LISTED"))
    assert asked(charge_point) == ([] if pre_authorize else ["LISTED"])

    central_system.forget()
    assert await comes_to_charge(
        charge_point, lambda: central_system.call("RemoteStartTransaction", idTag="REMOTE", connectorId=1))
    assert asked(charge_point) == (["REMOTE"] if authorize_remote else [])

    central_system.forget()
    assert await comes_to_charge(charge_point, lambda: central_system.call("RemoteStartTransaction", idTag="LISTED", connectorId=1))
    assert asked(charge_point) == (["LISTED"] if authorize_remote and not pre_authorize else [])

    await charge_point.link(up=False)
    assert await comes_to_charge(charge_point, lambda: charge_point.swipe("LISTED")) is authorize_offline
    assert await comes_to_charge(charge_point, lambda: charge_point.swipe("STRANGER")) is allow_unknown


async def listed_mix(charge_point, **settings):
    """A station that trusts its list, which has one of every kind."""
    ocpp = "\n".join(["LocalPreAuthorize = true", *(f"{key} = {value}" for key, value in settings.items())])
    await charge_point.start(ocpp=ocpp)
    mix = [entry("GOOD"), entry("BUSY", "ConcurrentTx"), entry("OLD", expiryDate=PAST), entry("EXPIRED", "Expired"),
           entry("BLOCKED", "Blocked"), entry("INVALID", "Invalid")]
    assert await send_list(charge_point, 1, "Full", *mix) == "Accepted"


@pytest.mark.parametrize("id_tag", ["GOOD", "BUSY"])
async def test_s5_a_good_entry_starts_at_once_and_a_later_rejection_ends_it(charge_point, id_tag):
    """No question first; StartTransaction.conf Blocked hours later, after an outage: DeAuthorized (S5, AUTH-6, AUTH-20, AUTH-11)."""
    await listed_mix(charge_point)
    central_system = charge_point.central_system
    central_system.answers["StartTransaction"] = central_system.start("Blocked", transaction_id=31)
    await charge_point.link(up=False)
    await charge_point.charge(id_tag)
    await charge_point.pass_time(hours=2)
    assert charge_point.closed()
    await charge_point.link(up=True)
    await charge_point.until(lambda: "StopTransaction" in central_system.actions, within_s=60)
    stop, = central_system.of("StopTransaction")
    assert (stop["reason"], stop["transactionId"]) == ("DeAuthorized", 31)
    assert asked(charge_point) == []


@pytest.mark.parametrize("accepted", [True, False], ids=["accepted", "rejected"])
@pytest.mark.parametrize("id_tag", ["OLD", "EXPIRED", "BLOCKED", "INVALID"])
async def test_s5_any_other_entry_waits_for_a_delayed_authorize(charge_point, id_tag, accepted):
    """The answer takes 20 s: nothing flows before it, and what it says is done; the list is not the last word online.

    (S5, AUTH-6, AUTH-12)
    """
    await listed_mix(charge_point)
    central_system = charge_point.central_system
    central_system.network.latency_s = 10.0
    central_system.answers["Authorize"] = {"idTagInfo": {"status": "Accepted" if accepted else "Blocked"}}
    await charge_point.plug()
    await charge_point.swipe(id_tag)
    await charge_point.pass_time(seconds=15)
    assert not charge_point.closed()
    await charge_point.pass_time(seconds=30)
    assert charge_point.closed() is accepted
    assert asked(charge_point) == [id_tag]


@pytest.mark.parametrize("id_tag", ["OLD", "EXPIRED", "BLOCKED", "INVALID"])
async def test_s5_offline_such_an_entry_is_no_stranger(charge_point, id_tag):
    """AllowOfflineTxForUnknownId does not speak for tags that the list knows (S5, AUTH-8)."""
    await listed_mix(charge_point, AllowOfflineTxForUnknownId="true")
    await charge_point.link(up=False)
    assert not await comes_to_charge(charge_point, lambda: charge_point.swipe(id_tag))
    assert await comes_to_charge(charge_point, lambda: charge_point.swipe("STRANGER"))


async def test_s5_a_question_that_is_not_answered_is_decided_by_the_list(charge_point):
    """CALLERROR refuses, silence counts as offline: the list then knows (S5, AUTH-13)."""
    await charge_point.start(csms="message_timeout_s = 5")
    await send_list(charge_point, 1, "Full", entry("GOOD"), entry("BLOCKED", "Blocked"))
    central_system = charge_point.central_system
    central_system.answers["Authorize"] = CallError("InternalError")
    assert not await comes_to_charge(charge_point, lambda: charge_point.swipe("GOOD"))
    central_system.answers["Authorize"] = Silence()
    await charge_point.plug()
    await charge_point.swipe("BLOCKED")
    await charge_point.pass_time(seconds=10)
    assert not charge_point.closed()
    await charge_point.swipe("GOOD")
    await charge_point.until(charge_point.closed, within_s=15)


async def test_s6_conflict_by_authorize(charge_point):
    """Accepted in the list, Blocked when asked: one LocalListConflict of connector 0, Available as it is (S6, LIST-9, LIST-10)."""
    await charge_point.start()
    await send_list(charge_point, 1, "Full", entry("TAG1"))
    charge_point.central_system.answers["Authorize"] = {"idTagInfo": {"status": "Blocked"}}
    await charge_point.plug()
    await charge_point.swipe("TAG1")
    await charge_point.pass_time(minutes=1)
    assert [(p["connectorId"], p["status"]) for p in conflicts(charge_point)] == [(0, "Available")]
    assert not charge_point.closed()
    assert await version(charge_point) == 1


async def test_s6_conflict_by_start_transaction(charge_point):
    """Started on the list's word, Invalid in StartTransaction.conf: one LocalListConflict (S6, LIST-9, TXN-9)."""
    await charge_point.start(ocpp="LocalPreAuthorize = true")
    await send_list(charge_point, 1, "Full", entry("TAG1"))
    central_system = charge_point.central_system
    central_system.answers["StartTransaction"] = central_system.start("Invalid")
    await charge_point.plug()
    await charge_point.swipe("TAG1")
    await charge_point.until(lambda: "StopTransaction" in central_system.actions, within_s=20)
    await charge_point.pass_time(minutes=1)
    assert [p["connectorId"] for p in conflicts(charge_point)] == [0]


async def test_s6_a_session_against_the_list_is_one_conflict(charge_point):
    """Blocked in the list, Accepted by Authorize and by the StartTransaction that follows: told once (S6, LIST-9)."""
    await charge_point.start()
    await send_list(charge_point, 1, "Full", entry("TAG1", "Blocked"))
    await charge_point.charge("TAG1")
    await charge_point.pass_time(minutes=1)
    assert len(conflicts(charge_point)) == 1


async def test_s7_the_life_of_a_list(charge_point):
    """Full, Differential with removals, mismatch, duplicates, over the limit, restart, Full empty: in one story.

    (S7, LIST-3 to LIST-7)
    """
    await charge_point.start(ocpp="SendLocalListMaxLength = 4\nLocalAuthListMaxLength = 5")

    async def stored():
        return [row.id_tag for row in charge_point.memory.load().local_list]

    assert await version(charge_point) == 0
    assert await send_list(charge_point, 2, "Full", *map(entry, ("A1", "A2", "A3"))) == "Accepted"
    assert await send_list(charge_point, 5, "Differential", entry("A4"), {"idTag": "a2"}) == "Accepted"
    assert (await version(charge_point), await stored()) == (5, ["A1", "A3", "A4"])
    for number, kind, entries, expected in (
        (4, "Differential", [entry("A5")], "VersionMismatch"), (5, "Differential", [entry("A5")], "VersionMismatch"),
        (6, "Differential", [entry("A5"), entry("a5")], "Failed"), (6, "Full", [entry("A5"), entry("A5")], "Failed"),
        (6, "Differential", [entry(f"B{n}") for n in range(3)], "Failed"), (6, "Full", [entry(f"B{n}") for n in range(5)], "Failed"),
        (6, "Full", [{"idTag": "A5"}], "Failed"), (0, "Full", [entry("A5")], "Failed"), (-1, "Full", [entry("A5")], "Failed"),
    ):
        assert await send_list(charge_point, number, kind, *entries) == expected
        assert (await version(charge_point), await stored()) == (5, ["A1", "A3", "A4"])
    await charge_point.restart(power_cut=True)
    assert (await version(charge_point), await stored()) == (5, ["A1", "A3", "A4"])
    assert await send_list(charge_point, 9, "Full") == "Accepted"
    assert (await version(charge_point), await stored()) == (0, [])


async def test_s7_disabled_there_is_no_list(charge_point):
    """LocalAuthListEnabled false: -1 and NotSupported (S7, LIST-3, LIST-8)."""
    await charge_point.start()
    await send_list(charge_point, 3, "Full", entry("A1"))
    await charge_point.central_system.configure("LocalAuthListEnabled", "false")
    assert await version(charge_point) == -1
    assert await send_list(charge_point, 4, "Full", entry("A1")) == "NotSupported"
    await charge_point.central_system.configure("LocalAuthListEnabled", "true")
    assert await version(charge_point) == 3


async def test_s7_left_out_of_the_profiles_there_is_no_list(charge_point):
    """SupportedFeatureProfiles without it: as a station that never had it, and its keys are unknown (S7, LIST-8, CFG-4)."""
    await charge_point.start(ocpp='SupportedFeatureProfiles = "Core,RemoteTrigger"')
    assert await version(charge_point) == -1
    assert await send_list(charge_point, 4, "Full", entry("A1")) == "NotSupported"
    answer = await charge_point.central_system.call("GetConfiguration", key=["LocalAuthListEnabled"])
    assert answer["unknownKey"] == ["LocalAuthListEnabled"]


async def test_x5_the_backlog_survives_a_cleared_cache_an_emptied_list_and_new_settings(charge_point):
    """Two sessions are owed while the central system clears and changes everything: both arrive whole (X5, QUE-1, CACHE-7, LIST-4)."""
    await charge_point.start(ocpp="TransactionMessageRetryInterval = 30")
    central_system = charge_point.central_system
    await send_list(charge_point, 1, "Full", entry("A1"), entry("A2"))
    await charge_point.link(up=False)
    for id_tag in ("A1", "A2"):
        await charge_point.charge(id_tag)
        await charge_point.pass_time(minutes=10)
        await charge_point.unplug()
        await charge_point.until(lambda: charge_point.row()["status"] == "Available", within_s=20)
    owed = charge_point.queue_length
    central_system.script("StartTransaction", CallError("InternalError"))
    await charge_point.link(up=True)
    await charge_point.until(lambda: "StartTransaction" in central_system.actions, within_s=20)
    await central_system.call("ClearCache")
    assert await send_list(charge_point, 2, "Full") == "Accepted"
    await central_system.configure("MeterValueSampleInterval", "30")
    assert charge_point.queue_length == owed
    await charge_point.until(lambda: charge_point.queue_length == 0, within_s=120)
    assert [p["idTag"] for p in central_system.of("StartTransaction")] == ["A1", "A1", "A2"]
    assert len(central_system.of("StopTransaction")) == 2


async def test_ten_thousand_entries_are_taken_in_parts(charge_point, tmp_path):
    """In parts of SendLocalListMaxLength, each synced; the guard keeps its cycles and the car its power (LIST-7, F-LATE)."""
    charge_point.in_thread = True
    charge_point.skip_quiet = False
    charge_point.disk = SqliteStore(str(tmp_path / "database"))
    await charge_point.start()
    await charge_point.charge()
    tags = [f"{number:020d}" for number in range(10_000)]
    parts = [tags[at:at + 500] for at in range(0, len(tags), 500)]
    for number, part in enumerate(parts, start=1):
        kind = "Full" if number == 1 else "Differential"
        assert await send_list(charge_point, number, kind, *(entry(tag, parentIdTag="F" * 20, expiryDate=PAST) for tag in part)) \
            == "Accepted"
    assert charge_point.closed()
    assert len(charge_point.disk.load().local_list) == 10_000
    assert await send_list(charge_point, 99, "Differential", entry("one more")) == "Failed"
