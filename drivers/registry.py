"""Which drivers there are: `(kind, name)` to module, loaded only when configured.

A driver module offers `Options` (a msgspec Struct: the keys of its configuration table) and one factory per kind, named
after it: `contactor(options, context)`, `meter(options, context)` and so on. A new driver is one module and one line here.
"""

import importlib
from collections.abc import Mapping
from typing import Any

import msgspec

from drivers.errors import Misconfigured

_DEVICES = "drivers.sim.devices"
_METERS_AND_READERS = "drivers.sim.meters_and_readers"
DRIVERS: dict[tuple[str, str], str] = {
    ("contactor", "sim"): _DEVICES,
    ("contactor", "gpio"): "drivers.contactor.gpio",
    ("pilot", "sim"): _DEVICES,
    ("pilot", "pwm"): "drivers.pilot.pwm",
    ("pilot", "modbus"): "drivers.pilot.modbus",
    ("lock", "sim"): _DEVICES,
    ("lock", "none"): "drivers.lock.none",
    ("lock", "gpio"): "drivers.lock.gpio",
    ("meter", "sim"): _METERS_AND_READERS,
    ("meter", "modbus"): "drivers.meter.modbus",
    ("reader", "sim"): _METERS_AND_READERS,
    ("reader", "pn532"): "drivers.rfid.pn532",
    ("site_meter", "sim"): _METERS_AND_READERS,
    ("site_meter", "modbus"): "drivers.meter.modbus",
    ("residual_current", "sim"): "drivers.sim.residual_monitor",
    ("residual_current", "gpio"): "drivers.residual_current.gpio",
    ("protective_earth", "sim"): _DEVICES,
    ("protective_earth", "gpio"): "drivers.inputs.gpio",
    ("emergency_stop", "sim"): _DEVICES,
    ("emergency_stop", "gpio"): "drivers.inputs.gpio",
    ("station_fault", "sim"): _DEVICES,
    ("phase_switch", "sim"): _DEVICES,
    ("phase_switch", "gpio"): "drivers.phase_switch.gpio",
    ("temperature", "sim"): _DEVICES,
    ("temperature", "w1"): "drivers.temperature.w1",
    ("proximity", "adc"): "drivers.proximity.adc",
    ("tamper", "gpio"): "drivers.inputs.gpio",
    ("lights", "sim"): "drivers.sim.signals",
    ("lights", "gpio"): "drivers.signals.gpio",
    ("buzzer", "sim"): "drivers.sim.signals",
    ("buzzer", "gpio"): "drivers.signals.gpio",
}
SIMULATED_INPUTS = ("residual_current", "protective_earth", "emergency_stop", "station_fault", "temperature")
"""What a simulated connector has besides its configured devices, so that every fault can be played."""


class Context(msgspec.Struct, frozen=True):
    """What a driver may know of where it is used. `world` is the simulated world, `port` the way to it; None without."""

    connector_id: int
    max_current_a: float
    phases: int
    nominal_voltage_v: float
    cable: str = "socket"
    world: Any = None
    port: Any = None
    desk: Any = None


def names(kind: str) -> list[str]:
    """The drivers there are for a kind of device."""
    return [name for found, name in DRIVERS if found == kind]


def _module(kind: str, options: Mapping[str, object]) -> Any:
    driver = options.get("driver")
    place = DRIVERS.get((kind, str(driver)))
    if place is None:
        allowed = ", ".join(f'"{name}"' for name in names(kind)) or "none yet: leave this slot out"
        raise Misconfigured("driver", f"unknown driver {driver!r} for {kind}; allowed: {allowed}")
    return importlib.import_module(place)


def _options(module: Any, options: Mapping[str, object]) -> Any:
    given = {name: int(value) if isinstance(value, float) and value.is_integer() else value  # a number may have a point
             for name, value in options.items() if name != "driver"}
    known = {field.encode_name: field for field in msgspec.structs.fields(module.Options)}
    for name in given:
        if name not in known:
            allowed = ", ".join(known) or "no options"
            raise Misconfigured(name, f"unknown option; allowed: {allowed}")
    for name, field in known.items():
        if field.required and name not in given:
            raise Misconfigured("", f"{name} is missing; allowed: {module.ALLOWED.get(name, 'a value')}")
    try:
        return msgspec.convert(given, module.Options)
    except msgspec.ValidationError as error:
        name = next((name for name in known if f"$.{name}" in str(error)), "")
        what = str(error).split(" - at ")[0]
        allowed = module.ALLOWED.get(name, "see the documentation of the driver")
        raise Misconfigured(name, f"{what}; allowed: {allowed}") from error


def module_and_options(kind: str, options: Mapping[str, object]) -> tuple[Any, Any]:
    """A driver's module and its checked options. Raises Misconfigured."""
    module = _module(kind, options)
    return module, _options(module, options)


def check(kind: str, options: Mapping[str, object]) -> None:
    """Judge the options of a device without touching hardware. Raises Misconfigured with the key at fault."""
    module = _module(kind, options)
    checked = _options(module, options)
    judge = getattr(module, "check", None)
    if judge is not None:
        judge(checked)


def quantities(kind: str, options: Mapping[str, object]) -> frozenset[str]:
    """What a meter tells, in the words of `drivers.meter.register_map.QUANTITIES`; touches no hardware.

    A driver that does not say is taken to tell no more than `MeterReading` demands.
    """
    module = _module(kind, options)
    tell = getattr(module, "quantities", None)
    return frozenset(tell(_options(module, options))) if tell is not None else frozenset()


def create(kind: str, options: Mapping[str, object], context: Context) -> Any:
    """The driver for one device. Raises Misconfigured; hardware is touched only when the driver is used."""
    module = _module(kind, options)
    return getattr(module, kind)(_options(module, options), context)


def simulated_world() -> Any:
    """The module of the simulated world: the one way to `drivers.sim` besides the table above."""
    return importlib.import_module("drivers.sim.world")


def simulation(module: str) -> Any:
    """Another module of the simulation (`port`, `desk`), loaded only where something is simulated."""
    return importlib.import_module(f"drivers.sim.{module}")
