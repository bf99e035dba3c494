"""A PN532 on a pseudo-terminal that speaks the chip's frames: the real pn532pi code talks to it byte by byte.

Commands: GetFirmwareVersion, SAMConfiguration, RFConfiguration, InListPassiveTarget. It can be slow to acknowledge, keep a poll
pending for ever, answer errors or nothing, and vanish.
"""

import os
import pty
import select
import threading
import time
import tty

ACK = bytes.fromhex("0000FF00FF00")
ERROR = bytes.fromhex("0000FF01FF7F8100")
FIRMWARE = bytes((0x32, 0x01, 0x06, 0x07))
FOR_EVER = 0xFF
POLL_S = 0.015
"""How long a poll with finite retries looks for a card."""


def frame(content: bytes) -> bytes:
    """A frame from the chip."""
    length = len(content) + 1
    checksum = -(0xD5 + sum(content)) & 0xFF
    return bytes((0, 0, 0xFF, length, -length & 0xFF, 0xD5)) + content + bytes((checksum, 0))


class PtyPn532:
    """One reader; `path` is the port to configure, `card` the UID in the field."""

    def __init__(self) -> None:
        self.card: bytes | None = None
        self.mode = "good"
        """"good", "silent", "no_ack", "error", "empty", "short_uid", "bad_checksum"."""
        self.ack_delay_s = 0.0
        self.polls = 0
        self._retries = FOR_EVER
        self._pending = False
        self._master, self._slave = pty.openpty()
        tty.setraw(self._master)
        tty.setraw(self._slave)
        self.path = os.ttyname(self._slave)
        self._wake_read, self._wake_write = os.pipe()
        self._thread = threading.Thread(target=self._run, name="evcp-pty-pn532", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Pull the adapter."""
        os.write(self._wake_write, b"x")
        self._thread.join()
        for descriptor in (self._master, self._slave, self._wake_read, self._wake_write):
            os.close(descriptor)

    def _run(self) -> None:
        received = b""
        while True:
            ready, _, _ = select.select([self._master, self._wake_read], [], [], 0.005)
            if self._wake_read in ready:
                return
            if self._pending and self.card is not None:
                self._pending = False
                self._send(self._target())
            if self._master not in ready:
                continue
            try:
                received += os.read(self._master, 512)
            except OSError:
                return
            received = self._take(received)

    def _take(self, received: bytes) -> bytes:
        """Answer every whole command; what is left waits for more bytes."""
        while True:
            start = received.find(b"\x00\xff")
            if start < 0 or len(received) < start + 4:
                return received[-1:] if start < 0 else received[start:]
            length = received[start + 2]
            end = start + 4 + length + 2
            if len(received) < end:
                return received[start:]
            body, received = received[start + 5:start + 4 + length], received[end:]
            self._command(body)

    def _command(self, body: bytes) -> None:
        self._pending = False
        if self.mode == "silent":
            return
        if self.ack_delay_s:
            time.sleep(self.ack_delay_s)
        if self.mode != "no_ack":
            self._send(ACK)
        if self.mode == "error":
            self._send(ERROR)
            return
        match body[0]:
            case 0x02:
                self._send(frame(b"\x03" + FIRMWARE))
            case 0x14:
                self._send(frame(b"\x15"))
            case 0x32:
                self._retries = body[4] if len(body) > 4 and body[1] == 5 else self._retries
                self._send(frame(b"\x33"))
            case 0x4A:
                self._poll()

    def _poll(self) -> None:
        self.polls += 1
        if self.card is not None:
            self._send(self._target())
        elif self._retries == FOR_EVER:
            self._pending = True
        else:
            time.sleep(POLL_S)
            self._send(frame(b"\x4b\x00"))

    def _target(self) -> bytes:
        """The answer that lists the card in the field."""
        uid = self.card or b""
        shown = uid[:2] if self.mode == "short_uid" else uid
        content = b"\x4b" if self.mode == "empty" else b"\x4b\x01\x01\x00\x04\x08" + bytes((len(shown),)) + shown
        answer = frame(content)
        return answer[:-2] + bytes((answer[-2] ^ 0xFF, 0)) if self.mode == "bad_checksum" else answer

    def _send(self, content: bytes) -> None:
        try:
            os.write(self._master, content)
        except OSError:
            return  # the adapter was pulled meanwhile
