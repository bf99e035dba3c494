"""The thin shell around `session.py`: dial (WS-1), back off, ping, send text, receive text. The only file of the wire with I/O.

For ever: dial -> sub-protocol agreed -> CsmsConnected -> frames -> closed for whatever reason -> CsmsLost -> wait -> dial.
One socket at a time; the wait doubles from `reconnect_min_s` to `reconnect_max_s`, with jitter between these two, and starts
anew after a connection that lasted (WS-6). Nothing that a central system does ends this loop.
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
from controller.events import CallAnswered, CallFailed, CallReceived, CsmsConnected, CsmsLost, Event
from controller.ocpp.loggable import loggable
from controller.ocpp.messages import Request, Response
from controller.ocpp.session import BAD_ANSWER, Ignored, Received, Session, Transmit
from controller.ocpp.trace import Trace

logger = logging.getLogger("evcp.ocpp")

SUBPROTOCOL = "ocpp1.6"
MAX_FRAME = 256 * 1024
"""Larger frames close the connection with 1009 (WS-9, F-GARB)."""
DIAL_WITHIN_S = 30.0
PONG_WITHIN_S = 10.0
STABLE_AFTER_S = 300.0
FRAMES_PER_TURN = 8
"""So many frames are taken before other tasks get their turn (central-systems.md section 3)."""
MAX_OUTGOING = 64
"""While so many frames wait to be sent nothing more is read: who does not listen is not listened to (F-FLOOD)."""
IGNORED_TOLD = 20
"""So many meaningless frames per connection get a line in the log."""


class Lost(Exception):
    """The connection is gone, or could not be made; the message says why."""


class Transport(Protocol):
    """One open websocket."""

    def send_now(self, text: str) -> bool:
        """Send a text frame at once, if the line takes it without waiting; False: nothing was sent, use `send`."""

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
        self._calls: deque[tuple[str, Request, float]] = deque()
        """CALLs for which another one must first be answered."""
        self._outgoing: deque[str] = deque()
        self._to_send = asyncio.Event()
        self._sent = asyncio.Event()
        self._sending = False
        """A frame waits for the line to take it: what comes now waits behind it."""
        self._frames = 0
        """Taken since the start."""
        self._reading = False
        self._ignored = 0
        self._dial_now = asyncio.Event()
        self._link_up = True
        self._pings_changed = asyncio.Event()
        self._ping_interval_s = 0
        self._timeout: asyncio.TimerHandle | None = None
        self.connected_since_s: float | None = None
        self.last_failure = ""
        self.last_loss = ""
        """Why the last connection ended."""
        self.trace = Trace()

    @property
    def security_profile(self) -> int:
        """The one that the next dial uses."""
        return self._security_profile

    @property
    def connected_for_s(self) -> float | None:
        """How long the present connection has lasted; None without one."""
        since_s = self.connected_since_s
        return None if since_s is None else round(self._clock.now().monotonic_s - since_s, 3)

    @property
    def endpoint(self) -> str:
        """Where it dials."""
        return endpoint(self._url, self._identity, self._security_profile) if self._url else ""

    @property
    def connected(self) -> bool:
        """A websocket is open and agreed on."""
        return self.connected_since_s is not None

    # -- what the station wants --------------------------------------------------------------------------------------

    def call(self, message_id: str, request: Request, timeout_s: float) -> None:
        """Send a CALL, if there is a connection; its loss is told by CsmsLost.

        One is in flight at a time (RPC-5). An order that was held up by a slow disk, while the connection was lost and made
        again, may find another one in flight, or itself: it waits, or is sent already.
        """
        known = {self._session.in_flight, *(waiting[0] for waiting in self._calls)}
        if self._transport is not None and message_id not in known:
            self._calls.append((message_id, request, timeout_s))
            self._next_call()

    def _next_call(self) -> None:
        if self._calls and self._session.in_flight is None:
            now_s = self._clock.now().monotonic_s
            self._transmit(self._session.call(*self._calls.popleft(), now_s))
        self._watch_time_out()

    def _watch_time_out(self) -> None:
        """Wake when the CALL in flight times out; never sooner for the sake of another one."""
        if self._timeout is not None:
            self._timeout.cancel()
            self._timeout = None
        deadline_s = self._session.next_deadline_s()
        if deadline_s is not None:
            left_s = max(0.0, deadline_s - self._clock.now().monotonic_s)
            self._timeout = asyncio.get_running_loop().call_later(left_s + 0.001, self._expire)

    def reply(self, message_id: str, response: Response) -> None:
        """Send a CALLRESULT, if whoever asked is still connected."""
        self._transmit_all(self._session.reply(message_id, response))

    def reply_error(self, message_id: str, code: str, description: str) -> None:
        """Send a CALLERROR, likewise."""
        self._transmit_all(self._session.reply_error(message_id, code, description))

    def _transmit_all(self, answers: list[Transmit]) -> None:
        for answer in answers:
            self._transmit(answer.text)

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
        unchanged = up and self._link_up and self._transport is not None
        self._link_up = up
        if not up and self._transport is not None:
            self._transport.abort()
        if not unchanged:
            self._dial_now.set()

    def _transmit(self, text: str) -> None:
        if text:
            self.trace.note(text, self._clock.now(), sent=True)
        if logger.isEnabledFor(logging.DEBUG):
            logger.debug("-> %s", loggable(text))
        if text and not self._outgoing and not self._sending and self._transport is not None and self._transport.send_now(text):
            return
        self._outgoing.append(text)
        self._to_send.set()

    def _expire(self) -> None:
        for received in self._session.expire(self._clock.now().monotonic_s):
            if isinstance(received, CallFailed):
                self._post(received)
        self._next_call()

    # -- for ever ----------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Until cancelled: whatever refuses or cuts the connection, an unknown identity too, it is dialled again (WS-5, WS-6)."""
        wait_s = 0.0
        while True:
            await self._pause(wait_s)
            began_s = self._clock.now().monotonic_s
            transport = await self._dialled()
            if transport is not None:
                await self._converse(transport)
            lasted_s = self._clock.now().monotonic_s - began_s
            wait_s = self._next_wait_s(0.0 if lasted_s >= STABLE_AFTER_S else wait_s)

    async def _dialled(self) -> Transport | None:
        """An open websocket that is still wanted, or None."""
        try:
            target = self._target()
            transport = await asyncio.wait_for(self._dial(target), DIAL_WITHIN_S)
            if self._link_up and self._target() == target:
                return transport
            transport.abort()  # meanwhile the network went away, or the credentials changed
        except Exception as error:  # noqa: BLE001 - a URL, key or certificate nobody can use must not end the daemon
            self._note_failure(error)
        return None

    def _note_failure(self, error: Exception) -> None:
        foreseen = isinstance(error, Lost | OSError)
        why = loggable((str(error) or f"no answer within {DIAL_WITHIN_S:g} s") if foreseen else repr(error))
        if why != self.last_failure:
            logger.warning("central system not reached: %s", why)
        self.last_failure = why

    def _next_wait_s(self, wait_s: float) -> float:
        """The longest that the next wait may be; the shortest is half of it."""
        shortest_s, longest_s = self._reconnect_s
        return min(longest_s, max(shortest_s, wait_s) * 2)

    async def _pause(self, wait_s: float) -> None:
        """Wait before the next dial, unless somebody wants it at once; without a link wait for the link."""
        if wait_s > 0 and not self._dial_now.is_set():
            try:
                async with asyncio.timeout(max(self._reconnect_s[0], wait_s * (0.5 + self._jitter() / 2))):
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
        self._sending = False
        self._calls.clear()
        self._ignored = 0
        self._transport = transport
        self.connected_since_s = self._clock.now().monotonic_s
        self.last_failure = ""
        logger.info("connected to the central system")
        self._post(CsmsConnected())
        tasks = [asyncio.ensure_future(work) for work in (self._receive(transport), self._send(transport),
                                                           self._ping(transport))]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            # A missing pong aborts, which ends the reading too: the reason that came first is the reason.
            why = next(task.exception() for task in reversed(tasks) if task in done)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._hang_up(transport)
        if why is not None and not isinstance(why, Lost):
            logger.error("the connection failed in a way nobody foresaw", exc_info=why)
        self._lost(str(why) or repr(why) if why is not None else "redialling")

    def _lost(self, why: str) -> None:
        why = loggable(why)  # a close frame may carry any text
        logger.warning("connection lost: %s", why)
        self.last_loss = why
        self._session.lost()
        self._watch_time_out()
        self._post(CsmsLost(why))

    async def _hang_up(self, transport: Transport) -> None:
        self._transport = None
        self.connected_since_s = None
        try:
            async with asyncio.timeout(2.0):
                await transport.close()
        except Exception:  # noqa: BLE001 - closing politely is a courtesy; whatever prevents it, the socket must go
            transport.abort()

    async def _receive(self, transport: Transport) -> None:
        while True:
            await self._room_to_answer()
            self._reading = True
            text = await transport.receive()
            self._reading = False
            self._frames += 1
            self.trace.note(text, self._clock.now(), sent=False)
            if logger.isEnabledFor(logging.DEBUG):
                logger.debug("<- %s", loggable(text))
            for received in self._session.receive(text):
                await self._handle(received)
            if self._frames % FRAMES_PER_TURN == 0:
                await asyncio.sleep(0)

    async def _room_to_answer(self) -> None:
        while len(self._outgoing) >= MAX_OUTGOING:
            self._sent.clear()
            await self._sent.wait()

    async def _handle(self, received: Received) -> None:
        match received:
            case Transmit(text):
                self._transmit(text)
            case Ignored(why):
                self._ignored += 1
                logger.log(logging.WARNING if self._ignored <= IGNORED_TOLD else logging.DEBUG, "ignored: %s", why)
            case CallReceived():
                await self._emit(received)
            case CallAnswered() | CallFailed():
                if isinstance(received, CallFailed) and received.code == BAD_ANSWER:
                    logger.warning("answer to CALL %s cannot be used: %s", received.message_id, loggable(received.description))
                self._post(received)
                self._next_call()

    async def _send(self, transport: Transport) -> None:
        """Send what is waiting, in order; an empty text ends the connection (redial)."""
        while True:
            while self._outgoing:
                text = self._outgoing.popleft()
                if not text:
                    return
                self._sending = True
                await transport.send(text)
                self._sending = False
                self._sent.set()
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
                await self._expect_pong(transport)

    async def _expect_pong(self, transport: Transport) -> None:
        """A pong behind a flood of CALLs comes late: frames are a sign of life too, and who does not read cannot tell."""
        frames = self._frames
        try:
            await transport.ping(PONG_WITHIN_S)
        except Lost:
            if self._frames == frames and self._reading:
                transport.abort()
                raise

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
