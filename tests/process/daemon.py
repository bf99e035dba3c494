"""A real daemon in a process of its own, as seen from outside: its folder, its command line, its control socket."""

import contextlib
import http.client
import itertools
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
EVCP = (sys.executable, "-m", "controller")
READY_WITHIN_S = 10.0
LOOK_EVERY_S = 0.02
CONNECTOR = """
[[connector]]
id = {number}
contactor = {{ driver = "sim" }}
pilot = {{ driver = "sim" }}
lock = {{ driver = "sim" }}
meter = {{ driver = "sim" }}
"""
_numbers = itertools.count(1)


def configuration(*, url: str = "", identity: str = "CP-1", connectors: int = 1, csms: str = "", ocpp: str = "",
                  charging: str = "", guard: str = "", control: str = "", simulation: str = "", more: str = "") -> str:
    """A configuration as an installer would write it, everything simulated and below its own folder."""
    return (
        f'[charge_point]\nidentity = "{identity}"\nvendor = "Example"\nmodel = "Pi"\n'
        f'[csms]\nurl = "{url}"\nreconnect_min_s = 0.2\nreconnect_max_s = 0.5\n{csms}\n'
        f'[ocpp]\n{ocpp}\n[charging]\n{charging}\n[storage]\ndirectory = "state"\n'
        f'[guard]\nsocket = "guard.sock"\n{guard}\n[control]\nsocket = "control.sock"\n{control}\n'
        f'[simulation]\n{simulation}\n'
        + "".join(CONNECTOR.format(number=number) for number in range(1, connectors + 1))
        + f'[[reader]]\ndriver = "sim"\nconnectors = {list(range(1, connectors + 1))}\n{more}\n')


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: Path, timeout: float = 5.0) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))


class Site:
    """The folder of one charge point; its path is short, for a Unix socket takes no more than 107 bytes."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="evcp-t"))
        self.file = self.folder / "evcp.toml"
        self.control = self.folder / "control.sock"
        self.state = self.folder / "state"
        self.daemons: list[Daemon] = []

    def write(self, text: str) -> Path:
        self.file.write_text(text)
        return self.file

    def start(self, *words: str, ready: bool = True) -> "Daemon":
        """`evcp WORDS --config FILE` in a process group of its own; `run` without words."""
        daemon = Daemon(self, words or ("run",))
        self.daemons.append(daemon)
        if ready:
            daemon.wait_until_ready()
        return daemon

    def evcp(self, *words: str, within_s: float = 20.0, **options: Any) -> "subprocess.CompletedProcess[str]":
        """`evcp WORDS`, to its end."""
        return evcp(*words, within_s=within_s, **options)

    def close(self) -> None:
        """Kill whatever still runs, whole process groups, and take the folder away."""
        for daemon in self.daemons:
            daemon.kill_group()
        shutil.rmtree(self.folder, ignore_errors=True)


def evcp(*words: str, within_s: float = 20.0, **options: Any) -> "subprocess.CompletedProcess[str]":
    """`evcp WORDS`, to its end."""
    options.setdefault("stdin", subprocess.DEVNULL)
    return subprocess.run([*EVCP, *words], cwd=ROOT, check=False, capture_output=True, text=True, timeout=within_s, **options)


class Daemon:
    """One process, and what can be asked of it."""

    def __init__(self, site: Site, words: Sequence[str]) -> None:
        self.site = site
        self.log_file = site.folder / f"log-{next(_numbers)}.txt"
        self._log = self.log_file.open("w")
        self.started_s = time.monotonic()
        self.process = subprocess.Popen([*EVCP, *words, "--config", str(site.file)], cwd=ROOT, stdin=subprocess.DEVNULL,
                                        stdout=self._log, stderr=self._log, start_new_session=True)

    @property
    def log(self) -> str:
        """What it wrote to standard output and error."""
        return self.log_file.read_text(errors="replace")

    # -- asking ------------------------------------------------------------------------------------------------------

    def request(self, method: str, url: str, body: object = None, *, within_s: float = 5.0) -> tuple[int, Any]:
        """One request over the control socket; bytes go as they are, anything else as JSON."""
        connection = UnixConnection(self.site.control, within_s)
        content = body if body is None or isinstance(body, bytes) else json.dumps(body)
        try:
            connection.request(method, url, content, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read() or b"null")
        finally:
            connection.close()

    def sim(self, verb: str, **body: object) -> None:
        """A verb of the simulation, which is carried out."""
        status, answer = self.request("POST", f"/sim/v1/{verb}", body)
        assert (status, type(answer)) == (200, dict), (status, answer)

    def world(self, connector: int = 1) -> dict[str, Any]:
        """The connector's row of `GET /sim/v1/state`."""
        return dict(self.request("GET", "/sim/v1/state")[1]["connectors"][connector - 1])

    def status(self) -> dict[str, Any]:
        """`GET /api/v1/status`."""
        return dict(self.request("GET", "/api/v1/status")[1])

    def shown(self, connector: int = 1) -> dict[str, Any]:
        """The connector's row of `GET /api/v1/status`."""
        return dict(self.status()["connectors"][connector - 1])

    # -- waiting -----------------------------------------------------------------------------------------------------

    def until(self, question: Callable[[], object], within_s: float = 6.0, what: str = "what was expected") -> Any:
        """The first truthy answer; fails with the daemon's own words when there is none in time."""
        answer = within(question, within_s)
        if answer is None:
            raise AssertionError(f"not within {within_s:g} s: {what}\n--- the daemon said:\n{self.log[-4000:]}")
        return answer

    def until_world(self, within_s: float = 6.0, connector: int = 1, **facts: object) -> dict[str, Any]:
        """The simulated connector once it shows all `facts`."""
        def there() -> dict[str, Any] | None:
            row = self.world(connector)
            return row if all(row[name] == value for name, value in facts.items()) else None

        return dict(self.until(there, within_s, f"connector {connector} with {facts}"))

    def until_status(self, status: str, within_s: float = 6.0, connector: int = 1) -> dict[str, Any]:
        """The connector's status row once it shows `status`."""
        return dict(self.until(lambda: (row := self.shown(connector))["status"] == status and row, within_s,
                               f"status {status}"))

    def wait_until_ready(self) -> None:
        """Until the control socket answers and every connector's guard has spoken."""
        def answers() -> bool:
            assert self.process.poll() is None, f"ended with {self.process.returncode}:\n{self.log[-4000:]}"
            try:
                return all(row["pilot"] is not None for row in self.status()["connectors"])
            except (OSError, http.client.HTTPException):
                return False

        self.until(answers, READY_WITHIN_S, "the control socket")

    # -- ending ------------------------------------------------------------------------------------------------------

    def end(self, number: int = signal.SIGTERM, within_s: float = 8.0) -> int:
        """Send a signal to the process alone; its exit code."""
        self.process.send_signal(number)
        return self.wait(within_s)

    def wait(self, within_s: float = 8.0) -> int:
        """Its exit code."""
        try:
            return self.process.wait(within_s)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still runs after {within_s:g} s:\n{self.log[-4000:]}") from None

    def kill_group(self) -> None:
        """The whole process group, whatever it does."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self._log.close()

    def children(self) -> list[int]:
        """Processes of its group other than itself, zombies left out."""
        return [pid for pid in group(self.process.pid) if pid != self.process.pid]


def within(question: Callable[[], object], within_s: float) -> Any:
    """The first truthy answer, or None."""
    end_s = time.monotonic() + within_s
    while True:
        answer = question()
        if answer:
            return answer
        if time.monotonic() > end_s:
            return None
        time.sleep(LOOK_EVERY_S)


def group(leader: int) -> list[int]:
    """The living processes of a process group."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                state, _parent, pgid = (entry / "stat").read_text().rpartition(")")[2].split()[:3]
            except OSError:
                continue
            if int(pgid) == leader and state not in "ZX":
                found.append(int(entry.name))
    return sorted(found)


def command_line(pid: int) -> list[str]:
    """The words a process was started with."""
    return Path(f"/proc/{pid}/cmdline").read_text().rstrip("\0").split("\0")
