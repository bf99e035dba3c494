"""A real daemon on simulated hardware, and what the kernel says of its processes."""

import contextlib
import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CONFIGURATION = """
[charge_point]
identity = "BENCH"
vendor = "evcp"
model = "Bench"
[csms]
url = "{url}"
[storage]
directory = "{storage}"
[control]
socket = "{sockets}/control.sock"
[guard]
socket = "{sockets}/guard.sock"
[log]
level = "warning"
[[connector]]
id = 1
contactor = {{ driver = "sim" }}
pilot = {{ driver = "sim" }}
lock = {{ driver = "sim" }}
meter = {{ driver = "sim" }}
[[reader]]
driver = "sim"
"""
STOPS_WITHIN_S = 10.0
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
"""An installed program finds its modules compiled, as the libraries are; so it is here after the first start."""


class Daemon:
    """One running daemon; its standard error is a file, shown when it dies."""

    def __init__(self, process: subprocess.Popen[bytes], control: Path, log: Path) -> None:
        self.process = process
        self._control = control
        self._log = log

    @property
    def pid(self) -> int:
        """Of the controller."""
        return self.process.pid

    @property
    def said(self) -> str:
        """The end of its standard error."""
        return self._log.read_text()[-2000:]

    def beside(self, name: str) -> Path:
        """A file in the folder of its configuration."""
        return self._log.with_name(name)

    def post(self, path: str, body: dict[str, object]) -> None:
        """A verb of the control socket."""
        status, answer = self._request("POST", path, json.dumps(body))
        assert status == 200, answer

    def status(self) -> dict[str, object]:
        """The first connector of `GET /api/v1/status`."""
        _, answer = self._request("GET", "/api/v1/status")
        first: dict[str, object] = json.loads(answer)["connectors"][0]
        return first

    def _request(self, method: str, path: str, body: str | None = None) -> tuple[int, str]:
        connection = http.client.HTTPConnection("localhost", timeout=5)
        connection.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.sock.connect(str(self._control))
        try:
            connection.request(method, path, body)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def until(self, happened: Callable[[], bool], within_s: float = 10.0) -> None:
        """Wait for something that must come. Raises TimeoutError with what the daemon has said."""
        until_s = time.monotonic() + within_s
        while not self._answers(happened):
            if time.monotonic() > until_s:
                raise TimeoutError(f"not within {within_s:g} s; the daemon says: {self.said}")
            time.sleep(0.02)

    @staticmethod
    def _answers(happened: Callable[[], bool]) -> bool:
        try:
            return happened()
        except OSError:
            return False

    def charge_once(self) -> None:
        """A whole session: plug, card, power, card, unplug."""
        self.until(lambda: self.status()["status"] == "Available")
        self.post("/sim/v1/plug", {"connector": 1, "ev": {"request_after_s": 0.1}})
        self.post("/sim/v1/swipe", {"id_tag": "04A1B2C3"})
        self.until(lambda: self.status()["status"] == "Charging")
        self.post("/sim/v1/swipe", {"id_tag": "04A1B2C3"})
        self.until(lambda: self.status()["status"] == "Finishing")
        self.post("/sim/v1/unplug", {"connector": 1})
        self.until(lambda: self.status()["status"] == "Available")


@contextlib.contextmanager
def folders() -> Iterator[tuple[Path, Path]]:
    """One for storage on the repository's disk, one for sockets, whose paths must be short."""
    (ROOT / "build").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="bench-", dir=ROOT / "build") as storage, \
            tempfile.TemporaryDirectory(prefix="evcp-bench-") as sockets:
        yield Path(storage), Path(sockets)


def start(url: str, storage: Path, sockets: Path, *, options: Sequence[str] = (), interpreter: Sequence[str] = (),
          module: str = "controller") -> Daemon:
    """Start a daemon, with options for it and for its interpreter; `module` is what is run, where that is more than the daemon alone."""
    file = sockets / "evcp.toml"
    file.write_text(CONFIGURATION.format(url=url, storage=storage, sockets=sockets))
    log = sockets / "log"
    with log.open("wb") as stderr:
        process = subprocess.Popen(
            [sys.executable, *interpreter, "-m", module, "run", "--config", str(file), *options], cwd=ROOT,
            env=ENVIRONMENT, stdin=subprocess.DEVNULL, stderr=stderr)
    return Daemon(process, sockets / "control.sock", log)


def stop(process: subprocess.Popen[bytes], *, kill: bool = False) -> None:
    """End it, politely or as a power cut would, and wait until it is gone."""
    if process.poll() is None:
        process.send_signal(signal.SIGKILL if kill else signal.SIGTERM)
    process.wait(STOPS_WITHIN_S)


@contextlib.contextmanager
def daemon(url: str, *, options: Sequence[str] = ()) -> Iterator[Daemon]:
    """A daemon with folders of its own, stopped at the end."""
    with folders() as (storage, sockets):
        running = start(url, storage, sockets, options=options)
        try:
            yield running
        finally:
            stop(running.process)


# -- what the kernel says ------------------------------------------------------------------------------------------------


def children(pid: int) -> list[int]:
    """Processes that it has started."""
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def resident_mib(pid: int) -> float:
    """VmRSS."""
    row = next(line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmRSS:"))
    return int(row.split()[1]) / 1024


def cpu_s(pid: int) -> float:
    """User and system time so far, of all its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
