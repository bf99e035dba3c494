"""Every register map against a slave that answers as that meter would: the values that come out are those that went in."""

import asyncio

import pytest

from drivers.errors import Disconnected
from drivers.meter import register_map as maps
from drivers.meter.modbus import ModbusMeter, Options
from drivers.protocols import MeterReading
from drivers.registry import Context
from drivers.sim.modbus_slave import SERIAL_NUMBER, PtyMeter

CONTEXT = Context(1, 32.0, 3, 230.0)
TRUTH = MeterReading(0.0, 1_234_560.0, 11_040.0, (16.0, 16.1, 15.9), (230.5, 229.8, 231.2), (3688.0, 3699.8, 3676.1), 50.0,
                     energy_export_wh=0.0, power_factor=1.0)


def read(model, truth=TRUTH):
    """One identification and one reading through the real driver; a pseudo-terminal knows no parity."""

    async def scenario():
        meter = ModbusMeter(Options(model, slave.path, parity="N"), CONTEXT)
        try:
            return await meter.identify(), await meter.read()
        finally:
            await meter.close()

    slave = PtyMeter(model, lambda: truth)
    try:
        return asyncio.run(scenario())
    finally:
        slave.close()


@pytest.mark.parametrize("model", maps.names())
def test_a_meter_of_this_kind_is_read_right(model):
    """Address, type, byte order and scale of every quantity agree with the meter's (F-METER, hardware-drivers 5)."""
    register_map = maps.load(model)
    identity, reading = read(model)
    three = "voltage_l3_v" in register_map.quantities
    assert identity.model == register_map.name
    assert reading.energy_wh == pytest.approx(TRUTH.energy_wh, abs=50)
    assert reading.voltage_v == pytest.approx(TRUTH.voltage_v if three else (230.5, 0.0, 0.0), abs=0.06)
    assert reading.current_a == pytest.approx(TRUTH.current_a if three else (16.0, 0.0, 0.0), abs=0.06)
    assert reading.power_w == pytest.approx(TRUTH.power_w, abs=1)


@pytest.mark.parametrize("model", [name for name in maps.names() if maps.load(name).identity is not None])
def test_a_meter_that_has_a_serial_number_tells_it(model):
    """Identification at start stops a wrong address or model from billing somebody (hardware-drivers 5)."""
    identity, _ = read(model)
    assert identity.serial_number == str(SERIAL_NUMBER)


@pytest.mark.parametrize("model", maps.names())
def test_no_block_is_longer_than_the_meter_answers(model):
    """Some answer no more than ten registers at once, and an exception costs a whole time-out."""
    register_map = maps.load(model)
    assert all(block.count <= register_map.max_registers for block in maps.plan(register_map))
    assert {name for block in maps.plan(register_map) for name in block.names} == set(register_map.quantities)


def test_a_port_that_does_not_take_the_meters_parity_is_a_driver_error():
    """Whatever a serial port refuses, the meter has failed and the daemon has not (F-METER)."""

    async def scenario():
        meter = ModbusMeter(Options("b23", slave.path, parity="E"), CONTEXT)
        try:
            await meter.read()
        finally:
            await meter.close()

    slave = PtyMeter("b23", lambda: TRUTH)
    try:
        with pytest.raises(Disconnected, match="does not take its settings|cannot be opened"):
            asyncio.run(scenario())
    finally:
        slave.close()


def test_there_are_maps_for_at_least_twelve_meters():
    """What installers have in their boxes."""
    assert len(maps.names()) >= 12
