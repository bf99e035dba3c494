"""The whole guard on the bench: simulated devices, one connector, and time that moves in cycles of 10 ms when told to.

Every device can be made to raise at any of its calls: `bench.broken.add("pilot.set_pwm")`.
"""

from collections.abc import Callable
from typing import Any

from controller.faults import FaultKind
from controller.guard.cycle import Channel, Devices, Limits
from controller.guard.guard import Guard
from controller.guard.link import ControllerEnd, GuardEnd, memory_link
from controller.guard.messages import Measured, Offer, Report, SetLock, ToGuard, Withdraw
from drivers.errors import Disconnected
from drivers.sim import devices as sim
from drivers.sim.residual_monitor import SimResidualMonitor
from drivers.sim.world import OutletSpec, World

TICK_S = 0.010
VOLTS = (230.0, 230.0, 230.0)
WIRES = {FaultKind.GROUND: "ground", FaultKind.ESTOP: "estop", FaultKind.OTHER: "other"}


class Breakable:
    """A device whose calls raise while they are named in `broken`; it writes down which calls it got."""

    def __init__(self, name: str, device: Any, bench: "Workbench") -> None:
        self._name, self._device, self._bench = name, device, bench

    def __getattr__(self, call: str) -> Callable[..., Any]:
        def act(*values: Any) -> Any:
            self._bench.calls.append((f"{self._name}.{call}", *values))
            if {f"{self._name}.{call}", self._name} & self._bench.broken:
                raise self._bench.error
            replaced = self._bench.answers.get(f"{self._name}.{call}", self)
            return replaced if replaced is not self else getattr(self._device, call)(*values)

        return act


class Proximity:
    """A loose cable's coding resistor."""

    def __init__(self) -> None:
        self.carries_a: float | None = 32.0

    def cable_a(self) -> float | None:
        return self.carries_a

    def close(self) -> None:
        """Nothing to release."""


class Workbench:
    """One connector."""

    def __init__(self, *, ends: tuple[ControllerEnd, GuardEnd] | None = None, has_lock: bool = True, ventilation: bool = False,
                 ceiling_a: float = 32.0, rating_a: float = 32.0, proximity: bool = False, feedback: bool = True,
                 count_late_only: bool = False, wake_up: Any = "off", self_test: bool = False,
                 phase_switch: bool = False, phase_pause_s: float = 60.0) -> None:
        self.ticks = 0
        self.now_s = 100.0
        self.broken: set[str] = set()
        self.error: Exception = Disconnected("not there")
        self.answers: dict[str, Any] = {} if feedback else {"contactor.feedback": None}
        self.calls: list[tuple[Any, ...]] = []
        parts = frozenset({"pilot", "contactor", "lock", "meter"})
        self.world = World(lambda: self.now_s, [OutletSpec(1, 32.0, 3, has_lock, parts)])
        self.outlet = self.world.outlets[1]
        self.proximity = Proximity()
        self.controller: ControllerEnd
        self.controller, end = ends or memory_link()
        self.told: list[str] = []
        self.channel = Channel(self._devices(proximity, self_test, phase_switch), Limits(1, ceiling_a, rating_a, 230.0, ventilation, wake_up=wake_up,
                                                                                  phase_pause_s=phase_pause_s),
                               self.told.append)
        self.guard = Guard([self.channel], end, count_late_only=count_late_only)
        self.reports: list[Report] = []
        self.renewed: Offer | None = None
        self.offered_phases = 3

    def _devices(self, proximity: bool, self_test: bool, phase_switch: bool) -> Devices:
        def broken(name: str, device: Any) -> Any:
            return Breakable(name, device, self)

        monitor = broken("rcd", SimResidualMonitor(self.world, 1, testable=self_test))
        inputs = {kind: broken(word, sim.SimInput(self.world, 1, word)) for kind, word in WIRES.items()}
        return Devices(
            pilot=broken("pilot", sim.SimPilot(self.world, 1)), contactor=broken("contactor", sim.SimContactor(self.world, 1)),
            lock=broken("lock", sim.SimLock(self.world, 1)),
            inputs=inputs | {FaultKind.RCD: monitor}, residual=monitor if self_test else None,
            temperature=broken("temperature", sim.SimTemperature(self.world, 1)),
            proximity=broken("proximity", self.proximity) if proximity else None,
            phase_switch=broken("phases", sim.SimPhaseSwitch(self.world, 1)) if phase_switch else None)

    # -- time --------------------------------------------------------------------------------------------------------

    def tick(self, *, late_s: float = 0.0) -> None:
        """One cycle of the guard, 10 ms after the last; an offer that is being renewed is renewed every second."""
        self.ticks += 1
        expected_s = round(self.now_s + TICK_S, 6)
        self.now_s = round(expected_s + late_s, 6)
        if self.renewed is not None and self.ticks % 100 == 0:
            self.say(self.renewed)
        self.guard.step(self.now_s, expected_s=expected_s)
        self.reports += self.controller.receive()

    def run(self, seconds: float) -> None:
        """Let time pass."""
        for _ in range(round(seconds / TICK_S)):
            self.tick()

    def until(self, question: Callable[[], object], within_s: float) -> float:
        """Let time pass until it is so; the seconds that took. Fails when it is not so in time."""
        for count in range(round(within_s / TICK_S) + 1):
            if question():
                return round(count * TICK_S, 6)
            self.tick()
        raise AssertionError(f"not within {within_s} s; {self.report}")

    # -- the controller ------------------------------------------------------------------------------------------------

    def say(self, message: ToGuard) -> None:
        """The controller says something."""
        self.controller.send(message)

    def offer(self, amperes: float = 16.0, *, valid_for_s: float = 10.0, renew: bool = True) -> None:
        """An offer, renewed every second like the real controller's."""
        offer = Offer(1, amperes, valid_for_s, self.offered_phases)
        self.renewed = offer if renew else None
        self.say(offer)

    def lock(self) -> None:
        """The bolt goes in."""
        self.say(SetLock(1, locked=True))

    def withdraw(self) -> None:
        """The offer ends."""
        self.renewed = None
        self.say(Withdraw(1))

    def measure(self, amperes: float = 0.0, volts: float = 230.0) -> None:
        """The meter was read."""
        self.say(Measured(1, (amperes, amperes, amperes), (volts, volts, volts)))

    # -- people and cars -------------------------------------------------------------------------------------------------

    def car(self, state: str) -> None:
        """The vehicle's state from now on; "A" unplugs."""
        self.world.call("ev_state", {"connector": 1, "state": state})

    def fault(self, kind: str, active: bool = True) -> None:
        """Something breaks, or is mended."""
        self.world.call("fault", {"connector": 1, "kind": kind, "active": active})

    def charge(self, amperes: float = 16.0) -> None:
        """A car is charging."""
        self.car("B")
        self.run(0.3)
        self.say(SetLock(1, locked=True))
        self.offer(amperes)
        self.run(0.5)
        self.car("C")
        self.until(lambda: self.outlet.closed, 1.0)
        self.run(0.1)

    # -- what is seen ----------------------------------------------------------------------------------------------------

    @property
    def report(self) -> Report:
        """The newest report."""
        return self.reports[-1]

    @property
    def coil(self) -> bool:
        """The coil is energised."""
        return self.outlet.coil

    @property
    def duty(self) -> float:
        """What the generator does."""
        return self.outlet.duty

    @property
    def faults(self) -> set[str]:
        """The standing faults by name."""
        return {kind.value for kind in self.channel.faults.standing}


def unplug_and_plug(bench: Workbench) -> None:
    bench.car("A")
    bench.run(0.3)
    bench.car("B")
    bench.run(0.3)
