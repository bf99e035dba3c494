"""The control socket: HTTP and JSON over a Unix socket (`contract.md` section 3), for the CLI, test rigs and integrations.

Loaded after BootNotification is on the wire. Answers at once, whatever the central system does.
"""

import asyncio
import contextlib
import errno
import logging
import os
import socket
import stat
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol, TypeAlias

import msgspec
import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from controller.clock import Instant
from controller.commands import TellAsker
from controller.config import Configuration
from controller.errors import ControlUnavailable
from controller.events import CardPresented, Event, FaultReset, LearningAsked, TagChangeAsked
from controller.shell.ocpp_view import OcppView, Wire
from controller.shell.openapi import document
from controller.shell.refusal import Unusable
from controller.shell.sessions import Sessions
from drivers.sim_port import SimError, is_id_tag

logger = logging.getLogger("evcp.control")

MAX_BODY = 64 * 1024
MAX_DISCARDED = 16 * 1024 * 1024
"""So much of a body that is too large is read and forgotten: most clients read the answer only when all is sent."""
LEARNED_WITHIN_S, LONGEST_LEARNING_S = 60.0, 600.0
STORED_WITHIN_S = 4.0
"""A change is told when it is stored; a disk that stalls for longer is told instead."""
LONGEST_LABEL = 60
Body: TypeAlias = dict[str, Any]


class Simulation(Protocol):
    """`/sim/v1` as a whole."""

    async def call(self, verb: str, body: Mapping[str, object]) -> dict[str, object]:
        """Carry out one verb. Raises SimError."""

    async def state(self) -> dict[str, object]:
        """Everything simulated, and what the daemon makes of it."""


class Daemon(Protocol):
    """What the control socket needs of the daemon."""

    configuration: Configuration
    version: str

    @property
    def wire(self) -> Wire:
        """What is between the station and the central system."""

    @property
    def sim(self) -> Simulation | None:
        """The simulated world; None where every driver is real."""

    def status(self) -> dict[str, Any]:
        """`GET /api/v1/status`."""

    def tags(self) -> dict[str, Any]:
        """`GET /api/v1/tags`."""

    async def emit(self, event: Event) -> None:
        """An event from outside the hardware."""

    def now(self) -> Instant:
        """This moment, as the daemon knows it."""

    async def ask(self, make: Callable[[str], Event], *, within_s: float, has_left: Callable[[], Awaitable[bool]] | None = None
                  ) -> TellAsker:
        """A question that the station answers when what it promises is durable. Raises TimeoutError."""


class Swipe(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of `/api/v1/swipe`: a card, as if held to the reader that serves these connectors."""

    id_tag: str
    connectors: list[int] | None = None


class ServiceReset(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of `/api/v1/service/reset`."""

    connector: int


class Learning(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of `/api/v1/tags/learn`."""

    within_s: float = LEARNED_WITHIN_S
    label: str | None = None


class TagLabel(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of `/api/v1/tags/label`."""

    id_tag: str
    label: str


class TagBlock(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of `/api/v1/tags/block`."""

    id_tag: str
    label: str | None = None


class TagRemoval(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of `/api/v1/tags/remove`."""

    id_tag: str


def reply(content: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """JSON."""
    return Response(msgspec.json.encode(content), status, headers, media_type="application/json")


async def body_of(request: Request) -> Body:
    """The JSON object in the request. Raises Unusable 400 or 413."""
    content, size = b"", 0
    try:
        async for chunk in request.stream():
            size += len(chunk)
            if size <= MAX_BODY:
                content += chunk
            elif size > MAX_DISCARDED:
                break
    except ClientDisconnect as error:
        raise Unusable(400, "the client went away before the end of the body") from error
    if size > MAX_BODY:
        raise Unusable(413, f"the body is larger than {MAX_BODY} bytes")
    try:
        body = msgspec.json.decode(content)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise Unusable(400, f"the body is not JSON: {error}") from error
    if not isinstance(body, dict):
        raise Unusable(400, "the body is not a JSON object")
    return body


def guarded(act: Callable[[Request], Awaitable[object]]) -> Callable[[Request], Awaitable[Response]]:
    """Turn what an endpoint returns or raises into an answer."""

    async def endpoint(request: Request) -> Response:
        try:
            return reply(await act(request))
        except (Unusable, SimError) as error:
            return reply({"error": str(error)}, error.status)
        except msgspec.ValidationError as error:
            return reply({"error": str(error).replace("$.", "")}, 400)

    return endpoint


class Control:
    """The routes."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        self._known = [row.id for row in daemon.configuration.connector]
        self._sessions = Sessions(daemon)
        self._ocpp = OcppView(daemon.wire, self._sessions.archive)

    def application(self) -> Starlette:
        """The ASGI application; `/sim/v1` only when a driver is `sim`."""
        routes = [
            Route("/api/v1/status", guarded(self._status), methods=["GET"]),
            Route("/api/v1/openapi.json", guarded(self._openapi), methods=["GET"]),
            Route("/api/v1/swipe", guarded(self._swipe), methods=["POST"]),
            Route("/api/v1/service/reset", guarded(self._reset), methods=["POST"]),
            *(Route(f"/api/v1/ocpp/{what}", guarded(self._ocpp_view(what)), methods=["GET"]) for what in OcppView.WHAT),
            Route("/api/v1/sessions", guarded(self._list_sessions), methods=["GET"]),
            Route("/api/v1/service/erase", guarded(self._erase_sessions), methods=["POST"]),
            Route("/api/v1/sessions/{local_id}", guarded(self._show_session), methods=["GET"]),
            Route("/api/v1/tags", guarded(self._tags), methods=["GET"]),
            Route("/api/v1/tags/learn", guarded(self._learn), methods=["POST"]),
            Route("/api/v1/tags/label", guarded(self._label), methods=["POST"]),
            Route("/api/v1/tags/block", guarded(self._block), methods=["POST"]),
            Route("/api/v1/tags/remove", guarded(self._remove), methods=["POST"]),
        ]
        if self._daemon.sim is not None:
            routes.append(Route("/sim/v1/state", guarded(self._sim_state), methods=["GET"]))
            routes += [Route(f"/sim/v1/{verb}", guarded(self._sim_verb(verb)), methods=["POST"])
                       for verb in ("plug", "unplug", "ev_state", "swipe", "fault", "site", "link", "meter")]
        application = Starlette(routes=routes, exception_handlers={404: _plain, 405: _plain})
        application.router.redirect_slashes = False  # an unknown path is 404, also one with a slash too many
        return application

    async def _status(self, _request: Request) -> object:
        return self._daemon.status()

    async def _openapi(self, _request: Request) -> object:
        return document(self._daemon.version, simulated=self._daemon.sim is not None)

    async def _swipe(self, request: Request) -> object:
        swipe = msgspec.convert(await body_of(request), Swipe)
        _check_id_tag(swipe.id_tag)
        if swipe.connectors == []:
            raise Unusable(400, f"connectors: none is named; leave it out to mean all of {self._known}")
        served = tuple(swipe.connectors) if swipe.connectors is not None else tuple(self._known)
        for connector_id in served:
            self._configured(connector_id)
        await self._daemon.emit(CardPresented(served, swipe.id_tag))
        return {}

    async def _reset(self, request: Request) -> object:
        wish = msgspec.convert(await body_of(request), ServiceReset)
        self._configured(wish.connector)
        await self._daemon.emit(FaultReset(wish.connector))
        return {}

    def _ocpp_view(self, what: str) -> Callable[[Request], Awaitable[object]]:
        async def show(request: Request) -> object:
            return await self._ocpp.show(what, request.query_params)

        return show

    async def _list_sessions(self, request: Request) -> object:
        return await self._sessions.listing(request.query_params)

    async def _show_session(self, request: Request) -> object:
        return await self._sessions.one(request.path_params["local_id"])

    async def _erase_sessions(self, request: Request) -> object:
        return await self._sessions.erase(await body_of(request))

    def _configured(self, connector_id: int) -> None:
        if connector_id not in self._known:
            raise Unusable(400, f"connector {connector_id} is not configured; there are {self._known}")

    async def _tags(self, _request: Request) -> object:
        return self._daemon.tags()

    async def _learn(self, request: Request) -> object:
        """Waits for the card, and for as long as somebody waits for the answer."""
        wish = msgspec.convert(await body_of(request), Learning)
        if not 0 < wish.within_s <= LONGEST_LEARNING_S:
            raise Unusable(400, f"within_s: more than 0 and at most {LONGEST_LEARNING_S:g}")
        _check_label(wish.label)
        return await self._ask(lambda asker: LearningAsked(asker, wish.within_s, wish.label),
                               within_s=wish.within_s + STORED_WITHIN_S, has_left=request.is_disconnected)

    async def _label(self, request: Request) -> object:
        wish = msgspec.convert(await body_of(request), TagLabel)
        _check_label(wish.label)
        return await self._ask(lambda asker: TagChangeAsked(asker, "label", wish.id_tag, wish.label))

    async def _block(self, request: Request) -> object:
        wish = msgspec.convert(await body_of(request), TagBlock)
        _check_id_tag(wish.id_tag)
        _check_label(wish.label)
        return await self._ask(lambda asker: TagChangeAsked(asker, "block", wish.id_tag, wish.label))

    async def _remove(self, request: Request) -> object:
        wish = msgspec.convert(await body_of(request), TagRemoval)
        return await self._ask(lambda asker: TagChangeAsked(asker, "remove", wish.id_tag))

    async def _ask(self, make: Callable[[str], Event], *, within_s: float = STORED_WITHIN_S,
                   has_left: Callable[[], Awaitable[bool]] | None = None) -> object:
        """What the station tells when it is stored. Raises Unusable 409 where it refuses, or cannot store it now."""
        try:
            answer = await self._daemon.ask(make, within_s=within_s, has_left=has_left)
        except TimeoutError as error:
            raise Unusable(409, "this could not be stored yet; it is tried again, see `evcp status`") from error
        if answer.refusal is not None:
            raise Unusable(409, answer.refusal)
        return answer.told

    async def _sim_state(self, _request: Request) -> object:
        return await self._simulation().state()

    def _sim_verb(self, verb: str) -> Callable[[Request], Awaitable[object]]:
        async def act(request: Request) -> object:
            return await self._simulation().call(verb, await body_of(request))

        return act

    def _simulation(self) -> Simulation:
        assert self._daemon.sim is not None
        return self._daemon.sim


def _check_id_tag(id_tag: str) -> None:
    if not is_id_tag(id_tag):
        raise Unusable(400, "id_tag: 1 to 20 printable ASCII characters")


def _check_label(label: str | None) -> None:
    if label is not None and (len(label) > LONGEST_LABEL or not label.isprintable()):
        raise Unusable(400, f"label: at most {LONGEST_LABEL} printable characters")


async def _plain(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return reply({"error": error.detail}, error.status_code, error.headers)


# -- serving -------------------------------------------------------------------------------------------------------------


class _Server(uvicorn.Server):
    """As the library's, but signals are the daemon's business."""

    @contextlib.contextmanager
    def capture_signals(self) -> Any:
        """Leave them alone."""
        yield


def control_socket(path: str) -> socket.socket:
    """A listening Unix socket, 0660; a left-over file is replaced. Raises OSError, also when somebody listens there."""
    folder = os.path.dirname(path)
    if not os.path.isdir(folder):
        os.makedirs(folder)
        os.chmod(folder, 0o750)  # noqa: S103 - the group must get to the socket, whatever the umask
    if os.path.exists(path) and stat.S_ISSOCK(os.stat(path).st_mode):
        if _somebody_listens(path):
            raise OSError(errno.EADDRINUSE, "another daemon listens there")
        os.unlink(path)
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        os.fchmod(listener.fileno(), 0o660)  # the file is born with it: nobody slips in before chmod
        listener.bind(path)
        os.chmod(path, 0o660)
    except OSError:
        listener.close()
        raise
    listener.listen(16)
    return listener


def _somebody_listens(path: str) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            return False
        except OSError:
            return True  # a full queue, say: whoever it is, the socket is theirs
    return True


def tcp_socket(address: str) -> socket.socket | None:
    """A listening TCP socket for `control.http`; None, and a line in the log, where that port cannot be had."""
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    try:
        return socket.create_server((host, int(port)), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        logger.error("control.http: cannot listen on %s: %s", address, error)
        return None


async def serve(daemon: Daemon) -> None:
    """Serve until cancelled. Raises ControlUnavailable when nobody could talk to the daemon."""
    control = daemon.configuration.control
    try:
        sockets = [control_socket(control.socket)]
    except OSError as error:
        raise ControlUnavailable(f"control socket {control.socket} cannot be made: {error.strerror or error}") from error
    tcp = tcp_socket(control.http) if control.http else None
    if tcp is not None:
        sockets.append(tcp)
    config = uvicorn.Config(Control(daemon).application(), lifespan="off", log_config=None, http="h11", ws="none",
                            access_log=False, timeout_graceful_shutdown=1)
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    logger.info("control socket at %s", control.socket)
    server = _Server(config)
    serving = asyncio.ensure_future(server.serve(sockets=sockets))
    try:
        await asyncio.shield(serving)
    finally:
        server.should_exit = True
        with contextlib.suppress(asyncio.CancelledError, TimeoutError):
            await asyncio.wait_for(serving, 2.0)
