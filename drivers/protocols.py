"""What each kind of device promises, in units and with what goes wrong.

The guard's devices (pilot, contactor, lock, inputs) are synchronous and bounded: no call may take longer than
2 ms. The controller's devices (meter, reader) are asynchronous; their blocking libraries live in a thread
inside the driver. All of them raise `drivers.errors.DriverError` and nothing else.
"""

from collections.abc import AsyncIterator
from enum import Enum
from typing import NamedTuple, Protocol


class PilotSample(NamedTuple):
    """The control pilot as one burst of measurements saw it, car side of R1, in volts against PE."""

    at_s: float
    """Monotonic time of the burst's end; older than 60 ms counts as no measurement."""
    high_v: float | None
    """The positive plateau, or the steady level without PWM; None: no such cluster in the burst."""
    low_v: float | None
    """The negative plateau; None without PWM."""


class ControlPilot(Protocol):
    """IEC 61851-1 control pilot: drives the generator and measures the line."""

    def set_x1(self) -> None:
        """Steady +12 V: no offer, the car's resistance stays measurable."""

    def set_pwm(self, duty: float) -> None:
        """1 kHz at `duty` (0.08 to 0.97); rounded down by the driver's resolution, never up."""

    def set_f(self) -> None:
        """Steady -12 V: the station is not available."""

    def read(self) -> PilotSample:
        """The newest measurement. Raises DriverError when the converter does not answer."""

    def close(self) -> None:
        """Leave the line at steady +12 V and release it."""


class Contactor(Protocol):
    """The relay in the power path, with the contact that tells its true position."""

    def set(self, closed: bool) -> None:
        """Energise (True) or release the coil; returns at once."""

    def feedback(self) -> bool | None:
        """True: the contacts are closed, False: open, None: no feedback is wired."""

    def kick(self) -> None:
        """A control cycle is complete: one edge for a relay stage that lets go without edges; nothing where none is wired."""

    def close(self) -> None:
        """Release the coil and the line."""


class LockState(Enum):
    """Where the bolt is."""

    NONE = "none"
    UNLOCKED = "unlocked"
    LOCKED = "locked"
    MOVING = "moving"


class ConnectorLock(Protocol):
    """Holds the plug in the socket outlet."""

    def lock(self) -> None:
        """Start moving the bolt in; returns at once, `state` tells when it is there."""

    def unlock(self) -> None:
        """Start moving the bolt out; returns at once."""

    def state(self) -> LockState:
        """What the bolt's feedback contact says; `NONE` where there is no lock."""

    def close(self) -> None:
        """Stop the motor and release the lines; the bolt stays where it is."""


class FaultInput(Protocol):
    """One wire that says something is wrong (residual current, protective earth, emergency stop, tamper)."""

    def active(self) -> bool:
        """True while the cause is there; a broken wire counts as the cause."""

    def close(self) -> None:
        """Release the line."""


class ResidualMonitor(FaultInput, Protocol):
    """A residual-current monitor: its trip output, and its test input where that is wired."""

    @property
    def testable(self) -> bool:
        """Whether the test input is wired."""

    def test(self, on: bool) -> None:
        """Drive the test input, or leave it: the monitor then sees a residual current of its own. Raises DriverError."""


class PhaseSwitch(Protocol):
    """A second contactor for L2 and L3, behind the main one."""

    def set_phases(self, phases: int) -> None:
        """1 or 3; called only while the main contactor is confirmed open. Raises DriverError."""

    def phases(self) -> int:
        """1 or 3 by its mirror contact; what was commanded where none is wired. Raises DriverError."""

    def close(self) -> None:
        """One phase, and release the lines."""


class TemperatureSensor(Protocol):
    """Warmth of the enclosure or the plug."""

    def read_c(self) -> float:
        """Degrees Celsius. Raises DriverError."""

    def close(self) -> None:
        """Release the device."""


class ProximityPilot(Protocol):
    """The coding resistor in the plug of a loose cable."""

    def cable_a(self) -> float | None:
        """What the cable carries in amperes: 13, 20, 32 or 63; None: nothing plugged or no valid code."""

    def close(self) -> None:
        """Release the device."""


class Lights(Protocol):
    """The status lamp of a connector."""

    def show(self, meaning: str) -> None:
        """From now on, this: a ChargePointStatus."""

    async def run(self) -> None:
        """Play the pattern of what is shown; ends only when cancelled. Raises DriverError; running it again tries anew."""

    def close(self) -> None:
        """Dark."""


class Buzzer(Protocol):
    """What is heard of a card."""

    async def beep(self, meaning: str) -> None:
        """Sound one of `presented`, `accepted`, `refused`; returns when it is over. Raises DriverError."""

    def close(self) -> None:
        """Silent."""


class MeterReading(NamedTuple):
    """What the energy meter said at one instant. Phases that do not exist read 0."""

    at_s: float
    energy_wh: float
    """Import register since manufacture: never goes back, survives power cuts."""
    power_w: float
    current_a: tuple[float, float, float]
    voltage_v: tuple[float, float, float]
    power_phase_w: tuple[float, float, float] | None = None
    frequency_hz: float | None = None
    energy_export_wh: float | None = None
    power_factor: float | None = None


class MeterIdentity(NamedTuple):
    """Who the meter is, as far as it tells."""

    model: str
    serial_number: str | None


class EnergyMeter(Protocol):
    """A meter that counts what the car was given."""

    async def identify(self) -> MeterIdentity:
        """Ask the meter who it is. Raises DriverError."""

    async def read(self) -> MeterReading:
        """A fresh reading. Raises DriverError if the meter does not answer; never a stale value."""

    async def close(self) -> None:
        """Release the bus."""


class CardReader(Protocol):
    """A reader for RFID cards."""

    def cards(self) -> AsyncIterator[str]:
        """Each card once per presence, as its idTag (upper-case hex, at most 20 characters).

        Ends only when cancelled. Raises DriverError when the reader stops answering; calling it again
        tries anew.
        """

    async def close(self) -> None:
        """Switch the field off and release the port."""
