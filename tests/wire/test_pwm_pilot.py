"""The whole pilot driver: generator and converter together, through the guard's own eyes."""

import threading
import time

import pytest

from controller.guard.messages import Pilot
from controller.guard.pilot import PilotWatch, duty_for
from drivers.errors import Disconnected, Misconfigured
from drivers.pilot.adc import BURST, FIRST_BURST_WITHIN_S, Converter, Sampler
from drivers.pilot.pwm import Options, PwmPilot, check
from drivers.sim.adc_chip import AdcChip, PilotSignal


class Bench:
    """The driver on a simulated line, sampled by hand instead of by its thread."""

    def __init__(self, spi, pwm_tree, options=None) -> None:
        self.car_v = 12.0
        self.tree = pwm_tree
        signal = PilotSignal(lambda: (pwm_tree.duty(0) or 0.0, self.car_v, -12.0))
        self.now_s = 0.0
        self.chip = AdcChip({0: signal}, sample_s=1 / 9137, clock=lambda: self.now_s)
        spi[0, 0] = self.chip
        self.pilot = PwmPilot(options or Options())
        self.pilot._sampler._thread = threading.current_thread()  # no other thread: bursts are taken by hand
        self.pilot._sampler._clock = lambda: self.now_s
        self.watch = PilotWatch()

    def look(self, times=1):
        """Burst by burst, as the guard's cycle does."""
        for _ in range(times):
            self.now_s += 0.015
            sample = self.pilot._sampler.take()
            if sample is not None:
                self.pilot._sampler._newest = sample
            pwm = 0.0 < (self.tree.duty(0) or 0.0) < 1.0
            self.watch.look(self.pilot.read(), pwm=pwm, now_s=self.now_s)


@pytest.fixture
def bench(spi, pwm_tree):
    """A line with nothing plugged, steady at +12 V."""
    made = Bench(spi, pwm_tree)
    made.pilot.set_x1()
    return made


def test_the_guard_sees_the_car_come_and_ask_through_real_samples(bench):
    """From volts on the line to the confirmed states A, B and C with a fresh diode check (iec61851 2, 4.1)."""
    bench.look(10)
    states = [bench.watch.state]
    bench.car_v = 9.0
    bench.look(10)
    states.append(bench.watch.state)
    bench.pilot.set_pwm(duty_for(16.0))
    bench.look(5)
    bench.car_v = 6.0
    bench.look(40)
    states.append(bench.watch.state)
    assert states == [Pilot.A, Pilot.B, Pilot.C]
    assert bench.watch.diode_fresh(bench.now_s)


def test_a_car_that_lets_go_is_seen_within_three_bursts(bench):
    """The edge cuts one burst and two agree: 45 ms, which leaves the contactor its time (iec61851 4, sequence 8.1)."""
    bench.pilot.set_pwm(duty_for(16.0))
    bench.car_v = 6.0
    bench.look(60)
    bench.car_v = 9.0
    bench.look(3)
    assert bench.watch.state is Pilot.B


def test_the_offer_on_the_line_is_the_offer_that_was_made(bench):
    """16 A is 26.6666 %, never more (iec61851 3.2)."""
    bench.pilot.set_pwm(duty_for(16.0))
    assert bench.tree.duty(0) == pytest.approx(0.266666)
    assert bench.tree.duty(0) <= 16 / 60


def test_state_f_and_the_steady_level_are_duty_zero_and_one(bench):
    """Steady levels are duty cycles too; the output is never disabled (hardware-drivers 1.2)."""
    bench.pilot.set_f()
    assert bench.tree.duty(0) == 0.0
    bench.pilot.set_x1()
    assert bench.tree.duty(0) == 1.0


def test_a_vanished_generator_is_a_read_that_fails(bench):
    """The guard asks in every cycle, so it knows within one (F-PWM)."""
    bench.tree.vanish()
    with pytest.raises(Disconnected):
        bench.pilot.read()


def test_a_dead_converter_is_a_burst_that_fails(bench):
    """A line that nobody measures opens the contactor (F-PILOT)."""
    bench.chip.dead = True
    with pytest.raises(Disconnected, match="converter does not answer"):
        bench.pilot._sampler.take()


def test_a_frozen_converter_is_found_out_on_a_steady_line_too(spi, pwm_tree):
    """Where a part shows noise, one raw value for 5 s is no measurement: a car that comes would not be seen (F-PILOT)."""
    bench = Bench(spi, pwm_tree, Options(frozen_after_s=5.0))
    bench.pilot.set_x1()
    bench.look(400)
    bench.chip.frozen = 3000
    bench.look()
    frozen_at_s = bench.now_s
    with pytest.raises(Disconnected, match="nothing but .* V for 5 s: it is frozen"):
        bench.look(400)
    assert bench.now_s - frozen_at_s == pytest.approx(5.0, abs=0.02)
    with pytest.raises(Disconnected):
        bench.look()
    bench.chip.frozen = None
    bench.look(400)
    assert bench.watch.state is Pilot.A


def test_a_line_without_noise_is_no_frozen_converter_unless_it_is_said_to_have_some(bench):
    """Ten bits behind a good filter may well read the same for hours; only the installer knows."""
    bench.chip.frozen = 3000
    bench.look(1000)
    assert bench.watch.state is not Pilot.UNKNOWN


def test_closing_leaves_the_line_at_steady_twelve_volts(bench):
    """The kernel's PWM outlives the process: what it outlives with must be no offer (hardware-drivers 3.4)."""
    bench.pilot.set_pwm(0.5)
    bench.look()
    bench.pilot._sampler._thread = None
    bench.pilot.close()
    assert bench.tree.duty(0) == 1.0
    assert bench.chip.closed


@pytest.mark.parametrize(("options", "what"), [
    ({"kind": "software"}, "refused: its edges come 50 to 100 us late"),
    ({"channel": 9}, "9 is out of range"), ({"gain": 0.0}, "0 is not allowed"), ({"adc_channel": 8}, "0 to 7"),
    ({"frozen_after_s": 0.5}, "one raw value for so long"), ({"frozen_after_s": 61.0}, "1 to 60"),
])
def test_wrong_options_are_told_with_the_reason(options, what):
    """Software PWM is refused with the reason; everything else with what is allowed."""
    with pytest.raises(Misconfigured, match=what):
        check(Options(**options))


def test_the_first_reading_waits_for_the_first_burst():
    """A start is no fault of the pilot: nothing stands there as broken that has only not begun (F-PILOT)."""
    class Slow(Converter):
        def __init__(self):
            """On no bus."""

        def burst(self, count=BURST):
            threading.Event().wait(0.03)
            return [12.0] * count

        def close(self):
            """Nothing to release."""

    sampler = Sampler(Slow())
    sample = sampler.newest()
    sampler.close()
    assert (sample.high_v, sample.low_v) == (12.0, None)


def test_a_converter_that_is_not_there_is_told_at_once():
    """The first reading waits for a burst, not for a failure to go away (F-PILOT)."""
    class Gone(Converter):
        def __init__(self):
            """On no bus."""

        def burst(self, count=BURST):
            raise Disconnected("/dev/spidev0.0: No such file or directory")

        def close(self):
            """Nothing to release."""

    sampler, began_s = Sampler(Gone()), time.monotonic()
    with pytest.raises(Disconnected, match="spidev"):
        sampler.newest()
    sampler.close()
    assert time.monotonic() - began_s < FIRST_BURST_WITHIN_S
