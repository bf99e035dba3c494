"""`/api/v1/sessions` and what a person may have erased, over a real database (T-PRIVACY)."""

import threading
from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from controller import records as r
from controller.clock import Instant
from controller.commands import TellAsker
from controller.config import Configuration
from controller.events import EraseRequested, Event
from controller.shell import sessions
from controller.shell.control import Control
from controller.station.retention import AT_ONCE
from controller.store.history import History
from controller.store.sqlite import SqliteStore
from tests.unit.control.asking import ask
from tests.unit.control.wires import wire
from tests.unit.station.conversation import configuration
from tests.unit.store import rows as make


class Daemon:
    """A writer that erases what the core would have it erase, and a clock."""

    version = "1"
    sim = None

    def __init__(self, known: Configuration, store: SqliteStore) -> None:
        self.configuration = known
        self.wire = wire(known)
        self.store = store
        self.at = Instant(100.0, make.NOON + timedelta(days=40))
        self.events: list[Event] = []
        self.disk_works = True

    def status(self) -> dict[str, Any]:
        return {}

    def now(self) -> Instant:
        self.at = self.at.moved(0.1)
        return self.at

    def tags(self) -> dict[str, Any]:
        return {}

    async def ask(self, make: Callable[[str], Event], *, within_s: float, has_left: Callable[[], Awaitable[bool]] | None = None
                  ) -> TellAsker:
        raise TimeoutError

    async def emit(self, event: Event) -> None:
        self.events.append(event)
        assert isinstance(event, EraseRequested)
        if self.disk_works:
            self.store.commit([r.Erase(AT_ONCE, ended_before=event.ended_before, id_tag=event.id_tag)])


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    """Three sessions, a day apart: delivered, given up, and running with its start owed."""
    known = configuration(tmp_path, connectors=2)
    known = msgspec.structs.replace(known, storage=msgspec.structs.replace(known.storage, directory=str(tmp_path)))
    store = SqliteStore(str(tmp_path))
    store.commit([
        r.PutTransaction(make.transaction("aa11", transaction_id=1001, ended=make.STAMP, meter_stop_wh=2500, stop_reason="Local")),
        r.PutTransaction(make.transaction("aa22", connector_id=2, started=later(1), ended=later(1), meter_stop_wh=1000,
                                          stop_given_up=True)),
        r.PutTransaction(make.transaction("bb33", started=later(2, trusted=False), last_energy_wh=1234.6)),
        r.Enqueue(make.message("m1", "bb33"))])
    yield Daemon(known, store)
    store.close()


def later(days: float, *, trusted: bool = True) -> r.Stamp:
    """So many days after noon."""
    return msgspec.structs.replace(make.STAMP, utc=make.NOON + timedelta(days=days), trusted=trusted)


def get(daemon: Daemon, path: str) -> tuple[int, Any]:
    """Status and answer."""
    return ask(Control(daemon).application(), "GET", path)[:2]


def erase(daemon: Daemon, body: bytes) -> tuple[int, Any]:
    """Status and answer."""
    return ask(Control(daemon).application(), "POST", "/api/v1/service/erase", body)[:2]


def test_a_session_is_told_with_everything_a_bill_needs(daemon):
    """Ids, card, times with whether anybody vouches for them, energy, reason, and whether the central system knows."""
    assert get(daemon, "/api/v1/sessions/aa11") == (200, {
        "local_id": "aa11", "transaction_id": 1001, "connector": 1, "id_tag": "04A1B2C3", "started": "2026-03-01T12:00:00Z",
        "started_trusted": True, "ended": "2026-03-01T12:00:00Z", "ended_trusted": True, "energy_wh": 1500,
        "meter_start_wh": 1000, "meter_stop_wh": 2500, "stop_reason": "Local", "stop_id_tag": None, "delivery": "delivered"})


def test_running_given_up_and_delivered_sessions_are_told_apart(daemon):
    """The newest first; a running one has no end and the energy that was stored last."""
    status, answer = get(daemon, "/api/v1/sessions")
    assert status == 200
    assert [(row["local_id"], row["ended"] is None, row["energy_wh"], row["delivery"]) for row in answer["sessions"]] == [
        ("bb33", True, 235, "owed"), ("aa22", False, 0, "given up"), ("aa11", False, 1500, "delivered")]
    assert answer["sessions"][0]["started_trusted"] is False
    assert answer["next"] is None


@pytest.mark.parametrize(("query", "found"), [
    ("since=2026-03-02", ["bb33", "aa22"]), ("until=2026-03-02T12:00:00Z", ["aa11"]),
    ("until=2026-03-02T14:00:01%2B02:00", ["aa22", "aa11"]), ("since=2026-03-02T12:00:00Z&until=2026-03-03", ["aa22"]),
    ("connector=2", ["aa22"]), ("id_tag=04a1b2c3&connector=1", ["bb33", "aa11"]), ("id_tag=nobody", []),
])
def test_parameters_narrow_the_list(daemon, query, found):
    """A bare date is midnight UTC; a time with an offset is taken as it says."""
    _, answer = get(daemon, f"/api/v1/sessions?{query}")
    assert [row["local_id"] for row in answer["sessions"]] == found


def test_the_list_comes_in_pages(daemon):
    """`next` of one page is `after` of the next, and null at the end."""
    found, after = list[str](), ""
    while True:
        _, answer = get(daemon, f"/api/v1/sessions?limit=1{after}")
        found += [row["local_id"] for row in answer["sessions"]]
        if answer["next"] is None:
            break
        after = f"&after={answer['next'].replace('+', '%2B')}"
    assert found == ["bb33", "aa22", "aa11"]


@pytest.mark.parametrize("query", [
    "since=yesterday", "until=2026-13-01", "since=0001-01-01T00:00:00%2B14:00", "connector=3", "connector=0", "connector=one",
    "limit=0", "limit=1001", "limit=99999999999", "limit=-1", "id_tag=", f"id_tag={'X' * 21}", "after=nowhere", "colour=red"])
def test_a_wrong_parameter_is_400_and_says_what_is_allowed(daemon, query):
    """Nothing is guessed: a filter that was misread would be a wrong answer."""
    status, answer = get(daemon, f"/api/v1/sessions?{query}")
    assert (status, list(answer)) == (400, ["error"])
    assert query.split("=")[0] in answer["error"]


@pytest.mark.parametrize(("name", "status"), [("aa", 400), ("zz", 404), ("1001", 200), ("bb", 200), ("bb33", 200)])
def test_a_name_must_mean_one_session(daemon, name, status):
    """Local id, its beginning, or the transaction id; what may be several is told with all of them."""
    found, answer = get(daemon, f"/api/v1/sessions/{name}")
    assert found == status
    assert status != 400 or "aa11, " in answer["error"] or ", aa11" in answer["error"]


def test_a_store_that_cannot_be_read_is_503_with_its_name(daemon, tmp_path):
    """Absent or damaged: an error, and the daemon lives on."""
    daemon.store.close()
    for name in ("evcp.db", "evcp.db-wal", "evcp.db-shm"):
        (tmp_path / name).unlink(missing_ok=True)
    assert get(daemon, "/api/v1/sessions") == (503, {"error": f"storage directory {tmp_path}: there is no database"})


def test_a_disk_that_hangs_costs_the_asker_patience_and_nobody_else(daemon, monkeypatch):
    """503 in time, before the command gives up; the loop goes on meanwhile (F-SDSLOW)."""
    goes_on = threading.Event()
    monkeypatch.setattr(sessions, "ANSWER_WITHIN_S", 0.05)
    monkeypatch.setattr(History, "sessions", lambda *_: goes_on.wait(5) and [])
    try:
        status, answer = get(daemon, "/api/v1/sessions")
    finally:
        goes_on.set()
    assert (status, answer) == (503, {"error": "the storage does not answer within 0.05 s"})


def test_old_sessions_are_erased_and_what_is_owed_is_refused(daemon):
    """By the day they ended; the core is asked, and the answer comes when it is done."""
    assert erase(daemon, b'{"older_than_days": 40}') == (200, {"erased": 1, "left": 0, "refused": 0})
    assert [row["local_id"] for row in get(daemon, "/api/v1/sessions")[1]["sessions"]] == ["bb33", "aa22"]
    assert erase(daemon, b'{"id_tag": "04A1B2C3"}') == (200, {"erased": 1, "left": 0, "refused": 1})
    assert [row["local_id"] for row in get(daemon, "/api/v1/sessions")[1]["sessions"]] == ["bb33"]


def test_many_sessions_go_in_many_steps(daemon, monkeypatch):
    """No commit is long; what is left when the time is up is told, to be asked for again."""
    daemon.store.commit([r.PutTransaction(make.transaction(f"t{n}", ended=make.STAMP)) for n in range(3 * AT_ONCE)])
    monkeypatch.setattr(sessions, "ERASING_S", 0.25)
    _, answer = erase(daemon, b'{"id_tag": "04A1B2C3"}')
    assert answer["left"] > 0
    assert answer["erased"] + answer["left"] == 3 * AT_ONCE + 2
    monkeypatch.setattr(sessions, "ERASING_S", 100.0)
    assert erase(daemon, b'{"id_tag": "04A1B2C3"}')[1] == {"erased": answer["left"], "left": 0, "refused": 1}


def test_nothing_to_erase_is_no_event(daemon):
    """Repeating it changes nothing."""
    assert erase(daemon, b'{"id_tag": "nobody"}') == (200, {"erased": 0, "left": 0, "refused": 0})
    assert daemon.events == []


def test_a_disk_that_refuses_to_erase_is_503(daemon, monkeypatch):
    """Whoever asked for it must not believe that it is done."""
    daemon.disk_works = False
    monkeypatch.setattr(sessions, "LOOKS_EVERY_S", 0.0)
    status, answer = erase(daemon, b'{"id_tag": "04A1B2C3"}')
    assert status == 503
    assert "still there" in answer["error"]


@pytest.mark.parametrize("body", [b"{}", b'{"older_than_days": 1, "id_tag": "X"}', b'{"older_than_days": -1}',
                                  b'{"older_than_days": "1"}', b'{"older_than_days": 99999}', b'{"id_tag": ""}', b'{"everything": true}'])
def test_a_wish_that_is_not_clear_erases_nothing(daemon, body):
    """Exactly one of the two, within its range."""
    assert erase(daemon, body)[0] == 400
    assert daemon.events == []


def test_age_is_nothing_to_go_by_while_the_date_is_unknown(daemon):
    """409: a Pi that boots in 2099 would take everything for old (F-1970)."""
    daemon.at = msgspec.structs.replace(daemon.at, trusted=False)
    assert erase(daemon, b'{"older_than_days": 1}')[0] == 409
    assert daemon.events == []
