"""The kernel's PWM through sysfs: finds its chip by itself, writes in the order the kernel wants, reads back what it wrote.

Once set up only `duty_cycle` changes: one write is one glitch-free change. Steady levels are duty 0 and duty 100 %, never
`enable = 0`, whose level nobody promises. A dying process does not stop the output (hardware-drivers.md sections 1.2, 3.4).
"""

import errno
import glob
import os
from typing import Protocol

from drivers.errors import BadReply, Disconnected

ROOT = "/sys/class/pwm"
PERIOD_NS = 1_000_000
"""1 kHz (IEC 61851-1 Annex A)."""
HEADER_CHIPS = ("fe20c000.pwm", "3f20c000.pwm", "1f00098000.pwm")
"""Device-tree names of the PWM behind the header's pins: Pi 4, Pi 3 with Zero 2 W, Pi 5. A fan has a chip of its own."""
PERMISSION = "the udev rule of systemd/ gives the group gpio the files of exported channels; see docs/hardware"


class Files(Protocol):
    """The few things done with files; the kernel's in production, a tree with the kernel's rules in tests."""

    def chips(self, root: str) -> dict[int, str]:
        """Every pwmchipN there is, with the name of its device."""

    def exists(self, path: str) -> bool:
        """Whether the folder is there."""

    def writable(self, path: str) -> bool:
        """Whether we may write the file."""

    def read(self, path: str) -> str:
        """Its content. Raises OSError."""

    def write(self, path: str, text: str) -> None:
        """One write. Raises OSError."""


class SystemFiles:
    """The kernel's."""

    def chips(self, root: str) -> dict[int, str]:
        """By the device that each chip's folder points to."""
        return {int(path.rpartition("pwmchip")[2]): os.path.basename(os.path.realpath(os.path.join(path, "device")))
                for path in glob.glob(os.path.join(root, "pwmchip[0-9]*"))}

    def exists(self, path: str) -> bool:
        """Whether the folder is there."""
        return os.path.isdir(path)

    def writable(self, path: str) -> bool:
        """Whether we may write the file."""
        return os.access(path, os.W_OK)

    def read(self, path: str) -> str:
        """Its content. Raises OSError."""
        with open(path, encoding="ascii") as file:
            return file.read()

    def write(self, path: str, text: str) -> None:
        """One write, as the kernel wants it. Raises OSError."""
        descriptor = os.open(path, os.O_WRONLY)
        try:
            os.write(descriptor, text.encode())
        finally:
            os.close(descriptor)


files: Files = SystemFiles()
"""Tests and the wired demo put a tree here that enforces the kernel's rules."""


class SysfsPwm:
    """One channel. `chip` is a number, or None to find the one behind the header's pins."""

    def __init__(self, channel: int, *, chip: int | None = None, inverted: bool = False, root: str = ROOT) -> None:
        self._channel, self._chip, self._inverted, self._root = channel, chip, inverted, root
        self._folder: str | None = None
        self._duty_ns: int | None = None
        self._wish_ns: int | None = None

    def set_duty(self, duty: float) -> None:
        """Drive the line at `duty` (0 to 1), rounded down to whole nanoseconds. Raises DriverError.

        The first calls may find the channel not ready yet: udev sets its permissions after the kernel has made it.
        """
        duty_ns = int(duty * PERIOD_NS + 1e-6)
        if self._inverted:
            duty_ns = PERIOD_NS - duty_ns
        self._wish_ns = duty_ns
        if self._folder is None:
            self._set_up(duty_ns)
        elif duty_ns != self._duty_ns:
            self._write("duty_cycle", duty_ns)
        self._verify(duty_ns)

    def verify(self) -> None:
        """See that the output still runs as it was told last; set up anew a channel that was lost. Raises DriverError."""
        if self._wish_ns is None:
            return
        if self._folder is None:
            self._set_up(self._wish_ns)
        self._verify(self._wish_ns)

    # -- setting up --------------------------------------------------------------------------------------------------

    def _set_up(self, duty_ns: int) -> None:
        """Export, then period, duty, enable: a duty above the period is EINVAL, and a fresh channel has period 0."""
        chip = os.path.join(self._root, f"pwmchip{self._found_chip()}")
        folder = os.path.join(chip, f"pwm{self._channel}")
        if not files.exists(folder):
            self._export(chip)
        if not files.writable(os.path.join(folder, "period")):
            raise Disconnected(f"{folder} is not writable yet, or never: {PERMISSION}")
        self._folder = folder
        try:
            if self._read("period") != PERIOD_NS:
                if self._read("duty_cycle") > PERIOD_NS:
                    self._write("duty_cycle", 0)
                self._write("period", PERIOD_NS)
            self._write("duty_cycle", duty_ns)
            if self._read("enable") != 1:
                self._write("enable", 1)
        except (Disconnected, BadReply):
            self._folder = None
            raise

    def _export(self, chip: str) -> None:
        try:
            files.write(os.path.join(chip, "export"), f"{self._channel}\n")
        except OSError as error:
            exported_already = error.errno == errno.EBUSY
            if not exported_already:
                raise Disconnected(f"{chip}/export: {error.strerror}; {PERMISSION}") from error

    def _found_chip(self) -> int:
        """The chip's number: it differs from kernel to kernel, so it is looked for by its device. Raises Disconnected."""
        if self._chip is not None:
            return self._chip
        chips = files.chips(self._root)
        for number, device in sorted(chips.items()):
            if device in HEADER_CHIPS:
                return number
        what = f"there are {sorted(chips)}, none of a Raspberry Pi's header" if chips else "there is none"
        raise Disconnected(f"no PWM chip found in {self._root}: {what}; add dtoverlay=pwm-2chan,pin=12,func=4,pin2=13,func2=4 "
                           "to config.txt, or name the chip with pwm_chip")

    # -- files -------------------------------------------------------------------------------------------------------

    def _path(self, name: str) -> str:
        assert self._folder is not None
        return os.path.join(self._folder, name)

    def _write(self, name: str, value: int) -> None:
        try:
            files.write(self._path(name), f"{value}\n")
        except OSError as error:
            where = self._path(name)
            self._lose()
            raise Disconnected(f"{where}: {error.strerror}") from error
        if name == "duty_cycle":
            self._duty_ns = value

    def _read(self, name: str) -> int:
        try:
            return int(files.read(self._path(name)))
        except (OSError, ValueError) as error:
            where = self._path(name)
            self._lose()
            raise Disconnected(f"{where}: {error}") from error

    def _verify(self, duty_ns: int) -> None:
        present_ns = self._read("duty_cycle")
        if present_ns != duty_ns:
            where = self._path("duty_cycle")
            self._lose()
            raise BadReply(f"{where} reads {present_ns} after {duty_ns} was written; does another program use this channel?")

    def _lose(self) -> None:
        """The channel is gone or not ours: begin anew at the next use."""
        self._folder = self._duty_ns = None

