"""The routes of the control socket, and the document that describes them (`contract.md` section 3)."""

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from controller.clock import Instant
from controller.commands import TellAsker
from controller.config import Configuration
from controller.events import CardPresented, Event, FaultReset, LearningAsked, TagChangeAsked
from controller.shell.control import MAX_BODY, Control
from controller.shell.openapi import document
from drivers.sim_port import SimError
from tests.unit.control.asking import ask
from tests.unit.control.wires import wire
from tests.unit.station.conversation import START, configuration


class Play:
    """A simulation that takes anything, or refuses it."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.refusal: SimError | None = None

    async def call(self, verb: str, body: Any) -> dict[str, object]:
        if self.refusal is not None:
            raise self.refusal
        self.asked.append((verb, dict(body)))
        return {}

    async def state(self) -> dict[str, object]:
        return {"online": False, "connectors": []}


class Daemon:
    """What the routes need of a daemon."""

    version = "1.2.3"

    def __init__(self, known: Configuration, *, simulated: bool = True) -> None:
        self.configuration = known
        self.wire = wire(known)
        self.sim = Play() if simulated else None
        self.events: list[Event] = []
        self.answer: TellAsker | None = TellAsker("7", {"tag": None})
        self.waited_s = 0.0

    def status(self) -> dict[str, Any]:
        return {"identity": "CP1"}

    def tags(self) -> dict[str, Any]:
        return {"list_version": -1, "tags": []}

    async def emit(self, event: Event) -> None:
        self.events.append(event)

    def now(self) -> Instant:
        return Instant(0.0, START)

    async def ask(self, make: Callable[[str], Event], *, within_s: float, has_left: Callable[[], Awaitable[bool]] | None = None
                  ) -> TellAsker:
        self.events.append(make("7"))
        self.waited_s = within_s
        if self.answer is None:
            raise TimeoutError
        return self.answer


@pytest.fixture
def known(tmp_path: Path) -> Configuration:
    """Two connectors."""
    return configuration(tmp_path, connectors=2)


@pytest.fixture
def daemon(known) -> Daemon:
    return Daemon(known)


@pytest.fixture
def application(daemon) -> Starlette:
    return Control(daemon).application()


def routes(application: Starlette) -> set[tuple[str, str]]:
    """Method and path of everything that is served; HEAD comes with every GET by itself."""
    return {(method, route.path) for route in application.routes if isinstance(route, Route)
            for method in (route.methods or set()) - {"HEAD"}}


@pytest.mark.parametrize("simulated", [True, False], ids=["simulated", "real drivers"])
def test_the_document_describes_the_routes_and_nothing_else(known, simulated):
    """Every path with its methods, none too many; /sim/v1 only when something is simulated."""
    described = document("1", simulated=simulated)["paths"]
    served = routes(Control(Daemon(known, simulated=simulated)).application())
    assert {(method.upper(), path) for path, operations in described.items() for method in operations} == served


def test_where_nothing_is_simulated_there_is_no_sim(known):
    """/sim/v1 exists only when a driver is `sim`."""
    application = Control(Daemon(known, simulated=False)).application()
    assert ask(application, "POST", "/sim/v1/plug", b'{"connector": 1}')[0] == 404
    assert ask(application, "GET", "/sim/v1/state")[0] == 404
    assert ask(application, "GET", "/api/v1/status")[:2] == (200, {"identity": "CP1"})


def test_the_document_carries_the_version_and_only_json():
    """One version, and for every operation a description of success and of each error it can answer."""
    described = document("9.9", simulated=True)
    assert described["info"]["version"] == "9.9"
    for path, operations in described["paths"].items():
        for method, operation in operations.items():
            assert set(operation["responses"]) == errors_of(method, path)


def errors_of(method: str, path: str) -> set[str]:
    """What an operation may answer: by its method, whether it has parameters, and whether it needs the disk."""
    stored = {"503"} if path.startswith(("/api/v1/sessions", "/api/v1/service/erase")) else set()
    if method == "post":
        return {"200", "400", "409", "413"} | stored
    return {"200"} | ({"400"} if stored or "/ocpp/" in path else set()) | ({"404"} if "{" in path else set()) | stored


def test_a_verb_reaches_the_simulation_with_its_body(application, daemon):
    """Whatever the body holds is the simulation's to judge."""
    assert ask(application, "POST", "/sim/v1/plug", b'{"connector": 1, "x": 2}')[:2] == (200, {})
    assert daemon.sim.asked == [("plug", {"connector": 1, "x": 2})]


@pytest.mark.parametrize("status", [400, 404, 409])
def test_a_refusal_is_told_with_its_status_and_words(application, daemon, status):
    """SimError becomes `{"error": ...}`."""
    daemon.sim.refusal = SimError(status, "because")
    assert ask(application, "POST", "/sim/v1/plug", b"{}")[:2] == (status, {"error": "because"})


def test_a_body_in_many_pieces_is_one_body(application, daemon):
    """HTTP may cut anywhere."""
    ask(application, "POST", "/sim/v1/unplug", b'{"conn', b"", b'ector": 1}')
    assert daemon.sim.asked == [("unplug", {"connector": 1})]


@pytest.mark.parametrize(("size", "status"), [(MAX_BODY, 200), (MAX_BODY + 1, 413)])
def test_64_kib_is_the_bound(application, size, status):
    """413 over 64 KiB; exactly 64 KiB is taken (T-DOS)."""
    body = b'{"connector": 1' + b" " * (size - 16) + b"}"
    assert ask(application, "POST", "/sim/v1/unplug", body[:1000], body[1000:])[0] == status


def test_a_body_without_an_end_is_given_up(application, daemon):
    """Reading stops at 16 MiB, whatever is still announced (T-DOS)."""
    assert ask(application, "POST", "/sim/v1/unplug", *[b"x" * 1_000_000] * 30)[0] == 413
    assert daemon.sim.asked == []


def test_a_client_that_leaves_in_the_middle_of_a_body_is_no_error_of_the_daemon(application, daemon):
    """Nothing is done with half a body, and no exception reaches the log (T-DOS)."""
    assert ask(application, "POST", "/sim/v1/unplug", b'{"connector"', leaves=True)[0] == 400
    assert daemon.sim.asked == []


def test_a_wrong_method_names_the_right_one(application):
    """405 with Allow, as HTTP asks."""
    status, answer, headers = ask(application, "DELETE", "/sim/v1/plug")
    assert (status, answer, headers["allow"]) == (405, {"error": "Method Not Allowed"}, "POST")


@pytest.mark.parametrize(("body", "event"), [
    (b'{"id_tag": "04A1"}', CardPresented((1, 2), "04A1")),
    (b'{"id_tag": "04A1", "connectors": [2]}', CardPresented((2,), "04A1")),
    (b'{"id_tag": "04A1", "connectors": null}', CardPresented((1, 2), "04A1")),
], ids=["every connector", "one connector", "null"])
def test_a_card_becomes_an_event(application, daemon, body, event):
    """Without connectors: as if at a reader for all of them."""
    assert ask(application, "POST", "/api/v1/swipe", body)[0] == 200
    assert daemon.events == [event]


def test_a_reset_becomes_an_event(application, daemon):
    """For the connector that is named, and there is no default: a latch is reset on purpose."""
    assert ask(application, "POST", "/api/v1/service/reset", b'{"connector": 2}')[0] == 200
    assert daemon.events == [FaultReset(2)]
    assert ask(application, "POST", "/api/v1/service/reset", b"{}")[0] == 400


# -- cards ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("path", "body", "event"), [
    ("learn", b"{}", LearningAsked("7", 60.0)),
    ("learn", b'{"within_s": 5, "label": "Anna"}', LearningAsked("7", 5, "Anna")),
    ("label", b'{"id_tag": "04A1", "label": ""}', TagChangeAsked("7", "label", "04A1", "")),
    ("block", b'{"id_tag": "04A1"}', TagChangeAsked("7", "block", "04A1")),
    ("block", b'{"id_tag": "04A1", "label": "lost"}', TagChangeAsked("7", "block", "04A1", "lost")),
    ("remove", b'{"id_tag": "04A1"}', TagChangeAsked("7", "remove", "04A1")),
])
def test_what_is_wanted_of_a_card_is_asked_of_the_station(application, daemon, path, body, event):
    """And answered with what the station says when it is stored."""
    assert ask(application, "POST", f"/api/v1/tags/{path}", body)[:2] == (200, {"tag": None})
    assert daemon.events == [event]


@pytest.mark.parametrize(("path", "body"), [
    ("learn", b'{"within_s": 0}'), ("learn", b'{"within_s": 601}'), ("learn", b'{"within_s": "soon"}'), ("learn", b'{"id_tag": "04A1"}'),
    ("label", b'{"id_tag": "04A1"}'), ("label", b'{"id_tag": "04A1", "label": "%s"}' % (b"x" * 61)),
    ("label", b'{"id_tag": "04A1", "label": "two\\nlines"}'), ("block", b"{}"), ("block", b'{"id_tag": ""}'),
    ("block", b'{"id_tag": "%s"}' % (b"1" * 21)), ("block", b'{"id_tag": "04A1", "label": 7}'), ("remove", b"{}"),
])
def test_a_wrong_wish_for_a_card_is_400_and_reaches_nobody(application, daemon, path, body):
    """Bounded waiting, 1 to 20 characters of a tag, 60 printable ones of a label, nothing unknown (contract section 3)."""
    assert ask(application, "POST", f"/api/v1/tags/{path}", body)[0] == 400
    assert daemon.events == []


@pytest.mark.parametrize("answer", [TellAsker("7", refusal="no card of ours"), None], ids=["refused", "not stored in time"])
def test_what_the_station_refuses_or_cannot_store_is_409(application, daemon, answer):
    """With the reason; nobody is told that something is done which is not."""
    daemon.answer = answer
    status, told, _ = ask(application, "POST", "/api/v1/tags/remove", b'{"id_tag": "04A1"}')
    assert status == 409
    assert told["error"] == ("no card of ours" if answer else "this could not be stored yet; it is tried again, see `evcp status`")


def test_learning_is_waited_for_as_long_as_it_may_take(application, daemon):
    """The card may come in the last second, and is to be stored then."""
    ask(application, "POST", "/api/v1/tags/learn", b'{"within_s": 30}')
    assert daemon.waited_s == 34


def test_every_card_is_shown(application):
    """GET is what the station knows."""
    assert ask(application, "GET", "/api/v1/tags")[:2] == (200, {"list_version": -1, "tags": []})
