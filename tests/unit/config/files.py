"""Configuration files for the tests: one that is whole, one that has only what is required, and a hand to change them."""

from pathlib import Path

from controller.config import Configuration, check, load

SMALLEST = """\
[charge_point]
identity = "CP-0042"
vendor = "Example"
model = "Pi-AC22"

[csms]
url = "ws://127.0.0.1:9000/ocpp"

[[connector]]
id = 1
contactor = { driver = "sim" }
pilot = { driver = "sim" }
meter = { driver = "sim" }
"""
"""What contract.md section 2 requires, and nothing else."""

WHOLE = """\
[charge_point]
identity = "CP-0042"
vendor = "Example"
model = "Pi-AC22"
serial_number = "SN1"
charge_box_serial_number = "CB1"
firmware_version = "1.4.2"
iccid = ""
imsi = ""
meter_type = ""
meter_serial_number = ""

[csms]
url = "ws://127.0.0.1:9000/ocpp"
message_timeout_s = 30
boot_retry_s = 60
reconnect_min_s = 1
reconnect_max_s = 300
boot_on_reconnect = false
compat = false
certificates_directory = "certificates"
check_hostname = true

[ocpp]
HeartbeatInterval = 300
MeterValueSampleInterval = 60

[site]
supply_limit_a = 32
phases = 3
nominal_voltage_v = 230

[[site.meter]]
driver = "sim"
fuse_a = 63
fallback_a = 6

[storage]
directory = "/var/lib/evcp"
keep_days = 90

[charging]
after_power_loss = "stop"
before_accepted = false
free_id_tag = ""
on_meter_loss = "stop"

[guard]
socket = "/run/evcp/guard.sock"
offer_valid_s = 10

[control]
socket = "/run/evcp/control.sock"
http = ""

[log]
level = "info"

[smart_charging]
composite_default_limit_a = 0
report_start_schedule = false

[firmware]
require_signed = false
private_servers = true

[simulation]
energy_scale = 1.0
install_s = 2.0
reboot_after_update = true
install_ok = true

[[connector]]
id = 1
max_current_a = 32
phases = 3
cable = "socket"
ventilation = false
contactor = { driver = "sim" }
pilot = { driver = "sim" }
lock = { driver = "sim" }
meter = { driver = "sim" }
temperature = { driver = "sim", derate_from_c = 60, derate_to_c = 75, stop_c = 80 }
priority = 0
wake_up = "off"
phase_pause_s = 60

[[reader]]
driver = "sim"
connectors = [1]
"""
"""The example of contract.md section 2, every key with the default shown there."""


class File:
    """One configuration file in a folder of its own."""

    def __init__(self, folder: Path, text: str = SMALLEST) -> None:
        self.path = folder / "evcp.toml"
        self.text = text

    def set(self, table: str, key: str, value: str) -> "File":
        """Write `key = value` into `[table]` or the first `[[table]]`, in place of what is there."""
        lines = self.text.splitlines()
        header = next((h for h in (f"[{table}]", f"[[{table}]]") if h in lines), None)
        if header is None:
            lines += ["", f"[{table}]"]
            header = lines[-1]
        first = lines.index(header) + 1
        last = next((n for n in range(first, len(lines)) if lines[n].startswith("[")), len(lines))
        place = next((n for n in range(first, last) if lines[n].startswith(f"{key} =")), None)
        lines[place or first:(place or first - 1) + 1] = [f"{key} = {value}"]
        self.text = "\n".join(lines) + "\n"
        return self

    def without(self, beginning: str) -> "File":
        """Drop the first line that begins so."""
        lines = self.text.splitlines()
        lines.remove(next(line for line in lines if line.startswith(beginning)))
        self.text = "\n".join(lines) + "\n"
        return self

    def line(self, beginning: str, nth: int = 1) -> int:
        """The number of the nth line that begins so."""
        return [n for n, line in enumerate(self.text.splitlines(), 1) if line.startswith(beginning)][nth - 1]

    def load(self) -> Configuration:
        """The configuration; fails on any mistake."""
        self.path.write_text(self.text)
        return load(self.path)

    def problems(self) -> list[str]:
        """What `evcp config check` would print, without the name of the file: `line: table.key: what`."""
        self.path.write_text(self.text)
        found = check(self.path)
        assert all(problem.startswith(f"{self.path}:") for problem in found)
        return [problem.removeprefix(f"{self.path}:") for problem in found]
