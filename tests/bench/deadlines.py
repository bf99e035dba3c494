"""The trials of the deadlines, a process of its own as the guard is: real-time priority, locked memory, no collector.

`python -m tests.bench.deadlines KIND TRIALS` runs the guard's own cycle over the simulated world and takes the time from a
cause, at a random moment of the 10 ms grid, to the moment the contactor driver is told to let go. Prints JSON.

Everything up to the closed contactor happens in time that is skipped: a clock that runs behind catches up while the car is
served, and is the monotonic clock from then on. A cause that falls due while the process does not run counts from when it was
due: whoever looks late must not set the clock by it.
"""

import contextlib
import gc
import math
import random
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Literal, TypeAlias

import msgspec

from controller.config import Configuration, load
from controller.guard.build import build_guard, build_world
from controller.guard.guard import Guard
from controller.guard.link import memory_link
from controller.guard.messages import Offer, SetLock
from controller.guard.process import Log, Process, become_real_time
from drivers.errors import DriverError
from drivers.pilot import adc, sysfs_pwm
from drivers.protocols import ControlPilot, PilotSample
from drivers.sim.adc_chip import AdcChip, PilotSignal
from drivers.sim.car import Car
from drivers.sim.devices import SimPilot
from drivers.sim.outlet import STATE_V, Outlet
from drivers.sim.pwm_tree import PwmTree
from drivers.sim.wired import SAMPLE_S
from drivers.sim.world import World
from tests.bench.daemon import CONFIGURATION, folders

Kind: TypeAlias = Literal["fault", "pilot", "converter"]
"""A fault input; the simulated pilot; the pilot through the real driver, its sampler thread and a converter."""
CONNECTORS: dict[Kind, int] = {"fault": 8, "pilot": 8, "converter": 3}
"""Judged at once by one guard, each with a cause of its own: a cycle with many connectors is the harder one."""
SETTLES_S: dict[Kind, float] = {"fault": 0.02, "pilot": 0.02, "converter": 0.1}
"""Real time before the first cause; a sampler needs some bursts to know the line."""
CAUSES_WITHIN_S = 0.05
BEHIND_S, STEP_S = 2.0, 0.04
"""How much time is skipped, and in which steps: the car asks, half a second of state C, the contactor closes."""
OPENS_WITHIN_S = 1.0
COLLECT_EVERY = 50
FAULTS = ("rcd", "ground", "estop", "other")
LETS_GO = ("B", "A")
ONE_MORE = """
[[connector]]
id = {id}
contactor = {{ driver = "sim" }}
pilot = {{ driver = "sim" }}
lock = {{ driver = "sim" }}
meter = {{ driver = "sim" }}
"""
CONVERTER = '{{ driver = "pwm", channel = {channel}, spi_bus = {channel} }}'
SIMULATED = '{ driver = "sim" }'


class Outcome(msgspec.Struct):
    """What a number of trials gave."""

    reactions_ms: list[float] = []
    too_early: int = 0
    """Opened before their cause, by a guard that noticed that it was late: safe, but no trial."""
    late_ticks: int = 0
    not_permitted: list[str] = []


class CatchingUp:
    """A clock behind the monotonic one, by less and less."""

    def __init__(self, behind_s: float) -> None:
        self._behind_s = behind_s

    def __call__(self) -> float:
        return time.monotonic() - self._behind_s

    @property
    def behind(self) -> bool:
        """It still shows the past."""
        return self._behind_s > 0

    def skip(self, seconds: float) -> None:
        """Time passes at once, up to now."""
        self._behind_s = max(0.0, self._behind_s - seconds)


class Line:
    """The pilot of one connector as its converter sees it: state C, and another one from a moment on."""

    def __init__(self, outlet: Outlet) -> None:
        self._outlet = outlet
        self.change_s, self.becomes = math.inf, "B"

    def levels(self) -> tuple[float, float, float]:
        """Duty cycle, high and low plateau."""
        state = "C" if time.monotonic() < self.change_s else self.becomes
        return self._outlet.duty, STATE_V[state], STATE_V["F"]


class LaterReal:
    """The real pilot driver; read only from a moment on, for its sampler cannot skip time. Written always."""

    def __init__(self, real: ControlPilot, simulated: SimPilot) -> None:
        self._real, self._simulated = real, simulated
        self.real_from_s = math.inf
        self.set_x1, self.set_pwm, self.set_f, self.close = real.set_x1, real.set_pwm, real.set_f, real.close

    def read(self) -> PilotSample:
        """The newest burst, or what the simulated car shows. Raises DriverError."""
        if time.monotonic() >= self.real_from_s:
            return self._real.read()
        with contextlib.suppress(DriverError):  # the first burst is still to come
            self._real.read()
        return self._simulated.read()


class Round:
    """One guard, its connectors charging, and one cause for each."""

    def __init__(self, kind: Kind, configuration: Configuration, chance: random.Random) -> None:
        self._kind, self._chance = kind, chance
        self._clock = CatchingUp(BEHIND_S)
        self._world: World = build_world(configuration, self._clock)
        self._outlets = self._world.outlets
        self._lines = {number: Line(outlet) for number, outlet in self._outlets.items()}
        self._controller, end = memory_link()
        if kind == "converter":
            self._wire()
        self.guard: Guard = build_guard(configuration, end, self._world)
        self._pilots = list(self._read_later()) if kind == "converter" else []
        self._due_s: dict[int, float] = {}
        self._caused: set[int] = set()
        self._opened_s: dict[int, float] = {}

    # -- the converter's line ----------------------------------------------------------------------------------------

    def _wire(self) -> None:
        """The kernel's PWM files and the converters are simulated; the bus of a converter is its connector's channel."""
        tree = PwmTree(channels=len(self._outlets))
        tree.on_change = lambda channel, duty: self._outlets[channel + 1].generate(duty, self._clock())
        sysfs_pwm.files = tree
        adc.opener = lambda bus, _device, _speed_hz: AdcChip({0: PilotSignal(self._lines[bus + 1].levels, seed=bus)},
                                                             sample_s=SAMPLE_S, paced=True)

    def _read_later(self) -> Iterator[LaterReal]:
        for number, channel in self.guard._channels.items():
            devices = channel._devices
            pilot = LaterReal(devices.pilot, SimPilot(self._world, number))
            channel._devices = msgspec.structs.replace(devices, pilot=pilot)
            yield pilot

    # -- up to the closed contactor ----------------------------------------------------------------------------------

    def _charge(self) -> None:
        """Every connector under power, in skipped time."""
        for number, outlet in self._outlets.items():
            outlet.plug(Car(request_after_s=0.1), self._clock())
            self._controller.send(SetLock(number, locked=True))
            self._controller.send(Offer(number, 16.0, BEHIND_S + 10.0))
        while self._clock.behind:
            self.guard.step(self._clock())
            self._clock.skip(STEP_S)
        for outlet in self._outlets.values():
            outlet.advance(self._clock())
            assert outlet.closed, "the contactor never closed"

    # -- one cause each ----------------------------------------------------------------------------------------------

    def run(self, outcome: Outcome) -> None:
        """Charge, cause, and take the time."""
        self._charge()
        begun_s = time.monotonic()
        self._plan(begun_s)
        self._world.poll = self._happen
        process, expected_s = Process(self.guard, self._world, None, Log(2)), begun_s
        while len(self._opened_s) < len(self._outlets) and expected_s - begun_s < OPENS_WITHIN_S:
            expected_s = process._sleep(expected_s, process._cycle(expected_s))
        self._judge(outcome)
        self._end()

    def _plan(self, begun_s: float) -> None:
        first_s = begun_s + SETTLES_S[self._kind]
        for pilot in self._pilots:
            pilot.real_from_s = begun_s + SETTLES_S[self._kind] / 2
        for number, outlet in self._outlets.items():
            self._due_s[number] = first_s + self._chance.uniform(0, CAUSES_WITHIN_S)
            self._lines[number].becomes = self._chance.choice(LETS_GO)
            outlet.energise = partial(self._watched, outlet, outlet.energise)
            if self._kind == "converter":
                self._lines[number].change_s = self._due_s[number]

    def _watched(self, outlet: Outlet, energise: Callable[[bool, float], None], coil: bool, now_s: float) -> None:
        """The contactor driver is told; the first time it must let go is what counts."""
        energise(coil, now_s)
        if not outlet.coil:
            self._opened_s.setdefault(outlet.connector_id, time.monotonic())

    def _happen(self) -> None:
        """What has fallen due by now; the converter's line changes by itself."""
        now_s = time.monotonic()
        for number, due_s in self._due_s.items():
            if now_s >= due_s and number not in self._caused and self._kind != "converter":
                self._caused.add(number)
                self._cause(self._outlets[number])

    def _cause(self, outlet: Outlet) -> None:
        now_s = self._clock()
        if self._kind == "fault":
            outlet.set_fault(self._chance.choice(FAULTS), True, now_s)
        elif self._chance.choice(LETS_GO) == "A":
            outlet.unplug(now_s)
        else:
            outlet.force("B", now_s)

    def _judge(self, outcome: Outcome) -> None:
        outcome.late_ticks += self.guard.late_ticks
        for number, due_s in self._due_s.items():
            took_s = self._opened_s.get(number, math.inf) - due_s
            if took_s < 0:
                outcome.too_early += 1
            else:
                outcome.reactions_ms.append(min(took_s, OPENS_WITHIN_S) * 1000)

    def _end(self) -> None:
        for pilot in self._pilots:
            pilot._real._sampler._ending.set()  # type: ignore[attr-defined]  # all at once, then each is waited for
        self.guard.close()


def configured(kind: Kind, storage: Path, sockets: Path) -> Configuration:
    """As many connectors as are judged at once."""
    text = CONFIGURATION.format(url="", storage=storage, sockets=sockets)
    text += "".join(ONE_MORE.format(id=number) for number in range(2, CONNECTORS[kind] + 1))
    if kind == "converter":
        for channel in range(CONNECTORS[kind]):
            text = text.replace("pilot = " + SIMULATED, "pilot = " + CONVERTER.format(channel=channel), 1)
    file = sockets / "evcp.toml"
    file.write_text(text)
    return load(file)


def trials(kind: Kind, number: int) -> Outcome:
    """At least so many; the collector runs between the rounds only, and seldom."""
    chance, outcome = random.Random(61851), Outcome(not_permitted=become_real_time())
    with folders() as (storage, sockets):
        configuration = configured(kind, storage, sockets)
        gc.collect()
        gc.freeze()
        gc.disable()
        rounds = 0
        while len(outcome.reactions_ms) < number:
            Round(kind, configuration, chance).run(outcome)
            rounds += 1
            if rounds % COLLECT_EVERY == 0:
                gc.collect()
    return outcome


def main() -> int:
    """Print the outcome as JSON."""
    kind, number = msgspec.convert(sys.argv[1], Kind), int(sys.argv[2])
    sys.stdout.buffer.write(msgspec.json.encode(trials(kind, number)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
