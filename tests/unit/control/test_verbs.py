"""Where each verb of `/sim/v1` goes, and what is refused (`contract.md` section 3)."""

import asyncio
from typing import Any

import pytest

from controller.events import Event, FaultReset
from controller.shell.sim_verbs import SimVerbs
from drivers.sim.desk import Desk
from drivers.sim.port import LocalPort
from drivers.sim.world import OutletSpec, World
from drivers.sim_port import SimError

EVERYTHING = frozenset({"pilot", "contactor", "lock", "meter"})


class Network:
    """The connection to the central system, as far as the simulation may touch it."""

    connected = True

    def __init__(self) -> None:
        self.told: list[bool] = []

    def set_link(self, *, up: bool) -> None:
        self.told.append(up)


class Bench:
    """The verbs over a world at a standstill; connector 2 has only a simulated pilot."""

    def __init__(self, *, fault: str | None = None) -> None:
        self.world = World(lambda: 10.0, [OutletSpec(1, 32.0, 3, True, EVERYTHING),
                                          OutletSpec(2, 32.0, 3, False, frozenset({"pilot"}))])
        self.desk = Desk([1, 2])
        self.network = Network()
        self.posted: list[Event] = []
        self._rows = [{"id": number, "status": "Available", "fault": fault} for number in (1, 2)]
        self.verbs = SimVerbs(LocalPort(self.world), self.desk, self.network, self.posted.append,  # type: ignore[arg-type]  # all it needs
                              lambda: {"connectors": self._rows})

    def call(self, verb: str, **body: Any) -> dict[str, object]:
        """One verb."""
        return asyncio.run(self.verbs.call(verb, body))

    def refusal(self, verb: str, **body: Any) -> int:
        """The status with which a verb is refused."""
        with pytest.raises(SimError) as refused:
            self.call(verb, **body)
        return refused.value.status


@pytest.fixture
def bench() -> Bench:
    return Bench()


@pytest.mark.parametrize(("verb", "body"), [
    ("meter", {"connector": 2, "energy_wh": 1}), ("fault", {"connector": 2, "kind": "contactor_welded", "active": True}),
    ("fault", {"connector": 2, "kind": "lock", "active": True}), ("fault", {"connector": 2, "kind": "meter", "active": True}),
    ("fault", {"connector": 2, "kind": "undervoltage", "active": True}), ("site", {"fail": True}), ("swipe", {"id_tag": "X"}),
    ("fault", {"connector": 1, "kind": "rfid", "active": True}),
], ids=lambda value: str(value)[:50])
def test_a_part_that_is_not_simulated_is_409(bench, verb, body):
    """The real device cannot be played with."""
    assert bench.refusal(verb, **body) == 409


def test_an_unknown_verb_is_404(bench):
    """Also those that only drivers ask: nobody reads a meter over /sim/v1."""
    for verb in ("explode", "snapshot", "reading", "seed", "site_reading"):
        assert bench.refusal(verb) == 404


def test_link_goes_to_the_connection(bench):
    """Down and up, in this order."""
    bench.call("link", up=False)
    bench.call("link", up=True)
    assert bench.network.told == [False, True]


@pytest.mark.parametrize("body", [{}, {"up": None}, {"up": 0}, {"up": "true"}, {"up": True, "down": False}, {"down": True}])
def test_link_takes_nothing_but_true_and_false(bench, body):
    """400, and the network stays as it is."""
    assert bench.refusal("link", **body) == 400
    assert bench.network.told == []


def test_an_inactive_fault_is_cause_gone_and_reset(bench):
    """The person who resets comes with the verb; an active one brings nobody."""
    bench.call("fault", connector=1, kind="rcd", active=True)
    assert bench.posted == []
    bench.call("fault", connector=1, kind="rcd", active=False)
    assert bench.posted == [FaultReset(1)]


def test_a_refused_fault_resets_nothing(bench):
    """A bad body changes nothing, latches included."""
    assert bench.refusal("fault", connector=1, kind="gremlins", active=False) == 400
    assert bench.refusal("fault", connector=3, kind="rcd", active=False) == 400
    assert bench.posted == []


def test_verbs_are_carried_out_one_after_the_other_in_order_of_arrival(bench):
    """Even when they come at once and the first takes its time."""
    order: list[str] = []
    slow = bench.verbs._port

    class Slow(LocalPort):
        async def call(self, verb: str, body: Any) -> dict[str, object]:
            await asyncio.sleep(0.002 if verb == "plug" else 0)
            order.append(verb)
            return dict(await slow.call(verb, body))

    bench.verbs._port = Slow(bench.world)

    async def together() -> None:
        await asyncio.gather(*(bench.verbs.call(verb, {"connector": 1}) for verb in ("plug", "unplug", "plug", "unplug")))

    asyncio.run(together())
    assert order == ["plug", "unplug", "plug", "unplug"]
    assert bench.world.outlet(1).state == "A"


@pytest.mark.parametrize(("held", "shown"), [(None, None), ("rcd", "rcd"), ("diode", "diode"), ("guard", None),
                                             ("storage", None), ("pilot", None), ("ventilation", None)])
def test_state_names_only_faults_that_the_contract_knows(held, shown):
    """What no verb can play is no kind of `/sim/v1`; the status and `/api/v1/status` tell of it."""
    state = asyncio.run(Bench(fault=held).verbs.state())
    rows = state["connectors"]
    assert isinstance(rows, list)
    assert [row["fault"] for row in rows] == [shown, shown]
