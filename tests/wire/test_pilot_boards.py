"""Control-pilot boards over Modbus: what they are told, what they say, and what happens when they fall silent."""

import threading

import minimalmodbus
import pytest

from drivers.errors import Disconnected, Misconfigured
from drivers.pilot.modbus import ModbusPilot, Options, amperes, check


class Board:
    """Registers and coils of a board, as minimalmodbus would reach them."""

    def __init__(self) -> None:
        self.registers = {1000: 0, 1002: 1, 22_000: 0, 24_000: ord("A") << 8}
        self.coils = {20_000: 0}
        self.log: list[tuple[int, int]] = []
        self.silent = False
        self.serial = self
        self.closed = 0

    def _live(self) -> None:
        if self.silent:
            raise minimalmodbus.NoResponseError("No communication with the instrument (no answer)")

    def write_register(self, address, value, _decimals, _function_code):
        """One holding register."""
        self._live()
        self.registers[address] = value
        self.log.append((address, value))

    def write_bit(self, address, value):
        """One coil."""
        self._live()
        self.coils[address] = value
        self.log.append((address, value))

    def read_register(self, address, _decimals, _function_code):
        """One register."""
        self._live()
        return self.registers[address]

    def close(self):
        """The port is closed."""
        self.closed += 1


@pytest.fixture
def bench():
    """Makes the driver for a kind of board; exchanges are made by hand, not by its thread."""

    def make(kind="simple_evse"):
        board, now_s = Board(), [0.0]
        pilot = ModbusPilot(Options(kind, "/dev/evcp-pilot"), opener=lambda _options: board, clock=lambda: now_s[0])
        pilot._thread = threading.current_thread()
        return pilot, board, now_s

    return make


@pytest.mark.parametrize(("duty", "whole_a"), [(16 / 60, 16), (0.1, 6), (13.4 / 60, 13), (32 / 60, 32)])
def test_a_simple_evse_is_told_whole_amperes_rounded_down(bench, duty, whole_a):
    """The board takes integers, and the limit is never exceeded (hardware-drivers 7)."""
    pilot, board, _ = bench()
    pilot.set_pwm(duty)
    pilot.exchange()
    assert board.registers[1000] == whole_a


@pytest.mark.parametrize("quiet", ["set_x1", "set_f"])
def test_no_offer_is_zero_amperes(bench, quiet):
    """Neither steady level offers anything."""
    pilot, board, _ = bench()
    pilot.set_pwm(0.5)
    pilot.exchange()
    getattr(pilot, quiet)()
    pilot.exchange()
    assert board.registers[1000] == 0


def test_the_current_is_written_only_when_it_changes(bench):
    """The board's memory wears, and the bus is slow."""
    pilot, board, _ = bench()
    pilot.set_pwm(0.5)
    for _ in range(5):
        pilot.exchange()
    assert board.log == [(1000, 30)]


@pytest.mark.parametrize(("state", "level_v"), [(1, 12.0), (2, 9.0), (3, 6.0), (4, 3.0), (5, 0.0), (77, 0.0)])
def test_a_simple_evses_state_is_told_in_volts(bench, state, level_v):
    """The guard needs one language for every pilot; a failure of the board is state E."""
    pilot, board, _ = bench()
    board.registers[1002] = state
    pilot.exchange()
    assert pilot.read().high_v == level_v


def test_a_phoenix_board_is_enabled_after_its_current_is_set(bench):
    """First how much, then whether; below 6 A only the coil goes off."""
    pilot, board, _ = bench("phoenix_ev_cc")
    board.registers[24_000] = ord("C") << 8
    pilot.set_pwm(20 / 60)
    pilot.exchange()
    pilot.set_x1()
    pilot.exchange()
    assert board.log == [(22_000, 20), (20_000, 1), (20_000, 0)]
    assert pilot.read().high_v == 6.0


def test_an_answer_that_is_too_old_is_no_measurement(bench):
    """A silent board opens the contactor: the guard hears an error within a second (F-PILOT)."""
    pilot, board, now_s = bench()
    pilot.exchange()
    pilot.read()
    board.silent = True
    now_s[0] = 1.1
    pilot.exchange()
    with pytest.raises(Disconnected, match=r"simple_evse at address 1 on /dev/evcp-pilot: .*no answer"):
        pilot.read()


def test_a_board_that_comes_back_is_told_its_current_again(bench):
    """Its power may have been away: what it was told before counts for nothing."""
    pilot, board, _ = bench()
    pilot.set_pwm(0.5)
    pilot.exchange()
    board.silent = True
    pilot.exchange()
    board.silent = False
    pilot.exchange()
    assert board.log == [(1000, 30), (1000, 30)]
    assert board.closed == 1


def test_closing_leaves_the_board_at_zero_amperes(bench):
    """A board that keeps offering after we are gone would charge unwatched (hardware-drivers 7)."""
    pilot, board, _ = bench()
    pilot.set_pwm(0.5)
    pilot.exchange()
    pilot._thread = None
    pilot.close()
    assert board.registers[1000] == 0


@pytest.mark.parametrize(("duty", "expected"), [(0.05, 0.0), (0.08, 6.0), (0.1, 6.0), (0.85, 51.0), (0.96, 80.0), (0.98, 0.0), (1.0, 0.0)])
def test_amperes_of_a_duty_cycle_are_what_a_car_would_read(duty, expected):
    """The mapping of iec61851 3.1."""
    assert amperes(duty) == pytest.approx(expected)


def test_wrong_options_are_told_with_what_is_allowed():
    """Before the port is opened."""
    with pytest.raises(Misconfigured, match="0 is out of range; allowed: a whole number, 1 to 247"):
        check(Options("simple_evse", "/dev/evcp-pilot", address=0))
