"""Connector lock, fault inputs, temperature and proximity: small drivers over lines, files and the converter."""

import threading

import pytest

from drivers.errors import Disconnected, Misconfigured
from drivers.inputs.gpio import Options as InputOptions
from drivers.inputs.gpio import protective_earth
from drivers.lock import gpio as lock_gpio
from drivers.lock.gpio import GpioLock
from drivers.protocols import LockState
from drivers.proximity import adc as proximity_adc
from drivers.proximity.adc import rating_a
from drivers.registry import Context
from drivers.sim.adc_chip import AdcChip
from drivers.temperature import w1

CONTEXT = Context(1, 32.0, 3, 230.0)


class Bolt:
    """A motor lock on mock pins, its bolt moved by hand."""

    def __init__(self, pins, **options) -> None:
        self.now_s = 0.0
        self.pins = pins
        chosen = lock_gpio.Options(**{"lock_pin": 5, "unlock_pin": 6, "feedback_pin": 13, **options})
        self.lock = GpioLock(chosen, clock=lambda: self.now_s)

    def motor(self):
        """Levels of the lines for in and out."""
        return bool(self.pins.pin(5).state), bool(self.pins.pin(6).state)


def test_a_motor_gets_one_pulse_in_the_direction_that_is_asked_for(pins):
    """The pulse ends by itself, at the first look after its time (iec61851 6)."""
    bolt = Bolt(pins)
    bolt.lock.lock()
    during = bolt.motor()
    assert bolt.lock.state() is LockState.MOVING
    bolt.now_s = 0.51
    bolt.lock.state()
    assert during == (True, False)
    assert bolt.motor() == (False, False)


def test_the_motor_is_never_driven_both_ways(pins):
    """Turning round in the middle of a pulse first takes the other line off."""
    bolt = Bolt(pins)
    bolt.lock.lock()
    bolt.lock.unlock()
    assert bolt.motor() == (False, True)


@pytest.mark.parametrize(("locked_level", "level", "state"), [
    ("low", "drive_low", LockState.LOCKED), ("low", "drive_high", LockState.UNLOCKED),
    ("high", "drive_high", LockState.LOCKED), ("high", "drive_low", LockState.UNLOCKED),
])
def test_the_bolts_place_is_what_its_contact_says(pins, locked_level, level, state):
    """Not what was commanded: a bolt that is stuck shows (F fault kind lock)."""
    bolt = Bolt(pins, feedback_locked=locked_level)
    bolt.lock.state()
    getattr(pins.pin(13), level)()
    assert bolt.lock.state() is state


def test_a_latch_holds_its_one_line_while_locked(pins):
    """Boards with one line lock while it is on."""
    bolt = Bolt(pins, kind="latch", unlock_pin=None)
    bolt.lock.lock()
    bolt.now_s = 1.0
    bolt.lock.state()
    held = bool(pins.pin(5).state)
    bolt.lock.unlock()
    assert (held, bool(pins.pin(5).state)) == (True, False)


def test_a_motor_lock_needs_both_lines():
    """A lock that could not be opened again is refused before it is used."""
    with pytest.raises(Misconfigured, match="unlock_pin is missing"):
        lock_gpio.check(lock_gpio.Options(lock_pin=5, feedback_pin=13))


@pytest.mark.parametrize(("contact", "level", "tripped"), [
    ("nc", "drive_low", False), ("nc", "drive_high", True), ("no", "drive_low", True), ("no", "drive_high", False),
])
def test_a_fault_input_reads_its_contact_and_a_broken_wire_is_the_fault(pins, contact, level, tripped):
    """Normally closed to ground: an open wire is high by the pull-up and counts as tripped (F-RCD, hardware-drivers 3.3)."""
    wire = protective_earth(InputOptions(pin=24, contact=contact), CONTEXT)
    wire.active()
    getattr(pins.pin(24), level)()
    assert wire.active() is tripped


@pytest.mark.parametrize(("ohms", "amperes"), [
    (float("inf"), None), (2300, None), (1500, 13.0), (680, 20.0), (220, 32.0), (100, 63.0), (50, None), (0, None),
    (1000, 13.0), (999, 20.0), (330, 20.0), (329, 32.0), (150, 32.0), (149, 63.0), (75, 63.0), (74, None),
])
def test_the_cables_rating_follows_the_coding_resistor(ohms, amperes):
    """Ranges as products accept them; nothing is guessed outside (iec61851 6)."""
    assert rating_a(ohms) == amperes


@pytest.mark.parametrize(("resistor_ohm", "amperes"), [(1500.0, 13.0), (680.0, 20.0), (220.0, 32.0), (100.0, 63.0), (1e9, None)])
def test_a_plugs_resistor_is_measured_through_the_divider(spi, resistor_ohm, amperes):
    """From volts between pull-up and plug to the cable's amperes, through the converter's own framing."""
    volts = 3.3 * resistor_ohm / (resistor_ohm + 330.0)
    spi[0, 0] = AdcChip({1: lambda _at_s: volts})
    assert proximity_adc.proximity(proximity_adc.Options(), CONTEXT).cable_a() == amperes


def sensor(folder, text, *, now_s=0.0):
    """A DS18B20's file with this content, looked at once."""
    device = folder / "28-0316a2797b1c"
    device.mkdir(exist_ok=True)
    (device / "temperature").write_text(text)
    driver = w1.W1Temperature(w1.Options(root=str(folder)), clock=lambda: now_s)
    driver._thread = threading.current_thread()
    driver.look()
    return driver


def test_the_temperature_is_the_kernels_file_in_degrees(tmp_path):
    """Thousandths of a degree, negative ones too."""
    assert sensor(tmp_path, "21562\n").read_c() == 21.562
    assert sensor(tmp_path, "-5000\n").read_c() == -5.0


@pytest.mark.parametrize(("text", "why"), [
    ("85000\n", "before its first conversion"), ("200000\n", "possible: -55 to 125"), ("", "invalid literal"), ("nonsense", "invalid literal"),
])
def test_a_reading_that_cannot_be_true_is_none(tmp_path, text, why):
    """85 C at the first look is what the sensor says before it has measured (F-RCD/PE/temp)."""
    with pytest.raises(Disconnected, match=why):
        sensor(tmp_path, text).read_c()


def test_eighty_five_degrees_are_believed_when_it_was_hot_before(tmp_path):
    """A real 85 C is reached from 84, not from nothing: the guard must hear of it."""
    driver = sensor(tmp_path, "84000\n")
    (tmp_path / "28-0316a2797b1c" / "temperature").write_text("85000\n")
    driver.look()
    assert driver.read_c() == 85.0


def test_a_reading_older_than_ten_seconds_is_no_reading(tmp_path):
    """A sensor that hangs must not keep its last good word."""
    now_s = [0.0]
    driver = sensor(tmp_path, "21000\n")
    driver._clock = lambda: now_s[0]
    driver.look()
    now_s[0] = 10.5
    with pytest.raises(Disconnected):
        driver.read_c()


def test_a_missing_sensor_names_the_overlay(tmp_path):
    """The advice is the line for config.txt that makes the kernel look for sensors."""
    driver = w1.W1Temperature(w1.Options(root=str(tmp_path)))
    driver._thread = threading.current_thread()
    driver.look()
    with pytest.raises(Disconnected, match="dtoverlay=w1-gpio"):
        driver.read_c()
