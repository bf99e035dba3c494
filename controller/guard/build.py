"""Makes the guard from the configuration: which devices each connector has, and the simulated world where there is one."""

import time
from collections.abc import Callable
from typing import Any, cast

from controller.config import Configuration, Connector
from controller.faults import FaultKind
from controller.guard.complaints import nobody
from controller.guard.cycle import Channel, Devices, Limits
from controller.guard.guard import Guard
from controller.guard.link import GuardEnd
from drivers import registry
from drivers.protocols import FaultInput, ResidualMonitor

INPUTS = {
    "residual_current": FaultKind.RCD, "protective_earth": FaultKind.GROUND, "emergency_stop": FaultKind.ESTOP,
    "station_fault": FaultKind.OTHER,
}
"""Which wire tells of which fault."""
SIMULATED_PARTS = ("pilot", "contactor", "lock", "meter", "phase_switch")


def build_world(configuration: Configuration, now: Callable[[], float] = time.monotonic) -> Any:
    """The simulated world of this configuration; None when nothing of it is simulated."""
    if not configuration.any_sim:
        return None
    world = registry.simulated_world()
    outlets = [
        world.OutletSpec(row.id, row.max_current_a, row.phases, row.lock["driver"] != "none",
                         frozenset(part for part in SIMULATED_PARTS if row.devices().get(part, {}).get("driver") == "sim"))
        for row in configuration.connector
    ]
    return world.World(now, outlets, nominal_voltage_v=configuration.site.nominal_voltage_v,
                       energy_scale=configuration.simulation.energy_scale,
                       site_meter=any(meter.device["driver"] == "sim" for meter in configuration.site.meter))


def build_guard(configuration: Configuration, end: GuardEnd, world: Any, *, count_late_only: bool = False,
                tell: Callable[[str], None] = nobody) -> Guard:
    """The guard with every device that the configuration gives it; `tell` hears what devices say when they fail.

    Raises drivers.errors.Misconfigured.
    """
    channels = [_channel(configuration, row, world, tell) for row in configuration.connector]
    return Guard(channels, end, count_late_only=count_late_only)


def _channel(configuration: Configuration, row: Connector, world: Any, tell: Callable[[str], None]) -> Channel:
    context = registry.Context(row.id, row.max_current_a, row.phases, configuration.site.nominal_voltage_v, row.cable, world)
    wanted = dict(row.devices())
    if row.contactor["driver"] == "sim":
        for kind in registry.SIMULATED_INPUTS:
            wanted.setdefault(kind, {"driver": "sim"})
    inputs: dict[FaultKind, FaultInput] = {
        fault: registry.create(kind, wanted[kind], context) for kind, fault in INPUTS.items() if kind in wanted
    }
    monitor = inputs.get(FaultKind.RCD)
    devices = Devices(
        pilot=registry.create("pilot", row.pilot, context), contactor=registry.create("contactor", row.contactor, context),
        lock=registry.create("lock", row.lock, context), inputs=inputs,
        residual=cast("ResidualMonitor", monitor) if getattr(monitor, "testable", False) else None,
        temperature=registry.create("temperature", wanted["temperature"], context) if "temperature" in wanted else None,
        phase_switch=registry.create("phase_switch", wanted["phase_switch"], context) if "phase_switch" in wanted else None,
        proximity=registry.create("proximity", wanted["proximity"], context) if "proximity" in wanted else None,
    )
    limits = Limits(row.id, configuration.ceiling_a(row.id), row.max_current_a, configuration.site.nominal_voltage_v,
                    row.ventilation, derate_from_c=row.temperature_limits.derate_from_c,
                    derate_to_c=row.temperature_limits.derate_to_c, stop_c=row.temperature_limits.stop_c,
                    wake_up=row.wake_up, phase_pause_s=row.phase_pause_s)
    return Channel(devices, limits, tell)
