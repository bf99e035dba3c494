"""From converter samples to plateaus: at every duty cycle, phase and noise; never a wrong level, sometimes none."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.pilot.adc import Converter, Sampler
from drivers.pilot.plateaus import Plateaus, steady
from drivers.sim.adc_chip import AdcChip, PilotSignal

SAMPLE_S = 1 / 9137  # no multiple of 1 kHz, as a free-running loop is none


class Line:
    """A pilot line behind a converter, sampled at some 9 kHz in a time of its own."""

    def __init__(self, spi, *, duty=1.0, high_v=12.0, low_v=-12.0, bits=12, noise_v=0.05, start_s=0.0) -> None:
        self.duty, self.high_v, self.low_v = duty, high_v, low_v
        self.signal = PilotSignal(lambda: (self.duty, self.high_v, self.low_v), noise_v=noise_v)
        self.chip = AdcChip({0: self.signal}, bits=bits, sample_s=SAMPLE_S, clock=lambda: start_s)
        spi[0, 0] = self.chip
        kind = "mcp3208" if bits == 12 else "mcp3008"
        self.sampler = Sampler(Converter(kind, 0, bus=0, device=0, speed_hz=1_000_000, reference_v=3.3, gain=8.0, offset_v=-13.2),
                               clock=lambda: 1.0)

    def burst(self):
        """One burst, as the guard would see it."""
        self.sampler.pwm = 0.0 < self.duty < 1.0
        return self.sampler.take()


@pytest.mark.parametrize("bits", [12, 10], ids=["mcp3208", "mcp3008"])
@pytest.mark.parametrize("duty", [0.1, 0.167, 0.267, 0.533, 0.85, 0.96])
@pytest.mark.parametrize("high_v", [9.0, 6.0, 3.0], ids=["B", "C", "D"])
def test_both_plateaus_are_found_at_every_duty_cycle(spi, bits, duty, high_v):
    """128 samples at 9 kHz see the shortest plateau, with edges and noise in between (hardware-drivers 2.3)."""
    line = Line(spi, duty=duty, high_v=high_v, bits=bits)
    for _ in range(5):
        sample = line.burst()
        assert sample.high_v == pytest.approx(high_v, abs=0.3)
        assert sample.low_v == pytest.approx(-12.0, abs=0.3)


@pytest.mark.parametrize(("duty", "level_v"), [(1.0, 12.0), (1.0, 9.0), (1.0, 6.0), (0.0, -12.0)])
def test_a_steady_line_is_one_level(spi, duty, level_v):
    """Without PWM there is no negative half and nothing to check (iec61851 2.2)."""
    line = Line(spi, duty=duty, high_v=level_v, low_v=level_v)
    sample = line.burst()
    assert sample.high_v == pytest.approx(level_v, abs=0.3)
    assert sample.low_v is None


def test_a_missing_diode_shows_in_the_negative_half(spi):
    """A bare resistor loads both halves (F-PILOT, iec61851 2.2)."""
    line = Line(spi, duty=0.5, high_v=6.0, low_v=-6.0)
    assert line.burst().low_v == pytest.approx(-6.0, abs=0.3)


def test_a_short_to_earth_shows_at_once(spi):
    """State E needs no second plateau to be known."""
    sample = Line(spi, duty=0.5, high_v=0.0, low_v=0.0).burst()
    assert (sample.high_v, sample.low_v) == (0.0, 0.0)


def test_somebody_elses_square_wave_on_a_steady_line_is_no_measurement(spi):
    """A bimodal line in X1 is a wiring fault: no level is made up for it."""
    line = Line(spi, duty=0.5, high_v=12.0, low_v=-12.0)
    line.sampler.pwm = False
    sample = line.sampler.take()
    assert sample is not None
    assert (sample.high_v, sample.low_v) == (None, None)


def test_a_burst_that_misses_a_plateau_keeps_it_for_three_bursts_only():
    """Bad luck is bridged, a rail that died is not (F-PILOT)."""
    plateaus = Plateaus()
    both, only_low = [9.0] * 10 + [-12.0] * 118, [-12.0] * 128
    assert plateaus.find(both, pwm=True) == (9.0, -12.0)
    held = [plateaus.find(only_low, pwm=True)[0] for _ in range(4)]
    assert held == [9.0, 9.0, 9.0, None]


def test_a_change_of_the_generator_forgets_what_was_held():
    """A plateau of the square wave says nothing about the steady line after it."""
    plateaus = Plateaus()
    plateaus.find([9.0] * 64 + [-12.0] * 64, pwm=True)
    plateaus.find([12.0] * 128, pwm=False)
    assert plateaus.find([-12.0] * 128, pwm=True) == (None, -12.0)


def test_a_burst_that_spans_a_change_of_the_generator_proves_nothing(spi):
    """Half steady, half square: such a burst is dropped."""
    line = Line(spi, duty=1.0)
    converter = line.sampler._converter
    original = converter.burst

    def changing(count=128):
        volts = original(count)
        line.sampler.pwm = True
        return volts

    converter.burst = changing
    assert line.sampler.take() is None


@settings(derandomize=True, deadline=None, max_examples=60)
@given(spikes=st.lists(st.floats(-13, 13), max_size=2), duty=st.sampled_from([0.1, 0.5, 0.85]), high_v=st.sampled_from([9.0, 6.0]))
def test_spikes_never_move_a_plateau(spikes, duty, high_v):
    """The median counts, never the extremes: a contactor's spike is no state (iec61851 4.1)."""
    high = int(128 * duty)
    volts = [high_v] * high + [-12.0] * (128 - high)
    volts[: len(spikes)] = spikes
    found_high, found_low = Plateaus().find(volts, pwm=True)
    assert found_high == high_v
    assert found_low == -12.0


def test_ripple_within_a_volt_is_still_steady():
    """The spread of a quiet line; more is not quiet."""
    assert steady([12.0, 12.2, 11.9, 12.1]) == pytest.approx(12.05)
    assert steady([12.0, 9.0] * 50) is None
