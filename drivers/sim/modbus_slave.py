"""A Modbus RTU slave on a pseudo-terminal that answers as any meter of the register maps would.

For the demo and the tests: the daemon reads it with its real driver, byte by byte. It can misbehave in every way that meters
and cables do.
"""

import os
import pty
import select
import threading
import tty
from collections.abc import Callable, Mapping

from drivers.meter import register_map as maps
from drivers.meter.tcp_port import crc16
from drivers.protocols import MeterReading

MODES = ("good", "silent", "crc", "short", "late", "exception", "echo", "noise", "wrong_address")
REQUEST_BYTES = 8
SERIAL_NUMBER = 2026_0001


def quantities(reading: MeterReading) -> dict[str, float]:
    """What a reading is in the words of the register maps."""
    values = {"energy_wh": reading.energy_wh, "power_w": reading.power_w, "power_import_w": reading.power_w,
              "frequency_hz": reading.frequency_hz or 50.0, "energy_export_wh": 0.0, "power_factor": 1.0}
    for phase in (1, 2, 3):
        values[f"voltage_l{phase}_v"] = reading.voltage_v[phase - 1]
        values[f"current_l{phase}_a"] = reading.current_a[phase - 1]
        values[f"power_l{phase}_w"] = (reading.power_phase_w or (0.0, 0.0, 0.0))[phase - 1]
    return values


class PtyMeter:
    """One slave; `path` is the port to configure."""

    def __init__(self, model: str, source: Callable[[], MeterReading], *, address: int = 1) -> None:
        self._map = maps.load(model)
        self._source = source
        self._address = address
        self.mode = "good"
        self.requests = 0
        self._master, self._slave = pty.openpty()
        tty.setraw(self._master)
        tty.setraw(self._slave)
        self.path = os.ttyname(self._slave)
        self._wake_read, self._wake_write = os.pipe()
        self._thread = threading.Thread(target=self._run, name="evcp-pty-meter", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Pull the adapter: whoever reads the port finds it gone."""
        os.write(self._wake_write, b"x")
        self._thread.join()
        for descriptor in (self._master, self._slave, self._wake_read, self._wake_write):
            os.close(descriptor)

    def _run(self) -> None:
        received = b""
        while True:
            ready, _, _ = select.select([self._master, self._wake_read], [], [])
            if self._wake_read in ready:
                return
            try:
                received += os.read(self._master, 256)
            except OSError:
                return
            while len(received) >= REQUEST_BYTES:
                request, received = received[:REQUEST_BYTES], received[REQUEST_BYTES:]
                if crc16(request[:-2]) != request[-2:]:
                    received = b""
                elif request[0] == self._address:
                    self._answer(request)

    def _answer(self, request: bytes) -> None:
        self.requests += 1
        reply = self._reply(request)
        match self.mode:
            case "silent":
                return
            case "crc":
                reply = reply[:-1] + bytes([reply[-1] ^ 0xFF])
            case "short":
                reply = reply[:len(reply) // 2]
            case "late":
                threading.Timer(1.0, self._send, [reply]).start()
                return
            case "exception":
                body = bytes([request[0], request[1] | 0x80, 4])
                reply = body + crc16(body)
            case "echo":
                reply = request + reply
            case "noise":
                reply = b"\x00\xff" + reply
            case "wrong_address":
                body = bytes([request[0] + 1]) + reply[1:-2]
                reply = body + crc16(body)
        self._send(reply)

    def _send(self, content: bytes) -> None:
        try:
            os.write(self._master, content)
        except OSError:
            return  # the adapter was pulled meanwhile

    def _reply(self, request: bytes) -> bytes:
        start, count = int.from_bytes(request[2:4], "big"), int.from_bytes(request[4:6], "big")
        registers = self._registers()
        content = b"".join(registers.get(start + at, 0).to_bytes(2, "big") for at in range(count))
        body = bytes([request[0], request[1], len(content)]) + content
        return body + crc16(body)

    def _registers(self) -> Mapping[int, int]:
        registers = maps.encode(self._map, quantities(self._source()))
        if self._map.identity is not None:
            registers[self._map.identity.address] = SERIAL_NUMBER >> 16
            registers[self._map.identity.address + 1] = SERIAL_NUMBER & 0xFFFF
        return registers
