"""Which values are taken when, and what they carry (scenario M1, MTR)."""

import itertools
from datetime import datetime, timedelta

import pytest

from tests.rig.clock import NOON

CONFIGURED = """
MeterValueSampleInterval = 60
ClockAlignedDataInterval = 900
MeterValuesSampledData = "Energy.Active.Import.Register,Power.Active.Import"
MeterValuesAlignedData = "Energy.Active.Import.Register"
StopTxnSampledData = "Energy.Active.Import.Register"
StopTxnAlignedData = "Voltage"
"""


def elements(central_system, context):
    """Every MeterValue element of one context, with its time."""
    found = [element for told in central_system.of("MeterValues") for element in told["meterValue"]]
    return [(datetime.fromisoformat(element["timestamp"]), element["sampledValue"]) for element in found
            if element["sampledValue"][0].get("context", "Sample.Periodic") == context]


async def test_m1_samples_lie_exactly_one_interval_apart(charge_point):
    """Periodic samples: from the start of the transaction, no drift (M1, MTR-1, MTR-6, MTR-8)."""
    await charge_point.start(ocpp=CONFIGURED)
    await charge_point.charge()
    await charge_point.pass_time(minutes=15, seconds=2)
    central_system = charge_point.central_system
    samples = elements(central_system, "Sample.Periodic")
    times = [at for at, _ in samples]
    assert len(times) == 15
    assert {later - earlier for earlier, later in itertools.pairwise(times)} == {timedelta(seconds=60)}
    started = datetime.fromisoformat(central_system.of("StartTransaction")[0]["timestamp"])
    assert times[0] - started == timedelta(seconds=60)
    assert {value["measurand"] for value in samples[0][1]} == {"Energy.Active.Import.Register", "Power.Active.Import"}


async def test_m1_clock_aligned_samples_lie_on_the_grid_of_the_day(charge_point):
    """Clock-aligned values: every quarter of an hour since midnight, to the second, also without a transaction (M1, MTR-2)."""
    await charge_point.start(ocpp=CONFIGURED, at=NOON + timedelta(minutes=7, seconds=13))
    await charge_point.pass_time(hours=1)
    times = [at for at, _ in elements(charge_point.central_system, "Sample.Clock")]
    assert times == [NOON + timedelta(minutes=15 * n) for n in range(1, 5)]
    assert all("transactionId" not in told for told in charge_point.central_system.of("MeterValues"))


async def test_m1_connector_0_has_no_meter_of_its_own(charge_point):
    """Two connectors, a grid of minutes: each tells its own values once; of connector 0 nothing is invented (M1, MTR-4, MTR-5)."""
    await charge_point.start(connectors=2, ocpp="ClockAlignedDataInterval = 60", at=NOON + timedelta(seconds=30))
    await charge_point.charge(connector=2)
    await charge_point.pass_time(minutes=3)
    central_system = charge_point.central_system
    aligned = [(told["connectorId"], "transactionId" in told) for told in central_system.of("MeterValues")
               if told["meterValue"][0]["sampledValue"][0]["context"] == "Sample.Clock"]
    assert aligned == [(1, False), (2, True)] * 3
    asked = await central_system.call("TriggerMessage", requestedMessage="MeterValues", connectorId=0)
    assert asked["status"] == "Rejected"


async def test_m1_aligned_samples_cross_midnight(charge_point):
    """The grid begins anew at UTC midnight (M1, MTR-2)."""
    await charge_point.start(ocpp="ClockAlignedDataInterval = 840", at=NOON + timedelta(hours=11, minutes=50))
    await charge_point.pass_time(minutes=40)
    times = [at for at, _ in elements(charge_point.central_system, "Sample.Clock")]
    midnight = NOON + timedelta(hours=12)
    assert times == [midnight + timedelta(seconds=840 * n) for n in range(3)]


async def test_m1_the_measurands_change_in_a_transaction(charge_point):
    """ChangeConfiguration of the list and of the interval: the next sample uses them, on the same grid (M1, MTR-20)."""
    await charge_point.start(ocpp=CONFIGURED)
    await charge_point.charge()
    await charge_point.pass_time(seconds=90)
    central_system = charge_point.central_system
    await central_system.configure("MeterValuesSampledData", "Voltage")
    await central_system.configure("MeterValueSampleInterval", 30)
    await charge_point.pass_time(seconds=120)
    samples = elements(central_system, "Sample.Periodic")
    started = datetime.fromisoformat(central_system.of("StartTransaction")[0]["timestamp"])
    offsets = [round((at - started).total_seconds()) for at, _ in samples]
    assert offsets[:2] == [60, 120]
    assert set(offsets) <= set(range(60, 300, 30))
    assert {value["measurand"] for value in samples[-1][1]} == {"Voltage"}


async def test_m1_a_measurand_that_is_named_twice_is_told_once(charge_point):
    """A list may name one twice, or a phase beside the whole: still one sampledValue per phase (M1, MTR-7)."""
    await charge_point.start(ocpp="MeterValueSampleInterval = 10")
    await charge_point.central_system.configure("MeterValuesSampledData", "Voltage,Voltage.L2,Power.Active.Import,Voltage")
    await charge_point.charge()
    await charge_point.pass_time(seconds=15)
    (_, values), = elements(charge_point.central_system, "Sample.Periodic")
    assert [(value["measurand"], value.get("phase")) for value in values] == [
        *(("Voltage", f"L{n}-N") for n in (1, 2, 3)), ("Power.Active.Import", None),
        *(("Power.Active.Import", f"L{n}") for n in (1, 2, 3))]


async def test_m1_the_stop_carries_what_was_gathered(charge_point):
    """transactionData: Begin and End of every measurand of both lists, periodic and aligned in between, in order.

    (M1, MTR-11, MTR-12)
    """
    await charge_point.start(ocpp=CONFIGURED, at=NOON + timedelta(minutes=13))
    await charge_point.charge()
    await charge_point.pass_time(minutes=4)
    await charge_point.swipe("TAG1")
    central_system = charge_point.central_system
    await charge_point.until(lambda: "StopTransaction" in central_system.actions, within_s=10)
    data = central_system.of("StopTransaction")[0]["transactionData"]
    contexts = [element["sampledValue"][0]["context"] for element in data]
    assert contexts[0] == "Transaction.Begin"
    assert contexts[-1] == "Transaction.End"
    assert contexts.count("Sample.Periodic") == 4
    assert contexts.count("Sample.Clock") == 1
    for end in (data[0], data[-1]):
        assert {value["measurand"] for value in end["sampledValue"]} == {"Energy.Active.Import.Register", "Voltage"}
    times = [datetime.fromisoformat(element["timestamp"]) for element in data]
    assert times == sorted(times)


@pytest.mark.parametrize("state", ["B", "C"])
async def test_samples_go_on_while_nothing_flows(charge_point, state):
    """Suspended or not, MeterValues keep coming in a transaction (MTR-1; central systems rely on it)."""
    await charge_point.start(ocpp="MeterValueSampleInterval = 30")
    await charge_point.charge()
    await charge_point.ev_state(state)
    await charge_point.pass_time(minutes=5)
    assert len(charge_point.central_system.of("MeterValues")) == 10


async def test_no_interval_no_samples(charge_point):
    """Both intervals 0: no MeterValues at all (MTR-1, MTR-2)."""
    await charge_point.start(ocpp="MeterValueSampleInterval = 0\nClockAlignedDataInterval = 0")
    await charge_point.charge()
    await charge_point.pass_time(minutes=10)
    assert charge_point.central_system.of("MeterValues") == []


async def test_a_silent_meter_gives_no_samples(charge_point):
    """What cannot be read is not invented: no samples while the meter is silent (MTR-17, F-METER)."""
    await charge_point.start(ocpp="MeterValueSampleInterval = 10", charging='on_meter_loss = "continue"')
    await charge_point.charge()
    await charge_point.pass_time(seconds=25)
    await charge_point.fault("meter")
    await charge_point.pass_time(seconds=12)
    before = len(charge_point.central_system.of("MeterValues"))
    await charge_point.pass_time(minutes=2)
    assert len(charge_point.central_system.of("MeterValues")) == before
    await charge_point.fault("meter", active=False)
    await charge_point.pass_time(seconds=30)
    assert len(charge_point.central_system.of("MeterValues")) >= before + 2


async def test_a_clock_step_neither_doubles_nor_stops_the_samples(charge_point):
    """The clock is set by an hour in a session: periodic samples keep their distance, aligned ones find the new grid.

    (TIME-2, F-STEP)
    """
    await charge_point.start(ocpp=CONFIGURED.replace("900", "300") + "HeartbeatInterval = 600")
    await charge_point.charge()
    await charge_point.pass_time(minutes=4)
    charge_point.true_time._at_start += timedelta(hours=1)
    charge_point.clock._error -= timedelta(hours=1)
    central_system = charge_point.central_system
    central_system.forget()
    await charge_point.pass_time(minutes=16)
    assert len(charge_point.clock.settings) == 1
    assert 15 <= len(elements(central_system, "Sample.Periodic")) <= 16
    aligned = [at for at, _ in elements(central_system, "Sample.Clock")]
    assert all(at.minute % 5 == 0 and at.second == 0 for at in aligned)
    assert len(aligned) == len(set(aligned))
    assert 3 <= len(aligned) <= 4


async def test_m1_the_temperature_of_a_connector_that_has_a_sensor(charge_point):
    """As any measurand: of the connector's body, in Celcius as the standard spells it (M1, MTR-7, MTR-18)."""
    await charge_point.start(connector='temperature = { driver = "sim" }', ocpp='MeterValuesSampledData = "Temperature"\nMeterValueSampleInterval = 10')
    await charge_point.charge()
    central_system = charge_point.central_system
    await charge_point.until(lambda: "MeterValues" in central_system.actions, within_s=30)
    (value,) = central_system.of("MeterValues")[0]["meterValue"][0]["sampledValue"]
    assert {name: value[name] for name in ("measurand", "value", "unit", "location")} == {
        "measurand": "Temperature", "value": "25", "unit": "Celcius", "location": "Body"}
