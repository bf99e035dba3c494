"""From a meter reading to SampledValues: which measurands there are, per phase and total, with units (MTR-7, MTR-8).

Values are what the meter said: nothing is invented. A measurand that a reading does not carry is left out.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import TypeAlias

import msgspec

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
)
"""What every meter we drive can give; the measurand keys take these and no others (MTR-10)."""

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
}

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


def meter_value(names: Sequence[str], snapshot: Snapshot, context: ReadingContext, at: datetime) -> MeterValue | None:
    """One MeterValue element at `at` with the measurands of a configuration key; None if it would be empty (MTR-6).

    An empty list of names stands for the energy register (MTR-1).
    """
    wanted = list(names) or [str(Measurand.EnergyActiveImportRegister)]
    values = [value for name in wanted for value in _sampled(name, snapshot, context)]
    return MeterValue(timestamp=at, sampled_value=values) if values else None


def _sampled(name: str, snapshot: Snapshot, context: ReadingContext) -> Iterator[SampledValue]:
    measurand, only = _split(name)
    for phase, number in _lines(measurand, snapshot):
        if only is None or (phase is not None and str(phase).startswith(only)):
            yield SampledValue(value=_text(number), context=context, measurand=measurand, phase=phase,
                               location=Location.Outlet, unit=UNITS[measurand])


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
            per_phase = reading.power_phase_w if reading.power_phase_w is not None and phases > 1 else ()
            return [(None, reading.power_w), *_per_phase(per_phase, _CURRENT_PHASES, phases)]
        case Measurand.PowerOffered:
            return [(None, snapshot.offered_a * snapshot.nominal_voltage_v * phases)]
        case Measurand.CurrentImport:
            return _per_phase(reading.current_a, _CURRENT_PHASES, phases)
        case Measurand.CurrentOffered:
            return [(None, snapshot.offered_a)]
        case Measurand.Voltage:
            return _per_phase(reading.voltage_v, _VOLTAGE_PHASES, phases)
        case _:
            return []


def _per_phase(numbers: Sequence[float], names: Sequence[Phase], phases: int) -> list[Line]:
    return list(zip(names[:phases], numbers, strict=False))


def _text(number: float) -> str:
    """At most three decimals, no exponent, no trailing zeros: central systems compare values as strings."""
    text = f"{number:.3f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
