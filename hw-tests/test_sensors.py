"""Fault inputs, temperature and the cable's rating."""

import os
import time

import pytest

from drivers.errors import DriverError
from tests.contracts.guard_devices import FaultInputContract, ResidualMonitorContract, TemperatureContract, quickest

FIRST_CONVERSION_S = 10.0


@pytest.mark.parametrize(("slot", "kind"), [("residual_current", "rcd"), ("protective_earth", "ground"), ("emergency_stop", "estop")])
class TestRealInput(FaultInputContract):
    """The contract; tripping it needs somebody."""

    @pytest.fixture
    def device(self, board, slot, kind):
        """One wire."""
        with board.device(slot) as wire:
            yield wire


class TestRealResidualMonitor(ResidualMonitorContract):
    """The contract of one whose test input is wired; its own test trips it, only the residual current needs somebody."""

    @pytest.fixture
    def device(self, board):
        """Quiet before."""
        if "test_pin" not in board.options("residual_current"):
            pytest.skip("no test input is configured: EVCP_HW_CONFIG names no test_pin")
        with board.device("residual_current") as monitor:
            yield monitor


class TestRealTemperature(TemperatureContract):
    """The contract; heat needs somebody with a hot-air gun."""

    @pytest.fixture
    def device(self, board):
        """A sensor that has made its first conversion."""
        with board.device("temperature") as sensor:
            end_s = time.monotonic() + FIRST_CONVERSION_S
            while time.monotonic() < end_s:
                try:
                    sensor.read_c()
                    break
                except DriverError:
                    time.sleep(0.2)
            yield sensor

    def test_the_temperature_goes_into_the_protocol(self, device, measured):
        """For a person who knows how warm it is."""
        measured("temperature", f"{device.read_c():.2f} C")


def test_the_cable_rating_is_that_of_what_is_plugged(board, measured):
    """An empty socket has none; EVCP_HW_CABLE_A tells what the plug in it is coded for (iec61851 6)."""
    expected = float(os.environ["EVCP_HW_CABLE_A"]) if "EVCP_HW_CABLE_A" in os.environ else None
    with board.device("proximity") as proximity:
        measured("resistor", f"{proximity.ohms():.0f} Ohm")
        assert proximity.cable_a() == expected
        assert quickest(proximity.cable_a) < 0.002
