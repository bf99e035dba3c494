"""Every key of the configuration file as one row: what it may be, what it is when absent, and what it means.

The loader checks by these rows and the documentation is generated from them, so they cannot disagree.
"""

from collections.abc import Callable
from typing import TypeAlias
from urllib.parse import urlsplit

import msgspec

Check: TypeAlias = Callable[[object], object]
"""Takes a TOML value, gives the value used; raises ValueError that says what is wrong and what is allowed."""

REQUIRED = "required"
"""Stands for a default where there is none."""


class Row(msgspec.Struct, frozen=True):
    """One key of a table."""

    name: str
    check: Check
    default: object
    allowed: str
    meaning: str

    @property
    def required(self) -> bool:
        """Whether the file must have it."""
        return self.default is REQUIRED


def _kind(value: object) -> str:
    names = {bool: "a boolean", str: "a string", int: "an integer", float: "a number", dict: "a table", list: "a list"}
    return next((name for kind, name in names.items() if type(value) is kind), f"a {type(value).__name__}")


def text(lowest: int, highest: int, *, ascii_only: bool = True) -> tuple[Check, str]:
    """A string of `lowest` to `highest` printable characters; what goes into an OCPP message is ASCII."""
    allowed = f"a string of {lowest} to {highest} printable {'ASCII ' if ascii_only else ''}characters"

    def check(value: object) -> object:
        if not isinstance(value, str):
            raise ValueError(f"is {_kind(value)}; allowed: {allowed}")
        if not lowest <= len(value) <= highest or (ascii_only and not value.isascii()) or not value.isprintable():
            raise ValueError(f"{value[:60]!r} has {len(value)} characters; allowed: {allowed}")
        return value

    return check, allowed


def path() -> tuple[Check, str]:
    """A file path; relative ones count from the folder of the configuration file."""
    allowed = "a path, absolute or relative to the folder of this file"

    def check(value: object) -> object:
        if not isinstance(value, str) or not value or "\0" in value:
            raise ValueError(f"is {_kind(value) if not isinstance(value, str) else 'empty'}; allowed: {allowed}")
        return value

    return check, allowed


def number(lowest: float, highest: float, unit: str) -> tuple[Check, str]:
    """A number, written as int or float."""
    allowed = f"{lowest:g} to {highest:g} {unit}".rstrip()

    def check(value: object) -> object:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ValueError(f"is {_kind(value)}; allowed: a number, {allowed}")
        if not lowest <= value <= highest:
            raise ValueError(f"{value} is out of range; allowed: {allowed}")
        return float(value)

    return check, allowed


def integer(lowest: int, highest: int) -> tuple[Check, str]:
    """A whole number; 3.0 is one."""
    allowed = f"a whole number, {lowest} to {highest}"

    def check(value: object) -> object:
        whole = isinstance(value, int) or (isinstance(value, float) and value.is_integer())
        if isinstance(value, bool) or not whole or not isinstance(value, int | float):
            raise ValueError(f"is {_kind(value)}; allowed: {allowed}")
        if not lowest <= value <= highest:
            raise ValueError(f"{value} is out of range; allowed: {allowed}")
        return int(value)

    return check, allowed


def flag() -> tuple[Check, str]:
    """True or false."""

    def check(value: object) -> object:
        if not isinstance(value, bool):
            raise ValueError(f"is {_kind(value)}; allowed: true, false")
        return value

    return check, "true, false"


def choice(*options: object) -> tuple[Check, str]:
    """One of a few values."""
    allowed = ", ".join(f'"{option}"' if isinstance(option, str) else str(option) for option in options)

    def check(value: object) -> object:
        if isinstance(value, bool) or value not in options:
            raise ValueError(f"{value!r} is not one of them; allowed: {allowed}")
        return next(option for option in options if option == value)

    return check, allowed


def url() -> tuple[Check, str]:
    """The endpoint of a central system, or nothing."""
    allowed = 'a ws:// or wss:// URL with a host, without user, query and fragment; "" for no central system'

    def check(value: object) -> object:
        if not isinstance(value, str):
            raise ValueError(f"is {_kind(value)}; allowed: {allowed}")
        if value:
            try:
                parts = urlsplit(value)
                fine = parts.scheme in ("ws", "wss") and bool(parts.hostname) and not (parts.query or parts.fragment)
                fine = fine and parts.username is None and (parts.port is None or parts.port > 0)
            except ValueError:
                fine = False
            if not fine or any(character.isspace() for character in value):
                shown = "what is written" if "@" in value else repr(value[:80])  # what stands before the @ may be a password
                raise ValueError(f"{shown} is no such URL; allowed: {allowed}")
        return value

    return check, allowed


def address() -> tuple[Check, str]:
    """HOST:PORT to listen on, or nothing."""
    allowed = '"HOST:PORT", e.g. "127.0.0.1:8080"; "" for no TCP port'

    def check(value: object) -> object:
        if not isinstance(value, str):
            raise ValueError(f"is {_kind(value)}; allowed: {allowed}")
        host, colon, port = value.rpartition(":")
        if value and not (host and colon and port.isascii() and port.isdigit() and 0 < int(port) < 65_536):
            raise ValueError(f"{value[:60]!r} is no address; allowed: {allowed}")
        return value

    return check, allowed


def device() -> tuple[Check, str]:
    """A table with at least `driver`; the driver checks its own options."""
    allowed = 'a table { driver = "...", ... }'

    def check(value: object) -> object:
        if not isinstance(value, dict):
            raise ValueError(f"is {_kind(value)}; allowed: {allowed}")
        if not isinstance(value.get("driver"), str):
            raise ValueError(f"names no driver; allowed: {allowed}")
        return value

    return check, allowed


def connector_ids() -> tuple[Check, str]:
    """A list of connector ids."""
    allowed = "a list of connector ids, e.g. [1]"

    def check(value: object) -> object:
        fine = isinstance(value, list) and value and all(isinstance(i, int) and not isinstance(i, bool) for i in value)
        if not fine or not isinstance(value, list) or len(set(value)) != len(value) or not all(0 < i <= 1000 for i in value):
            raise ValueError(f"is no such list; allowed: {allowed}, each once")
        return tuple(value)

    return check, allowed


def row(name: str, rule: tuple[Check, str], default: object, meaning: str) -> Row:
    """A row from a rule."""
    return Row(name, rule[0], default, rule[1], meaning)


TABLES: dict[str, tuple[Row, ...]] = {
    "charge_point": (
        row("identity", text(1, 255, ascii_only=False), REQUIRED, "In the URL (percent-encoded) and for Basic authentication."),
        row("vendor", text(1, 20), REQUIRED, "chargePointVendor of BootNotification."),
        row("model", text(1, 20), REQUIRED, "chargePointModel of BootNotification."),
        row("serial_number", text(0, 25), "", "chargePointSerialNumber."),
        row("charge_box_serial_number", text(0, 25), "", "chargeBoxSerialNumber."),
        row("firmware_version", text(0, 50), "", "firmwareVersion; the version of this program when absent."),
        row("iccid", text(0, 20), "", "Of the modem's SIM."),
        row("imsi", text(0, 20), "", "Of the modem's SIM."),
        row("meter_type", text(0, 25), "", "Of the main meter."),
        row("meter_serial_number", text(0, 25), "", "Of the main meter."),
    ),
    "csms": (
        row("url", url(), REQUIRED, "Endpoint; the identity is appended as the last path segment."),
        row("message_timeout_s", number(1, 300, "s"), 30.0, "First-start value of the key MessageTimeout."),
        row("boot_retry_s", number(1, 86_400, "s"), 60.0, "BootNotification again after an error or an interval of 0."),
        row("reconnect_min_s", number(0.1, 3600, "s"), 1.0, "Shortest wait before dialling again."),
        row("reconnect_max_s", number(0.1, 86_400, "s"), 300.0, "Longest wait before dialling again."),
        row("boot_on_reconnect", flag(), False, "BootNotification on every connection."),
        row("compat", flag(), False, "Answer malformed CALLs as the common Python toolkits expect."),
        row("certificates_directory", path(), "certificates", "Trusted roots, relative to the storage directory."),
        row("check_hostname", flag(), True, "TLS host name check."),
    ),
    "site": (
        row("supply_limit_a", number(6, 1000, "A"), 32.0, "The whole charge point, per phase."),
        row("phases", choice(1, 3), 3, "Phases of the supply."),
        row("nominal_voltage_v", number(100, 250, "V"), 230.0, "Phase to neutral."),
    ),
    "storage": (
        row("directory", path(), "/var/lib/evcp", "Everything the daemon writes is below it."),
        row("keep_days", integer(1, 36_500), 90, "So long sessions and given-up messages are kept once nothing is owed of them."),
    ),
    "charging": (
        row("after_power_loss", choice("stop", "resume"), "stop", "What becomes of a transaction a restart finds open."),
        row("before_accepted", flag(), False, "Charge although no central system has ever accepted this charge point."),
        row("free_id_tag", text(0, 20), "", "Plugging in is enough; this idTag is used."),
        row("on_meter_loss", choice("stop", "continue"), "stop", "30 s without a reading: stop, or go on at 6 A."),
    ),
    "guard": (
        row("socket", path(), "/run/evcp/guard.sock", "Between guard and controller as two services."),
        row("offer_valid_s", number(2, 60, "s"), 10.0, "An offer that is not renewed so long is withdrawn by the guard."),
    ),
    "control": (
        row("socket", path(), "/run/evcp/control.sock", "The control socket."),
        row("http", address(), "", "The same over TCP."),
    ),
    "log": (row("level", choice("debug", "info", "warning", "error"), "info", "debug shows every OCPP frame."),),
    "smart_charging": (
        row("composite_default_limit_a", number(0, 1000, "A"), 0.0,
            "What GetCompositeSchedule reports where no profile speaks; 0: the hardware limit."),
        row("report_start_schedule", flag(), False, "startSchedule inside GetCompositeSchedule.conf."),
    ),
    "firmware": (
        row("require_signed", flag(), False, "Plain UpdateFirmware is answered NotSupported."),
        row("private_servers", flag(), True, "Allow file transfer to loopback and private addresses."),
    ),
    "simulation": (
        row("energy_scale", number(0, 100_000, ""), 1.0, "0 freezes the simulated register, 60 makes minutes hours."),
        row("install_s", number(0, 3600, "s"), 2.0, "How long a simulated installation takes."),
        row("reboot_after_update", flag(), True, "Whether it restarts the daemon."),
        row("install_ok", flag(), True, "false: every simulated installation fails."),
    ),
}

CONNECTOR: tuple[Row, ...] = (
    row("id", integer(1, 1000), REQUIRED, "1, 2, ... without gaps."),
    row("max_current_a", number(6, 80, "A"), 32.0, "What contactor and wiring carry, per phase."),
    row("phases", choice(1, 3), 3, "Phases of this outlet."),
    row("cable", choice("socket", "tethered"), "socket", "A tethered cable has no lock."),
    row("ventilation", flag(), False, "State D is served."),
    row("contactor", device(), REQUIRED, "The relay in the power path."),
    row("pilot", device(), REQUIRED, "The control pilot."),
    row("lock", device(), {"driver": "none"}, 'The bolt; { driver = "none" } without one.'),
    row("meter", device(), REQUIRED, "The energy meter."),
    row("priority", integer(-1000, 1000), 0, "Local load management: higher first, equal ones share."),
    row("wake_up", choice("off", "x1", "f"), "off", "A car that does not ask for 30 s beside an offer is shown +12 V, or first state F (old hybrids "
        "take that for a fault), once per plug-in."),
    row("phase_pause_s", number(10, 600, "s"), 60.0, "Without an offer between one phase and three, for a car that was offered power before."),
    row("proximity", device(), None, "Cable rating."),
    row("residual_current", device(), None, "Residual-current monitor."),
    row("temperature", device(), None, "Temperature sensor."),
    row("phase_switch", device(), None, "One or three phases."),
    row("emergency_stop", device(), None, "Emergency-stop input."),
    row("protective_earth", device(), None, "Protective-earth monitor."),
    row("tamper", device(), None, "Enclosure contact."),
    row("lights", device(), None, "Status light."),
    row("buzzer", device(), None, "Card feedback."),
)
TEMPERATURE: tuple[Row, ...] = (
    row("derate_from_c", number(0, 120, "C"), 60.0, "From here on less current is offered."),
    row("derate_to_c", number(0, 120, "C"), 75.0, "Here 6 A are left."),
    row("stop_c", number(0, 120, "C"), 80.0, "Above it charging stops; it goes on 10 degrees below."),
)
"""What the slot `temperature` has besides its driver's options."""
READER: tuple[Row, ...] = (
    row("connectors", connector_ids(), (1,), "Which connectors a card here may mean."),
)
SITE_METER: tuple[Row, ...] = (
    row("fuse_a", number(6, 1000, "A"), 63.0, "What the building may draw, per phase."),
    row("fallback_a", number(0, 1000, "A"), 6.0, "For all connectors together when the meter has been silent for 10 s."),
)
