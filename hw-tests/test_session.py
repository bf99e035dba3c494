"""A charge from plug to unplug by the guard and every device of the board, with a pilot tester for a car."""

import threading
import time

import pytest
from board import allowed

from controller.faults import FaultKind
from controller.guard.build import INPUTS
from controller.guard.cycle import Channel, Devices, Limits
from controller.guard.guard import TICK_S, Guard
from controller.guard.link import memory_link
from controller.guard.messages import Offer, Pilot, SetLock
from drivers import registry
from drivers.protocols import LockState

OFFER_A = 6.0
"""The least there is: what a temperature sensor that has not spoken yet leaves."""
OPENINGS = 4
"""More than five in a minute would be taken for a car that flaps."""
SEEN_TO_OPEN_S = 0.070
"""From the first burst that shows the change to the open contact: 100 ms less that burst and the one that the edge cuts."""
B_ABOVE_V = 7.5


class Watched:
    """The pilot, and when it first showed that the car had let go."""

    def __init__(self, pilot):
        self._pilot = pilot
        self.seen_s = None
        self.set_x1, self.set_pwm, self.set_f, self.close = pilot.set_x1, pilot.set_pwm, pilot.set_f, pilot.close

    def read(self):
        """As the pilot, with an eye on it."""
        sample = self._pilot.read()
        if self.seen_s is None and sample.high_v is not None and sample.high_v > B_ABOVE_V:
            self.seen_s = sample.at_s
        return sample


class Station:
    """The guard of one connector in a thread, and what the controller would say to it."""

    def __init__(self, board):
        row, configuration = board.row, board.configuration
        self.pilot = Watched(board.make("pilot"))
        self.contactor = board.make("contactor")
        wired = row.devices()
        lock = board.make("lock") if row.lock["driver"] != "none" else registry.create("lock", {"driver": "none"}, None)
        inputs = {kind: board.make(slot) for slot, kind in INPUTS.items() if slot in wired}
        monitor = inputs.get(FaultKind.RCD)
        devices = Devices(self.pilot, self.contactor, lock, inputs, residual=monitor if getattr(monitor, "testable", False) else None,
                          temperature=board.make("temperature") if "temperature" in wired else None,
                          proximity=board.make("proximity") if "proximity" in wired else None)
        limits = Limits(row.id, configuration.ceiling_a(row.id), row.max_current_a, configuration.site.nominal_voltage_v)
        self.end, guards_end = memory_link()
        self.guard = Guard([Channel(devices, limits)], guards_end)
        self.report = None
        self.number = row.id
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="guard")
        self._thread.start()

    def _run(self):
        next_s = time.monotonic()
        try:
            while not (self._ending.is_set() and not self.guard.energised):
                if self._ending.is_set():
                    self.guard.withdraw()
                self.guard.step(time.monotonic(), expected_s=next_s)
                for report in self.end.receive():
                    self.report = report
                next_s = max(next_s + TICK_S, time.monotonic())
                time.sleep(max(0.0, next_s - time.monotonic()))
        finally:
            self.guard.close()

    def offer(self, amperes):
        """For a minute."""
        self.end.send(Offer(self.number, amperes, 60.0))

    def until(self, what, fact, within_s):
        """Wait for a fact of the guard's report."""
        end_s = time.monotonic() + within_s
        while self.report is None or not fact(self.report):
            assert self._thread.is_alive(), "the guard's thread has ended"
            assert time.monotonic() < end_s, f"no {what} within {within_s} s: {self.report}"
            time.sleep(0.001)

    def close(self):
        """A controlled stop, and every line released."""
        self._ending.set()
        self._thread.join(10.0)


@pytest.fixture
def station(board):
    """Permitted, and with an empty socket at the beginning."""
    allowed("EVCP_HW_ENERGISE", "this closes the contactor; disconnect the mains or use a tester with a known load")
    allowed("EVCP_HW_MOVE_BOLT", "this moves the bolt of the socket")
    board.car("C")  # proves that there is a tester before anything is switched
    board.car("A")
    station = Station(board)
    yield station
    station.close()


def test_a_car_charges_from_plug_to_unplug(station, board, measured, told_as_spread):
    """Plug, bolt, PWM, request, contact; letting go and asking again; unplugged, everything is free (iec61851 11, CHG-*)."""
    station.until("state A", lambda report: report.pilot is Pilot.A and not report.faults, 5.0)
    board.car("B")
    station.until("state B", lambda report: report.pilot is Pilot.B, 2.0)
    station.end.send(SetLock(station.number, locked=True))
    station.until("the bolt in", lambda report: report.lock in (LockState.LOCKED, LockState.NONE), 4.0)
    station.offer(OFFER_A)
    station.until("PWM", lambda report: report.duty == pytest.approx(OFFER_A / 60, abs=1e-6), 1.0)
    assert not station.report.contactor_closed
    took = []
    for _ in range(OPENINGS):
        board.car("C")
        station.until("closed contact", lambda report: report.contactor_closed, 5.0)
        time.sleep(0.5)
        station.pilot.seen_s = None
        board.car("B")
        station.until("open contact", lambda report: not report.contactor_closed, 2.0)
        took.append(time.monotonic() - station.pilot.seen_s)
    told_as_spread("pilot seen to open contact", took)
    measured("late ticks of the guard", str(station.report.late_ticks))
    board.car("A")
    station.end.send(SetLock(station.number, locked=False))
    station.until("everything free", lambda report: report.pilot is Pilot.A and report.lock in (LockState.UNLOCKED, LockState.NONE), 4.0)
    assert max(took) <= SEEN_TO_OPEN_S


def test_without_an_offer_nothing_closes(station, board):
    """The car asks for all it likes (rule 1 of faults-and-threats)."""
    board.car("B")
    station.end.send(SetLock(station.number, locked=True))
    board.car("C")
    time.sleep(2.0)
    assert not station.report.coil
    assert not station.report.contactor_closed
    station.end.send(SetLock(station.number, locked=False))
