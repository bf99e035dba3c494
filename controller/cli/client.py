"""Talks to a daemon over its control socket: finds it, asks it, tells what is wrong."""

import http.client
import json
import os
import socket
import sys
from typing import Any
from urllib.parse import urlencode

from controller.config import load
from controller.errors import ConfigurationError

FAILED, USAGE, NOT_REACHABLE, INVALID, REFUSED = 1, 2, 3, 4, 5
CODES = {400: USAGE, 413: USAGE, 404: REFUSED, 409: REFUSED}
"""Exit code by HTTP status."""
DEFAULT_CONFIG = "/etc/evcp/evcp.toml"
DEFAULT_SOCKET = "/run/evcp/control.sock"
TIMEOUT_S = 5.0


class Unreachable(Exception):
    """No daemon answers; `code` is the exit code that says so."""

    def __init__(self, message: str, code: int = NOT_REACHABLE) -> None:
        super().__init__(message)
        self.code = code


class Refused(Exception):
    """The daemon answers, but not with what was asked for."""

    def __init__(self, status: int, answer: Any) -> None:
        super().__init__(str(answer.get("error", answer)) if isinstance(answer, dict) else str(answer))
        self.code = FAILED if status == 404 else CODES.get(status, FAILED)


def complain(error: Unreachable | Refused) -> int:
    """Say why nobody was reached; the exit code. The mistakes of a configuration read as `config check` tells them."""
    sys.stderr.write(f"{error}\n" if error.code == INVALID else f"evcp: {error}\n")
    return error.code


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str, timeout_s: float) -> None:
        super().__init__("localhost", timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        """Over the Unix socket."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def add_daemon_arguments(parser: Any, *, default: str | None = None) -> None:
    """How to find the daemon, and for whom to print. `default`: argparse.SUPPRESS where a parser above has them too."""
    parser.add_argument("--socket", metavar="PATH", default=default, help="the daemon's control socket")
    parser.add_argument("--config", metavar="FILE", default=default,
                        help=f"the daemon's configuration (default: {DEFAULT_CONFIG})")
    parser.add_argument("--json", action="store_true", default=default or False, help="machine-readable output")


def socket_path(socket_option: str | None, config_option: str | None) -> str:
    """`--socket`, else the socket of `--config`, else of the installed configuration, else the default one."""
    if socket_option:
        return socket_option
    config = config_option or (DEFAULT_CONFIG if os.access(DEFAULT_CONFIG, os.R_OK) else None)
    if config is None:
        return DEFAULT_SOCKET
    try:
        return load(config, with_ocpp=False).control.socket
    except ConfigurationError as error:
        raise Unreachable(str(error), INVALID) from error


def request(path: str, method: str, url: str, body: dict[str, object] | None = None, *, more_s: float = 0.0
            ) -> tuple[int, Any]:
    """One request; HTTP status and decoded answer. `more_s`: what it may take beside. Raises Unreachable."""
    connection = _UnixConnection(path, TIMEOUT_S + more_s)
    try:
        content = None if body is None else json.dumps(body)
        connection.request(method, url, content, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read() or b"null")
    except (OSError, http.client.HTTPException, ValueError) as error:
        message = f"no daemon answers at {path} ({error}); is it running? Name it with --socket or --config"
        raise Unreachable(message) from error
    finally:
        connection.close()


def asked(arguments: Any, url: str, query: dict[str, object] | None = None) -> Any:
    """GET; what is None in `query` is left out. The decoded answer. Raises Unreachable, Refused."""
    given = {name: value for name, value in (query or {}).items() if value is not None}
    status, answer = request(socket_path(arguments.socket, arguments.config), "GET", f"{url}?{urlencode(given)}" if given else url)
    if status != 200:
        raise Refused(status, answer)
    return answer


def command(arguments: Any, url: str, body: dict[str, object]) -> int:
    """POST, tell what is wrong, give the exit code."""
    try:
        status, answer = request(socket_path(arguments.socket, arguments.config), "POST", url, body)
    except Unreachable as error:
        return complain(error)
    if status != 200:
        return refused(status, answer)
    if arguments.json:
        sys.stdout.write(json.dumps(answer) + "\n")
    return 0


def refused(status: int, answer: Any) -> int:
    """Tell what the daemon says against it; the exit code."""
    what = answer.get("error", answer) if isinstance(answer, dict) else answer
    if status == 404:
        what = "this daemon has no such thing; /sim/v1 is there only when something is simulated"
    sys.stderr.write(f"evcp: {what}\n")
    return CODES.get(status, FAILED)
