"""An MCP3208 or MCP3008 that renders what is on its channels, sample by sample: the pilot's square wave with edges, noise, drift.

Stands where `spidev.SpiDev` stands; speaks the chip's own framing, so that the real driver's bytes are tried.
"""

import math
import random
import time
from collections.abc import Callable, Sequence
from typing import TypeAlias

Signal: TypeAlias = Callable[[float], float]
"""Volts at the converter's pin at a moment."""
PERIOD_S = 0.001
PACE = 32
"""A paced chip takes the time of so many conversions at once: a sleep cannot be as short as one."""


class AdcChip:
    """The chip; `channels` maps a number to its signal."""

    def __init__(self, channels: dict[int, Signal], *, bits: int = 12, reference_v: float = 3.3, sample_s: float = 0.0,
                 clock: Callable[[], float] = time.monotonic, paced: bool = False) -> None:
        self._channels, self._bits, self._reference_v, self._clock = channels, bits, reference_v, clock
        self._sample_s = sample_s
        self._paced = paced
        self._elapsed_s = 0.0
        self._conversions = 0
        self.dead = False
        self.frozen: int | None = None
        """While set, every channel reads this raw value."""
        self.closed = False

    def xfer2(self, content: list[int]) -> Sequence[int]:
        """One conversion: start bit, single-ended, channel; then a null bit and the value."""
        if self.dead:
            raise OSError(5, "Input/output error")
        word = content[0] << 16 | content[1] << 8 | content[2]
        request = word >> (self._bits + 2)
        if request & 0b11000 != 0b11000:
            raise AssertionError(f"no start bit, or not single-ended: {content}")
        self._elapsed_s += self._sample_s
        self._conversions += 1
        if self._paced and self._conversions % PACE == 0:
            time.sleep(PACE * self._sample_s)
        raw = self._convert(request & 0b111)
        return [0, raw >> 8 & 0xFF, raw & 0xFF]

    def _convert(self, channel: int) -> int:
        if self.frozen is not None:
            return self.frozen
        volts = self._channels[channel](self._clock() + self._elapsed_s)
        share = volts / self._reference_v
        return max(0, min((1 << self._bits) - 1, math.floor(share * (1 << self._bits))))

    def close(self) -> None:
        """The bus is released."""
        self.closed = True


class PilotSignal:
    """The pilot line behind its divider: two plateaus, slopes of some microseconds, noise, a slow drift."""

    def __init__(self, levels: Callable[[], tuple[float, float, float]], *, gain: float = 8.0, offset_v: float = -13.2,
                 noise_v: float = 0.05, edge_s: float = 6e-6, drift_v: float = 0.0, seed: int = 1) -> None:
        self._levels, self._gain, self._offset_v = levels, gain, offset_v
        self._noise_v, self._edge_s, self.drift_v = noise_v, edge_s, drift_v
        self._random = random.Random(seed)

    def line_v(self, at_s: float) -> float:
        """Volts on the line: `levels` gives the duty cycle, the high and the low plateau."""
        duty, high_v, low_v = self._levels()
        phase_s = at_s % PERIOD_S
        if duty >= 1.0:
            level_v = high_v
        elif duty <= 0.0:
            level_v = low_v
        elif phase_s < self._edge_s:
            level_v = low_v + (high_v - low_v) * phase_s / self._edge_s
        elif phase_s < duty * PERIOD_S:
            level_v = high_v
        elif phase_s < duty * PERIOD_S + self._edge_s:
            level_v = high_v + (low_v - high_v) * (phase_s - duty * PERIOD_S) / self._edge_s
        else:
            level_v = low_v
        return level_v + self.drift_v + self._random.gauss(0.0, self._noise_v)

    def __call__(self, at_s: float) -> float:
        """Volts at the converter's pin."""
        return (self.line_v(at_s) - self._offset_v) / self._gain
