"""What guard and controller say to each other; `link.py` carries it.

The controller asks and the guard reports. Nothing the controller says can make the guard offer more than the
ceiling it read from the configuration itself (T-RPC, T-OVERPWR).
"""

from enum import Enum
from typing import TypeAlias

import msgspec

from controller.faults import FaultKind
from drivers.protocols import LockState


class Pilot(Enum):
    """The state of the vehicle by IEC 61851-1 Table A.4, debounced; UNKNOWN before the first valid reading."""

    UNKNOWN = "?"
    A = "A"
    B = "B"
    C = "C"
    D = "D"
    E = "E"
    F = "F"

    @property
    def plugged(self) -> bool:
        """Whether a car is on the line: B, C or D. E and F tell nothing about it."""
        return self in (Pilot.B, Pilot.C, Pilot.D)


class Offer(msgspec.Struct, frozen=True):
    """Power is allowed up to `max_current_a` per phase for the next `valid_for_s` seconds; replaces the last offer."""

    connector_id: int
    max_current_a: float
    valid_for_s: float
    phases: int = 3
    """1 or 3: on so many phases, where the connector can switch them."""


class Withdraw(msgspec.Struct, frozen=True):
    """The offer ends now: a controlled stop."""

    connector_id: int


class Measured(msgspec.Struct, frozen=True):
    """What the energy meter says, for over-current and voltage supervision."""

    connector_id: int
    current_a: tuple[float, float, float]
    voltage_v: tuple[float, float, float]


class SetLock(msgspec.Struct, frozen=True):
    """Where the bolt should be; unlocking waits until the contactor is confirmed open."""

    connector_id: int
    locked: bool


class SetLatch(msgspec.Struct, frozen=True):
    """A fault that was latched before a restart; sent before the first offer."""

    connector_id: int
    kind: FaultKind


class ClearLatch(msgspec.Struct, frozen=True):
    """A person reset the fault; it clears if its cause is gone."""

    connector_id: int
    kind: FaultKind


ToGuard: TypeAlias = Offer | Withdraw | Measured | SetLock | SetLatch | ClearLatch


class Report(msgspec.Struct, frozen=True):
    """Everything the guard sees and does on one connector: sent at every change and every 0.5 s."""

    connector_id: int
    pilot: Pilot
    duty: float
    """What the generator does: 1.0 steady +12 V, 0.0 state F, else the PWM duty cycle."""
    offered_a: float
    """The current in force, amperes per phase; 0.0 when nothing is offered."""
    coil: bool
    """The contactor is commanded closed."""
    contactor_closed: bool
    """True position by the feedback contact (the command where no feedback is wired)."""
    lock: LockState
    faults: frozenset[FaultKind]
    cable_a: float
    """What the cable carries; the connector's ceiling where the cable is tethered or not coded."""
    late_ticks: int = 0
    """Cycles that came more than 20 ms late since the start."""
    closures: int = 0
    """How often the contactor has closed since the start."""
    phases: int = 0
    """What the phase switch was told, 1 or 3; 0 where there is none, or where it was not told yet."""
    rests: bool = False
    """Power is kept back for a while though nothing is wrong: the phases were switched, or the car oscillates."""
    temperature_c: float | None = None
    """What the sensor shows, to half a degree; None where there is none, or where it does not answer."""


FromGuard: TypeAlias = Report
