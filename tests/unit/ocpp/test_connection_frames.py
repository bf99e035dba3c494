"""Frames in and out: order, time-outs, floods, and what the log may show."""

import asyncio
import itertools
import json
import logging

import pytest

from controller.events import CallAnswered, CallFailed
from controller.ocpp.connection import FRAMES_PER_TURN, IGNORED_TOLD, MAX_OUTGOING
from controller.ocpp.loggable import loggable
from controller.ocpp.messages import core
from controller.ocpp.types import ClearCacheStatus
from tests.unit.ocpp.line import Line, line

HEARTBEAT = core.HeartbeatReq()
TIME = '{"currentTime":"2026-03-01T12:00:00Z"}'
ACCEPTED = core.ClearCacheConf(status=ClearCacheStatus.Accepted)
KEY = "0001020304050607FFFFFFFFFFFFFFFFFFFFFFFF"


def clear_cache(number: int) -> str:
    """A CALL that the station has to answer."""
    return f'[2,"{number}","ClearCache",{{}}]'


def nonsense(number: int) -> str:
    """A CALL that the wire refuses by itself."""
    return f'[2,"{number}","Fly",{{}}]'


def answered(it: Line) -> list[str]:
    """Ids of the CALLs of ours that were answered or failed, in order."""
    return [event.message_id for event in it.events if isinstance(event, CallAnswered | CallFailed)]


async def test_a_call_goes_out_and_its_answer_comes_in():
    """The plain case (RPC-1, RPC-7)."""
    async with line() as it:
        it.connection.call("a", HEARTBEAT, 30.0)
        await asyncio.sleep(0.1)
        assert it.wire.json() == [[2, "a", "Heartbeat", {}]]
        it.wire.push(f'[3,"a",{TIME}]')
        await asyncio.sleep(0.1)
        assert answered(it) == ["a"]


async def test_their_calls_are_taken_while_ours_waits():
    """And answered: the two directions do not lock each other (RPC-5; central-systems.md, calls before BootNotification.conf)."""
    async with line() as it:
        it.connection.call("a", HEARTBEAT, 30.0)
        it.wire.push(clear_cache(1))
        await asyncio.sleep(0.1)
        it.connection.reply("1", ACCEPTED)
        await asyncio.sleep(0.1)
        assert it.wire.json() == [[2, "a", "Heartbeat", {}], [3, "1", {"status": "Accepted"}]]


async def test_a_call_without_a_connection_is_not_sent_later():
    """CsmsLost has told the station; what is owed it sends again itself (F-DOWN)."""
    async with line() as it:
        it.wire.end("closed with 1006")
        await asyncio.sleep(0.1)
        it.connection.call("a", HEARTBEAT, 30.0)
        await asyncio.sleep(10.0)
        assert it.connection.connected
        assert it.wire.sent == []


async def test_a_call_that_nobody_answers_times_out():
    """After MessageTimeout (RPC-6, F-NOANS)."""
    async with line() as it:
        it.connection.call("a", HEARTBEAT, 30.0)
        await asyncio.sleep(29.9)
        assert answered(it) == []
        await asyncio.sleep(0.2)
        assert answered(it) == ["a"]
        assert it.connection.connected


async def test_a_late_answer_does_not_stop_the_clock_of_the_next_call():
    """Otherwise the next one, unanswered, would keep the line busy for ever (F-NOANS, RPC-6)."""
    async with line() as it:
        it.connection.call("a", HEARTBEAT, 30.0)
        await asyncio.sleep(31.0)
        it.connection.call("b", HEARTBEAT, 30.0)
        it.wire.push(f'[3,"a",{TIME}]')
        await asyncio.sleep(31.0)
        assert answered(it) == ["a", "a", "b"]
        assert isinstance(it.events[-1], CallFailed)


async def test_no_time_out_outlives_its_connection():
    """What was in flight is told by CsmsLost alone (F-DOWN)."""
    async with line() as it:
        it.connection.call("a", HEARTBEAT, 30.0)
        it.wire.end("closed with 1006")
        await asyncio.sleep(100.0)
        assert answered(it) == []
        assert it.news() == ["connected", "closed with 1006", "connected"]


async def test_an_order_held_up_by_the_disk_does_not_collide_with_the_next():
    """Given late, over a new connection, it is sent; the one the station sends afterwards waits for its turn (RPC-5, F-SDSLOW)."""
    async with line() as it:
        it.wire.end("closed with 1006")
        await asyncio.sleep(10.0)
        it.connection.call("old", HEARTBEAT, 30.0)
        it.connection.call("new", HEARTBEAT, 30.0)
        await asyncio.sleep(0.1)
        assert [frame[1] for frame in it.wire.json()] == ["old"]
        it.wire.push(f'[3,"old",{TIME}]')
        await asyncio.sleep(0.1)
        assert [frame[1] for frame in it.wire.json()] == ["old", "new"]


async def test_an_order_that_waits_is_sent_when_the_one_before_times_out():
    """Never two in flight, and none is forgotten (RPC-5, RPC-6)."""
    async with line() as it:
        it.connection.call("old", HEARTBEAT, 30.0)
        it.connection.call("new", HEARTBEAT, 30.0)
        await asyncio.sleep(30.1)
        assert [frame[1] for frame in it.wire.json()] == ["old", "new"]
        await asyncio.sleep(30.1)
        assert answered(it) == ["old", "new"]


async def test_the_same_message_is_not_sent_twice_at_a_time():
    """A message that is in flight, or waits, under its id is on its way (rule 4: same message, same id)."""
    async with line() as it:
        for message_id in ("a", "a", "b", "b"):
            it.connection.call(message_id, HEARTBEAT, 30.0)
        it.wire.push(f'[3,"a",{TIME}]')
        await asyncio.sleep(0.1)
        assert [frame[1] for frame in it.wire.json()] == ["a", "b"]


async def test_orders_that_wait_end_with_the_connection():
    """The station orders anew when it is connected again (F-DOWN)."""
    async with line() as it:
        it.connection.call("a", HEARTBEAT, 30.0)
        it.connection.call("b", HEARTBEAT, 30.0)
        it.wire.end("closed with 1006")
        await asyncio.sleep(100.0)
        it.connection.call("c", HEARTBEAT, 30.0)
        await asyncio.sleep(0.1)
        assert [frame[1] for frame in it.wire.json()] == ["c"]


async def test_an_answer_to_a_call_of_the_last_connection_is_not_sent():
    """Its id means nothing to the next connection (RPC-7)."""
    async with line() as it:
        it.wire.push(clear_cache(1))
        await asyncio.sleep(0.1)
        it.wire.end("closed with 1006")
        await asyncio.sleep(10.0)
        it.connection.reply("1", ACCEPTED)
        await asyncio.sleep(0.1)
        assert it.connection.connected
        assert it.wire.sent == []


async def test_a_flood_is_answered_completely_and_in_order():
    """Nothing is dropped and the connection stays (F-FLOOD; contract.md section 3, settled)."""
    async with line() as it:
        it.wire.push(*(nonsense(number) for number in range(5000)))
        await asyncio.sleep(1.0)
        assert [frame[1] for frame in it.wire.json()] == [str(number) for number in range(5000)]
        assert it.news() == ["connected"]


async def test_a_flood_leaves_other_tasks_their_turn():
    """Neither reading nor sending gives way by itself while there is something (F-FLOOD; central-systems.md section 3)."""
    async with line() as it:
        taken: list[int] = []
        it.wire.push(*(nonsense(number) for number in range(2000)))
        while it.wire.taken < 2000:
            taken.append(it.wire.taken)
            await asyncio.sleep(0)
        steps = [after - before for before, after in itertools.pairwise(taken)]
        assert max(steps) <= FRAMES_PER_TURN


async def test_a_station_that_is_busy_slows_the_reading_down():
    """Back-pressure: what cannot be taken in is left in the socket (F-FLOOD)."""
    async with line() as it:
        it.emit_waits.clear()
        it.wire.push(*(clear_cache(number) for number in range(100)))
        await asyncio.sleep(10.0)
        assert it.wire.taken == 1
        it.emit_waits.set()
        await asyncio.sleep(0.1)
        assert it.calls() == [str(number) for number in range(100)]


async def test_who_does_not_listen_is_not_listened_to():
    """Answers that nobody reads do not pile up without bound; when he listens again all come, in order (F-FLOOD)."""
    async with line() as it:
        it.wire.listen(False)
        it.wire.push(*(nonsense(number) for number in range(1000)))
        await asyncio.sleep(10.0)
        assert it.wire.taken <= MAX_OUTGOING + 2
        it.wire.listen(True)
        await asyncio.sleep(0.1)
        assert [frame[1] for frame in it.wire.json()] == [str(number) for number in range(1000)]


async def test_meaningless_frames_are_told_once_each_and_not_for_ever(caplog):
    """One line for an unknown answer, and no log full of them (RPC-7, F-NOANS, F-GARB)."""
    async with line() as it:
        it.wire.push(*(f'[3,"unknown-{number}",{{}}]' for number in range(1000)))
        await asyncio.sleep(0.1)
        assert it.connection.connected
    told = [record for record in caplog.records if "nobody asked" in record.message]
    assert len(told) == IGNORED_TOLD
    assert "unknown-0" in told[0].message


async def test_an_answer_that_cannot_be_used_is_told_with_its_reason(caplog):
    """So that whoever runs the central system can mend it, e.g. a time without a zone (TIME-1, F-TXREJ)."""
    async with line() as it:
        it.connection.call("a", HEARTBEAT, 30.0)
        it.wire.push('[3,"a",{"currentTime":"2026-03-01T12:00:00"}]')
        await asyncio.sleep(0.1)
        assert answered(it) == ["a"]
    assert "answer to CALL a cannot be used: " in caplog.text
    assert "timezone" in caplog.text


async def test_the_reason_of_a_close_frame_cannot_forge_the_log(caplog):
    """Whatever text the other side sends along, it stays on one line (T-LOG)."""
    async with line() as it:
        it.wire.end("received 1000 (OK) bye\n2026-03-01 ERROR evcp: forged")
        await asyncio.sleep(0.1)
        assert it.news()[-1] == "received 1000 (OK) bye\\n2026-03-01 ERROR evcp: forged"
    assert "\n2026-03-01 ERROR" not in caplog.text


async def test_what_waits_goes_out_before_the_end():
    """The end of the process lets the last answers go and closes politely (contract.md section 1)."""
    async with line() as it:
        it.wire.push(*(nonsense(number) for number in range(20)))
        await asyncio.sleep(0)
        await it.connection.close()
        assert len(it.wires[0].sent) == it.wires[0].taken > 0
        assert it.wires[0].how == "closed"


async def test_the_end_does_not_wait_for_a_central_system_that_is_stuck():
    """Neither for one that does not read nor for one that does not close (contract.md section 1: exit within 5 s)."""
    async with line() as it:
        wire = it.wire
        wire.listen(False)
        wire.closes = False
        wire.push(*(nonsense(number) for number in range(20)))
        await asyncio.sleep(0.1)
        began_s = it.at_s()
        await it.connection.close()
        assert it.at_s() - began_s <= 3.1
        assert wire.how == "aborted"


async def test_closing_what_is_not_open_does_nothing():
    """The end may come while there is no connection (contract.md section 1)."""
    async with line() as it:
        it.connection.set_link(up=False)
        await asyncio.sleep(0.1)
        await it.connection.close()
        assert it.news() == ["connected", "aborted"]


@pytest.mark.parametrize(("text", "shown"), [
    ('[2,"a","Heartbeat",{}]', '[2,"a","Heartbeat",{}]'),
    (f'[2,"a","ChangeConfiguration",{{"key":"AuthorizationKey","value":"{KEY}"}}]',
     '[2,"a","ChangeConfiguration",{"key":"AuthorizationKey","value":"***"}]'),
    (f'[2,"a","ChangeConfiguration",{{"value" : "{KEY}", "key":"authorizationKEY"}}]',
     '[2,"a","ChangeConfiguration",{"value" : "***", "key":"authorizationKEY"}]'),
    ('[2,"a","ChangeConfiguration",{"key":"AuthorizationKey","value":"with \\" quote"}]',
     '[2,"a","ChangeConfiguration",{"key":"AuthorizationKey","value":"***"}]'),
    ('{"location":"ftp://user:secret@host/dir"}', '{"location":"ftp://***@host/dir"}'),
    (r'{"location":"ftp:\/\/user:secret@host\/dir"}', r'{"location":"ftp:\/\/***@host\/dir"}'),
    ('{"location":"https://host/a@b"}', '{"location":"https://host/a@b"}'),
    ('{"a":\n1}\x1b[31m', '{"a":\\n1}\\x1b[31m'),
    ('{"info":"Säule"}', '{"info":"Säule"}'),
    (b"\x00\x01", "2 binary bytes"),
])
def test_the_log_shows_frames_without_secrets_and_on_one_line(text, shown):
    """No AuthorizationKey, no password of a URL, no forged lines (T-SECRETS, T-CMDINJ, T-LOG)."""
    assert loggable(text) == shown


async def test_debug_shows_every_frame_but_no_secret(caplog):
    """`log.level = "debug"` (contract.md section 2), T-SECRETS."""
    caplog.set_level(logging.DEBUG, "evcp.ocpp")
    async with line() as it:
        it.wire.push(json.dumps([2, "x", "ChangeConfiguration", {"key": "AuthorizationKey", "value": KEY}]))
        await asyncio.sleep(0.1)
        it.connection.reply_error("x", "InternalError", "no")
        await asyncio.sleep(0.1)
    assert '<- [2, "x", "ChangeConfiguration"' in caplog.text
    assert '-> [4,"x","InternalError","no",{}]' in caplog.text
    assert KEY not in caplog.text
