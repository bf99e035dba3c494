"""Dials a real websocket: sub-protocol, no redirects, no compression, no proxy, TLS with our own roots only."""

import asyncio
import logging
import socket
import ssl
from pathlib import Path
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus, WebSocketException
from websockets.protocol import State
from websockets.typing import Subprotocol

from controller.ocpp.connection import DIAL_WITHIN_S, MAX_FRAME, SUBPROTOCOL, Lost, Target, Transport

logger = logging.getLogger("evcp.ocpp")

USER_TIMEOUT_MS = 30_000
"""Sent bytes that nobody acknowledges so long end a connection (F-HALF)."""
RECEIVE_BUFFER = 16 * 1024
"""Bytes that the kernel holds for us (it takes the double). The library takes apart at one go whatever has come: a quarter of a
megabyte of small frames would keep every other task waiting for a tenth of a second and more (F-FLOOD)."""


class _Connect(connect):
    """As the library's, but a redirect is an error: following them is a loop outside any back-off."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        """Never."""
        return exc


class _Counting(ClientConnection):
    """As the library's, and counts the bytes that come in: a sign of life finer than frames."""

    received = 0

    def data_received(self, data: bytes) -> None:
        """Count, then go on."""
        self.received += len(data)
        super().data_received(data)


class WebSocket:
    """One open websocket."""

    def __init__(self, connection: _Counting) -> None:
        self._connection = connection

    def send_now(self, text: str) -> bool:
        """Hand a frame to the socket, if everything before it is gone: two turns of the loop less for every answer.

        By the library's own protocol object, which does no I/O; its `send` would do the same, in a task.
        """
        connection = self._connection
        if connection.protocol.state is not State.OPEN or connection.transport.get_write_buffer_size() > 0:
            return False
        connection.protocol.send_text(text.encode())
        for content in connection.protocol.data_to_send():
            connection.transport.write(content)
        return True

    async def send(self, text: str) -> None:
        """Send a text frame. Raises Lost."""
        try:
            await self._connection.send(text)
        except ConnectionClosed as error:
            raise Lost(str(error)) from error

    async def receive(self) -> str | bytes:
        """The next frame. Raises Lost."""
        try:
            return await self._connection.recv()
        except ConnectionClosed as error:
            raise Lost(str(error)) from error

    async def ping(self, within_s: float) -> None:
        """Send a ping and wait for its pong. Raises Lost when nothing at all comes for so long.

        Behind a large frame on a slow line the pong comes late, but bytes come (F-SLOW).
        """
        try:
            pong = asyncio.ensure_future(await asyncio.wait_for(self._connection.ping(), within_s))
            heard = -1
            while not pong.done():
                if heard == self._connection.received:
                    raise Lost(f"no pong within {within_s:g} s")
                heard = self._connection.received
                await asyncio.wait([pong], timeout=within_s)
            await pong
        except TimeoutError as error:
            raise Lost(f"no pong within {within_s:g} s") from error
        except ConnectionClosed as error:
            raise Lost(str(error)) from error

    async def close(self) -> None:
        """Close with a handshake."""
        await self._connection.close()

    def abort(self) -> None:
        """Drop the connection as a cut cable would."""
        self._connection.transport.abort()


async def dial(target: Target) -> Transport:
    """Open a websocket to the central system, offering `ocpp1.6` and no compression (WS-1, WS-3, WS-10). Raises Lost that says why not."""
    logging.getLogger("websockets").setLevel(logging.CRITICAL)
    options: dict[str, Any] = {"ssl": tls_context(target)} if target.url.startswith("wss:") else {}
    try:
        connection = await _Connect(
            target.url, subprotocols=[Subprotocol(SUBPROTOCOL)], additional_headers=target.headers, compression=None,
            max_size=MAX_FRAME, ping_interval=None, open_timeout=DIAL_WITHIN_S, close_timeout=2, proxy=None,
            user_agent_header=None, create_connection=_Counting, **options)
        assert isinstance(connection, _Counting)
    except InvalidStatus as error:
        raise Lost(f"{target.url}: HTTP {error.response.status_code}") from error
    except (OSError, WebSocketException, ssl.SSLError) as error:
        raise Lost(f"{target.url}: {error}") from error
    if connection.subprotocol != SUBPROTOCOL:
        await connection.close()
        raise Lost(f"{target.url}: the central system did not agree on the sub-protocol {SUBPROTOCOL} (WS-4)")
    _tune(connection)
    return WebSocket(connection)


def _tune(connection: ClientConnection) -> None:
    """Send small frames at once, bound the silence (F-HALF) and what one turn of the loop reads (F-FLOOD)."""
    tcp = connection.transport.get_extra_info("socket")
    if tcp is not None:
        tcp.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        tcp.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, USER_TIMEOUT_MS)
        tcp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)


def tls_context(target: Target) -> ssl.SSLContext:
    """TLS 1.2 or newer, verified against the roots in our own directory and no others (SEC-5, SEC-6)."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = target.check_hostname
    for root in sorted(Path(target.certificates_directory, "central_system").glob("*.pem")):
        try:
            context.load_verify_locations(root)
        except OSError as error:  # which ssl.SSLError is too
            logger.warning("%s is no certificate that can be used: %s", root.name, error)
    return context
