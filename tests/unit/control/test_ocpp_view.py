"""`/api/v1/ocpp`: what stands between the charge point and the central system, for a technician."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pytest

from controller.events import CsmsConnected
from controller.records import Durable
from controller.shell.control import Control
from controller.shell.ocpp_view import Wire
from controller.shell.refusal import Unusable
from controller.shell.sessions import Archive
from controller.station.step import Step
from controller.store.history import DeadLetter, History
from tests.unit.control.asking import ask
from tests.unit.control.test_application import Daemon
from tests.unit.control.wires import wire
from tests.unit.ocpp.test_trace import AT, SECRET
from tests.unit.station.conversation import configuration
from tests.unit.store import rows as make

T = TypeVar("T")
OWED = tuple(make.message(f"m{number}", payload='{"connectorId":1,"idTag":"X"}', attempts=number) for number in range(3))


class Letters:
    """A store with one dead letter, or none that can be read."""

    def __init__(self) -> None:
        self.error: str | None = None

    def dead_letters(self, limit: int) -> tuple[list[DeadLetter], int]:
        """The newest of them."""
        return [DeadLetter(make.message("d1", buried=make.STAMP), "InternalError: no")][:limit], 7


@pytest.fixture
def letters(monkeypatch: pytest.MonkeyPatch) -> Letters:
    store: Any = Letters()

    async def asked(_self: Archive, question: Callable[[History], T]) -> T:
        if store.error is not None:
            raise Unusable(503, store.error)
        return question(store)

    monkeypatch.setattr(Archive, "ask", asked)
    return store  # type: ignore[no-any-return]  # the double above


@pytest.fixture
def daemon(tmp_path: Path, letters: Letters) -> Daemon:
    """A charge point that owes three messages, with a password, offline."""
    known = configuration(tmp_path, ocpp=f'AuthorizationKey = "{SECRET}"\nSecurityProfile = 1')
    daemon = Daemon(known)
    daemon.wire = wire(known, Durable(outbox=OWED))
    return daemon


def get(daemon: Daemon, path: str) -> tuple[int, Any]:
    """Status and answer."""
    return ask(Control(daemon).application(), "GET", f"/api/v1/ocpp/{path}")[:2]


def test_the_status_of_a_charge_point_that_never_had_a_connection(daemon):
    """Nothing known is null, not an error; the endpoint is the one that is dialled."""
    status, answer = get(daemon, "status")
    assert (status, answer) == (200, {
        "endpoint": "ws://127.0.0.1:9000/ocpp/CP1", "connected": False, "connected_for_s": None, "last_failure": None,
        "registration": None, "security_profile": 0, "heartbeat_interval_s": 300, "last_sent": None, "last_received": None,
        "queue_length": 3, "queue_full": False, "in_flight": None})


def test_a_connection_shows_what_is_in_flight_and_when_something_was_heard(daemon):
    """Message id and action of the CALL that waits; the moments of the last frame each way."""
    connection, central_system, _ = daemon.wire
    connection.connected_since_s = connection._clock.now().monotonic_s
    connection.trace.note("[2]", AT, sent=True)
    connection.trace.note("[3]", AT.moved(1), sent=False)
    step = Step(AT, "boot-1")
    central_system._connected(CsmsConnected(), step)
    central_system.ask(msgspec.convert({}, _heartbeat()), _nothing, _nothing, boot=True)
    central_system.settle(step)
    _, answer = get(daemon, "status")
    assert answer["connected"]
    assert 0 <= answer["connected_for_s"] < 60
    assert (answer["last_sent"], answer["last_received"]) == ("2026-03-01T12:00:00Z", "2026-03-01T12:00:01Z")
    assert answer["in_flight"] == {"message_id": "id", "action": "Heartbeat"}


@pytest.mark.parametrize(("failure", "loss", "told"), [("", "", None), ("", "no pong", "no pong"), ("refused", "no pong", "refused")])
def test_a_connection_that_is_down_tells_the_latest_reason(daemon, failure, loss, told):
    """A dial that failed after the loss is the newer word; before anything happened there is none."""
    daemon.wire.connection.last_failure, daemon.wire.connection.last_loss = failure, loss
    assert get(daemon, "status")[1]["last_failure"] == told
    daemon.wire.connection.connected_since_s = 0.0
    assert get(daemon, "status")[1]["last_failure"] is None


def _heartbeat() -> Any:
    from controller.ocpp.messages.core import HeartbeatReq

    return HeartbeatReq


def _nothing(_answer: object, _step: object) -> None:
    """Whatever comes."""


def test_without_a_central_system_there_is_no_endpoint(tmp_path):
    """`csms.url = ""`: nobody is dialled."""
    known = configuration(tmp_path)
    known = msgspec.structs.replace(known, csms=msgspec.structs.replace(known.csms, url=""))
    assert get(Daemon(known), "status")[1]["endpoint"] == ""


def test_the_queue_is_shown_the_oldest_first_with_its_attempts(daemon):
    """What will leave next is on top; the count is the whole, however many are shown."""
    _, answer = get(daemon, "queue?limit=2")
    assert [(row["message_id"], row["attempts"]) for row in answer["owed"]] == [("m0", 0), ("m1", 1)]
    assert answer["owed_count"] == 3
    assert answer["owed"][0] == {
        "message_id": "m0", "action": "StartTransaction", "connector": 1, "session": "t1", "since": "2026-03-01T12:00:00Z",
        "since_trusted": True, "attempts": 0, "payload": {"connectorId": 1, "idTag": "X"}}


def test_dead_letters_are_visible_with_their_reason(daemon):
    """Given up is not gone (QUE-12)."""
    _, answer = get(daemon, "queue")
    (letter,) = answer["dead_letters"]
    assert (letter["message_id"], letter["why"], letter["given_up"]) == ("d1", "InternalError: no", "2026-03-01T12:00:00Z")
    assert (answer["dead_letter_count"], answer["error"]) == (7, None)


def test_what_is_owed_is_shown_also_when_the_store_cannot_be_read(daemon, letters):
    """It is in memory; the error of the store is told beside it."""
    letters.error = "storage directory /x: disk I/O error"
    status, answer = get(daemon, "queue")
    assert (status, answer["owed_count"], answer["dead_letters"], answer["dead_letter_count"]) == (200, 3, None, None)
    assert answer["error"] == letters.error


def test_the_trace_shows_frames_without_passwords(daemon):
    """Direction, time and text; `after` asks for what is new."""
    trace = daemon.wire.connection.trace
    trace.note('[2,"1","Heartbeat",{}]', AT, sent=True)
    trace.note(f'[2,"2","ChangeConfiguration",{{"key":"AuthorizationKey","value":"{SECRET}"}}]', AT, sent=False)
    _, answer = get(daemon, "trace")
    assert answer["frames"][0] == {"number": 1, "at": "2026-03-01T12:00:00Z", "sent": True, "frame": '[2,"1","Heartbeat",{}]'}
    assert SECRET not in str(answer)
    assert [frame["number"] for frame in get(daemon, "trace?after=1&limit=5")[1]["frames"]] == [2]
    assert get(daemon, "trace?limit=1")[1]["frames"][0]["number"] == 2


def test_every_key_is_shown_with_its_meaning_and_no_password(daemon):
    """Value, access, range and sentence; a write-only key has no value, not even as its default (SEC-10)."""
    _, answer = get(daemon, "config")
    rows = {row["key"]: row for row in answer["keys"]}
    assert list(rows) == sorted(rows)
    assert rows["HeartbeatInterval"] == {
        "key": "HeartbeatInterval", "value": "300", "readonly": False, "writeonly": False, "kind": "integer", "unit": "s",
        "default": "300", "allowed": "1 to 86400", "profile": "Core",
        "meaning": "Time between Heartbeats; BootNotification sets it."}
    assert (rows["AuthorizationKey"]["value"], rows["AuthorizationKey"]["writeonly"]) == (None, True)
    assert rows["NumberOfConnectors"]["readonly"]
    assert SECRET not in str(answer)


@pytest.mark.parametrize("path", ["status?x=1", "config?limit=1", "queue?limit=0", "queue?limit=many", "queue?after=1",
                                  "trace?limit=10001", "trace?after=-1", "trace?before=1"])
def test_a_parameter_that_is_wrong_or_unknown_is_400(daemon, path):
    """As everywhere: nothing is guessed."""
    status, answer = get(daemon, path)
    assert (status, list(answer)) == (400, ["error"])


def test_the_wire_of_a_daemon_is_its_own(daemon):
    """The view looks at the station that runs, not at a copy."""
    assert isinstance(daemon.wire, Wire)
    daemon.wire.central_system._owed.clear()
    assert get(daemon, "queue")[1]["owed_count"] == 0
