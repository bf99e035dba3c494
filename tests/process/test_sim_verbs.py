"""Every verb of `/sim/v1` over the real control socket, the same in one process and under `--split` (`contract.md` section 3)."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.process.daemon import Daemon, Site, configuration
from tests.process.independent_csms import CentralSystem

CONNECTORS = 9
OCPP = "LocalPreAuthorize = true\nAllowOfflineTxForUnknownId = true\nLocalAuthorizeOffline = true"
SECOND_READER = '[[reader]]\ndriver = "sim"\nconnectors = [2]\n[[site.meter]]\ndriver = "sim"\nfuse_a = 63'


@pytest.fixture(scope="module", params=[("run",), ("run", "--split")], ids=["one process", "split"])
def daemon(request: pytest.FixtureRequest, lasting_csms: CentralSystem) -> Iterator[Daemon]:
    """A charge point with two readers and a grid meter; every test leaves it unplugged."""
    site = Site()
    site.write(configuration(url=lasting_csms.url, connectors=CONNECTORS, ocpp=OCPP, simulation="energy_scale = 10", more=SECOND_READER)
               .replace(f"connectors = {list(range(1, CONNECTORS + 1))}", "connectors = [1]"))
    yield site.start(*request.param)
    site.close()


@pytest.fixture
def free(daemon: Daemon) -> Iterator[Daemon]:
    """The daemon, the connectors that tests play with Available before, unplugged and mended after."""
    for connector in (1, 2):
        daemon.until_status("Available", connector=connector)
    yield daemon
    for connector in (1, 2):
        daemon.sim("unplug", connector=connector)
        daemon.sim("meter", connector=connector, fail=False)


@pytest.fixture
def quiet(daemon: Daemon) -> Daemon:
    """The daemon with both connectors Available, for tests that change nothing."""
    for connector in (1, 2):
        daemon.until_status("Available", connector=connector)
    return daemon


def post(daemon: Daemon, verb: str, body: object) -> int:
    """The HTTP status of a verb; what is refused says why in words."""
    status, answer = daemon.request("POST", f"/sim/v1/{verb}", body)
    assert isinstance(answer, dict)
    assert status == 200 or answer["error"]
    return status


# -- what is shown -------------------------------------------------------------------------------------------------------


def test_state_has_exactly_the_fields_of_the_contract(free):
    """Rigs compare whole objects; an idle connector is all quiet."""
    status, state = free.request("GET", "/sim/v1/state")
    assert status == 200
    assert list(state) == ["online", "connectors"]
    assert state["online"] is True
    assert [row["id"] for row in state["connectors"]] == list(range(1, CONNECTORS + 1))
    assert state["connectors"][1] == {
        "id": 2, "ev": "A", "pwm_duty": 1.0, "contactor": False, "lock": False, "ocpp": "Available", "fault": None,
        "energy_wh": state["connectors"][1]["energy_wh"], "current_a": [0.0, 0.0, 0.0]}


# -- plug, unplug, ev_state ----------------------------------------------------------------------------------------------


def test_plug_is_state_b_at_once_and_draws_nothing_without_an_offer(free):
    """State B in the very next look; steady +12 V; the lock is the controller's business."""
    free.sim("plug", connector=1)
    row = free.world()
    assert (row["ev"], row["pwm_duty"], row["current_a"]) == ("B", 1.0, [0, 0, 0])
    free.until_status("Preparing")


@pytest.mark.parametrize(("ev", "current_a", "duty"), [
    ({}, [32, 32, 32], 32 / 60), ({"current_a": 13.5, "phases": 2}, [13.5, 13.5, 0], 32 / 60),
], ids=["defaults", "13.5 A on two phases"])
def test_an_automatic_car_draws_the_lesser_of_offer_and_wish_on_its_phases(free, ev, current_a, duty):
    """After PWM is offered and `request_after_s` has passed: state C, and the current that both allow."""
    free.sim("plug", connector=1, ev={"request_after_s": 0.05, **ev})
    free.sim("swipe", id_tag="04A1B2C3")
    row = free.until_world(current_a=current_a)
    assert row["ev"] == "C"
    assert row["contactor"]
    assert row["lock"]
    assert row["pwm_duty"] == pytest.approx(duty, abs=0.001)


def test_a_car_that_is_not_automatic_waits_to_be_forced(free):
    """auto false: it stays in B under an offer; `ev_state` C makes it draw, B makes it stop."""
    free.sim("plug", connector=1, ev={"auto": False})
    free.sim("swipe", id_tag="04A1B2C3")
    free.until_status("SuspendedEV")
    assert free.world()["ev"] == "B"
    free.sim("ev_state", connector=1, state="C")
    free.until_world(contactor=True)
    free.sim("ev_state", connector=1, state="B")
    free.until_world(contactor=False)
    free.until_status("SuspendedEV")


def test_ev_state_forces_any_state(free):
    """What is forced is shown at once, and nothing is energised without a card."""
    free.sim("plug", connector=1)
    for state in "BCDEFBC":
        free.sim("ev_state", connector=1, state=state)
        row = free.world()
        assert (row["ev"], row["contactor"], row["current_a"]) == (state, False, [0, 0, 0])


def test_ev_state_a_and_unplug_are_the_same_and_may_be_repeated(free):
    """Unplugging where nothing is plugged changes nothing and is 200."""
    free.sim("plug", connector=1)
    free.sim("ev_state", connector=1, state="A")
    assert free.world()["ev"] == "A"
    for _ in range(2):
        free.sim("unplug", connector=1)
        free.sim("ev_state", connector=1, state="A")
    assert free.world()["ev"] == "A"


def test_plugging_twice_is_the_second_car(free):
    """Verbs may be repeated; the last car counts."""
    free.sim("plug", connector=1)
    free.sim("plug", connector=1, ev={"request_after_s": 0.05, "current_a": 8})
    free.sim("swipe", id_tag="04A1B2C3")
    free.until_world(current_a=[8, 8, 8])


# -- swipe ---------------------------------------------------------------------------------------------------------------


def test_a_card_without_connectors_is_held_to_the_first_reader(free):
    """The first reader serves connector 1 only, so connector 1 prepares."""
    free.sim("swipe", id_tag="04A1B2C3")
    free.until_status("Preparing", connector=1)
    assert free.shown(2)["status"] == "Available"
    free.sim("swipe", id_tag="04A1B2C3")  # the same card again: not after all (B1)
    free.until_status("Available", connector=1)


def test_a_card_with_connectors_is_held_to_the_reader_that_serves_them(free):
    """The second reader serves connector 2."""
    free.sim("swipe", id_tag="04A1B2C3", connectors=[2])
    free.until_status("Preparing", connector=2)
    assert free.shown(1)["status"] == "Available"
    free.sim("swipe", id_tag="04A1B2C3", connectors=[2])
    free.until_status("Available", connector=2)


# -- fault ---------------------------------------------------------------------------------------------------------------

KINDS = {"other": "OtherError", "ground": "GroundFailure", "rcd": "GroundFailure", "temperature": "HighTemperature",
         "estop": "OtherError", "contactor_welded": "PowerSwitchFailure", "undervoltage": "UnderVoltage",
         "overvoltage": "OverVoltage"}
"""What an idle connector shows; the others need a plug, a lock or a current."""


def test_faults_of_idle_connectors_show_and_go(free):
    """Faulted with the code of the table and the kind, one per connector; `active` false is cause gone and reset."""
    kinds = dict(enumerate(KINDS, start=2))
    for connector, kind in kinds.items():
        free.sim("fault", connector=connector, kind=kind, active=True)
    for connector, kind in kinds.items():
        assert free.until_status("Faulted", connector=connector)["error_code"] == KINDS[kind]
        free.until_world(connector=connector, fault=kind, ocpp="Faulted")
        free.sim("fault", connector=connector, kind=kind, active=False)
    for connector in kinds:
        free.until_status("Available", connector=connector)
        assert free.world(connector)["fault"] is None


def test_a_dead_reader_is_a_warning_of_the_charge_point(free):
    """rfid: connector 0 says ReaderFailure, the connector stays Available, cards there mean nothing."""
    free.sim("fault", connector=2, kind="rfid", active=True)
    free.until(lambda: any("ReaderFailure" in text for text in free.status()["warnings"]), what="the warning")
    free.sim("swipe", id_tag="04A1B2C3", connectors=[2])
    assert free.shown(2)["status"] == "Available"
    free.sim("fault", connector=2, kind="rfid", active=False)
    free.until(lambda: not any("ReaderFailure" in text for text in free.status()["warnings"]), what="no warning")


@pytest.mark.parametrize("kind", ["other", "ground", "diode", "contactor_welded", "contactor", "lock", "lock_stuck",
                                  "temperature", "estop", "rcd", "meter", "rfid", "overcurrent", "undervoltage",
                                  "overvoltage"])
def test_clearing_a_fault_that_is_not_there_changes_nothing(quiet, kind):
    """Every kind of the contract is known, and idempotent."""
    quiet.sim("fault", connector=1, kind=kind, active=False)
    assert quiet.shown()["status"] == "Available"


# -- meter, site, link ---------------------------------------------------------------------------------------------------


def test_meter_sets_the_register_and_the_voltage(free):
    """The next reading shows both; what is not named stays."""
    free.sim("meter", connector=2, energy_wh=123456.5, voltage_v=228)
    assert free.world(2)["energy_wh"] == 123456.5
    free.sim("meter", connector=2, voltage_v=230)
    assert free.world(2)["energy_wh"] == 123456.5


def test_a_broken_meter_is_a_warning_until_it_answers_again(free):
    """fail true: PowerMeterFailure within seconds, gone again with fail false."""
    free.sim("meter", connector=2, fail=True)
    free.until(lambda: free.shown(2)["error_code"] == "PowerMeterFailure", what="the warning")
    free.sim("meter", connector=2, fail=False)
    free.until(lambda: free.shown(2)["error_code"] == "NoError", what="no warning")


def test_site_takes_currents_and_breaks_the_grid_meter(free):
    """Either field alone, both, or none."""
    for body in ({"current_a": [10, 10.5, 10], "fail": True}, {"fail": False}, {"current_a": [0, 0, 0]}, {}):
        assert post(free, "site", body) == 200


def test_link_down_drops_the_websocket_and_nobody_redials_until_up(free, lasting_csms):
    """Offline from this verb on; up dials at once, without a back-off."""
    for _ in range(2):
        free.sim("link", up=False)
    free.until(lambda: not free.request("GET", "/sim/v1/state")[1]["online"], within_s=1, what="offline")
    free.sim("plug", connector=1)
    free.until_status("Preparing")  # local life goes on
    assert not free.status()["online"]
    free.sim("link", up=True)
    free.until(lambda: free.request("GET", "/sim/v1/state")[1]["online"], within_s=1, what="online")


# -- refusals ------------------------------------------------------------------------------------------------------------

BAD = [
    ("plug", {}), ("plug", {"connector": 10}), ("plug", {"connector": 0}), ("plug", {"connector": "1"}),
    ("plug", {"connector": 1, "car": {}}), ("plug", {"connector": 1, "ev": {"colour": "red"}}),
    ("plug", {"connector": 1, "ev": {"phases": 4}}), ("plug", {"connector": 1, "ev": {"current_a": -1}}),
    ("plug", {"connector": 1, "ev": {"request_after_s": "soon"}}), ("plug", {"connector": 10**30}),
    ("plug", {"connector": True}), ("plug", {"connector": 1.5}), ("plug", {"connector": None}),
    ("unplug", {}), ("unplug", {"connector": -1}), ("unplug", {"connector": 1, "ev": {}}),
    ("ev_state", {"connector": 1}), ("ev_state", {"connector": 1, "state": "G"}), ("ev_state", {"connector": 1, "state": "c"}),
    ("swipe", {}), ("swipe", {"id_tag": ""}), ("swipe", {"id_tag": "X" * 21}), ("swipe", {"id_tag": 4}),
    ("swipe", {"id_tag": "X", "connectors": [10]}), ("swipe", {"id_tag": "X", "connectors": 1}),
    ("swipe", {"id_tag": "X", "reader": 1}), ("swipe", {"id_tag": "Ü"}), ("swipe", {"id_tag": "A\n"}),
    ("fault", {"connector": 1, "kind": "rcd"}), ("fault", {"connector": 1, "kind": "gremlins", "active": True}),
    ("fault", {"connector": 10, "kind": "rcd", "active": True}), ("fault", {"connector": 10, "kind": "rfid", "active": True}),
    ("fault", {"connector": 1, "kind": "rcd", "active": 1}), ("fault", {"connector": 1, "kind": "rcd", "active": True, "x": 1}),
    ("site", {"current_a": [1, 2]}), ("site", {"current_a": 1}), ("site", {"fail": "yes"}), ("site", {"load": 1}),
    ("link", {}), ("link", {"up": "no"}), ("link", {"up": 1}), ("link", {"up": True, "x": 1}),
    ("meter", {}), ("meter", {"connector": 10}), ("meter", {"connector": 1, "energy_wh": -1}),
    ("meter", {"connector": 1, "energy_wh": "1"}), ("meter", {"connector": 1, "voltage_v": -5}),
    ("meter", {"connector": 1, "fail": 1}), ("meter", {"connector": 1, "power_w": 1}),
]


@pytest.mark.parametrize(("verb", "body"), BAD, ids=[f"{verb} {json.dumps(body)}"[:60] for verb, body in BAD])
def test_a_bad_body_is_400_with_words_and_changes_nothing(quiet, verb, body):
    """Unknown fields, kinds and connectors, wrong types, values out of range."""
    before = quiet.request("GET", "/sim/v1/state")[1]
    status, answer = quiet.request("POST", f"/sim/v1/{verb}", body)
    assert (status, list(answer)) == (400, ["error"]), answer
    assert quiet.request("GET", "/sim/v1/state")[1] == before


@pytest.mark.parametrize("content", [b"", b"null", b"[]", b'"plug"', b"{", b'{"connector": 1', b"\xff\xfe", b'{"connector": \xff}',
                                     b'{"connector": NaN}', b'{"connector": 1e999}', b"[" * 5000, b'{"a":' * 9000],
                         ids=lambda content: repr(content[:16]))
def test_a_body_that_is_no_json_object_is_400(quiet, content):
    """Torn, not UTF-8, not JSON, no object, too deep (F-GARB)."""
    assert post(quiet, "unplug", content) == 400


def test_a_long_field_is_refused_alike_wherever_the_world_lives(quiet):
    """64 KiB of quotes and control characters fit through to the world, and back as an error (T-DOS)."""
    assert post(quiet, "unplug", {"connector": 1, '"' * 30_000: 1}) == 400
    assert post(quiet, "unplug", {"connector": 1, "\x01" * 10_000: 1}) == 400


@pytest.mark.parametrize("size", [64 * 1024 + 1, 3_000_000])
def test_a_body_over_64_kib_is_413(quiet, size):
    """The client has sent all of it before it reads the answer, as most do (T-DOS)."""
    body = b'{"connector": 1' + b" " * (size - 16) + b"}"
    assert len(body) == size
    assert post(quiet, "unplug", body) == 413


def test_a_body_of_64_kib_is_taken(quiet):
    """The bound itself is allowed."""
    assert post(quiet, "unplug", b'{"connector": 1' + b" " * (64 * 1024 - 16) + b"}") == 200


@pytest.mark.parametrize(("method", "path", "status"), [
    ("POST", "/sim/v1/explode", 404), ("GET", "/sim/v1", 404), ("POST", "/sim/v1/plug/", 404), ("GET", "/", 404),
    ("POST", "/sim/v1/snapshot", 404), ("GET", "/sim/v1/plug", 405), ("PUT", "/sim/v1/plug", 405), ("POST", "/sim/v1/state", 405),
    ("DELETE", "/api/v1/status", 405),
])
def test_unknown_paths_are_404_and_wrong_methods_405(quiet, method, path, status):
    """With a JSON object that says so; nothing is redirected."""
    found, answer = quiet.request(method, path, {} if method != "GET" else None)
    assert (found, list(answer)) == (status, ["error"])


# -- order and promptness ------------------------------------------------------------------------------------------------


def test_verbs_of_one_connection_are_carried_out_in_order(free):
    """Pipelined requests on one connection: the last one decides; every one is answered."""
    bodies = [("plug", {"connector": 1})] + [("ev_state", {"connector": 1, "state": s}) for s in "BCBDBCB"]
    text = b"".join(raw_request(verb, body) for verb, body in bodies)
    assert answers_to(free.site.control, text, len(bodies)) == [200] * len(bodies)
    assert free.world()["ev"] == "B"


def raw_request(verb: str, body: dict[str, Any]) -> bytes:
    """One request as bytes, keeping the connection."""
    content = json.dumps(body).encode()
    return b"POST /sim/v1/%s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (verb.encode(), len(content), content)


def answers_to(path: Path, text: bytes, count: int) -> list[int]:
    """The statuses of `count` answers on one connection."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(5)
        connection.connect(str(path))
        connection.sendall(text)
        received = b""
        while received.count(b"HTTP/1.1 ") < count or not received.endswith(b"}"):
            received += connection.recv(65536)
    return [int(part[:3]) for part in received.split(b"HTTP/1.1 ")[1:]]
