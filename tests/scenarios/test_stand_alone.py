"""No central system is configured: the station serves its own cards or anybody, records, and owes nobody a thing (decision 11)."""

from datetime import timedelta

import msgspec
import pytest

from controller.records import CacheEntry, Tag
from tests.rig.clock import NOON

URL = "ws://central.example/ocpp"


def recorded(charge_point):
    """Every session that is stored, oldest first."""
    rows = charge_point.memory._rows.transactions.values()
    return sorted(rows, key=lambda row: row.started.utc)


async def knows(charge_point, *tags, **settings):
    """A station that stands alone and was taught these cards."""
    charge_point.disk._rows.tags = {tag.id_tag: tag for tag in tags}
    await charge_point.start(url="", ready=False, **settings)
    await charge_point.pass_time(seconds=2)


async def session(charge_point, id_tag="OWN", minutes=10):
    """A whole session, begun and ended by one card."""
    await charge_point.charge(id_tag)
    await charge_point.pass_time(minutes=minutes)
    await charge_point.swipe(id_tag)
    await charge_point.until(lambda: charge_point.status() == "Finishing", within_s=15)
    await charge_point.unplug()
    await charge_point.until(lambda: charge_point.status() == "Available", within_s=15)


async def configured(charge_point, url):
    """The installer changes the address, and the process starts anew."""
    await charge_point.stop()
    changed = msgspec.structs.replace(charge_point.configuration.csms, url=url)
    charge_point.configuration = msgspec.structs.replace(charge_point.configuration, csms=changed)
    await charge_point.start_again(ready=bool(url))


async def test_a_hundred_sessions_are_recorded_and_nothing_is_owed(charge_point):
    """Each with its energy and its times; the queue stays empty, in memory and on disk, and no session is watched for ever."""
    await knows(charge_point, Tag("OWN", "Accepted"))
    for _ in range(100):
        await session(charge_point, minutes=1)
    assert charge_point.queue_length == 0
    durable = charge_point.memory.load()
    assert (durable.outbox, durable.transactions, durable.transaction_data) == ((), (), {})
    rows = recorded(charge_point)
    assert len(rows) == 100
    assert all(row.meter_stop_wh > row.meter_start_wh and row.ended.utc > row.started.utc for row in rows)
    assert charge_point.app.station._by_name["central_system"]._transactions == {}
    assert charge_point.central_system.connections == 0


@pytest.mark.parametrize(("id_tag", "charges"), [("OWN", True), ("LOST", False), ("CACHED", True), ("STRANGER", False)])
async def test_cards_are_decided_at_once_by_what_is_known_here(charge_point, id_tag, charges):
    """Own ones, and what an earlier central system has left; nobody is asked, nothing waits (AUTH-7, AUTH-9)."""
    charge_point.disk._rows.cache = {"CACHED": CacheEntry("CACHED", "Accepted", None, None, NOON)}
    await knows(charge_point, Tag("OWN", "Accepted"), Tag("LOST", "Blocked"))
    await charge_point.plug()
    await charge_point.swipe(id_tag)
    await charge_point.pass_time(seconds=5)
    assert charge_point.closed() is charges


@pytest.mark.parametrize("key", ["free_id_tag", "AllowOfflineTxForUnknownId"])
async def test_anybody_may_charge_where_the_installer_wants_it(charge_point, key):
    """Plugging in is enough with `free_id_tag`; with AllowOfflineTxForUnknownId any card will do (AUTH-9, contract section 2)."""
    free = key == "free_id_tag"
    await knows(charge_point, charging='free_id_tag = "ANYBODY"' if free else "", ocpp="" if free else f"{key} = true")
    await charge_point.plug()
    if not free:
        await charge_point.swipe("ANYBODY")
    await charge_point.until(charge_point.closed, within_s=5)
    await charge_point.unplug()
    await charge_point.until(lambda: charge_point.status() == "Available", within_s=15)
    assert [row.id_tag for row in recorded(charge_point)] == ["ANYBODY"]
    assert charge_point.queue_length == 0


@pytest.mark.parametrize("resume", [True, False])
async def test_a_session_goes_over_a_power_cut_as_ever(charge_point, resume):
    """`after_power_loss` decides, also where the date is never known: nobody is billed by it (PWR-3, B4)."""
    charge_point.clock_starts_at = NOON - timedelta(days=20_000)
    await knows(charge_point, Tag("OWN", "Accepted"), charging=f'after_power_loss = "{"resume" if resume else "stop"}"')
    await charge_point.charge("OWN")
    await charge_point.pass_time(minutes=5)
    await charge_point.restart(power_cut=True, ready=False)
    await charge_point.plug()
    await charge_point.pass_time(seconds=20)
    row, = recorded(charge_point)
    assert (row.ended is None) is resume
    assert charge_point.closed() is resume
    assert charge_point.queue_length == 0


async def test_the_date_that_becomes_known_later_is_that_of_the_session_too(charge_point):
    """Ended before anybody knew the date: it gets the right one all the same, and is then watched no more (F-1970)."""
    charge_point.clock_starts_at = NOON - timedelta(days=20_000)
    await knows(charge_point, Tag("OWN", "Accepted"))
    await session(charge_point)
    assert recorded(charge_point)[0].started.utc.year < 2000
    charge_point.clock.set_utc(charge_point.true_time.now())
    await charge_point.pass_time(minutes=2)
    row, = recorded(charge_point)
    assert row.started.trusted
    assert row.ended.trusted
    assert 0 < (charge_point.true_time.now() - row.started.utc).total_seconds() < 1200
    assert charge_point.app.station._by_name["central_system"]._transactions == {}


async def test_a_central_system_that_comes_later_hears_of_what_begins_then(charge_point):
    """Not of the end of a session whose beginning it was never told (decision 11, TXN-21)."""
    await knows(charge_point, Tag("OWN", "Accepted"), charging='after_power_loss = "resume"')
    await session(charge_point)
    await charge_point.charge("OWN")
    await configured(charge_point, URL)
    await charge_point.plug()
    await charge_point.until(charge_point.closed, within_s=20)
    await charge_point.pass_time(minutes=5)
    await charge_point.swipe("OWN")
    await charge_point.until(lambda: charge_point.status() == "Finishing", within_s=15)
    await charge_point.unplug()
    await charge_point.until(lambda: charge_point.status() == "Available", within_s=15)
    assert [row.ended is not None for row in recorded(charge_point)] == [True, True]
    assert charge_point.central_system.billing == []
    await session(charge_point)
    await charge_point.until(lambda: charge_point.queue_length == 0, within_s=30)
    assert charge_point.central_system.billing == ["StartTransaction", "StopTransaction"]


async def test_what_was_owed_before_stays_owed(charge_point):
    """The address is taken away in the middle of a session, and given back: its end arrives, nothing in between does (QUE-1)."""
    await charge_point.start(charging='after_power_loss = "resume"', ocpp="MeterValueSampleInterval = 0")
    await charge_point.charge("TAG1")
    await configured(charge_point, "")
    await charge_point.plug()
    await charge_point.until(charge_point.closed, within_s=20)
    await charge_point.swipe("TAG1")
    await charge_point.until(lambda: charge_point.status() == "Finishing", within_s=15)
    await charge_point.unplug()
    await charge_point.until(lambda: charge_point.status() == "Available", within_s=15)
    assert [message.action for message in charge_point.memory.load().outbox] == ["StopTransaction"]
    await session(charge_point, "TAG1")
    assert charge_point.queue_length == 1
    await configured(charge_point, URL)
    await charge_point.until(lambda: charge_point.queue_length == 0, within_s=30)
    assert charge_point.central_system.of("StopTransaction")[0]["transactionId"] == 1


async def test_the_status_says_that_it_stands_alone(charge_point):
    """For a program, a field of its own beside those that every status has (contract section 3)."""
    await knows(charge_point)
    status = charge_point.app.status()
    assert (status["stand_alone"], status["online"], status["registration"], status["queue_length"]) == (True, False, None, 0)
    await configured(charge_point, URL)
    assert charge_point.app.status()["stand_alone"] is False
