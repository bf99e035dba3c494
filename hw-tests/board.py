"""The board under test: its devices by its own configuration, and the hands and permissions that a test needs."""

import contextlib
import os
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from typing import Any, Protocol

import pytest

from controller.config import Configuration, load
from drivers import registry
from drivers.protocols import LockState

FAULTS = {
    "rcd": ("press the test button of the residual-current device", "reset the residual-current device"),
    "ground": ("take off the wire that senses protective earth", "put the wire that senses protective earth back"),
    "estop": ("press the emergency stop", "release the emergency stop"),
    "diode": ("bridge the diode of the pilot tester", "take the bridge over the diode away"),
    "temperature": ("warm the sensor above 80 C", "let the sensor cool below 60 C"),
}
"""What a person is asked to do, and to undo."""
ASK_WITHIN_S = 60.0


def wanted(name: str, what: str) -> str:
    """A variable of the environment; without it the test skips, and says so."""
    value = os.environ.get(name, "")
    if not value:
        pytest.skip(f"{name} is not set: {what}")
    return value


def allowed(name: str, what: str) -> None:
    """A permission, given by the word yes and by nothing else."""
    if os.environ.get(name) != "yes":
        pytest.skip(f"{name}=yes is not given: {what}")


class Hand(Protocol):
    """Who sets the pilot tester, and breaks and mends things."""

    def car(self, state: str) -> None:
        """The tester shows this state, A to F, when this returns."""

    def fault(self, kind: str, *, active: bool) -> None:
        """The fault is there, or gone, when this returns."""


class Person:
    """Is asked at the terminal."""

    def car(self, state: str) -> None:
        """Set the tester."""
        self._ask(f"set the pilot tester to state {state}")

    def fault(self, kind: str, *, active: bool) -> None:
        """Break or mend."""
        if kind not in FAULTS:
            pytest.skip(f"nobody can break and mend this on a real board: {kind}")
        self._ask(FAULTS[kind][0 if active else 1])

    @staticmethod
    def _ask(what: str) -> None:
        with open("/dev/tty", "r+", encoding="utf-8", buffering=1) as terminal:  # pytest keeps stdin and stdout to itself
            terminal.write(f"\n>> {what}, then press Enter: ")
            terminal.readline()


class Program:
    """A tester that can be told: it is called with `car STATE` or `fault KIND on|off`, and ends when that is done."""

    def __init__(self, path: str) -> None:
        self._path = path

    def car(self, state: str) -> None:
        """Set the tester."""
        subprocess.run([self._path, "car", state], check=True, timeout=ASK_WITHIN_S)

    def fault(self, kind: str, *, active: bool) -> None:
        """Break or mend; it ends with 3 for what it cannot do."""
        ended = subprocess.run([self._path, "fault", kind, "on" if active else "off"], check=False, timeout=ASK_WITHIN_S)
        if ended.returncode == 3:
            pytest.skip(f"the tester cannot do this: {kind}")
        assert ended.returncode == 0


def make_hand() -> Hand:
    """By EVCP_HW_PILOT_TESTER."""
    value = wanted("EVCP_HW_PILOT_TESTER", "1 for a person who sets the tester when asked, else the program that sets it")
    return Person() if value == "1" else Program(value)


class Board:
    """One connector of the configured charge point."""

    def __init__(self, path: str) -> None:
        self.configuration: Configuration = load(path)
        self.path = os.path.abspath(path)
        self.number = int(os.environ.get("EVCP_HW_CONNECTOR", "1"))
        self.row = next(row for row in self.configuration.connector if row.id == self.number)
        self._hand: Hand | None = None
        self._changed: set[str] = set()

    def options(self, slot: str) -> dict[str, Any]:
        """The table of a device; the test skips where there is none, or a simulated one."""
        table = self.row.devices().get(slot)
        if table is None or table["driver"] == "none":
            pytest.skip(f"connector {self.number} has no {slot} in the file of EVCP_HW_CONFIG")
        if table["driver"] == "sim":
            pytest.skip(f"{slot} of connector {self.number} is simulated in the file of EVCP_HW_CONFIG")
        return dict(table)

    def make(self, slot: str) -> Any:
        """A driver of a slot; whoever makes it closes it."""
        row = self.row
        context = registry.Context(row.id, row.max_current_a, row.phases, self.configuration.site.nominal_voltage_v, row.cable)
        return registry.create(slot, self.options(slot), context)

    @contextlib.contextmanager
    def device(self, slot: str) -> Iterator[Any]:
        """A driver of a slot, closed in the end whatever happened: a coil goes off, a pilot to +12 V."""
        driver = self.make(slot)
        try:
            yield driver
        finally:
            driver.close()

    # -- what the contracts of tests/contracts call the bench ----------------------------------------------------------

    @property
    def hand(self) -> Hand:
        """Made when it is first needed, so that what needs none runs without."""
        if self._hand is None:
            self._hand = make_hand()
        return self._hand

    @hand.setter
    def hand(self, hand: Hand) -> None:
        self._hand = hand

    def pass_time(self, seconds: float) -> None:
        """Real time."""
        time.sleep(seconds)

    def now_s(self) -> float:
        """The clock of real drivers."""
        return time.monotonic()

    def car(self, state: str) -> None:
        """The socket is empty at the beginning: only another state needs a tester."""
        if state == "A" and "car" not in self._changed:
            return
        self.hand.car(state)
        self._changed.add("car")

    def fault(self, kind: str, *, active: bool) -> None:
        """What was not broken need not be mended."""
        if active or kind in self._changed:
            if kind in ("contactor", "contactor_welded", "lock", "lock_stuck", "phase_switch"):
                pytest.skip(f"nobody breaks this on a real board: {kind}")
            self.hand.fault(kind, active=active)
            self._changed.add(kind)

    def at_rest(self) -> None:
        """Undo what the test has left."""
        for what in sorted(self._changed):
            if what == "car":
                self.hand.car("A")
            else:
                self.hand.fault(what, active=False)
        self._changed.clear()

    def closed(self) -> bool:
        """The contact, by a driver of our own."""
        with self.device("contactor") as contactor:
            return bool(contactor.feedback())

    def phases(self) -> int:
        """One or three, by a driver of our own."""
        with self.device("phase_switch") as switch:
            return int(switch.phases())

    def bolt(self) -> LockState:
        """The bolt, by a driver of our own."""
        with self.device("lock") as lock:
            state: LockState = lock.state()
            return state

    def duty(self) -> float:
        """What the kernel's PWM does, by its own files."""
        from drivers.pilot import sysfs_pwm

        options = self.options("pilot")
        if options["driver"] != "pwm":
            pytest.skip(f"the pilot of driver {options['driver']} shows its duty cycle to nobody else")
        root, channel = str(options.get("sysfs", sysfs_pwm.ROOT)), options.get("channel", 0)
        chips = [options["chip"]] if "chip" in options else sorted(sysfs_pwm.files.chips(root))
        folders = [f"{root}/pwmchip{chip}/pwm{channel}" for chip in chips]
        folder = next(folder for folder in folders if sysfs_pwm.files.exists(folder))
        share = int(sysfs_pwm.files.read(f"{folder}/duty_cycle")) / int(sysfs_pwm.files.read(f"{folder}/period"))
        return 1.0 - share if options.get("inverted") else share


@contextlib.contextmanager
def kept_alive(contactor: Any) -> Iterator[None]:
    """A relay stage that needs pulses gets them, as from a guard whose cycles are complete; they end with the test."""
    ending = threading.Event()

    def kick() -> None:
        while not ending.wait(0.01):
            contactor.kick()

    thread = threading.Thread(target=kick, name="keep-alive")
    thread.start()
    try:
        yield
    finally:
        ending.set()
        thread.join()


def made() -> Board:
    """The board of EVCP_HW_CONFIG, if no daemon holds it."""
    board = Board(wanted("EVCP_HW_CONFIG", "the configuration of the board, e.g. /etc/evcp/evcp.toml"))
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        for path in (board.configuration.control.socket, board.configuration.guard.socket):
            if probe.connect_ex(path) == 0:
                pytest.exit(f"a daemon serves {path}: stop evcp-controller and evcp-guard first", returncode=2)
    return board
