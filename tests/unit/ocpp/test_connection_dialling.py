"""Where, as whom and how often the charge point dials; nothing makes it give up."""

import asyncio
import base64
import socket
import ssl
from typing import Any

import pytest

from controller.commands import Redial
from controller.ocpp.connection import Lost, basic_authentication, endpoint
from controller.shell.effects import Effects
from tests.unit.ocpp.line import line

KEY = "0001020304050607FFFFFFFFFFFFFFFFFFFFFFFF"


@pytest.mark.parametrize(("url", "identity", "dialled"), [
    ("ws://host/ocpp", "CP1", "ws://host/ocpp/CP1"),
    ("ws://host/ocpp/", "CP1", "ws://host/ocpp/CP1"),
    ("ws://host", "CP1", "ws://host/CP1"),
    ("ws://host/", "CP1", "ws://host/CP1"),
    ("wss://host:8443/a/b", "CP1", "wss://host:8443/a/b/CP1"),
    ("ws://[::1]:9000/ocpp", "CP1", "ws://[::1]:9000/ocpp/CP1"),
    ("ws://host/ocppj", "RDAM 123", "ws://host/ocppj/RDAM%20123"),
    ("ws://host/ocpp", "a/b?c#d%e", "ws://host/ocpp/a%2Fb%3Fc%23d%25e"),
    ("ws://host/ocpp", "Säule 1", "ws://host/ocpp/S%C3%A4ule%201"),
    ("ws://host/with%20blank", "CP1", "ws://host/with%20blank/CP1"),
])
def test_the_identity_is_the_last_segment_of_the_url(url, identity, dialled):
    """Percent-encoded, and without a second slash (WS-2)."""
    assert endpoint(url, identity, 0) == dialled


@pytest.mark.parametrize(("url", "profile", "dialled"), [
    ("ws://host:9000/ocpp", 0, "ws://host:9000/ocpp/CP1"), ("wss://host:9000/ocpp", 0, "wss://host:9000/ocpp/CP1"),
    ("ws://host:9000/ocpp", 1, "ws://host:9000/ocpp/CP1"), ("wss://host:9000/ocpp", 1, "ws://host:9000/ocpp/CP1"),
    ("ws://host:9000/ocpp", 2, "wss://host:9000/ocpp/CP1"), ("wss://host/ocpp", 2, "wss://host/ocpp/CP1"),
    ("ws://host:9000/ocpp", 3, "wss://host:9000/ocpp/CP1"),
])
def test_the_security_profile_decides_the_scheme(url, profile, dialled):
    """1 is ws, 2 and 3 are wss, on the host and port of the URL; at 0 it is the URL's own (contract.md section 2)."""
    assert endpoint(url, "CP1", profile) == dialled


def test_the_password_is_the_keys_bytes():
    """The hex text is decoded, the header is built from bytes that need not be text (WS-14)."""
    header = basic_authentication("AL1000", KEY)["Authorization"]
    scheme, _, token = header.partition(" ")
    assert scheme == "Basic"
    assert base64.b64decode(token) == b"AL1000:\x00\x01\x02\x03\x04\x05\x06\x07" + b"\xff" * 12


def test_the_user_is_the_identity_as_it_is():
    """Not its percent-encoded form (WS-14)."""
    header = basic_authentication("RDAM 123", "00" * 16)["Authorization"]
    assert base64.b64decode(header.removeprefix("Basic ")) == b"RDAM 123:" + b"\x00" * 16


@pytest.mark.parametrize(("profile", "key", "authenticates"), [
    (0, "", False), (0, KEY, True), (1, KEY, True), (2, KEY, True), (3, KEY, False),
])
async def test_basic_authentication_belongs_to_profiles_1_and_2(profile, key, authenticates):
    """And to 0 where a key is set; with 3 the certificate speaks (WS-14)."""
    async with line(security_profile=profile, authorization_key=key) as it:
        (_, target), = it.dials
        assert ("Authorization" in target.headers) is authenticates


async def test_every_upgrade_request_is_authenticated():
    """Not only the first (WS-14)."""
    async with line(authorization_key=KEY, wait_s=10.0) as it:
        it.wire.end("closed with 1006")
        await asyncio.sleep(5.0)
        assert [target.headers for _, target in it.dials] == [basic_authentication("CP1", KEY)] * 2


@pytest.mark.parametrize(("jitter", "dialled_at_s"), [
    (0.0, [0, 1, 3, 7, 15, 31, 63, 95]),
    (1.0, [0, 2, 6, 14, 30, 62, 126, 190]),
    (0.5, [0, 1.5, 4.5, 10.5, 22.5, 46.5, 94.5, 142.5]),
])
async def test_the_wait_doubles_up_to_its_maximum(jitter, dialled_at_s):
    """With jitter, and never outside `reconnect_min_s` and `reconnect_max_s`, here 1 s and 64 s (WS-6, F-DOWN)."""
    async with line(jitter=lambda: jitter, reconnect_max_s=64.0, wait_s=0.0) as it:
        it.outcomes.extend([Lost("connection refused")] * 100)
        await asyncio.sleep(190.5)
        assert it.dialled_at_s()[:8] == dialled_at_s


async def test_equal_bounds_give_equal_waits():
    """`reconnect_min_s` = `reconnect_max_s` means that pause each time (WS-6)."""
    async with line(jitter=lambda: 0.0, reconnect_min_s=5.0, reconnect_max_s=5.0, wait_s=0.0) as it:
        it.outcomes.extend([Lost("connection refused")] * 100)
        await asyncio.sleep(16.0)
        assert it.dialled_at_s() == [0, 5, 10, 15]


@pytest.mark.parametrize("failure", [
    Lost("ws://host/ocpp/CP1: HTTP 401"), Lost("HTTP 404"), ConnectionRefusedError(111, "refused"), TimeoutError(),
    socket.gaierror(-2, "Name or service not known"), ssl.SSLError(1, "certificate verify failed"), OSError(101, "unreachable"),
    ValueError("port out of range"), UnicodeError("label too long"), RuntimeError("whatever"), KeyError("x"), MemoryError(),
], ids=repr)
async def test_no_failure_of_a_dial_ends_the_daemon(failure):
    """Whatever it raises, it is noted and tried again (WS-5, WS-6, F-DOWN; faults-and-threats.md, rule 8)."""
    async with line(wait_s=0.0) as it:
        it.outcomes.append(failure)
        await asyncio.sleep(0.5)
        assert it.connection.last_failure
        await asyncio.sleep(2.0)
        assert it.connection.connected
        assert it.connection.last_failure == ""


@pytest.mark.parametrize("options", [{"url": "ws://[::1/ocpp"}, {"authorization_key": "no hex digits"}])
async def test_settings_nobody_can_dial_with_do_not_end_the_daemon(options):
    """It stays up and says what is wrong, so that it can be mended (faults-and-threats.md, rule 8)."""
    async with line(**options) as it:
        await asyncio.sleep(100.0)
        assert it.dials == []
        assert "ValueError" in it.connection.last_failure


async def test_a_dial_that_hangs_is_given_up():
    """After 30 s, whatever it hangs in: DNS, TCP, TLS or the upgrade (F-DOWN)."""
    async with line(wait_s=0.0) as it:
        it.outcomes.extend([10_000.0, 0.0])
        await asyncio.sleep(40.0)
        assert it.dialled_at_s() == [0, 32]
        assert it.connection.connected


async def test_a_failure_is_logged_once(caplog):
    """Not once per attempt (faults-and-threats.md, rule 7)."""
    async with line(wait_s=0.0) as it:
        it.outcomes.extend([Lost("connection refused")] * 20)
        await asyncio.sleep(1000.0)
    assert caplog.text.count("connection refused") == 1


async def test_a_central_system_that_says_hello_and_closes_is_not_stormed():
    """Closing at once does not start the back-off anew (WS-6; central-systems.md, "Hello" and closed at once)."""
    async with line(wait_s=0.0) as it:
        it.open_s = 0.5
        await asyncio.sleep(130.0)
        assert [round(at_s) for at_s in it.dialled_at_s()] == [0, 2, 7, 16, 32, 64, 129]


@pytest.mark.parametrize(("lasted_s", "wait_s"), [(299.0, 64.0), (301.0, 2.0)])
async def test_the_back_off_starts_anew_after_five_minutes(lasted_s, wait_s):
    """A connection that lasted was a good one (WS-6)."""
    async with line(reconnect_max_s=64.0, wait_s=0.0) as it:
        it.outcomes.extend([Lost("connection refused")] * 6)
        it.open_s = lasted_s
        await asyncio.sleep(126.0 + lasted_s + 70.0)
        assert it.dialled_at_s()[6:8] == [126.0, 126.0 + lasted_s + wait_s]


async def test_one_socket_at_a_time():
    """While one is open nothing is dialled, and the old one is closed before the next is opened (WS-1; fault 13 of the twenty)."""
    async with line() as it:
        await asyncio.sleep(3600.0)
        assert len(it.dials) == 1
        it.wire.end("closed with 1001")
        await asyncio.sleep(10.0)
        assert len(it.dials) == 2
        assert it.wires[0].ended is not None


CLOSES = [f"received {code}" for code in (*range(1000, 1016), 3000, 3999, 4000, 4001, 4404, 4999)] + ["no close frame received"]


@pytest.mark.parametrize("why", CLOSES)
async def test_every_close_is_survived(why):
    """For whatever reason the central system hangs up: the station is told, and it is dialled again (WS-4, WS-6)."""
    async with line() as it:
        it.wire.end(why)
        await asyncio.sleep(3.0)
        assert it.news() == ["connected", why, "connected"]


async def test_what_nobody_foresaw_is_a_lost_connection(caplog):
    """An exception from the library is logged with its stack and costs the connection, not the daemon (F-GARB, rule 8)."""
    async with line() as it:
        it.wire.push(UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"))
        await asyncio.sleep(3.0)
        assert it.connection.connected
        assert len(it.dials) == 2
    assert "invalid start byte" in caplog.text


async def test_a_new_key_is_used_at_once():
    """What is owed goes out first, then the connection is made anew with the new credentials (contract.md section 3, settled)."""
    async with line(authorization_key="") as it:
        it.wire.push('[2,"x","ClearCache",{"a":1}]')
        await asyncio.sleep(0.0)
        it.connection.redial(KEY, 2)
        await asyncio.sleep(0.1)
        assert [answer[1] for answer in it.wires[0].json()] == ["x"]
        assert it.wires[0].how == "closed"
        assert it.news() == ["connected", "redialling", "connected"]
        _, target = it.dials[1]
        assert target.headers == basic_authentication("CP1", KEY)
        assert target.url == "wss://host/ocpp/CP1"


async def test_the_order_to_redial_carries_the_new_profile():
    """A raised SecurityProfile decides the scheme of the very next dial (contract.md section 3, settled)."""
    async with line() as it:
        nobody: Any = None
        Effects(it.connection, nobody, nobody, nobody, nobody, nobody, nobody, nobody).start(Redial(KEY, 2))
        await asyncio.sleep(0.1)
        assert [target.url for _, target in it.dials] == ["ws://host/ocpp/CP1", "wss://host/ocpp/CP1"]


async def test_a_new_key_ends_the_waiting():
    """Between two attempts it is tried at once (F-SWITCH)."""
    async with line(wait_s=0.0) as it:
        it.outcomes.extend([Lost("HTTP 401")] * 4)
        await asyncio.sleep(20.0)
        it.connection.redial(KEY)
        await asyncio.sleep(0.1)
        assert it.dialled_at_s() == [0, 2, 6, 14, 20]
        assert it.dials[-1][1].headers == basic_authentication("CP1", KEY)
        assert it.connection.connected


async def test_a_connection_made_with_old_credentials_is_not_kept():
    """A dial that was under way when the key changed comes too late (F-SWITCH)."""
    async with line(wait_s=0.0) as it:
        it.outcomes.append(5.0)
        await asyncio.sleep(1.0)
        it.connection.redial(KEY)
        await asyncio.sleep(5.0)
        assert it.wires[0].how == "aborted"
        assert it.dials[-1][1].headers == basic_authentication("CP1", KEY)
        assert it.news() == ["connected"]


async def test_the_network_goes_away_at_once_and_nobody_dials():
    """`link` down: the websocket is dropped without a handshake, from this verb on there is no redial (contract.md section 3)."""
    async with line() as it:
        it.connection.set_link(up=False)
        assert it.wire.how == "aborted"
        await asyncio.sleep(5000.0)
        assert it.news() == ["connected", "aborted"]
        assert len(it.dials) == 1


async def test_the_network_comes_back_and_is_dialled_at_once():
    """`link` up: no back-off (contract.md section 3)."""
    async with line() as it:
        it.connection.set_link(up=False)
        await asyncio.sleep(100.0)
        it.connection.set_link(up=True)
        await asyncio.sleep(0.1)
        assert it.dialled_at_s() == [0, 100.1]
        assert it.connection.connected


async def test_the_network_down_and_up_in_one_breath():
    """The lost connection is made again at once (contract.md section 3)."""
    async with line() as it:
        it.connection.set_link(up=False)
        it.connection.set_link(up=True)
        await asyncio.sleep(0.1)
        assert it.news() == ["connected", "aborted", "connected"]


async def test_link_up_ends_the_waiting():
    """Also where it was up before and the central system was away (contract.md section 3)."""
    async with line(wait_s=0.0) as it:
        it.outcomes.extend([Lost("refused")] * 5)
        await asyncio.sleep(31.0)
        it.connection.set_link(up=True)
        await asyncio.sleep(0.1)
        assert it.dialled_at_s()[-1] == 31.0
        assert it.connection.connected


async def test_link_up_on_an_open_connection_changes_nothing():
    """The verb may be repeated; the next loss is followed by the usual pause (contract.md section 3, WS-6)."""
    async with line() as it:
        it.connection.set_link(up=True)
        await asyncio.sleep(1.0)
        it.wire.end("closed with 1006")
        await asyncio.sleep(1.5)
        assert len(it.dials) == 1


async def test_a_dial_that_succeeds_after_the_network_went_away_is_dropped():
    """`link` down counts from the verb on, also in the middle of a dial (contract.md section 3)."""
    async with line(wait_s=0.0) as it:
        it.outcomes.append(5.0)
        await asyncio.sleep(1.0)
        it.connection.set_link(up=False)
        await asyncio.sleep(100.0)
        assert it.wires[0].how == "aborted"
        assert it.news() == []
        assert len(it.dials) == 1
