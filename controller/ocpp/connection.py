"""The thin shell around `session.py`: dial, back off, ping, send text, receive text. The only file of the wire with I/O.

For ever: dial -> sub-protocol agreed -> CsmsConnected -> frames -> closed for whatever reason -> CsmsLost -> wait -> dial.
One socket at a time; the wait doubles from `reconnect_min_s` to `reconnect_max_s`, with jitter, and starts anew after a
connection that lasted (WS-6).
"""

import asyncio
import base64
import logging
import random
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeAlias
from urllib.parse import quote, urlsplit, urlunsplit

import msgspec

from controller.clock import Clock
from controller.events import CallReceived, CsmsConnected, CsmsLost, Event
from controller.ocpp.messages import Request, Response
from controller.ocpp.session import Received, Session, Transmit

logger = logging.getLogger("evcp.ocpp")

SUBPROTOCOL = "ocpp1.6"
MAX_FRAME = 256 * 1024
"""Larger frames close the connection with 1009 (WS-9, F-GARB)."""
DIAL_WITHIN_S = 30.0
PONG_WITHIN_S = 10.0
STABLE_AFTER_S = 300.0
FRAMES_PER_TURN = 8
"""So many frames are taken before other tasks get their turn (central-systems.md section 3)."""


class Lost(Exception):
    """The connection is gone, or could not be made; the message says why."""


class Transport(Protocol):
    """One open websocket."""

    async def send(self, text: str) -> None:
        """Send a text frame. Raises Lost."""

    async def receive(self) -> str | bytes:
        """The next frame. Raises Lost."""

    async def ping(self, within_s: float) -> None:
        """Send a ping and wait for its pong. Raises Lost when none comes in time."""

    async def close(self) -> None:
        """Close with a handshake."""

    def abort(self) -> None:
        """Drop the connection as a cut cable would."""


class Target(msgspec.Struct, frozen=True):
    """Where and as whom to dial."""

    url: str
    headers: dict[str, str]
    certificates_directory: str
    check_hostname: bool


Dial: TypeAlias = Callable[[Target], Awaitable[Transport]]


def endpoint(url: str, identity: str, security_profile: int) -> str:
    """The URL to dial: the percent-encoded identity as last segment, the scheme by the security profile (WS-2)."""
    parts = urlsplit(url)
    scheme = parts.scheme if security_profile == 0 else "ws" if security_profile == 1 else "wss"
    path = f"{parts.path.rstrip('/')}/{quote(identity, safe='')}"
    return urlunsplit((scheme, parts.netloc, path, "", ""))


def basic_authentication(identity: str, authorization_key: str) -> dict[str, str]:
    """The header of HTTP Basic authentication: the password is the key's bytes, not its hex text (WS-14)."""
    if not authorization_key:
        return {}
    token = base64.b64encode(identity.encode() + b":" + bytes.fromhex(authorization_key)).decode()
    return {"Authorization": f"Basic {token}"}


class Connection:
    """Keeps the connection to the central system, and the inbox told."""

    def __init__(self, *, url: str, identity: str, session: Session, clock: Clock, post: Callable[[Event], None],
                 emit: Callable[[Event], Awaitable[None]], dial: Dial, reconnect_min_s: float = 1.0,
                 reconnect_max_s: float = 300.0, authorization_key: str = "", security_profile: int = 0,
                 certificates_directory: str = "", check_hostname: bool = True,
                 jitter: Callable[[], float] = random.random) -> None:
        self._url, self._identity = url, identity
        self._session, self._clock = session, clock
        self._post, self._emit, self._dial, self._jitter = post, emit, dial, jitter
        self._reconnect_s = (reconnect_min_s, reconnect_max_s)
        self._authorization_key, self._security_profile = authorization_key, security_profile
        self._certificates = (certificates_directory, check_hostname)
        self._transport: Transport | None = None
        self._outgoing: deque[str] = deque()
        self._to_send = asyncio.Event()
        self._dial_now = asyncio.Event()
        self._link_up = True
        self._pings_changed = asyncio.Event()
        self._ping_interval_s = 0
        self._timeout: asyncio.TimerHandle | None = None
        self.connected_since_s: float | None = None
        self.last_failure = ""

    @property
    def connected(self) -> bool:
        """A websocket is open and agreed on."""
        return self.connected_since_s is not None

    # -- what the station wants --------------------------------------------------------------------------------------

    def call(self, message_id: str, request: Request, timeout_s: float) -> None:
        """Send a CALL, if there is a connection; its loss is told by CsmsLost."""
        if self._transport is None:
            return
        now_s = self._clock.now().monotonic_s
        self._transmit(self._session.call(message_id, request, timeout_s, now_s))
        self._timeout = asyncio.get_running_loop().call_later(timeout_s + 0.001, self._expire)

    def reply(self, message_id: str, response: Response) -> None:
        """Send a CALLRESULT."""
        self._transmit(self._session.reply(message_id, response))

    def reply_error(self, message_id: str, code: str, description: str) -> None:
        """Send a CALLERROR."""
        self._transmit(self._session.reply_error(message_id, code, description))

    def set_ping_interval(self, interval_s: int) -> None:
        """Ping so often from now on; 0 sends none (WS-11)."""
        if interval_s != self._ping_interval_s:
            self._ping_interval_s = interval_s
            self._pings_changed.set()

    def redial(self, authorization_key: str, security_profile: int | None = None) -> None:
        """Hang up once what is owed is sent, and dial again at once with other credentials."""
        self._authorization_key = authorization_key
        if security_profile is not None:
            self._security_profile = security_profile
        self._dial_now.set()
        self._transmit("")

    def set_link(self, *, up: bool) -> None:
        """False: the network is gone, now, and nobody dials; true: dial at once."""
        self._link_up = up
        if not up and self._transport is not None:
            self._transport.abort()
        self._dial_now.set()

    def _transmit(self, text: str) -> None:
        logger.debug("-> %s", text)
        self._outgoing.append(text)
        self._to_send.set()

    def _expire(self) -> None:
        for received in self._session.expire(self._clock.now().monotonic_s):
            if not isinstance(received, Transmit):
                self._post(received)

    # -- for ever ----------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Until cancelled."""
        wait_s = 0.0
        while True:
            await self._pause(wait_s)
            began_s = self._clock.now().monotonic_s
            try:
                transport = await asyncio.wait_for(self._dial(self._target()), DIAL_WITHIN_S)
            except (Lost, TimeoutError, OSError) as error:
                self._note_failure(error)
            else:
                await self._converse(transport)
            lasted_s = self._clock.now().monotonic_s - began_s
            wait_s = self._next_wait_s(0.0 if lasted_s >= STABLE_AFTER_S else wait_s)

    def _note_failure(self, error: Exception) -> None:
        why = str(error) or f"no answer within {DIAL_WITHIN_S:g} s"
        if why != self.last_failure:
            logger.warning("central system not reached: %s", why)
        self.last_failure = why

    def _next_wait_s(self, wait_s: float) -> float:
        shortest_s, longest_s = self._reconnect_s
        return min(longest_s, max(shortest_s, wait_s * 2))

    async def _pause(self, wait_s: float) -> None:
        """Wait before the next dial, unless somebody wants it at once; without a link wait for the link."""
        if wait_s > 0 and not self._dial_now.is_set():
            try:
                async with asyncio.timeout(wait_s * (0.5 + self._jitter() / 2)):
                    await self._dial_now.wait()
            except TimeoutError:
                pass
        self._dial_now.clear()
        while not self._link_up:
            await self._dial_now.wait()
            self._dial_now.clear()

    def _target(self) -> Target:
        headers = basic_authentication(self._identity, self._authorization_key) if self._security_profile < 3 else {}
        return Target(endpoint(self._url, self._identity, self._security_profile), headers, *self._certificates)

    async def _converse(self, transport: Transport) -> None:
        """From the open websocket to its end."""
        self._outgoing.clear()
        self._transport = transport
        self.connected_since_s = self._clock.now().monotonic_s
        self.last_failure = ""
        logger.info("connected to the central system")
        self._post(CsmsConnected())
        tasks = [asyncio.ensure_future(work) for work in (self._receive(transport), self._send(transport),
                                                           self._ping(transport))]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            why = next(iter(done)).exception()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._hang_up(transport)
        if why is not None and not isinstance(why, Lost):
            raise why
        self._lost(str(why) if why is not None else "redialling")

    def _lost(self, why: str) -> None:
        logger.warning("connection lost: %s", why)
        self._session.lost()
        if self._timeout is not None:
            self._timeout.cancel()
        self._post(CsmsLost(why))

    async def _hang_up(self, transport: Transport) -> None:
        self._transport = None
        self.connected_since_s = None
        try:
            async with asyncio.timeout(2.0):
                await transport.close()
        except (TimeoutError, Lost):
            transport.abort()

    async def _receive(self, transport: Transport) -> None:
        frames = 0
        while True:
            text = await transport.receive()
            logger.debug("<- %s", text)
            for received in self._session.receive(text):
                await self._handle(received)
            frames += 1
            if frames % FRAMES_PER_TURN == 0:
                await asyncio.sleep(0)

    async def _handle(self, received: Received) -> None:
        match received:
            case Transmit(text):
                self._transmit(text)
            case CallReceived():
                await self._emit(received)
            case _:
                if self._timeout is not None:
                    self._timeout.cancel()
                self._post(received)

    async def _send(self, transport: Transport) -> None:
        """Send what is waiting, in order; an empty text ends the connection (redial)."""
        while True:
            while self._outgoing:
                text = self._outgoing.popleft()
                if not text:
                    return
                await transport.send(text)
            self._to_send.clear()
            await self._to_send.wait()

    async def _ping(self, transport: Transport) -> None:
        """Notice a dead connection (WS-11, WS-12, F-HALF)."""
        while True:
            self._pings_changed.clear()
            try:
                async with asyncio.timeout(self._ping_interval_s or None):
                    await self._pings_changed.wait()
            except TimeoutError:
                await transport.ping(PONG_WITHIN_S)

    async def close(self) -> None:
        """Let what is waiting go out, then close politely; for the end of the process."""
        transport = self._transport
        if transport is None:
            return
        try:
            async with asyncio.timeout(1.0):
                while self._outgoing:
                    await asyncio.sleep(0.005)
        except TimeoutError:
            logger.warning("%d frames could not be sent before the end", len(self._outgoing))
        await self._hang_up(transport)
