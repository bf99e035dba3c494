"""The simulated residual-current monitor: follows the fault `rcd`, and with `self_test = true` has a test input."""

import msgspec

from drivers.registry import Context
from drivers.sim.world import World

ALLOWED = {"self_test": "true or false"}


class Options(msgspec.Struct, frozen=True):
    """Its table in the configuration."""

    self_test: bool = False


class SimResidualMonitor:
    """Trip output and test input."""

    def __init__(self, world: World, connector_id: int, *, testable: bool) -> None:
        self._world, self._outlet = world, world.outlets[connector_id]
        self.testable = testable

    def active(self) -> bool:
        """Whether it has tripped, be it by the fault that is being played or by a test."""
        return "rcd" in self._outlet.faults or self._outlet.monitor.tripped(self._world.now())

    def test(self, on: bool) -> None:
        """Drive the test input, or leave it."""
        self._outlet.monitor.test(on, self._world.now())

    def close(self) -> None:
        """Leave the test input."""
        self.test(False)


def residual_current(options: Options, context: Context) -> SimResidualMonitor:
    """The driver."""
    return SimResidualMonitor(context.world, context.connector_id, testable=options.self_test)
