"""The disk is full: a reserve is given up so that what runs can be closed, and comes back when space does (F-FULL)."""

import os
import sqlite3
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from controller import records as r
from controller.errors import StorageError
from controller.store import reserve
from controller.store.sqlite import SqliteStore
from tests.unit.store import rows as make

MIB = 1024 * 1024


class Disk:
    """A disk whose free space is a number; SQLite finds it full when nothing is left."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, directory: Path) -> None:
        self.others_bytes = 0
        self.size_bytes = 64 * MIB
        self._directory = directory
        disk = self

        class Connection(sqlite3.Connection):
            def execute(self, sql, *parameters):
                if sql == "COMMIT" and disk.free_bytes <= 0:
                    raise full()
                return super().execute(sql, *parameters)

        connect = sqlite3.connect
        monkeypatch.setattr(sqlite3, "connect", lambda *a, **k: connect(*a, **k, factory=Connection))
        monkeypatch.setattr(reserve.Reserve, "free_bytes", lambda _self: max(0, self.free_bytes))

    @property
    def free_bytes(self) -> int:
        file = self._directory / reserve.FILE
        return self.size_bytes - self.others_bytes - (file.stat().st_size if file.exists() else 0)

    def fill(self) -> None:
        """Others take all that is left."""
        self.others_bytes += max(0, self.free_bytes)

    def clear(self) -> None:
        """Others delete their files."""
        self.others_bytes = 0


def full() -> sqlite3.OperationalError:
    """What SQLite says."""
    error = sqlite3.OperationalError("database or disk is full")
    error.sqlite_errorcode = sqlite3.SQLITE_FULL
    return error


@pytest.fixture
def disk(monkeypatch, tmp_path: Path) -> Disk:
    return Disk(monkeypatch, tmp_path)


@pytest.fixture
def store(disk, tmp_path: Path) -> Iterator[SqliteStore]:
    store = SqliteStore(str(tmp_path))
    store.load()
    store.commit(make.one_of_each)
    yield store
    store.close()


def _end() -> list[r.Record]:
    ended = make.transaction(ended=make.STAMP, meter_stop_wh=2000)
    return [r.PutTransaction(ended), r.Enqueue(make.message("stop", action="StopTransaction"))]


def test_eight_mebibytes_are_put_by(store, tmp_path):
    """Really allocated, not a sparse file (F-FULL)."""
    found = (tmp_path / reserve.FILE).stat()
    assert found.st_size == 8 * MIB
    assert found.st_blocks * 512 >= 8 * MIB


def test_a_running_session_is_closed_on_a_full_disk(store, disk, tmp_path):
    """The commit of its end succeeds with the reserve, and its answer says that the disk is full (F-FULL)."""
    disk.fill()
    assert "the disk is full" in str(store.commit(_end()))
    assert not (tmp_path / reserve.FILE).exists()
    assert [message.message_id for message in store.load().outbox] == ["m1", "stop"]


def test_every_commit_says_so_while_only_the_reserve_is_left(store, disk):
    """Not just the first: whoever asks later must refuse new sessions too (F-FULL)."""
    disk.fill()
    store.commit(_end())
    assert store.commit([]) is not None
    assert store.commit([r.Dequeue("stop")]) is not None


def test_the_reserve_comes_back_with_the_space(store, disk, tmp_path):
    """Without a restart (F-FULL)."""
    disk.fill()
    store.commit(_end())
    disk.clear()
    assert store.commit([]) is None
    assert (tmp_path / reserve.FILE).stat().st_size == 8 * MIB


def test_the_space_of_the_reserve_is_not_taken_for_space_that_came_back(store, disk, tmp_path):
    """Given up, it leaves 8 MiB free; putting it by again at once would take away what it was given up for (F-FULL)."""
    disk.fill()
    store.commit(_end())
    store.close()
    store.commit([r.PutNote("a", "b")])
    store.load()
    assert not (tmp_path / reserve.FILE).exists()


def test_when_the_reserve_is_used_up_too_the_commit_is_refused(store, disk):
    """Nothing is stored by halves, and the directory is named (F-FULL)."""
    disk.fill()
    store.commit(_end())
    disk.fill()
    before = store.load()
    with pytest.raises(StorageError, match="disk is full"):
        store.commit([r.PutSetting("a", "b"), r.Dequeue("m1")])
    assert store.load() == before


def test_a_restart_on_a_full_disk_still_knows(store, disk, tmp_path):
    """The reserve was given up before the restart: the first commit after it says so (F-FULL)."""
    disk.fill()
    store.commit(_end())
    disk.fill()
    store.close()
    anew = SqliteStore(str(tmp_path))
    anew.load()
    disk.size_bytes += 4096
    assert anew.commit([r.PutNote("a", "b")]) is not None
    anew.close()


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[Path]:
    """A real file system of 12 MiB."""
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", str(tmp_path)], capture_output=True, text=True,
                             check=False) if os.geteuid() == 0 else None
    if mounted is None or mounted.returncode != 0:
        pytest.skip(f"cannot mount a tmpfs here: {mounted.stderr.strip() if mounted else 'not root'}")
    yield tmp_path
    subprocess.run(["umount", "-l", str(tmp_path)], check=True)


def _fill_really(directory: Path) -> None:
    with open(directory / "others", "ab", buffering=0) as file:
        for size in (65536, 4096, 512, 1):
            try:
                while True:
                    file.write(bytes(size))
            except OSError:
                continue


def test_a_real_full_file_system(tiny):
    """The same on a tmpfs that is really full: the session is closed, and everything recovers by itself (F-FULL)."""
    store = SqliteStore(str(tiny))
    store.load()
    store.commit(make.one_of_each)
    _fill_really(tiny)
    answers = [store.commit([r.PutNote(f"n{number}", "x" * 3000)]) for number in range(40)]
    assert answers[-1] is not None
    store.commit(_end())
    _fill_really(tiny)
    with pytest.raises(StorageError):
        for number in range(1000):
            store.commit([r.PutNote(f"m{number}", "x" * 3000)])
    (tiny / "others").unlink()
    assert store.commit([]) is None
    durable = store.load()
    assert [message.message_id for message in durable.outbox] == ["m1", "stop"]
    assert store.recovered is None
    store.close()


def test_a_start_on_a_real_full_file_system(tiny):
    """There is not even room for the log: the reserve makes it (F-FULL)."""
    store = SqliteStore(str(tiny))
    store.load()
    store.commit(make.one_of_each)
    store.close()
    _fill_really(tiny)
    store = SqliteStore(str(tiny))
    assert len(store.load().outbox) == 1
    assert store.commit(_end()) is not None
    assert store.recovered is None
    store.close()
