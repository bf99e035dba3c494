"""The guard's process in pieces: its grid of 10 ms, its end, and what it asks of the kernel."""

import ctypes
import os
import signal
from types import SimpleNamespace
from typing import Any

import pytest

from controller.guard import process
from controller.guard.process import LONGEST_TEXT, Log, Process, become_real_time


class Clock:
    """Time that moves when somebody sleeps or works."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def monotonic(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        assert seconds >= 0
        self.now_s += seconds


class Guard:
    """Writes down its cycles; each takes as long as `works` says."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.energised = True
        self.orphaned = False
        self.withdrawn = 0
        self.closed = False
        self.late_s: list[float] = []
        self.works: dict[int, float] = {}
        self.ends_at = 10

    def step(self, now_s: float, *, expected_s: float) -> None:
        self.late_s.append(round(now_s - expected_s, 6))
        self.clock.now_s += self.works.get(len(self.late_s), 0.001)
        if len(self.late_s) == self.ends_at:
            self.energised = False

    def withdraw(self) -> None:
        self.withdrawn += 1

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def clock(monkeypatch) -> Clock:
    made = Clock()
    monkeypatch.setattr(process, "time", made)
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    return made


def runner(guard: Guard, world: Any = None, parent: int | None = None, log: Log | None = None) -> Process:
    return Process(guard, world, parent, log or Log(2))  # type: ignore[arg-type]  # it quacks


def test_cycles_come_every_ten_milliseconds(clock):
    """Timing 5: a grid, so that the work of a cycle does not add to the next."""
    guard = Guard(clock)
    run = runner(guard)
    run.end(signal.SIGTERM, None)
    run.run()
    assert len(guard.late_s) == 11
    assert set(guard.late_s) == {0.0}
    assert clock.now_s == pytest.approx(100.0 + 10 * 0.010 + 0.001)


def test_a_cycle_that_takes_too_long_makes_the_next_one_late_and_only_that(clock):
    """Timing 5: a device that stalls the guard for 100 ms is lateness like any other; points missed are not made up for."""
    guard = Guard(clock)
    guard.works = {3: 0.1}
    run = runner(guard)
    run.end(signal.SIGTERM, None)
    run.run()
    assert guard.late_s == [0.0, 0.0, 0.0, 0.09, *[0.0] * 7]


def test_a_small_delay_keeps_the_grid(clock):
    """Timing 5: a cycle that began a little late does not move those after it."""
    guard = Guard(clock)
    guard.works = {3: 0.015}
    run = runner(guard)
    run.end(signal.SIGTERM, None)
    run.run()
    assert guard.late_s[3:6] == [0.005, 0.0, 0.0]


def test_the_end_waits_until_the_contactors_are_open(clock):
    """F-STOP: withdrawn in every cycle, one more cycle after the last coil, and everything released."""
    guard = Guard(clock)
    run = runner(guard)
    run.end(signal.SIGTERM, None)
    run.run()
    assert (guard.withdrawn, guard.closed) == (11, True)


def test_without_a_reason_to_end_nothing_is_withdrawn(clock, monkeypatch):
    """F-STOP: and an error of the cycle itself still releases everything."""
    guard = Guard(clock)
    guard.ends_at = 0

    def step(_now_s: float, *, expected_s: float) -> None:
        guard.late_s.append(expected_s)
        if len(guard.late_s) == 20:
            raise KeyboardInterrupt

    monkeypatch.setattr(guard, "step", step)
    with pytest.raises(KeyboardInterrupt):
        runner(guard, parent=os.getppid()).run()
    assert (guard.withdrawn, guard.closed) == (0, True)


@pytest.mark.parametrize("why", ["link closed", "parent gone"])
def test_a_guard_whose_parent_is_gone_ends(clock, why):
    """Contract 1: a guard whose parent is gone makes its controlled stop and exits."""
    guard = Guard(clock)
    guard.orphaned = why == "link closed"
    runner(guard, parent=os.getppid() if why == "link closed" else -1).run()
    assert (guard.withdrawn, guard.closed) == (11, True)


def test_the_simulated_world_is_polled_in_every_cycle(clock):
    """Contract 3: /sim/v1 is complete under --split, where the world lives with the guard."""
    polls: list[float] = []
    guard = Guard(clock)
    run = runner(guard, SimpleNamespace(poll=lambda: polls.append(clock.now_s)))
    run.end(signal.SIGTERM, None)
    run.run()
    assert len(polls) == 11


class Listener:
    """A service manager that writes down what it hears, and when."""

    def __init__(self, clock: Clock, watchdog_s: float) -> None:
        self.clock, self.watchdog_s = clock, watchdog_s
        self.heard: list[tuple[str, float]] = []

    def tell(self, state: str) -> None:
        self.heard.append((state, round(self.clock.now_s - 100.0, 3)))


def watched(clock, monkeypatch, *, watchdog_s=2.0, cycles=120):
    """A guard process of so many cycles under this manager."""
    manager = Listener(clock, watchdog_s)
    monkeypatch.setattr(process, "ServiceManager", lambda: manager)
    guard = Guard(clock)
    guard.ends_at = cycles
    it = runner(guard)
    it.end(signal.SIGTERM, None)
    return guard, it, manager


def test_the_first_completed_cycle_makes_the_guard_ready_and_later_ones_kick_the_watchdog(clock, monkeypatch):
    """Four signs of life within the watchdog's time, from the cycle itself (F-SAFEKILL, hardware-drivers 3.4)."""
    _, it, manager = watched(clock, monkeypatch)
    it.run()
    assert manager.heard[0][0] == "READY=1"
    assert [state for state, _ in manager.heard[1:]] == ["WATCHDOG=1"] * 3
    assert [at_s for _, at_s in manager.heard[1:]] == pytest.approx([0.001, 0.501, 1.001], abs=0.011)


def test_a_cycle_that_never_completes_gives_no_sign_of_life(clock, monkeypatch):
    """What kicks is the completed cycle, not a timer beside it."""
    guard, it, manager = watched(clock, monkeypatch)

    def hang(now_s: float, *, expected_s: float) -> None:
        raise KeyboardInterrupt

    guard.step = hang
    with pytest.raises(KeyboardInterrupt):
        it.run()
    assert manager.heard == []


def test_without_a_watchdog_nothing_is_kicked(clock, monkeypatch):
    """Only the readiness is told."""
    _, it, manager = watched(clock, monkeypatch, watchdog_s=0.0)
    it.run()
    assert [state for state, _ in manager.heard] == ["READY=1"]


def test_what_the_kernel_does_not_permit_is_said(monkeypatch):
    """Rule 2: the guard runs all the same, and says what is missing and how to permit it."""
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "sched_setscheduler", refuse)
    monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: SimpleNamespace(mlockall=lambda flags: -1))
    monkeypatch.setattr(ctypes, "get_errno", lambda: 12)
    priority, memory = become_real_time()
    assert priority == ("no real-time priority (Operation not permitted): give the unit LimitRTPRIO=50 or CAP_SYS_NICE")
    assert memory == ("memory is not locked (Cannot allocate memory): give the unit LimitMEMLOCK=infinity or CAP_IPC_LOCK")


def test_what_the_kernel_permits_is_asked_for(monkeypatch):
    """Rule 2: FIFO priority 50 and all memory locked, now and later."""
    asked: list[object] = []

    def lock(flags: int) -> int:
        asked.append(flags)
        return 0

    monkeypatch.setattr(os, "sched_setscheduler", lambda *order: asked.append(order))
    monkeypatch.setattr(ctypes, "CDLL", lambda *_, **__: SimpleNamespace(mlockall=lock))
    assert become_real_time() == []
    assert asked == [(0, os.SCHED_FIFO, os.sched_param(50)), 3]


@pytest.fixture
def pipe():
    """A log: the end to read and the end to write."""
    ends = os.pipe()
    os.set_blocking(ends[0], False)
    yield ends
    for end in ends:
        os.close(end)


def full(descriptor: int) -> None:
    """Write until it takes no more."""
    os.set_blocking(descriptor, False)
    try:
        while True:
            os.write(descriptor, b"x" * 4096)
    except BlockingIOError:
        os.set_blocking(descriptor, True)


def test_a_complaint_is_written_after_its_cycle_a_line_for_each(clock, pipe):
    """The cycle comes first, and one line a cycle takes no time that a cycle needs."""
    guard = Guard(clock)
    guard.ends_at = 2
    log = Log(pipe[1])
    log.tell("connector 1: the contactor is held by another program")
    log.tell("connector 1: no converter")
    run = runner(guard, log=log)
    run._cycle(100.0)
    assert os.read(pipe[0], 4096) == b"guard: connector 1: the contactor is held by another program\n"
    run._cycle(100.01)
    assert os.read(pipe[0], 4096) == b"guard: connector 1: no converter\n"
    run._cycle(100.02)
    with pytest.raises(BlockingIOError):
        os.read(pipe[0], 4096)


def test_a_log_that_is_stuck_costs_the_guard_no_time_and_gets_its_lines_later(pipe):
    """A journal that stalls with its disk must not keep a cycle; the last lines wait for it, as many as are few."""
    log = Log(pipe[1])
    full(pipe[1])
    for number in range(100):
        log.tell(f"line {number} {'x' * 1000}")
        log.flush()
    assert set(os.read(pipe[0], 1 << 20)) == {ord("x")}, "nothing was squeezed in"
    log.flush()
    line = os.read(pipe[0], 65536)
    assert line.startswith(b"guard: line 68 x"), "the last 32 are kept"
    assert len(line) == len(b"guard: \n") + LONGEST_TEXT


def test_a_log_that_nobody_reads_any_more_is_no_error():
    """Whoever read our lines has ended; the guard has not."""
    reading, writing = os.pipe()
    os.close(reading)
    log = Log(writing)
    log.tell("connector 1: no converter")
    log.flush()
    os.close(writing)
