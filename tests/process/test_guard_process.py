"""The guard as a process of its own: `evcp guard --config`, a socket for its controller, a simulated world behind it.

The controller is this test: it dials, offers and dies as it likes. The world is asked through its own socket, because a dead
controller cannot tell what became of the contactor.
"""

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest

from controller.errors import LinkClosed
from controller.guard.link import SocketControllerEnd, connect
from controller.guard.messages import Offer, Report, SetLock
from tests.process.daemon import ROOT, Daemon, Site, configuration, within


class Lone:
    """A guard without a daemon, and a hand on its world."""

    def __init__(self, site: Site) -> None:
        self.site = site
        site.write(configuration())
        self.process: Daemon = site.start("guard", ready=False)
        self.controller = self.dial()
        self._world = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._world.settimeout(5.0)
        assert within(lambda: self._world.connect_ex(f"{site.folder}/guard.sock.world") == 0, 10.0), self.process.log
        self._answers = self._world.makefile()

    def dial(self) -> SocketControllerEnd:
        """A controller's end, as soon as the guard listens."""
        def answers() -> SocketControllerEnd | None:
            try:
                return connect(f"{self.site.folder}/guard.sock")
            except LinkClosed:
                return None

        end: SocketControllerEnd | None = within(answers, 10.0)
        assert end is not None, self.process.log
        return end

    def world(self, verb: str, **body: object) -> dict[str, Any]:
        """A verb of the simulated world."""
        self._world.sendall(json.dumps([verb, body]).encode() + b"\n")
        return dict(json.loads(self._answers.readline())["answer"])

    def outlet(self) -> dict[str, Any]:
        """The connector as it really is."""
        return dict(self.world("snapshot")["connectors"][0])

    def offer(self, valid_for_s: float) -> None:
        """One offer."""
        self.controller.send(Offer(1, 16.0, valid_for_s))

    def until(self, within_s: float, **facts: object) -> float:
        """Until the outlet shows all facts; the seconds that took."""
        began_s = time.monotonic()
        met = within(lambda: all(self.outlet()[name] == value for name, value in facts.items()), within_s)
        assert met, (facts, self.outlet(), self.process.log)
        return time.monotonic() - began_s

    def charge(self, valid_for_s: float = 10.0) -> None:
        """A car that ignores the pilot is charging."""
        self.world("ev_state", connector=1, state="C")
        self.controller.send(SetLock(1, locked=True))
        self.offer(valid_for_s)
        self.until(3.0, contactor=True)

    def close(self) -> None:
        self._answers.close()
        self._world.close()
        self.controller.close()


@pytest.fixture
def lone(site: Site) -> Iterator[Lone]:
    """A guard that runs alone."""
    guard = Lone(site)
    yield guard
    guard.close()


def test_contactor_opens_when_the_controller_dies(lone):
    """F-KILL, rule 2: pilot steady when the last offer's validity ends, contactor open at most 6 s after that."""
    lone.charge(valid_for_s=10.0)
    lone.offer(1.0)
    offered_s = time.monotonic()
    lone.controller.close()
    while time.monotonic() - offered_s < 0.8:
        assert lone.outlet()["pwm_duty"] < 1.0
        time.sleep(0.05)
    lone.until(1.0, pwm_duty=1.0)
    steady_s = time.monotonic()
    assert 0.95 <= steady_s - offered_s <= 1.6, "a busy machine may look late"
    while time.monotonic() - steady_s < 5.5:
        assert lone.outlet()["contactor"], "the car has its time to obey"
        time.sleep(0.1)
    lone.until(0.9, contactor=False)


def test_a_controller_that_is_back_in_time_goes_on_with_the_session(lone):
    """F-KILL: a controller back sooner goes on; the contactor does not even move."""
    lone.charge(valid_for_s=1.5)
    lone.controller.close()
    time.sleep(0.5)
    lone.controller = lone.dial()
    lone.offer(10.0)
    time.sleep(1.5)
    assert (lone.outlet()["contactor"], round(lone.outlet()["pwm_duty"], 3)) == (True, 0.267)
    reports = lone.controller.receive()
    assert {report.closures for report in reports} == {1}
    assert all(isinstance(report, Report) for report in reports)


def test_sigterm_is_a_controlled_stop(lone):
    """F-STOP: pilot steady, contactor open as soon as the car obeys, exit 0; a controller that goes on offering or not."""
    lone.charge()
    lone.process.process.send_signal(signal.SIGTERM)
    lone.until(0.5, pwm_duty=1.0)
    for _ in range(5):
        lone.offer(10.0)
        time.sleep(0.05)
        assert (lone.outlet()["contactor"], lone.outlet()["pwm_duty"]) == (True, 1.0)
    lone.world("ev_state", connector=1, state="B")
    assert lone.process.wait(2.0) == 0


def test_an_idle_guard_ends_at_once(lone):
    """F-STOP: where nothing is energised there is nothing to wait for."""
    began_s = time.monotonic()
    assert lone.process.end() == 0
    assert time.monotonic() - began_s < 1.0


LOOK_INSIDE = """
import gc, json, sys
from controller.cli.guard import add_arguments, run
import argparse
from controller.guard import process

def look(self):
    print(json.dumps({"modules": sorted(sys.modules), "collector": gc.isenabled(), "frozen": gc.get_freeze_count()}))

process.Process.run = look
parser = argparse.ArgumentParser()
add_arguments(parser)
sys.exit(run(parser.parse_args(["--config", sys.argv[1]])))
"""


def test_the_guards_process_is_small_and_does_not_pause(site):
    """Rule 2: no network, no database, no OCPP in it; the collector is off and what was loaded is frozen."""
    site.write(configuration())
    answer = subprocess.run([sys.executable, "-c", LOOK_INSIDE, str(site.file)], cwd=ROOT, check=True, capture_output=True,
                            text=True, timeout=20)
    inside = json.loads(answer.stdout)
    loaded = set(inside["modules"])
    assert "controller.guard.cycle" in loaded
    foreign = {name for name in loaded if name.startswith((
        "asyncio", "sqlite3", "_sqlite3", "ssl", "_ssl", "websockets", "starlette", "uvicorn", "http", "urllib.request", "cryptography",
        "controller.station", "controller.ocpp", "controller.store", "controller.shell", "controller.csms", "controller.app"))}
    assert not foreign
    assert inside["collector"] is False
    assert inside["frozen"] > 1000


def test_a_second_guard_on_the_same_socket_is_refused(lone):
    """The first keeps its file and its controller: a session does not end because somebody typed the command again."""
    lone.charge()
    second = lone.site.evcp("guard", "--config", str(lone.site.file))
    assert second.returncode == 1
    assert second.stderr.startswith("guard: another daemon uses the guard's socket"), second.stderr
    assert f"pid {lone.process.process.pid}, configuration {lone.site.file}" in second.stderr
    lone.offer(10.0)
    again = lone.dial()
    lone.until(1.0, contactor=True)
    again.close()


def test_a_socket_that_cannot_be_made_is_named(site):
    """One line that tells which file and why, no traceback."""
    (site.folder / "file").write_text("")
    site.write(configuration().replace('"guard.sock"', '"file/run/guard.sock"'))
    ended = site.evcp("guard", "--config", str(site.file))
    assert ended.returncode == 1
    assert ended.stderr == f"guard: the socket {site.folder}/file/run/guard.sock cannot be made: Not a directory\n"
