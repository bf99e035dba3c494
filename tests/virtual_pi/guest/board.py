"""The board around the virtual Pi: a relay on a gpiochip line with its contact, a meter and a card reader on pseudo-terminals.

Follows the coil's line, drives the contacts' lines by their pulls, lets the meter count what flows, and answers questions over HTTP.
"""

import glob
import json
import os
import socket
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from drivers.protocols import MeterReading
from drivers.sim.modbus_slave import PtyMeter
from drivers.sim.pn532_chip import PtyPn532

COIL, FEEDBACK, KEEP_ALIVE = 17, 27, 22
CONTACTS = {"rcd": 24, "estop": 16}
RELEASES_AFTER_S, CLOSES_AFTER_S = 0.03, 0.02
STATE = Path("/var/lib/board-register")


class Lines:
    """The simulated chip's lines, seen from the board."""

    def __init__(self) -> None:
        (chip,) = glob.glob("/sys/devices/platform/gpio-sim.*/gpiochip*/sim_gpio0")
        self._folder = os.path.dirname(chip)

    def level(self, line: int) -> bool:
        """What is on the line."""
        return Path(f"{self._folder}/sim_gpio{line}/value").read_text().strip() == "1"

    def pull(self, line: int, up: bool) -> None:
        """What the board's resistor or contact makes of a line that is an input."""
        Path(f"{self._folder}/sim_gpio{line}/pull").write_text("pull-up" if up else "pull-down")


class Board:
    """Relay, meter and reader."""

    def __init__(self) -> None:
        self.lines = Lines()
        self.closed = False
        self.edges: list[tuple[float, bool]] = []
        self.contacts = dict.fromkeys(CONTACTS, True)
        self.keep_alive_edges = 0
        self._coil_since_s = time.monotonic()
        self._coil = self._keep_alive = False
        self._energy_wh = float(STATE.read_text()) if STATE.exists() else 1000.0
        self._counted_s = time.monotonic()
        self.meter = PtyMeter("sdm630", self.reading)
        self.reader = PtyPn532()
        for name, device in (("meter", self.meter), ("reader", self.reader)):
            os.chmod(device.path, 0o666)
            os.symlink(device.path, f"/run/board/{name}")

    @property
    def amperes(self) -> float:
        """A car that draws 16 A as long as the contact is closed."""
        return 16.0 if self.closed else 0.0

    def reading(self) -> MeterReading:
        """What the meter shows."""
        flowing = (self.amperes,) * 3
        return MeterReading(time.monotonic(), self._energy_wh, 690.0 * self.amperes, flowing, (230.0,) * 3, (230.0 * self.amperes,) * 3)

    def step(self) -> None:
        """The relay follows its coil, the contacts follow the relay, the meter counts."""
        now_s = time.monotonic()
        self._energy_wh += 690.0 * self.amperes * (now_s - self._counted_s) / 3600
        self._counted_s = now_s
        coil = self.lines.level(COIL)
        if coil is not self._coil:
            self._coil, self._coil_since_s = coil, now_s
            self.edges.append((now_s, coil))
        moves_after_s = CLOSES_AFTER_S if coil else RELEASES_AFTER_S
        if self.closed is not coil and now_s - self._coil_since_s >= moves_after_s:
            self.closed = coil
        self.lines.pull(FEEDBACK, self.closed)  # a mirror contact: open, and so high, while the main contacts are closed
        for name, line in CONTACTS.items():
            self.lines.pull(line, not self.contacts[name])
        keep_alive = self.lines.level(KEEP_ALIVE)
        self.keep_alive_edges += keep_alive is not self._keep_alive
        self._keep_alive = keep_alive

    def run(self) -> None:
        """For ever; the register is stored as a real meter stores its own."""
        steps = 0
        while True:
            self.step()
            steps += 1
            if steps % 100 == 0:
                fresh = STATE.with_suffix(".new")
                fresh.write_text(repr(self._energy_wh))
                with fresh.open("rb+") as file:
                    os.fsync(file.fileno())
                fresh.replace(STATE)
            time.sleep(0.005)

    def state(self) -> dict[str, object]:
        """Everything an observer could measure."""
        return {"coil": self._coil, "closed": self.closed, "energy_wh": self._energy_wh, "keep_alive_edges": self.keep_alive_edges,
                "edges": self.edges[-20:], "now_s": time.monotonic()}


def kill_guard() -> dict[str, object]:
    """SIGKILL to the guard; when that was, on the board's clock."""
    pid = subprocess.run(["systemctl", "show", "--property=MainPID", "--value", "evcp-guard"], capture_output=True, text=True,
                         check=True).stdout.strip()
    at_s = time.monotonic()
    os.kill(int(pid), 9)
    return {"killed_s": at_s, "pid": int(pid)}


def journal() -> dict[str, object]:
    """What the services said last."""
    text = subprocess.run(["journalctl", "--no-pager", "--lines=60", "-u", "evcp-guard", "-u", "evcp-controller", "-u", "evcp-board"],
                          capture_output=True, text=True, check=False).stdout
    return {"journal": text.splitlines()}


class Questions(BaseHTTPRequestHandler):
    """GET /state, /journal, /sync; POST /card, /contact, /kill-guard."""

    board: Board

    def do_GET(self) -> None:
        """Tell."""
        if self.path == "/sync":
            os.sync()
        self._answer(journal() if self.path == "/journal" else self.board.state())

    def do_POST(self) -> None:
        """Do."""
        body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"{}")
        if self.path == "/card":
            self.board.reader.card = bytes.fromhex(body["uid"]) if body.get("uid") else None
        elif self.path == "/contact":
            self.board.contacts[body["name"]] = bool(body["closed"])
        answer = kill_guard() if self.path == "/kill-guard" else self.board.state()
        self._answer(answer)

    def _answer(self, content: object) -> None:
        text = json.dumps(content).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_arguments: object) -> None:
        """Silent."""


def main() -> None:
    """Until the power is cut."""
    board = Board()
    board.step()
    Questions.board = board
    server = ThreadingHTTPServer(("0.0.0.0", 8081), Questions)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = os.environ.get("NOTIFY_SOCKET")
    if address:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notify:
            notify.sendto(b"READY=1", "\0" + address[1:] if address.startswith("@") else address)
    board.run()


if __name__ == "__main__":
    main()
