"""Reads the pilot line through an MCP3208 or MCP3008: bursts of samples, back to back, in a thread of their own.

An integrating converter cannot see the plateaus (an ADS1115 needs longer for one sample than the whole period), a fast one
at any phase can: 128 samples find even a plateau of 10 % with a doubt of one in a million (hardware-drivers.md section 2).
"""

import os
import random
import threading
import time
from collections.abc import Callable, Sequence
from typing import Protocol

from drivers.errors import Disconnected, DriverError
from drivers.pilot.plateaus import Plateaus, duty_seen
from drivers.protocols import PilotSample

BURST = 128
PAUSE_MOST_S = 0.001
"""A random pause between bursts, so that no rate locks to the 1 kHz and sees one plateau for ever."""
RETRY_S = 0.2
FIRST_BURST_WITHIN_S = 0.2
"""The very first reading waits so long for its burst: a start is no fault of the pilot, and nothing is energised yet."""
PRIORITY = 51
"""One above the guard's cycle, which waits for what this thread publishes."""
BITS = {"mcp3208": 12, "mcp3008": 10}


class Spi(Protocol):
    """What is used of `spidev.SpiDev`."""

    def xfer2(self, content: list[int]) -> Sequence[int]:
        """Send bytes, give as many back."""

    def close(self) -> None:
        """Release the bus."""


def open_spi(bus: int, device: int, speed_hz: int) -> Spi:
    """The real bus. Raises Disconnected."""
    try:
        import spidev
    except ImportError as error:
        raise Disconnected("spidev is needed for the pilot's converter: install evcp[spi]") from error
    spi = spidev.SpiDev()
    try:
        spi.open(bus, device)
    except OSError as error:
        raise Disconnected(f"/dev/spidev{bus}.{device}: {error.strerror}; is dtparam=spi=on in config.txt?") from error
    spi.max_speed_hz = speed_hz
    spi.mode = 0
    return spi  # type: ignore[no-any-return]  # the library has no types


opener: Callable[[int, int, int], Spi] = open_spi
"""Tests and the wired demo put a converter here that renders a waveform."""


class Converter:
    """One channel of the converter, in volts on the pilot line: `volts = gain * reference * share + offset`."""

    def __init__(self, kind: str, channel: int, *, bus: int, device: int, speed_hz: int, reference_v: float, gain: float,
                 offset_v: float) -> None:
        self._bits, self._channel = BITS[kind], channel
        self._place = (bus, device, speed_hz)
        self._scale_v = gain * reference_v / (1 << self._bits)
        self._offset_v = offset_v
        self._spi: Spi | None = None
        self._request = self._command()

    def _command(self) -> list[int]:
        """Start bit, single-ended, channel: framed so that the answer's last bits are the value."""
        word = (0b11000 | self._channel) << (self._bits + 2)
        return [word >> 16 & 0xFF, word >> 8 & 0xFF, word & 0xFF]

    def burst(self, count: int = BURST) -> list[float]:
        """`count` samples back to back, in volts. Raises Disconnected."""
        if self._spi is None:
            self._spi = opener(*self._place)
        spi, request, mask = self._spi, self._request, (1 << self._bits) - 1
        try:
            raw = [spi.xfer2(list(request)) for _ in range(count)]
        except OSError as error:
            self.close()
            raise Disconnected(f"the pilot's converter does not answer: {error}") from error
        scale_v, offset_v = self._scale_v, self._offset_v
        return [((high << 8 | low) & mask) * scale_v + offset_v for _, high, low in raw]

    def close(self) -> None:
        """Release the bus."""
        if self._spi is not None:
            self._spi.close()
            self._spi = None


class Sampler:
    """Bursts for ever; `newest` is what the last one saw."""

    def __init__(self, converter: Converter, *, clock: Callable[[], float] = time.monotonic, frozen_after_s: float = 0.0) -> None:
        self._converter, self._clock = converter, clock
        self._frozen_after_s = frozen_after_s
        self._same_v: float | None = None
        self._same_since_s = 0.0
        self._plateaus = Plateaus()
        self._newest: PilotSample | None = None
        self._failure: DriverError | None = None
        self._ending = threading.Event()
        self._chance = random.Random()  # of its own: a thread must not draw from what others share
        self._begun = threading.Event()
        self._thread: threading.Thread | None = None
        self.pwm = False
        """Whether the generator runs a square wave now; the driver tells."""
        self.duty = 1.0
        """The share of high samples in the last burst."""

    def newest(self) -> PilotSample:
        """The last burst's result. Raises DriverError when the converter does not answer, or has not begun."""
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="evcp-pilot", daemon=True)
            self._thread.start()
            self._begun.wait(FIRST_BURST_WITHIN_S)
        if self._failure is not None:
            raise self._failure
        if self._newest is None:
            raise Disconnected("the pilot's converter has not given a burst yet")
        return self._newest

    def take(self) -> PilotSample | None:
        """One burst now; None when the generator changed in the middle of it: such a burst proves nothing. Raises Disconnected."""
        pwm = self.pwm
        volts = self._converter.burst()
        if self._frozen_after_s > 0:
            self._refuse_frozen(volts)
        if pwm is not self.pwm:
            return None
        high_v, low_v = self._plateaus.find(volts, pwm=pwm)
        self.duty = duty_seen(volts)
        return PilotSample(self._clock(), high_v, low_v)

    def _refuse_frozen(self, volts: list[float]) -> None:
        """One value for seconds is no measurement, where the line is known to show noise (F-PILOT). Raises Disconnected."""
        now_s = self._clock()
        if self._same_v is None or volts.count(self._same_v) != len(volts):
            self._same_v, self._same_since_s = volts[-1], now_s
        elif now_s - self._same_since_s >= self._frozen_after_s:
            raise Disconnected(f"the pilot's converter has given nothing but {self._same_v:.3f} V for {self._frozen_after_s:g} s: it is "
                               "frozen; where the line shows no noise, set frozen_after_s = 0")

    def _run(self) -> None:
        _become_urgent()
        while not self._ending.is_set():
            try:
                sample = self.take()
            except DriverError as error:
                self._failure = error
                self._begun.set()
                self._ending.wait(RETRY_S)
                continue
            if sample is not None:
                self._newest, self._failure = sample, None
                self._begun.set()
            self._ending.wait(self._chance.random() * PAUSE_MOST_S)

    def close(self) -> None:
        """End the thread and release the bus."""
        self._ending.set()
        if self._thread is not None:
            self._thread.join(1.0)
        self._converter.close()


def _become_urgent() -> None:
    """Real-time priority for this thread, where it is permitted; the guard has already told if it is not."""
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(PRIORITY))
    except OSError:
        return
