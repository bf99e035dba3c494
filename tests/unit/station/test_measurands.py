"""From one meter reading to SampledValues, measurand by measurand."""

from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from controller.config import Configuration, load
from controller.ocpp.messages.core import SampledValue
from controller.ocpp.types import Location, Measurand, Phase, ReadingContext, UnitOfMeasure
from controller.station.measurands import Snapshot, measurable, meter_value
from drivers.protocols import MeterReading
from tests.unit.station.conversation import configuration

AT = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
READING = MeterReading(
    at_s=10.0, energy_wh=123_456.789, power_w=11_040.0, current_a=(15.9, 16.0, 16.1), voltage_v=(229.5, 230.0, 231.25),
    power_phase_w=(3650.0, 3680.0, 3710.0), frequency_hz=49.98, energy_export_wh=12.5, power_factor=0.98)
LINE_1, LINE_2, LINE_3 = Phase.L1, Phase.L2, Phase.L3
LINES_TO_NEUTRAL = (Phase.L1N, Phase.L2N, Phase.L3N)


def snapshot(reading: MeterReading = READING, *, phases: int = 3) -> Snapshot:
    """Everything a sample can draw from, with 10 A offered."""
    return Snapshot(reading, offered_a=10.0, phases=phases, nominal_voltage_v=230.0, interval_wh=25.0, temperature_c=31.5)


def sampled(*names: str, reading: MeterReading = READING, phases: int = 3) -> list[SampledValue]:
    """The sampled values of a list of measurands."""
    value = meter_value(names, snapshot(reading, phases=phases), ReadingContext.SamplePeriodic, AT)
    return value.sampled_value if value is not None else []


def lines(*names: str, reading: MeterReading = READING, phases: int = 3) -> list[tuple[Phase | None, str]]:
    """Phase and value of each sampled value."""
    return [(value.phase, value.value) for value in sampled(*names, reading=reading, phases=phases)]


@pytest.mark.parametrize(("name", "expected", "unit"), [
    ("Energy.Active.Import.Register", [(None, "123456.789")], UnitOfMeasure.Wh),
    ("Energy.Active.Import.Interval", [(None, "25")], UnitOfMeasure.Wh),
    ("Energy.Active.Export.Register", [(None, "12.5")], UnitOfMeasure.Wh),
    ("Power.Active.Import", [(None, "11040"), (LINE_1, "3650"), (LINE_2, "3680"), (LINE_3, "3710")], UnitOfMeasure.W),
    ("Power.Offered", [(None, "6900")], UnitOfMeasure.W),
    ("Current.Import", [(LINE_1, "15.9"), (LINE_2, "16"), (LINE_3, "16.1")], UnitOfMeasure.A),
    ("Current.Offered", [(None, "10")], UnitOfMeasure.A),
    ("Voltage", [*zip(LINES_TO_NEUTRAL, ("229.5", "230", "231.25"), strict=True)], UnitOfMeasure.V),
    ("Frequency", [(None, "49.98")], None),
    ("Power.Factor", [(None, "0.98")], None),
    ("Temperature", [(None, "31.5")], UnitOfMeasure.Celcius),
])
def test_a_measurand_has_one_value_per_phase_and_its_total_where_there_is_one(
        name: str, expected: list[tuple[Phase | None, str]], unit: UnitOfMeasure | None) -> None:
    """All phases of what exists per phase, the total beside them, and the unit; Frequency has none (MTR-7, MTR-18)."""
    assert lines(name) == expected
    assert {value.unit for value in sampled(name)} == {unit}


def test_nothing_is_left_to_defaults_but_the_format() -> None:
    """Context, measurand, location and unit are sent also where they equal their defaults (MTR-7, MTR-8)."""
    (value,) = sampled("Energy.Active.Import.Register")
    assert value == SampledValue(
        value="123456.789", context=ReadingContext.SamplePeriodic, measurand=Measurand.EnergyActiveImportRegister,
        location=Location.Outlet, unit=UnitOfMeasure.Wh)
    assert set(msgspec.to_builtins(value)) == {"value", "context", "measurand", "location", "unit"}


def test_one_element_holds_all_measurands_of_one_instant_in_the_order_of_the_list() -> None:
    """One MeterValue is one moment, and the list's order is kept (MTR-6)."""
    value = meter_value(["Voltage.L2", "Current.Offered"], snapshot(), ReadingContext.Trigger, AT)
    assert value is not None
    assert value.timestamp == AT
    assert [(v.measurand, v.context) for v in value.sampled_value] == [
        (Measurand.Voltage, ReadingContext.Trigger), (Measurand.CurrentOffered, ReadingContext.Trigger)]


@pytest.mark.parametrize(("name", "expected"), [
    ("Voltage.L1", [(Phase.L1N, "229.5")]),
    ("Current.Import.L3", [(LINE_3, "16.1")]),
    ("Power.Active.Import.L2", [(LINE_2, "3680")]),
])
def test_a_phase_suffix_asks_for_that_phase_alone(name: str, expected: list[tuple[Phase, str]]) -> None:
    """`Voltage.L1` gives L1-N only, and no total (MTR-7)."""
    assert lines(name) == expected


@pytest.mark.parametrize(("name", "expected"), [
    ("Current.Import", [(LINE_1, "15.9")]),
    ("Voltage", [(Phase.L1N, "229.5")]),
    ("Power.Offered", [(None, "2300")]),
    ("Power.Active.Import", [(None, "11040"), (LINE_1, "3650")]),
])
def test_a_single_phase_connector_knows_one_phase(name: str, expected: list[tuple[Phase | None, str]]) -> None:
    """Phases that are not there are not reported as zero (MTR-7, MTR-16)."""
    assert lines(name, phases=1) == expected


def test_an_empty_list_stands_for_the_energy_register() -> None:
    """The default of the measurand keys (MTR-1, MTR-2)."""
    assert lines() == [(None, "123456.789")]


@pytest.mark.parametrize("name", ["Frequency", "Power.Factor", "Energy.Active.Export.Register"])
def test_what_a_reading_does_not_carry_is_left_out(name: str) -> None:
    """Nothing is invented: without the number there is no value, and without values no element (MTR-17)."""
    bare = MeterReading(10.0, 1000.0, 0.0, (0.0,) * 3, (230.0,) * 3)
    assert lines(name, reading=bare) == []
    assert lines(name, "Current.Offered", reading=bare) == [(None, "10")]
    assert lines("Power.Active.Import", reading=bare) == [(None, "0")]


@pytest.mark.parametrize("names", [("Voltage", "Voltage"), ("Voltage", "Voltage.L2"), ("Voltage.L1", "Voltage")])
def test_what_is_named_twice_is_told_once(names: tuple[str, ...]) -> None:
    """One sampledValue per phase, however the list names it, at the place of its first name (MTR-7)."""
    assert lines(*names) == [*zip(LINES_TO_NEUTRAL, ("229.5", "230", "231.25"), strict=True)]


@pytest.mark.parametrize(("number", "text"), [
    (0.0, "0"), (-0.0, "0"), (-0.0001, "0"), (1e-9, "0"), (100.0, "100"), (1200.0, "1200"), (0.1 + 0.2, "0.3"),
    (123_456_789.0, "123456789"), (1e15, "1000000000000000"), (2.0004, "2"), (2.0006, "2.001"), (-5.5, "-5.5"),
])
def test_values_are_plain_decimal_text(number: float, text: str) -> None:
    """`value` is a string without exponent, binary noise or trailing zeros (MTR-9)."""
    reading = READING._replace(power_w=number)
    assert lines("Power.Active.Import", reading=reading)[0] == (None, text)


# -- what can be measured ------------------------------------------------------------------------------------------------


def metered_by(folder: Path, *meters: str, phases: int = 3) -> Configuration:
    """A charge point with one connector per meter."""
    file = folder / "evcp.toml"
    file.write_text('[charge_point]\nidentity = "CP1"\nvendor = "V"\nmodel = "M"\n[csms]\nurl = ""\n' + "".join(
        f'[[connector]]\nid = {number}\nphases = {phases}\ncontactor = {{ driver = "sim" }}\npilot = {{ driver = "sim" }}\n'
        f"meter = {{ {meter} }}\n" for number, meter in enumerate(meters, start=1)))
    return load(file)


def modbus(model: str) -> str:
    """A Modbus meter of this model."""
    return f'driver = "modbus", model = "{model}", port = "/dev/evcp-meter"'


SIM = 'driver = "sim"'
WARM = SIM + ' }\ntemperature = { driver = "sim"'
BEYOND = ("Frequency", "Energy.Active.Export.Register", "Power.Factor", "Temperature")


@pytest.mark.parametrize(("meters", "expected"), [
    ([SIM], {"Frequency"}),
    ([modbus("sdm630")], {"Frequency", "Energy.Active.Export.Register"}),
    ([modbus("sdm72")], {"Frequency", "Energy.Active.Export.Register", "Power.Factor"}),
    ([modbus("sdm630"), SIM], {"Frequency"}),
    ([modbus("sdm72"), modbus("sdm630")], {"Frequency", "Energy.Active.Export.Register"}),
    ([WARM], {"Frequency", "Temperature"}), ([WARM, SIM], {"Frequency"}),
], ids=["sim", "sdm630", "sdm72", "sdm630+sim", "sdm72+sdm630", "with sensor", "one with sensor"])
def test_a_measurand_can_be_asked_for_only_if_every_connector_gives_it(tmp_path: Path, meters: list[str], expected: set[str]
                                                                  ) -> None:
    """What one configured meter cannot tell, or one missing sensor, is not measured here (MTR-10)."""
    names = measurable(metered_by(tmp_path, *meters).connector)
    assert {name for name in BEYOND if name in names} == expected


@pytest.mark.parametrize(("meter", "phases", "expected"), [
    (SIM, 3, {"Voltage.L1", "Voltage.L3", "Current.Import.L3", "Power.Active.Import.L3"}),
    (SIM, 1, {"Voltage.L1"}),
    (modbus("sdm630"), 3, {"Voltage.L1", "Voltage.L3", "Current.Import.L3", "Power.Active.Import.L3"}),
    (modbus("sdm120"), 1, {"Voltage.L1"}),
    (modbus("sdm120"), 3, {"Voltage.L1"}),
    (modbus("dvh4013"), 3, {"Voltage.L1", "Voltage.L3", "Current.Import.L3"}),
], ids=["sim", "sim-1", "sdm630", "sdm120-1", "sdm120-3", "dvh4013"])
def test_a_phase_can_be_asked_for_only_if_it_is_metered(tmp_path: Path, meter: str, phases: int, expected: set[str]) -> None:
    """`Voltage.L3` takes a third phase, `Power.Active.Import.L3` a meter that tells power per phase (MTR-7, MTR-10)."""
    names = measurable(metered_by(tmp_path, meter, phases=phases).connector)
    asked = {"Voltage.L1", "Voltage.L3", "Current.Import.L3", "Power.Active.Import.L3"}
    assert asked & set(names) == expected
    assert not any(name.startswith(("Energy", "Power.Offered", "Current.Offered", "Frequency")) and name[-2] == "L"
                   for name in names)


def test_everything_that_can_be_asked_for_gives_a_value(tmp_path: Path) -> None:
    """No list is accepted of which an item would then stay silent (MTR-10)."""
    for name in measurable(metered_by(tmp_path, modbus("sdm72")).connector):
        assert lines(name), name


def test_the_simulated_meter_tells_what_its_driver_claims(tmp_path: Path) -> None:
    """The double used in these tests is no poorer than the claim it stands for (MTR-10)."""
    bare = MeterReading(10.0, 1000.0, 0.0, (0.0,) * 3, (230.0,) * 3, (0.0,) * 3, 50.0)
    for name in measurable(configuration(tmp_path).connector):
        assert lines(name, reading=bare), name
