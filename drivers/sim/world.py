"""The whole simulated world and the verbs by which people, tests and `/sim/v1` play in it.

It is lazy: nothing runs. Whoever looks (a driver, a verb) first has everything happen that was due. `next_event_s` and
`on_change` let a runner in virtual time skip the quiet.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import TypeAlias, TypeVar

import msgspec

from drivers.protocols import MeterReading
from drivers.sim.car import Car
from drivers.sim.outlet import COOL_C, HOT_C, NEVER, Outlet
from drivers.sim_port import SimError

Body: TypeAlias = Mapping[str, object]
T = TypeVar("T")
FAULT_KINDS = ("other", "ground", "diode", "contactor_welded", "contactor", "lock", "lock_stuck", "temperature", "estop",
               "rcd", "meter", "rfid", "overcurrent", "undervoltage", "overvoltage", "phase_switch")


class OutletSpec(msgspec.Struct, frozen=True):
    """What the world must know of a connector, and which of its parts are simulated."""

    connector_id: int
    max_current_a: float
    phases: int
    has_lock: bool
    parts: frozenset[str]
    """Of pilot, contactor, lock, meter."""


class Ev(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The car of the verb `plug`."""

    auto: bool = True
    request_after_s: float = 1.0
    current_a: float = 32.0
    phases: int = 3

    def __post_init__(self) -> None:
        if not (0 <= self.request_after_s <= 86_400 and 0 <= self.current_a <= 200 and self.phases in (1, 2, 3)):
            message = "ev: request_after_s 0 to 86400, current_a 0 to 200, phases 1 to 3"
            raise ValueError(message)


class Plug(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of `plug`."""

    connector: int
    ev: Ev = Ev()


class Unplug(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of `unplug`."""

    connector: int


class EvState(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of `ev_state`."""

    connector: int
    state: str

    def __post_init__(self) -> None:
        if self.state not in ("A", "B", "C", "D", "E", "F"):
            message = "state: allowed are A, B, C, D, E, F"
            raise ValueError(message)


class Fault(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of `fault`."""

    connector: int
    kind: str
    active: bool

    def __post_init__(self) -> None:
        if self.kind not in FAULT_KINDS:
            message = f"kind: allowed are {', '.join(FAULT_KINDS)}"
            raise ValueError(message)


class SiteLoad(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of `site`."""

    current_a: tuple[float, float, float] | None = None
    fail: bool | None = None


class Meter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Body of `meter`."""

    connector: int
    energy_wh: float | None = None
    voltage_v: float | None = None
    fail: bool | None = None

    def __post_init__(self) -> None:
        fine = self.energy_wh is None or 0 <= self.energy_wh <= 1e12
        if not fine or not (self.voltage_v is None or 0 <= self.voltage_v <= 1000):
            message = "energy_wh: 0 to 1e12; voltage_v: 0 to 1000"
            raise ValueError(message)


class World:
    """Every simulated part of the charge point and what is around it."""

    def __init__(self, now: Callable[[], float], outlets: Iterable[OutletSpec], *, nominal_voltage_v: float = 230.0,
                 energy_scale: float = 1.0, site_meter: bool = False) -> None:
        self._now = now
        self._specs = {spec.connector_id: spec for spec in outlets}
        self.outlets = {
            spec.connector_id: Outlet(spec.connector_id, max_current_a=spec.max_current_a, phases=spec.phases,
                                      nominal_voltage_v=nominal_voltage_v, has_lock=spec.has_lock,
                                      energy_scale=energy_scale)
            for spec in self._specs.values()
        }
        self.on_change: Callable[[], None] | None = None
        self.poll: Callable[[], None] = _nothing
        """Called by the guard's loop every cycle; `port.PortServer` hooks in here."""
        self.site_current_a = (0.0, 0.0, 0.0)
        self.site_broken = False
        self._has_site_meter = site_meter
        self._nominal_voltage_v = nominal_voltage_v
        self._verbs: dict[str, Callable[[Body], dict[str, object]]] = {
            "plug": self._plug, "unplug": self._unplug, "ev_state": self._ev_state, "fault": self._fault,
            "site": self._site, "meter": self._meter, "snapshot": self._snapshot, "reading": self._reading,
            "seed": self._seed, "site_reading": self._site_reading,
        }

    def now(self) -> float:
        """The world's clock, monotonic seconds."""
        return self._now()

    def next_event_s(self) -> float:
        """When something will happen by itself; infinity if nothing is planned."""
        return min((outlet.next_s() for outlet in self.outlets.values()), default=NEVER)

    def outlet(self, connector_id: int) -> Outlet:
        """The outlet as it is now."""
        outlet = self.outlets[connector_id]
        outlet.advance(self._now())
        return outlet

    def temperature_c(self, connector_id: int) -> float:
        """What the sensor shows."""
        return HOT_C if "temperature" in self.outlets[connector_id].faults else COOL_C

    def site_current(self) -> tuple[float, float, float]:
        """What the building draws per phase, the charge point included."""
        sums = list(self.site_current_a)
        for connector_id in self.outlets:
            for phase, amperes in enumerate(self.outlet(connector_id).current_a):
                sums[phase] += amperes
        return (sums[0], sums[1], sums[2])

    # -- verbs -------------------------------------------------------------------------------------------------------

    def call(self, verb: str, body: Body) -> dict[str, object]:
        """Carry out one verb. Raises SimError 400 for a bad body, 404 for an unknown verb, 409 for a part that is real."""
        act = self._verbs.get(verb)
        if act is None:
            raise SimError(404, f"unknown verb {verb!r}; there are {', '.join(self._verbs)}")
        answer = act(body)
        if self.on_change is not None:
            self.on_change()
        return answer

    def _at(self, connector_id: int, part: str) -> Outlet:
        spec = self._specs.get(connector_id)
        if spec is None:
            raise SimError(400, f"connector {connector_id} is not configured; there are {sorted(self._specs)}")
        if part not in spec.parts:
            raise SimError(409, f"the {part} of connector {connector_id} is not simulated")
        return self.outlet(connector_id)

    def _plug(self, body: Body) -> dict[str, object]:
        plug = parsed(body, Plug)
        car = Car(auto=plug.ev.auto, request_after_s=plug.ev.request_after_s, current_a=plug.ev.current_a,
                  phases=plug.ev.phases)
        self._at(plug.connector, "pilot").plug(car, self._now())
        return {}

    def _unplug(self, body: Body) -> dict[str, object]:
        self._at(parsed(body, Unplug).connector, "pilot").unplug(self._now())
        return {}

    def _ev_state(self, body: Body) -> dict[str, object]:
        wish = parsed(body, EvState)
        outlet = self._at(wish.connector, "pilot")
        if wish.state == "A":
            outlet.unplug(self._now())
        else:
            outlet.force(wish.state, self._now())
        return {}

    def _fault(self, body: Body) -> dict[str, object]:
        fault = parsed(body, Fault)
        self._at(fault.connector, _PART.get(fault.kind, "pilot")).set_fault(fault.kind, fault.active, self._now())
        return {}

    def _site(self, body: Body) -> dict[str, object]:
        load = parsed(body, SiteLoad)
        if not self._has_site_meter:
            raise SimError(409, "there is no simulated [[site.meter]]")
        if load.current_a is not None:
            self.site_current_a = load.current_a
        if load.fail is not None:
            self.site_broken = load.fail
        return {}

    def _meter(self, body: Body) -> dict[str, object]:
        wish = parsed(body, Meter)
        outlet = self._at(wish.connector, "meter")
        if wish.energy_wh is not None:
            outlet.energy_wh, outlet.seeded = wish.energy_wh, True
        if wish.voltage_v is not None:
            outlet.voltage_v = wish.voltage_v
        if wish.fail is not None:
            outlet.meter_broken = wish.fail
        return {}

    # -- what drivers in another process ask -------------------------------------------------------------------------

    def _snapshot(self, _body: Body) -> dict[str, object]:
        """The world's part of `GET /sim/v1/state`."""
        return {"connectors": [self._outlet_state(connector_id) for connector_id in sorted(self.outlets)]}

    def _outlet_state(self, connector_id: int) -> dict[str, object]:
        outlet = self.outlet(connector_id)
        return {
            "id": connector_id, "ev": outlet.state, "pwm_duty": round(outlet.duty, 6), "contactor": outlet.closed,
            "lock": outlet.bolt.value == "locked", "energy_wh": round(outlet.energy_wh, 3),
            "current_a": [round(amperes, 3) for amperes in outlet.current_a],
        }

    def _reading(self, body: Body) -> dict[str, object]:
        outlet = self._at(parsed(body, Unplug).connector, "meter")
        reading = outlet.reading(self._now())
        return {"broken": outlet.meter_broken, "reading": list(reading)}

    def _seed(self, body: Body) -> dict[str, object]:
        """Give a fresh world the register that was stored; a world that lived on keeps its own."""
        wish = parsed(body, Meter)
        outlet = self._at(wish.connector, "meter")
        taken = not outlet.seeded and wish.energy_wh is not None
        if taken and wish.energy_wh is not None:
            outlet.energy_wh += wish.energy_wh
        outlet.seeded = True
        return {"taken": taken}

    def _site_reading(self, _body: Body) -> dict[str, object]:
        current_a, volts = self.site_current(), self._nominal_voltage_v
        reading = MeterReading(self._now(), 0.0, volts * sum(current_a), current_a, (volts, volts, volts))
        return {"broken": self.site_broken, "reading": list(reading)}


_PART = {"contactor": "contactor", "contactor_welded": "contactor", "lock": "lock", "lock_stuck": "lock", "meter": "meter",
         "undervoltage": "meter", "overvoltage": "meter", "phase_switch": "phase_switch"}
"""Which part of a connector must be simulated for a fault to be played; the pilot for all others."""


def _nothing() -> None:
    """A world that nobody reaches from outside has nothing to poll."""


def parsed(body: Body, kind: type[T]) -> T:
    """The body as a struct. Raises SimError 400."""
    try:
        return msgspec.convert(body, kind)
    except msgspec.ValidationError as error:
        raise SimError(400, str(error).replace("$.", "")) from error
