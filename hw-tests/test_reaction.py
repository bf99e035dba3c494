"""How long this machine takes from a line to a line: an output looped back to an input, the guard's own cycle between them."""

import os
import random
import threading
import time

import pytest
from board import wanted

from controller.faults import FaultKind
from controller.guard.cycle import Channel, Devices, Limits
from controller.guard.guard import TICK_S
from controller.guard.messages import Offer
from controller.guard.process import become_real_time
from drivers import pins, registry
from drivers.inputs.gpio import GpioInput, Options
from drivers.lines import Output
from drivers.protocols import PilotSample

TRIALS = int(os.environ.get("EVCP_HW_TRIALS", "200"))
LINE_TO_LINE_S = 0.040
"""Fault input to coil line (faults-and-threats 5)."""
GIVE_UP_S = 1.0


@pytest.fixture
def urgent(measured):
    """The guard's own priority, as far as it is permitted here; ordinary again afterwards."""
    measured("priority", "; ".join(become_real_time()) or "FIFO, memory locked")
    yield
    os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


@pytest.fixture
def loop(board):
    """(output, input): two lines that the configuration uses for nothing, joined by a wire."""
    what = "GPIO numbers of two free lines that a wire joins"
    numbers = [int(wanted(name, what)) for name in ("EVCP_HW_LOOPBACK_OUT", "EVCP_HW_LOOPBACK_IN")]
    used = pins.of_configuration([(row.id, row.devices()) for row in board.configuration.connector],
                                 [row.device for row in board.configuration.reader])
    taken = [pin for pin in used if pin.gpio in numbers]
    assert not taken, f"the loop must not touch what is wired: {taken}"
    output, wire = Output(numbers[0]), GpioInput(Options(pin=numbers[1]))
    output.set(False)
    yield output, wire
    output.close()
    wire.close()


def test_a_line_follows_the_line_it_is_looped_to(loop, told_as_spread):
    """The floor of everything else: gpiozero, lgpio and the kernel, there and back."""
    output, wire = loop
    took = []
    for trial in range(TRIALS):
        began_s = time.monotonic()
        output.set(trial % 2 == 0)
        while wire.active() is not (trial % 2 == 0):
            assert time.monotonic() - began_s < GIVE_UP_S, "the lines are not joined"
        took.append(time.monotonic() - began_s)
    told_as_spread("line to line", took)


class Car:
    """A pilot that always shows a car that asks for power."""

    def __init__(self):
        self.now_s = 0.0
        self.low_v = None

    def set_x1(self):
        """No offer."""
        self.low_v = None

    def set_pwm(self, _duty):
        """An offer: the negative half shows the diode."""
        self.low_v = -12.0

    def set_f(self):
        """As without an offer."""
        self.low_v = None

    def read(self):
        """State C."""
        return PilotSample(self.now_s, 6.0, self.low_v)

    def close(self):
        """Nothing to release."""


class Coil:
    """A contactor that is no line; remembers when it was told to open."""

    def __init__(self):
        self.closed = False
        self.opened_s = None

    def set(self, closed):
        """Follows at once."""
        if self.closed and not closed:
            self.opened_s = time.monotonic()
        self.closed = closed

    def feedback(self):
        """The truth."""
        return self.closed

    def close(self):
        """Nothing to release."""


def _closed_channel(wire, car, coil):
    """A connector that charges; what led to it is played in no time, in a past of its own."""
    lock = registry.create("lock", {"driver": "none"}, registry.Context(1, 32.0, 3, 230.0))
    channel = Channel(Devices(car, coil, lock, {FaultKind.ESTOP: wire}), Limits(1, 32.0, 32.0, 230.0))
    now_s = time.monotonic()
    channel.hear(Offer(1, 16.0, 3600.0), now_s - 3.0)
    for tick in range(300, 0, -1):
        car.now_s = now_s - tick * TICK_S
        channel.step(car.now_s, too_late=False)
    assert coil.closed, "the guard did not close: is the loop's input at rest?"
    return channel


@pytest.mark.usefixtures("urgent")
def test_a_fault_input_opens_within_its_budget(loop, told_as_spread):
    """The guard's cycle of 10 ms, at every phase of it, with the priority that the guard has (faults-and-threats 5)."""
    output, wire = loop
    took = []
    for _ in range(TRIALS):
        output.set(False)
        car, coil, changed_s = Car(), Coil(), []
        channel = _closed_channel(wire, car, coil)

        def trip(changed_s=changed_s):
            changed_s.append(time.monotonic())
            output.set(True)

        timer = threading.Timer(0.02 + random.random() * TICK_S, trip)
        timer.start()
        next_s, end_s = time.monotonic(), time.monotonic() + GIVE_UP_S
        while coil.closed and time.monotonic() < end_s:
            car.now_s = time.monotonic()
            channel.step(car.now_s, too_late=False)
            next_s += TICK_S
            time.sleep(max(0.0, next_s - time.monotonic()))
        timer.join()
        assert coil.opened_s is not None, "the input did not open the contactor"
        took.append(coil.opened_s - changed_s[0])
    told_as_spread("fault input to coil", took)
    assert min(took) > 0, "it opened before the input changed"
    assert max(took) <= LINE_TO_LINE_S
