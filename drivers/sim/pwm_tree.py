"""A sysfs PWM tree in memory that keeps the kernel's rules, for the real pilot driver in tests and in the wired demo.

EINVAL for a duty above the period, EBUSY for a channel exported twice, permissions that come only some looks after the export,
channels that vanish and come back. What the output does is `duty`; every write is kept in `log`.
"""

import errno
import os
from collections.abc import Callable

ROOT = "/sys/class/pwm"
FILES = ("period", "duty_cycle", "enable", "polarity")


class PwmTree:
    """One chip with some channels."""

    def __init__(self, *, chip: int = 0, device: str = "fe20c000.pwm", channels: int = 2, permission_after: int = 0,
                 root: str = ROOT) -> None:
        self._root, self._chip, self._device, self._channels = root, chip, device, channels
        self._permission_after = permission_after
        self._looks = 0
        self._exported: dict[int, dict[str, str]] = {}
        self.vanished = False
        self.denied = False
        """EACCES for every write, as without the udev rule."""
        self.log: list[tuple[str, str]] = []
        self.on_change: Callable[[int, float], None] | None = None
        """Called with channel and duty when the output changes."""

    # -- what the driver sees ----------------------------------------------------------------------------------------

    def chips(self, root: str) -> dict[int, str]:
        """The chip, unless it vanished; beside it the one of a fan."""
        return {} if self.vanished or root != self._root else {self._chip: self._device, self._chip + 1: "fan"}

    def exists(self, path: str) -> bool:
        """Whether the channel's folder is there."""
        return not self.vanished and self._channel_of(path + "/period") in self._exported

    def writable(self, path: str) -> bool:
        """Permissions come late: udev sets them after the kernel has made the files."""
        self._looks += 1
        return self._channel_of(path) in self._exported and not self.denied and self._looks > self._permission_after

    def read(self, path: str) -> str:
        """The content of a channel's file."""
        return self._file(path)[os.path.basename(path)] + "\n"

    def write(self, path: str, text: str) -> None:
        """One write, judged as the kernel judges it."""
        self.log.append((path.removeprefix(self._root + "/"), text.strip()))
        if self.denied:
            raise OSError(errno.EACCES, os.strerror(errno.EACCES))
        if path == f"{self._root}/pwmchip{self._chip}/export":
            self._export(int(text))
            return
        files, name = self._file(path), os.path.basename(path)
        changed = {**files, name: text.strip()}
        if name in ("period", "duty_cycle") and int(changed["duty_cycle"]) > int(changed["period"]):
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        if name == "polarity" and files["enable"] == "1":
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))
        files[name] = text.strip()
        self._tell(self._channel_of(path))

    def _export(self, channel: int) -> None:
        if self.vanished or not 0 <= channel < self._channels:
            raise OSError(errno.ENODEV, os.strerror(errno.ENODEV))
        if channel in self._exported:
            raise OSError(errno.EBUSY, os.strerror(errno.EBUSY))
        self._exported[channel] = {"period": "0", "duty_cycle": "0", "enable": "0", "polarity": "normal"}
        self._looks = 0

    def _channel_of(self, path: str) -> int:
        """The N of `.../pwmN/file`; -1 for anything else."""
        folder = os.path.basename(os.path.dirname(path))
        inside = os.path.dirname(os.path.dirname(path)) == f"{self._root}/pwmchip{self._chip}"
        return int(folder[3:]) if inside and folder.startswith("pwm") and folder[3:].isdigit() else -1

    def _file(self, path: str) -> dict[str, str]:
        channel = self._channel_of(path)
        if self.vanished or channel not in self._exported or os.path.basename(path) not in FILES:
            raise OSError(errno.ENOENT, os.strerror(errno.ENOENT))
        return self._exported[channel]

    # -- what the world sees -----------------------------------------------------------------------------------------

    def duty(self, channel: int = 0) -> float | None:
        """What the output does: 0 to 1, None while it is not enabled."""
        files = self._exported.get(channel)
        if self.vanished or files is None or files["enable"] != "1" or files["period"] == "0":
            return None
        return int(files["duty_cycle"]) / int(files["period"])

    def _tell(self, channel: int) -> None:
        duty = self.duty(channel)
        if self.on_change is not None and duty is not None:
            self.on_change(channel, duty)

    def vanish(self) -> None:
        """The overlay was unloaded: every file is gone."""
        self.vanished = True
        self._exported.clear()

    def come_back(self) -> None:
        """The chip is there again, nothing exported."""
        self.vanished = False
