"""The configuration as typed values; attribute names are those of the TOML file. Durations s, currents A, voltage V."""

from collections.abc import Mapping
from typing import Literal, TypeAlias

import msgspec

Device: TypeAlias = Mapping[str, object]
"""The table of a device: `driver` and that driver's options."""


class ChargePoint(msgspec.Struct, frozen=True):
    """Who this charge point is."""

    identity: str
    vendor: str
    model: str
    serial_number: str
    charge_box_serial_number: str
    firmware_version: str
    iccid: str
    imsi: str
    meter_type: str
    meter_serial_number: str


class Csms(msgspec.Struct, frozen=True):
    """How the central system is reached."""

    url: str
    message_timeout_s: float
    boot_retry_s: float
    reconnect_min_s: float
    reconnect_max_s: float
    boot_on_reconnect: bool
    compat: bool
    certificates_directory: str
    check_hostname: bool


class SiteMeter(msgspec.Struct, frozen=True):
    """The meter of the grid connection."""

    device: Device
    fuse_a: float
    fallback_a: float


class Site(msgspec.Struct, frozen=True):
    """The installation behind the charge point."""

    supply_limit_a: float
    phases: int
    nominal_voltage_v: float
    meter: tuple[SiteMeter, ...] = ()


class Storage(msgspec.Struct, frozen=True):
    """Where everything durable lives, and how long what is over stays there."""

    directory: str
    keep_days: int


class Charging(msgspec.Struct, frozen=True):
    """Choices of the operator."""

    after_power_loss: Literal["stop", "resume"]
    before_accepted: bool
    free_id_tag: str
    on_meter_loss: Literal["stop", "continue"]


class GuardSettings(msgspec.Struct, frozen=True):
    """The link to the guard."""

    socket: str
    offer_valid_s: float


class Control(msgspec.Struct, frozen=True):
    """The control socket."""

    socket: str
    http: str


class Log(msgspec.Struct, frozen=True):
    """How much is logged."""

    level: Literal["debug", "info", "warning", "error"]


class SmartCharging(msgspec.Struct, frozen=True):
    """What GetCompositeSchedule says."""

    composite_default_limit_a: float
    report_start_schedule: bool


class FirmwareSettings(msgspec.Struct, frozen=True):
    """What updates are allowed."""

    require_signed: bool
    private_servers: bool


class Simulation(msgspec.Struct, frozen=True):
    """How the simulated world behaves."""

    energy_scale: float
    install_s: float
    reboot_after_update: bool
    install_ok: bool


class TemperatureLimits(msgspec.Struct, frozen=True):
    """Where heat begins to cost current, where 6 A are left, and where charging stops; degrees Celsius."""

    derate_from_c: float = 60.0
    derate_to_c: float = 75.0
    stop_c: float = 80.0


class Connector(msgspec.Struct, frozen=True):
    """One outlet with its devices; an optional slot that is not configured is None."""

    id: int
    max_current_a: float
    phases: int
    cable: Literal["socket", "tethered"]
    ventilation: bool
    contactor: Device
    pilot: Device
    lock: Device
    meter: Device
    priority: int
    proximity: Device | None = None
    residual_current: Device | None = None
    temperature: Device | None = None
    phase_switch: Device | None = None
    emergency_stop: Device | None = None
    protective_earth: Device | None = None
    tamper: Device | None = None
    lights: Device | None = None
    buzzer: Device | None = None
    wake_up: Literal["off", "x1", "f"] = "off"
    phase_pause_s: float = 60.0
    temperature_limits: TemperatureLimits = TemperatureLimits()
    """Written in the table of the slot `temperature`."""
    measured: frozenset[str] = frozenset()
    """What the meter's driver tells, in the words of the register maps; empty in the guard, which has no use for it."""

    def devices(self) -> dict[str, Device]:
        """Every configured device by its slot."""
        slots = {name: getattr(self, name) for name in DEVICE_SLOTS}
        return {name: device for name, device in slots.items() if device is not None}


REQUIRED_SLOTS = ("contactor", "pilot", "meter")
OPTIONAL_SLOTS = ("proximity", "residual_current", "temperature", "phase_switch", "emergency_stop", "protective_earth",
                  "tamper", "lights", "buzzer")
DEVICE_SLOTS = ("contactor", "pilot", "lock", "meter", *OPTIONAL_SLOTS)


class Reader(msgspec.Struct, frozen=True):
    """One card reader and the connectors it serves."""

    device: Device
    connectors: tuple[int, ...]


class Configuration(msgspec.Struct, frozen=True):
    """The whole file. `path` is where it was read, `directory` the folder that relative paths count from."""

    path: str
    directory: str
    charge_point: ChargePoint
    csms: Csms
    ocpp: Mapping[str, str]
    """First-start values of configuration keys, by exact name, in OCPP's text form."""
    site: Site
    storage: Storage
    charging: Charging
    guard: GuardSettings
    control: Control
    log: Log
    smart_charging: SmartCharging
    firmware: FirmwareSettings
    simulation: Simulation
    connector: tuple[Connector, ...]
    reader: tuple[Reader, ...]

    def ceiling_a(self, connector_id: int) -> float:
        """What connector `connector_id` may ever offer, before its cable is known (T-OVERPWR)."""
        row = next(row for row in self.connector if row.id == connector_id)
        return min(row.max_current_a, self.site.supply_limit_a)

    def drivers(self) -> list[str]:
        """The driver names of all devices."""
        devices = [device for row in self.connector for device in row.devices().values()]
        devices += [row.device for row in self.reader] + [row.device for row in self.site.meter]
        return [str(device["driver"]) for device in devices]

    @property
    def any_sim(self) -> bool:
        """Some device is simulated, so there is a simulated world."""
        return "sim" in self.drivers()

    @property
    def all_sim(self) -> bool:
        """Every device is simulated: guard and controller may share one loop."""
        return all(driver in ("sim", "none") for driver in self.drivers())
