"""A pytest plugin that puts the wired bench under `hw-tests`: the tests of real hardware are tried where there is none.

Loaded with `-p tests.wire.imitation` into a process of its own; `EVCP_HW_CONFIG` then names the bench's configuration.
"""

import os
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import pytest

from drivers.sim.wired import COIL, WiredBench
from drivers.temperature import w1
from tests.contracts.guard_devices import LockContract

HEAD = """
[charge_point]
identity = "BENCH"
vendor = "Example"
model = "Bench"
[csms]
url = ""
[control]
socket = "control.sock"
[guard]
socket = "guard.sock"
"""
LOOPBACK_OUT, LOOPBACK_IN = 20, 21
LONGEST_WAIT_S = 0.5
HERE = (
    ("test_power_path", "CYCLES", 2), ("test_power_path", "REST_S", 0.1), ("test_power_path", "BOLT_S", 0.5),
    ("test_meter_and_reader", "LISTENS_S", 0.5), ("test_pilot", "BURSTS", 20), ("test_pilot", "LASTS_S", 0.5),
    ("test_session", "OPENINGS", 2),
    ("test_power_path", "CLOSES_WITHIN_S", 1.0), ("test_power_path", "OPENS_WITHIN_S", 1.0),
    ("test_session", "SEEN_TO_OPEN_S", 1.0), ("test_reaction", "LINE_TO_LINE_S", 1.0), ("test_pilot", "LONGEST_BURST_S", 1.0),
)
"""Shorter waits; and times that only a real board can keep, for this process plays it and shares its machine."""


class Hand:
    """Sets the simulated car and breaks what can be broken from outside."""

    def __init__(self, bench: WiredBench) -> None:
        self._bench = bench

    def car(self, state: str) -> None:
        """At once."""
        self._bench.world.call("ev_state", {"connector": 1, "state": state})

    def fault(self, kind: str, *, active: bool) -> None:
        """At once."""
        self._bench.world.call("fault", {"connector": 1, "kind": kind, "active": active})


class Imitation:
    """The bench, for as long as the run lasts."""

    def __init__(self, folder: Path) -> None:
        self.bench = WiredBench(time.monotonic, folder)
        self.hand = Hand(self.bench)
        file = folder / "evcp.toml"
        file.write_text(HEAD + self.bench.tables())
        os.environ.update(EVCP_HW_CONFIG=str(file), EVCP_HW_LOOPBACK_OUT=str(LOOPBACK_OUT), EVCP_HW_LOOPBACK_IN=str(LOOPBACK_IN))
        w1.EVERY_S = 0.1
        self.energised = False
        self._watch_coil()
        self._loop_back()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._warm, daemon=True)
        self._thread.start()

    def _watch_coil(self) -> None:
        coil = self.bench.pins.pin(COIL)
        drive = coil.watch

        def watch(level: bool | None) -> None:
            self.energised = self.energised or bool(level)
            drive(level)

        coil.watch = watch

    def _loop_back(self) -> None:
        level = [False]
        self.bench.board.output(LOOPBACK_OUT, lambda on: level.__setitem__(0, on))
        self.bench.board.contact(LOOPBACK_IN, lambda: not level[0])

    def _warm(self) -> None:
        while not self._ending.wait(0.05):
            self.bench.step()

    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """The tests' modules are there now: nobody is asked any more, and nothing here is as slow as the real one."""
        board = sys.modules["board"]
        board.make_hand = lambda: self.hand  # type: ignore[attr-defined]  # hw-tests is no package, so nothing is known of it
        board.Board.pass_time = lambda _self, seconds: self._ending.wait(min(seconds, LONGEST_WAIT_S))
        LockContract.TAKES_S = LONGEST_WAIT_S
        for module, constant, value in HERE:
            if module in sys.modules:
                setattr(sys.modules[module], constant, value)

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        """What no test may do unasked."""
        terminalreporter.write_line(f"the coil was {'' if self.energised else 'never '}energised")

    def pytest_unconfigure(self, config: Any) -> None:
        """Put away."""
        self._ending.set()
        self._thread.join()
        self.bench.close()


def pytest_configure(config: pytest.Config) -> None:
    """Before anything is collected."""
    config.pluginmanager.register(Imitation(Path(tempfile.mkdtemp(prefix="evcp-hw-"))), "evcp-imitation")
