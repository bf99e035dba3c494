"""Modbus TCP in the place of a serial port: minimalmodbus writes and reads RTU frames here, on the network each has a TCP header.

The header carries a transaction number, so an answer to an older request is known as such and dropped. A gateway that passes
RTU frames through untouched speaks another protocol, and is not what this is for.
"""

import socket
import struct
import time
from urllib.parse import urlsplit

from serial import SerialException

SCHEME, PORT = "tcp://", 502
CONNECTS_WITHIN_S = 3.0
_HEAD = struct.Struct(">HHHB")
"""Transaction, protocol (0: Modbus), how many bytes follow, unit; the last of them counts as the first that follows."""
MOST_BYTES = 254


def crc16(frame: bytes) -> bytes:
    """Modbus CRC, low byte first."""
    crc = 0xFFFF
    for byte in frame:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xA001 if crc & 1 else 0)
    return crc.to_bytes(2, "little")


def host_and_port(url: str) -> tuple[str, int]:
    """Where `tcp://HOST[:PORT]` leads. Raises ValueError for anything else."""
    parts = urlsplit(url)
    if not url.startswith(SCHEME) or not parts.hostname or parts.path or parts.query or parts.fragment or parts.username is not None:
        raise ValueError(url)
    port = PORT if parts.port is None else parts.port
    if port == 0:
        raise ValueError(url)
    return parts.hostname, port


class TcpPort:
    """One connection. Its errors are those of a serial port that is gone: OSError, or SerialException, which is one."""

    baudrate = 115_200
    """For the library, which keeps the silence of a line between frames: the shortest there is."""

    def __init__(self, url: str, timeout_s: float) -> None:
        self.port, self.timeout, self.is_open = url, timeout_s, True
        self._socket = socket.create_connection(host_and_port(url), CONNECTS_WITHIN_S)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._transaction = 0
        self._arrived = bytearray()

    def write(self, frame: bytes) -> int:
        """Send one RTU frame; its CRC is the network's business from here on."""
        self._transaction = (self._transaction + 1) & 0xFFFF
        unit, body = frame[0], frame[1:-2]
        self._socket.settimeout(CONNECTS_WITHIN_S)
        self._socket.sendall(_HEAD.pack(self._transaction, 0, len(body) + 1, unit) + body)
        return len(frame)

    def read(self, size: int = 1) -> bytes:
        """The answer to the last request as an RTU frame, at most `size` bytes of it; empty when none comes in time."""
        end_s = time.monotonic() + self.timeout
        while True:
            frame = self._frame()
            if frame is not None:
                return frame[:size]
            left_s = end_s - time.monotonic()
            if left_s <= 0:
                return b""
            self._receive(left_s)

    def _receive(self, within_s: float) -> None:
        self._socket.settimeout(within_s)
        try:
            content = self._socket.recv(1024)
        except TimeoutError:
            return
        if not content:
            raise SerialException("the other side has closed the connection")
        self._arrived += content

    def _frame(self) -> bytes | None:
        """The answer, when it has arrived whole; answers to older requests are dropped on the way."""
        while len(self._arrived) >= _HEAD.size:
            transaction, protocol, length, unit = _HEAD.unpack_from(self._arrived)
            if protocol != 0 or not 2 <= length <= MOST_BYTES:
                raise SerialException("what answers does not speak Modbus TCP")
            end = _HEAD.size - 1 + length
            if len(self._arrived) < end:
                return None
            body = bytes([unit]) + bytes(self._arrived[_HEAD.size:end])
            del self._arrived[:end]
            if transaction == self._transaction:
                return body + crc16(body)
        return None

    def reset_input_buffer(self) -> None:
        """Nothing to do: what is old is known by its number, and half an answer must not be lost."""

    reset_output_buffer = flush = reset_input_buffer

    def open(self) -> None:
        """It is open as long as it lives."""

    def close(self) -> None:
        """Hang up."""
        self.is_open = False
        self._socket.close()
