"""The history of the schema: every older version is brought up to date, a newer one is left alone."""

import re
import sqlite3
from pathlib import Path

import msgspec
import pytest

from controller import records as r
from controller.faults import FaultKind
from controller.store import schema
from controller.store.schema import SchemaTooNew, migrations
from controller.store.sqlite import SqliteStore
from tests.unit.store import rows as make

NEWEST = migrations()[-1][0]
ADDS_ONLY = re.compile(r"CREATE (TABLE|INDEX|UNIQUE INDEX) |ALTER TABLE \w+ ADD COLUMN ")
ADDED: dict[int, dict[str, object]] = {3: {"local_list": (make.listed(),), "tags": (make.tag(),), "reservations": (make.reservation(),)}}
"""What a version can hold that those before it could not."""
FIXTURES = Path(__file__).parent / "fixtures"


def _statements(script: str) -> list[str]:
    lines = [line for line in script.splitlines() if not line.startswith("--")]
    return [statement.strip() for statement in "\n".join(lines).split(";") if statement.strip()]


def _started(directory: Path, script: str) -> SqliteStore:
    connection = sqlite3.connect(directory / "evcp.db", isolation_level=None)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.executescript(script)
    connection.close()
    return SqliteStore(str(directory))


def test_files_are_numbered_without_gaps():
    """The order in which they are applied is the order of their numbers."""
    assert [number for number, _ in migrations()] == list(range(1, NEWEST + 1))


@pytest.mark.parametrize(("number", "script"), migrations(), ids=lambda value: str(value)[:3])
def test_a_migration_only_adds(number, script):
    """So the release before still runs on the new schema, and going back loses no row (section 4, step 9)."""
    for statement in _statements(script):
        assert ADDS_ONLY.match(statement), statement


@pytest.mark.parametrize("version", range(1, NEWEST + 1))
def test_every_older_version_is_brought_up_to_date_with_its_rows(tmp_path, version):
    """A database as version N wrote it: all it held is found, at the newest version, without being called damaged."""
    store = _started(tmp_path, (FIXTURES / f"version_{version}.sql").read_text())
    added = {field: rows for number in range(version + 1) for field, rows in ADDED.get(number, {}).items()}
    assert store.load() == msgspec.structs.replace(r.Durable(
        settings={"HeartbeatInterval": "300"}, notes={"boot": "1"}, availability=(r.Availability(1, False, True),),
        transactions=(make.transaction(),), transaction_data={"t1": ('{"timestamp":"2026-03-01T12:00:00Z"}',)},
        outbox=(make.message(attempts=1),), cache=(make.entry(),), latches=((1, FaultKind.CONTACTOR_WELDED),)), **added)
    assert store.recovered is None
    assert store._connection is not None
    assert store._connection.execute("PRAGMA user_version").fetchone() == (NEWEST,)
    store.commit([r.PutSetting("HeartbeatInterval", "60"), r.PutNote("boot", None)])
    assert store.load().settings == {"HeartbeatInterval": "60"}
    store.close()


def test_an_empty_directory_is_version_zero(tmp_path):
    """The first start applies every file (version 0 to the newest)."""
    store = SqliteStore(str(tmp_path))
    assert store.load() == r.Durable()
    assert store._connection is not None
    assert store._connection.execute("SELECT max(number) FROM migration").fetchone() == (NEWEST,)
    store.close()


def test_a_migration_that_is_cut_short_changes_nothing(tmp_path, monkeypatch):
    """One file, one transaction: it fails in the middle, the next start finds the old version and its rows (F-POWER)."""
    store = _started(tmp_path, (FIXTURES / "version_1.sql").read_text())
    torn = [*migrations()[:1], (2, "CREATE TABLE half (a);\nSELECT raise_an_error();")]
    connection = sqlite3.connect(tmp_path / "evcp.db", isolation_level=None)
    with monkeypatch.context() as patch:
        patch.setattr(schema, "migrations", lambda: torn)
        with pytest.raises(sqlite3.OperationalError):
            schema.migrate(connection)
    connection.close()
    assert len(store.load().outbox) == 1
    assert store.recovered is None
    store.close()


def _newer(directory: Path, ahead: int) -> bytes:
    """A database that a newer program has written, and its bytes."""
    store = SqliteStore(str(directory))
    store.commit(make.one_of_each)
    store.close()
    connection = sqlite3.connect(directory / "evcp.db", isolation_level=None)
    for number in range(NEWEST + 1, NEWEST + ahead + 1):
        connection.executescript(f"ALTER TABLE outbox ADD COLUMN added_{number} INTEGER; CREATE TABLE new_{number} (a);"
                                 f"INSERT INTO migration VALUES ({number}); PRAGMA user_version={number};")
    connection.close()
    return (directory / "evcp.db").read_bytes()


def test_a_schema_from_further_ahead_is_refused_and_left_as_it_is(tmp_path):
    """It is no damage: nothing is moved or changed, the message names both versions, the daemon runs Faulted (rule 8)."""
    content = _newer(tmp_path, ahead=2)
    store = SqliteStore(str(tmp_path))
    for use in (store.load, lambda: store.commit([r.PutNote("a", "b")])):
        with pytest.raises(SchemaTooNew, match=rf"{tmp_path}: schema version {NEWEST + 2} .* knows {NEWEST}"):
            use()
    store.close()
    assert store.recovered is None
    assert [path.name for path in tmp_path.glob("*damaged*")] == []
    assert (tmp_path / "evcp.db").read_bytes() == content


def test_the_release_before_runs_on_the_schema_of_the_next(tmp_path):
    """An update was taken back: the older program goes on, and loses no row (faults-and-threats, section 4, step 9)."""
    _newer(tmp_path, ahead=1)
    store = SqliteStore(str(tmp_path))
    assert store.load().outbox == (make.message(attempts=1),)
    store.commit([r.Enqueue(make.message("m2"))])
    assert [message.message_id for message in store.load().outbox] == ["m1", "m2"]
    assert store.recovered is None
    store.close()


@pytest.mark.parametrize("version", [0, 1, NEWEST + 1, NEWEST + 7, -1, 2**31 - 1])
def test_a_flipped_version_is_damage_and_not_a_newer_program(tmp_path, version):
    """Header and tables must agree, else one bit would keep the station out of service for ever (F-DBCORRUPT)."""
    store = SqliteStore(str(tmp_path))
    store.commit(make.one_of_each)
    before = store.load()
    store.close()
    connection = sqlite3.connect(tmp_path / "evcp.db", isolation_level=None)
    connection.execute(f"PRAGMA user_version={version}")
    connection.close()
    store = SqliteStore(str(tmp_path))
    assert store.load() == before
    assert "version" in str(store.recovered)
    store.close()
