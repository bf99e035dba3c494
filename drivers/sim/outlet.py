"""The physics of one connector: pilot line, contactor, bolt, supply and energy register.

Everything that takes time is an appointment. `advance(now_s)` lets the appointments fall due one after the other and
integrates the energy between them, so that a look once an hour gives the same register as a look every millisecond.
"""

from drivers.protocols import LockState, MeterReading, PilotSample
from drivers.sim.car import Car

CLOSES_AFTER_S = 0.020
OPENS_AFTER_S = 0.030
BOLT_TAKES_S = 0.2
HOT_C, COOL_C = 90.0, 25.0
"""Not 85: that is what a DS18B20 shows before its first conversion, and so what its driver does not believe."""
STATE_V = {"A": 12.0, "B": 9.0, "C": 6.0, "D": 3.0, "E": 0.0, "F": -12.0}
NEVER = float("inf")
TRIPS_AFTER_S, LETS_GO_AFTER_S = 0.1, 0.4


class Monitor:
    """A residual-current monitor's test: it trips while the test input is driven, and lets go a moment after."""

    def __init__(self) -> None:
        self._driven_s: float | None = None
        self._left_s = -NEVER

    def test(self, on: bool, now_s: float) -> None:
        """Drive the test input, or leave it."""
        if on:
            self._driven_s = now_s if self._driven_s is None else self._driven_s
        elif self._driven_s is not None:
            self._driven_s, self._left_s = None, now_s

    @property
    def driven(self) -> bool:
        """The test input is driven."""
        return self._driven_s is not None

    def tripped(self, now_s: float) -> bool:
        """By the test, not by a residual current."""
        driven = self._driven_s is not None and now_s - self._driven_s >= TRIPS_AFTER_S
        return driven or now_s - self._left_s < LETS_GO_AFTER_S


class Outlet:
    """One connector of the simulated world."""

    def __init__(self, connector_id: int, *, max_current_a: float, phases: int, nominal_voltage_v: float, has_lock: bool,
                 energy_scale: float) -> None:
        self.connector_id = connector_id
        self.phases = phases
        self.live_phases = phases
        """What a phase switch leaves of them; where the fault `phase_switch` is played, it stays where it is."""
        self._phases_wish = phases
        self.has_lock = has_lock
        self.faults: set[str] = set()
        self.car: Car | None = None
        self.duty = 1.0
        """1.0 steady +12 V, 0.0 steady -12 V, else PWM."""
        self.coil = self.closed = False
        self.kicks = 0
        """Edges on the keep-alive line: completed cycles of the guard."""
        self.monitor = Monitor()
        self.bolt = LockState.UNLOCKED if has_lock else LockState.NONE
        self.plug_in_socket = False
        self.energy_wh = 0.0
        self.seeded = False
        self.meter_broken = False
        self.voltage_v: float | None = None
        self.changes = 0
        """Counts what an observer could see change."""
        self._max_current_a = max_current_a
        self._nominal_voltage_v = nominal_voltage_v
        self._energy_scale = energy_scale
        self._switches_at_s = NEVER
        self._bolt_at_s = NEVER
        self._bolt_wish = LockState.UNLOCKED
        self._integrated_s: float | None = None
        self._sample_key: tuple[str, float, bool] | None = None
        self._levels_v: tuple[float | None, float | None] = (12.0, None)

    # -- time --------------------------------------------------------------------------------------------------------

    def next_s(self) -> float:
        """When something will change by itself."""
        car_s = self.car.next_s() if self.car is not None else None
        return min(self._switches_at_s, self._bolt_at_s, car_s if car_s is not None else NEVER)

    def advance(self, now_s: float) -> None:
        """Let everything due until `now_s` happen, in order."""
        while (due_s := self.next_s()) <= now_s:
            self._integrate(due_s)
            self._happen(due_s)
        self._integrate(now_s)

    def _happen(self, now_s: float) -> None:
        self.changes += 1
        if self._switches_at_s <= now_s:
            self._switches_at_s = NEVER
            self.closed = (self.coil and "contactor" not in self.faults) or "contactor_welded" in self.faults
        if self._bolt_at_s <= now_s:
            self._bolt_at_s = NEVER
            self._bolt_arrives()
        if self.car is not None:
            self.car.act(now_s)

    def _integrate(self, now_s: float) -> None:
        if self._integrated_s is not None and now_s > self._integrated_s:
            self.energy_wh += self.power_w * self._energy_scale * (now_s - self._integrated_s) / 3600
        if self._integrated_s is None or now_s > self._integrated_s:
            self._integrated_s = now_s

    # -- pilot -------------------------------------------------------------------------------------------------------

    @property
    def offered_a(self) -> float:
        """What the duty cycle allows a car (IEC 61851-1 Annex A); 0 for steady levels."""
        if not 0.08 <= self.duty <= 0.97:
            return 0.0
        if self.duty <= 0.85:
            return max(6.0, self.duty * 60)
        return min(80.0, (self.duty * 100 - 64) * 2.5)

    def generate(self, duty: float, now_s: float) -> None:
        """Drive the pilot line."""
        if duty == self.duty:
            return
        self.advance(now_s)
        self.duty = duty
        self.changes += 1
        if self.car is not None:
            self.car.sees(self.offered_a, now_s)

    def sample(self, now_s: float) -> PilotSample:
        """What the converter would measure."""
        key = (self.state, self.duty, "diode" in self.faults)
        if key != self._sample_key:
            self._sample_key, self._levels_v = key, self._levels(*key)
        return PilotSample(now_s, *self._levels_v)

    @property
    def state(self) -> str:
        """The vehicle's state, A without one."""
        return self.car.state if self.car is not None else "A"

    @staticmethod
    def _levels(state: str, duty: float, diode_missing: bool) -> tuple[float | None, float | None]:
        level_v = STATE_V[state]
        if state == "F":
            return -12.0, None
        if duty == 0.0:
            return (0.0, None) if state == "E" else (-12.0, None)
        if duty == 1.0:
            return level_v, None
        if state == "E":
            return 0.0, 0.0
        # Without the diode the car loads the negative half as well; with nothing plugged there is nothing to load it.
        return level_v, (-level_v if diode_missing and state != "A" else -12.0)

    # -- contactor and bolt ------------------------------------------------------------------------------------------

    def energise(self, coil: bool, now_s: float) -> None:
        """Switch the coil; the contact follows after its time."""
        if coil == self.coil:
            return
        self.advance(now_s)
        self.coil = coil
        self._switches_at_s = now_s + (CLOSES_AFTER_S if coil else OPENS_AFTER_S)
        self.changes += 1

    def switch_phases(self, phases: int, now_s: float) -> None:
        """Connect L2 and L3 (3), or not (1)."""
        self._phases_wish = phases
        self._phases_follow(now_s)

    def _phases_follow(self, now_s: float) -> None:
        if self._phases_wish != self.live_phases and "phase_switch" not in self.faults:
            self.advance(now_s)
            self.live_phases = self._phases_wish
            self.changes += 1

    def move_bolt(self, locked: bool, now_s: float) -> None:
        """Start the motor."""
        self.advance(now_s)
        wish = LockState.LOCKED if locked else LockState.UNLOCKED
        if not self.has_lock or wish is self.bolt or (wish is self._bolt_wish and self._bolt_at_s < NEVER):
            return
        self._bolt_wish, self.bolt = wish, LockState.MOVING
        self._bolt_at_s = now_s + BOLT_TAKES_S
        self.changes += 1

    def _bolt_arrives(self) -> None:
        fails = ("lock" if self._bolt_wish is LockState.LOCKED else "lock_stuck") in self.faults
        other = LockState.UNLOCKED if self._bolt_wish is LockState.LOCKED else LockState.LOCKED
        self.bolt = other if fails else self._bolt_wish
        self._plug_follows()

    def _plug_follows(self) -> None:
        """The plug leaves the socket when the car's end is out and the bolt is open."""
        if self.car is None and self.bolt in (LockState.UNLOCKED, LockState.NONE):
            self.plug_in_socket = False

    # -- supply and meter --------------------------------------------------------------------------------------------

    @property
    def volts(self) -> float:
        """Phase to neutral."""
        if self.voltage_v is not None:
            return self.voltage_v
        factor = 0.75 if "undervoltage" in self.faults else 1.25 if "overvoltage" in self.faults else 1.0
        return self._nominal_voltage_v * factor

    @property
    def amperes(self) -> float:
        """What flows on each phase that the car uses."""
        if self.car is None or not self.closed or not self.car.asks:
            return 0.0
        return self._max_current_a * 1.5 if "overcurrent" in self.faults else self.car.draws_a

    @property
    def current_a(self) -> tuple[float, float, float]:
        """Per phase."""
        used = min(self.phases, self.live_phases, self.car.phases) if self.car is not None else 0
        flowing = self.amperes
        return (flowing if used >= 1 else 0.0, flowing if used >= 2 else 0.0, flowing if used >= 3 else 0.0)

    @property
    def power_w(self) -> float:
        """Active power, all phases."""
        return self.volts * sum(self.current_a)

    def reading(self, now_s: float) -> MeterReading:
        """What the meter shows."""
        current_a, volts = self.current_a, self.volts
        shown_v = (volts, volts, volts) if self.phases == 3 else (volts, 0.0, 0.0)
        power_w = (volts * current_a[0], volts * current_a[1], volts * current_a[2])
        return MeterReading(now_s, self.energy_wh, sum(power_w), current_a, shown_v, power_w, 50.0)

    # -- people ------------------------------------------------------------------------------------------------------

    def plug(self, car: Car, now_s: float) -> None:
        """A car is connected; a car that is there already is replaced."""
        self.advance(now_s)
        self.car = car
        self.plug_in_socket = True
        self.changes += 1
        car.sees(self.offered_a, now_s)

    def unplug(self, now_s: float) -> None:
        """The cable is pulled at the vehicle's end."""
        self.advance(now_s)
        if self.car is not None:
            self.changes += 1
        self.car = None
        self._plug_follows()

    def force(self, state: str, now_s: float) -> None:
        """Force the vehicle's state; where no car is, one appears."""
        self.advance(now_s)
        if self.car is None:
            self.car, self.plug_in_socket = Car(auto=False), True
            self.car.sees(self.offered_a, now_s)
        self.car.force(state)
        self.changes += 1

    def set_fault(self, kind: str, active: bool, now_s: float) -> None:
        """Make something break, or mend it; what is so already changes nothing."""
        self.advance(now_s)
        if active is (kind in self.faults) and kind != "meter":  # which the verb `meter` breaks too
            return
        self.changes += 1
        (self.faults.add if active else self.faults.discard)(kind)
        if kind == "contactor_welded" and active:
            self.closed = True
            if self.car is not None:
                self.car.lets_go(now_s)
        elif kind == "contactor" and active:
            self.closed = "contactor_welded" in self.faults
        elif kind in ("contactor_welded", "contactor"):
            self._switches_at_s = now_s + OPENS_AFTER_S
        elif kind == "meter":
            self.meter_broken = active
        elif kind == "phase_switch":
            self._phases_follow(now_s)
