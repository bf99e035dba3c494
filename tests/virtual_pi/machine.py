"""The virtual Pi while it runs: boots, answers over HTTP, and can be cut off the power."""

import json
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from tests.virtual_pi.image import Image, Impossible

BOOT_WITHIN_S = 300.0
MEMORY_MIB = 512
"""A Pi Zero 2 W has no more."""


def free_port() -> int:
    """A port of loopback that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Machine:
    """One qemu process after another, on the same disk."""

    def __init__(self, image: Image) -> None:
        self._image = image
        self.daemon_port, self.board_port = free_port(), free_port()
        self._log = image.cache / "console.log"
        self._process: subprocess.Popen[bytes] | None = None

    def boot(self) -> None:
        """Switch it on."""
        forward = f"hostfwd=tcp:127.0.0.1:{self.daemon_port}-:8080,hostfwd=tcp:127.0.0.1:{self.board_port}-:8081"
        command = [
            "qemu-system-x86_64", "-accel", "tcg", "-cpu", "max", "-smp", "2", "-m", str(MEMORY_MIB), "-nographic", "-no-reboot",
            "-kernel", str(self._image.kernel), "-initrd", str(self._image.initramfs),
            "-append", "console=ttyS0 rw quiet loglevel=3 net.ifnames=0 systemd.show_status=0 mitigations=off",
            "-drive", f"file={self._image.disk},format=raw,if=virtio,cache=none,aio=threads",
            "-nic", f"user,model=virtio-net-pci,{forward}",
            "-serial", f"file:{self._log}", "-monitor", "none", "-display", "none",
        ]
        self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)

    def cut_power(self) -> None:
        """Without a word: what the guest had not synced is gone."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def console(self) -> str:
        """The end of what the kernel and systemd said."""
        return self._log.read_text(errors="replace")[-3000:] if self._log.exists() else ""

    def alive(self) -> None:
        """Raises Impossible when qemu has ended by itself."""
        if self._process is not None and self._process.poll() is not None:
            stderr = self._process.stderr.read().decode(errors="replace") if self._process.stderr is not None else ""
            raise Impossible(f"qemu ended with {self._process.returncode}: {stderr[-800:]}\n{self.console()}")

    def daemon(self, path: str, body: dict[str, object] | None = None) -> Any:
        """Ask the daemon's API. Raises OSError while it is not there."""
        return ask(self.daemon_port, path, body)

    def board(self, path: str, body: dict[str, object] | None = None) -> Any:
        """Ask the board: lines, card, meter. Raises OSError while it is not there."""
        return ask(self.board_port, path, body)

    def until(self, what: str, happened: Any, within_s: float = 60.0) -> Any:
        """Wait for a fact in the guest; its value. Raises AssertionError that shows the console."""
        end_s = time.monotonic() + within_s
        while time.monotonic() < end_s:
            self.alive()
            try:
                value = happened()
            except (OSError, ValueError):
                value = None
            if value:
                return value
            time.sleep(0.25)
        raise AssertionError(f"{what}: not within {within_s:g} s\n--- console\n{self.console()}\n--- board\n{self._last_words()}")

    def _last_words(self) -> str:
        words = []
        for ask_it in (lambda: self.board("/journal"), lambda: self.board("/state"), lambda: self.daemon("/api/v1/status")):
            try:
                words.append(json.dumps(ask_it(), indent=1)[-4000:])
            except OSError as error:
                words.append(str(error))
        return "\n".join(words)


def ask(port: int, path: str, body: dict[str, object] | None) -> Any:
    """One HTTP request to the guest; the decoded answer. Raises OSError."""
    content = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", data=content, headers={"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as error:
        raise OSError(f"{path}: HTTP {error.code}: {error.read()[:200]!r}") from error


def folder_for(cache: str | None, root: Path) -> Path:
    """Where the image is kept between runs."""
    return Path(cache) if cache else root / ".virtual-pi"
