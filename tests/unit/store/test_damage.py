"""A damaged database: noticed at start, kept, emptied of what is sound, and never a reason to end (F-DBCORRUPT)."""

import os
import random
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from controller import records as r
from controller.errors import StorageError
from controller.store.sqlite import SqliteStore
from tests.unit.store import rows as make

MESSAGES = 200


def _fill(directory: Path, messages: int = MESSAGES) -> r.Durable:
    store = SqliteStore(str(directory))
    store.commit(make.one_of_each)
    store.commit([r.Enqueue(make.message(f"q{number}", payload="x" * 300)) for number in range(messages)])
    durable = store.load()
    store.close()
    return durable


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, r.Durable]:
    """A directory with a sound database, and what is in it."""
    directory = tmp_path_factory.mktemp("sound")
    return directory, _fill(directory)


@pytest.fixture
def directory(sound) -> Iterator[Path]:
    """A copy to be damaged."""
    with tempfile.TemporaryDirectory(dir=make.MEMORY) as name:
        shutil.copy(sound[0] / "evcp.db", name)
        yield Path(name)


def _start(directory: Path) -> tuple[r.Durable, str | None]:
    """What a start finds, and what it says about it."""
    store = SqliteStore(str(directory))
    try:
        return store.load(), store.recovered
    finally:
        store.close()


def _flip(path: Path, at: int, bit: int = 0) -> None:
    content = bytearray(path.read_bytes())
    content[at] ^= 1 << bit
    path.write_bytes(content)


def _rewrite(path: Path, old: bytes, new: bytes, *, last: bool = False) -> None:
    """Change text inside the file, as a bit flip in a row's content would, with the structure intact."""
    content = path.read_bytes()
    at = content.rindex(old) if last else content.index(old)
    path.write_bytes(content[:at] + new + content[at + len(old):])


def _assert_nothing_is_invented(found: r.Durable, before: r.Durable) -> None:
    """What is found was there before, word for word, in the same order."""
    kept = [message for message in before.outbox if message in found.outbox]
    assert list(found.outbox) == kept
    assert set(found.transactions) <= set(before.transactions)
    assert found.settings.items() <= before.settings.items()
    assert found.notes.items() <= before.notes.items()
    assert set(found.cache) <= set(before.cache)
    assert set(found.latches) <= set(before.latches)
    assert set(found.availability) <= set(before.availability)
    assert set(found.reservations) <= set(before.reservations)


def test_a_sound_database_is_taken_as_it_is(directory, sound):
    """The guard against the rest of this page passing for the wrong reason."""
    found, told = _start(directory)
    assert found == sound[1]
    assert told is None


@pytest.mark.parametrize("seed", range(200))
def test_random_damage_never_crashes_and_invents_nothing(directory, sound, seed):
    """200 mutations: bits, runs of bytes, cuts. The store opens, and holds only rows that were written (F-DBCORRUPT)."""
    file, chance = directory / "evcp.db", random.Random(seed)
    content = bytearray(file.read_bytes())
    at = chance.randrange(len(content))
    match seed % 4:
        case 0:
            for _ in range(chance.choice([1, 8, 64])):
                content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
        case 1:
            content[at:at + 4096] = chance.randbytes(len(content[at:at + 4096]))
        case 2:
            content[at:at + 512] = bytes(len(content[at:at + 512]))
        case _:
            del content[at:]
    file.write_bytes(content)
    found, _ = _start(directory)
    _assert_nothing_is_invented(found, sound[1])
    assert _start(directory) == (found, None), "after the recovery everything is sound again"


@pytest.mark.parametrize("seed", range(40))
def test_a_damaged_log_never_crashes_and_invents_nothing(tmp_path, seed):
    """The write-ahead log of a process that was killed, damaged at a random place (F-DBCORRUPT)."""
    store = SqliteStore(str(tmp_path))
    for record in make.one_of_each:
        store.commit([record])
    before = store.load()
    copy = tmp_path / "copy"
    copy.mkdir()
    for name in ("evcp.db", "evcp.db-wal"):
        shutil.copy(tmp_path / name, copy / name)
    store.close()
    chance = random.Random(seed)
    log = copy / "evcp.db-wal"
    _flip(log, chance.randrange(log.stat().st_size), chance.randrange(8))
    _start(copy)
    found, told = _start(copy)
    assert told is None
    assert found.latches in ((), before.latches)
    assert found.transactions in ((), before.transactions)


@pytest.mark.parametrize(("old", "new"), [
    (b"StartTransaction", b"StartTransacti0n"), (b"04A1B2C3", b"04A1B2C4"), (b"Accepted", b"Accepteb"),
    (b"AuthorizationKey\x30", b"AuthorizationKey\x31"), (b"contactor_welded", b"contactor_we\xffded"),
    (b'"reservation_id":7', b'"reservation_id":8'),
], ids=["queued message", "tag of a transaction", "cached verdict", "setting", "latch, not even text", "reservation"])
def test_a_row_that_was_changed_is_not_taken_for_a_good_one(tmp_path, old, new):
    """SQLite calls the file sound; the CRC of the row does not (F-DBCORRUPT, T-TAG)."""
    store = SqliteStore(str(tmp_path))
    store.commit([*make.one_of_each, r.PutSetting("AuthorizationKey", "0" * 32)])
    before = store.load()
    store.close()
    _rewrite(tmp_path / "evcp.db", old, new)
    found, told = _start(tmp_path)
    _assert_nothing_is_invented(found, before)
    assert found != before
    assert told is not None
    assert "damaged rows" in told


def test_what_can_be_read_is_carried_over_the_queue_first(directory, sound):
    """One damaged row costs that row, not the 199 others, and their order stays (F-DBCORRUPT)."""
    _rewrite(directory / "evcp.db", b'"message_id":"q100"', b'"message_id":"q1o0"')
    found, told = _start(directory)
    assert [message.message_id for message in found.outbox] == [
        message.message_id for message in sound[1].outbox if message.message_id != "q100"]
    assert found.transactions == sound[1].transactions
    assert found.latches == sound[1].latches
    assert "rows were carried over" in str(told)


def test_rows_behind_a_damaged_page_are_found_from_the_other_end(directory, sound):
    """A page in the middle of the queue is gone: what stands before and behind it is not (F-DBCORRUPT)."""
    file = directory / "evcp.db"
    content = bytearray(file.read_bytes())
    page = content.index(b'"message_id":"q100"') // 4096 * 4096
    content[page:page + 4096] = b"\xa5" * 4096
    file.write_bytes(content)
    found, _ = _start(directory)
    names = [message.message_id for message in found.outbox]
    assert names[:2] == ["m1", "q0"]
    assert names[-1] == f"q{MESSAGES - 1}"
    assert MESSAGES - 20 < len(names) <= MESSAGES


@pytest.mark.parametrize("first_page", [bytes(4096), b"\xa5" * 4096, None], ids=["zeros", "garbage", "torn half way"])
def test_rows_are_found_without_the_first_page(directory, sound, first_page):
    """Every checkpoint writes it, so it is the one that a power cut tears; what it lists is known anyway (F-DBCORRUPT)."""
    file = directory / "evcp.db"
    content = file.read_bytes()
    file.write_bytes((first_page or content[:50] + bytes(4046)) + content[4096:])
    found, told = _start(directory)
    assert found == sound[1]
    assert "rows were carried over" in str(told)
    assert sorted(path.name for path in directory.iterdir() if "new" in path.name) == []


@pytest.mark.parametrize("content", [b"", b"\0" * 8192, b"SQLite format 3\0", b"hello, world\n" * 1000, b"PK\x03\x04" + b"\xff" * 5000],
                         ids=["empty", "zeros", "only a header", "text", "zip"])
def test_a_file_that_is_no_database_is_moved_aside(tmp_path, content):
    """The daemon starts from nothing, says so, and keeps the evidence (F-DBCORRUPT)."""
    (tmp_path / "evcp.db").write_bytes(content)
    found, told = _start(tmp_path)
    assert found == r.Durable()
    assert told is not None
    assert (tmp_path / "evcp.db.damaged-1").read_bytes() == content


def test_the_database_of_another_program_is_moved_aside(tmp_path):
    """Its tables are not ours; nothing is mixed into it (F-DBCORRUPT)."""
    foreign = sqlite3.connect(tmp_path / "evcp.db")
    foreign.execute("CREATE TABLE bookmarks (url TEXT)")
    foreign.commit()
    foreign.close()
    found, told = _start(tmp_path)
    assert found == r.Durable()
    assert told is not None
    kept = sqlite3.connect(tmp_path / "evcp.db.damaged-1")
    assert [name for (name,) in kept.execute("SELECT name FROM sqlite_master")] == ["bookmarks"]
    kept.close()


def test_the_log_of_another_database_does_no_harm(directory, tmp_path_factory):
    """A foreign write-ahead log beside the file: the store opens, and every row is one that was once written (F-DBCORRUPT)."""
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    other = SqliteStore(str(elsewhere))
    other.commit([r.PutSetting("HeartbeatInterval", "900")])
    shutil.copy(elsewhere / "evcp.db-wal", directory / "evcp.db-wal")
    other.close()
    found, _ = _start(directory)
    assert found.settings.get("HeartbeatInterval") in ("300", "900", None)


def test_a_log_without_its_database_is_not_thrown_away(tmp_path):
    """The file is gone, its log is not: SQLite would delete it; here it is kept, and said (F-DBCORRUPT)."""
    (tmp_path / "evcp.db-wal").write_bytes(b"all that is left")
    _, told = _start(tmp_path)
    assert told is not None
    assert (tmp_path / "evcp.db.damaged-1-wal").read_bytes() == b"all that is left"


def test_three_damaged_databases_are_kept_and_no_more(tmp_path):
    """A card that damages every file must not fill up with them (F-DBCORRUPT)."""
    for number in range(5):
        (tmp_path / "evcp.db").write_bytes(b"damage %d" % number)
        _start(tmp_path)
    kept = {path.name: path.read_bytes() for path in tmp_path.glob("evcp.db.damaged-?")}
    assert kept == {"evcp.db.damaged-1": b"damage 4", "evcp.db.damaged-2": b"damage 3", "evcp.db.damaged-3": b"damage 2"}


def test_a_directory_with_odd_characters_is_salvaged_like_any_other(tmp_path):
    """The path is not read as a URI with a query in it."""
    odd = tmp_path / "50% of #1?mode=memory"
    before = _fill(odd, messages=5)
    _rewrite(odd / "evcp.db", b"contactor_welded", b"contactor_we1ded")
    found, _ = _start(odd)
    assert found.outbox == before.outbox


@pytest.mark.parametrize("step", range(1, 4))
def test_power_that_fails_while_recovering_costs_nothing(directory, sound, monkeypatch, step):
    """Cut at each rename: the next start finishes, and finds what could be saved (F-DBCORRUPT, F-POWER)."""
    _rewrite(directory / "evcp.db", b'"message_id":"q100"', b'"message_id":"q1o0"')
    (directory / "evcp.db-shm").write_bytes(b"\0" * 32768)
    calls = 0

    def cut(*arguments: object) -> None:
        nonlocal calls
        calls += 1
        if calls == step:
            raise OSError("the power is gone")
        rename(*arguments)  # type: ignore[arg-type]  # whatever it was called with

    rename = os.replace
    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", cut)
        try:
            _start(directory)
        except StorageError:
            assert calls == step
    found, _ = _start(directory)
    assert len(found.outbox) == MESSAGES
    assert found.transactions == sound[1].transactions


@pytest.mark.parametrize("left", [b"", b"half a database", b"SQLite format 3\0" + bytes(4080)], ids=["empty", "torn", "header only"])
def test_a_first_start_that_was_cut_short_is_begun_anew(tmp_path, left):
    """What it left beside the place of the database holds nothing that anybody was promised (F-POWER)."""
    (tmp_path / "evcp.db.new").write_bytes(left)
    found, _ = _start(tmp_path)
    assert found == r.Durable()
    assert _start(tmp_path) == (r.Durable(), None)
    assert not (tmp_path / "evcp.db.new").exists()
