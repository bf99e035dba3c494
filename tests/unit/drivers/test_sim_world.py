"""The verbs by which one plays in the simulated world, and what they refuse (contract.md section 3)."""

import math

import pytest

from drivers.sim.world import FAULT_KINDS, OutletSpec, World
from drivers.sim_port import SimError

PARTS = frozenset({"pilot", "contactor", "lock", "meter", "phase_switch"})


class Clock:
    """Time by hand."""

    def __init__(self) -> None:
        self.at_s = 0.0

    def __call__(self) -> float:
        return self.at_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def world(clock) -> World:
    """Two connectors; everything simulated, the grid meter too."""
    return World(clock, [OutletSpec(number, 32.0, 3, True, PARTS) for number in (1, 2)], site_meter=True)


def state(world: World, connector_id: int = 1) -> dict[str, object]:
    """The connector's part of GET /sim/v1/state."""
    (found,) = [row for row in world.call("snapshot", {})["connectors"] if row["id"] == connector_id]  # type: ignore[attr-defined]  # a list of objects
    return dict(found)


def test_the_world_begins_quiet(world):
    """Nothing plugged, +12 V, contact open, bolt out, register at 0."""
    assert state(world) == {"id": 1, "ev": "A", "pwm_duty": 1.0, "contactor": False, "lock": False, "energy_wh": 0.0,
                            "current_a": [0.0, 0.0, 0.0]}


def test_plug_is_state_b_at_once(world):
    """With the car of the contract's defaults: auto, 1 s, 32 A, three phases."""
    assert world.call("plug", {"connector": 1}) == {}
    assert state(world)["ev"] == "B"
    assert state(world, 2)["ev"] == "A"
    car = world.outlet(1).car
    assert car is not None
    assert (car.auto, car.request_after_s, car.current_a, car.phases) == (True, 1.0, 32.0, 3)


def test_plugging_again_is_another_car(world):
    """It begins in B."""
    world.call("plug", {"connector": 1, "ev": {"auto": False}})
    world.call("ev_state", {"connector": 1, "state": "C"})
    world.call("plug", {"connector": 1, "ev": {"current_a": 16, "phases": 1, "request_after_s": 0}})
    assert state(world)["ev"] == "B"


@pytest.mark.parametrize("wanted", ["A", "B", "C", "D", "E", "F"])
def test_a_state_is_forced_with_or_without_a_car(world, wanted):
    """A is unplugging; everything else makes a car appear."""
    for _ in range(2):
        world.call("ev_state", {"connector": 1, "state": wanted})
        assert state(world)["ev"] == wanted


def test_unplugging_may_be_repeated(world):
    """It changes nothing and is no error."""
    world.call("plug", {"connector": 1})
    for _ in range(3):
        assert world.call("unplug", {"connector": 1}) == {}
        assert state(world)["ev"] == "A"


def test_the_duty_cycle_is_told_as_the_contract_says(world, clock):
    """1.0 for steady +12 V, 0.0 for state F, else the fraction."""
    for duty, shown in ((0.533, 0.533), (0.0, 0.0), (1.0, 1.0)):
        world.outlet(1).generate(duty, clock.at_s)
        assert state(world)["pwm_duty"] == shown


@pytest.mark.parametrize("kind", [kind for kind in FAULT_KINDS if kind != "rfid"])
def test_every_fault_kind_is_played_and_cleared(world, kind):
    """Clearing one that is not there is no error."""
    for active in (False, True, True, False, False):
        assert world.call("fault", {"connector": 2, "kind": kind, "active": active}) == {}
        assert (kind in world.outlets[2].faults) == active
    assert world.outlets[1].faults == set()


def test_the_meter_is_set_and_broken(world):
    """All but `connector` optional; what is absent stays."""
    world.call("meter", {"connector": 1, "energy_wh": 1000})
    world.call("meter", {"connector": 1, "voltage_v": 228.5})
    assert world.outlet(1).reading(0.0)[1] == 1000.0
    assert world.outlet(1).reading(0.0).voltage_v == (228.5,) * 3
    assert world.call("reading", {"connector": 1})["broken"] is False
    world.call("meter", {"connector": 1, "fail": True})
    assert world.call("reading", {"connector": 1})["broken"] is True
    world.call("fault", {"connector": 1, "kind": "meter", "active": False})
    assert world.call("reading", {"connector": 1})["broken"] is False


def test_a_set_register_goes_on_from_there(world, clock):
    """An hour at 16 A after setting it."""
    world.call("plug", {"connector": 1, "ev": {"auto": False}})
    world.outlet(1).generate(16 / 60, 0.0)
    world.call("ev_state", {"connector": 1, "state": "C"})
    world.outlet(1).energise(True, 0.0)
    clock.at_s = 1.0
    flowing = state(world)["current_a"]
    world.call("meter", {"connector": 1, "energy_wh": 5000})
    clock.at_s += 3600
    assert isinstance(flowing, list)
    assert state(world)["energy_wh"] == pytest.approx(5000 + 230 * sum(flowing), abs=0.01)


def test_a_stored_register_seeds_a_fresh_world_once(world, clock):
    """`energy_wh` goes on after a restart; a world that lived on keeps its own."""
    assert world.call("seed", {"connector": 1, "energy_wh": 700}) == {"taken": True}
    assert world.call("seed", {"connector": 1, "energy_wh": 900}) == {"taken": False}
    assert state(world)["energy_wh"] == 700
    world.call("meter", {"connector": 2, "energy_wh": 50})
    assert world.call("seed", {"connector": 2, "energy_wh": 900}) == {"taken": False}


def test_the_grid_meter_shows_the_building_and_the_cars(world, clock):
    """What else it draws per phase, plus every connector."""
    world.call("site", {"current_a": [10, 11, 12]})
    for number, phases in ((1, 1), (2, 3)):
        world.call("plug", {"connector": number, "ev": {"phases": phases, "request_after_s": 0}})
        world.outlet(number).generate(16 / 60, 0.0)
        world.outlet(number).energise(True, 0.0)
    clock.at_s = 5.0
    answer = world.call("site_reading", {})
    at_s, _, power_w, current_a, *_ = answer["reading"]
    assert at_s == 5.0
    assert current_a == pytest.approx((42.0, 27.0, 28.0))
    assert power_w == pytest.approx(230 * 97)
    world.call("site", {"fail": True})
    assert world.call("site_reading", {})["broken"] is True


def test_whoever_runs_the_world_is_told_of_changes(world, clock):
    """So that a runner in virtual time may skip the quiet."""
    told = []
    world.on_change = lambda: told.append(clock.at_s)
    world.call("plug", {"connector": 1})
    world.outlet(1).generate(0.5, 0.0)
    assert told == [0.0]
    assert world.next_event_s() == 1.0
    clock.at_s = 1.0
    assert world.outlet(1).state == "C"
    assert world.next_event_s() == math.inf


BAD = [
    ("plug", {}), ("plug", {"connector": "1"}), ("plug", {"connector": 1.5}), ("plug", {"connector": True}), ("plug", {"connector": None}),
    ("plug", {"connector": 3}), ("plug", {"connector": 0}), ("plug", {"connector": -1}), ("plug", {"connector": 1, "car": {}}),
    ("plug", {"connector": 1, "ev": None}), ("plug", {"connector": 1, "ev": {"colour": "red"}}),
    ("plug", {"connector": 1, "ev": {"phases": 0}}), ("plug", {"connector": 1, "ev": {"phases": 4}}),
    ("plug", {"connector": 1, "ev": {"current_a": -1}}), ("plug", {"connector": 1, "ev": {"current_a": math.nan}}),
    ("plug", {"connector": 1, "ev": {"request_after_s": -0.1}}), ("plug", {"connector": 1, "ev": {"auto": 1}}),
    ("unplug", {}), ("unplug", {"connector": 9}), ("unplug", {"connector": 1, "now": True}),
    ("ev_state", {"connector": 1}), ("ev_state", {"connector": 1, "state": "G"}), ("ev_state", {"connector": 1, "state": "c"}),
    ("ev_state", {"connector": 1, "state": ""}), ("ev_state", {"connector": 1, "state": 3}),
    ("fault", {"connector": 1, "kind": "rcd"}), ("fault", {"connector": 1, "kind": "gremlins", "active": True}),
    ("fault", {"connector": 1, "kind": "rcd", "active": "yes"}), ("fault", {"connector": 7, "kind": "rcd", "active": True}),
    ("meter", {"connector": 1, "energy_wh": -1}), ("meter", {"connector": 1, "energy_wh": "1"}), ("meter", {"connector": 1, "voltage_v": 1001}),
    ("meter", {"connector": 1, "voltage_v": math.inf}), ("meter", {"connector": 1, "power_w": 1}), ("meter", {"energy_wh": 1}),
    ("site", {"current_a": [1, 2]}), ("site", {"current_a": 10}), ("site", {"current_a": [1, 2, 3, 4]}), ("site", {"fail": 0}),
    ("reading", {"connector": 9}), ("seed", {"connector": 9, "energy_wh": 1}), ("reading", {}),
]


@pytest.mark.parametrize(("verb", "body"), BAD, ids=lambda part: str(part)[:60])
def test_a_bad_body_is_refused_and_changes_nothing(world, verb, body):
    """400 with a sentence (contract.md section 3)."""
    before = world.call("snapshot", {})
    with pytest.raises(SimError) as refused:
        world.call(verb, body)
    assert refused.value.status == 400
    assert str(refused.value)
    assert world.call("snapshot", {}) == before


def test_an_unknown_verb_is_not_found():
    """404, with the verbs there are."""
    with pytest.raises(SimError, match="there are plug, unplug") as refused:
        World(Clock(), []).call("explode", {})
    assert refused.value.status == 404


@pytest.mark.parametrize(("missing", "verb", "body"), [
    ("pilot", "plug", {"connector": 1}), ("pilot", "unplug", {"connector": 1}), ("pilot", "ev_state", {"connector": 1, "state": "C"}),
    ("pilot", "fault", {"connector": 1, "kind": "diode", "active": True}), ("lock", "fault", {"connector": 1, "kind": "lock", "active": True}),
    ("lock", "fault", {"connector": 1, "kind": "lock_stuck", "active": True}), ("meter", "meter", {"connector": 1, "fail": True}),
    ("contactor", "fault", {"connector": 1, "kind": "contactor", "active": True}),
    ("contactor", "fault", {"connector": 1, "kind": "contactor_welded", "active": False}),
    ("meter", "fault", {"connector": 1, "kind": "meter", "active": True}), ("meter", "reading", {"connector": 1}),
], ids=str)
def test_a_verb_for_a_part_that_is_real_is_refused(missing, verb, body):
    """409: drivers of one configuration may be mixed (contract.md section 2)."""
    world = World(Clock(), [OutletSpec(1, 32.0, 3, True, PARTS - {missing})])
    with pytest.raises(SimError, match="is not simulated") as refused:
        world.call(verb, body)
    assert refused.value.status == 409


def test_without_a_simulated_grid_meter_there_is_no_building():
    """409."""
    with pytest.raises(SimError, match="no simulated") as refused:
        World(Clock(), []).call("site", {"fail": False})
    assert refused.value.status == 409
