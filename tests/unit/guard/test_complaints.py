"""What devices say when they fail is told to whoever reads the log: in their words, and not a hundred times a second."""

import pytest

from controller.guard.complaints import AGAIN_AFTER_S, MOST_TEXTS, Complaints
from drivers.errors import Disconnected
from tests.unit.guard.workbench import Workbench

HELD = Disconnected("contactor on GPIO17: held by another program; see gpioinfo")


@pytest.fixture
def told() -> list[str]:
    """What was told."""
    return []


def test_a_driver_is_quoted_in_its_own_words(told):
    """Its message names the device, the place and what to check; the connector is ours to add."""
    Complaints(2, told.append).take(HELD, 100.0)
    assert told == ["connector 2: contactor on GPIO17: held by another program; see gpioinfo"]


def test_an_error_that_no_driver_should_raise_is_named_with_its_type(told):
    """`5` alone would tell nobody anything."""
    Complaints(1, told.append).take(KeyError(5), 100.0)
    assert told == ["connector 1: KeyError(5)"]


def test_the_same_words_come_once_a_minute(told):
    """A device that fails in every cycle does not fill the disk."""
    complaints = Complaints(1, told.append)
    for tick in range(6000):
        complaints.take(HELD, 100.0 + tick / 100)
    assert AGAIN_AFTER_S == 60.0
    assert len(told) == 1
    complaints.take(HELD, 100.0 + AGAIN_AFTER_S)
    assert len(told) == 2
    complaints.take(HELD, 100.0 + AGAIN_AFTER_S + 1.0)
    assert len(told) == 2


def test_other_words_come_at_once(told):
    """Two devices that fail at the same time are both named."""
    complaints = Complaints(1, told.append)
    complaints.take(HELD, 100.0)
    complaints.take(Disconnected("pilot: /sys/class/pwm/pwmchip0 is gone"), 100.0)
    complaints.take(HELD, 100.0)
    assert len(told) == 2


def test_texts_are_not_remembered_for_ever(told):
    """A driver that puts a changing number into its words costs no memory; a new round begins then."""
    complaints = Complaints(1, told.append)
    for number in range(MOST_TEXTS):
        complaints.take(Disconnected(f"attempt {number}"), 100.0)
    complaints.take(Disconnected("attempt 0"), 100.0)
    assert len(told) == MOST_TEXTS
    complaints.take(Disconnected("one more"), 100.0)
    complaints.take(Disconnected("attempt 0"), 100.0)
    assert told[MOST_TEXTS:] == ["connector 1: one more", "connector 1: attempt 0"]


def test_a_guard_tells_every_device_that_fails_once_and_charges_on_when_it_can():
    """The keep-alive may fail without a fault of its own, so the log is the only place that tells of it."""
    bench = Workbench()
    bench.charge()
    assert bench.told == []
    bench.broken.add("contactor.kick")
    bench.run(1.0)
    assert bench.told == ["connector 1: not there"]
    assert bench.coil


def test_what_was_told_is_not_told_again_by_a_device_that_recovered():
    """Each failure is told when it happens, not later."""
    bench = Workbench()
    bench.broken.add("rcd.active")
    bench.tick()
    assert bench.told == ["connector 1: not there"]
    bench.broken.clear()
    bench.run(61.0)
    assert bench.told == ["connector 1: not there"]
