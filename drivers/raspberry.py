"""What a Raspberry Pi must be set to so that a dead process leaves no contactor closed; each missing thing with its remedy.

Stock kernels keep a GPIO output driven after its process has died (hardware-drivers.md section 3.4). These checks are the second
and fourth of the layers against that; the first, a relay stage that needs pulses, is hardware and cannot be seen from here.
"""

import glob
from collections.abc import Collection
from pathlib import Path

KEPT_OUTPUTS = ("sys/module/pinctrl_bcm2835/parameters/persist_gpio_outputs", "sys/module/pinctrl_rp1/parameters/persist_gpio_outputs")
CONFIG_FILES = ("boot/firmware/config.txt", "boot/config.txt")
SYSTEM_CONF = ("etc/systemd/system.conf", "etc/systemd/system.conf.d/*.conf")


def advice(contactors: Collection[object], root: Path = Path("/")) -> list[str]:
    """What to set on this machine, in sentences; empty on one that is no Raspberry Pi, or drives no contactor by a line.

    `contactors` are the names of their drivers.
    """
    model = _text(root / "proc/device-tree/model")
    if "Raspberry Pi" not in model or "gpio" not in contactors:
        return []
    checks = (_outputs_are_released(root), _watchdog_is_there(root), _manager_kicks_it(root))
    return [sentence for sentence in checks if sentence]


def _outputs_are_released(root: Path) -> str:
    """A released line must become an input."""
    parameters = [value for name in KEPT_OUTPUTS if (value := _text(root / name))]
    if parameters:
        return "" if all(value.upper().startswith("N") for value in parameters) else _KEPT
    lines = [line.strip() for name in CONFIG_FILES for line in _text(root / name).splitlines()]
    return "" if any(line.startswith("dtparam=") and "strict_gpiod" in line for line in lines) else _KEPT


_KEPT = ("GPIO outputs stay as they are when their process dies: add dtparam=strict_gpiod to config.txt and reboot; "
         "until then only the relay stage's keep-alive drops the contactor")


def _watchdog_is_there(root: Path) -> str:
    found = glob.glob(str(root / "dev/watchdog*"))
    return "" if found else "there is no hardware watchdog: add dtparam=watchdog=on to config.txt and reboot"


def _manager_kicks_it(root: Path) -> str:
    """systemd resets the board when it hangs itself."""
    text = "\n".join(_text(Path(path)) for pattern in SYSTEM_CONF for path in sorted(glob.glob(str(root / pattern))))
    values = [line.partition("=")[2].strip() for line in text.splitlines() if line.strip().startswith("RuntimeWatchdogSec=")]
    watched = bool(values) and values[-1] not in ("", "0", "off", "infinity")
    return "" if watched else "nobody kicks the hardware watchdog: set RuntimeWatchdogSec=10 in /etc/systemd/system.conf"


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace").rstrip("\0\n")
    except OSError:
        return ""
