"""The real websocket against real servers on loopback: what is offered, what is refused, how it ends."""

import asyncio
import base64
import http
import socket
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection
from websockets.asyncio.server import ServerConnection
from websockets.datastructures import Headers
from websockets.http11 import Request, Response
from websockets.utils import accept_key

from controller.ocpp.connection import MAX_FRAME, Lost, Target, basic_authentication, endpoint
from controller.ocpp.websocket import USER_TIMEOUT_MS, WebSocket, dial
from tests.unit.ocpp.real_sockets import bare_server, on_a_real_socket, server, target


@on_a_real_socket
async def test_frames_go_both_ways():
    """Text frames, in order (WS-1, WS-9)."""
    async def echo(connection: ServerConnection) -> None:
        async for text in connection:
            await connection.send("echo " + str(text))

    async with server(echo) as it:
        ours = await dial(target(it.port))
        await ours.send('[2,"a"]')
        await ours.send("ü")
        assert [await ours.receive(), await ours.receive()] == ['echo [2,"a"]', "echo ü"]
        await ours.close()


@on_a_real_socket
async def test_the_upgrade_request_is_what_the_standard_asks_for():
    """The sub-protocol, the encoded identity, the password on every request; no compression, no name of a library (WS-2, WS-3, WS-10, WS-14)."""
    async with server() as it:
        url = endpoint(f"ws://127.0.0.1:{it.port}/ocpp", "RDAM 1/2", 0)
        ours = await dial(Target(url, basic_authentication("RDAM 1/2", "00FF" * 8), "", check_hostname=True))
        await ours.close()
    (request,) = it.requests
    assert request.path == "/ocpp/RDAM%201%2F2"
    assert request.headers["Sec-WebSocket-Protocol"] == "ocpp1.6"
    assert base64.b64decode(request.headers["Authorization"].removeprefix("Basic ")) == b"RDAM 1/2:" + b"\x00\xff" * 8
    assert "Sec-WebSocket-Extensions" not in request.headers
    assert "User-Agent" not in request.headers


@on_a_real_socket
async def test_compression_is_refused_even_where_it_is_wanted():
    """A server that could compress gets no chance to send a compressed bomb (WS-10, F-GARB)."""
    async with server(compression="deflate") as it:
        ours = await dial(target(it.port))
        assert isinstance(ours, WebSocket)
        assert ours._connection.protocol.extensions == []
        await ours.close()


@pytest.mark.parametrize("subprotocols", [[], ["ocpp2.0.1"]], ids=["none", "another"])
@on_a_real_socket
async def test_without_the_sub_protocol_there_is_no_connection(subprotocols):
    """A 101 that does not agree on ocpp1.6 is closed at once (WS-4)."""
    options: dict[str, Any] = {"select_subprotocol": lambda _connection, _offered: None} if subprotocols else {}
    async with server(subprotocols=subprotocols, **options) as it:
        with pytest.raises(Lost, match="sub-protocol"):
            await dial(target(it.port))
        await it.gone.wait()


@on_a_real_socket
async def test_a_sub_protocol_that_was_not_offered_is_refused():
    """The server must choose among what was offered (WS-4)."""
    async def agree(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = (await reader.readuntil(b"\r\n\r\n")).decode()
        key = next(line.split(": ")[1] for line in asked.split("\r\n") if line.lower().startswith("sec-websocket-key"))
        writer.write(f"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                     f"Sec-WebSocket-Accept: {accept_key(key)}\r\nSec-WebSocket-Protocol: ocpp2.0.1\r\n\r\n".encode())
        await writer.drain()
        await reader.read()
        writer.close()

    async with bare_server(agree) as port:
        with pytest.raises(Lost, match="ocpp2.0.1"):
            await dial(target(port))


@pytest.mark.parametrize("status", [200, 400, 401, 403, 404, 500, 502, 503])
@on_a_real_socket
async def test_an_http_error_is_told_with_its_status(status):
    """Unknown identity, wrong password, server in trouble: all come to a Lost, to be tried again (WS-5, WS-6)."""
    async with server(answer=lambda _: Response(status, http.HTTPStatus(status).phrase, Headers({"Content-Length": "0"}))) as it:
        with pytest.raises(Lost, match=f"HTTP {status}"):
            await dial(target(it.port))


@pytest.mark.parametrize("status", [300, 301, 302, 303, 307, 308])
@on_a_real_socket
async def test_redirects_are_not_followed(status):
    """A redirecting loop would dial without any back-off (central-systems.md section 3)."""
    async with server() as elsewhere:
        def redirect(_: Request) -> Response:
            place = f"ws://127.0.0.1:{elsewhere.port}/ocpp/CP1"
            return Response(status, "Moved", Headers({"Location": place, "Content-Length": "0"}))

        async with server(answer=redirect) as it:
            with pytest.raises(Lost, match=f"HTTP {status}"):
                await dial(target(it.port))
            assert len(it.requests) == 1
        assert elsewhere.requests == []


@pytest.mark.parametrize("said", [b"", b"SSH-2.0-OpenSSH_9.6\r\n", b"HTTP/1.1 101 Switching Protocols\r\n\r\n", b"\x00" * 100],
                         ids=["nothing", "another protocol", "half an upgrade", "zeros"])
@on_a_real_socket
async def test_a_server_of_another_kind_is_no_central_system(said):
    """Whatever listens there, it comes to a Lost (WS-6)."""
    async def say(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(said)
        await writer.drain()
        writer.close()

    async with bare_server(say) as port:
        with pytest.raises(Lost):
            await dial(target(port))


@on_a_real_socket
async def test_nobody_listening_is_told_with_the_url():
    """So that the log says where (WS-6, F-DOWN)."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    with pytest.raises(Lost, match=f"ws://127.0.0.1:{port}/ocpp/CP1"):
        await dial(target(port))


@pytest.mark.parametrize("url", ["ws://", "http://127.0.0.1/", "ws://127.0.0.1:1/#f", "ws://127.0.0.1:99999/", "ws://exa mple/", "nonsense",
                                 "ws://" + "a" * 300 + ".invalid/"])
@on_a_real_socket
async def test_a_url_that_nobody_can_dial_is_told(url):
    """It comes to an exception that the connection notes and survives (rule 8)."""
    with pytest.raises((Lost, OSError, ValueError)):
        await dial(Target(url, {}, "", check_hostname=True))


CODES = [*range(1000, 1004), *range(1007, 1015), 3000, 3999, 4000, 4404, 4999]


@pytest.mark.parametrize("code", CODES)
@on_a_real_socket
async def test_every_close_code_ends_in_lost(code):
    """The reason is told; a receiver waiting for a frame is woken (WS-6)."""
    async def close(connection: ServerConnection) -> None:
        await connection.close(code, "reason")

    async with server(close) as it:
        ours = await dial(target(it.port))
        with pytest.raises(Lost, match=str(code)):
            await ours.receive()
        with pytest.raises(Lost, match=str(code)):
            await ours.send("too late")
        with pytest.raises(Lost, match=str(code)):
            await ours.ping(1.0)
        await ours.close()


@pytest.mark.parametrize("frame", [
    b"\x88\x02\x03\xed",            # close with 1005, which must not be sent
    b"\x88\x02\x03\xee",            # 1006
    b"\x88\x02\x03\xf7",            # 1015
    b"\x88\x01\x03",                # half a code
    b"\x88\x00",                    # no code at all
    b"\x81\x02\xff\xfe",            # text that is no UTF-8
    b"\x83\x00",                    # an unknown opcode
    b"\xc1\x01a",                   # compressed, which was not agreed
    b"\x80\x01a",                   # a continuation of nothing
    b"\x81\x81\x00\x00\x00\x00a",   # masked by a server
    b"\x89\x7e\x01\x00" + b"a" * 256,  # a ping of 256 bytes
    b"\x81\x7f\x7f\xff\xff\xff\xff\xff\xff\xff",  # a frame of 8 exabytes
], ids=lambda frame: frame[:4].hex())
@on_a_real_socket
async def test_broken_websocket_frames_end_in_lost(frame):
    """Forbidden codes, bad UTF-8, unknown opcodes: the library ends the connection, nothing worse (F-GARB)."""
    async def break_it(connection: ServerConnection) -> None:
        connection.transport.write(frame)

    async with server(break_it) as it:
        ours = await dial(target(it.port))
        with pytest.raises(Lost):
            await ours.receive()
        await ours.close()


@on_a_real_socket
async def test_a_cut_cable_ends_in_lost():
    """A connection that breaks without a close frame (WS-6, F-FLAP)."""
    async def cut(connection: ServerConnection) -> None:
        connection.transport.abort()

    async with server(cut) as it:
        ours = await dial(target(it.port))
        with pytest.raises(Lost):
            await ours.receive()


@on_a_real_socket
async def test_the_largest_frame_is_taken():
    """256 KiB exactly (WS-9)."""
    async def send(connection: ServerConnection) -> None:
        await connection.send("x" * MAX_FRAME)

    async with server(send) as it:
        ours = await dial(target(it.port))
        assert len(await ours.receive()) == 256 * 1024
        await ours.close()


@pytest.mark.parametrize("fragmented", [False, True])
@on_a_real_socket
async def test_a_larger_frame_closes_with_1009(fragmented):
    """In one piece or in many (WS-9, F-GARB)."""
    async def send(connection: ServerConnection) -> None:
        large = "x" * (MAX_FRAME + 1)
        await connection.send([large[:1000], large[1000:]] if fragmented else large)

    async with server(send) as it:
        ours = await dial(target(it.port))
        with pytest.raises(Lost, match="1009"):
            await ours.receive()
        await it.gone.wait()
        assert it.code == 1009


@on_a_real_socket
async def test_binary_frames_arrive_as_bytes():
    """For the session to ignore (WS-9, F-GARB)."""
    async def send(connection: ServerConnection) -> None:
        await connection.send(b"\xff\x00")

    async with server(send) as it:
        ours = await dial(target(it.port))
        assert await ours.receive() == b"\xff\x00"
        await ours.close()


@on_a_real_socket
async def test_pings_are_answered_and_pongs_noticed():
    """The server's pings always; ours ends when its pong is there (WS-11)."""
    async def ping(connection: ServerConnection) -> None:
        await (await connection.ping())
        await connection.send("was answered")

    async with server(ping) as it:
        ours = await dial(target(it.port))
        assert await ours.receive() == "was answered"
        await ours.ping(5.0)
        await ours.close()


@on_a_real_socket
async def test_a_missing_pong_is_noticed_in_time():
    """A peer that takes everything and says nothing (F-HALF, WS-12)."""
    deaf: list[ServerConnection] = []

    async def stop_reading(connection: ServerConnection) -> None:
        connection.transport.pause_reading()
        deaf.append(connection)
        await connection.send("deaf now")

    async with server(stop_reading) as it:
        ours = await dial(target(it.port))
        assert await ours.receive() == "deaf now"
        with pytest.raises(Lost, match=r"no pong within 0.05 s"):
            await ours.ping(0.05)
        ours.abort()
        deaf[0].transport.resume_reading()


@on_a_real_socket
async def test_we_close_with_a_handshake_and_abort_without():
    """1000 for the polite way, 1006 for the cut cable (contract.md section 3, `link`)."""
    for end, code in ((WebSocket.close, 1000), (WebSocket.abort, 1006)):
        async with server() as it:
            ours = await dial(target(it.port))
            assert isinstance(ours, WebSocket)
            ended = end(ours)
            if ended is not None:
                await ended
            await it.gone.wait()
            assert it.code == code


@on_a_real_socket
async def test_unacknowledged_bytes_end_a_connection():
    """The kernel gives up after 30 s instead of a quarter of an hour, and sends small frames at once (F-HALF)."""
    async with server() as it:
        ours = await dial(target(it.port))
        assert isinstance(ours, WebSocket)
        tcp = ours._connection.transport.get_extra_info("socket")
        assert tcp.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == USER_TIMEOUT_MS == 30_000
        assert tcp.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0
        await ours.close()


@on_a_real_socket
async def test_a_flood_is_read_in_small_portions(monkeypatch):
    """One turn of the loop takes apart some hundred frames, not ten thousand (F-FLOOD; central-systems.md section 3)."""
    portions: list[int] = []
    dialled = asyncio.Event()
    data_received = ClientConnection.data_received

    def noting(self: ClientConnection, data: bytes) -> None:
        portions.append(len(data))
        data_received(self, data)

    async def flood(connection: ServerConnection) -> None:
        await dialled.wait()
        for number in range(8_000):
            await connection.send(f'[2,"{number}","ClearCache",{{}}]')

    monkeypatch.setattr(ClientConnection, "data_received", noting)
    async with server(flood) as it:
        ours = await dial(target(it.port))
        dialled.set()
        for _ in range(8_000):
            await ours.receive()
        await ours.close()
    assert sum(portions) > 200_000
    assert max(portions) <= 80_000  # the window that was offered before the socket was tuned, then less than half of it


@on_a_real_socket
async def test_a_proxy_of_the_environment_is_not_used(monkeypatch):
    """The way to the central system is configured in one place only (T-MITM)."""
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("all_proxy", "http://127.0.0.1:1")
    monkeypatch.delenv("no_proxy", raising=False)
    async with server() as it:
        ours = await dial(target(it.port))
        await ours.close()
        assert len(it.requests) == 1



@on_a_real_socket
async def test_a_frame_is_handed_to_the_socket_at_once_and_arrives_in_order():
    """An answer does not wait for a task's turn, and what is sent the other way keeps its place."""
    received: list[str | bytes] = []
    done = asyncio.Event()

    async def collect(connection: ServerConnection) -> None:
        async for text in connection:
            received.append(text)
            if len(received) == 3:
                done.set()

    async with server(collect) as it:
        ours = await dial(target(it.port))
        assert ours.send_now("one")
        await ours.send("two")
        assert ours.send_now("three ü")
        await done.wait()
        await ours.close()
    assert received == ["one", "two", "three ü"]


@on_a_real_socket
async def test_a_line_that_is_closed_takes_no_frame():
    """Nothing is sent and nothing raises: the loss is told by whoever reads."""
    async with server() as it:
        ours = await dial(target(it.port))
        await ours.close()
        assert not ours.send_now("too late")


@on_a_real_socket
async def test_a_line_that_is_full_takes_no_frame():
    """What does not go out at once waits its turn, so that a central system that does not read costs no memory (F-SLOW)."""
    seen = asyncio.Event()

    async def deaf(connection: ServerConnection) -> None:
        connection.transport.pause_reading()
        await seen.wait()
        connection.transport.resume_reading()

    async with server(deaf) as it:
        ours = await dial(target(it.port))
        sent = 0
        while ours.send_now("x" * 100_000) and sent < 1000:
            sent += 1
        assert 0 < sent < 1000
        seen.set()
        ours.abort()
