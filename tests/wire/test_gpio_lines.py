"""GPIO lines: claimed at their level, read at every look, and told plainly when they cannot be used."""

import pytest

from drivers import lines
from drivers.errors import Disconnected, Misconfigured
from drivers.lines import Input, Output


def states(pins, number):
    """Every level that a mock pin has had since it was claimed."""
    return [state.state for state in pins.pin(number).states]


@pytest.mark.parametrize("active_low", [False, True], ids=["active high", "active low"])
def test_an_output_never_shows_the_wrong_level_when_it_is_claimed(pins, active_low):
    """A relay board must not pull in for a moment while the daemon starts (hardware-drivers 3.2)."""
    line = Output(17, active_low=active_low)
    line.set(False)
    assert pins.pin(17).state is active_low
    assert not any(level is not active_low for level in states(pins, 17)[1:])


def test_an_output_follows_and_is_given_back_at_the_end(pins):
    """After `close` the line is an input, so that the board's own resistor decides."""
    line = Output(17)
    line.set(False)
    line.set(True)
    assert pins.pin(17).state
    line.set(False)
    assert not pins.pin(17).state
    line.close()
    assert pins.pin(17).function == "input"


@pytest.mark.parametrize(("active_low", "level", "expected"), [
    (True, "drive_low", True), (True, "drive_high", False), (False, "drive_high", True), (False, "drive_low", False),
])
def test_an_input_reads_the_level_of_this_moment(pins, active_low, level, expected):
    """Inputs are polled in every cycle; edges are never relied on."""
    line = Input(27, active_low=active_low)
    line.active()
    getattr(pins.pin(27), level)()
    assert line.active() is expected


def test_an_open_wire_reads_high_by_its_pull_up(pins):
    """A broken wire of a normally closed contact is the fault that it would report."""
    assert Input(27, active_low=False).active()


def test_a_machine_without_gpio_says_what_is_missing():
    """Without a chip the device has failed, with advice; nothing crashes (F-GPIO)."""
    lines.use(None)
    with pytest.raises(Disconnected, match="lgpio|GPIO chip"):
        Output(17).set(False)


def test_a_line_that_somebody_else_holds_is_named(pins):
    """Two drivers on one pin are a mistake in the configuration that the message points at (F-GPIO)."""
    first, second = Output(17), Output(17)
    first.set(False)
    with pytest.raises(Disconnected, match="GPIO17.*another program holds this line"):
        second.set(False)


def test_a_pin_that_does_not_exist_is_refused_with_what_is_allowed():
    """A wrong number is told when the configuration is checked, not when the relay should close."""
    with pytest.raises(Misconfigured, match="54 is no GPIO; allowed: a GPIO number, 0 to 53"):
        lines.check_pin("pin", 54)
