"""Pings: how often, and which silence means that the line is dead."""

import asyncio

import pytest

from tests.unit.ocpp.line import line


async def test_pings_come_at_their_interval():
    """WebSocketPingInterval seconds between pings (WS-11)."""
    async with line() as it:
        it.connection.set_ping_interval(30)
        began_s = it.at_s()
        await asyncio.sleep(95.0)
        start_s = asyncio.get_running_loop().time() - it.at_s()
        assert [round(at_s - start_s - began_s) for at_s in it.wire.pings] == [30, 60, 90]


async def test_an_interval_of_zero_sends_no_pings():
    """The central system's own pings are answered all the same, by the library (WS-11)."""
    async with line() as it:
        await asyncio.sleep(3600.0)
        assert it.wire.pings == []


async def test_a_new_interval_counts_from_now():
    """ChangeConfiguration acts at once, also from a long interval and to none (WS-11)."""
    async with line() as it:
        it.connection.set_ping_interval(3600)
        await asyncio.sleep(100.0)
        it.connection.set_ping_interval(10)
        await asyncio.sleep(10.5)
        assert len(it.wire.pings) == 1
        it.connection.set_ping_interval(0)
        await asyncio.sleep(3600.0)
        assert len(it.wire.pings) == 1


async def test_the_interval_holds_for_the_next_connection():
    """It is a setting of ours, not of one socket (WS-11)."""
    async with line() as it:
        it.connection.set_ping_interval(30)
        it.wire.end("closed with 1006")
        await asyncio.sleep(35.0)
        assert len(it.wires) == 2
        assert len(it.wire.pings) == 1


async def test_a_dead_line_is_noticed_within_interval_and_ten_seconds():
    """No pong, no frame: dropped without waiting for a handshake, and dialled again (F-HALF, WS-12)."""
    async with line() as it:
        it.connection.set_ping_interval(30)
        it.wire.pongs = False
        it.wire.closes = False
        await asyncio.sleep(39.9)
        assert it.news() == ["connected"]
        await asyncio.sleep(0.2)
        assert it.news() == ["connected", "no pong within 10 s"]
        assert it.wire.how == "aborted"
        await asyncio.sleep(3.0)
        assert it.connection.connected


async def test_a_pong_behind_a_flood_is_no_dead_line():
    """Frames that keep coming are a sign of life (F-FLOOD: the connection is not dropped for a flood)."""
    async with line() as it:
        it.connection.set_ping_interval(30)
        it.wire.pongs = False
        for number in range(200):
            it.wire.push(f'[2,"{number}","Fly",{{}}]')
            await asyncio.sleep(1.0)
        assert it.news() == ["connected"]


async def test_who_does_not_read_cannot_tell_a_dead_line():
    """While a slow disk holds the reading up, the pong lies unread in the socket (F-SDSLOW, F-FLOOD)."""
    async with line() as it:
        it.connection.set_ping_interval(30)
        it.wire.pongs = False
        it.emit_waits.clear()
        it.wire.push('[2,"x","ClearCache",{}]')
        await asyncio.sleep(60.0)
        assert it.news() == ["connected"]
        it.emit_waits.set()
        await asyncio.sleep(45.0)
        assert it.news()[1] == "no pong within 10 s"


@pytest.mark.parametrize("interval_s", [1, 5])
async def test_pongs_keep_a_quiet_line_open(interval_s):
    """An hour without a frame is fine as long as pings are answered (WS-13)."""
    async with line() as it:
        it.connection.set_ping_interval(interval_s)
        await asyncio.sleep(3600.0)
        assert it.news() == ["connected"]
