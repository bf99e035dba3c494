"""The wired bench: every real driver in this process, against devices that speak the real protocols, over one simulated outlet.

Kernel PWM files, a converter on SPI, relays and contacts on mock pins, a Modbus meter and a PN532 on pseudo-terminals, a
DS18B20's file. What happens on them is what happens in the simulated world; nothing of the drivers knows.
"""

import importlib
import threading
from collections.abc import Callable
from pathlib import Path

from drivers import lines
from drivers.pilot import adc, sysfs_pwm
from drivers.protocols import LockState
from drivers.sim.adc_chip import AdcChip, PilotSignal
from drivers.sim.modbus_slave import PtyMeter
from drivers.sim.outlet import Outlet
from drivers.sim.pn532_chip import PtyPn532
from drivers.sim.pwm_tree import PwmTree
from drivers.sim.relay_board import RelayBoard
from drivers.sim.world import OutletSpec, World

COIL, FEEDBACK, KEEP_ALIVE, LOCK, UNLOCK, BOLT = 17, 27, 22, 5, 6, 13
FAULT_PINS = {"rcd": 24, "ground": 25, "estop": 16}
MONITOR_TEST = 18
PHASES, PHASES_SHOWN = 23, 26
SAMPLE_S = 1 / 9137
"""No multiple of 1 kHz, as a free-running loop is none."""
STEP_S = 0.2
SENSOR = "28-000000000001"
TABLES = """
[[connector]]
id = 1
contactor = {{ driver = "gpio", pin = {coil}, feedback_pin = {feedback}, keep_alive_pin = {keep_alive} }}
pilot = {{ driver = "pwm", channel = 0 }}
lock = {{ driver = "gpio", lock_pin = {lock}, unlock_pin = {unlock}, feedback_pin = {bolt}, pulse_s = 0.25 }}
meter = {{ driver = "modbus", model = "{model}", port = "{meter}", address = 1 }}
residual_current = {{ driver = "gpio", pin = {rcd}, test_pin = {monitor_test} }}
protective_earth = {{ driver = "gpio", pin = {ground} }}
emergency_stop = {{ driver = "gpio", pin = {estop} }}
phase_switch = {{ driver = "gpio", pin = {phases}, feedback_pin = {phases_shown} }}
temperature = {{ driver = "w1", root = "{sensors}" }}
[[reader]]
driver = "pn532"
interface = "uart"
port = "{reader}"
poll_s = 0.1
"""


def load_libraries() -> None:
    """What the drivers load at their first use, before that: all share one interpreter here, and the pilot's burst must not wait."""
    for name in ("gpiozero", "minimalmodbus", "pn532pi.nfc.pn532", "drivers.rfid.pn532.transports"):
        importlib.import_module(name)


class WiredBench:
    """One outlet with every device of a charge point wired to it."""

    def __init__(self, now: Callable[[], float], folder: Path, *, model: str = "sdm630") -> None:
        parts = frozenset({"pilot", "contactor", "lock", "meter", "phase_switch"})
        load_libraries()
        self.world = World(now, [OutletSpec(1, 32.0, 3, has_lock=True, parts=parts)])
        self._now = now
        self._model = model
        self._lock = threading.RLock()
        self._sensors = folder / "w1"
        (self._sensors / SENSOR).mkdir(parents=True)
        self.pwm = PwmTree()
        self.pwm.on_change = lambda _channel, duty: self._outlet().generate(duty, now())
        signal = PilotSignal(self._levels)
        self.adc = AdcChip({0: signal}, sample_s=SAMPLE_S, clock=now, paced=True)
        self.pins = lines.mock_factory()
        self.board = RelayBoard(self.pins)
        self._wire()
        self.meter_port = folder / "evcp-meter"
        """A stable name, as udev gives it: the adapter behind it may come back under another."""
        self.meter: PtyMeter | None = None
        self.plug_meter()
        self.reader = PtyPn532()
        self._seams = (sysfs_pwm.files, adc.opener)
        lines.use(self.pins)
        sysfs_pwm.files = self.pwm
        adc.opener = lambda _bus, _device, _speed_hz: self.adc
        self.step()

    def _wire(self) -> None:
        """Every line to its relay or contact."""
        board, now = self.board, self._now
        board.output(COIL, lambda on: self._outlet().energise(on, now()))
        board.contact(FEEDBACK, lambda: not self._outlet().closed)
        board.output(LOCK, lambda on: self._outlet().move_bolt(True, now()) if on else None)
        board.output(UNLOCK, lambda on: self._outlet().move_bolt(False, now()) if on else None)
        board.contact(BOLT, lambda: self._outlet().bolt is LockState.LOCKED)
        for kind, pin in FAULT_PINS.items():
            board.contact(pin, lambda kind=kind: not self._tells(kind))  # type: ignore[misc]  # a default binds the kind
        self._outlet().switch_phases(1, now())  # a coil that nobody drives is off
        board.output(PHASES, lambda on: self._outlet().switch_phases(3 if on else 1, now()))
        board.contact(PHASES_SHOWN, lambda: self._outlet().live_phases == 1)
        board.output(MONITOR_TEST, lambda on: self._outlet().monitor.test(on, now()), active_low=True)

    def _tells(self, kind: str) -> bool:
        """Whether that wire tells of its fault; the residual-current monitor of its test, too."""
        outlet = self._outlet()
        return kind in outlet.faults or (kind == "rcd" and outlet.monitor.tripped(self._now()))

    def _outlet(self) -> Outlet:
        with self._lock:
            return self.world.outlet(1)

    @property
    def outlet(self) -> Outlet:
        """The outlet as it is now."""
        return self._outlet()

    def _levels(self) -> tuple[float, float, float]:
        """Duty cycle, high and low plateau of the line."""
        outlet = self.world.outlets[1]
        sample = outlet.sample(self._now())
        high_v = sample.high_v if sample.high_v is not None else 12.0
        return outlet.duty, high_v, sample.low_v if sample.low_v is not None else high_v

    def tables(self) -> str:
        """The connector and the reader, as an installer would write them."""
        return TABLES.format(coil=COIL, feedback=FEEDBACK, keep_alive=KEEP_ALIVE, lock=LOCK, unlock=UNLOCK, bolt=BOLT,
                             model=self._model, meter=self.meter_port, reader=self.reader.path, sensors=self._sensors,
                             monitor_test=MONITOR_TEST, phases=PHASES, phases_shown=PHASES_SHOWN, **FAULT_PINS)

    def plug_meter(self) -> None:
        """The meter's serial adapter is plugged in, at whatever tty."""
        self.meter = PtyMeter(self._model, lambda: self._outlet().reading(self._now()))
        self.meter_port.symlink_to(self.meter.path)

    def pull_meter(self) -> None:
        """It is pulled."""
        if self.meter is not None:
            self.meter_port.unlink()
            self.meter.close()
            self.meter = None

    def step(self) -> None:
        """Let things warm up: the sensor's file follows the temperature."""
        file = self._sensors / SENSOR / "temperature"
        text = f"{self.world.temperature_c(1) * 1000:.0f}\n"
        if not file.exists() or file.read_text() != text:
            file.write_text(text)

    def close(self) -> None:
        """Give the real seams back."""
        sysfs_pwm.files, adc.opener = self._seams
        lines.use(None)
        self.pull_meter()
        self.reader.close()
