"""A real central system's end on loopback: a websocket server, a bare TCP server, an HTTP answer."""

import asyncio
import functools
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from controller.ocpp.connection import Target

TOO_LONG_S = 10.0
"""Nothing on loopback takes so long: a test that does is stuck."""


def on_a_real_socket(test: Callable[..., Coroutine[Any, Any, None]]) -> Callable[..., None]:
    """Run the test in an ordinary loop, with a bound."""

    @functools.wraps(test)
    def run(*arguments: Any, **named: Any) -> None:
        asyncio.run(asyncio.wait_for(test(*arguments, **named), TOO_LONG_S))

    return run


def target(port: int, path: str = "/ocpp/CP1", scheme: str = "ws", **headers: str) -> Target:
    """What the connection would dial."""
    return Target(f"{scheme}://127.0.0.1:{port}{path}", headers, "", check_hostname=True)


class Server:
    """A websocket server that does with each connection what the test says."""

    def __init__(self) -> None:
        self.port = 0
        self.requests: list[Request] = []
        self.gone = asyncio.Event()
        """The last connection has ended at this end."""
        self.code: int | None = None
        """And with this code."""


@asynccontextmanager
async def server(talk: Callable[[ServerConnection], Awaitable[None]] | None = None, *, subprotocols: list[str] | None = None,
                 answer: Callable[[Request], Response | None] | None = None, **options: Any) -> AsyncIterator[Server]:
    """A server on a free port of loopback; without `talk` it waits for the end."""
    made = Server()

    async def handle(connection: ServerConnection) -> None:
        try:
            if talk is not None:
                await talk(connection)
            await connection.wait_closed()
        finally:
            made.code = connection.close_code
            made.gone.set()

    def process(connection: ServerConnection, request: Request) -> Response | None:
        made.requests.append(request)
        return None if answer is None else answer(request)

    offered = [Subprotocol(name) for name in (["ocpp1.6"] if subprotocols is None else subprotocols)]
    async with serve(handle, "127.0.0.1", 0, subprotocols=offered or None, process_request=process, ping_interval=None,
                     **options) as it:
        made.port = int(next(iter(it.sockets)).getsockname()[1])
        yield made


@asynccontextmanager
async def bare_server(talk: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]) -> AsyncIterator[int]:
    """Whatever TCP can say; gives the port."""
    it = await asyncio.start_server(talk, "127.0.0.1", 0)
    try:
        yield int(it.sockets[0].getsockname()[1])
    finally:
        it.close()
