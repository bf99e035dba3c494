"""The guard's drivers over the simulated world: the same promises as real devices, kept by arithmetic."""

import msgspec

from drivers.protocols import LockState, PilotSample
from drivers.registry import Context
from drivers.sim.world import World

ALLOWED: dict[str, str] = {}


class Options(msgspec.Struct, frozen=True):
    """A simulated device has no options."""


class SimPilot:
    """Control pilot."""

    def __init__(self, world: World, connector_id: int) -> None:
        self._world, self._outlet = world, world.outlets[connector_id]

    def set_x1(self) -> None:
        """Steady +12 V."""
        self._outlet.generate(1.0, self._world.now())

    def set_pwm(self, duty: float) -> None:
        """1 kHz."""
        self._outlet.generate(duty, self._world.now())

    def set_f(self) -> None:
        """Steady -12 V."""
        self._outlet.generate(0.0, self._world.now())

    def read(self) -> PilotSample:
        """The line as it is now."""
        now_s = self._world.now()
        self._outlet.advance(now_s)
        return self._outlet.sample(now_s)

    def close(self) -> None:
        """Back to steady +12 V."""
        self.set_x1()


class SimContactor:
    """Contactor with feedback."""

    def __init__(self, world: World, connector_id: int) -> None:
        self._world, self._outlet = world, world.outlets[connector_id]

    def set(self, closed: bool) -> None:
        """Energise or release the coil."""
        self._outlet.energise(closed, self._world.now())

    def feedback(self) -> bool | None:
        """The true position."""
        self._outlet.advance(self._world.now())
        return self._outlet.closed

    def kick(self) -> None:
        """The simulated stage counts its edges."""
        self._outlet.kicks += 1

    def close(self) -> None:
        """Release the coil."""
        self.set(False)


class SimLock:
    """Connector lock."""

    def __init__(self, world: World, connector_id: int) -> None:
        self._world, self._outlet = world, world.outlets[connector_id]

    def lock(self) -> None:
        """Bolt in."""
        self._outlet.move_bolt(True, self._world.now())

    def unlock(self) -> None:
        """Bolt out."""
        self._outlet.move_bolt(False, self._world.now())

    def state(self) -> LockState:
        """By its feedback contact."""
        self._outlet.advance(self._world.now())
        return self._outlet.bolt

    def close(self) -> None:
        """The bolt stays where it is."""


class SimInput:
    """A fault input that follows one kind of simulated fault."""

    def __init__(self, world: World, connector_id: int, kind: str) -> None:
        self._faults, self._kind = world.outlets[connector_id].faults, kind

    def active(self) -> bool:
        """Whether that fault is being played."""
        return self._kind in self._faults

    def close(self) -> None:
        """Nothing to release."""


class SimPhaseSwitch:
    """A second contactor for L2 and L3."""

    def __init__(self, world: World, connector_id: int) -> None:
        self._world, self._outlet = world, world.outlets[connector_id]
        self.set_phases(1)

    def set_phases(self, phases: int) -> None:
        """One or three."""
        self._outlet.switch_phases(phases, self._world.now())

    def phases(self) -> int:
        """By its mirror contact."""
        return self._outlet.live_phases

    def close(self) -> None:
        """One phase."""
        self.set_phases(1)


class SimTemperature:
    """Temperature sensor."""

    def __init__(self, world: World, connector_id: int) -> None:
        self._world, self._connector_id = world, connector_id

    def read_c(self) -> float:
        """Cool, or hot while that fault is being played."""
        return self._world.temperature_c(self._connector_id)

    def close(self) -> None:
        """Nothing to release."""


def pilot(_options: Options, context: Context) -> SimPilot:
    """The driver."""
    return SimPilot(context.world, context.connector_id)


def contactor(_options: Options, context: Context) -> SimContactor:
    """The driver."""
    return SimContactor(context.world, context.connector_id)


def lock(_options: Options, context: Context) -> SimLock:
    """The driver."""
    return SimLock(context.world, context.connector_id)


def protective_earth(_options: Options, context: Context) -> SimInput:
    """The driver."""
    return SimInput(context.world, context.connector_id, "ground")


def emergency_stop(_options: Options, context: Context) -> SimInput:
    """The driver."""
    return SimInput(context.world, context.connector_id, "estop")


def station_fault(_options: Options, context: Context) -> SimInput:
    """The driver."""
    return SimInput(context.world, context.connector_id, "other")


def phase_switch(_options: Options, context: Context) -> SimPhaseSwitch:
    """The driver."""
    return SimPhaseSwitch(context.world, context.connector_id)


def temperature(_options: Options, context: Context) -> SimTemperature:
    """The driver."""
    return SimTemperature(context.world, context.connector_id)
