"""A Modbus TCP meter, or a gateway with several, on loopback: it can misbehave in the ways that networks and gateways do."""

import contextlib
import socket
import struct
import threading
from collections.abc import Callable

from drivers.meter import register_map as maps
from drivers.protocols import MeterReading
from drivers.sim.modbus_slave import SERIAL_NUMBER, quantities

HEAD = struct.Struct(">HHHB")
REQUEST_BYTES = 12
LATE_S = 0.15


class TcpMeter:
    """`port` is what the configuration names; `source` gives the reading of a unit."""

    def __init__(self, model: str, source: Callable[[int], MeterReading], *, units: tuple[int, ...] = (1,)) -> None:
        self._map, self._source, self._units = maps.load(model), source, units
        self.mode = "good"
        self.requests = self.connections = 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = f"tcp://127.0.0.1:{self._listener.getsockname()[1]}"
        self._open: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self) -> None:
        """The device is gone: who asks finds nobody."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.hang_up()

    def hang_up(self) -> None:
        """Every connection ends; new ones are taken."""
        while self._open:
            connection = self._open.pop()
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                self.connections += 1
                self._open.append(connection)
                threading.Thread(target=self._serve, args=[connection], daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        received = b""
        with contextlib.suppress(OSError):
            while content := connection.recv(1024):
                received += content
                while len(received) >= REQUEST_BYTES:
                    request, received = received[:REQUEST_BYTES], received[REQUEST_BYTES:]
                    self._answer(connection, request)

    def _answer(self, connection: socket.socket, request: bytes) -> None:
        transaction, protocol, length, unit = HEAD.unpack_from(request)
        assert (protocol, length) == (0, 6)
        self.requests += 1
        if unit not in self._units or self.mode == "silent":
            return
        answer = self._packed(transaction, unit, self._body(unit, request[HEAD.size:]))
        match self.mode:
            case "exception":
                answer = self._packed(transaction, unit, bytes([request[7] | 0x80, 4]))
            case "late":
                threading.Timer(LATE_S, self._send, [connection, answer]).start()
                return
            case "older first":
                answer = self._packed(transaction - 1 & 0xFFFF, unit, bytes([request[7], 2 * request[11]]) + b"\x40" * 2 * request[11]) + answer
            case "in pieces":
                for at in range(len(answer)):
                    self._send(connection, answer[at:at + 1])
                return
            case "http":
                answer = b"HTTP/1.1 400 Bad Request\r\n\r\n"
            case "hangs up":
                self.hang_up()
                return
        self._send(connection, answer)

    @staticmethod
    def _send(connection: socket.socket, content: bytes) -> None:
        with contextlib.suppress(OSError):
            connection.sendall(content)

    @staticmethod
    def _packed(transaction: int, unit: int, body: bytes) -> bytes:
        return HEAD.pack(transaction, 0, len(body) + 1, unit) + body

    def _body(self, unit: int, request: bytes) -> bytes:
        function, start, count = struct.unpack(">BHH", request)
        registers = maps.encode(self._map, quantities(self._source(unit)))
        if self._map.identity is not None:
            registers[self._map.identity.address] = SERIAL_NUMBER >> 16
            registers[self._map.identity.address + 1] = SERIAL_NUMBER & 0xFFFF
        content = b"".join(registers.get(start + at, 0).to_bytes(2, "big") for at in range(count))
        return bytes([function, len(content)]) + content
