"""From a meter reading to SampledValues: which measurands there are, per phase and total, with units (MTR-7, MTR-8).

Values are what the meter said: nothing is invented. A measurand that a reading does not carry is left out.
"""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import TypeAlias

import msgspec

from controller.config.model import Connector
from controller.ocpp.messages.core import MeterValue, SampledValue
from controller.ocpp.types import Location, Measurand, Phase, ReadingContext, UnitOfMeasure
from drivers.protocols import MeterReading

SUPPORTED: tuple[Measurand, ...] = (
    Measurand.EnergyActiveImportRegister,
    Measurand.EnergyActiveImportInterval,
    Measurand.PowerActiveImport,
    Measurand.PowerOffered,
    Measurand.CurrentImport,
    Measurand.CurrentOffered,
    Measurand.Voltage,
    Measurand.EnergyActiveExportRegister,
    Measurand.Frequency,
    Measurand.PowerFactor,
    Measurand.Temperature,
)
"""Everything this program can report; `measurable` tells what of it the configured meters give."""

NEEDS: dict[Measurand, str] = {
    Measurand.EnergyActiveExportRegister: "energy_export_wh",
    Measurand.Frequency: "frequency_hz",
    Measurand.PowerFactor: "power_factor",
    Measurand.Temperature: "temperature_c",
}
"""Measurands that not every connector gives: the quantity of its meter's register map that they take, or its temperature sensor's."""

PER_PHASE: dict[Measurand, str] = {
    Measurand.PowerActiveImport: "power_l{}_w",
    Measurand.CurrentImport: "current_l{}_a",
    Measurand.Voltage: "voltage_l{}_v",
}
"""Measurands with one number per phase, and the quantities they take; `Voltage.L1` names one of them (MTR-7)."""

REGISTERS = (str(Measurand.EnergyActiveImportRegister), str(Measurand.EnergyActiveExportRegister))
"""What still tells something when the meter is silent: it counts what was, not what is."""

Line: TypeAlias = tuple[Phase | None, float]
"""One number of a measurand: its phase, None for the total."""

UNITS: dict[Measurand, UnitOfMeasure] = {
    Measurand.EnergyActiveImportRegister: UnitOfMeasure.Wh,
    Measurand.EnergyActiveImportInterval: UnitOfMeasure.Wh,
    Measurand.PowerActiveImport: UnitOfMeasure.W,
    Measurand.PowerOffered: UnitOfMeasure.W,
    Measurand.CurrentImport: UnitOfMeasure.A,
    Measurand.CurrentOffered: UnitOfMeasure.A,
    Measurand.Voltage: UnitOfMeasure.V,
    Measurand.EnergyActiveExportRegister: UnitOfMeasure.Wh,
    Measurand.Temperature: UnitOfMeasure.Celcius,
}
"""Frequency and Power.Factor have none (MTR-18)."""

_CURRENT_PHASES = (Phase.L1, Phase.L2, Phase.L3)
_VOLTAGE_PHASES = (Phase.L1N, Phase.L2N, Phase.L3N)


class Snapshot(msgspec.Struct, frozen=True):
    """Everything a sample can draw from, at one instant."""

    reading: MeterReading
    offered_a: float
    phases: int
    nominal_voltage_v: float
    interval_wh: float
    """Energy since the sample before, in the same series."""
    temperature_c: float | None = None
    """What the connector's sensor shows."""


def measurable(connectors: Sequence[Connector]) -> list[str]:
    """What the measurand keys may name: only what every configured meter can measure, phases included (MTR-10)."""
    names = [name for measurand in SUPPORTED for name in _names(measurand)]
    return [name for name in names if all(_measures(connector, name) for connector in connectors)]


def _names(measurand: Measurand) -> list[str]:
    phases = ("L1", "L2", "L3") if measurand in PER_PHASE else ()
    return [str(measurand), *(f"{measurand}.{phase}" for phase in phases)]


def _measures(connector: Connector, name: str) -> bool:
    measurand, phase = _split(name)
    if phase is None:
        return measurand not in NEEDS or NEEDS[measurand] in connector.measured
    number = int(phase[1])
    return number <= connector.phases and PER_PHASE[measurand].format(number) in connector.measured


def only_registers(names: Collection[str]) -> list[str]:
    """Of these measurands those that still tell something when the meter is silent (MTR-17)."""
    return [name for name in names if name in REGISTERS]


def meter_value(names: Sequence[str], snapshot: Snapshot, context: ReadingContext, at: datetime) -> MeterValue | None:
    """One MeterValue element at `at` with the measurands of a configuration key; None if it would be empty (MTR-6).

    An empty list of names stands for the energy register (MTR-1); what is named twice is told once (MTR-7).
    """
    wanted = list(names) or [str(Measurand.EnergyActiveImportRegister)]
    values = list(dict.fromkeys(value for name in wanted for value in _sampled(name, snapshot, context)))
    return MeterValue(timestamp=at, sampled_value=values) if values else None


def _sampled(name: str, snapshot: Snapshot, context: ReadingContext) -> Iterator[SampledValue]:
    measurand, only = _split(name)
    for phase, number in _lines(measurand, snapshot):
        if only is None or (phase is not None and str(phase).startswith(only)):
            yield SampledValue(value=_text(number), context=context, measurand=measurand, phase=phase,
                               location=Location.Body if measurand is Measurand.Temperature else Location.Outlet, unit=UNITS.get(measurand))


def _split(name: str) -> tuple[Measurand, str | None]:
    """`Voltage.L1` asks for one phase only (MTR-7)."""
    stem, _, last = name.rpartition(".")
    if last in ("L1", "L2", "L3"):
        return Measurand(stem), last
    return Measurand(name), None


def _lines(measurand: Measurand, snapshot: Snapshot) -> list[Line]:
    reading, phases = snapshot.reading, snapshot.phases
    match measurand:
        case Measurand.EnergyActiveImportRegister:
            return [(None, reading.energy_wh)]
        case Measurand.EnergyActiveImportInterval:
            return [(None, snapshot.interval_wh)]
        case Measurand.PowerActiveImport:
            return [(None, reading.power_w), *_per_phase(reading.power_phase_w or (), _CURRENT_PHASES, phases)]
        case Measurand.PowerOffered:
            return [(None, snapshot.offered_a * snapshot.nominal_voltage_v * phases)]
        case Measurand.CurrentImport:
            return _per_phase(reading.current_a, _CURRENT_PHASES, phases)
        case Measurand.CurrentOffered:
            return [(None, snapshot.offered_a)]
        case Measurand.Voltage:
            return _per_phase(reading.voltage_v, _VOLTAGE_PHASES, phases)
        case Measurand.EnergyActiveExportRegister:
            return _if_told(reading.energy_export_wh)
        case Measurand.Frequency:
            return _if_told(reading.frequency_hz)
        case Measurand.PowerFactor:
            return _if_told(reading.power_factor)
        case Measurand.Temperature:
            return _if_told(snapshot.temperature_c)
        case _:
            return []


def _if_told(number: float | None) -> list[Line]:
    return [] if number is None else [(None, number)]


def _per_phase(numbers: Sequence[float], names: Sequence[Phase], phases: int) -> list[Line]:
    return list(zip(names[:phases], numbers, strict=False))


def _text(number: float) -> str:
    """At most three decimals, no exponent, no trailing zeros: central systems compare values as strings."""
    text = f"{number:.3f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
