"""The embedded central system against a plain websocket client: what the demo and a developer rely on."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from controller.csms import embedded
from controller.csms.embedded import CALL, ERROR, RESULT, EmbeddedCentralSystem, Frame
from controller.ocpp.messages import FROM_CHARGE_POINT
from tests.oracle.schemas import problems
from tests.unit.ocpp.real_sockets import on_a_real_socket


@asynccontextmanager
async def central_system(**options: Any) -> AsyncIterator[EmbeddedCentralSystem]:
    """One that listens on a free port."""
    made = EmbeddedCentralSystem(**options)
    await made.start()
    yield made
    await made.stop()


async def charge_point(csms: EmbeddedCentralSystem, identity: str = "CP1") -> ClientConnection:
    """A charge point that does nothing by itself."""
    return await connect(f"ws://127.0.0.1:{csms.port}/ocpp/{identity}", subprotocols=[Subprotocol("ocpp1.6")], proxy=None)


async def ask(connection: ClientConnection, action: str, payload: Any) -> Any:
    """A CALL of the charge point, and what comes back."""
    await connection.send(json.dumps([2, "id-1", action, payload]))
    return json.loads(await connection.recv())


@pytest.mark.parametrize("action", sorted(FROM_CHARGE_POINT))
@on_a_real_socket
async def test_every_message_of_a_charge_point_is_answered_as_the_schema_wants(action):
    """Whatever a charge point may send gets a valid CALLRESULT under its id (RPC-7, RPC-8)."""
    async with central_system() as csms:
        connection = await charge_point(csms)
        kind, message_id, payload = await ask(connection, action, {})
        assert (kind, message_id) == (3, "id-1")
        assert problems(f"{action}Response", json.dumps(payload)) == []
        await connection.close()


@on_a_real_socket
async def test_whoever_comes_is_accepted_and_told_the_time():
    """BootNotification is Accepted with a heartbeat interval (BOOT-2)."""
    async with central_system() as csms:
        connection = await charge_point(csms)
        _, _, payload = await ask(connection, "BootNotification", {"chargePointVendor": "v", "chargePointModel": "m"})
        assert payload["status"] == "Accepted"
        assert payload["interval"] > 0
        assert payload["currentTime"].endswith("Z")
        await connection.close()


@on_a_real_socket
async def test_every_transaction_has_an_id_of_its_own():
    """Two StartTransactions, two ids (TXN-10)."""
    async with central_system() as csms:
        connection = await charge_point(csms)
        ids = [(await ask(connection, "StartTransaction", {}))[2]["transactionId"] for _ in range(3)]
        assert len(set(ids)) == 3
        await connection.close()


@on_a_real_socket
async def test_charge_points_are_known_by_the_last_segment_of_their_url():
    """Decoded; and forgotten when they have gone (WS-2)."""
    async with central_system() as csms:
        here = await charge_point(csms, "RDAM%20123")
        there = await charge_point(csms, "a%2Fb")
        assert csms.connected == ["RDAM 123", "a/b"]
        await here.close()
        await ask(there, "Heartbeat", {})
        assert csms.connected == ["a/b"]
        await there.close()


@on_a_real_socket
async def test_without_the_sub_protocol_nobody_is_let_in():
    """It speaks ocpp1.6 and nothing else (WS-3)."""
    async with central_system() as csms:
        with pytest.raises(InvalidStatus):
            await connect(f"ws://127.0.0.1:{csms.port}/ocpp/CP1", proxy=None)


@on_a_real_socket
async def test_a_call_gives_the_answer():
    """Sent to the charge point, answered by it (RPC-7); every CALL has an id that no other run has used (RPC-3)."""
    async with central_system() as csms:
        connection = await charge_point(csms)
        ids = set()
        for _ in range(2):
            asked = asyncio.ensure_future(csms.call("Reset", {"type": "Soft"}))
            kind, message_id, action, payload = json.loads(await connection.recv())
            assert (kind, action, payload) == (2, "Reset", {"type": "Soft"})
            await connection.send(json.dumps([3, message_id, {"status": "Accepted"}]))
            assert await asked == {"status": "Accepted"}
            ids.add(message_id)
        assert len(ids) == 2
        assert all(len(message_id) == 36 for message_id in ids)
        await connection.close()


@on_a_real_socket
async def test_a_refused_call_gives_code_and_description():
    """A CALLERROR is an answer too (RPC-1)."""
    async with central_system() as csms:
        connection = await charge_point(csms)
        asked = asyncio.ensure_future(csms.call("Fly", {}))
        _, message_id, *_ = json.loads(await connection.recv())
        await connection.send(json.dumps([4, message_id, "NotImplemented", "no wings", {}]))
        assert await asked == {"errorCode": "NotImplemented", "errorDescription": "no wings"}
        await connection.close()


@on_a_real_socket
async def test_a_call_to_nobody_says_so():
    """At once."""
    async with central_system() as csms:
        with pytest.raises(ConnectionError, match="no charge point"):
            await csms.call("Reset", {"type": "Soft"})


@on_a_real_socket
async def test_a_charge_point_that_goes_away_ends_the_waiting():
    """Its answer will never come."""
    async with central_system() as csms:
        connection = await charge_point(csms)
        asked = asyncio.ensure_future(csms.call("Reset", {"type": "Hard"}))
        await connection.recv()
        await connection.close()
        with pytest.raises(ConnectionError, match="CP1 has gone"):
            await asked


@on_a_real_socket
async def test_a_charge_point_that_says_nothing_is_given_up(monkeypatch):
    """After ANSWER_WITHIN_S."""
    monkeypatch.setattr(embedded, "ANSWER_WITHIN_S", 0.05)
    async with central_system() as csms:
        connection = await charge_point(csms)
        with pytest.raises(TimeoutError):
            await csms.call("Reset", {"type": "Hard"})
        await connection.close()


@pytest.mark.parametrize("garbage", ["hello", "{}", "[2]", '[2,"a","Heartbeat",null]', '[9,"a"]', "[" * 100_000, b"\x00"],
                         ids=lambda text: str(text)[:12])
@on_a_real_socket
async def test_garbage_from_a_charge_point_is_overlooked(garbage):
    """The conversation goes on."""
    async with central_system() as csms:
        connection = await charge_point(csms)
        await connection.send(garbage)
        kind, *_ = await ask(connection, "Heartbeat", {})
        assert kind == 3
        await connection.close()


@on_a_real_socket
async def test_every_frame_is_observed_and_remembered(monkeypatch):
    """In order, with direction and action, also of answers; only the last ones are kept."""
    monkeypatch.setattr(embedded, "REMEMBERED_FRAMES", 4)
    seen: list[Frame] = []
    async with central_system(observe=seen.append) as csms:
        connection = await charge_point(csms)
        await ask(connection, "Heartbeat", {})
        asked = asyncio.ensure_future(csms.call("ClearCache", {}))
        _, message_id, *_ = json.loads(await connection.recv())
        await connection.send(json.dumps([4, message_id, "InternalError", "", {}]))
        await asked
        await ask(connection, "Authorize", {"idTag": "A"})
        assert [(frame.outward, frame.kind, frame.action) for frame in seen] == [
            (False, CALL, "Heartbeat"), (True, RESULT, "Heartbeat"), (True, CALL, "ClearCache"), (False, ERROR, "ClearCache"),
            (False, CALL, "Authorize"), (True, RESULT, "Authorize")]
        assert csms.frames == seen[-4:]
        await connection.close()


@on_a_real_socket
async def test_it_listens_on_loopback_only_and_says_where():
    """A taken port is an error, not another port."""
    async with central_system() as csms:
        assert csms._server is not None
        assert {listener.getsockname()[0] for listener in csms._server.sockets} == {"127.0.0.1"}
        with pytest.raises(OSError, match="in use"):
            await EmbeddedCentralSystem().start(csms.port)
