"""The contactor driver on mock pins with a relay behind them: coil, feedback, keep-alive, and no glitch in any wiring."""

import pytest

from drivers.contactor.gpio import Options, contactor
from drivers.errors import Misconfigured
from drivers.registry import Context, check
from drivers.sim.relay_board import RelayBoard

CONTEXT = Context(1, 32.0, 3, 230.0)


class Relay:
    """A relay with its auxiliary contact."""

    def __init__(self, pins, options: Options) -> None:
        self.closed = False
        self.welded = False
        self.coil_edges: list[bool] = []
        self.board = RelayBoard(pins)
        self.board.output(options.pin, self._drive, active_low=options.active_low)
        if options.feedback_pin is not None:
            self.board.contact(options.feedback_pin, lambda: self.closed is (options.feedback == "no"))

    def _drive(self, on: bool) -> None:
        self.coil_edges.append(on)
        self.closed = on or self.welded


@pytest.mark.parametrize("active_low", [False, True], ids=["active high", "active low"])
@pytest.mark.parametrize("feedback", ["nc", "no"])
def test_the_feedback_tells_the_true_position_in_every_wiring(pins, active_low, feedback):
    """Mirror contact or auxiliary contact, active high or low: open is open and closed is closed."""
    options = Options(pin=17, feedback_pin=27, feedback=feedback, active_low=active_low)
    driver, _relay = contactor(options, CONTEXT), Relay(pins, options)
    seen = []
    driver.set(False)
    driver.feedback()
    for closed in (False, True, False):
        driver.set(closed)
        seen.append(driver.feedback())
    assert seen == [False, True, False]


@pytest.mark.parametrize("active_low", [False, True], ids=["active high", "active low"])
def test_the_coil_sees_no_pulse_at_start_or_stop(pins, active_low):
    """Claiming and releasing the lines moves no relay: no contactor glitch in any wiring."""
    options = Options(pin=17, active_low=active_low)
    driver, relay = contactor(options, CONTEXT), Relay(pins, options)
    driver.set(False)
    driver.close()
    assert relay.coil_edges == [False]


def test_a_board_with_its_own_resistor_needs_no_pull_up(pins):
    """The line is then left floating by the Pi, and reads what the board makes of it."""
    options = Options(pin=17, feedback_pin=27, feedback_pull="none")
    driver, _relay = contactor(options, CONTEXT), Relay(pins, options)
    driver.set(True)
    assert driver.feedback() is True
    assert pins.pin(27).pull == "floating"


def test_a_broken_feedback_wire_reads_as_closed(pins):
    """With a mirror contact doubt means "closed", and nothing starts (F-WELD)."""
    driver = contactor(Options(pin=17, feedback_pin=27), CONTEXT)
    driver.set(False)
    assert driver.feedback() is True


def test_a_welded_contact_shows_while_the_coil_is_off(pins):
    """The position is the contact's, not the coil's (F-WELD)."""
    options = Options(pin=17, feedback_pin=27)
    driver, relay = contactor(options, CONTEXT), Relay(pins, options)
    driver.set(True)
    driver.feedback()
    relay.welded = True
    driver.set(False)
    assert driver.feedback() is True


def test_without_a_feedback_contact_the_position_is_unknown(pins):
    """None is not a guess: the guard then takes the command for the position."""
    assert contactor(Options(pin=17), CONTEXT).feedback() is None


def test_every_completed_cycle_gives_the_keep_alive_one_edge(pins):
    """A retriggerable stage needs edges; a line that stands still drops the coil (F-SAFEKILL)."""
    driver = contactor(Options(pin=17, keep_alive_pin=22), CONTEXT)
    levels = []
    for _ in range(4):
        driver.kick()
        levels.append(bool(pins.pin(22).state))
    assert levels == [True, False, True, False]


def test_closing_the_driver_switches_the_coil_off_first(pins):
    """Whatever the line was, it is off before it is released."""
    driver = contactor(Options(pin=17), CONTEXT)
    driver.set(True)
    driver.close()
    assert not pins.pin(17).state
    assert pins.pin(17).function == "input"


@pytest.mark.parametrize(("options", "what"), [
    ({"pin": 99}, "99 is no GPIO"),
    ({"pin": 17, "feedback": "maybe"}, 'allowed: "nc"'),
    ({}, "pin is missing"),
    ({"pin": 17, "colour": "red"}, "unknown option; allowed: pin, active_low"),
])
def test_wrong_options_are_told_with_what_is_allowed(options, what):
    """The installer reads the mistake before anything is energised."""
    with pytest.raises(Misconfigured, match=what):
        check("contactor", {"driver": "gpio", **options})
