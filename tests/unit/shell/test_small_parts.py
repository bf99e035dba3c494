"""The service manager's socket, the real clock, the recorder, and the registers of simulated meters."""

import asyncio
import inspect
import itertools
import json
import socket
import time
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from controller import commands as c
from controller.app import App
from controller.events import GuardFound, MeterRead
from controller.sd_notify import ServiceManager
from controller.shell.recorder import KEPT, Recorder
from controller.shell.sim_registers import RegisterFile, SimRegisters
from controller.shell.system_clock import BUILT, SystemClock
from drivers.protocols import MeterReading
from drivers.sim_port import SimError
from tests.unit.shell.doubles import clock

# -- systemd -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("abstract", [False, True], ids=["path", "abstract"])
def test_the_service_manager_is_told_over_its_socket(tmp_path, monkeypatch, abstract):
    """READY=1 arrives as a datagram, at a path or in the abstract name space (F-WDG)."""
    name = f"evcp-test-{tmp_path.name}-{id(tmp_path)}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind("\0" + name if abstract else name)
        manager.settimeout(1)
        monkeypatch.setenv("NOTIFY_SOCKET", "@" + name if abstract else name)
        monkeypatch.setenv("WATCHDOG_USEC", "9000000")
        service = ServiceManager()
        service.tell("READY=1")
        assert manager.recv(64) == b"READY=1"
        assert service.watchdog_s == 9.0


@pytest.mark.parametrize("where", ["", "/nonexistent/notify"])
def test_without_a_service_manager_nothing_is_told_and_nothing_breaks(monkeypatch, where):
    """No socket, or one that is gone: `tell` is quiet (rule 8 of the faults)."""
    monkeypatch.setenv("NOTIFY_SOCKET", where)
    monkeypatch.setenv("WATCHDOG_USEC", "soon")
    service = ServiceManager()
    service.tell("READY=1")
    service.tell("WATCHDOG=1")
    assert service.watchdog_s == 0.0


def test_a_watchdog_that_watches_another_process_is_none_of_ours(monkeypatch):
    """`evcp run` under systemd hands its environment to its guard, which is not the process that is watched."""
    monkeypatch.setenv("WATCHDOG_USEC", "2000000")
    monkeypatch.setenv("WATCHDOG_PID", "1")
    assert ServiceManager().watchdog_s == 0.0


def test_a_manager_that_does_not_read_keeps_nobody_waiting(tmp_path, monkeypatch):
    """The guard tells it from its real-time cycle: a full queue loses a word, never a cycle."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(tmp_path / "notify"))
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        service = ServiceManager()
        for _ in range(5000):
            service.tell("WATCHDOG=1")
        manager.settimeout(1)
        assert manager.recv(64) == b"WATCHDOG=1"


# -- clock ---------------------------------------------------------------------------------------------------------------


def test_the_system_clock_is_monotonic_and_in_whole_milliseconds():
    """Durations never go back; UTC is aware and carries no more digits than a message does (TIME-1)."""
    system = SystemClock()
    instants = [system.now() for _ in range(1000)]
    assert all(earlier.monotonic_s <= later.monotonic_s for earlier, later in itertools.pairwise(instants))
    assert {instant.utc.microsecond % 1000 for instant in instants} == {0}
    assert instants[0].utc.tzinfo is UTC
    assert system.boot_id


def test_the_told_time_is_kept_as_a_difference():
    """The central system's time is taken over without touching the machine's clock (TIME-2)."""
    system = SystemClock()
    told = datetime(2031, 5, 17, 8, 0, tzinfo=UTC)
    system.set_utc(told)
    assert abs(system.now().utc - told) < timedelta(seconds=5)
    assert system.now().trusted


def test_a_clock_before_the_program_was_built_is_not_trusted(monkeypatch):
    """A Raspberry Pi that boots in 1970 does not know the date, until it is told (F-1970)."""
    class Unset(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:  # type: ignore[override]  # only ever asked for UTC
            return datetime(1970, 1, 1, 0, 5, tzinfo=tz)

    monkeypatch.setattr("controller.shell.system_clock.datetime", Unset)
    system = SystemClock()
    assert not system.now().trusted
    system.set_utc(BUILT + timedelta(days=100))
    assert system.now().trusted
    assert timedelta() <= system.now().utc - BUILT - timedelta(days=100) < timedelta(seconds=5)


@pytest.fixture
def machine(tmp_path, monkeypatch):
    """What the machine has that could vouch for its time: at first nothing."""
    (tmp_path / "rtc0").mkdir()
    monkeypatch.setattr("controller.shell.system_clock._TAKEN_FROM_NETWORK", tmp_path / "synchronized")
    monkeypatch.setattr("controller.shell.system_clock._BATTERY_CLOCKS", tmp_path)
    return tmp_path


def test_a_time_that_nobody_vouches_for_may_be_the_one_saved_last(machine):
    """A Raspberry Pi starts with the time that it saved before the power went: it looks right and is not (F-1970)."""
    assert not SystemClock().now().trusted


def test_the_time_of_the_network_is_believed_as_soon_as_it_comes(machine, monkeypatch):
    """systemd-timesyncd says when it has set the clock in this boot (F-1970)."""
    monkeypatch.setattr("controller.shell.system_clock.LOOKS_EVERY_S", 0.0)
    system = SystemClock()
    assert not system.now().trusted
    (machine / "synchronized").touch()
    assert system.now().trusted


@pytest.mark.parametrize(("shows", "believed"), [
    (lambda: str(int(time.time()) - 20), True), (lambda: str(int(time.time()) - 3600), False), (lambda: "120", False),
    (lambda: "nonsense", False),
], ids=["agrees", "an hour behind", "without its battery", "unreadable"])
def test_a_battery_clock_vouches_for_the_time_that_came_from_it(machine, shows, believed):
    """A clock whose battery is missing starts in 1970 itself, and vouches for nothing (F-1970)."""
    (machine / "rtc0" / "since_epoch").write_text(shows())
    assert SystemClock().now().trusted is believed


def test_a_told_time_is_not_moved_by_whoever_sets_the_system_clock(monkeypatch):
    """Once the central system told the time, a step of the system's own clock changes nothing (F-STEP, TIME-2)."""
    class Stepped(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> datetime:  # type: ignore[override]  # only ever asked for UTC
            return datetime(2036, 1, 1, tzinfo=tz)

    system = SystemClock()
    told = datetime(2026, 5, 17, 8, 0, tzinfo=UTC)
    system.set_utc(told)
    monkeypatch.setattr("controller.shell.system_clock.datetime", Stepped)
    assert timedelta() <= system.now().utc - told < timedelta(seconds=5)


# -- recorder ------------------------------------------------------------------------------------------------------------


async def test_the_recorder_keeps_the_last_events_and_no_readings():
    """A ring of bounded length; what comes every second is left out of it, not from the observers."""
    recorder, seen, now = Recorder(), [], clock().now()
    recorder.observers.append(lambda what, _at: seen.append(what))
    for _ in range(KEPT + 10):
        recorder.note(GuardFound(), now)
    recorder.note(MeterRead(1, MeterReading(0.0, 0.0, 0.0, (0.0,) * 3, (230.0,) * 3)), now)
    recorder.note(c.WithdrawOffer(1), now)
    assert len(recorder.kept) == KEPT
    assert [what for _, what in list(recorder.kept)[-2:]] == [GuardFound(), c.WithdrawOffer(1)]
    assert len(seen) == KEPT + 12


async def test_secrets_do_not_reach_the_log(caplog):
    """A redial carries the AuthorizationKey: it is kept out of the debug log (SEC-11)."""
    with caplog.at_level("DEBUG"):
        Recorder().note(c.Redial("5ec4e7" * 6, 1), clock().now())
    assert "5ec4e7" not in caplog.text


# -- registers of simulated meters ---------------------------------------------------------------------------------------


class Port:
    """The way to a world that takes registers, once it is there."""

    def __init__(self, refuses: int = 0) -> None:
        self.taken: dict[int, float] = {}
        self._refuses = refuses

    def greet(self, seeds: Any) -> None:
        """Whoever comes later would be greeted with these."""

    async def call(self, verb: str, body: Any) -> dict[str, object]:
        """Seed one register."""
        assert verb == "seed"
        if self._refuses > 0:
            self._refuses -= 1
            raise SimError(409, "not there yet")
        self.taken[body["connector"]] = body["energy_wh"]
        return {}


class Readings:
    """What the meters show."""

    def __init__(self) -> None:
        self.energy_wh = {1: 100.0}

    def readings(self) -> dict[int, MeterReading]:
        """The newest of each."""
        return {number: MeterReading(0.0, wh, 0.0, (0.0,) * 3, (230.0,) * 3) for number, wh in self.energy_wh.items()}


def registers(folder: Any, port: Any, meters: Any) -> SimRegisters:
    """Over a real file."""
    return SimRegisters(RegisterFile(str(folder)), port, meters, [1, 2])


async def test_registers_outlive_the_process(tmp_path):
    """Written within a second of a change, handed to the next world, 0 for a meter that was never read (MTR-9)."""
    meters = Readings()
    run = asyncio.ensure_future(registers(tmp_path, Port(), meters).run())
    meters.energy_wh[1] = 4321.5
    await asyncio.sleep(1)
    run.cancel()
    assert json.loads((tmp_path / "sim-meters.json").read_text()) == {"1": 4321.5}
    port = Port(refuses=3)
    await registers(tmp_path, port, meters).seed()
    assert port.taken == {1: 4321.5, 2: 0.0}


@pytest.mark.parametrize("content", ["", "{", '{"1": "x"}', "[]"])
async def test_a_damaged_file_is_no_obstacle(tmp_path, content):
    """Registers begin at 0 (rule 8 of the faults)."""
    (tmp_path / "sim-meters.json").write_text(content)
    port, meters = Port(), Readings()
    meters.energy_wh.clear()
    await registers(tmp_path, port, meters).seed()
    assert port.taken == {1: 0.0, 2: 0.0}


async def test_a_disk_that_refuses_is_tried_again(tmp_path):
    """The folder is missing: nothing breaks, and once it is there the register is written."""
    folder = tmp_path / "later"
    kept = registers(folder, Port(), Readings())
    kept.write()
    folder.mkdir()
    kept.write()
    assert json.loads((folder / "sim-meters.json").read_text()) == {"1": 100.0}


def test_the_ids_of_our_messages_are_never_those_of_another_start():
    """Nothing counts from 1 again after a restart: each id is random as a whole, and short enough for the wire (RPC-3)."""
    new_id = inspect.signature(App).parameters["new_id"].default
    ids = [new_id() for _ in range(100)]
    assert len(set(ids)) == 100
    assert all(uuid.UUID(text).version == 4 and len(text) == 36 for text in ids)
