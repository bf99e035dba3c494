"""The contract of an energy meter, on the meter that the environment names (see README.md)."""

import os

import pytest

from drivers import registry
from drivers.protocols import EnergyMeter
from tests.contracts.controller_devices import MeterContract, real_time

CONTEXT = registry.Context(1, 80.0, 3, 230.0)


def options() -> dict[str, object]:
    """The meter's table, as the configuration would have it."""
    table: dict[str, object] = {"driver": "modbus", "port": os.environ["EVCP_METER_PORT"], "model": os.environ["EVCP_METER_MODEL"]}
    for name, kind in (("address", int), ("baud_rate", int), ("parity", str)):
        value = os.environ.get(f"EVCP_METER_{name.upper()}")
        if value is not None:
            table[name] = kind(value)
    return table


@pytest.mark.skipif("EVCP_METER_PORT" not in os.environ or "EVCP_METER_MODEL" not in os.environ,
                    reason="no meter: EVCP_METER_PORT and EVCP_METER_MODEL name one")
class TestRealMeter(MeterContract):
    """Whatever hangs on that bus."""

    @pytest.fixture
    def device(self) -> EnergyMeter:
        """The driver, by its configuration."""
        registry.check("meter", options())
        meter: EnergyMeter = registry.create("meter", options(), CONTEXT)
        return meter

    @pytest.fixture
    def clock(self):
        """Readings carry the monotonic time."""
        return real_time
