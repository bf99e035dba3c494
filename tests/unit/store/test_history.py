"""Sessions and dead letters, read beside the writer."""

import sqlite3
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from controller import records as r
from controller.errors import StorageError
from controller.store import history as module
from controller.store.history import History, Wish
from controller.store.sqlite import SqliteStore
from tests.unit.store import rows as make


def stamp(minutes: float = 0) -> r.Stamp:
    """So long after noon."""
    return msgspec.structs.replace(make.STAMP, utc=make.NOON + timedelta(minutes=minutes))


def over(local_id: str, minutes: float, **changes: object) -> r.PutTransaction:
    """A session of ten minutes that began so long after noon."""
    return r.PutTransaction(make.transaction(local_id, **({"started": stamp(minutes), "ended": stamp(minutes + 10)} | changes)))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    """The writer, open all the while."""
    writer = SqliteStore(str(tmp_path))
    writer.load()
    yield writer
    writer.close()


@pytest.fixture
def history(store: SqliteStore, tmp_path: Path) -> History:
    """Four sessions: two cards, two connectors, the last one running and its start owed."""
    store.commit([
        over("a", 0, transaction_id=1001), over("b", 60, connector_id=2), over("c", 120, id_tag="04D1E2F3"),
        r.PutTransaction(make.transaction("d", started=stamp(180))), r.Enqueue(make.message("m1", "d"))])
    return History(str(tmp_path))


def ids(history: History, limit: int = 100, **conditions: object) -> list[str]:
    """The local ids of what is found."""
    return [session.transaction.local_id for session in history.sessions(Wish(limit, **conditions))]  # type: ignore[arg-type]  # fields of Wish


def test_the_newest_session_is_first_and_running_ones_are_there(history):
    """Ended rows stay in the database when nothing is owed of them any more."""
    assert ids(history) == ["d", "c", "b", "a"]
    assert [session.owed for session in history.sessions(Wish(100))] == [True, False, False, False]


@pytest.mark.parametrize(("conditions", "found"), [
    ({"since": make.NOON + timedelta(hours=1)}, ["d", "c", "b"]), ({"until": make.NOON + timedelta(hours=1)}, ["a"]),
    ({"connector_id": 2}, ["b"]), ({"id_tag": "04d1e2f3"}, ["c"]), ({"id_tag": "04"}, []), ({"limit": 2}, ["d", "c"]),
    ({"id_tag": "04A1B2C3", "connector_id": 1, "until": make.NOON + timedelta(hours=2)}, ["a"]),
], ids=str)
def test_every_condition_narrows_what_is_found(history, conditions, found):
    """`since` is in, `until` is out; a tag is found in any case, and whole (CiString)."""
    assert ids(history, **conditions) == found


def test_pages_follow_each_other_without_gap_or_double(store, tmp_path):
    """Also where sessions began in the same millisecond, and while new ones begin."""
    store.commit([over(f"t{number}", 0) for number in range(5)])
    history, found, place = History(str(tmp_path)), list[str](), None
    for _ in range(3):
        page = history.sessions(Wish(2, after=place))
        found += [session.transaction.local_id for session in page]
        place = (page[-1].transaction.started.utc, found[-1])
        store.commit([over(f"new{len(found)}", 5)])
    assert found == ["t4", "t3", "t2", "t1", "t0"]


def test_fractions_of_a_second_are_in_order(store, tmp_path):
    """As text 12:00:00.5Z would come before 12:00:00Z."""
    store.commit([over("whole", 0), over("half", 0.5 / 60), over("next", 1 / 60)])
    assert ids(History(str(tmp_path))) == ["next", "half", "whole"]


@pytest.mark.parametrize(("name", "found"), [("a", ["a"]), ("1001", ["a"]), ("z", []), ("", ["d", "c", "b"]), ("9" * 30, [])])
def test_a_session_is_named_by_its_beginning_or_its_transaction_id(history, name, found):
    """The central system's number is what an operator has at hand; three are enough to see that a name is not one."""
    assert [session.transaction.local_id for session in history.named(name)] == found


def test_dead_letters_are_found_with_their_reason_the_newest_first(store, tmp_path):
    """Kept and visible (QUE-12): the message, when it was given up and why."""
    store.commit([r.Enqueue(make.message(name)) for name in ("m1", "m2", "m3")])
    store.commit([r.Bury(name, f"{name} refused", stamp(5)) for name in ("m1", "m2", "m3")])
    letters, count = History(str(tmp_path)).dead_letters(2)
    assert [(letter.message.message_id, letter.why) for letter in letters] == [("m3", "m3 refused"), ("m2", "m2 refused")]
    assert letters[0].message.buried == stamp(5)
    assert count == 3


def test_reading_goes_on_while_the_writer_writes(store, history, tmp_path):
    """In the middle of a commit the state before it is seen, and the writer is not held up."""
    assert store._connection is not None
    store._connection.execute("BEGIN IMMEDIATE")
    store._connection.execute("DELETE FROM charging_transaction")
    assert len(ids(history)) == 4
    store._connection.execute("COMMIT")
    assert ids(history) == []


def test_a_reader_changes_nothing(history, tmp_path):
    """The connection is read-only: whatever a question were, the file stays what it was."""
    with history._reading() as connection, pytest.raises(sqlite3.OperationalError, match="readonly"):
        connection.execute("DELETE FROM charging_transaction")


@pytest.mark.parametrize("content", [None, b"", b"SQLite no more" * 1000], ids=["absent", "empty", "garbage"])
def test_a_store_that_cannot_be_read_says_so(tmp_path, content):
    """Absent or damaged: an error that names the directory, and no file is made or mended by asking."""
    file = tmp_path / "evcp.db"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(StorageError, match=str(tmp_path)):
        History(str(tmp_path)).sessions(Wish(1))
    assert (file.read_bytes() if file.exists() else None) == content


@pytest.mark.parametrize("damage", ["content = replace(content, '04A1', '04A2')", "content = 'x'", "ended = 0"])
def test_a_damaged_row_is_not_shown_as_a_session(store, history, damage):
    """A bill nobody wrote is worse than an error (F-DBCORRUPT)."""
    assert store._connection is not None
    store._connection.execute(f"UPDATE charging_transaction SET {damage} WHERE local_id = 'a'")
    with pytest.raises(StorageError):
        history.sessions(Wish(100))


def test_a_question_that_takes_too_long_is_given_up(history, monkeypatch):
    """A reader that stays would let the write-ahead log grow without end."""
    monkeypatch.setattr(module, "LONGEST_S", -1.0)
    monkeypatch.setattr(module, "LOOKS_EVERY", 1)
    with pytest.raises(StorageError, match="interrupted"):
        history.sessions(Wish(100))


def test_what_may_be_erased_is_counted_beside_what_is_refused(store, history):
    """Rows that would go, and sessions that are meant but run or are owed (T-PRIVACY)."""
    store.commit([over("e", 30), r.Enqueue(make.message("m2", "e")), r.Enqueue(make.message("m3", "a")), r.Bury("m3", "refused")])
    before = datetime.fromisoformat("2026-03-01T13:00:00Z")
    assert history.erasable(r.Erase(0, ended_before=before)) == (2, 1)
    assert history.erasable(r.Erase(0, id_tag="04a1b2c3")) == (3, 2)
    assert history.erasable(r.Erase(0, id_tag="nobody")) == (0, 0)
